"""Maximal Lyapunov exponent of the N → ∞ network, for any symmetry and any κ."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import exponential
from ..common import arguments, seeds
from ..common.arguments import ArgumentError, Array
from ..common.files import provenance
from ..exponential import StepSizeWarning, message
from ..schedule import Schedule, breakpoints, step_times, text_of
from ..transfer import TransferFunction, transfer_function
from .sampler.ensemble import SHRINK, alarm, combine, plan, run_groups
from .sampler.site import SiteModel, checked_model
from .sampler.stiffness import stiffness
from .sampler.sweep import Setting, Sweep

if TYPE_CHECKING:
    import xarray as xr

_WINDOW = 30.0
# Spurious growth rate, of rotations on the edge, from which a step is called too long.
_WHIRLS = 0.1


@dataclass(frozen=True, eq=False)
class MeanFieldLyapunov:
    """Maximal Lyapunov exponent with its error, per time constant of the neurons.

    Attributes
    ----------
    value, stderr : float
        Mean over batches, extrapolated to M → ∞, and its standard error.
    bias : float
        What the extrapolation subtracted.
    drift, drift_err : float
        Growth rate in the second half of the average minus that in the first.
    t, trace : (n,) ndarray
        Times, and the mean growth rate from 0 to there over the full batches.
    stiffness : float
        Largest rate of −∂F/∂x at the end of the run where u = Jᵀψ is used; else nan.
    converged : bool
        Whether the drift is compatible with its error, at a false alarm rate of 5e-4, and the step
        is stable.
    reason : str
        Why not.
    attributes : dict
        Parameters of the run.
    """

    value: float
    stderr: float
    bias: float
    drift: float
    drift_err: float
    t: Array = field(repr=False)
    trace: Array = field(repr=False)
    stiffness: float
    converged: bool
    reason: str
    attributes: dict[str, Any] = field(repr=False)

    def to_dataset(self) -> xr.Dataset:
        """Labelled dataset with dimension ``t``, and provenance in its attributes."""
        import xarray as xr

        unit = {"units": "1/time constant"}
        variables: dict[str, Any] = {
            "lyapunov": ((), self.value, {"long_name": "maximal Lyapunov exponent", **unit}),
            "trace": ("t", self.trace, {"long_name": "mean growth rate from 0 to t", **unit}),
        }
        for name in ("stderr", "bias", "drift", "drift_err", "stiffness"):
            variables[name] = ((), getattr(self, name), unit)
        coords = {"t": ("t", self.t, {"long_name": "time", "units": "time constant"})}
        facts = {"converged": str(self.converged), "reason": self.reason}
        return xr.Dataset(variables, coords, attrs={**facts, **self.attributes, **provenance()})


def maximal_lyapunov(
    g: float,
    gamma: float = 0.0,
    *,
    onsager: Schedule = 0.0,
    temperature: float = 0.0,
    phi: str | TransferFunction = "tanh",
    model: SiteModel | None = None,
    dt: float = 0.1,
    t_skip: float = 60.0,
    t_max: float = 260.0,
    window: float | None = None,
    x0_std: float = 1.0,
    n_trajectories: int = 32_000,
    batches: int = 8,
    seed: int | None = None,
    tol: float = 1e-2,
    threads: int | None = None,
    progress: bool = False,
) -> MeanFieldLyapunov:
    """Maximal Lyapunov exponent in the limit N → ∞ by a tangent field in the causal sampler.

    Every trajectory carries a component of one tangent vector, and the operator that stands for
    the couplings answers for both: the growth is that of the network.  At γ = 0 without
    Onsager-reaction force `stationary` has the exponent to ten digits.

    Parameters
    ----------
    g : float
        Gain, > 0.
    gamma : float
        Coupling symmetry γ in [−1, 1].
    onsager : float, Switching or callable
        κ, factor of the Onsager-reaction force.
    temperature : float
        T ≥ 0 of white noise, the same for state and perturbed state.
    phi : str or TransferFunction
    model : SiteModel, optional
        Another single-site equation, with slopes, in place of `phi` and `onsager`.
    dt : float
        Step; with κ > 0 below about 1/λ_max(Hess E).
    t_skip, t_max : float
        Growth is averaged from `t_skip` to `t_max`.
    window : float
        Time after which the past is forgotten.  Default 30 without Onsager-reaction force and
        noise; inf, never, with them: gradient flows age, and white noise takes a new direction in
        every step, so that a finite window is refused there.
    x0_std : float
    n_trajectories, batches : int
    seed : int, optional
    tol : float
        Share of a state below which a new direction of the couplings is not revealed.
    threads : int, optional
        Default 1: the steps are short, and more threads seldom pay.
    progress : bool

    Returns
    -------
    MeanFieldLyapunov

    Raises
    ------
    ArgumentError
        If an argument is outside its range, or does not go with another.

    Warns
    -----
    StepSizeWarning
        If the step is longer than the scheme follows stably.

    Examples
    --------
    >>> from meanfield import maximal_lyapunov
    >>> found = maximal_lyapunov(0.5, t_skip=20, t_max=60, n_trajectories=2048, seed=0)
    >>> abs(found.value + 0.5) < 0.03  # −1 + g at rest
    True
    """
    phi = transfer_function(phi)
    g, gamma = arguments.positive("g", g), arguments.within("gamma", gamma, -1, 1)
    temperature = arguments.nonnegative("temperature", temperature)
    x0_std = arguments.positive("x0_std", x0_std)
    dt, t_max = arguments.positive("dt", dt), arguments.positive("t_max", t_max)
    t_skip = arguments.nonnegative("t_skip", t_skip)
    if t_skip >= t_max - 2 * dt:
        raise ArgumentError(f"t_skip={t_skip:g}: must be below t_max={t_max:g}")
    is_vanilla = model is None and not callable(onsager) and onsager == 0
    if window is None:
        window = _WINDOW if is_vanilla and not temperature else math.inf
    window, tol = arguments.window(window), arguments.nonnegative("tol", tol)
    if temperature and math.isfinite(window):
        raise ArgumentError(f"window={window:g}: must be inf with temperature={temperature:g}")
    site = checked_model(model, phi, onsager)
    if site.slopes is None:
        raise ArgumentError(f"model={site.name!r}: has no slopes")
    batches, size, entropy = plan(n_trajectories, batches, seed, threads)
    times = breakpoints(t_max, onsager)
    grid = step_times(times, dt)
    setting = Setting(
        site, g, gamma, lambda t: 2 * temperature, x0_std, times, grid, tol=tol, window=window
    )
    groups = [partial(_growth, setting, members, entropy) for members in (size, size // SHRINK)]
    found = run_groups(groups, batches, grid.size, "lyapunov", threads, progress)
    full, small = ([growth for growth, _, _ in group] for group in found)
    begin = int(np.searchsorted(grid, t_skip))
    middle = (begin + grid.size - 1) // 2

    def rates(first: int, last: int, group: list[Array]) -> list[Array]:
        return [(s[last] - s[first]) / (grid[last] - grid[first]) for s in group]

    estimate = combine(rates(begin, -1, full), rates(begin, -1, small), extrapolate=True)
    early, late = rates(begin, middle, full), rates(middle, -1, full)
    change = combine([b - a for a, b in zip(early, late, strict=True)], [], extrapolate=False)
    largest = max((s for _, s, _ in found[0] if not math.isnan(s)), default=math.nan)
    longest = float(np.max(np.diff(grid)))
    reasons = []
    slopes = [s for group in found for _, _, s in group]
    if text := message(longest, largest) or _whirl(longest, g, gamma, slopes):
        reasons.append(text)
        warnings.warn(text, StepSizeWarning, stacklevel=2)
    if abs(change.value) > alarm(batches) * change.error:
        reasons.append(
            f"the growth rate drifts, raise t_skip: {float(change.value):.2g} ± "
            f"{float(change.error):.1g}"
        )
    return MeanFieldLyapunov(
        value=float(estimate.value),
        stderr=float(estimate.error),
        bias=float(estimate.bias),
        drift=float(change.value),
        drift_err=float(change.error),
        t=grid[1:],
        trace=np.mean(full, axis=0)[1:] / grid[1:],
        stiffness=largest,
        converged=not reasons,
        reason="; ".join(reasons),
        attributes={
            "model": site.name,
            "g": g,
            "gamma": gamma,
            "onsager": text_of(onsager),
            "temperature": temperature,
            "x0_std": x0_std,
            "tol": tol,
            "dt": dt,
            "t_skip": t_skip,
            "t_max": t_max,
            "window": window,
            "n_trajectories": size * batches,
            "batches": batches,
            "seed": str(entropy),
        },
    )


def _whirl(step: float, g: float, gamma: float, slopes: list[float]) -> str | None:
    """What to say where the couplings rotate, or pull, faster than the step follows.

    At κ = 0 the rates of the linearised network fill an ellipse of half axes g(1 ± γ)⟨φ′²⟩^½ around
    −1.  Adams–Bashforth makes rotations at frequency ω grow at a rate ω⁴h³/4.
    """
    slope = max((s for s in slopes if not math.isnan(s)), default=0.0)
    turning, pulling = g * (1 - gamma) * slope, 1 + g * (1 + gamma) * slope
    gained = turning**4 * step**3 / 4
    if gained > _WHIRLS:
        return (
            f"dt = {step:g} is too long for rotations at frequencies up to {turning:.3g}, which "
            f"gain {gained:.2g} in growth rate; shorten dt"
        )
    return message(step, pulling)


def _growth(
    setting: Setting, size: int, seed: int, *, key: tuple[int, int], tick: Callable[[], object]
) -> tuple[Array, float, float]:
    """Log of the growth of a tangent vector up to every time, last stiffness and rms slope.

    δx of all trajectories is stepped with them and rescaled to norm 1.  The operator of the sweep
    answers for φ′δx too, so that the perturbation meets the couplings of the state.
    """
    model, grid, jumps = setting.model, setting.grid, set(setting.times)
    assert model.slopes is not None
    sweep = Sweep(setting, size, seed, *key)
    start = seeds.generator(seed, "tangent", *key).standard_normal(size)
    delta: Array = start / np.linalg.norm(start)
    last: Array | None = None
    sums, rate, slope = [0.0], math.nan, math.nan
    for moment in sweep:
        tick()
        k = moment.step
        if k + 1 == grid.size:
            if moment.u is not None:
                rate = stiffness(model, sweep.operator, moment)
            else:
                found = model.slopes(moment.t, moment.x, moment.h, None)
                slope = math.sqrt(float(np.mean((found.drift_h * found.phi_x) ** 2)))
            break
        slopes = model.slopes(moment.t, moment.x, moment.h, moment.u)
        phi = slopes.phi_x * delta
        field = sweep.operator.matvec(phi)
        # Kept in the window together with the requests of the state.
        sweep.requests = [phi]
        rest = (slopes.drift_x + 1) * delta + slopes.drift_h * field
        if moment.u is not None:
            psi = slopes.psi_x * delta + slopes.psi_h * field
            sweep.requests.append(psi)
            rest += slopes.drift_u * sweep.operator.rmatvec(psi)
        decay, flat, ramp = exponential.weights(float(grid[k + 1] - grid[k]))
        moved = decay * delta + flat * rest
        if last is not None and moment.t not in jumps:
            moved += ramp * (rest - last)
        norm = float(np.linalg.norm(moved))
        sums.append(sums[-1] + math.log(norm))
        delta, last = moved / norm, rest / norm
    return np.array(sums), rate, slope
