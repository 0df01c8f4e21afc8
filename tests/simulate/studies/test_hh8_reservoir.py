"""[HH] Fig. 8 on a small network: the readout shown has the score that is said."""

from pathlib import Path

import numpy as np
import pytest

from meanfield import ArgumentError, load
from meanfield.common import seeds
from meanfield.common.study import Answer
from simulate import memory_curve, reproduce, two_sines
from simulate.couplings import elliptic


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Answer:
    folder = tmp_path_factory.mktemp("hh8")
    return reproduce("hh8", n=60, t_max=250.0, seed=1, output=folder)


def test_files_and_numbers(found: Answer) -> None:
    assert {path.name for path in found.files} == {"hh8.nc", "hh8.png", "hh8.md"}
    data = found.data["converged"]
    for value in (data.m[1], data.m_train[1], data.fitted_until):
        assert f"{float(value):.4g}" in found.caption
    assert "nan" not in found.caption
    assert load(next(p for p in found.files if Path(p).suffix == ".nc")).x.equals(data.x)


def test_readout_scores_what_is_said(found: Answer) -> None:
    part = found.data["converged"]
    error = ((part.predicted - part.target) ** 2).mean("t")
    score = 1 - error / (part.target**2).mean("t")
    np.testing.assert_allclose(score, part.m, atol=1e-6)


def test_readout_is_the_memory_curve(found: Answer) -> None:
    part = found.data["converged"]
    own = seeds.member(1, 0)
    J = elliptic(60, 4.0, seed=own)
    for kappa in (0.0, 1.0):
        curve = memory_curve(
            J, 10.0, onsager=kappa, t_skip=50.5, t_max=250, dt=0.05, seed=own, intercept=False
        )
        assert float(part.m.sel(onsager=kappa)) == pytest.approx(curve.m[0], rel=1e-6)


def test_times(found: Answer) -> None:
    part = found.data["converged"]
    # The later half of 400 samples after 50; the fitted ones end the gap before.
    assert (part.sizes["t"], part.t[0], part.t[-1]) == (200, 150.5, 250)
    assert float(part.fitted_until) == 140.5
    np.testing.assert_allclose(part.stimulus, two_sines(part.t))
    np.testing.assert_allclose(part.target, two_sines(part.t - 10))


def test_too_few_samples_are_refused() -> None:
    with pytest.raises(ArgumentError, match="t_max=60: 20 samples after t_skip=50"):
        reproduce("hh8", n=20, t_max=60.0)
