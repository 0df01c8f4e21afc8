"""`two_time`: correlation, response and energy from an initial state on."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ... import parameters
from ...parameters import ArgumentError
from ...schedule import Schedule, as_function, breakpoints, text_of
from ...transfer import Array, TransferFunction, transfer_function
from ..sampler.batch import Task
from ..sampler.ensemble import plan
from ..sampler.site import SiteModel, checked_model, rate_model
from ..sampler.sweep import Setting, time_grid
from .gaussian import closed_form
from .sampled import collect, sample
from .solution import TwoTime

METHODS = ("auto", "closed", "sampler")
BIASES = ("report", "extrapolate", "ignore")


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
    g, gamma = parameters.positive("g", g), parameters.within("gamma", gamma, -1, 1)
    t_max, dt = parameters.positive("t_max", t_max), parameters.positive("dt", dt)
    x0_std = parameters.nonnegative("x0_std", x0_std)
    save_every = parameters.count("save_every", save_every, 1)
    parameters.one_of("method", method, METHODS)
    parameters.one_of("bias", bias, BIASES)
    heat, kappa = as_function("temperature", temperature), as_function("onsager", onsager)
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

    batches, size, entropy = plan(n_trajectories, batches, seed, threads)
    pulses = min(parameters.count("n_pulsed", n_pulsed, 1) // batches + 1, size)
    window, tol = parameters.window(window), parameters.nonnegative("tol", tol)
    parameters.one_of("innovations", innovations, ("gaussian", "matched"))
    site = rate_model(phi, onsager) if model is None else checked_model(model)
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
        steps = np.diff(grid)
        strengths = _sampled(noise, grid[:-1] + steps / 2)
        halves = _sampled(noise, (grid[:-1, None] + np.outer(steps, [0.25, 0.75])).ravel())
        facts["richardson"] = str(richardson)
        return closed_form(
            phi, g, grid, strengths, halves, x0_std, saves, richardson, response, facts
        )
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
    full, small = sample(
        setting,
        task,
        size,
        entropy,
        control=bias != "ignore",
        is_gradient_flow=lambda t: model is None and kappa(t) == 1,
        threads=threads,
        progress=progress,
    )
    return collect(setting, saves, full, small, bias == "extrapolate", response, facts)


def _sampled(function: Callable[[float], float], times: Array) -> Array:
    return np.array([function(float(t)) for t in times])


def _saves(grid: Array, times: list[float], every: int) -> NDArray[np.intp]:
    kept = np.isin(grid, times)
    starts = np.flatnonzero(kept)
    place = (
        np.arange(grid.size) - starts[np.searchsorted(starts, np.arange(grid.size), "right") - 1]
    )
    return np.flatnonzero(kept | (place % every == 0))
