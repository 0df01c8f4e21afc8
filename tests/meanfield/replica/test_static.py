import numpy as np
import pytest

from meanfield import (
    TransferFunction,
    critical_gain,
    null_fluctuation,
    null_response,
    saddle_point,
    stationary,
)
from meanfield.quadrature import LOG_CUT, gauss_hermite
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
    assert not point.stable.any()
    assert not point.marginal.any()


@pytest.mark.parametrize("gamma", [-0.99, -0.3, 0.0, 0.6, 1.0])
def test_susceptibility_keeps_its_sign_and_digits_beyond_the_line(gamma: float) -> None:
    # χ ε² tends to a constant, −3/4 at γ = 0 (25-digit values there: −0.7500099995 at 1e-5).
    distance = np.array([1e-4, 1e-5, 1e-6, 1e-7])
    point = saddle_point(critical_gain(gamma) * (1 + distance), gamma)
    scaled = point.chi * distance**2
    assert np.all(point.chi < 0)
    assert gamma == 0 or np.all(point.P < 0)
    assert not point.stable.any()
    np.testing.assert_allclose(scaled[1:], scaled[0], rtol=3e-2)
    if gamma == 0.0:
        assert scaled[1] == pytest.approx(-0.7500099995, rel=1e-7)
        assert scaled[2] == pytest.approx(-0.750001, rel=1e-6)


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
    assert g[last] == pytest.approx(1.1605, abs=6e-4)
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
def test_observables_against_laplace_by_integration(g: float, gamma: float) -> None:
    """R, X, P, ψ and ⟨x²⟩ from numerical integrals over the single-site law at v = 1e-8.

    ⟨y⟩/v at given (z, w) is linear in w as v → 0, so that its mean and slope in w give
    P = E⟨y⟩²/v² also where P < 0 (formal) and no Gaussian w exists.
    """
    point = saddle_point(g, gamma)
    q, overlap, x_d, noise = (float(a) for a in (point.Q, point.R, point.X, point.P))
    k, v = g**2 * gamma * float(point.G), 1e-8
    u, weights = gauss_hermite(200)
    z = g * np.sqrt(q) * u
    centre = z.copy()
    for _ in range(100):
        centre -= (centre - k * np.tanh(centre) - z) / (1 - k / np.cosh(centre) ** 2)
    slope = 1 - k / np.cosh(centre) ** 2
    t = np.linspace(-9, 9, 801)
    x = centre[:, None] + np.sqrt(v) * t / slope[:, None]
    phi = np.tanh(x)
    y = x - z[:, None] - k * phi

    def law(w: np.ndarray) -> tuple[np.ndarray, ...]:
        log = -(y**2) / (2 * v) + w[:, None] * phi - g**2 * (x_d + noise) * phi**2 / 2
        p = np.exp(log)
        norm = p.sum(1)
        log_z = np.log(norm * (t[1] - t[0]) * np.sqrt(v) / slope / np.sqrt(2 * np.pi * v))
        p = p / norm[:, None]
        mean_y = (p * y).sum(1)
        variance = (p * y * y).sum(1) - mean_y**2
        return mean_y / v, (p * phi).sum(1), variance, log_z

    def mean(values: np.ndarray) -> float:
        return float(np.sum(weights * values))

    w = gamma * overlap / q * z
    pull, activity, variance, log_z = law(w)
    slope_w = (law(w + 0.01)[0] - law(w - 0.01)[0]) / 0.02
    spread = g**2 * (noise - gamma**2 * overlap**2 / q)  # variance of w given z
    assert mean(pull * activity) == pytest.approx(overlap, rel=1e-3)
    assert mean(1 / v - variance / v**2) == pytest.approx(x_d + noise, rel=1e-3)
    assert mean(pull**2) + spread * mean(slope_w**2) == pytest.approx(noise, rel=1e-3)
    assert mean(centre**2) == pytest.approx(float(point.x2), rel=1e-6)
    r = overlap + float(point.G)
    lagrange = x_d * q + noise * q - gamma * (r**2 - overlap**2)
    entropy = g**2 / 2 * lagrange + mean(log_z)
    assert entropy == pytest.approx(float(point.free_entropy), abs=1e-5)


def test_discontinuous_onset_is_flagged_without_a_guess() -> None:
    bumpy = TransferFunction(
        name="bumpy",
        phi=lambda x: 0.3 * np.tanh(x) + 0.7 * np.tanh(x) ** 3,
        d1=lambda x: (0.3 + 2.1 * np.tanh(x) ** 2) / np.cosh(x) ** 2,
        d2=lambda x: (
            (4.2 * (1 - np.tanh(x) ** 2) - 0.6 - 4.2 * np.tanh(x) ** 2)
            * np.tanh(x)
            / np.cosh(x) ** 2
        ),
        bound=1.0,
    )
    point = saddle_point(2.4, 0.5, phi=bumpy, throw=False)
    assert not point.converged
    assert "not connected to the onset" in str(point.reason)


