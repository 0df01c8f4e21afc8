"""Who is coupled to whom: populations of trajectories, one after the other; or one of all.

With n_b the share of block b, a neuron of block a hears, beside its Gaussian fields, itself through
those of all blocks: what it does to φ_b by J_ji comes back by J_ij with n_b γ_ab g_ab g_ba, what it
does by J_ij (in u = Jᵀψ of the others) with n_b g_ab², and in u with n_b g_ba².
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ... import stability
from ...blocks import Blocks, spectral_radius
from ...common.arguments import Array
from ...gaussian_operator import in_turn
from ...schedule import Schedule
from ...stability import Rates
from ...transfer import TransferFunction
from .site import SiteModel, Slopes, rate_model


class Populations(NamedTuple):
    """P populations: laws of couplings and biases, and a model for each; arrays (P, P) and (P,)."""

    fractions: Array
    g: Array
    gamma: Array
    mean: Array
    bias_mean: Array
    bias_std: Array
    models: tuple[SiteModel, ...]
    functions: tuple[TransferFunction, ...] = ()  # their φ
    sizes: tuple[int, ...] = ()  # numbers of trajectories
    apart: bool = False  # whether they are networks of equal laws, not coupled to each other

    @classmethod
    def one(
        cls, model: SiteModel, g: float, gamma: float, size: int, mean: float = 0.0,
        bias_mean: float = 0.0, bias_std: float = 0.0,
    ) -> Populations:  # fmt: skip
        """A single one."""
        pairs = (np.full((1, 1), value) for value in (g, gamma, mean))
        biases = (np.full(1, value) for value in (bias_mean, bias_std))
        return cls(np.ones(1), *pairs, *biases, models=(model,), sizes=(size,))  # type: ignore[arg-type, misc]

    @classmethod
    def of(cls, blocks: Blocks, gamma: Array, onsager: Schedule, t_max: float) -> Populations:
        """Rate networks of these blocks."""
        return cls(
            np.asarray(blocks.fractions), np.asarray(blocks.g), gamma, np.asarray(blocks.mean),
            np.asarray(blocks.bias_mean), np.asarray(blocks.bias_std),
            tuple(rate_model(phi, onsager, t_max) for phi in blocks.functions), blocks.functions,
        )  # fmt: skip

    def side_by_side(self, count: int) -> Populations:
        """So many networks like this one of a single population, each uncoupled to the others."""
        return Populations(
            np.ones(count), np.eye(count) * self.g, np.tile(self.gamma, (count, count)),
            np.eye(count) * self.mean, np.repeat(self.bias_mean, count),
            np.repeat(self.bias_std, count), self.models * count, self.functions * count,
            self.sizes * count, apart=True,
        )  # fmt: skip

    @property
    def is_alike(self) -> bool:
        """Whether all have one model."""
        return all(model is self.models[0] for model in self.models)

    @property
    def is_centred(self) -> bool:
        """Whether all averages of odd powers vanish by symmetry, if they do at the start."""
        offsets = self.mean, self.bias_mean, self.bias_std
        return all(model.is_odd for model in self.models) and not any(map(np.any, offsets))

    @property
    def parts(self) -> tuple[slice, ...]:
        """The trajectories of each."""
        return _parts(self.sizes)

    def sized(self, size: int) -> Populations:
        """The same with so many trajectories in all."""
        blocks = Blocks(self.fractions, self.g)
        return self._replace(sizes=tuple(blocks.sizes(size).tolist()))

    def spread(self, values: Array) -> Array | float:
        """Numbers of the populations for each trajectory."""
        return np.repeat(values, self.sizes) if len(self.sizes) > 1 else float(values[0])

    def means(self, values: Array) -> Array:
        """Averages over the trajectories of each population, which are the last axis."""
        if self.apart:
            return values.reshape(*values.shape[:-1], len(self.sizes), -1).mean(-1, np.float64)
        parts = [values[..., part].mean(axis=-1, dtype=np.float64) for part in self.parts]
        return np.stack(parts, axis=-1)

    def heard(self, vector: Array, *, back: bool = False) -> Array | float:
        """What the mean couplings make of φ in h; or, `back`, of ψ in u."""
        if not self.mean.any():
            return 0.0
        weights = self.fractions * (self.mean.T if back else self.mean)
        return self.spread(weights @ self.means(vector))

    def slopes(self, t: float, x: Array, h: Array, u: Array | None) -> Slopes:
        """Slopes of all trajectories."""
        if self.is_alike:
            return self.models[0].slopes_at(t, x, h, u)
        told = [
            model.slopes_at(t, x[part], h[part], None if u is None else u[part])
            for model, part in zip(self.models, self.parts, strict=True)
        ]
        return Slopes(*map(np.concatenate, zip(*told, strict=True)))

    @property
    def loops(self) -> tuple[Array, Array, Array]:
        """n_b γ_ab g_ab g_ba, n_b g_ab² and n_b g_ba², but for the symmetry of the first."""
        n, g = self.fractions, self.g
        return n * g * g.T, n * g**2, n * g.T**2

    @property
    def requests(self) -> int:
        """How many a product with the couplings is made of."""
        return len(self.fractions) * np.unique(self.gamma).size

    @property
    def gain(self) -> float:
        """Largest root mean square of a field h in units of that of φ."""
        return math.sqrt(float(np.max(np.sum(self.fractions * self.g**2, axis=1))))

    def reach(self, steep: Sequence[float]) -> tuple[Rates, float]:
        """Rates that ẋ = −x + h may have, and a bound of ‖−1 + J‖ times the slopes."""
        variance, drive = self.fractions * self.g**2, self.fractions * self.mean
        radius = math.sqrt(spectral_radius(variance * np.square(steep)))
        ends = {float(np.min(self.gamma)), float(np.max(self.gamma))}
        rates = [stability.ellipse(radius, gamma, 1.0) for gamma in ends]
        if np.any(drive):
            rates.append(np.linalg.eigvals(drive * np.asarray(steep)) - 1)
        root = np.sqrt(self.fractions)
        back = math.sqrt(float(np.max(self.fractions @ self.g**2)))
        norm = self.gain + back + float(np.linalg.norm(root[:, None] * self.mean * root, 2))
        return np.concatenate(rates), 1 + norm * float(np.max(steep))

    def taken(
        self, count: int | None = None, step: int = 1
    ) -> tuple[NDArray[np.intp], Populations]:
        """Places of some trajectories, so many but one of each population, and what they are."""
        most: Sequence[int | None] = [None] * len(self.sizes)
        if count is not None:
            most = np.maximum(np.rint(count * self.fractions), 1).astype(int).tolist()
        pairs = zip(self.parts, most, strict=True)
        places = [np.arange(part.start, part.stop, step)[:number] for part, number in pairs]
        return np.concatenate(places), self._replace(sizes=tuple(map(len, places)))


@lru_cache
def _parts(sizes: tuple[int, ...]) -> tuple[slice, ...]:
    return tuple(in_turn(sizes))
