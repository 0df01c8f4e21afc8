"""The equation of one neuron, the door through which models enter the sampler."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ...common import arguments, probes
from ...common.arguments import ArgumentError, Array
from ...common.portable import Portable
from ...schedule import Schedule, as_function
from ...transfer import TransferFunction

# Where functions are tried, and the step of the differences.
_PROBE = np.array([-2.3, -0.71, -0.13, 0.037, 0.41, 1.3, 3.1])
_STEP = 1e-4
# What numbers that should be equal may differ by.
_TIE = 1e-12
_OF_U = ("psi_x", "psi_h", "drift_u")
# How many times of a run are asked whether u is used.
_TIMES = 64


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
class SiteModel(Portable):
    """One neuron of ẋ = F(t, x, h, u) with fields h = Jφ(x) and, if wanted, u = Jᵀψ(x, h).

    J is a Gaussian matrix of gain g and symmetry γ; with a mean coupling J₀ and biases b it is
    h = Jφ + J₀⟨φ⟩ + b and u = Jᵀψ + J₀⟨ψ⟩.  `two_time`, `steady_state` and `maximal_lyapunov` solve
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
        (t, x, h, u) → `Slopes`, needed for responses, stationary states, Lyapunov exponents and
        stiffness.

    Raises
    ------
    ArgumentError
        If `uses_u` comes without `psi`, a function does not map arrays to finite arrays of their
        shape, or one of the `slopes` is not what central differences say at t = 0.

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

    Species that compete at random, ẋ = x(1 − x − h) + 0.001, with immigration:

    >>> species = SiteModel(
    ...     "Lotka-Volterra",
    ...     phi=lambda x: x,
    ...     drift=lambda t, x, h, u: x * (1 - x - h) + 0.001,
    ...     force=lambda x, h: x * (1 - x - h) + 0.001,
    ... )
    >>> run = two_time(
    ...     0.8, t_max=40, dt=0.1, model=species, mean_coupling=4, x0_mean=0.5, x0_std=0.05,
    ...     save_every=200, n_trajectories=4000, seed=0,
    ... )
    >>> round(float(run.mean[-1]), 3)
    0.207
    """

    name: str
    phi: Callable[[Array], Array]
    drift: Callable[[float, Array, Array, Array | None], Array]
    psi: Callable[[Array, Array], Array] | None = None
    uses_u: Callable[[float], bool] = _never
    force: Callable[[Array, Array], Array] = _force
    slopes: Callable[[float, Array, Array, Array | None], Slopes] | None = None

    def __post_init__(self) -> None:
        arguments.check_fields(self)
        if self.uses_u is not _never and self.psi is None:
            raise ArgumentError("psi=None: must say what ψ is with uses_u")
        self.probe(0.0)

    @property
    def is_odd(self) -> bool:
        """Whether φ and the drift change sign with x, h and u, where they are tried, at t = 0."""
        x, h, u = _PROBE, np.roll(_PROBE, 1), np.roll(_PROBE, 2) if self.has_u(0.0) else None
        pairs = [
            (self.phi(x), self.phi(-x)),
            (self.drift(0.0, x, h, u), self.drift(0.0, -x, -h, None if u is None else -u)),
        ]
        return all(np.allclose(a, -b, rtol=_TIE, atol=_TIE) for a, b in pairs)

    def has_u(self, t: float) -> bool:
        """What `uses_u` says at time t, which must be True or False."""
        name = f"uses_u(t={t:g}) of model {self.name!r}"
        value = probes.answer(name, self.uses_u, t)
        if not isinstance(value, bool | np.bool_):
            raise ArgumentError(f"{name}={value!r:.80}: must be True or False")
        return bool(value)

    def slopes_at(self, t: float, x: Array, h: Array, u: Array | None) -> Slopes:
        """What `slopes` says, which must be finite arrays where they are used."""
        assert self.slopes is not None
        told = probes.answer(self._named("slopes"), self.slopes, t, x, h, u)
        if not isinstance(told, Slopes):
            raise ArgumentError(f"{self._named('slopes')}: must return Slopes, got {told!r:.80}")
        for name in ("phi_x", "drift_x", "drift_h", *_OF_U * (u is not None)):
            value, label = getattr(told, name), self._named(f"slopes.{name}")
            if np.shape(value) != x.shape:
                raise ArgumentError(f"{label}: must be an array of the shape of x")
            if not np.isfinite(value).all():
                raise ArgumentError(f"{label}: must be finite, is not at t = {t:g}")
        return told

    def probe(self, t: float) -> None:
        """Try every function once at time t, and `slopes` against central differences."""
        x, h, u = _PROBE, np.roll(_PROBE, 1), np.roll(_PROBE, 2)
        seen = u if self.has_u(t) else None
        probes.array_of(self._named("phi"), self.phi, x)
        probes.array_of(self._named("drift"), self.drift, t, x, h, seen)
        probes.array_of(self._named("force"), self.force, x, h)
        if self.psi is not None:
            probes.array_of(self._named("psi"), self.psi, x, h)
        if self.slopes is not None:
            self._probe_slopes(self.slopes, t, seen)

    def _probe_slopes(
        self,
        slopes: Callable[[float, Array, Array, Array | None], Slopes],
        t: float,
        u: Array | None,
    ) -> None:
        self.slopes_at(t, _PROBE, np.roll(_PROBE, 1), u)
        phi, psi, drift = self.phi, self.psi, self.drift
        # Twice as many: every place is tried with another beside it.
        x, h = (np.tile(np.roll(_PROBE, k), 2) for k in (0, 1))
        u = None if u is None else np.tile(u, 2)
        by: dict[str, tuple[Array, Callable[[Array], Array], Callable[[Array], Slopes]]] = {
            "phi_x": (x, phi, lambda v: slopes(t, v, h, u)),
            "drift_x": (x, lambda v: drift(t, v, h, u), lambda v: slopes(t, v, h, u)),
            "drift_h": (h, lambda v: drift(t, x, v, u), lambda v: slopes(t, x, v, u)),
        }
        if psi is not None:
            by["psi_x"] = x, lambda v: psi(v, h), lambda v: slopes(t, v, h, u)
            by["psi_h"] = h, lambda v: psi(x, v), lambda v: slopes(t, x, v, u)
        if u is not None:
            by["drift_u"] = u, lambda v: drift(t, x, h, v), lambda v: slopes(t, x, h, v)
        for name, (v, function, all_slopes) in by.items():
            of, along = name.split("_")
            label = self._named(f"slopes.{name}")
            probes.slope(
                label, lambda v, n=name, s=all_slopes: getattr(s(v), n), function,  # type: ignore[misc]
                v[: _PROBE.size], _STEP, of=of, along=along,
            )  # fmt: skip

    def _named(self, name: str) -> str:
        return f"{name} of model {self.name!r}"


def checked_model(
    model: SiteModel | None, phi: TransferFunction, onsager: Schedule, t_max: float = 0.0
) -> SiteModel:
    """The model, tried once more where it starts or stops to use u; or the rate network."""
    if model is None:
        return rate_model(phi, onsager, t_max)
    if callable(onsager) or onsager != 0:
        raise ArgumentError(f"onsager={onsager!r}: belongs to the rate network, not to a model")
    if not isinstance(model, SiteModel):
        raise ArgumentError(f"model={model!r}: expected a SiteModel")
    times = (t_max * (k + 0.5) / _TIMES for k in range(_TIMES))
    switched = next((t for t in times if model.has_u(t) != model.has_u(0.0)), None)
    if switched is not None:
        model.probe(switched)
    return model


def rate_model(phi: TransferFunction, onsager: Schedule = 0.0, t_max: float = 0.0) -> SiteModel:
    """The OR-regulated rate network: F = f − κ(t) φ′(x) u with f = ψ = −x + h ([HH] Eq. 8)."""
    strength = as_function("onsager", onsager, t_max)

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
