"""Correlation, response and energy in time, from closed equations or the causal sampler."""

import math
import warnings
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..blocks import Blocks
from ..common import arguments, cost, seeds
from ..common.arguments import ArgumentError, Array, validated
from ..common.result import coordinate, error, fact, given, value
from ..schedule import Inputs, Schedule, as_function, breakpoints, step_times
from ..stability import StepSizeWarning
from ..transfer import TransferFunction
from .closed import ClosedTwoTime, solve
from .sampler.ensemble import (
    PARTS,
    BatchAverages,
    Ensemble,
    Measure,
    SampledResult,
    by_population,
    largest,
    parted,
)
from .sampler.novikov import NovikovResponse
from .sampler.run import Network, SamplerRun, SamplerSetting, chosen_step, step_reason
from .sampler.site import SiteModel
from .sampler.steps import Sampled, between, each_population, every_second, sampled
from .sampler.tangents import SitePoint, tangent_response

# What may be done about finite batches.
FINITE_M = ("report", "extrapolate", "ignore")
# Violation of the balance of ⟨x²⟩ from which a step is called too long.
_BALANCED = 0.1
# Share of C(t, t) that may be left where a window forgets, and of states that may stay unrevealed.
_LEFT, _NEGLECTED = 0.3, 0.1
# Share of C(t, t) below which it has not moved.
_MOVED = 0.01
# Time between two measurements of the integrated response.
_PROBE = 0.1
# Revealed directions, as a share of a batch, up to which Novikov sums are unbiased, in quiet runs
# and in noisy ones: their share in batches of the control group is four times as large.
_QUIET, _NOISY = 0.25, 0.05
# Steps³ × trajectories that tangents of a batch may cost where nobody asked for them.
# They cost so many times more while u is used, and are better than the sums where so many fit:
# shifts of h and of u can hardly be told apart.
_TANGENTS, _MORE, _MANY = 1e10, 20, 64
# Saved times at least so many steps apart are met by twice the step too.
_APART = 5
# Time around a saved one over which the effect of the step is looked at, and the next order of it
# in units of h times the effect.
_AROUND, _HIGHER = 1.0, 3.0
# Measured costs: numbers of "closed" for every pair of times, and its operations; matrices of a
# batch for pairs of saved times; steps³ × trajectories of tangents in a second.
_CLOSED, _PAIR, _MATRICES, _TANGENT_RATE = 16.0, 100.0, 6.0, 1e9
# Quantities whose errors hold the effect of the step.
_STEPPED = ("C", "delta", "mean", "freezing", "energy", "r_int")

_BOTH, _RATE = ("t", "t_other"), "1/time constant"


