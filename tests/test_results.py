"""Every public result and every public exception goes through a process pool and comes back."""

from __future__ import annotations

import copy
import dataclasses
import importlib
import inspect
import pickle
import pkgutil
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import loky
import numpy as np
import pytest
import xarray as xr
from distributed import Client
from matplotlib import pyplot as plt

import derivations
import meanfield
import simulate
from meanfield import ArgumentError, load
from meanfield.common import identity
from meanfield.common.result import CONVERGED, Result
from simulate import couplings
from simulate.integration.schemes import SCHEMES

J = couplings.elliptic(20, 2.0, seed=0)
X = np.random.default_rng(0).standard_normal((60, 4))
SMALL: dict[str, Any] = {"n_trajectories": 1024, "batches": 4, "seed": 0}
RUN: dict[str, Any] = {"dt": 0.1, "t_max": 20.0, "t_skip": 5.0, "seed": 0}


def mean(t: float, x: Any, f: Any) -> Any:
    return x.mean(axis=0)


RESULTS: dict[str, Callable[[], Any]] = {
    "SaddlePoint": partial(meanfield.saddle_point, [0.5, 1.5]),
    "Complexity": partial(meanfield.complexity, [0.5, 1.5]),
    "FixedPointSpectrum": partial(meanfield.fixed_point_spectrum, 1.5),
    "TransitionLines": partial(meanfield.transition_lines, [0.2, 0.5], weight=0.9),
    "ParticipationRatio": partial(meanfield.participation_ratio, [1.5, 2.0]),
    "CommonMode": partial(
        meanfield.common_mode,
        meanfield.stationary(1.5, n_tau=301),
        mean_coupling=-0.5,
        strength=0.1,
    ),
    "Stationary": partial(meanfield.stationary, [0.5, 1.5]),
    "BlockStationary": partial(meanfield.stationary, meanfield.Blocks([1.0], [[1.5]])),
    "DrivenStationary": partial(meanfield.driven_stationary, 1.5, [2.0, 3.0], 1.0),
    "TwoTime": partial(meanfield.two_time, 1.5, 0.5, t_max=1.0, dt=0.1, **SMALL),
    "SteadyState": partial(meanfield.steady_state, 1.5),
    "MeanFieldLyapunov": partial(meanfield.maximal_lyapunov, 2.0, t_skip=10.0, t_max=30.0, **SMALL),
    "MeanFieldLyapunovSpectrum": partial(meanfield.lyapunov_spectrum, 0.5),
    "Trajectory": partial(
        simulate.integrate, J, X[:20, :2], t_max=1.0, dt=0.1, observables={"m": mean}
    ),
    "LyapunovExponent": partial(simulate.maximal_lyapunov, J, **RUN),
    "LyapunovSpectrum": partial(simulate.lyapunov_spectrum, J, 2, **RUN),
    "FixedPoints": partial(simulate.find_fixed_points, J, n_starts=4, seed=0),
    "StationaryPoints": lambda: simulate.find_fixed_points(J, n_starts=4, seed=0).minima,
    "KacRice": partial(simulate.kac_rice, 3, 2.0, n_samples=600, seed=0, spectra=True),
    "BoltzmannSamples": partial(
        simulate.sample_boltzmann, J, [0.1, 0.2], n_samples=1000, chains=2, seed=0
    ),
    "ActivityDistribution": partial(simulate.activity_distribution, X, bins=5),
    "Autocorrelation": partial(simulate.autocorrelation, X, max_lag=3),
    "PrincipalComponents": partial(simulate.principal_components, X, 2),
    "NetworkDimension": partial(
        simulate.participation_ratio,
        J,
        t_max=3000.0,
        t_skip=100.0,
        temperature=0.5,
        seed=0,
        spacing=4.0,
    ),
    "MemoryCurve": partial(simulate.memory_function, X, X[:, :2]),
    "SmallSignalMemory": partial(
        simulate.small_signal_memory,
        J,
        [0.0, 1.0],
        g=2.0,
        temperature=2.0,
        correlation_time=1.0,
        amplitude=0.1,
    ),
    "Validation": partial(simulate.validate, rows=["identities*"]),
}
TOO_LONG: dict[str, Any] = {"t_max": 6000, "dt": 3, "method": "euler", "phi": "linear"}
GROWING = meanfield.SiteModel("growing", phi=np.tanh, drift=lambda t, x, h, u: x**3 + h)
EXCEPTIONS: dict[str, Callable[[], Any]] = {
    "ArgumentError": partial(meanfield.saddle_point, -1.0),
    "NotConvergedError": partial(meanfield.saddle_point, [0.5, 1.5], beta=2.0, branch="ordered"),
    "SamplerError": partial(meanfield.two_time, 1.0, t_max=50.0, dt=0.1, model=GROWING, **SMALL),
    "IntegrationError": partial(simulate.integrate, np.zeros((1, 1)), [1.0], **TOO_LONG),
    "FixedPointError": partial(simulate.find_fixed_points, J, n_starts=2, max_iter=1, seed=0),
    "StepSizeWarning": partial(simulate.integrate, J, X[:20, 0], t_max=9.0, dt=3, method="euler"),
    "ExtrapolationWarning": partial(
        meanfield.two_time,
        1.5,
        0.5,
        t_max=6.0,
        dt=0.1,
        n_trajectories=2048,
        seed=0,
        save_every=20,
        finite_m="extrapolate",
    ),
    "SweepWarning": partial(meanfield.sweep, lambda g: 1 / g, {"g": [0.0, 1.0]}),
    "SamplingWarning": partial(
        simulate.sample_boltzmann, J, 1e4, n_samples=10, chains=2, warmup=0, seed=0
    ),
    "SingularCovarianceWarning": partial(
        simulate.memory_function, np.zeros((5, 2)), np.ones(5), formula="printed"
    ),
}

