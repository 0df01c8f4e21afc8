"""[HH] Fig. 6: couplings of the three E–I networks; with their spectra, which decide on chaos."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import scipy

from meanfield.common import style
from meanfield.common.study import Part, Study, told

from ..couplings import PAPER_SETS, column_means, dale_outlier, dale_radius
from ..observables import activity_distribution
from .protocol import mean_coupling, printed_set

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage

_KINDS = ("excitatory", "inhibitory")
# Coefficients c_k, and the least modulus of an outlier over the radius: next to it all c_k matter.
_ORDER, _OUTSIDE = 25, 1.1


def spectrum(network: str, *, n: int = 1000, n_shown: int = 100, seed: int) -> dict[str, Any]:
    """Couplings of one E–I network, their distribution and eigenvalues.

    Parameters
    ----------
    network : {"inhibitory", "balanced", "excitatory"}
        Parameters printed in the caption of [HH] Fig. 6.
    n_shown : int
        Evenly spaced neurons whose couplings are kept.
    """
    values = PAPER_SETS[network]
    J = printed_set(network, n, seed)
    eigenvalues = np.asarray(np.linalg.eigvals(J), dtype=complex)
    expected = dale_outlier(n, **values)[0]
    # Without the mean of what each neuron sends no outlier is left.
    inside = np.abs(np.linalg.eigvals(J - J.mean(axis=0)))
    columns = np.split(np.sqrt(n) * J, [round(values["f"] * n)], axis=1)
    existing = [part[part != 0] for part in columns]
    # The widest mean, −6, and three standard deviations on either side.
    histograms = [activity_distribution(part, bins=80, range=(-10.0, 6.0)) for part in existing]
    total = sum(part.size for part in existing)
    density = np.array([h.density * h.n_samples / total for h in histograms])
    wrong = [float(np.mean(existing[0] < 0)), float(np.mean(existing[1] > 0))]
    means = column_means(J, order=_ORDER)
    loop = np.array([1.0, -means.mean_coupling, means.strength, *np.zeros(_ORDER - 1)])
    loop[2:] -= means.coefficients
    roots = np.roots(loop)
    shown = np.linspace(0, n - 1, min(n_shown, n)).astype(int)
    block = (np.sqrt(n) * J[np.ix_(shown, shown)]).astype(np.float32)
    abscissa = float(eigenvalues.real.max())
    return {
        "kind": list(_KINDS),
        "center": histograms[0].centers,
        "couplings": told(("post", "pre"), block, "√N J between evenly spaced neurons"),
        "density": told(
            ("kind", "center"), density,
            "density of √N J over existing couplings, both kinds together 1",
        ),
        "eigenvalues_real": ("neuron", eigenvalues.real),
        "eigenvalues_imag": ("neuron", eigenvalues.imag),
        "wrong_sign": told("kind", wrong, "share of couplings against Dale's law"),
        "mean": told((), J.sum() / (n - 1), "N times the mean coupling"),
        "radius": told((), inside.max(), "largest |λ| of couplings without their mean"),
        "roots_real": told("root", roots.real, "λ by the column means v and c_k = vᵀWᵏ1"),
        "roots_imag": ("root", roots.imag),
        "outlier": told(
            (), eigenvalues[np.argmin(np.abs(eigenvalues - expected))].real
            if np.isfinite(expected) else np.nan,
            "eigenvalue outside the disc, where the formula has one",
        ),
        "abscissa": told((), abscissa, "largest Re λ"),
        "above_one": told((), abscissa > 1, "share of couplings whose largest Re λ is above 1"),
    }  # fmt: skip


def add_formulas(data: xr.Dataset) -> xr.Dataset:
    """Density of couplings, radius of the disc, outlier and mean coupling by their formulas."""
    n, names = data.attrs["n"], [str(name) for name in data.network.values]
    sets = [PAPER_SETS[name] for name in names]
    radius = [dale_radius(**one) for one in sets]
    outlier = [dale_outlier(n, **one)[0].real for one in sets]
    laws = [
        [scipy.stats.norm(one[f"mu_{kind}"], one[f"sigma_{kind}"]) for kind in "ei"] for one in sets
    ]
    against = [[e.cdf(0), i.sf(0)] for e, i in laws]
    at, f = data.center.values, sets[0]["f"]
    density = [f * e.pdf(at) + (1 - f) * i.pdf(at) for e, i in laws]
    return data.assign(
        density_formula=told(("network", "center"), density, "density of both kinds, any N"),
        wrong_sign_formula=told(("network", "kind"), against, "share against Dale's law, any N"),
        radius_formula=told("network", radius, "radius R of the disc by its formula"),
        outlier_formula=told("network", outlier, "outlier, nan where the disc has none"),
        mean_formula=told("network", [mean_coupling(name, n) for name in names], "N·E[J]"),
    )


def draw(data: xr.Dataset) -> Figure:
    """One column a network: couplings, their distribution, eigenvalues with circle and outlier."""
    figure, axes = style.panels(
        3, data.sizes["network"], height=6.2, height_ratios=(1.2, 0.7, 1), squeeze=False
    )
    for (top, middle, bottom), name in zip(axes.T, data.network.values, strict=True):
        part = data.sel(network=name).isel(replicate=0)
        image = _matrix(top, part, str(name))
        for index, kind in enumerate(_KINDS):
            middle.fill_between(
                data.center, part.density.sel(kind=kind), step="mid", alpha=0.35 + 0.3 * index,
                color=f"C{index}", lw=0, label=f"from {kind[0].upper()} neurons",
            )  # fmt: skip
        middle.plot(data.center, part.density_formula, "--", color="black", lw=0.8, label="theory")
        middle.axvline(0, color="0.6", lw=0.8)
        middle.set_xlabel(r"$\sqrt{N}\,J_{ij}$ of existing couplings")
        _spectrum(bottom, part)
    figure.colorbar(image, ax=list(axes[0]), label=r"$\sqrt{N}\,J_{ij}$", extend="both")
    axes[0, 0].set_ylabel("to neuron $i$")
    axes[1, 0].set_ylabel("density")
    axes[1, 0].set_ylim(top=1.7 * axes[1, 0].get_ylim()[1])
    axes[1, 0].legend(loc="upper left")
    axes[2, 0].set_ylabel(r"Im $\lambda(J)$")
    style.above(
        figure,
        rf"E–I networks, $N = {data.attrs['n']}$, $f = 0.8$, $\alpha = 0.2$, "
        r"$\sigma_e = \sigma_i = 1.2$",
    )
    return figure


def _matrix(axis: Axes, part: xr.Dataset, name: str) -> AxesImage:
    count, values = part.sizes["post"], PAPER_SETS[name]
    image = axis.imshow(
        part.couplings, cmap="RdBu_r", vmin=-6, vmax=6, interpolation="nearest", aspect="equal"
    )
    axis.set_title(
        f"{name}\n"
        rf"$\mu_e = {values['mu_e']:g}$, $\mu_i = {values['mu_i']:g}$, "
        rf"$N E[J] = {float(part.mean_formula):.2f}$"
    )
    axis.axvline(values["f"] * count - 0.5, color="black", lw=0.8)
    axis.set_xticks([values["f"] * count / 2, (1 + values["f"]) * count / 2], ["from E", "from I"])
    axis.set_yticks([])
    axis.tick_params(length=0)
    return image


def _spectrum(axis: Axes, part: xr.Dataset) -> None:
    radius, outlier = float(part.radius_formula), float(part.outlier_formula)
    angle = np.linspace(0, 2 * np.pi, 400)
    axis.plot(part.eigenvalues_real, part.eigenvalues_imag, ".", ms=1.2, color="C5")
    axis.plot(
        radius * np.cos(angle), radius * np.sin(angle), color="C0", label=rf"$R = {radius:.3f}$"
    )
    axis.axvline(
        1, ymax=0.72, ls="--", color="0.4", lw=0.9, label="1, limit of stability of $x = 0$"
    )
    outside = np.hypot(part.roots_real, part.roots_imag) > _OUTSIDE * radius
    if outside.any():
        axis.plot(
            part.roots_real[outside], part.roots_imag[outside], "o", mfc="none", color="black",
            ms=4.5, label="outliers by column means",
        )  # fmt: skip
    if np.isfinite(outlier):
        axis.plot(outlier, 0, "x", color="C1", ms=5, mew=1.2, label=rf"outlier ${outlier:.2f}$")
    axis.set(aspect="equal", xlim=(-3.2, 3.2), ylim=(-1.7, 4.0), xlabel=r"Re $\lambda(J)$")
    axis.legend(loc="upper left")


HH6 = Study(
    name="hh6",
    source="[HH] Fig. 6",
    title="couplings and spectra of the three E–I networks",
    parts=(Part(spectrum, ("network",), replicated=True),),
    draw=draw,
    derive=add_formulas,
    text=f"""
Couplings of the E–I networks with the printed parameters: top, couplings between evenly spaced
neurons; middle, their distribution; bottom (not in the paper), eigenvalues λ; of the first
couplings. Dashed: the densities they are drawn from. x = 0 loses stability where the largest real
part passes 1. The disc of the balanced network stays inside: as printed it makes no chaos for large
N. Single eigenvalues outside the disc can still pass 1, at every N: those that the column means v
make of the random part W (circles: of the roots of z² − λ₀z + s = Σ c_k z^(1−k), c_k = vᵀWᵏ1 of
variance sR^(2k), k ≤ {_ORDER}, those of modulus above {_OUTSIDE} R). The spread σ relaxes
Dale's law: some couplings have the other sign.""",
    axes={"network": tuple(PAPER_SETS)},
    replicates=5,
    columns=(
        "radius_formula", "radius", "outlier_formula", "outlier", "abscissa", "above_one",
        "mean_formula", "mean", "wrong_sign_formula", "wrong_sign",
    ),
    compared={"radius": "radius_formula", "outlier": "outlier_formula", "mean": "mean_formula"},
    presets={"quick": {"n": 300}, "paper": {}},
)  # fmt: skip
