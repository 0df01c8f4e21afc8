"""What one batch of trajectories measures: two-time averages at the saved times."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...common.arguments import Array
from .kernels import Path, kernels
from .stiffness import stiffness
from .sweep import Moment, Setting, Sweep
from .whitened import WhitenedResponse

# Time between two measurements of the integrated response.
_PROBE = 0.1


class Task(NamedTuple):
    """What to measure."""

    saves: NDArray[np.intp]  # steps of the grid
    response: bool  # whether to propagate tangents for R(t, s)
    pulses: int  # number of trajectories that carry tangents
    integrated: bool  # whether to measure the integrated response from the whitened sums
    stiff: bool  # whether to measure the stiffness while u is on
    repeats: int  # number of batches


class Batch(NamedTuple):
    """Averages over the trajectories of one batch; two-time arrays are (n_saved, n_saved)."""

    values: dict[str, Array]  # C, delta, freezing, energy, r_int and, where asked for, R
    ridge_shift: Array  # change of r_int when the ridge of the whitened sums is stronger
    # Largest violation of ½⟨x²⟩' = ⟨xF⟩ and, along gradient flows, of ⟨E⟩' = −⟨F²⟩, integrated
    # over time; nan where they do not apply.
    balance: float
    energy_balance: float
    stiffness: float
    rank: int
    crowded: bool  # see `GaussianOperator.is_crowded`
    neglected: float  # see `GaussianOperator.neglected_rms`


def are_alike(full: Sequence[Batch], small: Sequence[Batch]) -> bool:
    """Whether small batches tell of the bias of the full ones.

    Batches that ran out of room for matched innovations have a bias of another kind.
    """
    return not small or any(b.crowded for b in small) == any(b.crowded for b in full)


class _Balance:
    """∫ rate dt by the trapezoidal rule against the change of a quantity."""

    def __init__(self) -> None:
        self.worst, self._sum, self._scale = math.nan, 0.0, 0.0
        self._last: tuple[float, float, float] | None = None

    def restart(self) -> None:
        self._last = None

    def add(self, t: float, quantity: float, rate: float) -> None:
        if self._last is not None:
            before, amount, old = self._last
            self._sum += quantity - amount - (t - before) * (rate + old) / 2
            self._scale = max(self._scale, abs(quantity), abs(amount))
            share = abs(self._sum) / self._scale if self._scale else 0.0
            self.worst = float(np.fmax(self.worst, share))
        self._last = (t, quantity, rate)


def run_batch(
    setting: Setting,
    task: Task,
    size: int,
    seed: int,
    key: tuple[int, ...],
    *,
    is_gradient_flow: Callable[[float], bool],
    tick: Callable[[], object],
) -> Batch:
    """Sweep `size` trajectories through time; `is_gradient_flow(t)`: whether the drift is −∇E."""
    sweep = Sweep(setting, size, seed, *key)
    measured = WhitenedResponse(sweep.operator, setting.window, task.repeats)
    saves = set(task.saves.tolist())
    xs, phis, energies, responses, shifts = [], [], [], [], []
    path: list[Path] = []
    balance, descent = _Balance(), _Balance()
    stiff, next_probe = math.nan, 0.0
    regulated, next_stiff = 0, 1
    for moment in sweep:
        tick()
        k, t = moment.step, moment.t
        if sweep.rotations is not None:
            measured.rotate(*sweep.rotations)
        energy = float(moment.force @ moment.force) / (2 * size)
        if task.integrated and (t >= next_probe or k in saves):
            measured.record(t, moment.phi, moment.psi, measure=k in saves)
            next_probe = t + _PROBE * (1 - 1e-9)
        if k in saves:
            xs.append(moment.x)
            phis.append(moment.phi)
            energies.append(energy)
            responses.append(measured.value)
            shifts.append(measured.shift)
        if task.response:
            part = slice(task.pulses)
            u = None if moment.u is None else moment.u[part]
            path.append(Path(t, moment.x[part], moment.h[part], u))
        _balances(setting, moment, energy, balance, descent, is_gradient_flow(t))
        if task.stiff and moment.u is not None:
            regulated += 1
            if regulated >= next_stiff or k == setting.grid.size - 1:
                stiff = float(np.fmax(stiff, stiffness(setting.model, sweep.operator, moment)))
                next_stiff = 2 * regulated
    values = _two_time(np.array(xs), np.array(phis))
    values["energy"] = np.array(energies)
    values["r_int"] = np.array(responses) if task.integrated else np.full(len(xs), np.nan)
    if task.response:
        R, r_int = kernels(setting.model, setting.g, setting.gamma, path, setting.times)
        values["R"], values["r_int"] = R[np.ix_(task.saves, task.saves)], r_int[task.saves]
    return Batch(
        values=values,
        ridge_shift=np.array(shifts) * (not task.response),
        balance=balance.worst,
        energy_balance=descent.worst,
        stiffness=stiff,
        rank=sweep.forgetting.largest_rank,
        crowded=sweep.operator.is_crowded,
        neglected=sweep.operator.neglected_rms,
    )


def _two_time(x: Array, phi: Array) -> dict[str, Array]:
    size = x.shape[1]
    C = phi @ phi.T / size
    same = np.diagonal(C)
    # Rounding must not make a mean square negative where the dynamics is frozen.
    freezing = np.maximum(same[:, None] + same[None, :] - 2 * C, 0.0)
    return {"C": C, "delta": x @ x.T / size, "freezing": freezing}


def _balances(
    setting: Setting,
    moment: Moment,
    energy: float,
    balance: _Balance,
    descent: _Balance,
    descends: bool,
) -> None:
    size, t = moment.x.size, moment.t
    is_noisy = bool(setting.noise(t))
    if is_noisy or t in setting.times:
        # Where parameters jump the drift before and after are not one function.
        balance.restart()
    if is_noisy or t in setting.times or not descends:
        descent.restart()
    if is_noisy:
        return
    square = float(moment.x @ moment.x) / (2 * size)
    balance.add(t, square, float(moment.x @ moment.drift) / size)
    if descends:
        descent.add(t, energy, -float(moment.drift @ moment.drift) / size)
