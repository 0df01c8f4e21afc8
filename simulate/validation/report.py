"""The table on disk: JSON, and one HTML page with its pictures inside."""

from __future__ import annotations

import base64
import html
import io
import math
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from meanfield.common import style
from meanfield.common.files import staged_directory

from .experiments import EXPERIMENTS
from .table import Row, cells
from .validation import Validation

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_LOOK = """
body { font: 15px/1.45 system-ui, sans-serif; max-width: 75em; margin: 2em auto; padding: 0 1em; }
table { border-collapse: collapse; margin: 1em 0; }
td, th { padding: .2em .7em; border-bottom: 1px solid #ddd; text-align: left; }
td:nth-child(n+3):not(:last-child) { font-variant-numeric: tabular-nums; white-space: nowrap; }
tr.failed { background: #fdd; }
img { max-width: 100%; }
"""


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
    from matplotlib.style import context

    with context(style.STYLE):
        texts = {"report.html": "\n".join(_page(found, command)), "table.json": found.to_json()}
    texts["table.txt"] = f"{found.table()}\n\n{found.summary()}\n"
    with staged_directory(Path(output)) as folder:
        for name, text in texts.items():
            (folder / f"{prefix}{name}").write_text(text, encoding="utf-8")
    return [Path(output) / f"{prefix}{name}" for name in texts]


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
    yield _image(_deviations(found.rows, found.limit), "All deviations")
    for key, group in groupby(found.rows, key=lambda one: one.experiment):
        yield from _section(EXPERIMENTS[key].title, list(group))
    if found.warnings:
        items = "".join(f"<li>{html.escape(text)}</li>" for text in found.warnings)
        yield f"<h2>Warnings</h2><ul>{items}</ul>"


def _section(title: str, rows: list[Row]) -> Iterator[str]:
    head = "".join(f"<th>{name}</th>" for name in ("prediction", "source", *cells(rows[0])))
    yield f"<h2>{html.escape(title)}</h2><table><tr>{head}</tr>"
    for one in rows:
        texts = (one.prediction.statement, one.prediction.source, *cells(one).values())
        shown = "".join(f"<td>{html.escape(text)}</td>" for text in texts)
        yield f"<tr{'' if one.passed else ' class=failed'}>{shown}</tr>"
    yield "</table>"
    picture = _approach(rows)
    if picture is not None:
        yield _image(picture, f"{title}: approach to the limit")


def _image(figure: Figure, text: str) -> str:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110)
    data = base64.b64encode(buffer.getvalue()).decode()
    return f"<p><img alt='{html.escape(text)}' src='data:image/png;base64,{data}'></p>"


def _deviations(rows: Sequence[Row], limit: float) -> Figure:
    """Deviation z of every tested row, with the limit of the table."""
    tested = [one for one in rows if math.isfinite(one.z)]
    figure, axis = style.panels(size=(7, 1.2 + 0.19 * max(len(tested), 4)))
    heights = np.arange(len(tested))[::-1]
    colours = ["C0" if one.passed else style.ALARM for one in tested]
    axis.axvspan(-limit, limit, color="0.93", lw=0)
    axis.axvline(0, color="0.6", lw=0.8)
    axis.hlines(heights, 0, [one.z for one in tested], color=colours, lw=1)
    axis.scatter([one.z for one in tested], heights, color=colours, s=16, zorder=3)
    axis.set_yticks(heights, [one.name for one in tested], fontsize=7)
    axis.set_ylim(-1, len(tested))
    widest = max([limit, *(abs(one.z) for one in tested)])
    axis.set_xlim(-1.1 * widest, 1.1 * widest)
    axis.set_xlabel(r"deviation $z$ (simulation $-$ theory, in standard errors)")
    axis.set_title(rf"shaded: $|z| \leq {limit:.2f}$")
    return figure


def _approach(rows: Sequence[Row]) -> Figure | None:
    """Means over couplings against n^−power, extrapolated, beside the theory: one panel a row.

    None where the rows have no networks.
    """
    shown = [one for one in rows if one.found is not None and one.found.sizes[0] > 0]
    if not shown:
        return None
    width = min(len(shown), 4)
    height = math.ceil(len(shown) / width)
    figure, grid = style.panels(height, width, size=(3.1 * width, 2.5 * height), squeeze=False)
    for axis, one in zip(grid.ravel(), shown, strict=False):
        _panel(axis, one)
    for axis in grid.ravel()[len(shown) :]:
        axis.set_axis_off()
    return figure


def _panel(axis: Axes, one: Row) -> None:
    found, power = one.found, one.prediction.power
    assert found is not None
    x = found.sizes**-power
    colour = "C0" if one.passed else style.ALARM
    axis.errorbar(x, found.means, found.errors, fmt="o", color=colour)
    axis.errorbar([0], [found.value], [found.error], fmt="s", mfc="white", color=colour)
    ends = np.array([0.0, 1.1 * x.max()])
    axis.plot(ends, found.value + found.slope * ends, color=colour, lw=0.9)
    low, high = (one.theory.value + sign * one.theory.error for sign in (-1, 1))
    axis.axhspan(low, high, color="C1", alpha=0.3, lw=0)
    axis.axhline(one.theory.value, color="C1", ls="--", lw=1.1)
    axis.set_xlim(-0.06 * x.max(), 1.12 * x.max())
    axis.set_xticks([0, *x], ["∞", *(f"{n:g}" for n in found.sizes)])
    axis.set_xlabel(rf"$N$, on the scale $N^{{-{power:.3g}}}$")
    law = "" if math.isnan(found.misfit) else rf", $\chi^2/\nu = {found.misfit:.1f}$"
    axis.set_title(f"{one.prediction.name}: z = {one.z:+.1f}{law}", fontsize=8)
