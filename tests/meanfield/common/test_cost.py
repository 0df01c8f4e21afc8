"""What a call takes is asked first; a bar shows how far a long one is."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from meanfield import (
    ArgumentError,
    effective_temperature,
    freezing_curve,
    maximal_lyapunov,
    null_response,
    phase_diagram,
    response_curve,
    saddle_point,
    spin_glass_beta,
    stationary,
    steady_state,
    two_time,
)
from meanfield.common import cost, jobs
from meanfield.common.cost import unlimited

MANY = np.linspace(0.5, 1, 10**5)
FEW: dict[str, Any] = {"n_trajectories": 128, "batches": 2, "seed": 0}
SHORT: dict[str, Any] = {"t_skip": 2.0, "t_max": 6.0, "dt": 0.2, **FEW}
FROZEN: dict[str, Any] = {"t_chaos": 1.0, "t_frozen": 1.0, "dt": 0.2, **FEW}

LONG: dict[str, Callable[..., Any]] = {
    "static": lambda **how: saddle_point([1.5, 2.0], **how),
    "beta_SG": lambda **how: spin_glass_beta(1.5, -0.5, **how),
    "phase diagram": lambda **how: phase_diagram([1.5], [0.5], branch="static", **how),
    "response curve": lambda **how: response_curve([0.5], [0.0], **how),
    "stationary": lambda **how: stationary([0.5, 1.5], n_tau=2, **how),
    "temperature": lambda **how: effective_temperature(1.5, **how),
    "closed": lambda **how: two_time(1.5, t_max=1, dt=0.1, **how),
    "sampler": lambda **how: two_time(1.5, 0.5, t_max=1, dt=0.1, **FEW, **how),
    "steady state": lambda **how: steady_state(1.5, 0.5, window=2.0, **SHORT, **how),
    "lyapunov": lambda **how: maximal_lyapunov(1.5, 0.5, **SHORT, **how),
    "freezing": lambda **how: freezing_curve([1.5], [1.0], **FROZEN, **how),
}


@pytest.mark.parametrize("name", LONG)
@pytest.mark.filterwarnings("ignore")
def test_every_long_call_has_a_bar(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that is seen on a terminal only if it is asked for."""
    seen: list[bool | None] = []

    class Bar(jobs._BAR):  # type: ignore[misc]
        def __init__(self, *args: Any, disable: bool | None, **how: Any) -> None:
            seen.append(disable)
            super().__init__(*args, disable=True, **how)

    monkeypatch.setattr(jobs, "_BAR", Bar)
    LONG[name](progress=True)
    assert None in seen
    seen.clear()
    LONG[name]()
    assert set(seen) == {True}


def test_refused_unless_limits_are_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cost, "memory", lambda: 1000.0)
    call = LONG["sampler"]
    with pytest.raises(ArgumentError, match=r"t_max=1.0: needs .*B of memory, there are 1e\+03 B"):
        call()
    with unlimited():
        call()
    with pytest.raises(ArgumentError, match=r"gamma of dtype .* \(1000,\): needs"):
        null_response(0.5, np.zeros(1000))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: stationary(1.5, n_tau=10**12), "n_tau=1000000000000: needs"),
        (lambda: stationary(np.ones((10**5, 1)), sigma=np.ones(10**5)), "g of .*: needs"),
        (lambda: spin_glass_beta(np.ones((10**5, 1)), -np.ones(10**5) / 2), "g of .*: needs"),
        (lambda: phase_diagram(MANY, MANY, branch="static"), "g of .*: needs"),
        (lambda: spin_glass_beta(np.ones((10**4, 1)), -np.ones(2000) / 2), "about 2.31 days"),
        (lambda: maximal_lyapunov(2.0, 0.5, t_max=1e12), "t_max=1000000000000.0: "),
        (lambda: steady_state(1.5, 0.5, lag_step=1e-12), "window=60.0: needs .*raise lag_step"),
        (lambda: freezing_curve([1.5], [1.0], t_chaos=1e12), "t_chaos=1000000000000.0: "),
        (lambda: freezing_curve([1.5], [1e40]), "t_frozen=20.0: "),
    ],
)  # fmt: skip
def test_what_nobody_has_time_or_room_for(call: Callable[[], Any], message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        call()
