"""E–I networks of [HH] Fig. 6 that move: what all neurons share, in noise, and chaos beside it."""

from functools import cache
from typing import Any

import numpy as np

from meanfield import Stationary, common_mode, stationary
from meanfield.common import seeds
from meanfield.common.arguments import Array

from ...couplings import PAPER_SETS, column_means, dale, dale_radius
from ...integration import integrate
from ...lyapunov import maximal_lyapunov
from ..statement import Design, Prediction, TheoryValue

_SIGMA = 1.0
# As printed the inhibitory set is too near onset: thousands of neurons do not resolve its chaos.
_FACTOR = 1.6
# c_k of a matrix: with noise they fall like 0.8ᵏ.
_ORDER = 25

_MOVING = ("inhibitory", "balanced")
PREDICTIONS = (
    *(
        Prediction(
            f"shared_{name}",
            f"⟨M²⟩, M = Σv_jφ_j, {name} set, σ = 1, divided by linear response with c_k = vᵀWᵏ1",
            "meanfield.common_mode; derivations: common_mode.solution",
        )
        for name in _MOVING
    ),
    Prediction("chaos_delta0", f"Δ₀ about M(t), inhibitory set × {_FACTOR}", "[SCS]"),
    Prediction("chaos_lyapunov", "largest Lyapunov exponent, the same", "[SCS]"),
)


@cache
def _state(name: str) -> Stationary:
    """With noise, on lags over which C decays."""
    lags = np.linspace(0, 40, 801)
    return stationary(dale_radius(**PAPER_SETS[name]), sigma=_SIGMA, tau=lags)


def theory(*, seed: int) -> dict[str, TheoryValue]:
    """One population of the radius as gain; the common mode in units of its own theory."""
    chaos = stationary(_FACTOR * dale_radius(**PAPER_SETS["inhibitory"]), n_tau=2)
    return {f"shared_{name}": TheoryValue(1.0) for name in _MOVING} | {
        f"chaos_{name}": TheoryValue(float(getattr(chaos, name))) for name in ("delta0", "lyapunov")
    }


def measure(n: int, seed: int, *, t_skip: float, t_max: float, dt: float) -> dict[str, float]:
    """Averages over time of one matrix each."""
    numbers: dict[str, float] = {}
    for k, name in enumerate(_MOVING):
        own = seeds.member(seed, k)
        J = _couplings(name, n, own)
        means = column_means(J, order=_ORDER)._asdict()
        moving = _run(J, own, t_skip, t_max, dt=dt, temperature=_SIGMA**2 / 2)
        shared = np.mean((np.tanh(moving) @ J.sum(axis=0) / (n - 1)) ** 2)
        numbers[f"shared_{name}"] = float(shared / common_mode(_state(name), **means).variance)
    own = seeds.member(seed, len(_MOVING))
    J = _FACTOR * _couplings("inhibitory", n, own)
    # About M(t), which falls more slowly than 1/n.
    numbers["chaos_delta0"] = float(_run(J, own, t_skip, t_max, dt=dt).var(axis=1).mean())
    growth = maximal_lyapunov(J, seed=own, t_skip=t_skip, t_max=t_max, dt=dt)
    return numbers | {"chaos_lyapunov": float(growth.value)}


def _couplings(name: str, n: int, seed: int) -> Array:
    return dale(n, **PAPER_SETS[name], seed=seed, sparse=False, zero_row_sum=False)


def _run(J: Array, seed: int, t_skip: float, t_max: float, **how: Any) -> Array:
    """States at every unit of time after t_skip."""
    start = seeds.generator(seed, "start").standard_normal(len(J))
    run = integrate(J, start, t_max=t_max, save_at=np.arange(t_skip, t_max + 0.5), seed=seed, **how)
    return np.asarray(run.x, dtype=float)


TITLE = "Excitatory–inhibitory networks: common mode in noise, chaos"
PRESETS = {
    "quick": Design({150: 26, 300: 18}, {"t_skip": 20.0, "t_max": 150.0, "dt": 0.1}),
    "paper": Design({500: 60, 1000: 40, 2000: 20}, {"t_skip": 30.0, "t_max": 260.0, "dt": 0.1}),
}
