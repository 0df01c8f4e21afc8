"""Products, rates and spectra of one network, against dense matrices and plain sums."""

from typing import Any

import numpy as np
import pytest
from scipy.sparse import csr_array
from scipy.sparse.linalg import LinearOperator
from threadpoolctl import threadpool_info

from meanfield import ArgumentError, stability
from meanfield.common.arguments import LARGEST
from simulate import couplings, force, jacobian, network, stiffness
from simulate.network import Known, Network, _top, at_work, largest_rate, spectrum

RNG = np.random.default_rng
MATRIX = couplings.elliptic(40, 1.5, 0.2, seed=1)


def operator(matrix: Any, **changes: Any) -> LinearOperator:
    parts = {
        "matvec": lambda v: matrix @ v, "rmatvec": lambda v: matrix.T @ v,
        "matmat": lambda v: matrix @ v, "rmatmat": lambda v: matrix.T @ v, "dtype": np.float64,
    }  # fmt: skip
    return LinearOperator(matrix.shape, **(parts | changes))


@pytest.mark.parametrize("kappa", [0.0, 0.3, 1.0, -0.5])
def test_the_linearisation_is_the_jacobian(kappa: float) -> None:
    """Of states with vectors beside them, of single states, forwards, backwards, symmetrised."""
    J, x = MATRIX[:5, :5] * 2, RNG(0).standard_normal((5, 3))
    v = RNG(1).standard_normal((5, 2, 3))
    linear = Network(J, eta=0.3).linearize(x, kappa)
    exact = jacobian(x, J, onsager=kappa, eta=0.3)
    for call, matrix in (
        (linear.apply, exact),
        (linear.apply_transposed, exact.transpose(1, 0, 2)),
        (linear.apply_stiffness, -(exact + exact.transpose(1, 0, 2)) / 2),
    ):
        np.testing.assert_allclose(call(v), np.einsum("ijb,jkb->ikb", matrix, v), atol=1e-12)
        np.testing.assert_allclose(
            call(v[:, 0]), np.einsum("ijb,jb->ib", matrix, v[:, 0]), atol=1e-12
        )


@pytest.mark.parametrize("shape", [(40,), (40, 3)])
@pytest.mark.parametrize("kappa", [0.0, 0.3, 1.0])
def test_mixed_precision_is_that_of_the_distance(kappa: float, shape: tuple[int, ...]) -> None:
    """Errors are single rounding of what a state has beside the known one, and 0 at that one."""
    one = Network(MATRIX, eta=0.3, bias=np.linspace(-1, 1, 40), mixed=True)
    x, step = RNG(0).standard_normal((2, *shape))
    first = one.evaluate(x, kappa)
    known = Known(x + first.force, one.activity(x), first)
    for size in (1.0, 1e-4, 1e-8, 0.0):
        other = x + size * step
        exact, found = one.evaluate(other, kappa), one.evaluate_near(other, kappa, known)
        for a, b in zip(found[:2], exact[:2], strict=True):
            np.testing.assert_allclose(a, b, rtol=0, atol=30 * (6e-8 * size + 2.3e-16 * 10))
    # Where κ was 0 before.
    free = one.evaluate(x, 0.0)
    again = one.evaluate_near(x, kappa, known._replace(evaluation=free))
    np.testing.assert_allclose(again.drift, first.drift, atol=1e-13)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("kappa", [0.0, 0.3, 1.0])
def test_vectors_beside_states(kappa: float, dtype: Any) -> None:
    """One product for both: drift and force of the states, the Jacobian times the vectors."""
    one = Network(MATRIX, eta=0.3, bias=np.linspace(-1, 1, 40), dtype=dtype)
    x = RNG(0).standard_normal((40, 4, 3)).astype(dtype)
    drift, force, _ = one.evaluate_beside(x, kappa)
    plain = one.evaluate(x[:, 0], kappa)
    close = {"rtol": 0, "atol": 100 * np.finfo(dtype).eps}
    assert drift.dtype == dtype
    np.testing.assert_allclose(force, plain.force, **close)
    np.testing.assert_allclose(drift[:, 0], plain.drift, **close)
    np.testing.assert_allclose(drift[:, 1:], one.linearize(x[:, 0], kappa).apply(x[:, 1:]), **close)


