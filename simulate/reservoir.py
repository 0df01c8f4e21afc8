"""Memory of a driven network: how well a linear readout recalls or forecasts the stimulus.

[HH] Eqs. 19–21, Figs. 8 and 9.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from meanfield import TransferFunction
from meanfield.common import arguments, cost, probes, seeds
from meanfield.common.arguments import ArgumentError, Array, validated
from meanfield.common.result import Result, coordinate, error, fact, given, value
from meanfield.schedule import Schedule, jumps

from .integration import integrate
from .integration.schemes import Scheme
from .network import Network

Stimulus = Callable[[float], Any]

# Candidates for the relative ridge.  Below the first, the kept directions drown in the errors of
# the time stepping; with the last, the weights are all but 0.
_RIDGES = 10.0 ** np.arange(-10, 1)
_FOLDS = 5
# Parts of the held-out samples, in time, for the error of the capacity.
_BLOCKS = 10
# A time between samples below this is short, not the run long.
_RARELY = 1e-3
# Seconds that one value of the stimulus takes.
_ASKING = 5e-6
# No time of a stimulus is farther from 0: a step of rounding there is 1e−7.
_FARTHEST = 1e9
# Times this close to a switch time, relative to it or to 1, are that time.
_ON_SWITCH = 1e-9
# And times this close are one: they differ by rounding.
_SAME = 1e-14


class SingularCovarianceWarning(RuntimeWarning):
    """[HH] Eq. 21 was evaluated with a covariance that has no inverse in double precision."""


class MemoryCurve(Result):
    """The memory function m(τ) with what is needed to judge it.

    Flagged where the run was, or where formula "printed" inverts a singular covariance.
    """

    tau: Array = coordinate("delay", ("tau",), symbol=r"$\tau$")
    m: Array = value(
        "memory function",
        ("tau", "trial"),
        symbol=r"$m(\tau)$",
        note="Score 1 − ⟨(ẑ − z)²⟩/⟨(z − c)²⟩ on held-out later samples, c the mean of the "
        "fitted z with an intercept and 0 without: 1 perfect, 0 no better than ẑ = c, negative "
        'worse.  For formula "printed" the in-sample quotient of Eq. 21.',
    )
    m_train: Array = value(
        "score (Eq. 19) of the same weights on the samples they were fitted to", ("tau", "trial")
    )
    capacity: Array = value("total capacity Σ m(τ) over the delays asked for", ("trial",))
    capacity_err: Array = error(
        "capacity",
        note="From ten parts of the scored samples in time, for given weights: Student's t with 9 "
        "degrees of freedom.  nan for fewer than ten samples.",
    )
    capacity_bound: float = value(
        "largest capacity that n neurons can have",
        note="Sum of the n largest eigenvalues of the correlation matrix of the scored targets: "
        "about n for targets that are independent of each other (Jaeger's bound MC ≤ N), more "
        "where they resemble each other, at most their number.",
    )
    chance: Array = value(
        "m_train of a target of pure noise, on average",
        ("trial",),
        note="rank over the number of fitted samples: what overfitting adds to scores in sample, "
        'those of "printed" included; held-out m is free of it.',
    )
    ridge: Array = value("λ as a fraction of `scale`", ("tau", "trial"), note='0 for "printed".')
    scale: Array = value("largest eigenvalue of ⟨XᵀX⟩ over the fitted samples", ("trial",))
    rank: NDArray[np.int64] = value(
        "numerical rank of XᵀX",
        ("trial",),
        note="Of the centred states where there is an intercept.  Number of its eigenvalues above "
        "max(L, n) ε times the largest: those that double precision tells from 0.",
    )
    condition: Array = value(
        "largest over smallest of the n eigenvalues of XᵀX",
        ("trial",),
        note="From the singular values of X.",
    )
    n: int = fact("number of neurons")
    n_train: int = fact("number of fitted samples")
    n_test: int = fact("number of held-out samples")
    singular: bool = fact("whether rank < n in some trial")
    exceeds_n: bool = fact(
        "whether the capacity of some trial exceeds n by more than 5 errors",
        note="Then the targets are not independent of each other, and it counts no delays.",
    )
    _headline = ("m", "n")
    _picture = ("tau", "m")
    _freedom = _BLOCKS - 1


@validated
def memory_function(
    X: ArrayLike,
    z: ArrayLike,
    *,
    tau: ArrayLike | None = None,
    ridge: float | None = None,
    formula: str = "ridge",
    intercept: bool = True,
    test_fraction: float = 0.5,
    gap: int = 0,
) -> MemoryCurve:
    """Memory function of given states: how well ẑ = Xw + c follows each target.

    Parameters
    ----------
    X : (L, n) or (L, n, batch) array
        States in the order of time; every column is a trial with weights of its own.
    z : (L,) or (L, n_tau) array
        Targets at the same times.
    tau : (n_tau,) array, optional
        The delays that belong to the targets, a label; default 0, 1, 2, …
    ridge : float, optional
        λ as a fraction of the largest eigenvalue of ⟨XᵀX⟩ over the fitted samples: the condition
        number becomes at most 1/ridge.  0 is least squares of least norm over the numerical rank.
        By default chosen for each target, see Notes.
    formula : str
        "ridge" or "printed", see Notes.
    intercept : bool
        Whether the readout has a constant c beside its weights, which the ridge spares, and z is
        measured about its mean; without it c = 0, as in [HH].  "printed" has none.
    test_fraction : float
        Share of the samples, the last ones, that are held out; not used by "printed".
    gap : int
        Number of samples left out where fitted and predicted samples meet.

    Returns
    -------
    MemoryCurve

    Raises
    ------
    ArgumentError
        If shapes do not fit, a value is outside its range or a target does not vary (without an
        intercept: vanishes) at all samples.

    Warns
    -----
    SingularCovarianceWarning
        For "printed", if the rank of XᵀX falls short of n, or Σ m exceeds `capacity_bound`.

    Notes
    -----
    "ridge" solves w = (⟨XᵀX⟩ + λ)⁻¹⟨Xᵀz⟩ ([HH] below Eq. 20) on the first samples, X and z less
    their means there if there is an intercept, and evaluates [HH] Eq. 19 on the last ones.  λ is
    the one of 10⁻¹⁰, 10⁻⁹, …, 1 times the largest eigenvalue with the least error when each fifth
    of the fitted samples, contiguous in time, is predicted from the other four; held-out samples
    play no part in the choice.

    "printed" is [HH] Eq. 21, ⟨zᵀX⟩⟨XᵀX⟩⁻¹⟨Xᵀz⟩/⟨z²⟩, with the inverse of the covariance of all
    samples as it stands.  Eqs. 19 and 21 agree for the exact least-squares solution only: where `m`
    and `m_train` of "printed" differ, both are rounding errors.  Smooth trajectories over a short
    time span few directions, so that this is their rule; an integration error that is rough in
    time lifts the rank, and with it m.

    The capacity of n neurons for an input of independent values is at most n, for any number of
    delays (Jaeger, GMD Report 152 (2001)).  Without an intercept this holds for inputs of mean 0
    only: a constant alone scores ⟨z⟩²/⟨z²⟩ at every delay.  m does not depend on the units of X
    and z.

    A stimulus that repeats makes held-out samples of an entrained network repeat the fitted ones:
    the score then tests that the response is reproducible, not that it extends to other stimuli.

    Examples
    --------
    >>> import numpy as np
    >>> from simulate import memory_function
    >>> X = np.random.default_rng(1).standard_normal((200, 3))
    >>> curve = memory_function(X, X[:, :2] @ np.array([[1.0, 0.5], [2.0, -1.0]]))
    >>> curve.m.round(6).tolist(), int(curve.rank), curve.singular
    ([1.0, 1.0], 3, False)
    """
    told = given(memory_function, locals())
    curve = evaluate(
        X, z, tau=tau, ridge=ridge, formula=formula, intercept=intercept,
        test_fraction=test_fraction, gap=gap,
    )  # fmt: skip
    if curve.reason:
        warnings.warn(curve.reason, SingularCovarianceWarning, stacklevel=3)
    return replace(curve, attributes=told)


def evaluate(
    X: ArrayLike,
    z: ArrayLike,
    *,
    tau: ArrayLike | None,
    ridge: float | None,
    formula: str,
    intercept: bool,
    test_fraction: float,
    gap: int,
) -> MemoryCurve:
    """`memory_function` without Python warnings."""
    states, target = _checked(X, z)
    length, n = states.shape[:2]
    labels = arguments.lags(np.arange(target.shape[1]) if tau is None else np.atleast_1d(tau))
    if len(labels) != target.shape[1]:
        raise ArgumentError(f"tau of length {len(labels)}: expected {target.shape[1]}, one per z")
    n_train, n_test = split(
        target, ridge=ridge, formula=formula, intercept=intercept, test_fraction=test_fraction,
        gap=gap,
    )  # fmt: skip
    # In units of the largest entry no square leaves the range of numbers; powers of 2 do not round.
    target = np.ldexp(target, -_exponent(target, axis=0))
    fits: list[_ReadoutFit] = []
    for column in np.moveaxis(states.reshape(length, n, -1), 2, 0):
        x = np.ascontiguousarray(column, dtype=np.float64)
        exponent = _exponent(x)
        x = np.ldexp(x, -exponent)
        if formula == "printed":
            fit = _printed(x, target)
        else:
            held_out = (x[length - n_test :], target[length - n_test :])
            fit = _regularised(
                x[:n_train], target[:n_train], held_out, ridge, gap, intercept=intercept
            )
        with np.errstate(over="ignore", under="ignore"):
            fits.append(fit._replace(scale=float(np.ldexp(fit.scale, 2 * exponent))))
    fields: dict[str, Any] = {
        name: np.stack(trials, axis=-1).reshape((*np.shape(trials[0]), *states.shape[2:]))
        for name, trials in zip(_ReadoutFit._fields, zip(*fits, strict=True), strict=True)
    }
    singular = bool(np.any(fields["rank"] < n))
    intercept = intercept and formula == "ridge"
    scored = target if formula == "printed" else target[length - n_test :]
    bound = _capacity_bound(scored, _base(target[:n_train], intercept=intercept), n)
    reason = ""
    if formula == "printed" and (singular or np.any(fields["capacity"] > bound * (1 + 1e-6))):
        which = f"of rank {np.min(fields['rank'])} < n = {n}," if singular else "that is"
        reason = (
            f"[HH] Eq. 21 inverts a covariance {which} singular in "
            f"double precision: Σm = {np.max(fields['capacity']):.4g} is made of "
            f"rounding errors, {bound:.4g} is the most that n neurons can have; use formula='ridge'"
        )
    return MemoryCurve(
        **fields,
        tau=labels,
        n=n,
        n_train=n_train,
        n_test=n_test,
        singular=singular,
        capacity_bound=bound,
        exceeds_n=bool(np.any(fields["capacity"] - 5 * fields["capacity_err"] > n)),
        reason=reason,
    )


def _exponent(values: Array, axis: int | None = None) -> Any:
    """The power of 2 just above the largest modulus."""
    return np.frexp(np.max(np.abs(values), axis=axis))[1]


def _base(fitted: Array, *, intercept: bool) -> Array:
    """What a readout without states says of each target."""
    return np.asarray(fitted.mean(axis=0) if intercept else np.zeros(fitted.shape[1]))


def _capacity_bound(z: Array, base: Array, n: int) -> float:
    """Most that Σ m can be for predictions of rank n (Eckart, Young 1936)."""
    beyond = z - base
    singular = np.linalg.svd(beyond / np.linalg.norm(beyond, axis=0), compute_uv=False)
    return float(np.sum(singular[:n] ** 2))


def _checked(X: ArrayLike, z: ArrayLike) -> tuple[NDArray[Any], Array]:
    states, target = arguments.real("X", X), arguments.array("z", z)
    if states.ndim not in (2, 3) or states.size == 0:
        raise ArgumentError(f"X of shape {states.shape}: expected (L, n) or (L, n, batch)")
    if target.ndim == 1:
        target = target[:, None]
    if target.ndim != 2 or len(target) != len(states) or target.size == 0:
        raise ArgumentError(
            f"z of shape {np.shape(z)}: expected ({len(states)},) or ({len(states)}, n_tau) for X "
            f"of shape {states.shape}"
        )
    if not np.all(np.isfinite(states)):
        raise ArgumentError("X: must be finite")
    return states, target


def split(
    target: Array,
    *,
    ridge: float | None,
    formula: str,
    intercept: bool,
    test_fraction: float,
    gap: int,
) -> tuple[int, int]:
    """Numbers of fitted and of held-out samples, all options checked: no states are needed yet."""
    arguments.one_of("formula", formula, ("ridge", "printed"))
    if ridge is not None:
        arguments.nonnegative("ridge", ridge)
    arguments.within("test_fraction", test_fraction, 0, 1)
    arguments.count("gap", gap, 0)
    length = len(target)
    n_train, n_test = length, 0
    if formula == "ridge":
        n_test = round(test_fraction * length)
        n_train = length - n_test - gap
        if n_train < 1 or n_test < 1:
            raise ArgumentError(
                f"test_fraction={test_fraction:g}: of {length} samples with gap={gap}, "
                f"{n_train} are left to fit and {n_test} to predict; both must be >= 1"
            )
        if ridge is None and n_train - -(-n_train // _FOLDS) - 2 * gap < _FOLDS:
            raise ArgumentError(
                f"ridge=None: {n_train} samples to fit, with gap={gap} around each fifth of them, "
                "are too few to choose it; pass a number, a shorter gap or more samples"
            )
    free = intercept and formula == "ridge"
    fitted, held_out = target[:n_train], target[length - n_test :]
    base = _base(fitted, intercept=free)
    # A constant may differ from its mean by rounding.
    parts = (("fitted", fitted, fitted[0] if free else base), ("held-out", held_out, base))
    for name, part, nothing in parts:
        still = np.all(part == nothing, axis=0)
        if len(part) and np.any(still):
            k = int(np.argmax(still))
            raise ArgumentError(
                f"z: target {k} is {nothing[k]:g} at all {name} samples, there is nothing to score"
            )
    return n_train, n_test


class _ReadoutFit(NamedTuple):
    """One trial, in the names of `MemoryCurve`."""

    m: Array
    m_train: Array
    ridge: Array
    capacity: float
    capacity_err: float
    chance: float
    scale: float
    rank: int
    condition: float


class _RidgeDecomposition(NamedTuple):
    """X = U s Vᵀ with Uᵀz: readouts of every target and ridge from one decomposition."""

    s: Array
    directions: Array  # Vᵀ
    projected: Array  # Uᵀz
    # Taken off first; zeros without an intercept.
    x_mean: Array
    z_mean: Array

    @classmethod
    def of(cls, x: Array, z: Array, *, intercept: bool) -> _RidgeDecomposition:
        means = [_base(part, intercept=intercept) for part in (x, z)]
        # Qᵀz stands beside R = QᵀX: no U of the length of a run is formed.
        both = np.linalg.qr(np.hstack([x - means[0], z - means[1]]), mode="r")
        inner, asked = np.hsplit(both[: x.shape[1]], [x.shape[1]])
        u, s, directions = np.linalg.svd(inner, full_matrices=False)
        return cls(s, directions, u.T @ asked, *means)

    def predict(self, x: Array, ridge: ArrayLike, floor: float = 0.0) -> Array:
        """ẑ, (L, n_tau), of one ridge or one per target; directions below `floor` get nothing."""
        squares = self.s[:, None] ** 2
        damped = squares + np.asarray(ridge) * squares[0]
        kept = squares > floor * squares[0]
        filtered = np.divide(self.s[:, None], damped, out=np.zeros_like(damped), where=kept)
        weights = self.directions.T @ (filtered * self.projected)
        return (x - self.x_mean) @ weights + self.z_mean


def _regularised(
    x: Array,
    z: Array,
    held_out: tuple[Array, Array],
    ridge: float | None,
    gap: int,
    *,
    intercept: bool,
) -> _ReadoutFit:
    """Ridge regression on (x, z), scored on `held_out`; the ridge chosen where it is None."""
    chosen = (
        _cross_validated(x, z, gap, intercept=intercept)
        if ridge is None
        else np.full(z.shape[1], ridge)
    )
    fit = _RidgeDecomposition.of(x, z, intercept=intercept)
    # Without a ridge, only directions that double precision tells from 0 are kept.
    floor = _resolution(x) if ridge == 0 else 0.0
    later, earlier = (
        _Score(fit.predict(part, chosen, floor), target, fit.z_mean)
        for part, target in (held_out, (x, z))
    )
    return _judged(later.mean(), earlier.mean(), chosen, later, x, fit.s)


def _printed(x: Array, z: Array) -> _ReadoutFit:
    """[HH] Eqs. 20 and 21, literally."""
    covariance, moment = x.T @ x / len(x), x.T @ z / len(x)
    try:
        # The inverse as printed.  Solving the system instead is backward stable: its residuals stay
        # small whatever the rank, and nothing would show that the weights are arbitrary.
        w: Array = np.linalg.inv(covariance) @ moment
    except np.linalg.LinAlgError:
        w = np.full(moment.shape, np.nan)
    none = np.zeros(z.shape[1])
    quotient = np.sum(moment * w, axis=0) / np.mean(z**2, axis=0)
    singular = np.asarray(np.linalg.svd(x, compute_uv=False), dtype=np.float64)
    score = _Score(x @ w, z, none)
    return _judged(quotient, score.mean(), none, score, x, singular)


def _judged(
    m: Array, m_train: Array, ridge: Array, score: _Score, x: Array, singular: Array
) -> _ReadoutFit:
    scale, rank, condition = _spectrum(x, singular)
    return _ReadoutFit(
        m, m_train, ridge, float(m.sum()), score.total_err(), rank / len(x), scale, rank, condition
    )


def _cross_validated(x: Array, z: Array, gap: int, *, intercept: bool) -> Array:
    """The ridge of each target, by blocked cross-validation: neighbours in time are alike."""
    squares = np.zeros((len(_RIDGES), z.shape[1]))
    edges = np.linspace(0, len(x), _FOLDS + 1).astype(int)
    for start, end in pairwise(edges):
        kept = np.r_[0 : max(start - gap, 0), min(end + gap, len(x)) : len(x)]
        fit = _RidgeDecomposition.of(x[kept], z[kept], intercept=intercept)
        for k, ridge in enumerate(_RIDGES):
            missed = fit.predict(x[start:end], ridge) - z[start:end]
            squares[k] += np.sum(missed**2, axis=0)
    return _RIDGES[np.argmin(squares, axis=0)]


class _Score:
    """[HH] Eq. 19 about a base, sample by sample."""

    def __init__(self, predicted: Array, z: Array, base: Array) -> None:
        unit = np.mean((z - base) ** 2, axis=0)
        self._lost, self._asked = (predicted - z) ** 2 / unit, (z - base) ** 2 / unit

    def mean(self) -> Array:
        """Score of each target."""
        return np.asarray(1 - self._lost.mean(axis=0))

    def total_err(self) -> float:
        """Error of Σ m, from equal parts in time."""
        length = len(self._lost) // _BLOCKS
        if not length:
            return np.nan
        # Of a quotient, to first order.
        change = np.sum(self._lost - self._lost.mean(axis=0) * self._asked, axis=1)
        parts = change[-_BLOCKS * length :].reshape(_BLOCKS, length).mean(axis=1)
        return float(parts.std(ddof=1) / np.sqrt(_BLOCKS))


def _resolution(x: Array) -> float:
    return max(x.shape) * float(np.finfo(np.float64).eps)


def _spectrum(x: Array, s: Array) -> tuple[float, int, float]:
    """Largest eigenvalue, rank and condition number of XᵀX from the singular values of X."""
    squares = s**2
    rank = int(np.sum(squares > _resolution(x) * squares[0]))
    full = len(s) == x.shape[1] and squares[-1] > 0
    return squares[0] / len(x), rank, squares[0] / squares[-1] if full else np.inf


@validated
def two_sines(t: ArrayLike) -> Array:
    """Stimulus of [HH] Fig. 9, S(t) = sin(0.02πt) + sin(0.04πt): period 100, any real t.

    Parameters
    ----------
    t : array

    Returns
    -------
    ndarray
        Of the shape of `t`.

    Examples
    --------
    >>> from simulate import two_sines
    >>> two_sines([0.0, -12.5]).round(4).tolist()
    [0.0, -1.7071]
    """
    return _two_sines(arguments.array("t", t))


def _two_sines(t: Any) -> Any:
    return np.sin(0.02 * np.pi * t) + np.sin(0.04 * np.pi * t)


@validated
def stimulus_targets(
    t: ArrayLike,
    tau: ArrayLike,
    *,
    task: str = "recall",
    stimulus: Stimulus = two_sines,
    switch_times: Sequence[float] = (),
) -> Array:
    """Targets z of the readout: S(t − τ) to recall, S(t + τ) to forecast.

    Parameters
    ----------
    t : (L,) array
        Times of the states.
    tau : number or (n_tau,) array
        Delays τ ≥ 0.
    task : str
        "recall" or "forecast".
    stimulus : function of t
        S, called with one time after the other, negative ones where τ reaches before t = 0; once
        with times that differ by rounding.
    switch_times : sequence of float
        Where S jumps, beside the times of a `Switching`: a time that rounding has moved off one of
        them counts as that time, at which the value that begins there is read.

    Returns
    -------
    (L, n_tau) ndarray

    Examples
    --------
    >>> from simulate import stimulus_targets
    >>> stimulus_targets([25.0], [0.0, 12.5], task="forecast").round(4).tolist()
    [[1.0, -0.2929]]
    """
    arguments.one_of("task", task, ("recall", "forecast"))
    times = arguments.array("t", t)
    if times.ndim != 1:
        raise ArgumentError(f"t of shape {times.shape}: expected (L,)")
    sign, delays = -1 if task == "recall" else 1, arguments.lags(np.atleast_1d(tau))
    _check_targets("tau", delays, times.size * delays.size)
    moments = times[:, None] + sign * delays
    farthest = float(np.max(np.abs(moments), initial=0.0))
    if farthest > _FARTHEST:
        raise ArgumentError(
            f"t, tau: the stimulus is asked at times up to {farthest:g}, must be {_FARTHEST:g} at "
            "most, where rounding begins to show"
        )
    places = np.sort(_jumps(stimulus, switch_times))
    if places.size:
        # The nearest from below and from above.
        place = np.searchsorted(places, moments)
        for near in (places[np.maximum(place - 1, 0)], places[np.minimum(place, places.size - 1)]):
            close = np.abs(moments - near) <= _ON_SWITCH * np.maximum(1, np.abs(near))
            moments = np.where(close, near, moments)
    # t − τ of evenly spaced samples meets each moment as often as there are delays.
    distinct, where = np.unique(moments, return_inverse=True)
    new = np.diff(distinct, prepend=-np.inf) > _SAME * np.maximum(1, np.abs(distinct))
    if stimulus is two_sines:
        values = _two_sines(distinct[new])
    else:
        values = np.empty(np.count_nonzero(new))
        for k, moment in enumerate(distinct[new]):
            name = f"stimulus(t={moment:g})"
            values[k] = arguments.finite(name, probes.answer(name, stimulus, moment))
    return np.asarray(values[(np.cumsum(new) - 1)[where]].reshape(moments.shape))


def _check_targets(name: str, value: Any, count: float) -> None:
    """Refuse more targets than the stimulus can be asked for in days, or than memory holds."""
    instead = "take fewer delays or times: a shorter t_max or a longer sample_every"
    cost.check(name, value, instead, numbers=10.0 * count, seconds=_ASKING * count)


def _jumps(stimulus: Stimulus, switch_times: Sequence[float]) -> Array:
    further = (arguments.finite("switch_times", t) for t in switch_times)
    return np.array([*jumps(stimulus), *further])


@validated
def memory_curve(
    J: Any,
    tau: ArrayLike,
    *,
    onsager: Schedule = 0.0,
    task: str = "recall",
    stimulus: Stimulus | None = None,
    switch_times: Sequence[float] = (),
    input_weights: ArrayLike = 1.0,
    t_max: float = 1000.0,
    t_skip: float = 100.0,
    dt: float | None = None,
    sample_every: float = 0.5,
    method: str | Scheme = "auto",
    tol: float | None = 1e-4,
    x0: ArrayLike | None = None,
    seed: seeds.Seed | None = None,
    ridge: float | None = None,
    formula: str = "ridge",
    intercept: bool = True,
    test_fraction: float = 0.5,
    gap: float = 10.0,
    eta: float = 0.0,
    bias: ArrayLike = 0.0,
    phi: str | TransferFunction = "tanh",
    dtype: DTypeLike = np.float64,
    threads: int | None = None,
    progress: bool = False,
) -> MemoryCurve:
    """Memory function m(τ) of a network driven by ẋ = F + S(t)u ([HH] Eqs. 19–21).

    Parameters
    ----------
    J : (n, n) array, sparse array or LinearOperator
    tau : number or (n_tau,) array
        Delays τ ≥ 0.
    onsager : float, Switching or function of t
        Factor κ on the Onsager-reaction force: 0 vanilla, 1 gradient flow.
    task : str
        "recall" of S(t − τ) or "forecast" of S(t + τ) from the state x(t).
    stimulus : function of t, optional
        S(t) for every real t; default `two_sines`, the stimulus of [HH] Fig. 9.  An input that is
        held between jumps is best a `Switching`.
    switch_times : sequence of float
        Where S jumps, if it is no `Switching`: steps land there, so that no step sees two values.
        A state at such a time has not felt yet the value that begins there, which is its target at
        τ = 0.
    input_weights : number or (n,) array
        u, a number for all neurons.
    t_max, t_skip, sample_every : float
        States are sampled at t_skip, t_skip + sample_every, … up to t_max.
    dt, method, tol
        As in `integrate`.
    x0 : (n,) or (n, batch) array, optional
        Initial states, each column a trial of its own; default N(0, 1) drawn from `seed`.
    seed : Seed, optional
    ridge, formula, intercept, test_fraction
        As in `memory_function`: by default a readout with an intercept, a ridge chosen by
        cross-validation and a score on the later half of the samples; formula "printed" is [HH]
        Eq. 21 as it stands.
    gap : float
        Time left out where fitted and predicted samples meet.
    eta, bias, phi, dtype, threads, progress
        As in `integrate`.

    Returns
    -------
    MemoryCurve

    Raises
    ------
    IntegrationError
        If the state stops being finite.

    Warns
    -----
    SingularCovarianceWarning
        For "printed", if the covariance has no inverse in double precision.
    StepSizeWarning
        If the step is too long: the memory is then that of the scheme, not of the flow.

    Notes
    -----
    The stimulus adds to the drift only: the Onsager-reaction force is that of the undriven
    network.  To try several ridges or tasks on one run, `integrate` with `inputs`, then
    `memory_function(run.x, stimulus_targets(run.t, tau))`.  `small_signal_memory` is the theory of
    endless data where κ = 0 and the stimulus is weak.

    The gradient flow drifts slowly and is not entrained by the stimulus: fitted samples over a few
    periods of it make a poor readout, and m on held-out samples grows with t_max.  [HH] Fig. 9 used
    formula="printed", method="euler" and dt = 0.01; its window and sampling are not stated.

    Examples
    --------
    Without couplings all neurons are one low-pass filter: rank 1, and what it forgets is known.

    >>> import numpy as np
    >>> from simulate import memory_curve
    >>> curve = memory_curve(np.zeros((3, 3)), [0.0, 10.0], t_max=300, seed=1, ridge=1e-9)
    >>> curve.m.round(2).tolist(), int(curve.rank), curve.singular
    ([0.99, 0.39], 1, True)

    A delay line of four neurons holds four values of a held input, whatever its mean:

    >>> from simulate import Switching
    >>> values = np.random.default_rng(2).random(1500)
    >>> line = memory_curve(
    ...     np.eye(4, k=-1), range(1, 9), stimulus=Switching(range(1, 1500), values),
    ...     input_weights=[1, 0, 0, 0], phi="linear", method="euler", dt=1, sample_every=1,
    ...     t_max=1500, x0=np.zeros(4),
    ... )
    >>> line.m.round(2).tolist(), round(float(line.capacity), 1)
    ([1.0, 1.0, 1.0, 1.0, 0.0, 0.01, 0.01, 0.01], 4.0)
    """
    told = given(memory_curve, locals())
    times = _sample_times(t_max, t_skip, sample_every)
    n = Network(J, phi=phi, eta=eta, bias=bias, dtype=dtype).n
    cost.check("t_max", t_max, "shorten it, or raise sample_every", numbers=times.size * n)
    drive = two_sines if stimulus is None else stimulus
    drawn = _two_sines if drive is two_sines else drive
    times_of_jumps = _jumps(drive, switch_times).tolist()
    targets = stimulus_targets(times, tau, task=task, stimulus=drive, switch_times=times_of_jumps)
    gap_samples = int(np.ceil(arguments.nonnegative("gap", gap) / sample_every - 1e-9))
    # Before the run, which may take long.
    how: dict[str, Any] = {
        "ridge": ridge, "formula": formula, "intercept": intercept, "test_fraction": test_fraction
    }  # fmt: skip
    split(targets, gap=gap_samples, **how)
    weights = arguments.vector("input_weights", input_weights, n)
    sequence = seeds.sequence(seed, "start")
    run = integrate(
        J, np.random.default_rng(sequence).standard_normal(n) if x0 is None else x0, t_max=t_max,
        dt=dt, onsager=onsager, method=method, tol=tol, save_at=times,
        inputs=lambda t: float(drawn(t)) * weights, switch_times=times_of_jumps, eta=eta, bias=bias,
        phi=phi, dtype=dtype, threads=threads, progress=progress,
    )  # fmt: skip
    assert run.x is not None
    curve = evaluate(run.x, targets, tau=tau, gap=gap_samples, **how)
    if curve.reason:
        warnings.warn(curve.reason, SingularCovarianceWarning, stacklevel=3)
    used = {
        "method": run.method,
        "dt": run.dt,
        "tol": run.attributes["tol"],
        "stimulus": getattr(drive, "__name__", repr(drive)),
        "gap_samples": gap_samples,
        "dtype": np.dtype(dtype).name,
        "seed": sequence.entropy if x0 is None else None,
    }
    return replace(
        curve,
        # Weights fitted to states of a flagged run say nothing of the flow, singular or not.
        status=None,
        reason="; ".join(filter(None, (run.reason, curve.reason))),
        attributes=told | used,
    )


def _sample_times(t_max: float, t_skip: float, sample_every: float) -> Array:
    arguments.positive("t_max", t_max)
    arguments.positive("sample_every", sample_every)
    if arguments.nonnegative("t_skip", t_skip) >= t_max:
        raise ArgumentError(f"t_skip={t_skip:g}: must lie below t_max={t_max:g}")
    count = int(np.floor((t_max - t_skip) / sample_every + 1e-9)) + 1
    if count < 2:
        raise ArgumentError(
            f"sample_every={sample_every:g}: must leave two samples at least between "
            f"t_skip={t_skip:g} and t_max={t_max:g}"
        )
    of = ("t_max", t_max) if sample_every >= _RARELY else ("sample_every", sample_every)
    _check_targets(*of, count)
    return np.minimum(t_skip + sample_every * np.arange(count), t_max)
