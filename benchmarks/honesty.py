"""Whether the errors that the causal sampler quotes are true: many seeds against known numbers.

Twelve cells of g, γ, κ, T and the number of trajectories, each with its own source of truth: a
deterministic solver where there is one, else a run of the sampler with many more and larger
batches at half the step, whose own error counts; at T > 0 its integrated response comes from
tangents.  Truths that had to be sampled are kept in honesty.json; `--truth` makes them again (half
an hour).

q is ⟨φ²⟩ of a steady state or at the end of a run.  Per quantity, pooled over cells and seeds, 90
to 99 % of the 95 % intervals of Student's t must cover the truth, and in no cell the mean z² may be
beyond its 1e-4 quantile.  The exit code tells.

    python benchmarks/honesty.py [--quick] [--truth] [--seeds 12] [--cells '*'] [--workers 2]
"""

from __future__ import annotations

import math
import sys
import time
import warnings
from fnmatch import fnmatch
from pathlib import Path
from typing import Any, NamedTuple

import click
import loky
import numpy as np

from meanfield import steady_state, two_time
from meanfield.common.files import read_kept, write_kept

KEPT = Path(__file__).with_name("honesty.json")
QUANTITIES = ("C", "delta", "energy", "r_int", "q")
COVERAGE, LEVEL = (0.90, 0.99), 1e-4
BATCHES = 8
# A number of trajectories below the default.
SMALL = 1600


class Cell(NamedTuple):
    """A call, and where the truth comes from."""

    g: float
    gamma: float
    onsager: float
    temperature: float
    n: int | None  # None: the default number of trajectories
    truth: str  # "closed", "stationary" or "sampler"
    how: dict[str, Any]  # further arguments


def short(dt: float, t_max: float, finite_m: str = "report") -> dict[str, Any]:
    return {
        "dt": dt, "t_max": t_max, "save_every": round(t_max / dt / 2), "finite_m": finite_m
    }  # fmt: skip


# Finite batches taken out; elsewhere their effect is in the value and in the error.
FREED = "extrapolate"
LONG = {"t_skip": 25.0, "t_max": 85.0, "window": 20.0}
CELLS = {
    "flow": Cell(1.5, 0.0, 0.0, 0.0, None, "closed", short(0.1, 6.0)),
    "noise-small": Cell(1.0, 0.0, 0.0, 0.4, SMALL, "closed", short(0.1, 6.0)),
    "rotating-small": Cell(1.5, -0.5, 0.0, 0.0, SMALL, "sampler", short(0.1, 6.0)),
    "noise": Cell(1.2, 0.3, 0.0, 0.4, None, "sampler", short(0.1, 4.0, FREED)),
    "symmetric": Cell(1.2, 0.8, 0.0, 0.0, None, "sampler", short(0.1, 6.0, FREED)),
    "symmetric-noise-small": Cell(0.7, 0.8, 0.0, 0.4, SMALL, "sampler", short(0.1, 4.0)),
    "gradient": Cell(1.5, -0.5, 1.0, 0.0, None, "sampler", short(0.05, 3.0, FREED)),
    "gradient-noise-small": Cell(1.2, 0.8, 1.0, 0.4, SMALL, "sampler", short(0.05, 2.0)),
    "partial-small": Cell(1.5, 0.0, 0.3, 0.0, SMALL, "sampler", short(0.1, 4.0)),
    "partial-noise": Cell(1.5, 0.3, 0.3, 0.4, None, "sampler", short(0.1, 3.0, FREED)),
    "steady-small": Cell(2.0, 0.0, 0.0, 0.0, 8000, "stationary", LONG),
    "steady": Cell(1.5, 0.3, 0.0, 0.0, None, "sampler", LONG),
}
QUICK = ("flow", "noise-small", "rotating-small")


def is_steady(cell: Cell) -> bool:
    return "t_skip" in cell.how


def run(cell: Cell, seed: int, **more: Any) -> Any:
    """One run of the call."""
    how = {"gamma": cell.gamma, "seed": seed, "method": "sampler", **cell.how}
    if cell.n is not None:
        how["n_trajectories"] = cell.n
    if is_steady(cell):
        return steady_state(cell.g, **how | more)
    return two_time(cell.g, onsager=cell.onsager, temperature=cell.temperature, **how | more)


def numbers(found: Any) -> dict[str, list[tuple[float, float]]]:
    """Of each quantity the values with their errors, the first the one of which z² is told."""

    def known(name: str, *places: Any) -> list[tuple[float, float]]:
        value, err = (np.asarray(getattr(found, key)) for key in (name, f"{name}_err"))
        return [(float(value[place]), float(err[place])) for place in places]

    if hasattr(found, "tau"):
        # Zero lag, and about one and three time constants.
        lags = {name: known(name, 0, 5, 15) for name in ("C", "delta")}
        return lags | {name: known(name, ()) for name in ("energy", "r_int", "q")}
    return {
        "C": known("C", (-1, -2)),
        "delta": known("delta", (-1, -1), (-1, -2), (-2, -2)),
        **{name: known(name, -1, -2) for name in ("energy", "r_int")},
        "q": known("C", (-1, -1), (-2, -2)),
    }


