"""[HH] Fig. 1 on small networks: how far activities move after the switch, and the networks."""

from typing import Any

import numpy as np
import pytest
import xarray as xr

from meanfield.common import seeds
from meanfield.common.study import Answer, numbers, quoted
from meanfield.common.style import spread
from simulate import Switching, integrate, reproduce
from simulate.studies.hh1_freezing import HH1, ratio
from simulate.studies.protocol import PRINTED_STEP, network

TINY: dict[str, Any] = {
    "n": 80,
    "g": [2.0, 4.0],
    "trials": 2,
    "t_switch": 20.0,
    "t_later": [30.0, 40.0],
}


@pytest.fixture(scope="module")
def found() -> Answer:
    return reproduce("hh1", **TINY)


def test_gains_share_couplings_and_start() -> None:
    member = seeds.member(5, 3)
    J, x0 = network(20, 2.0, member)
    J3, same = network(20, 3.0, member)
    np.testing.assert_allclose(J3, 1.5 * J, rtol=1e-14)
    np.testing.assert_array_equal(x0, same)
    assert np.abs(network(20, 2.0, seeds.member(5, 4))[0] - J).max() > 0.1


def test_activities_move_less(found: Answer) -> None:
    for data in found.data.values():
        assert (data.Q.sel(onsager=1.0) < data.Q.sel(onsager=0.0)).all()
        assert (data.Q > 0).all()
        assert float(data.energy_rise_fraction.max()) == 0
        assert not data.unstable_step.any()
        # The force is on from t_switch on: E falls from there, as it does not before.
        after = data.energy.sel(t=slice(20.0, None)).values
        assert np.all(np.diff(after) < 0)
        assert np.any(np.diff(data.energy.sel(t=slice(5.0, 20.0)).values) > 0)


def test_freezing_is_eq_11(found: Answer) -> None:
    """Q of one run with κ switched inside `integrate`: same couplings, start and steps."""
    J, x0 = network(80, 4.0, seeds.member(0, 1))
    Q = []
    for kappa in (0.0, 1.0):
        run = integrate(
            J,
            x0,
            t_max=30,
            dt=PRINTED_STEP,
            method="euler",
            onsager=Switching([20], [0, kappa]),
            save_at=[19.99, 30.0],
        )
        assert run.x is not None
        Q.append(np.sum(np.subtract(*np.tanh(run.x)) ** 2))
    saved = found.data["printed"].Q.sel(g=4.0, replicate=1, t_later=30.0)
    np.testing.assert_allclose(saved, Q, rtol=1e-6)


def test_ratios_of_paired_means(found: Answer) -> None:
    for data in found.data.values():
        less = data.Q.sel(onsager=0.0, t_later=40.0), data.Q.sel(onsager=1.0, t_later=40.0)
        more = less[1], data.Q.sel(onsager=1.0, t_later=30.0)
        for name, (above, below) in (("vanilla_over_regulated", less), ("late_over_early", more)):
            means = above.mean("replicate") / below.mean("replicate")
            np.testing.assert_allclose(data[name], means)
            # Of two couplings the scatter is half the difference of what is left.
            rest = (above - means * below).diff("replicate").isel(replicate=0)
            np.testing.assert_allclose(
                data[f"{name}_err"], abs(rest) / 2 / below.mean("replicate"), rtol=1e-9
            )


def test_errors_of_ratios() -> None:
    rng = np.random.default_rng(0)
    below = xr.DataArray(rng.uniform(1, 2, (4000, 10)), dims=("sample", "replicate"))
    above = 3 * below * (1 + 0.1 * rng.standard_normal((4000, 10)))
    ratios, errors = ratio(above, below)
    assert float(ratios.std()) == pytest.approx(float(errors.mean()), rel=0.15)
    exact = ratio(*(xr.DataArray(one, dims="replicate") for one in ([2.0, 6.0], [1.0, 3.0])))
    assert [float(one) for one in exact] == [2.0, 0.0]
    one = below.isel(replicate=[0])
    assert bool(ratio(one, one)[1].isnull().all())


def test_numbers_with_errors() -> None:
    assert quoted(1.23456, 0.0123) == "1.235 ± 0.012"
    assert quoted(2.5e-8, 1e-9) == "(2.50 ± 0.10)e-8"
    assert quoted(0.999984, 0.000016) == "0.999984 ± 0.000016"
    assert quoted(5e-5, 4.1e-4) == "(0.5 ± 4.1)e-4"
    assert quoted(1234.5, 210.0) == "1234 ± 210"
    assert quoted(0.9079864, 2e-14) == "0.908"
    assert quoted(1.5, np.nan) == "1.5"


def test_bars_are_standard_deviations() -> None:
    grid = xr.DataArray([[0.0, 1.0, 2.0], [10.0, 11.0, 12.0]], dims=("g", "replicate"))
    np.testing.assert_allclose(spread(grid), [1.0, 1.0])
    np.testing.assert_allclose(spread(grid.isel(replicate=[0])), [0.0, 0.0])


def test_table_quotes_the_data(found: Answer) -> None:
    (table,) = numbers(HH1, found.data)
    for name, data in found.data.items():
        moved = data.Q.sel(onsager=1.0, t_later=40.0)
        np.testing.assert_allclose(
            table.xs(name, level="steps").Q_regulated, moved.mean("replicate")
        )
        less = data.vanilla_over_regulated.sel(g=4.0), data.vanilla_over_regulated_err.sel(g=4.0)
        assert quoted(*map(float, less)) in found.caption
    assert "nan" not in found.caption
