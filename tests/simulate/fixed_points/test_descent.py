"""One descent of E: what is known of a point, every step written out, and where it ends."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from meanfield import TransferFunction, transfer_function
from meanfield.common.arguments import Array
from simulate import couplings, energy_gradient, force, jacobian, kinetic_energy
from simulate.fixed_points.descent import (
    EPS,
    Landscape,
    _below,
    _Descent,
    descend,
    rms,
)


def landscape(J: Any, phi: str = "tanh") -> Landscape:
    return Landscape(np.array(J, dtype=float), transfer_function(phi))


def test_bounds_of_a_landscape() -> None:
    """sup φ' = 1, sup φ″ = 4/√27 and sup φ‴ = 2 of tanh, with 1 % to spare."""
    J = couplings.elliptic(5, 2.0, seed=1) + np.eye(5)
    norm, made = np.linalg.svd(J)[1][0], landscape(J)
    assert made.jacobian_bound == pytest.approx(1 + 1.01 * norm, rel=1e-9)
    assert made.lipschitz == pytest.approx(1.01 * norm * 4 / np.sqrt(27), rel=1e-4)
    x = np.random.default_rng(0).standard_normal(5)
    feedback = np.max(np.abs(J.T @ force(x, J)))
    expected = 3 * made.jacobian_bound * made.lipschitz + 1.01 * 2 * feedback
    assert made.hessian_lipschitz(made.at(x)) == pytest.approx(expected, rel=1e-3)
    # What they bound.
    y = np.random.default_rng(1).standard_normal(5)
    difference = jacobian(x, J) - jacobian(y, J)
    assert np.linalg.norm(difference, 2) <= made.lipschitz * np.linalg.norm(x - y)


@pytest.mark.parametrize("phi", ["tanh", "erf", "algebraic"])
def test_what_is_known_of_a_point(phi: str) -> None:
    J = couplings.elliptic(5, 2.0, seed=1) + np.eye(5)
    x = np.random.default_rng(0).standard_normal(5)
    point = landscape(J, phi).at(x)
    f = force(x, J, phi=phi)
    np.testing.assert_allclose(point.force, f, atol=1e-14)
    assert point.energy == pytest.approx(float(kinetic_energy(x, J, phi=phi)))
    assert point.residual == pytest.approx(np.sqrt(np.mean(f**2)))
    np.testing.assert_allclose(point.jacobian, jacobian(x, J, phi=phi), atol=1e-13)
    np.testing.assert_allclose(point.gradient, energy_gradient(x, J, phi=phi), atol=1e-13)
    hessian = -jacobian(x, J, onsager=1.0, phi=phi)
    np.testing.assert_allclose(point.hessian(), hessian, atol=1e-12)
    # Twice: nothing is added to what is kept.
    np.testing.assert_allclose(point.hessian(), hessian, atol=1e-12)
    size = np.linalg.norm(transfer_function(phi).phi(x))
    rounding = np.abs(x) + np.sqrt(np.sum(J**2, axis=1)) * size
    assert point.rounding == pytest.approx(EPS * np.sqrt(np.mean(rounding**2)))


