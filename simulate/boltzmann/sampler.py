"""`sample_boltzmann`, the public call, and what it returns."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from threadpoolctl import threadpool_limits

from meanfield import TransferFunction
from meanfield.common import arguments, seeds
from meanfield.common.arguments import ArgumentError, Array
from meanfield.common.files import provenance

from ..network import Network
from .estimators import estimate, observe, overlap_estimate
from .langevin import langevin_samples
from .tempering import Generators, ladder, sample

if TYPE_CHECKING:
    import xarray as xr

NAMES = ("q", "energy", "r", "overlap")
ALGORITHMS = ("tempering", "langevin")
_LARGEST_R_HAT = 1.05
# Per chain: Vehtari, Gelman, Simpson, Carpenter, Bürkner, Bayesian Anal. 16, 667 (2021).
_SMALLEST_ESS = 100


class SamplingWarning(UserWarning):
    """Chains have not mixed: the averages and their errors are not to be trusted."""


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


def sample_boltzmann(
    J: Any,
    beta: ArrayLike,
    *,
    n_samples: int = 1000,
    chains: int = 4,
    seed: int | None = None,
    algorithm: str = "tempering",
    warmup: int | None = None,
    thin: int = 1,
    leapfrog: int = 20,
    lowest_beta: float = 0.5,
    dt: float | None = None,
    eta: float = 0.0,
    phi: str | TransferFunction = "tanh",
    store_samples: bool = True,
    threads: int | None = None,
    progress: bool = False,
) -> BoltzmannSamples:
    """Sample the measure exp(−βE) of one network, E = ½|f|² + ½η|x|².

    Parameters
    ----------
    J : (n, n) array or sparse array
    beta : float or increasing (k,) array
        Inverse temperatures; all are sampled in one run.
    n_samples : int
        Samples kept per chain.
    chains : int
        Independent chains (independent ladders), at least 2 for R-hat and overlaps to mean much.
    seed : int, optional
    algorithm : {"tempering", "langevin"}
        Hamiltonian Monte Carlo with parallel tempering, which is exact; or Langevin dynamics by the
        scheme of Leimkuhler and Matthews, whose step bias is measured with a second run at 2 dt.
    warmup : int, optional
        Sweeps (or Langevin samples) before the first kept one; default n_samples / 2, at least 200.
    thin : int
        Sweeps per kept sample; for "langevin" samples are `thin` time units apart.
    leapfrog : int
        Leapfrog steps of a trajectory; the step is tuned to 80 % acceptance in the warm-up.
    lowest_beta : float
        Hottest rung of the ladder.
    dt : float, optional
        Langevin step; default 0.25/λ_max(Hess E) at x ~ N(0, 1).
    store_samples : bool
        Whether to keep the states.
    eta, phi, threads, progress
        As in `integrate`.

    Returns
    -------
    BoltzmannSamples

    Raises
    ------
    ArgumentError
        If an argument is outside its range, or J is a LinearOperator.

    Warns
    -----
    SamplingWarning
        If R-hat exceeds 1.05 or the effective sample size is below 100 per chain at some β.

    Notes
    -----
    Errors are those of one coupling matrix.  Order parameters vary between couplings by O(1/n) to
    O(n^−½): compare means over couplings with `meanfield.saddle_point`.

    Examples
    --------
    >>> from meanfield import saddle_point
    >>> from simulate import couplings, sample_boltzmann
    >>> J = couplings.elliptic(50, 0.5, seed=0)
    >>> run = sample_boltzmann(J, 2.0, n_samples=1000, seed=1)
    >>> theory = saddle_point(0.5, beta=2.0, branch="paramagnetic")
    >>> bool(abs(run.q - theory.q) < 0.03), bool(run.converged)
    (True, True)
    """
    arguments.one_of("algorithm", algorithm, ALGORITHMS)
    network = Network(J, phi=phi, eta=eta)
    if network.is_matrix_free:
        network.dense("sampling, which asks for ever new products,")
    betas = np.atleast_1d(arguments.inverse_temperature(beta))
    if betas.ndim != 1 or not np.all(np.isfinite(betas)) or np.any(np.diff(betas) <= 0):
        raise ArgumentError(f"beta={beta!r}: must be finite, a number or an increasing sequence")
    n_samples = arguments.count("n_samples", n_samples, 4)
    chains = arguments.count("chains", chains, 1)
    thin = arguments.count("thin", thin, 1)
    leapfrog = arguments.count("leapfrog", leapfrog, 1)
    warmup = arguments.count("warmup", max(200, n_samples // 2) if warmup is None else warmup, 0)
    lowest_beta = arguments.positive("lowest_beta", lowest_beta)
    entropy = seeds.entropy(seed)
    rungs = acceptance = swaps = np.empty(0)
    bias: dict[str, Array] = {}
    with threadpool_limits(threads, user_api="blas"):
        if algorithm == "tempering":
            rungs = ladder(betas, network.n, lowest_beta)
            samples, acceptance, swaps = sample(
                network,
                rungs,
                np.searchsorted(rungs, betas),
                n_samples=n_samples,
                chains=chains,
                warmup=warmup,
                thin=thin,
                leapfrog=leapfrog,
                generators=Generators(entropy, chains, len(rungs)),
                progress=progress,
            )
        else:
            if dt is not None:
                dt = arguments.positive("dt", dt)
            samples, bias = langevin_samples(
                network,
                betas,
                n_samples=n_samples,
                chains=chains,
                warmup=warmup,
                spacing=float(thin),
                dt=dt,
                entropy=entropy,
                progress=progress,
            )
        rows = [_summary(network, b, s) for b, s in zip(betas, samples, strict=True)]
    shape = np.shape(beta)
    result = {name: np.array([row[name] for row in rows]).reshape(shape) for name in rows[0]}
    bad = [f"beta={b:g}" for b, row in zip(betas, rows, strict=True) if not row["converged"]]
    found: list[str] = []
    if bad:
        text = (
            f"not mixed at {', '.join(bad)}: R-hat up to {np.max(result['r_hat']):.3f} (allowed "
            f"{_LARGEST_R_HAT}), effective sample size down to {np.min(result['ess']):.0f} (needed "
            f"{_SMALLEST_ESS * chains}); raise n_samples, warmup or thin"
        )
        warnings.warn(text, SamplingWarning, stacklevel=2)
        found.append(text)
    kept = samples if shape else samples[0]
    return BoltzmannSamples(
        beta=np.asarray(beta, dtype=float),
        samples=kept if store_samples else None,
        **result,
        status="not mixed" if found else "success",
        warnings=found,
        step_bias={name: values.reshape(shape) for name, values in bias.items()},
        acceptance=acceptance,
        swap_acceptance=swaps,
        ladder=rungs,
        attributes={
            "n": network.n,
            "algorithm": algorithm,
            "n_samples": n_samples,
            "chains": chains,
            "warmup": warmup,
            "thin": thin,
            "leapfrog": leapfrog,
            "phi": network.function.name,
            "eta": network.eta,
            "lowest_beta": lowest_beta,
            "dt": "default" if dt is None else dt,
            "seed": str(entropy),
        },
    )


def _summary(network: Network, beta: float, samples: Array) -> dict[str, Any]:
    """Order parameters of one β with their errors, and whether the chains have mixed."""
    series = observe(network, beta, samples)
    judged = {name: estimate(getattr(series, name)) for name in ("q", "energy", "r")}
    found = {**judged, "overlap": overlap_estimate(series.overlap, len(samples))}
    r_hat = max(one.r_hat for one in judged.values())
    ess = min(one.ess for one in judged.values())
    return {
        **{name: one.value for name, one in found.items()},
        **{f"{name}_err": one.stderr for name, one in found.items()},
        "r_hat": r_hat,
        "ess": ess,
        "converged": r_hat <= _LARGEST_R_HAT and ess >= _SMALLEST_ESS * len(samples),
    }
