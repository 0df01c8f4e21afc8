"""Two populations: chaos of unequal gains, and an excitatory and an inhibitory one at rest."""

from collections.abc import Mapping

import numpy as np

from meanfield import Blocks, stationary
from meanfield.common import seeds
from meanfield.common.arguments import Array

from ... import couplings
from ...integration import integrate
from ..statement import Design, Prediction, TheoryValue

_SOURCE = "stationary DMFT of blocks, Aljadeff, Stern & Sharpee 2015"
_STATES: Mapping[str, Blocks] = {
    "chaos": Blocks([0.6, 0.4], [[1.5, 3.0], [2.5, 2.0]]),
    "inhibition": Blocks(
        [0.8, 0.2], [[1.0, 1.5], [1.2, 1.0]], mean=[[1.5, -6.0], [2.0, -4.0]],
        bias_mean=[1.0, 0.5], bias_std=0.3, phi="logistic",
    ),
}  # fmt: skip
_ROWS = {
    "chaos": {"delta0": "Δ₀", "q": "q = ⟨φ²⟩"},
    "inhibition": {"mean": "⟨x⟩", "delta0": "Δ₀"},
}
_TEXTS = {
    "chaos": "tanh, n = (0.6, 0.4), g = ((1.5, 3), (2.5, 2))",
    "inhibition": "E and I, 1/(1 + e^−x), means ±, biases",
}

PREDICTIONS = tuple(
    Prediction(f"{name}_{quantity}_{block}", f"{text} of block {block}, {_TEXTS[name]}", _SOURCE)
    for name, quantities in _ROWS.items()
    for quantity, text in quantities.items()
    for block in (0, 1)
)


def theory(*, seed: int) -> dict[str, TheoryValue]:
    """The stationary states."""
    numbers: dict[str, TheoryValue] = {}
    for name, blocks in _STATES.items():
        state = stationary(blocks, n_tau=2)
        for quantity in _ROWS[name]:
            for block, value in enumerate(getattr(state, quantity)):
                off = float(state.resolution_error) * abs(float(value))
                numbers[f"{name}_{quantity}_{block}"] = TheoryValue(float(value), off)
    return numbers


def measure(n: int, seed: int, *, t_skip: float, t_max: float, dt: float) -> dict[str, float]:
    """Averages over time and the neurons of each block."""
    numbers: dict[str, float] = {}
    for k, (name, blocks) in enumerate(_STATES.items()):
        own = seeds.member(seed, k)
        sizes = blocks.sizes(n)
        spread = seeds.generator(own, "bias").standard_normal(n)
        bias = np.repeat(blocks.bias_mean, sizes) + np.repeat(blocks.bias_std, sizes) * spread
        run = integrate(
            couplings.blocks(n, blocks, seed=own),
            seeds.generator(own, "start").standard_normal(n), t_max=t_max, dt=dt, bias=bias,
            phi=blocks.functions[0], save_at=np.arange(t_skip, t_max + 0.5),
        )  # fmt: skip
        x: Array = np.asarray(run.x, dtype=float)
        for block, part in enumerate(np.split(x, np.cumsum(sizes)[:-1], axis=1)):
            found = {
                "mean": float(part.mean()),
                "delta0": float(part.var()),
                "q": float(np.mean(blocks.functions[block](part) ** 2)),
            }
            numbers |= {f"{name}_{quantity}_{block}": found[quantity] for quantity in _ROWS[name]}
    return numbers


TITLE = "Two populations: Δ₀, q and ⟨x⟩ of each"
PRESETS = {
    "quick": Design({200: 40, 400: 30}, {"t_skip": 30.0, "t_max": 110.0, "dt": 0.1}),
    "paper": Design({500: 60, 1000: 40, 2000: 20}, {"t_skip": 60.0, "t_max": 260.0, "dt": 0.1}),
}
