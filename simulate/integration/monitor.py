"""Is the step honest?  Energy along the gradient flow, stiffness along every run."""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import NDArray

from ..network import Evaluation, State
from .problem import Problem
from .schemes import Scheme, largest_step


class StepSizeWarning(UserWarning):
    """The step is longer than the scheme follows stably: what is seen is the step, not the flow."""


class Monitor:
    """Watches a run.

    Along −∇E without noise E cannot increase; a step that raises it beyond rounding is counted.
    While the Onsager-reaction force is on, the stiffness, the largest eigenvalue of the symmetric
    part of −∂F/∂x, is measured when a segment is entered and after 1, 2, 4, 8 … steps, and compared
    with what the scheme allows.  The vanilla dynamics is not stiff, and far from normal: there the
    symmetric part says nothing about stability.

    Attributes
    ----------
    stiffness : float
        Largest rate seen; nan if the Onsager-reaction force was never on.
    gradient_steps, rising_steps : int
        Steps along the gradient flow, and those among them in which E rose in some column.
    n_steps, rejected : int
    """

    def __init__(self, scheme: Scheme, dt: float) -> None:
        self._scheme, self._dt = scheme, dt
        self._is_bound = False
        self._steps_here = 0
        self.stiffness = np.nan
        self.gradient_steps = self.rising_steps = self.n_steps = self.rejected = 0

    def enter(self, problem: Problem, t: float, x: State) -> None:
        """A segment begins."""
        self._is_bound = problem.stiffness_is_bound
        self._steps_here = 0
        if problem.is_regulated(t):
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
        allowed = _rounding(problem.controlled(moved), last.force)
        return bool(np.any(~(after <= before + allowed)))

    def record(
        self,
        problem: Problem,
        t: float,
        moved: State,
        first: Evaluation,
        last: Evaluation,
        x: State,
        h: float,
    ) -> None:
        """A step was accepted."""
        self.n_steps += 1
        self._steps_here += 1
        if problem.is_gradient_flow(t):
            self.gradient_steps += 1
            self.rising_steps += self.rises(problem, x, first, moved, last)
        count = self._steps_here
        # The stabilised scheme measures for itself.
        due = self._scheme.name != "chebyshev" and count & (count - 1) == 0
        if due and not self._is_bound and problem.is_regulated(t):
            self.measure(problem, t, moved)

    @property
    def largest_stable_dt(self) -> float:
        """Largest step the scheme follows stably at the largest stiffness seen."""
        return largest_step(self._scheme, self.stiffness) if self.stiffness > 0 else np.nan

    @property
    def energy_rise_fraction(self) -> float:
        """Share of the steps along −∇E in which E rose; nan if there were none."""
        return self.rising_steps / self.gradient_steps if self.gradient_steps else np.nan

    def warnings(self) -> list[str]:
        """What the user must know, one sentence each."""
        limit = self.largest_stable_dt
        too_long = not self._is_bound and self._dt > limit * (1 + 1e-9)
        adaptive = self._scheme.name == "chebyshev"
        found = []
        if too_long and not adaptive:
            found.append(
                f"dt = {self._dt:g} of method '{self._scheme.name}' exceeds the largest stable "
                f"step {limit:.3g} at the stiffness {self.stiffness:.3g} met on the way"
            )
        if self.rising_steps:
            found.append(
                f"E rose in {self.energy_rise_fraction:.1%} of the steps along −∇E, which only a "
                f"step that is too long does (dt = {self._dt:g})"
            )
        if found:
            remedy = "shorten dt" if adaptive else "shorten dt or use method='chebyshev'"
            found[-1] += f"; {remedy}: chaos or oscillations of this run are the step's"
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
