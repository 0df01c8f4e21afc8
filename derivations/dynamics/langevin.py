"""Stationary covariance of dx = −Hx dt + √(2T) dW and of its time-discretised versions.

For φ linear and κ = 1, H = (J−I)ᵀ(J−I) + ηI.  A linear recursion x' = Px + Σ_k B_k ξ_k is followed
exactly; h is the step.  All covariances are functions of H, so matrices of H commute.
"""

from __future__ import annotations

import sympy as sp
from sympy import Expr

from ..algebra import require_equal, require_positive, require_zero
from ..registry import check
from .model import SymbolicNetwork

_h, _T, _H = sp.symbols("h T lambda", positive=True)
_S = sp.Symbol("S")


def euler_covariance(T: Expr, h: Expr, H: Expr) -> Expr:
    """Euler–Maruyama: T/(H − hH²/2) for an eigenvalue H."""
    return T / (H - h * H**2 / 2)


def heun_covariance(T: Expr, h: Expr, H: Expr) -> Expr:
    """Stochastic Heun: (T/H)(4 − 2a)/(4 − 2a + a²), a = hH, for an eigenvalue H."""
    a = h * H
    return T / H * (4 - 2 * a) / (4 - 2 * a + a**2)


def _linear_network(n: int) -> SymbolicNetwork:
    return SymbolicNetwork(n, phi=lambda x: x)


def _stationary(propagator: Expr, noise: Expr) -> Expr:
    """Variance of x' = propagator·x + noise, where `noise` is the variance added in a step."""
    (variance,) = sp.solve(sp.Eq(_S, propagator**2 * _S + noise), _S)
    return sp.factor(variance)


@check("langevin.linear_network", "φ linear, κ = 1: F = −Hx, E = ½xᵀHx, H = (J−I)ᵀ(J−I) + ηI")
def linear_network() -> None:
    """The drift of the model with φ(x) = x."""
    for n in (2, 3):
        network = _linear_network(n)
        X = network.J - sp.eye(n)
        H = X.T * X + network.eta * sp.eye(n)
        require_equal(network.drift.subs(network.kappa, 1), -H * network.x, "F")
        require_equal(network.kinetic_energy, (network.x.T * H * network.x)[0] / 2, "E")


@check("langevin.lyapunov", "HS + SH = 2T for S = TH⁻¹: ⟨xxᵀ⟩ = TH⁻¹, and ⟨E⟩ = nT/2")
def lyapunov() -> None:
    """Stationarity of the covariance, and that the Lyapunov operator of H has no kernel."""
    network = _linear_network(2)
    X = network.J - sp.eye(2)
    H = X.T * X + network.eta * sp.eye(2)
    # S = T adj(H)/det(H), multiplied by det(H).
    S = _T * H.adjugate()
    require_equal(H * S + S * H, 2 * _T * H.det() * sp.eye(2), "Lyapunov")
    require_equal((H * S).trace() / 2, sp.Rational(2, 2) * _T * H.det(), "equipartition")
    # The operator S → HS + SH has eigenvalues λ_i + λ_j > 0: the solution is unique.
    one, two = sp.symbols("lambda1 lambda2", positive=True)
    entries = sp.Matrix(2, 2, sp.symbols("s11 s12 s21 s22"))
    left = sp.diag(one, two) * entries + entries * sp.diag(one, two)
    determinant = sp.Matrix(list(left)).jacobian(list(entries)).det()
    require_positive(determinant, "unique")


