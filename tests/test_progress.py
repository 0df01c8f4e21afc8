"""Every long call has one bar on a terminal, and none elsewhere or without being asked."""

from __future__ import annotations

import inspect
import io
import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest

import meanfield
import simulate
from meanfield.common import jobs

# Who has one of these may take long.
LONG = {"workers", "t_max", "n_starts", "n_samples"}
# What answers at once for whatever it is given.
SHORT: set[str] = {"plan"}
J = simulate.couplings.elliptic(20, 2.0, seed=0)
SMALL: dict[str, Any] = {"n_trajectories": 1024, "batches": 2, "seed": 0}
RUN: dict[str, Any] = {"dt": 0.1, "t_max": 20.0, "t_skip": 5.0, "seed": 0}
CALLS: dict[str, Callable[..., Any]] = {
    "meanfield.complexity": partial(meanfield.complexity, [1.5, 2.0]),
    "meanfield.effective_temperature": partial(meanfield.effective_temperature, 1.5),
    "meanfield.freezing_curve": partial(
        meanfield.freezing_curve, 1.5, 1.0, t_chaos=0.5, t_frozen=0.5, **SMALL
    ),
    "meanfield.lyapunov_spectrum": partial(
        meanfield.lyapunov_spectrum, 3.0, window=16.0, n_paths=64, seed=0
    ),
    "meanfield.maximal_lyapunov": partial(
        meanfield.maximal_lyapunov, 2.0, t_skip=2.0, t_max=6.0, **SMALL
    ),
    "meanfield.participation_ratio": partial(meanfield.participation_ratio, [1.5, 2.0]),
    "meanfield.phase_diagram": partial(meanfield.phase_diagram, [0.5, 1.0], 0.0, branch="static"),
    "meanfield.response_curve": partial(meanfield.response_curve, 1.0, 0.5),
    "meanfield.saddle_point": partial(meanfield.saddle_point, [0.5, 1.5]),
    "meanfield.spin_glass_beta": partial(meanfield.spin_glass_beta, 1.5, -0.5),
    "meanfield.stationary": partial(meanfield.stationary, [0.5, 1.5]),
    "meanfield.driven_stationary": partial(meanfield.driven_stationary, 1.5, [2.0, 3.0], 1.0),
    "meanfield.critical_amplitude": partial(meanfield.critical_amplitude, [0.9, 1.1], 1.0),
    "meanfield.steady_state": partial(
        meanfield.steady_state, 1.8, 0.5, t_skip=2.0, t_max=8.0, window=2.0, **SMALL
    ),
    "meanfield.sweep": partial(meanfield.sweep, lambda x: x, {"x": [1.0]}),
    "meanfield.transition_lines": partial(meanfield.transition_lines, [0.2, 0.5], weight=0.5),
    "meanfield.two_time": partial(meanfield.two_time, 2.0, 0.5, t_max=1.0, dt=0.1, **SMALL),
    "simulate.find_fixed_points": partial(simulate.find_fixed_points, J, n_starts=4, seed=0),
    "simulate.integrate": partial(simulate.integrate, J, np.ones(20), t_max=1.0, dt=0.1),
    "simulate.kac_rice": partial(simulate.kac_rice, 3, 2.0, n_samples=20, seed=0),
    "simulate.lyapunov_spectrum": partial(simulate.lyapunov_spectrum, J, 2, **RUN),
    "simulate.maximal_lyapunov": partial(simulate.maximal_lyapunov, J, **RUN),
    "simulate.memory_curve": partial(
        simulate.memory_curve, J, [0.0, 1.0], t_max=200.0, dt=0.1, seed=0
    ),
    "simulate.participation_ratio": partial(
        simulate.participation_ratio, J, t_max=200.0, dt=0.1, temperature=0.5, seed=0
    ),
    "simulate.reproduce": partial(
        simulate.reproduce, "hh3", n=20, t_max=4.0, trials=1, g=[2.0], variants=("converged",)
    ),
    "simulate.sample_boltzmann": partial(
        simulate.sample_boltzmann, J, [0.1], n_samples=50, chains=2, seed=0
    ),
    "simulate.validate": partial(simulate.validate, rows=["identities*"]),
}


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_whatever_may_take_long_has_a_bar() -> None:
    found = set()
    for package in (meanfield, simulate):
        for name in set(package.__all__) - SHORT:
            function = getattr(package, name)
            names = inspect.signature(function).parameters if inspect.isfunction(function) else {}
            if LONG & set(names):
                assert "progress" in names, name
            if "progress" in names:
                assert names["progress"].default is False
                found.add(f"{package.__name__}.{name}")
    assert found == set(CALLS)


class DrawnError(BaseException):
    """A bar is begun."""


@pytest.mark.parametrize("progress", [False, True])
@pytest.mark.parametrize("name", sorted(CALLS))
def test_it_begins_the_bar_it_is_asked_for(
    name: str, progress: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = jobs._BAR

    def begin(*args: Any, disable: bool | None, **how: Any) -> Any:
        # None: on a terminal.  What is asked on the way has no bar of its own.
        if disable is None or not progress:
            raise DrawnError(disable)
        return usual(*args, disable=disable, **how)

    monkeypatch.setattr(jobs, "_BAR", begin)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(DrawnError) as drawn:
            CALLS[name](progress=progress)
    assert drawn.value.args == (None if progress else True,)


def test_a_bar_is_drawn_on_a_terminal_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    for progress, stream in ((True, Terminal()), (True, io.StringIO()), (False, Terminal())):
        with monkeypatch.context() as m:
            m.setattr("sys.stderr", stream)
            with jobs.bar(1, "points", progress) as shown:
                shown.update()
        is_drawn = progress and stream.isatty()
        assert ("100%|" in stream.getvalue()) == is_drawn
        assert is_drawn or not stream.getvalue()
