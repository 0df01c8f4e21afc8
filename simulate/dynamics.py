"""The vanilla force f(x) = −x + Jφ(x), the quasi-potential E = ½|f|² and its gradient.

States are (n,) or (n, batch): neurons first.
"""

from __future__ import annotations

from meanfield import TransferFunction, transfer_function
from meanfield.transfer import Array


def force(x: Array, J: Array, *, phi: str | TransferFunction = "tanh") -> Array:
    """Vanilla drift f = −x + Jφ(x).

    Parameters
    ----------
    x : (n,) or (n, batch) array
    J : (n, n) array
    phi : str or TransferFunction

    Returns
    -------
    ndarray
        Same shape as `x`.

    Examples
    --------
    >>> import numpy as np
    >>> from simulate import force
    >>> force(np.zeros(2), np.eye(2)).tolist()
    [0.0, 0.0]
    """
    return -x + J @ transfer_function(phi).phi(x)


def kinetic_energy(
    x: Array, J: Array, *, eta: float = 0.0, phi: str | TransferFunction = "tanh"
) -> Array:
    """Quasi-potential E = ½ Σ f_i² + ½ η Σ x_i², summed over neurons.

    Parameters
    ----------
    x : (n,) or (n, batch) array
    J : (n, n) array
    eta : float
        Confinement.
    phi : str or TransferFunction

    Returns
    -------
    ndarray
        Scalar, or one value per column of `x`.

    Examples
    --------
    >>> import numpy as np
    >>> from simulate import kinetic_energy
    >>> float(kinetic_energy(np.array([3.0, 4.0]), np.zeros((2, 2))))
    12.5
    """
    drift = force(x, J, phi=phi)
    return ((drift**2).sum(axis=0) + eta * (x**2).sum(axis=0)) / 2


def onsager_force(x: Array, J: Array, *, phi: str | TransferFunction = "tanh") -> Array:
    """Onsager-reaction force −φ'(x) ∘ Jᵀf ([HH] Eq. 8 without its factor).

    Parameters
    ----------
    x : (n,) or (n, batch) array
    J : (n, n) array
    phi : str or TransferFunction

    Returns
    -------
    ndarray
        Same shape as `x`.

    Examples
    --------
    >>> import numpy as np
    >>> from simulate import onsager_force
    >>> onsager_force(np.array([0.0, 1.0]), np.array([[0.0, 2.0], [0.0, 0.0]])).round(3).tolist()
    [-0.0, -1.279]
    """
    function = transfer_function(phi)
    return -function.d1(x) * (J.T @ force(x, J, phi=function))


def energy_gradient(
    x: Array, J: Array, *, eta: float = 0.0, phi: str | TransferFunction = "tanh"
) -> Array:
    """∇E = −f + φ'(x) ∘ Jᵀf + ηx, so that f plus the Onsager force is −∇E at η = 0.

    Parameters
    ----------
    x : (n,) or (n, batch) array
    J : (n, n) array
    eta : float
        Confinement.
    phi : str or TransferFunction

    Returns
    -------
    ndarray
        Same shape as `x`.

    Examples
    --------
    >>> import numpy as np
    >>> from simulate import energy_gradient
    >>> energy_gradient(np.array([1.0]), np.zeros((1, 1))).tolist()
    [1.0]
    """
    return -force(x, J, phi=phi) - onsager_force(x, J, phi=phi) + eta * x
