"""`python -m simulate validate`: theory against simulation, one table."""

from __future__ import annotations

from pathlib import Path

import click
import joblib

from ..validation import EXPERIMENTS
from ..validation import validate as run_table
from ..validation.jobs import plan
from ..validation.report import save
from ..validation.validate import pick


def _listed() -> str:
    width = max(map(len, EXPERIMENTS))
    return "\n".join(f"  {e.key:<{width}}  {e.title}" for e in EXPERIMENTS.values())


def _shard(ctx: click.Context, param: click.Parameter, value: str) -> tuple[int, int]:
    first, slash, of = value.partition("/")
    if not (slash and first.isdigit() and of.isdigit() and 1 <= int(first) <= int(of)):
        raise click.BadParameter(f"{value!r}: expected I/K with 1 <= I <= K", ctx, param)
    return int(first), int(of)


@click.command(
    short_help="Every prediction against networks, one table, minutes.",
    epilog="\b\nExperiments:\n" + _listed(),
)
@click.option(
    "--quick", "scale", flag_value="quick", default="quick", help="Minutes.  [the default]"
)
@click.option("--paper", "scale", flag_value="paper", help="Sizes of the papers: hours, resumable.")
@click.option(
    "--rows",
    multiple=True,
    default=("*",),
    metavar="PATTERN",
    help="Some rows: patterns of EXPERIMENT or EXPERIMENT.ROW, e.g. 'equilibrium.q*'; repeatable.  "
    "The limit of |z| is that of the rows picked.",
)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
@click.option(
    "--false-alarm",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    default=0.01,
    show_default=True,
    help="Probability that the table of a true theory has a row that differs.",
)
@click.option(
    "--workers",
    type=click.IntRange(1),
    help="Processes; the result is the same.  [default: one per core]",
)
@click.option(
    "--shard",
    callback=_shard,
    default="1/1",
    metavar="I/K",
    help="Measure only the I-th of K parts, on one of K machines that share --output; a last run "
    "without --shard makes the table.",
)
@click.option(
    "--fresh", is_flag=True, help="Measure everything again.  [default: use what --output has]"
)
@click.option("--plan", "only_plan", is_flag=True, help="Print the jobs by size and stop.")
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    help="Directory of the report.  [default: results/validation/SCALE]",
)
def validate(
    scale: str,
    rows: tuple[str, ...],
    seed: int,
    false_alarm: float,
    workers: int | None,
    shard: tuple[int, int],
    fresh: bool,
    only_plan: bool,
    output: Path | None,
) -> int:
    """Test every prediction of the theory on networks, to how many standard errors.

    Writes report.html (table with pictures), table.json and table.txt; the exit code is 1 if a row
    differs.
    """
    if only_plan:
        click.echo(_plan(rows, scale, seed))
        return 0
    output = output or Path("results") / "validation" / scale
    store = output / "measurements"
    found = run_table(
        scale,
        rows=rows,
        seed=seed,
        false_alarm=false_alarm,
        store=store,
        fresh=fresh,
        shard=shard,
        workers=workers or joblib.cpu_count(),
        progress=True,
    )
    for text in (*found.failures, *found.warnings):
        click.echo(f"warning: {text}", err=True)
    if shard[1] > 1 and not found.complete:
        click.echo(f"shard {shard[0]}/{shard[1]} done; its measurements are in {store}")
        return 1 if found.failures else 0
    command = [f"python -m simulate validate --{scale} --seed {found.attributes['seed']}"]
    command += [f"--rows '{pattern}'" for pattern in rows if pattern != "*"]
    # Some rows must not take the place of the whole table.
    prefix = "" if rows == ("*",) else "rows-"
    text = " ".join([*command, f"--false-alarm {false_alarm:g}"])
    files = save(found, output, text, prefix)
    click.echo(f"{found.table()}\n\n{found.summary()}")
    if found.n_reused:
        click.echo(f"{found.n_reused} of {found.n_jobs} jobs were read from {store}")
    if found.n_other:
        click.echo(f"{store} also has {found.n_other} of other rows, seeds, versions or code")
    click.echo(f"wrote {', '.join(path.name for path in files)} to {output}")
    return 0 if found.passed else 1


def _plan(rows: tuple[str, ...], scale: str, seed: int) -> str:
    picked = pick(rows)
    width = max(len(experiment.key) for experiment in picked)
    lines = [f"{'experiment':<{width}}  theory  couplings at each N"]
    for experiment in picked:
        sizes = experiment.scales[scale].sizes
        text = ", ".join(f"{count} × {n or 'N → ∞'}" for n, count in sizes.items())
        lines.append(f"{experiment.key:<{width}}  {1:>6}  {text}")
    jobs = plan(picked, scale, seed)
    lines.append(f"{len(jobs)} independent jobs; split them over K machines by --shard I/K")
    return "\n".join(lines)
