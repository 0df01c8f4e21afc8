"""What every call returns: numbers with meaning, unit and error, one status, and provenance.

A result declares each of its fields once; docstring, labelled dataset, `repr`, picture and file are
made from the declarations.
"""

from __future__ import annotations

import dataclasses
import html
import inspect
import textwrap
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, dataclass_transform

import numpy as np

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes

# The status of a result, or of each of its points: its numbers may be used; they may not, and
# `reason` says what to do; the theory says that there are none.
CONVERGED, FLAGGED, ABSENT = "converged", "flagged", "absent"
_VERDICT = ("status", "converged", "reason")
# Arguments that change no number.
_SILENT = ("progress", "threads", "throw")
# Longest sequence that is told entry by entry.
_TOLD = 12


def value(
    meaning: str,
    dims: tuple[Any, ...] = (),
    unit: str = "1",
    *,
    symbol: str = "",
    note: str = "",
    default: Any = dataclasses.MISSING,
) -> Any:
    """Declare a number or array: what it is, its dimensions and unit.

    Parameters
    ----------
    meaning : str
        In a few words; ``{of}`` stands for the attribute of that name.
    dims : tuple of str
        Names of its axes; trailing ones may be missing from an array.  An ``...`` among them stands
        for the axes of the points that were asked for.  A mapping of arrays holds variables of
        their own names, whose further axes are called after them.
    unit : str
    symbol : str
        Mathtext for the axis of a picture.
    note : str
        What the docstring says beyond the meaning.
    default : object
    """
    return _declare("value", meaning, dims, unit, symbol, note, default)


def coordinate(
    meaning: str, dims: tuple[Any, ...] = (), unit: str = "1", *, symbol: str = "", note: str = ""
) -> Any:
    """Declare a parameter or abscissa; see `value`."""
    return _declare("coordinate", meaning, dims, unit, symbol, note)


def error(of: str, *, note: str = "", default: Any = dataclasses.MISSING) -> Any:
    """Declare the standard error of another field, of the same shape."""
    return _declare("error", f"standard error of {of}", of, "", "", note, default)


def fact(meaning: str, *, note: str = "", default: Any = dataclasses.MISSING) -> Any:
    """Declare what is no array: an attribute of the dataset."""
    return _declare("fact", meaning, (), "", "", note, default)


def _declare(
    kind: str,
    meaning: str,
    dims: Any,
    unit: str,
    symbol: str,
    note: str,
    default: Any = dataclasses.MISSING,
) -> Any:
    about = {"kind": kind, "meaning": meaning, "dims": dims, "unit": unit}
    about |= {"symbol": symbol, "note": note}
    if default is dataclasses.MISSING:
        return dataclasses.field(metadata=about)
    return dataclasses.field(metadata=about, default=default)


