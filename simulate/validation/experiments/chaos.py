"""Chaos of uncorrelated couplings: the stationary theory against networks ([SCS])."""

from typing import Any

from meanfield.common import seeds

from ... import couplings
from ...lyapunov import maximal_lyapunov
from ..statement import Design, Prediction, TheoryValue
from .probe import activity, stationary_values

_SOURCE = "stationary DMFT, Sompolinsky et al. 1988"

PREDICTIONS = (
    Prediction("delta0", "Δ₀ = ⟨x²⟩ in chaos, γ = 0", _SOURCE),
    Prediction("q", "q = ⟨φ²⟩ in chaos, γ = 0", _SOURCE),
    Prediction("energy", "e = ½⟨f²⟩ = (g²q − Δ₀)/2, γ = 0", _SOURCE),
    Prediction("lyapunov", "largest Lyapunov exponent λ, γ = 0", _SOURCE),
)


def theory(*, seed: int, g: float) -> dict[str, TheoryValue]:
    """The stationary state."""
    return stationary_values(g, *(row.name for row in PREDICTIONS))


def measure(n: int, seed: int, *, g: float, starts: int, **times: Any) -> dict[str, float]:
    """Averages over time and starts of one network, and its exponent."""
    J = couplings.elliptic(n, g, seed=seed)
    x0 = seeds.generator(seed, "start").standard_normal((n, starts))
    averages, _ = activity(J, x0, **times)
    growth = maximal_lyapunov(J, x0=x0, seed=seed, **times)
    return averages | {"lyapunov": float(growth.value.mean())}


TITLE = "Chaos at γ = 0: Δ₀, q, kinetic energy, Lyapunov exponent"
PRESETS = {
    "quick": Design(
        {200: 30, 400: 20},
        {"g": 3.0, "t_skip": 20.0, "t_max": 80.0, "dt": 0.1, "starts": 2},
        {"g": 3.0},
    ),
    "paper": Design(
        {500: 100, 1000: 100, 2000: 40},
        {"g": 2.0, "t_skip": 100.0, "t_max": 400.0, "dt": 0.05, "starts": 4},
        {"g": 2.0},
    ),
}
