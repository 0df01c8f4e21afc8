"""The loop over steps: fixed for every scheme, adaptive for the stabilised one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..network import Evaluation, State
from .chebyshev import Chebyshev
from .monitor import Monitor
from .noise import ColumnNoise
from .problem import Problem
from .schemes import Scheme

# Steps between two measurements of the stiffness in the stabilised scheme.
_REFRESH = 20
_SHRINK, _GROW, _AIM = 0.1, 4.0, 0.8


class IntegrationError(RuntimeError):
    """A run that could not go on; `status` is its one-word reason."""

    def __init__(self, status: str, message: str) -> None:
        super().__init__(message)
        self.status = status


class Interval(NamedTuple):
    """One accepted step: times, states and evaluations at both ends."""

    t0: float
    x0: State
    first: Evaluation
    t1: float
    x1: State
    last: Evaluation


def steps(
    problem: Problem,
    scheme: Scheme,
    x: State,
    times: Sequence[float],
    dt: float,
    *,
    monitor: Monitor,
    noise: ColumnNoise,
    tol: float | None = None,
) -> Iterator[Interval]:
    """Advance `x` through the segments between `times`, yielding every accepted step.

    Parameters
    ----------
    times : sequence of float
        Start, jumps of the parameters, end; each is hit exactly.
    dt : float
        The step; shortened within a segment so that a whole number fits.  With `tol` the first
        trial step.
    monitor : Monitor
        Told of every step.
    tol : float, optional
        Error per step, relative to 1 + |x| in root mean square over neurons, of the worst column;
        needs the stabilised scheme.

    Raises
    ------
    IntegrationError
        If the state stops being finite or the adaptive step vanishes.
    """
    h = dt
    for start, end in pairwise(times):
        segment = problem.segment(end)
        scheme.restart()
        first = segment.evaluate(start, x)
        monitor.enter(segment, start, x)
        if tol is not None and isinstance(scheme, Chebyshev):
            walk = _adaptive(segment, scheme, x, first, start, end, h, tol, monitor, noise)
        else:
            walk = _fixed(segment, scheme, x, first, start, end, dt, monitor, noise)
        for interval in walk:
            x, h = interval.x1, max(h, interval.t1 - interval.t0)
            yield interval


def _fixed(
    problem: Problem,
    scheme: Scheme,
    x: State,
    first: Evaluation,
    start: float,
    end: float,
    dt: float,
    monitor: Monitor,
    noise: ColumnNoise,
) -> Iterator[Interval]:
    count = max(1, int(np.ceil((end - start) / dt - 1e-9)))
    h = (end - start) / count
    for k in range(count):
        t, later = start + k * h, start + (k + 1) * h if k < count - 1 else end
        if isinstance(scheme, Chebyshev) and k % _REFRESH == 0:
            scheme.rate = monitor.measure(problem, t, x)
        moved = scheme.step(problem, t, x, first, h, noise)
        last = problem.evaluate(later, moved)
        require_finite(moved, later)
        monitor.record(problem, later, moved, first, last, x, h)
        yield Interval(t, x, first, later, moved, last)
        x, first = moved, last


def _adaptive(
    problem: Problem,
    scheme: Chebyshev,
    x: State,
    first: Evaluation,
    start: float,
    end: float,
    h: float,
    tol: float,
    monitor: Monitor,
    noise: ColumnNoise,
) -> Iterator[Interval]:
    t, since = start, 0
    scheme.rate = monitor.measure(problem, t, x)
    while t < end:
        h = min(h, scheme.longest_step())
        left = end - t
        if h >= left * (1 - 1e-12):
            h = left
        elif h > left / 2:
            h = left / 2
        if h < 1e-12 * max(1.0, abs(end)):
            raise IntegrationError(
                "step underflow", f"the step fell below rounding at t = {t:g}; raise tol={tol:g}"
            )
        later = end if h == left else t + h
        moved = scheme.step(problem, t, x, first, h, noise)
        last = problem.evaluate(later, moved)
        error = _error_norm(problem, x, moved, scheme.error(x, moved, first, last, h), tol)
        rises = problem.is_gradient_flow(t) and monitor.rises(problem, x, first, moved, last)
        if error <= 1 and not rises:
            monitor.record(problem, later, moved, first, last, x, h)
            yield Interval(t, x, first, later, moved, last)
            t, x, first, since = later, moved, last, since + 1
            h *= min(_GROW, max(_SHRINK, _AIM * max(error, 1e-6) ** (-1 / 3)))
            if since >= _REFRESH:
                scheme.rate, since = monitor.measure(problem, t, x), 0
        else:
            monitor.rejected += 1
            if since:
                scheme.rate, since = monitor.measure(problem, t, x), 0
            factor = _AIM * error ** (-1 / 3) if np.isfinite(error) else _SHRINK
            h *= min(0.5, max(_SHRINK, factor))


def _error_norm(problem: Problem, x: State, moved: State, error: State, tol: float) -> float:
    scale = 1 + np.maximum(np.abs(problem.controlled(x)), np.abs(problem.controlled(moved)))
    ratio = problem.controlled(error) / scale
    worst = float(np.max(np.mean(np.square(ratio, dtype=np.float64), axis=0)))
    return float(np.sqrt(worst)) / tol if np.isfinite(worst) else np.inf


def require_finite(x: State, t: float) -> None:
    """Raise `IntegrationError` if a state is not finite."""
    if not np.isfinite(float(np.sum(x, dtype=np.float64))):
        raise IntegrationError(
            "diverged", f"the state is not finite at t = {t:g}: the step is too long"
        )


def hermite(interval: Interval, t: float) -> NDArray[np.floating]:
    """State at a time inside an interval by cubic Hermite interpolation, error O(h⁴)."""
    h = interval.t1 - interval.t0
    s = (t - interval.t0) / h
    return (
        (1 + 2 * s) * (1 - s) ** 2 * interval.x0
        + s * (1 - s) ** 2 * h * interval.first.drift
        + s * s * (3 - 2 * s) * interval.x1
        + s * s * (s - 1) * h * interval.last.drift
    )
