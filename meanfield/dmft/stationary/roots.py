"""Where the equations of `frozen` have solutions: all states, static and moving.

At given μ and Δ₀ the force h(Δ) = g²C_φ(Δ) + σ_b² − Δ is convex, so that Δ_∞ is its first zero and
unique; what is left is a curve μ = J₀⟨φ⟩ + b in the plane of μ and Δ₀, along which the energy

    F = ∫ h dΔ from Δ_∞ to Δ₀ + σ⁴/8

changes sign at every state; F > 0 also where h has no zero.  Without noise that is at static states
as well, h(Δ₀) = 0, which are found apart; those where g²⟨φ'²⟩ > 1 are none of the dynamics.
"""

import math
from collections.abc import Callable, Iterator
from functools import partial
from itertools import chain, pairwise
from typing import Any, NamedTuple

import numpy as np

from ...common.arguments import Array
from ...common.result import ABSENT, FLAGGED
from .energy import NoStateError, touch
from .frozen import (
    Averages,
    BiasedNetwork,
    Place,
    averages,
    coefficients,
    variance_of_primitive,
)

# Steps of Δ₀ where φ is nearly linear, up to this many units², and above; of asinh μ.
_COARSE, _NEARLY_LINEAR, _FINE, _STEP = 3.0, 1e-2, 1.2, 0.08
# From where Δ₀ is looked for without noise or bias, how far beyond all scales without a bound of φ,
# and how far μ.
_NOTHING, _SMALLEST, _FAR, _WIDE = 1e-20, 1e-200, 1e6, 10.0
# Degree of the series of the search, which ends its bisections so close.
_DEGREE, _HALVINGS, _NEWTON = 400, 40, 30
_STEPS, _CLOSE, _ROUNDING = 120, 1e-9, 1e-14

Point = tuple[float, float]  # μ and ln Δ₀.
Piece = tuple[Point, Point]


class Root(NamedTuple):
    """A state, nearly; `attracting` as in `Stationary`."""

    place: Place
    attracting: bool

    @property
    def is_static(self) -> bool:
        """Whether nothing moves."""
        return self.place.moving == 0


def static_response(network: BiasedNetwork, here: Averages) -> Array:
    """Response of ⟨x⟩ and of ½⟨x²⟩ to themselves in a static state, per 1 + z for e^(zt)."""
    g, coupling = network.g, network.mean_coupling
    rows = [
        [coupling * here.slope, coupling * here.bend],
        [g * g * here.cross, g * g * here.rise],
    ]
    return np.array(rows, dtype=float)


def at_rest(network: BiasedNetwork) -> Averages | None:
    """The averages of Δ₀ = 0, the limit from above, where that is a state."""
    phi, mean = network.phi, network.bias_mean
    if network.sigma or network.bias_std or float(phi.phi(np.array([mean]))[0]) != 0:
        return None
    beside = np.array([-1.0, 1.0]) * _CLOSE * phi.unit * (mean in phi.kinks)
    slope = phi.d1(mean + beside)
    bend = float(phi.d2(np.array([mean]))[0])
    steepness = float(np.mean(slope**2))
    return Averages(0.0, 0.0, float(np.mean(slope)), steepness, bend, 0.0, steepness)


def mean_growth(network: BiasedNetwork, delta0: float, here: Averages) -> float:
    """Growth rate of the mean mode of a static state."""
    # What has no variance correlates with none.
    size = 2 if delta0 else 1
    modes = np.linalg.eigvals(static_response(network, here)[:size, :size])
    return float(np.max(modes.real)) - 1


def states(network: BiasedNetwork) -> list[Root]:
    """All states, ascending in Δ₀, to the accuracy of the search."""
    found: list[Root] = []
    rest = at_rest(network)
    if rest is not None and network.g**2 * rest.steepness <= 1:
        damped = mean_growth(network, 0.0, rest) < 0
        found.append(Root(Place(0.0, 0.0, network.bias_mean), damped))
    curve = list(_curve(network))
    if network.sigma == 0:
        for start, end, _ in _sign_changes(network, curve, _growth):
            found += _static_between(network, start, end)
    for start, end, first in _sign_changes(network, curve, _energy):
        found += _moving_between(network, start, end, first)
    if not found:
        top = max((end for _, end in curve), key=lambda point: point[1])
        if _energy(network, top) > 0:
            raise NoStateError(
                ABSENT,
                "no stationary state has delta0 below "
                f"{math.exp(top[1]):.2g}, and activity grows there: lower g or mean_coupling",
            )
        raise NoStateError(FLAGGED, "no stationary state was found: delta0 or mean out of reach")
    return _distinct(sorted(found, key=lambda root: root.place.delta0))


