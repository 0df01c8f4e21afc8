"""docs/equations.md: from an equation to code, proof and test, from a figure to its command.

Names are looked up when the page is made: it says where things are now.
"""

from __future__ import annotations

import ast
import inspect
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

from .equations import ELSEWHERE, SECTIONS, Equation
from .registry import Registry

ROOT = Path(__file__).parents[1]
_HEAD = """# Equations, proofs, tests, figures

*Made by `python -m derivations --equations`, from
[derivations/equations.py](../derivations/equations.py).*

One row leads from an equation to the functions that evaluate it, the checks that prove it by
computer algebra (`python -m derivations --only NAME`) and the tests that pin its numbers
(`python -m pytest PATH::NAME`).  Numbers are those of [HH]; equations of [QH] are named by their
content.  A row without a check is a definition or an algorithm.  κ is the γ(t) of [HH].
"""
_FIGURES = """The options under "elsewhere" go behind the command; `--help` lists all, and
`--preset paper` is the sizes of the papers.  From Python it is
`simulate.reproduce("qh4", g=[0.5, 1.0], gamma=[0.0])`.
"""


def page(registry: Registry) -> str:
    """The whole page, in Markdown."""
    parts = [_HEAD]
    for title, section in SECTIONS.items():
        head = ("equation", "content", "evaluated by", "proved by", "pinned by")
        parts += [f"## {title}\n", _table(head, _equations(section, registry))]
    head = ("figure", "study", "command", "elsewhere", "also drawn by")
    parts += ["## Figures\n", _FIGURES, _table(head, _figures())]
    parts += ["## Checks\n", _table(("check", "statement", "rows"), _checks(registry))]
    return "\n".join(parts)


def rows() -> list[Equation]:
    """All rows of all sections."""
    return [row for section in SECTIONS.values() for row in section]


def resolve(name: str) -> Any:
    """The object of a dotted path, an "(argument)" at its end aside."""
    parts = name.partition("(")[0].split(".")
    found = import_module(parts[0])
    for k, part in enumerate(parts[1:], 2):
        if not hasattr(found, part):
            import_module(".".join(parts[:k]))
        found = getattr(found, part)
    return found


@cache
def files_of_tests() -> dict[str, list[str]]:
    """Files of each test function, by its name; empty where the package is installed without."""
    found = defaultdict(list)
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                found[node.name].append(path.relative_to(ROOT).as_posix())
    return dict(found)


def numbers(text: str) -> set[str]:
    """What a citation enumerates: "1–3, 7a" as "1", "2", "3", "7"."""
    spans = re.findall(r"(\d+)[a-d]?(?:[–-](\d+))?", text)
    return {str(k) for one, last in spans for k in range(int(one), int(last or one) + 1)}


def figures_of(source: str) -> set[str]:
    """The figures that a source names, "[HH] Figs. 1–3" as "[HH] 1", …."""
    cited = re.findall(r"(\[[QH]H\]) Figs?\. ([\d–, and]+)", source)
    return {f"{paper} {number}" for paper, text in cited for number in numbers(text)}


def _equations(section: Iterable[Equation], registry: Registry) -> Iterable[Sequence[str]]:
    proofs = {check.name: check.prove for check in registry.select()}
    for row in section:
        yield (
            row.label,
            row.content,
            _each(row.functions, lambda name: _link(name, _file(resolve(name)))),
            _each(row.checks, lambda name: _link(name, _file(proofs[name]))),
            _each(row.tests, lambda name: "<br>".join(_places(name))),
        )


def _places(test: str) -> list[str]:
    return [f"`{path}::{test}`" for path in files_of_tests().get(test, [])] or [f"`{test}`"]


def _figures() -> Iterable[Sequence[str]]:
    # Late: the algebra does not depend on the numerical packages.
    catalogue = import_module("simulate.studies.catalogue")
    theory = import_module("meanfield.command_line").STUDIES
    others = {}
    for package, places in (("simulate", catalogue.STUDIES), ("meanfield", theory)):
        for name, place in places.items():
            source = getattr(resolve(place.replace(":", ".")), "source", "")
            others[f"`python -m {package} {name}`"] = figures_of(source)
    for key in catalogue.FIGURES:
        study = catalogue.study(key)
        (figure,) = figures_of(study.source)
        own = ROOT / f"{catalogue.FIGURES[key].partition(':')[0].replace('.', '/')}.py"
        files = dict.fromkeys([own, _file(study.parts[0].function)])
        yield (
            figure.replace("] ", "] Fig. "),
            "<br>".join([study.title, *(_link(path.name, path) for path in files)]),
            f"`python -m simulate reproduce {key}`",
            f"`{ELSEWHERE[key]}`",
            "<br>".join(name for name, drawn in others.items() if figure in drawn),
        )


def _checks(registry: Registry) -> Iterable[Sequence[str]]:
    for check in sorted(registry.select(), key=lambda check: check.name):
        labels = [row.label for row in rows() if check.name in row.checks.split()]
        yield _link(check.name, _file(check.prove)), check.statement, "; ".join(labels)


def _each(names: str, shown: Callable[[str], str]) -> str:
    return "<br>".join(shown(name) for name in names.split())


def _file(thing: Any) -> Path:
    module = inspect.getmodule(inspect.unwrap(thing))
    return Path(inspect.getfile(module or thing))


def _link(name: str, path: Path) -> str:
    return f"[`{name}`](../{path.relative_to(ROOT).as_posix()})"


def _table(head: Sequence[str], body: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *body]
    cells = ([cell.replace("|", "\\|") for cell in line] for line in lines)
    return "\n".join(f"| {' | '.join(line)} |" for line in cells) + "\n"
