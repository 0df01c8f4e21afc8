"""[HH] Fig. 2b: the largest Lyapunov exponent against g, vanilla and with the OR force."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np
import xarray as xr
from matplotlib.axes import Axes

from meanfield import seeds
from meanfield.figures import common

from ...couplings import elliptic
from ...lyapunov import LyapunovExponent, maximal_lyapunov
from ...parallel import in_parallel
from ..definition import CONVERGED, PRINTED
from .protocol import PRINTED_STEP, mean_and_error, quoted, steps

KAPPAS = (0.0, 1.0)
# [HH] Algorithm 1: δ, and the time of its first 2000 steps.
_DELTA, SKIPPED = 1e-5, 2000 * PRINTED_STEP
# Of the picture: half height of the inset; smallest upper limit, and depth below zero in its units.
_CLOSE, _LOWEST_TOP, _BELOW = 0.09, 1.6, 0.45
_AXES = ("onsager", "g", "trial")


def exponents(
    n: int,
    g: Sequence[float],
    n_trials: int,
    t_max: float,
    *,
    variant: str,
    seed: int,
    workers: int | None,
    progress: bool,
) -> xr.Dataset:
    """Exponents of independent couplings, with what the runs say about their steps."""
    jobs = [
        partial(_exponent, n, gain, kappa, t_max, variant, seeds.member(seed, trial))
        for kappa in KAPPAS
        for gain in g
        for trial in range(n_trials)
    ]
    found = list(in_parallel(jobs, workers, label="hh2", progress=progress))
    shape = (len(KAPPAS), len(g), n_trials)

    def gathered(values: Sequence[float]) -> tuple[tuple[str, ...], np.ndarray]:
        return _AXES, np.reshape(values, shape)

    return xr.Dataset(
        {
            "lyapunov": gathered([float(run.value) for run in found]),
            "stderr": gathered([float(run.stderr) for run in found]),
            "stiffness": gathered([run.stiffness for run in found]),
            "energy_rise_fraction": gathered([run.energy_rise_fraction for run in found]),
            "unstable_step": gathered([int(run.status != "success") for run in found]),
        },
        {"onsager": list(KAPPAS), "g": list(g)},
        {"t_skip": SKIPPED, "t_max_lyapunov": t_max, "n_lyapunov": n},
    )


def _exponent(
    n: int, g: float, kappa: float, t_max: float, variant: str, member: int
) -> LyapunovExponent:
    algorithm = "orbit_separation" if variant == PRINTED else "tangent"
    return maximal_lyapunov(
        elliptic(n, g, seed=member),
        onsager=kappa,
        t_max=t_max,
        t_skip=SKIPPED,
        algorithm=algorithm,
        delta=_DELTA,
        seed=member,
        **steps(variant),
    )


def draw_exponents(axis: Axes, data: xr.Dataset) -> None:
    """Both curves, crosses where the step is too long, and the region close to zero."""
    inset = axis.inset_axes((0.13, 0.64, 0.4, 0.33))
    names = (r"vanilla, $\kappa = 0$", r"OR, $\kappa = 1$")
    for row, (kappa, name) in enumerate(zip(data.onsager.values, names, strict=True)):
        part = data.sel(onsager=kappa)
        mean = part.lyapunov.mean("trial")
        spread = part.lyapunov.std("trial", ddof=1 if part.sizes["trial"] > 1 else 0)
        bad = part.unstable_step.any("trial").values
        for panel in (axis, inset):
            panel.errorbar(
                part.g, mean, spread, color=f"C{row}", marker=common.MARKERS[row],
                ls=("-", "--")[row], label=name,
            )  # fmt: skip
            label = "step too long" if bad.any() else None
            panel.plot(part.g[bad], mean[bad], "x", color="crimson", ms=9, mew=1.6, label=label)
    for panel in (axis, inset):
        panel.axhline(0, color="0.6", lw=0.8, zorder=0)
    inset.set_ylim(-_CLOSE, _CLOSE)
    # Room for the inset above the curves and for the legend below them.
    top = max(_LOWEST_TOP, axis.get_ylim()[1])
    axis.set_ylim(-_BELOW * top, top)
    inset.tick_params(labelsize=7)
    axis.set_xlabel(r"gain $g$")
    axis.set_ylabel(r"largest exponent $\lambda$")
    axis.legend(loc="lower right")


def exponents_caption(data: Mapping[str, xr.Dataset]) -> list[str]:
    """The exponents by variant, and what the step has to do with them."""
    first = next(iter(data.values()))
    text = [
        f"(b) Largest Lyapunov exponent, {SKIPPED:g} < t < {first.attrs['t_max_lyapunov']:g}, "
        f"{first.sizes['trial']} couplings of N = {first.attrs['n_lyapunov']}: bars are standard "
        "deviations, errors below standard errors of the mean."
    ]
    for kappa in KAPPAS:
        rows = [f"{name}, {_row(values.sel(onsager=kappa))}" for name, values in data.items()]
        text.append(f"At κ = {kappa:g}: {'; '.join(rows)}.")
    if PRINTED in data:
        text.append(_broken(data[PRINTED].sel(onsager=1.0)))
    if CONVERGED in data:
        text.append(_descending(data[CONVERGED].sel(onsager=1.0)))
    if {PRINTED, CONVERGED} <= set(data):
        text.append(_differences(*(data[name].sel(onsager=1.0) for name in (PRINTED, CONVERGED))))
    return text


def _row(values: xr.Dataset) -> str:
    return ", ".join(
        f"{quoted(*mean_and_error(values.lyapunov.sel(g=gain)))} (g = {gain:g})"
        for gain in values.g.values
    )


def _broken(printed: xr.Dataset) -> str:
    said = [
        f"g = {gain:g}: Δt·λ_max = {PRINTED_STEP * float(part.stiffness.max()):.2f}, E rises in "
        f"{float(part.energy_rise_fraction.mean()):.0%} of the steps"
        for gain, part in ((gain, printed.sel(g=gain)) for gain in printed.g.values)
        if bool(part.unstable_step.any())
    ]
    if not said:
        return "The printed step follows the gradient flow at every gain shown."
    return (
        "Along −∇E the energy cannot rise, and Euler follows the flow only while "
        f"Δt·λ_max(Hess E) < 2. With the printed step this fails (crosses) at {'; '.join(said)}. "
        "The exponents there are those of the discrete map, not of the dynamics of Eq. 8."
    )


def _descending(converged: xr.Dataset) -> str:
    means = converged.lyapunov.mean("trial")
    top = float(means.g[int(means.argmax("g"))])
    stiffness = PRINTED_STEP * converged.stiffness.max("trial")
    rates = [f"{float(stiffness.sel(g=gain)):.2f} (g = {gain:g})" for gain in converged.g.values]
    return (
        f"With converged steps E rises in {float(converged.energy_rise_fraction.max()):.0%} of "
        f"the steps; the largest mean exponent at κ = 1 is "
        f"{quoted(*mean_and_error(converged.lyapunov.sel(g=top)))}, at g = {top:g}. Over a finite "
        "time a gradient flow that passes a saddle of E can have a small exponent of either sign. "
        f"On the flow itself {PRINTED_STEP:g}·λ_max reaches {', '.join(rates)}."
    )


def _differences(printed: xr.Dataset, converged: xr.Dataset) -> str:
    """Exponent of Euler minus that of the flow, by whether the step is stable."""
    said: dict[bool, list[str]] = {False: [], True: []}
    for gain in printed.g.values:
        pair = [part.sel(g=gain) for part in (printed, converged)]
        change = quoted(*mean_and_error(pair[0].lyapunov - pair[1].lyapunov))
        said[bool(pair[0].unstable_step.any())].append(f"{change} (g = {gain:g})")
    text = [
        f"{', '.join(found)} where the printed step {name}"
        for found, name in ((said[False], "is stable"), (said[True], "is not"))
        if found
    ]
    return f"λ(κ = 1), printed minus converged, same couplings: {'; '.join(text)}."