def _distinct(roots: list[Root]) -> list[Root]:
    kept: list[Root] = []
    for root in roots:
        if not any(_same(root.place, one.place) for one in kept):
            kept.append(root)
    return kept


def _same(one: Place, other: Place) -> bool:
    scale = math.sqrt(max(one.delta0, other.delta0)) * 1e-5
    return (
        abs(one.delta0 - other.delta0) <= scale * math.sqrt(max(one.delta0, other.delta0))
        and abs(one.mean - other.mean) <= scale
        and (one.moving == 0) == (other.moving == 0)
    )


def _variances(network: BiasedNetwork) -> Array:
    """Values of ln Δ₀ for the search."""
    phi, g, sigma, bias_std, bias_mean, coupling = network
    unit = phi.unit**2
    low = sigma**2 / 2 + bias_std**2
    if low == 0:
        low = _NOTHING * unit
        first = float(phi.phi(np.array([bias_mean]))[0])
        if coupling == 0 and first != 0:
            low = min(low, (g * first) ** 2 / 2)
    low = max(low, _SMALLEST * unit)
    bound = (g * phi.saturation) ** 2 + bias_std**2
    top = 1.001 * (bound + math.hypot(bound, sigma**2 / 2))
    if not math.isfinite(top):
        top = _FAR * max(unit, sigma**2, bias_std**2, bias_mean**2)
    places = [low * (1 - 1e-12)]
    while places[-1] < top:
        places.append(places[-1] * (_FINE if places[-1] > _NEARLY_LINEAR * unit else _COARSE))
    return np.log(places)


def _is_mirrored(network: BiasedNetwork) -> bool:
    """Whether with x goes −x: μ = 0 is on the curve, and of the rest μ > 0 is enough."""
    return network.phi.is_odd and network.bias_mean == 0


def _curve(network: BiasedNetwork) -> Iterator[Piece]:
    """Pieces of the curve μ = J₀⟨φ⟩ + b."""
    phi, _, _, _, bias_mean, coupling = network
    logs = _variances(network)
    mirrored = _is_mirrored(network)
    if mirrored or coupling == 0:
        for start, end in pairwise(logs):
            yield (bias_mean, float(start)), (bias_mean, float(end))
    if coupling == 0:
        return
    reach = abs(coupling) * phi.saturation * (1 + _ROUNDING)
    if not math.isfinite(reach):
        far = averages(phi, bias_mean, math.exp(logs[-1]))
        reach = _WIDE * (abs(bias_mean) + abs(coupling) * math.sqrt(float(far.q)))
    ends = np.arcsinh((bias_mean + np.array([-reach, reach])) / phi.unit)
    first = 0 if mirrored else math.ceil(ends[0] / _STEP) - 1
    means = phi.unit * np.sinh(_STEP * np.arange(first, math.floor(ends[1] / _STEP) + 2))
    excess = np.array([_excess(network, means, log)[0] for log in logs])
    above = excess >= 0
    mixed = above[1:, 1:] + 0 + above[1:, :-1] + above[:-1, 1:] + above[:-1, :-1]
    # Of an even function next to 0.
    power = 2 if mirrored else 1
    for i, j in np.argwhere((mixed > 0) & (mixed < 4)):
        edges = [
            ((i, j), (i, j + 1)), ((i, j + 1), (i + 1, j + 1)),
            ((i + 1, j), (i + 1, j + 1)), ((i, j), (i + 1, j)),
        ]  # fmt: skip
        crossed = []
        for one, other in edges:
            if above[one] != above[other]:
                share = excess[one] / (excess[one] - excess[other])
                (k, m), (n, o) = one, other
                mean = means[m] ** power + share * (means[o] ** power - means[m] ** power)
                log = float(logs[k] + share * (logs[n] - logs[k]))
                crossed.append(_on_curve(network, (float(mean) ** (1 / power), log)))
        yield from zip(crossed[::2], crossed[1::2], strict=True)


