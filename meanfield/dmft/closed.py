"""Deterministic solution of the two-time mean-field theory at γ = 0.

One neuron obeys ẋ = −x + h + σ(t)ξ with a Gaussian field, ⟨hh′⟩ = g²C, C = ⟨φ(x)φ(x′)⟩, so that
x is Gaussian and the covariances close:

    Δ(t,t′) = ⟨x x′⟩,   K(t′,t) = ⟨x(t′) h(t)⟩,   C = C_φ(Δ(t,t), Δ(t′,t′), Δ(t,t′)).

With h linear between the grid points the leak is integrated exactly,

    x⁺ = decay x + hold h + ramp h⁺ + noise,

and so is the noise: the covariances of this process on the grid, itself a Gaussian one, are exact,
and what remains is the interpolation, an error in even powers of the step.

C_φ(v, v′, c) = E[φ(x)φ(y)] has two exact representations that share the work.

Series: with φ(√v z) = Σ a_k(v) h_k(z) in orthonormal Hermite polynomials, Mehler's formula gives
C_φ = Σ a_k(v) a_k(v′) ρ^k, ρ = c/√(vv′).  A pair needs few terms unless ρ is near ±1, where the
number grows with the variance like the width of the spectrum of φ(√v z).

Mixture: φ(x) = E_s[erf(x/(√2 s))] for some law of the scale s, so that

    C_φ = Σ_ij w_i w_j (2/π) arcsin(c/√((v + s_i²)(v′ + s_j²))),

at any ρ and v for the price of N² arcsines.  For tanh s is Kolmogorov distributed, the logistic
law being a normal scale mixture [1]_; for x/√(1 + x²), the Student law with two degrees of
freedom, 1/(2s²) is exponential; for erf(√π x/2) s is a constant.

A pair takes the series, as long as its ρ needs, where `_TERMS` terms suffice and cost less than
the N² arcsines, and the mixture, where φ has one, otherwise: that is, in the chaotic state, a few
times next to the present if the variance is large, all times for erf, and none else.

References
----------
.. [1] D. F. Andrews, C. L. Mallows, J. R. Stat. Soc. B 36, 99 (1974).
"""

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.linalg.lapack import dtbtrs

from .. import exponential
from ..common import arguments
from ..common.arguments import ArgumentError, Array
from ..common.jobs import bar
from ..transfer import TransferFunction, transfer_function
from .sampler.run import LARGEST_SQUARE, SamplerError
from .stationary.hermite import normal_nodes, normal_weights

# Error of C_φ(t,t′), relative to √(C_φ(t,t) C_φ(t′,t′)), at which a series ends.
_NEGLIGIBLE = 1e-13
_FEWEST, _TERMS, _TERMS_WITHOUT_MIXTURE = 8, 1024, 2048
# An arcsine of the mixture costs as much as so many terms of the series, measured.
_PRICE = 5
# Most nodes of the table of polynomials, and elements of the temporary arrays of the mixture.
_NODES, _CHUNK = 1 << 13, 1 << 16
# Spacing of log s, at which the trapezoidal rule reproduces φ to 1e-13 at any x.
_SPACING = 0.13
_ROUNDING = 1e-15
_ITERATIONS = 40
# Newton's method ends where the last change of Δ(t,t′) was below this, relative to what changes C;
# what is left is its square.
_CHANGE = 1e-4
_DIGITS = 1e-13
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
    progress: bool = False,
) -> ClosedTwoTime:
    """Two-time functions of the γ = 0 network from independent normal initial values, N → ∞."""
    # `noise` is σ² of ⟨ξξ′⟩ = σ²δ(t − t′) on every step of `t`, `halved` on every half step.
    # Without `richardson` the error is second order in the step; its estimate compares with the
    # grid of every second point, or with halved steps where that grid is not regular.  With it the
    # result is extrapolated from `t` and halved steps, at five times the cost: it is fourth order,
    # and the estimate, that of the halved grid, is a bound where the steps resolve the solution.
    t, noise = np.asarray(t, dtype=float), np.asarray(noise, dtype=float)
    g = arguments.positive("g", g)
    x0_std = arguments.nonnegative("x0_std", x0_std)
    if t.ndim != 1 or t.size < 2 or not np.all(np.isfinite(t)) or np.any(np.diff(t) <= 0):
        raise ArgumentError("t: must have one axis and at least two finite, increasing times")
    if noise.shape != (t.size - 1,) or not np.all(np.isfinite(noise)) or np.any(noise < 0):
        raise ArgumentError(f"noise: must be {t.size - 1} finite numbers >= 0, one a step")
    here = _Covariances(phi, g, t, noise, x0_std, progress)
    steps = np.diff(t)
    if not richardson and _pairs(steps, 1e-9) and _pairs(noise, 0.0):
        other = _Covariances(phi, g, t[::2], noise[::2], x0_std, progress)
        values = {name: getattr(here, name) for name in _CURVES}
        errors = {
            name: _spread(np.abs(_at_every_second(values[name]) - getattr(other, name)) / 3)
            for name in _ESTIMATED
        }
    else:
        halves = np.insert(t, range(1, t.size), t[:-1] + steps / 2)
        noises = np.repeat(noise, 2) if halved is None else halved
        other = _Covariances(phi, g, halves, noises, x0_std, progress)
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


