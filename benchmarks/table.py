"""All races in one run; writes docs/benchmarks.md.

    python benchmarks/table.py [--quick] [--output docs/benchmarks.md]

Sizes are such that all of it takes some minutes; the scripts alone take larger ones.  With --quick
the numbers only show that everything runs.  Opponents that are not
installed (`pip install -e '.[races]'`) are left out, and named.
"""

from __future__ import annotations

import argparse
import importlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from race import HEAD, THREADS, Row, limits, machine, native, summary
from scaling import HEAD as SCALING_HEAD
from scaling import growths
from tqdm import tqdm

from simulate.network import at_work

# Module, arguments of its `rows`, and those of the quick run.
RACES: tuple[tuple[str, dict[str, Any], dict[str, Any]], ...] = (
    ("stationary", {}, {"points": 20, "theirs": 2}),
    ("saddle_point_grid", {}, {"repeats": 1}),
    ("dmft_race", {"scale": 0.1, "reference_seeds": 8}, {"scale": 0.02, "reference_seeds": 3}),
    ("network_dynamics", {}, {"n": 100, "turns": 1}),
    ("spectrum_race", {"sizes": (200,)}, {"sizes": (60,), "t_max": 8.0}),
    ("reservoir", {}, {"n": 100, "samples": 500, "trials": 2}),
)
# Those whose work is products of matrices.
THREADED = ("network_dynamics", "spectrum_race", "reservoir")

TEXT = """\
# Benchmarks

Made by `python benchmarks/table.py` on {machine}.

Seconds of processor, one BLAS thread, medians of runs in turns; a ratio above 1 means that this
package is faster. "Error" is that of the quantity in the row against a finer reference, so a row
compares costs at about the same error. "Of the limit" is the rate of our products, where they are
counted, as a share of the machine's for the same shapes. The opponents are SciPy's solvers, public
packages, and plain re-implementations of published algorithms, each with its own BLAS.{overridden}
Networks: g = 2, states from N(0, 1), the error is the rms of x at t = 5, and every solver has the
loosest tolerance that reaches the error asked for.

{summary}

Limits of this machine: {limits}.

## Races

{races}

## All {cores} threads

Seconds of the clock; of SciPy's and our products, and of JAX.

{threaded}

## Growth

{growths}
"""


def run(quick: bool) -> Iterable[Row]:
    chosen = [race for race in RACES if THREADS == 1 or race[0] in THREADED]
    for name, full, small in tqdm(chosen, desc=f"races, {THREADS} thread(s)"):
        rows: Callable[..., list[Row]] = importlib.import_module(name).rows
        try:
            yield from rows(**(small if quick else full))
        except ModuleNotFoundError as missing:
            tqdm.write(f"{name}: left out, {missing.name} is not installed")


def on_all_threads(quick: bool) -> str:
    """Rows of a process of its own: libraries read their number of threads when they start."""
    command = [sys.executable, __file__, "--rows", *(["--quick"] if quick else [])]
    here = os.environ | {"RACE_THREADS": str(os.cpu_count())}
    return subprocess.run(command, env=here, stdout=subprocess.PIPE, text=True, check=True).stdout


def main() -> None:
    overridden = native()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--output", type=Path, default=Path("docs/benchmarks.md"))
    parser.add_argument("--rows", action="store_true", help="print the rows of the races, no more")
    given = parser.parse_args()
    with at_work(THREADS):
        rows = list(run(given.quick))
        races = "\n".join([HEAD, *map(format, rows)])
        if given.rows:
            print(races)
            return
        fastest = limits()
        growth = "\n".join([SCALING_HEAD, *map(format, growths(given.quick))])
    note = f" Overrides of the environment ({overridden}) were taken out." if overridden else ""
    threaded = on_all_threads(given.quick)
    given.output.write_text(
        TEXT.format(
            machine=machine(), limits=fastest, races=races, growths=growth, overridden=note,
            cores=os.cpu_count(), threaded=threaded, summary=summary(rows),
        )
    )  # fmt: skip


if __name__ == "__main__":
    main()
