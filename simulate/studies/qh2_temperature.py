"""[QH] Fig. 2: exp(−βE) of networks against the inverse temperature, beside the replica theory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np

from meanfield import saddle_point, transfer_function
from meanfield.common import style
from meanfield.common.arguments import Array
from meanfield.common.options import Couplings
from meanfield.common.study import Part, Study, averaged, told

from ..boltzmann import NAMES, chain_mean, sample_boltzmann
from .protocol import bias_text, is_given, make_bias, make_couplings, symmetry_text

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_TEXTS = {
    "q": "mean square activity <phi^2>",
    "energy": "E/N, quasi-potential per neuron",
    "r": "response -beta <f phi>",
    "overlap": "root mean square overlap of two chains, of order N^(-1/2) at least",
    "x2": "|x|^2/N",
    "r_hat": "worst R-hat of q, energy and r",
    "ess": "smallest effective sample size of q, energy and r",
    "status": "whether the numbers may be used",
    "reason": "why not",
    "converged": "R-hat at most 1.05 and at least 100 effective samples per chain",
}
# Of several couplings the table tells the worst.
_WORST = {"r_hat": {"reduce": "max"}, "ess": {"reduce": "min"}}
# What the theory calls them.
_THEORY = {"q": "q", "energy": "energy", "r": "r", "overlap": "Q", "x2": "x2"}
_NO_THEORY = "the replica theory is that of random couplings, an odd smooth φ and no biases"


def sampled(
    n: int,
    g: float,
    *,
    couplings: Couplings = "elliptic",
    beta: Sequence[float] = (1.0, 3.0, 10.0, 32.0),
    gamma: float = 0.0,
    n_samples: int = 500,
    chains: int = 4,
    thin: int = 1,
    algorithm: str = "tempering",
    eta: float = 0.0,
    phi: str = "tanh",
    bias: float = 0.0,
    bias_std: float = 0.0,
    threads: int | None = None,
    seed: int,
) -> dict[str, Any]:
    """Order parameters of samples of exp(−βE) of one network, at all temperatures.

    Parameters
    ----------
    beta : sequence of float
        Inverse temperatures, increasing.
    n_samples : int
        Samples kept of each chain.
    chains : int
        Independent replicas.
    thin : int
        Sweeps per kept sample.
    algorithm : {"tempering", "langevin"}
        Exact (Hamiltonian Monte Carlo with tempering, Metropolis-corrected), or Langevin dynamics
        with its step bias.
    """
    run = sample_boltzmann(
        make_couplings(couplings, n, g, gamma, seed)[0], beta, n_samples=n_samples, chains=chains,
        thin=thin, seed=seed, algorithm=algorithm, eta=eta, phi=phi, threads=threads,
        bias=make_bias(n, bias, bias_std, seed),
    )  # fmt: skip
    assert run.samples is not None
    names = [
        *NAMES,
        *(f"{name}_err" for name in NAMES),
        "r_hat",
        "ess",
        "converged",
        "status",
        "reason",
    ]
    numbers = {name: getattr(run, name) for name in names}
    numbers["x2"] = np.mean(run.samples**2, axis=(1, 2, 3))
    numbers["x2_err"] = [chain_mean(np.mean(x**2, axis=-1)).value_err for x in run.samples]
    return {
        "beta": list(beta),
        **{
            name: told("beta", v, _TEXTS.get(name, "Monte Carlo error"), **_WORST.get(name, {}))
            for name, v in numbers.items()
        },
    }


def derive(data: xr.Dataset) -> xr.Dataset:
    """The replica theory at the temperatures sampled and along a line, and what is off."""
    facts, beta = data.attrs, data.beta.values
    line = np.geomspace(beta[0] / 2, 10 * beta[-1], 121)
    points, curve = (_theory(data, one, facts["eta"]) for one in (beta, line))
    # With a confinement only x = 0 is left.
    limit = _theory(data, np.array([np.inf]), 0.0).x2[:, 0] * (facts["eta"] == 0)
    data = data.assign_coords(beta_line=line).assign(
        x2_limit=told("g", limit, "|x|^2/N at beta = inf, replica theory"),
        theory_branch=told(("g", "beta"), points.branch_of, "branch of the theory"),
        theory_reason=told(("g", "beta"), points.reason, "why there is no theory"),
    )
    for name, theirs in _THEORY.items():
        text = f"{name} of the replica theory"
        data[f"{name}_theory"] = told(("g", "beta"), getattr(points, theirs), text)
        data[f"{name}_line"] = told(("g", "beta_line"), getattr(curve, theirs), text)
    for end in ("", "_err", "_theory", "_line"):
        text, at = f"beta E/N{end.replace('_', ', ')}", "beta_line" if end == "_line" else "beta"
        data[f"beta_energy{end}"] = (data[f"energy{end}"] * data[at]).assign_attrs(long_name=text)
    mean, error = averaged(data, "beta_energy").values()
    deviation = (mean - data.beta_energy_theory) / error
    shift = 2 * data.n * (data.beta_energy - data.beta_energy_theory).mean("beta")
    count = data.sizes["replicate"]
    expected = np.sqrt((count - 1) / (count - 3)) if count > 3 else np.inf
    off, rms = averaged(data, "x2")["x2"] / data.x2_theory - 1, np.sqrt((deviation**2).mean("beta"))
    missed = (~data.converged).sum(("replicate", "beta"))
    said = "βE/N − theory in its standard errors, root mean square over β"
    theirs = "rms_deviation expected of as many couplings by Student's t"
    return data.assign(
        x2_off=off.assign_attrs(long_name="mean of x2 / theory − 1"),
        # Temperatures of one coupling matrix are not independent: average them first.
        energy_shift=shift.assign_attrs(long_name="N(2βE/N − theory), mean over β"),
        rms_deviation=rms.assign_attrs(long_name=said),
        largest_deviation=abs(deviation).max("beta").assign_attrs(long_name="the same, largest"),
        n_not_mixed=missed.assign_attrs(long_name="runs whose chains have not mixed"),
        rms_expected=told((), expected, theirs),
    )


def _theory(data: xr.Dataset, beta: Array, eta: float) -> Any:
    """The stable branch of the gains at these β."""
    facts, gains = data.attrs, data.g.values[:, None]
    phi = transfer_function(facts["phi"])
    if phi.is_odd and phi.is_smooth_at_0 and not bias_text(data) and not is_given(data):
        return saddle_point(
            gains, facts["gamma"], beta=beta, eta=eta, phi=phi, branch="stable", throw=False
        )  # fmt: skip
    shape = gains.size, beta.size
    blank = dict.fromkeys(_THEORY.values(), np.full(shape, np.nan))
    return SimpleNamespace(**blank, branch_of=np.full(shape, ""), reason=np.full(shape, _NO_THEORY))


def draw_samples(data: xr.Dataset) -> Figure:
    """q, βE/N, r and overlaps against β: networks (mean over couplings) and theory (lines)."""
    figure, axes = style.panels(2, 2, height=4.4, sharex=True)
    labels = {"q": "$q$", "beta_energy": r"$\beta E/N$", "r": "$r$", "overlap": "rms overlap $Q$"}
    for axis, (name, label) in zip(axes.flat, labels.items(), strict=True):
        for index, gain in enumerate(data.g.values):
            axis.plot(
                data.beta_line, data[f"{name}_line"].sel(g=gain), style.DASHES[index % 4],
                color=f"C{index + 1}", lw=0.9, label=rf"$g = {gain:g}$, $N \to \infty$",
            )  # fmt: skip
            _points(axis, data.sel(g=gain), name, f"C{index + 1}", labelled=True)
        axis.set(xscale="log", ylabel=label)
    for axis in axes[1]:
        axis.set_xlabel(r"inverse temperature $\beta$")
    axes[0, 0].legend()
    axes[1, 1].set_title(r"networks: of order $N^{-1/2}$ at least")
    style.above(figure, _title(data))
    return figure


def draw(data: xr.Dataset) -> Figure:
    """E/N, ‖x‖²/N and the deviation of 2βE/N from 1 against β; hollow: chains not mixed."""
    figure, (energy, size, deviation) = style.panels(1, 3, height=2.9)
    data = data.assign(twice=2 * data.beta_energy - 1, twice_err=2 * data.beta_energy_err)
    for index, gain in enumerate(data.g.values):
        colour = f"C{1 - index}" if index < 2 else f"C{index}"
        part, dashes = data.sel(g=gain), style.DASHES[index % 4]
        for axis, name in ((energy, "energy"), (size, "x2")):
            axis.plot(
                data.beta_line, part[f"{name}_line"], dashes, color=colour,
                label=rf"$g = {gain:g}$, $N \to \infty$",
            )  # fmt: skip
            _points(axis, part, name, colour)
        if part.x2_limit > 0:
            size.axhline(float(part.x2_limit), color=colour, lw=0.8, ls=":")
        # Sizes and gains stand beside each other, not on top of each other.
        _points(deviation, part, "twice", colour, labelled=True, shift=index + 0.5)
        line = 2 * data.beta * part.energy_theory - 1
        deviation.plot(
            data.beta, line, color="0.3", lw=0.9, zorder=0,
            label=r"$N \to \infty$" if index == 0 else None,
        )  # fmt: skip
    energy.axhline(0, color=style.ALARM, ls="--", lw=1, label="ground state")
    size.set_yscale("log")
    labels = r"energy per neuron $E/N$", r"$\|x\|^2/N$", r"$2\beta E/N - 1$"
    for axis, label in zip((energy, size, deviation), labels, strict=True):
        axis.set(xscale="log", xlabel=r"inverse temperature $\beta$", ylabel=label)
    style.above(figure, _title(data))
    energy.legend()
    size.legend(loc="lower left")
    reach = float(abs(data.twice.mean("replicate")).max())
    if np.isfinite(reach):
        deviation.set_ylim(-2.4 * reach, 1.6 * reach)
    deviation.legend(ncols=2, loc="lower left", columnspacing=1)
    return figure


def _title(data: xr.Dataset) -> str:
    facts, count = data.attrs, data.sizes["replicate"]
    return (
        rf"{symmetry_text(data)}, $\eta = {facts['eta']:g}${bias_text(data)}, "
        f"{count} couplings, {'tempered HMC' if facts['algorithm'] == 'tempering' else 'Langevin'}"
    )


def _points(
    axis: Axes,
    data: xr.Dataset,
    name: str,
    colour: str,
    *,
    labelled: bool = False,
    shift: float | None = None,
) -> None:
    """Means over couplings with their errors, hollow where the chains of one have not mixed."""
    mean, error = averaged(data, name).values()
    for row, n in enumerate(data.n.values):
        moved = 1.0 if shift is None else 1 + 0.07 * (2 * row + shift - data.sizes["n"])
        marker = style.MARKERS[row % len(style.MARKERS)]
        mixed = data.converged.sel(n=n).all("replicate").values
        for shown, face in ((mixed, colour), (~mixed, "white")):
            axis.errorbar(
                data.beta[shown] * moved, mean.sel(n=n)[shown], error.sel(n=n)[shown], ls="",
                color=colour, marker=marker, mfc=face, zorder=3,
            )  # fmt: skip
        if labelled:
            axis.plot([], [], marker, color=colour, label=rf"$g = {float(data.g):g}$, $N = {n}$")


SAMPLE = Study(
    name="sample",
    source="[QH] Fig. 2",
    title="samples of exp(−βE) of networks against the inverse temperature",
    parts=(Part(sampled, ("n", "g"), replicated=True),),
    draw=draw_samples,
    text="""
