"""Samples of exp(−βE) against quadrature, closed forms and the replica theory."""

import warnings
from typing import Any

import numpy as np
import pytest

from meanfield import saddle_point
from simulate import (
    BoltzmannSamples,
    SamplingWarning,
    couplings,
    force,
    kinetic_energy,
    sample_boltzmann,
)

# Every comparison here is at 4.5 standard errors: two-sided false alarm 7e-6 each, about 30 of
# them, if the errors are right; effective sample sizes of thousands keep them so.
LEVEL = 4.5


def exact(J: Any, beta: float, eta: float) -> dict[str, float]:
    """q, E/n and r of two neurons by the rectangle rule on a wide fine grid."""
    axis = np.linspace(-12, 12, 1201)
    x = np.stack(np.meshgrid(axis, axis, indexing="ij")).reshape(2, -1)
    energy = kinetic_energy(x, J, eta=eta)
    weight = np.exp(-beta * (energy - energy.min()))
    weight /= weight.sum()
    phi, f = np.tanh(x), force(x, J)
    return {
        "q": float(weight @ np.mean(phi**2, axis=0)),
        "energy": float(weight @ energy / 2),
        "r": float(-beta * weight @ np.mean(f * phi, axis=0)),
    }


def agree(run: BoltzmannSamples, expected: dict[str, float]) -> None:
    assert np.all(run.converged)
    for name, value in expected.items():
        error = float(getattr(run, f"{name}_err"))
        assert abs(float(getattr(run, name)) - value) < LEVEL * error


@pytest.mark.parametrize(("beta", "eta"), [(1.0, 0.0), (6.0, 0.0), (6.0, 0.3)])
def test_two_neurons(beta: float, eta: float) -> None:
    """Two wells at ±x* and a saddle between them: the chains must cross it."""
    J = np.array([[0.0, 2.2], [1.4, 0.0]])
    run = sample_boltzmann(J, beta, eta=eta, n_samples=3000, chains=4, seed=1)
    agree(run, exact(J, beta, eta))
    # Both wells are visited alike.
    assert abs(np.mean(run.samples[..., 0] > 0) - 0.5) < 0.1


def test_linear_network() -> None:
    """x is Gaussian with covariance T (AᵀA + η)⁻¹; E/n = T/2 whatever J."""
    n, beta, eta = 8, 2.5, 0.2
    J = couplings.elliptic(n, 0.7, -0.3, seed=2)
    A = J - np.eye(n)
    covariance = np.linalg.inv(A.T @ A + eta * np.eye(n)) / beta
    run = sample_boltzmann(J, beta, eta=eta, phi="linear", n_samples=4000, chains=4, seed=3)
    agree(run, {"q": np.trace(covariance) / n, "energy": 1 / (2 * beta)})
    x = run.samples.reshape(-1, n)
    spread = np.sqrt(
        (covariance**2 + np.outer(covariance.diagonal(), covariance.diagonal())) / run.ess
    )
    assert np.max(np.abs(x.T @ x / len(x) - covariance) / spread) < LEVEL
    # Replicas do not see each other: the mean square overlap is Σ C²/n².
    assert float(run.overlap) == pytest.approx(np.sqrt(np.sum(covariance**2)) / n, rel=0.05)


def test_several_temperatures_in_one_run() -> None:
    J, betas = np.array([[0.0, 2.2], [1.4, 0.0]]), np.array([1.0, 6.0])
    run = sample_boltzmann(J, betas, n_samples=3000, chains=4, seed=4)
    assert run.samples.shape == (2, 4, 3000, 2)
    for k, beta in enumerate(betas):
        for name, value in exact(J, beta, 0.0).items():
            assert abs(getattr(run, name)[k] - value) < LEVEL * getattr(run, f"{name}_err")[k]
    assert set(betas) <= set(run.ladder)
    assert np.all(np.abs(run.acceptance - 0.8) < 0.15)
    data = run.to_dataset()
    assert data.samples.dims == ("beta", "chain", "draw", "neuron")
    assert data.attrs["seed"] == "4"


def test_langevin_measures_the_bias_of_its_step() -> None:
    """At half the stability limit the bias is below a per cent, and the estimate agrees."""
    J, beta = np.array([[0.0, 2.2], [1.4, 0.0]]), 2.0
    expected = exact(J, beta, 0.0)
    run = sample_boltzmann(
        J, beta, n_samples=4000, chains=16, seed=5, algorithm="langevin", dt=0.115, warmup=50
    )
    for name, value in expected.items():
        bias, error = float(run.step_bias[name]), float(run.step_bias[f"{name}_err"])
        difference = float(getattr(run, name)) - value
        assert abs(difference - bias) < LEVEL * np.hypot(error, float(getattr(run, f"{name}_err")))
        assert abs(bias) < 0.01 * value + LEVEL * error
    small = sample_boltzmann(
        J, beta, n_samples=2000, chains=8, seed=6, algorithm="langevin", dt=0.02, warmup=50
    )
    agree(small, expected)


