"""Stationary dynamical mean-field theory of the random network with γ = 0."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .. import parameters
from ..replica.solution import NotConvergedError
from ..transfer import Array, TransferFunction, transfer_function
from .solution import CURVES, DESCRIPTIONS, Stationary
from .stationary_point import NoStateError, Point, evaluate, polished

# The coarse grid and the coarse panels that the error estimates compare with.
_COARSE = 0.8
_FEWER = 4
# The default lags end where ρ = sech θ with this θ, about 1e-5 (in the null state: this many
# decay times, or time constants where the decay time is infinite).
_LAST_THETA = 12.0
_SLOWEST = 1e-3


def stationary(
    g: ArrayLike,
    *,
    sigma: ArrayLike = 0.0,
    phi: str | TransferFunction = "tanh",
    tau: ArrayLike | None = None,
    n_tau: int = 201,
    tol: float = 1e-10,
    order: int = 40_001,
    nodes: int = 16,
    throw: bool = True,
) -> Stationary:
    """Stationary state, autocorrelation and Lyapunov exponent of the γ = 0 network, N → ∞.

    The network is ẋ = −x + J φ(x) + ξ with independent couplings of variance g²/N and white noise
    ⟨ξ(t)ξ(t′)⟩ = σ² δ(t − t′).  Without noise a network with g φ'(0) ≤ 1 is at rest: Δ = 0.

    Parameters
    ----------
    g : array_like
        Gain, > 0; broadcast with `sigma`.
    sigma : array_like
        Noise amplitude σ ≥ 0.
    phi : str or TransferFunction
        Odd transfer function.  Its `primitive` is used where there is one.
    tau : array_like, optional
        Time lags ≥ 0, one axis, the same for every point.  Default: `n_tau` lags, evenly spaced
        from 0 to where Δ has fallen to about 1e-5 Δ₀, different at every point.
    n_tau : int
        Number of default lags, at least 2.
    tol : float
        A point has converged if its residual and its error estimates are within `tol`.
    order : int
        Largest degree of the Hermite series, which stops sooner where it has converged.
    nodes : int
        Nodes per panel, at least 8.
    throw : bool
        Raise where a point has not converged; otherwise put nan there.

    Returns
    -------
    Stationary

    Raises
    ------
    ArgumentError
        If an argument is out of range.
    NotConvergedError
        If `throw` and a point has not converged; the result of the call is in its `solution`.

    Notes
    -----
    The local field is Gaussian and Δ(τ) = ⟨x(t)x(t+τ)⟩ obeys [1]_

        Δ″ = Δ − g² C_φ(Δ; Δ₀),   Δ′(0⁺) = −σ²/2,   Δ(∞) = 0,

    a particle in a potential, whose energy fixes Δ₀:

        σ⁴/8 − Δ₀²/2 + g² Var Φ(√Δ₀ z) = 0,   Φ′ = φ,   z ~ N(0, 1).

    The maximal Lyapunov exponent is λ = −1 + √(1 − E₀), with E₀ the lowest eigenvalue of
    −d²/dτ² + 1 − g²⟨φ′(x(0))φ′(x(τ))⟩.  C_φ is summed from the Hermite series of φ(√Δ₀ z); the
    energy, the decay rate κ² = 1 − g²⟨φ′⟩² and ½⟨f²⟩ = (g²q − Δ₀ + σ²)/2 from series of positive
    terms, so that the digits survive the onset, where Δ₀ ≈ ε + 7ε²/6 and ⟨f²⟩ ≈ ε³/3 with
    ε = g − 1 (tanh).  Cost and degree of the series grow with Δ₀/ℓ², ℓ the scale on which φ bends.

    For a φ that does not bend towards saturation the energy condition may have several
    solutions, of which one is returned.

    References
    ----------
    .. [1] H. Sompolinsky, A. Crisanti, H. J. Sommers, Phys. Rev. Lett. 61, 259 (1988).

    Examples
    --------
    >>> from meanfield import stationary
    >>> state = stationary(2.0)
    >>> print(f"{state.delta0:.10f} {state.q:.10f} {state.lyapunov:.10f}")
    1.9248054137 0.5131780660 0.1124581096
    >>> stationary([0.5, 1.5], sigma=[[0.0], [1.0]]).delta.shape
    (2, 2, 201)
    """
    transfer = transfer_function(phi)
    gains, sigmas = np.broadcast_arrays(parameters.gain(g), parameters.noise(sigma))
    lags = None if tau is None else parameters.lags(tau)
    n_tau = parameters.count("n_tau", n_tau, 2) if lags is None else lags.size
    tol = parameters.positive("tol", tol)
    order = parameters.count("order", order, 3)
    nodes = parameters.count("nodes", nodes, 8)
    rows = [
        _solve(transfer, float(a), float(b), lags, n_tau, tol, order, nodes)
        for a, b in zip(gains.flat, sigmas.flat, strict=True)
    ]
    shape = gains.shape
    arrays: dict[str, Any] = {}
    for name in (*DESCRIPTIONS, *CURVES):
        axes = (*shape, n_tau) if name in CURVES else shape
        kind = {"converged": bool, "order": np.int64, "reason": np.str_}.get(name, float)
        arrays[name] = np.array([row[name] for row in rows], dtype=kind).reshape(axes)
    attributes = {"phi": transfer.name, "tol": tol, "max_order": order, "nodes": nodes}
    result = Stationary(g=gains.copy(), sigma=sigmas.copy(), **arrays, attributes=attributes)
    failed = [row for row in rows if not row["converged"]]
    if failed and throw:
        where = next(i for i, row in enumerate(rows) if not row["converged"])
        raise NotConvergedError(
            f"{len(failed)} of {len(rows)} points did not converge; the first, "
            f"g={gains.flat[where]:g}, sigma={sigmas.flat[where]:g}: {failed[0]['reason']}",
            result,
        )
    return result


def _solve(
    phi: TransferFunction,
    g: float,
    sigma: float,
    lags: Array | None,
    n_tau: int,
    tol: float,
    order: int,
    nodes: int,
) -> dict[str, Any]:
    if sigma == 0 and g * phi.slope <= 1:
        return _null(phi, g, lags, n_tau)
    try:
        series, residual = polished(phi, g, sigma, order, 1.0)
        fine = evaluate(phi, g, sigma, series, residual, nodes)
        coarse_series, _ = polished(phi, g, sigma, order, _COARSE)
        coarse = evaluate(phi, g, sigma, coarse_series, 0.0, nodes, _COARSE)
        fewer = evaluate(phi, g, sigma, series, 0.0, nodes - _FEWER)
    except NoStateError as error:
        return _failed(n_tau, str(error))
    row: dict[str, Any] = {
        name: getattr(fine, name) for name in DESCRIPTIONS if hasattr(fine, name)
    }
    row["quadrature_error"] = fine.distance(coarse)
    row["truncation_error"] = series.truncation
    row["collocation_error"] = fine.distance(fewer)
    row["order"] = 2 * series.squares.size - 1
    worst = max(
        ("residual", "quadrature_error", "truncation_error", "collocation_error"),
        key=lambda name: row[name],
    )
    if not row[worst] <= tol:
        errors = {name: row[name] for name in row if name.endswith("_error") or name == "residual"}
        reason = f"{worst} {row[worst]:.1e} exceeds tol={tol:g}"
        return {**_failed(n_tau, reason), **errors, "order": row["order"]}
    row["tau"] = _default_lags(fine, n_tau) if lags is None else lags
    rho = fine.trajectory.rho(row["tau"])
    row["delta"] = fine.delta0 * rho
    row["C"] = series.correlation(rho)
    row["converged"], row["reason"] = True, ""
    return row


def _default_lags(point: Point, n_tau: int) -> Array:
    last = point.trajectory.tau[-1] - (point.trajectory.theta[-1] - _LAST_THETA) / point.decay_rate
    return np.linspace(0.0, float(last), n_tau)


def _failed(n_tau: int, reason: str) -> dict[str, Any]:
    row: dict[str, Any] = dict.fromkeys(DESCRIPTIONS, np.nan)
    row |= {name: np.full(n_tau, np.nan) for name in CURVES}
    return row | {"converged": False, "order": 0, "reason": reason}


def _null(phi: TransferFunction, g: float, lags: Array | None, n_tau: int) -> dict[str, Any]:
    load = g * phi.slope
    rate = math.sqrt((1 - load) * (1 + load))
    row: dict[str, Any] = dict.fromkeys(DESCRIPTIONS, 0.0)
    row |= {name: np.zeros(n_tau) for name in CURVES}
    last = _LAST_THETA / max(rate, _SLOWEST)
    row["tau"] = np.linspace(0.0, last, n_tau) if lags is None else lags
    row |= {"lyapunov": load - 1, "r_int": phi.slope, "decay_rate": rate, "tau_half": np.nan}
    return row | {"converged": True, "order": 0, "reason": ""}
