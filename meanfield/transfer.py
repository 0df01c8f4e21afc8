"""Transfer functions φ with the derivatives the theory needs.

Built-in names: ``tanh`` (default), ``erf`` = erf(√π x/2), ``algebraic`` = x/√(1+x²), ``softsign`` =
x/(1+|x|) and ``linear`` = x, all odd and of slope φ'(0) = 1; ``logistic`` = 1/(1+e^(−x)),
``relu`` = max(x, 0) and ``softplus`` = ln(1+e^x).  Any other one is a `TransferFunction`.
"""

import math
from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any, NamedTuple, SupportsIndex

import numpy as np
from scipy.special import erf as _erf
from scipy.special import expit, spence

from .common import arguments, probes
from .common.arguments import ArgumentError, Array, shown
from .common.differences import Differences, Primitive, best_step, kinks
from .common.portable import Portable

Function = Callable[[Array], Array]

# Below |x| = length the defect (φ − xφ')/x³ is integrated instead of subtracted: 16 Gauss–Legendre
# nodes on [0, 1] give 1e-15 for every built-in φ there.
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(16)
UNIT_NODES, UNIT_WEIGHTS = (_NODES + 1) / 2, _WEIGHTS / 2

# In units of `TransferFunction.unit`, as is the step of the differences.
_NEAR_POINTS = np.array([0.0013, 0.0061, 0.021, 0.073, 0.17, 0.43, 0.91, 1.6, 2.7])
_FAR_POINTS = np.array([5.3, 9.7, 23.0, 61.0])
_CHECK_POINTS = np.concatenate([_NEAR_POINTS, _FAR_POINTS])
_CHECK_STEP = 1e-4
_CHECK_TOLERANCE = 1e-6
_ROUNDING = 1e-14
# The samples reach this far on both sides of 1 and of the unit.
_NEAR, _FAR, _SAMPLES = 1e-4, 1e3, 2000
# What numbers that should be equal, or none, may differ by, and numerical second derivatives.
_TIE, _NOISE = 1e-12, 1e-8
# Distance from a kink, of x or the unit, and share of φ' from which it jumps there.
_BESIDE, _CORNER = 1e-9, 1e-6
# Bend of straight pieces, and slope of a constant, in units.
_STRAIGHT = 1e-7
# Relative change of φ over the last decade of the samples up to which it saturates.
_FLAT = 1e-3
# Where φ' is searched for its first bend, and how far from 1 that makes a unit of its own.
_SCALES = np.exp2(np.arange(-66.0, 67.0))
_ORDINARY = 32.0


class Jet(NamedTuple):
    """φ and its companions at the same points: ``phi``, ``d1`` = φ', ``d2`` = φ'', ``defect``."""

    phi: Array
    d1: Array
    d2: Array
    defect: Array


