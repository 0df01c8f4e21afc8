"""Sweeps on processes that are killed: what is kept, what is done again, who is left."""

from __future__ import annotations

import json
import math
import os
import re
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import loky
import numpy as np
import pytest

from meanfield import ArgumentError, SweepWarning, load, sweep
from meanfield.common.jobs import carry_out
from meanfield.common.store import Store

pytestmark = [
    pytest.mark.filterwarnings("ignore:steep at"),
    # Beyond a line there is no state.
    pytest.mark.filterwarnings("ignore:.* points failed, first g=1.*have no solution"),
]
# Begins a sweep for every line that it reads, in a process of its own.
LIVES = """
import os, signal, sys
from points import grid, state
from meanfield import sweep

signal.signal(signal.SIGCHLD, signal.SIG_IGN)
for life in sys.stdin:
    if (child := os.fork()) == 0:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.setsid()
        # A worker of a run that is killed tells it there.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        os.environ["LIFE"] = life.strip()
        sweep(state, grid(int(sys.argv[1])), seed=1, store="kept", retry=False, workers=2)
        os._exit(0)
    print(child, flush=True)
"""
SWEEP = """
import sys
import points
from meanfield import sweep

sweep(points.slow, points.AXES, seed=1, workers=2, store="kept")
print("done")
"""


# Bytes by which a call is noted.
_LINE = 45


def places(lines: list[bytes]) -> set[str]:
    """Points of a store, as `points.told` names them."""
    facts = [json.loads(line).get("facts") for line in lines]
    return {f"{one['g']!r} {one['gamma']!r}" for one in facts if one}


@pytest.mark.slow
def test_who_is_killed_again_and_again_ends_as_if_nothing_had_been(programs: Any) -> None:
    """No run calls a point that was kept when it began, and none calls one twice."""
    import points

    size, kills = 1000, 12

    rng = np.random.default_rng(kills)
    kept, begun = programs.folder / "kept", programs.script(LIVES, str(size))
    done, known = list[set[str]](), list[bytes]()

    def live(wanted: float, pause: float) -> None:
        """Begin a run, and kill it `pause` seconds after so many calls."""
        lines = programs.lines()
        assert lines[: len(known)] == known
        done.append(places(lines[len(known) :]).union(*done[-1:]))
        known[:] = lines
        enough = programs.size("calls") + wanted * _LINE
        begun.stdin.write(f"{len(done) - 1}\n")
        begun.stdin.flush()
        child = int(begun.stdout.readline())
        programs.until(lambda: programs.size("calls") >= enough or not programs.is_alive(child))
        time.sleep(pause)
        with suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)
        programs.until(lambda: not programs.is_alive(child))

    for _ in range(kills):
        # Some are killed before they have done anything.
        live(rng.integers(2) * rng.exponential(size / kills), rng.exponential(0.2))
    live(math.inf, 0.0)
    assert "Error" not in programs.errors()
    calls: dict[str, list[str]] = {}
    for life, _, place in programs.calls():
        calls.setdefault(life, []).append(place)
    assert len(calls) > kills / 3
    for life, called in calls.items():
        assert len(set(called)) == len(called)
        assert not set(called) & done[int(life)]
    undisturbed = sweep(points.state, points.grid(size), seed=1, workers=2)
    again = sweep(points.state, points.grid(size), seed=1, store=kept, retry=False)
    for found in (load(kept), again):
        assert found.drop_attrs().identical(undisturbed.drop_attrs())
        for name, values in undisturbed.variables.items():
            if values.dtype.kind == "f":
                assert found[name].values.tobytes() == values.values.tobytes()
    # One header, and each point once.
    assert len(set(programs.lines())) == len(programs.lines()) == size + 1


