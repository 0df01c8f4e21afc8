"""What a kept number depends on: the function, what it holds and calls nearby, arguments, versions.

An identity is a mapping of names to short texts or digests, so that a difference has a name.
"""

from __future__ import annotations

import hashlib
import inspect
import json
from collections.abc import Callable, Iterator, Mapping
from functools import cache, partial
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

import numpy as np

from .arguments import ArgumentError
from .files import provenance

_PACKAGES = ("meanfield", "simulate")
# No kept number depends on these parts of the packages.
_APART = {"study.py", "options.py", "cli.py", "style.py"}
# Longer texts are told by their digests; of so many differences the others are counted.
_LONGEST, _MOST = 60, 3


def identity(
    function: Callable[..., Any], fixed: Mapping[str, Any], version: str | None = None
) -> dict[str, str]:
    """Of calls of a function with these fixed arguments; `version` in the place of its code."""
    held = {f"argument {name}": _text(value) for name, value in fixed.items()}
    bare = inspect.unwrap(function.func if isinstance(function, partial) else function)
    named = {"function": f"{getattr(bare, '__module__', '')}.{title(bare)}"}
    if version is not None:
        return {**named, "version": _text(version), **held}
    try:
        # Newer Pythons take the text of ``python -c`` for the source of whatever was executed.
        if inspect.getfile(bare) == "<string>":
            raise OSError("made by exec")
        inspect.getsource(bare)
    except (OSError, TypeError) as error:
        raise ArgumentError(
            f"function={title(bare)}: has no source, so that store needs version="
        ) from error
    versions = dict(text.split(" ", 1) for text in environment())
    return {**named, **dict(_of_function(function)), **held, **versions}


def differences(there: Mapping[str, str], here: Mapping[str, str]) -> str:
    """What differs between two identities, in words; empty if nothing does."""
    names = [name for name in {**there, **here} if there.get(name) != here.get(name)]
    texts = [
        f"{name} differs ({there.get(name, 'none')} there, {here.get(name, 'none')} here)"
        for name in names[:_MOST]
    ]
    more = [f"{len(names) - _MOST} more"] if len(names) > _MOST else []
    return ", ".join(texts + more)


def key_of(*parts: Any) -> str:
    """Digest of what a result depends on, made of what JSON has."""
    text = json.dumps(parts, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:24]


def title(function: Callable[..., Any]) -> str:
    """The name of a function for a message."""
    return getattr(function, "__qualname__", None) or repr(function)


@cache
def environment() -> tuple[str, ...]:
    """Versions of what numbers depend on, which machines that share a computation must share."""
    versions = {name: text for name, text in provenance().items() if name != "created"}
    own = {"package_code": sources("validation")[:12]}
    return tuple(f"{name} {text}" for name, text in (versions | own).items())


@cache
def sources(*apart: str) -> str:
    """Digest of the packages but for these files and folders: no points of other code are used."""
    digest = hashlib.sha256()
    root = Path(__file__).parents[2]
    for package in _PACKAGES:
        for path in sorted((root / package).rglob("*.py")):
            # A figure is what its own functions say; others call what protocol.py has.
            figure = path.parent.name == "studies" and path.name[:2] in ("hh", "qh")
            if not (figure or {*_APART, *apart} & set(path.relative_to(root).parts)):
                digest.update(path.read_bytes())
    return digest.hexdigest()


def _text(value: Any) -> str:
    if isinstance(value, bool | int | float | str | None) and len(repr(value)) <= _LONGEST:
        return repr(value)
    return f"{type(value).__name__} {_digest(_told(value, set()))}"


def _digest(told: Any) -> str:
    digest = hashlib.sha256()
    for part in _flat(told):
        digest.update(part + b"\0")
    return digest.hexdigest()[:12]


def _flat(told: Any) -> Iterator[bytes]:
    if isinstance(told, np.ndarray) and told.dtype.kind != "O":
        yield f"array {told.dtype.str} {told.shape}".encode()
        yield told.tobytes()
    elif isinstance(told, list | tuple | np.ndarray):
        yield f"list {len(told)}".encode()
        for entry in told:
            yield from _flat(entry)
    else:
        yield f"{type(told).__name__} {told!r}".encode()