class TwoTime(SampledResult):
    """Two-time functions per neuron at the saved times; times in units of the neurons' constant.

    Errors are standard errors over batches, see `interval`; for ``method="closed"`` estimated
    errors of the step.  Effects of finite batches are estimated differences of batches of M
    trajectories from M → ∞: still in the value for ``finite_m="report"``, subtracted from it for
    ``"extrapolate"``; nan for ``"ignore"`` and where `reason` says why.  Effects of the step are
    estimated differences from dt → 0, in the value.  Errors hold what is in the value of both, as
    far as it exceeds its own error, and all of the effect of batches that had no room for matched
    innovations; for ``"ignore"`` neither is known, and the errors are those of the scatter alone.
    With `Blocks` all but the times have a first axis, of the blocks.
    """

    g: Any = fact("gain")
    gamma: Any = fact("symmetry of the couplings")
    method: str = fact('"closed" or "sampler"')
    t: Array = coordinate(
        "time", ("t",), "time constant", symbol="$t$", note="From 0 to t_max inclusive."
    )
    t_other: Array = coordinate("the other time", ("t_other",), "time constant", symbol="$t'$")
    C: Array = value("correlation <phi(t) phi(t')>", _BOTH, symbol="$C(t, t')$")
    C_err: Array = error("C")
    C_finite_m: Array = value("effect of finite batches on C", _BOTH)
    C_step: Array = value("effect of the step on C", _BOTH)
    C_step_err: Array = error("C_step")
    delta: Array = value("correlation <x(t) x(t')>", _BOTH, symbol=r"$\Delta(t, t')$")
    delta_err: Array = error("delta")
    delta_finite_m: Array = value("effect of finite batches on delta", _BOTH)
    delta_step: Array = value("effect of the step on delta", _BOTH)
    delta_step_err: Array = error("delta_step")
    mean: Array = value("mean of x", ("t",), symbol=r"$\mu(t)$", note="C and delta contain it.")
    mean_err: Array = error("mean")
    mean_finite_m: Array = value("effect of finite batches on mean", ("t",))
    mean_step: Array = value("effect of the step on mean", ("t",))
    mean_step_err: Array = error("mean_step")
    freezing: Array = value(
        "freezing measure <(phi(t) - phi(t'))^2>", _BOTH, note="[HH] Eq. 11 per neuron."
    )
    freezing_err: Array = error("freezing")
    freezing_finite_m: Array = value("effect of finite batches on freezing", _BOTH)
    freezing_step: Array = value("effect of the step on freezing", _BOTH)
    freezing_step_err: Array = error("freezing_step")
    energy: Array = value(
        "kinetic energy per neuron <f^2>/2", ("t",), symbol="$E/N$", note="f = −x + h."
    )
    energy_err: Array = error("energy")
    energy_finite_m: Array = value("effect of finite batches on energy", ("t",))
    energy_step: Array = value("effect of the step on energy", ("t",))
    energy_step_err: Array = error("energy_step")
    r_int: Array = value(
        "integrated response",
        ("t",),
        symbol=r"$R_\mathrm{int}(t)$",
        note="∫₀ᵗ R(t, s) ds, by Novikov sums or tangents.  Unless R was asked for: nan for a "
        "model of the user's.",
    )
    r_int_err: Array = error("r_int", note="Contains the effect of the ridge in the Novikov sums.")
    r_int_finite_m: Array = value("effect of finite batches on r_int", ("t",))
    r_int_step: Array = value("effect of the step on r_int", ("t",))
    r_int_step_err: Array = error("r_int_step")
    R: Array | None = value(
        "response of phi(t) to a field in xdot(t')",
        _BOTH,
        _RATE,
        symbol="$R(t, t')$",
        note="Per unit field and time; zero for t' ≥ t; None if not asked for.",
        default=None,
    )
    R_err: Array | None = error("R", note="Of the scatter alone.", default=None)
    balance_error: float = value(
        "violation of the balance of <x^2> by the step",
        note="Largest relative one of ½⟨x²⟩' = ⟨xF⟩, integrated over time; nan where it does not "
        "apply (noise).",
        default=math.nan,
    )
    energy_balance_error: float = value(
        "violation of the balance of E along the gradient flow",
        note="Likewise of ⟨E⟩' = −⟨F²⟩ along −∇E.",
        default=math.nan,
    )
    stiffness: float = value(
        "largest decay rate met",
        unit=_RATE,
        note="Of the symmetric part of −∂F/∂x while u = Jᵀψ was on; else nan.",
        default=math.nan,
    )
    rank: int = value(
        "revealed directions of the couplings",
        note='Largest number of a batch, both sides; 0 for "closed".',
        default=0,
    )
    neglected: float = value(
        "share of a state dropped as too small to reveal",
        note="The typical one: the fields are off by g times as much, and an energy below the "
        "square of that is not resolved.",
        default=0.0,
    )
    _headline = ("g", "gamma", "method", "t", "rank")
    _picture = ("t", "energy")


