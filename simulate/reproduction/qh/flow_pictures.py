"""The panels of [QH] Fig. 1: couplings, flows, phase diagram, activity."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from meanfield import critical_gain, measure_transition_gain
from meanfield.transfer import Array

# An arrow shows where the state would be after this time.
_ARROW_TIME = 0.25
_SMALLEST_ENERGY = 1e-4
_COLOURS = ("C0", "C1")
_STABLE, _UNSTABLE = "black", "crimson"


def draw(data: xr.Dataset) -> Figure:
    """Couplings and flows (a), phase diagram (b), activity at its two points (c)."""
    figure = Figure(figsize=(12.5, 8), layout="constrained")
    halves: Any = figure.subfigures(2, 1, height_ratios=(1.25, 1))
    above, below = halves
    grid = above.add_gridspec(1, 3, width_ratios=(0.75, 1, 1))
    _graph(above.add_subplot(grid[0]), data)
    pair, null = (above.add_subplot(grid[k], projection="3d") for k in (1, 2))
    dots = _flow(pair, data, float(data.g[0]), coloured=True)
    _flow(null, data, float(data.g[1]), coloured=False)
    above.colorbar(dots, ax=above.axes, label=r"$\log_{10} E$", shrink=0.6, pad=0.05)
    plane, *times = below.subplots(1, 3)
    _phases(plane, data)
    for index, axis in enumerate(times):
        _activity(axis, data.isel(phase=index), index, data.attrs)
    return figure


def _graph(axis: Axes, data: xr.Dataset) -> None:
    gain = float(data.g[0])
    J = data.J.sel(g=gain).values
    angles = np.pi / 2 - 2 * np.pi * np.arange(len(J)) / len(J)
    nodes = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    for target in range(len(J)):
        for source in range(len(J)):
            if source != target:
                _arrow(axis, nodes[source], nodes[target], J[target, source])
    for number, (x, y) in enumerate(nodes, 1):
        axis.plot(x, y, "o", ms=26, mfc="white", mec="0.2", mew=1.2, zorder=3)
        axis.text(x, y, f"{number}", ha="center", va="center", zorder=4, fontsize=11)
    axis.set_aspect("equal")
    axis.set_xlim(-1.45, 1.45)
    axis.set_ylim(-1.2, 1.5)
    axis.axis("off")
    axis.set_title(rf"(a) couplings $J_{{ij}}$, $g = {gain:g}$")
    for colour, text in ((_STABLE, "stable fixed point"), (_UNSTABLE, "unstable fixed point")):
        axis.plot([], [], "x", color=colour, ms=9, mew=2.2, label=text)
    axis.legend(loc="upper center", bbox_to_anchor=(0.5, -0.02))


def _arrow(axis: Axes, start: Array, end: Array, strength: float) -> None:
    colour = _COLOURS[0] if strength > 0 else _COLOURS[1]
    along = end - start
    # The arc bends to the left of its direction, away from the arrow the other way.
    side = np.array([-along[1], along[0]])
    axis.annotate(
        "", xy=tuple(end), xytext=tuple(start),
        arrowprops={
            "arrowstyle": "-|>", "color": colour, "lw": 0.8 + 1.2 * abs(strength),
            "shrinkA": 16, "shrinkB": 16, "connectionstyle": "arc3,rad=-0.18",
        },
    )  # fmt: skip
    # Nearer to the source, where arrows into different neurons are apart.
    x, y = start + 0.37 * along + 0.14 * side
    axis.text(
        x, y, f"{strength:+.2f}", color=colour, ha="center", va="center", fontsize=9,
        bbox={"fc": "white", "ec": "none", "pad": 0.5},
    )  # fmt: skip


def _flow(axis: Any, data: xr.Dataset, gain: float, *, coloured: bool) -> Any:
    part = data.sel(g=gain)
    x, velocity = part.x.values, part.velocity.values
    energy = np.maximum(part.energy.values, _SMALLEST_ENERGY)
    for column in range(x.shape[2]):
        axis.plot(*x[:, :, column], color="0.6" if coloured else "0.75", lw=0.6)
    ticks = np.log10(energy)
    low, high = np.log10(_SMALLEST_ENERGY), float(np.log10(data.energy.max()))
    size = 2 + 26 * (ticks - low) / (high - low)
    shown: dict[str, Any] = {"c": ticks.ravel(), "vmin": low, "vmax": high}
    if not coloured:
        shown = {"c": "0.7"}
    points = axis.scatter(*x.reshape(3, -1), s=size.ravel(), lw=0, depthshade=False, **shown)
    axis.quiver(
        *x[:, ::2].reshape(3, -1), *velocity[:, ::2].reshape(3, -1), length=_ARROW_TIME,
        color="0.35" if coloured else "0.7", lw=0.6, arrow_length_ratio=0.35,
    )  # fmt: skip
    _crosses(axis, data, gain)
    reach = 1.02 * np.abs(data.x).max(("g", "t", "trajectory")).values
    for limit, end in zip((axis.set_xlim, axis.set_ylim, axis.set_zlim), reach, strict=True):
        limit(-end, end)
    axis.set_box_aspect(None, zoom=1.1)
    axis.patch.set_alpha(0)
    axis.view_init(elev=20, azim=-55)
    axis.tick_params(pad=-2, labelsize=7)
    axis.locator_params(nbins=5)
    axis.set_xlabel("$x_1$", labelpad=-4)
    axis.set_ylabel("$x_2$", labelpad=-4)
    axis.set_zlabel("$x_3$", labelpad=-6)
    axis.set_title(
        rf"(a) flows, $N = 3$, $g = {gain:g}$, $\gamma = {data.attrs['gamma']:g}$"
        "\n"
        rf"{data.attrs['method']}, $\Delta t = {data.attrs['dt']:g}$",
        y=0.98,
    )
    return points


def _crosses(axis: Any, data: xr.Dataset, gain: float) -> None:
    here = data.isel(zero=np.flatnonzero(data.zero_g.values == gain))
    for unstable, colour in ((False, _STABLE), (True, _UNSTABLE)):
        chosen = here.zero_x.values[:, (here.zero_unstable.values > 0) == unstable]
        if chosen.size:
            axis.plot(*chosen, "x", color=colour, ms=9, mew=2.2, ls="", zorder=10)


def _phases(axis: Axes, data: xr.Dataset) -> None:
    gamma = np.linspace(-0.2, 1.0, 200)
    line, measure = critical_gain(gamma), measure_transition_gain(gamma)
    top = 1.1 * float(data.phase_g.max())
    axis.fill_betweenx(gamma, 0.4, line, color=_COLOURS[0], alpha=0.12, lw=0)
    axis.fill_betweenx(gamma, line, top, color=_COLOURS[1], alpha=0.1, lw=0)
    axis.plot(line, gamma, color="black", lw=1.6, label=r"$g(1+\gamma) = 1$")
    positive = gamma >= 0
    axis.plot(
        measure[positive], gamma[positive], "--", color="0.35", lw=1.2,
        label=r"$g^2(1+\gamma) = 1$",
    )  # fmt: skip
    for index, gain in enumerate(data.phase_g.values):
        axis.plot(gain, data.attrs["gamma"], "os"[index], color=_COLOURS[index], ms=9, mec="black")
    axis.text(0.44, -0.12, "null", color=_COLOURS[0], fontsize=11)
    axis.text(0.6 * top + 0.2, 0.5, "chaotic", color=_COLOURS[1], fontsize=11)
    axis.set_xlim(0.4, top)
    axis.set_ylim(-0.2, 1.0)
    axis.set_xlabel(r"gain $g$")
    axis.set_ylabel(r"symmetry $\gamma$")
    axis.set_title("(b) phases")
    axis.legend(loc="upper right")


def _activity(axis: Axes, part: xr.Dataset, index: int, facts: dict[str, Any]) -> None:
    for row in range(part.sizes["shown"]):
        axis.plot(part.time, part.activity.isel(shown=row), color=f"C{row % 7}", lw=0.9)
    axis.plot(
        0.02, 0.95, "os"[index], color=_COLOURS[index], ms=9, mec="black", clip_on=False,
        transform=axis.transAxes,
    )  # fmt: skip
    axis.set_ylim(-1.15, 1.15)
    axis.set_xlim(float(part.time[0]), float(part.time[-1]))
    axis.set_xlabel(r"time $t$")
    axis.set_ylabel(r"activity $\phi(x_i)$")
    axis.set_title(
        rf"(c) $N = {facts['n']}$, $g = {float(part.phase_g):g}$, $\gamma = {facts['gamma']:g}$, "
        rf"$\lambda = {float(part.lyapunov):.4f} \pm {float(part.lyapunov_err):.1g}$"
        "\n"
        rf"{facts['method']}, $\Delta t = {facts['dt']:g}$"
    )
    if facts["status"] != "success":
        axis.text(0.5, 0.05, facts["status"], color="crimson", transform=axis.transAxes)
