"""The pages of the site name what there is: public names, equations, pictures, commands."""

import re
from pathlib import Path
from types import ModuleType

import pytest

import derivations
import meanfield
import simulate
from derivations.page import rows
from meanfield.command_line import STUDIES as THEORY
from simulate import couplings
from simulate.studies.catalogue import FIGURES, STUDIES

DOCS = Path(__file__).parents[1] / "docs"


def text(page: str) -> str:
    return (DOCS / page).read_text(encoding="utf-8")


@pytest.mark.parametrize("package", [meanfield, simulate, derivations], ids=lambda p: p.__name__)
def test_every_public_name_has_a_page(package: ModuleType) -> None:
    listed = set(re.findall(r"^   (\S+)$", text(f"api/{package.__name__}.rst"), re.M))
    public = set(package.__all__)
    if package is simulate:
        lent = {name for name in public if getattr(meanfield, name, 0) is getattr(simulate, name)}
        public -= {"couplings", *lent}
        public |= {f"couplings.{name}" for name in couplings.__all__}
    assert public <= listed


def test_every_equation_stands_on_a_page_of_the_theory() -> None:
    pages = "\n".join(text(f"theory/{path.name}") for path in (DOCS / "theory").glob("*.md"))
    named = "; ".join(re.findall("<!-- equations: (.*) -->", pages)).split("; ")
    assert set(named) == {row.label for row in rows()}


def test_every_picture_has_its_command() -> None:
    gallery = text("gallery.md")
    commands = set(re.findall(r"`python -m (\w+ (?:reproduce )?[\w-]+)[^`]*`", gallery))
    commands |= {f"simulate {name}" for name in re.findall(r"`([a-z-]+)` \(", gallery)}
    assert commands >= {f"simulate reproduce {key}" for key in FIGURES}
    assert commands >= {f"simulate {name}" for name in STUDIES}
    assert commands >= {f"meanfield {name}" for name in set(THEORY) - {"solve"}}


def test_pictures_are_small_and_all_shown() -> None:
    shown = re.findall(r"^:::\{figure\} gallery/(\S+)$", text("gallery.md"), re.M)
    stored = {path.name: path.stat().st_size for path in (DOCS / "gallery").iterdir()}
    assert sorted(shown) == sorted(stored)
    assert max(stored.values()) <= 60_000
