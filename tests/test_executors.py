"""Whatever takes workers takes an executor, and gives it its work."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from concurrent.futures import Executor
from functools import partial
from pkgutil import resolve_name
from typing import Any

import pytest

import meanfield
import simulate
from meanfield.command_line import STUDIES as THEORY
from meanfield.common.study import Study
from simulate.studies.catalogue import FIGURES, STUDIES

SAMPLED: dict[str, Any] = {"n_trajectories": 1024, "batches": 2, "seed": 0}
PUBLIC: dict[str, Callable[..., Any]] = {
    "meanfield.freezing_curve": partial(meanfield.freezing_curve, 2.0, 1.0),
    "meanfield.maximal_lyapunov": partial(meanfield.maximal_lyapunov, 2.0, **SAMPLED),
    "meanfield.phase_diagram": partial(meanfield.phase_diagram, 1.0, 0.0, branch="static"),
    "meanfield.response_curve": partial(meanfield.response_curve, 1.0, 0.5),
    "meanfield.steady_state": partial(meanfield.steady_state, 2.0, 0.5, **SAMPLED),
    "meanfield.sweep": partial(meanfield.sweep, lambda x: x, {"x": [1.0]}),
    "meanfield.two_time": partial(meanfield.two_time, 2.0, 0.5, t_max=1.0, dt=0.1, **SAMPLED),
    "simulate.reproduce": partial(simulate.reproduce, "hh3"),
    "simulate.validate": partial(simulate.validate, rows=["identities"]),
}
# Where the defaults need no work that could be given away.
CHANGES: dict[str, dict[str, Any]] = {
    "dmft": {"gamma": 0.5},
    "sweep": {"branch": ["ordered"], "beta": 10.0},
}
ALONE = {"qh3", "qh5", "solve"}
PLACES = {**{f"theory {name}": place for name, place in THEORY.items()}, **FIGURES, **STUDIES}


class Asked(Executor):
    def submit(self, *arguments: Any, **how: Any) -> Any:
        raise ValueError("asked")


def test_who_takes_workers_takes_an_executor() -> None:
    found = set()
    for package in (meanfield, simulate):
        for name in package.__all__:
            function = getattr(package, name)
            names = inspect.signature(function).parameters if inspect.isfunction(function) else ()
            assert ("workers" in names) == ("executor" in names), name
            if "workers" in names and function.__module__.startswith(package.__name__):
                found.add(f"{package.__name__}.{name}")
    assert found == set(PUBLIC)


@pytest.mark.parametrize("name", sorted(PUBLIC))
def test_functions_give_it_their_work(name: str) -> None:
    with pytest.raises(RuntimeError, match="no more work: asked"):
        PUBLIC[name](executor=Asked())


@pytest.mark.parametrize("name", sorted(set(PLACES) - ALONE - {"theory solve"}))
def test_studies_give_it_their_work(name: str) -> None:
    study: Study = resolve_name(PLACES[name])
    preset = "quick" if "quick" in study.presets else None
    with pytest.raises(RuntimeError, match="no more work: asked"):
        study.run(preset, executor=Asked(), **CHANGES.get(name.removeprefix("theory "), {}))
    for part in study.parts:
        names = inspect.signature(part.function).parameters
        assert ("workers" in names) == ("executor" in names)
