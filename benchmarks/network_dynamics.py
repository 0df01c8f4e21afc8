"""Batched integration against a loop of explicit Euler runs, at equal accuracy.

32 initial conditions of one network, N = 1000, 100 time units, vanilla and κ = 1.  The loop is
timed on a few of the initial conditions and a part of the time, and scaled; both grow linearly.
Accuracy is the root mean square error of x at t = 5 against a reference solution (later, chaos lets
any two solutions part).  Also the share of the machine's matrix-product rate.

Then races to t = 5 at κ = 0 and 1 against SciPy's solvers on the same states as one vector, and
diffrax's where installed: the loosest tolerance (longest step) of each, in steps of 2, that leaves
the error asked for.  The ratio with stages in single precision (`mixed=True`) stands beside.  LSODA
is told that its Jacobian is diagonal: a full one would take 8 GB.

    python benchmarks/network_dynamics.py [--n 1000] [--loop-time 10] [--loop-runs 1] [--skip-loop]
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from race import THREADS, Row, best, in_turns, limits, native, rms
from scipy.integrate import solve_ivp

from simulate import IntegrationError, couplings, integrate
from simulate.network import Network, at_work

T_MAX, BATCH, G, EULER_STEP, CHECK = 100.0, 32, 2.0, 0.01, 5.0
# Errors at each κ.
TARGETS = {0.0: (5e-3, 1e-4, 1e-6), 1.0: (1e-3, 1e-4, 1e-5, 1e-6)}
# Those of the second kind are in mixed precision, and told beside the others.
MIXED = " mixed"
OURS = {
    0.0: ("tsitouras", "verner", "tsitouras" + MIXED),
    1.0: ("damped", "chebyshev", "damped" + MIXED),
}
MOST = 3000  # Evaluations, beyond which a method does not compete.


class TooManyError(Exception):
    """More evaluations than a race allows."""


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


def rivals(J: Any, x0: Any, onsager: float) -> dict[str, Callable[[float], Any]]:
    """Final states by the solvers of others, each at a tolerance."""
    n = len(J)

    def drift(t: float, y: Any) -> Any:
        calls[0] += 1
        if calls[0] > MOST:
            raise TooManyError
        x = y.reshape(-1, n)
        phi = np.tanh(x)
        force = phi @ J.T - x
        if onsager:
            force -= onsager * (1 - phi * phi) * (force @ J)
        return force.ravel()

    calls = [0]

    def scipy(method: str, tol: float) -> Any:
        calls[0] = 0
        more = {"lband": 0, "uband": 0} if method == "LSODA" else {}
        found = solve_ivp(  # type: ignore[call-overload]
            drift, (0, CHECK), x0.T.ravel(), method=method, rtol=tol, atol=tol, **more
        )
        return found.y[:, -1].reshape(-1, n).T

    found: dict[str, Callable[[float], Any]] = {
        method: lambda tol, method=method: scipy(method, tol)
        for method in ("RK45", "DOP853", "LSODA")
    }
    if importlib.util.find_spec("diffrax"):
        found |= diffrax_rivals(J, x0, onsager)
    return found


def diffrax_rivals(J: Any, x0: Any, onsager: float) -> dict[str, Callable[[float], Any]]:
    # JAX takes its number of threads when it is imported.
    if THREADS == 1:
        os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false")
    import diffrax
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)
    K, y0 = jnp.asarray(J.T), jnp.asarray(x0.T)

    def drift(t: Any, x: Any, _: Any) -> Any:
        phi = jnp.tanh(x)
        force = phi @ K - x
        return force - onsager * (1 - phi * phi) * (force @ K.T) if onsager else force

    def solver(method: Any) -> Callable[[float], Any]:
        @jax.jit
        def solve(tol: Any) -> Any:
            control = diffrax.PIDController(rtol=tol, atol=tol)
            return diffrax.diffeqsolve(
                diffrax.ODETerm(drift), method, 0.0, CHECK, 0.1, y0, max_steps=MOST,
                stepsize_controller=control,
            ).ys[-1]  # fmt: skip

        return lambda tol: np.asarray(solve(tol)).T

    methods = {"Tsit5": diffrax.Tsit5(), "Dopri8": diffrax.Dopri8()}
    return {f"diffrax {name}": solver(method) for name, method in methods.items()}


def races(J: Any, x0: Any, onsager: float, turns: int, product: float) -> list[Row]:
    """The best of ours against every other, at errors of at most the targets."""
    # `product` is the least that one with all states takes; κ ≠ 0 takes two an evaluation.
    targets = TARGETS[onsager]

    evaluations = {}

    def adaptive(method: str) -> Callable[[float], Any]:
        def end(tol: float) -> Any:
            run = integrate(
                J, x0, t_max=CHECK, onsager=onsager, method=method.removesuffix(MIXED), tol=tol,
                mixed=method.endswith(MIXED), save_at=[CHECK],
            )  # fmt: skip
            evaluations[method] = run.n_evaluations
            return run.x_end

        return end

    ours = {method: adaptive(method) for method in OURS[onsager]}
    others = rivals(J, x0, onsager)
    exact = others["DOP853"](1e-11)
    chosen: dict[float, dict[str, tuple[Callable[[], Any], float]]] = {t: {} for t in targets}
    for name, end in (ours | others).items():
        left = list(targets)
        for level in (0.4 * 0.5 ** np.arange(28)).tolist():
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    error = rms(end(level) - exact)
            except (TooManyError, IntegrationError):
                error = np.inf
            while left and error <= left[0]:
                chosen[left.pop(0)][name] = (lambda end=end, level=level: end(level)), error
            if not left:
                break
    found = []
    for target, methods in chosen.items():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            spent = in_turns({name: call for name, (call, _) in methods.items()}, turns)
        known = [name for name in ours if name in methods]
        first, mixed = (
            min((n for n in known if n.endswith(MIXED) == rough), key=lambda n: spent[n][0])
            for rough in (False, True)
        )
        found += [
            Row(
                f"{x0.shape[1]} states, N = {len(J)}, κ = {onsager:g}, error ≤ {target:g}", name,
                spent[first][0], spent[name][0], methods[first][1], methods[name][1],
                f"ours: {first}; in mixed precision {spent[name][0] / spent[mixed][0]:.2f}",
                evaluations[first] * (2 if onsager else 1) * product / spent[first][0],
            )
            for name in others
            if name in methods
        ]  # fmt: skip
    return found


def rows(n: int = 1000, turns: int = 3) -> list[Row]:
    J = couplings.elliptic(n, G, seed=1)
    x0 = np.random.default_rng(2).standard_normal((n, BATCH))
    product = 2e-9 * x0.size * n / limits(*x0.shape).thin
    return [row for onsager in TARGETS for row in races(J, x0, onsager, turns, product)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--n", type=int, default=1000)
    parser.add_argument("--loop-time", type=float, default=10.0)
    parser.add_argument("--loop-runs", type=int, default=1)
    parser.add_argument("--skip-loop", action="store_true")
    given = parser.parse_args()
    native()
    if not given.skip_loop:
        loop_of_runs(given)
    with at_work(THREADS):
        for row in rows(given.n):
            print(row)


def loop_of_runs(given: argparse.Namespace) -> None:
    """What the papers did."""
    n = given.n
    J = couplings.elliptic(n, G, seed=1)
    x0 = np.random.default_rng(2).standard_normal((n, BATCH))
    products = [0]
    multiply = Network._multiply

    def counted(self: Network, matrix: Any, v: Any) -> Any:
        products[0] += 1
        return multiply(self, matrix, v)

    Network._multiply = counted  # type: ignore[method-assign]
    with at_work(THREADS):
        square, thin, *_ = limits(n, BATCH)
        print(f"{THREADS} thread(s); product of n x n matrices {square:.0f} GFlop/s, "
              f"n x n by n x {BATCH} {thin:.0f} GFlop/s")  # fmt: skip
        for onsager, method, dt in ((0.0, "tsitouras", 0.08), (1.0, "chebyshev", 0.01)):

            def ours(
                t: float, onsager: float = onsager, method: str = method, dt: float = dt
            ) -> Any:
                return integrate(J, x0, t_max=t, dt=dt, onsager=onsager, method=method)

            exact = integrate(
                J, x0, t_max=CHECK, dt=0.0025 if onsager else 0.01, onsager=onsager, method="rk4"
            ).x_end
            error = rms(ours(CHECK).x_end - exact)
            loop_error = rms(plain_loop(J, x0[:, 0], CHECK, onsager) - exact[:, 0])
            loop = best(
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


if __name__ == "__main__":
    main()
