"""Suppression of chaos by a periodic drive with random phases, γ = 0.

ẋ_i = −x_i + Σ_j J_ij φ(x_j) + A cos(ωt + θ_i), θ_i uniform, has x = y + a cos(ωt + θ'), where
a = A/√(1 + ω²) and y is Gaussian of covariance Δ with

    Δ − Δ″ = g²C(τ),   C(τ) = E φ(y + a cos θ) φ(y′ + a cos(θ + ωτ)) = Σ b_kn² ρ^k cos(nωτ) w_n,

b_kn the coefficients of φ(√Δ₀ z + a cos θ) in Hermite polynomials of z and cosines of nθ, w_0 = 1,
else ½, and ρ = Δ/Δ₀.  For an odd φ there is always the locked state, in which y too repeats the
drive: Δ(τ + π/ω) = −Δ(τ).  In chaos Δ(τ) decays to one of these at long lags.  Two trajectories of
one network and drive part like e^(λt) where (1 + λ)² is the largest eigenvalue of
d²/dτ² + g²E φ'φ'; in the locked state, whose λ is that of a function of the drive's period, its
sign tells whether chaos is suppressed.
"""

import math
from contextlib import suppress
from typing import Any, NamedTuple

import numpy as np
import scipy
from numpy.typing import ArrayLike
from scipy.linalg import eigh

from ..common import arguments, cost, result
from ..common.arguments import Array, validated
from ..common.jobs import bar
from ..common.result import ABSENT, CONVERGED, FLAGGED, Result, given
from ..transfer import TransferFunction, odd_function
from .stationary.hermite import normal_nodes, normal_weights
from .stationary.solver import stationary

# Degrees of a block and its share of ⟨φ'²⟩ that ends the series; its longest.
_BLOCK, _NEGLIGIBLE, _LONGEST = 32, 1e-17, 6000
# Angles in [0, π], further ones for a length of a, and what the last cosines may have of φ².
_ANGLES, _PER_LENGTH, _LAST = 16, 10, 1e-13
# Spacing of lags in widths of C; fewest in a period of the locked state, and of chaos, most in half
# a window, and those of the coarser solution that tells the error.
_SPACING, _FEWEST, _FEWER, _MOST, _COARSE = 0.35, 48, 16, 2000, 0.75
# Angular frequency beyond which the drive's part of x is none.
_FASTEST = 1e4
# Decay times in half a window, by how much it grows, and what may be left of chaos at its end.
_DECAYS, _WIDER, _LEFT = 10.0, 1.3, 1e-6
# Newton's method: steps, where it has converged, where rounding may have stopped it, and the
# largest change of Δ that follows a state.
_NEWTON, _ROUNDING, _CLOSE, _FAR = 25, 1e-13, 1e-8, 0.2
# Simple iterations first, until they move less than that; the smallest step of the amplitude.
_ITERATIONS, _NEAR, _SMALLEST = 60, 1e-3, 1e-3
_DIFFERENCE = 1e-6
# Gain from which a point takes longer, time for it, and default lags in units of time and of
# periods.
_LARGE = 3.0
_SECONDS, _SPAN, _PERIODS = 1.5, 20.0, 4.0
# Amplitudes between which the boundary is looked for, in units of length √(1 + ω²), their ratio,
# and its relative precision.
_WEAK, _STRONG, _STEP, _PRECISION = 1e-3, 1e4, 1.5, 1e-12
_RESULTS = ("delta0", "delta_locked", "q", "Q", "kinetic_energy", "lyapunov", "r_int")
_LINEAR = "no stationary state: phi is linear and g phi'(0) >= 1"


