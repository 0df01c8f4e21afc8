"""Pairs of high order: order conditions, convergence, states inside steps, tolerance, jumps."""

from functools import cache
from typing import Any

import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.linalg import expm
from scipy.sparse import csr_array

from meanfield import ArgumentError
from meanfield.schedule import as_function
from simulate import (
    IntegrationError,
    Switching,
    couplings,
    force,
    integrate,
    maximal_lyapunov,
    runge_kutta,
)
from simulate.integration import tableaus
from simulate.integration.problem import Problem
from simulate.integration.schemes import SCHEMES, Memory
from simulate.network import Network

# Rows, weights of the error, of states inside a step, and the orders of these three.
TABLEAUX = {
    "tsitouras": (
        tableaus.TSITOURAS, tableaus.TSITOURAS_ERRORS, tableaus.TSITOURAS_INSIDE, (5, 4, 4)
    ),
    "verner": (tableaus.VERNER, tableaus.VERNER_ERRORS, tableaus.VERNER_INSIDE, (6, 5, 6)),
    "damped": (tableaus.DAMPED, tableaus.DAMPED_ERRORS, tableaus.DAMPED_INSIDE, (5, 4, 4)),
}  # fmt: skip
# A condition is met to a thousandth of the largest one, 10⁻⁶, of the first order that is not: the
# entries of "verner", up to 200, and up to 4000 inside, leave some 10⁻¹⁰ of rounding.
_MET = 1e-9
every_pair = pytest.mark.parametrize("method", TABLEAUX)


@cache
def trees(order: int) -> list[tuple[Any, ...]]:
    """Rooted trees with so many vertices, each the sorted tuple of its branches."""
    if order == 1:
        return [()]
    found = set()

    def grow(left: int, branches: tuple[Any, ...]) -> None:
        if not left:
            found.add(tuple(sorted(branches)))
        for size in range(1, left + 1):
            for branch in trees(size):
                if not branches or branch >= branches[-1]:
                    grow(left - size, (*branches, branch))

    grow(order - 1, ())
    return sorted(found)


def size(tree: tuple[Any, ...]) -> int:
    return 1 + sum(map(size, tree))


def density(tree: tuple[Any, ...]) -> float:
    """γ of a tree."""
    return size(tree) * float(np.prod([density(branch) for branch in tree]))


def elementary(tree: tuple[Any, ...], A: Any) -> Any:
    """Weights of the stages of a tree, Π over its branches of A times theirs."""
    return np.prod([np.ones(len(A)), *(A @ elementary(branch, A) for branch in tree)], axis=0)


def matrix(rows: Any) -> Any:
    A = np.zeros((len(rows) + 1, len(rows) + 1))
    for k, row in enumerate(rows, 1):
        A[k, :k] = row
    return A


def defects(weights: Any, A: Any, order: int, theta: float = 1.0) -> list[float]:
    """Σ b Φ(tree) − θ^order/γ of all trees of an order."""
    return [
        float(weights @ elementary(tree, A)) - theta**order / density(tree) for tree in trees(order)
    ]


@every_pair
def test_order_conditions(method: str) -> None:
    """Of the weights, of those of the error and of those inside a step, and of no order more."""
    assert [len(trees(k)) for k in range(1, 8)] == [1, 1, 2, 4, 9, 20, 48]
    rows, errors, inside, orders = TABLEAUX[method]
    A, stages = matrix(rows), len(errors) - 1
    b, other, polynomials = A[stages], A[stages].copy(), np.array(inside)
    other[: stages + 1] -= errors
    # What is evaluated for states inside a step has an order of its own, at least 4.
    for k in range(stages + 1, len(A)):
        found = [defects(A[k], A, order, A[k].sum()) for order in range(1, 5)]
        np.testing.assert_allclose(np.concatenate(found), 0, atol=_MET)
    for weights, order in ((b, orders[0]), (other, orders[1])):
        for p in range(1, order + 1):
            np.testing.assert_allclose(defects(weights, A, p), 0, atol=_MET)
        assert np.max(np.abs(defects(weights, A, order + 1))) > 100 * _MET
    for theta in (0.1, 0.4, 0.77, 1.0):
        weights = polynomials @ theta ** np.arange(1, polynomials.shape[1] + 1)
        for p in range(1, orders[2] + 1):
            np.testing.assert_allclose(defects(weights, A, p, theta), 0, atol=_MET)
    np.testing.assert_allclose(polynomials.sum(axis=1), b, atol=_MET)
    # A state inside begins along the first drift.
    np.testing.assert_allclose(polynomials[:, 0], np.eye(len(A))[0], rtol=0, atol=1e-13)


