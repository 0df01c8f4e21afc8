"""Checks of arguments: every message names the argument, its value and the allowed range.

`validated` reads off the signature of a public function what each argument may be; which numbers
are allowed is said where they are used, by the functions that follow.
"""

import functools
import inspect
import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from numbers import Real
from operator import index
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, NamedTuple, ParamSpec, TypeVar, Union, get_args, get_origin

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

Array = NDArray[np.float64]
_Given = ParamSpec("_Given")
_Found = TypeVar("_Found")

# No parameter of the theory or of a network is larger, or positive and smaller than the inverse:
# between them fourth powers and sums of squares neither overflow nor vanish.
LARGEST = 1e50
# What a seed may be: see `seeds`.
Seed = int | np.random.SeedSequence | np.random.Generator
# Larger integers are no sizes, and no floats.
_COUNT = 2**53


class ArgumentError(ValueError):
    """An argument outside its range."""


class _Kind(NamedTuple):
    """One of the things that an argument may be."""

    holds: Callable[[Any], bool]
    words: str


def validated(function: Callable[_Given, _Found]) -> Callable[_Given, _Found]:
    """Refuse arguments that are not what the annotations say, and read seeds as integers."""
    signature = inspect.signature(function)
    parameters = list(signature.parameters.values())
    names = [one.name for one in parameters]
    usual = {one.name: one.default for one in parameters}

    @functools.wraps(function)
    def entered(*args: _Given.args, **kwargs: _Given.kwargs) -> _Found:
        kinds = _allowed(function)
        drawn = {}
        for name, value in [*zip(names, args, strict=False), *kwargs.items()]:
            if name in kinds and value is not usual[name]:
                _match(name, value, kinds[name])
                if kinds[name] and isinstance(value, np.random.SeedSequence | np.random.Generator):
                    drawn[name] = _seed_number(value)
        if drawn:
            bound = signature.bind(*args, **kwargs)
            bound.arguments |= drawn
            return function(*bound.args, **bound.kwargs)
        return function(*args, **kwargs)

    return entered


def _seed_number(seed: np.random.SeedSequence | np.random.Generator) -> int:
    """The integer seed that stands for another one: it is what results keep."""
    if isinstance(seed, np.random.Generator):
        return int.from_bytes(seed.bytes(16), "little")
    # One that is made of an integer alone is this integer, as it is for NumPy.
    if _is_count(seed.entropy) and not seed.spawn_key and seed.pool_size == 4:
        return index(seed.entropy)  # type: ignore[arg-type]
    return int.from_bytes(seed.generate_state(4).astype("<u4").tobytes(), "little")


@functools.cache
def _allowed(function: Callable[..., Any]) -> dict[str, list[_Kind]]:
    """What each argument may be; when it is called, as a type may stand further down."""
    # Nothing that a call fills in belongs to the function: it is what its kept numbers depend on.
    parameters = inspect.signature(function).parameters.values()
    return {one.name: _kinds(function, one.annotation) for one in parameters}


def check_fields(record: Any) -> None:
    """Refuse fields of a dataclass that are not what the annotations say."""
    for name, field in type(record).__dataclass_fields__.items():
        _match(name, getattr(record, name), _kinds(type(record), field.type))


def shown(name: str, value: Any) -> str:
    """An argument with its value, an array with what it is instead."""
    if isinstance(value, np.ndarray) and value.ndim > 0:
        return f"{name} of dtype {value.dtype} and shape {value.shape}"
    return f"{name}={value!r:.200}"


def _match(name: str, value: Any, kinds: Sequence[_Kind]) -> None:
    if kinds and not any(kind.holds(value) for kind in kinds):
        words = " or ".join(dict.fromkeys(kind.words for kind in kinds))
        alone = getattr(type(value), "refused", "")
        raise ArgumentError(f"{shown(name, value)}: {alone or f'must be {words}'}")


def _kinds(owner: Any, annotation: Any) -> list[_Kind]:
    """What an annotation allows; nothing if it allows everything."""
    if isinstance(annotation, str):
        try:
            annotation = eval(annotation, vars(sys.modules[owner.__module__]))
        except NameError:  # A type that is imported for the type check only.
            return []
    is_union = get_origin(annotation) in (Union, UnionType)
    members = list(get_args(annotation)) if is_union else [annotation]
    for alias in (ArrayLike, DTypeLike):
        own = get_args(alias)
        if set(own) <= set(members):
            members = [alias, *(one for one in members if one not in own)]
    if {Any, inspect.Parameter.empty} & set(members):
        return []
    if Path in members:
        members = [one for one in members if one is not str]
    return [_kind(owner, one) for one in members]


