"""`python -m meanfield lyapunov`: the maximal exponent against the gain, N → ∞."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import click
import numpy as np
import xarray as xr
from tqdm import tqdm

from .. import figures, parameters
from ..convergence import NotConvergedError
from ..dmft import SamplerError, maximal_lyapunov, stationary
from ..dmft.response_curve import point_seed
from ..elliptic import critical_gain
from ..provenance import provenance
from ..shell import output_option, results
from ..transfer import Array, transfer_function
from .options import given, phi_option, range_option, sampler_options

_NUMBERS = {
    "lyapunov": "maximal Lyapunov exponent",
    "stderr": "standard error, or error bound of a deterministic point",
    "bias": "effect of finite batches, subtracted",
    "drift": "growth rate in the second half of the average minus that in the first",
    "drift_err": "error of the drift",
}
_SAMPLING = ("dt", "t_skip", "t_max", "window", "n_trajectories", "batches")
_ALARM = 3.5


@click.command()
@range_option("--g", "0.8:3:12", "Gains, START:STOP:COUNT or a,b,c.")
@range_option("--gamma", "0", "Coupling symmetries, likewise.")
@click.option("--onsager", type=float, default=0.0, show_default=True, help="kappa.")
@click.option("--temperature", type=float, default=0.0, show_default=True, help="T of white noise.")
@click.option("--t-max", type=float, help="Duration.  [default: 260]")
@click.option("--t-skip", type=float, help="Not averaged.  [default: 60]")
@click.option("--dt", type=float, help="Step; with --onsager 1 below about 0.2/g².  [default: 0.1]")
@click.option(
    "--window",
    type=float,
    help="Time after which the past is forgotten; gradient flows may need inf.  [default: 30]",
)
@sampler_options()
@phi_option()
@output_option("lyapunov")
def lyapunov(
    g: Array,
    gamma: Array,
    onsager: float,
    temperature: float,
    t_max: float | None,
    t_skip: float | None,
    dt: float | None,
    window: float | None,
    trajectories: int | None,
    batches: int | None,
    seed: int,
    workers: int | None,
    phi: str,
    output: Path,
) -> int:
    """Maximal Lyapunov exponent against g, N → ∞.

    Without Onsager-reaction force deterministic at gamma = 0 and at rest; sampled elsewhere, a
    minute a point by default.
    """
    controls = given(
        t_max=t_max,
        t_skip=t_skip,
        dt=dt,
        window=window,
        n_trajectories=trajectories,
        batches=batches,
        workers=workers,
    )
    parameters.gain(g), parameters.symmetry(gamma)
    parameters.nonnegative("temperature", temperature)
    shape = (gamma.size, g.size)
    numbers = {name: np.zeros(shape) for name in _NUMBERS}
    method, reason = (np.full(shape, "", dtype=object) for _ in range(2))
    sampling: dict[str, Any] = {}
    with results(output) as save:
        for index in tqdm(list(np.ndindex(shape)), desc="lyapunov", unit="point", disable=None):
            gain, symmetry = float(g[index[1]]), float(gamma[index[0]])
            try:
                found, method[index], used = _exponent(
                    gain, symmetry, onsager, temperature, phi, seed, controls
                )
                sampling |= used
            except (NotConvergedError, SamplerError) as error:
                found = dict.fromkeys(_NUMBERS, math.nan)
                reason[index] = getattr(error, "summary", str(error))
            for name, value in found.items():
                numbers[name][index] = value
        data = _dataset(g, gamma, numbers, phi)
        data["method"] = (("gamma", "g"), method.astype(str))
        data["reason"] = (
            ("gamma", "g"),
            reason.astype(str),
            {"long_name": "why there is no value"},
        )
        data.attrs |= {
            "onsager": onsager,
            "temperature": temperature,
            "phi": phi,
            "seed": str(seed),
            **sampling,
            **provenance(),
        }
        save("lyapunov", data, figures.lyapunov(data))
    click.echo(_table(data))
    if np.all(np.isnan(data.lyapunov)):
        click.echo(f"error: no point has an exponent: {reason[0, 0]}", err=True)
        return 1
    return 0


def _exponent(
    g: float,
    gamma: float,
    onsager: float,
    temperature: float,
    phi: str,
    seed: int,
    controls: dict[str, Any],
) -> tuple[dict[str, float], str, dict[str, Any]]:
    """Numbers, method and, of a sampled point, how it was sampled."""
    load = g * transfer_function(phi).slope * (1 + gamma)
    if onsager == 0 and temperature == 0 and load <= 1:
        # The rightmost eigenvalue of −1 + J, elliptic law.
        return {"lyapunov": load - 1}, "null", {}
    if onsager == 0 and gamma == 0:
        point = stationary(g, sigma=math.sqrt(2 * temperature), phi=phi, n_tau=2)
        scale = max(abs(float(point.lyapunov)), float(point.decay_rate) ** 2)
        found = {"lyapunov": float(point.lyapunov), "stderr": float(point.error) * scale}
        return found, "stationary", {}
    sampled = maximal_lyapunov(
        g,
        gamma,
        onsager=onsager,
        temperature=temperature,
        phi=phi,
        seed=point_seed(seed, g, gamma),
        **controls,
    )
    found = {name: getattr(sampled, name) for name in _NUMBERS if name != "lyapunov"}
    used = {name: sampled.attributes[name] for name in _SAMPLING}
    return found | {"lyapunov": sampled.value}, "sampler", used


def _dataset(g: Array, gamma: Array, numbers: dict[str, Array], phi: str) -> xr.Dataset:
    axes = ("gamma", "g")
    rate = {"units": "1/time constant"}
    variables: dict[str, Any] = {
        name: (axes, numbers[name], {"long_name": text, **rate}) for name, text in _NUMBERS.items()
    }
    variables["critical_gain"] = (
        "gamma",
        critical_gain(gamma) / transfer_function(phi).slope,
        {"long_name": "gain of the linear instability, g(1+gamma) = 1", "units": "1"},
    )
    coords = {
        "gamma": ("gamma", gamma, {"long_name": "coupling symmetry", "units": "1"}),
        "g": ("g", g, {"long_name": "gain", "units": "1"}),
    }
    return xr.Dataset(variables, coords)


def _table(data: xr.Dataset) -> str:
    lines = ["gamma      g     lambda  ± error     method"]
    for row in np.ndindex(data.lyapunov.shape):
        value, error, drift, drift_error = (
            float(data[name].values[row]) for name in ("lyapunov", "stderr", "drift", "drift_err")
        )
        flag = f"   drifts by {drift:.1e}" if abs(drift) > _ALARM * drift_error else ""
        lines.append(
            f"{float(data.gamma[row[0]]):5g} {float(data.g[row[1]]):6g} {value:10.6f}  "
            f"± {error:.1e}   {data.method.values[row]}{data.reason.values[row]}{flag}"
        )
    return "\n".join(lines)
