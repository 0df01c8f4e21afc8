"""Correlated couplings, γ ≠ 0: the causal sampler against networks, from x(0) ~ N(0, 1) on."""

from collections.abc import Mapping, Sequence
from typing import Any

from meanfield.common import seeds

from ... import couplings
from ..statement import Design, Prediction, TheoryValue
from .probe import perturbed_pairs, sampled, two_times

_Cases = Sequence[Mapping[str, float]]
_SOURCE = "two-time DMFT for γ ≠ 0, derivations: sampler.memory"
_CASES = (("positive", "γ = 0.5"), ("negative", "γ = −0.5"))
_ROWS = (
    ("C", "C(t, t) = ⟨φ²⟩"),
    ("C_early", "C(s, t) = ⟨φ(s)φ(t)⟩"),
    ("delta", "Δ(t, t) = ⟨x²⟩"),
    ("energy", "e(t) = ½⟨f²⟩"),
    ("r_int", "R_int = ∫₀ˢ R(s, u) du, response to a constant field"),
)

PREDICTIONS = tuple(
    Prediction(f"{name}_{sign}", f"{text}, {place}", _SOURCE)
    for sign, place in _CASES
    for name, text in _ROWS
)


def theory(*, seed: int, cases: _Cases, **how: Any) -> dict[str, TheoryValue]:
    """Sampled, extrapolated to M → ∞."""
    numbers: dict[str, TheoryValue] = {}
    for k, ((sign, _), case) in enumerate(zip(_CASES, cases, strict=True)):
        values = sampled(**case, **how, seed=seeds.member(seed, k))
        numbers |= {f"{name}_{sign}": values[name] for name, _ in _ROWS}
    return numbers


def measure(n: int, seed: int, *, cases: _Cases, starts: int) -> dict[str, float]:
    """One network for each case: averages over both of each pair, and their response."""
    numbers: dict[str, float] = {}
    for k, ((sign, _), case) in enumerate(zip(_CASES, cases, strict=True)):
        J = couplings.elliptic(n, case["g"], case["gamma"], seed=seeds.member(seed, k))
        rng = seeds.generator(seed, "start", k)
        x0, times = rng.standard_normal((n, starts)), [case["early"], case["late"]]
        run, response = perturbed_pairs(J, x0, rng, save_at=times, dt=case["dt"])
        values = {**two_times(run), "r_int": float(response[0])}
        numbers |= {f"{name}_{sign}": values[name] for name, _ in _ROWS}
    return numbers


_QUICK = [
    {"g": 1.5, "gamma": 0.5, "early": 5.0, "late": 10.0, "dt": 0.1},
    {"g": 3.0, "gamma": -0.5, "early": 5.0, "late": 6.0, "dt": 0.05},
]
_PAPER = [
    {"g": 1.5, "gamma": 0.5, "early": 10.0, "late": 20.0, "dt": 0.05},
    {"g": 3.0, "gamma": -0.5, "early": 10.0, "late": 11.0, "dt": 0.025},
]

TITLE = "Correlated couplings: C, Δ, energy and response at finite times, γ = ±0.5"
PRESETS = {
    "quick": Design(
        {200: 30, 600: 20},
        {"cases": _QUICK, "starts": 8},
        {"cases": _QUICK, "n_trajectories": 16_000, "batches": 8},
    ),
    "paper": Design(
        {500: 60, 1000: 60, 2000: 40},
        {"cases": _PAPER, "starts": 16},
        {"cases": _PAPER, "n_trajectories": 128_000, "batches": 16},
    ),
}
