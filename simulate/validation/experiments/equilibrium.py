"""Samples of exp(−βE) against the paramagnetic branch of the replica theory, in every regime."""

from meanfield import saddle_point

from ..statement import Design, Prediction, TheoryValue
from .probe import BoltzmannPoint

# The soft directions, of width 1/√(βλ_min), and with them the trajectories grow towards low T.
POINTS = {
    "I": BoltzmannPoint("regime I", 0.5, 0.5, 10.0, 10),
    "II": BoltzmannPoint("regime II", 0.74, 0.5, 20.0, 16),
    "II_cold": BoltzmannPoint("regime II", 0.74, 0.5, 60.0, 24),
    "III": BoltzmannPoint("regime III", 0.9, 0.5, 10.0, 12),
    "independent": BoltzmannPoint("independent couplings", 1.2, 0.0, 2.0, 10),
    "negative": BoltzmannPoint("below β_SG", 1.5, -0.5, 2.0, 12),
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
        f"{quantity}_{name}", f"{symbol} at {point}", _SOURCES.get(f"{quantity}_{name}", _SOURCE)
    )
    for name, point in POINTS.items()
    for quantity, symbol in _SYMBOLS.items()
)


def theory(*, seed: int) -> dict[str, TheoryValue]:
    """Deterministic, with the quadrature error of the solver."""
    values: dict[str, TheoryValue] = {}
    for name, (_, g, gamma, beta, _) in POINTS.items():
        point = saddle_point(g, gamma, beta=beta, branch="paramagnetic")
        at_point = {"q": point.q, "energy": beta * point.energy, "r": point.r}
        error = float(point.quadrature_error)
        values |= {
            f"{key}_{name}": TheoryValue(float(value), error) for key, value in at_point.items()
        }
    return values


def measure(n: int, seed: int, *, n_samples: int, chains: int) -> dict[str, float]:
    """One network for each point, drawn from the same normal deviates."""
    values: dict[str, float] = {}
    for index, (name, point) in enumerate(POINTS.items()):
        run = point.sample(n, seed, index, n_samples=n_samples, chains=chains)
        at_point = {"q": run.q, "energy": point.beta * run.energy, "r": run.r}
        values |= {f"{key}_{name}": float(value) for key, value in at_point.items()}
    return values


TITLE = "Equilibrium of exp(−βE): q, βe and r of the paramagnetic branch"
PRESETS = {
    "quick": Design({80: 6, 160: 5}, {"n_samples": 1300, "chains": 2}),
    "paper": Design({200: 64, 400: 32, 800: 12}, {"n_samples": 1300, "chains": 2}),
}
