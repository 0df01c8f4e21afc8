"""Finished points on disk: whoever is stopped at any moment goes on from them.

A store is a folder of logs, each with one writer.  A line is one point, or what a sweep says of
itself; it carries a digest and is appended whole, so that a kill costs the line that was being
written.  One file holds all points of a writer, because file systems of clusters dislike many
small ones.
"""

from __future__ import annotations

import base64
import builtins
import hashlib
import json
import os
import warnings
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from importlib import import_module
from io import FileIO
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .arguments import ArgumentError
from .files import FileWarning, directory, locked, named, plain
from .jobs import Attempt
from .result import ABSENT, FLAGGED

SCHEMA = 2
_POINTS, _LOCK, _BESIDE = "points-{}.jsonl", "points-{}.lock", ".partial"
# What a line ends with, beside the digits of its digest.
_END, _DIGITS = b', "digest": ""}\n', 16


class PointError(RuntimeError):
    """The error of a point, as a store kept it."""

    def __init__(self, text: str, kind: str = "", status: str = "") -> None:
        super().__init__(text)
        self.kind, self.status = kind, status


class Labelled(NamedTuple):
    """What a function returned: arrays with dimensions and descriptions."""

    variables: dict[str, tuple[tuple[str, ...], NDArray[Any], dict[str, Any]]]
    coords: tuple[str, ...] = ()
    attrs: Mapping[str, Any] = {}


class Store:
    """Attempts by key, appended to a file as they come.

    As a context it is open for writing, by one writer of each name; `read` alone needs no lock.

    Parameters
    ----------
    folder : path or None
        None keeps everything in memory.
    name : str
        Of the writer: machines that share a folder take names of their own, and each reads all.
    fresh : bool
        Forget what this writer has, and do not look into the files of others.
    """

    def __init__(
        self, folder: str | Path | None, name: str = "all", *, fresh: bool = False
    ) -> None:
        # Functions may change the working directory.
        self.folder = None if folder is None else Path(folder).absolute()
        self.header: dict[str, Any] | None = None
        self._name, self._fresh, self._is_said = name, fresh, True
        self._kept: dict[str, tuple[Mapping[str, Any], Attempt]] = {}
        self._file: FileIO | None = None
        self._stack = ExitStack()

    def __len__(self) -> int:
        """How many points it has."""
        return len(self._kept)

    def __enter__(self) -> Store:
        if self.folder is not None:
            with ExitStack() as stack:
                stack.enter_context(directory(self.folder))
                lock = self.folder / _LOCK.format(self._name)
                stack.enter_context(locked(lock, "store", who="sweep"))
                path = self.folder / _POINTS.format(self._name)
                # Left by a kill.
                path.with_suffix(_BESIDE).unlink(missing_ok=True)
                if self._fresh:
                    path.unlink(missing_ok=True)
                else:
                    self.read(path)
                self._file = stack.enter_context(path.open("ab", buffering=0))
                stack.callback(self._clear, path)
                self._stack = stack.pop_all()
        return self

    def __exit__(self, *error: object) -> None:
        self._file = None
        self._stack.close()

    def _clear(self, path: Path) -> None:
        """Leave nothing of a sweep without a single result."""
        if all(attempt.error is not None for _, attempt in self._kept.values()):
            path.unlink(missing_ok=True)

    def read(self, own: Path | None = None) -> Store:
        """Take up what is there; damaged lines are told, and removed from the file `own`."""
        assert self.folder is not None
        for path in sorted(self.folder.glob(_POINTS.format("*"))):
            good, damaged = [], 0
            with path.open("rb") as file:
                for text in file:
                    if self._take(text):
                        good.append(text)
                    else:
                        # One that was cut off by a kill is the last, and no damage.
                        damaged += text.endswith(b"\n")
            if damaged:
                said = f"{path}: {damaged} damaged lines are not used; what they had is done again"
                warnings.warn(said, FileWarning, stacklevel=3)
            if path == own and path.stat().st_size != sum(map(len, good)):
                beside = path.with_suffix(_BESIDE)
                with named(path):
                    beside.write_bytes(b"".join(good))
                    os.replace(beside, path)
        return self

    def _take(self, text: bytes) -> bool:
        """Whether a line is whole; what it has is taken up."""
        body = text[: -len(_END) - _DIGITS] + b"}"
        if text != _sealed(body):
            return False
        try:
            line = json.loads(body)
            schema = line["schema"]
        except (ValueError, KeyError, TypeError, RecursionError):
            return False
        if schema != SCHEMA:
            raise ArgumentError(
                f"store={str(self.folder)!r}: of format {schema}, this version "
                f"reads {SCHEMA}; take another folder, or begin afresh"
            )
        try:
            if "header" in line:
                self.header = dict(line["header"])
                return True
            said = [(words, _named(name, Warning, UserWarning)) for words, name in line["warnings"]]
            failed = line["error"]
            error = None if failed is None else PointError(**failed)
            value = None if failed else _decoded(line["value"])
            self._kept[line["key"]] = line["facts"], Attempt(value, said, error, line["seconds"])
        except (ValueError, KeyError, TypeError, AttributeError):
            return False
        return True

    def describe(self, header: Mapping[str, Any]) -> None:
        """Say what the points are that follow, where it is not what was said last."""
        told: dict[str, Any] = plain(header)
        self._is_said = self._is_said and _undated(told) == _undated(self.header)
        self.header = told
        if self._kept:
            self._say()

    def add(self, key: str, attempt: Attempt, facts: Mapping[str, Any] | None = None) -> None:
        """Keep what a job left, with what identifies it to a reader."""
        self._say()
        facts = dict(facts or {})
        self._kept[key] = facts, attempt
        error = attempt.error
        failed = None if error is None else {
            "text": attempt.reason, "kind": _name(type(error)), "status": status_of(error)
        }  # fmt: skip
        self._write(
            {
                "key": key,
                "facts": facts,
                "value": None if failed else _encoded(attempt.value),
                "warnings": [(text, _name(kind)) for text, kind in attempt.warnings],
                "error": failed,
                "seconds": attempt.seconds,
            }
        )

    def _say(self) -> None:
        if self.header is not None and not self._is_said:
            self._write({"header": self.header})
            self._is_said = True

    def _write(self, line: dict[str, Any]) -> None:
        if self._file is None:
            return
        left = memoryview(_sealed(json.dumps({"schema": SCHEMA, **line}).encode()))
        with named(Path(self._file.name)):
            while left:
                left = left[self._file.write(left) :]
            self._file.flush()

    def get(self, key: str) -> Attempt | None:
        """What a job left, if it has been done."""
        return self._kept[key][1] if key in self._kept else None

    def points(self) -> Iterator[tuple[str, Mapping[str, Any], Attempt]]:
        """All keys with what identifies them and what they left."""
        for key, (facts, attempt) in self._kept.items():
            yield key, facts, attempt


