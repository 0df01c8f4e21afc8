"""The Jacobian of F, the Hessian of E and the divergence of F."""

from __future__ import annotations

import sympy as sp
from sympy import Expr, Matrix

from ..algebra import require_equal, require_zero
from ..registry import check
from .model import SymbolicNetwork, networks


def energy_hessian(network: SymbolicNetwork) -> Matrix:
    """Hess E = AᵀA + diag(φ''∘Jᵀf) + ηI with A = −I + J diag(φ')."""
    A = _force_jacobian(network)
    return A.T * A + _curvature(network) + network.eta * sp.eye(network.n)


def regulated_jacobian(network: SymbolicNetwork) -> Matrix:
    """∂F/∂x = A − κ[diag(φ''∘Jᵀf) + diag(φ')JᵀA + ηI]."""
    A, D = _force_jacobian(network), sp.diag(*network.slope())
    regulation = _curvature(network) + D * network.J.T * A + network.eta * sp.eye(network.n)
    return A - network.kappa * regulation


def divergence(network: SymbolicNetwork) -> Expr:
    """∇·F = −n + Σ J_iiφ'_i − κ[Σ φ''_i(Jᵀf)_i + Σ φ'_i((JᵀJ)_iiφ'_i − J_ii) + nη]."""
    n, J, slope, bend = network.n, network.J, network.slope(), network.slope(2)
    back, gram = J.T * network.force, J.T * J
    vanilla = -n + sum(J[i, i] * slope[i] for i in range(n))
    regulation = sum(
        bend[i] * back[i] + slope[i] * (gram[i, i] * slope[i] - J[i, i]) for i in range(n)
    )
    return vanilla - network.kappa * (regulation + n * network.eta)


def _force_jacobian(network: SymbolicNetwork) -> Matrix:
    return -sp.eye(network.n) + network.J * sp.diag(*network.slope())


def _curvature(network: SymbolicNetwork) -> Matrix:
    return sp.diag(*network.slope(2).multiply_elementwise(network.J.T * network.force))


@check("jacobian.matrix_form", "∂F/∂x = A − κ[diag(φ''∘Jᵀf) + DJᵀA + ηI], A = −I + JD, D = diag φ'")
def matrix_form() -> None:
    """The derivatives of F against the closed form, n = 2 and 3, any diagonal."""
    for network in networks():
        require_equal(network.force_jacobian, _force_jacobian(network), "A")
        require_equal(network.jacobian, regulated_jacobian(network), "∂F/∂x")


@check(
    "jacobian.printed",
    "[HH] 10a, 10b componentwise for J_ii = 0, η = 0; with self-couplings they are not complete",
)
def printed() -> None:
    """Entry by entry; the exhibit at the end is one neuron coupled to itself."""
    for n in (2, 3):
        network = SymbolicNetwork(n, zero_diagonal=True)
        derived = network.jacobian.subs(network.eta, 0)
        for i in range(n):
            for j in range(n):
                require_equal(derived[i, j], _printed_entry(network, i, j), f"({i}, {j})")
    single = SymbolicNetwork(1)
    missing = single.jacobian[0].subs(single.eta, 0) - _printed_entry(single, 0, 0)
    require_equal(missing, (1 + single.kappa) * single.J[0] * single.slope()[0], "n = 1")


def _printed_entry(network: SymbolicNetwork, i: int, j: int) -> Expr:
    n, x, J, kappa = network.n, network.x, network.J, network.kappa
    slope, bend, h = network.slope(), network.slope(2), network.J * network.phi
    if i == j:
        field = sum(J[k, i] * (h[k] - x[k]) for k in range(n))
        squares = sum(J[k, i] ** 2 for k in range(n))
        return -1 - kappa * bend[i] * field - kappa * slope[i] * squares * slope[i]
    gram = sum(J[k, i] * J[k, j] for k in range(n))
    return J[i, j] * slope[j] - kappa * slope[i] * gram * slope[j] + kappa * slope[i] * J[j, i]


