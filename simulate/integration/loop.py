"""The loop over steps, for every scheme and every problem, and the two ways to choose a step."""

import copy
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from meanfield.common.arguments import ArgumentError
from meanfield.schedule import step_count

from ..network import Evaluation, State, at_work, largest_rate
from .monitor import Monitor
from .problem import Flags, Problem, Row, Step, earliest
from .schemes import Memory, Move, Scheme

# Steps between two measurements of the stiffness in a scheme that fits itself to it.
_REFRESH = 20
_SHRINK, _GROW, _AIM = 0.1, 4.0, 0.8
# Longest step of a scheme that does not fit itself to the stiffness, in leak times: what decays to
# below the tolerance keeps its rate, and no step is refused as unstable.
_LONGEST = 2.0
# How far ahead of the end of another column's step one may start: columns that wait for each other
# take a third more rounds along −∇E, but states at save times are kept until all have come.
_AHEAD = 0.3
# Errors below this share of what is allowed are one.
_LEAST_ERROR = 1e-6
# Relative residual of a stiffness that only tells how long a run will take.
_ROUGHLY = 0.5
# A time this close to a step, in steps, is that step.
ON_STEP = 1e-6


class IntegrationError(RuntimeError):
    """A run that could not go on, with the reason and what to change."""


class FixedSteps:
    """A whole number of equal steps, dt or shorter, in each segment."""

    tol, is_cut = None, False

    def __init__(self, dt: float) -> None:
        self._dt = dt

    def enter(self, start: float, end: float) -> None:
        """A segment begins."""
        self.start = start
        self.extend(start, end)

    def extend(self, t: float, end: float) -> float | None:
        """The segment that was left at t ends later: t on its steps, None if it is between them."""
        start = self.start
        count = step_count(start, end, self._dt)
        h = self._h = (end - start) / count
        done = round((t - start) / h)
        self._ends = (start + k * h if k < count else end for k in range(done + 1, count + 1))
        return start + done * h if abs(start + done * h - t) <= ON_STEP * h else None

    def propose(self, t: Row, problem: Problem) -> tuple[Row, Row]:
        """End and length of the next step."""
        return next(self._ends), self._h

    def accepts(self, step: Step, move: Move, monitor: Monitor) -> Flags:
        """Whether the step is taken, as the next proposal will know: always, if it is finite."""
        require_finite(step.problem.trajectory(step.x1), step.t1)
        return True


