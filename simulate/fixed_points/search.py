"""`find_fixed_points`, the public call, and where its descents start."""

import warnings
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from meanfield import StepSizeWarning, TransferFunction
from meanfield.common import arguments, cost, seeds
from meanfield.common.arguments import ArgumentError, Array, validated
from meanfield.common.jobs import bar
from meanfield.common.result import given

from ..integration import IntegrationError, integrate
from ..integration.schemes import SCHEMES
from ..network import Network, at_work, largest_rate
from .descent import DescentEnd, Landscape, descend
from .points import DistinctPoints, FixedPoints, StationaryPoints

KINDS = ("both", "chaos", "gradient")

# Runs advance in full blocks of so many starts: their shared adaptive steps and the rounding of
# their matrix products, which chaos amplifies, then never depend on how many starts are asked for.
_BLOCK = 16
# Distance from a kink, in units of φ, of a neuron that is at it.
_AT_CORNER = 1e-9
# Step of the vanilla dynamics, and first one of the gradient flow.
_DT = 0.1
# Of one descent on average, and what is kept of it, in numbers.
_FACTORISATIONS, _ENTRY = 30, 100


class FixedPointError(RuntimeError):
    """No start converged; `result` holds the flagged result."""

    def __init__(self, message: str, result: FixedPoints) -> None:
        super().__init__(message, result)
        self.result = result

    def __str__(self) -> str:
        return str(self.args[0])


