"""Is the step honest?  Energy along the gradient flow, the spectrum along every run."""

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from meanfield import stability
from meanfield.common.arguments import Array
from meanfield.common.result import Result, fact
from meanfield.schedule import before
from meanfield.stability import Rates, StepSizeWarning

from ..network import State
from .problem import Flags, Problem, Row, Step, earliest
from .schemes import SCHEMES, Scheme

# Time between two looks at the spectrum.
_EVERY = 10.0
# A quotient above this share of the limit asks for a measurement, some steps after the last one.
_SUSPICION, _PAUSE = 0.5, 20
# Another method is advised where its steps are so many times longer at equal cost.
_WORTH = 1.5
# Share of h|F|² by which E must fall at least in a step along −∇E.
_FALLS = 0.01
_LEAK = np.array([-1.0 + 0j])


class IntegratedRun(Result):
    """What every run knows of its steps."""

    method: str = fact("scheme that ran")
    dt: float = fact("step asked for, or chosen", note="The first trial step where steps adapt.")
    stiffness: float = fact(
        "largest eigenvalue of the symmetric part of −∂F/∂x met",
        note="That of Hess E at κ = 1; an upper bound for matrix-free couplings; nan if κ = 0 "
        "throughout.",
    )
    rotation: float = fact(
        "largest imaginary part of the spectrum of ∂F/∂x met",
        note="From a few Arnoldi steps; nan where steps adapt.",
    )
    largest_stable_dt: float = fact(
        "largest step that the scheme follows at the spectrum met",
        note='inf for "chebyshev", nan where other steps adapt.',
    )
    energy_rise_fraction: float = fact(
        "share of the steps along −∇E in which E rose, or hardly fell",
        note="By less than 1 % of h|F|²; nan if there were none.",
    )
    n_steps: int = fact("number of steps", note="Of the column with most of them.")
    n_rejected: int = fact("number of steps that were tried and not taken", note="Likewise.")
    n_evaluations: int = fact("number of drifts evaluated")


