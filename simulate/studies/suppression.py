"""Suppression of chaos by drives with random phases and by noise, theory and networks."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from meanfield import critical_amplitude, critical_gain, driven_stationary, stationary
from meanfield.common import seeds, style
from meanfield.common.arguments import nonnegative, positive
from meanfield.common.study import Part, Study, told

from ..couplings import elliptic
from ..lyapunov import maximal_lyapunov

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_FINE = 24
_RATE = {"units": "1/time constant"}


def driven(
    amplitude: float,
    frequency: float,
    *,
    g: float = 2.0,
    n: int = 500,
    t_max: float = 250.0,
    t_skip: float = 50.0,
    dt: float | None = None,
    phi: str = "tanh",
    threads: int | None = None,
    seed: int,
) -> dict[str, Any]:
    """Exponents of one network under A cos(ωt + θ_i), with random phases and with none.

    Parameters
    ----------
    amplitude : float
        Amplitude A of the drive.
    frequency : float
        Angular frequency ω.
    dt : float
        Step.  [default: what the network and the input allow]
    """
    A, omega = nonnegative("amplitude", amplitude), positive("frequency", frequency)
    drives = {
        "lyapunov": lambda t, u: A * np.cos(omega * t + 2 * np.pi * u),
        "lyapunov_common": lambda t: A * math.cos(omega * t),
    }
    texts = "largest Lyapunov exponent, random phases", "the same, one phase for all neurons"
    found = _exponents(drives, g, n, t_max, t_skip, dt, phi, threads, seed)
    pairs = zip(found.items(), texts, strict=True)
    return {name: told((), value, text, **_RATE) for (name, value), text in pairs}


def noisy(
    sigma: float,
    *,
    g: float = 2.0,
    n: int = 500,
    t_max: float = 250.0,
    t_skip: float = 50.0,
    dt: float | None = None,
    phi: str = "tanh",
    threads: int | None = None,
    seed: int,
) -> dict[str, Any]:
    """Exponent of one network in white noise that two states share.

    Parameters
    ----------
    sigma : float
        Amplitude σ of the noise.
    """
    found = _exponents(
        {"lyapunov_noise": None}, g, n, t_max, t_skip, dt, phi, threads, seed,
        temperature=nonnegative("sigma", sigma) ** 2 / 2,
    )  # fmt: skip
    text = "largest Lyapunov exponent in white noise"
    return {"lyapunov_noise": told((), found["lyapunov_noise"], text, **_RATE)}


def _exponents(
    drives: dict[str, Any], g: float, n: int, t_max: float, t_skip: float, dt: float | None,
    phi: str, threads: int | None, seed: int, **how: Any,
) -> dict[str, float]:  # fmt: skip
    J = elliptic(n, g, seed=seed)
    x0 = seeds.generator(seed, "start").standard_normal(n)
    return {
        name: float(
            maximal_lyapunov(
                J, x0=x0, inputs=drive, t_max=t_max, t_skip=t_skip, dt=dt, phi=phi, seed=seed,
                threads=threads, **how,
            ).value
        )
        for name, drive in drives.items()
    }  # fmt: skip


def expected(data: xr.Dataset) -> xr.Dataset:
    """Exponents, boundary and onset as N → ∞."""
    g, phi = data.attrs["g"], data.attrs["phi"]
    A, omega, sigma = (data[name].values for name in ("amplitude", "frequency", "sigma"))
    drive = driven_stationary(g, np.maximum(A, 1e-3)[:, None], omega, phi=phi, n_tau=2, throw=False)
    noise = stationary(g, sigma=sigma, phi=phi, n_tau=2, throw=False)
    fine = np.geomspace(omega.min() / 3, 2 * omega.max(), _FINE)
    between = np.linspace(sigma.min(), sigma.max(), _FINE // 2)
    onsets, onset_line = (
        [float(critical_gain(phi=phi, sigma=float(one))) for one in at] for at in (sigma, between)
    )
    noise_line = stationary(g, sigma=between, phi=phi, n_tau=2, throw=False).lyapunov
    known = {
        "lyapunov_theory": told(("amplitude", "frequency"), drive.lyapunov, "theory", **_RATE),
        "boundary": told(
            "line", critical_amplitude(g, fine, phi=phi), "amplitude that suppresses chaos"
        ),
        "critical_amplitude": told(
            "frequency", critical_amplitude(g, omega, phi=phi), "the same at these frequencies"
        ),
        "noise_theory": told("sigma", noise.lyapunov, "theory", **_RATE),
        "critical_gain": told("sigma", onsets, "gain at which chaos sets in"),
        "noise_line": told("sigma_line", noise_line, "theory", **_RATE),
        "critical_gain_line": told("sigma_line", onset_line, "gain at which chaos sets in"),
    }
    return data.assign_coords(line=fine, sigma_line=between).assign(known)


def draw(data: xr.Dataset) -> Figure:
    """λ against A; the plane of ω and A; λ and the onset against σ, if there are several."""
    several = data.sizes["sigma"] > 1
    figure, axes = style.panels(1, 2 + several, height=2.7)
    for k, omega in enumerate(data.frequency.values):
        part, colour = data.sel(frequency=omega), style.shade(k, data.sizes["frequency"])
        # Chaos next to the boundary decays too slowly for the theory, but there λ is 0.
        line = np.append(part.amplitude, part.critical_amplitude)
        value = np.append(part.lyapunov_theory, 0.0)
        order = np.argsort(line)[np.isfinite(value[np.argsort(line)])]
        axes[0].plot(line[order], value[order], color=colour)
        for name, filled in (("lyapunov", colour), ("lyapunov_common", "white")):
            label = rf"$\omega = {omega:g}$" if name == "lyapunov" else None
            style.averages(axes[0], part.amplitude, part[name], colour, mfc=filled, label=label)
    axes[0].plot([], [], "o", color="0.4", mfc="white", label="one phase")
    axes[0].set(xlabel=r"amplitude $A$", ylabel=r"maximal Lyapunov exponent $\lambda$")
    axes[1].plot(data.line, data.boundary, color="0.2", label="theory")
    means = data.lyapunov.mean("replicate").stack(point=("amplitude", "frequency"))
    for sign, look in ((1, {"mfc": "0.3"}), (-1, {"mfc": "white"})):
        some = means[sign * means > 0]
        axes[1].plot(
            some.frequency, some.amplitude, "o", color="0.3", **look,
            label=rf"networks, $\lambda {'>' if sign > 0 else '<'} 0$",
        )  # fmt: skip
    axes[1].set(
        xscale="log",
        yscale="log",
        xlim=(data.line[0] / 5, None),
        xlabel=r"angular frequency $\omega$",
        ylabel=r"amplitude $A$",
    )
    axes[1].set_yticks(data.amplitude.values, [f"{one:g}" for one in data.amplitude.values])
    axes[1].minorticks_off()
    # Room for the legend above the points.
    axes[1].set_ylim(top=4 * float(max(data.amplitude.max(), data.boundary.max())))
    if several:
        _draw_noise(axes[2], data)
    titles = ("drive", "boundary", "noise")
    for axis, text, place in zip(axes, titles, ("best", "best", "lower center"), strict=False):
        axis.set_title(text)
        axis.legend(loc=place)
    for axis in axes[::2]:
        axis.axhline(0, color="0.7", lw=0.7, zorder=0)
    style.above(figure, rf"$g = {data.attrs['g']:g}$, $\gamma = 0$, $N = {data.attrs['n']}$")
    return figure


def _draw_noise(axis: Axes, data: xr.Dataset) -> None:
    axis.plot(data.sigma_line, data.noise_line, color=style.shade(0, 2), label=r"$\lambda$, theory")
    style.averages(axis, data.sigma, data.lyapunov_noise, style.shade(0, 2), label="networks")
    onset = axis.twinx()
    onset.plot(data.sigma_line, data.critical_gain_line, color=style.shade(1, 2), ls="--")
    axis.plot([], [], color=style.shade(1, 2), ls="--", label="onset, theory")
    axis.set(xlabel=r"noise amplitude $\sigma$", ylabel=r"maximal Lyapunov exponent $\lambda$")
    onset.set_ylabel(r"gain $g_c$ of the onset")
    onset.spines["right"].set_visible(True)


SUPPRESSION = Study(
    name="suppression",
    source="Rajan, Abbott & Sompolinsky 2010",
    title="suppression of chaos by periodic drives with random phases and by noise",
    parts=(
        Part(driven, ("amplitude", "frequency"), replicated=True),
        Part(noisy, ("sigma",), replicated=True),
    ),
    derive=expected,
    draw=draw,
    text="""
