"""Hermite expansion of φ(√Δ₀ z): the two-time functions of a stationary Gaussian field.

With φ(√Δ₀ z) = Σ c_k h_k(z) in orthonormal Hermite polynomials, Mehler's formula gives

    C_φ(ρ) = E[φ(x)φ(y)] = Σ c_k² ρ^k,    C_φ'(ρ) = E[φ'(x)φ'(y)] = Σ k c_k² ρ^(k−1) / Δ₀

for a Gaussian pair of variance Δ₀ and correlation ρ.  Every term is positive, so all the
differences the theory needs can be summed term by term without cancellation.  The coefficients
fall like exp(−d√k), d the distance of the nearest pole of φ(√Δ₀ z) from the real axis.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import count, pairwise
from typing import NamedTuple

import numpy as np

from ...common.arguments import Array
from ...quadrature import POLE
from ...transfer import UNIT_NODES, UNIT_WEIGHTS, TransferFunction

# Half width in z: exp(−z²/4), which bounds the integrand of every coefficient, is 1e-17 there.
_REACH = 12.5
_STEP = 0.1
# Ratio of neighbouring steps where tables are kept: few grids, that many variances share.
_RATIO = 0.8
# Nodes per pole distance: resolves the pole and the oscillations of h_k up to c_k² = 1e-16.
_STEPS_PER_POLE = 14.0
MAX_NODES = 20_000
# √Δ₀ below this many lengths: φ is so close to linear that the difference is integrated.
_SMALL = 0.1
_BLOCK = 32
# Rows of a table of polynomials, how many tables are kept, and for grids of how many nodes.
_ROWS, _TABLES, _KEPT = 4 * _BLOCK, 64, 700
# Arguments of a series that are summed at once, and powers that add nothing: subnormals are slow.
_CHUNK, _NOTHING = 1024, 1e-150
_NEGLIGIBLE = 1e-18
# Blocks this much larger than earlier ones that were this small are aliases of the grid.
_ALIAS, _DEEP = 100.0, 1e-6
# Against 0/0 where φ² underflows.
_TINY = np.finfo(float).tiny


def normal_nodes(phi: TransferFunction, delta0: float, refinement: float = 1.0) -> Array:
    """Uniform nodes on z ≥ 0, fine enough for φ(√Δ₀ z); `refinement` divides the step."""
    pole = math.inf if phi.is_linear else POLE * phi.length / math.sqrt(delta0)
    step = min(_STEP, pole / _STEPS_PER_POLE)
    if _REACH / step < _KEPT:
        step = _STEP * _RATIO ** math.ceil(math.log(step / _STEP, _RATIO))
    step /= refinement
    return _uniform(min(math.ceil(_REACH / step), MAX_NODES) + 1)


@lru_cache(maxsize=_TABLES)
def _uniform(size: int) -> Array:
    z = np.linspace(0.0, _REACH, size)
    z.flags.writeable = False
    return z


def normal_weights(z: Array, width: float) -> Array:
    """Weights for even integrands on the whole line, with exp(−width z²) of the normal law."""
    weights = math.sqrt(2 / math.pi) * z[1] * np.exp(-width * z * z)
    weights[0] /= 2
    return weights


def is_small(phi: TransferFunction, delta0: float) -> bool:
    """Whether x ~ N(0, Δ₀) stays where φ is close to linear."""
    return delta0 < (_SMALL * phi.length) ** 2


def _losses(phi: TransferFunction, x: Array) -> tuple[Array, Array]:
    # φ'(0) x − φ and φ'(0) − φ', both from φ'', for |x| up to about one length; there the nodes are
    # exact to rounding, as in `TransferFunction.defect`.
    bend = phi.d2(x[:, None] * UNIT_NODES)
    return -x * x * (bend @ (UNIT_WEIGHTS * (1 - UNIT_NODES))), -x * (bend @ UNIT_WEIGHTS)


class Moments(NamedTuple):
    """⟨φ²⟩, ⟨φ'⟩, ⟨φ'²⟩ and, without cancellation, ``loss`` = φ'(0) − ⟨φ'⟩."""

    q: float
    slope: float
    steepness: float
    loss: float


def moments(phi: TransferFunction, delta0: float, refinement: float = 1.0) -> Moments:
    """The moments for x ~ N(0, Δ₀)."""
    z = normal_nodes(phi, delta0, refinement)
    weights = normal_weights(z, 0.5)
    x = math.sqrt(delta0) * z
    slope = phi.d1(x)
    loss = _losses(phi, x)[1] if is_small(phi, delta0) else phi.slope - slope
    return Moments(*(float(weights @ a) for a in (phi.phi(x) ** 2, slope, slope**2, loss)))


@np.errstate(over="ignore", invalid="ignore")
def variance_of_primitive(phi: TransferFunction, delta0: float) -> float:
    """Var Φ(√Δ₀ z), not finite if it overflows."""
    z = normal_nodes(phi, delta0)
    x = math.sqrt(delta0) * z
    primitive = phi.primitive(x)
    weights = normal_weights(z, 0.5)
    return float(weights @ (primitive - weights @ primitive) ** 2)


class PairFunctions(NamedTuple):
    """What the stationary theory needs of φ at one variance and gain g, with ρ = sech θ."""

    delta0: float
    q: float  # ⟨φ²⟩
    slope: float  # ⟨φ'⟩
    steepness: float  # ⟨φ'²⟩
    excess: float  # g²(q − 2 Var Φ/Δ₀)
    well: Callable[[Array], Array]  # H(θ)
    limit: float  # H at ρ = 0
    depth: float  # H at ρ = 1
    attraction: Callable[[Array], Array]  # g²(C_φ'(ρ) − C_φ'(0)) at θ
    correlation: Callable[[Array], Array]  # C_φ at ρ
    truncation: float  # share of ⟨φ'²⟩ that is left out


@dataclass(frozen=True, eq=False)
class HermiteSeries:
    """Odd coefficients c_k, k = 1, 3, 5, … of φ(√Δ₀ z)."""

    delta0: float
    coefficients: Array
    truncation: float  # share of ⟨φ'²⟩ that is left out
    aliased: bool  # whether the series was cut because the grid is too coarse for φ

    @property
    def squares(self) -> Array:
        """The c_k²."""
        return self.coefficients**2

    @property
    def degree(self) -> Array:
        """The k of every coefficient."""
        return np.arange(1.0, 2.0 * self.coefficients.size, 2.0)

    def correlation(self, rho: Array) -> Array:
        """C_φ at correlation `rho`."""
        return rho * horner(self.squares, rho * rho)

    def well(self, g: float) -> Array:
        """Coefficients of H in ρ²: (1 − ρ²) H = (2g²/Δ₀) Σ_{k≥3} c_k² (1 − ρ^(k−1))/(k+1)."""
        terms = self.squares[1:] / (self.degree[1:] + 1)
        return 2 * g * g / self.delta0 * np.cumsum(terms[::-1])[::-1]

    def functions(self, phi: TransferFunction, g: float, refinement: float) -> PairFunctions:
        """The series in the form that the theory needs."""
        here = moments(phi, self.delta0, refinement)
        well = self.well(g)
        k, squares = self.degree[1:], self.squares[1:]
        attraction = g * g / self.delta0 * k * squares

        def attracted(theta: Array) -> Array:
            r = (1 / np.cosh(theta)) ** 2
            return r * horner(attraction, r)

        return PairFunctions(
            delta0=self.delta0,
            q=here.q,
            slope=here.slope,
            steepness=here.steepness,
            excess=g * g * float(np.sum(squares * (k - 1) / (k + 1))),
            well=lambda theta: horner(well, np.cosh(theta) ** -2.0),
            limit=well[0],
            depth=float(np.sum(well)),
            attraction=attracted,
            correlation=self.correlation,
            truncation=self.truncation,
        )


def horner(coefficients: Array, r: Array) -> Array:
    """Σ a_j r^j; with a_j ≥ 0 and r ≥ 0 exact to rounding."""
    # In powers of r^width, whose coefficients are a product of matrices.
    width = math.isqrt(coefficients.size - 1) + 1
    rows = np.append(coefficients, np.zeros(-coefficients.size % width)).reshape(-1, width)
    value = np.empty(r.size)
    for start in range(0, r.size, _CHUNK):
        part = r.ravel()[start : start + _CHUNK]
        powers = np.ones((width, part.size))
        for low, high in pairwise(powers):
            np.multiply(low, part, out=high)
            high[high < _NOTHING] = 0.0
        sums, step = rows @ powers, powers[-1] * part
        total = sums[-1]
        for row in sums[-2::-1]:
            total *= step
            total += row
        value[start : start + _CHUNK] = total
    return value.reshape(r.shape)


@lru_cache(maxsize=_TABLES)
def _kept(size: int, index: int) -> Array:
    return _fill(np.empty((_ROWS, size)), index, _kept(size, index - 1) if index else None)


def _fill(table: Array, index: int, last: Array | None) -> Array:
    """Odd h_k(z) exp(−z²/4) on the nodes, a row for each k; `last` ends with the two before."""
    # The three-term recursion runs forward on the nodes; with the exponential it stays below one.
    z = _uniform(table.shape[1])
    square, work, before = z * z, np.empty_like(z), np.zeros_like(z)
    if last is None:
        now = table[0] = z * np.exp(-square / 4)
    else:
        before, now = last[-2:]
    first = last is None
    for row, k in zip(table[first:], count(2 * (index * _ROWS + first) - 1, 2)):
        np.subtract(square, 2 * k + 1, out=row)
        row *= now
        row -= np.multiply(before, math.sqrt(k * (k - 1)), out=work)
        row /= math.sqrt((k + 1) * (k + 2))
        before, now = now, row
    return table


def _polynomials(size: int) -> Iterator[Array]:
    """The tables, one after the other; of fine grids, which would fill the memory, in one place."""
    table, last = np.empty((_ROWS if size > _KEPT else 0, size)), None
    for index in count():
        yield _kept(size, index) if size <= _KEPT else _fill(table, index, last)
        last = table[-2:].copy()


def hermite_series(
    phi: TransferFunction,
    delta0: float,
    *,
    order: int,
    refinement: float = 1.0,
    guarded: bool = True,
) -> HermiteSeries:
    """Coefficients up to rounding, or up to k = `order`."""
    # If `guarded` they stop where they grow again after they were small, as they do on too coarse a
    # grid, but also for some φ.
    z = normal_nodes(phi, delta0, refinement)
    x = math.sqrt(delta0) * z
    small = is_small(phi, delta0)
    projector = normal_weights(z, 0.25) * (-_losses(phi, x)[0] if small else phi.phi(x))
    # Of the odd degrees 1, 3, …, up to the order.
    c, wanted = np.empty(0), (order + 1) // 2
    shares: list[float] = []
    total, lowest = 0.0, math.inf
    negligible = aliased = False
    for table in _polynomials(z.size):
        known = c.size
        c = np.append(c, table @ projector)[:wanted]
        if not known and small:
            c[0] += phi.slope * math.sqrt(delta0)
        for end in range(known + _BLOCK, c.size + 1, _BLOCK):
            inside = slice(end - _BLOCK, end)
            block = float(np.arange(2.0 * (end - _BLOCK) + 1, 2 * end, 2) @ c[inside] ** 2)
            total += block
            shares.append(block / max(total, _TINY))
            # The larger half of the degrees: single blocks may be small by a change of sign.
            lowest = min(lowest, max(shares[len(shares) // 2 :]))
            negligible = shares[-1] <= _NEGLIGIBLE
            aliased = guarded and lowest < _DEEP and shares[-1] > _ALIAS * lowest
            if negligible or aliased:
                c = c[:end]
                break
        if negligible or aliased or c.size == wanted:
            break
    if negligible:
        missing = shares[-1]
    else:
        steepness = moments(phi, delta0, refinement).steepness
        slope = float(np.arange(1.0, 2 * c.size, 2) @ c**2)
        missing = abs(1 - slope / (delta0 * steepness))
    return HermiteSeries(delta0, c, missing, aliased)
