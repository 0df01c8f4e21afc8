"""[HH] Fig. 2: exponents against g; the OR force switched on and off; spectra at two moments."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from meanfield import SampledInput, Switching
from meanfield.common import style
from meanfield.common.options import Couplings
from meanfield.common.study import CONVERGED, PRINTED, Part, Study, told
from meanfield.studies.lyapunov import closed_line

from ..dynamics import jacobian
from ..integration import integrate
from ..lyapunov import maximal_lyapunov
from ..observables import state_at
from .protocol import (
    STEPS,
    STEPS_TEXT,
    VARIANTS,
    check_columns,
    make_bias,
    make_couplings,
    network,
    step_facts,
    steps_text,
    symmetry_text,
    whose_text,
)

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# κ of the three phases of (a) and of (c), and the save times of each.
SCHEDULES = {"off-on-off": (0.0, 1.0, 0.0), "on-off-on": (1.0, 0.0, 1.0)}
_SAVES = 200
# (d): x in the chaotic and o in the frozen phase of (a), at this part of them.
_MOMENTS, _PLACE = {"chaotic": "x", "frozen": "o"}, 0.9


def exponent(
    g: float,
    onsager: float,
    *,
    couplings: Couplings = "elliptic",
    n: int = 1000,
    gamma: float = 0.0,
    t_max: float = 100.0,
    t_skip: float = 20.0,
    algorithm: str = "tangent",
    method: str = "auto",
    dt: float | None = None,
    tol: float = 1e-4,
    phi: str = "tanh",
    bias: float = 0.0,
    bias_std: float = 0.0,
    temperature: float = 0.0,
    inputs: SampledInput | None = None,
    threads: int | None = None,
    seed: int,
) -> dict[str, Any]:
    """Largest Lyapunov exponent of one network, with what its run says about the step.

    Parameters
    ----------
    algorithm : {"tangent", "orbit_separation"}
        Tangent map, or Algorithm 1 of [HH].
    inputs : SampledInput
        Input S(t) from a file of samples so far apart, .npy or text, a number a row or n of them,
        one a neuron; FILE@STEP:held to hold them.
    """
    check_columns(inputs, n)
    rate = maximal_lyapunov(
        make_couplings(couplings, n, g, gamma, seed)[0], onsager=onsager, dt=dt, t_max=t_max,
        t_skip=t_skip,
        method=method, algorithm=algorithm, tol=tol, bias=make_bias(n, bias, bias_std, seed),
        temperature=temperature, inputs=inputs, phi=phi, seed=seed, threads=threads,
    )  # fmt: skip
    return {
        "lyapunov": told((), float(rate.value), "largest Lyapunov exponent λ"),
        "lyapunov_err": told((), float(rate.value_err), "its error over time"),
        **step_facts(rate),
    }


def with_theory(data: xr.Dataset) -> xr.Dataset:
    """The exponent of vanilla networks as N → ∞, where the theory is closed."""
    facts = data.attrs
    known = facts["couplings"] == "elliptic" and facts.get("inputs") is None
    data = closed_line(
        data, facts["gamma"] if known else np.nan, onsager=0.0, phi=facts["phi"],
        temperature=facts["temperature"], bias_mean=facts["bias"], bias_std=facts["bias_std"],
        mean_coupling=0.0,
    )  # fmt: skip
    theory = data.lyapunov_line.isel(gamma_line=0, drop=True).sel(g_line=data.g).drop_vars("g_line")
    theory = theory.where(data.onsager == 0).transpose("onsager", "g")
    return data.assign(lyapunov_theory=theory.assign_attrs(long_name="λ for N → ∞, κ = 0"))


def draw_exponents(data: xr.Dataset) -> Figure:
    """λ against g, one curve a κ; crosses where the step is too long."""
    figure, axis = style.panels(height=2.7)
    title = rf"$N = {data.attrs['n']}$, {whose_text(data)}; {steps_text(data)}"
    _draw_exponents(axis, data, title)
    return figure


def _draw_exponents(axis: Axes, data: xr.Dataset, title: str) -> None:
    axis.plot(
        data.g_line, data.lyapunov_line.isel(gamma_line=0), color="0.3", lw=0.8,
        label=r"$\kappa = 0$, $N \to \infty$",
    )  # fmt: skip
    for row, kappa in enumerate(data.onsager.values):
        part = data.sel(onsager=kappa)
        mean, bad = part.lyapunov.mean("replicate"), part.unstable_step.any("replicate").values
        single = part.sizes["replicate"] == 1
        error = part.lyapunov_err.isel(replicate=0) if single else style.spread(part.lyapunov)
        axis.errorbar(
            part.g, mean, error, color=f"C{row}", marker=style.MARKERS[row % 5],
            ls=style.DASHES[1 + row % 3], lw=0.8, label=rf"$\kappa = {kappa:g}$",
        )  # fmt: skip
        if bad.any():
            axis.plot(part.g[bad], mean[bad], **style.CROSS, ms=6, label="step too long")
    axis.axhline(0, color="0.6", lw=0.6, zorder=0)
    # Exponents of the gradient flow are a hundredth of those of chaos.
    axis.set_yscale("symlog", linthresh=0.1, linscale=1.5)
    axis.set_yticks([-1, -0.1, -0.05, 0, 0.05, 0.1, 1], ["−1", "−0.1", "", "0", "", "0.1", "1"])
    axis.set(xlabel=r"gain $g$", ylabel=r"largest exponent $\lambda$", title=title)
    axis.legend()


LYAPUNOV = Study(
    name="lyapunov",
    source="[HH] Fig. 2b",
    title="largest Lyapunov exponents against g, vanilla and with the Onsager-reaction force",
    parts=(Part(exponent, ("onsager", "g"), replicated=True),),
    draw=draw_exponents,
    derive=with_theory,
    text=f"""