def truth(name: str) -> dict[str, list[tuple[float, float]]]:
    """The numbers of a cell with their errors."""
    cell = CELLS[name]
    if cell.truth == "closed":
        how = {key: cell.how[key] for key in ("dt", "t_max", "save_every")}
        fine = how | {"dt": how["dt"] / 4, "save_every": how["save_every"] * 4}
        return numbers(two_time(cell.g, temperature=cell.temperature, method="closed", **fine))
    if cell.truth == "stationary":
        return numbers(steady_state(cell.g, temperature=cell.temperature, window=20.0))
    kept = read_kept(KEPT)[name]
    return {key: [(value, err) for value, err in rows] for key, rows in kept.items()}


def make_truth(name: str, workers: int) -> dict[str, list[tuple[float, float]]]:
    """A long run of the sampler, for the file."""
    cell = CELLS[name]
    fine: dict[str, Any] = {"dt": 0.1 / 2 if is_steady(cell) else cell.how["dt"] / 2}
    if is_steady(cell):
        more = {"n_trajectories": 16 * 8000, "batches": 16, "t_max": 145.0}
        return numbers(run(cell, 1000, workers=workers, **fine, **more))
    fine["save_every"] = 2 * cell.how["save_every"]
    noisy = cell.temperature > 0
    pulsed = 8_000 if cell.onsager else 32_000
    return numbers(
        run(
            cell, 1000, n_trajectories=16 * 16_000, batches=16, response=noisy, n_pulsed=pulsed,
            workers=workers, **fine,
        )
    )  # fmt: skip


def quantile(level: float, count: int, freedom: int, shared: float) -> float:
    """Of the mean of `count` z² that share a truth with this error, in units of theirs."""
    rng = np.random.default_rng(0)
    draws = 400_000
    total = np.zeros(draws)
    common = shared * rng.standard_normal(draws)
    for _ in range(count):
        own = rng.standard_normal(draws) + common
        total += own**2 / (rng.chisquare(freedom, draws) / freedom + shared**2)
    return float(np.quantile(total / count, 1 - level))


@click.command()
@click.option("--seeds", type=click.IntRange(2), default=12, show_default=True, help="How many.")
@click.option("--first", type=click.IntRange(0), default=0, show_default=True, help="First seed.")
@click.option("--cells", default="*", show_default=True, help="Pattern of the names of cells.")
@click.option("--workers", type=click.IntRange(1), default=loky.cpu_count(), show_default=True)
@click.option("--quick", is_flag=True, help="Four seeds of three cells: no verdict on coverage.")
@click.option("--truth", "remake", is_flag=True, help="Make the kept truths again.")
def main(seeds: int, first: int, cells: str, workers: int, quick: bool, remake: bool) -> None:
    names = [name for name in CELLS if fnmatch(name, cells) and (not quick or name in QUICK)]
    if remake:
        for name in names:
            if CELLS[name].truth == "sampler":
                start = time.perf_counter()
                kept = read_kept(KEPT) if KEPT.exists() else {}
                kept[name] = make_truth(name, workers)
                write_kept(KEPT, kept)
                click.echo(f"{name}: {time.perf_counter() - start:.0f} s")
        return
    if quick:
        seeds, names = min(seeds, 4), [name for name in names if name in QUICK]
    inside: dict[str, list[bool]] = {name: [] for name in QUANTITIES}
    failed = []
    click.echo(
        f"{'cell':22}{'truth':12}" + "".join(f"{name + ': z²':>12}" for name in QUANTITIES)
        + "   flagged   s"
    )  # fmt: skip
    for name in names:
        exact, start, flagged = truth(name), time.perf_counter(), 0
        squares: dict[str, list[float]] = {quantity: [] for quantity in QUANTITIES}
        shares: dict[str, list[float]] = {quantity: [] for quantity in QUANTITIES}
        for seed in range(first, first + seeds):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                found = run(CELLS[name], seed, workers=workers)
            flagged += not found.converged
            factor = found.interval("energy")[1] - np.asarray(found.energy)
            student = float(np.ravel(factor / np.asarray(found.energy_err))[-1])
            for quantity, rows in numbers(found).items():
                for place, (value, err) in enumerate(rows):
                    true, true_err = exact[quantity][place]
                    z = (value - true) / math.hypot(err, true_err)
                    inside[quantity].append(abs(z) <= student)
                    if place == 0:
                        squares[quantity].append(z * z)
                        shares[quantity].append(true_err / err)
        line = f"{name:22}{CELLS[name].truth:12}"
        for quantity in QUANTITIES:
            if not squares[quantity]:
                line += f"{'':12}"
                continue
            mean = float(np.mean(squares[quantity]))
            limit = quantile(LEVEL, seeds, BATCHES - 1, float(np.mean(shares[quantity])))
            bad = not mean <= limit
            failed += [f"{name}: {quantity}"] if bad else []
            line += f"{mean:5.2f}{'>' if bad else '<'}{limit:<5.1f} "
        click.echo(f"{line}   {flagged:3}/{seeds} {time.perf_counter() - start:6.0f}")
    for quantity, hits in inside.items():
        if hits:
            share = float(np.mean(hits))
            low, high = COVERAGE
            bad = not quick and not low <= share <= high
            failed += [f"coverage of {quantity}"] if bad else []
            click.echo(f"{quantity}: {share:.1%} of {len(hits)} intervals cover")
    if failed:
        sys.exit("failed: " + ", ".join(failed))


if __name__ == "__main__":
    main()
