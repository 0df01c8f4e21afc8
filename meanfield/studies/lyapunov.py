"""Maximal Lyapunov exponents against the gain, as N → ∞."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..common import arguments, style
from ..common.arguments import ArgumentError, Array
from ..common.study import Part, Study, told
from ..common.sweep import sweep
from ..dmft.lyapunov import maximal_lyapunov
from ..dmft.stationary.solver import stationary
from ..elliptic import critical_gain
from ..transfer import transfer_function

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.figure import Figure

_NUMBERS = {
    "lyapunov": "maximal Lyapunov exponent",
    "lyapunov_err": "standard error, or error bound of a deterministic point",
    "lyapunov_finite_m": "effect of finite batches, subtracted",
    "lyapunov_step": "effect of the step, in the exponent and its error",
    "drift": "growth rate in the second half of the average minus that in the first",
    "drift_err": "error of the drift",
}
_OFFSETS = ("bias_mean", "bias_std", "mean_coupling")
_MODEL = ("onsager", "temperature", *_OFFSETS, "phi")
_LINE = 61


def exponents(
    g: ArrayLike,
    gamma: ArrayLike,
    *,
    onsager: float = 0.0,
    temperature: float = 0.0,
    bias_mean: float = 0.0,
    bias_std: float = 0.0,
    mean_coupling: float = 0.0,
    t_max: float = 260.0,
    t_skip: float = 60.0,
    dt: float = 0.1,
    window: float | None = None,
    n_trajectories: int = 32_000,
    batches: int = 8,
    phi: str = "tanh",
    seed: int | None = None,
    workers: int | None = None,
    executor: Any = None,
    store: str | Path | None = None,
    progress: bool = False,
) -> xr.Dataset:
    """Exponents on a grid: closed where the theory is, sampled by `maximal_lyapunov` elsewhere.

    Parameters
    ----------
    bias_std : float
        Standard deviation σ_b of the quenched biases.
    t_max : float
        Duration of a sampled run.
    dt : float
        Step; with onsager 1 below about 0.2/g².
    window : float
        Time after which the past is forgotten; gradient flows may need inf.  Default: 30, and inf
        with Onsager-reaction force or noise.
    """
    arguments.gain(g), arguments.symmetry(gamma)
    offsets: dict[str, Any] = {
        "bias_mean": bias_mean, "bias_std": bias_std, "mean_coupling": mean_coupling
    }  # fmt: skip
    data = sweep(
        _exponent, {"gamma": gamma, "g": g}, seed=seed, workers=workers, executor=executor,
        store=store, progress=progress, throw=ArgumentError, label="lyapunov", onsager=onsager,
        temperature=temperature, phi=phi, t_max=t_max, t_skip=t_skip, dt=dt, window=window,
        n_trajectories=n_trajectories, batches=batches, **offsets,
    )  # fmt: skip
    lines = [_onset(float(one), phi, **offsets) for one in data.gamma.values]
    text = "gain at which the static state turns unstable; of a phi(0) = 0 without bias 1/(1+gamma)"
    return data.assign(critical_gain=told("gamma", lines, text, units="1"))


def _onset(gamma: float, phi: str, *, mean_coupling: float, **biases: float) -> float:
    """Where the static state turns unstable; nan where that is not known."""
    if mean_coupling:
        return math.nan
    try:
        return float(critical_gain(gamma, phi=phi, **biases))
    except ArgumentError:
        return math.nan


def _exponent(
    g: float,
    gamma: float,
    *,
    onsager: float,
    temperature: float,
    bias_mean: float,
    bias_std: float,
    mean_coupling: float,
    phi: str,
    seed: int,
    **how: Any,
) -> dict[str, Any]:
    model: dict[str, Any] = {
        "onsager": onsager, "temperature": temperature, "bias_mean": bias_mean,
        "bias_std": bias_std, "mean_coupling": mean_coupling, "phi": phi,
    }  # fmt: skip
    rates: dict[str, Any] = dict.fromkeys(_NUMBERS, 0.0)
    reason, window = "", math.nan
    value, err, method = (one.item() for one in _closed(np.array([g]), gamma, **model))
    if method:
        rates["lyapunov"], rates["lyapunov_err"] = value, err
    else:
        method = "sampler"
        run = maximal_lyapunov(g, gamma, seed=seed, **model, **how)
        rates = {
            "drift": run.drift,
            "drift_err": run.drift_err,
            "lyapunov_finite_m": run.value_finite_m,
            "lyapunov_step": run.value_step,
        }
        rates |= {"lyapunov": run.value, "lyapunov_err": run.value_err}
        reason, window = run.reason, run.attributes["window"]
    rate = {"units": "1/time constant"}
    return {
        **{name: told((), rates[name], text, **rate) for name, text in _NUMBERS.items()},
        "window_used": told((), window, "time after which the past was forgotten"),
        "method": told((), method, "closed (null, stationary) or sampler"),
        "reason": told((), reason, "why there is no value, or it has not converged"),
    }


def _closed(
    g: Array,
    gamma: float,
    *,
    onsager: float,
    temperature: float,
    phi: str,
    throw: bool = True,
    **offsets: float,
) -> tuple[Array, Array, NDArray[np.str_]]:
    """Exponents, errors and methods at these gains where the theory is closed; else nan and ""."""
    function = transfer_function(phi)
    temperature = arguments.nonnegative("temperature", temperature)
    (value, err), method = np.full((2, g.size), np.nan), np.full(g.size, "", "U10")
    load = g * function.slope * (1 + gamma)
    rests = np.full(g.size, function.is_odd and onsager == temperature == 0) & (load <= 1)
    if not any(offsets.values()):
        # The rightmost eigenvalue of −1 + J, elliptic law.
        value[rests], err[rests], method[rests] = load[rests] - 1, 0.0, "null"
    left = method == ""
    if onsager == gamma == 0 and left.any():
        how: dict[str, Any] = {"phi": phi, "n_tau": 2, "throw": throw, **offsets}
        point = stationary(g[left], sigma=math.sqrt(2 * temperature), **how)
        # The sampled one is of all perturbations, those of the mean with them.
        value[left] = np.fmax(point.lyapunov, point.mean_growth)
        scale = np.maximum(np.abs(value[left]), point.decay_rate**2)
        err[left], method[left] = point.relative_error * scale, "stationary"
    return value, err, method


def closed_line(data: xr.Dataset, gamma: ArrayLike, **model: Any) -> xr.Dataset:
    """`lyapunov_line` on gains fine enough to draw, nan where only sampling knows it."""
    symmetries = np.atleast_1d(gamma)
    offsets = {name: value for name, value in model.items() if name in _OFFSETS}
    onsets = [_onset(one, model["phi"], **offsets) for one in symmetries]
    low, high = float(data.g.min()), float(data.g.max())
    wanted = [*np.linspace(low, high, _LINE), *data.g.values, *onsets]
    gains = np.unique([g for g in wanted if low <= g <= high])
    found = [_closed(gains, one, **model, throw=False)[0] for one in symmetries]
    text = "maximal Lyapunov exponent as N → ∞, where the theory is closed"
    told_line = told(("gamma_line", "g_line"), found, text, units="1/time constant")
    return data.assign_coords(g_line=gains, gamma_line=symmetries).assign(lyapunov_line=told_line)


def with_line(data: xr.Dataset) -> xr.Dataset:
    """Its `closed_line`."""
    return closed_line(data, data.gamma.values, **{name: data.attrs[name] for name in _MODEL})


def draw(data: xr.Dataset) -> Figure:
    """λ against g, one colour a γ: a line where it is closed; the critical gains (dotted)."""
    figure, axis = style.panels(height=2.7)
    for index, gamma in enumerate(data.gamma.values):
        part, colour = data.sel(gamma=gamma), style.shade(index, data.sizes["gamma"])
        axis.plot(data.g_line, data.lyapunov_line.sel(gamma_line=gamma), color=colour)
        axis.errorbar(
            data.g, part.lyapunov, part.lyapunov_err, color=colour, ls="",
            marker=style.MARKERS[index % 5], label=rf"$\gamma = {gamma:g}$",
        )  # fmt: skip
    style.marks(axis, data.critical_gain, data.g, r"$g_c$")
    axis.axhline(0, color="0.6", lw=0.6)
    methods = ", ".join(name for name in np.unique(data.method.values) if name)
    axis.set(
        xlabel=r"gain $g$", ylabel=r"maximal Lyapunov exponent $\lambda$",
        title=rf"$N \to \infty$, $\kappa = {data.attrs['onsager']:g}$; {methods}",
    )  # fmt: skip
    axis.legend()
    return figure


LYAPUNOV = Study(
    name="lyapunov",
    source="[HH] Fig. 2b, N → ∞",
    title="maximal Lyapunov exponents against the gain, without drawing a network",
    parts=(Part(exponents, ("g", "gamma"), whole=True),),
    draw=draw,
    text="""
Maximal Lyapunov exponent λ against the gain as N → ∞; dotted the critical gains, beyond which the
static state is unstable: g(1+γ) = 1 for an odd φ of slope 1 without biases. Without
Onsager-reaction force λ is deterministic (lines) at rest (method null) and at γ = 0 (stationary);
elsewhere it is sampled, a minute a point by default, and its error is the standard error over
batches. A growth rate that still drifts is flagged.""",
    axes={"g": np.round(np.linspace(0.8, 3, 12), 12).tolist(), "gamma": (0.0,)},
    derive=with_line,
    columns=("lyapunov", "drift", "method", "status", "reason"),
    command="python -m meanfield lyapunov",
)
