"""All races in one run; writes docs/benchmarks.md.

    python benchmarks/table.py [--quick] [--output docs/benchmarks.md]

Sizes are such that all of it takes some minutes; the scripts alone take larger ones.  With --quick
the numbers only show that everything runs.  Opponents that are not
installed (`pip install -e '.[races]'`) are left out, and named.
"""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from race import HEAD, Row, limits, machine, native
from scaling import HEAD as SCALING_HEAD
from scaling import growths
from threadpoolctl import threadpool_limits
from tqdm import tqdm

# Module, arguments of its `rows`, and those of the quick run.
RACES: tuple[tuple[str, dict[str, Any], dict[str, Any]], ...] = (
    ("stationary", {}, {"points": 20, "theirs": 2}),
    ("saddle_point_grid", {}, {"repeats": 1}),
    ("dmft_race", {"scale": 0.1, "reference_seeds": 8}, {"scale": 0.02, "reference_seeds": 3}),
    ("network_dynamics", {"n": 500}, {"n": 100, "turns": 1}),
    ("spectrum_race", {"sizes": (200,)}, {"sizes": (60,), "t_max": 8.0}),
    ("reservoir", {}, {"n": 100, "samples": 500, "trials": 2}),
)

TEXT = """\
# Benchmarks

Made by `python benchmarks/table.py` on {machine}.

Seconds of processor, one BLAS thread, medians of runs in turns; a ratio above 1 means that this
package is faster. "Error" is that of the quantity in the row against a finer reference, so a row
compares costs at about the same error. The opponents are SciPy's solvers, public packages, and
plain re-implementations of published algorithms, each with its own BLAS.{overridden}

Limits of this machine: {limits}.

## Races

{races}

## Growth

{growths}
"""


def run(quick: bool) -> Iterable[Row]:
    for name, full, small in tqdm(RACES, desc="races"):
        rows: Callable[..., list[Row]] = importlib.import_module(name).rows
        try:
            yield from rows(**(small if quick else full))
        except ModuleNotFoundError as missing:
            tqdm.write(f"{name}: left out, {missing.name} is not installed")


def main() -> None:
    overridden = native()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--output", type=Path, default=Path("docs/benchmarks.md"))
    given = parser.parse_args()
    with threadpool_limits(1, user_api="blas"):
        fastest = limits()
        races = "\n".join([HEAD, *map(format, run(given.quick))])
        growth = "\n".join([SCALING_HEAD, *map(format, growths(given.quick))])
    note = f" Overrides of the environment ({overridden}) were taken out." if overridden else ""
    given.output.write_text(
        TEXT.format(machine=machine(), limits=fastest, races=races, growths=growth, overridden=note)
    )


if __name__ == "__main__":
    main()