def network(n: int = 8, batch: int = 3) -> tuple[Any, Any]:
    return couplings.elliptic(n, 2.0, 0.3, seed=1), 1.5 * np.random.default_rng(3).standard_normal(
        (n, batch)
    )


def reference(J: Any, x0: Any, times: Any, drive: Any = lambda t: 0.0, start: float = 0.0) -> Any:
    def drift(t: float, y: Any) -> Any:
        return (force(y.reshape(x0.shape), J) + drive(t)).ravel()

    run = solve_ivp(
        drift, (start, times[-1]), x0.ravel(), "DOP853", times, rtol=3e-14, atol=1e-14
    )  # fmt: skip
    return run.y.T.reshape(-1, *x0.shape)


@every_pair
def test_orders_of_ends_and_of_states_inside(method: str) -> None:
    """Fixed steps, none of which a save time ends."""
    J, x0 = network()
    times = np.array([0.613, 1.171, 1.987, 3.0])
    exact = reference(J, x0, times)
    steps = 3 / np.array([8, 16, 32])
    runs = [
        integrate(J, x0, t_max=3, dt=dt, method=method, tol=None, save_at=times) for dt in steps
    ]
    ends, inside = (
        np.array([np.max(np.abs(run.x[part] - exact[part])) for run in runs])
        for part in (slice(3, None), slice(3))
    )
    order = TABLEAUX[method][-1][0]
    # The terms that lead are so small that the next ones still show: more than the order.
    for errors in (ends, inside):
        assert order - 0.3 < np.polyfit(np.log(steps), np.log(errors), 1)[0] < order + 2


@every_pair
def test_errors_follow_the_tolerance(method: str) -> None:
    """At save times as at the end; few steps are refused; states do not depend on what is saved."""
    J, x0 = network(40)
    times = np.linspace(0.1, 4, 23)
    exact = reference(J, x0, times)
    found = []
    for tol in (1e-3, 1e-5, 1e-7, 1e-9):
        run = integrate(J, x0, t_max=4, method=method, tol=tol, save_at=times)
        alone = integrate(J, x0, t_max=4, method=method, tol=tol, save_at=[4], store_states=False)
        np.testing.assert_array_equal(run.x_end, alone.x_end)
        assert run.n_steps == alone.n_steps
        assert run.n_rejected <= 2
        found.append(np.sqrt(np.mean((run.x - exact) ** 2, axis=(1, 2))).max() / tol)
        for k in (3, 11):
            np.testing.assert_allclose(run.energy[k], np.sum(force(run.x[k], J) ** 2, 0) / 80)
    assert 0.01 < min(found)
    assert max(found) < 10


def test_the_leak_is_a_factor_of_the_stages() -> None:
    """A step of the plain tableau for y = e^t (x − x₀), as its error and states inside are."""
    J, x0 = network()
    problem = Problem(
        Network(J), as_function("onsager", 0.0), as_function("temperature", 0.0)
    )  # fmt: skip
    h = 0.7
    move = SCHEMES["tsitouras"].step(problem, 0.0, x0, problem.evaluate(0.0, x0), h, Memory())
    rows, errors, inside, _ = TABLEAUX["tsitouras"]
    A = matrix(rows)
    slopes: list[Any] = []

    def summed(weights: Any) -> Any:
        return h * sum(w * k for w, k in zip(weights, slopes, strict=False))

    for node, row in zip(A.sum(axis=1), A, strict=True):
        y, factor = summed(row), np.exp(node * h)
        slopes.append(factor * force(x0 + y / factor, J) + y)
    x1 = x0 + np.exp(-h) * summed(A[-1])
    np.testing.assert_allclose(move.x, x1, rtol=1e-12)
    last = problem.evaluate(h, move.x)
    assert move.error is not None
    assert move.inside is not None
    np.testing.assert_allclose(move.error(last), np.exp(-h) * summed(errors), atol=1e-14)
    theta = 0.3
    weights = np.array(inside) @ theta ** np.arange(1, 5)
    state = x0 + np.exp(-theta * h) * summed(weights)
    np.testing.assert_allclose(move.inside(last, theta * h), state, rtol=1e-12)
    np.testing.assert_allclose(move.inside(last, h), move.x, rtol=1e-12)


