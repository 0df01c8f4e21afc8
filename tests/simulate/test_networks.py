"""Couplings, the force decomposition, and the closed forms against random matrices."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meanfield import linear_temperature_ratio, null_fluctuation, null_response
from simulate import couplings, energy_gradient, force, kinetic_energy, onsager_force

PHI = st.sampled_from(["tanh", "erf", "algebraic", "linear"])


@settings(max_examples=30)
@given(
    n=st.integers(1, 12),
    batch=st.integers(1, 3),
    g=st.floats(0.1, 5),
    gamma=st.floats(-1, 1),
    eta=st.floats(0, 2),
    phi=PHI,
    seed=st.integers(0, 10**6),
)
def test_force_is_minus_gradient_minus_onsager(
    n: int, batch: int, g: float, gamma: float, eta: float, phi: str, seed: int
) -> None:
    J = couplings.elliptic(n, g, gamma, seed=seed)
    x = np.random.default_rng(seed).standard_normal((n, batch))
    gradient = energy_gradient(x, J, eta=eta, phi=phi)
    np.testing.assert_allclose(
        force(x, J, phi=phi) + onsager_force(x, J, phi=phi), eta * x - gradient, atol=1e-10
    )
    h = 1e-5
    for i in range(n):
        step = np.zeros((n, 1))
        step[i] = h
        up = kinetic_energy(x + step, J, eta=eta, phi=phi)
        down = kinetic_energy(x - step, J, eta=eta, phi=phi)
        np.testing.assert_allclose(gradient[i], (up - down) / (2 * h), rtol=1e-6, atol=1e-6)
    for column in range(batch):
        np.testing.assert_allclose(
            gradient[:, column], energy_gradient(x[:, column], J, eta=eta, phi=phi), atol=1e-12
        )


def test_couplings_have_the_stated_covariances() -> None:
    n, g = 600, 1.3
    pairs = n * (n - 1) / 2
    for gamma in (-1.0, -0.4, 0.0, 0.7, 1.0):
        J = couplings.elliptic(n, g, gamma, seed=11) * np.sqrt(n) / g
        upper, lower = J[np.triu_indices(n, 1)], J.T[np.triu_indices(n, 1)]
        # Standard errors of a variance √(2/pairs) and of a covariance √((1+γ²)/pairs); at 4.5
        # of them the 15 comparisons raise a false alarm once in 10⁴.
        assert abs(np.mean(upper**2) - 1) < 4.5 * np.sqrt(2 / pairs)
        assert abs(np.mean(lower**2) - 1) < 4.5 * np.sqrt(2 / pairs)
        assert abs(np.mean(upper * lower) - gamma) < 4.5 * np.sqrt((1 + gamma**2) / pairs)
        assert np.all(np.diag(J) == 0)


def test_couplings_come_from_the_seed() -> None:
    one, two = (couplings.elliptic(20, 1.0, 0.3, seed=5) for _ in range(2))
    np.testing.assert_array_equal(one, two)
    assert not np.array_equal(one, couplings.elliptic(20, 1.0, 0.3, seed=6))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [((0, 1.0, 0.0), "n=0"), ((3, -1.0, 0.0), "g=-1"), ((3, 1.0, 2.0), "gamma=2")],
)
def test_bad_couplings(arguments: tuple[int, float, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        couplings.elliptic(*arguments, seed=0)


@pytest.mark.parametrize(("g", "gamma"), [(0.6, 0.0), (0.45, 0.7), (0.4, 1.0), (1.2, -0.5)])
def test_null_response_and_fluctuation_of_networks(g: float, gamma: float) -> None:
    """tr(I−J)⁻¹/n and tr(AᵀA)⁻¹/n; 12 couplings, 4.5 standard errors plus 4/n for finite size."""
    n, samples = 400, 12
    response, fluctuation = np.empty(samples), np.empty(samples)
    for seed in range(samples):
        inverse = np.linalg.inv(np.eye(n) - couplings.elliptic(n, g, gamma, seed=seed))
        response[seed] = np.trace(inverse) / n
        fluctuation[seed] = np.sum(inverse**2) / n
    for values, theory in (
        (response, float(null_response(g, gamma))),
        (fluctuation, float(null_fluctuation(g, gamma))),
    ):
        error = values.std(ddof=1) / np.sqrt(samples)
        assert abs(values.mean() - theory) < 4.5 * error + 4 * theory**2 / n


@pytest.mark.parametrize(("g", "gamma", "eta"), [(1.5, 0.6, 0.25), (2.5, -0.3, 0.1), (0.8, 0.2, 1)])
def test_confined_linear_network(g: float, gamma: float, eta: float) -> None:
    """β⟨x²⟩ of the linear network, also where it is unstable without confinement."""
    n, samples = 400, 12
    values = np.empty(samples)
    for seed in range(samples):
        a = couplings.elliptic(n, g, gamma, seed=seed) - np.eye(n)
        values[seed] = np.mean(1 / (np.linalg.svd(a, compute_uv=False) ** 2 + eta))
    theory = (1 / float(linear_temperature_ratio(g, gamma, eta)) - 1) / g**2
    error = values.std(ddof=1) / np.sqrt(samples)
    assert abs(values.mean() - theory) < 4.5 * error + 4 * theory / n