Maximal Lyapunov exponent λ of networks driven by A cos(ωt + θ_i), at the same drive for both
trajectories: lines as N → ∞ (in (a) straight between the amplitudes), points networks, bars
standard errors over couplings. With a phase of its own for every neuron the drive suppresses chaos,
most easily near a resonance below the leak rate (b, `meanfield.critical_amplitude`); hollow points
of (a) are networks whose neurons all get one phase. White noise lowers λ and raises the gain of the
onset (c). Chaos of some hundred neurons is weaker than as N → ∞, by as much without a drive (σ = 0)
as with one; where it is suppressed they agree.""",
    axes={
        "amplitude": (0.25, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0),
        "frequency": (0.3, 1.0, 2.0),
        "sigma": (0.0, 0.25, 0.5, 1.0, 1.5),
    },
    replicates=5,
    columns=(
        "lyapunov", "lyapunov_theory", "lyapunov_common", "critical_amplitude", "lyapunov_noise",
        "noise_theory", "critical_gain",
    ),
    compared={"lyapunov": "lyapunov_theory", "lyapunov_noise": "noise_theory"},
    presets={
        "quick": {
            "n": 200, "amplitude": [0.5, 1.0, 2.0, 4.0], "frequency": [0.3, 2.0],
            "sigma": [0.0, 1.0], "trials": 3, "t_max": 150.0,
        },
        "paper": {"n": 2000, "trials": 10, "t_max": 500.0},
    },
    command="python -m simulate suppression",
)  # fmt: skip