def written_out(J: Array, x: Array, max_iter: int) -> tuple[list[float], int, int]:
    """Residuals of all accepted steps, linear systems, and saddles left."""
    n, bound = len(x), 1 + 1.01 * np.linalg.norm(J, 2)

    def residual(x: Array) -> float:
        return float(np.sqrt(np.mean(force(x, J) ** 2)))

    residuals, damping, full, solved, escapes = [residual(x)], 1.0, False, 0, 0
    while solved < max_iter and residuals[-1] > 1e-7:
        g, f = energy_gradient(x, J), force(x, J)
        if np.sqrt(np.mean(g**2)) <= 1e-10 * bound * residuals[-1]:
            values, vectors = np.linalg.eigh(-jacobian(x, J, onsager=1.0))
            if values[0] >= -1e-10 * bound**2:
                break
            lengths = np.sqrt(n) * 10.0 ** np.linspace(-4, 0, 9)
            trials = [x + s * a * vectors[:, 0] for s in (1, -1) for a in lengths]
            x = min(trials, key=lambda y: float(kinetic_energy(y, J)))
            escapes, damping = escapes + 1, 1.0
            residuals.append(residual(x))
            continue
        A = jacobian(x, J)
        second = -2 * np.tanh(x) / np.cosh(x) ** 2 * (J.T @ f)
        unit = min(np.sqrt(np.mean(g**2)), bound**2)
        while solved < max_iter:
            solved += 1
            shift = damping * unit
            model = A.T @ A + np.diag(second) * full + shift * np.eye(n)
            if np.linalg.eigvalsh(model)[0] <= 0:
                damping = max(4 * damping, 1e-6 * np.max(np.diag(A.T @ A)) / unit)
                continue
            step = -np.linalg.solve(model, g)
            foretold = -(g @ step) - step @ (model - shift * np.eye(n)) @ step / 2
            fallen = float(kinetic_energy(x, J) - kinetic_energy(x + step, J))
            size = np.abs(x) + np.linalg.norm(J, axis=1) * np.linalg.norm(np.tanh(x))
            if foretold <= 4 * n * EPS * np.sqrt(np.mean(size**2)) * residuals[-1]:
                # E tells nothing any more.
                left = np.linalg.norm(energy_gradient(x + step, J)) / np.linalg.norm(g)
                gain = float(min(left, residual(x + step) / residuals[-1]) < 0.5)
            else:
                # What the model with the second term, or without it, would have foretold.
                other = foretold + (1 if full else -1) * second @ step**2 / 2
                full ^= bool(abs(other - fallen) < abs(foretold - fallen))
                gain = fallen / foretold
            if gain < 0.25:
                damping *= 4
            elif gain > 0.75:
                damping = max(1e-8, damping / 5)
            if gain > 1e-4:
                x = x + step
                residuals.append(residual(x))
                break
    return residuals, solved, escapes


@pytest.mark.parametrize("seed", range(8))
def test_descents_written_out(seed: int) -> None:
    """Both models of the Hessian, refused steps and all, as long as E falls measurably."""
    J = couplings.elliptic(6, 3.0, seed=seed) + np.diag(np.linspace(-1, 2, 6))
    # From far away the damping is bounded.
    x = (150 if seed > 5 else 3) * np.random.default_rng(seed).standard_normal(6)
    made = landscape(J)
    for max_iter in (3, 9, 25):
        residuals, solved, escapes = written_out(J, x, max_iter)
        end = descend(made, x, tol=1e-10, max_iter=max_iter)
        np.testing.assert_allclose(end.residuals[: len(residuals)], residuals, rtol=1e-5)
        if end.kind == "failed":
            assert end.reason == f"still descending after max_iter={max_iter} steps"
            assert end.iterations == solved == max_iter
            assert end.escapes == escapes


def test_a_saddle_written_out() -> None:
    """Two neurons at the hump of E, uneven, so that one direction leads down farther."""
    J = np.diag([2.0, 2.5])
    x = np.arccosh(np.sqrt([2.0, 2.5]))
    residuals, solved, escapes = written_out(J, x, 30)
    end = descend(landscape(J), x, tol=1e-10, max_iter=100)
    assert end.kind == "zero"
    assert end.escapes == escapes > 0
    # As far as the second saddle, where rounding has its say.
    np.testing.assert_allclose(end.residuals[:4], residuals[:4], rtol=1e-5)
    assert end.iterations >= solved


