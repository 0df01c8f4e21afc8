"""[HH] Figs. 5 to 9 at small size: identities, theory, and where the printed step matters."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from scipy.stats import norm, t

from simulate import SingularCovarianceWarning, memory_curve, reproduce
from simulate.couplings import PAPER_SETS, elliptic
from simulate.reproduction import FIGURES, Reproduction
from simulate.reproduction.definition import CONVERGED, PRINTED
from simulate.reproduction.text import averaged
from simulate.reservoir import memory_sweep

SMALL: dict[str, dict[str, Any]] = {
    "hh5": {
        "n": 160, "g_large": 14.0, "n_trials": 2, "t_switch": 20.0, "t_after": 20.0,
        "n_trajectories": 24, "n_samples": 81,
    },
    "hh6": {"n": 200, "n_shown": 50},
    # The stiffness that the means make grows with N: the printed N, and a short time.
    "hh7": {"t_phase": 4.0, "t_lyapunov": 20.0},
    "hh8": {"n": 60, "t_max": 250.0},
    "hh9": {
        "n": 60, "g": [2.0, 14.0], "tau": [0.0, 10.0], "n_trials": 2, "t_skip": 20.0,
        "windows_printed": [5.0, 40.0], "samples_printed": 500, "window_converged": 200.0,
        "samples_converged": 400,
    },
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
        "hh8": lambda: f"| {float(data.m[1]):.3f} |",
        "hh9": lambda: averaged(data.m.sel(task="recall", g=2.0, onsager=1.0, tau=0.0)),
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
        # Within the spread of two networks of 160: the theory is for N → ∞.
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


class TestReservoir:
    """hh8 and hh9."""

    def test_readout_scores_what_is_said(self, found: Figures) -> None:
        part = found["hh8"].data[CONVERGED]
        error = ((part.predicted - part.target) ** 2).mean("t")
        score = 1 - error / (part.target**2).mean("t")
        np.testing.assert_allclose(score, part.m, atol=1e-6)

    def test_sweep_is_the_memory_curve(self) -> None:
        tau = [0.0, 5.0, 20.0]
        sweep = memory_sweep(
            30, [1.5], tau, seed=[4], onsager=[0.0], t_skip=19.5, windows=[80.5], samples=161
        )
        for task in ("recall", "forecast"):
            curve = memory_curve(
                elliptic(30, 1.5, seed=4), tau, task=task, t_skip=20, t_max=100, seed=4
            )
            given = sweep.m.sel(task=task).isel(window=0, onsager=0, g=0, trial=0)
            np.testing.assert_allclose(given, curve.m, rtol=1e-6)

    def test_printed_formula_inverts_a_singular_matrix(self, found: Figures) -> None:
        data = found["hh9"].data
        short = data[PRINTED].sel(window=5.0, onsager=1.0)
        assert np.all(short["rank"].sel(g=2.0) < data[PRINTED].attrs["n"])
        assert np.all(short.condition.sel(g=2.0) > 1e14)
        # Eqs. 19 and 21 agree for exact weights.
        gap = np.abs(short.m - short.m_train).sel(g=2.0)
        assert float(gap.max()) > 0.1
        # The unstable step is rough in time, which lifts the rank.
        assert np.all(short.unstable_step.sel(g=14.0) == 1)
        assert np.all(short.unstable_step.sel(g=2.0) == 0)
        assert np.all(short["rank"].sel(g=14.0) > short["rank"].sel(g=2.0))

    def test_held_out_score(self, found: Figures) -> None:
        part = found["hh9"].data[CONVERGED]
        assert np.all(part.m <= 1)
        assert float(part.m_train.mean()) > float(part.m.mean())
        # The present is known best by a driven network just beyond the onset of chaos.
        recall = part.m.sel(task="recall", onsager=0.0, g=2.0).mean("trial").isel(window=0)
        assert float(recall.sel(tau=0)) > 0.8
        # τ = 0 is one task.
        np.testing.assert_allclose(
            part.m.sel(task="recall", tau=0), part.m.sel(task="forecast", tau=0), atol=1e-8
        )

    def test_differences_are_compared_all_together(self, found: Figures) -> None:
        part = found["hh9"].data[CONVERGED]
        trials = 4
        part = xr.concat([part.isel(trial=0)] * trials, "trial", join="override")
        cells = 2 * part.sizes["g"] * part.sizes["tau"]
        needed = t.isf(0.05 / (2 * cells), trials - 1)
        noise = np.array([-1.0, 1.0, -1.0, 1.0])
        error = noise.std(ddof=1) / 2
        for factor, count in ((0.99, 0), (1.01, cells)):
            m = xr.zeros_like(part.m)
            m.loc[{"onsager": 1.0}] = factor * needed * error
            m = m + xr.DataArray(noise, dims="trial") * (part.onsager == 1)
            text = FIGURES["hh9"].caption({CONVERGED: part.assign(m=m)})
            assert f"in {count} and worse in 0 of {cells} cases" in text
            assert f"{needed:.3g} standard errors" in text

    def test_one_coupling_is_not_compared(self, found: Figures) -> None:
        part = found["hh9"].data[CONVERGED].isel(trial=[0])
        text = FIGURES["hh9"].caption({CONVERGED: part.assign_attrs(n_trials=1)})
        assert "are not compared" in text
        assert "better" not in text
        assert "standard" not in text

    def test_singular_covariance_is_said_once(self) -> None:
        with pytest.warns(SingularCovarianceWarning) as said:
            memory_sweep(
                20, [2.0], [0.0], seed=[1, 2], formula="printed", t_skip=5, windows=[2.0],
                samples=40,
            )  # fmt: skip
        assert len(said) == 1
