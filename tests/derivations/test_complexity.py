"""The proofs about the fixed points, mutations of them, and what they say against numbers.

The numbers come from quadratures written out here, and from the solvers.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import sympy as sp
from scipy.integrate import quad
from scipy.optimize import brentq

from derivations import REGISTRY, Check, complexity
from meanfield import complexity as solve
from meanfield import null_response, saddle_point

CHECKS = [one for one in REGISTRY.select() if one.prove.__module__ == complexity.__name__]


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.name)
def test_identity_is_proved(check: Check) -> None:
    check.prove()


def test_the_section_is_registered() -> None:
    assert len(CHECKS) > 15
    assert {check.name.split(".")[0] for check in CHECKS} == {"complexity"}


# A wrong form must make its checks fail.

Function = Callable[..., Any]
GAMMA = sp.Symbol("gamma", real=True)


def _negated(original: Function) -> Function:
    return lambda *arguments: -original(*arguments)


def _doubled(original: Function) -> Function:
    return lambda *arguments, **named: 2 * original(*arguments, **named)


def _opposite(original: Function) -> Function:
    """γ has the wrong sign."""
    return lambda *arguments: original(*arguments).subs(GAMMA, -GAMMA)


def _opposite_parts(original: Function) -> Function:
    return lambda *arguments: tuple(part.subs(GAMMA, -GAMMA) for part in original(*arguments))


def _at_tanh(original: Function) -> Function:
    """The coefficients of φ are those of tanh."""
    return lambda: original().subs(complexity.TANH)


Mutation = Callable[[Function], Function]
MUTATIONS: list[tuple[str, Mutation, tuple[str, ...]]] = [
    ("shifted", _opposite, ("resolvent", "log_determinant", "inside", "outside", "elliptic")),
    ("denominator", _doubled, ("resolvent", "log_determinant", "elliptic")),
    ("log_determinant", _opposite, ("log_determinant", "outside", "elliptic", "stationary")),
    ("resolvent_parts", _opposite_parts, ("inside", "density", "index", "elliptic")),
    ("boundary_phase", _opposite, ("index", "elliptic")),
    ("log_weight", _opposite, ("stationary", "scaled", "measure", "null", "reduced")),
    ("explicit", _opposite, ("stationary", "measure", "reduced")),
    ("score", _negated, ("stationary", "measure")),
    ("reduced_weight", _doubled, ("reduced",)),
    ("reduced_explicit", _doubled, ("reduced",)),
    ("null_slope", _opposite, ("null",)),
    ("null_log_determinant", _opposite, ("elliptic", "family", "jump")),
    ("onset_profile", _opposite, ("onset", "onset_second", "jump")),
    ("onset_activity", _at_tanh, ("onset", "onset_second")),
    ("onset_complexity", _opposite, ("onset", "onset_second")),
    ("onset_complexity", _at_tanh, ("onset_second",)),
    ("onset_edge", _doubled, ("onset_spectrum",)),
    ("tricritical_weight", _opposite, ("family",)),
    ("family_slope", _at_tanh, ("family",)),
    ("jump_distance", _doubled, ("jump",)),
]


@pytest.mark.parametrize(
    ("name", "mutation", "check"),
    [
        pytest.param(name, mutation, check, id=f"{name}-{mutation.__name__}-{check}")
        for name, mutation, checks in MUTATIONS
        for check in checks
    ],
)
def test_mutations_are_found(
    name: str, mutation: Mutation, check: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (selected,) = (one for one in CHECKS if one.name == f"complexity.{check}")
    monkeypatch.setattr(complexity, name, mutation(getattr(complexity, name)))
    with pytest.raises(AssertionError, match=r"is left|not seen to be positive"):
        selected.prove()


# Derived expressions against the numerical code.

G, C = sp.symbols("g c", positive=True)
S = sp.Symbol("s", real=True)
ORDERS = sp.Symbol("q", positive=True), *sp.symbols("rho qhat r y", real=True)
SITE = sp.symbols("x phi phi' ln(den) 1/den", real=True)
X = np.linspace(-40, 40, 2001)


def _law(values: dict[sp.Symbol, float]) -> tuple[float, Callable[[sp.Expr], float]]:
    """ln∫dx exp of the derived log-weight for tanh, and averages over the law, by a plain sum."""

    def at(expression: sp.Expr, *site: np.ndarray) -> np.ndarray:
        return np.broadcast_to(sp.lambdify(SITE, expression.subs(values))(*site), X.shape)

    slope = 1 / np.cosh(X) ** 2
    den = at(complexity.denominator(1, 1, ORDERS[3], ORDERS[3], ORDERS[4]), X, X, slope, X, X)
    site = X, np.tanh(X), slope, np.log(den), 1 / den
    weight = np.exp(at(complexity.log_weight(SITE[3]), *site)) * (X[1] - X[0])
    return np.log(weight.sum()), lambda e: float(at(e, *site) @ weight / weight.sum())


@pytest.mark.parametrize(
    ("gain", "symmetry", "weight"),
    [(2.0, 0.0, 1.0), (2.0, 0.5, 1.0), (2.5, -0.3, 1.0), (1.5, 0.5, 0.5), (2.0, 0.3, 0.0)],
)
def test_solver_obeys_the_derived_equations(gain: float, symmetry: float, weight: float) -> None:
    """Every slope of Σ_s at the solution is zero; Σ_s and L are those of the sum over x."""
    point = solve(gain, symmetry, weight=weight)
    q, rho, v = float(point.q), float(point.rho), gain**2 * float(point.q)
    hat = (1 - float(point.x2) / v) / (2 * q) + symmetry * (1 + symmetry) * (gain * rho) ** 2 / q
    values = dict(zip(ORDERS, (q, rho, hat, float(point.r), float(point.y)), strict=True))
    values |= {G: gain, GAMMA: symmetry, S: weight}
    log_norm, mean = _law(values)
    for order in ORDERS:
        slope = float(sp.diff(complexity.explicit(), order).subs(values))
        assert slope + mean(complexity.score(order)) == pytest.approx(0, abs=1e-9)
    sigma = log_norm + float(complexity.explicit().subs(values))
    assert float(point.complexity) == pytest.approx(sigma, abs=1e-11)
    r, y = ORDERS[3:]
    determinant = mean(complexity.log_determinant(SITE[3], r, r, y))
    assert float(point.log_determinant) == pytest.approx(determinant, abs=1e-10)


def test_null_state_is_the_elliptic_law() -> None:
    """At weight 0 up to g²(1+γ) = 1, on both sides of g(1+γ) = 1."""
    inside = complexity.null_log_determinant().subs({G: 0.75, GAMMA: 0.5})
    assert float(solve(0.75, 0.5, weight=0).log_determinant) == pytest.approx(float(inside))
    response = float(null_response(0.6, 0.5))
    outside = 0.5 * (0.6 * response) ** 2 / 2 - np.log(response)
    assert float(solve(0.6, 0.5, weight=0).log_determinant) == pytest.approx(outside)


def test_weight_zero_is_the_measure() -> None:
    gains, gammas = np.array([0.9, 1.5, 2.0, 3.0]), np.array([0.7, 0.5, 0.0, 0.3])
    point, measure = (
        solve(gains, gammas, weight=0),
        saddle_point(gains, gammas, branch="paramagnetic"),
    )
    np.testing.assert_allclose(point.q, measure.q, rtol=1e-9)
    np.testing.assert_allclose(point.rho, measure.r, rtol=1e-9)
    np.testing.assert_allclose(point.complexity, measure.free_entropy, atol=1e-10)
    assert float(point.complexity[2]) == pytest.approx(0, abs=1e-10)


def test_index_of_a_disc() -> None:
    """γ = 0: an eigenvalue at distance b of −1 has Re z > 0 with probability arccos(1/b)/π."""
    point = solve(2.0)
    v, r, y = 4 * float(point.q), float(point.r), float(point.y)
    hat = (1 - float(point.x2) / v) / (2 * float(point.q))
    values = dict(zip(ORDERS, (float(point.q), float(point.rho), hat, r, y), strict=True))
    _, mean = _law(values | {G: 2.0, GAMMA: 0.0, S: 1.0})
    d = SITE[2]
    radius = 2 * np.sqrt(mean(d**2))
    assert float(point.radius) == pytest.approx(radius, rel=1e-9)

    def beyond(size: float) -> float:
        """Share of the eigenvalues farther than this from −1."""
        level = brentq(lambda u: 4 * mean(d**2 / (size**2 + u * d**2)) - 1, -1e-9, 5, xtol=1e-13)
        return mean(level * d**2 / (size**2 + level * d**2))

    # ∫ arccos(1/b)/π dF by parts, with b = 1/cos θ.
    share, _ = quad(lambda t: beyond(1 / np.cos(t)) / np.pi, 0, np.arccos(1 / radius), epsrel=1e-7)
    assert float(point.index) == pytest.approx(share, rel=1e-6)


def _onset(expression: sp.Expr, symmetry: float, distance: np.ndarray) -> np.ndarray:
    symbols = sp.Symbol("epsilon", positive=True), GAMMA
    return sp.lambdify(symbols, expression.subs(complexity.TANH))(distance, symmetry)


@pytest.mark.parametrize("symmetry", [-0.6, -0.3, 0.0, 0.3, 0.6, 0.9])
def test_onset_of_the_fixed_points(symmetry: float) -> None:
    """Two orders of q and Σ₁: what is left falls like ε²."""
    distance = np.array([2e-2, 1e-2, 5e-3])
    point = solve((1 + distance) / (1 + symmetry), symmetry)
    for solved, derived in (
        (point.q, complexity.onset_activity()),
        (point.complexity, complexity.onset_complexity()),
    ):
        left = solved / _onset(derived, symmetry, distance) - 1
        assert np.all(np.abs(left) < 150 * distance**2)


@pytest.mark.parametrize("symmetry", [-0.6, 0.0, 0.9])
def test_spectrum_near_the_onset(symmetry: float) -> None:
    distance = np.array([2e-2, 1e-2, 5e-3])
    point = solve((1 + distance) / (1 + symmetry), symmetry)
    for solved, derived in (
        (point.edge, complexity.onset_edge()),
        (point.index, complexity.onset_index()),
    ):
        left = solved / _onset(derived, symmetry, distance) - 1
        assert np.all(np.abs(left) < 5 * distance)


@pytest.mark.parametrize(("symmetry", "weight"), [(0.3, 0.5), (0.5, 0.2), (0.9, 0.4), (0.5, 0.0)])
def test_onset_at_lower_weight(symmetry: float, weight: float) -> None:
    slope = float(complexity.family_slope().subs(complexity.TANH | {GAMMA: symmetry, S: weight}))
    delta = np.array([2e-2, 1e-2, 5e-3])
    point = solve(1 / np.sqrt((1 + symmetry) * (1 - delta)), symmetry, weight=weight)
    assert np.all(np.abs(point.q / (slope * delta) - 1) < delta)


@pytest.mark.parametrize("symmetry", [0.3, 0.9])
def test_jump_at_weights_near_one(symmetry: float) -> None:
    """The gain to 3 %, and half of the activity of the fixed points beyond it, q ≈ ε/2."""
    weight = 1 - 1e-5
    jump = float(complexity.jump_distance().subs({GAMMA: symmetry, S: weight}))
    distance = jump * np.array([0.97, 1.03])
    point = solve((1 + distance) / (1 + symmetry), symmetry, weight=weight)
    assert point.is_null.tolist() == [True, False]
    assert float(point.q[1]) == pytest.approx(distance[1] / 2, rel=0.06)


def test_tricritical_weight_parts_onsets() -> None:
    """Just beyond g²(1+γ) = 1 q is small below s_t and finite above."""
    middle = float(complexity.tricritical_weight().subs(GAMMA, 0.5))
    point = solve(np.sqrt(1.001 / 1.5), 0.5, weight=middle + np.array([-0.1, 0.1]))
    assert point.q[0] < 0.005 < 0.05 < point.q[1]
