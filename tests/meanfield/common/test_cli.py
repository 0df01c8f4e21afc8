"""What the command lines tell of warnings and points, and how they end."""

import subprocess
import sys
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import numpy as np
import pytest
import xarray as xr
from matplotlib.figure import Figure

from meanfield import StepSizeWarning
from meanfield.common.cli import command_of, library_warnings, run, verdict
from meanfield.common.study import Part, Study

Capture = pytest.CaptureFixture[str]


def point(g: float, *, seed: int) -> dict[str, Any]:
    """A result whose end depends on g."""
    if g < 0:
        raise RuntimeError("diverges; shorten dt")
    said = {0: ("converged", ""), 1: ("flagged", "drifts; raise t_max"),
            2: ("absent", "no such state"), 3: ("flagged", "no numbers")}  # fmt: skip
    status, reason = said[int(g)]
    return {"y": ("k", np.full(2, g if g < 2 else np.nan)), "status": status, "reason": reason}


def whole(*, g: list[float]) -> xr.Dataset:
    """One status for all, among the attributes."""
    status, reason = ("converged", "") if g == [0.0] else ("flagged", "drifts; raise t_max")
    return xr.Dataset({"y": ("g", g)}, attrs={"status": status, "reason": reason})


TOY = Study(
    name="toy",
    source="[XY] Fig. 1",
    title="a toy",
    parts=(Part(point, ("g",)),),
    draw=lambda data: Figure(),
    text="What is seen.",
    axes={"g": (0.0, 1.0)},
    columns=("y", "status"),
    command="python -m toys toy",
)
PRINTED = replace(TOY, variants={"converged": {}, "printed": {}})


def call(study: Study, options: str, folder: Path) -> int:
    group = click.Group("toys", commands={"toy": command_of(study)})
    return run(group, ["toy", *options.split(), "--output", str(folder)], program="python -m toys")


@pytest.mark.parametrize(
    ("gains", "code", "told"),
    [
        ("0", 0, []),
        ("0,1", 0, ["1 of 2 points flagged, first g=1.0: drifts; raise t_max"]),
        ("0,2", 0, []),
        ("2", 0, ["1 of 1 points absent, first g=2.0: no such state"]),
        ("1,2", 1, ["1 of 2 points flagged, first g=1.0: drifts; raise t_max"]),
        ("1", 1, ["1 of 1 points flagged, first g=1.0: drifts; raise t_max"]),
        ("0,3", 1, ["1 of 2 points failed, first g=3.0: no numbers"]),
        ("-1,0", 1, ["1 of 2 points failed, first g=-1.0, replicate=0: diverges; shorten dt"]),
        ("-1,0,1,3", 1, ["1 of 4 points failed, first g=-1.0, replicate=0: diverges; shorten dt",
                         "1 of 4 points failed, first g=3.0: no numbers",
                         "1 of 4 points flagged, first g=1.0: drifts; raise t_max"]),
    ],
)  # fmt: skip
def test_points_decide_how_a_command_ends(
    gains: str, code: int, told: list[str], tmp_path: Path, capsys: Capture
) -> None:
    assert call(TOY, f"--g={gains}", tmp_path) == code
    printed = capsys.readouterr()
    assert printed.err.splitlines() == [f"warning: {text}" for text in told]
    assert "wrote toy.nc" in printed.out


def test_no_point_at_all_is_an_error(tmp_path: Path, capsys: Capture) -> None:
    assert call(TOY, "--g=-1", tmp_path) == 1
    assert capsys.readouterr().err == "error: diverges; shorten dt\n"


@pytest.mark.parametrize(("gains", "code"), [("0", 0), ("1", 1)])
def test_one_status_for_all(gains: str, code: int, tmp_path: Path, capsys: Capture) -> None:
    study = replace(TOY, parts=(Part(whole, whole=True),))
    assert call(study, f"--g {gains}", tmp_path) == code
    told = "warning: flagged: drifts; raise t_max\n" * code
    assert capsys.readouterr().err == told


def test_printed_choices_are_taken_on_purpose(tmp_path: Path, capsys: Capture) -> None:
    assert call(PRINTED, "--g 1 --variant printed", tmp_path) == 0
    assert capsys.readouterr().err == ""
    assert call(PRINTED, "--g 3 --variant printed", tmp_path) == 1


def test_what_was_told_is_not_told_again() -> None:
    data = xr.Dataset({"y": 1.0}, attrs={"status": "flagged", "reason": "a long step"})
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        warnings.warn("g = 3: a long step", StepSizeWarning, stacklevel=1)
        assert verdict([data], told) == 1
    assert len(told) == 1


STOP = """
import os, signal
import click
from meanfield.common.cli import run

command = click.Command("stop", callback=lambda: os.kill(os.getpid(), signal.SIGTERM))
raise SystemExit(run(command, [], program="stop"))
"""


def test_sigterm_ends_a_command_as_ctrl_c_does() -> None:
    done = subprocess.run([sys.executable, "-c", STOP], capture_output=True, text=True)
    assert done.returncode == 143
    assert done.stderr.strip().startswith("error: terminated")


def test_deprecations_of_other_packages_are_not_told(capsys: Capture) -> None:
    with library_warnings():
        warnings.warn("an old name", DeprecationWarning, stacklevel=1)
        warnings.warn("a long step", StepSizeWarning, stacklevel=1)
    assert capsys.readouterr().err == "warning: a long step\n"
