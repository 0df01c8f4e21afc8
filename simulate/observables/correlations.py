"""Time-lagged correlations of long runs."""

from __future__ import annotations

import numpy as np
import scipy.fft
from numpy.typing import ArrayLike

from meanfield import TransferFunction
from meanfield.common import arguments
from meanfield.common.arguments import ArgumentError, Array
from meanfield.common.result import Result, coordinate, error, fact, given, value

from ..integration import Trajectory
from .states import activity, described, reason_of, stacked_states

# Elements of a Fourier transform made at once: 128 MB of complex numbers.
_BLOCK = 2**23


class Autocorrelation(Result):
    """Time-lagged correlation ⟨φ(t)φ(t+τ)⟩, or of x."""

    tau: Array = coordinate("lag", ("tau",), "time constant", symbol=r"$\tau$")
    C: Array = value("autocorrelation of {of}", ("tau",), symbol=r"$C(\tau)$")
    C_err: Array = error("C", note="Over what, says `error_over`.")
    error_over: str = fact(
        'What the error is taken over: "columns", "neurons" or, where there is a single series, '
        '"nothing" (errors are nan)'
    )
    _headline = ("tau", "error_over")
    _picture = ("tau", "C")


def autocorrelation(
    x: Trajectory | ArrayLike,
    *,
    max_lag: float,
    of: str = "phi",
    phi: str | TransferFunction | None = None,
    spacing: float = 1.0,
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
    spacing : float
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
    told = given(autocorrelation, locals())
    states = stacked_states(x)
    function = activity(x, of, phi)
    if isinstance(x, Trajectory):
        spacing = told["spacing"] = _equidistant(x.t)
    arguments.positive("spacing", spacing)
    length, n = states.shape[:2]
    states = states.reshape(length, n, -1)
    columns = states.shape[2]
    n_lags = int(np.floor(arguments.nonnegative("max_lag", max_lag) / spacing + 1e-9)) + 1
    if n_lags > length:
        raise ArgumentError(f"max_lag={max_lag:g}: must not exceed {(length - 1) * spacing:g}")
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
    deviation = np.sqrt(np.maximum(spread, 0.0) / count)
    lags = spacing * np.arange(n_lags, dtype=np.float64)
    return Autocorrelation(
        tau=lags,
        C=mean,
        C_err=deviation,
        error_over=over,
        reason=reason_of(x),
        attributes=described(told, x, of, phi),
    )


def _equidistant(times: Array) -> float:
    steps = np.diff(times)
    if not steps.size:
        raise ArgumentError(f"trajectory of {times.size} save time: at least 2 are needed")
    if np.ptp(steps) > 1e-6 * steps.max():
        raise ArgumentError(
            f"trajectory: save times must be equidistant, they are {steps.min():g} to "
            f"{steps.max():g} apart"
        )
    return float((times[-1] - times[0]) / steps.size)
