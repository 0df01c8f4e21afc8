"""[QH] Figs. 2, 3 and 5 at tiny scale: physics of the data, captions, files."""

import numpy as np
import pytest
import xarray as xr

from meanfield import ArgumentError, phase_diagram
from simulate import couplings, reproduce
from simulate.reproduction import FIGURES
from simulate.reproduction.text import averaged

GRID = {"g": [0.5, 0.6, 0.75, 0.9, 1.0, 1.2], "gamma": [-0.2, 0.0, 0.5, 1.0]}
TEMPERATURES = {
    "n": [30], "beta": [1.0, 5.0], "n_couplings": 4, "n_samples": 800, "thin": 1,
}  # fmt: skip


@pytest.fixture(scope="module")
def temperature(tmp_path_factory):
    return reproduce("qh2", output=tmp_path_factory.mktemp("figures") / "qh2", **TEMPERATURES)


@pytest.fixture(scope="module")
def order(tmp_path_factory):
    return reproduce("qh3", output=tmp_path_factory.mktemp("figures") / "qh3", **GRID)


@pytest.fixture(scope="module")
def relation(tmp_path_factory):
    return reproduce("qh5", output=tmp_path_factory.mktemp("figures") / "qh5", **GRID)


def test_figures_stand_in_the_order_of_the_paper() -> None:
    keys = [key for key in FIGURES if key.startswith("qh")]
    assert keys == ["qh1", "qh2", "qh3", "qh4", "qh5"]


@pytest.mark.parametrize("name", ["temperature", "order", "relation"])
def test_files_hold_picture_data_and_caption(name, request) -> None:
    found = request.getfixturevalue(name)
    assert [path.name for path in found.files] == [
        f"{found.key}.nc", f"{found.key}.png", f"{found.key}.md"
    ]  # fmt: skip
    assert found.caption in found.files[-1].read_text()
    assert "nan" not in found.caption
    assert "\n| ---" in found.caption or "\n- " in found.caption
    with xr.open_dataset(found.files[0], engine="scipy") as stored:
        assert set(stored.data_vars) == set(found.data["converged"].data_vars)


def test_energy_does_not_depend_on_the_gain(temperature) -> None:
    data = temperature.data["converged"]
    np.testing.assert_allclose(data.energy_theory * 2 * data.beta, 1, rtol=1e-12)
    twice = 2 * data.beta * data.energy
    error = twice.std("coupling", ddof=1) / 2
    # Finite size shifts the mean by less than 1/N; three degrees of freedom have wide tails.
    assert np.all(np.abs(twice.mean("coupling") - 1) < 5 * error + 1 / data.n)
    assert data.converged.all()


def test_activity_tells_the_gains_apart(temperature) -> None:
    data = temperature.data["converged"]
    assert data.x2_limit.sel(g=0.8) == 0
    assert data.x2_limit.sel(g=1.2) > 0.2
    variance = 1 / data.beta + data.g**2 * data.q_theory
    np.testing.assert_allclose(data.x2_theory, variance.transpose("g", "beta"), rtol=1e-10)
    hot = data.x2.sel(beta=1.0).isel(n=0)
    error = hot.std("coupling", ddof=1) / 2
    assert np.all(np.abs(hot.mean("coupling") - data.x2_theory.sel(beta=1.0)) < 5 * error)
    paired = (data.x2.sel(g=1.2) - data.x2.sel(g=0.8)).isel(n=0)
    assert np.all(paired.mean("coupling") > 4 * paired.std("coupling", ddof=1) / 2)


def test_caption_quotes_the_samples(temperature) -> None:
    data = temperature.data["converged"]
    cold = data.x2.sel(beta=5.0, g=1.2, n=30)
    assert f"| {averaged(cold)} |" in temperature.caption
    assert "4 couplings" in temperature.caption


def test_one_coupling_has_no_error_and_is_refused() -> None:
    with pytest.raises(ArgumentError, match="n_couplings"):
        reproduce("qh2", **{**TEMPERATURES, "n_couplings": 1})


def test_samples_do_not_depend_on_workers() -> None:
    few = {**TEMPERATURES, "n": [8], "n_couplings": 2, "g": [0.8], "beta": [1.0]}
    first, second = (reproduce("qh2", workers=w, **few).data["converged"] for w in (1, 2))
    np.testing.assert_array_equal(first.x2, second.x2)


def test_each_branch_leaves_zero_on_its_line(order) -> None:
    data = order.data["converged"]
    beyond = data.g * (1 + data.gamma) > 1 + 1e-12
    known = data.converged_static
    assert np.all((data.Q_static > 0).where(known, beyond) == beyond)
    positive = data.sel(gamma=data.gamma >= 0)
    later = positive.g**2 * (1 + positive.gamma) > 1 + 1e-12
    assert np.all((positive.q_paramagnetic > 0) == later)
    assert np.all(data.stable_static.where(known, False) == (known & ~beyond))
    total = int(known.sum())
    assert f"{total} of {total} converged points" in order.caption


