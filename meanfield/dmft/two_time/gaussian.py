"""Two-time functions at γ = 0 from the closed equations of the covariances."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...transfer import Array, TransferFunction
from ..closed import solve
from .solution import TwoTime


def closed_form(
    phi: TransferFunction,
    g: float,
    grid: Array,
    noise: Array,
    halved: Array,
    x0_std: float,
    saves: NDArray[np.intp],
    richardson: bool,
    response: bool,
    facts: dict[str, Any],
) -> TwoTime:
    """The result of a deterministic run: `facts` are its parameters, `noise` is σ² of each step."""
    found = solve(phi, g, grid, noise, x0_std, halved=halved, richardson=richardson)
    t = grid[saves]
    pairs = np.ix_(saves, saves)
    # The truncation is relative to √(C(t,t) C(t′,t′)).
    root = np.sqrt(np.diagonal(found.C)[saves])
    C = found.C[pairs]
    C_err = found.C_err[pairs] + found.truncation * np.outer(root, root)
    same, same_err = np.diagonal(C), np.diagonal(C_err)
    slope, slope_err = found.slope[saves], found.slope_err[saves]
    lag = t[:, None] - t
    # Without memory a pulse decays as the leak.
    pulse = np.where(lag > 0, np.exp(-np.abs(lag)), 0.0)
    known = {
        "delta": found.delta[pairs],
        "C": C,
        "freezing": np.maximum(same[:, None] + same - 2 * C, 0.0),
        "energy": found.energy[saves],
        "r_int": slope * -np.expm1(-t),
    }
    return TwoTime(
        g=g,
        gamma=0.0,
        t=t,
        **known,
        delta_err=found.delta_err[pairs],
        C_err=C_err,
        freezing_err=np.where(lag == 0, 0.0, same_err[:, None] + same_err + 2 * C_err),
        energy_err=found.energy_err[saves],
        r_int_err=slope_err * -np.expm1(-t),
        **{f"{name}_bias": np.zeros_like(value) for name, value in known.items()},
        R=slope[:, None] * pulse if response else None,
        R_err=slope_err[:, None] * pulse if response else None,
        method="closed",
        status="ok",
        warnings=(),
        balance_error=math.nan,
        energy_balance_error=math.nan,
        stiffness=math.nan,
        rank=0,
        neglected=0.0,
        attributes=facts,
    )
