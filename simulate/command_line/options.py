"""Options that several commands share, and what they stand for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import click

from meanfield.shell import axis
from meanfield.shell import chain as chain
from meanfield.shell import library_warnings as library_warnings
from meanfield.shell import output_option as output_option
from meanfield.shell import results as results
from meanfield.shell import schedule as schedule
from meanfield.transfer import NAMES

from .. import couplings
from ..integration import METHODS

_DALE = {f"dale-{name}": values for name, values in couplings.PAPER_SETS.items()}
STORED = ("elliptic", *_DALE)
KINDS = (*STORED, "lazy")


def make_couplings(
    kind: str, n: int, g: float | None, gamma: float | None, seed: int, *, default: float
) -> tuple[Any, dict[str, Any]]:
    """A coupling matrix of one of the `KINDS`, and what to note of it.

    Raises
    ------
    UsageError
        If g or γ is given for an E–I network, which has neither.
    """
    noted: dict[str, Any] = {"couplings": kind, "coupling_seed": str(seed)}
    if kind in _DALE:
        if g is not None or gamma is not None:
            raise click.UsageError(f"--couplings {kind}: has no --g and --gamma")
        matrix: Any = couplings.dale(n, seed=seed, sparse=False, **_DALE[kind])
        return matrix, noted | _DALE[kind]
    g, gamma = default if g is None else g, 0.0 if gamma is None else gamma
    noted |= {"g": g, "gamma": gamma}
    if kind == "lazy":
        return couplings.lazy(n, g, gamma, seed=seed, tol=1e-3), noted
    return couplings.elliptic(n, g, gamma, seed=seed), noted


_SYMMETRY = click.option("--gamma", type=float, default=0.0, show_default=True, help="Symmetry.")


def _neurons(n: int) -> Callable[[Any], Any]:
    return click.option(
        "--n", type=click.IntRange(1), default=n, show_default=True, help="Neurons."
    )


def network_options(n: int, g: float, kinds: Sequence[str]) -> Callable[[Any], Any]:
    """--n, --g, --gamma, --phi, --seed, --threads and --couplings, one of `kinds`."""
    return chain(
        [
            click.option(
                "--couplings",
                "kind",
                type=click.Choice(kinds),
                default="elliptic",
                show_default=True,
                help="Ensemble; the E-I networks are those of [HH] Fig. 6"
                + (", lazy is matrix-free, for very large n." if "lazy" in kinds else "."),
            ),
            _neurons(n),
            click.option("--g", type=float, help=f"Gain, not of E-I networks.  [default: {g:g}]"),
            click.option("--gamma", type=float, help="Symmetry, likewise.  [default: 0]"),
            *common_options(),
        ]
    )


def common_options(threads: str = "all") -> list[Callable[[Any], Any]]:
    """--phi, --seed and --threads with what holds if it is not given."""
    return [
        click.option(
            "--phi",
            type=click.Choice(NAMES),
            default="tanh",
            show_default=True,
            help="Transfer function.",
        ),
        click.option(
            "--seed",
            type=click.IntRange(0),
            default=0,
            show_default=True,
            help="Of couplings, starts and noise.",
        ),
        click.option(
            "--threads", type=click.IntRange(1), help=f"BLAS threads.  [default: {threads}]"
        ),
    ]


def sweep_options(n: int, g: str, trials: int) -> Callable[[Any], Any]:
    """--n, --g and --onsager (ranges), --gamma, --trials."""
    return chain(
        [
            _neurons(n),
            click.option(
                "--g",
                callback=axis,
                metavar="RANGE",
                default=g,
                show_default=True,
                help="Gains, START:STOP:COUNT or a,b,c.",
            ),
            _SYMMETRY,
            click.option(
                "--onsager",
                callback=axis,
                metavar="RANGE",
                default="0,1",
                show_default=True,
                help="kappa, START:STOP:COUNT or a,b,c.",
            ),
            click.option(
                "--trials",
                type=click.IntRange(1),
                default=trials,
                show_default=True,
                help="Coupling matrices.",
            ),
        ]
    )


def duration_options(t_max: float, t_skip: float) -> Callable[[Any], Any]:
    """--t-max and --t-skip."""
    return chain(
        [
            click.option("--t-max", type=float, default=t_max, show_default=True, help="Duration."),
            click.option(
                "--t-skip", type=float, default=t_skip, show_default=True, help="Not averaged."
            ),
        ]
    )


def method_options(dt: float, method: str = "auto") -> Callable[[Any], Any]:
    """--method, --dt and --tol."""
    return chain(
        [
            click.option(
                "--method",
                type=click.Choice(METHODS),
                default=method,
                show_default=True,
                help="Scheme; 'euler' with --dt 0.01 is the choice of [HH].",
            ),
            click.option(
                "--dt", type=float, default=dt, show_default=True, help="Step, or first step."
            ),
            click.option(
                "--tol",
                type=float,
                default=1e-4,
                show_default=True,
                help="Error of an adaptive step (method chebyshev).",
            ),
        ]
    )
