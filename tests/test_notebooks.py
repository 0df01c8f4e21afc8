"""Every notebook runs from top to bottom, and is stored with small outputs of such a run."""

import re
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
TOPICS = 6
every_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def code_cells(path: Path) -> list[Any]:
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def outputs_of(cells: list[Any]) -> list[Any]:
    return [output for cell in cells for output in cell.outputs]


def assert_clean(outputs: list[Any]) -> None:
    """No error, and no warning but those a notebook catches and prints itself."""
    assert all(output.output_type != "error" for output in outputs)
    assert [output.text for output in outputs if output.get("name") == "stderr"] == []


def test_numbered_without_gaps() -> None:
    assert [int(path.name.split("-")[0]) for path in NOTEBOOKS] == list(range(1, TOPICS + 1))


def test_readme_names_every_notebook() -> None:
    named = re.findall(r"[\w-]+\.ipynb", (ROOT / "README.md").read_text(encoding="utf-8"))
    assert sorted(set(named)) == [path.name for path in NOTEBOOKS]


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
@pytest.mark.slow
@every_notebook
def test_notebook_runs(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(
        notebook,
        timeout=180,
        kernel_name="python3",
        resources={"metadata": {"path": str(tmp_path)}},
    ).execute()
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert cells
    assert_clean(outputs_of(cells))


@every_notebook
def test_notebook_is_stored_as_executed(path: Path) -> None:
    cells = code_cells(path)
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    outputs = outputs_of(cells)
    assert_clean(outputs)
    pictures = [output for output in outputs if "image/png" in output.get("data", {})]
    assert len(pictures) >= 3
    assert any(output.get("name") == "stdout" for output in outputs)


@every_notebook
def test_notebook_is_small_and_knows_no_machine(path: Path) -> None:
    assert path.stat().st_size < 400_000
    notebook = nbformat.read(path, as_version=4)
    assert set(notebook.metadata) == {"kernelspec", "language_info"}
    for cell in notebook.cells:
        assert not cell.metadata  # times of execution would be here
        for output in cell.get("outputs", []):
            output.get("data", {}).pop("image/png", None)  # base64 has slashes of its own
    assert not re.search(r"/(work|tmp|opt|home|usr|root)\b", nbformat.writes(notebook))
