"""Rows: prediction, theory, simulation, deviation, verdict."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from meanfield.common.jobs import Attempt

from ..boltzmann import SamplingWarning
from .extrapolation import Deviation, Estimate, deviation, estimate
from .statement import Experiment, Prediction, Value

AGREES, DIFFERS = "agrees", "DIFFERS"
EXACT, VIOLATED, NO_RESULT = "exact", "VIOLATED", "NO RESULT"

_NONE = Deviation(math.nan, math.nan, math.nan)
_NO_VALUE = Value(math.nan)


@dataclass(frozen=True)
class Row:
    """One prediction and what was found.

    Attributes
    ----------
    experiment : str
    prediction : Prediction
    theory : Value
    found : Estimate or None
        None for identities and where there is no result.
    largest : float
        Identities: largest |measured − theory|; nan else.
    deviation : Deviation
        Its z is nan for identities.
    limit : float
        |z| beyond which the row differs, or the bound of an identity.
    verdict : str
        "agrees", "DIFFERS", "exact", "VIOLATED" or "NO RESULT".
    reason : str
        Why there is no result, or how many jobs warned.
    """

    experiment: str
    prediction: Prediction
    theory: Value = _NO_VALUE
    found: Estimate | None = None
    largest: float = math.nan
    deviation: Deviation = _NONE
    limit: float = math.nan
    verdict: str = NO_RESULT
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
        if self.found is None:
            return self.limit
        return self.deviation.resolution(self.limit)

    def to_dict(self) -> dict[str, Any]:
        """Numbers and texts for JSON; None where there is no number."""
        found = self.found
        facts: dict[str, Any] = {
            "row": self.name,
            "statement": self.prediction.statement,
            "source": self.prediction.source,
            "theory": self.theory.value,
            "theory_error": self.theory.error,
            "simulation": self.largest if found is None else found.value,
            "simulation_error": None if found is None else found.error,
            "degrees_of_freedom": None if found is None else self.deviation.dof,
            "power": self.prediction.power,
            "bound": self.prediction.bound,
            "slope": None if found is None else found.slope,
            "misfit": None if found is None else found.misfit,
            "z": self.z,
            "limit": self.limit,
            "resolution": self.resolution,
            "verdict": self.verdict,
            "reason": self.reason,
        }
        if found is not None:
            facts["sizes"] = [
                {"n": int(n), "couplings": int(count), "mean": float(mean), "error": float(error)}
                for n, count, mean, error in zip(*found[:4], strict=True)
            ]
        return {name: _plain(value) for name, value in facts.items()}


def _plain(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def failure(outcome: Attempt) -> str:
    """Why a job has no result, an error or a warning that is not tolerated; empty if it has one."""
    # Slow mixing of chains is told, not refused: to drop those couplings would bias the mean.
    refused = [text for text, kind in outcome.warnings if not issubclass(kind, SamplingWarning)]
    return outcome.reason or next(iter(refused), "")


def row(
    experiment: Experiment,
    prediction: Prediction,
    theory: Attempt | None,
    measured: Mapping[int, Sequence[Attempt | None]],
    limit: float,
) -> Row:
    """One row, from the outcomes of the single couplings for each n; None is not measured yet."""
    new = partial(Row, experiment.key, prediction)
    outcomes = [theory, *(one for group in measured.values() for one in group)]
    done = [one for one in outcomes if one is not None]
    if len(done) < len(outcomes):
        return new(reason=f"{len(outcomes) - len(done)} jobs still to do")
    if failures := sorted({failure(one) for one in done if failure(one)}):
        return new(reason="; ".join(failures))
    assert theory is not None
    name, bound = prediction.name, prediction.bound
    expected = Value(0.0)
    if name in theory.value or bound is None:
        expected = Value(*theory.value[name].values.tolist())
    samples = {
        n: [one.value[name].item() for one in group if one is not None]
        for n, group in measured.items()
    }
    if bound is not None:
        largest = max(abs(v - expected.value) for group in samples.values() for v in group)
        verdict = EXACT if largest <= bound else VIOLATED
        return new(expected, largest=largest, limit=bound, verdict=verdict)
    found = estimate(samples, prediction.power)
    apart = deviation(found, expected)
    if not math.isfinite(apart.z):
        return new(expected, found, reason="no error to compare with")
    warned = sum(bool(one.warnings) for one in done)
    told = f"({warned} of {len(done)} jobs warned)" if warned else ""
    verdict = AGREES if abs(apart.z) <= limit else DIFFERS
    return new(expected, found, deviation=apart, limit=limit, verdict=verdict, reason=told)


def as_text(rows: Sequence[Row]) -> str:
    """The table for a terminal."""
    import pandas as pd

    return pd.DataFrame([cells(one) for one in rows], [one.name for one in rows]).to_string()


def cells(one: Row) -> dict[str, str]:
    """What the table says of a row, under its headings; → ∞ where sizes are extrapolated."""
    found, simulation, sizes, noticed = one.found, "", "", ""
    if found is not None:
        simulation = _number(found.value, found.error)
        sizes = ",".join(f"{n:g}" for n in found.sizes) + " → ∞" * (found.sizes.size > 1)
        noticed = "" if math.isnan(one.resolution) else f"{one.resolution:.2g}"
    elif not math.isnan(one.largest):
        simulation = f"|Δ| {one.largest:.1e} ≤ {one.limit:.1e}"
    return {
        "theory": _number(one.theory.value, one.theory.error),
        "simulation": simulation,
        "N": sizes,
        "z": "" if math.isnan(one.z) else f"{one.z:+.2f}",
        "would notice": noticed,
        "verdict": f"{one.verdict} {one.reason}".rstrip(),
    }


def _number(value: float, error: float) -> str:
    if math.isnan(value):
        return ""
    if not error > 0:
        return f"{value:.6g}"
    # By the error as it is printed: 0.0997 is 0.10.
    digits = max(0, 1 - math.floor(math.log10(float(f"{error:.1e}"))))
    if digits > 8:
        return f"{value:.6g}"
    scaled = round(error * 10.0**digits)
    return f"{value:.{digits}f}({scaled})" if digits else f"{value:.0f}({error:.0f})"
