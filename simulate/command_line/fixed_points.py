"""`python -m simulate fixed-points`: zeros of f and where else descents of E end."""

from __future__ import annotations

from pathlib import Path

import click

from .. import figures
from ..fixed_points import find_fixed_points
from .options import STORED, make_couplings, network_options, output_option, results

_GAIN = 2.0


@click.command("fixed-points")
@network_options(100, _GAIN, STORED)
@click.option(
    "--starts", "n_starts", type=click.IntRange(1), default=64, show_default=True, help="Descents."
)
@click.option(
    "--from",
    "origin",
    type=click.Choice(["chaos", "gradient", "both"]),
    default="both",
    show_default=True,
    help="Start from chaotic states, from ends of the gradient flow, or both.",
)
@click.option("--tol", type=float, default=1e-10, show_default=True, help="Largest rms f.")
@output_option("fixed-points")
def fixed_points(
    kind: str,
    n: int,
    g: float | None,
    gamma: float | None,
    phi: str,
    seed: int,
    threads: int | None,
    n_starts: int,
    origin: str,
    tol: float,
    output: Path,
) -> int:
    """Fixed points of one network, their spectra, and the minima of E that are none."""
    J, noted = make_couplings(kind, n, g, gamma, seed, default=_GAIN)
    with results(output) as save:
        found = find_fixed_points(
            J,
            n_starts=n_starts,
            starts=origin,
            tol=tol,
            phi=phi,
            seed=seed,
            threads=threads,
            progress=True,
        )
        data = found.to_dataset()
        data.attrs |= noted
        save("fixed-points", data, figures.fixed_points(data))
    click.echo(found.summary)
    return 0
