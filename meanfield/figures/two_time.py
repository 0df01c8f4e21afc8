"""Two-time functions of one run."""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .common import MAIN, SECOND, band, shade, title

# E is drawn on a logarithmic axis where it falls by this factor.
_DECAY = 5.0
_CURVES = 4


def two_time(data: xr.Dataset) -> Figure:
    """C(t, t′), E(t), C(t, t) and C(t, 0), and R(t, s) or its integral; where κ > 0 shaded.

    Parameters
    ----------
    data : Dataset
        Of `meanfield.two_time`; a variable ``onsager`` along ``t``, where there is one, is κ(t).
    """
    figure = Figure(figsize=(9, 6.6), layout="constrained")
    (plane, energy), (equal, response) = figure.subplots(2, 2)
    _plane(figure, plane, data)
    _energy(energy, data)
    time = data.t.values
    for index, name, label in (
        (np.arange(time.size), MAIN, r"$C(t, t)$"),
        (np.zeros(time.size, dtype=int), SECOND, r"$C(t, 0)$"),
    ):
        rows = np.arange(time.size)
        band(
            equal,
            time,
            data.C.values[rows, index],
            data.C_err.values[rows, index],
            name,
            label=label,
        )
    equal.axhline(0, color="0.8", lw=0.8, zorder=0)
    equal.set_ylabel(r"correlation $C$")
    equal.legend(frameon=False, fontsize=9)
    if "R" in data:
        _response(response, data)
    else:
        band(response, time, data.r_int, data.r_int_err, MAIN)
        response.set_ylabel(r"integrated response $R_{\mathrm{int}}(t)$")
    for axis in (energy, equal, response):
        axis.set_xlabel(r"time $t$")
        axis.set_xlim(time[0], time[-1])
        if "onsager" in data and float(data.onsager.max()) > 0:
            axis.fill_between(
                time, 0, 1, where=data.onsager.values > 0, step="post",
                transform=axis.get_xaxis_transform(), color=SECOND, alpha=0.12, lw=0, zorder=0,
            )  # fmt: skip
    plane.set_title(title(data), loc="left", fontsize=10)
    if "onsager" in data and float(data.onsager.max()) > 0:
        energy.set_title(r"shaded: $\kappa > 0$", loc="left", fontsize=10)
    if data.attrs["status"] != "ok":
        energy.text(
            0.02, 0.03, f"{data.attrs['status']}: what is seen is the step",
            transform=energy.transAxes, fontsize=8, color="crimson",
        )  # fmt: skip
    return figure


def _plane(figure: Figure, axis: Axes, data: xr.Dataset) -> None:
    time = data.t.values
    image = axis.pcolormesh(time, time, data.C.values, shading="nearest", rasterized=True)
    figure.colorbar(image, ax=axis, label=r"$C(t, t')$")
    axis.set_aspect("equal")
    axis.set_xlabel(r"time $t'$")
    axis.set_ylabel(r"time $t$")


def _energy(axis: Axes, data: xr.Dataset) -> None:
    values, error = data.energy.values, data.energy_err.values
    band(axis, data.t.values, values, error, MAIN)
    axis.set_ylabel(r"energy per neuron $E(t)/N$")
    if values.min() > 0 and values.max() > _DECAY * values[-1]:
        axis.set_yscale("log")
        # A band that reaches below zero would stretch the axis.
        axis.set_ylim(values.min() / 2, (values + error).max() * 1.5)


def _response(axis: Axes, data: xr.Dataset) -> None:
    time = data.t.values
    pulses = np.unique(np.linspace(0, 0.75 * (time.size - 1), _CURVES).astype(int))
    for number, column in enumerate(pulses):
        after = slice(column + 1, None)
        band(
            axis, time[after], data.R.values[after, column], data.R_err.values[after, column],
            shade(number, pulses.size), label=rf"$s = {time[column]:.3g}$",
        )  # fmt: skip
    axis.axhline(0, color="0.8", lw=0.8, zorder=0)
    axis.set_ylabel(r"response $R(t, s)$")
    axis.legend(frameon=False, fontsize=9)
