"""[HH] Fig. 4 on small networks: Tr D along the flow, its limits, and the printed step."""

from typing import Any

import numpy as np
import pytest
import xarray as xr
from matplotlib.colors import same_color

from meanfield.common import seeds
from meanfield.common.study import Answer, numbers
from meanfield.common.style import ALARM
from simulate import couplings, divergence, reproduce
from simulate.studies.hh4_divergence import HH4, draw
from simulate.studies.protocol import network

TINY: dict[str, Any] = {"n": 60, "g": [2.0, 12.0], "trials": 2, "t_max": 10.0}


@pytest.fixture(scope="module")
def found() -> Answer:
    return reproduce("hh4", **TINY)


def test_divergence(found: Answer) -> None:
    data = found.data
    for values in data.values():
        trace = values.diagonal.mean("neuron")
        np.testing.assert_allclose(values.divergence.isel(t=-1), trace, rtol=1e-10)
        J, x0 = network(60, 12.0, seeds.member(0, 0))
        start = values.divergence.sel(g=12.0, replicate=0, t=0.0)
        assert float(start) == pytest.approx(float(divergence(x0, J, onsager=1.0)) / 60)
    printed, converged = (data[name].divergence for name in ("printed", "converged"))
    # Euler starts at the same state, follows the flow at g = 2 and leaves it at g = 12.
    np.testing.assert_array_equal(printed.isel(t=0), converged.isel(t=0))
    np.testing.assert_allclose(printed.sel(g=2.0), converged.sel(g=2.0), rtol=0.1)
    assert (printed.sel(g=12.0, t=10.0) > 0.8 * converged.sel(g=12.0, t=10.0)).all()
    assert data["printed"].unstable_step.sel(g=12.0).all()


def test_divergence_of_random_states() -> None:
    """The closed form at t = 0 against the mean over couplings and starts."""
    found = reproduce("hh4", n=100, g=[6.0], trials=150, t_max=1e-3, variants=("converged",))
    data = found.data["converged"]
    start = data.divergence_initial.isel(g=0)
    error = float(start.std(ddof=1)) / np.sqrt(150)
    assert error < 0.3
    # (JᵀJ)_ii is g²(1 − 1/n) on average.
    exact = -1 + (float(data.divergence_limit[0]) + 1) * (1 - 1 / 100)
    assert abs(float(start.mean()) - exact) < 3 * error


def test_divergence_at_zero() -> None:
    """Where x → 0, Tr D/N → −1 − Σ J²/N: null phase of the flow."""
    found = reproduce("hh4", n=50, g=[0.5], trials=1, t_max=40.0, variants=("converged",))
    J = couplings.elliptic(50, 0.5, seed=seeds.member(0, 0))
    value = found.data["converged"].divergence.values[0, 0, -1]
    assert value == pytest.approx(-1 - np.sum(J**2) / 50, rel=1e-3)
    assert "±" not in found.caption


def test_table_quotes_the_data(found: Answer) -> None:
    (table,) = numbers(HH4, found.data)
    for name, data in found.data.items():
        row, part = table.loc[(12.0, name)], data.sel(g=12.0)
        for column, t in {"initial": 0.0, "early": 1.0, "end": 10.0}.items():
            values = part.divergence.sel(t=t)
            assert row[f"divergence_{column}"] == pytest.approx(float(values.mean()))
            error = float(values.std(ddof=1)) / np.sqrt(2)
            assert row[f"divergence_{column}_err"] == pytest.approx(error)
        assert row.divergence_highest == float(part.divergence.max())
        mean = part.divergence.mean("replicate")
        assert row.t_lowest == float(data.t[int(mean.argmin("t"))])
        assert row.positive_share == pytest.approx(float((part.diagonal > 0).mean()))
    assert "nan" not in found.caption


def _crosses(data: xr.Dataset) -> int:
    lines = draw(data).axes[0].lines
    return sum(line.get_marker() == "x" and same_color(line.get_color(), ALARM) for line in lines)


def test_steps_are_judged_by_the_status_of_the_runs(found: Answer) -> None:
    data = found.data["printed"]
    assert data.g.values[data.unstable_step.any("replicate")].tolist() == [12.0]
    assert _crosses(data) == 1
    # Whatever the stiffness is.
    assert _crosses(data.assign(unstable_step=data.unstable_step & False)) == 0
    assert _crosses(found.data["converged"]) == 0
