"""Stationary correlation and response for every g and γ, in closed form or sampled."""

import math
import warnings
from collections.abc import Sequence
from dataclasses import fields, replace
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, DTypeLike
from scipy.special import ive, jv, stdtrit

from .. import exponential, stability
from ..blocks import Blocks
from ..common import arguments, cost, seeds
from ..common.arguments import ArgumentError, Array, validated
from ..common.result import ABSENT, FLAGGED, coordinate, error, fact, given, value
from ..elliptic import null_response
from ..exponential import lagrange_weights
from ..gaussian_operator import in_turn, single
from ..schedule import Drive, Inputs, breakpoints, step_times, takes_phases
from ..stability import StepSizeWarning
from ..transfer import TransferFunction
from .sampler.ensemble import (
    PARTS,
    SHRINK,
    BatchAverages,
    Ensemble,
    Measure,
    SampledResult,
    beyond,
    by_population,
    largest,
    mean_and_error,
    parted,
)
from .sampler.novikov import NovikovResponse
from .sampler.populations import Populations
from .sampler.run import (
    Network,
    Offsets,
    SamplerRun,
    SamplerSetting,
    chosen_step,
    step_reason,
)  # fmt: skip
from .sampler.site import SiteModel, Slopes
from .sampler.steps import Sampled, between, each_population, sampled
from .sampler.tangents import stationary_pulse
from .stationary.frozen import averages
from .stationary.solver import stationary

_LONGEST = 0.25
# Share of C that may be left at the end of the window; with noise, where all of it is forgotten in
# the end, more tells of a state that is slower than the run.
_DECAYED, _FORGOTTEN = 0.5, 1 / 3
# Every so-manieth trajectory carries a pulse; number of pulses, one after the other.
_PULSED, _PULSES = 4, 4
# Time between two rows of the Novikov sums at most, square of a change of φ, as a share, that takes
# another, and time between two of their values.
_ROW, _CHANGED, _VALUE = 0.5, 0.0025, 5.0
# Revealed directions, as a share of a batch, up to which the Novikov sums are unbiased.
_ROOM = 0.25
# Largest |κ|.
_STRONGEST = 1000.0
# Trajectories with a slope to speak of below which the response is not known.
_CARRIERS = 10.0
# Trajectories of batches that run side by side.
_STACK = 10_000
# Factor between the halves of the average by which q grows or fades in every batch.
_MUCH = 4.0
# Of what changes from the first half of the average to the second, and standard errors of such a
# change up to which it is by chance.
_CHANGE, _BY_CHANCE = "_change", 2.0
# Share of the energy, which is the last to settle, that it may fall by, and how often it may seem
# to by chance.
_SETTLED, _SEEMING = 0.1, 5e-3
# Largest radius of the spectrum, 1 being the edge of chaos, that a step is chosen for.
_MARGINAL = 2.0
# Numbers of one time.
_STATES = ("x", "phi", "force", "drift")
_SCALARS = ("q", "delta0", "mean", "sigma_xphi", "force_phi", "energy")
_NO_STATE = "no stationary state: phi is linear and g phi'(0) (1 + gamma) > 1, or = 1 with noise"
# Curves of a result, and of what it is made of.
_CURVES = 40.0
# Where I₁(z)/z and J₁(z)/z are 1/2 to rounding.
_SMALL = 1e-9
# Share of Δ(0) below which nothing decays: what single precision knows of averages.
_STILL = 1e-5
# Averages are taken at every so many remembered states: neighbours tell the same.
_EVERY = 4
# So many of them at once.
_AT_ONCE = 8
# Default spacing of lags; phases at which an input is tried, and what of it is rounding.
_LAG_STEP, _LAW, _ALIKE = 0.2, 512, 1e-6


