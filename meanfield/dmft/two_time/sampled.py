"""Two-time functions from the causal sampler: batches, control group, warnings."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...common.jobs import bar, in_threads
from ...exponential import StepSizeWarning, complaint
from ..sampler.batch import Batch, Task, are_alike, run_batch
from ..sampler.ensemble import SHRINK, Estimate, combine
from ..sampler.sweep import Setting
from .solution import TwoTime

_FULL, _SMALL = 0, 1
# Violation of the balance of ⟨x²⟩ from which a step is called too long.
_BALANCED = 0.1


class Groups(NamedTuple):
    """Full batches and the smaller ones of the control group."""

    full: list[Batch]
    small: list[Batch]


def sample(
    setting: Setting,
    task: Task,
    size: int,
    seed: int,
    *,
    control: bool,
    is_gradient_flow: Callable[[float], bool],
    threads: int | None,
    progress: bool,
) -> Groups:
    """Run all batches of `size` trajectories, and as many smaller ones if `control`."""
    plain = Task(task.saves, False, 0, task.integrated, False, task.repeats)
    groups = [(_FULL, size, task)] + ([(_SMALL, size // SHRINK, plain)] if control else [])
    total = len(groups) * task.repeats * setting.grid.size
    with bar(total, "two_time", progress, "step") as shown:

        def job(group: int, members: int, todo: Task, batch: int) -> Callable[[], Batch]:
            return lambda: run_batch(
                setting,
                todo,
                members,
                seed,
                (group, batch),
                is_gradient_flow=is_gradient_flow,
                tick=shown.update,
            )

        jobs = [job(*group, batch) for group in groups for batch in range(task.repeats)]
        found = in_threads(jobs, threads)
    return Groups(found[: task.repeats], found[task.repeats :])


def collect(
    setting: Setting,
    saves: NDArray[np.intp],
    full: list[Batch],
    small: list[Batch],
    extrapolate: bool,
    response: bool,
    facts: dict[str, Any],
) -> TwoTime:
    """The result of sampled batches; warns if the step was too long for them."""
    alike = are_alike(full, small)

    def estimate(name: str) -> Estimate:
        # Tangents are carried by full batches only.
        from_tangents = name == "R" or (response and name == "r_int")
        other = [] if not alike or from_tangents else [b.values[name] for b in small]
        return combine([b.values[name] for b in full], other, extrapolate)

    names = ("C", "delta", "freezing", "energy", "r_int")
    found = {name: estimate(name) for name in names}
    shift = np.mean([b.ridge_shift for b in full], axis=0)
    r_int_err = np.hypot(found["r_int"].error, shift)
    R = estimate("R") if response else None
    stiffness = max((b.stiffness for b in full if not math.isnan(b.stiffness)), default=math.nan)
    longest = float(np.max(np.diff(setting.grid)))
    balance_error = float(np.fmax.reduce([b.balance for b in full]))
    told = [text] if (text := complaint(longest, stiffness)) else []
    if not told and balance_error > _BALANCED:
        told = [
            f"dt = {longest:g} is too long: ½⟨x²⟩' = ⟨xF⟩ is violated by {balance_error:.0%}; "
            "shorten dt"
        ]
    status = "unstable step" if told else "ok"
    for text in told:
        warnings.warn(text, StepSizeWarning, stacklevel=3)
    if not alike:
        told.append(
            "bias not known: batches of M/4 trajectories have "
            "no room for matched innovations as the full ones have; raise n_trajectories"
        )
    return TwoTime(
        g=setting.g,
        gamma=setting.gamma,
        t=setting.grid[saves],
        **{name: found[name].value for name in names},
        **{f"{name}_err": found[name].error for name in names if name != "r_int"},
        **{f"{name}_bias": found[name].bias for name in names},
        r_int_err=r_int_err,
        R=None if R is None else R.value,
        R_err=None if R is None else R.error,
        method="sampler",
        status=status,
        warnings=tuple(told),
        balance_error=balance_error,
        energy_balance_error=float(np.fmax.reduce([b.energy_balance for b in full])),
        stiffness=stiffness,
        rank=max(b.rank for b in full),
        neglected=max(b.neglected for b in full),
        attributes=facts,
    )
