"""[QH] Fig. 3: order parameters across gain and symmetry, on both branches at β = ∞."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from meanfield import null_response, saddle_point
from meanfield.common import style
from meanfield.common.study import Part, Study, told
from meanfield.studies.phase_diagram import (
    GRID,
    PARAMAGNETIC,
    PHASE_DIAGRAM,
    STATIC,
    branches,
    one_branch,
    order_parameters,
)

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.figure import Figure

# Gains closer to a line than this lie on it; a change of the response below this is rounding.
ON_LINE = 1e-12


def both_branches(*, g: Sequence[float], gamma: Sequence[float]) -> xr.Dataset:
    """Static and paramagnetic branch at β = ∞ on one grid.

    Parameters
    ----------
    g : sequence of float
        Gains, increasing.
    gamma : sequence of float
        Coupling symmetries, increasing.
    """
    return branches(g=g, gamma=gamma)


def derive(data: xr.Dataset) -> xr.Dataset:
    """Which branch leaves zero on which line, and how G of the static one depends on g."""
    is_static = data.branch == STATIC
    value = data.Q.where(is_static, data.q)
    line = data.critical_gain.where(is_static, data.measure_transition_gain)
    # For γ < 0 the other line is no transition of the measure.
    judged = data.converged & (is_static | (data.gamma >= 0))
    agrees = judged & ((value > 0) == (data.g > line + ON_LINE))
    lines, static = data.critical_gain.values, one_branch(data, STATIC)
    inside = (lines >= float(data.g[0])) & (lines <= float(data.g[-1]))
    on_line = np.full(lines.shape, np.nan)
    on_line[inside] = saddle_point(lines[inside], data.gamma.values[inside]).G
    off = abs(static.G - null_response(*np.meshgrid(data.g, data.gamma)))
    off = off.where(data.g <= data.critical_gain + ON_LINE).max("g")
    rises = (static.G.diff("g") > ON_LINE).sum("g")
    return data.assign(
        onset_judged=told("branch", judged.sum(GRID), "converged points, paramagnetic: with γ ≥ 0"),
        onset_agrees=told(
            "branch", agrees.sum(GRID),
            "of them, Q or q is zero up to g(1+γ) = 1 or g²(1+γ) = 1 and positive beyond",
        ),
        G_line=told(
            "gamma", on_line, "response G of the static branch on g(1+gamma) = 1, nan off the grid"
        ),
        G_line_error=told("gamma", abs(on_line - 1 - data.gamma), "|G − 1 − γ| there"),
        G_excess=told(
            "gamma", static.G.max("g") - on_line,
            "largest G of the gains less that: not positive where G peaks on the line",
        ),
        G_null_error=told(
            "gamma", off,
            "largest deviation of G from the elliptic law up to the line, where γ = 0 has G = 1",
        ),
        n_rises=told(
            "gamma", rises, "neighbouring gains between which G of the static branch rises"
        ),
    )  # fmt: skip


def draw(data: xr.Dataset) -> Figure:
    """Maps over the plane of g and γ, and below them both branches against g."""
    grids = static, measure = [one_branch(data, branch) for branch in (STATIC, PARAMAGNETIC)]
    figure, above, below = style.halves(6.0, ratios=(1, 2.6))
    panels = (
        (static, "Q", r"$Q$, static"),
        (static, "G", r"$G$, static"),
        (measure, "q", r"$q$, paramagnetic"),
        (measure, "r", r"$r$, paramagnetic"),
    )
    axes = above.subplots(1, len(panels), sharey=True)
    for axis, (grid, name, title) in zip(axes, panels, strict=True):
        image = axis.pcolormesh(
            grid.g, grid.gamma, grid[name].where(grid.converged), shading="nearest",
            cmap="cividis", rasterized=True,
        )  # fmt: skip
        above.colorbar(image, ax=axis, location="bottom", aspect=25)
        for line, dashes in (("critical_gain", "-"), ("measure_transition_gain", "--")):
            axis.plot(grid[line], grid.gamma, dashes, color="white", lw=0.9)
        # Half a step around the grid.
        axis.set(xlim=axis.get_xlim(), ylim=axis.get_ylim(), title=title, xlabel="$g$")
        axis.set_xlim(grid.g[0], grid.g[-1])
    axes[0].set_ylabel(r"symmetry $\gamma$")
    order_parameters(grids, below)
    style.above(
        figure,
        r"$N \to \infty$, $\beta = \infty$, "
        rf"{data.sizes['gamma']} $\times$ {data.sizes['g']} points; "
        r"white: $g(1+\gamma) = 1$, dashed $g^2(1+\gamma) = 1$",
    )
    return figure


QH3 = Study(
    name="qh3",
    source="[QH] Fig. 3",
    title="order parameters across gain and symmetry",
    parts=(Part(both_branches, whole=True),),
    draw=draw,
    text="""
Order parameters of the saddle-point equations at β = ∞. (a–d) Over the plane of g and γ, with the
lines g(1+γ) = 1 and, dashed, g²(1+γ) = 1. (e–j) Against g, dashed where unstable, circles on
g(1+γ) = 1 and squares on g²(1+γ) = 1; the scale of X_d is that of X_d/(1 + |X_d|).

Theory: the static branch, one fixed point, leaves zero on g(1+γ) = 1, where its response is
G = 1+γ, for γ > 0 the largest; beyond, it is formal. The paramagnetic one, the measure exp(−βE),
leaves zero on g²(1+γ) = 1 for γ ≥ 0. Between the lines (γ > 0) the measure still concentrates on
x = 0, where the dynamics is already unstable. Unstable paramagnetic points at γ < 0: there the
quenched measure needs ordered replicas.""",
    axes={name: PHASE_DIAGRAM.axes[name] for name in GRID},
    columns=(
        "points", "n_converged", "reasons", "onset_judged", "onset_agrees", "n_unstable",
        "n_unstable_negative", "G_line", "G_line_error", "G_excess", "G_null_error", "n_rises",
    ),
    derive=derive,
    presets={
        "quick": {"g": np.linspace(0.4, 1.2, 41).round(10).tolist()},
        "paper": {"g": np.linspace(0.4, 1.2, 321).round(10).tolist()},
    },
)  # fmt: skip
