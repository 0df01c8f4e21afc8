"""[HH] Fig. 3: activity at κ = 1 and the eigenvalues of the Jacobian at its end."""

from __future__ import annotations

import string
from collections.abc import Mapping, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from meanfield.transfer import Array

from ...integration import integrate
from ...network import State
from ...parallel import in_parallel
from ...stability import jacobian
from ..definition import CONVERGED, PRINTED, PaperFigure
from ..grids import gathered
from ..text import averaged, counted, errors_said, listed, paragraphs, span, table
from .protocol import (
    STEP_HEAD,
    broken,
    broken_said,
    network,
    step_cells,
    steps,
    steps_meaning,
    steps_text,
    unstable,
)

_SAVE_EVERY = 0.5
_BINS = 60


class _Flow(NamedTuple):
    t: Array
    x: State
    energy: Array
    eigenvalues: State
    energy_rise_fraction: float
    stiffness: float
    unstable: int


def compute(
    *,
    n: int,
    g: Sequence[float],
    n_trials: int,
    t_max: float,
    n_shown: int,
    variant: str,
    seed: int,
    workers: int | None,
    progress: bool,
) -> xr.Dataset:
    """Activity of the first coupling matrix of each gain, spectra of all of them."""
    jobs = [
        partial(_flow, n, gain, t_max, n_shown, variant, seed, trial)
        for gain in g
        for trial in range(n_trials)
    ]
    found: list[_Flow] = list(in_parallel(jobs, workers, label="hh3", progress=progress))
    on_grid = partial(gathered, {"g": len(g), "trial": n_trials})
    return xr.Dataset(
        {
            "x": (("g", "t", "neuron"), np.array([flow.x for flow in found[::n_trials]])),
            "energy": on_grid([flow.energy for flow in found], "t"),
            "eigenvalues": on_grid([flow.eigenvalues for flow in found], "mode"),
            "energy_rise_fraction": on_grid([flow.energy_rise_fraction for flow in found]),
            "stiffness": on_grid([flow.stiffness for flow in found]),
            "unstable_step": on_grid([flow.unstable for flow in found]),
        },
        {"t": found[0].t, "g": list(g)},
        {"n": n, "t_max": t_max},
    )


def _flow(
    n: int, g: float, t_max: float, n_shown: int, variant: str, seed: int, trial: int
) -> _Flow:
    J, x0 = network(n, g, seed, trial)
    run = integrate(
        J,
        x0,
        t_max=t_max,
        onsager=1.0,
        save_at=np.linspace(0, t_max, max(1, round(t_max / _SAVE_EVERY)) + 1),
        **steps(variant),
    )
    assert run.x is not None
    # Symmetric at κ = 1, for the states of Euler as well: real eigenvalues.
    eigenvalues = np.linalg.eigvalsh(jacobian(run.x_end, J, onsager=1.0))
    return _Flow(
        run.t,
        run.x[:, :n_shown],
        run.energy,
        eigenvalues,
        run.energy_rise_fraction,
        run.stiffness,
        unstable(run),
    )


def draw(data: xr.Dataset) -> Figure:
    """Activity and histogram of the eigenvalues, one row a gain."""
    count = data.sizes["g"]
    figure = Figure(figsize=(9.5, 2.9 * count), layout="constrained")
    panels = figure.subplots(count, 2, squeeze=False)
    for row, gain in enumerate(data.g.values):
        part = data.sel(g=gain)
        left, right = panels[row]
        left.plot(data.t, part.x, lw=0.8)
        left.set_xlim(0, float(data.t[-1]))
        left.set_xlabel(r"time $t$")
        left.set_ylabel(r"activity $x_i(t)$")
        left.set_title(
            rf"({_letter(2 * row)}) $g = {gain:g}$, $\gamma = 0$, $N = {data.attrs['n']}$, "
            rf"$\kappa = 1$, $T = 0$; {steps_text(data)}"
        )
        if bool(part.unstable_step.isel(trial=0)):
            left.text(
                0.02, 0.03, rf"step too long: $E$ rises in "
                rf"{100 * float(part.energy_rise_fraction.isel(trial=0)):.0f} % of the steps",
                transform=left.transAxes, color="crimson", fontsize=8,
                bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 1},
            )  # fmt: skip
        _histogram(right, part, _slow(data))
        right.set_title(
            rf"({_letter(2 * row + 1)}) $t = {data.attrs['t_max']:g}$, "
            rf"{counted(data.sizes['trial'], 'coupling')}; "
            rf"{100 * float(_fraction(part, _slow(data)).mean()):.2g} % with $\mu > 1/t$"
        )
    return figure


