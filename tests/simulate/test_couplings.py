"""Elliptic, excitatory–inhibitory and matrix-free couplings."""

import math
import pickle
import tracemalloc
from typing import Any

import numpy as np
import pytest
import scipy.sparse
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array
from scipy.sparse.linalg import aslinearoperator, eigs

from meanfield import ArgumentError, Blocks, GaussianOperator
from meanfield.common import cost
from simulate import (
    couplings,
    divergence,
    find_fixed_points,
    force,
    integrate,
    jacobian,
    kinetic_energy,
    maximal_lyapunov,
    sample_boltzmann,
    stiffness,
)

RNG = np.random.default_rng
# [HH] Fig. 6; the last two numbers are the measured radius and outlier of such networks, n = 1000.
FIGURE_6 = {
    "inhibitory": (1.0, -6.0, 1.249, -2.53),
    "balanced": (1.0, -4.0, 0.961, 0.0),
    "excitatory": (1.5, -4.0, 1.041, 2.53),
}
COMMON = {"f": 0.8, "alpha": 0.2, "sigma_e": 1.2, "sigma_i": 1.2}


def test_elliptic_covariances() -> None:
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


def test_blocks_have_their_means_and_variances() -> None:
    """Eight moments at 4.5 standard errors: a false alarm in 18 000 samples."""
    n, g, mean = 600, np.array([[1.0, 2.0], [0.5, 0.0]]), np.array([[3.0, -40.0], [0.0, 5.0]])
    pair = Blocks([0.75, 0.25], g, mean=mean)
    J = couplings.blocks(n, pair, seed=3)
    assert np.array_equal(J, couplings.blocks(n, pair, seed=3))
    assert not np.any(np.diag(J))
    edges = [0, *np.cumsum(pair.sizes(n))]
    assert edges == [0, 450, 600]
    for a in (0, 1):
        for b in (0, 1):
            part = J[edges[a] : edges[a + 1], edges[b] : edges[b + 1]]
            entries = part[~np.eye(*part.shape, dtype=bool)] if a == b else part.ravel()
            rest = (entries - mean[a, b] / n) * np.sqrt(n)
            assert abs(rest.mean()) <= 4.5 * g[a, b] / np.sqrt(rest.size) + 1e-12
            spread = 4.5 * g[a, b] ** 2 * np.sqrt(2 / rest.size)
            assert abs(np.mean(rest**2) - g[a, b] ** 2) <= spread + 1e-12


def test_blocks_that_are_alike_are_elliptic() -> None:
    alike = Blocks([0.3, 0.7], 1.5 * np.ones((2, 2)))
    for gamma in (0.0, -0.4):
        one = couplings.elliptic(40, 1.5, gamma, seed=7)
        assert np.array_equal(couplings.blocks(40, alike, gamma, seed=7), one)


def test_blocks_have_their_symmetries() -> None:
    """⟨J_ij J_ji⟩ of each pair of blocks: three at 4.5 standard errors, at most √2 g_ab g_ba/√N."""
    g, gamma = np.array([[1.0, 2.0], [0.5, 3.0]]), np.array([[0.7, -0.5], [-0.5, -1.0]])
    J = couplings.blocks(800, Blocks([0.75, 0.25], g), gamma, seed=3)
    for a, first in enumerate((slice(600), slice(600, 800))):
        for b, second in enumerate((slice(600), slice(600, 800))):
            product = 800 * J[first, second] * J[second, first].T
            size = product.size - (600, 200)[a] * (a == b)
            width = 4.5 * math.sqrt(2) * g[a, b] * g[b, a] * math.sqrt(2 / size)
            assert abs(product.sum() / size - gamma[a, b] * g[a, b] * g[b, a]) < width
    with pytest.raises(ArgumentError, match=r"gamma=.*symmetric"):
        couplings.blocks(8, Blocks([0.5, 0.5], g), [[0.1, 0.2], [0.3, 0.1]], seed=3)


def test_elliptic_comes_from_the_seed() -> None:
    one, two = (couplings.elliptic(20, 1.0, 0.3, seed=5) for _ in range(2))
    np.testing.assert_array_equal(one, two)
    assert not np.array_equal(one, couplings.elliptic(20, 1.0, 0.3, seed=6))


