"""One network: couplings, φ, bias and η, every product that dynamics needs, and the stiffness.

Dense, sparse and matrix-free couplings go through the same lines.  States are (n, ...): neurons
first, any number of columns after them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, NamedTuple
from weakref import WeakSet

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray
from scipy.sparse import issparse
from scipy.sparse.linalg import LinearOperator

from meanfield import TransferFunction, stability, transfer_function
from meanfield.common import arguments, cost, probes
from meanfield.common.arguments import LARGEST, ArgumentError, Array
from meanfield.common.jobs import blas_threads

# Single or double precision.
State = NDArray[Any]
Phi = str | TransferFunction

# Largest number of Lanczos vectors, and the relative residual at which the iteration stops.
_STEPS = 80
_WIDTH = 0.02
# Number of steps over which the estimate must have stopped rising.
_MEMORY = 4

# Operators of users whose products, and those with Jᵀ, have been tried: once in a process.
_FORWARD: WeakSet[Any] = WeakSet()
_BACKWARD: WeakSet[Any] = WeakSet()
# Libraries have room for fewer threads; those of the call that runs.
_MOST_THREADS = 1024
_AT_WORK: ContextVar[int] = ContextVar("threads", default=1)
# What φ and its slope cost, in operations of a matrix product.
_ACTIVITY = 50
# Relative error of a product that is allowed: operators may work in single precision or iterate.
_TRUST = 1e-4


class Evaluation(NamedTuple):
    """What one evaluation at a state yields, of the shape of the state."""

    # F = (1 − κ) f − κ∇E, plus the external input in a driven run.
    drift: State
    # The vanilla force f, which gives the energy.
    force: State
    # Jᵀf of a network of mixed precision, where it was needed.
    back: State | None = None


class Known(NamedTuple):
    """A state beside which others are evaluated: x + f, φ and its evaluation."""

    total: State
    value: State
    evaluation: Evaluation


@dataclass(frozen=True)
class Linearization:
    """The Jacobian ∂F/∂x = A − κ[diag(φ''∘Jᵀf) + D Jᵀ A + ηI] at one or several states."""

    # D = diag φ', A = −I + J D ([HH] Eq. 10 in matrix form).  At κ = 1 it is −Hess E.
    network: Network
    onsager: float
    slope: State  # φ'
    bend: State  # φ''∘Jᵀf + η, not formed for κ = 0

    def apply(self, v: State) -> State:
        """∂F/∂x · v, v of the shape of the state or with one axis more in second place."""
        slope, bend = self._beside(v)
        moved = self.network.product(slope * v) - v
        if self.onsager == 0:
            return moved
        back = slope * self.network.transposed_product(moved)
        return moved - self.onsager * (bend * v + back)

    def apply_transposed(self, v: State) -> State:
        """(∂F/∂x)ᵀ · v = (1 − κ) Aᵀ v − κ Hess E · v."""
        total = self._beside(v)[0] * self.network.transposed_product(v) - v
        if self.onsager == 0:
            return total
        return (1 - self.onsager) * total - self.onsager * self._hessian(v)

    def apply_stiffness(self, v: State) -> State:
        """Symmetric part of −∂F/∂x times v: Hess E · v at κ = 1."""
        if self.onsager == 1:
            return self._hessian(v)
        return -(self.apply(v) + self.apply_transposed(v)) / 2

    def _hessian(self, v: State) -> State:
        slope, bend = self._beside(v)
        moved = self.network.product(slope * v) - v
        return slope * self.network.transposed_product(moved) - moved + bend * v

    def _beside(self, v: State) -> tuple[State, State]:
        if v.ndim == self.slope.ndim:
            return self.slope, self.bend
        return self.slope[:, None], self.bend[:, None] if self.onsager else self.bend


class Network:
    """Couplings, transfer function, confinement η ≥ 0, bias, and the precision of states.

    In mixed precision what a step changes of Jφ and Jᵀf is known to single precision.
    """

    def __init__(
        self,
        J: Any,
        *,
        phi: Phi = "tanh",
        eta: float = 0.0,
        bias: ArrayLike = 0.0,
        dtype: DTypeLike = np.float64,
        mixed: bool = False,
    ) -> None:
        self.dtype = np.dtype(dtype)
        if self.dtype not in (np.float64, np.float32):
            raise ArgumentError(f"dtype={dtype!r}: expected float64 or float32")
        self.is_sparse = bool(issparse(J))
        # Known only through its products.
        self.is_matrix_free = isinstance(J, LinearOperator)
        if not (self.is_sparse or self.is_matrix_free):
            J = arguments.real("J", J)
        if len(J.shape) != 2 or J.shape[0] != J.shape[1] or J.shape[0] < 1:
            raise ArgumentError(f"J of shape {J.shape}: must be square, (n, n) with n >= 1")
        if np.dtype(J.dtype).kind not in "iuf":
            raise ArgumentError(f"J of dtype {J.dtype}: must be real")
        if not self.is_matrix_free:
            J = (J.tocsr() if self.is_sparse else J).astype(self.dtype, copy=False)
        self.J: Any = J
        self.transposed = J.T
        self.n = int(J.shape[0])
        self.function = transfer_function(phi)
        self.eta = float(arguments.confinement(eta))
        # In the precision of states it may be infinite.
        with np.errstate(over="ignore"):
            self.bias = arguments.vector("bias", bias, self.n).astype(self.dtype)
        if not np.all(np.isfinite(self.bias)):
            raise ArgumentError(f"bias: must be finite in {self.dtype.name}")
        self.is_biased = bool(np.any(self.bias))
        # Then x and −x are as likely.
        self.is_odd = self.function.is_odd and not self.is_biased
        # Number of drifts evaluated so far.
        self.evaluations = 0
        if not self.is_matrix_free:
            entries = (J.data if self.is_sparse else J).ravel(order="K")
            with np.errstate(over="ignore", invalid="ignore"):
                total = float(entries @ entries)
            # The Hessian of E has products of two entries, its estimates of four.
            if not total <= LARGEST**2:
                raise ArgumentError(
                    "J: must be finite, and so must be the sum of its squares, "
                    f"{LARGEST**2:g} at most"
                )
        self.rough = self._in_single() if mixed else None
        if self._is_unproven(_FORWARD):
            self._prove_product()

    def _in_single(self) -> tuple[State, State]:
        """Jᵀ and J in single precision, in the order that is fast from the right."""
        if not isinstance(self.J, np.ndarray) or self.dtype != np.float64:
            raise ArgumentError("mixed=True: needs J as an array, and dtype float64")
        with np.errstate(over="ignore"):
            rough = self.J.astype(np.float32)
        if not np.all(np.isfinite(rough)):
            raise ArgumentError("mixed=True: J must be finite in float32")
        return np.ascontiguousarray(rough.T), np.ascontiguousarray(rough)

    def check(
        self,
        name: str,
        value: Any,
        instead: str,
        evaluations: float,
        columns: int,
        *,
        regulated: bool,
        numbers: float = 0.0,
    ) -> None:
        """Refuse so many drifts of so many states if they take days, or too much memory."""
        sides = 2 if regulated else 1
        # Of matrix-free couplings at least this is known.
        entries = 1.0 * self.n * (1 if self.is_matrix_free else self.n)
        if self.is_sparse:
            entries = float(self.J.nnz)
        base: Any = getattr(self.J, "base", self.J) if self.is_matrix_free else None
        if getattr(base, "tol", None) == 0:
            # Every product reveals.
            rank = min(evaluations * columns, self.n)
            numbers += 2.0 * (2 if base.gamma else sides) * self.n * rank
        # J is read once whatever the number of states.
        operations = sides * entries * (2 + columns) + _ACTIVITY * self.n * columns
        cost.check(
            name, value, f"{instead} (large J, bias, onsager and eta make steps short)",
            numbers=numbers, seconds=cost.time_of(evaluations, operations),
        )  # fmt: skip

    def state(self, x: ArrayLike, name: str = "x") -> State:
        """`x` as a finite (n,) or (n, batch) array of the network's precision."""
        state = arguments.real(name, x).astype(self.dtype, copy=False)
        if state.ndim not in (1, 2) or state.shape[0] != self.n or state.size == 0:
            raise ArgumentError(
                f"{name} of shape {state.shape}: expected ({self.n},) or ({self.n}, batch)"
            )
        if not np.all(np.isfinite(state)):
            raise ArgumentError(f"{name}: must be finite")
        return state

    @property
    def is_stored(self) -> bool:
        """Whether all entries of J are known."""
        return not self.is_matrix_free or getattr(self.J, "is_stored", False)

    def dense(self, purpose: str) -> NDArray[np.float64]:
        """J as an ndarray, for a `purpose` that matrix-free couplings cannot serve."""
        if not self.is_stored:
            raise ArgumentError(f"J: {purpose} needs the matrix itself, not a LinearOperator")
        if isinstance(self.J, np.ndarray):
            return np.asarray(self.J, dtype=np.float64)
        cost.check("J", self.J, "it is made dense, take a smaller one", numbers=2.0 * self.n**2)
        return np.asarray(self.J.toarray(), dtype=np.float64)

    def activity(self, x: State) -> State:
        """φ(x), in the precision of the network whatever φ returns."""
        return self._cast(self.function.phi(x))

    def force(self, x: State, value: State) -> State:
        """The vanilla force f = −x + Jφ + b where value = φ(x)."""
        return self.force_of(x, self.product(value))

    def force_of(self, x: State, force: State) -> State:
        """The same made in place of Jφ."""
        force -= x
        if self.is_biased:
            force += self.bias.reshape(-1, *(1,) * (x.ndim - 1))
        return force

    def slope(self, x: State, value: State) -> State:
        """φ'(x) where value = φ(x), likewise."""
        return self._cast(self.function.slope_at(x, value))

    def _cast(self, values: State) -> State:
        return np.asarray(values, dtype=self.dtype)

    @property
    def answer_error(self) -> float:
        """Norm of the error of J · v relative to |v|; 0 unless an operator drops residuals."""
        neglected = getattr(self.J, "neglected", 0.0)
        return float(neglected) * float(getattr(self.J, "norm_bound", 0.0)) if neglected else 0.0

    def product(self, v: State) -> State:
        """J · v for v of shape (n, ...)."""
        return self._multiply(self.J, v)

    def transposed_product(self, v: State) -> State:
        """Jᵀ · v for v of shape (n, ...)."""
        if self.is_matrix_free and self._is_unproven(_BACKWARD):
            self._prove_adjoint()
        return self._multiply(self.transposed, v)

    def _multiply(self, matrix: Any, v: State) -> State:
        if self.is_matrix_free:
            flat = v.reshape(self.n, -1)
            answer = probes.answer("J", matrix.__matmul__, flat)
            if np.shape(answer) != flat.shape or np.iscomplexobj(answer):
                raise ArgumentError(f"J: must answer with real numbers of shape {flat.shape}")
            if np.isnan(answer).any() and np.all(np.abs(flat) <= LARGEST):
                raise ArgumentError("J: this LinearOperator answered with nan to finite numbers")
            # A copy: an operator may answer with a view of its argument or of a buffer.
            return np.array(answer, dtype=self.dtype).reshape(v.shape)
        if v.ndim == 1:
            return matrix @ v
        flat = v.reshape(self.n, -1)
        if flat.flags.f_contiguous and isinstance(matrix, np.ndarray) and v.dtype == np.float64:
            # The same product a fifth faster: BLAS packs the long side of a thin batch better.  In
            # single precision it is up to twice as slow.
            return (flat.T @ matrix.T).T.reshape(v.shape)
        return (matrix @ flat).reshape(v.shape)

    def _is_unproven(self, proven: WeakSet[Any]) -> bool:
        # Operators with a `norm_bound` reveal new directions when asked, and are trusted.
        trusted = not self.is_matrix_free or hasattr(self.J, "norm_bound")
        return not trusted and self.J not in proven

    def _prove_product(self) -> None:
        """Refuse an operator that is not a real, finite, linear map with one answer."""
        v = self._probe()
        # Copies: an operator may answer with a view of a buffer.
        both = probes.answer("J", lambda: np.array(self.J @ np.stack([v, -2 * v], axis=1)))
        once = probes.answer("J", lambda: np.array(self.J @ v))
        for value, shape in ((both, (self.n, 2)), (once, (self.n,))):
            if np.shape(value) != shape or np.iscomplexobj(value) or not np.isfinite(value).all():
                raise ArgumentError(f"J: must answer with finite real numbers of shape {shape}")
        size = _TRUST * np.linalg.norm(once)
        if not (np.linalg.norm(both[:, 0] - once) <= size):
            raise ArgumentError("J: answers a vector and the same column of a matrix differently")
        if not (np.linalg.norm(both[:, 1] + 2 * once) <= 2 * size):
            raise ArgumentError("J: must be linear, J(−2v) = −2Jv")
        _FORWARD.add(self.J)

    def _prove_adjoint(self) -> None:
        """Refuse an operator whose `rmatvec` is missing, or not that of Jᵀ."""
        v = self._probe()
        image = self.product(v)
        # Parallel to Jv in part: ⟨Jv, w⟩ would be 1/√n of its bound for a w of its own.
        w = image + np.linalg.norm(image) * self._probe(1)
        try:
            # As a column among others too: an operator may have a way of its own for these.
            back = self._multiply(self.transposed, np.stack([-2 * w, w], axis=1))[:, 1]
        except ArgumentError as error:
            if not isinstance(error.__cause__, NotImplementedError | AttributeError | TypeError):
                raise
            raise ArgumentError(
                "J: this LinearOperator has no rmatvec, and the Onsager-reaction force and the "
                "stiffness need Jᵀ; give rmatvec="
            ) from error
        ahead, behind = float(image @ w), float(v @ back)
        if not (abs(ahead - behind) <= _TRUST * np.linalg.norm(image) * np.linalg.norm(w)):
            raise ArgumentError(
                f"J: rmatvec is not the transpose of matvec, ⟨Jv, w⟩ = {ahead:g} and "
                f"⟨v, Jᵀw⟩ = {behind:g} for random v, w"
            )
        _BACKWARD.add(self.J)

    def digest(self) -> bytes:
        """The same for the same couplings, in whatever precision the network works."""
        if self.is_matrix_free and hasattr(self.J, "norm_bound"):
            # Asking would reveal.
            parts: tuple[Any, ...] = (np.array([id(self.J)]),)
        elif self.is_matrix_free:
            parts = (self.J @ np.ones(self.n),)
        else:
            parts = (self.J.data, self.J.indices) if self.is_sparse else (self.J,)
        told = hashlib.sha256()
        for part in parts:
            floating = part.dtype.kind == "f"
            told.update(np.ascontiguousarray(part, np.float32 if floating else None).tobytes())
        return told.digest()

    def _probe(self, number: int = 0) -> State:
        """A random unit vector, the same for every network of this size."""
        v = np.random.default_rng(number).standard_normal(self.n)
        return self._cast(v / np.linalg.norm(v))

    def evaluate(self, x: State, onsager: float) -> Evaluation:
        """Drift F = f − κ(φ'∘Jᵀf + ηx) and force f at `x` ([HH] Eq. 8)."""
        self.evaluations += 1
        value = self.activity(x)
        force = self.force(x, value)
        if onsager == 0:
            return Evaluation(force, force)
        return self._regulated(x, value, force, self.transposed_product(force), onsager)

    def evaluate_near(self, x: State, onsager: float, known: Known) -> Evaluation:
        """`evaluate` in mixed precision: products are of what `x` has beside a known state."""
        assert self.rough is not None
        self.evaluations += 1
        value, first = self.activity(x), known.evaluation
        force = known.total - x
        force += _change(value, known.value, self.rough[0])
        if onsager == 0:
            return Evaluation(force, force)
        if first.back is None:
            # κ was 0 there.
            back = self.transposed_product(force)
        else:
            back = _change(force, first.force, self.rough[1]) + first.back
        return self._regulated(x, value, force, back, onsager)

    def _regulated(
        self, x: State, value: State, force: State, back: State, onsager: float
    ) -> Evaluation:
        """The evaluation where Jᵀf = `back`, which it may overwrite."""
        kept = None if self.rough is None else back.copy("K")
        back *= self.slope(x, value)
        if self.eta:
            back += self.eta * x
        if onsager != 1:
            back *= onsager
        return Evaluation(np.subtract(force, back, out=back), force, kept)

    def linearize(self, x: State, onsager: float) -> Linearization:
        """The Jacobian at `x`."""
        value = self.activity(x)
        slope = self.slope(x, value)
        if onsager == 0:
            return Linearization(self, onsager, slope, slope)
        self.evaluations += 1
        back = self.transposed_product(self.force(x, value))
        bend = self._cast(self.function.bend_at(x, value)) * back + self.eta
        return Linearization(self, onsager, slope, bend)

    def evaluate_beside(self, x: State, onsager: float) -> Evaluation:
        """`evaluate` at x[:, 0], and in the drift ∂F/∂x · v of the vectors v = x[:, 1:] with it."""
        # As `Linearization`, but state and vectors go through J and Jᵀ together.
        self.evaluations += 1
        state, vectors = x[:, 0], x[:, 1:]
        value = self.activity(state)
        slope = self.slope(state, value)[:, None]
        sent = np.empty_like(x)
        sent[:, 0] = value
        np.multiply(slope, vectors, out=sent[:, 1:])
        moved = self.product(sent)
        moved -= x
        if self.is_biased:
            moved[:, 0] += self.bias[:, None]
        if onsager == 0:
            return Evaluation(moved, moved[:, 0])
        back = self.transposed_product(moved)
        bend = self._cast(self.function.bend_at(state, value)) * back[:, 0] + self.eta
        back *= slope
        back[:, 0] += self.eta * state
        back[:, 1:] += bend[:, None] * vectors
        back *= onsager
        return Evaluation(np.subtract(moved, back, out=back), moved[:, 0])

    def energy(self, x: State, force: State) -> NDArray[np.float64]:
        """E = ½ Σ f² + ½ η Σ x² of each column, summed over neurons, in double precision."""
        total = _squared_norm(force)
        return (total + self.eta * _squared_norm(x) if self.eta else total) / 2


