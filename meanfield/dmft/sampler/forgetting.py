"""The sliding window: what is no longer needed of the past is forgotten."""

from __future__ import annotations

import math
from collections import deque

import numpy as np

from ...gaussian_operator import GaussianOperator
from ...transfer import Array

# Remembered states per window, and times per window at which the rest is dropped.
_STATES, _CUTS = 80, 12


class Forgetting:
    """Keeps the rank of an operator bounded where correlations and responses decay.

    Vectors to which the operator has been applied within the window are remembered; from time to
    time everything outside their span is dropped.  C and R are thereby cut off at a lag between W
    and (1 + 1/12) W.  Forgetting by age alone, without rotating the bases first, would be wrong:
    old directions carry most of the present state.

    Parameters
    ----------
    operator : GaussianOperator
    window : float
        W; inf forgets nothing.
    tol : float
        See `GaussianOperator.retain`.

    Attributes
    ----------
    largest_rank : int
        Directions of both sides, at most so far.
    """

    def __init__(self, operator: GaussianOperator, window: float, tol: float) -> None:
        self._operator, self._window, self._tol = operator, window, tol
        self._past: deque[tuple[float, list[Array]]] = deque()
        self._next_state, self._next_cut = -math.inf, window / _CUTS
        self.largest_rank = 0

    def remember(self, t: float, *vectors: Array | None) -> tuple[Array, Array] | None:
        """Requests made at time t; answers the rotations of the bases if something was dropped."""
        self.largest_rank = max(self.largest_rank, sum(self._operator.rank))
        if math.isinf(self._window):
            return None
        if t >= self._next_state:
            self._past.append((t, [v for v in vectors if v is not None]))
            self._next_state = t + self._window / _STATES * (1 - 1e-9)
        if t < self._next_cut:
            return None
        self._next_cut = t + self._window / _CUTS * (1 - 1e-9)
        while self._past[0][0] < t - self._window:
            self._past.popleft()
        kept = [v for _, states in self._past for v in states if np.any(v)]
        return self._operator.retain(np.array(kept).T, self._tol) if kept else None
