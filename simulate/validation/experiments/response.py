"""Integrated response: static branch, DMFT memory and networks, at rest and in chaos."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy.integrate import quad
from scipy.special import ive, jv

from meanfield import saddle_point, seeds, stationary
from meanfield.transfer import Array

from ... import couplings
from ...integration import integrate
from ..statement import Design, Experiment, Prediction, Value

_REST = "[QH] Fig. 4; derivations: fixed_point_phase.integral"
_MEMORY = "derivations: fixed_point_phase.powers"
_LEAK = "derivations: temperature.response"
# Adaptive quadrature is asked for 1e-11 and the solver for 1e-10 of numbers of order one.
_QUADRATURE, _SOLVER = 1e-9, 1e-8
# So near the line, where G has slopes up to 2γ(1+γ)/(1−γ) in g(1+γ), it is 1+γ up to 4e-8.
_NEAR, _PEAK = 1e-9, 1e-7
# δφ is odd in the field: the relative error is ε², and what e^λt makes of it in chaos.
_FIELD = 1e-3

PREDICTIONS = (
    Prediction("memory", "∫R dt of the DMFT at rest is the static G, random g(1+γ) < 1",
               _REST, bound=_QUADRATURE),
    Prediction("peak", "static G at g(1+γ) = 1 ± 1e-9 is 1+γ, random γ",
               "[QH] abstract; derivations: onset.response_peak", bound=_PEAK),
    Prediction("rest_positive", "R_int of networks at rest is the static G, γ = 0.5", _REST),
    Prediction("rest_negative", "R_int of networks at rest is the static G, γ = −0.5", _REST),
    Prediction("early_positive", "∫₀ᵗ R of networks at rest, R = e^−t I₁(2at)/(at), γ = 0.5",
               _MEMORY),
    Prediction("early_negative", "∫₀ᵗ R of networks at rest, R = e^−t J₁(2|a|t)/(|a|t), γ = −0.5",
               _MEMORY),
    Prediction("independent_Q", "static Q is q of exp(−βE) at β = ∞, γ = 0, random g > 1",
               "derivations: identities.independent_couplings", bound=_SOLVER),
    Prediction("independent_G", "static G is its response r",
               "derivations: identities.independent_couplings", bound=_SOLVER),
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

    return float(quad(pulse, 0, t_max, epsabs=1e-11, epsrel=1e-11, limit=500)[0])


def theory(
    *, seed: int, rest: Sequence[Mapping[str, float]], chaos: Mapping[str, float]
) -> dict[str, Value]:
    """Deterministic, with the errors of the solvers."""
    found = {}
    for sign, point in zip(_SIGNS, rest, strict=True):
        g, gamma = point["g"], point["gamma"]
        static = saddle_point(g, gamma)
        found[f"rest_{sign}"] = Value(float(static.G), _QUADRATURE)
        found[f"early_{sign}"] = Value(_memory(g, gamma, point["early"]), _QUADRATURE)
    wandering = stationary(chaos["g"], n_tau=2)
    found["chaos_response"] = Value(1 - float(wandering.q), float(wandering.error * wandering.q))
    return found


def measure(
    n: int,
    seed: int,
    *,
    rest: Sequence[Mapping[str, float]],
    chaos: Mapping[str, float],
    dt: float,
    starts: int,
) -> dict[str, float]:
    """One network for each point; the closed statements at a random point."""
    rng = seeds.generator(seed, "sampling")
    gamma = rng.uniform(-0.95, 0.95)
    g = rng.uniform(0.1, 0.95) / (1 + gamma)
    found = {"memory": _memory(g, gamma, math.inf) - float(saddle_point(g, gamma).G)}
    line = (1 + np.array([-_NEAR, _NEAR])) / (1 + gamma)
    found["peak"] = float(np.abs(saddle_point(line, gamma).G - 1 - gamma).max())
    g = rng.uniform(1.05, 5)
    one, other = saddle_point(g), saddle_point(g, beta=math.inf, branch="paramagnetic")
    found["independent_Q"] = float(one.Q - other.q)
    found["independent_G"] = float(one.G - other.r)
    for k, (sign, point) in enumerate(zip(_SIGNS, rest, strict=True)):
        early, late = _at_rest(n, seed, k, point, dt, starts)
        found[f"early_{sign}"], found[f"rest_{sign}"] = float(early), float(late)
    return found | _in_chaos(n, seed, chaos, dt, starts)


def _at_rest(
    n: int, seed: int, k: int, point: Mapping[str, float], dt: float, starts: int
) -> Array:
    """Response of x = 0 to constant fields of random signs, early and late."""
    J = couplings.elliptic(n, point["g"], point["gamma"], seed=seeds.member(seed, k))
    field = _FIELD * seeds.generator(seed, "start", k).choice([-1.0, 1.0], size=(n, starts))
    run = integrate(
        J, np.zeros((n, starts)), t_max=point["t_max"], dt=dt, inputs=lambda t: field,
        save_at=[point["early"], point["t_max"]],
    )  # fmt: skip
    assert run.x is not None
    found: Array = np.mean(field * np.tanh(run.x), axis=(1, 2)) / _FIELD**2
    return found


def _in_chaos(
    n: int, seed: int, chaos: Mapping[str, float], dt: float, starts: int
) -> dict[str, float]:
    """Averages over time, then twins in opposite fields for a while."""
    g, duration = chaos["g"], chaos["duration"]
    J = couplings.elliptic(n, g, seed=seeds.member(seed, 2))
    rng = seeds.generator(seed, "start", 2)
    run = integrate(
        J, rng.standard_normal((n, starts)), t_max=chaos["t_max"], dt=dt, store_states=False,
        save_at=np.arange(chaos["t_skip"], chaos["t_max"] + 0.25, 0.5),
        observables={
            "excess": lambda t, x, f: np.mean(x**2 - g**2 * np.tanh(x) ** 2 + f**2)
        },
    )  # fmt: skip
    signs = rng.choice([-1.0, 1.0], size=(n, starts))
    field = _FIELD * np.hstack([signs, -signs])
    twins = integrate(
        J, np.hstack([run.x_end, run.x_end]), t_max=duration, dt=dt, inputs=lambda t: field
    )
    phi = np.tanh(twins.x_end)
    # The leak alone forgets the field: R(t, s) = ⟨φ′⟩ e^−(t−s).
    response = np.mean(signs * (phi[:, :starts] - phi[:, starts:])) / (2 * _FIELD)
    response /= -math.expm1(-duration)
    return {
        "chaos_response": float(response),
        "chaos_slope": float(response - np.mean(1 - phi**2)),
        "chaos_temperature": float(run.observables["excess"].mean()),
    }


def _points(positive: float, negative: float, t_max: float) -> list[dict[str, float]]:
    return [
        {"g": positive, "gamma": 0.5, "early": 3.0, "t_max": t_max},
        {"g": negative, "gamma": -0.5, "early": 3.0, "t_max": t_max},
    ]


_QUICK: dict[str, Any] = {
    "rest": _points(0.5, 1.5, 20.0),
    "chaos": {"g": 3.0, "t_skip": 20.0, "t_max": 60.0, "duration": 5.0},
}
_PAPER: dict[str, Any] = {
    "rest": _points(0.6, 1.8, 60.0),
    "chaos": {"g": 2.0, "t_skip": 100.0, "t_max": 500.0, "duration": 5.0},
}

EXPERIMENT = Experiment(
    key="response",
    title="Integrated response and effective temperature: replicas, DMFT and networks",
    predictions=PREDICTIONS,
    theory=theory,
    measure=measure,
    scales={
        "quick": Design({200: 16, 600: 16}, {**_QUICK, "dt": 0.1, "starts": 8}, _QUICK),
        "paper": Design(
            {500: 24, 1000: 24, 2000: 12}, {**_PAPER, "dt": 0.05, "starts": 16}, _PAPER
        ),
    },
)
