"""Largest eigenvalue of the symmetric part of −∂F/∂x, without forming a matrix."""

from __future__ import annotations

import numpy as np

from meanfield.common.arguments import Array

from .network import Linearization, Network, State, contiguous_columns

# Largest number of Lanczos vectors, and the relative residual at which the iteration stops.
_STEPS = 80
_WIDTH = 0.02
_MEMORY = 4


def largest_rate(network: Network, x: State, onsager: float, width: float = _WIDTH) -> Array:
    """`stiffness` of a network at checked states, (columns,), to a relative residual `width`."""
    _, linear = network.linearize(x, onsager)
    bound = getattr(network.J, "norm_bound", None) if network.is_matrix_free else None
    if bound is not None:
        # Products with other vectors would reveal new directions of the operator.
        amplified = float(bound) * float(np.max(np.abs(linear.slope)))
        rate = 1 + amplified
        if onsager:
            bend = max(float(np.max(np.sign(onsager) * linear.bend)), 0.0)
            rate = abs(1 - onsager) * rate + abs(onsager) * (rate**2 + bend)
        return np.full(x.shape[1:] or (1,), rate)
    return _lanczos(linear, x.reshape(network.n, -1).shape[1], width)


def _lanczos(linear: Linearization, columns: int, allowed: float) -> Array:
    """Largest eigenvalue per column, each column with a three-term recurrence of its own."""
    n, dtype = linear.network.n, linear.network.dtype
    shape = linear.slope.shape
    # A fixed start: the estimate must not depend on the batch or on any seed of the run.
    start = np.random.default_rng(0).standard_normal(n).astype(dtype)
    unit = (start / np.linalg.norm(start))[:, None]
    current = contiguous_columns(np.repeat(unit, columns, axis=1))
    previous = np.zeros_like(current)
    link = np.zeros(columns)
    diagonal: list[Array] = []
    off_diagonal: list[Array] = []
    history = [np.zeros(columns)] * _MEMORY
    estimate, known = np.zeros(columns), np.zeros(columns, dtype=bool)
    for count in range(1, min(_STEPS, n) + 1):
        image = linear.apply_stiffness(current.reshape(shape)).reshape(n, columns)
        overlap = np.einsum("ij,ij->j", image, current, dtype=np.float64)
        diagonal.append(overlap)
        largest, last = _top(diagonal, off_diagonal)
        image = image - overlap.astype(dtype) * current - link.astype(dtype) * previous
        link = np.sqrt(np.einsum("ij,ij->j", image, image, dtype=np.float64))
        width = link * np.abs(last)
        scale = np.maximum(np.abs(largest), 1e-300)
        # A small residual tells of some eigenvalue nearby; that none is above shows when the
        # estimate has stopped rising.
        rise = largest - history[0]
        history = [*history[1:], largest]
        settled = (width <= allowed * scale) & (rise <= allowed / 4 * scale)
        enough = ((count > _MEMORY) & settled) | (link <= 1e-6 * scale)
        # A column keeps its first good value: it must not depend on its neighbours.
        estimate = np.where(known, estimate, largest)
        known |= enough
        if np.all(known):
            break
        off_diagonal.append(link)
        safe = np.where(link > 0, link, 1.0).astype(dtype)
        previous, current = current, image / safe
    # A column that did not converge is given its upper bound.
    return np.where(known, estimate, estimate + width)


def _top(diagonal: list[Array], off_diagonal: list[Array]) -> tuple[Array, Array]:
    """Largest eigenvalue of each tridiagonal matrix and the last entry of its eigenvector."""
    size = len(diagonal)
    matrix = np.zeros((len(diagonal[0]), size, size))
    index = np.arange(size)
    matrix[:, index, index] = np.array(diagonal).T
    if off_diagonal:
        links = np.array(off_diagonal).T
        matrix[:, index[1:], index[:-1]] = links
        matrix[:, index[:-1], index[1:]] = links
    values, vectors = np.linalg.eigh(matrix)
    return values[:, -1], vectors[:, -1, -1]
