"""Is the step honest?  Energy along the gradient flow, stiffness along every run."""

import warnings
from typing import Any

import numpy as np

from meanfield.common.result import Result, fact
from meanfield.exponential import StepSizeWarning, largest_step

from ..network import State
from .problem import Problem, Step
from .schemes import Scheme

# A quotient above this share of the limit asks for a measurement, some steps after the last one.
_SUSPICION, _PAUSE = 0.5, 20
# Rate of the leak: a neuron that saturates feels nothing else.
_LEAK = 1.0


class IntegratedRun(Result):
    """What every run knows of its steps."""

    method: str = fact("scheme that ran")
    dt: float = fact("step asked for", note="The first trial step where steps adapt.")
    stiffness: float = fact(
        "largest eigenvalue of the symmetric part of −∂F/∂x met",
        note="That of Hess E at κ = 1; an upper bound for matrix-free couplings; nan if κ = 0 "
        "throughout.",
    )
    largest_stable_dt: float = fact(
        "largest step that the scheme follows stably at this stiffness",
        note='inf for "chebyshev".',
    )
    energy_rise_fraction: float = fact(
        "share of the steps along −∇E in which E rose", note="nan if there were none."
    )
    n_steps: int = fact("number of steps")
    n_rejected: int = fact("number of steps that were tried and not taken")
    n_evaluations: int = fact("number of drifts evaluated")


