"""Sweeps on a Dask cluster of several processes, which are killed one after the other."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from meanfield import SweepWarning, load, sweep
from meanfield.common.jobs import carry_out

distributed = pytest.importorskip("distributed")

ROOT = Path(__file__).parents[3]
# What workers import, and scripts are made of.
POINTS = """
import os, time, warnings
import numpy as np
from pathlib import Path
from meanfield import sweep, StepSizeWarning

HERE = Path(__file__).parent

def told(seed):
    with open(HERE / "calls", "ab", buffering=0) as file:
        file.write(b"%d\\n" % seed)

def drawn(g, gamma, seed):
    x = np.random.default_rng(seed).standard_normal((60, 60))
    if g > 2:
        warnings.warn(f"steep at {g:g}", StepSizeWarning, stacklevel=1)
    return {"x": np.linalg.eigvals(g * x / 60**0.5).real.max(), "m": ("k", g * (x @ x)[0])}

def slow(g, gamma, seed):
    told(seed)
    time.sleep(0.05)
    return drawn(g, gamma, seed)

def threads(g):
    import scipy.linalg
    from threadpoolctl import threadpool_info
    scipy.linalg.inv(np.eye(3))
    warnings.warn(f"of {g:g}", StepSizeWarning, stacklevel=1)
    time.sleep(0.02 * (g % 3))
    return max(one["num_threads"] for one in threadpool_info() if one["user_api"] == "blas")

def deadly(g):
    if g == 3:
        os._exit(1)
    time.sleep(0.02)
    return 2 * g

AXES = {"g": [k / 4 for k in range(1, 11)], "gamma": [k / 8 for k in range(10)]}
"""
FOREIGN = """
import sys
from points import AXES, sweep, drawn

def own(g, gamma, seed):
    return drawn(g, gamma, seed)

found = sweep(own, AXES, seed=1, executor=sys.argv[1])
found.drop_attrs().to_netcdf("found.nc", engine="scipy")
"""
DRIVER = """
import sys
from points import AXES, sweep, slow

sweep(slow, AXES, seed=1, store="kept", executor=sys.argv[1])
"""


class Cluster:
    """A scheduler and workers, each a process."""

    def __init__(self, folder: Path) -> None:
        self.folder, self._file = folder, folder / "scheduler.json"
        self._env = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{folder}"}
        # So that who does the work must see to it.
        for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
            self._env.pop(name, None)
        self.scheduler: subprocess.Popen[bytes] | None = None
        self.workers: list[subprocess.Popen[bytes]] = []
        (folder / "points.py").write_text(POINTS)

    def run(self, *words: str) -> subprocess.Popen[bytes]:
        """Begin a process."""
        return subprocess.Popen(
            [sys.executable, *words], cwd=self.folder, env=self._env, start_new_session=True,
            stdout=subprocess.DEVNULL, stderr=(self.folder / "errors").open("ab"),
        )  # fmt: skip

    def begin(self, port: int = 0) -> str:
        """Begin the scheduler; its address."""
        self._file.unlink(missing_ok=True)
        self.scheduler = self.run(
            "-m", "distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", str(port),
            "--no-dashboard", "--scheduler-file", str(self._file),
        )  # fmt: skip
        until(lambda: self._file.exists() and self._file.read_text().endswith("}"))
        self.address: str = json.loads(self._file.read_text())["address"]
        return self.address

    def add(self, count: int, *, threads: int = 1, nanny: bool = False) -> None:
        """Begin workers."""
        self.workers += [
            self.run(
                "-m", "distributed.cli.dask_worker", self.address, "--nthreads", str(threads),
                "--nanny" if nanny else "--no-nanny", "--no-dashboard",
                "--local-directory", str(self.folder),
            )
            for _ in range(count)
        ]  # fmt: skip

    def kill(self, *processes: subprocess.Popen[bytes] | None) -> None:
        """End processes at once, with what they began."""
        for process in processes:
            if process is not None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                if process in self.workers:
                    self.workers.remove(process)

    def calls(self) -> Counter[bytes]:
        """How often each seed was begun."""
        path = self.folder / "calls"
        return Counter(path.read_bytes().splitlines() if path.exists() else [])


def until(ready: Callable[[], Any]) -> None:
    deadline = time.monotonic() + 120
    while not ready():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    one = Cluster(tmp_path)
    one.begin()
    yield one
    one.kill(*one.workers, one.scheduler)


@pytest.fixture(scope="module")
def steady(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """One of two workers that nobody kills."""
    one = Cluster(tmp_path_factory.mktemp("steady"))
    one.begin()
    one.add(2)
    yield one
    one.kill(*one.workers, one.scheduler)
