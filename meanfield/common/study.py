"""A study: one question, asked from the shell, as a figure of a paper, or from a notebook."""

from __future__ import annotations

import inspect
import shlex
import time
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..schedule import SampledInput, Switching
from ..stability import StepSizeWarning
from . import arguments, files, seeds
from .arguments import ArgumentError
from .identity import identity, key_of
from .jobs import results
from .labelled import VERDICT
from .options import PASSED_ON, MatrixFile, Option, as_text, options_of
from .store import Store
from .style import STYLE, letter
from .sweep import Plan, planning, sweep

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr
    from matplotlib.figure import Figure

CONVERGED, PRINTED = "converged", "printed"
REPLICATES = "trials"
# What a run is told beside its parameters.
_HOW = ("workers", "executor", "store", "fresh", "progress")
# Folder of the figures of the papers.
PRESET = "PRESET"
FIGURES = f"figures/{PRESET}"
# A number below this is written with a power of ten; a relative error below that is rounding.
_SMALL, _ROUNDING = 1e-3, 1e-12


class PictureWarning(UserWarning):
    """Results could not be drawn."""


@dataclass(frozen=True)
class Part:
    """One function of a study and the grid on which it is called."""

    # Of one point; keyword arguments with types and a numpydoc text are the options of the study.
    # It returns what `meanfield.sweep` takes.
    function: Callable[..., Any]
    # Along which axes of the study its points lie, which may get longer in a store.
    axes: tuple[str, ...] = ()
    # Whether it is repeated for every replicate.
    replicated: bool = False
    # Axes along which points share couplings and starts; default: all.
    shared: tuple[str, ...] | None = None
    # The function makes the grid itself, if there is one, and takes some of `seed`, `workers`,
    # `executor`, `progress` and `store`.
    whole: bool = False


