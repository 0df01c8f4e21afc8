"""Programs that tests begin and kill."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent


def _takes_signals(send: Callable[[int, int], None], number: int) -> bool:
    try:
        send(number, 0)
    except ProcessLookupError:
        return False
    return True


class Programs:
    """Processes in a folder, of which none is left at the end."""

    def __init__(self, folder: Path) -> None:
        self.folder, self._begun = folder, list[subprocess.Popen[str]]()
        self.env = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(map(str, (HERE.parents[2], HERE))),
            "CALLS": str(folder / "calls"),
        }
        # Whoever does the work must see to it.
        for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
            self.env.pop(name, None)

    def __enter__(self) -> "Programs":
        return self

    def __exit__(self, *error: object) -> None:
        for process in self._begun:
            self.kill(process)

    def run(self, *words: str) -> subprocess.Popen[str]:
        """Begin Python with these words, in a session of its own; it complains to "errors"."""
        with (self.folder / "errors").open("a") as errors:
            process = subprocess.Popen(
                [sys.executable, *words], cwd=self.folder, env=self.env, start_new_session=True,
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True,
            )  # fmt: skip
        self._begun.append(process)
        return process

    def script(self, text: str, *words: str) -> subprocess.Popen[str]:
        """Begin a script, which is a file as functions need a source."""
        path = self.folder / "script.py"
        # One begun just before may still have to read it.
        if not path.exists() or path.read_text() != text:
            path.write_text(text)
        return self.run("script.py", *words)

    def kill(self, process: subprocess.Popen[str]) -> None:
        """End a process at once, with all that it began."""
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()

    def errors(self) -> str:
        """What they complained of."""
        return (self.folder / "errors").read_text()

    def calls(self) -> list[tuple[str, int, str]]:
        """Life, process and place of every call of a point."""
        path = self.folder / "calls"
        lines = path.read_text().splitlines(keepends=True) if path.exists() else []
        words = [line.rstrip("\n").split(" ", 2) for line in lines if line.endswith("\n")]
        return [(life, int(process), place) for life, process, place in words]

    def size(self, name: str) -> int:
        """Bytes of a file."""
        path = self.folder / name
        return path.stat().st_size if path.exists() else 0

    def lines(self, name: str = "kept/points-all.jsonl") -> list[bytes]:
        """Whole lines of a file."""
        path = self.folder / name
        text = path.read_bytes() if path.exists() else b""
        return [line for line in text.splitlines(keepends=True) if line.endswith(b"\n")]

    @staticmethod
    def is_alive(process: int) -> bool:
        """Whether a process lives."""
        return _takes_signals(os.kill, process)

    @staticmethod
    def is_left(session: int) -> bool:
        """Whether any process of a session lives."""
        return _takes_signals(os.killpg, session)

    @staticmethod
    def until(ready: Callable[[], Any]) -> None:
        """Wait; a test that waits for ever fails."""
        deadline = time.monotonic() + 300
        while not ready():
            assert time.monotonic() < deadline
            time.sleep(0.01)


@pytest.fixture(scope="session")
def programs_in() -> type[Programs]:
    return Programs


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Programs in the folder of a test, which can import `points` itself."""
    monkeypatch.syspath_prepend(HERE)
    with Programs(tmp_path) as own:
        yield own
