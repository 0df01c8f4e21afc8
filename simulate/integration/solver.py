"""`integrate`, the public call: its result, what it keeps on the way, and the scheme it takes."""

import copy
import hashlib
import warnings
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from meanfield import TransferFunction, stability
from meanfield.common import arguments, cost, probes, seeds
from meanfield.common.arguments import ArgumentError, Array, validated
from meanfield.common.jobs import bar
from meanfield.common.result import coordinate, fact, given, value
from meanfield.schedule import (
    Inputs,
    Schedule,
    Switching,
    as_function,
    breakpoints,
    step_count,
    takes_phases,
)

from ..network import (
    Evaluation,
    Network,
    Phi,
    State,
    at_work,
    contiguous_columns,
    largest_rate,
    spectrum,
)
from .loop import (
    ON_STEP,
    FixedSteps,
    IntegrationError,
    Progress,
    StepControl,
    advance,
    least_evaluations,
    step_control,
)
from .monitor import IntegratedRun, Monitor
from .problem import ColumnNoise, Problem, Row, Step, earliest, network_drive
from .schemes import SCHEMES, Scheme

METHODS = ("auto", *SCHEMES)

# Mean time between jumps from which on long steps pay.
_SELDOM = 0.5
# Where "verner" costs as much as "tsitouras" at equal errors of a run.
_COARSE = 1e-4
# λ T √tol at which "damped", whose steps end at 12.7/λ, costs as much as "chebyshev", whose steps
# lengthen as a flow comes to rest: evaluations some 0.6 λT and 18 √(λT) (10⁻⁴/tol)^¼.
_STIFF = 8.0
# Relative residual of a stiffness that only chooses.
_ROUGHLY = 0.5

Observable = Callable[[float, State, State], Any]

# Seeds and ends of the last noisy runs: a start there with the same seed would repeat the noise.
_ENDS: deque[tuple[Any, bytes]] = deque(maxlen=256)


@dataclass(frozen=True)
class _Dynamics:
    """What a run is made of, and all that it needs to go on from a time."""

    problem: Problem
    scheme: Scheme
    control: StepControl
    progress: Progress
    t: float
    x: State
    # Where parameters may jump: the schedules, and further times.
    schedules: tuple[Any, ...]
    switch_times: Sequence[float]
    noisy: bool
    dt: float
    store_states: bool
    observables: Mapping[str, Observable]

    def copied(self) -> "_Dynamics":
        """The same, with everything of its own that a run changes."""
        network = copy.copy(self.problem.network)
        network.evaluations = 0
        problem = replace(self.problem, network=network, noise=copy.deepcopy(self.problem.noise))
        return replace(
            self,
            problem=problem,
            control=copy.copy(self.control),
            progress=copy.copy(self.progress),
        )


