"""Participation ratios: published values, closed forms, exact matrices, two ways of integration."""

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy.interpolate import CubicSpline
from scipy.linalg import solve_continuous_lyapunov

from meanfield import (
    ArgumentError,
    NotConvergedError,
    explained_variance,
    participation_ratio,
    stationary,
    steady_state,
)
from meanfield.dmft.dimension import _double, _mean_square, _Spectra
from simulate import couplings

# D. G. Clark (2026), data of its code: they are precise to about 2e-5.
PUBLISHED = {
    1.5: (0.00623931, 0.00561113),
    2.0: (0.01974070, 0.01591481),
    3.0: (0.04465102, 0.03137202),
    4.0: (0.06206775, 0.04027389),
    5.0: (0.07407030, 0.04563460),
    10.0: (0.10070278, 0.05525827),
}


@pytest.mark.parametrize("of", ["phi", "x"])
def test_published_values(of: str) -> None:
    """Without noise, γ = 0."""
    found = participation_ratio(list(PUBLISHED), of=of)
    expected = [pair[of == "x"] for pair in PUBLISHED.values()]
    np.testing.assert_allclose(found.value, expected, rtol=4e-5)
    assert np.all(found.value_err < 1e-9 * found.value)


def test_onset() -> None:
    """Next to the onset the ratio falls like (g − 1)³, and φ and x are the same."""
    found = participation_ratio([1.001, 1.0005])
    assert found.value[0] / found.value[1] == pytest.approx(8, rel=5e-3)
    of_x = participation_ratio([1.001, 1.0005], of="x")
    np.testing.assert_allclose(of_x.value, found.value, rtol=1e-4)


def test_flagged_next_to_the_onset() -> None:
    """Nothing is given where rounding leaves no digits; beyond, it is (g − 1)³ with its error."""
    excess = np.array([1e-12, 1e-6, 1.9e-5])
    found = participation_ratio(1 + excess, throw=False)
    assert set(found.status.tolist()) == {"flagged"}
    assert all("close to the onset" in reason for reason in found.reason.tolist())
    beyond = np.array([2.1e-5, 4e-5])
    share = participation_ratio(1 + beyond).value / beyond**3
    assert share[0] == pytest.approx(share[1], rel=1.2e-4)
    assert participation_ratio(1 + 1e-6, sigma=0.1).status == "converged"


@pytest.mark.parametrize("of", ["phi", "x"])
def test_both_integrals_agree(of: str) -> None:
    """A linear network without and with a γ that changes nothing: simple and double integral."""
    g = np.array([0.2, 0.7, 0.95])
    simple = participation_ratio(g, sigma=[0.5, 1, 2], phi="linear", of=of)
    double = participation_ratio(g, 1e-13, sigma=1, phi="linear", of=of)
    np.testing.assert_allclose(simple.value, double.value, rtol=1e-9)


@pytest.mark.parametrize("g", [0.1, 0.4, 0.499])
def test_symmetric_linear_network(g: float) -> None:
    """γ = 1: the covariance is ½σ²(1 − J)^(−1), with the semicircle as the law of J."""
    root = math.sqrt(1 - 4 * g * g)
    first, second = (1 - root) / (2 * g * g), (1 / root - 1) / (2 * g * g)
    found = participation_ratio(g, 1, sigma=1, phi="linear")
    assert found.value == pytest.approx(first**2 / second, rel=1e-11)


def test_antisymmetric_linear_network() -> None:
    """γ = −1: the flow rotates, and white noise stays white."""
    found = participation_ratio([0.1, 1, 5], -1, sigma=1, phi="linear")
    np.testing.assert_allclose(found.value, 1, rtol=1e-11)


@pytest.mark.parametrize(("g", "gamma"), [(0.5, 0.5), (0.9, -0.5), (1.2, -0.5), (0.6, 0.0)])
def test_linear_matrices(g: float, gamma: float) -> None:
    """Covariances by Lyapunov's equation, extrapolated in 1/n: four standard errors, or 1.5 %.

    Twelve networks a size; a false alarm in 2 of 100 runs of all (t of 11 degrees of freedom), less
    with the allowance for the next order in 1/n.
    """
    ratios = []
    for seed in range(12):
        by_size = []
        for n in (60, 120):
            J = couplings.elliptic(n, g, gamma, seed=100 * n + seed)
            C = solve_continuous_lyapunov(J - np.eye(n), -np.eye(n))
            by_size.append(np.trace(C) ** 2 / (n * np.sum(C * C)))
        ratios.append(2 * by_size[1] - by_size[0])
    mean, err = np.mean(ratios), np.std(ratios, ddof=1) / math.sqrt(len(ratios))
    expected = participation_ratio(g, gamma, sigma=1, phi="linear").value
    assert abs(mean - expected) < 4 * err + 0.015 * expected


