"""[HH] Fig. 2b: the largest Lyapunov exponent against g, vanilla and with the OR force."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

import xarray as xr
from matplotlib.axes import Axes

from meanfield import seeds
from meanfield.figures import common

from ...couplings import elliptic
from ...lyapunov import LyapunovExponent, maximal_lyapunov
from ...parallel import in_parallel
from ..definition import CONVERGED, PRINTED
from ..grids import gathered, spread
from ..text import NONE, averaged, deviations_said, table
from .protocol import PRINTED_STEP, STEP_HEAD, broken, broken_said, step_cells, steps, unstable

KAPPAS = (0.0, 1.0)
# [HH] Algorithm 1: δ, and the time of its first 2000 steps.
_DELTA, SKIPPED = 1e-5, 2000 * PRINTED_STEP
# Of the picture: half height of the inset; smallest upper limit, and depth below zero in its units.
_CLOSE, _LOWEST_TOP, _BELOW = 0.09, 1.6, 0.45


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
    on_grid = partial(gathered, {"onsager": len(KAPPAS), "g": len(g), "trial": n_trials})
    return xr.Dataset(
        {
            "lyapunov": on_grid([float(run.value) for run in found]),
            "stderr": on_grid([float(run.stderr) for run in found]),
            "stiffness": on_grid([run.stiffness for run in found]),
            "energy_rise_fraction": on_grid([run.energy_rise_fraction for run in found]),
            "unstable_step": on_grid([unstable(run) for run in found]),
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
        bad = part.unstable_step.any("trial").values
        for panel in (axis, inset):
            panel.errorbar(
                part.g, mean, spread(part.lyapunov), color=f"C{row}", marker=common.MARKERS[row],
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


def exponents_said(data: Mapping[str, xr.Dataset]) -> str:
    """How large the exponents are, and where the step has made them."""
    tops = [
        ", ".join(f"{_top(values.sel(onsager=kappa))} ({name})" for name, values in data.items())
        + f" at κ = {kappa:g}"
        for kappa in KAPPAS
    ]
    said = [
        f"(b) Largest Lyapunov exponent λ against g: the highest mean is {', and '.join(tops)}."
    ]
    if PRINTED in data:
        regulated = data[PRINTED].sel(onsager=1.0)
        said.append(broken_said(regulated, mark=" (crosses)"))
        if broken(regulated):
            said.append("The printed exponents there are those of the discrete map, not of Eq. 8.")
    return " ".join(said)


def _top(values: xr.Dataset) -> str:
    means = values.lyapunov.mean("trial")
    gain = float(means.g[int(means.argmax("g"))])
    return f"{averaged(values.lyapunov.sel(g=gain))} at g = {gain:g}"


def exponents_table(data: Mapping[str, xr.Dataset]) -> str:
    """The exponents of both dynamics by variant, with the change that the printed step makes."""
    both = {CONVERGED, PRINTED} <= set(data)
    head = ["g", "steps", *(f"λ, κ = {kappa:g}" for kappa in KAPPAS)]
    head += ["κ = 1, printed − converged"] * both
    rows = []
    for gain in next(iter(data.values())).g.values:
        for name, values in data.items():
            part = values.sel(g=gain)
            regulated = part.sel(onsager=1.0)
            row = [f"{gain:g}", name]
            row += [averaged(part.lyapunov.sel(onsager=kappa)) for kappa in KAPPAS]
            if both:
                exact = data[CONVERGED].lyapunov.sel(g=gain, onsager=1.0)
                change = averaged(regulated.lyapunov - exact)
                row.append(NONE if name == CONVERGED else change)
            rows.append(row + step_cells(regulated))
    return table([*head, *STEP_HEAD], rows)


def exponents_meaning(data: xr.Dataset) -> str:
    """What the exponents are."""
    said = [
        f"λ: largest Lyapunov exponent, {SKIPPED:g} < t < {data.attrs['t_max_lyapunov']:g}, "
        f"N = {data.attrs['n_lyapunov']}, the same couplings for all.",
        deviations_said(data.sizes["trial"]),
        "Over a finite time a gradient flow that passes a saddle of E can have a small exponent of "
        "either sign.",
    ]
    return " ".join(filter(None, said))