class AdaptiveSteps:
    """Steps of an error `tol` each, relative to 1 + |x|, of all columns or of each for itself.

    In the second case times, steps and errors are rows of one a column.  A column that has arrived,
    that was refused, or that would start long after another one ends, makes a step of no length: so
    all go through one product, none depends on those beside it, and none is far ahead.
    """

    # Those of a scheme for stiff problems end at save times, so that saved states are states of the
    # scheme: interpolation between long steps would amplify the error of stiff directions.

    def __init__(self, scheme: Scheme, dt: Row, tol: float, saves: Sequence[float]) -> None:
        assert scheme.error_order is not None
        self._name, self._power = scheme.name, -1 / scheme.error_order
        self._longest_step = scheme.longest_step
        self.tol, self._longest = tol, dt
        self.save(saves)

    def save(self, times: Sequence[float]) -> None:
        """States at these times are wanted."""
        self._saves = [] if self._longest_step is None else times

    def enter(self, start: float, end: float) -> None:
        """See `FixedSteps`."""
        self._next = self._longest
        self.extend(start, end)

    def extend(self, t: float, end: float) -> float | None:
        """See `FixedSteps`; the steps go on."""
        self._stops = np.array([*(s for s in self._saves if t < s < end), end, end])
        return t

    def propose(self, t: Row, problem: Problem) -> tuple[Row, Row]:
        """See `FixedSteps`."""
        longest = self._longest_step(problem.rate) if self._longest_step else _LONGEST
        h = wanted = np.minimum(self._next, np.minimum(problem.longest_step, longest))
        end = self._stops[np.searchsorted(self._stops[:-1], t, side="right")]
        left = end - t
        h = np.where(h >= left * (1 - 1e-12), left, np.where(h > left / 2, left / 2, h))
        self.is_cut = bool(((h < wanted) & (t < end)).any())
        # Times are not negative.
        if ((h < 1e-12 * np.maximum(1.0, t)) & (h < left)).any():
            raise IntegrationError(
                f"the step fell below rounding at t = {earliest(t):g}; raise tol={self.tol:g}"
            )
        if np.ndim(t):
            # At a stop all wait for all: a run that ends there goes on in the same order.
            h = np.where(t < min((t + h)[h > 0].min() + _AHEAD, end.min()), h, 0.0)
        later = np.where(h == left, end, t + h)
        self._h, self._wanted, self._stopped = h, wanted, h == left
        return (later, h) if np.ndim(t) else (float(later), float(h))

    def accepts(self, step: Step, move: Move, monitor: Monitor) -> Flags:
        """Whether the error is allowed and E does not rise along −∇E."""
        if move.error is None:
            raise ArgumentError(f"method={self._name!r}: has an error_order, its moves no error")
        problem, found = step.problem, move.error(step.last)
        measure = problem.relative_errors if np.ndim(step.t0) else problem.relative_error
        error = measure(step.x0, step.x1, found) / self.tol
        taken: Flags = error <= 1
        if problem.is_gradient_flow(step.t0):
            rises = monitor.rises(step)
            taken = taken & ~(rises if np.ndim(step.t0) else np.any(rises))
        # Of a step that raises E the error may be 0.
        factor = _AIM * np.maximum(error, _LEAST_ERROR) ** self._power
        factor = np.maximum(factor, _SHRINK)  # Of an infinite error it is 0.
        grown = self._h * np.minimum(factor, _GROW)
        # A stop says nothing against the step that was wanted before it.
        grown = np.where(self._stopped, np.maximum(grown, self._wanted), grown)
        following = np.where(taken, grown, self._h * np.minimum(factor, 0.5))
        self._next = np.where(self._h > 0, following, self._next)
        self._longest = np.maximum(self._longest, np.where(taken, self._h, 0.0))
        return taken


StepControl = FixedSteps | AdaptiveSteps


def least_evaluations(
    problem: Problem,
    scheme: Scheme,
    control: StepControl,
    dt: float,
    x: State,
    t: float,
    end: float,
    longest: float = np.inf,
) -> float:
    """Drifts from t to the end, where steps adapt at their longest for the stiffness at `x`."""
    h, rate = min(dt, longest), 1.0
    if scheme.longest_step is not None:
        column = x.reshape(len(x), -1)[:, 0]
        # A copy: these are not counted as steps of the run.
        network = copy.copy(problem.network)
        with at_work(None):
            found = largest_rate(network, column, problem.onsager(t), _ROUGHLY)
        rate = max(rate, float(found[0]))
    if control.tol is not None:
        reach = scheme.longest_step(rate) if scheme.longest_step else _LONGEST
        h = min(reach, longest, problem.longest_step)
    return (end - t) / h * scheme.evaluations(h, rate)


class Kept(NamedTuple):
    """Where a run was before its end cut a step: there it goes on as if it had not ended."""

    t: Row
    x: State
    control: "AdaptiveSteps | FixedSteps"


@dataclass
class Progress:
    """What the next step needs of those before, beside the state; `advance` keeps it."""

    memory: Memory = field(default_factory=Memory)
    rate: Row = 0.0
    # Steps since the stiffness was measured.
    since: Row = _REFRESH
    # Whether the first segment is the one in which the last run ended.
    goes_on: bool = False
    kept: Kept | None = None


def step_control(
    scheme: Scheme, dt: Row, tol: float | None, saves: Sequence[float] = ()
) -> StepControl:
    """Adaptive steps where they are asked for and the scheme estimates its error."""
    if tol is None or scheme.error_order is None:
        return FixedSteps(float(np.min(dt)))
    return AdaptiveSteps(scheme, dt, tol, saves)


