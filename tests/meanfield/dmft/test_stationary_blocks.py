"""Several populations: against one, against other ways to the same numbers, against networks."""

import math
from typing import Any

import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.linalg import sqrtm
from scipy.sparse import diags, eye_array, kron
from scipy.sparse.linalg import eigs
from scipy.special import ndtr
from scipy.stats import multivariate_normal

from meanfield import Blocks, NotConvergedError, TransferFunction, stationary, transfer_function
from meanfield.dmft.stationary.blocks import _Site
from simulate import couplings, integrate, maximal_lyapunov

ONES = np.ones((2, 2))
PAIR = Blocks([0.8, 0.2], [[1.0, 2.5], [1.5, 2.0]])
EI = Blocks(
    [0.5, 0.5], 0.5 * ONES, mean=[[2.5, -2.5], [2.5, -0.5]], bias_mean=[0.3, 0.1], bias_std=0.2
)
CLIP = TransferFunction(lambda x: np.clip(x, 0, 1), name="clip")
_Z = np.arange(-10, 10.05, 0.1)
_W = np.exp(-_Z * _Z / 2) / np.sum(np.exp(-_Z * _Z / 2))


def _pair(f: Any, delta0: float, delta: float) -> float:
    """E f(x)f(y) by two nested quadratures."""
    common = math.sqrt(max(delta, 0.0)) * _Z
    inner = f(common[:, None] + math.sqrt(max(delta0 - delta, 0.0)) * _Z) @ _W
    return float(_W @ inner**2)


@pytest.mark.parametrize(("g", "sigma"), [(2.0, 0.0), (1.05, 0.0), (0.5, 1.0), (4.0, 0.5)])
def test_equal_blocks_are_one_population(g: float, sigma: float) -> None:
    one = stationary(g, sigma=sigma)
    two = stationary(Blocks([0.3, 0.7], g * ONES), sigma=sigma, tau=one.tau)
    for name in ("delta0", "q", "r_int", "kinetic_energy", "tau_half"):
        np.testing.assert_allclose(getattr(two, name), getattr(one, name), rtol=1e-9)
    for name in ("lyapunov", "decay_rate"):
        assert getattr(two, name) == pytest.approx(float(getattr(one, name)), rel=1e-9)
    for name in ("delta", "C"):
        for curve in getattr(two, name):
            np.testing.assert_allclose(curve, getattr(one, name), atol=1e-9 * one.delta0)
    assert two.resolution_error < 1e-10
    assert two.residual < 1e-12
    assert "Blocks([0.3, 0.7]" in two.attributes["call"]


CLAMP = TransferFunction(lambda x: np.clip(x, -1, 1), name="clamp")
BELL = TransferFunction(lambda x: np.exp(-x * x), name="bell")


@pytest.mark.parametrize(
    ("phi", "g", "sigma"),
    [
        ("softsign", 1.5, 0.8), (CLAMP, 2.0, 0.5),
        (BELL, 1.0, 0.0), (BELL, 2.0, 0.0),
    ],
    ids=["softsign, noise", "clamp, noise", "bell at rest", "bell"],
)  # fmt: skip
def test_one_block_by_both_codes(phi: Any, g: float, sigma: float) -> None:
    """Kinks of φ′ and of φ″, which noise makes powers of √τ, and an even φ, where ⟨φ′⟩ = 0."""
    one = stationary(g, sigma=sigma, phi=phi)
    block = stationary(Blocks([1.0], [[g]], phi=phi), sigma=sigma, tau=one.tau)
    for name in ("delta0", "delta_inf", "q", "Q", "r_int", "kinetic_energy", "delta", "C"):
        np.testing.assert_allclose(getattr(block, name)[0], getattr(one, name), atol=1e-10)
    for name in ("lyapunov", "decay_rate", "mean_growth"):
        assert getattr(block, name) == pytest.approx(
            float(getattr(one, name)), abs=1e-10, nan_ok=True
        )


