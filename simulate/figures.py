"""Pictures of network results, in the symbols of the papers."""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

_VANILLA, _REGULATED = "#4c566a", "#d08770"
_LOWEST_M, _HIGHEST_M = -0.6, 1.1
_MARKERS = ("o", "s", "^", "D", "v")


def run(data: xr.Dataset) -> Figure:
    """Activity, E/N and the displacement Q/N in time; the Onsager-reaction force shaded."""
    figure = Figure(figsize=(7.5, 6), layout="constrained")
    above, middle, below = axes = figure.subplots(3, 1, sharex=True, height_ratios=(2, 1, 1))
    above.plot(data.t, data.x, lw=0.9)
    above.set_ylabel(r"activity $x_i(t)$")
    moved = data.freezing.where(data.freezing > 0)
    for axis, values, label in (
        (middle, data.energy, r"$E/N$"),
        (below, moved, r"$Q(t - \Delta, t)/N$"),
    ):
        axis.plot(data.t, values, color=_VANILLA, lw=1.2)
        if np.any(values > 0):
            axis.set_yscale("log")
        axis.set_ylabel(label)
    below.set_xlabel(r"time $t$")
    top = float(np.max(data.onsager))
    if top > 0:
        for axis in axes:
            axis.fill_between(
                data.t, 0, 1, where=data.onsager.values > 0, step="post",
                transform=axis.get_xaxis_transform(), color=_REGULATED, alpha=0.15, lw=0,
            )  # fmt: skip
    attributes = data.attrs
    title = rf"$N = {attributes['n']}$, {attributes['method']}"
    if attributes["couplings"] in ("elliptic", "lazy"):
        title = rf"$g = {attributes['g']:g}$, $\gamma = {attributes['gamma']:g}$, " + title
    else:
        title = f"{attributes['couplings']}, " + title
    if top > 0:
        title += r"; shaded: $\kappa > 0$"
    above.set_title(title, loc="left", fontsize=10)
    if attributes["status"] != "success":
        above.text(
            0.01, 0.02, f"{attributes['status']}: what is seen is the step, not the flow",
            transform=above.transAxes, fontsize=8, color="crimson",
        )  # fmt: skip
    return figure


def lyapunov(data: xr.Dataset) -> Figure:
    """Largest exponent against g, one curve a κ ([HH] Fig. 2b); crosses: step too long."""
    figure = Figure(figsize=(6, 4), layout="constrained")
    axis = figure.subplots()
    for index, kappa in enumerate(data.onsager.values):
        part = data.sel(onsager=kappa)
        mean = part.lyapunov.mean("trial")
        several = part.sizes["trial"] > 1
        spread = part.lyapunov.std("trial", ddof=1) if several else part.stderr.isel(trial=0)
        colour = _shade(index, len(data.onsager))
        axis.errorbar(
            data.g, mean, spread, color=colour, marker=_MARKERS[index % 5], ms=4, lw=1.2,
            capsize=2, label=rf"$\kappa = {kappa:g}$",
        )  # fmt: skip
        bad = part.unstable_step.any("trial").values
        axis.plot(data.g.values[bad], mean.values[bad], "x", color="crimson", ms=9, mew=1.5)
    axis.axhline(0, color="0.6", lw=0.8)
    axis.set_xlabel(r"gain $g$")
    axis.set_ylabel(r"largest Lyapunov exponent $\lambda$")
    handles, labels = axis.get_legend_handles_labels()
    if bool(data.unstable_step.any()):
        handles.append(Line2D([], [], ls="", marker="x", color="crimson", ms=8))
        labels.append("step too long for the flow")
    axis.legend(handles, labels, frameon=False, fontsize=9)
    axis.set_title(
        rf"$N = {data.attrs['n']}$, {data.sizes['trial']} couplings, method {data.attrs['method']}",
        loc="left",
        fontsize=10,
    )
    return figure


