"""What the caption of [HH] Fig. 9 says, from the data."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import xarray as xr
from scipy.special import stdtrit

from ..definition import CONVERGED, PRINTED
from ..text import averaged, counted, errors_said, listed, mean_and_error, paragraphs, span, table
from .protocol import PRINTED_STEP, STEP_HEAD, broken

# Panel (a) of the paper forecasts.
TASKS = {"forecast": "(a)", "recall": "(b)"}
_KAPPAS = (0.0, 1.0)
# Chance that any of all the differences is called one although there is none.
_LEVEL = 0.05
_PICTURE = " Picture: mean and standard deviation (printed: median and extremes)."
# Eqs. 19 and 21 agree if their difference does not show in the picture.
_EXACT = 0.01


def caption(data: Mapping[str, xr.Dataset]) -> str:
    """Rank of what is inverted, and where the gradient flow beats the vanilla network."""
    said = [
        "Memory function m(τ) of networks driven by S(t) = sin 0.02πt + sin 0.04πt, κ = 1 (lines) "
        "and vanilla (dashed, hollow)."
    ]
    tables = []
    if PRINTED in data:
        said.append(_printed_said(data[PRINTED]))
        tables += ["Printed:", _ranks(data[PRINTED])]
    if CONVERGED in data:
        said.append(_converged_said(data[CONVERGED]))
        tables += ["Converged:", _scores(data[CONVERGED])]
    return paragraphs(" ".join(said), *tables, _meaning(data))


def _gap(data: xr.Dataset) -> xr.DataArray:
    """Largest difference of Eqs. 19 and 21, which are equal for exact weights."""
    return np.abs(data.m - data.m_train).max(("task", "trial", "tau"))


def _printed_said(data: xr.Dataset) -> str:
    gap = _gap(data)
    agree = gap < _EXACT
    text = (
        f"Printed, Eqs. 19 and 21, equal for exact weights, agree within {_EXACT:g} in "
        f"{int(agree.sum())} of {agree.size} cases of window, κ and g"
    )
    if bool(agree.any()):
        text += f", with m ≥ {float(data.m.where(agree).min()):.3f} at every τ"
    if not bool(agree.all()):
        text += (
            f"; elsewhere they differ by up to {float(gap.max()):.2g}, and m is rounding of a "
            "nearly singular inverse"
        )
    gains = broken(data.sel(onsager=1.0))
    if gains:
        text += (
            f". The printed step is too long at g = {listed(gains)} (crosses), and what it adds is "
            "not the flow"
        )
    return text + "."


def _ranks(data: xr.Dataset) -> str:
    columns = [f"{text}, κ = {kappa:g}" for kappa in _KAPPAS for text in ("rank", "Eq. 19 − 21")]
    gap = _gap(data)
    rows = []
    for window in data.window.values:
        for gain in data.g.values:
            row = [f"{window:g}", f"{gain:g}"]
            for kappa in _KAPPAS:
                here = {"window": window, "g": gain, "onsager": kappa}
                row += [
                    f"{float(data['rank'].sel(here).mean()):.0f}",
                    f"{float(gap.sel(here)):.2g}",
                ]
            rate = PRINTED_STEP * float(data.stiffness.sel(g=gain, onsager=1.0).max())
            rows.append([*row, f"{rate:.2f}"])
    return table(["window", "g", *columns, STEP_HEAD[0]], rows)


def _converged_said(data: xr.Dataset) -> str:
    said = "Converged: readout with a ridge, scored on later samples"
    if data.sizes["trial"] == 1:
        return f"{said}; with one coupling κ = 1 and 0 are not compared."
    cells = [_compared(data, task, float(gain)) for task in TASKS for gain in data.g.values]
    better, worse = (sum(len(delays) for delays in side) for side in zip(*cells, strict=True))
    return (
        f"{said}; the gradient flow is better than the vanilla network in {better} and worse in "
        f"{worse} of {_cells(data)} cases of task, g and τ, at a level of {_LEVEL:.0%} for all of "
        "them together."
    )


def _cells(data: xr.Dataset) -> int:
    return len(TASKS) * data.sizes["g"] * data.sizes["tau"]


def _needed(data: xr.Dataset) -> float:
    """Standard errors that a difference needs: Student's t, two-sided, Bonferroni over cells."""
    return float(stdtrit(data.sizes["trial"] - 1, 1 - _LEVEL / (2 * _cells(data))))


def _compared(data: xr.Dataset, task: str, gain: float) -> tuple[list[float], list[float]]:
    """Delays at which the gradient flow is better, and at which it is worse."""
    found: tuple[list[float], list[float]] = ([], [])
    needed = _needed(data)
    for tau in data.tau.values:
        m = data.m.isel(window=0).sel(task=task, g=gain, tau=tau)
        mean, error = mean_and_error(m.sel(onsager=1.0) - m.sel(onsager=0.0))
        if abs(mean) > needed * error:
            found[mean < 0].append(float(tau))
    return found


def _scores(data: xr.Dataset) -> str:
    first = data.isel(window=0, tau=0)
    several = data.sizes["trial"] > 1
    head = ["task", "g", *["better at τ", "worse at τ"] * several]
    head += [f"m(τ = {float(first.tau):g}), κ = {kappa:g}" for kappa in _KAPPAS]
    rows = []
    for task in TASKS:
        for gain in data.g.values:
            row = [task, f"{gain:g}"]
            if several:
                row += [listed(side) or "none" for side in _compared(data, task, float(gain))]
            m = first.m.sel(task=task, g=gain)
            rows.append(row + [averaged(m.sel(onsager=kappa)) for kappa in _KAPPAS])
    return table(head, rows)


def _meaning(data: Mapping[str, xr.Dataset]) -> str:
    facts = next(iter(data.values())).attrs
    count = facts["n_trials"]
    text = [
        f"N = {facts['n']}, {counted(count, 'coupling')}; {facts['t_skip']:g} time units are left "
        f"out first.{_PICTURE if count > 1 else ''}"
    ]
    if PRINTED in data:
        printed = data[PRINTED]
        text.append(
            f"Printed: Eq. 21 in sample, Euler with Δt = {PRINTED_STEP:g}, "
            f"L = {printed.attrs['samples']} samples over a window of "
            f"{span(printed.window, 'g').replace(' to ', ' or ')} time units, as the paper does "
            f"not print its window; rank of the covariance, at most N; Eq. 19 − 21: largest "
            f"difference of m; {STEP_HEAD[0]}: largest eigenvalue of Hess E met, times the printed "
            "step; Euler needs less than 2."
        )
    if CONVERGED in data:
        exact = data[CONVERGED]
        gap = float((exact.m_train - exact.m).max())
        text.append(
            "Converged: converged steps, ridge chosen on the first half of "
            f"{float(exact.window[0]):g} time units ({exact.attrs['samples']} samples), m on the "
            f"second; on the first the same weights score up to {gap:.2g} higher. "
            f"{errors_said(count)}"
        )
        if count > 1:
            text.append(
                "Better and worse: κ = 1 against κ = 0 with the same couplings, by more than "
                f"{_needed(exact):.3g} standard errors (Student's t with {count - 1} degrees of "
                f"freedom, {_LEVEL:.0%} shared by {_cells(exact)} comparisons)."
            )
    return " ".join(text)
