"""Principal components of trajectories ([HH] Eqs. 12 and 13)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import scipy.linalg
from numpy.typing import ArrayLike

from meanfield import TransferFunction
from meanfield.common import arguments, style
from meanfield.common.arguments import ArgumentError, Array
from meanfield.common.result import Result, coordinate, given, value

from ..integration import Trajectory
from .states import activity, described, reason_of, stacked_states

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Rows per block over n: the triangle carried along costs 1/4 of the work on top.
_ROWS_PER_NEURON = 4


class PrincipalComponents(Result):
    """Directions of largest variance and the trajectories along them."""

    components: Array = value(
        "principal components",
        ("component", "neuron"),
        note="Orthonormal rows φ_i of [HH] Eq. 13, the largest entry of each positive.",
    )
    projections: Array = value(
        "{of} along the components",
        ("t", "component", "column"),
        note="v_i(t), the centred states along the components.",
    )
    explained_variance: Array = value(
        "variance along each component",
        ("component",),
        note="Eigenvalues of the covariance of Eq. 12, which divides by the number of samples.",
    )
    explained_ratio: Array = value(
        "share of the total variance", ("component",), note="nan where nothing varies."
    )
    total_variance: float = value("trace of the covariance")
    mean: Array = value("mean of {of} over all samples", ("neuron",))
    t: Array | None = coordinate(
        "time", ("t",), "time constant", note="Of the run; None for an array of states."
    )
    _headline = ("components", "total_variance")

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the projections on all components against time, or the number of the state."""
        along = np.moveaxis(self.projections, 1, 0)
        states = (np.arange(along.shape[1]), "state") if self.t is None else (self.t, "time")
        drawn = [(v, None, f"$v_{{{number + 1}}}$") for number, v in enumerate(along)]
        return style.curves(ax, states, drawn)


def principal_components(
    x: Trajectory | ArrayLike, k: int, *, of: str = "x", phi: str | TransferFunction | None = None
) -> PrincipalComponents:
    """Principal components of one or several trajectories, stacked ([HH] Eqs. 12 and 13).

    Parameters
    ----------
    x : Trajectory or (L, n[, batch]) array
        States; the columns are the P trajectories of [HH], whose L·P samples share one mean.
    k : int
        Number of components, at most n and L·P.
    of, phi
        As in `activity_distribution`.

    Returns
    -------
    PrincipalComponents

    Raises
    ------
    ArgumentError
        If shapes do not fit, a value is outside its range or not finite.

    Notes
    -----
    No covariance is formed, which would square the condition number: with more samples than neurons
    the centred samples pass block by block through a QR decomposition whose n × n triangle has
    their singular values; otherwise they are decomposed as they are.  Singular values are right to
    about 1e−16 of the largest, variances to 1e−32.  Beyond the states themselves the memory is a
    few n² numbers, or the samples again where there are fewer than n.

    Examples
    --------
    >>> import numpy as np
    >>> from simulate import principal_components
    >>> t = np.linspace(0, 2 * np.pi, 100, endpoint=False)
    >>> circle = np.stack([2 * np.cos(t), np.sin(t), 0 * t], axis=1)
    >>> planar = principal_components(circle, 2)
    >>> planar.explained_variance.round(6).tolist(), planar.explained_ratio.round(6).tolist()
    ([2.0, 0.5], [0.8, 0.2])
    """
    told = given(principal_components, locals())
    stacked = stacked_states(x)
    function = activity(x, of, phi)
    length, n = stacked.shape[:2]
    states = stacked.reshape(length, n, -1)
    columns = states.shape[2]
    samples = length * columns
    k = arguments.count("k", k, 1)
    if k > min(n, samples):
        raise ArgumentError(f"k={k}: must not exceed {n} neurons and {samples} samples")
    tall = samples >= n
    step = max(1, _ROWS_PER_NEURON * n // columns) if tall else length

    def blocks(center: Array) -> Iterator[Array]:
        for start in range(0, length, step):
            part = np.asarray(states[start : start + step], dtype=np.float64)
            yield function(part).transpose(0, 2, 1).reshape(-1, n) - center

    mean = np.zeros(n)
    # The second pass removes the rounding error of the first, large where the mean is.
    for _ in range(2):
        mean = mean + np.sum([block.sum(axis=0) for block in blocks(mean)], axis=0) / samples
    factor: Array = np.empty((0, n))
    for block in blocks(mean):
        factor = np.concatenate([factor, block])
        if tall:
            triangle = scipy.linalg.qr(factor, mode="r", overwrite_a=True, check_finite=False)[0]
            factor = np.asarray(triangle[:n], dtype=np.float64)
    _, singular, directions = np.linalg.svd(factor, full_matrices=False)
    components = directions[:k]
    largest = np.argmax(np.abs(components), axis=1)
    components = components * np.sign(components[np.arange(k), largest])[:, None]
    rows = np.concatenate([block @ components.T for block in blocks(mean)])
    projections = rows.reshape(length, columns, k).transpose(0, 2, 1)
    variances = singular**2 / samples
    total = float(variances.sum())
    return PrincipalComponents(
        components=components,
        projections=projections.reshape(length, k, *stacked.shape[2:]),
        explained_variance=variances[:k],
        explained_ratio=variances[:k] / total if total > 0 else np.full(k, np.nan),
        total_variance=total,
        mean=mean,
        t=x.t if isinstance(x, Trajectory) else None,
        reason=reason_of(x),
        attributes=described(told, x, of, phi),
    )
