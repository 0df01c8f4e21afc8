"""Stability against small overlaps between replicas.

Fields with a small extra covariance S̃ between two replicas change their overlaps
S = [[δQ, δR], [δR, δP]] to E[B S̃ Bᵀ], where B = ∂(⟨φ⟩, ⟨y⟩/v)/∂(w, z) is the susceptibility of the
single-site law at given fields and S̃ = g² [[δQ, γδR], [γδR, δP]].  Around Q = R = P = 0 this is the
linear stability of the paramagnetic branch; on the ordered branch it is the replicon (de Almeida–
Thouless) eigenvalue, beyond 1 of which replica symmetry breaks.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..common.arguments import Array


def susceptibility_map(
    a: Array,
    b: Array,
    c: Array,
    d: Array,
    gamma: Array,
    average: Callable[[Array], Array] = lambda values: values,
) -> Array:
    """Matrix (points, 3, 3) of the map of (δQ/v, δR, δP v), without its factor g².

    a = ∂_z⟨φ⟩, b = ∂_w⟨φ⟩, c = ∂_z⟨ψ⟩, d = ∂_w⟨ψ⟩ in units of √v, averaged over the fields by
    `average`.
    """
    rows = ((a, b), (c, d))
    matrix = np.empty((*gamma.shape, 3, 3))
    for i, (row, column) in enumerate(((0, 0), (0, 1), (1, 1))):
        (p, q), (s, t) = rows[row], rows[column]
        matrix[:, i, 0] = average(p * s)
        matrix[:, i, 1] = gamma * average(p * t + q * s)
        matrix[:, i, 2] = average(q * t)
    return matrix


def leading_mode(matrix: Array, g: Array) -> tuple[Array, Array]:
    """Largest real eigenvalue of g² × `matrix` (points,) and its eigenvector (points, 3).

    S̃ = g² [(1+γ)/2 S + (1−γ)/2 Z S Z] with Z = diag(1, −1), so the map is a sum of congruences
    and keeps the cone of positive matrices.  By Perron–Frobenius its spectral radius is an
    eigenvalue: the largest modulus is the largest real one, with no tolerance to choose.
    """
    value, vector = np.full(len(g), np.nan), np.full((len(g), 3), np.nan)
    sound = np.all(np.isfinite(matrix), axis=(1, 2))
    values, vectors = np.linalg.eig(matrix[sound])
    lead = np.argmax(np.abs(values), axis=1)
    row = np.arange(len(lead))
    value[sound] = g[sound] ** 2 * np.abs(values[row, lead])
    vector[sound] = vectors[row, :, lead].real
    return value, vector
