"""What a search for fixed points returns."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from meanfield.common.arguments import Array
from meanfield.common.files import provenance

from .distinct import Found, canonical
from .landscape import Landscape

if TYPE_CHECKING:
    import xarray as xr

OUTCOMES = ("failed", "zero", "minimum")

# A real part below this times the bound on ‖A‖ is 0: at minima of E with f ≠ 0, A is singular.
_NO_GROWTH = 1e-10

_MEANINGS = {
    "hits": "number of starts that ended here",
    "proven": "an exact point lies within rounding (Newton-Kantorovich theorem)",
    "residual": "root mean square of f over neurons",
    "energy": "E/N, kinetic energy per neuron",
    "x2": "|x|^2/N",
    "q": "mean of phi(x)^2",
    "n_unstable": "number of eigenvalues of A with positive real part",
    "smallest_singular_value": "smallest singular value of A",
    "smallest_curvature": "smallest eigenvalue of Hess E",
}


@dataclass(frozen=True)
class StationaryPoints:
    """Distinct points in order of ‖x‖²/n; x and −x are one and the first stands for both.

    Attributes
    ----------
    x : (n, n_points) ndarray
        Neurons first, one point a column; the entry of largest size is positive.
    hits : (n_points,) ndarray of int
        How many starts ended at x or −x.
    proven : (n_points,) ndarray of bool
        Whether the Newton–Kantorovich theorem, with bounds on rounding, shows an exact zero (of f,
        or of ∇E) beside the point.
    residual : (n_points,) ndarray
        Root mean square of f over neurons.
    energy : (n_points,) ndarray
        E/n, per neuron.
    x2, q : (n_points,) ndarray
        ‖x‖²/n and the mean of φ².
    eigenvalues : (n_points, n) ndarray of complex
        Of A = −I + J diag φ', the Jacobian of the vanilla dynamics; falling real part.
    n_unstable : (n_points,) ndarray of int
        Number of eigenvalues with a positive real part (beyond rounding).
    smallest_singular_value : (n_points,) ndarray
        Of A.
    smallest_curvature : (n_points,) ndarray
        Smallest eigenvalue of Hess E = AᵀA + diag(φ''∘Jᵀf); at zeros of f the square of the
        smallest singular value.
    """

    x: Array
    hits: NDArray[np.int64]
    proven: NDArray[np.bool_]
    residual: Array
    energy: Array
    x2: Array
    q: Array
    eigenvalues: NDArray[np.complex128]
    n_unstable: NDArray[np.int64]
    smallest_singular_value: Array
    smallest_curvature: Array

    def __len__(self) -> int:
        return self.x.shape[1]


@dataclass(frozen=True)
class FixedPoints(StationaryPoints):
    """The zeros of f found, with the attributes of `StationaryPoints`, and what else was met.

    Attributes
    ----------
    minima : StationaryPoints
        Local minima of E with f ≠ 0: no fixed points.  A is singular there.
    outcome : (n_starts,) ndarray of str
        Where each start ended: "zero", "minimum" or "failed".
    index : (n_starts,) ndarray of int
        Column of that point in `x` or `minima.x`; −1 for a failed start.
    reasons : dict of int to str
        Failed starts with the reason.
    iterations : (n_starts,) ndarray of int
        Linear systems solved from each start.
    escapes : int
        How often a saddle of E was met and left downwards.
    attributes : dict
        Parameters and seed of the search.
    """

    minima: StationaryPoints
    outcome: NDArray[np.str_]
    index: NDArray[np.int64]
    reasons: dict[int, str]
    iterations: NDArray[np.int64]
    escapes: int
    attributes: dict[str, Any]

    @property
    def n_starts(self) -> int:
        """Number of starts."""
        return len(self.outcome)

    @property
    def n_failed(self) -> int:
        """Number of starts that ended at no point."""
        return int(np.sum(self.outcome == "failed"))

    @property
    def status(self) -> str:
        """Whether every start ended at a point: "success" or "k of m starts failed"."""
        if not self.n_failed:
            return "success"
        return f"{self.n_failed} of {self.n_starts} starts failed"

    @property
    def zero_fraction(self) -> float:
        """Share of the starts that ended at a zero of f."""
        return float(np.mean(self.outcome == "zero"))

    @property
    def new_zero_probability(self) -> float:
        """Probability that one more start of the same kind ends at a zero not listed.

        The share of starts whose zero no other start reached: Good's and Turing's estimate, without
        bias for a search with one start fewer (Good, Biometrika 40, 237 (1953)).  A small value
        says that these starts find nothing new, not that no zeros are left: those whose basins the
        starts never enter do not count.
        """
        return float(np.sum(self.hits == 1)) / self.n_starts

    @property
    def new_zero_probability_err(self) -> float:
        """Its standard error (Esty, Ann. Statist. 11, 905 (1983)), at least 1/`n_starts`.

        No single hit among n starts excludes probabilities beyond a few times 1/n, not 1/n itself.
        """
        once, twice = (float(np.sum(self.hits == k)) / self.n_starts for k in (1, 2))
        variance = (once + 2 * twice - once**2) / self.n_starts
        return float(np.sqrt(max(variance, self.n_starts**-2)))

    @property
    def index_sum(self) -> int:
        """Σ (−1)^n_unstable over the zeros listed, x and −x both counted.

        Over all zeros the sum is 1 if φ is bounded and no zero is degenerate: f then points inwards
        on a large sphere (Poincaré–Hopf theorem).  Any other value proves that zeros are missing;
        1 does not prove that none are.
        """
        twins = np.where(np.any(self.x != 0, axis=0), 2, 1)
        return int(np.sum(twins * (-1) ** (self.n_unstable % 2)))

    @property
    def summary(self) -> str:
        """The counts in a sentence."""
        counts = {kind: int(np.sum(self.outcome == kind)) for kind in OUTCOMES}
        unproven = int(np.sum(~self.proven))
        doubt = (
            f", {unproven} of them unproven (A is too close to singular: they may be points of a "
            "continuum, several zeros in one, or none)"
            if unproven
            else ""
        )
        return (
            f"{len(self)} zeros of f (x and -x are one){doubt}, reached from {counts['zero']} of "
            f"{self.n_starts} starts; {len(self.minima)} minima of E with f != 0 from "
            f"{counts['minimum']}; {counts['failed']} starts failed; another start finds a new "
            f"zero with probability {self.new_zero_probability:.2g} +- "
            f"{self.new_zero_probability_err:.1g}"
        )

    def to_dataset(self) -> xr.Dataset:
        """Labelled arrays with parameters, status and versions in the attributes.

        Minima carry the prefix ``minimum_``.  Files of netCDF 3 know no complex numbers, so real
        and imaginary parts of eigenvalues stand apart.
        """
        import xarray as xr

        variables: dict[str, Any] = {}
        for prefix, axis, table in (("", "zero", self), ("minimum_", "minimum", self.minima)):
            if not len(table) and prefix:
                continue  # netCDF 3 takes a dimension of length 0 for an unlimited one
            variables[f"{prefix}x"] = (("neuron", axis), table.x, {"long_name": "synaptic current"})
            for name, meaning in _MEANINGS.items():
                note = {"long_name": meaning}
                variables[prefix + name] = (axis, getattr(table, name), note)
            for part in ("real", "imag"):
                variables[f"{prefix}eigenvalues_{part}"] = (
                    (axis, "eigenvalue"),
                    getattr(table.eigenvalues, part),
                    {"long_name": f"{part} part of the eigenvalues of A"},
                )
        codes = np.array([OUTCOMES.index(kind) for kind in self.outcome], dtype=np.int32)
        flags = {"flag_values": np.arange(3, dtype=np.int32), "flag_meanings": " ".join(OUTCOMES)}
        variables["outcome"] = ("start", codes, flags)
        variables["index"] = ("start", self.index, {"long_name": "number of the point, -1 if none"})
        variables["iterations"] = ("start", self.iterations)
        names = (
            "n_starts", "n_failed", "escapes", "index_sum", "new_zero_probability",
            "new_zero_probability_err", "status", "summary",
        )  # fmt: skip
        attributes = {
            **self.attributes,
            "n_zeros": len(self),
            "n_minima": len(self.minima),
            "reasons": json.dumps(self.reasons),
        } | {name: getattr(self, name) for name in names}
        return xr.Dataset(variables, attrs={**attributes, **provenance()})


def tabulate(landscape: Landscape, points: list[Found]) -> dict[str, Any]:
    """The columns of `StationaryPoints`."""
    count, n = len(points), landscape.n
    x, spectra = np.empty((n, count)), np.empty((count, n), dtype=complex)
    for k, point in enumerate(points):
        x[:, k] = canonical(point.site.x)
        # A fresh site, which forgets its matrices.
        values = np.linalg.eigvals(landscape.at(point.site.x).jacobian).astype(complex)
        spectra[k] = values[np.lexsort((-values.imag, -values.real))]
    residual = np.array([point.site.residual for point in points])
    value = landscape.function.phi(x)
    return {
        "x": x,
        "hits": np.array([point.hits for point in points], dtype=np.int64),
        "proven": np.array([point.proven for point in points], dtype=bool),
        "residual": residual,
        "energy": residual**2 / 2,
        "x2": np.mean(x**2, axis=0),
        "q": np.mean(value**2, axis=0),
        "eigenvalues": spectra,
        "n_unstable": np.sum(spectra.real > _NO_GROWTH * landscape.stretch, axis=1),
        "smallest_singular_value": np.array([p.smallest_singular_value for p in points]),
        "smallest_curvature": np.array([p.smallest_curvature for p in points]),
    }
