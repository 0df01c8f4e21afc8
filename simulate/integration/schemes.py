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
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import blas

from meanfield import exponential, stability
from meanfield.common import arguments
from meanfield.common.arguments import ArgumentError, Array, validated
from meanfield.common.portable import Portable
from meanfield.stability import Amplification, Rates

from ..network import Evaluation, State
from . import tableaus
from .problem import Problem, Row, Step


class Memory(NamedTuple):
    """What the next step needs of the last one."""

    # Void where the drift or the state jumped.  Linear in the state where the drift is.
    past: tuple[State, ...] = ()
    # Half of this noise belongs to the next step, jump or not.
    noise: State | None = None
    # Void where `past` is.
    path: Any = None


class Move(NamedTuple):
    """What a step function returns."""

    x: State
    memory: Memory = Memory()
    # The local error, made of the evaluation at the end of the step, where there is an estimate.
    error: Callable[[Evaluation], State] | None = None
    # The state at a time inside the step, likewise, where it is more than a cubic.
    inside: Callable[[Evaluation, Row], State] | None = None
    # The evaluation at the end of the step, where it came with it.
    last: Evaluation | None = None


Stepping = Callable[[Problem, Any, State, Evaluation, Any, Memory], Move]


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
        ``problem.rate``, which is then measured along the run, and steps that adapt end at save
        times.
    takes_mixed : bool
        Whether stages may be known to single precision of what they have beside the state: its
        weights do not raise that to an error of a step.
    """

    name: str
    order: int
    stages: int | None
    step: Stepping
    amplification: Amplification
    takes_noise: bool = False
    error_order: int | None = None
    longest_step: Callable[[Row], Row] | None = None
    takes_mixed: bool = False

    def largest_step(self, rates: ArrayLike) -> float:
        """Largest step that follows modes of these real or complex rates, see `stability`."""
        return stability.largest_step(self.amplification, rates)

    def evaluations(self, h: float, rate: float) -> int:
        """Drifts that a step takes at this stiffness."""
        return self.stages or int(_chebyshev_stages(h, rate))

    def state_at(self, step: Step, t: Row) -> State:
        """State at a time inside a step; without a better one, on the cubic Hermite polynomial."""
        if step.inside is not None:
            return step.inside(step.last, t)
        h = step.t1 - step.t0
        s = (t - step.t0) / h
        return (
            (1 + 2 * s) * (1 - s) ** 2 * step.x0
            + s * (1 - s) ** 2 * h * step.first.drift
            + s * s * (3 - 2 * s) * step.x1
            + s * s * (s - 1) * h * step.last.drift
        )


# Explicit Runge–Kutta schemes.

# Leak times beyond which no factor of the leak is followed.
_MANY = 30.0
# Sum of the moduli of a row up to which its sums stay near the precision of the slopes: "tsitouras"
# has 27, "verner", with differences of large terms, 7657.
_HEAVIEST = 50.0


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
    tableau = _Tableau([*rows, weights], errors)
    return _runge_kutta(name, order, tableau, takes_noise=takes_noise)


def _runge_kutta(name: str, order: int, tableau: _Tableau, *, takes_noise: bool = False) -> Scheme:
    return Scheme(
        name,
        order,
        tableau.stages,
        step=partial(_explicit, tableau, takes_noise),
        amplification=tableau.amplification,
        takes_noise=takes_noise,
        error_order=None if tableau.errors is None else order,
        takes_mixed=tableau.stages > 1 and tableau.weight <= _HEAVIEST,
    )


class _Tableau:
    """Rows below the diagonal up to the weights, see `tableaus`, as sums over slopes.

    With the `leak` they are those of the same scheme for y = e^{t−t₀} (x − x₀), whose drift no
    longer has the leak −x: slopes are then ẋ + x − x₀, and fade with their age.  (With x in the
    place of x − x₀ a rest would not stay one.)
    """

    def __init__(
        self,
        rows: Sequence[Sequence[float]],
        errors: ArrayLike | None = None,
        inside: Sequence[Sequence[float]] = (),
        *,
        leak: bool = False,
    ) -> None:
        matrix = np.zeros((len(rows) + 1, len(rows) + 1))
        for k, row in enumerate(rows, 1):
            matrix[k, :k] = row
        self.nodes = matrix.sum(axis=1)
        self.errors = None if errors is None else np.asarray(errors, dtype=np.float64)
        self.interpolant, self.leak = np.array(inside), leak
        self.stages = len(rows) if self.errors is None else len(self.errors) - 1
        # Rows and their nodes, and the row of the error.
        self._rows, self._ends = np.zeros((len(matrix) + 1, len(matrix))), np.append(self.nodes, 1)
        self._rows[:-1] = matrix
        if self.errors is not None:
            self._rows[-1, : self.stages + 1] = self.errors

    @property
    def weight(self) -> float:
        """Largest sum of moduli of a row."""
        return float(np.max(np.abs(self._rows).sum(axis=1)))

    def _faded(self, rows: Array, nodes: Array, h: Array) -> Array:
        """Rows of weights at these nodes, times h."""
        if not self.leak:
            return h * rows
        # Longer steps than the bound are those of networks at rest.
        ages = np.minimum(h * (self.nodes - nodes[..., None]), _MANY)
        return h * rows * np.exp(ages)

    def weights(self, h: Row) -> list[Array]:
        """Of x and slopes in the states of the stages and, at last, in the error, for each h."""
        # Equal steps have the same ones.
        return self._weights(h) if isinstance(h, np.ndarray) else self._kept(h)

    @lru_cache(maxsize=64)  # noqa: B019
    def _kept(self, h: float) -> list[Array]:
        return self._weights(h)

    def _weights(self, h: Row) -> list[Array]:
        h = np.reshape(h, (-1, 1, 1))
        weights = np.empty((len(h), len(self._rows), len(self.nodes) + 1))
        weights[:, :, 0] = 1
        weights[:, -1, 0] = 0
        weights[:, :, 1:] = self._faded(self._rows, self._ends, h)
        rows = [weights[:, k, : k + 1] for k in range(len(self.nodes))]
        return [*rows, weights[:, -1, : self.stages + 2]]

    def amplification(self, h: float, rates: Rates) -> Array:
        """Of modes ẏ = λy, from 1."""
        rows = self.weights(h)[1 : self.stages + 1]
        state, slopes = np.ones_like(rates), []
        for (row,) in rows:
            slopes.append(rates * state + self.leak * (state - 1))
            state = 1 + sum(w * slope for w, slope in zip(row[1:], slopes, strict=True))
        return np.abs(state)

    def inside(
        self, evaluate: Callable[[Row, State], Evaluation], t: Row, h: Row, slopes: _Slopes
    ) -> Callable[[Evaluation, Row], State]:
        """States at times inside a step."""
        known = self.stages

        def state(last: Evaluation, time: Row) -> State:
            nonlocal known
            slopes.keep(self.stages, last.drift)
            rows = self.weights(h)
            while known + 1 < len(self.nodes):
                known += 1
                slopes.state = slopes.sum(rows[known])
                drift = evaluate(t + self.nodes[known] * h, slopes.state).drift
                slopes.keep(known, drift)
            theta = np.reshape((time - t) / h, -1)
            powers = theta[:, None] ** np.arange(1, self.interpolant.shape[1] + 1)
            factors = self._faded(powers @ self.interpolant.T, theta, np.reshape(h, (-1, 1)))
            return slopes.sum(np.insert(factors, 0, 1.0, axis=1))

        return state


class _Slopes:
    """A state and drifts in one piece of memory, so that their sums take one pass."""

    def __init__(self, x: State, count: int, *, leak: bool) -> None:
        # Neurons last.
        self._there, self._back = (*range(1, x.ndim), 0), (x.ndim - 1, *range(x.ndim - 1))
        self._rows = np.empty((count + 1, *x.shape[1:], len(x)), x.dtype)
        self._rows[0] = x.transpose(self._there)
        self._leak = leak
        # That of the stage which is evaluated next.
        self.state = x

    def keep(self, k: int, drift: State) -> None:
        """Take the drift at `state` as number k."""
        row = self._rows[k + 1]
        if self._leak:
            np.subtract(self.state.transpose(self._there), self._rows[0], out=row)
            row += drift.transpose(self._there)
        else:
            row[...] = drift.transpose(self._there)

    def sum(self, factors: Array) -> State:
        """Sums of the state and the first drifts, with one row of factors or one a column."""
        count = factors.shape[1]
        factors, rows = factors.astype(self._rows.dtype, copy=False), self._rows[:count]
        if len(factors) == 1:
            total = (factors @ rows.reshape(count, -1)).reshape(rows.shape[1:])
        else:
            total = (factors[:, None] @ rows.transpose(1, 0, 2))[:, 0]
        return total.transpose(self._back)


def _explicit(
    tableau: _Tableau,
    takes_noise: bool,
    problem: Problem,
    t: Row,
    x: State,
    first: Evaluation,
    h: Row,
    memory: Memory,
) -> Move:
    kick = problem.kick(t, h) if takes_noise else None
    rows, end = tableau.weights(h), tableau.stages
    slopes = _Slopes(x, len(tableau.nodes), leak=tableau.leak)
    slopes.keep(0, first.drift)
    evaluate = problem.around(x, first)
    for k in range(1, end + 1):
        node = float(tableau.nodes[k])
        moved = slopes.state = slopes.sum(rows[k])
        if kick is not None and node:
            moved += node * kick
        if k < end:
            slopes.keep(k, evaluate(t + node * h, moved).drift)
    if tableau.errors is None:
        return Move(moved, memory)

    def error(last: Evaluation) -> State:
        slopes.keep(end, last.drift)
        return slopes.sum(rows[-1])

    is_dense = len(tableau.interpolant) > 0
    inside = tableau.inside(evaluate, t, h, slopes) if is_dense else None
    return Move(moved, memory, error, inside)


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


def adams(
    order: int, problem: Problem, t: float, x: State, first: Evaluation, h: float, memory: Memory
) -> Move:
    """A step of Adams's scheme with the leak exact, of Runge and Kutta's while little is past."""
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


def _chebyshev_stages(h: Row, rate: Row) -> NDArray[np.int64]:
    """Fewest stages, at least 2, that are stable at a step h."""
    # Of a column that only moves away from its start the rate is negative.
    size = np.maximum(np.multiply(h, rate), 0.0)
    return np.maximum(2, np.ceil(np.sqrt(1 + _SAFETY * size / _REACH))).astype(int)


def _longest_chebyshev_step(rate: Row) -> Row:
    """Step at which the largest number of stages is just enough."""
    return (_MAX_STAGES**2 - 1) * _REACH / (_SAFETY * np.maximum(rate, 1e-12))


def _chebyshev(
    problem: Problem, t: Row, x: State, first: Evaluation, h: Row, memory: Memory
) -> Move:
    stages = np.atleast_1d(_chebyshev_stages(h, problem.rate))
    # Columns with fewest stages are last, and left out as they are done.
    order = np.argsort(-stages, kind="stable")
    apart = np.ndim(h) > 0
    start, slope, span = (a.T[order].T if apart else a for a in (x, first.drift, h))
    openings, tables = zip(*(_coefficients(int(count)) for count in stages[order]), strict=True)
    rows = np.zeros((len(tables[0]), 6, len(stages)))
    for column, table in enumerate(tables):
        rows[: len(table), :, column] = table
    done = np.empty_like(start)
    older, old = start, start + (np.array(openings) * span) * slope
    work = np.empty_like(start)
    for j, row in enumerate(rows):
        left = np.count_nonzero(stages > j + 1)
        if apart and left < old.shape[-1]:
            done[:, left : old.shape[-1]] = old[:, left:]
            older, old, work = older[:, :left], old[:, :left], work[:, :left]
            start, slope, span = start[:, :left], slope[:, :left], span[:left]
        time, base, one_back, two_back, rate, first_rate = row[:, :left]
        at = t + time[0] * h if np.ndim(t) == 0 else t
        drift = problem.evaluate(at, old).drift
        new = base * start
        # Weighted sums in place: these arrays, not the couplings, fill memory at large n.
        for weight, term in (
            (one_back, old),
            (two_back, older),
            (rate * span, drift),
            (first_rate * span, slope),
        ):
            np.multiply(term, weight, out=work)
            new += work
        older, old = old, new
    if apart:
        done[:, : old.shape[-1]] = old
        old = np.empty_like(x)
        old.T[order] = done.T
    moved = old
    return Move(
        moved,
        memory,
        lambda last: 0.8 * (x - moved) + (0.4 * h) * (first.drift + last.drift),
        # Of a shorter step: cubic interpolation would amplify the error of stiff directions, h λ
        # times in the drift, and raise E.
        lambda last, time: _chebyshev(problem, t, x, first, time - t, Memory()).x,
    )


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
        # Order 5(4) with the leak integrated exactly in each stage: a fifth fewer evaluations at
        # errors of some 10⁻³; below 10⁻⁴, and where activity is slow, nothing is gained by it.
        _runge_kutta(
            "tsitouras", 5,
            _Tableau(
                tableaus.TSITOURAS, tableaus.TSITOURAS_ERRORS, tableaus.TSITOURAS_INSIDE, leak=True
            ),
        ),
        # Order 6(5).
        _runge_kutta(
            "verner", 6,
            _Tableau(tableaus.VERNER, tableaus.VERNER_ERRORS, tableaus.VERNER_INSIDE),
        ),
        # Order 5(4), damped and stable for real rates up to hλ = 12.7.
        _runge_kutta(
            "damped", 5,
            _Tableau(tableaus.DAMPED, tableaus.DAMPED_ERRORS, tableaus.DAMPED_INSIDE),
        ),
        # Adams–Bashforth of order 2 with the leak exact (`meanfield.exponential`), N = F + x.
        Scheme("exponential", 2, 1, _exponential, exponential.amplification),
        # The same of order 4, begun by Runge–Kutta steps.
        Scheme(
            "exponential4", 4, 1, partial(adams, 4), partial(exponential.amplification, order=4)
        ),
        # x + hF + √(2Th)(R_n + R_{n+1})/2: invariant measure of order 2 at κ = 1 with one force a
        # step, the overdamped limit of BAOAB (Leimkuhler, Matthews 2013); exact for a harmonic E.
        # Away from κ = 1, and for a few steps after a jump of T, its weak order is 1.
        Scheme(
            "leimkuhler-matthews", 1, 1, _leimkuhler_matthews,
            lambda h, rates: np.abs(1 + h * rates), takes_noise=True,
        ),
        Scheme(
            "chebyshev", 2, None, _chebyshev,
            # The stages follow the stiffness, and the step where they run out; what rotates shows
            # in the error.
            amplification=_damped, error_order=3, longest_step=_longest_chebyshev_step,
        ),
    )
}  # fmt: skip
