"""`sample_boltzmann`, the public call, and what it returns."""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike
from threadpoolctl import threadpool_limits

from meanfield import TransferFunction
from meanfield.common import arguments, seeds
from meanfield.common.arguments import ArgumentError, Array
from meanfield.common.result import Result, coordinate, error, given, value

from ..network import Network
from .chains import (
    ChainGenerators,
    chain_mean,
    ladder,
    langevin_samples,
    observe,
    overlap_mean,
    tempered_samples,
)

if TYPE_CHECKING:
    import xarray as xr

NAMES = ("q", "energy", "r", "overlap")
ALGORITHMS = ("tempering", "langevin")
_LARGEST_R_HAT = 1.05
# Per chain: Vehtari, Gelman, Simpson, Carpenter, Bürkner, Bayesian Anal. 16, 667 (2021).
_SMALLEST_ESS = 100
_LANGEVIN, _TEMPERING = 'None unless "langevin".', 'None unless "tempering".'


class SamplingWarning(UserWarning):
    """Chains have not mixed: the averages and their errors are not to be trusted."""


class BoltzmannSamples(Result):
    """Samples of exp(−βE) and their order parameters, with Monte Carlo errors for these couplings.

    Converged where R-hat ≤ 1.05 and the effective sample size is at least 100 per chain.
    """

    beta: Array = coordinate("inverse temperature", (...,), symbol=r"$\beta$")
    samples: Array | None = value("samples", (..., "chain", "draw", "neuron"))
    q: Array = value("mean square activity ⟨Σφ²⟩/n", (...,), symbol="$q$")
    q_err: Array = error("q")
    energy: Array = value("⟨E⟩/n, per neuron", (...,), symbol="$e$")
    energy_err: Array = error("energy")
    r: Array = value("response −β⟨Σfφ⟩/n", (...,), symbol="$r$")
    r_err: Array = error("r")
    overlap: Array = value(
        "root mean square of Σφφ'/n between independent chains",
        (...,),
        note="Of order n^−½ where replicas do not order; nan for one chain.",
    )
    overlap_err: Array = error("overlap")
    r_hat: Array = value("worst R-hat of q, energy and r", (...,))
    ess: Array = value("smallest effective sample size of q, energy and r", (...,))
    q_step_bias: Array | None = value(
        "estimated bias of q by the finite step", (...,), note=_LANGEVIN, default=None
    )
    q_step_bias_err: Array | None = error("q_step_bias", default=None)
    energy_step_bias: Array | None = value(
        "estimated bias of the energy by the finite step", (...,), note=_LANGEVIN, default=None
    )
    energy_step_bias_err: Array | None = error("energy_step_bias", default=None)
    r_step_bias: Array | None = value(
        "estimated bias of r by the finite step", (...,), note=_LANGEVIN, default=None
    )
    r_step_bias_err: Array | None = error("r_step_bias", default=None)
    ladder: Array | None = coordinate(
        "inverse temperatures of the rungs", ("rung",), note=_TEMPERING
    )
    acceptance: Array | None = value(
        "share of accepted trajectories per rung", ("rung",), note=_TEMPERING
    )
    swap_acceptance: Array | None = value(
        "share of accepted exchanges between neighbouring rungs",
        ("exchange",),
        note=f"{_TEMPERING}  None for one rung, too.",
    )
    _headline = (*NAMES, "samples")
    _picture = ("beta", "q")

    def to_dataset(self, dims: tuple[str, ...] | None = None) -> xr.Dataset:
        """Labelled arrays over beta, or `dims`, also of one temperature."""
        dims = ("beta",) if dims is None else dims
        if self.beta.ndim:
            return super().to_dataset(dims)
        along: dict[str, Any] = {
            name: np.asarray(content)[None]
            for name, about, content in self._declared()
            if self._axes(about, dims)[:1] == dims
        }
        verdict: dict[str, Any] = {
            "status": np.array([self.status]),
            "reason": np.array([self.reason]),
        }
        return replace(self, **along, **verdict).to_dataset(dims)


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
        Arrays have the shape of `beta`, 0-d for one temperature.

    Raises
    ------
    ArgumentError
        If J is a LinearOperator, or beta neither a finite number nor increasing.

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
    told = given(sample_boltzmann, locals())
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
    tempering: dict[str, Any] = dict.fromkeys(("ladder", "acceptance", "swap_acceptance"))
    step_bias: dict[str, Array] = {}
    reasons = [""] * len(betas)
    common: dict[str, Any] = {
        "n_samples": n_samples, "chains": chains, "warmup": warmup, "progress": progress
    }  # fmt: skip
    with threadpool_limits(threads, user_api="blas"):
        if algorithm == "tempering":
            rungs = ladder(betas, network.n, lowest_beta)
            generators = ChainGenerators(entropy, chains, len(rungs))
            samples, accepted, swapped = tempered_samples(
                network, rungs, np.searchsorted(rungs, betas), thin=thin, leapfrog=leapfrog,
                generators=generators, **common,
            )  # fmt: skip
            tempering = {"ladder": rungs, "acceptance": accepted}
            tempering["swap_acceptance"] = swapped if swapped.size else None
        else:
            if dt is not None:
                dt = arguments.positive("dt", dt)
            samples, step_bias, reasons, dt = langevin_samples(
                network, betas, spacing=float(thin), dt=dt, entropy=entropy, **common
            )
        rows = [_order_parameters(network, b, s) for b, s in zip(betas, samples, strict=True)]
    shape = np.shape(beta)
    numbers = {name: np.array([row[name] for row in rows]) for name in rows[0]} | step_bias
    needed = _SMALLEST_ESS * chains
    # nan where nothing moved.
    bad = ~((numbers["r_hat"] <= _LARGEST_R_HAT) & (numbers["ess"] >= needed))
    for k in np.flatnonzero(bad):
        text = _unmixed(f"beta={betas[k]:g}", rows[k]["r_hat"], rows[k]["ess"], needed)
        reasons[k] = "; ".join(filter(None, (reasons[k], text)))
    if bad.any():
        named = ", ".join(f"beta={b:g}" for b in betas[bad])
        worst = np.max(numbers["r_hat"]), np.min(numbers["ess"])
        warnings.warn(_unmixed(named, *worst, needed), SamplingWarning, stacklevel=2)
    used = {"n": network.n, "phi": network.function.name, "warmup": warmup, "dt": dt}
    return BoltzmannSamples(
        beta=np.asarray(beta, dtype=float),
        samples=(samples if shape else samples[0]) if store_samples else None,
        **{name: array.reshape(shape) for name, array in numbers.items()},
        **tempering,
        reason=np.array(reasons) if shape else reasons[0],
        attributes=told | used | {"seed": entropy},
    )


def _unmixed(where: str, r_hat: float, ess: float, needed: int) -> str:
    return (
        f"not mixed at {where}: R-hat up to {r_hat:.3f} (allowed {_LARGEST_R_HAT}), effective "
        f"sample size down to {ess:.0f} (needed {needed}); raise n_samples, warmup or thin"
    )


def _order_parameters(network: Network, beta: float, samples: Array) -> dict[str, float]:
    """Order parameters of one β with their errors, and how well the chains have mixed."""
    series = observe(network, beta, samples)
    judged = {name: chain_mean(getattr(series, name)) for name in ("q", "energy", "r")}
    means = {**judged, "overlap": overlap_mean(series.overlap, len(samples))}
    return {
        **{name: mean.value for name, mean in means.items()},
        **{f"{name}_err": mean.value_err for name, mean in means.items()},
        "r_hat": max(mean.r_hat for mean in judged.values()),
        "ess": min(mean.ess for mean in judged.values()),
    }
