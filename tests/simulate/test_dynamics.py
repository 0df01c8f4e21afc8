"""Force, energy, gradient, Jacobian and stiffness against symbolic and numerical derivatives."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array
from scipy.sparse.linalg import LinearOperator, aslinearoperator

from derivations.dynamics import oracle
from meanfield import ArgumentError, TransferFunction
from meanfield.common import cost
from simulate import (
    couplings,
    divergence,
    energy_gradient,
    force,
    integrate,
    jacobian,
    jacobian_operator,
    kinetic_energy,
    onsager_force,
    stiffness,
)

PHI = st.sampled_from(["tanh", "erf", "algebraic", "linear"])
KAPPA = st.sampled_from([0.0, 0.3, 1.0, -0.5, 1.7])


def network(n: int, g: float, gamma: float, seed: int) -> tuple[Any, Any]:
    """Couplings with a diagonal and a state."""
    rng = np.random.default_rng(seed)
    J = couplings.elliptic(n, g, gamma, seed=seed) + np.diag(rng.standard_normal(n))
    return J, rng.standard_normal((n, 3))


def drift(x: Any, J: Any, kappa: float, eta: float, phi: str) -> Any:
    """F from the public functions, for difference quotients."""
    gradient = energy_gradient(x, J, eta=eta, phi=phi)
    return (1 - kappa) * force(x, J, phi=phi) - kappa * gradient


@given(
    n=st.integers(1, 3),
    g=st.floats(0.1, 5),
    kappa=KAPPA,
    eta=st.floats(0, 2),
    seed=st.integers(0, 10**6),
)
def test_against_symbolic_derivatives(
    n: int, g: float, kappa: float, eta: float, seed: int
) -> None:
    J, states = network(n, g, 0.3, seed)
    x, exact = states[:, 0], oracle(n)
    for value, expected in (
        (force(x, J), exact.force(x, J)),
        (kinetic_energy(x, J, eta=eta), exact.energy(x, J, kappa, eta)),
        (energy_gradient(x, J, eta=eta), exact.gradient(x, J, kappa, eta)),
        (onsager_force(x, J), exact.onsager_force(x, J)),
        (drift(x, J, kappa, eta, "tanh"), exact.drift(x, J, kappa, eta)),
        (jacobian(x, J, onsager=kappa, eta=eta), exact.jacobian(x, J, kappa, eta)),
        (-jacobian(x, J, onsager=1.0, eta=eta), exact.hessian(x, J, kappa, eta)),
        (divergence(x, J, onsager=kappa, eta=eta), exact.divergence(x, J, kappa, eta)),
    ):
        np.testing.assert_allclose(value, expected, rtol=1e-9, atol=1e-9)


@settings(max_examples=40)
@given(
    n=st.integers(1, 12),
    g=st.floats(0.1, 5),
    gamma=st.floats(-1, 1),
    eta=st.floats(0, 2),
    kappa=KAPPA,
    phi=PHI,
    seed=st.integers(0, 10**6),
)
def test_derivatives_of_every_transfer_function(
    n: int, g: float, gamma: float, eta: float, kappa: float, phi: str, seed: int
) -> None:
    J, x = network(n, g, gamma, seed)
    gradient = energy_gradient(x, J, eta=eta, phi=phi)
    np.testing.assert_allclose(
        force(x, J, phi=phi) + onsager_force(x, J, phi=phi), eta * x - gradient, atol=1e-10
    )
    matrix = jacobian(x, J, onsager=kappa, eta=eta, phi=phi)
    h = 1e-5
    for i in range(n):
        step = np.zeros((n, 1))
        step[i] = h
        up = kinetic_energy(x + step, J, eta=eta, phi=phi)
        down = kinetic_energy(x - step, J, eta=eta, phi=phi)
        np.testing.assert_allclose(gradient[i], (up - down) / (2 * h), rtol=1e-6, atol=1e-5)
        slope = (drift(x + step, J, kappa, eta, phi) - drift(x - step, J, kappa, eta, phi)) / h / 2
        np.testing.assert_allclose(matrix[:, i], slope, rtol=1e-5, atol=1e-5)


@given(n=st.integers(1, 12), kappa=KAPPA, phi=PHI, seed=st.integers(0, 10**6))
def test_operator_is_the_matrix(n: int, kappa: float, phi: str, seed: int) -> None:
    J, states = network(n, 2.0, -0.4, seed)
    x, v = states[:, 0], states[:, 1:]
    matrix = jacobian(x, J, onsager=kappa, eta=0.2, phi=phi)
    operator = jacobian_operator(x, J, onsager=kappa, eta=0.2, phi=phi)
    np.testing.assert_allclose(operator @ v, matrix @ v, atol=1e-10)
    np.testing.assert_allclose(operator @ v[:, 0], matrix @ v[:, 0], atol=1e-10)
    np.testing.assert_allclose(operator.T @ v, matrix.T @ v, atol=1e-10)
    np.testing.assert_allclose(
        divergence(x, J, onsager=kappa, eta=0.2, phi=phi), np.trace(matrix), atol=1e-10
    )


@given(n=st.integers(1, 10), kappa=KAPPA, phi=PHI, seed=st.integers(0, 10**6))
def test_batch_sparse_and_operator_are_the_same(n: int, kappa: float, phi: str, seed: int) -> None:
    J, x = network(n, 1.5, 0.2, seed)
    calls = (
        lambda y, K: force(y, K, phi=phi),
        lambda y, K: kinetic_energy(y, K, eta=0.1, phi=phi),
        lambda y, K: energy_gradient(y, K, eta=0.1, phi=phi),
        lambda y, K: onsager_force(y, K, phi=phi),
        lambda y, K: jacobian(y, K, onsager=kappa, phi=phi),
        lambda y, K: divergence(y, K, onsager=kappa, phi=phi),
        lambda y, K: stiffness(y, K, onsager=kappa, phi=phi),
    )
    for index, call in enumerate(calls):
        whole = call(x, J)
        assert whole.shape[-1] == 3
        for column in range(3):
            np.testing.assert_allclose(whole[..., column], call(x[:, column], J), atol=1e-9)
        np.testing.assert_allclose(call(x, csr_array(J)), whole, atol=1e-9)
        if index in (4, 5):
            with pytest.raises(ValueError, match=r"^J: .* LinearOperator"):
                call(x, aslinearoperator(J))
        else:
            np.testing.assert_allclose(call(x, aslinearoperator(J)), whole, atol=1e-9)


@given(n=st.integers(2, 8), phi=PHI, seed=st.integers(0, 10**6))
def test_symmetries(n: int, phi: str, seed: int) -> None:
    """F(−x) = −F(x); renaming neurons renames everything."""
    J, x = network(n, 2.0, 0.5, seed)
    order = np.random.default_rng(seed).permutation(n)
    for call in (force, energy_gradient, onsager_force):
        np.testing.assert_allclose(call(-x, J, phi=phi), -call(x, J, phi=phi), atol=1e-12)
        np.testing.assert_allclose(
            call(x[order], J[np.ix_(order, order)], phi=phi), call(x, J, phi=phi)[order], atol=1e-9
        )
    np.testing.assert_allclose(kinetic_energy(-x, J), kinetic_energy(x, J), rtol=1e-12)


@pytest.mark.parametrize("kappa", [0.0, 0.5, 1.0])
@pytest.mark.parametrize(("n", "g"), [(1, 2.0), (2, 1.0), (120, 3.0)])
def test_stiffness_is_the_largest_eigenvalue(n: int, g: float, kappa: float) -> None:
    J, x = network(n, g, 0.3, 5)
    found = stiffness(x, J, onsager=kappa)
    for column in range(3):
        matrix = jacobian(x[:, column], J, onsager=kappa)
        top = np.linalg.eigvalsh(-(matrix + matrix.T) / 2)[-1]
        assert 0.98 * top - 1e-12 <= found[column] <= top * (1 + 1e-12) + 1e-12


def test_stiffness_grows_along_the_gradient_flow() -> None:
    """g = 2 and 8, N = 400: λ_max/g² near 3.1 and 2.5 at x ~ N(0, 1), above 4 and 3 at t = 20."""
    for g, before, after in ((2.0, 3.1, 4.0), (8.0, 2.5, 3.0)):
        J = couplings.elliptic(400, g, seed=1)
        x0 = np.random.default_rng(1).standard_normal((400, 4))
        run = integrate(J, x0, t_max=20, dt=0.01, onsager=1.0)
        assert np.mean(stiffness(x0, J)) / g**2 == pytest.approx(before, abs=0.25)
        assert np.mean(stiffness(run.x_end, J)) / g**2 > after


def test_stiffness_of_the_null_state() -> None:
    """λ_max of (J − 1)ᵀ(J − 1) for large n (derivations: stiffness); 4 couplings at n = 800."""
    g, n = 2.0, 800
    root = np.sqrt(1 + 8 / g**2)
    edge = g**2 * (root + 3) ** 3 / (8 * (root + 1))
    found = [
        float(stiffness(np.zeros(n), couplings.elliptic(n, g, seed=seed))) for seed in range(4)
    ]
    # Edge fluctuations are of order n^(−2/3), 1 % here; Lanczos adds 1 % from below.
    assert np.mean(found) == pytest.approx(edge, rel=0.03)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: force(np.zeros(3), np.eye(2)), r"x of shape \(3,\)"),
        (lambda: force(np.zeros(2), np.zeros((2, 3))), r"J of shape \(2, 3\)"),
        (lambda: force([np.nan, 0.0], np.eye(2)), "x: must be finite"),
        (lambda: force(1j * np.ones(2), np.eye(2)), "x of dtype complex128"),
        (lambda: force(np.zeros(2), 1j * np.eye(2)), "J of dtype complex128"),
        (lambda: kinetic_energy(np.zeros(2), np.eye(2), eta=-1.0), "eta=-1"),
        (lambda: force(np.zeros(2), np.full((2, 2), np.nan)), "J: must be finite"),
        (lambda: divergence(np.zeros(2), np.full((2, 2), np.inf)), "J: must be finite"),
        (lambda: jacobian(np.zeros(2), np.eye(2), onsager=np.inf), "onsager=inf"),
        (lambda: jacobian_operator(np.zeros((2, 2)), np.eye(2)), "expected one state"),
    ],
)
def test_bad_arguments(call: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()


def _operator(matrix: Any, **changes: Any) -> LinearOperator:
    parts = {
        "matvec": lambda v: matrix @ v, "rmatvec": lambda v: matrix.T @ v,
        "matmat": lambda v: matrix @ v, "dtype": np.float64,
    }  # fmt: skip
    return LinearOperator(matrix.shape, **(parts | changes))


MATRIX = couplings.elliptic(40, 1.5, 0.2, seed=1)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"rmatvec": None}, "has no rmatvec"),
        ({"rmatvec": lambda v: MATRIX @ v}, "rmatvec is not the transpose"),
        ({"rmatvec": lambda v: 1.01 * MATRIX.T @ v}, "rmatvec is not the transpose"),
        ({"rmatvec": lambda v: -MATRIX.T @ v}, "rmatvec is not the transpose"),
        ({"rmatvec": lambda v: MATRIX.T @ v * np.nan}, "answered with nan"),
        ({"rmatmat": lambda v: 2 * MATRIX.T @ v}, "rmatvec is not the transpose"),
    ],
)
def test_a_wrong_transpose_is_refused_where_it_is_needed(
    changes: dict[str, Any], message: str
) -> None:
    J, x = _operator(MATRIX, **changes), np.linspace(-1, 1, 40)
    np.testing.assert_allclose(force(x, J), force(x, MATRIX), atol=1e-13)
    with pytest.raises(ArgumentError, match=f"^J: .*{message}"):
        integrate(J, x, t_max=1, dt=0.1, onsager=1.0)
    with pytest.raises(ArgumentError, match=f"^J: .*{message}"):
        energy_gradient(x, J)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"matvec": lambda v: (MATRIX @ v)[:7]}, "raised ValueError"),
        ({"matvec": lambda v: MATRIX @ v + 1, "matmat": lambda v: MATRIX @ v + 1}, "be linear"),
        ({"matmat": lambda v: MATRIX.T @ v}, "differently"),
        ({"matvec": lambda v: 1j * (MATRIX @ v)}, "finite real"),
        ({"matmat": lambda v: MATRIX @ v * np.inf}, "finite real"),
    ],
)
def test_a_wrong_operator_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ArgumentError, match=f"^J: .*{message}"):
        force(np.ones(40), _operator(MATRIX, **changes))


def test_operators_are_tried_once() -> None:
    """Two products, and one with Jᵀ, more than are needed, whatever is done with the operator."""
    asked = []
    J = _operator(MATRIX, matvec=lambda v: asked.append("J") or MATRIX @ v,
                  matmat=lambda v: asked.append("J") or MATRIX @ v,
                  rmatvec=lambda v: asked.append("T") or MATRIX.T @ v)  # fmt: skip
    for _ in range(3):
        energy_gradient(np.ones(40), J)
    assert asked.count("J") == 3 + 3
    # Two columns, one by one.
    assert asked.count("T") == 3 + 2
    single = _operator(MATRIX.astype(np.float32))
    np.testing.assert_allclose(force(np.ones(40), single), force(np.ones(40), MATRIX), atol=1e-5)
    energy_gradient(np.ones(40), single)
    # Zero couplings, and one neuron.
    for matrix in (np.zeros((3, 3)), np.array([[2.0]])):
        energy_gradient(np.ones(len(matrix)), aslinearoperator(matrix))


def test_couplings_that_reveal_themselves_are_not_asked() -> None:
    one, other = (couplings.lazy(50, 1.5, 0.2, seed=1, tol=1e-9) for _ in range(2))
    x = np.linspace(-1, 1, 50)
    np.testing.assert_allclose(force(x, one) + x, other @ np.tanh(x), rtol=0, atol=1e-14)


SINH = TransferFunction(np.sinh, np.cosh, np.sinh, name="sinh")


@pytest.mark.parametrize(
    "call", [force, kinetic_energy, onsager_force, energy_gradient, jacobian, divergence, stiffness]
)
def test_what_is_not_finite_is_no_result(call: Any) -> None:
    with pytest.raises(
        ArgumentError, match=rf"^x: the {call.__name__} at this state is not finite"
    ):
        call(np.array([1e3, 2.0]), np.eye(2), phi=SINH)
    with pytest.raises(ArgumentError, match=r"^x: the Jacobian"):
        jacobian_operator(np.array([1e3, 2.0]), np.eye(2), onsager=1.0, phi=SINH)
    with pytest.raises(ArgumentError, match=r"^J: .* sum of its squares, 1e\+100 at most"):
        call(np.ones(2), 1e51 * np.eye(2))


@pytest.mark.parametrize(
    ("late", "message"),
    [
        (lambda v: 1 / 0, "raised ZeroDivisionError"),
        (lambda v: v[:3], "raised ValueError"),
        (lambda v: 1j * v, "must answer with real numbers"),
    ],
)
def test_an_operator_that_fails_later_is_named(late: Any, message: str) -> None:
    asked = []

    def product(v: Any) -> Any:
        asked.append(1)
        return MATRIX @ v if len(asked) < 30 else late(v)

    J = LinearOperator((40, 40), matvec=product, dtype=np.float64)
    with pytest.raises(ArgumentError, match=f"^J: .*{message}"):
        integrate(J, np.ones(40), t_max=10, dt=0.1)


def test_a_matrix_that_does_not_fit_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    n = 10**6
    with pytest.raises(ArgumentError, match=r"(?s)^J.*: needs .* of memory"):
        jacobian(np.zeros(n), csr_array((n, n)))
    monkeypatch.setattr(cost, "memory", lambda: 1e6)
    with pytest.raises(ArgumentError, match=r"^x of .*: needs .* of memory"):
        jacobian(np.zeros((100, 20)), np.zeros((100, 100)))
