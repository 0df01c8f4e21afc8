import numpy as np
import pytest
from scipy.integrate import quad
from scipy.optimize import brentq
from scipy.stats import norm

from meanfield import ArgumentError, effective_temperature, saddle_point, stationary


def gaussian_q(variance):
    def law(z):
        return np.tanh(np.sqrt(variance) * z) ** 2 * norm.pdf(z)

    return 2 * quad(law, 0, 12, epsabs=0, epsrel=1e-13, limit=200)[0]


@pytest.mark.parametrize("phi", ["tanh", "erf"])
@pytest.mark.parametrize(("g", "sigma"), [(1.5, 0.0), (0.5, 1.0), (2.0, 0.7)])
def test_the_measure_has_the_energy_of_the_dynamics(g, sigma, phi):
    temperature = effective_temperature(g, sigma=sigma, phi=phi)
    measure = saddle_point(g, branch="paramagnetic", beta=1 / temperature, phi=phi)
    dynamics = stationary(g, sigma=sigma, phi=phi)
    assert measure.energy == pytest.approx(float(dynamics.kinetic_energy), rel=1e-9)


@pytest.mark.parametrize(("g", "sigma"), [(0.5, 1.0), (1.0, 0.5), (2.0, 2.0)])
def test_the_measure_has_the_q_of_noisy_dynamics(g, sigma):
    temperature = effective_temperature(g, sigma=sigma, of="q")
    assert temperature > 0
    measure = saddle_point(g, branch="paramagnetic", beta=1 / temperature)
    assert measure.q == pytest.approx(float(stationary(g, sigma=sigma).q), rel=1e-9)


@pytest.mark.parametrize("g", [1.2, 2.0, 4.0])
def test_without_noise_no_measure_has_the_q_of_the_dynamics(g):
    temperature = effective_temperature(g, of="q")
    assert temperature == -effective_temperature(g) < 0
    q = float(stationary(g).q)
    assert gaussian_q(temperature + g * g * q) == pytest.approx(q, rel=1e-9)
    # At T = 0, the lowest there is, the measure has more.
    frozen = brentq(lambda v: gaussian_q(v) * g * g - v, 1e-3, 100) / g**2
    assert frozen > q


def test_onset():
    e = np.array([1e-3, 1e-2])
    temperature = effective_temperature(1 + e)
    np.testing.assert_allclose(temperature, e**3 / 3, rtol=5 * e.max())
    assert abs(3 * temperature[0] / e[0] ** 3 - 1) < 5e-3


def test_at_rest_and_at_weak_gain():
    np.testing.assert_array_equal(effective_temperature([0.5, 1.0]), [0.0, 0.0])
    # Without couplings x is an Ornstein-Uhlenbeck process and E = x²/2: one temperature, σ²/2.
    for kind in ("energy", "q"):
        assert effective_temperature(1e-9, sigma=1.0, of=kind) == pytest.approx(0.5, rel=1e-12)


def test_shape_and_arguments():
    assert effective_temperature([0.5, 2.0], sigma=[[0.0], [1.0], [2.0]]).shape == (3, 2)
    with pytest.raises(ArgumentError, match="of='x': expected one of energy, q"):
        effective_temperature(2.0, of="x")
