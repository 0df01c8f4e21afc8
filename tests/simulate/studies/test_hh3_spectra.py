"""[HH] Fig. 3 on small networks: spectra at the end of the flow, and of the printed step."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from meanfield.common import seeds
from meanfield.common.study import Answer, numbers
from simulate import integrate, jacobian, reproduce
from simulate.studies.hh3_spectra import HH3, draw
from simulate.studies.protocol import PRINTED_STEP, network

TINY: dict[str, Any] = {"n": 60, "g": [2.0, 12.0], "trials": 2, "t_max": 30.0}


@pytest.fixture(scope="module")
def found() -> Answer:
    return reproduce("hh3", **TINY)


def test_spectra(found: Answer) -> None:
    data = found.data
    slow = 1 / 30.0
    unstable = {name: (values.eigenvalues > slow).mean("mode") for name, values in data.items()}
    for name, share in unstable.items():
        np.testing.assert_array_equal(data[name].unstable_share, share)
    # At g = 2 the steps agree; at g = 12 Euler alone ends among unstable directions.
    slow_flow = {name: share.sel(g=2.0) for name, share in unstable.items()}
    np.testing.assert_array_equal(slow_flow["printed"], slow_flow["converged"])
    assert (unstable["printed"].sel(g=12.0) > 0.05).all()
    assert (unstable["converged"].sel(g=12.0) < 0.05).all()
    ends = [values.energy.sel(g=12.0).isel(t=-1) for values in data.values()]
    assert (ends[1] > 10 * ends[0]).all()


def test_spectra_are_minus_the_hessian(found: Answer) -> None:
    J, x0 = network(60, 2.0, seeds.member(0, 1))
    run = integrate(J, x0, t_max=30, dt=PRINTED_STEP, method="euler", onsager=1.0)
    D = jacobian(run.x_end, J, onsager=1.0)
    np.testing.assert_allclose(D, D.T, atol=1e-12)
    values = found.data["printed"].eigenvalues.sel(g=2.0, replicate=1)
    np.testing.assert_allclose(values, np.linalg.eigvalsh(D), atol=1e-8)


def test_table_quotes_the_data(found: Answer) -> None:
    (table,) = numbers(HH3, found.data)
    for name, data in found.data.items():
        row, part = table.loc[(12.0, name)], data.sel(g=12.0)
        largest = part.eigenvalues.max("mode")
        assert row.mu_largest == pytest.approx(float(largest.mean()))
        assert row.mu_largest_err == pytest.approx(float(largest.std(ddof=1)) / np.sqrt(2))
        assert row.mu_lowest == pytest.approx(float(part.eigenvalues.min()))
        assert row.energy_end == pytest.approx(float(part.energy.isel(t=-1).mean()))
        rounding = 60 * np.finfo(float).eps * abs(part.eigenvalues).max("mode")
        positive = (part.eigenvalues > rounding).mean()
        assert row.positive_share == pytest.approx(float(positive))
        assert row.unstable_step == (name == "printed")
    assert "nan" not in found.caption


def test_picture_says_where_the_step_is_too_long(found: Answer) -> None:
    for name, data in found.data.items():
        said = [text.get_text() for axis in draw(data).axes for text in axis.texts]
        assert len(said) == (name == "printed")
        assert all("step too long" in text for text in said)


@pytest.mark.slow
def test_many_gains_and_one_coupling(tmp_path: Path) -> None:
    gains = [1.0, 2.0, 3.0, 4.0, 5.0]
    tiny: dict[str, Any] = {
        "n": 20,
        "g": gains,
        "trials": 1,
        "t_max": 2.0,
        "variants": ("converged",),
    }
    found = reproduce("hh3", output=tmp_path, **tiny)
    assert "±" not in found.caption
