"""What the caption of [HH] Fig. 9 says, from the data."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import xarray as xr

from ..definition import CONVERGED, PRINTED
from ..text import averaged, counted, errors_said, listed, mean_and_error, paragraphs, span, table
from .protocol import PRINTED_STEP, STEP_HEAD, broken_gains

# Panel (a) of the paper forecasts.
TASKS = {"forecast": "(a)", "recall": "(b)"}
_KAPPAS = (0.0, 1.0)
# A difference of two means counts beyond this many standard errors.
_SIGNIFICANT = 2.0
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
    gains = broken_gains(data.sel(onsager=1.0))
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
    better, worse, total = 0, 0, 0
    for task in TASKS:
        for gain in data.g.values:
            more, less = _compared(data, task, float(gain))
            better, worse = better + len(more), worse + len(less)
            total += data.sizes["tau"]
    return (
        f"Converged, with a ridge and scored on later samples, the gradient flow is better than "
        f"the vanilla network in {better} and worse in {worse} of {total} cases of task, g and τ."
    )


def _compared(data: xr.Dataset, task: str, gain: float) -> tuple[list[float], list[float]]:
    """Delays at which the gradient flow is better, and at which it is worse."""
    found: tuple[list[float], list[float]] = ([], [])
    for tau in data.tau.values:
        m = data.m.isel(window=0).sel(task=task, g=gain, tau=tau)
        mean, error = mean_and_error(m.sel(onsager=1.0) - m.sel(onsager=0.0))
        # One coupling has no error: every difference counts.
        if abs(mean) > _SIGNIFICANT * np.nan_to_num(error):
            found[mean < 0].append(float(tau))
    return found


def _scores(data: xr.Dataset) -> str:
    first = data.isel(window=0, tau=0)
    head = ["task", "g", "better at τ", "worse at τ"]
    head += [f"m(τ = {float(first.tau):g}), κ = {kappa:g}" for kappa in _KAPPAS]
    rows = []
    for task in TASKS:
        for gain in data.g.values:
            delays = _compared(data, task, float(gain))
            m = first.m.sel(task=task, g=gain)
            row = [task, f"{gain:g}", *(listed(found) or "none" for found in delays)]
            rows.append(row + [averaged(m.sel(onsager=kappa)) for kappa in _KAPPAS])
    return table(head, rows)


def _meaning(data: Mapping[str, xr.Dataset]) -> str:
    facts = next(iter(data.values())).attrs
    count = facts["n_trials"]
    text = [
        f"N = {facts['n']}, {counted(count, 'coupling')}; {facts['t_skip']:g} time units are left "
        "out first. Picture: mean and standard deviation (printed: median and extremes)."
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
        needed = f"by more than {_SIGNIFICANT:g} standard errors" if count > 1 else "at all"
        text.append(
            "Converged: converged steps, ridge chosen on the first half of "
            f"{float(exact.window[0]):g} time units ({exact.attrs['samples']} samples), m on the "
            f"second; on the first the same weights score up to {gap:.2g} higher. "
            f"{errors_said(count)} Better and worse: κ = 1 against κ = 0 {needed}."
        )
    return " ".join(text)
