"""Chaos frozen by the Onsager-reaction force ([HH] Figs. 1–3)."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .common import MARKERS, band, shade

# Curves in time are drawn for so many κ at most; the last panel has them all.
_FACTORS = 4
_STYLES = ("-", "--", ":", "-.")


def freezing(data: xr.Dataset) -> Figure:
    """E/N and the overlap with the state at the switch in time, and the last overlap against κ.

    Colours are κ and dashes g in time, bands standard errors; points whose status is not "ok" are
    hollow.

    Parameters
    ----------
    data : Dataset
        Of `meanfield.freezing_curve`.
    """
    figure = Figure(figsize=(13, 4.2), layout="constrained")
    energy, overlap, final = figure.subplots(1, 3)
    _in_time(energy, data, "energy")
    _in_time(overlap, data, "overlap")
    _legend(overlap, data)
    _final(final, data)
    _limit(energy, data)
    energy.set_ylabel(r"energy per neuron $E/N$")
    overlap.set_ylabel(r"overlap $C(t, t_s)/\sqrt{C(t, t)\,C(t_s, t_s)}$")
    for axis in (energy, overlap):
        axis.set_xscale("log")
        axis.set_xlim(float(data.t[1]), float(data.t[-1]))
        axis.set_xlabel(r"time since the switch $t - t_s$")
    final.set_xlabel(r"Onsager-reaction factor $\kappa$")
    final.set_ylabel(rf"overlap at $t - t_s = {float(data.t[-1]):g}$")
    facts = data.attrs
    start = rf"after chaos up to $t_s = {facts['t_chaos']:g}$"
    if not facts["t_chaos"]:
        start = r"from normal $x(0)$"
    energy.set_title(
        rf"$N \to \infty$, $\gamma = {facts['gamma']:g}$, {start}", loc="left", fontsize=10
    )
    if faults := sorted(set(np.unique(data.status.values)) - {"ok"}):
        final.text(
            0.02, 0.02, "hollow: " + ", ".join(faults), transform=final.transAxes,
            fontsize=8, color="crimson",
        )  # fmt: skip
    for axis, name in ((energy, "a"), (overlap, "b"), (final, "c")):
        axis.set_title(f"({name})", loc="right", fontsize=10)
    return figure


def _drawn(data: xr.Dataset) -> Any:
    """Numbers of the κ that are drawn in time, the first and the last among them."""
    count = data.sizes["onsager"]
    return np.unique(np.linspace(0, count - 1, min(count, _FACTORS)).round().astype(int))


def _in_time(axis: Axes, data: xr.Dataset, name: str) -> None:
    after = slice(1, None)
    for row in range(data.sizes["g"]):
        for column in _drawn(data):
            part = data.isel(g=row, onsager=column, t=after)
            band(
                axis, part.t, part[name], part[f"{name}_err"],
                shade(column, data.sizes["onsager"]), ls=_STYLES[row % len(_STYLES)],
            )  # fmt: skip


def _legend(axis: Axes, data: xr.Dataset) -> None:
    for column in _drawn(data):
        colour = shade(column, data.sizes["onsager"])
        label = rf"$\kappa = {float(data.onsager[column]):g}$"
        axis.plot([], [], color=colour, label=label)
    for row, gain in enumerate(data.g.values):
        axis.plot([], [], color="0.4", ls=_STYLES[row % len(_STYLES)], label=rf"$g = {gain:g}$")
    axis.legend(fontsize=8, loc="lower left", framealpha=0.9, edgecolor="none")


def _limit(axis: Axes, data: xr.Dataset) -> None:
    values = data.energy.values
    found = values[np.isfinite(values) & (values > 0)]
    if found.size:
        axis.set_yscale("log")
        # A band that reaches below zero would stretch the axis.
        axis.set_ylim(found.min() / 2, found.max() * 2)


def _final(axis: Axes, data: xr.Dataset) -> None:
    for row, gain in enumerate(data.g.values):
        part, colour = data.isel(g=row), shade(row, data.sizes["g"])
        marker = MARKERS[row % len(MARKERS)]
        axis.plot(data.onsager, part.final_overlap, color=colour, lw=1)
        for good in (True, False):
            shown = (part.status.values == "ok") == good
            if shown.any():
                axis.errorbar(
                    data.onsager.values[shown], part.final_overlap.values[shown],
                    part.final_overlap_err.values[shown], color=colour, marker=marker, ms=5,
                    mfc=colour if good else "white", ls="", capsize=2, zorder=3,
                )  # fmt: skip
        axis.plot([], [], color=colour, marker=marker, ms=5, lw=1, label=rf"$g = {gain:g}$")
    axis.axhline(0, color="0.8", lw=0.8, zorder=0)
    axis.legend(frameon=False, fontsize=9)
