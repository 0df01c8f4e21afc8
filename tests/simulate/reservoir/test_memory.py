"""Memory function of given states: identities, held-out scores, the ridge."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from meanfield import ArgumentError
from meanfield.common.arguments import Array
from simulate.reservoir import SingularCovarianceWarning, memory_function


def noisy(seed: int, length: int = 400, n: int = 8) -> tuple[Array, Array]:
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((length, n))
    return X, X @ rng.standard_normal((n, 3)) + rng.standard_normal((length, 3))


def test_printed_formula_on_regular_data() -> None:
    X, z = noisy(0)
    printed = memory_function(X, z, formula="printed")
    assert not printed.singular
    assert printed.warnings == ()
    np.testing.assert_allclose(printed.m, printed.m_train, rtol=1e-12)  # Eq. 21 = Eq. 19
    w = np.linalg.lstsq(X, z, rcond=None)[0]
    np.testing.assert_allclose(
        np.mean((X @ w) ** 2, axis=0), np.mean(X @ w * z, axis=0), rtol=1e-12
    )
    np.testing.assert_allclose(
        printed.m, np.mean((X @ w) ** 2, axis=0) / np.mean(z**2, axis=0), rtol=1e-12
    )
    # The ridge leads there.
    distances = []
    for ridge in (1e-2, 1e-4, 1e-6, 0.0):
        curve = memory_function(X, z, ridge=ridge, test_fraction=0.5)
        half = memory_function(X[:200], z[:200], formula="printed")
        distances.append(np.max(np.abs(curve.m_train - half.m)))
    assert distances == sorted(distances, reverse=True)
    assert distances[-1] < 1e-13


def test_ridge_is_the_stated_system() -> None:
    X, z = noisy(1)
    curve = memory_function(X, z, ridge=0.03, test_fraction=0.25, gap=20)
    assert (curve.n_train, curve.n_test) == (280, 100)
    train, test = X[:280], X[300:]
    covariance = train.T @ train / 280
    scale = np.linalg.eigvalsh(covariance)[-1]
    np.testing.assert_allclose(curve.scale, scale, rtol=1e-12)
    w = np.linalg.solve(covariance + 0.03 * scale * np.eye(8), train.T @ z[:280] / 280)
    score = 1 - np.mean((test @ w - z[300:]) ** 2, axis=0) / np.mean(z[300:] ** 2, axis=0)
    np.testing.assert_allclose(curve.m, score, rtol=1e-12)
    np.testing.assert_allclose(curve.condition, np.linalg.cond(covariance), rtol=1e-10)


def test_held_out_score_sees_what_the_fitted_one_does_not() -> None:
    fitted, held_out = [], []
    for seed in range(5):
        rng = np.random.default_rng(seed)
        X, z = rng.standard_normal((400, 60)), rng.standard_normal((400, 4))
        free = memory_function(X, z, ridge=0)
        assert np.all(free.m < free.m_train)
        fitted.append(free.m_train)
        # −n/(L − n − 1) on average for the least-squares weights of noise
        held_out.append(free.m)
        assert np.all(memory_function(X, z).m > -0.15)
    np.testing.assert_allclose(np.mean(fitted), 60 / 200, atol=0.04)
    np.testing.assert_allclose(np.mean(held_out), -60 / 139, atol=0.1)


def test_chosen_ridge_is_close_to_the_best() -> None:
    rng = np.random.default_rng(5)
    x = rng.standard_normal((600, 40)) * np.geomspace(1, 1e-4, 40)
    z = x[:, :3] @ rng.standard_normal((3, 2)) + 0.5 * rng.standard_normal((600, 2))
    chosen = memory_function(x, z)
    scores = [memory_function(x, z, ridge=r).m for r in 10.0 ** np.arange(-10, 1)]
    assert np.all(chosen.m > np.max(scores, axis=0) - 0.02)
    assert np.all(chosen.m > scores[0])


def test_delay_line_remembers_its_length() -> None:
    # Neuron k holds the input of k steps ago: m = 1 up to n − 1 and 0 beyond.
    n, signal = 10, np.random.default_rng(0).standard_normal(4100)
    X = np.stack([signal[50 - k : 4050 - k] for k in range(n)], axis=1)
    z = np.stack([signal[50 - d : 4050 - d] for d in range(16)], axis=1)
    curve = memory_function(X, z)
    np.testing.assert_allclose(curve.m[:n], 1, atol=1e-9)
    np.testing.assert_allclose(curve.m[n:], 0, atol=0.02)
    np.testing.assert_allclose(curve.m.sum(), n, atol=0.05)


def test_trials_are_independent() -> None:
    X, z = noisy(2)
    batch = memory_function(np.stack([X, X[:, ::-1] ** 3], axis=-1), z)
    assert batch.m.shape == (3, 2)
    assert batch.rank.shape == (2,)
    single = memory_function(X, z)
    np.testing.assert_allclose(batch.m[:, 0], single.m, rtol=1e-12)
    assert batch.to_dataset()["m"].dims == ("tau", "trial")


def test_exactly_singular_covariance_gives_nan() -> None:
    with pytest.warns(SingularCovarianceWarning):
        curve = memory_function(np.zeros((5, 2)), np.ones(5), formula="printed")
    assert np.isnan(curve.m).all()
    assert int(curve.rank) == 0
    assert memory_function(np.zeros((20, 2)), np.ones(20)).m.tolist() == [0.0]


@pytest.mark.parametrize(
    ("X", "z", "options"),
    [
        (np.ones(4), np.ones(4), {}),
        (np.ones((4, 2)), np.ones(3), {}),
        (np.full((4, 2), np.nan), np.ones(4), {}),
        (np.ones((4, 2)), 1j * np.ones(4), {}),
        (np.ones((4, 2)), np.ones(4), {}),  # too few to choose a ridge
        (np.ones((40, 2)), np.ones(40), {"gap": 19}),
        (np.ones((40, 2)), np.ones(40), {"gap": -1}),
        (np.ones((40, 2)), np.ones(40), {"tau": [0.0, 1.0]}),
    ],
)
def test_memory_function_refuses(X: Any, z: Any, options: dict[str, Any]) -> None:
    with pytest.raises(ArgumentError):
        memory_function(X, z, **options)
