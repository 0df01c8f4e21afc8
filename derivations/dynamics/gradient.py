"""The gradient of E, the decomposition of the force into it, and symmetries."""

from __future__ import annotations

import itertools

import sympy as sp
from sympy import Matrix

from ..algebra import require_equal, require_zero
from ..registry import check
from .model import SymbolicNetwork, networks


def onsager_force(network: SymbolicNetwork) -> Matrix:
    """The Onsager-reaction force −φ'∘Jᵀf."""
    return -network.slope().multiply_elementwise(network.J.T * network.force)


def decomposition_matrix(network: SymbolicNetwork) -> Matrix:
    """M = I − diag(φ')Jᵀ, for which ∇E = −Mf at η = 0."""
    return sp.eye(network.n) - sp.diag(*network.slope()) * network.J.T


@check("gradient.onsager", "−∇E = f − φ'∘Jᵀf − ηx and F = f − κ(φ'∘Jᵀf + ηx), any diagonal of J")
def onsager() -> None:
    """The derivatives of E against the closed form, for n = 2 and 3."""
    for network in networks():
        reaction = onsager_force(network) - network.eta * network.x
        require_equal(-network.gradient, network.force + reaction, "gradient")
        require_equal(network.drift, network.force + network.kappa * reaction, "drift")
        require_equal(network.drift.subs(network.kappa, 0), network.force, "κ = 0")
        require_equal(network.drift.subs(network.kappa, 1), -network.gradient, "κ = 1")


@check(
    "gradient.printed",
    "[HH] 5, 8: −∂E/∂x_i = −x_i + h_i − φ'(x_i) Σ_j≠i J_ji (h_j − x_j), κ times the sum in F",
)
def printed() -> None:
    """Componentwise with the sums over j ≠ i, where J_ii = 0 and η = 0."""
    for n in (2, 3):
        network = SymbolicNetwork(n, zero_diagonal=True)
        x, J, phi, slope = network.x, network.J, network.phi, network.slope()
        h = [sum(J[i, j] * phi[j] for j in range(n) if j != i) for i in range(n)]
        for i in range(n):
            reaction = slope[i] * sum(J[j, i] * (h[j] - x[j]) for j in range(n) if j != i)
            descent = -network.gradient[i].subs(network.eta, 0)
            require_equal(descent, -x[i] + h[i] - reaction, f"Eq. 5, n = {n}")
            regulated = network.drift[i].subs(network.eta, 0)
            require_equal(regulated, -x[i] + h[i] - network.kappa * reaction, f"Eq. 8, n = {n}")


@check("gradient.decomposition", "[HH] 6, 7: f = −∇E + φ'∘Jᵀf = −M⁻¹∇E, M = I − diag(φ')Jᵀ, η = 0")
def decomposition() -> None:
    """M f = −∇E, and the inverse where det M ≠ 0."""
    for network in networks():
        descent = -network.gradient.subs(network.eta, 0)
        require_equal(network.force, descent - onsager_force(network), "Eq. 6")
        M = decomposition_matrix(network)
        require_equal(M * network.force, descent, "M f")
        # M⁻¹ = adj M/det M.
        require_equal(M.det() * network.force, M.adjugate() * descent, "Eq. 7")


@check(
    "gradient.printed_matrix",
    "[HH]'s J_ji[δ_ji − φ'(x_i)(1−δ_ji)] with J_ii = 1 is M for J_ii = 0, else off by φ'(x_i)J_ii",
)
def printed_matrix() -> None:
    """The convention J_ii = 1 of that one formula stands for the identity in M."""
    for network in networks():
        n, slope = network.n, network.slope()
        one = Matrix(n, n, lambda i, j, J=network.J: 1 if i == j else J[i, j])
        printed = Matrix(
            n,
            n,
            lambda i, j, J=one, slope=slope: (
                J[j, i] * (sp.KroneckerDelta(j, i) - slope[i] * (1 - sp.KroneckerDelta(j, i)))
            ),
        )
        diagonal = sp.diag(*(slope[i] * network.J[i, i] for i in range(n)))
        require_equal(printed - decomposition_matrix(network), diagonal, "matrix")


@check("gradient.parity", "φ odd: F(−x) = −F(x), E(−x) = E(x), also with confinement")
def parity() -> None:
    """Both sides of generic odd φ, any diagonal."""
    for network in networks():
        mirrored = -network.x
        require_equal(network.at(network.drift, mirrored), -network.drift, "F")
        require_equal(network.at(network.kinetic_energy, mirrored), network.kinetic_energy, "E")


@check("gradient.permutation", "F(Px; PJPᵀ) = P F(x; J), E(Px; PJPᵀ) = E(x; J) for permutations P")
def permutation() -> None:
    """All permutations of three neurons."""
    network = SymbolicNetwork(3)
    for order in itertools.permutations(range(3)):
        P = sp.eye(3).extract(list(order), [0, 1, 2])
        x, J = P * network.x, P * network.J * P.T
        require_equal(network.at(network.drift, x, J), P * network.drift, "F")
        require_equal(network.at(network.kinetic_energy, x, J), network.kinetic_energy, "E")


@check(
    "gradient.stationary_points",
    "∇E = Aᵀf = −Mf at η = 0, so adj(A)ᵀ∇E = det(A) f: ∇E = 0 with f ≠ 0 needs det A = 0",
)
def stationary_points() -> None:
    """Stationary points of E are fixed points of f, or points of singular A = ∂f/∂x."""
    for network in networks():
        A, gradient = network.force_jacobian, network.gradient.subs(network.eta, 0)
        require_equal(gradient, A.T * network.force, "∇E")
        require_zero(A.T + decomposition_matrix(network), "M = −Aᵀ")
        require_equal(A.adjugate().T * gradient, A.det() * network.force, "adjugate")
        confined = A.T * network.force + network.eta * network.x
        require_equal(network.gradient, confined, "with confinement")
