"""Random coupling matrices, in memory or revealed on request.

Gaussian ones, and the sparse excitatory–inhibitory ones of [HH] section III.D with their spectrum.
"""

from collections.abc import Iterator
from typing import Any, Literal, NamedTuple, TypedDict, Unpack, overload

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray
from scipy.sparse import csr_array, diags_array
from scipy.sparse.linalg import LinearOperator

from meanfield import Blocks, GaussianOperator
from meanfield.common import arguments, cost, seeds
from meanfield.common.arguments import LARGEST, ArgumentError, Array, validated
from meanfield.gaussian_operator import COARSE, single

from .network import Network, correlated

__all__ = [
    "PAPER_SETS",
    "blocks",
    "column_means",
    "dale",
    "dale_mean",
    "dale_outlier",
    "dale_radius",
    "elliptic",
    "lazy",
    "low_rank",
    "with_gain",
]

# Connections drawn at a time: bounds the work arrays, whatever the size of the network.
_BLOCK = 1 << 20
# Seconds that one of them takes, a third of an entry of a full matrix; numbers at work for each.
_DRAWING, _AT_WORK = 5e-8, 9
_SPARSE_BELOW = 0.1
# Drawn at a time over what is expected in all, and some more: one block mostly is enough.
_AHEAD, _SPARE = 1.1, 16
_LARGEST_SUM = 1 << 62

# The three networks of [HH] Fig. 6, arguments of `dale`.
PAPER_SETS = {
    name: {"f": 0.8, "alpha": 0.2, "mu_e": mu_e, "mu_i": mu_i, "sigma_e": 1.2, "sigma_i": 1.2}
    for name, mu_e, mu_i in (
        ("inhibitory", 1.0, -6.0),
        ("balanced", 1.0, -4.0),
        ("excitatory", 1.5, -4.0),
    )
}


@validated
def elliptic(n: int, g: float, gamma: float = 0.0, *, seed: seeds.Seed) -> Array:
    """Gaussian couplings of the elliptic ensemble.

    Independent pairs with ⟨J_ij²⟩ = g²/n and ⟨J_ij J_ji⟩ = γ g²/n for i ≠ j, zero diagonal.

    Parameters
    ----------
    n : int
        Number of neurons, at least 1.
    g, gamma : float
        Gain g > 0 and symmetry γ in [−1, 1]; the covariances are exact for every γ.
    seed : Seed
        At least 0.  A state drawn from `default_rng(seed)` is independent of the couplings.

    Returns
    -------
    (n, n) ndarray
        Row i holds the couplings into neuron i.

    Examples
    --------
    >>> from simulate.couplings import elliptic
    >>> J = elliptic(3, 1.0, 1.0, seed=0)
    >>> bool((J == J.T).all())
    True
    """
    n = arguments.count("n", n, 1)
    g = arguments.positive("g", g)
    gamma = arguments.within("gamma", gamma, -1, 1)
    return _standard(n, gamma, seed) * (g / np.sqrt(n))


def _standard(n: int, gamma: float | Array, seed: seeds.Seed) -> Array:
    """Couplings of variance 1 with zero diagonal."""
    _afford(n)
    return correlated(seeds.generator(seed, "couplings").standard_normal((n, n)), gamma)


def _afford(n: int) -> None:
    instead = "take a smaller network, or couplings.lazy, which stores what is asked for"
    cost.check("n", n, instead, numbers=7.0 * n**2, seconds=3 * _DRAWING * n**2)


