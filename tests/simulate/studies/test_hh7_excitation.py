"""[HH] Fig. 7 at the printed N: where the printed step is too long, and what the networks do."""

from typing import Any

import numpy as np
import pytest
import xarray as xr
from matplotlib.figure import Figure

from meanfield.common.study import CONVERGED, PRINTED, Answer, answer, as_tables, numbers
from simulate.couplings import PAPER_SETS
from simulate.studies.hh7_excitation import HH7

# The stiffness that the means make grows with N: the printed N, and a short time.
SMALL: dict[str, Any] = {"t_phase": 4.0, "t_lyapunov": 20.0}


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Answer:
    folder = tmp_path_factory.mktemp("hh7")
    return answer(HH7, preset="quick", output=folder, seed=1, **SMALL)


def test_files_and_numbers(found: Answer) -> None:
    names = {path.name for path in found.files}
    assert names == {f"hh7{v}.{e}" for v in ("", "-printed") for e in ("nc", "png")} | {"hh7.md"}
    assert f"{float(found.data[PRINTED].stiffness.max()):.4g}" in found.caption
    rows = numbers(HH7, found.data)[0].index
    assert rows.tolist() == [(name, steps) for name in PAPER_SETS for steps in found.data]


def test_inhibition_is_too_stiff_for_the_printed_step(found: Answer) -> None:
    printed, flow = (found.data[v].isel(replicate=0) for v in (PRINTED, CONVERGED))
    rises = printed.energy_rise_fraction
    assert float(rises.sel(network="inhibitory")) > 0.1
    assert 0.01 * float(printed.stiffness.sel(network="inhibitory")) > 2
    assert float(rises.sel(network="balanced")) == 0
    np.testing.assert_array_equal(printed.unstable_step, rises > 0)
    assert np.all(flow.energy_rise_fraction == 0)
    end = 2 * flow.attrs["t_phase"]
    energy = [d.energy.sel(t=end) for d in (printed, flow)]
    assert float((energy[0] / energy[1]).sel(network="inhibitory")) > 2
    np.testing.assert_allclose(
        energy[0].sel(network="balanced"), energy[1].sel(network="balanced"), rtol=0.1
    )
    # At rest the means of the couplings make nearly all of the stiffness.
    for name, means in (("inhibitory", 8.0), ("balanced", 4.0), ("excitatory", 5.0)):
        formula = float(flow.stiffness_of_means.sel(network=name))
        assert formula == pytest.approx(flow.attrs["n"] * 0.2**2 * means)
        rate = float(flow.stiffness_at_rest.sel(network=name))
        assert rate == pytest.approx(formula, rel=0.1)
    # The flow descends.
    gradient = flow.energy.sel(t=slice(flow.attrs["t_phase"], end))
    assert np.all(gradient.diff("t") <= 0)


def test_energies_of_the_phases(found: Answer) -> None:
    for data in found.data.values():
        length = data.attrs["t_phase"]
        for phase in range(3):
            energy = data.energy.sel(t=slice(phase * length, (phase + 1) * length))
            part = data.sel(phase=phase)
            np.testing.assert_array_equal(part.energy_end, energy.isel(t=-1))
            np.testing.assert_array_equal(part.energy_max, energy.max("t"))


def test_networks_differ(found: Answer) -> None:
    exponent = found.data[CONVERGED].lyapunov.isel(replicate=0)
    assert float(exponent.sel(network="excitatory")) < -0.3
    assert float(exponent.sel(network="balanced")) < float(exponent.sel(network="inhibitory"))
    # The same steps for every variant.
    xr.testing.assert_equal(found.data[PRINTED].lyapunov, found.data[CONVERGED].lyapunov)


def test_exponent_of_one_coupling_has_its_error_over_time(found: Answer) -> None:
    part = found.data[CONVERGED].copy(deep=True)
    moving = part.moved.sel(phase=0).max("replicate") >= 1e-4
    assert bool(moving.any())
    for value, said in ((0.3, "0.30 ± 0.10"), (-0.3, "-0.30 ± 0.10"), (0.1, "0.10 ± 0.10")):
        part["lyapunov"][:] = value
        part["lyapunov_err"][:] = 0.1
        assert as_tables(HH7, {CONVERGED: part})[0].count(said) == len(PAPER_SETS)


def test_a_network_without_a_result_is_drawn_empty(found: Answer) -> None:
    data = found.data[CONVERGED]
    failed = data.assign(energy=data.energy.where(data.network != "balanced"))
    figure = HH7.draw(failed)
    assert isinstance(figure, Figure)
    assert len(figure.axes) == 6