def test_a_sweep_that_is_stopped_goes_on_and_leaves_nobody(programs: Any) -> None:
    begun, kept = [], list[bytes]()

    def has_more() -> bool:
        return len(programs.lines()) >= len(kept) + 6

    # Ten seconds are left for a signal.
    programs.env["NAP"] = "0.25"
    for name in ("SIGINT", "SIGKILL"):
        # At once, while what the last one began may still be ending.
        begun.append(programs.script(SWEEP))
        programs.until(has_more)
        begun[-1].send_signal(getattr(signal, name))
        assert begun[-1].wait(timeout=60) != 0
        assert programs.lines()[: len(kept)] == kept
        kept = programs.lines()
        assert len(kept) < 101
    del programs.env["NAP"]
    begun.append(programs.script(SWEEP))
    assert begun[-1].communicate(timeout=120)[0] == "done\n"
    programs.until(lambda: not any(programs.is_left(one.pid) for one in begun))
    assert programs.lines()[: len(kept)] == kept
    assert len(programs.lines()) == 101
    assert not load(programs.folder / "kept").failed.any()


def test_a_second_sweep_is_refused_and_the_first_unharmed(programs: Any) -> None:
    import points

    programs.env["NAP"] = "0.1"
    first = programs.script(SWEEP)
    programs.until(lambda: len(programs.lines()) >= 6)
    again = partial(sweep, points.slow, points.AXES, seed=1, store=programs.folder / "kept")
    with pytest.raises(ArgumentError, match=rf"another sweep writes there .process {first.pid} on"):
        again()
    found = load(programs.folder / "kept")
    assert set(found.reason.values.flat) == {"", "not done yet"}
    assert first.communicate(timeout=120)[0] == "done\n"
    programs.until(lambda: not programs.is_left(first.pid))
    calls = len(programs.calls())
    assert calls == found.failed.size
    assert not again().failed.any()
    assert len(programs.calls()) == calls


def test_one_of_many_threads_may_write(tmp_path: Path) -> None:
    begin, inside = threading.Barrier(8), threading.Barrier(2)

    def enter(number: int) -> str:
        begin.wait()
        try:
            with Store(tmp_path / "kept"):
                inside.wait()
        except ArgumentError as error:
            return str(error)
        return ""

    for _ in range(20):
        with ThreadPoolExecutor(8) as pool:
            found = [pool.submit(enter, number) for number in range(8)]
            while sum(one.done() for one in found) < 7:
                time.sleep(0.001)
            inside.wait()
        said = [one.result() for one in found]
        assert said.count("") == 1
        assert all("already writes there" in text for text in said if text)


# Whoever is inside makes a file that must not be there, and removes it.
CONTEST = """
import os, sys
from meanfield import ArgumentError
from meanfield.common.store import Store

children = [os.fork() for _ in range(2)]
won = 0
while won < 100:
    try:
        with Store("deep/kept"):
            os.close(os.open("inside", os.O_CREAT | os.O_EXCL))
            os.unlink("inside")
            won += 1
    except ArgumentError:
        pass
"""


def test_a_lock_that_ends_is_not_held_by_two(programs: Any) -> None:
    begun = programs.script(CONTEST)
    assert begun.wait(timeout=120) == 0
    programs.until(lambda: not programs.is_left(begun.pid))
    assert programs.errors() == ""


@pytest.mark.slow
def test_workers_that_are_killed_are_replaced(programs: Any) -> None:
    import points

    programs.env["NAP"] = "0.1"
    rng, begun = np.random.default_rng(5), programs.script(SWEEP)
    for number in range(1, 4):
        programs.until(lambda n=number: len(programs.calls()) >= 8 * n)
        time.sleep(rng.exponential(0.05))
        with suppress(ProcessLookupError):
            os.kill(programs.calls()[-1][1], signal.SIGKILL)
    assert begun.communicate(timeout=120)[0] == "done\n"
    assert len({process for _, process, _ in programs.calls()}) > 3
    assert len(set(programs.lines())) == len(programs.lines()) == 101
    assert load(programs.folder / "kept").equals(sweep(points.drawn, points.AXES, seed=1))


@pytest.fixture(params=["workers", "processes", "loky", "threads"])
def how(request: pytest.FixtureRequest) -> Iterator[dict[str, Any]]:
    """Whom a sweep may ask."""
    if request.param == "workers":
        yield {"workers": 2}
        return
    kinds: dict[str, Any] = {
        "processes": ProcessPoolExecutor, "loky": loky.ProcessPoolExecutor,
        "threads": ThreadPoolExecutor,
    }  # fmt: skip
    with kinds[request.param](2) as executor:
        yield {"executor": executor}


def doubled(g: float) -> float:
    return 2 * g


