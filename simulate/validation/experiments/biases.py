"""Networks with biases, a mean coupling and a φ that is not odd: static parts of the activity."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from meanfield import TransferFunction, stationary
from meanfield.common import seeds
from meanfield.common.arguments import Array

from ... import couplings
from ...integration import integrate
from ...lyapunov import maximal_lyapunov
from ..statement import Design, Prediction, TheoryValue

_SOURCE = "stationary DMFT with a frozen part, Kadmon & Sompolinsky 2015"
_OFFSET = TransferFunction(lambda x: np.tanh(x - 0.4), name="tanh(x-0.4)", bound=1.0)
# What a network has beside its couplings, by the name of the state.
_STATES: Mapping[str, dict[str, Any]] = {
    "biased": {"g": 2.0, "bias_std": 0.5},
    "offset": {"g": 2.5, "phi": _OFFSET},
    "inhibited": {"g": 6.0, "phi": "logistic", "mean_coupling": -4.0, "bias_mean": 1.5},
    "rectified": {"g": 1.0, "phi": "relu", "mean_coupling": -2.0, "bias_mean": 1.0},
}

PREDICTIONS = (
    Prediction("biased_q", "q = ⟨φ²⟩, tanh, g = 2, σ_b = ½", _SOURCE),
    Prediction("biased_delta0", "Δ₀, the same", _SOURCE),
    Prediction("biased_delta_inf", "Δ_∞, the same, from means over two parts of the run", _SOURCE),
    Prediction("biased_lyapunov", "largest Lyapunov exponent, the same", _SOURCE),
    Prediction("offset_q", "q, tanh(x − 0.4), g = 2.5", _SOURCE),
    Prediction("offset_delta_inf", "Δ_∞, the same", _SOURCE),
    Prediction("inhibited_mean", "⟨x⟩, 1/(1 + e^−x), g = 6, J₀ = −4, b = 1.5", _SOURCE),
    Prediction("inhibited_q", "q, the same", _SOURCE),
    Prediction("rectified_mean", "⟨x⟩, max(x, 0), g = 1, J₀ = −2, b = 1", _SOURCE),
    Prediction("rectified_delta0", "Δ₀, the same", _SOURCE),
)


def theory(*, seed: int) -> dict[str, TheoryValue]:
    """The stationary states."""
    found = {name: stationary(**how, n_tau=2) for name, how in _STATES.items()}
    numbers = {}
    for row in PREDICTIONS:
        state, _, quantity = row.name.partition("_")
        value = float(getattr(found[state], quantity))
        off = float(found[state].relative_error) * abs(value)
        numbers[row.name] = TheoryValue(value, off)
    return numbers


def measure(
    n: int, seed: int, *, t_skip: float, t_max: float, dt: float, gap: float
) -> dict[str, float]:
    """Averages over time of one network each."""
    numbers: dict[str, float] = {}
    for k, (name, how) in enumerate(_STATES.items()):
        own = seeds.member(seed, k)
        mean: float = how.get("mean_coupling", 0.0) / n
        J: Array = couplings.elliptic(n, how["g"], seed=own) + mean * (1 - np.eye(n))
        spread = seeds.generator(own, "bias").standard_normal(n)
        bias = how.get("bias_mean", 0.0) + how.get("bias_std", 0.0) * spread
        x0 = seeds.generator(own, "start").standard_normal(n)
        common: dict[str, Any] = {"bias": bias, "phi": how.get("phi", "tanh"), "dt": dt}
        run = integrate(J, x0, t_max=t_max, save_at=np.arange(t_skip, t_max + 0.5), **common)
        assert run.x is not None
        x = np.asarray(run.x, dtype=float)
        centre = float(x.mean())
        # Times far from each other: what moves is independent, and the product is the static part.
        early, late = x[run.t < (t_skip + t_max - gap) / 2], x[run.t > (t_skip + t_max + gap) / 2]
        frozen = np.mean((early.mean(axis=0) - centre) * (late.mean(axis=0) - centre))
        numbers |= {
            f"{name}_mean": centre,
            f"{name}_q": float(np.mean(run.phi.phi(x) ** 2)),
            f"{name}_delta0": float(np.mean((x - centre) ** 2)),
            f"{name}_delta_inf": float(frozen),
        }
        if name == "biased":
            growth = maximal_lyapunov(
                J, x0=x0, seed=own, t_skip=t_skip, t_max=t_max, dt=dt, bias=bias
            )
            numbers[f"{name}_lyapunov"] = float(growth.value)
    return {row.name: numbers[row.name] for row in PREDICTIONS}


TITLE = "Biases, mean coupling, any φ: mean, Δ₀, Δ_∞, q, λ"
_RUN = {"t_skip": 30.0, "t_max": 130.0, "dt": 0.1, "gap": 20.0}
PRESETS = {
    "quick": Design({200: 30, 400: 20}, _RUN),
    "paper": Design({500: 60, 1000: 40, 2000: 20}, {**_RUN, "t_skip": 60.0, "t_max": 360.0}),
}
