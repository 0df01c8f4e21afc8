"""`python -m meanfield`: one command, one study."""

from collections.abc import Sequence

from .common.cli import Commands, run

_HERE = "meanfield.studies."
STUDIES = {
    "sweep": _HERE + "phase_diagram:PHASE_DIAGRAM",
    "solve": _HERE + "solve:solve",
    "dmft": _HERE + "two_time:DMFT",
    "freezing": _HERE + "freezing:FREEZING",
    "complexity": _HERE + "complexity:COMPLEXITY",
    "equilibrium": _HERE + "equilibrium:EQUILIBRIUM",
    "lyapunov": _HERE + "lyapunov:LYAPUNOV",
    "published": _HERE + "published:PUBLISHED",
    "response-curve": _HERE + "response_curve:RESPONSE_CURVE",
}

cli = Commands(
    "meanfield",
    places=STUDIES,
    help="""Mean-field theory of random recurrent networks, without drawing a network.

    Replica theory of the quasi-potential E = |f|²/2: sweep, solve; its fixed points: complexity;
    the numbers of [QH]: published.  Dynamical mean-field theory: dmft, freezing, equilibrium,
    lyapunov, response-curve.  Each command but solve writes data, picture and caption.  [QH] is
    arXiv:2401.10009, [HH] Huang & Huang, Freezing chaos without synaptic plasticity.""",
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code (2 bad input, 1 no solution)."""
    return run(cli, arguments, program="python -m meanfield")
