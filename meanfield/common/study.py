"""A study: one question, asked from the shell, as a figure of a paper, or from a notebook."""

from __future__ import annotations

import inspect
import re
import shlex
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import NoneType
from typing import TYPE_CHECKING, Any, NamedTuple, get_args, get_origin

import numpy as np

from ..exponential import StepSizeWarning
from ..schedule import Switching
from . import arguments, files, seeds
from .arguments import ArgumentError
from .store import Store
from .style import STYLE
from .sweep import sweep

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr
    from matplotlib.figure import Figure

CONVERGED, PRINTED = "converged", "printed"
REPLICATES = "trials"
# Parameters that mean the same everywhere; functions of studies document only their own others.
NOTATION = {
    "g": "Gain.",
    "gamma": "Symmetry of the couplings.",
    "onsager": "Factor κ on the Onsager-reaction force.",
    "n": "Neurons.",
    "phi": "Transfer function.",
    "t_max": "Duration.",
    "t_skip": "Time at the start that is not averaged.",
    "n_shown": "Neurons whose activity is kept.",
    "g_shown": "Gain of the network whose activity is kept.",
    "t_phase": "Duration of each phase.",
    "t_lyapunov": "Duration of the run for the Lyapunov exponent.",
    "save_step": "Time between saved points.",
    "eta": "Confinement.",
    "method": 'Scheme of `simulate.integrate`; "euler" with dt 0.01 is the choice of [HH].',
    "dt": "Step, or first step.",
    "tol": "Error of an adaptive step.",
    "threads": "BLAS threads of each process.  [default: 1]",
}
_PASSED_ON = ("seed", "workers", "progress", "store")
# A number below this is written with a power of ten; a relative error below that is rounding.
_SMALL, _ROUNDING = 1e-3, 1e-12


@dataclass(frozen=True)
class Part:
    """One function of a study and the grid on which it is called.

    Attributes
    ----------
    function : callable
        Of one point; keyword arguments with types and a numpydoc text are the options of the study.
        It returns what `meanfield.sweep` takes.
    axes : tuple of str
        Which axes of the study it goes along.
    replicated : bool
        Whether it is repeated for every replicate.
    shared : tuple of str, optional
        Axes along which points share couplings and starts; default: all.
    whole : bool
        The function makes the grid itself and takes `seed`, `workers`, `progress` or `store`.
    """

    function: Callable[..., Any]
    axes: tuple[str, ...] = ()
    replicated: bool = False
    shared: tuple[str, ...] | None = None
    whole: bool = False


@dataclass(frozen=True)
class Option:
    """One parameter of a study.

    Attributes
    ----------
    name, text : str
    kind : type
        Annotation in the signature; a list of its values for an axis.
    default : object
    choices : tuple of str
        Words allowed, where the text names them as ``{"a", "b"}``.
    is_axis : bool
    """

    name: str
    kind: Any
    default: Any
    text: str
    choices: tuple[str, ...] = ()
    is_axis: bool = False

    @property
    def spelled(self) -> str:
        """How the shell spells it: ``t_max`` is --t-max, ``from_`` is --from."""
        return "--" + self.name.rstrip("_").replace("_", "-")