@validated
def two_time(
    g: float | Blocks,
    gamma: ArrayLike = 0.0,
    *,
    t_max: float,
    dt: float | None = None,
    onsager: Schedule = 0.0,
    temperature: Schedule = 0.0,
    x0_mean: float = 0.0,
    x0_std: float = 1.0,
    bias_mean: float = 0.0,
    bias_std: float = 0.0,
    mean_coupling: float = 0.0,
    inputs: Inputs | None = None,
    n_trajectories: int = 32_000,
    batches: int = 8,
    seed: seeds.Seed | None = None,
    phi: str | TransferFunction = "tanh",
    model: SiteModel | None = None,
    save_every: int = 1,
    method: str = "auto",
    response: bool = False,
    n_pulsed: int = 1024,
    innovations: str = "matched",
    neglect: float = 1e-3,
    window: float = math.inf,
    finite_m: str = "report",
    richardson: bool = True,
    workers: int | None = None,
    executor: Any = None,
    progress: bool = False,
) -> TwoTime:
    """Two-time mean-field theory, N → ∞, of random networks from normal initial states.

    The network is ẋ = f − κ(t) φ′∘Jᵀf + ξ, f = −x + Jφ(x) + b, with Gaussian couplings of gain g,
    symmetry γ and mean J₀/N, quenched normal biases b_i of mean `bias_mean` and width
    `bias_std`, white noise of strength σ² = 2T and x(0) normal, of `x0_mean` and `x0_std`.

    Parameters
    ----------
    g, gamma : float
        Gain g > 0 and coupling symmetry γ in [−1, 1].  Or `Blocks`, and γ for all pairs of blocks
        or γ_ab = γ_ba for each, (P, P); biases, means and φ are theirs (see Notes).
    t_max, dt : float
        Length of the run and the step, in time constants of the neurons; shortened between switch
        times so that a whole number of steps fits.  Default: half of what the widest spectrum that
        the run may meet allows, at most 0.1, which it is for a `model`.
    onsager : float, Switching or callable
        κ, factor of the Onsager-reaction force.
    temperature : float, Switching or callable
        T ≥ 0.
    x0_mean, x0_std : float
        Of the normal initial states, `x0_std` at least 0.  Where there are several stationary
        states they decide which is reached: for a φ that is not concave rest from small `x0_std`
        (without noise) and chaos from large ones; for an odd φ with a large mean coupling one of
        two opposite means.
    bias_mean, bias_std : float
        Mean and standard deviation of the biases, part of f; of a `model` they are in h.
    mean_coupling : float
        J₀, N times the mean of a coupling: h contains J₀⟨φ⟩, and u = Jᵀψ contains J₀⟨ψ⟩.
    inputs : float, Switching, SampledInput or callable
        S(t) added to ẋ of all neurons, or S(t, u) with u uniform on (0, 1), one a neuron, e.g. its
        phase: cos(ωt + 2πu).  At every κ it is part of the flow alone; f, E and the
        Onsager-reaction force are those of the network without it.
    n_trajectories : int
        Of all batches together.
    batches : int
        Independent batches, at least 2: the unit of the standard errors.
    seed : Seed, optional
        With it the result is the same whatever `workers`; None takes one from the operating system,
        to be read from ``attributes["seed"]``.
    phi : str or TransferFunction
        A name that `transfer_function` knows, or a transfer function, which need not be odd.
    model : SiteModel, optional
        Another single-site equation, in place of `phi` and `onsager`.  `response`, the largest
        stable step and `stiffness` need its slopes.
    save_every : int
        Save every so-manieth step, and the switch times and t_max.
    method : {"auto", "closed", "sampler"}
        "closed": deterministic, for γ = 0, no Onsager-reaction force, biases and means, and an odd
        φ without kinks, where x is Gaussian and the correlations close.  "sampler": the causal
        sampler, for everything.  "auto": "closed" where it applies.
    response : bool
        Whether to compute R(t, s) by propagating tangents (sampler: time O(n³) in the number n of
        steps; closed: free).
    n_pulsed : int
        Trajectories that carry tangents, of all batches together.
    innovations : {"matched", "gaussian"}
        See `GaussianOperator`: "gaussian" samples exact networks of M neurons, "matched" reduces
        the variance of the M → ∞ limit.
    neglect : float
        Share of a state below which a new direction of the couplings is not revealed.
    window : float
        Time after which the past is forgotten: cuts C and R off at lags beyond it.  Time and memory
        then grow linearly with `t_max`.  Only where both decay within it, else the result is
        flagged, and without white noise; default never.
    finite_m : {"report", "extrapolate", "ignore"}
        What to do about the difference b/M of batches of M trajectories from M → ∞, measured on as
        many batches of M/4 trajectories.  Extrapolation costs a factor of about 1.5 in error.
        "ignore" leaves these batches out, and the effect of the step with them.
    richardson : bool
        Whether "closed" extrapolates in the step.
    workers, executor
        Who does the batches, as in `meanfield.sweep`.
    progress : bool
        Show a progress bar on a terminal.

    Returns
    -------
    TwoTime

    Raises
    ------
    ArgumentError
        If an argument is outside its range, a `model` comes with `onsager`, a `window` with white
        noise, a `response` with a model without slopes, or "closed" does not apply.
    SamplerError
        If trajectories do not stay finite.

    Warns
    -----
    StepSizeWarning
        If the step is longer than the scheme follows, whether stiff or rotating: with κ > 0 it must
        stay below about 1/λ_max(Hess E), see ``stiffness`` of the result.
    ExtrapolationWarning
        If "extrapolate" was asked for and could not be done: `reason` says why.

    Notes
    -----
    Single-site equations with all memory terms: derivations, ``dmft``.  Exponential
    Adams–Bashforth steps of order 2; what the step does is measured on M/4 trajectories that are
    run again with twice the step, with κ > 0 on M/16 with half of it.
    Time O(steps × n_trajectories × rank); the rank follows the physical time, about 4 directions
    per unit and side at κ = 0, not the number of steps, except with white noise, where every step
    is a new direction.  The operator is stored in single precision if `neglect` ≥ 10⁻³.

    Without `response` the integrated response comes from the Novikov sums of the operator while
    the directions it has revealed are few for the trajectories of a batch: a quarter of them, a
    twentieth with white noise.  Beyond that the sums are biased, and at small g and in states that
    decay the noise of the trajectories hides them: there tangents of `n_pulsed` trajectories, or
    of fewer in runs of many steps, are taken.  With κ > 0 the sums are for runs of more than 200
    steps only; with |γ| near 1 their error can be underestimated by a factor of 2, h and u hardly
    being shifted apart.  Ask for the response there.

    With `Blocks` arrays have a leading axis for the blocks, averages over the neurons of each.  A
    neuron of block a hears itself through those of all blocks b: in h by n_b γ_ab g_ab g_ba ∫R_φh φ
    and n_b g_ab² ∫R_φu f, in u by n_b g_ba² ∫R_fh φ and n_b γ_ab g_ab g_ba ∫R_fu f, R of b.
    Batches are parted as `meanfield.Blocks.sizes` says, best without rounding.  The integrated
    response is from tangents.  Every block reveals directions of its own, in as many matrices as
    there are different γ_ab: ranks, and what M has to be, grow with both.

    Examples
    --------
    >>> from meanfield import two_time
    >>> vanilla = two_time(2.0, t_max=1, dt=0.1)
    >>> frozen = two_time(2.0, t_max=1, dt=0.05, onsager=1.0, n_trajectories=8000, seed=0)
    >>> vanilla.method, frozen.method
    ('closed', 'sampler')
    >>> bool(frozen.energy[-1] < vanilla.energy[-1] / 4)
    True

    Two populations, whose couplings are symmetric to some degree, or antisymmetric:

    >>> from meanfield import Blocks
    >>> pair = Blocks([0.75, 0.25], [[1.0, 2.5], [1.5, 2.0]])
    >>> gamma = [[0.5, -0.3], [-0.3, 0]]
    >>> two = two_time(pair, gamma, t_max=0.5, dt=0.1, n_trajectories=2048, seed=0)
    >>> two.energy.shape, two.C.shape
    ((2, 6), (2, 6, 6))
    """
    attributes = given(two_time, locals())
    t_max = arguments.positive("t_max", t_max)
    means = bias_mean, bias_std, mean_coupling, x0_mean
    network = Network.checked(attributes, g, gamma, phi, model, onsager, t_max, means)
    g, gamma, phi, site, offsets, several, known = network
    dt = chosen_step(
        dt, g, gamma, phi, onsager, model, t_max, offsets.mean_coupling, several, inputs
    )
    x0_std = arguments.nonnegative("x0_std", x0_std)
    save_every = arguments.count("save_every", save_every, 1)
    arguments.one_of("method", method, ("auto", "closed", "sampler"))
    arguments.one_of("finite_m", finite_m, FINITE_M)
    heat = as_function("temperature", temperature, t_max, low=0.0)
    kappa = as_function("onsager", onsager, t_max)
    is_vanilla = model is None and not callable(onsager) and onsager == 0

    def noise(t: float) -> float:
        return 2 * heat(t)

    how = workers, executor, progress
    ensemble = Ensemble.checked(n_trajectories, batches, seed, *how, several)
    asked = arguments.count("n_pulsed", n_pulsed, 1) // ensemble.batches + 1
    asked = min(asked, ensemble.size)
    window = arguments.window(window)
    is_centred = site.is_odd and not any(offsets) and inputs is None
    closes = gamma == 0 and is_vanilla and is_centred and not (phi.kinks or several)
    closed = method == "closed" or (method == "auto" and closes)
    if closed and several is not None:
        raise ArgumentError("method='closed': Blocks are sampled")
    if closed and not closes:
        told = ", ".join(f"{name}={value:g}" for name, value in offsets._asdict().items())
        raise ArgumentError(
            "method='closed': needs gamma=0, onsager=0, an odd phi without kinks and no "
            f"inputs, biases or means, got {gamma=:g}, {onsager=!r}, phi={phi.name!r}, {told}"
        )
    count = t_max / dt
    if closed:
        cost.check(
            "t_max", t_max, f"shorten it or raise dt={dt:g}", numbers=_CLOSED * count**2,
            seconds=cost.time_of(_PAIR * count, _PAIR * count),
        )  # fmt: skip
    else:
        saved, pulsed = count / save_every + 1, asked * count**2 * response
        groups = ensemble.batches * (1 + (finite_m != "ignore"))
        ensemble.afford(
            "t_max", t_max, dt, 1 if is_vanilla else 2, window=window,
            noisy=callable(temperature) or temperature > 0,
            numbers=2 * saved * ensemble.size + pulsed, kept=_MATRICES * saved**2 * groups,
            seconds=pulsed * count / _TANGENT_RATE,
        )  # fmt: skip
    times = breakpoints(t_max, onsager, temperature, inputs)
    grid = step_times(times, dt)
    saves = np.flatnonzero(np.isin(grid, step_times(times, dt, save_every)))
    setting = SamplerSetting(
        site, g, gamma, noise, x0_std, times, grid, innovations, neglect, window, offsets=offsets,
        several=several, inputs=inputs,
    )  # fmt: skip
    if closed:
        # In the middle of steps and of half steps: T(t) may vary within them.
        steps, first = np.diff(grid), grid[:-1]
        whole = np.array([noise(float(t)) for t in first + steps / 2])
        quarters = (first[:, None] + np.outer(steps, [0.25, 0.75])).ravel()
        halved = np.array([noise(float(t)) for t in quarters])
        solution = solve(
            phi, g, grid, whole, x0_std, halved=halved, richardson=richardson, progress=progress
        )
        attributes |= ensemble.facts(False)
        return _from_closed(solution, g, saves, response, attributes)
    if math.isfinite(window) and any(noise(float(t)) for t in grid):
        raise ArgumentError(
            f"window={window:g}: must be inf with white noise, where every step is a new direction"
        )
    if response and site.slopes is None:
        raise ArgumentError(f"response=True: model {site.name!r} has no slopes")
    noisy = any(noise(float(t)) for t in grid)
    regulated = site.psi is not None and any(site.has_u(float(t)) for t in grid)
    affordable = max(2, int(_TANGENTS / grid.size**3 / (_MORE if regulated else 1)))
    by_tangents = response or (regulated and affordable >= _MANY)
    pulses = asked if response else min(asked, affordable) * (model is None)
    task = TwoTimeTask(
        saves,
        ensemble.batches,
        pulses,
        response=response,
        integrated=model is None and several is None and not by_tangents,
        room=ensemble.size * (_NOISY if noisy else _QUIET),
        descends=lambda t: model is None and inputs is None and kappa(t) == 1,
    )
    found = sample(ensemble, setting, task, control=finite_m != "ignore")
    attributes |= ensemble.facts() | {"n_pulsed": pulses * ensemble.batches}
    return _from_batches(setting, task, found, finite_m == "extrapolate", attributes, known)