def test_kernel_of_x_is_that_of_phi_in_a_linear_network() -> None:
    """The two-site sums in the form of the theory, for random spectra of φ."""
    rng = np.random.default_rng(3)
    S, other = (0.3 * (rng.standard_normal(50) + 1j * rng.standard_normal(50)) for _ in range(2))
    C, power = rng.random(50), rng.random(50)
    g, gamma = 1.2, -0.4
    found = _mean_square(
        _Spectra(S, C + 0j, S, C + 0j), _Spectra(other, power + 0j, other, power + 0j), g, gamma
    )
    forth, back = g * g * S * other, gamma * g * g * S * other.conj()
    factor = (1 - abs(back) ** 2) / (abs(1 - forth) ** 2 * abs(1 - back) ** 2) - 1
    np.testing.assert_allclose(found, factor * C * power, rtol=1e-11)


@pytest.mark.parametrize(("g", "gamma"), [(0.45, 0.6), (0.8, -0.6)])
def test_x_and_phi_of_a_network_with_slow_synapses(g: float, gamma: float) -> None:
    """φ̇ = x − φ in the place of φ(x): x and φ differ, and covariances are exact all the same.

    The share of x in the dimension scatters little; four standard errors, or 1.5 %.
    """
    grid = np.concatenate([np.linspace(0, 20, 8001), np.geomspace(20, 1000, 1000)[1:]])
    leak = 1 / (1 + 1j * grid)
    s = 1 / leak**2
    focus = 2 * g * np.sqrt(complex(gamma))
    S = 2 / (s + np.sqrt(s - focus) * np.sqrt(s + focus))
    C = np.abs(S) ** 2 / (1 - g**2 * np.abs(S) ** 2) + 0j
    # As from the curves of a state; x is what arrives, and by its definition φ = leak x.
    response = leak * (1 + gamma * (g * S) ** 2)
    mixed = leak.conj() * (g**2 * C * (S + gamma * S.conj()) + S)
    np.testing.assert_allclose(response, S / leak, rtol=1e-10)
    np.testing.assert_allclose(mixed, C / leak.conj(), rtol=1e-10)
    expected = []
    for y, with_phi, power in (
        (S, C, C.real), (response, mixed, C.real / np.abs(leak) ** 2)
    ):  # fmt: skip
        table = CubicSpline(grid, np.stack([S, C, y, with_phi], axis=1))
        edges = np.concatenate([[0.0], 0.05 * 2.0 ** np.arange(14)])
        psi = _double(lambda w, table=table: _Spectra(*table(w).T), g, gamma, edges, 1e-3, 8)
        start = np.trapezoid(power, grid) / np.pi
        expected.append(start**2 / (start**2 + psi))
    ratios = []
    for seed in range(12):
        by_size = []
        for n in (50, 100):
            one, zero = np.eye(n), np.zeros((n, n))
            J = couplings.elliptic(n, g, gamma, seed=100 * n + seed)
            drift = np.block([[-one, J], [one, -one]])
            both = solve_continuous_lyapunov(drift, -np.block([[one, zero], [zero, zero]]))
            phi, x = (
                np.trace(part) ** 2 / (n * np.sum(part**2)) for part in (both[n:, n:], both[:n, :n])
            )
            by_size.append(np.array([phi, x, x / phi]))
        ratios.append(2 * by_size[1] - by_size[0])
    mean, err = np.mean(ratios, axis=0), np.std(ratios, axis=0, ddof=1) / math.sqrt(len(ratios))
    limit = np.array([*expected, expected[1] / expected[0]])
    assert expected[1] > 1.05 * expected[0]
    assert np.all(abs(mean - limit) < 4 * err + 0.015 * limit)


