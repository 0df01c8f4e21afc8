"""The result of `saddle_point`: arrays, status and provenance."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..common.arguments import Array
from ..common.files import provenance

if TYPE_CHECKING:
    import xarray as xr

DESCRIPTIONS = {
    "q": "mean square activity <phi^2>",
    "Q": "overlap of two replicas <phi>^2",
    "r": "response, diagonal",
    "R": "response, off-diagonal",
    "X": "conjugate of q, diagonal X_d",
    "P": "conjugate of Q, minus the off-diagonal X",
    "G": "integrated response r - R",
    "chi": "susceptibility beta (q - Q)",
    "sigma_xphi": "covariance of x and phi in one state (static branch: times beta)",
    "x2": "mean square of x",
    "energy": "quasi-potential per neuron",
    "free_entropy": "free entropy per neuron, relative to (beta/2 pi)^(N/2)",
    "instability": "stable below 1: eigenvalue of the linearised overlap map; static branch g^2 K",
    "stable": "instability below 1 (or marginal)",
    "marginal": "instability equal to 1",
    "converged": "residual within tol",
    "residual": "largest relative error of the saddle-point equations",
    "quadrature_error": "largest change of the equations when the nodes are doubled",
    "rounding_error": "estimated relative error of q from rounding",
    "nodes": "quadrature intervals per field or half line",
    "iterations": "Newton iterations, the path included",
    "branch_of": "branch of this point",
    "sheet_of": "sheet of this point, where gamma < 0 may allow two",
    "reason": "why a point is not converged",
}


# Arrays have no truth value, so results have no ==.
@dataclass(frozen=True, eq=False)
class SaddlePoint:
    """Order parameters of the replica theory; every array has the broadcast shape of the input.

    Where `converged` is False the numbers are nan and `reason` says why.

    Attributes
    ----------
    g, gamma, beta, eta : ndarray
        The parameters, broadcast.
    q, Q, r, R, X, P : ndarray
        Order parameters (`X` is the diagonal X_d); notation table in the README.
    G : ndarray
        r − R.
    chi : ndarray
        β(q−Q); at β = ∞ its limit, which may be ``inf``.
    sigma_xphi : ndarray
        E[⟨xφ⟩ − ⟨x⟩⟨φ⟩]; on the static branch lim βσ_xφ.
    x2, energy, free_entropy : ndarray
        ⟨x²⟩, quasi-potential per neuron, free entropy per neuron.
    instability : ndarray
        Stable while < 1: the largest eigenvalue of the linearised (Q, R, P) map on the
        paramagnetic branch, the replicon eigenvalue (replica symmetry breaks beyond 1) on the
        ordered branch, g²K on the static branch.
    stable, marginal, converged : ndarray of bool
    residual, quadrature_error, rounding_error : ndarray
        The last is the relative error of q that rounding leaves: large next to a transition, where
        q is small and the equations determine it badly (0 for closed forms).
    iterations, nodes : ndarray of int
    branch_of, sheet_of, reason : ndarray of str
        `sheet_of` is empty off the paramagnetic branch and for γ ≥ 0.
    attributes : dict
        φ, branch, sheet, tolerance and versions.
    """

    g: Array
    gamma: Array
    beta: Array
    eta: Array
    q: Array
    Q: Array
    r: Array
    R: Array
    X: Array
    P: Array
    G: Array
    chi: Array
    sigma_xphi: Array
    x2: Array
    energy: Array
    free_entropy: Array
    instability: Array
    stable: NDArray[np.bool_]
    marginal: NDArray[np.bool_]
    converged: NDArray[np.bool_]
    residual: Array
    quadrature_error: Array
    rounding_error: Array
    iterations: NDArray[np.int64]
    nodes: NDArray[np.int64]
    branch_of: NDArray[np.str_]
    sheet_of: NDArray[np.str_]
    reason: NDArray[np.str_]
    attributes: dict[str, Any] = field(repr=False)

    def to_dataset(self, dims: tuple[str, ...] | None = None) -> xr.Dataset:
        """Labelled dataset with long names, and provenance in its attributes.

        Parameters
        ----------
        dims : tuple of str, optional
            Names of the axes; default ``dim_0``, ``dim_1``, …

        Raises
        ------
        ValueError
            If `dims` does not name every axis.
        """
        import xarray as xr

        dims = dims or tuple(f"dim_{i}" for i in range(self.q.ndim))
        if len(dims) != self.q.ndim:
            raise ValueError(f"dims={dims!r}: expected {self.q.ndim} names")
        variables = {}
        for name, text in DESCRIPTIONS.items():
            units = {} if name in ("branch_of", "sheet_of", "reason") else {"units": "1"}
            variables[name] = (dims, getattr(self, name), {"long_name": text, **units})
        coords = {
            name: (dims, getattr(self, name), {"long_name": text, "units": "1"})
            for name, text in (
                ("g", "gain"),
                ("gamma", "coupling symmetry"),
                ("beta", "inverse temperature"),
                ("eta", "confinement"),
            )
        }
        return xr.Dataset(variables, coords, attrs={**self.attributes, **provenance()})

    def __repr__(self) -> str:
        if self.q.ndim == 0:
            pairs = (f"{f.name}={getattr(self, f.name)}" for f in fields(self)[:-1])
            return f"SaddlePoint({', '.join(pairs)})"
        done = int(np.sum(self.converged))
        worst = np.max(self.residual, where=self.converged, initial=0.0)
        return (
            f"SaddlePoint(shape={self.q.shape}, branch={self.attributes['branch']!r}, "
            f"converged={done}/{self.q.size}, worst residual={worst:.1e})"
        )
