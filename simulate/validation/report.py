"""`python -m simulate validate`: the table on the terminal, as JSON and as one HTML page."""

from __future__ import annotations

import base64
import html
import io
import math
import warnings
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import numpy as np

from meanfield.common import style
from meanfield.common.cli import (
    failure,
    library_warnings,
    print_json,
    shared_options,
    version_option,
)
from meanfield.common.files import ResultSet, provenance, write_text
from meanfield.common.jobs import slots
from meanfield.common.store import Store
from meanfield.common.study import PictureWarning
from meanfield.common.sweep import duration

from .experiments import EXPERIMENTS
from .table import TableRow, cells
from .validation import Validation, pick, plan
from .validation import validate as run_table

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_WIDTH = max(map(len, EXPERIMENTS))
_OTHERS = ("output", "ending", "variants", "only_plan")
# Bytes of a measurement on disk.
_LINE = 900
_SHARED = [option for option in shared_options(None, "quick") if option.name not in _OTHERS]
_LOOK = """
body { font: 15px/1.45 system-ui, sans-serif; max-width: 75em; margin: 2em auto; padding: 0 1em; }
table { border-collapse: collapse; margin: 1em 0; }
td, th { padding: .2em .7em; border-bottom: 1px solid #ddd; text-align: left; }
td:nth-child(n+3):not(:last-child) { font-variant-numeric: tabular-nums; white-space: nowrap; }
tr.failed { background: #fdd; }
img { max-width: 100%; }
"""
_INTRODUCTION = (
    "<p>Every row compares a prediction with its measurement on networks. Coupling matrices "
    "are the unit of replication; numbers in brackets are standard errors of the last digits; "
    "several N are extrapolated to N → ∞ by the law that the pictures show (filled points are "
    "means over couplings, the open square is their limit, the dashed line the theory); the "
    "errors do not cover a wrong law. z is the deviation in standard errors, as improbable as "
    "Student's t. “Would notice” is the smallest difference that the row refuses. Identities "
    "have no statistics: their largest deviation is compared with a bound on rounding and "
    "truncation.</p>"
)


def _shard(ctx: click.Context, param: click.Parameter, value: str) -> tuple[int, int]:
    first, slash, of = value.partition("/")
    if not (slash and first.isdigit() and of.isdigit() and 1 <= int(first) <= int(of)):
        raise click.BadParameter(f"{value!r}: expected I/K with 1 <= I <= K", ctx, param)
    return int(first), int(of)


