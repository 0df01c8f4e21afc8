"""What sampling returns."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from meanfield.common.files import provenance
from meanfield.transfer import Array

if TYPE_CHECKING:
    import xarray as xr

NAMES = ("q", "energy", "r", "overlap")


@dataclass(frozen=True)
class BoltzmannSamples:
    """Samples of exp(−βE) and their order parameters.

    Arrays have the shape of `beta` (0-d for one temperature), with the axes named below after it.

    Attributes
    ----------
    beta : ndarray
    samples : (..., chains, n_samples, n) ndarray or None
    q, energy, r, overlap : ndarray
        ⟨Σφ²⟩/n; ⟨E⟩/n, per neuron; −β⟨Σfφ⟩/n; root mean square of Σφφ'/n between independent
        chains (of order n^−½ where replicas do not order; nan for one chain).
    q_err, energy_err, r_err, overlap_err : ndarray
        Monte Carlo standard errors for this coupling matrix.
    r_hat : ndarray
        Worst of q, energy and r.
    ess : ndarray
        Smallest effective sample size of q, energy and r.
    converged : ndarray of bool
        R-hat ≤ 1.05 and effective sample size ≥ 100 per chain.
    step_bias : dict of ndarray
        "langevin": estimated bias of q, energy and r by the finite step, and "…_err"; empty else.
    acceptance, swap_acceptance : ndarray
        "tempering": of trajectories per rung, of exchanges between neighbouring rungs.
    ladder : ndarray
        Inverse temperatures of the rungs.
    status : str
        "success" or "not mixed".
    warnings : list of str
        What `SamplingWarning` said.
    attributes : dict
        Parameters and seed.
    """

    beta: Array
    samples: Array | None
    q: Array
    energy: Array
    r: Array
    overlap: Array
    q_err: Array
    energy_err: Array
    r_err: Array
    overlap_err: Array
    r_hat: Array
    ess: Array
    converged: NDArray[np.bool_]
    step_bias: dict[str, Array]
    acceptance: Array
    swap_acceptance: Array
    ladder: Array
    status: str
    warnings: list[str]
    attributes: dict[str, Any] = field(default_factory=dict)

    def to_dataset(self) -> xr.Dataset:
        """Labelled arrays over beta with parameters and versions in the attributes."""
        import xarray as xr

        names = [*NAMES, *(f"{name}_err" for name in NAMES), "r_hat", "ess", "converged"]
        data = {name: ("beta", np.atleast_1d(getattr(self, name))) for name in names}
        data |= {f"step_bias_{k}": ("beta", np.atleast_1d(v)) for k, v in self.step_bias.items()}
        if self.samples is not None:
            full = self.samples if self.beta.ndim else self.samples[None]
            data["samples"] = (("beta", "chain", "draw", "neuron"), full)  # type: ignore[assignment]
        if self.ladder.size:
            data["acceptance"] = ("rung", self.acceptance)
            data["swap_acceptance"] = ("rung", np.append(self.swap_acceptance, np.nan))
        coordinates = {"beta": np.atleast_1d(self.beta), "rung": self.ladder}
        attributes = {
            **self.attributes,
            "status": self.status,
            "warnings": "\n".join(self.warnings),
        }
        return xr.Dataset(data, coordinates, {**attributes, **provenance()})
