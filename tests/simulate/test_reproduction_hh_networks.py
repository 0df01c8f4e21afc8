"""[HH] Figs. 5 to 7 at small size: identities, theory, and where the printed step matters."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from scipy.stats import norm

from simulate import reproduce
from simulate.couplings import PAPER_SETS
from simulate.reproduction import FIGURES, Reproduction
from simulate.reproduction.definition import CONVERGED, PRINTED

SMALL: dict[str, dict[str, Any]] = {
    "hh5": {
        "n": 80, "g_large": 14.0, "n_trials": 2, "t_switch": 20.0, "t_after": 20.0,
        "n_trajectories": 12, "n_samples": 81,
    },
    "hh6": {"n": 200, "n_shown": 50},
    # The stiffness that the means make grows with N: the printed N, and a short time.
    "hh7": {"t_phase": 4.0, "t_lyapunov": 20.0},
}  # fmt: skip


class Figures(dict[str, Reproduction]):
    """Each figure computed once, when it is asked for."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._folder = folder

    def __missing__(self, key: str) -> Reproduction:
        self[key] = reproduce(key, output=self._folder / key, seed=1, **SMALL[key])
        return self[key]


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Figures:
    return Figures(tmp_path_factory.mktemp("figures"))


@pytest.fixture(params=SMALL)
def figure(request: pytest.FixtureRequest, found: Figures) -> Reproduction:
    return found[request.param]


def test_files_and_captions(figure: Reproduction) -> None:
    names = {path.name for path in figure.files}
    stems = [figure.key] + [f"{figure.key}-printed"] * (PRINTED in figure.data)
    assert names == {f"{s}.{e}" for s in stems for e in ("nc", "png")} | {f"{figure.key}.md"}
    assert all(Path(path).stat().st_size > 0 for path in figure.files)
    kind = FIGURES[figure.key]
    for variant, data in figure.data.items():
        # One variant alone, and as it is read back from its file.
        stem = figure.key if variant == CONVERGED else f"{figure.key}-{variant}"
        place = next(path for path in figure.files if path.name == f"{stem}.nc")
        with xr.open_dataset(place, engine="scipy") as stored:
            assert f"N = {data.attrs['n']}" in kind.caption({variant: stored.load()})


def test_caption_quotes_the_data(figure: Reproduction) -> None:
    data = figure.data[CONVERGED]
    quoted = {
        "hh5": lambda: f"{float(data.explained.sel(start='near').sum()):.1%}",
        "hh6": lambda: f"{float(data.radius_formula[1]):.3f}",
        "hh7": lambda: f"{0.01 * float(figure.data[PRINTED].stiffness.max()):.2f}",
    }[figure.key]()
    assert quoted in figure.caption
    assert "\n| ---" in figure.caption
    assert "nan" not in figure.caption


class TestActivity:
    """hh5."""

    @pytest.fixture
    def data(self, found: Figures) -> dict[str, xr.Dataset]:
        return found["hh5"].data

    def test_densities(self, data: dict[str, xr.Dataset]) -> None:
        for part in data.values():
            np.testing.assert_allclose(part.phi_density.sum("bin") * 2 / 50, 1, rtol=1e-12)
            # Second moment of the histogram against the mean of φ², to the width of its bins.
            second = (part.phi_density * part.phi_center**2).sum("bin") * 2 / 50
            np.testing.assert_allclose(second, part.phi2, atol=0.02)

    def test_chaos_is_u_shaped_in_phi_and_keeps_its_shape(
        self, data: dict[str, xr.Dataset]
    ) -> None:
        part = data[CONVERGED]
        assert float(part.edge.sel(panel="a").mean()) > float(part.centre.sel(panel="a").mean())
        # Within the spread of two networks of 80: the theory is for N → ∞.
        assert abs(float(part.phi2.sel(panel="a").mean()) - part.attrs["phi2_theory"]) < 0.2
        assert np.all(part.energy_panel.sel(panel="b") < part.energy_panel.sel(panel="a"))

    def test_the_step_makes_the_u_shape_at_large_gain(self, data: dict[str, xr.Dataset]) -> None:
        printed, flow = (data[v].sel(panel="c") for v in (PRINTED, CONVERGED))
        assert np.all(flow.energy_rise_fraction == 0)
        assert np.all(printed.energy_rise_fraction > 0.3)
        assert np.all(0.01 * printed.stiffness > 2)
        assert np.all(printed.energy_panel > 10 * flow.energy_panel)
        assert float(printed.edge.mean()) > float(printed.centre.mean())
        assert float(flow.edge.mean()) < float(flow.centre.mean())

    def test_explained_variance_is_that_of_the_starts(self, data: dict[str, xr.Dataset]) -> None:
        for part in data.values():
            total = part.explained.sum("component")
            assert float(total.sel(start="near")) > float(total.sel(start="independent")) + 0.1
            assert np.all((part.explained > 0) & (total < 1))
            # Energy falls along the flow of every trajectory.
            after = part.energy.sel(t=slice(part.attrs["t_switch"], None))
            assert np.all(after.diff("t") < 0)
        both = [data[v].explained for v in (CONVERGED, PRINTED)]
        np.testing.assert_allclose(*both, atol=0.02)


