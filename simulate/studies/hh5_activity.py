"""[HH] Fig. 5: distribution of the activity, and trajectories on their principal components."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from meanfield import Switching, explained_variance, stationary, two_time
from meanfield.common import seeds, style
from meanfield.common.arguments import Array
from meanfield.common.study import Part, Study, told

from ..couplings import elliptic
from ..integration import integrate
from ..observables import activity_distribution, principal_components, state_at
from .protocol import STEPS, STEPS_TEXT, VARIANTS, network, step_facts, steps_text

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Bins of a histogram, and the largest |x| shown.
_BINS, _REACH = 50, 8.0
# Densities of φ at the ends against that at 0: the outer and the inner tenth of [−1, 1].
_EDGE, _CENTRE = 0.9, 0.1
# What the starting points of the trajectories are: the paper does not say.
_NEAR = 0.01
STARTS = {
    "independent": "independent $x_i$ ~ N(0, 1)",
    "uniform": "independent $x_i$ in [0, 1]",
    "alike": "all $x_i$ = c in [0, 1]",
    "near": f"one N(0, 1) state ± {_NEAR:g}",
}
_COMPONENTS, _SHOWN = 3, 3
_TITLES = {
    "a": r"$\kappa = 0$",
    "b": r"after $\kappa = 0 \rightarrow 1$",
    "c": r"$\kappa = 1$",
}


def densities(
    *,
    n: int = 1000,
    g: float = 2.0,
    g_large: float = 10.0,
    t_switch: float = 100.0,
    t_after: float = 200.0,
    method: str = "auto",
    dt: float = 0.05,
    seed: int,
) -> dict[str, Any]:
    """Densities of φ and x in the panels (a) to (c) of one coupling matrix.

    Parameters
    ----------
    g : float
        Gain of (a), (b) and the trajectories.
    g_large : float
        Gain of (c).
    t_switch : float
        Time of (a), when the Onsager-reaction force is switched on.
    t_after : float
        Time from there to (b) and (c).
    """
    J, x0 = network(n, g, seed)
    end = t_switch + t_after
    how: dict[str, Any] = {"t_max": end, "method": method, "dt": dt}
    run = integrate(J, x0, onsager=Switching([t_switch], [0, 1]), save_at=[t_switch, end], **how)
    strong = integrate(J * (g_large / g), x0, onsager=1.0, save_at=[end], **how)
    states = [state_at(run, t_switch), state_at(run, end), state_at(strong, end)]
    size = np.abs(np.tanh(states))
    of_phi = [activity_distribution(x, of="phi", bins=_BINS) for x in states]
    of_x = [activity_distribution(x, bins=_BINS, range=(-_REACH, _REACH)) for x in states]
    # Nothing to say of the steps of (a), where κ = 0.
    weak, large = step_facts(run), step_facts(strong)
    steps = {
        name: ("panel", [blank, weak[name][1], large[name][1]], weak[name][2])
        for name, blank in zip(STEPS, (np.nan, np.nan, False), strict=True)
    }
    edge = (size > _EDGE).mean(axis=1) / (2 * (1 - _EDGE))
    centre = (size < _CENTRE).mean(axis=1) / (2 * _CENTRE)
    return {
        "panel": list(_TITLES),
        "phi_center": of_phi[0].centers,
        "x_center": of_x[0].centers,
        "phi_density": (("panel", "phi_center"), np.array([h.density for h in of_phi])),
        "x_density": (("panel", "x_center"), np.array([h.density for h in of_x])),
        "phi2": told("panel", (size**2).mean(axis=1), "⟨φ²⟩"),
        "edge": told("panel", edge, f"density of φ where |φ| > {_EDGE:g}"),
        "centre": told("panel", centre, f"density of φ where |φ| < {_CENTRE:g}"),
        "energy_panel": told("panel", [*run.energy, strong.energy[-1]], "E/N"),
        **steps,
    }


def trajectories(
    start: str,
    *,
    n: int = 1000,
    g: float = 2.0,
    n_trajectories: int = 100,
    n_samples: int = 2000,
    t_projection: float = 20.0,
    method: str = "auto",
    dt: float = 0.05,
    seed: int,
) -> dict[str, Any]:
    """Principal components of many trajectories of one network, κ = 1 from half time on.

    Parameters
    ----------
    start : {"independent", "uniform", "alike", "near"}
        Starts of the trajectories, of which the first kind is drawn.
    n_trajectories : int
        Trajectories P.
    n_samples : int
        Samples L of each.
    t_projection : float
        Their duration.
    """
    # Single precision halves the memory of the samples and is enough for their variances.
    run = integrate(
        elliptic(n, g, seed=seed), _started(start, n, n_trajectories, seed), t_max=t_projection,
        onsager=Switching([t_projection / 2], [0, 1]), method=method, dt=dt,
        save_at=n_samples, dtype=np.float32,
    )  # fmt: skip
    assert run.x is not None
    whole = principal_components(run.x, _COMPONENTS)
    before = principal_components(run.x[run.t <= t_projection / 2], _COMPONENTS)
    share = "share of the variance of all samples of all trajectories"
    return {
        "t": run.t,
        "component": np.arange(1, _COMPONENTS + 1),
        "explained": told("component", whole.explained_ratio, share),
        "explained_before": told("component", before.explained_ratio, "the same before the switch"),
        "explained_total": told((), whole.explained_ratio.sum(), f"{share}, three components"),
        "projection": (("t", "component", "trajectory"), whole.projections[..., :_SHOWN]),
        "energy": told(("t", "trajectory"), run.energy[:, :_SHOWN], "E/N"),
    }  # fmt: skip


def _started(start: str, n: int, count: int, seed: int) -> Array:
    rng = seeds.generator(seed, "start", list(STARTS).index(start))
    if start == "uniform":
        return rng.random((n, count))
    if start == "alike":
        return np.ones((n, 1)) * rng.random(count)
    independent = rng.standard_normal((n, count))
    if start == "near":
        return rng.standard_normal((n, 1)) + _NEAR * independent
    return independent


def add_theory(data: xr.Dataset) -> xr.Dataset:
    """Gains of the panels; as N → ∞ variance of x and ⟨φ²⟩ of (a), and components of one run."""
    g, large = data.attrs["g"], data.attrs["g_large"]
    theory, run = stationary(g), two_time(g, t_max=data.attrs["t_projection"] / 2)
    return data.assign(
        explained_theory=told(
            "component",
            explained_variance(run.delta, _COMPONENTS),
            "share of the variance of one trajectory before the switch for N → ∞",
        ),
        g_panel=told("panel", [g, g, large], "gain"),
        delta0_theory=told((), float(theory.delta0), "⟨x²⟩ of (a) for N → ∞"),
        phi2_theory=told((), float(theory.q), "⟨φ²⟩ of (a) for N → ∞"),
    )


def draw(data: xr.Dataset) -> Figure:
    """Densities of φ and of x; trajectories on two components, and what three of them explain."""
    figure, axes = style.panels(2, 3, height=4.4)
    style.above(
        figure,
        rf"$N = {data.attrs['n']}$, $\gamma = 0$, {data.attrs['trials']} couplings in (a–d), "
        f"{steps_text(data)}",
    )
    size, plane, shares = axes[1]
    for index, (axis, panel) in enumerate(zip(axes[0], data.panel.values, strict=True)):
        part, colour = data.sel(panel=panel), f"C{index}"
        title = f"{_TITLES[str(panel)]}, $g = {float(part.g_panel):g}$"
        for of, on, label in (("phi", axis, ""), ("x", size, title)):
            _density(on, part[f"{of}_center"].values, part[f"{of}_density"], colour, label)
        rises = float(part.energy_rise_fraction.mean())
        axis.set(xlabel=r"$\varphi(x)$", ylabel=r"density of $\varphi(x)$", title=title)
        if rises > 0:
            axis.set_title(f"{title}\n$E$ rises in {rises:.0%} of the steps", color=style.ALARM)
    (low, high), variance = size.get_xlim(), float(data.delta0_theory)
    x = np.linspace(low, high, 400)
    gaussian = np.exp(-(x**2) / (2 * variance)) / np.sqrt(2 * np.pi * variance)
    axes[0, 0].plot(np.tanh(x), gaussian / (1 - np.tanh(x) ** 2), color="black", lw=0.8)
    size.plot(x, gaussian, color="black", lw=0.8, label=r"(a), $N \to \infty$")
    # Room for the legend above the densities.
    size.set(yscale="log", ylim=(1e-3, 1e3), xlabel="$x$", ylabel="density of $x$")
    size.legend(loc="upper left")
    _orbits(plane, data.isel(start=0))
    _explained(shares, data)
    return figure


def _density(axis: Axes, center: Array, density: xr.DataArray, colour: str, label: str) -> None:
    half = (center[1] - center[0]) / 2
    edges = np.append(center - half, center[-1] + half)
    for row in density if not label else ():
        axis.stairs(row, edges, color=colour, lw=0.4, alpha=0.4)
    axis.stairs(density.mean("replicate"), edges, color=colour, lw=1.1, label=label)
    axis.set_ylim(bottom=0)


def _orbits(axis: Axes, data: xr.Dataset) -> None:
    switch = int(np.searchsorted(data.t, data.attrs["t_projection"] / 2, side="right"))
    for index in range(data.sizes["trajectory"]):
        x, y = data.projection.isel(trajectory=index, component=[0, 1]).values.T
        axis.plot(x[:switch], y[:switch], color=f"C{index}", lw=0.6)
        axis.plot(x[switch - 1 :], y[switch - 1 :], color=f"C{index}", lw=2.5)
        axis.plot(x[0], y[0], "x", color="black", ms=4)
    axis.set(
        title=rf"three of {data.attrs['n_trajectories']} from $\times$; thick: $\kappa = 1$",
        **{f"{k}label": f"PC{n + 1} ({float(data.explained[n]):.0%})" for n, k in enumerate("xy")},
    )


def _explained(axis: Axes, data: xr.Dataset) -> None:
    rows, left = np.arange(data.sizes["start"]), np.zeros(data.sizes["start"])
    for k in range(data.sizes["component"]):
        share = data.explained.isel(component=k).values
        axis.barh(rows, share, left=left, color=style.shade(k, 3), label=f"PC{k + 1}", height=0.4)
        left += share
    for row, total in zip(rows.tolist(), left.tolist(), strict=True):
        text = f"{STARTS[str(data.start.values[row])]}: {total:.0%}"
        axis.text(0, row - 0.28, text, va="bottom")
    one = float(data.explained_theory.sum())
    axis.axvline(one, ymax=0.8, color="black", lw=0.8, label=r"one orbit, $N \to \infty$")
    axis.set(
        xlim=(0, 1), ylim=(rows[-1] + 0.5, -1.9), yticks=[],
        xlabel="explained share of the variance", title="by the starts",
    )  # fmt: skip
    axis.spines["left"].set_visible(False)
    axis.legend(loc="upper left", ncols=2)


HH5 = Study(
    name="hh5",
    source="[HH] Fig. 5",
    title="distribution of the activity, and trajectories on their principal components",
    parts=(Part(densities, replicated=True), Part(trajectories, ("start",))),
    draw=draw,
    derive=add_theory,
    text=f"""