@dataclass(frozen=True)
class Study:
    """A question with its computation, picture, words and sizes.

    Attributes
    ----------
    name : str
        Name as a command and of its files, "lyapunov" or "hh2".
    source : str
        Where it stands, "[HH] Fig. 2".
    title : str
        What it shows, in one line.
    parts : tuple of Part
        What is computed; their datasets are merged.
    draw : function
        Figure of one dataset, or several by the names of their files.
    text : str
        What is seen and what it means, in fixed sentences.
    axes : mapping of str to sequence
        Names and usual values of the axes.
    replicates : int
        Usual number of coupling matrices.
    columns : tuple of str
        Variables whose numbers are reported.
    derive : function, optional
        Adds theory and derived numbers to the dataset.
    presets : mapping
        Named differences from the defaults: "quick", "paper".
    variants : mapping
        Differences of "converged", and of "printed" where printed choices of the papers matter.
    split : function, optional
        Datasets by the names of their files, where one file is not enough.
    door : str
        What stands before its name in the shell.
    command : str
        Its name there, if it is another.
    """

    name: str
    source: str
    title: str
    parts: tuple[Part, ...]
    draw: Callable[[xr.Dataset], Figure | Mapping[str, Figure]]
    text: str
    axes: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    replicates: int = 1
    columns: tuple[str, ...] = ()
    derive: Callable[[xr.Dataset], xr.Dataset] | None = None
    presets: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    variants: Mapping[str, Mapping[str, Any]] = field(default_factory=lambda: {CONVERGED: {}})
    split: Callable[[xr.Dataset], Mapping[str, xr.Dataset]] | None = None
    door: str = "python -m simulate reproduce"
    command: str = ""

    @cached_property
    def options(self) -> dict[str, Option]:
        """Its parameters by name, from the signatures of its functions and their texts."""
        found: dict[str, Option] = {}
        for part in self.parts:
            found = {**found, **options_of(part.function, self.axes), **found}
        if any(part.replicated for part in self.parts):
            text = "Independent coupling matrices."
            found[REPLICATES] = Option(REPLICATES, int, self.replicates, text)
        return found

    @property
    def file(self) -> str:
        """Where its code is."""
        return inspect.unwrap(self.parts[0].function).__code__.co_filename

    def values(
        self, preset: str | None = None, variant: str = CONVERGED, **changes: Any
    ) -> dict[str, Any]:
        """All parameters: the defaults, the differences of preset and variant, the changes.

        Raises
        ------
        ArgumentError
            If preset, variant or a parameter does not exist, or a value is of another kind.
        """
        if preset is not None:
            arguments.one_of("preset", preset, tuple(self.presets))
        arguments.one_of("variant", variant, tuple(self.variants))
        usual = {name: one.default for name, one in self.options.items()}
        usual |= self.presets[preset] if preset is not None else {}
        usual |= self.variants[variant]
        for name, value in changes.items():
            if name not in usual:
                raise ArgumentError(
                    f"{name}={value!r}: {self.name} has no such parameter, only {', '.join(usual)}"
                )
            usual[name] = _checked(self.options[name], value)
        return usual

    def run(
        self,
        preset: str | None = None,
        variant: str = CONVERGED,
        *,
        seed: int | None = 0,
        workers: int | None = None,
        store: str | Path | None = None,
        fresh: bool = False,
        progress: bool = False,
        **changes: Any,
    ) -> xr.Dataset:
        """Compute it.

        Parameters
        ----------
        preset, variant : str
        seed : int, optional
            Of couplings, starts, noise and sampling.
        workers : int, optional
            Processes; results do not depend on it.
        store : path, optional
            Folder of finished points, from which an interrupted run goes on.
        fresh : bool
            Compute everything again.
        progress : bool
            Progress bars on a terminal.
        **changes
            Parameters other than those of the preset.

        Returns
        -------
        xarray.Dataset
            Parameters, seed, command and versions are its attributes.

        Raises
        ------
        ArgumentError
            If an argument does not exist or is outside its range.
        """
        import xarray as xr

        values = self.values(preset, variant, **changes)
        entropy = seeds.entropy(seed)
        kept = Store(store, self.name, fresh=fresh)
        how = {"seed": entropy, "workers": workers, "store": kept, "progress": progress}
        with warnings.catch_warnings():
            if variant == PRINTED:
                # The printed step is used on purpose; picture and table say what it does.
                warnings.simplefilter("ignore", StepSizeWarning)
            found = [self._part(part, values, how) for part in self.parts]
        data = xr.merge(found, combine_attrs="override", join="outer", compat="no_conflicts")
        facts = {
            **data.attrs,
            # What was left to the function is known to it alone.
            **{k: _fact(v) for k, v in values.items() if v is not None or k not in data.attrs},
            "study": self.name,
            "source": self.source,
            "preset": preset or "",
            "variant": variant,
            "seed": entropy,
            "command": self._command(preset, variant, entropy, {k: values[k] for k in changes}),
            **files.provenance(),
        }
        data = data.assign_attrs(facts)
        return data if self.derive is None else self.derive(data)

    def _part(self, part: Part, values: Mapping[str, Any], how: Mapping[str, Any]) -> xr.Dataset:
        names = inspect.signature(part.function).parameters
        given = {name: values[name] for name in names if name in values and name not in part.axes}
        if part.whole:
            more = {name: how[name] for name in _PASSED_ON if name in names}
            found: xr.Dataset = part.function(**given, **more)
            return found
        count = values[REPLICATES] if part.replicated else 1
        main = part is self.parts[0]
        found = sweep(
            part.function,
            {name: values[name] for name in part.axes},
            replicates=count,
            shared=part.axes if part.shared is None else part.shared,
            label=self.name,
            throw=ArgumentError if main else True,
            **how,
            **given,
        )
        if part.replicated and count == 1:
            found = found.expand_dims(replicate=[0]).transpose(*part.axes, "replicate", ...)
        return found if main else found.drop_vars(["failed", "reason"])

    def _command(
        self, preset: str | None, variant: str, seed: int, changes: Mapping[str, Any]
    ) -> str:
        """The call from the shell that computes the same."""
        parts = [f"{self.door} {self.command or self.name}", f"--seed {seed}"]
        parts += [f"--preset {preset}"] * bool(preset)
        parts += [f"--variant {variant}"] * (len(self.variants) > 1)
        for name, value in changes.items():
            option = self.options[name].spelled
            if isinstance(value, bool):
                usual = self.options[name].default
                parts += [option if value else option.replace("--", "--no-", 1)] * (value != usual)
            elif value is not None:
                parts.append(f"{option} {shlex.quote(as_text(value))}")
        return " ".join(parts)


