"""Memory of a driven network: how well a linear readout recalls or forecasts the stimulus.

[HH] Eqs. 19–21, Figs. 8 and 9.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from meanfield import TransferFunction
from meanfield.common import arguments, seeds
from meanfield.common.arguments import ArgumentError, Array
from meanfield.common.result import Result, coordinate, fact, given, value
from meanfield.schedule import Schedule

from .integration import integrate
from .integration.schemes import Scheme
from .network import Network

Stimulus = Callable[[float], Any]

# Candidates for the relative ridge.  Below the first, the kept directions drown in the errors of
# the time stepping; with the last, the weights are all but 0.
_RIDGES = 10.0 ** np.arange(-10, 1)
_FOLDS = 5


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
        note="Score 1 − ⟨(ẑ − z)²⟩/⟨z²⟩ on held-out later samples: 1 perfect, 0 no better than "
        'ẑ = 0, negative worse.  For formula "printed" the in-sample quotient of Eq. 21.',
    )
    m_train: Array = value(
        "score (Eq. 19) of the same weights on the samples they were fitted to", ("tau", "trial")
    )
    ridge: Array = value("λ as a fraction of `scale`", ("tau", "trial"), note='0 for "printed".')
    scale: Array = value("largest eigenvalue of ⟨XᵀX⟩ over the fitted samples", ("trial",))
    rank: NDArray[np.int64] = value(
        "numerical rank of XᵀX",
        ("trial",),
        note="Number of its eigenvalues above max(L, n) ε times the largest: those that double "
        "precision tells from 0.",
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
    _headline = ("m", "n")
    _picture = ("tau", "m")


def memory_function(
    X: ArrayLike,
    z: ArrayLike,
    *,
    tau: ArrayLike | None = None,
    ridge: float | None = None,
    formula: str = "ridge",
    test_fraction: float = 0.5,
    gap: int = 0,
) -> MemoryCurve:
    """Memory function of given states: how well ẑ = Xw follows each target.

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
        If shapes do not fit, a value is outside its range or a target vanishes at all samples.

    Warns
    -----
    SingularCovarianceWarning
        For "printed", if the rank of XᵀX falls short of n.

    Notes
    -----
    "ridge" solves w = (⟨XᵀX⟩ + λ)⁻¹⟨Xᵀz⟩ ([HH] below Eq. 20) without an intercept on the first
    samples and evaluates [HH] Eq. 19 on the last ones.  λ is the one of 10⁻¹⁰, 10⁻⁹, …, 1 times the
    largest eigenvalue with the least error when each fifth of the fitted samples, contiguous in
    time, is predicted from the other four; held-out samples play no part in the choice.

    "printed" is [HH] Eq. 21, ⟨zᵀX⟩⟨XᵀX⟩⁻¹⟨Xᵀz⟩/⟨z²⟩, with the inverse of the covariance of all
    samples as it stands.  Eqs. 19 and 21 agree for the exact least-squares solution only: where `m`
    and `m_train` of "printed" differ, both are rounding errors.  Smooth trajectories over a short
    time span few directions, so that this is their rule; an integration error that is rough in
    time lifts the rank, and with it m.

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
        X, z, tau=tau, ridge=ridge, formula=formula, test_fraction=test_fraction, gap=gap
    )
    if curve.reason:
        warnings.warn(curve.reason, SingularCovarianceWarning, stacklevel=2)
    return replace(curve, attributes=told)


def evaluate(
    X: ArrayLike,
    z: ArrayLike,
    *,
    tau: ArrayLike | None,
    ridge: float | None,
    formula: str,
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
        target, ridge=ridge, formula=formula, test_fraction=test_fraction, gap=gap
    )
    fits: list[_ReadoutFit] = []
    for column in np.moveaxis(states.reshape(length, n, -1), 2, 0):
        x = np.ascontiguousarray(column, dtype=np.float64)
        if formula == "printed":
            fits.append(_printed(x, target))
        else:
            held_out = (x[length - n_test :], target[length - n_test :])
            fits.append(_regularised(x[:n_train], target[:n_train], held_out, ridge, gap))
    fields: dict[str, Any] = {
        name: np.stack(trials, axis=-1).reshape((*np.shape(trials[0]), *states.shape[2:]))
        for name, trials in zip(_ReadoutFit._fields, zip(*fits, strict=True), strict=True)
    }
    singular = bool(np.any(fields["rank"] < n))
    inverted = (
        f"[HH] Eq. 21 inverts a covariance of rank {fields['rank'].min()} < n = {n} in double "
        "precision: m is made of rounding errors; use formula='ridge'"
    )
    return MemoryCurve(
        **fields,
        tau=labels,
        n=n,
        n_train=n_train,
        n_test=n_test,
        singular=singular,
        reason=inverted if formula == "printed" and singular else "",
    )


