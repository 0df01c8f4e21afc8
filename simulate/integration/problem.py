"""What is integrated: the drift of a state, or of a state with tangent vectors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from meanfield.common.arguments import ArgumentError
from meanfield.schedule import Switching, before

from ..lanczos import largest_rate
from ..network import Evaluation, Network, State

# Relative residual of the stiffness: a few per cent, which the stabilised scheme has in hand.
_WIDTH = 0.05

# Longest adaptive step where parameters or inputs are functions of time: a shorter pulse could pass
# between two evaluations.
_LONGEST_DRIVEN_STEP = 1.0

Input = Callable[[float], ArrayLike]


class Interval(NamedTuple):
    """One accepted step: times, states and evaluations at both ends, and the problem it solved."""

    problem: Problem
    t0: float
    x0: State
    first: Evaluation
    t1: float
    x1: State
    last: Evaluation


@dataclass(frozen=True)
class Problem:
    """ẋ = (1 − κ) f − κ∇E + S(t)u + √(2T) ξ for states (n,) or (n, batch).

    Schemes know nothing else of what they solve.  Parameters are continuous before `end`, the end
    of the present segment.  The input is added to the drift and is not part of f: E stays ½|f|² of
    the undriven network.
    """

    network: Network
    onsager: Callable[[float], float]
    temperature: Callable[[float], float]
    inputs: Input | None = None
    end: float = np.inf

    def segment(self, end: float) -> Self:
        """The same problem on a segment that ends at `end`."""
        return replace(self, end=end)

    def evaluate(self, t: float, x: State) -> Evaluation:
        """Drift and force at time t."""
        t = before(t, self.end)
        evaluation = self.network.evaluate(x, self.onsager(t))
        if self.inputs is None:
            return evaluation
        return Evaluation(evaluation.drift + self._drive(t, x), evaluation.force)

    def _drive(self, t: float, x: State) -> State:
        assert self.inputs is not None
        drive = np.asarray(self.inputs(t), dtype=self.network.dtype)
        if not np.all(np.isfinite(drive)):
            raise ArgumentError(f"inputs(t={t:g}): must be finite")
        if drive.ndim == 1 and x.ndim == 2:
            drive = drive[:, None]
        try:
            return np.broadcast_to(drive, x.shape)
        except ValueError:
            raise ArgumentError(
                f"inputs(t={t:g}) of shape {drive.shape}: expected a number, ({self.network.n},) "
                f"or {x.shape}"
            ) from None

    def energy(self, x: State, evaluation: Evaluation) -> NDArray[np.float64]:
        """E of each column."""
        return self.network.energy(self.trajectory(x), evaluation.force)

    def noise_strength(self, t: float) -> float:
        """√(2T)."""
        temperature = self.temperature(before(t, self.end))
        if temperature < 0:
            raise ArgumentError(f"temperature={temperature:g} at t = {t:g}: must be >= 0")
        return float(np.sqrt(2 * temperature))

    def stiffness(self, t: float, x: State) -> float:
        """Largest rate of the symmetric part of −∂F/∂x over the columns."""
        onsager = self.onsager(before(t, self.end))
        return float(np.max(largest_rate(self.network, self.trajectory(x), onsager, _WIDTH)))

    def is_regulated(self, t: float) -> bool:
        """Whether the Onsager-reaction force is on."""
        return self.onsager(before(t, self.end)) != 0

    def is_gradient_flow(self, t: float) -> bool:
        """Whether the drift is −∇E without noise or input, so that E cannot increase."""
        t = before(t, self.end)
        return self.inputs is None and self.onsager(t) == 1 and self.temperature(t) == 0

    @property
    def stiffness_is_bound(self) -> bool:
        """Whether `stiffness` is an upper bound and not a measurement."""
        return self.network.is_matrix_free and hasattr(self.network.J, "norm_bound")

    @property
    def longest_step(self) -> float:
        """No adaptive step may be longer: the parameters may change unseen within it."""
        constant = all(isinstance(s, Switching) for s in (self.onsager, self.temperature))
        return np.inf if constant and self.inputs is None else _LONGEST_DRIVEN_STEP

    def relative_error(self, x: State, moved: State, error: State) -> float:
        """Root mean square over neurons of an error relative to 1 + |x|, of the worst column."""
        ratio = error / (1 + np.maximum(np.abs(x), np.abs(moved)))
        worst = float(np.max(np.mean(np.square(ratio, dtype=np.float64), axis=0)))
        return float(np.sqrt(worst)) if np.isfinite(worst) else np.inf

    def trajectory(self, x: State) -> State:
        """The states alone, (n, batch), without tangent vectors."""
        return x

    def answer_error(self, x: State, force: State) -> NDArray[np.float64]:
        """Error of E of each column by what matrix-free couplings neglect."""
        relative = self.network.answer_error * self.network.function.steepness
        if not relative:
            return np.zeros(())
        return np.asarray(relative * np.linalg.norm(x, axis=0) * np.linalg.norm(force, axis=0))


@dataclass(frozen=True)
class TangentProblem(Problem):
    """A trajectory without input, with k tangent vectors, as states (n, 1 + k, batch).

    Its linear part obeys v̇ = ∂F/∂x · v.  Runge–Kutta and multistep schemes commute with
    linearisation, so any scheme advances the tangent map of its own discrete map.
    """

    def evaluate(self, t: float, x: State) -> Evaluation:
        """See `Problem`; the force is that of the trajectory alone."""
        state, tangents = x[:, 0], x[:, 1:]
        evaluation, linear = self.network.linearize(state, self.onsager(before(t, self.end)))
        moved = np.concatenate([evaluation.drift[:, None], linear.apply(tangents)], axis=1)
        return Evaluation(moved, evaluation.force)

    def relative_error(self, x: State, moved: State, error: State) -> float:
        """The worse of the trajectory's and of the tangent vectors', relative to their length."""
        states = super().relative_error(x[:, 0], moved[:, 0], error[:, 0])
        # The shorter end counts: a vector that shrinks fast must be followed down.
        length = np.minimum(*(np.linalg.norm(v[:, 1:], axis=0) for v in (x, moved)))
        tangents = np.max(np.linalg.norm(error[:, 1:], axis=0) / np.maximum(length, 1e-300))
        return max(states, float(tangents)) if np.isfinite(tangents) else np.inf

    def trajectory(self, x: State) -> State:
        """See `Problem`."""
        return x[:, 0]
