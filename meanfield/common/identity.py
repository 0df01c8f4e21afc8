"""What a kept number depends on: the function, what it holds and calls nearby, arguments, versions.

An identity is a mapping of names to short texts or digests, so that a difference has a name.
"""

from __future__ import annotations

import copyreg
import hashlib
import inspect
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from functools import cache, partial
from pathlib import Path, PurePath
from types import CodeType, MappingProxyType, ModuleType
from typing import Any

import numpy as np

from .arguments import ArgumentError
from .files import provenance
from .portable import Portable

_PACKAGES = ("meanfield", "simulate")
# No kept number depends on these parts of the packages.
_APART = {"study.py", "options.py", "cli.py", "style.py"}
# What a class says of itself beside its code.
_OF_CLASS = {
    "__doc__", "__module__", "__qualname__", "__annotations__", "__firstlineno__", "_abc_impl",
    "__static_attributes__", "__dataclass_fields__", "__match_args__", "__abstractmethods__",
    "__annotate_func__", "__annotations_cache__",
}  # fmt: skip
# Longer texts are told by their digests; of so many differences the others are counted.
_LONGEST, _MOST = 60, 3


def identity(
    function: Callable[..., Any], fixed: Mapping[str, Any], version: str | int | None = None
) -> dict[str, str]:
    """Of calls of a function with these fixed arguments; `version` in the place of its code."""
    module = getattr(function, "__module__", None) or ""
    held = {f"argument {name}": _text(value, module) for name, value in fixed.items()}
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
    whose = {"code": f"code of {here.get('function')}"}
    texts = [
        f"{whose.get(name, name)} differs ({there.get(name, 'none')} there, "
        f"{here.get(name, 'none')} here)"
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
    # Its own is told exactly by its code.
    others = {"created", "commit", "quasipotential_version"}
    versions = {name: text for name, text in provenance().items() if name not in others}
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


def _text(value: Any, module: str = "") -> str:
    value = _scalar(value)
    if isinstance(value, bool | int | float | str | None) and len(repr(value)) <= _LONGEST:
        return repr(value)
    return f"{type(value).__name__} {_Teller(module).digest(value)}"


def _of_function(function: Callable[..., Any]) -> Iterator[tuple[str, str]]:
    """Code, defaults, closure and neighbours, each by its name."""
    if isinstance(function, partial):
        for name, value in [*enumerate(function.args), *function.keywords.items()]:
            yield f"bound argument {name}", _text(value, getattr(function.func, "__module__", ""))
        yield from _of_function(function.func)
        return
    module = getattr(function, "__module__", None) or ""
    if not inspect.isfunction(function):
        yield "code", _Teller(module).digest(function)
        return
    yield "code", _Teller(module).digest(_bytecode(function.__code__, function.__doc__))
    for name, parameter in inspect.signature(function, follow_wrapped=False).parameters.items():
        if parameter.default is not parameter.empty:
            yield f"default of {name}", _text(parameter.default, module)
    for name, held in _closure(function).items():
        yield f"closure value {name}", "itself" if held is function else _text(held, module)
    for name, held in _used(function).items():
        yield f"{name}, used in it", "itself" if held is function else _text(held, module)
    for name, held in vars(function).items():
        yield f"attribute {name}", _text(held, module)


def _scalar(value: Any) -> Any:
    """The plain number of what NumPy has of the same kind."""
    same = isinstance(value, np.float64 | np.int64 | np.bool_ | np.str_)
    return value.item() if same else value


def _closure(function: Any) -> dict[str, Any]:
    held = {}
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        with suppress(ValueError):  # Not yet set.
            held[name] = cell.cell_contents
    return held


def _used(function: Any) -> dict[str, Any]:
    """Globals that a function and those within it look up, but modules."""
    known, names = function.__globals__, _names(function.__code__)
    return {
        name: known[name]
        for name in names
        if name in known and not isinstance(known[name], ModuleType)
    }


def _names(code: CodeType) -> list[str]:
    inner = [name for c in code.co_consts if isinstance(c, CodeType) for name in _names(c)]
    return list(dict.fromkeys([*code.co_names, *inner]))


def _bytecode(code: CodeType, text: str | None = None) -> list[Any]:
    """Instructions, names and constants but the docstring, those of inner functions too."""
    consts = code.co_consts[text is not None and code.co_consts[:1] == (text,) :]
    inner = [_bytecode(c) if isinstance(c, CodeType) else c for c in consts]
    return [code.co_code, code.co_names, code.co_varnames, inner]


class _Teller:
    """What tells a value from others, by its content and never by its place in memory."""

    def __init__(self, module: str) -> None:
        # Functions and classes of it are told by their code, those of others by their names.
        self._module = module
        # Those told already, each once; held, so that none takes the place of another.
        self._told: dict[int, tuple[Any, int]] = {}
        self._within: list[int] = []

    def digest(self, value: Any) -> str:
        """Digest of all that `tell` says."""
        digest = hashlib.sha256()
        for part in self.tell(value):
            digest.update(part.encode() if isinstance(part, str) else part)
            digest.update(b"\0")
        return digest.hexdigest()[:12]

    def tell(self, value: Any) -> Iterator[str | bytes]:
        """The parts of a value, one after the other."""
        value = _scalar(value)
        if isinstance(value, int | float | complex | str | bytes | None):
            yield f"{type(value).__name__} {value!r}"
        elif isinstance(value, ModuleType | PurePath):
            yield str(getattr(value, "__name__", value))
        elif inspect.isfunction(value) or inspect.isclass(value):
            yield from self._named(value)
        elif id(value) in self._within:
            yield f"within {len(self._within) - self._within.index(id(value))}"
        else:
            self._within.append(id(value))
            yield f"{type(value).__module__}.{type(value).__qualname__}"
            yield from self._content(value)
            self._within.pop()

    def _named(self, value: Any) -> Iterator[str | bytes]:
        yield f"{value.__module__}.{value.__qualname__}"
        # One without a name of its own is told wherever it is from.
        if value.__module__ != self._module and "<" not in value.__qualname__:
            return
        if id(value) in self._told:
            yield f"again {self._told[id(value)][1]}"
            return
        self._told[id(value)] = value, len(self._told)
        if inspect.isfunction(value):
            yield from self.tell(_bytecode(value.__code__, value.__doc__))
            yield from self.tell([value.__defaults__, value.__kwdefaults__])
            yield from self.tell([_closure(value), _used(value), vars(value)])
            return
        yield from self.tell(value.__bases__)
        for name, held in vars(value).items():
            if name not in _OF_CLASS and not inspect.isdatadescriptor(held):
                yield name
                yield from self.tell(getattr(held, "__func__", held))
            elif isinstance(held, property):
                yield from self.tell([held.fget, held.fset])

    def _content(self, value: Any) -> Iterator[str | bytes]:
        if isinstance(value, np.ndarray) and not np.ma.isMaskedArray(value):
            yield f"{value.dtype.descr} {value.shape}"
            is_plain = value.dtype.kind in "biufcSUMmV" and not value.dtype.hasobject
            yield from [value.tobytes()] if is_plain else self._each(value.ravel().tolist())
        elif type(value) in (list, tuple):
            yield from self._each(value)
        elif isinstance(value, set | frozenset):
            # Texts come in another order in every process.
            yield from sorted(_Teller(self._module).digest(entry) for entry in value)
        elif isinstance(value, dict | MappingProxyType):
            yield from self._each([part for pair in value.items() for part in pair])
        elif inspect.ismethod(value):
            yield from self._each([value.__func__, value.__self__])
        elif type(value).__module__.partition(".")[0] == "xarray" and hasattr(value, "to_dict"):
            yield from self.tell(value.to_dict(data="array"))
        elif isinstance(value, Portable):
            yield from self.tell(value.held())
        elif isinstance(value, partial):
            yield from self._each([value.func, value.args, value.keywords])
        else:
            yield from self._pickled(value)

    def _each(self, values: Iterable[Any]) -> Iterator[str | bytes]:
        parts = list(values)
        yield str(len(parts))
        for part in parts:
            yield from self.tell(part)

    def _pickled(self, value: Any) -> Iterator[str | bytes]:
        """What makes the value again."""
        try:
            registered = copyreg.dispatch_table.get(type(value))
            made = value.__reduce_ex__(4) if registered is None else registered(value)
        except Exception as error:
            raise ArgumentError(
                f"{type(value).__name__} {value!r:.60}: cannot be told from others of its kind, so "
                "that a store cannot say for which its points are; make it in the function"
            ) from error
        if isinstance(made, str):
            yield made
        else:
            yield from self._each([list(p) if isinstance(p, Iterator) else p for p in made])
