"""The stationary state with a frozen part: quenched biases, a mean coupling, any φ.

x = μ + a Gaussian of variance Δ₀, of which Δ_∞ never changes.  With ρ = (Δ − Δ_∞)/D, D = Δ₀ − Δ_∞,

    C_φ = Σ a_k ρ^k,    a_k = Σ_j b_j Binom(k; j, D/Δ₀) ≥ 0,

b_j the squared Hermite coefficients of φ(μ + √Δ₀ z): E over the frozen part of the squared
coefficients in the moving one.  Then

    Δ_∞ = g² a_0 + σ_b²,    μ = J₀⟨φ⟩ + b,
    1 − g² a_1/D = σ⁴/(4D²) + (2g²/D) Σ_{k≥2} a_k/(k + 1),

and all that follows reads as without a frozen part, D and a_k in the place of Δ₀ and c_k².

Jumps of φ′ are taken out of the b_j and added in closed form; of straight pieces b_0 and b_1 are
left.  Other kinks let the b_j fall like a power of j: they are cut, what is missing in ⟨φ²⟩ and
Var Φ goes where ρ^k = 0, and the functions of θ, ρ = sech θ, which are smooth for all kinks, are
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
from .jumps import Jumps, angle

# Half width in z, degrees of a block and its share of Σ j b_j that ends the series; of kinks, where
# it is a difference.
_REACH, _BLOCK, _NEGLIGIBLE, _KINKED = 12.5, 64, 1e-18, 1e-14
_TINY = np.finfo(float).tiny
# Σ a_k/(k + 1) is summed term by term below this many expected degrees, by so many terms.
_FEW, _TERMS = 0.5, 16
# Panels between kinks: nodes, and the largest phase of h_j and width in z on one of them.
_GAUSS, _PHASE, _WIDEST = np.polynomial.legendre.leggauss(20), 14.0, 0.5
# Degrees times D/Δ₀ that a φ with bends and kinks gets: at least, per D/length², for the equations.
_DEGREES, _PER_BEND, _ENOUGH = 4000.0, 800.0, 2000.0
# The exponent at which ρ^k is 0, and the stretch from which functions are continued to θ = 0, with
# its degree.
_VANISHED, _STRETCH, _FIT = 38.0, 1.2, 24
# Where φ'' is looked for, in units, and what is none.
_STRAIGHT, _FLAT = 12.0, 1e-7
# Nodes that do for a search, and degrees; from so many on panels are fewer, if the degree is low.
_SEARCHED, _MANY = 500, 2000
# Panels per factor e of the distance from a bend.
_GRADES = 2.0
_NEWTON, _DIFFERENCE, _CLOSE, _ROUNDING = 30, 1e-6, 1e-2, 1e-15
# Variance in units of length² that stands for none, and from which on φ'' is integrated by parts.
NO_VARIANCE, _BY_PARTS = 1e-24, 1e-6


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


def length(phi: TransferFunction) -> float:
    """Scale of x on which φ bends, which with kinks need not show in φ''."""
    return min(phi.length, phi.unit) if phi.kinks else phi.length


@lru_cache(maxsize=16)
def bends(phi: TransferFunction) -> bool:
    """Whether φ is more than straight pieces."""
    x = phi.unit * np.arange(-_STRAIGHT, _STRAIGHT + 1)
    kinks = np.array(phi.kinks or (math.inf,))
    away = np.min(np.abs(x[:, None] - kinks), axis=1) > phi.unit / 4
    return bool(np.any(np.abs(phi.d2(x[away])) * phi.unit > _FLAT * np.max(np.abs(phi.d1(x)))))


def rule(
    phi: TransferFunction, mean: float, delta0: float, refinement: float = 1.0, degree: float = 0.0
) -> tuple[Array, Array]:
    """Nodes z and weights of dz, fine enough for φ(μ + √Δ₀ z) and polynomials of this degree."""
    bent = bends(phi)
    half = normal_nodes(phi if bent else transfer_function("linear"), delta0, refinement)
    if math.isnan(mean):
        half = half[:: max(1, half.size // _SEARCHED)]
    many = half.size > (MAX_NODES if degree > _SEARCHED else _MANY)
    if math.isnan(mean) or not (phi.kinks or many):
        return np.concatenate([-half[:0:-1], half]), np.full(2 * half.size - 1, half[1])
    # Panels as wide as their distance from where φ bends, or from its kinks.
    root, offsets = math.sqrt(delta0), np.zeros(1)
    if bent:
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
    """The averages; φ'' is integrated by parts where it can, so that kinks are no trouble."""
    # An array of μ is for a search: kinks cost it digits.
    some = max(delta0, NO_VARIANCE * length(phi) ** 2)
    z, weights = rule(phi, math.nan if np.ndim(mean) else float(mean), some, refinement)
    normal = weights * np.exp(-z * z / 2) / math.sqrt(2 * math.pi)
    root = math.sqrt(some if phi.kinks else delta0)
    x = np.asarray(mean)[..., None] + root * z
    value, slope = phi.phi(x), phi.d1(x)
    if phi.kinks or delta0 > _BY_PARTS * length(phi) ** 2:
        bend, rise = z * slope / root, z * value * slope / root
    else:
        bend = phi.d2(x)
        rise = slope**2 + value * bend
    kinds = (value, value**2, slope, slope**2, bend, value * slope, rise)
    found = Averages(*(a @ normal for a in kinds))
    # By symmetry.
    none = np.where(np.asarray(mean) == 0, 0.0, 1.0) if phi.is_odd else 1.0
    return found._replace(phi=none * found.phi, bend=none * found.bend, cross=none * found.cross)


def variance_of_primitive(phi: TransferFunction, mean: float, delta0: float) -> float:
    """Var Φ(μ + √Δ₀ z) = Δ₀ Σ b_j/(j + 1)."""
    z, weights = rule(phi, mean, delta0)
    normal = weights * np.exp(-z * z / 2) / math.sqrt(2 * math.pi)
    primitive = phi.primitive(mean + math.sqrt(delta0) * z)
    return float(normal @ (primitive - normal @ primitive) ** 2)


def coefficients(
    phi: TransferFunction,
    mean: float,
    delta0: float,
    order: int,
    refinement: float = 1.0,
    jumps: Jumps | None = None,
    *,
    derivative: bool = False,
) -> tuple[Array, Array, float]:
    """Hermite coefficients of φ or φ' up to rounding or j = `order`, and what jumps of φ' make.

    Beside them the share of ⟨φ'²⟩ in the last of them, without the jumps.
    """
    z, weights = rule(phi, mean, delta0, refinement, order)
    if not phi.kinks:
        # Beyond, the grid would not know a polynomial from another one.
        order = min(order, int((math.pi / np.max(weights)) ** 2))
    odd = phi.is_odd and mean == 0
    values = (phi.d1 if derivative else phi.phi)(mean + math.sqrt(delta0) * z)
    projector = weights * np.exp(-z * z / 4) / math.sqrt(2 * math.pi) * values
    jump = jumps.coefficients(order + 1) if jumps else np.zeros(order + 2)
    if derivative:
        jump = np.sqrt(np.arange(1.0, order + 2) / delta0) * jump[1:]
    before, now = np.zeros_like(z), np.exp(-z * z / 4)
    c, done, missing = np.zeros(order + 1), 0.0, math.inf
    for j in range(order + 1):
        if not (odd and j % 2 == derivative):
            c[j] = float(projector @ now)
        if (j + 1) % _BLOCK == 0:
            new = slice(j + 1 - _BLOCK, j + 1)
            degree = np.ones(_BLOCK) if derivative else np.arange(j + 1.0 - _BLOCK, j + 1)
            square = c[new] ** 2
            done += float(degree @ square)
            missing = float(degree @ np.abs(square - jump[new] ** 2)) / max(done, _TINY)
            if missing <= (_KINKED if phi.kinks else _NEGLIGIBLE):
                break
        after = z * now
        after -= math.sqrt(j) * before
        after /= math.sqrt(j + 1)
        before, now = now, after
    return c[: j + 1], jump[: j + 1], missing


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
    """The squared coefficients at a place with D > 0, without what jumps add."""

    place: Place
    b: Array
    missing: float  # share of ⟨φ'²⟩ left out
    here: Averages
    jumps: Jumps
    lost_q: float  # Σ a_k of what is cut, for kinks
    lost_energy: float  # Σ a_k/(k + 1) of what is cut

    @property
    def share(self) -> float:
        """D/Δ₀."""
        return self.place.moving / self.place.delta0

    @property
    def last(self) -> float:
        """The β of Δ_∞."""
        # Exact where nothing is frozen.
        return float(angle(self.share)) if self.place.frozen else math.pi / 2

    def less(self, beta: Array) -> Array:
        """1 − ρ at β."""
        return 2 * np.sin(beta / 2) ** 2 / self.share

    def sums(self) -> tuple[float, float, float]:
        """a_0, a_1 and Σ_{k≥2} a_k/(k + 1)."""
        none, one, rest = _shares(self.b, self.share)
        moving, delta0 = self.place.moving, self.place.delta0
        deep = self.jumps.integral(0.0, self.last, lambda beta: self.less(beta) ** 2 / 2)
        return (
            none + delta0 * float(self.jumps.value(self.last)),
            one + moving * float(self.jumps.slope(self.last)),
            rest + self.lost_energy + moving * float(deep),
        )


def series(network: BiasedNetwork, place: Place, order: int, refinement: float = 1.0) -> Series:
    """The series of φ at a place."""
    phi, delta0 = network.phi, place.delta0
    here = averages(phi, place.mean, delta0, refinement)
    jumps = Jumps(phi, place.mean, delta0)
    if phi.kinks and not bends(phi):
        straight = np.array([float(here.phi) ** 2, delta0 * float(here.slope) ** 2])
        return Series(place, straight, 0.0, here, jumps, 0.0, 0.0)
    c, jump, missing = coefficients(phi, place.mean, delta0, order, refinement, jumps)
    b, degree = c * c - jump * jump, np.arange(float(c.size))
    if not phi.kinks:
        if missing > _NEGLIGIBLE:
            missing = abs(1 - float(degree @ b) / (delta0 * float(here.steepness)))
        return Series(place, b, missing, here, jumps, 0.0, 0.0)
    whole = variance_of_primitive(phi, place.mean, delta0) / delta0
    whole -= float(np.sum(b / (degree + 1)))
    whole -= delta0 * float(jumps.integral(0.0, np.pi / 2, lambda beta: 2 * np.sin(beta / 2) ** 4))
    lost_q = float(here.q) - float(np.sum(b)) - delta0 * float(jumps.value(0.0))
    return Series(place, b, 0.0, here, jumps, lost_q, whole * delta0 / place.moving)


def _misfit(network: BiasedNetwork, found: Series) -> Array:
    """What the three equations leave, each relative."""
    _, g, sigma, bias_std, bias_mean, mean_coupling = network
    moving, frozen, mean = place = found.place
    none, one, rest = found.sums()
    return np.array(
        [
            1 - g * g * one / moving - noise_share(sigma, moving) - 2 * g * g / moving * rest,
            (g * g * none + bias_std**2 - frozen) / place.delta0,
            (mean_coupling * float(found.here.phi) + bias_mean - mean) / math.sqrt(place.delta0),
        ]
    )


def least_degree(phi: TransferFunction, place: Place) -> float:
    """Degree without which the equations are not known where φ has bends and kinks."""
    return _ENOUGH * place.delta0 / place.moving if phi.kinks and bends(phi) else 0.0


def degrees(phi: TransferFunction, moving: float, delta0: float) -> int:
    """Degrees that a φ with bends and kinks gets."""
    return math.ceil(max(_DEGREES, _PER_BEND * moving / phi.length**2) / moving * delta0)


def nearness(phi: TransferFunction, moving: float) -> float:
    """The θ at which two kinks feel each other, at most 1."""
    return float(np.min(np.diff(phi.kinks) / math.sqrt(4 * moving), initial=1.0))


def refined(
    network: BiasedNetwork, place: Place, order: int, refinement: float = 1.0
) -> tuple[Series, float]:
    """The moving state near a place by Newton's method, and its relative residual."""
    scale = place.delta0
    whole = order
    if enough := least_degree(network.phi, place):
        whole = min(order, degrees(network.phi, place.moving, scale))
        # The equations know what is cut.
        order = min(order, math.ceil(enough))

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
    phi, moving, here, jumps = network.phi, found.place.moving, found.here, found.jumps
    a = thinned(found.b, found.share)
    k = np.arange(a.size, dtype=float)
    unit = network.g * (network.g / moving)
    _, one, rest = found.sums()
    # Σ a_k/(k + 1) of k ≥ 2 and more, with what is cut.
    well = np.cumsum(np.append(found.lost_energy, (a / (k + 1))[:1:-1]))[:0:-1]
    pull = (k * a)[1:]
    pull[0] = 0.0

    def of_well(theta: Array) -> Array:
        rho = 1 / np.cosh(theta)
        return 2 * unit * horner(well, rho) / (1 + rho) if well.size else np.zeros_like(rho)

    def of_pull(theta: Array) -> Array:
        return unit * horner(pull, 1 / np.cosh(theta))

    def of_correlation(theta: Array) -> Array:
        return horner(a, 1 / np.cosh(theta))

    smooth: list[Function] = [of_well, of_pull, of_correlation]
    if phi.kinks and bends(phi):
        smooth = _to_the_end(network, found, a, *smooth)
    whole = _with_jumps(network, found, *smooth) if jumps.sizes.size else smooth
    depth = float(whole[0](np.zeros(1))[0])
    return PairFunctions(
        delta0=moving,
        q=float(here.q),
        slope=math.sqrt(one / moving),
        steepness=float(here.steepness),
        excess=depth * moving,
        well=whole[0],
        limit=2 * unit * rest,
        depth=depth,
        attraction=whole[1],
        correlation=lambda rho: whole[2](np.arccosh(1 / np.maximum(rho, _TINY))),
        truncation=found.missing,
    )


