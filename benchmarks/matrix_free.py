"""Time and memory of a gradient-flow run with couplings that are never stored.

python benchmarks/matrix_free.py [--n 1000000] [--t-max 20] [--g 2] [--tol 1e-3]
"""

from __future__ import annotations

import argparse
import resource
import time

import numpy as np

from simulate import couplings, integrate


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--n", type=int, default=100_000)
    parser.add_argument("--t-max", type=float, default=20.0)
    parser.add_argument("--g", type=float, default=2.0)
    parser.add_argument("--gamma", type=float, default=0.0)
    parser.add_argument("--tol", type=float, default=1e-3)
    given = parser.parse_args()
    J = couplings.lazy(given.n, given.g, given.gamma, seed=1, tol=given.tol)
    x0 = np.random.default_rng(2).standard_normal(given.n)
    start = time.perf_counter()
    run = integrate(J, x0, t_max=given.t_max, dt=0.01, onsager=1.0, progress=True)
    elapsed = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    dense = 8 * given.n**2 / 2**30
    print(
        f"n = {given.n}, kappa = 1, t = {given.t_max:g}: {elapsed:.0f} s, peak memory {peak:.2f} "
        f"GiB (dense couplings alone {dense:.0f} GiB), rank {J.rank}, neglected {J.neglected:.1e}, "
        f"{run.n_evaluations} evaluations, energy per neuron {run.energy[0]:.4f} -> "
        f"{run.energy[-1]:.6f}, E rose in {run.energy_rise_fraction:.1%} of {run.n_steps} steps"
    )


if __name__ == "__main__":
    main()
