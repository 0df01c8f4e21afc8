"""One forward sweep of M trajectories that share a Gaussian operator: the causal sampler.

⟨·⟩ is the average over the trajectories.  What the operator has already answered carries the whole
history: its first sum is the Gaussian field with the covariance ⟨φφ⟩ of the trajectories
themselves, its second the memory term (Novikov's theorem in whitened coordinates).  One pass from
0 to t_max therefore solves the self-consistent equations of time-discretised dynamics, for any γ
and any single-site model, without iteration over the window and without a response matrix.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from scipy.special import ndtri

from ... import exponential, seeds
from ...gaussian_operator import GaussianOperator, RoomError
from ...parameters import ArgumentError
from ...schedule import before
from ...transfer import Array
from .forgetting import Forgetting
from .site import SiteModel

# Steps that end this close to a segment's end, in steps, end there.
_SLACK = 1e-9


class SamplerError(RuntimeError):
    """The trajectories stopped being finite."""


class Moment(NamedTuple):
    """All trajectories at one time.

    Attributes
    ----------
    step : int
        Number of steps made.
    t : float
    x, phi, h, force : (M,) array
    psi, u : (M,) array or None
        None where the model does not use u.
    drift : (M,) array
    """

    step: int
    t: float
    x: Array
    phi: Array
    h: Array
    force: Array
    psi: Array | None
    u: Array | None
    drift: Array


def time_grid(times: Sequence[float], dt: float) -> Array:
    """0, the ends of all steps: dt, shortened so that a whole number fits between `times`."""
    pieces: list[Array] = [np.zeros(1)]
    for start, end in pairwise(times):
        count = max(1, math.ceil((end - start) / dt - _SLACK))
        ends = start + np.arange(1, count + 1, dtype=np.float64) * ((end - start) / count)
        ends[-1] = end
        pieces.append(ends)
    return np.concatenate(pieces)


@dataclass(frozen=True)
class Setting:
    """What all batches of a run have in common.

    Attributes
    ----------
    model : SiteModel
    g, gamma : float
    noise : callable
        White-noise strength σ²(t).
    x0_std : float
        Standard deviation of the normal initial states.
    times : sequence of float
        0, switch times, t_max.
    grid : array
        `time_grid` of `times`.
    innovations, tol
        Of the `GaussianOperator`.
    window, window_tol : float
        Time after which the past is forgotten (inf: never), and the share of the recent past that
        may go with it.
    single : bool
        Whether the operator stores single precision.
    """

    model: SiteModel
    g: float
    gamma: float
    noise: Callable[[float], float]
    x0_std: float
    times: Sequence[float]
    grid: Array
    innovations: str = "matched"
    tol: float = 1e-3
    window: float = math.inf
    window_tol: float = 1e-2
    single: bool = False


class Sweep:
    """The trajectories of one batch.

    Parameters
    ----------
    setting : Setting
    size : int
        Number M of trajectories.
    seed : int
    key : tuple of int
        Which batch; no two share random numbers.

    Attributes
    ----------
    operator : GaussianOperator
    forgetting : Forgetting
    rotations : tuple of array or None
        How the operator's bases were rotated before the present moment was yielded.
    requests : list of array
        Further vectors that the operator was applied to, set by whoever did.
    """

    def __init__(self, setting: Setting, size: int, seed: int, *key: int) -> None:
        self.setting = setting
        self.operator = GaussianOperator(
            size,
            setting.g,
            setting.gamma,
            seed=int(seeds.sequence(seed, "couplings", *key).generate_state(1, np.uint64)[0]),
            innovations=setting.innovations,
            tol=setting.tol,
            dtype=np.float32 if setting.single else np.float64,
        )
        self._noise = seeds.generator(seed, "noise", *key)
        start = seeds.generator(seed, "start", *key)
        if setting.innovations == "matched":
            # Quantiles in random order: single-neuron averages at t = 0 are exact to O(1/M²).
            standard = start.permutation(ndtri((np.arange(size) + 0.5) / size))
            standard /= math.sqrt(np.mean(standard**2))
        else:
            standard = start.standard_normal(size)
        self.x0 = setting.x0_std * standard
        self.operator.anchor(self.x0)
        self.rotations: tuple[Array, Array] | None = None
        self.requests: list[Array] = []
        self.forgetting = Forgetting(self.operator, setting.window, setting.window_tol)

    def evaluate(self, index: int, t: float, x: Array, end: float) -> Moment:
        """Fields and drift at a time before `end`, where parameters may jump."""
        model, now = self.setting.model, before(t, end)
        phi = model.phi(x)
        psi = u = None
        try:
            h = self.operator.matvec(phi)
            if model.psi is not None and model.uses_u(now):
                psi = model.psi(x, h)
                u = self.operator.rmatvec(psi)
        except RoomError:
            raise ArgumentError(
                f"n_trajectories: {x.size} in a batch are too few for the directions met by "
                f"t = {t:g} ({sum(self.operator.rank)} of both sides); raise n_trajectories or "
                "tol, set fewer batches, or forget with a window"
            ) from None
        return Moment(index, t, x, phi, h, model.force(x, h), psi, u, model.drift(now, x, h, u))

    def __iter__(self) -> Iterator[Moment]:
        """All moments of the grid, the first and the last included."""
        grid, x, index = self.setting.grid, self.x0, 0
        for end in self.setting.times[1:]:
            last: Array | None = None
            while grid[index] < end:
                t, h = float(grid[index]), float(grid[index + 1] - grid[index])
                moment = self.evaluate(index, t, x, end)
                self.rotations = self.forgetting.remember(t, moment.phi, moment.psi, *self.requests)
                yield moment
                decay, flat, ramp = exponential.weights(h)
                rest = moment.drift + x
                moved = decay * x + flat * rest
                if last is None:
                    predicted = self.evaluate(index, t + h, moved, end)
                    change = predicted.drift + moved - rest
                else:
                    change = rest - last
                last = rest
                moved += ramp * change
                if strength := self.setting.noise(before(t, end)):
                    size = math.sqrt(strength * -math.expm1(-2 * h) / 2)
                    moved += size * self._noise.standard_normal(x.size)
                if not math.isfinite(float(moved @ moved)):
                    raise SamplerError(
                        f"trajectories are not finite at t = {t + h:g}: the step {h:g} is too long "
                        "or the dynamics unbounded"
                    )
                x, index = moved, index + 1
        yield self.evaluate(index, float(grid[-1]), x, float(grid[-1]))