@pytest.mark.parametrize("phi", ["tanh", "erf", "algebraic"])
def test_p_is_negative_where_the_branch_is_unstable(phi: str) -> None:
    """The sign of γ does not matter; P = 0 at γ = 0."""
    gamma = np.array([-0.5, -0.2, 0.2, 0.5, 0.9])[:, None]
    point = saddle_point(
        critical_gain(gamma) * np.array([1.02, 1.1, 1.2]), gamma, phi=phi, throw=False
    )
    assert point.converged.sum() >= 13
    assert np.all(point.P[point.converged] < 0)
    assert not point.stable.any()
    assert saddle_point(2.0, phi=phi).P == 0


@pytest.mark.parametrize(("g", "measure", "dynamics"), [(2.0, 2.121, 1.925), (5.0, 20.699, 16.964)])
def test_x2_of_the_measure_is_not_that_of_the_dynamics(
    g: float, measure: float, dynamics: float
) -> None:
    point = saddle_point(g)
    assert point.x2 == pytest.approx(measure, abs=1e-3)
    assert point.x2 == pytest.approx(g**2 * point.q, rel=1e-12)
    assert stationary(g).delta0 == pytest.approx(dynamics, abs=1e-3)


def test_fluctuations_and_response_beyond_the_line() -> None:
    """σ_xφ = G(1 + g²(1+γ)χ), which the branch evaluates from another average."""
    g, gamma = np.array([1.3, 1.2, 0.7, 1.6, 3.0]), np.array([0.0, 0.3, 0.6, -0.2, -0.6])
    point = saddle_point(g, gamma)
    expected = point.G * (1 + g**2 * (1 + gamma) * point.chi)
    np.testing.assert_allclose(point.sigma_xphi, expected, rtol=1e-10)
    assert np.all(point.instability > 1)
    # g²⟨(φ'/y')²⟩, by Gauss–Hermite in z.
    u, weights = gauss_hermite(120)
    for k in range(5):
        slope = float(g[k] ** 2 * gamma[k] * point.G[k])
        z = g[k] * np.sqrt(float(point.Q[k])) * u
        x = z / (1 - min(slope, 0.0))
        for _ in range(200):
            x -= (x - slope * np.tanh(x) - z) / (1 - slope / np.cosh(x) ** 2)
        d1 = 1 / np.cosh(x) ** 2
        eigenvalue = g[k] ** 2 * np.sum(weights * (d1 / (1 - slope * d1)) ** 2)
        assert point.instability[k] == pytest.approx(float(eigenvalue), rel=1e-4)
        assert point.x2[k] == pytest.approx(float(np.sum(weights * x**2)), rel=1e-4)


@np.errstate(divide="ignore", invalid="ignore")
def test_steps_keep_away_from_the_wall() -> None:
    """1 − k may lose three quarters; G half, and ln v one, of itself; no step is made longer."""
    phi = transfer_function("tanh")
    g, gamma = np.array([1.0, 1.0, 1.0, 1.0, 1.0, 2.0]), np.array([0.5, 0.5, 0.5, 0.5, -0.5, 0.125])
    points = Points(g, gamma, 0 * g, 0 * g, phi)
    unknowns = np.array([[0, 1.6], [0, 1.6], [0, 1.0], [0, 1.0], [0, 1.0], [0, 1.6]])
    step = np.array([[0, 0.8], [0, 0.2], [-4.0, 0.1], [0, -2.0], [0.5, 0.1], [0, 0.8]])
    found = static._limit(unknowns, step, points)
    # k = 0.8 → 0.95; k → 0.9 is near enough; ln v; G → 1/2; nothing.
    np.testing.assert_allclose(found, [0.375, 1.0, 0.25, 0.25, 1.0, 0.375])
    # Beyond the wall no step towards it is left.
    assert static._limit(np.array([[0, 2.2]]), np.array([[0, 0.1]]), points.take([0]))[0] == 0
    steep = np.array([[0.0, 1.6]]), np.array([[0.0, 0.8]])
    other = TransferFunction(
        name="steep",
        phi=lambda x: np.tanh(2 * x) / 4,
        d1=lambda x: 0.5 / np.cosh(2 * x) ** 2,
        d2=lambda x: -2 * np.tanh(2 * x) / np.cosh(2 * x) ** 2,
    )
    points = Points(np.ones(1), np.ones(1), np.zeros(1), np.zeros(1), other)
    assert static._limit(*steep, points)[0] == pytest.approx(0.375)


