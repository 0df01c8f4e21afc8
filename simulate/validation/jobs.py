"""The unit of work: one coupling matrix of one experiment, or its theory."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from meanfield import seeds
from meanfield.common.jobs import Outcome
from meanfield.common.sweep import identity, key_of, sources

from ..boltzmann import SamplingWarning
from .statement import Experiment

if TYPE_CHECKING:
    import xarray as xr

THEORY, MEASURE = "theory", "measure"
# Slow mixing of single chains is told, not refused: to drop those couplings would bias the mean.
_TOLERATED = (SamplingWarning,)
# No measurement depends on these files.
_APART = ("command.py", "report.py", "table.py")


@dataclass(frozen=True)
class Job:
    """One call of a function of an experiment; n is 0 for the theory and where no network is."""

    experiment: Experiment
    kind: str
    n: int
    index: int
    seed: int
    parameters: Mapping[str, Any]
    # Digest of code and parameters.
    code: str = ""

    @property
    def facts(self) -> dict[str, Any]:
        """What identifies it to a reader of the store."""
        key = self.experiment.key
        return {"experiment": key, "kind": self.kind, "n": self.n, "index": self.index}

    @property
    def key(self) -> str:
        """Digest of all that its result depends on."""
        return key_of(self.code, **self.facts, seed=self.seed)

    def __call__(self) -> xr.Dataset:
        """Numbers of each row: of the theory value, error and degrees of freedom."""
        import xarray as xr

        function, given = getattr(self.experiment, self.kind), {"seed": self.seed}
        if self.kind == MEASURE:
            given["n"] = self.n
        found = function(**given, **self.parameters)
        numbers = {name: np.array(value, float, ndmin=1) for name, value in found.items()}
        # A number that is none must not pass for a result.
        if bad := [name for name, one in numbers.items() if np.isnan(one[0])]:
            raise ValueError(f"nan: {', '.join(bad)}")
        return xr.Dataset({name: ("number", one) for name, one in numbers.items()})


def plan(experiments: Iterable[Experiment], preset: str, seed: int) -> list[Job]:
    """All jobs of the experiments: theories first, then networks, the largest first.

    The seed of a job depends on `seed`, its experiment, n and its number alone, so that a job finds
    the same whatever else is run.
    """
    found = []
    for experiment in experiments:
        design = experiment.presets[preset]
        stream = zlib.crc32(experiment.key.encode())
        for kind, sizes in ((THEORY, {0: 1}), (MEASURE, design.sizes)):
            parameters = getattr(design, kind)
            code = identity(getattr(experiment, kind), parameters, sources(*_APART))
            for n, index in [(n, index) for n, count in sizes.items() for index in range(count)]:
                own = seeds.member(seed, stream, int(kind == MEASURE), n, index)
                found.append(Job(experiment, kind, n, index, own, parameters, code))
    return sorted(found, key=lambda job: (job.kind != THEORY, -job.n))


def failure(outcome: Outcome) -> str:
    """Why a job has no result, an error or a warning that is not tolerated; empty if it has one."""
    refused = [text for text, kind in outcome.warnings if not issubclass(kind, _TOLERATED)]
    return outcome.reason or next(iter(refused), "")
