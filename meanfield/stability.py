"""Is a step followed?  The spectrum met along a run against what a scheme makes of it.

A scheme multiplies a mode of rate λ by ρ(h, λ) in a step h, so that it grows at the rate
ln|ρ|/h in the place of Re λ.  A step is too long where a mode is lifted so far that it changes what
is seen: a mode that decays faster than it rotates must still decay; any other must not gain more
than a share of how far the spectrum reaches beyond the leak, and rates below that of the leak
count as its own.  This is one criterion for stiffness, for rotations, which most explicit schemes
feed, and for every integrator, of networks and of their mean-field theory.
"""

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .common.arguments import Array

Rates = NDArray[np.complex128]
# |ρ| of a step h for modes of these rates.
Amplification = Callable[[float, Rates], Array]

# Rate of the leak: a neuron that saturates feels nothing else.
_LEAK = -1.0
# Spurious growth that is allowed, as a share of the reach of the spectrum beyond the leak and at
# least.  Measured on exponents of networks over g, γ and schemes: below these the change by halving
# the step is within, or of the order of, the error of a run of 100 time constants.
_SHARE, _LEAST = 0.4, 0.1
# |ρ| = 1 that rounding may exceed.
_EDGE, _HUGE = 1e-7, 1e300
# Range of |hλ| in which the largest step is looked for.
_NEAR, _FAR, _GRID, _HALVINGS = 1e-3, 1e6, 60, 26
# A step that is not given: at most, as a share of the largest that is followed (the spectrum widens
# along gradient flows), and times the fastest rate that counts, in a scheme of order 2.
LONGEST, _SAFETY, _FINE = 0.1, 0.5, 0.5
# Arnoldi steps, and diagonals of the Hessenberg matrix above the first that make the symbol.
_STEPS, _DIAGONALS, _ANGLES = 10, 3, 24
# The symbol is a mean over few columns: its edge is known to several per cent.
_SHRINK = 0.95
_CIRCLE = np.exp(1j * np.linspace(0.0, math.pi, _ANGLES + 1))


class StepSizeWarning(UserWarning):
    """The step is longer than the scheme follows: what is seen is the step, not the flow."""


def gain(amplification: Amplification, h: float, rates: Rates) -> Array:
    """How far a step h lifts each mode, in units of what is allowed: above 1 it is too long."""
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        growth = np.log(amplification(h, rates)) / h
    # Where ρ overflows the step is far too long.
    growth = np.where(growth < _HUGE, np.maximum(growth, -_HUGE), _HUGE)
    reach = max(float(np.max(rates.real)), _LEAK) - _LEAK
    allowed = max(_SHARE * reach, _LEAST)
    lifted = (growth - np.maximum(rates.real, _LEAK)) / allowed
    stiff = (rates.real < _LEAK) & (np.abs(rates.imag) <= -rates.real)
    return np.where(stiff, np.where(growth > _EDGE / h, np.maximum(lifted, 2.0), 0.0), lifted)


def is_followed(amplification: Amplification, h: float, rates: Rates) -> bool:
    """Whether a step h follows all modes of these rates."""
    return bool(np.max(gain(amplification, h, rates)) <= 1)


def largest_step(amplification: Amplification, rates: ArrayLike) -> float:
    """Largest step up to which all modes are followed; inf if there is no limit."""
    points = np.atleast_1d(np.asarray(rates, dtype=np.complex128))
    size = float(np.max(np.abs(points), initial=0.0))
    if not math.isfinite(size):
        return 0.0
    return _last(lambda h: is_followed(amplification, h, points), size) if size else math.inf


def suggested_step(
    amplification: Amplification, rates: Rates, order: int, share: float = _SAFETY
) -> float:
    """A step for a run that will meet these rates: stable, and fine for what is slow in it."""
    slow = rates[(rates.real >= _LEAK) | (np.abs(rates.imag) > -rates.real)]
    # The leak's own rate is followed by any step up to LONGEST.
    fastest = float(np.max(np.abs(slow - _LEAK), initial=-_LEAK))
    accurate = _FINE ** (2 / order) / fastest
    return min(LONGEST, accurate, share * largest_step(amplification, rates))


