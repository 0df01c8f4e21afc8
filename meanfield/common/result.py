"""What every call returns: numbers with meaning, unit and error, one status, and provenance.

A result declares each of its fields once; docstring, labelled dataset, `repr`, picture and file are
made from the declarations.
"""

from __future__ import annotations

import dataclasses
import html
import inspect
import math
import re
import textwrap
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, dataclass_transform

import numpy as np

from .arguments import ArgumentError, finite, one_of, validated

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes

# The status of a result, or of each of its points: its numbers may be used; they may not, and
# `reason` says what to do; the theory says that there are none.
CONVERGED, FLAGGED, ABSENT = "converged", "flagged", "absent"
_VERDICT = ("status", "converged", "reason")
# Arguments that change no number.
_SILENT = ("progress", "threads", "throw", "workers", "executor", "store", "label")
# Longest sequence that is told entry by entry.
_TOLD = 12


class _Declaration(NamedTuple):
    """What is said of a field."""

    # "value", "coordinate", "error" or "fact".
    kind: str
    # In a few words; {of} stands for the attribute of that name.
    meaning: str
    # Names of its axes; trailing ones may be missing from an array.  An ... among them stands for
    # the axes of the points that were asked for.  An array with an axis more has that of blocks
    # first.  A mapping of arrays holds variables of their own names, whose further axes are called
    # after them.
    dims: tuple[Any, ...] = ()
    unit: str = ""
    # Mathtext for the axis of a picture.
    symbol: str = ""
    # What the docstring says beyond the meaning.
    note: str = ""
    # The field of which it is the error.
    of: str = ""

    def field(self, default: Any = dataclasses.MISSING) -> Any:
        """The declaration as a field of a dataclass."""
        return dataclasses.field(default=default, metadata={"about": self})


def value(
    meaning: str,
    dims: tuple[Any, ...] = (),
    unit: str = "1",
    *,
    symbol: str = "",
    note: str = "",
    default: Any = dataclasses.MISSING,
) -> Any:
    """Declare a number or array: what it is, its dimensions and unit."""
    return _Declaration("value", meaning, dims, unit, symbol, note).field(default)


def coordinate(
    meaning: str, dims: tuple[Any, ...] = (), unit: str = "1", *, symbol: str = "", note: str = "",
    default: Any = dataclasses.MISSING,
) -> Any:  # fmt: skip
    """Declare a parameter or abscissa; see `value`."""
    return _Declaration("coordinate", meaning, dims, unit, symbol, note).field(default)


def error(of: str, *, note: str = "", default: Any = dataclasses.MISSING) -> Any:
    """Declare the standard error of another field, of the same shape."""
    return _Declaration("error", "", note=note, of=of).field(default)


