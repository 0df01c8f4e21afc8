"""Is the step honest?  Energy along the gradient flow, stiffness along every run."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from meanfield.exponential import StepSizeWarning, largest_step

from ..network import Evaluation, State
from .problem import Interval, Problem
from .schemes import Scheme

# A quotient above this share of the limit asks for a measurement, some steps after the last one.
_SUSPICION, _PAUSE = 0.5, 20
# Rate of the leak: a neuron that saturates feels nothing else.
_LEAK = 1.0


class Monitor:
    """Watches a run.

    Along −∇E without noise E cannot increase; a step that raises it beyond rounding is counted.
    While the Onsager-reaction force is on, the stiffness, the largest eigenvalue of the symmetric
    part of −∂F/∂x, is measured when a segment is entered, after 1, 2, 4, 8 … steps, at the end, and
    when a step hints at an instability: its Rayleigh quotient −ΔF·Δx/|Δx|², which costs no product,
    approaches the limit of the scheme as an unstable mode takes over.  The vanilla dynamics is
    stiff by its leak only, and far from normal: there the symmetric part tells nothing.

    Attributes
    ----------
    stiffness : float
        Largest rate seen; nan if the Onsager-reaction force was never on.
    gradient_steps, rising_steps : int
        Steps along the gradient flow, and those among them in which E rose in some column.
    n_steps, rejected : int

    Parameters
    ----------
    scheme : Scheme
    remedy : str
        What a warning advises.
    """

    def __init__(self, scheme: Scheme, *, remedy: str = "shorten dt") -> None:
        self._scheme, self._remedy = scheme, remedy
        self._longest, self._limit = 0.0, np.inf
        self._is_bound = self._unwatched = False
        self._steps_here = self._next_hint = 0
        self._pause = _PAUSE
        self._quotient = self._largest_quotient = 0.0
        self.stiffness = np.nan
        self.gradient_steps = self.rising_steps = self.n_steps = self.rejected = 0

    def enter(self, problem: Problem, t: float, x: State) -> None:
        """A segment begins."""
        self._is_bound = problem.stiffness_is_bound
        self._steps_here = self._next_hint = 0
        self._pause = _PAUSE
        # The stabilised scheme measures for itself.
        if problem.is_regulated(t) and not self._scheme.is_stabilised:
            self.measure(problem, t, x)

    def measure(self, problem: Problem, t: float, x: State) -> float:
        """Stiffness at a state."""
        rate = problem.stiffness(t, x)
        if problem.is_regulated(t):
            self.stiffness = float(np.fmax(self.stiffness, rate))
        return rate

    def rises(
        self, problem: Problem, x: State, first: Evaluation, moved: State, last: Evaluation
    ) -> bool:
        """Whether E is larger at the end of a step, in any column, beyond rounding."""
        before, after = problem.energy(x, first), problem.energy(moved, last)
        states = problem.trajectory(moved)
        allowed = _rounding(states, last.force) + problem.answer_error(states, last.force)
        return bool(np.any(~(after <= before + allowed)))

    def record(self, step: Interval) -> None:
        """A step was accepted."""
        problem = step.problem
        self.n_steps += 1
        self._steps_here += 1
        if step.t1 - step.t0 > self._longest:
            self._longest = step.t1 - step.t0
            self._limit = self._scheme.largest_rate(self._longest)
        descends = problem.is_gradient_flow(step.t0) and problem.is_gradient_flow(step.t1)
        if descends:
            self.gradient_steps += 1
            self.rising_steps += self.rises(problem, step.x0, step.first, step.x1, step.last)
        if self._scheme.is_stabilised or not problem.is_regulated(step.t1):
            return
        quotient = _rayleigh(step)
        if self._is_bound:
            self._quotient += (quotient - self._quotient) / _PAUSE
            self._largest_quotient = max(self._largest_quotient, self._quotient)
            self._unwatched |= not descends
            return
        count = self._steps_here
        hint = quotient > _SUSPICION * self._limit and not self.stiffness > self._limit
        hint = hint and count >= self._next_hint
        if hint:
            # Noise near the limit hints at every step: ask less and less often.
            self._pause *= 2
            self._next_hint = count + self._pause
        if hint or count & (count - 1) == 0 or step.t1 >= problem.end:
            self.measure(problem, step.t1, step.x1)

    @property
    def largest_stable_dt(self) -> float:
        """Largest step the scheme follows stably at the largest stiffness seen."""
        return self._stable_step(self.stiffness) if self.stiffness > 0 else np.nan

    def _stable_step(self, rate: float) -> float:
        return largest_step(rate, self._scheme.largest_rate)

    @property
    def energy_rise_fraction(self) -> float:
        """Share of the steps along −∇E in which E rose; nan if there were none."""
        return self.rising_steps / self.gradient_steps if self.gradient_steps else np.nan

    @property
    def status(self) -> str:
        """Of the run: "unverified step" where what `warnings` says is only feared from a bound."""
        if not self.warnings():
            return "success"
        return "unstable step" if self._seen() else "unverified step"

    def report(self) -> dict[str, Any]:
        """What results say of a run."""
        return {
            "warnings": self.warnings(),
            "method": self._scheme.name,
            "stiffness": self.stiffness,
            "largest_stable_dt": self.largest_stable_dt,
            "energy_rise_fraction": self.energy_rise_fraction,
        }

    def warnings(self) -> list[str]:
        """What the user must know, one sentence each."""
        found = self._seen()
        if found:
            found[-1] += f"; {self._remedy}: chaos or oscillations of this run are the step's"
        elif self._unwatched and self.stiffness > self._limit:
            found = [
                f"{self._step()} may be too long: the bound {self.stiffness:.3g} on the stiffness "
                f"of these matrix-free couplings vouches for steps up to "
                f"{self.largest_stable_dt:.3g} only, and without falling E nothing else is known; "
                f"{self._remedy}"
            ]
        return found

    def _step(self) -> str:
        return f"dt = {self._longest:g} of method '{self._scheme.name}'"

    def _seen(self) -> list[str]:
        rate = float(np.fmax(_LEAK if self._is_bound else self.stiffness, _LEAK))
        found = []
        if self._is_bound and self._largest_quotient > _SUSPICION * self._limit:
            # These couplings must not be asked for more products; a step that follows its flow has
            # a quotient far below the limit.
            found.append(
                f"steps of {self._step()} oscillate at its stability limit (Rayleigh quotient "
                f"{self._largest_quotient:.3g} over {_PAUSE} steps, limit {self._limit:.3g})"
            )
        if rate > self._limit * (1 + 1e-9):
            found.append(
                f"{self._step()} exceeds the largest stable step "
                f"{self._stable_step(rate):.3g} at the stiffness {rate:.3g} met on the way"
            )
        if self.rising_steps:
            found.append(
                f"E rose in {self.energy_rise_fraction:.1%} of the steps along −∇E, which only a "
                f"step that is too long does (the longest was {self._longest:g})"
            )
        return found


def warn(found: list[str], stacklevel: int) -> None:
    """One `StepSizeWarning` that says all that was found, if anything was."""
    if found:
        warnings.warn("; ".join(found), StepSizeWarning, stacklevel=stacklevel + 1)


def _rounding(x: State, force: State) -> NDArray[np.float64]:
    """Rounding error of E: f = h − x is known to ε(|x| + |h|), and |h| ≤ |f| + |x|."""
    size = np.abs(force)
    terms = size * (size + 2 * np.abs(x) + np.finfo(x.dtype).tiny)
    return np.asarray(16 * np.finfo(x.dtype).eps * np.sum(terms, axis=0, dtype=np.float64))


def _rayleigh(step: Interval) -> float:
    """−ΔF·Δx/|Δx|² of a step, largest over columns: no larger than the stiffness met in it."""
    states = step.problem.trajectory
    moved = states(step.x1) - states(step.x0)
    change = states(step.last.drift) - states(step.first.drift)
    length = np.einsum("i...,i...->...", moved, moved, dtype=np.float64)
    product = np.einsum("i...,i...->...", change, moved, dtype=np.float64)
    return float(np.max(-product / np.maximum(length, 1e-300)))
