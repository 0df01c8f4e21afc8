"""[QH] Fig. 1: flows of three neurons, the phase diagram, and the activity in both phases."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from meanfield import critical_gain, measure_transition_gain
from meanfield.common import seeds, style
from meanfield.common.arguments import ArgumentError, Array
from meanfield.common.labelled import VERDICT
from meanfield.common.study import Part, Study, quoted, told
from meanfield.common.sweep import sweep

from ..couplings import elliptic
from ..dynamics import force, kinetic_energy
from ..fixed_points import FixedPoints, find_fixed_points
from ..integration import integrate
from ..lyapunov import maximal_lyapunov
from .protocol import network

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_SIZE = 3
# Gains of the three neurons, with a pair of fixed points and with x = 0 alone.
_PAIR, _NULL = 1.2, 0.8
_SMALLEST_ENERGY = 1e-4
_STABLE, _UNSTABLE = "black", style.ALARM


def three_neurons(
    *,
    gamma: float = 0.1,
    n_draws: int = 1000,
    n_starts: int = 16,
    n_trajectories: int = 40,
    t_flow: float = 12.0,
    dt: float = 0.05,
    seed: int,
    workers: int | None = None,
    executor: Any = None,
    store: str | Path | None = None,
    progress: bool = False,
) -> xr.Dataset:
    """Fixed points of many draws, and the flows of the first that has exactly one stable pair.

    Parameters
    ----------
    n_draws : int
        Draws of three neurons.
    n_starts : int
        Starts of each search for fixed points.
    n_trajectories : int
        Starts of the flows.
    t_flow : float
        Duration of the flows.
    """
    how: dict[str, Any] = {
        "gamma": gamma, "n_starts": n_starts, "root": seed, "workers": workers,
        "executor": executor, "progress": progress, "label": "qh1", "throw": True,
    }  # fmt: skip
    draws_kept, flows_kept = [store and Path(store, name) for name in ("draws", "flows")]
    draws = sweep(_pairs, {"draw": range(n_draws)}, store=draws_kept, **how)
    single = draws.stable_pairs.values == 1
    if not single.any():
        raise ArgumentError(
            f"n_draws={n_draws}: none of these draws of three neurons at g = {_PAIR:g} has "
            "exactly one stable pair of fixed points; raise n_draws"
        )
    chosen, share = int(np.argmax(single)), float(single.mean())
    x0 = seeds.generator(seed, "start").uniform(-1.5, 1.5, (_SIZE, n_trajectories))
    flows = sweep(
        _flow, {"g_flow": [_PAIR, _NULL]}, draw=chosen, x0=x0, t_max=t_flow, dt=dt,
        store=flows_kept, **how,
    )  # fmt: skip
    error, missing = np.sqrt(share * (1 - share) / n_draws), int((draws.index_sum != 1).sum())
    numbers = {
        "draw_shown": told((), chosen, "draw shown, counted from 0"),
        "pair_share": told((), share, "share of draws with exactly one stable pair ±x*"),
        "pair_share_err": ((), error),
        "n_incomplete": told((), missing, "draws whose fixed points are not all found"),
    }
    draws, flows = (grid.drop_vars(VERDICT) for grid in (draws, flows))
    return draws.merge(flows).assign(numbers)


def _zeros(
    g: float, draw: int, gamma: float, n_starts: int, root: int
) -> tuple[Array, FixedPoints]:
    own = seeds.member(root, draw)
    J = elliptic(_SIZE, g, gamma, seed=own)
    return J, find_fixed_points(J, n_starts=n_starts, seed=own, throw=False)


def _pairs(draw: int, *, gamma: float, n_starts: int, root: int) -> dict[str, Any]:
    _, points = _zeros(_PAIR, draw, gamma, n_starts, root)
    count = int(np.sum((points.x2 > 0) & (points.n_unstable == 0)))
    return {
        "stable_pairs": told((), count, "stable pairs of fixed points ±x"),
        "index_sum": told((), points.index_sum, "sum of the indices of the zeros, 1 if complete"),
    }  # fmt: skip


def _flow(
    g_flow: float, *, draw: int, gamma: float, n_starts: int, root: int, x0: Array, t_max: float,
    dt: float,
) -> dict[str, Any]:  # fmt: skip
    """Every zero, x and −x apart; trajectories with their velocity and energy."""
    J, points = _zeros(g_flow, draw, gamma, n_starts, root)
    zeros = np.concatenate([points.x, -points.x[:, points.x2 > 0]], axis=1)
    unstable = np.concatenate([points.n_unstable, points.n_unstable[points.x2 > 0]])
    run = integrate(J, x0, t_max=t_max, dt=dt, save_at=round(t_max / 0.4) + 1)
    assert run.x is not None
    x = np.moveaxis(run.x, 1, 0)
    flat, shape = x.reshape(_SIZE, -1), x.shape
    energy = kinetic_energy(flat, J).reshape(shape[1:])
    null = bool(points.n_unstable[points.x2 == 0][0] == 0)
    dims = ("neuron", "t", "trajectory")
    return {
        "t": run.t,
        "J": told(("neuron", "source"), J, "coupling from source"),
        "x": (dims, x),
        "velocity": (dims, force(flat, J).reshape(shape)),
        "energy": told(dims[1:], energy, "quasi-potential E, sum over neurons"),
        "zero_x": (("neuron", "zero"), zeros),
        "zero_unstable": told("zero", unstable, "number of unstable directions"),
        "n_zeros": told((), len(unstable), "fixed points"),
        "n_stable": told((), int(np.sum(unstable == 0)), "stable fixed points"),
        "null_stable": told((), null, "x = 0 is stable"),
        "energy_end": told((), float(energy[-1].max()), "largest E at the end"),
        "flow_method": ((), run.method),
    }


def activity(
    g: float,
    *,
    gamma: float = 0.1,
    n: int = 1000,
    t_max: float = 100.0,
    t_lyapunov: float = 1000.0,
    t_skip: float = 100.0,
    n_shown: int = 8,
    dt: float = 0.05,
    seed: int,
) -> dict[str, Any]:
    """φ(x) of some neurons from x ~ N(0, 1), and the largest Lyapunov exponent.

    Parameters
    ----------
    g : float
        Gains of the activity, points of the phase diagram.
    """
    J, x0 = network(n, g, seed, gamma)
    run = integrate(J, x0, t_max=t_max, dt=dt, save_at=4 * int(t_max) + 1)
    assert run.x is not None
    rate = maximal_lyapunov(J, dt=dt, t_max=t_lyapunov, t_skip=t_skip, seed=seed)
    shown = run.phi.phi(run.x[:, :n_shown].astype(float)).T
    return {
        "time": run.t,
        "activity": told(("shown", "time"), shown, "φ(x)"),
        "onset": told((), g * (1 + gamma), "g(1+γ), 1 where x = 0 loses stability"),
        "lyapunov": told((), float(rate.value), "largest Lyapunov exponent λ"),
        "lyapunov_err": told((), float(rate.value_err), "its error over time"),
        "method": ((), run.method),
        "unstable_step": told((), not run.converged, "the step is too long for the flow"),
    }


def draw(data: xr.Dataset) -> Figure:
    """Couplings and flows, phase diagram, activity at its points."""
    figure, above, below = style.halves(4.9, ratios=(1.35, 1))
    grid = above.add_gridspec(1, 3, width_ratios=(0.9, 1, 1))
    _draw_couplings(above.add_subplot(grid[0]), data)
    pair, null = (above.add_subplot(grid[k], projection="3d") for k in (1, 2))
    dots = _draw_flow(pair, data, _PAIR, coloured=True)
    _draw_flow(null, data, _NULL, coloured=False)
    above.colorbar(dots, ax=[pair, null], label=r"$\log_{10} E$", shrink=0.6, pad=0.04)
    plane, *times = below.subplots(1, 1 + data.sizes["g"])
    _draw_phases(plane, data)
    for index, axis in enumerate(times):
        _draw_activity(axis, data.isel(g=index), index)
    facts = data.attrs
    sizes = rf"$N = {_SIZE}$ in (a–c), $N = {facts['n']}$ in activities"
    style.above(figure, rf"$\gamma = {facts['gamma']:g}$; {sizes}; $\Delta t = {facts['dt']:g}$")
    return figure


def _draw_couplings(axis: Axes, data: xr.Dataset) -> None:
    J = data.J.sel(g_flow=_PAIR).values
    angles = np.pi / 2 - 2 * np.pi * np.arange(_SIZE) / _SIZE
    nodes = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    for target, source in np.argwhere(~np.eye(_SIZE, dtype=bool)):
        _draw_coupling(axis, nodes[source], nodes[target], J[target, source])
    for number, (x, y) in enumerate(nodes, 1):
        axis.plot(x, y, "o", ms=17, mfc="white", mec="0.2", zorder=3)
        axis.text(x, y, f"{number}", ha="center", va="center", zorder=4)
    title = rf"couplings $J_{{ij}}$, $g = {_PAIR:g}$"
    axis.set(aspect="equal", xlim=(-1.45, 1.45), ylim=(-1.2, 1.5), title=title)
    axis.axis("off")
    for colour, text in ((_STABLE, "stable fixed point"), (_UNSTABLE, "unstable fixed point")):
        axis.plot([], [], "x", color=colour, ms=5, mew=1.5, label=text)
    axis.legend(loc="lower center", bbox_to_anchor=(0.5, -0.2))


def _draw_coupling(axis: Axes, start: Array, end: Array, strength: float) -> None:
    colour = "C0" if strength > 0 else "C1"
    along = end - start
    # The arc bends to the left of its direction, away from the arrow the other way.
    side = np.array([-along[1], along[0]])
    axis.annotate(
        "", xy=tuple(end), xytext=tuple(start),
        arrowprops={
            "arrowstyle": "-|>", "color": colour, "lw": 0.6 + 0.8 * abs(strength),
            "shrinkA": 10, "shrinkB": 10, "mutation_scale": 8, "connectionstyle": "arc3,rad=-0.18",
        },
    )  # fmt: skip
    # Nearer to the source, where arrows into different neurons are apart.
    x, y = start + 0.37 * along + 0.14 * side
    axis.text(
        x, y, f"{strength:+.2f}", color=colour, ha="center", va="center",
        bbox={"fc": "white", "ec": "none", "pad": 0.5},
    )  # fmt: skip


def _draw_flow(axis: Any, data: xr.Dataset, gain: float, *, coloured: bool) -> Any:
    """Trajectories, dots by energy, arrows of the velocity, crosses at the zeros."""
    part = data.sel(g_flow=gain)
    x, velocity = part.x.values, part.velocity.values
    for column in range(x.shape[2]):
        axis.plot(*x[:, :, column], color="0.6" if coloured else "0.75", lw=0.4)
    ticks = np.log10(np.maximum(part.energy.values, _SMALLEST_ENERGY)).ravel()
    low, high = np.log10(_SMALLEST_ENERGY), float(np.log10(data.energy.max()))
    shown: dict[str, Any] = {"c": ticks, "vmin": low, "vmax": high} if coloured else {"c": "0.7"}
    points = axis.scatter(
        *x.reshape(_SIZE, -1), s=0.5 + 8 * (ticks - low) / (high - low), lw=0, depthshade=False,
        **shown,
    )  # fmt: skip
    # An arrow shows where the state would be after its length.
    axis.quiver(
        *x[:, ::2].reshape(_SIZE, -1), *velocity[:, ::2].reshape(_SIZE, -1), length=0.25,
        color="0.35" if coloured else "0.7", lw=0.4, arrow_length_ratio=0.35,
    )  # fmt: skip
    unstable = part.zero_unstable.values
    for chosen, colour in ((unstable == 0, _STABLE), (unstable > 0, _UNSTABLE)):
        axis.plot(*part.zero_x.values[:, chosen], "x", color=colour, ms=5, mew=1.5, zorder=10)
    reach = 1.02 * np.abs(data.x).max(("g_flow", "t", "trajectory")).values
    axis.set(**{f"{name}lim": (-end, end) for name, end in zip("xyz", reach, strict=True)})
    axis.set_box_aspect(None, zoom=1.05)
    axis.patch.set_alpha(0)
    axis.view_init(elev=20, azim=-55)
    axis.tick_params(pad=-4)
    axis.locator_params(nbins=4)
    axis.set_xlabel("$x_1$", labelpad=-9)
    axis.set_ylabel("$x_2$", labelpad=-9)
    axis.text2D(0.97, 0.8, "$x_3$", transform=axis.transAxes)
    axis.set_title(rf"flows, $g = {gain:g}$", loc="left")
    return points


def _draw_phases(axis: Axes, data: xr.Dataset) -> None:
    gamma = np.linspace(-0.2, 1.0, 200)
    line, measure = critical_gain(gamma), measure_transition_gain(gamma)
    top = 1.1 * float(data.g.max())
    axis.fill_betweenx(gamma, 0.4, line, color="C0", alpha=0.12, lw=0)
    axis.fill_betweenx(gamma, line, top, color="C1", alpha=0.1, lw=0)
    axis.plot(line, gamma, color="black", label=r"$g(1+\gamma) = 1$")
    known = gamma >= 0
    axis.plot(measure[known], gamma[known], "--", color="0.35", label=r"$g^2(1+\gamma) = 1$")
    for index, gain in enumerate(data.g.values):
        axis.plot(gain, data.attrs["gamma"], **_mark(index))
    axis.text(0.44, -0.12, "null", color="C0")
    axis.text(0.6 * top + 0.2, 0.5, "chaotic", color="C1")
    ends = {"xlim": (0.4, top), "ylim": (-0.2, 1.0)}
    axis.set(xlabel=r"gain $g$", ylabel=r"symmetry $\gamma$", title="phases", **ends)
    axis.legend(loc="upper right")


def _draw_activity(axis: Axes, part: xr.Dataset, index: int) -> None:
    axis.plot(0.03, 0.95, clip_on=False, transform=axis.transAxes, **_mark(index))
    title = (
        rf"$g = {float(part.g):g}$, "
        rf"$\lambda = {quoted(float(part.lyapunov), float(part.lyapunov_err))}$"
    )
    style.activity(axis, part.time, part.activity.T, title)
    axis.set(ylim=(-1.15, 1.15), ylabel=r"activity $\phi(x_i)$")
    if part.unstable_step:
        axis.text(0.5, 0.05, "step too long", color=style.ALARM, transform=axis.transAxes)


def _mark(index: int) -> dict[str, Any]:
    return {"marker": style.MARKERS[index % 5], "color": f"C{index}", "ms": 5, "mec": "black"}


QH1 = Study(
    name="qh1",
    source="[QH] Fig. 1",
    title="flows of three neurons, phase diagram, and activity in both phases",
    parts=(Part(three_neurons, whole=True), Part(activity, ("g",))),
    draw=draw,
    text=f"""
(a) Couplings of three neurons; flows ẋ = f(x) from the same starts (b) at g = {_PAIR:g}, where they
end at a pair of stable fixed points ±x*, and (c) scaled down to g = {_NULL:g}. The draw is the
first that has exactly one such pair; the others do not show this picture. Colour and size of a dot
are the energy E there, arrows the velocity f, crosses fixed points. All fixed points of a draw are
found if their indices add up to 1. (d) Lines: g(1+γ) = 1, where x = 0 loses stability for large N,
and g²(1+γ) = 1, where the measure exp(−βE), β → ∞, leaves it for γ ≥ 0. (e, f) Activity φ(x) at a
point of each phase, one network, its couplings scaled by g; λ is averaged from t_skip to
t_lyapunov.""",
    axes={"g": (0.8, 2.0)},
    columns=(
        "pair_share", "draw_shown", "n_incomplete", "n_zeros", "n_stable", "null_stable",
        "energy_end", "onset", "lyapunov",
    ),
    presets={
        "quick": {"n": 300, "n_draws": 200, "n_trajectories": 24, "t_lyapunov": 600.0},
        "paper": {},
    },
)  # fmt: skip
