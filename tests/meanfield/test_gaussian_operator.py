"""The matrix revealed on request: answers of one matrix, tolerance, innovations, law, checks."""

import tracemalloc

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from meanfield import ArgumentError, GaussianOperator
from meanfield.gaussian_operator import Rows, Span, _scaled

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


@pytest.mark.parametrize(("dtype", "rounding"), [(np.float64, 1e-11), (np.float32, 1e-4)])
@pytest.mark.parametrize("gamma", [0.0, 0.4])
def test_a_batch_with_a_tolerance_is_its_columns(
    gamma: float, dtype: type[np.floating], rounding: float
) -> None:
    """Columns between revealed directions at once: of all sizes, zero, repeated and new ones."""
    n = 120
    one, two = (GaussianOperator(n, 1.3, gamma, seed=3, tol=5e-3, dtype=dtype) for _ in range(2))
    rng = np.random.default_rng(1)
    v = rng.standard_normal((n, 12))
    v[:, 4] = 0
    v[:, 5:8] = v[:, :3] @ rng.standard_normal((3, 3))
    # Less than is told apart, and more.
    v[:, 8] = v[:, 0] + 2e-3 * rng.standard_normal(n)
    v[:, 9] = v[:, 1] + 0.1 * rng.standard_normal(n)
    v[:, 10:] *= [1e-200, 1e160]
    for batch, loop in (
        (one @ v, [two @ column for column in v.T]),
        (one.T @ v[:, ::-1], [two.T @ column for column in v[:, ::-1].T]),
        (one @ (0.5 * v), [two @ (0.5 * column) for column in v.T]),
        (one @ v[:, :0], []),
    ):
        expected = np.array(loop).reshape(-1, n).T
        sizes = np.linalg.norm(expected, axis=0)
        np.testing.assert_array_less(
            np.linalg.norm(batch - expected, axis=0), rounding * sizes + 1e-300
        )
    assert one.rank == two.rank
    assert one.neglected == pytest.approx(two.neglected, rel=0.01) != 0
    assert one.neglected_rms == pytest.approx(two.neglected_rms, rel=0.01)
    # What was scaled has no room in single precision.
    assert (one @ v).dtype == np.float64
    assert (one @ v[:, :10]).dtype == dtype


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
        e, a, f, b = (
            np.array([rows.combine(row) for row in np.eye(len(rows))]) for rows in (*right, *left)
        )
        matrix = a.T @ e + f.T @ b
        assert np.linalg.norm(matrix, 2) <= 2 * g * (1 + 1e-9)


def test_matched_innovations_stay_orthogonal_in_single_precision() -> None:
    """Answers that are asked again in turns: what rounding leaves of overlaps must not grow.

    Each answer has norm g and is orthogonal to all that was known, so no singular value exceeds g.
    """
    n, g = 512, 2.0
    J = GaussianOperator(
        n, g, 0.0, tol=0.03, seed=0, innovations="matched", dtype=np.float32
    )  # fmt: skip
    x = np.random.default_rng(1).standard_normal(n)
    J.anchor(x)
    for _ in range(120):
        f = J @ np.tanh(x) - x
        x = x + 0.2 * (f - (1 - np.tanh(x) ** 2) * (J.T @ f) / 3)
    assert not J.is_exhausted
    assert min(J.rank) > 30
    for side in (J._right, J._left):
        answers = np.array([side.answers[k] for k in range(len(side.answers))], float)
        assert np.linalg.norm(answers, 2) < 1.02 * g


