"""`python -m simulate`: one command, one study."""

from collections import ChainMap
from collections.abc import Sequence
from itertools import takewhile
from typing import Any

import click
import numpy as np

from meanfield.common.cli import (
    Commands,
    asked,
    error_record,
    print_json,
    run,
    shared_options,
)

from .studies.catalogue import FIGURES, STUDIES, study


class _Figures(Commands):
    """One figure with all its options, or several, or --all, with those that all have."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if "--all" in args:
            args = [*self.places, *(word for word in args if word != "--all")]
        return super().parse_args(ctx, args)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        keys = list(takewhile(lambda word: not word.startswith("-"), args))
        if len(keys) < 2:
            return super().resolve_command(ctx, args)
        for key in keys:
            super().resolve_command(ctx, [key])

        def several(**options: Any) -> int:
            codes, facts = zip(*(_guarded(key, options) for key in keys), strict=True)
            if options["as_json"]:
                wrong = [{"error": one["error"]} for one in facts if "error" in one]
                print_json({"figures": [one for one in facts if one]} | (wrong or [{}])[0])
            return max(codes)

        command = click.Command("several", params=shared_options(None, "quick"), callback=several)
        return "several", command, args[len(keys) :]


def _guarded(key: str, options: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    figure = study(key)
    variants = tuple(name for name in options["variants"] if name in figure.variants)
    try:
        return asked(figure, {**options, "variants": variants}, {}) if variants else (0, {})
    except (RuntimeError, np.linalg.LinAlgError) as error:
        record, code = error_record(error)
        click.echo(f"error: {key}: {record['message']}", err=True)
        return code, {"study": key, "error": record}


reproduce = _Figures(
    "reproduce",
    places=FIGURES,
    short_help="Every figure of both papers, computed again.",
    help="""Compute figures of the papers again: data, picture and caption of each.

    Where the integration step matters there are two pictures, converged and as printed.  One figure
    takes all options of its study (reproduce hh2 --help); several, or --all, take those
    that all have.""",
)

cli = Commands(
    "simulate",
    places=ChainMap(
        {
            "reproduce": f"{__name__}:reproduce",
            "validate": "simulate.validation.report:validate",
        },
        STUDIES,
    ),
    help="""Random recurrent networks, simulated.

    run, lyapunov, fixed-points, sample, memory and dimension ask one question each; reproduce makes
    the figures of the papers from the same code; validate tests the theory.  [QH] is
    arXiv:2401.10009, [HH] Huang & Huang, Freezing chaos without synaptic plasticity.""",
)


everything = Commands(
    "quasipotential",
    places={
        "meanfield": "meanfield.command_line:cli",
        "simulate": f"{__name__}:cli",
        "derivations": "derivations.command_line:cli",
    },
    help="""The quasi-potential of random recurrent networks: theory, simulation, proofs.""",
)


def script() -> int:
    """The console script `quasipotential`: the three packages as subcommands."""
    return run(everything, None, program="quasipotential")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code (2 bad input, 1 no answer)."""
    return run(cli, arguments, program="python -m simulate")
