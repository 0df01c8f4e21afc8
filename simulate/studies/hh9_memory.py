"""[HH] Fig. 9: recall and forecast of a stimulus by the vanilla network and the gradient flow."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import stdtrit

from meanfield.common import arguments, cost, style
from meanfield.common.arguments import ArgumentError, Array
from meanfield.common.options import Couplings
from meanfield.common.study import CONVERGED, PRINTED, Part, Study, told

from ..integration import integrate
from ..memory import small_signal_memory
from ..reservoir import evaluate, split, stimulus_targets, two_sines
from .protocol import (
    PRINTED_STEP,
    VARIANTS,
    bias_text,
    make_bias,
    network,
    step_facts,
    steps_text,
    whose_text,
)

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_SAMPLE_EVERY, _HELD_OUT = 0.5, 0.5
# Chance that any of all the differences is called one although there is none.
_LEVEL = 0.05
_LOWEST, _HIGHEST = -0.6, 1.15
_DASHES = {0.0: "--", 1.0: "-"}
# Of `two_sines`.
_PERIOD, _FREQUENCIES = 100.0, (0.02 * np.pi, 0.04 * np.pi)


def memory_functions(
    g: float,
    onsager: float,
    *,
    couplings: Couplings = "elliptic",
    n: int = 300,
    gamma: float = 0.0,
    tau: Sequence[float] = tuple(np.arange(0.0, 51.0, 2.0).tolist()),
    task: Sequence[str] = ("recall",),
    formula: str = "ridge",
    t_skip: float = 100.0,
    t_max: float = 1000.0,
    windows: Sequence[float] | None = None,
    n_samples: int | None = None,
    gap: float = 10.0,
    method: str = "auto",
    dt: float = 0.05,
    tol: float = 1e-4,
    phi: str = "tanh",
    bias: float = 0.0,
    bias_std: float = 0.0,
    dtype: str = "float64",
    threads: int | None = None,
    seed: int,
) -> dict[str, Any]:
    """Memory functions m(τ) of one driven network, all windows and tasks from one run.

    Parameters
    ----------
    tau : sequence of float
        Delays τ ≥ 0.
    task : {"recall", "forecast"}
        What is read off x(t): S(t − τ), or S(t + τ), or both with a comma.
    formula : {"ridge", "printed"}
        Regularised with a held-out score, or [HH] Eq. 21 as printed.
    t_max : float
        Duration, if no windows are given.
    windows : sequence of float
        Lengths of windows that begin at t_skip, each evaluated by itself.  [default: one, to t_max]
    n_samples : int
        Equidistant samples L in each window.  [default: two per unit of time]
    gap : float
        Time left out where fitted and held-out samples meet.
    dtype : {"float64", "float32"}
        Precision of the run; single is twice as fast, and safe with a ridge.
    """
    if windows is None:
        t_max = arguments.positive("t_max", t_max)
        if not t_max > arguments.nonnegative("t_skip", t_skip):
            raise ArgumentError(f"t_max={t_max:g}: must be longer than t_skip={t_skip:g}")
        windows = [t_max - t_skip]
    # The readout of [HH] has no intercept.
    how: dict[str, Any] = {
        "ridge": None, "formula": formula, "intercept": False, "test_fraction": _HELD_OUT
    }  # fmt: skip
    times, gaps, targets = [], [], []
    for window in windows:
        arguments.positive("windows", window)
        count = _count(window, n_samples)
        times.append(np.round(t_skip + window * np.arange(1, count + 1) / count, 9))
        gaps.append(int(np.ceil(arguments.nonnegative("gap", gap) * count / window - 1e-9)))
        # One decomposition of the states serves the targets of all tasks.
        each = [stimulus_targets(times[-1], tau, task=name) for name in task]
        targets.append(np.concatenate(each, axis=1))
        # Before the run, which may take long.
        split(targets[-1], **how, gap=gaps[-1])
    moments = np.unique(np.concatenate(times))
    J, x0 = network(n, g, seed, gamma, couplings)
    run = integrate(
        J, x0, t_max=float(moments[-1]), onsager=onsager, inputs=two_sines, save_at=moments,
        method=method, dt=dt, tol=tol, bias=make_bias(n, bias, bias_std, seed), phi=phi,
        dtype=np.dtype(dtype), threads=threads,
    )  # fmt: skip
    assert run.x is not None
    # Not `memory_function`: rank and condition say what its warning would.
    curves = [
        evaluate(
            run.x[np.searchsorted(moments, part)], z, tau=np.tile(tau, len(task)), **how, gap=apart
        )
        for part, z, apart in zip(times, targets, gaps, strict=True)
    ]
    dims, shape = ("window", "task", "tau"), (len(windows), len(task), len(tau))
    m, fitted = (
        np.array([getattr(c, name) for c in curves]).reshape(shape) for name in ("m", "m_train")
    )
    ranks, conditions = [int(c.rank) for c in curves], [float(c.condition) for c in curves]
    return {
        "window": list(windows),
        "task": list(task),
        "tau": list(tau),
        "m": told(dims, m, "memory function"),
        "m_train": told(dims, fitted, "Eq. 19 on the fitted samples"),
        "m_theory": told(
            dims[1:],
            _theory(J, np.array(tau), task, g=g, phi=phi, applies=onsager == gamma == 0),
            "m of endless data where S is weak and the theory of it applies",
        ),
        "rank": told("window", ranks, "numerical rank of XᵀX, at most N"),
        "condition": told("window", conditions, "condition number of XᵀX"),
        **step_facts(run),
    }


def _theory(J: Any, tau: Array, task: Sequence[str], *, applies: bool, **how: Any) -> Array:
    """`small_signal_memory` of the stimulus, (tasks, delays); nan where it says nothing."""
    # What is to come is what was, a period before.
    delays = np.concatenate([tau if name == "recall" else -tau % _PERIOD for name in task])
    m = np.full(delays.shape, np.nan)
    # Fluctuations of some couplings grow in theory.
    with suppress(ArgumentError):
        found = small_signal_memory(J, delays, frequencies=_FREQUENCIES, **how) if applies else None
        if found and found.converged:
            m = found.m
    return m.reshape(len(task), -1)


def _count(window: float, n_samples: int | None) -> int:
    if n_samples is None:
        return max(1, cost.whole("windows", window, window / _SAMPLE_EVERY, "give n_samples"))
    return arguments.count("n_samples", n_samples, 1)


def derive(data: xr.Dataset) -> xr.Dataset:
    """What the scores say of their weights, and where κ = 1 differs from κ = 0."""
    others = ("task", "replicate", "tau")
    scores = {
        "mismatch": (
            np.abs(data.m - data.m_train).max(others),
            "largest |m − m_train|, of Eqs. 21 and 19, or of held-out and fitted samples",
        ),
        "m_least": (data.m.min(others), "lowest m"),
    }
    if data.attrs["formula"] == "ridge":
        few = np.unique(np.linspace(0, data.sizes["tau"] - 1, 4).astype(int))
        scores["m_shown"] = data.m.isel(tau=few).rename(tau="tau_shown"), "m(τ) at some τ"
        scores |= _compared(data.m)
    return data.assign({name: v.assign_attrs(long_name=t) for name, (v, t) in scores.items()})


def _compared(m: xr.DataArray) -> dict[str, tuple[xr.DataArray, str]]:
    """κ = 1 against κ = 0 with the same couplings: Student's t, two-sided, Bonferroni."""
    import xarray as xr

    if not {0.0, 1.0} <= set(m.onsager.values):
        return {}
    change = (m.sel(onsager=1.0, drop=True) - m.sel(onsager=0.0, drop=True)).dropna("replicate")
    count = change.sizes["replicate"]
    if count < 2:
        return {}
    mean, error = change.mean("replicate"), change.std("replicate", ddof=1) / np.sqrt(count)
    needed = float(stdtrit(count - 1, 1 - _LEVEL / (2 * mean.size)))
    better, worse = mean > needed * error, mean < -needed * error
    return {
        "difference": (mean, "m at κ = 1 minus m at κ = 0"),
        "difference_err": (error, "its standard error"),
        "better": (better, "whether κ = 1 is better"),
        "worse": (worse, "whether κ = 1 is worse"),
        "n_better": (better.sum("tau"), "number of τ at which κ = 1 is better"),
        "n_worse": (worse.sum("tau"), "number of τ at which it is worse"),
        "n_compared": (xr.DataArray(mean.size), "comparisons"),
        "errors_needed": (xr.DataArray(needed), "standard errors that a difference needs"),
    }


