"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import click

from ..replica.solver import SHEETS
from ..shell import axis, chain
from ..transfer import NAMES


def check_sheet(sheet: str | None, branches: Sequence[str]) -> None:
    """Refuse a sheet where no branch has one.

    Raises
    ------
    UsageError
        If `sheet` is given without the paramagnetic branch.
    """
    if sheet is not None and "paramagnetic" not in branches:
        raise click.UsageError("--sheet needs --branch paramagnetic")


def positive(ctx: click.Context, param: click.Parameter, value: float | None) -> float | None:
    """Callback of an option that must be above 0 where it is given."""
    if value is not None and not value > 0:
        raise click.BadParameter(f"{value:g}: must be positive", ctx, param)
    return value


def phi_option() -> Callable[[Any], Any]:
    """--phi."""
    return click.option(
        "--phi",
        type=click.Choice(NAMES),
        default="tanh",
        show_default=True,
        help="Transfer function.",
    )


def replica_options() -> Callable[[Any], Any]:
    """--phi, --eta, --sheet and --tol of `saddle_point`."""
    return chain(
        [
            phi_option(),
            click.option(
                "--eta",
                type=float,
                default=0.0,
                show_default=True,
                help="Confinement, needs finite beta; not on the static branch.",
            ),
            click.option(
                "--sheet",
                type=click.Choice(SHEETS),
                help="Of the paramagnetic branch for gamma < 0; default cooled.",
            ),
            click.option(
                "--tol",
                type=float,
                default=1e-10,
                show_default=True,
                callback=positive,
                help="Largest residual that counts as converged.",
            ),
        ]
    )


def range_option(name: str, default: str, text: str) -> Callable[[Any], Any]:
    """An axis, START:STOP:COUNT or a,b,c."""
    return click.option(
        name, callback=axis, metavar="RANGE", default=default, show_default=True, help=text
    )


def sampler_options() -> Callable[[Any], Any]:
    """--trajectories, --batches, --seed and --workers; without effect where nothing is sampled."""
    return chain(
        [
            click.option(
                "--trajectories",
                type=click.IntRange(1),
                help="Of the sampler, all batches together.  [default: 32000; steady state 20000]",
            ),
            click.option(
                "--batches",
                type=click.IntRange(2),
                help="Independent batches, the unit of the errors.  [default: 8]",
            ),
            click.option(
                "--seed", type=click.IntRange(0), default=0, show_default=True, help="Of sampling."
            ),
            click.option("--workers", type=click.IntRange(1), help="Threads.  [default: 1]"),
        ]
    )


def given(**values: Any) -> dict[str, Any]:
    """The options that were given; the library has the defaults of the others."""
    return {name: value for name, value in values.items() if value is not None}
