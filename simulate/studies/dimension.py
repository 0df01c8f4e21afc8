"""Dimension of chaos against g: of the activity, in theory and networks, and of the attractor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from meanfield import participation_ratio as theory
from meanfield.common import style
from meanfield.common.options import Couplings
from meanfield.common.study import Part, Study, told

from ..dimension import participation_ratio
from ..integration import integrate
from ..lyapunov import lyapunov_spectrum
from .protocol import is_given, network, symmetry_text

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.figure import Figure

_LINE = 24


def dimensions(
    g: float,
    *,
    couplings: Couplings = "elliptic",
    n: int = 200,
    exponents: int = 40,
    t_max: float = 1500.0,
    t_skip: float = 100.0,
    dt: float = 0.1,
    phi: str = "tanh",
    threads: int | None = None,
    seed: int,
) -> dict[str, Any]:
    """Dimensions of one network at γ = 0, per neuron.

    Parameters
    ----------
    exponents : int
        Lyapunov exponents, the largest ones; the sum of more than these has to be negative.
    """
    J, states = network(n, g, seed, couplings=couplings)
    run = integrate(
        J, states, t_max=t_max, dt=dt, phi=phi, save_at=np.arange(0, t_max, 1.0), threads=threads
    )
    spectrum = lyapunov_spectrum(
        J, min(exponents, n), dt=dt, t_max=t_skip + t_max / 5, t_skip=t_skip, phi=phi, seed=seed,
        threads=threads,
    )  # fmt: skip
    found: dict[str, Any] = {}
    for of in ("phi", "x"):
        one = participation_ratio(run, t_skip=t_skip, of=of, phi=phi)
        found |= {
            of: told((), one.value, f"participation ratio of {of}"),
            f"{of}_err": told((), one.value_err, "its error, of these couplings"),
        }
    reached = spectrum.kaplan_yorke_dimension / n
    return found | {"kaplan_yorke": told((), reached, "Kaplan-Yorke dimension per neuron")}


def expected(data: xr.Dataset) -> xr.Dataset:
    """Participation ratios as N → ∞, at these gains and along a line."""
    line = np.linspace(float(data.g.min()), float(data.g.max()), _LINE)
    data = data.assign_coords(g_line=line)
    for of in ("phi", "x"):
        text = f"participation ratio of {of}, N to infinity"
        for dim, name in (("g", "theory"), ("g_line", "line")):
            value = np.full(data[dim].shape, np.nan)
            if not is_given(data):
                value = theory(data[dim].values, of=of, phi=data.attrs["phi"], throw=False).value
            data[f"{of}_{name}"] = told(dim, value, text)
    return data


def draw(data: xr.Dataset) -> Figure:
    """PR/N of φ and x, theory and networks, and D_KY/N of the same networks."""
    figure, axis = style.panels(height=2.7)
    for k, (of, label) in enumerate((("phi", r"$\varphi$"), ("x", "$x$"))):
        colour = style.shade(k, 3)
        axis.plot(data.g_line, data[f"{of}_line"], color=colour, label=rf"{label}, $N \to \infty$")
        # Side by side, lest the bars of one gain cover each other.
        style.averages(axis, data.g + 0.03 * (k - 1), data[of], colour, label=f"{label}, networks")
    look = {"marker": "D", "label": "attractor (Kaplan–Yorke), networks"}
    style.averages(axis, data.g + 0.03, data.kaplan_yorke, style.shade(2, 3), **look)
    # Room for the legend above the curves.
    axis.set_ylim(top=1.6 * axis.get_ylim()[1])
    axis.set(xlabel=r"gain $g$", ylabel="dimension per neuron")
    axis.set_title(rf"{symmetry_text(data)}, $N = {data.attrs['n']}$")
    axis.legend()
    return figure


DIMENSION = Study(
    name="dimension",
    source="theory behind [HH] Fig. 5d",
    title="dimension of the activity and of the attractor against g",
    parts=(Part(dimensions, ("g",), replicated=True),),
    derive=expected,
    draw=draw,
    text="""
Participation ratio of the covariance of φ(x) and of x per neuron: lines as N → ∞, points networks,
without the bias of a finite run. Beside it the Kaplan–Yorke dimension of the attractor of the same
networks: activity that fills D directions equally has participation ratio D, while the attractor
bends through all of them. Bars are standard errors over couplings. Networks of some hundred
neurons lie below their limits close to the onset of chaos.""",
    axes={"g": (1.5, 2.0, 3.0, 4.0, 5.0)},
    replicates=3,
    columns=("phi", "phi_theory", "x", "x_theory", "kaplan_yorke"),
    compared={"phi": "phi_theory", "x": "x_theory"},
    presets={"quick": {"n": 100, "g": [2.0, 4.0], "trials": 2, "t_max": 600.0}, "paper": {}},
    command="python -m simulate dimension",
)
