"""Times of steps and switches."""

import numpy as np

from meanfield.schedule import step_times


def test_step_times() -> None:
    times = [0.0, 0.73, 1.0, 1.0007]
    grid = step_times(times, 0.1)
    assert set(times) <= set(grid)
    steps = np.diff(grid)
    assert np.all(steps > 0)
    assert np.all(steps <= 0.1 * (1 + 1e-9))
    # As many steps as needed and no more, and none of rounding.
    assert grid.size == 1 + 8 + 3 + 1
    assert step_times([0.0, 0.3], 0.1).size == 4
    assert step_times([0.0, 0.05], 0.1).tolist() == [0.0, 0.05]