def draw(data: xr.Dataset) -> Figure:
    """One row a window and task, one column a gain: both networks, and the theory of vanilla."""
    facts, rows = data.attrs, [(w, t) for w in data.window.values for t in data.task.values]
    figure, axes = style.panels(
        len(rows), data.sizes["g"], height=0.6 + 1.6 * len(rows), width=style.WIDE, squeeze=False,
        sharex=True, sharey=True,
    )  # fmt: skip
    for line, (window, task) in zip(axes, rows, strict=True):
        for axis, gain in zip(line, data.g.values, strict=True):
            _curves(axis, data.sel(window=window, task=task, g=gain))
            axis.set_title(f"{task}, $g = {gain:g}$")
        over = f", window {window:g}" if data.sizes["window"] > 1 else ""
        line[0].set_ylabel(rf"$m(\tau)${over}")
    for axis in axes[-1]:
        axis.set_xlabel(r"$\tau$")
    seen = {
        text: handle
        for axis in axes.flat
        for handle, text in zip(*axis.get_legend_handles_labels(), strict=True)
    }
    figure.legend(seen.values(), seen.keys(), loc="outside lower center", ncols=len(seen))
    counts = "$ or $".join(
        dict.fromkeys(str(_count(w, facts["n_samples"])) for w in data.window.values)
    )
    held = "Eq. 21, in sample" if facts["formula"] == "printed" else "ridge, held out"
    style.above(
        figure,
        rf"$N = {facts['n']}$, $L = {counts}$ samples, {held}, {whose_text(data)}, "
        + steps_text(data)
        + bias_text(data),
    )
    return figure