def test_seed() -> None:
    J = couplings.elliptic(10, 1.0, seed=7)
    arguments: dict[str, Any] = {"n_samples": 50, "chains": 2, "warmup": 20}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SamplingWarning)
        one, same = (sample_boltzmann(J, 3.0, seed=1, **arguments) for _ in range(2))
        other = sample_boltzmann(J, 3.0, seed=2, **arguments)
    np.testing.assert_array_equal(one.samples, same.samples)
    assert not np.allclose(one.samples, other.samples)


def test_chains_that_have_not_mixed_are_flagged() -> None:
    J = couplings.elliptic(40, 2.0, seed=8)
    with pytest.warns(SamplingWarning, match="not mixed at beta=10000"):
        run = sample_boltzmann(J, 1e4, n_samples=40, chains=2, warmup=10, seed=9, lowest_beta=1e4)
    assert not run.converged


def test_paramagnetic_branch() -> None:
    """γ = 0: q, βe and r at n = 100 over 6 couplings; 4.5 standard errors and 2/n of size."""
    beta = np.array([1.0, 5.0])
    theory = saddle_point(0.9, beta=beta, branch="paramagnetic")
    found = []
    for seed in range(6):
        J = couplings.elliptic(100, 0.9, seed=seed)
        run = sample_boltzmann(J, beta, n_samples=300, seed=seed, leapfrog=10)
        found.append([run.q, run.energy, run.r])
    mean, error = np.mean(found, axis=0), np.std(found, axis=0, ddof=1) / np.sqrt(6)
    for row, name in enumerate(("q", "energy", "r")):
        expected = getattr(theory, name)
        assert np.all(np.abs(mean[row] - expected) < LEVEL * error[row] + 2 / 100 * expected)


@pytest.mark.slow
def test_paramagnetic_branch_at_full_scale() -> None:
    """N = 200, γ = 0.5, g = 0.9, 8 couplings: larger of 3 standard errors and 2 %."""
    beta = np.array([3.0, 10.0, 32.0, 100.0])
    theory = saddle_point(0.9, 0.5, beta=beta, branch="paramagnetic")
    found = []
    for seed in range(8):
        J = couplings.elliptic(200, 0.9, 0.5, seed=seed)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SamplingWarning)
            run = sample_boltzmann(J, beta, n_samples=800, seed=seed)
        assert np.all(run.r_hat < 1.1)
        found.append([run.q, run.energy, run.r])
    mean, error = np.mean(found, axis=0), np.std(found, axis=0, ddof=1) / np.sqrt(8)
    for row, name in enumerate(("q", "energy", "r")):
        expected = getattr(theory, name)
        assert np.all(np.abs(mean[row] - expected) < np.maximum(3 * error[row], 0.02 * expected))


@pytest.mark.slow
def test_ordered_branch_extrapolated() -> None:
    """γ = −0.5, g = 2.2, β = 10: q, βe and r linear in N^−½ at N = 100, 200, 400 meet the branch.

    The paramagnetic branch, q = 0.418 and βe = 0.5215, is excluded.
    """
    theory = saddle_point(2.2, -0.5, beta=10.0, branch="ordered")
    sizes, couples = np.array([100, 200, 400]), (12, 8, 6)
    means, errors = np.empty((3, 3)), np.empty((3, 3))
    for row, (n, count) in enumerate(zip(sizes, couples, strict=True)):
        found = []
        for seed in range(count):
            J = couplings.elliptic(int(n), 2.2, -0.5, seed=seed)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", SamplingWarning)
                run = sample_boltzmann(J, 10.0, n_samples=600, seed=seed)
            found.append([float(run.q), 10 * float(run.energy), float(run.r)])
        means[row] = np.mean(found, axis=0)
        errors[row] = np.std(found, axis=0, ddof=1) / np.sqrt(count)
    design = np.stack([np.ones(3), sizes**-0.5], axis=1)
    for column, expected in enumerate((theory.q, 10 * theory.energy, theory.r)):
        weighted = design / errors[:, column, None]
        covariance = np.linalg.inv(weighted.T @ weighted)
        limit = (covariance @ weighted.T @ (means[:, column] / errors[:, column]))[0]
        assert abs(limit - float(expected)) < 3 * np.sqrt(covariance[0, 0])
    assert means[2, 0] < 0.37


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"beta": 0.0}, "beta=0"),
        ({"beta": [2.0, 1.0]}, "increasing"),
        ({"beta": np.inf}, "must be finite"),
        ({"algorithm": "gibbs"}, "algorithm='gibbs'"),
        ({"n_samples": 2}, "n_samples=2"),
        ({"chains": 0}, "chains=0"),
        ({"thin": 0}, "thin=0"),
        ({"eta": -1.0}, "eta=-1"),
        ({"algorithm": "langevin", "dt": 0.0}, "dt=0"),
    ],
)
def test_bad_arguments(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        sample_boltzmann(np.eye(2), **{"beta": 1.0, "seed": 0, **arguments})


def test_matrix_free_couplings_are_refused() -> None:
    with pytest.raises(ValueError, match="sampling, which asks for ever new products"):
        sample_boltzmann(couplings.lazy(10, 1.0, seed=0), 1.0)
