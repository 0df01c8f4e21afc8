"""Gaussian integration by parts (Novikov): responses from correlations with the field.

On a time grid, R_ts = ⟨∂φ_t/∂η_s⟩ with a Gaussian field ⟨η_tη_s⟩ = g²C_ts, C_ts = ⟨φ_tφ_s⟩.  ℓ is
the Cholesky factor of C, so that η = gℓξ with ξ of unit covariance, and e_k are the orthonormal
random variables with φ_t = Σ_k ℓ_tk e_k.
"""

from __future__ import annotations

import sympy as sp
from sympy import Expr, Matrix, Symbol

from ..algebra import require_equal, require_zero
from ..dynamics.model import odd
from ..registry import check
from .cavity import symbols

_g, _step = sp.symbols("g Delta", positive=True)
_gamma = Symbol("gamma", real=True)
_TIMES = 3


def lower(name: str) -> Matrix:
    """A lower triangular matrix with positive diagonal."""
    return Matrix(
        _TIMES,
        _TIMES,
        lambda t, k: Symbol(f"{name}_{t}{k}", real=True, positive=t == k or None) if k <= t else 0,
    )


def whitened_response(response: Matrix, factor: Matrix) -> Matrix:
    """⟨φ_tξ_k⟩ for η = gℓξ: g Σ_s R_ts ℓ_sk."""
    return _g * response * factor


def memory(correlations: Matrix, basis: Matrix) -> Matrix:
    """γg² Σ_s R_ts φ_s from ⟨φ_tξ_k⟩ and the e_k: γg Σ_k ⟨φ_tξ_k⟩ e_k."""
    return _gamma * _g * correlations * basis


def cross_spectrum(response: Expr, conjugate: Expr, spectrum: Expr) -> Expr:
    """S_φh = g²(R̂ + γR̂*) S_φ, the transform of ⟨φ(t+τ)h(t)⟩."""
    return _g**2 * (response + _gamma * conjugate) * spectrum


@check(
    "novikov.by_parts", "⟨F(η)η_t⟩ = Σ_s ⟨η_tη_s⟩⟨∂F/∂η_s⟩: a total derivative, any F, three times"
)
def by_parts() -> None:
    """Σ_s K_ts ∂_s(Fρ) = (Σ_s K_ts ∂_sF − η_tF)ρ for ρ ∝ exp(−½ηK⁻¹η); its integral is 0."""
    factor = lower("L")
    covariance = factor * factor.T
    eta = symbols("eta", _TIMES)
    white = factor.inv() * eta
    density = sp.exp(-white.dot(white) / 2)
    F = sp.Function("F")(*eta)
    for t in range(_TIMES):
        total = sum(covariance[t, s] * sp.diff(F * density, eta[s]) for s in range(_TIMES))
        by_hand = sum(covariance[t, s] * sp.diff(F, eta[s]) for s in range(_TIMES)) - eta[t] * F
        require_zero(sp.expand(total / density - by_hand), f"t = {t}")


@check(
    "novikov.causal",
    "Euler steps of ẋ = −x + η + memory, any φ: ∂φ_t/∂η_s = 0 for s ≥ t, Δφ'(x_t) at t = s+1",
)
def causal() -> None:
    """R is strictly lower triangular: with the noise of a step the correlation waits a step."""
    eta, kernel = symbols("eta", _TIMES), lower("R")
    x, phi = Symbol("x", real=True), []
    for t in range(_TIMES):
        phi.append(odd(x))
        remembered = sum(kernel[t, s] * phi[s] for s in range(t))
        x = x + _step * (-x + eta[t] + remembered)
    for t in range(_TIMES):
        for s in range(_TIMES):
            slope = sp.diff(phi[t], eta[s])
            if s >= t:
                require_zero(slope, f"∂φ_{t}/∂η_{s}")
            if t == s + 1:
                require_equal(slope, _step * phi[t].fdiff(2), f"∂φ_{t}/∂η_{s}")


