"""Principal components of many trajectories, for [HH] Fig. 5 (d)."""

from __future__ import annotations

from functools import partial

import numpy as np
import xarray as xr

from meanfield import Switching, seeds
from meanfield.transfer import Array

from ...couplings import elliptic
from ...integration import integrate
from ...parallel import in_parallel
from ...pca import principal_components
from .protocol import steps

N_COMPONENTS = 3
INDEPENDENT = "independent"
# What the starting points of the trajectories are: the paper does not say.
STARTS = {
    INDEPENDENT: "independent x_i ~ N(0, 1)",
    "uniform": "independent x_i uniform in [0, 1]",
    "alike": "x_i = c for all i, c uniform in [0, 1]",
    "near": "one N(0, 1) state plus 0.01 N(0, 1)",
}
_NEAR = 0.01
_SHOWN = 3


def trajectories(
    *,
    n: int,
    g: float,
    n_trajectories: int,
    n_samples: int,
    t_max: float,
    variant: str,
    seed: int,
    workers: int | None,
    progress: bool,
) -> xr.Dataset:
    """Explained variance for every kind of starts; projections and E for independent ones.

    One network; κ is switched from 0 to 1 at half time.
    """
    jobs = [
        partial(_components, n, g, n_trajectories, n_samples, t_max, kind, variant, seed)
        for kind in STARTS
    ]
    found = list(in_parallel(jobs, workers, label="hh5 d", progress=progress))
    t, explained, before, projections, energy = zip(*found, strict=True)
    main = list(STARTS).index(INDEPENDENT)
    return xr.Dataset(
        {
            "explained": (
                ("start", "component"),
                np.array(explained),
                {"long_name": "share of the variance of all samples of all trajectories"},
            ),
            "explained_before": (
                ("start", "component"),
                np.array(before),
                {"long_name": "the same of the samples before the switch"},
            ),
            "projection": (
                ("t", "component", "trajectory"),
                projections[main],
                {"long_name": "independent starts"},
            ),
            "energy": (("t", "trajectory"), energy[main], {"long_name": "E/N of these"}),
        },
        {"start": list(STARTS), "t": t[main], "component": np.arange(1, N_COMPONENTS + 1)},
        {"t_switch": t_max / 2, "n_trajectories": n_trajectories, "n_samples": n_samples},
    )


def _components(
    n: int,
    g: float,
    n_trajectories: int,
    n_samples: int,
    t_max: float,
    kind: str,
    variant: str,
    seed: int,
) -> tuple[Array, Array, Array, Array, Array]:
    member = seeds.member(seed, 0)
    # Single precision halves the memory of the samples and is enough for their variances.
    run = integrate(
        elliptic(n, g, seed=member),
        _start(kind, n, n_trajectories, member),
        t_max=t_max,
        onsager=Switching([t_max / 2], [0, 1]),
        save_at=np.linspace(0, t_max, n_samples),
        dtype=np.float32,
        **steps(variant),
    )
    assert run.x is not None
    whole = principal_components(run.x, N_COMPONENTS)
    before = principal_components(run.x[run.t <= t_max / 2], N_COMPONENTS)
    return (
        run.t,
        whole.explained_ratio,
        before.explained_ratio,
        whole.projections[..., :_SHOWN],
        run.energy[:, :_SHOWN],
    )


def _start(kind: str, n: int, count: int, seed: int) -> Array:
    rng = seeds.generator(seed, "start", list(STARTS).index(kind))
    if kind == "uniform":
        return rng.random((n, count))
    if kind == "alike":
        return np.ones((n, 1)) * rng.random(count)
    independent = rng.standard_normal((n, count))
    if kind == "near":
        return rng.standard_normal((n, 1)) + _NEAR * independent
    return independent
