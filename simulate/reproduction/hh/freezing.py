"""[HH] Fig. 1: chaos frozen by the Onsager-reaction force, and how far the activities then move."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from meanfield import Switching
from meanfield.figures import common
from meanfield.transfer import Array

from ...integration import integrate
from ...network import State
from ...observables import freezing
from ...parallel import in_parallel
from ..definition import CONVERGED, PRINTED, PaperFigure
from .protocol import PRINTED_STEP, network, quoted, ratio_and_error, steps, steps_text

KAPPAS = (0.0, 1.0)
_SAVE_EVERY = 0.5
# For the legend above the bars.
_ROOM = 1.25


def compute(
    *,
    n: int,
    g_shown: float,
    g: Sequence[float],
    n_trials: int,
    t_switch: float,
    t_later: Sequence[float],
    n_shown: int,
    variant: str,
    seed: int,
    workers: int | None,
    progress: bool,
) -> xr.Dataset:
    """Activity of one network, and Q of Eq. 11 for every gain, coupling, κ and t′."""
    jobs = [
        partial(_moved, n, gain, t_switch, tuple(t_later), variant, seed, trial)
        for gain in g
        for trial in range(n_trials)
    ]
    found = list(in_parallel(jobs, workers, label="hh1", progress=progress))
    shape = (len(g), n_trials)
    moved = np.array([Q for Q, _, _ in found]).reshape(*shape, len(KAPPAS), len(t_later))
    rises = np.array([rise for _, rise, _ in found]).reshape(shape)
    rate = np.array([value for _, _, value in found]).reshape(shape)
    t, x, energy = _activity(n, g_shown, t_switch, max(t_later), n_shown, variant, seed)
    return xr.Dataset(
        {
            "x": (("t", "neuron"), x, {"long_name": "synaptic current, kappa on at t_switch"}),
            "energy": ("t", energy, {"long_name": "E/N of that run"}),
            "Q": (
                ("g", "trial", "onsager", "t_later"),
                moved,
                {"long_name": "|phi(x(t)) - phi(x(t'))|^2, sum over neurons"},
            ),
            "energy_rise_fraction": (("g", "trial"), rises, {"long_name": "of steps at kappa = 1"}),
            "stiffness": (("g", "trial"), rate, {"long_name": "largest rate met at kappa = 1"}),
        },
        {"t": t, "g": list(g), "onsager": list(KAPPAS), "t_later": list(t_later)},
        {"n": n, "g_shown": g_shown, "t_switch": t_switch, "t_before": t_switch - PRINTED_STEP},
    )


def _moved(
    n: int,
    g: float,
    t_switch: float,
    t_later: tuple[float, ...],
    variant: str,
    seed: int,
    trial: int,
) -> tuple[Array, float, float]:
    """Q (κ, t′) from one chaotic state, share of steps that raise E and largest rate at κ = 1."""
    J, x0 = network(n, g, seed, trial)
    before = integrate(J, x0, t_max=t_switch, save_at=[t_switch - PRINTED_STEP], **steps(variant))
    assert before.x is not None
    found = np.empty((len(KAPPAS), len(t_later)))
    for row, kappa in enumerate(KAPPAS):
        # The dynamics does not know the time: both go on from the same state at the switch.
        after = integrate(
            J,
            before.x_end,
            t_max=max(t_later) - t_switch,
            onsager=kappa,
            save_at=np.subtract(t_later, t_switch),
            **steps(variant),
        )
        assert after.x is not None
        found[row] = freezing(before.x[0], after.x.T)
    return found, after.energy_rise_fraction, after.stiffness


def _activity(
    n: int, g: float, t_switch: float, t_max: float, n_shown: int, variant: str, seed: int
) -> tuple[Array, State, Array]:
    J, x0 = network(n, g, seed, 0)
    run = integrate(
        J,
        x0,
        t_max=t_max,
        onsager=Switching([t_switch], [0, 1]),
        save_at=np.arange(0, t_max + _SAVE_EVERY / 2, _SAVE_EVERY),
        **steps(variant),
    )
    assert run.x is not None
    return run.t, run.x[:, :n_shown], run.energy


def draw(data: xr.Dataset) -> Figure:
    """(a) activity, (b) Q against g."""
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    left.plot(data.t, data.x, lw=0.8)
    left.axvspan(data.attrs["t_switch"], float(data.t[-1]), color="0.93", zorder=0)
    left.set_xlim(0, float(data.t[-1]))
    left.set_xlabel(r"time $t$")
    left.set_ylabel(r"activity $x_i(t)$")
    left.set_title(
        rf"(a) $N = {data.attrs['n']}$, $g = {data.attrs['g_shown']:g}$, $\gamma = 0$, "
        rf"$T = 0$; shaded: $\kappa = 1$"
    )
    names = (r"vanilla, $\kappa = 0$", r"OR, $\kappa = 1$")
    for row, (kappa, name) in enumerate(zip(data.onsager.values, names, strict=True)):
        for column, later in enumerate(data.t_later.values):
            values = data.Q.sel(onsager=kappa, t_later=later)
            last = column == data.sizes["t_later"] - 1
            # Side by side, lest the bars of one gain cover each other.
            shift = 0.03 * (column - (data.sizes["t_later"] - 1) / 2)
            right.errorbar(
                data.g + shift, values.mean("trial"), _spread(values), color=f"C{row}",
                marker=common.MARKERS[row], ls="-" if last else ":",
                mfc=f"C{row}" if last else "white", label=rf"{name}, $t' = {later:g}$",
            )  # fmt: skip
    right.set_xlabel(r"gain $g$")
    right.set_ylabel(rf"$Q(t = {data.attrs['t_before']:g},\, t')$")
    right.set_ylim(top=_ROOM * right.get_ylim()[1])
    right.legend(loc="upper left", ncols=2)
    right.set_title(rf"(b) {data.sizes['trial']} couplings, mean ± s.d.; {steps_text(data)}")
    return figure


def _spread(values: xr.DataArray) -> xr.DataArray:
    return values.std("trial", ddof=1 if values.sizes["trial"] > 1 else 0)


def caption(data: Mapping[str, xr.Dataset]) -> str:
    """How much less the activities move at κ = 1, and that they still do."""
    first = next(iter(data.values()))
    last = float(first.t_later[-1])
    text = [
        f"(a) Activity at g = {first.attrs['g_shown']:g}; κ jumps from 0 to 1 at "
        f"t = {first.attrs['t_switch']:g}. (b) Q of Eq. 11, a sum over N = {first.attrs['n']} "
        f"neurons, from t = {first.attrs['t_before']:g}, one step of {PRINTED_STEP:g} before the "
        f"switch, to t′ = {last:g} (filled) and earlier (hollow). Vanilla and OR go on from the "
        f"same states; mean and standard deviation over {first.sizes['trial']} couplings, as in "
        "the paper; the ratios below are of means, with standard errors."
    ]
    for variant, values in data.items():
        text.append(f"{variant.capitalize()}, t′ = {last:g}: {_table(values.sel(t_later=last))}.")
    if first.sizes["t_later"] > 1:
        text += [_growth(values, variant) for variant, values in data.items()]
    if PRINTED in data:
        text.append(_step(data[PRINTED]))
    if {CONVERGED, PRINTED} <= set(data):
        text.append(_agreement(data[CONVERGED], data[PRINTED]))
    return " ".join(text)


def _table(values: xr.Dataset) -> str:
    rows = []
    for gain in values.g.values:
        vanilla, regulated = (values.Q.sel(g=gain, onsager=kappa) for kappa in KAPPAS)
        rows.append(
            f"g = {gain:g}: vanilla {float(vanilla.mean()):.3g} ± {float(_spread(vanilla)):.3g}, "
            f"OR {float(regulated.mean()):.3g} ± {float(_spread(regulated)):.3g}, "
            f"ratio {quoted(*ratio_and_error(vanilla, regulated))}"
        )
    return "; ".join(rows)


def _growth(values: xr.Dataset, variant: str) -> str:
    early, late = (values.t_later.values[k] for k in (0, -1))
    moved = values.Q.sel(onsager=1.0)
    ratios = [
        f"{quoted(*ratio_and_error(part.sel(t_later=late), part.sel(t_later=early)))} "
        f"at g = {float(part.g):g}"
        for part in (moved.sel(g=gain) for gain in values.g.values)
    ]
    return (
        f"Q(t′ = {late:g})/Q(t′ = {early:g}) of the OR dynamics, {variant}, is "
        f"{', '.join(ratios)}: above 1, Q is not saturated in t′."
    )


def _step(values: xr.Dataset) -> str:
    rate, rise = float(values.stiffness.max()), float(values.energy_rise_fraction.max())
    return (
        f"Along the printed runs at κ = 1 Δt·λ_max(Hess E) is at most {PRINTED_STEP * rate:.2f}, "
        f"where Euler needs less than 2, and E rises in at most {rise:.1%} of the steps."
    )


def _agreement(converged: xr.Dataset, printed: xr.Dataset) -> str:
    late = {"t_later": converged.t_later.values[-1], "onsager": 1.0}
    pairs = []
    for gain in converged.g.values:
        both = (part.Q.sel(g=gain, **late) for part in (printed, converged))
        pairs.append(f"{quoted(*ratio_and_error(*both))} at g = {gain:g}")
    return (
        "Orbits of the two integrations part in chaos, so only their statistics can be compared: "
        f"Q at κ = 1, printed over converged, is {', '.join(pairs)}."
    )


FIGURE = PaperFigure(
    key="hh1",
    source="[HH] Fig. 1",
    title="chaos frozen by the Onsager-reaction force: activity, and Q against g",
    compute=compute,
    draw=draw,
    caption=caption,
    scales={
        "quick": {
            "n": 300,
            "g_shown": 3.0,
            "g": [1.0, 1.5, 2.0, 4.0],
            "n_trials": 3,
            "t_switch": 100.0,
            "t_later": [200.0, 300.0],
            "n_shown": 7,
        },
        "paper": {
            "n": 1000,
            "g_shown": 3.0,
            "g": [1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0],
            "n_trials": 5,
            "t_switch": 100.0,
            "t_later": [200.0, 300.0],
            "n_shown": 7,
        },
    },
    variants=(CONVERGED, PRINTED),
)
