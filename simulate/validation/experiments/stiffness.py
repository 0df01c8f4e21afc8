"""Stiffness of the gradient flow near x = 0, γ = 0, and where explicit Euler breaks down."""

import math
import warnings
from functools import cache

import numpy as np
import scipy

from meanfield import StepSizeWarning
from meanfield.common import seeds
from meanfield.common.arguments import Array

from ... import couplings
from ...dynamics import jacobian
from ...integration import integrate
from ..statement import Design, Prediction, TheoryValue

_GAINS = (0.5, 2.0, 10.0)
_GAPPED = 0.5
_DT, _SHORT = 0.04, 0.01
# From x ~ N(0, 1) λ_max(Hess E) stays below 3.5 g², so that Δt λ_max < 1.6 here.
_DESCENT_GAIN = 3.3
# Small enough for the linear regime: corrections of relative order x².
_SMALL = 1e-6
# Gains that are searched, in units of the prediction: five standard deviations around the mean of
# the smallest networks.
_LOW, _HIGH = 0.9, 1.16
_SOURCE = "derivations: stiffness.edges"
# Edges of the spectrum fluctuate, and approach their limits, by N^(−2/3) (Tracy–Widom).
_EDGE = 2 / 3

PREDICTIONS = (
    *(
        Prediction(f"top_{g:g}", f"λ_max(Hess E) at x = 0, g = {g:g}, γ = 0", _SOURCE, _EDGE)
        for g in _GAINS
    ),
    Prediction("bottom", f"λ_min(Hess E) at x = 0, g = {_GAPPED:g}, γ = 0", _SOURCE, _EDGE),
    Prediction(
        "euler", f"gain where E rises along Euler steps Δt = {_DT:g} from small x: Δt λ_max = 2",
        _SOURCE + ", schemes.real_intervals", _EDGE,
    ),
    Prediction(
        "euler_ratio",
        f"ratio of these gains at Δt = {_SHORT:g} and {_DT:g}, 2 without the leak",
        _SOURCE + ", schemes.real_intervals", _EDGE,
    ),
    # E(x′) ≤ E(x) − Δt|∇E|²(1 − Δt λ_max/2) between neighbouring steps.
    Prediction(
        "descent",
        f"share of Euler steps Δt = {_DT:g} in which E rises at g = {_DESCENT_GAIN:g}, "
        "x(0) ~ N(0, 1): none while Δt λ_max < 2",
        "derivations: descent.regulated, schemes.real_intervals", bound=0.0,
    ),
)  # fmt: skip


def theory(*, seed: int) -> dict[str, TheoryValue]:
    """Edges of the spectrum, and the gains at which the upper one is 2/Δt."""
    numbers = {f"top_{g:g}": _edge(g, "top") for g in _GAINS}
    numbers["bottom"] = _edge(_GAPPED, "bottom")
    numbers["euler"] = _euler_gain(_DT)
    numbers["euler_ratio"] = _euler_gain(_SHORT) / _euler_gain(_DT)
    return {name: TheoryValue(value) for name, value in numbers.items()}


@cache
def _edge(g: float, side: str) -> float:
    # Imported where it is needed: sympy would double the time of `import simulate`.
    from derivations.dynamics.stiffness import bottom_of_spectrum, top_of_spectrum

    return float((top_of_spectrum if side == "top" else bottom_of_spectrum)(g))


@cache
def _euler_gain(dt: float) -> float:
    return float(
        scipy.optimize.brentq(lambda g: _edge(g, "top") - 2 / dt, 1e-3, 2 / np.sqrt(dt), xtol=1e-10)
    )


def measure(n: int, seed: int, *, steps: int, bisections: int) -> dict[str, float]:
    """Edges of Hess E for each gain, and Euler runs from small and large states."""
    numbers: dict[str, float] = {}
    # Without a diagonal Σ_j ⟨J_ij²⟩ is g²(1 − 1/n).  At equal variance what is left of the approach
    # to the limit is that of an edge.
    full = 1 / math.sqrt(1 - 1 / n)
    for k, g in enumerate(_GAINS):
        J = full * couplings.elliptic(n, g, seed=seeds.member(seed, k))
        eigenvalues = np.linalg.eigvalsh(-jacobian(np.zeros(n), J, onsager=1.0))
        numbers[f"top_{g:g}"] = float(eigenvalues[-1])
        if g == _GAPPED:
            numbers["bottom"] = float(eigenvalues[0])
    unit = full * couplings.elliptic(n, 1.0, seed=seeds.member(seed, len(_GAINS)))
    start = seeds.generator(seed, "start").standard_normal(n)
    numbers["euler"] = _onset(unit, _SMALL * start, _DT, steps, bisections)
    numbers["euler_ratio"] = (
        _onset(unit, _SMALL * start, _SHORT, steps, bisections) / numbers["euler"]
    )
    numbers["descent"] = _rises(_DESCENT_GAIN * unit, start, _DT, steps)
    return numbers


def _onset(unit: Array, start: Array, dt: float, steps: int, bisections: int) -> float:
    """Smallest gain at which E rises in some step, for couplings g · `unit`; nan outside."""
    low, high = _LOW * _euler_gain(dt), _HIGH * _euler_gain(dt)
    if _rises(low * unit, start, dt, steps) > 0 or not _rises(high * unit, start, dt, steps) > 0:
        return math.nan
    for _ in range(bisections):
        middle = (low + high) / 2
        if _rises(middle * unit, start, dt, steps) > 0:
            high = middle
        else:
            low = middle
    return (low + high) / 2


def _rises(J: Array, start: Array, dt: float, steps: int) -> float:
    with warnings.catch_warnings():
        # What it warns of, a step that is too long, is the subject.
        warnings.simplefilter("ignore", StepSizeWarning)
        run = integrate(
            J, start, t_max=steps * dt, dt=dt, onsager=1.0, method="euler", store_states=False
        )
    return run.energy_rise_fraction


TITLE = "Stiffness near x = 0 and the breakdown of explicit Euler"
PRESETS = {
    "quick": Design({100: 14, 300: 8}, {"steps": 120, "bisections": 7}),
    "paper": Design({250: 200, 500: 100, 1000: 50, 2000: 10}, {"steps": 400, "bisections": 10}),
}
