from __future__ import annotations

import numpy as np
import pytest

from simulate import Trajectory, couplings, integrate


@pytest.fixture(scope="module")
def run() -> Trajectory:
    J = couplings.elliptic(60, 2.0, seed=1)
    x0 = np.random.default_rng(2).standard_normal((60, 3))
    return integrate(J, x0, t_max=20, dt=0.1, save_at=101, phi="erf")