def _excess(network: BiasedNetwork, mean: Any, log: float) -> tuple[Any, Any, Any]:
    """μ − J₀⟨φ⟩ − b and its slopes in μ and ln Δ₀; if mirrored, of the curve beside μ = 0, by μ."""
    coupling = network.mean_coupling
    here = averages(network.phi, mean, math.exp(log))
    excess = mean - coupling * here.phi - network.bias_mean
    slopes = 1 - coupling * here.slope, -coupling * here.bend * math.exp(log) / 2
    if not _is_mirrored(network):
        return excess, *slopes
    some = np.where(mean == 0, 1.0, mean)
    excess = np.where(mean == 0, slopes[0], excess / some)
    return excess, np.where(mean == 0, 0.0, slopes[0] - excess) / some, slopes[1] / some


def _on_curve(network: BiasedNetwork, point: Point) -> Point:
    """The point of the curve next to this one."""
    mean, log = point
    if network.mean_coupling == 0 or (mean == 0 and _is_mirrored(network)):
        return point
    for _ in range(_NEWTON):
        left, along, across = map(float, _excess(network, mean, log))
        # In units of √Δ₀ for μ, so that both directions count alike.
        unit = max(math.exp(log / 2), network.phi.unit)
        along *= unit
        size = along**2 + across**2
        if abs(left) <= _ROUNDING * (abs(mean) + unit) or size == 0:
            break
        mean -= left * along / size * unit
        log -= left * across / size
    return mean, log


def _sign_changes(
    network: BiasedNetwork, curve: list[Piece], value: Callable[[BiasedNetwork, Point], float]
) -> Iterator[tuple[Point, Point, float]]:
    """Where a function changes its sign along the curve, and its value before."""
    known = {point: value(network, point) for point in dict.fromkeys(chain(*curve))}
    neighbours: dict[Point, list[Point]] = {point: [] for point in known}
    for start, end in curve:
        neighbours[start].append(end)
        neighbours[end].append(start)
        if (known[start] < 0) != (known[end] < 0):
            yield start, end, known[start]
    for here, ends in neighbours.items():
        if len(ends) != 2:
            continue
        start, end = ends
        beside = partial(_beside, network, start, here, end)
        gaps = known[start], known[here], known[end]
        share = touch(gaps, lambda s, at=beside: value(network, at(s)))  # type: ignore[misc]
        if share is not None:
            yield start, beside(share), known[start]
            yield beside(share), end, -known[start]


def _beside(
    network: BiasedNetwork, before: Point, here: Point, after: Point, share: float
) -> Point:
    """Between three points of the curve, which are at −1, 0 and 1."""
    return _between(network, here, after if share > 0 else before, abs(share))


def _growth(network: BiasedNetwork, point: Point) -> float:
    """By how much a static variance grows in a step of its equation, relative."""
    return _grown(network, point[1], averages(network.phi, point[0], math.exp(point[1])))


def _grown(network: BiasedNetwork, log: float, here: Averages) -> float:
    grown = network.g**2 * float(here.q) + network.bias_std**2
    # At g φ'(0) = 1 small variances stay to rounding.
    return grown / math.exp(log) - 1 - _ROUNDING


def _energy(network: BiasedNetwork, point: Point) -> float:
    """F in units of Δ₀², or its sign alone where that is known from less."""
    if network.sigma == 0:
        here = averages(network.phi, point[0], math.exp(point[1]))
        if _grown(network, point[1], here) <= 0:
            return -1.0
        if network.g**2 * float(here.steepness) <= 1:
            return 1.0
    return gap(network, point[0], math.exp(point[1]))[0]


