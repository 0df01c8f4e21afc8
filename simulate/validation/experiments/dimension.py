"""Dimension of activity, γ of all signs: exact covariances of linear networks, runs in noise."""

from typing import Any

import numpy as np
from scipy.linalg import solve_continuous_lyapunov

from meanfield import participation_ratio
from meanfield.common import seeds

from ... import couplings
from ...dimension import participation_ratio as of_network
from ...integration import integrate
from ..statement import Design, Prediction, TheoryValue

_LINEAR = {"independent": (0.6, 0.0), "positive": (0.5, 0.5), "negative": (0.9, -0.5)}
_G, _TEMPERATURE = 1.5, 0.5
_SOURCE = "mean square covariance of two neurons by the two-site cavity"

PREDICTIONS = (
    *(
        Prediction(
            f"linear_{name}",
            f"PR/N of a linear network in noise, g = {g:g}, γ = {gamma:g}".replace("-", "−"),
            _SOURCE,
        )
        for name, (g, gamma) in _LINEAR.items()
    ),
    *(
        Prediction(f"noise_{of}", f"PR/N of {of}, tanh, g = {_G:g}, γ = 0, T = 1/2", _SOURCE)
        for of in ("phi", "x")
    ),
)


def theory(*, seed: int) -> dict[str, TheoryValue]:
    """Double and simple integrals over spectra."""
    found = {
        f"linear_{name}": participation_ratio(*point, sigma=1, phi="linear")
        for name, point in _LINEAR.items()
    } | {
        f"noise_{of}": participation_ratio(_G, sigma=(2 * _TEMPERATURE) ** 0.5, of=of)
        for of in ("phi", "x")
    }
    return {
        name: TheoryValue(float(one.value), float(one.value_err)) for name, one in found.items()
    }


def measure(
    n: int, seed: int, *, t_skip: float, t_max: float, dt: float, starts: int
) -> dict[str, float]:
    """Lyapunov's equation of one matrix per (g, γ), and one run."""
    numbers = {}
    for k, (name, point) in enumerate(_LINEAR.items()):
        drift = couplings.elliptic(n, *point, seed=seeds.member(seed, k)) - np.eye(n)
        covariance = solve_continuous_lyapunov(drift, -np.eye(n))
        numbers[f"linear_{name}"] = float(np.trace(covariance) ** 2 / np.sum(covariance**2) / n)
    J = couplings.elliptic(n, _G, seed=seeds.member(seed, len(_LINEAR)))
    run = integrate(
        J, seeds.generator(seed, "start").standard_normal((n, starts)), t_max=t_max, dt=dt,
        temperature=_TEMPERATURE, seed=seed, save_at=np.arange(t_skip, t_max + 0.5),
    )  # fmt: skip
    found = {of: of_network(run, t_skip=t_skip, of=of).value for of in ("phi", "x")}
    return numbers | {f"noise_{of}": ratio for of, ratio in found.items()}


_RUN: dict[str, Any] = {"t_skip": 20.0, "t_max": 140.0, "dt": 0.1, "starts": 4}

TITLE = "Dimension of activity: participation ratios"
PRESETS = {
    "quick": Design({100: 40, 200: 24}, _RUN),
    "paper": Design({250: 100, 500: 60, 1000: 20}, {**_RUN, "t_max": 420.0}),
}
