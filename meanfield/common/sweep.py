"""`sweep`: any function on a labelled grid, the one engine of every table, curve and figure."""

from __future__ import annotations

import hashlib
import inspect
import json
import warnings
from collections.abc import Callable, Container, Hashable, Mapping, Sequence
from concurrent.futures import Executor
from functools import cache, partial
from itertools import product
from pathlib import Path
from types import CodeType, ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import arguments, seeds
from .arguments import ArgumentError
from .files import provenance
from .jobs import Attempt, carry_out
from .result import ABSENT, FLAGGED, given, status_by
from .store import Store

if TYPE_CHECKING:
    import xarray as xr

_PACKAGES = ("meanfield", "simulate")
# What the sweep says of each point.
VERDICT = ("failed", "status", "reason")
# Attributes of a result that are never those of the whole sweep, and those of no point either.
_OF_POINT, _OF_NONE = {"converged", "reason", "status"}, {"created", "call"}
# No kept number depends on these parts of the packages.
_APART = {"study.py", "options.py", "cli.py", "style.py"}


class SweepWarning(UserWarning):
    """Some points of a sweep have no result."""


def sweep(
    function: Callable[..., Any],
    axes: Mapping[str, ArrayLike],
    *,
    replicates: int = 1,
    seed: int | None = None,
    shared: Sequence[str] = (),
    store: str | Path | Store | None = None,
    workers: int | None = None,
    executor: Executor | None = None,
    version: str | None = None,
    progress: bool = False,
    throw: bool | type[Exception] = False,
    label: str | None = None,
    **fixed: Any,
) -> xr.Dataset:
    """Call a function at every point of a grid and label what it returns.

    Parameters
    ----------
    function : callable
        Called as ``function(**point, **fixed)``, and with ``seed=`` if it has such a parameter;
        returns a number, an array, a mapping of these (or of what `xarray.Dataset` takes), a
        Dataset, or a result of this package.
    axes : mapping of str to 1-d array_like
        Names and values, numbers or texts, of the arguments to vary.
    replicates : int
        How often each point is done, with seeds of their own.
    seed : int, optional
        The seed of a point depends on `seed`, the replicate and the values of its coordinates, not
        on their places (`seeds.point`).  None takes a seed from the operating system, to be read
        from the attributes.
    shared : sequence of str
        Axes that do not enter the seeds: points along them share couplings, starts and noise.
    store : path or Store, optional
        Folder that keeps finished points; a sweep that was stopped, also by Ctrl-C, goes on from
        them.  A point is found again if the function, what it calls in its module, versions,
        `fixed`, seed and coordinates are the same; for what it calls elsewhere there is `version`.
    workers : int, optional
        Processes; default: this one.  Results do not depend on it.
    executor : concurrent.futures.Executor, optional
        Takes the points instead.
    version : str, optional
        In the place of the source of `function` for the store, needed where there is none.
    progress : bool
        Progress bar on a terminal.
    throw : bool or type of exception
        Raise the error of a point that fails, or errors of this type, instead of noting it.
    label : str, optional
        Of the progress bar; default: the name of the function.
    **fixed
        Arguments that are the same everywhere.

    Returns
    -------
    xarray.Dataset
        Dimensions: the axes, ``replicate`` where `replicates` > 1, and those of the results, with
        nan where they are shorter than at other points.  One unnamed result is called ``value``.
        ``failed`` says of each point whether the function raised; there its numbers are nan, its
        texts empty and its truth values False.  ``status`` is that of the result ("converged",
        "flagged", "absent"), and "flagged" where it failed; ``reason`` says why not converged.

    Raises
    ------
    ArgumentError
        If an axis is empty, has more than one dimension or a value twice, an argument is given
        twice or does not exist, or `store` needs a `version`.
    Exception
        That of the first point if no point has a result.

    Warns
    -----
    SweepWarning
        If points fail: how many, and the first.  Warnings of the function are issued once each.

    Examples
    --------
    >>> from meanfield import sweep
    >>> grid = sweep(lambda g, gamma: 1 / (g * (1 + gamma)), {"g": [0.5, 2.0], "gamma": [0.0, 1.0]})
    >>> grid.value.dims, float(grid.value.sel(g=2.0, gamma=1.0))
    (('g', 'gamma'), 0.25)
    """
    told = given(sweep, locals())
    if taken := {"replicate", *VERDICT} & set(axes):
        raise ArgumentError(f"axes={sorted(taken)}: names that the sweep itself uses")
    grid = {name: _axis(name, values) for name, values in axes.items()}
    count = arguments.count("replicates", replicates, 1)
    takes_seed = _check_call(function, grid, fixed)
    if strange := set(shared) - set(grid):
        raise ArgumentError(f"shared={sorted(strange)}: no such axis, only {', '.join(grid)}")
    entropy = seeds.entropy(seed)
    names = (*grid, "replicate")
    steps = product(*grid.values(), range(count))
    points = [dict(zip(names, values, strict=True)) for values in steps]
    jobs, keys = [], []
    kept = store if isinstance(store, Store) else Store(store)
    code = identity(function, fixed, version) if store is not None else ""
    for point in points:
        place = {name: point[name] for name in grid}
        own = {name: value for name, value in place.items() if name not in shared}
        seed_of = {"seed": seeds.point(entropy, point["replicate"], own)} if takes_seed else {}
        jobs.append(partial(_labelled, function, fixed | place | seed_of, tuple(grid)))
        keys.append(key_of(code, point | seed_of))
    attempts = keep(
        jobs, keys, kept, points, throw=Exception if throw is True else throw or (),
        workers=workers, executor=executor, progress=progress,
        label=label or getattr(function, "__name__", "points"),
    )  # fmt: skip
    _tell(points, attempts)
    dims = {**grid, **({"replicate": list(range(count))} if count > 1 else {})}
    data = _assembled(dims, attempts)
    # What the results say they used counts more than what was given.
    facts = {k: told[k] for k in fixed if told[k] is not None and k not in data.variables}
    facts |= data.attrs | {"call": told["call"]} | ({"seed": entropy} if takes_seed else {})
    return data.assign_attrs(facts | provenance())


