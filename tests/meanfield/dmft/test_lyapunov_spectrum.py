"""The spectrum in theory: circular law, edge, networks, and the exact identity of finite ones."""

import numpy as np
import pytest
from scipy import sparse
from scipy.linalg import eigvals
from scipy.optimize import fsolve
from scipy.sparse.linalg import splu

from meanfield import (
    ArgumentError,
    MeanFieldLyapunovSpectrum,
    NotConvergedError,
    lyapunov_spectrum,
    maximal_lyapunov,
    stationary,
)
from meanfield.dmft.lyapunov_spectrum import _Clock, _lattice, _Paths, _solved
from meanfield.transfer import odd_function
from simulate import couplings
from simulate import lyapunov_spectrum as spectrum_of_network

TANH = odd_function("tanh")


@pytest.fixture(scope="module")
def chaotic() -> MeanFieldLyapunovSpectrum:
    return lyapunov_spectrum(3.0, thresholds=np.linspace(-2.4, 0.3, 28), n_paths=64, seed=0)


@pytest.mark.parametrize(
    ("gamma", "step"), [(0.0, None), (0.5, None), (-0.6, None), (0.0, 0.3), (0.0, 1.0)]
)
def test_at_rest_the_elliptic_law(gamma: float, step: float | None) -> None:
    """Against the eigenvalues of a matrix of 1000 neurons: real ones are still a few percent."""
    g, radius = 0.8 / (1 + gamma), 0.8
    found = lyapunov_spectrum(g, gamma, step=step, thresholds=np.linspace(-1.9, 0.0, 39))
    values = eigvals(couplings.elliptic(1000, g, gamma, seed=0)) - 1
    rates = values.real if step is None else np.log(np.abs(1 + step * values)) / step
    shares = np.mean(rates[:, None] < found.s, axis=0)
    np.testing.assert_allclose(found.F, shares, atol=0.015)
    # F is the integral of its density.
    middle = (found.density[1:] + found.density[:-1]) / 2 * np.diff(found.s)
    np.testing.assert_allclose(np.diff(found.F), middle, atol=6e-3)
    expected = radius - 1 if step is None else np.log1p(step * (radius - 1)) / step
    assert found.lyapunov == pytest.approx(expected)
    assert found.kaplan_yorke_dimension == found.entropy_rate == 0
    closed = 0.5 + (np.arcsin(0.25) + 0.25 * np.sqrt(1 - 0.0625)) / np.pi
    if step is None:
        at = lyapunov_spectrum(g, gamma, thresholds=[-0.8])
        assert at.F[0] == pytest.approx(closed, abs=1e-12)


def test_a_map_that_forgets_almost_everything() -> None:
    """Exponents of a step of 1 at rest, ln g at most, where 1 + (g − 1) rounds to 0."""
    assert lyapunov_spectrum(1e-17, step=1.0).lyapunov == pytest.approx(np.log(1e-17))


def test_antisymmetric_couplings_at_rest() -> None:
    """All exponents are −1: a jump of F."""
    assert list(lyapunov_spectrum(3.0, -1.0).s) == [-1.0]
    found = lyapunov_spectrum(3.0, -1.0, thresholds=[-1.5, -1.0, -0.5])
    assert list(found.F) == [0.0, 0.5, 1.0]
    assert list(found.density) == [0.0, np.inf, 0.0]
    assert found.lyapunov == -1


