"""The Gaussian operator that reveals itself, and why its second sum is the memory of the theory.

G has independent entries of variance g²/M, J = cos θ G + sin θ Gᵀ with sin 2θ = γ.  With e_k an
orthonormal basis of the vectors that G has met and f_j of those that Gᵀ has met,

    G v = Σ_k (v·e_k) z_k + Σ_j (v·w_j) f_j,   Gᵀ v = Σ_j (v·f_j) w_j + Σ_k (v·z_k) e_k,

z_k is Ge_k projected off the f_j known when e_k is met, w_j is Gᵀf_j projected off those e_k.  For
adaptive requests see Bolthausen, Commun. Math. Phys. 325, 333 (2014).
"""

from __future__ import annotations

import sympy as sp
from sympy import Expr, Matrix, Rational, Symbol

from ..algebra import require_equal, require_zero
from ..registry import check
from .cavity import symbols
from .site import Site, field_covariance, memory_of_h, memory_of_u

_g = Symbol("g", positive=True)
_gamma = Symbol("gamma", real=True)
_M = 4
# e_1, f_1, e_2, f_2: the order of the requests.
_ROUNDS = 2


def _rotation(seed: int) -> Matrix:
    """A rational rotation (Cayley): its columns serve as an orthonormal basis."""
    skew = Matrix(_M, _M, lambda i, j: Rational((i + 2 * j + seed) % 5 - 2, 3) if i < j else 0)
    skew -= skew.T
    return (sp.eye(_M) - skew) * (sp.eye(_M) + skew).inv()


def mixing(theta: Expr) -> tuple[Expr, Expr]:
    """Weights of G and Gᵀ in J."""
    return sp.cos(theta), sp.sin(theta)


def revealed(G: Matrix, other: int = 1) -> tuple[Matrix, Matrix, Matrix, Matrix]:
    """Columns e_k, z_k, f_j and w_j after the requests e_1, f_1, e_2, f_2; `other` 0: f = e."""
    e, f = _rotation(0)[:, :_ROUNDS], _rotation(other)[:, :_ROUNDS]
    z, w = [], []
    for k in range(_ROUNDS):
        known = f[:, :k]
        z.append((sp.eye(_M) - known * known.T) * G * e[:, k])
        known = e[:, : k + 1]
        w.append((sp.eye(_M) - known * known.T) * G.T * f[:, k])
    return e, Matrix.hstack(*z), f, Matrix.hstack(*w)


@check(
    "sampler.couplings",
    "J = cos θ G + sin θ Gᵀ, sin 2θ = γ: ⟨J_ij²⟩ = g²/M, ⟨J_ijJ_ji⟩ = γg²/M, ⟨J_ii²⟩ = (1+γ)g²/M",
)
def variances() -> None:
    """From the independent entries of G."""
    theta, M = Symbol("theta", real=True), Symbol("M", positive=True)
    first, second = sp.symbols("G_12 G_21", real=True)
    cosine, sine = mixing(theta)
    there, back = cosine * first + sine * second, cosine * second + sine * first

    def mean(product: Expr) -> Expr:
        expanded = sp.expand(product)
        return (expanded.coeff(first, 2) + expanded.coeff(second, 2)) * _g**2 / M

    gamma = sp.sin(2 * theta)
    require_equal(mean(there**2), _g**2 / M, "J_ij")
    require_equal(mean(there * back), gamma * _g**2 / M, "J_ij J_ji")
    require_equal((cosine + sine) ** 2 * _g**2 / M, (1 + gamma) * _g**2 / M, "J_ii")


@check(
    "sampler.answers",
    "on the vectors met, the two sums are G and Gᵀ exactly, for every G (M = 4, two rounds)",
)
def answers() -> None:
    """The part of Ge_k along earlier f_j is in the w_j, and the reverse."""
    G = symbols("G", _M, _M)
    e, z, f, w = revealed(G)
    forward = z * e.T + f * w.T
    require_zero((forward - G) * e, "G on the e_k")
    require_zero((forward.T - G.T) * f, "Gᵀ on the f_j")


