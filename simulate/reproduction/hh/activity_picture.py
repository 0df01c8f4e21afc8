"""The picture of [HH] Fig. 5: densities above, trajectories and explained variance below."""

from __future__ import annotations

from textwrap import fill
from typing import Any

import numpy as np
import xarray as xr
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .projection import STARTS
from .protocol import steps_text

# One colour map a trajectory before the switch; grey to black, dark at the end, after it.
_BEFORE = ("Blues", "Oranges", "Greens")
_AFTER = ("Purples", "Reds", "Greys")
_LIGHTEST, _DARKEST = 0.35, 0.95
_LABEL_WIDTH = 28
# A trajectory before or after the switch is drawn in as many shades.
_PIECES = 40
_TITLES = {
    "a": r"(a) $\kappa = 0$",
    "b": r"(b) after $\kappa = 0 \rightarrow 1$",
    "c": r"(c) $\kappa = 1$",
}


def draw(data: xr.Dataset) -> Figure:
    """Densities of φ and x, (a) to (c); (d) the projections with E/N and explained variance."""
    figure = Figure(figsize=(10.5, 9), layout="constrained")
    figure.suptitle(
        rf"$N = {data.attrs['n']}$, $\gamma = 0$, {data.attrs['n_trials']} couplings in (a–c), "
        f"{steps_text(data)}",
        x=0.01,
        ha="left",
        fontsize=10,
    )
    parts: Any = figure.subfigures(2, 1)
    above, below = parts
    axes = above.subplots(2, 3)
    for column, panel in zip(axes.T, data.panel.values, strict=True):
        _densities(column, data.sel(panel=panel), str(panel))
    axes[0, 0].set_ylabel(r"density of $\varphi(x)$")
    axes[1, 0].set_ylabel(r"density of $x$")
    left, right = below.subfigures(1, 2, width_ratios=(1.3, 1))
    _cloud(left.add_subplot(projection="3d"), data)
    energy, shares = right.subplots(2, 1)
    _energy(energy, data)
    _explained(shares, data)
    return figure


def _densities(axes: Any, part: xr.Dataset, panel: str) -> None:
    above, below = axes
    for axis, name, center in (
        (above, "phi_density", part.phi_center),
        (below, "x_density", part.x_center),
    ):
        for trial in range(part.sizes["trial"]):
            axis.stairs(
                part[name].isel(trial=trial), _edges(center.values), color="C0", lw=0.5, alpha=0.4
            )
        axis.stairs(part[name].mean("trial"), _edges(center.values), color="C0", lw=1.6)
        axis.set_ylim(bottom=0)
    variance = part.attrs["delta0_theory"]
    if panel == "a":
        low, high = below.get_xlim()
        x = np.linspace(low, high, 400)
        below.plot(x, _gaussian(x, variance), color="black", lw=1, label=r"theory, $N \to \infty$")
        value = np.tanh(x)
        density = _gaussian(x, variance) / (1 - value**2)
        above.plot(value, density, color="black", lw=1, label=r"theory, $N \to \infty$")
        below.legend(loc="upper right", fontsize=7)
    above.set_xlabel(r"$\varphi(x)$")
    below.set_xlabel(r"$x$")
    rises = float(part.energy_rise_fraction.mean())
    unstable = rises > 0
    title = _TITLES[panel] + rf", $g = {float(part.g_panel):g}$"
    if unstable:
        title += rf": $E$ rises in {rises:.0%} of the steps"
    above.set_title(title, color="crimson" if unstable else "black")


def _gaussian(x: Any, variance: float) -> Any:
    return np.exp(-(x**2) / (2 * variance)) / np.sqrt(2 * np.pi * variance)


def _edges(center: Any) -> Any:
    half = (center[1] - center[0]) / 2
    return np.append(center - half, center[-1] + half)


def _cloud(axis: Any, data: xr.Dataset) -> None:
    switch = int(np.searchsorted(data.t, data.attrs["t_switch"], side="right"))
    for index in range(data.sizes["trajectory"]):
        points = data.projection.isel(trajectory=index).values
        parts = ((0, switch, _BEFORE[index], 1.3), (switch - 1, len(points), _AFTER[index], 3.0))
        for first, last, name, width in parts:
            cuts = np.linspace(first, last - 1, _PIECES + 1).astype(int)
            shades = colormaps[name](np.linspace(_LIGHTEST, _DARKEST, _PIECES))
            for begin, end, shade in zip(cuts[:-1], cuts[1:], shades, strict=True):
                axis.plot(*points[begin : end + 1].T, color=shade, lw=width)
        axis.plot(*points[:1].T, "x", color="black", ms=8, mew=1.8)
    low, high = data.projection.min(("t", "trajectory")), data.projection.max(("t", "trajectory"))
    for k, name in enumerate("xyz"):
        getattr(axis, f"set_{name}lim")(float(low[k]), float(high[k]))
        share = float(data.explained.sel(start="independent")[k])
        getattr(axis, f"set_{name}label")(f"PC{k + 1} ({share:.0%})")
    axis.set_title(
        "(d) three of "
        rf"{data.attrs['n_trajectories']} trajectories, $g = {data.attrs['g']:g}$; "
        "$\\times$ start,\nlight to dark: time, other colour: " + r"$\kappa = 1$"
    )


def _energy(axis: Axes, data: xr.Dataset) -> None:
    for index in range(data.sizes["trajectory"]):
        axis.plot(data.t, data.energy.isel(trajectory=index), color=colormaps[_BEFORE[index]](0.75))
    axis.axvline(data.attrs["t_switch"], ls="--", color="0.3", lw=1)
    axis.set_yscale("log")
    axis.set_xlabel("time $t$")
    axis.set_ylabel("$E/N$")
    axis.set_title(r"dashed: $\kappa = 0 \rightarrow 1$")


def _explained(axis: Axes, data: xr.Dataset) -> None:
    left = np.zeros(data.sizes["start"])
    rows = np.arange(data.sizes["start"])
    for k in range(data.sizes["component"]):
        share = data.explained.isel(component=k).values
        axis.barh(rows, share, left=left, color=f"C{k}", label=f"PC{k + 1}", height=0.6)
        left += share
    for row, total in zip(rows, left, strict=True):
        axis.text(float(total) + 0.02, float(row), f"{total:.0%}", va="center", fontsize=8)
    names = [STARTS[str(s)].replace("x_i", "$x_i$") for s in data.start.values]
    axis.set_yticks(rows, [fill(name, _LABEL_WIDTH) for name in names])
    axis.tick_params(axis="y", labelsize=7)
    axis.invert_yaxis()
    axis.set_xlim(0, 1.1)
    axis.set_xlabel("explained share of the variance")
    axis.set_title("by the starts of the trajectories")
    axis.legend(loc="upper right", fontsize=7)