def keep(
    jobs: Sequence[Callable[[], Any]],
    keys: Sequence[str],
    store: Store,
    facts: Sequence[Mapping[str, Any]],
    *,
    throw: type[Exception] | tuple[type[Exception], ...] = (),
    **how: Any,
) -> list[Attempt]:
    """What the jobs leave, in their order; those whose key `store` has are not done again."""
    # `facts` identify a job to a reader of the store; errors of the type `throw` are raised.
    todo = [number for number, key in enumerate(keys) if store.get(key) is None]
    for place, attempt in carry_out([jobs[number] for number in todo], **how):
        if isinstance(attempt.error, throw):
            raise attempt.error
        store.add(keys[todo[place]], attempt, facts[todo[place]])
    return [known for key in keys if (known := store.get(key)) is not None]


def key_of(identity: str, facts: Mapping[str, Any]) -> str:
    """Digest of what a result depends on."""
    text = json.dumps([identity, dict(facts)], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:24]


def _axis(name: str, values: ArrayLike) -> list[Any]:
    array = np.asarray(values)
    mixed = array.dtype.kind == "U" and not all(isinstance(v, str) for v in values)  # type: ignore[union-attr]
    if mixed or array.ndim != 1 or array.size == 0 or array.dtype.kind not in "iufU":
        raise ArgumentError(
            f"{name}={values!r}: expected a non-empty one-dimensional axis of numbers or texts"
        )
    places: list[Any] = array.tolist()
    if array.dtype.kind == "f" and np.isnan(array).any():
        raise ArgumentError(f"{name}={values!r}: nan is no place on an axis")
    if len(set(places)) < len(places):
        raise ArgumentError(f"{name}={values!r}: a value stands twice")
    return places


def _check_call(
    function: Callable[..., Any], axes: Mapping[str, Any], fixed: Mapping[str, Any]
) -> bool:
    """Whether the function takes a seed; arguments that cannot be passed are refused at once."""
    if twice := set(axes) & set(fixed):
        raise ArgumentError(f"{', '.join(sorted(twice))}: both an axis and a fixed argument")
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return False
    takes_seed = "seed" in signature.parameters and "seed" not in axes
    takes_any = any(p.kind is p.VAR_KEYWORD for p in signature.parameters.values())
    strange = [name for name in (*axes, *fixed) if name not in signature.parameters]
    if strange and not takes_any:
        raise ArgumentError(
            f"{', '.join(strange)}: {_title(function)} has no such argument, only "
            f"{', '.join(signature.parameters)}"
        )
    try:
        signature.bind(**dict.fromkeys([*axes, *fixed, *(["seed"] if takes_seed else [])]))
    except TypeError as error:
        raise ArgumentError(f"function={_title(function)}: {error}") from error
    return takes_seed


def _title(function: Callable[..., Any]) -> str:
    return getattr(function, "__qualname__", None) or repr(function)


