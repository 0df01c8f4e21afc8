"""Order parameters of samples, with the diagnostics of Markov chains."""

from __future__ import annotations

from itertools import combinations
from typing import Any, NamedTuple

import numpy as np

from meanfield.common.arguments import Array

from ..network import Network


class Estimate(NamedTuple):
    """An average over chains with what is known about it.

    Attributes
    ----------
    value, stderr : float
        Mean and Monte Carlo standard error (from the effective sample size).
    r_hat : float
        Rank-normalised split R-hat: 1 where chains agree; nan where it is not defined.
    ess : float
        Effective number of independent samples.
    """

    value: float
    stderr: float
    r_hat: float
    ess: float


def estimate(series: Array) -> Estimate:
    """Mean of a (chains, draws) series; the error of a series that is frozen is not known."""
    value = float(np.mean(series))
    if series.shape[1] < 4 or np.ptp(series) == 0:
        return Estimate(value, np.nan, np.nan, np.nan)
    from arviz_stats import base

    known: Any = getattr(base, "array_stats")  # noqa: B009  untyped in the library
    return Estimate(
        value,
        float(known.mcse(series, method="mean")),
        float(known.rhat(series)),
        float(known.ess(series, method="mean")),
    )


class Series(NamedTuple):
    """Observables of one β, (chains, draws) each; `overlap` (pairs of chains, draws)."""

    q: Array
    energy: Array
    r: Array
    overlap: Array


def observe(network: Network, beta: float, samples: Array) -> Series:
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
    return Series(q, energy, r, overlap)


def overlap_estimate(overlap: Array, chains: int) -> Estimate:
    """Root mean square overlap of independent replicas, its sign being free (x → −x).

    Pairs share chains: the error of the mean square is the larger of that of its time series,
    which knows no difference between chains, and the jackknife over chains, which is rough for few.
    R-hat is not defined.
    """
    if not overlap.size:
        return Estimate(np.nan, np.nan, np.nan, np.nan)
    square = estimate(np.mean(overlap**2, axis=0)[None])
    error = square.stderr
    if chains > 2:
        member = np.array(list(combinations(range(chains), 2)))
        pairs = np.mean(overlap**2, axis=1)
        without = [np.mean(pairs[np.all(member != chain, axis=1)]) for chain in range(chains)]
        jackknife = np.sqrt((chains - 1) / chains * np.sum((without - np.mean(without)) ** 2))
        error = max(error, float(jackknife))
    root = float(np.sqrt(square.value))
    return Estimate(root, error / (2 * root) if root else np.nan, np.nan, square.ess)
