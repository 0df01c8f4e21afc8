"""The whole Lyapunov spectrum of the N → ∞ network, of the flow and, at γ = 0, of its Euler map.

On a window of times the directions that contract faster than s are found by the minimum-norm
inverse of the tangent dynamics.  Averaged over the couplings it becomes a fixed point for two
spectra and, with γ ≠ 0, the reaction of a neuron's neighbours to its tangent, with a matrix problem
for the gain trajectory of one neuron inside.  Gains are of Gaussian paths, or of the causal sampler
with γ ≠ 0, on a periodic window; what is stationary is diagonal in its Fourier modes.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import scipy
from numpy.typing import ArrayLike, NDArray

from ..common import arguments, cost, result, seeds
from ..common.arguments import ArgumentError, Array, validated
from ..common.jobs import bar
from ..common.result import CONVERGED, FLAGGED, Result, given
from ..schedule import step_times
from ..transfer import TransferFunction, odd_function
from .sampler.ensemble import SHRINK
from .sampler.run import SamplerError, SamplerRun, SamplerSetting, suggested_step
from .sampler.site import rate_model
from .stationary.hermite import hermite_series, horner, normal_nodes, normal_weights
from .stationary.solver import stationary

# Independent sets of gain paths, whose scatter is the error.
_SETS = 4
# Thresholds from the lowest to the edge λ, denser towards both with this power.
_THRESHOLDS, _GRADING = 20, 1.5
# η of the first threshold, each from the solution of the one before; the last is that of all.
_ETAS = 1e-2, 1e-4, 1e-6
# Anderson mixing: change of the logarithms at which it ends, steps, depth, and the longest jump.
_TOL, _STEPS, _DEPTH, _JUMP = 1e-5, 300, 16, 3.0
# The highest frequency that is coupled: so many times g√⟨φ'²⟩, where frozen gains end, and the rate
# of change of the gains.  Times for each mode of a flow, and largest map with all its modes.
_FROZEN, _MOVING, _OVERSAMPLING, _WHOLE = 1.2, 1.0, 8, 129
# The coarse run, whose difference bounds the error of the resolution.
_COARSE_WINDOW, _COARSE_BAND = 0.5, 0.75
# The window in decay times of Δ, its least by default and at all.
_DECAYS, _SHORTEST, _LEAST = 12.0, 24.0, 8.0
_SHORTEST_STEP = 1e-3
# Paths whose averages the few that are solved with are made to match, and powers of the gain at so
# many frequencies among the averages.
_POOL, _POWERS = 8192, 5
# Degree of the Hermite series and Newton steps for the stationary state of a map.
_ORDER, _NEWTON, _ROUNDING = 40_001, 60, 1e-10
# Share of ⟨φ'²⟩ that the series may leave out.
_TRUNCATION = 1e-4
_SMALLER = "shorten window, or lower n_paths, g or sigma"
# Keeps L away from 0 where a mode neither grows nor decays at the threshold.
_NULL = 1e-12
# The edge as seen by the grading, at least.
_SHALLOW = 0.01
# Change of the logarithms that is not taken for a solution, and usual number of iterations.
_LOOSE, _ITERATIONS = 1e-4, 15
# Variance of the distance between the fine and the coarse run, in that of the fine one.
_NOISE = 3.0
# Largest relative error of the Kaplan–Yorke dimension of a converged result.
_ACCURACY = 0.1
# Causal sampler: trajectories of a set, time before they are recorded, what of the past is kept,
# neglected share of a state, share of the window in which its ends may be, time in which they are
# blended, relative drift of ⟨φ'²⟩ that is allowed, and the usual window, in integrals of the
# correlation, that is looked at for so long.
_TRAJECTORIES, _SETTLED, _MEMORY, _NEGLECT = 4096, 60.0, 30.0, 1e-2
_SPARE, _BLEND, _DRIFT, _REMEMBERED, _PILOT = 0.25, 1.0, 0.02, 4.0, 60.0
# Frequencies whose response is summed, in units of those that are coupled.
_TAIL = 32
# Numbers of gain operators that are best taken at once.
_AT_ONCE = 50_000


Complex = NDArray[np.complex128]
Real = NDArray[np.floating[Any]]


class MeanFieldLyapunovSpectrum(Result):
    """Distribution of all Lyapunov exponents, N → ∞, per time constant of the neurons.

    The errors hold the scatter between independent sets of gain paths, the effect of their finite
    number, and the change from a run with half the window and fewer frequencies and thresholds.
    """

    s: Array = result.coordinate("exponent", ("s",), "1/time constant", symbol="$s$")
    F: Array = result.value("fraction of exponents below s", ("s",), symbol="$F$")
    F_err: Array = result.error("F")
    density: Array = result.value(
        "density of exponents", ("s",), "time constant", symbol=r"$\rho$", note="dF/ds."
    )
    density_err: Array = result.error("density")
    lyapunov: float = result.value(
        "maximal Lyapunov exponent", unit="1/time constant", symbol=r"$\lambda$",
        note="Where F reaches 1.",
    )  # fmt: skip
    lyapunov_err: float = result.error("lyapunov", note="0 at γ = 0.")
    kaplan_yorke_dimension: float = result.value(
        "Kaplan–Yorke dimension per neuron", symbol="$D/N$", note="0 where no exponent is positive."
    )
    kaplan_yorke_dimension_err: float = result.error("kaplan_yorke_dimension")
    entropy_rate: float = result.value(
        "sum of the positive exponents per neuron", unit="1/time constant", symbol="$h/N$"
    )
    entropy_rate_err: float = result.error("entropy_rate")
    _headline = ("lyapunov", "kaplan_yorke_dimension", "entropy_rate")
    _picture = ("s", "F")
    _freedom = _SETS - 1


class _LostError(Exception):
    """What was not found; the text says what to do."""


class _Clock(NamedTuple):
    """The uncoupled operator L on a periodic window, continuous in time or of a map."""

    step: float | None
    period: float
    size: int  # times, an odd number
    modes: int  # frequencies above 0 that are coupled

    @property
    def omega(self) -> Array:
        """Angular frequencies of the modes, of a map per step."""
        unit = self.period if self.step is None else self.size
        return np.asarray(2 * np.pi * np.arange(self.modes + 1) / unit)

    def symbol(self, s: float, omega: Real) -> Complex:
        """L at the threshold s."""
        if self.step is None:
            return np.asarray(s + 1 + 1j * omega)
        return np.exp(1j * omega) - (1 - self.step) * math.exp(-s * self.step)

    def square(self, s: float) -> Array:
        """|L|² at the threshold s, of the modes."""
        return np.abs(self.symbol(s, self.omega)) ** 2 + _NULL

    def coupling(self, g: float, s: float) -> float:
        """γ_s, the variance of the coupling."""
        return g * g if self.step is None else (g * self.step * math.exp(-s * self.step)) ** 2

    def fraction(self, s: float, W: Complex, loop: float = 0.0) -> float:
        """F from the spectrum W of the response; beyond its modes it is 1/(L − loop/L).

        Of a flow s ≥ −1.
        """
        # Neurons without gain are heard again on a periodic window: half a period after the pulse
        # little else is heard.
        if self.step is None:
            omega = 2 * np.pi * np.arange((_TAIL if loop else 1) * self.modes + 1) / self.period
            again = math.exp(-(s + 1) * self.period / 2) * np.cos(np.pi * np.arange(omega.size))
            pulse, known, unit = 1 - again, 1 / self.symbol(s, omega), self.period
        else:
            omega = 2 * np.pi * np.arange(self.size // 2 + 1) / self.size
            alpha, half = (1 - self.step) * math.exp(-s * self.step), (self.size + 1) // 2
            later = alpha**half if alpha < 1 else 0.0
            pulse = np.exp(1j * omega) - later * np.exp(1j * half * omega)
            known, unit = np.zeros_like(pulse), float(self.size)
        L = self.symbol(s, omega)
        whole = np.r_[W, 1 / (L - loop / L)[W.size :]]
        weights = np.r_[1.0, np.full(omega.size - 1, 2.0)] / unit
        return float(self.step is None) + float(weights @ (pulse * (whole - known)).real)


class _Lattice(NamedTuple):
    """Stationary state of γ = 0 at the times of a clock."""

    clock: _Clock
    g: float
    phi: TransferFunction
    delta: Array  # Δ at the lags
    power: Array  # of φ′ at the frequencies

    def superpose(self, power: Array) -> Array:
        """Matrix of the map P → C∘P of even spectra, C(τ) with this power."""
        k = np.arange(self.clock.modes + 1)
        size = self.clock.size
        other = np.where(k > 0, power[(k[:, None] + k) % size], 0.0)
        return np.asarray(power[np.abs(k[:, None] - k) % size] + other)

    def edge(self) -> float:
        """The maximal exponent: where the solution without coupled response turns unstable."""
        clock, g = self.clock, self.g
        matrix = self.superpose(self.power)

        def excess(s: float) -> float:
            scale = np.sqrt(clock.coupling(g, s) / clock.square(s))
            values = np.linalg.eigvals(scale[:, None] * matrix * scale)
            return float(np.max(values.real)) - 1

        low = -1.0 if clock.step is None else math.log(max(abs(1 - clock.step), 1e-9)) / clock.step
        high = g * self.phi.slope
        return float(scipy.optimize.brentq(excess, low + 1e-3, high, xtol=1e-12))

    def gains(self, stream: np.random.Generator) -> Array:
        """φ′ along independent paths."""
        size = self.clock.size
        power = np.maximum(np.fft.rfft(self.delta).real, 0.0)
        normal = stream.standard_normal((_POOL, 2, power.size))
        amplitude = (normal[:, 0] + 1j * normal[:, 1]) / math.sqrt(2)
        amplitude[:, 0] = normal[:, 0, 0]
        return self.phi.d1(np.fft.irfft(amplitude * np.sqrt(size * power), n=size, axis=1))


def _pair_functions(phi: TransferFunction, delta0: float, rho: Array) -> tuple[Array, Array]:
    """C_φ and C_φ′ at correlation 1 and at further ones ρ."""
    series = hermite_series(phi, delta0, order=_ORDER)
    if not series.truncation < _TRUNCATION:
        raise _LostError("the Hermite series of phi is too long: lower g or sigma")
    rho = np.concatenate([[1.0], rho])
    squares, r = series.squares, rho * rho
    slopes = series.degree * squares / delta0
    return rho * horner(squares, r), horner(slopes, r)


def _lattice(
    g: float,
    sigma: float,
    phi: TransferFunction,
    step: float | None,
    window: float,
    share: float = 1.0,
    n_paths: int = _SETS,
) -> _Lattice:
    """The state of a window with a share of the frequencies; NotConvergedError where none is."""
    state = stationary(g, sigma=sigma, phi=phi)
    delta0 = float(state.delta0)
    z = normal_nodes(phi, delta0)
    weights, x = normal_weights(z, 0.5), math.sqrt(delta0) * z
    steepness, bend = float(weights @ phi.d1(x) ** 2), float(weights @ phi.d2(x) ** 2)
    rate = math.sqrt(2 * float(state.kinetic_energy) * bend / steepness)
    highest = share * (_FROZEN * g * math.sqrt(steepness) + _MOVING * rate)
    modes = cost.whole("window", window, highest * window / (2 * np.pi), _SMALLER) + 1
    if step is None:
        clock = _Clock(None, window, _OVERSAMPLING * modes + 1, modes)
    else:
        times = window / step
        cost.check(
            "step", step, "lengthen it", numbers=times**2, seconds=cost.time_of(60, times**3)
        )
        half = math.ceil(times / 2)
        modes = half if 2 * half < _WHOLE else min(half, modes)
        clock = _Clock(step, (2 * half + 1) * step, 2 * half + 1, modes)
    n = 2 * clock.modes + 1
    work = cost.time_of(2 * n_paths * _THRESHOLDS * _ITERATIONS, 8.0 * n**3)
    held = 2.0 * n_paths * n * n + 2 * _POOL * clock.size
    cost.check("window", window, _SMALLER, numbers=held, seconds=work)
    lags = np.arange(clock.size + 1) * clock.period / clock.size
    delta = stationary(g, sigma=sigma, phi=phi, tau=lags).delta
    folded = (delta + delta[::-1])[: clock.size // 2 + 1]
    if step is not None:
        folded = _of_map(g, sigma, phi, clock, folded)
    C = _pair_functions(phi, folded[0], folded[1:] / folded[0])[1]
    power = np.fft.fft(np.concatenate([C, C[:0:-1]])).real / clock.size
    return _Lattice(clock, g, phi, np.concatenate([folded, folded[:0:-1]]), power)


def _of_map(g: float, sigma: float, phi: TransferFunction, clock: _Clock, delta: Array) -> Array:
    """Δ of the Euler map at the lags up to half the window, by Newton's method."""
    step, size, half = clock.step, clock.size, clock.size // 2
    assert step is not None
    omega = 2 * np.pi * np.arange(half + 1) / size
    leak = step**2 + 4 * (1 - step) * np.sin(omega / 2) ** 2
    wave = np.cos(np.outer(omega, np.arange(half + 1)))
    weights = np.r_[1.0, np.full(half, 2.0)]
    # Of even functions of the lag: to the spectrum, through the leak, and back.
    filtered = wave @ ((weights / leak)[:, None] * (wave * weights)) / size
    strength = (step * g) ** 2

    def source(delta0: float, at: Array) -> tuple[Array, Array]:
        return _pair_functions(phi, delta0, np.clip(at[1:] / delta0, -1.0, 1.0))

    # A long step forgets at once: the second start.
    short = _pair_functions(phi, float(delta[0]), np.zeros(1))[0][0] * strength
    for start in (delta, (short + step * sigma**2) * filtered[:, 0]):
        delta = start
        for _ in range(_NEWTON):
            delta0 = float(delta[0])
            C, slopes = source(delta0, delta)
            off = delta - filtered @ (strength * C) - step * sigma**2 * filtered[:, 0]
            if np.max(np.abs(off)) < _ROUNDING * delta0:
                return delta
            change = 1e-4 * delta0
            above, below = (source(delta0 + sign * change, delta)[0] for sign in (1, -1))
            jacobian = filtered * (strength * slopes)
            jacobian[:, 0] = filtered @ (strength * (above - below) / (2 * change))
            move = np.linalg.solve(np.eye(half + 1) - jacobian, -off)
            delta = delta + move * min(1.0, 0.3 * delta0 / np.max(np.abs(move)))
            if delta[0] <= 0:
                break
    raise _LostError("no stationary state of the map was found: shorten step")


