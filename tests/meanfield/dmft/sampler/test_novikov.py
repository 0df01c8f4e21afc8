"""Novikov sums where R is that of a matrix, and where their own bookkeeping must not matter."""

import math
from typing import Any

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


class Asked:
    """In the place of a run and of its operator: made-up coefficients, each time of a rank more."""

    def __init__(self, gamma: float, regulated: bool) -> None:
        rng = np.random.default_rng(5)
        self.operator, self.setting, self.stack = self, setting(gamma, 0.0), 0
        self.made = [
            tuple(rng.standard_normal(3 + k) for _ in range(4))
            for k in range(12)
            for _ in range(1 + regulated)
        ]
        # At the first time a state x = 0.
        self.made[0] = tuple(0 * part for part in self.made[0])
        self.answers = iter(self.made)

    def coefficients(self, vector: Array, back: bool = True) -> Any:
        return next(self.answers)[: 4 if back else 2]


@pytest.mark.parametrize("regulated", [False, True])
def test_batches_side_by_side_are_told_as_if_alone(regulated: bool) -> None:
    """Three batches with first axes, forgetting on the way, against each by itself."""
    rng, count = np.random.default_rng(8), 3
    runs = [Asked(0.4, regulated) for _ in range(count)]
    for run in runs:
        run.made = [tuple(rng.standard_normal(part.size) for part in one) for one in run.made]
        run.answers = iter(run.made)
    beside = Asked(0.4, regulated)
    beside.stack = count
    beside.answers = iter(
        [
            tuple(map(np.array, zip(*each, strict=True)))
            for each in zip(*(r.made for r in runs), strict=True)
        ]
    )
    together = NovikovResponse(beside, 7)  # type: ignore[arg-type]
    alone = [NovikovResponse(run, 7) for run in runs]  # type: ignore[arg-type]
    phi = rng.standard_normal((count, 50))
    psi = rng.standard_normal((count, 50)) if regulated else None
    turn = np.linalg.qr(rng.standard_normal((count, 8, 8)))[0]
    for k in range(12):
        if k == 6:
            together.rotate(turn, turn)
            for sums, own in zip(alone, turn, strict=True):
                sums.rotate(own, own)
        of_psi = None if psi is None else psi.ravel()
        together.record(0.3 * k, phi.ravel(), of_psi, measure=True)
        for b, sums in enumerate(alone):
            sums.record(0.3 * k, phi[b], None if psi is None else psi[b], measure=True)
        for name in ("value", "shift"):
            each = [float(getattr(sums, name)) for sums in alone]
            np.testing.assert_allclose(getattr(together, name), each, rtol=1e-9)


@pytest.mark.parametrize("regulated", [False, True])
@pytest.mark.parametrize("gamma", [0.0, 0.4, -0.7])
def test_the_ridge_solution_written_out(gamma: float, regulated: bool) -> None:
    """(Dᵀ W D + ridge) c = Dᵀ W p with weights of half the time that each row stands for."""
    run = Asked(gamma, regulated)
    sums, repeats, g2 = NovikovResponse(run, 7), 7, 0.8**2  # type: ignore[arg-type]
    phi, psi = np.linspace(-1, 1, 50), np.ones(50) if regulated else None
    times = np.cumsum([0.0, 0.1, 0.2, 0.1, 0.5, 1.0, 1.0, 0.3, 1.5, 0.2, 0.2, 0.1])
    root = math.sqrt(1 - gamma**2)

    def independent(a: Array, b: Array) -> Array:
        return np.concatenate([a, (b - gamma * a) / root])

    rows: list[tuple[Array, Array]] = []
    targets: list[list[float]] = []
    rooms: list[float] = []
    known = 0
    for k, t in enumerate(times):
        sums.record(t, phi, psi, measure=True)
        e, a, f, b = run.made[k * (1 + regulated)]
        again = run.made[k * 2 + 1] if regulated else None
        of_phi_u = of_psi_u = np.zeros(2)
        if k:
            rooms = [(times[j + 1] - times[j]) / 2 for j in range(k) for _ in range(1 + regulated)]
            size = 3 + k
            D = np.zeros((len(rows), 2 * size))
            for j, (right, left) in enumerate(rows):
                D[j, : right.size], D[j, size : size + left.size] = right, left
            W, P = np.array(rooms), np.array(targets)
            gram, products = D.T @ (W[:, None] * D), D.T @ (W[:, None] * P)
            ridge = np.mean(phi**2) / (g2 * repeats)
            # Directions that no row knows of yet have no part.
            seen = np.diagonal(gram) > 0
            narrow, wide = np.zeros((2, 2 * size, 3))
            for out, factor in ((narrow, 1.0), (wide, novikov._WIDER)):
                matrix = gram[np.ix_(seen, seen)]
                matrix = matrix + factor * np.diag(ridge + 1e-13 * np.diagonal(matrix))
                out[seen] = np.linalg.solve(matrix, products[seen])
            at = independent(a, b)
            value = at @ narrow[:, 0] / g2
            recent = np.repeat(times[:k] > times[k - 1] - 3.0, 1 + regulated)
            recent &= np.any(D != 0, axis=1)
            left_over = (P[:, 0] - D @ narrow[:, 0])[recent]
            if not recent.any() or math.sqrt(np.mean(left_over**2)) > 0.3:
                assert math.isnan(sums.value)
            else:
                known += 1
                assert sums.value == pytest.approx(value, rel=1e-8)
                assert sums.shift == pytest.approx(at @ wide[:, 2] / g2 - value, rel=1e-7)
            if again is not None:
                ends = independent(again[1], again[3])
                of_phi_u = at @ np.array([narrow[:, 1], wide[:, 1]]).T / g2
                of_psi_u = ends @ np.array([narrow[:, 1], wide[:, 1]]).T / g2
        shift = 1 - g2 * of_phi_u
        rows.append((e, 0 * f))
        targets.append([shift[0], 0.0, shift[1]])
        if again is not None:
            shift = -gamma * g2 * of_psi_u
            rows.append((gamma * again[0], root * again[2]))
            targets.append([shift[0], 1.0, shift[1]])
    assert known >= 3
