"""Lyapunov exponents: the largest by two algorithms, the spectrum by QR."""

import copy
import math
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from meanfield import stability
from meanfield.common import arguments, result, seeds
from meanfield.common.arguments import ArgumentError, Array, validated
from meanfield.common.jobs import bar
from meanfield.common.result import given
from meanfield.dmft.sampler.ensemble import beyond
from meanfield.schedule import Drive, Inputs, as_function, breakpoints, step_count

from .integration.loop import (
    IntegrationError,
    Progress,
    StepControl,
    advance,
    least_evaluations,
    require_finite,
    step_control,
)
from .integration.monitor import IntegratedRun, Monitor
from .integration.problem import ColumnNoise, Problem, Step, network_drive
from .integration.schemes import Scheme
from .integration.solver import chosen_scheme, chosen_step
from .network import Evaluation, Network, Phi, State, at_work, contiguous_columns, spectrum
from .tangents import ALONG_PATH, PathProblem, TangentProblem, divide, triangles_of

ALGORITHMS = ("tangent", "orbit_separation")

_BLOCKS = 10
# Two times that differ by this share of a run are one.
_ROUNDING = 1e-9
# Share of the average that is run again with twice the step for the effect of the step, or a
# quarter of it with one a quarter longer, along a path, or of half the length; and its blocks, of
# an interval at least.
_AGAIN, _AGAIN_BLOCKS = 1 / 4, 5
_STEP_NOTE = (
    "Estimated from a part of the average, run again from the same states with twice the step, a "
    "quarter more, or half of it where these would be too long; nan where less than five intervals "
    "are left for it, and with noise where twice the step would be too long or the input jumps."
)
# Smallest separation relative to |x|: a thousand times rounding.
_SMALLEST_SEPARATION = 2e-13
# A step along a path that is not given: this share of the longest that is followed where the start
# is forgotten, at so many steps of 0.1 after it; of fewer neurons than this, at x = 0.
_SHARE, _LOOKS, _FEW = 0.65, range(50, 130, 10), 64
# States at work at once, and what is kept of an interval beside its numbers, in numbers.
_KEPT, _ENTRY = 8, 60
# Power of rounding: by how much tangent vectors may grow or shrink before they are orthonormal
# again, as far as their rates are known before.
_REACH = 0.22


class LyapunovExponent(IntegratedRun):
    """Largest Lyapunov exponent with its error."""

    value: Array = result.value(
        "largest Lyapunov exponent", ("column",), "1/time constant", symbol=r"$\lambda$",
        note="Mean growth rate after t_skip.",
    )  # fmt: skip
    value_err: Array = result.error(
        "value",
        note="From ten blocks in time (too small if a block is shorter than the memory of the "
        "run), and the effect of the step where that stands out of its own error.",
    )
    value_step: Array = result.value(
        "effect of the step, in the value", ("column",), "1/time constant", note=_STEP_NOTE
    )
    value_step_err: Array = result.error("value_step")
    t: Array = result.coordinate(
        "end of an interval that was averaged", ("t",), "time constant", symbol="$t$"
    )
    trace: Array = result.value(
        "mean growth rate up to t", ("t", "column"), "1/time constant", symbol=r"$\lambda(t)$",
        note="What the estimate was along the way.",
    )  # fmt: skip
    _headline = ("value", "method")
    _picture = ("t", "trace")
    _freedom = _BLOCKS - 1


