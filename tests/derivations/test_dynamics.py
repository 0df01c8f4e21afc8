"""The proofs of the dynamics section, mutations of them, and the oracle against own numbers."""

from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import sympy as sp
from scipy.sparse.linalg import svds
from sympy.core.function import ArgumentIndexError

from derivations import REGISTRY, Check
from derivations.dynamics import (
    chebyshev,
    dale,
    descent,
    gradient,
    jacobian,
    langevin,
    oracle,
    readout,
    schemes,
    stiffness,
)
from derivations.dynamics.model import OddTransfer, SymbolicNetwork

CHECKS = [
    check
    for check in REGISTRY.select()
    if check.prove.__module__.startswith("derivations.dynamics")
]
SECTIONS = {
    "gradient",
    "jacobian",
    "descent",
    "stiffness",
    "langevin",
    "schemes",
    "readout",
    "dale",
}


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.name)
def test_identity_is_proved(check: Check) -> None:
    check.prove()


def test_every_section_is_registered() -> None:
    assert {check.name.split(".")[0] for check in CHECKS} == SECTIONS


def test_transfer_function_is_generic_and_odd() -> None:
    x = sp.Symbol("x", real=True)
    assert OddTransfer(0, -x) == -OddTransfer(0, x)
    assert OddTransfer(1, -x) == OddTransfer(1, x)
    assert OddTransfer(2, -x) == -OddTransfer(2, x)
    assert sp.diff(OddTransfer(0, 3 * x), x, 2) == 9 * OddTransfer(2, 3 * x)
    assert [OddTransfer(k, sp.S.Zero) for k in (0, 1, 2)] == [0, 1, 0]
    assert OddTransfer(3, sp.S.Zero).func is OddTransfer  # left open
    with pytest.raises(ArgumentIndexError):
        OddTransfer(0, x).fdiff(1)


# A wrong closed form must make its checks fail.


