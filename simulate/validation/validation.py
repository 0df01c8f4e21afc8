"""`validate`, the public call: jobs, what they find, the table."""

from __future__ import annotations

import json
import math
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from meanfield.common import arguments, seeds, style
from meanfield.common.arguments import ArgumentError, Array, validated
from meanfield.common.files import provenance
from meanfield.common.identity import environment, identity, key_of, sources
from meanfield.common.jobs import Attempt
from meanfield.common.result import (
    CONVERGED,
    FLAGGED,
    Result,
    coordinate,
    error,
    fact,
    given,
    value,
)
from meanfield.common.store import Labelled, Store
from meanfield.common.sweep import keep

from .experiments import EXPERIMENTS
from .statement import PRESETS, Experiment
from .table import TableRow, cells, failure, judged, threshold

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes

THEORY, MEASURE = "theory", "measure"
# No measurement depends on these files.
_APART = ("report.py", "table.py")
# Mistakes of the program are no rows without a result.
_MISTAKES = (AttributeError, NameError, TypeError)


@dataclass(frozen=True)
class ExperimentJob:
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

    def __call__(self) -> Labelled:
        """Numbers of each row: of the theory value, error and degrees of freedom."""
        sized = {"n": self.n} if self.kind == MEASURE else {}
        raw = getattr(self.experiment, self.kind)(seed=self.seed, **sized, **self.parameters)
        numbers = {name: np.array(number, float, ndmin=1) for name, number in raw.items()}
        # A number that is none must not pass for a result.
        if bad := [name for name, number in numbers.items() if np.isnan(number[0])]:
            raise ValueError(f"nan: {', '.join(bad)}")
        return Labelled({name: (("number",), number, {}) for name, number in numbers.items()})


def plan(experiments: Iterable[Experiment], preset: str, seed: int) -> list[ExperimentJob]:
    """All jobs of the experiments: theories first, then networks, the largest first."""
    jobs = []
    for experiment in experiments:
        design = experiment.presets[preset]
        stream = zlib.crc32(experiment.key.encode())
        for kind, sizes in ((THEORY, {0: 1}), (MEASURE, design.sizes)):
            parameters = getattr(design, kind)
            made = identity(getattr(experiment, kind), parameters, sources(*_APART))
            code = key_of(made, environment())
            for n, index in [(n, index) for n, count in sizes.items() for index in range(count)]:
                # Of its experiment, n and number alone: a job finds the same whatever else is run.
                own = seeds.member(seed, stream, int(kind == MEASURE), n, index)
                jobs.append(ExperimentJob(experiment, kind, n, index, own, parameters, code))
    return sorted(jobs, key=lambda job: (job.kind != THEORY, -job.n))