class LyapunovSpectrum(IntegratedRun):
    """The k largest Lyapunov exponents."""

    index: NDArray[np.int64] = result.coordinate("number of the exponent", ("index",), symbol="$i$")
    exponents: Array = result.value(
        "Lyapunov exponents", ("index",), "1/time constant", symbol=r"$\lambda_i$",
        note="In decreasing order.",
    )  # fmt: skip
    exponents_err: Array = result.error(
        "exponents",
        note="From ten blocks in time, and the effect of the step where that stands out.",
    )
    exponents_step: Array = result.value(
        "effect of the step, in the exponents", ("index",), "1/time constant", note=_STEP_NOTE
    )
    exponents_step_err: Array = result.error("exponents_step")
    t: Array = result.coordinate(
        "end of an interval that was averaged", ("t",), "time constant", symbol="$t$"
    )
    trace: Array = result.value("mean growth rates up to t", ("t", "index"), "1/time constant")
    _headline = ("exponents", "method")
    _picture = ("index", "exponents")
    _freedom = _BLOCKS - 1

    @property
    def kaplan_yorke_dimension(self) -> float:
        """Kaplan–Yorke dimension j + Σ_{i ≤ j} λ_i/|λ_{j+1}|, 0 if no exponent is positive.

        nan, with a warning, if the sum of all k exponents is still positive: more are needed.
        """
        total = np.cumsum(self.exponents)
        if self.exponents[0] <= 0:
            return 0.0
        if total[-1] > 0:
            return self._lacking("dimension", "the sum of all")
        j = int(np.argmax(total <= 0))
        return float(j + total[j - 1] / -self.exponents[j])

    @property
    def entropy_rate(self) -> float:
        """Sum of the positive exponents, an upper bound of the Kolmogorov–Sinai entropy rate.

        nan, with a warning, if all k exponents are positive: more are needed.
        """
        if self.exponents[-1] > 0:
            return self._lacking("entropy rate", "every one of")
        return float(np.sum(self.exponents[self.exponents > 0]))

    def _lacking(self, what: str, which: str) -> float:
        text = f"no {what}: {which} k={self.exponents.size} exponents is positive, take more"
        warnings.warn(text, stacklevel=3)
        return math.nan


@validated
def maximal_lyapunov(
    J: Any,
    *,
    onsager: float = 0.0,
    temperature: float = 0.0,
    inputs: Inputs | None = None,
    switch_times: Sequence[float] = (),
    dt: float | None = None,
    t_max: float,
    t_skip: float,
    method: str | Scheme = "auto",
    algorithm: str = "tangent",
    interval: float = 1.0,
    delta: float = 1e-5,
    tol: float | None = 1e-4,
    x0: ArrayLike | None = None,
    eta: float = 0.0,
    bias: ArrayLike = 0.0,
    phi: Phi = "tanh",
    seed: seeds.Seed | None = None,
    threads: int | None = None,
    progress: bool = False,
) -> LyapunovExponent:
    """Largest Lyapunov exponent of the OR-regulated dynamics, with noise and inputs if asked for.

    With white noise or an input it is conditional: two states share both.

    Parameters
    ----------
    J : (n, n) array, sparse array or LinearOperator
    onsager : float
        κ; 1 is the gradient flow, which has no positive exponent without noise and input.
    temperature : float
        T ≥ 0 of white noise, σ² = 2T, the same for both states.
    inputs, switch_times
        S(t), as in `integrate`: added to the drift at every κ.
    dt : float
        Step (see `integrate`, also for the default).
    t_max, t_skip : float
        Duration, and the part at its beginning that is not averaged.
    method : str or Scheme
        As in `integrate`, but "heun" with noise; "euler" with dt = 0.01 is the choice of [HH].
    algorithm : {"tangent", "orbit_separation"}
        The tangent map of the scheme, read every `interval`; or [HH] Algorithm 1: a second
        orbit at distance `delta`, pulled back after every step (steps are then fixed).
    interval : float
        Time between the rates of `trace`, by "tangent".
    delta : float
        Separation δ.
    tol : float or None
        Error of an adaptive step, of schemes that estimate it and "tangent"; see `integrate`.
    x0 : (n,) or (n, batch) array, optional
        Start; by default x ~ N(0, 1) from the seed.
    seed : Seed, optional
        Of the start, the first separation, the noise, and u where the input takes it.
    eta, bias, phi, threads, progress
        As in `integrate`.

    Returns
    -------
    LyapunovExponent
        Flagged if the step was too long, or, for matrix-free couplings, may have been.

    Raises
    ------
    ArgumentError
        If a number is outside its range, or fewer than ten intervals are left after t_skip.
    IntegrationError
        If the state stops being finite, the adaptive step vanishes, or two orbits meet.

    Warns
    -----
    StepSizeWarning
        As `integrate`: a positive exponent of the gradient flow comes with this warning.

    Notes
    -----
    Algorithm 1 of [HH] is printed with one letter for a time and a number of steps; its first 2000
    steps are discarded, t_skip = 20 at dt = 0.01.

    Examples
    --------
    >>> from simulate import couplings, maximal_lyapunov
    >>> J = couplings.elliptic(400, 3.0, seed=0)
    >>> result = maximal_lyapunov(J, dt=0.1, t_max=100, t_skip=20, seed=1)
    >>> bool(0.1 < result.value < 0.35)
    True
    """
    attributes = given(maximal_lyapunov, locals())
    arguments.one_of("algorithm", algorithm, ALGORITHMS)
    interval = arguments.positive("interval", interval)
    delta = arguments.positive("delta", delta)
    by_tangent = algorithm == "tangent"
    if tol is not None:
        arguments.positive("tol", tol)
    run = _GrowthRun(
        Network(J, phi=phi, eta=eta, bias=bias), x0, onsager, method, temperature, inputs,
        switch_times, dt=dt, t_max=t_max, t_skip=t_skip, seed=seed,
        tol=tol if by_tangent else None,
    )  # fmt: skip
    growth = run.tangents(1, interval) if by_tangent else run.separations(delta)
    mean = run.mean(growth, threads=threads, progress=progress)
    column: Any = 0 if x0 is None or np.ndim(x0) == 1 else slice(None)
    return LyapunovExponent(
        value=np.asarray(mean.rates[0, column]),
        value_err=np.asarray(mean.errors[0, column]),
        value_step=np.asarray(mean.step[0, column]),
        value_step_err=np.asarray(mean.step_errors[0, column]),
        t=mean.t,
        trace=mean.trace[:, 0, column],
        **run.report(attributes),
    )


