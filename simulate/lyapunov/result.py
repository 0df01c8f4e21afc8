"""What both calls return beside their exponents."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from meanfield.common.files import provenance
from meanfield.transfer import Array

from .growth import Setting

if TYPE_CHECKING:
    import xarray as xr


@dataclass(frozen=True, kw_only=True)
class LyapunovRun:
    """The run behind the exponents.

    Attributes
    ----------
    status : str
        "success", "unstable step" or "unverified step", as in `Trajectory`.
    warnings : list of str
        What `StepSizeWarning` said.
    method : str
        The scheme used.
    dt, stiffness, largest_stable_dt, energy_rise_fraction : float
        As in `Trajectory`.
    attributes : dict
        Parameters and seed.
    """

    status: str
    warnings: list[str]
    method: str
    dt: float
    stiffness: float
    largest_stable_dt: float
    energy_rise_fraction: float
    attributes: dict[str, Any]

    def _labelled(
        self, variables: dict[str, tuple[tuple[str, ...], NDArray[Any]]], t: Array
    ) -> xr.Dataset:
        import xarray as xr

        names = ("status", "method", "dt", "stiffness", "largest_stable_dt", "energy_rise_fraction")
        summary = {name: getattr(self, name) for name in names}
        summary["warnings"] = "\n".join(self.warnings)
        return xr.Dataset(variables, {"t": t}, {**self.attributes, **summary, **provenance()})


def summary(given: Setting) -> dict[str, Any]:
    """The fields of `LyapunovRun` after a run."""
    monitor = given.monitor
    found = monitor.warnings()
    status = "unstable step" if monitor.is_certain else "unverified step"
    return {
        "status": status if found else "success",
        "warnings": found,
        "method": given.scheme.name,
        "dt": given.dt,
        "stiffness": monitor.stiffness,
        "largest_stable_dt": monitor.largest_stable_dt,
        "energy_rise_fraction": monitor.energy_rise_fraction,
        "attributes": given.attributes,
    }