@every_pair
def test_a_rest_stays_one(method: str) -> None:
    """x = Jφ(x) ≠ 0, to the last bits, however long the steps get."""
    J = np.array([[0.0, 2.0], [2.0, 0.0]])
    x = np.ones(2)
    for _ in range(200):
        x = J @ np.tanh(x)
    run = integrate(J, x, t_max=1e4, method=method)
    np.testing.assert_allclose(run.x_end, x, rtol=1e-14)
    # From nearby it is reached, and E with it.
    near = integrate(J, x + 0.3, t_max=60, method=method)
    np.testing.assert_allclose(near.x_end, x, atol=1e-4)
    assert near.energy[-1] < 1e-9


@every_pair
def test_a_quiet_network_keeps_its_rates(method: str) -> None:
    """Far below the tolerance, without a step that is refused."""
    J, x0 = couplings.elliptic(30, 0.6, seed=1), np.random.default_rng(3).standard_normal(30)
    A = J - np.eye(30)
    run = integrate(J, x0, t_max=60, method=method, phi="linear")
    exact = np.sum((A @ expm(60 * A) @ x0) ** 2) / 60
    assert exact < 1e-12
    assert abs(np.log(run.energy[-1] / exact)) < 2e-3 * 60
    assert run.n_rejected == 0


@every_pair
def test_jumps_and_smooth_inputs(method: str) -> None:
    """Held inputs are landed on, functions followed: each as its parts one after the other."""
    J, x0 = network()
    jump = 1.2345
    held = Switching([jump], [0.0, 2.0])
    run = integrate(J, x0, t_max=3, method=method, tol=1e-7, inputs=held, save_at=[1.2, 3])
    half = reference(J, x0, [jump])[-1]
    exact = reference(J, half, [3.0], lambda t: 2.0, jump)[-1]
    np.testing.assert_allclose(run.x[1], exact, atol=3e-6)
    np.testing.assert_allclose(run.x[0], reference(J, x0, [1.2])[-1], atol=3e-6)
    wave = integrate(J, x0, t_max=3, method=method, tol=1e-7, inputs=lambda t: np.sin(5 * t))
    exact = reference(J, x0, [3.0], lambda t: np.sin(5 * t))[-1]
    np.testing.assert_allclose(wave.x_end, exact, atol=3e-6)


def test_schemes_agree() -> None:
    """The default with fixed steps; one column with a batch, a stop with none, single precision."""
    J, x0 = network(60)
    run = integrate(J, x0, t_max=6, save_at=[3, 6])
    assert run.method == "tsitouras"
    fixed = integrate(J, x0, t_max=6, dt=0.005, method="exponential", save_at=[3, 6])
    np.testing.assert_allclose(run.x, fixed.x, atol=3e-3)
    alone = integrate(J, x0[:, 1], t_max=6, save_at=[3, 6])
    np.testing.assert_allclose(alone.x, run.x[:, :, 1], atol=3e-3)
    rest = integrate(J, x0, t_max=3).resume(t_max=6)
    np.testing.assert_allclose(rest.x_end, run.x_end, atol=3e-3)
    single = integrate(J, x0, t_max=6, tol=1e-5, dtype=np.float32)
    assert single.method == "tsitouras"
    np.testing.assert_allclose(single.x_end, run.x_end, atol=3e-3)
    assert integrate(J, x0, t_max=6, tol=9e-5).method == "verner"
    # Many jumps leave no room for long steps.
    often = integrate(J, x0, t_max=6, switch_times=np.arange(1, 16) * 0.4)
    assert often.method == "exponential"


@pytest.mark.parametrize(("method", "kappa"), [("tsitouras", 0.0), ("damped", 1.0), ("rk4", 0.5)])
def test_mixed_precision(method: str, kappa: float) -> None:
    """The path of double precision to single rounding, at every time; one column as with others."""
    J, x0 = network(60)
    how: dict[str, Any] = {
        "onsager": kappa, "method": method, "tol": 1e-5, "dt": 0.05, "save_at": [1.3, 2.6, 4.0]
    }  # fmt: skip
    double = integrate(J, x0, t_max=4, **how)
    mixed = integrate(J, x0, t_max=4, mixed=True, **how)
    assert mixed.n_steps == double.n_steps
    assert mixed.attributes["mixed"]
    assert 0 < np.max(np.abs(mixed.x - double.x)) < 1e-6
    alone = integrate(J, x0[:, 1], t_max=4, mixed=True, **how)
    np.testing.assert_allclose(alone.x, mixed.x[:, :, 1], atol=1e-6)
    driven = {"onsager": Switching([2], [0.0, kappa]), "inputs": lambda t: np.sin(t)}
    ours, theirs = (
        integrate(J, x0, t_max=4, mixed=is_mixed, **how | driven).x_end
        for is_mixed in (True, False)
    )
    np.testing.assert_allclose(ours, theirs, atol=1e-6)


