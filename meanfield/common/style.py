"""One look for every picture, in the symbols of the papers."""

from __future__ import annotations

from collections.abc import Sequence
from string import ascii_lowercase
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from .arguments import ArgumentError

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Style sheet of every picture: ``matplotlib.style.use(meanfield.STYLE)``.
STYLE = "meanfield.common.quasipotential"
MAIN, SECOND, ALARM = "#4c566a", "#d08770", "crimson"
# Where the step of an integration is too long.
CROSS: dict[str, Any] = {"marker": "x", "color": ALARM, "ls": "", "mew": 1.3}
MARKERS = ("o", "s", "^", "D", "v")
DASHES = ("-", "--", ":", "-.")
# One and two columns of a journal, 8.6 and 17.8 cm, in inches: type is as large in print as here.
NARROW, WIDE = 3.39, 7.01
_TOP = 0.85


def panels(
    rows: int = 1, columns: int = 1, *, height: float, width: float | None = None, **how: Any
) -> tuple[Figure, Any]:
    """A figure of this height in inches with its axes, that no window shows."""
    from matplotlib.figure import Figure

    size = width or (NARROW if columns == 1 else WIDE), height
    figure = Figure(figsize=size, layout="constrained")
    return figure, figure.subplots(rows, columns, **how)


def halves(height: float, *, ratios: tuple[float, float] = (1, 1)) -> tuple[Any, ...]:
    """A figure of two columns, and the parts that it has above and below."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDE, height), layout="constrained")
    parts: Any = figure.subfigures(2, 1, height_ratios=ratios)
    return figure, *parts


def letter(figure: Figure) -> None:
    """(a), (b), … before the titles of the panels in the order they were made, if several."""
    places, found = set(), []
    for axis in figure.axes:
        place = axis.get_subplotspec()
        # A second scale of a panel has its place, a colour bar has none.
        if place is not None and place not in places:
            places.add(place)
            found.append(axis)
    for name, axis in zip(ascii_lowercase, found if len(found) > 1 else (), strict=False):
        axis.set_title(f"({name}) {axis.get_title(loc='left')}".rstrip(), loc="left")


def shade(index: int, count: int) -> tuple[float, float, float, float]:
    """Colour of one of `count` curves, dark to light and never the palest."""
    from matplotlib import colormaps

    return colormaps["viridis"](_TOP * index / max(count - 1, 1))


def band(
    axis: Axes, x: ArrayLike, y: ArrayLike, error: ArrayLike, colour: Any, **line: Any
) -> None:
    """A line with its standard error shaded."""
    middle, width = np.asarray(y), np.asarray(error)
    axis.plot(x, middle, color=colour, **line)
    axis.fill_between(x, middle - width, middle + width, color=colour, alpha=0.25, lw=0)


def activity(
    axis: Axes, t: ArrayLike, x: ArrayLike, title: str, shaded: Sequence[tuple[float, float]] = ()
) -> None:
    """Activity of some neurons in time; shaded are intervals in which the force is on."""
    for start, end in shaded:
        axis.axvspan(start, end, color="0.93", zorder=0)
    axis.plot(t, x, lw=0.7)
    ends = float(np.min(t)), float(np.max(t))
    axis.set(xlim=ends, xlabel=r"time $t$", ylabel=r"activity $x_i(t)$", title=title)


def one_panel(ax: Axes | None, size: tuple[float, float] | None = None) -> Axes:
    """The axes to draw on: those given, or those of a figure that notebooks show."""
    if not hasattr(ax, "set_xlabel") and ax is not None:
        raise ArgumentError(f"ax={ax!r:.200}: must be Axes of matplotlib, or None")
    if ax is None:
        from matplotlib import pyplot as plt

        _, ax = plt.subplots(figsize=size, layout="constrained")
    return ax


def curves(
    ax: Axes | None,
    abscissa: tuple[ArrayLike, str],
    drawn: Sequence[tuple[ArrayLike, ArrayLike | None, str]],
    label: str | None = None,
) -> Axes:
    """Curves with their errors on `ax`, or on a figure of their own that notebooks show."""
    # One curve has its meaning at the axis, several have theirs, after `label`, in the legend.
    ax = one_panel(ax)
    before, several = len(ax.get_lines()), len(drawn) > 1
    x, text = abscissa
    ax.set_xlabel(text)
    for number, (y, error, meaning) in enumerate(drawn):
        name = f"{label}, {meaning}" if label and several else label or meaning
        width = np.zeros_like(y) if error is None else error
        shape = np.size(x), int(np.prod(np.shape(y)[1:]))
        columns = zip(*(np.reshape(v, shape).T for v in (y, width)), strict=True)
        for column, (middle, half) in enumerate(columns):
            colour = f"C{before + number}" if before else shade(number, len(drawn))
            band(ax, x, middle, half, colour, label="" if column else name)
    if several or label:
        ax.legend()
    if not several:
        ax.set_ylabel(drawn[0][2])
    return ax


def points(
    axis: Axes, x: ArrayLike, y: ArrayLike, error: ArrayLike, good: ArrayLike, index: int, of: int
) -> None:
    """Points of the curve `index` with bars, hollow where they are not good."""
    colour = shade(index, of)
    for shown, face in ((np.asarray(good), colour), (~np.asarray(good), "white")):
        if shown.any():
            axis.errorbar(
                np.asarray(x)[shown], np.asarray(y)[shown], np.asarray(error)[shown], color=colour,
                marker=MARKERS[index % len(MARKERS)], mfc=face, ls="", zorder=3,
            )  # fmt: skip


def averages(axis: Axes, x: ArrayLike, values: xr.DataArray, colour: Any, **look: Any) -> None:
    """Means over couplings with standard errors."""
    error = spread(values) / np.sqrt(values.sizes["replicate"])
    look = {"ls": "", "marker": "o", **look}
    axis.errorbar(x, values.mean("replicate"), error, color=colour, **look)


def marks(axis: Axes, lines: ArrayLike, along: ArrayLike, label: str) -> None:
    """Dotted lines at these places of an axis, in the colours of their curves, where they are."""
    places, low, high = np.asarray(lines), float(np.min(along)), float(np.max(along))
    for index in np.flatnonzero((low <= places) & (places <= high)):
        axis.axvline(places[index], color=shade(int(index), places.size), ls=":", lw=0.8)
        axis.plot([], [], color="0.4", ls=":", lw=0.8, label=label)
        label = ""


def spread(values: xr.DataArray) -> xr.DataArray:
    """Standard deviation over replicates; 0 for one."""
    return values.std("replicate", ddof=1 if values.sizes["replicate"] > 1 else 0)


def above(figure: Figure, text: str) -> None:
    """A heading on the left above all panels."""
    figure.suptitle(text, x=0.01, ha="left")
