"""`integrate`, the public call: its result, what it keeps on the way, and the scheme it takes."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, replace
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray
from threadpoolctl import threadpool_limits

from meanfield import TransferFunction
from meanfield.common import arguments
from meanfield.common.arguments import ArgumentError, Array
from meanfield.common.jobs import bar
from meanfield.common.result import coordinate, fact, given, value
from meanfield.schedule import Schedule, as_function, breakpoints, step_count

from ..network import Evaluation, Network, Phi, State, contiguous_columns
from .loop import IntegrationError, advance, step_control
from .monitor import IntegratedRun, Monitor
from .problem import ColumnNoise, Input, Problem, Step
from .schemes import SCHEMES, Scheme

METHODS = ("auto", *SCHEMES)

Observable = Callable[[float, State, State], Any]

# A save time this close to a step, in steps, is that step.
_ON_STEP = 1e-6


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
    _headline = ("method", "t", "x")
    _picture = ("t", "energy")


def integrate(
    J: Any,
    x0: ArrayLike,
    *,
    t_max: float,
    dt: float,
    onsager: Schedule = 0.0,
    temperature: Schedule = 0.0,
    method: str | Scheme = "auto",
    tol: float | None = 1e-4,
    inputs: Input | None = None,
    save_at: int | ArrayLike | None = None,
    store_states: bool = True,
    observables: Mapping[str, Observable] | None = None,
    switch_times: Sequence[float] = (),
    eta: float = 0.0,
    phi: Phi = "tanh",
    seed: int | None = None,
    dtype: DTypeLike = np.float64,
    threads: int | None = None,
    progress: bool = False,
    throw: bool = True,
) -> Trajectory:
    """Integrate ẋ = (1 − κ) f − κ∇E + S(t)u + √(2T) ξ ([HH] Eq. 8).

    Parameters
    ----------
    J : (n, n) array, sparse array or LinearOperator
    x0 : (n,) or (n, batch) array
        Initial states; a batch advances in one matrix product.
    t_max : float
        Duration, from t = 0, in units of the leak time.
    dt : float
        Step; a segment between switch times holds a whole number of steps no longer than this.  The
        first trial step where steps adapt.
    onsager, temperature : float, Switching or function of t
        κ (0 vanilla, 1 gradient flow) and T.  A `Switching` is landed on exactly; give the jumps of
        a plain function in `switch_times`.
    method : str or Scheme
        "euler" (as printed in [HH]), "heun", "rk4", "exponential", "leimkuhler-matthews",
        "chebyshev", or "auto": "exponential" for the vanilla dynamics, "chebyshev" if κ is ever
        switched on, with noise "leimkuhler-matthews" at κ = 1 and "heun" otherwise.  Or a scheme of
        your own, see `runge_kutta`.
    tol : float or None
        For "chebyshev", and schemes that estimate their error: error of a step relative to 1 + |x|,
        in root mean square over neurons, of the worst column; where the flow is −∇E, steps that
        raise E are refused as well.  None, and noise, keep the steps fixed.  Columns share their
        steps and save times end them, so both change a result within `tol`.
    inputs : function of t, optional
        S(t)u as a number (all neurons alike), (n,) or (n, batch) array, added to the drift; f, E
        and the Onsager-reaction force are those of the undriven network.
    save_at : int or (n_saved,) array, optional
        Increasing times in [0, t_max], or how many equidistant ones; default 0 and t_max.
        Adaptive steps end at them; fixed steps are interpolated (cubic Hermite, or a shorter step
        of "chebyshev"), noisy runs are known at their steps only.
    store_states : bool
        Whether to keep the states at the save times.
    observables : mapping of str to function, optional
        Each called as function(t, x, f) at the save times; one that is not finite flags the run.
    switch_times : sequence of float
        Times to land on beside those of `Switching` arguments: jumps of plain functions and of the
        input.  Where there are such functions, adaptive steps stay below one leak time, and a
        pulse shorter than that may be missed unless its edges are given here.
    eta : float
        Confinement η, part of E.
    phi : str or TransferFunction
    seed : int, optional
        Of the noise; column k draws from child k of the seed, whatever the batch.
    dtype : dtype
        float32 doubles the speed of matrix products and is safe for statistics of activity, spectra
        of states and memory curves; not for energies below about 1e−10 per neuron, for finding
        fixed points or for the separation of nearby orbits.
    threads : int, optional
        Number of BLAS threads during the call; default as the process has it.
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
    StepSizeWarning
        If the step exceeds what the method follows stably at the largest stiffness met (or for the
        leak alone), or E rises along −∇E: then chaos of the run is an artefact of the step.

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
    Trajectory(method=chebyshev, t: 2, x: 2×100×3, converged)
    >>> bool((run.energy[1] < run.energy[0]).all())
    True
    """
    attributes = given(integrate, locals())
    network = Network(J, phi=phi, eta=eta, dtype=dtype)
    x = contiguous_columns(network.state(x0, "x0"))
    t_max, dt = arguments.positive("t_max", t_max), arguments.positive("dt", dt)
    if tol is not None:
        arguments.positive("tol", tol)
    if inputs is not None and not callable(inputs):
        raise ArgumentError(f"inputs={inputs!r}: expected a function of t")
    noisy = callable(temperature) or temperature != 0
    scheme = chosen_scheme(method, onsager, noisy=noisy)
    times = breakpoints(t_max, onsager, temperature, extra=switch_times)
    noise = ColumnNoise(seed, x)
    problem = Problem(
        network,
        as_function("onsager", onsager, t_max),
        as_function("temperature", temperature, t_max, low=0.0),
        inputs,
        noise,
    )
    saves = _save_times(save_at, t_max)
    _check_noisy_saves(problem, times, dt, saves)
    # Steps that are refused would bias the noise.
    control = step_control(scheme, dt, None if noisy else tol, saves.tolist())
    monitor = Monitor(scheme, dt, adapts=control.tol is not None, may_switch=not noisy)
    recorder = _Recorder(scheme, saves, x, store_states=store_states, observables=observables or {})
    end, failure = x, ""
    with (
        np.errstate(over="ignore", invalid="ignore"),  # non-finite states are looked for
        threadpool_limits(threads, user_api="blas"),
        bar(t_max, scheme.name, progress) as shown,
    ):
        try:
            recorder.start(replace(problem, end=times[1]), x)
            for step in advance(problem, scheme, control, monitor, x, times):
                recorder.take(step)
                end = step.x1
                shown.update(step.t1 - step.t0)
        except IntegrationError as error:
            failure = str(error)
            if throw:
                reasons = filter(None, (failure, monitor.judgement()))
                raise IntegrationError("; ".join(reasons)) from None
    used = {"n": network.n, "phi": network.function.name, "tol": control.tol}
    # Without noise nothing is drawn.
    used |= {"dtype": network.dtype.name, "seed": noise.entropy if noisy else seed}
    return Trajectory(
        **recorder.saved(),
        x_end=end,
        phi=network.function,
        **monitor.report(problem, failure or recorder.complaint, stacklevel=2),
        attributes=attributes | used,
    )


def chosen_scheme(method: str | Scheme, onsager: Schedule, *, noisy: bool) -> Scheme:
    """The scheme of that name, itself, or the one that suits the dynamics."""
    if isinstance(method, Scheme):
        scheme = method
    else:
        arguments.one_of("method", method, METHODS)
        if method == "auto":
            constant = None if callable(onsager) else onsager
            if noisy:
                method = "leimkuhler-matthews" if constant == 1 else "heun"
            else:
                method = "exponential" if constant == 0 else "chebyshev"
        scheme = SCHEMES[method]
    if noisy and not scheme.takes_noise:
        able = ", ".join(name for name, other in SCHEMES.items() if other.takes_noise)
        raise ArgumentError(f"method={scheme.name!r}: no noise in this scheme, use one of {able}")
    return scheme


def _save_times(save_at: int | ArrayLike | None, t_max: float) -> Array:
    if save_at is None:
        return np.array([0.0, t_max])
    if isinstance(save_at, int | np.integer):
        if save_at < 2:
            raise ArgumentError(f"save_at={save_at}: as a number of times at least 2")
        return np.linspace(0, t_max, int(save_at))
    times = arguments.axis("save_at", save_at)
    outside = times[~((times >= 0) & (times <= t_max * (1 + 1e-12)))]
    if outside.size:
        raise ArgumentError(f"save_at={outside[0]:g}: must lie in [0, t_max={t_max:g}]")
    return np.minimum(times, t_max)


def _check_noisy_saves(problem: Problem, times: Sequence[float], dt: float, saves: Array) -> None:
    """Refuse save times between the steps of noisy segments: the path is not known there."""
    for start, end in pairwise(times):
        h = (end - start) / step_count(start, end, dt)
        segment = replace(problem, end=end)
        for save in saves[(saves > start) & (saves < end)]:
            place = (save - start) / h
            if abs(place - round(place)) <= _ON_STEP:
                continue
            if segment.noise_strength(start + h * np.floor(place)):
                raise ArgumentError(
                    f"save_at={save:g}: a noisy run is known at its steps only, multiples of {h:g} "
                    f"after t = {start:g} here"
                )


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
            if name in reserved:
                raise ArgumentError(
                    f"observables[{name!r}]: a name of the run itself, choose another"
                )
        self._scheme, self._times, self._observables = scheme, times, observables
        self._next = 0
        # What is wrong with the observables; the run goes on, flagged.
        self.complaint = ""
        self._states: State | None = None
        if store_states:
            self._states = np.empty((len(times), *like.shape), dtype=like.dtype)
        self._energy = np.empty((len(times), *like.shape[1:]))
        self._values: dict[str, list[Any]] = {name: [] for name in observables}

    def start(self, problem: Problem, x: State) -> None:
        """The initial state."""
        if len(self._times) and self._times[0] == 0:
            self._keep(problem, 0.0, x, problem.evaluate(0.0, x))

    def take(self, step: Step) -> None:
        """One step, and what is asked for inside it."""
        slack = _ON_STEP * min(step.t1 - step.t0, 1.0)
        while self._next < len(self._times) and self._times[self._next] <= step.t1 + slack:
            t = float(self._times[self._next])
            if t >= step.t1 - slack:
                self._keep(step.problem, t, step.x1, step.last)
                continue
            x = self._scheme.state_at(step, t)
            self._keep(step.problem, t, x, step.problem.evaluate(t, x))

    def _keep(self, problem: Problem, t: float, x: State, evaluation: Evaluation) -> None:
        if self._states is not None:
            self._states[self._next] = x
        energy = self._energy[self._next] = problem.energy(x, evaluation) / len(x)
        if not np.all(np.isfinite(energy)):
            raise IntegrationError(f"E is not finite at t = {t:g}: J or x0 is too large for it")
        for name, observable in self._observables.items():
            row = np.asarray(observable(t, x, evaluation.force))
            if row.dtype.kind in "fc" and not np.all(np.isfinite(row)):
                self.complaint = f"observables[{name!r}] is not finite at t = {t:g}"
            self._values[name].append(row)
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
