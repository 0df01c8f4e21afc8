"""Correlation, response and energy at one gain and symmetry: in time, or in the steady state."""

from __future__ import annotations

import inspect
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from ..common import arguments, style
from ..common.arguments import ArgumentError
from ..common.options import as_text
from ..common.result import CONVERGED
from ..common.study import Part, Study, told
from ..dmft.steady_state import steady_state
from ..dmft.two_time import two_time
from ..schedule import Schedule, as_function

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_T_MAX, _DT = 10.0, 0.05
# Two-time functions are matrices of the saved times; this many make a file of a few MB.
_SAVED = 200
_STEADY = ("energy", "q", "delta0", "r_int", "tau_half")
# E is drawn on a logarithmic axis where it falls by this factor.
_DECAY = 5.0
_CURVES = 4
# Below it an error says nothing in the title.
_EXACT = 5e-5


def dynamics(
    *,
    g: float = 1.5,
    gamma: float = 0.0,
    steady: bool = False,
    onsager: Schedule = 0.0,
    temperature: Schedule = 0.0,
    x0_mean: float = 0.0,
    x0_std: float = 1.0,
    bias_mean: float = 0.0,
    bias_std: float = 0.0,
    mean_coupling: float = 0.0,
    t_max: float | None = None,
    t_skip: float | None = None,
    dt: float | None = None,
    window: float | None = None,
    save_step: float | None = None,
    lag_step: float | None = None,
    response: bool = False,
    method: str = "auto",
    finite_m: str = "report",
    n_trajectories: int | None = None,
    batches: int = 8,
    phi: str = "tanh",
    seed: int | None = None,
    workers: int | None = None,
    executor: Any = None,
    progress: bool = False,
) -> xr.Dataset:
    """`two_time` or `steady_state`, with a summary along ``quantity``.

    Parameters
    ----------
    steady : bool
        The steady state instead of the way there.
    onsager : float or Switching
        κ: a number, or VALUE,VALUE@TIME,...: 0,1@20 switches the gradient flow on at 20.  Not with
        --steady.
    temperature : float or Switching
        T of white noise, written like κ; with --steady one number.
    x0_mean : float
        Mean of x(0).
    bias_std : float
        Standard deviation σ_b of the quenched biases.
    t_max : float
        Duration.  [default: 10, with --steady 260]
    t_skip : float
        Time that is not averaged; only with --steady.  [default: 60]
    dt : float
        Step.  [default: 0.05, with --steady 0.1]
    window : float
        Time after which the past is forgotten.  [default: inf, with --steady 60]
    save_step : float
        Time between saved points; not with --steady.  [default: 200 points]
    lag_step : float
        Spacing of the lags τ; only with --steady.  [default: 0.2]
    response : bool
        Compute R(t, s) too; slow.  Not with --steady, which does.
    method : {"auto", "closed", "exact", "sampler"}
        Deterministic where possible, or always the sampler; "closed" insists on a deterministic
        run, "exact" on a deterministic steady state.
    finite_m : {"report", "extrapolate", "ignore"}
        What to do about finite batches.  Not with --steady, which extrapolates.
    n_trajectories : int
        Trajectories of the sampler, all batches together.  [default: 32000, with --steady 20000]
    """
    how: dict[str, Any] = {
        "t_max": t_max, "dt": dt, "window": window, "t_skip": t_skip, "lag_step": lag_step,
        "n_trajectories": n_trajectories, "batches": batches, "phi": phi, "method": method,
        "seed": seed, "workers": workers, "executor": executor, "progress": progress,
        "x0_mean": x0_mean, "x0_std": x0_std, "bias_mean": bias_mean, "bias_std": bias_std,
        "mean_coupling": mean_coupling,
    }  # fmt: skip
    how = {name: value for name, value in how.items() if value is not None}
    if steady:
        _refuse("does not go with --steady", onsager=onsager, save_step=save_step,
                response=response, finite_m=finite_m)  # fmt: skip
        if callable(temperature):
            raise ArgumentError("--steady needs one --temperature, not a schedule")
        if method == "closed":
            raise ArgumentError("method='closed': with --steady it is called exact")
        state = steady_state(g, gamma, temperature=temperature, **how)
        data = state.to_dataset()
        summary = {name: [getattr(state, name), getattr(state, f"{name}_err")] for name in _STEADY}
        return _summarised(data, summary, state.status, state.method)
    _refuse("needs --steady", t_skip=t_skip, lag_step=lag_step)
    if method == "exact":
        raise ArgumentError("method='exact': without --steady it is called closed")
    end, step = how.setdefault("t_max", _T_MAX), how.setdefault("dt", _DT)
    if step > end:
        raise ArgumentError(f"dt={step:g}: longer than t_max={end:g}")
    run = two_time(
        g, gamma, onsager=onsager, temperature=temperature, response=response,
        save_every=_stride(save_step, end, step), finite_m=finite_m, **how,
    )  # fmt: skip
    data = run.to_dataset()
    for name, schedule, text in (
        ("onsager", onsager, "factor of the Onsager-reaction force"),
        ("temperature", temperature, "temperature of the white noise"),
    ):
        values = [as_function(name, schedule)(float(t)) for t in data.t.values]
        data[name] = told("t", values, text, units="1")
    last = (("energy", "energy", -1), ("C(t,t)", "C", (-1, -1)), ("C(t,0)", "C", (-1, 0)),
            ("r_int", "r_int", -1))  # fmt: skip
    summary = {
        label: [data[name + part].values[place] for part in ("", "_err", "_finite_m", "_step")]
        for label, name, place in last
    }
    return _summarised(data, summary, run.status, run.method)


