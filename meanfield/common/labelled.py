"""What the points of a sweep return: taken apart, kept as arrays, put together on the grid."""

from __future__ import annotations

from collections.abc import Container, Hashable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .files import plain
from .jobs import Attempt
from .result import Result, status_by
from .store import Labelled, status_of

if TYPE_CHECKING:
    import xarray as xr

# What the sweep says of each point.
VERDICT = ("failed", "status", "reason")
# Attributes of a result that are never those of the whole sweep, and those of no point either.
_OF_POINT, _OF_NONE = {"converged", "reason", "status"}, {"created", "call"}
# What needs no xarray.
_PLAIN = (int, float, complex, str, np.generic, np.ndarray)


def labelled(result: Any, axes: Sequence[str] = ()) -> Labelled:
    """What a function returned, without the axes of the sweep."""
    usual = {"value": result} if isinstance(result, _PLAIN) else result
    if isinstance(usual, dict) and all(isinstance(v, _PLAIN) for v in usual.values()):
        # They and results need no xarray where the work is done.
        found = Labelled({str(name): (*_variable(name, v, ()), {}) for name, v in usual.items()})
    elif getattr(type(result), "to_dataset", None) is Result.to_dataset:
        variables, coords, attrs = result.parts()
        arrays = {
            name: (tuple(dims), values, plain(about[0]) if about else {})
            for name, (dims, values, *about) in {**coords, **variables}.items()
        }
        found = Labelled(arrays, tuple(coords), plain(attrs))
    else:
        found = _taken_apart(result)
    variables = {
        name: (own, _array(name, values), attrs)
        for name, (own, values, attrs) in found.variables.items()
        if name not in axes
    }
    dims = {dim for own, _, _ in variables.values() for dim in own}
    if taken := {*axes, "replicate"} & dims or {"replicate", "failed"} & set(variables):
        raise TypeError(f"{', '.join(sorted(taken))}: the function returns names of the sweep")
    return found._replace(
        variables=variables, coords=tuple(name for name in found.coords if name in variables)
    )


def _taken_apart(result: Any) -> Labelled:
    import xarray as xr

    if hasattr(result, "to_dataset") and not isinstance(result, xr.DataArray):
        result = result.to_dataset()
    if not isinstance(result, Mapping):
        result = {getattr(result, "name", None) or "value": result}
    if not isinstance(result, xr.Dataset):
        tuples = [values for values in result.values() if _is_labelled(values)]
        dims = {str(dim) for values in tuples for dim in np.atleast_1d(values[0])}
        result = xr.Dataset({name: _variable(str(name), v, dims) for name, v in result.items()})
    variables = {
        str(name): (tuple(map(str, one.dims)), one.values, plain(one.attrs))
        for name, one in result.variables.items()
    }
    return Labelled(variables, tuple(map(str, result.coords)), plain(result.attrs))


def _variable(name: str, value: Any, dims: Container[str]) -> Any:
    """What xarray takes; a list named like a dimension of another variable is its coordinate."""
    if _is_labelled(value) or hasattr(value, "dims"):
        return value
    array = np.asanyarray(value)
    if array.dtype.kind == "O":
        raise TypeError(f"{name}: expected a number, a text or an array, got {value!r}")
    if array.ndim == 1 and name in dims:
        return name, array
    return tuple(f"{name}_{k}" for k in range(array.ndim)), array


def _array(name: str, values: Any) -> NDArray[Any]:
    """What a store keeps bit by bit; a copy, as the function may fill its array again."""
    if np.ma.isMaskedArray(values):
        values = np.ma.filled(values.astype(float), np.nan)
    array = np.array(values)
    if array.dtype.kind not in "OT":
        return array
    if not all(isinstance(entry, str) for entry in array.flat):
        raise TypeError(f"{name}: expected numbers or texts, got {values!r:.60}")
    return array.astype(str)


def _is_labelled(value: Any) -> bool:
    """Whether the value is a tuple (dims, values, …)."""
    if not isinstance(value, tuple) or len(value) < 2:
        return False
    dims = (value[0],) if isinstance(value[0], str) else value[0]
    return isinstance(dims, list | tuple) and all(isinstance(dim, str) for dim in dims)


def alike(attempts: Sequence[Attempt]) -> list[Attempt]:
    """The attempts, failed where dimensions are not those of the first that has the variable."""
    known: dict[str, tuple[str, ...]] = {}
    checked = []
    for attempt in attempts:
        if attempt.error is None:
            own = {name: dims for name, (dims, _, _) in attempt.value.variables.items()}
            for name, dims in own.items():
                if known.setdefault(name, dims) != dims:
                    text = f"{name} has the dimensions {dims}, at other points {known[name]}"
                    attempt = attempt._replace(error=TypeError(text))
                    break
        checked.append(attempt)
    return checked


