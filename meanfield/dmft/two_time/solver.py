"""`two_time`: correlation, response and energy from an initial state on."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from ... import parameters, seeds
from ...exponential import StepSizeWarning, largest_rate, largest_step
from ...parameters import ArgumentError
from ...schedule import Schedule, Switching, as_function, breakpoints
from ...transfer import Array, TransferFunction, transfer_function
from ..closed import solve
from ..sampler.batch import Batch, Task, run_batch
from ..sampler.ensemble import SHRINK, Estimate, combine, in_order
from ..sampler.site import SiteModel, rate_model
from ..sampler.sweep import Setting, time_grid
from .solution import TwoTime

METHODS = ("auto", "closed", "sampler")
BIASES = ("report", "extrapolate", "ignore")
_FULL, _SMALL = 0, 1


def two_time(
    g: float,
    gamma: float = 0.0,
    *,
    t_max: float,
    dt: float,
    onsager: Schedule = 0.0,
    temperature: Schedule = 0.0,
    x0_std: float = 1.0,
    n_trajectories: int = 32_000,
    batches: int = 8,
    seed: int | None = None,
    phi: str | TransferFunction = "tanh",
    model: SiteModel | None = None,
    save_every: int = 1,
    method: str = "auto",
    response: bool = False,
    n_pulsed: int = 1024,
    innovations: str = "matched",
    tol: float = 1e-3,
    window: float = math.inf,
    bias: str = "report",
    richardson: bool = True,
    workers: int | None = None,
    progress: bool = False,
) -> TwoTime:
    """Two-time mean-field theory, N → ∞, of random networks from normal initial states.

    The network is ẋ = f − κ(t) φ′∘Jᵀf + ξ, f = −x + Jφ(x), with Gaussian couplings of gain g and
    symmetry γ, white noise of strength σ² = 2T and x(0) ~ N(0, `x0_std`²).

    Parameters
    ----------
    g : float
        Gain, > 0.
    gamma : float
        Coupling symmetry γ in [−1, 1].
    t_max, dt : float
        Length of the run and the step, in time constants of the neurons; shortened between switch
        times so that a whole number of steps fits.
    onsager : float, Switching or callable
        κ, factor of the Onsager-reaction force.
    temperature : float, Switching or callable
        T ≥ 0.
    x0_std : float
        At least 0.
    n_trajectories : int
        Of all batches together.
    batches : int
        Independent batches, at least 2: the unit of the standard errors.
    seed : int, optional
        With it the result is the same whatever `workers`; None takes one from the operating system,
        to be read from ``attributes["seed"]``.
    phi : str or TransferFunction
        "tanh" (default), "erf", "algebraic", "linear", or a transfer function.
    model : SiteModel, optional
        Another single-site equation, in place of `phi` and `onsager`.
    save_every : int
        Every which step is saved; switch times and t_max are saved too.
    method : {"auto", "closed", "sampler"}
        "closed": deterministic, for γ = 0 without Onsager-reaction force, where x is Gaussian and
        the correlations close.  "sampler": the causal sampler, for everything.  "auto": "closed"
        where it applies.
    response : bool
        Whether to compute R(t, s) by propagating tangents (sampler: time O(n³) in the number n of
        steps; closed: free).
    n_pulsed : int
        Trajectories that carry tangents, of all batches together.
    innovations : {"matched", "gaussian"}
        See `GaussianOperator`: "gaussian" samples exact networks of M neurons, "matched" reduces
        the variance of the M → ∞ limit.
    tol : float
        Share of a state below which a new direction of the couplings is not revealed.
    window : float
        Time after which the past is forgotten: cuts C and R off at lags beyond it.  Time and memory
        then grow linearly with `t_max`.  Only where both decay within it; default never.
    bias : {"report", "extrapolate", "ignore"}
        What to do about the difference b/M of batches of M trajectories from M → ∞, measured on as
        many batches of M/4 trajectories.  Extrapolation costs a factor of about 1.5 in error.
    richardson : bool
        Whether "closed" extrapolates in the step.
    workers : int, optional
        Threads; default one per core.
    progress : bool
        Whether to show a progress bar.

    Returns
    -------
    TwoTime

    Raises
    ------
    ArgumentError
        If an argument is outside its range, or does not go with another.
    SamplerError
        If trajectories do not stay finite.

    Warns
    -----
    StepSizeWarning
        If the step is longer than the scheme follows stably: with κ > 0 it must stay below about
        1/λ_max(Hess E), see ``stiffness`` of the result.

    Notes
    -----
    Single-site equations with all memory terms: derivations, ``dmft``.  Exponential
    Adams–Bashforth steps of order 2; the errors given do not contain the error of the step in the
    sampler (halve `dt` to see it).  Time O(steps × n_trajectories × rank), and the rank follows
    the physical time, about 4 directions per unit, not the number of steps.

    Examples
    --------
    >>> from meanfield import two_time
    >>> vanilla = two_time(2.0, t_max=5, dt=0.1)
    >>> frozen = two_time(2.0, t_max=5, dt=0.05, onsager=1.0, n_trajectories=8000, seed=0)
    >>> vanilla.method, frozen.method
    ('closed', 'sampler')
    >>> bool(frozen.energy[-1] < vanilla.energy[-1] / 5)
    True
    """
    phi = transfer_function(phi)
    g, gamma = parameters.positive("g", g), parameters.within("gamma", gamma, -1, 1)
    t_max, dt = parameters.positive("t_max", t_max), parameters.positive("dt", dt)
    x0_std = parameters.nonnegative("x0_std", x0_std)
    save_every = parameters.count("save_every", save_every, 1)
    parameters.one_of("method", method, METHODS)
    parameters.one_of("bias", bias, BIASES)
    heat = as_function("temperature", temperature)
    times = breakpoints(t_max, onsager, temperature)
    grid = time_grid(times, dt)
    saves = _saves(grid, times, save_every)
    is_vanilla = model is None and not callable(onsager) and onsager == 0
    if model is not None and (callable(onsager) or onsager != 0):
        raise ArgumentError(f"onsager={onsager!r}: belongs to the rate network, not to a model")

    def noise(t: float) -> float:
        if (value := heat(t)) < 0:
            raise ArgumentError(f"temperature={value:g} at t = {t:g}: must be >= 0")
        return 2 * value

    facts: dict[str, Any] = {
        "phi": phi.name if model is None else model.name,
        "onsager": _text(onsager),
        "temperature": _text(temperature),
        "x0_std": x0_std,
        "t_max": t_max,
        "dt": dt,
    }
    if method == "closed" or (method == "auto" and gamma == 0 and is_vanilla):
        if gamma or not is_vanilla:
            raise ArgumentError(
                f"method='closed': needs gamma=0 and onsager=0, got gamma={gamma:g}, "
                f"onsager={onsager!r}"
            )
        strengths = np.array([noise(float(t)) for t in grid[:-1]])
        facts["richardson"] = str(richardson)
        return _closed(phi, g, grid, strengths, x0_std, saves, richardson, response, facts)
    batches = parameters.count("batches", batches, 2)
    size = parameters.count("n_trajectories", n_trajectories, 16 * SHRINK * batches) // batches
    pulses = min(parameters.count("n_pulsed", n_pulsed, 1) // batches + 1, size)
    if not window > 0:
        raise ArgumentError(f"window={window:g}: must be positive (inf allowed)")
    site = rate_model(phi, onsager) if model is None else model
    if response and site.slopes is None:
        raise ArgumentError(f"response=True: model {site.name!r} has no slopes")
    setting = Setting(
        site, g, gamma, noise, x0_std, times, grid, innovations, tol=tol, window=window
    )
    task = Task(saves, response, pulses, model is None, site.slopes is not None, batches)
    entropy = seeds.sequence(seed, "sampling").entropy
    facts |= {
        "seed": str(entropy),
        "n_trajectories": size * batches,
        "batches": batches,
        "innovations": innovations,
        "tol": tol,
        "window": window,
        "bias": bias,
    }
    assert isinstance(entropy, int)
    kappa = as_function("onsager", onsager)
    full, small = _sample(
        setting,
        task,
        size,
        entropy,
        control=bias != "ignore",
        is_gradient_flow=lambda t: model is None and kappa(t) == 1,
        workers=workers,
        progress=progress,
    )
    return _collect(setting, saves, full, small, bias == "extrapolate", response, facts)


def _saves(grid: Array, times: list[float], every: int) -> NDArray[np.intp]:
    kept = np.isin(grid, times)
    starts = np.flatnonzero(kept)
    place = (
        np.arange(grid.size) - starts[np.searchsorted(starts, np.arange(grid.size), "right") - 1]
    )
    return np.flatnonzero(kept | (place % every == 0))


def _text(schedule: Schedule) -> str:
    if isinstance(schedule, Switching):
        return f"{list(schedule.values)} switching at {list(schedule.times)}"
    return "function of time" if callable(schedule) else f"{schedule:g}"


class _Pair(NamedTuple):
    """Full batches and the smaller ones of the control group."""

    full: list[Batch]
    small: list[Batch]


def _sample(
    setting: Setting,
    task: Task,
    size: int,
    seed: int,
    *,
    control: bool,
    is_gradient_flow: Callable[[float], bool],
    workers: int | None,
    progress: bool,
) -> _Pair:
    plain = Task(task.saves, False, 0, task.integrated, False, task.repeats)
    groups = [(_FULL, size, task)] + ([(_SMALL, size // SHRINK, plain)] if control else [])
    total = len(groups) * task.repeats * setting.grid.size
    with tqdm(total=total, unit="step", disable=None if progress else True) as bar:

        def job(group: int, members: int, todo: Task, batch: int) -> Callable[[], Batch]:
            return lambda: run_batch(
                setting,
                todo,
                members,
                seed,
                (group, batch),
                is_gradient_flow=is_gradient_flow,
                tick=bar.update,
            )

        jobs = [job(*group, batch) for group in groups for batch in range(task.repeats)]
        found = in_order(jobs, workers)
    return _Pair(found[: task.repeats], found[task.repeats :])


def _collect(
    setting: Setting,
    saves: NDArray[np.intp],
    full: list[Batch],
    small: list[Batch],
    extrapolate: bool,
    response: bool,
    facts: dict[str, Any],
) -> TwoTime:
    def estimate(name: str) -> Estimate:
        other = [] if name == "R" else [b.values[name] for b in small]
        return combine([b.values[name] for b in full], other, extrapolate and name != "R")

    names = ("C", "delta", "freezing", "energy", "r_int")
    found = {name: estimate(name) for name in names}
    shift = np.mean([b.ridge_shift for b in full], axis=0)
    r_int_err = np.hypot(found["r_int"].error, shift)
    R = estimate("R") if response else None
    stiffness = max((b.stiffness for b in full if not math.isnan(b.stiffness)), default=math.nan)
    longest = float(np.max(np.diff(setting.grid)))
    told: tuple[str, ...] = ()
    if stiffness > largest_rate(longest):
        told = (
            f"dt = {longest:g} exceeds the largest stable step {largest_step(stiffness):.3g} at "
            f"the stiffness {stiffness:.3g} met on the way; shorten dt: what is seen is the step's",
        )
        warnings.warn(told[0], StepSizeWarning, stacklevel=4)
    return TwoTime(
        g=setting.g,
        gamma=setting.gamma,
        t=setting.grid[saves],
        **{name: found[name].value for name in names},
        **{f"{name}_err": found[name].error for name in names if name != "r_int"},
        **{f"{name}_bias": found[name].bias for name in names},
        r_int_err=r_int_err,
        R=None if R is None else R.value,
        R_err=None if R is None else R.error,
        method="sampler",
        status="unstable step" if told else "ok",
        warnings=told,
        balance_error=float(np.fmax.reduce([b.balance for b in full])),
        energy_balance_error=float(np.fmax.reduce([b.energy_balance for b in full])),
        stiffness=stiffness,
        rank=max(b.rank for b in full),
        attributes=facts,
    )


def _closed(
    phi: TransferFunction,
    g: float,
    grid: Array,
    noise: Array,
    x0_std: float,
    saves: NDArray[np.intp],
    richardson: bool,
    response: bool,
    facts: dict[str, Any],
) -> TwoTime:
    found = solve(phi, g, grid, noise, x0_std, richardson=richardson)
    t = grid[saves]
    pairs = np.ix_(saves, saves)
    C, C_err = found.C[pairs], found.C_err[pairs] + found.truncation
    same, same_err = np.diagonal(C), np.diagonal(C_err)
    slope, slope_err = found.slope[saves], found.slope_err[saves]
    lag = t[:, None] - t
    # Without memory a pulse decays as the leak.
    pulse = np.where(lag > 0, np.exp(-np.abs(lag)), 0.0)
    known = {
        "delta": found.delta[pairs],
        "C": C,
        "freezing": np.maximum(same[:, None] + same - 2 * C, 0.0),
        "energy": found.energy[saves],
        "r_int": slope * -np.expm1(-t),
    }
    return TwoTime(
        g=g,
        gamma=0.0,
        t=t,
        **known,
        delta_err=found.delta_err[pairs],
        C_err=C_err,
        freezing_err=same_err[:, None] + same_err + 2 * C_err,
        energy_err=found.energy_err[saves],
        r_int_err=slope_err * -np.expm1(-t),
        **{f"{name}_bias": np.zeros_like(value) for name, value in known.items()},
        R=slope[:, None] * pulse if response else None,
        R_err=slope_err[:, None] * pulse if response else None,
        method="closed",
        status="ok",
        warnings=(),
        balance_error=math.nan,
        energy_balance_error=math.nan,
        stiffness=math.nan,
        rank=0,
        attributes=facts,
    )
