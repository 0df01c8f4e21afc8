"""One batch of trajectories in the steady state."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ...common.arguments import Array
from ...transfer import TransferFunction
from ..sampler.kernels import stationary_pulse
from ..sampler.sweep import Setting, Sweep
from ..sampler.whitened import WhitenedResponse

# Every so-manieth trajectory carries a pulse; number of times at which pulses start.
_PULSED, _PULSES = 4, 4
# Time between two rows of the whitened sums, and between two of their values.
_ROW, _VALUE = 0.5, 5.0
# Averages are taken at every so many remembered states: neighbours tell the same.
_EVERY = 4


def run_batch(
    setting: Setting,
    size: int,
    seed: int,
    *,
    phi: TransferFunction,
    skip: float,
    stride: int,
    lags: int,
    repeats: int,
    key: tuple[int, ...],
    tick: Callable[[], object],
) -> dict[str, Array]:
    """Averages over the time after `skip`, at lags of `stride` steps, in one of `repeats` batches.

    `drift` is late minus early q.
    """
    sweep = Sweep(setting, size, seed, *key)
    ring = LagAverages(lags, size)
    step = float(setting.grid[1])
    begin = int(np.searchsorted(setting.grid, skip))
    length = (lags - 1) * stride + 1
    room = (setting.grid.size - begin) // length
    starts = begin + length * np.arange(min(room, _PULSES))
    slopes: list[Array] = []
    pulses: list[Array] = []
    whitened = WhitenedResponse(sweep.operator, setting.window, repeats)
    next_row, next_value = -np.inf, skip
    squares, energies, responses, shifts = [], [], [], []
    for moment in sweep:
        tick()
        k, t = moment.step, moment.t
        if sweep.rotations is not None:
            whitened.rotate(*sweep.rotations)
        if t >= next_row:
            whitened.record(t, moment.phi, None, measure=t >= next_value)
            next_row = t + _ROW * (1 - 1e-9)
            if t >= next_value:
                responses.append(whitened.value)
                shifts.append(whitened.shift)
                next_value = t + _VALUE * (1 - 1e-9)
        if k < begin:
            continue
        squares.append(float(moment.phi @ moment.phi) / size)
        energies.append(float(moment.force @ moment.force) / (2 * size))
        if (k - begin) % stride == 0:
            ring.push(moment.x, moment.phi, moment.h)
        if len(pulses) < len(starts) and k >= starts[len(pulses)]:
            slopes.append(phi.slope_at(moment.x[::_PULSED], moment.phi[::_PULSED]))
            if len(slopes) == length:
                pulses.append(stationary_pulse(np.array(slopes), step, setting.g, setting.gamma))
                slopes = []
    delta, C, mixed = ring.averages
    R = np.mean(pulses, axis=0)
    half = len(squares) // 2
    g2 = setting.g**2
    return {
        "C": C,
        "delta": delta,
        "R": R[::stride],
        "q": np.array(np.mean(squares)),
        "delta0": delta[0],
        "energy": np.array(np.mean(energies)),
        "r_int": np.array(np.mean(responses)),
        "r_int_shift": np.array(np.mean(shifts)),
        "r_int_pulse": np.array(np.trapezoid(R, dx=step)),
        "r_int_spectral": np.array(
            np.trapezoid(mixed) / (g2 * (1 + setting.gamma) * np.trapezoid(C))
            if setting.gamma > -1
            else np.nan
        ),
        "tau_half": np.array(half_time(delta, step * stride)),
        "crowded": np.array(float(sweep.operator.is_crowded)),
        "neglected": np.array(sweep.operator.neglected_rms),
        "drift": np.array(np.mean(squares[half:]) - np.mean(squares[:half])),
    }


def half_time(delta: Array, step: float) -> float:
    """Where Δ(τ) first falls to Δ(0)/2, by cubic interpolation; nan if it does not."""
    below = np.flatnonzero(delta <= delta[0] / 2)
    if not below.size or delta[0] <= 0:
        return np.nan
    first = int(below[0])
    near = slice(max(first - 2, 0), max(first - 2, 0) + 4)
    lags = step * np.arange(delta.size, dtype=np.float64)[near]
    # The inverse function through four points, if it stays between the two next to the half.
    found = _lagrange(delta[near], lags, delta[0] / 2)
    low, high = step * (first - 1), step * first
    if low <= found <= high:
        return found
    share = (delta[first - 1] - delta[0] / 2) / (delta[first - 1] - delta[first])
    return float(low + step * share)


def _lagrange(x: Array, y: Array, at: float) -> float:
    total = 0.0
    for k in range(len(x)):
        others = np.delete(x, k)
        total += y[k] * float(np.prod((at - others) / (x[k] - others)))
    return total


class LagAverages:
    """⟨x x⟩, ⟨φφ⟩ and the even part of ⟨φh⟩ at the lags 0, s, 2s, … in a ring of recent states."""

    def __init__(self, lags: int, size: int) -> None:
        # Single precision: products are noisy at M^−½.
        self._x, self._phi, self._h = (np.zeros((lags, size), np.float32) for _ in range(3))
        self._lags, self._size, self._pushed, self._taken = lags, size, 0, 0
        self._sums = np.zeros((3, lags))

    def push(self, x: Array, phi: Array, h: Array) -> None:
        """Remember a state; once the ring is full, every few states are averaged over."""
        place = self._pushed % self._lags
        self._x[place], self._phi[place], self._h[place] = x, phi, h
        self._pushed += 1
        if self._pushed < self._lags or self._pushed % _EVERY:
            return
        order = (place - np.arange(self._lags)) % self._lags
        now = self._x[place], self._phi[place], self._h[place]
        mixed = (self._phi @ now[2] + self._h @ now[1]) / 2
        products = np.array([self._x @ now[0], self._phi @ now[1], mixed])
        self._sums += products[:, order] / self._size
        self._taken += 1

    @property
    def averages(self) -> tuple[Array, Array, Array]:
        """Δ, C and the even part of ⟨φ(t)h(t′)⟩ as functions of the lag."""
        delta, C, mixed = self._sums / max(self._taken, 1)
        return delta, C, mixed
