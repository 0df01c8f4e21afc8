"""Sparse excitatory–inhibitory couplings J = S∘(AD + M), [HH] Eqs. 15–18.

S has entries 1 with probability α, else 0; A is standard Gaussian; D = diag(σ̃) and M = uvᵀ,
u = (1, …, 1), v = (μ̃_e …, μ̃_i …), act on the columns: the type belongs to the sending neuron.
σ̃ = σ/√N and μ̃ = μ/√N; D holds standard deviations.
"""

from __future__ import annotations

import sympy as sp
from sympy import Expr, Matrix, Rational

from ..algebra import gaussian_mean, require_equal, require_positive, require_zero
from ..registry import check

_alpha, _f = sp.symbols("alpha f", positive=True)
_mu, _a = sp.symbols("mu a", real=True)
_sigma, _N = sp.symbols("sigma N", positive=True)
_mu_e, _mu_i = sp.symbols("mu_e mu_i", real=True)
_sigma_e, _sigma_i = sp.symbols("sigma_e sigma_i", positive=True)


def entry_mean(alpha: Expr, mu: Expr) -> Expr:
    """Mean αμ̃ of an entry."""
    return alpha * mu


def entry_variance(alpha: Expr, mu: Expr, sigma: Expr) -> Expr:
    """Variance α(1−α)μ̃² + ασ̃² of an entry."""
    return alpha * (1 - alpha) * mu**2 + alpha * sigma**2


def squared_radius(alpha: Expr, f: Expr, mu: tuple[Expr, Expr], sigma: tuple[Expr, Expr]) -> Expr:
    """ℛ² = N[f σ_se² + (1−f)σ_si²], from μ and σ without tilde: N drops out."""
    excitatory, inhibitory = (entry_variance(alpha, m, s) for m, s in zip(mu, sigma, strict=True))
    return f * excitatory + (1 - f) * inhibitory


def outlier(alpha: Expr, f: Expr, mu: tuple[Expr, Expr], n: Expr) -> Expr:
    """N E[J] = α√N [fμ_e + (1−f)μ_i], from μ without tilde."""
    return alpha * sp.sqrt(n) * (f * mu[0] + (1 - f) * mu[1])


def secular(z: Expr, v: list[Expr]) -> Expr:
    """1 − Σ v_j/(z + v_j): where it is 0, 1vᵀ without its diagonal has an eigenvalue."""
    return 1 - sum(one / (z + one) for one in v)


def _bernoulli_gaussian(power: int) -> Expr:
    """⟨J^power⟩ of J = S(σ̃a + μ̃): S^power = S for power ≥ 1, average over a, then over S."""
    on = gaussian_mean((_sigma * _a + _mu) ** power, _a)
    return sp.expand(_alpha * on + (1 - _alpha) * sp.Integer(0) ** power)


@check("dale.moments", "J_ij = S(σ̃_l A + μ̃_l): mean αμ̃_l, variance α(1−α)μ̃_l² + ασ̃_l²")
def moments() -> None:
    """Bernoulli S and Gaussian A, by their moments."""
    require_equal(_bernoulli_gaussian(1), entry_mean(_alpha, _mu), "mean")
    variance = _bernoulli_gaussian(2) - _bernoulli_gaussian(1) ** 2
    require_equal(variance, entry_variance(_alpha, _mu, _sigma), "variance")


@check(
    "dale.mean_matrix",
    "E[J] = αuvᵀ has rank one and eigenvalue αv·u = N E[J] = α√N[fμ_e + (1−f)μ_i] ([HH] 18)",
)
def mean_matrix() -> None:
    """Matrix form for N = 5, f = 3/5; then the average over entries in general."""
    n, excitatory = 5, 3
    tilde = [m / sp.sqrt(n) for m in [_mu_e] * excitatory + [_mu_i] * (n - excitatory)]
    mean = Matrix(n, n, lambda i, j: entry_mean(_alpha, tilde[j]))
    ones = sp.ones(n, 1)
    eigenvalue = outlier(_alpha, Rational(excitatory, n), (_mu_e, _mu_i), sp.Integer(n))
    require_equal(mean * ones, eigenvalue * ones, "eigenvector u")
    require_equal(mean.trace(), eigenvalue, "the others vanish")
    require_equal(sum(mean) / n, eigenvalue, "N times the mean over entries")
    printed = _alpha * (_f * _mu_e + (1 - _f) * _mu_i) / sp.sqrt(_N)
    require_equal(_N * printed, outlier(_alpha, _f, (_mu_e, _mu_i), _N), "Eq. 18 times N")


@check(
    "dale.outliers",
    "E[J] = 1vᵀ − diag(v), N = 5: det(z − E[J]) has the factor 1 − Σ v_j/(z + v_j) "
    "= (z² − λ₀z + s − Σv_j³/z + …)/z², λ₀ = Σv_j, s = Σv_j²",
)
def outliers() -> None:
    """The determinant of two kinds of v, then powers of v."""
    n, excitatory = 5, 3
    z, e, i, small = sp.symbols("z v_e v_i epsilon")
    v = [e] * excitatory + [i] * (n - excitatory)
    mean = Matrix(n, n, lambda row, column: 0 if row == column else v[column])
    product = sp.prod([z + one for one in v])
    require_equal((z * sp.eye(n) - mean).det(), sp.cancel(product * secular(z, v)), "det")
    simple, square, cube = (sum(one**power for one in v) for power in (1, 2, 3))
    series = sp.series(secular(z, [small * one for one in v]), small, 0, 4).removeO()
    found = series.subs(small, 1) * z**2
    require_equal(found, z**2 - simple * z + square - cube / z, "three orders")


@check("dale.radius", "ℛ² = N[fσ_se² + (1−f)σ_si²] does not depend on N for μ̃ = μ/√N, σ̃ = σ/√N")
def radius() -> None:
    """The mean over columns of the variance, times N."""
    scale = sp.sqrt(_N)
    printed = _N * (
        _f * entry_variance(_alpha, _mu_e / scale, _sigma_e / scale)
        + (1 - _f) * entry_variance(_alpha, _mu_i / scale, _sigma_i / scale)
    )
    derived = squared_radius(_alpha, _f, (_mu_e, _mu_i), (_sigma_e, _sigma_i))
    require_equal(printed, derived, "ℛ²")


@check(
    "dale.printed_sets",
    "[HH] Fig. 6: balanced ℛ² = 0.928 < 1 and N E[J] = 0; inhibitory 1.568, excitatory 1.088",
)
def printed_sets() -> None:
    """α = 1/5, f = 4/5, σ = 6/5: the disc of the balanced network as printed does not reach 1."""
    alpha, f, sigma = Rational(1, 5), Rational(4, 5), Rational(6, 5)
    for mu, square in (
        ((sp.Integer(1), sp.Integer(-4)), Rational(928, 1000)),
        ((sp.Integer(1), sp.Integer(-6)), Rational(1568, 1000)),
        ((Rational(3, 2), sp.Integer(-4)), Rational(1088, 1000)),
    ):
        require_equal(squared_radius(alpha, f, mu, (sigma, sigma)), square, f"μ = {mu}")
    balanced, inhibitory, excitatory = (
        outlier(alpha, f, mu, _N)
        for mu in (
            (sp.Integer(1), sp.Integer(-4)),
            (sp.Integer(1), sp.Integer(-6)),
            (Rational(3, 2), sp.Integer(-4)),
        )
    )
    require_zero(balanced, "balanced")
    require_positive(-inhibitory, "inhibitory")
    require_positive(excitatory, "excitatory")
