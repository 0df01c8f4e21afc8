"""The mean number of fixed points at finite n: against quadrature, topology and enumeration."""

import math

import numpy as np
import pytest
from scipy import integrate, special, stats
from scipy.optimize.elementwise import find_root

from meanfield import complexity, seeds
from meanfield.common import cost
from meanfield.transfer import TransferFunction, transfer_function
from simulate import KacRice, couplings, kac_rice
from simulate.fixed_points import mean_number
from simulate.validation.experiments import enumeration

TANH = transfer_function("tanh")
# Of |z|; by chance in 1 of 5000 comparisons.
LIMIT = 3.7


def z(found: KacRice, log_number: float) -> float:
    """Deviation of ln of the number in standard errors, of a result that may be used."""
    assert found.converged, found.reason
    return (found.log_number - log_number) / found.log_number_err


def one_neuron(g: float, gamma: float, weight: float, x2_min: float) -> float:
    """ln of the mean over j ~ N(0, (1+γ)g²) of 2|jφ' − 1|^(s−1) at x = jφ(x) > 0."""

    def at(x: float) -> float:
        phi, slope = math.tanh(x), 1 - math.tanh(x) ** 2
        j = x / phi
        density = stats.norm.pdf(j, scale=g * math.sqrt(1 + gamma))
        return float(density * abs(1 - j * slope) ** weight / phi)

    return math.log(2 * integrate.quad(at, math.sqrt(x2_min), np.inf)[0])


def two_neurons(g: float, gamma: float, weight: float, x2_min: float) -> float:
    """The same of x₁ = aφ(x₂), x₂ = bφ(x₁), which have a pair of solutions where ab > 1."""
    u, of_u = (12.0 * one for one in special.roots_legendre(240))
    t, of_t = (4.0 * one for one in special.roots_legendre(160))
    # ab = 1 + t², where |det A| ∝ t² at small t; the second interval is (0, 8).
    u, t = u[:, None] / 1.5, (t + 4.0)[None, :]
    a = np.exp(u)
    b = (1 + t**2) / a
    log_density = -(a**2 + b**2 - 2 * gamma * a * b) / (g**2 * (1 - gamma**2))
    density = np.exp(log_density) / (np.pi * g**2 * np.sqrt(1 - gamma**2))
    a, b = np.broadcast_arrays(a, b)
    x1 = find_root(lambda x, a, b: a * np.tanh(b * np.tanh(x)) - x, (1e-9 * a, a), args=(a, b)).x
    x2 = b * np.tanh(x1)
    determinant = np.abs(1 - a * b * (1 - np.tanh(x1) ** 2) * (1 - np.tanh(x2) ** 2))
    counted = (x1**2 + x2**2 >= 2 * x2_min) & (determinant > 0)
    power = np.where(counted, np.where(counted, determinant, 1.0) ** (weight - 1), 0.0)
    # Both signs of (a, b), and of x.
    return math.log(4 * (of_u / 1.5) @ (density * power * 2 * t) @ of_t)


@pytest.mark.parametrize(
    ("g", "gamma", "weight", "x2_min"),
    [(2.0, 0.5, 1.0, 0.0), (0.6, 0.0, 1.0, 0.0), (1.5, -0.5, 0.5, 0.0), (2.0, 0.5, 0.0, 0.1)],
)
def test_one_neuron(g: float, gamma: float, weight: float, x2_min: float) -> None:
    """Four comparisons; at weight 1 the number is 2P(j > 1)."""
    exact = one_neuron(g, gamma, weight, x2_min)
    if weight == 1:
        closed = special.erfc(1 / (g * math.sqrt(2 * (1 + gamma))))
        assert exact == pytest.approx(math.log(closed), rel=1e-8)
    found = kac_rice(1, g, gamma, weight=weight, x2_min=x2_min, diagonal=True, seed=1)
    assert abs(z(found, exact)) < LIMIT


@pytest.mark.parametrize(
    ("g", "gamma", "weight", "x2_min"),
    [
        (2.0, 0.0, 1.0, 0.0),
        (1.5, 0.6, 1.0, 0.0),
        (3.0, -0.5, 1.0, 0.3),
        (2.0, 0.5, 0.5, 0.0),
        (0.7, -0.3, 0.5, 0.0),
        (2.0, 0.3, 0.0, 0.1),
    ],
)
def test_two_neurons(g: float, gamma: float, weight: float, x2_min: float) -> None:
    """Six comparisons with quadrature over the two couplings."""
    exact = two_neurons(g, gamma, weight, x2_min)
    if gamma == 0 and weight == 1:
        closed, _ = integrate.quad(
            lambda a: stats.norm.pdf(a) * stats.norm.sf(2 / (g**2 * a)), 0, np.inf
        )
        assert exact == pytest.approx(math.log(4 * closed), rel=1e-6)
    found = kac_rice(2, g, gamma, weight=weight, x2_min=x2_min, n_samples=10_000, seed=2)
    assert abs(z(found, exact)) < LIMIT


