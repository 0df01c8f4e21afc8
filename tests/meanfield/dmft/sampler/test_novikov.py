"""Novikov sums where R is that of a matrix, and where their own bookkeeping must not matter."""

import math

import numpy as np
import pytest
from scipy.linalg import expm

import simulate
from meanfield import transfer_function
from meanfield.common.arguments import Array
from meanfield.dmft.sampler import novikov
from meanfield.dmft.sampler.novikov import NovikovResponse
from meanfield.dmft.sampler.run import SamplerRun, SamplerSetting
from meanfield.dmft.sampler.site import rate_model
from meanfield.schedule import step_times


def setting(
    gamma: float, kappa: float, t_max: float = 1.2, *, window: float = math.inf
) -> SamplerSetting:
    model = rate_model(transfer_function("linear"), kappa)
    times = [0.0, t_max]
    return SamplerSetting(
        model, 0.8, gamma, lambda t: 0.0, 1.0, times, step_times(times, 0.06), window=window
    )


def followed(run: SamplerRun, repeats: int) -> tuple[NovikovResponse, Array, Array]:
    """The sums, and their value and shift along a run, the first moment left out."""
    sums, found = NovikovResponse(run, repeats), []
    for moment in run:
        if run.rotations is not None:
            sums.rotate(*run.rotations)
        sums.record(moment.t, moment.phi, moment.psi, measure=True)
        found.append((sums.value, sums.shift))
    values, shifts = np.array(found[1:]).T
    return sums, values, shifts


@pytest.mark.parametrize(("gamma", "kappa"), [(0.4, 0.5), (-0.6, 1.0)])
def test_linear_networks_with_the_reaction(gamma: float, kappa: float) -> None:
    """dx/dt = A x with A = (1 − κJᵀ)(J − 1): ∫R ds is the mean diagonal of A⁻¹(e^{At} − 1).

    Half a per cent is allowed for the numbers of neurons, their root in 2000, and the ridge.
    """
    here = setting(gamma, kappa)
    found = np.mean([followed(SamplerRun(here, 1000, 0, k), 50)[1] for k in range(2)], axis=0)
    n = 300
    J = simulate.couplings.elliptic(n, 0.8, gamma, seed=0)
    A = (np.eye(n) - kappa * J.T) @ (J - np.eye(n))
    # The first steps are of first order.
    for k in range(4, found.size, 5):
        exact = np.trace(np.linalg.solve(A, expm(A * here.grid[k + 1]) - np.eye(n))) / n
        assert found[k] == pytest.approx(float(exact), abs=5e-3)


@pytest.mark.parametrize("kappa", [0.0, 0.5])
def test_the_shift_is_that_to_a_ridge_as_much_wider(kappa: float) -> None:
    here = setting(0.4, kappa)
    _, few, _ = followed(SamplerRun(here, 400, 0, 0), 2)
    _, many, shift = followed(SamplerRun(here, 400, 0, 0), 2 * int(novikov._WIDER))
    np.testing.assert_allclose(shift, few - many, rtol=1e-6, atol=1e-9)
    assert np.all(np.abs(shift) > 1e-4)


def test_growing_room_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    here = setting(0.4, 0.5)
    _, values, shifts = followed(SamplerRun(here, 400, 0, 0), 20)
    monkeypatch.setattr(novikov, "_ROOM", 2)
    _, again, moved = followed(SamplerRun(here, 400, 0, 0), 20)
    np.testing.assert_allclose(again, values, rtol=1e-9)
    np.testing.assert_allclose(moved, shifts, rtol=1e-6, atol=1e-12)


def test_rows_older_than_the_window_go(monkeypatch: pytest.MonkeyPatch) -> None:
    """What remains adds up to the sums, and its weights to half the time that it covers."""
    monkeypatch.setattr(novikov, "_STALE", 3)
    run = SamplerRun(setting(0.4, 0.5, 3.0, window=1.5), 300, 0, 0)
    sums = followed(run, 20)[0]
    stale = sum(t < 3.0 - 1.5 - 1e-9 for t in sums._times)
    assert stale <= 3
    assert sums._times[stale] == pytest.approx(1.5, abs=0.07)
    assert sums._rows == [2] * len(sums._times)
    assert sums._count == 2 * len(sums._times)
    assert not np.any(sums._design[sums._count :])
    design = sums._design[: sums._count] * np.sqrt(sums._weights[: sums._count, None])
    targets = sums._targets[: sums._count] * np.sqrt(sums._weights[: sums._count, None])
    np.testing.assert_allclose(sums._gram, design.T @ design, atol=1e-9)
    np.testing.assert_allclose(sums._products, design.T @ targets, atol=1e-9)
    # Of each time one row of h and one of u.
    covered = sums._times[-1] - sums._times[0]
    assert np.sum(sums._weights) == pytest.approx(2 * covered / 2, rel=1e-9)
