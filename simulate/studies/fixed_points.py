"""`python -m simulate fixed-points`: zeros of f and where else descents of E end."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from meanfield import complexity, transfer_function
from meanfield.common import style
from meanfield.common.options import Couplings
from meanfield.common.study import Part, Study, told

from ..fixed_points import find_fixed_points
from .protocol import bias_text, couplings_text, make_bias, make_couplings

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.figure import Figure

_GAIN = 2.0


def fixed_points(
    *,
    couplings: Couplings = "elliptic",
    n: int = 100,
    g: float | None = None,
    gamma: float | None = None,
    phi: str = "tanh",
    bias: float = 0.0,
    bias_std: float = 0.0,
    n_starts: int = 64,
    from_: str = "both",
    tol: float = 1e-10,
    threads: int | None = None,
    seed: int,
    progress: bool = False,
) -> xr.Dataset:
    """Fixed points of one network, their spectra, and the minima of E that are none.

    Parameters
    ----------
    couplings : {"elliptic", "dale-inhibitory", "dale-balanced", "dale-excitatory"} or file
        Ensemble; the E–I networks are those of [HH] Fig. 6.  Or a matrix, a row a neuron, .npy or
        .npz of scipy.sparse, on which g is a factor.
    g : float
        Gain, not of E–I networks.  [default: 2]
    gamma : float
        Symmetry, likewise.  [default: 0]
    n_starts : int
        Descents.
    from_ : {"chaos", "gradient", "both"}
        Start from chaotic states, from ends of the gradient flow, or both.
    tol : float
        Largest rms f.
    threads : int
        BLAS threads.  [default: 1]
    """
    J, noted = make_couplings(couplings, n, g, gamma, seed, usual=_GAIN)
    points = find_fixed_points(
        J, n_starts=n_starts, starts=from_, tol=tol, bias=make_bias(n, bias, bias_std, seed),
        phi=phi, seed=seed, threads=threads, progress=progress,
    )  # fmt: skip
    data = points.to_dataset()
    facts = {
        **data.attrs,
        "n_unproven": int(np.sum(~points.proven)),
        **{f"{kind}_starts": int(np.sum(points.outcome == kind)) for kind in ("zero", "minimum")},
    }
    texts = {
        "n_zeros": "zeros of f; of an odd f x and −x are one",
        "n_unproven": "of them too close to singular: several zeros, a continuum, or none",
        "zero_starts": "starts that ended at a zero",
        "n_minima": "minima of E with f ≠ 0",
        "minimum_starts": "starts that ended there",
        "n_failed": "starts that failed",
        "index_sum": "Σ (−1)^n_unstable over all zeros",
        "new_zero_probability": "probability that another start finds a new zero",
        "new_zero_probability_err": "its error",
    }
    numbers = {name: told((), facts[name], text) for name, text in texts.items()}
    return data.assign(numbers).assign_attrs(noted)


def derive(data: xr.Dataset) -> xr.Dataset:
    """Where most zeros are as N → ∞, if they are exponentially many."""
    facts = data.attrs
    found = np.full(2, np.nan)
    phi = transfer_function(facts["phi"])
    random = facts["couplings"] == "elliptic" and phi.is_odd and phi.is_smooth_at_0
    if random and not bias_text(data):
        typical = complexity(facts["g"], facts["gamma"], phi=phi, throw=False)
        if typical.converged and not typical.is_null:
            found[:] = typical.x2, typical.index
    return data.assign(
        x2_theory=told((), found[0], "|x|²/N of typical zeros, N to infinity"),
        index_theory=told((), found[1], "their share of unstable directions"),
    )


def draw(data: xr.Dataset) -> Figure:
    """Unstable directions of the zeros of f and minima of E, and spectra of A at a few zeros."""
    figure, (left, right) = style.panels(1, 2, height=2.8)
    n = data.attrs["n"]
    left.plot(data.x2, data.n_unstable / n, "o", color=style.SECOND, label="zeros of $f$")
    if "minimum_x2" in data:
        left.plot(
            data.minimum_x2, data.minimum_n_unstable / n, "x", color=style.MAIN,
            label=r"minima of $E$ with $f \neq 0$",
        )  # fmt: skip
    if np.isfinite(data.x2_theory):
        left.plot(
            data.x2_theory, data.index_theory, "*", color="black", ms=7,
            label=r"typical zeros, $N \to \infty$",
        )  # fmt: skip
    left.set(xlabel=r"$|x|^2/N$", ylabel="unstable directions / N", title=couplings_text(data))
    left.legend()
    shown = np.unique(np.linspace(0, data.sizes["zero"] - 1, 3).astype(int))
    for index, column in enumerate(shown):
        right.plot(
            data.eigenvalues_real[column], data.eigenvalues_imag[column], ".", ms=2.5,
            color=style.shade(index, len(shown)),
            label=rf"$|x|^2/N = {float(data.x2[column]):.2f}$",
        )  # fmt: skip
    right.axvline(0, color="0.6", lw=0.8)
    right.set(xlabel=r"Re $\lambda(A)$", ylabel=r"Im $\lambda(A)$")
    # Room for it above the spectra.
    right.set_ylim(top=1.4 * right.get_ylim()[1])
    right.legend()
    return figure


FIXED_POINTS = Study(
    name="fixed-points",
    source="[QH]",
    title="zeros of f, and where else descents of E end",
    parts=(Part(fixed_points, whole=True),),
    draw=draw,
    derive=derive,
    text="""
(a) Unstable directions of the zeros of f, circles, and of the minima of E with f ≠ 0, crosses,
which are no fixed points, against |x|²/N; star: where the exponentially many zeros of a large
network are (`meanfield.complexity`), of which descents find those with large basins.
(b) Eigenvalues of A = −I + J diag φ′ at a few zeros. A small probability of a new zero says that
these starts find nothing more, not that no zeros are left; for bounded φ, a sum of indices other
than 1 says that zeros are missing or degenerate.""",
    columns=(
        "n_zeros", "n_unproven", "zero_starts", "n_minima", "minimum_starts", "n_failed",
        "index_sum", "new_zero_probability", "x2_theory", "index_theory",
    ),
    command="python -m simulate fixed-points",
)  # fmt: skip