class Trajectory(IntegratedRun):
    """A run of a network."""

    t: Array = coordinate("time", ("t",), "time constant", symbol="$t$")
    x: NDArray[np.floating] | None = value(
        "synaptic current", ("t", "neuron", "column"), note="None where it was not kept."
    )
    energy: Array = value(
        "E/N, kinetic energy per neuron",
        ("t", "column"),
        symbol="$E/N$",
        note="Of the undriven network.",
    )
    observables: dict[str, NDArray[Any]] = value(
        "what was asked for", ("t",), note="A dict of arrays, (t, ...) each."
    )
    x_end: State = value("last state", ("neuron", "column"))
    phi: TransferFunction = fact("transfer function of the run")
    _end: _Dynamics | None = None
    _headline = ("method", "t", "x")
    _picture = ("t", "energy")

    def __getstate__(self) -> dict[str, Any]:
        # The couplings and the functions of a run are not part of what it found.
        return self.__dict__ | {"_end": None, "_digest": self.couplings_digest()}

    def couplings_digest(self) -> bytes | None:
        """What runs of the same couplings have in common, in whatever precision; None if lost."""
        if self._end is None:
            digest: bytes | None = self.__dict__.get("_digest")
            return digest
        return self._end.problem.network.digest()

    @validated
    def resume(
        self,
        *,
        t_max: float,
        save_at: int | ArrayLike | None = None,
        threads: int | None = None,
        progress: bool = False,
        throw: bool = True,
    ) -> "Trajectory":
        """Go on from the end of the run as if it had never stopped, with the noise that follows.

        Parameters
        ----------
        t_max : float
            The later end, counted from t = 0 as everything else: schedules and inputs go on.
        save_at : int or (n_saved,) array, optional
            Increasing times from the end of this run to `t_max`, or how many equidistant ones;
            default both ends.
        threads, progress, throw
            As in `integrate`; all else is as it was in this run.

        Returns
        -------
        Trajectory
            Of the later times alone.  It can be resumed in turn, and this run once more.  Flagged
            if this run was.

        Raises
        ------
        ArgumentError
            If `t_max` is not after the end of this run, a save time lies outside, or the run
            holds nothing to go on with: it broke off, or came out of a file or another process,
            where couplings, functions and random numbers are not kept.
        IntegrationError
            As in `integrate`.

        Warns
        -----
        StepSizeWarning
            As in `integrate`.

        Notes
        -----
        Fixed steps lie where those of the longer run lie if this run is a whole number of steps,
        and states are then equal to the last bit if its steps are dt itself; otherwise a new
        segment begins at its end, as at a switch time.  Adaptive steps of "chebyshev" are those of
        a run with a save time there.  Others go on from the last step that the end did not cut, so
        that later states are equal to the last bit as well; the state at the end itself is within
        `tol` of what the longer run has there.  Couplings that reveal themselves on request go on
        where they are: nothing else may ask them in between.

        Examples
        --------
        >>> import numpy as np
        >>> from simulate import couplings, integrate
        >>> J = couplings.elliptic(50, 2.0, seed=1)
        >>> x0 = np.random.default_rng(2).standard_normal(50)
        >>> options = {"dt": 0.125, "temperature": 0.3, "seed": 3}
        >>> half = integrate(J, x0, t_max=5, **options)
        >>> whole = integrate(J, x0, t_max=10, **options)
        >>> bool((half.resume(t_max=10).x_end == whole.x_end).all())
        True
        """
        if self._end is None:
            raise ArgumentError(
                "resume: this run holds nothing to go on with, as it broke off, or came from a "
                "file or another process; integrate to the later time in one call"
            )
        start = self._end.t
        # An end this close is that of the run.
        if arguments.positive("t_max", t_max) <= start + ON_STEP * min(self.dt, start):
            raise ArgumentError(f"t_max={t_max:g}: must be after the end of the run, t = {start:g}")
        call = f"{self.attributes['call']}.resume(t_max={t_max!r})"
        told = {"t_max": float(t_max), "t_start": start, "save_at": None, "call": call}
        return _run(
            self._end.copied(), float(t_max),
            _save_times(
                save_at, t_max, self._end.x, start, store_states=self._end.store_states
            ),
            self.attributes | told, earlier=self.reason, threads=threads, progress=progress,
            throw=throw,
        )  # fmt: skip


