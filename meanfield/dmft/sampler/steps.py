"""The effect of the step: the same trajectories at two steps.

Averages at steps h and 2h of a scheme of order 2 differ from h → 0 by a and 4a.  A run at the
longer step that meets the couplings, the start and the noise of one at the shorter step differs
from it by little else, so a few trajectories tell a.

Twice the step of the run is stable where the leak is the fastest rate.  With u = Jᵀψ the step is
often close to the longest stable one: there half the step is compared with the step.
"""

import math
import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...common.arguments import Array
from .ensemble import (
    SHRINK,
    BatchAverages,
    BatchEstimate,
    Ensemble,
    ExtrapolationWarning,
    Group,
    Measure,
    are_alike,
    are_crowded,
    combine,
    mean_and_error,
    stacked,
    unlike,
)
from .populations import Populations
from .run import SamplerSetting

_LOST = "a run at twice the step did not stay finite, what the step does is not known: shorten dt"


class Pair(NamedTuple):
    """Batches at two steps, the same ones in the same order."""

    short: list[BatchAverages]
    long: list[BatchAverages]
    doubles: bool  # whether the run has the short step, not the long one
    factor: float  # effect at the step of the run in the difference of the two

    def effect(self, of: Callable[[BatchAverages], Array | None]) -> tuple[Array, Array]:
        """The effect of the step and its standard error; nan where a run at 2h was lost."""
        pairs = [(of(a), of(b)) for a, b in zip(self.short, self.long, strict=True)]
        known = [b - a for a, b in pairs if a is not None and b is not None]
        if len(known) < len(pairs):
            shape = next((np.shape(a) for a, _ in pairs if a is not None), ())
            return np.full(shape, np.nan), np.full(shape, np.nan)
        value, err = mean_and_error(known)
        return self.factor * value, self.factor * err


class Sampled(NamedTuple):
    """The batches of a run, of its control group, and pairs of them at two steps."""

    full: list[BatchAverages]
    small: list[BatchAverages]  # none where their effect is ignored
    pair: Pair | None
    half: Sequence[BatchAverages] = ()  # small ones with half the window, if any

    def estimate(
        self,
        of: Callable[[BatchAverages], Array | None],
        extrapolate: bool,
        step: tuple[Array, Array] | None = None,
    ) -> BatchEstimate:
        """Estimate of what batches tell, or small ones lack; `step`: its effect, if not plain."""
        if (
            step is None
            and self.pair is not None
            and any(of(b) is not None for b in self.pair.short)
        ):
            step = self.pair.effect(of)
        many, few = ([v for b in group if (v := of(b)) is not None] for group in self[:2])
        return combine(
            many, few, extrapolate, step=step, crowded=are_crowded(*self[:2]),
            alike=are_alike(*self[:2]),
        )  # fmt: skip

    def not_done(self, extrapolate: bool, depth: int = 5) -> str:
        """Why finite batches, or the step, tell nothing; warns, so deep, if extrapolation fails."""
        text = unlike(*self[:2])
        if text and extrapolate:
            warnings.warn(text, ExtrapolationWarning, stacklevel=depth)
        lost = self.pair is not None and not all(
            b.values for b in (*self.pair.short, *self.pair.long)
        )
        return "; ".join(filter(None, [text, _LOST * lost]))


def each_population(
    several: Populations | None,
    size: int,
    found: Sampled,
    estimate: Callable[[Sampled, int], tuple[dict[str, Any], str]],
) -> tuple[dict[str, Any], str]:
    """Estimates and what is wrong with them, of each of several populations on a first axis."""
    if several is None:
        return estimate(found, size)

    def own(batches: Sequence[BatchAverages], k: int) -> list[BatchAverages]:
        return [batch.of(k) for batch in batches]

    told = []
    for k, part in enumerate(several.sized(size).sizes):
        pair = found.pair
        pair = pair and pair._replace(short=own(pair.short, k), long=own(pair.long, k))
        full, small, half = (own(group, k) for group in (found.full, found.small, found.half))
        told.append(estimate(Sampled(full, small, pair, half), part))
    text = "; ".join(f"block {k}: {text}" for k, (_, text) in enumerate(told) if text)
    return stacked([numbers for numbers, _ in told]), text


def _local_errors(grid: Array) -> float:
    """Their sum for Adams–Bashforth steps of order 2, h²(2h + 3h₋) each, but for a factor."""
    h = np.diff(grid)
    before = np.concatenate([h[:1], h[:-1]])
    return float(np.sum(h * h * (2 * h + 3 * before)))


def every_second(grid: Array, times: ArrayLike) -> NDArray[np.intp]:
    """Places of every second time of the grid between given ones of it, and of these."""
    ends = np.searchsorted(grid, times)
    parts = [np.arange(a, b, 2) for a, b in pairwise(ends)]
    return np.concatenate([*parts, ends[-1:]])


def sampled(
    ensemble: Ensemble,
    label: str,
    setting: SamplerSetting,
    full: Measure,
    small: Callable[[NDArray[np.intp], bool, bool], Measure] | None = None,
    *more: tuple[SamplerSetting, Measure],
    marks: ArrayLike | None = None,
) -> tuple[Sampled, list[list[BatchAverages]]]:
    """All batches of a run, and of further settings in small ones.

    `small(places, is_control, is_paired)` measures in small batches; `places` says where on their
    grid the times of the grid of the run are, −1 where one is not; some batches are of the control
    group, some are compared at two steps, and some both.  `marks` are times of the grid, 0, t_max
    and those of the setting among them, that twice the step lands on; default the latter.
    """
    grid, model = setting.grid, setting.model
    same = np.arange(grid.size)
    groups = [Group([(setting, full)])]
    factor = 4 / 3
    setting = replace(setting, watched=False)
    if small is not None:
        control = setting, small(same, True, True)
        alone = setting, small(same, True, False)
        if model.psi is not None and any(model.has_u(float(t)) for t in grid):
            finer = np.sort(np.concatenate([grid, (grid[1:] + grid[:-1]) / 2]))
            halved = replace(setting, grid=finer), small(2 * same, False, True)
            again = replace(setting, noise_grid=finer), small(same, False, True)
            groups += [Group([alone], SHRINK), Group([halved, again], SHRINK**2, [])]
        else:
            kept = every_second(grid, setting.times if marks is None else marks)
            places = np.full(grid.size, -1)
            places[kept] = np.arange(kept.size)
            # Single steps are between the double ones.
            longer = _local_errors(grid[kept]) / _local_errors(grid)
            factor = 1 / (longer - 1) if longer > 1 else math.nan
            doubled = replace(setting, grid=grid[kept], noise_grid=grid), small(places, False, True)
            # Side by side more of them cost little.
            groups.append(Group([control, doubled], SHRINK, None if ensemble.stack else [alone]))
    groups += [Group([each], SHRINK) for each in more]
    found = ensemble.run(label, *groups)
    others = [group[0] for group in found[len(found) - len(more) :]] if more else []
    if small is None:
        return Sampled(found[0][0], [], None), others
    is_halved = len(groups) - len(more) == 3
    short, long = found[2 if is_halved else 1]
    pair = Pair(short[: len(long)], long, not is_halved, factor)
    return Sampled(found[0][0], found[1][0], pair), others


def between(known: Array, at: Array) -> Array:
    """The matrix that interpolates linearly from increasing places to others."""
    return np.array([np.interp(at, known, unit) for unit in np.eye(known.size)]).T
