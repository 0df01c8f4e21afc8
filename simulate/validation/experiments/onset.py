"""Networks with noise at the onset of chaos and beyond, γ = 0."""

from __future__ import annotations

from meanfield import seeds, stationary

from ... import couplings
from ..statement import Design, Experiment, Prediction, Value
from .probe import activity

# Without noise the energies of networks of some hundred neurons scatter by half of their mean at
# g = 2, and by more at smaller g: noise of this strength makes the onset self-averaging.
_SIGMA = 0.5
_CRITICAL, _BEYOND = 1.0, 1.5

_NOISY = "stationary DMFT with noise; derivations: stationary.energy"

PREDICTIONS = (
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
    """Stationary states with noise, with the errors of the solver."""
    found = {}
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
    """Averages over time and starts of two networks."""
    found: dict[str, float] = {}
    for k, g in enumerate((_CRITICAL, _BEYOND)):
        own = seeds.member(seed, k)
        # Near the stationary variance, so that only correlations have to form.
        x0 = seeds.generator(own, "start").standard_normal((n, starts)) * _SIGMA
        averages, _ = activity(
            couplings.elliptic(n, g, seed=own), x0, t_skip=t_skip, t_max=t_max, dt=dt,
            temperature=_SIGMA**2 / 2, seed=own,
        )  # fmt: skip
        found |= {"energy_beyond": averages["energy"]} if g == _BEYOND else averages
    return found


EXPERIMENT = Experiment(
    key="onset",
    title="Onset of chaos: networks with noise",
    predictions=PREDICTIONS,
    theory=theory,
    measure=measure,
    presets={
        "quick": Design(
            {100: 24, 200: 16}, {"t_skip": 20.0, "t_max": 70.0, "dt": 0.05, "starts": 4}
        ),
        "paper": Design(
            {250: 100, 500: 60, 1000: 24},
            {"t_skip": 30.0, "t_max": 230.0, "dt": 0.025, "starts": 4},
        ),
    },
)
