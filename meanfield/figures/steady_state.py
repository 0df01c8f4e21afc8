"""Correlation and response of the steady state."""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from .common import MAIN, SECOND, band, title

# Below it an error says nothing in the title.
_EXACT = 5e-5


def steady_state(data: xr.Dataset) -> Figure:
    """C(τ)/C(0) and Δ(τ)/Δ(0), and R(τ), against the lag.

    Parameters
    ----------
    data : Dataset
        Of `meanfield.steady_state`.
    """
    figure = Figure(figsize=(9, 3.8), layout="constrained")
    left, right = figure.subplots(1, 2)
    lag = data.tau.values
    for name, symbol, variance, size, colour, style in (
        ("delta", r"\Delta", r"\Delta_0", data.delta0, SECOND, "-"),
        ("C", "C", "q", data.q, MAIN, "--"),
    ):
        start = float(data[name][0])
        if start > 0:
            band(
                left, lag, data[name] / start, data[f"{name}_err"] / start, colour, ls=style,
                label=rf"${symbol}(\tau)/{symbol}(0)$, ${variance} = {float(size):.4g}$",
            )  # fmt: skip
    left.axhline(0, color="0.8", lw=0.8, zorder=0)
    left.set_ylabel("correlation, normalised")
    if float(data.delta[0]) > 0:
        left.legend(frameon=False, fontsize=9)
    else:
        left.text(0.5, 0.5, r"at rest: $C = \Delta = 0$", transform=left.transAxes, ha="center")
        left.set_yticks([])
    band(right, lag, data.R, data.R_err, MAIN)
    right.axhline(0, color="0.8", lw=0.8, zorder=0)
    right.set_ylabel(r"response $R(\tau)$")
    error = float(data.r_int_err)
    text = rf" \pm {error:.1g}" if error > _EXACT else ""
    right.set_title(
        rf"$R_{{\mathrm{{int}}}} = {float(data.r_int):.4f}{text}$", loc="left", fontsize=10
    )
    # R is over long before the window is: show where it is visible.
    visible = np.flatnonzero(np.abs(data.R.values) > 0.01 * abs(float(data.R[0])))
    right.set_xlim(0, max(5.0, 1.2 * float(lag[visible[-1]])) if visible.size else None)
    for axis in (left, right):
        axis.set_xlabel(r"lag $\tau$")
    left.set_xlim(0, float(lag[-1]))
    left.set_title(title(data), loc="left", fontsize=10)
    if data.attrs["reason"]:
        figure.suptitle("not converged: " + data.attrs["reason"], fontsize=8, color="crimson")
    return figure
