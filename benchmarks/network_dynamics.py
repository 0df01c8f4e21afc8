"""Batched integration against a loop of explicit Euler runs, at equal accuracy.

32 initial conditions of one network, N = 1000, 100 time units, vanilla and κ = 1.  The loop is
timed on a few of the initial conditions and a part of the time, and scaled; both grow linearly.
Accuracy is the root mean square error of x at t = 5 against a reference solution (later, chaos lets
any two solutions part).  Also the share of the machine's matrix-product rate.

Then races to t = 5 at κ = 0 and 1 against SciPy's solvers on the same states as one vector: the
loosest tolerance of each, in steps of 2, that leaves the error asked for, medians of CPU time in
turns, and evaluations.  LSODA stays with its non-stiff formulas as long as it can, and is told that
its Jacobian is diagonal: a full one would take 8 GB.

    python benchmarks/network_dynamics.py [--threads 1] [--n 1000] [--loop-time 10] [--loop-runs 1]
                                          [--turns 5] [--kappa 0,1]
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.integrate import solve_ivp
from threadpoolctl import threadpool_limits

from simulate import couplings, integrate
from simulate.network import Network

T_MAX, BATCH, G, EULER_STEP, CHECK = 100.0, 32, 2.0, 0.01, 5.0
OTHERS = ("RK45", "DOP853", "LSODA")
# κ: errors, and own methods.
RACES = {
    0.0: ((5e-3, 1e-4, 1e-6), ("tsitouras", "verner")),
    1.0: ((1e-3, 1e-4, 1e-5, 1e-6), ("damped", "chebyshev")),
}
MOST = 1000  # Evaluations, beyond which a method does not compete.


def plain_loop(J: Any, x0: Any, t_max: float, onsager: float) -> Any:
    """Explicit Euler as in [HH] Eq. 9, one initial condition."""
    x = x0.copy()
    for _ in range(round(t_max / EULER_STEP)):
        phi = np.tanh(x)
        f = J @ phi - x
        if onsager:
            x = x + EULER_STEP * (f - onsager * (1 - phi * phi) * (J.T @ f))
        else:
            x = x + EULER_STEP * f
    return x


def seconds(call: Callable[[], Any], repeats: int = 1) -> float:
    best = np.inf
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        best = min(best, time.perf_counter() - start)
    return best


class TooManyError(Exception):
    """More evaluations than a race allows."""


def race(J: Any, x0: Any, onsager: float, turns: int) -> None:
    """CPU time at equal errors."""
    n = len(J)
    targets, ours = RACES[onsager]
    calls = -np.inf

    def drift(t: float, y: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls > MOST:
            raise TooManyError
        x = y.reshape(-1, n)
        phi = np.tanh(x)
        force = phi @ J.T
        force -= x
        if onsager:
            reaction = force @ J
            reaction *= 1 - phi * phi
            reaction *= onsager
            force -= reaction
        return force.ravel()

    def end(method: str, tol: float) -> tuple[Any, int]:
        nonlocal calls
        if method in OTHERS:
            calls = 0
            more = {"lband": 0, "uband": 0} if method == "LSODA" else {}
            other = solve_ivp(  # type: ignore[call-overload]
                drift, (0, CHECK), x0.T.ravel(), method=method, rtol=tol, atol=tol, **more
            )
            return other.y[:, -1].reshape(-1, n).T, other.nfev
        run = integrate(
            J, x0, t_max=CHECK, onsager=onsager, method=method, tol=tol, save_at=[CHECK]
        )
        return run.x_end, run.n_evaluations

    exact = end("DOP853", 1e-11)[0]
    chosen: dict[float, dict[str, tuple[float, float, int]]] = {target: {} for target in targets}
    for method in (*ours, *OTHERS):
        left = list(targets)
        for tol in (0.3 * 0.5 ** np.arange(28)).tolist():
            try:
                x, evaluations = end(method, tol)
            except TooManyError:
                break
            error = float(np.sqrt(np.mean((x - exact) ** 2)))
            while left and error <= left[0]:
                chosen[left.pop(0)][method] = tol, error, evaluations
            if not left:
                break
    for target, methods in chosen.items():
        spent: dict[str, list[float]] = {method: [] for method in methods}
        for _ in range(turns):
            for method, (tol, *_) in methods.items():
                begin = time.process_time()
                end(method, tol)
                spent[method].append(time.process_time() - begin)
        best = min(float(np.median(spent[method])) for method in ours if method in spent)
        print(f"kappa = {onsager:g}, error at most {target:g} at t = {CHECK:g}:")
        for method, (tol, error, evaluations) in methods.items():
            median = float(np.median(spent[method]))
            print(
                f"  {method:10} tol {tol:.1e}, error {error:.1e}, {evaluations} evaluations, "
                f"{median:.3f} s, {median / best:.2f} x"
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--n", type=int, default=1000)
    parser.add_argument("--loop-time", type=float, default=10.0)
    parser.add_argument("--loop-runs", type=int, default=1)
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--kappa", default="0,1")
    given = parser.parse_args()
    n = given.n
    J = couplings.elliptic(n, G, seed=1)
    x0 = np.random.default_rng(2).standard_normal((n, BATCH))
    columns = np.ascontiguousarray(x0.T)
    products = [0]
    multiply = Network._multiply

    def counted(self: Network, matrix: Any, v: Any) -> Any:
        products[0] += 1
        return multiply(self, matrix, v)

    Network._multiply = counted  # type: ignore[method-assign]
    with threadpool_limits(given.threads, user_api="blas"):
        square = 2 * n**3 / seconds(lambda: J @ J, 5) / 1e9
        thin = 2 * n**2 * BATCH / seconds(lambda: columns @ J.T, 20) / 1e9
        print(f"{given.threads} thread(s); product of n x n matrices {square:.0f} GFlop/s, "
              f"n x n by n x {BATCH} {thin:.0f} GFlop/s")  # fmt: skip
        for onsager, method, dt in ((0.0, "tsitouras", 0.08), (1.0, "chebyshev", 0.01)):

            def ours(
                t: float, onsager: float = onsager, method: str = method, dt: float = dt
            ) -> Any:
                return integrate(J, x0, t_max=t, dt=dt, onsager=onsager, method=method)

            exact = integrate(
                J, x0, t_max=CHECK, dt=0.0025 if onsager else 0.01, onsager=onsager, method="rk4"
            ).x_end
            error = np.sqrt(np.mean((ours(CHECK).x_end - exact) ** 2))
            loop_error = np.sqrt(
                np.mean((plain_loop(J, x0[:, 0], CHECK, onsager) - exact[:, 0]) ** 2)
            )
            loop = seconds(
                lambda onsager=onsager: [
                    plain_loop(J, x0[:, k], given.loop_time, onsager)
                    for k in range(given.loop_runs)
                ]
            )
            loop *= T_MAX / given.loop_time * BATCH / given.loop_runs
            products[0] = 0
            start = time.perf_counter()
            run = ours(T_MAX)
            batch = time.perf_counter() - start
            rate = products[0] * 2 * n**2 * BATCH / batch / 1e9
            print(
                f"kappa = {onsager:g}: loop of Euler runs {loop:.1f} s (error {loop_error:.1e}), "
                f"'{method}' {batch:.2f} s (error {error:.1e}, {run.n_evaluations} evaluations, "
                f"{run.n_steps} steps): {loop / batch:.0f} x; all matrix products "
                f"{rate:.0f} GFlop/s, {rate / thin:.0%} of the thin and {rate / square:.0%} of the "
                "square rate"
            )
        for kappa in given.kappa.split(","):
            race(J, x0, float(kappa), given.turns)


if __name__ == "__main__":
    main()