Order parameters of the measure exp(−βE) of sampled networks, means over couplings with standard
errors, beside the stable branch of the replica theory for N → ∞ (lines), which is that of an odd
smooth φ without biases. Gains share couplings and the noise of the sampling. Hollow: chains have
not mixed. The overlap of two chains of a finite network is of order N^(−1/2) at least.""",
    axes={"n": (200,), "g": (0.9,)},
    replicates=4,
    columns=(
        "q", "beta_energy", "r", "overlap", "r_hat", "ess", "n_not_mixed", "q_theory",
        "beta_energy_theory", "r_theory", "overlap_theory", "theory_branch", "theory_reason",
    ),
    derive=derive,
    compared={name: f"{name}_theory" for name in ("q", "beta_energy", "r", "x2")},
    command="python -m simulate sample",
)  # fmt: skip

QH2 = replace(
    SAMPLE,
    name="qh2",
    title="energy and ‖x‖² per neuron against the inverse temperature",
    draw=draw,
    text="""
Energy (a) and ‖x‖² (b) per neuron of the measure exp(−βE) against β: samples (of tempering:
Hamiltonian Monte Carlo, Metropolis-corrected) for several couplings, means with standard errors,
and the replica theory (lines). Theory: for N → ∞, γ = 0 and η = 0 the energy is 1/(2β) for every g,
so that it does not tell the gains apart; ‖x‖²/N = 1/β + g²q does, with the limits x2_limit at
β → ∞ (dotted). (c) 2βE/N − 1. Gains share couplings and the noise of the sampling. Hollow: chains
have not mixed.""",
    axes={"n": (100, 300), "g": (0.8, 1.2)},
    columns=(
        "rms_deviation", "largest_deviation", "rms_expected", "energy_shift", "n_not_mixed",
        "energy", "x2", "x2_off", "energy_theory", "x2_theory", "x2_limit",
    ),
    presets={
        "quick": {
            "n": [40, 100], "beta": [1.0, 2.0, 4.0, 8.0, 16.0, 32.0], "trials": 5, "chains": 2,
            "thin": 2,
        },
        "paper": {
            "beta": [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0], "trials": 8, "n_samples": 800,
            "chains": 2, "thin": 4,
        },
    },
    command="",
)  # fmt: skip