@pytest.mark.parametrize("of", ["phi", "x"])
@pytest.mark.parametrize(("g", "temperature"), [(3.0, 0.0), (0.8, 0.5)])
def test_from_the_curves_of_a_state(of: str, g: float, temperature: float) -> None:
    """The double integral over the spectra of a state, at γ = 0 where the simple one is exact."""
    state = steady_state(g, temperature=temperature)
    sigma = math.sqrt(2 * temperature)
    found = participation_ratio(g, sigma=sigma, of=of, state=state)
    exact = participation_ratio(g, sigma=sigma, of=of)
    assert found.value == pytest.approx(exact.value, rel=2e-4)


def test_error_of_a_sampled_state() -> None:
    """A factor of C changes nothing, one of R does."""
    state = steady_state(3.0)
    ratio = participation_ratio(3.0, state=state).value
    uncertain = participation_ratio(3.0, state=replace(state, C_err=0.1 * state.C))
    assert uncertain.value_err < 1e-12
    uncertain = participation_ratio(3.0, state=replace(state, R_err=0.01 * state.R))
    larger = participation_ratio(3.0, state=replace(state, R=1.01 * state.R))
    assert uncertain.value_err == pytest.approx(abs(larger.value - ratio), rel=1e-9)


def test_noise_raises_the_dimension() -> None:
    """It adds a direction of its own to every neuron; strong noise leaves nothing else."""
    found = participation_ratio(1.5, sigma=[0, 0.5, 2, 20], of="x").value
    assert np.all(np.diff(found) > 0)
    assert found[-1] == pytest.approx(1, abs=0.02)


def test_no_activity() -> None:
    """Absent where the network rests or a linear one explodes."""
    found = participation_ratio([0.5, 2], throw=False)
    assert found.status.tolist() == ["absent", "converged"]
    assert np.isnan(found.value[0])
    for how in ({"g": 0.5, "gamma": 0.5}, {"g": 0.8, "gamma": 0.5, "sigma": 1}, {"g": 1.2}):
        with pytest.raises(NotConvergedError, match="absent"):
            participation_ratio(**how, phi="linear")


def test_refused() -> None:
    """γ ≠ 0 without spectra, and spectra of another point."""
    with pytest.raises(ArgumentError, match=r"gamma=0\.3: must be 0"):
        participation_ratio(2.0, [0.0, 0.3])
    state = steady_state(2.0)
    with pytest.raises(ArgumentError, match=r"g=3\.0: must be 2"):
        participation_ratio(3.0, state=state)
    cut = replace(state, tau=state.tau[:20], C=state.C[:20], R=state.R[:20])
    assert "raise window" in str(participation_ratio(2.0, state=cut, throw=False).reason)


def test_components_of_a_random_walk() -> None:
    """Less its mean it has the eigenvalues (T/πk)², in discrete time those of a free chain."""
    steps = 400
    walk = np.minimum.outer(np.arange(1.0, steps + 1), np.arange(1.0, steps + 1))
    shares = explained_variance(walk, steps)
    rates = 1 / (2 * np.sin(np.pi * np.arange(1, steps) / (2 * steps))) ** 2
    np.testing.assert_allclose(shares[:-1], rates / rates.sum(), rtol=1e-9)
    assert shares[:3].sum() == pytest.approx(6 / np.pi**2 * (1 + 1 / 4 + 1 / 9), abs=1e-4)


def test_components_of_a_state() -> None:
    """The lags of a stationary state are its matrix; an oscillation has two components."""
    tau = np.arange(40) * 2 * np.pi / 40
    np.testing.assert_allclose(explained_variance(np.cos(tau), 3), [0.5, 0.5, 0], atol=1e-12)
    delta = stationary(2.0, tau=np.linspace(0, 10, 51)).delta
    matrix = delta[np.abs(np.subtract.outer(np.arange(51), np.arange(51)))]
    np.testing.assert_array_equal(explained_variance(delta), explained_variance(matrix))
    with pytest.raises(ArgumentError, match="nothing varies"):
        explained_variance(np.ones(5))
    with pytest.raises(ArgumentError, match="k=6: must not exceed 5"):
        explained_variance(np.exp(-np.arange(5.0)), 6)
    with pytest.raises(ArgumentError, match="symmetric"):
        explained_variance([[1.0, 0.5], [0.2, 1.0]], 1)
    with pytest.raises(ArgumentError, match="shape"):
        explained_variance(np.ones((2, 3)), 1)