@validated
def blocks(n: int, blocks: Blocks, gamma: ArrayLike = 0.0, *, seed: seeds.Seed) -> Array:
    """Couplings of several populations, neurons ordered by block.

    A coupling from block b to block a has mean J_ab/n and variance g_ab²/n; zero diagonal.  The
    biases are no part of it.

    Parameters
    ----------
    n : int
        Number of neurons, at least 1; `meanfield.Blocks.sizes` says how many each block has.
    blocks : Blocks
        The populations.
    gamma : array_like
        Correlation in [−1, 1] of J_ij and J_ji, or γ_ab = γ_ba of those between blocks a and b.
    seed : Seed
        At least 0.  Blocks that are all alike have the couplings of `elliptic`.

    Returns
    -------
    (n, n) ndarray
        Row i holds the couplings into neuron i.

    Raises
    ------
    ArgumentError
        If an argument is outside its range.

    Examples
    --------
    >>> from meanfield import Blocks
    >>> from simulate import couplings
    >>> pair = Blocks([0.75, 0.25], [[0, 0], [0, 0]], mean=[[2, -4], [1, 0]])
    >>> couplings.blocks(4, pair, seed=0).tolist()[2:]
    [[0.5, 0.5, 0.0, -1.0], [0.25, 0.25, 0.25, 0.0]]
    """
    _afford(n := arguments.count("n", n, 1))
    of = np.repeat(np.arange(len(blocks)), blocks.sizes(n))
    pairs = np.ix_(of, of)
    noise = _standard(n, blocks.pairs(gamma)[pairs], seed)
    J = noise * (np.asarray(blocks.g)[pairs] / np.sqrt(n)) + np.asarray(blocks.mean)[pairs] / n
    np.fill_diagonal(J, 0.0)
    return J


@validated
def lazy(
    n: int,
    g: float,
    gamma: float = 0.0,
    *,
    seed: seeds.Seed,
    innovations: str = "gaussian",
    tol: float = 0.0,
    dtype: DTypeLike | None = None,
) -> GaussianOperator:
    """Gaussian couplings revealed by the products asked of them, in place of `elliptic`.

    ⟨J_ij²⟩ = g²/n and ⟨J_ij J_ji⟩ = γ g²/n for i ≠ j as there, but a diagonal of variance
    (1+γ)g²/n instead of zero, a difference of relative order 1/n.  See `meanfield.GaussianOperator`
    for the construction (Lu, Householder Dice, 2021) and for the operator's error report.

    The default tolerance 0 gives the law of the stored matrix at any accuracy of a later analysis,
    but reveals a direction at nearly every time step.  ``tol=1e-3`` makes the number of directions
    follow physical time, about 5 per time unit and side in chaotic dynamics, whatever the step;
    the couplings' answers are then off by at most about 10⁻³ of their norm, which in a long
    gradient flow must stay below the norm of the force.

    Parameters
    ----------
    n, g, gamma, seed
        As in `elliptic`.
    innovations : {"gaussian", "matched"}
        ``"matched"`` is a variance-reduced estimator of the limit n → ∞, not a Gaussian matrix.
    tol : float
        Relative size below which the unrevealed part of a request is dropped, in [0, 1).
    dtype : {float64, float32}, optional
        Precision of what is stored and answered; default double below ``tol=2.5e-3``, where single
        precision tells residuals from rounding at twice the speed.

    Returns
    -------
    GaussianOperator
        A `scipy.sparse.linalg.LinearOperator` for ``J @ x`` and ``J.T @ x``, x of shape (n,) or
        (n, batch).

    Examples
    --------
    >>> import numpy as np
    >>> from simulate import force
    >>> from simulate.couplings import lazy
    >>> J = lazy(10_000, 1.5, 0.5, seed=0)
    >>> force(np.ones(10_000), J).shape, J.rank
    ((10000,), (1, 1))
    """
    if dtype is None:
        is_coarse = arguments.nonnegative("tol", tol) >= COARSE[np.dtype(np.float32)]
        dtype = single(arguments.positive("g", g)) if is_coarse else np.float64
    return GaussianOperator(n, g, gamma, seed=seed, innovations=innovations, tol=tol, dtype=dtype)


