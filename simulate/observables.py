"""What is measured on states: freezing, correlations, distributions, principal components."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import scipy
from numpy.typing import ArrayLike, NDArray

from meanfield import TransferFunction, transfer_function
from meanfield.common import arguments, cost, style
from meanfield.common.arguments import LARGEST, ArgumentError, Array, validated
from meanfield.common.result import Result, coordinate, error, fact, given, value

from .integration import Trajectory

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Elements of a Fourier transform made at once: 128 MB of complex numbers.
_BLOCK = 1 << 23
Labels = Sequence[str | float] | ArrayLike

# Rows per block over n: the triangle carried along costs 1/4 of the work on top.
_ROWS_PER_NEURON = 4


@validated
def state_at(trajectory: Trajectory, t: float) -> NDArray[np.floating]:
    """State of a run at one of its save times.

    Parameters
    ----------
    trajectory : Trajectory
    t : float

    Returns
    -------
    (n,) or (n, batch) ndarray

    Raises
    ------
    ArgumentError
        If t is no save time of the run or its states were not kept.

    Examples
    --------
    >>> import numpy as np
    >>> from simulate import integrate, state_at
    >>> run = integrate(np.zeros((1, 1)), np.ones(1), t_max=1, dt=0.1, save_at=[0.5, 1])
    >>> state_at(run, 0.5).round(4).tolist()
    [0.6065]
    """
    states, t = kept_states(trajectory), arguments.finite("t", t)
    distance = np.abs(trajectory.t - t)
    nearest = int(np.argmin(distance))
    if distance[nearest] > 1e-9 * max(1.0, abs(t)):
        raise ArgumentError(
            f"t={t:g}: must be a save time of the run, the nearest is {trajectory.t[nearest]:g}"
        )
    return states[nearest]


@validated
def freezing(
    x: ArrayLike,
    x_later: ArrayLike,
    *,
    phi: str | TransferFunction = "tanh",
    per_neuron: bool = False,
) -> Array:
    """Freezing measure Q(t, t′) = |φ(x(t)) − φ(x(t′))|², a sum over neurons ([HH] Eq. 11).

    The average ⟨·⟩ of Eq. 11 over initial states and couplings is the caller's.

    Parameters
    ----------
    x, x_later : (n, ...) array
        States at t and t′, neurons first; axes after the first broadcast, and a single state (n,)
        is compared with every column of the other.
    phi : str or TransferFunction
    per_neuron : bool
        Whether to divide by n.

    Returns
    -------
    ndarray
        Of the broadcast shape without the axis of neurons.

    Examples
    --------
    >>> import numpy as np
    >>> from simulate import couplings, freezing, integrate, state_at
    >>> J = couplings.elliptic(200, 3.0, seed=1)
    >>> x0 = np.random.default_rng(2).standard_normal((200, 4))
    >>> Q = []
    >>> for onsager in (0, 1):
    ...     run = integrate(J, x0, t_max=20, dt=0.05, onsager=onsager, save_at=[10, 20])
    ...     Q.append(freezing(state_at(run, 10), state_at(run, 20)).mean())
    >>> bool(Q[1] < Q[0] / 10)
    True
    """
    first = arguments.real("x", x).astype(np.float64, copy=False)
    last = arguments.real("x_later", x_later).astype(np.float64, copy=False)
    axes = max(first.ndim, last.ndim)
    if min(first.ndim, last.ndim) < 1 or len(first) != len(last) or not len(first):
        raise ArgumentError(
            f"x of shape {first.shape}, x_later of shape {last.shape}: expected (n, ...) with the "
            "same n >= 1"
        )
    if not (np.all(np.isfinite(first)) and np.all(np.isfinite(last))):
        raise ArgumentError("x, x_later: must be finite")
    function = transfer_function(phi)
    with np.errstate(over="ignore", invalid="ignore"):
        values = [function.phi(a).reshape(a.shape + (1,) * (axes - a.ndim)) for a in (first, last)]
    try:
        shape = np.broadcast_shapes(values[0].shape, values[1].shape)
    except ValueError:
        raise ArgumentError(
            f"x of shape {first.shape}, x_later of shape {last.shape}: do not broadcast"
        ) from None
    cost.check("x", first, "compare fewer states at once", numbers=1.5 * math.prod(shape))
    with np.errstate(over="ignore", invalid="ignore"):
        difference = values[0] - values[1]
        total = np.einsum("i...,i...->...", difference, difference)
    if not np.all(np.isfinite(total)):
        raise ArgumentError("x, x_later: must be smaller, the sum of squares of phi is not finite")
    return np.asarray(total / len(first) if per_neuron else total)


def kept_states(trajectory: Trajectory) -> NDArray[np.floating]:
    """States of a run, (L, n[, batch])."""
    if trajectory.x is None or not len(trajectory.x):
        raise ArgumentError("trajectory: its states were not kept; run with store_states=True")
    return trajectory.x


def _stacked_states(x: Trajectory | ArrayLike) -> NDArray[np.floating]:
    """States of a run or an array, checked to be finite and (L, n) or (L, n, batch), no copy."""
    states = kept_states(x) if isinstance(x, Trajectory) else arguments.real("x", x)
    if states.ndim not in (2, 3) or not states.size:
        raise ArgumentError(f"x of shape {states.shape}: expected real (L, n) or (L, n, batch)")
    # One row at a time, without memory of the order of the states.  Statistics take fourth powers.
    largest = float(np.max([np.abs(row).max() for row in states]))
    if not (largest == 0 or 1 / LARGEST <= largest <= LARGEST):
        raise ArgumentError(
            f"x: the largest is {largest:g}, must be 0, or finite and in "
            f"[{1 / LARGEST:g}, {LARGEST:g}]"
        )
    return states


def _activity(x: object, of: str, phi: str | TransferFunction | None) -> Callable[[Array], Array]:
    """What `of` asks for as a function of the states of `x`."""
    arguments.one_of("of", of, ("x", "phi"))
    if of == "phi":
        return _function_of(x, phi).phi
    return lambda states: states


def _reason_of(x: object) -> str:
    """What is wrong with the runs that the states are from, if they are from some; else empty."""
    reasons = (run.reason for run in _runs(x) if isinstance(run, Trajectory))
    return "; ".join(dict.fromkeys(filter(None, reasons)))


def _runs(x: Any) -> list[Any]:
    """The runs of a list of runs; whatever else `x` is, it alone."""
    if isinstance(x, list | tuple) and x:
        arrays = all(isinstance(one, np.ndarray) and one.ndim > 1 for one in x)
        if arrays or all(isinstance(one, Trajectory) for one in x):
            return list(x)
    return [x]


def _coupling_of(run: object, number: int) -> Any:
    """What two runs of the same couplings have in common."""
    known = run.couplings_digest() if isinstance(run, Trajectory) else None
    return number if known is None else known


def _units(
    runs: list[Any], states: list[NDArray[Any]], couplings: Labels | None
) -> NDArray[np.int64]:
    """The number of the couplings of each column, the columns of all runs one after the other."""
    widths = [part[0, 0].size for part in states]
    if couplings is None:
        known = [_coupling_of(run, k) for k, run in enumerate(runs)]
        named = [one for one, width in zip(known, widths, strict=True) for _ in range(width)]
    else:
        if isinstance(couplings, Sequence):
            named, shape = list(couplings), (len(couplings),)
        else:
            named, shape = np.asarray(couplings).tolist(), np.shape(couplings)
        if shape != (sum(widths),) or any(isinstance(name, list | tuple) for name in named):
            raise ArgumentError(
                f"couplings of shape {shape}: expected ({sum(widths)},), one label a run or start"
            )
        if any(name is None or name != name for name in named):
            raise ArgumentError("couplings: must be labels, None and nan are none")
    order = {name: k for k, name in enumerate(dict.fromkeys(named))}
    return np.array([order[name] for name in named])


class _Average(NamedTuple):
    """Mean over couplings, and its error over what there is several of."""

    mean: Array
    error: Array
    over: str
    n_units: int

    @property
    def freedom(self) -> dict[str, Any]:
        """The attribute from which `Result.interval` takes Student's t."""
        return {"degrees_of_freedom": self.n_units - 1}

    @classmethod
    def of(
        cls, columns: Array, units: NDArray[np.int64], neurons: Callable[[], tuple[Array, int]]
    ) -> _Average:
        """From (rows, columns); `neurons` gives variance and number of neurons, for one column."""
        number = int(units.max()) + 1
        over = "couplings" if number > 1 else "starts"
        if number > 1:
            each = [columns[:, units == k].mean(axis=1) for k in range(number)]
            columns = np.stack(each, axis=1)
        mean, count = np.asarray(columns.mean(axis=1)), columns.shape[1]
        if count > 1:
            variance = columns.var(axis=1, ddof=1)
        else:
            variance, count = neurons()
            over = "neurons" if count > 1 else "nothing"
        # A variance by subtraction may round below 0.
        return cls(mean, np.sqrt(np.maximum(variance, 0.0) / count), over, count)


