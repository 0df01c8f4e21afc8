"""The change of E along the flows."""

from __future__ import annotations

import sympy as sp
from sympy import Expr, Matrix, Rational

from ..algebra import require_equal, require_positive
from ..registry import check
from .model import SymbolicNetwork, networks


def energy_rate(network: SymbolicNetwork) -> Expr:
    """dE/dt along F by the chain rule."""
    return network.gradient.dot(network.drift)


@check("descent.regulated", "dE/dt = (1−κ) f·∇E − κ|∇E|² along F: −|∇E|² at κ = 1, E never grows")
def regulated() -> None:
    """The chain rule with F = (1−κ) f − κ∇E."""
    for network in networks():
        rate, steepest = energy_rate(network), network.gradient.dot(network.gradient)
        require_equal(rate.subs(network.kappa, 1), -steepest, "κ = 1")
        vanilla = network.force.dot(network.gradient)
        kappa = network.kappa
        require_equal(rate, (1 - kappa) * vanilla - kappa * steepest, "any κ")


@check("descent.vanilla", "dE/dt = fᵀAf + ηx·f along the vanilla f, A = ∂f/∂x")
def vanilla() -> None:
    """κ = 0 with E and f differentiated, n = 2 and 3."""
    for network in networks():
        f, A = network.force, network.force_jacobian
        form = (f.T * A * f)[0] + network.eta * network.x.dot(f)
        require_equal(energy_rate(network).subs(network.kappa, 0), form, "fᵀAf")


@check(
    "descent.indefinite",
    "fᵀAf has both signs in one network: tanh, J_12 = J_21 = 3, x = (s, s), tanh s = 1/2 and 9/10",
)
def indefinite() -> None:
    """E grows along f where φ' > 1/3 and decreases beyond: it is no Lyapunov function of f."""
    for value, sign in ((Rational(1, 2), 1), (Rational(9, 10), -1)):
        require_positive(sign * _symmetric_pair_rate(value), f"tanh s = {value}")


def _symmetric_pair_rate(value: Expr) -> Expr:
    """dE/dt along f for two tanh neurons of mutual coupling 3 at tanh x_1 = tanh x_2 = value."""
    network = SymbolicNetwork(2, phi=sp.tanh, zero_diagonal=True)
    rate = energy_rate(network).subs({network.kappa: 0, network.eta: 0})
    state = sp.atanh(value).rewrite(sp.log)
    at = network.at(rate, Matrix([state, state]), Matrix([[0, 3], [3, 0]]))
    # tanh of the state is the rational number it was made from.
    return sp.simplify(at.rewrite(sp.exp))