def _kind(owner: Any, annotation: Any) -> _Kind:
    if annotation in _PLAIN:
        return _PLAIN[annotation]
    origin = get_origin(annotation) or annotation
    if origin is Callable:
        return _Kind(lambda v: callable(v) and not isinstance(v, type), "a function")
    entries = [_kinds(owner, one) for one in get_args(annotation) if one is not Ellipsis]
    if origin is tuple and Ellipsis not in get_args(annotation):
        words = f"{len(entries)} values, each {_or(entries[0])}"
        return _Kind(lambda v: _is_list(v) and len(v) == len(entries) and _all(v, entries), words)
    if origin in (Sequence, list, tuple):
        words = f"a list, each entry {_or(entries[0])}" if entries[0] else "a list"
        return _Kind(lambda v: _is_list(v) and _all(v, entries * len(v)), words)
    if origin is type:
        (base,) = get_args(annotation)
        words = f"a type of {base.__name__}"
        return _Kind(lambda v: isinstance(v, type) and issubclass(v, base), words)
    article = "an" if origin.__name__[0] in "AEIOU" else "a"
    return _Kind(lambda v: isinstance(v, origin), f"{article} {origin.__name__}")


def _or(kinds: Iterable[_Kind]) -> str:
    return " or ".join(kind.words for kind in kinds)


def _is_list(value: Any) -> bool:
    sized = isinstance(value, Sequence) or (isinstance(value, np.ndarray) and value.ndim > 0)
    return sized and not isinstance(value, str | bytes)


def _all(values: Any, kinds: Sequence[Sequence[_Kind]]) -> bool:
    pairs = zip(values, kinds, strict=True)
    return all(not own or any(kind.holds(v) for kind in own) for v, own in pairs)


def _is_type(value: Any) -> bool:
    try:
        return isinstance(value, str | type | np.dtype) and np.dtype(value).kind in "fc"
    except TypeError:
        return False


def _is_path(value: Any) -> bool:
    return isinstance(value, str | os.PathLike) and "\0" not in str(value)


def _is_count(value: Any) -> bool:
    try:
        return not isinstance(value, bool | np.bool_) and index(value) is not None
    except TypeError:
        return False


def _is_real(value: object) -> bool:
    # First what is seen most, and told fastest.
    if type(value) is np.ndarray and value.dtype.kind != "O":
        return value.dtype.kind in "iuf"
    if isinstance(value, list | tuple):
        return all(map(_is_real, value))
    if isinstance(value, float | int | Real):
        return not isinstance(value, bool)
    given = np.asarray(value)
    if given.dtype.kind == "O":
        return given.ndim > 0 and all(map(_is_real, given.flat))
    return given.dtype.kind in "iuf" and not np.ma.is_masked(value)


def _reads(value: Any) -> bool:
    try:
        # Rows of different lengths have no number of axes.
        return _is_real(value) and np.ndim(value) >= 0
    except (TypeError, ValueError, OverflowError):
        return False


_REAL = "real numbers, none of them masked"
_PLAIN = {
    NoneType: _Kind(lambda v: v is None, "None"),
    bool: _Kind(lambda v: isinstance(v, bool | np.bool_), "True or False"),
    int: _Kind(_is_count, "an integer"),
    float: _Kind(lambda v: not _is_list(v) and _reads(v) and np.ndim(v) == 0, "a real number"),
    str: _Kind(lambda v: isinstance(v, str), "a text"),
    Path: _Kind(_is_path, "a path"),
    ArrayLike: _Kind(_reads, _REAL),
    DTypeLike: _Kind(_is_type, "a floating type"),
    Mapping: _Kind(lambda v: isinstance(v, Mapping), "a mapping"),
}


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
        raise ArgumentError(f"{shown(name, value)}: must be {_REAL}") from error


def _checked(
    name: str, value: ArrayLike, valid: Callable[[Array], NDArray[np.bool_]], allowed: str
) -> Array:
    array = real(name, value).astype(float)
    bad = ~valid(array)
    if np.any(bad):
        raise ArgumentError(f"{name}={array[bad].flat[0]:g}: {allowed}")
    far = np.isfinite(array) & (np.abs(array) > LARGEST)
    if np.any(far):
        raise ArgumentError(f"{name}={array[far].flat[0]:g}: must be {LARGEST:g} at most")
    return array


