"""`steady_state`: stationary correlation and response for every g and γ."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from scipy.special import ive, jv

from ...common import arguments
from ...common.arguments import ArgumentError, Array
from ...elliptic import null_response
from ...schedule import step_times
from ...transfer import TransferFunction, transfer_function
from ..sampler.ensemble import SHRINK, alarm, combine, mean_and_error, plan, run_groups
from ..sampler.site import rate_model
from ..sampler.sweep import Setting
from ..stationary import stationary
from .batch import run_batch
from .solution import SCALARS, SteadyState, exact

METHODS = ("auto", "exact", "sampler")
_LONGEST = 0.25
# Share of C that may be left at the end of the window.
_DECAYED = 0.5


def steady_state(
    g: float,
    gamma: float = 0.0,
    *,
    temperature: float = 0.0,
    phi: str | TransferFunction = "tanh",
    seed: int | None = None,
    n_trajectories: int = 20_000,
    batches: int = 8,
    dt: float = 0.1,
    t_skip: float = 60.0,
    t_max: float = 260.0,
    window: float = 60.0,
    lag_step: float = 0.2,
    method: str = "auto",
    tol: float = 3e-3,
    threads: int | None = None,
    progress: bool = False,
) -> SteadyState:
    """Stationary state of the vanilla network ẋ = −x + Jφ(x) + ξ, N → ∞, for any symmetry γ.

    Without noise and with g φ′(0) (1+γ) ≤ 1 the network is at rest: closed forms.  At γ = 0 the
    theory is deterministic: `stationary`.  Elsewhere the causal sampler runs with a sliding
    window, from normal initial states, and averages over time.

    Parameters
    ----------
    g : float
        Gain, > 0.
    gamma : float
        Coupling symmetry γ in [−1, 1].
    temperature : float
        T ≥ 0 of white noise, σ² = 2T; 0 where the sampler is needed.
    phi : str or TransferFunction
    seed : int, optional
        With it the result is the same whatever `threads`; None takes one from the operating system.
    n_trajectories, batches : int
        Trajectories in all, and the independent batches they form, at least 2.
    dt : float
        Step.  Its error, falling as dt², is not part of the errors given.
    t_skip, t_max : float
        Averages are taken from `t_skip` to `t_max`; near the onset both must grow, see `drift`.
    window : float
        Time after which the past is forgotten; `tau` ends there.
    lag_step : float
        Spacing of `tau`, a multiple of `dt`.
    method : {"auto", "exact", "sampler"}
        "exact": closed forms or `stationary`, an error where neither applies.
    tol : float
        Share of a state below which a new direction of the couplings is not revealed; its effect is
        not part of the errors given either.
    threads : int, optional
        Default 1: the steps are short, and more threads seldom pay.
    progress : bool

    Returns
    -------
    SteadyState
        All estimates of the sampler are extrapolated from batches of M and M/4 trajectories to
        M → ∞.

    Raises
    ------
    ArgumentError
        If an argument is outside its range, or does not go with another.
    NotConvergedError
        From `stationary`.

    Notes
    -----
    `r_int` comes from the whitened sums of the operator and needs no probe field; R(τ) from
    tangents of single trajectories (1000 per batch); `r_int_spectral` and `r_int_pulse` are two
    more ways to the same number.

    Examples
    --------
    >>> from meanfield import steady_state
    >>> at_rest = steady_state(0.5, 0.5)
    >>> at_rest.method, at_rest.q, round(at_rest.r_int, 6)
    ('null', 0.0, 1.171573)
    >>> chaos = steady_state(2.0)
    >>> chaos.method, round(chaos.q, 6)
    ('stationary', 0.513178)
    """
    phi = transfer_function(phi)
    g, gamma = arguments.positive("g", g), arguments.within("gamma", gamma, -1, 1)
    temperature = arguments.nonnegative("temperature", temperature)
    arguments.one_of("method", method, METHODS)
    dt, window = arguments.positive("dt", dt), arguments.positive("window", window)
    t_max, t_skip = arguments.positive("t_max", t_max), arguments.nonnegative("t_skip", t_skip)
    lag_step = arguments.positive("lag_step", lag_step)
    stride = max(1, round(lag_step / dt))
    if abs(stride * dt - lag_step) > 1e-9 * lag_step:
        raise ArgumentError(f"lag_step={lag_step:g}: must be a multiple of dt={dt:g}")
    batches, size, entropy = plan(n_trajectories, batches, seed, threads)
    lags = int(window / lag_step + 1e-9) + 1
    facts: dict[str, Any] = {"phi": phi.name}
    tau = lag_step * np.arange(lags, dtype=np.float64)
    if method != "sampler":
        # A φ that is not concave can be active beside the state x = 0.
        at_rest = temperature == 0 and g * phi.slope * (1 + gamma) <= 1 and phi.is_concave
        if at_rest or gamma == 0:
            fields = _null(phi, g, gamma, tau) if at_rest else _gaussian(phi, g, temperature, tau)
            return SteadyState(g, gamma, temperature, **fields, attributes=facts)
        if method == "exact":
            raise ArgumentError(
                f"method='exact': no closed form at g={g:g}, gamma={gamma:g}, "
                f"temperature={temperature:g}"
            )
    if temperature:
        raise ArgumentError(
            f"temperature={temperature:g}: must be 0 for gamma != 0 and for method='sampler'; with "
            "white noise every step is a new direction, use two_time without a window"
        )
    if phi.is_linear and g * phi.slope * (1 + gamma) > 1:
        raise ArgumentError(
            f"phi={phi.name!r}, g={g:g}, gamma={gamma:g}: no stationary state beyond "
            "g phi'(0) (1 + gamma) = 1"
        )
    if dt > _LONGEST:
        raise ArgumentError(f"dt={dt:g}: must be at most {_LONGEST:g}, a quarter of the leak time")
    if lags < 4:
        raise ArgumentError(f"window={window:g}: must hold at least 3 lags of {lag_step:g}")
    if t_max < t_skip + 2 * window:
        raise ArgumentError(
            f"t_max={t_max:g}: must be at least t_skip + 2 window = {t_skip + 2 * window:g}"
        )
    times = [0.0, dt * math.ceil(t_max / dt - 1e-9)]
    grid = step_times(times, dt)
    model = rate_model(phi)
    setting = Setting(model, g, gamma, lambda t: 0.0, 1.0, times, grid, tol=tol, window=window)
    half = replace(setting, window=window / 2)
    measure = partial(run_batch, phi=phi, skip=t_skip, stride=stride, lags=lags, repeats=batches)
    groups = [
        partial(measure, one, members, entropy)
        for one, members in ((setting, size), (setting, size // SHRINK), (half, size // SHRINK))
    ]
    found = run_groups(groups, batches, grid.size, "steady_state", threads, progress)
    facts |= {
        "seed": str(entropy),
        "n_trajectories": size * batches,
        "batches": batches,
        "dt": dt,
        "t_skip": t_skip,
        "t_max": t_max,
        "lag_step": lag_step,
        "tol": tol,
    }
    fields = {"tau": tau, **_collect(*found), "window": window, "method": "sampler"}
    return SteadyState(g, gamma, temperature, **fields, attributes=facts)


def _collect(
    full: Sequence[dict[str, Array]],
    small: Sequence[dict[str, Array]],
    half: Sequence[dict[str, Array]],
) -> dict[str, Any]:
    found: dict[str, Any] = {}
    # Gaussian and matched batches have different biases.
    raw = float(np.mean([b["energy"] for b in full]))
    alike = len({bool(b["crowded"]) for b in [*full, *small]}) == 1
    found["neglected"] = max(float(b["neglected"]) for b in full)
    for name in full[0].keys() - {"crowded", "neglected"}:
        others = [b[name] for b in small] if alike else []
        estimate = combine([b[name] for b in full], others, extrapolate=True)
        scalar = estimate.value.ndim == 0
        found[name] = float(estimate.value) if scalar else estimate.value
        found[f"{name}_err"] = float(estimate.error) if scalar else estimate.error
        if name in ("q", "r_int"):
            found[f"{name}_bias"] = float(estimate.bias)
            ours, our_error = mean_and_error([b[name] for b in small])
            other, other_error = mean_and_error([b[name] for b in half])
            found[f"{name}_window"] = float(ours - other)
            found[f"{name}_window_err"] = float(np.hypot(our_error, other_error))
    found["r_int_err"] = math.hypot(found["r_int_err"], found.pop("r_int_shift"))
    del found["r_int_shift_err"]
    # A small difference of large fields: its bias is not yet 1/M, and its error all of that.
    found["energy_err"] = math.hypot(found["energy_err"], found["energy"] - raw)
    limit = alarm(len(full))
    # Forgetting also removes some of the bias of finite batches.
    allowed = {f"{name}_window": SHRINK * abs(found[f"{name}_bias"]) for name in ("q", "r_int")}
    reasons = [
        f"{text} {found[name]:.2g} ± {found[f'{name}_err']:.1g}"
        for name, text in (
            ("drift", "q still drifts, raise t_skip:"),
            ("q_window", "q changes with the window, raise it:"),
            ("r_int_window", "r_int changes with the window, raise it:"),
        )
        if abs(found[name]) > limit * found[f"{name}_err"] + allowed.get(name, 0.0)
    ]
    left = float(found["C"][-1] / found["C"][0])
    if not found["energy"] > 0:
        reasons.append("the energy is not positive: shorten dt or raise n_trajectories")
    if left > _DECAYED:
        reasons.append(f"C falls only to {left:.0%} of its value within the window, raise it")
    if not math.isfinite(found["r_int"]):
        reasons.append("r_int is hidden by the noise: raise n_trajectories")
    if not alike:
        reasons.append("small batches have no room for matched innovations: raise n_trajectories")
    return found | {"converged": not reasons, "reason": "; ".join(reasons)}


def _null(phi: TransferFunction, g: float, gamma: float, tau: Array) -> dict[str, Any]:
    """R(τ) = φ′(0) e^{−τ} I₁(2aτ)/(aτ), a = g φ′(0) √γ; J₁ for γ < 0."""
    load = g * phi.slope
    z = 2 * load * math.sqrt(abs(gamma)) * tau
    small = z < 1e-4
    safe = np.where(small, 1.0, z)
    bessel = ive(1, safe) * np.exp(safe - tau) if gamma > 0 else jv(1, safe) * np.exp(-tau)
    series = np.exp(-tau) * (1 + math.copysign(1.0, gamma) * z**2 / 8)
    R = phi.slope * np.where(small, series, 2 * bessel / safe)
    zero = np.zeros_like(tau)
    scalars = dict.fromkeys(SCALARS, 0.0)
    scalars["r_int"] = phi.slope * float(null_response(load, gamma))
    scalars["tau_half"] = math.nan
    return exact("null", tau, {"C": zero, "delta": zero, "R": R}, scalars)


def _gaussian(phi: TransferFunction, g: float, temperature: float, tau: Array) -> dict[str, Any]:
    """γ = 0: no memory, so a pulse decays as the leak."""
    point = stationary(g, sigma=math.sqrt(2 * temperature), phi=phi, tau=tau)
    r_int = float(point.r_int)
    curves = {"C": point.C, "delta": point.delta, "R": r_int * np.exp(-tau)}
    scalars = {
        "q": float(point.q),
        "delta0": float(point.delta0),
        "energy": float(point.kinetic_energy),
        "r_int": r_int,
        "tau_half": float(point.tau_half),
    }
    found = exact("stationary", tau, curves, scalars)
    relative = float(point.relative_error)
    for name, value in (curves | scalars).items():
        found[f"{name}_err"] = relative * np.abs(value)
    return found