@validated
def integrate(
    J: Any,
    x0: ArrayLike,
    *,
    t_max: float,
    dt: float | None = None,
    onsager: Schedule = 0.0,
    temperature: Schedule = 0.0,
    method: str | Scheme = "auto",
    tol: float | None = 1e-4,
    inputs: Inputs | None = None,
    save_at: int | ArrayLike | None = None,
    store_states: bool = True,
    observables: Mapping[str, Observable] | None = None,
    switch_times: Sequence[float] = (),
    eta: float = 0.0,
    bias: ArrayLike = 0.0,
    phi: Phi = "tanh",
    seed: seeds.Seed | None = None,
    dtype: DTypeLike = np.float64,
    mixed: bool = False,
    threads: int | None = None,
    progress: bool = False,
    throw: bool = True,
) -> Trajectory:
    """Integrate ẋ = (1 − κ) f − κ∇E + S(t) + √(2T) ξ ([HH] Eq. 8).

    Parameters
    ----------
    J : (n, n) array, sparse array or LinearOperator
    x0 : (n,) or (n, batch) array
        Initial states; a batch advances in one matrix product.
    t_max : float
        Duration, from t = 0, in units of the leak time.
    dt : float
        Step; a segment between switch times holds a whole number of steps no longer than this.  The
        first trial step where steps adapt.  Default: at most 0.1, half of what the method follows
        at the spectra of ∂F/∂x at x0 and at x = 0, half of the time of the fastest rotation, and
        about a 25th of the period of an input; where steps adapt what suits the first drift, the
        shortest of the columns.
    onsager, temperature : float, Switching or function of t
        κ (0 vanilla, 1 gradient flow) and T.  A `Switching` is landed on exactly; give the jumps of
        a plain function in `switch_times`.
    method : str or Scheme
        "euler" (as printed in [HH]), "heun", "rk4", "tsitouras", "verner", "damped", "exponential",
        "exponential4", "leimkuhler-matthews", "chebyshev", or "auto": for the vanilla dynamics
        "tsitouras", below tol = 1e-4 "verner", and "exponential" if φ' or, more than twice in a
        leak time, a parameter jumps, or `tol` is None; if κ is ever switched on "damped" while
        λ t_max √tol ≤ 8, λ the stiffness at x = 0, and else "chebyshev" ("heun" if φ' jumps); with
        noise "leimkuhler-matthews" at κ = 1 and "heun" otherwise.  Or a scheme of your own, see
        `runge_kutta`.
    tol : float or None
        For "tsitouras", "verner", "damped", "chebyshev", and own schemes that estimate their error:
        error of a step relative to 1 + |x|, in root mean square over neurons; where the flow is
        −∇E, steps that raise E are refused as well.  Each column has steps of its own, and does not
        depend on those beside it.  Only where κ or an input is a function of time, or a straight
        line between samples, do columns share their steps, those of the worst, which changes them
        within `tol` (in chaos, until the difference has grown).  None, noise, and κ ≠ 0 with a φ'
        that jumps keep the steps fixed.  Energies per neuron below tol² are known to the rate at
        which they decay.
    inputs : array_like, Switching, SampledInput or function, optional
        S as a number (all neurons alike), (n,) or (n, batch) array, or a function of t that returns
        one; a function of t and u gets numbers u, (n,), uniform on (0, 1) from the seed: phases.
        It is added to the drift: f, E and the Onsager-reaction force are those of the undriven
        network, at every κ.
    save_at : int or (n_saved,) array, optional
        Increasing times in [0, t_max], or how many equidistant ones; default 0 and t_max.
        Adaptive steps of "chebyshev" end at them; other states are interpolated (with order 4 of
        "tsitouras" and "damped", 6 of "verner", by a shorter step of "chebyshev", else cubic
        Hermite), and change no step.  Noisy runs are known at their steps only.
    store_states : bool
        Whether to keep the states at the save times.
    observables : mapping of str to function, optional
        Each called as function(t, x, f) at the save times; one that is not finite flags the run.
    switch_times : sequence of float
        Times to land on beside those of `Switching` arguments and of held inputs: jumps of plain
        functions.  Where there are such functions, adaptive steps stay below one leak time, and a
        pulse shorter than that may be missed unless its edges are given here.
    eta : float
        Confinement η, part of E.
    bias : float or (n,) array
        Constant input b of each neuron, f = −x + Jφ(x) + b: unlike `inputs` part of f, E and the
        Onsager-reaction force.
    phi : str or TransferFunction
    seed : Seed, optional
        Of the noise, and of u where the input takes it; column k draws from child k of the seed,
        whatever the batch.  A run that starts where an earlier one with the same seed ended would
        repeat its noise and is flagged: `Trajectory.resume` goes on with fresh noise.
    dtype : dtype
        float32 doubles the speed of matrix products and is safe for statistics of activity, spectra
        of states and memory curves; not for energies below about 1e−10 per neuron, for finding
        fixed points or for the separation of nearby orbits.
    mixed : bool
        Whether J and Jᵀ act in single precision on what the stages of a step have beside the state
        it starts from, in double precision on that: a quarter faster for a batch of large dense
        networks.  What is rounded is of the order of the step, so that fixed points are those of
        double precision, and rests and energies as exact; paths agree to some 1e-7 times their
        length, until chaos has raised that.  Of "heun", "rk4", "tsitouras", "damped" and own
        schemes without large weights; "auto" then takes no other for the vanilla dynamics.
    threads : int, optional
        Number of BLAS threads during the call; default 1: products of J with a few states gain
        little from more, and lose a factor of ten where other work keeps the cores busy.
    progress : bool
        Progress bar on a terminal.
    throw : bool
        Whether a run that cannot go on raises; else it is returned up to there, flagged.

    Returns
    -------
    Trajectory
        Flagged if the step was too long, or, for matrix-free couplings, may have been.

    Raises
    ------
    ArgumentError
        If a number is outside its range, a shape does not fit, a time lies outside [0, t_max], or
        the method does not take the noise.
    IntegrationError
        If the state or E stops being finite or the adaptive step vanishes, and `throw`.

    Warns
    -----
    RuntimeWarning
        If the noise of an earlier run of this process is repeated from its end on.
    StepSizeWarning
        If the step exceeds what the method follows at the spectrum of ∂F/∂x, stiff or rotating,
        at the start, every 10 time units or 100 steps, whichever is longer, at switches and at the
        end, or E rises along −∇E: then chaos of the run is an artefact of the step.

    Notes
    -----
    At κ = 1 the stiffness λ_max(Hess E) grows like g² and along the flow (at N = 1000 from 2.5 g²
    at x ~ N(0, 1) to 3.3 g² for g = 8): "euler" at dt = 0.01 breaks down near g = 8.

    Examples
    --------
    >>> import numpy as np
    >>> from simulate import Switching, couplings, integrate
    >>> J = couplings.elliptic(100, 2.0, seed=1)
    >>> x0 = np.random.default_rng(2).standard_normal((100, 3))
    >>> run = integrate(J, x0, t_max=20, dt=0.05, onsager=Switching([10], [0, 1]), save_at=[10, 20])
    >>> run
    Trajectory(method=damped, t: 2, x: 2×100×3, converged)
    >>> bool((run.energy[1] < run.energy[0]).all())
    True
    """
    attributes = given(integrate, locals())
    network = Network(J, phi=phi, eta=eta, bias=bias, dtype=dtype, mixed=mixed)
    x = contiguous_columns(network.state(x0, "x0"))
    t_max = arguments.positive("t_max", t_max)
    if tol is not None:
        arguments.positive("tol", tol)
    noisy = callable(temperature) or temperature != 0
    if noisy or takes_phases(inputs):
        seed = seeds.entropy(seed)
    problem = Problem(
        network,
        as_function("onsager", onsager, t_max),
        as_function("temperature", temperature, t_max, low=0.0),
        network_drive(inputs, network, t_max, seed),
        ColumnNoise(seed, x),
    )
    breaks = breakpoints(t_max, onsager, temperature, inputs, extra=switch_times)
    seldom = t_max >= _SELDOM * (len(breaks) - 1)
    scheme = chosen_scheme(
        method, onsager, network, noisy=noisy, tol=tol if seldom else None, t_max=t_max
    )
    if mixed and not scheme.takes_mixed:
        able = ", ".join(name for name, other in SCHEMES.items() if other.takes_mixed)
        raise ArgumentError(f"mixed=True: not with method={scheme.name!r}, use one of {able}")
    saves = _save_times(save_at, t_max, x, store_states=store_states)
    # Steps that are refused would bias the noise; at a jump of F they would never be short enough.
    is_rough = onsager != 0 and network.function.corners.size > 0
    allowed = None if noisy or is_rough else tol
    with at_work(threads):
        first = problem.evaluate(0.0, x)
        steps = chosen_step(dt, problem, scheme, x, t_max, allowed, first)
    dt = float(np.min(steps))
    if attributes.get("dt") is None and noisy and isinstance(save_at, int | np.integer):
        # A noisy run is known at its steps only.
        steps = dt = float(saves[1]) / step_count(0.0, float(saves[1]), dt)
    control = step_control(scheme, steps, allowed)
    used = {"n": network.n, "phi": network.function.name, "tol": control.tol}
    used |= {"dtype": network.dtype.name, "seed": seed, "is_odd": network.is_odd}
    dynamics = _Dynamics(
        problem, scheme, control, Progress(), 0.0, x, (onsager, temperature, inputs), switch_times,
        noisy, dt, store_states, observables or {},
    )  # fmt: skip
    repeated = ""
    if noisy:
        used["seed"], place = _noise_at(problem, x)
        if (used["seed"], place) in _ENDS:
            repeated = (
                f"seed={used['seed']}: x0 is the end of a run with this seed, whose noise would be "
                "repeated from its beginning; use Trajectory.resume, or another seed"
            )
            warnings.warn(repeated, RuntimeWarning, stacklevel=3)
    return _run(
        dynamics, t_max, saves, attributes | used, first, earlier=repeated,
        threads=threads, progress=progress, throw=throw,
    )  # fmt: skip