class _Covariances:
    def __init__(
        self,
        phi: TransferFunction,
        g: float,
        t: Array,
        noise: Array,
        x0_std: float,
        progress: bool,
    ) -> None:
        step = np.diff(t)
        weights = np.array([exponential.weights(float(h)) for h in step])
        self.decay, flat, self.ramp = weights.T
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
        for n in bar(step.size, "two_time", progress, "step", range(step.size)):
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
            # A linear φ has no scale, and large numbers no more digits.
            allowed = _CHANGE * np.minimum(scale, self._scale) + np.finfo(float).tiny
            allowed = np.maximum(allowed, _DIGITS * scale)
            if not scale[-1] < LARGEST_SQUARE:
                raise SamplerError(
                    f"the states grow beyond all bounds at t = {self.t[n + 1]:g}: dt is too long "
                    "or the dynamics unbounded"
                )
            if np.all(np.abs(row - before) <= allowed):
                break
        else:
            raise ArgumentError(
                f"dt={self.t[n + 1] - self.t[n]:g}: the step to t = {self.t[n + 1]:g} is too long "
                "for this g and phi; shorten it"
            )
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
        """Δ, S = g²C, K of the next time where S = value + slope·(Δ − row) + bend·(change of v)."""
        # K(m + 1) = decay K(m) + hold S(m) + ramp S(m + 1) and Δ = base + ramp K make a bidiagonal
        # system for K, solved for S at the old v and for its change with v.
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


class PairValues(NamedTuple):
    """C_φ and its derivatives by the covariance c and by the variance v of the present."""

    value: Array
    by_covariance: Array
    by_variance: Array


