"""Correlated couplings, γ ≠ 0, long after the start: the causal sampler against networks."""

import math
from typing import Any

import numpy as np

from meanfield import SamplerError, steady_state
from meanfield.common import seeds

from ... import couplings
from ..statement import Design, Prediction, TheoryValue
from .probe import activity, perturbed_pairs

_SOURCE = "stationary DMFT for γ ≠ 0, derivations: sampler.memory"

PREDICTIONS = (
    Prediction("q", "q = ⟨φ²⟩ of the stationary state, γ = 0.5", _SOURCE),
    Prediction("delta0", "Δ₀ = ⟨x²⟩ of the stationary state, γ = 0.5", _SOURCE),
    Prediction("energy", "e = ½⟨f²⟩ of the stationary state, γ = 0.5", _SOURCE),
    Prediction("r_int", "R_int of the stationary state within a window, γ = 0.5", _SOURCE),
)


def theory(*, seed: int, g: float, batches: int, **how: Any) -> dict[str, TheoryValue]:
    """Sampled over the same times as the networks, extrapolated to M → ∞."""
    state = steady_state(g, 0.5, batches=batches, seed=seed, method="sampler", **how)
    if not math.isfinite(state.q_finite_m):
        raise SamplerError(state.reason)
    return {
        row.name: TheoryValue(
            getattr(state, row.name), getattr(state, f"{row.name}_err"), batches - 1
        )
        for row in PREDICTIONS
    }


def measure(
    n: int, seed: int, *, g: float, window: float, dt: float, starts: int, probes: int, **times: Any
) -> dict[str, float]:
    """Averages over time; then from every last state pairs in fields ±εζ, ζ random signs."""
    J = couplings.elliptic(n, g, 0.5, seed=seed)
    rng = seeds.generator(seed, "start")
    averages, run = activity(J, rng.standard_normal((n, starts)), dt=dt, **times)
    _, response = perturbed_pairs(J, np.tile(run.x_end, probes), rng, save_at=[window], dt=dt)
    return averages | {"r_int": float(response[0])}


_QUICK: dict[str, Any] = {"g": 2.0, "t_skip": 15.0, "t_max": 55.0, "window": 15.0, "dt": 0.1}
_PAPER: dict[str, Any] = {"g": 1.5, "t_skip": 60.0, "t_max": 260.0, "window": 60.0, "dt": 0.1}

TITLE = "Correlated couplings: stationary activity, energy and response, γ = 0.5"
PRESETS = {
    "quick": Design(
        {200: 14, 400: 18},
        {**_QUICK, "starts": 6, "probes": 6},
        {**_QUICK, "n_trajectories": 8000, "batches": 8},
    ),
    "paper": Design(
        {500: 24, 1000: 24, 2000: 12},
        {**_PAPER, "starts": 8, "probes": 4},
        {**_PAPER, "n_trajectories": 128_000, "batches": 16},
    ),
}
