"""Output for terminals and pipes of every encoding, without a home and without a display."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import meanfield
import meanfield.command_line
import simulate.command_line
from meanfield.common.cli import run
from meanfield.common.terminal import spelled

ENCODINGS = ("ascii", "cp1252", "latin-1", "cp437", "utf-8")
ROOT = Path(meanfield.__file__).parents[1]
COMMANDS = [
    *([name] for name in meanfield.command_line.cli.places),
    *([name] for name in simulate.command_line.cli.places),
    *(["reproduce", name] for name in simulate.command_line.reproduce.places),
]


def streams(encoding: str, monkeypatch: pytest.MonkeyPatch) -> list[io.TextIOWrapper]:
    made = [io.TextIOWrapper(io.BytesIO(), encoding=encoding) for _ in range(2)]
    for name, stream in zip(("stdout", "stderr"), made, strict=True):
        monkeypatch.setattr(sys, name, stream)
    return made


def written(stream: Any) -> str:
    stream.flush()
    text: str = stream.buffer.getvalue().decode(stream.encoding)
    return text


def test_every_sign_of_the_package_has_a_spelling(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = [path.read_text() for name in ("meanfield", "simulate", "derivations")
             for path in (ROOT / name).rglob("*.py")]  # fmt: skip
    signs = sorted({sign for text in texts for sign in text if not sign.isascii()})
    with monkeypatch.context() as m:
        out, _ = streams("ascii", m)
        with spelled():
            print("".join(signs))
            print("γ²=−½ ± 10⁻¹², ⟨φ⟩ → ∞, Δ₀, λ, ϱ", "é, \udc80 and 猫")
    lines = written(out).splitlines()
    assert "?" not in lines[0]
    assert lines[1] == "gamma^2=-1/2 +- 10^-12, <phi> -> inf, Delta_0, lambda, rho e, ? and ?"


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_help_and_errors_in_any_encoding(encoding: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for command in COMMANDS:
        program = simulate if command[0] in simulate.command_line.cli.places else meanfield
        cli = program.command_line.cli
        for words, code in ((["--help"], 0), (["--γ", "1"], 2)):
            with monkeypatch.context() as m:
                out, err = streams(encoding, m)
                assert run(cli, [*command, *words], program="p") == code
            assert "?" not in written(out).replace("Whether", "")
            assert written(err).startswith("error: ") == (code == 2)


BARS = """
import io, sys
from meanfield.common.cli import spelled
from meanfield.common.jobs import bar

sys.stderr.isatty = lambda: True
with spelled(), bar(3, "points of γ", True) as shown:
    for _ in range(3):
        shown.update()
"""


def test_a_command_without_home_and_display(tmp_path: Path) -> None:
    kept = ("PATH", "PYTHONPATH", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "SYSTEMROOT")
    env = {name: os.environ[name] for name in kept if name in os.environ}
    env |= {"PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "ascii", "MPLCONFIGDIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-m", "meanfield", "sweep", "--g", "0.5,0.6,0.9", "--gamma", "-0.1",
         "--workers", "1", "--output", "out"],
        cwd=tmp_path, env=env, capture_output=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stderr == b""
    assert "across g and gamma" in done.stdout.decode("ascii")
    names = {path.name for path in (tmp_path / "out").glob("*.png")}
    assert names == {"order-parameters.png", "fluctuation-response.png"}
    for encoding in ("ascii", "cp1252"):
        env["PYTHONIOENCODING"] = encoding
        bars = subprocess.run(
            [sys.executable, "-c", BARS], env=env, capture_output=True, check=True
        )
        assert "points of gamma: 100%|###" in bars.stderr.decode(encoding)
