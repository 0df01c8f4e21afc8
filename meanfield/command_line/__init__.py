"""`python -m meanfield`: one command, one file."""

from __future__ import annotations

from collections.abc import Sequence

import click

from ..convergence import NotConvergedError
from ..dmft import SamplerError
from ..shell import CONTEXT, run
from .dmft import dmft
from .freezing import freezing
from .lyapunov import lyapunov
from .response_curve import response_curve
from .solve import solve
from .sweep import sweep


@click.group(context_settings=CONTEXT)
def cli() -> None:
    """Mean-field theory of random recurrent networks, without drawing a network.

    Replica theory of the quasi-potential E = |f|²/2: sweep, solve.  Dynamical mean-field theory:
    dmft, freezing, lyapunov, response-curve.  Each command but solve writes a dataset and a figure.
    [QH] is arXiv:2401.10009.
    """


for _command in (sweep, solve, dmft, freezing, lyapunov, response_curve):
    cli.add_command(_command)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code (2 bad input, 1 no solution)."""
    failures = (NotConvergedError, SamplerError)
    return run(cli, arguments, program="python -m meanfield", failures=failures)
