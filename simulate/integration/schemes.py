"""One-stage-at-a-time explicit schemes; the stabilised one lives in `chebyshev`.

Every scheme gets the evaluation at the start of its step, which the loop shares with the energy
monitor, and asks for the further stages it needs.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from meanfield import exponential

from ..network import Evaluation, State
from .noise import ColumnNoise
from .problem import Problem


class Scheme:
    """How one step is made.

    Attributes
    ----------
    name : str
    takes_noise : bool
        Whether runs at T > 0 are allowed.
    is_stabilised : bool
        Whether the scheme fits itself to the stiffness that the loop measures.
    """

    name: str
    takes_noise = False
    is_stabilised = False

    def restart(self) -> None:
        """Forget the past, if any is remembered: a parameter jumped."""

    def largest_rate(self, h: float) -> float:
        """Largest decay rate that a step h follows stably: 2/h for first- and second-order ones."""
        return 2 / h

    def step(
        self, problem: Problem, t: float, x: State, first: Evaluation, h: float, noise: ColumnNoise
    ) -> State:
        """State at t + h."""
        raise NotImplementedError


class Euler(Scheme):
    """Explicit Euler, [HH] Eq. 9; Euler–Maruyama for T > 0."""

    name = "euler"
    takes_noise = True

    def step(
        self, problem: Problem, t: float, x: State, first: Evaluation, h: float, noise: ColumnNoise
    ) -> State:
        """See `Scheme`."""
        moved = x + h * first.drift
        if strength := problem.noise_strength(t):
            moved += (strength * math.sqrt(h)) * noise.draw()
        return moved


class Heun(Scheme):
    """Explicit trapezoidal rule; with additive noise of weak order 2 (Honeycutt 1992)."""

    name = "heun"
    takes_noise = True

    def step(
        self, problem: Problem, t: float, x: State, first: Evaluation, h: float, noise: ColumnNoise
    ) -> State:
        """See `Scheme`."""
        moved = x + h * first.drift
        strength = problem.noise_strength(t)
        kick = (strength * math.sqrt(h)) * noise.draw() if strength else None
        if kick is not None:
            moved += kick
        second = problem.evaluate(t + h, moved)
        result = x + (h / 2) * (first.drift + second.drift)
        return result if kick is None else result + kick


class LeimkuhlerMatthews(Scheme):
    """x + hF + √(2Th)(R_n + R_{n+1})/2: invariant measure of order 2 at κ = 1, one force a step.

    The overdamped limit of BAOAB (Leimkuhler, Matthews 2013); exact for a harmonic E.  Away from
    κ = 1, and for a few steps after a jump of T, its weak order is 1.
    """

    name = "leimkuhler-matthews"
    takes_noise = True

    def __init__(self) -> None:
        # Stays at a jump of parameters: its other half belongs to the next step.
        self._last: State | None = None

    def step(
        self, problem: Problem, t: float, x: State, first: Evaluation, h: float, noise: ColumnNoise
    ) -> State:
        """See `Scheme`."""
        moved = x + h * first.drift
        if strength := problem.noise_strength(t):
            last = noise.draw() if self._last is None else self._last
            self._last = noise.draw()
            moved += (strength * math.sqrt(h) / 2) * (last + self._last)
        return moved


class RungeKutta4(Scheme):
    """The classical fourth-order scheme."""

    name = "rk4"

    def largest_rate(self, h: float) -> float:
        """Real stability interval 2.785 (derivations: schemes)."""
        return 2.785293563405282 / h

    def step(
        self, problem: Problem, t: float, x: State, first: Evaluation, h: float, noise: ColumnNoise
    ) -> State:
        """See `Scheme`."""
        total = first.drift.copy()
        middle = t + h / 2
        slope = problem.evaluate(middle, x + (h / 2) * first.drift).drift
        total += 2 * slope
        slope = problem.evaluate(middle, x + (h / 2) * slope).drift
        total += 2 * slope
        total += problem.evaluate(t + h, x + h * slope).drift
        return x + (h / 6) * total


class Exponential(Scheme):
    """Exponential Adams–Bashforth of order 2 (`meanfield.exponential`), with N = F + x.

    The first step is the two-stage scheme of Cox and Matthews (2002).
    """

    name = "exponential"

    def __init__(self) -> None:
        self._last: State | None = None

    def restart(self) -> None:
        """N jumped with the parameters: its past must not be extrapolated."""
        self._last = None

    def largest_rate(self, h: float) -> float:
        """See `meanfield.exponential`."""
        return exponential.largest_rate(h)

    def step(
        self, problem: Problem, t: float, x: State, first: Evaluation, h: float, noise: ColumnNoise
    ) -> State:
        """See `Scheme`."""
        decay, flat, ramp = exponential.weights(h)
        rest = first.drift + x
        moved = decay * x
        moved += flat * rest
        if self._last is None:
            change = problem.evaluate(t + h, moved).drift + moved - rest
        else:
            change = rest - self._last
        self._last = rest
        moved += ramp * change
        return moved


_MAKERS: tuple[Callable[[], Scheme], ...]
_MAKERS = (Euler, Heun, RungeKutta4, Exponential, LeimkuhlerMatthews)
FIXED = {make().name: make for make in _MAKERS}