class Answer(NamedTuple):
    """A study that was asked.

    Attributes
    ----------
    data : dict of Dataset
        By variant.
    caption : str
        What is seen and means, with the numbers.
    files : list of Path
        What was written.
    seconds : float
    """

    data: dict[str, xr.Dataset]
    caption: str
    files: list[Path]
    seconds: float


def answer(
    study: Study,
    *,
    preset: str | None = None,
    variants: Sequence[str] | None = None,
    output: str | Path | None = None,
    ending: str = "png",
    **how: Any,
) -> Answer:
    """Compute all variants of a study, and save data, pictures and caption.

    Parameters
    ----------
    study : Study
    preset : str, optional
    variants : sequence of str, optional
        Default: all.
    output : path, optional
        Folder for NAME.nc, NAME.png, NAME-printed.nc, …, NAME.md, and for finished points,
        ``points``.  Default: nothing is written.
    ending : {"png", "pdf", "svg"}
        Of the pictures.
    **how
        As in `Study.run`.

    Returns
    -------
    Answer

    Raises
    ------
    ArgumentError
        If an argument does not exist or is outside its range, before anything is computed.
    OSError
        If `output` cannot be written to, likewise.
    """
    chosen = tuple(study.variants) if variants is None else tuple(variants)
    own = set(inspect.signature(Study.run).parameters)
    for variant in chosen:
        study.values(preset, variant, **{name: how[name] for name in how if name not in own})
    start = time.perf_counter()
    written: list[Path] = []
    data, lines = {}, [f"# {study.source}: {study.title}", ""]
    if output is not None:
        output = Path(output)
        with files.staged_directory(output):
            pass  # An unwritable place fails before the work.
        how = {"store": output / "points", **how}
    for variant in chosen:
        found = data[variant] = study.run(preset, variant, **how)
        how.pop("fresh", None)  # The next variant keeps its points in the same file.
        if output is not None:
            # Before the next variant, which may fail.
            made = _written(study, variant, found, output, ending)
            pictures = [path.name for path in made if path.suffix != ".nc"]
            lines += [f"![{study.source}, {variant}]({name})" for name in pictures]
            lines += ["", f"*{variant}*: `{found.attrs['command']}`", ""]
            written += made
    paragraphs = (" ".join(one.split()) for one in study.text.strip().split("\n\n"))
    caption = "\n\n".join([*paragraphs, *as_tables(study, data)])
    if output is not None:
        with files.staged_directory(output) as folder:
            text = "\n".join([*lines, caption, ""])
            (folder / f"{study.name}.md").write_text(text, encoding="utf-8")
        written.append(output / f"{study.name}.md")
        # What an earlier run with other parameters left beside it.
        for variant in set(study.variants) - set(chosen):
            for path in set(output.glob(f"{_stem(study, variant)}.*")) - set(written):
                path.unlink()
    return Answer(data, caption, written, time.perf_counter() - start)


def _stem(study: Study, variant: str) -> str:
    return study.name if variant == CONVERGED else f"{study.name}-{variant}"


