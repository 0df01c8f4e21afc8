"""Onset of chaos and of the static branch: series in ε, and networks with noise at g = 1."""

from __future__ import annotations

from functools import cache

import numpy as np

from meanfield import saddle_point, seeds, stationary
from meanfield.transfer import Array

from ... import couplings
from ...integration import integrate
from ..statement import Design, Experiment, Prediction, Value

# Second coefficients are extrapolated through five points.  The coefficients of the series grow
# about sixfold from order to order, which leaves 2·6⁵ Π ε_k ≈ 2·10⁻⁷; rounding leaves less.
_EPSILON = 0.0025 * np.arange(1, 6)
_TRUNCATION = 1e-6
# Far from γ = 1, where the response is singular at the line.
_GAMMA = 0.2
# Without noise the energies of networks of some hundred neurons scatter by half of their mean at
# g = 2, and by more at smaller g: noise of this strength makes the onset self-averaging.
_SIGMA = 0.5
_CRITICAL, _BEYOND = 1.0, 1.5

_SERIES = {
    "variance": (7 / 6, "Δ₀ ≈ ε + 7ε²/6, ε = g − 1, γ = 0", "chaos_onset.variance"),
    "rate": (-11 / 9, "κ_Δ² ≈ ε²/3 − 11ε³/9, γ = 0", "chaos_onset.shape"),
    "energy": (-5 / 6, "2e ≈ ε³/3 − 5ε⁴/6, γ = 0", "chaos_onset.kinetic_energy"),
    "lyapunov": (-11 / 6, "λ ≈ ε²/2 − 11ε³/6, γ = 0", "chaos_onset.lyapunov"),
    "overlap": (1.0, f"Q ≈ δ, static branch, δ = g(1+γ) − 1 → 0⁺, γ = {_GAMMA:g}",
                "onset.amplitude"),
    "response": (-(1 + _GAMMA), f"G ≈ (1+γ)(1 − δ) beyond the line, γ = {_GAMMA:g}",
                 "onset.response_peak"),
    "response_below": (2 * _GAMMA * (1 + _GAMMA) / (1 - _GAMMA),
                       f"slope 2γ(1+γ)/(1−γ) of G below the line, γ = {_GAMMA:g}",
                       "onset.response_peak"),
    "peak": (1 + _GAMMA, f"G = 1 + γ on the line, γ = {_GAMMA:g}", "onset.response_peak"),
}  # fmt: skip

_NOISY = "stationary DMFT with noise; derivations: stationary.energy"

PREDICTIONS = (
    *(
        Prediction(f"series_{name}", text, f"derivations: {source}", bound=_TRUNCATION)
        for name, (_, text, source) in _SERIES.items()
    ),
    Prediction("delta0", f"Δ₀ at the onset g = {_CRITICAL:g} with noise σ = {_SIGMA:g}", _NOISY),
    Prediction("q", f"q at the onset g = {_CRITICAL:g} with noise σ = {_SIGMA:g}", _NOISY),
    Prediction(
        "energy", f"e = (g²q − Δ₀ + σ²)/2 at the onset g = {_CRITICAL:g} with noise σ = {_SIGMA:g}",
        "derivations: stationary.kinetic_energy",
    ),
    Prediction(
        "energy_beyond", f"e at g = {_BEYOND:g} with noise σ = {_SIGMA:g}, where λ ≈ 0",
        "derivations: stationary.kinetic_energy",
    ),
)  # fmt: skip


def theory(*, seed: int) -> dict[str, Value]:
    """Coefficients of the series; stationary states with noise."""
    found = {f"series_{name}": Value(value) for name, (value, *_) in _SERIES.items()}
    points = stationary([_CRITICAL, _BEYOND], sigma=_SIGMA, n_tau=2)
    error = points.error.tolist()
    for name, k, values in (
        ("delta0", 0, points.delta0),
        ("q", 0, points.q),
        ("energy", 0, points.kinetic_energy),
        ("energy_beyond", 1, points.kinetic_energy),
    ):
        found[name] = Value(float(values[k]), error[k] * float(values[k]))
    return found


def measure(
    n: int, seed: int, *, t_skip: float, t_max: float, dt: float, starts: int
) -> dict[str, float]:
    """The series of the solvers, the same for every network; averages of two noisy networks."""
    found = {f"series_{name}": value for name, value in _series().items()}
    for k, g in enumerate((_CRITICAL, _BEYOND)):
        own = seeds.member(seed, k)
        run = integrate(
            couplings.elliptic(n, g, seed=own),
            # Near the stationary variance, so that only correlations have to form.
            seeds.generator(own, "start").standard_normal((n, starts)) * _SIGMA,
            t_max=t_max,
            dt=dt,
            temperature=_SIGMA**2 / 2,
            save_at=np.arange(t_skip, t_max + 0.5),
            store_states=False,
            observables={
                "delta0": lambda t, x, f: np.mean(x**2),
                "q": lambda t, x, f: np.mean(np.tanh(x) ** 2),
            },
            seed=own,
        )
        energy = float(run.energy.mean())
        if g == _BEYOND:
            found["energy_beyond"] = energy
        else:
            found["delta0"] = float(run.observables["delta0"].mean())
            found["q"] = float(run.observables["q"].mean())
            found["energy"] = energy
    return found


@cache
def _series() -> dict[str, float]:
    """Coefficients from the solvers, extrapolated to ε → 0."""
    chaos = stationary(1 + _EPSILON, n_tau=2)
    line = 1 + _GAMMA
    beyond = saddle_point((1 + _EPSILON) / line, _GAMMA)
    below = saddle_point((1 - _EPSILON) / line, _GAMMA)
    return {
        "variance": _limit(chaos.delta0 / _EPSILON**2 - 1 / _EPSILON),
        "rate": _limit(chaos.decay_rate**2 / _EPSILON**3 - 1 / (3 * _EPSILON)),
        "energy": _limit(2 * chaos.kinetic_energy / _EPSILON**4 - 1 / (3 * _EPSILON)),
        "lyapunov": _limit(chaos.lyapunov / _EPSILON**3 - 1 / (2 * _EPSILON)),
        "overlap": _limit(beyond.Q / _EPSILON),
        "response": _limit((beyond.G - line) / _EPSILON),
        "response_below": _limit((line - below.G) / _EPSILON),
        "peak": float(saddle_point(1 / line, _GAMMA).G),
    }


def _limit(values: Array) -> float:
    """Value at ε = 0 of the polynomial through all points."""
    return float(np.polynomial.Polynomial.fit(_EPSILON, values, len(values) - 1)(0.0))


EXPERIMENT = Experiment(
    key="onset",
    title="Onset of chaos and of the static branch; networks with noise at the onset",
    predictions=PREDICTIONS,
    theory=theory,
    measure=measure,
    scales={
        "quick": Design(
            {100: 24, 200: 16}, {"t_skip": 20.0, "t_max": 70.0, "dt": 0.05, "starts": 4}
        ),
        "paper": Design(
            {250: 100, 500: 60, 1000: 24},
            {"t_skip": 30.0, "t_max": 230.0, "dt": 0.025, "starts": 4},
        ),
    },
)