def fixed_points(data: xr.Dataset) -> Figure:
    """Unstable directions of the zeros of f and minima of E, and spectra of A at a few zeros."""
    figure = Figure(figsize=(9, 3.8), layout="constrained")
    left, right = figure.subplots(1, 2)
    n = data.attrs["n"]
    left.plot(data.x2, data.n_unstable / n, "o", color=_REGULATED, ms=5, label="zeros of $f$")
    if "minimum_x2" in data:
        left.plot(
            data.minimum_x2, data.minimum_n_unstable / n, "x", color=_VANILLA, ms=5,
            label=r"minima of $E$ with $f \neq 0$",
        )  # fmt: skip
    left.set_xlabel(r"$|x|^2/N$")
    left.set_ylabel("unstable directions / N")
    left.legend(frameon=False, fontsize=8)
    gain = rf", $g = {data.attrs['g']:g}$" if "g" in data.attrs else f", {data.attrs['couplings']}"
    left.set_title(rf"$N = {n}${gain}", loc="left", fontsize=10)
    shown = np.unique(np.linspace(0, len(data.x2) - 1, 3).astype(int))
    for index, column in enumerate(shown):
        right.plot(
            data.eigenvalues_real[column], data.eigenvalues_imag[column], ".", ms=4,
            color=_shade(index, len(shown)), label=rf"$|x|^2/N = {float(data.x2[column]):.2f}$",
        )  # fmt: skip
    right.axvline(0, color="0.6", lw=0.8)
    right.set_xlabel(r"Re $\lambda(A)$")
    right.set_ylabel(r"Im $\lambda(A)$")
    right.legend(frameon=False, fontsize=8)
    return figure


def sample(data: xr.Dataset) -> Figure:
    """q, βe, r and overlaps against β: networks (mean over couplings) and theory (lines)."""
    figure = Figure(figsize=(9, 6), layout="constrained")
    axes = figure.subplots(2, 2, sharex=True).ravel()
    labels = (r"$q$", r"$\beta e$", r"$r$", r"rms overlap $Q$")
    for axis, name, label in zip(axes, ("q", "energy", "r", "overlap"), labels, strict=True):
        scale = data.beta.values if name == "energy" else 1.0
        values = data[name].values * scale
        several = len(values) > 1
        error = (
            values.std(axis=0, ddof=1) / np.sqrt(len(values))
            if several
            else data[f"{name}_err"].values[0] * scale
        )
        axis.errorbar(
            data.beta, values.mean(axis=0), error, fmt="o", color=_REGULATED, ms=4, capsize=2,
            label=f"networks, N = {data.attrs['n']}",
        )  # fmt: skip
        axis.plot(
            data.beta, data[f"theory_{name}"] * scale, color=_VANILLA, lw=1.2, marker="_",
            label="replica theory",
        )  # fmt: skip
        axis.set_xscale("log")
        axis.set_ylabel(label)
    for axis in axes[2:]:
        axis.set_xlabel(r"inverse temperature $\beta$")
    axes[0].legend(frameon=False, fontsize=8)
    axes[0].set_title(
        rf"$g = {data.attrs['g']:g}$, $\gamma = {data.attrs['gamma']:g}$", loc="left", fontsize=10
    )
    axes[3].set_title(r"networks: finite, of order $N^{-1/2}$ at least", loc="left", fontsize=8)
    return figure


def memory(data: xr.Dataset) -> Figure:
    """m(τ), one panel a κ, one curve a gain ([HH] Fig. 9)."""
    count = data.sizes["onsager"]
    figure = Figure(figsize=(1.5 + 4 * count, 3.8), layout="constrained")
    axes: list[Axes] = list(np.atleast_1d(figure.subplots(1, count, sharey=True)))
    for axis, kappa in zip(axes, data.onsager.values, strict=True):
        for index, gain in enumerate(data.g.values):
            part = data.m.sel(onsager=kappa, g=gain)
            mean = part.mean("trial")
            colour = _shade(index, data.sizes["g"])
            axis.plot(
                data.tau, mean, color=colour, marker=_MARKERS[index % 5], ms=3, lw=1.1,
                label=rf"$g = {gain:g}$",
            )  # fmt: skip
            if data.sizes["trial"] > 1:
                spread = part.std("trial", ddof=1)
                axis.fill_between(data.tau, mean - spread, mean + spread, color=colour, alpha=0.2)
        axis.set_title(rf"$\kappa = {kappa:g}$", loc="left", fontsize=10)
        axis.set_xlabel(r"delay $\tau$")
        inside = data.m.values[np.isfinite(data.m.values)]
        # Unregularised or unpredictable curves leave every scale: what is cut off is said.
        if inside.size and (inside.min() < _LOWEST_M or inside.max() > _HIGHEST_M):
            axis.set_ylim(_LOWEST_M, _HIGHEST_M)
            axis.text(0.98, 0.02, "cut off", transform=axis.transAxes, ha="right", fontsize=7)
    held = "held out" if data.attrs["formula"] == "ridge" else "Eq. 21, in sample"
    axes[0].set_ylabel(rf"$m(\tau)$, {data.attrs['task']}, {held}")
    axes[0].legend(frameon=False, fontsize=8)
    return figure


def _shade(index: int, count: int) -> tuple[float, float, float, float]:
    return colormaps["viridis"](0.1 + 0.75 * index / max(count - 1, 1))
