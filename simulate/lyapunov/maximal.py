"""The largest Lyapunov exponent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from meanfield import TransferFunction
from meanfield.common import arguments

from ..integration.monitor import warn
from ..network import Network
from .growth import LyapunovRun, average, separation_growth, setting, tangent_growth

if TYPE_CHECKING:
    import xarray as xr

ALGORITHMS = ("tangent", "orbit_separation")


@dataclass(frozen=True, kw_only=True)
class LyapunovExponent(LyapunovRun):
    """Largest Lyapunov exponent with its error, and the attributes of `LyapunovRun`.

    Attributes
    ----------
    value, stderr : ndarray
        Scalar, or (batch,): mean growth rate after t_skip, and its standard error from ten blocks
        in time (too small if a block is shorter than the memory of the run).
    t : (m,) ndarray
        Ends of the intervals that were averaged.
    trace : (m[, batch]) ndarray
        Mean up to t: what the estimate was along the way.
    """

    value: NDArray[np.float64]

    def to_dataset(self) -> xr.Dataset:
        """Labelled arrays with parameters, status and versions in the attributes."""
        return self._labelled(self.value, ("column",) * self.value.ndim)


def maximal_lyapunov(
    J: Any,
    *,
    onsager: float = 0.0,
    dt: float,
    t_max: float,
    t_skip: float,
    method: str = "auto",
    algorithm: str = "tangent",
    interval: float = 1.0,
    delta: float = 1e-5,
    tol: float | None = 1e-4,
    x0: ArrayLike | None = None,
    eta: float = 0.0,
    phi: str | TransferFunction = "tanh",
    seed: int | None = None,
    threads: int | None = None,
    progress: bool = False,
) -> LyapunovExponent:
    """Largest Lyapunov exponent of the OR-regulated dynamics.

    Parameters
    ----------
    J : (n, n) array, sparse array or LinearOperator
    onsager : float
        κ; 1 is the gradient flow, which has no positive exponent.
    dt : float
        Step (see `integrate`).
    t_max, t_skip : float
        Duration, and the part at its beginning that is not averaged.
    method : str
        As in `integrate`; "euler" with dt = 0.01 is the choice of [HH].
    algorithm : {"tangent", "orbit_separation"}
        The tangent map of the scheme, normalised every `interval`; or [HH] Algorithm 1: a second
        orbit at distance `delta`, pulled back after every step (steps are then fixed).
    interval : float
        Time between normalisations of the tangent vector.
    delta : float
        Separation δ.
    tol : float or None
        Error of an adaptive step (method "chebyshev", algorithm "tangent"), see `integrate`.
    x0 : (n,) or (n, batch) array, optional
        Start; by default x ~ N(0, 1) from the seed.
    seed : int, optional
        Of the start and of the first separation.
    eta, phi, threads, progress
        As in `integrate`.

    Returns
    -------
    LyapunovExponent

    Raises
    ------
    ArgumentError
        If an argument is outside its range.
    IntegrationError
        If the state stops being finite.

    Warns
    -----
    StepSizeWarning
        As `integrate`: a positive exponent at κ = 1 comes with this warning.

    Notes
    -----
    Algorithm 1 of [HH] is printed with one letter for a time and a number of steps; its first 2000
    steps are discarded, t_skip = 20 at dt = 0.01.

    Examples
    --------
    >>> from simulate import couplings, maximal_lyapunov
    >>> J = couplings.elliptic(400, 3.0, seed=0)
    >>> result = maximal_lyapunov(J, dt=0.1, t_max=100, t_skip=20, seed=1)
    >>> bool(0.1 < result.value < 0.35)
    True
    """
    arguments.one_of("algorithm", algorithm, ALGORITHMS)
    interval = arguments.positive("interval", interval)
    delta = arguments.positive("delta", delta)
    network = Network(J, phi=phi, eta=eta)
    given = setting(
        network, x0, onsager, method, dt=dt, t_max=t_max, t_skip=t_skip, tol=tol, seed=seed
    )
    if algorithm == "tangent":
        run = tangent_growth(given, 1, interval)
    else:
        run = separation_growth(given, delta)
    mean = average(run, given, threads=threads, progress=progress)
    warn(given.monitor.warnings(), 2)
    column: Any = 0 if x0 is None or np.ndim(x0) == 1 else slice(None)
    return LyapunovExponent(
        value=np.asarray(mean.value[0, column]),
        stderr=np.asarray(mean.stderr[0, column]),
        t=mean.t,
        trace=mean.trace[:, 0, column],
        status=given.monitor.status,
        dt=given.dt,
        attributes=given.attributes | {"algorithm": algorithm},
        **given.monitor.report(),
    )
