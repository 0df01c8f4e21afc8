"""Numerical functions compiled from the symbolic model, to test numerical code against.

Gradient, Hessian, Jacobian and divergence are sympy's derivatives of E and F for φ = tanh.  None of
the closed forms enters.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
import sympy as sp
from numpy.typing import ArrayLike, NDArray

from .model import SymbolicNetwork

Array = NDArray[np.float64]
Compiled = Callable[..., Array]


@dataclass(frozen=True)
class Oracle:
    """Functions of (x, J, kappa=0, eta=0) for one number of neurons and φ = tanh.

    Attributes
    ----------
    n : int
        Number of neurons.
    force : callable
        f = −x + Jφ(x), shape (n,).
    energy : callable
        E = ½|f|² + ½η|x|², a sum over neurons, shape ().
    gradient : callable
        ∇E, shape (n,).
    onsager_force : callable
        −∇(½|f|²) − f, which is −φ'∘Jᵀf, shape (n,).  Neither κ nor η enters.
    drift : callable
        F = (1−κ) f − κ∇E, shape (n,).
    jacobian : callable
        ∂F_i/∂x_j, shape (n, n).
    hessian : callable
        ∂²E/∂x_i∂x_j, shape (n, n).
    divergence : callable
        ∇·F, shape ().
    """

    n: int
    force: Compiled
    energy: Compiled
    gradient: Compiled
    onsager_force: Compiled
    drift: Compiled
    jacobian: Compiled
    hessian: Compiled
    divergence: Compiled


@cache
def oracle(n: int) -> Oracle:
    """The oracle of n neurons.

    Parameters
    ----------
    n : int
        1, 2 or 3.

    Returns
    -------
    Oracle

    Raises
    ------
    ValueError
        For another n.

    Examples
    --------
    >>> exact = oracle(2)
    >>> J = [[0.0, 2.0], [0.0, 0.0]]
    >>> exact.force([0.0, 1.0], J).round(3).tolist()
    [1.523, -1.0]
    >>> exact.divergence([0.0, 1.0], J, kappa=0.0).item()
    -2.0
    """
    if n not in (1, 2, 3):
        raise ValueError(f"n={n}: must be 1, 2 or 3")
    network = SymbolicNetwork(n, phi=sp.tanh)
    # E without confinement: its gradient is −f plus the reaction of the neighbours.
    kinetic = network.gradient.subs(network.eta, 0)
    divergence = sum(sp.diff(F, x) for F, x in zip(network.drift, network.x, strict=True))
    return Oracle(
        n=n,
        force=_compiled(network, network.force, (n,)),
        energy=_compiled(network, sp.Matrix([network.kinetic_energy]), ()),
        gradient=_compiled(network, network.gradient, (n,)),
        onsager_force=_compiled(network, -kinetic - network.force, (n,)),
        drift=_compiled(network, network.drift, (n,)),
        jacobian=_compiled(network, network.jacobian, (n, n)),
        hessian=_compiled(network, network.hessian, (n, n)),
        divergence=_compiled(network, sp.Matrix([divergence]), ()),
    )


def _compiled(network: SymbolicNetwork, expression: sp.Matrix, shape: tuple[int, ...]) -> Compiled:
    """The entries of a matrix as one function with the shape of the result and checked inputs."""
    n = network.n
    arguments = [*network.x, *network.J, network.kappa, network.eta]
    entries = sp.lambdify(arguments, list(expression), modules="numpy", cse=True)

    def evaluate(x: ArrayLike, J: ArrayLike, kappa: float = 0.0, eta: float = 0.0) -> Array:
        state, couplings = np.asarray(x, dtype=np.float64), np.asarray(J, dtype=np.float64)
        if state.shape != (n,) or couplings.shape != (n, n):
            raise ValueError(f"x {state.shape}, J {couplings.shape}: must be ({n},), ({n}, {n})")
        values = entries(*state, *couplings.ravel(), float(kappa), float(eta))
        return np.array(values, dtype=np.float64).reshape(shape)

    return evaluate
