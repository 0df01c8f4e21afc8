"""Growth of small separations along a run, its average with an error, and what is reported."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from threadpoolctl import threadpool_limits

from meanfield.common import arguments, seeds
from meanfield.common.arguments import ArgumentError
from meanfield.common.files import provenance
from meanfield.common.jobs import bar
from meanfield.schedule import as_function

from ..integration.chebyshev import Chebyshev
from ..integration.monitor import Monitor
from ..integration.noise import ColumnNoise
from ..integration.problem import Interval, Problem, TangentProblem
from ..integration.schemes import Scheme
from ..integration.solver import REMEDY, scheme_of
from ..integration.stepping import REFRESH, IntegrationError, Stepper, require_finite
from ..network import Evaluation, Network, State, contiguous_columns

if TYPE_CHECKING:
    import xarray as xr

BLOCKS = 10
# Smallest separation relative to |x|: a thousand times rounding.
_SMALLEST_SEPARATION = 2e-13


class Growth(NamedTuple):
    """Growth over one interval that ends at `t` and lasts `span`: log factors (k, batch)."""

    t: float
    span: float
    log: NDArray[np.float64]


class Setting(NamedTuple):
    """What both exponents and spectrum are computed with."""

    problem: Problem
    scheme: Scheme
    x: State  # (n, batch)
    rng: np.random.Generator
    t_max: float
    t_skip: float
    dt: float
    tol: float | None
    monitor: Monitor
    attributes: dict[str, Any]


def setting(
    network: Network,
    x0: ArrayLike | None,
    onsager: float,
    method: str,
    *,
    dt: float,
    t_max: float,
    t_skip: float,
    tol: float | None,
    seed: int | None,
    remedies: bool = True,
) -> Setting:
    """Checked arguments; without `x0` one state x ~ N(0, 1) drawn from the seed.

    `remedies` tells whether a warning may advise the stabilised scheme.

    Raises
    ------
    ArgumentError
        If an argument is outside its range.
    """
    kappa = arguments.finite("onsager", onsager)
    t_max, dt = arguments.positive("t_max", t_max), arguments.positive("dt", dt)
    t_skip = arguments.nonnegative("t_skip", t_skip)
    if t_skip >= t_max:
        raise ArgumentError(f"t_skip={t_skip:g}: must be below t_max={t_max:g}")
    if tol is not None:
        arguments.positive("tol", tol)
    start = seeds.sequence(seed, "start")
    if x0 is None:
        x = np.random.default_rng(start).standard_normal(network.n)
    else:
        x = network.state(x0, "x0")
    rng = seeds.generator(int(start.entropy), "tangent")  # type: ignore[arg-type]
    problem = Problem(network, as_function("onsager", kappa), as_function("temperature", 0))
    scheme = scheme_of(method, kappa, 0.0)
    state = contiguous_columns(x.reshape(network.n, -1))
    stabilise = remedies and not isinstance(scheme, Chebyshev)
    monitor = Monitor(scheme, remedy=REMEDY if stabilise else "shorten dt")
    attributes = {
        "n": network.n,
        "onsager": kappa,
        "eta": network.eta,
        "phi": network.function.name,
        "t_max": t_max,
        "t_skip": t_skip,
        "tol": tol if tol is not None and scheme.is_stabilised else "none",
        "x0": "drawn" if x0 is None else "given",
        "seed": str(start.entropy),
    }
    return Setting(problem, scheme, state, rng, t_max, t_skip, dt, tol, monitor, attributes)


def tangent_growth(given: Setting, k: int, interval: float) -> Iterator[Growth]:
    """Growth of k orthonormal tangent vectors, made orthonormal again by QR every `interval`."""
    n, batch = given.x.shape
    tangents = np.linalg.qr(given.rng.standard_normal((batch, n, k)))[0]
    state = contiguous_columns(
        np.concatenate([given.x[:, None], np.moveaxis(tangents, 0, 2)], axis=1)
    )
    count = max(1, round(given.t_max / interval))
    _require_blocks(given, count)
    times = np.linspace(0, given.t_max, count + 1).tolist()
    base = given.problem
    problem = TangentProblem(base.network, base.onsager, base.temperature)
    stepper = Stepper(given.scheme, given.monitor, ColumnNoise(0, state), given.dt, given.tol)
    passed = 0
    for step in stepper.steps(problem, state, times):
        if step.t1 < times[passed + 1]:
            continue
        passed += 1
        # The loop goes on from this very array, with a fresh evaluation: it can be changed here.
        basis, triangle = np.linalg.qr(np.moveaxis(step.x1[:, 1:], 2, 0))
        step.x1[:, 1:] = np.moveaxis(basis, 0, 2)
        diagonal = np.abs(np.diagonal(triangle, axis1=1, axis2=2)).T
        with np.errstate(divide="ignore"):
            yield Growth(step.t1, times[passed] - times[passed - 1], np.log(diagonal))


def separation_growth(given: Setting, delta: float) -> Iterator[Growth]:
    """[HH] Algorithm 1: a second orbit at distance δ, pulled back to it after every step."""
    problem, scheme, x, monitor = given.problem, given.scheme, given.x, given.monitor
    n, batch = x.shape
    smallest = _SMALLEST_SEPARATION * float(np.max(np.linalg.norm(x, axis=0)))
    if delta < smallest:
        raise ArgumentError(
            f"delta={delta:g}: must be at least {smallest:.1g}, rounding of x is near"
        )
    direction = given.rng.standard_normal((n, batch))
    y = x + delta * direction / np.linalg.norm(direction, axis=0)
    noise = ColumnNoise(0, x)
    count = max(1, int(np.ceil(given.t_max / given.dt - 1e-9)))
    _require_blocks(given, count)
    h = given.t_max / count
    monitor.enter(problem, 0.0, x)
    both = np.concatenate([x, y], axis=1)
    first = problem.evaluate(0.0, both)
    for step in range(count):
        if isinstance(scheme, Chebyshev) and step % REFRESH == 0:
            scheme.rate = monitor.measure(problem, step * h, both[:, :batch])
        scheme.restart()  # The second orbit jumps after every step: no past to extrapolate.
        moved = scheme.step(problem, step * h, both, first, h, noise)
        require_finite(moved, (step + 1) * h)
        gap = moved[:, batch:] - moved[:, :batch]
        distance = np.linalg.norm(gap, axis=0)
        if not np.all(distance > 0):
            raise IntegrationError("separation lost", f"both orbits meet at t = {(step + 1) * h:g}")
        moved[:, batch:] = moved[:, :batch] + gap * (delta / distance)
        last = problem.evaluate((step + 1) * h, moved)
        ends = (_columns(first, batch), _columns(last, batch))
        states = (both[:, :batch], moved[:, :batch])
        monitor.record(
            Interval(problem, step * h, states[0], ends[0], (step + 1) * h, states[1], ends[1])
        )
        yield Growth((step + 1) * h, h, np.log(distance / delta)[None])
        both, first = moved, last


def _columns(evaluation: Evaluation, count: int) -> Evaluation:
    return Evaluation(evaluation.drift[:, :count], evaluation.force[:, :count])


class Average(NamedTuple):
    """Mean rate after t_skip, its block error, and the running mean with its times."""

    value: NDArray[np.float64]
    stderr: NDArray[np.float64]
    t: NDArray[np.float64]
    trace: NDArray[np.float64]


def _require_blocks(given: Setting, count: int) -> None:
    """Refuse, before the run, what leaves too few of `count` intervals for an error."""
    left = int((given.t_max - given.t_skip) / (given.t_max / count) * (1 + 1e-12))
    if left < BLOCKS:
        raise ArgumentError(
            f"t_skip={given.t_skip:g}: {left} intervals left after it, {BLOCKS} are needed for the "
            "block error; raise t_max"
        )


def average(
    run: Iterator[Growth], given: Setting, *, threads: int | None, progress: bool
) -> Average:
    """Run, and average the growth rates after t_skip; errors from `BLOCKS` equal blocks."""
    growth = []
    with (
        np.errstate(over="ignore", invalid="ignore"),  # non-finite states are looked for
        threadpool_limits(threads, user_api="blas"),
        bar(given.t_max, "lyapunov", progress) as shown,
    ):
        for step in run:
            growth.append(step)
            shown.update(step.span)
    kept = [g for g in growth if g.t - g.span >= given.t_skip - 1e-9 * given.t_max]
    logs = np.array([g.log for g in kept])
    spans = np.array([g.span for g in kept])
    trace = np.cumsum(logs, axis=0) / np.cumsum(spans)[:, None, None]
    length = len(kept) // BLOCKS
    # Whole blocks from the end: the oldest intervals remember the start.
    blocks = logs[-BLOCKS * length :].reshape(BLOCKS, length, *logs.shape[1:]).sum(axis=1)
    rates = blocks / spans[-BLOCKS * length :].reshape(BLOCKS, length).sum(axis=1)[:, None, None]
    return Average(
        trace[-1], rates.std(axis=0, ddof=1) / np.sqrt(BLOCKS), np.array([g.t for g in kept]), trace
    )


@dataclass(frozen=True, kw_only=True)
class LyapunovRun:
    """The run behind the exponents.

    Attributes
    ----------
    stderr, t, trace : ndarray
        Error of the exponents, and their running mean with its times.
    status : str
        "success", "unstable step" or "unverified step", as in `Trajectory`.
    warnings : list of str
        What `StepSizeWarning` said.
    method : str
        The scheme used.
    dt, stiffness, largest_stable_dt, energy_rise_fraction : float
        As in `Trajectory`.
    attributes : dict
        Parameters and seed.
    """

    stderr: NDArray[np.float64]
    t: NDArray[np.float64]
    trace: NDArray[np.float64]
    status: str
    warnings: list[str]
    method: str
    dt: float
    stiffness: float
    largest_stable_dt: float
    energy_rise_fraction: float
    attributes: dict[str, Any]

    def _labelled(self, exponents: NDArray[np.float64], axes: tuple[str, ...]) -> xr.Dataset:
        import xarray as xr

        variables = {
            "lyapunov": (axes, exponents),
            "stderr": (axes, self.stderr),
            "trace": (("t", *axes), self.trace),
        }
        names = ("status", "method", "dt", "stiffness", "largest_stable_dt", "energy_rise_fraction")
        summary = {name: getattr(self, name) for name in names}
        summary["warnings"] = "\n".join(self.warnings)
        return xr.Dataset(variables, {"t": self.t}, {**self.attributes, **summary, **provenance()})
