"""Command lines: options made from the signatures of studies, exit codes, one-line errors."""

from __future__ import annotations

import json
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from inspect import Parameter
from pathlib import Path
from typing import Any, get_args, get_origin

import click
import numpy as np
from click.core import ParameterSource

from ..schedule import Schedule, Switching
from ..transfer import NAMES
from . import files
from .arguments import ArgumentError, Array
from .jobs import DEPRECATIONS, reason_of
from .study import (
    CONVERGED,
    PRINTED,
    Answer,
    Option,
    Study,
    answer,
    as_tables,
    as_text,
    numbers,
    options_of,
    required,
)

CONTEXT = {"help_option_names": ["-h", "--help"]}
_MAX_AXIS = 100_000
ENDINGS = ("png", "pdf", "svg")
version_option = click.version_option(package_name="quasipotential", prog_name="quasipotential")


class Commands(click.Group):
    """Commands by name, each in a module that is imported when it is asked for.

    Parameters
    ----------
    places : mapping of str to str
        "package.module:OBJECT" of each command: a study, or a click command.
    """

    def __init__(self, *args: Any, places: Mapping[str, str], **kwargs: Any) -> None:
        super().__init__(*args, **{"context_settings": CONTEXT, **kwargs})
        self.places = places
        version_option(self)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All names in their order."""
        return list(self.places)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, made of its study."""
        if cmd_name not in self.places:
            return None
        module, _, name = self.places[cmd_name].partition(":")
        found = getattr(import_module(module), name)
        return command_of(found) if isinstance(found, Study) else found


def run(
    command: click.Command, arguments: Sequence[str] | None, *, program: str, obj: Any = None
) -> int:
    """Run a click command; every error is one line on the standard error.

    Parameters
    ----------
    command : click.Command
    arguments : sequence of str, optional
        Default ``sys.argv[1:]``.
    program : str
        Name shown in the help.
    obj : object
        Passed to the command.

    Returns
    -------
    int
        What the command returned, or 2 on bad input, 1 for a valid question without an answer, 130
        if interrupted.
    """
    # A terminal or pipe that knows no Greek shows something else instead of failing.
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    try:
        code = command.main(args=arguments, prog_name=program, standalone_mode=False, obj=obj)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message())
        return 2
    except click.ClickException as error:
        return _complain(error.format_message(), 2)
    except (click.exceptions.Abort, KeyboardInterrupt):
        return _complain("interrupted; without --fresh the command goes on from what it has", 130)
    except (ArgumentError, OSError) as error:
        return _complain(str(error), 2)
    except MemoryError as error:
        return _complain(f"not enough memory: {error}", 1)
    except (RuntimeError, np.linalg.LinAlgError) as error:
        return _complain(reason_of(error), 1)
    except (ValueError, OverflowError) as error:  # Of NumPy: sizes that cannot be.
        return _complain(f"out of range: {error}", 2)
    return code if isinstance(code, int) else 0


def _complain(text: str, code: int) -> int:
    click.echo(f"error: {text}", err=True)
    return code


def command_of(study: Study) -> click.Command:
    """The command of a study, with an option for each of its parameters."""

    def ask(**options: Any) -> int:
        context = click.get_current_context()
        given = {
            name: options[name]
            for name in study.options
            if context.get_parameter_source(name) is not ParameterSource.DEFAULT
        }
        return asked(study, options, given)

    figure = study.name[2:].isdigit()
    options = [_option(one) for one in study.options.values()]
    text = f"{study.title[0].upper()}{study.title[1:]} ({study.source}).\n\n{study.text}"
    command = click.Command(
        study.name,
        params=[*shared_options(study, "quick" if figure else None), *options],
        callback=ask,
        help=text,
        short_help=f"{study.source}: {study.title}",
        epilog="\b\n" + "\n".join([*_presets(study), f"Code: {_short(study.file)}"]),
    )
    return version_option(command)


def _presets(study: Study) -> list[str]:
    lines = []
    for kind in ("presets", "variants"):
        for name, changes in getattr(study, kind).items():
            said = ", ".join(f"{key}={as_text(value)}" for key, value in changes.items())
            if changes:
                lines.append(f"--{kind[:-1]} {name}: {said}")
    return lines


