"""Correlated couplings, γ ≠ 0: the causal sampler against networks, from x(0) ~ N(0, 1) on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from meanfield import seeds

from ... import couplings
from ..statement import Design, Experiment, Prediction, Value
from .probe import sampled, sampled_value, twins

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


def theory(
    *, seed: int, cases: Sequence[Mapping[str, float]], n_trajectories: int, batches: int
) -> dict[str, Value]:
    """Sampled, extrapolated to M → ∞."""
    found: dict[str, Value] = {}
    for k, ((sign, _), case) in enumerate(zip(_CASES, cases, strict=True)):
        run = sampled(
            case["g"], case["gamma"], t_max=case["late"], dt=case["dt"],
            n_trajectories=n_trajectories, batches=batches,
            save_every=round(case["early"] / case["dt"]), seed=seeds.member(seed, k),
        )  # fmt: skip
        # Saved are 0, the earlier and the later time.
        for name, quantity, *place in (
            ("C", "C", 2, 2), ("C_early", "C", 1, 2), ("delta", "delta", 2, 2),
            ("energy", "energy", 2), ("r_int", "r_int", 1),
        ):  # fmt: skip
            found[f"{name}_{sign}"] = sampled_value(run, quantity, *place)
    return found


def measure(
    n: int, seed: int, *, cases: Sequence[Mapping[str, float]], starts: int
) -> dict[str, float]:
    """One network for each case: averages over both twins, and their response."""
    found: dict[str, float] = {}
    for k, ((sign, _), case) in enumerate(zip(_CASES, cases, strict=True)):
        J = couplings.elliptic(n, case["g"], case["gamma"], seed=seeds.member(seed, k))
        rng = seeds.generator(seed, "start", k)
        x0 = rng.standard_normal((n, starts))
        run, response = twins(J, x0, rng, save_at=[case["early"], case["late"]], dt=case["dt"])
        assert run.x is not None
        early, late = np.tanh(run.x)
        found[f"C_{sign}"] = float(np.mean(late**2))
        found[f"C_early_{sign}"] = float(np.mean(early * late))
        found[f"delta_{sign}"] = float(np.mean(run.x[1] ** 2))
        found[f"energy_{sign}"] = float(np.mean(run.energy[1]))
        found[f"r_int_{sign}"] = float(response[0])
    return found


_QUICK = [
    {"g": 1.5, "gamma": 0.5, "early": 5.0, "late": 10.0, "dt": 0.1},
    {"g": 3.0, "gamma": -0.5, "early": 5.0, "late": 6.0, "dt": 0.05},
]
_PAPER = [
    {"g": 1.5, "gamma": 0.5, "early": 10.0, "late": 20.0, "dt": 0.05},
    {"g": 3.0, "gamma": -0.5, "early": 10.0, "late": 11.0, "dt": 0.025},
]

EXPERIMENT = Experiment(
    key="correlated",
    title="Correlated couplings: C, Δ, energy and response at finite times, γ = ±0.5",
    predictions=PREDICTIONS,
    theory=theory,
    measure=measure,
    presets={
        "quick": Design(
            {200: 36, 600: 36},
            {"cases": _QUICK, "starts": 8},
            {"cases": _QUICK, "n_trajectories": 24_000, "batches": 8},
        ),
        "paper": Design(
            {500: 60, 1000: 60, 2000: 40},
            {"cases": _PAPER, "starts": 16},
            {"cases": _PAPER, "n_trajectories": 128_000, "batches": 16},
        ),
    },
)
