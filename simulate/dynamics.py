"""Force, quasi-potential, gradient and Onsager-reaction force at given states.

States are (n,) or (n, batch): neurons first.  J is a dense array, a SciPy sparse array or a
LinearOperator.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from meanfield import TransferFunction
from meanfield.transfer import Array

from .network import Network


def _network(J: Any, phi: str | TransferFunction, eta: float = 0.0) -> Network:
    network = Network(J, phi=phi, eta=eta)
    network.check_finite()
    return network


def force(x: ArrayLike, J: Any, *, phi: str | TransferFunction = "tanh") -> Array:
    """Vanilla drift f = −x + Jφ(x).

    Parameters
    ----------
    x : (n,) or (n, batch) array
    J : (n, n) array, sparse array or LinearOperator
    phi : str or TransferFunction

    Returns
    -------
    ndarray
        Same shape as `x`.

    Raises
    ------
    ArgumentError
        If shapes do not fit or a value is not finite.

    Examples
    --------
    >>> import numpy as np
    >>> from simulate import force
    >>> force(np.zeros(2), np.eye(2)).tolist()
    [0.0, 0.0]
    """
    network = _network(J, phi)
    return network.evaluate(network.state(x), 0.0).force


def kinetic_energy(
    x: ArrayLike, J: Any, *, eta: float = 0.0, phi: str | TransferFunction = "tanh"
) -> Array:
    """Quasi-potential E = ½ Σ f_i² + ½ η Σ x_i², summed over neurons.

    Parameters
    ----------
    x : (n,) or (n, batch) array
    J : (n, n) array, sparse array or LinearOperator
    eta : float
        Confinement.
    phi : str or TransferFunction

    Returns
    -------
    ndarray
        Scalar, or one value per column of `x`.

    Raises
    ------
    ArgumentError
        If shapes do not fit or a value is outside its range.

    Examples
    --------
    >>> import numpy as np
    >>> from simulate import kinetic_energy
    >>> float(kinetic_energy(np.array([3.0, 4.0]), np.zeros((2, 2))))
    12.5
    """
    network = _network(J, phi, eta)
    state = network.state(x)
    return network.energy(state, network.evaluate(state, 0.0).force)


def onsager_force(x: ArrayLike, J: Any, *, phi: str | TransferFunction = "tanh") -> Array:
    """Onsager-reaction force −φ'(x) ∘ Jᵀf ([HH] Eq. 8 without its factor).

    Parameters
    ----------
    x : (n,) or (n, batch) array
    J : (n, n) array, sparse array or LinearOperator
    phi : str or TransferFunction

    Returns
    -------
    ndarray
        Same shape as `x`.

    Raises
    ------
    ArgumentError
        If shapes do not fit or a value is not finite.

    Examples
    --------
    >>> import numpy as np
    >>> from simulate import onsager_force
    >>> onsager_force(np.array([0.0, 1.0]), np.array([[0.0, 2.0], [0.0, 0.0]])).round(3).tolist()
    [-0.0, -1.279]
    """
    network = _network(J, phi)
    state = network.state(x)
    value = network.activity(state)
    drift = network.product(value) - state
    return -network.slope(state, value) * network.transposed_product(drift)


def energy_gradient(
    x: ArrayLike, J: Any, *, eta: float = 0.0, phi: str | TransferFunction = "tanh"
) -> Array:
    """∇E = −f + φ'(x) ∘ Jᵀf + ηx, so that f plus the Onsager force is −∇E at η = 0.

    Parameters
    ----------
    x : (n,) or (n, batch) array
    J : (n, n) array, sparse array or LinearOperator
    eta : float
        Confinement.
    phi : str or TransferFunction

    Returns
    -------
    ndarray
        Same shape as `x`.

    Raises
    ------
    ArgumentError
        If shapes do not fit or a value is outside its range.

    Examples
    --------
    >>> import numpy as np
    >>> from simulate import energy_gradient
    >>> energy_gradient(np.array([1.0]), np.zeros((1, 1))).tolist()
    [1.0]
    """
    network = _network(J, phi, eta)
    return np.negative(network.evaluate(network.state(x), 1.0).drift)
