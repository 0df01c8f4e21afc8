"""[HH] Figs. 1–4 on small networks: the flow itself, and what the printed step adds."""

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

from meanfield import seeds
from simulate import Reproduction, Switching, couplings, divergence, integrate, jacobian, reproduce
from simulate.reproduction.catalogue import FIGURES
from simulate.reproduction.grids import gathered, spread
from simulate.reproduction.hh.protocol import broken, broken_said, network
from simulate.reproduction.text import averaged, mean_and_error, quoted, ratio_and_error, table

PRINTED_STEP = 0.01
TINY: dict[str, dict[str, Any]] = {
    "hh1": {"n": 80, "g": [2.0, 4.0], "n_trials": 2, "t_switch": 20.0, "t_later": [30.0, 40.0]},
    "hh2": {
        "n": 200,
        "g_shown": 3.0,
        "stretch": 20.0,
        "g": [0.5, 3.0, 16.0],
        "n_trials": 2,
        "t_max": 35.0,
    },
    "hh3": {"n": 60, "g": [2.0, 12.0], "n_trials": 2, "t_max": 30.0},
    "hh4": {"n": 60, "g": [2.0, 12.0], "n_trials": 2, "t_max": 10.0},
}


@pytest.fixture(scope="module")
def tiny() -> Callable[[str], Reproduction]:
    found: dict[str, Reproduction] = {}

    def get(key: str) -> Reproduction:
        if key not in found:
            found[key] = reproduce(key, **TINY[key])
        return found[key]

    return get


def test_gains_share_couplings_and_start() -> None:
    J, x0 = network(20, 2.0, seed=5, trial=3)
    J3, same = network(20, 3.0, seed=5, trial=3)
    np.testing.assert_allclose(J3, 1.5 * J, rtol=1e-14)
    np.testing.assert_array_equal(x0, same)
    assert np.abs(network(20, 2.0, seed=5, trial=4)[0] - J).max() > 0.1


def test_numbers_with_errors() -> None:
    assert mean_and_error([1.0, 3.0]) == (2.0, 1.0)
    assert ratio_and_error([2.0, 6.0], [1.0, 3.0]) == (2.0, 0.0)
    assert quoted(1.23456, 0.0123) == "1.235 ± 0.012"
    assert quoted(2.5e-8, 1e-9) == "(2.50 ± 0.10)·10^-8"
    assert quoted(0.999984, 0.000016) == "0.999984 ± 0.000016"
    assert quoted(5e-5, 4.1e-4) == "(0.5 ± 4.1)·10^-4"
    assert quoted(1234.5, 210.0) == "1234 ± 210"
    assert quoted(0.9079864, 2e-14) == "0.908"
    assert quoted(1.5, np.nan) == averaged([1.5]) == "1.5"
    rng = np.random.default_rng(0)
    below = rng.uniform(1, 2, (4000, 10))
    above = 3 * below * (1 + 0.1 * rng.standard_normal((4000, 10)))
    ratios, errors = np.transpose(
        [ratio_and_error(*pair) for pair in zip(above, below, strict=True)]
    )
    assert np.std(ratios) == pytest.approx(np.mean(errors), rel=0.15)


def test_tables_are_plain_text_and_markdown() -> None:
    assert table(["g", "λ"], [["0.5", "-0.1 ± 0.2"]]).split("\n") == [
        "| g   | λ          |",
        "| --- | ---------- |",
        "| 0.5 | -0.1 ± 0.2 |",
    ]


def test_freezing(tiny: Callable[[str], Reproduction]) -> None:
    found = tiny("hh1")
    for data in found.data.values():
        assert (data.Q.sel(onsager=1.0) < data.Q.sel(onsager=0.0)).all()
        assert (data.Q > 0).all()
        assert float(data.energy_rise_fraction.max()) == 0
        # The force is on from t_switch on: E falls from there, as it does not before.
        after = data.energy.sel(t=slice(20.0, None)).values
        assert np.all(np.diff(after) < 0)
        assert np.any(np.diff(data.energy.sel(t=slice(5.0, 20.0)).values) > 0)


def test_freezing_is_eq_11(tiny: Callable[[str], Reproduction]) -> None:
    """Q of one run with κ switched inside `integrate`: same couplings, start and steps."""
    J, x0 = network(80, 4.0, seed=0, trial=1)
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
    saved = tiny("hh1").data["printed"].Q.sel(g=4.0, trial=1, t_later=30.0)
    np.testing.assert_allclose(saved, Q, rtol=1e-6)


def test_exponents_of_the_flow(tiny: Callable[[str], Reproduction]) -> None:
    data = tiny("hh2").data["converged"]
    vanilla, regulated = (data.sel(onsager=kappa) for kappa in (0.0, 1.0))
    # The null state is stable for both; beyond it only the vanilla dynamics is chaotic.
    assert (data.lyapunov.sel(g=0.5) < 0).all()
    assert (vanilla.lyapunov.sel(g=16.0) > 0.2).all()
    assert float(abs(regulated.lyapunov.sel(g=[3.0, 16.0])).max()) < 0.1
    assert float(regulated.energy_rise_fraction.max()) == 0
    assert not data.unstable_step.any()


