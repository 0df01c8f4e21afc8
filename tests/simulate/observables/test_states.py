"""Freezing, and states at save times."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from meanfield import ArgumentError
from simulate import Trajectory, freezing, integrate, state_at


def test_freezing_is_the_direct_sum() -> None:
    x, later = np.random.default_rng(0).standard_normal((2, 5, 3))
    direct = [
        sum((np.tanh(x[i, k]) - np.tanh(later[i, k])) ** 2 for i in range(5)) for k in range(3)
    ]
    np.testing.assert_allclose(freezing(x, later), direct, rtol=1e-14)
    np.testing.assert_allclose(freezing(x, later, per_neuron=True), np.array(direct) / 5)
    np.testing.assert_allclose(freezing(x[:, 0], later)[0], direct[0], rtol=1e-14)
    assert freezing(x[:, 0], later[:, 0]).shape == ()
    every_pair = freezing(x[:, :, None], later[:, None])
    np.testing.assert_allclose(np.diagonal(every_pair), direct, rtol=1e-14)
    np.testing.assert_allclose(
        freezing(x, later, phi="linear"), np.sum((x - later) ** 2, axis=0), rtol=1e-14
    )


@pytest.mark.parametrize(
    ("x", "later"),
    [
        (np.zeros(3), np.zeros(4)),
        (1.0, 1.0),
        (np.zeros((3, 2)), np.zeros((3, 5))),
        (np.full(2, np.nan), np.zeros(2)),
    ],
)
def test_freezing_refuses(x: Any, later: Any) -> None:
    with pytest.raises(ArgumentError, match="x"):
        freezing(x, later)


def test_state_at_save_times_only(run: Trajectory) -> None:
    np.testing.assert_array_equal(state_at(run, 0.6), run.x[3])
    with pytest.raises(ArgumentError, match=r"t=0\.5: must be a save time.*nearest is 0\.4"):
        state_at(run, 0.5)
    bare = integrate(np.zeros((1, 1)), [1.0], t_max=1, dt=0.1, store_states=False)
    with pytest.raises(ArgumentError, match="store_states"):
        state_at(bare, 1)
