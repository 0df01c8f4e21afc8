"""What the caption of [HH] Fig. 7 says, from the data."""

from __future__ import annotations

from collections.abc import Mapping

import xarray as xr

from ...couplings import PAPER_SETS
from ..definition import CONVERGED, PRINTED
from ..text import averaged, counted, errors_said, mean_and_error, paragraphs, quoted, table
from .protocol import PRINTED_STEP, STEP_HEAD, broken, broken_said, step_cells, steps_meaning

# A state whose φ moves less than this, Q/N, in a quarter of a phase rests.
_AT_REST = 1e-4
# The sign of an exponent counts beyond this many standard errors.
_ERRORS = 2.0


def caption(data: Mapping[str, xr.Dataset]) -> str:
    """What each network does, and where printed and converged steps part."""
    variant, first = next(iter(data.items()))
    names = [str(name) for name in first.network.values]
    exponents = ", ".join(
        f"{float(first.lyapunov.sel(network=name).mean()):.2g} ({name})" for name in names
    )
    said = [
        "Activity and E/N of the E–I networks of Fig. 6 with κ = 0, 1 and 0 again (shaded: "
        f"κ = 1). The vanilla dynamics has the largest Lyapunov exponents {exponents}."
    ]
    if PRINTED in data:
        said.append(_steps_said(data[PRINTED], data.get(CONVERGED)))
    return paragraphs(
        " ".join(said),
        f"Vanilla dynamics, first phase, {variant} steps:",
        _vanilla(first, names),
        "Second phase, κ = 1:",
        _regulated(data, names),
        _meaning(first, names) + " " + steps_meaning(data),
    )


def matrices(data: xr.Dataset) -> str:
    """How many coupling matrices there are of each network."""
    return counted(data.attrs["n_trials"], "coupling matrix", "coupling matrices")


def _steps_said(printed: xr.Dataset, converged: xr.Dataset | None) -> str:
    said, names = broken_said(printed, "network"), broken(printed, "network")
    if not names or converged is None:
        return said
    end = 2 * printed.attrs["t_phase"]
    pairs = (
        [float(d.energy.sel(network=name, t=end).mean()) for d in (printed, converged)]
        for name in names
    )
    shown = ", ".join(f"{wrong:.2g} instead of {right:.2g}" for wrong, right in pairs)
    return f"{said} E/N at the end of κ = 1 is {shown} there."


def _vanilla(data: xr.Dataset, names: list[str]) -> str:
    rows = []
    for name in names:
        part = data.sel(network=name)
        moved, activity = part.moved.sel(phase=0), part.activity.sel(phase=0)
        exponent = mean_and_error(part.lyapunov)
        if part.sizes["trial"] == 1:
            # One matrix: the error of the average over time.
            exponent = exponent[0], float(part.lyapunov_err[0])
        behaviour = _behaviour(exponent, float(moved.max()), float(activity.min()))
        numbers = [quoted(*exponent), averaged(activity), f"{float(moved.mean()):.2g}"]
        rows.append([name, *numbers, behaviour])
    return table(["network", "λ", "⟨φ²⟩", "Q/N", "what it does"], rows)


def _behaviour(exponent: tuple[float, float], moved: float, activity: float) -> str:
    if moved < _AT_REST:
        return "rests at x ≠ 0" if activity > _AT_REST else "rests at x = 0"
    value, error = exponent
    if abs(value) > _ERRORS * error:
        return "fluctuates" if value > 0 else "relaxes"
    return "undecided within its error"


def _regulated(data: Mapping[str, xr.Dataset], names: list[str]) -> str:
    head = ["network", "steps", "E/N", "largest E/N", "Q/N", *STEP_HEAD, "at x = 0"]
    rows = []
    for name in names:
        for variant, values in data.items():
            part, start = values.sel(network=name), values.attrs["t_phase"]
            energy = part.energy.sel(t=slice(start, 2 * start))
            rest = PRINTED_STEP * float(part.stiffness_at_rest.mean())
            rows.append(
                [
                    name,
                    variant,
                    averaged(energy.isel(t=-1)),
                    f"{float(energy.max('t').mean()):.2g}",
                    f"{float(part.moved.sel(phase=1).mean()):.2g}",
                    *step_cells(part),
                    f"{rest:.2f}",
                ]
            )
    return table(head, rows)


def _meaning(data: xr.Dataset, names: list[str]) -> str:
    facts = data.attrs
    count = facts["n_trials"]
    errors = errors_said(count)
    if count == 1:
        errors = "1 coupling: the errors of λ are those of the average over time."
    rates = ", ".join(
        f"{facts['n'] * v['alpha'] ** 2 * _mean_square(v):.0f} ({name})"
        for name, v in PAPER_SETS.items()
    )
    return (
        f"N = {facts['n']}, {facts['t_phase']:g} time units a phase. {errors} λ: largest "
        f"Lyapunov exponent of the vanilla dynamics, over {facts['t_lyapunov']:g} time units by "
        f"the same steps for every variant; a network that does not rest fluctuates if λ > 0, and "
        f"relaxes if λ < 0, by more than {_ERRORS:g} standard errors. ⟨φ²⟩ and E/N are those at "
        "the end of the phase; the largest E/N is that within the phase, the switch included. "
        "Q/N: how far φ moves in the last quarter of a phase; below "
        f"{_AT_REST:g} the network rests. At x = 0: {STEP_HEAD[0]} there; of it the means alone "
        f"give JᵀJ the eigenvalue Nα²[fμ_e² + (1−f)μ_i²] = {rates}, which grows with N."
    )


def _mean_square(values: Mapping[str, float]) -> float:
    return values["f"] * values["mu_e"] ** 2 + (1 - values["f"]) * values["mu_i"] ** 2