@pytest.mark.parametrize("phi", ["tanh", "erf", "algebraic"])
def test_the_start_becomes_exact_at_the_onset(phi: str) -> None:
    """v and G of the start over those of the branch tend to 1 as the distance does to 0."""
    distance = np.array([1e-2, 1e-4])
    for gamma in (-0.5, 0.0, 0.7):
        g = float(critical_gain(gamma)) * (1 + distance)
        points = Points(g, np.full(2, gamma), 0 * g, 0 * g, transfer_function(phi))
        start = static.onset_start(points, distance)
        point = saddle_point(g, gamma, phi=phi)
        v = np.log(g**2 * point.Q)
        assert np.all(np.abs(start[:, 0] - v) < 12 * distance)
        assert np.all(np.abs(start[:, 1] / point.G - 1) < 12 * distance)
    far = static.onset_start(points.take([0]), np.array([50.0]))
    assert far[0, 0] < np.log(points.g[0] ** 2)
    assert 0 < far[0, 1] < 0.1


def test_the_start_is_in_the_units_of_the_function() -> None:
    """tanh(30x) near the onset and far from it."""
    steep = TransferFunction(
        name="steep",
        phi=lambda x: np.tanh(30 * x),
        d1=lambda x: 30 / np.cosh(30 * x) ** 2,
        d2=lambda x: -1800 * np.tanh(30 * x) / np.cosh(30 * x) ** 2,
    )
    distance = np.array([1e-3, 40.0])
    gamma, zero = np.full(2, 0.4), np.zeros(2)
    g = (1 + distance) / 1.4
    one = static.onset_start(Points(g, gamma, zero, zero, transfer_function("tanh")), distance)
    two = static.onset_start(Points(g / 30, gamma, zero, zero, steep), distance)
    np.testing.assert_allclose(two[:, 0], one[:, 0] - 2 * np.log(30), atol=0.03)
    np.testing.assert_allclose(two[:, 1], 30 * one[:, 1], rtol=1e-9)


@pytest.mark.parametrize("name", ["tanh", "steep", "linear"])
@pytest.mark.parametrize("n", [24, 200])
def test_the_law_reaches_as_far_as_its_weight(name: str, n: int) -> None:
    """The last ψ is beyond the cut, not far beyond, and its moments are those of a normal law."""
    phi = transfer_function("tanh" if name == "steep" else name)
    if name == "steep":
        phi = TransferFunction(
            name="steep",
            phi=lambda x: np.tanh(30 * x) / 30,
            d1=lambda x: 1 - np.tanh(30 * x) ** 2,
            d2=lambda x: -60 * np.tanh(30 * x) * (1 - np.tanh(30 * x) ** 2),
            bound=1 / 30,
        )
    k = np.array([-3.0, 0.0, 0.5, 0.9, 0.98, 0.5, 0.98])
    log_v = np.array([-4.0, 0.0, -25.0, -25.0, -1.0, 6.0, 4.0])
    one = np.ones(7)
    points = Points(one, np.where(k < 0, -1.0, 1.0), 0 * one, 0 * one, phi)
    law = static._StaticLaw(np.stack([log_v, np.abs(k)], axis=1), points, n)
    np.testing.assert_allclose(law.k[:, 0], k)
    far = np.sqrt(2 * LOG_CUT)
    assert np.all(law.psi[:, -1] > far * (1 - 1e-9))
    # The scan has 32 parts of at most arcsinh(10⁴).
    assert np.all(law.psi[:, -1] < 1.8 * far)
    if n == 200:
        for power, moment in ((0, 1.0), (2, 1.0), (4, 3.0)):
            np.testing.assert_allclose(law.mean(law.psi**power), moment, rtol=1e-9)
    x = law.s * law.xi
    np.testing.assert_allclose(law.lag, law.xi * phi.d1(x) - law.phi_s, atol=1e-9)
    np.testing.assert_allclose(law.slope, 1 - k[:, None] * phi.d1(x), atol=1e-12)


def test_a_law_beyond_the_wall_still_has_nodes() -> None:
    """Newton's method may look there: k > 1, as far as φ can move x."""
    points = Points(np.ones(1), np.ones(1), np.zeros(1), np.zeros(1), transfer_function("tanh"))
    law = static._StaticLaw(np.array([[0.0, 1.5]]), points, 48)
    assert np.all(np.isfinite(law.p))
    assert law.psi[0, -1] > np.sqrt(2 * LOG_CUT) * (1 - 1e-9)
