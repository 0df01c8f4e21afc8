"""`python -m meanfield solve`: one point of the replica theory."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from meanfield import SaddlePoint, saddle_point
from meanfield.command_line import main

Capture = pytest.CaptureFixture[str]


def call(options: str) -> int:
    return main(["solve", *options.split()])


def test_one_point(capsys: Capture) -> None:
    assert call("--g 1.2 --gamma 0.5 --beta 100") == 0
    printed = capsys.readouterr().out
    assert "0.325425285299" in printed
    assert "paramagnetic branch" in printed


def test_json(capsys: Capture) -> None:
    assert call("--g 0.75 --gamma 0.5 --json") == 0
    point = json.loads(capsys.readouterr().out)
    assert point["q"] == 0
    assert point["X"] == "inf"
    assert point["r"] == pytest.approx(1 / (0.75**2 * 1.5))
    assert point["converged"] is True
    assert point["phi"] == "tanh"
    assert "numpy_version" in point


def test_no_solution_is_an_answer_and_told(capsys: Capture) -> None:
    """The map of one site is not monotone there: the static branch has ended."""
    assert call("--g 1.2 --gamma 1 --branch static --json") == 0
    printed = capsys.readouterr()
    assert printed.err.startswith("warning: absent: ")
    assert printed.err.count("\n") == 1
    assert "not monotone" in printed.err
    point = json.loads(printed.out)
    assert (point["status"], point["converged"], point["q"]) == ("absent", False, None)
    assert call("--g 1.2 --gamma 1 --branch static") == 0
    shown = [line.split()[:2] for line in capsys.readouterr().out.splitlines()]
    assert ["q", "nan"] in shown
    assert ["status", "absent"] in shown


def test_a_point_that_breaks_down_is_exit_code_1(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*point: Any, **how: Any) -> SaddlePoint:
        return replace(saddle_point(*point, **how), status=np.array("flagged"),
                       reason=np.array("no root; lower tol"), q=np.array(np.nan))  # fmt: skip

    monkeypatch.setattr("meanfield.studies.solve.saddle_point", broken)
    assert call("--g 1.2") == 1
    assert capsys.readouterr().err == "warning: failed: no root; lower tol\n"


def test_help(capsys: Capture) -> None:
    assert call("--help") == 0
    assert "Usage: python -m meanfield solve" in capsys.readouterr().out
