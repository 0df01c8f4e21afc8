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