def advance(
    problem: Problem,
    scheme: Scheme,
    control: StepControl,
    monitor: Monitor,
    x: State,
    times: Sequence[float],
    progress: Progress | None = None,
    known: Evaluation | None = None,
) -> Iterator[Step]:
    """Every accepted step of `x` through the segments between `times`, each hit exactly.

    `known`: the evaluation at the start, if it is.
    """
    now = Progress() if progress is None else progress
    fits = scheme.longest_step is not None
    apart = control.tol is not None and problem.parts(x)
    for start, end in pairwise(times):
        problem = replace(problem, end=end, rate=now.rate)
        place: Row = control.extend(start, end) if now.goes_on else None
        if place is None:
            # Parameters, or the state itself between two steps, may have jumped.
            now.memory, now.since = now.memory._replace(past=()), _REFRESH
            control.enter(start, end)
        elif now.kept is not None:
            place, x, _ = now.kept
            known = None
        now.goes_on, now.kept = False, None
        t = start if place is None else place
        first = problem.evaluate(t, x) if known is None else known
        known = None
        monitor.enter(problem, t, x)
        if apart:
            t, now.since = (np.broadcast_to(one, x.shape[1:]) for one in (t, now.since))
        while earliest(t) < end:
            if fits:
                due = (now.since >= _REFRESH) & (t < end)
                if np.any(due):
                    now.rate, now.since = _measured(problem, monitor, t, x, due, now)
                    problem = replace(problem, rate=now.rate)
            later, h = control.propose(t, problem)
            if end == times[-1] and now.kept is None and control.is_cut and not fits:
                now.kept = Kept(t, x, copy.copy(control))
            move = scheme.step(problem, t, x, first, h, now.memory)
            replaced = problem.arrived(later, move.x)
            moved = move.x if replaced is None else replaced
            last = problem.evaluate(later, moved) if move.last is None else move.last
            step = Step(problem, t, x, first, later, moved, last, move.inside)
            taken = control.accepts(step, move, monitor)
            if fits:
                # The same state twice has the same stiffness.
                refused = np.where(now.since > 0, _REFRESH, 0)
                now.since = np.where(taken, now.since + (h > 0), refused)
            if taken is not True and not np.all(taken):
                monitor.refuse(taken)
                if not np.ndim(taken):
                    continue
                step = _stayed(step, taken)
            monitor.record(step)
            now.memory = move.memory if replaced is None else move.memory._replace(past=())
            yield step
            t, x, first = step.t1, step.x1, step.last
    monitor.leave(problem, t, x)


def _measured(
    problem: Problem, monitor: Monitor, t: Row, x: State, due: Flags, now: Progress
) -> tuple[Row, Row]:
    """Stiffness, measured for the columns that are due, and the steps since it was measured."""
    apart = np.ndim(due) > 0
    rates = monitor.measure(problem, t, x[:, due] if apart else x)
    if not np.all(np.isfinite(rates)):
        raise IntegrationError(
            f"the stiffness is not finite at t = {earliest(t):g}: bound phi and its derivatives"
        )
    if not apart:
        return float(np.max(rates)), 0
    rate = np.where(due, 0.0, now.rate)
    rate[due] = rates
    return rate, np.where(due, 0, now.since)


def _stayed(step: Step, taken: Flags) -> Step:
    """The step without those columns that did not take it: theirs had no length."""
    for new, old in zip((step.x1, *step.last), (step.x0, *step.first), strict=True):
        if new is not None and old is not None:
            np.copyto(new, old, where=~taken)
    return step._replace(t1=np.where(taken, step.t1, step.t0))


def require_finite(x: State, t: float) -> None:
    """Raise `IntegrationError` if a state is not finite."""
    if not math.isfinite(x.sum(dtype=np.float64)):
        raise IntegrationError(
            f"the state is not finite at t = {t:g}: shorten dt, or bound the dynamics"
        )