@dataclass(frozen=True)
class Study:
    """A question with its computation, picture, words and sizes."""

    # As a command and of its files, "lyapunov" or "hh2".
    name: str
    # Where it stands, "[HH] Fig. 2".
    source: str
    # What it shows, in one line.
    title: str
    # What is computed; their datasets are merged.
    parts: tuple[Part, ...]
    # Figure of one dataset, or several by the names of their files.
    draw: Callable[[xr.Dataset], Figure | Mapping[str, Figure]]
    # What is seen and what it means, in fixed sentences.
    text: str
    # Names and usual values of the axes, usual number of coupling matrices.
    axes: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    replicates: int = 1
    # Variables whose numbers are reported.
    columns: tuple[str, ...] = ()
    # Measured variables that are drawn beside a theory, and the variables of that.
    compared: Mapping[str, str] = field(default_factory=dict)
    # Adds theory and derived numbers to the dataset.
    derive: Callable[[xr.Dataset], xr.Dataset] | None = None
    # Named differences from the defaults: "quick", "paper"; and those of "converged", and of
    # "printed" where printed choices of the papers matter.
    presets: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    variants: Mapping[str, Mapping[str, Any]] = field(default_factory=lambda: {CONVERGED: {}})
    # Datasets by the names of their files, where one file is not enough.
    split: Callable[[xr.Dataset], Mapping[str, xr.Dataset]] | None = None
    # How the shell calls it; default, of a figure of a paper: by its name.
    command: str = ""

    @cached_property
    def options(self) -> dict[str, Option]:
        """Its parameters by name, from the signatures of its functions and their texts."""
        options: dict[str, Option] = {}
        for part in self.parts:
            options = {**options, **options_of(part.function, self.axes), **options}
        if any(part.replicated for part in self.parts):
            text = "Independent coupling matrices."
            options[REPLICATES] = Option(REPLICATES, int, self.replicates, text)
        return options

    def folder(self, preset: str | None) -> Path:
        """Where the shell writes it."""
        return Path("results", self.name if self.command else FIGURES.replace(PRESET, f"{preset}"))

    def values(
        self, preset: str | None = None, variant: str = CONVERGED, **changes: Any
    ) -> dict[str, Any]:
        """All parameters: the defaults, the differences of preset and variant, the changes."""
        if preset is not None:
            arguments.one_of("preset", preset, tuple(self.presets))
        arguments.one_of("variant", variant, tuple(self.variants))
        usual = {name: option.default for name, option in self.options.items()}
        usual |= self.presets[preset] if preset else {}
        usual |= self.variants[variant]
        for name, value in changes.items():
            if name not in usual:
                raise ArgumentError(
                    f"{name}={value!r}: {self.name} has no such parameter, only {', '.join(usual)}"
                )
            usual[name] = self.options[name].checked(value)
        given = usual.get("couplings")
        return usual | self._settled(given, changes) if isinstance(given, MatrixFile) else usual

    def _settled(self, file: MatrixFile, changes: Mapping[str, Any]) -> dict[str, Any]:
        """What one matrix settles: its size, no γ, one replicate; gains are factors on it, 1."""
        size = file.values.shape[0]
        settled = {"n": size, "gamma": np.nan, REPLICATES: 1}
        for name in settled.keys() & changes:
            raise ArgumentError(
                f"{name}={as_text(changes[name])}: couplings={file.name} is one matrix of {size} "
                "neurons, which g multiplies"
            )
        settled |= {name: 1.0 for name in ("g", "g_shown") if name not in changes}
        return {
            name: [value] if self.options[name].is_list else value
            for name, value in settled.items()
            if name in self.options
        }

    def run(
        self,
        preset: str | None = None,
        variant: str = CONVERGED,
        *,
        seed: seeds.Seed | None = 0,
        workers: int | None = None,
        executor: Any = None,
        store: str | Path | None = None,
        fresh: bool = False,
        progress: bool = False,
        **changes: Any,
    ) -> xr.Dataset:
        """Compute it; parameters, seed, command and versions are attributes of the dataset."""
        import xarray as xr

        values = self.values(preset, variant, **changes)
        entropy = seeds.entropy(seed)
        how = {
            "seed": entropy, "workers": workers, "executor": executor, "store": store,
            "fresh": fresh, "progress": progress,
        }  # fmt: skip
        with warnings.catch_warnings():
            if variant == PRINTED:
                # The printed step is used on purpose; picture and table say what it does.
                warnings.simplefilter("ignore", StepSizeWarning)
            parts = [self._part(part, values, how) for part in self.parts]
        # One verdict, of the first part that has one.
        first = next((part for part in parts if "status" in part), None)
        parts = [p if p is first else p.drop_vars(VERDICT, errors="ignore") for p in parts]
        data = xr.merge(parts, combine_attrs="override", join="outer", compat="no_conflicts")
        # Computed by this command and no other call.
        data.attrs.pop("call", None)
        written = Switching, SampledInput, MatrixFile
        shown = {k: as_text(v) if isinstance(v, written) else v for k, v in values.items()}
        facts = {
            **data.attrs,
            # What was left to the function is known to it alone.
            **{k: v for k, v in shown.items() if v is not None or k not in data.attrs},
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

    def pictures(self, data: xr.Dataset) -> dict[str, Figure]:
        """What it draws by the names of the files, with letters on the panels."""
        drawn = self.draw(data)
        stem = self.stem(data.attrs["variant"])
        pictures = dict(drawn) if isinstance(drawn, Mapping) else {stem: drawn}
        for picture in pictures.values():
            letter(picture)
        return pictures

    def stem(self, variant: str) -> str:
        """How the files of a variant begin."""
        return self.name if variant == CONVERGED else f"{self.name}-{variant}"

    def plan(
        self, preset: str | None = None, variant: str = CONVERGED, *, seed: int = 0, **changes: Any
    ) -> list[Plan]:
        """What each part would cost; a part that is one call of a solver is one point."""
        how = {name: changes.pop(name) for name in _HOW if name in changes}
        values = self.values(preset, variant, **changes)
        if how.pop("fresh", False):
            # What is there must outlive a question.
            how["store"] = None
        plans = []
        for part in self.parts:
            start = time.perf_counter()
            one = Plan("", 1, 0, [], 0.0, 1)
            with planning() as found:
                if not part.whole or "store" in inspect.signature(part.function).parameters:
                    data = self._part(part, values, {"seed": seed, **how})
                    # It has no loop: a solver takes its points together.
                    one = one._replace(seconds=[time.perf_counter() - start], bytes=data.nbytes)
            label = self._label(part) + f" ({variant})" * (variant != CONVERGED)
            plans += [cost._replace(label=label) for cost in found or [one]]
        return plans

    def _part(self, part: Part, values: Mapping[str, Any], how: Mapping[str, Any]) -> xr.Dataset:
        names = inspect.signature(part.function).parameters
        given = {name: values[name] for name in names if name in values}
        fixed = {name: value for name, value in given.items() if name not in part.axes}
        how = dict(how)
        fresh = how.pop("fresh", False)
        if how.get("store") is not None:
            # Other parameters are another sweep, with a folder of its own.
            code = key_of(identity(part.function, fixed | {"seed": how["seed"]}))
            how["store"] = Path(how["store"], f"{self.name}-{code[:12]}")
            for path in how["store"].rglob("*.jsonl") if fresh else ():
                # Not under the hands of another process.
                with Store(path.parent, fresh=True):
                    pass
        if part.whole:
            more = {name: how[name] for name in PASSED_ON if name in names and name in how}
            call = partial(part.function, **given, **more)
            if "executor" in names or how.get("executor") is None:
                return call()
            return results([call], executor=how["executor"])[0]
        count = values[REPLICATES] if part.replicated else 1
        data = sweep(
            part.function,
            {name: values[name] for name in part.axes},
            replicates=count,
            shared=part.axes if part.shared is None else part.shared,
            label=self._label(part),
            throw=ArgumentError if part is self.parts[0] else True,
            **how,
            **fixed,
        )
        if part.replicated and count == 1:
            data = data.expand_dims(replicate=[0]).transpose(*part.axes, "replicate", ...)
        return data

    def _label(self, part: Part) -> str:
        own = part.function.__name__.replace("_", " ")
        return f"{self.name}, {own}" if len(self.parts) > 1 else self.name

    def _command(
        self, preset: str | None, variant: str, seed: int, changes: Mapping[str, Any]
    ) -> str:
        command = self.command or f"python -m simulate reproduce {self.name}"
        parts = [command, f"--seed {seed}"]
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
    """A study that was asked: data by variant, caption with the numbers, files written, seconds."""

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
    csv: bool = False,
    **how: Any,
) -> Answer:
    """Compute variants of a study, by default all; with `output` save data, pictures, caption."""
    # There: NAME.nc, NAME.png, NAME-printed.nc, …, NAME.md, with `csv` the `tables` NAME.csv,
    # NAME-DIMENSION.csv, …, and finished points in ``points``.
    chosen = tuple(study.variants) if variants is None else tuple(variants)
    own = set(inspect.signature(Study.run).parameters)
    for variant in chosen:
        study.values(preset, variant, **{name: how[name] for name in how if name not in own})
    start = time.perf_counter()
    data, written = {}, []
    with ExitStack() as stack:
        if output is not None:
            output = Path(output)
            kept = stack.enter_context(files.ResultSet(output, study.name))
            how = {"store": output / "points", **how}
        for variant in chosen:
            data[variant] = study.run(preset, variant, **how)
            if output not in (None, study.folder(preset)):
                data[variant].attrs["command"] += f" --output {shlex.quote(str(output))}"
        paragraphs = (" ".join(part.split()) for part in study.text.strip().split("\n\n"))
        caption = "\n\n".join([*paragraphs, *as_tables(study, data), *deviations(study, data)])
        if output is not None:
            names = _written(study, data, caption, kept, ending, csv)
            written = [output / name for name in names]
    return Answer(data, caption, written, time.perf_counter() - start)