def _from_closed(
    solution: ClosedTwoTime,
    g: float,
    saves: NDArray[np.intp],
    response: bool,
    attributes: dict[str, Any],
) -> TwoTime:
    t, pairs = solution.t[saves], np.ix_(saves, saves)
    # The truncation is relative to √(C(t,t) C(t′,t′)).
    root = np.sqrt(np.diagonal(solution.C)[saves])
    C = solution.C[pairs]
    C_err = solution.C_err[pairs] + solution.truncation * np.outer(root, root)
    same, same_err = np.diagonal(C), np.diagonal(C_err)
    slope, slope_err = solution.slope[saves], solution.slope_err[saves]
    lag = t[:, None] - t
    # Without memory a pulse decays as the leak.
    pulse = np.where(lag > 0, np.exp(-np.abs(lag)), 0.0)
    known: dict[str, Any] = {
        "delta": solution.delta[pairs],
        "mean": np.zeros(t.size),
        "C": C,
        "freezing": np.maximum(same[:, None] + same - 2 * C, 0.0),
        "energy": solution.energy[saves],
        "r_int": slope * -np.expm1(-t),
    }
    return TwoTime(
        g=g,
        gamma=0.0,
        method="closed",
        t=t,
        t_other=t,
        **known,
        delta_err=solution.delta_err[pairs],
        mean_err=np.zeros(t.size),
        C_err=C_err,
        freezing_err=np.where(lag == 0, 0.0, same_err[:, None] + same_err + 2 * C_err),
        energy_err=solution.energy_err[saves],
        r_int_err=slope_err * -np.expm1(-t),
        **{
            f"{name}_{part}": np.zeros_like(curve)
            for name, curve in known.items()
            for part in ("finite_m", "step", "step_err")
        },
        R=slope[:, None] * pulse if response else None,
        R_err=slope_err[:, None] * pulse if response else None,
        attributes=attributes,
    )