@check("langevin.euler", "Euler–Maruyama: S = T(H − hH²/2)⁻¹ = (T/H)(1 + hH/2 + …), stable: hλ < 2")
def euler() -> None:
    """The step x' = (1 − hH)x + √(2Th) ξ, for an eigenvalue and for matrices of two neurons."""
    propagator = 1 - _h * _H
    variance = _stationary(propagator, 2 * _T * _h)
    require_equal(variance, euler_covariance(_T, _h, _H), "eigenvalue")
    require_equal(1 - propagator**2, _h * _H * (2 - _h * _H), "|1 − hλ| < 1 for 0 < hλ < 2")
    bias = sp.limit((variance - _T / _H) / _h, _h, 0)
    require_equal(bias, _T / 2, "bias: T h/2 to first order, whatever λ")

    a, b, c = sp.symbols("a b c", real=True)
    H = sp.Matrix([[a, b], [b, c]])
    stiff = H - _h * H**2 / 2
    S, step = _T * stiff.adjugate(), sp.eye(2) - _h * H
    require_equal(S, step * S * step + 2 * _T * _h * stiff.det() * sp.eye(2), "matrix")


@check(
    "langevin.leimkuhler_matthews",
    "x' = x − hHx + √(2Th)(R_n + R_n+1)/2: S = T/H exactly for every hλ < 2, also as matrices",
)
def leimkuhler_matthews() -> None:
    """x_n already holds ½√(2Th) R_n: the covariance of state and noise enters."""
    kick = sp.sqrt(2 * _T * _h) / 2
    propagator = 1 - _h * _H
    # ⟨x_n R_n⟩ = kick, since x_n = … + kick·R_n, and R_n+1 is independent of x_n.
    noise = 2 * kick**2 + 2 * propagator * kick * kick
    require_equal(_stationary(propagator, noise), _T / _H, "eigenvalue")

    a, b, c = sp.symbols("a b c", real=True)
    H = sp.Matrix([[a, b], [b, c]])
    step, one = sp.eye(2) - _h * H, sp.eye(2)
    S = _T * H.adjugate()
    added = (2 * kick**2 * one + kick**2 * (step + step.T)) * H.det()
    require_equal(S, step * S * step + added, "matrix")
    # The doubled recursion of (x, R) gives the same without the argument about ⟨xR⟩.
    doubled = sp.Matrix([[propagator, kick], [0, 0]])
    inputs = sp.Matrix([kick, 1])
    covariance = sp.Matrix([[_T / _H, kick], [kick, 1]])
    require_equal(covariance, doubled * covariance * doubled.T + inputs * inputs.T, "doubled")


@check(
    "langevin.heun",
    "stochastic Heun: S = (T/H)(4−2a)/(4−2a+a²), a = hH: bias −Th²H/4 + O(h³), stable: hλ < 2",
)
def heun() -> None:
    """Predictor with the noise of the step, then the trapezoidal drift with the same noise."""
    x, xi = sp.symbols("x xi", real=True)
    kick = sp.sqrt(2 * _T * _h) * xi
    predictor = x - _h * _H * x + kick
    corrector = sp.expand(x - _h / 2 * (_H * x + _H * predictor) + kick)
    propagator = corrector.coeff(x)
    amplitude = corrector.coeff(xi)
    require_equal(propagator, 1 - _h * _H + (_h * _H) ** 2 / 2, "propagator")
    variance = _stationary(propagator, amplitude**2)
    require_equal(variance, heun_covariance(_T, _h, _H), "covariance")
    bias = sp.series(variance - _T / _H, _h, 0, 3).removeO()
    require_equal(bias, -_T * _h**2 * _H / 4, "bias")
    a = _h * _H
    margin = 1 - propagator**2
    require_equal(margin, a * (2 - a) * ((a - 1) ** 2 + 3) / 4, "|R| < 1 for 0 < a < 2")


@check("langevin.order_of_bias", "bias of S/S_exact: Euler a/2, Heun −a²/4, Leimkuhler–Matthews 0")
def order_of_bias() -> None:
    """Relative errors in a = hλ, to leading order."""
    a = sp.Symbol("a", positive=True)
    for covariance, power, leading in (
        (euler_covariance, 1, sp.Rational(1, 2)),
        (heun_covariance, 2, -sp.Rational(1, 4)),
    ):
        relative = covariance(_T, a / _H, _H) * _H / _T - 1
        require_zero(sp.limit(relative / a**power, a, 0) - leading, covariance.__name__)