Largest Lyapunov exponent λ against g, the same couplings for all g and κ; the scale is linear up to
0.1. Line: vanilla networks for N → ∞, where the theory is closed, which those of finite N approach
from below. Bars are standard
deviations over couplings (of one: its error over time), errors of the table standard errors. Over a
finite time a gradient flow that passes a saddle of E can have a small exponent of either sign.
{STEPS_TEXT}""",
    axes={"onsager": (0.0, 1.0), "g": (1.0, 2.0, 4.0, 6.0, 8.0, 10.0, 12.0)},
    replicates=5,
    columns=("lyapunov", "lyapunov_theory", *STEPS),
    compared={"lyapunov": "lyapunov_theory"},
    presets={
        "quick": {
            "n": 300, "g": [0.5, 1.0, 2.0, 4.0, 8.0, 9.0, 10.0, 12.0], "trials": 2, "t_max": 60.0
        },
        "paper": {
            "g": [0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 7.0, 8.0, 9.0, 10.0, 11.0, 12.0],
            "t_max": 60.0,
        },
    },
    variants={
        CONVERGED: {},
        PRINTED: {**VARIANTS[PRINTED], "algorithm": "orbit_separation"},
    },
    command="python -m simulate lyapunov",
)  # fmt: skip


def switched(
    *,
    couplings: Couplings = "elliptic",
    n: int = 1000,
    g_shown: float = 2.0,
    gamma: float = 0.0,
    t_phase: float = 100.0,
    n_shown: int = 7,
    method: str = "auto",
    dt: float = 0.05,
    tol: float = 1e-4,
    phi: str = "tanh",
    bias: float = 0.0,
    bias_std: float = 0.0,
    seed: int,
) -> dict[str, Any]:
    """Activity of one network under both schedules, spectra of the Jacobian at two moments."""
    J, x0 = network(n, g_shown, seed, gamma, couplings)
    b = make_bias(n, bias, bias_std, seed)
    ends = (t_phase * np.arange(1, 4)).tolist()
    runs = [
        integrate(
            J, x0, t_max=ends[-1], onsager=Switching(ends[:-1], values), method=method, dt=dt,
            tol=tol, bias=b, phi=phi, save_at=3 * _SAVES + 1,
        )
        for values in SCHEDULES.values()
    ]  # fmt: skip
    moments = t_phase * (np.arange(2) + _PLACE)
    matrices = [
        jacobian(state_at(runs[0], t), J, onsager=kappa, bias=b, phi=phi)
        for t, kappa in zip(moments, SCHEDULES["off-on-off"], strict=False)
    ]
    spectra = np.linalg.eigvals(matrices)
    states = np.array([run.x for run in runs])
    energy, length = np.array([run.energy for run in runs]), np.mean(states**2, axis=2)
    at_ends = _SAVES * np.arange(1, 4)
    by_end, of_moment = ("schedule", "phase"), ("moment",)
    return {
        "schedule": list(SCHEDULES),
        "moment": list(_MOMENTS),
        "t": runs[0].t,
        "x": (("schedule", "t", "neuron"), states[..., :n_shown]),
        "energy": told(("schedule", "t"), energy, "E/N"),
        "length": told(("schedule", "t"), length, "‖x‖²/N"),
        "kappa": told(by_end, list(SCHEDULES.values()), "κ in the phase"),
        "energy_end": told(by_end, energy[:, at_ends], "E/N at the end of the phase"),
        "length_end": told(by_end, length[:, at_ends], "‖x‖²/N there"),
        "eigenvalues_real": (("moment", "mode"), spectra.real),
        "eigenvalues_imag": (("moment", "mode"), spectra.imag),
        "t_moment": (of_moment, moments),
        "re_largest": told(of_moment, spectra.real.max(1), "largest Re μ"),
        "re_lowest": told(of_moment, spectra.real.min(1), "lowest Re μ"),
        "unstable_share": told(of_moment, (spectra.real > 0).mean(1), "share Re μ > 0"),
    }


def draw(data: xr.Dataset) -> Figure:
    """(a) κ 0→1→0, (b) exponents, (c) κ 1→0→1, (d) spectra."""
    figure, ((first, second), (third, fourth)) = style.panels(2, 2, height=4.6)
    facts = data.attrs
    for axis, schedule in zip((first, third), SCHEDULES, strict=True):
        part, length = data.sel(schedule=schedule), facts["t_phase"]
        shaded = [(k * length, (k + 1) * length) for k in np.flatnonzero(part.kappa.values)]
        title = (
            rf"$g = {facts['g_shown']:g}$, $N = {facts['n']}$, {symmetry_text(data)}; "
            r"shaded: $\kappa = 1$"
        )
        style.activity(axis, data.t, part.x, title, shaded)
    for index, (moment, marker) in enumerate(_MOMENTS.items()):
        part, t = data.sel(moment=moment), float(data.t_moment.sel(moment=moment))
        first.axvline(t, color="black", lw=0.6, ls=":")
        first.plot(
            t, 0.05, marker, transform=first.get_xaxis_transform(), color="black", ms=5, mfc="none"
        )
        fourth.plot(
            part.eigenvalues_real, part.eigenvalues_imag, marker, color=f"C{index}", ms=2.5,
            mfc="none", mew=0.5, label=rf"$t = {t:g}$, {moment}",
        )  # fmt: skip
    title = rf"{whose_text(data)}, mean ± s.d.; {steps_text(data)}"
    _draw_exponents(second, data, title)
    fourth.axvline(0, color="0.6", lw=0.8, zorder=0)
    fourth.legend(loc="upper left")
    fourth.set(
        xlabel=r"Re $\mu(\partial F/\partial x)$", ylabel=r"Im $\mu$",
        title="Jacobian at the moments marked in (a)",
    )  # fmt: skip
    return figure


HH2 = replace(
    LYAPUNOV,
    name="hh2",
    source="[HH] Fig. 2",
    title="the OR force switched on and off, Lyapunov exponents against g, spectra",
    parts=(*LYAPUNOV.parts, Part(switched)),
    draw=draw,
    text=f"""
(a, c) Activity of one network, κ off-on-off and on-off-on. In chaos the OR force lowers energy and
length of the state within its phase, and releases the chaos when it ends. (d) Eigenvalues μ of
the Jacobian at the two moments marked in (a). (b) {LYAPUNOV.text.strip()}""",
    columns=(
        *LYAPUNOV.columns, "energy_end", "length_end", "re_largest", "unstable_share", "re_lowest"
    ),
    command="",
)  # fmt: skip
