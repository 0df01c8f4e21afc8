"""Sampling by Langevin dynamics, with the bias of its step measured."""

from __future__ import annotations

import numpy as np

from meanfield.common import seeds
from meanfield.common.arguments import ArgumentError, Array

from ..integration import integrate
from ..lanczos import largest_rate
from ..network import Network
from .estimators import Estimate, estimate, observe

# Default step in units of 1/λ_max(Hess E): an eighth of the stability limit.
_STEP = 0.25


def langevin_samples(
    network: Network,
    betas: Array,
    *,
    n_samples: int,
    chains: int,
    warmup: int,
    spacing: float,
    dt: float | None,
    entropy: int,
    progress: bool,
) -> tuple[Array, dict[str, Array]]:
    """Samples (betas, chains, n_samples, n) and the bias of q, energy and r with its error.

    The scheme has a bias b dt² + O(dt³): with a second run at 2 dt it is a third of the difference
    of the two.
    """
    samples = np.empty((len(betas), chains, n_samples, network.n))
    names = ("q", "energy", "r")
    bias: dict[str, list[float]] = {f"{name}{end}": [] for name in names for end in ("", "_err")}
    for index, beta in enumerate(betas):
        runs: list[dict[str, Estimate]] = []
        for factor in (1, 2):
            key = seeds.sequence(entropy, "sampling", index, factor)
            start_seed, noise_seed = key.spawn(2)
            start = np.empty((network.n, chains))
            for chain, child in enumerate(start_seed.spawn(chains)):
                start[:, chain] = np.random.default_rng(child).standard_normal(network.n)
            rate = float(np.max(largest_rate(network, start, 1.0)))
            if dt is None:
                dt = _STEP / rate
            elif dt * rate >= 1:
                raise ArgumentError(
                    f"dt={dt:g}: must be below {1 / rate:.3g}, for the companion run at 2 dt to be "
                    "stable"
                )
            # A whole number of double steps between samples: both runs are sampled alike.
            step = factor * spacing / (2 * np.ceil(spacing / (2 * dt)))
            run = integrate(
                network.J,
                start,
                t_max=spacing * (warmup + n_samples),
                dt=step,
                onsager=1.0,
                temperature=1 / beta,
                method="leimkuhler-matthews",
                save_at=spacing * np.arange(warmup + 1, warmup + n_samples + 1),
                eta=network.eta,
                phi=network.function,
                seed=int(noise_seed.generate_state(1, np.uint64)[0]),
                progress=progress,
            )
            assert run.x is not None
            found = np.ascontiguousarray(np.moveaxis(run.x, 2, 0))
            if factor == 1:
                samples[index] = found
            series = observe(network, beta, found)
            runs.append({name: estimate(getattr(series, name)) for name in names})
        for name in names:
            fine, coarse = runs[0][name], runs[1][name]
            bias[name].append((coarse.value - fine.value) / 3)
            bias[f"{name}_err"].append(float(np.hypot(coarse.stderr, fine.stderr)) / 3)
    return samples, {name: np.array(values) for name, values in bias.items()}
