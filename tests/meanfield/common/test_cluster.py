"""Sweeps on a Dask cluster of several processes, which are killed one after the other."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import types
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest

from meanfield import SweepWarning, load, sweep
from meanfield.common.jobs import carry_out

distributed = pytest.importorskip("distributed")

# Functions of the program itself, without a guard.
OWN = """
import sys
import points
from meanfield import sweep
from meanfield.common.files import save

def own(g, gamma, seed):
    return points.drawn(g, gamma, seed)

save(sweep(own, points.AXES, seed=1, executor=sys.argv[1]), "own.nc")
"""
DRIVER = """
import sys
import points
from meanfield import sweep

sweep(points.slow, points.AXES, seed=1, store="kept", executor=sys.argv[1])
print("done")
"""


class Cluster:
    """A scheduler and its workers, each a process."""

    def __init__(self, programs: Any) -> None:
        self.programs, self.workers = programs, list[subprocess.Popen[str]]()
        self.begin()

    def begin(self, port: str = "0") -> None:
        """Begin the scheduler."""
        file = self.programs.folder / "scheduler.json"
        file.unlink(missing_ok=True)
        self.scheduler = self.programs.run(
            "-m", "distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", port,
            "--no-dashboard", "--scheduler-file", str(file),
        )  # fmt: skip
        self.programs.until(lambda: file.exists() and file.read_text().endswith("}"))
        self.address: str = json.loads(file.read_text())["address"]

    def add(self, count: int = 2, *, threads: int = 1, nanny: bool = False) -> None:
        """Begin workers."""
        self.workers += [
            self.programs.run(
                "-m", "distributed.cli.dask_worker", self.address, "--no-dashboard",
                "--nthreads", str(threads), "--nanny" if nanny else "--no-nanny",
                "--local-directory", str(self.programs.folder),
            )
            for _ in range(count)
        ]  # fmt: skip

    def kill(self, count: int) -> None:
        """End workers."""
        for _ in range(count):
            self.programs.kill(self.workers.pop(0))


@pytest.fixture
def cluster(programs: Any) -> Cluster:
    """A scheduler without workers."""
    return Cluster(programs)


@pytest.fixture(scope="module")
def steady(tmp_path_factory: pytest.TempPathFactory, programs_in: Any) -> Iterator[str]:
    """The address of a cluster that nobody kills: two workers of two threads."""
    with programs_in(tmp_path_factory.mktemp("steady")) as programs:
        one = Cluster(programs)
        one.add(threads=2)
        yield one.address


def quietly(function: Callable[..., Any], *arguments: Any, **parameters: Any) -> Any:
    """What a sweep returns, whatever it warns of."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return sweep(function, *arguments, **parameters)


def doubled(g: float) -> float:
    return 2 * g


def test_numbers_do_not_depend_on_the_executor(programs: Any, steady: str) -> None:
    import points

    scale = 3.0
    alone = quietly(points.drawn, points.AXES, seed=1)
    with distributed.Client(steady, set_as_default=False) as client:
        for executor in (steady, client, client.get_executor(), client.get_executor(pure=True)):
            with pytest.warns(points.StepSizeWarning) as told:
                found = sweep(points.drawn, points.AXES, seed=1, executor=executor)
            assert [str(one.message) for one in told] == ["steep at 2.25", "steep at 2.5"]
            assert found.equals(alone)
        for function in (lambda g: 2 * scale * g, partial(points.fails, limit=3)):
            axes = {"g": [1.0, 2.0, 4.0]}
            found = quietly(function, axes, executor=client)
            assert found.equals(quietly(function, axes))
    own = programs.script(OWN, steady)
    assert own.wait(timeout=120) == 0
    assert load(programs.folder / "own.nc").equals(alone)


def test_threads_of_a_worker_have_one_of_blas_and_their_own_warnings(
    programs: Any, steady: str
) -> None:
    import points

    jobs = [partial(points.threads, g) for g in range(24)]
    for number, attempt in carry_out(jobs, executor=steady):
        assert attempt.value == 1
        assert attempt.warnings == [(f"of {number}", points.StepSizeWarning)]


