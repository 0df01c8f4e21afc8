"""Order parameters of samples, with the diagnostics of Markov chains."""

from __future__ import annotations

from itertools import combinations
from typing import Any, NamedTuple

import numpy as np
from arviz_stats import base
from numpy.typing import NDArray

from ..network import Network

Array = NDArray[np.float64]

_STATISTICS: Any = getattr(base, "array_stats")  # noqa: B009  untyped in the library


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
    """Mean of a (chains, draws) series; constant series are known exactly."""
    value = float(np.mean(series))
    if np.ptp(series) == 0:
        return Estimate(value, 0.0, 1.0, float(series.size))
    if series.shape[1] < 4:
        return Estimate(value, np.nan, np.nan, np.nan)
    return Estimate(
        value,
        float(_STATISTICS.mcse(series, method="mean")),
        float(_STATISTICS.rhat(series)),
        float(_STATISTICS.ess(series, method="mean")),
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


def overlap_estimate(overlap: Array) -> Estimate:
    """Root mean square overlap of independent replicas, its sign being free (x → −x).

    Pairs share chains, so their mean square is one time series and no set of chains: R-hat is not
    defined.
    """
    if not overlap.size:
        return Estimate(np.nan, np.nan, np.nan, np.nan)
    square = estimate(np.mean(overlap**2, axis=0)[None])
    root = float(np.sqrt(square.value))
    return Estimate(root, square.stderr / (2 * root) if root else 0.0, np.nan, square.ess)
