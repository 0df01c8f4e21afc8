"""Maximal Lyapunov exponents."""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from .common import MARKERS, shade


def lyapunov(data: xr.Dataset) -> Figure:
    """λ against g, one curve a γ, with the zero line and the critical gains g(1+γ) = 1 (dashed).

    Parameters
    ----------
    data : Dataset
        `lyapunov` and `stderr` along ``gamma`` and ``g``, `critical_gain` along ``gamma``.
    """
    figure = Figure(figsize=(6, 4), layout="constrained")
    axis = figure.subplots()
    count = data.sizes["gamma"]
    for index, gamma in enumerate(data.gamma.values):
        part, colour = data.sel(gamma=gamma), shade(index, count)
        axis.errorbar(
            data.g, part.lyapunov, part.stderr, color=colour, marker=MARKERS[index % 5], ms=4,
            lw=1.2, capsize=2, label=rf"$\gamma = {gamma:g}$",
        )  # fmt: skip
        line = float(part.critical_gain)
        if data.g.min() <= line <= data.g.max():
            axis.axvline(line, color=colour, ls="--", lw=1)
    axis.plot([], [], color="0.4", ls="--", lw=1, label=r"$g_c = 1/(1 + \gamma)$")
    axis.axhline(0, color="0.6", lw=0.8)
    axis.set_xlabel(r"gain $g$")
    axis.set_ylabel(r"maximal Lyapunov exponent $\lambda$")
    methods = ", ".join(name for name in np.unique(data.method.values) if name)
    axis.set_title(
        rf"$N \to \infty$, $\kappa = {data.attrs['onsager']:g}$; {methods}", loc="left", fontsize=10
    )
    axis.legend(frameon=False, fontsize=9)
    return figure
