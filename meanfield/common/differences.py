"""Derivatives, primitive and kinks of a function of which only values are known."""

from collections.abc import Callable
from itertools import pairwise

import numpy as np
from numpy.polynomial import chebyshev

from .arguments import Array

Function = Callable[[Array], Array]

# Central differences of order 8 at the steps ±1 … ±4, and 0.
_FIRST = np.array([4 / 5, -1 / 5, 4 / 105, -1 / 280])
_SECOND = np.array([8 / 5, -1 / 5, 8 / 315, -1 / 560])
_MIDDLE = -205 / 72
# The step as a share of x far out; nodes of a polynomial that takes the place of the differences
# next to a kink and, of an odd function, to 0.
_SHARE, _REACH, _DEGREE = 1 / 4096, 4, 10
# Steps that are tried, in units, each half the one before, and places where.
_STEPS = 0.5 ** np.arange(5.0, 14.0)
_PLACES = np.linspace(-9.1, 9.3, 1601)
# Where kinks are searched, in units: a range in equal cells, beyond it, for φ' alone, cells that
# grow.  The edges are such that nobody puts a kink on one.
_RANGE, _CELLS, _FAR_CELLS, _FARTHEST = (-16.1803398875, 17.3205080757), 4096, 400, 1e4
# Halvings of a cell, and what is left of it where a jump of φ' or φ'' shows, as a share of the
# largest φ' or φ''.
_HALVINGS = {2: 32, 3: 9}
_JUMP = {2: 1e-4, 3: 3e-2}
_ROUNDING = 64 * np.finfo(float).eps
# A jump of φ itself looks like one of φ' by a step this short.
_CLIFF = 1e6
# Kinks so close, in units, are one.
_SAME = 1e-4
# Jumps of φ' and of φ'' are located this well, in units.
_SHARP, _BLUR = 2e-11, 3e-5
# Panels of the primitive: steps of the differences, growing with x.
_PANEL, _GROWTH = 16.0, 1.15
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(16)


def kinks(function: Function, unit: float) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Places where φ' or φ'' jumps, and where φ does."""
    near = np.linspace(*_RANGE, _CELLS + 1)
    below, above = (np.geomspace(abs(end), _FARTHEST, _FAR_CELLS)[1:] for end in _RANGE)
    steep, cliffs = _jumps(function, unit * np.concatenate([-below[::-1], near, above]), 2)
    bent, _ = _jumps(function, unit * near, 3)
    found = list(steep)
    for place in bent:
        if all(abs(place - other) > _SAME * unit for other in [*found, *cliffs]):
            found.append(place)
    places = [_simple(one, (_SHARP if one in steep else _BLUR) * unit) for one in found]
    return tuple(sorted(places)), tuple(cliffs)


def _simple(place: float, blur: float) -> float:
    """The place with the fewest digits that cannot be told from this one."""
    rounded = (float(f"{place:.{digits}g}") for digits in range(1, 12))
    return next((one for one in (0.0, *rounded) if abs(one - place) < blur), place)


