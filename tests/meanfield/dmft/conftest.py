"""A network in the place of what samples one."""

from typing import Any

import numpy as np
import pytest


class Stored:
    """A matrix in memory in the place of the operator of a batch."""

    is_exhausted = False

    def __init__(self, matrix: np.ndarray) -> None:
        self.matrix = matrix

    def matvec(self, v: np.ndarray) -> np.ndarray:
        return self.matrix @ v

    def rmatvec(self, v: np.ndarray) -> np.ndarray:
        return self.matrix.T @ v


@pytest.fixture
def stored() -> Any:
    """The class, as tests cannot import each other."""
    return Stored
