"""`two_time`: correlation, response and energy, from closed equations or the causal sampler."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...common import arguments
from ...common.arguments import ArgumentError, Array
from ...exponential import StepSizeWarning, message
from ...schedule import Schedule, as_function, breakpoints, step_times, text_of
from ...transfer import TransferFunction, transfer_function
from ..closed import ClosedTwoTime, solve
from ..sampler.batch import Batch, Task, are_alike, run_batch
from ..sampler.ensemble import SHRINK, Estimate, combine, plan, run_groups
from ..sampler.site import SiteModel, checked_model
from ..sampler.sweep import Setting
from .solution import CURVES, MATRICES, TwoTime

METHODS = ("auto", "closed", "sampler")
BIASES = ("report", "extrapolate", "ignore")
# Violation of the balance of ⟨x²⟩ from which a step is called too long.
_BALANCED = 0.1


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
    threads: int | None = None,
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
        With it the result is the same whatever `threads`; None takes one from the operating system,
        to be read from ``attributes["seed"]``.
    phi : str or TransferFunction
        "tanh" (default), "erf", "algebraic", "linear", or a transfer function.
    model : SiteModel, optional
        Another single-site equation, in place of `phi` and `onsager`.
    save_every : int
        Save every so-manieth step, and the switch times and t_max.
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
        then grow linearly with `t_max`.  Only where both decay within it, and without white noise;
        default never.
    bias : {"report", "extrapolate", "ignore"}
        What to do about the difference b/M of batches of M trajectories from M → ∞, measured on as
        many batches of M/4 trajectories.  Extrapolation costs a factor of about 1.5 in error.
    richardson : bool
        Whether "closed" extrapolates in the step.
    threads : int, optional
        Default 1: the steps are short, and more threads seldom pay.
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
    sampler (halve `dt` to see it).  Time O(steps × n_trajectories × rank); the rank follows the
    physical time, about 4 directions per unit and side at κ = 0, not the number of steps, except
    with white noise, where every step is a new direction.  The operator is stored in single
    precision if `tol` ≥ 10⁻³.

    Without `response` the integrated response comes from the whitened sums of the operator.  With
    κ > 0 and |γ| near 1 its error can be underestimated by a factor of 2: h and u can then hardly
    be shifted apart.  Ask for the response there.

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
    g, gamma = arguments.positive("g", g), arguments.within("gamma", gamma, -1, 1)
    t_max, dt = arguments.positive("t_max", t_max), arguments.positive("dt", dt)
    x0_std = arguments.nonnegative("x0_std", x0_std)
    save_every = arguments.count("save_every", save_every, 1)
    arguments.one_of("method", method, METHODS)
    arguments.one_of("bias", bias, BIASES)
    heat, kappa = as_function("temperature", temperature), as_function("onsager", onsager)
    times = breakpoints(t_max, onsager, temperature)
    grid = step_times(times, dt)
    saves = _saves(grid, times, save_every)
    is_vanilla = model is None and not callable(onsager) and onsager == 0
    site = checked_model(model, phi, onsager)

    def noise(t: float) -> float:
        if (value := heat(t)) < 0:
            raise ArgumentError(f"temperature={value:g} at t = {t:g}: must be >= 0")
        return 2 * value

    batches, size, entropy = plan(n_trajectories, batches, seed, threads)
    pulses = min(arguments.count("n_pulsed", n_pulsed, 1) // batches + 1, size)
    window, tol = arguments.window(window), arguments.nonnegative("tol", tol)
    arguments.one_of("innovations", innovations, ("gaussian", "matched"))
    facts: dict[str, Any] = {
        "phi": phi.name if model is None else model.name,
        "onsager": text_of(onsager),
        "temperature": text_of(temperature),
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
        # In the middle of steps and of half steps: T(t) may vary within them.
        steps, first = np.diff(grid), grid[:-1]
        whole = np.array([noise(float(t)) for t in first + steps / 2])
        quarters = (first[:, None] + np.outer(steps, [0.25, 0.75])).ravel()
        halved = np.array([noise(float(t)) for t in quarters])
        facts["richardson"] = str(richardson)
        found = solve(phi, g, grid, whole, x0_std, halved=halved, richardson=richardson)
        return _from_closed(found, g, saves, response, facts)
    if math.isfinite(window) and any(noise(float(t)) for t in grid):
        raise ArgumentError(
            f"window={window:g}: must be inf with white noise, where every step is a new direction"
        )
    if response and site.slopes is None:
        raise ArgumentError(f"response=True: model {site.name!r} has no slopes")
    setting = Setting(
        site, g, gamma, noise, x0_std, times, grid, innovations, tol=tol, window=window
    )
    task = Task(saves, response, pulses, model is None, site.slopes is not None, batches)
    facts |= {
        "seed": str(entropy),
        "n_trajectories": size * batches,
        "batches": batches,
        "save_every": save_every,
        "response": str(response),
        "n_pulsed": pulses * batches if response else 0,
        "innovations": innovations,
        "tol": tol,
        "window": window,
        "bias": bias,
    }
    groups = sample(
        setting,
        task,
        size,
        entropy,
        control=bias != "ignore",
        is_gradient_flow=lambda t: model is None and kappa(t) == 1,
        threads=threads,
        progress=progress,
    )
    return _from_batches(setting, task, *groups, bias == "extrapolate", facts)


def _saves(grid: Array, times: list[float], every: int) -> NDArray[np.intp]:
    kept, steps = np.isin(grid, times), np.arange(grid.size)
    starts = np.flatnonzero(kept)
    place = steps - starts[np.searchsorted(starts, steps, "right") - 1]
    return np.flatnonzero(kept | (place % every == 0))


def _from_closed(
    found: ClosedTwoTime, g: float, saves: NDArray[np.intp], response: bool, facts: dict[str, Any]
) -> TwoTime:
    """The result of a deterministic run at γ = 0."""
    t, pairs = found.t[saves], np.ix_(saves, saves)
    # The truncation is relative to √(C(t,t) C(t′,t′)).
    root = np.sqrt(np.diagonal(found.C)[saves])
    C = found.C[pairs]
    C_err = found.C_err[pairs] + found.truncation * np.outer(root, root)
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
        freezing_err=np.where(lag == 0, 0.0, same_err[:, None] + same_err + 2 * C_err),
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
        neglected=0.0,
        attributes=facts,
    )


def sample(
    setting: Setting,
    task: Task,
    size: int,
    seed: int,
    *,
    control: bool,
    is_gradient_flow: Callable[[float], bool],
    threads: int | None,
    progress: bool,
) -> tuple[list[Batch], list[Batch]]:
    """All batches of `size` trajectories, and as many smaller ones if `control`."""
    plain = task._replace(response=False, pulses=0, stiff=False)
    groups = [
        partial(run_batch, setting, todo, members, seed, is_gradient_flow=is_gradient_flow)
        for members, todo in [(size, task), (size // SHRINK, plain)][: 1 + control]
    ]
    found = run_groups(groups, task.repeats, setting.grid.size, "two_time", threads, progress)
    return found[0], found[1] if control else []


def _from_batches(
    setting: Setting,
    task: Task,
    full: list[Batch],
    small: list[Batch],
    extrapolate: bool,
    facts: dict[str, Any],
) -> TwoTime:
    """The result of sampled batches; warns if the step was too long for them."""
    alike = are_alike(full, small)

    def estimate(name: str) -> Estimate:
        # Tangents are carried by full batches only.
        from_tangents = task.response and name in ("R", "r_int")
        other = [] if not alike or from_tangents else [b.values[name] for b in small]
        return combine([b.values[name] for b in full], other, extrapolate)

    found = {name: estimate(name) for name in (*MATRICES, *CURVES)}
    shift = np.mean([b.ridge_shift for b in full], axis=0)
    errors = {name: one.error for name, one in found.items()}
    errors["r_int"] = np.hypot(errors["r_int"], shift)
    R = estimate("R") if task.response else None
    stiffness = max((b.stiffness for b in full if not math.isnan(b.stiffness)), default=math.nan)
    longest = float(np.max(np.diff(setting.grid)))
    balance_error = float(np.fmax.reduce([b.balance for b in full]))
    told = [text] if (text := message(longest, stiffness)) else []
    if not told and balance_error > _BALANCED:
        told = [
            f"dt = {longest:g} is too long: ½⟨x²⟩' = ⟨xF⟩ is violated by {balance_error:.0%}; "
            "shorten dt"
        ]
    status = "unstable step" if told else "ok"
    for text in told:
        warnings.warn(text, StepSizeWarning, stacklevel=3)
    if not alike:
        told.append(
            "bias not known: batches of M/4 trajectories have "
            "no room for matched innovations as the full ones have; raise n_trajectories"
        )
    return TwoTime(
        g=setting.g,
        gamma=setting.gamma,
        t=setting.grid[task.saves],
        **{name: one.value for name, one in found.items()},
        **{f"{name}_err": error for name, error in errors.items()},
        **{f"{name}_bias": one.bias for name, one in found.items()},
        R=None if R is None else R.value,
        R_err=None if R is None else R.error,
        method="sampler",
        status=status,
        warnings=tuple(told),
        balance_error=balance_error,
        energy_balance_error=float(np.fmax.reduce([b.energy_balance for b in full])),
        stiffness=stiffness,
        rank=max(b.rank for b in full),
        neglected=max(b.neglected for b in full),
        attributes=facts,
    )
