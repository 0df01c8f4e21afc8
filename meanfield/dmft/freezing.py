"""`freezing_curve`: what the Onsager-reaction force makes of chaos, N → ∞ ([HH] Figs. 1–3)."""

from __future__ import annotations

import math
import warnings
from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray
from tqdm import tqdm

from .. import parameters
from ..exponential import StepSizeWarning, complaint, largest_step
from ..provenance import provenance
from ..schedule import Switching
from ..transfer import Array, TransferFunction, transfer_function
from .response_curve import point_seed
from .sampler import SamplerError
from .sampler.batch import Batch, Task, are_alike
from .sampler.ensemble import combine, plan
from .sampler.site import rate_model
from .sampler.sweep import Setting, time_grid
from .two_time.sampled import sample
from .two_time.solver import BIASES

_CURVES = {
    "energy": "kinetic energy per neuron <f^2>/2",
    "C": "mean square activity <phi(t)^2>",
    "overlap": "overlap C(t,t_s)/sqrt(C(t,t) C(t_s,t_s)) with the state at the switch",
    "displacement": "freezing measure <(phi(t) - phi(t_s))^2> from the switch on",
    "freezing": "freezing measure <(phi(t) - phi(t'))^2>, t' halfway since the switch",
    "local_exponent": "-d ln E/d ln(t - t_s) over the factor 2 in time up to t",
}
_FINAL = {
    "final_overlap": ("overlap", "overlap with the state at the switch at the last time"),
    "decay_exponent": ("local_exponent", "-d ln E/d ln(t - t_s) over the last factor 2 in time"),
}
_NUMBERS = {
    "step": "longest step after the switch",
    "stiffness": "largest rate of the symmetric part of -dF/dx met after the switch",
    "rank": "largest number of revealed directions of a batch",
}
_PARTS = {"": "", "_err": ", error", "_bias": ", bias"}
# Saved times are T·k/8 · 2^−p, k = 5 … 8: with t, half of it is saved too.
_EIGHTHS = (5, 6, 7, 8)
_FIRST = 0.02
# Share of the largest stable step that is used, and the step of the chaotic run, in units of 1/g.
_SAFETY = 0.9
_CHAOS_STEP, _LONGEST = 0.2, 0.1
# An exponent this many errors above zero is a decay.
_DECAYS = 3.0


class _Times(NamedTuple):
    """Times since the switch, 0 first, and the place of the half of each (−1: not saved)."""

    t: Array
    half: NDArray[np.intp]


