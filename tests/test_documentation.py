"""Every block of code of the README and the pages runs as it stands there.

A comment before a block says what is done with it: `<!-- slow -->` leaves it, and what follows it
on its page, to the slow suite, `<!-- not run: reason -->` to nobody, `<!-- command: NAME -->` to
`.ci/run`.
"""

import linecache
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", *sorted(p for p in DOCS.rglob("*.md") if "_build" not in p.parts)]
_BLOCK = re.compile(r"(?:<!-- ([^>]*) -->\n+)?```(python|bash)\n(.*?)^```$", re.S | re.M)
# Seconds that a block of the shell may take.
_PATIENCE = 600


class Block(NamedTuple):
    """Some code of a page."""

    mark: str
    language: str
    code: str
    line: int


def blocks(page: Path) -> list[Block]:
    text = page.read_text(encoding="utf-8")
    return [
        Block(mark or "", language, code, text.count("\n", 0, found.start(3)) + 1)
        for found in _BLOCK.finditer(text)
        for mark, language, code in [found.groups()]
    ]


def is_run(block: Block) -> bool:
    return not block.mark.startswith(("not run: ", "command: "))


def runs(*, slow: bool) -> list[object]:
    """Pages with something to run, up to the first slow block or, of those that have one, all."""
    chosen = []
    for page in PAGES:
        own = [block for block in blocks(page) if is_run(block)]
        marks = [block.mark for block in own]
        first = marks.index("slow") if "slow" in marks else len(own)
        code = own if slow else own[:first]
        if code and (first < len(own) or not slow):
            name = str(page.relative_to(ROOT)).removesuffix(".md")
            chosen.append(pytest.param(page, code, id=name))
    return chosen


def execute(page: Path, code: list[Block], folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All Python of a page in one namespace, all in one folder."""
    monkeypatch.chdir(folder)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    # A command that is not told otherwise works in one process: starting others takes longer.
    monkeypatch.setenv("LOKY_MAX_CPU_COUNT", "1")
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent), prepend=os.pathsep)
    space: dict[str, object] = {"__name__": "__main__"}
    for block in code:
        name = f"{page}:{block.line}"
        if block.language == "bash":
            text = block.code.replace(".venv/bin/", "")
            done = subprocess.run(
                ["bash", "-euo", "pipefail", "-c", text],
                capture_output=True, text=True, timeout=_PATIENCE,
            )  # fmt: skip
            assert done.returncode == 0, f"{name}\n{done.stdout[-2000:]}{done.stderr[-2000:]}"
            continue
        # The source of a function is part of what a sweep keeps.
        linecache.cache[name] = len(block.code), None, block.code.splitlines(True), name
        exec(compile(block.code, name, "exec"), space)


@pytest.mark.parametrize(("page", "code"), runs(slow=False))
def test_a_page_runs(
    page: Path, code: list[Block], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    execute(page, code, tmp_path, monkeypatch)


@pytest.mark.slow
@pytest.mark.parametrize(("page", "code"), runs(slow=True))
def test_a_slow_page_runs(
    page: Path, code: list[Block], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    execute(page, code, tmp_path, monkeypatch)


def test_links_of_the_readme_lead_somewhere() -> None:
    """Those of the pages are checked when the site is built."""
    links = re.findall(r"\]\(([^)#]+)", PAGES[0].read_text(encoding="utf-8"))
    assert len(links) > 10
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_every_mark_is_known() -> None:
    known = re.compile(r"(slow|not run: .+|command: .+|)$")
    wrong = {(page.name, b.mark) for page in PAGES for b in blocks(page) if not known.match(b.mark)}
    assert not wrong
