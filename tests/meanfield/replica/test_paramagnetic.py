"""The paramagnetic branch where it is hard: both lines, two sheets, folds, extreme β."""

import numpy as np
import pytest

from meanfield import (
    NotConvergedError,
    TransferFunction,
    critical_gain,
    measure_transition_gain,
    null_fluctuation,
    null_margin,
    null_response,
    replica_map,
    saddle_point,
    spin_glass_beta,
)
from meanfield.quadrature import LOG_CUT
from meanfield.replica import paramagnetic
from meanfield.replica.points import NO_NULL, Points
from meanfield.transfer import transfer_function


def test_every_point_of_the_domain_converges_or_ends_in_a_fold() -> None:
    rng = np.random.default_rng(1)
    g = 10 ** rng.uniform(np.log10(0.05), 1, 4000)
    gamma = rng.uniform(-0.95, 1, g.size)
    beta = 10 ** rng.uniform(-1, 15, g.size)
    beta[::10] = np.inf
    points = saddle_point(g, gamma, beta=beta, branch="paramagnetic", throw=False)
    lost = ~points.converged
    assert np.all(points.residual[~lost] <= 1e-10)
    assert np.all(points.quadrature_error[~lost] <= 1e-12)
    # Only the cooled sheet of γ < 0 can end, between its two lines.
    assert lost.sum() <= 4
    assert all("fold" in reason for reason in points.reason[lost])
    assert np.all(gamma[lost] < 0)


@pytest.mark.parametrize("line", [critical_gain, measure_transition_gain])
def test_neighbourhood_of_the_lines(line) -> None:  # type: ignore[no-untyped-def]
    rng = np.random.default_rng(2)
    gamma = rng.uniform(-0.95, 1, 1500)
    distance = 10 ** rng.uniform(-14, -2, gamma.size) * rng.choice([-1, 0, 1], gamma.size)
    beta = 10 ** rng.uniform(0, 14, gamma.size)
    beta[::4] = np.inf
    points = saddle_point(
        line(gamma) * (1 + distance), gamma, beta=beta, branch="paramagnetic", throw=False
    )
    assert points.residual.max() <= 1e-10
    # Within 1e-12 of the onset q itself is of the order of rounding.
    lost = ~points.converged
    assert np.all(np.abs(distance[lost]) < 1e-12)
    assert all("rounding" in reason for reason in points.reason[lost])
    assert lost.sum() < 40


def test_regime_two_is_exact_at_infinite_beta() -> None:
    g, gamma = 0.75, 0.5
    point = saddle_point(g, gamma, branch="paramagnetic")
    assert point.q == 0
    assert point.r == pytest.approx(1 / (g**2 * (1 + gamma)), rel=1e-15)
    assert point.X == np.inf
    assert point.instability == pytest.approx(1, abs=1e-12)
    assert point.stable
    assert point.marginal
    expected = 0.5 - 1 / (2 * g**2 * (1 + gamma)) - np.log(g)
    assert point.free_entropy == pytest.approx(expected, rel=1e-14)


def test_limits_of_infinite_beta_are_reached() -> None:
    # Order T in regimes I and III, √T in regime II.
    g, gamma = np.array([0.5, 0.75, 1.2, 1.5]), np.array([0.3, 0.5, 0.5, -0.2])
    limit = saddle_point(g, gamma, branch="paramagnetic")
    for beta in (1e6, 1e8, 1e10):
        near = saddle_point(g, gamma, beta=beta, branch="paramagnetic")
        scale = np.array([10, 10 * np.sqrt(beta), 10, 10]) / beta
        assert np.all(np.abs(near.q - limit.q) < scale)
        assert np.all(np.abs(near.r - limit.r) < scale)
        assert np.all(np.abs(near.free_entropy - limit.free_entropy) < 10 * scale)


@pytest.mark.parametrize(("gamma", "power"), [(0.5, 2 / 3), (0.2, 2 / 3), (1.0, 3 / 4)])
def test_power_law_on_the_critical_line(gamma: float, power: float) -> None:
    # T/v = τ ~ T^{1/3} where A ∝ τ, and τ ~ T^{1/4} at γ = 1 where A ∝ τ².
    beta = np.array([1e12, 1e14])
    q = saddle_point(critical_gain(gamma), gamma, beta=beta, branch="paramagnetic").q
    assert np.log(q[0] / q[1]) / np.log(100) == pytest.approx(power, abs=2e-3)


