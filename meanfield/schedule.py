"""Parameters that change in time: κ(t) and T(t), with the times at which they jump."""

import math
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from .common import arguments, probes
from .common.arguments import ArgumentError, Array


@dataclass(frozen=True)
class Switching:
    """A piecewise constant function of time; solvers land exactly on its switch times.

    Parameters
    ----------
    times : sequence of float
        Increasing switch times.
    values : sequence of float
        One more than `times`: values[0] before times[0], values[k] from times[k − 1] on.

    Raises
    ------
    ArgumentError
        If the lengths do not fit, the times do not increase, or a number is not finite.

    Examples
    --------
    [HH] Fig. 2(a): the Onsager-reaction force on between t = 100 and t = 200.

    >>> from meanfield import Switching
    >>> onsager = Switching([100, 200], [0, 1, 0])
    >>> onsager(99.9), onsager(100), onsager(200)
    (0.0, 1.0, 0.0)
    """

    times: Sequence[float]
    values: Sequence[float]

    def __post_init__(self) -> None:
        arguments.check_fields(self)
        times = tuple(arguments.finite("times", t) for t in self.times)
        values = tuple(arguments.finite("values", v) for v in self.values)
        if len(values) != len(times) + 1:
            raise ArgumentError(
                f"values of length {len(values)}: expected {len(times) + 1}, one more than times"
            )
        if any(later <= earlier for earlier, later in pairwise(times)):
            raise ArgumentError(f"times={list(times)}: must increase")
        object.__setattr__(self, "times", times)
        object.__setattr__(self, "values", values)

    def __call__(self, t: float) -> float:
        """Value at time t, continuous from the right."""
        return self.values[bisect_right(self.times, t)]


Schedule = float | Switching | Callable[[float], float]


def as_function(
    name: str, schedule: Schedule, t_max: float = 0.0, *, low: float = -math.inf
) -> Callable[[float], float]:
    """The schedule as a function of time with finite values, none below `low`.

    A function of a user is tried at once, at three times in [0, t_max).
    """

    def valid(label: str, value: float) -> float:
        number = arguments.finite(label, value)
        if number < low:
            raise ArgumentError(f"{label}={number:g}: must be >= {low:g}")
        return number

    if isinstance(schedule, Switching):
        for value in schedule.values:
            valid(name, value)
        return schedule
    if not callable(schedule):
        return Switching((), (valid(name, schedule),))

    def checked(t: float) -> float:
        label = f"{name}(t={t:g})"
        return valid(label, probes.answer(label, schedule, t))

    for t in (0.0, 0.37 * t_max, before(t_max, t_max)):
        checked(max(t, 0.0))
    return checked


def breakpoints(t_max: float, *schedules: object, extra: Sequence[float] = ()) -> list[float]:
    """0, the switch times inside (0, t_max) of all schedules and `extra` ones, t_max."""
    inside = {float(t) for s in schedules if isinstance(s, Switching) for t in s.times}
    inside |= {arguments.finite("switch_times", t) for t in extra}
    breaks = [0.0]
    # Times that differ by rounding are one; a segment of that length could not be stepped through.
    slack = 1e-12 * t_max
    for t in sorted(inside):
        if breaks[-1] + slack < t < t_max - slack:
            breaks.append(t)
    return [*breaks, t_max]


def before(t: float, end: float) -> float:
    """The time at which a step that ends at `end` reads its parameters: never the jump itself."""
    return min(t, float(np.nextafter(end, -np.inf)))


def step_times(times: Sequence[float], dt: float, every: int = 1) -> Array:
    """0 and the ends of every `every`-th step of each segment, and of the segments."""
    parts: list[Array] = [np.zeros(1)]
    for start, end in pairwise(times):
        count = step_count(start, end, dt)
        number = np.arange(1, count + 1, dtype=np.float64)
        ends = start + number * ((end - start) / count)
        ends[-1] = end
        parts.append(ends[(number % every == 0) | (number == count)])
    return np.concatenate(parts)


def step_count(start: float, end: float, dt: float) -> int:
    """How many steps, dt or shorter, fill a segment."""
    return max(1, math.ceil((end - start) / dt - 1e-9))