def test_what_cannot_travel_or_fails_does_so_alone(
    programs: Any, steady: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import points

    away = types.ModuleType("away")
    exec("def one(): return 1", away.__dict__)
    monkeypatch.setitem(sys.modules, "away", away)
    jobs = [partial(points.fails, g, limit=5) for g in range(7)]
    jobs[2] = partial(points.fails, threading.Lock(), limit=5)
    jobs[3] = away.one
    jobs[4] = threading.Lock  # type: ignore[assignment]
    found = dict(carry_out(jobs, executor=steady))
    assert [found[k].value for k in (0, 1, 5)] == [0, 2, 10]
    for number, text in (
        (2, "it cannot be sent to another process"),
        (3, "No module named 'away' on a worker: install it there, or put"),
        (4, "its result cannot be sent to another process"),
        (6, "beyond 5"),
    ):
        assert text in found[number].reason
    axes = {"g": [1, 2, 4, 5]}
    with pytest.warns(SweepWarning, match="1 of 4 points failed, first g=1"):
        mixed = sweep(points.mixed, axes, executor=steady)
    assert mixed.equals(quietly(points.mixed, axes))


@pytest.mark.slow
def test_a_point_that_kills_its_workers_fails_alone(cluster: Cluster) -> None:
    import points

    cluster.add(nanny=True)
    with pytest.warns(SweepWarning, match=r"1 of 12 points failed, first g=3.*its process died"):
        found = sweep(points.deadly, {"g": range(12)}, executor=cluster.address)
    assert found.value.values[~found.failed.values].tolist() == [2 * g for g in range(12) if g != 3]


def _undisturbed(programs: Any) -> None:
    """Whether every point is there, once, as if nothing had happened."""
    import points

    found = load(programs.folder / "kept")
    assert found.equals(quietly(points.drawn, points.AXES, seed=1))
    assert len(set(programs.lines())) == len(programs.lines()) == 101


@pytest.mark.slow
def test_workers_that_are_killed_and_replaced_lose_nothing(cluster: Cluster, programs: Any) -> None:
    cluster.add()
    driver = programs.script(DRIVER, cluster.address)
    for count in (1, 2, 1):
        wanted = len(programs.calls()) + 8
        programs.until(lambda wanted=wanted: len(programs.calls()) >= wanted)
        # Once all of them.
        cluster.kill(count)
        cluster.add(count)
    assert driver.communicate(timeout=120)[0] == "done\n"
    _undisturbed(programs)


@pytest.mark.slow
def test_a_scheduler_that_is_killed_and_begun_again(cluster: Cluster, programs: Any) -> None:
    """At the same place soon enough, the sweep goes on; else it says so, and can be repeated."""
    cluster.add()
    driver = programs.script(DRIVER, cluster.address)
    port = cluster.address.rpartition(":")[2]
    programs.until(lambda: len(programs.lines()) >= 8)
    programs.kill(cluster.scheduler)
    cluster.kill(2)
    cluster.begin(port)
    cluster.add()
    kept = len(programs.lines())
    programs.until(lambda: len(programs.lines()) >= kept + 8)
    programs.kill(cluster.scheduler)
    assert driver.wait(timeout=120) == 1
    last = programs.errors().strip().splitlines()[-1]
    assert last.startswith(f"ConnectionError: the scheduler {cluster.address} is gone;")
    assert len(programs.lines()) < 101
    cluster.kill(2)
    cluster.begin(port)
    cluster.add()
    assert programs.script(DRIVER, cluster.address).communicate(timeout=120)[0] == "done\n"
    _undisturbed(programs)


@pytest.mark.slow
def test_a_client_that_is_killed_goes_on_from_what_it_has(cluster: Cluster, programs: Any) -> None:
    cluster.add()
    for wanted in (10, 30):
        driver = programs.script(DRIVER, cluster.address)
        programs.until(lambda wanted=wanted: len(programs.lines()) >= wanted)
        programs.kill(driver)
    kept, before = programs.lines(), len(programs.calls())
    assert programs.script(DRIVER, cluster.address).communicate(timeout=120)[0] == "done\n"
    assert programs.lines()[: len(kept)] == kept
    done = {tuple(json.loads(line)["facts"].values())[:2] for line in kept[1:]}
    again = [place for _, _, place in programs.calls()[before:]]
    assert not done & {tuple(map(float, place.split())) for place in again}
    _undisturbed(programs)
