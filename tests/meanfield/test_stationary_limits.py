"""Corners of the parameters: scales of φ, the onset, weak noise, large and small numbers."""

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import norm

from meanfield import NotConvergedError, TransferFunction, stationary

ARCTAN = TransferFunction(
    "arctan",
    phi=np.arctan,
    d1=lambda x: 1 / (1 + x * x),
    d2=lambda x: -2 * x / (1 + x * x) ** 2,
    primitive=lambda x: x * np.arctan(x) - np.log1p(x * x) / 2,
)
ARCSINH = TransferFunction(
    "arcsinh",
    phi=np.arcsinh,
    d1=lambda x: (1 + x * x) ** -0.5,
    d2=lambda x: -x * (1 + x * x) ** -1.5,
)
QUARTER = TransferFunction(
    "x/(1+x^2)^(1/4)",
    phi=lambda x: x / (1 + x * x) ** 0.25,
    d1=lambda x: (1 + x * x / 2) * (1 + x * x) ** -1.25,
    d2=lambda x: -x * (1.5 + 0.25 * x * x) * (1 + x * x) ** -2.25,
)
# Branch points at a distance of 0.7, nearer than the bend suggests.
SHARP = TransferFunction(
    "x/(1+x^4)^(1/4)",
    phi=lambda x: x / (1 + x**4) ** 0.25,
    d1=lambda x: (1 + x**4) ** -1.25,
    d2=lambda x: -5 * x**3 * (1 + x**4) ** -2.25,
)
# Its Hermite coefficients fall to 1e-4, rise and fall for good.
WIGGLE = TransferFunction(
    "wiggle",
    phi=lambda x: np.tanh(x) + 1e-4 * np.sin(10 * x),
    d1=lambda x: 1 - np.tanh(x) ** 2 + 1e-3 * np.cos(10 * x),
    d2=lambda x: -2 * np.tanh(x) * (1 - np.tanh(x) ** 2) - 1e-2 * np.sin(10 * x),
)
# Rises above its tangent at 0.
CONVEX = TransferFunction(
    "tanh(1+3tanh^2)",
    phi=lambda x: np.tanh(x) + 3 * np.tanh(x) ** 3,
    d1=lambda x: (1 - np.tanh(x) ** 2) * (1 + 9 * np.tanh(x) ** 2),
    d2=lambda x: (1 - np.tanh(x) ** 2) * np.tanh(x) * (16 - 36 * np.tanh(x) ** 2),
)


def name(phi: str | TransferFunction) -> str:
    return phi if isinstance(phi, str) else phi.name


def stretched(stretch: float, height: float) -> TransferFunction:
    """height·tanh(x/stretch)."""
    k = 1 / stretch
    return TransferFunction(
        "stretched",
        phi=lambda x: height * np.tanh(k * x),
        d1=lambda x: height * k * (1 - np.tanh(k * x) ** 2),
        d2=lambda x: -2 * height * k * k * np.tanh(k * x) * (1 - np.tanh(k * x) ** 2),
    )


@pytest.mark.parametrize(("stretch", "height"), [(1000, 1000), (1e-6, 1), (0.3, 2), (1e8, 1e-3)])
@pytest.mark.parametrize(("g", "sigma"), [(2.0, 1.0), (0.5, 1.0), (1.01, 0.1), (3.0, 0.0)])
def test_units_of_x_and_phi_drop_out(stretch, height, g, sigma):
    tau = [0.5, 3.0]
    plain = stationary(g, sigma=sigma, tau=tau)
    scaled = stationary(
        g * stretch / height, sigma=sigma * stretch, tau=tau, phi=stretched(stretch, height)
    )
    for result, unit in (
        ("delta0", stretch**2),
        ("delta", stretch**2),
        ("kinetic_energy", stretch**2),
        ("q", height**2),
        ("C", height**2),
        ("r_int", height / stretch),
        ("lyapunov", 1),
        ("decay_rate", 1),
        ("tau_half", 1),
    ):
        found = getattr(scaled, result) / unit
        np.testing.assert_allclose(found, getattr(plain, result), rtol=2e-12, err_msg=result)


def test_a_long_scale_with_noise():
    s = stationary(2.0, sigma=1000.0, phi=stretched(1000.0, 1000.0))
    assert s.lyapunov == pytest.approx(0.00813559847, rel=1e-9)


@pytest.mark.parametrize("phi", [ARCTAN, ARCSINH, QUARTER, SHARP, WIGGLE], ids=name)
@pytest.mark.parametrize(("g", "sigma"), [(1.3, 0.0), (1.9, 0.0), (1.7, 1.0), (4.0, 0.5)])
def test_own_functions(phi, g, sigma):
    s = stationary(g, sigma=sigma, phi=phi)
    scale = np.sqrt(s.delta0)

    def average(f):
        law = lambda z: f(np.array([scale * z]))[0] * norm.pdf(z)  # noqa: E731
        return 2 * quad(law, 0, 12, limit=400, epsabs=0, epsrel=1e-12)[0]

    q, slope = average(lambda x: phi.phi(x) ** 2), average(phi.d1)
    assert s.q == pytest.approx(q, rel=1e-10)
    assert s.decay_rate**2 == pytest.approx(1 - (g * slope) ** 2, abs=1e-10)
    assert 2 * s.kinetic_energy == pytest.approx(g * g * q - s.delta0 + sigma**2, abs=1e-9)


