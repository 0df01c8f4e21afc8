"""What a figure of the papers is made of."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import xarray as xr
from matplotlib.figure import Figure

SCALES = ("quick", "paper")
# The flow itself, by converged steps; and the scheme and parameters that the papers print.
CONVERGED, PRINTED = "converged", "printed"


@dataclass(frozen=True)
class PaperFigure:
    """One figure of the papers: how to compute, draw and explain it.

    Attributes
    ----------
    key : str
        Name in the command line, "hh2".
    source : str
        "[HH] Fig. 2".
    title : str
        What it shows, in one line.
    compute : function
        Called as ``compute(**parameters, variant=, seed=, workers=, progress=)``; returns the data
        of the picture.  Couplings and starts depend on `seed` only.
    draw : function
        Figure of one dataset, whose attribute ``variant`` says which it is.
    caption : function
        Of the datasets by variant: what is seen, with the measured numbers, and where variants
        differ, why.
    scales : mapping
        Parameters of `compute` for "quick" and "paper".
    variants : tuple of str
        "converged", and "printed" where the integration step (or another printed choice) matters.
    """

    key: str
    source: str
    title: str
    compute: Callable[..., xr.Dataset]
    draw: Callable[[xr.Dataset], Figure]
    caption: Callable[[Mapping[str, xr.Dataset]], str]
    scales: Mapping[str, Mapping[str, Any]]
    variants: tuple[str, ...] = (CONVERGED,)
