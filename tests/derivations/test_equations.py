"""docs/equations.md is what the command prints, and names all that counts and what exists."""

import inspect
import re
import shlex
from collections.abc import Iterator
from typing import Any

import click
import numpy as np
import pytest
from click.core import ParameterSource

import meanfield
import simulate
from derivations import REGISTRY
from derivations.command_line import all_checks, main
from derivations.equations import ELSEWHERE
from derivations.page import ROOT, figures_of, files_of_tests, numbers, resolve, rows
from simulate import couplings
from simulate.command_line import reproduce
from simulate.studies.catalogue import FIGURES, study

PAGE = ROOT / "docs" / "equations.md"
ROWS = rows()
every_row = pytest.mark.parametrize("row", ROWS, ids=lambda row: row.label)


def test_the_page_is_what_the_command_prints(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--equations"]) == 0
    printed = capsys.readouterr().out
    assert printed == PAGE.read_text(encoding="utf-8"), (
        "python -m derivations --equations > docs/equations.md"
    )


def test_every_link_of_the_page_leads_somewhere() -> None:
    links = set(re.findall(r"\]\(([^)]+)\)", PAGE.read_text(encoding="utf-8")))
    assert len(links) > 50
    assert [link for link in links if not (PAGE.parent / link).is_file()] == []


@every_row
def test_names_of_a_row_exist(row: Any) -> None:
    known = {check.name for check in all_checks().select()}
    assert row.functions
    assert row.tests
    for name in row.functions.split():
        assert inspect.getdoc(resolve(name))
    assert [name for name in row.checks.split() if name not in known] == []
    assert [name for name in row.tests.split() if name not in files_of_tests()] == []


@every_row
def test_arguments_of_a_row_exist(row: Any) -> None:
    for name, words in re.findall(r"(\S+?)\((\S+)\)", row.functions):
        parameters = inspect.signature(resolve(name)).parameters
        assert {word.partition("=")[0] for word in words.split(",")} <= set(parameters)


def test_labels_are_unique() -> None:
    assert len({row.label for row in ROWS}) == len(ROWS)


def test_every_check_has_a_row() -> None:
    named = {name for row in ROWS for name in row.checks.split()}
    assert [check.name for check in all_checks().select() if check.name not in named] == []


def test_every_printed_equation_has_a_row() -> None:
    labelled = {n for row in ROWS if row.label.startswith("[HH]") for n in numbers(row.label)}
    assert labelled == {str(k) for k in range(1, 22)}


def test_every_figure_has_a_row_with_a_command() -> None:
    assert set(ELSEWHERE) == set(FIGURES)
    drawn = {figure for key in FIGURES for figure in figures_of(study(key).source)}
    printed = {f"[QH] {k}" for k in range(1, 6)} | {f"[HH] {k}" for k in range(1, 10)}
    assert drawn == printed


@pytest.mark.parametrize("key", FIGURES)
def test_figures_take_the_options_that_are_named(key: str) -> None:
    command = reproduce.get_command(click.Context(reproduce), key)
    assert command is not None
    context = command.make_context(key, shlex.split(ELSEWHERE[key]))
    usual, options = study(key).values(), study(key).options
    given = {
        name: context.params[name]
        for name in options
        if context.get_parameter_source(name) is ParameterSource.COMMANDLINE
    }
    assert given
    values = study(key).values(**given)
    for name in given:
        assert np.ravel(values[name]).tolist() != np.ravel(usual[name]).tolist()


# Docstrings that cite an equation.


def _public() -> Iterator[tuple[str, Any, str]]:
    """Name, object and docstring of everything public; methods count for their class."""
    for package in (meanfield, simulate, couplings):
        for name in package.__all__:
            thing = getattr(package, name)
            if not (inspect.isclass(thing) or inspect.isfunction(thing)):
                continue
            label = f"{package.__name__}.{name}"
            yield label, thing, inspect.getdoc(thing) or ""
            if inspect.isclass(thing):
                for method, content in vars(thing).items():
                    if not method.startswith("_"):
                        yield f"{label}.{method}", thing, getattr(content, "__doc__", None) or ""


def _cited(text: str) -> set[str]:
    """Equations of [HH] that a text cites, and its algorithm."""
    found: set[str] = set()
    for listed in re.findall(r"Eqs?\.\s+\(?((?:\d+[ab]?(?:\s*[–,-]\s*|\s+and\s+)?)+)", text):
        found |= numbers(listed)
    return found | {f"Algorithm {k}" for k in re.findall(r"Algorithm (\d)", text)}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("([HH] Eqs. 12 and 13).", {"12", "13"}),
        ("[HH] Eqs. 15–17: S is one", {"15", "16", "17"}),
        ("Eqs. 19 and 21 agree; Eq. (10a), and 5 other things", {"19", "21", "10"}),
        ("[HH] Fig. 4, section 3", set()),
        ("or [HH] Algorithm 1: a second orbit", {"Algorithm 1"}),
    ],
)
def test_citations_are_read(text: str, expected: set[str]) -> None:
    assert _cited(text) == expected


def test_whatever_cites_an_equation_is_in_its_row() -> None:
    missing, count = [], 0
    for label, thing, text in _public():
        for equation in _cited(text):
            count += 1
            named = [
                resolve(name)
                for row in ROWS
                if row.label.startswith("[HH]")
                and equation in numbers(row.label) | {row.label.removeprefix("[HH] ")}
                for name in row.functions.split()
            ]
            if thing not in named:
                missing.append(f"{label} cites [HH] {equation}, whose row does not name it")
    assert missing == []
    assert count > 20
    assert all(check in REGISTRY.select() for check in all_checks().select())
