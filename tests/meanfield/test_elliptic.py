import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from meanfield import (
    ArgumentError,
    TransferFunction,
    critical_gain,
    linear_temperature_ratio,
    measure_transition_gain,
    null_fluctuation,
    null_margin,
    null_response,
    saddle_point,
    square_root_amplitude,
    stationary,
    transfer_function,
)

GAINS = st.floats(0.05, 10)
SYMMETRIES = st.floats(-0.95, 1)
DOUBLED = TransferFunction(lambda x: np.tanh(2 * x), name="doubled")


def test_lines() -> None:
    assert critical_gain(0.5) == pytest.approx(2 / 3)
    assert measure_transition_gain(0.5) == pytest.approx(np.sqrt(2 / 3))
    assert measure_transition_gain(0.5, phi=DOUBLED) == pytest.approx(np.sqrt(2 / 3) / 2)
    # The measure itself leaves x = 0 there.
    points = saddle_point([0.408, 0.409], 0.5, branch="paramagnetic", phi=DOUBLED)
    assert points.q[0] == 0 < points.q[1]
    with pytest.raises(ArgumentError, match="phi='relu': must be odd"):
        measure_transition_gain(phi="relu", gamma=0.5)
    assert critical_gain([-1.0, 1.0]).tolist() == [np.inf, 0.5]
    assert measure_transition_gain(-1.0) == np.inf


@given(g=GAINS, gamma=SYMMETRIES)
def test_null_response_solves_the_resolvent_equation(g: float, gamma: float) -> None:
    response = float(null_response(g, gamma))
    if g * (1 + gamma) <= 1:
        assert gamma * g**2 * response**2 - response + 1 == pytest.approx(0, abs=1e-13 * response)
    else:
        assert response == pytest.approx(1 / (g**2 * (1 + gamma)), rel=1e-14)


@given(gamma=SYMMETRIES)
def test_null_response_is_continuous_and_equals_one_over_g_on_the_line(gamma: float) -> None:
    g = float(critical_gain(gamma))
    below, above = null_response(g * np.array([1 - 1e-12, 1 + 1e-12]), gamma)
    assert below == pytest.approx(1 / g, rel=1e-5)
    assert above == pytest.approx(1 / g, rel=1e-11)


@given(g=st.floats(0.05, 0.99), gamma=SYMMETRIES)
def test_margin_has_no_cancellation(g: float, gamma: float) -> None:
    g = g / (1 + gamma)
    plain = 1 - (g * float(null_response(g, gamma))) ** 2
    assert float(null_margin(g, gamma)) == pytest.approx(plain, rel=1e-12, abs=1e-14)


def test_margin_vanishes_like_the_distance_from_the_line() -> None:
    # 1 − g²G² ≈ 2ε(1+γ)/(1−γ) for g = (1−ε)/(1+γ), γ < 1.
    epsilon = np.array([1e-8, 1e-10, 1e-12])
    gamma = 0.3
    margin = null_margin((1 - epsilon) / (1 + gamma), gamma)
    np.testing.assert_allclose(margin / (2 * epsilon * (1 + gamma) / (1 - gamma)), 1, rtol=1e-3)


@given(g=GAINS, gamma=SYMMETRIES, eta=st.floats(1e-6, 100))
def test_linear_ratio_solves_its_equation(g: float, gamma: float, eta: float) -> None:
    tau = float(linear_temperature_ratio(g, gamma, eta))
    assert 0 < tau < 1
    left, right = g**2 / (1 - tau), 1 / (1 + gamma * (1 - tau)) ** 2 + eta / tau**2
    assert left == pytest.approx(right, rel=1e-9 / (1 - tau))


@given(g=st.floats(0.05, 0.98), gamma=SYMMETRIES, beta=st.floats(0.1, 1e6))
def test_linear_network_is_solved_exactly(g: float, gamma: float, beta: float) -> None:
    g = g / (1 + gamma)
    point = saddle_point(g, gamma, beta=beta, branch="paramagnetic", phi="linear")
    assert point.q == pytest.approx(float(null_fluctuation(g, gamma)) / beta, rel=1e-9)
    assert point.r == pytest.approx(float(null_response(g, gamma)), rel=1e-9)
    assert point.x2 == pytest.approx(float(point.q), rel=1e-10)
    assert beta * point.energy == pytest.approx(0.5, rel=1e-9)


@given(g=GAINS, gamma=SYMMETRIES, eta=st.floats(0.05, 5), beta=st.floats(0.1, 100))
def test_linear_network_with_confinement(g: float, gamma: float, eta: float, beta: float) -> None:
    point = saddle_point(g, gamma, beta=beta, eta=eta, branch="paramagnetic", phi="linear")
    tau = float(linear_temperature_ratio(g, gamma, eta))
    assert point.x2 == pytest.approx((1 / tau - 1) / g**2 / beta, rel=1e-8)
    # Equipartition: the quadratic energy per neuron is T/2 whatever the couplings.
    assert beta * point.energy == pytest.approx(0.5, rel=1e-8)


