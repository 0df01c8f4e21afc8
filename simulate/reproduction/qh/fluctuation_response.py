"""[QH] Fig. 5: fluctuation–response relations of the saddle point at β = ∞."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from meanfield import figures

from ..definition import CONVERGED, PaperFigure
from ..text import NONE, paragraphs, table
from .order_parameters import ON_LINE, PARAMAGNETIC, STATIC, both_branches, one_branch


def compute(
    *,
    g: Sequence[float],
    gamma: Sequence[float],
    variant: str,
    seed: int,
    workers: int | None,
    progress: bool,
) -> xr.Dataset:
    """Both branches on the grid, with the relative error of the identity G(v + g²γ(q−Q)) = σ_xφ."""
    data = both_branches(g, gamma, progress=progress)
    static, measure = (one_branch(data, branch) for branch in (STATIC, PARAMAGNETIC))
    stiffness = static.g**2 * (1 + static.gamma)
    # In the null state σ_xφ of the solver follows from the identity; but there φ(x) = x to leading
    # order, so that β⟨xφ⟩ is β(q−Q) = χ, an independent number.
    sigma = static.sigma_xphi.where(static.Q > 0, static.chi)
    note = "relative error of the fluctuation-response identity, nan where both sides vanish"
    return data.assign(
        identity_error_static=_error(sigma, static.G * (1 + stiffness * static.chi), note),
        identity_error_paramagnetic=_error(
            measure.sigma_xphi, stiffness * (measure.q - measure.Q) * measure.G, note
        ),
    )


def _error(left: xr.DataArray, right: xr.DataArray, note: str) -> xr.DataArray:
    known = np.isfinite(left) & np.isfinite(right) & (left != 0)
    error = abs(right / left.where(known) - 1).transpose("gamma", "g")
    return error.assign_attrs(long_name=note)


def draw(data: xr.Dataset) -> Figure:
    """Both branches, as `meanfield.figures.fluctuation_response` draws them; unstable circled."""
    static, measure = (one_branch(data, branch) for branch in (STATIC, PARAMAGNETIC))
    figure = figures.fluctuation_response([static, measure])
    panels = figure.axes[:6]
    for axis, letter in zip(panels, "abcabc", strict=True):
        axis.set_title(f"({letter})", loc="right", fontsize=10)
    bad = measure.where(measure.converged & ~measure.stable)
    if bool(np.isfinite(bad.q).any()):
        pairs = ((bad.q, bad.sigma_xphi), (bad.G, bad.sigma_xphi), (bad.q, bad.G))
        for axis, (x, y) in zip(panels[3:], pairs, strict=True):
            axis.plot(
                x.values.ravel(), y.values.ravel(), "o", ms=6, mfc="none", mec="crimson", mew=0.9
            )
        panels[3].text(
            0.04, 0.9, "circled: unstable", transform=panels[3].transAxes, color="crimson",
            fontsize=8,
        )  # fmt: skip
    figure.suptitle(
        rf"$N \to \infty$, saddle-point equations, $g$ from {float(data.g[0]):g} to "
        rf"{float(data.g[-1]):g}",
        x=0.01, ha="left", fontsize=10,
    )  # fmt: skip
    return figure


def caption(data: Mapping[str, xr.Dataset]) -> str:
    """The identity behind the three panels and how well the solutions satisfy it."""
    found = data[CONVERGED]
    static, measure = (one_branch(found, branch) for branch in (STATIC, PARAMAGNETIC))
    null = static.identity_error.where(static.Q == 0)
    beyond = static.identity_error.where(static.Q > 0)
    unstable = measure.converged & ~measure.stable
    negative = int(unstable.sel(gamma=measure.gamma < 0).sum())
    rows = (
        ("static, stable: the null state", null, "χ/β"),
        ("static beyond its line: unstable, not drawn", beyond, "of the solver"),
        ("paramagnetic, q > 0", measure.identity_error, "by quadrature"),
    )
    return paragraphs(
        "Fluctuation σ_xφ against q−Q (a) and against the response r−R (b), and r−R against q−Q "
        "(c), coloured by γ; upper row static branch, lower row paramagnetic branch. Theory: the "
        "identity G(v + g²γ(q−Q)) = σ_xφ, G = r−R, ties the three together; on g(1+γ) = 1 the "
        "static branch loses stability, and χ diverges. "
        f"{_satisfied([error for _, error, _ in rows])}{_growing(static)} {_positive(measure)}",
        table(
            ["branch", "points", "largest relative error", "σ_xφ"],
            [[name, *_largest(error), sigma] for name, error, sigma in rows],
        ),
        "On the static branch q−Q vanishes like 1/β, χ = β(q−Q), and βσ_xφ = G[1 + g²(1+γ)χ] is "
        "drawn where it is stable; there φ(x) = x to leading order, so that βσ_xφ = χ. On the "
        "paramagnetic branch Q = R = 0 and σ_xφ = g²(1+γ) q r. Circled: its unstable points, "
        f"{int(unstable.sum())}, of which {negative} are at γ < 0.",
    )


def _satisfied(errors: Sequence[xr.DataArray]) -> str:
    known = [float(error.max()) for error in errors if bool(error.notnull().any())]
    return f"The solutions satisfy it within a relative error of {max(known):.1g}. " * bool(known)


def _growing(static: xr.Dataset) -> str:
    """Whether fluctuation and response grow along the stable static branch."""
    stable = static.stable & np.isfinite(static.chi)
    if not bool(stable.any()):
        return "No point of the static branch is stable on this grid."
    chi, response = (values.where(stable).diff("g") for values in (static.chi, static.G))
    top = float(static.chi.where(stable).max())
    return (
        "Along g, between neighbouring stable points of the static branch, χ rises in "
        f"{int((chi > 0).sum())} of {int(chi.notnull().sum())} cases, up to {top:.3g} on this "
        f"grid, and G in {int((response > ON_LINE).sum())}."
    )


def _positive(measure: xr.Dataset) -> str:
    """Whether the paramagnetic branch is positive beyond its line."""
    beyond = measure.converged & (measure.g > measure.measure_transition_gain + ON_LINE)
    if not bool(beyond.any()):
        return "No point of the paramagnetic branch lies beyond g²(1+γ) = 1 on this grid."
    positive = (measure.q > measure.Q) & (measure.sigma_xphi > 0) & (measure.G > 0)
    return (
        "On the paramagnetic branch q−Q, r−R and σ_xφ are positive at "
        f"{int((positive & beyond).sum())} of {int(beyond.sum())} points beyond g²(1+γ) = 1."
    )


def _largest(error: xr.DataArray) -> list[str]:
    count = int(np.isfinite(error).sum())
    return [str(count), f"{float(error.max()):.1g}" if count else NONE]


FIGURE = PaperFigure(
    key="qh5",
    source="[QH] Fig. 5",
    title="Fluctuation–response relations of the saddle point",
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
