"""The memory function of given states ([HH] Eqs. 19–21)."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from meanfield.common import arguments
from meanfield.common.arguments import ArgumentError, Array
from meanfield.common.files import provenance

from .readout import FOLDS, printed, regularised

if TYPE_CHECKING:
    import xarray as xr

FORMULAS = ("ridge", "printed")


class SingularCovarianceWarning(RuntimeWarning):
    """[HH] Eq. 21 was evaluated with a covariance that has no inverse in double precision."""


@dataclass(frozen=True)
class MemoryCurve:
    """The memory function m(τ) with what is needed to judge it.

    Attributes
    ----------
    tau : (n_tau,) ndarray
        Delays.
    m : (n_tau[, batch]) ndarray
        Score 1 − ⟨(ẑ − z)²⟩/⟨z²⟩ on held-out later samples: 1 perfect, 0 no better than ẑ = 0,
        negative worse.  For formula "printed" the in-sample quotient of Eq. 21.
    m_train : (n_tau[, batch]) ndarray
        The score (Eq. 19) of the same weights on the samples they were fitted to.
    ridge : (n_tau[, batch]) ndarray
        λ as a fraction of `scale`; 0 for "printed".
    scale : ([batch]) ndarray
        Largest eigenvalue of ⟨XᵀX⟩ over the fitted samples.
    rank : ([batch]) ndarray of int
        Number of its eigenvalues above max(L, n) ε times the largest: those that double precision
        tells from 0.
    condition : ([batch]) ndarray
        Largest over smallest of its n eigenvalues, from the singular values of X.
    n, n_train, n_test : int
        Number of neurons and of samples.
    singular : bool
        Whether rank < n in some trial.
    status : str
        "success", "unstable step" (that of the run) or, for formula "printed" where rank < n,
        "singular covariance".
    warnings : list of str
        Of the run, then of the formula.
    attributes : dict
        Parameters of the call.
    """

    tau: Array
    m: Array
    m_train: Array
    ridge: Array
    scale: Array
    rank: NDArray[np.int64]
    condition: Array
    n: int
    n_train: int
    n_test: int
    singular: bool
    status: str
    warnings: list[str]
    attributes: dict[str, Any] = field(default_factory=dict)

    def to_dataset(self) -> xr.Dataset:
        """Labelled arrays with parameters, status and versions in the attributes."""
        import xarray as xr

        trial = ("trial",) * (self.m.ndim - 1)
        names = {
            "m": (("tau",), "memory function"),
            "m_train": (("tau",), "memory function on the fitted samples"),
            "ridge": (("tau",), "ridge over largest eigenvalue of the covariance"),
            "scale": ((), "largest eigenvalue of the covariance"),
            "rank": ((), "numerical rank of the covariance"),
            "condition": ((), "condition number of the covariance"),
        }
        variables = {
            name: ((*dims, *trial), getattr(self, name), {"long_name": text})
            for name, (dims, text) in names.items()
        }
        summary = {name: getattr(self, name) for name in ("n", "n_train", "n_test", "status")}
        flags = {"singular": int(self.singular), "warnings": "\n".join(self.warnings)}
        coords = {"tau": ("tau", self.tau, {"long_name": "delay"})}
        return xr.Dataset(
            variables, coords, {**self.attributes, **summary, **flags, **provenance()}
        )


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
    curve = evaluate(
        X, z, tau=tau, ridge=ridge, formula=formula, test_fraction=test_fraction, gap=gap
    )
    for text in curve.warnings:
        warnings.warn(text, SingularCovarianceWarning, stacklevel=2)
    return curve


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
    """`memory_function` that records its warnings without uttering them."""
    states, target = _checked(X, z)
    length, n = states.shape[:2]
    labels = np.arange(target.shape[1], dtype=float) if tau is None else delays(tau)
    if len(labels) != target.shape[1]:
        raise ArgumentError(f"tau of length {len(labels)}: expected {target.shape[1]}, one per z")
    n_train, n_test = split(
        target, ridge=ridge, formula=formula, test_fraction=test_fraction, gap=gap
    )
    fits = []
    for column in np.moveaxis(states.reshape(length, n, -1), 2, 0):
        x = np.ascontiguousarray(column, dtype=np.float64)
        if formula == "printed":
            fits.append(printed(x, target))
        else:
            held_out = (x[length - n_test :], target[length - n_test :])
            fits.append(regularised(x[:n_train], target[:n_train], held_out, ridge, gap))
    shape = states.shape[2:]
    by_target = {
        name: np.stack([getattr(fit, name) for fit in fits], axis=-1).reshape(-1, *shape)
        for name in ("m", "m_train", "ridge")
    }
    by_trial = {
        name: np.array([getattr(fit, name) for fit in fits]).reshape(shape)
        for name in ("scale", "rank", "condition")
    }
    singular = bool(np.any(by_trial["rank"] < n))
    found = []
    if formula == "printed" and singular:
        found.append(
            f"[HH] Eq. 21 inverts a covariance of rank {by_trial['rank'].min()} < n = {n} in "
            "double precision: m is made of rounding errors; use formula='ridge'"
        )
    return MemoryCurve(
        tau=labels,
        **by_target,
        **by_trial,
        n=n,
        n_train=n_train,
        n_test=n_test,
        singular=singular,
        status="singular covariance" if found else "success",
        warnings=found,
        attributes={
            "formula": formula,
            "ridge_choice": "cross-validated" if ridge is None else f"{ridge:g}",
            "test_fraction": test_fraction,
            "gap_samples": gap,
        },
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
