"""The spectrum met along a run, and the steps that follow it."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from meanfield import exponential, stability
from simulate import couplings


def ends(rates: Any) -> Any:
    """Rightmost, leftmost, and largest imaginary part."""
    return np.array([rates.real.max(), rates.real.min(), np.abs(rates.imag).max()])


@pytest.mark.parametrize("gamma", [-1.0, -0.9, -0.5, 0.0, 0.5, 1.0])
@pytest.mark.parametrize("saturated", [False, True])
def test_edge_of_random_couplings(gamma: float, saturated: bool) -> None:
    """Ten products against all eigenvalues: their ends within 15 % of the size of the spectrum.

    Over seeds the largest error is 9 % at n = 500.
    """
    n, g = 500, 5.0
    J = couplings.elliptic(n, g, gamma, seed=1)
    x = np.random.default_rng(2).standard_normal(n) * 2 * saturated
    slope = 1 / np.cosh(x) ** 2
    A = J * slope - np.eye(n)
    exact = np.linalg.eigvals(A)
    found = stability.edge(lambda v: A @ v, n)
    np.testing.assert_allclose(ends(found), ends(exact), atol=0.15 * np.max(np.abs(exact + 1)))
    limit = stability.ellipse(g, gamma, float(np.sqrt(np.mean(slope**2))))
    allowed = (0.3 if saturated else 0.15) * np.max(np.abs(exact + 1))
    np.testing.assert_allclose(ends(limit), ends(exact), atol=allowed)


def test_edge_finds_what_stands_alone() -> None:
    """Excitatory and inhibitory columns with a zero diagonal: a pair far outside the bulk."""
    J = couplings.dale(
        500, f=0.8, alpha=1, mu_e=1, mu_i=-4, sigma_e=0.1, sigma_i=0.1, seed=0
    )  # fmt: skip
    A = J - np.eye(500)
    exact = np.linalg.eigvals(A)
    found = stability.edge(lambda v: A @ v, 500)
    assert np.abs(found.imag).max() == pytest.approx(np.abs(exact.imag).max(), rel=0.01)


@given(n=st.integers(1, 9), seed=st.integers(0, 1000))
def test_small_matrices_are_solved(n: int, seed: int) -> None:
    A = np.random.default_rng(seed).standard_normal((n, n))
    found = stability.edge(lambda v: A @ v, n)
    np.testing.assert_allclose(np.sort(found), np.sort(np.linalg.eigvals(A)), rtol=1e-6, atol=1e-6)


def test_no_room_for_nan() -> None:
    assert np.all(np.isinf(stability.edge(lambda v: v * np.nan, 20)))
    assert stability.largest_step(exponential.amplification, [math.inf]) == 0.0


@given(
    h=st.floats(0.001, 2), real=st.floats(-5, 3), imaginary=st.floats(0, 20), seed=st.integers(0, 9)
)
def test_amplification_of_the_exponential_scheme(
    h: float, real: float, imaginary: float, seed: int
) -> None:
    """Its recurrence, iterated: the growth of a mode from any start is that of the larger root."""
    rate = complex(real, imaginary)
    decay, flat, ramp = exponential.weights(h)
    matrix = np.array([[decay + (flat + ramp) * (rate + 1), -ramp * (rate + 1)], [1, 0]])
    exact = float(np.max(np.abs(np.linalg.eigvals(matrix))))
    found = float(exponential.amplification(h, np.array([rate]))[0])
    assert found == pytest.approx(exact, rel=1e-7)


@pytest.mark.parametrize("h", [1e-9, 1e-4, 0.0099, 0.0101, 0.3, 0.4999, 0.5001, 3.0])
def test_weights_have_all_digits(h: float) -> None:
    mpmath = pytest.importorskip("mpmath")
    with mpmath.workdps(40):
        step = mpmath.mpf(h)
        exact = [mpmath.exp(-step), 1 - mpmath.exp(-step), (mpmath.exp(-step) - 1 + step) / step]
        for found, number in zip(exponential.weights(h), exact, strict=True):
            assert abs(found / number - 1) < 1e-15


@pytest.mark.parametrize("h", [1e-3, 0.1, 1.0, 5.0])
@pytest.mark.parametrize("order", [2, 3, 4])
def test_weights_of_any_order(order: int, h: float) -> None:
    """∫₀^h e^{−(h−s)} P(s) ds of a polynomial through its values now and earlier."""
    decay, *own = exponential.adams(h, order)
    exact = -math.expm1(-h)
    for degree in range(order):
        if degree:
            # By parts, from the integral of the power below.
            exact = h**degree - degree * exact
        values = (-h * np.arange(order)) ** degree
        assert own @ values == pytest.approx(exact, rel=1e-6, abs=1e-12)
    assert decay == pytest.approx(math.exp(-h))
    if order == 2:
        _, flat, ramp = exponential.weights(h)
        np.testing.assert_allclose(own, [flat + ramp, -ramp], rtol=1e-13)


def test_amplification_of_order_four() -> None:
    """The largest root of ρ⁴ = e^{−h} ρ³ + μ Σ w_j ρ³⁻ʲ, mode by mode."""
    h, rates = 0.2, np.array([-1.0, -3.0 + 2j, 0.5 + 4j, -1 + 10j, np.inf])
    decay, *own = exponential.adams(h, 4)
    found = exponential.amplification(h, rates, order=4)
    for rate, one in zip(rates[:-1], found, strict=False):
        roots = np.roots([1.0, -decay, 0, 0, 0] - (rate + 1) * np.array([0.0, *own]))
        assert one == pytest.approx(np.max(np.abs(roots)), rel=1e-9)
    assert found[-1] == np.inf


def path_roots(passed: complex) -> Any:
    """Roots of e^{h} ρ of the scheme along a path at h(λ + 1), the largest first."""
    own = exponential.along_path(1.0).sum(axis=1) * np.exp(np.arange(1.0, 7.0))
    roots = np.roots([1.0, -1 - passed * own[0], *(-passed * own[1:])])
    return roots[np.argsort(-np.abs(roots))]


@pytest.mark.parametrize("degrees", range(0, 181, 5))
def test_where_a_mode_along_a_path_is_the_largest(degrees: int) -> None:
    """Up to what is in the table, and at obtuse angles not to a tenth beyond it."""
    turn = np.exp(1j * np.radians(degrees))
    sizes = np.arange(0.01, 0.6, 0.01)
    found = exponential.path_amplification(1.0, sizes * turn - 1)
    followed = sizes[np.isfinite(found)]
    for a in followed:
        largest, second = path_roots(a * turn)[:2]
        assert abs(largest) > abs(second)
        assert largest == pytest.approx(np.exp(a * turn), abs=0.01)
    if degrees >= 90:
        assert abs(path_roots((followed[-1] * 1.1 + 0.01) * turn)[0] - np.exp(turn)) > 0.5
    # Growth is that of the mode.
    rate = 0.5 * turn - 1
    found = exponential.path_amplification(0.3, np.array([rate, np.inf]))
    assert found[0] == pytest.approx(np.exp(0.3 * rate.real))
    assert found[1] == np.inf


def test_weights_along_a_path() -> None:
    """∫₀^h K(s) P(s) ds of polynomials, of degree 2 and 4, through their values."""
    h = 0.3
    weights = exponential.along_path(h) * np.exp(h * np.arange(1, 7))[:, None]
    earlier, ends = -h * np.arange(6), np.array([0, h / 2, h])
    for i in range(5):
        for j in range(3):
            exact = h ** (i + j + 1) / (i + j + 1)
            assert earlier**i @ weights @ ends**j == pytest.approx(exact, rel=1e-9)


def test_the_leak_and_nothing_else_has_no_largest_step() -> None:
    assert stability.largest_step(exponential.amplification, [-1.0]) == math.inf
    assert stability.largest_rate(lambda h, rates: np.abs(1 + h * rates), 0.5) == pytest.approx(4)


@pytest.mark.parametrize("gamma", [-1.0, -0.5, 0.0, 0.8])
def test_a_suggested_step_is_followed_with_a_margin(gamma: float) -> None:
    for g in (0.5, 3.0, 20.0):
        rates = stability.ellipse(g, gamma, 1.0)
        h = stability.suggested_step(exponential.amplification, rates, 2)
        assert h <= 0.1
        assert stability.is_followed(exponential.amplification, 2 * h * (1 - 1e-9), rates)
        assert not stability.message(h, stability.largest_step(exponential.amplification, rates))


def _euler(h: float, rates: Any) -> Any:
    return np.abs(1 + h * rates)


def _exact(h: float, rates: Any) -> Any:
    return np.exp(h * rates.real)


def test_what_counts_as_a_lift() -> None:
    """Modes that decay faster than they rotate need only decay; the others are held to a share."""
    # On the diagonal, where both are equal, beside it, and at the rate of the leak itself.
    rates = np.array([-2 + 2j, -2 + 2.1j, -1 + 0j])
    lifts = stability.gain(_euler, 0.4, rates)
    assert lifts[0] == 0
    assert lifts[1] == pytest.approx((math.log(abs(0.2 + 0.84j)) / 0.4 + 1) / 0.1)
    assert lifts[2] == pytest.approx((math.log(0.6) / 0.4 + 1) / 0.1)
    # One that does not decay is too long at least by 2, or by what its growth is.
    stiff = stability.gain(_euler, 1.0, np.array([-1.9999 + 0.2j, -3.0 + 0j]))
    assert stiff[0] == pytest.approx((math.log(abs(-0.9999 + 0.2j)) + 1) / 0.1)
    fast = stability.gain(_euler, 20.0, np.array([-1.01 + 0j, 30 + 0j]))
    assert fast[0] == 2
    # Rates up to 4 reach 5 beyond the leak, of which 0.4 may be gained.
    wide = stability.gain(_euler, 0.1, np.array([4 + 0j, 0 + 1j]))
    assert wide[0] == pytest.approx((math.log(1.4) / 0.1 - 4) / 2)
    assert wide[1] == pytest.approx(math.log(abs(1 + 0.1j)) / 0.1 / 2)
    # No growth and an endless one.
    ends = stability.gain(lambda h, rates: np.array([0.0, math.inf]), 1.0, np.array([0j, 0j]))
    assert ends[0] < -1e299
    assert ends[1] > 1e299


def test_followed_up_to_the_limit_itself() -> None:
    def lifted(h: float, rates: Any) -> Any:
        return np.exp(h * (rates.real + 0.1 * h))

    # The leak may gain 0.1, which it does in a step of 1.
    assert stability.is_followed(lifted, 1 - 1e-12, np.array([-1.0 + 0j]))
    assert not stability.is_followed(lifted, 1 + 1e-9, np.array([-1.0 + 0j]))
    assert (
        stability.is_followed(lambda h, rates: rates.real + 2, 1.0, np.array([-1.0 + 0j])) is False
    )
    assert stability.largest_step(_euler, [-4.0, -1.0]) == pytest.approx(0.5, rel=1e-6)
    assert stability.largest_step(_euler, -4.0) == pytest.approx(0.5, rel=1e-6)
    assert stability.largest_step(_euler, [0.0]) == math.inf
    assert stability.largest_step(_euler, []) == math.inf


def test_the_largest_that_holds() -> None:
    """Sought from 0.001 to a million, in units of 1/scale, to eight digits."""
    for limit in (0.0012, 0.37, 5e5):
        for scale in (1.0, 40.0):
            found = stability._last(lambda y, most=limit / scale: y <= most, scale)  # type: ignore[misc]
            assert found <= limit / scale
            assert found == pytest.approx(limit / scale, rel=1e-8)
    tried: list[float] = []
    assert stability._last(lambda y: not tried.append(y), 10.0) == math.inf  # type: ignore[func-returns-value]
    assert tried[0] == pytest.approx(1e-4)
    assert tried[-1] == pytest.approx(1e5)
    assert stability._last(lambda y: False, 1.0) == 0
    assert stability._last(lambda y: y < 1e-5, 1.0) == pytest.approx(1e-5, rel=1e-4)


@pytest.mark.parametrize(
    ("rate", "counts"),
    [
        (-30 + 0j, False), (-30 + 30j, False), (-30 + 30.1j, True), (-1 + 20j, True),
        (-1 - 20j, True), (-1.01 + 1j, False), (30 + 0j, True),
    ],
)  # fmt: skip
def test_a_step_is_fine_for_what_is_slow(rate: complex, counts: bool) -> None:
    """Half of the reciprocal of the fastest rate that counts, in a scheme without a limit."""
    fastest = abs(rate + 1)
    rates = np.array([-1 + 0j, rate])
    for order, share in ((1, 0.25), (2, 0.5), (4, math.sqrt(0.5))):
        expected = min(0.1, share / fastest) if counts else 0.1
        assert stability.suggested_step(_exact, rates, order) == pytest.approx(expected)
    assert stability.suggested_step(_exact, rates[:1], 2) == 0.1
    # Half of the largest step, where that is less.
    assert stability.suggested_step(_euler, np.array([-40 + 0j]), 2) == pytest.approx(
        0.025, rel=1e-6
    )


def test_the_ellipse_of_the_bulk() -> None:
    rates = stability.ellipse(2.0, 0.4, 0.5, leak=-3.0)
    assert rates[-1] == -3
    bulk = rates[:-1] + 3
    assert bulk.size == 49
    np.testing.assert_allclose((bulk.real / 1.4) ** 2 + (bulk.imag / 0.6) ** 2, 1, rtol=1e-12)
    assert np.all(bulk.imag > -1e-12)
    np.testing.assert_allclose(bulk[[0, 24, 48]], [1.4, 0.6j, -1.4], atol=1e-12)
    np.testing.assert_allclose(
        np.diff(np.angle(bulk.real / 1.4 + 1j * bulk.imag / 0.6)), np.pi / 48
    )


def _in_the_basis_of_the_start(matrix: np.ndarray) -> Any:
    """Products of a matrix written in a basis whose first vector is the fixed start."""
    n = len(matrix)
    basis, _ = np.linalg.qr(
        np.column_stack([np.random.default_rng(0).standard_normal(n), np.eye(n)[:, 1:]])
    )
    return lambda v: basis @ (matrix @ (basis.T @ v))


def test_the_symbol_of_settled_diagonals() -> None:
    """A Hessenberg matrix whose later columns are those of 3 z − 1 + 2/z + 0.5/z²."""
    n = 30
    H = np.diag(np.full(n - 1, 3.0), -1) - np.eye(n)
    H += np.diag(np.full(n - 1, 2.0), 1) + np.diag(np.full(n - 2, 0.5), 2)
    H[:, :5] = np.triu(np.random.default_rng(3).standard_normal((n, 5)), 1)
    H[np.arange(1, 6), np.arange(5)] = [1.0, 2.0, 1.5, 0.7, 1.2]
    # The third diagonal is left out.
    H += 0.3 * np.diag(np.full(n - 3, 1.0), 3) * (np.arange(n) > 5)
    found = stability.edge(_in_the_basis_of_the_start(H), n)
    assert found.size == 10 + 25
    eigenvalues = np.linalg.eigvals(H[:10, :10])
    distance = np.abs(found[:10, None] - eigenvalues).min(axis=0)
    np.testing.assert_allclose(distance, 0, atol=1e-9)
    z = np.exp(1j * np.pi * np.arange(25) / 24)
    symbol = 3 * z - 1 + 2 / z + 0.5 / z**2
    np.testing.assert_allclose(np.diff(found[10:]), 0.95 * np.diff(symbol), atol=1e-9)
    assert np.mean(found[10:-1]) == pytest.approx(np.mean(symbol[:-1]), abs=1e-9)


@pytest.mark.parametrize("size", [1, 2, 3, 9])
def test_an_invariant_subspace_is_seen_as_such(size: int) -> None:
    """As few eigenvalues as the start sees; of ten there are all, and of eleven the symbol, too."""
    matrix = np.zeros((20, 20))
    small = np.triu(np.random.default_rng(size).standard_normal((size, size)), -1)
    matrix[:size, :size] = small
    calls = []
    apply = _in_the_basis_of_the_start(matrix)

    def counted(v: np.ndarray) -> np.ndarray:
        calls.append(v)
        return np.asarray(apply(v))

    found = stability.edge(counted, 20)
    assert len(calls) == size
    np.testing.assert_allclose(
        np.sort_complex(found), np.sort_complex(np.linalg.eigvals(small)), atol=1e-9
    )


@pytest.mark.parametrize(("n", "count"), [(1, 1), (9, 9), (10, 10), (11, 35)])
def test_how_many_points_an_edge_has(n: int, count: int) -> None:
    A = np.random.default_rng(n).standard_normal((n, n))
    assert stability.edge(lambda v: A @ v, n).size == count


def test_words_for_a_spectrum_and_a_step() -> None:
    assert stability.met(np.array([-1 + 0j, -1 + 1e-7j])) == "rate -1"
    rates = np.array([-3 + 0j, 2 - 1.5j])
    assert stability.met(rates) == "rates from -3 to 2, rotations up to 1.5"
    assert stability.message(0.1, 0.1) == ""
    assert stability.message(0.1 * (1 + 1e-10), 0.1) == ""
    assert "largest stable step 0.1 for" in stability.message(0.1 * (1 + 1e-8), 0.1)
    assert stability.message(math.nan, 0.1) == ""
