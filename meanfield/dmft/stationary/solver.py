"""Stationary dynamical mean-field theory of the random network with γ = 0."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ...common import arguments
from ...common.result import NotConvergedError
from ...transfer import TransferFunction, transfer_function
from .point import Controls, solve
from .solution import CURVES, DESCRIPTIONS, Stationary

_MOST_NODES = 48


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
        Odd transfer function, concave for x > 0 (see Notes).  Its `primitive`, where there is one,
        only saves time.
    tau : array_like, optional
        Time lags ≥ 0, one axis, the same for every point.  Default: `n_tau` lags, evenly spaced
        from 0 to where Δ has fallen to about 1e-5 Δ₀, different at every point.
    n_tau : int
        Number of default lags, at least 2; unused with `tau`.
    tol : float
        A point has converged if its residual and its error estimates are within `tol`.
    order : int
        Largest degree of the Hermite series, which stops sooner where it has converged.  It needs
        about 200 Δ₀/ℓ² for tanh, ℓ the scale on which φ bends; a point far beyond is flagged
        at once.
    nodes : int
        Nodes per panel, 8 to 48.
    throw : bool
        Raise where a point has not converged; otherwise put nan there.

    Returns
    -------
    Stationary

    Raises
    ------
    ArgumentError
        If an argument is no number or out of range, or g and sigma do not broadcast.
    ValueError
        If the name `phi` is unknown.
    TypeError
        If `phi` is neither a name nor a `TransferFunction`.
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
    ε = g − 1 (tanh).

    For a φ that is concave for x > 0 the state is unique.  For any other
    (`TransferFunction.is_concave`) the energy condition may have several solutions, also beside
    the null state without noise; one is returned, which ``attributes["state"]`` of the result says.

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
    gains, sigmas = arguments.broadcast(g=arguments.gain(g), sigma=arguments.noise(sigma))
    controls = Controls(
        lags=None if tau is None else arguments.lags(tau),
        n_tau=arguments.count("n_tau", n_tau, 2),
        tol=arguments.positive("tol", tol),
        order=arguments.count("order", order, 3),
        nodes=arguments.count("nodes", nodes, 8, _MOST_NODES),
    )
    rows = [
        solve(transfer, float(a), float(b), controls)
        for a, b in zip(gains.flat, sigmas.flat, strict=True)
    ]
    shape = gains.shape
    arrays: dict[str, Any] = {}
    for name in (*DESCRIPTIONS, *CURVES):
        axes = (*shape, controls.times) if name in CURVES else shape
        kind = {"converged": bool, "order": np.int64, "reason": np.str_}.get(name, float)
        arrays[name] = np.array([row[name] for row in rows], dtype=kind).reshape(axes)
    attributes = {
        "phi": transfer.name,
        "tol": controls.tol,
        "max_order": controls.order,
        "nodes": controls.nodes,
        "state": "unique" if transfer.is_concave else "one of possibly several",
    }
    result = Stationary(g=gains.copy(), sigma=sigmas.copy(), **arrays, attributes=attributes)
    failed = [i for i, row in enumerate(rows) if not row["converged"]]
    if failed and throw:
        first = failed[0]
        raise NotConvergedError(
            f"{len(failed)} of {len(rows)} points did not converge; the first, "
            f"g={gains.flat[first]:g}, sigma={sigmas.flat[first]:g}: {rows[first]['reason']}",
            result,
        )
    return result
