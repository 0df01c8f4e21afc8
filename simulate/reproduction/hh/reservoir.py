"""[HH] Fig. 8: sketch of the reservoir, with a stimulus, states and a readout that are computed."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle, FancyArrowPatch

from meanfield.parameters import ArgumentError
from meanfield.transfer import Array

from ...integration import integrate
from ...parallel import in_parallel
from ...reservoir import memory_function, stimulus_targets, two_sines
from ..definition import CONVERGED, PaperFigure
from ..text import paragraphs, table
from .protocol import network, steps

_FEWEST = 40
_KAPPAS = (0.0, 1.0)
_GAP = 10.0
# Neurons of the sketch, and how many of the shown links to draw.
_CIRCLES, _LINKS = 9, 14


class _Readout(NamedTuple):
    x: Array
    target: Array
    predicted: Array
    m: float
    m_train: float


def compute(
    *,
    n: int,
    g: float,
    tau: float,
    t_skip: float,
    t_max: float,
    sample_every: float,
    n_shown: int,
    variant: str,
    seed: int,
    workers: int | None,
    progress: bool,
) -> xr.Dataset:
    """Recall of S(t − τ) by one network: vanilla and gradient flow, ridge, held-out half."""
    count = round((t_max - t_skip) / sample_every)
    if count < _FEWEST:
        raise ArgumentError(
            f"t_max={t_max:g}: {count} samples after t_skip={t_skip:g} are too few, raise it"
        )
    times: Array = t_skip + sample_every * np.arange(1, count + 1, dtype=float)
    jobs = [
        partial(_readout, n, g, tau, kappa, times, sample_every, n_shown, variant, seed)
        for kappa in _KAPPAS
    ]
    found = list(in_parallel(jobs, workers, label="hh8", progress=progress))
    held_out = times[len(times) - len(found[0].predicted) :]
    return xr.Dataset(
        {
            "stimulus": ("t", two_sines(held_out), {"long_name": "S(t)"}),
            "target": ("t", found[0].target, {"long_name": "S(t - tau)"}),
            "predicted": (
                ("onsager", "t"),
                np.array([job.predicted for job in found]),
                {"long_name": "readout, weights fitted to earlier samples"},
            ),
            "x": (
                ("onsager", "t", "neuron"),
                np.array([job.x for job in found]),
                {"long_name": "synaptic current of some neurons"},
            ),
            "m": ("onsager", [job.m for job in found], {"long_name": "memory function, held out"}),
            "m_train": ("onsager", [job.m_train for job in found]),
        },
        {"t": held_out, "onsager": list(_KAPPAS)},
        {"n": n, "g": g, "tau": tau, "fitted_until": float(held_out[0] - _GAP), "t_skip": t_skip},
    )


def _readout(
    n: int,
    g: float,
    tau: float,
    kappa: float,
    times: Array,
    sample_every: float,
    n_shown: int,
    variant: str,
    seed: int,
) -> _Readout:
    J, x0 = network(n, g, seed, 0)
    run = integrate(
        J, x0, t_max=float(times[-1]), onsager=kappa, inputs=two_sines, save_at=times,
        **steps(variant),
    )  # fmt: skip
    assert run.x is not None
    states = np.asarray(run.x, dtype=float)
    z = stimulus_targets(times, tau)[:, 0]
    curve = memory_function(states, z, gap=round(_GAP / sample_every))
    fitted, later = slice(0, curve.n_train), slice(len(times) - curve.n_test, None)
    # The weights of that score: [HH] below Eq. 20 with the ridge it chose.
    x = states[fitted]
    regular = x.T @ x / curve.n_train + float(curve.ridge[0]) * float(curve.scale) * np.eye(n)
    weights = np.linalg.solve(regular, x.T @ z[fitted] / curve.n_train)
    shown = np.linspace(0, n - 1, min(n_shown, n)).astype(int)
    return _Readout(
        x=states[later][:, shown],
        target=z[later],
        predicted=states[later] @ weights,
        m=float(curve.m[0]),
        m_train=float(curve.m_train[0]),
    )


def draw(data: xr.Dataset) -> Figure:
    """Above the sketch; below the stimulus, the states it drives and the readout of both."""
    figure = Figure(figsize=(10.5, 7), layout="constrained")
    parts: Any = figure.subfigures(2, 1, height_ratios=(1, 1.3))
    above, below = parts
    _sketch(above.subplots(), data)
    axes = below.subplots(2, 2, sharex=True, sharey="row", height_ratios=(1, 1))
    for column, kappa in zip(axes.T, data.onsager.values, strict=True):
        states, output = column
        part = data.sel(onsager=kappa)
        states.plot(data.t, part.x, lw=0.8)
        name = "vanilla" if kappa == 0 else "gradient flow"
        states.set_title(rf"{name}, $\kappa = {kappa:g}$")
        output.plot(data.t, data.stimulus, color="0.75", lw=1, label="$S(t)$")
        output.plot(data.t, data.target, color="black", lw=1.6, label=r"target $S(t - \tau)$")
        output.plot(data.t, part.predicted, "--", color="C1", lw=1.3, label=r"readout $\hat z(t)$")
        output.set_title(rf"$m(\tau) = {float(part.m):.3f}$ on these held-out times")
        output.set_xlabel("time $t$")
        low, high = float(data.target.min()), float(data.target.max())
        output.set_ylim(low - 1.4, high + 0.8)
    axes[0, 0].set_ylabel("$x_i(t)$")
    axes[1, 0].set_ylabel(r"$\hat z(t)$")
    axes[1, 1].legend(ncols=3, loc="lower right", fontsize=7)
    figure.suptitle(
        rf"$N = {data.attrs['n']}$, $g = {data.attrs['g']:g}$, $\gamma = 0$, recall, "
        rf"$\tau = {data.attrs['tau']:g}$, converged steps",
        x=0.01,
        ha="left",
        fontsize=10,
    )
    return figure


def _sketch(axis: Axes, data: xr.Dataset) -> None:
    """Stimulus → recurrent neurons → readout, target beside it."""
    axis.set_xlim(0, 10)
    axis.set_ylim(0, 3.4)
    axis.set_aspect("equal")
    axis.axis("off")
    centre, radius = np.array([4.8, 1.65]), 1.2
    angles = 2 * np.pi * np.arange(_CIRCLES) / _CIRCLES + 0.2
    places = centre + radius * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    pairs = [(i, (i + step) % _CIRCLES) for step in (4, 2) for i in range(_CIRCLES)][:_LINKS]
    for start, end in pairs:
        _arrow(axis, places[start], places[end], "0.7", bend=0.12, width=0.8)
    for place in places:
        axis.add_patch(Circle((place[0], place[1]), 0.17, fc="C5", ec="C0", lw=1))
    for place in places[np.argsort(places[:, 0])[:4]]:
        _arrow(axis, np.array([2.65, 1.65]), place, "C2", width=1.1)
    output = np.array([7.5, 1.65])
    for place in places[np.argsort(places[:, 0])[-4:]]:
        _arrow(axis, place, output, "C1", width=1.1)
    axis.add_patch(Circle((output[0], output[1]), 0.22, fc="white", ec="C1", lw=1.5))
    for left, values, colour, text in (
        (0.55, data.stimulus, "0.3", "stimulus $S(t)\\,u$,  $u = (1, …, 1)$"),
        (8.0, data.target, "black", "target, here $S(t - \\tau)$"),
    ):
        wave = values.values
        shown = wave[: max(2, int(len(wave) * 100 / float(data.t[-1] - data.t[0] + 1e-9)))]
        axis.plot(
            np.linspace(left, left + 1.9, len(shown)), 1.65 + 0.35 * shown, color=colour, lw=1.4
        )
        axis.text(left + 0.95, 0.45, text, ha="center", fontsize=9, color=colour)
    axis.text(
        4.8, 3.15, r"$\dot x = f(x) - \kappa\,\varphi' \circ J^T f + S(t)\,u$,  $J$ fixed",
        ha="center", fontsize=10, color="C0",
    )  # fmt: skip
    axis.text(7.2, 2.5, r"$\hat z(t) = \sum_i W_i x_i(t)$, trained", fontsize=9, color="C1")


def _arrow(
    axis: Axes, start: Array, end: Array, colour: str, *, bend: float = 0.0, width: float
) -> None:
    axis.add_patch(
        FancyArrowPatch(
            (start[0], start[1]), (end[0], end[1]), color=colour, lw=width, arrowstyle="-|>",
            mutation_scale=8, shrinkA=7, shrinkB=7, connectionstyle=f"arc3,rad={bend}",
        )
    )  # fmt: skip


def caption(data: Mapping[str, xr.Dataset]) -> str:
    """The reservoir, and the score of the readout shown."""
    found = data[CONVERGED]
    facts = found.attrs
    rows = [
        [f"{kappa:g}", *(f"{float(m.sel(onsager=kappa)):.3f}" for m in (found.m, found.m_train))]
        for kappa in found.onsager.values
    ]
    return paragraphs(
        "Reservoir: the stimulus S(t) = sin 0.02πt + sin 0.04πt drives all neurons of a network "
        "with fixed couplings J, and only the weights W of the readout are fitted. Below, what is "
        f"computed for one network: states, and readout of S(t − τ), τ = {facts['tau']:g}.",
        table(["κ", "m", "m, fitted samples"], rows),
        f"N = {facts['n']}, g = {facts['g']:g}, converged steps. m is the memory function on times "
        f"after the fitted ones ({facts['t_skip']:g} < t < {facts['fitted_until']:g}), with a "
        "ridge chosen on those.",
    )


FIGURE = PaperFigure(
    key="hh8",
    source="[HH] Fig. 8",
    title="The reservoir: stimulus, network, readout",
    compute=compute,
    draw=draw,
    caption=caption,
    scales={
        "quick": {
            "n": 300,
            "g": 4.0,
            "tau": 10.0,
            "t_skip": 50.0,
            "t_max": 450.0,
            "sample_every": 0.5,
            "n_shown": 6,
        },
        "paper": {
            "n": 1000,
            "g": 4.0,
            "tau": 10.0,
            "t_skip": 50.0,
            "t_max": 850.0,
            "sample_every": 0.5,
            "n_shown": 6,
        },
    },
)