def _letter(panel: int) -> str:
    """Mark of a panel: a … z, then a1 … z1 and so on."""
    again, place = divmod(panel, len(string.ascii_lowercase))
    return f"{string.ascii_lowercase[place]}{again or ''}"


def _histogram(axis: Axes, part: xr.Dataset, slow: float) -> None:
    values = part.eigenvalues.values.ravel()
    width = (values.max() - values.min()) / _BINS
    # Zero is the edge of a bin.
    first, last = np.floor(values.min() / width), np.ceil(max(values.max(), 0.0) / width)
    edges = width * np.arange(first, last + 1)
    density = 1 / (values.size * width)
    groups = [values[values <= slow], values[values > slow]]
    axis.hist(
        groups, edges, weights=[np.full(len(group), density) for group in groups], stacked=True,
        color=["C0", "C1"], label=[r"$\mu \leq 1/t$", r"$\mu > 1/t$"],
    )  # fmt: skip
    axis.set_yscale("log")
    axis.axvline(0, color="0.4", lw=0.8)
    axis.legend(loc="upper left")
    axis.set_xlabel(r"eigenvalue $\mu$ of $\partial F/\partial x$")
    axis.set_ylabel("density")


def _slow(data: xr.Dataset) -> float:
    """What grows less than e-fold within the run is no instability that the run can show."""
    return 1 / float(data.attrs["t_max"])


def _rounding(part: xr.Dataset) -> xr.DataArray:
    """Error of the eigenvalues of a symmetric matrix: n ε |D|, by trial."""
    scale = abs(part.eigenvalues).max("mode")
    return part.sizes["mode"] * np.finfo(float).eps * scale


def _fraction(part: xr.Dataset, above: float | xr.DataArray) -> xr.DataArray:
    return (part.eigenvalues > above).mean("mode")


def caption(data: Mapping[str, xr.Dataset]) -> str:
    """How many directions are unstable at the end, by variant, and why they differ."""
    return paragraphs(_found(data), _table(data), _meaning(data))


def _found(data: Mapping[str, xr.Dataset]) -> str:
    first = next(iter(data.values()))
    shares = ", ".join(
        f"{span(100 * _fraction(values, _slow(values)).mean('trial'), '.2g')}% ({name})"
        for name, values in data.items()
    )
    said = [
        f"Gradient flow, κ = 1, from x ~ N(0, 1), N = {first.attrs['n']}: activity of one network "
        f"at each gain, and density of the eigenvalues μ of the Jacobian at t = "
        f"{first.attrs['t_max']:g}, real as it is −Hess E. Of the eigenvalues {shares} lie above "
        f"1/t = {_slow(first):.2g} and could have grown within the run, as g goes through "
        f"{listed(first.g.values)}."
    ]
    if PRINTED in data:
        said.append(broken_said(data[PRINTED]))
        if broken(data[PRINTED]):
            said.append("The printed spectra there are those of other states: compare E/N.")
    return " ".join(said)


def _table(data: Mapping[str, xr.Dataset]) -> str:
    first = next(iter(data.values()))
    head = ["g", "steps", "largest μ", "μ > rounding, %", "μ > 1/t, %", "lowest μ", "E/N"]
    rows = []
    for gain in first.g.values:
        for name, values in data.items():
            part = values.sel(g=gain)
            rows.append(
                [
                    f"{gain:g}",
                    name,
                    averaged(part.eigenvalues.max("mode")),
                    averaged(100 * _fraction(part, _rounding(part))),
                    averaged(100 * _fraction(part, _slow(values))),
                    f"{float(part.eigenvalues.min()):.3g}",
                    averaged(part.energy.isel(t=-1)),
                    *step_cells(part),
                ]
            )
    return table([*head, *STEP_HEAD], rows)


def _meaning(data: Mapping[str, xr.Dataset]) -> str:
    first = next(iter(data.values()))
    return (
        f"{errors_said(first.sizes['trial'])} E/N is that at the end; the lowest μ is that of all "
        "couplings. Thresholds: rounding, N·ε·max|μ|, and 1/t, below which a direction grows by "
        "less than e within the run: slow modes of a flow that has not ended; the picture shows "
        f"those above 1/t in the second colour. {steps_meaning(data)}"
    )


FIGURE = PaperFigure(
    key="hh3",
    source="[HH] Fig. 3",
    title="activity at κ = 1 and spectrum of the Jacobian at its end, g = 2 and 10",
    compute=compute,
    draw=draw,
    caption=caption,
    scales={
        "quick": {"n": 300, "g": [2.0, 10.0], "n_trials": 3, "t_max": 100.0, "n_shown": 7},
        "paper": {"n": 1000, "g": [2.0, 10.0], "n_trials": 5, "t_max": 100.0, "n_shown": 7},
    },
    variants=(CONVERGED, PRINTED),
)