@check(
    "novikov.whitened",
    "η = gℓξ: ⟨φ_tξ_k⟩ = ⟨∂φ_t/∂ξ_k⟩ = g Σ_s R_ts ℓ_sk, zero for k ≥ t: R from lower triangles",
)
def whitened() -> None:
    """The chain rule for any φ_t(η_0, …, η_(t−1)); by parts with unit covariance gives the mean."""
    factor, xi, eta = lower("l"), symbols("xi", _TIMES), symbols("eta", _TIMES)
    fields = dict(zip(eta, _g * factor * xi, strict=True))
    for t in range(1, _TIMES):
        phi = sp.Function("phi")(*eta[:t])
        gradient = Matrix([[sp.diff(phi, one) for one in eta]])
        for k in range(_TIMES):
            direct = sp.diff(phi.subs(fields), xi[k]).doit()
            chained = whitened_response(gradient, factor)[k].subs(fields).doit()
            require_zero(direct - chained, f"t = {t}, k = {k}")
            if k >= t:
                require_zero(chained, f"t = {t}, k = {k}: later innovations")


@check(
    "novikov.memory",
    "γg²Σ_s R_ts φ_s = γg Σ_k ⟨φ_tξ_k⟩ e_k with φ_s = Σ_k ℓ_sk e_k: neither R nor C⁻¹ is formed",
)
def memory_without_inverse() -> None:
    """⟨e_k e_l⟩ = δ_kl makes C = ℓℓᵀ, so one orthonormal basis serves the field and the memory."""
    factor, response, basis = lower("l"), symbols("R", _TIMES, _TIMES), symbols("e", _TIMES)
    phi = factor * basis
    # C = ⟨φφᵀ⟩, the quadratic form in e_k with ⟨e_k e_l⟩ = δ_kl.
    mean = Matrix(
        _TIMES,
        _TIMES,
        lambda t, s: sum(sp.expand(phi[t] * phi[s]).coeff(e, 2) for e in basis),
    )
    require_equal(mean, factor * factor.T, "C")
    correlations = whitened_response(response, factor)
    require_equal(memory(correlations, basis), _gamma * _g**2 * response * phi, "memory")
    # From covariances in time the same costs C⁻¹: R = ⟨φηᵀ⟩ (g²C)⁻¹.
    in_time = _g**2 * response * factor * factor.T
    inverse = factor.inv().T * factor.inv() / _g**2
    require_equal(_gamma * _g**2 * in_time * inverse * phi, memory(correlations, basis), "C⁻¹")


@check(
    "novikov.spectra",
    "stationary, κ = 0: S_φh(ω) = g²(R̂ + γR̂*)S_φ, so Re: g²(1+γ)Re R̂, Im: g²(1−γ)Im R̂, and"
    " R_int = S_φh(0)/[g²(1+γ)S_φ(0)]",
)
def spectra() -> None:
    """Lag by lag on the infinite grid, C and R of finite range; z = e^(iω)."""
    z = Symbol("z")
    C, R = symbols("C", _TIMES), symbols("R", _TIMES)

    def correlation(lag: int) -> Expr:
        return C[abs(lag)] if abs(lag) < _TIMES else sp.S.Zero

    def crossed(lag: int) -> Expr:
        """⟨φ_(t+lag) h_t⟩, h = η + γg²Σ R φ."""
        novikov = _g**2 * sum(R[k] * correlation(lag - k) for k in range(_TIMES))
        remembered = sum(R[k] * correlation(lag + k) for k in range(_TIMES))
        return novikov + _gamma * _g**2 * remembered

    lags = range(-2 * _TIMES, 2 * _TIMES + 1)
    total = sum(crossed(lag) * z**lag for lag in lags)
    S = sum(correlation(lag) * z**lag for lag in lags)
    forward = sum(R[k] * z**k for k in range(_TIMES))
    backward = sum(R[k] * z**-k for k in range(_TIMES))  # the conjugate of R̂ at |z| = 1
    require_zero(total - cross_spectrum(forward, backward, S), "S_φh")
    real, imaginary, power = sp.symbols("a b S", real=True)
    response = real + sp.I * imaginary
    spectrum = cross_spectrum(response, sp.conjugate(response), power)
    require_equal(sp.re(spectrum), _g**2 * (1 + _gamma) * real * power, "Re")
    require_equal(sp.im(spectrum), _g**2 * (1 - _gamma) * imaginary * power, "Im")
    at_zero = total.subs(z, 1) / (_g**2 * (1 + _gamma) * S.subs(z, 1))
    require_equal(at_zero, sum(R), "R_int")