@pytest.mark.parametrize(("step", "gamma"), [(None, 0.0), (0.5, 0.0), (None, 0.4), (None, -0.7)])
def test_frozen_gains(step: float | None, gamma: float) -> None:
    """Gains of two values that do not move: A, P and a complex B for each frequency."""
    g, s, eta = 2.0, -0.4, 1e-3
    clock = _Clock(step, 20.5, 41, 20)
    levels, weights = np.array([0.4, 1.1]), np.array([0.3, 0.7])
    paths = _Paths(clock, g, levels[:, None, None] * np.eye(41), weights, gamma)
    coupling, start = clock.coupling(g, s), np.exp(-clock.omega)
    point = _solved(paths, s, eta, start, start, np.zeros(21 * (gamma != 0), complex))
    assert point.residual < 1e-4
    for k, L in enumerate(clock.symbol(s, clock.omega)):

        def new(x: np.ndarray, L: complex = L) -> tuple[np.ndarray, complex]:
            """What the equations make of log A, log P and B, and the response."""
            (A, P), B = np.exp(x[:2]), x[2] + 1j * x[3]
            X = L - B * levels
            R = 1 / (eta + coupling * levels**2 * P + np.abs(X) ** 2 / (eta + A))
            W = R * np.conj(X) / (eta + A)
            P = (1 - (weights * X) @ W).real / (eta + A)
            B = gamma * coupling * (weights * levels) @ W
            found = np.log([coupling * (weights * levels**2) @ R, P])
            return np.array([*found, B.real, B.imag]), weights @ W

        B = point.B[k] if gamma else 0j
        x = np.array([np.log(point.A[k]), np.log(point.P[k]), B.real, B.imag])
        root = fsolve(lambda x, new=new: new(x)[0] - x, x + 0.1, xtol=1e-10)
        # Each frequency has its own gauge here, which small η fixes slowly; not that of AP.
        assert x[:2].sum() == pytest.approx(root[:2].sum(), abs=1e-3)
        assert complex(*x[2:]) == pytest.approx(complex(*root[2:]), abs=1e-3)
        assert point.W[k] == pytest.approx(new(root)[1], rel=1e-3)


@pytest.mark.parametrize(
    ("g", "sigma", "share"), [(1.25, 0.0, 1.0), (3.0, 0.0, 1.0), (2.0, 0.5, 3.0)]
)
def test_the_edge_is_the_maximal_exponent(g: float, sigma: float, share: float) -> None:
    """By the stability of the solution without coupled response, and by the bound state.

    With noise gains are rough, so that more frequencies count.
    """
    state = stationary(g, sigma=sigma)
    lattice = _lattice(g, sigma, TANH, None, 12 / float(state.decay_rate), share)
    assert lattice.edge() == pytest.approx(float(state.lyapunov), abs=2e-4)


def test_the_state_of_a_map() -> None:
    """A step of 1 forgets at once; D. G. Clark (2026) has λ.  A short one is the flow."""
    lattice = _lattice(2.0, 0.0, TANH, 1.0, 40.0)
    np.testing.assert_allclose(lattice.delta[1:], 0.0, atol=1e-9)
    assert lattice.edge() == pytest.approx(0.15472423, abs=2e-8)
    errors = [
        _lattice(2.0, 0.0, TANH, step, 52.0).edge() - float(stationary(2.0).lyapunov)
        for step in (0.4, 0.2)
    ]
    assert errors[0] == pytest.approx(2 * errors[1], rel=0.5)
    assert abs(errors[1]) < 0.01


def test_published_dimension(chaotic: MeanFieldLyapunovSpectrum) -> None:
    """D. G. Clark (2026); the interval of four errors is missed in one of 30 drawings of t₃."""
    found = chaotic.kaplan_yorke_dimension, chaotic.kaplan_yorke_dimension_err
    assert abs(found[0] - 0.0617) < 4 * found[1] + 5e-5
    assert found[1] < 0.04 * found[0]
    assert chaotic.entropy_rate_err < 0.05 * chaotic.entropy_rate


