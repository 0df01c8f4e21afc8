"""What users hand over is tried once: derivatives against central differences, calls by name."""

from collections.abc import Callable
from typing import Any

import numpy as np

from .arguments import ArgumentError, Array

_TOLERANCE = 1e-6
_ROUNDING = 1e-14
# Every derivative is tried at two places side by side: a kink falls on one of them at most.
_BESIDE = 1.013


def answer(name: str, function: Callable[..., Any], *given: Any) -> Any:
    """What the function of that name returns; whatever it raises instead is an `ArgumentError`."""
    try:
        return function(*given)
    except ArgumentError:
        raise
    except Exception as error:
        told = f"{type(error).__name__}: {error}"
        raise ArgumentError(f"{name}: raised {told}") from error


def array_of(name: str, function: Callable[..., Any], *given: Any) -> Array:
    """The answer to arrays of one shape, which must be a finite array of that shape."""
    before = [np.copy(a) if isinstance(a, np.ndarray) else a for a in given]
    value = answer(name, function, *before)
    for kept, seen in zip(given, before, strict=True):
        if isinstance(kept, np.ndarray) and not np.array_equal(kept, seen):
            raise ArgumentError(f"{name}: must not change its arguments in place")
    shape = next(a.shape for a in given if isinstance(a, np.ndarray))
    real = isinstance(value, np.ndarray) and value.dtype.kind in "iuf"
    if not (real and value.shape == shape and np.all(np.isfinite(value))):
        raise ArgumentError(
            f"{name}: must map arrays to finite real arrays of their shape, got {value!r:.80}"
        )
    if value.dtype.itemsize < 8 and value.dtype.kind == "f":
        raise ArgumentError(f"{name}: answers in {value.dtype}, must be float64")
    return np.asarray(value, dtype=float)


def slope(
    name: str,
    told: Callable[[Array], Array],
    lower: Callable[[Array], Array],
    x: Array,
    step: float,
    *,
    of: str,
    along: str = "x",
) -> None:
    """Refuse `told` where it is not the derivative of `lower`, an `ArgumentError`.

    Allowed is what the differences themselves do not know: their change from step to 2·step, and
    rounding.  Places where either is not finite are left out.
    """
    places = np.concatenate([x, _BESIDE * x])
    with np.errstate(all="ignore"):
        upper, base = told(places), lower(places)
        narrow = (lower(places + step) - lower(places - step)) / (2 * step)
        wide = (lower(places + 2 * step) - lower(places - 2 * step)) / (4 * step)
        seen = narrow + (narrow - wide) / 3
        known = np.isfinite(upper) & np.isfinite(seen)
        allowed = _TOLERANCE * np.max(np.abs(upper), where=known, initial=0.0)
        allowed = allowed + np.abs(narrow - wide) + _ROUNDING * np.abs(base) / step
        wrong = known & (np.abs(seen - upper) > allowed)
    if np.any(both := wrong[: x.size] & wrong[x.size :]):
        k = int(np.argmax(np.where(both, np.abs(seen - upper)[: x.size], 0.0)))
        raise ArgumentError(
            f"{name} at {along} = {x[k]:g} is {upper[k]:g}, but the slope of {of} there is "
            f"{seen[k]:g} (central difference, allowed error {allowed[k]:.1e})"
        )