class TwoTimeTask(NamedTuple):
    """What batches measure."""

    saves: NDArray[np.intp]  # steps of the grid
    repeats: int  # number of batches
    pulses: int = 0  # number of trajectories that may carry tangents
    response: bool = False  # whether to measure R(t, s)
    integrated: bool = False  # whether to measure ∫R ds by Novikov sums, else by tangents
    room: float = math.inf  # number of revealed directions beyond which the sums are biased
    paired: bool = False  # whether to measure ∫R ds by tangents in any case
    descends: Callable[[float], bool] = lambda t: False  # whether the drift is −∇E at a time


def sample(
    ensemble: Ensemble, setting: SamplerSetting, task: TwoTimeTask, *, control: bool
) -> Sampled:
    """All batches; if `control`, small ones too, and what the step does to them."""

    def small(places: NDArray[np.intp], is_control: bool, is_paired: bool) -> Measure:
        saves = places[task.saves]
        # Half the step costs eight times as much, and a difference of two runs scatters little.
        share = 16 if places[-1] >= setting.grid.size else 4
        plain = task._replace(
            saves=saves[saves >= 0], pulses=-(-task.pulses // share), response=False,
            integrated=task.integrated and is_control, paired=is_paired and task.pulses > 0,
        )  # fmt: skip
        return partial(_averages, plain)

    full = partial(_averages, task)
    found, _ = sampled(
        ensemble, "two_time", setting, full, small if control else None,
        marks=_marks(setting, task),
    )  # fmt: skip
    return found


def _forgotten(window: float, t: Array, C: Array, is_centred: bool = True) -> str:
    """What is wrong with forgetting beyond a window where C has not decayed; else empty."""
    beyond = np.subtract.outer(t, t) >= window
    if not beyond.any():
        return ""
    same = np.sqrt(np.diagonal(C))
    size = np.outer(same, same)
    rho = np.divide(C, size, out=np.zeros_like(C), where=size > 0)
    if is_centred:
        left = float(np.max(np.abs(rho)[beyond]))
        return f"C is still {left:.0%} of C(t, t) beyond the window, raise it" * (left > _LEFT)
    # A static part is no memory: how far C falls between one and two windows, of what it has fallen
    # before, at times to which the start is past.
    rows = np.flatnonzero(t >= 3 * window)
    if not rows.size:
        return "whether C levels off within the window is not seen: t_max must be 3 times as long"
    one, two = (np.searchsorted(t, t[rows] - k * window, side="right") - 1 for k in (1, 2))
    fallen = np.maximum(1 - rho[rows, one], _MOVED)
    left = float(np.max((rho[rows, one] - rho[rows, two]) / fallen))
    return f"C still falls beyond the window, by {left:.0%} of before, raise it" * (left > _LEFT)


def _from_batches(
    setting: SamplerSetting,
    task: TwoTimeTask,
    found: Sampled,
    extrapolate: bool,
    attributes: dict[str, Any],
    known: dict[str, Any],
) -> TwoTime:
    """The result of sampled batches; warns if the step was too long for them."""
    full = found.full
    worst: dict[str, Any] = largest(full)
    longest = float(np.max(np.diff(setting.grid)))
    worst["rank"] = int(worst["rank"])
    reason = step_reason(longest, worst)
    if not reason and worst["balance_error"] > _BALANCED:
        reason = (
            f"dt = {longest:g} is too long: ½⟨x²⟩' = ⟨xF⟩ is violated by "
            f"{worst['balance_error']:.0%}; shorten dt"
        )
    if reason:
        warnings.warn(reason, StepSizeWarning, stacklevel=4)
    size = attributes["n_trajectories"] // attributes["batches"]
    estimate = partial(_fields, setting, task, extrapolate)
    fields, text = each_population(setting.several, size, found, estimate)
    reasons = [reason, text, found.not_done(extrapolate)]
    if worst["neglected"] > _NEGLECTED:
        reasons.append(f"{worst['neglected']:.0%} of the states not revealed, lower neglect")
    t = setting.grid[task.saves]
    return TwoTime(
        **known,
        method="sampler",
        t=t,
        t_other=t,
        **fields,
        **worst,
        reason="; ".join(filter(None, reasons)),
        attributes=attributes,
    )


def _fields(
    setting: SamplerSetting, task: TwoTimeTask, extrapolate: bool, found: Sampled, size: int
) -> tuple[dict[str, Any], str]:
    """What is estimated of a population with `size` trajectories, and what is wrong with it."""
    full, t = found.full, setting.grid[task.saves]
    longest = float(np.max(np.diff(setting.grid)))
    fields: dict[str, Any] = {}
    for name in (*_STEPPED, "R"):
        if name in full[0].values:
            step = None if name == "R" else _step_effect(found, setting, task, name)
            of = partial(_value, name)
            fields |= found.estimate(of, extrapolate, step).named(name)
            if step is not None:
                least = _smallest_effect(np.nan_to_num(step[0]), t, longest)
                fields[f"{name}_err"] = np.hypot(fields[f"{name}_err"], least)
        elif name != "R":
            # What is not measured remains unknown.
            fields |= dict.fromkeys((f"{name}{part}" for part in PARTS), np.full(t.size, np.nan))
    for part in ("finite_m", "step", "step_err"):
        fields.pop(f"R_{part}", None)
    if task.integrated:
        ridge = np.mean([batch.values["r_int_shift"] for batch in full], axis=0)
        fields["r_int_err"] = np.hypot(fields["r_int_err"], ridge)
    reasons = [_forgotten(setting.window, t, fields["C"], setting.is_centred)]
    if not setting.is_centred:
        reasons.append(parted(full, np.diagonal(fields["delta"]), size))
    return fields, "; ".join(filter(None, reasons))


def _value(name: str, batch: BatchAverages) -> Array | None:
    return batch.values.get(name)


def _marks(setting: SamplerSetting, task: TwoTimeTask) -> Array:
    """Times that twice the step lands on: the saved ones, unless too few steps are between them."""
    far = task.saves.size < 2 or int(np.min(np.diff(task.saves))) >= _APART
    saved = setting.grid[task.saves] if far else np.zeros(0)
    return np.unique(np.concatenate([setting.times, saved]))


def _smallest_effect(effect: Array, t: Array, h: float) -> Array:
    """What an effect known to the order h² may be where it changes sign: a share of it nearby."""
    largest = np.abs(effect)
    edges = np.searchsorted(t, t - _AROUND), np.searchsorted(t, t + _AROUND, side="right")
    for axis in range(effect.ndim):
        rows = np.moveaxis(largest, axis, 0)
        around = [np.max(rows[a:b], axis=0) for a, b in zip(*edges, strict=True)]
        largest = np.moveaxis(np.array(around), 0, axis)
    return _HIGHER * h * largest


def _step_effect(
    found: Sampled, setting: SamplerSetting, task: TwoTimeTask, name: str
) -> tuple[Array, Array] | None:
    """What the step does at the saved times, interpolated from those of the runs at two steps."""
    if found.pair is None:
        return None
    # Tangents of the same trajectories differ less than Novikov sums.
    key = "r_int_pulse" if name == "r_int" else name
    t = setting.grid[task.saves]
    common = np.arange(t.size)
    if found.pair.doubles:
        common = np.flatnonzero(
            np.isin(task.saves, every_second(setting.grid, _marks(setting, task)))
        )

    def at_common(batch: BatchAverages) -> Array | None:
        curve = batch.values.get(key)
        if curve is None or len(curve) == common.size:
            return curve
        return curve[np.ix_(*[common] * curve.ndim)]

    effect = found.pair.effect(at_common)
    if common.size == t.size:
        return effect
    spread = between(t[common], t)
    value, err = (spread @ part if part.ndim else part for part in effect)
    return (value, err) if value.ndim < 2 else (value @ spread.T, err @ spread.T)


class _Balance:
    """∫ rate dt by the trapezoidal rule against the change of a quantity, where it holds."""

    def __init__(self) -> None:
        self.worst, self._sum, self._scale = math.nan, 0.0, 0.0
        self._last: tuple[float, float, float] | None = None

    def add(self, t: float, quantity: float, rate: float, jumps: bool, holds: bool) -> None:
        if self._last is not None and holds and not jumps:
            before, amount, old = self._last
            self._sum += quantity - amount - (t - before) * (rate + old) / 2
            self._scale = max(self._scale, abs(quantity), abs(amount))
            share = abs(self._sum) / self._scale if self._scale else 0.0
            self.worst = float(np.fmax(self.worst, share))
        self._last = (t, quantity, rate) if holds else None


def _averages(task: TwoTimeTask, run: SamplerRun) -> BatchAverages:
    """Two-time averages of one batch at the saved times."""
    setting, size = run.setting, run.size
    sums = NovikovResponse(run, task.repeats) if task.integrated else None
    saves = set(task.saves.tolist())
    xs, phis, energies, responses, shifts = [], [], [], [], []
    parts = run.populations.parts
    pulsed, carriers = run.populations.taken(min(task.pulses, size))
    path: list[SitePoint] = []
    balance, descent = _Balance(), _Balance()
    next_probe = 0.0
    for moment in run:
        k, t = moment.step, moment.t
        if run.rotations is not None and sums is not None:
            sums.rotate(*run.rotations)
        energy = float(moment.force @ moment.force) / (2 * size)
        if sum(run.operator.rank) > task.room:
            sums = None
        if sums is not None and (t >= next_probe or k in saves):
            sums.record(t, moment.phi, moment.psi, measure=k in saves)
            next_probe = t + _PROBE * (1 - 1e-9)
        if k in saves:
            xs.append(moment.x)
            phis.append(moment.phi)
            forces = [moment.force[part] for part in parts]
            energies.append([float(own @ own) / (2 * own.size) for own in forces])
            if sums is not None:
                responses.append(float(sums.value))
                # The stage of the first step has no row in the sums.
                lost = math.hypot(sums.shift, sums.value * t / 2)
                shifts.append(lost if k == 1 else sums.shift)
        if task.pulses:
            u = None if moment.u is None else moment.u[pulsed]
            path.append(SitePoint(t, moment.x[pulsed], moment.h[pulsed], u))
        # Where parameters jump the drift before and after are not one function.
        jumps, is_quiet = t in setting.times, not setting.noise(t)
        square = float(moment.x @ moment.x) / (2 * size)
        balance.add(t, square, float(moment.x @ moment.drift) / size, jumps, is_quiet)
        loss = -float(moment.drift @ moment.drift) / size
        descent.add(t, energy, loss, jumps, is_quiet and task.descends(t))
    x, phi = np.array(xs), np.array(phis)

    def of_population(k: int) -> dict[str, Any]:
        own_x, own_phi = x[:, parts[k]], phi[:, parts[k]]
        C = own_phi @ own_phi.T / len(own_phi.T)
        same = np.diagonal(C)
        return {
            "C": C,
            "delta": own_x @ own_x.T / len(own_x.T),
            "mean": own_x.mean(axis=1),
            # Rounding must not make a mean square negative where the dynamics is frozen.
            "freezing": np.maximum(same[:, None] + same[None, :] - 2 * C, 0.0),
            "energy": np.array(energies)[:, k],
        }

    values = by_population(of_population, run)
    if sums is not None and task.pulses and np.isnan(responses).any():
        sums = None
    if sums is not None:
        values |= {"r_int": np.array(responses), "r_int_shift": np.array(shifts)}
    if task.pulses and (task.response or task.paired or sums is None):
        R, r_int = tangent_response(carriers, path, setting.times, pointwise=task.response)
        values |= by_population(lambda k: {"r_int_pulse": r_int[k, task.saves]}, run)
        if task.response:
            values |= by_population(lambda k: {"R": R[k][np.ix_(task.saves, task.saves)]}, run)
        if sums is None:
            pulse = values["r_int_pulse"]
            values |= {"r_int": pulse, "r_int_shift": np.zeros_like(pulse)}
    worst = {
        "balance_error": balance.worst,
        "energy_balance_error": descent.worst,
        **run.watch.found,
        "rank": run.forgetting.largest_rank,
        "neglected": run.operator.neglected_rms,
    }
    return BatchAverages(values, worst, run.operator.is_exhausted)