class SteadyState(SampledResult):
    """Stationary two-time functions for one g, γ, κ and T.

    Times are in units of the time constant of the neurons.  Errors are standard errors over batches
    in the sampler, see `interval`, and error bounds elsewhere.  They hold the scatter of the
    batches and of the corrections for finite batches and for the step, half of the latter, and the
    effects of both where they could not be subtracted; of averages over states, which `R` is not,
    what they differ from their second half as far as that exceeds twice its own error.  The
    tolerance `neglect` and what lies beyond the window are not in them.

    The sampler is converged where drift and change with the window are compatible with their errors
    (and with what the window does to the effect of finite batches) at a false alarm rate of 5e-4
    each, the energy, which settles last, falls by less than a tenth between the halves of the
    average, or than it seems to by chance in 1 case of 200, and C falls below half within the
    window, with noise below a third.  Averages are not centred: with biases, a mean coupling, or a
    φ or model that is not odd, they have static parts, and it is the part of C that decays, as seen
    from its fall in the two halves of the window, that has to fall so far; a state that no longer
    moves, as far as `neglect` resolves, is static.

    With `Blocks` all numbers of the neurons have a first axis, of the blocks.
    """

    g: Any = fact("gain")
    gamma: Any = fact("symmetry of the couplings")
    onsager: float = fact("factor of the Onsager-reaction force")
    temperature: float = fact("temperature of white noise")
    method: str = fact(
        '"null" (fixed-point phase, closed forms), "stationary" (γ = 0, deterministic) or "sampler"'
    )
    tau: Array = coordinate("time lag", ("tau",), "time constant", symbol=r"$\tau$")
    C: Array = value(
        "autocorrelation of phi(x)", ("tau",), symbol=r"$C(\tau)$", note="⟨φ(t+τ)φ(t)⟩."
    )
    C_err: Array = error("C")
    delta: Array = value(
        "autocorrelation of x", ("tau",), symbol=r"$\Delta(\tau)$", note="⟨x(t+τ)x(t)⟩."
    )
    delta_err: Array = error("delta")
    phi_x: Array = value(
        "correlation of phi(x) with an earlier x",
        ("tau",),
        symbol=r"$\langle\varphi(\tau)x(0)\rangle$",
        note="⟨φ(t+τ)x(t)⟩; at κ = 1 with noise R = −β ∂_τ of it (fluctuation and dissipation).",
    )
    phi_x_err: Array = error("phi_x")
    R: Array = value(
        "response of phi to a field",
        ("tau",),
        "1/time constant",
        symbol=r"$R(\tau)$",
        note="In ẋ; R(0) at 0⁺.",
    )
    R_err: Array = error("R")
    t_phase: Array | None = coordinate(
        "time in a period", ("t_phase",), "time constant", default=None,
        note="None unless the input has a period; 0 is a multiple of it.",
    )  # fmt: skip
    q_phase: Array | None = value(
        "q at a time of the period", ("t_phase",), default=None, note="Like those of a stroboscope."
    )
    q_phase_err: Array | None = error("q_phase", default=None)
    mean_phase: Array | None = value("mean of x at it", ("t_phase",), default=None)
    mean_phase_err: Array | None = error("mean_phase", default=None)
    q: float = value("mean square activity <phi^2>")
    q_err: float = error("q")
    delta0: float = value("mean square of x", note="⟨x²⟩; `Stationary.delta0` is ⟨x²⟩ − μ².")
    delta0_err: float = error("delta0")
    mean: float = value("mean of x")
    mean_err: float = error("mean")
    sigma_xphi: float = value("average of x phi", note="⟨xφ⟩.")
    sigma_xphi_err: float = error("sigma_xphi")
    force_phi: float = value(
        "average of f phi",
        note="⟨fφ⟩; at κ = 1 with noise −β⟨fφ⟩ is r of the replica theory.",
    )
    force_phi_err: float = error("force_phi")
    energy: float = value("kinetic energy per neuron <f^2>/2")
    energy_err: float = error(
        "energy",
        note="It contains the whole correction for finite batches, this being a small difference "
        "of large fields.",
    )
    r_int: float = value("integrated response", note="∫R dτ over `window`.")
    r_int_err: float = error("r_int", note="Contains the effect of the ridge in the Novikov sums.")
    tau_half: float = value(
        "time where delta has fallen to half",
        unit="time constant",
        note="nan if it is not within the lags of every batch.  Of the part that decays, where "
        "there is a static one: the value at the end of the window.",
    )
    tau_half_err: float = error("tau_half")
    q_step: float = value(
        "effect of the step on q",
        note="Subtracted as far as it exceeds twice its error, as those of the others, where twice "
        "the step is followed; else in the error.",
        default=0.0,
    )
    q_step_err: float = error("q_step", default=0.0)
    delta0_step: float = value("effect of the step on delta0", default=0.0)
    delta0_step_err: float = error("delta0_step", default=0.0)
    energy_step: float = value("effect of the step on energy", default=0.0)
    energy_step_err: float = error("energy_step", default=0.0)
    r_int_step: float = value("effect of the step on r_int", default=0.0)
    r_int_step_err: float = error("r_int_step", default=0.0)
    q_finite_m: float = value("effect of finite batches on q, subtracted", default=0.0)
    r_int_finite_m: float = value("effect of finite batches on r_int, subtracted", default=0.0)
    q_window: float = value(
        "change of q from half the window to the window",
        note="On small batches; contains some of their finite size, at most 4 times q_finite_m.",
        default=0.0,
    )
    q_window_err: float = error("q_window", default=0.0)
    r_int_window: float = value(
        "change of r_int from half the window to the window", note="As of q.", default=0.0
    )
    r_int_window_err: float = error("r_int_window", default=0.0)
    r_int_spectral: float = value(
        "integrated response from spectra",
        note="A second estimate: ∫[⟨φh⟩ − ⟨φ⟩(J₀⟨φ⟩ + b)]dτ / ∫[g²(1+γ)C + σ_b²]dτ within the "
        "lags, which is off where the part of C that decays reaches beyond them.  nan of `Blocks`.",
    )
    r_int_spectral_err: float = error("r_int_spectral", default=0.0)
    r_int_pulse: float = value("integral of R", note="A third estimate of `r_int`.")
    r_int_pulse_err: float = error("r_int_pulse", default=0.0)
    drift: float = value(
        "q in the second half of the average minus q in the first", default=0.0
    )  # fmt: skip
    drift_err: float = error("drift", default=0.0)
    ageing: float = value(
        "C at the end of the window in the second half of the average minus that in the first",
        default=0.0,
    )
    ageing_err: float = error("ageing", default=0.0)
    neglected: float = value(
        "share of a state dropped as too small to reveal", note="The typical one.", default=0.0
    )
    window: float = value(
        "time after which the past is forgotten",
        unit="time constant",
        note="inf for closed forms.",
        default=math.inf,
    )

    @property
    def x2(self) -> float:
        """Mean square of x, which is `delta0`."""
        return self.delta0

    @property
    def x2_err(self) -> float:
        """Standard error of x2."""
        return self.delta0_err

    _headline = ("g", "gamma", "method", "q", "delta0", "energy", "r_int", "tau_half", "window")
    _picture = ("tau", "C")