@pytest.mark.parametrize("diagonal", [False, True])
@pytest.mark.parametrize("gamma", [-0.6, 0.0, 0.5, 1.0])
def test_law_of_couplings_with_a_zero(gamma: float, diagonal: bool) -> None:
    """Mean and covariance of J given Jφ = x, and the density of f = 0, by linear algebra."""
    n, g = 4, 1.7
    x = np.random.default_rng(0).standard_normal(n)
    phi = np.tanh(x)
    ensemble = mean_number._Ensemble(n, g, gamma, diagonal, TANH)
    noise = np.concatenate([np.zeros((1, n, n)), np.eye(n * n).reshape(-1, n, n)])
    J, log_density = ensemble.conditioned(noise, np.tile(x, (len(noise), 1)))
    mean, parts = J[0].ravel(), (J[1:] - J[0]).reshape(n * n, n * n)

    covariance = np.zeros((n, n, n, n))
    for i in range(n):
        for j in range(n):
            if i != j:
                covariance[i, j, i, j], covariance[i, j, j, i] = g**2 / n, gamma * g**2 / n
        covariance[i, i, i, i] = diagonal * (1 + gamma) * g**2 / n
    prior = covariance.reshape(n * n, n * n)
    product = np.kron(np.eye(n), phi)
    seen = product @ prior @ product.T
    gain = prior @ product.T @ np.linalg.inv(seen)
    assert J @ phi == pytest.approx(np.tile(x, (len(noise), 1)), abs=1e-12)
    assert mean == pytest.approx(gain @ x, abs=1e-12)
    assert parts.T @ parts == pytest.approx(prior - gain @ product @ prior, abs=1e-12)
    expected = stats.multivariate_normal(cov=seen).logpdf(x)
    assert log_density == pytest.approx(np.full(len(noise), expected), abs=1e-10)


@pytest.mark.parametrize(("g", "gamma", "diagonal"), [(2.0, 0.5, False), (3.0, -0.4, True)])
def test_indices_sum_to_one(g: float, gamma: float, diagonal: bool) -> None:
    """Poincaré–Hopf: the mean sum of sign det(−A) over all zeros, x = 0 among them, is 1."""
    n, count = 6, 20_000
    found = kac_rice(n, g, gamma, diagonal=diagonal, n_samples=count, seed=3)
    assert found.converged
    noise = seeds.generator(4, "couplings").standard_normal((count, n, n))
    J = couplings.correlated(noise, gamma)
    J[:, np.arange(n), np.arange(n)] = (
        diagonal * np.sqrt(1 + gamma) * np.diagonal(noise, axis1=1, axis2=2)
    )
    at_zero = np.linalg.slogdet(np.eye(n) - g / np.sqrt(n) * J)[0]
    number = math.exp(found.log_number)
    total = number * found.sign + at_zero.mean()
    # The sum of signed weights has the error of the sum of weights at most, here as number ± both.
    width = math.hypot(number * found.sign_err, number * found.sign * found.log_number_err)
    assert abs(total - 1) < LIMIT * math.hypot(width, at_zero.std() / math.sqrt(count))
    # The pull is no triviality.
    assert abs(at_zero.mean() - 1) > 5 * width


def test_fields() -> None:
    """Spectra add their numbers; the others are the same, and follow the seed."""
    plain = kac_rice(5, 2.0, 0.5, n_samples=400, seed=5)
    full = kac_rice(5, 2.0, 0.5, n_samples=400, seed=5, spectra=True)
    assert plain.index is None
    assert plain.log_number == full.log_number
    assert full.index is not None
    assert full.unstable is not None
    assert full.unstable_err is not None
    assert full.unstable.sum() == pytest.approx(1)
    assert full.index == pytest.approx(full.unstable @ np.arange(6) / 5)
    # (−1)^unstable is the sign of det(−A).
    assert full.sign == pytest.approx(full.unstable @ (-1.0) ** np.arange(6))
    assert full.complexity == full.log_number / 5
    assert kac_rice(5, 2.0, 0.5, n_samples=400, seed=6).log_number != plain.log_number


def test_flags() -> None:
    few = kac_rice(40, 6.0, n_samples=200, seed=0)
    assert few.status == "flagged"
    assert "raise n_samples" in few.reason
    none = kac_rice(4, 1.5, x2_min=1e6, n_samples=50, seed=0)
    assert none.status == "flagged"
    assert none.log_number == -np.inf
    assert math.isnan(none.q)


