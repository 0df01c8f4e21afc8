"""[HH] Fig. 9: forecast and recall of a stimulus by the vanilla network and the gradient flow."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from meanfield import seeds
from meanfield.figures import common

from ...reservoir import SingularCovarianceWarning, memory_sweep
from ..definition import CONVERGED, PRINTED, PaperFigure
from .memory_caption import TASKS, caption
from .protocol import steps, steps_text

_LOWEST, _HIGHEST = -0.6, 1.15
_LINEAR = 1.5


def compute(
    *,
    n: int,
    g: Sequence[float],
    tau: Sequence[float],
    n_trials: int,
    t_skip: float,
    windows_printed: Sequence[float],
    samples_printed: int,
    window_converged: float,
    samples_converged: int,
    variant: str,
    seed: int,
    workers: int | None,
    progress: bool,
) -> xr.Dataset:
    """Printed: Eq. 21 over short windows; converged: ridge, scored on held-out later samples."""
    how: dict[str, Any]
    if variant == PRINTED:
        how = {"formula": "printed", "windows": list(windows_printed), "samples": samples_printed}
    else:
        # Single precision doubles the speed and is safe for memory curves with a ridge.
        how = {"windows": [window_converged], "samples": samples_converged, "dtype": np.float32}
    with warnings.catch_warnings():
        # Rank and condition are part of the data, and the caption says what they do to m.
        warnings.simplefilter("ignore", SingularCovarianceWarning)
        return memory_sweep(
            n,
            g,
            tau,
            seed=[seeds.member(seed, trial) for trial in range(n_trials)],
            t_skip=t_skip,
            workers=workers,
            progress=progress,
            **steps(variant),
            **how,
        ).assign_attrs(n_trials=n_trials)


def draw(data: xr.Dataset) -> Figure:
    """One row a window, one column a task; colour a gain, dashes the vanilla network."""
    rows = data.sizes["window"]
    figure = Figure(figsize=(10, 1.2 + 3.4 * rows), layout="constrained")
    axes = figure.subplots(rows, 2, squeeze=False, sharex=True, sharey=True)
    for row, window in enumerate(data.window.values):
        for axis, task in zip(axes[row], TASKS, strict=True):
            _curves(axis, data.sel(window=window, task=task))
            axis.set_title(f"{TASKS[task]} {task}, window of {window:g} time units")
    for axis in axes[-1]:
        axis.set_xlabel(r"$\tau$")
    held = "Eq. 21, in sample" if data.attrs["formula"] == "printed" else "ridge, held out"
    for axis in axes[:, 0]:
        axis.set_ylabel(rf"$m(\tau)$, {held}")
    too_long = Line2D([], [], color="crimson", ls="", marker="x", label="step too long")
    figure.legend(
        handles=[
            *(
                Line2D([], [], color=common.shade(k, data.sizes["g"]), label=f"$g = {gain:g}$",
                       marker=common.MARKERS[k % 5])
                for k, gain in enumerate(data.g.values)
            ),
            Line2D([], [], color="0.3", label=r"$\kappa = 1$"),
            Line2D([], [], color="0.3", ls="--", label=r"$\kappa = 0$"),
            *([too_long] if bool(data.unstable_step.any()) else []),
        ],
        loc="outside right center",
    )  # fmt: skip
    figure.suptitle(
        rf"$N = {data.attrs['n']}$, $L = {data.attrs['samples']}$ samples, "
        rf"{data.attrs['n_trials']} couplings, {steps_text(data)}",
        x=0.01,
        ha="left",
        fontsize=10,
    )
    return figure


def _curves(axis: Axes, part: xr.Dataset) -> None:
    tau = part.tau.values
    is_printed = part.attrs["formula"] == "printed"
    for k, gain in enumerate(part.g.values):
        for kappa, line in ((0.0, "--"), (1.0, "-")):
            curve = part.sel(g=gain, onsager=kappa)
            middle, spread = _middle_and_spread(curve.m, is_printed)
            colour = common.shade(k, part.sizes["g"])
            # Slightly apart, so that error bars of several gains can be told apart.
            place = tau + 0.15 * (k - part.sizes["g"] / 2)
            axis.errorbar(
                place, middle, spread, color=colour, ls=line, marker=common.MARKERS[k % 5], ms=3.5,
                lw=1.1, elinewidth=0.6, mfc="white" if kappa == 0 else colour,
            )  # fmt: skip
            if bool(curve.unstable_step.any()):
                axis.plot(place, middle, "x", color="crimson", ms=6, mew=1.0, zorder=3)
    axis.axhline(1, color="0.7", lw=0.7, zorder=0)
    axis.axhline(0, color="0.7", lw=0.7, zorder=0)
    if is_printed:
        # Rounding errors of a singular inverse have no scale.
        axis.set_yscale("symlog", linthresh=_LINEAR, linscale=2)
        return
    axis.set_ylim(_LOWEST, _HIGHEST)
    mean = part.m.mean("trial").values
    outside = np.mean(~((mean > _LOWEST) & (mean < _HIGHEST)))
    if outside > 0:
        axis.text(
            0.99, 0.01, f"{outside:.0%} of the points lie outside", ha="right", va="bottom",
            transform=axis.transAxes, fontsize=7, color="crimson",
        )  # fmt: skip


def _middle_and_spread(m: xr.DataArray, is_printed: bool) -> tuple[Any, Any]:
    """Mean and standard deviation over couplings; of wild values the median and the extremes."""
    if is_printed:
        median = m.median("trial").values
        return median, np.array([median - m.min("trial").values, m.max("trial").values - median])
    mean = m.mean("trial").values
    return mean, m.std("trial", ddof=1).values if m.sizes["trial"] > 1 else None


FIGURE = PaperFigure(
    key="hh9",
    source="[HH] Fig. 9",
    title="Forecast and recall of a stimulus, vanilla network and gradient flow",
    compute=compute,
    draw=draw,
    caption=caption,
    scales={
        "quick": {
            "n": 300,
            "g": [2.0, 4.0, 10.0],
            "tau": [0.0, 2.0, 5.0, 10.0, 15.0, 20.0, 30.0, 40.0],
            "n_trials": 3,
            "t_skip": 50.0,
            "windows_printed": [20.0, 100.0],
            "samples_printed": 2000,
            "window_converged": 600.0,
            "samples_converged": 1200,
        },
        # 2000 printed steps, the only length in the paper, are 20 time units; S has period 100.
        "paper": {
            "n": 1000,
            "g": [2.0, 4.0, 6.0, 8.0, 10.0],
            "tau": [0.0, 1.0, 2.0, 5.0, 10.0, 15.0, 20.0, 25.0, 30.0, 40.0, 50.0],
            "n_trials": 5,
            "t_skip": 50.0,
            "windows_printed": [20.0, 100.0],
            "samples_printed": 2000,
            "window_converged": 800.0,
            "samples_converged": 1600,
        },
    },
    variants=(CONVERGED, PRINTED),
)
