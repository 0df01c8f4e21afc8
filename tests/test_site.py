"""The pages of the site name what there is: public names, equations, pictures, commands."""

import re
from pathlib import Path
from typing import Any

import pytest

import derivations
import meanfield
import simulate
from derivations.page import rows
from meanfield.command_line import STUDIES as THEORY
from simulate import couplings
from simulate.studies.catalogue import FIGURES, STUDIES

DOCS = Path(__file__).parents[1] / "docs"
GALLERY = (DOCS / "gallery.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("package", [meanfield, simulate, derivations], ids=lambda p: p.__name__)
def test_every_public_name_has_a_page(package: Any) -> None:
    listed = set(
        re.findall(r"^   (\S+)$", (DOCS / "api" / f"{package.__name__}.rst").read_text(), re.M)
    )
    elsewhere = {"couplings"} | ({"StepSizeWarning", "Switching"} if package is simulate else set())
    assert set(package.__all__) - listed <= elsewhere
    if package is simulate:
        assert {f"couplings.{name}" for name in couplings.__all__} <= listed


def test_every_equation_stands_on_a_page_of_the_theory() -> None:
    texts = (page.read_text(encoding="utf-8") for page in (DOCS / "theory").glob("*.md"))
    named = {
        x for t in texts for f in re.findall("<!-- equations: (.*) -->", t) for x in f.split("; ")
    }
    assert named == {row.label for row in rows()}


def test_every_picture_has_its_command() -> None:
    commands = set(re.findall(r"`python -m (\w+ (?:reproduce )?[\w-]+)[^`]*`", GALLERY))
    commands |= {f"simulate {name}" for name in re.findall(r"`([a-z-]+)` \(", GALLERY)}
    assert commands >= {f"simulate reproduce {key}" for key in FIGURES}
    assert commands >= {f"simulate {name}" for name in STUDIES}
    assert commands >= {f"meanfield {name}" for name in set(THEORY) - {"solve"}}


def test_pictures_are_small_and_all_shown() -> None:
    shown = re.findall(r"^:::\{figure\} gallery/(\S+)$", GALLERY, re.M)
    stored = {path.name: path.stat().st_size for path in (DOCS / "gallery").iterdir()}
    assert sorted(shown) == sorted(stored)
    assert max(stored.values()) <= 60_000
