"""Networks with noise at the onset of chaos and beyond, γ = 0."""

from meanfield.common import seeds

from ... import couplings
from ..statement import Design, Prediction, TheoryValue
from .probe import activity, stationary_values

# Without noise the energies of networks of some hundred neurons scatter by half of their mean at
# g = 2, and by more at smaller g: noise of this strength makes the onset self-averaging.
_SIGMA = 0.5
_CRITICAL, _BEYOND = 1.0, 1.5

_NOISY = "stationary DMFT with noise; derivations: stationary.energy"
_ENERGY = "derivations: stationary.kinetic_energy"
_NOISE = f"with noise σ = {_SIGMA:g}"
_ONSET = f"at the onset g = {_CRITICAL:g} {_NOISE}"

PREDICTIONS = (
    Prediction("delta0", f"Δ₀ {_ONSET}", _NOISY),
    Prediction("q", f"q {_ONSET}", _NOISY),
    Prediction("energy", f"e = (g²q − Δ₀ + σ²)/2 {_ONSET}", _ENERGY),
    Prediction("energy_beyond", f"e at g = {_BEYOND:g} {_NOISE}, where λ ≈ 0", _ENERGY),
)


def theory(*, seed: int) -> dict[str, TheoryValue]:
    """Stationary states with noise."""
    numbers = stationary_values(_CRITICAL, "delta0", "q", "energy", sigma=_SIGMA)
    return numbers | {"energy_beyond": stationary_values(_BEYOND, "energy", sigma=_SIGMA)["energy"]}


def measure(n: int, seed: int, *, starts: int, **times: float) -> dict[str, float]:
    """Averages over time and starts of two networks."""
    numbers: dict[str, float] = {}
    for k, g in enumerate((_CRITICAL, _BEYOND)):
        own = seeds.member(seed, k)
        # Near the stationary variance, so that only correlations have to form.
        x0 = seeds.generator(own, "start").standard_normal((n, starts)) * _SIGMA
        J = couplings.elliptic(n, g, seed=own)
        averages, _ = activity(J, x0, temperature=_SIGMA**2 / 2, seed=own, **times)
        numbers |= {"energy_beyond": averages["energy"]} if g == _BEYOND else averages
    return numbers


TITLE = "Onset of chaos: networks with noise"
PRESETS = {
    "quick": Design({100: 24, 200: 16}, {"t_skip": 20.0, "t_max": 70.0, "dt": 0.05, "starts": 4}),
    "paper": Design(
        {250: 100, 500: 60, 1000: 24},
        {"t_skip": 30.0, "t_max": 230.0, "dt": 0.025, "starts": 4},
    ),
}