@validated
def find_fixed_points(
    J: Any,
    *,
    n_starts: int | None = None,
    seed: seeds.Seed | None = None,
    x0: ArrayLike | None = None,
    starts: str = "both",
    start_std: float = 1.0,
    settle: float = 50.0,
    relax: float = 50.0,
    tol: float = 1e-10,
    max_iter: int = 2000,
    bias: ArrayLike = 0.0,
    phi: str | TransferFunction = "tanh",
    threads: int | None = None,
    progress: bool = False,
    throw: bool = True,
) -> FixedPoints:
    """Zeros of f(x) = −x + Jφ(x) + b by descent of E = ½|f|² from many starts.

    Each start follows E down with damped steps that are those of Levenberg and Marquardt where
    these foretell E, and of Newton on ∇E where they do not, quadratically convergent at zeros of f
    and at minima of E alike.  A descent ends at a zero of f, or at a local minimum of E with f ≠ 0,
    where A = −I + J diag φ' is singular (Aᵀf = 0); saddles of E are left along their lowest
    curvature.

    Parameters
    ----------
    J : (n, n) array, sparse array or `couplings.low_rank` of one
        Made dense; the diagonal may be non-zero.
    n_starts : int
        Number of starts; instead of `x0`.
    seed : Seed, optional
        Start k draws from child k and depends on nothing else, `n_starts` included.  None draws a
        seed from the operating system, kept in `attributes`.
    x0 : (n,) or (n, n_starts) array
        States to descend from, in place of drawn ones.
    starts : str
        "chaos" (the vanilla dynamics after `settle`), "gradient" (the gradient flow ẋ = −∇E after
        `relax`), both from normal states of width `start_std`, or "both", one of each in turn.
    start_std : float
        Small starts flow to x = 0.
    settle, relax : float
        Durations.
    tol : float
        A point with rms f ≤ tol counts as a zero.  Descents go on to rounding where they can, so
        only degenerate zeros use it up.
    max_iter : int
        Largest number of linear systems solved from one start.
    bias, phi, threads, progress
        As in `integrate`.
    throw : bool
        Whether to raise if no start converges.  Single starts that fail never raise: they are
        counted in `n_failed`, with `reasons`.

    Returns
    -------
    FixedPoints
        x = 0, where it is a zero, is always listed, with `hits` 0 if no start led there: for every
        odd φ without bias.

    Raises
    ------
    ArgumentError
        If an argument is outside its range, J is a LinearOperator of unknown entries, both or
        neither of `n_starts` and `x0` are given, or the dynamics that make the starts do not stay
        finite.
    FixedPointError
        If no start converged, and `throw`.

    Notes
    -----
    No search from random starts shows that it found all zeros; `new_zero_probability` says what
    more of the same starts would bring, and an `index_sum` other than 1 that zeros are missing.
    One descent takes some 20 to 200 factorisations of an (n, n) matrix, one new point its
    eigenvalues and singular values.

    Examples
    --------
    >>> from simulate import couplings
    >>> from simulate import find_fixed_points
    >>> points = find_fixed_points(couplings.elliptic(50, 2.0, seed=1), n_starts=16, seed=2)
    >>> bool(points.residual.max() < 1e-13), float(points.x2[0]), points.n_failed
    (True, 0.0, 0)
    >>> bool(points.minima.smallest_singular_value.max(initial=0) < 1e-8)
    True

    With a bias x and −x are no longer one, and 0 is no zero:

    >>> points = find_fixed_points([[2.0]], n_starts=32, seed=0, bias=0.1)
    >>> points.x.round(4).tolist(), points.n_unstable.tolist()
    ([[-0.1007, -1.7919, 2.0325]], [1, 0, 0])
    """
    told = given(find_fixed_points, locals())
    matrix = Network(J, phi=phi).dense("the search for fixed points")
    network = Network(matrix, phi=phi, bias=bias)
    tol = arguments.positive("tol", tol)
    max_iter = arguments.count("max_iter", max_iter, 1)
    told |= {"n": network.n, "phi": network.function.name}
    with at_work(threads):
        states: Iterator[Array]
        if x0 is not None:
            if n_starts is not None or seed is not None:
                raise ArgumentError("x0: leave out n_starts and seed when the starts are given")
            columns = network.state(x0, "x0").reshape(network.n, -1)
            total = columns.shape[1]
            states = iter(np.ascontiguousarray(columns.T))
            # Nothing is drawn.
            told |= dict.fromkeys(("starts", "start_std", "settle", "relax"))
        else:
            if n_starts is None:
                raise ArgumentError("n_starts: give a number of starts, or the starts as x0")
            total = arguments.count("n_starts", n_starts, 1)
            arguments.one_of("starts", starts, KINDS)
            std = arguments.positive("start_std", start_std)
            settle, relax = _duration("settle", settle), _duration("relax", relax)
            sequence = seeds.sequence(seed, "start")
            chaos, gradient = (settle, 0.0), (relax, 1.0)
            runs = {"chaos": [chaos], "gradient": [gradient], "both": [chaos, gradient]}[starts]
            _check_cost(network, total, std, runs)
            states = _drawn_starts(network, total, sequence, std, runs)
            told["seed"] = sequence.entropy
        landscape = Landscape(matrix, network.function, network.bias)
        ends = (descend(landscape, x, tol=tol, max_iter=max_iter) for x in states)
        points = _gathered(landscape, bar(total, "descents", progress, "start", over=ends), told)
    if throw and points.n_failed == total:
        raise FixedPointError(points.reason, points)
    return points


def _duration(name: str, value: float) -> float:
    """A positive time or none."""
    return arguments.positive(name, value) if arguments.nonnegative(name, value) else 0.0


