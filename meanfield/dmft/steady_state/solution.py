"""The result of `steady_state`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from ...common.arguments import Array
from ...common.files import provenance

if TYPE_CHECKING:
    import xarray as xr

CURVES = {
    "C": "autocorrelation of phi(x)",
    "delta": "autocorrelation of x",
    "R": "response of phi to a field",
}
SCALARS = {
    "q": "mean square activity <phi^2>",
    "delta0": "variance of x",
    "energy": "kinetic energy per neuron <f^2>/2",
    "r_int": "integrated response",
    "tau_half": "time where delta has fallen to half",
}


@dataclass(frozen=True, eq=False)
class SteadyState:
    """Stationary two-time functions of the vanilla dynamics, for one g and γ.

    Times are in units of the time constant of the neurons.  Every estimate ``name`` comes with
    ``name_err`` of the same shape, a standard error over batches in the sampler and an error bound
    elsewhere.

    Attributes
    ----------
    g, gamma, temperature : float
    tau : (n,) ndarray
        Time lags.
    C, delta, R : (n,) ndarray
        ⟨φ(t+τ)φ(t)⟩, ⟨x(t+τ)x(t)⟩ and the response R(τ) of φ to a field in ẋ, R(0) at 0⁺.
    q, delta0, energy, r_int, tau_half : float
        ⟨φ²⟩, ⟨x²⟩, ½⟨f²⟩ per neuron, ∫R dτ over `window`, and where Δ = Δ(0)/2 (nan if it is not
        within the lags of every batch).
        The error of `energy`, a small difference of large fields, contains the whole correction
        for finite batches.
    q_bias, r_int_bias : float
        Estimated effect of finite batches, already subtracted.
    q_window, q_window_err, r_int_window, r_int_window_err : float
        Change from half the window to the window on small batches, and its error.  It contains
        some of their bias, at most 4 times that above.
    r_int_spectral, r_int_pulse : float
        Two more estimates of `r_int`: S_φh(0)/[g²(1+γ)S_φ(0)] within the lags, which is biased
        where C reaches beyond them, and the integral of R.
    drift, drift_err : float
        q in the second half of the average minus q in the first.
    neglected : float
        Typical share of a state that was dropped as too small to reveal.
    window : float
        Time after which the past is forgotten; inf for closed forms.
    method : str
        "null" (fixed-point phase, closed forms), "stationary" (γ = 0, deterministic) or "sampler".
    converged : bool
        Whether drift and window change are compatible with their errors and that bias, at a false
        alarm rate of 5e-4 each, and C falls below half within the window.
    reason : str
        Why not.
    attributes : dict
        Parameters of the run.
    """

    g: float
    gamma: float
    temperature: float
    tau: Array
    C: Array
    C_err: Array
    delta: Array
    delta_err: Array
    R: Array
    R_err: Array
    q: float
    q_err: float
    delta0: float
    delta0_err: float
    energy: float
    energy_err: float
    r_int: float
    r_int_err: float
    tau_half: float
    tau_half_err: float
    q_bias: float
    r_int_bias: float
    q_window: float
    q_window_err: float
    r_int_window: float
    r_int_window_err: float
    r_int_spectral: float
    r_int_spectral_err: float
    r_int_pulse: float
    r_int_pulse_err: float
    drift: float
    drift_err: float
    neglected: float
    window: float
    method: str
    converged: bool
    reason: str
    attributes: dict[str, Any] = field(repr=False)

    def to_dataset(self) -> xr.Dataset:
        """Labelled dataset with dimension ``tau``, and provenance in its attributes."""
        import xarray as xr

        variables: dict[str, Any] = {}
        for name, text in (CURVES | SCALARS).items():
            units = {"R": "1/time constant", "tau_half": "time constant"}.get(name, "1")
            for suffix, more in (("", ""), ("_err", ", error")):
                label = {"long_name": text + more, "units": units}
                axes = ("tau",) if name in CURVES else ()
                variables[name + suffix] = (axes, getattr(self, name + suffix), label)
        for name in _CHECKS:
            variables[name] = ((), getattr(self, name))
        coords = {"tau": ("tau", self.tau, {"long_name": "time lag", "units": "time constant"})}
        names = ("g", "gamma", "temperature", "method", "converged", "reason")
        facts = {name: getattr(self, name) for name in names} | {"converged": str(self.converged)}
        return xr.Dataset(variables, coords, attrs={**facts, **self.attributes, **provenance()})

    def __repr__(self) -> str:
        pairs = (f"{n}={getattr(self, n):.5g}±{getattr(self, n + '_err'):.1g}" for n in SCALARS)
        return (
            f"SteadyState(g={self.g:g}, gamma={self.gamma:g}, method={self.method!r}, "
            f"{', '.join(pairs)}, window={self.window:g}, converged={self.converged})"
        )


_CHECKS = (
    "q_bias",
    "r_int_bias",
    "q_window",
    "q_window_err",
    "r_int_window",
    "r_int_window_err",
    "r_int_spectral",
    "r_int_spectral_err",
    "r_int_pulse",
    "r_int_pulse_err",
    "drift",
    "drift_err",
    "neglected",
    "window",
)


def exact(
    method: str, tau: Array, curves: dict[str, Array], scalars: dict[str, float]
) -> dict[str, Any]:
    """Fields of a result without sampling: errors, biases and window effects zero."""
    found: dict[str, Any] = dict.fromkeys(_CHECKS, 0.0) | {"tau": tau, **curves, **scalars}
    found |= {f"{name}_err": np.zeros_like(curve) for name, curve in curves.items()}
    found |= dict.fromkeys((f"{name}_err" for name in scalars), 0.0)
    found |= dict.fromkeys(("r_int_spectral", "r_int_pulse"), scalars["r_int"])
    return found | {"window": np.inf, "method": method, "converged": True, "reason": ""}
