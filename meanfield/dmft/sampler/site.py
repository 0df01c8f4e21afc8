"""The equation of one neuron, the door through which models enter the sampler."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ...common.arguments import ArgumentError, Array
from ...schedule import Schedule, as_function
from ...transfer import TransferFunction

_PROBE = np.array([-0.7, 0.4, 1.3])


class Slopes(NamedTuple):
    """Partial derivatives of φ(x), ψ(x, h) and the drift F(t, x, h, u) of every trajectory."""

    phi_x: Array
    psi_x: Array
    psi_h: Array
    drift_x: Array
    drift_h: Array
    drift_u: Array


def _force(x: Array, h: Array) -> Array:
    return h - x


def _never(t: float) -> bool:
    return False


@dataclass(frozen=True)
class SiteModel:
    """One neuron of ẋ = F(t, x, h, u) with fields h = Jφ(x) and, if wanted, u = Jᵀψ(x, h).

    J is a Gaussian matrix of gain g and symmetry γ.  `two_time` and the functions beside it solve
    the N → ∞ limit of any network of this form.  All functions act on arrays of neurons.

    Parameters
    ----------
    name : str
        Shown in results.
    phi : callable
        φ(x), what J multiplies.  Need not be odd or bounded.
    drift : callable
        F(t, x, h, u) with u None where `uses_u(t)` is False.
    psi : callable, optional
        ψ(x, h), what Jᵀ multiplies.
    uses_u : callable, optional
        Whether F depends on u at time t; never, without `psi`.
    force : callable
        f(x, h), whose ½⟨f²⟩ is reported as energy; default −x + h.
    slopes : callable, optional
        (t, x, h, u) → `Slopes`, needed for responses, Lyapunov exponents and stiffness.

    Raises
    ------
    ArgumentError
        If `uses_u` comes without `psi`, or a function does not map arrays to arrays of their shape.

    Examples
    --------
    A network with threshold-linear units and a linear one:

    >>> import numpy as np
    >>> from meanfield import SiteModel, two_time
    >>> relu = SiteModel(
    ...     "threshold-linear",
    ...     phi=lambda x: np.maximum(x, 0),
    ...     drift=lambda t, x, h, u: -x + h,
    ... )
    >>> linear = SiteModel("linear", phi=lambda x: x, drift=lambda t, x, h, u: -x + h)
    >>> for model in (relu, linear):
    ...     run = two_time(0.5, t_max=1, dt=0.1, model=model, n_trajectories=4000, seed=0)
    """

    name: str
    phi: Callable[[Array], Array]
    drift: Callable[[float, Array, Array, Array | None], Array]
    psi: Callable[[Array, Array], Array] | None = None
    uses_u: Callable[[float], bool] = _never
    force: Callable[[Array, Array], Array] = _force
    slopes: Callable[[float, Array, Array, Array | None], Slopes] | None = None

    def __post_init__(self) -> None:
        if self.uses_u is not _never and self.psi is None:
            raise ArgumentError("psi=None: a model that uses u = Jᵀψ must say what ψ is")
        x, h = _PROBE, _PROBE[::-1]
        u = h if self.uses_u(0.0) else None
        values = {"phi": self.phi(x), "drift": self.drift(0.0, x, h, u), "force": self.force(x, h)}
        if self.psi is not None:
            values["psi"] = self.psi(x, h)
        for name, value in values.items():
            if np.shape(value) != x.shape or not np.all(np.isfinite(value)):
                raise ArgumentError(
                    f"{name} of model {self.name!r}: must map arrays to finite arrays of their "
                    f"shape, got {value!r}"
                )


def checked_model(model: SiteModel | None, phi: TransferFunction, onsager: Schedule) -> SiteModel:
    """The model, or without one the rate network."""
    if model is None:
        return rate_model(phi, onsager)
    if callable(onsager) or onsager != 0:
        raise ArgumentError(f"onsager={onsager!r}: belongs to the rate network, not to a model")
    if not isinstance(model, SiteModel):
        raise ArgumentError(f"model={model!r}: expected a SiteModel")
    return model


def rate_model(phi: TransferFunction, onsager: Schedule = 0.0) -> SiteModel:
    """The OR-regulated rate network: F = f − κ(t) φ′(x) u with f = ψ = −x + h ([HH] Eq. 8)."""
    strength = as_function("onsager", onsager)

    def drift(t: float, x: Array, h: Array, u: Array | None) -> Array:
        return h - x if u is None else h - x - strength(t) * phi.d1(x) * u

    def slopes(t: float, x: Array, h: Array, u: Array | None) -> Slopes:
        slope, one = phi.d1(x), np.ones_like(x)
        if u is None:
            return Slopes(slope, -one, one, -one, one, np.zeros_like(x))
        kappa = strength(t)
        return Slopes(slope, -one, one, -one - kappa * phi.d2(x) * u, one, -kappa * slope)

    return SiteModel(
        f"rate network, phi = {phi.name}",
        phi=phi.phi,
        drift=drift,
        psi=_force,
        uses_u=lambda t: strength(t) != 0,
        slopes=slopes,
    )
