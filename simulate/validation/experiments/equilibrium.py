"""Samples of exp(−βE) against the paramagnetic branch of the replica theory, in every regime."""

from __future__ import annotations

from typing import NamedTuple

from meanfield import saddle_point, seeds

from ... import couplings
from ...boltzmann import sample_boltzmann
from ..statement import Design, Experiment, Prediction, Value


class _Point(NamedTuple):
    """Where the measure is sampled, and with how many leapfrog steps a trajectory."""

    regime: str
    g: float
    gamma: float
    beta: float
    leapfrog: int


# The soft directions, of width 1/√(βλ_min), and with them the trajectories grow towards low T.
POINTS = {
    "I": _Point("regime I", 0.5, 0.5, 10.0, 10),
    "II": _Point("regime II", 0.74, 0.5, 20.0, 16),
    "II_cold": _Point("regime II", 0.74, 0.5, 60.0, 24),
    "III": _Point("regime III", 0.9, 0.5, 10.0, 12),
    "independent": _Point("independent couplings", 1.2, 0.0, 2.0, 10),
    "negative": _Point("below β_SG", 1.5, -0.5, 2.0, 12),
}
_SYMBOLS = {"q": "q", "energy": "βe", "r": "r"}
_SOURCE = "paramagnetic saddle point at finite β, [QH]"
# Where a closed form says more than the numbers of the saddle point.
_SOURCES = {
    "energy_independent": "βe = ½ exactly; derivations: identities.independent_couplings",
    "q_II": "towards q ∝ √T; derivations: regimes.two_square_root",
    "q_II_cold": "towards q ∝ √T; derivations: regimes.two_square_root",
    "r_II": "towards r = 1/(g²(1+γ)); derivations: regimes.two_values",
    "r_II_cold": "towards r = 1/(g²(1+γ)); derivations: regimes.two_values",
}

PREDICTIONS = tuple(
    Prediction(
        f"{quantity}_{name}",
        f"{symbol} at g = {point.g:g}, γ = {point.gamma:g}, β = {point.beta:g} ({point.regime})",
        _SOURCES.get(f"{quantity}_{name}", _SOURCE),
    )
    for name, point in POINTS.items()
    for quantity, symbol in _SYMBOLS.items()
)


def theory(*, seed: int) -> dict[str, Value]:
    """Deterministic, with the quadrature error of the solver."""
    values: dict[str, Value] = {}
    for name, (_, g, gamma, beta, _) in POINTS.items():
        point = saddle_point(g, gamma, beta=beta, branch="paramagnetic")
        found = {"q": point.q, "energy": beta * point.energy, "r": point.r}
        error = float(point.quadrature_error)
        values |= {f"{key}_{name}": Value(float(value), error) for key, value in found.items()}
    return values


def measure(n: int, seed: int, *, n_samples: int, chains: int) -> dict[str, float]:
    """One network for each point, drawn from the same normal deviates."""
    values: dict[str, float] = {}
    for index, (name, (_, g, gamma, beta, leapfrog)) in enumerate(POINTS.items()):
        run = sample_boltzmann(
            couplings.elliptic(n, g, gamma, seed=seed),
            beta,
            n_samples=n_samples,
            chains=chains,
            seed=seeds.member(seed, index),
            warmup=150,
            leapfrog=leapfrog,
            # One rung: E has no barriers that matter where replicas do not order, and R-hat of
            # chains from independent x ~ N(0, 1) would tell.
            lowest_beta=beta,
            store_samples=False,
        )
        found = {"q": run.q, "energy": beta * run.energy, "r": run.r}
        values |= {f"{key}_{name}": float(value) for key, value in found.items()}
    return values


EXPERIMENT = Experiment(
    key="equilibrium",
    title="Equilibrium of exp(−βE): q, βe and r of the paramagnetic branch",
    predictions=PREDICTIONS,
    theory=theory,
    measure=measure,
    scales={
        "quick": Design({80: 7, 160: 6}, {"n_samples": 1300, "chains": 2}),
        "paper": Design({200: 64, 400: 32, 800: 12}, {"n_samples": 1300, "chains": 2}),
    },
)
