"""The result of `two_time`: arrays with errors, checks and provenance."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from ...common.arguments import Array
from ...common.files import provenance

if TYPE_CHECKING:
    import xarray as xr

MATRICES = {
    "C": "correlation <phi(t) phi(t')>",
    "delta": "correlation <x(t) x(t')>",
    "freezing": "freezing measure <(phi(t) - phi(t'))^2>",
}
_CHECKS = {
    "balance_error": ("violation of the balance of <x^2> by the step", "1"),
    "energy_balance_error": ("violation of the balance of E along the gradient flow", "1"),
    "stiffness": ("largest decay rate met", "1/time constant"),
    "rank": ("revealed directions of the couplings", "1"),
    "neglected": ("share of a state dropped as too small to reveal", "1"),
}
CURVES = {"energy": "kinetic energy per neuron <f^2>/2", "r_int": "integrated response"}


@dataclass(frozen=True, eq=False)
class TwoTime:
    """Two-time functions per neuron at the saved times; times in units of the neurons' constant.

    Attributes
    ----------
    g, gamma : float
    t : (n_saved,) ndarray
        Times from 0 to t_max inclusive.
    C, delta : (n_saved, n_saved) ndarray
        ⟨φ(t)φ(t′)⟩ and ⟨x(t)x(t′)⟩.
    freezing : (n_saved, n_saved) ndarray
        ⟨(φ(t) − φ(t′))²⟩, [HH] Eq. 11 per neuron.
    energy : (n_saved,) ndarray
        ½⟨f²⟩ per neuron, f = −x + h.
    r_int : (n_saved,) ndarray
        ∫₀ᵗ R(t, s) ds.  Unless R was asked for: nan for a model of the user's, and where the noise
        of the trajectories hides it, at small g and in states that decay.
    R : (n_saved, n_saved) ndarray or None
        R(t, s), response of φ(t) to a field in ẋ(s), per unit field and time; zero for s ≥ t.
    C_err, delta_err, freezing_err, energy_err, r_int_err, R_err
        Standard errors over batches of the same shapes (of `r_int` together with the bias of
        the ridge in the whitened sums); for ``method="closed"`` estimated errors of the step.
    C_bias, delta_bias, freezing_bias, energy_bias, r_int_bias
        Estimated difference from M → ∞ of batches of M trajectories: still in the value for
        ``bias="report"``, subtracted from it for ``bias="extrapolate"``; nan for ``"ignore"``,
        where tangents were used, and where `warnings` says why.
    method : str
        "closed" or "sampler".
    status : str
        "ok", or "unstable step" where the step is longer than the stiffness allows or violates the
        balance of ⟨x²⟩ by more than a tenth.
    warnings : tuple of str
        What was warned of.
    balance_error, energy_balance_error : float
        Largest relative violation of ½⟨x²⟩' = ⟨xF⟩ and, along −∇E, ⟨E⟩' = −⟨F²⟩, both integrated
        over time, by the step; nan where they do not apply (noise).
    stiffness : float
        Largest rate of the symmetric part of −∂F/∂x met while u = Jᵀψ was on; else nan.
    rank : int
        Largest number of revealed directions of a batch, both sides; 0 for "closed".
    neglected : float
        Typical share of a state that was dropped as too small to reveal: the fields are off by g
        times as much, and an energy below the square of that is not resolved.
    attributes : dict
        Parameters of the run.
    """

    g: float
    gamma: float
    t: Array
    C: Array
    delta: Array
    freezing: Array
    energy: Array
    r_int: Array
    R: Array | None
    C_err: Array
    delta_err: Array
    freezing_err: Array
    energy_err: Array
    r_int_err: Array
    R_err: Array | None
    C_bias: Array
    delta_bias: Array
    freezing_bias: Array
    energy_bias: Array
    r_int_bias: Array
    method: str
    status: str
    warnings: tuple[str, ...]
    balance_error: float
    energy_balance_error: float
    stiffness: float
    rank: int
    neglected: float
    attributes: dict[str, Any] = field(repr=False)

    def to_dataset(self) -> xr.Dataset:
        """Labelled dataset with dimensions ``t`` and ``t_other``, and provenance."""
        import xarray as xr

        variables: dict[str, Any] = {}
        both = ("t", "t_other")
        for names, dims in ((MATRICES, both), (CURVES, ("t",))):
            for name, text in names.items():
                for suffix, more in (("", ""), ("_err", ", error"), ("_bias", ", bias")):
                    label = {"long_name": text + more, "units": "1"}
                    variables[name + suffix] = (dims, getattr(self, name + suffix), label)
        if self.R is not None:
            text = "response of phi(t) to a field in xdot(t')"
            label = {"long_name": text, "units": "1/time constant"}
            variables["R"] = (both, self.R, label)
            variables["R_err"] = (both, self.R_err, label | {"long_name": text + ", error"})
        for name, (text, unit) in _CHECKS.items():
            variables[name] = ((), getattr(self, name), {"long_name": text, "units": unit})
        label = {"long_name": "time", "units": "time constant"}
        coords = {"t": ("t", self.t, label), "t_other": ("t_other", self.t, label)}
        facts: dict[str, Any] = {n: getattr(self, n) for n in ("g", "gamma", "method", "status")}
        facts["warnings"] = "; ".join(self.warnings)
        return xr.Dataset(variables, coords, attrs={**facts, **self.attributes, **provenance()})

    def __repr__(self) -> str:
        error = float(np.nanmax(self.C_err)) if self.C_err.size else 0.0
        return (
            f"TwoTime(g={self.g:g}, gamma={self.gamma:g}, method={self.method!r}, "
            f"t={self.t[0]:g}...{self.t[-1]:g} ({self.t.size} times), "
            f"largest C_err={error:.1e}, status={self.status!r})"
        )
