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


def test_the_line_ends_just_beyond_the_cut() -> None:
    """Within a part of 32 of where the weight has fallen by exp(−LOG_CUT), also off a far peak."""
    peak, width = np.array([0.0, 0.0, 5.0, 0.0]), np.array([1.0, 0.1, 0.3, 2.0])

    def log_weight(x: Array) -> Array:
        return 7.0 - ((x - peak[:, None]) / width[:, None]) ** 2 / 2

    scale, reach = np.array([1.0, 0.5, 0.2, 3.0]), np.array([60.0, 60.0, 60.0, 15.0])
    nodes, weights = half_line_rule(log_weight, scale, reach, 50)
    parts = np.arcsinh(reach / scale) / 32
    ends = np.arcsinh(nodes[:, -1] / scale)
    before = scale * np.sinh(ends - parts)
    fall = 7.0 - log_weight(np.stack([nodes[:, -1], before], axis=1))
    assert np.all(fall[:3, 0] >= LOG_CUT)
    assert np.all(fall[:3, 1] < LOG_CUT)
    np.testing.assert_allclose(ends / parts, np.round(ends / parts), rtol=1e-9)
    # Never beyond the reach that is asked for.
    assert nodes[3, -1] == pytest.approx(15.0, rel=1e-12)
    assert fall[3, 0] < LOG_CUT
    # Equal steps in u, with a dξ/du cosh u in the weights, half of it at 0.
    u = np.arcsinh(nodes / scale[:, None])
    np.testing.assert_allclose(np.diff(u, axis=1), (ends / 50)[:, None] * np.ones(50), rtol=1e-9)
    expected = (scale * ends / 50)[:, None] * np.cosh(u)
    expected[:, 0] /= 2
    np.testing.assert_allclose(weights, expected, rtol=1e-12)


def test_gauss_hermite_rules_are_kept_and_not_changed() -> None:
    nodes, weights = gauss_hermite(7)
    assert gauss_hermite(7)[0] is nodes
    assert weights.sum() == pytest.approx(1, abs=1e-15)
    for array in (nodes, weights):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0.0
