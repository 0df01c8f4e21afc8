"""Dimension of activity: the participation ratio of the covariance of all neurons, N → ∞.

Two neurons covary at the order N^(−1/2).  Their cross-spectrum is made, to that order, of the
spectrum of the fields of both, which share their sources, and of what one sends to the other along
all paths: c = S G S* + S F C + C F'* S*, with F and G sums over a network without the two.  Their
squares close on themselves and give the mean square N⟨c(ω₁)c(ω₂)⟩ for any γ.
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import scipy
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import eigh, toeplitz

from ..common import arguments, cost, result
from ..common.arguments import ArgumentError, Array, validated
from ..common.jobs import bar
from ..common.result import ABSENT, CONVERGED, FLAGGED, Result, given
from ..transfer import TransferFunction, odd_function
from .stationary import energy
from .stationary.hermite import moments
from .stationary.solver import stationary
from .steady_state import SteadyState

Complex = NDArray[np.complexfloating[Any, Any]]
# A point is flagged where its relative error may be larger.
_TOL = 1e-6
# Nodes of a panel in time and in frequency, and of the coarse rule whose difference is the error.
_FINE, _COARSE = (12, 10), (9, 8)
# Panels towards τ = 0 shrink by this factor, so many times; the others reach so many decay times.
_SHRINK, _LEVELS, _DECAYS = 4.0, 13, 30.0
# Frequencies go up to this one; what is beyond falls like its square.
_HIGHEST = 1e5
# Decay rate below which the panels would be too many.
_SLOWEST = 3e-5
# An error of Δ₀ or κ², relative, changes the ratio by up to so many times as much.
_SENSITIVITY = 8.0
# Time for a point.
_SECONDS = 0.2
_AT_REST = "the network is at rest: no activity, no dimension"
_NO_STATE = "no stationary state: phi is linear and g phi'(0) (1 + gamma) >= 1"
# So close to the onset, without noise, errors are larger than they look.
_NEXT_TO_ONSET = 2e-5
_ROUNDED = "so close to the onset that rounding leaves no digits: move g"
_UNSTABLE = (
    "within its error the transform S of R has g|S| >= 1, which no stable state has: raise window "
    "or n_trajectories"
)
# Points on the frequency axis of a state for each of its lags.
_DENSE = 8
# Nodes between two of its lags.
_PER_LAG = 3
# Width of the panels next to the lines ω₁ = ±ω₂, as a share of that of the integrand there.
_NEAR = 0.1
# Relative error from beyond the highest frequency.
_BEYOND = 1e-9
# Share of C that may be left at the end of the window of a state.
_LEFT = 0.02
# Of the largest correlation, a variance that is none.
_ROUNDING = 1e-14


class ParticipationRatio(Result):
    """Participation ratio per neuron; every array has the broadcast shape of the arguments.

    The error is a bound of the numerical ones in the closed forms; of a sampled `state` it is how
    much the value changes if C, and if R, moves by its error at all lags at once.
    """

    g: Array = result.coordinate("gain", (...,), symbol="$g$")
    gamma: Array = result.coordinate("symmetry of the couplings", (...,), symbol=r"$\gamma$")
    sigma: Array = result.coordinate("noise amplitude", (...,), symbol=r"$\sigma$")
    value: Array = result.value("participation ratio of {of} per neuron", (...,), symbol="PR$/N$")
    value_err: Array = result.error("value")
    _headline = _curves = ("value",)
    _freedom = None


@validated
def participation_ratio(
    g: ArrayLike,
    gamma: ArrayLike = 0.0,
    *,
    sigma: ArrayLike = 0.0,
    of: str = "phi",
    phi: str | TransferFunction = "tanh",
    state: SteadyState | None = None,
    throw: bool = True,
    progress: bool = False,
) -> ParticipationRatio:
    """Dimension of the activity of ẋ = −x + Jφ(x) + ξ as a share of N, N → ∞.

    It is (Σλ)²/(N Σλ²), λ the eigenvalues of the covariance matrix over the neurons at equal times,
    of a run that is long: N if all directions are equally strong, 1 if there is only one.

    Parameters
    ----------
    g, gamma : array_like
        Gain g > 0 and coupling symmetry γ in [−1, 1], broadcast with `sigma`.
    sigma : array_like
        Amplitude of white noise ⟨ξ(t)ξ(t′)⟩ = σ² δ(t − t′); σ² = 2T.
    of : {"phi", "x"}
        Covariance of φ(x) or of x.
    phi : str or TransferFunction
        Odd transfer function, unused with a `state`.  γ ≠ 0 has closed forms for a linear one
        only.
    state : SteadyState, optional
        Stationary state of a φ that is not linear at γ ≠ 0, with the C(τ) and R(τ) to use; g,
        gamma and sigma must be its own.
    throw : bool
        Raise where there is no activity or the error is too large; otherwise put nan there.
    progress : bool
        Show a progress bar on a terminal.

    Returns
    -------
    ParticipationRatio

    Raises
    ------
    ArgumentError
        If an argument is outside its range, or γ ≠ 0 and φ is not linear without a `state`.
    NotConvergedError
        If `throw` and a point has no value.

    Notes
    -----
    PR/N = C(0)²/(C(0)² + Ψ), Ψ = ∫∫ dω₁dω₂/(2π)² Ψ(ω₁, ω₂) of the mean square covariance of two
    neurons times N.  With S(ω) the response of φ, A = g²S(ω₁)S(ω₂), a = γg²S(ω₁)S*(ω₂),

        φ:  Ψ(ω₁, ω₂) = [(1 − |a|²)/(|1 − A|² |1 − a|²) − 1] C(ω₁)C(ω₂)

    ([1]_; γ = 0: 1/|1 − A|² − 1).  At γ = 0, S = ⟨φ'⟩/(1 + iω), and

        x:  Ψ(ω₁, ω₂) = D(ω₁)D(ω₂)/|1 − A|² + 2 Re[A/(1 − A)] Δ(ω₁)Δ(ω₂),

    D = Δ − σ²/(1 + ω²) the part of Δ that neurons share sources of.  There 1/|1 − A|² has a single
    pole in ω₁, so that the integral is a simple one of Laplace transforms of C(τ),

        ∫C(ω) I dω/2π,   I = Σ (1 − μ²) L(μ)/(μ + μ*) over μ and μ*,   μ = 1 − g²⟨φ'⟩²/(1 + iω),

    along a line that is bent away from the imaginary axis, where L(p) does not oscillate.  A
    linear φ has S = 1/(1 + iω − γg²S), C = σ²|S|²/(1 − g²|S|²) and the same ratio for φ and x
    whatever σ.

    For γ ≠ 0 and other φ, S and C are those of the `state`.  Of x the response is
    S_x = (1 + γg²S²)/(1 + iω), and its cross-spectrum with φ follows from what arrives,
    ⟨φx*⟩ = [g²C(S + γS*) + σ²S]/(1 − iω).  With b = S_x⟨φx*⟩, here for one of two frequencies each,

        x:  Ψ(ω₁, ω₂) = g⁴|S_x S_x|²CC (1 − |a|²)/(|1 − A|² |1 − a|²)
                + 2 Re[g²b₁b₂/(1 − A) + γg²b₁b₂*/(1 − a)]
                + 2γg⁴ Re[|S_x₁|²C₁b₂S₂/((1 − A)(1 − a*)) + |S_x₂|²C₂b₁S₁/((1 − A)(1 − a))],

    the sum of fields with fields, paths with paths, and fields with paths.  Put S and C in the
    places of S_x and ⟨φx*⟩, and it is the one of φ.  Next to g|S| = 1, where activity is slow, the
    ratio follows small errors of R closely: `value_err` tells.

    Without noise a point with 0 < gφ'(0) − 1 < 2e-5 is flagged: rounding leaves no digits there.

    A run of finite length has a smaller ratio: see `simulate.participation_ratio`; for the shares
    of its principal components see `explained_variance`.

    References
    ----------
    .. [1] D. G. Clark, L. F. Abbott, A. Litwin-Kumar, Phys. Rev. Lett. 131, 118401 (2023).

    Examples
    --------
    >>> from meanfield import participation_ratio
    >>> participation_ratio([2, 4]).value.round(6).tolist()
    [0.019741, 0.062068]
    >>> round(float(participation_ratio(0.5, 0.3, sigma=1, phi="linear").value), 6)
    0.77304
    """
    attributes = given(participation_ratio, locals())
    transfer = odd_function(phi)
    arguments.one_of("of", of, ("phi", "x"))
    gains, gammas, sigmas = cost.broadcast(
        0.0,
        _SECONDS,
        g=arguments.gain(g),
        gamma=arguments.symmetry(gamma),
        sigma=arguments.noise(sigma),
    )
    if state is None and not transfer.is_linear and np.any(gammas != 0):
        raise ArgumentError(
            f"gamma={gammas[gammas != 0].flat[0]:g}: must be 0 for a phi that is not linear; else "
            "pass state=steady_state(g, gamma)"
        )
    if state is not None:
        _match(state, gains, gammas, sigmas)
    places = zip(*(one.ravel().tolist() for one in (gains, gammas, sigmas)), strict=True)
    rows = [
        _by_state(state, of) if state is not None
        else _linear(a * transfer.slope, c, s) if c != 0
        else _independent(energy.NoisyNetwork(transfer, a, s), of)
        for a, c, s in bar(gains.size, "participation ratio", progress, over=places)
    ]  # fmt: skip
    kinds: dict[str, Any] = {"value": float, "value_err": float, "status": "U9", "reason": np.str_}
    arrays: dict[str, Any] = {
        name: np.array([row[k] for row in rows], dtype=kind).reshape(gains.shape)
        for k, (name, kind) in enumerate(kinds.items())
    }
    found = ParticipationRatio(
        g=gains.copy(), gamma=gammas.copy(), sigma=sigmas.copy(), **arrays, attributes=attributes
    )
    if throw:
        found.raise_unless_converged("g", "gamma", "sigma")
    return found


@validated
def explained_variance(correlation: ArrayLike, k: int = 3) -> Array:
    """Share of the variance in each of the first k principal components of one run, N → ∞.

    Parameters
    ----------
    correlation : (L, L) or (L,) array
        Δ(t, t′) of x, or C of φ(x), at the L equidistant times of the run, as of `two_time`; or, of
        a stationary state, as a function of the lag.
    k : int
        Number of components, at most L.

    Returns
    -------
    (k,) array
        Shares, the largest first, as `simulate.principal_components` finds them.

    Raises
    ------
    ArgumentError
        If an argument is outside its range, or nothing varies.

    Notes
    -----
    As N → ∞ the products of the states of a run at two times, per neuron, are the correlation
    itself.  Less the mean over the run, its eigenvalues are N times those of the covariance of the
    neurons (Karhunen–Loève).  The share is thus one of the length of the run, whatever the network:
    of a random walk three components explain 83 %.  Networks follow as long as the run is short for
    them, T/∫(C/C₀)² ≪ N `participation_ratio`.

    Examples
    --------
    >>> from meanfield import explained_variance, two_time
    >>> run = two_time(2.0, t_max=10, dt=0.1)
    >>> explained_variance(run.delta).round(3).tolist()
    [0.57, 0.292, 0.086]
    """
    matrix = arguments.array("correlation", correlation)
    if matrix.ndim == 1:
        matrix = toeplitz(matrix)
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or not matrix.size:
        raise ArgumentError(f"correlation: must have shape (L, L) or (L,), got {matrix.shape}")
    size = len(matrix)
    if not np.allclose(matrix, matrix.T, rtol=0, atol=1e-6 * float(np.abs(matrix).max())):
        raise ArgumentError("correlation: must be symmetric")
    k = arguments.count("k", k, 1)
    if k > size:
        raise ArgumentError(f"k={k}: must not exceed {size} times")
    centred = matrix - matrix.mean(axis=0)
    centred -= centred.mean(axis=1, keepdims=True)
    total = float(np.trace(centred))
    if not total > size * _ROUNDING * float(np.abs(matrix).max()):
        raise ArgumentError("correlation: nothing varies along the run, it has no components")
    found = eigh(centred, eigvals_only=True, subset_by_index=(size - k, size - 1))
    return np.asarray(found[::-1] / total)


def _match(state: SteadyState, *points: Array) -> None:
    """Refuse a state that is not the one of the point."""
    if state.fractions is not None:
        raise ArgumentError(f"state={state!r:.80}: must be of one population, not of Blocks")
    own = {"g": state.g, "gamma": state.gamma, "sigma": math.sqrt(2 * state.temperature)}
    for (name, number), asked in zip(own.items(), points, strict=True):
        if asked.size != 1 or not math.isclose(asked.item(), number, abs_tol=1e-12):
            raise ArgumentError(f"{name}={asked.tolist()}: must be {number:g}, that of the state")
    if state.onsager != 0:
        raise ArgumentError("state: must be one of the vanilla dynamics, onsager = 0")


_Row = tuple[float, float, str, str]


def _row(status: str, reason: str) -> _Row:
    return math.nan, math.nan, status, reason


def _judged(ratio: float, off: float, tol: float = _TOL) -> _Row:
    """A value with its absolute error, flagged where that is too large or not known."""
    if off <= tol * ratio:
        return ratio, off, CONVERGED, ""
    return _row(FLAGGED, f"relative error {off / ratio:.1e} exceeds {tol:g}")


def _rule(edges: Array, nodes: int) -> tuple[Array, Array]:
    """Gauss–Legendre nodes and weights on all panels between the edges."""
    x, weights = np.polynomial.legendre.leggauss(nodes)
    half = np.diff(edges)[:, None] / 2
    return (edges[:-1, None] + half * (x + 1)).ravel(), (half * weights).ravel()


def _independent(network: energy.NoisyNetwork, of: str) -> _Row:
    """γ = 0, from the stationary theory."""
    phi, g, sigma = network
    if sigma == 0 and 0 < g * phi.slope - 1 < _NEXT_TO_ONSET and not phi.is_linear:
        return _row(FLAGGED, _ROUNDED)
    try:
        roots = energy.variances(network)
    except energy.NoStateError as problem:
        text, status = problem.args
        return _row(status, text)
    if not roots:
        return _row(ABSENT, _AT_REST)
    # The rate to rounding places the nodes; that of the state, without cancellation, is used.
    load = g * moments(phi, roots[-1]).slope
    rate = math.sqrt(max(1 - load * load, _SLOWEST**2))
    near = _SHRINK ** -np.arange(_LEVELS + 1.0, 0.0, -1.0)
    # C(ω) dies out at a few rates; up to √rate, where the line has bent far enough, panels are to
    # follow its oscillation all the same.
    count = math.ceil(_DECAYS / min(1.0, 5 * math.sqrt(rate)))
    panels = np.concatenate([[0.0], near, np.linspace(0.0, _DECAYS, count + 1)[1:]])
    panels = np.unique(panels) / rate
    rules = [_rule(panels, nodes) for nodes, _ in (_FINE, _COARSE)]
    lags = np.concatenate([tau for tau, _ in rules])
    found = stationary(g, sigma=sigma, phi=phi, tau=lags, throw=False)
    if not found.converged:
        return _row(str(found.status), str(found.reason))
    parts = np.split(found.C if of == "phi" else found.delta, [rules[0][0].size])
    start = float(found.q if of == "phi" else found.delta0)
    rate = float(found.decay_rate)
    fine, coarse = (
        start**2 / (start**2 + _laplace(start, tau, weights * part, rate, sigma, of, nodes))
        for (tau, weights), part, (_, nodes) in zip(rules, parts, (_FINE, _COARSE), strict=True)
    )
    off = abs(fine - coarse) + fine * _SENSITIVITY * float(found.relative_error)
    return _judged(fine, off)


def _laplace(
    start: float, tau: Array, masses: Array, rate: float, sigma: float, of: str, nodes: int
) -> float:
    """Ψ at γ = 0 by one integral over Laplace transforms L(p) of the correlation."""
    square = rate * rate
    far = 8 * rate * 2.0 ** np.arange(math.ceil(math.log2(_HIGHEST / rate)))
    y, weights = _rule(np.concatenate([rate * np.arange(0.0, 8.0, 0.5), far]), nodes)
    # Re ν stays above −rate here, so that L(ν) exists, and no singularity is passed.
    p = 1j * y + y * y / (1 + y)
    slope = 1j + y * (2 + y) / (1 + y) ** 2
    mu, nu = (p + square) / (1 + p), (square - p) / (1 - p)

    def integral(transform: Complex, even: Complex) -> float:
        return float(2 / np.pi * weights @ (transform * even * slope).imag)

    def filtered(at: list[Complex]) -> float:
        # ∫∫ f(ω₁)f(ω₂)/|1 − A|², less f(0)².
        even = ((1 - mu * mu) * at[1] + (1 - nu * nu) * at[2]) / (mu + nu)
        return integral(at[0], even)

    places = p, mu, nu
    own: list[Any] = [np.exp(-np.multiply.outer(at, tau)) @ masses for at in places]
    if of == "phi":
        return filtered(own)
    shared = [one - sigma**2 / (2 * (1 + at)) for one, at in zip(own, places, strict=True)]
    direct = (1 - square) * (own[1] / (1 + p) + own[2] / (1 - p))
    return (start - sigma**2 / 2) ** 2 + filtered(shared) + integral(own[0], direct)


class _Spectra(NamedTuple):
    """At one frequency: response S of φ, spectrum C of φ; response of y to a field, and ⟨φy*⟩."""

    # y is what the covariance is of, φ itself or x.
    S: Complex
    C: Complex
    response: Complex
    mixed: Complex


def _mean_square(one: _Spectra, two: _Spectra, g: float, gamma: float) -> Array:
    """N⟨c(ω₁)c(ω₂)⟩ of the cross-spectra c of y of two neurons."""
    forth, back = g * g * one.S * two.S, gamma * g * g * one.S * two.S.conj()
    first, second = one.response * one.mixed, two.response * two.mixed
    field, other = (np.abs(a.response) ** 2 * a.C.real for a in (one, two))
    gain = (1 - np.abs(back) ** 2) / np.abs((1 - forth) * (1 - back)) ** 2
    # Fields with fields; paths with paths, along and against each other; fields with paths.
    paths = first * second / (1 - forth) + gamma * first * second.conj() / (1 - back)
    cross = field * second * two.S / (1 - back.conj()) + other * first * one.S / (1 - back)
    mixed = gamma * g**4 * cross / (1 - forth)
    return np.asarray(g**4 * field * other * gain + 2 * (g * g * paths + mixed).real)


def _double(
    spectra: Callable[[Array], _Spectra], g: float, gamma: float, edges: Array, near: float, n: int
) -> float:
    """Ψ by a double integral, with panels that shrink to `near` on the lines ω₁ = ±ω₂."""
    total = 0.0
    for omega, weight in zip(*_rule(edges, n), strict=True):
        levels = np.arange(1.0, max(math.ceil(math.log2(omega / near)), 1) + 1)
        inner = np.unique([*edges[edges < omega], *omega * (1 - 2.0**-levels), omega])
        other, weights = _rule(inner, n)
        two, one = spectra(np.array([omega])), spectra(other)
        against = _Spectra(*(a.conj() for a in one))
        both = _mean_square(one, two, g, gamma) + _mean_square(against, two, g, gamma)
        total += weight * float(weights @ both)
    return total / np.pi**2


def _linear(g: float, gamma: float, sigma: float) -> _Row:
    """A linear network of any γ, φ(x) = x: the same for φ and x, and for any σ > 0."""
    gap = 1 - g * (1 + gamma)
    if gap <= 0:
        return _row(ABSENT, _NO_STATE)
    if sigma == 0:
        return _row(ABSENT, _AT_REST)
    focus = 2 * g * np.sqrt(complex(gamma))

    def spectra(omega: Array) -> _Spectra:
        s = 1 + 1j * omega
        # The branch that falls like 1/s: no cut is met for Re s > 0.
        S = 2 / (s + np.sqrt(s - focus) * np.sqrt(s + focus))
        power = np.abs(S) ** 2
        C = power / (1 - g * g * power) + 0j
        return _Spectra(S, C, S, C)

    # Spectra bend at 0 and, γ < 0, where the eigenvalues with the largest imaginary parts are.
    top = g * (1 - gamma)
    steps = gap * 2.0 ** np.arange(-2.0, math.ceil(math.log2(_HIGHEST / gap)))
    marks: list[Any] = [
        [0.0, _HIGHEST],
        steps,
        *([[top], top - steps, top + steps] if gamma < 0 else []),
    ]
    edges = np.unique(np.clip(np.concatenate(marks), 0.0, _HIGHEST))
    omega, weights = _rule(edges, 2 * _FINE[1])
    # What is beyond the last edge is 1/ω².
    start = (float(weights @ spectra(omega).C.real) + 1 / _HIGHEST) / np.pi
    near = _NEAR * gap * gap
    fine, coarse = (
        start**2 / (start**2 + _double(spectra, g, gamma, edges, near, nodes))
        for _, nodes in (_FINE, _COARSE)
    )
    return _judged(fine, abs(fine - coarse) + _BEYOND * fine)


def _by_state(state: SteadyState, of: str) -> _Row:
    """From the C(τ) and R(τ) of a stationary state of any γ."""
    if not state.converged:
        return _row(FLAGGED, f"the state is flagged: {state.reason}")
    if state.q == 0:
        return _row(ABSENT, _AT_REST)
    if abs(state.C[-1]) > max(_LEFT * state.q, 3 * state.C_err[-1]):
        left = state.C[-1] / state.q
        return _row(FLAGGED, f"C has fallen to {left:.2g} of q in the window: raise window")
    curves = (state.C, state.R), (state.C + state.C_err, state.R), (state.C, state.R + state.R_err)
    ratio, *moved = ratios = [_of_curves(state, *pair, of) for pair in curves]
    if not all(one > 0 for one in ratios):
        return _row(FLAGGED, _UNSTABLE)
    return ratio, sum(abs(one - ratio) for one in moved), CONVERGED, ""


def _of_curves(state: SteadyState, C: Array, R: Array, of: str) -> float:
    """The ratio from curves at the lags of a state; nan where S is none of a stable state."""
    g, gamma = state.g, state.gamma
    tau, weights = _rule(state.tau, _PER_LAG)
    highest = np.pi / state.tau[1]
    grid = np.linspace(0.0, highest, _DENSE * state.tau.size)
    wave: Complex = np.exp(-1j * np.multiply.outer(grid, tau))
    between = scipy.interpolate.CubicSpline
    S: Complex = wave @ (weights * between(state.tau, R)(tau))
    power: Complex = 2 * (wave @ (weights * between(state.tau, C)(tau))).real + 0j
    gap = 1 - float(np.max(g * np.abs(S))) ** 2
    if gap <= 0:
        return math.nan
    response, mixed, start = S, power, float(C[0])
    if of == "x":
        leak = 1 / (1 + 1j * grid)
        response = leak * (1 + gamma * (g * S) ** 2)
        # x is what arrives: fields, that φ answers and that answer φ, and noise.
        arriving = g * g * power * (S + gamma * S.conj()) + 2 * state.temperature * S
        mixed, start = leak.conj() * arriving, state.delta0
    table = between(grid, np.stack([S, power, response, mixed], axis=1))

    def spectra(omega: Array) -> _Spectra:
        return _Spectra(*table(omega).T)

    first = grid[_DENSE]
    steps = first * 2.0 ** np.arange(math.ceil(math.log2(highest / first)))
    edges = np.concatenate([[0.0], steps, [highest]])
    return start**2 / (start**2 + _double(spectra, g, gamma, edges, _NEAR * gap, _FINE[1]))
