"""What the caption of [HH] Fig. 5 says, from the data."""

from __future__ import annotations

from collections.abc import Mapping

import xarray as xr

from ..definition import CONVERGED, PRINTED
from ..text import NONE, averaged, errors_said, paragraphs, table
from .projection import INDEPENDENT, STARTS
from .protocol import STEP_HEAD, broken, broken_said, step_cells, steps_meaning

# Densities of φ at the ends against that at 0: the outer and the inner tenth of [−1, 1].
EDGE, CENTRE = 0.9, 0.1
# Largest |x| shown.
REACH = 8.0
# Share of the variance that three components explain according to the caption of [HH].
_PRINTED = 0.8567


def caption(data: Mapping[str, xr.Dataset]) -> str:
    """Shape of the distributions, energies, and the variance that three components explain."""
    return paragraphs(
        f"{_shapes_said(data)} {_components_said(data)}",
        "(a) to (c):",
        _shapes(data),
        "(d) Explained by three components:",
        _components(data),
        _meaning(data),
    )


def _shapes_said(data: Mapping[str, xr.Dataset]) -> str:
    facts = next(iter(data.values())).attrs
    shaped = {name: _u_shaped(values) for name, values in data.items()}
    said = [
        f"Distribution of φ(x) and x over neurons: (a) chaos at g = {facts['g']:g}, (b) the same "
        "networks after κ = 0 → 1, (c) κ = 1 from x ~ N(0, 1) at "
        f"g = {facts['g_large']:g}. The distribution of φ is U-shaped in "
        + " and ".join(f"{_listed(panels)} ({name})" for name, panels in shaped.items())
        + "."
    ]
    if PRINTED in data:
        said.append(broken_said(data[PRINTED], "panel"))
        by_step = "c" in broken(data[PRINTED], "panel")
        if by_step and "c" in shaped[PRINTED] and "c" not in shaped.get(CONVERGED, "c"):
            said.append("The U shape of (c) is made by the step and not by the flow.")
    return " ".join(said)


def _u_shaped(data: xr.Dataset) -> list[str]:
    """Panels in which φ is denser at the ends than in the middle."""
    higher = (data.edge - data.centre).mean("trial") > 0
    return [str(panel) for panel in data.panel.values[higher.values]]


def _listed(panels: list[str]) -> str:
    return ", ".join(f"({panel})" for panel in panels) if panels else "none of them"


def _components_said(data: Mapping[str, xr.Dataset]) -> str:
    main = data.get(CONVERGED, next(iter(data.values())))
    total = main.explained.sum("component")
    enough = [STARTS[str(s)] for s in total.start.values if float(total.sel(start=s)) > _PRINTED]
    reached = f"is reached only with starts {' or '.join(enough)}" if enough else "is not reached"
    return (
        "(d) Trajectories on three principal components, which explain "
        f"{float(total.sel(start=INDEPENDENT)):.1%} of the variance for independent starts; the "
        f"printed {_PRINTED:.2%} {reached}."
    )


def _shapes(data: Mapping[str, xr.Dataset]) -> str:
    head = ["panel", "steps", "⟨φ²⟩", "density at ends", "density at 0", "E/N"]
    rows = []
    for panel in next(iter(data.values())).panel.values:
        for name, values in data.items():
            part = values.sel(panel=panel)
            numbers = (part.phi2, part.edge, part.centre, part.energy_panel)
            regulated = bool(part.stiffness.notnull().any())
            row = [f"({panel}) g = {float(part.g_panel):g}", name, *map(averaged, numbers)]
            rows.append(row + (step_cells(part) if regulated else [NONE, NONE]))
    return table([*head, *STEP_HEAD], rows)


def _components(data: Mapping[str, xr.Dataset]) -> str:
    rows = []
    for start, text in STARTS.items():
        shares = [float(values.explained.sel(start=start).sum()) for values in data.values()]
        rows.append([text, *(f"{share:.1%}" for share in shares)])
    return table(["starts", *data], rows)


def _meaning(data: Mapping[str, xr.Dataset]) -> str:
    facts = next(iter(data.values())).attrs
    return (
        f"N = {facts['n']}. {errors_said(facts['n_trials'])} (a) is at "
        f"t = {facts['t_switch_panels']:g}, (b) {facts['t_after']:g} later, (c) at the same "
        f"time as (b). Densities of φ: where |φ| > {EDGE:g} and |φ| < {CENTRE:g}; a U shape can "
        f"only be that of the bounded φ(x). Shown is |x| ≤ {REACH:g}. "
        "The theory of (a) for N → ∞ (black) has a Gaussian x with "
        f"⟨φ²⟩ = {facts['phi2_theory']:.3f}. (d) One network, "
        f"P = {facts['n_trajectories']} trajectories of L = {facts['n_samples']} samples over "
        f"{2 * facts['t_switch']:g} time units, κ = 1 from t = {facts['t_switch']:g} on; shown "
        f"with independent starts; the paper does not print its own. {steps_meaning(data)}"
    )
