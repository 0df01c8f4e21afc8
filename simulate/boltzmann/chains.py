"""Markov chains of exp(−βE), by tempering or Langevin dynamics, and what their averages are worth.

Tempering is Hamiltonian Monte Carlo, all chains and temperatures in one product.
"""

from __future__ import annotations

from itertools import combinations, pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from meanfield.common import seeds
from meanfield.common.arguments import ArgumentError, Array
from meanfield.common.jobs import bar

from ..integration import integrate
from ..lanczos import largest_rate
from ..network import Network
from ..observables.states import reason_of

# Log spacing of the ladder times √n, for swap rates near 0.3: E fluctuates by √(n/2)/β.
_SPACING = 2.0
_TARGET_ACCEPTANCE = 0.8
# Smallest number of leapfrog steps is half of the largest: a fixed length can resonate.
_JITTER = 0.2
# Default step of Langevin dynamics in units of 1/λ_max(Hess E): an eighth of the stability limit.
_STEP = 0.25


class ChainMean(NamedTuple):
    """An average over chains with what is known about it."""

    value: float
    # Monte Carlo, from the effective sample size.
    value_err: float
    # Rank-normalised and split: 1 where chains agree; nan where it is not defined.
    r_hat: float
    # Effective number of independent samples.
    ess: float


def chain_mean(series: Array) -> ChainMean:
    """Mean of a (chains, draws) series; the error of a series that is frozen is not known."""
    value = float(np.mean(series))
    if series.shape[1] < 4 or np.ptp(series) == 0:
        return ChainMean(value, np.nan, np.nan, np.nan)
    from arviz_stats import base

    known: Any = getattr(base, "array_stats")  # noqa: B009  untyped in the library
    return ChainMean(
        value,
        float(known.mcse(series, method="mean")),
        float(known.rhat(series)),
        float(known.ess(series, method="mean")),
    )


class OrderParameterSeries(NamedTuple):
    """Order parameters of one β, (chains, draws) each; `overlap` (pairs of chains, draws)."""

    q: Array
    energy: Array
    r: Array
    overlap: Array


def observe(network: Network, beta: float, samples: Array) -> OrderParameterSeries:
    """Σφ²/n, E/n, −β Σfφ/n and, between chains, Σφφ'/n of (chains, draws, n) samples."""
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
    return OrderParameterSeries(q, energy, r, overlap)


def overlap_mean(overlap: Array, chains: int) -> ChainMean:
    """Root mean square overlap of independent replicas, its sign being free (x → −x)."""
    if not overlap.size:
        return ChainMean(np.nan, np.nan, np.nan, np.nan)
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
    return ChainMean(root, error / (2 * root) if root else np.nan, np.nan, square.ess)


def ladder(betas: Array, n: int, lowest: float) -> Array:
    """Increasing β from `lowest` through all of `betas`, at most 2/√n apart in ln β."""
    knots = np.unique(np.append(betas, min(lowest, float(betas.min()))))
    rungs = [knots[:1]]
    for low, high in pairwise(knots):
        count = max(1, int(np.ceil(np.log(high / low) * np.sqrt(n) / _SPACING)))
        rungs.append(np.geomspace(low, high, count + 1)[1:])
        rungs[-1][-1] = high
    return np.concatenate(rungs)


class ChainGenerators:
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


def tempered_samples(
    network: Network,
    rungs: Array,
    targets: NDArray[np.intp],
    *,
    n_samples: int,
    chains: int,
    warmup: int,
    thin: int,
    leapfrog: int,
    generators: ChainGenerators,
    progress: bool,
) -> tuple[Array, Array, Array]:
    """Every `thin`-th state at the rungs `targets`; shares of accepted trajectories and swaps."""
    n, size = network.n, len(rungs)
    beta = rungs[None, :, None]
    x = generators.normal(n)
    drift, energy = _evaluate(network, x)
    log_step = np.full(size, np.log(0.5))
    accepted, tried = np.zeros(size), 0
    swapped, swaps_tried = np.zeros(max(size - 1, 0)), np.zeros(max(size - 1, 0))
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
            tried += 1
        done, pairs = _swap(rungs, x, drift, energy, sweep % 2, generators)
        if sweep >= warmup:
            swapped[pairs] += done
            swaps_tried[pairs] += 1
            kept, rest = divmod(sweep - warmup + 1, thin)
            if rest == 0:
                samples[:, :, kept - 1] = np.moveaxis(x[:, targets], 0, 2)
    return samples, accepted / max(tried, 1), swapped / np.maximum(swaps_tried, 1)


def _evaluate(network: Network, x: Array) -> tuple[Array, Array]:
    """−∇E and E of (n, rungs, chains) states."""
    evaluation = network.evaluate(x, 1.0)
    return evaluation.drift, network.energy(x, evaluation.force)


def _swap(
    rungs: Array, x: Array, drift: Array, energy: Array, parity: int, generators: ChainGenerators
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


def langevin_samples(
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
    names = ("q", "energy", "r")
    bias: dict[str, list[float]] = {}
    reasons: list[str] = []
    for index, beta in enumerate(betas):
        means: list[dict[str, ChainMean]] = []
        reasons.append("")
        for factor in (1, 2):
            key = seeds.sequence(entropy, "sampling", index, factor)
            start_seed, noise_seed = key.spawn(2)
            start = np.empty((network.n, chains))
            for chain, child in enumerate(start_seed.spawn(chains)):
                start[:, chain] = np.random.default_rng(child).standard_normal(network.n)
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
                phi=network.function, seed=int(noise_seed.generate_state(1, np.uint64)[0]),
                progress=progress,
            )  # fmt: skip
            assert run.x is not None
            states = np.ascontiguousarray(np.moveaxis(run.x, 2, 0))
            if factor == 1:
                samples[index] = states
                reasons[-1] = reason_of(run)
            series = observe(network, beta, states)
            means.append({name: chain_mean(getattr(series, name)) for name in names})
        for name in names:
            # The scheme has a bias b dt² + O(dt³): a third of the difference of the two runs.
            fine, coarse = means[0][name], means[1][name]
            width = float(np.hypot(coarse.value_err, fine.value_err)) / 3
            bias.setdefault(f"{name}_step_bias", []).append((coarse.value - fine.value) / 3)
            bias.setdefault(f"{name}_step_bias_err", []).append(width)
    return samples, {name: np.array(values) for name, values in bias.items()}, reasons, dt
