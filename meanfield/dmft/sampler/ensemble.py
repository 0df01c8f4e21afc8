"""Independent batches: planned, run, averaged with errors, extrapolated in size, tested for drifts.

The average of a batch of M trajectories differs from M → ∞ by b/M.  As many batches of M/4, the
control group, tell b.  The error of a mean holds what is known to be left in it: the effect of the
step, that of finite batches unless it is subtracted, and all of the latter where batches had no
room for matched innovations, so that it does not fall like 1/M.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import stdtrit

from ...common import arguments, cost, seeds
from ...common.arguments import ArgumentError, Array
from ...common.jobs import MOST_WORKERS, bar, results
from ...common.result import Result, coordinate
from .populations import Populations
from .run import SamplerError, SamplerRun, SamplerSetting

# Batches of the control group have this many times fewer trajectories, at least so many.
SHRINK, _FEWEST = 4, 16
# Trajectories that every population has in the smallest batches.
_OF_EACH = 3
# Share of a number, or of the largest of a curve, below which an effect of the step is subtracted.
_SMALL = 0.25
# Batches that tell of the step: their differences scatter little.
_PAIRED = 4
# Measured costs: directions that a request has revealed after a time, with the power of that time
# (white noise reveals two in every step); operations for a request, and with each number of the
# revealed vectors, of which there are two a direction; what the control groups add.
_REVEALED, _SLOWER, _OVERHEAD, _OPERATIONS, _VECTORS, _CONTROLS = 20.0, 0.6, 6e6, 30.0, 2.0, 1.5
# How far apart means of batches may be, in units of the root mean square of x, and by chance in
# those of its scatter.
_APART, _SCATTER = 0.5, 8.0
# Probability that a test of convergence fails by chance.
_FALSE_ALARM = 5e-4


class BatchAverages(NamedTuple):
    """What one batch tells of itself."""

    values: dict[str, Array]  # averages over its trajectories
    worst: dict[str, float]  # numbers of which the largest over batches is reported; nan: unknown
    exhausted: bool = False  # see `GaussianOperator.is_exhausted`

    def of(self, place: int) -> BatchAverages:
        """One of the populations, or batches side by side, on first axes."""
        return self._replace(values={name: v[place] for name, v in self.values.items()})


Measure = Callable[[SamplerRun], BatchAverages]


class Group(NamedTuple):
    """Batches of size // `shrink` trajectories; each of the runs of a batch follows the last."""

    runs: Sequence[tuple[SamplerSetting, Measure]]
    shrink: int = 1
    rest: Sequence[tuple[SamplerSetting, Measure]] | None = None  # of all but the first few batches

    def of(self, batch: int) -> Sequence[tuple[SamplerSetting, Measure]]:
        """The runs of one batch."""
        return self.runs if batch < _PAIRED or self.rest is None else self.rest


class ExtrapolationWarning(UserWarning):
    """Finite batches could not be extrapolated: their effect is still in the numbers."""


class BatchEstimate(NamedTuple):
    """A mean over batches, its error, and the parts of it due to finite batches and to the step."""

    value: Array
    err: Array
    finite_m: Array
    step: Array
    step_err: Array

    def corrected(self) -> BatchEstimate:
        """Without the effect of the step as far as it exceeds twice its error.

        The same share of all numbers of a curve.  Half of it, and the rest, are in the error.
        """
        square = np.mean(self.step**2)
        left = beyond(np.sqrt(square), 2 * np.sqrt(np.mean(self.step_err**2)))
        largest = _SMALL * np.max(np.abs(self.value), initial=0.0)
        if not (left > 0 and np.max(np.abs(self.step)) < largest):
            return self
        share = left / square
        rest = beyond((1 - share) * self.step, self.step_err)
        own = self.err**2 - beyond(self.step, self.step_err)
        taken = share**2 * (self.step_err**2 + self.step**2 / 4)
        return self._replace(value=self.value - share * self.step, err=np.sqrt(own + rest + taken))

    def named(self, name: str) -> dict[str, Any]:
        """The parts as fields of a result."""
        parts = zip(PARTS, self, strict=True)
        return {f"{name}{end}": part if part.ndim else float(part) for end, part in parts}


# What follows the name of a quantity in the fields of a result.
PARTS = ("", "_err", "_finite_m", "_step", "_step_err")


class SampledResult(Result):
    """A result whose errors are standard errors over batches, unless it is exact."""

    fractions: Array | None = coordinate(
        "share of the neurons", ("block",), note="Of `Blocks`; else None.", default=None
    )
    # What is exact has a bound.
    _freedom = None


