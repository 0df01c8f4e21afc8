"""[HH] Fig. 1: chaos frozen by the Onsager-reaction force, and how far the activities then move."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from meanfield import Switching
from meanfield.figures import common
from meanfield.transfer import Array

from ...integration import integrate
from ...network import State
from ...observables import freezing
from ...parallel import in_parallel
from ..definition import CONVERGED, PRINTED, PaperFigure
from ..grids import gathered, spread
from ..text import (
    NONE,
    averaged,
    counted,
    deviations_said,
    errors_said,
    listed,
    paragraphs,
    quoted,
    ratio_and_error,
    span,
    table,
)
from .protocol import (
    PRINTED_STEP,
    STEP_HEAD,
    broken_said,
    network,
    step_cells,
    steps,
    steps_meaning,
    steps_text,
    unstable,
)

KAPPAS = (0.0, 1.0)
_SAVE_EVERY = 0.5
# For the legend above the bars.
_ROOM = 1.25


class _Moved(NamedTuple):
    Q: Array
    energy_rise_fraction: float
    stiffness: float
    unstable: int


def compute(
    *,
    n: int,
    g_shown: float,
    g: Sequence[float],
    n_trials: int,
    t_switch: float,
    t_later: Sequence[float],
    n_shown: int,
    variant: str,
    seed: int,
    workers: int | None,
    progress: bool,
) -> xr.Dataset:
    """Activity of one network, and Q of Eq. 11 for every gain, coupling, κ and t′."""
    jobs = [
        partial(_moved, n, gain, t_switch, tuple(t_later), variant, seed, trial)
        for gain in g
        for trial in range(n_trials)
    ]
    found: list[_Moved] = list(in_parallel(jobs, workers, label="hh1", progress=progress))
    on_grid = partial(gathered, {"g": len(g), "trial": n_trials})
    t, x, energy = _activity(n, g_shown, t_switch, max(t_later), n_shown, variant, seed)
    return xr.Dataset(
        {
            "x": (("t", "neuron"), x, {"long_name": "synaptic current, kappa on at t_switch"}),
            "energy": ("t", energy, {"long_name": "E/N of that run"}),
            "Q": (
                *on_grid([job.Q for job in found], "onsager", "t_later"),
                {"long_name": "|phi(x(t)) - phi(x(t'))|^2, sum over neurons"},
            ),
            "energy_rise_fraction": (
                *on_grid([job.energy_rise_fraction for job in found]),
                {"long_name": "of steps at kappa = 1"},
            ),
            "stiffness": (
                *on_grid([job.stiffness for job in found]),
                {"long_name": "largest rate met at kappa = 1"},
            ),
            "unstable_step": on_grid([job.unstable for job in found]),
        },
        {"t": t, "g": list(g), "onsager": list(KAPPAS), "t_later": list(t_later)},
        {"n": n, "g_shown": g_shown, "t_switch": t_switch, "t_before": t_switch - PRINTED_STEP},
    )


def _moved(
    n: int,
    g: float,
    t_switch: float,
    t_later: tuple[float, ...],
    variant: str,
    seed: int,
    trial: int,
) -> _Moved:
    """Q (κ, t′) from one chaotic state, and what the run at κ = 1 says about its steps."""
    J, x0 = network(n, g, seed, trial)
    before = integrate(J, x0, t_max=t_switch, save_at=[t_switch - PRINTED_STEP], **steps(variant))
    assert before.x is not None
    found = np.empty((len(KAPPAS), len(t_later)))
    for row, kappa in enumerate(KAPPAS):
        # The dynamics does not know the time: both go on from the same state at the switch.
        after = integrate(
            J,
            before.x_end,
            t_max=max(t_later) - t_switch,
            onsager=kappa,
            save_at=np.subtract(t_later, t_switch),
            **steps(variant),
        )
        assert after.x is not None
        found[row] = freezing(before.x[0], after.x.T)
    return _Moved(found, after.energy_rise_fraction, after.stiffness, unstable(after))


def _activity(
    n: int, g: float, t_switch: float, t_max: float, n_shown: int, variant: str, seed: int
) -> tuple[Array, State, Array]:
    J, x0 = network(n, g, seed, 0)
    run = integrate(
        J,
        x0,
        t_max=t_max,
        onsager=Switching([t_switch], [0, 1]),
        save_at=np.arange(0, t_max + _SAVE_EVERY / 2, _SAVE_EVERY),
        **steps(variant),
    )
    assert run.x is not None
    return run.t, run.x[:, :n_shown], run.energy


def draw(data: xr.Dataset) -> Figure:
    """(a) activity, (b) Q against g."""
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    left.plot(data.t, data.x, lw=0.8)
    left.axvspan(data.attrs["t_switch"], float(data.t[-1]), color="0.93", zorder=0)
    left.set_xlim(0, float(data.t[-1]))
    left.set_xlabel(r"time $t$")
    left.set_ylabel(r"activity $x_i(t)$")
    left.set_title(
        rf"(a) $N = {data.attrs['n']}$, $g = {data.attrs['g_shown']:g}$, $\gamma = 0$, "
        rf"$T = 0$; shaded: $\kappa = 1$"
    )
    names = (r"vanilla, $\kappa = 0$", r"OR, $\kappa = 1$")
    for row, (kappa, name) in enumerate(zip(data.onsager.values, names, strict=True)):
        for column, later in enumerate(data.t_later.values):
            values = data.Q.sel(onsager=kappa, t_later=later)
            last = column == data.sizes["t_later"] - 1
            # Side by side, lest the bars of one gain cover each other.
            shift = 0.03 * (column - (data.sizes["t_later"] - 1) / 2)
            right.errorbar(
                data.g + shift, values.mean("trial"), spread(values), color=f"C{row}",
                marker=common.MARKERS[row], ls="-" if last else ":",
                mfc=f"C{row}" if last else "white", label=rf"{name}, $t' = {later:g}$",
            )  # fmt: skip
    right.set_xlabel(r"gain $g$")
    right.set_ylabel(rf"$Q(t = {data.attrs['t_before']:g},\, t')$")
    right.set_ylim(top=_ROOM * right.get_ylim()[1])
    right.legend(loc="upper left", ncols=2)
    count = data.sizes["trial"]
    bars = ", mean ± s.d." if count > 1 else ""
    right.set_title(f"(b) {counted(count, 'coupling')}{bars}; {steps_text(data)}")
    return figure


def caption(data: Mapping[str, xr.Dataset]) -> str:
    """How much less the activities move at κ = 1, and that they still do."""
    return paragraphs(_found(data), _table(data), _meaning(data))


def _found(data: Mapping[str, xr.Dataset]) -> str:
    first = next(iter(data.values()))
    times = first.t_later.values
    less = [f"{span(_gains(values, _vanilla_over_regulated), '.2g')} ({name})"
            for name, values in data.items()]  # fmt: skip
    said = [
        f"(a) Activity of one network at g = {first.attrs['g_shown']:g}: κ = 0 up to "
        f"t = {first.attrs['t_switch']:g}, and 1 from there. (b) Q of Eq. 11, how far φ(x) of all "
        "neurons moves from the switch on, against g: the vanilla dynamics has a Q "
        f"{', '.join(less)} times as large as with the OR force."
    ]
    if len(times) > 1:
        more = [f"{span(_gains(values, _late_over_early), '.3g')} ({name})"
                for name, values in data.items()]  # fmt: skip
        said.append(
            f"From t′ = {times[0]:g} to {times[-1]:g} the OR dynamics multiplies its Q by "
            f"{', '.join(more)}; 1 would mean that Q is saturated."
        )
    if PRINTED in data:
        said.append(
            f"{broken_said(data[PRINTED])} In chaos orbits of two integrations part in any case, "
            "and only their statistics can be compared."
        )
    return " ".join(said)


def _gains(values: xr.Dataset, ratio: Callable[[xr.Dataset], tuple[float, float]]) -> list[float]:
    return [ratio(values.sel(g=gain))[0] for gain in values.g.values]


def _vanilla_over_regulated(part: xr.Dataset) -> tuple[float, float]:
    last = part.Q.isel(t_later=-1)
    return ratio_and_error(*(last.sel(onsager=kappa) for kappa in KAPPAS))


def _late_over_early(part: xr.Dataset) -> tuple[float, float]:
    moved = part.Q.sel(onsager=1.0)
    return ratio_and_error(moved.isel(t_later=-1), moved.isel(t_later=0))


def _table(data: Mapping[str, xr.Dataset]) -> str:
    first = next(iter(data.values()))
    times = first.t_later.values
    several, both = len(times) > 1, {CONVERGED, PRINTED} <= set(data)
    head = ["g", "steps", "vanilla Q", "OR Q", "vanilla/OR"]
    head += [f"OR, t′ = {times[-1]:g}/{times[0]:g}"] * several
    head += ["OR, printed/converged"] * both
    rows = []
    for gain in first.g.values:
        for name, values in data.items():
            part = values.sel(g=gain)
            last = part.Q.isel(t_later=-1)
            row = [f"{gain:g}", name, *(averaged(last.sel(onsager=kappa)) for kappa in KAPPAS)]
            row.append(quoted(*_vanilla_over_regulated(part)))
            row += [quoted(*_late_over_early(part))] * several
            if both:
                exact = data[CONVERGED].Q.sel(g=gain, onsager=1.0).isel(t_later=-1)
                same = name == CONVERGED
                change = quoted(*ratio_and_error(last.sel(onsager=1.0), exact))
                row.append(NONE if same else change)
            rows.append(row + step_cells(part))
    return table([*head, *STEP_HEAD], rows)


def _meaning(data: Mapping[str, xr.Dataset]) -> str:
    first = next(iter(data.values()))
    times = first.t_later.values
    count = first.sizes["trial"]
    hollow = f" ({listed(times[:-1])}: hollow)" if len(times) > 1 else ""
    said = [
        f"Q = ‖φ(x(t)) − φ(x(t′))‖², a sum over N = {first.attrs['n']} neurons, from "
        f"t = {first.attrs['t_before']:g}, one step of {PRINTED_STEP:g} before the switch, to "
        f"t′ = {times[-1]:g}{hollow}. Vanilla (κ = 0) and OR (κ = 1) go on from the same states. "
        f"{errors_said(count)}",
        deviations_said(count),
        steps_meaning(data),
    ]
    return " ".join(filter(None, said))


FIGURE = PaperFigure(
    key="hh1",
    source="[HH] Fig. 1",
    title="chaos frozen by the Onsager-reaction force: activity, and Q against g",
    compute=compute,
    draw=draw,
    caption=caption,
    scales={
        "quick": {
            "n": 300,
            "g_shown": 3.0,
            "g": [1.0, 1.5, 2.0, 4.0],
            "n_trials": 3,
            "t_switch": 100.0,
            "t_later": [200.0, 300.0],
            "n_shown": 7,
        },
        "paper": {
            "n": 1000,
            "g_shown": 3.0,
            "g": [1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0],
            "n_trials": 5,
            "t_switch": 100.0,
            "t_later": [200.0, 300.0],
            "n_shown": 7,
        },
    },
    variants=(CONVERGED, PRINTED),
)