@np.errstate(all="ignore")
def _jumps(function: Function, edges: Array, order: int) -> tuple[list[float], list[float]]:
    """Places where differences of this order fall more slowly than they should; of cliffs."""
    signs = np.array([1.0, -2.0, 1.0] if order == 2 else [1.0, -3.0, 3.0, -1.0])
    share = np.linspace(0, 1, signs.size)

    def difference(low: Array, high: Array) -> tuple[Array, Array]:
        values = function(low[:, None] + (high - low)[:, None] * share)
        return np.abs(values @ signs), np.abs(values).max(axis=1)

    low, high = edges[:-1], edges[1:]
    # The largest φ', or φ''.
    across = high - low
    sizes = slopes = np.abs(np.diff(function(edges))) / across
    steepest = float(np.max(slopes[np.isfinite(slopes)], initial=0.0))
    if order == 3:
        ends = function(low) + function(high)
        sizes = np.abs(ends - 2 * function((low + high) / 2)) / (across / 2) ** 2
    typical = float(np.max(sizes[np.isfinite(sizes)], initial=0.0))
    for _ in range(_HALVINGS[order]):
        # A half as long again as its share: a place next to the middle is inside one of them.
        length = (high - low) * (0.5 + 1 / 32)
        left, right = difference(low, low + length)[0], difference(high - length, high)[0]
        goes_left = left >= right
        low, high = np.where(goes_left, low, high - length), np.where(goes_left, low + length, high)
    rest, size = difference(low, high)
    step = (high - low) / (order - 1)
    jump = rest / step ** (order - 1)
    # Rounding of φ, and of x.
    noise = _ROUNDING * (size + np.maximum(np.abs(low), np.abs(high)) * steepest)
    seen = np.isfinite(jump) & (rest > noise) & (jump > _JUMP[order] * typical)
    places: list[float] = []
    cliffs: list[float] = []
    for k in np.flatnonzero(seen):
        place = float(low[k] + high[k]) / 2
        group = cliffs if order == 2 and jump[k] > _CLIFF * typical else places
        if all(abs(place - other) > 4 * float(high[k] - low[k]) for other in group):
            group.append(place)
    return places, cliffs


@np.errstate(all="ignore")
def best_step(function: Function, unit: float, places: tuple[float, ...]) -> float:
    """The step at which differences change least when it is halved."""
    x = unit * _PLACES
    steps = unit * _STEPS
    far = [np.abs(x - place) > 2 * _REACH * steps[0] for place in places]
    x = x[np.all(far, axis=0)] if far else x
    made = [Differences(function, step, (), False, 2)(x) for step in steps]
    changes = [float(np.nanmax(np.abs(b - a))) for a, b in pairwise(made)]
    return float(steps[int(np.argmin(changes))])


