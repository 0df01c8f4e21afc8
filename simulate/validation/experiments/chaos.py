"""Chaos of uncorrelated couplings: the stationary theory against networks ([SCS])."""

from __future__ import annotations

from meanfield import seeds, stationary

from ... import couplings
from ...lyapunov import maximal_lyapunov
from ..statement import Design, Experiment, Prediction, Value
from .probe import activity

_SOURCE = "stationary DMFT, Sompolinsky et al. 1988"


PREDICTIONS = (
    Prediction("delta0", "Δ₀ = ⟨x²⟩ in chaos, γ = 0", _SOURCE),
    Prediction("q", "q = ⟨φ²⟩ in chaos, γ = 0", _SOURCE),
    Prediction("energy", "e = ½⟨f²⟩ = (g²q − Δ₀)/2, γ = 0", _SOURCE),
    Prediction("lyapunov", "largest Lyapunov exponent λ, γ = 0", _SOURCE),
)


def theory(*, seed: int, g: float) -> dict[str, Value]:
    """Deterministic, with its own error estimates."""
    point = stationary(g, n_tau=2)
    relative = float(point.error)
    numbers = {
        "delta0": float(point.delta0),
        "q": float(point.q),
        "energy": float(point.kinetic_energy),
        "lyapunov": float(point.lyapunov),
    }
    return {name: Value(value, relative * abs(value)) for name, value in numbers.items()}


def measure(
    n: int, seed: int, *, g: float, t_skip: float, t_max: float, dt: float, starts: int
) -> dict[str, float]:
    """Averages over time and starts of one network, and its exponent."""
    J = couplings.elliptic(n, g, seed=seed)
    x0 = seeds.generator(seed, "start").standard_normal((n, starts))
    found, _ = activity(J, x0, t_skip=t_skip, t_max=t_max, dt=dt)
    growth = maximal_lyapunov(J, x0=x0, dt=dt, t_max=t_max, t_skip=t_skip, seed=seed)
    return found | {"lyapunov": float(growth.value.mean())}


EXPERIMENT = Experiment(
    key="chaos",
    title="Chaos at γ = 0: Δ₀, q, kinetic energy, Lyapunov exponent",
    predictions=PREDICTIONS,
    theory=theory,
    measure=measure,
    presets={
        "quick": Design(
            {200: 40, 400: 30},
            {"g": 3.0, "t_skip": 20.0, "t_max": 80.0, "dt": 0.1, "starts": 2},
            {"g": 3.0},
        ),
        "paper": Design(
            {500: 100, 1000: 100, 2000: 40},
            {"g": 2.0, "t_skip": 100.0, "t_max": 400.0, "dt": 0.05, "starts": 4},
            {"g": 2.0},
        ),
    },
)
