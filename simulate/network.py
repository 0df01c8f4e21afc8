"""One network: the couplings with φ and η, and every product with them that dynamics needs.

Dense, sparse and matrix-free couplings go through the same lines.  States are (n, ...): neurons
first, any number of columns after them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple, cast

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray
from scipy.sparse import issparse
from scipy.sparse.linalg import LinearOperator

from meanfield import TransferFunction, transfer_function
from meanfield.common import arguments
from meanfield.common.arguments import ArgumentError

# Single or double precision.
State = NDArray[Any]
Phi = str | TransferFunction


class Evaluation(NamedTuple):
    """What one evaluation at a state yields, of the shape of the state."""

    # F = (1 − κ) f − κ∇E, plus the external input in a driven run.
    drift: State
    # The vanilla force f, which gives the energy.
    force: State


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
    """Couplings, transfer function, confinement η ≥ 0, and the precision of states."""

    def __init__(
        self, J: Any, *, phi: Phi = "tanh", eta: float = 0.0, dtype: DTypeLike = np.float64
    ) -> None:
        self.dtype = np.dtype(dtype)
        if self.dtype not in (np.float64, np.float32):
            raise ArgumentError(f"dtype={dtype!r}: expected float64 or float32")
        if not (issparse(J) or isinstance(J, LinearOperator)):
            J = np.asarray(J)
        if len(J.shape) != 2 or J.shape[0] != J.shape[1] or J.shape[0] < 1:
            raise ArgumentError(f"J of shape {J.shape}: must be square, (n, n) with n >= 1")
        if np.issubdtype(J.dtype, np.complexfloating):
            raise ArgumentError(f"J of dtype {J.dtype}: must be real")
        if issparse(J):
            J = cast(Any, J).tocsr().astype(self.dtype, copy=False)
        elif not isinstance(J, LinearOperator):
            J = J.astype(self.dtype, copy=False)
        self.J: Any = J
        self.transposed = J.T
        self.n = int(J.shape[0])
        self.function = transfer_function(phi)
        self.eta = float(arguments.confinement(eta))
        # Number of drifts evaluated so far.
        self.evaluations = 0
        if not (self.is_matrix_free or np.all(np.isfinite(J.data if self.is_sparse else J))):
            raise ArgumentError("J: must be finite")

    @property
    def is_matrix_free(self) -> bool:
        """Whether J is known only through its products."""
        return isinstance(self.J, LinearOperator)

    @property
    def is_sparse(self) -> bool:
        """Whether J is stored as a SciPy sparse array."""
        return bool(issparse(self.J))

    def state(self, x: ArrayLike, name: str = "x") -> State:
        """`x` as a finite (n,) or (n, batch) array of the network's precision."""
        if np.iscomplexobj(x):
            raise ArgumentError(f"{name} of dtype {np.asarray(x).dtype}: must be real")
        state = np.asarray(x, dtype=self.dtype)
        if state.ndim not in (1, 2) or state.shape[0] != self.n or state.size == 0:
            raise ArgumentError(
                f"{name} of shape {state.shape}: expected ({self.n},) or ({self.n}, batch)"
            )
        if not np.all(np.isfinite(state)):
            raise ArgumentError(f"{name}: must be finite")
        return state

    def dense(self, purpose: str) -> NDArray[np.float64]:
        """J as an ndarray, for a `purpose` that matrix-free couplings cannot serve."""
        if self.is_matrix_free:
            raise ArgumentError(f"J: {purpose} needs the matrix itself, not a LinearOperator")
        return np.asarray(self.J.toarray() if self.is_sparse else self.J, dtype=np.float64)

    def activity(self, x: State) -> State:
        """φ(x), in the precision of the network whatever φ returns."""
        return self._cast(self.function.phi(x))

    def slope(self, x: State, value: State) -> State:
        """φ'(x) where value = φ(x), likewise."""
        return self._cast(self.function.slope_at(x, value))

    def _cast(self, values: State) -> State:
        return np.asarray(values, dtype=self.dtype)

    @property
    def answer_error(self) -> float:
        """Norm of the error of J · v relative to |v|; 0 unless an operator drops residuals."""
        neglected = getattr(self.J, "neglected", 0.0) if self.is_matrix_free else 0.0
        return float(neglected) * float(getattr(self.J, "norm_bound", 0.0)) if neglected else 0.0

    def product(self, v: State) -> State:
        """J · v for v of shape (n, ...)."""
        return self._multiply(self.J, v)

    def transposed_product(self, v: State) -> State:
        """Jᵀ · v for v of shape (n, ...)."""
        return self._multiply(self.transposed, v)

    def _multiply(self, matrix: Any, v: State) -> State:
        if self.is_matrix_free:
            # A copy: an operator may answer with a view of its argument or of a buffer.
            return np.array(matrix @ v.reshape(self.n, -1), dtype=self.dtype).reshape(v.shape)
        if v.ndim == 1:
            return matrix @ v
        flat = v.reshape(self.n, -1)
        if flat.flags.f_contiguous and isinstance(matrix, np.ndarray):
            # The same product a fifth faster: BLAS packs the long side of a thin batch better.
            return (flat.T @ matrix.T).T.reshape(v.shape)
        return (matrix @ flat).reshape(v.shape)

    def evaluate(self, x: State, onsager: float) -> Evaluation:
        """Drift F = f − κ(φ'∘Jᵀf + ηx) and force f at `x` ([HH] Eq. 8)."""
        self.evaluations += 1
        value = self.activity(x)
        force = self.product(value)
        force -= x
        if onsager == 0:
            return Evaluation(force, force)
        reaction = self.transposed_product(force)
        reaction *= self.slope(x, value)
        if self.eta:
            reaction += self.eta * x
        if onsager != 1:
            reaction *= onsager
        return Evaluation(np.subtract(force, reaction, out=reaction), force)

    def linearize(self, x: State, onsager: float) -> tuple[Evaluation, Linearization]:
        """The evaluation at `x` together with the Jacobian there."""
        self.evaluations += 1
        value = self.activity(x)
        force = self.product(value) - x
        slope = self.slope(x, value)
        if onsager == 0:
            return Evaluation(force, force), Linearization(self, onsager, slope, slope)
        back = self.transposed_product(force)
        bend = self._cast(self.function.bend_at(x, value)) * back + self.eta
        drift = force - onsager * (slope * back + self.eta * x)
        return Evaluation(drift, force), Linearization(self, onsager, slope, bend)

    def energy(self, x: State, force: State) -> NDArray[np.float64]:
        """E = ½ Σ f² + ½ η Σ x² of each column, summed over neurons, in double precision."""
        total = _squared_norm(force)
        return (total + self.eta * _squared_norm(x) if self.eta else total) / 2


def contiguous_columns(x: State) -> State:
    """The same (n, ...) array with each state in one piece of memory, which `Network` prefers."""
    return np.moveaxis(np.ascontiguousarray(np.moveaxis(x, 0, -1)), -1, 0)


def _squared_norm(v: State) -> NDArray[np.float64]:
    return np.einsum("i...,i...->...", v, v, dtype=np.float64)