_OVER = (
    'What the error is taken over: "couplings"; "starts" of one coupling or "neurons" of one run, '
    "either without the spread between couplings; "
)
_COUNT = "number of these: the error has a Student's t of one degree of freedom less"


def _described(
    told: dict[str, Any], x: object, of: str, phi: str | TransferFunction | None
) -> dict[str, Any]:
    """Parameters of a call on the states of `x`, and of the run, whose names win."""
    facts, runs = dict(told), _runs(x)
    if isinstance(x := runs[0], Trajectory) and len(runs) == 1:
        facts |= x.attributes | {"method": x.method, "dt": x.dt, "call": told["call"]}
    facts["of"] = of
    if of == "phi":
        # Apart from the φ of the run, which it need not be.
        facts["phi_of_activity"] = _function_of(x, phi).name
    return facts


def _function_of(x: object, phi: str | TransferFunction | None) -> TransferFunction:
    if phi is None and isinstance(x, Trajectory):
        return x.phi
    return transfer_function("tanh" if phi is None else phi)


class ActivityDistribution(Result):
    """Histogram of activities."""

    edges: Array = coordinate("edges of the bins of {of}", ("edge",))
    centers: Array = coordinate("middle of each bin of {of}", ("bin",))
    density: Array = value(
        "density of {of}",
        ("bin",),
        note="Integrates to the share of activities inside the edges.",
    )
    density_err: Array = error("density", note="Over what, says `error_over`.")
    counts: NDArray[np.int64] = value("number of activities", ("bin",))
    n_samples: int = fact("number of activities, those outside the edges included")
    error_over: str = fact(_OVER + 'the "activities" of an array; or "nothing" (errors are nan)')
    n_units: int = fact(_COUNT)
    _headline = ("counts", "n_samples")
    _picture = ("centers", "density")