def test_null_exponents_are_those_of_the_linear_flow() -> None:
    """At x = 0, λ of the flow is −σ_min(1 − J)², that of the vanilla network max Re(J) − 1."""
    found = reproduce(
        "hh2", n=100, g=[0.5], n_trials=2, stretch=1.0, t_max=440.0, variants=("converged",)
    )
    for trial in range(2):
        A = network(100, 0.5, seed=0, trial=trial)[0] - np.eye(100)
        exact = [np.linalg.eigvals(A).real.max(), -(np.linalg.svd(A, compute_uv=False).min() ** 2)]
        value = found.data["converged"].lyapunov.sel(g=0.5, trial=trial)
        np.testing.assert_allclose(value, exact, atol=0.01)


def test_chaos_of_the_printed_step(tiny: Callable[[str], Reproduction]) -> None:
    found = tiny("hh2")
    printed, converged = (
        found.data[name].sel(onsager=1.0, g=16.0) for name in ("printed", "converged")
    )
    assert (PRINTED_STEP * printed.stiffness > 2).all()
    assert (printed.energy_rise_fraction > 0.1).all()
    assert (printed.unstable_step == 1).all()
    assert float(printed.lyapunov.mean()) > float(converged.lyapunov.max()) + 0.1
    stable = {name: data.lyapunov.sel(onsager=1.0, g=3.0) for name, data in found.data.items()}
    np.testing.assert_allclose(stable["printed"], stable["converged"], atol=0.02)


def test_chaos_released_and_frozen(tiny: Callable[[str], Reproduction]) -> None:
    for data in tiny("hh2").data.values():
        for schedule in data.schedule.values:
            part = data.sel(schedule=schedule)
            for index, kappa in enumerate(part.kappa.values):
                inside = part.energy.sel(t=slice(20.0 * index, 20.0 * (index + 1))).values
                assert np.all(np.diff(inside) < 0) == bool(kappa)
        moments = data.eigenvalues_real.max("mode")
        assert float(abs(data.eigenvalues_imag.sel(moment="frozen")).max()) < 1e-8
        assert float(abs(data.eigenvalues_imag.sel(moment="chaotic")).max()) > 0.1
        assert float(moments.sel(moment="frozen")) < float(moments.sel(moment="chaotic"))


def test_spectra(tiny: Callable[[str], Reproduction]) -> None:
    data = tiny("hh3").data
    slow = 1 / 30.0
    unstable = {name: (values.eigenvalues > slow).mean("mode") for name, values in data.items()}
    # At g = 2 the steps agree; at g = 12 Euler alone ends among unstable directions.
    slow_flow = {name: share.sel(g=2.0) for name, share in unstable.items()}
    np.testing.assert_array_equal(slow_flow["printed"], slow_flow["converged"])
    assert (unstable["printed"].sel(g=12.0) > 0.05).all()
    assert (unstable["converged"].sel(g=12.0) < 0.05).all()
    ends = [values.energy.sel(g=12.0).isel(t=-1) for values in data.values()]
    assert (ends[1] > 10 * ends[0]).all()


def test_spectra_are_minus_the_hessian(tiny: Callable[[str], Reproduction]) -> None:
    J, x0 = network(60, 2.0, seed=0, trial=1)
    run = integrate(J, x0, t_max=30, dt=PRINTED_STEP, method="euler", onsager=1.0)
    D = jacobian(run.x_end, J, onsager=1.0)
    np.testing.assert_allclose(D, D.T, atol=1e-12)
    found = tiny("hh3").data["printed"].eigenvalues.sel(g=2.0, trial=1)
    np.testing.assert_allclose(found, np.linalg.eigvalsh(D), atol=1e-8)


def test_divergence(tiny: Callable[[str], Reproduction]) -> None:
    data = tiny("hh4").data
    for values in data.values():
        trace = values.diagonal.mean("neuron")
        np.testing.assert_allclose(values.divergence.isel(t=-1), trace, rtol=1e-10)
        J, x0 = network(60, 12.0, seed=0, trial=0)
        start = values.divergence.sel(g=12.0, trial=0, t=0.0)
        assert float(start) == pytest.approx(float(divergence(x0, J, onsager=1.0)) / 60)
    printed, converged = (data[name].divergence for name in ("printed", "converged"))
    # Euler starts at the same state, follows the flow at g = 2 and leaves it at g = 12.
    np.testing.assert_array_equal(printed.isel(t=0), converged.isel(t=0))
    np.testing.assert_allclose(printed.sel(g=2.0), converged.sel(g=2.0), rtol=0.1)
    assert (printed.sel(g=12.0, t=10.0) > 0.8 * converged.sel(g=12.0, t=10.0)).all()
    assert (data["printed"].unstable_step.sel(g=12.0) == 1).all()