def test_networks() -> None:
    """The map of step 1 by QR on three networks: they are within 1/√N = 0.07 and far closer."""
    g, n = 2.0, 200
    found = lyapunov_spectrum(g, step=1.0, thresholds=np.arange(-2.0, 0.1, 0.5), n_paths=64, seed=0)
    shares = []
    for seed in range(3):
        J, x = couplings.elliptic(n, g, seed=seed), np.random.default_rng(seed).standard_normal(n)
        Q, sums = np.eye(n), np.zeros(n)
        for k in range(500):
            Q, R = np.linalg.qr(J * (1 - np.tanh(x) ** 2) @ Q)
            sums += np.log(np.abs(np.diag(R))) * (k >= 150)
            x = J @ np.tanh(x)
        shares.append(np.mean(sums[:, None] / 350 < found.s, axis=0))
    np.testing.assert_allclose(found.F, np.mean(shares, axis=0), atol=0.02)


@pytest.mark.slow
@pytest.mark.parametrize(("g", "expected"), [(2.0, 0.03551), (5.0, 0.0809)])
def test_further_dimensions(g: float, expected: float) -> None:
    """Networks of 4096 neurons at g = 2, which are 1 % off; else D. G. Clark (2026)."""
    found = lyapunov_spectrum(g, seed=1)
    error = found.kaplan_yorke_dimension_err
    assert abs(found.kaplan_yorke_dimension - expected) < 4 * error + 0.01 * expected * (g == 2)
    if g == 2:
        assert found.entropy_rate == pytest.approx(8.90e-4, abs=4 * found.entropy_rate_err + 9e-6)


@pytest.mark.slow
def test_errors_cover_the_scatter() -> None:
    """Of six seeds no error is far below their standard deviation, at all thresholds."""
    runs = [lyapunov_spectrum(3.0, n_paths=64, seed=seed) for seed in range(6)]
    for name in ("F", "kaplan_yorke_dimension", "entropy_rate"):
        scatter = np.std([getattr(run, name) for run in runs], axis=0, ddof=1)
        error = np.sqrt(np.mean([getattr(run, f"{name}_err") ** 2 for run in runs], axis=0))
        # A standard deviation of six is 1.8 times too large once in 1000.
        assert np.all(scatter < 1.8 * error + 1e-12)


def test_the_distribution(chaotic: MeanFieldLyapunovSpectrum) -> None:
    """It is symmetric about −1, grows, and its density is its slope."""
    s, F = chaotic.s, chaotic.F
    assert np.all(np.diff(F) >= 0)
    np.testing.assert_allclose(F[s >= chaotic.lyapunov], 1.0)
    below = s < -1
    mirror = np.interp(-2 - s[below], s, F)
    np.testing.assert_allclose(F[below], 1 - mirror, atol=0.01)
    slope = np.gradient(F, s)
    inside = (s > -0.8) & (s < 0.1)
    np.testing.assert_allclose(slope[inside], chaotic.density[inside], rtol=0.03)


def test_identity_of_a_constant_map() -> None:
    """F(s) = (1/N) tr R^vv(k + 1, k): the minimum-norm inverse counts what contracts faster."""
    n, step = 16, 0.5
    M = (1 - step) * np.eye(n) + step * couplings.elliptic(n, 6.0, seed=4)
    _require_counts(np.tile(M, (400, 1, 1)), step, np.log(np.abs(eigvals(M))) / step)


@pytest.mark.filterwarnings("ignore:dt = 0.5 of method 'euler'")
@pytest.mark.parametrize(
    ("g", "gamma", "seed", "substeps"),
    [(6.0, 0.0, 1, 1), (8.0, 0.0, 5, 5), (4.0, 0.5, 14, 5), (6.0, -0.5, 1, 5)],
)
def test_identity_of_finite_networks(g: float, gamma: float, seed: int, substeps: int) -> None:
    """It is exact along every trajectory: of the Euler map, and of the flow by Runge–Kutta steps.

    Exponents by QR need only be known well enough to tell where the gaps between them are.
    """
    n, step, times = 24, 0.5, 400
    J = couplings.elliptic(n, g, gamma=gamma, seed=seed)
    x, _ = _tangent_maps(J, np.random.default_rng(0).standard_normal(n), step, substeps, 200)
    _, maps = _tangent_maps(J, x, step, substeps, times)
    assert np.max(np.std(maps, axis=0)) > 0.05
    run = spectrum_of_network(
        J, n, method="euler" if substeps == 1 else "rk4", dt=step / substeps, interval=step, x0=x,
        t_skip=0, t_max=step * times, seed=0,
    )  # fmt: skip
    _require_counts(maps, step, run.exponents)


