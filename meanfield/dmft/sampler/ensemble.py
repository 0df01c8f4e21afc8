"""Independent batches: their mean, its standard error, and the bias of finite batches."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple, TypeVar

import numpy as np
from scipy.stats import t as student

from ...common import arguments, seeds
from ...common.arguments import Array
from ...common.jobs import bar, in_threads

# Batches of the control group have this many times fewer trajectories.
SHRINK = 4
# Probability that a test of convergence fails by chance.
_FALSE_ALARM = 5e-4

T = TypeVar("T")


class Estimate(NamedTuple):
    """A mean over batches, its standard error, and the part of it due to finite batches."""

    value: Array
    error: Array
    bias: Array


class Plan(NamedTuple):
    """Number of batches, trajectories in each, and the seed of all."""

    batches: int
    size: int
    seed: int


def plan(n_trajectories: int, batches: int, seed: int | None, threads: int | None) -> Plan:
    """The checked plan of a sampled result; small batches need 16 trajectories."""
    batches = arguments.count("batches", batches, 2)
    total = arguments.count("n_trajectories", n_trajectories, 16 * SHRINK * batches)
    if threads is not None:
        arguments.count("threads", threads, 1)
    return Plan(batches, total // batches, seeds.entropy(seed))


def run_groups(
    groups: Sequence[Callable[..., T]],
    batches: int,
    steps: int,
    label: str,
    threads: int | None,
    progress: bool,
) -> list[list[T]]:
    """What every group finds in its batches, called with their `key` and a `tick` for each step."""
    with bar(len(groups) * batches * steps, label, progress, "step") as shown:
        jobs = [
            partial(run, key=(group, batch), tick=shown.update)
            for group, run in enumerate(groups)
            for batch in range(batches)
        ]
        found = in_threads(jobs, threads)
    return [found[k : k + batches] for k in range(0, len(found), batches)]


def alarm(batches: int) -> float:
    """Number of standard errors over batches beyond which a zero is not believed: one in 2000."""
    return float(student.isf(_FALSE_ALARM / 2, batches - 1))


def mean_and_error(samples: Sequence[Array]) -> tuple[Array, Array]:
    """Mean over independent batches and its standard error."""
    stacked = np.array(samples)
    return stacked.mean(axis=0), stacked.std(axis=0, ddof=1) / np.sqrt(len(stacked))


def combine(full: Sequence[Array], small: Sequence[Array], extrapolate: bool) -> Estimate:
    """Estimate from full batches, and its bias b/M from batches `SHRINK` times smaller, if any.

    Without small ones the bias is nan; to `extrapolate` is to subtract it, where it is known.
    """
    value, error = mean_and_error(full)
    if not len(small):
        return Estimate(value, error, np.full_like(value, np.nan))
    control, spread = mean_and_error(small)
    bias = (control - value) / (SHRINK - 1)
    if not extrapolate:
        return Estimate(value, error, bias)
    return Estimate(value - bias, np.hypot(SHRINK * error, spread) / (SHRINK - 1), bias)