class _Composed(LinearOperator):
    """J diag(gain) + UVᵀ, each part by its own products."""

    def __init__(self, network: Network, gain: Array | float, left: Array, right: Array) -> None:
        super().__init__(np.float64, (network.n, network.n))  # type: ignore[call-arg]
        self._network, self._gain = network, np.broadcast_to(gain, network.n)[:, None]
        self._left, self._right = left, right
        triangles = [np.asarray(np.linalg.qr(one, mode="r")) for one in (left, right)]
        with np.errstate(over="ignore", invalid="ignore"):
            self._norm = float(np.linalg.norm(triangles[0] @ triangles[1].T, 2))

    def _matmat(self, v: Array) -> Array:
        sent = np.asarray(self._network.product(self._gain * v))
        return sent + self._left @ (self._right.T @ v)

    def _rmatmat(self, v: Array) -> Array:
        back = self._gain * self._network.transposed_product(v)
        return np.asarray(back + self._right @ (self._left.T @ v))

    def _matvec(self, v: Array) -> Array:
        return self._matmat(v.reshape(-1, 1))

    def _rmatvec(self, v: Array) -> Array:
        return self._rmatmat(v.reshape(-1, 1))

    @property
    def base(self) -> Any:
        """The couplings without gain and vectors."""
        return getattr(self._network.J, "base", self._network.J)

    @property
    def is_stored(self) -> bool:
        """Whether all entries are known."""
        return self._network.is_stored

    @property
    def norm_bound(self) -> float:
        """Largest singular value at most; only of a J that has such a bound."""
        return float(self._network.J.norm_bound) * float(np.max(np.abs(self._gain))) + self._norm

    @property
    def neglected(self) -> float:
        """Error of an answer over `norm_bound`."""
        error = self._network.answer_error * float(np.max(np.abs(self._gain)))
        return error / self.norm_bound if error else 0.0

    def toarray(self) -> Array:
        """All entries."""
        matrix = self._network.dense("the sum of all parts")
        return matrix * self._gain.T + self._left @ self._right.T


@validated
def low_rank(m: ArrayLike, n_vectors: ArrayLike, J: Any = None) -> LinearOperator:
    """Couplings J + m nᵀ/N of a random and a low-rank part, which is not written out.

    Mastrogiuseppe, Ostojic, Neuron 99, 609 (2018): activity along n, κ = nᵀφ/N, comes back as an
    input κm.  With m and n of entries of order 1 both parts are of the same order.

    Parameters
    ----------
    m, n_vectors : (N,) or (N, r) array
        What the r parts send out, and what they read.
    J : (N, N) array, sparse array or LinearOperator, optional
        Also one of `lazy`.  Default: none.

    Returns
    -------
    LinearOperator
        With its transpose.  If all entries of J are known, `toarray()` gives those of the sum, and
        whatever needs them takes the operator: fixed points, samples and Jacobians.

    Raises
    ------
    ArgumentError
        If shapes do not fit, or an entry is not finite.

    Examples
    --------
    Without J the activity settles at x = κm, κ = ⟨n tanh(κm)⟩.

    >>> import numpy as np
    >>> from simulate import find_fixed_points
    >>> from simulate.couplings import low_rank
    >>> points = find_fixed_points(low_rank(np.ones(4), 2 * np.ones(4)), n_starts=8, seed=1)
    >>> points.x.round(3).tolist()[0]
    [0.0, 1.915]
    """
    left, right = arguments.array("m", m), arguments.array("n_vectors", n_vectors)
    if left.ndim not in (1, 2) or not left.size or left.shape != right.shape:
        raise ArgumentError(
            f"m of shape {left.shape}, n_vectors of shape {right.shape}: expected the same, (N,) "
            "or (N, r)"
        )
    n = len(left)
    network = Network(csr_array((n, n), dtype=float) if J is None else J)
    if network.n != n:
        raise ArgumentError(f"J of shape {network.J.shape}: expected ({n}, {n}) as m")
    for name, one in (("m", left), ("n_vectors", right)):
        if np.max(np.abs(one)) > LARGEST:
            raise ArgumentError(f"{name}: entries must be {LARGEST:g} at most")
    return _Composed(network, 1.0, left.reshape(n, -1) / n, right.reshape(n, -1))


