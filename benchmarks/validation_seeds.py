"""The table of predictions on many seeds: how often it raises a false alarm, and how z scatters.

Each seed draws other couplings, starts, noise and samples.  The table of a true theory fails with
probability 0.01 at most; a row whose z has a mean away from zero is biased.  Measurements are kept
in --output, so that a second call goes on where the first stopped.
"""

from __future__ import annotations

from pathlib import Path

import click
import loky
import numpy as np
from scipy import stats

from simulate import validate


@click.command()
@click.option("--seeds", type=click.IntRange(2), default=20, show_default=True, help="How many.")
@click.option(
    "--first", type=click.IntRange(0), default=1000, show_default=True, help="First seed."
)
@click.option("--rows", multiple=True, default=("*",), help="Patterns, as in `simulate validate`.")
@click.option("--workers", type=click.IntRange(1), default=loky.cpu_count(), show_default=True)
@click.option(
    "--output", type=click.Path(path_type=Path), default=Path("results") / "validation-seeds"
)
def main(seeds: int, first: int, rows: tuple[str, ...], workers: int, output: Path) -> None:
    tables = []
    for seed in range(first, first + seeds):
        found = validate(rows=rows, seed=seed, workers=workers, store=output)
        tables.append(found)
        seconds = sum(found.seconds.values())
        failed = ", ".join(f"{one.name} ({one.verdict})" for one in found.rows if not one.passed)
        click.echo(f"seed {seed}: {failed or 'passed'}, {seconds:.0f} core seconds")
        for text in found.job_warnings:
            click.echo(f"  warning: {text}")
    names = [one.name for one in tables[0].rows if one.prediction.bound is None]
    z = np.array([[one.z for one in found.rows if one.name in names] for found in tables])
    click.echo(f"{'row':36} mean z       spread  largest |z|")
    for name, column in zip(names, z.T, strict=True):
        error = column.std(ddof=1) / np.sqrt(seeds)
        click.echo(
            f"{name:36} {column.mean():+.2f} ± {error:.2f}   {column.std(ddof=1):.2f}    "
            f"{np.abs(column).max():.2f}"
        )
    passed = sum(found.passed for found in tables)
    chance = stats.binom.sf(seeds - passed - 1, seeds, tables[0].false_alarm)
    click.echo(
        f"{passed} of {seeds} tables passed; as many failures or more by chance: {chance:.2g} at a "
        f"false-alarm rate of {tables[0].false_alarm:g}\nall z: mean {z.mean():+.3f}, "
        f"spread {z.std(ddof=1):.3f}, largest |z| {np.abs(z).max():.2f} of {z.size}"
    )


if __name__ == "__main__":
    main()
