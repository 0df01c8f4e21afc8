"""Phase diagrams of the replica theory."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

_COLOURS = "viridis"
_PANELS = {
    "static": ("Q", "G", "X"),
    "paramagnetic": ("q", "r", "X"),
    "ordered": ("q", "Q", "r"),
    "stable": ("q", "Q", "r"),
}
_LABELS = {
    "q": r"$q$",
    "r": r"$r$",
    "X": r"$X_d$",
    "G": r"$G = r - R$",
    "Q": r"$Q$",
    "chi": r"$\chi = \beta(q - Q)$",
    "sigma": r"$\sigma_{x\phi}$",
    "scaled_sigma": r"$\beta\sigma_{x\phi}$",
    "fluctuation": r"$q - Q$",
}


def order_parameters(grids: Sequence[xr.Dataset]) -> Figure:
    """Order parameters against g, coloured by γ, with both transition lines ([QH] Fig. 3).

    One row per dataset of `meanfield.phase_diagram`: Q, the response G with its peak at
    g(1+γ) = 1, and X_d on the static branch; q, r and X_d on the paramagnetic one; q, Q and r
    elsewhere.  Unstable stretches are dashed.  Marks on the curves: circles g(1+γ) = 1, squares
    g²(1+γ) = 1.
    """
    figure, axes, norm = _panels(grids, sharex=True)
    for row, data in zip(axes, grids, strict=True):
        names = _PANELS[data.attrs["branch"]]
        for axis, name in zip(row, names, strict=True):
            _curves(axis, data, name, norm)
            axis.set_ylabel(_LABELS[name])
            axis.set_xlabel(r"gain $g$")
    axes[0, 0].plot([], [], "o", mfc="white", mec="0.3", ms=4, label=r"$g(1+\gamma) = 1$")
    axes[0, 0].plot([], [], "s", mfc="white", mec="0.3", ms=4, label=r"$g^2(1+\gamma) = 1$")
    axes[0, 0].plot([], [], "--", color="0.3", lw=1, label="unstable")
    axes[0, 0].legend(fontsize=8, frameon=False)
    return figure


def fluctuation_response(grids: Sequence[xr.Dataset]) -> Figure:
    """Fluctuation–response relations ([QH] Fig. 5): σ against q−Q, σ against r−R, r−R against q−Q.

    One row per dataset.  On the static branch q−Q vanishes like 1/β: the scaled variables βσ, χ
    and G are drawn, where that branch is stable (χ > 0).
    """
    figure, axes, norm = _panels(grids)
    for row, data in zip(axes, grids, strict=True):
        scaled = data.attrs["branch"] == "static"
        shown = data.where(data.stable & np.isfinite(data.chi)) if scaled else data
        fluctuation = shown.chi if scaled else shown.q - shown.Q
        names = ("chi", "scaled_sigma") if scaled else ("fluctuation", "sigma")
        x_label, sigma_label = _LABELS[names[0]], _LABELS[names[1]]
        panels = (
            (fluctuation, shown.sigma_xphi, x_label, sigma_label, "log", "log"),
            (shown.G, shown.sigma_xphi, r"$r - R$", sigma_label, "linear", "log"),
            (fluctuation, shown.G, x_label, r"$r - R$", "log", "linear"),
        )
        for axis, (x, y, x_text, y_text, x_scale, y_scale) in zip(row, panels, strict=True):
            axis.set_xlabel(x_text)
            axis.set_ylabel(y_text)
            if not np.any(np.isfinite(x) & np.isfinite(y)):
                continue  # Nothing to show; a logarithmic axis would refuse it.
            colours = np.broadcast_to(data.gamma.values[:, None], x.shape)
            axis.scatter(x, y, c=colours, cmap=_COLOURS, norm=norm, s=7, linewidths=0)
            if scaled:
                axis.set_xscale(x_scale)
                axis.set_yscale(y_scale)
    return figure


def _panels(grids: Sequence[xr.Dataset], *, sharex: bool = False) -> tuple[Figure, Any, Normalize]:
    figure = Figure(figsize=(11, 3.4 * len(grids)), layout="constrained")
    axes = figure.subplots(len(grids), 3, sharex=sharex, squeeze=False)
    norm = _norm(grids[0])
    for row, data in zip(axes, grids, strict=True):
        row[0].set_title(_title(data), loc="left", fontsize=10)
    mappable = ScalarMappable(norm=norm, cmap=_COLOURS)
    figure.colorbar(mappable, ax=axes.ravel().tolist(), label=r"symmetry $\gamma$")
    return figure, axes, norm


def _title(data: xr.Dataset) -> str:
    beta = data.attrs["beta"]
    text = r"\infty" if np.isinf(beta) else f"{beta:g}"
    return rf"{data.attrs['branch']} branch, $\beta = {text}$"


def _norm(data: xr.Dataset) -> Normalize:
    low, high = float(data.gamma.min()), float(data.gamma.max())
    return Normalize(low, high) if high > low else Normalize(low - 0.5, high + 0.5)


def _curves(axis: Axes, data: xr.Dataset, name: str, norm: Normalize) -> None:
    mappable = ScalarMappable(norm=norm, cmap=_COLOURS)
    visible = []
    for gamma in data.gamma.values:
        curve = data.sel(gamma=gamma)
        colour = mappable.to_rgba(gamma)
        values = curve[name].where(np.isfinite(curve[name]))
        unstable = ~curve.stable
        if data.attrs["branch"] == "static" and name != "X":
            # One continuous curve (X_d diverges): start the dashes at the last stable point.
            unstable = unstable | unstable.shift(g=-1, fill_value=False)
        axis.plot(data.g, values.where(curve.stable), color=colour, lw=1.4)
        axis.plot(data.g, values.where(unstable), color=colour, lw=1.0, ls="--")
        visible.append(values.values)
        for line, marker in (("critical_gain", "o"), ("measure_transition_gain", "s")):
            gain = float(curve[line])
            if data.g.min() <= gain <= data.g.max():
                height = np.interp(gain, data.g.values, values.values)
                if line == "critical_gain" and name in ("G", "r") and np.isinf(data.attrs["beta"]):
                    height = 1 / gain  # The peak lies between the points of the grid.
                axis.plot(gain, height, marker, mfc="white", mec=colour, ms=4, mew=1.2, zorder=3)
    finite = np.concatenate(visible)
    finite = finite[np.isfinite(finite)]
    if name == "X" and finite.size:
        # X diverges at the lines: show the bulk of it.
        low, high = np.quantile(finite, [0.02, 0.9])
        axis.set_ylim(min(low, 0) - 0.1 * (high - low + 0.1), high + 0.3 * (high - low + 0.1))