class Monitor:
    """Watches the steps of a run, their stiffness and their energy."""

    # Along −∇E without noise E cannot increase; a step that raises it beyond rounding is counted.
    # While the Onsager-reaction force is on, the stiffness, the largest eigenvalue of the symmetric
    # part of −∂F/∂x, is measured when a segment is entered, after 1, 2, 4, 8 … steps, at the end,
    # and when a step hints at an instability: its Rayleigh quotient −ΔF·Δx/|Δx|², which costs no
    # product, approaches the limit of the scheme as an unstable mode takes over.  The vanilla
    # dynamics is stiff by its leak only, and far from normal: there the symmetric part tells
    # nothing.

    def __init__(self, scheme: Scheme, dt: float, *, adapts: bool, may_switch: bool) -> None:
        self._scheme, self._dt, self._adapts = scheme, dt, adapts
        # What a warning advises.
        self._remedy = "shorten dt"
        if may_switch and scheme.longest_step is None:
            self._remedy += " or use method='chebyshev'"
        self._longest, self._limit = 0.0, np.inf
        self._is_bound = self._unwatched = False
        self._steps_here = self._next_hint = 0
        self._pause = _PAUSE
        self._quotient = self._largest_quotient = 0.0
        self._stiffness = np.nan
        self._gradient_steps = self._rising_steps = self._n_steps = self.n_rejected = 0

    def enter(self, problem: Problem, t: float, x: State) -> None:
        """A segment begins."""
        self._is_bound = problem.stiffness_is_bound
        self._steps_here = self._next_hint = 0
        self._pause = _PAUSE
        # A scheme that fits itself to the stiffness has it measured in any case.
        if problem.is_regulated(t) and self._scheme.longest_step is None:
            self.measure(problem, t, x)

    def measure(self, problem: Problem, t: float, x: State) -> float:
        """Stiffness at a state."""
        rate = problem.stiffness(t, x)
        if problem.is_regulated(t):
            self._stiffness = float(np.fmax(self._stiffness, rate))
        return rate

    def rises(self, step: Step) -> bool:
        """Whether E is larger at the end of a step, in any column, beyond rounding."""
        problem, states = step.problem, step.problem.trajectory(step.x1)
        before = problem.energy(step.x0, step.first)
        after = problem.energy(step.x1, step.last)
        return bool(np.any(~(after <= before + problem.energy_error(states, step.last.force))))

    def record(self, step: Step) -> None:
        """A step was accepted."""
        problem = step.problem
        self._n_steps += 1
        self._steps_here += 1
        if step.t1 - step.t0 > self._longest:
            self._longest = step.t1 - step.t0
            # An unstable adaptive step shows in its error.
            self._limit = np.inf if self._adapts else self._scheme.largest_rate(self._longest)
        descends = problem.is_gradient_flow(step.t0) and problem.is_gradient_flow(step.t1)
        if descends:
            self._gradient_steps += 1
            self._rising_steps += self.rises(step)
        if self._scheme.longest_step is not None or not problem.is_regulated(step.t1):
            return
        quotient = _rayleigh(step)
        if self._is_bound:
            self._quotient += (quotient - self._quotient) / _PAUSE
            self._largest_quotient = max(self._largest_quotient, self._quotient)
            self._unwatched |= not descends
            return
        count = self._steps_here
        hint = quotient > _SUSPICION * self._limit and not self._stiffness > self._limit
        hint = hint and count >= self._next_hint
        if hint:
            # Noise near the limit hints at every step: ask less and less often.
            self._pause *= 2
            self._next_hint = count + self._pause
        if hint or count & (count - 1) == 0 or step.t1 >= problem.end:
            self.measure(problem, step.t1, step.x1)

    def _stable_step(self, rate: float) -> float:
        return largest_step(rate, self._scheme.largest_rate)

    @property
    def energy_rise_fraction(self) -> float:
        """Share of the steps along −∇E in which E rose; nan if there were none."""
        return self._rising_steps / self._gradient_steps if self._gradient_steps else np.nan

    def report(self, problem: Problem, failure: str = "", *, stacklevel: int) -> dict[str, Any]:
        """Fields of `IntegratedRun`, after a warning about steps that are too long."""
        judged = self.judgement()
        if judged:
            warnings.warn(judged, StepSizeWarning, stacklevel=stacklevel + 1)
        stable = self._stable_step(self._stiffness) if self._stiffness > 0 else np.nan
        return {
            "reason": "; ".join(text for text in (failure, judged) if text),
            "method": self._scheme.name,
            "dt": self._dt,
            "stiffness": self._stiffness,
            "largest_stable_dt": stable,
            "energy_rise_fraction": self.energy_rise_fraction,
            "n_steps": self._n_steps,
            "n_rejected": self.n_rejected,
            "n_evaluations": problem.network.evaluations,
        }

    def judgement(self) -> str:
        """What is wrong with the steps and what to change; empty if nothing is."""
        seen = self._seen()
        if seen:
            text = "; ".join(seen)
            return f"{text}; {self._remedy}: chaos or oscillations of this run are the step's"
        if self._unwatched and self._stiffness > self._limit:
            return (
                f"{self._step()} may be too long: the bound {self._stiffness:.3g} on the stiffness "
                f"of these matrix-free couplings vouches for steps up to "
                f"{self._stable_step(self._stiffness):.3g} only, and without falling E nothing "
                f"else is known; {self._remedy}"
            )
        return ""

    def _step(self) -> str:
        return f"dt = {self._longest:g} of method '{self._scheme.name}'"

    def _seen(self) -> list[str]:
        rate = _LEAK if self._is_bound else float(np.fmax(self._stiffness, _LEAK))
        texts = []
        if self._is_bound and self._largest_quotient > _SUSPICION * self._limit:
            # These couplings must not be asked for more products; a step that follows its flow has
            # a quotient far below the limit.
            texts.append(
                f"steps of {self._step()} oscillate at its stability limit (Rayleigh quotient "
                f"{self._largest_quotient:.3g} over {_PAUSE} steps, limit {self._limit:.3g})"
            )
        if rate > self._limit * (1 + 1e-9):
            texts.append(
                f"{self._step()} exceeds the largest stable step "
                f"{self._stable_step(rate):.3g} at the stiffness {rate:.3g} met on the way"
            )
        if self._rising_steps:
            texts.append(
                f"E rose in {self.energy_rise_fraction:.1%} of the steps along −∇E, which only a "
                f"step that is too long does (the longest was {self._longest:g})"
            )
        return texts


def _rayleigh(step: Step) -> float:
    """−ΔF·Δx/|Δx|² of a step, largest over columns: no larger than the stiffness met in it."""
    states = step.problem.trajectory
    moved = states(step.x1) - states(step.x0)
    change = states(step.last.drift) - states(step.first.drift)
    length = np.einsum("i...,i...->...", moved, moved, dtype=np.float64)
    product = np.einsum("i...,i...->...", change, moved, dtype=np.float64)
    return float(np.max(-product / np.maximum(length, 1e-300)))
