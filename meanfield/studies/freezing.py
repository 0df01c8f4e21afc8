"""[HH] Figs. 1–3 as N → ∞: what the Onsager-reaction force makes of chaos."""

from __future__ import annotations

import math
import textwrap
import warnings
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..common import arguments, seeds, style
from ..common.arguments import ArgumentError, Array, validated
from ..common.result import CONVERGED, given
from ..common.study import Part, Study, told
from ..common.sweep import sweep
from ..dmft.sampler.ensemble import PARTS, BatchAverages, Ensemble, largest
from ..dmft.sampler.run import SamplerSetting, step_reason
from ..dmft.sampler.site import rate_model
from ..dmft.sampler.steps import Sampled
from ..dmft.two_time import FINITE_M, TwoTimeTask, sample
from ..exponential import amplification
from ..schedule import Switching, step_times
from ..stability import StepSizeWarning, largest_step
from ..transfer import TransferFunction, transfer_function

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_CURVES = {
    "energy": "kinetic energy per neuron <f^2>/2",
    "C": "mean square activity <phi(t)^2>",
    "overlap": "overlap C(t,t_s)/sqrt(C(t,t) C(t_s,t_s)) with the state at the switch",
    "displacement": "freezing measure <(phi(t) - phi(t_s))^2> from the switch on",
    "freezing": "freezing measure <(phi(t) - phi(t'))^2>, t' halfway since the switch",
    "local_exponent": "-d ln E/d ln(t - t_s) over the factor 2 in time up to t",
}
_FINAL = {
    "final_energy": ("energy", "kinetic energy per neuron <f^2>/2 at the last time"),
    "final_overlap": ("overlap", "overlap with the state at the switch at the last time"),
    "decay_exponent": ("local_exponent", "-d ln E/d ln(t - t_s) over the last factor 2 in time"),
}
_PARTS = dict(
    zip(
        PARTS,
        ("", ", error", ", effect of finite batches", ", effect of the step", ", error of that"),
        strict=True,
    )
)
_FEW = "few trajectories: a batch had no room for matched innovations; raise n_trajectories"
# Saved times are T·k/8 · 2^−p, k = 5 … 8: with t, half of it is saved too, four places before.
_EIGHTHS = (5, 6, 7, 8)
_FIRST = 0.02
# Share of the largest stable step that is used, and the step of the chaotic run, in units of 1/g.
_SAFETY = 0.9
_CHAOS_STEP, _LONGEST = 0.2, 0.1
# An exponent this many errors above zero is a decay.
_DECAYS = 3.0
# Curves in time are drawn for so many κ at most; the last panel has them all.
_FACTORS = 4


class _Times(NamedTuple):
    """Times since the switch, 0 first, and the place of the half of each (−1: not saved)."""

    t: Array
    half: NDArray[np.intp]