@validated
def with_gain(J: Any, gain: ArrayLike) -> Any:
    """Couplings J diag(a) of neurons that send a_j φ(x_j), in the storage of J.

    A gain inside, φ(a_j x_j), is a change of variables: y = ax has the couplings diag(a) J, for a
    stored J ``a[:, None] * J``, and the bias ab; but E is then ½|ẏ|².

    Parameters
    ----------
    J : (n, n) array, sparse array or LinearOperator
    gain : float or (n,) array

    Returns
    -------
    (n, n) ndarray, sparse array or LinearOperator

    Raises
    ------
    ArgumentError
        If shapes do not fit, or a gain is not finite.

    Examples
    --------
    >>> import numpy as np
    >>> from simulate.couplings import with_gain
    >>> with_gain(np.ones((2, 2)), [1.0, 3.0]).tolist()
    [[1.0, 3.0], [1.0, 3.0]]
    """
    network = Network(J)
    own = arguments.vector("gain", gain, network.n)
    if network.is_matrix_free:
        return _Composed(network, own, np.zeros((network.n, 1)), np.zeros((network.n, 1)))
    return network.J @ diags_array(own) if network.is_sparse else network.J * own


class _DaleStatistics(TypedDict):
    f: float
    alpha: float
    mu_e: float
    mu_i: float
    sigma_e: float
    sigma_i: float


@overload
def dale(
    n: int,
    *,
    seed: seeds.Seed,
    sparse: Literal[False] = False,
    zero_row_sum: bool = False,
    **statistics: Unpack[_DaleStatistics],
) -> Array: ...
@overload
def dale(
    n: int,
    *,
    seed: seeds.Seed,
    sparse: Literal[True],
    zero_row_sum: bool = False,
    **statistics: Unpack[_DaleStatistics],
) -> csr_array[np.float64, tuple[int, int]]: ...
@overload
def dale(
    n: int,
    *,
    seed: seeds.Seed,
    sparse: bool | None,
    zero_row_sum: bool = False,
    **statistics: Unpack[_DaleStatistics],
) -> Array | csr_array[np.float64, tuple[int, int]]: ...
@validated
def dale(
    n: int,
    *,
    f: float,
    alpha: float,
    mu_e: float,
    mu_i: float,
    sigma_e: float,
    sigma_i: float,
    seed: seeds.Seed,
    sparse: bool | None = False,
    zero_row_sum: bool = False,
) -> Array | csr_array[np.float64, tuple[int, int]]:
    """Sparse couplings of excitatory and inhibitory neurons, J = S ∘ (A D + M).

    [HH] Eqs. 15–17: S is one with probability α, A standard Gaussian, D = diag(σ̃) and
    M = (1, …, 1)ᵀ μ̃ᵀ with μ̃ = μ/√n and σ̃ = σ/√n of the presynaptic neuron.  (The diagonal of D
    in Eq. 16, called variances there, holds standard deviations.)  Neurons do not couple to
    themselves.  Signs follow Dale's law for |μ| ≫ σ; σ relaxes it.

    The first ``round(f * n)`` columns are excitatory, the others inhibitory.  Where f n is not an
    integer, the realised fraction differs from `f` by up to 1/(2n): pass ``round(f * n) / n`` to
    `dale_mean`, `dale_radius` and `dale_outlier` for the values of that network.

    Parameters
    ----------
    n : int
        Number of neurons, at least 1.
    f : float
        Fraction of excitatory neurons, in [0, 1].
    alpha : float
        Probability α of a connection, in [0, 1].
    mu_e, mu_i : float
        Scaled means μ of existing excitatory and inhibitory couplings.
    sigma_e, sigma_i : float
        Scaled standard deviations σ ≥ 0.
    seed : Seed
        At least 0.  The same seed gives the same couplings in either storage.
    sparse : bool or None
        Store the couplings as `scipy.sparse.csr_array` (True), as ndarray (False), or sparse where
        α < 0.1 (None).  Sparse storage never allocates n × n numbers.
    zero_row_sum : bool
        Shift the connections into each neuron by a common amount, so that the rows of the random
        part J − E[J] sum to zero (Rajan, Abbott, Phys. Rev. Lett. 97, 188104 (2006)).  Then no
        eigenvalue strays from the disc or from `dale_outlier` by what chance gives to the sums
        vᵀ(J − E[J])ᵏ1, v the column means; the disc stays as it is.

    Returns
    -------
    (n, n) ndarray or csr_array
        Row i holds the couplings into neuron i; zero diagonal.

    Raises
    ------
    ArgumentError
        If a number is outside its range, or with `zero_row_sum` a neuron has no connection to
        shift.

    Examples
    --------
    >>> from simulate.couplings import dale
    >>> J = dale(5, f=0.8, alpha=1, mu_e=1, mu_i=-4, sigma_e=0, sigma_i=0, seed=0)
    >>> (J * 5**0.5).round(12).tolist()[0]
    [0.0, 1.0, 1.0, 1.0, -4.0]
    """
    n = arguments.count("n", n, 1)
    f, alpha, mu_e, mu_i, sigma_e, sigma_i = _checked(f, alpha, mu_e, mu_i, sigma_e, sigma_i)
    if sparse is None:
        sparse = alpha < _SPARSE_BELOW
    connections = alpha * n * (n - 1.0)
    cost.check(
        "n", n, "take a smaller network, sparse=True or a smaller alpha",
        numbers=(5 * connections if sparse else 1.0 * n**2) + _AT_WORK * min(connections, _BLOCK),
        seconds=_DRAWING * connections,
    )  # fmt: skip
    excitatory = np.arange(n) < round(f * n)
    mean = np.where(excitatory, mu_e, mu_i) / np.sqrt(n)
    spread = np.where(excitatory, sigma_e, sigma_i) / np.sqrt(n)
    # Two streams, so that values can be drawn block by block without moving the connections.
    streams = seeds.sequence(seed, "couplings").spawn(2)
    places, values = map(np.random.default_rng, streams)
    dense = None if sparse else np.zeros((n, n))
    data: list[Array] = [np.empty(0)]
    columns: list[NDArray[np.int64] | NDArray[np.int32]] = [np.empty(0, dtype=np.int32)]
    filled = np.zeros(n + 1, dtype=np.int64)
    # What rows have beyond their mean.
    excess = alpha * (mean - mean.sum())
    for row, column in _connections(places, n, alpha):
        strength = mean[column] + spread[column] * values.standard_normal(row.size)
        filled[1:] += np.bincount(row, minlength=n)
        if zero_row_sum:
            excess += np.bincount(row, strength, minlength=n)
        if dense is not None:
            dense[row, column] = strength
        else:
            data.append(strength)
            columns.append(column if n > np.iinfo(np.int32).max else column.astype(np.int32))
    shift = _row_shift(excess, filled[1:], alpha) if zero_row_sum else None
    if dense is None:
        stored = np.concatenate(data)
        if shift is not None:
            stored -= np.repeat(shift, filled[1:])
        return csr_array((stored, np.concatenate(columns), filled.cumsum()), shape=(n, n))
    if shift is not None:
        # The same places once more.
        for row, column in _connections(np.random.default_rng(streams[0]), n, alpha):
            dense[row, column] -= shift[row]
    return dense


