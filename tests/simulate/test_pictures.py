"""Every picture can be read at the width of a column of a journal."""

import warnings
from io import BytesIO
from itertools import combinations
from typing import Any

import numpy as np
import pytest
from matplotlib import style as sheets
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.text import Text
from small_studies import NETWORKS, THEORY

from meanfield import STYLE
from meanfield.common import style
from meanfield.common.study import Study
from meanfield.studies.complexity import COMPLEXITY
from meanfield.studies.phase_diagram import PHASE_DIAGRAM
from meanfield.studies.published import PUBLISHED
from simulate.studies.catalogue import study

GRID: dict[str, Any] = {"g": [0.4, 0.8, 1.0, 1.2], "gamma": [-0.2, 0.0, 0.5]}
MORE: list[tuple[Study, dict[str, Any]]] = [
    (PHASE_DIAGRAM, GRID),
    (COMPLEXITY, {"g": [0.9, 2.0], "gamma": [0.0, 0.5], "weight": [0.9, 1.0]}),
    (PUBLISHED, {"g": [1.1, 1.2], "gamma": [0.0], "kept": [0.8], "fields": 40, "n_samples": 20,
                 "steps": 3, "gain": [0.6, 0.8], "symmetry": [0.5]}),
    (study("qh3"), GRID),
    (study("qh5"), GRID),
]  # fmt: skip
STUDIES = [*THEORY, *MORE, *((study(name), changes) for name, changes in NETWORKS.items())]
SMALLEST = 6.0
# Of a type size: texts have margins.
TOUCHING = 0.25


@pytest.mark.slow
@pytest.mark.parametrize(("asked", "changes"), STUDIES, ids=lambda one: getattr(one, "name", ""))
def test_picture(asked: Study, changes: dict[str, Any]) -> None:
    trials = {"trials": 2} if "trials" in asked.options else {}
    with warnings.catch_warnings():
        # Tiny runs have not converged.
        warnings.simplefilter("ignore")
        data = asked.run(**trials, **changes)
    with sheets.context(STYLE):
        for name, figure in asked.pictures(data).items():
            figure.set_dpi(100)
            figure.draw_without_rendering()
            assert figure.get_figwidth() in (style.NARROW, style.WIDE), name
            assert _letters(figure) == "".join(sorted(_letters(figure))), name
            assert bool(_letters(figure)) == (len(_panels(figure)) > 1), name
            assert [text for text in _legends(figure) if text] == [], name
            texts = _texts(figure)
            assert min(text.get_fontsize() for text in texts) >= SMALLEST
            assert _clipped(figure, texts) == [], name
            assert _overlapping(figure, texts) == [], name


def test_text_of_vector_pictures_is_text() -> None:
    written = {ending: BytesIO() for ending in ("pdf", "svg")}
    with sheets.context(STYLE):
        figure, axis = style.panels(height=2)
        axis.set_title("gain")
        for ending, file in written.items():
            figure.savefig(file, format=ending)
    assert b"/FontFile2" in written["pdf"].getvalue()
    assert ">gain</text>" in written["svg"].getvalue().decode()


def _panels(figure: Figure) -> list[Axes]:
    places = {axis.get_subplotspec(): axis for axis in reversed(figure.axes)}
    return [axis for place, axis in places.items() if place is not None]


def _letters(figure: Figure) -> str:
    titles = [axis.get_title(loc="left") for axis in figure.axes]
    return "".join(title[1] for title in titles if title[:1] == "(" and title[2:3] == ")")


def _legends(figure: Figure) -> list[str]:
    """Entries of legends that name nothing in the figure."""
    lines = [line for axis in figure.axes for line in axis.lines if np.size(line.get_xdata())]
    lone = []
    for axis in figure.axes:
        for handle, text in zip(*axis.get_legend_handles_labels(), strict=True):
            if isinstance(handle, Line2D) and not np.size(handle.get_xdata()):
                # It names dashes, markers or both.
                for look in ("linestyle", "marker"):
                    used = {"None", *(getattr(line, f"get_{look}")() for line in lines)}
                    if getattr(handle, f"get_{look}")() not in used:
                        lone.append(text)
            elif not _has_data(handle):
                lone.append(text)
    return lone


def _has_data(handle: Any) -> bool:
    if isinstance(handle, Line2D):
        return bool(np.isfinite(np.asarray(handle.get_ydata(), dtype=float)).any())
    if not isinstance(handle, Artist):
        return any(_has_data(part) for part in handle.get_children())
    return True


def _texts(figure: Figure) -> list[Text]:
    hidden = set()
    for axis in figure.axes:
        three = hasattr(axis, "zaxis")
        for along in (axis.xaxis, axis.yaxis, *([axis.zaxis] if three else [])):
            hidden |= _unseen(along, three)
    found = figure.findobj(lambda one: isinstance(one, Text) and _is_shown(one))
    return [text for text in found if text not in hidden]


def _is_shown(text: Any) -> bool:
    axes = text.axes
    return bool(text.get_visible() and text.get_text().strip() and (not axes or axes.get_visible()))


def _unseen(along: Axis, three: bool) -> set[Text]:
    """Labels of ticks that are not drawn; those of three-dimensional axes are drawn elsewhere."""
    low, high = sorted(along.get_view_interval())
    margin = 1e-9 * (high - low)
    ticks = [*along.get_major_ticks(), *along.get_minor_ticks()]
    shown = along.axes.axison and along.get_visible()
    return {
        text
        for tick in ticks
        for text in (tick.label1, tick.label2)
        if three or not shown or not low - margin <= tick.get_loc() <= high + margin
    }


def _clipped(figure: Figure, texts: list[Text]) -> list[str]:
    inside = figure.bbox.padded(1)
    boxes = [(text, text.get_window_extent()) for text in texts]
    return [
        text.get_text()
        for text, box in boxes
        if not (inside.contains(box.x0, box.y0) and inside.contains(box.x1, box.y1))
    ]


def _overlapping(figure: Figure, texts: list[Text]) -> list[tuple[str, str]]:
    found = []
    for one, other in combinations(texts, 2):
        a, b = one.get_window_extent(), other.get_window_extent()
        wide, high = min(a.x1, b.x1) - max(a.x0, b.x0), min(a.y1, b.y1) - max(a.y0, b.y0)
        margin = TOUCHING * min(one.get_fontsize(), other.get_fontsize()) * figure.dpi / 72
        if wide > margin and high > margin:
            found.append((one.get_text(), other.get_text()))
    return found
