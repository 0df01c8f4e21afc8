"""Closed forms of the elliptic law against random matrices."""

import numpy as np
import pytest

from meanfield import linear_temperature_ratio, null_fluctuation, null_response
from simulate import couplings


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
