"""What a call takes is asked before its work."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest

from meanfield import (
    ArgumentError,
    freezing_curve,
    maximal_lyapunov,
    null_response,
    phase_diagram,
    spin_glass_beta,
    stationary,
    steady_state,
    two_time,
)
from meanfield.common import cost
from meanfield.common.cost import unlimited

MANY = np.linspace(0.5, 1, 10**5)
FEW: dict[str, Any] = {"n_trajectories": 128, "batches": 2, "seed": 0}
SHORT: dict[str, Any] = {"t_skip": 2.0, "t_max": 6.0, "dt": 0.2, **FEW}
FROZEN: dict[str, Any] = {"t_chaos": 1.0, "t_frozen": 1.0, "dt": 0.2, **FEW}


def test_refused_unless_limits_are_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cost, "memory", lambda: 1000.0)
    call = partial(two_time, 1.5, 0.5, t_max=1.0, dt=0.1, **FEW)
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
