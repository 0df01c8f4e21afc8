"""Freezing, distributions, correlations and components of states: numbers, files, pictures."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from scipy.sparse import csr_array

from meanfield import ArgumentError, TransferFunction, load, transfer_function
from meanfield.common.arguments import LARGEST, Array
from meanfield.common.result import Result
from simulate import (
    StepSizeWarning,
    Trajectory,
    activity_distribution,
    autocorrelation,
    couplings,
    freezing,
    integrate,
    observables,
    principal_components,
    state_at,
)


@pytest.fixture(scope="module")
def run() -> Trajectory:
    J = couplings.elliptic(60, 2.0, seed=1)
    x0 = np.random.default_rng(2).standard_normal((60, 3))
    return integrate(J, x0, t_max=20, dt=0.1, save_at=101, phi="erf")


def test_freezing_is_the_direct_sum() -> None:
    x, later = np.random.default_rng(0).standard_normal((2, 5, 3))
    direct = [
        sum((np.tanh(x[i, k]) - np.tanh(later[i, k])) ** 2 for i in range(5)) for k in range(3)
    ]
    np.testing.assert_allclose(freezing(x, later), direct, rtol=1e-14)
    np.testing.assert_allclose(freezing(x, later, per_neuron=True), np.array(direct) / 5)
    np.testing.assert_allclose(freezing(x[:, 0], later)[0], direct[0], rtol=1e-14)
    assert freezing(x[:, 0], later[:, 0]).shape == ()
    every_pair = freezing(x[:, :, None], later[:, None])
    np.testing.assert_allclose(np.diagonal(every_pair), direct, rtol=1e-14)
    np.testing.assert_allclose(
        freezing(x, later, phi="linear"), np.sum((x - later) ** 2, axis=0), rtol=1e-14
    )


@pytest.mark.parametrize(
    ("x", "later"),
    [
        (np.zeros(3), np.zeros(4)),
        (1.0, 1.0),
        (np.zeros((3, 2)), np.zeros((3, 5))),
        (np.full(2, np.nan), np.zeros(2)),
        (np.zeros(2), 1j * np.ones(2)),
    ],
)
def test_freezing_refuses(x: Any, later: Any) -> None:
    with pytest.raises(ArgumentError, match="x"):
        freezing(x, later)


def test_state_at_save_times_only(run: Trajectory) -> None:
    np.testing.assert_array_equal(state_at(run, 0.6), run.x[3])
    with pytest.raises(ArgumentError, match=r"t=0\.5: must be a save time.*nearest is 0\.4"):
        state_at(run, 0.5)
    bare = integrate(np.zeros((1, 1)), [1.0], t_max=1, dt=0.1, store_states=False)
    with pytest.raises(ArgumentError, match="store_states"):
        state_at(bare, 1)


def test_activity_uses_the_transfer_function_of_the_run(run: Trajectory) -> None:
    assert activity_distribution(run, of="phi").edges[-1] == 1
    own = TransferFunction(
        name="own",
        phi=lambda x: 2 * np.tanh(x),
        d1=lambda x: 2 - 2 * np.tanh(x) ** 2,
        d2=lambda x: -4 * np.tanh(x) * (1 - np.tanh(x) ** 2),
        bound=2.0,
    )
    strange = integrate(np.zeros((1, 1)), [1.0], t_max=1, dt=0.1, phi=own)
    assert activity_distribution(strange, of="phi").edges[-1] == 2
    assert activity_distribution(strange, of="phi", phi="tanh").edges[-1] == 1


def test_activity_distribution_of_normal_numbers() -> None:
    x = np.random.default_rng(0).standard_normal((50, 100, 4))
    distribution = activity_distribution(x, bins=40, range=(-2, 2))
    np.testing.assert_allclose(
        np.sum(distribution.density * np.diff(distribution.edges)),
        distribution.counts.sum() / x.size,
    )
    c = distribution.centers
    # Bins are narrow: their mean differs from the middle by h²/24 of the second derivative.
    exact = np.exp(-c * c / 2) / np.sqrt(2 * np.pi) * (1 + (c * c - 1) * 0.1**2 / 24)
    misses = (distribution.density - exact) / distribution.density_err
    assert 0.6 < np.mean(misses**2) < 1.6
    edges = activity_distribution(x, bins=[-1, 0, 1])
    assert edges.counts.sum() == np.sum(np.abs(x) < 1)


@pytest.mark.parametrize(
    "bad",
    [{"bins": 0}, {"bins": [1, 0]}, {"range": (1, 0)}, {"range": (0, np.inf)}, {"of": "energy"}],
)
def test_activity_distribution_refuses(bad: dict[str, Any]) -> None:
    with pytest.raises(ArgumentError):
        activity_distribution(np.ones(3), **bad)
    with pytest.raises(ArgumentError, match="finite and not empty"):
        activity_distribution([])
    with pytest.raises(ArgumentError, match="must be real numbers"):
        activity_distribution([1j])


def ornstein_uhlenbeck(length: int, n: int, a: float, seed: int) -> Array:
    """x(t+1) = a x(t) + noise, stationary with variance 1."""
    noise = np.random.default_rng(seed).standard_normal((length, n))
    x = np.empty((length, n))
    x[0] = noise[0]
    for t in range(1, length):
        x[t] = a * x[t - 1] + np.sqrt(1 - a * a) * noise[t]
    return x


def test_autocorrelation_is_the_direct_sum(run: Trajectory) -> None:
    correlation = autocorrelation(run, max_lag=4)
    np.testing.assert_allclose(correlation.tau, 0.2 * np.arange(21))
    values = transfer_function("erf").phi(run.x)
    direct = np.array(
        [[(values[: 101 - k] * values[k:])[..., p].mean() for p in range(3)] for k in range(21)]
    )
    np.testing.assert_allclose(correlation.C, direct.mean(axis=1), rtol=1e-12)
    np.testing.assert_allclose(
        correlation.C_err, direct.std(axis=1, ddof=1) / np.sqrt(3), rtol=1e-8
    )
    # The three columns are starts of one coupling.
    assert (correlation.error_over, correlation.n_units) == ("starts", 3)
    # The longest lag has a single pair of times.
    whole = autocorrelation(run.x[..., 0], max_lag=100, of="x")
    np.testing.assert_allclose(whole.C[-1], np.mean(run.x[0, :, 0] * run.x[-1, :, 0]), rtol=1e-10)


def test_autocorrelation_error_over_neurons_is_honest() -> None:
    a, misses = 0.9, []
    for seed in range(40):
        correlation = autocorrelation(ornstein_uhlenbeck(400, 30, a, seed), max_lag=20, of="x")
        assert correlation.error_over == "neurons"
        misses.append((correlation.C - a**correlation.tau) / correlation.C_err)
    misses = np.array(misses)
    # Student's t with 29 degrees of freedom, the bias zero at every lag.
    np.testing.assert_allclose(misses.std(axis=0), 1, atol=0.45)
    assert np.all(np.abs(misses.mean(axis=0)) < 4.5 / np.sqrt(40))


@pytest.fixture(scope="module")
def ensemble() -> list[Trajectory]:
    """Small chaotic networks, four starts each."""
    options: dict[str, Any] = {"t_max": 60, "dt": 0.1, "save_at": np.arange(20, 60.5, 0.5)}
    starts = np.random.default_rng(1).standard_normal((12, 60, 4))
    return [
        integrate(couplings.elliptic(60, 2.5, seed=k), x0, **options) for k, x0 in enumerate(starts)
    ]


def test_error_of_the_autocorrelation_is_over_couplings(ensemble: list[Trajectory]) -> None:
    """Starts of one coupling say little of the others: the error of runs is over couplings."""
    whole = autocorrelation(ensemble, max_lag=5)
    assert (whole.error_over, whole.n_units) == ("couplings", 12)
    each = np.array([autocorrelation(run, max_lag=5).C for run in ensemble])
    np.testing.assert_allclose(whole.C, each.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(whole.C_err, each.std(axis=0, ddof=1) / np.sqrt(12), rtol=1e-9)
    # Four starts of one coupling: their error is far below the scatter over couplings.
    one = [autocorrelation(run, max_lag=5) for run in ensemble]
    assert {found.error_over for found in one} == {"starts"}
    within = np.sqrt(np.mean([found.C_err[0] ** 2 for found in one]))
    assert within < each[:, 0].std(ddof=1) / 1.5


def test_starts_are_told_from_couplings(ensemble: list[Trajectory]) -> None:
    run, other = ensemble[:2]
    # The same columns as one array: what belongs to what is said by labels.
    stacked = np.concatenate([run.x, other.x], axis=2)
    labelled = autocorrelation(stacked, max_lag=5, spacing=0.5, couplings=["a"] * 4 + ["b"] * 4)
    both = autocorrelation([run, other], max_lag=5)
    np.testing.assert_allclose(labelled.C, both.C, rtol=1e-12)
    np.testing.assert_allclose(labelled.C_err, both.C_err, rtol=1e-9)
    assert (labelled.error_over, labelled.n_units) == ("couplings", 2)
    # One degree of freedom: Cauchy's law, quartiles at one error.
    np.testing.assert_allclose(labelled.interval("C", 0.5)[1], labelled.C + labelled.C_err)
    # Unequal numbers of starts: every coupling counts once.
    fewer = autocorrelation(stacked[..., :5], max_lag=5, spacing=0.5, couplings=[7, 7, 7, 7, 3])
    alone = autocorrelation(other.x[..., :1], max_lag=5, spacing=0.5)
    np.testing.assert_allclose(fewer.C, (autocorrelation(run, max_lag=5).C + alone.C) / 2)
    # Two runs of one J, in whatever array it came, are starts of one coupling.
    J = couplings.elliptic(60, 2.5, seed=0)
    options: dict[str, Any] = {"t_max": 20, "dt": 0.1, "save_at": np.arange(0, 20.5, 0.5)}
    again = [integrate(J.copy(), run.x_end[:, k], **options) for k in range(2)]
    assert autocorrelation(again, max_lag=5).error_over == "starts"
    sparse = [integrate(csr_array(J), run.x_end[:, k], **options) for k in range(2)]
    assert activity_distribution(sparse).error_over == "starts"
    for wrong in ([0] * 3, [[0] * 4]):
        with pytest.raises(ArgumentError, match=r"couplings of shape .*: expected \(4,\)"):
            autocorrelation(run, max_lag=5, couplings=wrong)
    with pytest.raises(ArgumentError, match=r"different spacings, 0\.5 to 1"):
        autocorrelation([run, integrate(J, run.x_end, t_max=20, dt=0.1, save_at=21)], max_lag=1)


def test_error_of_the_activity_distribution(ensemble: list[Trajectory]) -> None:
    """Over couplings, starts or neurons of runs, whose activities are not independent."""
    bins = np.linspace(-1, 1, 6)
    whole = activity_distribution(ensemble, of="phi", bins=bins)
    each = np.array([activity_distribution(r, of="phi", bins=bins).density for r in ensemble])
    assert (whole.error_over, whole.n_units) == ("couplings", 12)
    np.testing.assert_allclose(whole.density, each.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(whole.density_err, each.std(axis=0, ddof=1) / np.sqrt(12))
    assert activity_distribution(ensemble[0], of="phi", bins=bins).error_over == "starts"
    values = np.tanh(ensemble[0].x)
    array = activity_distribution(values, bins=bins)
    assert (array.error_over, array.n_units) == ("activities", values.size)
    # Binomial.
    share = np.histogram(values, bins)[0] / values.size
    exact = np.sqrt(share * (1 - share) / values.size) / 0.4
    np.testing.assert_allclose(array.density_err, exact, rtol=1e-12)
    assert np.all(whole.density_err > 2 * array.density_err / np.sqrt(12))
    with pytest.raises(ArgumentError, match="the numbers of an array are independent"):
        activity_distribution(values, couplings=[0])
    alone = integrate(couplings.elliptic(60, 2.5, seed=0), ensemble[0].x_end[:, 0], t_max=9, dt=0.1,
                      save_at=10)  # fmt: skip
    by_neuron = activity_distribution(alone, bins=[-9, 0, 9])
    share = np.mean(alone.x < 0, axis=0)
    assert (by_neuron.error_over, by_neuron.n_units) == ("neurons", 60)
    np.testing.assert_allclose(by_neuron.density_err * 9, share.std(ddof=1) / np.sqrt(60))
    single = integrate(np.zeros((1, 1)), [1.0], t_max=1, dt=0.1)
    assert np.isnan(activity_distribution(single, bins=[0, 2]).density_err).all()


def test_autocorrelation_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    x = np.random.default_rng(0).standard_normal((50, 7, 2))
    whole = autocorrelation(x, max_lag=5)
    monkeypatch.setattr(observables, "_BLOCK", 300)
    parts = autocorrelation(x, max_lag=5)
    np.testing.assert_allclose(parts.C, whole.C, rtol=1e-13)
    np.testing.assert_allclose(parts.C_err, whole.C_err, rtol=1e-10)


def test_autocorrelation_of_one_series_has_no_error() -> None:
    correlation = autocorrelation(np.ones((10, 1)), max_lag=2, of="x", spacing=0.5)
    np.testing.assert_allclose(correlation.C, 1)
    assert np.isnan(correlation.C_err).all()
    assert correlation.error_over == "nothing"
    assert correlation.tau.tolist() == [0, 0.5, 1, 1.5, 2]


def test_autocorrelation_refuses(run: Trajectory) -> None:
    with pytest.raises(ArgumentError, match=r"max_lag=21: must not exceed 20"):
        autocorrelation(run, max_lag=21)
    with pytest.raises(ArgumentError, match="of='y': expected one of x, phi"):
        autocorrelation(run, max_lag=1, of="y")
    with pytest.raises(ArgumentError, match="L, n"):
        autocorrelation(np.ones(4), max_lag=1)
    with pytest.raises(ArgumentError, match="finite"):
        autocorrelation(np.full((4, 2), np.inf), max_lag=1)
    uneven = integrate(np.zeros((1, 1)), [1.0], t_max=1, dt=0.1, save_at=[0, 0.1, 1])
    with pytest.raises(ArgumentError, match=r"equidistant, they are 0\.1 to 0\.9 apart"):
        autocorrelation(uneven, max_lag=1)


def low_rank(
    samples: int, n: int, singular: Array, seed: int, mean: float = 0.0
) -> tuple[Array, Array]:
    """Rows with given singular values after centring, and the right singular vectors."""
    rng = np.random.default_rng(seed)
    raw = rng.standard_normal((samples, len(singular)))
    left, _ = np.linalg.qr(raw - raw.mean(axis=0))
    right, _ = np.linalg.qr(rng.standard_normal((n, len(singular))))
    return (left * singular) @ right.T + mean, right.T


@pytest.mark.parametrize("shape", [(80, 7), (5, 9), (30, 7, 4), (3, 20, 2)])
def test_principal_components_are_singular_vectors(shape: tuple[int, ...]) -> None:
    x = np.random.default_rng(0).standard_normal(shape) + 3.0
    k = min(shape[1], x.size // shape[1])
    pca = principal_components(x, k)
    rows = np.moveaxis(x.reshape(*shape[:2], -1), 1, 2).reshape(-1, shape[1])
    centred = rows - rows.mean(axis=0)
    _, s, directions = np.linalg.svd(centred, full_matrices=False)
    np.testing.assert_allclose(pca.mean, rows.mean(axis=0), rtol=1e-14)
    np.testing.assert_allclose(pca.explained_variance, s**2 / len(rows), atol=1e-13)
    np.testing.assert_allclose(pca.components @ pca.components.T, np.eye(k), atol=1e-13)
    np.testing.assert_allclose(pca.explained_ratio.sum(), 1, rtol=1e-13)
    np.testing.assert_allclose(pca.total_variance, np.trace(np.cov(rows.T, ddof=0)), rtol=1e-12)
    assert np.all(pca.components[np.arange(k), np.abs(pca.components).argmax(axis=1)] > 0)
    top = min(k, 3)
    overlap = np.sum(pca.components[:top] * directions[:top], axis=1)
    np.testing.assert_allclose(np.abs(overlap), 1, rtol=1e-10)
    # Eq. 13 with all components gives the states back.
    assert pca.projections.shape == (shape[0], k, *shape[2:])
    back = np.einsum("tk...,ki->ti...", pca.projections, pca.components)
    mean = pca.mean.reshape(-1, *[1] * (len(shape) - 2))
    np.testing.assert_allclose(back + mean, x, atol=1e-12)


@pytest.mark.parametrize("samples", [300, 20])
def test_small_variances_are_accurate(samples: int) -> None:
    singular = 10.0 ** -np.arange(0, 12, 2)
    x, right = low_rank(samples, 40, singular, seed=1)
    pca = principal_components(x, 6)
    # Eigenvalues down to 1e-20 of the largest: a covariance in double precision ends at 1e-16.
    np.testing.assert_allclose(pca.explained_variance, singular**2 / samples, rtol=1e-3)
    np.testing.assert_allclose(np.abs(np.sum(pca.components * right, axis=1)), 1, atol=1e-6)


def test_both_paths_agree() -> None:
    x = np.random.default_rng(3).standard_normal((19, 20))
    wide = principal_components(x, 5)
    # The same samples twice over have the same covariance and are more than the neurons.
    tall = principal_components(np.concatenate([x, x]), 5)
    np.testing.assert_allclose(tall.explained_variance, wide.explained_variance, rtol=1e-12)
    np.testing.assert_allclose(tall.components, wide.components, atol=1e-11)
    np.testing.assert_allclose(tall.projections[:19], wide.projections, atol=1e-11)


def test_large_mean_and_many_blocks() -> None:
    x, _ = low_rank(5000, 6, np.array([2.0, 1.0]), seed=4)
    pca = principal_components(x + 1e6, 3)
    np.testing.assert_allclose(pca.explained_variance[:2], [4 / 5000, 1 / 5000], rtol=1e-6)
    assert pca.explained_variance[2] < 1e-18


def test_principal_components_of_a_run(run: Trajectory) -> None:
    pca = principal_components(run, 2, of="phi")
    assert pca.projections.shape == (101, 2, 3)
    assert 0 < pca.explained_ratio.sum() < 1
    single = principal_components(run.x.astype(np.float32), 2)
    np.testing.assert_allclose(
        single.explained_variance, principal_components(run, 2).explained_variance, rtol=1e-5
    )
    still = principal_components(np.ones((4, 2)), 1)
    assert still.total_variance == 0
    assert np.isnan(still.explained_ratio).all()
    with pytest.raises(ArgumentError, match="k=61: must not exceed 60 neurons and 303 samples"):
        principal_components(run, 61)
    with pytest.raises(ArgumentError, match="k=0"):
        principal_components(run, 0)


def reopened(result: Result, path: Path) -> xr.Dataset:
    """The dataset of a result as its file gives it back, after it was compared."""
    data = result.to_dataset()
    result.save(path)
    loaded = load(path)
    xr.testing.assert_allclose(loaded, data, rtol=0, atol=0)
    assert all("long_name" in loaded[name].attrs for name in loaded.variables)
    assert "numpy_version" in loaded.attrs
    return loaded


def test_files_of_a_run(run: Trajectory, tmp_path: Path) -> None:
    components = principal_components(run, 2)
    read = reopened(components, tmp_path / "components.nc")
    np.testing.assert_array_equal(read.projections, components.projections)
    assert read.projections.dims == ("t", "component", "column")
    np.testing.assert_array_equal(read.t, run.t)
    correlation = autocorrelation(run, max_lag=4)
    read = reopened(correlation, tmp_path / "correlation.nc")
    np.testing.assert_array_equal(read.C, correlation.C)
    np.testing.assert_array_equal(read.tau, correlation.tau)
    assert read.attrs["error_over"] == "starts"
    distribution = activity_distribution(run, of="phi", phi="tanh", bins=7)
    read = reopened(distribution, tmp_path / "distribution.nc")
    np.testing.assert_array_equal(read.counts, distribution.counts)
    np.testing.assert_array_equal(read.edges, distribution.edges)
    assert read.attrs["n_samples"] == run.x.size
    assert (read.attrs["phi"], read.attrs["phi_of_activity"]) == ("erf", "tanh")
    assert (read.attrs["method"], read.attrs["status"]) == ("tsitouras", "converged")
    assert read.attrs["call"] == (
        "simulate.activity_distribution(<Trajectory>, of='phi', bins=7, phi='tanh')"
    )


def test_files_of_arrays(tmp_path: Path) -> None:
    x = np.random.default_rng(0).standard_normal((20, 3))
    read = reopened(principal_components(x, 1), tmp_path / "components.nc")
    assert read.projections.dims == ("t", "component")
    assert "t" not in read.coords
    read = reopened(autocorrelation(x[:, :1], max_lag=2), tmp_path / "correlation.nc")
    assert np.isnan(read.C_err).all()
    read = reopened(activity_distribution(x, bins=[-1, 0, 2]), tmp_path / "bins.nc")
    assert read.density.attrs["long_name"] == "density of x"


def test_pictures(run: Trajectory) -> None:
    distribution, components = activity_distribution(run, bins=7), principal_components(run, 2)
    axes = distribution.plot()
    np.testing.assert_array_equal(axes.get_lines()[0].get_ydata(), distribution.density)
    assert axes.get_ylabel() == "density of x"
    curves = components.plot().get_lines()
    assert len(curves) == 6
    np.testing.assert_array_equal(curves[3].get_ydata(), components.projections[:, 1, 0])
    assert principal_components(run.x, 1).plot().get_xlabel() == "state"


def test_results_of_a_flagged_run_are_flagged() -> None:
    J = couplings.elliptic(60, 6.0, seed=1)
    x0 = np.random.default_rng(1).standard_normal(60)
    with pytest.warns(StepSizeWarning):
        run = integrate(J, x0, t_max=4, dt=0.02, onsager=1.0, method="euler", save_at=9)
    for result in (
        principal_components(run, 1), autocorrelation(run, max_lag=1), activity_distribution(run)
    ):  # fmt: skip
        assert result.status == "flagged"
        assert "largest stable step" in result.reason
    assert activity_distribution(run.x).converged


def test_couplings_are_known_again_in_other_forms() -> None:
    """One J in two precisions, out of a file, or behind an operator: starts, not couplings."""
    J = couplings.elliptic(40, 2.0, seed=1)
    options: dict[str, Any] = {"t_max": 30, "dt": 0.1, "save_at": 61}
    runs = [
        integrate(J, start, dtype=dtype, **options)
        for start, dtype in zip(
            np.random.default_rng(0).standard_normal((3, 40)), (np.float64, np.float32, np.float64),
            strict=True,
        )
    ]  # fmt: skip
    runs[2] = pickle.loads(pickle.dumps(runs[2]))
    assert autocorrelation(runs, max_lag=5).error_over == "starts"
    other = integrate(couplings.elliptic(40, 2.0, seed=2), np.ones(40), **options)
    assert autocorrelation([*runs, other], max_lag=5).error_over == "couplings"


def test_distribution_of_runs_with_different_phi() -> None:
    J, x0 = couplings.elliptic(40, 2.0, seed=1), np.random.default_rng(0).standard_normal(40)
    runs = [
        integrate(J, x0, t_max=20, dt=0.1, phi=phi, save_at=41) for phi in ("tanh", "algebraic")
    ]
    options: dict[str, Any] = {"of": "phi", "bins": 20, "range": (-1.0, 1.0)}
    together = activity_distribution(runs, **options)
    np.testing.assert_array_equal(
        together.counts, sum(activity_distribution(run, **options).counts for run in runs)
    )


def test_squares_that_are_not_finite_are_no_freezing() -> None:
    with pytest.raises(ArgumentError, match=r"^x, x_later: must be smaller"):
        freezing(1e200 * np.ones(3), -1e200 * np.ones(3), phi="linear")
    assert freezing(1e200 * np.ones(3), -1e200 * np.ones(3)) == 12


@pytest.mark.parametrize(
    ("message", "x", "options"),
    [
        (r"bins=10{13}: needs", [0.0, 1.0], {"bins": 10**13}),
        ("bins=5: of x from 1e\\+300", [1e300, 1e300], {"bins": 5}),
        ("bins=5: of x .* not finite", [1.7e308, -1.7e308], {"bins": 5}),
        ("range=5: must be", [0.0, 1.0], {"range": 5}),
        ("bins=True: must be", [0.0, 1.0], {"bins": True}),
    ],
)
def test_bins_that_cannot_be(message: str, x: Any, options: dict[str, Any]) -> None:
    with pytest.raises(ArgumentError, match=f"^{message}"):
        activity_distribution(x, **options)


def test_couplings_are_labels() -> None:
    run = integrate(np.eye(3), np.ones((3, 2)), t_max=1, dt=0.1)
    with pytest.raises(ArgumentError, match=r"^couplings: must be labels, None and nan are none"):
        activity_distribution(run, couplings=[np.nan, np.nan])


def test_one_neuron_of_one_run_has_no_error() -> None:
    run = integrate(np.zeros((1, 1)), [1.0], t_max=3, dt=0.1, save_at=31)
    for found, name in (
        (activity_distribution(run, bins=4), "density_err"),
        (autocorrelation(run, max_lag=1.0), "C_err"),
    ):
        assert (found.error_over, found.n_units) == ("nothing", 1)
        assert np.all(np.isnan(getattr(found, name)))


def test_a_save_time_is_met_to_rounding(run: Trajectory) -> None:
    """1e−9, of t where that is more than 1."""
    assert state_at(run, 0.6 + 5e-10) is not None
    np.testing.assert_array_equal(state_at(run, 20 + 1e-8), run.x[-1])
    for t in (0.6 + 2e-9, 20 + 3e-8, 0.6 - 2e-9):
        with pytest.raises(ArgumentError, match="must be a save time"):
            state_at(run, t)


def test_freezing_of_a_state_against_a_table() -> None:
    x, later = np.random.default_rng(3).standard_normal((2, 4, 2, 3))
    found = freezing(x[:, 0, 0], later)
    assert found.shape == (2, 3)
    for k, j in np.ndindex(2, 3):
        direct = np.sum((np.tanh(x[:, 0, 0]) - np.tanh(later[:, k, j])) ** 2)
        assert found[k, j] == pytest.approx(direct, rel=1e-13)
        assert freezing(later, x[:, 0, 0])[k, j] == pytest.approx(direct, rel=1e-13)
    for bad in ((np.zeros(0), np.zeros(0)), (np.zeros(2), np.array([0, np.inf])), (1.0, [1.0])):
        with pytest.raises(ArgumentError, match=r"^x"):
            freezing(*bad)
        with pytest.raises(ArgumentError, match=r"^x"):
            freezing(*bad[::-1])


def test_activities_that_are_all_one() -> None:
    """Bins of a total width of 1 about the only value."""
    found = activity_distribution([2.0, 2.0], bins=4)
    assert found.edges.tolist() == [1.5, 1.75, 2.0, 2.25, 2.5]
    assert found.counts.tolist() == [0, 0, 2, 0]
    np.testing.assert_allclose(found.centers, [1.625, 1.875, 2.125, 2.375])
    np.testing.assert_allclose(found.density, [0, 0, 4, 0])
    assert found.density_err.tolist() == [0, 0, 0, 0]


@pytest.mark.parametrize("bad", [(1.0, 1.0), (-np.inf, 0.0), (0.0, np.inf), (2.0, 1.0)])
def test_ranges_that_are_none(bad: tuple[float, float]) -> None:
    with pytest.raises(ArgumentError, match=r"^range=.*: must be finite and increase"):
        activity_distribution([0.0, 1.0], range=bad, bins=2)


def test_edges_by_default() -> None:
    """The bounds of φ, the widest of all runs; the extremes where it has none."""
    runs = [
        integrate(np.zeros((2, 2)), [1.0, -3.0], t_max=1, dt=0.5, phi=phi, method="rk4")
        for phi in ("tanh", "linear")
    ]
    bounded, free = (activity_distribution(one, of="phi", bins=3) for one in runs)
    np.testing.assert_allclose(bounded.edges, [-1, -1 / 3, 1 / 3, 1])
    np.testing.assert_allclose(free.edges[[0, -1]], [-3, 1])
    both = activity_distribution(runs, of="phi", bins=3)
    np.testing.assert_allclose(both.edges[[0, -1]], [-3, np.max(runs[1].x)])
    assert both.n_samples == bounded.n_samples + free.n_samples == 8
    assert both.counts.sum() == 8
    # Of x the extremes, whatever φ.
    np.testing.assert_allclose(activity_distribution(runs[0], bins=3).edges[[0, -1]], [-3, 1])
    assert activity_distribution([0.5, 2.0], bins=[0, 1]).counts.tolist() == [1]
    with pytest.raises(ArgumentError, match="must be at least two edges"):
        activity_distribution([0.5], bins=[1.0])


@pytest.mark.parametrize(("length", "lags"), [(5, 5), (8, 2), (9, 8), (2, 2)])
def test_autocorrelation_of_short_series(length: int, lags: int) -> None:
    """Means over pairs of times and neurons; the error of the mean over neurons."""
    x = np.random.default_rng(length).standard_normal((length, 3))
    found = autocorrelation(x, max_lag=lags - 1, of="x")
    each = np.array([np.mean(x[: length - k] * x[k:], axis=0) for k in range(lags)])
    np.testing.assert_allclose(found.C, each.mean(axis=1), atol=1e-14)
    np.testing.assert_allclose(found.C_err, each.std(axis=1, ddof=1) / np.sqrt(3), rtol=1e-7)
    assert (found.error_over, found.n_units) == ("neurons", 3)


def test_lags_of_a_run_that_is_saved_late() -> None:
    J = couplings.elliptic(5, 1.0, seed=1)
    run = integrate(J, np.ones(5), t_max=3, dt=0.1, save_at=2 + 0.1 * np.arange(11))
    # 0.3/0.1 is just below 3.
    found = autocorrelation(run, max_lag=0.3)
    np.testing.assert_allclose(found.tau, [0, 0.1, 0.2, 0.3], atol=1e-12)
    assert len(autocorrelation(run, max_lag=0.35).tau) == 4
    assert len(autocorrelation(run, max_lag=0.0).tau) == 1
    assert found.attributes["spacing"] == pytest.approx(0.1)
    alone = integrate(J, np.ones(5), t_max=3, dt=0.1, save_at=[3])
    with pytest.raises(ArgumentError, match="1 save time: at least 2"):
        autocorrelation(alone, max_lag=0)


def test_a_list_of_arrays_is_a_list_of_runs() -> None:
    one, two = np.random.default_rng(1).standard_normal((2, 6, 3))
    found = autocorrelation([one, two], max_lag=2)
    assert (found.error_over, found.n_units) == ("couplings", 2)
    each = [autocorrelation(part, max_lag=2).C for part in (one, two)]
    np.testing.assert_allclose(found.C, np.mean(each, axis=0))
    np.testing.assert_allclose(found.C_err, np.abs(each[0] - each[1]) / 2)
    rows = autocorrelation(list(one), max_lag=2)
    np.testing.assert_allclose(rows.C, each[0])
    assert rows.error_over == "neurons"


@pytest.mark.parametrize("size", [0.0, 1 / LARGEST, LARGEST])
def test_the_largest_states(size: float) -> None:
    x = np.array([[size, 0.0], [0.0, -size]])
    found = autocorrelation(x, max_lag=0, of="x")
    assert found.C[0] == pytest.approx(size**2 / 2, rel=1e-12, abs=0)
    if size:
        for beyond in (size / 1.01, size * 1.01):
            if not 1 / LARGEST <= beyond <= LARGEST:
                with pytest.raises(ArgumentError, match=r"^x: the largest is .*, must be 0"):
                    autocorrelation(x / size * beyond, max_lag=0)
    for shape in ((0, 3), (3, 0), (2, 2, 2, 2), (4,)):
        with pytest.raises(ArgumentError, match="expected real"):
            principal_components(np.ones(shape), 1)


def test_components_of_what_does_not_vary() -> None:
    still = principal_components(np.ones((4, 2)), 1)
    assert still.reason == "x does not vary: it has no components"
    assert not still.converged
    moving = principal_components(np.eye(2), 1)
    assert moving.reason == ""
    assert moving.total_variance == pytest.approx(0.5)
    assert moving.explained_ratio.tolist() == pytest.approx([1.0])
