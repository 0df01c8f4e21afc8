"""White noise that does not depend on the batch."""

from __future__ import annotations

import numpy as np

from meanfield.common import seeds

from ..network import State


class ColumnNoise:
    """Standard normal vectors, every column from a generator of its own.

    Column k draws from child k of the seed: the same numbers whatever other columns run beside it.

    Parameters
    ----------
    seed : int or None
        None draws a seed from the operating system, to be read from `entropy`.
    like : State
        A state of the shape and precision to draw.
    """

    def __init__(self, seed: int | None, like: State) -> None:
        sequence = seeds.sequence(seed, "noise")
        self.entropy = sequence.entropy
        self._like = like
        columns = int(np.prod(like.shape[1:], dtype=int))
        self._generators = [np.random.default_rng(s) for s in sequence.spawn(columns)]

    def draw(self) -> State:
        """The next vectors, of the shape of the state."""
        n = self._like.shape[0]
        rows = np.empty((len(self._generators), n))
        for row, generator in zip(rows, self._generators, strict=True):
            generator.standard_normal(out=row)
        return rows.T.reshape(self._like.shape).astype(self._like.dtype)
