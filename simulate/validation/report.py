"""The table on disk: JSON, and one HTML page with its pictures inside."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

from matplotlib import style
from matplotlib.figure import Figure

from meanfield.figures import STYLE
from meanfield.output import staged_directory

from .experiments import EXPERIMENTS
from .pictures import approach, deviations
from .table import Row, resolution_text, simulation_text, sizes_text, theory_text, z_text
from .validate import Validation

_LOOK = """
body { font: 15px/1.45 system-ui, sans-serif; max-width: 75em; margin: 2em auto; padding: 0 1em; }
table { border-collapse: collapse; margin: 1em 0; }
td, th { padding: .2em .7em; border-bottom: 1px solid #ddd; text-align: left; }
td.number { font-variant-numeric: tabular-nums; white-space: nowrap; }
tr.failed { background: #fdd; }
img { max-width: 100%; }
"""
_HEAD = (
    "prediction", "source", "theory", "simulation", "N", "z", "would notice", "verdict"
)  # fmt: skip


def save(found: Validation, output: str | Path, command: str = "", prefix: str = "") -> list[Path]:
    """Write report.html, table.json and table.txt.

    Parameters
    ----------
    found : Validation
    output : path
        Directory, made if it does not exist.
    command : str
        What makes the report again, shown in it.
    prefix : str
        Before the names of the files.

    Returns
    -------
    list of Path
        The files.
    """
    names = tuple(f"{prefix}{name}" for name in ("report.html", "table.json", "table.txt"))
    with staged_directory(Path(output)) as folder, style.context(STYLE):
        (folder / names[0]).write_text("\n".join(_page(found, command)), encoding="utf-8")
        (folder / names[1]).write_text(found.to_json(), encoding="utf-8")
        text = f"{found.table()}\n\n{found.summary()}\n"
        (folder / names[2]).write_text(text, encoding="utf-8")
    return [Path(output) / name for name in names]


def _page(found: Validation, command: str) -> Iterator[str]:
    yield f"<!doctype html><meta charset='utf-8'><title>Validation</title><style>{_LOOK}</style>"
    yield "<h1>Theory against simulation</h1>"
    yield f"<p>{html.escape(found.summary()).replace(chr(10), '<br>')}</p>"
    yield (
        "<p>Every row compares a prediction with its measurement on networks. Coupling matrices "
        "are the unit of replication; numbers in brackets are standard errors of the last digits; "
        "several N are extrapolated to N → ∞ by the law that the pictures show (filled points are "
        "means over couplings, the open square is their limit, the dashed line the theory); the "
        "errors do not cover a wrong law. z is the deviation in standard errors, as improbable as "
        "Student's t. “Would notice” is the smallest difference that the row refuses. Identities "
        "have no statistics: their largest deviation is compared with a bound on rounding and "
        "truncation.</p>"
    )
    facts = {
        **found.attributes,
        "core seconds": f"{sum(found.seconds.values()):.0f}",
        "jobs": found.n_jobs,
    }
    if found.n_reused:
        facts["jobs read from earlier runs"] = found.n_reused
    yield f"<p>{html.escape('; '.join(f'{name}: {value}' for name, value in facts.items()))}</p>"
    if command:
        yield f"<pre>{html.escape(command)}</pre>"
    yield _image(deviations(found.rows, found.limit), "All deviations")
    for key, group in groupby(found.rows, key=lambda one: one.experiment):
        yield from _section(EXPERIMENTS[key].title, list(group))
    if found.warnings:
        items = "".join(f"<li>{html.escape(text)}</li>" for text in found.warnings)
        yield f"<h2>Warnings</h2><ul>{items}</ul>"


def _section(title: str, rows: list[Row]) -> Iterator[str]:
    yield f"<h2>{html.escape(title)}</h2><table><tr>"
    yield "".join(f"<th>{name}</th>" for name in _HEAD) + "</tr>"
    for one in rows:
        cells = (
            one.prediction.statement,
            one.prediction.source,
            theory_text(one),
            simulation_text(one),
            sizes_text(one),
            z_text(one),
            resolution_text(one),
            f"{one.verdict} {one.reason}",
        )
        kind = "" if one.passed else " class='failed'"
        numbers = "".join(
            f"<td{' class=number' if 2 <= k < 7 else ''}>{html.escape(cell)}</td>"
            for k, cell in enumerate(cells)
        )
        yield f"<tr{kind}>{numbers}</tr>"
    yield "</table>"
    picture = approach(rows)
    if picture is not None:
        yield _image(picture, f"{title}: approach to the limit")


def _image(figure: Figure, text: str) -> str:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110)
    data = base64.b64encode(buffer.getvalue()).decode()
    return f"<p><img alt='{html.escape(text)}' src='data:image/png;base64,{data}'></p>"