def _change(one: State, other: State, matrix: State) -> State:
    """Their difference times a matrix from the right, in single precision."""
    out = np.empty_like(one, np.float32)
    difference = np.subtract(one, other, out=out, casting="same_kind").reshape(len(one), -1)
    return np.asarray((difference.T @ matrix).T.reshape(one.shape))


def largest_rate(network: Network, x: State, onsager: float, width: float = _WIDTH) -> Array:
    """`stiffness` of a network at checked states, (columns,), to a relative residual `width`."""
    linear = network.linearize(x, onsager)
    bound = getattr(network.J, "norm_bound", None)
    if bound is not None:
        # Products with other vectors would reveal new directions of the operator.
        amplified = float(bound) * float(np.max(np.abs(linear.slope)))
        rate = 1 + amplified
        if onsager:
            bend = max(float(np.max(np.sign(onsager) * linear.bend)), 0.0)
            rate = abs(1 - onsager) * rate + abs(onsager) * (rate**2 + bend)
        return np.full(x.shape[1:] or (1,), rate)
    return _lanczos(linear, x.reshape(network.n, -1).shape[1], width)


def steepest(network: Network, columns: State) -> tuple[int, State]:
    """The column with the steepest slopes φ' in root mean square over neurons, and these."""
    slopes = network.slope(columns, network.activity(columns))
    column = int(np.argmax(np.mean(np.square(slopes, dtype=np.float64), axis=0)))
    return column, slopes[:, column]