def assembled(dims: Mapping[str, Sequence[Any]], attempts: Sequence[Attempt]) -> xr.Dataset:
    """The dataset of a grid, of what its points left."""
    import xarray as xr

    shape = tuple(len(values) for values in dims.values())
    good: list[Labelled] = [attempt.value for attempt in attempts if attempt.error is None]
    common = {
        key: value
        for key, value in (good[0].attrs if good else {}).items()
        if key not in _OF_POINT
        and all(key in data.attrs and _same(data.attrs[key], value) for data in good)
    }
    # What differs between the points is told of each.
    known = {*common, *dims, *_OF_NONE}
    results = [None if attempt.error else _with_facts(attempt.value, known) for attempt in attempts]
    there = [data for data in results if data is not None]
    fixed = {name for data in good for name in data.coords}
    fixed = {name for name in fixed if all(name in data.coords for data in good)}
    coords: dict[Hashable, Any] = {name: list(values) for name, values in dims.items()}
    variables: dict[Hashable, Any] = {}
    for name in dict.fromkeys(name for data in there for name in data):
        own = [data[name] for data in there if name in data]
        axes, first, attrs = own[0]
        if name in fixed and all(_same(values, first) for _, values, _ in own):
            coords[name] = own[0]
            continue
        parts = [None if data is None or name not in data else data[name][1] for data in results]
        # A coordinate that differs between points is a variable of theirs.
        label = f"{name}_of_point" if name in axes else name
        variables[label] = ((*dims, *axes), _stacked(name, parts, shape), attrs)
    _judge(variables, tuple(dims), shape, attempts)
    return xr.Dataset(variables, coords, common)


def _judge(
    variables: dict[Hashable, Any],
    dims: tuple[str, ...],
    shape: tuple[int, ...],
    attempts: Sequence[Attempt],
) -> None:
    """Add `VERDICT`: what the results say of themselves, and what is to be said of failures."""
    failed = np.array([attempt.error is not None for attempt in attempts]).reshape(shape)
    variables["failed"] = (dims, failed, {"long_name": "whether the point has no result"})
    axes, why, _ = variables.setdefault("reason", (dims, np.full(shape, ""), {}))
    variables.setdefault("status", (axes, status_by(why), {}))
    for name, texts, meaning in (
        ("reason", [attempt.reason for attempt in attempts], "why it is not converged"),
        (
            "status",
            ["" if a.error is None else status_of(a.error) for a in attempts],
            "converged, flagged or absent",
        ),
    ):
        axes, own, about = variables[name]
        wide = (..., *[None] * (len(axes) - len(dims)))
        filled = np.where(failed[wide], np.reshape(texts, shape)[wide], own)
        variables[name] = (axes, filled, {"long_name": meaning, **about})


def _with_facts(data: Labelled, known: Container[str]) -> dict[str, Any]:
    """The variables, with those attributes that are numbers or texts of the point."""
    own: dict[str, Any] = {
        key: ((), np.asarray(value), {})
        for key, value in data.attrs.items()
        if key not in known and key not in data.variables
        and isinstance(value, str | int | float | np.generic)
    }  # fmt: skip
    return data.variables | own


def _same(a: Any, b: Any) -> bool:
    if a is b:
        return True
    if isinstance(a, str) and isinstance(b, str):
        return a == b
    both_nan = isinstance(a, float) and isinstance(b, float) and a != a and b != b
    return both_nan or bool(np.array_equal(a, b))


def _stacked(
    name: str, parts: Sequence[NDArray[Any] | None], shape: tuple[int, ...]
) -> NDArray[Any]:
    """Results of one name, filled up to one shape."""
    known = [part for part in parts if part is not None]
    size = tuple(max(part.shape[k] for part in known) for k in range(known[0].ndim))
    whole = len(known) == len(parts) and all(part.shape == size for part in known)
    kind = np.result_type(*{part.dtype for part in known})
    blank = {"b": False, "U": "", "c": complex(np.nan, np.nan)}.get(kind.kind, np.nan)
    if not whole and kind.kind in "iu":
        kind = np.dtype(float)
    out = np.full((len(parts), *size), blank if not whole else kind.type(), dtype=kind)
    for number, part in enumerate(parts):
        if part is not None:
            place: tuple[Any, ...] = (number, *(slice(length) for length in part.shape))
            out[place] = part
    return out.reshape((*shape, *size))