@dataclass(frozen=True)
class TransferFunction(Portable):
    """A transfer function with its first two derivatives, checked when it is made.

    The function alone is enough: derivatives and primitive are then central differences and
    Gauss–Legendre sums between its kinks, φ' and Φ to about 1e-12, φ'' to 1e-9 of its size.  The
    checks and the searches for suprema sample φ where it bends, from 1e-20 to 1e20.

    Parameters
    ----------
    phi : callable
        φ, mapping a float array to an array of the same shape, without jumps.
    d1, d2 : callable, optional
        φ' and φ''.
    primitive : callable, optional
        Φ(x) = ∫₀ˣ φ.
    name : str
        Shown in results and error messages; default that of `phi`.
    bound : float
        sup |φ|; ``inf`` (default) if φ does not saturate.
    kinks : tuple of floats, optional
        Places where φ' or φ'' jumps; default: looked for, those of φ' to rounding, those of φ'' to
        1e-5 units unless they are round numbers.
    jet : callable, optional
        All of `Jet` at once, where sharing work between them pays.
    slope_of_value, bend_of_value : callable, optional
        φ' and φ'' as functions of φ (1 − φ² and −2φ(1 − φ²) for tanh): network simulations, which
        know φ already, then evaluate no transcendental function twice.

    Raises
    ------
    ArgumentError
        If φ jumps, a value at a few units of x is not finite or of another shape, |φ| exceeds
        `bound`, φ is odd and φ'(0) < 0, a derivative disagrees with central differences of the
        function before it by more than 1e-6 of its size and what the differences do not know, or
        `jet` or a shortcut disagrees with φ, φ' and φ''.  A kink is no disagreement.

    Notes
    -----
    The replica branches, the complexity and the closed theories of a null state need an odd φ that
    is smooth and rises at 0; they refuse others.  Everything else takes any φ.

    Examples
    --------
    >>> import numpy as np
    >>> from meanfield import TransferFunction
    >>> steep = TransferFunction(lambda x: np.tanh(2 * x), name="steep", bound=1.0)
    >>> round(steep.slope, 6), steep.is_odd, steep.kinks
    (2.0, True, ())
    >>> TransferFunction(lambda x: np.clip(x, 0, 1)).kinks
    (0.0, 1.0)
    """

    phi: Function
    d1: Function = None  # type: ignore[assignment]
    d2: Function = None  # type: ignore[assignment]
    primitive: Function = None  # type: ignore[assignment]
    _: KW_ONLY
    name: str = ""
    bound: float = np.inf
    kinks: tuple[float, ...] = None  # type: ignore[assignment]
    jet: Callable[[Array], Jet] | None = None
    slope_of_value: Function | None = None
    bend_of_value: Function | None = None

    # A tail may overflow harmlessly.
    @np.errstate(all="ignore")
    def __post_init__(self) -> None:
        self._complete()
        if not self.bound > 0:
            raise ArgumentError(f"bound={self.bound:g}: must be positive (inf allowed)")
        x, near = self.unit * _CHECK_POINTS, self.unit * _NEAR_POINTS
        step = self.unit * _CHECK_STEP
        both, near = np.concatenate([-x, x]), np.concatenate([-near, near])
        chain = [("primitive", self.primitive), ("phi", self.phi), ("d1", self.d1), ("d2", self.d2)]
        # Two axes: averages are taken of many points at many nodes.
        values = {
            name: probes.array_of(self._named(name), f, near.reshape(-1, 2)).ravel()
            for name, f in chain
        }
        for name, f in chain:
            probes.answer(self._named(name), f, self._sample)
        for place, value in zip(both, self.phi(both), strict=True):
            self._require(not np.isnan(value), f"phi is nan at x = {place:g}")
        if self.is_odd:
            if abs(self.slope) <= _TIE * np.max(np.abs(values["d1"])):
                # Rounding of differences.
                self._set("slope", 0.0)
            self._require(self.slope >= 0, f"slope phi'(0) = d1(0) = {self.slope:g} must be >= 0")
        bounded = not np.any(np.abs(self.phi(both)) > self.bound * (1 + _TIE))
        self._require(bounded, f"|phi| exceeds bound = {self.bound:g}")
        for (below, lower), (name, upper) in pairwise(chain):
            if not isinstance(upper, Differences) and not isinstance(
                lower, Differences | Primitive
            ):
                probes.slope(self._named(name), upper, lower, both, step, of=below)
        for name, shortcut, full in (
            ("slope_of_value", self.slope_of_value, values["d1"]),
            ("bend_of_value", self.bend_of_value, values["d2"]),
        ):
            if shortcut is not None:
                given = probes.array_of(self._named(name), shortcut, values["phi"])
                self._same(name, near, given, full, 1e-9 * np.max(np.abs(full)))
        if self.jet is not None:
            self._check_jet(self.jet, both)

    def _complete(self) -> None:
        """Check the types, and put in what is not given."""
        if isinstance(self.name, str) and not self.name:
            self._set("name", getattr(self.phi, "__name__", "phi").strip("<>"))
        given = {name: one for name, one in self.held().items() if one is not None}
        missing = {"d1", "d2", "primitive"} - set(given)
        for name in missing:
            self._set(name, self.phi)
        if "kinks" not in given:
            self._set("kinks", ())
        arguments.check_fields(self)
        for name in missing:
            self._set(name, None)
        near = np.concatenate([-_NEAR_POINTS, _NEAR_POINTS]).reshape(-1, 2)
        for name in ("phi", "d1"):
            if name in given:
                probes.array_of(self._named(name), given[name], near)
                probes.answer(self._named(name), given[name], _SCALES)
        if "kinks" not in given:
            found, cliffs = kinks(self.phi, self.unit)
            self._require(not cliffs, f"phi jumps at x = {cliffs[0] if cliffs else 0:g}")
            self._set("kinks", found)
        bad = [place for place in self.kinks if not math.isfinite(place)]
        self._require(not bad, f"kinks must be finite, got {bad}")
        self._set("kinks", tuple(sorted(map(float, self.kinks))))
        if not missing:
            return
        step = best_step(self.phi, self.unit, self.kinks)
        for order, name in enumerate(("d1", "d2"), start=1):
            if name in missing:
                made = Differences(self.phi, step, self.kinks, self.is_odd, order)
                self._set(name, made)
        if "primitive" in missing:
            self._set("primitive", Primitive(self.phi, step, self.kinks))

    def _set(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)

    def held(self) -> dict[str, Any]:
        """What it is made of; numerical parts are made again."""
        made = (Differences, Primitive)
        return {k: None if isinstance(v, made) else v for k, v in super().held().items()}

    def _check_jet(self, jet: Callable[[Array], Jet], x: Array) -> None:
        told = probes.answer(self._named("jet"), jet, x.reshape(2, -1))
        self._require(isinstance(told, Jet), f"jet must return a Jet, got {told!r:.80}")
        phi, d1 = self.phi(x), self.d1(x)
        expected = Jet(phi, d1, self.d2(x), (phi - x * d1) / x**3)
        # The difference in the defect cancels near 0.
        rounding = Jet(*(0.0 * x,) * 3, _ROUNDING * np.abs(phi / x**3))
        for name, value, full, extra in zip(Jet._fields, told, expected, rounding, strict=True):
            shaped = np.shape(value) == (2, x.size // 2)
            self._require(shaped, f"jet.{name} must have the shape of x")
            # Far out a correct part may overflow.
            known = np.isfinite(full) & np.isfinite(extra)
            given = np.ravel(value)[known]
            allowed = _CHECK_TOLERANCE * np.max(np.abs(given)) + extra[known]
            self._same(f"jet.{name}", x[known], given, full[known], allowed)

    def _named(self, name: str) -> str:
        return f"phi={self.name!r}: {name}"

    def _same(self, name: str, x: Array, given: Array, full: Array, allowed: Array | float) -> None:
        excess = np.abs(given - full) - allowed
        worst = int(np.argmax(excess))
        self._require(
            excess[worst] <= 0,
            f"{name} at x = {x[worst]:g} gives {given[worst]:g}, expected {full[worst]:g}",
        )

    def _require(self, valid: Any, text: str) -> None:
        if not valid:
            raise ArgumentError(self._named(text))

    def __call__(self, x: Array) -> Array:
        """φ(x)."""
        return self.phi(x)

    @property
    def is_built_in(self) -> bool:
        """Whether its name says it all."""
        return _BUILT_IN.get(self.name) is self

    def __reduce_ex__(self, protocol: SupportsIndex) -> tuple[Any, ...]:
        # Built-in ones travel by name.
        return (
            (transfer_function, (self.name,))
            if self.is_built_in
            else super().__reduce_ex__(protocol)
        )

    @cached_property
    def _sample(self) -> Array:
        first, last = _NEAR * min(self.unit, 1.0), _FAR * max(self.unit, 1.0)
        return np.geomspace(first, last, _SAMPLES, dtype=float)

    def _sampled(self, function: Function, sign: int = 1) -> Array:
        # A cosh in the denominator may overflow on the way out, and two of them leave nan.
        with np.errstate(over="ignore", invalid="ignore"):
            values = function(sign * self._sample)
        return np.where(np.isnan(values), 0.0, values)

    @cached_property
    def unit(self) -> float:
        """Order of magnitude of the x where φ first bends, a power of 2; 1 if not far from 1."""
        with np.errstate(all="ignore"):
            derivative = self._slope_by_value if self.d1 is None else self.d1
            slopes = [derivative(sign * _SCALES) for sign in (1, -1)]
            known = [s[~np.isnan(s)] for s in slopes]
            starts = [s[0] if s.size else 0.0 for s in known]
            # A φ that is flat at 0 has no scale there: its slope goes on growing at once.
            for k, s in enumerate(known):
                if s.size > 1 and abs(s[1]) > 1.5 * abs(s[0]):
                    starts[k] = 0.0
            # Unless φ' jumps at 0.
            if self.d1 is not None and np.ptp(both := [*starts, self.slope]) < np.max(both) / 2:
                starts = [self.slope, self.slope]
            bent = [
                np.abs(s - start) > np.abs(start) / 4
                for s, start in zip(slopes, starts, strict=True) if start != 0
            ]  # fmt: skip
        first = float(_SCALES[np.argmax(np.any(bent, axis=0))]) if np.any(bent) else 1.0
        return 1.0 if 1 / _ORDINARY < first < _ORDINARY else first

    def _slope_by_value(self, x: Array) -> Array:
        """φ' to three digits, nan where rounding of φ(0) ≠ 0 hides it."""
        beside = 1 + np.array([-1, 1])[:, None] / 256
        low, high = self.phi(beside * x)
        known = np.abs(high - low) > 1e6 * np.finfo(float).eps * np.abs(high)
        slope = np.where(known, (high - low) / (x / 128), 0.0)
        return np.where(np.cumsum(known) > 0, slope, np.nan)

    @cached_property
    def is_odd(self) -> bool:
        """Whether φ(−x) = −φ(x)."""
        x = self.unit * _CHECK_POINTS
        with np.errstate(all="ignore"):
            ahead, behind = self.phi(x), self.phi(-x)
        size = float(np.max(np.abs(ahead[: _NEAR_POINTS.size])))
        return bool(np.allclose(behind, -ahead, rtol=_TIE, atol=_TIE * size))

    @cached_property
    def is_smooth_at_0(self) -> bool:
        """Whether φ' and φ'' are continuous at 0."""
        if not self.is_odd:
            return 0.0 not in self.kinks
        bend, nearer = np.abs(self.d2(self.unit * np.array([1e-7, 1e-8])))
        return bool(bend <= 1e-6 * np.max(np.abs(self._sampled(self.d2))) or nearer <= bend / 2)

    @cached_property
    def jumps(self) -> Array:
        """By how much φ' jumps at each kink, 0 where φ'' alone does."""
        places = np.array(self.kinks, dtype=float)
        beside = _BESIDE * np.maximum(self.unit, np.abs(places))
        before, after = self.d1(places - beside), self.d1(places + beside)
        largest = np.maximum(np.abs(before), np.abs(after))
        return np.where(np.abs(after - before) > _CORNER * largest, after - before, 0.0)

    @property
    def corners(self) -> Array:
        """The kinks at which φ' jumps."""
        return np.array(self.kinks, dtype=float)[self.jumps != 0]

    @cached_property
    def slope(self) -> float:
        """Slope a = φ'(0): the theory depends on g and a through a·g where x is small."""
        return float(self.d1(np.zeros(1))[0])

    @cached_property
    def steepness(self) -> float:
        """Supremum of φ(x)/x, equal to the slope at 0 for a φ that bends towards saturation."""
        return max(self.slope, float(np.max(self._sampled(self.phi) / self._sample)))

    @cached_property
    def cubic(self) -> float:
        """Limit of the defect at 0, −φ'''(0)/3 (2/3 for tanh)."""
        return float(self.defect(np.array([1e-7 * self.length]))[0])

    @cached_property
    def is_linear(self) -> bool:
        """Whether φ(x) = φ'(0) x, so that the measure need not be normalisable."""
        line = self.slope * self._sample
        return bool(np.allclose(self._sampled(self.phi), line, rtol=_TIE, atol=0))

    @cached_property
    def is_concave(self) -> bool:
        """Whether φ bends towards saturation for x > 0, which makes the γ ≥ 0 branch unique."""
        bend = self._sampled(self.d2)
        most = np.max(np.abs(bend), where=np.isfinite(bend), initial=0.0)
        noise = _NOISE if isinstance(self.d2, Differences) else _TIE
        kinked = (np.array(self.kinks) > 0) & (self.jumps > 0)
        return bool(np.all(bend <= noise * most)) and not np.any(kinked)

    @cached_property
    def saturation(self) -> float:
        """Supremum of |φ|, also where `bound` does not say it but φ is flat far out; else inf."""
        if math.isfinite(self.bound):
            return self.bound
        sizes = [np.abs(self._sampled(self.phi, sign)) for sign in (1, -1)]
        tails = [size[self._sample > np.max(self._sample) / 10] for size in sizes]
        flat = all(np.ptp(far) <= _FLAT * np.max(sizes) for far in tails)
        return float(np.max(sizes)) * (1 + _FLAT) if flat else math.inf

    @cached_property
    def length(self) -> float:
        """Scale of x on which φ bends, 1 for tanh: sets where quadrature nodes crowd."""
        slope, bend = (
            np.maximum(*(np.abs(self._sampled(f, sign)) for sign in (1, -1)))
            for f in (self.d1, self.d2)
        )
        known = np.isfinite(slope) & np.isfinite(bend)
        most, steepest = float(np.max(bend[known])), float(np.max(slope[known]))
        size = float(np.max(np.abs(self.phi(self.unit * _NEAR_POINTS))))
        # Of straight pieces, or of a constant, differences are noise.
        if most <= _STRAIGHT * steepest / self.unit or steepest <= _STRAIGHT * size / self.unit:
            return self.unit
        return 0.77 * steepest / most

    def slope_at(self, x: Array, value: Array) -> Array:
        """φ'(x) where value = φ(x) is known."""
        return self.d1(x) if self.slope_of_value is None else self.slope_of_value(value)

    def bend_at(self, x: Array, value: Array) -> Array:
        """φ''(x) where value = φ(x) is known."""
        return self.d2(x) if self.bend_of_value is None else self.bend_of_value(value)

    def defect(self, x: Array) -> Array:
        """(φ − xφ')/x³ without cancellation: the distance of φ from linear."""
        small = np.abs(x) < self.length
        x_large = np.where(small, self.length, x)
        large = (self.phi(x_large) - x_large * self.d1(x_large)) / x_large**3
        x_small = np.where(small, x, self.length / 2)
        tiny = 1e-7 * self.length
        x_small = np.where(np.abs(x_small) < tiny, tiny, x_small)
        points = x_small[..., None] * UNIT_NODES
        series = -(self.d2(points) / points) @ (UNIT_WEIGHTS * UNIT_NODES**2)
        return np.where(small, series, large)

    def evaluate(self, x: Array) -> Jet:
        """φ, φ', φ'' and the defect at `x`, fused where the function offers it."""
        if self.jet is not None:
            return self.jet(x)
        return Jet(self.phi(x), self.d1(x), self.d2(x), self.defect(x))


def _log_cosh(x: Array) -> Array:
    size = np.abs(x)
    # Near 0, where the logarithms would cancel: log(1 + 2 sinh²(x/2)).
    near = np.log1p(2 * np.sinh(np.minimum(size, 1.0) / 2) ** 2)
    return np.where(size < 1, near, size + np.log1p(np.exp(-2 * size)) - np.log(2.0))


def _tanh_jet(x: Array) -> Jet:
    t = np.tanh(x)
    d1 = 1 - t * t
    x2 = x * x
    # (sinh 2x − 2x)/(2x³ cosh²x) = 4 φ' Σ (2x)^{2j}/(2j+3)!
    y = np.minimum(4 * x2, 4.0)
    series = np.full_like(y, 1 / math.factorial(21))
    for odd in range(19, 1, -2):
        series = series * y + 1 / math.factorial(odd)
    x_large = np.maximum(np.abs(x), 1.0)
    large = (np.abs(t) - x_large * d1) / x_large**3
    return Jet(t, d1, -2 * t * d1, np.where(x2 < 1.0, 4 * d1 * series, large))


def _algebraic_jet(x: Array) -> Jet:
    root = 1 / np.sqrt(1 + x * x)
    cube = root**3
    return Jet(x * root, cube, -3 * x * cube * root * root, cube)


def _dilogarithm(x: Array) -> Array:
    # −Li₂(−e^x) − π²/12, by its reflection for x > 0.
    tail = spence(1 + np.exp(-np.abs(x)))
    beyond = np.maximum(x, 0.0) ** 2 / 2 + math.pi**2 / 12
    return np.where(x > 0, beyond + tail, -tail - math.pi**2 / 12)


# A Python float: it leaves single precision single.
_ERF_SCALE = math.sqrt(math.pi) / 2

_BUILT_IN = {
    f.name: f
    for f in (
        TransferFunction(
            name="tanh",
            kinks=(),
            phi=np.tanh,
            d1=lambda x: 1 - np.tanh(x) ** 2,
            d2=lambda x: -2 * np.tanh(x) * (1 - np.tanh(x) ** 2),
            primitive=_log_cosh,
            bound=1.0,
            jet=_tanh_jet,
            slope_of_value=lambda value: 1 - value * value,
            bend_of_value=lambda value: 2 * value * (value * value - 1),
        ),
        TransferFunction(
            name="erf",
            kinks=(),
            phi=lambda x: _erf(_ERF_SCALE * x),
            d1=lambda x: np.exp(-np.pi * x * x / 4),
            d2=lambda x: -np.pi / 2 * x * np.exp(-np.pi * x * x / 4),
            primitive=lambda x: x * _erf(_ERF_SCALE * x) + 2 / np.pi * np.expm1(-np.pi * x * x / 4),
            bound=1.0,
        ),
        TransferFunction(
            name="algebraic",
            kinks=(),
            phi=lambda x: x / np.sqrt(1 + x * x),
            d1=lambda x: (1 + x * x) ** -1.5,
            d2=lambda x: -3 * x * (1 + x * x) ** -2.5,
            primitive=lambda x: x * x / (1 + np.sqrt(1 + x * x)),
            bound=1.0,
            jet=_algebraic_jet,
            slope_of_value=lambda value: (1 - value * value) ** 1.5,
            bend_of_value=lambda value: -3 * value * (1 - value * value) ** 2,
        ),
        TransferFunction(
            name="softsign",
            phi=lambda x: x / (1 + np.abs(x)),
            d1=lambda x: (1 + np.abs(x)) ** -2.0,
            d2=lambda x: -2 * np.sign(x) * (1 + np.abs(x)) ** -3.0,
            primitive=lambda x: np.abs(x) - np.log1p(np.abs(x)),
            bound=1.0,
            kinks=(0.0,),
            slope_of_value=lambda value: (1 - np.abs(value)) ** 2,
            bend_of_value=lambda value: -2 * np.sign(value) * (1 - np.abs(value)) ** 3,
        ),
        TransferFunction(
            name="logistic",
            phi=expit,
            d1=lambda x: expit(x) * expit(-x),
            d2=lambda x: -expit(x) * expit(-x) * np.tanh(x / 2),
            primitive=lambda x: np.logaddexp(0.0, x) - math.log(2),
            bound=1.0,
            kinks=(),
            slope_of_value=lambda value: value * (1 - value),
            bend_of_value=lambda value: value * (1 - value) * (1 - 2 * value),
        ),
        TransferFunction(
            name="relu",
            phi=lambda x: np.maximum(x, 0.0),
            d1=lambda x: np.where(x > 0, np.ones_like(x), 0),
            d2=np.zeros_like,
            primitive=lambda x: np.maximum(x, 0.0) ** 2 / 2,
            kinks=(0.0,),
        ),
        TransferFunction(
            name="softplus",
            phi=lambda x: np.logaddexp(0.0, x),
            d1=expit,
            d2=lambda x: expit(x) * expit(-x),
            primitive=_dilogarithm,
            kinks=(),
        ),
        TransferFunction(
            name="linear",
            kinks=(),
            phi=lambda x: 1.0 * x,
            d1=np.ones_like,
            d2=np.zeros_like,
            primitive=lambda x: x * x / 2,
            jet=lambda x: Jet(1.0 * x, np.ones_like(x), np.zeros_like(x), np.zeros_like(x)),
        ),
    )
}

NAMES = tuple(_BUILT_IN)


def transfer_function(phi: str | TransferFunction) -> TransferFunction:
    """The `TransferFunction` of a built-in name, or `phi` itself if it is one already.

    Raises
    ------
    ArgumentError
        If `phi` is neither.
    """
    if isinstance(phi, TransferFunction):
        return phi
    if isinstance(phi, str) and phi in _BUILT_IN:
        return _BUILT_IN[phi]
    raise ArgumentError(
        f"{shown('phi', phi)}: expected one of {', '.join(NAMES)} or a TransferFunction"
    )


def odd_function(phi: str | TransferFunction) -> TransferFunction:
    """`transfer_function` of a theory that needs an odd φ, smooth and rising at 0."""
    function = transfer_function(phi)
    if not (function.is_odd and function.is_smooth_at_0 and function.slope > 0):
        what = "odd"
        if function.is_odd:
            what = "smooth at 0" if function.slope > 0 else "of slope phi'(0) > 0"
        raise ArgumentError(f"phi={function.name!r}: must be {what} here")
    return function
