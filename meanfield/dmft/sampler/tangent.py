"""A tangent vector carried along a sweep: growth rates of the network that is being revealed."""

from __future__ import annotations

import math

import numpy as np

from ... import exponential, seeds
from ...transfer import Array
from .sweep import Moment, Sweep


class Tangent:
    """δx of all trajectories, stepped with them and rescaled to norm 1.

    The same operator answers for φ′δx, so that the perturbation meets the couplings of the state.

    Parameters
    ----------
    sweep : Sweep
        Of a model with slopes.
    seed : int
    key : tuple of int

    Attributes
    ----------
    growth : float
        ln of the factor by which δx grew so far.
    """

    def __init__(self, sweep: Sweep, seed: int, key: tuple[int, ...]) -> None:
        start = seeds.generator(seed, "tangent", *key).standard_normal(sweep.x0.size)
        self._sweep = sweep
        self._delta: Array = start / np.linalg.norm(start)
        self._last: Array | None = None
        self.growth = 0.0

    def follow(self, moment: Moment, h: float, *, restarts: bool) -> None:
        """Step from `moment` over h; `restarts` where parameters jump there."""
        model, J = self._sweep.setting.model, self._sweep.operator
        assert model.slopes is not None
        slope = model.slopes(moment.t, moment.x, moment.h, moment.u)
        delta = self._delta
        phi = slope.phi_x * delta
        field = J.matvec(phi)
        requests = [phi]
        rest = (slope.drift_x + 1) * delta + slope.drift_h * field
        if moment.u is not None:
            psi = slope.psi_x * delta + slope.psi_h * field
            requests.append(psi)
            rest += slope.drift_u * J.rmatvec(psi)
        # Kept in the window together with the requests of the state.
        self._sweep.requests = requests
        decay, flat, ramp = exponential.weights(h)
        moved = decay * delta + flat * rest
        if self._last is not None and not restarts:
            moved += ramp * (rest - self._last)
        size = float(np.linalg.norm(moved))
        self.growth += math.log(size)
        self._delta, self._last = moved / size, rest / size