@validated
def activity_distribution(
    x: Trajectory | Sequence[Trajectory] | ArrayLike,
    *,
    of: str = "x",
    bins: int | ArrayLike = 100,
    range: tuple[float, float] | None = None,
    phi: str | TransferFunction | None = None,
    couplings: Labels | None = None,
) -> ActivityDistribution:
    """Density of the activities of all neurons, columns and times given ([HH] Fig. 5).

    Parameters
    ----------
    x : Trajectory or list of these, or array of any shape
        The numbers of an array are taken as independent.
    of : str
        "x" or "phi".
    bins : int or (n_bins + 1,) array
        Number of equal bins, or their increasing edges.
    range : (float, float), optional
        First and last edge; default the bounds of φ for "phi" where it has them, else the extremes.
    phi : str or TransferFunction, optional
        Default: that of the run, tanh for an array.
    couplings : (n_columns,) array, optional
        As in `autocorrelation`; of runs only.

    Returns
    -------
    ActivityDistribution
        Of runs the mean over couplings, or over the starts of one, with its error; that of an
        array is binomial.

    Examples
    --------
    >>> from simulate import activity_distribution
    >>> shares = activity_distribution([0.1, 0.3, 0.9, 5.0], bins=2, range=(0, 1))
    >>> shares.counts.tolist(), shares.density.tolist()
    ([2, 1], [1.0, 0.5])
    """
    told, runs = given(activity_distribution, locals()), _runs(x)
    parts = [
        _activity(run, of, phi)(
            np.asarray(
                kept_states(run) if isinstance(run, Trajectory) else arguments.real("x", run),
                dtype=np.float64,
            )
        )
        for run in runs
    ]
    values = parts[0] if len(parts) == 1 else np.concatenate([part.ravel() for part in parts])
    if not (values.size and np.all(np.isfinite(values))):
        raise ArgumentError(f"x of shape {parts[0].shape}: must be finite and not empty")
    if isinstance(bins, int | np.integer):
        bins = arguments.count("bins", int(bins), 1)
        bound = max(_function_of(run, phi).bound if of == "phi" else np.inf for run in runs)
        if range is None and np.isfinite(bound):
            range = (-bound, bound)
        if range is not None and not -np.inf < range[0] < range[1] < np.inf:
            raise ArgumentError(f"range={range!r}: must be finite and increase")
        low, high = (values.min(), values.max()) if range is None else range
        with np.errstate(over="ignore"):
            width = (high - low or 1.0) / bins
        if not np.spacing(max(-low, high)) < width < np.inf:
            raise ArgumentError(
                f"bins={bins}: of x from {low:g} to {high:g}, bins of width {width:g} are beyond "
                "rounding or not finite; take fewer, or give range"
            )
        cost.check("bins", bins, "take fewer", numbers=8.0 * bins * len(runs))
        edges = np.histogram_bin_edges(values, int(bins), range)
    else:
        edges = arguments.axis("bins", bins)
        if edges.size < 2:
            raise ArgumentError(f"bins={bins!r}: must be at least two edges")
    widths = np.diff(edges)
    if any(isinstance(run, Trajectory) for run in runs):
        units = _units(runs, parts, couplings)
        columns = [
            c for part in parts for c in np.moveaxis(part.reshape(*part.shape[:2], -1), 2, 0)
        ]
        found = np.array([np.histogram(column, edges)[0] for column in columns])
        sizes = np.array([column.size for column in columns])
        counts = found.sum(axis=0)
        average = _Average.of(found.T / sizes, units, lambda: _spread(columns[0], edges))
    elif couplings is None:
        counts, _ = np.histogram(values, edges)
        share = counts / values.size
        share_err = np.sqrt(share * (1 - share) / values.size)
        average = _Average(share, share_err, "activities", values.size)
    else:
        raise ArgumentError("couplings: the numbers of an array are independent, pass runs")
    return ActivityDistribution(
        edges=edges,
        centers=(edges[1:] + edges[:-1]) / 2,
        density=average.mean / widths,
        density_err=average.error / widths,
        counts=counts,
        n_samples=values.size,
        error_over=average.over,
        n_units=average.n_units,
        reason=_reason_of(x),
        attributes=_described(told, x, of, phi) | average.freedom,
    )