def _tangent_maps(
    J: np.ndarray, x: np.ndarray, step: float, substeps: int, times: int
) -> tuple[np.ndarray, np.ndarray]:
    """The state after so many steps, and the tangent map of each: an Euler step or RK4 substeps."""
    n, h = len(J), step / substeps

    def rate(y: np.ndarray) -> np.ndarray:
        phi = np.tanh(y[:, :1])
        return J @ np.hstack([phi, (1 - phi**2) * y[:, 1:]]) - y

    maps = np.empty((times, n, n))
    for k in range(times):
        y = np.column_stack([x, np.eye(n)])
        for _ in range(substeps):
            slope = first = rate(y)
            if substeps > 1:
                second = rate(y + h / 2 * first)
                third = rate(y + h / 2 * second)
                slope = (first + 2 * second + 2 * third + rate(y + h * third)) / 6
            y = y + h * slope
        x, maps[k] = y[:, 0], y[:, 1:]
    return x, maps


def _require_counts(maps: np.ndarray, step: float, exponents: np.ndarray) -> None:
    """tr R^vv(k + 1, k) in the middle of a window, at the widest gaps: its ends hardly count."""
    times, n, _ = maps.shape
    middle, size = times // 2 * n, times * n
    unit = np.zeros((size, n))
    unit[middle : middle + n] = np.eye(n)
    exponents = np.sort(exponents)
    for k in np.argsort(-np.diff(exponents))[:3]:
        s = (exponents[k] + exponents[k + 1]) / 2
        M = sparse.block_diag([*(np.exp(-s * step) * maps), np.empty((0, n))])
        K = sparse.eye_array(size, size + n, k=n) - M
        lagrange = splu((K @ K.T).tocsc(), permc_spec="NATURAL").solve(unit)
        inverse = (K.T @ lagrange)[middle + n : middle + 2 * n]
        assert np.trace(inverse) == pytest.approx(k + 1, abs=0.02)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"gamma": 1.5}, r"gamma=1.5: must lie in \[-1, 1\]"),
        ({"gamma": 0.5, "step": 0.5}, "step=0.5: must be None with gamma=0.5"),
        ({"gamma": 0.5, "sigma": 0.5}, "sigma=0.5: must be 0 with gamma=0.5"),
        ({"step": 0.0}, "step=0"),
        ({"step": 1.5}, r"step=1.5: must lie in \[0.001, 1\]"),
        ({"n_paths": 66}, "n_paths=66: must be a multiple of 4"),
        ({"n_paths": 16}, "n_paths=16"),
        ({"window": 2.0}, "window=2"),
        ({"window": 1e5}, "window=100000"),
        ({"thresholds": [0.0, -1.0]}, "thresholds"),
    ],
)
def test_bad_arguments(arguments: dict, text: str) -> None:
    with pytest.raises(ArgumentError, match=text):
        lyapunov_spectrum(2.0, **arguments)


def test_no_state() -> None:
    """A linear network with g > 1 has none."""
    with pytest.raises(NotConvergedError):
        lyapunov_spectrum(1.5, sigma=1.0, phi="linear")
    found = lyapunov_spectrum(1.5, sigma=1.0, phi="linear", thresholds=[0.0], throw=False)
    assert found.status == "absent"
    assert np.isnan([found.F[0], found.kaplan_yorke_dimension]).all()


