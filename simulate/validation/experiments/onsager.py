"""The Onsager-reaction force: descents from N(0, 1), and freezing of chaos, against the DMFT."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from meanfield import Switching, seeds

from ... import couplings
from ...integration import integrate
from ..statement import Design, Experiment, Prediction, Value
from .probe import sampled, sampled_value


@dataclass(frozen=True)
class _Protocol:
    """A run from x(0) ~ N(0, 1)."""

    name: str
    text: str
    gamma: float
    kappa: float
    switches: bool = False

    def onsager(self, early: float) -> float | Switching:
        """κ(t): from the start on, or from the earlier time."""
        return Switching([early], [0.0, self.kappa]) if self.switches else self.kappa


_SOURCE = "two-time DMFT with κ, derivations: sampler.memory"
_PROTOCOLS = (
    _Protocol("full", "κ = 1, γ = 0", 0.0, 1.0),
    _Protocol("partial", "κ = 0.5, γ = 0", 0.0, 0.5),
    _Protocol("correlated", "κ = 1, γ = 0.5", 0.5, 1.0),
    _Protocol("switched", "κ = 0 until s, then 1, γ = 0", 0.0, 1.0, True),
)

PREDICTIONS = (
    *(
        Prediction(f"{name}_{protocol.name}", f"{text}, {protocol.text}", _SOURCE)
        for protocol in _PROTOCOLS
        for name, text in (
            ("energy", "e(t) = ½⟨f²⟩"),
            ("overlap", "C(s, t) = ⟨φ(s)φ(t)⟩"),
            ("activity", "C(t, t) = ⟨φ²⟩"),
        )
    ),
    Prediction("energy_chaos", "e(s) at the switch, κ = 0, γ = 0", _SOURCE),
)


def theory(
    *,
    seed: int,
    g: float,
    times: Mapping[str, Sequence[float]],
    dt: float,
    n_trajectories: int,
    batches: int,
) -> dict[str, Value]:
    """Sampled and extrapolated to M → ∞, at the times (s, t) of each protocol."""
    found = {}
    for k, protocol in enumerate(_PROTOCOLS):
        early, late = times[protocol.name]
        run = sampled(
            g, protocol.gamma, t_max=late, dt=dt, onsager=protocol.onsager(early),
            n_trajectories=n_trajectories, batches=batches,
            save_every=round(early / dt), seed=seeds.member(seed, k),
        )  # fmt: skip
        s = int(np.argmin(np.abs(run.t - early)))
        found[f"energy_{protocol.name}"] = sampled_value(run, "energy", -1)
        found[f"overlap_{protocol.name}"] = sampled_value(run, "C", s, -1)
        found[f"activity_{protocol.name}"] = sampled_value(run, "C", -1, -1)
        if protocol.switches:
            found["energy_chaos"] = sampled_value(run, "energy", s)
    return found


def measure(
    n: int,
    seed: int,
    *,
    g: float,
    times: Mapping[str, Sequence[float]],
    dt: float,
    tol: float,
    starts: int,
) -> dict[str, float]:
    """The same protocols, each in a network of its own."""
    found = {}
    for k, protocol in enumerate(_PROTOCOLS):
        early, late = times[protocol.name]
        J = couplings.elliptic(n, g, protocol.gamma, seed=seeds.member(seed, k))
        x0 = seeds.generator(seed, "start", k).standard_normal((n, starts))
        run = integrate(
            J, x0, t_max=late, dt=dt, onsager=protocol.onsager(early), tol=tol,
            save_at=[early, late],
        )  # fmt: skip
        assert run.x is not None
        before, after = np.tanh(run.x)
        found[f"energy_{protocol.name}"] = float(run.energy[1].mean())
        found[f"overlap_{protocol.name}"] = float(np.mean(before * after))
        found[f"activity_{protocol.name}"] = float(np.mean(after**2))
        if protocol.switches:
            found["energy_chaos"] = float(run.energy[0].mean())
    return found


# At γ = 0.5 the rank, and with it the size of batches whose bias is known, grows fastest.
_QUICK: dict[str, Any] = {
    "g": 2.0,
    "times": {"full": [1, 10], "partial": [1, 10], "correlated": [1, 3], "switched": [10, 15]},
    "dt": 0.05,
}
_PAPER: dict[str, Any] = {
    "g": 2.0,
    "times": {"full": [1, 10], "partial": [1, 10], "correlated": [1, 10], "switched": [20, 30]},
    "dt": 0.025,
}

EXPERIMENT = Experiment(
    key="onsager",
    title="Onsager-reaction force: descents from N(0, 1), partial force, frozen chaos",
    predictions=PREDICTIONS,
    theory=theory,
    measure=measure,
    presets={
        "quick": Design(
            {200: 24, 600: 24},
            {**_QUICK, "tol": 1e-3, "starts": 6},
            {**_QUICK, "n_trajectories": 20_000, "batches": 8},
        ),
        "paper": Design(
            {500: 40, 1000: 60, 2000: 40},
            {**_PAPER, "tol": 1e-4, "starts": 8},
            {**_PAPER, "n_trajectories": 128_000, "batches": 16},
        ),
    },
)
