"""Rows: means over couplings, extrapolated to n → ∞, against predictions; and their verdicts."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import scipy

from meanfield.common.arguments import Array
from meanfield.common.jobs import Attempt
from meanfield.common.result import FLAGGED

from ..boltzmann import SamplingWarning
from .statement import Experiment, Prediction, TheoryValue

# Verdicts; a row without a result is flagged.
AGREES, DIFFERS, EXACT, VIOLATED = "agrees", "DIFFERS", "exact", "VIOLATED"
# Tails beyond this are not told apart.
_SMALLEST = 1e-300


class SizeLimit(NamedTuple):
    """Means over couplings at each size n, and their limit n → ∞."""

    sizes: Array
    # Of couplings.
    counts: Array
    means: Array
    means_err: Array
    value: float
    value_err: float
    dof: float
    # Of n^−power; 0 with one size.
    slope: float
    # χ² per degree of freedom of the law in n; nan with fewer than three sizes.  The error does not
    # cover a wrong law: look here.
    misfit: float


def extrapolated(samples: Mapping[int, Sequence[float]], power: float) -> SizeLimit:
    """The limit n → ∞ of means over at least two couplings for each n; one n is taken as it is."""
    # The weights of the sizes are fixed by the design, not by the data: least squares for
    # a + b n^−power where a coupling has variance ∝ 1/n (self-averaging).  The limit is then a
    # linear contrast of independent means, unbiased for any variances, and follows Student's law
    # with Satterthwaite's degrees of freedom.  These are those of the least favourable of variances
    # ∝ 1, 1/n and 1/n²: estimated from the data (Welch) they let small variances that are small by
    # chance pass, up to five times too many false alarms at 0.001 with four couplings at the
    # largest n.
    sizes = np.array(sorted(samples), dtype=float)
    values = [np.asarray(samples[int(n)], dtype=float) for n in sizes]
    counts = np.array([v.size for v in values], dtype=float)
    means = np.array([v.mean() for v in values])
    errors = np.array([v.std(ddof=1) for v in values]) / np.sqrt(counts)
    law = np.stack([sizes**-p for p in (0.0, power)[: sizes.size]], axis=1)
    information = sizes * counts
    weights = np.linalg.solve(law.T @ (information[:, None] * law), law.T * information)
    limit, *rest = weights @ means
    error = math.sqrt(np.sum((weights[0] * errors) ** 2))
    variances = [weights[0] ** 2 / counts / sizes**p for p in (0, 1, 2)]
    dof = min(float(v.sum() ** 2 / np.sum(v**2 / (counts - 1))) for v in variances)
    slope = float(rest[0]) if rest else 0.0
    misfit = _misfit(law, means, errors)
    return SizeLimit(sizes, counts, means, errors, float(limit), error, dof, slope, misfit)


def _misfit(law: Array, means: Array, errors: Array) -> float:
    freedom = means.size - law.shape[1]
    if freedom < 1 or not np.all(errors > 0):
        return math.nan
    scaled = law / errors[:, None]
    fitted = scaled @ np.linalg.lstsq(scaled, means / errors, rcond=None)[0]
    return float(np.sum((means / errors - fitted) ** 2) / freedom)


class Deviation(NamedTuple):
    """Measured − theory."""

    # As improbable as Student's t, on the scale of a standard normal deviate.
    z: float = math.nan
    difference_err: float = math.nan
    dof: float = math.nan

    def resolution(self, limit: float) -> float:
        """The difference at which |z| reaches the limit."""
        return self.difference_err * float(scipy.stats.t.isf(scipy.stats.norm.sf(limit), self.dof))


def deviation(measured: SizeLimit, theory: TheoryValue) -> Deviation:
    """Deviation of a limit from a prediction; z is nan if neither has an error."""
    total = measured.value_err**2 + theory.value_err**2
    if not total > 0:
        return Deviation(difference_err=0.0)
    # Where the theory has the larger error, the fewer degrees of freedom count: Welch's would let
    # through up to three times too many false alarms at 0.0002 with eight batches.
    dof = min(measured.dof, theory.dof)
    if theory.value_err <= measured.value_err:
        dof = total**2 / (measured.value_err**4 / measured.dof + theory.value_err**4 / theory.dof)
    t = (measured.value - theory.value) / math.sqrt(total)
    tail = max(float(scipy.stats.t.sf(abs(t), dof)), _SMALLEST)
    return Deviation(math.copysign(float(scipy.stats.norm.isf(tail)), t), math.sqrt(total), dof)


def threshold(false_alarm: float, rows: int) -> float:
    """|z| beyond which a row differs; with that probability one of `rows` true ones does."""
    # Bonferroni's bound: it holds whatever the dependence between rows, which share networks.
    return float(scipy.stats.norm.isf(false_alarm / max(rows, 1) / 2))


_NO_VALUE, _NONE = TheoryValue(math.nan), Deviation()


@dataclass(frozen=True)
class TableRow:
    """One prediction and what was measured."""

    experiment: str
    prediction: Prediction
    theory: TheoryValue = _NO_VALUE
    # None for identities and where there is no result.
    measured: SizeLimit | None = None
    # Of identities: largest |measured − theory|.
    largest: float = math.nan
    deviation: Deviation = _NONE
    # |z| beyond which the row differs, or the bound of an identity.
    limit: float = math.nan
    verdict: str = FLAGGED
    # Why there is no result, or how many jobs warned.
    reason: str = ""

    @property
    def z(self) -> float:
        """Deviation as a standard normal deviate; nan for identities."""
        return self.deviation.z

    @property
    def name(self) -> str:
        """EXPERIMENT.ROW, by which rows are picked."""
        return f"{self.experiment}.{self.prediction.name}"

    @property
    def passed(self) -> bool:
        """Whether simulation and theory agree."""
        return self.verdict in (AGREES, EXACT)

    @property
    def resolution(self) -> float:
        """Difference from the theory that would have been noticed."""
        return self.limit if self.measured is None else self.deviation.resolution(self.limit)

    def to_dict(self) -> dict[str, Any]:
        """Numbers and texts for JSON; None where there is no number."""
        measured = self.measured
        facts: dict[str, Any] = {
            "row": self.name,
            "statement": self.prediction.statement,
            "source": self.prediction.source,
            "theory": self.theory.value,
            "theory_err": self.theory.value_err,
            "simulation": self.largest if measured is None else measured.value,
            "simulation_err": None if measured is None else measured.value_err,
            "degrees_of_freedom": None if measured is None else self.deviation.dof,
            "power": self.prediction.power,
            "bound": self.prediction.bound,
            "slope": None if measured is None else measured.slope,
            "misfit": None if measured is None else measured.misfit,
            "z": self.z,
            "limit": self.limit,
            "resolution": self.resolution,
            "verdict": self.verdict,
            "reason": self.reason,
        }
        if measured is not None:
            facts["sizes"] = [
                {"n": int(n), "couplings": int(count), "mean": float(mean), "mean_err": float(err)}
                for n, count, mean, err in zip(*measured[:4], strict=True)
            ]
        return {
            name: None if isinstance(number, float) and not math.isfinite(number) else number
            for name, number in facts.items()
        }


def failure(outcome: Attempt) -> str:
    """Why a job has no result, an error or a warning that is not tolerated; empty if it has one."""
    # Slow mixing of chains is told, not refused: to drop those couplings would bias the mean.
    refused = [text for text, kind in outcome.warnings if not issubclass(kind, SamplingWarning)]
    return outcome.reason or next(iter(refused), "")


def judged(
    experiment: Experiment,
    prediction: Prediction,
    theory: Attempt | None,
    networks: Mapping[int, Sequence[Attempt | None]],
    limit: float,
) -> TableRow:
    """One row, from the outcomes of the single couplings for each n; None is not measured yet."""
    row = partial(TableRow, experiment.key, prediction)
    outcomes = [theory, *(outcome for group in networks.values() for outcome in group)]
    done = [outcome for outcome in outcomes if outcome is not None]
    if len(done) < len(outcomes):
        return row(reason=f"{len(outcomes) - len(done)} jobs still to do")
    if failures := sorted({failure(outcome) for outcome in done} - {""}):
        return row(reason="; ".join(failures))
    assert theory is not None
    name, bound = prediction.name, prediction.bound
    expected = TheoryValue(0.0)
    if name in theory.value.variables or bound is None:
        expected = TheoryValue(*theory.value.variables[name][1].tolist())
    samples = {
        n: [outcome.value.variables[name][1].item() for outcome in group if outcome is not None]
        for n, group in networks.items()
    }
    if bound is not None:
        largest = max(abs(v - expected.value) for group in samples.values() for v in group)
        verdict = EXACT if largest <= bound else VIOLATED
        return row(expected, largest=largest, limit=bound, verdict=verdict)
    measured = extrapolated(samples, prediction.power)
    apart = deviation(measured, expected)
    if not math.isfinite(apart.z):
        return row(expected, measured, reason="no error to compare with, give it a bound")
    warned = sum(bool(outcome.warnings) for outcome in done)
    told = f"({warned} of {len(done)} jobs warned)" if warned else ""
    verdict = AGREES if abs(apart.z) <= limit else DIFFERS
    return row(expected, measured, deviation=apart, limit=limit, verdict=verdict, reason=told)


def cells(row: TableRow) -> dict[str, str]:
    """What the table says of a row, under its headings; → ∞ where sizes are extrapolated."""
    measured, simulation, sizes, noticed = row.measured, "", "", ""
    if measured is not None:
        simulation = _quoted(measured.value, measured.value_err)
        sizes = ",".join(f"{n:g}" for n in measured.sizes) + " → ∞" * (measured.sizes.size > 1)
        noticed = "" if math.isnan(row.resolution) else f"{row.resolution:.2g}"
    elif not math.isnan(row.largest):
        simulation = f"|Δ| {row.largest:.1e} ≤ {row.limit:.1e}"
    return {
        "theory": _quoted(row.theory.value, row.theory.value_err),
        "simulation": simulation,
        "N": sizes,
        "z": "" if math.isnan(row.z) else f"{row.z:+.2f}",
        "would notice": noticed,
        "verdict": f"{row.verdict} {row.reason}".rstrip(),
    }


def _quoted(number: float, error: float) -> str:
    if math.isnan(number):
        return ""
    if not error > 0:
        return f"{number:.6g}"
    # By the error as it is printed: 0.0997 is 0.10.
    digits = max(0, 1 - math.floor(math.log10(float(f"{error:.1e}"))))
    if digits > 8:
        return f"{number:.6g}"
    scaled = round(error * 10.0**digits)
    return f"{number:.{digits}f}({scaled})" if digits else f"{number:.0f}({error:.0f})"