def identity(
    function: Callable[..., Any], fixed: Mapping[str, Any], version: str | None = None
) -> str:
    """Digest of the function, what it holds and calls in its module, and its fixed arguments."""
    import joblib

    if version is None:
        bare = inspect.unwrap(function.func if isinstance(function, partial) else function)
        try:
            # Newer Pythons take the text of ``python -c`` for the source of whatever was executed.
            if inspect.getfile(bare) == "<string>":
                raise OSError("made by exec")
            inspect.getsource(bare)
        except (OSError, TypeError) as error:
            raise ArgumentError(
                f"function={_title(bare)}: has no source, so that store needs version="
            ) from error
    code = _told(function, set()) if version is None else version
    held = (code, sources("validation"), [(k, _told(fixed[k], set())) for k in sorted(fixed)])
    versions = {name: text for name, text in provenance().items() if name != "created"}
    return key_of(_title(function), {"held": joblib.hash(held), **versions})


def _told(value: Any, seen: set[int]) -> Any:
    """What tells a value from others: of functions their code, what they hold and call nearby."""
    if isinstance(value, partial):
        return "partial", _told([value.func, value.args, value.keywords], seen)
    if isinstance(value, list | tuple):
        return [_told(entry, seen) for entry in value]
    if isinstance(value, set | frozenset):
        # Texts come in another order in every process.
        return "set", sorted(repr(_told(entry, seen)) for entry in value)
    if isinstance(value, dict):
        return [(str(name), _told(entry, seen)) for name, entry in value.items()]
    if inspect.ismethod(value):
        return "method", _told([value.__self__, value.__func__], seen)
    if inspect.isfunction(value):
        if id(value) in seen:
            return value.__qualname__
        seen.add(id(value))
        code = value.__code__
        cells = [cell.cell_contents for cell in value.__closure__ or ()]
        called = {n: value.__globals__[n] for n in code.co_names if n in value.__globals__}
        near = {
            name: held
            for name, held in called.items()
            if getattr(held, "__module__", None) == value.__module__
            or isinstance(held, int | float | str | list | tuple | dict | np.ndarray)
        }
        wrapped = getattr(value, "__wrapped__", None)
        inner = [value.__defaults__, value.__kwdefaults__, cells, wrapped]
        return value.__qualname__, _bytecode(code), _told([*inner, near], seen)
    if isinstance(value, np.ndarray | np.generic | str | bytes | int | float | complex | None):
        return value
    if id(value) in seen:
        return type(value).__qualname__
    seen.add(id(value))
    return f"{type(value).__module__}.{type(value).__qualname__}", _told(_content(value), seen)


def _bytecode(code: CodeType) -> list[Any]:
    """Instructions, names and constants, those of inner functions too."""
    inner = [_bytecode(c) if isinstance(c, CodeType) else _told(c, set()) for c in code.co_consts]
    return [code.co_code, code.co_names, code.co_varnames, inner]


def _content(value: Any) -> Any:
    if isinstance(value, type | ModuleType):
        return value.__name__
    slots = [name for kind in type(value).__mro__ for name in getattr(kind, "__slots__", ())]
    own = {name: getattr(value, name, None) for name in slots} | getattr(value, "__dict__", {})
    return own or repr(value)


@cache
def sources(*apart: str) -> str:
    """Digest of the packages but for these files and folders: no points of other code are used."""
    digest = hashlib.sha256()
    root = Path(__file__).parents[2]
    for package in _PACKAGES:
        for path in sorted((root / package).rglob("*.py")):
            # A figure is what its own functions say; others call what protocol.py has.
            figure = path.parent.name == "studies" and path.name[:2] in ("hh", "qh")
            if not (figure or {*_APART, *apart} & set(path.relative_to(root).parts)):
                digest.update(path.read_bytes())
    return digest.hexdigest()


def _labelled(
    function: Callable[..., Any], arguments: dict[str, Any], axes: Sequence[str]
) -> xr.Dataset:
    """What the function returns, as a dataset without the axes."""
    import xarray as xr

    result = function(**arguments)
    if hasattr(result, "to_dataset") and not isinstance(result, xr.DataArray):
        result = result.to_dataset()
    if not isinstance(result, Mapping):
        result = {getattr(result, "name", None) or "value": result}
    if not isinstance(result, xr.Dataset):
        tuples = [values for values in result.values() if _is_labelled(values)]
        dims = {str(dim) for values in tuples for dim in np.atleast_1d(values[0])}
        result = xr.Dataset({name: _variable(str(name), v, dims) for name, v in result.items()})
    result = result.drop_vars(axes, errors="ignore")
    if taken := ({*axes, "replicate"} & set(result.dims)) | ({"replicate", "failed"} & set(result)):
        raise TypeError(f"{', '.join(map(str, taken))}: the function returns names of the sweep")
    return result