def _refuse(why: str, **given: Any) -> None:
    usual = inspect.signature(dynamics).parameters
    for name, value in given.items():
        if value != usual[name].default:
            option = "--" + name.replace("_", "-")
            raise ArgumentError(f"{option} {why}, got {name}={as_text(value)}")


def _stride(every: float | None, t_max: float, dt: float) -> int:
    """Steps between saved points; nonsense is left to the checks of `two_time`."""
    if every is not None:
        every = arguments.positive("save_step", every)
    steps = (t_max / _SAVED if every is None else every) / dt if dt > 0 else 1.0
    if not math.isfinite(steps):
        return 1
    steps = min(steps, 2.0**50)
    # By default no more points than promised, on request the nearest spacing.
    return max(1, math.ceil(steps - 1e-9) if every is None else round(steps))


def _summarised(
    data: xr.Dataset, summary: dict[str, list[Any]], status: str, method: str
) -> xr.Dataset:
    """The dataset with value, error and finite-M effect of each quantity, and how it was solved."""
    texts = {"value": "at the end, or of the steady state", "value_err": "its error",
             "value_finite_m": "effect of finite batches, in it unless extrapolated",
             "value_step": "effect of the step, in it"}  # fmt: skip
    variables: dict[str, Any] = {
        name: told("quantity", column, text)
        for (name, text), column in zip(
            texts.items(), zip(*summary.values(), strict=True), strict=False
        )
    }
    variables["status"] = told((), status, "whether the numbers may be used")
    variables["solver"] = told((), method, "how they were found")
    return data.assign_coords(quantity=list(summary)).assign(variables)


def draw(data: xr.Dataset) -> Figure:
    """C(t, t′), E(t), C(t, t) and C(t, 0), R; or C(τ) and R(τ) of the steady state."""
    return _draw_steady(data) if "tau" in data.dims else _draw_two_time(data)


def _title(data: xr.Dataset) -> str:
    facts = data.attrs
    return rf"$g = {facts['g']:g}$, $\gamma = {facts['gamma']:g}$, {data.solver.item()}"


def _draw_two_time(data: xr.Dataset) -> Figure:
    """Where κ > 0 is shaded."""
    figure, ((plane, energy), (equal, response)) = style.panels(2, 2, height=4.9)
    time, C, error = data.t.values, data.C.values, data.C_err.values
    image = plane.pcolormesh(time, time, C, shading="nearest", rasterized=True)
    figure.colorbar(image, ax=plane, label=r"$C(t, t')$")
    plane.set(aspect="equal", xlabel=r"time $t'$", ylabel=r"time $t$")
    plane.set_title(_title(data))
    _draw_energy(energy, data)
    same = np.diagonal(C), np.diagonal(error)
    style.band(equal, time, *same, style.MAIN, label=r"$C(t, t)$")
    style.band(equal, time, C[:, 0], error[:, 0], style.SECOND, label=r"$C(t, 0)$")
    equal.axhline(0, color="0.8", lw=0.8, zorder=0)
    equal.set_ylabel(r"correlation $C$")
    equal.legend()
    if "R" in data:
        _draw_response(response, data)
    else:
        style.band(response, time, data.r_int, data.r_int_err, style.MAIN)
        response.set_ylabel(r"integrated response $R_{\mathrm{int}}(t)$")
    forced = data.onsager.values > 0
    if forced.any():
        energy.set_title(r"shaded: $\kappa > 0$")
    for axis in (energy, equal, response):
        axis.set(xlabel=r"time $t$", xlim=(time[0], time[-1]))
        axis.fill_between(
            time, 0, 1, where=forced, step="post", transform=axis.get_xaxis_transform(),
            color=style.SECOND, alpha=0.12, lw=0, zorder=0,
        )  # fmt: skip
    _alarm(figure, data)
    return figure