def _row_shift(excess: Array, connections: NDArray[np.int64], alpha: float) -> Array:
    """By what each connection of a row exceeds that of a row whose random part sums to zero."""
    lost = np.flatnonzero((connections == 0) & (excess != 0))
    if lost.size:
        raise ArgumentError(
            f"zero_row_sum=True: neuron {lost[0]} ({lost.size} of {len(excess)}) has no connection "
            f"whose strength could be shifted; raise alpha={alpha:g}, or leave the rows as they are"
        )
    return excess / np.maximum(connections, 1)


@validated
def dale_mean(n: int, *, f: float, alpha: float, mu_e: float, mu_i: float) -> float:
    """Mean coupling E[J] = α[f μ̃_e + (1−f) μ̃_i] between two neurons ([HH] Eq. 18).

    Parameters
    ----------
    n : int
        Number of neurons; μ̃ = μ/√n.
    f, alpha, mu_e, mu_i : float
        As in `dale`.

    Returns
    -------
    float
        Zero in a structurally balanced network.

    Examples
    --------
    >>> from simulate.couplings import dale_mean
    >>> round(dale_mean(100, f=0.8, alpha=0.2, mu_e=1, mu_i=-6), 12)
    -0.008
    """
    n = arguments.count("n", n, 1)
    f, alpha, mu_e, mu_i, _, _ = _checked(f, alpha, mu_e, mu_i, 0, 0)
    return alpha * (f * mu_e + (1 - f) * mu_i) / float(np.sqrt(n))