def largest_rate(amplification: Amplification, h: float) -> float:
    """Largest decay rate that a step h follows; inf if there is no limit."""
    return _last(lambda rate: is_followed(amplification, h, np.array([-rate + 0j])), h)


def _last(holds: Callable[[float], bool], scale: float) -> float:
    """Largest y up to which something holds, sought over a range of y × scale; inf beyond it."""
    low = 0.0
    for high in np.geomspace(_NEAR / scale, _FAR / scale, _GRID).tolist():
        if not holds(high):
            break
        low = high
    else:
        return math.inf
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if holds(middle) else (low, middle)
    return low


def ellipse(g: float, gamma: float, slope: float, leak: float = _LEAK) -> Rates:
    """Edge of the spectrum of −1 + JD for N → ∞, `slope` the root mean square of D, and the leak.

    Exact for equal slopes; else to the accuracy of replacing them by their root mean square.
    """
    angle = np.linspace(0.0, math.pi, 2 * _ANGLES + 1)
    x, y = (1 + gamma) * np.cos(angle), (1 - gamma) * np.sin(angle)
    return np.append(leak + g * slope * (x + 1j * y), leak)


def edge(apply: Callable[[Array], Array], n: int) -> Rates:
    """Points along the edge of the spectrum of a real n × n matrix, known by its products.

    Two readings of the Hessenberg matrix H of a few Arnoldi steps are joined.  Its eigenvalues
    find what stands alone.  For large random matrices they fall short of the bulk, non-normal as
    it is; but there the diagonals of H settle, and the values of the Laurent polynomial of these
    diagonals on the unit circle lie on the edge: a circle of radius ‖Jv‖ for independent entries, a
    segment for symmetric and antisymmetric ones, an ellipse between.
    """
    # A fixed start: the estimate must not depend on any seed of the run.
    vector = np.random.default_rng(0).standard_normal(n)
    count = min(_STEPS, n)
    basis = np.empty((count + 1, n))
    basis[0] = vector / np.linalg.norm(vector)
    H: Array = np.zeros((count + 1, count))
    for j in range(count):
        image = np.asarray(apply(basis[j]), dtype=np.float64)
        if not np.all(np.isfinite(image)):
            return np.full(1, np.inf, dtype=np.complex128)
        part = H[: j + 1, j] = basis[: j + 1] @ image
        left = image - part @ basis[: j + 1]
        H[j + 1, j] = math.sqrt(float(left @ left))
        if H[j + 1, j] <= 1e-7 * math.sqrt(float(image @ image)):
            # An invariant subspace: its eigenvalues are exact, and all that the start can see.
            return np.linalg.eigvals(H[: j + 1, : j + 1]).astype(np.complex128)
        basis[j + 1] = left / H[j + 1, j]
    ritz = np.linalg.eigvals(H[:count]).astype(np.complex128)
    if count == n:
        return ritz
    late = np.arange(count // 2, count)
    symbol = sum(np.mean(H[late - k, late]) * _CIRCLE ** (-k) for k in range(-1, _DIAGONALS))
    centre = np.mean(symbol[:-1])
    return np.concatenate([ritz, centre + _SHRINK * (symbol - centre)])


def met(rates: Rates) -> str:
    """The spectrum in words, for messages."""
    ends = f"{np.min(rates.real):.3g}", f"{np.max(rates.real):.3g}"
    text = f"rates from {ends[0]} to {ends[1]}" if ends[0] != ends[1] else f"rate {ends[0]}"
    turning = float(np.max(np.abs(rates.imag)))
    return f"{text}, rotations up to {turning:.3g}" if turning > 1e-6 else text


def message(step: float, largest: float, detail: str = "") -> str:
    """What to say of a step beyond the largest one, or nothing."""
    if not step > largest * (1 + 1e-9):
        return ""
    return (
        f"dt = {step:g} exceeds the largest stable step {largest:.3g} for the spectrum met on the "
        f"way{detail}; shorten dt: what is seen is the step's"
    )
