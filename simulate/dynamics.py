"""Force, quasi-potential, gradient, Onsager-reaction force and linearisation at given states.

States are (n,) or (n, batch): neurons first.  J is a dense array, a SciPy sparse array or a
LinearOperator.  Shapes that do not fit and numbers that are not finite raise `ArgumentError`.
"""

import functools
from collections.abc import Callable
from typing import Any, ParamSpec

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse.linalg import LinearOperator

from meanfield.common import arguments, cost
from meanfield.common.arguments import ArgumentError, Array, validated

from .network import Linearization, Network, Phi, largest_rate

_Given = ParamSpec("_Given")


def _finite(function: Callable[_Given, Array]) -> Callable[_Given, Array]:
    """Refuse what has no finite result."""

    @functools.wraps(function)
    def judged(*args: _Given.args, **kwargs: _Given.kwargs) -> Array:
        with np.errstate(over="ignore", invalid="ignore"):
            found = function(*args, **kwargs)
        _require_finite(function.__name__, found)
        return found

    return judged


def _require_finite(what: str, *found: Array) -> None:
    if not all(np.all(np.isfinite(one)) for one in found):
        raise ArgumentError(
            f"x: the {what} at this state is not finite: x, J, bias, eta and onsager must be "
            "smaller, or phi and its derivatives finite there"
        )


@validated
@_finite
def force(x: ArrayLike, J: Any, *, bias: ArrayLike = 0.0, phi: Phi = "tanh") -> Array:
    """Vanilla drift f = −x + Jφ(x) + b.

    Parameters
    ----------
    x : (n,) or (n, batch) array
    J : (n, n) array, sparse array or LinearOperator
    bias : float or (n,) array
        b, a constant input that is part of f, and so of E and of the Onsager-reaction force.
    phi : str or TransferFunction

    Returns
    -------
    (n,) or (n, batch) ndarray

    Examples
    --------
    >>> import numpy as np
    >>> from simulate import force
    >>> force(np.zeros(2), np.eye(2)).tolist()
    [0.0, 0.0]
    """
    network = Network(J, phi=phi, bias=bias)
    return network.evaluate(network.state(x), 0.0).force


@validated
@_finite
def kinetic_energy(
    x: ArrayLike, J: Any, *, eta: float = 0.0, bias: ArrayLike = 0.0, phi: Phi = "tanh"
) -> Array:
    """Quasi-potential E = ½ Σ f_i² + ½ η Σ x_i², summed over neurons.

    Parameters
    ----------
    x, J, bias, phi : as in `force`
    eta : float
        Confinement.

    Returns
    -------
    () or (batch,) ndarray

    Examples
    --------
    >>> import numpy as np
    >>> from simulate import kinetic_energy
    >>> float(kinetic_energy(np.array([3.0, 4.0]), np.zeros((2, 2))))
    12.5
    """
    network = Network(J, phi=phi, eta=eta, bias=bias)
    state = network.state(x)
    return network.energy(state, network.evaluate(state, 0.0).force)


@validated
@_finite
def onsager_force(x: ArrayLike, J: Any, *, bias: ArrayLike = 0.0, phi: Phi = "tanh") -> Array:
    """Onsager-reaction force −φ'(x) ∘ Jᵀf ([HH] Eq. 8 without its factor).

    Parameters
    ----------
    x, J, bias, phi : as in `force`

    Returns
    -------
    (n,) or (n, batch) ndarray

    Examples
    --------
    >>> import numpy as np
    >>> from simulate import onsager_force
    >>> onsager_force(np.array([0.0, 1.0]), np.array([[0.0, 2.0], [0.0, 0.0]])).round(3).tolist()
    [-0.0, -1.279]
    """
    network = Network(J, phi=phi, bias=bias)
    state = network.state(x)
    value = network.activity(state)
    drift = network.force(state, value)
    return -network.slope(state, value) * network.transposed_product(drift)