def _checked(X: ArrayLike, z: ArrayLike) -> tuple[NDArray[Any], Array]:
    if np.iscomplexobj(X) or np.iscomplexobj(z):
        raise ArgumentError("X, z: must be real")
    states, target = np.asarray(X), np.asarray(z, dtype=np.float64)
    if states.ndim not in (2, 3) or states.size == 0:
        raise ArgumentError(f"X of shape {states.shape}: expected (L, n) or (L, n, batch)")
    if target.ndim == 1:
        target = target[:, None]
    if target.ndim != 2 or len(target) != len(states) or target.size == 0:
        raise ArgumentError(
            f"z of shape {np.shape(z)}: expected ({len(states)},) or ({len(states)}, n_tau)"
        )
    if not (np.all(np.isfinite(states)) and np.all(np.isfinite(target))):
        raise ArgumentError("X, z: must be finite")
    return states, target


def split(
    target: Array, *, ridge: float | None, formula: str, test_fraction: float, gap: int
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
    for name, part in (("fitted", target[:n_train]), ("held-out", target[length - n_test :])):
        zero = ~np.any(part, axis=0)
        if len(part) and np.any(zero):
            raise ArgumentError(f"z: target {int(np.argmax(zero))} is 0 at all {name} samples")
    return n_train, n_test


class _ReadoutFit(NamedTuple):
    """One trial, in the names of `MemoryCurve`."""

    m: Array
    m_train: Array
    ridge: Array
    scale: float
    rank: int
    condition: float


class _RidgeDecomposition(NamedTuple):
    """X = U s Vᵀ with Uᵀz: weights for every target and ridge from one decomposition."""

    s: Array
    directions: Array  # Vᵀ
    projected: Array  # Uᵀz

    @classmethod
    def of(cls, x: Array, z: Array) -> _RidgeDecomposition:
        u, s, directions = np.linalg.svd(x, full_matrices=False)
        return cls(s, directions, u.T @ z)

    def weights(self, ridge: ArrayLike, floor: float = 0.0) -> Array:
        """(n, n_tau) for one ridge or one per target; directions below `floor` get none."""
        squares = self.s[:, None] ** 2
        damped = squares + np.asarray(ridge) * squares[0]
        kept = squares > floor * squares[0]
        filtered = np.divide(self.s[:, None], damped, out=np.zeros_like(damped), where=kept)
        return self.directions.T @ (filtered * self.projected)


def _regularised(
    x: Array, z: Array, held_out: tuple[Array, Array], ridge: float | None, gap: int
) -> _ReadoutFit:
    """Ridge regression on (x, z), scored on `held_out`; the ridge chosen where it is None."""
    x_test, z_test = held_out
    chosen = _cross_validated(x, z, gap) if ridge is None else np.full(z.shape[1], ridge)
    fit = _RidgeDecomposition.of(x, z)
    # Without a ridge, only directions that double precision tells from 0 are kept.
    w = fit.weights(chosen, _resolution(x) if ridge == 0 else 0.0)
    return _ReadoutFit(_score(x_test, z_test, w), _score(x, z, w), chosen, *_spectrum(x, fit.s))


def _printed(x: Array, z: Array) -> _ReadoutFit:
    """[HH] Eqs. 20 and 21, literally."""
    covariance, moment = x.T @ x / len(x), x.T @ z / len(x)
    try:
        # The inverse as printed.  Solving the system instead is backward stable: its residuals stay
        # small whatever the rank, and nothing would show that the weights are arbitrary.
        w: Array = np.linalg.inv(covariance) @ moment
    except np.linalg.LinAlgError:
        w = np.full(moment.shape, np.nan)
    quotient = np.sum(moment * w, axis=0) / np.mean(z**2, axis=0)
    singular = np.asarray(np.linalg.svd(x, compute_uv=False), dtype=np.float64)
    return _ReadoutFit(quotient, _score(x, z, w), np.zeros(z.shape[1]), *_spectrum(x, singular))


def _cross_validated(x: Array, z: Array, gap: int) -> Array:
    """The ridge of each target, by blocked cross-validation: neighbours in time are alike."""
    error = np.zeros((len(_RIDGES), z.shape[1]))
    edges = np.linspace(0, len(x), _FOLDS + 1).astype(int)
    for start, end in pairwise(edges):
        kept = np.r_[0 : max(start - gap, 0), min(end + gap, len(x)) : len(x)]
        fit = _RidgeDecomposition.of(x[kept], z[kept])
        for k, ridge in enumerate(_RIDGES):
            error[k] += np.sum((x[start:end] @ fit.weights(ridge) - z[start:end]) ** 2, axis=0)
    return _RIDGES[np.argmin(error, axis=0)]


def _score(x: Array, z: Array, w: Array) -> Array:
    """[HH] Eq. 19."""
    return 1 - np.mean((x @ w - z) ** 2, axis=0) / np.mean(z**2, axis=0)


def _resolution(x: Array) -> float:
    return max(x.shape) * float(np.finfo(np.float64).eps)


def _spectrum(x: Array, s: Array) -> tuple[float, int, float]:
    """Largest eigenvalue, rank and condition number of XᵀX from the singular values of X."""
    squares = s**2
    rank = int(np.sum(squares > _resolution(x) * squares[0]))
    full = len(s) == x.shape[1] and squares[-1] > 0
    return squares[0] / len(x), rank, squares[0] / squares[-1] if full else np.inf


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
    time = np.asarray(t, dtype=float)
    return np.sin(0.02 * np.pi * time) + np.sin(0.04 * np.pi * time)


def stimulus_targets(
    t: ArrayLike, tau: ArrayLike, *, task: str = "recall", stimulus: Stimulus = two_sines
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
        S, called with one time after the other, negative ones where τ reaches before t = 0.

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
    times = np.asarray(t, dtype=float)
    if times.ndim != 1:
        raise ArgumentError(f"t of shape {times.shape}: expected (L,)")
    sign = -1 if task == "recall" else 1
    moments = times[:, None] + sign * arguments.lags(np.atleast_1d(tau))
    values = [arguments.finite(f"stimulus(t={s:g})", stimulus(s)) for s in moments.ravel()]
    return np.array(values).reshape(moments.shape)


def memory_curve(
    J: Any,
    tau: ArrayLike,
    *,
    onsager: Schedule = 0.0,
    task: str = "recall",
    stimulus: Stimulus | None = None,
    input_weights: ArrayLike | None = None,
    t_max: float = 1000.0,
    t_skip: float = 100.0,
    dt: float = 0.05,
    sample_every: float = 0.5,
    method: str | Scheme = "auto",
    tol: float | None = 1e-4,
    x0: ArrayLike | None = None,
    seed: int | None = None,
    ridge: float | None = None,
    formula: str = "ridge",
    test_fraction: float = 0.5,
    gap: float = 10.0,
    eta: float = 0.0,
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
        S(t) for every real t; default `two_sines`, the stimulus of [HH] Fig. 9.
    input_weights : (n,) array, optional
        u; default all ones.
    t_max, t_skip, sample_every : float
        States are sampled at t_skip, t_skip + sample_every, … up to t_max.
    dt, method, tol
        As in `integrate`.
    x0 : (n,) or (n, batch) array, optional
        Initial states, each column a trial of its own; default N(0, 1) drawn from `seed`.
    seed : int, optional
    ridge, formula, test_fraction
        As in `memory_function`: by default a ridge chosen by cross-validation and a score on the
        later half of the samples; formula "printed" is [HH] Eq. 21 as it stands.
    gap : float
        Time left out where fitted and predicted samples meet.
    eta, phi, dtype, threads, progress
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
    `memory_function(run.x, stimulus_targets(run.t, tau))`.

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
    """
    told = given(memory_curve, locals())
    times = _sample_times(t_max, t_skip, sample_every)
    drive = two_sines if stimulus is None else stimulus
    targets = stimulus_targets(times, tau, task=task, stimulus=drive)
    gap_samples = int(np.ceil(arguments.nonnegative("gap", gap) / sample_every - 1e-9))
    # Before the run, which may take long.
    how: dict[str, Any] = {"ridge": ridge, "formula": formula, "test_fraction": test_fraction}
    split(targets, gap=gap_samples, **how)
    n = Network(J, phi=phi, eta=eta, dtype=dtype).n
    weights = np.ones(n) if input_weights is None else np.asarray(input_weights, dtype=float)
    if weights.shape != (n,) or not np.all(np.isfinite(weights)):
        raise ArgumentError(f"input_weights of shape {weights.shape}: expected finite ({n},)")
    sequence = seeds.sequence(seed, "start")
    run = integrate(
        J, np.random.default_rng(sequence).standard_normal(n) if x0 is None else x0, t_max=t_max,
        dt=dt, onsager=onsager, method=method, tol=tol, save_at=times,
        inputs=lambda t: float(drive(t)) * weights, eta=eta, phi=phi, dtype=dtype, threads=threads,
        progress=progress,
    )  # fmt: skip
    assert run.x is not None
    curve = evaluate(run.x, targets, tau=tau, gap=gap_samples, **how)
    if curve.reason:
        warnings.warn(curve.reason, SingularCovarianceWarning, stacklevel=2)
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
    return np.minimum(t_skip + sample_every * np.arange(count), t_max)