def test_flagged_where_no_theory_says_where_to_draw() -> None:
    """Dominant zeros are missed at g = 1e5, and with a φ that bends upwards at x > 0."""
    far = kac_rice(8, 1e5, n_samples=800, seed=0)
    assert far.ess > 100
    assert "no theory says where to draw" in far.reason
    with_steps = TransferFunction(
        name="steps",
        phi=lambda x: np.tanh(x) + 2 * (np.tanh(3 * (x - 3)) + np.tanh(3 * (x + 3))),
        d1=lambda x: (
            1 / np.cosh(x) ** 2
            + 6 * (1 / np.cosh(3 * (x - 3)) ** 2 + 1 / np.cosh(3 * (x + 3)) ** 2)
        ),
        d2=lambda x: (
            -2 * np.tanh(x) / np.cosh(x) ** 2
            - 36 * sum(np.tanh(3 * y) / np.cosh(3 * y) ** 2 for y in (x - 3, x + 3))
        ),
        bound=5.0,
    )
    assert "not concave" in kac_rice(4, 0.5, phi=with_steps, n_samples=800, seed=0).reason
    assert kac_rice(4, 0.5, n_samples=800, seed=0).converged


def test_error_of_a_sign_that_is_not_seen() -> None:
    """Three over the effective number, where all signs are the same; more where they are not."""
    same = kac_rice(1, 2.0, diagonal=True, seed=0)
    assert same.sign == pytest.approx(1)
    assert same.sign_err == pytest.approx(3 / same.ess)
    both = kac_rice(6, 20.0, n_samples=2000, seed=0)
    assert both.sign_err > 10 / both.ess


def test_cost_has_the_pilots(monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[float] = []

    def time_of(count: float, operations: float) -> float:
        steps.append(count)
        return 0.0

    monkeypatch.setattr(cost, "time_of", time_of)
    for n_samples in (10, 400, 4000):
        kac_rice(3, 2.0, n_samples=n_samples, seed=0)
    assert steps == [30, 800, 6000]


def test_tail() -> None:
    """Pareto laws of shape k; the scatter of one estimate is (1+k)/√190, of twenty 0.04."""
    rng = np.random.default_rng(0)
    for k in (0.2, 0.5, 1.0):
        shapes = [mean_number._tail(k * rng.exponential(size=4000)) for _ in range(20)]
        # The prior pulls by a twentieth.
        assert np.mean(shapes) == pytest.approx(k, abs=0.15)
    assert mean_number._tail(np.zeros(100)) == -np.inf


def test_enumeration() -> None:
    """Zeros of 40 networks of four neurons, counted one by one."""
    n, g, gamma = 4, 2.5, 0.3
    counts = []
    for k in range(40):
        J = couplings.elliptic(n, g, gamma, seed=seeds.member(7, k))
        listed = enumeration.zeros(J, g, seeds.member(8, k), 16)
        assert enumeration.is_complete(listed)
        counts.append(2.0 * (len(listed) - 1))
    found = kac_rice(n, g, gamma, seed=9)
    assert found.converged
    number = math.exp(found.log_number)
    error = math.hypot(np.std(counts, ddof=1) / math.sqrt(40), number * found.log_number_err)
    assert abs(np.mean(counts) - number) < LIMIT * error


@pytest.mark.slow
@pytest.mark.parametrize(
    ("g", "gamma", "weight"),
    [(6.0, 0.0, 1.0), (2.0, 0.5, 1.0), (4.0, 0.5, 1.0), (3.0, 0.5, 0.5), (1.6, 0.5, 0.0)],
)
def test_slope(g: float, gamma: float, weight: float) -> None:
    """From n = 40 to 80 ln of the number grows by Σ_s, within 3 standard errors; five slopes.

    At 0 < s < 1 it has the power of n of E|det|^s of real Gaussian matrices, Π E χ_k^s.
    """
    theory = complexity(g, gamma, weight=weight)
    # The peak of the integrand at x ≠ 0, not its edge at x = 0.
    x2_min = 0.0 if weight == 1 else float(theory.x2) / 4
    small, large = (
        kac_rice(n, g, gamma, weight=weight, x2_min=x2_min, n_samples=8000, seed=11)
        for n in (40, 80)
    )
    assert small.converged
    assert large.converged
    slope = (large.log_number - small.log_number) / 40
    error = math.hypot(small.log_number_err, large.log_number_err) / 40
    power = weight * (weight - 1) / 4 * math.log(2) / 40
    assert abs(slope - power - theory.complexity) < 3 * error
