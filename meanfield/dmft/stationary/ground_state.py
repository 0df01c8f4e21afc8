"""Even ground state of −d²/dτ² + V(τ) on the whole line, V ≤ 0 and V → 0.

Spectral elements on the half line with the condition ψ'/ψ = −s at the end, exact where V has
died out for an eigenvalue −s²: weakly bound states, which reach far beyond the well, cost nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache

import numpy as np
from scipy.linalg import eigh

from ...common.arguments import Array

_NEWTON = 40


@lru_cache(maxsize=8)
def lobatto(nodes: int) -> tuple[Array, Array, Array]:
    """Gauss–Lobatto nodes and weights on [−1, 1] and the matrix of the derivative."""
    basis = np.polynomial.legendre.Legendre.basis(nodes - 1)
    inner = np.sort(np.real(basis.deriv().roots()))
    for _ in range(3):
        inner = inner - basis.deriv()(inner) / basis.deriv(2)(inner)
    x = np.concatenate([[-1.0], inner, [1.0]])
    value = basis(x)
    weights = 2 / (nodes * (nodes - 1) * value**2)
    gap = x[:, None] - x[None, :] + np.eye(nodes)
    derivative = value[:, None] / value[None, :] / gap
    np.fill_diagonal(derivative, 0.0)
    np.fill_diagonal(derivative, -derivative.sum(axis=1))
    return x, weights, derivative


def binding_rate(potential: Callable[[Array], Array], edges: Array, nodes: int) -> float:
    """The s ≥ 0 of the lowest eigenvalue −s² of −d²/dτ² + V.

    Parameters
    ----------
    potential : callable
        V at an array of times.
    edges : array
        Elements, from 0 to where V is negligible.
    nodes : int
        Gauss–Lobatto nodes per element.

    Notes
    -----
    The lowest eigenvalue e(s) of the problem with the boundary term s ψ(T)² rises with s, with
    slope ψ(T)²; Newton's method solves e(s) = −s².  The quadratic form of the eigenvector, a sum
    over elements, replaces the eigenvalue: the fine elements would otherwise set its rounding.
    """
    x, weights, derivative = lobatto(nodes)
    half = np.diff(edges) / 2
    count, size = half.size, half.size * (nodes - 1) + 1
    places = (nodes - 1) * np.arange(count)[:, None] + np.arange(nodes)
    local = weights * half[:, None] * potential(edges[:-1, None] + half[:, None] * (x + 1))
    stiffness = derivative.T @ (weights[:, None] * derivative)
    matrix, mass = np.zeros((size, size)), np.zeros(size)
    for i, place in enumerate(places):
        matrix[np.ix_(place, place)] += stiffness / half[i]
        matrix[place, place] += local[i]
        mass[place] += weights * half[i]
    root = np.sqrt(mass)
    matrix /= root[:, None] * root
    end = matrix[-1, -1]
    s = math.sqrt(max(-float(np.min(local / (weights * half[:, None]))), 0.0)) / 2
    for _ in range(_NEWTON):
        matrix[-1, -1] = end + s / mass[-1]
        _, vectors = eigh(matrix, subset_by_index=[0, 0], check_finite=False)
        psi = vectors[:, 0] / root
        pieces = psi[places]
        slopes = pieces @ derivative.T
        form = np.sum(weights * slopes**2 / half[:, None]) + np.sum(local * pieces**2)
        value = float(form) + s * psi[-1] ** 2
        new = max(s - (value + s * s) / (2 * s + psi[-1] ** 2), 0.0)
        moved, s = abs(new - s), new
        if moved <= 1e-13 * s:
            break
    return s