class TestTopology:
    """hh6."""

    def test_formulas(self, found: Figures) -> None:
        part = found["hh6"].data[CONVERGED]
        assert [round(float(r), 3) for r in part.radius_formula] == [1.252, 0.963, 1.043]
        # N times the mean coupling, against its spread over networks.
        n, trials = part.attrs["n"], part.sizes["trial"]
        for name, values in PAPER_SETS.items():
            expected = float(part.outlier_formula.sel(network=name))
            spread = float(part.radius_formula.sel(network=name))
            assert abs(float(part["mean"].sel(network=name).mean()) - expected) < (
                4.5 * spread / np.sqrt(trials) * np.sqrt(n / (n - 1))
            )
            for kind, mu in (("excitatory", values["mu_e"]), ("inhibitory", values["mu_i"])):
                share = float(part.wrong_sign.sel(network=name, kind=kind).mean())
                exact = norm.cdf(-abs(mu) / 1.2)
                count = 0.2 * n**2 * trials * (0.8 if kind == "excitatory" else 0.2)
                assert abs(share - exact) < 5 * np.sqrt(exact / count) + 1e-4
        np.testing.assert_allclose(
            part.density.sum(("kind", "bin")) * 16 / part.sizes["bin"], 1, atol=2e-3
        )


class TestExcitation:
    """hh7."""

    def test_inhibition_is_too_stiff_for_the_printed_step(self, found: Figures) -> None:
        data = found["hh7"].data
        printed, flow = (data[v].isel(trial=0) for v in (PRINTED, CONVERGED))
        rises = printed.energy_rise_fraction
        assert float(rises.sel(network="inhibitory")) > 0.1
        assert 0.01 * float(printed.stiffness.sel(network="inhibitory")) > 2
        assert float(rises.sel(network="balanced")) == 0
        assert np.all(flow.energy_rise_fraction == 0)
        end = 2 * flow.attrs["t_phase"]
        energy = [d.energy.sel(t=end) for d in (printed, flow)]
        assert float((energy[0] / energy[1]).sel(network="inhibitory")) > 2
        np.testing.assert_allclose(
            energy[0].sel(network="balanced"), energy[1].sel(network="balanced"), rtol=0.1
        )
        # At rest the means of the couplings make nearly all of the stiffness.
        for name, means in (("inhibitory", 8.0), ("balanced", 4.0), ("excitatory", 5.0)):
            rate = float(flow.stiffness_at_rest.sel(network=name))
            assert rate == pytest.approx(flow.attrs["n"] * 0.2**2 * means, rel=0.1)
        # The flow descends.
        gradient = flow.energy.sel(t=slice(flow.attrs["t_phase"], end))
        assert np.all(gradient.diff("t") <= 0)

    def test_networks_differ(self, found: Figures) -> None:
        exponent = found["hh7"].data[CONVERGED].lyapunov.isel(trial=0)
        assert float(exponent.sel(network="excitatory")) < -0.3
        assert float(exponent.sel(network="balanced")) < float(exponent.sel(network="inhibitory"))

    def test_sign_of_an_exponent_within_its_error_is_left_open(self, found: Figures) -> None:
        part = found["hh7"].data[CONVERGED].copy(deep=True)
        moving = part.moved.sel(phase=0).max("trial") >= 1e-4
        assert bool(moving.any())
        for value, said in ((0.3, "fluctuates"), (-0.3, "relaxes"), (0.1, "undecided")):
            part["lyapunov"][:] = value
            part["lyapunov_err"][:] = 0.1
            text = FIGURES["hh7"].caption({CONVERGED: part})
            assert text.count(f"| {said}") == int(moving.sum())