def test_response_is_one_plus_gamma_on_the_line(order) -> None:
    data = order.data["converged"]
    inside = np.isfinite(data.G_line)
    # The line of γ = −0.2 lies beyond the grid.
    assert inside.values.tolist() == [False, True, True, True]
    np.testing.assert_allclose(data.G_line[inside], 1 + data.gamma[inside], rtol=1e-12)
    assert np.all(data.G_static.max("g")[inside] <= data.G_line[inside] + 1e-12)


def test_branches_part_where_couplings_are_correlated(order) -> None:
    data = order.data["converged"].sel(g=1.2)
    assert data.Q_static.sel(gamma=0.0) == pytest.approx(float(data.q_paramagnetic.sel(gamma=0.0)))
    # 0.5426 of one fixed point against 0.3160 of the measure, README.
    assert data.Q_static.sel(gamma=0.5) == pytest.approx(0.542571, abs=1e-6)
    assert data.q_paramagnetic.sel(gamma=0.5) == pytest.approx(0.315974, abs=1e-6)


def test_points_without_solution_are_counted(order) -> None:
    data = order.data["converged"]
    missing = int((~data.converged_static).sum())
    assert missing == 1  # γ = 1, g = 1.2: beyond the end of the static branch
    said = "static branch without a solution"
    assert f"{said}: {missing} (k = g^2 gamma G reaches 1" in order.caption
    assert "paramagnetic branch without a solution: 0." in order.caption


def test_both_figures_share_one_grid(order, relation) -> None:
    first, second = order.data["converged"], relation.data["converged"]
    for branch in ("static", "paramagnetic"):
        grid = phase_diagram(GRID["g"], GRID["gamma"], branch=branch)
        for name in ("q", "G", "chi", "sigma_xphi"):
            np.testing.assert_array_equal(first[f"{name}_{branch}"], grid[name])
            np.testing.assert_array_equal(second[f"{name}_{branch}"], grid[name])


def test_identity_holds_on_both_branches(relation) -> None:
    data = relation.data["converged"]
    for branch in ("static", "paramagnetic"):
        error = data[f"identity_error_{branch}"]
        assert np.isfinite(error).sum() >= 8
        assert error.max() < 1e-9
    finite = data.q_paramagnetic > 0
    np.testing.assert_array_equal(np.isfinite(data.identity_error_paramagnetic), finite)
    largest = float(data.identity_error_paramagnetic.max())
    row = next(line for line in relation.caption.split("\n") if "paramagnetic, q > 0" in line)
    assert [cell.strip() for cell in row.split("|")[2:4]] == [
        str(int(finite.sum())), f"{largest:.1g}"
    ]  # fmt: skip


def test_null_state_fluctuates_as_the_linear_network(relation) -> None:
    data = relation.data["converged"]
    g, gamma, n = 0.6, 0.5, 800
    matrix = np.eye(n) - couplings.elliptic(n, g, gamma, seed=3)
    # At T → 0 around x = 0: β⟨xφ⟩ = β⟨x²⟩ = Tr (AᵀA)⁻¹/N.
    measured = np.mean(np.linalg.svd(matrix, compute_uv=False) ** -2)
    assert data.sigma_xphi_static.sel(g=g, gamma=gamma) == pytest.approx(measured, rel=0.1)


def test_unknown_parameter_is_refused() -> None:
    with pytest.raises(ArgumentError, match="qh3 has no such parameter"):
        reproduce("qh3", n=40)


def test_captions_claim_nothing_of_a_grid_below_every_line(tmp_path) -> None:
    below = {"g": [0.3, 0.4], "gamma": [0.5]}
    order = reproduce("qh3", **below, output=tmp_path / "qh3").caption
    assert "positive beyond it at 2 of 2 converged points" in order
    assert "whose line crosses" not in order
    assert "γ < 0: G" not in order
    relation = reproduce("qh5", **below, output=tmp_path / "qh5").caption
    assert "No point of the paramagnetic branch lies beyond" in relation
    assert "χ rises in 1 of 1 cases" in relation
    assert "nan" not in order + relation


def test_captions_claim_nothing_of_a_grid_beyond_every_line() -> None:
    caption = reproduce("qh5", g=[1.1, 1.2], gamma=[0.5]).caption
    assert "No point of the static branch is stable" in caption
    assert "positive at 2 of 2 points beyond" in caption
    assert "nan" not in caption


def test_response_falls_along_the_gain_for_antisymmetric_couplings() -> None:
    caption = reproduce("qh3", g=[0.6, 0.8, 1.0], gamma=[-0.2]).caption
    assert "G rises between neighbouring gains somewhere at 0 of 1 symmetry." in caption
    # The fluctuation rises towards the line all the same.
    relation = reproduce("qh5", g=[0.6, 0.8, 1.0], gamma=[-0.2]).caption
    assert "χ rises in 2 of 2 cases" in relation
    assert "and G in 0." in relation