@validated
def steady_state(
    g: float | Blocks,
    gamma: ArrayLike = 0.0,
    *,
    onsager: float = 0.0,
    temperature: float = 0.0,
    x0_mean: float = 0.0,
    x0_std: float = 1.0,
    bias_mean: float = 0.0,
    bias_std: float = 0.0,
    mean_coupling: float = 0.0,
    inputs: Inputs | None = None,
    period: float | None = None,
    phi: str | TransferFunction = "tanh",
    model: SiteModel | None = None,
    root: str = "largest",
    seed: seeds.Seed | None = None,
    n_trajectories: int | None = None,
    batches: int | None = None,
    dt: float | None = None,
    t_skip: float | None = None,
    t_max: float | None = None,
    window: float | None = None,
    lag_step: float | None = None,
    method: str = "auto",
    neglect: float = 3e-3,
    workers: int | None = None,
    executor: Any = None,
    progress: bool = False,
) -> SteadyState:
    """Stationary state of ẋ = f − κφ′∘Jᵀf + ξ, f = −x + Jφ(x) + b, N → ∞, for any symmetry γ.

    There are short ways.  For an odd φ without biases b and mean of the couplings the network is at
    rest at κ = 0, without noise and with g φ′(0) (1+γ) ≤ 1: closed forms (for a φ that is not
    concave, if `root` is "smallest").  At κ = γ = 0 the theory is deterministic: `stationary`,
    where it resolves the state, `x0_mean` is 0 and there is no `model`.  Elsewhere the causal
    sampler runs from normal initial states and averages over time, without noise with a sliding
    window.

    At κ = 1 with noise the dynamics samples exp(−βE), the measure of `saddle_point`: q, energy, x2,
    sigma_xphi and −β force_phi relax to q, e, ⟨x²⟩, σ_xφ and r of its paramagnetic branch, where
    that is stable.

    Parameters
    ----------
    g, gamma : float
        Gain g > 0 and coupling symmetry γ in [−1, 1].  Or `Blocks`, which are always sampled, and γ
        for all pairs of blocks or γ_ab = γ_ba for each, (P, P); biases, means and φ are theirs.
    onsager : float
        Factor κ of the Onsager-reaction force.
    temperature : float
        T ≥ 0 of white noise, σ² = 2T.
    x0_mean, x0_std : float
        The sampler starts from a normal x of mean `x0_mean` and width `x0_std` ≥ 0.
    bias_mean, bias_std, mean_coupling : float
        Quenched biases and mean of the couplings, as in `two_time`.
    inputs, period
        Input S(t) or S(t, u) as in `two_time`, of this period if it is no number.  Averages are
        then taken over whole pairs of periods, to which `t_skip`, `t_max` and `window` are raised;
        `q_phase` and `mean_phase` say where in the period.  Unless S(t, u) has one law at all
        times, as with u for a phase, the response is not one of the lag alone, and R is nan.
    phi : str or TransferFunction
    model : SiteModel, optional
        Another single-site equation, with slopes, in place of `phi` and `onsager`.  `R` and `r_int`
        are responses of its φ to a field in ẋ, `energy` is of its force, `r_int_spectral` is nan.
    root : {"largest", "smallest"}
        Which state, by Δ₀, where the theory is exact and a φ that is not concave has several; see
        `stationary`.  The sampler goes where its initial states lead, which choose among states of
        opposite means too, and takes no other choice.
    seed : Seed, optional
        With it the result is the same whatever `workers`; None takes one from the operating system.
    n_trajectories, batches : int
        Trajectories in all, and the independent batches they form, at least 2.  Default 15 000 in
        6, with noise 51 200 in 32: each batch then is a network of that many neurons.
    dt : float
        Step, of which `lag_step` is a multiple; default as in `two_time`, at κ = 0 without noise
        and inputs twice that, rounded to one.  Its effect, falling as dt², is measured on small
        batches with twice the step.
    t_skip, t_max : float
        Averages are taken from `t_skip` to `t_max`; near the onset both must grow, see `drift`.
        Default 80 and 210, with noise 25 and 85; `t_max` at least two windows later.
    window : float
        Where `tau` ends, default 60, with noise 20; without noise the time after which the past is
        forgotten.
    lag_step : float
        Spacing of `tau`, a multiple of `dt`.  Default 0.2, or the next fraction of `period`.
    method : {"auto", "exact", "sampler"}
        "exact": closed forms or `stationary`, an error where neither applies.
    neglect : float
        Share of a state below which a new direction of the couplings is not revealed; its effect is
        not part of the errors given.
    workers, executor
        Who does the batches, as in `meanfield.sweep`.
    progress : bool
        Show a progress bar on a terminal.

    Returns
    -------
    SteadyState
        All estimates of the sampler are extrapolated from batches of M and M/4 trajectories to
        M → ∞.

    Raises
    ------
    ArgumentError
        If an argument is outside its range, "exact" does not apply, a `model` has no slopes or
        comes with `onsager`, or the sampler is asked for a run shorter than t_skip + 2 window.
    NotConvergedError
        For a linear φ beyond its instability, and from `stationary`.
    SamplerError
        If trajectories grow beyond all bounds.

    Warns
    -----
    StepSizeWarning
        If the step is longer than the sampler follows.
    ExtrapolationWarning
        If finite batches could not be extrapolated: `reason` says why.

    Notes
    -----
    `r_int` comes from the Novikov sums of the operator, which need no probe field, or from tangents
    of single trajectories (`r_int_pulse`), whichever has the smaller error: the sums for γ > 0,
    where R is long.  Where the noise of the trajectories hides the sums, and in batches that have
    revealed more directions than a quarter of their trajectories, which biases them, it is the
    tangents, as with noise, κ ≠ 0 or `Blocks`.  R(τ) comes from tangents (a quarter of a batch);
    `r_int_spectral` (κ = 0 only) is another way to the same number.

    Batches without noise whose drift does not use Jᵀψ run side by side, up to 10 000 trajectories
    at once: fewer, longer products.

    White noise reveals directions of the couplings in every step, and nothing can be forgotten: the
    couplings of a batch are then drawn at once.

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
    attributes = given(steady_state, locals())
    temperature = arguments.nonnegative("temperature", temperature)
    onsager = arguments.within("onsager", onsager, -_STRONGEST, _STRONGEST)
    noisy, usual = temperature > 0, _NOISY if temperature > 0 else _QUIET
    arguments.one_of("method", method, ("auto", "exact", "sampler"))
    arguments.one_of("root", root, ("largest", "smallest"))
    window = arguments.positive("window", usual.window if window is None else window)
    t_skip = arguments.nonnegative("t_skip", usual.t_skip if t_skip is None else t_skip)
    t_max = max(usual.t_max, t_skip + 2 * window) if t_max is None else t_max
    t_max = arguments.positive("t_max", t_max)
    cycle = _cycle(inputs, period, lag_step)
    if cycle is not None:
        pair = 2 * cycle.period
        lag_step, window = cycle.lag_step, pair * math.ceil(window / pair - 1e-9)
        t_skip = pair * math.ceil(t_skip / pair - 1e-9)
        t_max = t_skip + pair * math.ceil(max(t_max - t_skip, 2 * window) / pair - 1e-9)
    lag_step = _LAG_STEP if lag_step is None else arguments.positive("lag_step", lag_step)
    x0_std = arguments.nonnegative("x0_std", x0_std)
    means = bias_mean, bias_std, mean_coupling, x0_mean
    network = Network.checked(attributes, g, gamma, phi, model, onsager, t_max, means)
    g, gamma, phi, site, offsets, several, known = network
    if site.slopes is None:
        raise ArgumentError(f"model={site.name!r}: has no slopes")
    is_vanilla = model is None and onsager == 0
    is_plain = model is None and several is None and site.is_odd and not any(offsets)
    is_plain = is_plain and inputs is None
    if dt is None:
        longest = chosen_step(
            None, g, gamma, phi, onsager, model, t_max, offsets.mean_coupling, several, inputs
        )
        if is_vanilla and is_plain and not noisy and phi.is_concave:
            # Averages bear twice the step of paths: a state without a static part keeps the radius
            # of its spectrum near one, and twice the step is followed there.
            steep = phi.slope * min(1.0, _MARGINAL / max(g * phi.slope * (1 + gamma), 1.0))
            rates = stability.ellipse(g, gamma, steep)
            followed = stability.largest_step(exponential.amplification, rates)
            longest = min(2 * longest, followed / 2)
        dt = lag_step / max(math.ceil(lag_step / longest - 1e-9), 1)
        # So that twice the step knows all times of a period.
        dt = dt / 2 if cycle and round(lag_step / dt) % 2 else dt
    dt = arguments.positive("dt", dt)
    stride = max(1, round(lag_step / dt))
    if abs(stride * dt - lag_step) > 1e-9 * lag_step:
        raise ArgumentError(f"lag_step={lag_step:g}: must be a multiple of dt={dt:g}")
    if cycle and stride % 2:
        raise ArgumentError(f"lag_step={lag_step:g}: must be an even multiple of dt={dt:g}")
    ensemble = Ensemble.checked(
        usual.n_trajectories if n_trajectories is None else n_trajectories,
        usual.batches if batches is None else batches, seed, workers, executor, progress, several,
    )  # fmt: skip
    cost.check(
        "window", window, f"shorten it or raise lag_step={lag_step:g}",
        numbers=_CURVES * window / lag_step,
    )  # fmt: skip
    lags = int(window / lag_step + 1e-9) + 1
    known |= {"onsager": onsager, "temperature": temperature}
    tau = lag_step * np.arange(lags, dtype=np.float64)
    if method != "sampler":
        # A φ that is not concave can be active beside the state x = 0.
        at_rest = not noisy and g * phi.slope * (1 + gamma) <= 1
        at_rest = at_rest and (phi.is_concave or root == "smallest")
        at_rest = at_rest and is_plain
        # Where there are several means, the initial one decides.
        is_gaussian = gamma == 0 and model is None and several is None and x0_mean == 0
        is_gaussian = is_gaussian and inputs is None
        exact: dict[str, Any] = {}
        if onsager == 0 and at_rest:
            exact = _null(phi, g, gamma, tau)
        elif onsager == 0 and is_gaussian:
            # What the search cannot resolve is left to the sampler.
            strict = is_plain or method == "exact"
            exact = _gaussian(phi, g, temperature, offsets, root, tau, strict)
        if exact:
            return SteadyState(
                **known, **exact, tau=tau, attributes=attributes | ensemble.facts(False)
            )
        if method == "exact" and several is not None:
            raise ArgumentError("method='exact': Blocks are sampled; see `stationary`")
        if method == "exact":
            raise ArgumentError(
                f"method='exact': no closed form at g={g:g}, gamma={gamma:g}, onsager={onsager:g}, "
                f"temperature={temperature:g}"
                + ", with an initial mean, a model or inputs"
                * (not is_plain)
            )
    if root != "largest" and not (is_plain and phi.is_concave):
        raise ArgumentError(
            f"root={root!r}: must be 'largest' where the sampler is needed, whose initial states "
            "decide: see x0_mean and x0_std"
        )
    load = g * phi.slope * (1 + gamma)
    is_linear = phi.is_linear and model is None and several is None
    if is_linear and not 0 <= onsager <= 1:
        raise ArgumentError(f"onsager={onsager:g}: must lie in [0, 1] for a linear phi")
    if is_linear and (load > 1 or (noisy and load == 1)):
        absent = SteadyState(
            **known, **_unknown(tau), tau=tau, status=ABSENT, reason=_NO_STATE,
            attributes=attributes | ensemble.facts(False),
        )  # fmt: skip
        absent.raise_unless_converged("g", "gamma", throw=False)
    if dt > _LONGEST:
        raise ArgumentError(f"dt={dt:g}: must be at most {_LONGEST:g}, a quarter of the leak time")
    if lags < 4:
        raise ArgumentError(f"window={window:g}: must hold at least 3 lags of {lag_step:g}")
    if t_max < t_skip + 2 * window:
        raise ArgumentError(
            f"t_max={t_max:g}: must be at least t_skip + 2 window = {t_skip + 2 * window:g}"
        )
    # The ring of states in single precision, and the tangents of some trajectories.
    kinds = 1 if is_vanilla else 3
    held = ensemble.size * (1.5 * lags + 2 * kinds * lags * stride / _PULSED)
    memory = math.inf if noisy else window
    ensemble.afford(
        "t_max", t_max, dt, 1 if is_vanilla else 2, window=memory, noisy=noisy, numbers=held
    )
    times = breakpoints(dt * math.ceil(t_max / dt - 1e-9), inputs)
    grid = step_times(times, dt)
    if np.ptp(np.diff(grid)) > 1e-6 * dt:
        raise ArgumentError(f"inputs={inputs!r:.80}: must jump at multiples of dt={dt:g}")
    setting = SamplerSetting(
        site, g, gamma, lambda t: 2 * temperature, x0_std, times, grid, neglect=neglect,
        window=memory, innovations="gaussian" if noisy else "matched", stored=noisy,
        offsets=offsets, several=several, inputs=inputs,
    )  # fmt: skip
    if not (noisy or several or any(site.has_u(float(t)) for t in grid)):
        ensemble = ensemble._replace(stack=_STACK)
    # Novikov sums are for the vanilla dynamics of one population without noise or a drive, whose
    # part of C never decays.
    summed = is_vanilla and several is None and not noisy and inputs is None
    room = _ROOM * ensemble.size if summed else 0.0

    def measure(stride: int, lags: int) -> Measure:
        return partial(
            _averages, skip=t_skip, stride=stride, lags=lags, repeats=ensemble.batches,
            room=room, cycle=cycle,
        )  # fmt: skip

    # Twice the step reaches every lag, or every second one.
    reach = 2 if stride % 2 else 1
    twice = measure(stride * reach // 2, (lags - 1) // reach + 1)
    own = measure(stride, lags)
    # Nothing is forgotten with noise.
    # Averages of half as long, but of some states: they are no part of the numbers.
    unit, least = dt if cycle is None else 2 * cycle.period, _EVERY * lag_step
    end = t_skip + unit * math.ceil(((t_max - t_skip) / 2 + least) / unit - 1e-9)
    short = grid[: int(np.searchsorted(grid, end - 1e-9 * dt)) + 1]
    forgetful = replace(
        setting, window=window / 2, watched=False, grid=short,
        times=[*(t for t in times if t < short[-1]), float(short[-1])],
    )  # fmt: skip
    half = [] if noisy else [(forgetful, own)]
    found, others = sampled(
        ensemble, "steady_state", setting, own,
        # At half the step a lag has twice as many, at twice the step maybe half.
        lambda at, *_: measure(int(at[1]) * stride, lags) if at[1] > 0 else twice, *half,
    )  # fmt: skip
    # What is dropped of a state moves it by g times as much.
    moved = None if setting.is_centred else 0.0 if noisy else (g * neglect) ** 2
    half_window = others[0] if others else []
    known |= _from_batches(ensemble, dt, found, half_window, tau, moved, several)
    if model is not None or inputs is not None:
        known |= {"r_int_spectral": math.nan, "r_int_spectral_err": math.nan}
    used: dict[str, Any] = {"lag_step": lag_step}
    if cycle is not None:
        known |= {"tau_half": math.nan, "tau_half_err": math.nan, "t_phase": cycle.times}
        used |= {"t_skip": t_skip, "t_max": t_max}
    return SteadyState(
        **known, method="sampler", tau=tau, window=window,
        attributes=attributes | ensemble.facts() | used,
    )  # fmt: skip


class _Cycle(NamedTuple):
    """A period of the input, so many lags long."""

    period: float
    lags: int
    # Whether the input has one law at all times.
    is_stationary: bool

    @property
    def lag_step(self) -> float:
        """Spacing of the lags."""
        return self.period / self.lags

    @property
    def times(self) -> Array:
        """Those of a period."""
        return self.lag_step * np.arange(self.lags, dtype=np.float64)


def _cycle(inputs: Inputs | None, period: float | None, lag_step: float | None) -> _Cycle | None:
    """The period of a call, or what is wrong with its arguments; None for what is constant."""
    if not callable(inputs):
        if period is not None:
            raise ArgumentError(f"period={period:g}: belongs to inputs that change in time")
        return None
    if period is None:
        raise ArgumentError("period=None: must be given with inputs that change in time")
    period = arguments.positive("period", period)
    step = _LAG_STEP if lag_step is None else arguments.positive("lag_step", lag_step)
    lags = max(round(period / step), 1) if lag_step else math.ceil(period / step - 1e-9)
    if lag_step and abs(lags * step - period) > 1e-9 * period:
        raise ArgumentError(f"lag_step={lag_step:g}: must be a fraction of period={period:g}")
    if not takes_phases(inputs):
        return _Cycle(period, lags, False)
    u = (np.arange(_LAW) + 0.5) / _LAW
    drive = Drive(inputs, 2 * period, lambda: u)
    law = np.sort([drive(t, u.shape) for t in period * np.array([0.0, 0.19, 0.43, 0.77])], axis=1)
    repeats = np.abs(drive(0.3 * period, u.shape) - drive(1.3 * period, u.shape))
    size = float(np.max(np.abs(law), initial=0.0))
    if np.max(repeats) > _ALIKE * size:
        raise ArgumentError(f"period={period:g}: inputs do not repeat after it")
    # Of so many phases, to the distance of neighbours.
    return _Cycle(period, lags, bool(np.max(np.ptp(law, axis=0)) <= 8 * size / _LAW))


def _from_batches(
    ensemble: Ensemble,
    dt: float,
    found: Sampled,
    half: list[BatchAverages],
    tau: Array,
    unresolved: float | None = None,
    several: Populations | None = None,
) -> dict[str, Any]:
    """Fields of a sampled result; `half` are small batches with half the window, if any."""
    worst: dict[str, Any] = largest(found.full)
    # The longer step of the pairs, in units of the longest one that is followed.
    reach = worst["step_excess"] * (2 if found.pair is None or found.pair.doubles else 1)
    estimate = partial(_fields, ensemble, tau, unresolved, not reach > 1)
    known, text = each_population(several, ensemble.size, found._replace(half=half), estimate)
    reasons = [text, found.not_done(True)]
    if too_long := step_reason(dt, worst):
        warnings.warn(too_long, StepSizeWarning, stacklevel=4)
        reasons.append(too_long)
    return known | {
        "neglected": worst["neglected"], "reason": "; ".join(filter(None, reasons))
    }  # fmt: skip


def _fields(
    ensemble: Ensemble, tau: Array, unresolved: float | None, is_followed: bool, found: Sampled,
    size: int,
) -> tuple[dict[str, Any], str]:  # fmt: skip
    """What is estimated of a population of so many in a batch, and what is wrong with it."""
    # Steps that are not followed tell of no expansion.  With a static part `unresolved` is ⟨ẋ²⟩/q
    # up to which a state does not move; else None.
    full, small, half = found.full, found.small, found.half
    known: dict[str, Any] = {}
    for name in [name for name in full[0].values if not name.endswith(_CHANGE)]:
        step = _step_effect(found, name, tau)
        estimate = found.estimate(partial(_value, name), True, step)
        known |= (estimate.corrected() if is_followed else estimate).named(name)
        if f"{name}{_CHANGE}" in full[0].values:
            change, change_err = _change(full, name)
            # The average differs from its second half by half of it; what is not known is no news.
            unsettled = np.nan_to_num(beyond(change, _BY_CHANCE * change_err)) / 4
            known[f"{name}_err"] = np.sqrt(known[f"{name}_err"] ** 2 + unsettled)
    known["r_int_err"] = math.hypot(known["r_int_err"], known["r_int_shift"])
    source = "r_int"
    if known["r_int_pulse_err"] < known["r_int_err"]:
        # Their errors differ much, or it does not matter.
        source = "r_int_pulse"
        known |= {f"r_int{end}": known[f"r_int_pulse{end}"] for end in PARTS}
    for name, key in (("q", "q"), ("r_int", source)) if half else ():
        ours, our_err = mean_and_error([batch.values[key] for batch in small])
        other, other_err = mean_and_error([batch.values[key] for batch in half])
        known[f"{name}_window"] = float(ours - other)
        known[f"{name}_window_err"] = float(np.hypot(our_err, other_err))
    if math.isnan(known["tau_half_err"]):
        known["tau_half"] = math.nan
    # A small difference of large fields: its finite-M effect is not yet 1/M, its error all of that.
    raw = float(np.mean([batch.values["energy"] for batch in full]))
    corrected = float(np.nan_to_num(known["energy_finite_m"]))
    known["energy_err"] = math.hypot(known["energy_err"], corrected)
    is_static = unresolved is not None and known["motion"] <= unresolved * known["q"]
    still = 0.0
    if unresolved is not None and is_static:
        # Errors may be smaller than what is dropped.
        still = math.sqrt(unresolved) * known["q"]
        known |= {"energy": raw, "energy_err": max(raw, known["energy_err"]), "tau_half": math.nan}
    rarest = max(float(batch.values["rarity"]) for batch in full)

    def alarm(text: str, name: str, allowed: float = 0.0) -> str:
        if name not in known:
            return ""
        return ensemble.alarm(text, known[name], known[f"{name}_err"], allowed)

    # Forgetting also removes some of the effect of finite batches.
    early, late = (
        np.array([float(b.values["q"] + sign * b.values["drift"] / 2) for b in full])
        for sign in (-1, 1)
    )
    grows, fades = bool(np.all(late > _MUCH * early)), bool(np.all(early > _MUCH * late))
    q_allowed, r_allowed = (SHRINK * abs(known[f"{name}_finite_m"]) for name in ("q", "r_int"))
    gain, gain_err = (float(number) for number in _change(full, "energy"))
    seeming = -float(stdtrit(ensemble.batches - 1, _SEEMING)) * gain_err
    falls = not is_static and -gain > max(seeming, _SETTLED * raw)
    left = float(known["C"][-1] / known["C"][0]) if known["C"][0] else 0.0
    if unresolved is not None:
        start, middle, end = known["C"][[0, (tau.size - 1) // 2, -1]]
        later = 0.0 if is_static else max(float(middle - end), 0.0)
        left = (later / max(float(start - middle), later)) ** 2 if later else 0.0
    reasons = [
        "q still grows: no stationary state, or raise t_skip" * grows,
        "q still fades: raise t_skip, or the network is at rest" * fades,
        alarm("q still drifts, raise t_skip:", "drift", still),
        "the energy still falls, raise t_skip" * (falls and not (grows or fades)),
        alarm("C at the end of the window still changes (slow state, ageing?):", "ageing", still),
        alarm("q changes with the window, raise it:", "q_window", q_allowed),
        alarm("r_int changes with the window, raise it:", "r_int_window", r_allowed),
    ]
    if not half and not known["q_err"] < known["q"]:
        reasons.append(
            "the error of q is as large as q: no stationary state, or too few trajectories"
        )
    if rarest * _CARRIERS > 1:
        reasons.append(
            f"the response is carried by {1 / rarest:.0f} trajectories of a batch: raise "
            "n_trajectories or lower temperature"
        )
    if not (is_static or known["energy"] > 0):
        reasons.append("the energy is not positive: shorten dt or raise n_trajectories")
    if left > (_DECAYED if half else _FORGOTTEN) and not (grows or fades):
        what = "the part of C that decays" if unresolved is not None else "C"
        reasons.append(f"{what} falls only to {left:.0%} of its value within the window, raise it")
    if unresolved is not None:
        reasons.append(parted(full, known["delta0"], size))
    declared = {field.name for field in fields(SteadyState)}
    known = {name: number for name, number in known.items() if name in declared}
    return known, "; ".join(filter(None, reasons))


def _change(batches: Sequence[BatchAverages], name: str) -> tuple[Array, Array]:
    """From the first half of the average to the second, and its error."""
    return mean_and_error([batch.values[f"{name}{_CHANGE}"] for batch in batches])


def _value(name: str, batch: BatchAverages) -> Array:
    return batch.values[name]


def _step_effect(found: Sampled, name: str, tau: Array) -> tuple[Array, Array] | None:
    """What the step does, at the lags between those of twice the step too."""
    assert found.pair is not None
    count = next((len(b.values["C"]) for b in found.pair.long if b.values), tau.size)
    every = 1 if count == tau.size else 2

    def common(batch: BatchAverages) -> Array | None:
        known = batch.values.get(name)
        if known is None or not known.ndim or len(known) == count:
            return known
        return known[::every]

    value, err = found.pair.effect(common)
    if every == 1 or not value.ndim:
        return value, err
    spread = between(tau[::every], tau)
    return spread @ value, spread @ err


class _Usual(NamedTuple):
    """Defaults."""

    n_trajectories: int
    batches: int
    t_skip: float
    t_max: float
    window: float


_QUIET = _Usual(15_000, 6, 80.0, 210.0, 60.0)
# Networks whose couplings fit the cache of a processor.
_NOISY = _Usual(51_200, 32, 25.0, 85.0, 20.0)


def _exact(
    method: str, curves: dict[str, Array], scalars: dict[str, float], relative: float
) -> dict[str, Any]:
    """Fields of a result without sampling, of this relative error."""
    numbers: dict[str, Any] = curves | scalars
    errors = {f"{n}_err": relative * np.abs(np.nan_to_num(v)) for n, v in numbers.items()}
    others = dict.fromkeys(("r_int_spectral", "r_int_pulse"), scalars["r_int"])
    return {"method": method, **numbers, **errors, **others}


def _unknown(tau: Array) -> dict[str, Any]:
    curves = {name: np.full_like(tau, np.nan) for name in ("C", "delta", "phi_x", "R")}
    scalars = dict.fromkeys((*_SCALARS, "r_int", "tau_half"), math.nan)
    return _exact("null", curves, scalars, math.nan)


def _null(phi: TransferFunction, g: float, gamma: float, tau: Array) -> dict[str, Any]:
    """R(τ) = φ′(0) e^{−τ} I₁(2aτ)/(aτ), a = g φ′(0) √γ; J₁ for γ < 0."""
    load = g * phi.slope
    z = np.maximum(2 * load * math.sqrt(abs(gamma)) * tau, _SMALL)
    bessel = ive(1, z) * np.exp(z - tau) if gamma > 0 else jv(1, z) * np.exp(-tau)
    R = phi.slope * 2 * bessel / z
    zero = np.zeros_like(tau)
    scalars = dict.fromkeys(_SCALARS, 0.0)
    scalars |= {"r_int": phi.slope * float(null_response(load, gamma)), "tau_half": math.nan}
    return _exact("null", {"C": zero, "delta": zero, "phi_x": zero, "R": R}, scalars, 0.0)


def _gaussian(
    phi: TransferFunction, g: float, temperature: float, offsets: Offsets, root: str, tau: Array,
    strict: bool,
) -> dict[str, Any]:  # fmt: skip
    """γ = 0: no memory, so a pulse decays as the leak.  Empty where not resolved, unless strict."""
    point = stationary(
        g, sigma=math.sqrt(2 * temperature), bias_std=offsets.bias_std,
        bias_mean=offsets.bias_mean, mean_coupling=offsets.mean_coupling, phi=phi, root=root,
        tau=tau, throw=False,
    )  # fmt: skip
    if not strict and point.status == FLAGGED:
        return {}
    point.raise_unless_converged("g", "sigma", throw=False)
    r_int, mean, variance = float(point.r_int), float(point.mean), float(point.delta0)
    still = mean * _activity(phi, mean, variance) if mean else 0.0
    # Of Gaussian fields: ⟨φ(τ)x(0)⟩ = μ⟨φ⟩ + ⟨φ′⟩Δ(τ), and ⟨fφ⟩ = −T⟨φ′⟩ by the balance of ⟨Φ⟩.
    curves = {
        "C": point.C, "delta": point.delta + mean**2, "phi_x": still + r_int * point.delta,
        "R": r_int * np.exp(-tau),
    }  # fmt: skip
    scalars = {
        "q": float(point.q),
        "delta0": variance + mean**2,
        "mean": mean,
        "energy": float(point.kinetic_energy),
        "sigma_xphi": still + r_int * variance,
        "force_phi": -r_int * temperature,
        "r_int": r_int,
        "tau_half": float(point.tau_half),
    }
    known = _exact("stationary", curves, scalars, float(point.relative_error))
    if not point.attracting:
        known["reason"] = (
            f"no state of the dynamics: delta0 = {float(point.delta0):g} repels, the others are "
            f"{point.others!s}; see root="
        )
    return known


def _activity(phi: TransferFunction, mean: float, variance: float) -> float:
    """⟨φ⟩ of a Gaussian x."""
    return float(averages(phi, mean, variance).phi if variance else phi(np.array([mean]))[0])


def _averages(
    run: SamplerRun,
    *,
    skip: float,
    stride: int,
    lags: int,
    repeats: int,
    room: float,
    cycle: _Cycle | None = None,
) -> BatchAverages:
    """Averages of one of `repeats` batches after time `skip`, at lags of `stride` steps."""
    setting = run.setting
    step = float(setting.grid[1])
    begin = int(np.searchsorted(setting.grid, skip - 1e-9 * step))
    among = run.populations
    states = (len(setting.grid) - begin) // stride
    responds = cycle is None or cycle.is_stationary
    # Over whole periods all times count alike.
    every = _EVERY if responds else 1
    ring = LagAverages(lags, among.sizes, states, every, single(setting.g))
    pulsed, carriers = among.taken(step=_PULSED)
    length = (lags - 1) * stride + 1
    slopes: list[Slopes] = []
    pulses: list[Array] = []
    sums = NovikovResponse(run, repeats) if room else None
    next_row, next_value = -np.inf, skip
    row = np.zeros(run.size)
    responses: list[Array] = []
    products: list[Array] = []
    for moment in run:
        k, t = moment.step, moment.t
        if sum(run.operator.rank) > room:
            sums = None
        if sums is not None and run.rotations is not None:
            sums.rotate(*run.rotations)
        phi = moment.phi
        if sums is not None and (
            t >= next_row or (phi - row) @ (phi - row) > _CHANGED * (phi @ phi)
        ):
            row, is_due = phi, t >= next_value
            sums.record(t, phi, None, measure=is_due)
            next_row = t + _ROW * (1 - 1e-9)
            if is_due:
                responses.append(np.reshape([sums.value, sums.shift], (2, -1)))
                next_value = t + _VALUE * (1 - 1e-9)
        if k < begin or (cycle is not None and k == len(setting.grid) - 1):
            continue
        if (k - begin) % stride == 0:
            ring.push(moment.x, moment.phi, moment.h)
            x, phi, force, drift = (getattr(moment, name) for name in _STATES)
            pairs = (phi, phi), (force, force), (x, phi), (force, phi), (drift, drift)
            products.append(among.means(np.array([*(a * b for a, b in pairs), x, phi])))
        if len(pulses) < _PULSES and responds:
            u = None if moment.u is None else moment.u[pulsed]
            slopes.append(carriers.slopes(t, moment.x[pulsed], moment.h[pulsed], u))
            if len(slopes) == length:
                steep = slopes[0].phi_x
                pulses.append(stationary_pulse(slopes, step, carriers))
                slopes = []
    known = np.array(responses) if sums is not None else np.full((1, 2, len(among.sizes)), np.nan)

    def told(curves: Array, table: Array, response: Array) -> dict[str, Any]:
        """What is average over states, of a population, or over some of them."""
        delta, C, mixed, phi_x = curves
        squares, forces, crossed, pushed, moved, mean, activity = table.mean(axis=0)
        falls = delta if setting.is_centred else delta - delta[-1]
        spectral: Any = np.nan
        if setting.several is None and setting.gamma > -1 and moment.u is None:
            offsets, load = setting.offsets, setting.g**2 * (1 + setting.gamma)
            plain = activity * (offsets.mean_coupling * activity + offsets.bias_mean)
            spectral = np.trapezoid(mixed - plain) / np.trapezoid(load * C + offsets.bias_std**2)
        return {
            "C": C,
            "delta": delta,
            "phi_x": phi_x,
            "q": squares,
            "delta0": delta[0],
            "mean": mean,
            "motion": moved,
            "sigma_xphi": crossed,
            "force_phi": pushed,
            "energy": forces / 2,
            "r_int": response[:, 0].mean(),
            "r_int_spectral": spectral,
            "tau_half": half_time(falls, step * stride) if falls[0] > _STILL * delta[0] else np.nan,
        }

    def of_population(k: int) -> dict[str, Any]:
        table, R = np.array(products)[:, :, k], np.full(length, np.nan)
        response, half = known[:, :, k], len(table) // 2
        found = told(ring.averages[k], table, response)
        early = told(ring.halves[0, k], table[:half], response[: (len(response) + 1) // 2])
        late = told(ring.halves[1, k], table[half:], response[len(response) // 2 :])
        if responds:
            R = np.mean([pulse[k] for pulse in pulses], axis=0)
        by_pulse = np.trapezoid(R, dx=step)
        own = steep[carriers.parts[k]] if responds else np.ones(pulsed.size)
        is_known = not math.isnan(found["r_int"])
        changes = {f"{name}{_CHANGE}": late[name] - early[name] for name in found}
        found |= changes | {
            "R": R[::stride],
            "r_int": found["r_int"] if is_known else by_pulse,
            "r_int_shift": response[:, 1].mean() if is_known else 0.0,
            "r_int_pulse": by_pulse,
            "drift": changes[f"q{_CHANGE}"],
            "ageing": changes[f"C{_CHANGE}"][-1],
            # How few trajectories make the average of the slopes where the last pulse begins.
            "rarity": own @ own / np.sum(own) ** 2 if np.any(own) else 1.0,
        }
        if cycle is not None:
            by_phase = table.reshape(-1, cycle.lags, table.shape[1]).mean(axis=0)
            found |= {"q_phase": by_phase[:, 0], "mean_phase": by_phase[:, 5]}
        return found

    worst = {"neglected": run.operator.neglected_rms} | run.watch.found
    return BatchAverages(by_population(of_population, run), worst, run.operator.is_exhausted)


def half_time(delta: Array, step: float) -> float:
    """Where Δ(τ) first falls to Δ(0)/2, by cubic interpolation; nan if it does not."""
    below = np.flatnonzero(delta <= delta[0] / 2)
    if not below.size or delta[0] <= 0:
        return np.nan
    first = int(below[0])
    near = slice(max(first - 2, 0), max(first - 2, 0) + 4)
    lags = step * np.arange(delta.size, dtype=np.float64)[near]
    # The inverse function through four points, if it stays between the two next to the half.
    crossing = float(sum(lagrange_weights(delta[near], delta[0] / 2) * lags))
    low, high = step * (first - 1), step * first
    if low <= crossing <= high:
        return crossing
    share = (delta[first - 1] - delta[0] / 2) / (delta[first - 1] - delta[first])
    return float(low + step * share)


class LagAverages:
    """⟨xx⟩, ⟨φφ⟩, the even part of ⟨φh⟩ and ⟨φx⟩, x earlier, at the lags 0, s, 2s, … in a ring.

    Of populations of these sizes, one after the other, each on a first axis.
    """

    def __init__(
        self, lags: int, sizes: Sequence[int], states: int, every: int = _EVERY,
        dtype: DTypeLike = np.float32,
    ) -> None:  # fmt: skip
        # Single precision: products are noisy at M^−½.
        self._held = lags + _AT_ONCE * every
        self._past = np.zeros((3, self._held, sum(sizes)), dtype)
        self._parts = in_turn(sizes)
        self._lags, self._every, self._pushed = lags, every, 0
        # States to be averaged over, as (when, place).
        self._due: list[tuple[int, int]] = []
        # Of all `states`, the first half of those at the latest lags and the second.
        self._middle = (lags + states) / 2
        self._sums, self._taken = np.zeros((2, len(sizes), 4, lags)), [0, 0]

    def push(self, x: Array, phi: Array, h: Array) -> None:
        """Remember a state; once the ring is full, every few states are averaged over."""
        place = self._pushed % self._held
        for kind, state in zip(self._past, (x, phi, h), strict=True):
            kind[place] = state
        self._pushed += 1
        if self._pushed >= self._lags and self._pushed % self._every == 0:
            self._due.append((self._pushed, place))
            if len(self._due) == _AT_ONCE:
                self._take_in()

    def _take_in(self) -> None:
        """Average over the states that are due."""
        if not self._due:
            return
        when, places = np.array(self._due).T
        self._due = []
        order, count = (places - np.arange(self._lags)[:, None]) % self._held, np.arange(len(when))
        for own, part in enumerate(self._parts):
            x, phi, h = self._past[:, :, part]
            x_phi, phi_h = (
                np.concatenate([a[places], b[places]]).T for a, b in ((x, phi), (phi, h))
            )
            of_x, of_phi = (
                (x @ x_phi).reshape(self._held, 2, -1),
                (phi @ phi_h).reshape(self._held, 2, -1),
            )
            mixed = (of_phi[:, 1] + h @ phi_h[:, : len(when)]) / 2
            products = np.array([of_x[:, 0], of_phi[:, 0], mixed, of_x[:, 1]])
            curves = products[:, order, count] / x.shape[1]
            for late, among in enumerate((when <= self._middle, when > self._middle)):
                self._sums[late, own] += curves[:, :, among].sum(axis=2)
        late = int(np.sum(when > self._middle))
        self._taken = [self._taken[0] + len(when) - late, self._taken[1] + late]

    @property
    def averages(self) -> Array:
        """Δ, C, the even part of ⟨φ(t)h(t′)⟩, and ⟨φ(t+τ)x(t)⟩ as functions of the lag."""
        self._take_in()
        return np.asarray(self._sums.sum(axis=0) / max(sum(self._taken), 1))

    @property
    def halves(self) -> Array:
        """The same of the first half of the states and of the second, on a first axis."""
        self._take_in()
        taken = np.array(self._taken)[:, None, None, None]
        return np.where(taken > 0, self._sums / np.maximum(taken, 1), np.nan)