@validated
def lyapunov_spectrum(
    J: Any,
    k: int,
    *,
    onsager: float = 0.0,
    temperature: float = 0.0,
    inputs: Inputs | None = None,
    switch_times: Sequence[float] = (),
    dt: float | None = None,
    t_max: float,
    t_skip: float,
    method: str | Scheme = "auto",
    interval: float | None = None,
    x0: ArrayLike | None = None,
    eta: float = 0.0,
    bias: ArrayLike = 0.0,
    phi: Phi = "tanh",
    dtype: DTypeLike = np.float64,
    seed: seeds.Seed | None = None,
    threads: int | None = None,
    progress: bool = False,
) -> LyapunovSpectrum:
    """The k largest Lyapunov exponents by repeated QR decomposition (Benettin et al. 1980).

    Parameters
    ----------
    J : (n, n) array, sparse array or LinearOperator
    k : int
        1 ≤ k ≤ n.
    onsager, temperature, inputs, switch_times, dt, t_max, t_skip, x0, eta, bias, phi, seed, \
    threads, progress
        As in `maximal_lyapunov`; `x0` is one state.
    method : str or Scheme
        As in `integrate`, steps fixed, or "along-path" at κ = 0 without noise; "auto" is "heun"
        with noise, else "along-path" at κ = 0 and "rk4" otherwise.  The stabilised scheme damps
        fast directions at its own rate, not at theirs: it is refused.
    dtype : dtype
        float64; float32 takes half to three quarters of the time, and its rounding changes
        exponents by some 1e-5.
    interval : float, optional
        Time between the rates of `trace`; default 1, or a twentieth of the run.  QR decompositions
        come as directions part, more often or less.

    Returns
    -------
    LyapunovSpectrum
        Flagged as in `maximal_lyapunov`.

    Raises
    ------
    ArgumentError, IntegrationError
        As `maximal_lyapunov`.

    Warns
    -----
    StepSizeWarning
        If the step is too long for the stiffness met.

    Notes
    -----
    An exponent λ is that of the scheme; its error is of the order of λ(λ dt)^p, p the order of the
    scheme, and `exponents_step` estimates it.  "along-path", of order 5, follows the trajectory by
    half steps and then its tangent vectors, with one product a step (``meanfield.exponential``).

    Examples
    --------
    >>> from simulate import couplings, lyapunov_spectrum
    >>> J = couplings.elliptic(100, 0.5, seed=0)
    >>> result = lyapunov_spectrum(J, 3, dt=0.1, t_max=50, t_skip=10, seed=1)
    >>> result.exponents.shape, result.kaplan_yorke_dimension
    ((3,), 0.0)
    """
    attributes = given(lyapunov_spectrum, locals())
    if method == "auto" and temperature == 0:
        method = ALONG_PATH.name if onsager == 0 else "rk4"
    if method == ALONG_PATH.name:
        method = ALONG_PATH
        if onsager:
            raise ArgumentError(f"method={method.name!r}: onsager={onsager:g}, expected 0")
    run = _GrowthRun(
        Network(J, phi=phi, eta=eta, bias=bias, dtype=dtype), x0, onsager, method, temperature,
        inputs, switch_times, dt=dt, t_max=t_max, t_skip=t_skip, seed=seed, may_switch=False,
    )  # fmt: skip
    if run.scheme.longest_step is not None:
        raise ArgumentError(
            f"method={run.scheme.name!r}: damps fast directions at rates of its own, use 'rk4'"
        )
    n, batch = run.x.shape
    if batch != 1:
        raise ArgumentError(f"x0 of shape {run.x.shape}: expected one state, ({n},)")
    k = arguments.count("k", k, 1, n)
    if interval is None:
        interval = min(1.0, run.t_max / 20)
    interval = arguments.positive("interval", interval)
    growth = run.tangents(k, interval)
    mean = run.mean(growth, threads=threads, progress=progress)
    order = np.argsort(-mean.rates[:, 0], kind="stable")
    return LyapunovSpectrum(
        index=np.arange(1, k + 1),
        exponents=mean.rates[order, 0],
        exponents_err=mean.errors[order, 0],
        exponents_step=mean.step[order, 0],
        exponents_step_err=mean.step_errors[order, 0],
        t=mean.t,
        trace=mean.trace[:, order, 0],
        **run.report(attributes | {"interval": interval, "dtype": run.x.dtype.name}),
    )


