"""Public names of a package, each imported when it is asked for."""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable
from importlib import import_module
from pkgutil import iter_modules
from typing import Any


def late(package: str) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """`__getattr__` and `__dir__` of a package that imports under ``if TYPE_CHECKING`` alone."""
    # Its source is read, so that what it offers is written once, where type checkers look, too.
    own = vars(sys.modules[package])
    (offers,) = (
        node
        for node in ast.parse(own["__spec__"].loader.get_source(package)).body
        if isinstance(node, ast.If)
    )
    places = {one.name: "." for one in iter_modules(own["__path__"]) if one.name[0] != "_"}
    for node in offers.body:
        if isinstance(node, ast.ImportFrom):
            place = "." * node.level + (node.module or "")
            places |= {alias.name: place for alias in node.names}

    def get(name: str) -> Any:
        if name == "__version__":
            own[name] = installed()
            return own[name]
        if name not in places:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        module = import_module(places[name], package)
        if name not in vars(module):  # It is a module itself.
            import_module(f".{name}", module.__name__)
        own[name] = getattr(module, name)
        return own[name]

    return get, lambda: sorted({*own, *own["__all__"], "__version__"})


def installed(name: str = "quasipotential") -> str:
    """The version that was installed; "0+unknown" of a copy that was not."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(name)
    except PackageNotFoundError:
        return "0+unknown"
