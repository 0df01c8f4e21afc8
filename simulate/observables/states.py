"""States of runs and arrays, checked, and what is read off them neuron by neuron."""

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


def described(x: object, of: str, phi: str | TransferFunction | None) -> dict[str, Any]:
    """Parameters and status of the run, if there was one, and what was read off its states."""
    found: dict[str, Any] = {}
    if isinstance(x, Trajectory):
        found = x.attributes | {"method": x.method, "dt": x.dt, "status": x.status}
    found["of"] = of
    if of == "phi":
        # Apart from the φ of the run, which it need not be.
        found["phi_of_activity"] = function_of(x, phi).name
    return found


def function_of(x: object, phi: str | TransferFunction | None) -> TransferFunction:
    """φ as given, else that of the run, else tanh."""
    if phi is None and isinstance(x, Trajectory):
        return x.phi
    return transfer_function("tanh" if phi is None else phi)
