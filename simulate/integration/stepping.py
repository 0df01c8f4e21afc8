"""The loop over steps: fixed for every scheme, adaptive for the stabilised one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from meanfield.common.arguments import ArgumentError
from meanfield.schedule import step_count

from ..network import Evaluation, State
from .chebyshev import Chebyshev
from .monitor import Monitor
from .noise import ColumnNoise
from .problem import Interval, Problem
from .schemes import Scheme

# Steps between two measurements of the stiffness in the stabilised scheme.
REFRESH = 20
_SHRINK, _GROW, _AIM = 0.1, 4.0, 0.8
# A save time this close to a step, in steps, is that step.
ON_STEP = 1e-6


class IntegrationError(RuntimeError):
    """A run that could not go on; `status` is its one-word reason."""

    def __init__(self, status: str, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True)
class Stepper:
    """The loop over steps.

    Parameters
    ----------
    scheme : Scheme
    monitor : Monitor
        Told of every step.
    noise : ColumnNoise
    dt : float
        The step; shortened within a segment so that a whole number fits.  With `tol` the first
        trial step.
    tol : float, optional
        Error per step, relative to 1 + |x| in root mean square over neurons, of the worst column;
        needs the stabilised scheme.
    """

    scheme: Scheme
    monitor: Monitor
    noise: ColumnNoise
    dt: float
    tol: float | None = None

    def steps(
        self, problem: Problem, x: State, times: Sequence[float], saves: Sequence[float] = ()
    ) -> Iterator[Interval]:
        """Advance `x` through the segments between `times`, yielding every accepted step.

        Parameters
        ----------
        times : sequence of float
            Start, jumps of the parameters, end; each is hit exactly.
        saves : sequence of float
            Increasing times at which adaptive steps end too, so that saved states are states of the
            scheme: interpolation between long steps would amplify the error of stiff directions.

        Raises
        ------
        IntegrationError
            If the state stops being finite or the adaptive step vanishes.
        """
        h = self.dt
        for start, end in pairwise(times):
            segment = problem.segment(end)
            self.scheme.restart()
            first = segment.evaluate(start, x)
            self.monitor.enter(segment, start, x)
            if self.tol is not None and isinstance(self.scheme, Chebyshev):
                stops = [start, *(s for s in saves if start < s < end), end]
                walk = self._adaptive(segment, x, first, stops, h)
            else:
                walk = self._fixed(segment, x, first, start, end)
            for interval in walk:
                x, h = interval.x1, max(h, interval.t1 - interval.t0)
                yield interval

    def _fixed(
        self, problem: Problem, x: State, first: Evaluation, start: float, end: float
    ) -> Iterator[Interval]:
        count = step_count(start, end, self.dt)
        h = (end - start) / count
        for k in range(count):
            t, later = start + k * h, start + (k + 1) * h if k < count - 1 else end
            if isinstance(self.scheme, Chebyshev) and k % REFRESH == 0:
                self.scheme.rate = self.monitor.measure(problem, t, x)
            moved = self.scheme.step(problem, t, x, first, h, self.noise)
            last = problem.evaluate(later, moved)
            require_finite(moved, later)
            interval = Interval(problem, t, x, first, later, moved, last)
            self.monitor.record(interval)
            yield interval
            x, first = moved, last

    def _adaptive(
        self, problem: Problem, x: State, first: Evaluation, stops: list[float], h: float
    ) -> Iterator[Interval]:
        scheme, monitor, tol = self.scheme, self.monitor, self.tol
        assert isinstance(scheme, Chebyshev)
        assert tol is not None
        following = iter(stops)
        t, end, since = next(following), next(following), 0
        scheme.rate = monitor.measure(problem, t, x)
        while True:
            wanted = h = min(h, scheme.longest_step(), problem.longest_step)
            left = end - t
            if h >= left * (1 - 1e-12):
                h = left
            elif h > left / 2:
                h = left / 2
            if h < 1e-12 * max(1.0, abs(end)) and h < left:
                raise IntegrationError(
                    "step underflow",
                    f"the step fell below rounding at t = {t:g}; raise tol={tol:g}",
                )
            later = end if h == left else t + h
            moved = scheme.step(problem, t, x, first, h, self.noise)
            last = problem.evaluate(later, moved)
            estimate = scheme.error(x, moved, first, last, h)
            error = problem.relative_error(x, moved, estimate) / tol
            rises = problem.is_gradient_flow(t) and monitor.rises(problem, x, first, moved, last)
            if error <= 1 and not rises:
                interval = Interval(problem, t, x, first, later, moved, last)
                monitor.record(interval)
                yield interval
                t, x, first, since = later, moved, last, since + 1
                h *= min(_GROW, max(_SHRINK, _AIM * max(error, 1e-6) ** (-1 / 3)))
                if t >= end:
                    # A stop says nothing against the step that was wanted before it.
                    h = max(h, wanted)
                    if (end := next(following, np.inf)) == np.inf:
                        return
                if since >= REFRESH:
                    scheme.rate, since = monitor.measure(problem, t, x), 0
            else:
                monitor.rejected += 1
                if since:
                    scheme.rate, since = monitor.measure(problem, t, x), 0
                factor = _AIM * error ** (-1 / 3) if np.isfinite(error) else _SHRINK
                h *= min(0.5, max(_SHRINK, factor))

    def state_between(self, interval: Interval, t: float) -> State:
        """State at a time inside an interval.

        The stabilised scheme makes a shorter step: cubic interpolation would amplify the error of
        stiff directions, h λ times in the drift, and raise E.  The others are interpolated
        (Hermite, O(h⁴)).
        """
        problem, start, x0, first, end, x1, last = interval
        if isinstance(self.scheme, Chebyshev):
            return self.scheme.step(problem, start, x0, first, t - start, self.noise)
        h = end - start
        s = (t - start) / h
        return (
            (1 + 2 * s) * (1 - s) ** 2 * x0
            + s * (1 - s) ** 2 * h * first.drift
            + s * s * (3 - 2 * s) * x1
            + s * s * (s - 1) * h * last.drift
        )


def require_finite(x: State, t: float) -> None:
    """Raise `IntegrationError` if a state is not finite."""
    if not np.isfinite(float(np.sum(x, dtype=np.float64))):
        raise IntegrationError(
            "diverged",
            f"the state is not finite at t = {t:g}: the step is too long or the dynamics unbounded",
        )


def check_noisy_saves(problem: Problem, times: Sequence[float], dt: float, saves: State) -> None:
    """Refuse save times between the steps of noisy segments: the path is not known there.

    Raises
    ------
    ArgumentError
    """
    for start, end in pairwise(times):
        h = (end - start) / step_count(start, end, dt)
        segment = problem.segment(end)
        for save in saves[(saves > start) & (saves < end)]:
            place = (save - start) / h
            if abs(place - round(place)) <= ON_STEP:
                continue
            if segment.noise_strength(start + h * np.floor(place)):
                raise ArgumentError(
                    f"save_at={save:g}: a noisy run is known at its steps only, multiples of {h:g} "
                    f"after t = {start:g} here"
                )
