"""Hermite expansion of φ(√Δ₀ z): the two-time functions of a stationary Gaussian field.

With φ(√Δ₀ z) = Σ c_k h_k(z) in orthonormal Hermite polynomials, Mehler's formula gives

    C_φ(ρ) = E[φ(x)φ(y)] = Σ c_k² ρ^k,    C_φ'(ρ) = E[φ'(x)φ'(y)] = Σ k c_k² ρ^(k−1) / Δ₀

for a Gaussian pair of variance Δ₀ and correlation ρ.  Every term is positive, so all the
differences the theory needs can be summed term by term without cancellation.  The coefficients
fall like exp(−d√k), d the distance of the nearest pole of φ(√Δ₀ z) from the real axis.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ..quadrature import POLE
from ..transfer import Array, TransferFunction

# Half width in z: exp(−z²/4), which bounds the integrand of every coefficient, is 1e-17 there.
_REACH = 12.5
_STEP = 0.1
# Nodes per pole distance: resolves the pole and the oscillations of h_k up to c_k² = 1e-16.
_STEPS_PER_POLE = 14.0
_MAX_NODES = 20_000
_BLOCK = 32
_NEGLIGIBLE = 1e-18
_GAUSS = np.polynomial.legendre.leggauss(8)


def normal_nodes(phi: TransferFunction, delta0: float, refinement: float = 1.0) -> Array:
    """Uniform nodes on z ≥ 0, fine enough for φ(√Δ₀ z); `refinement` divides the step."""
    pole = POLE * phi.length / math.sqrt(delta0)
    step = min(_STEP, pole / _STEPS_PER_POLE) / refinement
    count = min(math.ceil(_REACH / step), _MAX_NODES)
    return np.linspace(0.0, _REACH, count + 1)


def _weights(z: Array, width: float) -> Array:
    # Even integrands on the whole line; exp(−width z²) of the normal law is in the weights.
    weights = math.sqrt(2 / math.pi) * z[1] * np.exp(-width * z * z)
    weights[0] /= 2
    return weights


def moments(phi: TransferFunction, delta0: float, refinement: float = 1.0) -> tuple[Array, float]:
    """⟨φ²⟩, ⟨φ'⟩, ⟨φ'²⟩ and, apart, the cancellation-free φ'(0) − ⟨φ'⟩, for x ~ N(0, Δ₀)."""
    z = normal_nodes(phi, delta0, refinement)
    weights = _weights(z, 0.5)
    x = math.sqrt(delta0) * z
    slope = phi.d1(x)
    values = np.array([phi.phi(x) ** 2, slope, slope**2]) @ weights
    return values, float(weights @ (phi.slope - slope))


def variance_of_primitive(phi: TransferFunction, delta0: float) -> float:
    """Var Φ(√Δ₀ z), by quadrature of φ where `phi` carries no primitive."""
    z = normal_nodes(phi, delta0)
    x = math.sqrt(delta0) * z
    if phi.primitive is not None:
        primitive = phi.primitive(x)
    else:
        points = x[:-1, None] + x[1] * (_GAUSS[0] + 1) / 2
        pieces = phi.phi(points) @ _GAUSS[1] * (x[1] / 2)
        primitive = np.concatenate([[0.0], np.cumsum(pieces)])
    weights = _weights(z, 0.5)
    return float(weights @ (primitive - weights @ primitive) ** 2)


@dataclass(frozen=True)
class HermiteSeries:
    """Squared odd coefficients c_k², k = 1, 3, 5, … of φ(√Δ₀ z)."""

    delta0: float
    squares: Array
    truncation: float

    @property
    def degree(self) -> Array:
        """The k of every coefficient."""
        return np.arange(1.0, 2.0 * self.squares.size, 2.0)

    def correlation(self, rho: Array) -> Array:
        """C_φ at correlation `rho`."""
        return rho * horner(self.squares, rho * rho)


def horner(coefficients: Array, r: Array) -> Array:
    """Σ a_j r^j; with a_j ≥ 0 and r ≥ 0 exact to rounding."""
    value = np.full_like(r, coefficients[-1])
    for a in coefficients[-2::-1]:
        value *= r
        value += a
    return value


def hermite_series(
    phi: TransferFunction, delta0: float, *, order: int, refinement: float = 1.0
) -> HermiteSeries:
    """Coefficients up to rounding, or up to k = `order`.

    The three-term recursion of the odd orthonormal polynomials runs forward on the nodes, on
    h_k(z) exp(−z²/4), which stays below one.  `truncation` of the result is the share of ⟨φ'²⟩
    that is left out.
    """
    z = normal_nodes(phi, delta0, refinement)
    x = math.sqrt(delta0) * z
    projector = _weights(z, 0.25) * phi.phi(x)
    square = z * z
    before, now = np.zeros_like(z), z * np.exp(-square / 4)
    coefficients: list[float] = []
    total = 0.0
    work = np.empty_like(z)
    for k in range(1, order + 1, 2):
        coefficients.append(float(projector @ now))
        if len(coefficients) % _BLOCK == 0:
            block = sum((k - 2 * i) * c * c for i, c in enumerate(reversed(coefficients[-_BLOCK:])))
            total += block
            if block <= _NEGLIGIBLE * total:
                break
        np.subtract(square, 2 * k + 1, out=work)
        work *= now
        before *= math.sqrt(k * (k - 1))
        work -= before
        work /= math.sqrt((k + 1) * (k + 2))
        before, now, work = now, work, before
    squares = np.array(coefficients) ** 2
    (_, _, steepness), _ = moments(phi, delta0, refinement)
    kept = float(np.sum((2.0 * np.arange(squares.size) + 1) * squares)) / delta0
    return HermiteSeries(delta0, squares, abs(1 - kept / steepness))