OWN = meanfield.TransferFunction(
    name="own", phi=lambda x: np.tanh(x), d1=lambda x: 1 - np.tanh(x) ** 2,
    d2=lambda x: -2 * np.tanh(x) * (1 - np.tanh(x) ** 2), bound=1.0,
)  # fmt: skip
ZEROS = np.zeros(20)
OBJECTS: dict[str, Any] = {
    "Blocks": meanfield.Blocks([0.25, 0.75], np.ones((2, 2)), phi=["tanh", OWN]),
    "GaussianOperator": meanfield.GaussianOperator(20, 1.0, 0.5, seed=0),
    "OrderParameters": meanfield.OrderParameters(*np.arange(6.0)),
    "Scheme": simulate.Scheme("own", 1, 1, step=lambda *a: a, amplification=lambda h, r: abs(r)),
    "SampledInput": meanfield.SampledInput([0.0, 1.0], [[1.0, 2.0], [3.0, 4.0]], name="own"),
    "SiteModel": GROWING,
    "Slopes": meanfield.Slopes(*np.arange(6.0)),
    "Switching": meanfield.Switching([1.0], [0.0, 1.0]),
    "TransferFunction": OWN,
}


@pytest.fixture(scope="module")
def pool() -> Iterator[ProcessPoolExecutor]:
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as running:
        yield running


def public(kind: type) -> set[str]:
    names = [(package, name) for package in (meanfield, simulate) for name in package.__all__]
    found = {name: getattr(package, name) for package, name in names}
    return {n for n, one in found.items() if inspect.isclass(one) and issubclass(one, kind)}


def test_none_is_left_out() -> None:
    assert set(RESULTS) == public(Result)
    assert set(EXCEPTIONS) == public(Exception)
    assert set(OBJECTS) == public(object) - public(Result) - public(Exception)


@pytest.mark.parametrize("name", sorted(RESULTS))
def test_results(name: str, pool: ProcessPoolExecutor) -> None:
    """The same numbers, words and provenance come back."""
    found = RESULTS[name]()
    assert type(found).__name__ == name
    back = pool.submit(copy.copy, found).result()
    assert type(back) is type(found)
    assert repr(back) == repr(found)
    before, after = found.to_dataset(), back.to_dataset()
    assert after.drop_attrs().identical(before.drop_attrs())
    time = {"created"}
    for key in set(before.attrs) - time:
        assert str(after.attrs[key]) == str(before.attrs[key])
    assert all(one == CONVERGED for one in np.ravel(found.status))
    assert len(repr(found)) < 300
    assert repr(found).partition("(")[0] in found._repr_html_()


@pytest.mark.parametrize("name", sorted(RESULTS))
def test_what_a_result_says_of_itself(name: str) -> None:
    """Every variable has a meaning, every error shape and interval of its number, fields a text."""
    found = RESULTS[name]()
    data = found.to_dataset()
    for label in map(str, data.variables):
        assert data[label].attrs.get("long_name") or label == "m", label
        if label.endswith("_err"):
            assert data[label].dims == data[label[:-4]].dims
            low, high = found.interval(label[:-4])
            assert not np.any((low > data[label[:-4]]) | (high < data[label[:-4]]))
    for field in dataclasses.fields(found):
        assert not field.metadata or f"\n{field.name}" in (type(found).__doc__ or ""), field.name


# Single numbers.
NO_PICTURE = {"CommonMode", "NetworkDimension"}


@pytest.mark.parametrize("name", sorted(RESULTS))
def test_a_picture_is_drawn_where_it_is_asked_for(name: str) -> None:
    found = RESULTS[name]()
    plt.close("all")
    figure, (left, right) = plt.subplots(1, 2)
    if name in NO_PICTURE:
        with pytest.raises(TypeError, match="has no picture"):
            found.plot(ax=left)
        return
    assert found.plot(ax=left) is left
    assert left.get_xlabel()
    assert left.lines or left.collections
    assert not right.lines
    assert figure.axes == [left, right]
    assert plt.get_fignums() == [figure.number]
    with pytest.raises(ArgumentError, match=r"^ax="):
        found.plot(ax=np.array([left, right]))
    assert found.plot().figure is not figure
    plt.close("all")


