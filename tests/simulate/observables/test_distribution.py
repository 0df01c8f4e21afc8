"""Distributions of activities."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from meanfield import ArgumentError, TransferFunction
from simulate import Trajectory, activity_distribution, integrate


def test_activity_uses_the_transfer_function_of_the_run(run: Trajectory) -> None:
    assert activity_distribution(run, of="phi").edges[-1] == 1
    own = TransferFunction(
        "own",
        phi=lambda x: 2 * np.tanh(x),
        d1=lambda x: 2 - 2 * np.tanh(x) ** 2,
        d2=lambda x: -4 * np.tanh(x) * (1 - np.tanh(x) ** 2),
        bound=2.0,
    )
    strange = integrate(np.zeros((1, 1)), [1.0], t_max=1, dt=0.1, phi=own)
    assert activity_distribution(strange, of="phi").edges[-1] == 2
    assert activity_distribution(strange, of="phi", phi="tanh").edges[-1] == 1


def test_activity_distribution_of_normal_numbers() -> None:
    x = np.random.default_rng(0).standard_normal((50, 100, 4))
    distribution = activity_distribution(x, bins=40, range=(-2, 2))
    np.testing.assert_allclose(
        np.sum(distribution.density * np.diff(distribution.edges)),
        distribution.counts.sum() / x.size,
    )
    c = distribution.centers
    # Bins are narrow: their mean differs from the middle by h²/24 of the second derivative.
    exact = np.exp(-c * c / 2) / np.sqrt(2 * np.pi) * (1 + (c * c - 1) * 0.1**2 / 24)
    misses = (distribution.density - exact) / distribution.density_err
    assert 0.6 < np.mean(misses**2) < 1.6
    edges = activity_distribution(x, bins=[-1, 0, 1])
    assert edges.counts.sum() == np.sum(np.abs(x) < 1)


@pytest.mark.parametrize(
    "bad",
    [{"bins": 0}, {"bins": [1, 0]}, {"range": (1, 0)}, {"range": (0, np.inf)}, {"of": "energy"}],
)
def test_activity_distribution_refuses(bad: dict[str, Any]) -> None:
    with pytest.raises(ArgumentError):
        activity_distribution(np.ones(3), **bad)
    with pytest.raises(ArgumentError, match="finite and not empty"):
        activity_distribution([])
