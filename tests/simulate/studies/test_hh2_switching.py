"""[HH] Fig. 2 on small networks: exponents of the flow, and what the printed step adds."""

from typing import Any

import numpy as np
import pytest

from meanfield.common import seeds
from meanfield.common.study import Answer, numbers
from simulate import Switching, integrate, reproduce
from simulate.studies.hh2_switching import HH2, exponent, switched
from simulate.studies.protocol import PRINTED_STEP, network

TINY: dict[str, Any] = {
    "n": 200, "g_shown": 3.0, "t_phase": 20.0, "g": [0.5, 3.0, 16.0], "trials": 2, "t_max": 35.0
}  # fmt: skip


@pytest.fixture(scope="module")
def found() -> Answer:
    return reproduce("hh2", **TINY)


@pytest.mark.slow
def test_exponents_of_the_flow(found: Answer) -> None:
    data = found.data["converged"]
    vanilla, regulated = (data.sel(onsager=kappa) for kappa in (0.0, 1.0))
    # The null state is stable for both; beyond it only the vanilla dynamics is chaotic.
    assert (data.lyapunov.sel(g=0.5) < 0).all()
    assert (vanilla.lyapunov.sel(g=16.0) > 0.2).all()
    assert float(abs(regulated.lyapunov.sel(g=[3.0, 16.0])).max()) < 0.1
    assert float(regulated.energy_rise_fraction.max()) == 0
    assert not data.unstable_step.any()


@pytest.mark.slow
def test_null_exponents_are_those_of_the_linear_flow() -> None:
    """At x = 0, λ of the flow is −σ_min(1 − J)², that of the vanilla network max Re(J) − 1."""
    found = reproduce(
        "hh2", n=100, g=[0.5], trials=2, t_phase=1.0, t_max=440.0, variants=("converged",)
    )
    for replicate in range(2):
        A = network(100, 0.5, seeds.member(0, replicate))[0] - np.eye(100)
        exact = [np.linalg.eigvals(A).real.max(), -(np.linalg.svd(A, compute_uv=False).min() ** 2)]
        value = found.data["converged"].lyapunov.sel(g=0.5, replicate=replicate)
        np.testing.assert_allclose(value, exact, atol=0.01)


@pytest.mark.slow
def test_chaos_of_the_printed_step(found: Answer) -> None:
    printed, converged = (
        found.data[name].sel(onsager=1.0, g=16.0) for name in ("printed", "converged")
    )
    assert (PRINTED_STEP * printed.stiffness > 2).all()
    assert (printed.energy_rise_fraction > 0.1).all()
    assert printed.unstable_step.all()
    assert float(printed.lyapunov.mean()) > float(converged.lyapunov.max()) + 0.1
    stable = {name: data.lyapunov.sel(onsager=1.0, g=3.0) for name, data in found.data.items()}
    np.testing.assert_allclose(stable["printed"], stable["converged"], atol=0.02)


@pytest.mark.slow
def test_chaos_released_and_frozen(found: Answer) -> None:
    for data in found.data.values():
        for schedule in data.schedule.values:
            part = data.sel(schedule=schedule)
            for index, kappa in enumerate(part.kappa.values):
                inside = part.energy.sel(t=slice(20.0 * index, 20.0 * (index + 1))).values
                assert np.all(np.diff(inside) < 0) == bool(kappa)
        moments = data.eigenvalues_real.max("mode")
        assert float(abs(data.eigenvalues_imag.sel(moment="frozen")).max()) < 1e-8
        assert float(abs(data.eigenvalues_imag.sel(moment="chaotic")).max()) > 0.1
        assert float(moments.sel(moment="frozen")) < float(moments.sel(moment="chaotic"))


@pytest.mark.slow
def test_table_quotes_the_data(found: Answer) -> None:
    table = numbers(HH2, found.data)[0]
    for name, data in found.data.items():
        values = data.lyapunov.sel(onsager=1.0, g=16.0)
        row = table.loc[(1.0, 16.0, name)]
        assert row.lyapunov == pytest.approx(float(values.mean()))
        assert row.lyapunov_err == pytest.approx(float(values.std(ddof=1)) / np.sqrt(2))
        assert row.unstable_step == (name == "printed")
    assert table[["lyapunov", "lyapunov_err"]].notna().all(axis=None)


def test_activity_is_that_of_the_transfer_function_asked_for() -> None:
    numbers = switched(n=20, t_phase=1.0, tol=1e-6, phi="erf", seed=3)
    run = integrate(
        *network(20, 2.0, 3), t_max=3.0, dt=0.05, onsager=Switching([1.0, 2.0], [0, 1, 0]),
        tol=1e-6, phi="erf", save_at=601,
    )  # fmt: skip
    assert run.x is not None
    np.testing.assert_array_equal(numbers["x"][1][0], run.x[:, :7])


def test_a_bias_enters_every_run() -> None:
    """Exponents and spectra of a linear network do not know it, its activity does."""
    plain, biased = (
        switched(n=30, g_shown=0.5, t_phase=20.0, phi="linear", n_shown=30, bias_std=std, seed=1)
        for std in (0.0, 1.0)
    )
    np.testing.assert_allclose(biased["eigenvalues_real"][1], plain["eigenvalues_real"][1])
    J, _ = network(30, 0.5, 1)
    rest = np.linalg.solve(np.eye(30) - J, seeds.generator(1, "bias").standard_normal(30))
    np.testing.assert_allclose(biased["x"][1][0, 200], rest, atol=1e-4)
    rates = [
        exponent(0.5, 0.0, n=30, phi="linear", bias_std=std, seed=1)["lyapunov"][1]
        for std in (0.0, 1.0)
    ]
    assert rates[0] == pytest.approx(rates[1], abs=1e-9)
    quiet, loud = (exponent(3.0, 0.0, n=100, bias_std=std, seed=1) for std in (5.0, 0.0))
    assert quiet["lyapunov"][1] < 0 < loud["lyapunov"][1]
