"""Parameters of a batch of points, and the columns of numbers a branch returns for them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..common import arguments
from ..common.arguments import Array
from ..transfer import TransferFunction

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
    """g, γ, β and η broadcast, after checks of their ranges."""
    g, gamma = arguments.gain(g), arguments.symmetry(gamma)
    beta, eta = arguments.inverse_temperature(beta), arguments.confinement(eta)
    g, gamma, beta, eta = np.broadcast_arrays(g, gamma, beta, eta)
    if np.any((eta > 0) & np.isinf(beta)):
        raise arguments.ArgumentError(
            "beta=inf: eta > 0 needs finite beta (the limit is x = 0 for every g)"
        )
    return g, gamma, beta, eta


# Order parameters and what is derived from them, and how far they can be trusted; nan until solved.
NUMBERS = ("q", "Q", "r", "R", "X", "P", "chi", "sigma_xphi", "x2", "free_entropy", "instability")
ERRORS = ("residual", "quadrature_error", "rounding_error")
COUNTS = ("iterations", "nodes")
WORDS = ("reason", "branch_of", "sheet_of")


class Columns:
    """One row per point: the numbers of a solution and how it was reached."""

    def __init__(self, size: int) -> None:
        self.values = {name: np.full(size, np.nan) for name in NUMBERS}
        self.residual, self.quadrature_error, self.rounding_error = np.full((3, size), np.nan)
        self.iterations, self.nodes = np.zeros((2, size), dtype=np.int64)
        self.reason = np.full(size, "not attempted", dtype=object)
        self.branch_of, self.sheet_of = np.full((2, size), "", dtype=object)

    @property
    def converged(self) -> NDArray[np.bool_]:
        """Points without a reason to doubt them."""
        return np.asarray(self.reason == "", dtype=bool)

    def write(self, index: Index, other: Columns) -> None:
        """Copy another batch into the points `index` of this one."""
        for name in NUMBERS:
            self.values[name][index] = other.values[name]
        for name in (*ERRORS, *COUNTS, *WORDS):
            getattr(self, name)[index] = getattr(other, name)

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
