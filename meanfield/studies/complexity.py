"""Fixed points across g, γ and weight: their number, transitions and shells."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from ..common import arguments, style
from ..common.study import Part, Study, told
from ..dmft.stationary.solver import stationary
from ..elliptic import critical_gain, measure_transition_gain
from ..replica.complexity import complexity
from ..replica.transitions import transition_lines

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.figure import Figure

_NUMBERS = ("complexity", "q", "x2", "index", "edge", "residual")


def family(
    g: ArrayLike,
    gamma: ArrayLike,
    weight: ArrayLike,
    *,
    phi: str = "tanh",
    progress: bool = False,
) -> xr.Dataset:
    """Number of fixed points on the grid γ × g, lines of every weight, and shells at γ = 0."""
    gains, gammas = arguments.axis("g", g), arguments.axis("gamma", gamma)
    weights = arguments.axis("weight", weight)
    zeros = complexity(gains, gammas[:, None], phi=phi, throw=False, progress=progress)
    grid = zeros.to_dataset(dims=("gamma", "g"))
    data = grid[[*_NUMBERS, "status", "converged", "reason"]].drop_vars(["g", "gamma", "weight"])
    data = data.assign_coords(g=gains, gamma=gammas, weight=weights)

    # The lines on a finer axis, which meets γ = 0.
    fine = np.unique(np.concatenate([np.linspace(-0.6, 1.0, 65), gammas[gammas > -1]]).round(9))
    lines = transition_lines(fine, weight=weights[:, None], phi=phi, throw=False, progress=progress)
    curves = lines.to_dataset(dims=("weight", "line_gamma"))
    data = data.assign_coords(line_gamma=fine)
    for name in ("gain", "jump", "typical_from", "typical_to"):
        data[name] = ("weight", "line_gamma"), curves[name].values, curves[name].attrs
    for name, line, text in (
        ("critical_gain", critical_gain, "g(1+gamma) = 1"),
        ("measure_transition_gain", measure_transition_gain, "g^2(1+gamma) = 1"),
    ):
        data[name] = told("line_gamma", line(fine, phi=phi), f"gain where {text}", units="1")

    shells = {
        "measure": complexity(gains, weight=0.0, phi=phi, throw=False).x2,
        "dynamics": stationary(gains, phi=phi, n_tau=2, throw=False).delta0,
        "typical": complexity(gains, phi=phi, throw=False).x2,
    }
    for name, values in shells.items():
        data[f"x2_{name}"] = told("g", values, f"mean square of x at gamma = 0, {name}")
    return data


def draw(data: xr.Dataset) -> dict[str, Figure]:
    """The phase diagram of the family, the number of fixed points, and their shells."""
    return {"phase-diagram": lines(data), "number": number(data), "shells": shells(data)}


def lines(data: xr.Dataset) -> Figure:
    """Where the weighted fixed points leave x = 0: both lines of [QH] are of one family."""
    figure, axis = style.panels(height=2.9)
    gamma = data.line_gamma
    axis.plot(gamma, data.critical_gain, color="k", lw=1.5, label=r"$g(1+\gamma) = 1$: $s = 1$")
    measure = data.measure_transition_gain.where(gamma >= 0)
    axis.plot(gamma, measure, color="k", lw=1.5, ls=":", label=r"$g^2(1+\gamma) = 1$")
    weights = [s for s in data.weight.values if s < 1]
    for k, s in enumerate(weights):
        curve, colour = data.sel(weight=s), style.shade(k, len(weights))
        first = curve.gain.where((gamma > 0) & (curve.jump > 0))
        axis.plot([], [], color=colour, label=f"$s = {s:g}$")
        axis.plot(gamma, first, color=colour, ls="--", lw=1.4)
        for name in ("typical_from", "typical_to"):
            edge = curve[name].where(np.isfinite(curve[name]) & (gamma < 0))
            axis.plot(gamma, edge, color=colour)
    axis.plot([], [], color="0.4", ls="--", label="first order")
    axis.plot([], [], color="0.4", label=r"$S_s = 0$")
    axis.set(xlabel=r"symmetry $\gamma$", ylabel=r"gain $g$", yscale="log", ylim=(0.45, 40))
    axis.legend()
    return figure


def number(data: xr.Dataset) -> Figure:
    """Σ₁ and the fraction of unstable directions against g, one curve a γ."""
    figure, (left, right) = style.panels(1, 2, height=2.6)
    for k, gamma in enumerate(data.gamma.values):
        curve, colour = data.sel(gamma=gamma), style.shade(k, data.sizes["gamma"])
        left.plot(data.g, curve.complexity, color=colour, label=rf"$\gamma = {gamma:g}$")
        right.plot(data.g, curve["index"], color=colour)
    left.set(xlabel=r"gain $g$", ylabel=r"complexity $\Sigma_1$")
    right.set(xlabel=r"gain $g$", ylabel="fraction of unstable directions")
    left.legend()
    return figure


def shells(data: xr.Dataset) -> Figure:
    """‖x‖²/N at γ = 0: the measure, the chaotic dynamics and typical fixed points."""
    figure, axis = style.panels(height=2.7)
    for k, (name, label) in enumerate(
        (
            ("measure", r"measure $e^{-\beta E}$, $\beta = \infty$ ($s = 0$)"),
            ("dynamics", r"dynamics, $\Delta_0$"),
            ("typical", r"typical fixed points ($s = 1$)"),
        )
    ):
        axis.plot(data.g, data[f"x2_{name}"], color=style.shade(k, 3), label=label)
    axis.set(xlabel=r"gain $g$", ylabel=r"$\|x\|^2/N$")
    axis.set_title(r"$\gamma = 0$")
    axis.legend()
    return figure


COMPLEXITY = Study(
    name="complexity",
    source="[QH], its two lines",
    title="number of fixed points across g, γ and weight",
    parts=(Part(family, ("g", "gamma", "weight"), whole=True),),
    draw=draw,
    text="""
The fixed points are counted with weight |det A|^(s−1), A = ∂f/∂x: s = 1 counts them, s = 0 is the
measure exp(−βE) at β = ∞. Their number becomes exponential on g(1+γ) = 1 for every γ, while for
γ > 0 the measure leaves x = 0 only on g²(1+γ) = 1; for s next to 1 the transition is of first order
(dashed) and lies between both. For γ < 0 the fixed points that dominate the expectation at s < 1
exist in typical couplings only between the curves S_s = 0. At γ = 0 typical fixed points, the
chaotic dynamics and the measure lie on three shells ‖x‖²/N.""",
    axes={
        "g": np.round(np.linspace(0.6, 4, 69), 12).tolist(),
        "gamma": (-0.3, 0.0, 0.5, 1.0),
        "weight": (0.5, 0.75, 0.9, 1.0),
    },
    columns=("complexity", "q", "index", "status", "reason"),
    command="python -m meanfield complexity",
)