def _run(
    dynamics: _Dynamics,
    t_max: float,
    saves: Array,
    attributes: dict[str, Any],
    known: Evaluation | None = None,
    *,
    earlier: str,
    threads: int | None,
    progress: bool,
    throw: bool,
) -> Trajectory:
    """From where the dynamics stand to t_max; `earlier` is what is wrong with the run before.

    `known`: the evaluation there, if it is.
    """
    problem, scheme, control, now = (
        dynamics.problem, dynamics.scheme, dynamics.control, dynamics.progress
    )  # fmt: skip
    start, x, noisy = dynamics.t, dynamics.x, dynamics.noisy
    _check_cost(dynamics, t_max, saves)
    slack = 1e-12 * t_max
    # 0, and where parameters may jump.
    breaks = breakpoints(2 * t_max, *dynamics.schedules, extra=dynamics.switch_times)[:-1]
    inside = (t for t in breaks if start + slack < t < t_max - slack)
    times = [start, *inside, t_max]
    problem = replace(problem, stop=_unless_near(t_max, breaks, slack))
    now.goes_on = bool(np.isfinite(_unless_near(start, breaks, slack)))
    if now.goes_on and now.kept is not None:
        control = copy.copy(now.kept.control)
    if isinstance(control, FixedSteps):
        now.goes_on = now.goes_on and control.extend(start, times[1]) is not None
        origin = control.start if now.goes_on else start
        _check_noisy_saves(problem, [origin, *times[1:]], dynamics.dt, saves)
    else:
        control.save(saves.tolist())
    monitor = Monitor(scheme, dynamics.dt, adapts=control.tol is not None, may_switch=not noisy)
    recorder = _Recorder(
        scheme, saves, x, store_states=dynamics.store_states, observables=dynamics.observables
    )
    end, failure = x, ""
    with (
        at_work(threads),
        bar(t_max - start, scheme.name, progress) as shown,
    ):
        try:
            if known is None:
                known = replace(problem, end=times[1]).evaluate(start, x)
            recorder.start(problem, start, x, known)
            for step in advance(problem, scheme, control, monitor, x, times, now, known):
                recorder.take(step)
                end = step.x1
                shown.update(earliest(step.t1) - earliest(step.t0))
        except IntegrationError as error:
            failure = str(error)
            if throw:
                reasons = filter(None, (failure, monitor.judgement()))
                raise IntegrationError("; ".join(reasons)) from None
    report = monitor.report(problem, failure or recorder.complaint, stacklevel=4)
    report["reason"] = "; ".join(dict.fromkeys(filter(None, (earlier, report["reason"]))))
    if noisy and problem.noise is not None and problem.noise.drawn:
        _ENDS.append(_noise_at(problem, end))
    return Trajectory(
        **recorder.saved(),
        x_end=end,
        phi=problem.network.function,
        **report,
        attributes=attributes,
        _end=None if failure else replace(dynamics, problem=problem, t=t_max, x=end.copy("K")),
    )


