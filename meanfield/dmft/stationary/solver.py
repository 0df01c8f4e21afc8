"""Stationary dynamical mean-field theory of the random network with γ = 0."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...common import arguments
from ...common.arguments import Array
from ...common.result import Result, coordinate, given, value
from ...transfer import TransferFunction, transfer_function
from .energy import NoisyNetwork
from .point import CURVES, ERRORS, RESULTS, Controls, solve

_MOST_NODES = 48


class Stationary(Result):
    """Stationary state of the γ = 0 theory; every array has the broadcast shape of g and sigma.

    Where `converged` is False the results are nan and `reason` says why; the error estimates and
    `order` stay where they were reached, and so do time lags given by the caller.  Times are in
    units of the time constant of the neurons.

    The errors are relative: one for the equation of Δ₀ and one for each resolution parameter, the
    spacing of the Gaussian quadrature, `order` and `nodes`.  λ is compared with max(|λ|, κ²); the
    error from `order` is that of κ² and of the potential of λ.
    """

    g: Array = coordinate("gain", (...,), symbol="$g$")
    sigma: Array = coordinate("noise amplitude", (...,), symbol=r"$\sigma$")
    delta0: Array = value("variance of x", (...,), symbol=r"$\Delta_0$", note="⟨x²⟩.")
    q: Array = value("mean square activity <phi^2>", (...,), symbol="$q$")
    kinetic_energy: Array = value(
        "kinetic energy per neuron <f^2>/2", (...,), note="Of f = −x + h."
    )
    lyapunov: Array = value(
        "maximal Lyapunov exponent", (...,), "1/time constant", symbol=r"$\lambda$"
    )
    r_int: Array = value(
        "integrated response <phi'>",
        (...,),
        symbol=r"$R_{\mathrm{int}}$",
        note="The time integral of the response of φ to a field.",
    )
    decay_rate: Array = value(
        "asymptotic decay rate of Delta",
        (...,),
        "1/time constant",
        symbol=r"$\kappa$",
        note="κ of Δ(τ) ~ exp(−κτ); in the null state the rate at which weak noise is forgotten.",
    )
    tau_half: Array = value(
        "time where Delta has fallen to half",
        (...,),
        "time constant",
        symbol=r"$\tau_{1/2}$",
        note="Δ(τ_half) = Δ₀/2; nan in the null state.",
    )
    tau: Array = coordinate("time lag", (..., "lag"), "time constant", symbol=r"$\tau$")
    delta: Array = value("autocovariance of x", (..., "lag"), symbol=r"$\Delta(\tau)$")
    C: Array = value("autocorrelation of phi(x)", (..., "lag"), symbol=r"$C(\tau)$")
    residual: Array = value("relative error of delta0 that the energy condition leaves", (...,))
    quadrature_error: Array = value(
        "largest relative change of a result on a grid 1.25 times coarser", (...,)
    )
    truncation_error: Array = value("relative error from the end of the Hermite series", (...,))
    collocation_error: Array = value(
        "largest relative change of a result with fewer nodes per panel", (...,)
    )
    order: NDArray[np.int64] = value(
        "degree of the last Hermite coefficient",
        (...,),
        note="Where the series was stopped; 0 in the null state.",
    )
    _headline = ("delta0", "q", "lyapunov")
    _picture = ("tau", "delta", "C")

    @property
    def relative_error(self) -> Array:
        """Sum of the relative error estimates."""
        return np.sum([getattr(self, name) for name in ERRORS], axis=0)


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
        Raise where a point has not converged or has no stationary state; otherwise put nan there.

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
        If `throw` and a point is absent or has not converged; the result is in its `solution`.

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
    attributes = given(stationary, locals())
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
        solve(NoisyNetwork(transfer, float(a), float(b)), controls)
        for a, b in zip(gains.flat, sigmas.flat, strict=True)
    ]
    arrays: dict[str, Any] = {}
    kinds: dict[str, Any] = {"order": np.int64, "status": "U9", "reason": np.str_}
    for name in (*RESULTS, *ERRORS, *CURVES, *kinds):
        axes = (*gains.shape, controls.times) if name in CURVES else gains.shape
        column = np.array([row[name] for row in rows], dtype=kinds.get(name, float))
        arrays[name] = column.reshape(axes)
    attributes["state"] = "unique" if transfer.is_concave else "one of possibly several"
    state = Stationary(g=gains.copy(), sigma=sigmas.copy(), **arrays, attributes=attributes)
    if throw:
        state._raise_unless_converged("g", "sigma")
    return state
