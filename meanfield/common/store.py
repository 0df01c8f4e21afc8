"""Finished points on disk: an interrupted sweep, or one of many machines, goes on from them."""

from __future__ import annotations

import base64
import builtins
import hashlib
import json
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .files import plain
from .jobs import Attempt

if TYPE_CHECKING:
    import xarray as xr


class Store:
    """Attempts by key, appended to a file as they come.

    A store writes to one file, ``points-NAME.jsonl``, and reads all of its folder: machines that
    share a folder take names of their own.  A line that was cut off or altered fails its digest and
    counts as not done.

    Parameters
    ----------
    folder : path or None
        None keeps everything in memory.
    name : str
        Of the file to write.
    fresh : bool
        Whether to forget what this file has, and not to look into the others.
    """

    def __init__(
        self, folder: str | Path | None, name: str = "all", *, fresh: bool = False
    ) -> None:
        self._kept: dict[str, Attempt] = {}
        self._file = None
        if folder is None:
            return
        folder = Path(folder)
        self._file = folder / f"points-{name}.jsonl"
        if fresh:
            self._file.unlink(missing_ok=True)
            return
        for path in sorted(folder.glob("points-*.jsonl")):
            self._kept |= _read(path)
        _mend(self._file)

    def __len__(self) -> int:
        """How many points it has."""
        return len(self._kept)

    def add(self, key: str, attempt: Attempt, facts: Mapping[str, Any] | None = None) -> None:
        """Keep what a job left, with what identifies it to a reader; failures are not written."""
        self._kept[key] = attempt
        if self._file is not None and attempt.error is None:
            line = {
                "key": key,
                "facts": dict(facts or {}),
                "value": _encoded(attempt.value),
                "warnings": [(text, _name(kind)) for text, kind in attempt.warnings],
                "seconds": attempt.seconds,
            }
            self._file.parent.mkdir(parents=True, exist_ok=True)
            with self._file.open("a", encoding="utf-8") as file:
                file.write(json.dumps({**line, "digest": _digest(line)}) + "\n")

    def get(self, key: str) -> Attempt | None:
        """What a job found, if it has been done."""
        return self._kept.get(key)


def _read(path: Path) -> dict[str, Attempt]:
    attempts = {}
    for text in path.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            line = json.loads(text)
            if line.pop("digest") != _digest(line):
                continue
            said = [(words, _category(name)) for words, name in line["warnings"]]
            value = _decoded(line["value"])
            attempts[line["key"]] = Attempt(value, said, None, line["seconds"])
        except (KeyError, TypeError, AttributeError, ValueError, RecursionError):
            continue  # The line at which a run was interrupted: it is done again.
    return attempts


def _mend(path: Path) -> None:
    """End the line at which a run was interrupted, so that the next one is whole."""
    if path.exists() and not path.read_bytes().endswith(b"\n"):
        with path.open("a") as file:
            file.write("\n")


def _digest(line: Mapping[str, Any]) -> str:
    text = json.dumps(line, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _name(kind: type[Warning]) -> str:
    return f"{kind.__module__}:{kind.__qualname__}"


def _category(name: str) -> type[Warning]:
    module, _, kind = name.partition(":")
    try:
        category = getattr(builtins if module == "builtins" else import_module(module), kind)
    except (ImportError, AttributeError):
        return UserWarning
    known = isinstance(category, type) and issubclass(category, Warning)
    return category if known else UserWarning


def _encoded(data: xr.Dataset) -> dict[str, Any]:
    variables = {
        str(name): [list(one.dims), _array(one.values), plain(one.attrs)]
        for name, one in data.variables.items()
    }
    return {
        "variables": variables,
        "coords": [str(c) for c in data.coords],
        "attrs": plain(data.attrs),
    }


def _decoded(facts: Mapping[str, Any]) -> xr.Dataset:
    import xarray as xr

    variables = {
        name: (dims, _values(array), attrs)
        for name, (dims, array, attrs) in facts["variables"].items()
    }
    return xr.Dataset(variables, attrs=facts["attrs"]).set_coords(facts["coords"])


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
