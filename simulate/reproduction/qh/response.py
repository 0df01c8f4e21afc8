"""[QH] Fig. 4: C and R_int of the dynamics across the transition."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import xarray as xr

from meanfield import figures, response_curve
from meanfield.dmft.response_curve import static_lines

from ..definition import CONVERGED, PaperFigure
from ..text import counted, listed, paragraphs, quoted, table


def compute(
    *,
    g: Sequence[float],
    gamma: Sequence[float],
    variant: str,
    seed: int,
    workers: int | None,
    progress: bool,
    **sampling: Any,
) -> xr.Dataset:
    """C = q and R_int of the stationary state, with the static branch of the replica theory."""
    curve = response_curve(g, gamma, seed=seed, workers=workers, progress=progress, **sampling)
    return static_lines(curve)


def caption(data: Mapping[str, xr.Dataset]) -> str:
    """Where the response peaks, and where dynamics and static branch part."""
    curve = data[CONVERGED]
    rows = []
    for gamma in curve.gamma.values:
        row = curve.sel(gamma=gamma)
        best = row.isel(g=int(row.r_int.argmax("g")))
        line = float(row.critical_gain)
        peak = quoted(float(best.r_int), float(best.r_int_err))
        rows.append([f"{gamma:g}", f"{line:.3f}", f"{1 / line:.3f}", peak, f"{float(best.g):g}"])
    away = int((~curve.converged).sum())
    return paragraphs(
        "Mean square activity C and integrated response R_int of the stationary dynamics against "
        f"g at γ = {listed(curve.gamma.values)} (points with errors), and the static replica "
        "branch (lines, dashed where it is unstable). Theory: both leave the null state at "
        f"g(1+γ) = 1, where the response is 1+γ. {_peaks(curve)} {_above(curve)}",
        table(["γ", "g_c", "1/g_c", "largest R_int", "at g"], rows),
        "g_c = 1/(1+γ). Largest R_int: of the gains computed, with its error from the sampled "
        "trajectories (none in the null state, where it is exact). Points that still drift or "
        f"depend on the window (hollow): {away} of {curve.q.size}.",
    )


def _peaks(curve: xr.Dataset) -> str:
    """Whether the largest response stands at the gain next to the line."""
    inside = (curve.critical_gain > curve.g[0]) & (curve.critical_gain < curve.g[-1])
    chosen = curve.sel(gamma=inside)
    if not chosen.sizes["gamma"]:
        return "No line lies among the gains computed."
    nearest = abs(chosen.g - chosen.critical_gain).argmin("g")
    count = int((chosen.r_int.argmax("g") == nearest).sum())
    return (
        "Of the gains computed R_int is largest at the one next to the line at "
        f"{count} of {counted(chosen.sizes['gamma'], 'symmetry', 'symmetries')} whose line lies "
        "among them."
    )


def _above(curve: xr.Dataset) -> str:
    """At how many of the gains beyond the line the static branch is more active."""
    beyond = (curve.g > curve.critical_gain) & curve.Q_static.notnull() & curve.q.notnull()
    if not bool(beyond.any()):
        return "No gain beyond the line has both C and the static branch."
    return (
        "Beyond the line Q of the static branch, one fixed point, exceeds C at "
        f"{int(((curve.Q_static > curve.q) & beyond).sum())} of {int(beyond.sum())} points."
    )


FIGURE = PaperFigure(
    key="qh4",
    source="[QH] Fig. 4",
    title="C and R_int of the dynamics across the transition, γ = 0, 0.2, 0.5",
    compute=compute,
    draw=figures.response_curve,
    caption=caption,
    scales={
        "quick": {
            "g": [0.5, 0.7, 0.8, 0.9, 1.0, 1.1],
            "gamma": [0.0, 0.2, 0.5],
            "n_trajectories": 4096,
            "t_skip": 30.0,
            "t_max": 90.0,
            "window": 30.0,
        },
        "paper": {
            "g": [0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 1.0, 1.05, 1.1],
            "gamma": [0.0, 0.2, 0.5],
            "n_trajectories": 32_000,
            "t_skip": 120.0,
            "t_max": 360.0,
            "window": 120.0,
        },
    },
)