def test_divergence_of_random_states() -> None:
    """The closed form at t = 0 against the mean over couplings and starts."""
    found = reproduce("hh4", n=100, g=[6.0], n_trials=150, t_max=1e-3, variants=("converged",))
    data = found.data["converged"]
    mean, error = mean_and_error(data.divergence.isel(g=0, t=0))
    assert error < 0.3
    # (JᵀJ)_ii is g²(1 − 1/n) on average.
    exact = -1 + (float(data.divergence_start[0]) + 1) * (1 - 1 / 100)
    assert abs(mean - exact) < 3 * error


def test_divergence_at_zero() -> None:
    """Where x → 0, Tr D/N → −1 − Σ J²/N: null phase of the flow."""
    found = reproduce("hh4", n=50, g=[0.5], n_trials=1, t_max=40.0, variants=("converged",))
    J = couplings.elliptic(50, 0.5, seed=seeds.member(0, 0))
    value = found.data["converged"].divergence.values[0, 0, -1]
    assert value == pytest.approx(-1 - np.sum(J**2) / 50, rel=1e-3)


@pytest.mark.parametrize(
    ("key", "broken"),
    [("hh1", None), ("hh2", "crosses"), ("hh3", "does not follow"), ("hh4", "crosses")],
)
def test_captions_quote_the_data(
    tiny: Callable[[str], Reproduction], key: str, broken: str | None
) -> None:
    found = tiny(key)
    both = found.caption
    for name, data in found.data.items():
        number = {
            "hh1": lambda d: quoted(
                *ratio_and_error(*(d.Q.sel(g=4.0, onsager=k, t_later=40.0) for k in (0.0, 1.0)))
            ),
            "hh2": lambda d: quoted(*mean_and_error(d.lyapunov.sel(onsager=1.0, g=16.0))),
            "hh3": lambda d: quoted(
                *mean_and_error(d.eigenvalues.sel(g=12.0).max("mode")),
            ),
            "hh4": lambda d: quoted(*mean_and_error(d.divergence.sel(g=12.0, t=10.0))),
        }[key](data)
        alone = FIGURES[key].caption({name: data})
        assert number in both
        assert number in alone
        if broken:
            assert (broken in alone) == (name == "printed")
    assert "nan" not in both
    assert "\n| ---" in both


def test_files_without_warnings(tmp_path: Path) -> None:
    changes: dict[str, dict[str, Any]] = {
        "hh1": TINY["hh1"] | {"n": 30, "n_trials": 1, "t_switch": 3.0, "t_later": [5.0]},
        "hh2": TINY["hh2"] | {"n": 20, "n_trials": 1, "stretch": 2.0, "g": [2.0], "t_max": 31.0},
        "hh3": TINY["hh3"] | {"n": 20, "n_trials": 1, "t_max": 2.0},
        "hh4": TINY["hh4"] | {"n": 20, "n_trials": 1, "t_max": 2.0},
    }
    for key, values in changes.items():
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            # Of old versions of Matplotlib with new ones of pyparsing.
            warnings.simplefilter("ignore", DeprecationWarning)
            found = reproduce(key, output=tmp_path / key, seed=1, **values)
        names = {path.name for path in found.files}
        stems = (key, f"{key}-printed")
        assert names == {f"{key}.md", *(f"{s}.{end}" for s in stems for end in ("png", "nc"))}
        assert all(path.stat().st_size > 0 for path in found.files)


def test_many_gains_and_one_coupling(tmp_path: Path) -> None:
    gains = [1.0, 2.0, 3.0, 4.0, 5.0]
    tiny = {"n": 20, "g": gains, "n_trials": 1, "t_max": 2.0, "variants": ("converged",)}
    reproduce("hh3", output=tmp_path / "hh3", **tiny)
    assert "standard deviations" not in reproduce("hh4", **tiny).caption
    assert "standard deviations" in reproduce("hh4", **(tiny | {"n_trials": 2})).caption


def test_results_of_jobs_go_to_their_places() -> None:
    values = [[10 * gain + trial, 0.5] for gain in range(2) for trial in range(3)]
    dims, found = gathered({"g": 2, "trial": 3}, values, "t")
    assert dims == ("g", "trial", "t")
    assert found[1, 2].tolist() == [12.0, 0.5]
    grid = xr.DataArray(found[..., 0], dims=dims[:2])
    np.testing.assert_allclose(spread(grid), [1.0, 1.0])
    np.testing.assert_allclose(spread(grid.isel(trial=[0])), [0.0, 0.0])


def test_steps_are_judged_by_the_status_of_the_runs(tiny: Callable[[str], Reproduction]) -> None:
    data = tiny("hh4").data["printed"]
    assert broken(data) == [12.0]
    assert "at g = 12 (crosses): Δt·λ_max" in broken_said(data, mark=" (crosses)")
    # Whatever the stiffness is.
    quiet = data.assign(unstable_step=0 * data.unstable_step)
    assert "short enough" in broken_said(quiet)
    assert "short enough" in tiny("hh1").caption
