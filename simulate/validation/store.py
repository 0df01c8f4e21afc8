"""Measurements on disk: a run that was interrupted, or split over machines, goes on from them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from .jobs import Job, Outcome, as_line


class Store:
    """Outcomes by job, appended to a file as they come.

    Every process that writes has a file of its own, ``measurements-NAME.jsonl``; all files of the
    directory are read.

    Parameters
    ----------
    folder : Path or None
        None keeps everything in memory.
    name : str
        Of the file to write.
    fresh : bool
        Whether to forget what this file has, and not to look into the others.
    """

    def __init__(self, folder: Path | None, name: str = "all", *, fresh: bool = False) -> None:
        self._found: dict[str, Outcome] = {}
        self._file = None
        if folder is None:
            return
        folder.mkdir(parents=True, exist_ok=True)
        self._file = folder / f"measurements-{name}.jsonl"
        if fresh:
            self._file.unlink(missing_ok=True)
            return
        for path in sorted(folder.glob("measurements-*.jsonl")):
            self._found |= _read(path)
        _mend(self._file)

    def __len__(self) -> int:
        """How many outcomes it has."""
        return len(self._found)

    def missing(self, jobs: Iterable[Job]) -> list[Job]:
        """The jobs that have not been done; failures are tried again."""
        return [job for job in jobs if job.key not in self._found]

    def add(self, job: Job, outcome: Outcome) -> None:
        """Keep one outcome; failures are not written."""
        self._found[job.key] = outcome
        if self._file is not None and not outcome.failure:
            with self._file.open("a", encoding="utf-8") as file:
                file.write(json.dumps(as_line(job, outcome)) + "\n")

    def get(self, job: Job) -> Outcome | None:
        """What a job found, if it has been done."""
        return self._found.get(job.key)


def _read(path: Path) -> dict[str, Outcome]:
    found = {}
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            facts = json.loads(line)
            names = ("values", "warnings", "failure", "seconds")
            found[facts["key"]] = Outcome(**{name: facts[name] for name in names})
        except (json.JSONDecodeError, KeyError, TypeError):
            continue  # The line at which a run was interrupted: it is measured again.
    return found


def _mend(path: Path) -> None:
    """End the line at which a run was interrupted, so that the next one is whole."""
    if path.exists() and not path.read_bytes().endswith(b"\n"):
        with path.open("a") as file:
            file.write("\n")
