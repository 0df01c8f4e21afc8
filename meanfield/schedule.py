"""What changes in time: parameters κ(t) and T(t), inputs S(t), and the times at which they jump."""

import inspect
import math
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from .common import arguments, probes
from .common.arguments import ArgumentError, Array

# Share of the time of all samples, or of an input, that is rounding.
_ROUNDING = 1e-9
# Where the rate of an input is measured: distance of neighbours, and number of places.
_NEARBY, _PLACES, _GOLDEN = 1e-4, 24, (math.sqrt(5) - 1) / 2


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


@dataclass(frozen=True, eq=False)
class SampledInput:
    """An input known at given times: between them a straight line, or held.

    Solvers land exactly on the times.

    Parameters
    ----------
    times : (k,) array_like
        Increasing times.
    values : (k,) or (k, n) array_like
        S(t) at these times, one for all neurons or one a neuron.
    held : bool
        Whether values[k] lasts from times[k] until times[k + 1], the last one for ever.
    name : str
        Where it comes from, for records.

    Raises
    ------
    ArgumentError
        If the lengths do not fit, the times do not increase, a number is not finite, or a time is
        asked for that lies before the first or, unless held, after the last.

    Examples
    --------
    >>> from meanfield import SampledInput
    >>> ramp = SampledInput([0, 10], [[0.0, 1.0], [1.0, 3.0]])
    >>> ramp(2.5).tolist()
    [0.25, 1.5]
    >>> steps = SampledInput([0, 1, 2], [0.0, 1.0, 0.5], held=True)
    >>> float(steps(1.9)), float(steps(7))
    (1.0, 0.5)
    """

    times: ArrayLike
    values: ArrayLike
    held: bool = False
    name: str = ""

    def __post_init__(self) -> None:
        arguments.check_fields(self)
        times, values = arguments.axis("times", self.times), arguments.array("values", self.values)
        if times.size < 2:
            raise ArgumentError(f"times of length {times.size}: must be two at least")
        if values.ndim not in (1, 2) or len(values) != times.size:
            raise ArgumentError(
                f"values of shape {values.shape}: expected ({times.size},) or ({times.size}, n)"
            )
        object.__setattr__(self, "times", times)
        object.__setattr__(self, "values", values)

    def __call__(self, t: float) -> Any:
        """S(t), a number or (n,)."""
        times, values = np.asarray(self.times), np.asarray(self.values)
        first, last = times[[0, -1]]
        # The end of a run may be that of the samples but for rounding.
        slack = _ROUNDING * (last - first)
        if t < first - slack or (t > last + slack and not self.held):
            raise ArgumentError(
                f"inputs: known from t = {first:g} to {last:g}, asked for at t = {t:g}"
            )
        place = max(int(np.searchsorted(times, t, side="right")) - 1, 0)
        if self.held or place == times.size - 1:
            return values[place]
        share = (t - times[place]) / (times[place + 1] - times[place])
        return values[place] + share * (values[place + 1] - values[place])


# S(t), or S(t, u) with u uniform on (0, 1), one a neuron.
Inputs = ArrayLike | Callable[..., ArrayLike]


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


