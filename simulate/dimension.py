"""Dimension of the activity of one network, without the bias of a run of finite length."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from meanfield import TransferFunction, transfer_function
from meanfield.common import arguments, cost, result, seeds
from meanfield.common.arguments import ArgumentError, Array, validated
from meanfield.common.result import Result, given

from .integration import Scheme, Trajectory, integrate
from .network import Network
from .observables import kept_states, samples_apart

# Times are far apart where the square of their mean product is this share of that of two states.
_APART = 0.05
# Blocks in time of all starts together, and of each.
_BLOCKS, _LEAST = 20, 4
# Activity that changes by more than this factor along the run is not stationary.
_STEADY = 2.0
# Of a run, where none is given.
_DURATION = 2000.0
# What a run has its own of.
_DEFAULTS: dict[str, Any] = {
    "t_max": None, "dt": None, "temperature": 0.0, "method": "auto", "x0": None, "seed": None,
    "threads": None, "spacing": 1.0, "bias": 0.0,
}  # fmt: skip
# Differences of a network that fluctuates, in units of its states, are above rounding.
_REST = 1e-10
# Largest step of a noisy run where none is given.
_NOISY_STEP = 0.1


class NetworkDimension(Result):
    """Participation ratio of the covariance of the neurons of one network.

    The error is that of these couplings, from a jackknife over blocks in time: others have another
    ratio.  Flagged where the run is too short for it.
    """

    value: float = result.value("participation ratio of {of} per neuron", note="Without bias.")
    value_err: float = result.error("value")
    bias: float = result.value(
        "plain ratio of all samples minus the value",
        note="What the finite length takes off; subtracted.",
    )
    gap: float = result.value(
        "least time between the states of a pair", unit="time constant", note="Of the same start."
    )
    n: int = result.fact("number of neurons")
    n_samples: int = result.fact("number of states, those of all starts together")
    _headline = ("value", "bias", "n")


@validated
def participation_ratio(
    J: Any,
    *,
    t_max: float | None = None,
    t_skip: float = 100.0,
    of: str = "phi",
    spacing: float = 1.0,
    dt: float | None = None,
    temperature: float = 0.0,
    method: str | Scheme = "auto",
    x0: ArrayLike | None = None,
    bias: ArrayLike = 0.0,
    phi: str | TransferFunction | None = None,
    seed: seeds.Seed | None = None,
    threads: int | None = None,
    progress: bool = False,
) -> NetworkDimension:
    """Dimension (tr C)²/tr C² of the activity of one network as a share of n.

    C is the covariance of φ(x) or x at equal times.  It is taken about 0 for an odd φ without bias,
    which makes x and −x equally likely, else about the mean of each neuron.

    Parameters
    ----------
    J : (n, n) array, sparse array, LinearOperator or Trajectory
        Couplings of a network to run; or a run, saved at equidistant times.
    t_max, t_skip, spacing : float
        States are sampled at t_skip, t_skip + spacing, … up to t_max, by default 2000.  A run has
        its own t_max and spacing.
    of : {"phi", "x"}
    x0 : (n,) or (n, batch) array, optional
        Initial states; default N(0, 1) drawn from `seed`.  States of different starts are taken as
        independent.
    dt, temperature, method, bias, seed, threads, progress
        As in `integrate`.  A run that is given has its own, and of all these and `spacing` and x0
        takes none but the default.
    phi : str or TransferFunction, optional
        Default: tanh, of a run its own.

    Returns
    -------
    NetworkDimension
        Flagged if the blocks in time are shorter than the memory of the run, or if the activity
        grows or decays.

    Raises
    ------
    ArgumentError
        If an argument is outside its range, if one is given that a run has its own of, or if fewer
        than 40 states are sampled, 80 where their mean is not 0.
    IntegrationError, StepSizeWarning
        As `integrate`.

    Notes
    -----
    The plain ratio of L samples is too small, for a state is not independent of itself and its
    neighbours.  With C(τ) the autocorrelation over all neurons it is, for a run of length T,

        1/D_T = 1/D + (1/T) ∫ (C(τ)/C(0))² dτ,   D = N PR,

    but for 1/N, and whatever N: no run looks as if it had more dimensions than T over the
    integral.  Here tr C² is the mean of (φ(t)·φ(t′))², and (tr C)² that of |φ(t)|²|φ(t′)|², over
    pairs of times that are so far apart that their mean product is forgotten: both without bias.
    The mean product is, where its square falls below 1/20 of the mean square of all pairs, and
    stays there up to twice the time.  What is left is of the order of 1/20 of the memory over T.
    Where the mean is not 0, (φ(t) − φ(t + T/2))/√2 stands for φ(t): it has the same covariance, and
    no mean.

    `meanfield.participation_ratio` is the limit of many neurons.  The shares of single
    `principal_components` of a run that is short for its network: `meanfield.explained_variance`.

    Examples
    --------
    >>> from simulate import couplings, participation_ratio
    >>> J = couplings.elliptic(100, 4.0, seed=1)
    >>> found = participation_ratio(J, t_max=1000, seed=2)
    >>> bool(0.02 < found.value < 0.2), bool(found.bias < 0), found.status
    (True, True, 'converged')
    """
    attributes = given(participation_ratio, locals())
    arguments.one_of("of", of, ("phi", "x"))
    t_skip = arguments.nonnegative("t_skip", t_skip)
    spacing = arguments.positive("spacing", spacing)
    if isinstance(J, Trajectory):
        asked: dict[str, Any] = {
            "t_max": t_max, "dt": dt, "temperature": temperature, "method": method, "x0": x0,
            "seed": seed, "threads": threads, "spacing": spacing, "bias": bias,
        }  # fmt: skip
        for name, own in _DEFAULTS.items():
            if asked[name] is not own and not np.array_equal(asked[name], own):
                raise ArgumentError(
                    f"{arguments.shown(name, asked[name])}: must be {own} for a run, which has "
                    "its own"
                )
        run, spacing = J, samples_apart(J.t)
    else:
        how: dict[str, Any] = {"temperature": temperature, "method": method, "threads": threads}
        how |= {"phi": "tanh" if phi is None else phi, "bias": bias}
        run = _run(J, t_max, t_skip, spacing, dt, x0, seed, progress, how)
    function = run.phi if phi is None else transfer_function(phi)
    states = kept_states(run)[run.t >= t_skip - 1e-9 * max(1.0, t_skip)]
    starts, n = states[0, 0].size if len(states) else 1, kept_states(run).shape[1]
    is_even = run.attributes["is_odd"] and (of == "x" or function.is_odd)
    each = _fits(len(states), starts, n, t_skip, float(run.t[-1]), is_even=is_even)
    samples = len(states) * starts
    columns = np.asarray(states, dtype=np.float64).reshape(len(states), n, starts)
    activity: Array = columns.transpose(2, 0, 1).reshape(samples, n)
    if of == "phi":
        activity = function.phi(activity)
    ratio, err, plain, gap, reason = _unbiased(activity, starts, each, is_even=is_even)
    return NetworkDimension(
        value=ratio,
        value_err=err,
        bias=plain - ratio,
        gap=gap * spacing,
        n=n,
        n_samples=samples,
        reason="; ".join(filter(None, [run.reason, reason])),
        attributes=attributes | {"spacing": spacing},
    )


def _fits(states: int, starts: int, n: int, t_skip: float, t_max: float, *, is_even: bool) -> int:
    """Blocks in time of each start, if there are enough states and not too many."""
    each = max(math.ceil(_BLOCKS / starts), _LEAST)
    fewest = (2 if is_even else 4) * each
    if states < fewest:
        raise ArgumentError(
            f"t_skip={t_skip:g}: must leave at least {fewest} states, there are {states}"
        )
    samples = float(states) * starts
    cost.check(
        "t_max", t_max, "raise spacing", numbers=4.0 * samples**2 + 2.0 * samples * n,
        seconds=cost.time_of(1, 2.0 * samples**2 * n),
    )  # fmt: skip
    return each


def _run(
    J: Any, t_max: float | None, t_skip: float, spacing: float, dt: float | None, x0: Any,
    seed: seeds.Seed | None, progress: bool, how: dict[str, Any],
) -> Trajectory:  # fmt: skip
    """The run of a network, with states kept from t_skip on."""
    t_max = arguments.positive("t_max", _DURATION if t_max is None else t_max)
    if t_max < t_skip + spacing:
        raise ArgumentError(f"t_max={t_max:g}: must be at least t_skip + spacing")
    network = Network(J, phi=how["phi"], bias=how["bias"])
    n = network.n
    if x0 is None:
        x0 = seeds.generator(seed, "start").standard_normal(n)
    if dt is None and how["temperature"]:
        # A noisy run is known at its steps only.
        dt = spacing / math.ceil(spacing / _NOISY_STEP)
    count = cost.whole("t_max", t_max, (t_max - t_skip) / spacing - 0.5 + 1e-9, "raise spacing")
    starts = network.state(x0, "x0")[0].size
    _fits(count + 1, starts, n, t_skip, t_max, is_even=network.is_odd)
    save_at = t_skip + spacing * np.arange(count + 1.0)
    return integrate(
        J, x0, t_max=float(save_at[-1]), dt=dt, save_at=save_at, seed=seed, progress=progress, **how
    )


def _unbiased(
    activity: Array, starts: int, each: int, *, is_even: bool
) -> tuple[float, float, float, int, str]:
    """Ratio and its error, the plain ratio, the gap in samples, and what is wrong."""
    n, centred, rest = activity.shape[1], activity, 0.0
    length = len(activity) // starts
    if not is_even:
        rest = n * _REST**2 * float(np.mean(np.square(activity)))
        centred = activity - activity.mean(axis=0)
        length //= 2
        series = activity.reshape(starts, -1, n)
        apart = series[:, :length] - series[:, length : 2 * length]
        activity = (apart / math.sqrt(2)).reshape(-1, n)
    samples = len(activity)
    product = activity @ activity.T
    size = product.diagonal().copy()
    if not size.min() > rest:
        return math.nan, math.nan, math.nan, 0, "the network is at rest: no activity, no dimension"
    mean = np.array([
        np.mean([product[k : k + length, k : k + length].diagonal(lag).mean()
                 for k in range(0, samples, length)])
        for lag in range(length)
    ])  # fmt: skip
    square = np.square(product, out=product)
    plain = float(np.mean(size) ** 2 / (n * np.mean(square)))
    if not is_even:
        plain = float(np.sum(centred**2) ** 2 / (n * np.sum((centred.T @ centred) ** 2)))
    forgotten = mean**2 <= _APART * np.mean(square)
    gaps = (lag for lag in range(1, length // 2) if forgotten[lag : 2 * lag + 1].all())
    gap = next(gaps, length // 2)
    start, time = np.divmod(np.arange(samples), length)
    lag = np.abs(time[:, None] - time)
    # The other ends of two differences must be far apart, too.
    far = (start[:, None] != start) | ((lag >= gap) & (is_even | (lag <= length - gap)))
    edges = (length * np.arange(starts)[:, None] + np.arange(each) * length // each).ravel()

    def blocks(pairs: Array) -> Array:
        return np.add.reduceat(np.add.reduceat(pairs, edges, axis=0), edges, axis=1)

    squares, sizes = blocks(far * square), blocks(far * np.multiply.outer(size, size))

    def ratio(keep: Any) -> float:
        return float(sizes[np.ix_(keep, keep)].sum() / (n * squares[np.ix_(keep, keep)].sum()))

    every = np.arange(edges.size)
    without = [ratio(np.delete(every, k)) for k in every]
    err = math.sqrt((edges.size - 1) * float(np.var(without)))
    reasons = []
    if gap * each > length:
        reasons.append("blocks in time are shorter than the memory of the run, raise t_max")
    early, late = (float(part.mean()) for part in np.array_split(size.reshape(starts, -1), 2, 1))
    if not 1 / _STEADY < late / early < _STEADY:
        reasons.append("the activity is not stationary, raise t_skip")
    return ratio(every), err, plain, gap, "; ".join(reasons)