@check("jacobian.hessian", "κ = 1: ∂F/∂x = −Hess E, symmetric, Hess E = AᵀA + diag(φ''∘Jᵀf) + ηI")
def hessian() -> None:
    """Second derivatives of E against the closed form and the Jacobian."""
    for network in networks():
        require_equal(network.hessian, energy_hessian(network), "Hess E")
        at_one = regulated_jacobian(network).subs(network.kappa, 1)
        require_equal(at_one, -energy_hessian(network), "κ = 1")
        require_equal(at_one, at_one.T, "symmetry")


@check(
    "jacobian.asymmetry",
    "antisymmetric part of ∂F/∂x: (1−κ)(A − Aᵀ), zero for κ ≠ 1 only if J_ijφ'_j = J_jiφ'_i",
)
def asymmetry() -> None:
    """∂F/∂x − transpose, and an exhibit in which it does not vanish."""
    for network in networks():
        A, kappa = network.force_jacobian, network.kappa
        twist = network.jacobian - network.jacobian.T
        require_equal(twist, (1 - kappa) * (A - A.T), "antisymmetric part")
        slope, J = network.slope(), network.J
        condition = J[0, 1] * slope[1] - J[1, 0] * slope[0]
        require_equal(twist[0, 1], (1 - kappa) * condition, "entry")
    # Neuron 2 drives neuron 1 without being driven: at x = 0, where φ' = 1, the entry is 1 − κ.
    pair = SymbolicNetwork(2, zero_diagonal=True)
    arrow = Matrix([[0, 1], [0, 0]])
    at_zero = pair.at(pair.jacobian - pair.jacobian.T, sp.zeros(2, 1), arrow)
    require_equal(at_zero[0, 1], 1 - pair.kappa, "exhibit")


@check(
    "jacobian.divergence",
    "∇·F = −n + ΣJ_iiφ'_i − κ[Σφ''_i(Jᵀf)_i + Σφ'_i((JᵀJ)_iiφ'_i − J_ii) + nη]",
)
def divergence_is_trace() -> None:
    """The sum of ∂F_i/∂x_i, for every κ."""
    for network in networks():
        derived = sum(sp.diff(F, x) for F, x in zip(network.drift, network.x, strict=True))
        require_equal(derived, divergence(network), "divergence")
        require_equal(regulated_jacobian(network).trace(), divergence(network), "trace")
    # Zero diagonal and κ = 0: the vanilla flow contracts volumes at the constant rate n.
    vanilla = divergence(SymbolicNetwork(3, zero_diagonal=True)).subs(
        sp.Symbol("kappa", real=True), 0
    )
    require_zero(vanilla + 3, "vanilla")


@check(
    "jacobian.slow_points",
    "η = 0: Hess E = AᵀA + diag(φ''(f + ∇E)/φ'); where ∇E = 0, tanh: AᵀA − 2diag(φ∘f)",
)
def slow_points() -> None:
    """At a stationary point f = φ'∘Jᵀf.  If f ≠ 0, A has a null vector v: a minimum then needs
    Σ v_i²φ''_i f_i/φ'_i ≥ 0, for tanh Σ v_i²φ_i f_i ≤ 0.
    """
    for network in networks():
        gradient = network.gradient.subs(network.eta, 0)
        A, slope, bend = network.force_jacobian, network.slope(), network.slope(2)
        weight = sp.diag(
            *(bend[i] * (network.force[i] + gradient[i]) / slope[i] for i in range(network.n))
        )
        require_equal(network.hessian.subs(network.eta, 0), A.T * A + weight, "Hess E")
    x = sp.Symbol("x", real=True)
    require_zero(sp.diff(sp.tanh(x), x, 2) + 2 * sp.tanh(x) * sp.diff(sp.tanh(x), x), "tanh")