class ColumnMeans(NamedTuple):
    """What the means v_j of the columns of couplings do to all neurons at once."""

    mean_coupling: float
    strength: float
    coefficients: Array


@validated
def column_means(J: Any, *, order: int = 12) -> ColumnMeans:
    """λ₀ = Σv_j, s = Σv_j² and c_k = vᵀWᵏ1 of J = 1vᵀ − diag(v) + W, for `meanfield.common_mode`.

    Parameters
    ----------
    J : (n, n) array, sparse array or `low_rank` of one
        Couplings with a zero diagonal; v_j is the mean of column j without it.
    order : int
        Number of coefficients c_1, c_2, …

    Returns
    -------
    ColumnMeans
        `mean_coupling` λ₀, `strength` s and `coefficients` (order,).

    Raises
    ------
    ArgumentError
        If J is not a square matrix of at least two neurons, or `order` is negative.

    Notes
    -----
    The v_j are estimates from n − 1 couplings each, whose errors are part of v here: of a matrix
    without means λ₀ and s are small numbers of order g and g²/n.

    Examples
    --------
    >>> from simulate import couplings
    >>> J = couplings.dale(400, **couplings.PAPER_SETS["inhibitory"], seed=1)
    >>> means = couplings.column_means(J)
    >>> round(means.mean_coupling, 1), means.coefficients.shape
    (-1.7, (12,))
    """
    matrix = Network(J).dense("the column means")
    n = len(matrix)
    if n < 2:
        raise ArgumentError("J: must have 2 neurons or more")
    order = arguments.count("order", order, 0)
    cost.check("order", order, "lower it", seconds=cost.time_of(order, 2.0 * n**2))
    v = (matrix.sum(axis=0) - matrix.diagonal()) / (n - 1)
    series, state = [], np.ones(n)
    for _ in range(order):
        # W·state with W = J − 1vᵀ + diag(v).
        state = matrix @ state - v @ state + v * state
        series.append(float(v @ state))
    return ColumnMeans(float(v.sum()), float(v @ v), np.array(series))


@validated
def dale_outlier(
    n: int,
    *,
    f: float,
    alpha: float,
    mu_e: float,
    mu_i: float,
    sigma_e: float | None = None,
    sigma_i: float | None = None,
) -> NDArray[np.complex128]:
    """Eigenvalues that the mean couplings add to the disc: the roots of z² − λ₀z + s = 0.

    λ₀ = n E[J] ([HH] Eq. 18) is what the mean alone would give; s = α²(f μ_e² + (1−f) μ_i²) comes
    from the diagonal, which is zero: E[J] = 1vᵀ − diag(v) with vᵀ1 = λ₀, vᵀv = s.  A balanced
    network, λ₀ = 0, has the pair ±i√s.  A root inside the disc is no eigenvalue.

    Parameters
    ----------
    n, f, alpha, mu_e, mu_i
        As in `dale_mean`.
    sigma_e, sigma_i : float, optional
        As in `dale`.  With them a root whose modulus does not exceed `dale_radius` is nan; without
        them both roots are returned wherever they lie.

    Returns
    -------
    (2,) complex ndarray
        The root of larger modulus first; of a pair that with positive imaginary part.

    Raises
    ------
    ArgumentError
        If a number is outside its range, or one of `sigma_e` and `sigma_i` is given alone.

    Notes
    -----
    The roots hold for n → ∞.  λ₀ grows like √n.  At finite n the third moment of v adds
    −Σv_j³/z = O(1/√n) to the equation, and the random part W = J − E[J] adds −c₁ − c₂/z − … with
    c_k = vᵀWᵏ1 of mean 0 and variance s ℛ²ᵏ, ℛ the radius, fixed by the couplings, which does not
    vanish with n: single networks scatter about the roots, unless their rows sum to zero
    (``dale(…, zero_row_sum=True)``).

    Examples
    --------
    >>> from simulate.couplings import dale_outlier
    >>> dale_outlier(1000, f=0.8, alpha=0.2, mu_e=1, mu_i=-6).round(2).tolist()
    [(-2.4+0j), (-0.13+0j)]
    >>> balanced = {"f": 0.8, "alpha": 1, "mu_e": 1, "mu_i": -4}
    >>> dale_outlier(2000, **balanced, sigma_e=0.1, sigma_i=0.1).round(2).tolist()
    [2j, -2j]
    """
    if (sigma_e is None) != (sigma_i is None):
        raise ArgumentError(
            f"sigma_e={sigma_e}, sigma_i={sigma_i}: expected both, for the radius, or neither"
        )
    simple = n * dale_mean(n, f=f, alpha=alpha, mu_e=mu_e, mu_i=mu_i)
    root = alpha * float(np.hypot(np.sqrt(f) * mu_e, np.sqrt(1 - f) * mu_i))
    scale = max(abs(simple), root) or 1.0
    reduced = np.roots([1.0, -simple / scale, (root / scale) ** 2])
    roots = scale * np.asarray(reduced, dtype=np.complex128)
    roots = roots[np.lexsort((-roots.imag, -np.abs(roots)))]
    if sigma_e is not None and sigma_i is not None:
        radius = dale_radius(
            f=f, alpha=alpha, mu_e=mu_e, mu_i=mu_i, sigma_e=sigma_e, sigma_i=sigma_i
        )
        roots[np.abs(roots) <= radius] = np.nan
    return roots


