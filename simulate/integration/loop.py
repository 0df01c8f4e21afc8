"""The loop over steps, for every scheme and every problem, and the two ways to choose a step."""

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

import numpy as np

from meanfield.common.arguments import ArgumentError
from meanfield.schedule import step_count

from ..network import State, at_work, largest_rate
from .monitor import Monitor
from .problem import Problem, Step
from .schemes import Memory, Move, Scheme

# Steps between two measurements of the stiffness in a scheme that fits itself to it.
_REFRESH = 20
_SHRINK, _GROW, _AIM = 0.1, 4.0, 0.8
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

    tol = None

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

    def propose(self, t: float, problem: Problem) -> tuple[float, float]:
        """End and length of the next step."""
        return next(self._ends), self._h

    def accepts(self, step: Step, move: Move, monitor: Monitor) -> bool:
        """Whether the step is taken, as the next proposal will know: always, if it is finite."""
        require_finite(step.problem.trajectory(step.x1), step.t1)
        return True


class AdaptiveSteps:
    """Steps of an error `tol` each, relative to 1 + |x|, which end at save times."""

    # Saved states are then states of the scheme: interpolation between long steps would amplify the
    # error of stiff directions.

    def __init__(self, scheme: Scheme, dt: float, tol: float, saves: Sequence[float]) -> None:
        assert scheme.error_order is not None
        self._name, self._power = scheme.name, -1 / scheme.error_order
        self._longest_step = scheme.longest_step
        self.tol, self.saves, self._longest = tol, saves, dt

    def enter(self, start: float, end: float) -> None:
        """See `FixedSteps`."""
        self._next = self._longest
        self.extend(start, end)

    def extend(self, t: float, end: float) -> float | None:
        """See `FixedSteps`; the steps go on."""
        self._stops = [end, *(s for s in reversed(self.saves) if t < s < end)]
        return t

    def propose(self, t: float, problem: Problem) -> tuple[float, float]:
        """See `FixedSteps`."""
        h = min(self._next, problem.longest_step)
        if self._longest_step is not None:
            h = min(h, self._longest_step(problem.rate))
        end = self._stops[-1]
        left = end - t
        self._wanted = h
        if h >= left * (1 - 1e-12):
            h = left
        elif h > left / 2:
            h = left / 2
        if h < 1e-12 * max(1.0, abs(t)) and h < left:
            raise IntegrationError(
                f"the step fell below rounding at t = {t:g}; raise tol={self.tol:g}"
            )
        self._h = h
        return (end if h == left else t + h), h

    def accepts(self, step: Step, move: Move, monitor: Monitor) -> bool:
        """Whether the error is allowed and E does not rise along −∇E."""
        if move.error is None:
            raise ArgumentError(f"method={self._name!r}: has an error_order, its moves no error")
        problem = step.problem
        error = problem.relative_error(step.x0, step.x1, move.error(step.last)) / self.tol
        rises = problem.is_gradient_flow(step.t0) and monitor.rises(step)
        # Of a step that raises E the error may be 0.
        factor = _AIM * max(error, _LEAST_ERROR) ** self._power if np.isfinite(error) else _SHRINK
        if error <= 1 and not rises:
            self._longest = max(self._longest, step.t1 - step.t0)
            self._next = self._h * min(_GROW, max(_SHRINK, factor))
            if step.t1 >= self._stops[-1]:
                self._stops.pop()
                # A stop says nothing against the step that was wanted before it.
                self._next = max(self._next, self._wanted)
            return True
        self._next = self._h * min(0.5, max(_SHRINK, factor))
        return False


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
        reach = scheme.longest_step(rate) if scheme.longest_step else scheme.largest_step(-1.0)
        h = min(reach, longest, problem.longest_step)
    return (end - t) / h * scheme.evaluations(h, rate)


@dataclass
class Progress:
    """What the next step needs of those before, beside the state; `advance` keeps it."""

    memory: Memory = field(default_factory=Memory)
    rate: float = 0.0
    # Steps since the stiffness was measured.
    since: int = _REFRESH
    # Whether the first segment is the one in which the last run ended.
    goes_on: bool = False


def step_control(
    scheme: Scheme, dt: float, tol: float | None, saves: Sequence[float] = ()
) -> StepControl:
    """Adaptive steps where they are asked for and the scheme estimates its error."""
    if tol is None or scheme.error_order is None:
        return FixedSteps(dt)
    return AdaptiveSteps(scheme, dt, tol, saves)


def advance(
    problem: Problem,
    scheme: Scheme,
    control: StepControl,
    monitor: Monitor,
    x: State,
    times: Sequence[float],
    progress: Progress | None = None,
) -> Iterator[Step]:
    """Every accepted step of `x` through the segments between `times`, each hit exactly."""
    now = Progress() if progress is None else progress
    for start, end in pairwise(times):
        problem = replace(problem, end=end, rate=now.rate)
        place = control.extend(start, end) if now.goes_on else None
        if place is None:
            # Parameters, or the state itself between two steps, may have jumped.
            now.memory, now.since = now.memory._replace(past=()), _REFRESH
            control.enter(start, end)
        now.goes_on = False
        t = start if place is None else place
        first = problem.evaluate(t, x)
        monitor.enter(problem, t, x)
        while t < end:
            if scheme.longest_step is not None and now.since >= _REFRESH:
                now.rate, now.since = monitor.measure(problem, t, x), 0
                if not np.isfinite(now.rate):
                    raise IntegrationError(
                        f"the stiffness is not finite at t = {t:g}: bound phi and its derivatives"
                    )
                problem = replace(problem, rate=now.rate)
            later, h = control.propose(t, problem)
            move = scheme.step(problem, t, x, first, h, now.memory)
            replaced = problem.arrived(later, move.x)
            moved = move.x if replaced is None else replaced
            last = problem.evaluate(later, moved)
            step = Step(problem, t, x, first, later, moved, last)
            if not control.accepts(step, move, monitor):
                monitor.n_rejected += 1
                # The same state twice has the same stiffness.
                now.since = _REFRESH if now.since else 0
                continue
            monitor.record(step)
            now.memory = move.memory if replaced is None else move.memory._replace(past=())
            now.since += 1
            yield step
            t, x, first = later, moved, last
    monitor.leave(problem, t, x)


def require_finite(x: State, t: float) -> None:
    """Raise `IntegrationError` if a state is not finite."""
    if not np.isfinite(float(np.sum(x, dtype=np.float64))):
        raise IntegrationError(
            f"the state is not finite at t = {t:g}: shorten dt, or bound the dynamics"
        )