class Validation(Result):
    """The table of predictions against simulations; a row without a result is flagged.

    `rows` has what is measured at each n beside what stands here.
    """

    row: NDArray[np.str_] = coordinate("row, as EXPERIMENT.ROW", (...,))
    statement: NDArray[np.str_] = value("what is predicted", (...,))
    source: NDArray[np.str_] = value("equation, or named check of `derivations`", (...,))
    theory: Array = value("number of the theory", (...,))
    theory_err: Array = error("theory")
    simulation: Array = value(
        "number measured", (...,), note="Of identities the largest |measured − theory|."
    )
    simulation_err: Array = error("simulation", note="nan for identities.")
    z: Array = value(
        "deviation as a standard normal deviate", (...,), symbol="$z$", note="nan for identities."
    )
    resolution: Array = value("difference that would have been noticed", (...,))
    verdict: NDArray[np.str_] = value(
        "verdict", (...,), note='"agrees", "DIFFERS", "exact", "VIOLATED" or "flagged".'
    )
    rows: list[TableRow]
    false_alarm: float = fact("bound on the probability that any row of a true table differs")
    limit: float = fact("|z| beyond which a row differs")
    n_jobs: int = fact("couplings and theories of the table")
    n_reused: int = fact("how many of them were read from earlier runs")
    n_other: int = fact("measurements there of other rows, seeds, versions or code")
    job_warnings: list[str] = fact("what the library warned of on the way, by experiment")
    failures: list[str] = fact("what kept jobs of this call from a result, by experiment")
    seconds: dict[str, float] = fact("of all jobs together, by experiment")
    _headline = ("passed", "limit")

    @property
    def passed(self) -> bool:
        """Whether every row agrees."""
        return all(row.passed for row in self.rows)

    @property
    def complete(self) -> bool:
        """Whether every row has a result."""
        return bool(np.all(self.converged))

    def to_dataset(self, dims: tuple[str, ...] | None = ("row",)) -> xr.Dataset:
        """Labelled arrays along `row`; parameters and versions in the attributes."""
        return super().to_dataset(dims)

    def plot(self, ax: Axes | None = None, *, label: str | None = None) -> Axes:
        """Draw z of every tested row and, shaded, the limit of the table.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            Where; default: the axes of a new figure.
        label : str, optional
            Of the points, for a legend.
        """
        ax = style.one_panel(ax, self.figure_size)
        tested = [row for row in self.rows if math.isfinite(row.z)]
        z, heights = [row.z for row in tested], np.arange(len(tested))[::-1]
        colours = ["C0" if row.passed else style.ALARM for row in tested]
        ax.axvspan(-self.limit, self.limit, color="0.93", lw=0)
        ax.axvline(0, color="0.6", lw=0.8)
        ax.hlines(heights, 0, z, color=colours, lw=1)
        ax.scatter(z, heights, color=colours, s=16, zorder=3, label=label)
        ax.set_yticks(heights, [row.name for row in tested], fontsize=7)
        widest = 1.1 * max([self.limit, *map(abs, z)])
        ax.set(
            ylim=(-1, len(tested)), xlim=(-widest, widest),
            xlabel=r"deviation $z$ (simulation $-$ theory, in standard errors)",
            title=rf"shaded: $|z| \leq {self.limit:.2f}$",
        )  # fmt: skip
        return ax

    @property
    def figure_size(self) -> tuple[float, float]:
        """Of a picture of all tested rows, in inches."""
        return 7, 1.2 + 0.19 * max(sum(math.isfinite(row.z) for row in self.rows), 4)

    def table(self) -> str:
        """The table for a terminal."""
        import pandas as pd

        names = [row.name for row in self.rows]
        return pd.DataFrame([cells(row) for row in self.rows], names).to_string()

    def summary(self) -> str:
        """Verdict in a few lines."""
        tested = sum(row.prediction.bound is None for row in self.rows)
        failed = [row for row in self.rows if not row.passed]
        by_z = (
            f"{tested} tested by |z| ≤ {self.limit:.2f} (false alarm of the whole table ≤ "
            f"{self.false_alarm:g}), "
        )
        lines = [
            f"{len(self.rows) - len(failed)} of {len(self.rows)} rows agree: "
            f"{by_z if tested else ''}{len(self.rows) - tested} identities by their bounds"
        ]
        lines += [f"  {row.name}: {row.verdict} {row.reason}".rstrip() for row in failed]
        return "\n".join(lines)

    def to_json(self) -> str:
        """All numbers."""
        return json.dumps(self.facts(), indent=1, ensure_ascii=False, allow_nan=False)

    def facts(self) -> dict[str, Any]:
        """All numbers, in what JSON has."""
        return {
            **self.attributes,
            **provenance(),
            "passed": self.passed,
            "false_alarm": self.false_alarm,
            "limit": self.limit,
            "jobs": self.n_jobs,
            "reused": self.n_reused,
            "core_seconds": {key: round(time, 3) for key, time in self.seconds.items()},
            "warnings": self.job_warnings,
            "rows": [row.to_dict() for row in self.rows],
        }