class _Sample(NamedTuple):
    """A few gain paths with weights; power, and mean and spread of features, of many more."""

    clock: _Clock
    gains: Array
    weights: Array
    power: Array
    mean: Array
    spread: Array

    @classmethod
    def of(cls, clock: _Clock, many: Array, count: int, power: Array) -> _Sample:
        # By strata of their activity, of which the many that are silent have a half.
        activity = np.mean(many**2, axis=1)
        order = np.argsort(activity, kind="stable")
        odds = (1 / len(many) + activity / activity.sum()) / 2
        strata = np.searchsorted(np.cumsum(odds[order]), (np.arange(count) + 0.5) / count)
        few = order[strata]
        told = _features(many)
        return cls(clock, many[few], 1 / odds[few], power, told.mean(axis=1), told.std(axis=1))

    def beyond(self, small: _Sample) -> _Sample:
        """What it is told to match, extrapolated to infinite batches from smaller ones."""
        power, mean = (
            one + (one - other) / (SHRINK - 1)
            for one, other in ((self.power, small.power), (self.mean, small.mean))
        )
        return self._replace(power=power, mean=mean)

    @classmethod
    def pooled(cls, sets: list[_Sample]) -> _Sample:
        gains, weights = (np.concatenate([one[k] for one in sets]) for k in (1, 2))
        power = np.mean([one.power for one in sets], axis=0)
        mean = np.mean([one.mean for one in sets], axis=0)
        return cls(sets[0].clock, gains, weights, power, mean, sets[0].spread)