@validated
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
    finite_m: str = "report",
    seed: seeds.Seed | None = None,
    neglect: float = 1e-3,
    workers: int | None = None,
    executor: Any = None,
    store: str | Path | None = None,
    progress: bool = False,
) -> xr.Dataset:
    """Chaos, and what becomes of it once the Onsager-reaction force is on, as N → ∞.

    Vanilla dynamics from a normal x(0) of width `x0_std` for a time `t_chaos`, then the force with
    factor κ for `t_frozen`: the theory of [HH] Figs. 1 to 3, by the causal sampler of `two_time`.

    Parameters
    ----------
    g : array_like
        Gains, increasing.
    onsager : array_like
        Factors κ of the force after the switch, increasing.
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
        Standard deviation of x(0), at least 0.
    phi : str or TransferFunction
    n_trajectories : int
        Trajectories of all batches together.
    batches : int
        Independent batches, at least 2: the unit of the errors.
    finite_m : {"report", "extrapolate", "ignore"}
        What to do about batches of finite size M: measure the difference from M → ∞ on batches of
        M/4, measure and subtract it, or nothing.
    seed : Seed, optional
        Every g draws from `seeds.point` of it, whatever the other points; all κ of one g share the
        chaotic run.  None takes a seed from the operating system, to be read from the attributes.
    neglect : float
        Share of a state below which a new direction of the couplings is not revealed, as in
        `two_time`.
    workers, executor, store
        As in `meanfield.sweep`.
    progress : bool
        Show a progress bar on a terminal.

    Returns
    -------
    xarray.Dataset
        Dimensions ``g``, ``onsager`` and ``t``, the time since the switch: 0, then four times per
        factor 2 up to `t_frozen`.  Along all three `energy`, `C` = ⟨φ(t)²⟩, `overlap` and
        `displacement` between t and the switch, `freezing` between t and t/2, and
        `local_exponent` of E between t/2 and t.  Along ``g`` and ``onsager`` `final_energy` and
        `final_overlap`; `decay_exponent`, nan where E does not decay by more than 3 errors; `step`,
        `stiffness`, `rank`; and `status`, with its `reason`: flagged where the step is too long, a
        batch had no room for matched innovations (at about M = 4 `rank`), or there are no numbers.
        Everything measured has ``_err`` and ``_finite_m``, nan where only batches of M/4 had no
        room.  Ratios and exponents are formed in each batch: their errors are the scatter over
        batches like all others, and contain all correlations.

    Raises
    ------
    ArgumentError
        If an axis is not increasing or an argument is outside its range.
    SamplerError
        If trajectories do not stay finite at any point.

    Warns
    -----
    StepSizeWarning
        If the step is longer than the scheme follows stably at the stiffness met; such a point has
        the status "flagged".
    SweepWarning
        If some points have no numbers.

    Notes
    -----
    With A = −1 + J diag(φ′), −∂F/∂x = κAᵀA − (1 − κ)A + κ diag(φ″ ∘ Jᵀf).  As N → ∞, ‖J‖ = 2g for
    every γ, so that the first two terms stay below the rate given for `dt` (with g times the slope
    of φ for g); the last vanishes with f and lowers the rate of active neurons before.

    Energies below about (g `neglect`)² are not resolved.  The effect of finite batches grows with
    time and g: see `finite_m`, or take more trajectories in fewer batches.

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
    parameters = given(freezing_curve, locals())
    gains, factors = arguments.axis("g", g), arguments.axis("onsager", onsager)
    arguments.gain(gains)
    ensemble = Ensemble.checked(n_trajectories, batches, seed)
    arguments.one_of("finite_m", finite_m, FINITE_M)
    if arguments.nonnegative("t_chaos", t_chaos):
        arguments.positive("t_chaos", t_chaos)
    facts: dict[str, Any] = {
        "gamma": arguments.within("gamma", gamma, -1, 1),
        "t_chaos": float(t_chaos),
        "t_frozen": arguments.positive("t_frozen", t_frozen),
        "dt": None if dt is None else arguments.positive("dt", dt),
        "x0_std": arguments.nonnegative("x0_std", x0_std),
        "batches": ensemble.batches,
        "finite_m": finite_m,
        "neglect": arguments.nonnegative("neglect", neglect),
    }
    # As if every point were the stiffest one.
    steep = float(gains[-1]) * transfer_function(phi).slope
    steps = (dt, dt) if dt else _steps(steep, float(factors[np.argmax(np.abs(factors))]))
    shared = ensemble._replace(workers=None)
    runs = gains.size * factors.size / (workers or 1)
    for requests, name, step in zip((1, 2), ("t_chaos", "t_frozen"), steps, strict=True):
        shared.afford(name, facts[name], step, requests, runs=runs)
    data = sweep(
        _point, {"g": gains, "onsager": factors}, seed=ensemble.seed, shared=("onsager",),
        store=store, workers=workers, executor=executor, progress=progress, throw=ArgumentError,
        label="freezing", phi=phi, size=ensemble.size, **facts,
    )  # fmt: skip
    used = {"n_trajectories": ensemble.size * ensemble.batches, "seed": ensemble.seed}
    return data.assign_attrs({k: v for k, v in parameters.items() if v is not None} | used)


def _point(
    g: float,
    onsager: float,
    *,
    gamma: float,
    t_chaos: float,
    t_frozen: float,
    dt: float | None,
    x0_std: float,
    phi: str | TransferFunction,
    size: int,
    batches: int,
    finite_m: str,
    neglect: float,
    seed: int,
) -> dict[str, Any]:
    transfer, times = transfer_function(phi), _times(t_frozen)
    steps = (dt, dt) if dt else _steps(transfer.slope * g, onsager)
    # All saved times are ends of segments: early ones get short steps, where E falls fast.
    after = (t_chaos + times.t).tolist()
    model = rate_model(transfer, Switching([t_chaos], [0.0, onsager]) if t_chaos else onsager)
    grid, marks = step_times(after, steps[1]), after
    if t_chaos:
        grid = np.concatenate([step_times([0.0, t_chaos], steps[0]), grid[1:]])
        marks = [0.0, *after]
    setting = SamplerSetting(
        model, g, gamma, lambda t: 0.0, x0_std, marks, grid, "matched", neglect=neglect
    )
    saves = np.flatnonzero(np.isin(grid, marks))[-times.t.size :]
    found = sample(
        Ensemble(batches, size, seed), setting, TwoTimeTask(saves, batches),
        control=finite_m != "ignore",
    )  # fmt: skip
    step = float(np.max(np.diff(grid[grid >= t_chaos])))
    full = found.full
    worst = largest(full)
    stiffness = worst["stiffness"]
    reasons = [_FEW] if any(b.exhausted for b in full) else []
    if finite_m == "extrapolate" and (lost := found.not_done(True)):
        reasons.append(lost)
    if text := step_reason(step, worst):
        reasons.append(text)
        warnings.warn(f"g = {g:g}, kappa = {onsager:g}: {text}", StepSizeWarning, stacklevel=3)
    rank = int(worst["rank"])
    rate = "largest rate of the symmetric part of -dF/dx met after the switch"
    return {
        "t": told("t", times.t, "time since the switch", units="time constant"),
        **_estimates(found, times, finite_m == "extrapolate"),
        "step": told((), step, "longest step after the switch"),
        "stiffness": told((), stiffness, rate),
        "rank": told((), rank, "largest number of revealed directions of a batch"),
        "reason": told((), "; ".join(reasons), "why it is not converged"),
    }


def _times(total: float) -> _Times:
    octaves = max(1, math.ceil(math.log2(total / _FIRST)))
    t = [total * k / 8 * 2.0**-p for p in range(octaves - 1, -1, -1) for k in _EIGHTHS]
    # The half of the first eight eighths.
    t = [0.0, total * 2.0**-octaves, *t]
    place = np.arange(len(t))
    return _Times(np.array(t), np.where(place > 4, place - 4, -1))


def _steps(gain: float, onsager: float) -> tuple[float, float]:
    """Safe steps before and after the switch; `gain` includes the slope of φ."""
    chaos = min(_LONGEST, _CHAOS_STEP / gain)
    reach = 1 + 2 * gain
    rate = abs(onsager) * reach**2 + abs(1 - onsager) * reach
    # Without the force only the leak is stiff.
    return chaos, min(chaos, _SAFETY * largest_step(amplification, -rate)) if onsager else chaos


def _estimates(found: Sampled, times: _Times, extrapolate: bool) -> dict[str, Any]:
    """Values, errors and effects of all curves, and their last ones."""
    variables: dict[str, Any] = {}
    for name, text in _CURVES.items():
        # All saved times are ends of segments, which runs at every step meet.
        estimate = found.estimate(partial(_measured, times, name), extrapolate)
        for (part, more), values in zip(_PARTS.items(), estimate, strict=True):
            variables[name + part] = told("t", values, text + more, units="1")
    for name, (curve, text) in _FINAL.items():
        last = {part: float(variables[curve + part][1][-1]) for part in _PARTS}
        known = name != "decay_exponent" or last[""] > _DECAYS * last["_err"]
        for part, more in _PARTS.items():
            value = last[part] if known else math.nan
            variables[name + part] = told((), value, text + more, units="1")
    return variables


def _measured(times: _Times, name: str, batch: BatchAverages) -> Array | None:
    return _measures(batch.values, times)[name] if batch.values else None


def _measures(values: dict[str, Array], times: _Times) -> dict[str, Array]:
    energy, C, freezing = values["energy"], values["C"], values["freezing"]
    rows, same = np.arange(energy.size), np.diagonal(C)
    known = times.half >= 0
    with np.errstate(divide="ignore", invalid="ignore"):
        overlap = C[:, 0] / np.sqrt(same * same[0])
        exponent = -np.log2(energy / energy[times.half])
    return {
        "energy": energy,
        "C": same,
        "overlap": np.where(np.isfinite(overlap), overlap, np.nan),
        "displacement": freezing[:, 0],
        "freezing": np.where(known, freezing[rows, times.half], np.nan),
        "local_exponent": np.where(known & np.isfinite(exponent), exponent, np.nan),
    }


def draw(data: xr.Dataset) -> Figure:
    """E/N and the overlap with the state at the switch in time, and the last overlap against κ."""
    # Colours are κ and dashes g in time.
    figure, (energy, overlap, final) = style.panels(1, 3, height=2.8)
    _in_time(energy, data, "energy")
    _in_time(overlap, data, "overlap")
    overlap.legend(loc="lower left", frameon=True, framealpha=0.9, edgecolor="none")
    _final(final, data)
    known = data.energy.values[data.energy.values > 0]
    if known.size:
        energy.set_yscale("log")
        # A band that reaches below zero would stretch the axis.
        energy.set_ylim(known.min() / 2, known.max() * 2)
    energy.set_ylabel(r"energy per neuron $E/N$")
    overlap.set_ylabel(r"overlap with the state at $t_s$")
    ends = float(data.t[1]), float(data.t[-1])
    for axis in (energy, overlap):
        axis.set(xscale="log", xlim=ends, xlabel=r"time since the switch $t - t_s$")
    facts = data.attrs
    start = rf"after chaos up to $t_s = {facts['t_chaos']:g}$"
    if not facts["t_chaos"]:
        start = r"from normal $x(0)$"
    style.above(figure, rf"$N \to \infty$, $\gamma = {facts['gamma']:g}$, {start}")
    return figure


def _in_time(axis: Axes, data: xr.Dataset, name: str) -> None:
    count = data.sizes["onsager"]
    columns = np.unique(np.linspace(0, count - 1, min(count, _FACTORS)).round().astype(int))
    for row, gain in enumerate(data.g.values):
        dashes = style.DASHES[row % len(style.DASHES)]
        for column in columns:
            part = data.isel(g=row, onsager=column, t=slice(1, None))
            colour = style.shade(column, count)
            style.band(axis, part.t, part[name], part[f"{name}_err"], colour, ls=dashes)
            if row == 0:
                axis.plot([], [], color=colour, label=rf"$\kappa = {float(part.onsager):g}$")
        axis.plot([], [], color="0.4", ls=dashes, label=rf"$g = {gain:g}$")


def _final(axis: Axes, data: xr.Dataset) -> None:
    count = data.sizes["g"]
    for row, gain in enumerate(data.g.values):
        part, colour = data.isel(g=row), style.shade(row, count)
        axis.plot(data.onsager, part.final_overlap, color=colour, lw=0.8)
        good = part.status == CONVERGED
        style.points(
            axis, data.onsager, part.final_overlap, part.final_overlap_err, good, row, count
        )
        marker = style.MARKERS[row % len(style.MARKERS)]
        axis.plot([], [], color=colour, marker=marker, lw=0.8, label=rf"$g = {gain:g}$")
    if reasons := sorted(set(data.reason.values.ravel()) - {""}):
        text = "\n".join(["hollow:", *(textwrap.shorten(reason, 60) for reason in reasons)])
        axis.text(0.02, 0.02, text, transform=axis.transAxes, color=style.ALARM)
    axis.axhline(0, color="0.8", lw=0.8, zorder=0)
    end = rf"overlap at $t - t_s = {float(data.t[-1]):g}$"
    axis.set(xlabel=r"Onsager-reaction factor $\kappa$", ylabel=end)
    axis.legend()


FREEZING = Study(
    name="freezing",
    source="[HH] Figs. 1–3",
    title="chaos frozen by the Onsager-reaction force, as N → ∞",
    parts=(Part(freezing_curve, ("g", "onsager"), whole=True),),
    draw=draw,
    text="""
Vanilla chaos, then the Onsager-reaction force with factor κ, as N → ∞. (a) Energy per neuron and
(b) overlap with the state at the switch against the time since then: the energy falls, as a power
of time at large κ, and what is frozen stays near the state where chaos was left. (c) The overlap at
the last time against κ. Bands and bars are standard errors over batches of trajectories. Points
that are flagged are hollow: their step is too long, or their batches are too small. The default
takes some minutes, --quick some seconds.""",
    axes={"g": (1.5, 2.0, 4.0), "onsager": (0.1, 0.2, 0.3, 0.5, 0.7, 1.0)},
    columns=("final_energy", "final_overlap", "decay_exponent", "status", "reason"),
    presets={"quick": {"n_trajectories": 7680, "batches": 3, "t_chaos": 8.0, "t_frozen": 6.0}},
    command="python -m meanfield freezing",
)
