"""Lyapunov spectra of networks against a plain script, at equal accuracy, one thread.

The script is what is usually published: Euler's scheme or the classical Runge–Kutta scheme for
state and tangent vectors, one product each, QR once a time unit.  Accuracy is the root mean square
difference of all finite-time exponents from those of steps so short that it does not matter; the
script gets the longest step, a whole part of the unit, that is as accurate by its order.  CPU
seconds, medians of runs in turns; ours have the error estimate in them, which runs a part again.

    python benchmarks/spectrum_race.py [--g 2] [--gamma 0] [--sizes 200] [--share 1] [--t-max 30]
"""

from __future__ import annotations

import argparse
import math
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from meanfield.common import seeds
from simulate import StepSizeWarning, couplings, integrate, lyapunov_spectrum

# Step of what is exact up to N = 200, and the shortest that is timed.
FINE, SHORTEST = 0.01, 0.05
REPEATS = 3


def plain(J: Any, x: Any, k: int, h: float, t_max: float, order: int) -> Any:
    """Finite-time exponents by Euler's scheme (order 1) or RK4 (order 4)."""

    def flow(x: Any, V: Any) -> tuple[Any, Any]:
        phi = np.tanh(x)
        return J @ phi - x, J @ ((1 - phi * phi)[:, None] * V) - V

    V = np.linalg.qr(seeds.generator(0, "tangent").standard_normal((1, len(x), k)))[0][0]
    logs = np.zeros(k)
    for step in range(1, round(t_max / h) + 1):
        a, A = flow(x, V)
        if order == 1:
            x, V = x + h * a, V + h * A
        else:
            b, B = flow(x + h / 2 * a, V + h / 2 * A)
            c, C = flow(x + h / 2 * b, V + h / 2 * B)
            d, D = flow(x + h * c, V + h * C)
            x = x + h / 6 * (a + 2 * b + 2 * c + d)
            V = V + h / 6 * (A + 2 * B + 2 * C + D)
        if step % round(1 / h) == 0:
            V, R = np.linalg.qr(V)
            logs += np.log(np.abs(np.diag(R)))
    return np.sort(logs / t_max)[::-1]


def seconds(calls: list[Callable[[], Any]]) -> list[float]:
    spent = np.empty((REPEATS, len(calls)))
    for turn in spent:
        for number, call in enumerate(calls):
            start = time.process_time()
            call()
            turn[number] = time.process_time() - start
    return np.median(spent, axis=0).tolist()


def race(n: int, k: int, g: float, gamma: float, t_max: float) -> None:
    J = couplings.elliptic(n, g, gamma, seed=1)
    start = np.random.default_rng(2).standard_normal(n)
    x = integrate(J, start, t_max=50.0, dt=0.05, method="exponential4").x_end

    def ours(**how: Any) -> Any:
        return lyapunov_spectrum(J, k, t_max=t_max, t_skip=0.0, x0=x, seed=0, **how)

    exact = plain(J, x, k, FINE if n <= 200 else 5 * FINE, t_max, 4)

    def error(found: Any) -> float:
        return float(np.sqrt(np.mean((found - exact) ** 2)))

    rows = {"default": ours, "single precision": lambda: ours(dtype=np.float32)}
    run = ours()
    reached = error(run.exponents)
    print(f"n = {n}, k = {k}, g = {g:g}, gamma = {gamma:g}: dt = {run.dt:.3g}, error {reached:.1e}")
    told = [run.dt, run.dt]
    for name, order, first in (("RK4", 4, 0.25), ("Euler", 1, 0.02)):
        wanted = first * (reached / error(plain(J, x, k, first, t_max, order))) ** (1 / order)
        h = 1 / math.ceil(1 / wanted)
        # Euler's steps would take hours: its cost grows as their number.
        timed = max(h, SHORTEST)
        rows[name] = lambda order=order, timed=timed: plain(J, x, k, timed, t_max, order)
        told.append(h)
    spent = seconds(list(rows.values()))
    for name, step, cost in zip(rows, told, spent, strict=True):
        cost *= max(1.0, SHORTEST / step) if name == "Euler" else 1.0
        print(f"  {name}: step {step:.3g}, {cost:.2f} s, {cost / spent[0]:.2f} x the default")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--g", type=float, default=2.0)
    parser.add_argument("--gamma", type=float, default=0.0)
    parser.add_argument("--sizes", default="200,500")
    parser.add_argument("--share", type=float, default=1.0, help="of the exponents")
    parser.add_argument("--t-max", type=float, default=30.0)
    given = parser.parse_args()
    with threadpool_limits(1, user_api="blas"), warnings.catch_warnings():
        warnings.simplefilter("ignore", StepSizeWarning)
        for n in map(int, given.sizes.split(",")):
            race(n, max(1, round(given.share * n)), given.g, given.gamma, given.t_max)


if __name__ == "__main__":
    main()