Function = Callable[[Array], Array]


def _with_jumps(network: BiasedNetwork, found: Series, *smooth: Function) -> list[Function]:
    """H, g²⟨φ'φ'⟩ less its limit, and ⟨φφ⟩, as functions of θ, with what jumps add."""
    jumps, g2 = found.jumps, network.g**2

    def less(theta: Array) -> Array:
        # 1 − ρ.
        return 2 * np.sinh(theta / 2) ** 2 / np.cosh(theta)

    def beta(theta: Array) -> Array:
        return angle(found.share * less(theta))

    def well(theta: Array) -> Array:
        rho, beyond = 1 / np.cosh(theta)[..., None], less(theta)

        def far(at: Array) -> Array:
            # From d²C/dρ² at s < ρ: (1 − s)² − (1 − s/ρ)² over 2(1 − ρ), without differences.
            s = 1 - found.less(at)
            return s * (2 - s - s / rho) / (2 * rho)

        near = jumps.integral(0.0, beta(theta), lambda at: found.less(at) ** 2 / 2)
        near = np.divide(near, beyond, out=np.zeros_like(near), where=beyond > 0)
        return 2 * g2 * (near + jumps.integral(beta(theta), found.last, far)) / (1 + rho[..., 0])

    added = [
        well,
        lambda theta: g2 * jumps.slope(beta(theta), found.last),
        lambda theta: found.place.delta0 * jumps.value(beta(theta)),
    ]
    return [
        lambda theta, one=one, other=other: one(theta) + other(theta)  # type: ignore[misc]
        for one, other in zip(smooth, added, strict=True)
    ]


