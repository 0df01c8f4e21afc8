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
from .jobs import Outcome

if TYPE_CHECKING:
    import xarray as xr


class Store:
    """Outcomes by key, appended to a file as they come.

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
        self._found: dict[str, Outcome] = {}
        self._file = None
        if folder is None:
            return
        folder = Path(folder)
        self._file = folder / f"points-{name}.jsonl"
        if fresh:
            self._file.unlink(missing_ok=True)
            return
        for path in sorted(folder.glob("points-*.jsonl")):
            self._found |= _read(path)
        _mend(self._file)

    def __len__(self) -> int:
        """How many outcomes it has."""
        return len(self._found)

    def add(self, key: str, outcome: Outcome, facts: Mapping[str, Any] | None = None) -> None:
        """Keep one outcome, with what identifies it to a reader; failures are not written."""
        self._found[key] = outcome
        if self._file is not None and outcome.error is None:
            line = {
                "key": key,
                "facts": dict(facts or {}),
                "value": _encoded(outcome.value),
                "warnings": [(text, _name(kind)) for text, kind in outcome.warnings],
                "seconds": outcome.seconds,
            }
            self._file.parent.mkdir(parents=True, exist_ok=True)
            with self._file.open("a", encoding="utf-8") as file:
                file.write(json.dumps({**line, "digest": _digest(line)}) + "\n")

    def get(self, key: str) -> Outcome | None:
        """What a job found, if it has been done."""
        return self._found.get(key)


def _read(path: Path) -> dict[str, Outcome]:
    found = {}
    for text in path.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            line = json.loads(text)
            if line.pop("digest") != _digest(line):
                continue
            said = [(words, _category(name)) for words, name in line["warnings"]]
            value = _decoded(line["value"])
            found[line["key"]] = Outcome(value, said, None, line["seconds"])
        except (KeyError, TypeError, AttributeError, ValueError, RecursionError):
            continue  # The line at which a run was interrupted: it is done again.
    return found


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
        found = getattr(builtins if module == "builtins" else import_module(module), kind)
    except (ImportError, AttributeError):
        return UserWarning
    return found if isinstance(found, type) and issubclass(found, Warning) else UserWarning


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