def _alarm(figure: Figure, data: xr.Dataset) -> None:
    if data.status.item() != CONVERGED:
        text = f"{data.status.item()}: {data.attrs['reason']}"
        figure.suptitle(text, color=style.ALARM, wrap=True)


def _draw_energy(axis: Axes, data: xr.Dataset) -> None:
    values, error = data.energy.values, data.energy_err.values
    style.band(axis, data.t, values, error, style.MAIN)
    axis.set_ylabel(r"energy per neuron $E(t)/N$")
    if values.min() > 0 and values.max() > _DECAY * values[-1]:
        axis.set_yscale("log")
        # A band that reaches below zero would stretch the axis.
        axis.set_ylim(values.min() / 2, (values + error).max() * 1.5)


def _draw_response(axis: Axes, data: xr.Dataset) -> None:
    time = data.t.values
    pulses = np.unique(np.linspace(0, 0.75 * (time.size - 1), _CURVES).astype(int))
    for number, column in enumerate(pulses):
        part = data.isel(t=slice(column + 1, None), t_other=column)
        colour, label = style.shade(number, pulses.size), rf"$s = {time[column]:.3g}$"
        style.band(axis, part.t, part.R, part.R_err, colour, label=label)
    axis.axhline(0, color="0.8", lw=0.8, zorder=0)
    axis.set_ylabel(r"response $R(t, s)$")
    axis.legend()


def _draw_steady(data: xr.Dataset) -> Figure:
    figure, (left, right) = style.panels(1, 2, height=2.8)
    lag = data.tau.values
    for name, symbol, variance, size, colour, dashes in (
        ("delta", r"\Delta", r"\Delta_0", data.delta0, style.SECOND, "-"),
        ("C", "C", "q", data.q, style.MAIN, "--"),
    ):
        start = float(data[name][0])
        if start > 0:
            style.band(
                left, lag, data[name] / start, data[f"{name}_err"] / start, colour, ls=dashes,
                label=rf"${symbol}(\tau)/{symbol}(0)$, ${variance} = {float(size):.4g}$",
            )  # fmt: skip
    left.axhline(0, color="0.8", lw=0.8, zorder=0)
    left.set_ylabel("correlation, normalised")
    if float(data.delta[0]) > 0:
        left.legend()
    else:
        left.text(0.5, 0.5, r"at rest: $C = \Delta = 0$", transform=left.transAxes, ha="center")
        left.set_yticks([])
    style.band(right, lag, data.R, data.R_err, style.MAIN)
    right.axhline(0, color="0.8", lw=0.8, zorder=0)
    right.set_ylabel(r"response $R(\tau)$")
    error = float(data.r_int_err)
    text = rf" \pm {error:.1g}" if error > _EXACT else ""
    right.set_title(rf"$R_{{\mathrm{{int}}}} = {float(data.r_int):.4f}{text}$")
    # R is over long before the window is: show where it is visible.
    visible = np.flatnonzero(np.abs(data.R.values) > 0.01 * abs(float(data.R[0])))
    right.set_xlim(0, max(5.0, 1.2 * float(lag[visible[-1]])) if visible.size else None)
    right.set_xlabel(r"lag $\tau$")
    left.set(xlabel=r"lag $\tau$", xlim=(0, float(lag[-1])))
    left.set_title(_title(data))
    _alarm(figure, data)
    return figure


DMFT = Study(
    name="dmft",
    source="[HH], N → ∞",
    title="C, R and energy at one (g, γ), in time or in the steady state",
    parts=(Part(dynamics, whole=True),),
    draw=draw,
    text="""
Dynamical mean-field theory at one gain and symmetry. In time: C(t,t′), the energy, and the response
R(t,s) or its integral from normal initial states on, also while the Onsager-reaction force is
switched (shaded where κ > 0). In the steady state, with --steady: C(τ), Δ(τ) and R(τ) of the
stationary vanilla dynamics. Bands are standard errors over batches of trajectories, or the error of
a deterministic solution.""",
    columns=("value", "value_finite_m", "status", "solver"),
    command="python -m meanfield dmft",
)
