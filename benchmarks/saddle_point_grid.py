"""The batched Newton solver against a loop of scipy.optimize.root over the same points.

Both use the same equations, analytic Jacobian, quadrature nodes and starts, in one run on one
core; the loop is what a script would do.  Only points that both solve are compared, and the
numbers must agree.  Run: python benchmarks/saddle_point_grid.py
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
from scipy.optimize import root
from threadpoolctl import threadpool_limits

from meanfield import saddle_point, transfer_function
from meanfield.common.arguments import Array
from meanfield.replica import paramagnetic, static
from meanfield.replica.points import Points

GAINS = np.linspace(0.4, 1.2, 81)
SYMMETRIES = np.linspace(-0.2, 1.0, 13)
REPEATS = 5


def loop(
    equations: Callable[[Array, Points, int], tuple[Array, Array]],
    starts: Array,
    points: Points,
    nodes: Array,
) -> tuple[Array, Array]:
    """Solve every point on its own; returns unknowns and whether SciPy converged."""
    unknowns, solved = np.full_like(starts, np.nan), np.zeros(len(points), dtype=bool)
    for i in range(len(points)):
        one = points.take(np.array([i]))

        def system(y: Array, one: Points = one, n: int = int(nodes[i])) -> tuple[Array, Array]:
            error, jacobian = equations(y[None], one, n)
            return error[0], jacobian[0]

        result = root(system, starts[i], jac=True, tol=1e-12)
        unknowns[i] = result.x
        solved[i] = bool(np.max(np.abs(result.fun)) < 1e-10)
    return unknowns, solved


def compare(title: str, branch: str, beta: float) -> None:
    g, gamma = (a.reshape(-1) for a in np.meshgrid(GAINS, SYMMETRIES))
    times = []
    for _ in range(REPEATS):
        begin = time.perf_counter()
        batch = saddle_point(g, gamma, beta=beta, branch=branch, throw=False)
        times.append(time.perf_counter() - begin)
    whole = min(times)
    # Closed forms need no iteration: they are left to neither side of the race.
    rows = np.flatnonzero(batch.converged & (batch.nodes > 0))
    here = Points(
        g[rows],
        gamma[rows],
        np.full(rows.size, 1 / beta),
        np.zeros(rows.size),
        transfer_function("tanh"),
    )
    begin = time.perf_counter()
    part = saddle_point(g[rows], gamma[rows], beta=beta, branch=branch)
    fast = time.perf_counter() - begin
    with np.errstate(all="ignore"):
        if branch == "static":
            starts = static.onset_start(here, g[rows] * (1 + gamma[rows]) - 1)
            equations, name = static.equations, "Q"
        else:
            starts = paramagnetic.direct_starts(here)[0]
            equations, name = paramagnetic.equations, "q"
        begin = time.perf_counter()
        unknowns, solved = loop(equations, starts, here, part.nodes)
        slow = time.perf_counter() - begin
    v = np.exp(unknowns[:, 0])
    found = (v - here.temperature) / here.g**2
    same = solved & (np.abs(found / getattr(part, name) - 1) < 1e-6)
    slow *= same.sum() / rows.size
    print(
        f"{title:<28} grid {whole:6.3f} s | {same.sum():4d} iterated points solved by both: "
        f"batch {fast:6.3f} s, loop {slow:6.2f} s, ratio {slow / fast:5.1f} "
        f"(loop failed or left the sheet on {rows.size - same.sum()})"
    )


def main() -> None:
    threadpool_limits(1)
    print(f"{SYMMETRIES.size} x {GAINS.size} grid, best of {REPEATS}, one core")
    compare("static, beta = inf", "static", np.inf)
    compare("paramagnetic, beta = inf", "paramagnetic", np.inf)
    compare("paramagnetic, beta = 100", "paramagnetic", 100.0)
    compare("paramagnetic, beta = 1e6", "paramagnetic", 1e6)


if __name__ == "__main__":
    main()
