"""Activity of running networks, averaged over time.  No experiment of its own."""

from __future__ import annotations

import numpy as np

from ...integration import Trajectory

OBSERVABLES = {
    "delta0": lambda t, x, f: np.mean(x**2),
    "q": lambda t, x, f: np.mean(np.tanh(x) ** 2),
}


def averages(run: Trajectory) -> dict[str, float]:
    """Δ₀, q and e, means over all times that were saved and over starts."""
    return {
        "delta0": float(run.observables["delta0"].mean()),
        "q": float(run.observables["q"].mean()),
        "energy": float(run.energy.mean()),
    }