def _check_cost(network: Network, total: int, std: float, runs: list[tuple[float, float]]) -> None:
    """Refuse starts that take days to make, to follow or to list."""
    n, scheme = network.n, SCHEMES["chebyshev"]
    cost.check(
        "n_starts", total, "lower it", numbers=_ENTRY * total + 20.0 * n**2,
        seconds=cost.time_of(_FACTORISATIONS * total, 4.0 * n**3),
    )  # fmt: skip
    # At x = 0 a bias has no weight in it.
    start = std * np.random.default_rng(0).standard_normal(n)
    rate = max(1.0, *(float(largest_rate(network, x, 1.0)[0]) for x in (start, 0 * start)))
    assert scheme.longest_step is not None
    longest = scheme.longest_step(rate)
    for duration, onsager in runs:
        per_time = scheme.evaluations(longest, rate) / longest if onsager else 1 / _DT
        network.check(
            "relax" if onsager else "settle", duration, "shorten it, or lower n_starts",
            -(-total // _BLOCK) * duration * per_time, _BLOCK // len(runs),
            regulated=onsager != 0,
        )  # fmt: skip


def _gathered(
    landscape: Landscape, ends: Iterable[DescentEnd], told: dict[str, Any]
) -> FixedPoints:
    tables = {kind: DistinctPoints(landscape, kind) for kind in ("zero", "minimum")}
    origin = landscape.at(np.zeros(landscape.n))
    if landscape.is_odd or origin.residual == 0:
        tables["zero"].add(origin, hits=0)
    rows: list[tuple[str, int, int, int]] = []
    reasons: dict[int, str] = {}
    for k, end in enumerate(ends):
        if end.kind == "failed":
            reasons[k] = end.reason
        number = -1 if end.kind == "failed" else tables[end.kind].add(end.point)
        rows.append((end.kind, number, end.iterations, end.escapes))
    outcome, numbers, iterations, escapes = zip(*rows, strict=True)
    ranks, fields = {"failed": {-1: -1}}, {}
    for kind, table in tables.items():
        fields[kind], order = table.fields()
        ranks[kind] = {number: rank for rank, number in enumerate(order)}
    index = [ranks[kind][number] for kind, number in zip(outcome, numbers, strict=True)]
    failed = _reason(reasons, len(rows))
    about: dict[str, Any] = {"reason": failed, "attributes": told}
    apart = np.abs(fields["zero"]["x"][..., None] - landscape.corners)
    stuck = int(np.sum(np.any(apart < _AT_CORNER * landscape.function.unit, axis=(0, 2))))
    of_zeros = f"{stuck} zeros with a neuron at a kink of phi, where A is that of one side" * (
        stuck > 0
    )
    return FixedPoints(
        **fields["zero"],
        is_odd=landscape.is_odd,
        minima=StationaryPoints(**fields["minimum"], **about),
        outcome=np.array(outcome),
        index=np.array(index, dtype=np.int64),
        reasons=reasons,
        iterations=np.array(iterations, dtype=np.int64),
        escapes=sum(escapes),
        **about | {"reason": "; ".join(filter(None, [failed, of_zeros]))},
    )


def _reason(reasons: dict[int, str], total: int) -> str:
    if not reasons:
        return ""
    some = f"{len(reasons)} of {total} starts failed"
    counts = f"none of {total} starts converged" if len(reasons) == total else some
    causes = "; ".join(sorted(set(reasons.values())))
    return f"{counts}: {causes}; raise max_iter or change the starts"


def _drawn_starts(
    network: Network,
    n_starts: int,
    sequence: np.random.SeedSequence,
    std: float,
    runs: list[tuple[float, float]],
) -> Iterator[Array]:
    """Start after start, (n,) each, by `runs` of a duration and an onsager in turn."""
    blocks = -(-n_starts // _BLOCK)
    children = sequence.spawn(blocks * _BLOCK)
    for block in range(blocks):
        own = children[block * _BLOCK : (block + 1) * _BLOCK]
        x = std * np.stack(
            [np.random.default_rng(s).standard_normal(network.n) for s in own], axis=1
        )
        for turn, (duration, onsager) in enumerate(runs):
            columns = slice(turn, None, len(runs))
            x[:, columns] = _run(network, np.ascontiguousarray(x[:, columns]), duration, onsager)
        for k in range(min(_BLOCK, n_starts - block * _BLOCK)):
            yield np.ascontiguousarray(x[:, k])


def _run(network: Network, x: Array, duration: float, onsager: float) -> Array:
    if duration == 0:
        return x
    try:
        with warnings.catch_warnings():
            # A start need not be accurate, only the same at every call.
            warnings.simplefilter("ignore", StepSizeWarning)
            run = integrate(
                network.J, x, t_max=duration, dt=_DT, onsager=onsager, bias=network.bias,
                phi=network.function, method="chebyshev" if onsager else "exponential",
                store_states=False,
            )  # fmt: skip
    except IntegrationError as error:
        raise ArgumentError(
            f"starts: the {'gradient flow' if onsager else 'vanilla dynamics'} does "
            f"not stay finite ({error}); give x0 instead"
        ) from None
    return run.x_end
