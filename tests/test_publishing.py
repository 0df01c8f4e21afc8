"""What is published: versions that agree, papers to be cited, forms that can be filled in."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
CITATION = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
FORMS = sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml"))


def test_every_place_names_the_version_to_come() -> None:
    """The tag decides; changelog, citation and the copy that knows no tag say the same."""
    (version,) = re.findall(r"^## (\S+) \(", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.M)[:1]
    assert CITATION["version"] == version
    assert PROJECT["tool"]["hatch"]["version"]["fallback-version"] == f"{version}.dev0"
    assert "version" in PROJECT["project"]["dynamic"]
    archived = (ROOT / ".git_archival.txt").read_text(encoding="utf-8")
    # In an archive the commit stands there, and the version of a tag that there is.
    assert re.fullmatch(r"describe-name: (\$Format:.*\$|v\d.*|)\n", archived)


def test_both_papers_are_cited() -> None:
    names = [[one["family-names"] for one in paper["authors"]] for paper in CITATION["references"]]
    assert names == [["Qiu", "Huang"], ["Huang", "Huang"]]
    assert {paper["type"] for paper in CITATION["references"]} == {"article"}
    (author,) = CITATION["authors"]
    assert [one["name"] for one in PROJECT["project"]["authors"]] == [author["name"]]
    assert CITATION["license"] == PROJECT["project"]["license"]


@pytest.mark.parametrize("path", FORMS, ids=lambda path: path.stem)
def test_a_form_can_be_filled_in(path: Path) -> None:
    form = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert set(form) == {"name", "description", "labels", "body"}
    fields: list[dict[str, Any]] = form["body"]
    assert len({field["id"] for field in fields}) == len(fields)
    for field in fields:
        assert field["type"] in ("textarea", "input", "checkboxes")
        assert field["attributes"]["label"]
        assert field.get("validations", {"required": True}) == {"required": True}
    named = re.findall(r"\b(?:docs/[\w/.]+\w|CONTRIBUTING\.md)", path.read_text(encoding="utf-8"))
    assert all((ROOT / name).exists() for name in named)


def test_the_three_kinds_of_issues_have_a_form() -> None:
    assert [path.stem for path in FORMS] == ["bug", "feature", "physics"]


def test_the_versions_that_the_form_asks_for_are_printed() -> None:
    text = (ROOT / ".github" / "ISSUE_TEMPLATE" / "bug.yml").read_text(encoding="utf-8")
    (code,) = re.findall(r'`python -c "(.*?)"`', text)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "numpy_version" in done.stdout
