"""Sweeps on many workers: what one machine can tell of a thousand.

    python benchmarks/scale.py speedup    two workers against one, and against two copies by hand
    python benchmarks/scale.py stores     points per second, bytes, files; what a kill leaves
    python benchmarks/scale.py scheduler  tiny tasks on Dask, and 1000 threads that sleep
    python benchmarks/scale.py imports    seconds, memory and files of a worker that starts
    python benchmarks/scale.py tail       the longest point against the rest, simulated

docs/scale.md says what follows.
"""

from __future__ import annotations

import hashlib
import heapq
import os
import shutil
import signal
import subprocess
import sys
import time
import warnings
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest import mock

import click
import numpy as np

from meanfield import saddle_point, steady_state, sweep
from meanfield.common import jobs
from meanfield.common.jobs import Attempt
from meanfield.common.labelled import labelled
from meanfield.common.store import Store

ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
MEGABYTE = 125_000
SLOTS = 1000


@click.group(context_settings={"show_default": True})
def main() -> None:
    """Sweeps on many workers: what one machine can tell of a thousand."""


@main.command()
@click.option("--points", type=click.IntRange(20), default=200, help="About 0.2 s each.")
@click.option("--rounds", type=click.IntRange(1), default=3)
def speedup(points: int, rounds: int) -> None:
    """Wall time of whole processes, imports and all: saddle points of the ordered branch."""
    cases = {"serial": [("1", "1/1")], "workers": [("2", "1/1")],
             "copies": [("1", "1/2"), ("1", "2/2")]}  # fmt: skip
    took: dict[str, list[float]] = {name: [] for name in cases}
    for turn in range(rounds):
        said = {}
        # Each comes first in turn, so that no one has the better moments.
        for name in np.roll(list(cases), turn).tolist():
            start = time.perf_counter()
            said[name] = started(["part", "--points", str(points)], cases[name])
            took[name].append(time.perf_counter() - start)
        if said["serial"] != said["workers"]:
            raise RuntimeError("two workers found other numbers than one")
        click.echo(", ".join(f"{name} {took[name][-1]:.1f} s" for name in cases))
    for name in ("serial", "copies"):
        ratios = np.array(took[name]) / took["workers"]
        click.echo(
            f"{name} / workers=2: median {np.median(ratios):.3f}, {ratios.min():.3f} to "
            f"{ratios.max():.3f}"
        )


def started(arguments: Sequence[str], cases: Sequence[tuple[str, str]]) -> list[str]:
    """What copies of this program print, started together."""
    running = [
        subprocess.Popen(
            [sys.executable, __file__, *arguments, "--workers", workers, "--share", share],
            env=os.environ | ONE_THREAD, stdout=subprocess.PIPE, text=True,
        )
        for workers, share in cases
    ]  # fmt: skip
    said = [process.communicate()[0] for process in running]
    if any(process.returncode for process in running):
        raise RuntimeError("a copy failed")
    return said