class _Paths(NamedTuple):
    """Gain paths to solve with: operators on the modes and weights."""

    clock: _Clock
    g: float
    gains: Array
    weights: Array
    gamma: float = 0.0
    mean: float = 0.0  # ⟨φ′⟩

    @classmethod
    def of(cls, g: float, gamma: float, sample: _Sample) -> _Paths:
        """Paths, weighted to reproduce averages over many more, with the power of φ′ of these."""
        clock, gains = sample.clock, sample.gains
        weights = _tilted(sample.weights, _features(gains), sample.mean, sample.spread)
        waves = np.fft.rfft(gains, axis=1)
        power = weights @ np.abs(waves / clock.size) ** 2
        # What is left is little, so that a linear filter does; the maximal exponent is exact then.
        exact = np.maximum(sample.power[: power.size], 0.0)
        gains = np.fft.irfft(waves * np.sqrt(exact / power), n=clock.size, axis=1)
        angle = 2 * np.pi * np.outer(np.arange(clock.size), np.arange(1, clock.modes + 1))
        modes = math.sqrt(2 / clock.size) * np.exp(1j * angle / clock.size)
        constant = np.full((clock.size, 1), 1 / math.sqrt(clock.size))
        basis = np.concatenate([constant, modes.real, modes.imag], axis=1)
        mean = float(weights @ gains.mean(axis=1))
        along = np.stack([(basis.T * one) @ basis for one in gains])
        return cls(clock, g, along, weights, gamma, mean)

    @property
    def chunks(self) -> list[tuple[Array, Array]]:
        """Gains and weights of so many paths as are best taken at once."""
        parts = -(-self.gains.size // _AT_ONCE)
        pairs = zip(
            *(np.array_split(each, parts) for each in (self.gains, self.weights)), strict=True
        )
        return list(pairs)

    def times(self, spectrum: Complex, X: Array) -> Array:
        """A stationary operator of this spectrum times matrices."""
        half = self.clock.modes + 1
        real, imaginary = spectrum[:, None].real, spectrum[1:, None].imag
        product = np.concatenate([real, real[1:]]) * X
        product[..., 1:half, :] += imaginary * X[..., half:, :]
        product[..., half:, :] -= imaginary * X[..., 1:half, :]
        return product

    def stationary(self, weights: Array, X: Array, Y: Real) -> Complex:
        """Spectrum of the stationary part of the average of XY."""
        half = self.clock.modes + 1
        both = weights @ np.einsum("...ij,...ji->...i", X, Y)
        other = weights @ np.einsum("...ij,...ji->...i", X[..., 1:half, :], Y[..., half:])
        other -= weights @ np.einsum("...ij,...ji->...i", X[..., half:, :], Y[..., 1:half])
        return _even(both) + 0.5j * np.r_[0.0, other]

    def edge(self) -> float:
        """The maximal exponent, where γ ≠ 0: as of `_Lattice`, of these paths."""
        clock, g, half = self.clock, self.g, self.clock.modes + 1
        unit, B = np.eye(2 * half - 1), np.zeros(half, np.complex128)

        def excess(s: float) -> float:
            nonlocal B
            L = self.times(clock.symbol(s, clock.omega), unit)
            for _ in range(_STEPS):
                last, C, reaction = B, np.zeros((half, half)), np.zeros(half, np.complex128)
                for gains, weights in self.chunks:
                    response = np.linalg.inv(L - self.times(B, gains))
                    reaction += self.stationary(weights, gains, response)
                    squares = np.tensordot(weights, (gains @ response) ** 2, 1)
                    heard = squares[:, :half].copy()
                    heard[:, 1:] += squares[:, half:]
                    C += np.stack([_even(column) for column in heard.T], axis=1)
                B = self.gamma * g * g * reaction
                if np.max(np.abs(B - last)) < _TOL * g:
                    break
            return g * g * float(np.max(np.linalg.eigvals(C).real)) - 1

        low = high = g
        while excess(high) > 0:
            high *= 2
        while excess(low) < 0:
            low, high = low - (low + 1) / 4, low
        return float(scipy.optimize.brentq(excess, low, high, xtol=_TOL))


def _features(gains: Array) -> Array:
    """Averages of a gain path that explain most of what its response differs in."""
    spectrum = np.fft.rfft(gains, axis=1) / gains.shape[1]
    mean = spectrum[:, 0].real
    powers = np.abs(spectrum[:, 1:_POWERS].T) ** 2
    square = np.mean(gains**2, axis=1)
    return np.stack([mean, mean**2, mean**3, mean**4, square, *powers])


def _tilted(weights: Array, features: Array, mean: Array, spread: Array) -> Array:
    """Weights times exp(λ·f) with which the averages of the features are those given."""
    z = (features - mean[:, None]) / np.maximum(spread, 1e-9)[:, None]
    tilt, plain = np.zeros(len(z)), np.log(weights)
    weights = weights / weights.sum()
    for _ in range(100):
        off = z @ weights
        if np.max(np.abs(off)) < 1e-10:
            break
        curvature = (z * weights) @ z.T - np.outer(off, off)
        move = np.linalg.solve(curvature + 1e-9 * np.eye(len(z)), off)
        tilt -= move * min(1.0, 2 / np.max(np.abs(move)))
        logs = plain + tilt @ z
        weights = np.exp(logs - np.max(logs))
        weights /= weights.sum()
    return weights


def _even(diagonal: Array) -> Array:
    """Of cosines and sines of the same frequency the mean."""
    half = diagonal.size // 2 + 1
    return np.r_[diagonal[0], (diagonal[1:half] + diagonal[half:]) / 2]


class _Point(NamedTuple):
    """A solution, and the spectrum of its response."""

    A: Array
    P: Array
    B: Complex
    W: Complex
    residual: float


def _mapped(
    paths: _Paths, s: float, eta: float, A: Array, P: Array, B: Complex
) -> tuple[Array, Array, Complex, Array, Complex]:
    """One application of the equations of A, P and, with γ ≠ 0, B, and the spectra V and W."""
    clock, coupling = paths.clock, paths.clock.coupling(paths.g, s)
    both = np.concatenate([np.arange(clock.modes + 1), np.arange(1, clock.modes + 1)])
    unit, L = np.eye(both.size), clock.symbol(s, clock.omega)
    left = 1 / np.sqrt(eta + A)[both]
    right = 1 / (left * np.sqrt(clock.square(s))[both])
    alone = paths.times(L, unit)
    sums, (W, reaction) = np.zeros((3, both.size)), np.zeros((2, B.size), np.complex128)
    for gains, weights in paths.chunks:
        inner = coupling * (gains * P[both]) @ gains + eta * unit
        whole = right[:, None] * inner * right
        if B.size:
            X = left[:, None] * (alone - paths.times(B, gains)) * right
            R = np.linalg.inv(whole + X.mT @ X)
            pulled = R @ X.mT
            sums[2] += weights @ (1 - np.einsum("pij,pji->pi", X, pulled)) * left**2
            pulled *= right[:, None] * left
            W += paths.stationary(weights, unit[None], pulled)
            reaction += paths.stationary(weights, gains, pulled)
        else:
            # The same without cancellation.
            R = np.linalg.inv(whole + unit)
            sums[2] += weights @ np.einsum("pij,pij->pi", R, whole) * left**2
        R *= right[:, None] * right
        sums[0] += weights @ np.einsum("pii->pi", R)
        sums[1] += weights @ np.einsum("pij,pij->pi", gains @ R, gains)
    V, hit, P = (_even(one) for one in sums)
    if not B.size:
        W = V * L.conj() / (eta + A)
    return coupling * hit, P, paths.gamma * coupling * reaction, V, W


def _solved(paths: _Paths, s: float, eta: float, A: Array, P: Array, B: Complex) -> _Point:
    """The fixed point, by Anderson mixing of log A, log P and B in the gauge Tr P = Tr V."""
    half = A.size
    trace = np.r_[1.0, np.full(half - 1, 2.0)]
    x = np.concatenate([np.log(A), np.log(P), B.real, B.imag])
    places: list[Array] = []
    moves: list[Array] = []
    residual = math.inf
    for _ in range(_STEPS):
        A, P = np.exp(x[:half]), np.exp(x[half : 2 * half])
        B = x[2 * half :][: B.size] + 1j * x[2 * half + B.size :]
        new_A, new_P, new_B, V, W = _mapped(paths, s, eta, A, P, B)
        if not (np.all(new_A > 0) and np.all(new_P > 0)):
            return _Point(A, P, B, W, math.inf)
        gauge = math.log(float(trace @ new_P) / float(trace @ V)) / 2
        logs = np.log(new_A) + gauge, np.log(new_P) - gauge
        move = np.concatenate([*logs, new_B.real, new_B.imag]) - x
        residual = float(np.max(np.abs(move)))
        if residual < _TOL:
            break
        places, moves = [*places[-_DEPTH:], x], [*moves[-_DEPTH:], move]
        jump = move
        if len(places) > 1:
            turns = np.diff(moves, axis=0).T
            share = np.linalg.lstsq(turns, move, rcond=1e-10)[0]
            jump = move - (np.diff(places, axis=0).T + turns) @ share
            if np.max(np.abs(jump)) > _JUMP:
                jump, places, moves = move, [], []
        x = x + jump
    return _Point(A, P, B, W, residual)


def _grid(edge: float, lowest: float, count: int) -> Array:
    """Thresholds, denser towards −1, where silent neurons are, and more so towards the edge."""
    if edge <= lowest:
        return np.array([lowest])
    # The last is nearer to the edge than the edge is to 0.
    share = max(edge, _SHALLOW) / (4 * (edge - lowest))
    power = max(_GRADING, math.log(share) / math.log(_GRADING / count))
    x = np.linspace(0.0, 1.0, count + 1) ** _GRADING
    return np.asarray(edge - (edge - lowest) * (1 - x) ** power)


def _spectrum(
    paths: _Paths, edge: float, lowest: float, count: int, tick: Callable[[], object]
) -> scipy.interpolate.CubicSpline:
    """F between the lowest threshold and the edge."""
    s = _grid(edge, lowest, count)
    A = paths.g * np.exp(-paths.clock.omega)
    P = A / paths.g**2
    B = np.zeros(A.size if paths.gamma else 0, np.complex128)
    loop = paths.gamma * (paths.g * paths.mean) ** 2
    F = np.ones(count + 1)
    etas: tuple[float, ...] = _ETAS
    for k in range(count):
        if k == 0 and paths.clock.step is None:
            F[0] = 0.5
            continue
        for eta in etas:
            point = _solved(paths, s[k], eta, A, P, B)
            A, P, B = point.A, point.P, point.B
        if not point.residual < _LOOSE:
            raise _LostError(f"no solution at s={s[k]:.3g}: raise window or n_paths")
        etas = etas[-1:]
        F[k] = paths.clock.fraction(s[k], point.W, loop)
        tick()
    return scipy.interpolate.CubicSpline(s, F)


def _at_rest(radius: float, step: float | None, s: Array) -> Array:
    """F and its density of gains that do not move: eigenvalues fill a disc of this radius."""
    if step is None:
        # Of radius 0 at γ = −1: all exponents are −1, their density is a peak.
        u = np.clip((s + 1) / max(radius, _NULL), -1.0, 1.0)
        chord = np.sqrt(1 - u * u)
        F = 0.5 + (np.arcsin(u) + u * chord) / np.pi
        peak = np.where(chord > 0, np.inf, 0.0)
        return np.concatenate([F, 2 * chord / (np.pi * radius) if radius else peak])
    # The part of the disc around 1 − δ that is within e^(sδ) of 0.
    r, R, d = step * radius, np.exp(s * step), max(1 - step, _NULL)
    own = np.arccos(np.clip((d * d + r * r - R * R) / (2 * d * r), -1.0, 1.0))
    other = np.arccos(np.clip((d * d + R * R - r * r) / (2 * d * R), -1.0, 1.0))
    kite = (r + R - d) * (d + r - R) * (d - r + R) * (d + r + R)
    area = r * r * own + R * R * other - np.sqrt(np.maximum(kite, 0.0)) / 2
    return np.concatenate([area, 2 * step * R * R * other]) / (np.pi * r * r)


def _numbers(F: scipy.interpolate.CubicSpline, s: Array, is_flow: bool) -> Array:
    """F and its density at s, Kaplan–Yorke dimension, entropy rate and maximal exponent."""
    lowest, edge = float(F.x[0]), float(F.x[-1])
    # Exponents of the flow are symmetric about −1.
    mirrored = is_flow & (s < -1)
    at = np.where(mirrored, -2 - s, s)
    value = np.where(at < edge, F(np.minimum(at, edge)), 1.0)
    density = np.where(at < edge, F(np.minimum(at, edge), 1), 0.0)
    value = np.where(mirrored, 1 - value, value)
    if edge <= 0:
        return np.concatenate([value, density, [0.0, 0.0, edge]])

    def total(x: float) -> float:
        """Sum of the exponents above x."""
        return edge - x * float(F(x)) - float(F.integrate(x, edge))

    if total(lowest) > 0:
        raise _LostError(f"the exponents above {lowest:g} still grow in sum: lower thresholds")
    share = 1 - float(F(scipy.optimize.brentq(total, lowest, 0.0)))
    return np.concatenate([value, density, [share, total(0.0), edge]])


@validated
def lyapunov_spectrum(
    g: float,
    gamma: float = 0.0,
    *,
    sigma: float = 0.0,
    phi: str | TransferFunction = "tanh",
    step: float | None = None,
    thresholds: ArrayLike | None = None,
    window: float | None = None,
    n_paths: int = 128,
    seed: seeds.Seed | None = None,
    throw: bool = True,
    progress: bool = False,
) -> MeanFieldLyapunovSpectrum:
    """All Lyapunov exponents of the network ẋ = −x + Jφ(x) + ξ, N → ∞.

    Parameters
    ----------
    g : float
        Gain, > 0.
    gamma : float
        Symmetry of the couplings in [−1, 1]; where it is not 0, of the flow without noise.
    sigma : float
        Amplitude of white noise ⟨ξ(t)ξ(t′)⟩ = σ² δ(t − t′), the same for perturbed states.
    phi : str or TransferFunction
        Odd transfer function.
    step : float, optional
        Exponents of the Euler map of this step, from 0.001 to 1, per unit time.  Default: the flow.
    thresholds : (S,) array_like, optional
        Exponents s, increasing, at which F is told.  Default: from −1 to the maximal one, denser
        towards it.
    window : float, optional
        Period of the gain paths, at least 8.  Default twelve decay times of Δ, at least 24; with
        γ ≠ 0 four integrals of the correlation, at least 24.
    n_paths : int
        Gain paths, at least 64, a multiple of 4; with more the error falls like the root.
    seed : Seed, optional
    throw : bool
        Raise where the result has not converged; otherwise it is nan.
    progress : bool
        Show a progress bar on a terminal.

    Returns
    -------
    MeanFieldLyapunovSpectrum

    Raises
    ------
    ArgumentError
        If an argument is outside its range.
    NotConvergedError
        If `throw` and a fixed point was not found, the dimension has a relative error above 0.1,
        or the state is not stationary after 60 time constants.

    Notes
    -----
    F(s) is the fraction of exponents below s.  With the gains D = φ′(x(t)) of a neuron on a
    periodic window, L = d/dt + 1 + s and γ_s = g² of the flow, or L = T − α with the shift T,
    α = (1 − δ)e^(−sδ) and γ_s = (δ g e^(−sδ))² of the map of step δ, and η → 0⁺,

        X = L − BD,   R = [η + γ_s DPD + Xᵀ(η + A)⁻¹X]⁻¹,   W = R Xᵀ(η + A)⁻¹,
        A = γ_s⟨DRD⟩,   P = (1 − ⟨XW⟩)/(η + A),   B = γγ_s⟨DW⟩,

    of which A, P, B and ⟨W⟩ keep the stationary parts, diagonal in the frequencies:

        F = ½ + ∫dω/2π Re⟨W⟩,   or   F = ∫dω/2π Re e^(iω)⟨W⟩  of the map.

    With γ = 0, where B = 0 and the gains are those of the stationary Gaussian process, this is the
    theory of [1]_.  B is what the neighbours of a neuron answer to its tangent.  That the gains of
    others depend on its couplings matters only in their trajectories, which are those of
    `two_time`: in the sums over couplings it is smaller by N^(−1/2).  The exponents of the flow are
    symmetric about −1, for JD and DJ have the same ones and the adjoint of DJ is JᵀD.  Gains that
    do not move (a network at rest, a linear φ) obey the elliptic law.  Otherwise F falls below 1
    where the solution with A = 0 turns unstable: at γ = 0 at the maximal exponent of `stationary`,
    else at one that has an error.  The dimension and the entropy are integrals of F.

    Four sets of paths are solved, each taken by strata of their mean square gain from 8192, or with
    γ ≠ 0 from the 4096 of a batch of the sampler, closed where their ends are close by.  Weights
    and a filter make averages of the gains, their powers and slow frequencies, and the power
    spectrum, those of all the others, the latter exact at γ = 0; of batches they are extrapolated
    in their size, by others of 1024.  All sets together are solved once more: the bias, taken to
    fall like 1/n_paths, is subtracted, and counted in full as an error beside the scatter of the
    sets.  A run with half the window, three quarters of the frequencies and half the thresholds
    adds its distance where that exceeds the scatter.

    References
    ----------
    .. [1] D. G. Clark, "Lyapunov spectrum of random neural networks" (2026).

    Examples
    --------
    >>> from meanfield import lyapunov_spectrum
    >>> rest = lyapunov_spectrum(0.5, thresholds=[-1.25, -1, -0.75])
    >>> rest.F.round(4).tolist()
    [0.1955, 0.5, 0.8045]
    >>> more = lyapunov_spectrum(0.5, 0.2, thresholds=[-0.75])  # an ellipse, its axis 0.5 (1 + 0.2)
    >>> more.F.round(4).tolist(), round(more.lyapunov, 9)
    ([0.7574], -0.4)
    """
    attributes = given(lyapunov_spectrum, locals())
    g, sigma = arguments.positive("g", g), arguments.nonnegative("sigma", sigma)
    gamma = arguments.within("gamma", gamma, -1, 1)
    transfer = odd_function(phi)
    if step is not None:
        step = arguments.within("step", step, _SHORTEST_STEP, 1.0)
    if gamma != 0 and (step is not None or sigma != 0):
        told = f"step={step:g}" if step is not None else f"sigma={sigma:g}"
        raise ArgumentError(
            f"{told}: must be {None if step is not None else 0} with gamma={gamma:g}"
        )
    n_paths = arguments.count("n_paths", n_paths, 64)
    if n_paths % _SETS:
        raise ArgumentError(f"n_paths={n_paths}: must be a multiple of {_SETS}")
    s = None if thresholds is None else arguments.axis("thresholds", thresholds)
    if window is not None:
        window = arguments.within("window", window, _LEAST, math.inf)
    seed = attributes["seed"] = seeds.entropy(seed)
    radius = g * transfer.slope * (1 + gamma)
    if (radius < 1 and transfer.is_linear) or (radius <= 1 and sigma == 0):
        edge = radius - 1 if step is None else math.log((1 - step) + step * radius) / step
        s = _grid(edge, -1.0, _THRESHOLDS) if s is None else s
        value = np.concatenate([_at_rest(radius, step, s), [0.0, 0.0, edge]])
        return _result(s, value, np.zeros_like(value), CONVERGED, "", attributes)
    state = None if gamma else stationary(g, sigma=sigma, phi=transfer, throw=False)
    status, reason = (str(state.status), str(state.reason)) if state else (CONVERGED, "")
    if status == CONVERGED:
        lowest = -1.0 if s is None or step is None else min(-1.0, float(s[0]))
        total = _THRESHOLDS * (2 * _SETS + 3) // 2 + 2 * _SETS * (gamma != 0)
        try:
            with bar(total, "Lyapunov spectrum", progress, "threshold") as meter:
                if window is None and state:
                    window = max(_SHORTEST, _DECAYS / float(state.decay_rate))
                elif window is None:
                    window = _usual_window(g, gamma, transfer, seed)
                attributes["window"] = window
                if state:
                    how = transfer, step, window, n_paths, seed
                    sets, (fine, coarse) = _gaussian(g, sigma, *how)
                else:
                    sets = _sampled(g, gamma, transfer, window, n_paths, seed, meter.update)
                samples = *sets[0], *(_Sample.pooled(level) for level in sets)
                paths = [_Paths.of(g, gamma, sample) for sample in samples]
                edges = [fine] * (_SETS + 1) + [coarse] if state else [one.edge() for one in paths]
                s = _grid(edges[_SETS], lowest, _THRESHOLDS) if s is None else s
                value, error = _moving(paths, edges, s, lowest, meter.update)
        except (_LostError, SamplerError) as lost:
            status, reason = FLAGGED, str(lost)
        else:
            if state:
                value[-1] = edges[0] if step is not None else float(state.lyapunov)
                error[-1] = 0.0
            if error[-3] > _ACCURACY * value[-3]:
                told = f"relative error {error[-3] / value[-3]:.2g} of the dimension"
                status, reason = FLAGGED, f"{told}: raise n_paths or window"
    if status != CONVERGED:
        s = np.empty(0) if s is None else s
        value = error = np.full(2 * s.size + 3, math.nan)
    assert s is not None
    found = _result(s, value, error, status, reason, attributes)
    if throw:
        found.raise_unless_converged()
    return found


def _gaussian(
    g: float, sigma: float, phi: TransferFunction, step: float | None, window: float, n_paths: int,
    seed: int,
) -> tuple[list[list[_Sample]], list[float]]:  # fmt: skip
    """Sets of paths of γ = 0, fine and coarse, and the maximal exponents."""
    lattices = [
        _lattice(g, sigma, phi, step, length * window, share, n_paths)
        for length, share in ((1.0, 1.0), (_COARSE_WINDOW, _COARSE_BAND))
    ]
    sets = [
        [
            _Sample.of(
                one.clock,
                one.gains(seeds.generator(seed, "sampling", level, k)),
                n_paths // _SETS,
                one.power,
            )
            for k in range(_SETS)
        ]
        for level, one in enumerate(lattices)
    ]
    return sets, [one.edge() for one in lattices]


def _recorded(
    g: float, gamma: float, phi: TransferFunction, length: float, size: int, seed: int, *key: int
) -> tuple[float, Array]:
    """Step and stationary trajectories of this length from the causal sampler, (size, times)."""
    t_max = _SETTLED + length
    dt = suggested_step(g, gamma, phi, 0.0, t_max)
    work = cost.time_of(t_max / dt, 25.0 * size * _MEMORY / dt)
    cost.check("window", length, _SMALLER, numbers=10 * size * length / dt, seconds=10 * work)
    grid = step_times((0.0, t_max), dt)
    setting = SamplerSetting(
        rate_model(phi), g, gamma, lambda t: 0.0, 1.0, (0.0, t_max), grid, neglect=_NEGLECT,
        window=_MEMORY,
    )  # fmt: skip
    run = SamplerRun(setting, size, seed, *key)
    x = np.stack([one.x for one in run if one.t >= _SETTLED], axis=1)
    if run.operator.is_exhausted:
        raise _LostError("trajectories have no room for matched innovations: lower g")
    return float(grid[1]), x


def _correlation(x: Array, lags: int) -> Array:
    """⟨x(t)x(t + τ)⟩ over trajectories and times, without bias, at so many lags."""
    times = x.shape[1]
    power = np.mean(np.abs(np.fft.rfft(x, 2 * times, axis=1)) ** 2, axis=0)
    return np.fft.irfft(power)[:lags] / np.arange(times, times - lags, -1)


def _usual_window(g: float, gamma: float, phi: TransferFunction, seed: int) -> float:
    """So many times the integral of C(τ)/C(0), from a few trajectories."""
    step, x = _recorded(g, gamma, phi, _PILOT, _TRAJECTORIES // SHRINK, seed, 2, 0)
    C = _correlation(x, x.shape[1] // 2)
    return max(_SHORTEST, _REMEMBERED * step * float(np.sum(C)) / float(C[0]))


def _sampled(
    g: float, gamma: float, phi: TransferFunction, window: float, n_paths: int, seed: int,
    tick: Callable[[], object],
) -> list[list[_Sample]]:  # fmt: skip
    """Sets of paths from the causal sampler, fine and coarse."""

    def record(shrink: int, k: int) -> tuple[float, Array]:
        length = (1 + _SPARE) * window + 2 * _BLEND
        found = _recorded(g, gamma, phi, length, _TRAJECTORIES // shrink, seed, shrink, k)
        tick()
        return found

    large, few = ([record(shrink, k) for k in range(_SETS)] for shrink in (1, SHRINK))
    step, records, small = large[0][0], [x for _, x in large], [x for _, x in few]
    size = 2 * int(window / step / 2) + 1
    squares = [phi.d1(x) ** 2 for x in records]
    halves = (np.array_split(one, 2, axis=1) for one in squares)
    drift = np.array([late.mean() - early.mean() for early, late in halves])
    steepness = float(np.mean(squares))
    if abs(drift.mean()) > _DRIFT * steepness + 3 * drift.std(ddof=1) / math.sqrt(_SETS):
        raise _LostError("the state is not yet stationary: <phi'^2> drifts")
    rate = math.sqrt(np.mean(np.diff(phi.d1(records[0]), axis=1) ** 2) / steepness) / step
    highest = _FROZEN * max(1.0, 1 - gamma) * g * math.sqrt(steepness) + _MOVING * rate
    levels = []
    for share, length in ((1.0, size), (_COARSE_BAND, size // 4 * 2 + 1)):
        modes = int(share * highest * length * step / (2 * np.pi)) + 1
        n = 2 * modes + 1
        work = cost.time_of(2 * n_paths * _THRESHOLDS * _ITERATIONS, 30.0 * n**3)
        cost.check("window", window, _SMALLER, numbers=n_paths * 2.0 * n * n, seconds=work)
        clock = _Clock(None, length * step, length, modes)
        sets = []
        for pair in zip(records, small, strict=True):
            own, other = (
                _Sample.of(
                    clock, phi.d1(_closed(x, length, math.ceil(_BLEND / step))), n_paths // _SETS,
                    _folded(phi.d1(x), length),
                )
                for x in pair
            )  # fmt: skip
            sets.append(own.beyond(other))
        levels.append(sets)
    return levels


def _closed(x: Array, size: int, blend: int) -> Array:
    """So many times of each trajectory, of periodic gain: it goes on as it began, or negated."""
    starts = np.arange(min(x.shape[1] - size - blend, round(_SPARE * size)))
    apart = np.abs(np.abs(x[:, size + starts]) - np.abs(x[:, starts]))
    begin = np.argmin(apart, axis=1)[:, None]
    found = np.take_along_axis(x, begin + np.arange(size + blend), axis=1)
    sign = np.sign(found[:, :1] * found[:, size : size + 1])
    share = np.sin(np.pi / 2 * np.arange(blend) / blend) ** 2
    found[:, :blend] = (1 - share) * sign * found[:, size:] + share * found[:, :blend]
    return found[:, :size]


def _folded(gains: Array, size: int) -> Array:
    """Power on a periodic window of as many times, of all that is known of the correlation."""
    # That of closed trajectories is too small by the share of the lag in the window.
    square = float(np.mean(gains)) ** 2
    C = _correlation(gains, size) - square
    C[1:] += C[:0:-1].copy()
    C += square
    return np.asarray(np.fft.rfft(C).real / size)


def _moving(
    paths: list[_Paths], edges: list[float], s: Array, lowest: float, tick: Callable[[], object]
) -> tuple[Array, Array]:
    """What `_numbers` tells, with errors, from sets of paths, all of them, and coarse ones."""
    counts = [_THRESHOLDS] * (_SETS + 1) + [_THRESHOLDS // 2]
    is_flow = paths[0].clock.step is None
    *parts, value, rough = (
        _numbers(_spectrum(one, edge, lowest, count, tick), s, is_flow)
        for one, edge, count in zip(paths, edges, counts, strict=True)
    )
    scatter = np.var(parts, axis=0, ddof=1) / _SETS
    few = (np.mean(parts, axis=0) - value) / (_SETS - 1)
    resolution = np.maximum((rough - value) ** 2 - _NOISE * scatter, 0.0)
    return value - few, np.sqrt(scatter + few**2 + resolution)


def _result(
    s: Array, value: Array, error: Array, status: str, reason: str, attributes: dict[str, Any]
) -> MeanFieldLyapunovSpectrum:
    """Labelled: `value` and `error` hold what `_numbers` tells."""
    named: dict[str, Any] = {}
    for suffix, numbers in (("", value), ("_err", error)):
        F, density, rest = np.split(numbers, [s.size, 2 * s.size])
        named |= {
            f"F{suffix}": F,
            f"density{suffix}": density,
            f"kaplan_yorke_dimension{suffix}": float(rest[0]),
            f"entropy_rate{suffix}": float(rest[1]),
            f"lyapunov{suffix}": float(rest[2]),
        }
    return MeanFieldLyapunovSpectrum(
        s=s, **named, status=status, reason=reason, attributes=attributes
    )
