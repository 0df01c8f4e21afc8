"""Results of independent jobs on a labelled grid, and their spread over couplings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike

from meanfield.transfer import Array


def gathered(
    axes: Mapping[str, int], values: Sequence[ArrayLike], *more: str
) -> tuple[tuple[str, ...], Array]:
    """Values of jobs as a variable of a dataset.

    Parameters
    ----------
    axes : mapping of str to int
        Dimensions over which the jobs go, with their lengths, the fastest last.
    values : sequence of array_like
        One of each job, all of one shape.
    *more : str
        Dimensions of each value.

    Returns
    -------
    dims : tuple of str
    values : ndarray

    Examples
    --------
    >>> dims, values = gathered({"g": 2, "trial": 3}, [[0, 1]] * 6, "t")
    >>> dims, values.shape
    (('g', 'trial', 't'), (2, 3, 2))
    """
    array = np.asarray(values)
    return (*axes, *more), array.reshape(*axes.values(), *array.shape[1:])


def spread(values: xr.DataArray) -> xr.DataArray:
    """Standard deviation over couplings, the dimension ``trial``; 0 for one coupling."""
    return values.std("trial", ddof=1 if values.sizes["trial"] > 1 else 0)
