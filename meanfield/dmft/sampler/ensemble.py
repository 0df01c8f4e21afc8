"""Independent batches: planned, run, averaged with errors, extrapolated in size, tested for drifts.

The average of a batch of M trajectories differs from M → ∞ by b/M.  As many batches of M/4, the
control group, tell b.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from itertools import product
from typing import Any, NamedTuple

import numpy as np
from scipy.special import stdtrit

from ...common import arguments, seeds
from ...common.arguments import Array
from ...common.jobs import bar, results
from .run import SamplerRun, SamplerSetting

# Batches of the control group have this many times fewer trajectories, at least so many.
SHRINK, _FEWEST = 4, 16
# Probability that a test of convergence fails by chance.
_FALSE_ALARM = 5e-4


class BatchAverages(NamedTuple):
    """What one batch tells of itself."""

    values: dict[str, Array]  # averages over its trajectories
    worst: dict[str, float]  # numbers of which the largest over batches is reported; nan: unknown
    exhausted: bool = False  # see `GaussianOperator.is_exhausted`


_Group = tuple[SamplerSetting, Callable[[SamplerRun], BatchAverages]]


class BatchEstimate(NamedTuple):
    """A mean over batches, its standard error, and the part of it due to finite batches."""

    value: Array
    err: Array
    finite_m: Array

    def named(self, name: str) -> dict[str, Any]:
        """The three as fields of a result."""
        fields = {name: self.value, f"{name}_err": self.err, f"{name}_finite_m": self.finite_m}
        return {key: part if part.ndim else float(part) for key, part in fields.items()}


class Ensemble(NamedTuple):
    """Independent batches of equal size, and how they are computed."""

    batches: int
    size: int
    seed: int
    workers: int | None = None
    executor: Any = None
    progress: bool = False

    @classmethod
    def checked(
        cls,
        n_trajectories: int,
        batches: int,
        seed: int | None,
        workers: int | None = None,
        executor: Any = None,
        progress: bool = False,
    ) -> Ensemble:
        """The ensemble of a call, or what is wrong with its arguments."""
        batches = arguments.count("batches", batches, 2)
        total = arguments.count("n_trajectories", n_trajectories, _FEWEST * SHRINK * batches)
        if workers is not None:
            arguments.count("workers", workers, 1)
        size = total // batches
        return cls(batches, size, seeds.entropy(seed), workers, executor, progress)

    def facts(self, is_used: bool = True) -> dict[str, Any]:
        """What the attributes of a result say of it: nothing, where nothing was sampled."""
        used = {
            "n_trajectories": self.size * self.batches, "batches": self.batches, "seed": self.seed
        }  # fmt: skip
        return used if is_used else dict.fromkeys(used)

    def run(self, label: str, full: _Group, *small: _Group) -> list[list[BatchAverages]]:
        """What a group of full and groups of small batches find, each with what it measures."""
        groups = (full, *small)
        steps = self.batches * sum(setting.grid.size for setting, _ in groups)
        keys = list(product(range(len(groups)), range(self.batches)))
        with bar(steps, label, self.progress, "step") as shown:
            apart = self.executor is not None or (self.workers or 1) > 1
            # Steps of other processes are counted when their batch is done.
            tick = {} if apart else {"tick": shown.update}
            sizes = [self.size // SHRINK if group else self.size for group, _ in keys]
            jobs = [
                partial(_batch, *groups[key[0]], size, self.seed, *key, **tick)
                for key, size in zip(keys, sizes, strict=True)
            ]
            found = results(
                jobs, workers=self.workers, executor=self.executor,
                tick=lambda number: shown.update(groups[keys[number][0]][0].grid.size * apart),
            )  # fmt: skip
        return [found[k : k + self.batches] for k in range(0, len(found), self.batches)]

    def alarm(self, text: str, value: float, err: float, allowed: float = 0.0) -> str:
        """The text with the value if that is not compatible with zero, else nothing."""
        limit = -float(stdtrit(self.batches - 1, _FALSE_ALARM / 2))
        return f"{text} {value:.2g} ± {err:.1g}" if abs(value) > limit * err + allowed else ""


def _batch(
    setting: SamplerSetting,
    measure: Callable[[SamplerRun], BatchAverages],
    *run: int,
    **tick: Any,
) -> BatchAverages:
    return measure(SamplerRun(setting, *run, **tick))


def are_alike(full: Sequence[BatchAverages], small: Sequence[BatchAverages]) -> bool:
    """Whether small batches tell of the finite size of the full ones."""
    # Those that ran out of room for matched innovations are off in another way.
    return not small or len({b.exhausted for b in [*full, *small]}) == 1


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


def combine(full: Sequence[Array], small: Sequence[Array], extrapolate: bool) -> BatchEstimate:
    """Estimate from full batches, extrapolated or not; without small ones `finite_m` is nan."""
    value, err = mean_and_error(full)
    if not len(small):
        return BatchEstimate(value, err, np.full_like(value, np.nan))
    control, spread = mean_and_error(small)
    finite_m = (control - value) / (SHRINK - 1)
    if extrapolate:
        value, err = value - finite_m, np.hypot(SHRINK * err, spread) / (SHRINK - 1)
    return BatchEstimate(value, err, finite_m)


def combine_named(
    names: Iterable[str],
    full: Sequence[BatchAverages],
    small: Sequence[BatchAverages],
    extrapolate: bool,
) -> dict[str, BatchEstimate]:
    """Estimates of values that small batches may lack, or of which they may tell nothing."""
    control = small if are_alike(full, small) else []
    return {
        name: combine(
            [batch.values[name] for batch in full],
            [batch.values[name] for batch in control if name in batch.values],
            extrapolate,
        )
        for name in names
    }


def largest(batches: Sequence[BatchAverages]) -> dict[str, float]:
    """The largest of every known number of `BatchAverages.worst`."""
    names = batches[0].worst
    return {name: float(np.fmax.reduce([b.worst[name] for b in batches])) for name in names}
