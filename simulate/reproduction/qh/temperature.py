"""[QH] Fig. 2: energy and ‖x‖² per neuron against the inverse temperature, γ = 0."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from meanfield import parameters, saddle_point, seeds
from meanfield.figures.common import MARKERS
from meanfield.transfer import Array

from ... import couplings
from ...boltzmann import sample_boltzmann
from ...parallel import in_parallel
from ..definition import CONVERGED, PaperFigure
from ..text import averaged, errors_said, mean_and_error, paragraphs, table

_GAMMA = 0.0
_LINE = 121
_DESCRIPTIONS = {
    "energy": "E/N, quasi-potential per neuron",
    "x2": "|x|^2/N",
    "q": "mean square activity <phi^2>",
    "r_hat": "worst R-hat of q, energy and r",
    "ess": "smallest effective sample size of q, energy and r",
    "converged": "R-hat at most 1.05 and at least 100 effective samples per chain",
}


def compute(
    *,
    n: Sequence[int],
    g: Sequence[float],
    beta: Sequence[float],
    n_couplings: int,
    n_samples: int,
    chains: int,
    thin: int,
    variant: str,
    seed: int,
    workers: int | None,
    progress: bool,
) -> xr.Dataset:
    """Samples of exp(−βE) for several couplings and sizes, and the replica theory beside them."""
    n_couplings = parameters.count("n_couplings", n_couplings, 2)
    settings = {"beta": list(beta), "n_samples": n_samples, "chains": chains, "thin": thin}
    shape = (len(n), len(g), n_couplings)
    jobs = [
        partial(_sampled, size, gain, seeds.member(seed, k), seeds.member(seed, k, i), settings)
        for size in n
        for i, gain in enumerate(g)
        for k in range(n_couplings)
    ]
    rows = list(in_parallel(jobs, workers, label="couplings", progress=progress))
    variables: dict[str, Any] = {}
    for name, text in _DESCRIPTIONS.items():
        values = np.array([row[name] for row in rows]).reshape(*shape, len(beta))
        variables[name] = (("n", "g", "coupling", "beta"), values, {"long_name": text})
    line = np.geomspace(min(beta) / 2, 10 * max(beta), _LINE)
    gains = np.asarray(g, dtype=float)
    branch = "paramagnetic"
    points = saddle_point(gains[:, None], _GAMMA, beta=list(beta), branch=branch)
    curve = saddle_point(gains[:, None], _GAMMA, beta=line, branch=branch)
    limit = saddle_point(gains, _GAMMA, branch=branch)
    for name in ("energy", "x2", "q"):
        note = {"long_name": f"{_DESCRIPTIONS[name]}, replica theory"}
        variables[f"{name}_theory"] = (("g", "beta"), getattr(points, name), note)
        variables[f"{name}_line"] = (("g", "beta_line"), getattr(curve, name), note)
    note = {"long_name": "|x|^2/N at beta = inf, replica theory"}
    variables["x2_limit"] = ("g", limit.x2, note)
    axes = {"n": list(n), "g": gains, "beta": np.asarray(beta, dtype=float), "beta_line": line}
    facts = {"gamma": _GAMMA, "chains": chains, "n_samples": n_samples, "thin": thin}
    return xr.Dataset(variables, axes, facts)


def _sampled(
    n: int, g: float, coupling_seed: int, sampling_seed: int, settings: Mapping[str, Any]
) -> dict[str, Array]:
    J = couplings.elliptic(n, g, _GAMMA, seed=coupling_seed)
    run = sample_boltzmann(J, seed=sampling_seed, **settings)
    assert run.samples is not None
    found = {name: getattr(run, name) for name in ("energy", "q", "r_hat", "ess")}
    size = np.mean(run.samples**2, axis=(1, 2, 3))
    return {**found, "x2": size, "converged": run.converged.astype(np.int8)}


def draw(data: xr.Dataset) -> Figure:
    """E/N, ‖x‖²/N and the deviation of 2βE/N from 1 against β; hollow: chains not mixed."""
    figure = Figure(figsize=(12, 3.9), layout="constrained")
    energy, size, deviation = figure.subplots(1, 3)
    twice = 2 * data.beta * data.energy - 1
    for index, gain in enumerate(data.g.values):
        colour = f"C{1 - index}" if index < 2 else f"C{index}"
        part = data.sel(g=gain)
        dashes = ("-", "--", ":", "-.")[index % 4]
        for axis, name in ((energy, "energy"), (size, "x2")):
            axis.plot(
                data.beta_line, part[f"{name}_line"], dashes, color=colour, lw=1.2,
                label=rf"$g = {gain:g}$, $N \to \infty$",
            )  # fmt: skip
        if float(part.x2_limit) > 0:
            size.axhline(float(part.x2_limit), color=colour, lw=0.8, ls=":")
        for axis, values in (
            (energy, part.energy), (size, part.x2), (deviation, twice.sel(g=gain))
        ):  # fmt: skip
            _points(axis, values, part.converged, index, colour, axis is deviation)
    energy.axhline(0, color="crimson", ls="--", lw=1, label="ground state")
    energy.set_ylabel(r"energy per neuron $E/N$")
    size.set_yscale("log")
    size.set_ylabel(r"$\|x\|^2/N$")
    deviation.axhline(0, color="0.3", lw=0.9, label=r"$N \to \infty$, every $g$")
    deviation.set_ylabel(r"$2\beta E/N - 1$")
    for axis, letter in ((energy, "a"), (size, "b"), (deviation, "c")):
        axis.set_xscale("log")
        axis.set_xlabel(r"inverse temperature $\beta$")
        axis.set_title(f"({letter})", loc="right")
    energy.set_title(
        rf"$\gamma = {data.attrs['gamma']:g}$, $\eta = 0$, {data.sizes['coupling']} couplings, "
        "tempered HMC"
    )
    energy.legend()
    size.legend(loc="lower left")
    reach = float(np.abs(twice.mean("coupling")).max())
    deviation.set_ylim(-2.4 * reach, 1.6 * reach)
    deviation.legend(fontsize=7.5, ncols=2, loc="lower left")
    return figure


def _points(
    axis: Axes, values: xr.DataArray, mixed: xr.DataArray, index: int, colour: str, labelled: bool
) -> None:
    count = values.sizes["n"]
    mean = values.mean("coupling")
    error = values.std("coupling", ddof=1) / np.sqrt(values.sizes["coupling"])
    for row, n in enumerate(values.n.values):
        # Sizes and gains stand beside each other, not on top of each other.
        shift = 1 + 0.07 * (2 * row + index - count + 0.5) if labelled else 1.0
        marker = MARKERS[row % len(MARKERS)]
        good = (mixed.sel(n=n).min("coupling") > 0).values
        for shown, face in ((good, colour), (~good, "white")):
            if shown.any():
                axis.errorbar(
                    values.beta.values[shown] * shift, mean.sel(n=n).values[shown],
                    error.sel(n=n).values[shown], color=colour, marker=marker, ms=4, mfc=face,
                    ls="", zorder=3,
                )  # fmt: skip
        if labelled:
            text = rf"$g = {float(values.g):g}$, $N = {n}$"
            axis.plot([], [], marker, color=colour, ms=4, label=text)


def caption(data: Mapping[str, xr.Dataset]) -> str:
    """How far samples are from the theory, and what tells the gains apart."""
    found = data[CONVERGED]
    count = found.sizes["coupling"]
    cold = float(found.beta[-1])
    limits = " and ".join(
        f"{float(found.x2_limit.sel(g=gain)):.4f} at g = {gain:g}" for gain in found.g.values
    )
    expected = f"{np.sqrt((count - 1) / (count - 3)):.2f}" if count > 3 else "infinite"
    head = ["g", "N", "r.m.s.", "largest", "N(2βE/N − 1)"]
    head += [f"‖x‖²/N, β = {cold:g}", "theory", "off by"]
    rows = [_row(found, gain, n, cold) for gain in found.g.values for n in found.n.values]
    return paragraphs(
        "Energy (a) and ‖x‖² (b) per neuron of the measure exp(−βE) against β at γ = 0, η = 0: "
        "samples by Hamiltonian Monte Carlo with tempering (Metropolis-corrected) for "
        f"{count} couplings, and the replica theory (lines). Theory: for N → ∞ the energy is "
        "1/(2β) for every g, so that it does not tell the gains apart; ‖x‖²/N = 1/β + g²q does, "
        f"with the limits {limits} at β → ∞. (c) shows 2βE/N − 1.",
        table(head, rows),
        "r.m.s. and largest: deviation of 2βE/N from 1 in standard errors, over the "
        f"{found.sizes['beta']} temperatures (r.m.s. {expected} expected of {count} couplings by "
        "Student's t). N(2βE/N − 1) is averaged over β. "
        f"{errors_said(count)} Runs whose chains have not mixed (hollow): "
        f"{int((found.converged == 0).sum())} of {found.converged.size}.",
    )


def _row(found: xr.Dataset, gain: float, n: int, beta: float) -> list[str]:
    part = found.sel(g=gain, n=n)
    twice = 2 * part.beta * part.energy - 1
    deviation = np.array(
        [np.divide(*mean_and_error(twice.sel(beta=value))) for value in part.beta.values]
    )
    size = part.x2.sel(beta=beta)
    theory = float(part.x2_theory.sel(beta=beta))
    return [
        f"{gain:g}",
        str(n),
        f"{np.sqrt(np.mean(deviation**2)):.2f}",
        f"{np.abs(deviation).max():.1f}",
        # Temperatures of one coupling matrix are not independent: average them first.
        averaged(n * twice.mean("beta")),
        averaged(size),
        f"{theory:.4f}",
        f"{float(size.mean()) / theory - 1:+.1%}",
    ]


FIGURE = PaperFigure(
    key="qh2",
    source="[QH] Fig. 2",
    title="Energy and ‖x‖² per neuron against the inverse temperature, γ = 0",
    compute=compute,
    draw=draw,
    caption=caption,
    scales={
        "quick": {
            "n": [40, 100],
            "g": [0.8, 1.2],
            "beta": [1.0, 2.0, 4.0, 8.0, 16.0, 32.0],
            "n_couplings": 5,
            "n_samples": 500,
            "chains": 2,
            "thin": 2,
        },
        "paper": {
            "n": [100, 300],
            "g": [0.8, 1.2],
            "beta": [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0],
            "n_couplings": 8,
            "n_samples": 800,
            "chains": 2,
            "thin": 4,
        },
    },
)