def test_a_point_that_cannot_travel_fails_alone(how: dict[str, Any]) -> None:
    lock, is_far = threading.Lock(), not isinstance(how.get("executor"), ThreadPoolExecutor)
    jobs = [partial(doubled, g) for g in range(6)]
    jobs[2] = partial(lambda g, held: g, 2, lock)  # type: ignore[assignment]
    jobs[4] = threading.Lock  # type: ignore[assignment]
    found = dict(carry_out(jobs, **how))
    for number in (0, 1, 3, 5):
        assert found[number].value == 2 * number
    assert ("it cannot be sent to another process: " in found[2].reason) == is_far
    assert ("its result cannot be sent to another process: " in found[4].reason) == is_far


def test_functions_of_every_kind_travel(programs: Any, how: dict[str, Any]) -> None:
    import points

    scale = 3.0
    alone = sweep(points.drawn, points.AXES, seed=1)
    assert sweep(points.drawn, points.AXES, seed=1, **how).equals(alone)
    for function in (lambda g: 2 * scale * g, doubled, partial(pow, exp=2)):
        axes = {"base" if isinstance(function, partial) else "g": [1.0, 2.0, 4.0]}
        assert sweep(function, axes, **how).equals(sweep(function, axes))


def test_points_that_raise_are_flagged_or_differ_in_shape(
    programs: Any, how: dict[str, Any]
) -> None:
    import points

    axes = {"g": [1, 2, 4, 5]}
    with pytest.warns(SweepWarning, match="1 of 4 points failed, first g=1.*no state at g = 1"):
        alone = sweep(points.mixed, axes)
    with pytest.warns(SweepWarning, match="no state at g = 1"):
        assert sweep(points.mixed, axes, **how).equals(alone)
    assert alone.status.values.tolist() == ["flagged", "flagged", "converged", "converged"]
    assert alone.x.shape == (4, 5)


@pytest.mark.parametrize("kind", [ProcessPoolExecutor, ThreadPoolExecutor])
def test_an_executor_that_is_shut_down_is_told_and_points_are_kept(
    kind: Any, tmp_path: Path
) -> None:
    executor = kind(2)

    def point(g: float) -> float:
        time.sleep(0.01)
        return g

    axes = {"g": list(range(200))}
    timer = threading.Timer(0.3, executor.shutdown, kwargs={"wait": False, "cancel_futures": True})
    timer.start()
    with pytest.raises(RuntimeError, match="the executor does no more work"):
        sweep(point, axes, store=tmp_path, executor=executor)
    timer.join()
    assert 0 < int((~load(tmp_path).failed).sum()) < 200
    assert not sweep(point, axes, store=tmp_path).failed.any()


def test_a_broken_executor_is_told(programs: Any) -> None:
    import points

    told = pytest.raises(RuntimeError, match=r"does no more work: .*terminated abruptly")
    with ProcessPoolExecutor(2) as executor, told:
        sweep(points.deadly, {"g": [1, 2, 3, 4]}, executor=executor)


@pytest.mark.slow
def test_a_command_that_is_terminated_is_quiet_and_goes_on(programs: Any) -> None:
    words = ("-m", "simulate", "lyapunov", "--n", "60", "--trials", "4", "--g", "1,2,4")
    words += ("--t-max", "30", "--t-skip", "5", "--output", "out", "--workers", "2")

    def kept() -> list[bytes]:
        logs = [log.relative_to(programs.folder) for log in programs.folder.glob("out/points/*/*l")]
        return programs.lines(str(logs[0])) if logs else []

    first = programs.run(*words)
    programs.until(lambda: len(kept()) >= 4)
    first.terminate()
    assert first.wait(timeout=60) == 143
    before = kept()
    assert len(before) < 25
    programs.until(lambda: not programs.is_left(first.pid))
    said = r"error: terminated; \d+ of 24 points are kept in \S+lyapunov-\w+: the same call goes "
    said += r"on from them; without --fresh the command goes on from what it has\n"
    assert re.fullmatch(said, programs.errors().split("\n", 1)[1])
    assert not list((programs.folder / "out").glob("lyapunov*"))
    assert programs.run(*words).wait(timeout=120) == 0
    assert kept()[: len(before)] == before
    assert len(kept()) == 25
    assert (programs.folder / "out" / "lyapunov.nc").exists()
