"""Distribution of activities."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from meanfield import TransferFunction
from meanfield.common import arguments
from meanfield.common.arguments import ArgumentError, Array
from meanfield.common.files import provenance

from ..integration import Trajectory
from .states import activity, described, function_of, kept_states

if TYPE_CHECKING:
    import xarray as xr


@dataclass(frozen=True)
class ActivityDistribution:
    """Histogram of activities.

    Attributes
    ----------
    edges : (n_bins + 1,) ndarray
    density, density_err : (n_bins,) ndarray
        Integrates to the share of activities inside the edges; binomial standard error.
    counts : (n_bins,) ndarray of int
    n_samples : int
        Number of activities, those outside the edges included.
    attributes : dict
        Parameters of the run and what was read off its states.
    """

    edges: Array
    density: Array
    density_err: Array
    counts: NDArray[np.int64]
    n_samples: int
    attributes: dict[str, Any] = field(default_factory=dict)

    @property
    def centers(self) -> Array:
        """Middle of each bin."""
        return (self.edges[1:] + self.edges[:-1]) / 2

    def to_dataset(self) -> xr.Dataset:
        """Labelled arrays with parameters and versions in the attributes."""
        import xarray as xr

        kind = self.attributes.get("of", "x")
        return xr.Dataset(
            {
                "density": ("bin", self.density, {"long_name": f"density of {kind}"}),
                "density_err": ("bin", self.density_err, {"long_name": "binomial standard error"}),
                "counts": ("bin", self.counts, {"long_name": "number of activities"}),
            },
            {
                "center": ("bin", self.centers, {"long_name": kind}),
                "edges": ("edge", self.edges, {"long_name": f"edges of the bins of {kind}"}),
            },
            {**self.attributes, "n_samples": self.n_samples, **provenance()},
        )


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
    >>> found = activity_distribution([0.1, 0.3, 0.9, 5.0], bins=2, range=(0, 1))
    >>> found.counts.tolist(), found.density.tolist()
    ([2, 1], [1.0, 0.5])
    """
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
    error = np.sqrt(share * (1 - share) / values.size)
    return ActivityDistribution(
        edges=edges,
        density=share / widths,
        density_err=error / widths,
        counts=counts,
        n_samples=values.size,
        attributes=described(x, of, phi),
    )
