"""Onset of chaos and of the static branch: the solvers against series in ε.  No network."""

import numpy as np

from meanfield import saddle_point, stationary
from meanfield.common.arguments import Array

from ..statement import Design, Prediction, TheoryValue

# Second coefficients are extrapolated through five points.  The coefficients of the series grow
# about sixfold from order to order, which leaves 2·6⁵ Π ε_k ≈ 2·10⁻⁷; rounding leaves less.
_EPSILON = 0.0025 * np.arange(1, 6)
_TRUNCATION = 1e-6
# Far from γ = 1, where the response is singular at the line.
_GAMMA = 0.2

_SERIES = {
    "variance": (7 / 6, "Δ₀ ≈ ε + 7ε²/6, ε = g − 1, γ = 0", "chaos_onset.variance"),
    "rate": (-11 / 9, "κ_Δ² ≈ ε²/3 − 11ε³/9, γ = 0", "chaos_onset.shape"),
    "energy": (-5 / 6, "2e ≈ ε³/3 − 5ε⁴/6, γ = 0", "chaos_onset.kinetic_energy"),
    "lyapunov": (-11 / 6, "λ ≈ ε²/2 − 11ε³/6, γ = 0", "chaos_onset.lyapunov"),
    "overlap": (1.0, f"Q ≈ δ, static branch, δ = g(1+γ) − 1 → 0⁺, γ = {_GAMMA:g}",
                "onset.amplitude"),
    "response": (-(1 + _GAMMA), f"G ≈ (1+γ)(1 − δ) beyond the line, γ = {_GAMMA:g}",
                 "onset.response_peak"),
    "response_below": (2 * _GAMMA * (1 + _GAMMA) / (1 - _GAMMA),
                       f"slope 2γ(1+γ)/(1−γ) of G below the line, γ = {_GAMMA:g}",
                       "onset.response_peak"),
}  # fmt: skip

PREDICTIONS = tuple(
    Prediction(name, text, f"derivations: {source}", bound=_TRUNCATION)
    for name, (_, text, source) in _SERIES.items()
)


def theory(*, seed: int) -> dict[str, TheoryValue]:
    """The last coefficient that each series shows."""
    return {name: TheoryValue(value) for name, (value, *_) in _SERIES.items()}


def measure(n: int, seed: int) -> dict[str, float]:
    """Coefficients from the solvers, extrapolated to ε → 0; `n` and `seed` have no part."""
    chaos = stationary(1 + _EPSILON, n_tau=2)
    line = 1 + _GAMMA
    beyond = saddle_point((1 + _EPSILON) / line, _GAMMA)
    below = saddle_point((1 - _EPSILON) / line, _GAMMA)
    return {
        "variance": _limit(chaos.delta0 / _EPSILON**2 - 1 / _EPSILON),
        "rate": _limit(chaos.decay_rate**2 / _EPSILON**3 - 1 / (3 * _EPSILON)),
        "energy": _limit(2 * chaos.kinetic_energy / _EPSILON**4 - 1 / (3 * _EPSILON)),
        "lyapunov": _limit(chaos.lyapunov / _EPSILON**3 - 1 / (2 * _EPSILON)),
        "overlap": _limit(beyond.Q / _EPSILON),
        "response": _limit((beyond.G - line) / _EPSILON),
        "response_below": _limit((line - below.G) / _EPSILON),
    }


def _limit(values: Array) -> float:
    """Value at ε = 0 of the polynomial through all points."""
    return float(np.polynomial.Polynomial.fit(_EPSILON, values, len(values) - 1)(0.0))


TITLE = "Onset of chaos and of the static branch: series"
PRESETS = {"quick": Design({0: 1}), "paper": Design({0: 1})}