def _written(study: Study, variant: str, data: xr.Dataset, output: Path, ending: str) -> list[Path]:
    """Save data, and then, which may fail, pictures."""
    from matplotlib import style

    stem = _stem(study, variant)
    parts = {stem: data} if study.split is None else study.split(data)
    with files.staged_directory(output) as folder:
        for name, part in parts.items():
            files.save(part, folder / f"{name}.nc")
    with files.staged_directory(output) as folder, style.context(STYLE):
        drawn = study.draw(data)
        pictures = drawn if isinstance(drawn, Mapping) else {stem: drawn}
        for name, picture in pictures.items():
            picture.savefig(folder / f"{name}.{ending}")
    return [output / f"{n}.nc" for n in parts] + [output / f"{n}.{ending}" for n in pictures]


def numbers(study: Study, data: Mapping[str, xr.Dataset]) -> list[pd.DataFrame]:
    """The reported numbers, one table for each set of dimensions.

    Parameters
    ----------
    study : Study
    data : mapping of str to Dataset
        By variant.

    Returns
    -------
    list of DataFrame
        Means over replicates with their standard errors, ``q`` and ``q_err``, or the values with
        the errors they have; rows by coordinates, and by variant where there are several.
    """
    import pandas as pd

    groups: dict[tuple[str, ...], dict[str, dict[str, Any]]] = {}
    for variant, one in data.items():
        for name in study.columns:
            if name in one:
                dims = tuple(str(d) for d in one[name].dims if d != "replicate")
                columns = groups.setdefault(dims, {}).setdefault(variant, {})
                columns |= averaged(one, name)
    frames = []
    for dims, by_variant in groups.items():
        parts = {}
        for variant, columns in by_variant.items():
            if dims:
                found = data[variant][list(columns)[:0]].assign(columns).to_dataframe()
                parts[variant] = found[[*columns]]
            else:
                parts[variant] = pd.DataFrame({n: [v.item()] for n, v in columns.items()})
        if len(data) == 1:
            frames.append(next(iter(parts.values())))
            continue
        whole = pd.concat(parts, names=["steps"])
        if dims:
            whole = whole.reorder_levels([*dims, "steps"])
            whole = whole.sort_index(level=list(dims), sort_remaining=False, key=_rank)
        frames.append(whole if dims else whole.droplevel(1))
    return frames


def _rank(level: pd.Index) -> pd.Index:
    """What rows are sorted by: numbers, and texts by their first places."""
    return level if level.dtype.kind in "iuf" else level.factorize()[0]


def averaged(data: xr.Dataset, name: str) -> dict[str, xr.DataArray]:
    """Mean over replicates and its standard error, of a single one its own; else what there is.

    A variable with the attribute ``reduce`` says what it wants instead, "max" or "min".
    """
    values = data[name]
    if values.dtype.kind not in "biuf":
        return {name: values}
    values = values.astype(float)
    if "replicate" not in values.dims:
        error = data.get(f"{name}_err")
        return {name: values} if error is None else {name: values, f"{name}_err": error}
    if "failed" in data and set(data.failed.dims) <= set(values.dims):
        values = values.where(~data.failed)
    if (how := data[name].attrs.get("reduce")) is not None:
        return {name: getattr(values, how)("replicate")}
    mean = values.mean("replicate")
    if values.sizes["replicate"] > 1:
        error = values.std("replicate", ddof=1) / np.sqrt(values.notnull().sum("replicate"))
    else:
        own = data.get(f"{name}_err")
        error = mean * np.nan if own is None else own.isel(replicate=0)
    return {name: mean, f"{name}_err": error}


def as_tables(study: Study, data: Mapping[str, xr.Dataset]) -> list[str]:
    """The reported numbers as texts: "0.105 ± 0.014", with a line for each that says what it is."""
    texts = []
    for frame in numbers(study, data):
        shown = frame.copy()
        for name in [c for c in frame.columns if f"{c}_err" in frame.columns]:
            pairs = zip(frame[name], frame[f"{name}_err"], strict=True)
            shown[name] = [quoted(value, error) for value, error in pairs]
            shown = shown.drop(columns=f"{name}_err")
        first = next(iter(data.values()))
        said = [f"{c}: {first[c].attrs['long_name']}" for c in shown.columns
                if "long_name" in first[c].attrs]  # fmt: skip
        lines = shown.to_string(float_format="{:.4g}".format, index=len(shown) > 1)
        texts.append("\n".join(["```", lines, "```", "", *(f"- {one}" for one in said)]))
    return texts


