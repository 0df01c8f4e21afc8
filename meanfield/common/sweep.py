"""`sweep`: any function on a labelled grid, the one engine of every table, curve and figure."""

from __future__ import annotations

import inspect
import math
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from . import arguments, cost, seeds
from .arguments import ArgumentError, validated
from .files import provenance
from .identity import differences, identity, key_of, title
from .jobs import Attempt, carry_out, slots, stoppable
from .labelled import VERDICT, alike, assembled, labelled
from .result import ABSENT, FLAGGED, given
from .store import Labelled, PointError, Store, status_of

if TYPE_CHECKING:
    import xarray as xr

# A plan times so many points, and begins no other after so many seconds.
_TIMED, _PATIENCE = 3, 10.0
# Bytes of a line of a store beside its arrays.
_LINE = 600
# Numbers, as long as those, that a point takes in memory at least.
_POINT = 500


class SweepWarning(UserWarning):
    """Some points of a sweep have no result."""


@validated
def sweep(
    function: Callable[..., Any],
    axes: Mapping[str, ArrayLike],
    *,
    replicates: int = 1,
    seed: seeds.Seed | None = None,
    shared: Sequence[str] = (),
    store: str | Path | None = None,
    workers: int | None = None,
    executor: Any = None,
    version: str | int | None = None,
    retry: bool = True,
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
    seed : Seed, optional
        The seed of a point depends on `seed`, the replicate and the values of its coordinates, not
        on their places (`seeds.point`).  None takes that of the store, or one from the operating
        system, to be read from the attributes.
    shared : sequence of str
        Axes that do not enter the seeds: points along them share couplings, starts and noise.
    store : path, optional
        Folder that keeps points as they finish: a sweep that was stopped at any moment goes on from
        them, and longer axes or more replicates extend it.  It belongs to one sweep: the same
        function (with what it holds, and calls in its module), `fixed`, seed, names of axes and
        versions of this package, NumPy, SciPy and Python.  `meanfield.load` opens it.
    workers : int, optional
        Processes; default: this one.  Results do not depend on it.
    executor : Executor, Client or str, optional
        Takes the points instead: of `concurrent.futures`, a Dask client, or the address of a Dask
        scheduler.
    version : str, optional
        In the place of the source of `function` and of all versions for the store: you say what is
        the same.  Needed where there is no source.
    retry : bool
        Whether points that failed before are tried again, or keep their errors; those that are
        "absent" keep them.
    progress : bool
        Progress bar on a terminal; of a sweep that goes on, first a line with what it has.
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
        The attribute ``seconds`` has how long each point took, a nested list in the shape of
        the grid.

    Raises
    ------
    ArgumentError
        If an axis is empty, has more than one dimension or a value twice, an argument is given
        twice or does not exist, `store` needs a `version`, belongs to another sweep or is being
        written, or no scheduler answers.
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
    size = math.prod(map(len, grid.values())) * count
    cost.check("points of axes and replicates", size, "ask for fewer", numbers=_POINT * size)
    takes_seed = _check_call(function, grid, fixed)
    if strange := set(shared) - set(grid):
        raise ArgumentError(f"shared={sorted(strange)}: no such axis, only {', '.join(grid)}")
    own = identity(function, fixed, version) if store is not None else {}
    label = label or str(getattr(function, "__name__", "points"))
    with Store(store) as kept:
        before = kept.header or {}
        entropy = seeds.entropy(before.get("seed") if seed is None else seed)
        own["axes"] = ", ".join(sorted(grid))
        if takes_seed:
            own |= {"seed": str(entropy), "shared axes": ", ".join(sorted(shared)) or "none"}
        if before and (differs := differences(before["identity"], own)):
            raise ArgumentError(
                f"store={str(store)!r}: holds another sweep, {differs}; take another folder"
            )
        points, keys = _points(grid, count, own)
        jobs = []
        for point in points:
            place = {name: point[name] for name in grid}
            apart = {name: value for name, value in place.items() if name not in shared}
            drawn = {"seed": seeds.point(entropy, point["replicate"], apart)} if takes_seed else {}
            jobs.append(partial(_called, function, fixed | place | drawn, tuple(grid)))
        facts = {name: told[name] for name in fixed if told[name] is not None}
        kept.describe(
            {
                "identity": own,
                **_extended(before, grid, count),
                "seed": entropy if takes_seed else None,
                "facts": facts | {"call": told["call"]} | provenance(),
            }
        )
        how: dict[str, Any] = {"workers": workers, "executor": executor, "retry": retry}
        how |= {"progress": progress, "label": label}
        how["throw"] = Exception if throw is True else throw or ()
        if (plans := _PLANS.get()) is not None:
            plans.append(_timed(jobs, keys, kept, points, **how))
            if plans[-1].kept < len(points):
                raise _PlannedError
        if progress and 0 < (there := len(keys) - len(_todo(keys, kept, retry))) < len(keys):
            sys.stderr.write(f"{label}: {there} of {len(keys)} points kept, going on\n")
        attempts = alike(keep(jobs, keys, kept, points, **how))
    _tell(points, attempts)
    facts |= {"call": told["call"]} | ({"seed": entropy} if takes_seed else {}) | provenance()
    return _finished(grid, count, attempts, facts)


def opened(folder: str | Path) -> xr.Dataset:
    """What a store has, as the sweep returns it; points that are not done yet have failed."""
    kept = Store(folder).read()
    if (header := kept.header) is None:
        raise ArgumentError(f"path={str(folder)!r}: no sweep is kept there")
    grid, count = header["axes"], header["replicates"]
    missing = Attempt(None, [], PointError("not done yet", status=FLAGGED), math.nan)
    _, keys = _points(grid, count, header["identity"])
    attempts = alike([kept.get(key) or missing for key in keys])
    facts = header["facts"] | ({} if header["seed"] is None else {"seed": header["seed"]})
    return _finished(grid, count, attempts, facts)


def keep(
    jobs: Sequence[Callable[[], Any]],
    keys: Sequence[str],
    store: Store,
    facts: Sequence[Mapping[str, Any]],
    *,
    throw: type[Exception] | tuple[type[Exception], ...] = (),
    retry: bool = True,
    **how: Any,
) -> list[Attempt]:
    """What the jobs leave, in their order; those whose key `store` has are not done again."""
    # `facts` identify a job to a reader of the store; errors of the type `throw` are raised.
    todo = _todo(keys, store, retry)
    try:
        with stoppable():
            for place, attempt in carry_out([jobs[number] for number in todo], **how):
                if isinstance(attempt.error, throw):
                    raise attempt.error
                store.add(keys[todo[place]], attempt, facts[todo[place]])
    except KeyboardInterrupt as error:
        done = len(keys) - len(_todo(keys, store, retry))
        if store.folder is not None and done:
            share = f"{done} of {len(keys)} points are kept in {store.folder}"
            error.add_note(f"{share}: the same call goes on from them")
        raise
    known = [one for key in keys if (one := store.get(key)) is not None]
    for attempt in known:
        if isinstance(attempt.error, throw):
            raise attempt.error
    return known


def _todo(keys: Sequence[str], store: Store, retry: bool) -> list[int]:
    """What is missing, and what failed; that the theory has no solution there is an answer."""
    known = [store.get(key) for key in keys]
    return [
        number
        for number, one in enumerate(known)
        if one is None or (retry and one.error is not None and status_of(one.error) != ABSENT)
    ]


class Plan(NamedTuple):
    """What a sweep would cost; `str` says it."""

    label: str
    points: int
    kept: int
    # Of the points that are known, each.
    seconds: list[float]
    # In memory, all points.
    bytes: float
    # Points at the same time.
    workers: int

    def __str__(self) -> str:
        todo = self.points - self.kept
        tasks = f"{self.points} task{'s' * (self.points != 1)}"
        text = f"{self.label}: {tasks}, {self.kept} kept, {todo} to do"
        if not self.seconds:
            return f"{text}; none has been timed"
        few, long = min(self.seconds), max(self.seconds)
        text += f"; {duration(few)} to {duration(long)} each ({len(self.seconds)} timed)"
        if todo:
            # As long as one point at least.
            turns = max(todo / self.workers, 1)
            mean = duration(turns * sum(self.seconds) / len(self.seconds))
            worst = duration(long * math.ceil(turns))
            text += f": about {mean} with workers={self.workers}, at most {worst} if all are as "
            text += "long as the longest"
        return f"{text}; {(4 / 3 * self.bytes + _LINE * self.points) / 1e6:.3g} MB on disk"


@validated
def plan(function: Callable[..., Any], axes: Mapping[str, ArrayLike], **how: Any) -> Plan:
    """What `sweep` would cost with these arguments: points, time and bytes.

    Parameters
    ----------
    function, axes, **how
        As in `sweep`.  Up to three points are timed, unless the store knows how long they take;
        with a store they are kept.

    Returns
    -------
    Plan
        To be printed; `points`, `kept`, `seconds`, `bytes` and `workers` are its numbers.

    Raises
    ------
    ArgumentError
        As `sweep`.

    Examples
    --------
    >>> from meanfield import plan
    >>> cost = plan(lambda g: g**2, {"g": range(100)})
    >>> cost.points, len(cost.seconds)
    (100, 3)
    """
    with planning() as plans:
        sweep(function, axes, **how)
    return plans[0]


@contextmanager
def planning() -> Iterator[list[Plan]]:
    """The first sweep of the block that is not done is planned instead, and ends the block."""
    plans: list[Plan] = []
    token = _PLANS.set(plans)
    try:
        yield plans
    except _PlannedError:
        pass
    finally:
        _PLANS.reset(token)


_PLANS: ContextVar[list[Plan] | None] = ContextVar("plans", default=None)


class _PlannedError(BaseException):
    """A sweep is planned; nothing that uses its result can go on."""


def _timed(
    jobs: Sequence[Callable[[], Any]], keys: Sequence[str], store: Store,
    facts: Sequence[Mapping[str, Any]], *, label: str, retry: bool, workers: int | None,
    executor: Any, **how: Any,
) -> Plan:  # fmt: skip
    """The plan of these jobs; some are done to know how long they take."""
    start, todo = time.monotonic(), _todo(keys, store, retry)
    known = [one for key in keys if (one := store.get(key)) and one.error is None]
    if not known and len(todo) > 1:
        some = (0, len(todo) // 2, -1) if len(todo) > _TIMED else (0,)
        for number in (todo[place] for place in some):
            known += keep(
                [jobs[number]], [keys[number]], store, [facts[number]], executor=executor,
                label=f"{label}, timed", **how,
            )  # fmt: skip
            if time.monotonic() - start > _PATIENCE:
                break
        if known and all(one.error is not None for one in known):
            assert known[0].error is not None
            raise known[0].error
        known = [one for one in known if one.error is None]
    sizes = [_size(one.value) for one in known]
    each = sum(sizes) / len(sizes) if sizes else 0.0
    left = len(todo if store.folder is None else _todo(keys, store, retry))
    seconds = [one.seconds for one in known]
    count = slots(workers, executor)
    return Plan(label, len(keys), len(keys) - left, seconds, each * len(keys), count)


def _size(record: Labelled) -> int:
    return sum(values.nbytes for _, values, _ in record.variables.values())


def duration(seconds: float) -> str:
    """A time in the unit that suits it."""
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.3g} {unit}"
    return f"{seconds:.3g} s"


def _points(
    grid: Mapping[str, Sequence[Any]], count: int, own: Mapping[str, str]
) -> tuple[list[dict[str, Any]], list[str]]:
    """Coordinates and key of each point."""
    code, names = key_of(dict(own)), (*grid, "replicate")
    points = [dict(zip(names, v, strict=True)) for v in product(*grid.values(), range(count))]
    return points, [key_of(code, {k: _exact(v) for k, v in one.items()}) for one in points]


def _exact(value: Any) -> Any:
    """One text for 1 and 1.0, and for 0 and −0."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _extended(
    before: Mapping[str, Any], grid: Mapping[str, list[Any]], count: int
) -> dict[str, Any]:
    """Axes and replicates of a store to which a sweep adds these."""
    axes = {}
    for name, values in grid.items():
        old = before["axes"][name] if before else []
        if old and isinstance(old[0], str) != isinstance(values[0], str):
            raise ArgumentError(f"{name}={values!r:.60}: the store has {old!r:.60} there")
        union = list(dict.fromkeys([*old, *values]))
        if not set(old) <= set(values):
            # Texts stay in the order in which they came.
            values = union if any(isinstance(v, str) for v in union) else sorted(union)
        axes[name] = values
    return {"axes": axes, "replicates": max(count, before.get("replicates", 1))}


def _axis(name: str, values: ArrayLike) -> list[Any]:
    array = np.asarray(values)
    mixed = array.dtype.kind == "U" and not all(isinstance(v, str) for v in values)  # type: ignore[union-attr]
    if mixed or array.ndim != 1 or array.size == 0 or array.dtype.kind not in "iufU":
        raise ArgumentError(
            f"axes: {name}={values!r}: expected a non-empty one-dimensional axis of numbers or "
            "texts"
        )
    if array.dtype.kind != "U":
        arguments.real(name, values)
    places: list[Any] = array.tolist()
    if array.dtype.kind == "f" and np.isnan(array).any():
        raise ArgumentError(f"axes: {name}={values!r}: nan is no place on an axis")
    if len(set(places)) < len(places):
        raise ArgumentError(f"axes: {name}={values!r}: a value stands twice")
    return places


def _check_call(
    function: Callable[..., Any], axes: Mapping[str, Any], fixed: Mapping[str, Any]
) -> bool:
    """Whether the function takes a seed; arguments that cannot be passed are refused at once."""
    if twice := set(axes) & set(fixed):
        raise ArgumentError(f"axes={sorted(twice)}: both an axis and a fixed argument")
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return False
    takes_seed = "seed" in signature.parameters and "seed" not in axes
    takes_any = any(p.kind is p.VAR_KEYWORD for p in signature.parameters.values())
    strange = [name for name in (*axes, *fixed) if name not in signature.parameters]
    if strange and not takes_any:
        raise ArgumentError(
            f"axes, fixed: {', '.join(strange)}: function={title(function)} has only "
            f"{', '.join(signature.parameters)}"
        )
    try:
        signature.bind(**dict.fromkeys([*axes, *fixed, *(["seed"] if takes_seed else [])]))
    except TypeError as error:
        raise ArgumentError(f"function={title(function)}: {error}") from error
    return takes_seed


def _called(
    function: Callable[..., Any], arguments: dict[str, Any], axes: Sequence[str]
) -> Labelled:
    return labelled(function(**arguments), axes)


def _tell(points: Sequence[Mapping[str, Any]], attempts: Sequence[Attempt]) -> None:
    """Warnings once each; failures as one warning, or raised if there is nothing else."""
    for text, category in dict.fromkeys(pair for attempt in attempts for pair in attempt.warnings):
        warnings.warn(text, category, stacklevel=4)
    failures = [pair for pair in zip(points, attempts, strict=True) if pair[1].error]
    if not failures:
        return
    point, first = failures[0]
    if len(failures) == len(attempts) and first.error is not None:
        raise first.error
    where = ", ".join(f"{name}={value}" for name, value in point.items())
    text = f"{len(failures)} of {len(attempts)} points failed, first {where}: {first.reason}"
    warnings.warn(text, SweepWarning, stacklevel=4)


def _finished(
    grid: Mapping[str, Sequence[Any]],
    count: int,
    attempts: Sequence[Attempt],
    facts: Mapping[str, Any],
) -> xr.Dataset:
    """The dataset of a grid with all that is said of it."""
    dims = {**grid, **({"replicate": list(range(count))} if count > 1 else {})}
    data = assembled(dims, attempts)
    # What the results say they used counts more than what was given.
    last = ("call", "seed", *provenance())
    own = {k: v for k, v in facts.items() if k not in data.variables and k not in last}
    told = {k: facts[k] for k in last if k in facts}
    # No variable: they differ between sweeps that find the same.
    spent = np.reshape([one.seconds for one in attempts], [len(places) for places in dims.values()])
    return data.assign_attrs(own | data.attrs | told | {"seconds": spent.tolist()})
