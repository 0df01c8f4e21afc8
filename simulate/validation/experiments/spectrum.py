"""All Lyapunov exponents: dimension and entropy rate as N → ∞ against networks."""

from collections.abc import Mapping, Sequence
from typing import Any

from meanfield import lyapunov_spectrum
from meanfield.common import seeds

from ... import couplings
from ...lyapunov import lyapunov_spectrum as of_network
from ..statement import Design, Prediction, TheoryValue

# g and γ.
_POINTS = {
    "middle": (3.0, 0.0), "upper": (4.0, 0.0), "far": (5.0, 0.0), "negative": (4.0, -0.5),
    "far_negative": (6.0, -0.5), "positive": (5.0, 0.5), "far_positive": (8.0, 0.5),
}  # fmt: skip
_OF = {
    "dimension": ("D/N, Kaplan–Yorke", "kaplan_yorke_dimension"),
    "entropy": ("h/N, sum of the positive exponents", "entropy_rate"),
}

PREDICTIONS = tuple(
    Prediction(
        f"{of}_{name}",
        f"{text}, g = {g:g}, γ = {gamma:g}".replace("-", "−"),
        "averaged inverse of the tangent dynamics, Clark 2026",
    )
    for name, (g, gamma) in _POINTS.items()
    for of, (text, _) in _OF.items()
)


def theory(*, seed: int, points: Sequence[str], n_paths: int) -> dict[str, TheoryValue]:
    """From few gain paths; its error is that of four sets of them at least."""
    numbers = {}
    for name in points:
        found = lyapunov_spectrum(*_POINTS[name], n_paths=n_paths, seed=seed)
        for of, (_, field) in _OF.items():
            value, error = getattr(found, field), getattr(found, f"{field}_err")
            numbers[f"{of}_{name}"] = TheoryValue(value, error, 3)
    return numbers


def measure(
    n: int, seed: int, *, points: Sequence[str], share: float, **times: Any
) -> dict[str, float]:
    """The largest exponents of one network for each point."""
    numbers: dict[str, float] = {}
    for name in points:
        own = seeds.member(seed, [*_POINTS].index(name))
        J = couplings.elliptic(n, *_POINTS[name], seed=own)
        run = of_network(J, round(share * n), **times, seed=own)
        numbers |= {f"{of}_{name}": getattr(run, field) / n for of, (_, field) in _OF.items()}
    return numbers


_QUICK, _PAPER = ("middle", "far"), tuple(_POINTS)
_RUN: Mapping[str, Any] = {"share": 0.2, "t_skip": 40.0, "t_max": 120.0}

TITLE = "All Lyapunov exponents: Kaplan–Yorke dimension and entropy rate"
PRESETS = {
    "quick": Design(
        {150: 10, 300: 8},
        {**_RUN, "points": _QUICK},
        {"points": _QUICK, "n_paths": 64},
        without=tuple(f"{of}_{name}" for name in _POINTS if name not in _QUICK for of in _OF),
    ),
    "paper": Design(
        # Of 200 neurons at γ = 0.5 a quarter of the networks has no chaos.
        {500: 40, 1000: 20, 2000: 6},
        {**_RUN, "share": 0.3, "t_max": 240.0, "points": _PAPER},
        {"points": _PAPER, "n_paths": 256},
    ),
}
