"""What a scheme may ask of a problem: drift, noise, rates and errors, by their definitions."""

from typing import Any

import numpy as np
import pytest
from scipy.sparse.linalg import LinearOperator

from meanfield.common import seeds
from meanfield.schedule import Drive, as_function
from simulate import Switching, couplings, energy_gradient, force, jacobian, kinetic_energy
from simulate.integration.problem import ColumnNoise, Problem
from simulate.network import Network

J = couplings.elliptic(4, 1.5, 0.3, seed=1)
X = np.random.default_rng(0).standard_normal((4, 3))


def made(onsager: Any = 0.0, temperature: Any = 0.0, J: Any = J, **how: Any) -> Problem:
    return Problem(
        Network(J, eta=0.1), as_function("onsager", onsager, 9.0),
        as_function("temperature", temperature, 9.0), **how,
    )  # fmt: skip


@pytest.mark.parametrize("drive", [2.0, np.arange(4.0), np.ones((4, 3))])
def test_the_drift_with_an_input(drive: Any) -> None:
    problem = made(0.4, inputs=Drive(lambda t: (1 + t) * drive, 1.0, lambda: X[:, 0]))
    exact = 0.6 * force(X, J) - 0.4 * energy_gradient(X, J, eta=0.1)
    found = problem.evaluate(0.5, X)
    added = 1.5 * (drive[:, None] if np.ndim(drive) == 1 else drive)
    np.testing.assert_allclose(found.drift, exact + added, atol=1e-13)
    np.testing.assert_allclose(found.force, force(X, J), atol=1e-13)
    np.testing.assert_allclose(problem.energy(X, found), kinetic_energy(X, J, eta=0.1))


def test_parameters_are_read_before_the_end_of_a_segment() -> None:
    """But at the end of a run, at which nothing jumps, as they are."""
    problem = made(Switching([2], [0, 1]), Switching([2], [0.5, 2]), end=2.0)
    assert not problem.is_regulated(2.0)
    assert problem.noise_strength(2.0) == 1.0
    assert not problem.is_gradient_flow(2.0)
    stopped = made(Switching([2], [0, 1]), Switching([2], [0.5, 0]), end=2.0, stop=2.0)
    assert stopped.is_regulated(2.0)
    assert stopped.noise_strength(2.0) == 0.0
    assert stopped.is_gradient_flow(2.0)
    assert not made(1.0, inputs=Drive(0.0, 1.0, lambda: X[:, 0])).is_gradient_flow(0.0)
    assert not made(1.0, 0.1).is_gradient_flow(0.0)
    assert not made(0.9).is_gradient_flow(0.0)
    assert made(-0.1).is_regulated(0.0)


def test_a_kick_of_noise() -> None:
    """√(2Th) ξ, column k from child k of the seed."""
    problem = made(temperature=0.3, noise=ColumnNoise(7, X))
    assert problem.noise is not None
    assert not problem.noise.drawn
    children = [np.random.default_rng(s) for s in seeds.sequence(7, "noise").spawn(3)]
    for _ in range(2):
        exact = np.stack([g.standard_normal(4) for g in children], axis=1)
        np.testing.assert_allclose(problem.kick(0.0, 0.5), np.sqrt(2 * 0.3 * 0.5) * exact)
        assert problem.noise.drawn
    one = ColumnNoise(7, X[:, 0].astype(np.float32)).draw()
    assert one.shape == (4,)
    assert one.dtype == np.float32
    assert made(noise=ColumnNoise(7, X)).kick(0.0, 0.5) is None


def test_rates_are_those_of_the_worst_column() -> None:
    for kappa in (0.0, 0.5, 1.0):
        problem = made(kappa)
        tops = []
        for column in X.T:
            matrix = jacobian(column, J, onsager=kappa, eta=0.1)
            tops.append(np.linalg.eigvalsh(-(matrix + matrix.T) / 2)[-1])
        assert problem.stiffness(0.0, X) == pytest.approx(max(tops), rel=0.05)
    assert not problem.stiffness_is_bound
    assert made(J=couplings.lazy(4, 1.0, seed=0)).stiffness_is_bound


def test_the_longest_step_where_something_may_change() -> None:
    assert made().longest_step == np.inf
    assert made(Switching([1], [0, 1]), 0.5).longest_step == np.inf
    for problem in (
        made(lambda t: 0.5), made(0.0, lambda t: 0.5),
        made(inputs=Drive(lambda t: 0.0, 1.0, lambda: X[:, 0])),
    ):  # fmt: skip
        assert problem.longest_step == 1.0


def test_an_error_relative_to_the_larger_end() -> None:
    """Root mean square over neurons of e/(1 + |x|), of the worst column."""
    problem = made()
    x, moved = np.zeros((4, 2)), np.zeros((4, 2))
    x[0, 0], moved[1, 0] = -1.0, 3.0
    error = np.zeros((4, 2))
    error[0, 0], error[1, 0] = 2.0, -4.0
    assert problem.relative_error(x, moved, error) == pytest.approx(np.sqrt(2 / 4))
    assert problem.relative_error(moved, x, error) == pytest.approx(np.sqrt(2 / 4))
    error[2, 1] = 2.0
    assert problem.relative_error(x, moved, error) == pytest.approx(np.sqrt(4 / 4))
    for bad in (np.nan, np.inf):
        error[3, 0] = bad
        assert problem.relative_error(x, moved, error) == np.inf
    assert problem.arrived(0.0, x) is None
    assert problem.trajectory(x) is x


def test_the_error_of_the_energy() -> None:
    """16 ε Σ|f|(|f| + 2|x| + 2|b|), and what an operator neglects: its error of Jφ times |f|."""
    f = force(X, J)
    for dtype in (np.float64, np.float32):
        eps = np.finfo(dtype).eps
        exact = 16 * eps * np.sum(np.abs(f) * (np.abs(f) + 2 * np.abs(X)), axis=0)
        found = made().energy_error(X.astype(dtype), f.astype(dtype))
        np.testing.assert_allclose(found, exact, rtol=1e-5)
    biased = Problem(Network(J, bias=0.5), made().onsager, made().temperature)
    more = 16 * np.finfo(float).eps * np.sum(np.abs(f), axis=0)
    np.testing.assert_allclose(
        biased.energy_error(X, f), made().energy_error(X, f) + more, rtol=1e-12
    )
    operator = LinearOperator((4, 4), matvec=lambda v: J @ v, matmat=lambda v: J @ v, dtype=float)
    operator.neglected, operator.norm_bound = 0.01, 3.0
    more = 0.03 * np.linalg.norm(np.tanh(X), axis=0) * np.linalg.norm(f, axis=0)
    found = made(J=operator).energy_error(X, f)
    np.testing.assert_allclose(found, made().energy_error(X, f) + more, rtol=1e-12)