def _short(path: str) -> str:
    """The path from its package on."""
    parts = Path(path).parts
    places = (k for k, part in enumerate(parts) if part in ("meanfield", "simulate"))
    first = max(places, default=len(parts) - 1)
    return "/".join(parts[first:])


def shared_options(study: Study | None, preset: str | None) -> list[click.Parameter]:
    """What every study understands; of `study` its presets and variants."""
    presets = ("quick", "paper") if study is None else tuple(study.presets)
    variants = (CONVERGED, PRINTED) if study is None else tuple(study.variants)
    found: list[click.Parameter] = []
    if presets:
        found.append(
            click.Option(
                ["--preset", "--scale", "preset"], type=click.Choice(presets), default=preset,
                show_default=True, help="Named sizes; options given beside it count more.",
            )
        )  # fmt: skip
        found += [
            click.Option([f"--{name}", "preset"], flag_value=name, hidden=True)
            for name in ("quick", "paper")
            if name in presets
        ]
    if len(variants) > 1:
        usual = variants if preset else (CONVERGED,)
        found.append(
            click.Option(
                ["--variant", "variants"], type=click.Choice(variants), multiple=True,
                default=usual, show_default=True, help="As printed, or converged; repeatable.",
            )
        )  # fmt: skip
    name = "figures" if study is None or preset else study.name
    place = f"results/{name}" + ("/PRESET" if preset else "")
    return [
        *found,
        click.Option(
            ["--seed"], type=click.IntRange(0), default=0, show_default=True,
            help="Of couplings, starts, noise and sampling.",
        ),
        click.Option(
            ["--workers"], type=click.IntRange(1),
            help="Processes; the result is the same.  [default: one per core]",
        ),
        click.Option(
            ["--output"], type=click.Path(path_type=Path),
            help=f"Folder of data, picture and caption.  [default: {place}]",
        ),
        click.Option(
            ["--format", "ending"], type=click.Choice(ENDINGS), default="png", show_default=True,
            help="Of pictures.",
        ),
        click.Option(["--fresh"], is_flag=True, help="Use no points of an earlier run."),
        click.Option(["--json", "as_json"], is_flag=True, help="Print the numbers as JSON."),
    ]  # fmt: skip


def asked(study: Study, options: Mapping[str, Any], given: Mapping[str, Any]) -> int:
    """Answer a study on the command line: warnings, what was written, numbers."""
    from joblib import cpu_count

    preset = options.get("preset")
    usual = Path("results") / study.name
    if study.name[2:].isdigit():
        usual = Path("results") / "figures" / str(preset)
    output = options["output"] or usual
    with library_warnings():
        found = answer(
            study,
            preset=preset,
            variants=options.get("variants"),
            output=output,
            ending=options["ending"],
            seed=options["seed"],
            workers=options["workers"] or cpu_count(),
            fresh=options["fresh"],
            progress=True,
            **given,
        )
    show(study, found, output, options["as_json"])
    return 0


def show(study: Study, found: Answer, output: Path, as_json: bool) -> None:
    """Print an answer."""
    if as_json:
        click.echo(as_json_text(study, found))
        return
    click.echo(f"{study.source}: {study.title} ({found.seconds:.0f} s)\n")
    for text in as_tables(study, found.data):
        click.echo(text.replace("```\n", "").replace("\n```", "") + "\n")
    click.echo(f"wrote {', '.join(path.name for path in found.files)} to {output}")


def as_json_text(study: Study, found: Answer) -> str:
    """Numbers and provenance of an answer as one JSON object; what is not finite as a text."""
    facts = {variant: files.plain(data.attrs) for variant, data in found.data.items()}
    tables = [frame.reset_index().to_dict("records") for frame in numbers(study, found.data)]
    return json_text({"study": study.name, "tables": tables, "runs": facts})


def json_text(value: Any) -> str:
    """JSON with what is not finite as a text."""
    return json.dumps(_finite(value), indent=1)


