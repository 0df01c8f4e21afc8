"""Neighbouring seeds share no coupling, start or noise, whatever is asked."""

import warnings
from typing import Any

import numpy as np
import pytest

from meanfield.common import seeds
from meanfield.common.study import Study
from meanfield.studies.equilibrium import EQUILIBRIUM
from meanfield.studies.freezing import FREEZING
from meanfield.studies.lyapunov import LYAPUNOV
from meanfield.studies.response_curve import RESPONSE_CURVE
from meanfield.studies.two_time import DMFT
from simulate.studies.catalogue import FIGURES, STUDIES, study
from simulate.validation.experiments import EXPERIMENTS
from simulate.validation.validation import plan

SAMPLED: dict[str, Any] = {"n_trajectories": 512, "batches": 2}
TIMES: dict[str, Any] = {"t_skip": 0.0, "t_max": 3.0, "window": 1.0}
THEORY: list[tuple[Study, dict[str, Any]]] = [
    (DMFT, {"gamma": 0.5, "t_max": 1.0, **SAMPLED}),
    (EQUILIBRIUM, {"g": [0.8], "gamma": [0.3, 0.5], "beta": [1.0], **TIMES, **SAMPLED}),
    (FREEZING, {"g": [1.5], "onsager": [0.5, 1.0], "t_chaos": 1.0, "t_frozen": 1.0, **SAMPLED}),
    (LYAPUNOV, {"g": [1.5, 2.0], "gamma": [0.3, 0.5], **TIMES, **SAMPLED}),
    (RESPONSE_CURVE, {"g": [1.2, 1.5], "gamma": [0.3, 0.5], **TIMES, **SAMPLED}),
]
NETWORKS: dict[str, dict[str, Any]] = {
    "run": {"n": 10, "t_max": 2.0, "onsager": 1.0, "temperature": 0.1},
    "lyapunov": {"n": 10, "g": [2.0], "t_max": 12.0, "t_skip": 1.0},
    "fixed-points": {"n": 8, "n_starts": 2},
    "sample": {"n": [8], "g": [0.8], "beta": [1.0, 3.0], "n_samples": 40, "chains": 2},
    "dimension": {"n": 10, "g": [3.0], "exponents": 4, "t_max": 60.0, "t_skip": 10.0},
    "suppression": {"n": 10, "g": 0.9, "amplitude": [2.0], "frequency": [1.0], "sigma": [1.0],
                    "t_max": 16.0, "t_skip": 1.0},
    "spectrum": {"n": [10, 12], "g": [0.9], "gamma": [0.0], "onsager": [0.5], "force_n": 10,
                 "t_max": 16.0, "t_skip": 1.0},
    "memory": {"n": 8, "g": [2.0], "tau": [0.0], "t_skip": 1.0, "windows": [120.0]},
    "qh1": {"n": 8, "n_draws": 30, "n_starts": 4, "n_trajectories": 2, "t_flow": 1.0,
            "t_max": 2.0, "t_lyapunov": 110.0},
    "qh2": {"n": [8], "beta": [1.0, 3.0], "n_samples": 40},
    "hh1": {"n": 8, "g": [2.0], "t_switch": 1.0, "t_later": [2.0]},
    "hh2": {"n": 8, "g": [2.0], "t_phase": 1.0, "t_max": 31.0},
    "hh3": {"n": 8, "t_max": 1.0},
    "hh4": {"n": 8, "g": [2.0], "t_max": 1.0},
    "hh5": {"n": 10, "t_switch": 1.0, "t_after": 1.0, "n_trajectories": 4, "n_samples": 11,
            "t_projection": 1.0},
    "hh6": {"n": 20},
    "hh7": {"n": 20, "t_phase": 1.0, "t_lyapunov": 16.0},
    "hh8": {"n": 20, "t_skip": 1.0, "t_max": 120.0},
    "hh9": {"n": 8, "g": [2.0], "tau": [0.0], "t_skip": 1.0, "windows": [120.0]},
}  # fmt: skip
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


@pytest.mark.parametrize("name", NETWORKS)
def test_networks_of_neighbouring_seeds_share_nothing(
    name: str, drawn: set[tuple[Any, ...]]
) -> None:
    _check(study(name), NETWORKS[name], drawn)


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
