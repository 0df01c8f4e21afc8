"""Quadrature rules, against integrals that are known."""

import math

import numpy as np
import pytest

from meanfield.common.arguments import Array
from meanfield.quadrature import LOG_CUT, gauss_hermite, half_line_rule

WIDTHS = np.array([0.01, 0.4, 1.0, 3.0])


@pytest.mark.parametrize("reach", [1.0, 40.0])
def test_even_gaussian_moments_on_the_half_line(reach: float) -> None:
    """∫ ξ^{2k} e^{−ξ²/2s²} over ξ > 0, where the weight is cut off in time or far too late."""

    def log_weight(x: Array) -> Array:
        return -((x / WIDTHS[:, None]) ** 2) / 2

    far = reach * WIDTHS * math.sqrt(2 * LOG_CUT)
    nodes, weights = half_line_rule(log_weight, WIDTHS, far, 64)
    assert nodes.shape == (4, 65)
    assert np.all(nodes[:, 0] == 0)
    # No node is spent far beyond the cut.
    assert np.all(nodes[:, -1] < 1.5 * math.sqrt(2 * LOG_CUT) * WIDTHS)
    for k, moment in ((0, 1.0), (1, 1.0), (2, 3.0)):
        found = np.sum(weights * nodes ** (2 * k) * np.exp(log_weight(nodes)), axis=1)
        expected = math.sqrt(math.pi / 2) * moment * WIDTHS ** (2 * k + 1)
        np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_a_pole_as_near_as_the_scale() -> None:
    """∫ e^{−ξ²/2}/(a² + ξ²) over ξ > 0 = π e^{a²/2} erfc(a/√2)/2a."""
    for a in (0.1, 1.0):
        scale, reach = np.array([a]), np.array([math.sqrt(2 * LOG_CUT)])
        nodes, weights = half_line_rule(lambda x: -(x**2) / 2, scale, reach, 100)
        found = float(np.sum(weights * np.exp(-(nodes**2) / 2) / (a * a + nodes**2)))
        expected = math.pi * math.exp(a * a / 2) * math.erfc(a / math.sqrt(2)) / (2 * a)
        assert found == pytest.approx(expected, rel=1e-10)


def test_moments_of_the_normal_law() -> None:
    nodes, weights = gauss_hermite(12)
    for k in range(12):
        moment = math.prod(range(k - 1, 0, -2)) if k % 2 == 0 else 0
        assert float(np.sum(weights * nodes**k)) == pytest.approx(moment, rel=1e-12, abs=1e-9)
