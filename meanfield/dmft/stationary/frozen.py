"""The stationary state with a frozen part: quenched biases, a mean coupling, any φ.

x = μ + a Gaussian of variance Δ₀, of which Δ_∞ never changes.  With ρ = (Δ − Δ_∞)/D, D = Δ₀ − Δ_∞,

    C_φ = Σ a_k ρ^k,    a_k = Σ_j b_j Binom(k; j, D/Δ₀) ≥ 0,

b_j the squared Hermite coefficients of φ(μ + √Δ₀ z): E over the frozen part of the squared
coefficients in the moving one.  Then

    Δ_∞ = g² a_0 + σ_b²,    μ = J₀⟨φ⟩ + b,
    1 − g² a_1/D = σ⁴/(4D²) + (2g²/D) Σ_{k≥2} a_k/(k + 1),

and all that follows reads as without a frozen part, D and a_k in the place of Δ₀ and c_k².

Where φ has kinks the b_j fall like a power of j: they are cut, what is missing in ⟨φ²⟩ and Var Φ
goes where ρ^k = 0, and the functions of θ, ρ = sech θ, which are smooth for all kinks, are
continued from where that is so to θ = 0, where they are known.
"""

import math
from collections.abc import Callable
from functools import lru_cache
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.polynomial import Chebyshev
from numpy.typing import NDArray

from ...common.arguments import Array
from ...transfer import TransferFunction, transfer_function
from .energy import noise_share
from .hermite import MAX_NODES, PairFunctions, horner, normal_nodes

# Half width in z, degrees of a block and its share of Σ j b_j that ends the series.
_REACH, _BLOCK, _NEGLIGIBLE = 12.5, 64, 1e-18
_TINY = np.finfo(float).tiny
# Σ a_k/(k + 1) is summed term by term below this many expected degrees, by so many terms.
_FEW, _TERMS = 0.5, 16
# Panels between kinks: nodes, and the largest phase of h_j and width in z on one of them.
_GAUSS, _PHASE, _WIDEST = np.polynomial.legendre.leggauss(20), 14.0, 0.5
# Degrees times D/Δ₀ that a φ with kinks gets: at least, per D/length², for the equations.
_DEGREES, _PER_BEND, _ENOUGH = 4000.0, 800.0, 2000.0
# The exponent at which ρ^k is 0, and the stretch from which functions are continued to θ = 0, with
# its degree; the degree of what different kinks add to each other there.
_VANISHED, _STRETCH, _FIT, _CROSSED, _LEAST = 38.0, 1.2, 24, 200, 1e-2
# Where φ'' is looked for, in units, and what is none.
_STRAIGHT, _FLAT, _BESIDE = 12.0, 1e-7, 1e-9
# Nodes that do for a search, and degrees; from so many on panels are fewer, if the degree is low.
_SEARCHED, _MANY = 500, 2000
# Panels per factor e of the distance from a bend.
_GRADES = 2.0
_NEWTON, _DIFFERENCE, _CLOSE, _ROUNDING = 30, 1e-6, 1e-2, 1e-15


class BiasedNetwork(NamedTuple):
    """What a point is asked for."""

    phi: TransferFunction
    g: float
    sigma: float
    bias_std: float
    bias_mean: float
    mean_coupling: float


class Place(NamedTuple):
    """A state, or one to be tried: D, Δ_∞ and μ; a static one has D = 0."""

    moving: float
    frozen: float
    mean: float

    @property
    def delta0(self) -> float:
        """Δ₀."""
        return self.moving + self.frozen


class Averages(NamedTuple):
    """Of φ and its companions over x ~ N(μ, Δ₀), numbers or, for an array of μ, arrays."""

    phi: Any  # ⟨φ⟩
    q: Any  # ⟨φ²⟩
    slope: Any  # ⟨φ'⟩
    steepness: Any  # ⟨φ'²⟩
    bend: Any  # ⟨φ''⟩ = 2 d⟨φ⟩/dΔ₀
    cross: Any  # ⟨φφ'⟩ = ½ d⟨φ²⟩/dμ
    rise: Any  # ⟨φ'² + φφ''⟩ = d⟨φ²⟩/dΔ₀


