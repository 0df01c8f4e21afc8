"""What the pictures share."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from matplotlib import colormaps
from matplotlib.axes import Axes
from numpy.typing import ArrayLike

MAIN, SECOND = "#4c566a", "#d08770"
MARKERS = ("o", "s", "^", "D", "v")
_TOP = 0.85


def shade(index: int, count: int) -> tuple[float, float, float, float]:
    """Colour of one of `count` curves, dark to light and never the palest."""
    return colormaps["viridis"](_TOP * index / max(count - 1, 1))


def band(
    axis: Axes, x: ArrayLike, y: ArrayLike, error: ArrayLike, colour: Any, **line: Any
) -> None:
    """A line with its standard error shaded."""
    middle, width = np.asarray(y), np.asarray(error)
    axis.plot(x, middle, color=colour, **{"lw": 1.3, **line})
    axis.fill_between(x, middle - width, middle + width, color=colour, alpha=0.25, lw=0)


def title(data: xr.Dataset) -> str:
    """Parameters of one run and how it was solved."""
    facts = data.attrs
    return rf"$g = {facts['g']:g}$, $\gamma = {facts['gamma']:g}$, {facts['method']}"
