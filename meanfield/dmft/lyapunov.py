"""Maximal Lyapunov exponent of the N → ∞ network, for any symmetry and any κ."""

import math
import warnings
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .. import exponential
from ..blocks import Blocks
from ..common import arguments, result, seeds
from ..common.arguments import ArgumentError, Array, validated
from ..schedule import Inputs, Schedule, breakpoints, step_times
from ..stability import StepSizeWarning
from ..transfer import TransferFunction
from .sampler.ensemble import BatchAverages, Ensemble, SampledResult, combine, largest
from .sampler.run import Network, SamplerRun, SamplerSetting, chosen_step, step_reason
from .sampler.site import SiteModel
from .sampler.steps import sampled

_RATE = "1/time constant"


class MeanFieldLyapunov(SampledResult):
    """Maximal Lyapunov exponent with its error, per time constant of the neurons.

    The error is a standard error over batches, see `interval`.  It holds the effect of the step as
    far as that exceeds its own error, and the effect of finite batches where it could not be
    subtracted.  Converged where the drift is compatible with its error, at a false alarm rate of
    5e-4, and the step is stable.
    """

    value: float = result.value(
        "maximal Lyapunov exponent", unit=_RATE, note="Mean over batches, extrapolated to M → ∞."
    )
    value_err: float = result.error("value")
    value_finite_m: float = result.value("effect of finite batches, subtracted", unit=_RATE)
    value_step: float = result.value(
        "effect of the step, in the value",
        unit=_RATE,
        note="From M/4 trajectories at twice the step; with κ > 0 from M/16 at half of it.",
    )
    value_step_err: float = result.error("value_step")
    drift: float = result.value(
        "growth rate in the second half of the average minus that in the first", unit=_RATE
    )
    drift_err: float = result.error("drift")
    t: Array = result.coordinate("time", ("t",), "time constant", symbol="$t$")
    trace: Array = result.value(
        "mean growth rate from 0 to t", ("t",), _RATE, note="Over the full batches."
    )
    stiffness: float = result.value(
        "largest decay rate",
        unit=_RATE,
        note="Of the symmetric part of −∂F/∂x met while u = Jᵀψ is used; else nan.",
    )
    _headline = ("value", "drift")
    _picture = ("t", "trace")


