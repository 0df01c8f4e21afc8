"""Where dynamics and replica theory meet: κ = 1 with noise samples exp(−βE)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy
from numpy.typing import ArrayLike

from ..common import arguments, style
from ..common.arguments import ArgumentError
from ..common.study import Part, Study, told
from ..common.sweep import sweep
from ..dmft.steady_state import steady_state
from ..replica.solver import saddle_point

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.figure import Figure

# Compared, under the same name in both theories.
_NUMBERS = {
    "q": "mean square activity",
    "energy": "quasi-potential per neuron",
    "x2": "mean square of x",
    "sigma_xphi": "covariance of x and phi",
    "r": "response, -beta <f phi>",
}


def bridge(
    g: ArrayLike,
    gamma: ArrayLike,
    beta: ArrayLike,
    *,
    n_trajectories: int | None = None,
    batches: int | None = None,
    t_skip: float | None = None,
    t_max: float | None = None,
    window: float | None = None,
    dt: float | None = None,
    phi: str = "tanh",
    seed: int | None = None,
    workers: int | None = None,
    executor: Any = None,
    store: str | Path | None = None,
    progress: bool = False,
) -> xr.Dataset:
    """Equilibrium of the dynamics at κ = 1, T = 1/β beside the paramagnetic branch.

    Parameters
    ----------
    window : float
        Where the lags end, in time constants.
    """
    arguments.gain(g), arguments.symmetry(gamma)
    if np.any(np.isinf(arguments.inverse_temperature(beta))):
        raise ArgumentError("beta=inf: must be finite, the dynamics has noise")
    return sweep(
        _point, {"gamma": gamma, "g": g, "beta": beta}, seed=seed, workers=workers,
        executor=executor, store=store, progress=progress, throw=ArgumentError,
        label="equilibrium", n_trajectories=n_trajectories, batches=batches, t_skip=t_skip,
        t_max=t_max, window=window, dt=dt, phi=phi,
    )  # fmt: skip


def _point(
    g: float, gamma: float, beta: float, *, phi: str, seed: int, **how: Any
) -> dict[str, Any]:
    state = steady_state(g, gamma, onsager=1.0, temperature=1 / beta, phi=phi, seed=seed, **how)
    replica, ordered = (
        saddle_point(g, gamma, beta=beta, branch=branch, phi=phi, throw=False)
        for branch in ("paramagnetic", "ordered")
    )
    measured = {name: (getattr(state, name), getattr(state, f"{name}_err"))
                for name in ("q", "energy", "x2", "sigma_xphi")}  # fmt: skip
    measured["r"] = (-beta * state.force_phi, beta * state.force_phi_err)
    data: dict[str, Any] = {}
    for name, text in _NUMBERS.items():
        value, err = measured[name]
        expected = float(getattr(replica, name))
        data |= {
            name: told((), value, f"{text}, dynamics"),
            f"{name}_err": told((), err, f"standard error of {name}"),
            f"{name}_replica": told((), expected, f"{text}, replica theory"),
            f"{name}_z": told((), (value - expected) / err, f"difference in {name} in its errors"),
        }
    # Fluctuation and dissipation, integrated from 0 to τ.
    response = scipy.integrate.cumulative_trapezoid(state.R, state.tau, initial=0)
    lost = beta * (state.phi_x[0] - state.phi_x)
    width = beta * np.hypot(state.phi_x_err, state.phi_x_err[0])
    last = float(np.hypot(state.r_int_pulse_err, width[-1]))
    lag = {"units": "time constant"}
    return data | {
        "tau": told("lag", state.tau, "time lag", **lag),
        "C": told("lag", state.C, "autocorrelation of phi"),
        "response": told("lag", response, "integral of R up to the lag"),
        "fluctuation": told("lag", lost, "beta (<phi x>(0) - <phi x>(tau))"),
        "fluctuation_err": told("lag", width, "bound of its error"),
        "relation_z": told(
            (), float(response[-1] - lost[-1]) / last, "response minus fluctuation, in its errors"
        ),
        "stable": told((), bool(replica.stable), "whether the paramagnetic branch is stable"),
        "q_ordered": told((), float(ordered.q), "q of the ordered branch, replica symmetric"),
        "Q_ordered": told((), float(ordered.Q), "Q of the ordered branch, replica symmetric"),
        "plateau": told((), state.C[-1], "C at the last lag"),
        "plateau_err": told((), state.C_err[-1], "standard error of plateau"),
        "reason": told((), state.reason, "why it has not converged"),
    }  # fmt: skip


def draw(data: xr.Dataset) -> dict[str, Figure]:
    """Both theories beside each other, and fluctuation against response at every lag."""
    figure, axes = style.panels(1, 3, height=2.5)
    points = data.stack(point=("gamma", "g", "beta"))
    for axis, name, label in zip(axes, ("q", "energy", "r"), ("$q$", "$E/N$", "$r$"), strict=True):
        axis.errorbar(
            points[f"{name}_replica"], points[name], points[f"{name}_err"], fmt="o",
            color=style.shade(0, 2),
        )  # fmt: skip
        ends = [float(points[f"{name}_replica"].min()), float(points[f"{name}_replica"].max())]
        axis.plot(ends, ends, color="0.6", lw=0.8)
        axis.set(xlabel=f"{label}, replica theory", ylabel=f"{label}, dynamics")
        axis.locator_params(axis="x", nbins=4)
    relation, (axis, decay) = style.panels(1, 2, height=2.8)
    total = points.sizes["point"]
    for k in range(total):
        one = points.isel(point=k)
        gamma, g, beta = (float(one[name]) for name in ("gamma", "g", "beta"))
        axis.plot(
            one.fluctuation, one.response, color=style.shade(k, total),
            label=rf"$g={g:g}, \gamma={gamma:g}, \beta={beta:g}$" if total <= 8 else None,
        )  # fmt: skip
        low, high = (one.fluctuation + sign * one.fluctuation_err for sign in (-1, 1))
        axis.fill_betweenx(one.response, low, high, color=style.shade(k, total), alpha=0.25, lw=0)
        decay.plot(one.tau, one.C / one.C[0], color=style.shade(k, total))
        if not one.stable:
            decay.axhline(
                float(one.Q_ordered / one.q_ordered), color=style.shade(k, total), lw=1, ls="--"
            )
    top = float(points.response.max())
    axis.plot([0, top], [0, top], color="0.6", lw=0.8)
    axis.set(
        xlabel=r"$\beta[\langle\varphi x\rangle(0) - \langle\varphi x\rangle(\tau)]$",
        ylabel=r"$\int_0^\tau R$",
    )
    decay.set(xlabel=r"$\tau$", ylabel=r"$C(\tau)/C(0)$")
    if not points.stable.all():
        decay.set_title(r"dashed: $Q/q$ of the ordered branch")
    if total <= 8:
        axis.legend()
    return {"equilibrium": figure, "fluctuation-dissipation": relation}


EQUILIBRIUM = Study(
    name="equilibrium",
    source="[QH] Fig. 5, its dynamics",
    title="the equilibrium of the noisy dynamics at κ = 1 against the replica theory",
    parts=(Part(bridge, ("g", "gamma", "beta"), whole=True),),
    draw=draw,
    text="""
With the whole Onsager-reaction force (κ = 1) and white noise of temperature T the network relaxes
to exp(−βE), β = 1/T. Mean square activity, energy and response of its dynamical mean-field theory
are those of the paramagnetic branch of the replica theory, where that is stable; and the response
to a field up to the time τ is β times what the correlation ⟨φ(τ)x(0)⟩ has lost by then
(fluctuation and dissipation), βσ_xφ in all: the dynamic meaning of σ_xφ in [QH] Fig. 5. Where the
paramagnetic branch is unstable (γ < 0, β > β_SG) C(τ) falls slowly, and the state is flagged where
it is slower than the run; dashed the Q/q of the ordered branch, its plateau at equilibrium.""",
    axes={"g": (0.8, 1.3), "gamma": (0.0, 0.4), "beta": (1.0, 2.5)},
    columns=(
        "q", "q_replica", "q_z", "energy", "energy_replica", "energy_z", "x2_z", "r_z",
        "relation_z", "status", "reason",
    ),
    command="python -m meanfield equilibrium",
)  # fmt: skip