class Mixture(NamedTuple):
    """φ(x) = Σ weight erf(x/√(2 square)); `square` is the s² of every term."""

    square: Array
    weight: Array

    def moment(self, variance: float) -> float:
        """⟨φ²⟩."""
        wide = variance + self.square
        angle = np.arcsin(variance / np.sqrt(wide[:, None] * wide))
        return float(2 / np.pi * self.weight @ angle @ self.weight)

    def coefficients(self, variance: float, terms: int) -> Array:
        """a_k/√v, k = 1, 3, …, from the Taylor series of the arcsine."""
        wide = variance + self.square
        powers = _powers(variance / wide, terms)
        return _arcsine_roots(terms) * (powers @ (self.weight / np.sqrt(wide)))

    def pairs(self, v: float, other: Array, c: Array) -> PairValues:
        """The double sum, a few pairs at a time."""
        # Terms so wide that they add nothing at these variances: a third of those of algebraic.
        most = max(1.0, v, float(np.max(other)))
        alive = self.weight * np.sqrt(most / (most + self.square)) > _ROUNDING
        square, single = self.square[alive], self.weight[alive]
        product = np.outer(single, single) * (2 / np.pi)
        weight = product.ravel()
        columns = np.stack([weight, (product / (v + square)[:, None]).ravel()], axis=1)
        # vv′ − c² first: the product of the widths, less c², would cancel.
        gap = np.maximum(v * other - c * c, 0.0)
        result = np.empty((3, c.size))
        step = max(1, _CHUNK // weight.size)
        for start in range(0, c.size, step):
            part = slice(start, start + step)
            root = square[:, None] * (other[part, None, None] + square) + v * square
            root += gap[part, None, None]
            inverse = (1 / np.sqrt(root)).reshape(-1, weight.size)
            result[1:, part] = (inverse @ columns).T
            inverse *= c[part, None]
            result[0, part] = np.arctan(inverse, out=inverse) @ weight
        return PairValues(result[0], result[1], -c * result[2] / 2)


@lru_cache(maxsize=16)
def _arcsine_roots(terms: int) -> Array:
    # Signed square roots of the coefficients of (2/π) arcsin: Hermite coefficients of the sign.
    j = np.arange(1.0, terms)
    binomial = np.concatenate([[1.0], np.cumprod(1 - 0.5 / j)])
    degree = np.arange(1.0, 2 * terms, 2)
    return np.sqrt(2 / np.pi * binomial / degree) * (1.0 - 2.0 * (np.arange(terms) % 2))


def _kolmogorov(s: Array) -> Array:
    # The two theta series of the density, each where it converges fast.
    k = np.arange(1.0, 9.0)
    rise = ((2 * k - 1) * np.pi) ** 2 / (4 * s[:, None] ** 2)
    low = math.sqrt(2 * np.pi) / s**2 * np.sum((rise - 1) * np.exp(-rise / 2), axis=1)
    fall = (-1) ** (k - 1) * k * k * np.exp(-2 * (k * s[:, None]) ** 2)
    return np.where(s < 1, low, 8 * s * np.sum(fall, axis=1))


def mixture(phi: TransferFunction) -> Mixture | None:
    """The scale mixture of a built-in φ, or None."""
    if phi is transfer_function("erf"):
        return Mixture(np.array([2 / np.pi]), np.ones(1))
    if phi is transfer_function("tanh"):
        s = np.exp(np.arange(math.log(0.14), math.log(4.8), _SPACING))
        weight = s * _kolmogorov(s)
        square = s * s
    elif phi is transfer_function("algebraic"):
        # The exponential law of 1/(2s²) dies out slowly at 0, so the rule starts far below; twice
        # the spacing, this being the logarithm of a square.
        rate = np.exp(np.arange(-34.0, math.log(36.0), 2 * _SPACING))
        weight, square = rate * np.exp(-rate), 1 / (2 * rate)
    else:
        return None
    keep = weight > _ROUNDING * np.sum(weight)
    return Mixture(square[keep], weight[keep] / np.sum(weight[keep]))


class _Linear:
    def __init__(self, phi: TransferFunction) -> None:
        self._slope = phi.slope

    def moment(self, variance: float) -> float:
        return self._slope**2 * variance

    def coefficients(self, variance: float, terms: int) -> Array:
        return self._slope * (np.arange(terms) == 0)


class _Quadrature:
    """Coefficients of any φ, by the trapezoidal rule on a table of polynomials."""

    def __init__(self, phi: TransferFunction) -> None:
        self._phi = phi
        self._reach = 0.0
        self._table = np.empty((0, 0))

    def _prepare(self, variance: float, terms: int) -> None:
        if variance > self._reach:
            self._reach = 2 * variance
            z = normal_nodes(self._phi, self._reach)
            self._z = np.linspace(0.0, z[-1], min(z.size, _NODES))
            self._weight = normal_weights(self._z, 0.25)
            self._table = np.empty((0, 0))
        if terms > self._table.shape[0]:
            table = np.empty((terms, self._z.size))
            square, before = self._z**2, np.zeros_like(self._z)
            now = self._z * np.exp(-square / 4)
            for j, row in enumerate(table):
                row[:] = now * self._weight
                k = 2 * j + 1
                after = (square - 2 * k - 1) * now - math.sqrt(k * (k - 1)) * before
                before, now = now, after / math.sqrt((k + 1) * (k + 2))
            self._table = table

    def _scaled(self, variance: float) -> Array:
        # φ(√v z)/√v, whose limit at v = 0 is reached long before the arithmetic fails.
        scale = math.sqrt(max(variance, (1e-10 * self._phi.length) ** 2))
        return self._phi.phi(scale * self._z) / scale

    def moment(self, variance: float) -> float:
        self._prepare(max(variance, 1e-20), 1)
        density = self._weight * np.exp(-(self._z**2) / 4)
        return float(variance * (density @ self._scaled(variance) ** 2))

    def coefficients(self, variance: float, terms: int) -> Array:
        self._prepare(max(variance, 1e-20), terms)
        return self._table[:terms] @ self._scaled(variance)


def _powers(base: Array, terms: int) -> Array:
    # Rows base^0, base^1, …; `terms` is a power of two.
    powers = np.empty((terms, base.size))
    powers[0] = 1
    filled = 1
    while filled < terms:
        np.multiply(powers[:filled], base, out=powers[filled : 2 * filled])
        base = base * base
        filled *= 2
    return powers


def _selection(mask: NDArray[np.bool_]) -> NDArray[np.int64] | slice:
    # A slice, which needs no copy, where the selected times are consecutive.
    index = np.flatnonzero(mask)
    if index[-1] - index[0] + 1 == index.size:
        return slice(int(index[0]), int(index[-1]) + 1)
    return index


class PairAverage:
    """C_φ of the present time with every earlier one, up to `times` of them, and with itself."""

    def __init__(self, phi: TransferFunction, times: int, method: str = "auto") -> None:
        self._mixture = None if method == "series" else mixture(phi)
        if method == "mixture" and self._mixture is None:
            raise ValueError(f"phi={phi.name!r} is no known mixture of error functions")
        expansion = self._mixture or _Quadrature(phi)
        self._expansion = _Linear(phi) if phi.is_linear else expansion
        self._most = _TERMS_WITHOUT_MIXTURE
        if self._mixture is not None:
            self._most = min(_TERMS, _PRICE * self._mixture.weight.size**2)
        self._all_mixed = method == "mixture" or self._most < _FEWEST
        self._variance = np.empty(times + 1)
        self._coefficients = np.zeros((_FEWEST, self._variance.size))
        self._size = 0
        self._known = -1.0
        self._missing = np.zeros(1)
        # Largest error of C_φ(t,t′)/√(C_φ(t,t) C_φ(t′,t′)), so far, from the end of the series.
        self.truncation = 0.0

    def append(self, variance: float) -> float:
        """Add a time to the history; ⟨φ′⟩ at that time."""
        self._set_present(variance)
        self._size += 1
        return float(self._coefficients[0, self._size - 1])

    def __call__(self, variance: float, covariance: Array) -> PairValues:
        """Averages of a present not in the history yet, with that in order and, last, itself."""
        self._set_present(variance)
        other = self._variance[: self._size + 1]
        bound = np.sqrt(other) * math.sqrt(variance)
        # Extrapolated covariances may leave the range.
        c = np.clip(np.append(covariance, variance), -bound, bound)
        square = np.divide(c, bound, out=np.zeros_like(c), where=bound > 0) ** 2
        # ρ^(2 terms) times the missing share of ⟨φ²⟩ bounds the error, by Cauchy and Schwarz.
        limits = (_NEGLIGIBLE / np.maximum(self._missing, 1e-99)) ** (1 / self._counts())
        level = np.searchsorted(limits, square)
        if self._all_mixed:
            level[:] = limits.size
        elif self._mixture is None:
            level = np.minimum(level, limits.size - 1)
        weights = self._weights(variance)
        result = np.empty((3, c.size))
        for number in np.flatnonzero(np.bincount(level)):
            part = _selection(level == number)
            if number == limits.size and self._mixture is not None:
                result[:, part] = self._mixture.pairs(variance, other[part], c[part])
                continue
            terms = int(self._counts()[number])
            powers = _powers(square[part], terms)
            powers *= self._coefficients[:terms, : self._size + 1][:, part]
            result[:, part] = weights[:, :terms] @ powers
            result[::2, part] *= c[part]
        return PairValues(*result)

    def _counts(self) -> NDArray[np.int64]:
        return _FEWEST << np.arange(self._missing.size)

    def _weights(self, variance: float) -> Array:
        # C_φ, ∂C_φ/∂c and ∂C_φ/∂v as sums over the coefficients of the history; the last from
        # x φ′ = Σ (k a_k + √((k+1)(k+2)) a_{k+2}) h_k.
        present = self._coefficients[:, self._size]
        k = np.arange(1.0, 2 * present.size, 2)
        weights = np.zeros((3, present.size))
        weights[0] = present
        weights[1] = k * present
        if variance > 0:
            weights[2, :-1] = np.sqrt((k + 1) * (k + 2))[:-1] * present[1:] / (2 * variance)
        return weights

    def _set_present(self, variance: float) -> None:
        self._variance[self._size] = variance
        while True:
            terms = self._coefficients.shape[0]
            present = self._expansion.coefficients(variance, terms)
            self._coefficients[:, self._size] = present
            # The scale mixtures' share beyond a degree rises with the variance.
            if self._all_mixed or (self._mixture is not None and variance <= self._known):
                return
            total = self._expansion.moment(variance)
            if total > 0:
                kept = variance * np.cumsum(present**2)[self._counts() - 1] / total
                self._missing = np.maximum(self._missing, 1 - kept)
            if self._missing[-1] <= _NEGLIGIBLE or 2 * terms > self._most:
                break
            self._grow(2 * terms)
        self._known = variance
        if self._mixture is None:
            self.truncation = float(self._missing[-1])

    def _grow(self, terms: int) -> None:
        self._coefficients = np.zeros((terms, self._variance.size))
        for i, variance in enumerate(self._variance[: self._size]):
            self._coefficients[:, i] = self._expansion.coefficients(float(variance), terms)
        # The history missed nothing before: the share of the new degree is that of the present.
        self._missing = np.append(self._missing, 0.0)