def freezing_curve(
    g: ArrayLike,
    onsager: ArrayLike,
    *,
    gamma: float = 0.0,
    t_chaos: float = 40.0,
    t_frozen: float = 20.0,
    dt: float | None = None,
    x0_std: float = 1.0,
    phi: str | TransferFunction = "tanh",
    n_trajectories: int = 32_000,
    batches: int = 8,
    bias: str = "report",
    seed: int | None = None,
    tol: float = 1e-3,
    workers: int | None = None,
    progress: bool = False,
) -> xr.Dataset:
    """Chaos, and what becomes of it once the Onsager-reaction force is on, as N → ∞.

    Vanilla dynamics from x(0) ~ N(0, `x0_std`²) for a time `t_chaos`, then the force with factor κ
    for `t_frozen`: the theory of [HH] Figs. 1 to 3, by the causal sampler of `two_time`.

    Parameters
    ----------
    g, onsager : array_like
        Strictly increasing one-dimensional axes, or scalars: gains, and factors κ.
    gamma : float
        Coupling symmetry γ in [−1, 1].
    t_chaos : float
        Time before the switch, at least 0; 0 is a flow from the normal initial state.  The energy
        of chaos exceeds the stationary one (γ = 0) after 20 and 40 by 38 % and 10 % at g = 1.5, 7 %
        and 1 % at g = 2, 0.6 % and 0 at g = 4.
    t_frozen : float
        Time after it.
    dt : float, optional
        Step, before and after the switch.  Default: min(0.1, 0.2/g) before it, and after it at most
        0.9 times the largest stable one at the rate |κ|(1 + 2g)² + |1 − κ|(1 + 2g) of the Notes.
    x0_std : float
        At least 0.
    phi : str or TransferFunction
    n_trajectories, batches : int
        Trajectories of all batches together, and independent batches, the unit of the errors.
    bias : {"report", "extrapolate", "ignore"}
        What to do about batches of finite size M: measure the difference from M → ∞ on batches of
        M/4, measure and subtract it, or nothing.
    seed : int, optional
        Every g draws from `point_seed` (seed, g, γ), whatever the other points and `workers`; all
        κ of one g share the chaotic run.  None takes a seed from the operating system, to be read
        from the attributes.
    tol : float
        Share of a state below which a new direction of the couplings is not revealed, as in
        `two_time`.
    workers : int, optional
        Threads, default 1: the steps are short, and more threads seldom pay.
    progress : bool
        Show a progress bar on a terminal.

    Returns
    -------
    xarray.Dataset
        Dimensions ``g``, ``onsager`` and ``t``, the time since the switch: 0, then four times per
        factor 2 up to `t_frozen`.  Along all three `energy`, `C` = ⟨φ(t)²⟩, `overlap` and
        `displacement` between t and the switch, `freezing` between t and t/2, and
        `local_exponent` of E between t/2 and t.  Along ``g`` and ``onsager`` `final_overlap`;
        `decay_exponent`, nan where E does not decay by more than 3 errors; `step`, `stiffness`,
        `rank`; and `status`: "ok", "unstable step", "few trajectories" where a batch had no room
        for matched innovations (at about M = 4 `rank`), or why there are no numbers.  Everything
        measured has ``_err`` and ``_bias``, nan where only the batches of M/4 had no room.  Ratios
        and exponents are formed in each batch: their errors are the scatter over batches like all
        others, and contain all correlations.

    Raises
    ------
    ArgumentError
        If an axis is not increasing or an argument is outside its range.

    Warns
    -----
    StepSizeWarning
        If the step is longer than the scheme follows stably at the stiffness met; such a point has
        the status "unstable step".

    Notes
    -----
    With A = −1 + J diag(φ′), −∂F/∂x = κAᵀA − (1 − κ)A + κ diag(φ″ ∘ Jᵀf).  As N → ∞, ‖J‖ = 2g for
    every γ, so that the first two terms stay below the rate given for `dt` (with g times the slope
    of φ for g); the last vanishes with f and lowers the rate of active neurons before.

    Energies below about (g `tol`)² are not resolved.  The difference of finite batches from M → ∞
    grows with time and g: see `bias`, or take more trajectories in fewer batches.

    Examples
    --------
    >>> from meanfield import freezing_curve
    >>> curve = freezing_curve(1.5, [0.0, 1.0], t_chaos=5, t_frozen=4, n_trajectories=2048,
    ...     batches=2, seed=0)
    >>> curve.energy.dims
    ('g', 'onsager', 't')
    >>> bool((curve.final_overlap.diff("onsager") > 0).all())
    True
    """
    gains, factors = parameters.axis("g", g), parameters.axis("onsager", onsager)
    parameters.gain(gains)
    for factor in factors:
        parameters.finite("onsager", factor)
    gamma = parameters.within("gamma", gamma, -1, 1)
    t_chaos = parameters.nonnegative("t_chaos", t_chaos)
    t_frozen = parameters.positive("t_frozen", t_frozen)
    if dt is not None:
        dt = parameters.positive("dt", dt)
    x0_std = parameters.nonnegative("x0_std", x0_std)
    transfer = transfer_function(phi)
    batches, size, entropy = plan(n_trajectories, batches, seed, workers)
    parameters.one_of("bias", bias, BIASES)
    tol = parameters.nonnegative("tol", tol)

    times = _times(t_frozen)
    shape = (gains.size, factors.size)
    curves = {
        name + part: np.full((*shape, times.t.size), np.nan) for name in _CURVES for part in _PARTS
    }
    numbers = {name: np.full(shape, np.nan) for name in _NUMBERS}
    status = np.full(shape, "", dtype=object)
    long_steps = []
    with tqdm(list(np.ndindex(shape)), unit="point", disable=None if progress else True) as points:
        for index in points:
            gain, factor = float(gains[index[0]]), float(factors[index[1]])
            points.set_postfix_str(f"g = {gain:g}, kappa = {factor:g}")
            before, after = (dt, dt) if dt else _steps(transfer.slope * gain, factor)
            setting = _setting(
                transfer, gain, gamma, factor, x0_std, t_chaos, times.t, (before, after), tol
            )
            try:
                full, small = sample(
                    setting,
                    Task(_saves(setting, times.t), False, 0, False, True, batches),
                    size,
                    point_seed(entropy, gain, gamma),
                    control=bias != "ignore",
                    is_gradient_flow=lambda t: False,
                    workers=workers,
                    progress=False,
                )
            except SamplerError as error:
                status[index] = str(error)
                continue
            for name, estimate in _estimates(full, small, times, bias == "extrapolate").items():
                curves[name][index] = estimate
            met = [b.stiffness for b in full if not math.isnan(b.stiffness)]
            step = float(np.max(np.diff(setting.grid[setting.grid >= t_chaos])))
            stiffness = max(met, default=math.nan)
            numbers["step"][index], numbers["stiffness"][index] = step, stiffness
            numbers["rank"][index] = max(b.rank for b in full)
            status[index] = "few trajectories" if any(b.crowded for b in full) else "ok"
            if text := complaint(step, stiffness):
                status[index] = "unstable step"
                long_steps.append(f"g = {gain:g}, kappa = {factor:g}: {text}")
    for text in long_steps:
        warnings.warn(text, StepSizeWarning, stacklevel=2)
    facts: dict[str, Any] = {
        "gamma": gamma,
        "phi": transfer.name,
        "t_chaos": t_chaos,
        "t_frozen": t_frozen,
        "dt": "chosen" if dt is None else dt,
        "x0_std": x0_std,
        "seed": str(entropy),
        "n_trajectories": size * batches,
        "batches": batches,
        "bias": bias,
        "tol": tol,
    }
    return _dataset(gains, factors, times.t, curves, numbers, status, facts)


