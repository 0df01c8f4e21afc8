"""The general replica-symmetric equations as a public map, to check a claimed solution in."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from .. import parameters
from ..transfer import Array, TransferFunction, transfer_function
from . import two_fields
from .points import Points, checked


class OrderParameters(NamedTuple):
    """q, Q, r, R, X_d and P, arrays of one shape."""

    q: Array
    Q: Array
    r: Array
    R: Array
    X: Array
    P: Array


def replica_map(
    order: tuple[ArrayLike, ArrayLike, ArrayLike, ArrayLike, ArrayLike, ArrayLike],
    g: ArrayLike,
    gamma: ArrayLike = 0.0,
    *,
    beta: ArrayLike,
    eta: ArrayLike = 0.0,
    phi: str | TransferFunction = "tanh",
    nodes: int = 48,
) -> OrderParameters:
    """Right-hand sides of the general replica-symmetric equations: a solution is a fixed point.

    Parameters
    ----------
    order : tuple of six array_like
        q, Q, r, R, X_d, P.
    g, gamma, beta, eta : array_like
        Parameters as in `saddle_point`; they broadcast with the order parameters.
    phi : str or TransferFunction
    nodes : int
        Gauss–Hermite nodes per field; compare two values for the quadrature error.

    Returns
    -------
    OrderParameters
        The updates; nan where v = 1/β + g²(q−Q) ≤ 0 or the fields have no positive covariance,
        Q P < γ²R².

    Raises
    ------
    ValueError
        If an argument is outside its range.

    Examples
    --------
    >>> import numpy as np
    >>> from meanfield import replica_map, saddle_point
    >>> point = saddle_point(1.2, 0.5, beta=10.0, branch="paramagnetic")
    >>> order = (point.q, point.Q, point.r, point.R, point.X, point.P)
    >>> new = replica_map(order, 1.2, 0.5, beta=10.0)
    >>> bool(np.allclose(new, order, rtol=0, atol=1e-12))
    True
    """
    if not (isinstance(nodes, (int, np.integer)) and 4 <= nodes <= 384):
        raise parameters.ArgumentError(f"nodes={nodes!r}: must be an integer in [4, 384]")
    if len(order) != 6:
        raise parameters.ArgumentError(f"order: expected q, Q, r, R, X, P, got {len(order)} arrays")
    arrays = np.broadcast_arrays(*order, g, gamma, beta, eta)
    shape = arrays[0].shape
    g, gamma, beta, eta = checked(*arrays[6:])
    points = Points.flat(g, gamma, beta, eta, transfer_function(phi))
    flat = np.stack([np.asarray(a, dtype=float).reshape(-1) for a in arrays[:6]], axis=1)
    with np.errstate(all="ignore"):
        new, _ = two_fields.update(flat, points, nodes)
    return OrderParameters(*(column.reshape(shape) for column in new.T))
