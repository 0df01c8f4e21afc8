"""Time-lagged correlations of long runs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.fft
from numpy.typing import ArrayLike

from meanfield import TransferFunction
from meanfield.common import arguments
from meanfield.common.arguments import ArgumentError, Array
from meanfield.common.files import provenance

from ..integration import Trajectory
from .states import activity, described, stacked_states

if TYPE_CHECKING:
    import xarray as xr

# Elements of a Fourier transform made at once: 128 MB of complex numbers.
_BLOCK = 2**23


@dataclass(frozen=True)
class Autocorrelation:
    """Time-lagged correlation with its error.

    Attributes
    ----------
    tau : (n_lags,) ndarray
        Lags, from 0.
    C : (n_lags,) ndarray
        ⟨φ(t)φ(t+τ)⟩, or of x.
    C_err : (n_lags,) ndarray
        Standard error by `error_over`.
    error_over : str
        "columns", "neurons" or, where there is a single series, "nothing" (errors are nan).
    attributes : dict
        Parameters of the run and what was read off its states.
    """

    tau: Array
    C: Array
    C_err: Array
    error_over: str
    attributes: dict[str, Any] = field(default_factory=dict)

    def to_dataset(self) -> xr.Dataset:
        """Labelled arrays with parameters and versions in the attributes."""
        import xarray as xr

        kind = self.attributes.get("of", "phi")
        return xr.Dataset(
            {
                "C": ("tau", self.C, {"long_name": f"autocorrelation of {kind}"}),
                "C_err": (
                    "tau",
                    self.C_err,
                    {"long_name": f"standard error over {self.error_over}"},
                ),
            },
            {"tau": ("tau", self.tau, {"long_name": "lag"})},
            {**self.attributes, "error_over": self.error_over, **provenance()},
        )


def autocorrelation(
    x: Trajectory | ArrayLike,
    *,
    max_lag: float,
    of: str = "phi",
    phi: str | TransferFunction | None = None,
    dt: float = 1.0,
) -> Autocorrelation:
    """C(τ) = ⟨φ(t)φ(t+τ)⟩, averaged over neurons, columns and t, about 0 and not about a mean.

    Parameters
    ----------
    x : Trajectory or (L, n[, batch]) array
        States at equidistant times.
    max_lag : float
        Largest lag, a time.
    of, phi
        As in `activity_distribution`.
    dt : float
        Time between the states of an array; a trajectory knows its own.

    Returns
    -------
    Autocorrelation

    Raises
    ------
    ArgumentError
        If times are not equidistant, `max_lag` exceeds them, or an argument is outside its range.

    Notes
    -----
    By fast Fourier transform of each series padded with zeros, divided by the L − k pairs of times
    at lag k (no bias).  The error is the standard deviation over columns, which are taken as
    independent runs, by the root of their number; with one column over neurons, which leaves out
    what all neurons of a network share and the spread between networks.

    Examples
    --------
    >>> import numpy as np
    >>> from simulate import autocorrelation
    >>> wave = np.cos(np.pi * np.arange(400) / 2)[:, None]
    >>> autocorrelation(wave, max_lag=2, of="x").C.round(2).tolist()
    [0.5, 0.0, -0.5]
    """
    states = stacked_states(x)
    function = activity(x, of, phi)
    if isinstance(x, Trajectory):
        dt = _spacing(x.t)
    arguments.positive("dt", dt)
    length, n = states.shape[:2]
    states = states.reshape(length, n, -1)
    columns = states.shape[2]
    n_lags = int(np.floor(arguments.nonnegative("max_lag", max_lag) / dt + 1e-9)) + 1
    if n_lags > length:
        raise ArgumentError(f"max_lag={max_lag:g}: must not exceed {(length - 1) * dt:g}")
    size = scipy.fft.next_fast_len(length + n_lags - 1, real=True)
    pairs = (length - np.arange(n_lags))[:, None]
    # Over neurons: the sum, and for a single column the spread.
    total, squares = np.zeros((n_lags, columns)), np.zeros(n_lags)
    block = max(1, _BLOCK // (size * columns))
    for start in range(0, n, block):
        values = function(np.asarray(states[:, start : start + block], dtype=np.float64))
        transform = scipy.fft.rfft(values, size, axis=0)
        power = transform.real**2 + transform.imag**2
        series = scipy.fft.irfft(power, size, axis=0)[:n_lags] / pairs[..., None]
        total += series.sum(axis=1)
        squares += np.square(series).sum(axis=(1, 2))
    by_column = total / n
    mean: Array = np.asarray(by_column.mean(axis=1), dtype=np.float64)
    if columns > 1:
        spread, count, over = by_column.var(axis=1, ddof=1), columns, "columns"
    elif n > 1:
        spread, count, over = (squares / n - mean**2) * n / (n - 1), n, "neurons"
    else:
        spread, count, over = np.full(n_lags, np.nan), 1, "nothing"
    # A variance by subtraction may round below 0.
    error = np.sqrt(np.maximum(spread, 0.0) / count)
    lags = dt * np.arange(n_lags, dtype=np.float64)
    return Autocorrelation(lags, mean, error, over, described(x, of, phi))


def _spacing(times: Array) -> float:
    steps = np.diff(times)
    if not steps.size:
        raise ArgumentError(f"trajectory of {times.size} save time: at least 2 are needed")
    if np.ptp(steps) > 1e-6 * steps.max():
        raise ArgumentError(
            f"trajectory: save times must be equidistant, they are {steps.min():g} to "
            f"{steps.max():g} apart"
        )
    return float((times[-1] - times[0]) / steps.size)