def _to_the_end(
    network: BiasedNetwork, found: Series, a: Array, *functions: Function
) -> list[Function]:
    """H, g²⟨φ'φ'⟩ and ⟨φφ⟩ without what jumps add, of a cut series, down to θ = 0."""
    moving, delta0 = found.place.moving, found.place.delta0
    k = np.arange(a.size, dtype=float)
    unit = network.g * (network.g / moving)
    # Σ a_k, Σ a_k k = D⟨φ'²⟩ and Σ a_k (k − 1)/(k + 1) give the first terms in θ.
    correlation, slope = first_terms(
        network.phi, found.place.mean, delta0, moving, found.here, found.jumps
    )
    q, steepness = correlation[0], slope[0]
    energy = float(np.sum((a / (k + 1))[1:])) + found.lost_energy
    depth = unit * (float(np.sum((a * (k - 1) / (k + 1))[1:])) + found.lost_q)
    depth -= 2 * unit * found.lost_energy
    rise = unit * (moving * steepness - 4 * (q - a[0]) + 6 * energy)
    slope[0] -= a[1] / moving
    first = [depth, 0.0, (depth - rise) / 4], [network.g**2 * one for one in slope], correlation
    start = vanished(found.b.size * found.share)
    pairs = zip(functions, first, strict=True)
    return [continued(function, start, *terms) for function, terms in pairs]


