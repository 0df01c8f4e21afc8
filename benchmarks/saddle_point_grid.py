"""The batched Newton solver against a loop of scipy.optimize.root over the same points.

Both use the same equations, analytic Jacobian, quadrature nodes and starts, in one run on one
core; the loop is what a script would do.  Only points that both solve are compared, and the
numbers must agree.  Run: python benchmarks/saddle_point_grid.py
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from race import THREADS, Row, in_turns, native
from scipy.optimize import root

from meanfield import saddle_point, transfer_function
from meanfield.common.arguments import Array
from meanfield.replica import paramagnetic, static
from meanfield.replica.points import Points
from simulate.network import at_work

GAINS = np.linspace(0.4, 1.2, 81)
SYMMETRIES = np.linspace(-0.2, 1.0, 13)


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


def compare(title: str, branch: str, beta: float, repeats: int) -> Row:
    g, gamma = (a.reshape(-1) for a in np.meshgrid(GAINS, SYMMETRIES))
    batch = saddle_point(g, gamma, beta=beta, branch=branch, throw=False)
    # Closed forms need no iteration: they are left to neither side of the race.
    rows = np.flatnonzero(batch.converged & (batch.nodes > 0))
    here = Points(
        g[rows],
        gamma[rows],
        np.full(rows.size, 1 / beta),
        np.zeros(rows.size),
        transfer_function("tanh"),
    )
    part = saddle_point(g[rows], gamma[rows], beta=beta, branch=branch)
    with np.errstate(all="ignore"):
        if branch == "static":
            starts = static.onset_start(here, g[rows] * (1 + gamma[rows]) - 1)
            equations, name = static.equations, "Q"
        else:
            starts = paramagnetic.direct_starts(here)[0]
            equations, name = paramagnetic.equations, "q"
        found = in_turns(
            {
                "batch": lambda: saddle_point(g[rows], gamma[rows], beta=beta, branch=branch),
                "loop": lambda: loop(equations, starts, here, part.nodes),
            },
            repeats,
        )
    unknowns, solved = found["loop"][1]
    values = (np.exp(unknowns[:, 0]) - here.temperature) / here.g**2
    change = np.abs(values / getattr(part, name) - 1)
    same = solved & (change < 1e-6)
    residual = float(np.max(part.residual[same]))
    return Row(
        f"{title}, {same.sum()} points", "scipy.optimize.root", found["batch"][0],
        found["loop"][0] * same.mean(), residual, float(np.max(change[same])),
        f"theirs fails or leaves the sheet at {rows.size - same.sum()}",
    )  # fmt: skip


def rows(repeats: int = 3) -> list[Row]:
    return [
        compare("static, β = ∞", "static", np.inf, repeats),
        compare("paramagnetic, β = ∞", "paramagnetic", np.inf, repeats),
        compare("paramagnetic, β = 100", "paramagnetic", 100.0, repeats),
        compare("paramagnetic, β = 10⁶", "paramagnetic", 1e6, repeats),
    ]


def main() -> None:
    native()
    with at_work(THREADS):
        for row in rows():
            print(row)


if __name__ == "__main__":
    main()