@pytest.mark.parametrize("name", sorted(RESULTS))
def test_what_is_saved_is_opened_again(name: str, tmp_path: Path) -> None:
    """The same numbers, names, meanings and facts."""
    found = RESULTS[name]()
    found.save(tmp_path / "a.nc")
    back, data = load(tmp_path / "a.nc"), found.to_dataset()
    xr.testing.assert_identical(back.drop_attrs(deep=False), data.drop_attrs(deep=False))
    assert set(data.attrs) <= set(back.attrs)
    assert back.attrs.get("status", CONVERGED) == CONVERGED
    with xr.open_dataset(tmp_path / "a.nc", engine="scipy") as plain:
        assert set(plain.data_vars) <= set(data.data_vars)


def test_a_run_with_a_transfer_function_of_lambdas(pool: ProcessPoolExecutor) -> None:
    run = simulate.integrate(J, X.ravel()[:20], t_max=1.0, dt=0.1, phi=OWN)
    back = pool.submit(copy.copy, run).result()
    np.testing.assert_array_equal(back.phi(back.x_end), OWN(run.x_end))
    assert "phi=<TransferFunction own>" in run.attributes["call"]


@pytest.mark.parametrize("name", sorted(EXCEPTIONS))
def test_exceptions(name: str, pool: ProcessPoolExecutor) -> None:
    """Text, type and what it carries come back."""
    kind = getattr(meanfield, name, None) or getattr(simulate, name)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", kind) if issubclass(kind, Warning) else None
        with pytest.raises(kind) as told:
            EXCEPTIONS[name]()
    back = pool.submit(copy.copy, told.value).result()
    assert type(back) is kind
    assert str(back) == str(told.value) != ""
    assert set(vars(back)) == set(vars(told.value)) - {"__notes__"}


@pytest.mark.parametrize("name", sorted(OBJECTS))
def test_what_users_hand_over(name: str, pool: ProcessPoolExecutor) -> None:
    """Functions and numbers of it come back, lambdas too."""
    back = pool.submit(copy.copy, OBJECTS[name]).result()
    assert type(back) is type(OBJECTS[name])
    assert type(back).__name__ == name
    # A store takes both for the same.
    assert identity._text(back) == identity._text(OBJECTS[name])


def test_built_in_schemes_and_operators_travel() -> None:
    for scheme in SCHEMES.values():
        assert pickle.loads(pickle.dumps(scheme)).largest_step([-1.0]) == scheme.largest_step(
            [-1.0]
        )
    operator = simulate.jacobian_operator(ZEROS, J, onsager=1.0)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(operator)) @ X[:20], operator @ X[:20])


def kinds() -> dict[str, type[BaseException]]:
    """All exceptions and warnings of the three packages."""
    found = {}
    for package in (meanfield, simulate, derivations):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not module.name.endswith("__main__"):
                for name, one in vars(importlib.import_module(module.name)).items():
                    is_kind = inspect.isclass(one) and issubclass(one, BaseException)
                    if is_kind and one.__module__ == module.name:
                        found[f"{module.name}.{name}"] = one
    return found


def test_every_exception_travels_with_its_attributes() -> None:
    for name, kind in kinds().items():
        own = kind.__init__ if "__init__" in vars(kind) else None
        count = len(inspect.signature(own).parameters) - 1 if own else 1
        error = kind(*[f"text {number}" for number in range(count)])
        back = pickle.loads(pickle.dumps(error))
        assert (type(back), str(back), vars(back)) == (kind, str(error), vars(error)), name


def fail(name: str) -> None:
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        EXCEPTIONS[name]()


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["multiprocessing", "concurrent", "loky", "dask"])
def test_a_worker_that_fails_raises_its_own_error(kind: str) -> None:
    names = ["IntegrationError", "NotConvergedError", "FixedPointError", "SamplerError"]
    with ExitStack() as stack:
        if kind == "multiprocessing":
            ask: Any = stack.enter_context(get_context("spawn").Pool(1)).apply
        elif kind == "dask":
            client = stack.enter_context(
                Client(n_workers=1, threads_per_worker=1, processes=False, dashboard_address=None)
            )
            ask = lambda f, args: client.submit(f, *args, pure=False).result()  # noqa: E731
        else:
            executor = {"concurrent": ProcessPoolExecutor, "loky": loky.ProcessPoolExecutor}[kind]
            running = stack.enter_context(executor(1))
            ask = lambda f, args: running.submit(f, *args).result()  # noqa: E731
        for name in names:
            expected = getattr(meanfield, name, None) or getattr(simulate, name)
            with pytest.raises(expected):
                ask(fail, (name,))