Distribution of φ(x), and in (d) of x, over neurons: (a) chaos, (b) the same networks some time
after κ = 0 → 1, (c) κ = 1 from x ~ N(0, 1) at the large gain, as long after the start. φ is
U-shaped where it is denser at the ends (`edge`) than at 0 (`centre`); of bounded φ(x) and unbounded
x only φ can be. A U of (c) where the step is too long is made by the step and not by the flow: at
the parameters of the paper (a) and (b) have it for both steps, (c) for the printed one alone.
Black: theory of (a) for N → ∞, a Gaussian x.

(e) Trajectories of one network, κ = 1 from half time on, on two principal components; (f) what
three explain. The paper explains 85.67% of the variance by them and does not print its starts: with
its parameters independent ones stay far below, starts that are alike or near each other pass it. Of
a single trajectory up to the switch three components explain 95% as N → ∞ (black), for it is
short: what is less comes from starts that are apart. {STEPS_TEXT}""",
    axes={"start": tuple(STARTS)},
    replicates=5,
    columns=(
        "g_panel", "phi2", "edge", "centre", "energy_panel", *STEPS, "explained_total",
        "phi2_theory",
    ),
    presets={
        "quick": {
            "n": 300, "t_switch": 50.0, "t_after": 50.0, "n_trajectories": 30, "n_samples": 401
        },
        # L = 2000 samples of the printed step are 20 time units.
        "paper": {},
    },
    variants=VARIANTS,
)  # fmt: skip
