"""All Lyapunov exponents: networks of several sizes beside N → ∞, and under the OR force."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from meanfield import lyapunov_spectrum as limit
from meanfield import participation_ratio
from meanfield.common import style
from meanfield.common.study import Part, Study, told

from ..couplings import elliptic
from ..lyapunov import LyapunovSpectrum, lyapunov_spectrum
from ..validation.table import extrapolated

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.figure import Figure

# Exponents at which F is told.
_S = np.linspace(-1.0, 0.6, 33)
_TEXTS = {"dimension": "Kaplan–Yorke dimension per neuron", "entropy": "entropy rate per neuron"}
_LIMITS = ("theory", "theory_err", "limit", "limit_err")
# Means over couplings approach N → ∞ like 1/N.
_POWER = 1.0


def networks(
    gamma: float,
    g: float,
    n: int,
    *,
    share: float = 0.35,
    t_max: float = 240.0,
    t_skip: float = 40.0,
    dt: float | None = None,
    phi: str = "tanh",
    threads: int | None = None,
    seed: int,
) -> dict[str, Any]:
    """Spectrum of one network.

    Parameters
    ----------
    gamma, g
        Symmetries and gains.
    n
        Numbers of neurons, extrapolated to N → ∞.
    share : float
        Share of the exponents that is followed, the largest; their sum has to be negative.
    dt : float
        Step.  [default: what the network allows]
    """
    run = lyapunov_spectrum(
        elliptic(n, g, gamma, seed=seed), max(1, round(share * n)), t_max=t_max, t_skip=t_skip,
        dt=dt, phi=phi, seed=seed, threads=threads,
    )  # fmt: skip
    above = np.sum(run.exponents[:, None] >= _S, axis=0)
    F = np.where(run.exponents[-1] < _S, 1 - above / n, np.nan)
    return {"s": _S, "F": told("s", F, "fraction of exponents below s"), **_numbers(run, n)}


def theory(
    gamma: float, g: float, *, paths: int = 128, phi: str = "tanh", seed: int
) -> dict[str, Any]:
    """Spectrum as N → ∞.

    Parameters
    ----------
    paths : int
        Gain paths of the theory, a multiple of 4.
    """
    found = limit(g, gamma, thresholds=_S, n_paths=paths, phi=phi, seed=seed, throw=False)
    known: dict[str, Any] = {
        "s": _S,
        "F_theory": told("s", found.F, "N to infinity"),
        "F_theory_err": told("s", found.F_err, "its error"),
    }
    for name, full in (("dimension", "kaplan_yorke_dimension"), ("entropy", "entropy_rate")):
        known[f"{name}_theory"] = told((), getattr(found, full), f"{_TEXTS[name]}, N to infinity")
        known[f"{name}_theory_err"] = told((), getattr(found, f"{full}_err"), "its error")
    return known


def regulated(
    onsager: float,
    *,
    force_n: int = 150,
    force_g: float = 3.0,
    share: float = 0.35,
    t_max: float = 240.0,
    t_skip: float = 40.0,
    phi: str = "tanh",
    threads: int | None = None,
    seed: int,
) -> dict[str, Any]:
    """The largest exponents of one network at γ = 0 under the OR force.

    Parameters
    ----------
    onsager
        Strengths κ of the OR force.
    force_n, force_g
        Size and gain of the networks under the OR force.
    """
    run = lyapunov_spectrum(
        elliptic(force_n, force_g, seed=seed), max(1, round(share * force_n)), onsager=onsager,
        t_max=t_max, t_skip=t_skip, phi=phi, seed=seed, threads=threads,
    )  # fmt: skip
    return {f"{name}_force": one for name, one in _numbers(run, force_n).items()}


def _numbers(run: LyapunovSpectrum, n: int) -> dict[str, Any]:
    rate = {"units": "1/time constant"}
    return {
        "lyapunov": told((), run.exponents[0], "maximal Lyapunov exponent", **rate),
        "dimension": told((), run.kaplan_yorke_dimension / n, _TEXTS["dimension"]),
        "entropy": told((), run.entropy_rate / n, _TEXTS["entropy"], **rate),
    }


def expected(data: xr.Dataset) -> xr.Dataset:
    """Networks extrapolated in N, and the dimension of the activity at γ = 0."""
    places = ("gamma", "g")
    for name, text in _TEXTS.items():
        values = data[name].transpose(*places, "n", "replicate").values
        found = np.full((2, *values.shape[:2]), np.nan)
        for place in np.ndindex(values.shape[:2]) if values.shape[3] > 1 else ():
            size = extrapolated(dict(zip(data.n.values, values[place], strict=True)), _POWER)
            found[:, *place] = size.value, size.value_err
        data[f"{name}_limit"] = told(places, found[0], f"{text}, networks, a of a + b/N")
        data[f"{name}_limit_err"] = told(places, found[1], "its error")
    line = np.linspace(float(data.g.min()), float(data.g.max()), 12)
    activity = participation_ratio(line, phi=data.attrs["phi"], throw=False).value
    return data.assign_coords(line=line).assign(
        activity=told("line", activity, "participation ratio of φ, γ = 0, N to infinity")
    )


def draw(data: xr.Dataset) -> Figure:
    """F(s); D/N and h/N against 1/N and g; λ, D/N and h/N against κ."""
    figure, axes = style.panels(2, 3, height=4.6)
    (shares, *above), (force, *below) = axes
    g, symbols = float(data.g[-1]), (r"$D_{KY}/N$", "$h/N$")
    for k, gamma in enumerate(data.gamma.values):
        own, colour = data.sel(gamma=gamma), style.shade(k, data.sizes["gamma"])
        one, label = own.sel(g=g), rf"$\gamma = {gamma:g}$".replace("-", "−")
        style.band(shares, data.s, one.F_theory, one.F_theory_err, colour, label=label)
        largest = one.F.isel(n=-1).mean("replicate", skipna=False)
        shares.plot(data.s[::2], largest[::2], "o", color=colour)
        look = {"color": colour}
        for name, (sizes, gains) in zip(_TEXTS, (above, below), strict=True):
            of = {part: own[f"{name}_{part}"] for part in _LIMITS}
            style.averages(sizes, 1 / data.n, one[name], colour)
            at = {part: values.sel(g=g) for part, values in of.items()}
            sizes.errorbar(0, at["limit"], at["limit_err"], fmt="o", mfc="white", **look)
            sizes.errorbar(0, at["theory"], at["theory_err"], fmt="D", **look)
            style.band(
                gains, data.g, of["theory"], of["theory_err"], colour, marker="D", label=label
            )
            gains.errorbar(data.g, of["limit"], of["limit_err"], fmt="o", mfc="white", **look)
    if data.activity.notnull().any():
        activity = r"PR/N of $\varphi$, $\gamma = 0$"
        above[1].plot(data.line, data.activity, ":", color="0.4", label=activity)
    under = {"lyapunov": r"$\lambda_1$", "dimension": symbols[0], "entropy": r"$10\,h/N$"}
    for k, (name, label) in enumerate(under.items()):
        values = data[f"{name}_force"] * (10 if name == "entropy" else 1)
        style.averages(force, data.onsager, values, style.shade(k, 3), label=label)
    shares.set(xlabel="exponent $s$", ylabel="fraction of exponents below $s$, $F$")
    force.set(xlabel=r"Onsager-reaction force $\kappa$", ylabel=", ".join(under.values()))
    force.axhline(0, color="0.7", lw=0.7, zorder=0)
    for (sizes, gains), symbol in zip((above, below), symbols, strict=True):
        sizes.set(xlabel="$1/N$", ylabel=symbol, ylim=(0, None))
        gains.set(xlabel="gain $g$", ylabel=symbol)
    facts = data.attrs
    titles = (
        rf"$g = {g:g}$, $N = {int(data.n[-1])}$", rf"$g = {g:g}$", r"$N \to \infty$",
        rf"$g = {facts['force_g']:g}$, $\gamma = 0$, $N = {facts['force_n']}$",
        rf"$g = {g:g}$", r"$N \to \infty$",
    )  # fmt: skip
    for axis, text in zip(axes.flat, titles, strict=True):
        axis.set_title(text)
    for axis in (shares, force, above[1], below[1]):
        axis.legend()
    return figure


SPECTRUM = Study(
    name="spectrum",
    source="theory of all Lyapunov exponents, Clark 2026",
    title="all Lyapunov exponents: distribution, dimension and entropy rate",
    parts=(
        Part(networks, ("gamma", "g", "n"), replicated=True, shared=("gamma", "g")),
        Part(theory, ("gamma", "g")),
        Part(regulated, ("onsager",), replicated=True),
    ),
    derive=expected,
    draw=draw,
    text="""