def _curves(axis: Axes, part: xr.Dataset) -> None:
    is_printed = part.attrs["formula"] == "printed"
    for row, kappa in enumerate(part.onsager.values):
        curve = part.sel(onsager=kappa)
        middle, spread = _middle_and_spread(curve.m, is_printed)
        axis.errorbar(
            part.tau, middle, spread, color=f"C{row}", ls=_DASHES.get(kappa, ":"), lw=0.8,
            marker=style.MARKERS[row % 5], elinewidth=0.6, mfc="white" if kappa == 0 else None,
            label=rf"$\kappa = {kappa:g}$",
        )  # fmt: skip
        theory = curve.m_theory.mean("replicate")
        if not is_printed and theory.notnull().any():
            axis.plot(part.tau, theory, ":", color="black", label=r"theory, $\kappa = 0$")
        if bool(curve.unstable_step.any()):
            axis.plot(part.tau, middle, **style.CROSS, ms=4, zorder=3, label="step too long")
    for level in (0, 1):
        axis.axhline(level, color="0.7", lw=0.6, zorder=0)
    if is_printed:
        # Rounding errors of a singular inverse have no scale.
        axis.set_yscale("symlog", linthresh=1.5, linscale=2)
        return
    axis.set_ylim(_LOWEST, _HIGHEST)
    mean = part.m.mean("replicate").values
    outside = np.mean(~((mean > _LOWEST) & (mean < _HIGHEST)))
    if outside > 0:
        axis.text(
            0.99, 0.01, f"{outside:.0%} outside", ha="right", va="bottom",
            transform=axis.transAxes, color=style.ALARM,
        )  # fmt: skip


