"""`python -m simulate run`: one network in time ([HH] Figs. 1–3, 7)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from meanfield import SampledInput, Switching, transfer_function
from meanfield.common import arguments, cost, seeds, style
from meanfield.common.arguments import ArgumentError, Array
from meanfield.common.options import Couplings
from meanfield.common.study import Part, Study, told
from meanfield.schedule import Schedule, breakpoints, step_times

from ..integration import integrate
from .protocol import STEPS, check_columns, couplings_text, make_bias, make_couplings, step_facts

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.figure import Figure

_GAIN = 3.0
_FREEZE = Switching([100.0], [0.0, 1.0])


def run(
    *,
    couplings: Couplings = "elliptic",
    n: int = 1000,
    g: float | None = None,
    gamma: float | None = None,
    phi: str = "tanh",
    bias: float = 0.0,
    bias_std: float = 0.0,
    onsager: Schedule = _FREEZE,
    temperature: Schedule = 0.0,
    inputs: SampledInput | None = None,
    t_max: float = 300.0,
    method: str = "auto",
    dt: float = 0.05,
    tol: float = 1e-4,
    eta: float = 0.0,
    save_step: float = 0.5,
    n_shown: int = 10,
    threads: int | None = None,
    seed: int,
    progress: bool = False,
) -> xr.Dataset:
    """Integrate one network: activity, kinetic energy and freezing in time.

    Parameters
    ----------
    couplings : {"elliptic", "dale-inhibitory", "dale-balanced", "dale-excitatory", "lazy"} or file
        Ensemble; the E–I networks are those of [HH] Fig. 6, lazy is matrix-free, for very large n.
        Or a matrix, a row a neuron, .npy or .npz of scipy.sparse, on which g is a factor.
    g : float
        Gain, not of E–I networks.  [default: 3]
    gamma : float
        Symmetry, likewise.  [default: 0]
    onsager : Schedule
        κ: a number, or VALUE,VALUE@TIME,…: 0,1@100 switches the gradient flow on.
    temperature : Schedule
        T, written like κ.
    inputs : SampledInput
        Input S(t) from a file of samples so far apart, .npy or text, a number a row or n of them,
        one a neuron; FILE@STEP:held to hold them.
    method : {"auto", "euler", "heun", "rk4", "tsitouras", "verner", "damped", \
    "exponential", "exponential4", "leimkuhler-matthews", "chebyshev"}
        Scheme; "euler" with dt 0.01 is the choice of [HH].
    tol : float
        Error of an adaptive step (methods auto, tsitouras, verner, damped, chebyshev).
    n_shown : int
        How many neurons to save and draw.
    threads : int
        BLAS threads.  [default: 1]
    """
    check_columns(inputs, n)
    J, noted = make_couplings(couplings, n, g, gamma, seed, usual=_GAIN)
    t_max, dt = arguments.positive("t_max", t_max), arguments.positive("dt", dt)
    save_step = arguments.positive("save_step", save_step)
    if save_step > t_max:
        raise ArgumentError(f"save_step={save_step:g}: longer than t_max={t_max:g}")
    times: Array
    if callable(temperature) or temperature > 0:
        # Noisy runs are known at their steps only.
        cost.check("t_max", t_max, "raise dt", numbers=t_max / dt)
        segments = breakpoints(t_max, onsager, temperature, inputs)
        times = step_times(segments, dt, max(1, round(save_step / dt)))
    else:
        count = cost.whole("t_max", t_max, np.ceil(t_max / save_step - 1e-9), "raise save_step")
        times = np.append(save_step * np.arange(count, dtype=np.float64), t_max)
    function = transfer_function(phi)
    before: list[Any] = []

    def displacement(t: float, x: Any, f: Any) -> Any:
        """|φ(t) − φ(t − Δ)|²/N since the last saved time: [HH] Eq. 11 per neuron."""
        now = function(x)
        last = before.pop() if before else now
        before.append(now)
        return np.mean((now - last) ** 2)

    path = integrate(
        J, seeds.generator(seed, "start").standard_normal(n), t_max=t_max, dt=dt, onsager=onsager,
        temperature=temperature, inputs=inputs, method=method, tol=tol, save_at=times,
        store_states=False, eta=eta, bias=make_bias(n, bias, bias_std, seed), phi=phi, seed=seed,
        observables={"activity": lambda t, x, f: x[:n_shown], "freezing": displacement},
        threads=threads, progress=progress,
    )  # fmt: skip
    data = path.to_dataset().drop_vars("x_end").rename(activity_0="neuron", activity="x")
    kappa = [onsager(float(t)) if callable(onsager) else onsager for t in times]
    moved = data.freezing.values[[1, -1]]
    return data.assign(
        onsager=told("t", kappa, "κ"),
        energy_end=told("end", path.energy[[0, -1]], "E/N"),
        freezing_end=told("end", moved, "Q/N between saved times"),
        end=["first", "last"],
        status=told((), path.status, "flagged where the step was too long"),
        n_steps=path.n_steps,
        n_evaluations=told((), path.n_evaluations, "evaluations of f or ∇E"),
        largest_stable_dt=told((), path.largest_stable_dt, "largest stable step"),
        **step_facts(path),
    ).assign_attrs(noted)


def draw(data: xr.Dataset) -> Figure:
    """Activity, E/N and the displacement Q/N in time; the Onsager-reaction force shaded."""
    figure, axes = style.panels(3, height=4, width=style.WIDE, sharex=True, height_ratios=(2, 1, 1))
    above, middle, below = axes
    title = f"{couplings_text(data)}, {data.scheme.item()}"
    if (data.onsager > 0).any():
        title += r"; shaded: $\kappa > 0$"
        for axis in axes:
            axis.fill_between(
                data.t, 0, 1, where=data.onsager.values > 0, step="post",
                transform=axis.get_xaxis_transform(), color=style.SECOND, alpha=0.15, lw=0,
            )  # fmt: skip
    above.plot(data.t, data.x, lw=0.7)
    above.set(ylabel=r"activity $x_i(t)$", title=title)
    moved = data.freezing.where(data.freezing > 0)
    for axis, values, label in (
        (middle, data.energy, r"$E/N$"),
        (below, moved, r"$Q(t - \Delta, t)/N$"),
    ):
        axis.plot(data.t, values, color=style.MAIN)
        axis.set(ylabel=label)
        if (values > 0).any():
            # No more numbers than there is room for.
            axis.set_yscale("log", subs=[3])
    below.set(xlabel=r"time $t$", xlim=(data.t[0], data.t[-1]))
    if data.unstable_step:
        above.text(
            0.01, 0.02, "step too long: what is seen is the step, not the flow",
            transform=above.transAxes, color=style.ALARM,
        )  # fmt: skip
    return figure


RUN = Study(
    name="run",
    source="[HH] Figs. 1–3, 7",
    title="one network in time",
    parts=(Part(run, whole=True),),
    draw=draw,
    text="""
Activity x of some neurons, kinetic energy E/N, and how far φ moves between saved times, Q/N
([HH] Eq. 11 per neuron); shaded where κ > 0. With κ = 1 the flow is −∇E, along which E never rises.
A step that is too long shows itself in the status.""",
    columns=(
        "status", "scheme", "n_steps", "n_evaluations", "largest_stable_dt", *STEPS, "energy_end",
        "freezing_end",
    ),
    command="python -m simulate run",
)  # fmt: skip
