"""Activity and integrated response against the gain ([QH] Fig. 4)."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from ..transfer import Array
from .common import MARKERS, shade


def response_curve(data: xr.Dataset) -> Figure:
    """C = q and R_int against g, one colour a γ; lines: static branch, dashed where unstable.

    Hollow points are not converged.  Vertical lines: critical gains g_c = 1/(1+γ).

    Parameters
    ----------
    data : Dataset
        Of `meanfield.response_curve`; with `Q_line`, `G_line` and `stable_line` along ``g_line``
        the static branch is drawn from these.
    """
    figure = Figure(figsize=(10, 4.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    fine = "Q_line" in data
    gains = data.g_line.values if fine else data.g.values
    for index, gamma in enumerate(data.gamma.values):
        part, colour = data.sel(gamma=gamma), shade(index, data.sizes["gamma"])
        marker = MARKERS[index % len(MARKERS)]
        for axis, name, theory in ((left, "q", "Q"), (right, "r_int", "G")):
            values = part[f"{theory}_line" if fine else f"{theory}_static"].values
            stable = part["stable_line" if fine else "static_stable"].values
            _static(axis, gains, values, stable, colour)
            for settled in (True, False):
                shown = part.converged.values == settled
                if shown.any():
                    axis.errorbar(
                        data.g.values[shown], part[name].values[shown],
                        part[f"{name}_err"].values[shown], color=colour, marker=marker, ms=5,
                        mfc=colour if settled else "white", ls="", capsize=2, zorder=3,
                    )  # fmt: skip
            line = float(part.critical_gain)
            if data.g.min() <= line <= data.g.max():
                axis.axvline(line, color=colour, ls=":", lw=1)
        left.plot([], [], marker, color=colour, ms=5, label=rf"$\gamma = {gamma:g}$")
    for style, text in (("-", "static branch"), ("--", "static branch, unstable")):
        left.plot([], [], color="0.4", lw=1.2, ls=style, label=text)
    left.plot([], [], color="0.4", lw=1, ls=":", label=r"$g_c = 1/(1 + \gamma)$")
    if not data.converged.all():
        left.plot([], [], "o", color="0.4", mfc="white", ms=5, label="not converged")
    left.legend(fontsize=8, loc="upper left", framealpha=1.0, edgecolor="none")
    left.set_ylabel(r"correlation $C$")
    right.set_ylabel(r"integrated response $R_{\mathrm{int}}$")
    for axis in (left, right):
        axis.set_xlabel(r"gain $g$")
    return figure


def _static(
    axis: Axes, gains: Array, values: Array, stable: NDArray[np.bool_], colour: Any
) -> None:
    # The dashes start at the last stable point.
    dashed = ~stable | np.append(~stable[1:], False)
    axis.plot(gains, np.where(stable, values, np.nan), color=colour, lw=1.2)
    axis.plot(gains, np.where(dashed, values, np.nan), color=colour, lw=1.2, ls="--")
