"""`sample_boltzmann`, the public call."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from threadpoolctl import threadpool_limits

from meanfield import TransferFunction, parameters, seeds
from meanfield.parameters import ArgumentError
from meanfield.transfer import Array

from ..network import Network
from .estimators import Estimate, estimate, observe, overlap_estimate
from .langevin import langevin_samples
from .samples import NAMES, BoltzmannSamples
from .tempering import Generators, Tempering, ladder, sample

ALGORITHMS = ("tempering", "langevin")
_LARGEST_R_HAT = 1.05
# Per chain: Vehtari, Gelman, Simpson, Carpenter, Bürkner, Bayesian Anal. 16, 667 (2021).
_SMALLEST_ESS = 100


class SamplingWarning(UserWarning):
    """Chains have not mixed: the averages and their errors are not to be trusted."""


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
    eta, phi
        Confinement and transfer function.
    store_samples : bool
        Whether to keep the states.
    threads : int, optional
        Number of BLAS threads.
    progress : bool
        Progress bar on a terminal.

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
    >>> run = sample_boltzmann(J, 2.0, n_samples=600, seed=1)
    >>> theory = saddle_point(0.5, beta=2.0, branch="paramagnetic")
    >>> bool(abs(run.q - theory.q) < 0.03), bool(run.converged)
    (True, True)
    """
    parameters.one_of("algorithm", algorithm, ALGORITHMS)
    network = Network(J, phi=phi, eta=eta)
    if network.is_matrix_free:
        network.dense("sampling, which asks for ever new products,")
    betas = np.atleast_1d(parameters.inverse_temperature(beta))
    if betas.ndim != 1 or not np.all(np.isfinite(betas)) or np.any(np.diff(betas) <= 0):
        raise ArgumentError(f"beta={beta!r}: must be finite, a number or an increasing sequence")
    n_samples = parameters.count("n_samples", n_samples, 4)
    chains = parameters.count("chains", chains, 1)
    thin = parameters.count("thin", thin, 1)
    leapfrog = parameters.count("leapfrog", leapfrog, 1)
    warmup = parameters.count("warmup", max(200, n_samples // 2) if warmup is None else warmup, 0)
    lowest_beta = parameters.positive("lowest_beta", lowest_beta)
    entropy = seeds.entropy(seed)
    rungs, tempering = np.empty(0), None
    bias: dict[str, Array] = {}
    with threadpool_limits(threads, user_api="blas"):
        if algorithm == "tempering":
            rungs = ladder(betas, network.n, lowest_beta)
            tempering = sample(
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
            samples = tempering.samples
        else:
            if dt is not None:
                dt = parameters.positive("dt", dt)
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
    result = _collect(
        np.asarray(beta, dtype=float), rows, samples if store_samples else None, chains
    )
    bad = [f"beta={b:g}" for b, row in zip(betas, rows, strict=True) if not _mixed(row, chains)]
    found: list[str] = []
    if bad:
        text = (
            f"not mixed at {', '.join(bad)}: R-hat up to {np.max(result['r_hat']):.3f} (allowed "
            f"{_LARGEST_R_HAT}), effective sample size down to {np.min(result['ess']):.0f} (needed "
            f"{_SMALLEST_ESS * chains}); raise n_samples, warmup or thin"
        )
        warnings.warn(text, SamplingWarning, stacklevel=2)
        found.append(text)
    run = tempering or Tempering(samples, np.empty(0), np.empty(0), np.empty(0))
    shape = np.shape(beta)
    return BoltzmannSamples(
        **result,
        status="not mixed" if found else "success",
        warnings=found,
        step_bias={name: values.reshape(shape) for name, values in bias.items()},
        acceptance=run.acceptance,
        swap_acceptance=run.swaps,
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


def _summary(network: Network, beta: float, samples: Array) -> dict[str, Estimate]:
    series = observe(network, beta, samples)
    found = {name: estimate(getattr(series, name)) for name in ("q", "energy", "r")}
    return {**found, "overlap": overlap_estimate(series.overlap, len(samples))}


def _mixed(row: dict[str, Estimate], chains: int) -> bool:
    worst = max(row[name].r_hat for name in ("q", "energy", "r"))
    fewest = min(row[name].ess for name in ("q", "energy", "r"))
    return worst <= _LARGEST_R_HAT and fewest >= _SMALLEST_ESS * chains


def _collect(
    beta: Array, rows: list[dict[str, Estimate]], samples: Array | None, chains: int
) -> dict[str, Any]:
    def array(values: list[Any]) -> NDArray[Any]:
        return np.array(values).reshape(beta.shape)

    result: dict[str, Any] = {"beta": beta}
    for name in NAMES:
        result[name] = array([row[name].value for row in rows])
        result[f"{name}_err"] = array([row[name].stderr for row in rows])
    judged = ("q", "energy", "r")
    result["r_hat"] = array([max(row[name].r_hat for name in judged) for row in rows])
    result["ess"] = array([min(row[name].ess for name in judged) for row in rows])
    result["converged"] = array([_mixed(row, chains) for row in rows])
    result["samples"] = samples if samples is None or beta.ndim else samples[0]
    return result