# Arrays have no truth value, so results have no ==.
@dataclass_transform(
    kw_only_default=True,
    frozen_default=True,
    eq_default=False,
    field_specifiers=(value, coordinate, error, fact),
)
@dataclasses.dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Result:
    """Base of all results; a subclass is a frozen dataclass of fields declared with `value` etc.

    Attributes
    ----------
    status : str or ndarray of str
        Of the result, or of each point: "converged"; "flagged", the numbers may not be used and
        `reason` says what to do; "absent", the theory has no solution there.
    reason : str or ndarray of str
        Why not converged; empty where it is.
    attributes : dict
        Parameters as they were given, the call, the seed.
    """

    status: Any = None
    reason: Any = ""
    attributes: dict[str, Any] = dataclasses.field(default_factory=dict)
    # Names of numbers in `repr`, and of the abscissa and the curves of `plot`.
    _headline: ClassVar[tuple[str, ...]] = ()
    _picture: ClassVar[tuple[str, ...]] = ()

    def __init_subclass__(cls) -> None:
        dataclasses.dataclass(frozen=True, eq=False, repr=False, kw_only=True)(cls)
        cls.__doc__ = _documented(cls)

    def __post_init__(self) -> None:
        if self.status is None:
            judged = np.where(np.asarray(self.reason) == "", CONVERGED, FLAGGED)
            object.__setattr__(self, "status", judged if judged.ndim else judged.item())

    @property
    def converged(self) -> Any:
        """Whether the numbers may be used, of each point."""
        found = np.asarray(self.status) == CONVERGED
        return found if isinstance(self.status, np.ndarray) else bool(found)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What was warned of: the distinct reasons."""
        return tuple(dict.fromkeys(text for text in np.ravel(self.reason).tolist() if text))

    def to_dataset(self, dims: tuple[str, ...] | None = None) -> xr.Dataset:
        """Labelled arrays with meanings and units; parameters and versions in the attributes.

        Parameters
        ----------
        dims : tuple of str, optional
            Names of the axes of the points that were asked for; default ``dim_0``, ``dim_1``, …

        Raises
        ------
        ValueError
            If `dims` does not name every axis of the points, each once, by a name that is free.
        """
        import xarray as xr

        from .files import provenance

        points = self._point_dims(dims)
        variables: dict[str, Any] = {}
        coords: dict[str, Any] = {}
        for name, about, content in self._declared():
            if about["kind"] == "fact":
                continue
            axes = self._axes(about, points)
            if isinstance(content, Mapping):
                for key, array in content.items():
                    more = (f"{key}_{k}" for k in range(np.ndim(array) - len(axes)))
                    variables[key] = (*axes, *more), array
                continue
            array = np.asarray(content)
            axes = axes[: array.ndim]
            label = {"long_name": self._meaning(about)}
            if array.dtype.kind in "iufcb" and about["unit"]:
                label["units"] = about["unit"]
            target = coords if about["kind"] == "coordinate" else variables
            if array.dtype.kind == "c":
                # Files of netCDF know no complex numbers.
                for part in ("real", "imag"):
                    text = f"{label['long_name']}, {part} part"
                    target[f"{name}_{part}"] = axes, getattr(array, part), {"long_name": text}
            else:
                target[name] = axes, array, label
        if isinstance(self.status, np.ndarray):
            meanings = ("whether the numbers may be used", "status is converged", "why not")
            for name, text in zip(_VERDICT, meanings, strict=True):
                variables[name] = points, np.asarray(getattr(self, name)), {"long_name": text}
        facts = {name: _native(content) for name, content in self._facts().items()}
        return xr.Dataset(variables, coords, attrs={**facts, **provenance()})

    def _facts(self) -> dict[str, Any]:
        """What is known of the whole result: parameters, facts, and the status if it is one."""
        facts = {k: v for k, v in self.attributes.items() if v is not None}
        facts |= {name: c for name, about, c in self._declared() if about["kind"] == "fact"}
        if not isinstance(self.status, np.ndarray):
            facts |= {name: getattr(self, name) for name in _VERDICT}
        return facts

    def save(self, path: str | Path) -> None:
        """Write the dataset to a netCDF file that `meanfield.load` opens with all types.

        Parameters
        ----------
        path : path
            Its folder is made if there is none; the file appears whole or not at all.

        Raises
        ------
        OSError
            If the file cannot be written.
        """
        from .files import save, staged_directory

        target = Path(path)
        with staged_directory(target.parent) as folder:
            save(self.to_dataset().assign_attrs(self._facts()), folder / target.name)

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the curves that matter most, with their errors as bands.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            Where; default: the axes of a new figure.

        Raises
        ------
        TypeError
            If this result has no picture of its own, or is not one curve.
        """
        from . import style

        if not self._picture:
            raise TypeError(f"{type(self).__name__} has no picture; see to_dataset()")
        abscissa, *names = self._picture
        return style.curves(
            ax,
            (getattr(self, abscissa), self._label(abscissa)),
            [(getattr(self, n), getattr(self, f"{n}_err", None), self._label(n)) for n in names],
        )

    def __repr__(self) -> str:
        parts = []
        for name in self._headline:
            number, width = getattr(self, name), getattr(self, f"{name}_err", None)
            if np.ndim(number) == 0 and number is not None:
                known = width is not None and np.isfinite(width) and bool(width)
                text = f"{number:.6g}" if isinstance(number, float | np.ndarray) else f"{number}"
                parts.append(
                    f"{name}={text}" + (f"±{float(np.asarray(width)):.1g}" if known else "")
                )
            elif number is not None:
                parts.append(f"{name}: {'×'.join(map(str, np.shape(number)))}")
        counts = Counter(np.ravel(self.status).tolist())
        if sum(counts.values()) == 1:
            parts.append(str(*counts))
        else:
            parts.append(", ".join(f"{count} {word}" for word, count in sorted(counts.items())))
        return f"{type(self).__name__}({', '.join(parts)})"

    def _repr_html_(self) -> str:
        data = self.to_dataset()
        return f"<pre>{html.escape(repr(self))}</pre>{data._repr_html_()}"

    def _declared(self) -> Iterator[tuple[str, Mapping[str, Any], Any]]:
        """Name, declaration and content of every field that is there."""
        for field in dataclasses.fields(self):
            content = getattr(self, field.name)
            if field.metadata and content is not None:
                yield field.name, field.metadata, content

    def _about(self, name: str) -> Mapping[str, Any]:
        return next(about for known, about, _ in self._declared() if known == name)

    def _axes(self, about: Mapping[str, Any], points: tuple[str, ...]) -> tuple[str, ...]:
        if about["kind"] == "error":
            about = self._about(about["dims"])
        found: list[str] = []
        for name in about["dims"]:
            found += points if name is ... else [name]
        return tuple(found)

    def _meaning(self, about: Mapping[str, Any]) -> str:
        if about["kind"] == "error":
            return f"standard error: {self._meaning(self._about(about['dims']))}"
        text: str = about["meaning"]
        return text.format_map(self.attributes) if "{" in text else text

    def _label(self, name: str) -> str:
        about = self._about(name)
        return f"{about['symbol']} {self._meaning(about)}".strip()

    def _point_dims(self, dims: tuple[str, ...] | None) -> tuple[str, ...]:
        count = np.ndim(self.status)
        names = tuple(f"dim_{k}" for k in range(count)) if dims is None else tuple(dims)
        inner = {
            axis
            for name, about, _ in self._declared()
            for axis in (name, *(d for d in about["dims"] if d is not ...))
            if about["kind"] == "value"
        }
        if isinstance(dims, str) or len(set(names) - inner) != count or len(names) != count:
            raise ValueError(f"dims={dims!r}: expected {count} names, distinct and not taken")
        return names