def _negated(original: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *arguments: -original(*arguments)


def _backwards(original: Callable[..., Any]) -> Callable[..., Any]:
    """Step h → −h in a covariance (T, h, H)."""
    return lambda T, h, H: original(T, -h, H)


def _second_negated(original: Callable[..., Any]) -> Callable[..., Any]:
    def mutated(*arguments: Any) -> Any:
        first, second = original(*arguments)
        return first, -second

    return mutated


def _ridge_negated(original: Callable[..., Any]) -> Callable[..., Any]:
    return lambda X, z, ridge=sp.S.Zero: original(X, z, -ridge)


def _reaction_sign(original: Callable[..., Any]) -> Callable[..., Any]:
    """I − (M − I): the sign of the coupling term."""
    return lambda network: 2 * sp.eye(network.n) - original(network)


def _rescaled(original: Callable[..., Any]) -> Callable[..., Any]:
    return lambda g: (1 + g) * original(g)


def _gain_negated(original: Callable[..., Any]) -> Callable[..., Any]:
    g = sp.Symbol("g", positive=True)
    return lambda: original().subs(g**2, -(g**2))


def _mirrored(original: Callable[..., Any]) -> Callable[..., Any]:
    return lambda s, w0, z: original(s, w0, -z)


def _dense(original: Callable[..., Any]) -> Callable[..., Any]:
    """1 − α → 1 + α in the variance of an entry."""
    return lambda alpha, mu, sigma: original(alpha, mu, sigma) + 2 * alpha**2 * mu**2


def _printed_reaction(original: Callable[..., Any]) -> Callable[..., Any]:
    """The sign of κ in the printed Jacobian."""
    return lambda network, i, j: original(network, i, j).subs(network.kappa, -network.kappa)


Mutation = Callable[[Callable[..., Any]], Callable[..., Any]]
MUTATIONS: list[tuple[ModuleType, str, Mutation, tuple[str, ...]]] = [
    (
        gradient,
        "onsager_force",
        _negated,
        ("gradient.onsager", "gradient.decomposition"),
    ),
    (
        gradient,
        "decomposition_matrix",
        _reaction_sign,
        ("gradient.decomposition", "gradient.printed_matrix", "gradient.stationary_points"),
    ),
    (jacobian, "_curvature", _negated, ("jacobian.matrix_form", "jacobian.hessian")),
    (jacobian, "_force_jacobian", _negated, ("jacobian.matrix_form",)),
    (jacobian, "_printed_entry", _printed_reaction, ("jacobian.printed",)),
    (jacobian, "divergence", _negated, ("jacobian.divergence",)),
    (
        descent,
        "energy_rate",
        _negated,
        ("descent.regulated", "descent.vanilla", "descent.indefinite"),
    ),
    (stiffness, "top_of_spectrum", _rescaled, ("stiffness.edges", "stiffness.outermost")),
    (stiffness, "bottom_of_spectrum", _rescaled, ("stiffness.edges",)),
    (stiffness, "resolvent_cubic", _gain_negated, ("stiffness.cubic", "stiffness.edges")),
    (langevin, "euler_covariance", _backwards, ("langevin.euler", "langevin.order_of_bias")),
    (langevin, "heun_covariance", _backwards, ("langevin.heun",)),
    (
        schemes,
        "exponential_weights",
        _second_negated,
        ("schemes.exponential_weights", "schemes.exponential_order", "schemes.multistep_intervals"),
    ),
    (schemes, "rk4_interval", _negated, ("schemes.real_intervals",)),
    (chebyshev, "amplitude", _negated, ("schemes.rkc_order", "schemes.rkc_interval")),
    (chebyshev, "scale", _negated, ("schemes.rkc_order", "schemes.rkc_interval")),
    (chebyshev, "stability_polynomial", _mirrored, ("schemes.rkc_order", "schemes.rkc_recursion")),
    (readout, "memory", _negated, ("readout.memory", "readout.ridge")),
    (readout, "readout_weights", _ridge_negated, ("readout.optimum",)),
    (readout, "readout_weights", _second_negated, ("readout.projection",)),
    (dale, "entry_variance", _dense, ("dale.moments", "dale.printed_sets")),
    (dale, "outlier", _negated, ("dale.mean_matrix", "dale.printed_sets")),
    (dale, "secular", _negated, ("dale.outliers",)),
]


@pytest.mark.parametrize(
    ("module", "name", "mutation", "check"),
    [
        pytest.param(module, name, mutation, check, id=f"{name}{mutation.__name__}-{check}")
        for module, name, mutation, checks in MUTATIONS
        for check in checks
    ],
)
def test_mutations_are_found(
    module: ModuleType,
    name: str,
    mutation: Mutation,
    check: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (proof,) = (one for one in CHECKS if one.name == check)
    monkeypatch.setattr(module, name, mutation(getattr(module, name)))
    with pytest.raises(AssertionError, match=r"is left|not seen to be positive"):
        proof.prove()


@pytest.mark.parametrize(
    ("name", "weights"), [("HEUN", [2, 1]), ("RK4", [1, 2, 2, -1]), ("RK4", [2, 1, 1, 2])]
)
def test_wrong_weights_are_found(
    name: str, weights: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    right = getattr(schemes, name)
    b = sp.Matrix(weights) / sum(weights)
    monkeypatch.setattr(schemes, name, schemes.Tableau(right.A, b))
    with pytest.raises(AssertionError, match="is left"):
        schemes.orders()


def test_wrong_model_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """An even transfer function breaks parity, an energy with a wrong sign the rest."""
    monkeypatch.setattr(
        gradient, "networks", lambda: [SymbolicNetwork(2, phi=lambda x: OddTransfer(1, x))]
    )
    with pytest.raises(AssertionError, match=r"F: .* is left"):
        gradient.parity()
    monkeypatch.setattr(
        SymbolicNetwork, "kinetic_energy", property(lambda self: -self.force.dot(self.force) / 2)
    )
    with pytest.raises(AssertionError, match="is left"):
        gradient.printed()


# The oracle against complex steps of expressions written out here.


def _case(n: int) -> tuple[np.ndarray, np.ndarray, float, float]:
    rng = np.random.default_rng(n)
    return rng.normal(size=n), rng.normal(size=(n, n)), 0.3 + 0.1 * n, 0.7


def _energy(x: np.ndarray, J: np.ndarray, eta: float) -> Any:
    f = -x + J @ np.tanh(x)
    return ((f**2).sum() + eta * (x**2).sum()) / 2


def _drift(x: np.ndarray, J: np.ndarray, kappa: float, eta: float) -> np.ndarray:
    f = -x + J @ np.tanh(x)
    return f - kappa * ((1 - np.tanh(x) ** 2) * (J.T @ f) + eta * x)


def _complex_step(function: Callable[[np.ndarray], Any], x: np.ndarray) -> np.ndarray:
    """Derivatives, the variable last, without cancellation."""
    step = 1e-30
    moved = (function(x + 1j * step * one) for one in np.eye(len(x)))
    return np.stack([np.imag(value) / step for value in moved], axis=-1)


@pytest.mark.parametrize("n", [1, 2, 3])
def test_oracle_matches_complex_steps(n: int) -> None:
    x, J, kappa, eta = _case(n)
    exact = oracle(n)
    at = (x, J, kappa, eta)
    f = -x + J @ np.tanh(x)

    def close(actual: np.ndarray, expected: Any) -> None:
        assert actual.shape == np.shape(expected)
        np.testing.assert_allclose(actual, expected, rtol=1e-12, atol=1e-13)

    close(exact.force(*at), f)
    close(exact.energy(*at), _energy(x, J, eta))
    close(exact.gradient(*at), _complex_step(lambda y: _energy(y, J, eta), x))
    close(exact.onsager_force(*at), -_complex_step(lambda y: _energy(y, J, 0.0), x) - f)
    close(exact.drift(*at), _drift(x, J, kappa, eta))
    derivative = _complex_step(lambda y: _drift(y, J, kappa, eta), x)
    close(exact.jacobian(*at), derivative)
    close(exact.divergence(*at), np.trace(derivative))
    close(exact.hessian(*at), -_complex_step(lambda y: _drift(y, J, 1.0, eta), x))
    close(exact.drift(x, J), f)
    close(exact.drift(x, J, kappa=1.0, eta=eta), -exact.gradient(*at))


def test_oracle_checks_its_input() -> None:
    with pytest.raises(ValueError, match="n=4: must be 1, 2 or 3"):
        oracle(4)
    with pytest.raises(ValueError, match=r"x \(3,\), J \(2, 2\)"):
        oracle(2).force(np.zeros(3), np.zeros((2, 2)))
    assert oracle(2) is oracle(2)


# Derived formulas against numbers.


def shifted(n: int, g: float) -> np.ndarray:
    return np.random.default_rng(5).normal(size=(n, n)) * (g / np.sqrt(n)) - np.eye(n)


@pytest.mark.parametrize("g", [0.6, 1.0, 3.0])
def test_edges_of_the_spectrum(g: float) -> None:
    """The largest singular value at n = 2000, where it is within 1 % of its limit."""
    A = shifted(2000, g)
    top = svds(A, k=1, v0=np.ones(len(A)), tol=1e-3, return_singular_vectors=False)[0] ** 2
    assert top == pytest.approx(float(stiffness.top_of_spectrum(sp.Float(g))), rel=0.02)
    if g < 1:
        bottom = float(stiffness.bottom_of_spectrum(sp.Float(g)))
        values = np.linalg.svd(shifted(1000, g), compute_uv=False) ** 2
        assert values[-1] == pytest.approx(bottom, abs=0.01)


def test_heun_and_euler_covariances_of_the_recursions() -> None:
    T, h, H = 0.3, 0.4, 2.5
    a = h * H
    variances = np.zeros(2)
    for _ in range(400):
        variances[0] = (1 - a) ** 2 * variances[0] + 2 * T * h
        variances[1] = (1 - a + a**2 / 2) ** 2 * variances[1] + 2 * T * h * (1 - a / 2) ** 2
    derived = [langevin.euler_covariance(T, h, H), langevin.heun_covariance(T, h, H)]
    np.testing.assert_allclose(variances, derived, rtol=1e-12)


def test_exponential_adams_bashforth_is_of_second_order() -> None:
    J = np.array([[0.0, 2.0], [-1.5, 0.0]])

    def end(steps: int) -> np.ndarray:
        """State at t = 2."""
        h = 2.0 / steps
        c1, c2 = (float(c) for c in schemes.exponential_weights(sp.Float(h, 30)))
        x = np.array([1.0, 0.3])
        before = _history(-h)
        for _ in range(steps):
            now = J @ np.tanh(x)
            x = np.exp(-h) * x + h * (c1 * now + c2 * before)
            before = now
        return x

    def _history(t: float) -> np.ndarray:
        """N at an earlier time, from 2000 steps of RK4 backwards."""
        x, k = np.array([1.0, 0.3]), t / 2000
        for _ in range(2000):
            x = _rk4(x, k)
        return J @ np.tanh(x)

    def _rk4(x: np.ndarray, k: float) -> np.ndarray:
        def f(y: np.ndarray) -> np.ndarray:
            return -y + J @ np.tanh(y)

        one = f(x)
        two = f(x + k / 2 * one)
        three = f(x + k / 2 * two)
        return x + k / 6 * (one + 2 * two + 2 * three + f(x + k * three))

    exact = np.array([1.0, 0.3])
    for _ in range(2000):
        exact = _rk4(exact, 1e-3)
    errors = [float(np.abs(end(steps) - exact).max()) for steps in (40, 80, 160)]
    assert errors[0] / errors[1] == pytest.approx(4, rel=0.1)
    assert errors[1] / errors[2] == pytest.approx(4, rel=0.05)


def test_real_intervals_of_the_polynomials() -> None:
    def polynomial(expression: sp.Expr) -> Callable[[np.ndarray], np.ndarray]:
        z = next(iter(expression.free_symbols))
        return sp.lambdify(z, expression)

    rk4 = polynomial(schemes.RK4.stability_polynomial())
    limit = float(schemes.rk4_interval())
    assert np.abs(rk4(np.linspace(-limit, 0, 2001))).max() <= 1 + 1e-12
    assert rk4(np.array(-limit - 1e-3)) > 1
    for s in (2, 5, 8):
        w0 = 1 + sp.Rational(2, 13) / s**2
        z = sp.Symbol("z")
        chain = polynomial(chebyshev.stability_polynomial(s, w0, z))
        length = float(chebyshev.real_interval(s, w0))
        values = chain(np.linspace(-length, 0, 4001))
        assert values.min() > 0
        assert values.max() <= 1 + 1e-12
        assert length == pytest.approx(2 / 3 * (s**2 - 1) * (1 - 2 / 15 * 2 / 13), rel=0.01)
        assert abs(chain(np.array(-1.1 * length))) > 1


def test_printed_sets_of_dale_networks() -> None:
    """Entries drawn as [HH] Eq. 15 says, one column of either type."""
    rng = np.random.default_rng(3)
    draws, alpha, sigma = 2_000_000, 0.2, 1.2
    for mu in (1.0, -4.0):
        entries = (rng.random(draws) < alpha) * (sigma * rng.normal(size=draws) + mu)
        assert entries.mean() == pytest.approx(dale.entry_mean(alpha, mu), rel=0.01)
        assert entries.var() == pytest.approx(dale.entry_variance(alpha, mu, sigma), rel=0.01)