def test_the_lowest_point_along_a_direction() -> None:
    """Of nine lengths from 1e−4 to 1 a neuron, to both sides; none where E rises to both."""
    J = couplings.elliptic(4, 3.0, seed=3) + np.eye(4)
    made, x = landscape(J), np.random.default_rng(2).standard_normal(4)
    for seed in range(6):
        v = np.random.default_rng(seed).standard_normal(4)
        v /= np.linalg.norm(v)
        energies = {
            s * 10 ** (k / 2 - 4): float(kinetic_energy(x + s * 2 * 10 ** (k / 2 - 4) * v, J))
            for k in range(9)
            for s in (1, -1)
        }
        best = min(energies, key=energies.__getitem__)
        found = _below(made.at(x), v)
        assert found is not None
        np.testing.assert_allclose(found.x, x + 2 * best * v, rtol=1e-9)
    rest = landscape(np.zeros((2, 2)))
    assert _below(rest.at(np.zeros(2)), np.array([1.0, 0.0])) is None


@pytest.mark.parametrize(
    ("x", "shift", "is_taken"),
    [
        # f = (a₁x₁, a₂x₂) and ∇E = (a₁²x₁, a₂²x₂), a = (0.1, 1), fall by s/(a² + s) each.
        # f falls to 0.57 of itself, ∇E to 0.29: ∇E tells.
        ((100.0, 10.0), 0.4, True),
        # Both fall to 0.4, or to 0.6.
        ((0.0, 5.0), 0.4 / 0.6, True),
        ((0.0, 5.0), 0.6 / 0.4, False),
    ],
)
def test_steps_that_drown_in_rounding(x: tuple[float, float], shift: float, is_taken: bool) -> None:
    """Where the change of E is not to be measured f, or ∇E, has to halve."""
    here = landscape(np.diag([1.1, 2.0]), "linear").at(np.array(x))
    here.__dict__["rounding"] = 1.0
    steepness = min(rms(here.gradient), here.landscape.jacobian_bound**2)
    descent = _Descent(here, 100.0, 3, [here.residual], damping=shift / steepness)
    assert descent._step() == ("" if is_taken else "rounding")
    assert descent.iterations == 1
    assert len(descent.residuals) == 1 + is_taken
    # What is no zero is tried with more damping until the tries are used up.
    if not is_taken:
        descent = _Descent(here, 1e-9, 3, [here.residual], damping=shift / steepness)
        assert descent._step() == "still descending after max_iter=3 steps"
        assert descent.damping == pytest.approx(4**3 * shift / steepness)
        descent = _Descent(here, 1e-9, 99, [here.residual], damping=0.5e20)
        assert descent._step() == "E falls no further although its gradient is not 0"
        assert descent.iterations == 1


def test_ends_are_refined_zeros() -> None:
    """A linear network, whose only zero is 0: a tolerance that is met early is no end."""
    J = np.diag([0.5, -1.0])
    for tol in (1e-10, 1e3):
        end = descend(landscape(J, "linear"), np.array([1.0, -2.0]), tol=tol, max_iter=50)
        assert end.kind == "zero"
        assert end.reason == ""
        np.testing.assert_allclose(end.point.x, 0, atol=1e-15)
        assert end.residuals[0] == pytest.approx(np.sqrt((0.5**2 + 4**2) / 2))


def test_bounds_leave_kinks_out() -> None:
    """Of φ'' of softsign, which jumps by 4 at 0, only the slope beside is taken: 6 at most."""
    J = np.eye(2)
    made = landscape(J, "softsign")
    assert (made.kinks.tolist(), made.corners.size) == ([0.0], 0)
    assert made.lipschitz == pytest.approx(2.02, rel=0.02)
    point = made.at(np.array([0.5, -2.0]))
    bound = made.hessian_lipschitz(point) - 3 * made.jacobian_bound * made.lipschitz
    assert bound == pytest.approx(6.06 * np.max(np.abs(point.force)), rel=0.03)
    assert (point.room(made.kinks), point.room(made.corners)) == (0.5, np.inf)
    assert landscape(J, "relu").corners.tolist() == [0.0]
    steps = TransferFunction(lambda x: np.maximum(x, 0) + np.maximum(x - 1e4, 0), name="two")
    assert Landscape(J, steps).corners.size >= 1
