"""Samples of exp(−βE), by tempering or Langevin dynamics, and what their averages are worth.

Tempering is Hamiltonian Monte Carlo, all chains and temperatures in one product.
"""

from __future__ import annotations

import warnings
from dataclasses import replace
from itertools import combinations, pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from meanfield import TransferFunction
from meanfield.common import arguments, seeds
from meanfield.common.arguments import ArgumentError, Array, validated
from meanfield.common.jobs import bar
from meanfield.common.result import Result, coordinate, error, given, value

from .integration import integrate
from .network import Network, at_work, largest_rate

if TYPE_CHECKING:
    import xarray as xr

# Averages of one chain, whose mixing is judged; the overlap is between chains.
_MIXED = ("q", "energy", "r")
NAMES = (*_MIXED, "overlap")
ALGORITHMS = ("tempering", "langevin")
# Of what is counted, to tell what makes a call large.
_USUAL = {"n_samples": 1000, "warmup": 500, "thin": 1, "leapfrog": 20, "chains": 4}
_LARGEST_R_HAT = 1.05
# Per chain: Vehtari, Gelman, Simpson, Carpenter, Bürkner, Bayesian Anal. 16, 667 (2021).
_SMALLEST_ESS = 100
# Log spacing of the ladder times √n, for swap rates near 0.3: E fluctuates by √(n/2)/β.
_SPACING = 2.0
_TARGET_ACCEPTANCE = 0.8
# Largest relative change of a leapfrog step: a fixed length of trajectories can resonate.
_JITTER = 0.2
# Default step of Langevin dynamics in units of 1/λ_max(Hess E): an eighth of the stability limit.
_STEP = 0.25
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
        note="Of an odd φ without bias of order n^−½ where replicas do not order; nan for one "
        "chain.",
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


