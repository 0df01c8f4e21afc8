"""Command lines: options of studies, what is said of their points, exit codes, one-line errors."""

from __future__ import annotations

import errno
import json
import re
import sys
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from inspect import Parameter
from pathlib import Path
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Any

import click
import numpy as np
from click.core import ParameterSource

from ..schedule import SampledInput, Switching
from ..transfer import NAMES
from . import files
from .arguments import ArgumentError
from .jobs import DEPRECATIONS, Terminated, reason_of, stoppable
from .options import (
    MatrixFile,
    Option,
    as_text,
    options_of,
    read_input,
    read_integers,
    read_numbers,
    read_schedule,
)
from .result import ABSENT, CONVERGED, FLAGGED, NotConvergedError
from .study import FIGURES, PRESET, PRINTED, Answer, Study, answer, as_tables, numbers
from .sweep import SweepWarning
from .terminal import spelled

if TYPE_CHECKING:
    import xarray as xr

CONTEXT = {"help_option_names": ["-h", "--help"]}
ENDINGS = ("png", "pdf", "svg")
# Of a disk, a share of it, or a file that may not be longer.
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
# What ends a command with a line; whatever else is raised is a mistake in this package.
_TOLD = (
    click.ClickException, click.exceptions.Abort, KeyboardInterrupt, OSError, ValueError,
    OverflowError, MemoryError, RuntimeError,
)  # fmt: skip
version_option = click.version_option(package_name="quasipotential", prog_name="quasipotential")
JSON = click.Option(
    ["--json", "as_json"], is_flag=True, help="Print one JSON object, of a failure its error."
)
# How messages begin that tell of an argument: name=value, or of click the value alone.
_ARGUMENT = re.compile(r"(?P<argument>[a-z]\w*)(\[.*?\])?=(?P<value>.+?): ", re.I | re.S)
_VALUE = re.compile(r"(?P<value>'.*?'|\S+)(: | is not )", re.S)


class Commands(click.Group):
    """Commands by name, each a study or click command "package.module:OBJECT" imported late."""

    def __init__(self, *args: Any, places: Mapping[str, str], **kwargs: Any) -> None:
        super().__init__(*args, context_settings=CONTEXT, **kwargs)
        self.places = places
        version_option(self)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All names in their order."""
        return list(self.places)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, made of its study."""
        if cmd_name not in self.places:
            return None
        command = resolve_name(self.places[cmd_name])
        return command_of(command) if isinstance(command, Study) else command


def run(
    command: click.Command, arguments: Sequence[str] | None, *, program: str, obj: Any = None
) -> int:
    """Run a click command; every error is one line on the standard error.  The exit code."""
    # What the command returns: see `verdict`; 2 on bad input, 1 for a valid question without an
    # answer or a full disk, 130 if interrupted, 143 if terminated.
    given = sys.argv[1:] if arguments is None else list(arguments)
    with spelled():
        try:
            with stoppable():
                code = command.main(given, program, standalone_mode=False, obj=obj)
            return code if isinstance(code, int) else 0
        except click.exceptions.NoArgsIsHelpError as error:
            click.echo(error.format_message())
            return 2
        except _TOLD as error:
            return _complain(error, "--json" in given)


def _complain(error: BaseException, as_json: bool = False) -> int:
    """Tell of an error, in a line and as JSON if this is asked for; the exit code."""
    record, code = error_record(error)
    click.echo(f"{'error' if code else ABSENT}: {record['message']}", err=True)
    if as_json:
        print_json({"error": record} if code else {"status": ABSENT, "reason": record["message"]})
    return code


