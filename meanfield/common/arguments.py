"""Checks of arguments: every message names the argument, its value and the allowed range."""

from collections.abc import Callable
from numbers import Real
from operator import index
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]


class ArgumentError(ValueError):
    """An argument outside its range."""


def _is_real(value: object) -> bool:
    if isinstance(value, list | tuple):
        return all(map(_is_real, value))
    if isinstance(value, Real):
        return not isinstance(value, bool)
    given = np.asarray(value)
    if given.dtype.kind == "O":
        return given.ndim > 0 and all(map(_is_real, given.flat))
    return given.dtype.kind in "iuf" and not np.ma.is_masked(value)


def real(name: str, value: ArrayLike) -> NDArray[Any]:
    """Integers or floats as an array of any shape, no copy of one; nothing else is read as such."""
    # NumPy would read '2', True, None and a date as 2, 1, nan and a count of days, and drop
    # imaginary parts and masks.
    try:
        if not _is_real(value):
            raise TypeError
        array = np.asarray(value)
        return array.astype(float) if array.dtype.kind == "O" else array
    except (TypeError, ValueError, OverflowError) as error:
        is_array = isinstance(value, np.ndarray) and value.ndim > 0
        what = f"{name} of dtype {value.dtype}" if is_array else f"{name}={value!r:.200}"  # type: ignore[union-attr]
        raise ArgumentError(f"{what}: must be real numbers, none of them masked") from error


def _checked(
    name: str, value: ArrayLike, valid: Callable[[Array], NDArray[np.bool_]], allowed: str
) -> Array:
    array = real(name, value).astype(float)
    bad = ~valid(array)
    if np.any(bad):
        raise ArgumentError(f"{name}={array[bad].flat[0]:g}: {allowed}")
    return array


def _number(
    name: str, value: float, valid: Callable[[Array], NDArray[np.bool_]], allowed: str
) -> float:
    array = _checked(name, value, valid, allowed)
    if array.ndim:
        raise ArgumentError(f"{name}={value!r}: must be one number")
    return float(array)


def array(name: str, value: ArrayLike) -> Array:
    """Finite numbers as an array of any shape."""
    return _checked(name, value, np.isfinite, "must be finite")


def gain(value: ArrayLike) -> Array:
    """The gain g as an array."""
    return _checked("g", value, lambda a: (a > 0) & np.isfinite(a), "must be positive and finite")


def symmetry(value: ArrayLike) -> Array:
    """The coupling symmetry γ as an array."""
    return _checked("gamma", value, lambda a: (a >= -1) & (a <= 1), "must lie in [-1, 1]")


def inverse_temperature(value: ArrayLike) -> Array:
    """The inverse temperature β as an array."""
    return _checked("beta", value, lambda a: a > 0, "must be positive (inf allowed)")


def confinement(value: ArrayLike) -> Array:
    """The confinement η as an array."""
    return _checked("eta", value, lambda a: (a >= 0) & np.isfinite(a), "must be >= 0 and finite")


def noise(value: ArrayLike) -> Array:
    """The noise amplitude σ as an array."""
    return _checked("sigma", value, lambda a: (a >= 0) & np.isfinite(a), "must be >= 0 and finite")


def lags(value: ArrayLike) -> Array:
    """Time lags as an array with one axis."""
    array = _checked("tau", value, lambda a: (a >= 0) & np.isfinite(a), "must be >= 0 and finite")
    if array.ndim != 1 or array.size == 0:
        raise ArgumentError(f"tau={value!r}: must have one axis and at least one lag")
    return array


def broadcast(**arrays: Array) -> list[Array]:
    """The arrays of the named arguments, broadcast against each other."""
    try:
        return list(np.broadcast_arrays(*arrays.values()))
    except ValueError as error:
        shapes = ", ".join(f"{name} of shape {array.shape}" for name, array in arrays.items())
        raise ArgumentError(f"{shapes}: must broadcast") from error


def axis(name: str, values: ArrayLike) -> Array:
    """The strictly increasing axis of a grid."""
    places = np.atleast_1d(_checked(name, values, np.isfinite, "must be finite"))
    if places.ndim != 1 or places.size == 0:
        raise ArgumentError(
            f"{name}: expected a non-empty one-dimensional axis, got {places.shape}"
        )
    if np.any(np.diff(places) <= 0):
        raise ArgumentError(f"{name}: the axis must be strictly increasing")
    return places


def positive(name: str, value: float) -> float:
    """A positive finite number."""
    return _number(name, value, lambda a: (a > 0) & np.isfinite(a), "must be positive and finite")


def finite(name: str, value: float) -> float:
    """A finite number."""
    return _number(name, value, np.isfinite, "must be finite")


def nonnegative(name: str, value: float) -> float:
    """A finite number that is not negative."""
    return _number(name, value, lambda a: (a >= 0) & np.isfinite(a), "must be >= 0 and finite")


def within(name: str, value: float, low: float, high: float) -> float:
    """A number in the closed interval [low, high]."""
    allowed = f"must lie in [{low:g}, {high:g}]"
    return _number(name, value, lambda a: (a >= low) & (a <= high), allowed)


def count(name: str, value: int, minimum: int, maximum: int | None = None) -> int:
    """An integer of any integer type in the range given; booleans and floats are refused."""
    try:
        if isinstance(value, (bool, np.bool_)):
            raise TypeError
        number = index(value)
    except TypeError as error:
        raise ArgumentError(f"{name}={value!r}: must be an integer") from error
    if number < minimum:
        raise ArgumentError(f"{name}={number}: must be at least {minimum}")
    if maximum is not None and number > maximum:
        raise ArgumentError(f"{name}={number}: must be at most {maximum}")
    return number


def window(value: float) -> float:
    """A positive time, inf for ever."""
    return _number("window", value, lambda a: a > 0, "must be positive (inf allowed)")


def one_of(name: str, value: str, allowed: tuple[str, ...]) -> None:
    """Check that `value` is one of the words `allowed`."""
    if value not in allowed:
        raise ArgumentError(f"{name}={value!r}: expected one of {', '.join(allowed)}")