def _patterns(ctx: click.Context, param: click.Parameter, value: tuple[str, ...]) -> Any:
    return tuple(pattern.strip() for text in value for pattern in text.split(","))


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
    callback=_patterns,
    metavar="PATTERN,...",
    help="Some rows: patterns of EXPERIMENT or EXPERIMENT.ROW, e.g. 'equilibrium.q*,chaos'; "
    "repeatable.  The limit of |z| is that of the rows picked.",
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
@click.option(
    "--plan",
    "only_plan",
    is_flag=True,
    help="Print the jobs by size, how long they took in earlier runs, and stop.",
)
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

    Writes report.html (table with pictures), table.json and table.txt, with --csv table.csv; the
    exit code is 1 if a row differs.
    """
    from loky import cpu_count

    output = output or Path("results") / "validation" / preset
    store, count = output / "measurements", workers or cpu_count()
    if only_plan:
        text = _plan(rows, preset, how["seed"], store, slots(count, how["executor"]))
        print_json({"plan": text.splitlines()}) if as_json else click.echo(text)
        return 0
    csv = how.pop("csv")
    table = run_table(preset, rows=rows, store=store, workers=count, progress=True, **how)
    for text in (*table.failures, *table.job_warnings):
        click.echo(f"warning: {text}", err=True)
    first, of = how["shard"]
    if of > 1 and not table.complete:
        text = f"shard {first}/{of} done; its measurements are in {store}"
        facts = {"shard": text} | _failed(table, not table.failures)
        print_json(facts) if as_json else click.echo(text)
        return 1 if table.failures else 0
    command = [f"python -m simulate validate --preset {preset} --seed {table.attributes['seed']}"]
    command += [f"--rows '{pattern}'" for pattern in rows if pattern != "*"]
    command += [f"--false-alarm {table.false_alarm:g}"]
    # Some rows must not take the place of the whole table.
    prefix = "" if rows == ("*",) else "rows-"
    with library_warnings():
        files = save(table, output, " ".join(command), prefix, csv=csv)
    said = [f"{table.table()}\n\n{table.summary()}"]
    if table.n_reused:
        said.append(f"{table.n_reused} of {table.n_jobs} jobs were read from {store}")
    if table.n_other:
        said.append(f"{store} also has {table.n_other} of other rows, seeds, versions or code")
    said.append(f"wrote {', '.join(path.name for path in files)} to {output}")
    if as_json:
        print_json(table.facts() | _failed(table, table.passed))
    else:
        click.echo("\n".join(said))
    return 0 if table.passed else 1


def _failed(table: Validation, passed: bool) -> dict[str, Any]:
    """The error of a table that does not pass."""
    text = "; ".join(table.failures) or table.summary()
    return {} if passed else {"error": failure("ValidationError", text)}


def _plan(rows: tuple[str, ...], preset: str, seed: int, store: Path, workers: int) -> str:
    picked = pick(rows, preset)
    lines = [f"{'experiment':<{_WIDTH}}  theory  couplings at each N"]
    for experiment in picked:
        sizes = experiment.presets[preset].sizes
        text = ", ".join(f"{count} × {n or 'N → ∞'}" for n, count in sizes.items())
        lines.append(f"{experiment.key:<{_WIDTH}}  {1:>6}  {text}")
    jobs, kept = plan(picked, preset, seed), Store(store).read()
    left = [job for job in jobs if kept.get(job.key) is None]
    spent: dict[tuple[Any, ...], list[float]] = {}
    for _, facts, attempt in kept.points():
        if attempt.error is None:
            kind = facts["experiment"], facts["kind"], facts["n"]
            spent.setdefault(kind, []).append(attempt.seconds)
    times = [spent.get((job.experiment.key, job.kind, job.n), []) for job in left]
    known = [sum(one) / len(one) for one in times if one]
    text = f"{len(jobs)} jobs, {len(jobs) - len(left)} kept, {len(left)} to do"
    if known:
        whole = f"{len(known)} of them take {duration(sum(known))} of one worker"
        text += f"; {whole}, about {duration(sum(known) / workers)} on {workers} workers"
    elif left:
        text += "; none like them has been timed"
    lines.append(f"{text}; {_LINE * len(jobs) / 1e6:.2g} MB on disk")
    return "\n".join(lines)


def save(
    table: Validation,
    output: str | Path,
    command: str = "",
    prefix: str = "",
    *,
    csv: bool = False,
) -> list[Path]:
    """Write table.json, table.txt and report.html to a folder, their names after a prefix."""
    from matplotlib.style import context

    texts = {"table.json": table.to_json(), "table.txt": f"{table.table()}\n\n{table.summary()}\n"}
    if csv:
        texts["table.csv"] = table.to_dataset().to_dataframe().to_csv()
    with ResultSet(Path(output), f"{prefix}table", patience=60.0) as kept:
        for name, text in texts.items():
            kept.add(f"{prefix}{name}", partial(write_text, text))
        kept.describe(f"{prefix}report.html", f"<pre>{html.escape(texts['table.txt'])}</pre>")
        kept.secure()
        try:
            with context(style.STYLE):
                page = "\n".join(_page(table, command))
        except Exception as error:
            said = f"report.html: no pictures, {type(error).__name__}: {error}; the table is there"
            warnings.warn(said, PictureWarning, stacklevel=2)
        else:
            kept.describe(f"{prefix}report.html", page)
    return [Path(output) / f"{prefix}{name}" for name in ("report.html", *texts)]


def _page(table: Validation, command: str) -> Iterator[str]:
    yield f"<!doctype html><meta charset='utf-8'><title>Validation</title><style>{_LOOK}</style>"
    yield "<h1>Theory against simulation</h1>"
    yield f"<p>{html.escape(table.summary()).replace(chr(10), '<br>')}</p>"
    yield _INTRODUCTION
    facts = {
        **{name: table.attributes[name] for name in ("preset", "seed")},
        **provenance(),
        "core seconds": f"{sum(table.seconds.values()):.0f}",
        "jobs": table.n_jobs,
    }
    if table.n_reused:
        facts["jobs read from earlier runs"] = table.n_reused
    yield f"<p>{html.escape('; '.join(f'{name}: {said}' for name, said in facts.items()))}</p>"
    if command:
        yield f"<pre>{html.escape(command)}</pre>"
    width, height = table.figure_size
    figure, axis = style.panels(width=width, height=height)
    table.plot(axis)
    yield _image(figure, "All deviations")
    for key, group in groupby(table.rows, key=lambda row: row.experiment):
        yield from _section(EXPERIMENTS[key].title, list(group))
    if table.job_warnings:
        items = "".join(f"<li>{html.escape(text)}</li>" for text in table.job_warnings)
        yield f"<h2>Warnings</h2><ul>{items}</ul>"


def _section(title: str, rows: list[TableRow]) -> Iterator[str]:
    head = "".join(f"<th>{name}</th>" for name in ("prediction", "source", *cells(rows[0])))
    yield f"<h2>{html.escape(title)}</h2><table><tr>{head}</tr>"
    for row in rows:
        texts = (row.prediction.statement, row.prediction.source, *cells(row).values())
        shown = "".join(f"<td>{html.escape(text)}</td>" for text in texts)
        yield f"<tr{'' if row.passed else ' class=failed'}>{shown}</tr>"
    yield "</table>"
    shown_rows = [row for row in rows if row.measured is not None and row.measured.sizes[0] > 0]
    if shown_rows:
        yield _image(_approach(shown_rows), f"{title}: approach to the limit")


def _image(figure: Figure, text: str) -> str:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=140)
    data = base64.b64encode(buffer.getvalue()).decode()
    return f"<p><img alt='{html.escape(text)}' src='data:image/png;base64,{data}'></p>"


def _approach(rows: Sequence[TableRow]) -> Figure:
    """Means over couplings against n^−power, extrapolated, beside the theory: one panel a row."""
    width = min(len(rows), 4)
    height = math.ceil(len(rows) / width)
    size = {"height": 2.0 * height, "width": 2.5 * width}
    figure, grid = style.panels(height, width, **size, squeeze=False)
    for axis, row in zip(grid.ravel(), rows, strict=False):
        _panel(axis, row)
    for axis in grid.ravel()[len(rows) :]:
        axis.set_axis_off()
    return figure


def _panel(axis: Axes, row: TableRow) -> None:
    measured, power = row.measured, row.prediction.power
    assert measured is not None
    x = measured.sizes**-power
    colour = "C0" if row.passed else style.ALARM
    axis.errorbar(x, measured.means, measured.means_err, fmt="o", color=colour)
    axis.errorbar([0], [measured.value], [measured.value_err], fmt="s", mfc="white", color=colour)
    ends = np.array([0.0, 1.1 * x.max()])
    axis.plot(ends, measured.value + measured.slope * ends, color=colour, lw=0.9)
    low, high = (row.theory.value + sign * row.theory.value_err for sign in (-1, 1))
    axis.axhspan(low, high, color="C1", alpha=0.3, lw=0)
    axis.axhline(row.theory.value, color="C1", ls="--", lw=1.1)
    axis.set_xticks([0, *x], ["∞", *(f"{n:g}" for n in measured.sizes)])
    axis.set(
        xlim=(-0.06 * x.max(), 1.12 * x.max()), xlabel=rf"$N$, on the scale $N^{{-{power:.3g}}}$"
    )
    law = "" if math.isnan(measured.misfit) else rf", $\chi^2/\nu = {measured.misfit:.1f}$"
    axis.set_title(f"{row.prediction.name}: z = {row.z:+.1f}{law}", fontsize=6.5)