@main.command(hidden=True)
@click.option("--points", type=int)
@click.option("--workers", type=int)
@click.option("--share")
def part(points: int, workers: int, share: str) -> None:
    """Every k-th of the points of `speedup`, and a digest of what they are."""
    first, step = map(int, share.split("/"))
    axes = {"beta": np.linspace(2, 8, points // 10)[first - 1 :: step],
            "g": np.linspace(2.0, 2.8, 10)}  # fmt: skip
    grid = sweep(saddle_point, axes, gamma=-0.5, branch="ordered", workers=workers)
    click.echo(hashlib.sha256(grid.Q.values.tobytes()).hexdigest())


class Log:
    """The store of this package; the other schemes have the same methods."""

    def __init__(self, folder: Path, size: int, points: int) -> None:
        self.store = Store(folder)

    def write(self, number: int, values: Any) -> None:
        """Keep a point."""
        self.store.add(str(number), Attempt(labelled(values), [], None, 0.0))

    def read(self, numbers: range) -> dict[int, Any]:
        """What is there of these points."""
        known = {int(key): attempt.value for key, _, attempt in self.store.read().points()}
        return {number: one.variables["value"][1] for number, one in known.items()}


class Files:
    """One .npz a point, written beside and moved."""

    def __init__(self, folder: Path, size: int, points: int) -> None:
        self.folder = folder

    def write(self, number: int, values: Any) -> None:
        """Keep a point."""
        beside = self.folder / "partial.npz"
        np.savez(beside, value=values)
        os.replace(beside, self.folder / f"{number}.npz")

    def read(self, numbers: range) -> dict[int, Any]:
        """What is there of these points."""
        found = {}
        for number in numbers:
            if (path := self.folder / f"{number}.npz").exists():
                with np.load(path) as file:
                    found[number] = file["value"]
        return found


class Chunks:
    """A Zarr group with a chunk a point; nan where there is none."""

    def __init__(self, folder: Path, size: int, points: int) -> None:
        import zarr

        how: dict[str, Any] = {"shape": (points, size), "chunks": (1, size), "dtype": "f8"}
        group = zarr.open_group(folder, mode="a")
        self.array = group.require_array("value", fill_value=np.nan, **how)

    def write(self, number: int, values: Any) -> None:
        """Keep a point."""
        self.array[number] = values

    def read(self, numbers: range) -> dict[int, Any]:
        """What is there of these points."""
        found = {number: self.array[number] for number in numbers}
        return {number: values for number, values in found.items() if not np.isnan(values).all()}


def schemes() -> dict[str, Any]:
    """Those that can be used here."""
    known: dict[str, Any] = {"log": Log, "npz": Files}
    try:
        import zarr  # noqa: F401
    except ImportError:
        click.echo("zarr is not installed")
        return known
    return known | {"zarr": Chunks}


@contextmanager
def opened(scheme: Any, folder: Path, size: int, points: int) -> Iterator[Any]:
    store = scheme(folder, size, points)
    with getattr(store, "store", TemporaryDirectory()):
        yield store


@main.command()
@click.option("--small", type=click.IntRange(1), default=20_000, help="Points of 3 numbers.")
@click.option("--large", type=click.IntRange(1), default=200, help="Points of 1 MB.")
@click.option("--kills", type=click.IntRange(0), default=50, help="Of each scheme, at 1 MB.")
@click.option("--rounds", type=click.IntRange(1), default=3)
def stores(small: int, large: int, kills: int, rounds: int) -> None:
    """Points per second in the page cache, bytes and files on disk, and what a kill leaves."""
    # Kills first: they fork, which nothing may do once zarr has begun its threads.
    for name, scheme in schemes().items() if kills else ():
        click.echo(f"{name}: {after_kills(scheme, kills)}")
    for points, size in ((small, 3), (large, MEGABYTE)):
        records = np.random.default_rng(1).standard_normal((min(points, 100), size))
        for name, scheme in schemes().items():
            found = np.array([filled(scheme, records, points) for _ in range(rounds)])
            rates, (space, files) = points / found[:, :2], found[0, 2:]
            written, read = (f"{r.min():.0f} to {r.max():.0f}" for r in rates.T)
            click.echo(
                f"{name}, {points} points of {8 * size} bytes: {written} written and {read} read a "
                f"second; {space / points:.0f} bytes on disk a point, {files:.0f} files"
            )


def filled(scheme: Any, records: Any, points: int) -> tuple[float, float, float, float]:
    """Seconds to write and to read, bytes on disk, number of files."""
    size = records.shape[1]
    with TemporaryDirectory() as folder:
        start = time.perf_counter()
        with opened(scheme, Path(folder), size, points) as store:
            for number in range(points):
                store.write(number, records[number % len(records)])
        written = time.perf_counter()
        found = scheme(Path(folder), size, points).read(range(points))
        read = time.perf_counter()
        if len(found) != points:
            raise RuntimeError(f"{scheme.__name__}: {len(found)} of {points} points are there")
        files = [path.stat() for path in Path(folder).rglob("*") if path.is_file()]
    return written - start, read - written, 512 * sum(one.st_blocks for one in files), len(files)


def after_kills(scheme: Any, kills: int) -> str:
    """What the stores of killed writers have, against what these said was written."""
    rng = np.random.default_rng(2)
    records, points = rng.standard_normal((16, MEGABYTE)), 10_000
    said, torn, lost, wrong, unreadable = 0, 0, 0, 0, 0
    with TemporaryDirectory() as folder:
        places = [Path(folder, str(kill)) for kill in range(kills)]
        for place in places:
            place.mkdir()
        counts = [killed(scheme, p, records, points, rng.uniform(0, 0.05)) for p in places]
        # In a process of its own, too: the next scheme forks again.
        out, into = os.pipe()
        if os.fork() == 0:
            warnings.simplefilter("ignore")
            for place, number in zip(places, counts, strict=True):
                # What is unfinished, and still to be cleared away.
                left = [p for p in place.rglob("*") if "partial" in p.name]
                torn += bool(left) or any(
                    not path.read_bytes().endswith(b"\n") for path in place.glob("*.jsonl")
                )
                try:
                    found = scheme(place, MEGABYTE, points).read(range(number + 2))
                except Exception:
                    unreadable += 1
                    continue
                said += number
                lost += sum(k not in found for k in range(number))
                wrong += sum(
                    not np.array_equal(values, records[k % len(records)])
                    for k, values in found.items()
                )
            text = (
                f"{kills} kills, {said} points said to be written, {lost} of them lost, {wrong} "
                f"with wrong numbers, {unreadable} stores unreadable; {torn} with an unfinished one"
            )
            os.write(into, text.encode())
            os._exit(0)
        os.wait()
        return os.read(out, 1000).decode()


def killed(scheme: Any, place: Path, records: Any, points: int, seconds: float) -> int:
    """How many points a writer said to have written before it was killed."""
    out, into = os.pipe()
    child = os.fork()
    if child == 0:
        with opened(scheme, place, MEGABYTE, points) as store:
            for number in range(points):
                store.write(number, records[number % len(records)])
                os.write(into, b".")
    os.close(into)
    done = len(os.read(out, 1))
    time.sleep(seconds)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    while more := os.read(out, 1 << 16):
        done += len(more)
    os.close(out)
    return done


def tiny(x: float) -> float:
    return 2.0 * x


def nap(x: float, seconds: float) -> float:
    time.sleep(seconds)
    return x


@main.command()
@click.option("--points", type=click.IntRange(100), default=100_000, help="Tiny ones.")
@click.option("--naps", type=click.IntRange(100), default=20_000, help="Points that sleep.")
@click.option("--seconds", "lengths", type=float, multiple=True, default=(0.1, 1.0, 4.0))
def scheduler(points: int, naps: int, lengths: Sequence[float]) -> None:
    """Dask with tiny points on two processes, and with 1000 threads whose points sleep."""
    with cluster(1) as client, TemporaryDirectory() as folder:
        axes = {"x": range(points)}
        for name, call in {
            "client.map, a task a point": lambda: client.gather(
                client.map(tiny, range(points), pure=False)
            ),
            "sweep, batches": lambda: sweep(tiny, axes, executor=client),
            "sweep into a store": lambda: sweep(tiny, axes, executor=client, store=folder),
        }.items():
            took, told = watched(client, call)
            click.echo(f"{name}: {points / took:.0f} points a second{told}")
    with cluster(SLOTS // 2) as client:
        for seconds in lengths:
            took, told = watched(
                client, lambda s=seconds: sweep(nap, {"x": range(naps)}, executor=client, seconds=s)
            )
            busy = naps * seconds / SLOTS / took
            click.echo(f"{naps} points of {seconds:g} s on {SLOTS} threads: {took:.1f} s, threads "
                       f"asleep {busy:.0%}{told}")  # fmt: skip


@contextmanager
def cluster(threads: int) -> Iterator[Any]:
    """A scheduler and two workers, each a process; what they need is imported."""
    from distributed import Client
    from distributed.deploy.subprocess import SubprocessCluster

    each = {"nthreads": threads, "dashboard": False, "memory_limit": 0}
    with (
        SubprocessCluster(
            n_workers=2, worker_kwargs=each, scheduler_kwargs={"dashboard": False}
        ) as started,
        Client(started) as client,
    ):
        client.wait_for_workers(2)
        sweep(nap, {"x": range(4 * threads)}, executor=client, seconds=0.01)
        yield client


def watched(client: Any, call: Callable[[], Any]) -> tuple[float, str]:
    """Seconds of a call, and in words what its messages cost the processes."""

    def spent() -> Any:
        own = time.process_time(), client.run_on_scheduler(time.process_time)
        return np.array([*own, sum(client.run(time.process_time).values())])

    submit, messages = jobs._Cluster.submit, count()

    def counted(*args: Any) -> Any:
        next(messages)
        return submit(*args)

    with mock.patch.object(jobs._Cluster, "submit", counted):
        start, before = time.perf_counter(), spent()
        call()
        took, cost = time.perf_counter() - start, spent() - before
    sent = next(messages)
    each = f" in {sent} messages, {sent / took:.0f} a second" if sent else ""
    used = "driver {:.1f} s, scheduler {:.1f} s, workers {:.1f} s".format(*cost)
    return took, f"{each}; processor time {used}"


STARTS = {
    "python": "pass",
    "import numpy, scipy.linalg": "import numpy, scipy.linalg",
    "import xarray": "import xarray",
    "import meanfield": "import meanfield",
    "from meanfield import *": "from meanfield import *",
    "from simulate import *": "from simulate import *",
    "python -m meanfield --help": "from meanfield.command_line import main; main(['--help'])",
    "python -m simulate --help": "from simulate.command_line import main; main(['--help'])",
    "python -m derivations --help": "from derivations.command_line import main; main(['--help'])",
    "import distributed": "import distributed",
    "first batch (code compared), first point": (
        "import meanfield; from meanfield.common import jobs; "
        "jobs._batch([lambda: meanfield.saddle_point(1.2, 0.5)], 1.0, jobs._code())"
    ),
}
SAID = """
import sys
peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1]
print(int(peak) // 1024, len(sys.modules))
"""


@main.command()
@click.option("--rounds", type=click.IntRange(1), default=5)
def imports(rounds: int) -> None:
    """Seconds, memory, modules and system calls that name a file, of a worker that starts."""
    # Files are in the page cache; on a shared file system the calls are what counts.
    for name, code in STARTS.items():
        call, took = [sys.executable, "-c", code + SAID], []
        for _ in range(rounds):
            start = time.perf_counter()
            said = subprocess.run(
                call, env=os.environ | ONE_THREAD, capture_output=True, text=True, check=True
            )
            took.append(time.perf_counter() - start)
        memory, modules = said.stdout.split()[-2:]
        click.echo(
            f"{name}: {min(took):.2f} to {max(took):.2f} s, {memory} MB, {modules} modules"
            f"{file_calls(call)}"
        )


def file_calls(call: Sequence[str]) -> str:
    if shutil.which("strace") is None:
        return ""
    with TemporaryDirectory() as folder:
        trace = Path(folder, "trace")
        subprocess.run(
            ["strace", "-f", "-qq", "-e", "trace=%file", "-o", trace, *call],
            capture_output=True, check=True,
        )  # fmt: skip
        lines = trace.read_text(errors="replace").splitlines()
    opens = sum("open" in line and "ENOENT" not in line for line in lines)
    return f", {len(lines)} calls that name a file, {opens} files opened"


class Simulated:
    """Workers in simulated time: the pool and the queue of `jobs`, whose own rule makes batches."""

    is_near = True

    def __init__(self, slots: int) -> None:
        self.slots, self.room, self.now = slots, 2 * slots, 0.0
        self._free, self._number = slots, count()
        self._waiting: deque[tuple[Future[Any], Sequence[float], float]] = deque()
        self._busy: list[tuple[float, int, Future[Any], list[Attempt]]] = []

    def submit(
        self, function: Any, seconds: Sequence[float], budget: float, code: Any
    ) -> Future[Any]:
        """Let a batch wait for a free worker."""
        self._waiting.append((Future(), seconds, budget))
        return self._waiting[-1][0]

    def put(self, future: Future[Any]) -> None:
        """`get` has it already."""

    def get(self) -> Future[Any]:
        """The batch that ends next; free workers take those that wait, in their order."""
        while self._free and self._waiting:
            future, seconds, budget = self._waiting.popleft()
            # As `jobs._batch`: no point is begun after the budget.
            ends = np.cumsum(seconds)
            done = min(int(np.searchsorted(ends, budget, "right")) + 1, len(ends))
            attempts = [Attempt(None, [], None, s) for s in seconds[:done]]
            entry = (self.now + ends[done - 1], next(self._number), future, attempts)
            heapq.heappush(self._busy, entry)
            self._free -= 1
        self.now, _, future, attempts = heapq.heappop(self._busy)
        self._free += 1
        future.set_result(attempts)
        return future


def batched(seconds: Sequence[float], slots: int) -> float:
    """When the last point is done, in the batches of a sweep."""
    pool: Any = Simulated(slots)
    with mock.patch.object(jobs, "SimpleQueue", return_value=pool):
        deque(jobs._shared_out(seconds, pool), maxlen=0)  # type: ignore[arg-type]
    return float(pool.now)


def one_by_one(seconds: Sequence[float], slots: int) -> float:
    """When the last point is done, if whoever is free takes the next."""
    free = [0.0] * slots
    for each in seconds:
        heapq.heappush(free, heapq.heappop(free) + each)
    return max(free)


def near_onset(points: int) -> Any:
    """How long points take along g: at rest in closed form, beyond the onset sampled."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        steady_state(0.5, 0.5)
        grid = sweep(
            steady_state, {"g": np.linspace(0.5, 0.9, 13)}, gamma=0.5, seed=1, n_trajectories=512,
            t_skip=20, window=20, t_max=70,
        )  # fmt: skip
    seconds = grid.attrs["seconds"]
    click.echo(f"near the onset: {min(seconds):.2g} to {max(seconds):.2g} s each, measured")
    return np.repeat(seconds, -(-points // len(seconds)))[:points]


@main.command()
@click.option("--slots", type=click.IntRange(2), default=SLOTS, help="Workers.")
@click.option("--points", type=click.IntRange(100), multiple=True, default=(10_000, 100_000))
@click.option("--mean", type=float, multiple=True, default=(0.1, 10.0), help="Seconds of a point.")
def tail(slots: int, points: Sequence[int], mean: Sequence[float]) -> None:
    """Share of the time that workers are busy, in simulated sweeps; messages cost nothing."""
    rng = np.random.default_rng(3)
    onset = near_onset(max(points))
    click.echo(
        f"{slots} workers; efficiency: at most (longest point), one by one in grid order, in the "
        "batches of a sweep in grid order, longest first, shortest first"
    )
    kinds: dict[str, Callable[[int], Any]] = {
        "equal": np.ones,
        "log-normal, sigma 0.5": lambda n: rng.lognormal(0, 0.5, n),
        "log-normal, sigma 1": lambda n: rng.lognormal(0, 1, n),
        "near the onset": lambda n: onset[:: len(onset) // n][:n],
    }
    for number in points:
        for kind, draw in kinds.items():
            drawn = draw(number)
            for length in mean:
                seconds = (drawn * length / drawn.mean()).tolist()
                best = sum(seconds) / slots
                ends = [
                    max(best, *seconds), one_by_one(seconds, slots), batched(seconds, slots),
                    batched(sorted(seconds, reverse=True), slots), batched(sorted(seconds), slots),
                ]  # fmt: skip
                shares = ", ".join(f"{best / end:.0%}" for end in ends)
                click.echo(
                    f"{number} points, {kind}, mean {length:g} s, longest {max(seconds):.3g} s, "
                    f"share of a worker {best:.3g} s: {shares}"
                )


if __name__ == "__main__":
    main()
