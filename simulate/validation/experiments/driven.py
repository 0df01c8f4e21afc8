"""Networks in white noise and under drives with random phases: activity and exponents."""

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from meanfield import driven_stationary, stationary
from meanfield.common import seeds
from meanfield.common.arguments import Array

from ... import couplings
from ...integration import integrate
from ...lyapunov import maximal_lyapunov
from ..statement import Design, Prediction, TheoryValue

_NOISE = "stationary DMFT with noise, Schuecker, Goedeke & Helias 2018"
_DRIVE = "stationary DMFT with a drive, Rajan, Abbott & Sompolinsky 2010"
# g and σ, and g, A and ω.
_NOISY = {"weak": (2.0, 0.5), "strong": (3.0, 1.0), "quiet": (1.5, 1.0)}
_DRIVEN = {
    "chaos": (2.0, 1.0, 1.0), "slow": (2.5, 1.0, 0.3), "fast": (3.0, 4.0, 3.0),
    "locked": (1.5, 2.0, 1.5), "saturated": (2.5, 4.0, 0.5),
}  # fmt: skip
_OF = {"delta0": "Δ₀", "q": "q"}

PREDICTIONS = (
    *(
        Prediction(f"{name}_lyapunov", f"λ, g = {g:g}, white noise σ = {sigma:g}", _NOISE)
        for name, (g, sigma) in _NOISY.items()
    ),
    *(
        Prediction(f"{name}_lyapunov", f"λ, g = {g:g}, drive A = {A:g}, ω = {omega:g}", _DRIVE)
        for name, (g, A, omega) in _DRIVEN.items()
    ),
    *(
        Prediction(f"{name}_{of}", f"{sign}, drive {name}", _DRIVE)
        for name in ("chaos", "locked")
        for of, sign in _OF.items()
    ),
)


def theory(*, seed: int) -> dict[str, TheoryValue]:
    """The stationary states."""
    found: dict[str, Any] = {
        name: stationary(g, sigma=sigma, n_tau=2) for name, (g, sigma) in _NOISY.items()
    } | {name: driven_stationary(*point, n_tau=2) for name, point in _DRIVEN.items()}
    numbers = {}
    for row in PREDICTIONS:
        name, _, quantity = row.name.partition("_")
        state = found[name]
        error = state.relative_error if name in _NOISY else state.resolution_error
        numbers[row.name] = TheoryValue(float(getattr(state, quantity)), float(error))
    return numbers


def measure(n: int, seed: int, *, t_skip: float, t_max: float, dt: float) -> dict[str, float]:
    """Exponents of one network each, and averages over time."""
    numbers: dict[str, float] = {}
    for k, (name, point) in enumerate([*_NOISY.items(), *_DRIVEN.items()]):
        own = seeds.member(seed, k)
        J = couplings.elliptic(n, point[0], seed=own)
        how: dict[str, Any] = {"dt": dt, "seed": own}
        if name in _NOISY:
            how["temperature"] = point[1] ** 2 / 2
        else:
            how["inputs"] = _drive(*point[1:])
        x0 = seeds.generator(own, "start").standard_normal(n)
        growth = maximal_lyapunov(J, x0=x0, t_skip=t_skip, t_max=t_max, **how)
        numbers[f"{name}_lyapunov"] = float(growth.value)
        if name in ("chaos", "locked"):
            run = integrate(
                J, x0, t_max=t_max, save_at=np.arange(t_skip, t_max + 1e-9, 5 * dt), **how
            )
            x = np.asarray(run.x, dtype=float)
            averages = {"delta0": np.mean(x**2), "q": np.mean(np.tanh(x) ** 2)}
            numbers |= {f"{name}_{of}": float(value) for of, value in averages.items()}
    return numbers


def _drive(amplitude: float, omega: float) -> Callable[[float, Array], Array]:
    return lambda t, u: amplitude * np.cos(omega * t + 2 * math.pi * u)


TITLE = "Noise and drives with random phases: λ, Δ₀, q"
_RUN: Mapping[str, Any] = {"t_skip": 30.0, "t_max": 110.0, "dt": 0.1}
PRESETS = {
    "quick": Design({150: 16, 300: 10}, {**_RUN, "t_max": 90.0}),
    "paper": Design({500: 60, 1000: 40, 2000: 20}, {**_RUN, "t_skip": 60.0, "t_max": 360.0}),
}
