"""What is integrated: drift, noise and measured stiffness of a state, all that a scheme may ask."""

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from meanfield.common import seeds
from meanfield.common.arguments import Array
from meanfield.schedule import Drive, Inputs, Switching, before
from meanfield.stability import Rates

from ..network import Evaluation, Known, Network, State, largest_rate, spectrum, steepest

# A number for all columns, or an array of one a column; and so of truths.
Row = Any
Flags = Any

# Relative residual of the stiffness: a few per cent, which the stabilised scheme has in hand.
_WIDTH = 0.05
# Longest adaptive step where parameters or inputs are functions of time: a shorter pulse could pass
# between two evaluations.
_LONGEST_DRIVEN_STEP = 1.0


def earliest(t: Row) -> float:
    """The time, or that of the column which is behind."""
    return float(t.min()) if isinstance(t, np.ndarray) else t


def network_drive(
    inputs: Inputs | None, network: Network, t_max: float, seed: seeds.Seed | None
) -> Drive | None:
    """The input of a network; u, where it takes it, is drawn from the seed."""
    if inputs is None:
        return None
    return Drive(inputs, t_max, lambda: seeds.generator(seed, "phases").random(network.n))


class ColumnNoise:
    """Standard normal vectors for states `like` this one, column k from child k of the seed."""

    def __init__(self, seed: seeds.Seed | None, like: State) -> None:
        self._sequence = seeds.sequence(seed, "noise")
        self.entropy = self._sequence.entropy
        self._like, self._parts = like, 1
        self.drawn = False

    @cached_property
    def _generators(self) -> list[np.random.Generator]:
        columns = int(np.prod(self._like.shape[1:], dtype=int))
        return [np.random.default_rng(s) for s in self._sequence.spawn(columns)]

    def draw(self) -> State:
        """The next vectors, of the shape of the state: no column depends on what is beside it."""
        self.drawn = True
        rows = np.empty((len(self._generators), self._parts, self._like.shape[0]))
        for row, generator in zip(rows, self._generators, strict=True):
            generator.standard_normal(out=row)
        rows = rows.sum(axis=1) / math.sqrt(self._parts)
        return rows.T.reshape(self._like.shape).astype(self._like.dtype)

    def of_pairs(self) -> "ColumnNoise":
        """The noise to come, of steps twice as long along the same path."""
        other = copy.deepcopy(self)
        other._parts *= 2
        return other


