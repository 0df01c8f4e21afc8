"""The report on disk and the command."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from meanfield import SamplerError
from simulate import validate
from simulate.command_line import main
from simulate.validation.report import save
from simulate.validation.statement import Experiment, TheoryValue

MakeToy = Callable[..., Experiment]
LIMIT = 0.7


def test_report(toy: Experiment, tmp_path: Path) -> None:
    table = validate(rows=["toy", "identities"], seed=1)
    files = save(table, tmp_path, "python -m simulate validate")
    assert all(path.stat().st_size > 0 for path in files)
    facts = json.loads((tmp_path / "table.json").read_text())
    assert facts["passed"] is True
    assert facts["rows"][-1]["row"] == "toy.identity"
    assert {one["n"] for one in facts["rows"][-2]["sizes"]} == {10, 20}
    page = (tmp_path / "report.html").read_text()
    assert page.count("<img") == 2
    assert "⟨x⟩ = 0.7" in page


def test_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = tmp_path / "out"
    common = ["validate", "--rows", "identities", "--output", str(output), "--workers", "1"]
    assert main([*common, "--shard", "1/2"]) == 0
    assert "shard 1/2 done" in capsys.readouterr().out
    assert main([*common, "--shard", "2/2"]) == 0
    assert "6 of 6 rows agree" in capsys.readouterr().out
    assert main(common) == 0
    said = capsys.readouterr().out
    assert "6 of 6 rows agree" in said
    assert "26 of 26 jobs were read from" in said
    # Some rows do not take the place of the whole table.
    assert (output / "rows-report.html").exists()
    assert not (output / "report.html").exists()
    kept = {path.name: path.read_bytes() for path in (output / "measurements").iterdir()}
    assert main(["validate", "--rows", "nothing", "--output", str(output)]) == 2
    assert main([*common, "--shard", "3/2"]) == 2
    assert main([*common, "--shard", "1/2", "--fresh"]) == 2
    assert kept == {path.name: path.read_bytes() for path in (output / "measurements").iterdir()}
    capsys.readouterr()
    assert main([*common, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["rows"][0]["verdict"] == "exact"
    assert main([*common, "--fresh"]) == 0
    assert "were read from" not in capsys.readouterr().out


def test_plan(capsys: pytest.CaptureFixture[str]) -> None:
    for paper in (["--paper"], ["--preset", "paper"], ["--scale", "paper"]):
        assert main(["validate", "--plan", *paper, "--rows", "identities"]) == 0
        said = capsys.readouterr().out
        assert "100 × 5" in said
        assert "chaos" not in said
    assert main(["validate", "--plan", "--rows", "nothing"]) == 2


def test_rows_that_the_findings_name(capsys: pytest.CaptureFixture[str]) -> None:
    pages = (Path(__file__).parents[3] / "docs" / "findings").glob("*.md")
    text = "\n".join(page.read_text(encoding="utf-8") for page in sorted(pages))
    named = re.findall(r"--rows\s+('[^']+'|[\w.]+)", text)
    assert len(named) > 8
    for rows in named:
        assert main(["validate", "--plan", "--rows", rows.strip("'")]) == 0, rows
        assert capsys.readouterr().out.count("\n") >= 3


def test_a_plan_tells_what_is_kept_and_how_long_the_rest_takes(
    make_toy: MakeToy, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_toy()
    common = ["validate", "--rows", "toy", "--output", str(tmp_path), "--workers", "1"]
    assert main([*common, "--plan"]) == 0
    assert "0 kept, 9 to do; none like them has been timed; " in capsys.readouterr().out
    assert main([*common, "--csv"]) == 0
    assert pd.read_csv(tmp_path / "rows-table.csv").row.tolist() == ["toy.mean", "toy.identity"]
    capsys.readouterr()
    assert main([*common, "--plan"]) == 0
    assert "9 kept, 0 to do; " in capsys.readouterr().out
    assert main([*common, "--plan", "--seed", "1"]) == 0
    assert "0 kept, 9 to do; 9 of them take " in capsys.readouterr().out


def test_a_shard_whose_jobs_fail_says_so(
    make_toy: MakeToy, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails(n: int, seed: int) -> dict[str, float]:
        raise SamplerError("no answer")

    make_toy(measure=fails)
    code = main(
        ["validate", "--rows", "toy", "--output", str(tmp_path), "--shard", "1/2", "--workers", "1"]
    )
    assert code == 1
    assert "toy: no answer" in capsys.readouterr().err


def test_a_row_that_differs_is_an_exit_code(
    make_toy: MakeToy, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_toy(theory=lambda *, seed: {"mean": TheoryValue(0.0)})
    output = str(tmp_path)
    assert main(["validate", "--rows", "toy", "--output", output, "--workers", "1"]) == 1
    assert "DIFFERS" in capsys.readouterr().out