def quoted(mean: float, error: float) -> str:
    """A number with its error, to two digits of the error."""
    if not error > _ROUNDING * abs(mean):
        return f"{mean:.4g}"
    size = max(abs(mean), error)
    if size < _SMALL:
        power = int(np.floor(np.log10(size)))
        return f"({quoted(mean / 10.0**power, error / 10.0**power)})e{power}"
    digits = max(0, 1 - int(np.floor(np.log10(error))))
    return f"{mean:.{digits}f} ± {error:.{digits}f}"


def as_text(value: Any) -> str:
    """A value as the command line reads it."""
    if isinstance(value, Switching):
        pairs = zip(value.values[1:], value.times, strict=True)
        return ",".join(
            [as_text(value.values[0]), *(f"{as_text(v)}@{as_text(t)}" for v, t in pairs)]
        )
    if isinstance(value, list | tuple | np.ndarray):
        return ",".join(as_text(one) for one in value)
    return repr(float(value)).removesuffix(".0") if isinstance(value, float) else str(value)


def told(dims: Any, values: Any, meaning: str, **more: str) -> tuple[Any, ...]:
    """A variable of a dataset with its meaning."""
    return dims, np.asarray(values), {"long_name": meaning, **more}


def _fact(value: Any) -> Any:
    """What an attribute says of a value."""
    return as_text(value) if isinstance(value, Switching) else value


def options_of(
    function: Callable[..., Any], axes: Mapping[str, Sequence[Any]]
) -> dict[str, Option]:
    """The parameters of a function by name, from its signature and its text."""
    found, texts = {}, _documented(function)
    for name, one in inspect.signature(function, eval_str=True).parameters.items():
        if name not in _PASSED_ON:
            kind, text = texts.get(name, ("", ""))
            text = text or NOTATION.get(name, "")
            is_axis = name in axes
            default = list(axes[name]) if is_axis else one.default
            choices = tuple(re.findall(r'"([^"]+)"', kind)) if kind.startswith("{") else ()
            found[name] = Option(name, one.annotation, default, text, choices, is_axis)
    return found


def _documented(function: Callable[..., Any]) -> dict[str, tuple[str, str]]:
    """Type and text of each parameter, from the numpydoc section "Parameters"."""
    found = {}
    section = re.search(
        r"Parameters\n-{3,}\n(.*?)(?:\n\n\w[\w ]*\n-{3,}|\Z)", inspect.getdoc(function) or "", re.S
    )
    for entry in re.split(r"\n(?=\S)", section[1]) if section else []:
        head, _, body = entry.partition("\n")
        names, _, kind = head.partition(" : ")
        for name in names.split(","):
            found[name.strip()] = (kind.strip(), " ".join(body.split()))
    return found


def required(kind: Any) -> Any:
    """The type that a value has if it is given: X of ``X | None``."""
    kinds = [one for one in get_args(kind) if one is not NoneType]
    return kinds[0] if len(kinds) == 1 and NoneType in get_args(kind) else kind


def _checked(option: Option, value: Any) -> Any:
    """The value, if it is of the kind of the option."""
    name, kind = option.name, required(option.kind)
    if value is None and kind is not option.kind:
        return None
    if option.is_axis or get_origin(kind) in (list, tuple, Sequence):
        values = list(value) if np.iterable(value) and not isinstance(value, str) else []
        if not values:
            raise ArgumentError(f"{name}={value!r}: must be a list like {option.default!r}")
        found = [one.item() if isinstance(one, np.generic) else one for one in values]
        if len(set(found)) < len(found):
            raise ArgumentError(f"{name}={value!r}: a value stands twice")
        usual = next(iter(option.default or [0.0]))
        single = Option(name, type(usual), usual, "", option.choices)
        return [_checked(single, one) for one in found]
    if kind is int:
        return arguments.count(name, value, 1)
    if kind is float:
        if isinstance(value, bool) or not isinstance(value, int | float | np.number):
            raise ArgumentError(f"{name}={value!r}: must be a number")
        return float(value)
    if kind in (str, bool) and not isinstance(value, kind):
        raise ArgumentError(f"{name}={value!r}: must be like {option.default!r}")
    if option.choices:
        arguments.one_of(name, value, option.choices)
    return value
