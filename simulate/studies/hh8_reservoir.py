"""[HH] Fig. 8: sketch of the reservoir, with a stimulus, states and a readout that are computed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from meanfield.common import arguments, cost, style
from meanfield.common.arguments import ArgumentError, Array
from meanfield.common.study import Part, Study, told

from ..integration import integrate
from ..reservoir import memory_function, stimulus_targets, two_sines
from .protocol import network, steps_text

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_GAP = 10.0
# Neurons of the sketch, and how many of the shown links to draw.
_CIRCLES, _LINKS = 9, 14


def readout(
    onsager: float,
    *,
    n: int = 1000,
    g: float = 4.0,
    tau: float = 10.0,
    t_skip: float = 50.0,
    t_max: float = 850.0,
    sample_every: float = 0.5,
    n_shown: int = 6,
    method: str = "auto",
    dt: float = 0.05,
    seed: int,
) -> dict[str, Any]:
    """Recall of S(t − τ) by one network: ridge, and the later half of the samples held out.

    Parameters
    ----------
    tau : float
        Delay τ.
    sample_every : float
        Time between two samples.
    n_shown : int
        Neurons whose currents are kept.
    """
    sample_every = arguments.positive("sample_every", sample_every)
    count = cost.whole("t_max", t_max, (t_max - t_skip) / sample_every, "raise sample_every")
    if count < 40:
        raise ArgumentError(
            f"t_max={t_max:g}: {count} samples after t_skip={t_skip:g} are too few, raise it"
        )
    times: Array = t_skip + sample_every * np.arange(1, count + 1, dtype=float)
    J, x0 = network(n, g, seed)
    run = integrate(
        J, x0, t_max=float(times[-1]), onsager=onsager, inputs=two_sines, save_at=times,
        method=method, dt=dt,
    )  # fmt: skip
    states = np.asarray(run.x, dtype=float)
    z = stimulus_targets(times, tau)[:, 0]
    # The readout of [HH] has no intercept.
    curve = memory_function(states, z, intercept=False, gap=round(_GAP / sample_every))
    later = slice(count - curve.n_test, None)
    # The weights of that score: [HH] below Eq. 20 with the ridge it chose.
    x = states[: curve.n_train]
    regular = x.T @ x / curve.n_train + float(curve.ridge[0]) * float(curve.scale) * np.eye(n)
    weights = np.linalg.solve(regular, x.T @ z[: curve.n_train] / curve.n_train)
    shown = np.linspace(0, n - 1, min(n_shown, n)).astype(int)
    return {
        "t": times[later],
        "x": told(("t", "neuron"), states[later][:, shown], "currents of some neurons"),
        "predicted": told("t", states[later] @ weights, "readout, weights of earlier t"),
        "m": told((), float(curve.m[0]), "memory function, on held-out times"),
        "m_train": told((), float(curve.m_train[0]), "the same on the fitted times"),
    }


def derive(data: xr.Dataset) -> xr.Dataset:
    """Stimulus and target at the times shown, and where the fitted times end."""
    t = data.t.values
    return data.assign(
        stimulus=told("t", two_sines(t), "S(t)"),
        target=told("t", two_sines(t - data.attrs["tau"]), "S(t − τ)"),
        fitted_until=told((), t[0] - _GAP, "end of the fitted times, from t_skip on"),
    )


def draw(data: xr.Dataset) -> Figure:
    """Above the sketch; below the stimulus, the states it drives and the readout of both."""
    figure, above, below = style.halves(5.2, ratios=(1, 1.5))
    _sketch(above.subplots(), data)
    axes = below.subplots(2, data.sizes["onsager"], sharex=True, sharey="row", squeeze=False)
    low, high = float(data.target.min()) - 1.4, float(data.target.max()) + 0.8
    for (states, output), kappa in zip(axes.T, data.onsager.values, strict=True):
        part = data.sel(onsager=kappa)
        states.plot(data.t, part.x, lw=0.7)
        name = {0.0: "vanilla, ", 1.0: "gradient flow, "}.get(float(kappa), "")
        states.set_title(rf"{name}$\kappa = {kappa:g}$")
        output.plot(data.t, data.stimulus, color="0.75", lw=1, label="$S(t)$")
        output.plot(data.t, data.target, color="black", lw=1.2, label=r"target $S(t - \tau)$")
        output.plot(data.t, part.predicted, "--", color="C1", label=r"readout $\hat z(t)$")
        title = rf"$m(\tau) = {float(part.m):.3f}$ on these held-out times"
        output.set(xlabel="time $t$", ylim=(low, high), title=title)
    axes[0, 0].set_ylabel("$x_i(t)$")
    axes[1, 0].set_ylabel(r"$\hat z(t)$")
    axes[1, -1].legend(ncols=3, loc="lower right")
    facts = data.attrs
    style.above(
        figure,
        rf"$N = {facts['n']}$, $g = {facts['g']:g}$, $\gamma = 0$, recall, "
        rf"$\tau = {facts['tau']:g}$, {steps_text(data)}",
    )
    return figure


def _sketch(axis: Axes, data: xr.Dataset) -> None:
    from matplotlib.patches import Circle, FancyArrowPatch

    def arrow(start: Array, end: Array, colour: str, width: float, bend: float = 0.0) -> None:
        axis.add_patch(
            FancyArrowPatch(
                (start[0], start[1]), (end[0], end[1]), color=colour, lw=width, arrowstyle="-|>",
                mutation_scale=8, shrinkA=7, shrinkB=7, connectionstyle=f"arc3,rad={bend}",
            )
        )  # fmt: skip

    axis.set(xlim=(0, 10), ylim=(0, 3.4), aspect="equal")
    axis.axis("off")
    centre, radius = np.array([4.8, 1.65]), 1.2
    angles = 2 * np.pi * np.arange(_CIRCLES) / _CIRCLES + 0.2
    places = centre + radius * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    pairs = [(i, (i + step) % _CIRCLES) for step in (4, 2) for i in range(_CIRCLES)][:_LINKS]
    for start, end in pairs:
        arrow(places[start], places[end], "0.7", 0.8, bend=0.12)
    for place in places:
        axis.add_patch(Circle((place[0], place[1]), 0.17, fc="C5", ec="C0", lw=1))
    from_left = places[np.argsort(places[:, 0])]
    for place in from_left[:4]:
        arrow(np.array([2.65, 1.65]), place, "C2", 1.1)
    for place in from_left[-4:]:
        arrow(place, np.array([7.5, 1.65]), "C1", 1.1)
    axis.add_patch(Circle((7.5, 1.65), 0.22, fc="white", ec="C1", lw=1.5))
    for left, values, colour, text in (
        (0.55, data.stimulus, "0.3", "stimulus $S(t)\\,u$,  $u = (1, …, 1)$"),
        (8.0, data.target, "black", "target, here $S(t - \\tau)$"),
    ):
        # One period.
        wave = values.sel(t=values.t[values.t < values.t[0] + 100]).values
        axis.plot(
            np.linspace(left, left + 1.9, len(wave)), 1.65 + 0.35 * wave, color=colour, lw=1.4
        )
        axis.text(left + 0.95, 0.45, text, ha="center", color=colour)
    axis.text(
        4.8, 3.15, r"$\dot x = f(x) - \kappa\,\varphi' \circ J^T f + S(t)\,u$,  $J$ fixed",
        ha="center", color="C0",
    )  # fmt: skip
    axis.text(7.2, 2.5, r"$\hat z(t) = \sum_i W_i x_i(t)$, trained", color="C1")


HH8 = Study(
    name="hh8",
    source="[HH] Fig. 8",
    title="the reservoir: stimulus, network, readout",
    parts=(Part(readout, ("onsager",)),),
    draw=draw,
    text="""
Reservoir: the stimulus S(t) = sin 0.02πt + sin 0.04πt drives all neurons of a network with fixed
couplings J, and only the weights W of the readout are fitted. Below, what is computed for one
network and both κ: states, and readout of S(t − τ) on times after the fitted ones, with a ridge
chosen on those.""",
    axes={"onsager": (0.0, 1.0)},
    columns=("m", "m_train", "fitted_until"),
    derive=derive,
    presets={"quick": {"n": 300, "t_max": 450.0}, "paper": {}},
)
