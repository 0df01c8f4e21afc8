"""Integrated response: DMFT memory and networks, at rest and in chaos."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import scipy
from scipy.special import ive, jv

from meanfield import saddle_point
from meanfield.common import seeds
from meanfield.common.arguments import Array

from ... import couplings
from ...integration import integrate
from ..statement import Design, Prediction, TheoryValue
from .probe import FIELD, perturbed_pairs, stationary_values

_Numbers = Mapping[str, float]
_REST = "[QH] Fig. 4; derivations: fixed_point_phase.integral"
_MEMORY = "derivations: fixed_point_phase.powers"
_LEAK = "derivations: temperature.response"
# Adaptive quadrature is asked for 1e-11 of numbers of order one.
_QUADRATURE = 1e-9

PREDICTIONS = (
    Prediction("memory", "∫R dt of the DMFT at rest is the static G, random g(1+γ) < 1",
               _REST, bound=_QUADRATURE),
    Prediction("rest_positive", "R_int of networks at rest is the static G, γ = 0.5", _REST),
    Prediction("rest_negative", "R_int of networks at rest is the static G, γ = −0.5", _REST),
    Prediction("early_positive", "∫₀ᵗ R of networks at rest, R = e^−t I₁(2at)/(at), γ = 0.5",
               _MEMORY),
    Prediction("early_negative", "∫₀ᵗ R of networks at rest, R = e^−t J₁(2|a|t)/(|a|t), γ = −0.5",
               _MEMORY),
    Prediction("chaos_response", "R_int of chaotic networks is 1 − q of the DMFT, γ = 0", _LEAK),
    Prediction("chaos_slope", "R_int − ⟨φ′⟩ of chaotic networks, γ = 0", _LEAK),
    Prediction("chaos_temperature", "Δ₀ − g²q + 2e: the q of exp(−βE) at T = −2e, γ = 0",
               "derivations: temperature.activity"),
)  # fmt: skip
_SIGNS = ("positive", "negative")


def _memory(g: float, gamma: float, t_max: float) -> float:
    """∫R of the state of rest up to t_max."""
    a = g * math.sqrt(abs(gamma))

    def pulse(t: float) -> float:
        if gamma > 0:
            return float(ive(1, 2 * a * t) * math.exp((2 * a - 1) * t) / (a * t))
        return float(math.exp(-t) * jv(1, 2 * a * t) / (a * t))

    return float(scipy.integrate.quad(pulse, 0, t_max, epsabs=1e-11, epsrel=1e-11, limit=500)[0])


def theory(*, seed: int, rest: Sequence[_Numbers], chaos: _Numbers) -> dict[str, TheoryValue]:
    """Deterministic, with the errors of the solvers."""
    numbers = {}
    for sign, point in zip(_SIGNS, rest, strict=True):
        g, gamma = point["g"], point["gamma"]
        numbers[f"rest_{sign}"] = TheoryValue(float(saddle_point(g, gamma).G), _QUADRATURE)
        numbers[f"early_{sign}"] = TheoryValue(_memory(g, gamma, point["early"]), _QUADRATURE)
    q = stationary_values(chaos["g"], "q")["q"]
    numbers["chaos_response"] = TheoryValue(1 - q.value, q.value_err)
    return numbers | {"chaos_slope": TheoryValue(0.0), "chaos_temperature": TheoryValue(0.0)}


def measure(
    n: int, seed: int, *, rest: Sequence[_Numbers], chaos: _Numbers, dt: float, starts: int
) -> dict[str, float]:
    """One network for each point; the closed statement at a random point."""
    rng = seeds.generator(seed, "sampling")
    gamma = rng.uniform(-0.95, 0.95)
    g = rng.uniform(0.1, 0.95) / (1 + gamma)
    numbers = {"memory": _memory(g, gamma, math.inf) - float(saddle_point(g, gamma).G)}
    for k, (sign, point) in enumerate(zip(_SIGNS, rest, strict=True)):
        early, late = _at_rest(n, seed, k, point, dt, starts)
        numbers[f"early_{sign}"], numbers[f"rest_{sign}"] = float(early), float(late)
    return numbers | _in_chaos(n, seed, chaos, dt, starts)


def _at_rest(n: int, seed: int, k: int, point: _Numbers, dt: float, starts: int) -> Array:
    """Response of x = 0 to constant fields of random signs, early and late."""
    J = couplings.elliptic(n, point["g"], point["gamma"], seed=seeds.member(seed, k))
    field = FIELD * seeds.generator(seed, "start", k).choice([-1.0, 1.0], size=(n, starts))
    run = integrate(
        J, np.zeros((n, starts)), t_max=point["t_max"], dt=dt, inputs=lambda t: field,
        save_at=[point["early"], point["t_max"]],
    )  # fmt: skip
    assert run.x is not None
    numbers: Array = np.mean(field * np.tanh(run.x), axis=(1, 2)) / FIELD**2
    return numbers


def _in_chaos(n: int, seed: int, chaos: _Numbers, dt: float, starts: int) -> dict[str, float]:
    """Averages over time, then pairs in opposite fields for a while."""
    g, duration = chaos["g"], chaos["duration"]
    J = couplings.elliptic(n, g, seed=seeds.member(seed, 2))
    rng = seeds.generator(seed, "start", 2)
    run = integrate(
        J, rng.standard_normal((n, starts)), t_max=chaos["t_max"], dt=dt, store_states=False,
        save_at=np.arange(chaos["t_skip"], chaos["t_max"] + 0.25, 0.5),
        observables={"excess": lambda t, x, f: np.mean(x**2 - g**2 * np.tanh(x) ** 2 + f**2)},
    )  # fmt: skip
    last, responses = perturbed_pairs(J, run.x_end, rng, save_at=[duration], dt=dt)
    # The leak alone forgets the field: R(t, s) = ⟨φ′⟩ e^−(t−s).
    response = float(responses[0]) / -math.expm1(-duration)
    return {
        "chaos_response": response,
        "chaos_slope": response - float(np.mean(1 - np.tanh(last.x_end) ** 2)),
        "chaos_temperature": float(run.observables["excess"].mean()),
    }


def _points(t_max: float, *places: tuple[float, float]) -> list[dict[str, float]]:
    return [{"g": g, "gamma": gamma, "early": 3.0, "t_max": t_max} for g, gamma in places]


_QUICK: dict[str, Any] = {
    "rest": _points(20.0, (0.5, 0.5), (1.5, -0.5)),
    "chaos": {"g": 3.0, "t_skip": 20.0, "t_max": 60.0, "duration": 5.0},
}
_PAPER: dict[str, Any] = {
    "rest": _points(60.0, (0.6, 0.5), (1.8, -0.5)),
    "chaos": {"g": 2.0, "t_skip": 100.0, "t_max": 500.0, "duration": 5.0},
}

TITLE = "Integrated response and effective temperature: DMFT and networks"
PRESETS = {
    "quick": Design({200: 16, 600: 10}, {**_QUICK, "dt": 0.1, "starts": 8}, _QUICK),
    "paper": Design({500: 24, 1000: 24, 2000: 12}, {**_PAPER, "dt": 0.05, "starts": 16}, _PAPER),
}
