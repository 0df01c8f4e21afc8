"""The spectrum of A = −1 + JD at a fixed point: D = diag φ′(x), J elliptic and independent of D.

With w = 1 + z and a = w − γg²rφ′ the Hermitised resolvent at z obeys

    r = ⟨φ′ ā/den⟩,    g²⟨φ′²/den⟩ = 1 or y = 0,    den = |a|² + yφ′²,

and y > 0 inside the spectrum.  There r = p Re w/(1+γ) − i p Im w/(1−γ), p = ⟨φ′/den⟩, so that two
real unknowns are left, c = g²p and Y = y/g², and at the boundary, where Y = 0, one on every ray.
The mean of the resolvent is m = ⟨ā/den⟩ and the density (1/π) ∂m/∂w̄.  Outside, m is the derivative
of ⟨ln a⟩ + γg²r²/2.  `derivations.complexity` proves the relations.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..common.arguments import Array
from ..transfer import UNIT_NODES, UNIT_WEIGHTS
from .newton import CORRECTIONS, GOOD_START, NewtonResult, follow, newton

# ln ν between which the boundary is searched.
_FAR = -14.0, 10.0
# Of a quarter of the boundary.
_ANGLES = 46


@dataclass(frozen=True)
class Slopes:
    """Points (g, γ), and the law of φ′ at each: values and weights, arrays (points, nodes)."""

    g: Array
    gamma: Array
    d1: Array
    weights: Array

    def mean(self, values: Array) -> Array:
        """Averages, one a point."""
        return np.asarray((self.weights * values).sum(axis=1))

    def take(self, index: NDArray[np.intp]) -> "Slopes":
        """Points of an index, which may repeat them."""
        return Slopes(self.g[index], self.gamma[index], self.d1[index], self.weights[index])


class _Denominator:
    """den at w = X + i(1−γ)ν, Re a = X·real and Im a = ν·imaginary, and its derivatives."""

    def __init__(self, law: Slopes, c: Array, y: Array, x: Array, nu: Array) -> None:
        self.gamma, self.x, self.nu = law.gamma[:, None], x[:, None], nu[:, None]
        self.tilt = self.gamma * law.d1
        self.real = 1 - self.tilt * (c / (1 + law.gamma))[:, None]
        self.imaginary = 1 - self.gamma + self.tilt * c[:, None]
        self.by_y = (law.g[:, None] * law.d1) ** 2
        self.value = (self.x * self.real) ** 2 + (self.nu * self.imaginary) ** 2
        self.value += y[:, None] * self.by_y

    @property
    def by_c(self) -> Array:
        across = self.x**2 * self.real / (1 + self.gamma)
        return np.asarray(2 * self.tilt * (self.nu**2 * self.imaginary - across))

    @property
    def by_x(self) -> Array:
        return np.asarray(2 * self.x * self.real**2)

    @property
    def by_nu(self) -> Array:
        return np.asarray(2 * self.nu * self.imaginary**2)


def _errors(law: Slopes, den: Array, c: Array) -> Array:
    """Of the equations of c and Y, (points, 2)."""
    g2 = law.g**2
    return np.stack([g2 * law.mean(law.d1 / den) - c, g2 * law.mean(law.d1**2 / den) - 1], axis=1)


def _by(law: Slopes, den: Array, change: Array) -> Array:
    """The derivative of the errors where den changes, (points, 2)."""
    weighted = -law.d1 * change / den**2
    return law.g[:, None] ** 2 * np.stack([law.mean(weighted), law.mean(law.d1 * weighted)], axis=1)


def _inside(law: Slopes, start: Array, x: Array, nu: Array, most: int = 60) -> NewtonResult:
    """Unknowns c and Y at points inside the spectrum."""

    def system(unknowns: Array, index: NDArray[np.intp]) -> tuple[Array, Array]:
        part, (c, y) = law.take(index), unknowns.T
        den = _Denominator(part, c, y, x[index], nu[index])
        by_c = _by(part, den.value, den.by_c) - np.array([1.0, 0.0])
        by_y = _by(part, den.value, den.by_y)
        return _errors(part, den.value, c), np.stack([by_c, by_y], axis=2)

    return newton(system, start, _half, max_iterations=most)


def _half(unknowns: Array, step: Array, index: NDArray[np.intp]) -> Array:
    # Y may cross 0 next to the boundary.
    room = np.stack([np.abs(unknowns[:, 0]), np.abs(unknowns[:, 1]) + 0.1], axis=1) / 2
    return np.minimum(1.0, np.min(room / np.maximum(np.abs(step), 1e-300), axis=1))


def unstable_share(law: Slopes, response: Array, y: Array) -> Array:
    """Share of eigenvalues with Re z > 0 by r and y at z = 0; nan where it is not found.

    ½ − (1/π)∫₀^∞ Re m(1+iv) dv, outside the spectrum in closed form.
    """
    share = np.zeros(len(law.g))
    within = np.flatnonzero(y > 0)
    law, gamma = law.take(within), law.gamma[within]
    c = law.g**2 * response[within] * (1 + gamma)
    scaled = y[within] / law.g**2
    zero, one = np.zeros_like(c), np.ones_like(c)

    def outside(part: Slopes, log_nu: Array, _: NDArray[np.intp]) -> Array:
        return np.log(_size(part, np.ones_like(log_nu), np.exp(log_nu)))

    nu_top = np.exp(_root(law, outside, *_FAR))
    c_top = _response(law, one, nu_top)

    # In u, v = sinh u: the neurons at rest, φ′ ≈ 0, have a scale of 1 however far the boundary is.
    count, last = len(UNIT_NODES), np.arcsinh((1 - gamma) * nu_top)
    each, heights = np.repeat(np.arange(len(within)), count), np.tile(UNIT_NODES, len(within))
    stretch = np.where(last > 0, last, 1e-8)
    share_of_top = np.sinh(stretch[each] * heights) / np.sinh(stretch)[each]
    part, t2, nu = law.take(each), share_of_top[:, None] ** 2, nu_top[each] * share_of_top
    ends = np.stack([c, scaled], axis=1)[each], np.stack([c_top, zero], axis=1)[each]
    solved = _inside(part, ends[0] * (1 - t2) + ends[1] * t2, one[each], nu)
    den = _Denominator(part, solved.unknowns[:, 0], solved.unknowns[:, 1], one[each], nu)
    jacobian = (stretch / np.tanh(stretch))[each] * np.cosh(stretch[each] * heights)
    jacobian /= np.cosh(stretch)[each]
    resolvent = (part.mean(den.real / den.value) * jacobian).reshape(-1, count) @ UNIT_WEIGHTS

    edge = _Denominator(law, c_top, zero, one, nu_top)
    phase = law.mean(np.arctan2(nu_top[:, None] * edge.imaginary, edge.real))
    phase -= gamma * c_top**2 * nu_top / (law.g**2 * (1 + gamma))
    found = solved.residual.reshape(-1, count).max(axis=1) <= GOOD_START
    value = (phase - (1 - gamma) * nu_top * resolvent) / np.pi
    share[within] = np.where(found, value, np.nan)
    return share


def crossing(law: Slopes, angle: Array) -> Array:
    """|w| where the ray at this angle from w = 0 leaves the spectrum; the angle is in [0, π/2]."""
    return _size(law, *_direction(law, angle))


def boundary(law: Slopes) -> NDArray[np.complex128]:
    """The closed curve around the spectrum of the one point, from its right end."""
    angle = np.linspace(0, np.pi / 2, _ANGLES)
    size = crossing(law.take(np.zeros(_ANGLES, dtype=np.intp)), angle)
    quarter = size * np.exp(1j * angle)
    half = np.concatenate([quarter, -quarter[-2::-1].conj()])
    return np.concatenate([half, half[-2::-1].conj()]) - 1


def _size(law: Slopes, x: Array, nu: Array) -> Array:
    """Factor on X and ν that leads to the boundary."""
    den = _Denominator(law, _response(law, x, nu), np.zeros_like(nu), x, nu).value
    return law.g * np.sqrt(law.mean(law.d1**2 / den))


def _direction(law: Slopes, angle: Array) -> tuple[Array, Array]:
    """X and ν of |w| = 1; at γ = 1 nothing lies off the real axis."""
    sine = np.where(angle == 0, 0.0, np.sin(angle))
    cosine = np.where(angle == np.pi / 2, 0.0, np.cos(angle))
    with np.errstate(all="ignore"):
        return cosine, np.where(sine == 0, 0.0, sine / (1 - law.gamma))


def _response(law: Slopes, x: Array, nu: Array) -> Array:
    """The c at the boundary on the ray of X and ν, the first root of ⟨φ′(cφ′ − 1)/den⟩ = 0."""
    most, tilt = law.d1.max(axis=1), np.abs(law.gamma)
    # On the longer axis a vanishes somewhere at the largest c, and the mean diverges to +∞.
    ends = np.where(law.gamma > 0, nu == 0, x == 0) & (tilt > 0)

    def c_of(u: Array, index: Any) -> Array:
        with np.errstate(all="ignore"):
            last = (1 + tilt[index]) / tilt[index]
        return np.where(ends[index], u * np.minimum(last, 1e300), u / (1 - u)) / most[index]

    def excess(part: Slopes, u: Array, index: NDArray[np.intp]) -> Array:
        c = c_of(u, index)
        den = _Denominator(part, c, np.zeros_like(c), x[index], nu[index]).value
        return part.mean(part.d1 * (c[:, None] * part.d1 - 1) / den)

    return c_of(_root(law, excess, 0.0, 1 - 1e-14), slice(None))


def _root(
    law: Slopes,
    function: Callable[[Slopes, Array, NDArray[np.intp]], Array],
    low: float,
    high: float,
) -> Array:
    """Where a function of the law, a number and the index of the point changes sign."""
    from scipy.optimize.elementwise import find_root

    index = np.arange(len(law.g))

    def at(u: Array, index: NDArray[np.intp]) -> Array:
        index = index.astype(np.intp)
        return function(law.take(index), u, index)

    return np.asarray(find_root(at, (low, high), args=(index,)).x)


def density(law: Slopes, w: NDArray[np.complex128]) -> Array:
    """Eigenvalues per neuron and unit area at 1 + z = w, one for each point, −1 < γ < 1."""
    x, height = np.abs(w.real), np.abs(w.imag)
    angle, size = np.arctan2(height, x), np.hypot(x, height)
    found = np.zeros(len(law.g))
    edge = crossing(law, angle)
    within = np.flatnonzero(size < edge)
    law, angle, edge = law.take(within), angle[within], edge[within]
    unit_x, unit_nu = _direction(law, angle)

    def correct(unknowns: Array, log_size: Array, some: NDArray[np.intp]) -> NewtonResult:
        size = np.exp(log_size)
        place = size * unit_x[some], size * unit_nu[some]
        return _inside(law.take(some), unknowns, *place, CORRECTIONS)

    start = np.stack([_response(law, unit_x, unit_nu), np.zeros_like(edge)], axis=1)
    target = np.log(np.maximum(size[within], 1e-6 * edge))
    path = follow(correct, start, np.log(edge), target)
    c, y = path.unknowns.T
    x, nu = np.exp(target) * unit_x, np.exp(target) * unit_nu
    den = _Denominator(law, c, y, x, nu)
    by_c = _by(law, den.value, den.by_c) - np.array([1.0, 0.0])
    by_y = _by(law, den.value, den.by_y)
    jacobian = np.stack([by_c, by_y], axis=2)

    tilt, gamma = law.gamma[:, None] * law.d1, law.gamma[:, None]
    total = np.zeros_like(c)
    # ∂(Re m)/∂x − ∂(Im m)/∂v, with c and Y moving along.
    for factor, size, by_factor, by_place, scale in (
        (den.real, x, -tilt / (1 + gamma), den.by_x, 1.0),
        (den.imaginary, nu, tilt, den.by_nu, 1 / (1 - law.gamma)),
    ):
        moved = -np.linalg.solve(jacobian, _by(law, den.value, by_place)[..., None])[..., 0]
        d_den = by_place + moved[:, :1] * den.by_c
        d_den = d_den + moved[:, 1:] * den.by_y
        change = factor / den.value + size[:, None] * (
            moved[:, :1] * by_factor / den.value - factor * d_den / den.value**2
        )
        total += scale * law.mean(change)
    found[within] = np.where(path.reached == target, total / (2 * np.pi), np.nan)
    return found