Lyapunov exponents of networks, the larger ones, and as N → ∞ (`meanfield.lyapunov_spectrum`, lines
with their errors shaded); bars are standard errors. (a) The fraction F of exponents below s. (b, e)
Kaplan–Yorke dimension and entropy rate, the sum of the positive exponents, per neuron against 1/N;
at 0 diamonds are the theory, hollow points the networks, extrapolated by a + b/N, as in (c, f)
against g. Dotted: participation ratio of φ, the dimension of the activity. (d) Networks under the
OR force: in the gradient flow, κ = 1, no exponent is positive but for what a finite time leaves.
""",
    axes={
        "gamma": (-0.5, 0.0, 0.5),
        "g": (3.0, 4.0, 5.0),
        "n": (200, 400, 800),
        "onsager": (0.0, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0),
    },
    replicates=6,
    columns=(
        "dimension", "dimension_limit", "dimension_theory", "entropy", "entropy_limit",
        "entropy_theory", "lyapunov_force", "dimension_force", "entropy_force",
    ),
    compared={"dimension_limit": "dimension_theory", "entropy_limit": "entropy_theory"},
    presets={
        "quick": {
            "n": [100, 200, 300], "g": [3.0, 5.0], "gamma": [0.0], "onsager": [0.0, 0.5, 1.0],
            "trials": 3, "t_max": 120.0, "paths": 64, "force_n": 100,
        },
        "paper": {"n": [500, 1000, 2000], "trials": 10},
    },
    command="python -m simulate spectrum",
)  # fmt: skip