@validated
def validate(
    preset: str = "quick",
    *,
    rows: Sequence[str] = ("*",),
    seed: seeds.Seed | None = 0,
    false_alarm: float = 0.01,
    store: str | Path | None = None,
    fresh: bool = False,
    shard: tuple[int, int] = (1, 1),
    workers: int | None = None,
    executor: Any = None,
    progress: bool = False,
) -> Validation:
    """Test the predictions of the theory on networks, with one false-alarm rate for all.

    Parameters
    ----------
    preset : {"quick", "paper"}
        About two minutes on two cores, or the sizes of the papers (hours).
    rows : sequence of str
        Which rows, as shell patterns of EXPERIMENT or EXPERIMENT.ROW: "chaos", "equilibrium.q*".
    seed : Seed, optional
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
    workers, executor
        Who measures, as in `meanfield.sweep`; results do not depend on it.
    progress : bool
        Progress bar on a terminal.

    Returns
    -------
    Validation

    Raises
    ------
    ArgumentError
        If `preset` is another word, `false_alarm` lies outside (0, 1), `shard` is no (i, k) with
        1 ≤ i ≤ k or is asked for beside `fresh`, or a pattern of `rows` matches nothing.

    Notes
    -----
    A row tests simulation − theory against their standard errors.  Couplings are the unit of
    replication; several n are extrapolated with weights fixed by the design; deviations follow
    Student's law; the limit of |z| is Bonferroni's for all rows tested.  The false-alarm rate
    assumes the law in n of every row (`Prediction.power`); with three sizes or more
    `SizeLimit.misfit` tells whether it holds.
    Identities are judged by their bounds on rounding and truncation instead.  A job that fails or
    warns (but for chains that mix slowly) leaves its rows flagged, without a result; a mistake of
    the program (`TypeError`, `NameError`, `AttributeError`) is raised.

    Examples
    --------
    >>> from simulate import validate
    >>> table = validate(rows=["identities"])
    >>> table.passed
    True
    """
    attributes = given(validate, locals())
    arguments.one_of("preset", preset, PRESETS)
    false_alarm = arguments.positive("false_alarm", false_alarm)
    if false_alarm >= 1:
        raise ArgumentError(f"false_alarm={false_alarm:g}: must lie in (0, 1)")
    first, of = (arguments.count("shard", part, 1) for part in shard)
    if first > of:
        raise ArgumentError(f"shard={first}/{of}: the number of a shard must not exceed {of}")
    picked = pick(rows, preset)
    entropy = seeds.entropy(seed)
    jobs = plan(picked, preset, entropy)
    if fresh and of > 1:
        raise ArgumentError("fresh=True: not for shards, which share their measurements")
    own = jobs[first - 1 :: of]
    with Store(store, "all" if of == 1 else f"{first}-of-{of}", fresh=fresh) as kept:
        n_kept, n_reused = len(kept), sum(kept.get(job.key) is not None for job in jobs)
        keep(
            own, [job.key for job in own], kept, [job.facts for job in own], throw=_MISTAKES,
            workers=workers, executor=executor, label="measurements", progress=progress,
        )  # fmt: skip
    known = [(job, kept.get(job.key)) for job in jobs]
    limit = threshold(false_alarm, sum(p.bound is None for e in picked for p in e.predictions))
    table = [row for experiment in picked for row in _rows(experiment, known, limit)]
    outcomes = [(job.experiment.key, outcome) for job, outcome in known if outcome is not None]
    warned = {f"{key}: {text}" for key, outcome in outcomes for text, _ in outcome.warnings}
    failed = {f"{key}: {failure(outcome)}" for key, outcome in outcomes if failure(outcome)}
    seconds = {
        e.key: sum(outcome.seconds for key, outcome in outcomes if key == e.key) for e in picked
    }
    return Validation(
        **_columns(table),
        rows=table,
        false_alarm=false_alarm,
        limit=limit,
        job_warnings=sorted(warned),
        failures=sorted(failed),
        n_jobs=len(jobs),
        n_reused=n_reused,
        n_other=n_kept - n_reused,
        seconds=seconds,
        attributes={**attributes, "seed": entropy, "degrees_of_freedom": [*map(_freedom, table)]},
    )


def _freedom(row: TableRow) -> float:
    return 0.0 if row.measured is None else row.deviation.dof


def _columns(table: Sequence[TableRow]) -> dict[str, Any]:
    facts = [row.to_dict() for row in table]
    texts = ("row", "statement", "source", "verdict", "reason")
    numbers = ("theory", "theory_err", "simulation", "simulation_err", "z", "resolution")
    verdicts = np.array([row["verdict"] for row in facts])
    return {
        **{name: np.array([row[name] for row in facts]) for name in texts},
        **{name: np.array([row[name] for row in facts], dtype=float) for name in numbers},
        "status": np.where(verdicts == FLAGGED, FLAGGED, CONVERGED),
    }


def pick(patterns: Sequence[str], preset: str) -> list[Experiment]:
    """The experiments with the predictions that match; ArgumentError if a pattern has none."""
    picked, used = [], set()
    for key, experiment in EXPERIMENTS.items():
        by = {
            row: {p for p in patterns if fnmatchcase(key, p) or fnmatchcase(f"{key}.{row.name}", p)}
            for row in experiment.predictions
            if row.name not in experiment.presets[preset].without
        }
        used |= set().union(*by.values())
        if matching := tuple(row for row in by if by[row]):
            picked.append(replace(experiment, predictions=matching))
    for pattern in patterns:
        if pattern not in used:
            raise ArgumentError(
                f"rows={pattern!r}: matches nothing of preset={preset}, the experiments are "
                f"{', '.join(EXPERIMENTS)}"
            )
    return picked


def _rows(
    experiment: Experiment, known: Sequence[tuple[ExperimentJob, Attempt | None]], limit: float
) -> list[TableRow]:
    # As in the plan, the theory first.
    (_, theory), *networks = [pair for pair in known if pair[0].experiment is experiment]
    measured: dict[int, list[Attempt | None]] = {}
    for job, outcome in networks:
        measured.setdefault(job.n, []).append(outcome)
    return [judged(experiment, p, theory, measured, limit) for p in experiment.predictions]
