"""Distribution of activities."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from meanfield import TransferFunction
from meanfield.common import arguments
from meanfield.common.arguments import ArgumentError, Array
from meanfield.common.result import Result, coordinate, error, fact, given, value

from ..integration import Trajectory
from .states import activity, described, function_of, kept_states, reason_of


class ActivityDistribution(Result):
    """Histogram of activities."""

    edges: Array = coordinate("edges of the bins of {of}", ("edge",))
    centers: Array = coordinate("middle of each bin of {of}", ("bin",))
    density: Array = value(
        "density of {of}",
        ("bin",),
        note="Integrates to the share of activities inside the edges.",
    )
    density_err: Array = error("density", note="Binomial.")
    counts: NDArray[np.int64] = value("number of activities", ("bin",))
    n_samples: int = fact("number of activities, those outside the edges included")
    _headline = ("counts", "n_samples")
    _picture = ("centers", "density")


def activity_distribution(
    x: Trajectory | ArrayLike,
    *,
    of: str = "x",
    bins: int | ArrayLike = 100,
    range: tuple[float, float] | None = None,
    phi: str | TransferFunction | None = None,
) -> ActivityDistribution:
    """Density of the activities of all neurons, columns and times given ([HH] Fig. 5).

    Parameters
    ----------
    x : Trajectory or array of any shape
    of : str
        "x" or "phi".
    bins : int or (n_bins + 1,) array
        Number of equal bins, or their increasing edges.
    range : (float, float), optional
        First and last edge; default the bounds of φ for "phi" where it has them, else the extremes.
    phi : str or TransferFunction, optional
        Default: that of the run, tanh for an array.

    Returns
    -------
    ActivityDistribution
        Its errors take activities as independent, which those of a neuron at nearby times are not.

    Raises
    ------
    ArgumentError
        If an argument is outside its range or an activity is not finite.

    Examples
    --------
    >>> from simulate import activity_distribution
    >>> shares = activity_distribution([0.1, 0.3, 0.9, 5.0], bins=2, range=(0, 1))
    >>> shares.counts.tolist(), shares.density.tolist()
    ([2, 1], [1.0, 0.5])
    """
    told = given(activity_distribution, locals())
    states = kept_states(x) if isinstance(x, Trajectory) else np.asarray(x, dtype=float)
    values = activity(x, of, phi)(np.asarray(states, dtype=np.float64))
    if not (values.size and np.all(np.isfinite(values))):
        raise ArgumentError(f"x of shape {states.shape}: must be finite and not empty")
    if isinstance(bins, int | np.integer):
        arguments.count("bins", int(bins), 1)
        bound = function_of(x, phi).bound if of == "phi" else np.inf
        if range is None and np.isfinite(bound):
            range = (-bound, bound)
        if range is not None and not -np.inf < range[0] < range[1] < np.inf:
            raise ArgumentError(f"range={range!r}: must be finite and increase")
        edges = np.histogram_bin_edges(values, int(bins), range)
    else:
        edges = np.asarray(bins, dtype=float)
        if edges.ndim != 1 or edges.size < 2 or not np.all(np.diff(edges) > 0):
            raise ArgumentError("bins: edges must increase")
    counts, _ = np.histogram(values, edges)
    share, widths = counts / values.size, np.diff(edges)
    share_err = np.sqrt(share * (1 - share) / values.size)
    return ActivityDistribution(
        edges=edges,
        centers=(edges[1:] + edges[:-1]) / 2,
        density=share / widths,
        density_err=share_err / widths,
        counts=counts,
        n_samples=values.size,
        reason=reason_of(x),
        attributes=described(told, x, of, phi),
    )
