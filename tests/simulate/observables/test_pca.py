"""Principal components against singular vectors, also of tiny variances."""

from __future__ import annotations

import numpy as np
import pytest

from meanfield import ArgumentError
from meanfield.common.arguments import Array
from simulate import Trajectory, principal_components


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
