"""[QH] Fig. 3: order parameters across gain and symmetry, on both branches at β = ∞."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

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
# Share of the height of the picture that the three-dimensional views take.
_VIEWS = 0.3


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
    """Curves over the plane of g and γ as in the paper, and below them both branches against g."""
    grids = static, measure = [one_branch(data, branch) for branch in (STATIC, PARAMAGNETIC)]
    figure = order_parameters(grids)
    width, height = figure.get_size_inches()
    figure.set_size_inches(width, height / (1 - _VIEWS))
    engine = figure.get_layout_engine()
    assert engine is not None
    engine.set(rect=(0, 0, 1, 1 - _VIEWS))  # type: ignore[call-arg]
    panels = (
        (static, "Q", r"(a) $Q$, static"),
        (static, "G", r"(b) $G$, static"),
        (measure, "q", r"(c) $q$, paramagnetic"),
        (measure, "r", r"(d) $r$, paramagnetic"),
    )
    for index, (grid, name, title) in enumerate(panels):
        place = (0.245 * index, 1.01 - _VIEWS, 0.24, _VIEWS - 0.05)
        _view(figure, place, grid[name], grid.stable, title)
    style.above(
        figure,
        rf"$N \to \infty$, $\beta = \infty$, saddle-point equations on {data.sizes['gamma']} "
        rf"$\times$ {data.sizes['g']} points; grey: $g(1+\gamma) = 1$; dashed: unstable",
    )
    return figure


def _view(
    figure: Figure,
    place: tuple[float, float, float, float],
    values: xr.DataArray,
    stable: xr.DataArray,
    title: str,
) -> None:
    from matplotlib import colormaps

    axis: Any = figure.add_axes(place, projection="3d")
    # Zero (or unknown) everywhere: any height will do.
    top = float(values.max()) if values.max() > 0 else 1.0
    low, high = float(values.gamma[0]), float(values.gamma[-1])
    for gamma in values.gamma.values:
        # On the colour bar of the rows below.
        colour = colormaps["viridis"]((gamma - low) / max(high - low, ON_LINE))
        for shown, dashes in ((stable, "-"), (~stable, "--")):
            heights = values.where(shown).sel(gamma=gamma)
            axis.plot(
                values.g, np.full(heights.shape, gamma), heights, dashes, color=colour, lw=1.1
            )
    # Where the line g(1+γ) = 1 lies on the grid.
    gains = np.linspace(float(values.g[0]), float(values.g[-1]), 200)
    gains = gains[(1 / gains - 1 >= low) & (1 / gains - 1 <= high)]
    if gains.size:
        wall, height = np.meshgrid(gains, [0.0, top])
        axis.plot_surface(wall, 1 / wall - 1, height, color="0.6", alpha=0.3, lw=0, shade=False)
    axis.view_init(elev=22, azim=-62)
    axis.set_zlim(0, top)
    axis.set_xlabel(r"$g$", labelpad=-6)
    axis.set_ylabel(r"$\gamma$", labelpad=-6)
    axis.tick_params(pad=-3, labelsize=7)
    axis.locator_params(nbins=4)
    axis.set_box_aspect(None, zoom=1.15)
    axis.set_title(title, y=1.02, loc="center")


QH3 = Study(
    name="qh3",
    source="[QH] Fig. 3",
    title="order parameters across gain and symmetry",
    parts=(Part(both_branches, whole=True),),
    draw=draw,
    text="""
Order parameters of the saddle-point equations at β = ∞ against g. Upper row: views over the plane
of g and γ with the critical surface in grey. Lower rows: the same against g, dashed where
unstable, circles on g(1+γ) = 1 and squares on g²(1+γ) = 1.

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