def test_onset():
    e = np.array([1e-3, 2e-3])
    s = stationary(1 + e)
    assert np.all(np.abs(s.delta0 / e - 1 - 7 * e / 6) < 3 * e**2)
    assert np.all(np.abs(6 * s.kinetic_energy / e**3 - 1) < 5 * e)


@pytest.mark.parametrize("phi", ["tanh", "erf", "algebraic", ARCTAN], ids=name)
def test_results_keep_their_digits_down_to_the_onset(phi):
    e = np.array([2.0**-k for k in (17, 20, 26, 34, 43, 50)])
    s = stationary(1 + e, phi=phi)
    limit = s.delta0[-1] / e[-1]
    for ratio in (
        s.delta0 / (limit * e),
        3 * s.decay_rate**2 / e**2,
        2 * s.lyapunov / e**2,
        6 * s.kinetic_energy / (limit * e**3),
    ):
        assert np.all(np.abs(ratio - 1) < 10 * e + 1e-12)


@pytest.mark.parametrize("phi", ["tanh", "erf", "algebraic", ARCTAN], ids=name)
@pytest.mark.parametrize("g", [0.1, 0.5, 0.9, 0.99])
def test_weak_noise_below_the_onset(phi, g):
    sigma = np.array([1e-6, 1e-9, 1e-13])
    s = stationary(g, sigma=sigma, phi=phi)
    rate = np.sqrt((1 - g) * (1 + g))
    np.testing.assert_allclose(s.delta0, sigma**2 / (2 * rate), rtol=1e-8)
    np.testing.assert_allclose(s.decay_rate, rate, rtol=1e-8)
    np.testing.assert_allclose(s.lyapunov, g - 1, rtol=1e-8)
    np.testing.assert_allclose(s.kinetic_energy, sigma**2 * (1 - rate / 2) / 2, rtol=1e-8)


def test_weak_noise_at_the_onset():
    sigma = np.array([1e-6, 1e-9, 1e-160])
    s = stationary(1.0, sigma=sigma)
    np.testing.assert_allclose(s.delta0 / (sigma ** (4 / 3) / 2), 1, rtol=1e-7)


def test_weak_noise_in_the_chaotic_phase_does_nothing():
    quiet, weak = stationary(1.1), stationary(1.1, sigma=[1e-15, 1e-160])
    for result in ("delta0", "kinetic_energy", "lyapunov", "tau_half"):
        np.testing.assert_allclose(getattr(weak, result), getattr(quiet, result), rtol=1e-12)


def test_small_gain():
    g = np.array([1e-8, 1e-5, 1e-3])
    s = stationary(g, sigma=1.0)
    assert np.all(np.abs(s.lyapunov + 1 - g * s.r_int) < 2e-16 + g**3)


def test_linear_next_to_its_instability():
    # 1 − g is exact, 1 + g rounded once.
    e = 2.0 ** -np.array([10, 33, 40])
    s = stationary(1 - e, sigma=1.0, phi="linear")
    np.testing.assert_allclose(s.delta0, 1 / (2 * np.sqrt(e * (2 - e))), rtol=1e-15)
    assert stationary(0.5, sigma=1e80, phi="linear").lyapunov == pytest.approx(-0.5, rel=1e-14)


@pytest.mark.parametrize(
    ("g", "sigma", "phi", "reason"),
    [
        (2.0, 0.0, "linear", "no stationary state: phi is linear"),
        (1.0, 1.0, "linear", "no stationary state: phi is linear"),
        (1e308, 0.0, "tanh", "no stationary state has delta0 below"),
        (100.0, 0.0, "tanh", "degree far beyond order=40001"),
        (2.0, 1e80, "tanh", "degree far beyond order=40001"),
        (2.0, 1e200, "tanh", "degree far beyond order=40001"),
        (0.5, 1e-160, "tanh", "range of the arithmetic"),
        (0.5, 5e-324, "tanh", "range of the arithmetic"),
        (0.5, 1e200, "linear", "range of the arithmetic"),
        (0.5, 1e-160, "linear", "range of the arithmetic"),
    ],
)
def test_points_out_of_reach_say_why(g, sigma, phi, reason):
    with pytest.raises(NotConvergedError, match=reason):
        stationary(g, sigma=sigma, phi=phi)


def test_a_short_series_is_flagged():
    s = stationary(2.0, order=101, throw=False, tau=[0.0, 1.0])
    assert not s.converged
    assert "raise order" in str(s.reason)
    assert np.isnan(s.lyapunov)
    assert np.all(np.isnan(s.delta))
    assert s.truncation_error > 1e-10
    assert s.order == 101
    np.testing.assert_array_equal(s.tau, [0.0, 1.0])


@pytest.mark.parametrize("g", [1.02, 1.1, 2.0])
@pytest.mark.parametrize("order", [3, 5, 9, 15])
def test_truncation_error_bounds_the_change(g, order):
    exact, short = stationary(g), stationary(g, order=order, tol=100.0)
    for result in ("decay_rate", "lyapunov", "kinetic_energy", "tau_half"):
        change = getattr(short, result) / getattr(exact, result) - 1
        assert abs(change) < 3 * short.truncation_error + 1e-12


def test_a_function_that_is_not_concave_is_marked():
    # Another solution, of Δ₀ = 7.4, exists beside the null state.
    s = stationary(0.9, phi=CONVEX)
    assert s.delta0 == 0
    assert s.attributes["state"] == "one of possibly several"
    assert stationary(0.9).attributes["state"] == "unique"