def gap(network: BiasedNetwork, mean: float, delta0: float) -> tuple[float, float]:
    """F in units of Δ₀², and Δ_∞/Δ₀; F is inf and Δ_∞ nan where h has no zero."""
    phi, g, sigma, bias_std, _, _ = network
    found, _, missing = coefficients(phi, mean, delta0, _DEGREE)
    b = found * found
    j = np.arange(float(b.size))
    c, bias, r = g * g / delta0 * b, bias_std**2 / delta0, 0.0
    for _ in range(_STEPS):
        powers = r**j
        force = float(c @ powers) + bias - r
        slope = float((j * c)[1:] @ powers[:-1]) - 1
        if force <= _ROUNDING:
            break
        r = r - force / slope if slope < 0 else 1.0
        if r >= 1:
            return math.inf, math.nan
    energy = float(np.sum(c * (1 - r ** (j + 1)) / (j + 1))) + (1 - r) * (bias - (1 + r) / 2)
    if phi.kinks or missing > _ROUNDING:
        whole = variance_of_primitive(phi, mean, delta0) / delta0
        energy += g * g / delta0 * (whole - float(np.sum(b / (j + 1))))
    return energy + (sigma * sigma / delta0) ** 2 / 8, r


def _between(network: BiasedNetwork, start: Point, end: Point, share: float) -> Point:
    """A point of the curve between two."""
    mean, log = (a + share * (b - a) for a, b in zip(start, end, strict=True))
    return _on_curve(network, (mean, log))


def _halved(
    network: BiasedNetwork,
    start: Point,
    end: Point,
    value: Callable[[BiasedNetwork, Point], float],
) -> Point:
    """The point next to where a function changes its sign, on the side where it is negative."""
    first = value(network, start) < 0
    low, high = 0.0, 1.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        same = (value(network, _between(network, start, end, middle)) < 0) == first
        low, high = (middle, high) if same else (low, middle)
        if (high - low) * abs(end[1] - start[1] + end[0] - start[0]) <= _CLOSE:
            break
    return _between(network, start, end, low if first else high)


def _moving_between(
    network: BiasedNetwork, start: Point, end: Point, first: float
) -> Iterator[Root]:
    """The moving state between two points with other signs of F."""
    mean, log = _halved(network, start, end, _energy)
    delta0, coupling = math.exp(log), network.mean_coupling
    here = averages(network.phi, mean, delta0)
    if network.sigma == 0 and network.g**2 * float(here.steepness) <= 1:
        return
    _, r = gap(network, mean, delta0)
    # F falls in the direction in which both equations, together, are stable.
    along, across = 1 - coupling * float(here.slope), -coupling * float(here.bend) * delta0 / 2
    turn = along * (end[1] - start[1]) - across * (end[0] - start[0])
    place = Place(delta0 * (1 - r), delta0 * r, mean)
    yield Root(place, along > 0 and first * turn > 0)


def _static_between(network: BiasedNetwork, start: Point, end: Point) -> Iterator[Root]:
    """The static state between two points, if it is one of the dynamics."""
    mean, log = _halved(network, start, end, _growth)
    place, _ = static(network, Place(0.0, math.exp(log), mean))
    here = averages(network.phi, place.mean, place.frozen)
    if network.g**2 * float(here.steepness) <= 1:
        yield Root(place, mean_growth(network, place.frozen, here) < 0)


def static(network: BiasedNetwork, place: Place, refinement: float = 1.0) -> tuple[Place, float]:
    """The static state near a place by Newton's method, and its relative residual."""
    _, g, _, bias_std, bias_mean, coupling = network
    size = last = math.inf
    for _ in range(_NEWTON):
        here = averages(network.phi, place.mean, place.frozen, refinement)
        misfit = np.array(
            [
                coupling * float(here.phi) + bias_mean - place.mean,
                (g * g * float(here.q) + bias_std**2 - place.frozen) / 2,
            ]
        )
        step = np.linalg.solve(np.eye(2) - static_response(network, here), misfit)
        root = math.sqrt(place.frozen)
        size = max(abs(step[0]) / max(root, abs(place.mean)), 2 * abs(step[1]) / place.frozen)
        if size <= _ROUNDING / 10 or (not size < last and last < _CLOSE):
            break
        last = size
        frozen = max(place.frozen + 2 * step[1], place.frozen / 4)
        place = Place(0.0, float(frozen), place.mean + float(step[0]))
    return place, size
