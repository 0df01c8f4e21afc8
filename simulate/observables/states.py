"""States of runs and arrays, checked; what is read off them; how far activities move."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from meanfield import TransferFunction, transfer_function
from meanfield.common import arguments
from meanfield.common.arguments import ArgumentError, Array

from ..integration import Trajectory

_KINDS = ("x", "phi")


def state_at(trajectory: Trajectory, t: float) -> NDArray[np.floating]:
    """State of a run at one of its save times.

    Parameters
    ----------
    trajectory : Trajectory
    t : float

    Returns
    -------
    (n,) or (n, batch) ndarray

    Raises
    ------
    ArgumentError
        If t is no save time of the run or its states were not kept.

    Examples
    --------
    >>> import numpy as np
    >>> from simulate import integrate
    >>> from simulate import state_at
    >>> run = integrate(np.zeros((1, 1)), np.ones(1), t_max=1, dt=0.1, save_at=[0.5, 1])
    >>> state_at(run, 0.5).round(4).tolist()
    [0.6065]
    """
    states, t = kept_states(trajectory), arguments.finite("t", t)
    distance = np.abs(trajectory.t - t)
    nearest = int(np.argmin(distance))
    if distance[nearest] > 1e-9 * max(1.0, abs(t)):
        raise ArgumentError(
            f"t={t:g}: must be a save time of the run, the nearest is {trajectory.t[nearest]:g}"
        )
    return states[nearest]


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


def kept_states(trajectory: Trajectory) -> NDArray[np.floating]:
    """States of a run, (L, n[, batch])."""
    if trajectory.x is None or not len(trajectory.x):
        raise ArgumentError("trajectory: its states were not kept; run with store_states=True")
    return trajectory.x


def stacked_states(x: Trajectory | ArrayLike) -> NDArray[np.floating]:
    """States of a run or an array, checked to be finite and (L, n) or (L, n, batch), no copy."""
    states = kept_states(x) if isinstance(x, Trajectory) else np.asarray(x)
    if states.ndim not in (2, 3) or not states.size or np.iscomplexobj(states):
        raise ArgumentError(f"x of shape {states.shape}: expected real (L, n) or (L, n, batch)")
    # One row at a time: a mask of all states at once would need memory of their order.
    if not all(np.all(np.isfinite(row)) for row in states):
        raise ArgumentError("x: must be finite")
    return states


def activity(x: object, of: str, phi: str | TransferFunction | None) -> Callable[[Array], Array]:
    """What `of` asks for as a function of the states of `x`."""
    arguments.one_of("of", of, _KINDS)
    if of == "phi":
        return function_of(x, phi).phi
    return lambda states: states


def reason_of(x: object) -> str:
    """What is wrong with the run that the states are from, if they are from one; else empty."""
    return "; ".join(x.warnings) if isinstance(x, Trajectory) else ""


def described(
    told: dict[str, Any], x: object, of: str, phi: str | TransferFunction | None
) -> dict[str, Any]:
    """Parameters of a call on the states of `x`, and of the run, whose names win."""
    facts = dict(told)
    if isinstance(x, Trajectory):
        facts |= x.attributes | {"method": x.method, "dt": x.dt, "call": told["call"]}
    facts["of"] = of
    if of == "phi":
        # Apart from the φ of the run, which it need not be.
        facts["phi_of_activity"] = function_of(x, phi).name
    return facts


def function_of(x: object, phi: str | TransferFunction | None) -> TransferFunction:
    """φ as given, else that of the run, else tanh."""
    if phi is None and isinstance(x, Trajectory):
        return x.phi
    return transfer_function("tanh" if phi is None else phi)