def _unless_near(t: float, breaks: Sequence[float], slack: float) -> float:
    return np.nan if any(abs(t - other) <= slack for other in breaks) else t


def _noise_at(problem: Problem, x: State) -> tuple[Any, bytes]:
    """Seed of the noise, and what tells the state from all others."""
    assert problem.noise is not None
    return problem.noise.entropy, hashlib.blake2b(x.tobytes(), digest_size=16).digest()


def chosen_scheme(
    method: str | Scheme,
    onsager: Schedule,
    network: Network,
    *,
    noisy: bool,
    tol: float | None = None,
    t_max: float = np.inf,
) -> Scheme:
    """The scheme of that name, itself, or the one that suits the dynamics and the tolerance."""
    if isinstance(method, Scheme):
        scheme = method
    else:
        arguments.one_of("method", method, METHODS)
        if method == "auto":
            constant = None if callable(onsager) else onsager
            if noisy:
                method = "leimkuhler-matthews" if constant == 1 else "heun"
            elif constant == 0:
                # Kinks of F take what high order gains; "verner" has differences of large terms.
                single = network.dtype == np.float32 or network.rough is not None
                smooth = not network.function.corners.size
                method = "exponential"
                if tol is not None and smooth:
                    method = "tsitouras" if single or tol >= _COARSE else "verner"
            elif network.function.corners.size:
                # Where F jumps more stages gain nothing.
                method = "heun"
            else:
                method = "chebyshev"
                if tol is not None and _is_followed(onsager, network, t_max, tol):
                    method = "damped"
        scheme = SCHEMES[method]
    if noisy and not scheme.takes_noise:
        able = ", ".join(name for name, other in SCHEMES.items() if other.takes_noise)
        raise ArgumentError(f"method={scheme.name!r}: no noise in this scheme, use one of {able}")
    return scheme


