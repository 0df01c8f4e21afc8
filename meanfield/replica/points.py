"""Parameters of a batch of points, the columns a branch returns for them, and the state x = 0."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..common import arguments, cost
from ..common.arguments import Array
from ..common.result import ABSENT, CONVERGED, FLAGGED
from ..elliptic import null_fluctuation, null_response
from ..transfer import TransferFunction

Index = NDArray[np.intp] | NDArray[np.bool_]

# Why there is no solution, by the theory.
FOLD = "this sheet ends in a fold before the requested temperature"
NO_NULL = "the null sheet needs g(1+gamma) < 1 (slope-1 units) at eta = 0"
NOT_NORMALISABLE = "the measure is not normalisable: linear phi needs g(1+gamma) < 1 or eta > 0"
NOT_MONOTONE = "k = g^2 gamma G reaches 1: x - k phi(x) is not monotone and the branch ends"
NO_LINEAR_STATIC = "linear phi has no static branch beyond g(1+gamma) = 1"
NO_ORDERED = (
    "no ordered branch: the cooled paramagnetic sheet is stable down to this temperature "
    "or ends in a fold before"
)
RETURNED = "the ordered branch has gone back to Q = 0 before the requested temperature"
_NO_SOLUTION = (
    FOLD, NO_NULL, NOT_NORMALISABLE, NOT_MONOTONE, NO_LINEAR_STATIC, NO_ORDERED, RETURNED
)  # fmt: skip


@dataclass(frozen=True)
class Points:
    """Flat arrays g, γ, T = 1/β and η of equal length, with one φ for all of them."""

    g: Array
    gamma: Array
    temperature: Array
    eta: Array
    phi: TransferFunction

    @classmethod
    def flat(cls, g: Array, gamma: Array, beta: Array, eta: Array, phi: TransferFunction) -> Points:
        """The points of arrays of one shape."""
        with np.errstate(over="ignore"):
            temperature = 1 / beta
        return cls(g.flatten(), gamma.flatten(), temperature.flatten(), eta.flatten(), phi)

    def __len__(self) -> int:
        return len(self.g)

    def take(self, index: Index) -> Self:
        """The points selected by an index or mask."""
        names = [field.name for field in fields(self) if field.name != "phi"]
        return replace(self, **{name: getattr(self, name)[index] for name in names})

    def at(self, temperature: Array) -> Self:
        """The same points at other temperatures."""
        return replace(self, temperature=temperature)

    @property
    def beta_eta(self) -> Array:
        """The strength βη = η/T of the confinement in the exponent (0 where η = 0)."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(self.eta > 0, self.eta / self.temperature, 0.0)

    @property
    def effective_gain(self) -> Array:
        """a·g with a = φ'(0): what the closed forms of small x call g."""
        return self.g * self.phi.slope


def checked(
    g: ArrayLike, gamma: ArrayLike, beta: ArrayLike, eta: ArrayLike, seconds: float
) -> tuple[Array, Array, Array, Array]:
    """g, γ, β and η broadcast, after checks of their ranges and of the time that a point takes."""
    g, gamma, beta, eta = cost.broadcast(
        _NUMBERS, seconds, g=arguments.gain(g), gamma=arguments.symmetry(gamma),
        beta=arguments.inverse_temperature(beta), eta=arguments.confinement(eta),
    )  # fmt: skip
    if np.any((eta > 0) & np.isinf(beta)):
        raise arguments.ArgumentError(
            "beta=inf: eta > 0 needs finite beta (the limit is x = 0 for every g)"
        )
    return g, gamma, beta, eta


def seconds_of(branch: str) -> float:
    """What a point of a branch takes in a large batch; refuses what is none."""
    arguments.one_of("branch", branch, tuple(_SECONDS))
    return _SECONDS[branch]


# Numbers of a point, its texts included; measured as the times.
_NUMBERS = 100
_SECONDS = {"static": 1e-4, "paramagnetic": 1e-4, "ordered": 0.06, "stable": 0.06}

# Order parameters and what is derived from them, and how far they can be trusted; nan until solved.
NUMBERS = ("q", "Q", "r", "R", "X", "P", "chi", "sigma_xphi", "x2", "free_entropy", "instability")
ERRORS = ("residual", "quadrature_error", "rounding_error")
COUNTS = ("iterations", "nodes")
WORDS = ("reason", "branch_of", "sheet_of")


class Columns:
    """One row per point: the numbers of a solution and how it was reached."""

    def __init__(
        self, size: int, branch: str = "", numbers: tuple[str, ...] = NUMBERS
    ) -> None:  # fmt: skip
        self.values = {name: np.full(size, np.nan) for name in numbers}
        self.residual, self.quadrature_error, self.rounding_error = np.full((3, size), np.nan)
        self.iterations, self.nodes = np.zeros((2, size), dtype=np.int64)
        self.reason = np.full(size, "not attempted", dtype=object)
        self.branch_of, self.sheet_of = np.full((2, size), "", dtype=object)
        self.branch_of[:] = branch

    @property
    def converged(self) -> NDArray[np.bool_]:
        """Points without a reason to doubt them."""
        return np.asarray(self.reason == "", dtype=bool)

    @property
    def status(self) -> NDArray[np.str_]:
        """The status of each point, which its reason tells."""
        lost = np.where(np.isin(self.reason, _NO_SOLUTION), ABSENT, FLAGGED)
        return np.where(self.converged, CONVERGED, lost)

    def write(self, index: Index, other: Columns) -> None:
        """Copy another batch into the points `index` of this one."""
        for name, values in self.values.items():
            values[index] = other.values[name]
        for name in (*ERRORS, *COUNTS, *WORDS):
            getattr(self, name)[index] = getattr(other, name)

    def replace(self, index: Index, other: Columns) -> None:
        """Like `write`, but keep count of the iterations already spent on these points."""
        spent = self.iterations[index]
        self.write(index, other)
        self.iterations[index] += spent

    def reject(self, index: Index, reason: str) -> None:
        """Points without a solution: their numbers become nan and the reason is kept."""
        for column in self.values.values():
            column[index] = np.nan
        self.reason[index] = reason


def null_state(points: Points, branch: str) -> Columns:
    """What both branches share of the state x = 0 at T = 0, in closed form."""
    columns = Columns(len(points), branch)
    phi, gamma, gain = points.phi, points.gamma, points.effective_gain
    response = null_response(gain, gamma)
    zero: Array = np.zeros(len(points))
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = null_fluctuation(gain, gamma)
        bend = 3 * phi.cubic * phi.slope * points.g**2 * gamma * response**2 * ratio
    columns.values.update(
        q=zero,
        Q=zero,
        r=phi.slope * response,
        R=zero,
        X=np.where((gamma == 0) | phi.is_linear, 0.0, bend),
        P=zero,
        chi=phi.slope**2 * ratio,
        x2=zero,
        free_entropy=-(gain**2) * gamma * response**2 / 2 + np.log(response),
    )
    columns.residual[:] = columns.quadrature_error[:] = columns.rounding_error[:] = 0.0
    columns.reason[:] = ""
    return columns
