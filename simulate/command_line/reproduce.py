"""`python -m simulate reproduce`: the figures of the papers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from ..failures import FAILURES
from ..reproduction import FIGURES
from ..reproduction import reproduce as compute
from ..reproduction.definition import SCALES
from ..reproduction.reproduce import figure_parameters
from .options import library_warnings


def _listed() -> str:
    return "\n".join(
        f"  {figure.key:<5} {figure.source:<12} {figure.title}" for figure in FIGURES.values()
    )


def _changes(ctx: click.Context, param: click.Parameter, value: tuple[str, ...]) -> dict[str, Any]:
    found = {}
    for text in value:
        name, given, number = text.partition("=")
        try:
            found[name] = json.loads(number)
        except json.JSONDecodeError:
            given = ""
        if not given:
            raise click.BadParameter(
                f"{text!r}: expected NAME=NUMBER, or NAME=[A,B,...]", ctx, param
            )
    return found


@click.command(
    short_help="Any figure of both papers: reproduce hh2.",
    epilog="\b\nFigures of [QH] Qiu and Huang, Commun. Theor. Phys. 77, 035601 (2025), and\n"
    "[HH] W. Huang and H. Huang, Freezing chaos without synaptic plasticity (2025):\n" + _listed(),
)
@click.argument("figures", nargs=-1, metavar="FIGURE...")
@click.option("--all", "everything", is_flag=True, help="Every figure.")
@click.option(
    "--scale",
    type=click.Choice(SCALES),
    default="quick",
    show_default=True,
    help="Small networks, seconds to a minute a figure; or the sizes of the papers.",
)
@click.option(
    "--variant",
    "variants",
    multiple=True,
    type=click.Choice(("converged", "printed")),
    help="Only the flow itself, or only what the printed step shows.  [default: both]",
)
@click.option(
    "--set",
    "changes",
    multiple=True,
    metavar="NAME=VALUE",
    callback=_changes,
    help="Change a parameter of the figure, e.g. n=500.  `--describe` lists them.",
)
@click.option("--describe", is_flag=True, help="Print the parameters at both scales and stop.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
@click.option(
    "--workers",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="Processes; the result is the same.",
)
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    default=Path("results") / "figures",
    show_default=True,
    help="Directory for pictures, data and captions; one folder a scale.",
)
def reproduce(
    figures: tuple[str, ...],
    everything: bool,
    scale: str,
    variants: tuple[str, ...],
    changes: dict[str, Any],
    describe: bool,
    seed: int,
    workers: int,
    output: Path,
) -> int:
    """Compute figures of [QH] and [HH] again: converged, and as printed where the step matters.

    Each leaves FIGURE.png, its data FIGURE.nc and a caption FIGURE.md that says what is seen, with
    the measured numbers; FIGURE-printed.png is the picture by the printed scheme, Euler with step
    0.01.
    """
    if not figures and not everything:
        raise click.UsageError(f"name a figure or give --all:\n{_listed()}")
    keys = tuple(FIGURES) if everything else figures
    chosen = {}
    for key in keys:
        figure_parameters(key, scale, changes)
        available = FIGURES[key].variants
        chosen[key] = tuple(v for v in available if v in variants) if variants else available
        if not chosen[key]:
            raise click.UsageError(f"{key} has no variant {variants[0]}, only {available[0]}")
    if describe:
        click.echo("\n".join(_described(key) for key in keys))
        return 0
    failed = []
    for key in keys:
        figure = FIGURES[key]
        try:
            with library_warnings():
                found = compute(
                    key,
                    scale=scale,
                    output=output / scale,
                    variants=chosen[key],
                    seed=seed,
                    workers=workers,
                    progress=True,
                    **changes,
                )
        except FAILURES as error:
            # The other figures do not depend on it.
            click.echo(f"error: {key}: {getattr(error, 'summary', str(error))}", err=True)
            failed.append(key)
            continue
        click.echo(f"{figure.source}: {figure.title} ({found.seconds:.0f} s)\n\n{found.caption}\n")
        names = ", ".join(path.name for path in found.files)
        click.echo(f"wrote {names} to {output / scale}\n")
    return 1 if failed else 0


def _described(key: str) -> str:
    figure = FIGURES[key]
    lines = [f"{key}: {figure.source}, {figure.title}"]
    lines += [f"  {name}: {json.dumps(dict(figure.scales[name]))}" for name in SCALES]
    return "\n".join(lines)
