"""Parameters of a batch of points, and the columns of numbers a branch returns for them."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import parameters
from ..transfer import Array, TransferFunction

Index = NDArray[np.intp] | NDArray[np.bool_]


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

    def take(self, index: Index) -> Points:
        """The points selected by an index or mask."""
        names = ("g", "gamma", "temperature", "eta")
        return replace(self, **{name: getattr(self, name)[index] for name in names})

    def at(self, temperature: Array) -> Points:
        """The same points at other temperatures."""
        return replace(self, temperature=temperature)

    @property
    def pull(self) -> Array:
        """η/T, the strength βη of the confinement in the exponent (0 where η = 0)."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(self.eta > 0, self.eta / self.temperature, 0.0)

    @property
    def effective_gain(self) -> Array:
        """a·g with a = φ'(0): what the closed forms of small x call g."""
        return self.g * self.phi.slope


def checked(
    g: ArrayLike, gamma: ArrayLike, beta: ArrayLike, eta: ArrayLike
) -> tuple[Array, Array, Array, Array]:
    """g, γ, β and η broadcast, after checks of their ranges.

    Raises
    ------
    ArgumentError
        Naming the argument, its value and the allowed range.
    """
    arrays = np.broadcast_arrays(
        parameters.gain(g),
        parameters.symmetry(gamma),
        parameters.inverse_temperature(beta),
        parameters.confinement(eta),
    )
    if np.any((arrays[3] > 0) & np.isinf(arrays[2])):
        raise parameters.ArgumentError(
            "beta=inf: eta > 0 needs finite beta (the limit is x = 0 for every g)"
        )
    return arrays[0], arrays[1], arrays[2], arrays[3]


# Order parameters and what is derived from them; nan until solved.
NUMBERS = ("q", "Q", "r", "R", "X", "P", "chi", "sigma_xphi", "x2", "free_entropy", "instability")


@dataclass
class Columns:
    """One row per point: the numbers of a solution and how it was reached."""

    size: int
    values: dict[str, Array] = field(init=False)
    residual: Array = field(init=False)
    quadrature_error: Array = field(init=False)
    rounding_error: Array = field(init=False)
    iterations: NDArray[np.int64] = field(init=False)
    nodes: NDArray[np.int64] = field(init=False)
    reason: NDArray[np.object_] = field(init=False)
    branch_of: NDArray[np.object_] = field(init=False)
    sheet_of: NDArray[np.object_] = field(init=False)

    def __post_init__(self) -> None:
        n = self.size
        self.values = {name: np.full(n, np.nan) for name in NUMBERS}
        self.residual = np.full(n, np.nan)
        self.quadrature_error = np.full(n, np.nan)
        self.rounding_error = np.full(n, np.nan)
        self.iterations = np.zeros(n, dtype=np.int64)
        self.nodes = np.zeros(n, dtype=np.int64)
        self.reason = np.full(n, "not attempted", dtype=object)
        self.branch_of = np.full(n, "", dtype=object)
        self.sheet_of = np.full(n, "", dtype=object)

    @property
    def converged(self) -> NDArray[np.bool_]:
        """Points without a reason to doubt them."""
        return np.asarray(self.reason == "", dtype=bool)

    def write(self, index: Index, other: Columns) -> None:
        """Copy another batch into the points `index` of this one."""
        for name in NUMBERS:
            self.values[name][index] = other.values[name]
        for column in fields(self):
            if column.name not in ("size", "values"):
                getattr(self, column.name)[index] = getattr(other, column.name)

    def replace(self, index: Index, other: Columns) -> None:
        """Like `write`, but keep count of the iterations already spent on these points."""
        spent = self.iterations[index]
        self.write(index, other)
        self.iterations[index] += spent

    def reject(self, index: Index, reason: str) -> None:
        """Flag points: their numbers become nan and the reason is kept."""
        for column in self.values.values():
            column[index] = np.nan
        self.reason[index] = reason
