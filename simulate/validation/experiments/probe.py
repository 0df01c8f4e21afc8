"""What several experiments measure, sample or solve: no experiment of its own."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from meanfield import SamplerError, stationary, two_time
from meanfield.common import seeds
from meanfield.common.arguments import Array

from ... import couplings
from ...boltzmann import BoltzmannSamples, sample_boltzmann
from ...integration import Trajectory, integrate
from ..statement import TheoryValue

# δφ is odd in the field: the relative error is of order (ε e^λt)², and rounding leaves
# 1e-16 e^λt/ε.  At g = 1.5, γ = 0.5 and t = 60 a tenth of this field changes R_int by 1.4e-6.
FIELD = 1e-5
_OBSERVABLES = {
    "delta0": lambda t, x, f: np.mean(x**2),
    "q": lambda t, x, f: np.mean(np.tanh(x) ** 2),
}


def perturbed_pairs(
    J: Array, x: Array, rng: np.random.Generator, *, save_at: Sequence[float], dt: float
) -> tuple[Trajectory, Array]:
    """Run of pairs (n, 2·batch) in fields ±εζ, ζ random signs, from `x` on; responses ∫₀ᵗ R ds."""
    signs = rng.choice([-1.0, 1.0], size=x.shape)
    field = FIELD * np.hstack([signs, -signs])
    run = integrate(
        J, np.hstack([x, x]), t_max=save_at[-1], dt=dt, inputs=lambda t: field, save_at=save_at
    )
    assert run.x is not None
    up, down = np.split(np.tanh(run.x), 2, axis=-1)
    # ⟨ζ δφ⟩/ε of a field that is constant from the start to each of the times.
    response: Array = np.mean(signs * (up - down), axis=(1, 2)) / (2 * FIELD)
    return run, response


def activity(
    J: Array, x: Array, *, t_skip: float, t_max: float, dt: float, **how: Any
) -> tuple[dict[str, float], Trajectory]:
    """Δ₀, q and e, means over starts and over every time unit after `t_skip`; and the run."""
    run = integrate(
        J, x, t_max=t_max, dt=dt, save_at=np.arange(t_skip, t_max + 0.5), store_states=False,
        observables=_OBSERVABLES, **how,
    )  # fmt: skip
    series = {**run.observables, "energy": run.energy}
    return {name: float(values.mean()) for name, values in series.items()}, run


def stationary_values(g: float, *names: str, sigma: float = 0.0) -> dict[str, TheoryValue]:
    """Numbers of the stationary state at γ = 0, deterministic, with the solver's own errors."""
    state = stationary(g, sigma=sigma, n_tau=2)
    places = {name: "kinetic_energy" if name == "energy" else name for name in names}
    numbers = {name: float(getattr(state, place)) for name, place in places.items()}
    return {
        name: TheoryValue(number, float(state.relative_error) * abs(number))
        for name, number in numbers.items()
    }


def sampled(
    g: float, gamma: float, *, early: float, late: float, dt: float, **how: Any
) -> dict[str, TheoryValue]:
    """Two-time DMFT from x(0) ~ N(0, 1) on, extrapolated to M → ∞, with errors over batches."""
    run = two_time(
        g, gamma, t_max=late, dt=dt, save_every=round(early / dt), method="sampler",
        finite_m="extrapolate", **how,
    )  # fmt: skip
    if run.reason:
        # The step, or no room to measure the bias of finite batches.
        raise SamplerError(run.reason)

    def number(name: str, *place: int) -> TheoryValue:
        error = getattr(run, f"{name}_err")[place]
        return TheoryValue(getattr(run, name)[place], error, run.attributes["batches"] - 1)

    # Saved are 0, multiples of the earlier time s, and the later one, t; r_int is R_int(s).
    return {
        "C": number("C", -1, -1),
        "C_early": number("C", 1, -1),
        "delta": number("delta", -1, -1),
        "energy": number("energy", -1),
        "energy_early": number("energy", 1),
        "r_int": number("r_int", 1),
    }


def two_times(run: Trajectory) -> dict[str, float]:
    """The same of networks saved at both times, but for their response."""
    assert run.x is not None
    early, late = np.tanh(run.x)
    return {
        "C": float(np.mean(late**2)),
        "C_early": float(np.mean(early * late)),
        "delta": float(np.mean(run.x[1] ** 2)),
        "energy": float(np.mean(run.energy[1])),
        "energy_early": float(np.mean(run.energy[0])),
    }


class BoltzmannPoint(NamedTuple):
    """Where exp(−βE) is sampled, and with how many leapfrog steps a trajectory."""

    regime: str
    g: float
    gamma: float
    beta: float
    leapfrog: int = 12

    def __str__(self) -> str:
        return f"g = {self.g:g}, γ = {self.gamma:g}, β = {self.beta:g} ({self.regime})"

    def sample(self, n: int, seed: int, index: int, **how: Any) -> BoltzmannSamples:
        """Independent chains in one network; couplings of a seed are the same at all points."""
        # One rung of temperature: without order of replicas E has no barriers that matter, and
        # R-hat of chains from independent x ~ N(0, 1) would tell.
        return sample_boltzmann(
            couplings.elliptic(n, self.g, self.gamma, seed=seed), self.beta,
            seed=seeds.member(seed, index), leapfrog=self.leapfrog, store_samples=False,
            **{"warmup": 150, "lowest_beta": self.beta, **how},
        )  # fmt: skip
