"""[HH] Fig. 1: chaos frozen by the Onsager-reaction force, and how far the activities then move."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from meanfield import Switching
from meanfield.common import style
from meanfield.common.study import Part, Study, told

from ..integration import integrate
from ..observables import freezing, kept_states
from .protocol import PRINTED_STEP, STEPS, STEPS_TEXT, VARIANTS, network, step_facts, steps_text

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.figure import Figure

DYNAMICS = {0.0: r"vanilla, $\kappa = 0$", 1.0: r"OR, $\kappa = 1$"}


def moved(
    g: float,
    *,
    n: int = 1000,
    t_switch: float = 100.0,
    t_later: Sequence[float] = (200.0, 300.0),
    method: str = "auto",
    dt: float = 0.05,
    seed: int,
) -> dict[str, Any]:
    """Q of Eq. 11 for each κ and t′ from one chaotic state, and what the run at κ = 1 says.

    Parameters
    ----------
    t_switch : float
        Time up to which κ = 0.
    t_later : sequence of float
        Times t′, in increasing order.
    """
    J, x0 = network(n, g, seed)
    before = integrate(
        J, x0, t_max=t_switch, save_at=[t_switch - PRINTED_STEP], method=method, dt=dt
    )
    # The dynamics does not know the time: both go on from the same state at the switch.
    runs = [
        integrate(
            J, before.x_end, t_max=max(t_later) - t_switch, onsager=kappa,
            save_at=np.subtract(t_later, t_switch), method=method, dt=dt,
        )
        for kappa in DYNAMICS
    ]  # fmt: skip
    Q = [freezing(kept_states(before)[0], kept_states(run).T) for run in runs]
    return {
        "onsager": list(DYNAMICS),
        "t_later": list(t_later),
        "Q": told(("onsager", "t_later"), Q, "‖φ(x(t)) − φ(x(t′))‖², sum over neurons"),
        **step_facts(runs[-1]),
    }


def activity(
    *,
    n: int = 1000,
    g_shown: float = 3.0,
    t_switch: float = 100.0,
    t_later: Sequence[float] = (200.0, 300.0),
    n_shown: int = 7,
    method: str = "auto",
    dt: float = 0.05,
    seed: int,
) -> dict[str, Any]:
    """One network whose OR force is switched on."""
    J, x0 = network(n, g_shown, seed)
    end = max(t_later)
    run = integrate(
        J, x0, t_max=end, onsager=Switching([t_switch], [0, 1]),
        save_at=round(2 * end) + 1, method=method, dt=dt,
    )  # fmt: skip
    x = kept_states(run)[:, :n_shown]
    return {
        "t": run.t,
        "x": told(("t", "neuron"), x, "synaptic current, κ = 1 from t_switch"),
        "energy": told("t", run.energy, "E/N of that run"),
    }


def derive(data: xr.Dataset) -> xr.Dataset:
    """Add Q at the last t′ and the ratios that say whether the activities are frozen."""
    last = data.Q.isel(t_later=-1, drop=True)
    vanilla, regulated = (last.sel(onsager=kappa, drop=True) for kappa in DYNAMICS)
    early = data.Q.sel(onsager=1.0, drop=True).isel(t_later=0, drop=True)
    less, less_error = ratio(vanilla, regulated)
    more, more_error = ratio(regulated, early)
    return data.assign(
        Q_vanilla=vanilla.assign_attrs(long_name="Q at κ = 0 and the last t′"),
        Q_regulated=regulated.assign_attrs(long_name="Q at κ = 1 and the last t′"),
        vanilla_over_regulated=less.assign_attrs(long_name="ratio of these means"),
        vanilla_over_regulated_err=less_error,
        late_over_early=more.assign_attrs(long_name="means of Q at κ = 1, last t′ over first"),
        late_over_early_err=more_error,
    )


def ratio(above: xr.DataArray, below: xr.DataArray) -> tuple[xr.DataArray, xr.DataArray]:
    """Ratio of two means over the same replicates, and its standard error; nan for one of them."""
    scale = below.mean("replicate")
    quotient = above.mean("replicate") / scale
    # Errors of paired means: the scatter of what is left of one when the other is taken out.
    rest = above - quotient * below
    error = rest.std("replicate") / (rest.count("replicate") - 1) ** 0.5 / abs(scale)
    return quotient, error


def draw(data: xr.Dataset) -> Figure:
    """(a) activity, (b) Q against g."""
    figure, (left, right) = style.panels(1, 2, height=2.6)
    facts = data.attrs
    title = (
        rf"$N = {facts['n']}$, $g = {facts['g_shown']:g}$, $\gamma = 0$; "
        r"shaded: $\kappa = 1$"
    )
    style.activity(left, data.t, data.x, title, [(facts["t_switch"], float(data.t[-1]))])
    final = data.sizes["t_later"] - 1
    for row, (kappa, name) in enumerate(DYNAMICS.items()):
        for column, later in enumerate(data.t_later.values):
            values, colour = data.Q.sel(onsager=kappa, t_later=later), f"C{row}"
            # Side by side, lest the bars of one gain cover each other.
            right.errorbar(
                data.g + 0.03 * (column - final / 2), values.mean("replicate"),
                style.spread(values), color=colour, marker=style.MARKERS[row],
                ls="-" if column == final else ":", mfc=colour if column == final else "white",
                label=rf"{name}, $t' = {later:g}$",
            )  # fmt: skip
    bad = data.isel(g=data.unstable_step.any("replicate").values, t_later=-1).sel(onsager=1.0)
    right.plot(bad.g, bad.Q.mean("replicate"), **style.CROSS, ms=6, zorder=4)
    # Room for the legend above the bars.
    right.set_ylim(top=1.25 * right.get_ylim()[1])
    right.legend(loc="upper left", ncols=2)
    right.set(
        xlabel=r"gain $g$", ylabel=rf"$Q(t = {facts['t_switch'] - PRINTED_STEP:g},\, t')$",
        title=rf"{data.sizes['replicate']} couplings, mean ± s.d.; {steps_text(data)}",
    )  # fmt: skip
    return figure


HH1 = Study(
    name="hh1",
    source="[HH] Fig. 1",
    title="chaos frozen by the Onsager-reaction force: activity, and Q against g",
    parts=(Part(moved, ("g",), replicated=True), Part(activity)),
    draw=draw,
    derive=derive,
    text=f"""
(a) Activity of one network: κ = 0 up to the switch, and 1 from there. (b) Q of Eq. 11, how far φ(x)
of all neurons moves from t, one step of {PRINTED_STEP:g} before the switch, to t′ (hollow: all but
the last t′), against g. Vanilla (κ = 0) and OR (κ = 1) go on from the same states, and their ratio
says how much less the activities move with the OR force. From the first t′ to the last its Q would
not change if it were saturated. Bars are standard deviations over couplings, errors of the table
standard errors, those of ratios of paired means. {STEPS_TEXT}""",
    axes={"g": (1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0)},
    replicates=5,
    columns=("Q_vanilla", "Q_regulated", "vanilla_over_regulated", "late_over_early", *STEPS),
    presets={"quick": {"n": 300, "g": [1.0, 1.5, 2.0, 4.0], "trials": 3}, "paper": {}},
    variants=VARIANTS,
)