@check(
    "sampler.one_basis",
    "f = e: Σ (v·e_k) a_k + (v·b_k) e_k, a = cos θ z + sin θ w, b = cos θ w + sin θ z, is"
    " Jv on the vectors met, its transpose Jᵀv; ⟨a_ka_k⟩ = ⟨b_kb_k⟩, ⟨a_kb_k⟩ = γ⟨a_ka_k⟩ off them",
)
def one_basis() -> None:
    """What Jv and Jᵀv need where both are asked of the same vectors."""
    G = symbols("G", _M, _M)
    e, z, _, w = revealed(G, other=0)
    # J, Σ a_k e_kᵀ + Σ e_k b_kᵀ and their transposes are linear in cos θ and sin θ.
    for matrix, form in ((G, z * e.T + e * w.T), (G.T, w * e.T + e * z.T)):
        require_zero((form - matrix) * e, "the parts of J and Jᵀ on the e_k")
    cosine, sine = mixing(Symbol("theta", real=True))
    entries = list(G)
    for k in range(_ROUNDS):
        off = sp.eye(_M) - e[:, : k + 1] * e[:, : k + 1].T
        of_z, of_w = off * z[:, k].jacobian(entries), off * w[:, k].jacobian(entries)
        require_equal(of_z * of_z.T, off, "⟨z_kz_k⟩ in units of g²/M")
        require_equal(of_w * of_w.T, off, "⟨w_kw_k⟩")
        require_zero(of_z * of_w.T, "⟨z_kw_k⟩")
    within, across = cosine**2 + sine**2, 2 * cosine * sine
    require_equal(within, sp.Integer(1), "⟨a_ka_k⟩, ⟨b_kb_k⟩")
    require_equal(across, sp.sin(2 * Symbol("theta", real=True)), "⟨a_kb_k⟩ = γ⟨a_ka_k⟩")


@check(
    "sampler.innovations",
    "the z_k and w_j are uncorrelated with one another and with the rest of G, of variance g²/M"
    " off the directions they are projected off: fresh Gaussians",
)
def innovations() -> None:
    """Covariances of linear forms in the entries of G, for given bases."""
    G = symbols("G", _M, _M)
    e, z, f, w = revealed(G)
    forms = [*(z[:, k] for k in range(_ROUNDS)), *(w[:, j] for j in range(_ROUNDS))]
    forms.append(Matrix(list(G - z * e.T - f * w.T)))
    entries = list(G)
    jacobians = [form.jacobian(entries) for form in forms]
    for i, one in enumerate(jacobians):
        for other in jacobians[:i]:
            require_zero(one * other.T, f"covariance of {i} with an earlier one")
    for k in range(_ROUNDS):
        left = sp.eye(_M) - f[:, :k] * f[:, :k].T
        require_equal(jacobians[k] * jacobians[k].T, left, f"z_{k}")
        left = sp.eye(_M) - e[:, : k + 1] * e[:, : k + 1].T
        both = jacobians[_ROUNDS + k]
        require_equal(both * both.T, left, f"w_{k}")


@check(
    "sampler.memory",
    "M → ∞: h = Jφ and u = Jᵀf of the operator are the single-site fields with all four responses",
)
def memory() -> None:
    """φ_t = Σ a_tk e_k and f_t = Σ b_tk e_k in one basis, met by G and by Gᵀ.

    ζ_k = cos θ z_k + sin θ w_k drives h, ω_k = cos θ w_k + sin θ z_k drives u, and the second sums
    are Σ_k ⟨φ_tω_k⟩ e_k in h and Σ_k ⟨f_tζ_k⟩ e_k in u.
    """
    theta = Symbol("theta", real=True)
    cosine, sine = mixing(theta)
    first, second = sp.symbols("z w", real=True)
    drive_h, drive_u = cosine * first + sine * second, cosine * second + sine * first

    def mean(product: Expr) -> Expr:  # z and w independent, of variance g²
        expanded = sp.expand(product)
        return sp.simplify((expanded.coeff(first, 2) + expanded.coeff(second, 2)) * _g**2)

    within, across = mean(drive_h**2), mean(drive_h * drive_u)
    require_equal(mean(drive_u**2), within, "⟨ωω⟩")
    n, times = 3, 2
    a, b, e = symbols("a", times, n), symbols("b", times, n), symbols("e", n)
    t, s = 0, 1  # any two times
    hh, hu, uu = field_covariance(a[t, :].dot(a[s, :]), a[t, :].dot(b[s, :]), b[t, :].dot(b[s, :]))
    gamma = {_gamma: sp.sin(2 * theta)}
    require_zero(within * a[t, :].dot(a[s, :]) - hh, "⟨η_hη_h⟩")
    require_zero(across * a[t, :].dot(b[s, :]) - hu.subs(gamma), "⟨η_hη_u⟩")
    require_zero(within * b[t, :].dot(b[s, :]) - uu, "⟨η_uη_u⟩")
    # By parts with two fields: ⟨φ_tω_k⟩ = Σ_s R_φh⟨η_h(s)ω_k⟩ + R_φu⟨η_u(s)ω_k⟩, ⟨f_tζ_k⟩ alike.
    responses = [symbols(name, times) for name in ("R_phih", "R_phiu", "R_fh", "R_fu")]
    phi_h, phi_u, f_h, f_u = responses
    site = Site(a * e, b * e, *responses)
    in_h = ((phi_h.T * a * across + phi_u.T * b * within) * e)[0]
    in_u = ((f_h.T * a * within + f_u.T * b * across) * e)[0]
    require_zero(in_h - memory_of_h(site).subs(gamma), "memory of h")
    require_zero(in_u - memory_of_u(site).subs(gamma), "memory of u")