def test_blocks_that_do_not_answer() -> None:
    """What one block does alone it does with others that only listen, or have no input at all."""
    alone = stationary(math.sqrt(4.5), n_tau=2)
    for row in (0.0, 1.0):
        two = stationary(Blocks([0.5, 0.5], [[row, 0], [2, 3]]), n_tau=2)
        np.testing.assert_allclose(two.delta0, [0, alone.delta0], rtol=1e-10)
        assert two.lyapunov == pytest.approx(float(alone.lyapunov), rel=1e-10)
        assert np.isnan(two.tau_half[0])
    two = stationary(Blocks([0.5, 0.5], [[3, 0], [2, 1]]), n_tau=2)
    assert two.delta0[0] == pytest.approx(float(alone.delta0), rel=1e-10)
    assert two.delta0[1] > 1


def test_at_rest_below_the_onset() -> None:
    scale = 0.9 * PAIR.critical_scale()
    rest = stationary(Blocks(PAIR.fractions, scale * np.asarray(PAIR.g)), n_tau=11)
    assert not np.any(rest.delta0)
    assert not np.any(rest.C)
    assert rest.lyapunov == pytest.approx(-0.1, rel=1e-12)
    assert rest.decay_rate == pytest.approx(math.sqrt(1 - 0.81), rel=1e-12)


OFFSET = TransferFunction(lambda x: np.tanh(x - 0.4), name="offset")
STEEP = TransferFunction(
    lambda x: 1 / (1 + np.exp(-2 * x)), lambda x: 0.5 / np.cosh(x) ** 2, name="steep"
)
BOTH = TransferFunction(
    lambda x: np.tanh(x + x**3),
    lambda x: (1 + 3 * x * x) / np.cosh(np.clip(x + x**3, -300, 300)) ** 2,
    name="both",
)
# One population as two, with means and biases: numbers of its own theory.
KNOWN = [
    (2.0, {"bias_std": 0.5}, {"q": 0.55251, "delta0": 2.40969, "delta_inf": 1.53709}),
    (2.5, {"phi": OFFSET}, {"q": 0.62875, "delta0": 3.67195, "delta_inf": 1.12441}),
    (3.0, {"phi": STEEP, "mean": -2, "bias_mean": 1}, {"q": 0.40523, "mean": 0.0}),
    (1.5, {"mean": 2}, {"mean": 1.12512, "delta0": 1.33920, "q": 0.59520}),
]


@pytest.mark.parametrize(("g", "more", "expected"), KNOWN)
def test_means_and_biases(g: float, more: dict[str, Any], expected: dict[str, float]) -> None:
    state = stationary(Blocks([0.3, 0.7], g * ONES, **more), n_tau=2)
    for name, number in expected.items():
        np.testing.assert_allclose(getattr(state, name), number, atol=1.1e-5)


def test_all_states_ascend() -> None:
    """tanh(x + x³) at rest and in chaos."""
    two = stationary(Blocks([0.3, 0.7], 0.963045 * ONES, phi=BOTH), root="all", n_tau=3)
    assert two.delta0.shape == (2, 2)
    assert two.delta.shape == (2, 2, 3)
    assert two.status.tolist() == ["converged", "converged"]
    assert np.all(two.delta0[:, 0] == 0)
    np.testing.assert_allclose(two.delta0[:, 1], 0.20626, atol=6e-6)
    assert two.lyapunov[0] < 0 < two.lyapunov[1]
    data = two.to_dataset(("root",))
    assert data.delta.dims == ("block", "root", "lag")
    assert data.lyapunov.dims == ("root",)