@validated
def sample_boltzmann(
    J: Any,
    beta: ArrayLike,
    *,
    n_samples: int = 1000,
    chains: int = 4,
    seed: seeds.Seed | None = None,
    algorithm: str = "tempering",
    warmup: int | None = None,
    thin: int = 1,
    leapfrog: int = 20,
    lowest_beta: float = 0.5,
    dt: float | None = None,
    eta: float = 0.0,
    bias: ArrayLike = 0.0,
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
    seed : Seed, optional
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
    eta, bias, phi, threads, progress
        As in `integrate`.

    Returns
    -------
    BoltzmannSamples
        Arrays have the shape of `beta`, 0-d for one temperature.

    Raises
    ------
    ArgumentError
        If J is a LinearOperator of unknown entries, or beta neither a finite number nor increasing.

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
    >>> run = sample_boltzmann(J, 2.0, n_samples=500, seed=1)
    >>> theory = saddle_point(0.5, beta=2.0, branch="paramagnetic")
    >>> bool(abs(run.q - theory.q) < 0.03), bool(run.converged)
    (True, True)
    """
    told = given(sample_boltzmann, locals())
    arguments.one_of("algorithm", algorithm, ALGORITHMS)
    network = Network(J, phi=phi, eta=eta, bias=bias)
    if not network.is_stored:
        network.dense("sampling, which asks for ever new products,")
    betas = np.atleast_1d(arguments.inverse_temperature(beta))
    in_order = betas.ndim == 1 and betas.size and np.all(np.diff(betas) > 0)
    if not (in_order and np.all(np.isfinite(betas))):
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
        "n_samples": n_samples, "chains": chains, "warmup": warmup, "entropy": entropy,
        "progress": progress,
    }  # fmt: skip
    counts = {"n_samples": n_samples, "warmup": warmup, "thin": thin, "chains": chains}
    with at_work(threads):
        if algorithm == "tempering":
            rungs = _ladder(betas, network.n, lowest_beta)
            columns = len(rungs) * chains
            _check_cost(
                network, counts | {"leapfrog": leapfrog},
                # Every column has a generator, which is asked three times a sweep.
                (warmup + n_samples * thin) * (0.2 * columns + leapfrog), columns, len(betas),
            )  # fmt: skip
            samples, accepted, swapped = _tempered_samples(
                network,
                rungs,
                np.searchsorted(rungs, betas),
                thin=thin,
                leapfrog=leapfrog,
                **common,
            )
            tempering = {"ladder": rungs, "acceptance": accepted}
            tempering["swap_acceptance"] = swapped if swapped.size else None
        else:
            if dt is not None:
                dt = arguments.positive("dt", dt)
            rate = np.max(largest_rate(network, np.zeros(network.n), 1.0))
            _check_cost(
                network, counts,
                # With its companion at 2 dt, and noise.
                3.0 * len(betas) * (warmup + n_samples) * thin / (dt or _STEP / max(1.0, rate)),
                chains, len(betas),
            )  # fmt: skip
            samples, step_bias, reasons, dt = _langevin_samples(
                network, betas, spacing=float(thin), dt=dt, **common
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
        warnings.warn(_unmixed(named, *worst, needed), SamplingWarning, stacklevel=3)
    used = {"n": network.n, "phi": network.function.name, "warmup": warmup, "dt": dt}
    return BoltzmannSamples(
        beta=np.asarray(beta, dtype=float),
        samples=(samples if shape else samples[0]) if store_samples else None,
        **{name: array.reshape(shape) for name, array in numbers.items()},
        **tempering,
        reason=np.array(reasons) if shape else reasons[0],
        attributes=told | used | {"seed": entropy},
    )


def _check_cost(
    network: Network, counts: dict[str, int], evaluations: float, columns: int, n_beta: int
) -> None:
    """Refuse what would run for days, or keep more than there is room for."""
    name = max(counts, key=lambda one: counts[one] / _USUAL[one])
    kept = 1.0 * n_beta * counts["chains"] * counts["n_samples"]
    network.check(
        name, counts[name], f"lower it or another of {', '.join(counts)}, or take a longer dt",
        evaluations, columns, regulated=True,
        # Samples, activities and a copy; of a column what is at work, and its generator.
        numbers=3.0 * kept * network.n + columns * (12 * network.n + 300),
    )  # fmt: skip


def _unmixed(where: str, r_hat: float, ess: float, needed: int) -> str:
    more = " and take chains >= 2, one alone has no R-hat" if needed == _SMALLEST_ESS else ""
    return (
        f"not mixed at {where}: R-hat up to {r_hat:.3f} (allowed {_LARGEST_R_HAT}), effective "
        f"sample size down to {ess:.0f} (needed {needed}); raise n_samples, warmup or thin{more}"
    )


def _order_parameters(network: Network, beta: float, samples: Array) -> dict[str, float]:
    """Order parameters of one β with their errors, and how well the chains have mixed."""
    series = _observe(network, beta, samples)
    judged = {name: chain_mean(series[name]) for name in _MIXED}
    means = {**judged, "overlap": _overlap_mean(series["overlap"], len(samples))}
    return {
        **{name: mean.value for name, mean in means.items()},
        **{f"{name}_err": mean.value_err for name, mean in means.items()},
        # Unlike Python's, these pass on the nan of a series that is frozen.
        "r_hat": float(np.max([mean.r_hat for mean in judged.values()])),
        "ess": float(np.min([mean.ess for mean in judged.values()])),
    }


class _ChainMean(NamedTuple):
    """An average over chains with what is known about it."""

    value: float
    # Monte Carlo, from the effective sample size.
    value_err: float
    # Rank-normalised and split: 1 where chains agree; nan where it is not defined.
    r_hat: float
    # Effective number of independent samples.
    ess: float


def chain_mean(series: Array) -> _ChainMean:
    """Mean of a (chains, draws) series; the error of a series that is frozen is not known."""
    value = float(np.mean(series))
    if series.shape[1] < 4 or np.ptp(series) == 0:
        return _ChainMean(value, np.nan, np.nan, np.nan)
    from arviz_stats import base

    known: Any = getattr(base, "array_stats")  # noqa: B009  untyped in the library
    # The variance of a series that is all but frozen may vanish.
    with np.errstate(divide="ignore", invalid="ignore"):
        return _ChainMean(
            value,
            float(known.mcse(series, method="mean")),
            float(known.rhat(series)),
            float(known.ess(series, method="mean")),
        )


def _observe(network: Network, beta: float, samples: Array) -> dict[str, Array]:
    """Σφ²/n, E/n, −β Σfφ/n and, for pairs of chains, Σφφ'/n of (chains, draws, n) samples."""
    chains, draws, n = samples.shape
    activity = np.empty(samples.shape)
    energy, q, r = (np.empty((chains, draws)) for _ in range(3))
    for chain in range(chains):
        x = np.ascontiguousarray(samples[chain].T)
        force = network.evaluate(x, 0.0).force
        value = network.function.phi(x)
        activity[chain] = value.T
        q[chain] = np.einsum("ij,ij->j", value, value) / n
        r[chain] = -beta * np.einsum("ij,ij->j", force, value) / n
        energy[chain] = network.energy(x, force) / n
    pairs = list(combinations(range(chains), 2))
    overlap = np.empty((len(pairs), draws))
    for row, (a, b) in zip(overlap, pairs, strict=True):
        row[:] = np.einsum("ij,ij->i", activity[a], activity[b]) / n
    return {"q": q, "energy": energy, "r": r, "overlap": overlap}


def _overlap_mean(overlap: Array, chains: int) -> _ChainMean:
    """Root mean square overlap of independent replicas, its sign being free where f is odd."""
    if not overlap.size:
        return _ChainMean(np.nan, np.nan, np.nan, np.nan)
    square = chain_mean(np.mean(overlap**2, axis=0)[None])
    # Pairs share chains: the error of the mean square is the larger of that of its time series,
    # which knows no difference between chains, and the jackknife, which is rough for few.
    error = square.value_err
    if chains > 2:
        member = np.array(list(combinations(range(chains), 2)))
        pairs = np.mean(overlap**2, axis=1)
        without = [np.mean(pairs[np.all(member != chain, axis=1)]) for chain in range(chains)]
        jackknife = np.sqrt((chains - 1) / chains * np.sum((without - np.mean(without)) ** 2))
        error = max(error, float(jackknife))
    root = float(np.sqrt(square.value))
    return _ChainMean(root, error / (2 * root) if root else np.nan, np.nan, square.ess)


def _ladder(betas: Array, n: int, lowest: float) -> Array:
    """Increasing β from `lowest` through all of `betas`, at most 2/√n apart in ln β."""
    knots = np.unique(np.append(betas, min(lowest, float(betas.min()))))
    rungs = [knots[:1]]
    for low, high in pairwise(knots):
        count = max(1, int(np.ceil(np.log(high / low) * np.sqrt(n) / _SPACING)))
        rungs.append(np.geomspace(low, high, count + 1)[1:])
        rungs[-1][-1] = high
    return np.concatenate(rungs)


class _ChainGenerators:
    """One generator for every chain and rung, and one for the swaps of every chain."""

    def __init__(self, seed: int, chains: int, rungs: int) -> None:
        def make(*key: int) -> np.random.Generator:
            return seeds.generator(seed, "sampling", *key)

        self.columns = [[make(chain, 1 + rung) for chain in range(chains)] for rung in range(rungs)]
        self.chains = [make(chain, 0) for chain in range(chains)]

    def normal(self, n: int) -> Array:
        """(n, rungs, chains) standard normals."""
        rows = [[generator.standard_normal(n) for generator in row] for row in self.columns]
        return np.moveaxis(np.array(rows), 2, 0)

    def uniform(self) -> Array:
        """(rungs, chains) uniforms."""
        return np.array([[generator.random() for generator in row] for row in self.columns])

    def swap_uniform(self, pairs: int) -> Array:
        """(pairs, chains) uniforms."""
        return np.array([generator.random(pairs) for generator in self.chains]).T


def _tempered_samples(
    network: Network,
    rungs: Array,
    targets: NDArray[np.intp],
    *,
    n_samples: int,
    chains: int,
    warmup: int,
    thin: int,
    leapfrog: int,
    entropy: int,
    progress: bool,
) -> tuple[Array, Array, Array]:
    """Every `thin`-th state at the rungs `targets`; shares of accepted trajectories and swaps."""
    n, size = network.n, len(rungs)
    generators = _ChainGenerators(entropy, chains, size)
    beta = rungs[None, :, None]
    x = generators.normal(n)
    drift, energy = _evaluate(network, x)
    log_step = np.full(size, np.log(0.5))
    accepted = np.zeros(size)
    swapped, swaps_tried = np.zeros(size - 1), np.zeros(size - 1)
    samples = np.empty((len(targets), chains, n_samples, n))
    sweeps = warmup + n_samples * thin
    for sweep in bar(sweeps, "sampling", progress, "sweep", over=range(sweeps)):
        jitter = 1 + _JITTER * (2 * generators.uniform() - 1)
        step = (np.exp(log_step) / np.sqrt(rungs))[:, None] * jitter
        momentum = generators.normal(n)
        start = rungs[:, None] * energy + np.sum(momentum**2, axis=0) / 2
        y, force = x, drift
        half = beta * step / 2
        for _ in range(leapfrog):
            momentum += half * force
            y = y + step * momentum
            force, new_energy = _evaluate(network, y)
            momentum += half * force
        change = rungs[:, None] * new_energy + np.sum(momentum**2, axis=0) / 2 - start
        # A trajectory that blew up has change = nan or inf: rejected, and counted as such.
        probability = np.where(np.isfinite(change), np.exp(-np.maximum(change, 0)), 0.0)
        taken = generators.uniform() < probability
        x = np.where(taken, y, x)
        drift = np.where(taken, force, drift)
        energy = np.where(taken, new_energy, energy)
        if sweep < warmup:
            rate = (sweep + 10) ** -0.6
            log_step += rate * (probability.mean(axis=1) - _TARGET_ACCEPTANCE)
        else:
            accepted += taken.mean(axis=1)
        done, pairs = _swap(rungs, x, drift, energy, sweep % 2, generators)
        if sweep >= warmup:
            swapped[pairs] += done
            swaps_tried[pairs] += 1
            kept, rest = divmod(sweep - warmup + 1, thin)
            if rest == 0:
                samples[:, :, kept - 1] = np.moveaxis(x[:, targets], 0, 2)
    return samples, accepted / (n_samples * thin), swapped / swaps_tried


def _evaluate(network: Network, x: Array) -> tuple[Array, Array]:
    """−∇E and E of (n, rungs, chains) states."""
    evaluation = network.evaluate(x, 1.0)
    return evaluation.drift, network.energy(x, evaluation.force)


def _swap(
    rungs: Array, x: Array, drift: Array, energy: Array, parity: int, generators: _ChainGenerators
) -> tuple[Array, NDArray[np.intp]]:
    """Exchange neighbouring rungs in place, even and odd pairs in turn; share accepted per pair."""
    lower = np.arange(parity, len(rungs) - 1, 2)
    draw = generators.swap_uniform(len(lower))
    gain = (rungs[lower + 1] - rungs[lower])[:, None] * (energy[lower + 1] - energy[lower])
    exchange = np.log(np.maximum(draw, 1e-300)) < gain
    pair, chain = np.nonzero(exchange)
    low, high = lower[pair], lower[pair] + 1
    for values in (x, drift, energy[None]):
        values[:, [low, high], chain] = values[:, [high, low], chain]
    return exchange.mean(axis=1), lower


def _langevin_samples(
    network: Network,
    betas: Array,
    *,
    n_samples: int,
    chains: int,
    warmup: int,
    spacing: float,
    dt: float | None,
    entropy: int,
    progress: bool,
) -> tuple[Array, dict[str, Array], list[str], float | None]:
    """Samples (betas, chains, n_samples, n), bias of the step, what is wrong at each β, and dt."""
    samples = np.empty((len(betas), chains, n_samples, network.n))
    bias = {
        f"{name}_step_bias{end}": np.empty(len(betas)) for name in _MIXED for end in ("", "_err")
    }
    reasons: list[str] = []
    for index, beta in enumerate(betas):
        means: list[dict[str, _ChainMean]] = []
        for factor in (1, 2):
            key = seeds.sequence(entropy, "sampling", index, factor)
            start_seed, noise_seed = key.spawn(2)
            generators = map(np.random.default_rng, start_seed.spawn(chains))
            start = np.stack([g.standard_normal(network.n) for g in generators], axis=1)
            rate = float(np.max(largest_rate(network, start, 1.0)))
            if dt is None:
                dt = _STEP / rate
            elif dt * rate >= 1:
                raise ArgumentError(
                    f"dt={dt:g}: must be below {1 / rate:.3g}, for the companion run at 2 dt to be "
                    "stable"
                )
            # A whole number of double steps between samples: both runs are sampled alike.
            step = factor * spacing / (2 * np.ceil(spacing / (2 * dt)))
            run = integrate(
                network.J, start, t_max=spacing * (warmup + n_samples), dt=step, onsager=1.0,
                temperature=1 / beta, method="leimkuhler-matthews",
                save_at=spacing * np.arange(warmup + 1, warmup + n_samples + 1), eta=network.eta,
                bias=network.bias, phi=network.function,
                seed=int(noise_seed.generate_state(1, np.uint64)[0]), progress=progress,
            )  # fmt: skip
            assert run.x is not None
            states = np.ascontiguousarray(np.moveaxis(run.x, 2, 0))
            if factor == 1:
                samples[index] = states
                reasons.append(run.reason)
            series = _observe(network, beta, states)
            means.append({name: chain_mean(series[name]) for name in _MIXED})
        for name in _MIXED:
            # The scheme has a bias b dt² + O(dt³): a third of the difference of the two runs.
            fine, coarse = means[0][name], means[1][name]
            bias[f"{name}_step_bias"][index] = (coarse.value - fine.value) / 3
            width = float(np.hypot(coarse.value_err, fine.value_err))
            bias[f"{name}_step_bias_err"][index] = width / 3
    return samples, bias, reasons, dt
