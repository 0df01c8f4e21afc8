"""Low temperature: the solver's limits T → 0 against the closed forms of the three regimes.

No network takes part: theory against theory, at random g and γ of every regime.
"""

from collections.abc import Callable

import numpy as np

from meanfield import (
    SaddlePoint,
    critical_gain,
    measure_transition_gain,
    null_fluctuation,
    null_response,
    saddle_point,
    square_root_amplitude,
)
from meanfield.common import seeds
from meanfield.common.arguments import Array

from ..statement import Design, Prediction

# Limits s → 0 of expansions in (Cs)^k, of which k = 1, 2 are removed: (Cs)³/8 is left.  Over the
# ranges below C is largest for q in regime II, 161 at γ = 0.1 next to the upper line.  That leaves
# 7e-8, less than a tenth of the bound.
_STEP, _TRUNCATION = 5e-5, 1e-6
# Share of an interval between two lines that is left out at each end: amplitudes diverge there.
_MARGIN = 0.2

PREDICTIONS = tuple(
    Prediction(name, statement, f"derivations: {check}", bound=_TRUNCATION)
    for name, statement, check in (
        ("q_I", "q/T → G²/(1−g²G²), regime I", "regimes.one_response"),
        ("r_I", "r → G = (1−√(1−4γg²))/(2γg²), regime I", "regimes.one_response"),
        ("q_line", "q/T^⅔ on the line g(1+γ) = 1, 0 < γ < 1", "regimes.line"),
        ("q_II", "q/√T → its amplitude, regime II", "regimes.two_square_root"),
        ("r_II", "r → 1/(g²(1+γ)), regime II", "regimes.two_values"),
        ("Xq_II", "Xq → 1/g² − r², regime II", "regimes.two_values"),
        ("psi_II", "ψ → ½ − 1/(2g²(1+γ)) − ln g, regime II", "regimes.free_entropy"),
        ("q_III", "q/(g²(1+γ)−1) → 3/(2(3+γ)) at β = ∞", "measure.onset"),
    )
)


def measure(n: int, seed: int) -> dict[str, float]:
    """Relative deviations (of ψ: absolute) at one random point of each regime; `n` has no part."""
    rng = seeds.generator(seed, "start")
    share = rng.uniform(_MARGIN, 1 - _MARGIN)
    deviations = {}

    # The branch that starts in x = 0, at T = s² and the current g and γ.
    def cold(s: Array) -> SaddlePoint:
        return saddle_point(g, gamma, beta=s**-2, branch="paramagnetic", sheet="null")

    gamma = rng.uniform(-0.9, 0.9)
    g = share * float(critical_gain(gamma))
    deviations["q_I"] = _limit(lambda s: cold(s).q / s**2) / float(null_fluctuation(g, gamma)) - 1
    deviations["r_I"] = _limit(lambda s: cold(s).r) / float(null_response(g, gamma)) - 1

    gamma = rng.uniform(0.1, 0.9)
    g, high = float(critical_gain(gamma)), float(measure_transition_gain(gamma))
    # With φ = x − x³/3 + …: v³ = (1−γ)T²/(2γ(1+γ)³), q = (1+γ)²v.
    amplitude = (1 + gamma) * ((1 - gamma) / (2 * gamma)) ** (1 / 3)
    deviations["q_line"] = _limit(lambda s: cold(s**1.5).q / s**2) / amplitude - 1

    g += share * (high - g)
    amplitude = float(square_root_amplitude(g, gamma))
    r = 1 / (g**2 * (1 + gamma))
    deviations["q_II"] = _limit(lambda s: cold(s).q / s) / amplitude - 1
    deviations["r_II"] = _limit(lambda s: cold(s).r) / r - 1
    deviations["Xq_II"] = _limit(lambda s: cold(s).X * cold(s).q) / (1 / g**2 - r**2) - 1
    psi = _limit(lambda s: cold(s).free_entropy)
    deviations["psi_II"] = psi - (0.5 - r / 2 - float(np.log(g)))

    gamma = rng.uniform(0, 0.9)
    slope = _limit(
        lambda s: saddle_point(np.sqrt((1 + s) / (1 + gamma)), gamma, branch="paramagnetic").q / s
    )
    deviations["q_III"] = slope * 2 * (3 + gamma) / 3 - 1
    return deviations


def _limit(value: Callable[[Array], Array]) -> float:
    """Value at s = 0 of a smooth function of s: Richardson's scheme over s, s/2, s/4."""
    f = value(_STEP / np.array([1.0, 2.0, 4.0]))
    first = 2 * f[1:] - f[:-1]
    return float((4 * first[1] - first[0]) / 3)


TITLE = "Low temperature: closed forms of the three regimes"
PRESETS = {"quick": Design({0: 8}), "paper": Design({0: 200})}