def _kappas(onsager: Callable[[float], float], t_max: float) -> list[float]:
    """Values that κ has in a run, of a function some."""
    times = [0.0, *onsager.times] if isinstance(onsager, Switching) else np.linspace(0, t_max, 11)
    return sorted({onsager(float(t)) for t in times if t < t_max})


def _is_followed(onsager: Schedule, network: Network, t_max: float, tol: float) -> bool:
    """Whether the stiffness lets "damped" take fewer drifts than "chebyshev"."""
    if hasattr(network.J, "norm_bound"):
        # To ask would reveal.
        return False
    # A copy: these are not counted as steps of the run.
    asked, rest = copy.copy(network), np.zeros(network.n, network.dtype)
    kappas = _kappas(as_function("onsager", onsager, t_max), t_max)
    with at_work(None):
        rates = [float(largest_rate(asked, rest, kappa, _ROUGHLY)[0]) for kappa in kappas]
    return max(rates) * t_max * np.sqrt(tol) <= _STIFF


def chosen_step(
    dt: float | None,
    problem: Problem,
    scheme: Scheme,
    x: State,
    t_max: float,
    tol: float | None = None,
    first: Evaluation | None = None,
) -> Row:
    """The step given, or one that suits the scheme and the spectra at the start and at x = 0.

    A scheme that adapts to `tol` begins with one that suits its first drift.
    """
    if dt is not None:
        return arguments.positive("dt", dt)
    if tol and first and scheme.error_order:
        speed = problem.relative_errors(x, x, first.drift)
        # Where it is not finite the run will say so.
        wanted = tol ** (1 / scheme.error_order)
        speed[~((speed > 0) & (speed < np.inf))] = wanted / stability.LONGEST
        step = wanted / speed
        return np.minimum(t_max, step if problem.parts(x) else np.min(step))
    with at_work(None):
        rates = [
            spectrum(problem.network, state, kappa)
            for kappa in _kappas(problem.onsager, t_max)
            for state in (x, np.zeros_like(x))
        ]
    met = np.concatenate([*rates, [-1.0]])
    suited = stability.suggested_step(scheme.amplification, met, scheme.order)
    return suited if problem.inputs is None else min(suited, problem.inputs.suggested_step)