def error_record(error: BaseException) -> tuple[dict[str, Any], int]:
    """Type, message, argument and value of an error, where they are known; the exit code."""
    kind, text, code = type(error).__name__, reason_of(error), 2
    argument, value = None, None
    if isinstance(error, click.ClickException):
        text = error.format_message()
        argument = getattr(error, "option_name", None)
        if isinstance(error, click.BadParameter) and error.param is not None:
            argument, found = error.param.name, _VALUE.match(error.message)
            value = found and found["value"].strip("'")
    elif isinstance(error, click.exceptions.Abort | KeyboardInterrupt):
        kind, how, code = "Interrupted", "interrupted", 130
        if isinstance(error, Terminated) or isinstance(error.__cause__, Terminated):
            kind, how, code = "Terminated", "terminated", 143
        notes = getattr(error.__cause__ or error, "__notes__", [])
        text = "; ".join([how, *notes, "without --fresh the command goes on from what it has"])
    elif isinstance(error, OSError):
        text, code = str(error), 1 if error.errno in _FULL else 2
    elif isinstance(error, ArgumentError):
        text = str(error)
        if found := _ARGUMENT.match(text):
            argument, value = found["argument"], found["value"].strip("'")
    elif isinstance(error, MemoryError):
        text, code = f"not enough memory: {error}", 1
    elif isinstance(error, NotConvergedError):
        code = int(any(np.ravel(error.solution.status) != ABSENT))
    elif isinstance(error, RuntimeError | np.linalg.LinAlgError):
        code = 1
    else:  # Of NumPy: sizes that cannot be.
        text = f"out of range: {error}"
    return failure(kind, text, argument, value), code


def failure(
    kind: str, message: str, argument: str | None = None, value: str | None = None
) -> dict[str, Any]:
    """What is told of a failure, the same of every command."""
    return {"type": kind, "message": message, "argument": argument, "value": value}