class DrivenStationary(Result):
    """Stationary state of a driven network; arrays have the broadcast shape of the parameters.

    Times are in units of the time constant of the neurons.  In the locked state `delta_locked` is
    `delta0` and `lyapunov` is `lyapunov_locked`, both negative.
    """

    g: Array = result.coordinate("gain", (...,), symbol="$g$")
    amplitude: Array = result.coordinate("amplitude of the drive", (...,), symbol="$A$")
    frequency: Array = result.coordinate(
        "angular frequency of the drive", (...,), "1/time constant", symbol=r"$\omega$"
    )
    delta0: Array = result.value("variance of x", (...,), symbol=r"$\Delta_0$")
    delta_locked: Array = result.value(
        "part of the variance of x that repeats the drive",
        (...,),
        note="The autocovariance at long lags that are whole periods.",
    )
    q: Array = result.value("mean square activity <phi^2>", (...,), symbol="$q$")
    Q: Array = result.value(
        "part of q that repeats the drive", (...,), symbol="$Q$", note="C at long whole periods."
    )
    kinetic_energy: Array = result.value(
        "kinetic energy per neuron <f^2>/2", (...,), note="f = −x + h, without the drive."
    )
    lyapunov: Array = result.value(
        "maximal Lyapunov exponent, at the same drive", (...,), "1/time constant",
        symbol=r"$\lambda$",
    )  # fmt: skip
    lyapunov_locked: Array = result.value(
        "the same of the locked state",
        (...,),
        "1/time constant",
        note="Positive where that is unstable: there the network is chaotic.",
    )
    r_int: Array = result.value("integrated response <phi'>", (...,), symbol=r"$R_{\mathrm{int}}$")
    tau: Array = result.coordinate("time lag", (..., "lag"), "time constant", symbol=r"$\tau$")
    delta: Array = result.value(
        "autocovariance of x", (..., "lag"), symbol=r"$\Delta(\tau)$", note="With the drive in it."
    )
    C: Array = result.value("autocorrelation of phi(x)", (..., "lag"), symbol=r"$C(\tau)$")
    residual: Array = result.value("relative size of the last step of Newton's method", (...,))
    resolution_error: Array = result.value(
        "largest change of a result on a coarser grid and in a shorter window",
        (...,),
        note="Relative; of exponents absolute.",
    )
    _headline = _curves = ("delta0", "q", "lyapunov")
    _picture = ("tau", "C")


class _Site:
    """φ of a neuron with a Gaussian part of one variance and a part a cos θ."""

    def __init__(self, phi: TransferFunction, delta0: float, a: float) -> None:
        # On z ≥ 0: φ is odd, so that k + n is odd.
        z = normal_nodes(phi, delta0)
        count = _ANGLES + math.ceil(_PER_LENGTH * a / phi.length) * (not phi.is_linear)
        while True:
            theta = math.pi * (np.arange(count) + 0.5) / count
            values = phi.phi(math.sqrt(delta0) * z[:, None] + a * np.cos(theta))
            b = scipy.fft.dct(values, type=2, axis=1) / count
            b[:, 0] /= 2
            if np.max(np.abs(b[:, -2:])) <= _LAST * np.max(np.abs(b)) or count > _LONGEST:
                break
            count *= 2
        projector = normal_weights(z, 0.25)[:, None] * b
        odd = [np.where(np.arange(count) % 2 == 1 - k, 1.0, 0.0) for k in (0, 1)]
        before, now = np.zeros_like(z), np.exp(-z * z / 4)
        rows: list[Array] = []
        total = 0.0
        # Beyond, the grid would not know a polynomial from another one.
        for k in range(min(_LONGEST, int((math.pi / z[1]) ** 2))):
            rows.append(odd[k % 2] * (now @ projector))
            if len(rows) % _BLOCK == 0:
                block = sum((k - i) * float(np.sum(rows[-1 - i] ** 2)) for i in range(_BLOCK))
                total += block
                if block <= _NEGLIGIBLE * total:
                    break
            before, now = now, (z * now - math.sqrt(k) * before) / math.sqrt(k + 1)
        squares = np.array(rows) ** 2
        squares[:, 1:] /= 2
        kept = np.flatnonzero(np.max(squares, axis=0) > 0)
        self.delta0, self._squares = delta0, squares[:, : kept[-1] + 1 if kept.size else 1]
        self.slope = float(rows[1][0]) / math.sqrt(delta0)

    def __call__(self, delta: Array, angle: Array) -> tuple[Array, Array]:
        """C and C' = ⟨φ'φ'⟩ at covariances Δ and phases ωτ."""
        rho = np.clip(delta / self.delta0, -1, 1)
        n = np.arange(self._squares.shape[1])
        parts = self._squares @ np.cos(np.outer(n, angle))
        value, slope = parts[-1].copy(), np.zeros_like(rho)
        for part in parts[-2::-1]:
            slope = slope * rho + value
            value = value * rho + part
        return value, slope / self.delta0