def _save_times(
    save_at: int | ArrayLike | None,
    t_max: float,
    x: State,
    start: float = 0.0,
    *,
    store_states: bool,
) -> Array:
    """The times, of which there may not be more than there is memory for what is kept at them."""
    if save_at is None:
        return np.array([start, t_max])
    each = 1.0 + x[0].size * (1 + len(x) * store_states)
    instead = "save less often, or with store_states=False" if store_states else "save less often"
    if isinstance(save_at, int | np.integer):
        number = arguments.count("save_at", int(save_at), 2)
        cost.check("save_at", save_at, instead, numbers=number * each)
        return np.linspace(start, t_max, number)
    times = arguments.axis("save_at", save_at)
    cost.check("save_at", times, instead, numbers=times.size * each)
    outside = times[~((times >= start * (1 - 1e-12)) & (times <= t_max * (1 + 1e-12)))]
    if outside.size:
        raise ArgumentError(f"save_at={outside[0]:g}: must lie in [{start:g}, t_max={t_max:g}]")
    return np.clip(times, start, t_max)


def _check_cost(dynamics: _Dynamics, t_max: float, saves: Array) -> None:
    """Refuse a run of days, or one whose couplings would reveal more than there is room for."""
    problem, x = dynamics.problem, dynamics.x
    evaluations = saves.size + least_evaluations(
        problem, dynamics.scheme, dynamics.control, dynamics.dt, x, dynamics.t, t_max
    )
    problem.network.check(
        "t_max", t_max, f"shorten it, or take longer steps than dt={dynamics.dt:g}", evaluations,
        x[0].size, regulated=dynamics.schedules[0] != 0,
    )  # fmt: skip


def _check_noisy_saves(problem: Problem, times: Sequence[float], dt: float, saves: Array) -> None:
    """Refuse save times between the steps of noisy segments: the path is not known there."""
    for start, end in pairwise(times):
        h = (end - start) / step_count(start, end, dt)
        segment = replace(problem, end=end)
        for save in saves[(saves > start) & (saves < end)]:
            place = (save - start) / h
            if abs(place - round(place)) <= ON_STEP:
                continue
            if segment.noise_strength(start + h * np.floor(place)):
                raise ArgumentError(
                    f"save_at={save:g}: a noisy run is known at its steps only, multiples of {h:g} "
                    f"after t = {start:g} here"
                )


def _row(observable: Observable, t: float, x: State, force: State) -> NDArray[Any]:
    return np.asarray(observable(t, x, force))