def test_two_sheets_and_their_stability() -> None:
    cooled = saddle_point(1.6, -0.5, beta=1e6, branch="paramagnetic")
    null = saddle_point(1.6, -0.5, beta=1e6, branch="paramagnetic", sheet="null")
    assert cooled.instability == pytest.approx(1.83, abs=0.005)
    assert not cooled.stable
    assert null.instability == pytest.approx(0.849, abs=0.0005)
    assert null.stable
    assert null.q == pytest.approx(1e-6 * null_fluctuation(1.6, -0.5), rel=1e-4)


def test_null_sheet_ends_in_a_fold() -> None:
    temperature = np.array([0.0118, 0.01184, 0.01186, 0.0125])
    points = saddle_point(
        1.6, -0.5, beta=1 / temperature, branch="paramagnetic", sheet="null", throw=False
    )
    assert points.converged.tolist() == [True, True, False, False]
    assert all("fold" in reason for reason in points.reason[2:])
    with pytest.raises(NotConvergedError, match="2 of 4 points"):
        saddle_point(1.6, -0.5, beta=1 / temperature, branch="paramagnetic", sheet="null")


def test_the_fold_by_exhaustive_search() -> None:
    # Newton from everywhere: three solutions below the fold, one above.
    rng = np.random.default_rng(5)
    n = 400
    start = np.stack([rng.uniform(-4, 0.5, n), rng.uniform(0.4, 1, n), rng.uniform(-2, 0.2, n)])
    counts = []
    for temperature in (0.01184, 0.01186):
        points = Points(
            *(np.full(n, a) for a in (1.6, -0.5, temperature, 0.0)), transfer_function("tanh")
        )
        solved = paramagnetic.BRANCH.solve(start.T, points, 60)
        found = solved.unknowns[solved.residual < 1e-10]
        counts.append(len(np.unique(found.round(4), axis=0)))
    assert counts == [3, 1]


def test_null_sheet_needs_the_null_phase() -> None:
    point = saddle_point(2.1, -0.5, branch="paramagnetic", sheet="null", throw=False)
    assert not point.converged
    assert "g(1+gamma) < 1" in str(point.reason)


def test_cooling_between_the_lines_can_lead_to_the_null_state() -> None:
    # Just above 1/√(1+γ) = 1.118 the sheet continued from β = 0 ends at x = 0, further up at a
    # finite q: the finite-q solution of β = ∞ is not reached by cooling there.
    g = np.array([1.125, 1.16, 1.2, 1.3])
    cooled = saddle_point(g, -0.2, branch="paramagnetic")
    assert np.all(cooled.q[:2] == 0)
    assert np.all(cooled.q[2:] > 0.05)
    near = saddle_point(g, -0.2, beta=1e7, branch="paramagnetic")
    np.testing.assert_allclose(near.q, cooled.q, atol=1e-5)
    null = saddle_point(g[:2], -0.2, beta=1e3, branch="paramagnetic", sheet="null")
    same = saddle_point(g[:2], -0.2, beta=1e3, branch="paramagnetic")
    np.testing.assert_allclose(null.q, same.q, rtol=1e-10)


def test_cooled_sheet_follows_its_path_step_by_step() -> None:
    # A fine ladder of β, each point solved on its own, is continuous where the sheet is unique.
    beta = 10 ** np.linspace(-1, 7, 400)
    for g, gamma in ((1.16, -0.2), (1.2, -0.2), (1.952, -0.643), (2.5, -0.8)):
        q = saddle_point(g, gamma, beta=beta, branch="paramagnetic").q
        assert np.max(np.abs(np.diff(np.log(q)))) < 0.25


def test_spin_glass_beta() -> None:
    found = spin_glass_beta([1.5, 1.125, 1.16, 2.2, 1.2], [-0.2, -0.2, -0.2, -0.5, 0.3])
    assert found[[1, 4]].tolist() == [np.inf, np.inf]
    for g, gamma, beta in ((1.5, -0.2, found[0]), (1.16, -0.2, found[2]), (2.2, -0.5, found[3])):
        point = saddle_point(
            g, gamma, beta=beta * np.array([0.999, 1, 1.001]), branch="paramagnetic"
        )
        assert point.stable.tolist()[::2] == [True, False]
        assert point.instability[1] == pytest.approx(1, abs=1e-10)


