"""Networks of several populations."""

import math
from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .common import arguments
from .common.arguments import ArgumentError, Array
from .common.portable import Portable
from .transfer import TransferFunction, odd_function, transfer_function

# What the fractions may sum to beside 1.
_ROUNDING = 1e-9
# What blocks have of their own, and what it is where it is not given.
_OWN: dict[str, Any] = {"phi": "tanh", "bias_std": 0.0, "bias_mean": 0.0, "mean_coupling": 0.0}


@dataclass(frozen=True, eq=False, repr=False)
class Blocks(Portable):
    """P populations of neurons, coupled by independent couplings of the law of their blocks.

    ẋ_i = −x_i + Σ_j J_ij φ_b(x_j) + h_i: a coupling from a neuron of block b to one of block a has
    mean J_ab/N and variance g_ab²/N, a bias h_i mean b_a and standard deviation σ_a.

    Parameters
    ----------
    fractions : array_like
        n_b > 0, the share of the neurons that each block has, (P,), of sum 1.
    g : array_like
        g_ab ≥ 0, (P, P), row a of the block that receives.
    mean : array_like
        J_ab, (P, P), or one number for all.
    bias_mean, bias_std : array_like
        Mean b and standard deviation σ ≥ 0 of the biases, one a block or one for all.
    phi : str, TransferFunction or list of these
        One for all blocks, or one a block.

    Raises
    ------
    ArgumentError
        If a number is outside its range or an array has another shape.

    Notes
    -----
    In the place of g `stationary` takes it (γ = 0), and `two_time`, `steady_state` and
    `maximal_lyapunov` for any symmetry γ, a number or one a pair of blocks, γ_ab = γ_ba: the
    correlation of J_ij and J_ji for i in a and j in b.  `simulate.couplings.blocks` draws such a
    network.

    Examples
    --------
    >>> from meanfield import Blocks
    >>> blocks = Blocks([0.8, 0.2], [[1.0, 2.0], [1.5, 0.5]])
    >>> blocks
    Blocks([0.8, 0.2], [[1.0, 2.0], [1.5, 0.5]])
    >>> round(blocks.critical_scale(), 6), blocks.sizes(12).tolist()
    (0.771005, [10, 2])
    """

    fractions: ArrayLike
    g: ArrayLike
    _: KW_ONLY
    mean: ArrayLike = 0.0
    bias_mean: ArrayLike = 0.0
    bias_std: ArrayLike = 0.0
    phi: str | TransferFunction | Sequence[str | TransferFunction] = "tanh"

    # What a function that does not take blocks adds to its refusal.
    refused = (
        "Blocks are taken by stationary, two_time, steady_state, maximal_lyapunov and "
        "couplings.blocks alone"
    )

    def __post_init__(self) -> None:
        arguments.check_fields(self)
        fractions = np.asarray(self.fractions, dtype=float)
        if fractions.ndim != 1 or fractions.size == 0:
            raise ArgumentError(f"fractions={self.fractions!r:.80}: must have one axis, not empty")
        fractions = arguments.numbers("fractions", fractions, fractions.shape, 0.0)
        if np.any(fractions == 0) or abs(math.fsum(fractions) - 1) > _ROUNDING:
            raise ArgumentError(f"fractions={fractions}: must be positive and sum to 1")
        count = fractions.size
        if np.shape(self.g) != (count, count):
            raise ArgumentError(f"g of shape {np.shape(self.g)}: must have shape {count, count}")
        several = not isinstance(self.phi, str | TransferFunction)
        phi = tuple(map(transfer_function, self.phi if several else [self.phi] * count))  # type: ignore[arg-type]
        if len(phi) != count:
            raise ArgumentError(f"phi: {len(phi)} transfer functions, must be one or {count}")
        content = {
            "fractions": fractions,
            "g": arguments.numbers("g", self.g, (count, count), 0.0),
            "mean": arguments.numbers("mean", self.mean, (count, count)),
            "bias_mean": arguments.numbers("bias_mean", self.bias_mean, (count,)),
            "bias_std": arguments.numbers("bias_std", self.bias_std, (count,), 0.0),
            "phi": phi,
        }
        for name, value in content.items():
            object.__setattr__(self, name, value)

    def __len__(self) -> int:
        return len(self.phi)  # type: ignore[arg-type]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Blocks):
            return NotImplemented
        mine, theirs = self.held(), other.held()
        return all(np.array_equal(mine[name], theirs[name]) for name in mine)

    def __hash__(self) -> int:
        return hash((self.phi, self._array("g").tobytes()))

    def __repr__(self) -> str:
        words = [repr(self._array(name).tolist()) for name in ("fractions", "g")]
        for field in fields(self)[2:]:
            value = getattr(self, field.name)
            if field.name == "phi":
                value = [one.name for one in value]
            one = np.asarray(value).ravel().tolist()
            if one != [field.default] * len(one):
                same = one == one[:1] * len(one)
                words.append(f"{field.name}={one[0] if same else np.asarray(value).tolist()!r}")
        return f"Blocks({', '.join(words)})"

    def _array(self, name: str) -> Array:
        return np.asarray(getattr(self, name))

    @property
    def functions(self) -> tuple[TransferFunction, ...]:
        """φ of every block."""
        return self.phi  # type: ignore[return-value]

    @property
    def variance(self) -> Array:
        """n_b g_ab², (P, P)."""
        return self._array("fractions") * self._array("g") ** 2

    @property
    def drive(self) -> Array:
        """n_b J_ab, (P, P)."""
        return self._array("fractions") * self._array("mean")

    def pairs(self, gamma: ArrayLike) -> Array:
        """γ_ab, (P, P), of one symmetry for all pairs of blocks or of one for each."""
        found, count = arguments.symmetry(gamma), len(self)
        if found.shape not in ((), (count, count)):
            raise ArgumentError(
                f"gamma of shape {found.shape}: must be a number or of shape {count, count}"
            )
        found = np.broadcast_to(found, (count, count))
        if not np.array_equal(found, found.T):
            raise ArgumentError(
                f"gamma={found.tolist()}: must be symmetric, J_ij and J_ji have one correlation"
            )
        return found

    @staticmethod
    def take_over(attributes: dict[str, Any]) -> None:
        """Drop the arguments that blocks have of their own, or refuse one that was given."""
        for name, usual in _OWN.items():
            if (told := attributes.pop(name, usual)) is not usual and not np.array_equal(
                told, usual
            ):
                there = "mean" if name == "mean_coupling" else name
                raise ArgumentError(
                    f"{arguments.shown(name, told)}: belongs to the blocks, Blocks(…, {there}=…)"
                )

    def critical_scale(self) -> float:
        """Factor on g at which the null state of an odd φ turns unstable.

        There the spectral radius of n_b g_ab² φ_b'(0)² is 1 [1]_.  Mean couplings may make the
        state unstable sooner; see `stationary`.

        Returns
        -------
        float
            inf where no couplings vary.

        Raises
        ------
        ArgumentError
            If a φ is not odd and smooth at 0.

        References
        ----------
        .. [1] J. Aljadeff, M. Stern, T. Sharpee, Phys. Rev. Lett. 114, 088101 (2015).
        """
        slopes = np.array([odd_function(one).slope for one in self.functions])
        radius = spectral_radius(self.variance * slopes**2)
        return 1 / math.sqrt(radius) if radius > 0 else math.inf

    def sizes(self, n: int) -> NDArray[np.int64]:
        """Numbers of neurons of the blocks in a network of n, by the largest remainders.

        Parameters
        ----------
        n : int
            At least 1.

        Returns
        -------
        (P,) ndarray of int

        Raises
        ------
        ArgumentError
            If n is none.
        """
        exact = arguments.count("n", n, 1) * self._array("fractions")
        sizes = np.floor(exact).astype(np.int64)
        order = np.argsort(sizes - exact, kind="stable")
        sizes[order[: n - int(sizes.sum())]] += 1
        return sizes


def spectral_radius(matrix: Array) -> float:
    """The largest modulus of an eigenvalue."""
    return float(np.max(np.abs(np.linalg.eigvals(matrix))))
