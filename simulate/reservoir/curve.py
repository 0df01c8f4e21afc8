"""Memory of a driven network: recall and forecast of a stimulus ([HH] Figs. 8 and 9)."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from meanfield import TransferFunction
from meanfield.common import arguments, seeds
from meanfield.common.arguments import ArgumentError, Array
from meanfield.common.result import given
from meanfield.schedule import Schedule

from ..integration import integrate
from ..network import Network
from ..observables.states import reason_of
from .memory import MemoryCurve, SingularCovarianceWarning, delays, evaluate, split

Stimulus = Callable[[float], Any]

_TASKS = ("recall", "forecast")


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
    >>> from simulate.reservoir import two_sines
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

    Raises
    ------
    ArgumentError
        If an argument is outside its range or S is not one finite number.

    Examples
    --------
    >>> from simulate.reservoir import stimulus_targets
    >>> stimulus_targets([25.0], [0.0, 12.5], task="forecast").round(4).tolist()
    [[1.0, -0.2929]]
    """
    arguments.one_of("task", task, _TASKS)
    times = np.asarray(t, dtype=float)
    if times.ndim != 1:
        raise ArgumentError(f"t of shape {times.shape}: expected (L,)")
    sign = -1 if task == "recall" else 1
    moments = times[:, None] + sign * delays(tau)
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
    method: str = "auto",
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
        "stimulus": getattr(drive, "__name__", repr(drive)),
        "gap_samples": gap_samples,
        "dtype": np.dtype(dtype).name,
        "seed": sequence.entropy if x0 is None else None,
    }
    return replace(
        curve,
        # Weights fitted to states of a flagged run say nothing of the flow, singular or not.
        status=None,
        reason="; ".join(filter(None, (reason_of(run), curve.reason))),
        attributes=told | used,
    )


def _sample_times(t_max: float, t_skip: float, sample_every: float) -> Array:
    arguments.positive("t_max", t_max)
    arguments.positive("sample_every", sample_every)
    if arguments.nonnegative("t_skip", t_skip) >= t_max:
        raise ArgumentError(f"t_skip={t_skip:g}: must lie below t_max={t_max:g}")
    count = int(np.floor((t_max - t_skip) / sample_every + 1e-9)) + 1
    return np.minimum(t_skip + sample_every * np.arange(count), t_max)