def test_matched_innovations_end_where_half_the_space_is_used() -> None:
    J = GaussianOperator(20, 1.0, seed=0, innovations="matched")
    answers = [J @ np.eye(20)[k] for k in range(5)]
    assert J.norm_bound == 2.0
    np.testing.assert_allclose(np.array(answers) @ np.array(answers).T, np.eye(5), atol=1e-12)
    # The sixth answer is Gaussian: neither of norm g nor orthogonal to the others.
    sixth = J @ np.eye(20)[5]
    assert J.rank == (6, 0)
    assert abs(np.linalg.norm(sixth) - 1) > 1e-3
    assert np.max(np.abs(np.array(answers) @ sixth)) > 1e-3
    assert J.norm_bound > 2.0
    u = np.random.default_rng(0).standard_normal(20)
    assert np.isclose(u @ (J @ np.eye(20)[4]), np.eye(20)[4] @ (J.T @ u), rtol=1e-12)


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
    with pytest.raises(ValueError, match=r"(?i)dimension mismatch"):
        J @ np.ones(4)
    with pytest.raises(ArgumentError, match=r"vectors of shape \(4,\): must be \(3,\)"):
        J.anchor(np.ones(4))
    assert J.rank == (0, 0)


# ----------------------------------------------------------------- stored vectors and spans


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("count", [0, 1, 31, 32, 33, 64, 70])
def test_rows_are_the_rows_of_an_array(count: int, dtype: type) -> None:
    rng = np.random.default_rng(count)
    array = rng.standard_normal((count, 7)).astype(dtype)
    rows = Rows(7, dtype)
    for k, vector in enumerate(array):
        changed = vector.copy()
        rows.append(changed)
        changed[:] = 0
        assert len(rows) == k + 1
        np.testing.assert_array_equal(rows[k], vector)
    np.testing.assert_array_equal(np.array(list(rows)).reshape(-1, 7), array)
    v, c = rng.standard_normal(7).astype(dtype), rng.standard_normal(count)
    near = {"rtol": 100 * np.finfo(dtype).eps, "atol": 30 * np.finfo(dtype).eps}
    np.testing.assert_allclose(rows.dot(v), array @ v, **near)
    np.testing.assert_allclose(rows.combine(c), c @ array, **near)
    assert rows.dot(v).dtype == rows.combine(c).dtype == dtype
    rotation = rng.standard_normal((count, 3))
    rotated = rows.rotated(rotation)
    assert len(rotated) == 3
    np.testing.assert_allclose(np.array(list(rotated)), rotation.T @ array, **near)


def test_complement_of_a_span() -> None:
    """Of two families, some of their vectors in the span of the others, against least squares."""
    rng = np.random.default_rng(0)
    vectors = rng.standard_normal((6, 40)) * np.array([1, 1e3, 1e-3, 1, 1, 1])[:, None]
    vectors[3] = vectors[0] + 1e-3 * vectors[1]
    vectors[5] = 2 * vectors[2]
    families = Rows(40), Rows(40)
    one, two = Span(families), Span(families)
    v = rng.standard_normal(40)
    np.testing.assert_array_equal(one.complement(v), v)
    two.add_all()
    assert len(two) == 0
    for k, vector in enumerate(vectors):
        families[k % 2].append(vector)
        one.add(k % 2)
        used = vectors[: k + 1]
        expected = v - np.linalg.lstsq(used.T, v)[0] @ used
        np.testing.assert_allclose(one.complement(v), expected, atol=1e-9)
    assert len(one) == 4
    # Sizes are compared with the largest one there.
    families = Rows(40), Rows(40)
    for k, vector in enumerate(vectors):
        families[k % 2].append(vector / np.linalg.norm(vector))
    two = Span(families)
    two.add_all()
    assert len(two) == 4
    np.testing.assert_allclose(two.complement(v), expected, atol=1e-9)


@pytest.mark.parametrize(
    ("dtype", "angle", "size"),
    [
        (np.float64, 1.2e-5, 2), (np.float64, 0.8e-5, 1), (np.float32, 1.5e-2, 2),
        (np.float32, 0.8e-2, 1),
    ],
)  # fmt: skip
@pytest.mark.parametrize("length", [1e-3, 1.0, 1e3])
def test_what_adds_nothing_to_a_span(dtype: type, angle: float, size: int, length: float) -> None:
    """A squared sine below 1e-10, or below a thousand roundings in single precision."""
    for at_once in (False, True):
        rows = Rows(3, dtype)
        span = Span((rows,))
        for vector in ([length, 0, 0], [length * np.cos(angle), length * np.sin(angle), 0]):
            rows.append(np.array(vector, dtype=dtype))
            if not at_once:
                span.add(0)
        if at_once:
            span.add_all()
        assert len(span) == size


