"""Neighbouring seeds share no coupling, start or noise, whatever is asked."""

import warnings
from typing import Any

import numpy as np
import pytest
from small_studies import NETWORKS, THEORY

from meanfield.common import seeds
from meanfield.common.study import Study
from simulate.studies.catalogue import FIGURES, STUDIES, study
from simulate.validation.experiments import EXPERIMENTS
from simulate.validation.validation import plan

# Without random numbers.
CERTAIN = {"qh3", "qh5"}
# The response curve under another name.
SAME = {"qh4"}


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> set[tuple[Any, ...]]:
    """What every generator of the packages was made of."""
    found: set[tuple[Any, ...]] = set()
    made = seeds.sequence

    def recorded(*arguments: Any) -> np.random.SeedSequence:
        one = made(*arguments)
        found.add((one.entropy, one.spawn_key))
        return one

    monkeypatch.setattr(seeds, "sequence", recorded)
    return found


def test_all_studies_are_here() -> None:
    assert {*NETWORKS, *CERTAIN, *SAME} == {*STUDIES, *FIGURES}


def _check(asked: Study, changes: dict[str, Any], drawn: set[tuple[Any, ...]]) -> None:
    trials = {"trials": 3} if "trials" in asked.options else {}
    found = []
    for seed in (7, 8):
        drawn.clear()
        with warnings.catch_warnings():
            # Tiny runs have not converged, and have too few samples.
            warnings.simplefilter("ignore")
            asked.run(seed=seed, **trials, **changes)
        # A run without noise makes generators of noise from 0, and never uses them.
        found.append({one for one in drawn if one[0]})
    assert found[0]
    assert not found[0] & found[1]


@pytest.mark.slow
@pytest.mark.parametrize("name", NETWORKS)
def test_networks_of_neighbouring_seeds_share_nothing(
    name: str, drawn: set[tuple[Any, ...]]
) -> None:
    _check(study(name), NETWORKS[name], drawn)


@pytest.mark.slow
@pytest.mark.parametrize(("asked", "changes"), THEORY, ids=lambda one: getattr(one, "name", ""))
def test_trajectories_of_neighbouring_seeds_share_nothing(
    asked: Study, changes: dict[str, Any], drawn: set[tuple[Any, ...]]
) -> None:
    _check(asked, changes, drawn)


@pytest.mark.parametrize("preset", ["quick", "paper"])
def test_neighbouring_seeds_of_the_validation_table_share_no_job(preset: str) -> None:
    first, second = (
        [job.seed for job in plan(EXPERIMENTS.values(), preset, seed)] for seed in (0, 1)
    )
    assert len(set(first)) == len(first)
    assert not set(first) & set(second)
