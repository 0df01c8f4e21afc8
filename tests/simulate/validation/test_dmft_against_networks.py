"""The mean-field theory of two-time functions against networks of finite size."""

import math
from typing import Any, NamedTuple

import numpy as np
import pytest

from meanfield import Switching, TwoTime, two_time
from meanfield.schedule import Schedule
from simulate import couplings, freezing, integrate


class Networks(NamedTuple):
    """Means over networks and their standard errors."""

    values: dict[str, np.ndarray]
    errors: dict[str, np.ndarray]


def networks(
    n: int, count: int, g: float, gamma: float, onsager: Schedule, times: np.ndarray, dt: float
) -> Networks:
    """Stored couplings, one start each of exact variance 1, second-order steps like the theory's.

    The energy, C(t, t′) and the freezing measure of [HH] Eq. 11, as `simulate` gives them.
    """
    found: dict[str, list[np.ndarray]] = {"energy": [], "C": [], "delta": [], "freezing": []}
    for seed in range(count):
        J = couplings.elliptic(n, g, gamma, seed=seed)
        x0 = np.random.default_rng(seed).standard_normal(n)
        x0 /= math.sqrt(np.mean(x0**2))
        run = integrate(
            J, x0, t_max=float(times[-1]), dt=dt, onsager=onsager, method="exponential",
            save_at=times,
        )  # fmt: skip
        phi = np.tanh(run.x)
        found["energy"].append(run.energy)
        found["C"].append(phi @ phi.T / n)
        found["delta"].append(run.x @ run.x.T / n)
        x = run.x.T
        found["freezing"].append(freezing(x[:, :, None], x[:, None, :], per_neuron=True))
    stacked = {name: np.array(values) for name, values in found.items()}
    return Networks(
        {name: v.mean(axis=0) for name, v in stacked.items()},
        {name: v.std(axis=0, ddof=1) / math.sqrt(count) for name, v in stacked.items()},
    )


def theory(
    g: float, gamma: float, onsager: Schedule, times: np.ndarray, dt: float, **more: Any
) -> TwoTime:
    arguments: dict[str, Any] = {
        "n_trajectories": 12_000, "batches": 12, "seed": 100, "finite_m": "ignore",
        "method": "sampler",
    } | more  # fmt: skip
    return two_time(g, gamma, t_max=float(times[-1]), dt=dt, onsager=onsager, **arguments)


def check(one: TwoTime, other: Networks, times: np.ndarray, allowed: float, level: float) -> None:
    """Deviations of at most `level` combined standard errors after `allowed` of the scale."""
    places = np.searchsorted(one.t, times - 1e-9)
    np.testing.assert_allclose(one.t[places], times, atol=1e-9)
    for name, mean in other.values.items():
        index: Any = places if mean.ndim == 1 else np.ix_(places, places)
        value, err = getattr(one, name)[index], getattr(one, name + "_err")[index]
        off = np.abs(mean - value) - allowed * np.abs(value)
        error = np.hypot(other.errors[name], err)
        # Diagonals of the freezing measure vanish exactly.
        assert np.max(off / (error + 1e-4)) < level, (name, np.max(off / (error + 1e-4)))


@pytest.mark.parametrize(
    ("gamma", "onsager"),
    [
        (0.5, 0.0),
        (-0.5, 0.0),
        pytest.param(0.5, 0.5, marks=pytest.mark.slow),
        (0.0, 1.0),
        pytest.param(-0.5, 1.0, marks=pytest.mark.slow),
    ],
)
def test_small_networks(gamma: float, onsager: Schedule) -> None:
    """16 networks of 400 neurons at g = 1.8: 5 combined standard errors at three times.

    O(1/N): 2 % is allowed for.  30 correlated comparisons of Student's t of 15 and 11 degrees of
    freedom: a false alarm of one case in 150 fresh seeds.
    """
    times = np.array([0.0, 0.5, 1.0, 2.0])
    found = networks(400, 16, 1.8, gamma, onsager, times, 0.05)
    run = theory(1.8, gamma, onsager, times, dt=0.05, save_every=10, n_trajectories=9600)
    check(run, found, times, 0.02, 5)


def test_freezing_by_switching() -> None:
    """κ from 0 to 1 at t = 2 ([HH] Fig. 2): energies, correlations and freezing across the switch.

    12 networks of 400 neurons, otherwise as above.
    """
    times = np.array([0.0, 1.0, 2.0, 2.5, 3.0])
    onsager = Switching([2.0], [0.0, 1.0])
    found = networks(400, 12, 2.0, 0.0, onsager, times, 0.05)
    run = theory(2.0, 0.0, onsager, times, dt=0.05, n_trajectories=6400, batches=8, save_every=10)
    check(run, found, times, 0.03, 5)
    switch, end = np.searchsorted(run.t, [2.0 - 1e-9, 3.0 - 1e-9])
    before = np.searchsorted(run.t, 1.0 - 1e-9)
    # The force freezes: energy falls, and less changes in one unit of time than before.
    assert run.energy[end] < 0.3 * run.energy[switch]
    assert run.freezing[switch, end] < 0.6 * run.freezing[before, switch]
