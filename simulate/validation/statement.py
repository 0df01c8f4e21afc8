"""What is validated: predictions of the theory and the experiments that test them."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

PRESETS = ("quick", "paper")


class TheoryValue(NamedTuple):
    """A number of the theory with its error: numerical (dof = inf) or statistical."""

    value: float
    value_err: float = 0.0
    dof: float = math.inf


@dataclass(frozen=True)
class Prediction:
    """One row of the table."""

    # Unique in its experiment; the key of its number in what `theory` and `measure` return.
    name: str
    # In symbols: "q at g = 0.9, γ = 0.5, β = 10".
    statement: str
    # Equation and paper, or the named check of `derivations`.
    source: str
    # Means over couplings approach their limit like n^−power and are extrapolated.
    power: float = 1.0
    # Of identities and closed forms: largest |measured − theory| allowed, at every n and for every
    # coupling matrix, from rounding or truncation.  Such rows carry no false-alarm rate.
    bound: float | None = None


@dataclass(frozen=True)
class Design:
    """How much is measured, and the parameters of the two functions of the experiment."""

    # Number of coupling matrices, at least two, for each n; {0: 1}, one call with n = 0, where no
    # network is needed.
    sizes: Mapping[int, int]
    measure: Mapping[str, Any] = field(default_factory=dict)
    theory: Mapping[str, Any] = field(default_factory=dict)
    # Rows that would take too long.
    without: tuple[str, ...] = ()


def no_numbers(*, seed: int) -> dict[str, TheoryValue]:
    """Theory of identities: all deviations vanish."""
    return {}


@dataclass(frozen=True)
class Experiment:
    """Predictions that the same networks test."""

    # Name in the command line, and one line about it.
    key: str
    title: str
    predictions: tuple[Prediction, ...]
    # measure(n, seed, **design.measure) returns a number for each name, from one coupling matrix
    # drawn from `seed`: the unit of replication.
    measure: Callable[..., Mapping[str, float]]
    # "quick" and "paper".
    presets: Mapping[str, Design]
    # theory(seed=, **design.theory); an identity without a number there has theory 0.
    theory: Callable[..., Mapping[str, TheoryValue]] = no_numbers
