"""What the command lines share: exit codes, one-line errors, ranges, schedules, saved results."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
import numpy as np
import xarray as xr
from matplotlib import style
from matplotlib.figure import Figure

from .figures import STYLE
from .output import staged_directory
from .parameters import ArgumentError
from .schedule import Schedule, Switching
from .transfer import Array

CONTEXT = {"help_option_names": ["-h", "--help"]}
_MAX_AXIS = 100_000


def run(
    command: click.Command,
    arguments: Sequence[str] | None,
    *,
    program: str,
    failures: tuple[type[Exception], ...] = (),
    obj: Any = None,
) -> int:
    """Run a click command; every error is one line on the standard error.

    Parameters
    ----------
    command : click.Command
    arguments : sequence of str, optional
        Default ``sys.argv[1:]``.
    program : str
        Name shown in the help.
    failures : tuple of exception types
        A valid question without an answer: exit code 1, with the `summary` of the exception if it
        has one.
    obj : object
        Passed to the command.

    Returns
    -------
    int
        What the command returned, or 2 on bad input, 1 on a failure, 130 if interrupted.
    """
    try:
        with style.context(STYLE):
            code = command.main(args=arguments, prog_name=program, standalone_mode=False, obj=obj)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message())
        return 2
    except click.ClickException as error:
        return _complain(error.format_message(), 2)
    except (ArgumentError, OSError) as error:
        return _complain(str(error), 2)
    except MemoryError as error:
        return _complain(f"not enough memory: {error}", 1)
    except failures as error:
        return _complain(getattr(error, "summary", str(error)), 1)
    except click.exceptions.Abort:
        return _complain("interrupted", 130)
    return code if isinstance(code, int) else 0


def _complain(text: str, code: int) -> int:
    click.echo(f"error: {text}", err=True)
    return code


def axis(ctx: click.Context, param: click.Parameter, value: str) -> Array:
    """Callback of an option START:STOP:COUNT, a comma-separated list, or one number."""

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
    # Rounded so that 0.8 on the axis is 0.8 and can be selected by it.
    return np.round(np.linspace(low, high, size), 12)


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


def output_option(name: str) -> Callable[[Any], Any]:
    """--output, the directory of the dataset and the figure."""
    return click.option(
        "--output",
        type=click.Path(path_type=Path),
        default=Path("results") / name,
        show_default=True,
        help="Directory for the dataset and the figure.",
    )


def chain(options: list[Callable[[Any], Any]]) -> Callable[[Any], Any]:
    """Decorate with all options, in the order of the help text."""

    def decorate(function: Any) -> Any:
        for option in reversed(options):
            function = option(function)
        return function

    return decorate


@contextmanager
def library_warnings() -> Iterator[None]:
    """Warnings of the block as lines on the standard error, each text once.

    Deprecations are for the developers of the packages below: old Matplotlib with new pyparsing.
    """
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default")
        for category in (DeprecationWarning, PendingDeprecationWarning):
            warnings.simplefilter("ignore", category)
        yield
    for text in dict.fromkeys(str(warning.message) for warning in caught):
        click.echo(f"warning: {text}", err=True)


@contextmanager
def results(output: Path) -> Iterator[Callable[[str, xr.Dataset, Figure], None]]:
    """A function that saves a dataset and its figure; library warnings as lines on stderr.

    Files appear when the block ends without error; an unwritable place fails before the work.
    """
    saved = []
    with staged_directory(output) as folder, library_warnings():

        def save(name: str, data: xr.Dataset, figure: Figure) -> None:
            data.to_netcdf(folder / f"{name}.nc", engine="scipy")
            figure.savefig(folder / f"{name}.png")
            saved.append(name)

        yield save
    files = ", ".join(f"{name}.nc and {name}.png" for name in saved)
    click.echo(f"wrote {files} to {output}")
