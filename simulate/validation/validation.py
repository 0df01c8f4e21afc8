"""`validate`, the public call: jobs, what they find, the table."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from meanfield.common import arguments, seeds
from meanfield.common.arguments import ArgumentError
from meanfield.common.files import provenance
from meanfield.common.jobs import Attempt
from meanfield.common.store import Store
from meanfield.common.sweep import identity, keep, key_of, sources

from .experiments import EXPERIMENTS
from .extrapolation import threshold
from .statement import PRESETS, Experiment
from .table import NO_RESULT, Row, as_text, failure, row

if TYPE_CHECKING:
    import xarray as xr

THEORY, MEASURE = "theory", "measure"
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
        return key_of(self.code, {**self.facts, "seed": self.seed})

    def __call__(self) -> xr.Dataset:
        """Numbers of each row: of the theory value, error and degrees of freedom."""
        import xarray as xr

        given = {"n": self.n} if self.kind == MEASURE else {}
        found = getattr(self.experiment, self.kind)(seed=self.seed, **given, **self.parameters)
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


@dataclass(frozen=True)
class Validation:
    """The table of predictions against simulations.

    Attributes
    ----------
    rows : list of Row
    false_alarm : float
        Bound on the probability that any row of a true table differs by chance.
    limit : float
        |z| beyond which a row differs.
    warnings : list of str
        What the library warned of on the way, by experiment.
    n_jobs, n_reused, n_other : int
        Couplings and theories of the table, how many of them were read from earlier runs, and how
        many measurements there are of other rows, seeds, versions or code.
    failures : list of str
        What kept jobs of this call from a result, by experiment.
    seconds : dict
        Of one core, all jobs together, by experiment.
    attributes : dict
        Preset, seed and versions.
    """

    rows: list[Row]
    false_alarm: float
    limit: float
    warnings: list[str]
    n_jobs: int
    n_reused: int
    n_other: int
    failures: list[str]
    seconds: dict[str, float]
    attributes: dict[str, Any] = field(default_factory=dict)

    @property
    def passed(self) -> bool:
        """Whether every row agrees."""
        return all(one.passed for one in self.rows)

    @property
    def complete(self) -> bool:
        """Whether every row has a result."""
        return all(one.verdict != NO_RESULT for one in self.rows)

    def table(self) -> str:
        """The table for a terminal."""
        return as_text(self.rows)

    def summary(self) -> str:
        """Verdict in a few lines."""
        tested = sum(one.prediction.bound is None for one in self.rows)
        failed = [one for one in self.rows if not one.passed]
        by_z = (
            f"{tested} tested by |z| ≤ {self.limit:.2f} (false alarm of the whole table ≤ "
            f"{self.false_alarm:g}), "
        )
        lines = [
            f"{len(self.rows) - len(failed)} of {len(self.rows)} rows agree: "
            f"{by_z if tested else ''}{len(self.rows) - tested} identities by their bounds"
        ]
        lines += [f"  {one.name}: {one.verdict} {one.reason}".rstrip() for one in failed]
        return "\n".join(lines)

    def to_json(self) -> str:
        """All numbers."""
        facts = {
            **self.attributes,
            "passed": self.passed,
            "false_alarm": self.false_alarm,
            "limit": self.limit,
            "jobs": self.n_jobs,
            "reused": self.n_reused,
            "core_seconds": {key: round(value, 3) for key, value in self.seconds.items()},
            "warnings": self.warnings,
            "rows": [one.to_dict() for one in self.rows],
        }
        return json.dumps(facts, indent=1, ensure_ascii=False, allow_nan=False)


def validate(
    preset: str = "quick",
    *,
    rows: Sequence[str] = ("*",),
    seed: int | None = 0,
    false_alarm: float = 0.01,
    store: str | Path | None = None,
    fresh: bool = False,
    shard: tuple[int, int] = (1, 1),
    workers: int | None = None,
    progress: bool = False,
) -> Validation:
    """Test the predictions of the theory on networks, with one false-alarm rate for all.

    Parameters
    ----------
    preset : {"quick", "paper"}
        About two minutes on two cores, or the sizes of the papers (hours).
    rows : sequence of str
        Which rows, as shell patterns of EXPERIMENT or EXPERIMENT.ROW: "chaos", "equilibrium.q*".
    seed : int, optional
        Of couplings, starts, noise and sampling.
    false_alarm : float
        Probability, in (0, 1), that a table of true predictions has any row that differs.
    store : path, optional
        Directory of measurements: what it has, by the same code, versions and seed, is not
        measured again, and every measurement is added as it comes.
    fresh : bool
        Measure everything again.
    shard : (int, int)
        (i, k): measure only every k-th job, from the i-th (1 … k) on, each shard with a file of its
        own in `store`.  When all are there a call without shard makes the table.
    workers : int, optional
        Processes; results do not depend on it.
    progress : bool
        Progress bar on a terminal.

    Returns
    -------
    Validation

    Raises
    ------
    ArgumentError
        If an argument is outside its range or no row is picked.

    Notes
    -----
    A row tests simulation − theory against their standard errors.  Couplings are the unit of
    replication; several n are extrapolated (`estimate`); deviations follow Student's law; the limit
    of |z| is Bonferroni's for all rows tested.  The false-alarm rate assumes the law in n of every
    row (`Prediction.power`); with three sizes or more `Estimate.misfit` tells whether it holds.
    Identities are judged by their bounds on rounding and truncation instead.  A job that fails or
    warns (but for chains that mix slowly) leaves its rows without a result.

    Examples
    --------
    >>> from simulate import validate
    >>> found = validate(rows=["identities"])
    >>> found.passed
    True
    """
    arguments.one_of("preset", preset, PRESETS)
    false_alarm = arguments.positive("false_alarm", false_alarm)
    if false_alarm >= 1:
        raise ArgumentError(f"false_alarm={false_alarm:g}: must lie in (0, 1)")
    first, of = (arguments.count("shard", part, 1) for part in shard)
    if first > of:
        raise ArgumentError(f"shard={first}/{of}: the number of a shard must not exceed {of}")
    picked = pick(rows)
    entropy = seeds.entropy(seed)
    jobs = plan(picked, preset, entropy)
    if fresh and of > 1:
        raise ArgumentError("fresh=True: not for shards, which share their measurements")
    kept = Store(store, "all" if of == 1 else f"{first}-of-{of}", fresh=fresh)
    n_kept, n_reused = len(kept), sum(kept.get(job.key) is not None for job in jobs)
    own = jobs[first - 1 :: of]
    keep(
        own, [job.key for job in own], kept, [job.facts for job in own],
        workers=workers, label="measurements", progress=progress,
    )  # fmt: skip
    found = [(job, kept.get(job.key)) for job in jobs]
    limit = threshold(false_alarm, sum(p.bound is None for e in picked for p in e.predictions))
    outcomes = [(job.experiment.key, one) for job, one in found if one is not None]
    return Validation(
        rows=[one for experiment in picked for one in _rows(experiment, found, limit)],
        false_alarm=false_alarm,
        limit=limit,
        warnings=sorted({f"{key}: {text}" for key, one in outcomes for text, _ in one.warnings}),
        failures=sorted({f"{key}: {failure(one)}" for key, one in outcomes if failure(one)}),
        n_jobs=len(jobs),
        n_reused=n_reused,
        n_other=n_kept - n_reused,
        seconds={e.key: sum(one.seconds for key, one in outcomes if key == e.key) for e in picked},
        attributes={"preset": preset, "seed": str(entropy), **provenance()},
    )


def pick(patterns: Sequence[str]) -> list[Experiment]:
    """The experiments with the predictions that match; ArgumentError if a pattern has none."""
    picked, unused = [], set(patterns)
    for experiment in EXPERIMENTS.values():
        matching = []
        for one in experiment.predictions:
            names = (experiment.key, f"{experiment.key}.{one.name}")
            if by := {p for p in patterns if any(fnmatchcase(name, p) for name in names)}:
                matching.append(one)
                unused -= by
        if matching:
            picked.append(replace(experiment, predictions=tuple(matching)))
    for pattern in patterns:
        if pattern in unused:
            raise ArgumentError(
                f"rows={pattern!r}: matches nothing, the experiments are {', '.join(EXPERIMENTS)}"
            )
    return picked


def _rows(
    experiment: Experiment, found: Sequence[tuple[Job, Attempt | None]], limit: float
) -> list[Row]:
    # As in the plan, the theory first.
    (_, theory), *networks = [pair for pair in found if pair[0].experiment is experiment]
    measured: dict[int, list[Attempt | None]] = {}
    for job, one in networks:
        measured.setdefault(job.n, []).append(one)
    return [row(experiment, one, theory, measured, limit) for one in experiment.predictions]
