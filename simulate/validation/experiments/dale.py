"""Excitatory–inhibitory networks of [HH] Fig. 6: radius by variance, outliers, fixed point."""

import numpy as np
from scipy.sparse.linalg import eigs

from meanfield import stationary
from meanfield.common import seeds

from ...couplings import PAPER_SETS, dale, dale_mean, dale_outlier, dale_radius
from ...integration import integrate
from ..statement import Design, Prediction, TheoryValue

_UNBALANCED = ("inhibitory", "excitatory")
# Balanced, and a disc that is small beside the roots ±i√s.
_NARROW = {"f": 0.8, "alpha": 1.0, "mu_e": 1.0, "mu_i": -4.0, "sigma_e": 0.1, "sigma_i": 0.1}
_ONE = "stationary DMFT, J₀ = N E[J]"

PREDICTIONS = (
    *(
        Prediction(
            f"radius_{name}",
            f"ℛ², {name} set: growth per step of |J̃ᵏv|², random v, J̃ = J − E[J]; the variance "
            "law behind the spectral radius ℛ",
            "[HH] below Eq. 18; derivations: dale.radius",
        )
        for name in PAPER_SETS
    ),
    # The noise moves the mean by Var(vᵀJ̃u)/λ³, of relative order 1/N².
    *(
        Prediction(
            f"outlier_{name}",
            f"outlying eigenvalue of the {name} set, divided by the root of z² − λ₀z + s",
            "[HH] Eq. 18; derivations: dale.mean_matrix, dale.outliers",
        )
        for name in _UNBALANCED
    ),
    # s − c₁ to first order in c_k; the second is of order ℛ⁴/s.
    Prediction(
        "outlier_pair",
        "(Im z)² of the outlying pair, balanced, α = 1, σ = 0.1, divided by s",
        "derivations: dale.outliers",
    ),
    # Faster than 1/N: what is left out is weighed by φ', which falls as x of order λ₀ ∝ √N grows.
    Prediction("fixed_mean", "|⟨x⟩|, excitatory set, divided by μ at this N", _ONE, power=2),
    Prediction("fixed_square", "⟨x²⟩, the same, divided by μ² + Δ₀ at this N", _ONE, power=2),
    Prediction("fixed_energy", "E/N, the same: rest, while x = 0 is unstable", _ONE, bound=1e-12),
)


def theory(*, seed: int) -> dict[str, TheoryValue]:
    """The formula of the radius; outliers and the fixed point in units of theirs."""
    numbers = {
        f"radius_{name}": TheoryValue(dale_radius(**parameters) ** 2)
        for name, parameters in PAPER_SETS.items()
    }
    ratios = *(f"outlier_{name}" for name in (*_UNBALANCED, "pair")), "fixed_mean", "fixed_square"
    return numbers | dict.fromkeys(ratios, TheoryValue(1.0))


def measure(n: int, seed: int, *, powers: int, probes: int) -> dict[str, float]:
    """Growth of random vectors under J̃, eigenvalues of largest modulus, the end of a run."""
    numbers: dict[str, float] = {}
    for k, (name, parameters) in enumerate(PAPER_SETS.items()):
        own = seeds.member(seed, k)
        J = dale(n, **parameters, seed=own, sparse=True, zero_row_sum=False)
        excitatory = np.arange(n) < round(parameters["f"] * n)
        means = {key: parameters[key] for key in ("f", "alpha", "mu_e", "mu_i")}
        # Column by column: the mean coupling of a network of one kind alone.
        kinds = [dale_mean(n, **means | {"f": share}) for share in (1.0, 0.0)]
        mean = np.where(excitatory, *kinds)[:, None]
        vectors = seeds.generator(own, "start").standard_normal((n, probes))
        first = np.sum(vectors**2)
        for _ in range(powers):
            # E[J] has no diagonal.
            vectors = J @ vectors - np.sum(mean * vectors, axis=0) + mean * vectors
        # Self-averaging, unlike max |λ|, whose distance from ℛ falls like √(ln N/N): no power.
        numbers[f"radius_{name}"] = float((np.sum(vectors**2) / first) ** (1 / powers))
        if name in _UNBALANCED:
            largest = eigs(J, k=1, which="LM", v0=np.ones(n), tol=1e-6, return_eigenvectors=False)
            numbers[f"outlier_{name}"] = float(largest[0].real / dale_outlier(n, **means)[0].real)
        if name == "excitatory":
            state = stationary(
                dale_radius(**parameters), mean_coupling=n * dale_mean(n, **means), n_tau=2
            )
            start = 1 + seeds.generator(own, "start").standard_normal(n)
            run = integrate(J, start, t_max=60.0, dt=0.1, save_at=[60.0])
            square = np.mean(run.x_end**2) / (state.mean**2 + state.delta0)
            numbers["fixed_mean"] = float(abs(run.x_end.mean()) / state.mean)
            numbers |= {"fixed_square": float(square), "fixed_energy": float(run.energy[-1])}
    own = seeds.member(seed, len(PAPER_SETS))
    narrow = dale(n, **_NARROW, seed=own, sparse=False, zero_row_sum=False)
    pair = eigs(narrow, k=1, which="LM", v0=np.ones(n), return_eigenvectors=False)
    numbers["outlier_pair"] = float((pair[0].imag / dale_outlier(n, **_NARROW)[0].imag) ** 2)
    return numbers


TITLE = "Excitatory–inhibitory networks: variance law of the radius, outliers, fixed point"
PRESETS = {
    "quick": Design({1000: 12, 2000: 8}, {"powers": 5, "probes": 4}),
    "paper": Design({1500: 200, 3000: 100, 6000: 40}, {"powers": 8, "probes": 8}),
}
