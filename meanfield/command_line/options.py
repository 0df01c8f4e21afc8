"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import click

from ..replica.solver import SHEETS
from ..transfer import NAMES


def _check_sheet(sheet: str | None, branches: Sequence[str]) -> None:
    if sheet is not None and "paramagnetic" not in branches:
        raise click.UsageError("--sheet needs --branch paramagnetic")


def _positive(ctx: click.Context, param: click.Parameter, value: float) -> float:
    if not value > 0:
        raise click.BadParameter(f"{value:g}: must be positive", ctx, param)
    return value


_SHARED: list[Callable[[Any], Any]] = [
    click.option("--phi", type=click.Choice(NAMES), default="tanh", show_default=True),
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
        callback=_positive,
        help="Largest residual that counts as converged.",
    ),
]


def _shared(function: Any) -> Any:
    for option in reversed(_SHARED):
        function = option(function)
    return function