@validated
@_finite
def energy_gradient(
    x: ArrayLike, J: Any, *, eta: float = 0.0, bias: ArrayLike = 0.0, phi: Phi = "tanh"
) -> Array:
    """∇E = −f + φ'(x) ∘ Jᵀf + ηx, so that f plus the Onsager force is −∇E at η = 0.

    Parameters
    ----------
    x, J, eta, bias, phi : as in `kinetic_energy`

    Returns
    -------
    (n,) or (n, batch) ndarray

    Examples
    --------
    >>> import numpy as np
    >>> from simulate import energy_gradient
    >>> energy_gradient(np.array([1.0]), np.zeros((1, 1))).tolist()
    [1.0]
    """
    network = Network(J, phi=phi, eta=eta, bias=bias)
    return np.negative(network.evaluate(network.state(x), 1.0).drift)


@validated
@_finite
def jacobian(
    x: ArrayLike,
    J: Any,
    *,
    onsager: float = 0.0,
    eta: float = 0.0,
    bias: ArrayLike = 0.0,
    phi: Phi = "tanh",
) -> Array:
    """Jacobian ∂F/∂x of F = (1 − κ) f − κ∇E ([HH] Eq. 10); −Hess E at κ = 1.

    Parameters
    ----------
    x : (n,) or (n, batch) array
    J : (n, n) array or sparse array
        For a LinearOperator there is `jacobian_operator`.
    onsager : float
        Factor κ on the Onsager-reaction force.
    eta : float
        Confinement.
    bias : float or (n,) array
        As in `force`; it moves f, on which ∂F/∂x depends where κ ≠ 0.
    phi : str or TransferFunction

    Returns
    -------
    (n, n) or (n, n, batch) ndarray

    Examples
    --------
    >>> import numpy as np
    >>> from simulate import jacobian
    >>> jacobian(np.zeros(2), np.array([[0.0, 2.0], [0.0, 0.0]])).tolist()
    [[-1.0, 2.0], [0.0, -1.0]]
    """
    network = Network(J, phi=phi, eta=eta, bias=bias)
    matrix = network.dense("the Jacobian as a matrix")
    state = network.state(x)
    kappa = arguments.finite("onsager", onsager)
    cost.check("x", state, "take fewer states", numbers=2.0 * network.n * state.size)
    linear = network.linearize(state, kappa)
    slopes, bends = (v.reshape(network.n, -1) for v in (linear.slope, linear.bend))
    result = np.empty((network.n, *slopes.shape))
    for k in range(slopes.shape[1]):
        forward = matrix * slopes[:, k]
        np.fill_diagonal(forward, forward.diagonal() - 1)
        result[..., k] = forward
        if kappa:
            back = slopes[:, k, None] * (matrix.T @ forward)
            np.fill_diagonal(back, back.diagonal() + bends[:, k])
            result[..., k] -= kappa * back
    return result if state.ndim == 2 else result[..., 0]


@validated
def jacobian_operator(
    x: ArrayLike,
    J: Any,
    *,
    onsager: float = 0.0,
    eta: float = 0.0,
    bias: ArrayLike = 0.0,
    phi: Phi = "tanh",
) -> LinearOperator:
    """The Jacobian at one state as a LinearOperator: two or four products with J, no n³.

    Parameters
    ----------
    x : (n,) array
    J : (n, n) array, sparse array or LinearOperator
    onsager, eta, bias, phi : as in `jacobian`

    Returns
    -------
    LinearOperator
        With its transpose; `−jacobian_operator(x, J, onsager=1)` is the Hessian of E.

    Examples
    --------
    >>> import numpy as np
    >>> from simulate import jacobian_operator
    >>> J = np.array([[0.0, 2.0], [0.0, 0.0]])
    >>> (jacobian_operator(np.zeros(2), J) @ np.array([0.0, 1.0])).tolist()
    [2.0, -1.0]
    """
    network = Network(J, phi=phi, eta=eta, bias=bias)
    state = network.state(x)
    if state.ndim != 1:
        raise ArgumentError(f"x of shape {state.shape}: expected one state, ({state.shape[0]},)")
    with np.errstate(over="ignore", invalid="ignore"):
        linear = network.linearize(state, arguments.finite("onsager", onsager))
    _require_finite("Jacobian", linear.slope, linear.bend)
    return _Jacobian(linear, network.n)