def spectrum(network: Network, x: State, onsager: float) -> stability.Rates:
    """Points along the edge of the spectrum of ∂F/∂x at the column with the steepest slopes."""
    columns = x.reshape(network.n, -1)
    column, slope = steepest(network, columns)
    bound = getattr(network.J, "norm_bound", None)
    if bound is not None and onsager == 0:
        # Products with other vectors would reveal new directions of the operator.
        g, gamma = getattr(network.J, "g", float(bound)), getattr(network.J, "gamma", 0.0)
        steepness = float(np.sqrt(np.mean(np.square(slope, dtype=np.float64))))
        return stability.ellipse(g, gamma, steepness)
    if onsager == 1 or bound is not None:
        return -largest_rate(network, columns[:, column], onsager).astype(np.complex128)
    linear = Linearization(network, 0.0, slope, slope)
    if onsager:
        linear = network.linearize(columns[:, column], onsager)
    return stability.edge(lambda v: linear.apply(v.astype(network.dtype)), network.n)


def _lanczos(linear: Linearization, columns: int, allowed: float) -> Array:
    """Largest eigenvalue per column, each column with a three-term recurrence of its own."""
    n, dtype = linear.network.n, linear.network.dtype
    shape = linear.slope.shape
    # A fixed start: the estimate must not depend on the batch or on any seed of the run.
    start = np.random.default_rng(0).standard_normal(n).astype(dtype)
    unit = (start / np.linalg.norm(start))[:, None]
    current = contiguous_columns(np.repeat(unit, columns, axis=1))
    previous = np.zeros_like(current)
    link = np.zeros(columns)
    diagonal: list[Array] = []
    off_diagonal: list[Array] = []
    history = [np.zeros(columns)] * _MEMORY
    estimate, known = np.zeros(columns), np.zeros(columns, dtype=bool)
    for _ in range(min(_STEPS, n)):
        image = linear.apply_stiffness(current.reshape(shape)).reshape(n, columns)
        overlap = np.einsum("ij,ij->j", image, current, dtype=np.float64)
        if not np.all(np.isfinite(overlap)):
            return np.full(columns, np.nan)
        diagonal.append(overlap)
        largest, last = _top(diagonal, off_diagonal)
        image = image - overlap.astype(dtype) * current - link.astype(dtype) * previous
        link = np.sqrt(np.einsum("ij,ij->j", image, image, dtype=np.float64))
        width = link * np.abs(last)
        scale = np.maximum(np.abs(largest), 1e-300)
        # A small residual tells of some eigenvalue nearby; that none is above shows when the
        # estimate has stopped rising.
        rise = largest - history[0]
        history = [*history[1:], largest]
        settled = (width <= allowed * scale) & (rise <= allowed / 4 * scale)
        enough = ((len(diagonal) > _MEMORY) & settled) | (link <= 1e-6 * scale)
        # A column keeps its first good value: it must not depend on its neighbours.
        estimate = np.where(known, estimate, largest)
        known |= enough
        if np.all(known):
            break
        off_diagonal.append(link)
        safe = np.where(link > 0, link, 1.0).astype(dtype)
        previous, current = current, image / safe
    # A column that did not converge is given its upper bound.
    return np.where(known, estimate, estimate + width)


