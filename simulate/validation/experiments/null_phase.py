"""The null state x = 0 against random matrices: response, fluctuation, anharmonic shift, entropy.

With H = (J − I)ᵀ(J − I) the Hessian of E at x = 0 and B = (I − J)⁻¹, the measure exp(−βE) at β → ∞
is Gaussian to leading order: response B, covariance T H⁻¹ and partition function 1/|det(I − J)|.
"""

import math
from functools import partial

import numpy as np

from meanfield import null_fluctuation, null_response, saddle_point
from meanfield.common import seeds

from ... import couplings
from ..statement import Design, Prediction, TheoryValue

# Away from the line g(1+γ) = 1, where inverse matrices of finite n have heavy tails.
_POINTS = {
    "independent": (0.7, 0.0),
    "positive": (0.5, 0.5),
    "negative": (0.9, -0.5),
    "symmetric": (0.4, 1.0),
}
_QUARTIC = ("positive", "negative")
# Beyond the line: 1 lies inside the support of the elliptic law, |z| < g(1+γ) = 1.12 on the axis.
_BEYOND, _SHIFT = (0.7, 0.6), 0.1


def _at(g: float, gamma: float) -> str:
    return f"at g = {g:g}, γ = {gamma:g}".replace("-", "−")


def _of(row: str, *names: str) -> dict[str, tuple[float, float]]:
    return {f"{row}_{name}": _POINTS[name] for name in names or _POINTS}


_ENTROPY = "ψ = −(1/N) ln|det(I − J)|"
_SLOPE = f"slope of (1/N) ln|det(z − J)| at z = 1 ± {_SHIFT:g}"

PREDICTIONS = tuple(
    Prediction(name, f"{statement} {_at(*point)}", f"derivations: {check}")
    for places, statement, check in (
        (_of("response"), "G = (1/N) tr (I − J)⁻¹", "elliptic.outside"),
        (_of("fluctuation"), "q/T = (1/N) tr [(J−I)ᵀ(J−I)]⁻¹", "elliptic.singular_values"),
        (
            _of("X", *_QUARTIC),
            "X, from ⟨E⟩ = NT/2 − NXT²/2 to first order in the quartic part of E,",
            "regimes.one_response",
        ),
        ({"entropy": _POINTS["positive"]}, _ENTROPY, "regimes.free_entropy"),
        ({"entropy_beyond": _BEYOND}, f"{_ENTROPY} beyond the line,", "regimes.free_entropy"),
        ({"response_beyond": _BEYOND}, f"r = 1/(g²(1+γ)), {_SLOPE},", "elliptic.inside"),
    )
    for name, point in places.items()
)


def theory(*, seed: int) -> dict[str, TheoryValue]:
    """Closed forms, and X and ψ of the saddle point at β = ∞."""
    branch = partial(saddle_point, branch="paramagnetic")
    numbers = {
        "entropy": branch(*_POINTS["positive"]).free_entropy,
        "response_beyond": null_response(*_BEYOND),
        "entropy_beyond": branch(*_BEYOND).free_entropy,
        **{name: null_response(*point) for name, point in _of("response").items()},
        **{name: null_fluctuation(*point) for name, point in _of("fluctuation").items()},
        **{name: branch(*point).X for name, point in _of("X", *_QUARTIC).items()},
    }
    return {name: TheoryValue(float(value)) for name, value in numbers.items()}


def measure(n: int, seed: int) -> dict[str, float]:
    """Traces and determinants of one matrix per (g, γ)."""
    numbers: dict[str, float] = {}
    for k, (name, (g, gamma)) in enumerate(_POINTS.items()):
        J = couplings.elliptic(n, g, gamma, seed=seeds.member(seed, k))
        inverse = np.linalg.inv(np.eye(n) - J)
        response = inverse.diagonal()
        variance = np.sum(inverse**2, axis=1)  # diagonal of H⁻¹ = BBᵀ
        numbers[f"response_{name}"] = float(response.mean())
        numbers[f"fluctuation_{name}"] = float(variance.mean())
        if name in _QUARTIC:
            # tanh: E has the quartic part −⅓ Σ f_i J_ij x_j³, whose Gaussian mean is −nT²X/2 with
            # X = (2/n) Σ_j (BJ)_jj (H⁻¹)_jj and BJ = B − I; ⟨x·∇E⟩ = nT doubles its weight in ⟨E⟩.
            numbers[f"X_{name}"] = float(2 * np.mean((response - 1) * variance))
        if name == "positive":
            numbers["entropy"] = -_log_determinant(J, 1.0)
    J = couplings.elliptic(n, *_BEYOND, seed=seeds.member(seed, len(_POINTS)))
    # Traces of the inverse have no mean here: real eigenvalues come close to 1.  Logarithms have,
    # and inside the support the resolvent is linear in z, so that the quotient is exact.
    difference = _log_determinant(J, 1 + _SHIFT) - _log_determinant(J, 1 - _SHIFT)
    numbers["response_beyond"] = difference / (2 * _SHIFT)
    # ln|det| of a real matrix has the mean −¼ ln n + O(1) beside its leading term where real
    # eigenvalues are dense (exactly so for the determinant of independent Gaussian entries).
    numbers["entropy_beyond"] = -_log_determinant(J, 1.0) - math.log(n) / (4 * n)
    return numbers


def _log_determinant(J: np.ndarray, z: float) -> float:
    return float(np.linalg.slogdet(z * np.eye(len(J)) - J).logabsdet) / len(J)


TITLE = "Null state: response, fluctuation and entropy against random matrices"
PRESETS = {
    "quick": Design({100: 100, 200: 60, 400: 12}),
    "paper": Design({250: 400, 500: 200, 1000: 100, 2000: 40}),
}