# ----------------------------------------------------------------------- what is neglected


@pytest.mark.parametrize(
    ("dtype", "tol", "share", "kind"),
    [
        # Told apart from rounding, not told, and revealed, with and without the coarse way.
        (np.float64, 1e-3, 0.9e-3, "dropped"), (np.float64, 1e-3, 1.1e-3, "revealed"),
        (np.float64, 1e-3, 1e-6, "dropped"), (np.float64, 1e-3, 1e-7, "unseen"),
        (np.float64, 1e-5, 1e-7, "unseen"), (np.float64, 0.9e-5, 1e-7, "dropped"),
        (np.float64, 1e-9, 0.9e-9, "dropped"), (np.float64, 1e-9, 1.1e-9, "revealed"),
        (np.float64, 0.0, 1e-12, "revealed"), (np.float64, 0.0, 1e-14, "unseen"),
        (np.float32, 1e-2, 0.9e-2, "dropped"), (np.float32, 1e-2, 1.1e-2, "revealed"),
        (np.float32, 1e-2, 0.8e-3, "unseen"), (np.float32, 3e-3, 2e-3, "dropped"),
        (np.float32, 3e-3, 3.5e-3, "revealed"), (np.float32, 1e-3, 0.9e-3, "dropped"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("gamma", [0.0, 0.5])
def test_a_small_new_direction(
    dtype: type, tol: float, share: float, kind: str, gamma: float
) -> None:
    """A known vector and a share of a new one: both counts of what is dropped, and the rank."""
    n = 50
    basis = np.linalg.qr(np.random.default_rng(0).standard_normal((n, 2)))[0].T
    J = GaussianOperator(n, 1.3, gamma, seed=0, tol=tol, dtype=dtype)
    assert J.neglected == J.neglected_rms == 0
    J @ basis[0]
    J @ (7 * (basis[0] + share * basis[1]))
    sides = 2 if gamma else 1
    assert sum(J.rank) == sides * (2 if kind == "revealed" else 1)
    dropped = share / np.sqrt(1 + share**2) if kind == "dropped" else 0.0
    rel = 1e-3 if share > 1e-8 and dtype == np.float64 else 2e-2
    assert J.neglected == pytest.approx(dropped, rel=rel)
    # Of two products with each side, one was exact.
    assert J.neglected_rms == pytest.approx(dropped / np.sqrt(2), rel=rel)


def test_numbers_of_the_norm_bound() -> None:
    """2g, and for Gaussian ones the margin of variance (1 + γ)g²/n that 10⁻⁹ asks for."""
    for gamma, variance in ((-0.7, 1.0), (0.0, 1.0), (0.5, 1.5)):
        J = GaussianOperator(40, 1.4, gamma, seed=0)
        margin = np.sqrt(2 * variance / 40 * 9 * np.log(10))
        assert J.norm_bound == pytest.approx(1.4 * (2 + margin), rel=1e-12)
        assert not J.is_exhausted


@pytest.mark.parametrize(("n", "room"), [(19, 4), (20, 5), (21, 5), (3, 0), (4, 1)])
def test_room_for_matched_innovations(n: int, room: int) -> None:
    """A request and its answer take two dimensions; half of all are left free."""
    J = GaussianOperator(n, 1.5, seed=0, innovations="matched")
    plain = GaussianOperator(n, 1.5, seed=0)
    for k in range(room):
        assert np.linalg.norm(J @ np.eye(n)[k]) == pytest.approx(1.5, rel=1e-12)
        assert not J.is_exhausted
        assert J.norm_bound == 3.0
    J @ np.eye(n)[room]
    plain @ np.eye(n)[0]
    assert J.is_exhausted
    assert not plain.is_exhausted
    assert J.norm_bound == plain.norm_bound > 3


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_memory_is_asked_for_a_chunk_ahead(dtype: type, monkeypatch: pytest.MonkeyPatch) -> None:
    """Requests and answers held, and a chunk more of both, when it begins."""
    asked = []
    monkeypatch.setattr(
        "meanfield.gaussian_operator.cost.check",
        lambda name, value, text, numbers: asked.append(numbers),
    )
    n, size = 8200, np.dtype(dtype).itemsize / 8
    J = GaussianOperator(n, 1.0, seed=0, dtype=dtype)
    v = np.random.default_rng(0).standard_normal((n, 33))
    J @ v
    assert asked == [2 * 32 * n * size, 2 * 64 * n * size]
    J.T @ v[:, 0]
    assert asked[2:] == [2 * (33 + 32) * n * size]
    # Of short vectors a chunk has more.
    GaussianOperator(512, 1.0, seed=0, dtype=dtype) @ np.eye(512)
    assert asked[3:] == [2 * 512 * 512 * size]


@pytest.mark.parametrize("size", [1e-200, 1e-99, 1.0, 1e99, 1e200, 1e308])
def test_vectors_of_any_size(size: float) -> None:
    v = size * np.array([0.3, -0.4, 0.0])
    scaled, norm, exponent = _scaled(v, np.dtype(np.float64))
    assert (exponent == 0) == (1e-100 < size < 1e100)
    np.testing.assert_allclose(np.ldexp(scaled, exponent), v, rtol=1e-15)
    assert norm == pytest.approx(np.linalg.norm(scaled), rel=1e-15)
    assert exponent == 0 or 0.5 <= norm < 2
    single = _scaled(np.array([3e14, 4e14]) * 1e2, np.dtype(np.float32))
    assert single[2] == 56
    assert single[0].dtype == np.float32
    assert _scaled(np.zeros(3), np.dtype(np.float64))[1] == 0


# ------------------------------------------------------------------------------- forgetting


def asked(J: GaussianOperator, count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Vectors after adaptive requests to both sides."""
    x = np.random.default_rng(seed).standard_normal(J.shape[0])
    right, left = [], []
    for _ in range(count):
        right.append(np.tanh(x))
        h = J @ right[-1]
        left.append(h - x)
        x = x + 0.3 * (h - x - 0.2 * (J.T @ left[-1]))
    return np.array(right).T, np.array(left).T


@pytest.mark.parametrize("gamma", [0.0, 0.6, -1.0])
@pytest.mark.parametrize("innovations", ["gaussian", "matched"])
def test_retaining_everything_changes_nothing(gamma: float, innovations: str) -> None:
    n, count = 200, 8
    J = GaussianOperator(n, 1.4, gamma, seed=0, innovations=innovations)
    right, left = asked(J, count)
    forward, backward, rank = J @ right, J.T @ left, J.rank
    kept = J.retain(np.concatenate([right, left], axis=1), 0.0)
    assert J.rank == rank
    for rotation in kept:
        np.testing.assert_allclose(rotation.T @ rotation, np.eye(rotation.shape[1]), atol=1e-12)
    np.testing.assert_allclose(J @ right, forward, atol=1e-9)
    np.testing.assert_allclose(J.T @ left, backward, atol=1e-9)
    assert J.rank == rank


@pytest.mark.parametrize("innovations", ["gaussian", "matched"])
def test_retained_products_and_fresh_ones(innovations: str) -> None:
    """γ = 0: what is kept answers as before, what is dropped is drawn anew.

    |Jv|² of 12 new directions: χ² of 200 degrees of freedom each, within 5 spreads.
    """
    n, g = 200, 1.4
    J = GaussianOperator(n, g, 0.0, seed=0, innovations=innovations)
    v = np.random.default_rng(1).standard_normal((n, 20))
    before = J @ v
    right, left = J.retain(v[:, 8:], 1e-9)
    assert right.shape == (20, 12)
    assert left.shape == (0, 0)
    assert J.rank == (12, 0)
    np.testing.assert_allclose(J @ v[:, 8:], before[:, 8:], atol=1e-9)
    assert J.rank == (12, 0)
    u = np.random.default_rng(2).standard_normal(n)
    np.testing.assert_allclose((J.T @ u) @ v[:, 8:], u @ before[:, 8:], atol=1e-9)
    fresh = J @ v[:, :8]
    assert J.rank == (20, 1)
    basis = np.linalg.qr(v[:, 8:])[0]
    off = v[:, :8] - basis @ (basis.T @ v[:, :8])
    norms = np.linalg.norm(J @ off, axis=0) / (g * np.linalg.norm(off, axis=0))
    np.testing.assert_allclose(norms**2, 1, atol=5 * np.sqrt(2 / n))
    assert np.min(np.linalg.norm(fresh - before[:, :8], axis=0)) > 0.5 * np.min(
        g * np.linalg.norm(off, axis=0)
    )
    # Again one matrix.
    np.testing.assert_allclose(
        J @ (v @ np.ones(20)), fresh.sum(1) + before[:, 8:].sum(1), atol=1e-8
    )


def test_tolerance_of_what_is_retained() -> None:
    """Small directions go; answers change by no more than their share."""
    n, neglect = 300, 1e-2
    J = GaussianOperator(n, 1.4, 0.0, seed=0)
    smooth = np.array([np.sin(np.arange(n) * (0.3 + 1e-3 * k)) for k in range(40)]).T
    before, rank = J @ smooth, J.rank[0]
    J.retain(smooth, neglect)
    assert J.rank[0] < rank / 2
    J.tol = 0.5  # no new directions, or the dropped parts would be drawn anew
    after = J @ smooth
    share = np.linalg.norm(after - before, axis=0) / (1.4 * np.linalg.norm(smooth, axis=0))
    assert 0 < np.sqrt(np.mean(share**2)) < neglect * np.sqrt(rank)


@pytest.mark.parametrize("gamma", [0.0, 0.5, -0.7])
def test_matched_innovations_after_retaining(gamma: float) -> None:
    """New answers are orthogonal to all that was kept, and the norm stays bounded."""
    n, g = 400, 1.3
    J = GaussianOperator(n, g, gamma, seed=0, innovations="matched")
    J.anchor(np.ones(n))
    right, left = asked(J, 10)
    J.retain(np.concatenate([right[:, 5:], left[:, 5:]], axis=1), 1e-3)
    kept = J.rank
    old = [row.copy() for family in (*J._right, *J._left) for row in family]
    asked(J, 4, seed=5)
    assert J.rank[0] > kept[0]
    e, z, f, w = (np.array(list(rows)).reshape(-1, n) for rows in (*J._right, *J._left))
    for answers, place in ((z, kept[0]), (w, kept[1])):
        new = answers[place:]
        np.testing.assert_allclose(np.linalg.norm(new, axis=1), g, rtol=1e-9)
        np.testing.assert_allclose(new @ np.array(old).T, 0, atol=1e-8)
        np.testing.assert_allclose(new @ new.T, g**2 * np.eye(len(new)), atol=1e-8)
    for basis in (e, f):
        np.testing.assert_allclose(basis @ basis.T, np.eye(len(basis)), atol=1e-10)
    a, b = np.random.default_rng(3).standard_normal((2, n))
    np.testing.assert_allclose(a @ (J @ b), (J.T @ a) @ b, atol=1e-9)


@pytest.mark.parametrize("gamma", [0.0, 0.5])
def test_coefficients_make_the_answers(gamma: float) -> None:
    n = 120
    J = GaussianOperator(n, 1.2, gamma, seed=0)
    right, left = asked(J, 5)
    v, u = right[:, 2], left[:, 1]
    e, a, f, b = J.coefficients(v)
    families = [np.array(list(rows)) for rows in (*J._right, *J._left)]
    for found, family in zip((e, a, f, b), families, strict=True):
        np.testing.assert_allclose(found, family @ v, atol=1e-12)
    E, A, F, B = families
    np.testing.assert_allclose(e @ A + b @ F, J @ v, atol=1e-10)
    np.testing.assert_allclose(F @ u @ B + A @ u @ E, J.T @ u, atol=1e-10)
    assert (J._right.basis is J._left.basis) == (gamma != 0)
    assert J.coefficients(np.ones(n))[0].shape == (J.rank[0],)


# ------------------------------------------ the law, against Wick's theorem and stored networks


def dense(n: int, g: float, gamma: float, seed: int) -> np.ndarray:
    """A stored matrix with the operator's law, built from independent pairs."""
    noise = np.random.default_rng(seed).standard_normal((n, n)) * g / np.sqrt(n)
    J = np.triu(noise, 1) + np.tril(gamma * noise.T + np.sqrt(1 - gamma**2) * noise, -1)
    J[np.diag_indices(n)] = np.sqrt(1 + gamma) * np.diag(noise)
    return J


def flow(J, x: np.ndarray, onsager: float, dt: float, steps: tuple[int, ...]) -> np.ndarray:
    """q = ⟨φ²⟩ and e = ½⟨f²⟩ after the given numbers of Euler steps."""
    out = []
    for step in range(max(steps) + 1):
        phi = np.tanh(x)
        force = J @ phi - x
        if step in steps:
            out += [np.mean(phi**2), np.mean(force**2) / 2]
        if onsager:
            force = force - onsager * (1 - phi**2) * (J.T @ force)
        x = x + dt * force
    return np.array(out)


@pytest.mark.parametrize("gamma", [-1.0, 0.0, 0.4, 1.0])
def test_law_after_adaptive_requests(gamma: float) -> None:
    """Entries of the matrix revealed by requests that depend on its answers.

    5 standard errors in 136 + 6 comparisons per γ, and one or two Kolmogorov–Smirnov tests at
    10⁻⁵: a false alarm of the four cases once in 2500 runs.
    """
    n, g, samples = 4, 1.4, 1600
    entries = np.empty((samples, n, n))
    start = np.array([1.0, -0.5, 0.3, 0.0])
    for seed in range(samples):
        J = GaussianOperator(n, g, gamma, seed=seed)
        answer = J @ start
        answer = J.T @ np.tanh(answer - start)
        answer = J @ np.tanh(answer)
        J.T @ np.sign(answer)
        entries[seed] = (J @ np.eye(n)) * np.sqrt(n) / g
    flat = entries.reshape(samples, -1)
    index = np.arange(n * n).reshape(n, n)
    covariance = np.eye(n * n)
    covariance[index.ravel(), index.T.ravel()] += gamma
    products = flat[:, :, None] * flat[:, None, :]
    variance = np.diag(covariance)
    scale = np.sqrt(np.outer(variance, variance) + covariance**2 + 1e-12)
    z = (products.mean(axis=0) - covariance) / scale * np.sqrt(samples)
    assert np.abs(z).max() < 5
    # Wick: ⟨a²b²⟩ = ⟨a²⟩⟨b²⟩ + 2⟨ab⟩², averaged over the pairs of one kind.
    wick = np.outer(variance, variance) + 2 * covariance**2
    same = np.eye(n * n, dtype=bool)
    mirror = np.zeros_like(same)
    mirror[index.ravel(), index.T.ravel()] = True
    for kind in (same & mirror, same & ~mirror, mirror & ~same, ~same & ~mirror):
        values = (products[:, kind] ** 2).mean(axis=1)
        error = values.std() / np.sqrt(samples) + 1e-9
        assert abs(values.mean() - wick[kind].mean()) < 5 * error
    a, b = np.random.default_rng(1).standard_normal((2, n))
    a, b = a / np.linalg.norm(a), b / np.linalg.norm(b)
    forward, backward = entries @ b @ a, entries @ a @ b
    overlap = gamma * (a @ b) ** 2
    for values, theory in ((forward**2, 1 + overlap), (forward * backward, gamma + (a @ b) ** 2)):
        assert abs(values.mean() - theory) < 5 * values.std() / np.sqrt(samples) + 1e-9
    # Symmetric and antisymmetric parts are independent normal numbers.
    upper = np.triu_indices(n, 1)
    mirrored = entries.transpose(0, 2, 1)
    for sign in (1, -1):
        part = (entries + sign * mirrored)[:, *upper].ravel()
        if 1 + sign * gamma > 0:
            part = part / np.sqrt(2 * (1 + sign * gamma))
            assert scipy.stats.kstest(part, "norm").pvalue > 1e-5
        else:
            np.testing.assert_allclose(part, 0, atol=1e-11)


@pytest.mark.parametrize(
    ("g", "gamma", "onsager", "dt"),
    [(1.8, -0.5, 0.0, 0.1), (1.5, 0.5, 1.0, 0.05)],
)
def test_trajectories_have_the_law_of_stored_networks(
    g: float, gamma: float, onsager: float, dt: float
) -> None:
    """q and e of n = 200 neurons at three times: two-sample Kolmogorov–Smirnov tests and means.

    12 tests of each sort; the levels make a false alarm of either once in 5000 runs.
    """
    n, samples = 200, 100
    steps = (round(0.5 / dt), round(1.5 / dt), round(3 / dt))
    lazy, stored = np.empty((2, samples, 6))
    for k in range(samples):
        x = np.random.default_rng([7, k]).standard_normal((2, n))
        lazy[k] = flow(GaussianOperator(n, g, gamma, seed=k), x[0], onsager, dt, steps)
        stored[k] = flow(dense(n, g, gamma, seed=k), x[1], onsager, dt, steps)
    for one, two in zip(lazy.T, stored.T, strict=True):
        assert scipy.stats.ks_2samp(one, two).pvalue > 1e-4 / 12
        assert scipy.stats.ttest_ind(one, two, equal_var=False).pvalue > 1e-4 / 12


def test_matched_innovations_reduce_the_variance() -> None:
    """Spread over seeds of q and e after 3 time units of the gradient flow.

    Variances fall by factors near 8 and 16; for a true factor 6, a ratio of 40 seeds each falls
    below 2 once in 10³ runs.
    """
    n, samples = 400, 40
    values = {}
    for innovations in ("gaussian", "matched"):
        runs = np.empty((samples, 2))
        for seed in range(samples):
            x = np.random.default_rng([1, seed]).standard_normal(n)
            x *= np.sqrt(n) / np.linalg.norm(x)
            J = GaussianOperator(n, 2.0, seed=seed, innovations=innovations, tol=1e-2)
            J.anchor(x)
            runs[seed] = flow(J, x, 1.0, 0.05, (60,))
        values[innovations] = runs
    gaussian, matched = values["gaussian"], values["matched"]
    ratio = gaussian.var(axis=0) / matched.var(axis=0)
    assert np.all(ratio > 2), ratio


@pytest.mark.parametrize("gamma", [-1.0, -0.7, 0.0, 0.5, 1.0])
def test_norm_bound(gamma: float) -> None:
    for n, seeds in ((1, 200), (6, 100), (60, 20), (500, 2)):
        J = GaussianOperator(n, 1.4, gamma, seed=0)
        norms = [np.linalg.norm(dense(n, 1.4, gamma, seed), 2) for seed in range(seeds)]
        assert max(norms) < J.norm_bound
        assert J.rank == (0, 0)
    # Tight: the norm tends to 2g for every γ.
    assert min(norms) > 0.95 * 2 * 1.4
    assert GaussianOperator(10**12, 1.4, gamma, seed=0).norm_bound == pytest.approx(2.8, rel=1e-5)


def test_a_vector_of_zeros_asks_for_nothing_to_be_retained() -> None:
    v = np.random.default_rng(0).standard_normal((80, 3))
    found = []
    for more in (np.zeros((80, 0)), np.zeros((80, 2))):
        J = GaussianOperator(80, 1.0, 0.5, seed=1)
        for column in v.T:
            J.matvec(column)
        found.append(J.retain(np.concatenate([more, v[:, 1:]], axis=1), 1e-9))
    for one, other in zip(*found, strict=True):
        np.testing.assert_allclose(np.abs(one), np.abs(other), atol=1e-12)