def _top(diagonal: list[Array], off_diagonal: list[Array]) -> tuple[Array, Array]:
    """Largest eigenvalue of each tridiagonal matrix and the last entry of its eigenvector."""
    size = len(diagonal)
    matrix = np.zeros((len(diagonal[0]), size, size))
    index = np.arange(size)
    matrix[:, index, index] = np.array(diagonal).T
    if off_diagonal:
        links = np.array(off_diagonal).T
        matrix[:, index[1:], index[:-1]] = links
        matrix[:, index[:-1], index[1:]] = links
    values, vectors = np.linalg.eigh(matrix)
    return values[:, -1], vectors[:, -1, -1]


@contextmanager
def at_work(threads: int | None) -> Iterator[None]:
    """So many threads of matrix products, and no word of overflows: results are looked at."""
    # By default one, or those of the call around this one.  Thin products wait for memory: further
    # threads gain little on idle cores and lose a factor of ten on busy ones.
    if threads is not None:
        threads = arguments.count("threads", threads, 1, _MOST_THREADS)
    before = _AT_WORK.set(threads or _AT_WORK.get())
    with (
        np.errstate(over="ignore", invalid="ignore"),
        blas_threads(_AT_WORK.get()),
    ):
        try:
            yield
        finally:
            _AT_WORK.reset(before)


def contiguous_columns(x: State) -> State:
    """The same (n, ...) array with each state in one piece of memory, which `Network` prefers."""
    return np.moveaxis(np.ascontiguousarray(np.moveaxis(x, 0, -1)), -1, 0)


def _squared_norm(v: State) -> NDArray[np.float64]:
    return np.einsum("i...,i...->...", v, v, dtype=np.float64)


def correlated(noise: Array, gamma: float | Array) -> Array:
    """Matrices of variance 1, covariance γ across and zero diagonal, of independent (..., n, n)."""
    upper = np.triu(noise, 1)
    lower = np.tril(noise, -1)
    # Symmetric and antisymmetric parts carry the weights (1 ± γ)/2 of the variance.
    even, odd = upper + upper.swapaxes(-1, -2), lower.swapaxes(-1, -2) - lower
    return np.asarray(np.sqrt((1 + gamma) / 2) * even + np.sqrt((1 - gamma) / 2) * odd)