class _Jacobian(LinearOperator):
    """A Jacobian at one state that travels between processes, as functions inside would not."""

    def __init__(self, linear: Linearization, n: int) -> None:
        super().__init__(np.float64, (n, n))  # type: ignore[call-arg]
        self._linear = linear

    def _matvec(self, v: Array) -> Array:
        return self._linear.apply(np.ravel(v))

    def _rmatvec(self, v: Array) -> Array:
        return self._linear.apply_transposed(np.ravel(v))

    def _matmat(self, v: Array) -> Array:
        return self._linear.apply(v)

    def _rmatmat(self, v: Array) -> Array:
        return self._linear.apply_transposed(v)


@validated
@_finite
def divergence(
    x: ArrayLike,
    J: Any,
    *,
    onsager: float = 0.0,
    eta: float = 0.0,
    bias: ArrayLike = 0.0,
    phi: Phi = "tanh",
) -> Array:
    """Divergence ∇·F = tr ∂F/∂x, the rate at which volumes change ([HH] Fig. 4).

    Parameters
    ----------
    x, J, onsager, eta, bias, phi : as in `jacobian`

    Returns
    -------
    () or (batch,) ndarray

    Examples
    --------
    >>> import numpy as np
    >>> from simulate import divergence
    >>> float(divergence(np.zeros(2), np.array([[0.0, 2.0], [0.0, 0.0]]), onsager=1.0))
    -6.0
    """
    network = Network(J, phi=phi, eta=eta, bias=bias)
    J = network.dense("the divergence") if network.is_matrix_free else network.J
    state = network.state(x)
    kappa = arguments.finite("onsager", onsager)
    linear = network.linearize(state, kappa)
    diagonal = np.asarray(J.diagonal())
    total = diagonal @ linear.slope - network.n
    if kappa:
        squares = J.multiply(J) if network.is_sparse else J**2
        norms = np.asarray(squares.sum(axis=0)).ravel()  # (JᵀJ)_ii
        reaction = norms @ linear.slope**2 - diagonal @ linear.slope + linear.bend.sum(axis=0)
        total = total - kappa * reaction
    return np.asarray(total)


@validated
@_finite
def stiffness(
    x: ArrayLike,
    J: Any,
    *,
    onsager: float = 1.0,
    eta: float = 0.0,
    bias: ArrayLike = 0.0,
    phi: Phi = "tanh",
) -> Array:
    """Largest eigenvalue of the symmetric part of −∂F/∂x: λ_max(Hess E) at κ = 1.

    Explicit Euler needs Δt below 2/λ_max.  Lanczos' method on all columns at once; for matrix-free
    couplings with a `norm_bound`, an upper bound that asks for no product.

    Parameters
    ----------
    x, onsager, eta, bias, phi : as in `jacobian`
    J : (n, n) array, sparse array or LinearOperator

    Returns
    -------
    () or (batch,) ndarray
        Too small by up to a few per cent.

    Examples
    --------
    >>> import numpy as np
    >>> from simulate import stiffness
    >>> round(float(stiffness(np.zeros(2), np.array([[0.0, 2.0], [0.0, 0.0]]))), 6)
    5.828427
    """
    network = Network(J, phi=phi, eta=eta, bias=bias)
    state = network.state(x)
    rates = largest_rate(network, state, arguments.finite("onsager", onsager))
    return rates.reshape(state.shape[1:])
