"""The static branch: its equations, its limit of independent couplings, the peak of its response.

No network takes part: the solver against other forms of the theory, at random g and γ.
"""

import math

import numpy as np

from meanfield import saddle_point
from meanfield.common import seeds

from ..statement import Design, Prediction

# The solver works to 1e-10; with 1e4 nodes a side on analytic functions the trapezoidal rule is
# exact up to the tails beyond 9 standard deviations, 1e-18.
_SOLVER = 1e-8
# G has slopes up to 2γ(1+γ)/(1−γ) = 74 in g(1+γ) at the largest γ, which leaves 7.4e-8 so near the
# line, and the solver adds 1e-10: the bound is almost three times as large.
_NEAR, _LINE = 1e-9, 2e-7
_LARGEST = 0.95
# Where the peak is compared with its sides: by 1e-3 at γ = 0.05, the smallest.
_APART, _SMALLEST = 0.01, 0.05
_NODES, _TAIL = 10_000, 9.0

_PEAK = "derivations: onset.response_peak"
_INDEPENDENT = "derivations: identities.independent_couplings"
_SITE = "x = z + g²γGφ(x), z ~ N(0, g²Q), random γ, 1.05 < g(1+γ) < 2"

PREDICTIONS = (
    Prediction("Q", f"Q = ⟨φ(x)²⟩, {_SITE}", "static DMFT", bound=_SOLVER),
    Prediction("G", f"G = ⟨φ′/(1 − g²γGφ′)⟩, {_SITE}", "static DMFT", bound=_SOLVER),
    Prediction("line", "G = 1+γ on the line g(1+γ) = 1, from both sides, random γ", _PEAK,
               bound=_LINE),
    Prediction("peak", "share of g(1+γ) = 0.99, 1.01 where G is not below G on the line, random "
               "γ > 0.05", "[QH] abstract; " + _PEAK, bound=0.0),
    Prediction("independent_Q", "static Q is q of exp(−βE) at β = ∞, γ = 0, random g > 1",
               _INDEPENDENT, bound=_SOLVER),
    Prediction("independent_G", "static G is its response r", _INDEPENDENT, bound=_SOLVER),
)  # fmt: skip


def measure(n: int, seed: int) -> dict[str, float]:
    """Deviations at random points; `n` has no part."""
    rng = seeds.generator(seed, "sampling")
    # k = g²γG stays below 1, where the branch ends, for these γ.
    gamma = rng.uniform(-0.9, 0.9)
    g = rng.uniform(1.05, 2) / (1 + gamma)
    point = saddle_point(g, gamma, branch="static")
    deviations = _single_site(g, gamma, float(point.Q), float(point.G))

    gamma = rng.uniform(-_LARGEST, _LARGEST)
    sides = (1 + np.array([-_NEAR, _NEAR])) / (1 + gamma)
    deviations["line"] = float(np.abs(saddle_point(sides, gamma).G - 1 - gamma).max())

    gamma = rng.uniform(_SMALLEST, _LARGEST)
    deviations["peak"] = _not_below(gamma)

    g = rng.uniform(1.05, 5)
    fixed, typical = saddle_point(g), saddle_point(g, beta=math.inf, branch="paramagnetic")
    deviations["independent_Q"] = float(fixed.Q - typical.q)
    deviations["independent_G"] = float(fixed.G - typical.r)
    return deviations


def _not_below(gamma: float) -> float:
    """Share of the two sides of the line where G is not below G on it."""
    places = 1 + np.array([-_APART, 0.0, _APART])
    low, peak, high = saddle_point(places / (1 + gamma), gamma).G.tolist()
    return ((not low < peak) + (not high < peak)) / 2


def _single_site(g: float, gamma: float, Q: float, G: float) -> dict[str, float]:
    """Relative deviations of both averages over z, taken over x: dz = (1 − kφ′) dx."""
    k, width = g**2 * gamma * G, g * math.sqrt(Q)
    if not k < 1:
        return {"Q": math.nan, "G": math.nan}
    step = (_TAIL * width + max(k, 0.0)) / _NODES
    x = step * np.arange(-_NODES, _NODES + 1)
    phi = np.tanh(x)
    slope = 1 - phi**2
    weight = np.exp(-(((x - k * phi) / width) ** 2) / 2) * step / (math.sqrt(2 * math.pi) * width)
    return {
        "Q": float(np.sum(weight * phi**2 * (1 - k * slope))) / Q - 1,
        "G": float(np.sum(weight * slope)) / G - 1,
    }


TITLE = "Static branch: single-site equations, independent couplings, peak of the response"
PRESETS = {"quick": Design({0: 16}), "paper": Design({0: 200})}