def _clipped_pair(mean: float, delta0: float, delta: float) -> float:
    """The same for `CLIP`, whose inner average is elementary."""
    root, rest = math.sqrt(delta), math.sqrt(max(delta0 - delta, 1e-300))
    places = [(k - mean + c * rest) / root for k in (0, 1) for c in (-9, -3, -1, 0, 1, 3, 9)]
    edges = np.unique(np.clip([*np.arange(-9, 9.5, 0.5), *places], -9, 9))
    nodes, weights = np.polynomial.legendre.leggauss(16)
    half = np.diff(edges)[:, None] / 2
    z = (edges[:-1, None] + half * (nodes + 1)).ravel()
    inner = sum(
        sign * (m * ndtr(m / rest) + rest * np.exp(-((m / rest) ** 2) / 2) / math.sqrt(2 * math.pi))
        for sign, m in ((1, mean + root * z), (-1, mean - 1 + root * z))
    )
    return float(
        (half * weights).ravel() @ (np.exp(-z * z / 2) * inner**2) / math.sqrt(2 * math.pi)
    )


CLIPPED = Blocks([0.6, 0.4], [[5, 4], [3, 6]], mean=-1, bias_mean=0.5, bias_std=0.3, phi=CLIP)


@pytest.mark.parametrize("blocks", [PAIR, CLIPPED], ids=["tanh", "clip"])
def test_the_equation_by_shooting(blocks: Blocks) -> None:
    """Runge–Kutta from Δ₀, with C by other quadratures: errors grow like e^τ, to 150 times."""
    tau = np.linspace(0, 5, 11)
    state = stationary(blocks, tau=tau)

    def slope(_: float, y: np.ndarray) -> np.ndarray:
        rows = zip(state.mean, state.delta0, y[:2], strict=True)
        pair = _clipped_pair if blocks is CLIPPED else lambda mean, *rest: _pair(np.tanh, *rest)
        force = blocks.variance @ [pair(*row) for row in rows] + np.asarray(blocks.bias_std) ** 2
        return np.append(y[2:], y[:2] - force)

    start = np.append(state.delta0, [0.0, 0.0])
    found = solve_ivp(slope, (0, 5), start, t_eval=tau, rtol=1e-10, atol=1e-11)
    np.testing.assert_allclose(found.y[:2], state.delta, atol=1e-7 * np.max(state.delta0))
    assert state.resolution_error < 1e-10
    left = (state.delta[:, -1] - state.delta_inf) / (state.delta0 - state.delta_inf)
    assert np.all(left < 0.8)


def test_energy_of_two_blocks() -> None:
    """Of P = 2 w A⁻¹ can be symmetric, and then ½ Δ₀ᵀ w A⁻¹ Δ₀ = Σ w_b Var Φ_b."""
    state = stationary(PAIR, n_tau=2)
    A = PAIR.variance
    w = np.array([1.0, A[0, 1] / A[1, 0]])
    form = w[:, None] * np.linalg.inv(A)
    np.testing.assert_allclose(form, form.T, rtol=1e-12)
    primitive = np.log(np.cosh(np.sqrt(state.delta0)[:, None] * _Z))
    wells = primitive**2 @ _W - (primitive @ _W) ** 2
    assert state.delta0 @ form @ state.delta0 / 2 == pytest.approx(w @ wells, rel=1e-9)


def test_lyapunov_exponent_by_differences() -> None:
    """(1 + λ)² on uniform grids of steps h and h/2, extrapolated; ⟨φ'φ'⟩ by nested quadrature."""
    found = []
    for points in (400, 800):
        tau = np.linspace(0, 40, points + 1)
        step = tau[1]
        state = stationary(PAIR, tau=tau)
        M = np.array([
            [_pair(lambda x: np.cosh(x) ** -2.0, delta0, delta) for delta in curve]
            for delta0, curve in zip(state.delta0, state.delta, strict=True)
        ])  # fmt: skip
        side = np.ones(points)
        double = np.append(2.0, side[1:])  # Even about 0.
        D2 = diags([side, np.full(points + 1, -2.0), double], [-1, 0, 1]) / step**2
        blocks = [[diags(PAIR.variance[a, b] * M[b]) for b in (0, 1)] for a in (0, 1)]
        matrix = kron(eye_array(2), D2) + kron([[1, 0], [0, 0]], blocks[0][0])
        for a, b in ((0, 1), (1, 0), (1, 1)):
            place = np.zeros((2, 2))
            place[a, b] = 1
            matrix = matrix + kron(place, blocks[a][b])
        found.append(eigs(matrix.tocsc(), k=1, sigma=1.5, return_eigenvectors=False)[0].real)
    largest = found[1] + (found[1] - found[0]) / 3
    assert math.sqrt(largest) - 1 == pytest.approx(float(state.lyapunov), abs=1e-7)


