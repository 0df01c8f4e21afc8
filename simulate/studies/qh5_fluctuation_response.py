"""[QH] Fig. 5: fluctuation–response relations of the saddle point at β = ∞."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from meanfield.common import style
from meanfield.common.study import told
from meanfield.studies.phase_diagram import (
    GRID,
    PARAMAGNETIC,
    STATIC,
    fluctuation_response,
    one_branch,
)

from .qh3_order_parameters import ON_LINE, QH3

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.figure import Figure


def derive(data: xr.Dataset) -> xr.Dataset:
    """How well the solutions satisfy G(v + g²γ(q−Q)) = σ_xφ, and what grows along g."""
    import xarray as xr

    static, measure = (one_branch(data, branch) for branch in (STATIC, PARAMAGNETIC))
    stiffness = data.g**2 * (1 + data.gamma)
    # In the null state σ_xφ of the solver follows from the identity; but there φ(x) = x to leading
    # order, so that β⟨xφ⟩ is β(q−Q) = χ, an independent number.
    sigma = static.sigma_xphi.where(static.Q > 0, static.chi)
    errors = xr.concat(
        [
            _error(sigma, static.G * (1 + stiffness * static.chi)),
            _error(measure.sigma_xphi, stiffness * (measure.q - measure.Q) * measure.G),
        ],
        data.branch,
    ).transpose("branch", *GRID)
    parts = {
        "static, null": errors[0].where(static.Q == 0),
        "static, beyond its line": errors[0].where(static.Q > 0),
        "paramagnetic, q > 0": errors[1],
    }
    known = static.stable & np.isfinite(static.chi)
    chi, response = (values.where(known).diff("g") for values in (static.chi, static.G))
    beyond = measure.converged & (data.g > data.measure_transition_gain + ON_LINE)
    positive = (measure.q > measure.Q) & (measure.sigma_xphi > 0) & (measure.G > 0) & beyond
    counts, largest = zip(*((v.notnull().sum(), v.max()) for v in parts.values()), strict=True)
    text = "relative error of the fluctuation-response identity, nan where both sides vanish"
    identity = "points with the identity G(v + g²γ(q−Q)) = σ_xφ"
    return data.assign(
        identity_error=told(("branch", *GRID), errors, text),
        identity_points=told("stretch", counts, identity),
        identity_largest=told("stretch", largest, "its largest relative error"),
        chi_largest=told(
            (), static.chi.where(known).max(), "largest χ of the stable static branch"
        ),
        n_pairs=told((), chi.notnull().sum(), "neighbouring stable gains of the static branch"),
        n_chi_rises=told((), (chi > 0).sum(), "of them with χ rising along g"),
        n_response_rises=told((), (response > ON_LINE).sum(), "of them with r−R rising along g"),
        n_beyond=told((), beyond.sum(), "paramagnetic points beyond g²(1+γ) = 1"),
        n_positive=told((), positive.sum(), "of them with q−Q, r−R and σ_xφ positive"),
    ).assign_coords(stretch=list(parts))


def _error(left: xr.DataArray, right: xr.DataArray) -> xr.DataArray:
    known = np.isfinite(left) & np.isfinite(right) & (left != 0)
    return abs(right / left.where(known) - 1)


def draw(data: xr.Dataset) -> Figure:
    """Both branches as `fluctuation_response` draws them."""
    figure = fluctuation_response([one_branch(data, branch) for branch in (STATIC, PARAMAGNETIC)])
    gains = rf"$g$ from {float(data.g[0]):g} to {float(data.g[-1]):g}"
    style.above(figure, rf"$N \to \infty$, saddle-point equations, {gains}")
    return figure


QH5 = replace(
    QH3,
    name="qh5",
    source="[QH] Fig. 5",
    title="fluctuation–response relations of the saddle point",
    draw=draw,
    text="""
Fluctuation σ_xφ against q−Q (a, d) and against the response r−R (b, e), and r−R against q−Q (c, f),
a curve a γ along g; upper row static branch, lower row paramagnetic branch, unstable points
circled.
Theory: the identity G(v + g²γ(q−Q)) = σ_xφ, G = r−R, ties the three together; on g(1+γ) = 1 the
static branch loses stability, and χ diverges.

On the static branch q−Q vanishes like 1/β, χ = β(q−Q), and βσ_xφ = G[1 + g²(1+γ)χ] is drawn where
it is stable, the null state; there φ(x) = x to leading order, so that βσ_xφ = χ is compared, beyond
its line that of the solver. On the paramagnetic branch Q = R = 0 and σ_xφ = g²(1+γ) q r, and σ_xφ
by quadrature is compared.""",
    columns=(
        "identity_points", "identity_largest", "chi_largest", "n_pairs", "n_chi_rises",
        "n_response_rises", "n_beyond", "n_positive", "n_unstable", "n_unstable_negative",
    ),
    derive=derive,
)  # fmt: skip