class _Recorder:
    """Keeps what is asked for at the save times."""

    def __init__(
        self,
        scheme: Scheme,
        times: Array,
        like: State,
        *,
        store_states: bool,
        observables: Mapping[str, Observable],
    ) -> None:
        reserved = {field.name for field in fields(Trajectory)} | {"neuron", "column"}
        for name in observables:
            if not isinstance(name, str) or not name:
                raise ArgumentError(f"observables[{name!r}]: a name must be a text, not empty")
            if name in reserved:
                raise ArgumentError(
                    f"observables[{name!r}]: a name of the run itself, choose another"
                )
        self._scheme, self._times, self._observables = scheme, times, observables
        self._next = 0
        # States at save times that some columns have not reached, and which.
        self._open: dict[int, tuple[State, NDArray[np.bool_]]] = {}
        # What is wrong with the observables; the run goes on, flagged.
        self.complaint = ""
        self._states: State | None = None
        if store_states:
            # Neurons last in memory, as in `contiguous_columns`.
            kept = np.empty((len(times), *like.shape[1:], len(like)), dtype=like.dtype)
            self._states = np.moveaxis(kept, -1, 1)
        self._energy = np.empty((len(times), *like.shape[1:]))
        self._values: dict[str, list[Any]] = {name: [] for name in observables}

    def start(self, problem: Problem, t: float, x: State, evaluation: Evaluation) -> None:
        """The state at the beginning."""
        if len(self._times) and self._times[0] == t:
            self._keep(problem, t, x, evaluation)

    def take(self, step: Step) -> None:
        """One step, and what is asked for inside it."""
        farthest = -earliest(-step.t1)
        if self._next == len(self._times) or self._times[self._next] > farthest + ON_STEP:
            return
        slack = ON_STEP * np.minimum(step.t1 - step.t0, 1.0)
        passed = self._times.searchsorted(step.t1 + slack, side="right")
        for k in range(self._next, int(passed.max())):
            t = float(self._times[k])
            here, at_end = passed > k, t >= step.t1 - slack
            if (here & at_end).all():
                self._keep(step.problem, t, step.x1, step.last)
                continue
            # Columns that are not there yet come later.
            if k not in self._open:
                self._open[k] = np.empty_like(step.x1), np.ones(np.shape(here), dtype=bool)
            x, missing = self._open[k]
            new = missing & here
            if not new.any():
                continue
            found = step.x1
            if not np.all(at_end | ~new):
                inside = self._scheme.state_at(step, np.where(new, t, step.t1))
                found = np.where(at_end, found, inside)
            np.copyto(x, found, where=new)
            missing &= ~new
            if not missing.any():
                self._keep(step.problem, t, x, step.problem.evaluate(t, x))

    def _keep(self, problem: Problem, t: float, x: State, evaluation: Evaluation) -> None:
        if self._states is not None:
            self._states[self._next] = x
        energy = self._energy[self._next] = problem.energy(x, evaluation) / len(x)
        if not np.isfinite(energy).all():
            what = "shorten dt, or bound the dynamics" if t else "J or x0 is too large for it"
            raise IntegrationError(f"E is not finite at t = {t:g}: {what}")
        for name, observable in self._observables.items():
            label, rows = f"observables[{name!r}]", self._values[name]
            row = probes.answer(label, _row, observable, t, x, evaluation.force)
            if row.dtype.kind not in "biufc" or (rows and row.shape != rows[0].shape):
                raise ArgumentError(
                    f"{label} of dtype {row.dtype} and shape {row.shape} at t = {t:g}: must be "
                    "numbers, of one shape at all times"
                )
            if row.dtype.kind in "fc" and not np.all(np.isfinite(row)):
                self.complaint = f"{label} is not finite at t = {t:g}"
            rows.append(row)
        self._open.pop(self._next, None)
        self._next += 1

    def saved(self) -> dict[str, Any]:
        """What was kept so far, by the names of `Trajectory`."""
        done = self._next
        return {
            "t": self._times[:done],
            "x": None if self._states is None else self._states[:done],
            "energy": self._energy[:done],
            "observables": {name: np.array(rows) for name, rows in self._values.items()},
        }
