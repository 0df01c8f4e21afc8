"""The loop over steps, for every scheme and every problem, and the two ways to choose a step."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np

from meanfield.common.arguments import ArgumentError
from meanfield.schedule import step_count

from ..network import State
from .monitor import Monitor
from .problem import Problem, Step
from .schemes import Memory, Move, Scheme

# Steps between two measurements of the stiffness in a scheme that fits itself to it.
_REFRESH = 20
_SHRINK, _GROW, _AIM = 0.1, 4.0, 0.8


class IntegrationError(RuntimeError):
    """A run that could not go on, with the reason and what to change."""


class FixedSteps:
    """A whole number of equal steps, dt or shorter, in each segment."""

    tol = None

    def __init__(self, dt: float) -> None:
        self._dt = dt

    def enter(self, start: float, end: float) -> None:
        """A segment begins."""
        count = step_count(start, end, self._dt)
        h = self._h = (end - start) / count
        self._ends = (start + k * h if k < count else end for k in range(1, count + 1))

    def propose(self, t: float, problem: Problem) -> tuple[float, float]:
        """End and length of the next step."""
        return next(self._ends), self._h

    def accepts(self, step: Step, move: Move, monitor: Monitor) -> bool:
        """Whether the step is taken, as the next proposal will know: always, if it is finite."""
        require_finite(step.x1, step.t1)
        return True


class AdaptiveSteps:
    """Steps of an error `tol` each, relative to 1 + |x|, which end at save times."""

    # Saved states are then states of the scheme: interpolation between long steps would amplify the
    # error of stiff directions.

    def __init__(self, scheme: Scheme, dt: float, tol: float, saves: Sequence[float]) -> None:
        assert scheme.error_order is not None
        self._name, self._power = scheme.name, -1 / scheme.error_order
        self._longest_step = scheme.longest_step
        self.tol, self._saves, self._longest = tol, saves, dt

    def enter(self, start: float, end: float) -> None:
        """See `FixedSteps`."""
        self._stops = [end, *(s for s in reversed(self._saves) if start < s < end)]
        self._next = self._longest

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
        if h < 1e-12 * max(1.0, abs(end)) and h < left:
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
        if error <= 1 and not rises:
            self._longest = max(self._longest, step.t1 - step.t0)
            factor = _AIM * max(error, 1e-6) ** self._power
            self._next = self._h * min(_GROW, max(_SHRINK, factor))
            if step.t1 >= self._stops[-1]:
                self._stops.pop()
                # A stop says nothing against the step that was wanted before it.
                self._next = max(self._next, self._wanted)
            return True
        factor = _AIM * error**self._power if np.isfinite(error) else _SHRINK
        self._next = self._h * min(0.5, max(_SHRINK, factor))
        return False


StepControl = FixedSteps | AdaptiveSteps


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
) -> Iterator[Step]:
    """Every accepted step of `x` through the segments between `times`, each hit exactly."""
    memory = Memory()
    for start, end in pairwise(times):
        # Parameters, or the state itself between two steps, may have jumped.
        memory = memory._replace(past=None)
        problem = replace(problem, end=end)
        t, first = start, problem.evaluate(start, x)
        monitor.enter(problem, start, x)
        control.enter(start, end)
        since = _REFRESH
        while t < end:
            if scheme.longest_step is not None and since >= _REFRESH:
                problem, since = replace(problem, rate=monitor.measure(problem, t, x)), 0
            later, h = control.propose(t, problem)
            move = scheme.step(problem, t, x, first, h, memory)
            replaced = problem.arrived(later, move.x)
            moved = move.x if replaced is None else replaced
            last = problem.evaluate(later, moved)
            step = Step(problem, t, x, first, later, moved, last)
            if not control.accepts(step, move, monitor):
                monitor.n_rejected += 1
                # The same state twice has the same stiffness.
                since = _REFRESH if since else 0
                continue
            monitor.record(step)
            yield step
            memory = move.memory if replaced is None else move.memory._replace(past=None)
            t, x, first, since = later, moved, last, since + 1
    monitor.leave(problem, t, x)


def require_finite(x: State, t: float) -> None:
    """Raise `IntegrationError` if a state is not finite."""
    if not np.isfinite(float(np.sum(x, dtype=np.float64))):
        raise IntegrationError(
            f"the state is not finite at t = {t:g}: shorten dt, or bound the dynamics"
        )