def test_noise_of_its_own_in_each_block() -> None:
    """A block without variance of couplings is an Ornstein–Uhlenbeck process about its mean."""
    blocks = Blocks([0.5, 0.5], [[0, 0], [2, 2]], mean=[[1, -1], [1, -1]], bias_mean=0.5)
    state = stationary(blocks, sigma=[0.5, 0.0], tau=[0.0, 1.0])
    np.testing.assert_allclose(state.delta[0], 0.125 * np.exp([0, -1.0]), rtol=1e-9)
    assert state.tau_half[0] == pytest.approx(math.log(2), rel=1e-9)
    assert state.kinetic_energy[0] == pytest.approx(0.0625, rel=1e-9)
    x = state.mean[:, None] + np.sqrt(state.delta0)[:, None] * _Z
    mean, q = np.tanh(x) @ _W, np.tanh(x) ** 2 @ _W
    np.testing.assert_allclose(state.mean, blocks.drive @ mean + 0.5, rtol=1e-9)
    np.testing.assert_allclose(state.q, q, rtol=1e-9)
    assert 0 < state.delta_inf[1] < state.delta0[1] < blocks.variance[1] @ q
    # Without it there is nothing that moves, and a variance of 0.
    still = stationary(blocks)
    assert still.delta0[0] == 0
    assert still.delta0[1] == still.delta_inf[1] > 1


def test_linear_blocks_with_noise() -> None:
    """D″ = (1 − A)D from D′(0) = −σ²/2: D(0) = (1 − A)^(−½) σ²/2, A without symmetry."""
    blocks = Blocks([0.2, 0.3, 0.5], [[0.5, 1, 0], [0, 0.4, 1.2], [0.9, 0, 0.3]], phi="linear")
    sigma = np.array([0.5, 1.0, 0.2])
    state = stationary(blocks, sigma=sigma, n_tau=2)
    root = sqrtm(np.eye(3) - blocks.variance)
    np.testing.assert_allclose(state.delta0, np.linalg.solve(root, sigma**2 / 2), rtol=1e-10)
    radius = max(np.linalg.eigvals(blocks.variance).real)
    assert state.lyapunov == pytest.approx(math.sqrt(radius) - 1, rel=1e-9)
    assert state.decay_rate == pytest.approx(math.sqrt(1 - radius), rel=1e-10)


def test_kinks_in_closed_form() -> None:
    """Threshold-linear: the kernel of arcs; clipped: φ'φ' is a probability of two normals."""
    rho = np.array([0.0, 0.3, 0.9, 0.999999, 1.0])
    angle = np.arccos(rho)
    site = _Site(transfer_function("relu"), 0.0, 2.0, 2000, 1.0)
    arcs = 2 * (np.sin(angle) + (np.pi - angle) * rho) / (2 * np.pi)
    np.testing.assert_allclose(site(2 * rho)[:, 0], arcs, rtol=1e-13)
    np.testing.assert_allclose(site(2 * rho)[:, 1], (np.pi - angle) / (2 * np.pi), rtol=1e-13)
    site = _Site(CLIP, 0.3, 2.0, 2000, 1.0)
    for r in (0.3, 0.9):
        normal = multivariate_normal([0.3, 0.3], [[2, 2 * r], [2 * r, 2]])
        inside = normal.cdf([1, 1], lower_limit=[0, 0])
        assert site(np.array(2 * r))[1] == pytest.approx(inside, rel=1e-10)


