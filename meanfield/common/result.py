"""The error of a call in which some points have no solution."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class Flagged(Protocol):
    """What every result has in common: which points have converged, and why the others have not."""

    @property
    def converged(self) -> NDArray[np.bool_]:
        """Whether the numbers of a point may be used."""

    @property
    def reason(self) -> NDArray[np.str_]:
        """Empty where `converged`."""


class NotConvergedError(RuntimeError):
    """Some points have no solution; `solution` holds the flagged result of the call."""

    def __init__(self, summary: str, solution: Flagged) -> None:
        super().__init__(f"{summary}. Pass throw=False to get nan there.")
        self.summary = summary
        self.solution = solution
