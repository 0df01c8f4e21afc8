"""What is validated: predictions of the theory and the experiments that test them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

PRESETS = ("quick", "paper")


class Value(NamedTuple):
    """A number of the theory with its error: numerical (dof = inf) or statistical."""

    value: float
    error: float = 0.0
    dof: float = math.inf


@dataclass(frozen=True)
class Prediction:
    """One row of the table.

    Attributes
    ----------
    name : str
        Unique in its experiment; the key of its value in what `theory` and `measure` return.
    statement : str
        What is predicted, in symbols: "q at g = 0.9, γ = 0.5, β = 10".
    source : str
        Equation and paper, or the named check of `derivations`.
    power : float
        Means over couplings approach their limit like n^−power and are extrapolated.
    bound : float or None
        For identities and closed forms: largest |measured − theory| allowed, at every n and for
        every coupling matrix, from rounding or truncation.  Such rows carry no false-alarm rate.
    """

    name: str
    statement: str
    source: str
    power: float = 1.0
    bound: float | None = None


@dataclass(frozen=True)
class Design:
    """How much is measured.

    Attributes
    ----------
    sizes : mapping of int to int
        Number of coupling matrices, at least two, for each n.  ``{0: 1}`` where no network is
        needed: one call with n = 0.
    measure, theory : mapping
        Parameters of the two functions of the experiment.
    """

    sizes: Mapping[int, int]
    measure: Mapping[str, Any] = field(default_factory=dict)
    theory: Mapping[str, Any] = field(default_factory=dict)


def _no_numbers(*, seed: int) -> dict[str, Value]:
    """Theory of identities: all deviations vanish."""
    return {}


@dataclass(frozen=True)
class Experiment:
    """Predictions that the same networks test.

    Attributes
    ----------
    key : str
        Name in the command line.
    title : str
        One line.
    predictions : tuple of Prediction
    measure : function
        ``measure(n, seed, **design.measure)`` returns a number for each name, from one coupling
        matrix drawn from `seed`: the unit of replication.
    presets : mapping of str to Design
        "quick" and "paper".
    theory : function
        ``theory(seed=, **design.theory)`` returns a `Value` for each name; an identity without one
        has theory 0.
    """

    key: str
    title: str
    predictions: tuple[Prediction, ...]
    measure: Callable[..., Mapping[str, float]]
    presets: Mapping[str, Design]
    theory: Callable[..., Mapping[str, Value]] = _no_numbers
