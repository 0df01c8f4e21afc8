"""What the command lines tell of warnings and points, and how they end."""

import json
import subprocess
import sys
import warnings
from collections.abc import Iterator
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
from simulate.command_line import everything

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


@pytest.mark.parametrize(
    ("asked", "code", "kind", "argument", "value"),
    [
        ("meanfield solve --g -1", 2, "ArgumentError", "g", "-1"),
        ("meanfield solve --g one", 2, "BadParameter", "g", "one"),
        ("meanfield solve", 2, "MissingParameter", "g", None),
        ("meanfield solve --gain 1", 2, "NoSuchOption", "--gain", None),
        ("meanfield solved --g 1", 2, "NoSuchCommand", None, None),
        ("meanfield solve --g 1.3 --gamma 0.5 --tol 1e-19", 1, "NotConvergedError", None, None),
        ("meanfield dmft --onsager 1@", 2, "BadParameter", "onsager", "1@"),
        ("meanfield equilibrium --gamma -2", 2, "ArgumentError", "gamma", "-2"),
        ("simulate sample --seed -1", 2, "BadParameter", "seed", "-1"),
        ("simulate run --t-max 1 --save-step 2", 2, "ArgumentError", "save_step", "2"),
        ("simulate reproduce hh1 hh2 --workers x", 2, "BadParameter", "workers", "x"),
        ("simulate validate --rows none", 2, "ArgumentError", "rows", "none"),
        ("simulate validate --shard 2", 2, "BadParameter", "shard", "2"),
        ("derivations --only none", 2, "UsageError", None, None),
    ],
)
def test_a_failure_is_one_json_object(
    asked: str, code: int, kind: str, argument: str | None, value: str | None,
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    assert run(everything, [*asked.split(), "--json"], program="quasipotential") == code
    said = capsys.readouterr()
    error = json.loads(said.out)["error"]
    assert (error["type"], error["argument"], error["value"]) == (kind, argument, value)
    assert error["message"] in said.err


def test_points_that_fail_are_an_error_beside_the_numbers(tmp_path: Path, capsys: Capture) -> None:
    for gains, code in (("0", 0), ("0,3", 1), ("-1", 1)):
        assert call(TOY, f"--g={gains} --json", tmp_path) == code
        facts = json.loads(capsys.readouterr().out)
        assert ("tables" in facts) == (gains != "-1")
        assert ("error" in facts) == bool(code)
    assert facts["error"]["message"] == "diverges; shorten dt"


def test_every_answer_is_one_json_object(tmp_path: Path, capsys: Capture) -> None:
    """Of several figures, plans and lists, too."""
    small = f"--preset quick --output {tmp_path} --json"
    for asked, name in (
        (f"simulate reproduce qh3 hh6 {small} --plan", "figures"),
        (f"simulate lyapunov {small} --n 10 --t-max 16 --t-skip 2 --plan", "plan"),
        (f"simulate validate --rows identities {small} --plan", "plan"),
        ("derivations --list --json", "checks"),
        ("derivations --only elliptic.edge --json", "checks"),
    ):
        assert run(everything, asked.split(), program="quasipotential") == 0
        assert json.loads(capsys.readouterr().out)[name]


def commands(group: click.Group) -> Iterator[click.Command]:
    """All commands below a group."""
    for name in group.list_commands(click.Context(group)):
        command = group.get_command(click.Context(group), name)
        assert command is not None
        yield command
        if isinstance(command, click.Group):
            yield from commands(command)


def test_the_same_option_is_spelled_the_same_everywhere() -> None:
    """What one command takes under two names another takes under both; nothing has a synonym."""
    seen: dict[str, set[str]] = {}
    for command in commands(everything):
        names = {name for option in command.params for name in option.opts}
        assert "--version" in names
        assert isinstance(command, click.Group) or "--json" in names, command.name
        for option in command.params:
            for name in option.opts:
                # Hidden ones are short forms of `--preset`.
                assert seen.setdefault(name, set(option.opts)) == set(option.opts), name
    for others in ({"--output", "--out", "--folder"}, {"--trials", "--networks", "--repeats"},
                   {"--workers", "--jobs", "--processes"}, {"--threads", "--cores"},
                   {"--shown", "--neurons"}, {"--seed", "--random-seed"}):  # fmt: skip
        assert len(others & set(seen)) == 1
