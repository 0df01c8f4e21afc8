"""[HH] Fig. 3: activity at κ = 1 and the eigenvalues of the Jacobian at its end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from meanfield.common import style
from meanfield.common.arguments import Array
from meanfield.common.study import Part, Study, told

from ..dynamics import jacobian
from ..integration import integrate
from ..observables import kept_states
from .protocol import STEPS, STEPS_TEXT, VARIANTS, network, step_facts, steps_text

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def spectrum(
    g: float,
    *,
    n: int = 1000,
    t_max: float = 100.0,
    n_shown: int = 7,
    method: str = "auto",
    dt: float = 0.05,
    seed: int,
) -> dict[str, Any]:
    """Flow of one network at κ = 1, and the eigenvalues of the Jacobian at its end."""
    J, x0 = network(n, g, seed)
    run = integrate(
        J, x0, t_max=t_max, onsager=1.0, method=method, dt=dt,
        save_at=max(1, round(2 * t_max)) + 1,
    )  # fmt: skip
    # Symmetric at κ = 1, for the states of Euler as well: real eigenvalues.
    mu = np.linalg.eigvalsh(jacobian(run.x_end, J, onsager=1.0))
    # What grows less than e-fold within the run is no instability that the run can show.
    rounding, slow = n * np.finfo(float).eps * abs(mu).max(), 1 / t_max
    return {
        "t": run.t,
        "x": (("t", "neuron"), kept_states(run)[:, :n_shown]),
        "energy": told("t", run.energy, "E/N"),
        "eigenvalues": ("mode", mu),
        "mu_largest": told((), mu.max(), "largest μ at the end"),
        "mu_lowest": told((), mu.min(), "lowest μ at the end", reduce="min"),
        "positive_share": told((), (mu > rounding).mean(), "share μ > rounding"),
        "unstable_share": told((), (mu > slow).mean(), "share μ > 1/t at the end"),
        "energy_end": told((), run.energy[-1], "E/N at the end"),
        **step_facts(run),
    }


def draw(data: xr.Dataset) -> Figure:
    """Activity of the first coupling and histogram of the eigenvalues of all, one row a gain."""
    count, facts = data.sizes["g"], data.attrs
    figure, panels = style.panels(count, 2, height=2.1 * count, squeeze=False)
    for (left, right), gain in zip(panels, data.g.values, strict=True):
        part = data.sel(g=gain)
        shown = part.isel(replicate=0)
        title = (
            rf"$g = {gain:g}$, $N = {facts['n']}$, $\gamma = 0$, $\kappa = 1$; "
            f"{steps_text(data)}"
        )
        style.activity(left, data.t, shown.x, title)
        if shown.unstable_step:
            left.text(
                0.02, 0.03, rf"step too long: $E$ rises in "
                rf"{100 * float(shown.energy_rise_fraction):.0f} % of the steps",
                transform=left.transAxes, color=style.ALARM,
                bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 1},
            )  # fmt: skip
        _histogram(right, part.eigenvalues.values, 1 / facts["t_max"])
        right.set_title(
            rf"$t = {facts['t_max']:g}$, {data.sizes['replicate']} couplings; "
            rf"{100 * float(part.unstable_share.mean()):.2g} % with $\mu > 1/t$"
        )
    return figure


def _histogram(axis: Axes, values: Array, slow: float) -> None:
    values = values[np.isfinite(values)]
    if not values.size:
        return  # No run of this gain has an end.
    width = (values.max() - values.min()) / 60
    # Zero is the edge of a bin.
    first, last = np.floor(values.min() / width), np.ceil(max(values.max(), 0.0) / width)
    groups = {r"$\mu \leq 1/t$": values[values <= slow], r"$\mu > 1/t$": values[values > slow]}
    shown = {label: group for label, group in groups.items() if group.size}
    axis.hist(
        list(shown.values()), width * np.arange(first, last + 1), stacked=True, density=True,
        color=["C0", "C1"][: len(shown)], label=list(shown),
    )  # fmt: skip
    axis.axvline(0, color="0.4", lw=0.8)
    axis.legend(loc="upper left")
    axis.set(yscale="log", xlabel=r"eigenvalue $\mu$ of $\partial F/\partial x$", ylabel="density")


HH3 = Study(
    name="hh3",
    source="[HH] Fig. 3",
    title="activity at κ = 1 and spectrum of the Jacobian at its end",
    parts=(Part(spectrum, ("g",), replicated=True),),
    draw=draw,
    text=f"""
Gradient flow, κ = 1, from x ~ N(0, 1): activity of one network at each gain, and density of the
eigenvalues μ of the Jacobian at the end of the runs with all couplings, real as it is −Hess E.
Directions with μ below 1/t grow by less than e within the run: they are slow modes of a flow that
has not ended; the picture shows those above it in the second colour. Where the step is too long the
spectra are those of other states: compare E/N. Rounding is N·ε·max|μ|. Errors are standard errors
over couplings. {STEPS_TEXT}""",
    axes={"g": (2.0, 10.0)},
    replicates=5,
    columns=(
        "mu_largest", "positive_share", "unstable_share", "mu_lowest", "energy_end", *STEPS
    ),
    presets={"quick": {"n": 300, "trials": 3}, "paper": {}},
    variants=VARIANTS,
)  # fmt: skip
