"""`python -m simulate`: one command, one file."""

from __future__ import annotations

from collections.abc import Sequence

import click

from meanfield.shell import CONTEXT
from meanfield.shell import run as run_command

from ..failures import FAILURES
from .fixed_points import fixed_points
from .lyapunov import lyapunov
from .memory import memory
from .reproduce import reproduce
from .run import run
from .sample import sample
from .validate import validate


@click.group(context_settings=CONTEXT)
def cli() -> None:
    """Random recurrent networks: vanilla, Langevin and Onsager-reaction regulated dynamics."""


for _command in (validate, reproduce, run, lyapunov, fixed_points, sample, memory):
    cli.add_command(_command)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code (2 bad input, 1 no result)."""
    return run_command(cli, arguments, program="python -m simulate", failures=FAILURES)
