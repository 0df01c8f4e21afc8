"""Excitatory–inhibitory couplings of [HH] Fig. 6: radius by variance, outlying eigenvalue."""

import numpy as np
from scipy.sparse.linalg import eigs

from meanfield.common import seeds

from ...couplings import PAPER_SETS, dale, dale_mean, dale_outlier, dale_radius
from ..statement import Design, Prediction, TheoryValue

_UNBALANCED = ("inhibitory", "excitatory")

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
)


def theory(*, seed: int) -> dict[str, TheoryValue]:
    """The formula of the radius; outliers are measured in units of theirs."""
    numbers = {
        f"radius_{name}": TheoryValue(dale_radius(**parameters) ** 2)
        for name, parameters in PAPER_SETS.items()
    }
    return numbers | {f"outlier_{name}": TheoryValue(1.0) for name in _UNBALANCED}


def measure(n: int, seed: int, *, powers: int, probes: int) -> dict[str, float]:
    """Growth of random vectors under J̃, and the eigenvalue of largest modulus of J."""
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
    return numbers


TITLE = "Excitatory–inhibitory networks: variance law of the radius, and outlier"
PRESETS = {
    "quick": Design({1500: 12, 3000: 8}, {"powers": 5, "probes": 4}),
    "paper": Design({1500: 200, 3000: 100, 6000: 40}, {"powers": 8, "probes": 8}),
}