@validated
def maximal_lyapunov(
    g: float | Blocks,
    gamma: ArrayLike = 0.0,
    *,
    onsager: Schedule = 0.0,
    temperature: float = 0.0,
    phi: str | TransferFunction = "tanh",
    model: SiteModel | None = None,
    dt: float | None = None,
    t_skip: float = 60.0,
    t_max: float = 260.0,
    window: float | None = None,
    x0_mean: float = 0.0,
    x0_std: float = 1.0,
    bias_mean: float = 0.0,
    bias_std: float = 0.0,
    mean_coupling: float = 0.0,
    inputs: Inputs | None = None,
    n_trajectories: int = 32_000,
    batches: int = 8,
    seed: seeds.Seed | None = None,
    neglect: float = 1e-2,
    workers: int | None = None,
    executor: Any = None,
    progress: bool = False,
) -> MeanFieldLyapunov:
    """Maximal Lyapunov exponent in the limit N → ∞ by a tangent field in the causal sampler.

    Every trajectory carries a component of one tangent vector, and the operator that stands for
    the couplings answers for both: the growth is that of the network.  At γ = 0 without
    Onsager-reaction force `stationary` has the exponent to ten digits.

    Parameters
    ----------
    g, gamma : float
        Gain g > 0 and coupling symmetry γ in [−1, 1]; or `Blocks`, and one γ or (P, P) of them, as
        in `two_time`.
    onsager : float, Switching or callable
        κ, factor of the Onsager-reaction force.
    temperature : float
        T ≥ 0 of white noise, the same for state and perturbed state.
    phi : str or TransferFunction
    model : SiteModel, optional
        Another single-site equation, with slopes, in place of `phi` and `onsager`.
    dt : float
        Step; with κ > 0 below about 1/λ_max(Hess E).  Default as in `two_time`.
    t_skip, t_max : float
        Growth is averaged from `t_skip` to `t_max`.
    window : float
        Time after which the past is forgotten.  Default 30 without Onsager-reaction force and
        noise; inf, never, with them: gradient flows age, and white noise takes a new direction in
        every step, so that a finite window is refused there.
    x0_mean, x0_std : float
        Of the normal initial states.
    bias_mean, bias_std, mean_coupling, inputs
        As in `two_time`; both trajectories have the same input.
    n_trajectories, batches : int
    seed : Seed, optional
    neglect : float
        Share of a state below which a new direction of the couplings is not revealed.
    workers, executor
        Who does the batches, as in `meanfield.sweep`.
    progress : bool
        Show a progress bar on a terminal.

    Returns
    -------
    MeanFieldLyapunov

    Raises
    ------
    ArgumentError
        If an argument is outside its range, a `model` has no slopes or comes with `onsager`, or a
        finite `window` with noise.
    SamplerError
        If trajectories grow beyond all bounds.

    Warns
    -----
    StepSizeWarning
        If the step is longer than the scheme follows, whether stiff or rotating.
    ExtrapolationWarning
        If finite batches could not be extrapolated: `reason` says why.

    Examples
    --------
    >>> from meanfield import maximal_lyapunov
    >>> rest = maximal_lyapunov(0.5, t_skip=10, t_max=20, n_trajectories=4096, seed=0)
    >>> abs(rest.value + 0.5) < 0.03  # −1 + g at rest
    True
    """
    attributes = result.given(maximal_lyapunov, locals())
    temperature = arguments.nonnegative("temperature", temperature)
    x0_std = arguments.positive("x0_std", x0_std)
    t_max = arguments.positive("t_max", t_max)
    means = bias_mean, bias_std, mean_coupling, x0_mean
    network = Network.checked(attributes, g, gamma, phi, model, onsager, t_max, means)
    g, gamma, phi, site, offsets, several, known = network
    dt = chosen_step(
        dt, g, gamma, phi, onsager, model, t_max, offsets.mean_coupling, several, inputs
    )
    t_skip = arguments.nonnegative("t_skip", t_skip)
    if t_skip >= t_max - 2 * dt:
        raise ArgumentError(
            f"t_skip={t_skip:g}: must be at least two steps below t_max={t_max:g}, dt={dt:g}"
        )
    is_vanilla = model is None and not callable(onsager) and onsager == 0
    if window is None:
        window = 30.0 if is_vanilla and not temperature else math.inf
    window = arguments.window(window)
    if temperature and math.isfinite(window):
        raise ArgumentError(f"window={window:g}: must be inf with temperature={temperature:g}")
    if site.slopes is None:
        raise ArgumentError(f"model={site.name!r}: has no slopes")
    how = workers, executor, progress
    ensemble = Ensemble.checked(n_trajectories, batches, seed, *how, several)
    requests = 2 if is_vanilla else 4
    ensemble.afford("t_max", t_max, dt, requests, window=window, noisy=temperature > 0)
    times = breakpoints(t_max, onsager, inputs)
    grid = step_times(times, dt)
    setting = SamplerSetting(
        site, g, gamma, lambda t: 2 * temperature, x0_std, times, grid, neglect=neglect,
        window=window, offsets=offsets, several=several, inputs=inputs,
    )  # fmt: skip
    found, _ = sampled(ensemble, "lyapunov", setting, _growth, lambda *of: _growth)
    full = found.full
    begin = int(np.searchsorted(grid, t_skip))
    middle = (begin + grid.size - 1) // 2
    ends = float(grid[begin]), float(grid[middle]), float(grid[-1])

    def rate(start: float, end: float, batch: BatchAverages) -> Array | None:
        if not batch.values:
            return None
        # Grids with twice the step may lack a time.
        growth = np.interp([start, end], batch.values["t"], batch.values["growth"])
        return np.asarray((growth[1] - growth[0]) / (end - start))

    exponent = found.estimate(partial(rate, ends[0], ends[2]), True)
    early, late = (np.array([rate(a, b, batch) for batch in full]) for a, b in pairwise(ends))
    change = combine(list(late - early))
    worst = largest(full)
    unstable = step_reason(float(np.max(np.diff(grid))), worst)
    if unstable:
        warnings.warn(unstable, StepSizeWarning, stacklevel=3)
    drift, drift_err = float(change.value), float(change.err)
    alarm = ensemble.alarm("the growth rate drifts, raise t_skip:", drift, drift_err)
    reasons = [unstable, alarm, found.not_done(True, 4)]
    sums = np.mean([batch.values["growth"] for batch in full], axis=0)
    return MeanFieldLyapunov(
        **exponent.named("value"),
        fractions=known.get("fractions"),
        drift=drift,
        drift_err=drift_err,
        t=grid[1:],
        trace=sums[1:] / grid[1:],
        stiffness=worst["stiffness"],
        reason="; ".join(filter(None, reasons)),
        attributes=attributes | ensemble.facts() | {"window": window},
    )


def _growth(run: SamplerRun) -> BatchAverages:
    """Log of the growth of a tangent vector up to every time."""
    # δx of all trajectories is stepped with them and rescaled to norm 1.  The operator of the run
    # answers for φ′δx too, so that the perturbation meets the couplings of the state.
    grid, jumps = run.setting.grid, set(run.setting.times)
    start = run.stream("tangent").standard_normal(run.size)
    delta: Array = start / np.linalg.norm(start)
    last: Array | None = None
    sums = [0.0]
    for moment in run:
        k = moment.step
        if k + 1 == grid.size:
            break
        slopes = run.slopes(moment)
        phi = slopes.phi_x * delta
        field = run.forward(phi)
        # Kept in the window together with the requests of the state.
        run.requests = [phi]
        rest = (slopes.drift_x + 1) * delta + slopes.drift_h * field
        if moment.u is not None:
            psi = slopes.psi_x * delta + slopes.psi_h * field
            run.requests.append(psi)
            rest += slopes.drift_u * run.backward(psi)
        decay, flat, ramp = exponential.weights(float(grid[k + 1] - grid[k]))
        moved = decay * delta + flat * rest
        if last is not None and moment.t not in jumps:
            longer = (grid[k + 1] - grid[k]) / (grid[k] - grid[k - 1])
            moved += ramp * longer * (rest - last)
        norm = float(np.linalg.norm(moved))
        sums.append(sums[-1] + math.log(norm))
        delta, last = moved / norm, rest / norm
    values = {"t": grid, "growth": np.array(sums)}
    return BatchAverages(values, run.watch.found, run.operator.is_exhausted)
