"""Hamiltonian Monte Carlo with parallel tempering, all chains and temperatures in one product."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from meanfield.common import seeds
from meanfield.common.arguments import Array
from meanfield.common.jobs import bar

from ..network import Network

# Log spacing of the ladder times √n, for swap rates near 0.3: E fluctuates by √(n/2)/β.
_SPACING = 2.0
_TARGET_ACCEPTANCE = 0.8
# Smallest number of leapfrog steps is half of the largest: a fixed length can resonate.
_JITTER = 0.2


def ladder(betas: Array, n: int, lowest: float) -> Array:
    """Increasing β from `lowest` through all of `betas`, at most 2/√n apart in ln β."""
    knots = np.unique(np.append(betas, min(lowest, float(betas.min()))))
    rungs = [knots[:1]]
    for low, high in pairwise(knots):
        count = max(1, int(np.ceil(np.log(high / low) * np.sqrt(n) / _SPACING)))
        rungs.append(np.geomspace(low, high, count + 1)[1:])
        rungs[-1][-1] = high
    return np.concatenate(rungs)


class Generators:
    """One generator for every chain and rung, and one for the swaps of every chain."""

    def __init__(self, seed: int, chains: int, rungs: int) -> None:
        def make(*key: int) -> np.random.Generator:
            return seeds.generator(seed, "sampling", *key)

        self.columns = [[make(chain, 1 + rung) for chain in range(chains)] for rung in range(rungs)]
        self.chains = [make(chain, 0) for chain in range(chains)]

    def normal(self, n: int) -> Array:
        """(n, rungs, chains) standard normals."""
        rows = np.empty((len(self.columns), len(self.chains), n))
        for rung, row in enumerate(self.columns):
            for chain, generator in enumerate(row):
                generator.standard_normal(out=rows[rung, chain])
        return np.moveaxis(rows, 2, 0)

    def uniform(self) -> Array:
        """(rungs, chains) uniforms."""
        return np.array([[generator.random() for generator in row] for row in self.columns])

    def swap_uniform(self, pairs: int) -> Array:
        """(pairs, chains) uniforms."""
        return np.array([generator.random(pairs) for generator in self.chains]).T


def sample(
    network: Network,
    rungs: Array,
    targets: NDArray[np.intp],
    *,
    n_samples: int,
    chains: int,
    warmup: int,
    thin: int,
    leapfrog: int,
    generators: Generators,
    progress: bool,
) -> tuple[Array, Array, Array]:
    """Run all rungs and chains; keep every `thin`-th state at the rungs `targets` (indices).

    Returns
    -------
    (targets, chains, n_samples, n) ndarray
        Samples.
    (rungs,), (rungs − 1,) ndarray
        Shares of accepted trajectories and of accepted exchanges between neighbouring rungs after
        the warm-up.
    """
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
    rungs: Array, x: Array, drift: Array, energy: Array, parity: int, generators: Generators
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