def _written(
    study: Study,
    data: Mapping[str, xr.Dataset],
    caption: str,
    kept: files.ResultSet,
    ending: str,
    csv: bool,
) -> list[str]:
    """Save data and caption, and then, which may fail, pictures."""
    names: list[str] = []
    for variant, run in data.items():
        stem = study.stem(variant)
        for name, part in ({stem: run} if study.split is None else study.split(run)).items():
            names.append(f"{name}.nc")
            kept.add(names[-1], partial(files.save, part))
            for dims, table in tables(part, study.options).items() if csv else ():
                names.append("-".join([name, *dims]) + ".csv")
                kept.add(names[-1], partial(table.to_csv, encoding="utf-8"))

    def describe(pictures: Mapping[str, Sequence[str]]) -> None:
        lines = [f"# {study.source}: {study.title}", ""]
        for variant, run in data.items():
            lines += [f"![{study.source}, {variant}]({name})" for name in pictures.get(variant, ())]
            lines += ["", f"*{variant}*: `{run.attrs['command']}`", ""]
        text = "\n".join([*lines, caption, ""])
        kept.describe(f"{study.name}.md", text)

    describe({})
    kept.secure()
    pictures = {variant: _drawn(study, variant, run, kept, ending) for variant, run in data.items()}
    describe(pictures)
    return [*names, *(name for drawn in pictures.values() for name in drawn), f"{study.name}.md"]


def _drawn(
    study: Study, variant: str, data: xr.Dataset, kept: files.ResultSet, ending: str
) -> list[str]:
    """Save the pictures of a variant; their names."""
    from matplotlib import style

    names = []
    try:
        with style.context(STYLE):
            for name, picture in study.pictures(data).items():
                kept.add(f"{name}.{ending}", partial(picture.savefig, format=ending))
                names.append(f"{name}.{ending}")
    except OSError:
        raise
    except Exception as error:
        said = (
            f"{study.stem(variant)}: no picture, {type(error).__name__}: {error}; the data are kept"
        )
        warnings.warn(said, PictureWarning, stacklevel=2)
    return names


