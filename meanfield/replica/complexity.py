"""How many fixed points: Σ_s = lim ln E[Σ |det A|^(s−1)]/N over the zeros of f, A = ∂f/∂x.

s = 1 counts the fixed points, s = 0 is the measure exp(−βE) at β = ∞.  By the Kac–Rice formula the
law of x at a zero is

    p(x) ∝ exp{−x²/2v + γρ xφ/q − q̂φ² + (s/2) ln den},  den = (1 − kφ′)² + yφ′²,  k = γg²r,

v = g²q, with ρ = ⟨xφ⟩/((1+γ)v), 2v q̂ = g²(1 − ⟨x²⟩/v + 2γ(1+γ)g²ρ²), and r and y ≥ 0 from the
determinant of A (`spectrum`).  Unknowns are (ln v, g²ρ, q q̂, g²r, y/g²) and x = √v ξ, as on the
paramagnetic branch.  In the place of the equation of q̂ stands its sum with ⟨d/dξ(ξp)⟩ = 0,

    2v q̂⟨φ_s d⟩ = γg²ρ⟨ξd⟩ − s⟨ξ (φ″/√v)(yφ′ − k(1−kφ′))/den⟩,   φ_s = φ/√v, d = (φ_s − ξφ′)/v,

without the cancellation as v → 0.  `derivations.complexity` proves all of it.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..common import arguments, cost
from ..common.arguments import ArgumentError, Array, validated
from ..common.jobs import bar
from ..common.result import Result, coordinate, given, value
from ..elliptic import null_response
from ..quadrature import POLE, half_line_rule
from ..transfer import TransferFunction, odd_function
from .newton import (
    CORRECTIONS,
    FIRST_NODES,
    GOOD_START,
    LONG_PATH,
    Branch,
    NewtonResult,
    Starts,
    Visitor,
    follow,
)
from .paramagnetic import reach
from .points import COUNTS, ERRORS, Columns, Points
from .spectrum import Slopes, boundary, crossing, density, unstable_share

# Distance from the onset up to which its expansion starts Newton's method, and where paths begin.
_NEAR = 0.02
# In units of the onset, a gain beyond the transitions of all weights.
_TURN = 2.0
# Widths of the law for the factor of the determinant.
_MARGIN = 3.0
# v, in units of length², from which a path counts as one to x = 0.
_GONE = 1e-9
_NUMBERS = (
    "complexity", "q", "x2", "rho", "r", "y", "log_determinant", "index", "edge", "radius",
)  # fmt: skip
_SECONDS, _SIZE = 5e-3, 100
_CHUNK = 1024
_UNCONNECTED = "phi is not concave for x > 0: zeros not connected to the onset may dominate"
# Distance from the onset below which rounding leaves no digits of q.
_CLOSEST = 1e-5
_BLURRED = "so close to the onset that rounding leaves no digits: move g"
_LOST = "the path from weight 1 to this weight ends: move weight towards 1, or g"
_LOST_PLACE = "the density is not found here: move real or imag"
NOT_ISOLATED = "linear phi: no isolated zeros beyond g(1+gamma) = 1"


@dataclass(frozen=True)
class WeightedPoints(Points):
    """Points with the weight s of each."""

    weight: Array


class _Law:
    """The law of ξ on its nodes, as columns (points, nodes)."""

    def __init__(self, unknowns: Array, points: WeightedPoints, n: int) -> None:
        phi, g2, gamma = points.phi, points.g**2, points.gamma
        log_v, rho, hat, response, scaled = unknowns.T
        v = np.exp(log_v)
        s = np.sqrt(v)[:, None]
        kappa, k, w, y = (
            a[:, None] for a in (gamma * rho, gamma * response, g2 * hat, g2 * scaled)
        )
        half = points.weight[:, None] / 2

        def log_weight(xi: Array, phi_s: Array, d1: Array) -> Array:
            den = (1 - k * d1) ** 2 + y * d1**2
            return -(xi**2) / 2 + kappa * xi * phi_s - w * phi_s**2 + half * np.log(den)

        def on_nodes(xi: Array) -> Array:
            return log_weight(xi, phi(s * xi) / s, phi.d1(s * xi))

        # The law but for the determinant is that of the paramagnetic branch, k = κ and c = 2w − κ².
        span = reach(phi, s[:, 0], kappa[:, 0], (2 * w - kappa**2)[:, 0]) + _MARGIN
        self.xi, weights = half_line_rule(on_nodes, POLE * phi.length / s[:, 0], span, n)
        jet = phi.evaluate(s * self.xi)
        self.phi_s, self.d1, self.bend = jet.phi / s, jet.d1, self.xi * jet.d2 / s
        self.d = self.xi**3 * jet.defect
        self.kappa, self.k, self.w, self.y = kappa, k, w, y
        self.a = 1 - k * self.d1
        self.den = self.a**2 + y * self.d1**2
        log = log_weight(self.xi, self.phi_s, self.d1)
        self.top = log.max(axis=1)
        weights = weights * np.exp(log - self.top[:, None])
        self.norm = weights.sum(axis=1)
        self.p = weights / self.norm[:, None]

    def mean(self, values: Array) -> Array:
        return np.asarray((self.p * values).sum(axis=1))


def _equations(unknowns: Array, points: Points, n: int) -> tuple[Array, Array]:
    """Equation errors (points, 5) and their Jacobian (points, 5, 5) on n quadrature intervals."""
    assert isinstance(points, WeightedPoints)
    law = _Law(unknowns, points, n)
    _, rho, hat, response, scaled = unknowns.T
    g2, gamma, weight = points.g**2, points.gamma, points.weight
    xi, phi_s, d1, d, bend = law.xi, law.phi_s, law.d1, law.d, law.bend
    tilt = gamma[:, None] * d1
    by_r, by_y = -2 * tilt * law.a, g2[:, None] * d1**2  # of den
    push = (law.y * d1 - law.k * law.a) / law.den
    push_r = (-gamma[:, None] * law.a + law.k * tilt - push * by_r) / law.den
    push_y = (g2[:, None] * d1 - push * by_y) / law.den

    # Logarithmic derivatives of the weight.  ln v moves at fixed x: moments then only scale, and no
    # third derivative of φ is asked for.
    half = weight[:, None] / (2 * law.den)
    scores = np.stack(
        [
            xi**2 / 2 - law.kappa * xi * phi_s + law.w * phi_s**2,
            gamma[:, None] * xi * phi_s,
            -g2[:, None] * phi_s**2,
            half * by_r,
            half * by_y,
        ],
        axis=2,
    )
    mean_scores = (law.p[:, None, :] @ scores)[:, 0]

    def moment(
        values: Array, power: float, of_r: Array | None = None, of_y: Array | None = None
    ) -> tuple[Array, Array]:
        weighted = law.p * values
        mean = weighted.sum(axis=1)
        slopes = (weighted[:, None, :] @ scores)[:, 0] - mean[:, None] * mean_scores
        slopes[:, 0] -= power * mean
        if of_r is not None and of_y is not None:
            slopes[:, 3] += law.mean(of_r)
            slopes[:, 4] += law.mean(of_y)
        return mean, slopes

    error, jacobian = np.empty((len(points), 5)), np.empty((len(points), 5, 5))
    phi2, phi2_ = moment(phi_s**2, 1)
    error[:, 0], jacobian[:, 0] = g2 * phi2 - 1, g2[:, None] * phi2_
    mixed, mixed_ = moment(xi * phi_s, 1)
    share = g2 / (1 + gamma)
    error[:, 1], jacobian[:, 1] = share * mixed - rho, share[:, None] * mixed_
    curved, curved_ = moment(phi_s * d, 2)
    drive, drive_ = moment(xi * d, 2)
    pushed, pushed_ = moment(bend * push, 1, bend * push_r, bend * push_y)
    w = g2 * hat
    error[:, 2] = 2 * w * curved - gamma * rho * drive + weight * pushed
    jacobian[:, 2] = 2 * w[:, None] * curved_ - (gamma * rho)[:, None] * drive_
    jacobian[:, 2] += weight[:, None] * pushed_
    jacobian[:, 2, 1] -= gamma * drive
    jacobian[:, 2, 2] += 2 * g2 * curved
    ratio = d1 * law.a / law.den
    mean, slope = moment(
        ratio, 0, -(tilt * d1 + ratio * by_r) / law.den, -ratio * by_y / law.den
    )  # fmt: skip
    error[:, 3], jacobian[:, 3] = g2 * mean - response, g2[:, None] * slope
    jacobian[:, (1, 3), (1, 3)] -= 1
    ratio = d1**2 / law.den
    mean, slope = moment(ratio, 0, -ratio * by_r / law.den, -ratio * by_y / law.den)
    # y ≥ 0, g²⟨φ′²/den⟩ ≤ 1, and one of them is an equality.
    room, room_ = 1 - g2 * mean, -g2[:, None] * slope
    length = np.hypot(scaled, room)
    with np.errstate(invalid="ignore"):
        error[:, 4] = scaled + room - length
        jacobian[:, 4] = (1 - room / length)[:, None] * room_
        jacobian[:, 4, 4] += 1 - scaled / length
    return error, jacobian


def _plain_errors(unknowns: Array, points: Points, n: int) -> Array:
    """Errors (points, 1) of q q̂ = (1 − ⟨ξ²⟩)/2 + γ(1+γ)g²ρ²."""
    assert isinstance(points, WeightedPoints)
    law, rho = _Law(unknowns, points, n), unknowns[:, 1]
    asked = (1 - law.mean(law.xi**2)) / 2 + points.gamma * (1 + points.gamma) * rho**2 / points.g**2
    return (unknowns[:, 2] - asked)[:, None]


def levels(unknowns: Array, points: WeightedPoints, n: int) -> tuple[Array, Array]:
    """Σ_s and L."""
    return _levels(_Law(unknowns, points, n), unknowns, points)


def _levels(law: _Law, unknowns: Array, points: WeightedPoints) -> tuple[Array, Array]:
    _, rho, hat, response, scaled = unknowns.T
    g2, gamma = points.g**2, points.gamma
    log_norm = law.top + np.log(2 * law.norm / np.sqrt(2 * np.pi))
    determinant = (gamma * response**2 / g2 - scaled) / 2
    sigma = log_norm + hat - gamma * (1 + gamma) * rho**2 / (2 * g2) + points.weight * determinant
    return sigma, law.mean(np.log(law.den)) / 2 + determinant


def _observables(unknowns: Array, points: Points, n: int) -> dict[str, Array]:
    assert isinstance(points, WeightedPoints)
    law = _Law(unknowns, points, n)
    log_v, rho, _, response, scaled = unknowns.T
    g2, gamma, v = points.g**2, points.gamma, np.exp(log_v)
    sigma, determinant = _levels(law, unknowns, points)
    slopes = Slopes(points.g, gamma, law.d1, law.p)
    edge = crossing(slopes, np.zeros_like(v))
    flat = np.flatnonzero(gamma < 0)  # Longer along the imaginary axis.
    radius = edge.copy()
    radius[flat] = crossing(slopes.take(flat), np.full(len(flat), np.pi / 2))
    outside = 1 - g2 * law.mean(law.d1**2 / law.den) > scaled
    y = np.where(outside, 0.0, g2 * scaled)
    return {
        "complexity": sigma,
        "q": v / g2,
        "x2": v * law.mean(law.xi**2),
        "rho": rho / g2,
        "r": response / g2,
        "y": y,
        "log_determinant": determinant,
        "index": unstable_share(slopes, response / g2, y),
        "edge": edge - 1,
        "radius": radius,
    }


def _limit(unknowns: Array, step: Array, points: Points) -> Array:
    room = np.maximum(0.5, 0.5 * np.abs(unknowns[:, 1:]))
    room = np.concatenate([np.full((len(step), 1), 0.5), room], axis=1)
    return np.minimum(1.0, np.min(room / np.maximum(np.abs(step), 1e-300), axis=1))


BRANCH = Branch(
    "complexity", _equations, _observables, _limit, _plain_errors, numbers=_NUMBERS
)  # fmt: skip


def _onset(points: WeightedPoints, distance: Array) -> Array:
    """The unknowns at weight 1 close to a g(1+γ) = 1 + distance, to first order."""
    # With ψ = φ/a of slope 1 and G = a g the expansion is that of ψ; ψ = x − cx³, c = cubic/2a.
    phi, gamma, gain = points.phi, points.gamma, points.effective_gain
    share = 4 * phi.slope / (9 * phi.cubic)  # q = share·distance of ψ
    t = 2 / 3
    rho = gain**2 * (1 + gamma) * (1 + (t - 2) * distance) / phi.slope
    hat = (gamma**2 + 2 * (1 - gamma**2) * (1 - t) * distance) / 2
    y = 2 * (1 - t) * distance / ((1 + gamma) * gain) ** 2
    return np.stack([np.log(gain**2 * share * distance), rho, hat, rho, y], axis=1)


def follow_from_onset(
    points: WeightedPoints, visit: Visitor | None = None, **how: Any
) -> tuple[Starts, NDArray[np.bool_]]:
    """Unknowns at every point beyond the onset, and where the branch ends before it.

    The way goes at weight 1 from the onset to a gain where the branch exists for all weights, there
    to the weight, and from there to the gain; `visit` and further arguments of `follow` are for
    this last leg, in ln g.
    """
    onset = 1 / ((1 + points.gamma) * points.phi.slope)
    counts, one = points.weight == 1, np.ones(len(points))
    turn = np.where(counts, points.g, _TURN * onset)
    distance = turn / onset - 1
    gone = np.log(_GONE * points.phi.length**2)
    near = np.minimum(distance, _NEAR)
    begin = replace(points, g=onset * (1 + near), weight=one)
    first = BRANCH.solve(_onset(begin, near), begin, FIRST_NODES)
    starts = Starts.empty(len(points), first.unknowns.shape[1])
    starts.iterations += first.iterations
    starts.unknowns = np.where(first.residual[:, None] <= GOOD_START, first.unknowns, np.nan)
    ended = np.zeros(len(points), dtype=bool)

    def leg(
        at: Callable[[Array, NDArray[np.intp]], Any], start: Array, target: Array,
        visit: Visitor | None = None, **how: Any,
    ) -> None:  # fmt: skip
        def look(unknowns: Array, here: Array, index: NDArray[np.intp]) -> NDArray[np.bool_]:
            if visit is not None:
                visit(unknowns, here, index)
            return np.asarray(unknowns[:, 0] < gone, dtype=bool)

        def correct(unknowns: Array, here: Array, index: NDArray[np.intp]) -> NewtonResult:
            g, weight = at(here, index)
            part = replace(points.take(index), g=g, weight=weight)
            return BRANCH.solve(unknowns, part, FIRST_NODES, CORRECTIONS)

        path = follow(correct, starts.unknowns, start, target, visit=look, **how)
        short = np.isfinite(starts.unknowns[:, 0]) & (path.reached != target)
        ended[short & ~path.exhausted] = True
        starts.reason[short & path.exhausted] = LONG_PATH
        starts.iterations += path.iterations
        starts.unknowns = np.where(short[:, None], np.nan, path.unknowns)

    leg(lambda log, k: (onset[k] * (1 + np.exp(log)), one[k]), np.log(near), np.log(distance))
    leg(lambda weight, k: (turn[k], weight), one, points.weight)
    leg(
        lambda log, k: (np.exp(log), points.weight[k]), np.log(turn), np.log(points.g), visit, **how
    )
    return starts, ended


def null_state(points: WeightedPoints) -> Columns:
    """The state x = 0 alone: the elliptic law."""
    columns = Columns(len(points), "complexity", _NUMBERS)
    gain, gamma, phi = points.effective_gain, points.gamma, points.phi
    edge, zero = gain * (1 + gamma), np.zeros(len(points))
    response = null_response(gain, gamma)
    outside = edge <= 1
    with np.errstate(divide="ignore", invalid="ignore"):
        cosine = np.minimum(1 / edge, 1.0)
        determinant = np.where(
            outside,
            gamma * (gain * response) ** 2 / 2 - np.log(response),
            np.log(gain) - 0.5 + 1 / (2 * gain**2 * (1 + gamma)),
        )
    columns.values.update(
        complexity=(points.weight - 1) * determinant,
        q=zero,
        x2=zero,
        rho=phi.slope * response,
        r=phi.slope * response,
        y=np.where(outside, 0.0, points.g**2 - 1 / ((1 + gamma) * phi.slope) ** 2),
        log_determinant=determinant,
        index=(np.arccos(cosine) - cosine * np.sqrt(1 - cosine**2)) / np.pi,
        edge=edge - 1,
        radius=gain * (1 + np.abs(gamma)),
    )
    columns.residual[:] = columns.quadrature_error[:] = columns.rounding_error[:] = 0.0
    columns.reason[:] = ""
    return columns


def _solve(points: WeightedPoints, tol: float) -> Columns:
    """The state that dominates at every point."""
    columns = Columns(len(points), "complexity", _NUMBERS)
    columns.write(np.arange(len(points)), null_state(points))
    index = np.flatnonzero(points.effective_gain * (1 + points.gamma) > 1)
    here = points.take(index)
    if here.phi.is_linear or not here.phi.is_concave:
        columns.reject(index, NOT_ISOLATED if here.phi.is_linear else _UNCONNECTED)
        return columns
    blurred = here.effective_gain * (1 + here.gamma) < 1 + _CLOSEST
    starts, ended = follow_from_onset(here)
    away = BRANCH.refine(starts, here, tol)
    # For γ > 0 the branch ends where x = 0 has all the weight, continuously or at a fold.
    null = ended & (here.gamma > 0) & (here.weight < 1)
    away.reason[ended & ~null] = _LOST
    # At weight 1 x = 0 is one of exponentially many.
    less = away.values["complexity"] < columns.values["complexity"][index]
    null |= away.converged & less & (here.weight != 1)
    away.replace(null, null_state(here.take(null)))
    away.reject(blurred & ~null, _BLURRED)
    columns.write(index, away)
    return columns


class Complexity(Result):
    """Fixed points of weight |det A|^(s−1); every array has the broadcast shape of the input.

    Where `converged` is False the numbers are nan and `reason` says why.
    """

    g: Array = coordinate("gain", (...,), symbol="$g$")
    gamma: Array = coordinate("coupling symmetry", (...,), symbol=r"$\gamma$")
    weight: Array = coordinate("weight", (...,), symbol="$s$")
    complexity: Array = value("ln of the weighted number, per neuron", (...,), symbol=r"$\Sigma_s$")
    entropy: Array = value(
        "ln of the number of those that dominate, per neuron",
        (...,),
        symbol="$S_s$",
        note="Σ_s + (1−s) L; where it is negative they exist in rare couplings only.",
    )
    q: Array = value("mean square activity <phi^2>", (...,), symbol="$q$")
    x2: Array = value("mean square of x", (...,), symbol=r"$\langle x^2\rangle$")
    rho: Array = value("<x phi>/((1+gamma) g^2 q)", (...,), symbol=r"$\rho$")
    r: Array = value(
        "resolvent <(A^-1 phi')> at 0, negative", (...,), symbol="$r$", note="−⟨(A⁻¹)_ii φ′_i⟩."
    )
    y: Array = value(
        "how far 0 lies inside the spectrum of A", (...,), symbol="$y$", note="0 outside."
    )
    log_determinant: Array = value("ln |det A| per neuron", (...,), symbol="$L$")
    index: Array = value("fraction of unstable directions", (...,))
    edge: Array = value("rightmost point of the spectrum of A", (...,), "1/time constant")
    radius: Array = value("largest |1 + z| in the spectrum of A", (...,), symbol="$R$")
    typical: NDArray[np.bool_] = value("whether typical couplings have them, S_s >= 0", (...,))
    is_null: NDArray[np.bool_] = value("whether it is the fixed point x = 0", (...,))
    residual: Array = value("largest error of the equations, scaled to order one", (...,))
    quadrature_error: Array = value(
        "largest change of the equations when the nodes are doubled", (...,)
    )
    rounding_error: Array = value("estimated relative error of q from rounding", (...,))
    nodes: NDArray[np.int64] = value("quadrature intervals per half line", (...,))
    iterations: NDArray[np.int64] = value("Newton iterations, the path included", (...,))
    _headline = _curves = ("complexity", "q", "index")

    @property
    def q_hat(self) -> Array:
        """Conjugate q̂ of q in the law of x; nan where q = 0."""
        v = self.g**2 * self.q
        with np.errstate(divide="ignore", invalid="ignore"):
            share = self.gamma * (1 + self.gamma) * self.g**2 * self.rho**2
            return np.asarray(((1 - self.x2 / v) / 2 + share) / self.q)


_MARGINAL = 1e-12


@validated
def complexity(
    g: ArrayLike,
    gamma: ArrayLike = 0.0,
    *,
    weight: ArrayLike = 1.0,
    phi: str | TransferFunction = "tanh",
    tol: float = 1e-10,
    throw: bool = True,
    progress: bool = False,
) -> Complexity:
    """Number of fixed points of random networks, weighted by |det A|^(s−1), A = ∂f/∂x.

    Parameters
    ----------
    g, gamma : array_like
        Gain g > 0 and coupling symmetry γ in (−1, 1].  They broadcast with `weight`.
    weight : array_like
        s.  1 counts the fixed points; 0 is the measure exp(−βE) at β = ∞, which weighs each by
        1/|det A|.  Between 0 and 1 every point has a solution; beyond, flagged where it has none.
    phi : str or TransferFunction
        Odd, and concave for x > 0.
    tol : float
        Largest residual that counts as converged.
    throw : bool
        Raise if a point has no solution (default), or return nan there.
    progress : bool
        Show a progress bar on a terminal; points are solved in chunks.

    Returns
    -------
    Complexity
        Arrays of the broadcast shape (0-d for scalars): Σ_s and the fixed points that dominate at
        this weight, with the spectrum of A there.

    Raises
    ------
    ArgumentError
        If an argument is out of range.
    NotConvergedError
        With ``throw=True``, if any point is absent or not converged.

    Notes
    -----
    Σ_s = lim (1/N) ln E Σ |det A|^(s−1) over the zeros of f, by the Kac–Rice formula, N → ∞.  The
    expectation over couplings is that of typical ones only where `typical`.

    The zeros become exponentially many on g(1+γ) = 1 for every γ, q = 2ε/3 + O(ε²) and
    Σ₁ = (16/81)(1+γ)²ε³ + O(ε⁴) with ε = g(1+γ) − 1 (tanh).  For γ > 0 the measure still sits on
    x = 0 there (`transition_lines`).  Up to g(1+γ) = 1 x = 0 is returned for every weight: other
    zeros are exponentially rare.  Beyond, the state of larger Σ_s is; x = 0 has (s−1)L.

    At weight 0 it is the paramagnetic branch of `saddle_point` at β = ∞, Σ_0 its free entropy.

    References
    ----------
    .. [1] G. Wainrib, J. Touboul, Phys. Rev. Lett. 110, 118101 (2013).
    .. [2] L. Stubenrauch, C. Keup, A. C. Kurth, M. Helias, A. van Meegen, arXiv:2210.07877.

    Examples
    --------
    >>> from meanfield import complexity
    >>> zeros = complexity(2.0, [-0.3, 0.0, 0.5])
    >>> zeros.complexity.round(8).tolist()
    [0.00288583, 0.02482511, 0.08318037]
    >>> round(float(complexity(3.0).index), 8)  # fraction of unstable directions
    0.09956473
    """
    attributes = given(complexity, locals())
    function = odd_function(phi)
    tol = arguments.positive("tol", tol)
    gamma = arguments.symmetry(gamma)
    if np.any(gamma == -1):
        raise ArgumentError("gamma=-1: must be > -1 and <= 1")
    weight = arguments.array("weight", weight)
    g, gamma, weight = cost.broadcast(
        _SIZE, _SECONDS, g=arguments.gain(g), gamma=gamma, weight=weight
    )
    flat = [a.flatten() for a in (g, gamma, weight)]
    zero = np.zeros(flat[0].size)
    points = WeightedPoints(flat[0], flat[1], zero, zero, function, flat[2])
    columns = Columns(len(points), "complexity", _NUMBERS)
    starts = range(0, len(points), _CHUNK)
    with np.errstate(all="ignore"):
        for start in bar(len(starts), "complexity", progress, "chunk", starts):
            index = np.arange(start, min(start + _CHUNK, len(points)))
            columns.write(index, _solve(points.take(index), tol))
    shape, lost = g.shape, ~columns.converged
    arrays: dict[str, Any] = {
        name: np.where(lost, np.nan, columns.values[name]).reshape(shape) for name in _NUMBERS
    }
    arrays |= {name: getattr(columns, name).reshape(shape) for name in (*ERRORS, *COUNTS)}
    arrays |= {n: getattr(columns, n).astype(str).reshape(shape) for n in ("reason", "status")}
    entropy = arrays["complexity"] + (1 - weight) * arrays["log_determinant"]
    result = Complexity(
        g=np.copy(g), gamma=np.copy(gamma), weight=np.copy(weight), entropy=entropy,
        typical=entropy >= -_MARGINAL, is_null=arrays["q"] == 0, attributes=attributes, **arrays,
    )  # fmt: skip
    if throw:
        result.raise_unless_converged("g", "gamma", "weight")
    return result


class FixedPointSpectrum(Result):
    """Eigenvalues of A = ∂f/∂x at the fixed points that dominate; status and reason per place."""

    real: Array = coordinate("real part of the place", (...,), symbol=r"$\mathrm{Re}\,z$")
    imag: Array = coordinate("imaginary part of the place", (...,))
    density: Array = value("eigenvalues per neuron and unit area", (...,), symbol=r"$\mu(z)$")
    boundary_real: Array = value("boundary of the spectrum, real part", ("angle",))
    boundary_imag: Array = value("boundary of the spectrum, imaginary part", ("angle",))
    index: Array = value("fraction of unstable directions")
    _headline = ("index",)
    _picture = ("real", "density")


@validated
def fixed_point_spectrum(
    g: float,
    gamma: float = 0.0,
    *,
    weight: float = 1.0,
    phi: str | TransferFunction = "tanh",
    real: ArrayLike | None = None,
    imag: ArrayLike = 0.0,
    throw: bool = True,
) -> FixedPointSpectrum:
    """Density of the eigenvalues of A = −1 + JD, D = diag φ′(x), at the zeros of `complexity`.

    Parameters
    ----------
    g, gamma, weight, phi
        As in `complexity`, one point, and |γ| < 1: at γ = 1 the spectrum is a line.
    real, imag : array_like, optional
        Places z of one axis, that broadcast; default: 40 across the spectrum, none at −1, at one
        `imag`.
    throw : bool
        Raise if the density is not found at a place (default), or return nan there.

    Returns
    -------
    FixedPointSpectrum
        With the boundary of the spectrum as a closed curve.

    Raises
    ------
    ArgumentError
        If an argument is out of range.
    NotConvergedError
        If there is no solution or, with ``throw=True``, no density at a place.

    Notes
    -----
    D and J are independent but for corrections of low rank.  The density is (1/π) ∂m/∂z̄ of the
    mean m of the resolvent, by the Hermitised self-consistent equations; its integral is 1.

    Examples
    --------
    >>> from meanfield import fixed_point_spectrum
    >>> fixed_point_spectrum(2.0, 0.5, real=[-0.5, 0.0, 0.8]).density.round(5).tolist()
    [0.36754, 0.20114, 0.0]
    """
    attributes = given(fixed_point_spectrum, locals())
    gamma = arguments.within("gamma", gamma, -1.0, 1.0)
    if abs(gamma) == 1:
        raise ArgumentError(f"gamma={gamma:g}: must be > -1 and < 1")
    if real is None and np.ndim(imag):
        raise ArgumentError("real=None: must be given with imag")
    zeros = complexity(g, gamma, weight=weight, phi=phi)
    law = _slopes(zeros, odd_function(phi))
    curve = boundary(law)
    if real is None:
        real = np.linspace(-2.0 - zeros.edge, zeros.edge, 40)
    x, y = cost.broadcast(
        20 * law.d1.size, 1e-4,
        real=arguments.array("real", real), imag=arguments.array("imag", imag),
    )  # fmt: skip
    if x.ndim > 1:
        raise ArgumentError(f"real, imag: must have one axis, got shape {x.shape}")
    x, y = np.atleast_1d(x), np.atleast_1d(y)
    found = density(law.take(np.zeros(x.size, dtype=np.intp)), 1 + x + 1j * y)
    result = FixedPointSpectrum(
        real=x, imag=y, density=found, boundary_real=curve.real, boundary_imag=curve.imag,
        index=zeros.index, attributes=attributes,
        reason=np.where(np.isnan(found), _LOST_PLACE, ""),
    )  # fmt: skip
    if throw:
        result.raise_unless_converged("real", "imag")
    return result


def _slopes(zeros: Complexity, phi: TransferFunction) -> Slopes:
    """The law of φ′ at one point."""
    g, gamma, weight = (np.reshape(a, 1) for a in (zeros.g, zeros.gamma, zeros.weight))
    points = WeightedPoints(g, gamma, np.zeros(1), np.zeros(1), phi, weight)
    if zeros.is_null:
        return Slopes(points.g, points.gamma, np.full((1, 1), phi.slope), np.ones((1, 1)))
    g2, q = zeros.g**2, zeros.q
    unknowns = [np.log(g2 * q), g2 * zeros.rho, q * zeros.q_hat, g2 * zeros.r, zeros.y / g2]
    law = _Law(np.array([unknowns], dtype=float), points, 2 * int(zeros.nodes))
    return Slopes(points.g, points.gamma, law.d1, law.p)
