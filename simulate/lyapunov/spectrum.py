"""Several Lyapunov exponents, the dimension and the entropy rate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from meanfield import TransferFunction
from meanfield.common import arguments
from meanfield.common.arguments import ArgumentError

from ..integration.monitor import warn
from ..network import Network
from .growth import LyapunovRun, average, setting, tangent_growth

if TYPE_CHECKING:
    import xarray as xr

# Between two QR steps the fastest and the slowest direction may part by this log factor.
_LARGEST_SPREAD = 15.0


@dataclass(frozen=True, kw_only=True)
class LyapunovSpectrum(LyapunovRun):
    """The k largest Lyapunov exponents, and the attributes of `LyapunovRun`.

    Attributes
    ----------
    exponents, stderr : (k,) ndarray
        In decreasing order, standard errors from ten blocks in time.
    t : (m,) ndarray
    trace : (m, k) ndarray
        Means up to t.
    """

    exponents: NDArray[np.float64]

    def to_dataset(self) -> xr.Dataset:
        """Labelled arrays with parameters, status and versions in the attributes."""
        return self._labelled(self.exponents, ("index",))

    @property
    def kaplan_yorke_dimension(self) -> float:
        """Kaplan–Yorke dimension j + Σ_{i ≤ j} λ_i/|λ_{j+1}|, 0 if no exponent is positive.

        nan if the sum of all k exponents is still positive: more of them are needed.
        """
        total = np.cumsum(self.exponents)
        if self.exponents[0] <= 0:
            return 0.0
        if total[-1] > 0:
            return float("nan")
        j = int(np.argmax(total <= 0))
        return float(j + total[j - 1] / -self.exponents[j])

    @property
    def entropy_rate(self) -> float:
        """Sum of the positive exponents, an upper bound of the Kolmogorov–Sinai entropy rate.

        nan if all k exponents are positive: more of them are needed.
        """
        if self.exponents[-1] > 0:
            return float("nan")
        return float(np.sum(self.exponents[self.exponents > 0]))


def lyapunov_spectrum(
    J: Any,
    k: int,
    *,
    onsager: float = 0.0,
    dt: float,
    t_max: float,
    t_skip: float,
    method: str = "auto",
    interval: float | None = None,
    x0: ArrayLike | None = None,
    eta: float = 0.0,
    phi: str | TransferFunction = "tanh",
    seed: int | None = None,
    threads: int | None = None,
    progress: bool = False,
) -> LyapunovSpectrum:
    """The k largest Lyapunov exponents by repeated QR decomposition (Benettin et al. 1980).

    Parameters
    ----------
    J : (n, n) array, sparse array or LinearOperator
    k : int
        1 ≤ k ≤ n.
    onsager, dt, t_max, t_skip, x0, eta, phi, seed, threads, progress
        As in `maximal_lyapunov`; `x0` is one state.
    method : str
        As in `integrate`, steps fixed; "auto" is "exponential" at κ = 0 and "rk4" otherwise.  The
        stabilised scheme damps fast directions at its own rate, not at theirs: it is refused.
    interval : float, optional
        Time between QR decompositions; default 1, less where the flow is stiff.

    Returns
    -------
    LyapunovSpectrum

    Raises
    ------
    ArgumentError
        If an argument is outside its range.
    IntegrationError
        If the state stops being finite.

    Warns
    -----
    StepSizeWarning
        If the step is too long for the stiffness met.

    Notes
    -----
    An exponent λ is that of the scheme; its error is of the order of λ(λ dt)^p, p the order of the
    scheme.

    Examples
    --------
    >>> from simulate import couplings, lyapunov_spectrum
    >>> J = couplings.elliptic(100, 0.5, seed=0)
    >>> result = lyapunov_spectrum(J, 3, dt=0.1, t_max=50, t_skip=10, seed=1)
    >>> result.exponents.shape, result.kaplan_yorke_dimension
    ((3,), 0.0)
    """
    if method == "auto":
        method = "exponential" if onsager == 0 else "rk4"
    if method == "chebyshev":
        raise ArgumentError("method='chebyshev': damps fast directions at rates of its own")
    network = Network(J, phi=phi, eta=eta)
    given = setting(
        network,
        x0,
        onsager,
        method,
        dt=dt,
        t_max=t_max,
        t_skip=t_skip,
        tol=None,
        seed=seed,
        remedies=False,
    )
    n, batch = given.x.shape
    if batch != 1:
        raise ArgumentError(f"x0 of shape {given.x.shape}: expected one state, ({n},)")
    k = arguments.count("k", k, 1)
    if k > n:
        raise ArgumentError(f"k={k}: must lie in [1, n={n}]")
    if interval is None:
        spread = max(given.problem.stiffness(0.0, given.x), 1e-12) * (2 if onsager else 1)
        interval = min(1.0, _LARGEST_SPREAD / spread, given.t_max / 20)
    interval = arguments.positive("interval", interval)
    run = tangent_growth(given, k, interval)
    mean = average(run, given, threads=threads, progress=progress)
    warn(given.monitor.warnings(), 2)
    order = np.argsort(-mean.value[:, 0], kind="stable")
    return LyapunovSpectrum(
        exponents=mean.value[order, 0],
        stderr=mean.stderr[order, 0],
        t=mean.t,
        trace=mean.trace[:, order, 0],
        status=given.monitor.status,
        dt=given.dt,
        attributes=given.attributes,
        **given.monitor.report(),
    )
