"""The state x = 0 at T = 0 in closed form: regime I of both branches, regime II of the measure."""

from __future__ import annotations

import numpy as np

from ..common.arguments import Array
from ..elliptic import null_fluctuation, null_margin, null_response
from .points import Columns, Points


def static_null(points: Points) -> Columns:
    """The static branch up to a g(1+γ) = 1, where χ and X diverge."""
    columns = _columns(points, "static")
    values = columns.values
    with np.errstate(invalid="ignore"):
        values["sigma_xphi"] = values["r"] * (1 + points.g**2 * (1 + points.gamma) * values["chi"])
    values["instability"] = 1 - null_margin(points.effective_gain, points.gamma)
    return columns


def measure_null(points: Points) -> Columns:
    """The limit T → 0 of the paramagnetic branch where q → 0: regimes I and II.

    In regime II r is the elliptic law's resolvent inside its support, X and χ diverge, and the
    branch is marginal.
    """
    columns = _columns(points, "paramagnetic")
    values, gain, gamma = columns.values, points.effective_gain, points.gamma
    margin = null_margin(gain, gamma)
    inside = margin == 0
    entropy = 0.5 - 1 / (2 * gain**2 * (1 + gamma)) - np.log(gain)
    values["free_entropy"] = np.where(inside, entropy, values["free_entropy"])
    # Proved in derivations.replica: g²G² outside, exactly 1 inside the support.
    values["instability"] = np.where(inside, 1.0, 1 - margin)
    values["sigma_xphi"] = np.zeros(len(points))
    return columns


def _columns(points: Points, branch: str) -> Columns:
    columns = Columns(len(points))
    phi, gamma, gain = points.phi, points.gamma, points.effective_gain
    response = null_response(gain, gamma)
    zero: Array = np.zeros(len(points))
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = null_fluctuation(gain, gamma)
        bend = 3 * phi.cubic * phi.slope * points.g**2 * gamma * response**2 * ratio
    columns.values.update(
        q=zero,
        Q=zero,
        r=phi.slope * response,
        R=zero,
        X=np.where((gamma == 0) | phi.is_linear, 0.0, bend),
        P=zero,
        chi=phi.slope**2 * ratio,
        x2=zero,
        free_entropy=-(gain**2) * gamma * response**2 / 2 + np.log(response),
    )
    for errors in (columns.residual, columns.quadrature_error, columns.rounding_error):
        errors[:] = 0.0
    columns.reason[:], columns.branch_of[:] = "", branch
    return columns
