"""[HH] Fig. 6: couplings of the three E–I networks; with their spectra, which decide on chaos."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import NamedTuple

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from numpy.typing import NDArray

from meanfield import seeds
from meanfield.transfer import Array

from ...couplings import PAPER_SETS, dale, dale_mean, dale_outlier, dale_radius
from ...observables import activity_distribution
from ...parallel import in_parallel
from ..definition import CONVERGED, PaperFigure
from ..text import NONE, averaged, errors_said, paragraphs, table

# Couplings times √N: the widest mean, −6, and three standard deviations on either side.
_RANGE = (-10.0, 6.0)
_BINS = 80
_KINDS = ("excitatory", "inhibitory")


class _Measured(NamedTuple):
    eigenvalues: NDArray[np.complex128]
    radius: float
    abscissa: float
    outlier: float  # nan where the mean makes none
    mean: float  # N times the mean coupling
    wrong_sign: Array  # share of couplings against Dale's law, by kind of the presynaptic neuron
    density: Array  # of √N J over the existing couplings, by kind
    block: Array


def compute(
    *,
    n: int,
    n_trials: int,
    n_shown: int,
    variant: str,
    seed: int,
    workers: int | None,
    progress: bool,
) -> xr.Dataset:
    """Couplings, their distribution and eigenvalues for the parameters in the caption of [HH]."""
    jobs = [
        partial(_measure, n, name, seeds.member(seed, trial), n_shown)
        for name in PAPER_SETS
        for trial in range(n_trials)
    ]
    found = list(in_parallel(jobs, workers, label="hh6", progress=progress))
    first = found[::n_trials]
    shape = (len(PAPER_SETS), n_trials)
    sets = PAPER_SETS.values()
    placed = [{name: s[name] for name in ("f", "alpha", "mu_e", "mu_i")} for s in sets]
    edges = np.linspace(*_RANGE, _BINS + 1)
    eigenvalues = np.array([job.eigenvalues for job in first])
    data = {
        "couplings": (
            ("network", "post", "pre"),
            np.array([job.block for job in first]),
            {"long_name": "sqrt(N) J between evenly spaced neurons"},
        ),
        "density": (
            ("network", "kind", "bin"),
            np.array([job.density for job in first]),
            {"long_name": "density of sqrt(N) J over existing couplings, both kinds together 1"},
        ),
        "eigenvalues_real": (("network", "neuron"), eigenvalues.real),
        "eigenvalues_imag": (("network", "neuron"), eigenvalues.imag),
        "wrong_sign": (
            ("network", "trial", "kind"),
            np.array([job.wrong_sign for job in found]).reshape(*shape, 2),
            {"long_name": "share of couplings against Dale's law"},
        ),
    }
    for name, text in (
        ("radius", "largest modulus of an eigenvalue of the couplings without their mean"),
        ("abscissa", "largest real part of an eigenvalue; x = 0 is stable below 1"),
        ("outlier", "eigenvalue outside the disc"),
        ("mean", "N times the mean coupling"),
    ):
        values = np.array([getattr(job, name) for job in found]).reshape(shape)
        data[name] = (("network", "trial"), values, {"long_name": text})
    formulas = {
        "radius_formula": [dale_radius(**s) for s in sets],
        "outlier_formula": [dale_outlier(n, **s) for s in placed],
        "mean_formula": [dale_mean(n, **s) for s in placed],
    }
    return xr.Dataset(
        data | {name: ("network", values) for name, values in formulas.items()},
        {"network": list(PAPER_SETS), "kind": list(_KINDS), "center": ("bin", _middle(edges))},
        {"n": n, "n_trials": n_trials},
    )


def _measure(n: int, name: str, seed: int, n_shown: int) -> _Measured:
    values = PAPER_SETS[name]
    J = dale(n, seed=seed, sparse=False, **values)
    eigenvalues = np.asarray(np.linalg.eigvals(J), dtype=np.complex128)
    expected = dale_outlier(n, **{k: values[k] for k in ("f", "alpha", "mu_e", "mu_i")})
    outlier = np.nan
    if abs(expected) > dale_radius(**values):
        outlier = float(eigenvalues[np.argmin(np.abs(eigenvalues - expected))].real)
    # Without the mean of what each neuron sends no outlier is left.
    inside = np.abs(np.linalg.eigvals(J - J.mean(axis=0)))
    columns = np.split(np.sqrt(n) * J, [round(values["f"] * n)], axis=1)
    existing = [part[part != 0] for part in columns]
    total = sum(part.size for part in existing)
    edges = np.linspace(*_RANGE, _BINS + 1)
    density = [
        activity_distribution(part, bins=edges).density * part.size / total for part in existing
    ]
    wrong = [float(np.mean(existing[0] < 0)), float(np.mean(existing[1] > 0))]
    shown = np.linspace(0, n - 1, min(n_shown, n)).astype(int)
    block = (np.sqrt(n) * J[np.ix_(shown, shown)]).astype(np.float32)
    mean = float(J.sum() / (n - 1))
    return _Measured(
        eigenvalues, float(inside.max()), float(eigenvalues.real.max()), outlier, mean,
        np.array(wrong), np.array(density), block,
    )  # fmt: skip


def _middle(edges: Array) -> Array:
    return (edges[1:] + edges[:-1]) / 2


def draw(data: xr.Dataset) -> Figure:
    """One column a network: couplings, their distribution, eigenvalues with circle and outlier."""
    figure = Figure(figsize=(9.5, 8.2), layout="constrained")
    axes = figure.subplots(3, 3, height_ratios=(1.2, 0.7, 1))
    for (top, middle, bottom), name in zip(axes.T, data.network.values, strict=True):
        part = data.sel(network=name)
        image = _matrix(top, part, str(name))
        for index, kind in enumerate(data.kind.values):
            middle.fill_between(
                data.center, part.density.sel(kind=kind), step="mid", alpha=0.35 + 0.3 * index,
                color=f"C{index}", lw=0, label=f"from {kind[0].upper()} neurons",
            )  # fmt: skip
        middle.axvline(0, color="0.6", lw=0.8)
        middle.set_xlabel(r"$\sqrt{N}\,J_{ij}$ of existing couplings")
        _spectrum(bottom, part)
    figure.colorbar(image, ax=list(axes[0]), label=r"$\sqrt{N}\,J_{ij}$", extend="both")
    axes[0, 0].set_ylabel("to neuron $i$")
    axes[1, 0].set_ylabel("density")
    axes[1, 0].legend(fontsize=7, loc="upper left")
    axes[2, 0].set_ylabel(r"Im $\lambda(J)$")
    figure.suptitle(
        rf"E–I networks, $N = {data.attrs['n']}$, $f = 0.8$, $\alpha = 0.2$, "
        r"$\sigma_e = \sigma_i = 1.2$",
        x=0.01,
        ha="left",
        fontsize=10,
    )
    return figure


def _matrix(axis: Axes, part: xr.Dataset, name: str) -> AxesImage:
    count = part.sizes["post"]
    image = axis.imshow(
        part.couplings, cmap="RdBu_r", vmin=-6, vmax=6, interpolation="nearest", aspect="equal"
    )
    values = PAPER_SETS[name]
    axis.set_title(
        f"{name}\n"
        rf"$\mu_e = {values['mu_e']:g}$, $\mu_i = {values['mu_i']:g}$, "
        rf"$N E[J] = {float(part.outlier_formula):.2f}$"
    )
    axis.axvline(values["f"] * count - 0.5, color="black", lw=0.8)
    axis.set_xticks([values["f"] * count / 2, (1 + values["f"]) * count / 2], ["from E", "from I"])
    axis.set_yticks([])
    axis.tick_params(length=0)
    return image


def _spectrum(axis: Axes, part: xr.Dataset) -> None:
    radius, outlier = float(part.radius_formula), float(part.outlier_formula)
    angle = np.linspace(0, 2 * np.pi, 400)
    axis.plot(part.eigenvalues_real, part.eigenvalues_imag, ".", ms=2, color="C5")
    axis.plot(
        radius * np.cos(angle), radius * np.sin(angle), color="C0", label=rf"$R = {radius:.3f}$"
    )
    axis.axvline(
        1, ymax=0.72, ls="--", color="0.4", lw=0.9, label="1, limit of stability of $x = 0$"
    )
    if abs(outlier) > radius:
        axis.plot(outlier, 0, "x", color="C1", ms=8, mew=1.6, label=rf"$N E[J] = {outlier:.2f}$")
    axis.set_aspect("equal")
    axis.set_xlim(-3.2, 3.2)
    axis.set_ylim(-1.7, 3.0)
    axis.set_xlabel(r"Re $\lambda(J)$")
    axis.legend(fontsize=7, loc="upper left")


def caption(data: Mapping[str, xr.Dataset]) -> str:
    """Radius and outlier by formula and measured, and what they say about x = 0."""
    found = data[CONVERGED]
    balanced = found.sel(network="balanced")
    wrong = balanced.wrong_sign.mean("trial")
    head = ["network", "radius, formula", "radius", "N·E[J]", "outlier", "largest Re λ", "above 1"]
    return paragraphs(
        "Couplings of the three E–I networks with the printed parameters: top, couplings between "
        "evenly spaced neurons; middle, their distribution; bottom (not in the paper), eigenvalues "
        "λ. x = 0 loses stability where the largest real part passes 1. The disc of the balanced "
        f"network, of radius {float(balanced.radius_formula):.3f}, stays inside: as printed it "
        "makes no chaos for large N. Single eigenvalues outside the disc, made by finite N and by "
        "the means of E and I couplings that cancel only in their sum, can still pass 1.",
        table(head, [_row(found.sel(network=name), str(name)) for name in found.network.values]),
        f"N = {found.attrs['n']}. {errors_said(found.attrs['n_trials'])} Radius: largest modulus "
        "of an eigenvalue of the couplings without their mean. Outlier: where |N·E[J]| exceeds the "
        "radius. Above 1: couplings whose largest real part is. The spread σ relaxes Dale's law: "
        f"{float(wrong.sel(kind='excitatory')):.1%} of the couplings from excitatory and "
        f"{float(wrong.sel(kind='inhibitory')):.2%} of those from inhibitory neurons of the "
        "balanced network have the other sign.",
    )


def _row(part: xr.Dataset, name: str) -> list[str]:
    has_outlier = bool(part.outlier.notnull().all())
    return [
        name,
        f"{float(part.radius_formula):.3f}",
        averaged(part.radius),
        f"{float(part.outlier_formula):.2f}",
        averaged(part.outlier) if has_outlier else NONE,
        averaged(part.abscissa),
        f"{int((part.abscissa > 1).sum())} of {part.sizes['trial']}",
    ]


FIGURE = PaperFigure(
    key="hh6",
    source="[HH] Fig. 6",
    title="Couplings and spectra of the three E–I networks",
    compute=compute,
    draw=draw,
    caption=caption,
    scales={
        "quick": {"n": 300, "n_trials": 5, "n_shown": 100},
        "paper": {"n": 1000, "n_trials": 5, "n_shown": 100},
    },
)
