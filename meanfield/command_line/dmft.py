"""`python -m meanfield dmft`: one (g, γ) in time, or in the steady state."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np
import xarray as xr
from click.core import ParameterSource

from .. import figures
from ..dmft import SteadyState, TwoTime, steady_state, two_time
from ..dmft.two_time.solver import BIASES
from ..schedule import Schedule, as_function
from ..shell import output_option, results, schedule
from .options import given, phi_option, positive, sampler_options

_T_MAX, _DT = 10.0, 0.05
# Two-time functions are matrices of the saved times; this many make a file of a few MB.
_SAVED = 200
_TWO_TIME_ONLY = ("onsager", "x0_std", "save_every", "response", "bias")
_STEADY_ONLY = ("t_skip", "lag_step")


@click.command(short_help="C, R and energy at one (g, γ), in time or in the steady state.")
@click.option("--g", type=float, default=1.5, show_default=True, help="Gain.")
@click.option("--gamma", type=float, default=0.0, show_default=True, help="Coupling symmetry.")
@click.option("--steady", is_flag=True, help="The steady state instead of the way there.")
@click.option(
    "--onsager",
    default="0",
    show_default=True,
    callback=schedule,
    metavar="SCHEDULE",
    help="kappa: a number, or VALUE,VALUE@TIME,...: 0,1@20 switches the gradient flow on at 20. "
    "Not with --steady.",
)
@click.option(
    "--temperature",
    default="0",
    show_default=True,
    callback=schedule,
    metavar="SCHEDULE",
    help="T of white noise, written like kappa; with --steady one number.",
)
@click.option(
    "--x0-std",
    type=float,
    default=1.0,
    show_default=True,
    help="Standard deviation of x(0).  Not with --steady.",
)
@click.option("--t-max", type=float, help=f"Duration.  [default: {_T_MAX:g}, with --steady 260]")
@click.option("--t-skip", type=float, help="Not averaged; only with --steady.  [default: 60]")
@click.option("--dt", type=float, help=f"Step.  [default: {_DT:g}, with --steady 0.1]")
@click.option(
    "--window",
    type=float,
    help="Time after which the past is forgotten.  [default: inf, with --steady 60]",
)
@click.option(
    "--save-every",
    type=float,
    callback=positive,
    help=f"Time between saved points; not with --steady.  [default: {_SAVED} points]",
)
@click.option(
    "--lag-step",
    type=float,
    help="Spacing of the lags tau; only with --steady.  [default: 0.2]",
)
@click.option(
    "--response", is_flag=True, help="Compute R(t, s) too; slow.  Not with --steady, which does."
)
@click.option(
    "--method",
    type=click.Choice(["auto", "closed", "exact", "sampler"]),
    default="auto",
    show_default=True,
    help="Deterministic where possible, or always the sampler; 'closed' insists on a "
    "deterministic run, 'exact' on a deterministic steady state.",
)
@click.option(
    "--bias",
    type=click.Choice(BIASES),
    default="report",
    show_default=True,
    help="Of finite batches.  Not with --steady, which extrapolates.",
)
@sampler_options()
@phi_option()
@output_option("dmft")
@click.pass_context
def dmft(
    context: click.Context,
    /,
    g: float,
    gamma: float,
    steady: bool,
    temperature: Schedule,
    t_max: float | None,
    dt: float | None,
    window: float | None,
    method: str,
    trajectories: int | None,
    batches: int | None,
    seed: int,
    workers: int | None,
    phi: str,
    output: Path,
    **own: Any,
) -> int:
    """C, R and energy in time, or of the steady state.

    Without --steady: the two-time functions C(t,t'), R(t,t') and the energy from normal initial
    states on, also while the Onsager-reaction force is switched ([HH]).  With --steady: C(tau) and
    R(tau) of the stationary vanilla dynamics.
    """
    _refuse(context, _TWO_TIME_ONLY if steady else _STEADY_ONLY, steady)
    common = given(window=window, n_trajectories=trajectories, batches=batches, workers=workers)
    common |= {"phi": phi, "method": method, "seed": seed, "progress": True}
    with results(output) as save:
        if steady:
            if callable(temperature):
                raise click.UsageError("--steady needs one --temperature, not a schedule")
            if method == "closed":
                raise click.UsageError("--method closed: with --steady it is called exact")
            times = given(t_max=t_max, dt=dt, t_skip=own["t_skip"], lag_step=own["lag_step"])
            state = steady_state(g, gamma, temperature=temperature, **times, **common)
            data = state.to_dataset()
            save("dmft", data, figures.steady_state(data))
            text, notes = _steady_summary(state), [state.reason] if state.reason else []
        else:
            if method == "exact":
                raise click.UsageError("--method exact: without --steady it is called closed")
            t_max, dt = _T_MAX if t_max is None else t_max, _DT if dt is None else dt
            if dt > t_max:
                raise click.UsageError(f"--dt {dt:g}: longer than --t-max {t_max:g}")
            run = two_time(
                g,
                gamma,
                t_max=t_max,
                dt=dt,
                onsager=own["onsager"],
                temperature=temperature,
                x0_std=own["x0_std"],
                save_every=_stride(own["save_every"], t_max, dt),
                response=own["response"],
                bias=own["bias"],
                **common,
            )
            data = _with_schedules(run.to_dataset(), own["onsager"], temperature)
            save("dmft", data, figures.two_time(data))
            # Its warnings are shown by `results`.
            text, notes = _two_time_summary(run), []
    click.echo(text)
    for note in notes:
        click.echo(f"warning: not converged: {note}", err=True)
    return 0


def _refuse(context: click.Context, names: Sequence[str], steady: bool) -> None:
    for name in names:
        if context.get_parameter_source(name) is not ParameterSource.DEFAULT:
            option = "--" + name.replace("_", "-")
            raise click.UsageError(
                f"{option} does not go with --steady" if steady else f"{option} needs --steady"
            )


def _stride(every: float | None, t_max: float, dt: float) -> int:
    """Steps between saved points; nonsense is left to the checks of `two_time`."""
    steps = (t_max / _SAVED if every is None else every) / dt if dt > 0 else 1.0
    if not math.isfinite(steps):
        return 1
    # By default no more points than promised, on request the nearest spacing.
    return max(1, math.ceil(steps - 1e-9) if every is None else round(steps))


def _with_schedules(data: xr.Dataset, onsager: Schedule, temperature: Schedule) -> xr.Dataset:
    """The dataset with κ(t) and T(t) at the saved times."""
    found = {}
    for name, text, given_ in (
        ("onsager", "factor of the Onsager-reaction force", onsager),
        ("temperature", "temperature of the white noise", temperature),
    ):
        function = as_function(name, given_)
        values = np.array([function(float(t)) for t in data.t.values])
        found[name] = ("t", values, {"long_name": text, "units": "1"})
    return data.assign(found)


def _row(name: str, value: float, error: float, more: str = "") -> str:
    if math.isnan(value):
        return f"  {name:<14}undefined"
    return f"  {name:<14}{value:.6g} ± {error:.2g}{more}"


def _two_time_summary(run: TwoTime) -> str:
    def final(name: str, label: str, index: Any) -> str:
        values = (getattr(run, name + suffix)[index] for suffix in ("", "_err", "_bias"))
        value, error, bias = (float(v) for v in values)
        kept = run.attributes.get("bias") == "report" and math.isfinite(bias)
        return _row(label, value, error, f"  (finite batches: {bias:.1g})" if kept else "")

    lines = [
        f"{run.status}: g = {run.g:g}, gamma = {run.gamma:g}, t = {run.t[-1]:g}",
        final("energy", "energy", -1),
        final("C", "C(t,t)", (-1, -1)),
        final("C", "C(t,0)", (-1, 0)),
        final("r_int", "r_int", -1),
    ]
    return "\n".join([*lines, *_origin(run.method, run.attributes)])


def _steady_summary(state: SteadyState) -> str:
    head = "converged" if state.converged else "not converged"
    lines = [f"{head}: g = {state.g:g}, gamma = {state.gamma:g}, steady state"]
    for label, name in (
        ("energy", "energy"),
        ("C(0) = q", "q"),
        ("Delta(0)", "delta0"),
        ("r_int", "r_int"),
        ("tau_half", "tau_half"),
    ):
        lines.append(_row(label, getattr(state, name), getattr(state, f"{name}_err")))
    return "\n".join([*lines, *_origin(state.method, state.attributes)])


def _origin(method: str, attributes: dict[str, Any]) -> list[str]:
    lines = [f"  {'method':<14}{method}"]
    if "seed" in attributes:
        size, batches = attributes["n_trajectories"], attributes["batches"]
        lines[0] += f", {size} trajectories in {batches} batches"
        lines.append(f"  {'seed':<14}{attributes['seed']}")
    return lines
