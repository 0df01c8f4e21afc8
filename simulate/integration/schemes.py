"""Schemes as data: a step function with its order, stability, error and interpolation.

A step function gets the evaluation at the start of its step, which the loop shares with whatever
watches the run, and asks the problem for the further ones it needs.  It keeps nothing: what a later
step needs of this one is returned and passed in again.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.linalg import blas

from meanfield import exponential, stability
from meanfield.common import arguments
from meanfield.common.arguments import ArgumentError, Array, validated
from meanfield.common.portable import Portable
from meanfield.stability import Amplification, Rates

from ..network import Evaluation, State
from .problem import Problem, Step


class Memory(NamedTuple):
    """What the next step needs of the last one."""

    # Void where the drift or the state jumped.  Linear in the state where the drift is.
    past: tuple[State, ...] = ()
    # Half of this noise belongs to the next step, jump or not.
    noise: State | None = None


class Move(NamedTuple):
    """What a step function returns."""

    x: State
    memory: Memory = Memory()
    # The local error, made of the evaluation at the end of the step, where there is an estimate.
    error: Callable[[Evaluation], State] | None = None


Stepping = Callable[[Problem, float, State, Evaluation, float, Memory], Move]


@dataclass(frozen=True)
class Scheme(Portable):
    """How one step is made; `runge_kutta` makes a scheme of its tableau.

    Attributes
    ----------
    name : str
    order : int
        Of convergence, without noise.
    stages : int or None
        Evaluations a step; None where they follow the stiffness.
    step : function of (problem, t, x, first, h, memory)
        Returns the `Move` from x to t + h; `first` is the evaluation at x.
    amplification : function of (h, rates)
        Largest modulus of the factors by which a step h multiplies modes ẏ = λy of the complex
        `rates` λ: the stability region is where it is at most 1.
    takes_noise : bool
        Whether runs at T > 0 are allowed.
    error_order : int, optional
        Power of h of the error that moves estimate; without it steps are fixed.
    longest_step : function of a rate, optional
        Longest step for a measured stiffness.  A scheme that has it fits itself to the stiffness,
        ``problem.rate``, which is then measured along the run.
    between : function of (step, t), optional
        State at a time inside a step; default the cubic Hermite interpolation, O(h⁴).
    """

    name: str
    order: int
    stages: int | None
    step: Stepping
    amplification: Amplification
    takes_noise: bool = False
    error_order: int | None = None
    longest_step: Callable[[float], float] | None = None
    between: Callable[[Step, float], State] | None = None

    def largest_step(self, rates: ArrayLike) -> float:
        """Largest step that follows modes of these real or complex rates, see `stability`."""
        return stability.largest_step(self.amplification, rates)

    def evaluations(self, h: float, rate: float) -> int:
        """Drifts that a step takes at this stiffness."""
        return self.stages or _chebyshev_stages(h, rate)

    def state_at(self, step: Step, t: float) -> State:
        """State at a time inside a step."""
        if self.between is not None:
            return self.between(step, t)
        h = step.t1 - step.t0
        s = (t - step.t0) / h
        return (
            (1 + 2 * s) * (1 - s) ** 2 * step.x0
            + s * (1 - s) ** 2 * h * step.first.drift
            + s * s * (3 - 2 * s) * step.x1
            + s * s * (s - 1) * h * step.last.drift
        )


# Explicit Runge–Kutta schemes.


@validated
def runge_kutta(
    name: str,
    A: Sequence[Sequence[float]],
    b: Sequence[float],
    *,
    order: int,
    embedded: Sequence[float] | None = None,
    takes_noise: bool = False,
) -> Scheme:
    """An explicit Runge–Kutta scheme, to be passed as ``method=``.

    Parameters
    ----------
    name : str
    A : sequence of sequences of float
        Rows 2 … s below the diagonal of the Butcher matrix: one number, two numbers, ….  The nodes
        are their sums.
    b : (s,) sequence of float
        Weights.
    order : int
        Of convergence.
    embedded : (s,) or (s + 1,) sequence of float, optional
        Weights of a scheme of one order less: the difference of the two is the error of a step, and
        steps adapt to ``tol=``.  The last of s + 1 belongs to the end of the step, where the drift
        is evaluated in any case ("first same as last").
    takes_noise : bool
        Whether runs at T > 0 are allowed: stage i gets c_i of the kick √(2Th) ξ of its step.  Euler
        and Heun then have weak order 1 and 2; for other tableaux it is to be found out.

    Returns
    -------
    Scheme
        With its region of stability, from the stability polynomial.

    Raises
    ------
    ArgumentError
        If a number is not finite, lengths do not fit, weights do not sum to 1, `embedded` is `b`,
        or `order` is below 1.

    Examples
    --------
    >>> from simulate import runge_kutta
    >>> ralston = runge_kutta("ralston", A=[[2 / 3]], b=[1 / 4, 3 / 4], order=2)
    >>> round(ralston.largest_step(-4.0), 6)
    0.5
    """
    rows = [[arguments.finite("A", a) for a in row] for row in A]
    weights = [arguments.finite("b", w) for w in b]
    stages = len(weights)
    closing = None if embedded is None else [arguments.finite("embedded", w) for w in embedded]
    if [len(row) for row in rows] != list(range(1, stages)):
        raise ArgumentError(f"A of {len(rows)} rows: expected {stages - 1}, of 1, 2, … numbers")
    if closing is not None and len(closing) not in (stages, stages + 1):
        raise ArgumentError(f"embedded of length {len(closing)}: expected {stages} or one more")
    for label, row in (("b", weights), ("embedded", closing)):
        if row is not None and abs(sum(row) - 1) > 1e-9:
            raise ArgumentError(f"{label}: the weights sum to {sum(row):.10g}, expected 1")
    order = arguments.count("order", order, 1)
    errors = None
    if closing is not None:
        errors = np.array([*weights, 0.0])
        errors[: len(closing)] -= closing
        if not np.any(errors):
            raise ArgumentError("embedded: the same as b, every error would be 0")
    return Scheme(
        name,
        order,
        stages,
        step=partial(
            _explicit,
            [(sum(row), _Sum.of(row)) for row in rows],
            _Sum.of(weights),
            None if errors is None else _Sum.of(errors),
            takes_noise,
        ),
        amplification=partial(_polynomial, _stability_polynomial(rows, weights)),
        takes_noise=takes_noise,
        error_order=None if errors is None else order,
    )


class _Sum(NamedTuple):
    """A weighted sum Σ w_j k_j as its terms over the smallest weight, and that weight inverted."""

    # h/6 (k₁ + 2k₂ + 2k₃ + k₄) rounds less, and multiplies fewer arrays, than its expanded form.
    terms: tuple[tuple[int, float], ...]
    divisor: float

    @classmethod
    def of(cls, weights: ArrayLike) -> _Sum:
        entries = [(k, float(w)) for k, w in enumerate(np.asarray(weights)) if w] or [(0, 0.0)]
        smallest = min(abs(w) for _, w in entries) or 1.0
        # Python floats: they leave single precision single.
        return cls(tuple((k, w / smallest) for k, w in entries), 1 / smallest)

    def times(self, h: float, slopes: Sequence[State]) -> State:
        """The sum times h."""
        (first, scale), *others = self.terms
        if not others:
            return (scale * h / self.divisor) * slopes[first]
        total = slopes[first] * scale
        for k, scale in others:
            total += slopes[k] if scale == 1 else scale * slopes[k]
        total *= h / self.divisor
        return total


def _explicit(
    stages: list[tuple[float, _Sum]],
    weights: _Sum,
    errors: _Sum | None,
    takes_noise: bool,
    problem: Problem,
    t: float,
    x: State,
    first: Evaluation,
    h: float,
    memory: Memory,
) -> Move:
    kick = problem.kick(t, h) if takes_noise else None
    slopes = [first.drift]
    for node, row in stages:
        stage = x + row.times(h, slopes)
        if kick is not None and node:
            stage += node * kick
        slopes.append(problem.evaluate(t + node * h, stage).drift)
    moved = x + weights.times(h, slopes)
    if kick is not None:
        moved += kick
    if errors is None:
        return Move(moved, memory)
    return Move(moved, memory, lambda last: errors.times(h, [*slopes, last.drift]))


def _stability_polynomial(rows: list[list[float]], weights: list[float]) -> Array:
    """R(z) = 1 + z bᵀ(1 − zA)⁻¹1, by falling powers."""
    stages = len(weights)
    matrix = np.zeros((stages, stages))
    for k, row in enumerate(rows, 1):
        matrix[k, :k] = row
    powers = [np.linalg.matrix_power(matrix, k).sum(axis=1) @ weights for k in range(stages)]
    return np.array([*reversed(powers), 1.0])


def _polynomial(coefficients: Array, h: float, rates: Rates) -> Array:
    return np.abs(np.polyval(coefficients, h * rates))


# Schemes that remember.

_AXPY = {"d": blas.daxpy, "f": blas.saxpy}


def _exponential(
    problem: Problem, t: float, x: State, first: Evaluation, h: float, memory: Memory
) -> Move:
    decay, flat, ramp = exponential.weights(h)
    rest = first.drift + x
    moved = decay * x
    moved += flat * rest
    if not memory.past:
        # The two-stage scheme of Cox and Matthews (2002).
        change = problem.evaluate(t + h, moved).drift + moved - rest
    else:
        change = rest - memory.past[0]
    moved += ramp * change
    return Move(moved, memory._replace(past=(rest,)))


def _adams(
    order: int, problem: Problem, t: float, x: State, first: Evaluation, h: float, memory: Memory
) -> Move:
    rest = first.drift + x
    if len(memory.past) < order - 1:
        moved = SCHEMES["rk4"].step(problem, t, x, first, h, memory).x
    else:
        moved = _weighted(exponential.adams(h, order), [x, rest, *memory.past])
    return Move(moved, memory._replace(past=(rest, *memory.past)[: order - 1]))


def _weighted(weights: list[float], states: list[State]) -> State:
    """Weighted sum of states."""
    total = weights[0] * states[0]
    add = _AXPY[total.dtype.char]
    for weight, state in zip(weights[1:], states[1:], strict=True):
        if state.strides == total.strides:
            # Once through memory in the place of twice: `total` is compact, and these are views.
            add(state.ravel("K"), total.ravel("K"), a=weight)
        else:
            total += weight * state
    return total


def _leimkuhler_matthews(
    problem: Problem, t: float, x: State, first: Evaluation, h: float, memory: Memory
) -> Move:
    moved = x + h * first.drift
    if strength := problem.noise_strength(t):
        last = problem.draw() if memory.noise is None else memory.noise
        new = problem.draw()
        moved += (strength * math.sqrt(h) / 2) * (last + new)
        memory = memory._replace(noise=new)
    return Move(moved, memory)


# Runge–Kutta–Chebyshev: second order, explicit, with s stages stable up to h λ_max ≈ 0.65 s²
# (Sommeijer, Shampine and Verwer, J. Comput. Appl. Math. 88, 315 (1998), with their damping 2/13
# and error estimate).

_DAMPING = 2 / 13
# Of the real stability interval, in units of s² − 1.
_REACH = 2 / 3 * (1 - 2 / 15 * _DAMPING)
_MAX_STAGES = 250
# λ_max is known from below to a few per cent and moves between estimates.
_SAFETY = 1.15


@lru_cache(maxsize=512)
def _coefficients(stages: int) -> tuple[float, list[list[float]]]:
    """The weight of stage 1, and for stages 2 … s the row (c_{j−1}, 1 − μ − ν, μ, ν, μ̃, γ̃)."""
    w0 = 1 + _DAMPING / stages**2
    # T_j, T'_j, T''_j at w0.
    value, slope, bend = (np.zeros(stages + 1) for _ in range(3))
    value[:2], slope[1] = (1, w0), 1
    for k in range(2, stages + 1):
        value[k] = 2 * w0 * value[k - 1] - value[k - 2]
        slope[k] = 2 * value[k - 1] + 2 * w0 * slope[k - 1] - slope[k - 2]
        bend[k] = 4 * slope[k - 1] + 2 * w0 * bend[k - 1] - bend[k - 2]
    w1 = slope[-1] / bend[-1]
    b: Array = np.empty(stages + 1)
    b[2:] = bend[2:] / slope[2:] ** 2
    b[:2] = b[2]
    a = 1 - b * value
    one_back, two_back = 2 * w0 * b[2:] / b[1:-1], -b[2:] / b[:-2]
    rate = 2 * w1 * b[2:] / b[1:-1]
    times = w1 * bend[2:] / slope[2:]
    # Of the stage before: that of stage 1 is that of stage 2 over T'_2.
    times = np.concatenate([times[:1] / slope[2], times[:-1]])
    rows = [times, 1 - one_back - two_back, one_back, two_back, rate, -a[1:-1] * rate]
    # Python floats, as above.
    return float(b[1] * w1), np.array(rows).T.tolist()


def _chebyshev_stages(h: float, rate: float) -> int:
    """Fewest stages, at least 2, that are stable at a step h."""
    return max(2, math.ceil(math.sqrt(1 + _SAFETY * h * rate / _REACH)))


def _longest_chebyshev_step(rate: float) -> float:
    """Step at which the largest number of stages is just enough."""
    return (_MAX_STAGES**2 - 1) * _REACH / (_SAFETY * max(rate, 1e-12))


def _chebyshev(
    problem: Problem, t: float, x: State, first: Evaluation, h: float, memory: Memory
) -> Move:
    opening, rows = _coefficients(_chebyshev_stages(h, problem.rate))
    older, old = x, x + (opening * h) * first.drift
    work = np.empty_like(x)
    for time, base, one_back, two_back, rate, first_rate in rows:
        drift = problem.evaluate(t + time * h, old).drift
        new = base * x
        # Weighted sums in place: these arrays, not the couplings, fill memory at large n.
        for weight, term in (
            (one_back, old),
            (two_back, older),
            (rate * h, drift),
            (first_rate * h, first.drift),
        ):
            np.multiply(term, weight, out=work)
            new += work
        older, old = old, new
    moved = old
    return Move(
        moved,
        memory,
        lambda last: 0.8 * (x - moved) + (0.4 * h) * (first.drift + last.drift),
    )


def _shorter_step(step: Step, t: float) -> State:
    return _chebyshev(step.problem, step.t0, step.x0, step.first, t - step.t0, Memory()).x


def _damped(h: float, rates: Rates) -> Array:
    return np.exp(h * np.minimum(rates.real, 0.0))


SCHEMES = {
    scheme.name: scheme
    for scheme in (
        # [HH] Eq. 9; Euler–Maruyama for T > 0.
        runge_kutta("euler", [], [1], order=1, takes_noise=True),
        # The explicit trapezoidal rule; with additive noise of weak order 2 (Honeycutt 1992).
        runge_kutta("heun", [[1]], [1 / 2, 1 / 2], order=2, takes_noise=True),
        # The classical scheme.
        runge_kutta(
            "rk4", [[1 / 2], [0, 1 / 2], [0, 0, 1]], [1 / 6, 1 / 3, 1 / 3, 1 / 6], order=4
        ),
        # Adams–Bashforth of order 2 with the leak exact (`meanfield.exponential`), N = F + x.
        Scheme("exponential", 2, 1, _exponential, exponential.amplification),
        # The same of order 4, begun by Runge–Kutta steps.
        Scheme(
            "exponential4", 4, 1, partial(_adams, 4), partial(exponential.amplification, order=4)
        ),
        # x + hF + √(2Th)(R_n + R_{n+1})/2: invariant measure of order 2 at κ = 1 with one force a
        # step, the overdamped limit of BAOAB (Leimkuhler, Matthews 2013); exact for a harmonic E.
        # Away from κ = 1, and for a few steps after a jump of T, its weak order is 1.
        Scheme(
            "leimkuhler-matthews", 1, 1, _leimkuhler_matthews,
            partial(_polynomial, np.ones(2)), takes_noise=True,
        ),
        Scheme(
            "chebyshev", 2, None, _chebyshev,
            # The stages follow the stiffness, and the step where they run out; what rotates shows
            # in the error.
            amplification=_damped, error_order=3, longest_step=_longest_chebyshev_step,
            # Cubic interpolation would amplify the error of stiff directions, h λ times in the
            # drift, and raise E.
            between=_shorter_step,
        ),
    )
}  # fmt: skip
