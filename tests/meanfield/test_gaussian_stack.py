"""Matrices revealed side by side: each is one matrix, of the law of one, and not the others'."""

from typing import Any

import numpy as np
import pytest

from meanfield.gaussian_stack import GaussianStack

GAMMAS = (-1.0, -0.4, 0.0, 0.6, 1.0)


def stack(count: int, n: int, gamma: float, **how: Any) -> GaussianStack:
    usual = {"seed": 0, "innovations": "gaussian", "tol": 0.0, "dtype": np.float64}
    return GaussianStack(count, n, 1.3, gamma, **usual | how)


def asked(J: GaussianStack, requests: int, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Requests of each matrix that follow from its answers, and the answers; (matrices, n, k)."""
    count, n = J._shape
    x, found = np.random.default_rng(seed).standard_normal(count * n), []
    for _ in range(requests):
        phi = np.tanh(x)
        h = J.matvec(phi)
        found.append((phi, h))
        x = x + 0.4 * (h - x)
    shape = requests, 2, count, n
    phi, h = np.array(found).reshape(shape).transpose(1, 2, 3, 0)
    return phi, h


def revealed(J: GaussianStack) -> np.ndarray:
    """All matrices, (matrices, n, n)."""
    count, n = J._shape
    columns = [J.matvec(np.tile(unit, count)).reshape(count, n) for unit in np.eye(n)]
    return np.stack(columns, axis=-1)


@pytest.mark.parametrize("gamma", GAMMAS)
def test_every_answer_is_of_one_matrix(gamma: float) -> None:
    J = stack(3, 9, gamma)
    phi, h = asked(J, 6)
    matrices = revealed(J)
    assert J.rank == (9, 9 if gamma else 0)
    np.testing.assert_allclose(matrices @ phi, h, atol=1e-9)
    if abs(gamma) == 1:
        np.testing.assert_allclose(matrices, gamma * matrices.swapaxes(1, 2), atol=1e-9)
    scales = np.repeat([1e100, 0.0, 1e-100], 9)
    one = J.matvec(scales * np.ones(27)).reshape(3, 9)
    np.testing.assert_allclose(one[0], 1e100 * matrices[0].sum(1), rtol=1e-9)
    np.testing.assert_allclose(one[2], 1e-100 * matrices[2].sum(1), rtol=1e-9)
    assert not one[1].any()


@pytest.mark.parametrize("gamma", GAMMAS)
def test_law_of_the_entries(gamma: float) -> None:
    """600 matrices asked adaptively first: moments within 4.5 standard errors (1e-5 each)."""
    count, n, g = 600, 6, 1.3
    J = stack(count, n, gamma, seed=4)
    asked(J, 4)
    matrices = revealed(J) * np.sqrt(n) / g
    off = ~np.eye(n, dtype=bool)
    diagonal = np.diagonal(matrices, axis1=1, axis2=2)
    samples = {
        "mean": (matrices.mean(axis=(1, 2)), 0.0),
        "variance": (np.mean(matrices[:, off] ** 2, axis=1), 1.0),
        "symmetry": (np.mean((matrices * matrices.swapaxes(1, 2))[:, off], axis=1), gamma),
        "diagonal": (np.mean(diagonal**2, axis=1), 1 + gamma),
        "fourth": (np.mean(matrices[:, off] ** 4, axis=1), 3.0),
        "neighbours": (np.mean(matrices[1:] * matrices[:-1], axis=(1, 2)), 0.0),
    }
    for name, (values, expected) in samples.items():
        err = values.std(ddof=1) / np.sqrt(len(values))
        assert abs(values.mean() - expected) <= 4.5 * err + 1e-9, name


@pytest.mark.parametrize("gamma", GAMMAS)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_matched_answers(gamma: float, dtype: type) -> None:
    """|Jv| = g|v|, and nothing in common with what was known; to the share not told from none."""
    count, n = 2, 400
    start = np.random.default_rng(2).standard_normal(count * n)
    J = stack(count, n, gamma, innovations="matched", dtype=dtype)
    J.anchor(start)
    x, kept = start, 0
    for _ in range(2):
        for _ in range(8):
            x = 0.6 * x + J.matvec(np.tanh(x))
        for family in filter(None, (J._e, J._a, J._b)):
            known = family.rows.astype(float)
            near = [np.eye(len(family))] * count
            np.testing.assert_allclose(known @ known.swapaxes(1, 2), near, atol=1e-5)
        # Answers have nothing of earlier requests, nor of the start.
        overlaps = J._a.rows.astype(float) @ J._e.rows.astype(float).swapaxes(1, 2)
        assert np.max(np.abs(np.tril(overlaps, -1)[:, kept:])) < 1e-4
        if not kept:
            assert np.max(np.abs(J._a.rows @ start.reshape(count, n, 1))) < 1e-4 * np.sqrt(n)
            v = np.tanh(x)
            J.retain(np.stack([v, J.matvec(v)], axis=1), 1e-3)
            kept = J.rank[0]
            assert 0 < kept < 8
    assert not J.is_exhausted


def test_matched_innovations_end_where_half_the_space_is_used() -> None:
    J = stack(2, 40, 0.5, innovations="matched")
    rank = 0
    while not J.is_exhausted:
        asked(J, 1, seed=rank)
        rank += 1
    # The last request found 2 · (3 · 6 + 3) > 40.
    assert rank == 7
    phi, h = asked(J, 1)
    assert np.max(np.abs(np.linalg.norm(J._a.rows[:, -1], axis=1) - 1)) > 1e-3
    # Where the rest is forgotten there is room again.
    J.retain(phi.reshape(80, -1), 1e-6)
    kept = J.rank[0]
    asked(J, 2, seed=20)
    assert J.is_exhausted
    known = np.concatenate([J._e.rows[:, :kept], J._a.rows, J._b.rows], axis=1)
    new = J._a.rows[:, kept:]
    overlaps = new @ known.swapaxes(1, 2)
    expected = np.zeros_like(overlaps)
    for k in range(new.shape[1]):
        expected[:, k, 2 * kept + k] = 1.0
        expected[:, k, 3 * kept + new.shape[1] + k] = 0.5
    np.testing.assert_allclose(overlaps, expected, atol=1e-4)
    matrices = revealed(J)
    phi, h = asked(J, 4)
    # To what counts as rounding in the frame.
    np.testing.assert_allclose(matrices @ phi, h, atol=1e-5)


@pytest.mark.parametrize("gamma", [0.0, 0.6])
@pytest.mark.parametrize("innovations", ["gaussian", "matched"])
def test_what_is_retained_answers_as_before(gamma: float, innovations: str) -> None:
    count, n = 3, 200
    J = stack(count, n, gamma, innovations=innovations, tol=1e-6)
    phi, h = asked(J, 9)
    kept = phi[..., 5:]
    turns = J.retain(kept.reshape(count * n, -1), 1e-6)
    assert J.rank[0] == 4
    for turn in turns:
        assert turn.shape == (count, 9, 4)
        np.testing.assert_allclose(turn.swapaxes(1, 2) @ turn, [np.eye(4)] * count, atol=1e-9)
    for k in range(5, 9):
        again = J.matvec(phi[..., k].ravel()).reshape(count, n)
        # At γ ≠ 0 all but the memory of what is dropped.
        parts = np.eye(n) if gamma == 0 else kept
        np.testing.assert_allclose(again[:, None] @ parts, h[:, None, :, k] @ parts, atol=1e-5)
    assert J.rank[0] == 4
    dropped = J.matvec(phi[..., 0].ravel()).reshape(count, n)
    assert J.rank[0] == 5
    assert np.all(np.linalg.norm(dropped - h[..., 0], axis=1) > 0.1)


def test_what_is_dropped_is_told() -> None:
    J = stack(2, 500, 0.3, tol=0.01)
    v = np.random.default_rng(0).standard_normal((2, 1000))
    J.matvec(v[0])
    J.matvec(v[0] + 0.005 * v[1])
    assert J.rank == (1, 1)
    # 0.005 of the second of two products, up to overlaps of order n^−½.
    assert J.neglected_rms == pytest.approx(0.005 / np.sqrt(2), rel=0.2)


@pytest.mark.parametrize("gamma", [0.0, -0.5])
def test_coefficients_of_every_matrix(gamma: float) -> None:
    """J v is their sum with what they belong to."""
    count, n = 2, 50
    J = stack(count, n, gamma)
    phi, h = asked(J, 5)
    found = J.coefficients(phi[:, :, 3].ravel(), back=True)
    for place in range(count):
        vector = phi[place, :, 3]
        e, a, *back = (part[place] for part in found)
        answer = e @ J._a.rows[place] * 1.3
        if back:
            answer = answer + back[1] @ J._e.rows[place]
        np.testing.assert_allclose(answer, h[place, :, 3], atol=1e-9)
        np.testing.assert_allclose(a, 1.3 * J._a.rows[place] @ vector, atol=1e-12)


@pytest.mark.parametrize("gamma", [0.0, -0.9])
def test_a_direction_that_only_another_matrix_needs(gamma: float) -> None:
    """Where next to nothing is outside of the bases they stay orthonormal."""
    count, n = 3, 150
    J = stack(count, n, gamma, innovations="matched", dtype=np.float32, tol=3e-3)
    rng = np.random.default_rng(4)
    v = rng.standard_normal((count, n))
    first = J.matvec(v.ravel())
    for k in range(12):
        # One that was asked for before, one with 1e-5 of something new, and a new one.
        w = v.copy()
        w[1] += 1e-5 * rng.standard_normal(n)
        w[(k % 2) * 2] = rng.standard_normal(n)
        J.matvec(w.ravel())
    rows = J._e.rows.astype(float)
    assert rows.shape[1] == 13
    np.testing.assert_allclose(
        rows @ rows.swapaxes(1, 2), np.tile(np.eye(13), (3, 1, 1)), atol=1e-5
    )
    assert np.linalg.norm(J._a.rows, axis=2).max() < 1.001
    np.testing.assert_allclose(J.matvec(v.ravel()), first, atol=1e-4)
