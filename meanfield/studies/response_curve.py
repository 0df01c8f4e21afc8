"""`response_curve`: activity and integrated response of the steady state ([QH] Fig. 4)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from ..common import arguments, seeds, style
from ..common.arguments import ArgumentError, validated
from ..common.result import given
from ..common.study import Part, Study, told
from ..common.sweep import sweep
from ..dmft.sampler.ensemble import Ensemble
from ..dmft.steady_state import steady_state
from ..transfer import TransferFunction
from .phase_diagram import phase_diagram

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.figure import Figure

_LINE = 241
_NUMBERS = ["q", "q_err", "r_int", "r_int_err"]
_TEXTS = {
    "converged": "drift and window change within their errors",
    "method": "null, stationary or sampler, as in steady_state",
    "reason": "why it is not converged",
}


@validated
def response_curve(
    g: ArrayLike,
    gamma: ArrayLike,
    *,
    phi: str | TransferFunction = "tanh",
    root: str = "largest",
    seed: seeds.Seed | None = None,
    n_trajectories: int = 32_000,
    batches: int = 8,
    dt: float = 0.2,
    t_skip: float = 120.0,
    t_max: float = 360.0,
    window: float = 120.0,
    neglect: float = 1e-2,
    store: str | Path | None = None,
    workers: int | None = None,
    executor: Any = None,
    progress: bool = False,
) -> xr.Dataset:
    """C = q and R_int of `steady_state` against g for each γ, beside the static replica branch.

    Parameters
    ----------
    g, gamma : array_like
        Strictly increasing one-dimensional axes, or scalars.
    phi : str or TransferFunction
    root : {"largest", "smallest"}
        Which of several states, as in `steady_state`.
    seed : Seed, optional
        Every point draws from ``seeds.point(seed, 0, {"g": g, "gamma": gamma})``: a number of its
        own, whatever the other points of the grid and `workers`.  None takes a seed from the
        operating system, to be read from the attributes.
    n_trajectories : int
        Of the sampler, all batches together.
    batches : int
        Independent batches, the unit of the errors.
    dt : float
        Step.
    t_skip, t_max : float
    window : float
        Time after which the past is forgotten.
    neglect : float
        Share of a state below which a new direction of the couplings is not revealed.
    store, workers, executor
        As in `meanfield.sweep`.
    progress : bool
        Show a progress bar on a terminal.

    Returns
    -------
    xarray.Dataset
        Dimensions ``gamma`` and ``g``: `q`, `r_int` with errors, `converged`, `status`, `reason`,
        `method` and `seed` of each point; `Q_static`, `G_static` and `static_stable` of
        ``saddle_point(branch="static")``, which is null up to the critical gain and unstable
        beyond; `critical_gain` along ``gamma``.  A point that is not converged keeps its numbers,
        which still drift or depend on the window; they are nan where there are none.

    Raises
    ------
    ArgumentError
        If an axis is not increasing or an argument is outside its range.
    NotConvergedError, SamplerError
        If no point has a solution.

    Notes
    -----
    The arguments of the sampler are those of `steady_state`, with longer averages by default,
    because near the onset all is slow, and a longer step and larger `neglect`, which q and R_int
    allow; they are unused where nothing is sampled.  Just above the line the relaxation time
    diverges: points there need a longer `t_skip`, `t_max` and `window` than the rest, and say so in
    `reason`.

    Examples
    --------
    >>> from meanfield import response_curve
    >>> curve = response_curve([0.6, 1.1], [0.0, 0.5], n_trajectories=2048, batches=2, window=10,
    ...     t_skip=10, t_max=30, dt=0.2, neglect=1e-2, seed=0)
    >>> curve.method.values.tolist()
    [['null', 'stationary'], ['null', 'sampler']]
    >>> abs(float(curve.r_int.sel(g=0.6, gamma=0.5) - curve.G_static.sel(g=0.6, gamma=0.5))) < 1e-12
    True
    """
    facts = given(response_curve, locals())
    static = phase_diagram(g, gamma, branch="static", phi=phi)
    sampled = int(((static.gamma != 0) & (static.g > static.critical_gain)).sum())
    window = arguments.positive("window", window)
    Ensemble.checked(n_trajectories, batches, seed).afford(
        "t_max", arguments.positive("t_max", t_max), arguments.positive("dt", dt), 1,
        window=window, runs=sampled / (workers or 1),
    )  # fmt: skip
    controls: dict[str, Any] = {
        "root": root, "n_trajectories": n_trajectories, "batches": batches, "dt": dt,
        "t_skip": t_skip, "t_max": t_max, "window": window, "neglect": neglect,
    }  # fmt: skip
    curve = sweep(
        _point, {"gamma": static.gamma.values, "g": static.g.values}, seed=seed, store=store,
        workers=workers, executor=executor, progress=progress, throw=ArgumentError,
        label="response curve", phi=phi, **controls,
    )  # fmt: skip
    return curve.assign_coords(static.coords).assign(
        Q_static=static.Q,
        G_static=static.G,
        static_stable=static.stable,
        critical_gain=static.critical_gain,
    ).assign_attrs({**facts, "seed": curve.attrs["seed"]})  # fmt: skip


def _point(gamma: float, g: float, *, seed: int, **controls: Any) -> dict[Any, Any]:
    state = steady_state(g, gamma, seed=seed, **controls)
    facts = {name: told((), getattr(state, name), text) for name, text in _TEXTS.items()}
    drawn, text = state.attributes["seed"], "seed of steady_state here, empty without sampling"
    facts["seed"] = told((), "" if drawn is None else str(drawn), text)
    return {**state.to_dataset()[_NUMBERS].data_vars, **facts}


def with_static(curve: xr.Dataset) -> xr.Dataset:
    """The static branch on gains fine enough for a line, and what the curves say about the peak."""
    low, high = float(curve.g[0]), float(curve.g[-1])
    lines = curve.critical_gain
    inside = (lines > low) & (lines < high)
    gains = np.unique([*np.linspace(low, high, _LINE), *lines.values[inside]])
    static = phase_diagram(gains, curve.gamma.values, branch="static", phi=curve.attrs["phi"])
    static = static.rename(g="g_line")
    largest = curve.r_int.fillna(-np.inf).argmax("g")
    nearest = abs(curve.g - lines).argmin("g")
    beyond = (curve.g > lines) & curve.Q_static.notnull() & curve.q.notnull()
    peaks = {
        "r_int_largest": (curve.r_int.isel(g=largest), "largest R_int of the gains computed"),
        "r_int_largest_err": (curve.r_int_err.isel(g=largest), "its error"),
        "g_largest": (curve.g[largest], "gain where it is"),
        "g_nearest": (curve.g[nearest].where(inside), "gain computed next to the line, if inside"),
        "r_int_line": (1 / lines, "R_int on the line in theory, 1/g_c"),
        "n_beyond": (beyond.sum("g"), "gains beyond the line with C and the static branch"),
        "n_static_above": (
            ((curve.Q_static > curve.q) & beyond).sum("g"), "of them with Q of that branch above C"
        ),
        "n_converged": (curve.converged.sum("g"), "gains with a converged point"),
    }  # fmt: skip
    curve = curve.assign(Q_line=static.Q, G_line=static.G, stable_line=static.stable)
    return curve.assign(
        {name: told("gamma", values, text) for name, (values, text) in peaks.items()}
    )


def draw(data: xr.Dataset) -> Figure:
    """C = q and R_int against g, one colour a γ, and the static branch; g_c = 1/(1+γ) dotted."""
    figure, (left, right) = style.panels(1, 2, height=3)
    count = data.sizes["gamma"]
    for index, gamma in enumerate(data.gamma.values):
        part, colour = data.sel(gamma=gamma), style.shade(index, count)
        stable = part.stable_line.values
        # The dashes start at the last stable point.
        dashed = ~stable | np.append(~stable[1:], False)
        for axis, name, theory in ((left, "q", "Q_line"), (right, "r_int", "G_line")):
            for shown, dashes in ((stable, "-"), (dashed, "--")):
                axis.plot(data.g_line, part[theory].where(shown), dashes, color=colour)
            style.points(
                axis, data.g, part[name], part[f"{name}_err"], part.converged, index, count
            )
        marker = style.MARKERS[index % len(style.MARKERS)]
        left.plot([], [], marker, color=colour, label=rf"$\gamma = {gamma:g}$")
    for dashes, text in (("-", "static branch"), ("--", "static branch, unstable")):
        left.plot([], [], color="0.4", ls=dashes, label=text)
    for axis in (left, right):
        style.marks(axis, data.critical_gain, data.g, r"$g_c = 1/(1 + \gamma)$")
    if not data.converged.all():
        left.plot([], [], "o", color="0.4", mfc="white", label="not converged")
    left.legend(loc="upper left", frameon=True, edgecolor="none")
    left.set(xlabel=r"gain $g$", ylabel=r"correlation $C$")
    right.set(xlabel=r"gain $g$", ylabel=r"integrated response $R_{\mathrm{int}}$")
    return figure


RESPONSE_CURVE = Study(
    name="response-curve",
    source="[QH] Fig. 4",
    title="C and R_int of the dynamics across the transition",
    parts=(Part(response_curve, ("g", "gamma"), whole=True),),
    draw=draw,
    text="""
Mean square activity C and integrated response R_int of the stationary dynamics against g (points
with errors), and the static replica branch (lines, dashed where it is unstable). Theory: both
leave the null state at g_c(1+γ) = 1, where the response is 1+γ. In the null state and at γ = 0
the numbers are exact, elsewhere sampled. Hollow: points that still drift or depend on the
window; just above the line the relaxation time diverges.""",
    axes={
        "g": (0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 1.0, 1.05, 1.1),
        "gamma": (0.0, 0.2, 0.5),
    },
    columns=(
        "q", "r_int", "Q_static", "G_static", "converged", "method", "reason", "critical_gain",
        "r_int_line", "r_int_largest", "g_largest", "g_nearest", "n_beyond", "n_static_above",
        "n_converged",
    ),
    derive=with_static,
    presets={
        "quick": {
            "n_trajectories": 4096, "batches": 2, "t_skip": 20.0, "t_max": 60.0, "window": 20.0
        },
        "paper": {},
    },
    command="python -m meanfield response-curve",
)  # fmt: skip
