"""Kaplan–Yorke dimension per neuron: what theory and networks cost at the same error, one thread.

Networks of each size are below their limit, whatever is spent; extrapolated to N → ∞ they are not,
at a larger error.  CPU seconds; couplings differ in the last column's error by chance.

    python benchmarks/lyapunov_spectrum.py [--g 3] [--gamma 0] [--sizes 500,1000] [--couplings 8]
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from race import THREADS

from meanfield import lyapunov_spectrum
from simulate import couplings
from simulate import lyapunov_spectrum as of_network
from simulate.network import at_work
from simulate.validation.table import extrapolated


def timed(call: Callable[[], Any]) -> tuple[Any, float]:
    start = time.process_time()
    found = call()
    return found, time.process_time() - start


def dimension(n: int, g: float, gamma: float, seed: int, t_max: float) -> float:
    J = couplings.elliptic(n, g, gamma, seed=seed)
    run = of_network(J, n // 5, t_max=t_max, t_skip=40, seed=seed)
    return float(run.kaplan_yorke_dimension / n)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--g", type=float, default=3.0)
    parser.add_argument("--gamma", type=float, default=0.0)
    parser.add_argument("--sizes", default="500,1000")
    parser.add_argument("--couplings", type=int, default=8)
    parser.add_argument("--t-max", type=float, default=190.0)
    given = parser.parse_args()
    g, gamma = given.g, given.gamma
    with at_work(THREADS):
        theory, spent = timed(lambda: lyapunov_spectrum(g, gamma, seed=0))
        value, wanted = theory.kaplan_yorke_dimension, theory.kaplan_yorke_dimension_err
        print(f"g = {g:g}, gamma = {gamma:g}: theory {value:.5f} +- {wanted:.5f}, {spent:.0f} s")
        samples: dict[int, list[float]] = {}
        seconds = 0.0
        for n in map(int, given.sizes.split(",")):
            runs = [
                timed(lambda n=n, k=k: dimension(n, g, gamma, 1000 * n + k, given.t_max))
                for k in range(given.couplings)
            ]
            samples[n] = [one for one, _ in runs]
            own = sum(cost for _, cost in runs)
            seconds += own
            error = np.std(samples[n], ddof=1) / np.sqrt(given.couplings)
            tell(f"n = {n}", given.couplings, float(np.mean(samples[n])), float(error), own, wanted)
        limit = extrapolated(samples, 1.0)
        tell("n -> inf", given.couplings, limit.value, limit.value_err, seconds, wanted)


def tell(name: str, count: int, mean: float, error: float, seconds: float, wanted: float) -> None:
    needed = seconds * (error / wanted) ** 2
    print(
        f"{name}: {count} couplings {mean:.5f} +- {error:.5f}, {seconds:.0f} s; the error of the "
        f"theory in {needed:.0f} s"
    )


if __name__ == "__main__":
    main()
