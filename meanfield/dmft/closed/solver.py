"""Deterministic solution of the two-time mean-field theory at γ = 0.

One neuron obeys ẋ = −x + h + σ(t)ξ with a Gaussian field, ⟨hh′⟩ = g²C, C = ⟨φ(x)φ(x′)⟩, so that
x is Gaussian and the covariances close:

    Δ(t,t′) = ⟨x x′⟩,   K(t′,t) = ⟨x(t′) h(t)⟩,   C = C_φ(Δ(t,t), Δ(t′,t′), Δ(t,t′)).

With h linear between the grid points the leak is integrated exactly,

    x⁺ = decay x + hold h + ramp h⁺ + noise,

and so is the noise: the covariances of this process on the grid, itself a Gaussian one, are exact,
and what remains is the interpolation, an error in even powers of the step.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.linalg.lapack import dtbtrs

from ...common import arguments
from ...common.arguments import ArgumentError, Array
from ...transfer import TransferFunction
from .pairs import PairAverage

_SHORT = 0.01
_ITERATIONS = 40
# Newton's method ends where the last change of Δ(t,t′) was below this, relative to what changes C;
# what is left is its square.
_CHANGE = 1e-4
# Extrapolation from the latest times, along the diagonals of C.
_PREDICTOR = ((1.0,), (2.0, -1.0), (3.0, -3.0, 1.0))
_CURVES = ("delta", "C", "field", "slope", "energy")
_ESTIMATED = ("delta", "C", "slope", "energy")


@dataclass(frozen=True)
class ClosedTwoTime:
    """Two-time functions per neuron with estimated errors from the step; matrices are symmetric."""

    t: Array
    delta: Array  # Δ(t,t′) = ⟨x(t)x(t′)⟩
    C: Array  # C(t,t′) = ⟨φ(x(t))φ(x(t′))⟩
    field: Array  # ⟨x(t)h(t)⟩
    slope: Array  # ⟨φ′(x(t))⟩
    energy: Array  # kinetic energy ½⟨(h − x)²⟩
    delta_err: Array
    C_err: Array
    slope_err: Array
    energy_err: Array
    truncation: float  # largest error of C, relative to √(C(t,t) C(t′,t′)), from the series' end


def solve(
    phi: TransferFunction,
    g: float,
    t: Array,
    noise: Array,
    x0_std: float,
    *,
    halved: Array | None = None,
    richardson: bool = True,
) -> ClosedTwoTime:
    """Two-time functions of the γ = 0 network from independent normal initial values, N → ∞.

    Parameters
    ----------
    phi : TransferFunction
        Odd transfer function.
    g : float
        Gain, > 0.
    t : (n + 1,) array
        Increasing times, in units of the time constant of the neurons.  Steps may differ.
    noise : (n,) array
        σ² ≥ 0 of the white noise ⟨ξξ′⟩ = σ²δ(t − t′) on every step.
    halved : (2n,) array, optional
        The same on every half step; default twice that of the step.
    x0_std : float
        Standard deviation ≥ 0 of x(t[0]).
    richardson : bool
        Extrapolate from `t` and the grid with every step halved, at about five times the cost.

    Returns
    -------
    ClosedTwoTime

    Raises
    ------
    ArgumentError
        If an argument is out of range, or a step too long for the implicit equations.

    Notes
    -----
    Without `richardson` the error is that of `t`, second order in the step; its estimate compares
    with the grid of every second point, or with halved steps where that grid is not regular.  With
    `richardson` it is fourth order, and the estimate, that of the halved grid alone, is an upper
    bound where the steps resolve the solution.
    """
    t, noise = np.asarray(t, dtype=float), np.asarray(noise, dtype=float)
    gain = float(arguments.gain(arguments.finite("g", g)))
    x0_std = arguments.nonnegative("x0_std", x0_std)
    if t.ndim != 1 or t.size < 2 or not np.all(np.isfinite(t)) or np.any(np.diff(t) <= 0):
        raise ArgumentError("t: must have one axis and at least two finite, increasing times")
    if noise.shape != (t.size - 1,) or not np.all(np.isfinite(noise)) or np.any(noise < 0):
        raise ArgumentError(f"noise: must be {t.size - 1} finite numbers >= 0, one a step")
    here = _Sweep(phi, gain, t, noise, x0_std)
    steps = np.diff(t)
    if not richardson and _pairs(steps, 1e-9) and _pairs(noise, 0.0):
        other = _Sweep(phi, gain, t[::2], noise[::2], x0_std)
        values = {name: getattr(here, name) for name in _CURVES}
        errors = {
            name: _spread(np.abs(_at_every_second(values[name]) - getattr(other, name)) / 3)
            for name in _ESTIMATED
        }
    else:
        halves = np.insert(t, range(1, t.size), t[:-1] + steps / 2)
        other = _Sweep(phi, gain, halves, np.repeat(noise, 2) if halved is None else halved, x0_std)
        values, errors = {}, {}
        for name in _CURVES:
            value = getattr(here, name)
            change = _at_every_second(getattr(other, name)) - value
            errors[name] = np.abs(change) * (1 / 3 if richardson else 4 / 3)
            values[name] = value + change * 4 / 3 if richardson else value
    truncation = max(here.truncation, other.truncation)
    estimates = {f"{name}_err": errors[name] for name in _ESTIMATED}
    return ClosedTwoTime(t=t, **values, **estimates, truncation=truncation)


def _pairs(steps: Array, tolerance: float) -> bool:
    # Whether every second time makes a grid whose steps are halved by the times between.
    even = steps.size % 2 == 0
    return even and np.allclose(steps[::2], steps[1::2], rtol=tolerance, atol=0)


def _at_every_second(values: Array) -> Array:
    return values[(slice(None, None, 2),) * values.ndim]


def _spread(errors: Array) -> Array:
    # From every second time to all: the larger of the neighbours.
    for axis in range(errors.ndim):
        forward = np.moveaxis(errors, axis, 0)
        wide = np.empty((2 * len(forward) - 1, *forward.shape[1:]))
        wide[::2] = forward
        wide[1::2] = np.maximum(forward[:-1], forward[1:])
        errors = np.moveaxis(wide, 0, axis)
    return errors


class _Sweep:
    """The covariances on one grid, time by time."""

    def __init__(
        self, phi: TransferFunction, g: float, t: Array, noise: Array, x0_std: float
    ) -> None:
        step = np.diff(t)
        self.decay, flat = np.exp(-step), -np.expm1(-step)
        # 1 − (1 − e^−s)/s, which cancels for short steps.
        series = step / 2 * (1 - step / 3 * (1 - step / 4 * (1 - step / 5 * (1 - step / 6))))
        self.ramp = np.where(step < _SHORT, series, 1 - flat / step)
        self.hold = flat - self.ramp
        self.noise = noise * -np.expm1(-2 * step) / 2
        self.gain2, self.t = g * g, t
        size = t.size
        self.delta, self.C = np.empty((size, size)), np.empty((size, size))
        self.variance, self.field, self.slope = np.zeros(size), np.zeros(size), np.empty(size)
        self._average = PairAverage(phi, size)
        self._scale = phi.length**2
        # ⟨x(t′)h(t)⟩ of the present t and all t′ up to it.
        self._cross = np.zeros(1)
        self.delta[0, 0] = self.variance[0] = x0_std**2
        self.C[0, 0] = self._average(x0_std**2, np.empty(0)).value[0]
        self.slope[0] = self._average.append(x0_std**2)
        for n in range(step.size):
            self._advance(n)
        self.truncation = self._average.truncation
        self.energy = (self.variance + self.gain2 * np.diagonal(self.C)) / 2 - self.field

    def _advance(self, n: int) -> None:
        zero = np.zeros(n + 2)
        row, source, cross = self._linear(n, zero, self.gain2 * self._predicted(n), zero, zero)
        for _ in range(_ITERATIONS):
            average = self._average(max(float(row[-1]), 0.0), row[:-1])
            before = row
            row, source, cross = self._linear(n, before, *(self.gain2 * a for a in average))
            self.variance[n + 1] = max(row[-1], 0.0)
            scale = np.sqrt(self.variance[: n + 2]) * math.sqrt(self.variance[n + 1])
            allowed = _CHANGE * np.minimum(scale, self._scale) + np.finfo(float).tiny
            if np.all(np.abs(row - before) <= allowed):
                break
        else:
            raise ArgumentError(f"t: the step to {self.t[n + 1]:g} is too long for this g and phi")
        self.delta[n + 1, : n + 2] = self.delta[: n + 2, n + 1] = row
        self.C[n + 1, : n + 2] = self.C[: n + 2, n + 1] = source / self.gain2
        self._cross = cross
        self.field[n + 1] = cross[-1]
        self.slope[n + 1] = self._average.append(self.variance[n + 1])

    def _predicted(self, n: int) -> Array:
        # C of the next time; along the diagonals a kink at equal times stays where it is.  The
        # earliest times have no diagonal behind them.
        weights = _PREDICTOR[min(n, len(_PREDICTOR) - 1)]
        order = len(weights)
        guess = np.zeros(n + 2)
        for j, weight in enumerate(weights):
            guess[order:] += weight * self.C[n - j, order - 1 - j : n + 1 - j]
            guess[:order] += weight * self.C[n - j, :order]
        return guess

    def _linear(
        self, n: int, row: Array, value: Array, slope: Array, bend: Array
    ) -> tuple[Array, Array, Array]:
        """Δ, S = g²C, K of the next time where S = value + slope·(Δ − row) + bend·(change of v).

        K(m + 1) = decay K(m) + hold S(m) + ramp S(m + 1) and Δ = base + ramp K make a bidiagonal
        system for K, solved for S at the old v and for its change with v.
        """
        a, b, e = self.hold[n], self.ramp[n], self.decay[n]
        base = e * self.delta[n, : n + 1] + a * self._cross
        s, u = slope[:-1], bend[:-1]
        source = np.stack([value[:-1] + s * (base - row[:-1]), u], axis=1)
        hold, ramp, decay = self.hold[:n], self.ramp[:n], self.decay[:n]
        band = np.empty((2, n + 1), order="F")
        band[0, 0] = 1
        band[0, 1:] = 1 - b * ramp * s[1:]
        band[1, :-1] = -decay - b * hold * s[:-1]
        right = np.zeros((n + 1, 2), order="F")
        right[1:] = hold[:, None] * source[:-1] + ramp[:, None] * source[1:]
        cross, _ = dtbtrs(band, right, uplo="L")
        source += b * s[:, None] * cross
        # The variance, of the part that is known and the changes with itself.
        known = e * base[-1] + a * (e * self.field[n] + a * self.gain2 * self.C[n, n])
        known += self.noise[n] + b * b * value[-1] - row[-1]
        inner = 2 * b * (e * cross[-1] + a * source[-1])
        last = slope[-1] + 2 * bend[-1]
        change = (known + inner[0]) / (1 - inner[1] - b * b * last)
        field = cross[:, 0] + change * cross[:, 1]
        result = np.append(source[:, 0] + change * source[:, 1], value[-1] + last * change)
        present = e * field[-1] + a * result[-2] + b * result[-1]
        delta = np.append(base + b * field, row[-1] + change)
        return delta, result, np.append(field, present)