def test_mixed_precision_freezes_as_exactly() -> None:
    """κ = 1 at weak coupling: E falls as far as in double precision, 16 decades."""
    J = couplings.elliptic(60, 0.5, seed=1)
    x0 = np.random.default_rng(2).standard_normal((60, 3))
    ends = [integrate(J, x0, t_max=100, onsager=1, mixed=m).energy[-1] for m in (True, False)]
    assert np.max(ends) < 1e-20


def test_mixed_precision_that_cannot_be_is_refused() -> None:
    J, x0 = network(20)
    refused: list[tuple[Any, dict[str, Any], str]] = [
        (J, {"method": "verner"}, "mixed=True: not with method='verner', use one of"),
        (J, {"method": "exponential"}, "not with method='exponential'"),
        (J, {"dtype": np.float32}, "mixed=True: needs J as an array, and dtype float64"),
        (csr_array(J), {}, "needs J as an array"),
        (1e45 * J, {}, "J must be finite in float32"),
    ]
    for matrix, more, text in refused:
        with pytest.raises(ArgumentError, match=text):
            integrate(matrix, x0, t_max=1, mixed=True, **more)
    # "auto" takes what has no large weights.
    assert integrate(J, x0, t_max=1, tol=1e-6, mixed=True).method == "tsitouras"


def test_a_run_that_diverges_is_told() -> None:
    for method in TABLEAUX:
        with pytest.raises(IntegrationError, match=r"not finite|fell below rounding"):
            integrate([[3.0]], [1.0], t_max=1e3, method=method, phi="linear")
        run = integrate([[3.0]], [1.0], t_max=1e3, method=method, phi="linear", throw=False)
        assert run.status == "flagged"


def test_the_first_step_suits_the_drift() -> None:
    """One whose error would be the tolerance if the drift changed as fast as the state."""
    J, x0 = network()
    speed = np.sqrt(np.max(np.mean((force(x0, J) / (1 + np.abs(x0))) ** 2, axis=0)))
    for method, order in (("tsitouras", 5), ("verner", 6)):
        run = integrate(J, x0, t_max=2, method=method, tol=1e-6)
        assert run.dt == pytest.approx(1e-6 ** (1 / order) / speed)
        # One evaluation at the start, for whatever needs it.
        stages = SCHEMES[method].stages
        assert stages is not None
        assert run.n_evaluations == 1 + (run.n_steps + run.n_rejected) * stages
    assert integrate(J, 0 * x0, t_max=2).dt == 0.1


def test_exponents() -> None:
    J, _ = network(20)
    options: dict[str, Any] = {"t_max": 30, "t_skip": 5, "seed": 1, "x0": np.ones(20)}
    exact = maximal_lyapunov(J, dt=0.02, method="rk4", tol=None, **options).value
    for method in TABLEAUX:
        found = maximal_lyapunov(J, dt=0.05, method=method, tol=1e-7, **options).value
        assert float(found) == pytest.approx(float(exact), abs=1e-3)


def test_pairs_of_others_are_interpolated() -> None:
    """Own pairs with weights of an error do not end at save times either."""
    J, x0 = network()
    pair = runge_kutta("pair", [[1 / 2], [0, 3 / 4]], [2 / 9, 1 / 3, 4 / 9], order=3,
                       embedded=[7 / 24, 1 / 4, 1 / 3, 1 / 8])  # fmt: skip
    times = np.array([0.7, 1.9, 3.0])
    run = integrate(J, x0, t_max=3, method=pair, tol=1e-6, save_at=times)
    np.testing.assert_allclose(run.x, reference(J, x0, times), atol=3e-5)
    np.testing.assert_array_equal(run.x_end, integrate(J, x0, t_max=3, method=pair, tol=1e-6).x_end)