@pytest.mark.slow
def test_near_the_onset() -> None:
    """The dimension that D. G. Clark (2026) has at g = 1.25 is that of the map of step ½.

    Few exponents are positive there, of eigenvalues next to the right end of a disc of radius 1,
    parted by a line, or of the map by a circle of radius 1/δ: areas as √(1 − δ) to 1.
    """
    step = 0.5
    flow = lyapunov_spectrum(1.25, n_paths=64, seed=0)
    euler = lyapunov_spectrum(1.25, step=step, window=80, n_paths=64, seed=0)
    error = euler.kaplan_yorke_dimension_err
    assert abs(euler.kaplan_yorke_dimension - 0.0055) < 4 * error + 5e-5
    ratio = flow.kaplan_yorke_dimension / euler.kaplan_yorke_dimension
    error = flow.kaplan_yorke_dimension_err / euler.kaplan_yorke_dimension
    assert error < 0.06
    assert ratio == pytest.approx(np.sqrt(1 - step), abs=3 * error)


def test_gains_of_the_sampler(
    chaotic: MeanFieldLyapunovSpectrum, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At a symmetry that is as good as none, against Gaussian gains; three errors: one in 400."""
    for name, value in (("_TRAJECTORIES", 2048), ("_SETTLED", 20.0)):
        monkeypatch.setattr(f"meanfield.dmft.lyapunov_spectrum.{name}", value)
    found = lyapunov_spectrum(
        3.0, 1e-7, thresholds=[-1.5, -0.5, 0.0], n_paths=64, window=16, seed=0
    )
    for name in ("lyapunov", "kaplan_yorke_dimension", "entropy_rate"):
        value, error = getattr(found, name), getattr(found, f"{name}_err")
        other = getattr(chaotic, name), getattr(chaotic, f"{name}_err")
        assert abs(value - other[0]) < 3 * np.hypot(error, other[1])
        assert error < 0.1 * value
    assert found.F[0] == pytest.approx(1 - found.F[1])
    known = np.interp(found.s, chaotic.s, chaotic.F)
    np.testing.assert_allclose(found.F, known, atol=0.01)


@pytest.mark.slow
def test_symmetric_couplings(monkeypatch: pytest.MonkeyPatch) -> None:
    """The edge against tangent vectors in the sampler; four errors: one in 200 of t₃."""
    for name, value in (("_TRAJECTORIES", 2048), ("_SETTLED", 40.0)):
        monkeypatch.setattr(f"meanfield.dmft.lyapunov_spectrum.{name}", value)
    found = lyapunov_spectrum(5.0, 0.5, thresholds=[-0.5], n_paths=64, window=40, seed=0)
    one = maximal_lyapunov(
        5.0, 0.5, n_trajectories=8192, batches=4, t_max=80, t_skip=40, seed=0, neglect=3e-2
    )
    assert abs(found.lyapunov - one.value) < 4 * np.hypot(found.lyapunov_err, one.value_err)
    # Some 10 %, of four batches: known to two fifths of that.
    assert found.lyapunov_err < 0.25 * found.lyapunov


@pytest.mark.slow
def test_antisymmetric_couplings() -> None:
    """F of four networks of 400: within 1 % for their size and four errors of both."""
    s, n = np.array([-0.3, 0.0]), 400
    found = lyapunov_spectrum(4.0, -0.5, thresholds=s, n_paths=64, window=16, seed=0)
    shares = []
    for seed in range(4):
        J = couplings.elliptic(n, 4.0, -0.5, seed=seed)
        run = spectrum_of_network(J, 3 * n // 10, t_max=120, t_skip=30, seed=seed)
        shares.append(1 - np.sum(run.exponents[:, None] > s, axis=0) / n)
    error = np.hypot(found.F_err, np.std(shares, axis=0, ddof=1) / 2)
    assert np.all(np.abs(found.F - np.mean(shares, axis=0)) < 0.01 + 4 * error)
    # A tenth of 1 − F at most.
    assert np.all(error < 0.01)
    assert found.kaplan_yorke_dimension_err < 0.1 * found.kaplan_yorke_dimension