def status_of(error: Exception) -> str:
    """Of a point that failed: "absent" where the result that the error brings says so."""
    if isinstance(error, PointError):
        return error.status
    solution = getattr(error, "solution", None)
    words = set(np.ravel(getattr(solution, "status", FLAGGED)).tolist())
    return ABSENT if words == {ABSENT} else FLAGGED


def _undated(header: Mapping[str, Any] | None) -> Any:
    facts = (header or {}).get("facts", {})
    return {**(header or {}), "facts": {k: v for k, v in facts.items() if k != "created"}}


def _sealed(body: bytes) -> bytes:
    """A line of this JSON object with its digest."""
    digest = hashlib.sha256(body).hexdigest()[:_DIGITS].encode()
    return body[:-1] + b', "digest": "' + digest + b'"}\n'


def _name(kind: type) -> str:
    return f"{kind.__module__}:{kind.__qualname__}"


def _named(name: str, base: type, usual: type) -> Any:
    """The class of this name if it is there and one of `base`, else the usual one."""
    module, _, kind = name.partition(":")
    try:
        found = getattr(builtins if module == "builtins" else import_module(module), kind)
    except (ImportError, AttributeError):
        return usual
    return found if isinstance(found, type) and issubclass(found, base) else usual


def _encoded(record: Labelled) -> dict[str, Any]:
    variables = {
        name: [list(dims), _array(values), plain(attrs)]
        for name, (dims, values, attrs) in record.variables.items()
    }
    return {"variables": variables, "coords": list(record.coords), "attrs": plain(record.attrs)}


def _decoded(facts: Mapping[str, Any]) -> Labelled:
    variables = {
        name: (tuple(dims), _values(array), attrs)
        for name, (dims, array, attrs) in facts["variables"].items()
    }
    return Labelled(variables, tuple(facts["coords"]), facts["attrs"])


def _array(values: NDArray[Any]) -> list[Any]:
    """Type, shape and, bit by bit, numbers; texts as they are."""
    if values.dtype.kind in "OUT":
        return ["str", values.shape, values.ravel().tolist()]
    return [values.dtype.str, values.shape, base64.b64encode(values.tobytes()).decode()]


def _values(facts: list[Any]) -> NDArray[Any]:
    kind, shape, content = facts
    if kind == "str":
        return np.array(content, dtype=str).reshape(shape)
    return np.frombuffer(base64.b64decode(content), dtype=kind).reshape(shape).copy()