def fact(meaning: str, *, note: str = "") -> Any:
    """Declare what is no array: an attribute of the dataset."""
    return _Declaration("fact", meaning, note=note).field()


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
    # Names of numbers in `repr`; of the abscissa and the curves of `plot`; and of its curves where
    # points lie along a parameter.
    _headline: ClassVar[tuple[str, ...]] = ()
    _picture: ClassVar[tuple[str, ...]] = ()
    _curves: ClassVar[tuple[str, ...]] = ()
    # Degrees of freedom of the errors where the attributes have none; None: they are bounds.
    _freedom: ClassVar[float | None] = math.inf
    _about: ClassVar[dict[str, _Declaration]] = {}

    def __init_subclass__(cls) -> None:
        dataclasses.dataclass(frozen=True, eq=False, repr=False, kw_only=True)(cls)
        about = {f.name: f.metadata["about"] for f in dataclasses.fields(cls) if f.metadata}
        for name, own in about.items():
            if own.of:
                of = about[own.of]
                about[name] = own._replace(dims=of.dims, meaning=f"standard error: {of.meaning}")
        cls._about = about
        cls.__doc__ = _documented(cls)

    def __post_init__(self) -> None:
        if self.status is None:
            judged = status_by(self.reason)
            object.__setattr__(self, "status", judged if judged.ndim else judged.item())

    @property
    def converged(self) -> Any:
        """Whether the numbers may be used, of each point."""
        return self.status == CONVERGED

    @property
    def warnings(self) -> tuple[str, ...]:
        """What was warned of: the distinct reasons."""
        return tuple(dict.fromkeys(text for text in np.ravel(self.reason).tolist() if text))

    def interval(self, name: str, level: float = 0.95) -> tuple[Any, Any]:
        """Where a quantity lies with a probability of `level`, by Student's t.

        Few batches do not know their own scatter well: of 8, with 7 degrees of freedom, the error
        is to be taken 2.36 times for 95 %, of many 1.96 times.  The degrees of freedom are in
        ``attributes["degrees_of_freedom"]`` where they are those of the call; where nothing was
        sampled, the error itself is the half width.

        Parameters
        ----------
        name : str
            A field that has an error.
        level : float
            In (0, 1).

        Returns
        -------
        low, high : float or ndarray

        Raises
        ------
        ArgumentError
            If `name` is no field with an error, or `level` is outside its range.

        Examples
        --------
        >>> from meanfield import two_time
        >>> run = two_time(1.5, 0.5, t_max=1, dt=0.1, n_trajectories=2048, seed=0)
        >>> low, high = run.interval("energy")
        >>> bool((low[-1] < run.energy[-1]) and (run.energy[-1] < high[-1]))
        True
        """
        from scipy.special import stdtrit

        known = tuple(
            field for field in self._about if getattr(self, f"{field}_err", None) is not None
        )
        one_of("name", name, known)
        if not 0 < finite("level", level) < 1:
            raise ArgumentError(f"level={level:g}: must lie in (0, 1)")
        freedom = self.attributes.get("degrees_of_freedom", self._freedom)
        factor = 1.0 if freedom is None else stdtrit(freedom, (1 + level) / 2)
        value, half = getattr(self, name), factor * getattr(self, f"{name}_err")
        return value - half, value + half

    @validated
    def to_dataset(self, dims: tuple[str, ...] | None = None) -> xr.Dataset:
        """Labelled arrays with meanings and units; parameters and versions in the attributes.

        Parameters
        ----------
        dims : tuple of str, optional
            Names of the axes of the points that were asked for; default ``dim_0``, ``dim_1``, …

        Raises
        ------
        ArgumentError
            If `dims` does not name every axis of the points, each once, by a name that is free.
        """
        import xarray as xr

        return xr.Dataset(*self.parts(dims))

    def parts(self, dims: tuple[str, ...] | None = None) -> tuple[dict[str, Any], ...]:
        """Variables, coordinates and attributes of `to_dataset`, as xarray takes them."""
        from .files import native, provenance

        points = self._point_dims(dims)
        variables: dict[str, Any] = {}
        coords: dict[str, Any] = {}
        for name, about, content in self._declared():
            if about.kind == "fact":
                continue
            axes = self._axes(about, points)
            if isinstance(content, Mapping):
                for key, array in content.items():
                    more = (f"{key}_{k}" for k in range(np.ndim(array) - len(axes)))
                    variables |= _parted(key, (*axes, *more), np.asarray(array), {})
                continue
            array = np.asarray(content)
            axes = ("block", *axes) if array.ndim > len(axes) else axes
            label = {"long_name": self._meaning(about)}
            if array.dtype.kind in "iufcb" and about.unit:
                label["units"] = about.unit
            target = coords if about.kind == "coordinate" else variables
            target |= _parted(name, axes[: array.ndim], array, label)
        if isinstance(self.status, np.ndarray):
            meanings = ("whether the numbers may be used", "status is converged", "why not")
            for name, text in zip(_VERDICT, meanings, strict=True):
                variables[name] = points, np.asarray(getattr(self, name)), {"long_name": text}
        facts = {k: native(v) for k, v in self._facts().items()}
        return variables, coords, {**facts, **provenance()}

    def _facts(self) -> dict[str, Any]:
        """What is known of the whole result: parameters, facts, and the status if it is one."""
        # A parameter that is a coordinate is told there.
        told = {name for name, about, _ in self._declared() if about.kind == "coordinate"}
        facts = {k: v for k, v in self.attributes.items() if v is not None and k not in told}
        facts |= {name: c for name, about, c in self._declared() if about.kind == "fact"}
        if not isinstance(self.status, np.ndarray):
            facts |= {name: getattr(self, name) for name in _VERDICT}
        return facts

    @validated
    def save(self, path: str | Path) -> None:
        """Write the dataset to a netCDF file that `meanfield.load` opens with all types.

        Parameters
        ----------
        path : path
            Its folder is made if there is none; the file appears whole or not at all.

        Raises
        ------
        ArgumentError
            If it is a folder.
        OSError
            If it cannot be written.
        """
        from .files import ResultSet, save

        if Path(path).is_dir():
            raise ArgumentError(f"path={str(path)!r}: is a folder, must be a file")
        target, data = Path(path), self.to_dataset().assign_attrs(self._facts())
        # Others that write it take a moment.
        how: dict[str, Any] = {"argument": "path", "patience": 60.0}
        with ResultSet(target.parent, target.name, **how) as kept:
            kept.add(target.name, lambda beside: save(data, beside))

    def plot(self, ax: Axes | None = None, *, label: str | None = None) -> Axes:
        """Draw the curves that matter most, with bands of one error, `x_err`, on both sides.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            Where, one panel; default: the axes of a new figure.
        label : str, optional
            In the legend, for several results on the same axes.

        Returns
        -------
        matplotlib.axes.Axes
            `ax`, or the new ones.

        Raises
        ------
        ArgumentError
            If `ax` is something else, as an array of axes.
        TypeError
            If this result has no picture of its own, or is not one curve.
        """
        from . import style

        if not (picture := self._drawn()):
            raise TypeError(f"{type(self).__name__} has no picture; see to_dataset()")
        abscissa, *names = picture
        if np.ndim(getattr(self, abscissa)) != 1:
            raise TypeError(f"{self!r} is not one curve; see to_dataset()")

        def curve(name: str) -> Any:
            content: Any = getattr(self, name, None)
            if content is None:
                return None
            dims = self._about[name].dims
            leads = dims[:1] == ("block",) or np.ndim(content) > len(dims)
            return np.moveaxis(content, 0, -1) if leads else content

        return style.curves(
            ax,
            (getattr(self, abscissa), self._label(abscissa)),
            [(curve(n), curve(f"{n}_err"), self._label(n)) for n in names],
            label,
        )

    def __repr__(self) -> str:
        parts = []
        for name in self._headline:
            number, width = getattr(self, name), getattr(self, f"{name}_err", None)
            if np.ndim(number):
                parts.append(f"{name}: {'×'.join(map(str, np.shape(number)))}")
            elif number is not None:
                text = f"{number:.6g}" if np.asarray(number).dtype.kind == "f" else f"{number}"
                if width and np.isfinite(width):
                    text += f"±{float(width):.1g}"
                parts.append(f"{name}={text}")
        counts = Counter(np.ravel(self.status).tolist())
        for word, count in sorted(counts.items()):
            parts.append(f"{count} {word}" if counts.total() > 1 else word)
        return f"{type(self).__name__}({', '.join(parts)})"

    def _repr_html_(self) -> str:
        data = self.to_dataset()
        return f"<pre>{html.escape(repr(self))}</pre>{data._repr_html_()}"

    def _drawn(self) -> tuple[str, ...]:
        """Names of the abscissa and the curves of `plot`."""
        if not self._curves or (self._picture and not np.ndim(self.status)):
            return self._picture
        # The one parameter along which the points differ.
        places = [(n, c) for n, about, c in self._declared()
                  if about.kind == "coordinate" and about.dims == (...,)]  # fmt: skip
        varying = [name for name, content in places if np.unique(content).size > 1]
        if np.ndim(self.status) != 1 or len(varying) != 1:
            raise TypeError(f"{self!r} is not one curve along one parameter; see to_dataset()")
        return varying[0], *self._curves

    def raise_unless_converged(self, *names: str, throw: bool = True) -> None:
        """NotConvergedError if points did not converge; `names` say where the first of them is.

        `throw` says whether the call has an argument of that name, which can be False instead.
        """
        lost = ~np.asarray(self.converged)
        if not lost.any():
            return
        absent = int(np.sum(np.asarray(self.status) == ABSENT))
        first = tuple(np.argwhere(lost)[0])
        place = ", ".join(f"{name}={np.asarray(getattr(self, name))[first]:g}" for name in names)
        reasons = Counter(np.asarray(self.reason)[lost].tolist()).most_common(3)
        raise NotConvergedError(
            f"{int(lost.sum())} of {lost.size} points have no solution, {absent} absent and "
            f"{int(lost.sum()) - absent} failed: "
            f"{'; '.join(f'{count} × {text}' for text, count in reasons)}"
            + f" (first: {place})"
            * bool(place),
            self,
            "Pass throw=False to get nan there" * throw,
        )

    def _declared(self) -> Iterator[tuple[str, _Declaration, Any]]:
        for name, about in self._about.items():
            if (content := getattr(self, name)) is not None:
                yield name, about, content

    def _axes(self, about: _Declaration, points: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(n for name in about.dims for n in (points if name is ... else [name]))

    def _meaning(self, about: _Declaration) -> str:
        text = about.meaning
        return text.format_map(self.attributes) if "{" in text else text

    def _label(self, name: str) -> str:
        about = self._about[name]
        return f"{about.symbol} {self._meaning(about)}".strip()

    def _point_dims(self, dims: tuple[str, ...] | None) -> tuple[str, ...]:
        count = np.ndim(self.status)
        names = tuple(dims or (f"dim_{k}" for k in range(count)))
        taken: set[Any] = {*_VERDICT}
        for name, about, _ in self._declared():
            if about.kind in ("value", "error"):
                taken |= {name, *about.dims}
        if isinstance(dims, str) or len(set(names) - taken) != count or len(names) != count:
            raise ArgumentError(f"dims={dims!r}: expected {count} names, distinct and not taken")
        return names


def _parted(
    name: str, axes: tuple[str, ...], array: np.ndarray[Any, Any], label: dict[str, str]
) -> dict[str, Any]:
    """A variable; of complex numbers, which files of netCDF do not know, two."""
    if array.dtype.kind != "c":
        return {name: (axes, array, label)}
    words = label.get("long_name", name)
    return {
        f"{name}_{part}": (axes, getattr(array, part), {"long_name": f"{words}, {part} part"})
        for part in ("real", "imag")
    }


def status_by(reason: Any) -> Any:
    """The status that follows from reasons, where none is absent."""
    return np.where(np.asarray(reason) == "", CONVERGED, FLAGGED)


def _documented(cls: type[Result]) -> str:
    """The docstring with a section on its attributes, those of a base included."""
    lines = [inspect.cleandoc(cls.__doc__ or ""), "", "Attributes", "----------"]
    for name, about in cls._about.items():
        shape = ", ".join("..." if dim is ... else dim for dim in about.dims)
        shape += "," * (len(about.dims) == 1)
        kind = "" if about.kind == "fact" else f" : ({shape}) ndarray" if shape else " : float"
        text = f"standard error of {about.of}" if about.of else about.meaning
        text = re.sub(r"\{(\w+)\}", r"`\1`", text[:1].upper() + text[1:])
        unit = f", in units of {about.unit}" if about.unit not in ("", "1") else ""
        text = textwrap.fill(f"{text}{unit}.  {about.note}", 88)
        lines += [name + kind, textwrap.indent(text, "    ")]
    inherited = inspect.cleandoc(Result.__doc__ or "").partition("----------\n")[2]
    return "\n".join([*lines, inherited, ""])


class NotConvergedError(RuntimeError):
    """Some points have no solution; `solution` holds the flagged result of the call."""

    def __init__(self, summary: str, solution: Any, advice: str = "") -> None:
        super().__init__(summary, solution, advice)
        self.summary = summary
        self.solution = solution
        self.advice = advice

    def __str__(self) -> str:
        return f"{self.summary}. {self.advice}." if self.advice else self.summary


def given(function: Callable[..., Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters as they were given, by its ``locals()``, and the call: attributes of a result."""
    told: dict[str, Any] = {}
    spelled: list[str] = []
    for name, parameter in inspect.signature(function).parameters.items():
        if name in _SILENT:
            continue
        if parameter.kind is parameter.VAR_KEYWORD:
            more = {key: _told(content) for key, content in values[name].items()}
            told |= more
            spelled += [f"{key}={content!r}" for key, content in more.items()]
            continue
        shown = told[name] = _told(values[name])
        required = parameter.default is parameter.empty
        if required and parameter.kind is not parameter.KEYWORD_ONLY:
            spelled.append(repr(shown))
        elif required or not (shown is None or _same(values[name], parameter.default)):
            spelled.append(f"{name}={shown!r}")
    package = function.__module__.partition(".")[0]
    plain = {key: str(v) if isinstance(v, _Text) else v for key, v in told.items()}
    return {**plain, "call": f"{package}.{function.__name__}({', '.join(spelled)})"}


class _Text(str):
    """A description that stands for a value, without quotes."""

    def __repr__(self) -> str:
        return str(self)


def _same(a: Any, b: Any) -> bool:
    return a is b or (type(a) is type(b) and not np.ndim(a) and bool(a == b))


def _told(content: Any) -> Any:
    """A parameter in what attributes can hold: itself, or what it is in words."""
    if isinstance(content, np.generic):
        return content.item()
    if content is None or isinstance(content, bool | int | float | str):
        return content
    if isinstance(content, Mapping):
        return {str(name): _told(entry) for name, entry in content.items()}
    if isinstance(content, list | tuple | range | np.ndarray):
        try:
            array = np.asarray(content)
        except ValueError:  # Rows of different lengths.
            return _Text(f"<{type(content).__name__} of {len(content)}>")
        if array.dtype.kind in "iufbU" and array.size <= _TOLD:
            return array.tolist()
        return _Text(f"<{array.dtype} array {array.shape}>")
    if isinstance(content, type | np.dtype):
        return _Text(getattr(content, "name", None) or getattr(content, "__name__", ""))
    if hasattr(content, "shape"):
        return _Text(f"<{type(content).__name__} {content.shape}>")
    if hasattr(content, "times") or hasattr(content, "fractions"):
        return _Text(repr(content))
    if getattr(content, "is_built_in", False):
        return str(content.name)
    if hasattr(content, "name"):
        return _Text(f"<{type(content).__name__} {content.name}>")
    name = getattr(content, "__name__", type(content).__name__)
    return _Text(f"<function {name}>" if callable(content) else f"<{name}>")
