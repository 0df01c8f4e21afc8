"""The result of `stationary`: arrays, error estimates and status."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ...common.arguments import Array
from ...common.files import provenance

if TYPE_CHECKING:
    import xarray as xr

DESCRIPTIONS = {
    "delta0": "variance of x",
    "q": "mean square activity <phi^2>",
    "kinetic_energy": "kinetic energy per neuron <f^2>/2",
    "lyapunov": "maximal Lyapunov exponent",
    "r_int": "integrated response <phi'>",
    "decay_rate": "asymptotic decay rate of Delta",
    "tau_half": "time where Delta has fallen to half",
    "converged": "residual and error estimates within tol",
    "residual": "relative error of delta0 that the energy condition leaves",
    "quadrature_error": "largest relative change of a result on a grid 1.25 times coarser",
    "truncation_error": "relative error from the end of the Hermite series",
    "collocation_error": "largest relative change of a result with fewer nodes per panel",
    "order": "degree of the last Hermite coefficient",
    "reason": "why a point is not converged",
}
CURVES = {
    "tau": "time lag",
    "delta": "autocovariance of x",
    "C": "autocorrelation of phi(x)",
}
ERRORS = ("residual", "quadrature_error", "truncation_error", "collocation_error")
TIMES = ("tau_half", "tau")
RATES = ("lyapunov", "decay_rate")


# Arrays have no truth value, so results have no ==.
@dataclass(frozen=True, eq=False)
class Stationary:
    """Stationary state of the γ = 0 theory; every array has the broadcast shape of g and sigma.

    Where `converged` is False the results are nan and `reason` says why; the error estimates and
    `order` stay where they were reached, and so do time lags given by the caller.  Times are in
    units of the time constant of the neurons.

    Attributes
    ----------
    g, sigma : ndarray
        The parameters, broadcast.
    delta0, q : ndarray
        ⟨x²⟩ and ⟨φ²⟩.
    kinetic_energy : ndarray
        ½⟨f²⟩ per neuron, f = −x + h.
    lyapunov : ndarray
        Maximal Lyapunov exponent λ.
    r_int : ndarray
        ⟨φ'⟩, the time integral of the response of φ to a field.
    decay_rate : ndarray
        κ of Δ(τ) ~ exp(−κτ); in the null state the rate at which weak noise is forgotten.
    tau_half : ndarray
        Δ(τ_half) = Δ₀/2; nan in the null state.
    tau, delta, C : ndarray
        Time lags, Δ(τ) and C_φ(τ), along one more axis at the end.
    converged : ndarray of bool
    residual, quadrature_error, truncation_error, collocation_error : ndarray
        Relative; one for the equation of Δ₀ and one for each resolution parameter: the spacing of
        the Gaussian quadrature, `order` and `nodes`.  λ is compared with max(|λ|, κ²); the error
        from `order` is that of κ² and of the potential of λ.
    order : ndarray of int
        Degree at which the Hermite series was stopped; 0 in the null state.
    reason : ndarray of str
    attributes : dict
        φ, tolerance, resolution and whether the state is unique.
    """

    g: Array
    sigma: Array
    delta0: Array
    q: Array
    kinetic_energy: Array
    lyapunov: Array
    r_int: Array
    decay_rate: Array
    tau_half: Array
    tau: Array
    delta: Array
    C: Array
    converged: NDArray[np.bool_]
    residual: Array
    quadrature_error: Array
    truncation_error: Array
    collocation_error: Array
    order: NDArray[np.int64]
    reason: NDArray[np.str_]
    attributes: dict[str, Any] = field(repr=False)

    @property
    def error(self) -> Array:
        """Sum of the relative error estimates."""
        return np.sum([getattr(self, name) for name in ERRORS], axis=0)

    def to_dataset(self, dims: tuple[str, ...] | None = None) -> xr.Dataset:
        """Labelled dataset with long names, and provenance in its attributes.

        Parameters
        ----------
        dims : tuple of str, optional
            Names of the axes of g and sigma; default ``dim_0``, ``dim_1``, …  The last axis of
            the curves is ``lag``.

        Raises
        ------
        ValueError
            If `dims` does not name every axis, or uses a name twice or that of a result.
        """
        import xarray as xr

        axes_of_points = dims or tuple(f"dim_{i}" for i in range(self.q.ndim))
        taken = {"lag", *DESCRIPTIONS, *CURVES}
        distinct = len({*axes_of_points} - taken) == len(axes_of_points) == self.q.ndim
        if isinstance(dims, str) or not distinct:
            raise ValueError(f"dims={dims!r}: expected {self.q.ndim} names, distinct and not taken")
        dims = axes_of_points
        variables = {}
        for name, text in {**DESCRIPTIONS, **CURVES}.items():
            unit = "time constant" if name in TIMES else "1"
            unit = "1/time constant" if name in RATES else unit
            units = {} if name == "reason" else {"units": unit}
            axes = (*dims, "lag") if name in CURVES else dims
            variables[name] = (axes, getattr(self, name), {"long_name": text, **units})
        coords = {
            name: (dims, getattr(self, name), {"long_name": text, "units": "1"})
            for name, text in (("g", "gain"), ("sigma", "noise amplitude"))
        }
        return xr.Dataset(variables, coords, attrs={**self.attributes, **provenance()})

    def __repr__(self) -> str:
        if self.q.ndim == 0:
            pairs = (
                f"{f.name}={getattr(self, f.name)}"
                for f in fields(self)[:-1]
                if f.name not in CURVES
            )
            return f"Stationary({', '.join(pairs)}, lags={self.tau.shape[-1]})"
        done = int(np.sum(self.converged))
        worst = np.max(self.residual, where=self.converged, initial=0.0)
        return (
            f"Stationary(shape={self.q.shape}, lags={self.tau.shape[-1]}, "
            f"converged={done}/{self.q.size}, worst residual={worst:.1e})"
        )