@dataclass(frozen=True)
class Problem:
    """ẋ = (1 − κ) f − κ∇E + S(t) + √(2T) ξ for states (n,) or (n, batch)."""

    # The input is added to the drift and is not part of f: E stays ½|f|² of the undriven network.
    network: Network
    onsager: Callable[[float], float]
    temperature: Callable[[float], float]
    inputs: Drive | None = None
    noise: ColumnNoise | None = None
    # Parameters are continuous before the end of the present segment.
    end: float = np.inf
    # Stiffness when it was measured last.
    rate: float = 0.0
    # End of a run at which no parameter is known to jump: read there as if the run went on.
    stop: float = np.nan

    def _read_at(self, t: Row) -> float:
        # Columns at different times have the same parameters, see `parts`.
        time = t.item(0) if isinstance(t, np.ndarray) else t
        return time if self.end == self.stop else before(time, self.end)

    def evaluate(self, t: Row, x: State) -> Evaluation:
        """Drift and force at time t."""
        t = self._read_at(t)
        return self._driven(self.network.evaluate(x, self.onsager(t)), t)

    def around(self, x: State, first: Evaluation) -> Callable[[Row, State], Evaluation]:
        """`evaluate` for the stages of a step from `x`, in the network's own precision."""
        network = self.network
        if network.rough is None:
            return self.evaluate
        known = Known(x + first.force, network.activity(x), first)

        def evaluate(t: Row, state: State) -> Evaluation:
            time = self._read_at(t)
            return self._driven(network.evaluate_near(state, self.onsager(time), known), time)

        return evaluate

    def _driven(self, evaluation: Evaluation, t: float) -> Evaluation:
        if self.inputs is None:
            return evaluation
        drive = self._drive(self.inputs, t, evaluation.drift.shape)
        return evaluation._replace(drift=evaluation.drift + drive)

    def _drive(self, inputs: Drive, t: float, shape: tuple[int, ...]) -> State:
        return inputs(t, shape, self.network.dtype)

    def noise_strength(self, t: float) -> float:
        """√(2T)."""
        return math.sqrt(2 * self.temperature(self._read_at(t)))

    def draw(self) -> State:
        """The next vectors ξ."""
        assert self.noise is not None
        return self.noise.draw()

    def kick(self, t: float, h: float) -> State | None:
        """√(2Th) ξ of a step h, or None without noise."""
        strength = self.noise_strength(t)
        return (strength * math.sqrt(h)) * self.draw() if strength else None

    def arrived(self, t: float, x: State) -> State | None:
        """What a state just reached is replaced by, None for nothing: its past is void then."""
        return None

    def trajectory(self, x: State) -> State:
        """The states alone, (n, batch), without what is carried beside them."""
        return x

    def rates(self, t: Row, x: State, of_steepest: bool = False) -> Array:
        """Largest rate of the symmetric part of −∂F/∂x of each column, or of the steepest."""
        states = self.trajectory(x)
        if of_steepest:
            columns = states.reshape(len(states), -1)
            states = columns[:, steepest(self.network, columns)[0]]
        return largest_rate(self.network, states, self.onsager(self._read_at(t)), _WIDTH)

    def stiffness(self, t: Row, x: State) -> float:
        """The largest of the `rates`."""
        return float(np.max(self.rates(t, x)))

    def spectrum(self, t: Row, x: State) -> Rates:
        """Points along the edge of the spectrum of ∂F/∂x."""
        return spectrum(
            self.network, self.trajectory(x), self.onsager(before(earliest(t), self.end))
        )

    @property
    def stiffness_is_bound(self) -> bool:
        """Whether `stiffness` is an upper bound and not a measurement."""
        return hasattr(self.network.J, "norm_bound")

    def is_regulated(self, t: Row) -> bool:
        """Whether the Onsager-reaction force is on."""
        return self.onsager(self._read_at(t)) != 0

    def is_gradient_flow(self, t: Row) -> bool:
        """Whether the drift is −∇E without noise or input, so that E cannot increase."""
        t = self._read_at(t)
        return self.inputs is None and self.onsager(t) == 1 and self.temperature(t) == 0

    def parts(self, x: State) -> bool:
        """Whether columns may be at different times: no parameter changes within a segment."""
        inputs = None if self.inputs is None else self.inputs.inputs
        every = (self.onsager, self.temperature, inputs)
        return x.ndim == 2 and all(isinstance(s, Switching) or not callable(s) for s in every)

    @property
    def longest_step(self) -> float:
        """No adaptive step may be longer: the parameters may change unseen within it."""
        constant = all(isinstance(s, Switching) for s in (self.onsager, self.temperature))
        constant = constant and (self.inputs is None or self.inputs.is_piecewise)
        return np.inf if constant else _LONGEST_DRIVEN_STEP

    def energy(self, x: State, evaluation: Evaluation) -> NDArray[np.float64]:
        """E of each column."""
        return self.network.energy(self.trajectory(x), evaluation.force)

    def energy_error(self, x: State, force: State) -> NDArray[np.float64]:
        """Error of E of each column: rounding, and what matrix-free couplings neglect."""
        # f = h + b − x is known to ε(|x| + |b| + |h|), and |h| ≤ |f| + |x| + |b|.
        size, known = np.abs(force), np.abs(x)
        if self.network.is_biased:
            known += np.abs(self.network.bias).reshape(-1, *(1,) * (x.ndim - 1))
        terms = size * (size + 2 * known + np.finfo(x.dtype).tiny)
        rounding = 16 * np.finfo(x.dtype).eps * np.sum(terms, axis=0, dtype=np.float64)
        relative = self.network.answer_error
        if not relative:
            return np.asarray(rounding)
        sent = np.linalg.norm(self.network.activity(x), axis=0)
        return rounding + relative * sent * np.linalg.norm(force, axis=0)

    def relative_errors(self, x: State, moved: State, error: State) -> Array:
        """Root mean square over neurons of an error relative to 1 + |x|, of each column."""
        ratio = np.abs(x)
        np.maximum(ratio, np.abs(moved), out=ratio)
        ratio += 1
        np.divide(error, ratio, out=ratio)
        means = np.einsum("i...,i...->...", ratio, ratio, dtype=np.float64) / len(ratio)
        return np.where(np.isfinite(means), np.sqrt(means), np.inf)

    def relative_error(self, x: State, moved: State, error: State) -> float:
        """The largest of the `relative_errors`."""
        return float(np.max(self.relative_errors(x, moved, error)))


class Step(NamedTuple):
    """One step: times, states and evaluations at both ends, and the problem it solved."""

    problem: Problem
    t0: Row
    x0: State
    first: Evaluation
    t1: Row
    x1: State
    last: Evaluation
    # See `Move`.
    inside: Callable[[Evaluation, Row], State] | None = None