def _spread(column: Array, edges: Array) -> tuple[Array, int]:
    """Variance over neurons of their shares of each bin, nan of a single one, and their number."""
    n = column.shape[1]
    if n == 1:
        return np.full(len(edges) - 1, np.nan), 1
    shares = np.array([np.histogram(one, edges)[0] for one in column.T]) / len(column)
    return shares.var(axis=0, ddof=1), n


class Autocorrelation(Result):
    """Time-lagged correlation ⟨φ(t)φ(t+τ)⟩, or of x."""

    tau: Array = coordinate("lag", ("tau",), "time constant", symbol=r"$\tau$")
    C: Array = value("autocorrelation of {of}", ("tau",), symbol=r"$C(\tau)$")
    C_err: Array = error("C", note="Over what, says `error_over`.")
    error_over: str = fact(_OVER + 'or, of a single series, "nothing" (errors are nan)')
    n_units: int = fact(_COUNT)
    _headline = ("tau", "error_over")
    _picture = ("tau", "C")


@validated
def autocorrelation(
    x: Trajectory | Sequence[Trajectory] | ArrayLike,
    *,
    max_lag: float,
    of: str = "phi",
    phi: str | TransferFunction | None = None,
    spacing: float = 1.0,
    couplings: Labels | None = None,
) -> Autocorrelation:
    """C(τ) = ⟨φ(t)φ(t+τ)⟩, averaged over neurons, t and couplings, about 0 and not about a mean.

    Parameters
    ----------
    x : Trajectory or (L, n[, batch]) array, or list of these
        States at equidistant times, of a list at the same spacing.
    max_lag : float
        Largest lag, a time.
    of, phi
        As in `activity_distribution`.
    spacing : float
        Time between the states of an array; a trajectory knows its own.
    couplings : (n_columns,) array, optional
        Which couplings each column belongs to, any labels, the columns of a list one run after the
        other.  By default all columns of a run are starts of one coupling; runs of a list are of
        different ones, unless they still know their J and it is the same.

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
    at lag k (no bias).  The starts of each coupling are averaged first.  The error is the standard
    deviation over couplings by the root of their number.  Of a single coupling there is only that
    over its starts, of a single start that over its neurons: they tell how well C of these
    couplings is known, and leave out that other couplings have another one.

    Examples
    --------
    >>> import numpy as np
    >>> from simulate import autocorrelation
    >>> wave = np.cos(np.pi * np.arange(400) / 2)[:, None]
    >>> autocorrelation(wave, max_lag=2, of="x").C.round(2).tolist()
    [0.5, 0.0, -0.5]
    """
    told, runs = given(autocorrelation, locals()), _runs(x)
    if any(isinstance(run, Trajectory) for run in runs):
        spacings = [samples_apart(run.t) for run in runs]
        spacing = told["spacing"] = spacings[0]
        if np.ptp(spacings) > 1e-6 * spacing:
            raise ArgumentError(
                f"x: runs of different spacings, {min(spacings)} to {max(spacings)}"
            )
    arguments.positive("spacing", spacing)
    states = [_stacked_states(run) for run in runs]
    longest = (min(map(len, states)) - 1) * spacing
    n_lags = int(np.floor(arguments.nonnegative("max_lag", max_lag) / spacing + 1e-9)) + 1
    if n_lags > min(map(len, states)):
        raise ArgumentError(
            f"max_lag={max_lag:g}: must not exceed {longest:g}, the time that x spans at "
            f"spacing={spacing:g}"
        )
    units = _units(runs, states, couplings)
    columns, variance = [], np.full(n_lags, np.nan)
    for run, part in zip(runs, states, strict=True):
        by_column, variance = _lagged_products(part, _activity(run, of, phi), n_lags)
        columns.append(by_column)
    average = _Average.of(
        np.concatenate(columns, axis=1), units, lambda: (variance, states[0].shape[1])
    )
    return Autocorrelation(
        tau=spacing * np.arange(n_lags, dtype=np.float64),
        C=average.mean,
        C_err=average.error,
        error_over=average.over,
        n_units=average.n_units,
        reason=_reason_of(x),
        attributes=_described(told, x, of, phi) | average.freedom,
    )


