import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_ivp
from scipy.linalg import eigh_tridiagonal

from meanfield import ArgumentError, NotConvergedError, stationary

# g, σ², Δ₀, q, ½⟨f²⟩, λ, τ_half; as many digits as an independent computation gave.
REFERENCE = [
    (1.1, 0, 0.11106318937, 0.092013563549, 0.0001366112624, 0.003712406091, 26.61171156),
    (1.5, 0, 0.747686380553, 0.342093488684, 0.01101198449, 0.046746219523, 7.84605543),
    (2.0, 0, 1.924805413737, 0.513178065978, 0.06395342509, 0.112458109627, 5.3610188),
    (4.0, 0, 10.467473214109, 0.762360004579, 0.8651434296, 0.341468953688, 3.66029593),
    (10.0, 0, 71.368091581283, 0.906090781436, 9.620493281, 0.773429914294, 3.14292846),
]


@pytest.mark.parametrize("row", REFERENCE)
def test_reference(row):
    g, sigma2, *expected = row
    s = stationary(g, sigma=np.sqrt(sigma2))
    found = [s.delta0, s.q, s.kinetic_energy, s.lyapunov, s.tau_half]
    np.testing.assert_allclose(found[:2], expected[:2], rtol=1e-11)
    np.testing.assert_allclose(found[2:4], expected[2:4], rtol=5e-10)
    np.testing.assert_allclose(found[4], expected[4], rtol=2e-9)
    assert max(s.quadrature_error, s.truncation_error, s.collocation_error) < 1e-11


def test_noise_reference():
    s = stationary([0.5, 2.0], sigma=np.sqrt([1.0, 0.5]))
    np.testing.assert_allclose(s.delta0, [0.5361309575, 1.9699105034], rtol=2e-10)
    np.testing.assert_allclose(s.q, [0.2851061363, 0.5172906981], rtol=2e-10)
    np.testing.assert_allclose(s.lyapunov[1], 0.0544104166, rtol=1e-9)
    # Weakly bound, a decay length of 124: 80000 and 160000 finite differences on [0, 800].
    np.testing.assert_allclose(s.lyapunov[0], -0.64246145, atol=1e-8)


def erf_correlation(delta, delta0):
    # ⟨erf(a x) erf(a y)⟩ with a² = π/4.
    return 2 / np.pi * np.arcsin(np.pi / 2 * delta / (1 + np.pi / 2 * delta0))


@pytest.mark.parametrize("sigma", [0.0, 0.7])
def test_erf_against_the_differential_equation(sigma):
    s = stationary(2.0, sigma=sigma, phi="erf", tau=np.linspace(0, 8, 33))
    d0 = float(s.delta0)
    if sigma == 0:
        assert d0 == pytest.approx(2.0640800188, rel=1e-10)
    np.testing.assert_allclose(s.C, erf_correlation(s.delta, d0), rtol=1e-11)
    path = solve_ivp(
        lambda t, y: [y[1], y[0] - 4 * erf_correlation(y[0], d0)],
        (0, 8),
        [d0, -(sigma**2) / 2],
        t_eval=s.tau,
        rtol=1e-12,
        atol=1e-14,
        method="DOP853",
    )
    np.testing.assert_allclose(s.delta, path.y[0], atol=1e-9)
    h, n = 0.004, 10_000
    t = (np.arange(n) + 0.5) * h
    delta = stationary(2.0, sigma=sigma, phi="erf", tau=t).delta
    c = np.pi / 2 / (1 + np.pi / 2 * d0)
    slope = 2 / np.pi * c / np.sqrt(1 - (c * delta) ** 2)
    diagonal = 2 / h**2 + 1 - 4 * slope
    diagonal[0] -= 1 / h**2
    off = -np.ones(n - 1) / h**2
    lowest = eigh_tridiagonal(diagonal, off, select="i", select_range=(0, 0))[0][0]
    assert s.lyapunov == pytest.approx(-1 + np.sqrt(1 - lowest), abs=1e-5)


def test_onset():
    e = np.array([1e-3, 2e-3])
    s = stationary(1 + e)
    assert np.all(np.abs(s.delta0 / e - 1 - 7 * e / 6) < 3 * e**2)
    assert np.all(np.abs(6 * s.kinetic_energy / e**3 - 1) < 5 * e)


def test_linear_is_an_ornstein_uhlenbeck_process():
    s = stationary(0.5, sigma=1.0, phi="linear")
    rate = np.sqrt(0.75)
    assert s.delta0 == pytest.approx(1 / (2 * rate), rel=1e-12)
    np.testing.assert_allclose(s.delta, s.delta0 * np.exp(-rate * s.tau), rtol=1e-10)
    assert s.lyapunov == pytest.approx(-0.5, abs=1e-10)


def test_null_state_broadcasting_dataset():
    s = stationary([0.5, 1.0], sigma=[[0.0], [1.0]], tau=[0.0, 1.0])
    assert s.delta.shape == (2, 2, 2)
    np.testing.assert_allclose(s.lyapunov[0], [-0.5, 0.0])
    assert np.all(s.delta[0] == 0)
    assert s.to_dataset(("sigma_axis", "g_axis"))["C"].dims == ("sigma_axis", "g_axis", "lag")


@pytest.mark.parametrize(
    "arguments", [{"g": -1.0}, {"g": 2.0, "sigma": -1.0}, {"g": 2.0, "tau": [[1.0]]}]
)
def test_bad_arguments(arguments):
    with pytest.raises(ArgumentError):
        stationary(**arguments)


def test_no_state():
    with pytest.raises(NotConvergedError, match="no stationary state"):
        stationary(2.0, phi="linear")
    assert not stationary(2.0, order=101, throw=False).converged


def test_algebraic():
    assert stationary(2.0, phi="algebraic").delta0 == pytest.approx(1.572836759686, rel=1e-11)


@settings(max_examples=15, deadline=None)
@given(st.floats(1.01, 10), st.floats(0, 2))
def test_properties(g, sigma2):
    s = stationary(g, sigma=np.sqrt(sigma2))
    assert np.all(np.diff(s.delta) < 0)
    assert 0 < s.q <= 1
    balance = (g * g * s.q - s.delta0 + sigma2) / 2
    assert s.kinetic_energy == pytest.approx(float(balance), rel=1e-7, abs=1e-12)