class Drive:
    """A checked input of neurons or trajectories, as a function of time."""

    def __init__(self, inputs: Inputs, t_max: float, uniform: Callable[[], Array]) -> None:
        self.inputs = inputs if callable(inputs) else arguments.array("inputs", inputs)
        self._u = uniform() if takes_phases(inputs) else None
        if self._u is not None:
            self._u.flags.writeable = False
        # Whether it is smooth between times that are known.
        known = Switching, SampledInput
        self.is_piecewise = not callable(inputs) or isinstance(inputs, known)
        for t in (0.0, 0.37 * t_max, before(t_max, t_max)):
            self.at(max(t, 0.0))
        self.rate = 0.0 if self.is_piecewise else self._turning(t_max)

    def _turning(self, t_max: float) -> float:
        """Angular frequency of a function of t: √(S″/S), of the median S″, so that jumps pass."""
        nearby = _NEARBY * min(1.0, t_max)
        places = (np.arange(1, _PLACES + 1) * _GOLDEN % 1) * (t_max - 2 * nearby) + nearby
        each = [[np.ravel(self.at(t + k * nearby)) for k in (-1, 0, 1)] for t in places.tolist()]
        if len({one.shape for row in each for one in row}) > 1:
            # Told where it is met.
            return 0.0
        around = np.array(each, dtype=float)
        bend = np.median(np.mean((around[:, 0] - 2 * around[:, 1] + around[:, 2]) ** 2, axis=1))
        spread = float(np.mean((around[:, 1] - around[:, 1].mean(axis=0)) ** 2))
        if spread <= (_ROUNDING * float(np.max(np.abs(around)))) ** 2:
            return 0.0
        return (float(bend) / spread) ** 0.25 / nearby

    @property
    def longest_step(self) -> float:
        """Step beyond which the input is not followed: about six in its period."""
        return 1 / self.rate if self.rate else math.inf

    @property
    def suggested_step(self) -> float:
        """Step at which little of it is lost: about 25 in its period."""
        return self.longest_step / 4

    def at(self, t: float) -> NDArray[Any]:
        """S(t) as it is given."""
        if not callable(self.inputs):
            return np.asarray(self.inputs)
        name, more = f"inputs(t={t:g})", () if self._u is None else (self._u,)
        drive = arguments.real(name, probes.answer(name, self.inputs, t, *more))
        if not np.isfinite(drive).all():
            raise ArgumentError(f"{name}: must be finite")
        return drive

    def __call__(self, t: float, shape: tuple[int, ...], dtype: DTypeLike = float) -> NDArray[Any]:
        """S(t) for states (n,) or (n, batch), not to be written to."""
        drive = self.at(t).astype(dtype, copy=False)
        if drive.ndim == 1 and len(shape) == 2:
            drive = drive[:, None]
        try:
            return drive if drive.shape == shape else np.broadcast_to(drive, shape)
        except ValueError:
            each = f"({shape[0]},)" + f" or {shape}" * (len(shape) > 1)
            raise ArgumentError(
                f"inputs(t={t:g}) of shape {self.at(t).shape}: expected a number, {each}"
            ) from None


def takes_phases(inputs: object) -> bool:
    """Whether an input is a function of t and u."""
    if not callable(inputs):
        return False
    try:
        parameters = inspect.signature(inputs).parameters.values()
    except (TypeError, ValueError):
        return False
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return sum(p.kind in positional and p.default is p.empty for p in parameters) > 1


def jumps(schedule: object) -> Sequence[float]:
    """Times at which a schedule or an input is known to jump, or to turn."""
    if isinstance(schedule, SampledInput):
        return np.asarray(schedule.times, dtype=float).tolist()
    return schedule.times if isinstance(schedule, Switching) else ()


def breakpoints(t_max: float, *schedules: object, extra: Sequence[float] = ()) -> list[float]:
    """0, the switch times inside (0, t_max) of all schedules and `extra` ones, t_max."""
    inside = {float(t) for s in schedules for t in jumps(s)}
    inside |= {arguments.finite("switch_times", t) for t in extra}
    breaks = [0.0]
    # Times that differ by rounding are one, the last, at which all have jumped; a segment of that
    # length could not be stepped through.
    slack = 1e-12 * t_max
    for t in sorted(inside):
        if slack < t < t_max - slack:
            if len(breaks) > 1 and t <= breaks[-1] + slack:
                breaks.pop()
            breaks.append(t)
    return [*breaks, t_max]


def before(t: float, end: float) -> float:
    """The time at which a step that ends at `end` reads its parameters: never the jump itself."""
    return min(t, math.nextafter(end, -math.inf))


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
