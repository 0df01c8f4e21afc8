"""Overlaps q_ab = Σφ_aφ_b/n of independent samples of exp(−βE), where they vanish and where not."""

import numpy as np

from meanfield import saddle_point

from ..statement import Design, Prediction, TheoryValue
from .probe import BoltzmannPoint

POINTS = {
    "III": BoltzmannPoint("regime III", 0.9, 0.5, 10.0),
    "independent": BoltzmannPoint("independent couplings", 1.2, 0.0, 2.0),
    "hot": BoltzmannPoint("β < β_SG", 2.2, -0.5, 0.25),
}
ORDERED = BoltzmannPoint("β > β_SG", 2.2, -0.5, 10.0, 24)
# Below β_SG = 1.31 of ORDERED, where replicas do not order.
_HOTTEST = 1.0
_SOURCE = "ordered saddle point, an approximation: its replicon eigenvalue is 1.08"
# Finite-size corrections of mean-field glasses, measured as ∝ n^−2/3 at and below the transition
# of the Sherrington–Kirkpatrick model; elsewhere they are regular, ∝ 1/n.  r does not follow it at
# quick sizes, 0.636(3), 0.649(2) at n ≈ 55, 110 and 0.649 in the limit, and has no row.
_GLASS = 2 / 3

PREDICTIONS = (
    *(
        Prediction(
            f"spread_{name}",
            f"n⟨q_ab²⟩ at {point}: overlaps vanish like n^−½",
            "linearised (Q, R, P) map of the paramagnetic branch; derivations: stability.*",
        )
        for name, point in POINTS.items()
    ),
    Prediction("overlap", f"⟨q_ab²⟩ = Q² at {ORDERED}", _SOURCE, _GLASS),
    Prediction("q", f"q at {ORDERED}", _SOURCE, _GLASS),
    Prediction("energy", f"βe at {ORDERED}", _SOURCE, _GLASS),
)


def spread(g: float, gamma: float, beta: float) -> TheoryValue:
    """Limit of n⟨q_ab²⟩, n → ∞, where replicas do not order."""
    # It is Σ⟨φ_iφ_j⟩²/n, hence the overlap Q = Σ⟨φ_i⟩²/n per variance ε of independent Gaussian
    # fields w_i added to the weight as exp(Σw_iφ_i): the response of the linearised map
    # S = [[Q, R], [R, P]] → A S̃ Aᵀ, S̃ = g²[[Q, γR], [γR, P]] + [[0, 0], [0, ε]].  It diverges where
    # the instability of the paramagnetic branch reaches 1.
    point = saddle_point(g, gamma, beta=beta, branch="paramagnetic")
    a = np.array([[point.r, point.q], [-point.X, point.r]])
    # Of S as the vector of its four entries: A S̃ Aᵀ is A ⊗ A.
    both = np.kron(a, a)
    response = np.linalg.solve(
        np.eye(4) - g**2 * both * np.array([1, gamma, gamma, 1]), both @ np.array([0, 0, 0, 1])
    )
    return TheoryValue(float(response[0]), float(point.quadrature_error))


def theory(*, seed: int) -> dict[str, TheoryValue]:
    """Deterministic, with the quadrature error of the solver."""
    values = {
        f"spread_{name}": spread(g, gamma, beta) for name, (_, g, gamma, beta, _) in POINTS.items()
    }
    point = saddle_point(ORDERED.g, ORDERED.gamma, beta=ORDERED.beta, branch="ordered")
    ordered = {"overlap": point.Q**2, "q": point.q, "energy": ORDERED.beta * point.energy}
    error = float(point.quadrature_error)
    return values | {name: TheoryValue(float(value), error) for name, value in ordered.items()}


def measure(n: int, seed: int, *, n_samples: int, chains: int, n_ordered: int) -> dict[str, float]:
    """One network for each point, drawn from the same normal deviates."""
    # Chains are independent: the mean of q_ab² over their pairs is unbiased.
    values = {}
    for index, (name, point) in enumerate(POINTS.items()):
        hot = point.sample(n, seed, index, n_samples=n_samples, chains=chains)
        values[f"spread_{name}"] = n * float(hot.overlap) ** 2
    run = ORDERED.sample(
        n, seed, len(POINTS), n_samples=n_ordered, chains=2, warmup=200, lowest_beta=_HOTTEST
    )
    return values | {
        "overlap": float(run.overlap) ** 2,
        "q": float(run.q),
        "energy": ORDERED.beta * float(run.energy),
    }


TITLE = "Overlaps of replicas: 1/n where they vanish, the ordered branch beyond β_SG"
PRESETS = {
    "quick": Design({60: 7, 120: 5}, {"n_samples": 1000, "chains": 4, "n_ordered": 1200}),
    "paper": Design(
        {100: 48, 200: 32, 400: 12}, {"n_samples": 2000, "chains": 8, "n_ordered": 4000}
    ),
}