def _lagged_products(
    states: NDArray[Any], function: Callable[[Array], Array], n_lags: int
) -> tuple[Array, Array]:
    """Mean over neurons of each column, (n_lags, columns), and of a single column the variance."""
    length, n = states.shape[:2]
    states = states.reshape(length, n, -1)
    columns = states.shape[2]
    size = scipy.fft.next_fast_len(length + n_lags, real=True)
    pairs = (length - np.arange(n_lags))[:, None]
    total, squares = np.zeros((n_lags, columns)), np.zeros(n_lags)
    block = max(1, _BLOCK // (size * columns))
    for start in range(0, n, block):
        values = function(np.asarray(states[:, start : start + block], dtype=np.float64))
        transform = scipy.fft.rfft(values, size, axis=0)
        power = transform.real**2 + transform.imag**2
        series = scipy.fft.irfft(power, size, axis=0)[:n_lags] / pairs[..., None]
        total += series.sum(axis=1)
        squares += np.square(series).sum(axis=(1, 2))
    mean = total / n
    single = n > 1 and columns == 1
    variance = (
        (squares / n - mean.ravel() ** 2) * n / (n - 1) if single else np.full(n_lags, np.nan)
    )
    return mean, variance


def samples_apart(times: Array) -> float:
    """Time between equidistant save times."""
    steps = np.diff(times)
    if not steps.size:
        raise ArgumentError(f"x of {times.size} save time: at least 2 are needed")
    if np.ptp(steps) > 1e-6 * steps.max():
        raise ArgumentError(
            f"x: save times must be equidistant, they are {steps.min():g} to {steps.max():g} apart"
        )
    return float((times[-1] - times[0]) / steps.size)


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

    def plot(self, ax: Axes | None = None, *, label: str | None = None) -> Axes:
        """Draw the projections on all components against time, or the number of the state."""
        along = np.moveaxis(self.projections, 1, 0)
        states = (np.arange(along.shape[1]), "state") if self.t is None else (self.t, "time")
        drawn = [(v, None, f"$v_{{{number + 1}}}$") for number, v in enumerate(along)]
        return style.curves(ax, states, drawn, label)


@validated
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
    stacked = _stacked_states(x)
    function = _activity(x, of, phi)
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
        reason=_reason_of(x) or ("" if total > 0 else "x does not vary: it has no components"),
        attributes=_described(told, x, of, phi),
    )