def _times(total: float) -> _Times:
    octaves = max(1, math.ceil(math.log2(total / _FIRST)))
    t = [total * k / 8 * 2.0**-p for p in range(octaves - 1, -1, -1) for k in _EIGHTHS]
    # The half of the first eight eighths.
    t = [0.0, total * 2.0**-octaves, *t]
    half = np.full(len(t), -1, dtype=np.intp)
    # Powers of two are exact: halves are found by equality.
    place = {value: k for k, value in enumerate(t)}
    for k, value in enumerate(t[1:], start=1):
        half[k] = place.get(value / 2, -1)
    return _Times(np.array(t), half)


def _steps(gain: float, onsager: float) -> tuple[float, float]:
    """Safe steps before and after the switch; `gain` includes the slope of φ."""
    chaos = min(_LONGEST, _CHAOS_STEP / gain)
    reach = 1 + 2 * gain
    rate = abs(onsager) * reach**2 + abs(1 - onsager) * reach
    # Without the force only the leak is stiff.
    return chaos, min(chaos, _SAFETY * largest_step(rate)) if onsager else chaos


def _setting(
    phi: TransferFunction,
    g: float,
    gamma: float,
    onsager: float,
    x0_std: float,
    t_chaos: float,
    times: Array,
    steps: tuple[float, float],
    tol: float,
) -> Setting:
    """All saved times are ends of segments: early ones get short steps, where E falls fast."""
    after = (t_chaos + times).tolist()
    model = rate_model(phi, Switching([t_chaos], [0.0, onsager]) if t_chaos else onsager)
    grid, marks = time_grid(after, steps[1]), after
    if t_chaos:
        grid = np.concatenate([time_grid([0.0, t_chaos], steps[0]), grid[1:]])
        marks = [0.0, *after]
    return Setting(model, g, gamma, lambda t: 0.0, x0_std, marks, grid, "matched", tol=tol)


def _saves(setting: Setting, times: Array) -> NDArray[np.intp]:
    return np.flatnonzero(np.isin(setting.grid, setting.times))[-times.size :]


def _estimates(
    full: list[Batch], small: list[Batch], times: _Times, extrapolate: bool
) -> dict[str, Array]:
    """Values, errors and biases of all curves."""
    if not are_alike(full, small):
        small = []
    many, few = ([_measures(b.values, times) for b in group] for group in (full, small))
    found = {}
    for name in _CURVES:
        estimate = combine([m[name] for m in many], [m[name] for m in few], extrapolate)
        for part, values in zip(_PARTS, estimate, strict=True):
            found[name + part] = values
    return found


def _measures(values: dict[str, Array], times: _Times) -> dict[str, Array]:
    """The curves of one batch."""
    energy, C, freezing = values["energy"], values["C"], values["freezing"]
    rows, same = np.arange(energy.size), np.diagonal(C)
    known = times.half >= 0
    with np.errstate(divide="ignore", invalid="ignore"):
        overlap = C[:, 0] / np.sqrt(same * same[0])
        exponent = -np.log2(energy / energy[times.half])
    return {
        "energy": energy,
        "C": same,
        "overlap": overlap,
        "displacement": freezing[:, 0],
        "freezing": np.where(known, freezing[rows, times.half], np.nan),
        "local_exponent": np.where(known, exponent, np.nan),
    }


def _dataset(
    g: Array,
    onsager: Array,
    times: Array,
    curves: dict[str, Array],
    numbers: dict[str, Array],
    status: NDArray[np.object_],
    facts: dict[str, Any],
) -> xr.Dataset:
    axes = ("g", "onsager")
    variables: dict[str, Any] = {}
    for name, text in _CURVES.items():
        for part, more in _PARTS.items():
            label = {"long_name": text + more, "units": "1"}
            variables[name + part] = ((*axes, "t"), curves[name + part], label)
    for name, (curve, text) in _FINAL.items():
        last = {part: curves[curve + part][..., -1] for part in _PARTS}
        if name == "decay_exponent":
            decays = last[""] > _DECAYS * last["_err"]
            last = {part: np.where(decays, values, np.nan) for part, values in last.items()}
        for part, more in _PARTS.items():
            variables[name + part] = (axes, last[part], {"long_name": text + more, "units": "1"})
    variables |= {name: (axes, numbers[name], {"long_name": _NUMBERS[name]}) for name in _NUMBERS}
    variables["status"] = (axes, status.astype(str), {"long_name": "whether the run may be used"})
    coords = {
        "g": ("g", g, {"long_name": "gain", "units": "1"}),
        "onsager": ("onsager", onsager, {"long_name": "factor of the Onsager-reaction force"}),
        "t": ("t", times, {"long_name": "time since the switch", "units": "time constant"}),
    }
    return xr.Dataset(variables, coords, attrs={**facts, **provenance()})