@pytest.mark.parametrize("make", [couplings.elliptic, couplings.lazy])
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n": 0}, "n=0: must be at least 1"),
        ({"n": 3.0}, "n=3.0: must be an integer"),
        ({"n": True}, "n=True"),
        ({"g": -1.0}, "g=-1"),
        ({"g": [1.0, 2.0]}, "g="),
        ({"gamma": 2.0}, r"gamma=2: must lie in \[-1, 1\]"),
        ({"seed": -1}, "seed=-1"),
        ({"seed": 0.5}, "seed=0.5"),
    ],
)
def test_bad_gaussian_couplings(make, arguments: dict[str, object], message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        make(**{"n": 3, "g": 1.0, "gamma": 0.0, "seed": 0} | arguments)


@given(
    n=st.integers(1, 30),
    f=st.floats(0, 1),
    alpha=st.one_of(st.floats(0, 1), st.sampled_from([0.0, 1e-300, 1e-9, 1.0])),
    mu=st.tuples(st.floats(-5, 5), st.floats(-5, 5)),
    sigma=st.tuples(st.floats(0, 3), st.floats(0, 3)),
    seed=st.integers(0, 10**9),
)
def test_dale_in_either_storage(n, f, alpha, mu, sigma, seed) -> None:
    arguments = {"f": f, "alpha": alpha, "mu_e": mu[0], "mu_i": mu[1]}
    arguments |= {"sigma_e": sigma[0], "sigma_i": sigma[1], "seed": seed}
    dense = couplings.dale(n, **arguments)
    sparse = couplings.dale(n, **arguments, sparse=True)
    assert isinstance(sparse, scipy.sparse.csr_array)
    sparse.check_format()
    assert sparse.has_canonical_format
    np.testing.assert_array_equal(sparse.toarray(), dense)
    assert dense.dtype == sparse.dtype == np.float64
    assert not np.diag(dense).any()
    assert scipy.sparse.issparse(couplings.dale(n, **arguments, sparse=None)) == (alpha < 0.1)
    if alpha == 1:
        assert sparse.nnz == n * (n - 1)
    if alpha < 1e-100:
        assert sparse.nnz == 0


def test_the_sets_by_name_are_those_of_the_figure() -> None:
    for name, (mu_e, mu_i, *_) in FIGURE_6.items():
        assert couplings.PAPER_SETS[name] == COMMON | {"mu_e": mu_e, "mu_i": mu_i}


def test_dale_columns_are_of_two_kinds() -> None:
    """Noiseless full couplings: round(f n) excitatory columns, also where f n is not integer."""
    full = {"alpha": 1.0, "mu_e": 1.0, "mu_i": -3.0, "sigma_e": 0.0, "sigma_i": 0.0, "seed": 0}
    for n, f in ((7, 0.8), (10, 0.29), (100, 0.29), (5, 0.0), (5, 1.0)):
        J = couplings.dale(n, f=f, **full) * np.sqrt(n)
        count = round(f * n)
        np.testing.assert_allclose(J[-1, : min(count, n - 1)], 1)
        np.testing.assert_allclose(J[0, max(count, 1) :], -3)
        off_diagonal = J.sum() / (n * (n - 1) * np.sqrt(n))
        realised = couplings.dale_mean(n, f=count / n, alpha=1.0, mu_e=1.0, mu_i=-3.0)
        # The missing diagonal takes one entry of its own kind from every column.
        np.testing.assert_allclose(off_diagonal, realised)


def test_dale_connections_are_independent(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every place, and every pair of places, as often as α and α² say."""
    n, alpha, samples = 5, 0.3, 6000
    places = n * (n - 1)
    off = ~np.eye(n, dtype=bool)
    ones = {"f": 1.0, "alpha": alpha, "mu_e": 1.0, "mu_i": 0.0, "sigma_e": 0.0, "sigma_i": 0.0}
    hits = np.array([couplings.dale(n, **ones, seed=s)[off] > 0 for s in range(samples)], float)
    moments = hits.T @ hits / samples
    expected = np.full((places, places), alpha**2)
    np.fill_diagonal(expected, alpha)
    z = (moments - expected) / np.sqrt(expected * (1 - expected) / samples)
    # 210 comparisons: beyond 5 standard errors once in 10⁴ runs.
    assert np.abs(z).max() < 5
    counts = hits.sum(axis=1)
    observed = np.bincount(counts.astype(int), minlength=places + 1)[2:12]
    law = scipy.stats.binom(places, alpha).pmf(np.arange(2, 12))
    assert scipy.stats.chisquare(observed, law * observed.sum() / law.sum()).pvalue > 1e-4
    # Drawn in blocks of any size the couplings are the same ones.
    arguments = ones | {"sigma_e": 1.0}
    whole = couplings.dale(40, **arguments, seed=3)
    monkeypatch.setattr(couplings, "_BLOCK", 7)
    np.testing.assert_array_equal(couplings.dale(40, **arguments, seed=3), whole)


def test_dale_entries() -> None:
    """Probability, mean and standard deviation of each kind within 4.5 standard errors."""
    n, mu, sigma = 900, (1.5, -4.0), (1.2, 0.7)
    kinds = {"mu_e": mu[0], "mu_i": mu[1], "sigma_e": sigma[0], "sigma_i": sigma[1]}
    J = couplings.dale(n, f=0.6, alpha=0.3, **kinds, seed=4) * np.sqrt(n)
    for block, mean, spread in ((J[:, :540], mu[0], sigma[0]), (J[:, 540:], mu[1], sigma[1])):
        values = block[block != 0]
        trials = block.shape[1] * (n - 1)
        assert abs(values.size - 0.3 * trials) < 4.5 * np.sqrt(trials * 0.21)
        assert abs(values.mean() - mean) < 4.5 * spread / np.sqrt(values.size)
        assert abs(values.std() - spread) < 4.5 * spread / np.sqrt(2 * values.size)


def test_dale_formulas() -> None:
    for mu_e, mu_i, radius, outlier in FIGURE_6.values():
        kinds = {"mu_e": mu_e, "mu_i": mu_i}
        # The measured radius of one network at n = 1000 fluctuates by about 1 %.
        assert couplings.dale_radius(**COMMON, **kinds) == pytest.approx(radius, rel=0.01)
        fractions = {"f": 0.8, "alpha": 0.2}
        simple = 1000 * couplings.dale_mean(1000, **fractions, **kinds)
        assert simple == pytest.approx(outlier, abs=5e-3)
        roots = couplings.dale_outlier(1000, **fractions, **kinds)
        square = 0.04 * (0.8 * mu_e**2 + 0.2 * mu_i**2)
        np.testing.assert_allclose(roots.sum(), simple, atol=1e-12)
        np.testing.assert_allclose(roots.prod(), square, rtol=1e-12)
        assert abs(roots[0]) >= abs(roots[1])
        # The smaller root, and of the balanced set the pair ±0.4i, lie in the disc.
        outside = couplings.dale_outlier(1000, **COMMON, **kinds)
        assert np.isfinite(outside).tolist() == [outlier != 0, False]


def spectral_radius(J: np.ndarray) -> float:
    return np.abs(np.linalg.eigvals(J)).max()


def test_dale_disc() -> None:
    """Spectral radii over the formula, against Ginibre matrices over theirs, at the same n.

    Both exceed 1 by some 5 % at this n.  4.5 standard errors, and 2 % for an edge that is softer
    where the columns differ in variance.
    """
    n, samples = 250, 24
    ginibre = np.array([spectral_radius(couplings.elliptic(n, 1, seed=s)) for s in range(samples)])
    for mu_e, mu_i, _, _ in FIGURE_6.values():
        kinds = {"mu_e": mu_e, "mu_i": mu_i}
        ratio = np.empty(samples)
        for seed in range(samples):
            J = couplings.dale(n, **COMMON, **kinds, seed=seed)
            # Without the mean over neurons of what each sends, M has no part and no outlier left.
            ratio[seed] = spectral_radius(J - J.mean(axis=0))
        ratio /= couplings.dale_radius(**COMMON, **kinds)
        error = np.sqrt((ratio.var(ddof=1) + ginibre.var(ddof=1)) / samples)
        assert abs(ratio.mean() - ginibre.mean()) < 4.5 * error + 0.02


@pytest.mark.parametrize("kind", ["inhibitory", "excitatory"])
def test_dale_outlier_of_networks(kind: str) -> None:
    """Mean and spread of the eigenvalue λ = λ₁ + Σ_k v·Aᵏu/λᵏ over networks, λ₁ the larger root.

    The sum is Gaussian of variance s² = (|v|R)²/(λ₀²−R²), R the radius, and shifts the mean by
    s²λ₀/(λ₀²−R²).  4.5 standard errors: a false alarm in 10⁴ runs.
    """
    n, samples = 2000, 20
    mu_e, mu_i, _, _ = FIGURE_6[kind]
    kinds = {"mu_e": mu_e, "mu_i": mu_i}
    values = np.empty(samples)
    outlier = n * couplings.dale_mean(n, f=0.8, alpha=0.2, **kinds)
    for seed in range(samples):
        J = couplings.dale(n, **COMMON, **kinds, seed=seed, sparse=True)
        side = "LR" if outlier > 0 else "SR"
        leading = eigs(J, k=1, which=side, v0=np.ones(n), return_eigenvectors=False)
        values[seed] = leading[0].real
    radius = couplings.dale_radius(**COMMON, **kinds)
    v = 0.2 * np.sqrt(0.8 * mu_e**2 + 0.2 * mu_i**2)
    gap = outlier**2 - radius**2
    spread = v * radius / np.sqrt(gap)
    shift = spread**2 * abs(outlier) / gap
    expected = couplings.dale_outlier(n, f=0.8, alpha=0.2, **kinds)[0].real
    assert abs(values.mean() - expected) < 4.5 * spread / np.sqrt(samples) + 2 * shift
    assert abs(values.std(ddof=1) / spread - 1) < 4.5 / np.sqrt(2 * samples)


# A balanced pair, an unbalanced one, two real roots, and diluted couplings.
ZERO_DIAGONAL = [
    {"f": 0.8, "alpha": 1.0, "mu_e": 1.0, "mu_i": -4.0},
    {"f": 0.8, "alpha": 1.0, "mu_e": 1.0, "mu_i": -4.2},
    {"f": 0.8, "alpha": 1.0, "mu_e": 1.0, "mu_i": -3.0},
    {"f": 0.5, "alpha": 0.9, "mu_e": 2.0, "mu_i": -2.1},
]


@pytest.mark.parametrize("zero_row_sum", [False, True])
@pytest.mark.parametrize("means", ZERO_DIAGONAL)
def test_dale_pair_of_networks(means: dict[str, float], zero_row_sum: bool) -> None:
    """λ₀ = λ + (s − Σv³/λ)/λ, at each of both eigenvalues outside the disc, over 12 networks.

    Student's t of 11 degrees of freedom beyond 6.5: 5e-5 a comparison, 1e-3 for all 16.  What is
    allowed beside it is Σv⁴/λ³ of the mean and, unless rows sum to zero, c₁ with c₂ at second
    order, Var(c₁)/|λ|³ at most.
    """
    n, seeds = 400, 12
    arguments = means | {"sigma_e": 0.1, "sigma_i": 0.1}
    roots = couplings.dale_outlier(n, **arguments)
    assert np.isfinite(roots).all()
    radius = couplings.dale_radius(**arguments)
    columns = (
        means["alpha"]
        / np.sqrt(n)
        * np.where(np.arange(n) < means["f"] * n, means["mu_e"], means["mu_i"])
    )
    moments = [np.sum(columns**power) for power in range(5)]
    found = []
    for seed in range(seeds):
        J = couplings.dale(n, **arguments, seed=seed, zero_row_sum=zero_row_sum)
        values = np.linalg.eigvals(J)
        values = values[np.argsort(-np.abs(values))]
        if zero_row_sum:
            # No third one strays from the disc, which −diag(v) moves at finite n.
            assert abs(values[2]) < 1.15 * radius + np.abs(columns).max()
        # Nearest to each root: of the real ones and of the pair alike.
        found.append([values[np.argmin(np.abs(values - root))] for root in roots])
    eigenvalues = np.array(found)
    simple = eigenvalues + (moments[2] - moments[3] / eigenvalues) / eigenvalues
    strength = 0.0 if zero_row_sum else moments[2] * radius**2
    for k, root in enumerate(roots):
        allowed = 2 * (moments[4] + strength) / abs(root) ** 3
        for part in (simple[:, k].real - moments[1], simple[:, k].imag):
            error = part.std(ddof=1) / np.sqrt(seeds)
            assert abs(part.mean()) < 6.5 * error + allowed
    if zero_row_sum:
        # c₁ alone scatters λ₀ by √s R/|λ|.
        scatter = np.sqrt(moments[2]) * radius / np.abs(roots)
        assert np.all(simple.std(axis=0, ddof=1) < 0.3 * scatter)


def test_dale_outlier_of_the_edges() -> None:
    """No couplings, one kind, huge means; one standard deviation alone is refused."""
    nothing = {"f": 0.5, "alpha": 1.0, "mu_e": 0.0, "mu_i": 0.0}
    assert couplings.dale_outlier(10, **nothing).tolist() == [0, 0]
    balanced = {"f": 0.5, "alpha": 1.0, "mu_e": 1e50, "mu_i": -1e50}
    np.testing.assert_allclose(couplings.dale_outlier(10, **balanced), [1e50j, -1e50j])
    with pytest.raises(ArgumentError, match="sigma_e=None, sigma_i=1: expected both"):
        couplings.dale_outlier(10, **balanced, sigma_i=1)


@pytest.mark.parametrize("alpha", [1.0, 0.3])
def test_dale_rows_that_sum_to_zero(alpha: float) -> None:
    """Every row sums to what the mean of its couplings says, in either storage."""
    n, common = 60, COMMON | {"alpha": alpha, "mu_e": 1.5, "mu_i": -4.0, "seed": 3}
    J = couplings.dale(n, **common, zero_row_sum=True)
    sparse = couplings.dale(n, **common, zero_row_sum=True, sparse=True)
    np.testing.assert_array_equal(sparse.toarray(), J)
    assert not np.diag(J).any()
    mean = alpha * np.where(np.arange(n) < 48, 1.5, -4.0) / np.sqrt(n)
    np.testing.assert_allclose(J.sum(axis=1), mean.sum() - mean, atol=1e-13)
    free = couplings.dale(n, **common)
    np.testing.assert_array_equal(J != 0, free != 0)
    # One shift a row.
    shift = np.where(free != 0, free - J, np.nan)
    assert np.nanmax(np.nanmax(shift, axis=1) - np.nanmin(shift, axis=1)) < 1e-14
    with pytest.raises(ArgumentError, match=r"zero_row_sum=True: neuron .* has no connection"):
        couplings.dale(n, **common | {"alpha": 0.01}, zero_row_sum=True)


def test_dale_sparse_never_holds_a_matrix() -> None:
    n = 200_000
    arguments = COMMON | {"alpha": 2e-5, "mu_e": 1.0, "mu_i": -4.0}
    tracemalloc.start()
    J = couplings.dale(n, **arguments, seed=0, sparse=True)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    expected = 2e-5 * n * (n - 1)
    assert abs(J.nnz - expected) < 4.5 * np.sqrt(expected)
    # n² numbers would take 320 GB.
    assert peak < 120 * J.nnz


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n": 2.5}, "n=2.5: must be an integer"),
        ({"f": 1.2}, r"f=1.2: must lie in \[0, 1\]"),
        ({"alpha": -0.1}, "alpha=-0.1"),
        ({"mu_e": np.inf}, "mu_e=inf: must be finite"),
        ({"mu_i": "a"}, "mu_i='a': must be a real"),
        ({"sigma_e": -1.0}, "sigma_e=-1: must be >= 0"),
        ({"sigma_i": np.nan}, "sigma_i=nan"),
        ({"seed": -3}, "seed=-3"),
    ],
)
def test_bad_dale(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        couplings.dale(**COMMON | {"n": 4, "mu_e": 1.0, "mu_i": -1.0, "seed": 0} | arguments)


@settings(max_examples=20)
@given(n=st.integers(1, 10), gamma=st.floats(-1, 1), seed=st.integers(0, 100))
def test_lazy_is_the_gaussian_operator(n: int, gamma: float, seed: int) -> None:
    one = couplings.lazy(n, 1.2, gamma, seed=seed, tol=0.1)
    two = GaussianOperator(n, 1.2, gamma, seed=seed, tol=0.1, dtype=np.float32)
    assert isinstance(one, GaussianOperator)
    assert one.tol == 0.1
    # In single precision where that tells residuals of this size.
    kinds = [couplings.lazy(n, 1.0, seed=seed, tol=tol).dtype for tol in (0.0, 2.4e-3, 2.5e-3)]
    assert kinds == [np.float64, np.float64, np.float32]
    assert couplings.lazy(n, 1.0, seed=seed, tol=0.1, dtype=np.float64).dtype == np.float64
    np.testing.assert_array_equal(one @ np.eye(n), two @ np.eye(n))


@pytest.mark.parametrize("make", [couplings.elliptic, couplings.lazy])
def test_a_state_of_the_same_seed_is_independent(make: Any) -> None:
    """Rows of J against `default_rng(seed)`: 400 correlations, none beyond 5 of 1/√n (2e-4)."""
    n, seed = 400, 3
    x = np.random.default_rng(seed).standard_normal(n)
    answer = make(n, 1.0, seed=seed) @ x
    assert np.max(np.abs(answer)) < 5 * np.linalg.norm(x) / np.sqrt(n)


def test_couplings_that_do_not_fit_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ArgumentError, match=r"^n=1000000: needs .* of memory.*couplings\.lazy"):
        couplings.elliptic(10**6, 1.0, seed=0)
    many = COMMON | {"n": 10**6, "mu_e": 1.0, "mu_i": -1.0, "seed": 0, "alpha": 0.2}
    with pytest.raises(ArgumentError, match=r"^n=1000000: needs .* of memory"):
        couplings.dale(**many)
    with pytest.raises(ArgumentError, match=r"^n=1000000: needs .* of memory"):
        couplings.dale(**many, sparse=True)
    J = couplings.lazy(1000, 1.0, seed=0)
    # Two chunks of 262 requests and as many answers, not three.
    monkeypatch.setattr(cost, "memory", lambda: 8.0 * 1000 * 1500)
    with pytest.raises(ArgumentError, match=r"^n=1000: needs .* of memory.*raise tol"):
        J @ np.eye(1000)
    assert J.rank == (524, 0)


def test_trials_of_any_number(monkeypatch: pytest.MonkeyPatch) -> None:
    """Successes are distinct, in order, inside; all of them at probability 1, none at 0."""
    for block in (1, 3, 1 << 20):
        monkeypatch.setattr(couplings, "_BLOCK", block)
        for total in (0, 1, 2, 3, 7):
            for probability, expected in ((0.0, []), (1.0, list(range(total)))):
                parts = couplings._bernoulli(np.random.default_rng(0), total, probability)
                assert [int(k) for part in parts for k in part] == expected
        drawn = [
            int(k)
            for part in couplings._bernoulli(np.random.default_rng(5), 10**15, 1e-14)
            for k in part
        ]
        gaps = np.random.default_rng(5).geometric(1e-14, 100)
        exact = np.cumsum(gaps[:90].astype(object)) - 1
        assert drawn == [int(k) for k in exact if k < 10**15]
        assert len(drawn) > 3


def test_one_neuron_has_no_couplings() -> None:
    means = {"f": 1.0, "alpha": 1.0, "mu_e": 1.0, "mu_i": -1.0, "sigma_e": 0.5, "sigma_i": 0.5}
    for sparse in (False, True):
        J = couplings.dale(1, **means, seed=0, sparse=sparse, zero_row_sum=True)
        assert J.shape == (1, 1)
        assert J.sum() == 0
    assert couplings.elliptic(1, 2.0, 0.5, seed=0).tolist() == [[0.0]]


def test_elliptic_mixes_two_triangles() -> None:
    """J_ij = a ± b of the same two normal numbers, of variances (1 ± γ)/2."""
    g, n = 1.7, 4
    even, odd = (couplings.elliptic(n, g, gamma, seed=3) for gamma in (1.0, -1.0))
    np.testing.assert_array_equal(even, even.T)
    np.testing.assert_array_equal(odd, -odd.T)
    for gamma in (-0.5, 0.0, 0.8):
        mixed = np.sqrt((1 + gamma) / 2) * even + np.sqrt((1 - gamma) / 2) * odd
        np.testing.assert_allclose(couplings.elliptic(n, g, gamma, seed=3), mixed, atol=1e-14)
    np.testing.assert_allclose(couplings.elliptic(n, 3 * g, 1.0, seed=3), 3 * even)


def vectors(n: int, rank: int | None) -> tuple[Any, Any]:
    shape = (n,) if rank is None else (n, rank)
    return RNG(1).standard_normal(shape), RNG(2).standard_normal(shape)


@pytest.mark.parametrize("rank", [None, 1, 3])
@pytest.mark.parametrize("form", [np.asarray, csr_array, aslinearoperator, None])
def test_low_rank_couplings_are_a_sum(form: Any, rank: int | None) -> None:
    n = 12
    m, right = vectors(n, rank)
    J = couplings.elliptic(n, 1.5, 0.3, seed=3)
    exact = np.reshape(m, (n, -1)) @ np.reshape(right, (n, -1)).T / n
    if form is not None:
        exact = exact + J
    one = couplings.low_rank(m, right, None if form is None else form(J))
    v = RNG(4).standard_normal((n, 5))
    for columns in (v, v[:, 0], v.astype(np.float32)):
        atol = 1e-6 if columns.dtype == np.float32 else 1e-13
        np.testing.assert_allclose(one @ columns, exact @ columns, atol=atol)
        np.testing.assert_allclose(one.T @ columns, exact.T @ columns, atol=atol)
    assert not hasattr(one, "norm_bound")
    np.testing.assert_allclose(pickle.loads(pickle.dumps(one)) @ v, exact @ v, atol=1e-13)
    if form is aslinearoperator:
        with pytest.raises(ArgumentError, match=r"^J: .* not a LinearOperator"):
            find_fixed_points(one, n_starts=2)
    else:
        np.testing.assert_allclose(one.toarray(), exact, atol=1e-13)
    np.testing.assert_allclose(kinetic_energy(v, one), kinetic_energy(v, exact), rtol=1e-12)
    np.testing.assert_allclose(stiffness(v, one), stiffness(v, exact), rtol=1e-9)


@pytest.mark.filterwarnings("ignore::simulate.SamplingWarning")
def test_whatever_needs_entries_takes_low_rank_couplings() -> None:
    m, right = vectors(12, 2)
    J = couplings.elliptic(12, 1.5, 0.3, seed=3)
    one, exact = couplings.low_rank(3 * m, right, J), J + 3 * m @ right.T / 12
    x = RNG(4).standard_normal((12, 2))
    for call in (jacobian, divergence):
        np.testing.assert_allclose(
            call(x, one, onsager=0.4), call(x, exact, onsager=0.4), atol=1e-12
        )
    ours, other = (find_fixed_points(K, x0=x, bias=0.1) for K in (one, exact))
    np.testing.assert_allclose(ours.x, other.x, atol=1e-12)
    ours, other = (
        sample_boltzmann(K, 0.5, n_samples=4, warmup=0, chains=1, seed=1) for K in (one, exact)
    )
    np.testing.assert_allclose(ours.samples, other.samples, atol=1e-9)
    runs = [integrate(K, x, t_max=2, dt=0.1, onsager=0.5) for K in (one, exact)]
    np.testing.assert_allclose(runs[0].x_end, runs[1].x_end, atol=1e-9)
    rates = [maximal_lyapunov(K, dt=0.1, t_max=20, t_skip=5, seed=1).value for K in (one, exact)]
    assert rates[0] == pytest.approx(rates[1], abs=1e-9)


def test_low_rank_beside_couplings_that_reveal_themselves() -> None:
    """The same directions are asked for, the bounds hold, and what is dropped is accounted for."""
    n, (m, right) = 300, vectors(300, 2)
    lazy, twin = (couplings.lazy(n, 1.2, 0.4, seed=5) for _ in range(2))
    one = couplings.low_rank(m, right, lazy)
    v = RNG(4).standard_normal((n, 3))
    np.testing.assert_allclose(one @ v, twin @ v + m @ (right.T @ v) / n, atol=1e-12)
    np.testing.assert_allclose(one.T @ v, twin.T @ v + right @ (m.T @ v) / n, atol=1e-12)
    assert lazy.rank == twin.rank
    low = np.linalg.norm(m @ right.T / n, 2)
    assert one.norm_bound == pytest.approx(lazy.norm_bound + low)
    assert one.neglected == 0
    # The bound on the rate asks for no more than the force itself.
    assert np.all(stiffness(v, one) > stiffness(v, twin))
    assert lazy.rank == twin.rank
    rough = couplings.low_rank(m, right, couplings.lazy(n, 1.2, seed=5, tol=1e-2))
    integrate(rough, v[:, 0], t_max=5, dt=0.01)
    base = rough.base
    assert rough.neglected > 0
    error = rough.neglected * rough.norm_bound
    assert error == pytest.approx(base.neglected * base.norm_bound)
    with pytest.raises(ArgumentError, match=r"^J: .* not a LinearOperator"):
        find_fixed_points(one, n_starts=2)
    with pytest.raises(ArgumentError, match=r"^t_max=.*: needs"):
        integrate(couplings.low_rank(np.ones(10**6), np.ones(10**6), couplings.lazy(10**6, 1.2,
                  seed=1)), np.ones(10**6), t_max=2e4, dt=0.1)  # fmt: skip


def test_a_unit_rank_moves_the_mean() -> None:
    """Mastrogiuseppe and Ostojic: without J the activity settles at κm, κ = ⟨n tanh(κm)⟩."""
    m, right = vectors(50, None)
    right = 3 * m + right
    end = integrate(couplings.low_rank(m, right), m, t_max=60, dt=0.1).x_end
    kappa = end @ m / (m @ m)
    np.testing.assert_allclose(end, kappa * m, atol=1e-9)
    assert kappa == pytest.approx(np.mean(right * np.tanh(kappa * m)), abs=1e-9)
    assert kappa > 1


@pytest.mark.parametrize("form", [np.asarray, csr_array, aslinearoperator])
def test_gains_of_neurons(form: Any) -> None:
    """Of what is sent; and one inside φ is a change of variables of the vanilla dynamics."""
    J, a, b = couplings.elliptic(8, 1.5, seed=3), 0.5 + RNG(5).random(8), RNG(6).standard_normal(8)
    x = RNG(7).standard_normal((8, 2))
    sent = couplings.with_gain(form(J), a)
    assert isinstance(sent, type(form(J))) or form is aslinearoperator
    np.testing.assert_allclose(force(x, sent), J @ (a[:, None] * np.tanh(x)) - x, atol=1e-13)
    np.testing.assert_allclose(sent.T @ x, a[:, None] * (J.T @ x), atol=1e-13)
    inside = J @ np.tanh(a[:, None] * x) + b[:, None] - x
    y = a[:, None] * x
    np.testing.assert_allclose(
        a[:, None] * inside, force(y, a[:, None] * J, bias=a * b), atol=1e-13
    )
    both = couplings.with_gain(couplings.low_rank(a, b, form(J)), 2.0)
    np.testing.assert_allclose(both @ x, 2 * (J @ x + np.outer(a, b) @ x / 8), atol=1e-13)


def test_low_rank_couplings_that_do_not_fit() -> None:
    for wrong, message in (
        ((np.ones(3), np.ones(4)), r"^m of shape \(3,\), n_vectors of shape \(4,\): expected"),
        ((np.ones((3, 0)), np.ones((3, 0))), "^m of shape"),
        ((np.ones(3), np.ones(3), np.eye(4)), r"^J of shape \(4, 4\): expected \(3, 3\)"),
        ((np.ones(3), np.full(3, np.nan)), "^n_vectors: must be finite"),
        ((np.full(3, 1e60), np.ones(3)), r"^m: entries must be 1e\+50 at most"),
    ):
        with pytest.raises(ArgumentError, match=message):
            couplings.low_rank(*wrong)
    with pytest.raises(ArgumentError, match=r"^gain of shape \(2,\)"):
        couplings.with_gain(np.eye(3), [1.0, 2.0])
