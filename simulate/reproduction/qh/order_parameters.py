"""[QH] Fig. 3: order parameters across gain and symmetry, on both branches at β = ∞."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr
from matplotlib import colormaps
from matplotlib.figure import Figure

from meanfield import critical_gain, figures, phase_diagram, saddle_point
from meanfield.transfer import Array

from ..definition import CONVERGED, PaperFigure
from ..text import bullets, counted, paragraphs

STATIC, PARAMAGNETIC = "static", "paramagnetic"
_LINES = ["critical_gain", "measure_transition_gain"]
# Gains closer to a line than this lie on it; a change of the response below this is rounding.
ON_LINE = 1e-12
# Share of the height of the picture that the three-dimensional views take.
_VIEWS = 0.3


def both_branches(g: Sequence[float], gamma: Sequence[float], *, progress: bool) -> xr.Dataset:
    """Static and paramagnetic branch at β = ∞ on one grid, variables named like Q_static.

    Parameters
    ----------
    g, gamma : sequence of float
        Increasing.
    progress : bool
        Progress bars on a terminal.

    Returns
    -------
    xarray.Dataset
        The variables of `meanfield.phase_diagram` with the branch at the end of the name, and the
        two transition lines along ``gamma``.
    """
    parts = []
    for branch in (STATIC, PARAMAGNETIC):
        grid = phase_diagram(g, gamma, branch=branch, progress=progress)
        own = grid.drop_vars(_LINES)
        parts += [own.rename({name: f"{name}_{branch}" for name in own.data_vars}), grid[_LINES]]
    return xr.merge(parts, compat="identical", combine_attrs="drop_conflicts")


def one_branch(data: xr.Dataset, branch: str) -> xr.Dataset:
    """The grid of one branch, as `meanfield.phase_diagram` returns it."""
    names = {
        name: str(name).removesuffix(f"_{branch}")
        for name in data.data_vars
        if str(name).endswith(f"_{branch}")
    }
    grid = data[[*names, *_LINES]].rename(names)
    return grid.assign_attrs(branch=branch)


def compute(
    *,
    g: Sequence[float],
    gamma: Sequence[float],
    variant: str,
    seed: int,
    workers: int | None,
    progress: bool,
) -> xr.Dataset:
    """Both branches on the grid, and the response of the static one on its line."""
    data = both_branches(g, gamma, progress=progress)
    response = _response_on_line(data)
    note = {"long_name": "response G of the static branch on g(1+gamma) = 1, nan off the grid"}
    return data.assign(G_line=("gamma", response, note))


def _response_on_line(data: xr.Dataset) -> Array:
    lines = critical_gain(data.gamma.values)
    inside = (lines >= float(data.g[0])) & (lines <= float(data.g[-1]))
    found = np.full(lines.shape, np.nan)
    found[inside] = saddle_point(lines[inside], data.gamma.values[inside]).G
    return found


def draw(data: xr.Dataset) -> Figure:
    """Curves over the plane of g and γ as in the paper, and below them both branches against g."""
    grids = [one_branch(data, branch) for branch in (STATIC, PARAMAGNETIC)]
    figure = figures.order_parameters(grids)
    width, height = figure.get_size_inches()
    figure.set_size_inches(width, height / (1 - _VIEWS))
    engine = figure.get_layout_engine()
    assert engine is not None
    engine.set(rect=(0, 0, 1, 1 - _VIEWS))  # type: ignore[call-arg]
    panels = (
        (grids[0], grids[0].Q, r"$Q$, static"),
        (grids[0], grids[0].G, r"$G$, static"),
        (grids[1], grids[1].q, r"$q$, paramagnetic"),
        (grids[1], grids[1].r, r"$r$, paramagnetic"),
    )
    for index, (grid, values, name) in enumerate(panels):
        place = (0.245 * index, 1.01 - _VIEWS, 0.24, _VIEWS - 0.05)
        _view(figure, place, values, grid.stable, f"({'abcd'[index]}) {name}")
    figure.suptitle(
        rf"$N \to \infty$, $\beta = \infty$, saddle-point equations on "
        rf"{data.sizes['gamma']} $\times$ {data.sizes['g']} points; grey: $g(1+\gamma) = 1$; "
        "dashed: unstable",
        x=0.01, ha="left", fontsize=10,
    )  # fmt: skip
    return figure


def _view(
    figure: Figure,
    place: tuple[float, float, float, float],
    values: xr.DataArray,
    stable: xr.DataArray,
    title: str,
) -> None:
    axis: Any = figure.add_axes(place, projection="3d")
    top = float(values.max())
    # Zero (or unknown) everywhere: any height will do.
    top = top if top > 0 else 1.0
    for gamma, place_of in zip(values.gamma.values, _places(values.gamma.values), strict=True):
        for shown, dashes in ((stable, "-"), (~stable, "--")):
            axis.plot(
                values.g, np.full(values.sizes["g"], gamma),
                values.where(shown).sel(gamma=gamma), dashes,
                color=colormaps["viridis"](place_of), lw=1.1,
            )  # fmt: skip
    gains = np.linspace(float(values.g[0]), float(values.g[-1]), 200)
    # Where the line g(1+γ) = 1 lies on the grid.
    low, high = float(values.gamma[0]), float(values.gamma[-1])
    gains = gains[(1 / gains - 1 >= low) & (1 / gains - 1 <= high)]
    if gains.size:
        wall, heights = np.meshgrid(gains, [0.0, top])
        axis.plot_surface(wall, 1 / wall - 1, heights, color="0.6", alpha=0.3, lw=0, shade=False)
    axis.view_init(elev=22, azim=-62)
    axis.set_zlim(0, top)
    axis.set_xlabel(r"$g$", labelpad=-6)
    axis.set_ylabel(r"$\gamma$", labelpad=-6)
    axis.tick_params(pad=-3, labelsize=7)
    axis.locator_params(nbins=4)
    axis.set_box_aspect(None, zoom=1.15)
    axis.set_title(title, fontsize=10, y=1.02, loc="center")


def _places(gamma: Array) -> Array:
    # On the colour bar of the rows below.
    return (gamma - gamma[0]) / max(gamma[-1] - gamma[0], 1e-12)


def caption(data: Mapping[str, xr.Dataset]) -> str:
    """Which branch leaves zero on which line, the peak of the response, points without solution."""
    found = data[CONVERGED]
    static, measure = (one_branch(found, branch) for branch in (STATIC, PARAMAGNETIC))
    leaving = measure.sel(gamma=measure.gamma >= 0)
    return paragraphs(
        "Order parameters of the saddle-point equations at β = ∞ against g for "
        f"{found.sizes['gamma']} symmetries γ from {float(found.gamma[0]):g} to "
        f"{float(found.gamma[-1]):g}. Theory: the static branch, one fixed point, leaves zero on "
        "g(1+γ) = 1; the paramagnetic one, the measure exp(−βE), on g²(1+γ) = 1 for γ ≥ 0. "
        "Between the lines (γ > 0) the measure still concentrates on x = 0, where the dynamics is "
        "already unstable.",
        bullets(
            (
                *_onset("Static branch: Q", static, static.Q, static.critical_gain),
                *_onset(
                    "Paramagnetic branch, γ ≥ 0: q",
                    leaving,
                    leaving.q,
                    leaving.measure_transition_gain,
                ),
                *_peak(static, found.G_line),
                *_unstable(static, measure),
                *(_missing(grid) for grid in (static, measure)),
            )
        ),
        f"{found.sizes['g']} gains each. Upper row: views over the plane of g and γ with the "
        "critical surface in grey. Lower rows: the same against g, dashed where unstable, circles "
        "on g(1+γ) = 1 and squares on g²(1+γ) = 1.",
    )


def _onset(name: str, grid: xr.Dataset, values: xr.DataArray, line: xr.DataArray) -> list[str]:
    known = grid.converged
    if not bool(known.any()):
        return []
    beyond = grid.g > line + ON_LINE
    against = int(((values > 0) != beyond).where(known, False).sum())
    total = int(known.sum())
    return [
        f"{name} is zero up to its line and positive beyond it at {total - against} of {total} "
        "converged points."
    ]


def _peak(static: xr.Dataset, on_line: xr.DataArray) -> list[str]:
    """How the response of the static branch depends on g, by the sign of γ, as far as computed."""
    crossed = on_line.notnull()
    positive, negative = crossed & (static.gamma > 0), static.gamma < 0
    null = static.G.where((static.gamma == 0) & (static.g <= static.critical_gain + ON_LINE))
    said = []
    if bool(crossed.any()):
        error = float(abs(on_line - 1 - static.gamma).max())
        said.append(
            f"Response of the static branch: G = 1+γ on its line within {error:.1g} at the "
            f"{_symmetries(crossed)} whose line crosses the grid."
        )
    if bool(positive.any()):
        peaked = positive & (static.G.max("g") <= on_line + ON_LINE)
        said.append(
            f"γ > 0: no gain of the grid has a larger G than the line at {int(peaked.sum())} of "
            f"{_symmetries(positive)} whose line crosses the grid."
        )
    if bool(null.notnull().any()):
        said.append(f"γ = 0: G = 1 up to the line within {float(abs(null - 1).max()):.1g}.")
    if bool(negative.any()):
        rising = negative & (static.G.diff("g") > ON_LINE).any("g")
        said.append(
            f"γ < 0: G rises between neighbouring gains somewhere at {int(rising.sum())} of "
            f"{_symmetries(negative)}."
        )
    return said


def _symmetries(chosen: xr.DataArray) -> str:
    return counted(int(chosen.sum()), "symmetry", "symmetries")


def _unstable(static: xr.Dataset, measure: xr.Dataset) -> tuple[str, str]:
    formal = int((static.converged & ~static.stable).sum())
    wrong = measure.converged & ~measure.stable
    negative = int(wrong.sel(gamma=measure.gamma < 0).sum())
    where = (
        f", {negative} of them at γ < 0. Theory: there the quenched measure needs ordered replicas"
        if negative
        else ""
    )
    return (
        f"Unstable points of the static branch, which is formal beyond its line: {formal}.",
        f"Unstable points of the paramagnetic branch: {int(wrong.sum())}{where}.",
    )


def _missing(grid: xr.Dataset) -> str:
    missing = grid.converged.size - int(grid.converged.sum())
    why = sorted(set(grid.reason.values[~grid.converged.values].tolist()))
    reason = f" ({'; '.join(why)})" if why else ""
    return f"Points of the {grid.attrs['branch']} branch without a solution: {missing}{reason}."


FIGURE = PaperFigure(
    key="qh3",
    source="[QH] Fig. 3",
    title="Order parameters across gain and symmetry",
    compute=compute,
    draw=draw,
    caption=caption,
    scales={
        "quick": {
            "g": np.linspace(0.4, 1.2, 41).round(10).tolist(),
            "gamma": np.linspace(-0.2, 1.0, 13).round(10).tolist(),
        },
        "paper": {
            "g": np.linspace(0.4, 1.2, 321).round(10).tolist(),
            "gamma": np.linspace(-0.2, 1.0, 13).round(10).tolist(),
        },
    },
)