def command_of(study: Study) -> click.Command:
    """The command of a study, with an option for each of its parameters."""

    def ask(**options: Any) -> int:
        context = click.get_current_context()
        given = {
            name: options[name]
            for name in study.options
            if context.get_parameter_source(name) is not ParameterSource.DEFAULT
        }
        code, facts = asked(study, options, given)
        if options["as_json"]:
            print_json(facts)
        return code

    options = [_option(option) for option in study.options.values()]
    code = study.parts[0].function.__module__.replace(".", "/") + ".py"
    text = f"{study.title[0].upper()}{study.title[1:]} ({study.source}).\n\n{study.text}"
    command = click.Command(
        study.name,
        params=[*shared_options(study, None if study.command else "quick"), *options],
        callback=ask,
        help=text,
        short_help=f"{study.source}: {study.title}",
        epilog="\b\n" + "\n".join([*_presets(study), f"Code: {code}"]),
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


def shared_options(study: Study | None, preset: str | None) -> list[click.Parameter]:
    """What every study understands; of `study` its presets and variants."""
    presets = ("quick", "paper") if study is None else tuple(study.presets)
    variants = (CONVERGED, PRINTED) if study is None else tuple(study.variants)
    options: list[click.Parameter] = []
    if presets:
        options.append(
            click.Option(
                ["--preset", "--scale", "preset"], type=click.Choice(presets), default=preset,
                show_default=True, help="Named sizes; options given beside it count more.",
            )
        )  # fmt: skip
        options += [
            click.Option([f"--{name}", "preset"], flag_value=name, hidden=True)
            for name in ("quick", "paper")
            if name in presets
        ]
    if len(variants) > 1:
        usual = variants if preset else (CONVERGED,)
        options.append(
            click.Option(
                ["--variant", "variants"], type=click.Choice(variants), multiple=True,
                default=usual, show_default=True, help="As printed, or converged; repeatable.",
            )
        )  # fmt: skip
    place = Path("results", FIGURES) if study is None else study.folder(PRESET)
    return [
        *options,
        click.Option(
            ["--seed"], type=click.IntRange(0), default=0, show_default=True,
            help="Of couplings, starts, noise and sampling.",
        ),
        click.Option(
            ["--workers"], type=click.IntRange(1),
            help="Processes; the result is the same.  [default: one per core]",
        ),
        click.Option(
            ["--scheduler", "executor"], metavar="ADDRESS", callback=_by(_address),
            help="Let the workers of a Dask scheduler do it, tcp://HOST:PORT.",
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
        JSON,
        click.Option(
            ["--csv"], is_flag=True,
            help="Write tables, too: of the points, with all parameters, and one for each set of "
            "further dimensions.",
        ),
        click.Option(
            ["--plan", "only_plan"], is_flag=True,
            help="Print how many tasks, how long and how much it would be, and stop.  Up to three "
            "are timed, and kept.",
        ),
    ]  # fmt: skip


def asked(
    study: Study, options: Mapping[str, Any], given: Mapping[str, Any]
) -> tuple[int, dict[str, Any]]:
    """Answer a study: exit code and numbers; prints what was written, unless JSON is asked for."""
    from loky import cpu_count

    preset, as_json = options.get("preset"), options["as_json"]
    output = options["output"] or study.folder(preset)
    how = {
        "seed": options["seed"], "workers": options["workers"] or cpu_count(),
        "executor": options["executor"], "fresh": options["fresh"], "progress": True,
    }  # fmt: skip
    if options["only_plan"]:
        costs: list[Any] = []
        for variant in options.get("variants") or [CONVERGED]:
            with library_warnings():
                costs += study.plan(preset, variant, store=output / "points", **how, **given)
        for cost in costs if not as_json else ():
            click.echo(cost)
        if study.derive is not None and not as_json:
            click.echo(f"{study.name}: what follows from these points, as theory, is not counted")
        return 0, {"study": study.name, "plan": [cost._asdict() for cost in costs]}
    with library_warnings() as told:
        reply = answer(
            study, preset=preset, variants=options.get("variants"), output=output,
            ending=options["ending"], csv=options["csv"], **how, **given,
        )  # fmt: skip
        code = verdict(reply.data.values(), told)
    if as_json:
        return code, _as_facts(study, reply) | failed(code, told)
    click.echo(f"{study.source}: {study.title} ({reply.seconds:.0f} s)\n")
    for text in as_tables(study, reply.data):
        click.echo(text.replace("```\n", "").replace("\n```", "") + "\n")
    click.echo(f"wrote {', '.join(path.name for path in reply.files)} to {output}")
    return code, {}


def verdict(runs: Iterable[xr.Dataset], told: Sequence[warnings.WarningMessage] = ()) -> int:
    """Exit code of a command by the points of its datasets; warnings of what is not `told` yet."""
    # 1 where a point failed, that is raised an error or was flagged without numbers, or where
    # points were flagged and none converged.  Flagged points beside converged ones pass with a
    # warning, and absent ones without: that the theory has no solution there is an answer.
    known = "\n".join(str(warning.message) for warning in told)
    counts: Counter[str] = Counter()
    for data in runs:
        kinds, reasons = _judged(data)
        counts.update(kinds.values.ravel().tolist())
        is_new = [str(reason) not in known for reason in reasons.values.flat]
        for word in ("failed", FLAGGED, *([ABSENT] if (kinds == ABSENT).all() else [])):
            places = np.flatnonzero((kinds.values == word).ravel() & is_new)
            if not places.size:
                continue
            first = np.unravel_index(places[0], kinds.shape)
            where = ", ".join(f"{dim}={kinds[first][dim].values}" for dim in kinds.dims)
            share = f"{len(places)} of {kinds.size} points {word}, first {where}"
            text = f"{share if where else word}: {reasons.values[first]}"
            warnings.warn(text, SweepWarning, stacklevel=2)
    return int(counts["failed"] > 0 or (counts[FLAGGED] > 0 and not counts[CONVERGED]))


def _judged(data: xr.Dataset) -> tuple[xr.DataArray, xr.DataArray]:
    """Status of every point, "failed" where it is flagged and has no numbers; and its reason."""
    import xarray as xr

    facts = {"status": CONVERGED, "reason": "", "failed": False} | data.attrs
    status, reason, failed = xr.broadcast(
        *(data.get(name, xr.DataArray(facts[name])) for name in ("status", "reason", "failed"))
    )
    for values in data.data_vars.values():
        if values.dtype.kind == "f" and set(status.dims) <= set(values.dims):
            # The first numbers of a result are those that it is asked for.
            failed = failed | values.isnull().all([d for d in values.dims if d not in status.dims])
            break
    if data.attrs.get("variant") == PRINTED:
        # The printed choices are taken on purpose; picture and table say what they do.
        status = status.where((status != FLAGGED) | failed, CONVERGED)
    lost = (failed & (status == FLAGGED)).transpose(*status.dims)
    return status.where(~lost, "failed"), reason


def failed(code: int, told: Sequence[warnings.WarningMessage]) -> dict[str, Any]:
    """The error of a command that has numbers, by what it warned of; nothing if it has none."""
    own = [one for one in told if issubclass(one.category, SweepWarning)]
    texts = dict.fromkeys(str(one.message) for one in own or told)
    return {"error": failure("NotConvergedError", "; ".join(texts))} if code else {}


def _as_facts(study: Study, reply: Answer) -> dict[str, Any]:
    """Numbers and provenance of an answer."""
    facts = {variant: files.plain(data.attrs) for variant, data in reply.data.items()}
    tables = [frame.reset_index().to_dict("records") for frame in numbers(study, reply.data)]
    return {"study": study.name, "tables": tables, "runs": facts}


def print_json(facts: Mapping[str, Any]) -> None:
    """Print one JSON object, where nan is null and what is infinite a text."""
    click.echo(json.dumps(_finite(facts), indent=1))


def _finite(value: Any) -> Any:
    value = files.plain(value)
    if isinstance(value, dict):
        return {name: _finite(entry) for name, entry in value.items()}
    if isinstance(value, list):
        return [_finite(entry) for entry in value]
    if isinstance(value, float) and not np.isfinite(value):
        return None if np.isnan(value) else str(value)
    return value


def plain_options(function: Callable[..., Any]) -> list[click.Option]:
    """The options of a function that is no study."""
    return [_option(option) for option in options_of(function, {}).values()]


def _by(read: Callable[[str], Any]) -> Callable[[click.Context, click.Parameter, Any], Any]:

    def convert(ctx: click.Context, param: click.Parameter, value: Any) -> Any:
        try:
            return read(value) if isinstance(value, str) else value
        except ArgumentError as error:
            raise click.BadParameter(f"{value!r}: {error}", ctx, param) from error

    return convert


def _option(option: Option) -> click.Option:
    spelled = [option.spelled, option.name]
    how: dict[str, Any] = {"help": option.text, "default": option.default}
    how["show_default"] = option.default is not None
    if option.is_list and option.kind is str:
        how |= {"multiple": True, "callback": _words, "metavar": "LIST"}
        how["default"] = [as_text(option.default)]
        how["help"] += f"  Of: {', '.join(option.choices)}." * bool(option.choices)
    elif option.is_list or option.kind in (Switching, SampledInput):
        how["default"] = None if option.default is None else as_text(option.default)
        reads = {Switching: read_schedule, SampledInput: read_input, int: read_integers}
        how["callback"] = _by(reads.get(option.kind, read_numbers))
        words = {Switching: "SCHEDULE", SampledInput: "FILE@STEP"}
        how["metavar"] = words.get(option.kind, "RANGE")
    elif option.kind is bool:
        if option.default:
            spelled[0] += option.spelled.replace("--", "/--no-", 1)
        how["is_flag"] = True
    elif option.kind is MatrixFile:
        how |= {"callback": _by(option.matrix), "metavar": "NAME|FILE"}
    elif option.choices or option.name == "phi":
        how["type"] = click.Choice(option.choices or NAMES)
    else:
        how["type"] = {int: click.IntRange(1), float: click.FLOAT}.get(option.kind, click.STRING)
    if option.default is Parameter.empty:
        how["required"] = True
        del how["default"]
    if option.name.startswith("n_"):
        # A number of things is also spelled as they are, --trajectories.
        spelled.insert(1, "--" + option.name[2:].replace("_", "-"))
    if option.name == "trials":
        # What `sweep` and the dimension of the data are called after.
        spelled.insert(1, "--replicates")
    return click.Option(spelled, **how)


def _address(text: str) -> str:
    if not re.fullmatch(r"([a-z]+://)?[^/]+:\d+", text):
        raise ArgumentError("expected tcp://HOST:PORT")
    return text


def _words(ctx: click.Context, param: click.Parameter, value: tuple[str, ...]) -> list[str]:
    return [word for text in value for word in text.split(",")]


@contextmanager
def library_warnings() -> Iterator[list[warnings.WarningMessage]]:
    """Warnings of the block as lines on the standard error, each text once."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default")
        # These are for the developers of the packages below: old Matplotlib with new pyparsing.
        for category in DEPRECATIONS:
            warnings.simplefilter("ignore", category)
        yield caught
    for text in dict.fromkeys(str(warning.message) for warning in caught):
        click.echo(f"warning: {text}", err=True)
