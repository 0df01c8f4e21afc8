"""Rows: prediction, theory, simulation, deviation, verdict."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from .extrapolation import Deviation, Estimate, deviation, estimate
from .jobs import Outcome
from .statement import Experiment, Prediction, Value

AGREES, DIFFERS, EXACT, VIOLATED, NO_RESULT = (
    "agrees",
    "DIFFERS",
    "exact",
    "VIOLATED",
    "NO RESULT",
)

_NONE = Deviation(math.nan, math.nan, math.nan)


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
    theory: Value
    found: Estimate | None
    largest: float
    deviation: Deviation
    limit: float
    verdict: str
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
                {"n": int(n), "couplings": int(count), "mean": mean, "error": error}
                for n, count, mean, error in zip(
                    found.sizes.tolist(), found.counts.tolist(), found.means.tolist(),
                    found.errors.tolist(), strict=True,
                )
            ]  # fmt: skip
        return {name: _plain(value) for name, value in facts.items()}


def _plain(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def row(
    experiment: Experiment,
    prediction: Prediction,
    theory: Outcome | None,
    measured: Mapping[int, Sequence[Outcome | None]],
) -> Row:
    """One row, its limit of z still open.

    Parameters
    ----------
    experiment : Experiment
    prediction : Prediction
    theory : Outcome or None
    measured : mapping
        Outcomes of the single couplings for each n; None for what has not been measured.
    """
    blank = Row(
        experiment.key, prediction, Value(math.nan), None, math.nan, _NONE, math.nan, NO_RESULT
    )
    outcomes = [theory, *(one for group in measured.values() for one in group)]
    done = [one for one in outcomes if one is not None]
    if len(done) < len(outcomes):
        return replace(blank, reason=f"{len(outcomes) - len(done)} jobs still to do")
    if failures := sorted({one.failure for one in done if one.failure}):
        return replace(blank, reason="; ".join(failures))
    assert theory is not None
    expected = Value(0.0)
    if prediction.name in theory.values or prediction.bound is None:
        expected = Value(*theory.values[prediction.name])
    samples = {
        n: [one.values[prediction.name][0] for one in group if one is not None]
        for n, group in measured.items()
    }
    if prediction.bound is not None:
        largest = max(abs(v - expected.value) for group in samples.values() for v in group)
        good = largest <= prediction.bound
        return replace(
            blank,
            theory=expected,
            largest=largest,
            limit=prediction.bound,
            verdict=EXACT if good else VIOLATED,
        )
    found = estimate(samples, prediction.power)
    apart = deviation(found, expected)
    if not math.isfinite(apart.z):
        return replace(blank, theory=expected, found=found, reason="no error to compare with")
    warned = sum(bool(one.warnings) for one in done)
    told = f"({warned} of {len(done)} jobs warned)" if warned else ""
    return replace(
        blank, theory=expected, found=found, deviation=apart, verdict=AGREES, reason=told
    )


def judged(one: Row, limit: float) -> Row:
    """The row with its verdict at this limit of |z|."""
    if one.verdict != AGREES:
        return one
    return replace(one, limit=limit, verdict=AGREES if abs(one.z) <= limit else DIFFERS)


def as_text(rows: Sequence[Row]) -> str:
    """The table for a terminal."""
    head = ("row", "theory", "simulation", "n", "z", "would notice", "verdict")
    body = [
        (
            one.name,
            theory_text(one),
            simulation_text(one),
            sizes_text(one),
            z_text(one),
            resolution_text(one),
            f"{one.verdict} {one.reason}".rstrip(),
        )
        for one in rows
    ]
    widths = [max(len(line[k]) for line in (head, *body)) for k in range(len(head))]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in (head, *body)
    ]
    return "\n".join([lines[0], "-" * len(lines[0]), *lines[1:]])


def theory_text(one: Row) -> str:
    """Value(error)."""
    return _number(one.theory.value, one.theory.error)


def simulation_text(one: Row) -> str:
    """Value(error), or the largest deviation of an identity and its bound."""
    if one.found is None:
        return "" if math.isnan(one.largest) else f"|Δ| {one.largest:.1e} ≤ {one.limit:.1e}"
    return _number(one.found.value, one.found.error)


def sizes_text(one: Row) -> str:
    """Numbers of neurons, and → ∞ where they are extrapolated."""
    if one.found is None:
        return ""
    sizes = ",".join(f"{n:g}" for n in one.found.sizes)
    return f"{sizes} → ∞" if one.found.sizes.size > 1 else sizes


def z_text(one: Row) -> str:
    """Deviation with its sign."""
    return "" if math.isnan(one.z) else f"{one.z:+.2f}"


def resolution_text(one: Row) -> str:
    """The least difference that the row would notice."""
    return "" if one.found is None or math.isnan(one.resolution) else f"{one.resolution:.2g}"


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
