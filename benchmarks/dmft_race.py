"""Two-time mean-field theory: one causal sweep against the usual self-consistent iteration.

g = 1.5, γ = 0.5, T = 10, x(0) ~ N(0, 1), vanilla.  The iteration samples trajectories of the
Gaussian field of the current C, averages C and the response R over them and repeats, always over
the whole window: Euler, Δt = 0.1, 30 times 1000 and 20 times 10000 trajectories.  It is as fast as
plain NumPy and LAPACK make it: marching every δx(t, s) forward instead of inverting takes 1.3 times
as long.  The old C and R weigh 0.7 in the new ones: 0.3 converges in fewer iterations, but averages
less and ends 1.5 times less accurate.

Accuracy is the root mean square error of C(t, t′) on the grid of the iteration against a fine
reference: many sweeps, or any other C in --reference.  The iteration is held to two targets: all of
its error, most of which its Euler step makes, and the part that is left between two seeds, as if
its step were free of error.  A third target is the error on record of the published script, whose
time on record, not this machine's, is compared with there.

--scale 0.1 takes a tenth of the trajectories: the race is then run at the larger error of that run,
and the time of the whole schedule is a scaled one (it is linear in the trajectories).

    python benchmarks/dmft_race.py [--cores 1] [--scale 1] [--keep 0.7] [--runs 4]
                                   [--reference C.npy] [--reference-seeds 64]
                                   [--skip-sweep] [--first-target] [--skip-flat]
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from race import Row, native, rms
from scipy.linalg.lapack import dtrtri
from threadpoolctl import threadpool_limits

G, GAMMA, T_MAX, DT = 1.5, 0.5, 10.0, 0.1
SCHEDULE = ((30, 1000), (20, 10_000))
GRID = DT * np.arange(round(T_MAX / DT) + 1)
# The sweep's step and trajectories, the cheapest first; batches of `BATCH`, at least two.
CONTESTANTS = tuple(
    (DT, 1000 * n) for n in (1, 2, 4, 6, 8, 10, 12, 16, 24, 32, 48, 64, 72, 80, 96, 128, 192, 256)
)
BATCH = 16_000
NEGLECT = 1e-2
# What is on record of the script that accompanies the lecture notes of Zou and Huang, with the same
# schedule, on one core: seconds, and rms error within the theory of its step.
ON_RECORD_SECONDS, ON_RECORD_ERROR = 135.0, 1.0e-3
CONTESTANT_SEEDS = range(1, 9)
# Larger batches than the sweep's: its bias, O(1 / batch), shall count.
REFERENCE_DT, REFERENCE_TRAJECTORIES, REFERENCE_BATCH = 0.05, 64_000, 32_000
FIRST_REFERENCE_SEED, REFERENCE_NEGLECT = 100, 1e-3


def field(C: Any, n: int, rng: np.random.Generator) -> Any:
    """(steps, n): Gaussian fields of covariance g²C, which sampling makes singular or worse."""
    eigenvalues, vectors = np.linalg.eigh(C)
    return (G * vectors * np.sqrt(np.maximum(eigenvalues, 0))) @ rng.standard_normal((len(C), n))


def activity(eta: Any, R: Any, x0: Any) -> Any:
    """(steps, n): φ(x) along every trajectory, Euler with the memory sum."""
    phi = np.empty_like(eta)
    x = x0
    phi[0] = np.tanh(x)
    for k in range(len(eta) - 1):
        memory = GAMMA * G**2 * DT * (R[k, :k] @ phi[:k])
        x = x + DT * (-x + eta[k] + memory)
        phi[k + 1] = np.tanh(x)
    return phi


def response(phi: Any, R: Any) -> Any:
    """⟨φ′(t) δx(t)/δη(s)⟩, the tangent equation solved for every trajectory and s.

    The Euler steps of δx(·, s) for all s are one lower triangular system per trajectory, whose
    inverse holds δx(t, s): steps³/3 multiplications each.
    """
    steps = len(phi)
    leak = np.eye(steps) - (1 - DT) * np.eye(steps, k=-1)
    memory = np.zeros((steps, steps))
    memory[1:] = GAMMA * G**2 * DT**2 * R[:-1]
    total = np.zeros((steps, steps))
    for slope in np.ascontiguousarray((1 - phi**2).T):
        # Column s + 1 is the unit kick that a field at s gives x at s + 1.
        inverse, _ = dtrtri((leak - memory * slope).T)
        total += inverse.T * slope[:, None]
    averaged = np.zeros((steps, steps))
    averaged[:, :-1] = total[:, 1:] / phi.shape[1]
    return averaged


def iteration(schedule: Sequence[tuple[int, int]], keep: float, seed: int) -> Iterator[Any]:
    """C after each iteration; `keep` is the weight of the old C and R in the new ones."""
    rng = np.random.default_rng(seed)
    C = 0.1 * np.eye(GRID.size)
    R = np.eye(GRID.size, k=-1)
    for repeats, n in schedule:
        for _ in range(repeats):
            phi = activity(field(C, n, rng), R, rng.standard_normal(n))
            new = response(phi, R)
            C = keep * C + (1 - keep) * (phi @ phi.T) / n
            R = keep * R + (1 - keep) * new
            yield C


def on_grid(reference: Callable[[Any, Any], Any] | Any) -> Any:
    """C at the times of the grid, from a function of (t, t′) or as an array."""
    if callable(reference):
        reference = reference(GRID[:, None], GRID[None, :])
    C = np.asarray(reference, dtype=float)
    if C.shape != (GRID.size, GRID.size):
        raise ValueError(f"reference {C.shape}: needs {(GRID.size, GRID.size)}")
    return C


def race_opponent(
    reference: Callable[[Any, Any], Any] | Any,
    *,
    scale: float = 1.0,
    keep: float = 0.7,
    runs: int = 4,
) -> tuple[float, float, float, float]:
    """Seconds of the iteration, seconds until it was as accurate, its error, and between seeds."""
    exact = on_grid(reference)
    schedule = [(repeats, max(round(scale * n), 1)) for repeats, n in SCHEDULE]
    times, errors, last = [], [], []
    for seed in range(runs):
        took, error = [], []
        clock = time.process_time()
        for C in iteration(schedule, keep, seed):
            took.append(time.process_time() - clock)
            error.append(rms(C - exact))
            clock = time.process_time()
        times.append(np.cumsum(took))
        errors.append(error)
        last.append(C)
    elapsed = min(t[-1] for t in times)
    curve = np.sqrt(np.mean(np.square(errors), axis=0))
    early = int(np.argmax(curve <= 1.1 * curve[-1]))
    soon = min(t[early] for t in times)
    spread = rms(np.std(last, axis=0, ddof=1)) if runs > 1 else float("nan")
    stages = " + ".join(f"{repeats} x {n}" for repeats, n in schedule)
    print(
        f"iteration, dt = {DT:g}, {GRID.size - 1} steps, {stages} trajectories, old values weigh "
        f"{keep:g}: {elapsed:.2f} s (best of {runs}), rms error {curve[-1]:.2e}, between seeds "
        f"{spread:.2e}; within 10% of that error after {early + 1} iterations, {soon:.2f} s"
    )
    if scale != 1:
        full = elapsed * sum(r * n for r, n in SCHEDULE) / sum(r * n for r, n in schedule)
        print(f"  scale {scale:g}: the whole schedule would take about {full:.1f} s (scaled)")
    return elapsed, soon, float(curve[-1]), spread


def sweep(
    dt: float,
    n: int,
    seed: int,
    *,
    cores: int,
    batch: int = BATCH,
    neglect: float = NEGLECT,
    response: bool = False,
) -> Any:
    """C of the package on the grid; without control group of small batches, as the iteration."""
    from meanfield import two_time

    found = two_time(
        G, GAMMA, t_max=T_MAX, dt=dt, n_trajectories=n, batches=max(2, n // batch), seed=seed,
        save_every=round(DT / dt), finite_m="ignore", response=response, workers=cores,
        neglect=neglect,
    )  # fmt: skip
    if not np.allclose(found.t, GRID):
        raise ValueError(f"two_time saved {np.size(found.t)} times up to {np.max(found.t):g}")
    return np.asarray(found.C)


def fine_reference(count: int, cores: int) -> Any:
    start = time.process_time()
    all_C = [
        sweep(
            REFERENCE_DT,
            REFERENCE_TRAJECTORIES,
            FIRST_REFERENCE_SEED + k,
            cores=cores,
            batch=REFERENCE_BATCH,
            neglect=REFERENCE_NEGLECT,
        )
        for k in range(count)
    ]
    error = rms(np.std(all_C, axis=0, ddof=1)) / np.sqrt(len(all_C))
    print(
        f"reference: sweep, dt = {REFERENCE_DT:g}, {len(all_C)} x {REFERENCE_TRAJECTORIES} "
        f"trajectories, standard error {error:.1e}, {time.process_time() - start:.0f} s"
    )
    return np.mean(all_C, axis=0)


class Sweep(NamedTuple):
    """What a sweep of `n` trajectories takes."""

    dt: float
    n: int
    seconds: float
    error: float


def race_sweep(exact: Any, target: float, *, cores: int) -> Sweep | None:
    """Cheapest of the list whose rms error over its seeds is within `target`; best time."""
    for dt, n in CONTESTANTS:
        took, squares = [], []
        for seed in CONTESTANT_SEEDS:
            start = time.process_time()
            C = sweep(dt, n, seed, cores=cores)
            took.append(time.process_time() - start)
            squares.append(np.mean((C - exact) ** 2))
        error = float(np.sqrt(np.mean(squares)))
        if error <= target:
            return Sweep(dt, n, min(took), error)
    return None


def flat_cost(
    times: Sequence[float] = (100, 1000), gamma: float = 0.5, *, cores: int = 1
) -> list[float]:
    """Seconds per unit of time of the chaotic vanilla network, g = 2, with a sliding window."""
    from meanfield import two_time

    costs = []
    for t_max in times:
        start = time.process_time()
        two_time(
            2.0, gamma, t_max=t_max, dt=0.1, n_trajectories=2000, batches=2, window=20.0,
            save_every=10, seed=0, method="sampler", finite_m="ignore", workers=cores,
        )  # fmt: skip
        costs.append((time.process_time() - start) / t_max)
    listed = ", ".join(f"T = {t:g}: {c * 1e3:.1f} ms" for t, c in zip(times, costs, strict=True))
    print(
        f"g = 2, gamma = {gamma:g}, window 20, 2000 trajectories, per unit of time: {listed}; "
        f"last over first {costs[-1] / costs[0]:.2f}"
    )
    return costs


def raced(
    exact: Any, *, scale: float, keep: float, runs: int, first: bool, cores: int
) -> list[Row]:
    """The iteration against the cheapest sweep within each of its errors."""
    elapsed, soon, error, spread = race_opponent(exact, scale=scale, keep=keep, runs=runs)
    targets = [
        ("all its error", error, soon, elapsed, "iteration"),
        ("its error between seeds", spread, elapsed, elapsed, "iteration"),
        ("the error on record", ON_RECORD_ERROR, elapsed, ON_RECORD_SECONDS, "script, on record"),
    ]
    found = []
    for name, target, early, theirs, opponent in targets[: 1 if first else None]:
        best = race_sweep(exact, target, cores=cores) if target == target else None
        if best is None:
            print(f"as accurate as {name}, {target:.1e}: no sweep of the list")
            continue
        start = time.process_time()
        sweep(best.dt, best.n, 0, cores=cores, response=True)
        with_response = time.process_time() - start
        made = f"Δt = {best.dt:g}, {best.n} trajectories"
        if early < theirs:
            made += f"; {early / best.seconds:.1f} × had theirs stopped early"
        case = f"C(t, t′), T = 10, as accurate as {name}"
        found += [
            Row(case, opponent, best.seconds, theirs, best.error, target, made),
            Row("the same with R(t, s)", opponent, with_response, theirs, best.error, target),
        ]
    return found


def rows(scale: float = 1.0, reference_seeds: int = 64, runs: int = 4) -> list[Row]:
    exact = fine_reference(reference_seeds, 1)
    return raced(exact, scale=scale, keep=0.7, runs=runs, first=scale < 1, cores=1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cores", type=int, default=1)
    parser.add_argument("--scale", type=float, default=1.0, help="of the opponent's trajectories")
    parser.add_argument("--keep", type=float, default=0.7, help="weight of the old C and R")
    parser.add_argument("--runs", type=int, default=4, help="seeds of the opponent")
    parser.add_argument("--reference", type=Path, help="C on the grid, .npy; made if missing")
    parser.add_argument(
        "--reference-seeds", type=int, default=64, help="fewer: a coarser reference"
    )
    parser.add_argument("--skip-sweep", action="store_true", help="time the opponent only")
    parser.add_argument("--first-target", action="store_true", help="leave out the stricter ones")
    parser.add_argument("--skip-flat", action="store_true")
    given = parser.parse_args()
    native()
    cores = given.cores
    with threadpool_limits(cores, user_api="blas"):
        if given.reference and given.reference.exists():
            exact = on_grid(np.load(given.reference))
        else:
            exact = fine_reference(given.reference_seeds, cores)
            if given.reference:
                np.save(given.reference, exact)
        how = {"scale": given.scale, "keep": given.keep, "runs": given.runs}
        if given.skip_sweep:
            race_opponent(exact, **how)
        else:
            for row in raced(exact, **how, first=given.first_target, cores=cores):
                print(row)
        if not given.skip_flat:
            flat_cost(cores=cores)


if __name__ == "__main__":
    main()
