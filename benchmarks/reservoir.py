"""Memory function of a driven network against reservoirpy: states and linear readouts.

Both take one Euler step δ = ½ a sample of networks with the same couplings and input; theirs has
the input inside of tanh, which costs the same.  Readouts of 50 delays with one ridge.

    python benchmarks/reservoir.py [--n 500] [--samples 4000] [--trials 10]
"""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np
from race import THREADS, Row, in_turns, native

from simulate import couplings, memory_curve
from simulate.network import at_work
from simulate.reservoir import two_sines

STEP, DELAYS, RIDGE = 0.5, 50, 1e-6


def rows(n: int = 500, samples: int = 4000, trials: int = 10) -> list[Row]:
    from reservoirpy.nodes import Reservoir, Ridge

    J = couplings.elliptic(n, 0.9, seed=0)
    u = np.random.default_rng(1).standard_normal(n)
    t = STEP * np.arange(samples + 1)
    tau = STEP * np.arange(DELAYS)
    drive = two_sines(t)[:, None]
    targets = two_sines(t[:, None] - tau)
    half = samples // 2

    def theirs() -> Any:
        network = Reservoir(units=n, lr=STEP, W=J, Win=u[:, None], bias=0.0)
        states = network.run(drive)[samples // 20 :]
        wanted = targets[samples // 20 :]
        readout = Ridge(ridge=RIDGE).fit(states[:half], wanted[:half])
        off = readout.run(states[half:]) - wanted[half:]
        return 1 - np.mean(off**2, 0) / np.var(wanted[half:], 0)

    def ours(count: int) -> Any:
        x0 = np.zeros((n, count))
        return memory_curve(
            J, tau, input_weights=u, t_max=float(t[-1]), t_skip=float(t[samples // 20]), dt=STEP,
            sample_every=STEP, method="euler", tol=None, x0=x0, ridge=RIDGE, gap=0.0,
        )  # fmt: skip

    found = in_turns({"one": lambda: ours(1), "many": lambda: ours(trials), "theirs": theirs})
    cost = found["theirs"][0]
    gap = float("nan")
    return [
        Row(f"memory, N = {n}, {samples} samples", "reservoirpy", found["one"][0], cost, gap, gap),
        Row(f"the same, {trials} trials", "reservoirpy", found["many"][0], trials * cost, gap, gap,
            f"theirs {trials} times one"),
    ]  # fmt: skip


def main() -> None:
    native()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--n", type=int, default=500)
    parser.add_argument("--samples", type=int, default=4000)
    parser.add_argument("--trials", type=int, default=10)
    given = parser.parse_args()
    with at_work(THREADS):
        for row in rows(given.n, given.samples, given.trials):
            print(row)


if __name__ == "__main__":
    main()