def _of_function(function: Callable[..., Any]) -> Iterator[tuple[str, str]]:
    """Code, defaults, closure and neighbours, each by its name."""
    if isinstance(function, partial):
        for name, value in [*enumerate(function.args), *function.keywords.items()]:
            yield f"bound argument {name}", _text(value)
        yield from _of_function(function.func)
        return
    if not inspect.isfunction(function):
        yield "code", _digest(_told(function, set()))
        return
    code, seen = function.__code__, {id(function)}
    yield "code", _digest(_bytecode(code))
    for name, parameter in inspect.signature(function, follow_wrapped=False).parameters.items():
        if parameter.default is not parameter.empty:
            yield f"default of {name}", _text(parameter.default)
    for name, cell in zip(code.co_freevars, function.__closure__ or (), strict=True):
        yield (
            f"closure value {name}",
            _text(_content_of(cell)) if _content_of(cell) is not function else "itself",
        )
    for name, value in _near(function).items():
        yield f"{name}, used in it", _digest(_told(value, seen))
    if (wrapped := getattr(function, "__wrapped__", None)) is not None:
        yield "wrapped function", _digest(_told(wrapped, seen))


def _content_of(cell: Any) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # Not yet set.
        return None


def _near(function: Any) -> dict[str, Any]:
    """Globals that a function uses and that belong to its module."""
    code, known = function.__code__, function.__globals__
    return {
        name: known[name]
        for name in _names(code)
        if name in known
        and (
            getattr(known[name], "__module__", None) == function.__module__
            or isinstance(known[name], int | float | str | list | tuple | dict | np.ndarray)
        )
    }


def _names(code: CodeType) -> list[str]:
    """Names that the code and the functions within it look up."""
    inner = [name for c in code.co_consts if isinstance(c, CodeType) for name in _names(c)]
    return list(dict.fromkeys([*code.co_names, *inner]))


def _told(value: Any, seen: set[int]) -> Any:
    """What tells a value from others: of functions their code, what they hold and call nearby."""
    if isinstance(value, partial):
        return "partial", _told([value.func, value.args, value.keywords], seen)
    if isinstance(value, list | tuple):
        return [_told(entry, seen) for entry in value]
    if isinstance(value, set | frozenset):
        # Texts come in another order in every process.
        return "set", sorted(repr(_told(entry, seen)) for entry in value)
    if isinstance(value, dict):
        return [(str(name), _told(entry, seen)) for name, entry in value.items()]
    if inspect.ismethod(value):
        return "method", _told([value.__self__, value.__func__], seen)
    if inspect.isfunction(value):
        if id(value) in seen:
            return value.__qualname__
        seen.add(id(value))
        cells = [_content_of(cell) for cell in value.__closure__ or ()]
        wrapped = getattr(value, "__wrapped__", None)
        inner = [value.__defaults__, value.__kwdefaults__, cells, wrapped, _near(value)]
        return value.__qualname__, _bytecode(value.__code__), _told(inner, seen)
    if isinstance(value, np.ndarray | np.generic | str | bytes | int | float | complex | None):
        return value
    if id(value) in seen:
        return type(value).__qualname__
    seen.add(id(value))
    return f"{type(value).__module__}.{type(value).__qualname__}", _told(_content(value), seen)


def _bytecode(code: CodeType) -> list[Any]:
    """Instructions, names and constants, those of inner functions too."""
    inner = [_bytecode(c) if isinstance(c, CodeType) else _told(c, set()) for c in code.co_consts]
    return [code.co_code, code.co_names, code.co_varnames, inner]


def _content(value: Any) -> Any:
    if isinstance(value, type | ModuleType):
        return value.__name__
    slots = [name for kind in type(value).__mro__ for name in getattr(kind, "__slots__", ())]
    own = {name: getattr(value, name, None) for name in slots} | getattr(value, "__dict__", {})
    return own or repr(value)
