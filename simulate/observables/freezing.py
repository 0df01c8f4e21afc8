"""How far the activities move ([HH] Eq. 11)."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from meanfield import TransferFunction, transfer_function
from meanfield.common.arguments import ArgumentError, Array


def freezing(
    x: ArrayLike,
    x_later: ArrayLike,
    *,
    phi: str | TransferFunction = "tanh",
    per_neuron: bool = False,
) -> Array:
    """Freezing measure Q(t, t′) = |φ(x(t)) − φ(x(t′))|², a sum over neurons ([HH] Eq. 11).

    The average ⟨·⟩ of Eq. 11 over initial states and couplings is the caller's.

    Parameters
    ----------
    x, x_later : (n, ...) array
        States at t and t′, neurons first; axes after the first broadcast, and a single state (n,)
        is compared with every column of the other.
    phi : str or TransferFunction
    per_neuron : bool
        Whether to divide by n.

    Returns
    -------
    ndarray
        Of the broadcast shape without the axis of neurons.

    Raises
    ------
    ArgumentError
        If shapes do not fit or a value is not finite.

    Examples
    --------
    >>> import numpy as np
    >>> from simulate import couplings, integrate
    >>> from simulate import freezing, state_at
    >>> J = couplings.elliptic(200, 3.0, seed=1)
    >>> x0 = np.random.default_rng(2).standard_normal((200, 4))
    >>> Q = []
    >>> for onsager in (0, 1):
    ...     run = integrate(J, x0, t_max=20, dt=0.05, onsager=onsager, save_at=[10, 20])
    ...     Q.append(freezing(state_at(run, 10), state_at(run, 20)).mean())
    >>> bool(Q[1] < Q[0] / 10)
    True
    """
    first, last = (np.asarray(a, dtype=np.float64) for a in (x, x_later))
    axes = max(first.ndim, last.ndim)
    if min(first.ndim, last.ndim) < 1 or len(first) != len(last) or not len(first):
        raise ArgumentError(
            f"x of shape {first.shape}, x_later of shape {last.shape}: expected (n, ...) with the "
            "same n >= 1"
        )
    if not (np.all(np.isfinite(first)) and np.all(np.isfinite(last))):
        raise ArgumentError("x, x_later: must be finite")
    function = transfer_function(phi)
    values = [function.phi(a).reshape(a.shape + (1,) * (axes - a.ndim)) for a in (first, last)]
    try:
        difference = values[0] - values[1]
    except ValueError:
        raise ArgumentError(
            f"x of shape {first.shape}, x_later of shape {last.shape}: do not broadcast"
        ) from None
    total = np.einsum("i...,i...->...", difference, difference)
    return np.asarray(total / len(first) if per_neuron else total)
