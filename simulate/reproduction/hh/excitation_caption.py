"""What the caption of [HH] Fig. 7 says, from the data."""

from __future__ import annotations

from collections.abc import Mapping

import xarray as xr

from ...couplings import PAPER_SETS
from ..definition import CONVERGED, PRINTED
from .protocol import PRINTED_STEP, mean_and_error, quoted

# A state whose φ moves less than this, Q/N, in a quarter of a phase rests.
_AT_REST = 1e-4


def caption(data: Mapping[str, xr.Dataset]) -> str:
    """What each network does, and where printed and converged steps part."""
    first = next(iter(data.values()))
    facts = first.attrs
    said = [_network_said(first.sel(network=name), str(name)) for name in first.network.values]
    text = (
        f"E–I networks of Fig. 6, N = {facts['n']}, {matrices(first)} each: activity "
        f"and E/N with κ = 0, 1 and 0 again (shaded: κ = 1) for {facts['t_phase']:g} time units "
        "each. Largest Lyapunov exponent of the vanilla dynamics, "
        f"{facts['t_lyapunov']:g} time units, and what it does: " + "; ".join(said) + "."
    )
    for variant, name in ((PRINTED, f"Euler, Δt = {PRINTED_STEP:g}"), (CONVERGED, "converged")):
        if variant in data:
            text += f" {name}: " + _steps_said(data[variant], variant) + "."
    if len(data) == 2:
        text += " " + _difference_said(data[PRINTED], data[CONVERGED])
    return text


def matrices(data: xr.Dataset) -> str:
    """How many coupling matrices there are of each network."""
    count = data.attrs["n_trials"]
    return "one coupling matrix" if count == 1 else f"{count} coupling matrices"


def _network_said(part: xr.Dataset, name: str) -> str:
    moved, activity = part.moved.sel(phase=0), part.activity.sel(phase=0)
    exponent = mean_and_error(part.lyapunov)
    if part.sizes["trial"] == 1:
        # One matrix: the error of the average over time.
        exponent = exponent[0], float(part.lyapunov_err[0])
    if float(moved.max()) < _AT_REST:
        behaviour = "it rests in a fixed point"
        behaviour += " other than x = 0" if float(activity.min()) > _AT_REST else ", x = 0"
    else:
        behaviour = "it fluctuates" if exponent[0] > 0 else "it relaxes"
    return (
        f"{name}, λ = {quoted(*exponent)}, {behaviour} (⟨φ²⟩ = "
        f"{quoted(*mean_and_error(activity))} at the end of the first phase, in whose last quarter "
        f"φ moves by Q/N = {float(moved.mean()):.2g})"
    )


def _steps_said(data: xr.Dataset, variant: str) -> str:
    end = float(2 * data.attrs["t_phase"])
    said = []
    for name in data.network.values:
        part = data.sel(network=name)
        energy = part.energy.sel(t=end)
        text = (
            f"{name}, E/N = {quoted(*mean_and_error(energy))} at the end of κ = 1, "
            f"Q/N = {float(part.moved.sel(phase=1).mean()):.2g}"
        )
        if variant == PRINTED:
            rate = PRINTED_STEP * part.stiffness
            text += (
                f", Δt·λ_max up to {float(rate.max()):.2f} "
                f"(at x = 0 {PRINTED_STEP * float(part.stiffness_at_rest.mean()):.2f}), E rises in "
                f"{float(part.energy_rise_fraction.mean()):.0%} of the steps"
            )
        said.append(text)
    return "; ".join(said)


def _difference_said(printed: xr.Dataset, converged: xr.Dataset) -> str:
    """Where the limit 2 of Euler's method is passed, and what that does to E."""
    broken = [
        str(name)
        for name in printed.network.values
        if float((PRINTED_STEP * printed.stiffness.sel(network=name)).max()) > 2
    ]
    if not broken:
        return (
            "Δt·λ_max stays below 2, the limit of Euler's method, in all three: the printed step "
            f"follows the flow at this N. {_means_said(printed)}"
        )
    start = float(printed.attrs["t_phase"])
    said = []
    for name in broken:
        shown = [
            d.energy.sel(network=name, t=slice(start, 2 * start)) for d in (printed, converged)
        ]
        last = [float(energy.isel(t=-1).mean()) for energy in shown]
        most = [float(energy.max("t").mean()) for energy in shown]
        said.append(
            f"{name} {last[0]:.2g} against {last[1]:.2g} (largest on the way {most[0]:.2g} against "
            f"{most[1]:.2g}, that of the switch)"
        )
    return (
        "Where Δt·λ_max exceeds 2, the limit of Euler's method, the printed step does not descend: "
        "E/N at the end of κ = 1, printed against converged: "
        + ", ".join(said)
        + f". {_means_said(printed)}"
    )


def _means_said(data: xr.Dataset) -> str:
    """Why E–I networks are stiff: the square of the singular value of the mean couplings."""
    said = [
        f"{data.attrs['n'] * v['alpha'] ** 2 * _mean_square(v):.0f} ({name})"
        for name, v in PAPER_SETS.items()
    ]
    return (
        "The means alone give JᵀJ the eigenvalue Nα²[fμ_e² + (1−f)μ_i²] = "
        + ", ".join(said)
        + ", which grows with N."
    )


def _mean_square(values: Mapping[str, float]) -> float:
    return values["f"] * values["mu_e"] ** 2 + (1 - values["f"]) * values["mu_i"] ** 2