class _Grid:
    """Even functions on a periodic window of the lag, half of which is kept."""

    def __init__(self, omega: float, periods: int, count: int) -> None:
        self.periods, self.omega, self.length = periods, omega, 2 * math.pi / omega * periods
        place = np.arange(count // 2 + 1)
        self.tau: Array = np.asarray(self.length / count * place, dtype=float)
        self.angle: Array = omega * self.tau
        rate = 2 * math.pi / self.length * place
        cosines = np.cos(2 * math.pi / count * np.outer(place, place))
        weight = np.full(place.size, 2.0)
        weight[[0, -1]] = 1.0
        self._rate, self._weight = rate, weight
        self._modes = cosines * weight / count
        self.kernel = (cosines * weight) @ (self._modes / (1 + rate * rate)[:, None])
        self._curve = -(cosines * weight) @ (self._modes * (rate * rate)[:, None])

    def top(self, potential: Array) -> float:
        """Largest eigenvalue of d²/dτ² + a potential."""
        root = np.sqrt(self._weight)
        form = self._curve * root[:, None] / root + np.diag(potential)
        last = potential.size - 1
        return float(eigh((form + form.T) / 2, eigvals_only=True, subset_by_index=[last, last])[0])

    def at(self, curve: Array, tau: Array) -> Array:
        """A function at any lags, beyond the window with the period of the drive."""
        period = 2 * math.pi / self.omega
        tau = tau - period * np.maximum(np.ceil((tau - self.length / 2) / period - 1e-9), 0)
        return np.cos(np.outer(tau, self._rate)) @ (self._weight * (self._modes @ curve))


class _State(NamedTuple):
    """A covariance Δ of y on a grid, with what belongs to it."""

    grid: _Grid
    delta: Array
    C: Array
    steepness: Array  # ⟨φ'φ'⟩
    slope: float
    residual: float


class _Solver(NamedTuple):
    """One network and drive; `refinement` divides the spacing and the length of the window."""

    phi: TransferFunction
    g: float
    frequency: float
    refinement: float = 1.0

    def low_passed(self, amplitude: float) -> float:
        """Amplitude a of the drive's part of x."""
        return amplitude / math.hypot(1.0, self.frequency)

    def grid(self, amplitude: float, least: float) -> _Grid | None:
        """A window of whole periods; None if it would need too many lags."""
        most = self.phi.length**2
        variance = (self.g * min(self.phi.saturation, self.phi.unit)) ** 2
        variance += self.low_passed(amplitude) ** 2
        spacing = _SPACING / math.sqrt(1 + variance / most) / self.refinement
        period = 2 * math.pi / self.frequency
        periods = max(1, math.ceil(least * self.refinement / period))
        fewest = (_FEWEST if periods == 1 else _FEWER) * self.refinement
        count = 4 * math.ceil(max(period / spacing, fewest) / 4) * periods
        if count > 2 * _MOST or self.frequency > _FASTEST:
            return None
        return _Grid(self.frequency, periods, count)

    def solved(self, grid: _Grid, amplitude: float, delta: Array, *, locks: bool) -> _State:
        """The state near a covariance, by Newton's method."""
        a, g2 = self.low_passed(amplitude), self.g**2
        left, one = math.inf, np.eye(delta.size)
        for _ in range(_NEWTON):
            site = _Site(self.phi, delta[0], a)
            C, slope = site(delta, grid.angle)
            if left <= _ROUNDING:
                break
            more = delta[0] * (1 + _DIFFERENCE)
            wider, _ = _Site(self.phi, more, a)(delta, grid.angle)
            J = one - g2 * grid.kernel * slope
            J[:, 0] -= g2 * grid.kernel @ (wider - C) / (more - delta[0])
            misfit = delta - g2 * grid.kernel @ C
            if locks:
                # Among functions of that symmetry J is regular at the boundary too.
                h = delta.size // 2
                half = -np.linalg.solve(J[:h, :h] - J[:h, : -h - 1 : -1], misfit[:h])
                step = np.concatenate([half, [0.0], -half[::-1]])
            else:
                step = -np.linalg.solve(J, misfit)
            share = 1.0
            while delta[0] + share * step[0] < delta[0] / 4:
                share /= 2
            delta = delta + share * step
            last, left = left, float(np.max(np.abs(step))) / delta[0]
            if _ROUNDING < left <= _CLOSE and left > last / 2:
                break
        site = _Site(self.phi, delta[0], a)
        C, slope = site(delta, grid.angle)
        return _State(grid, delta, C, slope, site.slope, left)

    def growth(self, state: _State) -> float:
        """λ of a state."""
        return math.sqrt(max(state.grid.top(self.g**2 * state.steepness), 0.0)) - 1

    def locked(self, amplitude: float, near: _State | None = None) -> _State | None:
        """The state that repeats the drive, from one `near` it if that is known."""
        grid = self.grid(amplitude, 0.0)
        if grid is None:
            return None
        if near is not None:
            return self.solved(grid, amplitude, near.grid.at(near.delta, grid.tau), locks=True)
        g2, a = self.g**2, self.low_passed(amplitude)
        size = min(self.phi.saturation, self.phi.slope * (a + self.phi.unit))
        delta = g2 / (1 + self.frequency**2) * size**2 / 2 * np.cos(grid.angle)
        for _ in range(_ITERATIONS):
            C, _ = _Site(self.phi, delta[0], a)(delta, grid.angle)
            new = g2 * grid.kernel @ C
            new = (new - new[::-1]) / 2
            change, delta = np.max(np.abs(new - delta)), new
            if change <= _NEAR * new[0]:
                break
        return self.solved(grid, amplitude, delta, locks=True)

    def chaotic(self, amplitude: float) -> _State | None:
        """The state that decays to a locked one, followed from that without a drive."""
        quiet = stationary(self.g, phi=self.phi, n_tau=2, throw=False)
        if not quiet.converged or not quiet.delta0 > 0:
            return None
        least = 2 * _DECAYS / float(quiet.decay_rate)
        while (grid := self.grid(amplitude, least)) is not None:
            start = stationary(self.g, phi=self.phi, tau=grid.tau).delta
            if state := self._followed(grid, amplitude, np.asarray(start)):
                return self.widened(state, amplitude)
            least *= _WIDER
        return None

    def widened(self, state: _State, amplitude: float) -> _State | None:
        """The same state on a grid of this resolution, in a window that chaos does not outlive."""
        least = state.grid.length
        while (grid := self.grid(amplitude, least)) is not None:
            state = self.solved(grid, amplitude, state.grid.at(state.delta, grid.tau), locks=False)
            if not _unlocked(state) > _LEFT:
                return state
            least *= _WIDER
        return None

    def _followed(self, grid: _Grid, amplitude: float, delta: Array) -> _State | None:
        done, step = 0.0, amplitude
        while done < amplitude:
            state = self.solved(grid, done + step, delta, locks=False)
            change = float(np.max(np.abs(state.delta - delta))) / delta[0]
            lost = abs(state.delta[-1]) > (1 - _SMALLEST) * state.delta[0]
            if state.residual <= _CLOSE and change <= _FAR and not lost:
                done, delta = done + step, state.delta
                step = min(step, amplitude - done)
                continue
            step /= 2
            if step < _SMALLEST * amplitude:
                return None
        return state


def _unlocked(state: _State) -> float:
    """What is left at the end of the window of the part that does not repeat the drive."""
    # At its middle Δ is even, so that half a period later is half a period before.
    half = (state.delta.size - 1) // state.grid.periods
    end = state.delta[-1 - half :]
    return float(np.max(np.abs(end + end[::-1]))) / state.delta[0]


@validated
def driven_stationary(
    g: ArrayLike,
    amplitude: ArrayLike,
    frequency: ArrayLike,
    *,
    phi: str | TransferFunction = "tanh",
    tau: ArrayLike | None = None,
    n_tau: int = 201,
    tol: float = 1e-8,
    throw: bool = True,
    progress: bool = False,
) -> DrivenStationary:
    """Stationary state of ẋ_i = −x_i + Σ J_ij φ(x_j) + A cos(ωt + θ_i), θ_i uniform, N → ∞, γ = 0.

    A drive with a phase of its own for every neuron suppresses chaos [1]_: beyond an amplitude,
    which is smallest near a resonance, the network repeats the drive; see `critical_amplitude`.

    Parameters
    ----------
    g, amplitude, frequency : array_like
        Gain g > 0, amplitude A > 0 and angular frequency ω > 0 of the drive, per time constant;
        broadcast.
    phi : str or TransferFunction
        Odd and smooth.
    tau : (lag,) array_like, optional
        Lags of `delta` and `C`; default `n_tau` from 0 to 20 or four periods.
    n_tau : int
    tol : float
        Largest `residual` and `resolution_error`.
    throw : bool
        Raise where a point has not converged; otherwise put nan there and say why.
    progress : bool
        Show a progress bar on a terminal.

    Returns
    -------
    DrivenStationary

    Raises
    ------
    ArgumentError
        If an argument is outside its range or φ is not odd and smooth.
    NotConvergedError
        If `throw` and a point has not converged: close to the boundary chaos decays too slowly for
        the largest window, and at frequencies far from 1 the window needs too many lags.

    Notes
    -----
    Where the locked state is stable it is the one returned; where it is not, chaos, followed in A
    from the state without a drive.  For a concave φ and g φ'(0) ≤ 1 the locked state is stable at
    every A; beside a stable one of a φ that is not concave there may be chaos.

    References
    ----------
    .. [1] K. Rajan, L. F. Abbott, H. Sompolinsky, Phys. Rev. E 82, 011903 (2010).

    Examples
    --------
    >>> from meanfield import driven_stationary
    >>> states = driven_stationary(2.0, [1.0, 3.0], 1.0)
    >>> states.lyapunov.round(6).tolist(), states.q.round(6).tolist()
    ([0.058496, -0.216848], [0.508241, 0.655062])
    """
    attributes = given(driven_stationary, locals())
    transfer = _smooth(phi)
    lags = None if tau is None else arguments.lags(tau)
    times = arguments.count("n_tau", n_tau, 2) if lags is None else lags.size
    tol = arguments.positive("tol", tol)
    name = "n_tau" if tau is None else "tau"
    cost.check(name, times, "take fewer lags", numbers=4.0 * times)
    gains, amplitudes, frequencies = cost.broadcast(
        4.0 * times, _seconds(g), g=arguments.gain(g),
        amplitude=arguments.gain(amplitude, "amplitude"),
        frequency=arguments.gain(frequency, "frequency"),
    )  # fmt: skip
    points = zip(gains.flat, amplitudes.flat, frequencies.flat, strict=True)
    rows = [
        _row(_Solver(transfer, float(one), float(omega)), float(A), lags, times, tol)
        for one, A, omega in bar(gains.size, "driven", progress, over=points)
    ]
    names = _blank(np.zeros(times))
    arrays = {
        key: np.array([row[key] for row in rows], dtype=np.asarray(usual).dtype.char).reshape(
            (*gains.shape, *np.shape(usual))
        )
        for key, usual in names.items()
    }
    arrays |= {"g": gains.copy(), "amplitude": amplitudes.copy(), "frequency": frequencies.copy()}
    state = DrivenStationary(**arrays, attributes=attributes)
    if throw:
        state.raise_unless_converged("g", "amplitude", "frequency")
    return state


def _seconds(g: ArrayLike) -> float:
    """Of a point, on average: series are long where x is large."""
    longer = np.maximum(arguments.gain(g) / _LARGE, 1.0) ** 4
    return _SECONDS * float(np.mean(longer)) if longer.size else 0.0


def _smooth(phi: str | TransferFunction) -> TransferFunction:
    transfer = odd_function(phi)
    if transfer.kinks:
        raise arguments.ArgumentError(f"phi={transfer.name!r}: must be smooth, it has kinks")
    return transfer


def _row(
    solver: _Solver, amplitude: float, lags: Array | None, times: int, tol: float
) -> dict[str, Any]:
    """All results of a point, from two resolutions."""
    period = 2 * math.pi / solver.frequency
    tau = np.linspace(0, max(_SPAN, _PERIODS * period), times) if lags is None else lags
    blank = _blank(tau)
    if solver.phi.is_linear and solver.g * solver.phi.slope >= 1:
        return blank | {"status": ABSENT, "reason": _LINEAR}
    locked = solver.locked(amplitude)
    if locked is None:
        return blank | {"reason": "the window needs too many lags: move frequency towards 1"}
    growth = solver.growth(locked)
    is_chaotic = growth > 0 and not locked.residual > _CLOSE
    coarser = solver._replace(refinement=_COARSE)
    coarse = coarser.chaotic(amplitude) if is_chaotic else coarser.locked(amplitude)
    fine: _State | None = locked
    if is_chaotic and coarse is not None:
        fine = solver.widened(coarse, amplitude)
    if fine is None or coarse is None:
        reason = "chaos decays too slowly for the largest window: move amplitude from the boundary"
        with suppress(arguments.ArgumentError):
            reason += f", critical_amplitude {_boundary(solver):.4g}"
        return blank | {"lyapunov_locked": growth, "reason": reason}
    row, less = (_results(s, one, amplitude) for s, one in ((solver, fine), (coarser, coarse)))
    scales = {name: 1.0 if name == "lyapunov" else abs(row[name]) or 1.0 for name in _RESULTS}
    scales |= {"delta_locked": row["delta0"], "Q": row["q"]}
    error = max(abs(row[name] - less[name]) / scales[name] for name in _RESULTS)
    row |= {"resolution_error": error, "residual": max(fine.residual, locked.residual)}
    for name in ("residual", "resolution_error"):
        if not row[name] <= tol:
            kept = {key: row[key] for key in ("residual", "resolution_error")}
            return (
                blank | kept | {"reason": f"{name} {row[name]:.1e} exceeds tol={tol:g}: raise tol"}
            )
    wave = solver.low_passed(amplitude) ** 2 / 2 * np.cos(solver.frequency * tau)
    return row | {
        "lyapunov_locked": growth, "status": CONVERGED, "reason": "", "tau": tau,
        "delta": fine.grid.at(fine.delta, tau) + wave, "C": fine.grid.at(fine.C, tau),
    }  # fmt: skip


def _blank(tau: Array) -> dict[str, Any]:
    """A point without results."""
    numbers = (*_RESULTS, "lyapunov_locked", "residual", "resolution_error")
    curves = {name: np.full(tau.size, math.nan) for name in ("delta", "C")}
    return dict.fromkeys(numbers, math.nan) | curves | {
        "tau": tau, "status": FLAGGED, "reason": ""
    }  # fmt: skip


def _results(solver: _Solver, state: _State, amplitude: float) -> dict[str, Any]:
    drive = solver.low_passed(amplitude) ** 2 / 2
    q = float(state.C[0])
    # f = ẏ − a cos θ, and ⟨ẏ²⟩ = −Δ″(0).
    moved = solver.g**2 * q - float(state.delta[0])
    return {
        "delta0": float(state.delta[0]) + drive, "q": q, "Q": _repeated(state, state.C),
        "delta_locked": _repeated(state, state.delta) + drive,
        "kinetic_energy": (moved + drive) / 2, "lyapunov": solver.growth(state),
        "r_int": state.slope,
    }  # fmt: skip


def _repeated(state: _State, curve: Array) -> float:
    """What a covariance has at long whole periods; what decays, slowly, is not of that symmetry."""
    half = (curve.size - 1) // state.grid.periods
    # The middle of the window is a whole or a half period.
    sign = 1.0 if state.grid.periods % 2 == 0 else -1.0
    return sign * float(curve[-1] - curve[-1 - half]) / 2


@validated
def critical_amplitude(
    g: ArrayLike,
    frequency: ArrayLike,
    *,
    phi: str | TransferFunction = "tanh",
    progress: bool = False,
) -> Array:
    """Amplitude A from which a drive A cos(ωt + θ_i) of random phases suppresses chaos, γ = 0.

    Parameters
    ----------
    g, frequency : array_like
        Gain g > 0 and angular frequency ω > 0, broadcast.
    phi : str or TransferFunction
        Odd and smooth.
    progress : bool
        Show a progress bar on a terminal.

    Returns
    -------
    ndarray
        Of the broadcast shape; 0 where the network is not chaotic without a drive.

    Raises
    ------
    ArgumentError
        If an argument is outside its range or out of reach, or φ is not odd and smooth, or linear.

    Notes
    -----
    There the exponent λ of the locked state of `driven_stationary` is 0: seen from above the state
    that repeats the drive turns unstable.

    Examples
    --------
    >>> from meanfield import critical_amplitude
    >>> critical_amplitude(2.0, [0.3, 1.0, 3.0]).round(4).tolist()
    [1.1077, 2.0293, 4.7501]
    """
    transfer = _smooth(phi)
    if transfer.is_linear:
        raise arguments.ArgumentError(f"phi={transfer.name!r}: must not be linear")
    gains, frequencies = cost.broadcast(
        0.0, _seconds(g), g=arguments.gain(g), frequency=arguments.gain(frequency, "frequency")
    )  # fmt: skip
    points = zip(gains.flat, frequencies.flat, strict=True)
    found = [
        _boundary(_Solver(transfer, float(one), float(omega)))
        for one, omega in bar(gains.size, "critical_amplitude", progress, over=points)
    ]
    return np.array(found).reshape(gains.shape)


def _boundary(solver: _Solver) -> float:
    if solver.g * solver.phi.slope <= 1:
        return 0.0

    last: _State | None = None

    def exponent(amplitude: float) -> float:
        nonlocal last
        last = solver.locked(amplitude, last)
        return math.nan if last is None or last.residual > _CLOSE else solver.growth(last)

    # From above, where the state is unique.
    unit = solver.phi.length * math.hypot(1.0, solver.frequency)
    high = unit
    while exponent(high) > 0 and high < _STRONG * unit:
        high *= _STEP
    low = high
    while exponent(low) <= 0 and low > _WEAK * unit:
        low /= _STEP
    if not exponent(low) > 0 >= exponent(high):
        raise arguments.ArgumentError(
            f"g={solver.g:g}, frequency={solver.frequency:g}: out of reach, the period needs too "
            "many lags; move them towards 1"
        )
    found = scipy.optimize.brentq(
        exponent, low, high, xtol=_PRECISION * unit, rtol=_PRECISION, disp=False
    )
    return float(found)