def _variable(name: str, value: Any, dims: Container[str]) -> Any:
    """What xarray takes; a list named like a dimension of another variable is its coordinate."""
    import xarray as xr

    if _is_labelled(value) or isinstance(value, xr.DataArray | xr.Variable):
        return value
    array = np.asarray(value)
    if array.dtype.kind == "O":
        raise TypeError(f"{name}: expected a number, a text or an array, got {value!r}")
    if array.ndim == 1 and name in dims:
        return name, array
    return [f"{name}_{k}" for k in range(array.ndim)], array


def _is_labelled(value: Any) -> bool:
    """Whether the value is a tuple (dims, values, …)."""
    if not isinstance(value, tuple) or len(value) < 2:
        return False
    dims = (value[0],) if isinstance(value[0], str) else value[0]
    return isinstance(dims, list | tuple) and all(isinstance(dim, str) for dim in dims)


def _tell(points: Sequence[Mapping[str, Any]], attempts: Sequence[Attempt]) -> None:
    """Warnings once each; failures as one warning, or raised if there is nothing else."""
    for text, category in dict.fromkeys(pair for attempt in attempts for pair in attempt.warnings):
        warnings.warn(text, category, stacklevel=3)
    failures = [pair for pair in zip(points, attempts, strict=True) if pair[1].error]
    if not failures:
        return
    point, first = failures[0]
    if len(failures) == len(attempts) and first.error is not None:
        raise first.error
    where = ", ".join(f"{name}={value}" for name, value in point.items())
    text = f"{len(failures)} of {len(attempts)} points failed, first {where}: {first.reason}"
    warnings.warn(text, SweepWarning, stacklevel=3)


def _assembled(dims: Mapping[str, Sequence[Any]], attempts: Sequence[Attempt]) -> xr.Dataset:
    import xarray as xr

    shape = tuple(len(values) for values in dims.values())
    good: list[xr.Dataset] = [attempt.value for attempt in attempts if attempt.error is None]
    common = {
        key: value
        for key, value in good[0].attrs.items()
        if key not in _OF_POINT
        and all(key in data.attrs and _same(data.attrs[key], value) for data in good)
    }
    # What differs between the points is told of each.
    known = {*common, *dims, *_OF_NONE}
    results = [None if attempt.error else _with_facts(attempt.value, known) for attempt in attempts]
    good = [data for data in results if data is not None]
    coords: dict[Hashable, Any] = {name: list(values) for name, values in dims.items()}
    variables: dict[Hashable, Any] = {}
    for name in dict.fromkeys(name for data in good for name in data.variables):
        there = [data[name] for data in good if name in data.variables]
        first = there[0]
        if all(name in data.coords and _same(data[name].values, first.values) for data in good):
            coords[name] = first.variable
            continue
        parts = [
            None if data is None or name not in data.variables else data[name].values
            for data in results
        ]
        if len({values.dims for values in there}) > 1:
            raise ArgumentError(f"{name}: the function returns it with different dimensions")
        # A coordinate that differs between points is a variable of theirs.
        label = f"{name}_of_point" if name in first.dims else name
        stacked = _stacked(str(name), parts, shape)
        variables[label] = ((*dims, *first.dims), stacked, first.attrs)
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
            [_status(attempt.error) for attempt in attempts],
            "converged, flagged or absent",
        ),
    ):
        axes, own, about = variables[name]
        wide = (..., *[None] * (len(axes) - len(dims)))
        filled = np.where(failed[wide], np.reshape(texts, shape)[wide], own)
        variables[name] = (axes, filled, {"long_name": meaning, **about})


def _status(error: Exception | None) -> str:
    """Of a point that failed: absent where the result that the error brings says so."""
    solution = getattr(error, "solution", None)
    words = set(np.ravel(getattr(solution, "status", FLAGGED)).tolist())
    return ABSENT if words == {ABSENT} else FLAGGED


def _with_facts(data: xr.Dataset, known: Container[str]) -> xr.Dataset:
    """The dataset with those attributes as variables that are numbers or texts of its own."""
    own = {
        key: value
        for key, value in data.attrs.items()
        if key not in known and key not in data.variables
        and isinstance(value, str | int | float | np.generic)
    }  # fmt: skip
    return data.assign(own)


def _same(a: Any, b: Any) -> bool:
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
