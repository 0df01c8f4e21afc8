"""Time averages of products at different times, from a ring of recent states."""

from __future__ import annotations

import numpy as np

from ...transfer import Array

# Averages are taken at every so many remembered states: neighbours tell the same.
_EVERY = 4


class LagAverages:
    """⟨x x⟩, ⟨φφ⟩ and the even part of ⟨φh⟩ at the lags 0, s, 2s, … of remembered states.

    Parameters
    ----------
    lags : int
        Number of lags.
    size : int
        Number of trajectories.
    """

    def __init__(self, lags: int, size: int) -> None:
        # Single precision: products are noisy at M^−½.
        self._x, self._phi, self._h = (np.zeros((lags, size), np.float32) for _ in range(3))
        self._lags, self._size, self._pushed, self._taken = lags, size, 0, 0
        self._sums = np.zeros((3, lags))

    def push(self, x: Array, phi: Array, h: Array) -> None:
        """Remember a state; once the ring is full, every few states are averaged over."""
        place = self._pushed % self._lags
        self._x[place], self._phi[place], self._h[place] = x, phi, h
        self._pushed += 1
        if self._pushed < self._lags or self._pushed % _EVERY:
            return
        order = (place - np.arange(self._lags)) % self._lags
        now = self._x[place], self._phi[place], self._h[place]
        products = (
            self._x @ now[0],
            self._phi @ now[1],
            (self._phi @ now[2] + self._h @ now[1]) / 2,
        )
        self._sums += np.array(products)[:, order] / self._size
        self._taken += 1

    @property
    def averages(self) -> tuple[Array, Array, Array]:
        """Δ, C and the even part of ⟨φ(t)h(t′)⟩ as functions of the lag."""
        delta, C, mixed = self._sums / max(self._taken, 1)
        return delta, C, mixed
