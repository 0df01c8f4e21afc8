"""The law of the matrix revealed on request, against Wick's theorem and stored networks."""

import numpy as np
import pytest
import scipy.stats

from meanfield import GaussianOperator


def dense(n: int, g: float, gamma: float, seed: int) -> np.ndarray:
    """A stored matrix with the operator's law, built from independent pairs."""
    noise = np.random.default_rng(seed).standard_normal((n, n)) * g / np.sqrt(n)
    J = np.triu(noise, 1) + np.tril(gamma * noise.T + np.sqrt(1 - gamma**2) * noise, -1)
    J[np.diag_indices(n)] = np.sqrt(1 + gamma) * np.diag(noise)
    return J


def flow(J, x: np.ndarray, onsager: float, dt: float, steps: tuple[int, ...]) -> np.ndarray:
    """q = ⟨φ²⟩ and e = ½⟨f²⟩ after the given numbers of Euler steps."""
    out = []
    for step in range(max(steps) + 1):
        phi = np.tanh(x)
        force = J @ phi - x
        if step in steps:
            out += [np.mean(phi**2), np.mean(force**2) / 2]
        if onsager:
            force = force - onsager * (1 - phi**2) * (J.T @ force)
        x = x + dt * force
    return np.array(out)


@pytest.mark.parametrize("gamma", [-1.0, -0.5, 0.0, 0.4, 1.0])
def test_law_after_adaptive_requests(gamma: float) -> None:
    """Entries of the matrix revealed by requests that depend on its answers.

    5 standard errors in 136 + 6 comparisons per γ, and one or two Kolmogorov–Smirnov tests at
    10⁻⁵: a false alarm of the five cases once in 2000 runs.
    """
    n, g, samples = 4, 1.4, 2500
    entries = np.empty((samples, n, n))
    start = np.array([1.0, -0.5, 0.3, 0.0])
    for seed in range(samples):
        J = GaussianOperator(n, g, gamma, seed=seed)
        answer = J @ start
        answer = J.T @ np.tanh(answer - start)
        answer = J @ np.tanh(answer)
        J.T @ np.sign(answer)
        entries[seed] = (J @ np.eye(n)) * np.sqrt(n) / g
    flat = entries.reshape(samples, -1)
    index = np.arange(n * n).reshape(n, n)
    covariance = np.eye(n * n)
    covariance[index.ravel(), index.T.ravel()] += gamma
    products = flat[:, :, None] * flat[:, None, :]
    variance = np.diag(covariance)
    scale = np.sqrt(np.outer(variance, variance) + covariance**2 + 1e-12)
    z = (products.mean(axis=0) - covariance) / scale * np.sqrt(samples)
    assert np.abs(z).max() < 5
    # Wick: ⟨a²b²⟩ = ⟨a²⟩⟨b²⟩ + 2⟨ab⟩², averaged over the pairs of one kind.
    wick = np.outer(variance, variance) + 2 * covariance**2
    same = np.eye(n * n, dtype=bool)
    mirror = np.zeros_like(same)
    mirror[index.ravel(), index.T.ravel()] = True
    for kind in (same & mirror, same & ~mirror, mirror & ~same, ~same & ~mirror):
        values = (products[:, kind] ** 2).mean(axis=1)
        error = values.std() / np.sqrt(samples) + 1e-9
        assert abs(values.mean() - wick[kind].mean()) < 5 * error
    a, b = np.random.default_rng(1).standard_normal((2, n))
    a, b = a / np.linalg.norm(a), b / np.linalg.norm(b)
    forward, backward = entries @ b @ a, entries @ a @ b
    overlap = gamma * (a @ b) ** 2
    for values, theory in ((forward**2, 1 + overlap), (forward * backward, gamma + (a @ b) ** 2)):
        assert abs(values.mean() - theory) < 5 * values.std() / np.sqrt(samples) + 1e-9
    # Symmetric and antisymmetric parts are independent normal numbers.
    upper = np.triu_indices(n, 1)
    mirrored = entries.transpose(0, 2, 1)
    for sign in (1, -1):
        part = (entries + sign * mirrored)[:, *upper].ravel()
        if 1 + sign * gamma > 0:
            part = part / np.sqrt(2 * (1 + sign * gamma))
            assert scipy.stats.kstest(part, "norm").pvalue > 1e-5
        else:
            np.testing.assert_allclose(part, 0, atol=1e-11)


@pytest.mark.parametrize(
    ("g", "gamma", "onsager", "dt"),
    [(2.0, 0.0, 0.0, 0.1), (1.8, -0.5, 0.0, 0.1), (2.0, 0.0, 1.0, 0.05), (1.5, 0.5, 1.0, 0.05)],
)
def test_trajectories_have_the_law_of_stored_networks(
    g: float, gamma: float, onsager: float, dt: float
) -> None:
    """q and e of n = 200 neurons at three times: two-sample Kolmogorov–Smirnov tests and means.

    24 tests of each sort; the levels make a false alarm of either once in 5000 runs.
    """
    n, samples = 200, 100
    steps = (round(0.5 / dt), round(1.5 / dt), round(3 / dt))
    lazy, stored = np.empty((2, samples, 6))
    for k in range(samples):
        x = np.random.default_rng([7, k]).standard_normal((2, n))
        lazy[k] = flow(GaussianOperator(n, g, gamma, seed=k), x[0], onsager, dt, steps)
        stored[k] = flow(dense(n, g, gamma, seed=k), x[1], onsager, dt, steps)
    for one, two in zip(lazy.T, stored.T, strict=True):
        assert scipy.stats.ks_2samp(one, two).pvalue > 1e-4 / 24
        assert scipy.stats.ttest_ind(one, two, equal_var=False).pvalue > 1e-4 / 24


def test_matched_innovations_reduce_the_variance() -> None:
    """Spread over seeds of q and e after 3 time units of the gradient flow.

    Variances fall by factors near 8 and 16; for a true factor 6, a ratio of 40 seeds each falls
    below 2 once in 10³ runs.
    """
    n, samples = 400, 40
    values = {}
    for innovations in ("gaussian", "matched"):
        runs = np.empty((samples, 2))
        for seed in range(samples):
            x = np.random.default_rng([1, seed]).standard_normal(n)
            x *= np.sqrt(n) / np.linalg.norm(x)
            J = GaussianOperator(n, 2.0, seed=seed, innovations=innovations, tol=1e-2)
            J.anchor(x)
            runs[seed] = flow(J, x, 1.0, 0.05, (60,))
        values[innovations] = runs
    gaussian, matched = values["gaussian"], values["matched"]
    ratio = gaussian.var(axis=0) / matched.var(axis=0)
    assert np.all(ratio > 2), ratio


@pytest.mark.parametrize("gamma", [-1.0, -0.7, 0.0, 0.5, 1.0])
def test_norm_bound(gamma: float) -> None:
    for n, seeds in ((1, 200), (6, 100), (60, 20), (500, 2)):
        J = GaussianOperator(n, 1.4, gamma, seed=0)
        norms = [np.linalg.norm(dense(n, 1.4, gamma, seed), 2) for seed in range(seeds)]
        assert max(norms) < J.norm_bound
        assert J.rank == (0, 0)
    # Tight: the norm tends to 2g for every γ.
    assert min(norms) > 0.95 * 2 * 1.4
    assert GaussianOperator(10**12, 1.4, gamma, seed=0).norm_bound == pytest.approx(2.8, rel=1e-5)