class Differences:
    """The first or second derivative of a function, one-sided next to its kinks."""

    def __init__(
        self, function: Function, step: float, places: tuple[float, ...], odd: bool, order: int
    ) -> None:
        self._function, self._least, self._order = function, step, order
        self._places = np.array(places)
        self._odd = odd and 0.0 not in places
        self._pieces: list[tuple[float, float, float, Array]] = []
        for place in places:
            others = np.abs(self._places[self._places != place] - place)
            reach = 2 * _REACH * float(self._step(np.array([place]))[0])
            reach = min(reach, float(others.min(initial=np.inf)))
            for low, high in ((place - reach, place), (place, place + reach)):
                middle, half = (low + high) / 2, (high - low) / 2
                nodes = middle + half * chebyshev.chebpts1(_DEGREE + 1)
                fit = self._derivative(function(nodes))
                self._pieces.append((place, middle, half, fit / half**order))
        # Of an odd function φ(x)/x as a function of (x/reach)².
        self._reach = 2 * _REACH * step
        self._series = np.zeros(1)
        if self._odd:
            self._reach = min(self._reach, float(np.abs(self._places).min(initial=np.inf)))
            at = 0.5 * (chebyshev.chebpts1(_DEGREE) + 1)
            x = self._reach * np.sqrt(at)
            chebyshev_series = chebyshev.chebfit(2 * at - 1, function(x) / x, _DEGREE - 1)
            powers = np.polynomial.Polynomial(chebyshev.cheb2poly(chebyshev_series))
            series = np.asarray(powers(np.polynomial.Polynomial([-1.0, 2.0])).coef, float)
            self._series = np.pad(series, (0, _DEGREE - series.size))

    def _derivative(self, values: Array) -> Array:
        """Chebyshev series of the derivative of a function with these values at the nodes."""
        nodes = chebyshev.chebpts1(_DEGREE + 1)
        series = chebyshev.chebfit(nodes, values, _DEGREE)
        return np.asarray(chebyshev.chebder(series, self._order))

    def _step(self, x: Array) -> Array:
        return np.maximum(self._least, _SHARE * np.abs(x))

    def __call__(self, x: Array) -> Array:
        """The derivative at x; at a kink the mean of both sides."""
        at = np.asarray(x, dtype=float)
        flat = at.ravel()
        step = self._step(flat)
        weights = _FIRST if self._order == 1 else _SECOND
        value = np.zeros_like(flat) if self._order == 1 else _MIDDLE * self._function(flat)
        for k, weight in enumerate(weights, start=1):
            ahead, behind = self._function(flat + k * step), self._function(flat - k * step)
            value = value + weight * (ahead - behind if self._order == 1 else ahead + behind)
        value = value / step**self._order
        if self._odd:
            small = np.abs(flat) < self._reach / 2
            ratio = (flat[small] / self._reach) ** 2
            degree = 2 * np.arange(self._series.size) + 1
            if self._order == 1:
                value[small] = np.polynomial.polynomial.polyval(ratio, self._series * degree)
            else:
                of_bend = (self._series * degree * (degree - 1))[1:]
                series = np.polynomial.polynomial.polyval(ratio, of_bend)
                value[small] = flat[small] * series / self._reach**2
        if self._pieces:
            nearest = np.abs(flat[:, None] - self._places).argmin(axis=1)
            apart = flat - self._places[nearest]
            near = np.abs(apart) < _REACH * step
            for number, (place, middle, half, series) in enumerate(self._pieces):
                own = near & (self._places[nearest] == place)
                right = number % 2 == 1
                inside = own & (apart > 0 if right else apart < 0)
                value[inside] = chebyshev.chebval((flat[inside] - middle) / half, series)
                if np.any(at_kink := own & (apart == 0)):
                    other = self._pieces[number - 1 if right else number + 1]
                    sides = [
                        chebyshev.chebval((place - m) / h, s) for _, m, h, s in (
                            (place, middle, half, series), other)
                    ]  # fmt: skip
                    value[at_kink] = np.mean(sides)
        return np.asarray(value.reshape(at.shape))


class Primitive:
    """∫₀ˣ φ by Gauss–Legendre panels that end at the kinks."""

    def __init__(self, function: Function, step: float, places: tuple[float, ...]) -> None:
        self._function, self._least, self._places = function, _PANEL * step, places
        self._edges, self._sums = np.zeros(1), np.zeros(1)

    def _reach(self, farthest: float) -> None:
        """Panels up to the farthest x on both sides."""
        edges, step = [0.0], self._least
        while edges[-1] < farthest:
            edges.append(edges[-1] + step)
            step = max(step, (_GROWTH - 1) * edges[-1])
        side = np.array(edges)
        self._edges = np.unique(np.concatenate([-side, side, self._places]))
        pieces = self._panel(self._edges[:-1], self._edges[1:])
        # From 0 outwards: nothing cancels.
        start = int(np.searchsorted(self._edges, 0.0))
        below, above = -np.cumsum(pieces[:start][::-1])[::-1], np.cumsum(pieces[start:])
        self._sums = np.concatenate([below, [0.0], above])

    def _panel(self, low: Array, high: Array) -> Array:
        half = (high - low)[..., None] / 2
        return np.asarray((self._function(low[..., None] + half * (_NODES + 1)) * half) @ _WEIGHTS)

    def __call__(self, x: Array) -> Array:
        """The primitive at x."""
        at = np.asarray(x, dtype=float)
        known = np.where(np.isfinite(at), at, 0.0)
        farthest = float(np.max(np.abs(known), initial=0.0))
        if farthest > self._edges[-1]:
            self._reach(farthest)
        place = np.clip(np.searchsorted(self._edges, known) - 1, 0, max(self._edges.size - 2, 0))
        low = self._edges[place]
        value = self._sums[place] + self._panel(low, known)
        return np.asarray(np.where(np.isfinite(at), value, np.nan))
