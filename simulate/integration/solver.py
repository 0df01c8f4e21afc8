"""`integrate`, the public call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray
from threadpoolctl import threadpool_limits

from meanfield import TransferFunction
from meanfield.common import arguments
from meanfield.common.arguments import ArgumentError
from meanfield.common.jobs import bar
from meanfield.schedule import Schedule, Switching, as_function, breakpoints

from ..network import Network, contiguous_columns
from .chebyshev import Chebyshev
from .monitor import Monitor, warn
from .noise import ColumnNoise
from .problem import Input, Problem
from .schemes import FIXED, Scheme
from .stepping import IntegrationError, Stepper, check_noisy_saves
from .trajectory import Observable, Recorder, Trajectory

REMEDY = "shorten dt or use method='chebyshev'"

METHODS = ("auto", *FIXED, Chebyshev.name)


def integrate(
    J: Any,
    x0: ArrayLike,
    *,
    t_max: float,
    dt: float,
    onsager: Schedule = 0.0,
    temperature: Schedule = 0.0,
    method: str = "auto",
    tol: float | None = 1e-4,
    inputs: Input | None = None,
    save_at: int | ArrayLike | None = None,
    store_states: bool = True,
    observables: Mapping[str, Observable] | None = None,
    switch_times: Sequence[float] = (),
    eta: float = 0.0,
    phi: str | TransferFunction = "tanh",
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
    method : str
        "euler" (as printed in [HH]), "heun", "rk4", "exponential", "leimkuhler-matthews",
        "chebyshev", or "auto": "exponential" for the vanilla dynamics, "chebyshev" if κ is ever
        switched on, with noise "leimkuhler-matthews" at κ = 1 and "heun" otherwise.
    tol : float or None
        For "chebyshev": error of a step relative to 1 + |x|, in root mean square over neurons, of
        the worst column; where the flow is −∇E, steps that raise E are refused as well.  None keeps
        the steps fixed.  Columns share their steps and save times end them, so both change a result
        within `tol`.
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
        Each called as function(t, x, f) at the save times.
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
        Whether a run that cannot go on raises; else it is returned up to there.

    Returns
    -------
    Trajectory

    Raises
    ------
    ArgumentError
        If an argument is outside its range.
    IntegrationError
        If the state stops being finite or the adaptive step vanishes, and `throw`.

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
    >>> run.method, run.status, run.x.shape, bool((run.energy[1] < run.energy[0]).all())
    ('chebyshev', 'success', (2, 100, 3), True)
    """
    network = Network(J, phi=phi, eta=eta, dtype=dtype)
    x = contiguous_columns(network.state(x0, "x0"))
    t_max, dt = arguments.positive("t_max", t_max), arguments.positive("dt", dt)
    if tol is not None:
        arguments.positive("tol", tol)
    if inputs is not None and not callable(inputs):
        raise ArgumentError(f"inputs={inputs!r}: expected a function of t")
    problem = Problem(
        network, as_function("onsager", onsager), as_function("temperature", temperature), inputs
    )
    scheme = scheme_of(method, onsager, temperature)
    times = breakpoints(t_max, onsager, temperature, extra=switch_times)
    noise = ColumnNoise(seed, x)
    monitor = Monitor(scheme, remedy="shorten dt" if _is_noisy(temperature) else REMEDY)
    stepper = Stepper(scheme, monitor, noise, dt, tol)
    saves = save_times(save_at, t_max)
    check_noisy_saves(problem, times, dt, saves)
    recorder = Recorder(saves, x, store_states=store_states, observables=observables or {})
    status, message = "success", f"reached t = {t_max:g}"
    end = x
    with (
        np.errstate(over="ignore", invalid="ignore"),  # non-finite states are looked for
        threadpool_limits(threads, user_api="blas"),
        bar(t_max, scheme.name, progress) as shown,
    ):
        recorder.start(problem.segment(times[1]), x)
        try:
            for interval in stepper.steps(problem, x, times, saves.tolist()):
                recorder.take(stepper, interval)
                end = interval.x1
                shown.update(interval.t1 - interval.t0)
        except IntegrationError as error:
            if throw:
                found = monitor.warnings()
                text = "; ".join([str(error), *found])
                raise IntegrationError(error.status, text) from None
            status, message = error.status, str(error)
    found = monitor.warnings()
    if found and status == "success":
        status, message = monitor.status, "; ".join(found)
    warn(found, 2)
    return Trajectory(
        **recorder.saved(),
        x_end=end,
        status=status,
        message=message,
        dt=dt,
        n_steps=monitor.n_steps,
        n_rejected=monitor.rejected,
        n_evaluations=network.evaluations,
        phi=network.function,
        **monitor.report(),
        attributes={
            "n": network.n,
            "t_max": t_max,
            "phi": network.function.name,
            "eta": network.eta,
            "onsager": _text(onsager),
            "temperature": _text(temperature),
            "driven": str(inputs is not None),
            "tol": tol if tol is not None and isinstance(scheme, Chebyshev) else "none",
            "dtype": network.dtype.name,
            "seed": str(noise.entropy),
        },
    )


def scheme_of(method: str, onsager: Schedule, temperature: Schedule) -> Scheme:
    """A fresh scheme of that name, or the one that suits the dynamics.

    Raises
    ------
    ArgumentError
        If there is no such method, or it cannot take the noise.
    """
    arguments.one_of("method", method, METHODS)
    noisy = _is_noisy(temperature)
    if method == "auto":
        if noisy:
            constant = not callable(onsager) and onsager == 1
            method = "leimkuhler-matthews" if constant else "heun"
        else:
            plain = not callable(onsager) and onsager == 0
            method = "exponential" if plain else "chebyshev"
    scheme: Scheme
    scheme = Chebyshev() if method == Chebyshev.name else FIXED[method]()
    if noisy and not scheme.takes_noise:
        able = ", ".join(name for name, made in FIXED.items() if made().takes_noise)
        raise ArgumentError(f"method={method!r}: no noise in this scheme, use one of {able}")
    return scheme


def _is_noisy(temperature: Schedule) -> bool:
    return callable(temperature) or temperature != 0


def save_times(save_at: int | ArrayLike | None, t_max: float) -> NDArray[np.float64]:
    """The save times as a checked array.

    Raises
    ------
    ArgumentError
        If they do not increase or leave [0, t_max].
    """
    if save_at is None:
        return np.array([0.0, t_max])
    if isinstance(save_at, int | np.integer):
        if save_at < 2:
            raise ArgumentError(f"save_at={save_at}: as a number of times at least 2")
        return np.linspace(0, t_max, int(save_at))
    times = np.atleast_1d(np.asarray(save_at, dtype=float))
    if times.ndim != 1 or not times.size or not np.all(np.diff(times) > 0):
        raise ArgumentError("save_at: times must increase")
    outside = times[~((times >= 0) & (times <= t_max * (1 + 1e-12)))]
    if outside.size:
        raise ArgumentError(f"save_at={outside[0]:g}: must lie in [0, t_max={t_max:g}]")
    return np.minimum(times, t_max)


def _text(schedule: Schedule) -> str:
    if isinstance(schedule, Switching):
        return f"Switching({list(schedule.times)}, {list(schedule.values)})"
    if callable(schedule):
        return f"function {getattr(schedule, '__name__', type(schedule).__name__)}"
    return f"{schedule:g}"
