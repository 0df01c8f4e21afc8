"""The matrix revealed on request: answers of one matrix, tolerance, matched innovations, checks."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from meanfield import ArgumentError, GaussianOperator

GAMMA = st.one_of(st.floats(-1, 1), st.sampled_from([-1.0, 0.0, 1.0]))


def revealed(J: GaussianOperator) -> np.ndarray:
    return J @ np.eye(J.shape[0])


@given(
    n=st.integers(1, 14),
    gamma=GAMMA,
    seed=st.integers(0, 10**9),
    kinds=st.lists(
        st.sampled_from(["right", "left", "zero", "repeat", "large", "tiny"]), min_size=1
    ),
)
def test_every_answer_is_of_one_matrix(n: int, gamma: float, seed: int, kinds: list[str]) -> None:
    J = GaussianOperator(n, 1.7, gamma, seed=seed)
    v = np.random.default_rng(seed).standard_normal(n)
    asked = []
    for kind in kinds:
        scale = {"large": 1e200, "tiny": 1e-250, "zero": 0.0}.get(kind, 1.0)
        before = J.rank
        answer = (J.T if kind == "left" else J) @ (scale * v)
        if kind == "zero":
            assert J.rank == before
        asked.append((kind == "left", v, answer / (scale or 1.0)))
        # Requests after answers, some of them not new.
        v = v if kind == "repeat" else np.tanh(answer / (scale or 1.0)) + 0.1 * v
    final = revealed(J)
    if gamma == 0:
        # Only the side asked for is revealed.
        assert J.rank[0] == n
        assert J.rank[1] <= sum(left for left, _, _ in asked)
    rank = J.rank
    np.testing.assert_allclose(revealed(J), final, atol=1e-11)
    assert J.rank == rank
    assert J.neglected == J.neglected_rms == 0
    for left, request, answer in asked:
        expected = (final.T if left else final) @ request
        expected = expected * bool(answer.any())
        np.testing.assert_allclose(answer, expected, atol=1e-11 * (1 + np.abs(request).max()))
    np.testing.assert_allclose(J.T @ np.eye(n), final.T, atol=1e-11)
    if abs(gamma) == 1:
        np.testing.assert_allclose(final, gamma * final.T, atol=1e-11)


@given(n=st.integers(1, 12), gamma=GAMMA, seed=st.integers(0, 10**9), k=st.integers(1, 5))
def test_linear_and_adjoint(n: int, gamma: float, seed: int, k: int) -> None:
    J = GaussianOperator(n, 0.8, gamma, seed=seed)
    u, v = np.random.default_rng(seed).standard_normal((2, n, k))
    forward, adjoint = J @ v, J.T @ u
    np.testing.assert_allclose(u.T @ forward, adjoint.T @ v, atol=1e-11)
    np.testing.assert_allclose(J @ (2 * v - u), 2 * forward - J @ u, atol=1e-11)
    np.testing.assert_allclose(J.H @ u, adjoint, atol=1e-11)
    np.testing.assert_allclose(J.T.T @ v, forward, atol=1e-11)
    np.testing.assert_allclose(J.rmatmat(u), adjoint, atol=1e-11)
    np.testing.assert_allclose((J - J.T) @ v, forward - J.T @ v, atol=1e-11)


@pytest.mark.parametrize("innovations", ["gaussian", "matched"])
@pytest.mark.parametrize("gamma", [0.0, -0.6])
def test_a_batch_is_its_columns(innovations: str, gamma: float) -> None:
    n = 90
    v = np.random.default_rng(0).standard_normal((2, n, 4))
    one, two = (GaussianOperator(n, 1.3, gamma, seed=3, innovations=innovations) for _ in range(2))
    batches = one @ v[0], one.T @ np.asfortranarray(v[1]), one @ v[1][:, ::-1]
    loops = (
        np.stack([two @ column for column in v[0].T], axis=1),
        np.stack([two.rmatvec(column) for column in v[1].T], axis=1),
        np.stack([two @ column[:, None] for column in v[1][:, ::-1].T], axis=1)[..., 0],
    )
    for batch, loop in zip(batches, loops, strict=True):
        np.testing.assert_array_equal(batch, loop)
    assert one.rank == two.rank
    assert (one @ v[0][:, 0]).shape == (n,)
    assert (one @ v[0][:, :1]).shape == (n, 1)
    assert (one @ np.arange(n)).dtype == np.float64
    other = GaussianOperator(n, 1.3, gamma, seed=4, innovations=innovations)
    assert not np.array_equal(other @ v[0], batches[0])


@pytest.mark.parametrize("gamma", [0.0, 0.5])
def test_tolerance_bounds_the_error(gamma: float) -> None:
    """Each answer against the matrix that the operator reveals afterwards at zero tolerance."""
    n, g = 300, 1.5
    largest, ranks = [], []
    for tol in (0.1, 0.01, 1e-3, 1e-4, 1e-6, 0.0):
        J = GaussianOperator(n, g, gamma, seed=1, tol=tol)
        x = np.random.default_rng(2).standard_normal(n)
        asked = []
        for _ in range(40):
            phi = np.tanh(x)
            h = J @ phi
            u = J.T @ (h - x)
            asked += [(False, phi, h), (True, h - x, u)]
            x = x + 0.05 * (h - x - (1 - phi**2) * u)
        neglected, typical = J.neglected, J.neglected_rms
        ranks.append(sum(J.rank))
        J.tol = 0.0
        final = revealed(J)
        errors = np.array(
            [
                np.linalg.norm(answer - (final.T if left else final) @ v) / (g * np.linalg.norm(v))
                for left, v, answer in asked
            ]
        )
        # The error vector is Gaussian in some n dimensions: its norm has a spread of 1/√(2n).
        assert errors.max() <= neglected * (1 + 5 / np.sqrt(2 * n)) + 1e-12
        assert np.sqrt(np.mean(errors**2)) <= typical * (1 + 5 / np.sqrt(2 * n)) + 1e-12
        assert neglected <= tol
        assert typical <= neglected
        assert neglected == 0 or errors.max() > 0.3 * neglected
        largest.append(errors.max())
    assert np.all(np.diff(largest) < 0)
    assert np.all(np.diff(ranks) > 0)


def test_matched_overlaps_are_those_of_the_limit() -> None:
    """|Jv| and the overlaps that vanish as n^−½ are exact; the norm is at most 2g."""
    n, g = 240, 1.3
    rng = np.random.default_rng(0)
    x0 = rng.standard_normal(n)
    J = GaussianOperator(n, g, 0.0, seed=0, innovations="matched")
    J.anchor(np.stack([x0, np.zeros(n), 2 * x0], axis=1))
    v = rng.standard_normal((n, 8))
    answers = J @ v
    np.testing.assert_allclose(answers.T @ answers, g**2 * v.T @ v, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(x0 @ answers, 0, atol=1e-8)
    basis, triangle = np.linalg.qr(v)
    fresh = np.linalg.solve(triangle.T, answers.T)
    np.testing.assert_allclose(np.tril(fresh @ basis), 0, atol=1e-8)
    for gamma in (-1.0, -0.3, 0.0, 0.6, 1.0):
        J = GaussianOperator(n, g, gamma, seed=1, innovations="matched")
        x = x0
        for _ in range(12):
            x = J @ np.tanh(x)
            y = J.T @ np.sin(x)
        np.testing.assert_allclose(np.tanh(x) @ (J @ y), (J.T @ np.tanh(x)) @ y, atol=1e-9)
        assert J.norm_bound == 2 * g
        right, left = J._right, J._left
        e, z, f, w = (
            np.array([rows.combine(row) for row in np.eye(len(rows))]) for rows in (*right, *left)
        )
        G = z.T @ e + f.T @ w
        matrix = J._cos * G + J._sin * G.T
        assert np.linalg.norm(matrix, 2) <= 2 * g * (1 + 1e-9)


def test_matched_innovations_need_room() -> None:
    J = GaussianOperator(20, 1.0, seed=0, innovations="matched")
    for k in range(5):
        J @ np.eye(20)[k]
    with pytest.raises(ArgumentError, match=r"n=20: too few neurons .* beyond rank \(5, 0\)"):
        J @ np.eye(20)[5]
    # The refused request leaves the operator as it was.
    assert J.rank == (5, 0)
    assert np.isfinite(J @ np.eye(20)[4]).all()


def test_memory_follows_the_rank() -> None:
    """Four families in chunks of 32, a few work vectors besides, and no copies while they grow."""
    n, rank = 20_000, 33
    J = GaussianOperator(n, 1.0, seed=0)
    v = np.random.default_rng(0).standard_normal((rank, n))
    tracemalloc.start()
    for row in v:
        J @ row
        J.T @ row
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert J.rank == (rank, rank)
    assert peak < (4 * 64 + 16) * 8 * n


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"innovations": "exact"}, "innovations='exact': expected one of gaussian, matched"),
        ({"tol": -1e-3}, "tol=-0.001"),
        ({"tol": 1.0}, "tol=1: must be below 1"),
        ({"tol": np.nan}, "tol=nan"),
    ],
)
def test_bad_arguments(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        GaussianOperator(**{"n": 3, "g": 1.0, "seed": 0} | arguments)


def test_bad_requests() -> None:
    J = GaussianOperator(3, 1.0, 0.5, seed=0)
    for bad in ([1.0, np.nan, 0.0], [np.inf, 0.0, 1.0]):
        for product in (J.matvec, J.rmatvec, J.anchor):
            with pytest.raises(ArgumentError, match="must be finite"):
                product(np.array(bad))
    with pytest.raises(ArgumentError, match="must be real"):
        J @ np.array([1j, 0, 0])
    with pytest.raises(ValueError, match="dimension mismatch"):
        J @ np.ones(4)
    with pytest.raises(ArgumentError, match=r"vectors of shape \(4,\): must be \(3,\)"):
        J.anchor(np.ones(4))
    assert J.rank == (0, 0)
