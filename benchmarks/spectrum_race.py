"""Lyapunov spectra of networks against a plain script, at equal accuracy, one thread.

The script is what is usually published: Euler's scheme or the classical Runge–Kutta scheme for
state and tangent vectors, one product each, QR once a time unit.  Accuracy is the root mean square
difference of all finite-time exponents from those of steps so short that it does not matter; the
script gets the longest step, a whole part of the unit, that is as accurate by its order.  CPU
seconds, medians of runs in turns; ours are default calls, with what they run again for the effect
of the step, which the script lacks: a sixth of the products here.

    python benchmarks/spectrum_race.py [--g 2] [--gamma 0] [--sizes 200] [--share 1] [--t-max 30]
"""

from __future__ import annotations

import argparse
import math
import warnings
from typing import Any

import numpy as np
from race import THREADS, Row, in_turns, native, rms

from meanfield.common import seeds
from simulate import StepSizeWarning, couplings, integrate, lyapunov_spectrum
from simulate.network import at_work

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


def race(n: int, k: int, g: float, gamma: float, t_max: float) -> list[Row]:
    J = couplings.elliptic(n, g, gamma, seed=1)
    start = np.random.default_rng(2).standard_normal(n)
    x = integrate(J, start, t_max=50.0, dt=0.05, method="exponential4").x_end

    def ours(**how: Any) -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", StepSizeWarning)
            return lyapunov_spectrum(J, k, t_max=t_max, t_skip=0.0, x0=x, seed=0, **how)

    exact = plain(J, x, k, FINE if n <= 200 else 5 * FINE, t_max, 4)
    run = ours()
    reached = rms(run.exponents - exact)
    calls = {"default": ours, "single": lambda: ours(dtype=np.float32)}
    scale, errors = {}, {}
    for name, order, first in (("RK4", 4, 0.25), ("Euler", 1, 0.02)):
        wanted = first * (reached / rms(plain(J, x, k, first, t_max, order) - exact)) ** (1 / order)
        h = 1 / math.ceil(1 / wanted)
        # Euler's steps would take hours: its cost grows as their number.
        timed = max(h, SHORTEST)
        calls[name] = lambda order=order, timed=timed: plain(J, x, k, timed, t_max, order)
        scale[name], errors[name] = max(1.0, timed / h), reached * min(1.0, timed / h)
    spent = in_turns(calls, REPEATS)
    note = {name: "scaled from a longer step" if scale[name] > 1 else "" for name in scale}
    case = f"{k} Lyapunov exponents, N = {n}, g = {g:g}, t = {t_max:g}"
    return [
        Row(f"{case}{more}", f"plain {name}", spent[own][0], spent[name][0] * scale[name],
            rms(spent[own][1].exponents - exact), errors[name], note[name])
        for own, more in (("default", ""), ("single", ", float32"))
        for name in ("RK4", "Euler")
    ]  # fmt: skip


def rows(
    sizes: tuple[int, ...] = (200, 500), shares: tuple[float, ...] = (0.5, 1.0), g: float = 2.0,
    gamma: float = 0.0, t_max: float = 30.0,
) -> list[Row]:  # fmt: skip
    return [
        row for n in sizes for share in shares
        for row in race(n, max(1, round(share * n)), g, gamma, t_max)
    ]  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--g", type=float, default=2.0)
    parser.add_argument("--gamma", type=float, default=0.0)
    parser.add_argument("--sizes", default="200,500")
    parser.add_argument("--share", type=float, default=1.0, help="of the exponents")
    parser.add_argument("--t-max", type=float, default=30.0)
    given = parser.parse_args()
    native()
    with at_work(THREADS):
        sizes = tuple(map(int, given.sizes.split(",")))
        for row in rows(sizes, (given.share,), given.g, given.gamma, given.t_max):
            print(row)


if __name__ == "__main__":
    main()