def _documented(cls: type[Result]) -> str:
    """The docstring with a section on its attributes, those of a base included."""
    lines = ["Attributes", "----------"]
    for field in dataclasses.fields(cls):
        about = field.metadata
        if not about:
            continue
        dims = (
            cls.__dataclass_fields__[about["dims"]].metadata["dims"]
            if about["kind"] == "error"
            else about["dims"]
        )
        shape = ", ".join("..." if name is ... else name for name in dims)
        shape += "," * (len(dims) == 1)
        kind = "" if about["kind"] == "fact" else f" : ({shape}) ndarray" if dims else " : float"
        unit = f", in units of {about['unit']}" if about["unit"] not in ("", "1") else ""
        text = f"{about['meaning'][:1].upper()}{about['meaning'][1:]}{unit}.  {about['note']}"
        lines += [
            field.name + kind,
            *textwrap.wrap(text, 92, initial_indent="    ", subsequent_indent="    "),
        ]
    lines += (
        textwrap.dedent((Result.__doc__ or "").split("----------\n", 1)[1]).rstrip().splitlines()
    )
    own = inspect.cleandoc(cls.__doc__ or "")
    return own + "\n\n" + "\n".join(lines) + "\n"


class NotConvergedError(RuntimeError):
    """Some points have no solution; `solution` holds the flagged result of the call."""

    def __init__(self, summary: str, solution: Any) -> None:
        super().__init__(summary, solution)
        self.summary = summary
        self.solution = solution

    def __str__(self) -> str:
        return f"{self.summary}. Pass throw=False to get nan there."


def given(function: Callable[..., Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters as they were given, and the call: attributes of a result.

    Parameters
    ----------
    function : callable
        The public call.
    values : mapping
        Its ``locals()`` before anything else is done.
    """
    signature = inspect.signature(function)
    told, spelled = {}, []
    for name, parameter in signature.parameters.items():
        if name in _SILENT:
            continue
        shown = told[name] = _told(values[name])
        if parameter.default is parameter.empty:
            text = str(shown) if isinstance(shown, _Text) else repr(shown)
            is_plain = parameter.kind is parameter.KEYWORD_ONLY
            spelled.append(f"{name}={text}" if is_plain else text)
        elif shown is not None and not _same(values[name], parameter.default):
            spelled.append(f"{name}={shown if isinstance(shown, _Text) else repr(shown)}")
    package = function.__module__.partition(".")[0]
    plain = {k: str(v) if isinstance(v, _Text) else v for k, v in told.items()}
    return {**plain, "call": f"{package}.{function.__name__}({', '.join(spelled)})"}


def _native(content: Any) -> Any:
    """An attribute that netCDF 3 can hold: no long integers, no mappings, no lists of texts."""
    array = np.asarray(content)
    small = array.dtype.kind in "bf" or (array.dtype.kind in "iu" and np.all(abs(array) < 2**31))
    return content if small or isinstance(content, str) else str(getattr(content, "name", content))


class _Text(str):
    """A description that stands for a value, without quotes."""


def _same(one: Any, other: Any) -> bool:
    return one is other or (type(one) is type(other) and not np.ndim(one) and bool(one == other))


def _told(content: Any) -> Any:
    """A parameter in what attributes can hold: itself, or what it is in words."""
    if isinstance(content, np.generic):
        return content.item()
    if content is None or isinstance(content, bool | int | float | str):
        return content
    if isinstance(content, Mapping):
        return {str(name): _told(one) for name, one in content.items()}
    if isinstance(content, list | tuple | range | np.ndarray):
        array = np.asarray(content)
        if array.dtype.kind in "iufbU" and array.size <= _TOLD:
            return array.tolist()
        return _Text(f"<{array.dtype} array {array.shape}>")
    if isinstance(content, type | np.dtype):
        return _Text(getattr(content, "name", None) or getattr(content, "__name__", ""))
    if hasattr(content, "shape"):
        return _Text(f"<{type(content).__name__} {content.shape}>")
    if hasattr(content, "times"):
        return _Text(repr(content))
    name = getattr(content, "name", None) or getattr(content, "__name__", type(content).__name__)
    kind = "function " if callable(content) else ""
    return str(name) if hasattr(content, "name") else _Text(f"<{kind}{name}>")