def _finite(value: Any) -> Any:
    value = files.plain(value)
    if isinstance(value, dict):
        return {name: _finite(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_finite(one) for one in value]
    return str(value) if isinstance(value, float) and not np.isfinite(value) else value


def plain_options(function: Callable[..., Any]) -> list[click.Option]:
    """The options of a function that is no study."""
    return [_option(one) for one in options_of(function, {}).values()]


def _option(one: Option) -> click.Option:
    """The click option of one parameter."""
    spelled = [one.spelled, one.name]
    how: dict[str, Any] = {"help": one.text, "show_default": True, "default": one.default}
    kind = required(one.kind)
    if kind == Schedule or Switching in get_args(kind):
        how |= {"callback": schedule, "metavar": "SCHEDULE", "default": as_text(one.default)}
    elif one.is_axis or get_origin(kind) in (list, tuple, Sequence):
        kind = type(next(iter(one.default or [0.0])))
        how |= {"callback": {str: texts, int: integers}.get(kind, axis)}
        how |= {"metavar": "LIST" if kind is str else "RANGE"}
        how["default"] = None if one.default is None else as_text(one.default)
        if kind is str:
            how |= {"multiple": True, "default": [how["default"]]}
    elif kind is bool:
        if one.default:
            spelled[0] += one.spelled.replace("--", "/--no-", 1)
        how["is_flag"] = True
    elif one.choices or one.name == "phi":
        how["type"] = click.Choice(one.choices or NAMES)
    else:
        how["type"] = {int: click.IntRange(1), float: click.FLOAT}.get(kind, click.STRING)
    if one.default is None:
        how["show_default"] = False
    if one.default is Parameter.empty:
        how["required"] = True
        del how["default"]
    if one.name.startswith("n_"):
        # A number of things is also spelled as they are, --trajectories.
        spelled.insert(1, "--" + one.name[2:].replace("_", "-"))
    return click.Option(spelled, **how)


def axis(ctx: click.Context, param: click.Parameter, value: Any) -> Array:
    """Callback of an option START:STOP:COUNT, a comma-separated list, or one number."""
    if not isinstance(value, str):
        return value

    def refuse(text: str) -> click.BadParameter:
        return click.BadParameter(f"{value!r}: {text}", ctx, param)

    try:
        if ":" not in value:
            values = np.array([float(part) for part in value.split(",")])
            if len(np.unique(values)) < len(values):
                raise refuse("a value stands twice")
            return values
        start, stop, count = value.split(":")
        low, high, size = float(start), float(stop), int(count)
    except ValueError:
        raise refuse("expected START:STOP:COUNT, a list a,b,c or a number") from None
    if not 1 <= size <= _MAX_AXIS:
        raise refuse(f"COUNT must lie in [1, {_MAX_AXIS}]")
    if not (np.isfinite(low) and np.isfinite(high)):
        raise refuse("START and STOP must be finite")
    if high < low or (size > 1 and high == low):
        raise refuse("empty range, START must be below STOP")
    # Rounded so that 0.8 on the axis is 0.8 and can be selected by it; and no −0.
    return np.round(np.linspace(low, high, size), 12) + 0.0


def integers(ctx: click.Context, param: click.Parameter, value: Any) -> list[int]:
    """Callback of an option like `axis` that takes integers only."""
    found = np.asarray(axis(ctx, param, value))
    if np.any(found % 1):
        raise click.BadParameter(f"{value!r}: must be integers", ctx, param)
    return [int(one) for one in found]


def texts(ctx: click.Context, param: click.Parameter, value: tuple[str, ...]) -> list[str]:
    """Callback of an option a,b,c that may be given several times."""
    return [word for one in value for word in one.split(",")]


def schedule(ctx: click.Context, param: click.Parameter, value: str) -> Schedule:
    """Callback of "VALUE" or "VALUE,VALUE@TIME,…": the later values hold from their times on."""
    try:
        first, *later = value.split(",")
        pairs = [part.split("@") for part in later]
        values = [float(first), *(float(number) for number, _ in pairs)]
        times = [float(time) for _, time in pairs]
    except ValueError:
        raise click.BadParameter(
            f"{value!r}: expected a number, or e.g. 0,1@100,0@200", ctx, param
        ) from None
    return Switching(times, values) if times else values[0]


@contextmanager
def library_warnings() -> Iterator[None]:
    """Warnings of the block as lines on the standard error, each text once.

    Deprecations are for the developers of the packages below: old Matplotlib with new pyparsing.
    """
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default")
        for category in DEPRECATIONS:
            warnings.simplefilter("ignore", category)
        yield
    for text in dict.fromkeys(str(warning.message) for warning in caught):
        click.echo(f"warning: {text}", err=True)