@pytest.mark.parametrize(("g", "gamma"), [(0.5, 0.7), (0.6, 0.3), (0.9, -0.3), (0.45, 1.0)])
def test_regime_one_fluctuation(g: float, gamma: float) -> None:
    for beta in (1e4, 1e6, 1e8):
        point = saddle_point(g, gamma, beta=beta, branch="paramagnetic")
        assert point.chi == pytest.approx(float(null_fluctuation(g, gamma)), rel=100 / beta)


@pytest.mark.parametrize(("g", "gamma"), [(0.75, 0.5), (0.6, 1.0), (0.93, 0.12)])
def test_regime_two_square_root_law(g: float, gamma: float) -> None:
    amplitude = float(square_root_amplitude(g, gamma))
    errors = []
    for beta in (1e8, 1e10, 1e12):
        point = saddle_point(g, gamma, beta=beta, branch="paramagnetic")
        errors.append(abs(float(point.q) * np.sqrt(beta) / amplitude - 1))
    # The next term is of relative order √T: a factor of 10 from each to the next.
    assert errors[2] < 1e-4
    assert errors[0] / errors[1] == pytest.approx(10, rel=0.2)


@pytest.mark.parametrize("name", ["erf", "algebraic"])
def test_square_root_amplitude_of_any_phi(name: str) -> None:
    """With a slope of 1, and of 1.25; the next term is of relative order √T = 1e-6."""
    f = transfer_function(name)
    a = 1.25
    scaled = TransferFunction(
        name="scaled",
        phi=lambda x: a * f.phi(x),
        d1=lambda x: a * f.d1(x),
        d2=lambda x: a * f.d2(x),
    )
    for g, phi in ((0.75, f), (0.6, scaled)):
        amplitude = float(square_root_amplitude(g, 0.5, phi=phi))
        point = saddle_point(g, 0.5, beta=1e12, branch="paramagnetic", phi=phi)
        assert float(point.q) * 1e6 == pytest.approx(amplitude, rel=1e-4)
    by_number = square_root_amplitude(0.75, 0.5, cubic=f.cubic)
    assert by_number == pytest.approx(square_root_amplitude(0.75, 0.5, phi=name), rel=1e-12)


def test_square_root_amplitude_refuses() -> None:
    with pytest.raises(ArgumentError, match="in the place of phi"):
        square_root_amplitude(0.75, 0.5, phi="erf", cubic=1.0)
    with pytest.raises(ArgumentError, match="phi='linear': must bend towards saturation"):
        square_root_amplitude(0.75, 0.5, phi="linear")