@validated
def dale_radius(
    *, f: float, alpha: float, mu_e: float, mu_i: float, sigma_e: float, sigma_i: float
) -> float:
    """Radius √(n[f σ_se² + (1−f) σ_si²]) of the disc of eigenvalues, σ_sl² = α(1−α)μ̃_l² + ασ̃_l².

    [HH], below Eq. 18; σ_sl² is the variance of a coupling from a neuron of kind l, and n cancels.
    Valid as n → ∞ for the eigenvalues other than the outliers made by the mean.

    Parameters
    ----------
    f, alpha, mu_e, mu_i, sigma_e, sigma_i : float
        As in `dale`.

    Returns
    -------
    float

    Examples
    --------
    >>> from simulate.couplings import dale_radius
    >>> round(dale_radius(f=0.8, alpha=0.2, mu_e=1, mu_i=-6, sigma_e=1.2, sigma_i=1.2), 3)
    1.252
    """
    f, alpha, mu_e, mu_i, sigma_e, sigma_i = _checked(f, alpha, mu_e, mu_i, sigma_e, sigma_i)
    variance_e = alpha * (1 - alpha) * mu_e**2 + alpha * sigma_e**2
    variance_i = alpha * (1 - alpha) * mu_i**2 + alpha * sigma_i**2
    return float(np.sqrt(f * variance_e + (1 - f) * variance_i))


def _checked(
    f: float, alpha: float, mu_e: float, mu_i: float, sigma_e: float, sigma_i: float
) -> tuple[float, float, float, float, float, float]:
    return (
        arguments.within("f", f, 0, 1),
        arguments.within("alpha", alpha, 0, 1),
        arguments.finite("mu_e", mu_e),
        arguments.finite("mu_i", mu_i),
        arguments.nonnegative("sigma_e", sigma_e),
        arguments.nonnegative("sigma_i", sigma_i),
    )


def _connections(
    rng: np.random.Generator, n: int, alpha: float
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Rows and columns of the connections, row by row, in blocks."""
    for place in _bernoulli(rng, n * (n - 1), alpha):
        row, column = np.divmod(place, n - 1)
        yield row, column + (column >= row)


def _bernoulli(
    rng: np.random.Generator, total: int, probability: float
) -> Iterator[NDArray[np.int64]]:
    """Successes of `total` independent trials, in ascending blocks."""
    # The gaps between successes are geometric: the work follows the successes, not the trials.
    if probability == 0:
        return
    # A gap beyond the end only has to stay beyond the end: cut there, a block of them fits int64.
    beyond = total + 1
    most = min(_BLOCK, _LARGEST_SUM // beyond)
    size = min(most, int(_AHEAD * total * probability) + _SPARE)
    last = -1
    while True:
        places = last + np.cumsum(np.minimum(rng.geometric(probability, size), beyond))
        inside = places[places < total]
        yield inside
        if inside.size < size:
            return
        last = int(inside[-1])
