"""Which ends of descents are the same point, and what a search for fixed points returns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigvalsh, svdvals

from meanfield.common.arguments import Array
from meanfield.common.result import Result, fact, value

from .descent import EPS, Landscape, LandscapePoint

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes

# A real part below this times the bound on ‖A‖ is 0: at minima of E with f ≠ 0, A is singular.
_NO_GROWTH = 1e-10


class StationaryPoints(Result):
    """Distinct points in order of ‖x‖²/n; of an odd f x and −x are one, the first for both."""

    x: Array = value(
        "synaptic current",
        ("neuron", "point"),
        note="Neurons first, one point a column; of an odd f the entry of largest size is "
        "positive.",
    )
    hits: NDArray[np.int64] = value("number of starts that ended there", ("point",))
    proven: NDArray[np.bool_] = value(
        "whether an exact zero (of f, or of ∇E) lies beside the point",
        ("point",),
        note="By the Newton–Kantorovich theorem, with bounds on rounding, between kinks of φ.",
    )
    residual: Array = value("root mean square of f over neurons", ("point",))
    energy: Array = value("E/n, kinetic energy per neuron", ("point",), symbol="$e$")
    x2: Array = value("‖x‖²/n", ("point",), symbol=r"$|\mathbf{x}|^2/n$,")
    q: Array = value("mean of φ(x)²", ("point",), symbol="$q$")
    eigenvalues: NDArray[np.complex128] = value(
        "eigenvalues of A = −I + J diag φ'",
        ("point", "eigenvalue"),
        note="A is the Jacobian of the vanilla dynamics; falling real part.",
    )
    n_unstable: NDArray[np.int64] = value(
        "number of eigenvalues of A with a positive real part (beyond rounding)", ("point",)
    )
    smallest_singular_value: Array = value("smallest singular value of A", ("point",))
    smallest_curvature: Array = value(
        "smallest eigenvalue of Hess E = AᵀA + diag(φ''∘Jᵀf)",
        ("point",),
        note="At zeros of f the square of the smallest singular value.",
    )
    _headline = ("x",)
    _picture = ("x2", "n_unstable")

    def __len__(self) -> int:
        return self.x.shape[1]

    def plot(self, ax: Axes | None = None, *, label: str | None = None) -> Axes:
        """Mark the unstable directions of every point against ‖x‖²/n; see `Result.plot`."""
        ax = super().plot(ax, label=label)
        ax.get_lines()[-1].set(linestyle="", marker="o")
        return ax


class FixedPoints(StationaryPoints):
    """The zeros of f found, and what else was met; flagged where a start ended at no point."""

    is_odd: bool = fact("whether f is odd, and x and −x are one", note="φ is odd and no bias.")
    minima: StationaryPoints = fact(
        "local minima of E with f ≠ 0: no fixed points", note="A is singular there."
    )
    outcome: NDArray[np.str_] = value(
        'where each start ended: "zero", "minimum" or "failed"', ("start",)
    )
    index: NDArray[np.int64] = value(
        "column of that point in `x` or `minima.x`; −1 for a failed start", ("start",)
    )
    reasons: dict[int, str] = fact("failed starts with the reason")
    iterations: NDArray[np.int64] = value("linear systems solved from each start", ("start",))
    escapes: int = fact("how often a saddle of E was met and left downwards")

    @property
    def n_starts(self) -> int:
        """Number of starts."""
        return len(self.outcome)

    @property
    def n_failed(self) -> int:
        """Number of starts that ended at no point."""
        return int(np.sum(self.outcome == "failed"))

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
        """Σ (−1)^n_unstable over the zeros listed, of an odd f x and −x both counted.

        Over all zeros the sum is 1 if φ is bounded and no zero is degenerate: f then points inwards
        on a large sphere (Poincaré–Hopf theorem).  Any other value proves that zeros are missing;
        1 does not prove that none are.
        """
        signs = np.where(self.is_odd & np.any(self.x != 0, axis=0), 2, 1)
        return int(np.sum(signs * (-1) ** (self.n_unstable % 2)))

    @property
    def summary(self) -> str:
        """The counts in a sentence."""
        ended = {kind: int(np.sum(self.outcome == kind)) for kind in ("zero", "minimum", "failed")}
        unproven = int(np.sum(~self.proven))
        doubt = (
            f", {unproven} of them unproven (A is too close to singular, or a neuron at a kink of "
            "phi: they may be points of a continuum, several zeros in one, or none)"
            if unproven
            else ""
        )
        one = " (x and -x are one)" if self.is_odd else ""
        return (
            f"{len(self)} zeros of f{one}{doubt}, reached from {ended['zero']} of "
            f"{self.n_starts} starts; {len(self.minima)} minima of E with f != 0 from "
            f"{ended['minimum']}; {ended['failed']} starts failed; another start finds a new "
            f"zero with probability {self.new_zero_probability:.2g} +- "
            f"{self.new_zero_probability_err:.1g}"
        )

    def to_dataset(self, dims: tuple[str, ...] | None = None) -> xr.Dataset:
        """Labelled arrays over zeros; those over minima of E carry the prefix ``minimum_``."""
        data = super().to_dataset(dims).rename_dims(point="zero")
        if len(self.minima):
            minima = self.minima.to_dataset().rename_dims(point="minimum")
            data = data.assign({f"minimum_{name}": array for name, array in minima.items()})
        return data

    def _facts(self) -> dict[str, Any]:
        names = (
            "n_starts", "n_failed", "zero_fraction", "new_zero_probability",
            "new_zero_probability_err", "index_sum", "summary",
        )  # fmt: skip
        facts = super()._facts() | {"n_zeros": len(self), "n_minima": len(self.minima)}
        del facts["minima"]
        return facts | {name: getattr(self, name) for name in names}

    def plot(self, ax: Axes | None = None, *, label: str | None = None) -> Axes:
        """Mark the unstable directions of zeros, circles, and minima, crosses, against ‖x‖²/n."""
        ax = super().plot(ax, label=label)
        if len(self.minima):
            self.minima.plot(ax).get_lines()[-1].set_marker("x")
        return ax


@dataclass
class _Listed:
    """A point reached first by one descent and later perhaps by others."""

    point: LandscapePoint
    smallest_singular_value: float
    smallest_curvature: float
    proven: bool
    # Ends nearer than this are the same point.
    radius: float
    hits: int


class DistinctPoints:
    """Distinct points of one kind, "zero" or "minimum"; of an odd f x and −x are merged."""

    def __init__(self, landscape: Landscape, kind: str) -> None:
        self._landscape = landscape
        self._kind = kind
        self._listed: list[_Listed] = []
        self._states = np.empty((0, landscape.n))
        self._radii = np.empty(0)

    def add(self, point: LandscapePoint, hits: int = 1) -> int:
        """Count a hit of a known point or list a new one; its number."""
        squares = np.einsum("ij,ij->i", self._states, self._states) + point.x @ point.x
        overlaps = self._states @ point.x
        signs = np.where(self._landscape.is_odd & (overlaps < 0), -1.0, 1.0)
        # The nearer of x and −x to each known point; recomputed for the candidates below, as the
        # expanded square loses small distances to cancellation.
        near = squares - 2 * signs * overlaps
        slack = 1e-12 * squares
        for k in np.flatnonzero(near <= self._radii**2 + slack):
            if np.linalg.norm(self._states[k] - signs[k] * point.x) <= self._radii[k]:
                self._listed[k].hits += hits
                return int(k)
        new = _measured(point, self._kind, hits)
        self._listed.append(new)
        self._states = np.vstack([self._states, point.x])
        self._radii = np.append(self._radii, new.radius)
        return len(self._listed) - 1

    def fields(self) -> tuple[dict[str, Any], list[int]]:
        """The fields of `StationaryPoints` by ‖x‖²/n, and the numbers of the points in order."""
        stands = _canonical if self._landscape.is_odd else np.copy
        states = [stands(entry.point.x) for entry in self._listed]
        # Points tied by a symmetry of J follow their entries.
        keys = [(round(float(x @ x) / len(x), 9), *np.round(-x, 6).tolist()) for x in states]
        order = sorted(range(len(states)), key=keys.__getitem__)
        listed, n = [self._listed[k] for k in order], self._landscape.n
        x, spectra = np.empty((n, len(order))), np.empty((len(order), n), dtype=complex)
        for k, entry in enumerate(listed):
            x[:, k] = states[order[k]]
            # A fresh point, which forgets its matrices.
            values = np.linalg.eigvals(self._landscape.at(entry.point.x).jacobian).astype(complex)
            spectra[k] = values[np.lexsort((-values.imag, -values.real))]
        residual = np.array([entry.point.residual for entry in listed])
        columns = {
            "x": x,
            "hits": np.array([entry.hits for entry in listed], dtype=np.int64),
            "proven": np.array([entry.proven for entry in listed], dtype=bool),
            "residual": residual,
            "energy": residual**2 / 2,
            "x2": np.mean(x**2, axis=0),
            "q": np.mean(self._landscape.function.phi(x) ** 2, axis=0),
            "eigenvalues": spectra,
            "n_unstable": np.sum(
                spectra.real > _NO_GROWTH * self._landscape.jacobian_bound, axis=1
            ),
            "smallest_singular_value": np.array(
                [entry.smallest_singular_value for entry in listed]
            ),
            "smallest_curvature": np.array([entry.smallest_curvature for entry in listed]),
        }
        return columns, order


def _measured(point: LandscapePoint, kind: str, hits: int) -> _Listed:
    landscape = point.landscape
    singular = float(svdvals(point.jacobian, check_finite=False)[-1])
    curvature = float(eigvalsh(point.hessian(), subset_by_index=[0, 0], check_finite=False)[0])
    # At x = 0 nothing is rounded, but the ends to be merged with it were.
    rounding = np.sqrt(landscape.n) * max(point.rounding, EPS)
    if kind == "zero":
        # Hess E = AᵀA up to rounding, and the square is positive.
        curvature = singular**2
        defect = float(np.linalg.norm(point.force)) + rounding
        proven, radius = _ball(singular, defect, landscape.lipschitz, point.room(landscape.corners))
    else:
        defect = float(np.linalg.norm(point.gradient)) + landscape.jacobian_bound * rounding
        lipschitz, room = landscape.hessian_lipschitz(point), point.room(landscape.kinks)
        proven, radius = _ball(curvature, defect, lipschitz, room)
    # A fresh point: this one holds matrices.
    return _Listed(landscape.at(point.x), singular, curvature, proven, radius, hits)


def _ball(
    smallest: float, defect: float, lipschitz: float, room: float = np.inf
) -> tuple[bool, float]:
    """Whether F has exactly one zero near a point, and how near no second one lies."""
    # Newton–Kantorovich theorem: with |F| ≤ defect, ‖DF⁻¹‖ = 1/smallest and DF Lipschitz, there is
    # a zero if h = lipschitz·defect/smallest² ≤ ½, and no other one within
    # (1 + √(1 − 2h)) smallest/lipschitz; the radius returned lies within that.  The zero is within
    # 2·defect/smallest, which must be inside the `room` where DF is Lipschitz.
    if smallest > 0 and lipschitz * defect <= smallest**2 / 2 and 2 * defect <= smallest * room:
        return True, min(smallest / lipschitz if lipschitz > 0 else np.inf, room)
    # The theorem is silent, the point degenerate to rounding; at a triple zero, the generic one for
    # odd φ, a defect displaces it by its third root.
    return False, 4 * float(np.cbrt(6 * defect / lipschitz)) if lipschitz > 0 else 1e-6


def _canonical(x: Array) -> Array:
    """Pick x or −x: the first of the entries of largest size is positive, and there is no −0."""
    size = np.abs(x)
    leader = int(np.argmax(size >= (1 - 1e-6) * np.max(size)))
    return (-x if x[leader] < 0 else x) + 0.0
