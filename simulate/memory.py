"""Memory of a weak signal in theory: the linear network that fluctuations of the vanilla one obey.

With φ(x) = mx + ψ, m = ⟨φ′⟩, the part ψ that is not linear in x is independent between neurons if
the couplings are: ẋ = Ax + Jψ + ξ + su with A = −1 + mJ.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import expm, lapack, schur
from scipy.sparse.linalg import expm_multiply
from scipy.special import gammaln

from meanfield import TransferFunction, stationary
from meanfield.common import arguments, cost
from meanfield.common.arguments import ArgumentError, Array, validated
from meanfield.common.result import Result, coordinate, error, fact, given, value

from .network import Network

# Share of the variance up to which a signal is weak.
_WEAK = 0.1
# Standard errors by which moments of the couplings may miss those of independent ones.
_ERRORS = 6.0
# Operations of all decompositions, in units of n³, and matrices held.
_OPERATIONS, _MATRICES = 200.0, 12.0
# Shortest and longest correlation time: beyond, rounding of the one rate hides the others.
_TIMES = 1e-6, 1e9
# The quadrature over lags: panels that double, nodes of each, its relative error, and how many
# times c_ψ falls by e.  Most terms of the series of exp(Aτ).
_PANELS, _NODES, _QUADRATURE, _FALL, _TERMS = 16, 24, 1e-9, 40.0, 4000
# Where directions are lost in rounding, those up to so many times larger tell what they may hold.
_DOUBTFUL = 1e3
# Numerical error, as a share of the most there can be, from which only the bounds are known.
_COARSE = 1e-3
# Size of an exponent up to which products with the vector alone are the shorter way.
_FEW = 100.0


class SmallSignalMemory(Result):
    """Memory function m(τ) of a weak signal for the best linear readout of endless data.

    Flagged where the signal is not weak, or where digits are lost.  The theory is one of many
    neurons: for a φ that is not linear, m of a network differs by what 1/√n allows.
    """

    tau: Array = coordinate("delay", ("tau",), "time constant", symbol=r"$\tau$")
    m: Array = value("memory function", ("tau",), symbol=r"$m(\tau)$")
    m_err: Array = error(
        "m", note="Numerical, not that of finite n.  The distance to 1 where m is a lower bound."
    )
    capacity: float = value(
        "∫ m(τ) dτ over recall and forecast",
        unit="time constant",
        note="inf for sines, which are never forgotten.",
    )
    capacity_err: float = error("capacity", note="As that of m.  nan for sines.")
    capacity_bound: float = value(
        "largest capacity that n neurons can have",
        unit="time constant",
        note="n ∫ c_s(τ) dτ/c_s(0), that is 2t_s a neuron; inf for sines.",
    )
    dimension: float = value("participation ratio (tr Σ)²/tr Σ² of the covariance", note="Of n.")
    signal_share: float = value("share of the signal in the variance of all neurons")
    rank: int = fact("number of directions that double precision tells from none")
    n: int = fact("number of neurons")
    _headline = ("m", "capacity", "n")
    _picture = ("tau", "m")
    _freedom = None


@validated
def small_signal_memory(
    J: Any,
    tau: ArrayLike,
    *,
    task: str = "recall",
    correlation_time: float | None = None,
    frequencies: ArrayLike | None = None,
    amplitude: ArrayLike = 1.0,
    input_weights: ArrayLike = 1.0,
    temperature: float = 0.0,
    g: float | None = None,
    phi: str | TransferFunction = "tanh",
) -> SmallSignalMemory:
    """Memory function m(τ) of ẋ = −x + Jφ(x) + s(t)u + ξ to leading order in a stationary s.

    Parameters
    ----------
    J : (n, n) array or sparse array
        Couplings: any if φ is linear, else independent ones of mean 0.
    tau : number or (n_tau,) array
        Delays τ ≥ 0.
    task : {"recall", "forecast"}
        Whether s(t − τ) or s(t + τ) is read off x(t).
    correlation_time : float, optional
        t_s of a signal with autocovariance a² exp(−|τ|/t_s), an Ornstein–Uhlenbeck process.
    frequencies : number or (k,) array, optional
        Angular frequencies ω > 0 of a sum of sines of any phases, in the place of it.
    amplitude : number or (k,) array
        Standard deviation a, or the amplitude of each sine.
    input_weights : number or (n,) array
        u, a number for all neurons.
    temperature : float
        T of the white noise ξ of each neuron, ⟨ξ(t)ξ(t′)⟩ = 2T δ(t − t′), as in `integrate`.
    g : float, optional
        Gain of the couplings.  Needed unless φ is linear.
    phi : str or TransferFunction
        Odd unless linear.

    Returns
    -------
    SmallSignalMemory

    Raises
    ------
    ArgumentError
        If an argument is outside its range, if couplings have another variance, symmetry or mean
        than independent ones of gain g, or if the linear network is not stable.

    Notes
    -----
    With A = −1 + mJ, m = ⟨φ′⟩, the covariance Σ of x and k(τ) = ⟨x(t)s(t − τ)⟩ obey

        AΣ + ΣAᵀ + B + Bᵀ + 2T + u k(0)ᵀ + k(0) uᵀ = 0,   B = JJᵀ ∫₀^∞ c_ψ(τ) exp(Aᵀτ) dτ,
        dk/dτ = Ak + c_s(τ)u,   c_ψ = C − m²Δ,   m(τ) = kᵀΣ⁻¹k/⟨s²⟩,

    with Δ and C the autocorrelations of x and φ of `meanfield.stationary`; ψ = φ − mx is 0 for a
    linear φ, and else independent between neurons while its image Jψ is not.  For sines
    k(τ) = ½Σa²Re[(iω − A)⁻¹u exp(iωτ)]: m(τ) does not decay, the past of a periodic signal is its
    future.

    No spectrum of s exceeds its value ∫c_s at frequency 0, and Σ is at least what s makes of it:
    hence ∫m dτ ≤ n∫c_s/c_s(0) = 2t_s n, over all τ, whatever u, J and noise.  Linear networks
    without noise reach it as t_s → 0.  It stands for the n of sums over steps (Jaeger, GMD Report
    152 (2001)).  Without noise m(0) = −t_s tr A/(1 − t_s tr A) for a Σ of full rank.

    Ganguli, Huh, Sompolinsky, PNAS 105, 18970 (2008); Toyoizumi, Abbott, PRE 84, 051908 (2011);
    Schuecker, Goedeke, Helias, PRX 8, 041029 (2018).

    Examples
    --------
    One filter: k(τ) = (½ + τ)e^(−τ) and Σ = ½ at t_s = 1.

    >>> from simulate import small_signal_memory
    >>> found = small_signal_memory([[0.0]], [0.0, 1.0], correlation_time=1.0, phi="linear")
    >>> found.m.round(6).tolist(), round(float(found.capacity), 6), found.capacity_bound
    ([0.5, 0.609009], 1.5, 2.0)
    """
    told = given(small_signal_memory, locals())
    arguments.one_of("task", task, ("recall", "forecast"))
    delays = arguments.lags(np.atleast_1d(tau))
    noise = 2 * arguments.nonnegative("temperature", temperature)
    rates, powers = _signal(correlation_time, frequencies, amplitude)
    network = Network(J, phi=phi)
    n, function = network.n, network.function
    if network.is_matrix_free:
        raise ArgumentError("J: must be a matrix, one that is known by its products is not enough")
    cost.check(
        "J", network.J, "take fewer neurons or delays", seconds=cost.time_of(1, _OPERATIONS * n**3),
        numbers=_MATRICES * n**2 + 4.0 * n * delays.size,
    )  # fmt: skip
    matrix = network.J.toarray() if network.is_sparse else network.J
    weights = arguments.vector("input_weights", input_weights, n)
    size = arguments.positive("input_weights: the largest", float(np.max(np.abs(weights))))
    # In the basis of Schur vectors A is triangular but for blocks of equal diagonal; in units of
    # the signal nothing overflows.
    T, vectors = schur(matrix)
    u = vectors.T @ (weights / size)
    unit = size**2 * float(np.sum(powers))
    slope, lags, psi = function.slope, np.ones(1), np.zeros(1)
    if not function.is_linear:
        if g is None or not function.is_odd:
            raise ArgumentError(
                f"g={g!r}, phi={function.name!r}: a φ that is not linear must be odd, and needs g"
            )
        _check_independent(matrix, arguments.positive("g", g))
        slope, lags, psi = _apart(g, noise, function)
    A = slope * T - np.eye(n)
    if not (growth := float(A.diagonal().max())) < 0:
        raise ArgumentError(
            f"J: the linear network −1 + ⟨φ′⟩J must decay, it grows at a rate of {growth:.3g}"
        )
    shares = powers / np.sum(powers)
    lines = np.stack([w * _solved(A, rate, u) for w, rate in zip(shares, rates, strict=True)], 1)
    now = lines.sum(axis=1).real
    driven = _lyapunov(A, np.outer(u, now))
    inner = T @ T.T @ _transformed(slope * T, lags, psi).T + noise / 2 * np.eye(n)
    covariance = _lyapunov(A, inner / unit) + driven
    if not np.all(np.isfinite(covariance)):
        raise ArgumentError("J, temperature: the covariance must be finite in units of the signal")
    values, axes = np.linalg.eigh(covariance)
    if task == "recall" and frequencies is None:
        k = _recalled(A, u, float(rates[0]), now, delays)
    else:
        ahead = delays if task == "forecast" else -delays
        k = (lines @ np.exp(-np.multiply.outer(rates, ahead))).real
    m, m_err, rank = _resolved(values, np.square(axes.T @ k), 1.0)
    capacity, capacity_err, bound = math.inf, math.nan, math.inf
    if frequencies is None:
        rate = float(rates[0])
        overlap = _solved(A, rate, now + u / (2 * rate))
        whole = _lyapunov(A, np.outer(now / 2, now) + np.outer(u, overlap))
        each = np.einsum("ij,ij->j", axes, whole @ axes) + (axes.T @ now) ** 2 / (2 * rate)
        bound = 2 * n / rate
        (capacity,), (capacity_err,), _ = _resolved(values, each[:, None], bound)
    total, of_signal, reasons = float(values.sum()), float(np.trace(driven)), []
    if not function.is_linear:
        # Up to the onset of chaos weak is what φ is straight for.
        is_calm = g is not None and g * function.slope <= 1
        scale = max(total, n * function.length**2 / unit) if is_calm else total
        if of_signal > _WEAK * scale:
            reasons.append(f"the signal is not weak: {of_signal / total:.0%} of the variance")
    if np.max(m_err) >= _COARSE:
        reasons.append("directions of the covariance are lost in rounding: m is a lower bound")
    return SmallSignalMemory(
        tau=delays,
        m=m,
        m_err=m_err,
        capacity=float(capacity),
        capacity_err=float(capacity_err),
        capacity_bound=bound,
        dimension=float(1 / np.sum((values / total) ** 2)),
        signal_share=of_signal / total,
        rank=rank,
        n=n,
        reason="; ".join(reasons),
        attributes=told,
    )


def _signal(
    correlation_time: float | None, frequencies: ArrayLike | None, amplitude: ArrayLike
) -> tuple[NDArray[Any], Array]:
    """Rates and powers of c_s(τ) = Re Σ power exp(−rate τ)."""
    if (correlation_time is None) == (frequencies is None):
        raise ArgumentError(
            f"correlation_time={correlation_time!r}, frequencies={frequencies!r}: must be one of "
            "them, the other None"
        )
    powers = arguments.gain(amplitude, "amplitude") ** 2
    rates: NDArray[Any]
    if correlation_time is not None:
        rates = 1 / np.array([arguments.within("correlation_time", correlation_time, *_TIMES)])
    else:
        assert frequencies is not None
        rates = 1j * arguments.axis("frequencies", arguments.gain(frequencies, "frequencies"))
        powers = powers / 2
    return rates, arguments.numbers("amplitude", powers, rates.shape)


def _apart(g: float, noise: float, phi: TransferFunction) -> tuple[float, Array, Array]:
    """⟨φ′⟩, and c_ψ at nodes in the lag, with their weights."""
    how: dict[str, Any] = {"sigma": math.sqrt(noise), "phi": phi}
    state = stationary(g, **how)
    if not state.delta0 > 0:
        return float(state.r_int), np.ones(1), np.zeros(1)
    # Of an odd φ c_ψ falls like exp(−3κτ).
    edges = np.append(0, 2.0 ** -np.arange(_PANELS, -1.0, -1.0)) * _FALL / (3 * state.decay_rate)
    x, w = np.polynomial.legendre.leggauss(_NODES)
    half = np.diff(edges)[:, None] / 2
    tau = (edges[:-1, None] + half * (1 + x)).ravel()
    state = stationary(g, tau=tau, **how)
    slope = float(state.r_int)
    return slope, tau, (half * w).ravel() * (state.C - slope**2 * state.delta)


def _transformed(M: Array, tau: Array, psi: Array) -> Array:
    """∫c_ψ exp((M − 1)τ) dτ by powers of M, without eigenvectors."""
    term, total = np.eye(len(M)), np.zeros_like(M)
    for k in range(_TERMS):
        added = float(np.exp(k * np.log(tau) - tau - gammaln(k + 1.0)) @ psi) * term
        total += added
        if not np.linalg.norm(added) > np.finfo(float).eps * np.linalg.norm(total):
            return total
        term = term @ M
    raise ArgumentError("J: ⟨φ′⟩J must not have eigenvalues this far beyond 1")


def _check_independent(J: Array, g: float) -> None:
    """Refuse couplings whose variance, symmetry or mean are not those of independent ones."""
    n = len(J)
    squares = n * J**2
    missed: dict[str, tuple[float, float, float]] = {
        # A diagonal may be missing.
        "variance": (squares.mean() - g**2, float(np.std(squares)) / n, g**2 / n),
        "symmetry": (n * (J * J.T).mean() - (J.diagonal() ** 2).sum() / n, 1.5 * g**2 / n, 0.0),
        "mean": (n * J.mean(), g / math.sqrt(n), 0.0),
    }
    for name, (off, err, more) in missed.items():
        if not abs(off) <= _ERRORS * err + more:
            raise ArgumentError(
                f"g={g:g}: the {name} of J is off by {off:.3g}, must be that of independent "
                f"couplings of variance g²/n and mean 0 within {_ERRORS * err + more:.3g}"
            )


def _solved(A: Array, rate: complex, u: Array) -> NDArray[Any]:
    return np.linalg.solve(rate * np.eye(len(A)) - A, u)


def _lyapunov(A: Array, half: Array) -> Array:
    """X of AX + XAᵀ + half + halfᵀ = 0 for an A in Schur form."""
    x, scale, _ = lapack.dtrsyl(A, A, -(half + half.T), tranb="T")
    return np.asarray((x + x.T) / (2 * scale))


def _recalled(A: Array, u: Array, rate: float, now: Array, tau: Array) -> Array:
    """k(τ) of dk/dτ = Ak + u exp(−rate τ), (n, n_tau)."""
    both = np.block([[A, u[:, None]], [np.zeros(len(u)), -rate]])
    size, y = float(np.linalg.norm(both, 1)), np.append(now, 1.0)
    times, place = np.unique(tau, return_inverse=True)
    found = []
    for step in np.diff(times, prepend=0.0):
        few = size * step < _FEW
        y = expm_multiply(step * both, y) if few else expm(step * both) @ y
        found.append(y[:-1])
    return np.stack(found, axis=1)[:, place]


def _resolved(values: Array, squares: Array, most: float) -> tuple[Array, Array, int]:
    """Σ squares/values over directions that are not rounding, its error, and their number."""
    floor = len(values) * np.finfo(float).eps * values[-1]
    kept = values > floor
    values, each = values[kept, None], squares[kept] / values[kept, None]
    doubt = floor / values
    if not kept.all():
        doubt[values < _DOUBTFUL * floor] = 1.0
    total = each.sum(axis=0)
    err = (doubt * each).sum(axis=0) + _QUADRATURE * total
    return total, np.where(err < _COARSE * most, err, most - total), int(kept.sum())