def tables(data: xr.Dataset, parameters: Iterable[str] = ()) -> dict[tuple[str, ...], pd.DataFrame]:
    """A row for each point, and a table for each set of further dimensions, by their names."""
    # Rows of points end with those parameters that are one number or word for all.
    import pandas as pd

    points = data["status"].dims if "status" in data else ()
    same = {name: data.attrs.get(name) for name in parameters if name not in data.variables}
    same = {name: v for name, v in same.items() if isinstance(v, int | float | str)}
    groups: dict[tuple[str, ...], list[str]] = {}
    for name, values in data.data_vars.items():
        # What is the same for all points stands in the caption.
        if values.dims or not points:
            further = tuple(str(dim) for dim in values.dims if dim not in points)
            groups.setdefault(further, []).append(str(name))
    frames = {}
    for further, names in groups.items():
        part = data[names]
        if part.dims:
            frames[further] = part.to_dataframe([d for d in (*points, *further) if d in part.dims])
            if further == ():
                frames[further] = frames[further].assign(**same)
        else:
            row = {name: one.item() for name, one in part.data_vars.items()}
            frames[further] = pd.DataFrame(row, index=pd.Index([data.attrs["study"]], name="study"))
    return frames


def numbers(study: Study, data: Mapping[str, xr.Dataset]) -> list[pd.DataFrame]:
    """The reported numbers, one table for each set of dimensions; by variant if of several."""
    import pandas as pd
    import xarray as xr

    groups: dict[tuple[str, ...], dict[str, dict[str, Any]]] = {}
    for variant, run in data.items():
        for name in study.columns:
            if name in run:
                dims = tuple(str(d) for d in run[name].dims if d != "replicate")
                columns = groups.setdefault(dims, {}).setdefault(variant, {})
                columns |= averaged(run, name)
    frames = []
    for dims, by_variant in groups.items():
        parts = {}
        for variant, columns in by_variant.items():
            if dims:
                parts[variant] = xr.Dataset(columns).to_dataframe()[[*columns]]
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
    """Mean over replicates and its standard error, of a single one its own; else what there is."""
    values = data[name]
    if values.dtype.kind not in "biuf":
        return {name: values}
    values = values.astype(float)
    if "replicate" not in values.dims:
        error = data.get(f"{name}_err")
        return {name: values} if error is None else {name: values, f"{name}_err": error}
    if "failed" in data and set(data.failed.dims) <= set(values.dims):
        values = values.where(~data.failed)
    # The variable may want something else: "max" or "min".
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
    texts, first = [], next(iter(data.values()))
    for frame in numbers(study, data):
        shown = frame.copy()
        for name in [c for c in frame.columns if f"{c}_err" in frame.columns]:
            pairs = zip(frame[name], frame[f"{name}_err"], strict=True)
            shown[name] = [quoted(value, error) for value, error in pairs]
            shown = shown.drop(columns=f"{name}_err")
        meanings = {c: first[c].attrs.get("long_name") for c in shown.columns}
        said = [f"{name}: {text}" for name, text in meanings.items() if text]
        lines = shown.to_string(float_format="{:.4g}".format, index=len(shown) > 1)
        texts.append("\n".join(["```", lines, "```", "", *(f"- {text}" for text in said)]))
    return texts


def deviations(study: Study, data: Mapping[str, xr.Dataset]) -> list[str]:
    """How far what was measured is from the theory beside it, a sentence each."""
    said = []
    for variant, run in data.items():
        for name, theory in study.compared.items():
            found = averaged(run, name)
            if (error := found.get(f"{name}_err")) is None:
                continue
            z = abs(found[name] - run[theory]) / np.hypot(error, run.get(f"{theory}_err", 0.0))
            z = z.where(np.isfinite(z))
            if not (count := int(z.count())):
                continue
            where = {str(dim): place for dim, place in z.argmax(...).items()}
            at = ", ".join(f"{dim} = {z[dim][k].item()}" for dim, k in where.items())
            beyond = ", ".join(f"{int((z > k).sum())} beyond {k}" for k in (2, 3))
            text = f"{name} is at most {float(z.max()):.1f} standard errors from {theory}"
            text += f" ({at}), {beyond} of {count}" if at else ""
            if "replicate" in run.sizes:
                text += f"; errors over {run.sizes['replicate']} couplings"
            said.append(f"{variant}: {text}" if len(data) > 1 else text)
    return [f"- {text}" for text in said]


def told(dims: Any, values: Any, meaning: str, **more: str) -> tuple[Any, ...]:
    """A variable of a dataset with its meaning."""
    return dims, np.asarray(values), {"long_name": meaning, **more}


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
