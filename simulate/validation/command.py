"""`python -m simulate validate`: theory against simulation, one table."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import joblib

from meanfield.common.cli import shared_options, version_option

from .experiments import EXPERIMENTS
from .report import save
from .validation import pick, plan
from .validation import validate as run_table

_WIDTH = max(map(len, EXPERIMENTS))
_OTHERS = ("output", "ending", "variants")
_SHARED = [one for one in shared_options(None, "quick") if one.name not in _OTHERS]


def _shard(ctx: click.Context, param: click.Parameter, value: str) -> tuple[int, int]:
    first, slash, of = value.partition("/")
    if not (slash and first.isdigit() and of.isdigit() and 1 <= int(first) <= int(of)):
        raise click.BadParameter(f"{value!r}: expected I/K with 1 <= I <= K", ctx, param)
    return int(first), int(of)


@click.command(
    params=_SHARED,
    short_help="Every prediction against networks, one table, minutes.",
    epilog="\n".join(
        ["\b\nExperiments:", *(f"  {e.key:<{_WIDTH}}  {e.title}" for e in EXPERIMENTS.values())]
    ),
)
@version_option
@click.option(
    "--rows",
    multiple=True,
    default=("*",),
    metavar="PATTERN",
    help="Some rows: patterns of EXPERIMENT or EXPERIMENT.ROW, e.g. 'equilibrium.q*'; repeatable.  "
    "The limit of |z| is that of the rows picked.",
)
@click.option(
    "--false-alarm",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    default=0.01,
    show_default=True,
    help="Probability that the table of a true theory has a row that differs.",
)
@click.option(
    "--shard",
    callback=_shard,
    default="1/1",
    metavar="I/K",
    help="Measure only the I-th of K parts, on one of K machines that share --output; a last run "
    "without --shard makes the table.",
)
@click.option("--plan", "only_plan", is_flag=True, help="Print the jobs by size and stop.")
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    help="Folder of the report.  [default: results/validation/PRESET]",
)
def validate(
    preset: str,
    rows: tuple[str, ...],
    output: Path | None,
    workers: int | None,
    only_plan: bool,
    as_json: bool,
    **how: Any,
) -> int:
    """Test every prediction of the theory on networks, to how many standard errors.

    Writes report.html (table with pictures), table.json and table.txt; the exit code is 1 if a row
    differs.
    """
    if only_plan:
        click.echo(_plan(rows, preset, how["seed"]))
        return 0
    output = output or Path("results") / "validation" / preset
    store, count = output / "measurements", workers or joblib.cpu_count()
    found = run_table(preset, rows=rows, store=store, workers=count, progress=True, **how)
    for text in (*found.failures, *found.warnings):
        click.echo(f"warning: {text}", err=True)
    first, of = how["shard"]
    if of > 1 and not found.complete:
        click.echo(f"shard {first}/{of} done; its measurements are in {store}")
        return 1 if found.failures else 0
    command = [f"python -m simulate validate --preset {preset} --seed {found.attributes['seed']}"]
    command += [f"--rows '{pattern}'" for pattern in rows if pattern != "*"]
    command += [f"--false-alarm {found.false_alarm:g}"]
    # Some rows must not take the place of the whole table.
    files = save(found, output, " ".join(command), "" if rows == ("*",) else "rows-")
    said = [f"{found.table()}\n\n{found.summary()}"]
    if found.n_reused:
        said.append(f"{found.n_reused} of {found.n_jobs} jobs were read from {store}")
    if found.n_other:
        said.append(f"{store} also has {found.n_other} of other rows, seeds, versions or code")
    said.append(f"wrote {', '.join(path.name for path in files)} to {output}")
    click.echo(found.to_json() if as_json else "\n".join(said))
    return 0 if found.passed else 1


def _plan(rows: tuple[str, ...], preset: str, seed: int) -> str:
    picked = pick(rows)
    lines = [f"{'experiment':<{_WIDTH}}  theory  couplings at each N"]
    for experiment in picked:
        sizes = experiment.presets[preset].sizes
        text = ", ".join(f"{count} × {n or 'N → ∞'}" for n, count in sizes.items())
        lines.append(f"{experiment.key:<{_WIDTH}}  {1:>6}  {text}")
    lines.append(f"{len(plan(picked, preset, seed))} independent jobs; split them by --shard I/K")
    return "\n".join(lines)
