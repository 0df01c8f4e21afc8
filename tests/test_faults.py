"""A sample of the faults of `benchmarks/faults.py`."""

import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).parents[1] / "benchmarks" / "faults.py"


@pytest.mark.slow
@pytest.mark.parametrize(
    "words",
    [("corruptions", "--count", "40"), ("kills", "--kills", "12", "--only", "validate",
                                        "--only", "freezing", "--seed", "1")],
)  # fmt: skip
def test_no_fault_costs_anything(words: tuple[str, ...]) -> None:
    done = subprocess.run([sys.executable, str(PROGRAM), *words], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.endswith(", 0 faults\n")
