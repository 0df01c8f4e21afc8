"""How cost grows: exponents of seconds in N, T, trajectories and columns.

python benchmarks/scaling.py [--quick]
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from race import THREADS, in_turns, native

from meanfield import stationary, steady_state, two_time
from simulate import couplings, integrate
from simulate.network import at_work


class Growth(NamedTuple):
    """Seconds at several sizes, and the exponent between the first and the last."""

    case: str
    name: str
    sizes: tuple[float, ...]
    seconds: tuple[float, ...]

    @property
    def exponent(self) -> float:
        """Slope of log seconds over log size."""
        return float(
            np.log(self.seconds[-1] / self.seconds[0]) / np.log(self.sizes[-1] / self.sizes[0])
        )

    def __str__(self) -> str:
        taken = ", ".join(f"{t:.3g}" for t in self.seconds)
        sizes = ", ".join(f"{n:g}" for n in self.sizes)
        return f"{self.case}, {self.name} = {sizes}: {taken} s, exponent {self.exponent:.2f}"

    def __format__(self, spec: str) -> str:
        pairs = ", ".join(f"{n:g}: {t:.3g}" for n, t in zip(self.sizes, self.seconds, strict=True))
        return f"| {self.case} | {self.name} | {pairs} | {self.exponent:.2f} |"


HEAD = """\
| cost of | in | seconds | exponent |
|---|---|---|---|"""


def measured(
    case: str, name: str, call: Callable[[Any], Any], sizes: Sequence[float], repeats: int = 3
) -> Growth:
    call(sizes[0])  # imports
    found = in_turns({str(n): lambda n=n: call(n) for n in sizes}, repeats)
    return Growth(case, name, tuple(sizes), tuple(found[str(n)][0] for n in sizes))


def growths(quick: bool = False) -> list[Growth]:
    def network(n: int = 500, columns: int = 16, t_max: float = 10.0) -> Any:
        J = couplings.elliptic(n, 2.0, seed=0)
        x0 = np.random.default_rng(1).standard_normal((n, columns))
        return integrate(J, x0, t_max=t_max, store_states=False, save_at=2)

    def sampled(t_max: float = 20.0, count: int = 2000, window: float = np.inf) -> Any:
        return two_time(
            2.0, 0.5, t_max=t_max, dt=0.1, n_trajectories=count, batches=2, window=window,
            save_every=10, seed=0, finite_m="ignore", workers=1,
        )  # fmt: skip

    def steady(count: int) -> Any:
        how = {"t_skip": 5.0, "t_max": 25.0, "window": 10.0} if quick else {}
        return steady_state(2.0, 0.5, n_trajectories=count, seed=0, workers=1, **how)

    few = 1 if quick else 3
    long = (20, 40) if quick else (100, 200, 500, 1000)
    return [
        measured("network, 16 columns, T = 10", "N", lambda n: network(n=n),
                 (250, 500) if quick else (250, 500, 1000, 2000), few),
        measured("network, N = 500, T = 10", "columns", lambda b: network(columns=b),
                 (4, 16) if quick else (4, 16, 64, 256), few),
        measured("network, N = 500, 16 columns", "T", lambda t: network(t_max=t),
                 (10, 20) if quick else (10, 30, 100), few),
        measured("two-time theory, T = 20", "trajectories", lambda m: sampled(count=m),
                 (1000, 2000) if quick else (2000, 8000, 32000), few),
        measured("two-time theory, window 20", "T", lambda t: sampled(t, window=20.0), long, 1),
        measured("two-time theory, whole past", "T", lambda t: sampled(t),
                 (10, 20) if quick else (10, 20, 40, 80), few),
        measured("steady state, γ = 0.5, of which 15000 is the default", "trajectories", steady,
                 (4000, 8000) if quick else (15_000, 60_000), 1),
        measured("stationary theory", "gains", lambda m: stationary(np.linspace(1.2, 4, m)),
                 (10, 30) if quick else (10, 100, 1000), few),
    ]  # fmt: skip


def main() -> None:
    native()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true")
    given = parser.parse_args()
    with at_work(THREADS):
        for growth in growths(given.quick):
            print(growth)


if __name__ == "__main__":
    main()