def test_square_root_amplitude_is_nan_outside_regime_two() -> None:
    assert np.all(np.isnan(square_root_amplitude([0.5, 0.9, 0.7], [0.5, 0.5, 0.0])))
    # Nor on its lines themselves, or between them where γ is not positive.
    gamma = np.linspace(-0.9, 1, 800)
    for line in (critical_gain(gamma), measure_transition_gain(gamma)):
        first, second = line * (1 + gamma) == 1, line**2 * (1 + gamma) == 1
        on_it = first | second
        assert on_it.sum() > 100
        assert np.all(np.isnan(square_root_amplitude(line, gamma)[on_it]))
    negative = gamma[gamma <= 0]
    between = (critical_gain(negative) + measure_transition_gain(negative)) / 2
    assert np.all(np.isnan(square_root_amplitude(between, negative)))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: critical_gain(1.2), r"gamma=1.2: must lie in \[-1, 1\]"),
        (lambda: null_response(0.0, 0.0), "g=0: must be positive"),
        (lambda: null_response(np.nan, 0.0), "g=nan"),
        (lambda: linear_temperature_ratio(1.0, 0.0, -1.0), "eta=-1: must be >= 0"),
    ],
)
def test_bad_arguments(call, message: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize("gamma", [-1.0, -0.4, 0.0, 0.7, 1.0])
def test_a_linear_network_is_the_mean_over_its_singular_values(gamma: float) -> None:
    """β⟨x²⟩ = ∫ dμ(s²)/(s² + η): for γ = 1 and −1 over the eigenvalues of the semicircle law."""
    g, eta = 0.4, 0.7
    tau = float(linear_temperature_ratio(g, gamma, eta))
    mean = (1 / tau - 1) / g**2
    if abs(gamma) == 1:
        # Eigenvalues of J are 2g cos θ with the density 2 sin²θ/π, times i if γ = −1.
        theta = (np.arange(4000) + 0.5) * np.pi / 4000
        eigenvalue = 2 * g * np.cos(theta)
        s2 = (1 - eigenvalue) ** 2 if gamma == 1 else 1 + eigenvalue**2
        expected = float(np.mean(2 * np.sin(theta) ** 2 / (s2 + eta)))
        assert mean == pytest.approx(expected, rel=1e-9)
    # To second order in g, with J of variance g² and correlation γ: ⟨tr⟩ of the Neumann series.
    small = 1e-3
    tau = float(linear_temperature_ratio(small, gamma, eta))
    a = 1 / (1 + eta)
    second = small**2 * (a**3 * (2 + 2 * gamma) - a**2)
    assert (1 / tau - 1) / small**2 == pytest.approx(a + second, rel=1e-9)


def test_a_strong_and_a_weak_confinement() -> None:
    """Limits of η → 0 beyond the line and of η → ∞."""
    # Inside the support τ → 0 with η, where g² = 1/(1 + γ)² + η/τ².
    g, gamma = 2.0, 0.5
    for eta in (1e-8, 1e-100, 1e-300):
        expected = np.sqrt(eta / (g**2 - 1 / (1 + gamma) ** 2))
        assert linear_temperature_ratio(g, gamma, eta) == pytest.approx(expected, rel=1e-3)
    assert 1 - linear_temperature_ratio(0.01, 0.0, 1e4) == pytest.approx(1e-4 / 10001, rel=1e-6)


def test_values_on_the_line() -> None:
    """At g(1 + γ) = 1 exactly the margin is 0 and the response 1/g, at γ = 1 as well."""
    g, gamma = np.array([1.0, 0.5, 0.8, 2.0]), np.array([0.0, 1.0, 0.25, -0.5])
    assert np.all(null_margin(g, gamma) == 0)
    assert np.all(np.isinf(null_fluctuation(g, gamma)))
    np.testing.assert_allclose(null_response(g, gamma), 1 / g, rtol=1e-14)
    assert np.all(linear_temperature_ratio(g, gamma) == 0)
    # At γ = −1 there is no line: G² g² + G = 1.
    response = float(null_response(3.0, -1.0))
    assert response == pytest.approx((math.sqrt(37) - 1) / 18, rel=1e-14)
    assert null_margin(3.0, -1.0) == pytest.approx(1 - 9 * response**2, rel=1e-12)
    assert null_margin(1e-3, 0.3) == pytest.approx(1 - 1e-6 * (1 + 0.6e-6), rel=1e-15)


def test_critical_gain_of_any_function() -> None:
    """1/((1+γ) φ'(0)) where x = 0 is the state; √2 for relu at every bias b ≥ 0."""
    steep = TransferFunction(lambda x: np.tanh(2 * x), name="steep", bound=1.0)
    assert critical_gain([0.0, 0.5], phi=steep) == pytest.approx([1 / 2, 1 / 3], rel=1e-12)
    found = critical_gain(phi="relu", bias_std=[0.0, 0.7, 0.0], bias_mean=[0.0, 0.0, 0.3])
    np.testing.assert_allclose(found, np.sqrt(2), rtol=1e-12)
    # Silent for ever without spread of the biases.
    silent = critical_gain(phi="relu", bias_mean=-1.0, bias_std=[0.0, 0.5])
    assert silent[0] == np.inf
    assert 2 < silent[1] < np.inf
    # ⟨φ²⟩ = 1 at strong bias: g² ⟨φ'²⟩ = 1 with ⟨φ'²⟩ = ∫φ'² dx/√(2πΔ₀), Δ₀ = g² + σ_b².
    gain = critical_gain(bias_std=1e4)
    assert gain**2 * 4 / 3 / np.sqrt(2 * np.pi * (gain**2 + 1e8)) == pytest.approx(1, rel=3e-4)


def test_critical_gain_at_a_fold() -> None:
    """tanh(x + x³) with a weak bias: g² = (Δ₀ − σ_b²)/q is largest there, before g²⟨φ'²⟩ = 1."""
    convex = TransferFunction(lambda x: np.tanh(x + x**3), name="convex", bound=1.0)
    z = np.linspace(-9, 9, 2001)
    weights = np.exp(-z * z / 2) / np.sqrt(2 * np.pi) * (z[1] - z[0])
    variances = np.linspace(0.004, 0.0065, 2000)
    squares = [(d - 1e-4) / (weights @ convex(np.sqrt(d) * z) ** 2) for d in variances]
    top = int(np.argmax(squares))
    assert 0 < top < 1999
    gain = critical_gain(phi=convex, bias_std=0.01)
    assert gain == pytest.approx(np.sqrt(squares[top]), rel=1e-6)
    steepness = weights @ convex.d1(np.sqrt(variances[top]) * z) ** 2
    assert gain**2 * steepness < 1


def test_critical_gain_with_noise() -> None:
    """λ changes its sign there; weak noise changes little; and γ ≠ 0 is refused with it."""
    for case in ({"sigma": 0.5}, {"sigma": 0.5, "phi": "erf"}):
        gain = float(critical_gain(**case))
        below, above = stationary([0.999 * gain, 1.001 * gain], **case, n_tau=2).lyapunov
        assert below < 0 < above
    assert critical_gain(sigma=1e-3) == pytest.approx(1, abs=0.01)
    for case in ({"sigma": 0.5}, {"bias_mean": 0.1}, {"phi": "logistic"}, {"phi": "relu"}):
        with pytest.raises(ArgumentError, match=r"^gamma=0.5: must be 0"):
            critical_gain(0.5, **case)