def _middle_and_spread(m: xr.DataArray, is_printed: bool) -> tuple[xr.DataArray, Any]:
    """Mean and standard deviation over couplings; of wild values the median and the extremes."""
    if not is_printed:
        return m.mean("replicate"), style.spread(m)
    middle = m.median("replicate")
    return middle, np.array([middle - m.min("replicate"), m.max("replicate") - middle])


MEMORY = Study(
    name="memory",
    source="[HH] Fig. 9",
    title="forecast and recall of a stimulus, vanilla network and gradient flow",
    parts=(Part(memory_functions, ("onsager", "g"), replicated=True),),
    draw=draw,
    text=f"""
Memory function m(τ) of networks driven by S(t) = sin 0.02πt + sin 0.04πt, of period 100: how well
a linear readout of x(t) follows S(t − τ) or S(t + τ), 1 perfect, 0 no better than ẑ = 0; the same
couplings for all g and κ. κ = 0 is dashed and hollow, bars are standard deviations over couplings.

Converged: the readout has a ridge, chosen on the first half of the window, and m is its score on
the second; on the first the same weights score m_train. κ = 1 is better or worse than κ = 0 where
the difference exceeds errors_needed of its standard errors over couplings, by Student's t at a
level of {_LEVEL:.0%} for all comparisons together.

Theory (dotted): m_theory is the score of endless data at κ = 0 by `small_signal_memory`, where S
makes at most a tenth of the variance. It has the period of S, and falls within it as parts of the
phase drown in chaos; what m misses of it is due to the window. κ = 1 has no such theory: the flow
does not become stationary, runs alone say what it remembers.

Printed: Eq. 21 in sample, drawn as median and extremes. Eqs. 19 and 21 are equal for exact weights:
where they differ, m is rounding of an inverse that is nearly singular, as smooth orbits over a
short window span few of the N directions. Euler steps of Δt = {PRINTED_STEP:g} are too long where
the stiffness exceeds {2 / PRINTED_STEP:g} (crosses): they make orbits rough in time, which lifts
the rank, and what they add is not the flow. The paper prints no window: the only length in it, 2000
steps, is 20 time units.""",
    axes={"onsager": (0.0, 1.0), "g": (1.0, 2.0, 4.0, 8.0)},
    columns=(
        "m_shown", "n_better", "n_worse", "n_compared", "errors_needed", "rank", "mismatch",
        "m_least", "stiffness", "unstable_step",
    ),
    derive=derive,
    presets={
        "quick": {
            "g": [2.0, 4.0, 10.0], "tau": [0.0, 2.0, 5.0, 10.0, 15.0, 20.0, 30.0, 40.0],
            "task": ["forecast", "recall"], "trials": 3, "t_skip": 50.0, "windows": [600.0],
            "dtype": "float32",
        },
        "paper": {
            "n": 1000, "g": [2.0, 4.0, 6.0, 8.0, 10.0],
            "tau": [0.0, 1.0, 2.0, 5.0, 10.0, 15.0, 20.0, 25.0, 30.0, 40.0, 50.0],
            "task": ["forecast", "recall"], "trials": 5, "t_skip": 50.0, "windows": [800.0],
            "dtype": "float32",
        },
    },
    variants={
        CONVERGED: {},
        PRINTED: {
            **VARIANTS[PRINTED], "formula": "printed", "t_skip": 50.0, "windows": [20.0, 100.0],
            "n_samples": 2000, "dtype": "float64",
        },
    },
    command="python -m simulate memory",
)  # fmt: skip

HH9 = replace(MEMORY, name="hh9", command="")