def _number(
    name: str, value: float, valid: Callable[[Array], NDArray[np.bool_]], allowed: str
) -> float:
    array = _checked(name, value, valid, allowed)
    if array.ndim:
        raise ArgumentError(f"{name}={value!r}: must be one number")
    return float(array)


def array(name: str, value: ArrayLike) -> Array:
    """Finite numbers as an array of any shape: data, of any size."""
    array = real(name, value).astype(float)
    if not np.all(np.isfinite(array)):
        raise ArgumentError(f"{name}: must be finite")
    return array


def _is_positive(values: Array) -> NDArray[np.bool_]:
    return (values >= 1 / LARGEST) & np.isfinite(values)


_POSITIVE = f"must be positive and finite, from {1 / LARGEST:g} to {LARGEST:g}"


def gain(value: ArrayLike, name: str = "g") -> Array:
    """The gain g, or another positive size, as an array."""
    return _checked(name, value, _is_positive, _POSITIVE)


def symmetry(value: ArrayLike) -> Array:
    """The coupling symmetry γ as an array."""
    return _checked("gamma", value, lambda a: (a >= -1) & (a <= 1), "must lie in [-1, 1]")


def vector(name: str, value: ArrayLike, n: int) -> Array:
    """Finite numbers of n neurons, given as one or as n."""
    return numbers(name, value, (n,))


def inverse_temperature(value: ArrayLike) -> Array:
    """The inverse temperature β as an array."""
    allowed = f"must be positive, at least {1 / LARGEST:g} (inf allowed)"
    return _checked("beta", value, lambda a: a >= 1 / LARGEST, allowed)


def confinement(value: ArrayLike) -> Array:
    """The confinement η as an array."""
    return spread("eta", value)


def noise(value: ArrayLike) -> Array:
    """The noise amplitude σ as an array."""
    return spread("sigma", value)


def spread(name: str, value: ArrayLike) -> Array:
    """Widths of normal laws as an array."""
    return _checked(name, value, lambda a: (a >= 0) & np.isfinite(a), "must be >= 0 and finite")


def level(name: str, value: ArrayLike) -> Array:
    """Means, of either sign, as an array."""
    return _checked(name, value, np.isfinite, "must be finite")


def lags(value: ArrayLike) -> Array:
    """Time lags as an array with one axis."""
    array = _checked("tau", value, lambda a: (a >= 0) & np.isfinite(a), "must be >= 0 and finite")
    if array.ndim != 1 or array.size == 0:
        raise ArgumentError(f"tau={value!r}: must have one axis and at least one lag")
    return array


def numbers(name: str, value: ArrayLike, shape: tuple[int, ...], least: float = -np.inf) -> Array:
    """Numbers of this shape, one number standing for all of them; they cannot be changed."""
    allowed = "must be finite" if least == -np.inf else f"must be >= {least:g} and finite"
    array = _checked(name, value, lambda a: (a >= least) & np.isfinite(a), allowed)
    if array.shape not in ((), shape):
        raise ArgumentError(f"{name} of shape {array.shape}: expected a number or {shape}")
    array = np.array(np.broadcast_to(array, shape))
    array.setflags(write=False)
    return array


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
    return _number(name, value, _is_positive, _POSITIVE)


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


def count(name: str, value: int, minimum: int, maximum: float = _COUNT) -> int:
    """An integer of any integer type in the range given; booleans and floats are refused."""
    if not _is_count(value):
        raise ArgumentError(f"{name}={value!r}: must be an integer")
    number = index(value)
    if number < minimum:
        raise ArgumentError(f"{name}={number}: must be at least {minimum}")
    if number > maximum:
        raise ArgumentError(f"{name}={number}: must be at most {maximum}")
    return number


def window(value: float) -> float:
    """A positive time, inf for ever."""
    return _number("window", value, lambda a: a > 0, "must be positive (inf allowed)")


def one_of(name: str, value: str, allowed: tuple[str, ...]) -> None:
    """Check that `value` is one of the words `allowed`."""
    if not isinstance(value, str) or value not in allowed:
        raise ArgumentError(f"{shown(name, value)}: expected one of {', '.join(allowed)}")
