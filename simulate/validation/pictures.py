"""Pictures of the table: all deviations, and the approach of each row to its limit."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .table import Row

_COLUMNS = 4
_FAILED = "crimson"


def deviations(rows: Sequence[Row], limit: float) -> Figure:
    """Deviation z of every tested row, with the limit of the table."""
    tested = [one for one in rows if math.isfinite(one.z)]
    figure = Figure(figsize=(7, 1.2 + 0.19 * max(len(tested), 4)), layout="constrained")
    axis = figure.subplots()
    heights = np.arange(len(tested))[::-1]
    colours = ["C0" if one.passed else _FAILED for one in tested]
    axis.axvspan(-limit, limit, color="0.93", lw=0)
    axis.axvline(0, color="0.6", lw=0.8)
    axis.hlines(heights, 0, [one.z for one in tested], color=colours, lw=1)
    axis.scatter([one.z for one in tested], heights, color=colours, s=16, zorder=3)
    axis.set_yticks(heights, [one.name for one in tested], fontsize=7)
    axis.set_ylim(-1, len(tested))
    widest = max([limit, *(abs(one.z) for one in tested)])
    axis.set_xlim(-1.1 * widest, 1.1 * widest)
    axis.set_xlabel(r"deviation $z$ (simulation $-$ theory, in standard errors)")
    axis.set_title(rf"shaded: $|z| \leq {limit:.2f}$")
    return figure


def approach(rows: Sequence[Row]) -> Figure | None:
    """Means over couplings against n^−power, extrapolated, beside the theory: one panel a row.

    None where the rows have no networks.
    """
    shown = [one for one in rows if one.found is not None and one.found.sizes[0] > 0]
    if not shown:
        return None
    width = min(len(shown), _COLUMNS)
    height = math.ceil(len(shown) / width)
    figure = Figure(figsize=(3.1 * width, 2.5 * height), layout="constrained")
    panels = figure.subplots(height, width, squeeze=False).ravel()
    for axis, one in zip(panels, shown, strict=False):
        _panel(axis, one)
    for axis in panels[len(shown) :]:
        axis.set_axis_off()
    return figure


def _panel(axis: Axes, one: Row) -> None:
    found, power = one.found, one.prediction.power
    assert found is not None
    x = found.sizes**-power
    colour = "C0" if one.passed else _FAILED
    axis.errorbar(x, found.means, found.errors, fmt="o", color=colour)
    axis.errorbar([0], [found.value], [found.error], fmt="s", mfc="white", color=colour)
    ends = np.array([0.0, 1.1 * x.max()])
    axis.plot(ends, found.value + found.slope * ends, color=colour, lw=0.9)
    low, high = (one.theory.value + sign * one.theory.error for sign in (-1, 1))
    axis.axhspan(low, high, color="C1", alpha=0.3, lw=0)
    axis.axhline(one.theory.value, color="C1", ls="--", lw=1.1)
    axis.set_xlim(-0.06 * x.max(), 1.12 * x.max())
    axis.set_xticks([0, *x], ["∞", *(f"{n:g}" for n in found.sizes)])
    axis.set_xlabel(rf"$N$, on the scale $N^{{-{power:.3g}}}$")
    law = "" if math.isnan(found.misfit) else rf", $\chi^2/\nu = {found.misfit:.1f}$"
    axis.set_title(f"{one.prediction.name}: z = {one.z:+.1f}{law}", fontsize=8)
