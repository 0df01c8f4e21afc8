"""Means over couplings at several n, extrapolated to n → ∞, against a prediction."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from scipy import stats

from meanfield.common.arguments import Array

from .statement import Value

# Tails beyond this are not told apart.
_SMALLEST = 1e-300


class Estimate(NamedTuple):
    """Mean over couplings at each size, and their limit.

    Attributes
    ----------
    sizes, counts, means, errors : ndarray
        n, number of couplings, mean and standard error.
    value, error, dof : float
        Limit n → ∞, its standard error and degrees of freedom.
    slope : float
        Of n^−power; 0 with one size.
    misfit : float
        χ² per degree of freedom of the law in n; nan with fewer than three sizes.  The error does
        not cover a wrong law: look here.
    """

    sizes: Array
    counts: Array
    means: Array
    errors: Array
    value: float
    error: float
    dof: float
    slope: float
    misfit: float


def estimate(samples: Mapping[int, Sequence[float]], power: float) -> Estimate:
    """The limit n → ∞ of means over couplings.

    The weights of the sizes are fixed by the design, not by the data: least squares for
    a + b n^−power where a coupling has variance ∝ 1/n (self-averaging).  The limit is then a linear
    contrast of independent means, unbiased for any variances, and follows Student's law with
    Satterthwaite's degrees of freedom.  These are those of the least favourable of variances ∝ 1,
    1/n and 1/n²: estimated from the data (Welch) they let small variances that are small by chance
    pass, up to five times too many false alarms at 0.001 with four couplings at the largest n.

    Parameters
    ----------
    samples : mapping
        Values of single couplings for each n, at least two.
    power : float
        Exponent of the law; one size is taken as it is.
    """
    sizes = np.array(sorted(samples), dtype=float)
    values = [np.asarray(samples[int(n)], dtype=float) for n in sizes]
    counts = np.array([v.size for v in values], dtype=float)
    means = np.array([v.mean() for v in values])
    errors = np.array([v.std(ddof=1) for v in values]) / np.sqrt(counts)
    law = np.stack([sizes**-p for p in (0.0, power)[: sizes.size]], axis=1)
    information = sizes * counts
    weights = np.linalg.solve(law.T @ (information[:, None] * law), law.T * information)
    value, *rest = weights @ means
    error = math.sqrt(np.sum((weights[0] * errors) ** 2))
    variances = [weights[0] ** 2 / counts / sizes**p for p in (0, 1, 2)]
    dof = min(float(one.sum() ** 2 / np.sum(one**2 / (counts - 1))) for one in variances)
    slope = float(rest[0]) if rest else 0.0
    misfit = _misfit(law, means, errors)
    return Estimate(sizes, counts, means, errors, float(value), error, dof, slope, misfit)


def _misfit(law: Array, means: Array, errors: Array) -> float:
    freedom = means.size - law.shape[1]
    if freedom < 1 or not np.all(errors > 0):
        return math.nan
    scaled = law / errors[:, None]
    found = np.linalg.lstsq(scaled, means / errors, rcond=None)[0]
    return float(np.sum((means / errors - scaled @ found) ** 2) / freedom)


class Deviation(NamedTuple):
    """Measured − theory.

    Attributes
    ----------
    z : float
        As improbable as Student's t, on the scale of a standard normal deviate.
    error, dof : float
        Standard error of the difference and its degrees of freedom.
    """

    z: float
    error: float
    dof: float

    def resolution(self, limit: float) -> float:
        """The difference at which |z| reaches the limit."""
        return self.error * float(stats.t.isf(stats.norm.sf(limit), self.dof))


def deviation(found: Estimate, theory: Value) -> Deviation:
    """Deviation of an estimate from a prediction.

    Where the theory has the larger error, the fewer degrees of freedom count: Welch's would let
    through up to three times too many false alarms at 0.0002 with eight batches.  z is nan if
    neither has an error.
    """
    total = found.error**2 + theory.error**2
    if not total > 0:
        return Deviation(math.nan, 0.0, math.nan)
    dof = min(found.dof, theory.dof)
    if theory.error <= found.error:
        dof = total**2 / (found.error**4 / found.dof + theory.error**4 / theory.dof)
    t = (found.value - theory.value) / math.sqrt(total)
    tail = max(float(stats.t.sf(abs(t), dof)), _SMALLEST)
    return Deviation(math.copysign(float(stats.norm.isf(tail)), t), math.sqrt(total), dof)


def threshold(false_alarm: float, rows: int) -> float:
    """|z| beyond which a row differs, if `rows` tested together may raise a false alarm that often.

    Bonferroni's bound: it holds whatever the dependence between rows, which share networks.
    """
    return float(stats.norm.isf(false_alarm / max(rows, 1) / 2))
