"""Experiments of the fixed points: they agree, and other theories are refused."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np
import pytest

from meanfield.common import seeds
from simulate.validation.experiments import EXPERIMENTS, complexity, enumeration, reweighted
from simulate.validation.statement import TheoryValue
from simulate.validation.table import SizeLimit, deviation, extrapolated, threshold

# `simulate validate` runs every experiment at these sizes.
pytestmark = pytest.mark.slow

TESTED = sum(p.bound is None for e in EXPERIMENTS.values() for p in e.predictions)
LIMIT = threshold(0.01, TESTED)
# Lists of few starts pass the same tests as others, or are made longer.
FASTER = {"enumeration": {"starts": 16}, "complexity": {}}


@cache
def found(key: str, networks: int) -> Mapping[str, SizeLimit]:
    """All rows of an experiment at the size of its quick design."""
    design: Any = EXPERIMENTS[key].presets["quick"]
    (n,), how = design.sizes, design.measure | FASTER[key]
    samples = [EXPERIMENTS[key].measure(n, seeds.member(5, k), **how) for k in range(networks)]
    return {name: extrapolated({n: [one[name] for one in samples]}, 1.0) for name in samples[0]}


def theory(key: str) -> Mapping[str, TheoryValue]:
    design: Any = EXPERIMENTS[key].presets["quick"]
    return EXPERIMENTS[key].theory(seed=0, **design.theory)


@pytest.mark.parametrize(("key", "networks"), [("complexity", 4), ("enumeration", 100)])
def test_agrees(key: str, networks: int) -> None:
    measured = found(key, networks)
    for name, expected in theory(key).items():
        assert abs(deviation(measured[name], expected).z) <= LIMIT, name
    if key == "enumeration":
        assert measured["listed"].value == 0


def test_complexity_refuses() -> None:
    """The other weight, the other sign of γ, and no complexity at all."""
    measured, point = found("complexity", 4), complexity.POINTS["positive"]
    wrong = (point._replace(weight=0.0), point._replace(gamma=-point.gamma))
    for number in (*(float(one.theory().complexity) for one in wrong), 0.0):
        assert abs(deviation(measured["slope_positive"], TheoryValue(number)).z) > LIMIT
    assert abs(deviation(measured["slope_measure"], theory("complexity")["slope_positive"]).z) > (
        LIMIT
    )


def test_enumeration_refuses() -> None:
    """The states x and −x as one, the mean number of the other γ, and no unstable directions."""
    measured = found("enumeration", 100)
    g, gamma = enumeration.POINTS["positive"]
    number, other = (enumeration.means(6, g, s * gamma, 10_000).equal.log_number for s in (1, -1))
    for wrong in (0.5, np.exp(other - number)):
        assert abs(deviation(measured["number_positive"], TheoryValue(wrong)).z) > LIMIT
    assert abs(deviation(measured["index_positive"], TheoryValue(0.0)).z) > LIMIT


def test_incomplete_lists_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """No list passes where another zero is to be found with any probability."""
    monkeypatch.setattr(enumeration, "_LARGEST_PROBABILITY", 0.0)
    monkeypatch.setattr(enumeration, "_LONGEST", 1)
    assert enumeration.measure(4, 0, n_samples=4000, starts=16)["listed"] == 1


def test_two_weights() -> None:
    """Four networks; equal weights of the zeros are refused.

    χ² of four deviations exceeds 20 once in 2000 times.
    """
    squares = np.zeros(2)
    for seed in range(4):
        J, listed = reweighted.network(4, seed, 16)
        run = reweighted.sampled(J, seed, n_samples=3000, warmup=500, chains=6)
        hot, cold = run.q
        limit = (4 * cold - hot) / 3
        error = np.hypot(4 * run.q_err[1], run.q_err[0]) / 3
        squares += ((limit - np.array(reweighted.means(listed))) / error) ** 2
    assert squares[0] < 20 < squares[1]