def test_drifts_are_counted() -> None:
    one = Network(np.eye(2))
    for _ in range(3):
        one.evaluate(np.ones(2), 1.0)
    one.linearize(np.ones(2), 1.0)
    one.evaluate_beside(np.ones((2, 2, 1)), 0.0)
    assert one.evaluations == 5


@pytest.mark.parametrize("size", [1, 2, 5])
def test_the_top_of_tridiagonal_matrices(size: int) -> None:
    diagonal, links = RNG(1).standard_normal((size, 3)), RNG(2).random((size, 3))
    values, last = _top(list(diagonal), list(links[: size - 1]))
    for k in range(3):
        off = links[: size - 1, k]
        matrix = np.diag(diagonal[:, k]) + np.diag(off, 1) + np.diag(off, -1)
        exact, vectors = np.linalg.eigh(matrix)
        assert values[k] == pytest.approx(exact[-1])
        assert abs(last[k]) == pytest.approx(abs(vectors[-1, -1]))


@pytest.mark.parametrize("steps", [1, 2, 3, 6])
def test_rates_that_do_not_settle_are_bounded_above(
    steps: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The largest Ritz value of so many products, and its residual, for each of two states."""
    monkeypatch.setattr(network, "_STEPS", steps)
    x = RNG(3).standard_normal((40, 2)) * [0.2, 2.0]
    found = largest_rate(Network(MATRIX), x, 1.0, 1e-9)
    for k in range(2):
        matrix = -jacobian(x[:, k], MATRIX, onsager=1.0)
        vector = RNG(0).standard_normal(40)
        powers = [np.linalg.matrix_power(matrix, p) @ vector for p in range(steps)]
        basis = np.linalg.qr(np.stack(powers, axis=1))[0]
        ritz, mixed = np.linalg.eigh(basis.T @ matrix @ basis)
        top = basis @ mixed[:, -1]
        residual = np.linalg.norm(matrix @ top - ritz[-1] * top)
        assert found[k] == pytest.approx(ritz[-1] + residual, rel=1e-7)
        assert found[k] > np.linalg.eigvalsh(matrix)[-1] - 1e-9 or steps < 3


def test_rates_are_asked_for_no_longer_than_needed() -> None:
    """At a width of 2 % far fewer products than neurons; of one rate for all neurons, one."""
    asked = []
    J = operator(MATRIX, matmat=lambda v: asked.append(v.shape[1]) or MATRIX @ v)
    one = Network(J)
    x = RNG(3).standard_normal((40, 2))
    del asked[:]
    rough = largest_rate(one, x, 1.0, 0.5)
    few = len(asked)
    del asked[:]
    fine = largest_rate(one, x, 1.0, 1e-12)
    # One product for the force, and one a step; the estimate must have settled over four.
    assert 6 <= few < 12 < len(asked) <= 41
    for k in range(2):
        top = np.linalg.eigvalsh(-jacobian(x[:, k], MATRIX, onsager=1.0))[-1]
        assert fine[k] == pytest.approx(top, rel=1e-9)
        assert 0.5 * top < rough[k] <= top * (1 + 1e-12)
    del asked[:]
    still = Network(operator(0 * MATRIX, matmat=lambda v: asked.append(1) or 0 * v))
    del asked[:]
    np.testing.assert_allclose(largest_rate(still, x, 1.0), 1.0)
    assert len(asked) == 2
    np.testing.assert_allclose(largest_rate(still, x, 0.0), 1.0)


def test_a_column_has_the_rate_it_has_alone() -> None:
    x = RNG(5).standard_normal((40, 3)) * [0.1, 1.0, 8.0]
    whole = largest_rate(Network(MATRIX), x, 0.7)
    alone = [largest_rate(Network(MATRIX), x[:, k], 0.7)[0] for k in range(3)]
    np.testing.assert_allclose(whole, alone, rtol=1e-10)
    assert largest_rate(Network(MATRIX), x[:, 0], 0.7).shape == (1,)


@pytest.mark.parametrize("kappa", [0.0, 1.0, 0.4, -0.5, 2.0])
def test_rates_of_couplings_that_are_known_by_a_bound(kappa: float) -> None:
    """|1 − κ|(1 + b s) + |κ|((1 + b s)² + the largest of ±φ″∘Jᵀf + η), s the steepest slope."""
    J = operator(MATRIX)
    J.norm_bound = 3.0
    x = RNG(4).standard_normal((40, 2))
    value = np.tanh(x)
    rate = 1 + 3 * np.max(1 - value**2)
    bend = -2 * value * (1 - value**2) * (MATRIX.T @ (MATRIX @ value - x)) + 0.2
    most = max(0.0, np.max(np.sign(kappa) * bend))
    expected = abs(1 - kappa) * rate + abs(kappa) * (rate**2 + most)
    one = Network(J, eta=0.2)
    np.testing.assert_allclose(largest_rate(one, x, kappa), [expected] * 2, rtol=1e-12)
    np.testing.assert_allclose(largest_rate(one, 0 * x[:, 0], kappa).shape, (1,))
    dense = stiffness(x, MATRIX, onsager=kappa, eta=0.2)
    assert np.all(dense < expected)
    # Its spectrum: the elliptic law at κ = 0, as steep as the steepest state, else the bound.
    steep = np.sqrt(np.max(np.mean((1 - value**2) ** 2, axis=0)))
    if kappa == 0:
        np.testing.assert_allclose(spectrum(one, x, kappa), stability.ellipse(3.0, 0.0, steep))
        J.g, J.gamma = 1.5, 0.2
        np.testing.assert_allclose(spectrum(one, x, kappa), stability.ellipse(1.5, 0.2, steep))
    else:
        column = x[:, np.argmax(np.mean((1 - value**2) ** 2, axis=0))]
        np.testing.assert_allclose(spectrum(one, x, kappa), -largest_rate(one, column, kappa))


@pytest.mark.parametrize("kappa", [0.0, 0.3, 1.0])
def test_the_spectrum_is_that_of_the_steepest_column(kappa: float) -> None:
    J = 2 * MATRIX[:6, :6]
    x = RNG(2).standard_normal((6, 3)) * [2.0, 0.1, 3.0]
    found = spectrum(Network(J), x, kappa)
    exact = np.linalg.eigvals(jacobian(x[:, 1], J, onsager=kappa))
    if kappa == 1:
        np.testing.assert_allclose(found, exact.real.min(), rtol=1e-9)
    else:
        np.testing.assert_allclose(np.sort_complex(found), np.sort_complex(exact), atol=1e-9)
    alone = spectrum(Network(J), x[:, 1], kappa)
    np.testing.assert_allclose(np.sort_complex(alone), np.sort_complex(found), atol=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_products_in_every_form(dtype: Any) -> None:
    v = RNG(7).standard_normal((40, 2, 3)).astype(dtype)
    back = np.einsum("ji,jkb->ikb", MATRIX, v)
    ahead = np.einsum("ij,jkb->ikb", MATRIX, v)
    atol = 1e-4 if dtype == np.float32 else 1e-12
    columns = np.asfortranarray(v[:, 0])
    for J in (MATRIX, csr_array(MATRIX), operator(MATRIX)):
        one = Network(J, dtype=dtype)
        for got, expected in (
            (one.product(v), ahead),
            (one.transposed_product(v), back),
            (one.product(columns), ahead[:, 0]),
            (one.transposed_product(columns), back[:, 0]),
            (one.product(v[:, 0, 0]), ahead[:, 0, 0]),
        ):
            np.testing.assert_allclose(got, expected, atol=atol)
            assert got.dtype == dtype
        assert one.evaluate(v[:, 0], 0.5).drift.dtype == dtype


@pytest.mark.parametrize(("share", "is_taken"), [(0.8e-4, True), (2.1e-4, False)])
def test_errors_that_an_operator_may_make(share: float, is_taken: bool) -> None:
    """1e−4 of a product: between its forms, of a multiple, of its transpose."""

    def second(v: Any) -> Any:
        return MATRIX @ v * [1.0, 1 + share]

    for changes, message in (
        ({"matmat": lambda v: (1 + share) * (MATRIX @ v)}, "differently"),
        ({"matmat": second}, "must be linear"),
        ({"rmatmat": lambda v: (1 + share) * (MATRIX.T @ v)}, "not the transpose"),
    ):
        one = operator(MATRIX, **changes)
        if is_taken:
            Network(one).transposed_product(np.ones(40))
        else:
            with pytest.raises(ArgumentError, match=f"^J: .*{message}"):
                Network(one).transposed_product(np.ones(40))


def test_answers_that_are_no_numbers() -> None:
    """nan to numbers that are too large is an overflow, to others an error of the operator."""

    def product(v: Any) -> Any:
        return np.where(np.abs(v) > 1e30, np.nan, 0 * v)

    one = Network(LinearOperator((3, 3), matvec=product, matmat=product, dtype=np.float64))
    assert np.isnan(one.product(np.array([1e60, 1.0, 1.0]))).any()
    with pytest.raises(ArgumentError, match="answered with nan to finite numbers"):
        one.product(np.array([1e40, 1.0, 1.0]))


def test_the_error_of_an_answer() -> None:
    J = operator(MATRIX)
    assert Network(J).answer_error == 0
    J.neglected = 0.25
    assert Network(J).answer_error == 0
    J.norm_bound = 3.0
    assert Network(J).answer_error == 0.75
    assert Network(MATRIX).answer_error == 0


def test_couplings_are_told_by_their_digest() -> None:
    same = {
        Network(J, dtype=dtype).digest()
        for J in (MATRIX, MATRIX.copy(order="F"))
        for dtype in (np.float32, np.float64)
    }
    assert len(same) == 1
    sparse = {Network(csr_array(MATRIX), dtype=d).digest() for d in (np.float32, np.float64)}
    assert len(sparse) == 1
    changed = MATRIX.copy()
    changed[3, 4] += 1
    others = [Network(J).digest() for J in (changed, MATRIX.T, operator(MATRIX), operator(changed))]
    assert len({*same, *sparse, *others}) == 6
    assert Network(operator(MATRIX)).digest() == Network(operator(MATRIX)).digest()
    lazy, again = (couplings.lazy(20, 1.0, seed=1) for _ in range(2))
    assert Network(lazy).digest() == Network(lazy).digest() != Network(again).digest()


@pytest.mark.parametrize("form", [np.asarray, csr_array])
def test_the_largest_couplings(form: Any) -> None:
    assert Network(form([[LARGEST]])).n == 1
    for entries in ([[1.01 * LARGEST]], [[0.8 * LARGEST, 0.8 * LARGEST], [0, 0]], [[np.nan]]):
        with pytest.raises(ArgumentError, match="sum of its squares"):
            Network(form(entries))
    for wrong in (np.ones((0, 0)), np.ones((2, 3)), np.ones(3)):
        with pytest.raises(ArgumentError, match=r"^J of shape .*: must be square"):
            Network(wrong)
    np.testing.assert_allclose(force([1.0, 2.0], np.array([[0, 1], [1, 0]])), [np.tanh(2) - 1,
                               np.tanh(1) - 2])  # fmt: skip


def test_one_thread_unless_more_are_asked_for() -> None:
    """By default one; calls inside others have theirs; afterwards it is as before."""

    def threads() -> set[int]:
        return {one["num_threads"] for one in threadpool_info() if one["user_api"] == "blas"}

    before = threads()
    with at_work(None):
        assert threads() == {1}
        with at_work(2):
            assert threads() == {2}
            with at_work(None):
                assert threads() == {2}
        assert threads() == {1}
    assert threads() == before


def test_threads_are_counted() -> None:
    for number in (None, 1, 1024):
        with at_work(number):
            pass
    for number in (0, 1025):
        with pytest.raises(ArgumentError, match=f"^threads={number}: must be"), at_work(number):
            pass
