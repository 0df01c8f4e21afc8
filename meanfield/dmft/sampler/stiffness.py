"""Stiffness of the sampled dynamics, measured as for networks, without disturbing the run."""

from __future__ import annotations

import copy

import numpy as np
from scipy.sparse.linalg import ArpackNoConvergence, LinearOperator, eigsh

from ...common.arguments import Array
from ...gaussian_operator import GaussianOperator
from .site import SiteModel
from .sweep import Moment

# Relative residual of the eigenvalue, and Lanczos vectors before a restart.
_WIDTH, _VECTORS = 0.02, 20


def stiffness(model: SiteModel, operator: GaussianOperator, moment: Moment) -> float:
    """Largest eigenvalue of the symmetric part of −∂F/∂x over the M trajectories.

    The products reveal directions on a copy of the operator: the matrix they meet has the law of
    the one that the run will meet.
    """
    assert model.slopes is not None
    J = copy.deepcopy(operator)
    # The directions met here are not of the process: a Gaussian matrix answers to any number.
    J.innovations, J.tol = "gaussian", 0.0
    slope = model.slopes(moment.t, moment.x, moment.h, moment.u)
    regulated = moment.u is not None

    def forward(v: Array) -> Array:
        h = J.matvec(slope.phi_x * v)
        out = slope.drift_x * v + slope.drift_h * h
        if regulated:
            out += slope.drift_u * J.rmatvec(slope.psi_x * v + slope.psi_h * h)
        return out

    def backward(v: Array) -> Array:
        out = slope.drift_x * v
        field = slope.drift_h * v
        if regulated:
            back = J.matvec(slope.drift_u * v)
            out += slope.psi_x * back
            field = field + slope.psi_h * back
        return out + slope.phi_x * J.rmatvec(field)

    def symmetric(v: Array) -> Array:
        v = np.ravel(v)
        return -(forward(v) + backward(v)) / 2

    n = moment.x.size
    start = np.random.default_rng(0).standard_normal(n)
    matrix = LinearOperator((n, n), matvec=symmetric, dtype=np.float64)
    try:
        found = eigsh(
            matrix, 1, which="LA", v0=start, tol=_WIDTH, ncv=_VECTORS, return_eigenvectors=False
        )
    except ArpackNoConvergence:
        return float("nan")
    return float(found[0])