def test_nothing_stationary() -> None:
    """Threshold-linear units beyond g = √2 grow without bound; √1.9 is below, and at rest."""
    with pytest.raises(NotConvergedError, match=r"1 absent.*grow without bound"):
        stationary(Blocks([0.5, 0.5], 1.5 * ONES, phi="relu"), n_tau=2)
    rest = stationary(Blocks([0.5, 0.5], math.sqrt(1.9) * ONES, phi="relu"), n_tau=2)
    assert rest.lyapunov == pytest.approx(math.sqrt(0.95) - 1, rel=1e-10)


def _fixed_point(blocks: Blocks, n: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Couplings, end of a run with its biases, and the block of each neuron."""
    of = np.repeat(np.arange(len(blocks)), blocks.sizes(n))
    rng = np.random.default_rng(seed + 1000)
    spread = np.asarray(blocks.bias_std)[of] * rng.standard_normal(n)
    bias = np.asarray(blocks.bias_mean)[of] + spread
    J = couplings.blocks(n, blocks, seed=seed)
    x = integrate(J, np.zeros(n), t_max=60, dt=0.1, inputs=lambda t: bias).x_end
    assert np.max(np.abs(-x + J @ np.tanh(x) + bias)) < 1e-6
    return J, x, of


def _differences(measured: Any, expected: Any) -> np.ndarray:
    """Standard errors of the mean over couplings that theory is away."""
    measured = np.asarray(measured)
    error = measured.std(axis=0, ddof=1) / math.sqrt(len(measured))
    return np.abs(measured.mean(axis=0) - np.ravel(expected)) / error


def test_networks_of_two_blocks_at_rest() -> None:
    """Excitation and inhibition with biases: x, φ² and the outliers of the Jacobian matrix.

    Seven numbers at 5 standard errors of 9 degrees of freedom: a false alarm in 200 samples.
    """
    state = stationary(EI, n_tau=2)
    assert state.lyapunov < 0
    assert np.array_equal(state.delta0, state.delta_inf)
    rows = []
    for seed in range(10):
        J, x, of = _fixed_point(EI, 400, seed)
        parts = [x[of == a] for a in (0, 1)]
        eigenvalues = np.linalg.eigvals(J * (1 - np.tanh(x) ** 2))
        outliers = eigenvalues[np.argsort(-np.abs(eigenvalues))[:2]]
        rows.append([
            *(part.mean() for part in parts), *(part.var() for part in parts),
            *(np.mean(np.tanh(part) ** 2) for part in parts), outliers[0].real - 1,
        ])  # fmt: skip
    expected = [*state.mean, *state.delta0, *state.q, state.mean_growth]
    assert np.max(_differences(rows, expected)) < 5


CHAOS = Blocks([0.7, 0.3], [[1.5, 3.0], [2.0, 2.5]])


@pytest.mark.slow
def test_lyapunov_exponent_of_networks_of_two_blocks() -> None:
    """λ of networks approaches its limit from below like 1/N: extrapolated from 300 and 900.

    One number at 3.5 standard errors of some ten degrees of freedom: a false alarm in 150 samples.
    """
    expected = float(stationary(CHAOS, n_tau=2).lyapunov)
    mean, variance = [], []
    for n, networks in ((300, 12), (900, 8)):
        rates = [
            maximal_lyapunov(
                couplings.blocks(n, CHAOS, seed=seed), dt=0.1, t_max=300, t_skip=50, seed=seed
            ).value
            for seed in range(networks)
        ]
        mean.append(np.mean(rates))
        variance.append(np.var(rates, ddof=1) / networks)
    limit = (3 * mean[1] - mean[0]) / 2
    error = math.sqrt(9 * variance[1] + variance[0]) / 2
    assert error < 0.01
    assert abs(limit - expected) < 3.5 * error


def test_a_curve_of_each_population() -> None:
    state = stationary(Blocks([0.8, 0.2], [[1.5, 3], [2.5, 2]]))
    lines = state.plot().lines
    for line, curve in zip(lines, state.C, strict=True):
        np.testing.assert_array_equal(line.get_ydata(), curve)