class Ensemble(NamedTuple):
    """Independent batches of equal size, and how they are computed."""

    batches: int
    size: int
    seed: int
    workers: int | None = None
    executor: Any = None
    progress: bool = False
    requests: int = 1  # of the couplings for one of those of a single population
    stack: int = 0  # trajectories of the batches that run side by side, if any do

    @classmethod
    def checked(
        cls,
        n_trajectories: int,
        batches: int,
        seed: seeds.Seed | None,
        workers: int | None = None,
        executor: Any = None,
        progress: bool = False,
        several: Populations | None = None,
    ) -> Ensemble:
        """The ensemble of a call, or what is wrong with its arguments."""
        batches = arguments.count("batches", batches, 2)
        total = arguments.count("n_trajectories", n_trajectories, 1)
        if total < (least := _FEWEST * SHRINK * batches):
            raise ArgumentError(
                f"n_trajectories={total}: must be at least {least} with batches={batches}"
            )
        if workers is not None:
            arguments.count("workers", workers, 1, MOST_WORKERS)
        size = total // batches
        smallest = max(size // SHRINK**2, _FEWEST)
        if several is not None and (fewest := min(several.sized(smallest).sizes)) < _OF_EACH:
            raise ArgumentError(
                f"n_trajectories={total}: must be larger, or batches={batches} fewer: of the "
                f"smallest block, batches of {smallest} have {fewest}"
            )
        own = seeds.entropy(seed)
        requests = 1 if several is None else several.requests
        return cls(batches, size, own, workers, executor, progress, requests)

    def afford(
        self,
        name: str,
        length: float,
        dt: float,
        requests: int,
        *,
        window: float = math.inf,
        noisy: bool = False,
        runs: float = 1.0,
        numbers: float = 0.0,
        kept: float = 0.0,
        seconds: float = 0.0,
    ) -> None:
        """Refuse runs of this length, the argument of that name, if no machine has room for them.

        The operator answers so many `requests` a step; what is measured takes `numbers` and
        `seconds` in a batch, and the result has `kept` numbers.
        """
        steps, requests = length / dt, requests * self.requests
        revealed = 2 * steps if noisy else _REVEALED * min(length, window) ** _SLOWER
        rank = min(requests * revealed, 2 * requests * steps, self.size)
        at_once = min(self.workers or 1, self.batches)
        batch = cost.time_of(steps * requests, _OVERHEAD + _OPERATIONS * rank * self.size) + seconds
        cost.check(
            name, length,
            f"shorten it, raise dt={dt:g}, or take fewer n_trajectories="
            f"{self.size * self.batches} in batches={self.batches}",
            numbers=at_once * (_VECTORS * rank * self.size + numbers) + 2 * steps + kept,
            seconds=runs * _CONTROLS * batch * self.batches / at_once,
        )  # fmt: skip

    def facts(self, is_used: bool = True) -> dict[str, Any]:
        """What the attributes of a result say of it: nothing, where nothing was sampled."""
        used = {
            "n_trajectories": self.size * self.batches, "batches": self.batches,
            "degrees_of_freedom": self.batches - 1, "seed": self.seed,
        }  # fmt: skip
        return used if is_used else dict.fromkeys(used)

    def run(self, label: str, *groups: Group) -> list[list[list[BatchAverages]]]:
        """What batches of every group find: of each of its runs a list over batches."""
        sizes = [max(self.size // group.shrink, min(self.size, _FEWEST)) for group in groups]
        stacks = [
            self._side_by_side(size, self.batches if group.rest is None else _PAIRED)
            for size, group in zip(sizes, groups, strict=True)
        ]
        keys = [
            (number, first)
            for number, count in enumerate(stacks)
            for first in range(0, self.batches, max(count, 1))
        ]
        runs = [groups[number].of(batch) for number, batch in keys]
        lengths = [sum(setting.grid.size for setting, _ in each) for each in runs]
        with bar(sum(lengths), label, self.progress, "step") as shown:
            apart = self.executor is not None or (self.workers or 1) > 1
            # Steps of other processes are counted when their batch is done.
            tick = {} if apart else {"tick": shown.update}
            jobs = [
                partial(
                    _batch, each, sizes[key[0]], self.seed, *key,
                    stack=min(stacks[key[0]], self.batches - key[1]), **tick,
                )
                for key, each in zip(keys, runs, strict=True)
            ]  # fmt: skip
            found = results(
                jobs, workers=self.workers, executor=self.executor,
                tick=lambda number: shown.update(lengths[number] * apart),
            )  # fmt: skip
        return [
            [
                [
                    batch
                    for (owner, _), each in zip(keys, found, strict=True)
                    if owner == number and k < len(each)
                    for batch in each[k]
                ]
                for k in range(len(group.runs))
            ]
            for number, group in enumerate(groups)
        ]

    def _side_by_side(self, size: int, most: int) -> int:
        """Most batches of this size in a stack, all of which are about equal; 0: no stacks."""
        room = max(self.stack // size, 1)
        return math.ceil(most / math.ceil(most / room)) if self.stack else 0

    def alarm(self, text: str, value: float, err: float, allowed: float = 0.0) -> str:
        """The text with the value if that is not compatible with zero, else nothing."""
        limit = -float(stdtrit(self.batches - 1, _FALSE_ALARM / 2))
        return f"{text} {value:.2g} ± {err:.1g}" if abs(value) > limit * err + allowed else ""


def _batch(
    runs: Sequence[tuple[SamplerSetting, Measure]], *run: int, stack: int, **tick: Any
) -> list[list[BatchAverages]]:
    """What each of the runs tells of a batch, or of those of a stack."""
    found: list[list[BatchAverages]] = []
    last: SamplerRun | None = None
    for setting, measure in runs:
        last = SamplerRun(setting, *run, **tick, follows=last, stack=stack)
        try:
            told = measure(last)
        except SamplerError:
            # Twice the step may be too long where the step is not.
            if not found:
                raise
            found.append([BatchAverages({}, {})] * max(stack, 1))
        else:
            found.append([told.of(k) for k in range(stack)] if stack else [told])
    return found


def are_alike(full: Sequence[BatchAverages], small: Sequence[BatchAverages]) -> bool:
    """Whether small batches tell of the finite size of the full ones."""
    # Those that ran out of room for matched innovations are off in another way.
    return not small or len({b.exhausted for b in [*full, *small]}) == 1


def are_crowded(full: Sequence[BatchAverages], small: Sequence[BatchAverages]) -> bool:
    """Whether any batch had no room for matched innovations."""
    return any(b.exhausted for b in [*full, *small])


def unlike(full: Sequence[BatchAverages], small: Sequence[BatchAverages]) -> str:
    """What to say where small batches tell nothing of the full ones."""
    if are_alike(full, small):
        return ""
    return (
        "effect of finite batches not known: batches of M/4 trajectories have no room for matched "
        "innovations as the full ones have; raise n_trajectories"
    )


def mean_and_error(samples: Sequence[Array]) -> tuple[Array, Array]:
    """Mean over independent batches and its standard error."""
    stacked = np.array(samples)
    return stacked.mean(axis=0), stacked.std(axis=0, ddof=1) / np.sqrt(len(stacked))


def combine(
    full: Sequence[Array],
    small: Sequence[Array] = (),
    extrapolate: bool = False,
    *,
    step: tuple[Array, Array] | None = None,
    crowded: bool = False,
    alike: bool = True,
) -> BatchEstimate:
    """Estimate from full batches, extrapolated or not; without small ones `finite_m` is nan.

    `crowded` batches had no room for matched innovations; full and small ones that are not
    `alike` in this do not tell the effect of finite batches, but bound it.
    """
    value, err = mean_and_error(full)
    unknown = np.full_like(value, np.nan)
    finite_m, left = unknown, np.zeros_like(value)
    if len(small):
        control, spread = mean_and_error(small)
        finite_m = (control - value) / (SHRINK - 1)
        noise = np.hypot(err, spread) / (SHRINK - 1)
        left = beyond(finite_m, noise)
        if not alike:
            left, finite_m = finite_m**2, unknown
        elif extrapolate:
            left = finite_m**2 * crowded
            value, err = value - finite_m, np.hypot(SHRINK * err, spread) / (SHRINK - 1)
    effect, effect_err = (unknown, unknown) if step is None else step
    if step is not None:
        left = left + beyond(effect, effect_err)
    return BatchEstimate(value, np.sqrt(err**2 + left), finite_m, effect, effect_err)


def beyond(effect: Array, err: Array) -> Array:
    """Square of an effect without what its own error makes it on average."""
    return np.maximum(effect**2 - err**2, 0.0)


def parted(batches: Sequence[BatchAverages], squares: ArrayLike, size: int) -> str:
    """What to say where the means of x tell that batches are in different states; else empty."""
    means = np.array([batch.values["mean"] for batch in batches])
    apart = np.ptp(means, axis=0) > (_APART + _SCATTER / math.sqrt(size)) * np.sqrt(squares)
    return "batches are in different states, choose one by x0_mean" * bool(np.any(apart))


def by_population(values: Callable[[int], dict[str, Any]], run: SamplerRun) -> dict[str, Array]:
    """What is found of each population, or batch, on first axes; of the only one without them."""
    found = [values(k) for k in range(len(run.populations.sizes))]
    if run.setting.several is None and not run.stack:
        return {name: np.asarray(value) for name, value in found[0].items()}
    return stacked(found)


def stacked(found: Sequence[dict[str, Any]]) -> dict[str, Array]:
    """The same numbers of several populations, on a first axis."""
    return {name: np.array([each[name] for each in found]) for name in found[0]}


def largest(batches: Sequence[BatchAverages]) -> dict[str, float]:
    """The largest of every known number of `BatchAverages.worst`."""
    names = batches[0].worst
    return {name: float(np.fmax.reduce([b.worst[name] for b in batches])) for name in names}
