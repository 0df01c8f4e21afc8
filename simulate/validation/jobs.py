"""The unit of work: one coupling matrix of one experiment, or its theory."""

from __future__ import annotations

import hashlib
import json
import math
import time
import warnings
import zlib
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

import meanfield
from meanfield import seeds
from meanfield.common.files import provenance

from ..boltzmann import SamplingWarning
from ..failures import FAILURES
from .statement import Experiment

THEORY, MEASURE = "theory", "measure"
# Slow mixing of single chains is told, not refused: to drop those couplings would bias the mean.
_TOLERATED = (SamplingWarning,)
# What no measurement depends on.
_WITHOUT = {
    "reproduction", "figures", "figures.py", "command_line", "report.py", "pictures.py", "table.py"
}  # fmt: skip


@dataclass(frozen=True)
class Job:
    """One call of a function of an experiment; `n` and `index` are 0 for the theory."""

    experiment: str
    kind: str
    n: int
    index: int
    seed: int
    parameters: str

    @property
    def key(self) -> str:
        """Digest of all that the result depends on, code and versions included."""
        facts = {**asdict(self), **_versions(), "sources": _sources()}
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:24]


@dataclass(frozen=True)
class Outcome:
    """What a job found: values (and their errors and degrees of freedom, of the theory)."""

    values: dict[str, list[float]]
    warnings: list[str]
    failure: str
    seconds: float


def plan(experiments: Iterable[Experiment], scale: str, seed: int) -> list[Job]:
    """All jobs of the experiments: theories first, then networks, the largest first.

    The seed of a job depends on `seed`, its experiment, n and its number alone, so that a job finds
    the same whatever else is run.
    """
    found = []
    for experiment in experiments:
        design = experiment.scales[scale]
        stream = zlib.crc32(experiment.key.encode())
        theory = json.dumps(dict(design.theory), sort_keys=True)
        own = seeds.member(seed, stream, 0, 0, 0)
        found.append(Job(experiment.key, THEORY, 0, 0, own, theory))
        measure = json.dumps(dict(design.measure), sort_keys=True)
        for n, count in design.sizes.items():
            for index in range(count):
                own = seeds.member(seed, stream, 1, n, index)
                found.append(Job(experiment.key, MEASURE, n, index, own, measure))
    return sorted(found, key=lambda job: (job.kind != THEORY, -job.n))


def run(job: Job, experiment: Experiment) -> Outcome:
    """Do one job."""
    start = time.process_time()
    parameters = json.loads(job.parameters)
    values: dict[str, list[float]] = {}
    failure = ""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            if job.kind == THEORY:
                theory = experiment.theory(seed=job.seed, **parameters)
                values = {name: [float(part) for part in value] for name, value in theory.items()}
            else:
                numbers = experiment.measure(job.n, job.seed, **parameters)
                values = {name: [float(value)] for name, value in numbers.items()}
        except FAILURES as error:
            failure = getattr(error, "summary", str(error))
    # A number that is none must not pass for a result.
    bad = [name for name, value in values.items() if math.isnan(value[0])]
    if bad and not failure:
        failure = f"nan: {', '.join(bad)}"
    texts = list(dict.fromkeys(str(one.message) for one in caught))
    refused = [one for one in caught if not issubclass(one.category, _TOLERATED)]
    if refused and not failure:
        failure = str(refused[0].message)
    return Outcome(values, texts, failure, time.process_time() - start)


@cache
def _versions() -> dict[str, str]:
    return {name: text for name, text in provenance().items() if name != "created"}


@cache
def _sources() -> str:
    """Digest of the code: measurements of other code are not taken up."""
    found = hashlib.sha256()
    for package in (Path(meanfield.__file__).parent, Path(__file__).parents[1]):
        for path in sorted(package.rglob("*.py")):
            if not _WITHOUT & set(path.relative_to(package).parts):
                found.update(path.read_bytes())
    return found.hexdigest()


def as_line(job: Job, outcome: Outcome) -> dict[str, Any]:
    """One line of the file of measurements."""
    return {"key": job.key, **asdict(job), **asdict(outcome)}
