"""What the races share: turns, limits of the machine, rows of the table."""

from __future__ import annotations

import os
import platform
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from importlib import metadata
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

# They make BLAS pick slower kernels than the machine has.
OVERRIDES = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")
OPPONENTS = ("numpy", "scipy", "jax", "diffrax", "reservoirpy")
# BLAS threads of all who race.  Several are measured by the clock: waiting threads use a processor.
THREADS = int(os.environ.get("RACE_THREADS", "1"))
CLOCK = time.process_time if THREADS == 1 else time.perf_counter


class Row(NamedTuple):
    """One race: seconds for the same work at about the same error.

    `share` is that of the limit which our run reaches, of which the note tells.
    """

    case: str
    opponent: str
    seconds: float
    theirs: float
    error: float
    their_error: float
    note: str = ""
    share: float = float("nan")

    @property
    def ratio(self) -> float:
        """How many times faster this package is."""
        return self.theirs / self.seconds

    def __str__(self) -> str:
        return (
            f"{self.case}: {self.seconds:.3g} s, error {self.error:.1e}; {self.opponent} "
            f"{self.theirs:.3g} s, error {self.their_error:.1e}: {self.ratio:.2f} x"
            + (f", {self.share:.0%} of the limit" if self.share == self.share else "")
            + (f"; {self.note}" if self.note else "")
        )

    def __format__(self, spec: str) -> str:
        return (
            f"| {self.case} | {self.opponent} | {told(self.error)} | {told(self.their_error)} | "
            f"{self.seconds:.3g} | {self.theirs:.3g} | **{self.ratio:.3g} ×** | "
            f"{f'{self.share:.0%}' if self.share == self.share else '—'} | {self.note} |"
        )


def told(error: float) -> str:
    return f"{error:.1e}" if error == error else "—"


HEAD = """\
| case | opponent | error: ours | theirs | seconds: ours | theirs | ratio | of the limit | |
|---|---|---|---|---|---|---|---|---|"""


def summary(rows: Sequence[Row]) -> str:
    """In how many races this package is the faster one, and where it is not."""
    lost: dict[str, list[str]] = {}
    for row in rows:
        if row.ratio < 1:
            lost.setdefault(row.case, []).append(f"{row.opponent} {row.ratio:.2g}")
    where = "; ".join(f"{case} ({', '.join(ratios)})" for case, ratios in lost.items())
    won = len(rows) - sum(map(len, lost.values()))
    return f"This package is the faster one in {won} of {len(rows)} rows." + (
        f" It is slower, with these ratios, in: {where}." if where else ""
    )


def native() -> str:
    """Start again without the overrides of the environment; what was overridden, in words."""
    found = {name: os.environ.pop(name) for name in OVERRIDES if name in os.environ}
    if found:
        os.environ["RACE_OVERRIDDEN"] = " ".join(f"{k}={v}" for k, v in found.items())
        os.execv(sys.executable, [sys.executable, *sys.argv])
    return os.environ.get("RACE_OVERRIDDEN", "")


def in_turns(
    calls: Mapping[str, Callable[[], Any]],
    repeats: int = 3,
    clock: Callable[[], float] = CLOCK,
) -> dict[str, tuple[float, Any]]:
    """Median seconds of every call, all of them once per round, and what it last returned."""
    spent: dict[str, list[float]] = {name: [] for name in calls}
    last: dict[str, Any] = {}
    for _ in range(repeats):
        for name, call in calls.items():
            start = clock()
            last[name] = call()
            spent[name].append(clock() - start)
    return {name: (float(np.median(spent[name])), last[name]) for name in calls}


def best(call: Callable[[], Any], repeats: int = 1) -> float:
    """Seconds of the clock of the fastest call."""
    return min(in_turns({"": call}, 1, time.perf_counter)[""][0] for _ in range(repeats))


def rms(difference: Any) -> float:
    return float(np.sqrt(np.mean(np.square(difference))))


class Limits(NamedTuple):
    """What the machine does at most: products in GFlop/s, traffic in GB/s."""

    square: float
    thin: float
    thin_single: float
    vector: float
    triad: float

    def __str__(self) -> str:
        return (
            f"products of 1000 × 1000 matrices {self.square:.0f} GFlop/s, with 32 columns "
            f"{self.thin:.0f} (float32 {self.thin_single:.0f}), with a vector {self.vector:.1f} "
            f"GB/s; a ← b + s c {self.triad:.1f} GB/s"
        )


def limits(n: int = 1000, columns: int = 32) -> Limits:
    rng = np.random.default_rng(0)
    J, X = rng.standard_normal((n, n)), rng.standard_normal((n, columns))
    J32, X32 = J.astype(np.float32), X.astype(np.float32)
    a, b, c = np.zeros((3, 4_000_000))

    def triad() -> None:
        np.multiply(c, 2.0, out=a)
        np.add(a, b, out=a)

    return Limits(
        2e-9 * n**3 / best(lambda: J @ J, 5),
        2e-9 * n**2 * columns / best(lambda: J @ X, 30),
        2e-9 * n**2 * columns / best(lambda: J32 @ X32, 30),
        8e-9 * n**2 / best(lambda: J @ X[:, 0].copy(), 50),
        8e-9 * 5 * a.size / best(triad, 5),
    )


def machine() -> str:
    """Processor, cores, versions and date."""
    names = [platform.processor() or platform.machine()]
    if (table := Path("/proc/cpuinfo")).exists():
        names = [
            line.split(":")[1].strip()
            for line in table.read_text().splitlines()
            if line.startswith("model name")
        ] or names
    versions = []
    for package in OPPONENTS:
        try:
            versions.append(f"{package} {metadata.version(package)}")
        except metadata.PackageNotFoundError:
            continue
    from threadpoolctl import threadpool_info

    blas = {f"{i['internal_api']} {i['version']} ({i.get('architecture')})"
            for i in threadpool_info() if i["user_api"] == "blas"}  # fmt: skip
    return (
        f"{names[0]}, {os.cpu_count()} cores; Python {platform.python_version()}, "
        f"{', '.join(versions)}; {', '.join(sorted(blas))}; {date.today()}"
    )