class _LogGrowth(NamedTuple):
    """Log factors (k, batch) of growth over one interval that ends at `t` and lasts `span`."""

    t: float
    span: float
    log: Array


class _Mean(NamedTuple):
    """Rates (k, batch) with errors and the effect of the step, times, and running means."""

    rates: Array
    errors: Array
    step: Array
    step_errors: Array
    t: Array
    trace: Array


@dataclass(frozen=True)
class SeparationProblem(Problem):
    """Orbits and second ones at a distance δ, pulled back to it after every step: (n, 2 batch)."""

    delta: float = np.nan
    log_growth: list[Array] = field(default_factory=list)

    def evaluate(self, t: float, x: State) -> Evaluation:
        """See `Problem`; the force is that of the first orbits alone."""
        drift, force, _ = super().evaluate(t, x)
        return Evaluation(drift, self.trajectory(force))

    def _drive(self, inputs: Drive, t: float, shape: tuple[int, ...]) -> State:
        return np.tile(super()._drive(inputs, t, (shape[0], shape[1] // 2)), 2)

    def draw(self) -> State:
        """See `Problem`: both orbits feel the same noise."""
        return np.tile(super().draw(), 2)

    def trajectory(self, x: State) -> State:
        """See `Problem`."""
        return x[:, : x.shape[1] // 2]

    def arrived(self, t: float, x: State) -> State:
        """The pulled back state, after the growth of the distance is noted."""
        require_finite(x, t)
        batch = x.shape[1] // 2
        gap = x[:, batch:] - x[:, :batch]
        distance = np.linalg.norm(gap, axis=0)
        if not np.all(distance > 0):
            raise IntegrationError(f"both orbits meet at t = {t:g}: raise delta={self.delta:g}")
        x[:, batch:] = x[:, :batch] + gap * (self.delta / distance)
        self.log_growth.append(np.log(distance / self.delta))
        return x


# The accepted steps of a problem from a state through times.
_Steps = Callable[[Problem, State, list[float], Progress | None], Iterator[Step]]


def _next_look(t: float, end: float, rate: float) -> float:
    """Time until which vectors that use up their reach at this rate are in it, in equal parts."""
    return t + (end - t) / max(1, math.ceil((end - t) * rate))


class _GrowthRun:
    """A run along which small separations grow: what both exponents and spectrum are made of."""

    def __init__(
        self,
        network: Network,
        x0: ArrayLike | None,
        onsager: float,
        method: str | Scheme,
        temperature: float,
        inputs: Inputs | None,
        switch_times: Sequence[float],
        *,
        dt: float | None,
        t_max: float,
        t_skip: float,
        seed: seeds.Seed | None,
        tol: float | None = None,
        may_switch: bool = True,
    ) -> None:
        kappa = arguments.finite("onsager", onsager)
        self._noisy = arguments.nonnegative("temperature", temperature) > 0
        self.t_max = arguments.positive("t_max", t_max)
        self._t_skip = arguments.nonnegative("t_skip", t_skip)
        if self._t_skip >= self.t_max:
            raise ArgumentError(f"t_skip={t_skip:g}: must be below t_max={t_max:g}")
        start = seeds.sequence(seed, "start")
        if x0 is None:
            x0 = np.random.default_rng(start).standard_normal(network.n)
        x = network.state(x0, "x0")
        self.x = contiguous_columns(x.reshape(network.n, -1))  # (n, batch)
        assert isinstance(start.entropy, int)
        self._rng = seeds.generator(start.entropy, "tangent")
        self._breaks = breakpoints(self.t_max, inputs, extra=switch_times)
        self._parameters = (
            network, as_function("onsager", kappa), as_function("temperature", temperature),
            network_drive(inputs, network, self.t_max, start.entropy),
        )  # fmt: skip
        self._noise = ColumnNoise(start.entropy, self.x)
        self.problem = Problem(*self._parameters)
        if method == "auto" and self._noisy:
            # Exponents need the flow, not only the measure.
            method = "heun"
        self.scheme = chosen_scheme(method, kappa, network, noisy=self._noisy)
        if dt is None and self.scheme is ALONG_PATH:
            dt = self._step_along_path()
        self._dt = chosen_step(dt, self.problem, self.scheme, self.x, self.t_max)
        is_rough = kappa != 0 and network.function.corners.size > 0
        self._tol = None if is_rough or self._noisy else tol
        self._control = step_control(self.scheme, self._dt, self._tol)
        self._monitor = Monitor(
            self.scheme, self._dt, adapts=self._control.tol is not None, may_switch=may_switch,
            since=self._t_skip,
        )  # fmt: skip
        self._used = {"n": network.n, "phi": network.function.name, "seed": start.entropy}
        self._used["tol"] = self._control.tol
        # Growth from a state on between given times, and the state where the average begins.
        self._follow: Callable[[_Steps, State, list[float], ColumnNoise], Iterator[_LogGrowth]]
        self._averaged_from: tuple[float, State, ColumnNoise] | None = None
        # Log factor by which vectors may grow or shrink, and the rate at which they use it up, as
        # it is known before.
        self._reach = -_REACH * math.log(np.finfo(network.dtype).eps)
        self._parting = 0.0

    def _step_along_path(self) -> float:
        """A step for the slopes met in the average, or those at the start and at x = 0."""
        network, inputs = copy.copy(self.problem.network), self.problem.inputs
        known = [self.x, np.zeros_like(self.x)]
        with at_work(None):
            if network.n >= _FEW and network.is_stored and inputs is None:
                x, shown = self.x, [] if self._t_skip else [self.x]
                for k in range(_LOOKS.stop):
                    if k in _LOOKS:
                        shown.append(x)
                    x = x - math.expm1(-0.1) * network.evaluate(x, 0.0).drift
                if np.all(np.isfinite(x)):
                    known = shown
            met = np.concatenate([*(spectrum(network, state, 0.0) for state in known), [-1.0]])
        step = stability.suggested_step(self.scheme.amplification, met, self.scheme.order, _SHARE)
        return step if inputs is None else min(step, inputs.suggested_step)

    def report(self, attributes: dict[str, Any]) -> dict[str, Any]:
        """What every result of the run says."""
        facts = self._monitor.report(self.problem, stacklevel=4)
        return {**facts, "attributes": attributes | self._used}

    def _check_cost(self, interval: float, k: int) -> None:
        """Refuse what would run for days, or keep more than there is room for."""
        n, batch = self.x.shape
        evaluations = least_evaluations(
            self.problem, self.scheme, self._control, self._dt, self.x, 0.0, self.t_max, interval
        )
        is_frequent = interval < self._dt
        self.problem.network.check(
            *(("interval", interval) if is_frequent else ("t_max", self.t_max)),
            f"shorten t_max, or take a longer interval or longer steps than dt={self._dt:g}",
            # QR takes some k times as long as a product of a column with k others.
            evaluations + self.t_max * max(1 / interval, self._parting) * k**2 / n, (1 + k) * batch,
            regulated=self.problem.onsager(0.0) != 0,
            numbers=_KEPT * n * (1 + k) * batch + self.t_max / interval * (_ENTRY + 3 * k * batch),
        )  # fmt: skip

    def _require_blocks(self, count: int) -> None:
        """Refuse, before the run, what leaves too few of `count` intervals for an error."""
        left = int((self.t_max - self._t_skip) / (self.t_max / count) * (1 + 1e-12))
        if left < _BLOCKS:
            raise ArgumentError(
                f"t_skip={self._t_skip:g}: {left} intervals left after it, {_BLOCKS} are needed "
                "for the block error; raise t_max or shorten the interval or dt"
            )

    def _steps(
        self, problem: Problem, x: State, times: list[float], progress: Progress | None = None
    ) -> Iterator[Step]:
        return advance(problem, self.scheme, self._control, self._monitor, x, times, progress)

    def tangents(self, k: int, interval: float) -> Iterator[_LogGrowth]:
        """Growth of k orthonormal tangent vectors, by repeated QR, told every `interval`."""
        n, batch = self.x.shape
        if k > 1:
            rate = self.problem.stiffness(0.0, self.x)
            self._parting = rate / self._reach if math.isfinite(rate) else 0.0
        self._check_cost(interval, k)
        count = max(1, round(self.t_max / interval))
        self._require_blocks(count)
        vectors = np.linalg.qr(self._rng.standard_normal((batch, n, k)))[0].astype(self.x.dtype)
        state = np.concatenate([self.x[:, None], np.moveaxis(vectors, 0, 2)], axis=1)
        self._follow = self._tangents
        times = np.linspace(0, self.t_max, count + 1).tolist()
        self._control = self._landing(self._dt, self._tol, times)
        return self._tangents(self._steps, contiguous_columns(state), times, self._noise)

    def _tangents(
        self, steps: _Steps, x: State, times: list[float], noise: ColumnNoise
    ) -> Iterator[_LogGrowth]:
        kind = PathProblem if self.scheme is ALONG_PATH else TangentProblem
        problem = kind(*self._parameters, noise, vectors=x.shape[1] - 1)
        landed, progress = self._landed(times), Progress()
        # Without jumps one segment of fixed steps, in which schemes keep their memory.
        is_whole = len(self._breaks) == 2 and self._control.tol is None
        segments = [times[0], times[-1]] if is_whole else landed
        slack, rate = _ROUNDING * self.t_max, self._parting
        number, begun = 1, times[0]
        due = _next_look(begun, times[number], rate)
        # Growth since vectors were orthonormal, as it was seen last, and in the interval.
        seen = total = np.zeros((x.shape[1] - 1, x.shape[2]))
        for step in steps(problem, x, segments, progress):
            t, vectors = step.t1, step.x1[:, 1:]
            if t < due - slack:
                continue
            triangles = triangles_of(vectors)
            if triangles is None:
                require_finite(vectors, t)
                basis, upper = np.linalg.qr(np.moveaxis(vectors, 2, 0))
                diagonal = np.abs(np.diagonal(upper, axis1=1, axis2=2)).T
            else:
                diagonal = np.transpose([np.diagonal(triangle) for triangle in triangles])
            with np.errstate(divide="ignore"):
                log = np.log(diagonal, dtype=np.float64)
            total = total + (log - seen)
            reached = float(np.max(np.abs(log))) / self._reach
            if math.isfinite(reached):
                rate = reached / (t - begun)
            ends = t >= times[number] - slack
            starts = ends and self._averaged_from is None and t >= self._t_skip - slack
            if starts or triangles is None or reached + rate * (times[1] - times[0]) > 1:
                seen, begun = np.zeros_like(log), t
                # The loop goes on with these very arrays.  What it keeps of the drift is linear in
                # the vectors: no evaluation is lost.
                if triangles is None:
                    vectors[:] = np.moveaxis(basis, 0, 2)
                    step.last.drift[:] = step.problem.evaluate(t, step.x1).drift
                    progress.memory = progress.memory._replace(past=())
                else:
                    states = [step.x1, step.last.drift, *progress.memory.past]
                    divide([one for one in states if one.shape == step.x1.shape], triangles)
            else:
                seen = log
            if starts:
                self._note(step)
            if ends:
                yield _LogGrowth(t, times[number] - times[number - 1], total)
                number, total = number + 1, np.zeros_like(log)
            due = _next_look(t, times[number], rate) if number < len(times) else math.inf

    def separations(self, delta: float) -> Iterator[_LogGrowth]:
        """[HH] Algorithm 1."""
        smallest = _SMALLEST_SEPARATION * float(np.max(np.linalg.norm(self.x, axis=0)))
        if delta < smallest:
            raise ArgumentError(
                f"delta={delta:g}: must be at least {smallest:.1g}, rounding of x is near"
            )
        self._check_cost(self._dt, 1)
        self._require_blocks(step_count(0.0, self.t_max, self._dt))
        gap = self._rng.standard_normal(self.x.shape)
        both = [self.x, self.x + delta * gap / np.linalg.norm(gap, axis=0)]
        self._follow = partial(self._separations, delta)
        start = np.concatenate(both, axis=1)
        return self._follow(self._steps, start, [0.0, self.t_max], self._noise)

    def _separations(
        self, delta: float, steps: _Steps, x: State, times: list[float], noise: ColumnNoise
    ) -> Iterator[_LogGrowth]:
        problem = SeparationProblem(*self._parameters, noise, delta=delta)
        for step in steps(problem, x, self._landed(times), None):
            self._note(step)
            yield _LogGrowth(step.t1, step.t1 - step.t0, problem.log_growth.pop()[None])

    def _landed(self, times: list[float]) -> list[float]:
        """Times, and the jumps of the input between them."""
        every = breakpoints(times[-1], extra=[*times[1:-1], *self._breaks])
        return [times[0], *(t for t in every if t > times[0] + _ROUNDING * self.t_max)]

    def _landing(self, dt: float, tol: float | None, times: list[float]) -> StepControl:
        """Steps of which some end at each of these equidistant times."""
        span = times[1] - times[0]
        return step_control(self.scheme, span / step_count(0.0, span, dt), tol, times)

    def _note(self, step: Step) -> None:
        """Keep the state where the average begins, and the noise from there on."""
        if self._averaged_from is None and step.t1 >= self._t_skip - _ROUNDING * self.t_max:
            self._averaged_from = step.t1, step.x1.copy(), copy.deepcopy(self._noise)

    def mean(self, growth: Iterator[_LogGrowth], *, threads: int | None, progress: bool) -> _Mean:
        """Rates after t_skip with errors from equal blocks, and the effect of the step."""
        every = []
        with (
            at_work(threads),
            bar(self.t_max, "lyapunov", progress) as shown,
        ):
            for entry in growth:
                every.append(entry)
                shown.update(entry.span)
            effect, effect_err = self._effect_of_step(every)
        kept = [g for g in every if g.t - g.span >= self._t_skip - _ROUNDING * self.t_max]
        logs = np.array([g.log for g in kept])
        spans = np.array([g.span for g in kept])
        trace = np.cumsum(logs, axis=0) / np.cumsum(spans)[:, None, None]
        rates = _block_rates(logs, spans, _BLOCKS)
        errors = rates.std(axis=0, ddof=1) / np.sqrt(_BLOCKS)
        # What stands out of the noise of the estimate is part of the error.
        errors = np.sqrt(errors**2 + np.nan_to_num(beyond(effect, effect_err)))
        return _Mean(trace[-1], errors, effect, effect_err, np.array([g.t for g in kept]), trace)

    def _effect_of_step(self, every: list[_LogGrowth]) -> tuple[Array, Array]:
        """From a part of the average run again with another step, where there is room for it."""
        *_, last = every
        unknown = np.full_like(last.log, np.nan)
        if self._averaged_from is None or (self._noisy and len(self._breaks) > 2):
            return unknown, unknown
        start, state, noise = self._averaged_from
        step, span = self._monitor.longest, last.span
        adapts = self._control.tol is not None
        doubles = adapts or self._monitor.would_follow(2 * step)
        factor, share = 2.0, _AGAIN
        if not doubles:
            # Other schemes are followed beyond where the effect is a power of the step.
            longer = self.scheme is ALONG_PATH and span > 4.5 * step
            longer = longer and self._monitor.would_follow(1.25 * step)
            factor, share = 1.25 if longer else 0.5, _AGAIN / 4
        room = (self.t_max - start) * (1 + 1e-9)
        if self._noisy and not doubles:
            # The path is not known within its steps.
            return unknown, unknown
        needed = adapts or self._noisy or span < 1.5 * step
        if needed or (len(unknown) == 1 and share * room >= 2 * span * _AGAIN_BLOCKS):
            # Steps that the intervals bound double with them; one vector needs no shorter ones.
            span *= 2
        count = max(int(share * room / span), _AGAIN_BLOCKS)
        if count * span > room:
            return unknown, unknown
        tol = self._tol
        if adapts:
            assert tol is not None
            assert self.scheme.error_order is not None
            tol *= factor**self.scheme.error_order
        else:
            factor = span / step_count(0.0, span, factor * step) / step
        ends = start + span * np.arange(1, count + 1)
        control = self._landing(factor * step, tol, [start, *ends.tolist()])
        silent = Monitor(self.scheme, self._dt, adapts=True, may_switch=False)

        def steps(
            problem: Problem, x: State, times: list[float], progress: Progress | None
        ) -> Iterator[Step]:
            return advance(problem, self.scheme, control, silent, x, times, progress)

        try:
            again = list(self._follow(steps, state, [start, *ends.tolist()], noise.of_pairs()))
        except IntegrationError:
            return unknown, unknown
        ours, other = (
            _block_rates(_summed(growth, start, ends), np.full(count, span), _AGAIN_BLOCKS)
            for growth in (every, again)
        )
        change = (other - ours) / (factor**self.scheme.order - 1)
        return change.mean(axis=0), change.std(axis=0, ddof=1) / np.sqrt(_AGAIN_BLOCKS)


def _summed(growth: list[_LogGrowth], start: float, ends: NDArray[Any]) -> Array:
    """Growth between `start` and the first end, the first and the second, …"""
    total = np.zeros((len(ends), *growth[0].log.shape))
    for entry in growth:
        middle = entry.t - entry.span / 2
        place = int(np.searchsorted(ends, middle))
        if middle > start and place < len(ends):
            total[place] += entry.log
    return total


def _block_rates(logs: Array, spans: Array, blocks: int) -> Array:
    """Rates of equal blocks; whole ones from the end: the oldest intervals remember the start."""
    length = len(logs) // blocks
    logs, spans = logs[-blocks * length :], spans[-blocks * length :]
    sums = logs.reshape(blocks, length, *logs.shape[1:]).sum(axis=1)
    return np.asarray(sums / spans.reshape(blocks, length).sum(axis=1)[:, None, None])
