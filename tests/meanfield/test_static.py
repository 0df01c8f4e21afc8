import numpy as np
import pytest

from meanfield import critical_gain, null_fluctuation, null_response, saddle_point
from meanfield.quadrature import gauss_hermite
from meanfield.replica import static
from meanfield.replica.points import Points
from meanfield.transfer import transfer_function


def test_null_phase_is_the_elliptic_law() -> None:
    g, gamma = np.array([0.3, 0.5, 0.9, 1.4]), np.array([0.8, 0.5, 0.0, -0.4])
    point = saddle_point(g, gamma)
    assert np.all(point.Q == 0)
    np.testing.assert_allclose(point.G, null_response(g, gamma), rtol=1e-15)
    np.testing.assert_allclose(point.chi, null_fluctuation(g, gamma), rtol=1e-13)
    assert point.stable.all()
    np.testing.assert_allclose(
        point.sigma_xphi, point.G * (1 + g**2 * (1 + gamma) * point.chi), rtol=1e-13
    )


def test_response_peaks_on_the_line() -> None:
    for gamma in (0.2, 0.5, 1.0):
        g_c = float(critical_gain(gamma))
        response = saddle_point(g_c * np.linspace(0.9, 1.1, 41), gamma).G
        assert np.argmax(response) == 20
        assert response[20] == pytest.approx(1 + gamma, rel=1e-7)


@pytest.mark.parametrize("gamma", [-0.6, -0.2, 0.0, 0.5, 1.0])
def test_onset_is_linear(gamma: float) -> None:
    distance = np.array([1e-3, 1e-5, 1e-7])
    point = saddle_point(critical_gain(gamma) * (1 + distance), gamma)
    np.testing.assert_allclose(point.Q / distance, 1, atol=10 * distance.max())
    assert abs(point.Q[2] / distance[2] - 1) < 1e-5
    # g²K − 1 ∝ distance²: below rounding for the last.
    assert point.stable.tolist() == [False, False, True]
    assert point.marginal.tolist() == [False, False, True]


def test_line_itself_is_marginal() -> None:
    point = saddle_point(0.5, 1.0)
    assert point.marginal
    assert point.stable
    assert point.chi == np.inf
    assert point.G == pytest.approx(2.0, rel=1e-12)


def test_branch_ends_where_the_map_stops_being_monotone() -> None:
    g = np.linspace(1.155, 1.17, 31)
    point = saddle_point(g, 1.0, throw=False)
    k = g**2 * point.G
    inside = point.converged
    last = int(np.flatnonzero(inside)[-1])
    assert inside[: last + 1].all()
    assert not inside[last + 1 :].any()
    assert 0.995 < k[last] < 1
    assert all("monotone" in reason for reason in point.reason[~inside])
    assert np.isnan(point.Q[~inside]).all()


def test_peaked_response_needs_the_rule_in_x() -> None:
    # 120 Gauss–Hermite nodes in z get the fourth digit of G wrong here.
    g, gamma = 1.0667, 0.5
    point = saddle_point(g, gamma)
    u, weights = gauss_hermite(120)
    z = g * np.sqrt(float(point.Q)) * u
    k = g**2 * gamma * float(point.G)
    x = z.copy()
    for _ in range(200):
        x -= (x - k * np.tanh(x) - z) / (1 - k / np.cosh(x) ** 2)
    d1 = 1 / np.cosh(x) ** 2
    by_hermite = np.sum(weights * d1 / (1 - k * d1))
    assert 1e-5 < abs(by_hermite / point.G - 1) < 1e-3
    assert point.quadrature_error <= 1e-12


@pytest.mark.parametrize("phi", ["tanh", "erf", "algebraic"])
def test_jacobian_is_the_derivative(phi: str) -> None:
    g, gamma = np.array([1.3, 1.1, 0.9, 3.0]), np.array([0.0, 0.5, 1.0, -0.7])
    points = Points(g, gamma, 0 * g, 0 * g, transfer_function(phi))
    unknowns = np.array([[-1.0, 0.8], [-0.8, 0.8], [-0.9, 1.0], [0.0, 0.4]])
    _, jacobian = static.equations(unknowns, points, 200)
    for j in range(2):
        h = np.zeros(2)
        h[j] = 1e-5
        up = static.equations(unknowns + h, points, 200)[0]
        down = static.equations(unknowns - h, points, 200)[0]
        np.testing.assert_allclose(jacobian[:, :, j], (up - down) / 2e-5, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize(("g", "gamma"), [(1.3, 0.3), (1.6, -0.2), (0.8, 0.6)])
def test_conjugates_against_laplace_by_integration(g: float, gamma: float) -> None:
    """R, ΔX and P from the single-site law at small finite v, 200 Gauss–Hermite fields.

    At given (z, w) the tree-level formulas claim ⟨y⟩/v → D L + O(v); that limit is taken by a
    numerical integral, with the R, ΔX, P of the solution in the weight.
    """
    point = saddle_point(g, gamma)
    q, overlap, stretch = (float(a) for a in (point.Q, point.R, point.X + point.P))
    k = g**2 * gamma * float(point.G)
    u, weights = gauss_hermite(200)
    z = g * np.sqrt(q) * u
    # P < 0 here (formal): only the mean of w given z enters R and ΔX.
    w = gamma * overlap / q * z
    v = 1e-8

    def x_of(z: np.ndarray) -> np.ndarray:
        x = z.copy()
        for _ in range(100):
            x = x - (x - k * np.tanh(x) - z) / (1 - k / np.cosh(x) ** 2)
        return x

    centre = x_of(z)
    slope = 1 - k / np.cosh(centre) ** 2
    t = np.linspace(-9, 9, 801)
    x = centre[:, None] + np.sqrt(v) * t / slope[:, None]
    phi = np.tanh(x)
    y = x - z[:, None] - k * phi
    log = -(y**2) / (2 * v) + w[:, None] * phi - g**2 * stretch * phi**2 / 2
    p = np.exp(log - log.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    mean_y, mean_phi = (p * y).sum(1), (p * phi).sum(1)
    assert np.sum(weights * mean_y / v * mean_phi) == pytest.approx(overlap, rel=1e-3)
    variance = (p * y * y).sum(1) - mean_y**2
    assert np.sum(weights * (1 / v - variance / v**2)) == pytest.approx(stretch, rel=1e-3)
