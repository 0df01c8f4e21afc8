"""Where the descents start."""

from __future__ import annotations

import warnings
from collections.abc import Iterator

import numpy as np

from meanfield.parameters import ArgumentError
from meanfield.transfer import Array

from ..integration import IntegrationError, StepSizeWarning, integrate
from ..network import Network

KINDS = ("both", "chaos", "gradient")

# Runs advance in full blocks of so many starts: their shared adaptive steps and the rounding of
# their matrix products, which chaos amplifies, then never depend on how many starts are asked for.
BLOCK = 16


def drawn_starts(
    network: Network,
    kind: str,
    n_starts: int,
    sequence: np.random.SeedSequence,
    *,
    std: float,
    settle: float,
    relax: float,
) -> Iterator[Array]:
    """Start after start, (n,) each; start k depends on the seed and k alone.

    Parameters
    ----------
    network : Network
    kind : str
        "chaos", "gradient", or "both": even starts the former, odd ones the latter.
    n_starts : int
    sequence : SeedSequence
        Start k draws from child k.
    settle : float
        Duration of the vanilla dynamics from N(0, std²).
    relax : float
        Duration of the gradient flow ẋ = −∇E from N(0, std²).

    Raises
    ------
    ArgumentError
        If the vanilla dynamics diverge.
    """
    blocks = -(-n_starts // BLOCK)
    children = sequence.spawn(blocks * BLOCK)
    for block in range(blocks):
        own = children[block * BLOCK : (block + 1) * BLOCK]
        x = std * np.stack(
            [np.random.default_rng(s).standard_normal(network.n) for s in own], axis=1
        )
        if kind == "chaos":
            x = _run(network, x, settle, 0.0)
        elif kind == "gradient":
            x = _run(network, x, relax, 1.0)
        else:
            x[:, ::2] = _run(network, np.ascontiguousarray(x[:, ::2]), settle, 0.0)
            x[:, 1::2] = _run(network, np.ascontiguousarray(x[:, 1::2]), relax, 1.0)
        for k in range(min(BLOCK, n_starts - block * BLOCK)):
            yield np.ascontiguousarray(x[:, k])


def _run(network: Network, x: Array, duration: float, onsager: float) -> Array:
    if duration == 0:
        return x
    try:
        with warnings.catch_warnings():
            # A start need not be accurate, only the same at every call.
            warnings.simplefilter("ignore", StepSizeWarning)
            run = integrate(
                network.J,
                x,
                t_max=duration,
                dt=0.1,
                onsager=onsager,
                method="chebyshev" if onsager else "exponential",
                phi=network.function,
                store_states=False,
            )
    except IntegrationError as error:
        raise ArgumentError(
            f"starts: the {'gradient flow' if onsager else 'vanilla dynamics'} does "
            f"not stay finite ({error}); give x0 instead"
        ) from None
    return run.x_end
