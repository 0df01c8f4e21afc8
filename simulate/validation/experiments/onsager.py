"""The Onsager-reaction force: descents from N(0, 1), and freezing of chaos, against the DMFT."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

from meanfield import Switching
from meanfield.common import seeds

from ... import couplings
from ...integration import integrate
from ..statement import Design, Prediction, TheoryValue
from .probe import sampled, two_times

T = TypeVar("T")
_Times = Mapping[str, Sequence[float]]


class _ForceProtocol(NamedTuple):
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
    _ForceProtocol("full", "κ = 1, γ = 0", 0.0, 1.0),
    _ForceProtocol("partial", "κ = 0.5, γ = 0", 0.0, 0.5),
    _ForceProtocol("correlated", "κ = 1, γ = 0.5", 0.5, 1.0),
    _ForceProtocol("switched", "κ = 0 until s, then 1, γ = 0", 0.0, 1.0, True),
)
_ROWS = (
    ("energy", "energy", "e(t) = ½⟨f²⟩"),
    ("overlap", "C_early", "C(s, t) = ⟨φ(s)φ(t)⟩"),
    ("activity", "C", "C(t, t) = ⟨φ²⟩"),
)

PREDICTIONS = (
    *(
        Prediction(f"{name}_{protocol.name}", f"{text}, {protocol.text}", _SOURCE)
        for protocol in _PROTOCOLS
        for name, _, text in _ROWS
    ),
    Prediction("energy_chaos", "e(s) at the switch, κ = 0, γ = 0", _SOURCE),
)


def _named(protocol: _ForceProtocol, values: Mapping[str, T]) -> dict[str, T]:
    numbers = {f"{name}_{protocol.name}": values[key] for name, key, _ in _ROWS}
    return numbers | ({"energy_chaos": values["energy_early"]} if protocol.switches else {})


def theory(*, seed: int, g: float, times: _Times, **how: Any) -> dict[str, TheoryValue]:
    """Sampled and extrapolated to M → ∞, at the times (s, t) of each protocol."""
    numbers: dict[str, TheoryValue] = {}
    for k, protocol in enumerate(_PROTOCOLS):
        early, late = times[protocol.name]
        values = sampled(
            g, protocol.gamma, early=early, late=late, onsager=protocol.onsager(early),
            seed=seeds.member(seed, k), **how,
        )  # fmt: skip
        numbers |= _named(protocol, values)
    return numbers


def measure(
    n: int, seed: int, *, g: float, times: _Times, dt: float, tol: float, starts: int
) -> dict[str, float]:
    """The same protocols, each in a network of its own."""
    numbers: dict[str, float] = {}
    for k, protocol in enumerate(_PROTOCOLS):
        early, late = times[protocol.name]
        J = couplings.elliptic(n, g, protocol.gamma, seed=seeds.member(seed, k))
        x0 = seeds.generator(seed, "start", k).standard_normal((n, starts))
        run = integrate(
            J, x0, t_max=late, dt=dt, onsager=protocol.onsager(early), tol=tol,
            save_at=[early, late],
        )  # fmt: skip
        numbers |= _named(protocol, two_times(run))
    return numbers


# At γ = 0.5 the rank, and with it the size of batches whose bias is known, grows fastest.
_QUICK: dict[str, Any] = {
    "g": 2.0,
    "times": {"full": [1, 5], "partial": [1, 5], "correlated": [1, 3], "switched": [5, 8]},
    "dt": 0.05,
}
_PAPER: dict[str, Any] = {
    "g": 2.0,
    "times": {"full": [1, 10], "partial": [1, 10], "correlated": [1, 10], "switched": [20, 30]},
    "dt": 0.025,
}

TITLE = "Onsager-reaction force: descents from N(0, 1), partial force, frozen chaos"
PRESETS = {
    "quick": Design(
        {200: 24, 600: 16},
        {**_QUICK, "tol": 1e-3, "starts": 6},
        {**_QUICK, "n_trajectories": 16_000, "batches": 8},
    ),
    "paper": Design(
        {500: 40, 1000: 60, 2000: 40},
        {**_PAPER, "tol": 1e-4, "starts": 8},
        {**_PAPER, "n_trajectories": 128_000, "batches": 16},
    ),
}
