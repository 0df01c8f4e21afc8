"""Transitions of the weighted fixed points across (g, γ, s): where they leave x = 0, and how.

At weight 1 there are exponentially many from g(1+γ) = 1 on.  For γ > 0 and s < 1 they dominate
from g²(1+γ) = 1 or, close to weight 1, from where Σ_s = (s−1)L₀, the weight of x = 0: there q
jumps.  For γ < 0 and s < 1 the expectation is that of rare couplings where S_s < 0; typical
couplings have fixed points from g(1+γ) = 1 on, but the measure sits on few of them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..common import arguments, cost
from ..common.arguments import ArgumentError, Array, validated
from ..common.jobs import bar
from ..common.result import Result, coordinate, given, value
from ..transfer import TransferFunction, odd_function
from .complexity import BRANCH, WeightedPoints, follow_from_onset, levels, null_state

# In units of the onset, the gain up to which S_s ≥ 0 is looked for, and the longest step in ln g.
_FAR, _STEP = 100.0, 0.1
_NODES = 96
_SECONDS, _SIZE = 0.1, 100
_CHUNK = 256
# Relative distance at which a path has come to an end, and below which gains cannot be told apart.
_AT_END, _SAME = 1e-4, 1e-9
_NOT_FOUND = "the branch is lost: move gamma or weight"
_SMALL_JUMP = (
    "a smaller jump, or closer to the onset, than can be told: move weight away from 1 or from the "
    "one where the jump vanishes"
)
_OPEN = (
    "the branch is lost before 100 times the onset: give phi its derivatives (d1=, d2=), or move "
    "gamma or weight"
)


class TransitionLines(Result):
    """Where the fixed points of weight |det A|^(s−1) leave x = 0; arrays of the broadcast shape."""

    gamma: Array = coordinate("coupling symmetry", (...,), symbol=r"$\gamma$")
    weight: Array = coordinate("weight", (...,), symbol="$s$")
    gain: Array = value("gain where they leave x = 0", (...,), symbol="$g$")
    jump: Array = value(
        "q just beyond it", (...,), symbol="$q$", note="0 where the transition is continuous."
    )
    typical_from: Array = value(
        "gain from which S_s >= 0",
        (...,),
        note="`gain` for γ ≥ 0 or s = 1, and to 1e-4 where it is closer; nan where S_s < 0 up to "
        "100 times the onset, or, if flagged, not known.",
    )
    typical_to: Array = value(
        "gain up to which S_s >= 0",
        (...,),
        note="``inf`` where it is so up to 100 times the onset; nan where it is so nowhere, or, "
        "if flagged, not known.",
    )
    _headline = ("gain", "jump")
    _curves = ("gain",)


@validated
def transition_lines(
    gamma: ArrayLike = 0.0,
    *,
    weight: ArrayLike = 1.0,
    phi: str | TransferFunction = "tanh",
    throw: bool = True,
    progress: bool = False,
) -> TransitionLines:
    """Gains where the fixed points counted with weight |det A|^(s−1) leave x = 0.

    Parameters
    ----------
    gamma : array_like
        Coupling symmetry in (−1, 1].
    weight : array_like
        s in [0, 1]; broadcast with `gamma`.
    phi : str or TransferFunction
        Odd, concave for x > 0 and bent at 0.
    throw : bool
        Raise if a point fails (default), or return nan there.
    progress : bool
        Show a progress bar on a terminal.

    Returns
    -------
    TransitionLines
        Arrays of the broadcast shape.

    Raises
    ------
    ArgumentError
        If an argument is out of range, or φ is not concave for x > 0 and bent at 0.
    NotConvergedError
        With ``throw=True``, if a line cannot be located.

    Notes
    -----
    For γ < 0 and s < 1 the measure condenses on few fixed points where S_s < 0, from the onset
    to `typical_from` and from `typical_to` on; see `complexity`.

    Examples
    --------
    >>> from meanfield import transition_lines
    >>> lines = transition_lines([0.5, 0.5, -0.3], weight=[0.5, 0.9, 0.9])
    >>> lines.gain.round(5).tolist()
    [0.8165, 0.80036, 1.42857]
    >>> round(float(lines.typical_from[2]), 5)
    1.84047
    """
    attributes = given(transition_lines, locals())
    function = odd_function(phi)
    if not function.is_concave or not function.cubic > 0:
        raise ArgumentError(
            f"phi={function.name!r}: must be concave for x > 0, and not linear next to 0"
        )
    gamma, weight = arguments.symmetry(gamma), arguments.real("weight", weight)
    if np.any(gamma == -1):
        raise ArgumentError("gamma=-1: must be > -1 and <= 1")
    if np.any(outside := ~((weight >= 0) & (weight <= 1))):
        raise ArgumentError(f"weight={weight[outside][0]:g}: must be between 0 and 1")
    gamma, weight = cost.broadcast(_SIZE, _SECONDS, gamma=gamma, weight=weight)
    zero = np.zeros(gamma.size)
    points = WeightedPoints(
        zero, gamma.flatten(), zero, zero, function, weight.flatten().astype(float)
    )  # fmt: skip
    lines, reason = np.full((4, gamma.size), np.nan), np.full(gamma.size, "", dtype=object)
    starts = range(0, gamma.size, _CHUNK)
    with np.errstate(all="ignore"):
        for start in bar(len(starts), "lines", progress, "chunk", starts):
            chunk = np.arange(start, min(start + _CHUNK, gamma.size))
            lines[:, chunk], reason[chunk] = _lines(points.take(chunk))
    gain, jump, first, last = lines.reshape(4, *gamma.shape)
    result = TransitionLines(
        gamma=np.copy(gamma), weight=np.copy(weight), gain=gain, jump=jump, typical_from=first,
        typical_to=last, reason=reason.astype(str).reshape(gamma.shape), attributes=attributes,
    )  # fmt: skip
    if throw:
        result.raise_unless_converged("gamma", "weight")
    return result


class _Trace(NamedTuple):
    """The branch of q > 0 along ln g at several points (γ, s), as knots."""

    points: WeightedPoints
    # Which of the points a knot belongs to, ascending; ln g; the unknowns.
    row: NDArray[np.intp]
    log_g: Array
    unknowns: Array

    @classmethod
    def of(cls, points: WeightedPoints, *ends: Array) -> _Trace:
        """From a gain beyond all transitions to each of the ends, or to where the branch ends."""
        seen: list[Any] = [(np.empty(0, dtype=np.intp), np.empty(0), np.empty((0, 5)))]

        def visit(unknowns: Array, log_g: Array, index: NDArray[np.intp]) -> NDArray[np.bool_]:
            seen.append((index.copy(), log_g.copy(), unknowns.copy()))
            return np.zeros(len(index), dtype=bool)

        for end in ends:
            follow_from_onset(replace(points, g=end), visit, max_step=_STEP)
        row, log_g, unknowns = (np.concatenate(some) for some in zip(*seen, strict=True))
        order = np.lexsort((log_g, row))
        return cls(points, row[order], log_g[order], unknowns[order])

    def ends(self) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]:
        """Points with knots, and the first and the last knot of each."""
        found, first, count = np.unique(self.row, return_index=True, return_counts=True)
        return found, first, first + count - 1

    def of_knots(self, height: Callable[[Array, WeightedPoints], Array]) -> Array:
        """A function of the solution, at the knots."""
        here = replace(self.points.take(self.row), g=np.exp(self.log_g))
        return height(self.unknowns, here)

    def at(self, log_g: Array, knot: NDArray[np.intp]) -> tuple[WeightedPoints, Array]:
        """The solution between a knot and the next."""
        step = self.log_g[knot + 1] - self.log_g[knot]
        share = ((log_g - self.log_g[knot]) / step)[:, None]
        start = (1 - share) * self.unknowns[knot] + share * self.unknowns[knot + 1]
        here = replace(self.points.take(self.row[knot]), g=np.exp(log_g))
        return here, BRANCH.solve(start, here, _NODES).unknowns

    def crossings(self, height: Callable[[Array, WeightedPoints], Array]) -> tuple[Any, ...]:
        """Where a function of the solution changes sign: point, ln g, direction and unknowns."""
        from scipy.optimize.elementwise import find_root

        sign = np.sign(self.of_knots(height))
        change = (np.diff(sign) != 0) & (np.diff(self.row) == 0)
        knot = np.flatnonzero(change)

        def value(log_g: Array, knot: NDArray[np.intp]) -> Array:
            here, unknowns = self.at(log_g, knot.astype(np.intp))
            return height(unknowns, here)

        root = find_root(value, (self.log_g[knot], self.log_g[knot + 1]), args=(knot,))
        return self.row[knot], root.x, sign[knot + 1], self.at(root.x, knot)[1]


def _lead(unknowns: Array, points: WeightedPoints) -> Array:
    """By how much the states of q > 0 outweigh x = 0."""
    null = null_state(points).values["complexity"]
    return np.asarray(levels(unknowns, points, _NODES)[0] - null)


def _entropy(unknowns: Array, points: WeightedPoints) -> Array:
    sigma, determinant = levels(unknowns, points, _NODES)
    return np.asarray(sigma + (1 - points.weight) * determinant)


def _lines(points: WeightedPoints) -> tuple[Array, NDArray[np.object_]]:
    """Gain, jump, and the first and last gain of S_s ≥ 0, (4, points), and why not known."""
    a, zero = points.phi.slope, np.zeros(len(points))
    onset = 1 / ((1 + points.gamma) * a)
    lines = np.stack([onset, zero, onset, np.full(len(points), np.inf)])
    reason = np.full(len(points), "", dtype=object)
    for part, judge in ((points.gamma > 0, _leaving), (points.gamma < 0, _condensing)):
        index = np.flatnonzero((points.weight < 1) & part)
        if index.size:
            lines[:, index], reason[index] = judge(points.take(index), lines[:, index])
    lines[:, reason != ""] = np.nan
    return lines, reason


def _leaving(points: WeightedPoints, lines: Array) -> tuple[Array, NDArray[np.object_]]:
    """The lines for γ > 0, s < 1 by those of weight 1."""
    trace = _Trace.of(points, lines[0])
    last = 1 / (points.phi.slope * np.sqrt(1 + points.gamma))
    row, log_g, sign, unknowns = trace.crossings(_lead)
    # Below a g²(1+γ) = 1 x = 0 is there to be outweighed; above, it has been left already.
    first = (sign > 0) & (np.exp(log_g) < last[row])
    row, gain = row[first], np.exp(log_g[first])
    lines[0] = last
    lines[0, row] = gain
    lines[1, row] = np.exp(unknowns[first, 0]) / gain**2
    lines[2] = lines[0]

    reason = np.full(len(points), _NOT_FOUND, dtype=object)
    found, begin, _ = trace.ends()
    low = np.exp(trace.log_g[begin])
    reason[found[low < last[found] * (1 + _AT_END)]] = ""
    below = np.exp(trace.log_g) < last[trace.row] * (1 - _SAME)
    reason[trace.row[below & (trace.of_knots(_lead) > 0)]] = _SMALL_JUMP
    reason[row] = ""
    return lines, reason


def _condensing(points: WeightedPoints, lines: Array) -> tuple[Array, NDArray[np.object_]]:
    """The lines for γ < 0, s < 1 by those of weight 1."""
    onset, far = lines[0], _FAR * lines[0]
    trace = _Trace.of(points, onset, far)
    row, log_g, sign, _ = trace.crossings(_entropy)
    lines[2:] = np.nan
    for k, rising in ((2, sign > 0), (3, sign < 0)):
        lines[k, row[rising]] = np.exp(log_g[rising])

    reason = np.full(len(points), _NOT_FOUND, dtype=object)
    found, begin, end = trace.ends()
    low, high = np.exp(trace.log_g[begin]), np.exp(trace.log_g[end])
    typical = trace.of_knots(_entropy) >= 0
    from_onset, to_far = low <= onset[found] * (1 + _AT_END), high >= far[found] * (1 - _AT_END)
    none = np.isnan(lines[2:, found])
    reason[found] = np.where(~to_far & (typical[end] | none[1]), _OPEN, "")
    reason[found[~from_onset & (typical[begin] | none[0])]] = _NOT_FOUND
    all_along = found[typical[begin] & none[0]]
    lines[2, all_along] = onset[all_along]
    lines[3, found[typical[end]]] = np.inf
    return lines, reason
