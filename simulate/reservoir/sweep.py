"""Memory functions of many driven networks: gains, κ and couplings, every task from one run."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, DTypeLike

from meanfield import parameters, seeds
from meanfield.provenance import provenance
from meanfield.transfer import Array

from ..couplings import elliptic
from ..integration import integrate
from ..parallel import in_parallel
from .curve import stimulus_targets, two_sines
from .memory import SingularCovarianceWarning, delays, evaluate, split

_TEST_FRACTION = 0.5


def memory_sweep(
    n: int,
    g: ArrayLike,
    tau: ArrayLike,
    *,
    seed: Sequence[int],
    gamma: float = 0.0,
    onsager: ArrayLike = (0.0, 1.0),
    tasks: Sequence[str] = ("recall", "forecast"),
    t_skip: float = 100.0,
    windows: Sequence[float] = (900.0,),
    samples: int = 1800,
    formula: str = "ridge",
    gap: float = 10.0,
    method: str = "auto",
    dt: float = 0.05,
    tol: float | None = 1e-4,
    phi: str = "tanh",
    dtype: DTypeLike = np.float64,
    threads: int | None = None,
    workers: int | None = None,
    progress: bool = False,
) -> xr.Dataset:
    """Memory function m(τ) of elliptic networks driven by `two_sines`, for every g, κ and coupling.

    Parameters
    ----------
    n : int
        Number of neurons.
    g : (n_g,) array
        Gains.
    tau : (n_tau,) array
        Delays τ ≥ 0.
    seed : sequence of int
        One for each trial: of its couplings and its start.
    gamma : float
        Symmetry.
    onsager : (n_onsager,) array
        Factors κ on the Onsager-reaction force.
    tasks : sequence of str
        "recall", "forecast" or both, read off the same states.
    t_skip : float
        Time before the first sample.
    windows : sequence of float
        Durations of the windows of samples that follow; each is evaluated by itself.
    samples : int
        Number L of equidistant samples in each window.
    formula, gap, method, dt, tol, phi, dtype
        As in `memory_curve`; half of the samples are held out.
    threads : int, optional
        BLAS threads of the integration; default 1.
    workers, progress
        As elsewhere: processes for the independent runs, and a progress bar.

    Returns
    -------
    Dataset
        m and m_train over (window, task, onsager, g, trial, tau), rank and condition of the
        covariance, and of each run the stiffness and whether its step was too long.

    Raises
    ------
    ArgumentError
        If an argument is outside its range.

    Warns
    -----
    SingularCovarianceWarning
        Once, for "printed", if the covariance of some run has no inverse in double precision.
    StepSizeWarning
        If a step is too long.

    Examples
    --------
    >>> from simulate.reservoir import memory_sweep
    >>> found = memory_sweep(20, [2.0], [0.0, 5.0], seed=[1], t_skip=20, windows=[80], samples=160)
    >>> found.m.dims, found.m.shape
    (('window', 'task', 'onsager', 'g', 'trial', 'tau'), (1, 2, 2, 1, 1, 2))
    """
    gains, kappas, lags = (np.atleast_1d(np.asarray(a, float)) for a in (g, onsager, delays(tau)))
    times = [
        t_skip + parameters.positive("window", w) * np.arange(1, samples + 1) / samples
        for w in windows
    ]
    gaps = [int(np.ceil(parameters.nonnegative("gap", gap) * samples / w - 1e-9)) for w in windows]
    for moments, apart in zip(times, gaps, strict=True):
        for task in tasks:
            # Before the runs, which may take long.
            split(
                stimulus_targets(moments, lags, task=task), ridge=None, formula=formula,
                test_fraction=_TEST_FRACTION, gap=apart,
            )  # fmt: skip
    shape = (len(kappas), len(gains), len(seed))
    options: dict[str, Any] = {
        "method": method, "dt": dt, "tol": tol, "phi": phi, "dtype": dtype, "threads": threads
    }  # fmt: skip
    jobs = [
        partial(
            _run, n, float(gains[column]), gamma, float(kappas[row]), seed[trial], lags,
            tuple(tasks), times, gaps, formula, options,
        )
        for row, column, trial in np.ndindex(shape)
    ]  # fmt: skip
    found = list(in_parallel(jobs, workers, label="memory", progress=progress))
    singular = sorted({text for job in found for text in job["warnings"]})
    if singular:
        warnings.warn(singular[0], SingularCovarianceWarning, stacklevel=2)

    def collected(name: str, *dims: str) -> tuple[tuple[str, ...], Any]:
        values = np.array([job[name] for job in found])
        inner = values.reshape(*shape, *values.shape[1:])
        ahead = [d for d in dims if d != "tau"]
        moved = np.moveaxis(inner, range(3, 3 + len(ahead)), range(len(ahead)))
        return (*ahead, "onsager", "g", "trial", *(d for d in dims if d == "tau")), moved

    said = {
        "m": ("memory function", "window", "task", "tau"),
        "m_train": ("memory function on the fitted samples", "window", "task", "tau"),
        "rank": ("numerical rank of X^T X", "window"),
        "condition": ("condition number of X^T X", "window"),
        "stiffness": ("largest rate met at kappa > 0",),
        "unstable_step": ("step too long for the flow",),
    }
    return xr.Dataset(
        {
            name: (*collected(name, *dims), {"long_name": text})
            for name, (text, *dims) in said.items()
        },
        {
            "window": list(windows), "task": list(tasks), "onsager": kappas, "g": gains,
            "tau": ("tau", lags, {"long_name": "delay"}),
        },
        {
            "n": n, "gamma": gamma, "formula": formula, "t_skip": t_skip, "samples": samples,
            "dt": dt, "tol": "none" if tol is None else tol, "phi": phi,
            "method": ", ".join(sorted({job["method"] for job in found})), **provenance(),
        },
    )  # fmt: skip


def _run(
    n: int,
    g: float,
    gamma: float,
    kappa: float,
    seed: int,
    lags: Array,
    tasks: tuple[str, ...],
    times: list[Array],
    gaps: list[int],
    formula: str,
    options: dict[str, Any],
) -> dict[str, Any]:
    """One run, and what every window and task of it gives."""
    rounded = [np.round(moments, 9) for moments in times]
    moments = np.unique(np.concatenate(rounded))
    run = integrate(
        elliptic(n, g, gamma, seed=seed),
        seeds.generator(seed, "start").standard_normal(n),
        t_max=float(moments[-1]),
        onsager=kappa,
        inputs=two_sines,
        save_at=moments,
        **options,
    )
    assert run.x is not None
    # One decomposition of the states serves the targets of all tasks.
    curves = [
        evaluate(
            run.x[np.searchsorted(moments, part)],
            np.concatenate([stimulus_targets(part, lags, task=task) for task in tasks], axis=1),
            tau=np.tile(lags, len(tasks)),
            ridge=None,
            formula=formula,
            test_fraction=_TEST_FRACTION,
            gap=apart,
        )
        for part, apart in zip(rounded, gaps, strict=True)
    ]
    by_task = (len(curves), len(tasks), len(lags))
    return {
        "m": np.array([curve.m for curve in curves]).reshape(by_task),
        "m_train": np.array([curve.m_train for curve in curves]).reshape(by_task),
        "rank": [int(curve.rank) for curve in curves],
        "condition": [float(curve.condition) for curve in curves],
        "stiffness": run.stiffness,
        "unstable_step": int(run.status != "success"),
        "method": run.method,
        "warnings": [text for curve in curves for text in curve.warnings],
    }
