"""Functions that processes of tests import, each of one point of a grid; every call is noted."""

import os
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from threadpoolctl import threadpool_info

from meanfield import StepSizeWarning, saddle_point

AXES = {"g": [k / 4 for k in range(1, 11)], "gamma": [k / 8 for k in range(10)]}


def told(*place: float) -> None:
    """Append who calls: the life of the program, the process and the place."""
    line = f"{os.environ.get('LIFE', 0)} {os.getpid()} {' '.join(f'{x!r}' for x in place)}\n"
    if "CALLS" in os.environ:
        with Path(os.environ["CALLS"]).open("ab", buffering=0) as file:
            file.write(line.encode())


def drawn(g: float, gamma: float, seed: int) -> dict[str, Any]:
    """Depends on every bit of the seed, and warns of large g."""
    x = np.random.default_rng(seed).standard_normal((60, 60))
    if g > 2:
        warnings.warn(f"steep at {g:g}", StepSizeWarning, stacklevel=1)
    return {"x": np.linalg.eigvals(g * x / 60**0.5).real.max(), "m": ("k", (x @ x.T)[0] + gamma)}


def slow(g: float, gamma: float, seed: int) -> dict[str, Any]:
    """The same, but long enough to be killed: a test says how long."""
    told(g, gamma)
    time.sleep(float(os.environ.get("NAP", "0.03")))
    return drawn(g, gamma, seed)


def state(g: float, gamma: float, seed: int) -> dict[str, Any]:
    """Static state of the replica theory at a gain near `g`."""
    told(g, gamma)
    near = g * (1 + 0.1 * np.random.default_rng(seed).random())
    found = saddle_point(near, gamma, beta=np.inf)
    return {"q": found.q, "r": found.r, "g_drawn": near}


def grid(size: int) -> dict[str, list[float]]:
    """Axes of the replica theory with `size` points, a multiple of 100."""
    g, gamma = np.linspace(0.5, 1.5, size // 100), np.linspace(0.0, 1.0, 100)
    return {"g": g.tolist(), "gamma": gamma.tolist()}


def threads(g: float) -> int:
    """How many of BLAS there are, with a warning of its own."""
    import scipy.linalg

    scipy.linalg.inv(np.eye(3))
    warnings.warn(f"of {g:g}", StepSizeWarning, stacklevel=1)
    time.sleep(0.02 * (g % 3))
    return max(one["num_threads"] for one in threadpool_info() if one["user_api"] == "blas")


def deadly(g: float) -> float:
    """At g = 3 its process dies."""
    told(g)
    time.sleep(0.02)
    if g == 3:
        os._exit(1)
    return 2 * g


def mixed(g: float) -> xr.Dataset:
    """Raises at 1, is flagged at 2, holds what cannot be sent at 3; lengths differ."""
    if g == 1:
        raise ValueError("no state at g = 1")
    attrs = {"held": (k for k in ())} if g == 3 else {}
    reason = "drifts" if g == 2 else ""
    data = {
        "x": ("k", np.arange(g)),
        "reason": reason,
        "status": "flagged" if reason else "converged",
    }
    return xr.Dataset(data, attrs=attrs)


def fails(g: float, *, limit: float) -> float:
    """Twice g, up to a limit."""
    if g > limit:
        raise RuntimeError(f"beyond {limit:g}")
    return 2 * g
