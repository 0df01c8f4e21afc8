"""R_φh, R_φu, R_fh and R_fu at equal times and just after: which term is instantaneous."""

from __future__ import annotations

import sympy as sp
from sympy import Expr, Symbol

from ..algebra import require_equal, require_zero
from ..dynamics.model import OddTransfer
from ..registry import check
from .cavity import STEPS, rest
from .site import Row, memory_of_h, memory_of_u, site_of_means

_g, _step = sp.symbols("g Delta", positive=True)
_gamma, _kappa = sp.symbols("gamma kappa", real=True)
_NOW = 1


def jumps(slope: Expr, others: Expr) -> tuple[Expr, Expr, Expr, Expr]:
    """R_φh, R_φu, the regular part of R_fh, and R_fu at (s⁺, s).

    `slope` is φ' of the neuron and `others` stands for g²⟨φ'²⟩.
    """
    return slope, -_kappa * slope**2, -1 - _kappa * others, _kappa * slope


@check(
    "responses.instantaneous",
    "∂f_i(t)/∂(field in h_j at t) = δ_ij, all other responses O(Δ): R_fh ∋ δ(t−s), so that u"
    " contains g²φ(t), the mean diagonal of JᵀJ, and h has no such term",
)
def instantaneous() -> None:
    """Equal times, and the order in Δ of the later responses (n = 2, generic φ)."""
    others = rest()
    none, one = sp.zeros(2, 2), sp.eye(2)
    for name, signal, fields, equal in (
        ("φh", others.run.phi, others.h, none),
        ("φu", others.run.phi, others.u, none),
        ("fh", others.run.f, others.h, one),
        ("fu", others.run.f, others.u, none),
    ):
        require_equal(others.response(signal[_NOW], fields[:, _NOW]), equal, f"R_{name}(t, t)")
        require_zero(others.response(signal[_NOW - 1], fields[:, _NOW]), f"R_{name}: causality")
        for s in range(_NOW + 1):
            later = others.response(signal[_NOW + 1], fields[:, s]).subs(_step, 0)
            require_zero(later, f"R_{name}(t', t) is finite")
    phi_0, f_0 = sp.symbols("phi_0 f_0", real=True)
    now = site_of_means(phi_0, f_0, *(block.trace() / 2 for block in (none, none, one, none)))
    require_zero(memory_of_h(now), "h at equal times")
    require_equal(memory_of_u(now), _g**2 * phi_0, "u at equal times")
    row = Row(3)
    require_equal(row.mean(row.outgoing.dot(row.outgoing)), _g**2, "(JᵀJ)_00")


@check(
    "responses.jumps",
    "R_φh(s⁺,s) = ⟨φ'⟩, R_φu = −κ⟨φ'²⟩, R_fu = κ⟨φ'⟩, R_fh − δ = −1 − κg²⟨φ'²⟩, per unit field",
)
def after() -> None:
    """One Euler step after the field, divided by Δ → 0; then from the single-site equation."""
    others = rest()
    slope = [OddTransfer(1, x) for x in others.run.x[_NOW]]
    heard = sum(others.J[1, j + 1] ** 2 * slope[j] ** 2 for j in (0, 1))  # → g²⟨φ'²⟩
    pairs = (
        ("φh", others.run.phi, others.h),
        ("φu", others.run.phi, others.u),
        ("fh", others.run.f, others.h),
        ("fu", others.run.f, others.u),
    )
    for (name, signal, fields), expected in zip(pairs, jumps(slope[0], heard), strict=True):
        jump = others.response(signal[_NOW + 1], fields[:, _NOW])[0, 0] / _step
        at_zero = sp.cancel(sp.together(jump)).subs(_step, 0)
        require_equal(at_zero, others.undisturbed(expected).subs(_step, 0), f"R_{name}")
    # The site itself: a field at s moves x by Δ, a field in u by −κφ'Δ; f = −x + h hears, of
    # f = δ(t−s), γg²∫R_φh φ → 0 and g²∫R_φu f = g²R_φu(s⁺,s).
    mean_square = Symbol("m", positive=True)
    _, kick, regular, _ = jumps(sp.sqrt(mean_square), _g**2 * mean_square)
    require_equal(regular, -1 + _g**2 * kick, "R_fh of the site")


@check(
    "responses.vanilla",
    "κ = 0: R_φu = R_fu = 0 and h = η_h + γg²∫R_φh φ, ẋ = −x + h ([SCS] at γ = 0, [ZH])",
)
def vanilla() -> None:
    """Fields in u are not heard."""
    others = rest()
    for signal in (others.run.phi[-1], others.run.f[-1]):
        for s in range(STEPS):
            require_zero(others.response(signal, others.u[:, s]).subs(_kappa, 0), "response to u")
    phi_0, f_0, R = sp.symbols("phi_0 f_0 R", real=True)
    now = site_of_means(phi_0, f_0, R, sp.S.Zero, sp.S.Zero, sp.S.Zero)
    require_equal(memory_of_h(now), _gamma * _g**2 * R * phi_0, "memory")