@lru_cache(maxsize=16)
def _bends(phi: TransferFunction) -> bool:
    """Whether φ is more than straight pieces."""
    x = phi.unit * np.arange(-_STRAIGHT, _STRAIGHT + 1)
    kinks = np.array(phi.kinks or (math.inf,))
    away = np.min(np.abs(x[:, None] - kinks), axis=1) > phi.unit / 4
    return bool(np.any(np.abs(phi.d2(x[away])) * phi.unit > _FLAT * np.max(np.abs(phi.d1(x)))))


def rule(
    phi: TransferFunction, mean: float, delta0: float, refinement: float = 1.0, degree: float = 0.0
) -> tuple[Array, Array]:
    """Nodes z and weights of dz, fine enough for φ(μ + √Δ₀ z) and polynomials of this degree."""
    bends = _bends(phi)
    half = normal_nodes(phi if bends else transfer_function("linear"), delta0, refinement)
    if math.isnan(mean):
        half = half[:: max(1, half.size // _SEARCHED)]
    many = half.size > (MAX_NODES if degree > _SEARCHED else _MANY)
    if math.isnan(mean) or not (phi.kinks or many):
        return np.concatenate([-half[:0:-1], half]), np.full(2 * half.size - 1, half[1])
    # Panels as wide as their distance from where φ bends, or from its kinks.
    root, offsets = math.sqrt(delta0), np.zeros(1)
    if bends:
        steps = math.log(max(2 * _REACH * root / phi.length, 1.0)) * _GRADES * refinement
        offsets = phi.length / 2 * np.exp(np.arange(steps) / (_GRADES * refinement))
        offsets = np.concatenate([-offsets, [0.0], offsets])
    centres = np.array(phi.kinks or (0.0,))
    edges = np.unique((np.add.outer(centres, offsets).ravel() - mean) / root)
    edges = np.concatenate([[-_REACH], edges[np.abs(edges) < _REACH], [_REACH]])
    # And to the oscillations of the last polynomial.
    widest = min(_WIDEST, _PHASE / math.sqrt(degree + 1)) / refinement
    parts = [np.linspace(a, b, math.ceil((b - a) / widest) + 1)[:-1] for a, b in pairwise(edges)]
    edges = np.append(np.concatenate(parts), _REACH)
    middle, half = (edges[1:] + edges[:-1]) / 2, np.diff(edges) / 2
    nodes, weights = _GAUSS
    return (middle[:, None] + half[:, None] * nodes).ravel(), (half[:, None] * weights).ravel()


def averages(
    phi: TransferFunction, mean: float | Array, delta0: float, refinement: float = 1.0
) -> Averages:
    """The averages at Δ₀ > 0; φ'' is integrated by parts, so that kinks are no trouble."""
    # An array of μ is for a search: kinks cost it digits.
    z, weights = rule(phi, math.nan if np.ndim(mean) else float(mean), delta0, refinement)
    normal = weights * np.exp(-z * z / 2) / math.sqrt(2 * math.pi)
    root = math.sqrt(delta0)
    x = np.asarray(mean)[..., None] + root * z
    value, slope = phi.phi(x), phi.d1(x)
    kinds = (value, value**2, slope, slope**2, z * slope / root, value * slope)
    found = Averages(*(a @ normal for a in (*kinds, z * value * slope / root)))
    # By symmetry.
    none = np.where(np.asarray(mean) == 0, 0.0, 1.0) if phi.is_odd else 1.0
    return found._replace(phi=none * found.phi, bend=none * found.bend, cross=none * found.cross)


def variance_of_primitive(phi: TransferFunction, mean: float, delta0: float) -> float:
    """Var Φ(μ + √Δ₀ z) = Δ₀ Σ b_j/(j + 1)."""
    z, weights = rule(phi, mean, delta0)
    normal = weights * np.exp(-z * z / 2) / math.sqrt(2 * math.pi)
    primitive = phi.primitive(mean + math.sqrt(delta0) * z)
    return float(normal @ (primitive - normal @ primitive) ** 2)


def squares(
    phi: TransferFunction, mean: float, delta0: float, order: int, refinement: float = 1.0
) -> tuple[Array, float]:
    """The b_j up to rounding or j = `order`, and the share of ⟨φ'²⟩ that is left out."""
    z, weights = rule(phi, mean, delta0, refinement, order)
    if not phi.kinks:
        # Beyond, the grid would not know a polynomial from another one.
        order = min(order, int((math.pi / np.max(weights)) ** 2))
    odd = phi.is_odd and mean == 0
    values = phi.phi(mean + math.sqrt(delta0) * z)
    projector = weights * np.exp(-z * z / 4) / math.sqrt(2 * math.pi) * values
    before, now = np.zeros_like(z), np.exp(-z * z / 4)
    b = np.empty(order + 1)
    total, missing = 0.0, math.inf
    for j in range(order + 1):
        b[j] = 0.0 if odd and j % 2 == 0 else float(projector @ now) ** 2
        if (j + 1) % _BLOCK == 0 and not phi.kinks:
            last = float(np.arange(j + 1 - _BLOCK, j + 1) @ b[j + 1 - _BLOCK : j + 1])
            total += last
            missing = last / max(total, _TINY)
            if missing <= _NEGLIGIBLE:
                return b[: j + 1], missing
        after = z * now
        after -= math.sqrt(j) * before
        after /= math.sqrt(j + 1)
        before, now = now, after
    if phi.kinks:
        return b, 0.0
    steepness = averages(phi, mean, delta0, refinement).steepness
    return b, abs(1 - float(np.arange(order + 1) @ b) / (delta0 * float(steepness)))


def thinned(b: Array, share: float) -> Array:
    """The a_k, every one a sum of positive terms."""
    size = math.ceil(b.size * share + 12 * math.sqrt(b.size * share) + 2 * _BLOCK)
    a = np.zeros(min(size, b.size))
    for count, one in enumerate(b[::-1]):
        part = a[: count + 1]
        moved = share * part[:-1]
        part *= 1 - share
        part[1:] += moved[: part.size - 1]
        part[0] += one
    return a


def _shares(b: Array, share: float) -> tuple[float, float, float]:
    """a_0, a_1 and Σ_{k≥2} a_k/(k + 1), without the others."""
    j = np.arange(float(b.size))
    stay = 1 - share
    none = stay**j
    one = share * j * np.append(0.0, none[:-1])
    rest = (1 - stay * none) / (share * (j + 1)) - none - one / 2
    # Where that cancels, term by term.
    few = np.flatnonzero(j * share < _FEW)
    term, total = one[few], np.zeros(few.size)
    for k in range(2, min(few.size, _TERMS)):
        # Binom(k; j) of j and k from that of j and k − 1.
        term = term * np.maximum(j[few] - k + 1, 0) / k * (share / max(stay, _TINY))
        total += term / (k + 1)
    rest[few] = total
    return float(b @ none), float(b @ one), float(b @ rest)


class Series(NamedTuple):
    """The squared coefficients at a place with D > 0."""

    place: Place
    b: Array
    missing: float  # share of ⟨φ'²⟩ left out
    here: Averages
    lost_q: float  # Σ a_k of what is cut, for kinks
    lost_energy: float  # Σ a_k/(k + 1) of what is cut

    @property
    def share(self) -> float:
        """D/Δ₀."""
        return self.place.moving / self.place.delta0

    @property
    def at_end(self) -> float:
        """C at Δ_∞."""
        return _shares(self.b, self.share)[0]


def series(network: BiasedNetwork, place: Place, order: int, refinement: float = 1.0) -> Series:
    """The series of φ at a place."""
    phi, delta0 = network.phi, place.delta0
    here = averages(phi, place.mean, delta0, refinement)
    b, missing = squares(phi, place.mean, delta0, order, refinement)
    if not phi.kinks:
        return Series(place, b, missing, here, 0.0, 0.0)
    whole = variance_of_primitive(phi, place.mean, delta0) / delta0
    lost = whole - float(np.sum(b / np.arange(1.0, b.size + 1)))
    return Series(
        place, b, missing, here, float(here.q) - float(np.sum(b)), lost * delta0 / place.moving
    )


def _misfit(network: BiasedNetwork, found: Series) -> Array:
    """What the three equations leave, each relative."""
    _, g, sigma, bias_std, bias_mean, mean_coupling = network
    moving, frozen, mean = place = found.place
    none, one, rest = _shares(found.b, found.share)
    rest += found.lost_energy
    return np.array(
        [
            1 - g * g * one / moving - noise_share(sigma, moving) - 2 * g * g / moving * rest,
            (g * g * none + bias_std**2 - frozen) / place.delta0,
            (mean_coupling * float(found.here.phi) + bias_mean - mean) / math.sqrt(place.delta0),
        ]
    )


def least_degree(place: Place) -> float:
    """Degree without which the equations are not known where φ has kinks."""
    return _ENOUGH * place.delta0 / place.moving


def refined(
    network: BiasedNetwork, place: Place, order: int, refinement: float = 1.0
) -> tuple[Series, float]:
    """The moving state near a place by Newton's method, and its relative residual."""
    scale = place.delta0
    whole = order
    if network.phi.kinks:
        bends = place.moving / network.phi.length**2 if _bends(network.phi) else 1.0
        whole = min(order, math.ceil(max(_DEGREES, _PER_BEND * bends) / place.moving * scale))
        # The equations know what is cut.
        order = min(order, math.ceil(least_degree(place)))

    def moved(place: Place, step: NDArray[Any]) -> Place:
        grown = place.moving * math.exp(max(min(step[0], 0.5), -0.5))
        frozen = max(place.frozen + scale * step[1], place.frozen / 4)
        return Place(grown, frozen, place.mean + math.sqrt(scale) * step[2])

    found = series(network, place, order, refinement)
    misfit, slopes, last = _misfit(network, found), None, math.inf
    best, least = found, math.inf
    for _ in range(_NEWTON):
        if slopes is None or not last < _CLOSE:
            steps = _DIFFERENCE * np.eye(3)
            around = [
                _misfit(network, series(network, moved(found.place, s), order, refinement))
                for s in steps
            ]
            slopes = (np.array(around) - misfit).T / _DIFFERENCE
        try:
            step = -np.linalg.solve(slopes, misfit)
        except np.linalg.LinAlgError:
            return best, math.inf
        size = float(np.max(np.abs(step))) * max(1.0, scale / found.place.moving * 0.1)
        if not size < least and least < _CLOSE:
            break
        if size < least:
            best, least = found, size
        last = float(np.max(np.abs(step)))
        if last <= _ROUNDING:
            break
        found = series(network, moved(found.place, step), order, refinement)
        misfit = _misfit(network, found)
    if whole > order:
        best = series(network, best.place, whole, refinement)
    return best, least


def functions(network: BiasedNetwork, found: Series) -> PairFunctions:
    """The expansion in the form that the theory needs, with D in the place of Δ₀."""
    phi, moving, here = network.phi, found.place.moving, found.here
    a = thinned(found.b, found.share)
    k = np.arange(a.size, dtype=float)
    unit = network.g * (network.g / moving)
    q, steepness = float(here.q), float(here.steepness)
    # Σ a_k/(k + 1) of k ≥ 2 and more, of k ≥ 1, and Σ a_k (k − 1)/(k + 1), with what is cut.
    well = np.cumsum(np.append(found.lost_energy, (a / (k + 1))[:1:-1]))[:0:-1]
    whole = well[0] + a[1] / 2
    depth = unit * (float(np.sum((a * (k - 1) / (k + 1))[1:])) + found.lost_q)
    depth -= 2 * unit * found.lost_energy
    pull = (k * a)[1:]
    response = a[1] / moving
    pull[0] = 0.0

    def of_well(theta: Array) -> Array:
        rho = 1 / np.cosh(theta)
        return 2 * unit * horner(well, rho) / (1 + rho)

    def of_pull(theta: Array) -> Array:
        return unit * horner(pull, 1 / np.cosh(theta))

    def of_correlation(theta: Array) -> Array:
        return horner(a, 1 / np.cosh(theta))

    correlation: Callable[[Array], Array] = of_correlation
    attraction: Callable[[Array], Array] = of_pull
    potential: Callable[[Array], Array] = of_well
    if phi.kinks:
        # Where ρ^k has vanished for what is cut; Σ a_k k = D⟨φ'²⟩ gives the first terms in θ.
        start = math.acosh(math.exp(_VANISHED / (found.b.size * found.share)))
        rise = unit * (moving * steepness - 4 * (q - a[0]) + 6 * whole)
        first = network.g**2 * (steepness - response)
        jumps = phi.jumps
        across = _across(network, found, jumps, start + _STRETCH)
        correlation = _continued(of_correlation, start, across[0], q, 0.0, -moving * steepness / 2)
        corner = _corner(network, found, jumps)
        attraction = _continued(of_pull, start, across[1], first, *corner)
        potential = _continued(of_well, start, across[2], depth, 0.0, (depth - rise) / 4)
    return PairFunctions(
        delta0=moving,
        q=q,
        slope=math.sqrt(response),
        steepness=steepness,
        excess=depth * moving,
        well=potential,
        limit=2 * unit * float(well[0]),
        depth=depth,
        attraction=attraction,
        correlation=lambda rho: correlation(np.arccosh(1 / np.maximum(rho, _TINY))),
        truncation=found.missing,
    )


def _corner(network: BiasedNetwork, found: Series, jumps: Array) -> list[float]:
    """Slope in θ of g²⟨φ'φ'⟩ at 0, of jumps of φ'; without any, 0 and the next coefficient."""
    phi, g, delta0 = network.phi, network.g, found.place.delta0
    if np.any(jumps):
        z = (np.array(phi.kinks) - found.place.mean) / math.sqrt(delta0)
        density = float(jumps**2 @ np.exp(-z * z / 2)) / (2 * math.pi)
        return [-g * g * math.sqrt(found.share) * density]
    z, weights = rule(phi, found.place.mean, delta0)
    normal = weights * np.exp(-z * z / 2) / math.sqrt(2 * math.pi)
    bend = float(normal @ phi.d2(found.place.mean + math.sqrt(delta0) * z) ** 2)
    return [0.0, -g * g * found.place.moving * bend / 2]


def _across(
    network: BiasedNetwork, found: Series, jumps: Array, end: float
) -> tuple[Chebyshev, Chebyshev, Callable[[Array], Array]]:
    """What two kinks add to ⟨φφ⟩, g²⟨φ'φ'⟩ and H up to θ = `end`, like e^(−1/θ²) at 0."""
    z = (np.array(network.phi.kinks) - found.place.mean) / math.sqrt(found.place.delta0)
    one, other = np.triu_indices(z.size, 1)
    weight = 2 * jumps[one] * jumps[other]
    gap2, product = (z[one] - z[other]) ** 2, z[one] * z[other]

    def falling(theta: Array) -> Array:
        # −dρ/dθ.
        return np.tanh(theta) / np.cosh(theta)

    def density(theta: Array) -> Array:
        # Of a normal pair of correlation r at the two kinks.
        theta = np.maximum(theta, _BESIDE)[:, None]
        away = 2 * found.share * np.sinh(theta / 2) ** 2 / np.cosh(theta)
        squared = away * (2 - away)
        return np.exp(-(gap2 + 2 * product * away) / (2 * squared)) / np.sqrt(squared) @ weight

    def integral(function: Callable[[Array], Array]) -> Chebyshev:
        both = lambda theta: function(theta) * falling(theta)  # noqa: E731
        return Chebyshev.interpolate(both, _CROSSED, domain=[0.0, end]).integ(lbnd=0.0)

    slope = integral(density) * (-found.share / (2 * math.pi))
    value = integral(slope) * -found.place.moving
    energy = integral(value) * (2 * network.g * (network.g / found.place.moving))

    def well(theta: Array) -> Array:
        return np.asarray(
            energy(theta) * np.cosh(theta) ** 4 / np.sinh(np.maximum(theta, _LEAST)) ** 2
        )

    return value, slope * network.g**2, well


def _continued(
    function: Callable[[Array], Array],
    start: float,
    across: Callable[[Array], Array],
    *first: float,
) -> Callable[[Array], Array]:
    """A function of θ from its Taylor series to beyond `start`; smooth without `across`."""
    power = len(first)

    def taylor(theta: Array) -> Array:
        return np.asarray(np.polynomial.polynomial.polyval(theta, first), dtype=float)

    fit = Chebyshev.interpolate(
        lambda theta: (function(theta) - across(theta) - taylor(theta)) / theta**power,
        _FIT,
        domain=[start, start + _STRETCH],
    )

    def whole(theta: Array) -> Array:
        near = np.minimum(theta, start)
        known = taylor(near) + near**power * fit(near) + across(near)
        return np.where(theta < start, known, function(np.maximum(theta, start)))

    return whole