def test_spin_glass_beta_finds_narrow_windows() -> None:
    # At γ = −0.2 the instability first touches 1 near g = 1.1507.
    # Just beyond it the window is narrower than a step of the search.
    below, narrow, above = spin_glass_beta([1.15070, 1.1507108, 1.16], -0.2)
    assert below == np.inf
    assert narrow == pytest.approx(139.4512, abs=1e-3)
    beta = narrow * np.array([0.99, 1.0001, 1.05])
    points = saddle_point(1.1507108, -0.2, beta=beta, branch="paramagnetic")
    # Stable again at larger β: the sheet leads to the null state.
    assert points.stable.tolist() == [True, False, True]
    assert above < narrow


def test_positive_symmetry_is_stable_at_every_temperature() -> None:
    rng = np.random.default_rng(3)
    g, gamma = 10 ** rng.uniform(-1.3, 1, 1500), rng.uniform(0, 1, 1500)
    beta = 10 ** rng.uniform(-1, 8, 1500)
    points = saddle_point(g, gamma, beta=beta, branch="paramagnetic")
    assert points.stable.all()


@pytest.mark.parametrize("eta", [0.0, 0.3])
@pytest.mark.parametrize("phi", ["tanh", "erf", "algebraic"])
def test_jacobian_is_the_derivative(eta: float, phi: str) -> None:
    rng = np.random.default_rng(4)
    n = 6
    points = Points(
        rng.uniform(0.3, 3, n),
        rng.uniform(-0.8, 1, n),
        rng.uniform(0.01, 1, n),
        np.full(n, eta),
        transfer_function(phi),
    )
    unknowns = np.stack([rng.uniform(-3, 1, n), rng.uniform(0.2, 1, n), rng.uniform(-0.1, 0.3, n)])
    unknowns = unknowns.T.copy()
    _, jacobian = paramagnetic.equations(unknowns, points, 200)
    for j in range(3):
        h = np.zeros(3)
        h[j] = 1e-5
        up = paramagnetic.equations(unknowns + h, points, 200)[0]
        down = paramagnetic.equations(unknowns - h, points, 200)[0]
        np.testing.assert_allclose(jacobian[:, :, j], (up - down) / 2e-5, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("eta", [0.0, 0.4])
def test_the_start_is_exact_for_a_linear_network(eta: float) -> None:
    g, gamma = np.array([0.4, 0.6, 0.9, 1.2]), np.array([0.9, 0.4, -0.3, -0.6])
    temperature = np.array([0.01, 0.3, 1.0, 5.0])
    points = Points(g, gamma, temperature, np.full(4, eta), transfer_function("linear"))
    unknowns = paramagnetic._linear_limit(points)
    np.testing.assert_allclose(paramagnetic.equations(unknowns, points, 200)[0], 0, atol=1e-10)


def test_bimodal_and_peaked_single_site_laws() -> None:
    # k = g²γr > 1: x − kφ has three zeros; checked in the general map with its own quadrature.
    point = saddle_point([6.0, 10.0], 1.0, beta=[50.0, 1e4], branch="paramagnetic")
    assert np.all(point.g**2 * point.gamma * point.r > 1)
    order = (point.q, point.Q, point.r, point.R, point.X, point.P)
    new = replica_map(order, point.g, point.gamma, beta=point.beta, nodes=64)
    for value, expected in zip(new, order, strict=True):
        np.testing.assert_allclose(value, expected, rtol=1e-10, atol=1e-12)


def test_extreme_temperatures() -> None:
    hot = saddle_point([0.5, 5.0], 0.4, beta=1e-6, branch="paramagnetic")
    np.testing.assert_allclose(hot.q, 1, atol=5e-3)
    cold = saddle_point(0.6, 0.3, beta=1e50, branch="paramagnetic")
    assert cold.chi == pytest.approx(float(null_fluctuation(0.6, 0.3)), rel=1e-10)
    assert cold.r == pytest.approx(float(null_response(0.6, 0.3)), rel=1e-12)


def test_unbounded_phi_without_confinement_is_refused() -> None:
    point = saddle_point(1.5, 0.2, beta=3.0, branch="paramagnetic", phi="linear", throw=False)
    assert not point.converged
    assert "not normalisable" in str(point.reason)
    line = saddle_point(
        [1.0, 0.5, 0.99], [0.0, 1.0, 0.0], beta=3.0, branch="paramagnetic", phi="linear",
        throw=False,
    )  # fmt: skip
    assert line.status.tolist() == ["absent", "absent", "converged"]
    held = saddle_point(1.5, 0.2, beta=3.0, branch="paramagnetic", phi="linear", eta=0.1)
    assert held.converged


def _scaled(k: float, a: float = 1.0) -> TransferFunction:
    return TransferFunction(
        name="scaled",
        phi=lambda x: a * np.tanh(k * x),
        d1=lambda x: a * k * (1 - np.tanh(k * x) ** 2),
        d2=lambda x: -2 * a * k**2 * np.tanh(k * x) * (1 - np.tanh(k * x) ** 2),
        bound=a,
    )


@pytest.mark.parametrize("k", [0.1, 5.0, 20.0, 50.0])
def test_steep_and_flat_functions(k: float) -> None:
    """φ = tanh(kx) at (g, β) is tanh at (kg, β/k²): x → x/k, y → y/k."""
    g, gamma, beta = np.array([0.5, 1.3, 3.0]), np.array([0.4, 0.5, -0.4]), np.array([9.0, 50, 2])
    one = saddle_point(g, gamma, beta=beta, branch="paramagnetic")
    two = saddle_point(g / k, gamma, beta=beta * k**2, branch="paramagnetic", phi=_scaled(k))
    np.testing.assert_allclose(two.q, one.q, rtol=1e-9)
    np.testing.assert_allclose(two.r, k * one.r, rtol=1e-9)
    np.testing.assert_allclose(two.x2, one.x2 / k**2, rtol=1e-9)
    found = spin_glass_beta(2.2 / k, -0.5, phi=_scaled(k))
    assert found == pytest.approx(k**2 * float(spin_glass_beta(2.2, -0.5)), rel=1e-8)


@pytest.mark.parametrize("a", [1.0, 2.0])
def test_zero_temperature_columns_are_limits(a: float) -> None:
    """Every closed form of β = ∞ against β = 1e9, signs of γ and another slope included."""
    g = np.array([0.5, 0.8, 1.3, 0.6, 0.75]) / a
    gamma = np.array([0.6, -0.5, -0.5, 0.0, 0.5])
    phi = _scaled(1.0, a)
    beta = 1e9
    frozen = saddle_point(g, gamma, branch="paramagnetic", phi=phi)
    near = saddle_point(g, gamma, beta=beta, branch="paramagnetic", phi=phi)
    one = slice(0, 4)  # regime I; the last point is in regime II
    for name in ("r", "X", "chi", "free_entropy", "instability"):
        limit, value = getattr(frozen, name)[one], getattr(near, name)[one]
        np.testing.assert_allclose(value, limit, rtol=1e-6, atol=1e-7, err_msg=name)
    assert near.r[4] == pytest.approx(float(frozen.r[4]), rel=1e-3)
    assert near.free_entropy[4] == pytest.approx(float(frozen.free_entropy[4]), rel=1e-3)
    assert near.instability[4] == pytest.approx(1, abs=1e-3)
    assert near.instability[4] < 1
    static = saddle_point(g[one], gamma[one], phi=phi)
    for name in ("r", "X", "chi", "free_entropy", "instability"):
        np.testing.assert_allclose(getattr(static, name), getattr(frozen, name)[one], rtol=1e-12)
    np.testing.assert_allclose(static.sigma_xphi, beta * near.sigma_xphi[one], rtol=1e-6)


def test_function_with_a_discontinuous_onset_is_cooled() -> None:
    """φ = tanh(0.3x + x³) is not concave: the branch of γ ≥ 0 need not be unique either."""

    def inner(x: np.ndarray) -> np.ndarray:
        return 0.3 * x + x**3

    bumpy = TransferFunction(
        name="bumpy",
        phi=lambda x: np.tanh(inner(x)),
        d1=lambda x: (0.3 + 3 * x**2) * (1 - np.tanh(inner(x)) ** 2),
        d2=lambda x: (
            (6 * x - 2 * (0.3 + 3 * x**2) ** 2 * np.tanh(inner(x))) * (1 - np.tanh(inner(x)) ** 2)
        ),
        bound=1.0,
    )
    assert not bumpy.is_concave
    # Values of an own continuation in small steps of ln β.
    beta = np.array([1.0, 3.0, 10.0, 30.0, 100.0, 1e3, 1e4])
    q = saddle_point(5 / 3, 0.0, beta=beta, branch="paramagnetic", phi=bumpy).q
    np.testing.assert_allclose(
        q, [0.6087, 0.5357, 0.4913, 0.4742, 0.4675, 0.4648, 0.4645], atol=6e-5
    )
    assert saddle_point(5 / 3, 0.0, branch="paramagnetic", phi=bumpy).q == pytest.approx(
        float(q[-1]), abs=1e-4
    )
    assert saddle_point(7 / 3, -0.3, branch="paramagnetic", phi=bumpy).q == pytest.approx(
        0.5896, abs=1e-4
    )


@pytest.mark.parametrize("distance", [1e-6, 1e-7, 1e-8, 1e-9])
def test_null_sheet_does_not_jump_near_its_end(distance: float) -> None:
    for gamma in (-0.2, -0.5):
        g = float(critical_gain(gamma)) * (1 - distance)
        point = saddle_point(g, gamma, beta=1e6, branch="paramagnetic", sheet="null", throw=False)
        assert not point.converged
        cold = saddle_point(g, gamma, beta=1e40, branch="paramagnetic", sheet="null")
        assert cold.chi == pytest.approx(float(null_fluctuation(g, gamma)), rel=1e-3)


@pytest.mark.parametrize("gamma", [-0.7, -0.2, -0.01, -1e-4])
def test_cooling_just_inside_and_outside_the_linear_line(gamma: float) -> None:
    """At g(1+γ) → 1 the cooled sheet is the finite-q one, on either side of the line."""
    distance = np.array([1e-3, 1e-6, 1e-8, 1e-10]) * min(1, -gamma)
    g_c = float(critical_gain(gamma))
    inside = saddle_point(g_c * (1 - distance), gamma, branch="paramagnetic")
    outside = saddle_point(g_c * (1 + distance), gamma, branch="paramagnetic")
    np.testing.assert_allclose(inside.q / outside.q, 1, atol=20 * distance.max() / -gamma)
    assert abs(inside.q[3] / outside.q[3] - 1) < 1e-6
    null = saddle_point(g_c * (1 - distance), gamma, branch="paramagnetic", sheet="null")
    assert np.all(null.q == 0)


def test_tolerance_is_applied_to_the_residual() -> None:
    point = saddle_point(1.2, 0.5, beta=3.0, branch="paramagnetic", tol=1e-18, throw=False)
    assert point.residual > 1e-18
    assert not point.converged
    assert "above tol" in str(point.reason)


def test_residual_sees_every_equation() -> None:
    points = Points(*(np.array([a]) for a in (1.2, 0.5, 0.1, 0.0)), transfer_function("tanh"))
    solved = paramagnetic.BRANCH.solve(np.array([[-0.5, 0.6, 0.2]]), points, 48).unknowns
    assert np.max(np.abs(paramagnetic.plain_errors(solved, points, 96))) < 1e-12
    for j in range(3):
        moved = solved.copy()
        moved[0, j] += 1e-4
        assert np.max(np.abs(paramagnetic.plain_errors(moved, points, 96))) > 1e-5
    moved = solved.copy()
    moved[0, 2] += 1e-4
    assert abs(paramagnetic.plain_errors(moved, points, 96)[0, 2]) > 1e-5


def test_rounding_error_is_honest_on_the_line() -> None:
    # At g = 1, γ = 0 the exact q tends to √(T/2) + T/…: known to leading order.
    beta = np.array([1e16, 1e20, 1e24])
    point = saddle_point(1.0, 0.0, beta=beta, branch="paramagnetic")
    error = np.abs(point.q / np.sqrt(1 / (2 * beta)) - 1)
    assert np.all(error <= point.rounding_error + 2 / np.sqrt(beta))
    lost = saddle_point(1.0, 0.0, beta=1e36, branch="paramagnetic", throw=False)
    assert not lost.converged
    assert "rounding" in str(lost.reason)


def test_sheet_of_names_the_sheet() -> None:
    point = saddle_point([1.6, 1.2], [-0.5, 0.5], beta=1e6, branch="stable")
    assert point.sheet_of.tolist() == ["null", ""]
    assert "sheet" not in point.attributes


def test_where_the_null_sheet_begins() -> None:
    """At η = 0 below g(1 + γ) = 1, with a confinement at every gain; its numbers are finite."""
    g, gamma = np.array([0.8, 0.9, 1.5, 1.5]), np.array([0.2, 0.2, 0.2, -0.5])
    for eta, exists in ((0.0, [True, False, False, True]), (0.3, [True] * 4)):
        points = Points.flat(g, gamma, np.full(4, 1e4), np.full(4, eta), transfer_function("tanh"))
        starts = paramagnetic._null(points)
        assert (starts.reason != NO_NULL).tolist() == exists
        assert np.isfinite(starts.unknowns).all(axis=1).tolist() == exists


def test_where_the_sheets_end_at_zero_temperature() -> None:
    """The null sheet ends in x = 0 for g(1 + γ) < 1, of either sign of γ."""
    phi = transfer_function("tanh")
    gain = np.array([0.5, 0.99, 1.01, 1.3, 1.9, 2.5])
    for gamma in (-0.4, 0.3):
        ends = gain * (1 + gamma) < 1
        one = np.ones(6)
        points = Points.flat(gain, gamma * one, np.inf * one, 0 * one, phi)
        found = paramagnetic._null_at_zero_temperature(points, "null")
        assert found.tolist() == ends.tolist()


def _three_points(phi: str = "tanh") -> tuple[Points, np.ndarray]:
    """Any unknowns (ln v, r, A), of no solution."""
    points = Points(
        np.array([1.3, 0.8, 1.1]), np.array([0.6, -0.4, 0.5]), np.array([0.2, 0.05, 0.05]),
        np.array([0.0, 0.3, 200.0]), transfer_function(phi),
    )  # fmt: skip
    return points, np.array([[-0.4, 0.7, -0.15], [-1.5, 0.5, 0.2], [-1.5, 0.5, 0.2]])


@pytest.mark.parametrize("phi", ["tanh", "algebraic"])
def test_equations_and_observables_by_plain_sums(phi: str) -> None:
    """Everything as it is defined, by the rectangle rule in x."""
    points, unknowns = _three_points(phi)
    errors, _ = paramagnetic.equations(unknowns, points, 60)
    plain = paramagnetic.plain_errors(unknowns, points, 60)
    found = paramagnetic.observables(unknowns, points, 60)
    assert all(np.all(found[name] == 0) for name in ("Q", "R", "P"))
    x, step = np.linspace(-30, 30, 6001, retstep=True)
    value, slope = points.phi(x), points.phi.d1(x)
    for row in range(3):
        log_v, r, scaled = unknowns[row].tolist()
        g, gamma, temperature, eta = (
            float(a[row]) for a in (points.g, points.gamma, points.temperature, points.eta)
        )
        v, k, x_d = np.exp(log_v), g**2 * gamma * r, scaled / np.exp(log_v)
        y = x - k * value
        p = np.exp(-(y**2) / (2 * v) - g**2 * x_d * value**2 / 2 - eta * x**2 / (2 * temperature))
        norm = p.sum()

        def mean(a: np.ndarray, p: np.ndarray = p / norm) -> float:
            return float(np.sum(p * a))

        q, cross = mean(value**2), mean(y * value) / v
        np.testing.assert_allclose(
            plain[row],
            [(temperature + g**2 * q) / v - 1, cross - r, 1 - mean(y * y) / v - scaled],
            rtol=1e-10,
        )
        # The third equation, times v².
        defect = value - x * slope
        drive = k * mean(y * defect) + eta / temperature * v * mean(x**2)
        scale = temperature + g**2 * mean(value * defect)
        expected = [plain[row, 0], plain[row, 1], scaled - drive / scale]
        np.testing.assert_allclose(errors[row], expected, rtol=1e-9)
        log_norm = np.log(norm * step / np.sqrt(2 * np.pi * v))
        for name, number in (
            ("q", q), ("r", r), ("X", x_d), ("chi", q / temperature), ("x2", mean(x**2)),
            ("sigma_xphi", mean(x * value)),
            ("free_entropy", g**2 / 2 * (x_d * q - gamma * r**2) + log_norm),
        ):  # fmt: skip
            assert found[name][row] == pytest.approx(number, rel=1e-10), name
        # Fields z and w of small variance: ∂⟨φ⟩ and ∂⟨y⟩/v to them, on the overlaps Q, R, P.
        by_z, by_w = (cross, q), (mean(y * y) / v**2 - 1 / v, cross)
        matrix = np.zeros((3, 3))
        for i, (one, two) in enumerate(((by_z, by_z), (by_z, by_w), (by_w, by_w))):
            matrix[i] = (
                one[0] * two[0], gamma * (one[0] * two[1] + one[1] * two[0]), one[1] * two[1]
            )  # fmt: skip
        moved = unknowns.copy()
        moved[:, 2] = 1 - mean(y * y) / v  # as in a solution
        moved[:, 1] = cross
        u = np.full(3, q / v)
        instability = paramagnetic.instability(u, moved[:, 1], moved[:, 2], points)[row]
        largest = float(np.max(np.abs(np.linalg.eigvals(g**2 * matrix))))
        assert instability == pytest.approx(largest, rel=1e-9)


def test_the_law_is_cut_where_its_weight_has_died_out() -> None:
    """At the first of two bounds; exact where φ is linear over the whole law."""
    points, unknowns = _three_points()
    points, unknowns = points.take(np.array([0, 1])), unknowns[:2]
    unknowns[0, 2] = -0.02
    for shift in (-30.0, 0.0, 8.0):
        moved = unknowns + np.array([shift, 0.0, 0.0])
        law = paramagnetic._SymmetricLaw(moved, points, 24)
        s = np.sqrt(law.v[:, 0])
        k, c = law.k[:, 0], law.c[:, 0]
        ends = paramagnetic.reach(points.phi, s, k, c)
        phi_s = np.tanh(s * ends) / s
        log = -((ends - k * phi_s) ** 2 + c * phi_s**2) / 2
        assert np.all(log < -LOG_CUT * (1 - 1e-12))
        if shift == -30:
            assert log[0] == pytest.approx(-LOG_CUT, rel=1e-9)
        # The second has k < 0 and A > 0, neither of which is used.
        assert ends[1] == pytest.approx(np.sqrt(2 * LOG_CUT), rel=1e-12)
        if shift == 8:
            # φ_s is below 1/s.
            far = np.sqrt(2 * LOG_CUT - c[0] / s[0] ** 2) + k[0] / s[0]
            assert ends[0] == pytest.approx(far, rel=1e-12)
    # A width that is not positive leaves the other bound, and none at all a number.
    bimodal = np.array([[-0.4, 2.0, -0.15], [-0.4, 0.5, 0.2]])
    law = paramagnetic._SymmetricLaw(bimodal, points, 24)
    assert law.k[0, 0] > 1
    s = np.sqrt(law.v[:, 0])
    far = np.sqrt(2 * LOG_CUT - law.c[0, 0] / s[0] ** 2) + law.k[0, 0] / s[0]
    ends = paramagnetic.reach(points.phi, s, law.k[:, 0], law.c[:, 0])
    assert ends[0] == pytest.approx(far, rel=1e-12)


def test_starts_near_the_onset_at_zero_temperature() -> None:
    """v grows linearly from g = 1/√(1+γ), and the start with it."""
    distance = np.array([1e-2, 1e-4, 1e-6])
    for gamma in (0.0, 0.5, 1.0):
        g = float(measure_transition_gain(gamma)) * (1 + distance)
        v = g**2 * saddle_point(g, gamma, branch="paramagnetic").q
        zero = np.zeros(3)
        points = Points(g, np.full(3, gamma), zero, zero, transfer_function("tanh"))
        with np.errstate(all="ignore"):
            cold, _ = paramagnetic.direct_starts(points)
        ratio = np.exp(cold[:, 0]) / v
        assert np.ptp(np.log(ratio)) < 0.1
        assert np.all((0.1 < ratio) & (ratio < 10))


def test_starts_at_finite_temperature() -> None:
    """The linear limit where it is small, and T + g² of a φ of order one where it is not."""
    g, gamma = np.array([0.5, 0.5, 2.0]), np.array([0.3, 0.3, 0.3])
    temperature = np.array([1e-8, 1e3, 1e-3])
    points = Points(g, gamma, temperature, np.zeros(3), transfer_function("tanh"))
    cold, hot = paramagnetic.direct_starts(points)
    linear = paramagnetic._linear_limit(points)
    np.testing.assert_array_equal(cold[0], linear[0])
    np.testing.assert_array_equal(cold[1:, 0], hot[1:, 0])
    part = (np.exp(hot[:, 0]) - temperature) / g**2
    np.testing.assert_allclose(part, part[0], rtol=1e-9)
    assert 0.1 < part[0] < 1
    # Nothing is cut off where φ is linear, whatever the order of x.
    points = Points(g[:2], gamma[:2], temperature[:2], np.zeros(2), transfer_function("linear"))
    cold, _ = paramagnetic.direct_starts(points)
    np.testing.assert_array_equal(cold, paramagnetic._linear_limit(points))


def test_where_cooling_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond all scales of T, in the units of φ; at the wanted T if that is hotter."""
    begun = {}

    def follow(points: Points, start: np.ndarray, hot: np.ndarray, target: np.ndarray) -> None:
        assert start.shape == (3, 3)
        assert np.all(start[:, 2] == 0)
        begun[points.phi.name] = start, hot

    monkeypatch.setattr(paramagnetic, "_follow", follow)
    a, k = 2.0, 30.0
    g, eta = np.array([0.5, 3.0, 1.0]), np.array([0.0, 0.0, 50.0])
    target = np.log([1e-3, 1e-3, 1e9])
    gamma = np.full(3, -0.5)
    paramagnetic.cool(Points(g, gamma, g, eta, transfer_function("tanh")), target)
    other = Points(g / (a * k), gamma, g, eta, _scaled(k, a))
    paramagnetic.cool(other, target - 2 * np.log(k))
    (plain, hot), (scaled, other_hot) = begun["tanh"], begun["scaled"]
    np.testing.assert_allclose(other_hot, hot - 2 * np.log(k), atol=0.03)
    np.testing.assert_allclose(scaled[:, 0], plain[:, 0] - 2 * np.log(k), atol=0.03)
    np.testing.assert_allclose(scaled[:, 1], a * k * plain[:, 1], rtol=1e-12)
    assert np.all(hot[:2] > np.log(10 * (1 + g[:2] ** 2)))
    assert hot[2] == target[2]
    assert np.all(plain[:, 0] > hot)
    share = (np.exp(plain[:2, 0]) - np.exp(hot[:2])) / g[:2] ** 2
    np.testing.assert_allclose(share, share[0])
    assert 0.1 < share[0] < 1
    # A confinement widens no law, but counts as a scale.
    paramagnetic.cool(Points(g, gamma, g, eta, transfer_function("tanh")), np.zeros(3))
    assert begun["tanh"][1][2] > np.log(500)


def test_how_cold_the_limit_of_zero_temperature_is() -> None:
    """v = T/τ is a billionth of g²τ in units of the length of φ; τ counts as 1 where it is 0."""
    g, gamma = np.array([0.5, 0.66, 1.4, 2.0]), np.array([0.5, 0.5, -0.4, 0.2])
    zero = np.zeros(4)
    for a, k in ((1.0, 1.0), (2.0, 30.0)):
        points = Points(g / (a * k), gamma, zero, zero, _scaled(k, a))
        tau = np.where(g * (1 + gamma) < 1, null_margin(g, gamma), 1.0)
        expected = 1e-9 * g**2 * tau**2 / k**2
        np.testing.assert_allclose(paramagnetic._coldest(points), expected, rtol=0.03)
    # The null state is left by less than a millionth there.
    points = Points(g[:3], gamma[:3], zero[:3], zero[:3], transfer_function("tanh"))
    cold = paramagnetic._coldest(points)
    found = saddle_point(g[:3], gamma[:3], beta=1 / cold, branch="paramagnetic", sheet="null")
    np.testing.assert_allclose(found.chi, null_fluctuation(g[:3], gamma[:3]), rtol=1e-6)


@pytest.mark.parametrize("k", [1.0, 1e-3])
def test_who_has_fallen_to_the_null_state(k: float) -> None:
    """ln v against that of the null state at that temperature, which is T/τ or of the order √T."""
    g, gamma = np.array([0.5, 0.9, 0.75, 1.3, 1.3]), np.array([0.3, -0.4, 0.5, 0.5, -0.2])
    zero = np.zeros(5)
    points = Points(g / k, gamma, zero, zero, _scaled(k))
    cold = paramagnetic._coldest(points)
    null = np.log(cold / np.where(g * (1 + gamma) < 1, null_margin(g, gamma), 1))
    null[2] = np.log(cold[2]) / 2 - np.log(k)
    with np.errstate(divide="ignore"):
        assert paramagnetic._fallen(null + 4.9, points).tolist() == [True, True, True, False, False]
        assert not paramagnetic._fallen(null + 5.1, points).any()
        # Beyond 1/√(1+γ) no state is small; only inside g(1+γ) = 1 is there a null state then.
        assert not paramagnetic._fallen(null - 50, points)[3:].any()
        inside = Points(np.array([1.2 / k]), gamma[4:], zero[4:], zero[4:], points.phi)
        far = -2 * np.log(k)
        assert paramagnetic._fallen(np.array([far - 50.0]), inside).all()
        assert not paramagnetic._fallen(np.array([far - 3.0]), inside).any()
