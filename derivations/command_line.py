"""`python -m derivations`: prove the registered identities from the shell."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module

import click

from meanfield.common.cli import CONTEXT, JSON, failure, print_json, run, version_option

from .page import page
from .registry import REGISTRY, Registry


@click.command(context_settings=CONTEXT, params=[JSON])
@click.option("--only", default="", metavar="SUBSTRING", help="Checks whose name contains this.")
@click.option("--list", "only_list", is_flag=True, help="Names and statements, nothing is run.")
@click.option(
    "--equations",
    is_flag=True,
    help="Print docs/equations.md: equations and figures with their code, proofs and tests.",
)
@version_option
@click.pass_obj
def cli(
    registry: Registry | None, only: str, only_list: bool, equations: bool, as_json: bool
) -> int:
    """Prove the identities of the theory by computer algebra; exit code 1 if one fails."""
    registry = registry or all_checks()
    if equations:
        text = page(registry)
        print_json({"equations": text}) if as_json else click.echo(text, nl=False)
        return 0
    checks = registry.select(only)
    if not checks:
        raise click.UsageError(f"--only {only!r}: no check has this in its name, see --list")
    width = max(len(check.name) for check in checks)
    if only_list and as_json:
        told = [{"name": check.name, "statement": check.statement} for check in checks]
        print_json({"checks": told})
        return 0
    if only_list:
        for check in checks:
            click.echo(f"{check.name:<{width}}  {check.statement}")
        return 0
    if as_json:
        found = list(registry.run(only))
        facts = [
            {
                "name": one.check.name,
                "statement": one.check.statement,
                "passed": one.passed,
                "failure": one.failure,
                "seconds": round(one.seconds, 3),
            }
            for one in found
        ]
        wrong = [f"{one.check.name}: {one.failure}" for one in found if not one.passed]
        error = {"error": failure("CheckFailed", "; ".join(wrong))} if wrong else {}
        print_json({"checks": facts} | error)
        return int(bool(wrong))
    failed, total = 0, 0.0
    for outcome in registry.run(only):
        verdict = "pass" if outcome.passed else "FAIL"
        head = f"{verdict}  {outcome.check.name:<{width}}  {outcome.seconds:6.2f} s"
        click.echo(f"{head}  {outcome.check.statement}")
        if not outcome.passed:
            failed += 1
            click.echo(f"      {outcome.failure}")
        total += outcome.seconds
    click.echo(f"{len(checks) - failed} of {len(checks)} checks passed in {total:.1f} s")
    return 1 if failed else 0


def main(arguments: Sequence[str] | None = None, registry: Registry | None = None) -> int:
    """Run the command line on a registry (by default on every check of the package).

    Returns
    -------
    int
        Exit code: 0 all proved, 1 a check failed, 2 bad input.
    """
    return run(cli, arguments, program="python -m derivations", obj=registry)


def all_checks() -> Registry:
    """The registry, with every check of the package."""
    for part in (
        "derivations.replica",
        "derivations.complexity",
        "derivations.dynamics",
        "derivations.dmft",
    ):
        import_module(part)  # importing it registers its checks
    return REGISTRY