class Monitor:
    """Watches the steps of a run, the spectrum and the energy."""

    # Along −∇E without noise E cannot increase; a step that raises it beyond rounding is counted.
    # Points along the edge of the spectrum of ∂F/∂x are taken at the start, every 10 time units,
    # where κ jumps, and at the end, and held against what the scheme follows (`stability`).
    # While the Onsager-reaction force is on, also after 1, 2, 4, 8 … steps, and when a step hints
    # at an instability: its Rayleigh quotient −ΔF·Δx/|Δx|², which costs no product, approaches the
    # limit of the scheme as an unstable mode takes over.

    def __init__(
        self, scheme: Scheme, dt: float, *, adapts: bool, may_switch: bool, since: float = 0.0
    ) -> None:
        # `since`: what is averaged begins then; what a step does before is forgotten.
        self._scheme, self._dt, self._adapts, self._since = scheme, dt, adapts, since
        # Steps that adapt show an instability in their error.
        self._is_fixed = not adapts and scheme.longest_step is None
        # What a warning advises.
        self._may_switch = may_switch
        self.longest, self._limit = 0.0, np.nan
        self._is_bound = self._unwatched = False
        self._steps_here = self._next_hint = 0
        self._pause = _PAUSE
        self._culprits = "only a step that is too long"
        self._quotient = self._largest_quotient = 0.0
        self._stiffness = self._rotation = np.nan
        self._next_look, self._onsager = since, np.nan
        # The spectra that the step follows worst, and that reaches farthest.
        self._worst, self._widest = _LEAK, _LEAK
        self._worst_gain = 0.0
        self._gradient_steps = self._rising_steps = 0
        # Of each column where steps are its own.
        self._n_steps: Row = 0
        self._n_rejected: Row = 0
        # Longest step that follows the input.
        self._followed = np.inf

    def enter(self, problem: Problem, t: Row, x: State) -> None:
        """A segment begins."""
        t = earliest(t)
        onsager = problem.onsager(t)
        if problem.inputs is not None:
            self._followed = problem.inputs.longest_step
        if problem.network.function.corners.size:
            # There the other methods do no better.
            self._may_switch = False
            self._culprits = "a neuron that sticks at a kink of phi, or a step that is too long,"
        self._is_bound = problem.stiffness_is_bound and problem.is_regulated(t)
        if onsager != self._onsager:
            self._onsager = onsager
            self._steps_here = self._next_hint = 0
            self._pause = _PAUSE
            self._next_look = max(t, self._since)
        if t >= self._next_look:
            self._look(problem, t, x)

    def leave(self, problem: Problem, t: Row, x: State) -> None:
        """The run ends."""
        self._look(problem, earliest(t), x)

    def measure(self, problem: Problem, t: Row, x: State, steepest: bool = False) -> Array:
        """Stiffness of each column of a state, or of the steepest."""
        rates = problem.rates(t, x, steepest)
        if problem.is_regulated(t):
            self._stiffness = float(np.fmax(self._stiffness, np.max(rates)))
        return rates

    def refuse(self, taken: Flags) -> None:
        """Steps were not taken, of all columns or of some."""
        self._n_rejected = self._n_rejected + np.logical_not(taken)

    def _look(self, problem: Problem, t: float, x: State) -> None:
        self._next_look = t + _EVERY
        # A scheme that fits itself to the stiffness has it measured in any case.
        if self._scheme.longest_step is not None:
            return
        # Steps that adapt are not judged by it: one column will do.
        rate = self.measure(problem, t, x, self._adapts) if problem.is_regulated(t) else np.nan
        # A bound on the stiffness is judged apart.
        if self._adapts or self._is_bound:
            return
        rate = np.max(rate)
        if problem.onsager(before(t, problem.end)) == 1:
            rates = np.array([-rate], dtype=np.complex128)
        else:
            rates = problem.spectrum(t, x)
        self._rotation = float(np.fmax(self._rotation, np.max(np.abs(rates.imag))))
        self._take(rates)

    def _take(self, rates: Rates) -> None:
        rates = np.append(rates, _LEAK)
        step = self.longest or self._dt
        gain = float(np.max(stability.gain(self._scheme.amplification, step, rates)))
        if gain > self._worst_gain:
            self._worst, self._worst_gain = rates, gain
        if np.max(np.abs(rates)) > np.max(np.abs(self._widest)):
            self._widest = rates

    def rises(self, step: Step) -> NDArray[np.bool_]:
        """Whether E of each column is larger at the end of a step, beyond rounding."""
        problem, states = step.problem, step.problem.trajectory(step.x1)
        before = problem.energy(step.x0, step.first)
        after = problem.energy(step.x1, step.last)
        return ~(after <= before + problem.energy_error(states, step.last.force))

    def _does_not_fall(self, step: Step) -> NDArray[np.bool_]:
        """Whether E of each column falls by far less than the flow takes from it, h|F|²."""
        # Of a mode of rate λ a step takes (1 − λh/2) of that, which vanishes only at the limit of
        # stability.  A step that is too long can make a rest, or a cycle, of its own: E stays.
        problem, states = step.problem, step.problem.trajectory
        drift, h = states(step.first.drift), step.t1 - step.t0
        due = h * np.einsum("i...,i...->...", drift, drift, dtype=np.float64)
        fallen = problem.energy(step.x0, step.first) - problem.energy(step.x1, step.last)
        allowed = problem.energy_error(states(step.x1), step.last.force)
        return ~(fallen >= _FALLS * due - allowed)

    def record(self, step: Step) -> None:
        """A step was accepted."""
        problem = step.problem
        self._n_steps = self._n_steps + (step.t1 > step.t0)
        self._steps_here += 1
        t1, longest = earliest(step.t1), -earliest(step.t0 - step.t1)
        if longest > self.longest * (1 + 1e-9):
            self.longest = longest
            self._limit = np.nan
        descends = earliest(step.t0) >= self._since * (1 - 1e-9)
        descends = descends and all(map(problem.is_gradient_flow, (step.t0, step.t1)))
        if descends:
            self._gradient_steps += 1
            # Steps that adapt, or take less of stiff modes, are refused where they raise E.
            fits = self._adapts or self._scheme.longest_step is not None
            rises = (self.rises if fits else self._does_not_fall)(step)
            self._rising_steps += bool(np.any(rises))
        if t1 >= self._next_look:
            self._look(problem, t1, step.x1)
        if self._adapts or self._scheme.longest_step or not problem.is_regulated(step.t1):
            return
        quotient = _rayleigh(step)
        if self._is_bound:
            self._quotient += (quotient - self._quotient) / _PAUSE
            self._largest_quotient = max(self._largest_quotient, self._quotient)
            self._unwatched |= not descends
            return
        count = self._steps_here
        hint = quotient > _SUSPICION * self._largest_rate() and self._worst_gain <= 1
        hint = hint and count >= self._next_hint
        if hint:
            # Noise near the limit hints at every step: ask less and less often.
            self._pause *= 2
            self._next_hint = count + self._pause
        jumps = t1 >= problem.end and problem.onsager(problem.end) != self._onsager
        if hint or count & (count - 1) == 0 or jumps:
            self._look(problem, t1, step.x1)

    def _largest_rate(self) -> float:
        """Largest decay rate that the longest step follows."""
        if not self._is_fixed:
            return np.inf
        if np.isnan(self._limit):
            self._limit = stability.largest_rate(self._scheme.amplification, self.longest)
        return self._limit

    def would_follow(self, step: float) -> bool:
        """Whether a step, in the place of that of the run, follows what was met."""
        if self._is_bound:
            return self._stiffness <= stability.largest_rate(self._scheme.amplification, step)
        follows = self._scheme.amplification
        return all(stability.is_followed(follows, step, r) for r in (self._worst, self._widest))

    @property
    def largest_stable_dt(self) -> float:
        """Largest step that the scheme follows at what was met; nan if nothing was."""
        if self._scheme.longest_step is not None:
            return np.inf
        if self._adapts:
            return np.nan
        if self._is_bound and self._stiffness > 0:
            return self._scheme.largest_step(-self._stiffness)
        met = {id(rates): rates for rates in (self._worst, self._widest)}
        return min(self._scheme.largest_step(rates) for rates in met.values())

    @property
    def energy_rise_fraction(self) -> float:
        """Share of the steps along −∇E in which E rose; nan if there were none."""
        return self._rising_steps / self._gradient_steps if self._gradient_steps else np.nan

    def report(self, problem: Problem, failure: str = "", *, stacklevel: int) -> dict[str, Any]:
        """Fields of `IntegratedRun`, after a warning about steps that are too long."""
        judged = self.judgement()
        if judged:
            warnings.warn(judged, StepSizeWarning, stacklevel=stacklevel + 1)
        return {
            "reason": "; ".join(text for text in (failure, judged) if text),
            "method": self._scheme.name,
            "dt": self._dt,
            "stiffness": self._stiffness,
            "rotation": self._rotation,
            "largest_stable_dt": self.largest_stable_dt,
            "energy_rise_fraction": self.energy_rise_fraction,
            "n_steps": int(np.max(self._n_steps)),
            "n_rejected": int(np.max(self._n_rejected)),
            "n_evaluations": problem.network.evaluations,
        }

    def judgement(self) -> str:
        """What is wrong with the steps and what to change; empty if nothing is."""
        seen = self._seen()
        if seen:
            text = "; ".join(seen)
            return f"{text}; {self._remedy()}: chaos or oscillations of this run are the step's"
        if self._unwatched and self._stiffness > self._largest_rate():
            return (
                f"{self._step()} may be too long: the bound {self._stiffness:.3g} on the stiffness "
                f"of these matrix-free couplings vouches for steps up to "
                f"{self.largest_stable_dt:.3g} only, and without falling E nothing "
                f"else is known; {self._remedy()}"
            )
        return ""

    def _step(self) -> str:
        return f"dt = {self.longest:g} of method '{self._scheme.name}'"

    def _remedy(self) -> str:
        """What to do about a step: shorten it, or the method that goes farthest an evaluation."""
        if not self._may_switch:
            return "shorten dt"
        if self._stiffness > 0:
            return "shorten dt or use method='chebyshev'"
        able = [s for s in SCHEMES.values() if s.stages]
        reach = {s.name: s.largest_step(self._worst) for s in able}
        costs = {s.name: s.stages or 1 for s in able}
        best = max(reach, key=lambda name: reach[name] / costs[name])
        name = self._scheme.name
        if not reach[best] / costs[best] > _WORTH * reach.get(name, 0.0) / costs.get(name, 1):
            return "shorten dt"
        far = f" (steps up to {reach[best]:.3g})" if np.isfinite(reach[best]) else ""
        return f"shorten dt or use method='{best}'{far}"

    def _seen(self) -> list[str]:
        texts = []
        if self._is_bound and self._largest_quotient > _SUSPICION * self._largest_rate():
            # These couplings must not be asked for more products; a step that follows its flow has
            # a quotient far below the limit.
            texts.append(
                f"steps of {self._step()} oscillate at its stability limit (Rayleigh quotient "
                f"{self._largest_quotient:.3g} over {_PAUSE} steps, limit "
                f"{self._largest_rate():.3g})"
            )
        is_judged = self._is_fixed and self.longest > 0 and not self._is_bound
        if is_judged and not self.would_follow(self.longest * (1 - 1e-9)):
            texts.append(
                f"{self._step()} exceeds the largest stable step {self.largest_stable_dt:.3g} "
                f"for the spectrum met on the way ({stability.met(self._worst)})"
            )
        if not self._adapts and self.longest > self._followed:
            texts.append(
                f"{self._step()} is too long for the input, which turns at a rate of about "
                f"{1 / self._followed:.3g}: at most {self._followed:.2g}"
            )
        if self._rising_steps:
            texts.append(
                f"E rose, or hardly fell, in {self.energy_rise_fraction:.1%} of the steps along "
                f"−∇E, which {self._culprits} does (the longest was {self.longest:g})"
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
