"""The memory function of given states ([HH] Eqs. 19–21), of a linear readout with a ridge."""

from __future__ import annotations

import warnings
from dataclasses import replace
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from meanfield.common import arguments
from meanfield.common.arguments import ArgumentError, Array
from meanfield.common.result import Result, coordinate, fact, given, value

FORMULAS = ("ridge", "printed")
# Candidates for the relative ridge.  Below the first, the kept directions drown in the errors of
# the time stepping; with the last, the weights are all but 0.
RIDGES = 10.0 ** np.arange(-10, 1)
FOLDS = 5


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
    labels = np.arange(target.shape[1], dtype=float) if tau is None else delays(tau)
    if len(labels) != target.shape[1]:
        raise ArgumentError(f"tau of length {len(labels)}: expected {target.shape[1]}, one per z")
    n_train, n_test = split(
        target, ridge=ridge, formula=formula, test_fraction=test_fraction, gap=gap
    )
    fits: list[ReadoutFit] = []
    for column in np.moveaxis(states.reshape(length, n, -1), 2, 0):
        x = np.ascontiguousarray(column, dtype=np.float64)
        if formula == "printed":
            fits.append(_printed(x, target))
        else:
            held_out = (x[length - n_test :], target[length - n_test :])
            fits.append(_regularised(x[:n_train], target[:n_train], held_out, ridge, gap))
    fields: dict[str, Any] = {
        name: np.stack(trials, axis=-1).reshape((*np.shape(trials[0]), *states.shape[2:]))
        for name, trials in zip(ReadoutFit._fields, zip(*fits, strict=True), strict=True)
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
    arguments.one_of("formula", formula, FORMULAS)
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
        if ridge is None and n_train - -(-n_train // FOLDS) - 2 * gap < FOLDS:
            raise ArgumentError(
                f"ridge=None: {n_train} samples to fit, with gap={gap} around each fifth of them, "
                "are too few to choose it; pass a number, a shorter gap or more samples"
            )
    for name, part in (("fitted", target[:n_train]), ("held-out", target[length - n_test :])):
        zero = ~np.any(part, axis=0)
        if len(part) and np.any(zero):
            raise ArgumentError(f"z: target {int(np.argmax(zero))} is 0 at all {name} samples")
    return n_train, n_test


def delays(tau: ArrayLike) -> Array:
    """Delays τ ≥ 0 as a checked vector."""
    values = np.atleast_1d(np.asarray(tau, dtype=float))
    if values.ndim != 1 or not values.size:
        raise ArgumentError(f"tau of shape {values.shape}: expected a number or (n_tau,)")
    bad = ~((values >= 0) & np.isfinite(values))
    if np.any(bad):
        raise ArgumentError(f"tau={values[bad][0]:g}: must be >= 0 and finite")
    return values


class ReadoutFit(NamedTuple):
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
) -> ReadoutFit:
    """Ridge regression on (x, z), scored on `held_out`; the ridge chosen where it is None."""
    x_test, z_test = held_out
    chosen = _cross_validated(x, z, gap) if ridge is None else np.full(z.shape[1], ridge)
    fit = _RidgeDecomposition.of(x, z)
    # Without a ridge, only directions that double precision tells from 0 are kept.
    w = fit.weights(chosen, _resolution(x) if ridge == 0 else 0.0)
    return ReadoutFit(_score(x_test, z_test, w), _score(x, z, w), chosen, *_spectrum(x, fit.s))


def _printed(x: Array, z: Array) -> ReadoutFit:
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
    return ReadoutFit(quotient, _score(x, z, w), np.zeros(z.shape[1]), *_spectrum(x, singular))


def _cross_validated(x: Array, z: Array, gap: int) -> Array:
    """The ridge of each target, by blocked cross-validation: neighbours in time are alike."""
    error = np.zeros((len(RIDGES), z.shape[1]))
    edges = np.linspace(0, len(x), FOLDS + 1).astype(int)
    for start, end in pairwise(edges):
        kept = np.r_[0 : max(start - gap, 0), min(end + gap, len(x)) : len(x)]
        fit = _RidgeDecomposition.of(x[kept], z[kept])
        for k, ridge in enumerate(RIDGES):
            error[k] += np.sum((x[start:end] @ fit.weights(ridge) - z[start:end]) ** 2, axis=0)
    return RIDGES[np.argmin(error, axis=0)]


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