def vanished(degree: float) -> float:
    """The θ from which on ρ^k is nothing beyond a degree."""
    return math.acosh(math.exp(_VANISHED / degree))


def first_terms(
    phi: TransferFunction,
    mean: float,
    delta0: float,
    moving: float,
    here: Averages,
    jumps: Jumps,
) -> tuple[list[float], list[float]]:
    """The first terms in θ of ⟨φφ⟩ and ⟨φ'φ'⟩, without what jumps add."""
    steepness = float(here.steepness) - float(jumps.slope(0.0))
    slope = [steepness, 0.0]
    if not jumps.sizes.size:
        z, weights = rule(phi, mean, delta0)
        normal = weights * np.exp(-z * z / 2) / math.sqrt(2 * math.pi)
        slope.append(-moving / 2 * float(normal @ phi.d2(mean + math.sqrt(delta0) * z) ** 2))
    return [float(here.q) - delta0 * float(jumps.value(0.0)), 0.0, -moving * steepness / 2], slope


def continued(function: Function, start: float, *first: float) -> Function:
    """A smooth function of θ from its Taylor series to beyond `start`."""
    power = len(first)

    def taylor(theta: Array) -> Array:
        return np.asarray(np.polynomial.polynomial.polyval(theta, first), dtype=float)

    fit = Chebyshev.interpolate(
        lambda theta: (function(theta) - taylor(theta)) / theta**power,
        _FIT,
        domain=[start, start + _STRETCH],
    )

    def whole(theta: Array) -> Array:
        near = np.minimum(theta, start)
        known = taylor(near) + near**power * fit(near)
        return np.where(theta < start, known, function(np.maximum(theta, start)))

    return whole
