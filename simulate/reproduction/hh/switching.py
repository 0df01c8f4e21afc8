"""[HH] Fig. 2: the OR force switched on and off, exponents against g, spectra at two moments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from meanfield import Switching
from meanfield.transfer import Array

from ...integration import Trajectory, integrate
from ...network import State
from ...observables import state_at
from ...stability import jacobian
from ..definition import CONVERGED, PRINTED, PaperFigure
from ..text import errors_said, paragraphs, table
from .exponents import (
    draw_exponents,
    exponents,
    exponents_meaning,
    exponents_said,
    exponents_table,
)
from .protocol import network, steps, steps_meaning, steps_text

# κ of the three stretches of (a) and of (c).
SCHEDULES = {"off-on-off": (0.0, 1.0, 0.0), "on-off-on": (1.0, 0.0, 1.0)}
# Save times of a stretch.
_SAVES = 200
# (d): x in the chaotic and o in the frozen stretch of (a), at this part of them.
_MOMENTS = {"chaotic": 0, "frozen": 1}
_PLACE = 0.9
_MARKERS = {"chaotic": "x", "frozen": "o"}


def compute(
    *,
    n: int,
    g_shown: float,
    stretch: float,
    n_shown: int,
    g: Sequence[float],
    n_trials: int,
    t_max: float,
    variant: str,
    seed: int,
    workers: int | None,
    progress: bool,
) -> xr.Dataset:
    """Activity under both schedules, spectra of the Jacobian at two moments, exponents."""
    J, x0 = network(n, g_shown, seed, 0)
    runs = [_switched(J, x0, stretch, values, variant) for values in SCHEDULES.values()]
    t_mark = [stretch * (place + _PLACE) for place in _MOMENTS.values()]
    spectra = np.array(
        [
            np.linalg.eigvals(jacobian(state_at(runs[0], t), J, onsager=kappa))
            for t, kappa in zip(t_mark, SCHEDULES["off-on-off"], strict=False)
        ]
    )
    panels = xr.Dataset(
        {
            "x": (
                ("schedule", "t", "neuron"),
                np.array([_states(run)[:, :n_shown] for run in runs]),
            ),
            "energy": (("schedule", "t"), np.array([run.energy for run in runs])),
            "length": (
                ("schedule", "t"),
                np.array([np.mean(_states(run) ** 2, axis=1) for run in runs]),
                {"long_name": "|x|^2/N"},
            ),
            "kappa": (("schedule", "stretch"), np.array(list(SCHEDULES.values()))),
            "eigenvalues_real": (("moment", "mode"), spectra.real),
            "eigenvalues_imag": (("moment", "mode"), spectra.imag),
            "t_moment": ("moment", t_mark),
        },
        {"schedule": list(SCHEDULES), "moment": list(_MOMENTS), "t": runs[0].t},
        {"n": n, "g_shown": g_shown, "stretch_length": stretch},
    )
    found = exponents(
        n, g, n_trials, t_max, variant=variant, seed=seed, workers=workers, progress=progress
    )
    return panels.merge(found, combine_attrs="no_conflicts")


def _switched(
    J: Array, x0: Array, stretch: float, values: tuple[float, ...], variant: str
) -> Trajectory:
    count = len(values)
    return integrate(
        J,
        x0,
        t_max=count * stretch,
        onsager=Switching([stretch * k for k in range(1, count)], values),
        save_at=np.linspace(0, count * stretch, count * _SAVES + 1),
        **steps(variant),
    )


def _states(run: Trajectory) -> State:
    assert run.x is not None
    return run.x


def draw(data: xr.Dataset) -> Figure:
    """(a) κ 0→1→0, (b) exponents, (c) κ 1→0→1, (d) spectra."""
    figure = Figure(figsize=(10, 6.4), layout="constrained")
    (first, second), (third, fourth) = figure.subplots(2, 2)
    for axis, letter, schedule in ((first, "a", "off-on-off"), (third, "c", "on-off-on")):
        _draw_activity(axis, data, schedule)
        axis.set_title(
            rf"({letter}) $g = {data.attrs['g_shown']:g}$, $N = {data.attrs['n']}$, $\gamma = 0$, "
            rf"$T = 0$; shaded: $\kappa = 1$"
        )
    for moment, marker in _MARKERS.items():
        t = float(data.t_moment.sel(moment=moment))
        first.axvline(t, color="black", lw=0.8, ls=":")
        first.plot(
            t, 0.05, marker, transform=first.get_xaxis_transform(), color="black", ms=7,
            mfc="none", mew=1.5,
        )  # fmt: skip
    draw_exponents(second, data)
    second.set_title(rf"(b) {data.sizes['trial']} couplings, mean ± s.d.; {steps_text(data)}")
    _draw_spectra(fourth, data)
    return figure


def _draw_activity(axis: Axes, data: xr.Dataset, schedule: str) -> None:
    part, length = data.sel(schedule=schedule), data.attrs["stretch_length"]
    axis.plot(data.t, part.x, lw=0.8)
    for index, kappa in enumerate(part.kappa.values):
        if kappa:
            axis.axvspan(index * length, (index + 1) * length, color="0.93", zorder=0)
    axis.set_xlim(0, float(data.t[-1]))
    axis.set_xlabel(r"time $t$")
    axis.set_ylabel(r"activity $x_i(t)$")


def _draw_spectra(axis: Axes, data: xr.Dataset) -> None:
    for index, (moment, marker) in enumerate(_MARKERS.items()):
        part = data.sel(moment=moment)
        kappa = float(part.kappa.sel(schedule="off-on-off")[_MOMENTS[moment]])
        axis.plot(
            part.eigenvalues_real, part.eigenvalues_imag, marker, color=f"C{index}", ms=3.5,
            mfc="none", mew=0.7,
            label=rf"$t = {float(part.t_moment):g}$, {moment}, $\kappa = {kappa:g}$",
        )  # fmt: skip
    axis.axvline(0, color="0.6", lw=0.8, zorder=0)
    axis.set_xlabel(r"Re $\mu(\partial F/\partial x)$")
    axis.set_ylabel(r"Im $\mu$")
    axis.legend(loc="upper left")
    axis.set_title("(d) eigenvalues of the Jacobian at the moments marked in (a)")


def caption(data: Mapping[str, xr.Dataset]) -> str:
    """Chaos stopped and released, exponents by step, stability of the frozen state."""
    first = next(iter(data.values()))
    return paragraphs(
        f"{_activity_said(data.get(CONVERGED, first))} {exponents_said(data)} (d) Eigenvalues of "
        "the Jacobian at the two moments marked in (a).",
        "(a, c) At the end of each stretch:",
        _activity_table(data),
        "(b) Exponents:",
        exponents_table(data),
        "(d) Eigenvalues μ:",
        _spectra_table(data),
        f"(a, c, d) are of one network each, E/N and ‖x‖²/N those of all its neurons. (b) "
        f"{errors_said(first.sizes['trial'])} {exponents_meaning(first)} {steps_meaning(data)}",
    )


def _ends(values: xr.Dataset, schedule: str) -> list[xr.Dataset]:
    """The state at the end of each stretch."""
    part, length = values.sel(schedule=schedule), values.attrs["stretch_length"]
    return [
        part.isel(stretch=k).sel(t=(k + 1) * length, method="nearest")
        for k in range(part.sizes["stretch"])
    ]


def _activity_said(values: xr.Dataset) -> str:
    before, frozen, after = _ends(values, "off-on-off")
    slower, smaller = (f"{float(before[name] / frozen[name]):.3g}" for name in ("energy", "length"))
    return (
        f"(a, c) Activity of one network at g = {values.attrs['g_shown']:g}, N = "
        f"{values.attrs['n']}, κ off-on-off and on-off-on. In (a) the OR force divides E/N by "
        f"{slower} and ‖x‖²/N by {smaller} within its stretch; a stretch after it E/N is "
        f"{float(after.energy / before.energy):.2g} times what it was before."
    )


def _activity_table(data: Mapping[str, xr.Dataset]) -> str:
    head = ["κ", "t", "κ before"]
    head += [f"{text}, {name}" for name in data for text in ("E/N", "‖x‖²/N")]
    rows = []
    for schedule in SCHEDULES:
        for ends in zip(*(_ends(values, schedule) for values in data.values()), strict=True):
            row = [schedule, f"{float(ends[0].t):g}", f"{float(ends[0].kappa):g}"]
            numbers = (value for end in ends for value in (end.energy, end.length))
            rows.append(row + [f"{float(value):.2g}" for value in numbers])
    return table(head, rows)


def _spectra_table(data: Mapping[str, xr.Dataset]) -> str:
    head = ["state", "steps", "largest Re μ", "Re μ > 0", "lowest Re μ"]
    rows = []
    for moment in _MOMENTS:
        for name, values in data.items():
            part = values.sel(moment=moment)
            real = part.eigenvalues_real
            rows.append(
                [
                    f"{moment}, t = {float(part.t_moment):g}",
                    name,
                    f"{float(real.max()):.3g}",
                    f"{float((real > 0).mean()):.1%}",
                    f"{float(real.min()):.3g}",
                ]
            )
    return table(head, rows)


FIGURE = PaperFigure(
    key="hh2",
    source="[HH] Fig. 2",
    title="the OR force switched on and off, Lyapunov exponents against g, spectra",
    compute=compute,
    draw=draw,
    caption=caption,
    scales={
        "quick": {
            "n": 300,
            "g_shown": 2.0,
            "stretch": 100.0,
            "n_shown": 7,
            "g": [0.5, 1.0, 2.0, 4.0, 8.0, 9.0, 10.0, 12.0],
            "n_trials": 2,
            "t_max": 60.0,
        },
        "paper": {
            "n": 1000,
            "g_shown": 2.0,
            "stretch": 100.0,
            "n_shown": 7,
            "g": [0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 7.0, 8.0, 9.0, 10.0, 11.0, 12.0],
            "n_trials": 5,
            "t_max": 60.0,
        },
    },
    variants=(CONVERGED, PRINTED),
)
