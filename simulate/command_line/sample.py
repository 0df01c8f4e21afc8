"""`python -m simulate sample`: exp(−βE) of networks beside the replica theory ([QH] Fig. 2)."""

from __future__ import annotations

from pathlib import Path

import click
import numpy as np
import xarray as xr
from tqdm import tqdm

from meanfield import saddle_point
from meanfield.provenance import provenance
from meanfield.shell import axis
from meanfield.transfer import Array

from .. import figures
from ..boltzmann import ALGORITHMS, NAMES, sample_boltzmann
from ..couplings import elliptic
from .options import chain, common_options, output_option, results


@click.command()
@click.option("--n", type=click.IntRange(1), default=200, show_default=True, help="Neurons.")
@click.option("--g", type=float, default=0.9, show_default=True, help="Gain.")
@click.option("--gamma", type=float, default=0.0, show_default=True, help="Symmetry.")
@click.option(
    "--beta",
    callback=axis,
    metavar="RANGE",
    default="1,3,10,32",
    show_default=True,
    help="Inverse temperatures, increasing.",
)
@click.option(
    "--trials", type=click.IntRange(1), default=4, show_default=True, help="Coupling matrices."
)
@click.option(
    "--samples", type=click.IntRange(4), default=500, show_default=True, help="Per chain."
)
@click.option(
    "--chains", type=click.IntRange(1), default=4, show_default=True, help="Independent replicas."
)
@click.option(
    "--algorithm",
    type=click.Choice(ALGORITHMS),
    default="tempering",
    show_default=True,
    help="Exact, or Langevin dynamics with its step bias.",
)
@click.option("--eta", type=float, default=0.0, show_default=True, help="Confinement.")
@chain(common_options())
@output_option("sample")
def sample(
    n: int,
    g: float,
    gamma: float,
    phi: str,
    seed: int,
    threads: int | None,
    beta: Array,
    trials: int,
    samples: int,
    chains: int,
    algorithm: str,
    eta: float,
    output: Path,
) -> int:
    """Order parameters of sampled networks against the stable branch of the replica theory."""
    with results(output) as save:
        theory = saddle_point(g, gamma, beta=beta, branch="stable", phi=phi, eta=eta, throw=False)
        runs = [
            sample_boltzmann(
                elliptic(n, g, gamma, seed=seed + trial),
                beta,
                n_samples=samples,
                chains=chains,
                seed=seed + trial,
                algorithm=algorithm,
                eta=eta,
                phi=phi,
                store_samples=False,
                threads=threads,
            )
            for trial in tqdm(range(trials), desc="couplings", disable=None)
        ]
        variables = {
            name: (("trial", "beta"), np.array([getattr(run, name) for run in runs]))
            for name in (*NAMES, *(f"{name}_err" for name in NAMES), "r_hat", "ess", "converged")
        }
        expected = {"q": theory.q, "energy": theory.energy, "r": theory.r, "overlap": theory.Q}
        variables |= {f"theory_{k}": ("beta", v) for k, v in expected.items()}  # type: ignore[misc]
        data = xr.Dataset(
            variables,
            {"beta": beta},
            {
                **runs[0].attributes,
                "g": g,
                "gamma": gamma,
                "coupling_seed": str(seed),
                "theory_branch": ", ".join(theory.branch_of.tolist()),
                "theory_reason": "; ".join(r for r in theory.reason.tolist() if r),
                **provenance(),
            },
        )
        save("sample", data, figures.sample(data))
    click.echo(f"N = {n}, couplings: {trials}; networks(error) / theory for N = infinity, branch:")
    click.echo(f"  {data.attrs['theory_branch']}")
    if data.attrs["theory_reason"]:
        click.echo(f"warning: no theory at some beta: {data.attrs['theory_reason']}", err=True)
    click.echo("    beta  " + "".join(f"{name:>28}" for name in ("q", "beta e", "r")))
    for k, inverse in enumerate(beta):
        cells = []
        for name, scale in (("q", 1.0), ("energy", inverse), ("r", 1.0)):
            values = scale * data[name].values[:, k]
            error = (
                values.std(ddof=1) / np.sqrt(trials)
                if trials > 1
                else scale * data[f"{name}_err"].values[0, k]
            )
            cells.append(
                f"{values.mean():.4f}({error:.4f}) / {scale * float(expected[name][k]):.4f}"
            )
        click.echo(f"{inverse:8g}  " + "".join(f"{cell:>28}" for cell in cells))
    return 0
