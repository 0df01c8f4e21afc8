"""The result and the public calls: the saddle-point equations on arrays, β_SG, the plain map."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..common import arguments, cost
from ..common.arguments import Array, validated
from ..common.jobs import bar
from ..common.result import Result, coordinate, given, value
from ..transfer import TransferFunction, odd_function
from . import ordered, paramagnetic, static, two_fields
from .points import (
    COUNTS,
    ERRORS,
    FOLD,
    NO_NULL,
    NUMBERS,
    WORDS,
    Columns,
    Points,
    checked,
    seconds_of,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# An instability this close to 1 is marginal: rounding of the eigenvalue.
_MARGINAL = 1e-12
# Points solved together: enough to fill the batch, few enough to bound the memory (0.1 GB) and to
# let a progress bar move.
_CHUNK = 4096
_CHUNK_TWO_FIELDS = 128
# Seconds of `spin_glass_beta` for a point, and of `replica_map` for a point and a pair of nodes.
_BIFURCATION, _PAIR = 0.01, 3e-7
_FINITE_BETA = "the ordered branch needs finite beta"
_NO_STABLE_SHEET = f"no paramagnetic sheet is stable and {_FINITE_BETA}: give one"


class SaddlePoint(Result):
    """Order parameters of the replica theory; every array has the broadcast shape of the input.

    Where `converged` is False the numbers are nan and `reason` says why; `status` is "absent" where
    the branch or sheet does not exist there.
    """

    g: Array = coordinate("gain", (...,), symbol="$g$")
    gamma: Array = coordinate("coupling symmetry", (...,), symbol=r"$\gamma$")
    beta: Array = coordinate("inverse temperature", (...,), symbol=r"$\beta$")
    eta: Array = coordinate("confinement", (...,), symbol=r"$\eta$")
    q: Array = value("mean square activity <phi^2>", (...,), symbol="$q$")
    Q: Array = value("overlap of two replicas <phi>^2", (...,), symbol="$Q$")
    r: Array = value("response, diagonal", (...,), symbol="$r$")
    R: Array = value("response, off-diagonal", (...,), symbol="$R$")
    X: Array = value("conjugate of q, diagonal X_d", (...,), symbol="$X_d$")
    P: Array = value(
        "conjugate of Q, minus the off-diagonal X",
        (...,),
        symbol="$P$",
        note="The variance of a field where the branch is stable.  On the static branch beyond "
        "g(1+γ) = 1, which is unstable, P < 0 for γ > 0 and γ < 0, and P = 0 at γ = 0.",
    )
    G: Array = value("integrated response r - R", (...,), symbol="$G$")
    chi: Array = value(
        "susceptibility beta (q - Q)",
        (...,),
        symbol=r"$\chi$",
        note="At β = ∞ its limit, which may be ``inf``.",
    )
    sigma_xphi: Array = value(
        "covariance of x and phi in one state (static branch: times beta)",
        (...,),
        symbol=r"$\sigma_{x\phi}$",
        note="E[⟨xφ⟩ − ⟨x⟩⟨φ⟩]; on the static branch lim βσ_xφ.",
    )
    x2: Array = value(
        "mean square of x",
        (...,),
        symbol=r"$\langle x^2\rangle$",
        note="‖x‖²/N of the measure, which is not that of the dynamics: at γ = 0, g = 2 and "
        "β = ∞ it is 2.121, `delta0` of `stationary` 1.925.",
    )
    energy: Array = value("quasi-potential per neuron", (...,), symbol="$E/N$")
    free_entropy: Array = value(
        "free entropy per neuron, relative to (beta/2 pi)^(N/2)", (...,), symbol=r"$\psi$"
    )
    instability: Array = value(
        "stable below 1: eigenvalue of the linearised overlap map; static branch g^2 K",
        (...,),
        note="The largest eigenvalue of the linearised (Q, R, P) map on the paramagnetic branch, "
        "the replicon eigenvalue (replica symmetry breaks beyond 1) on the ordered branch.",
    )
    stable: NDArray[np.bool_] = value("instability below 1 (or marginal)", (...,))
    marginal: NDArray[np.bool_] = value("instability equal to 1", (...,))
    residual: Array = value("largest relative error of the saddle-point equations", (...,))
    quadrature_error: Array = value(
        "largest change of the equations when the nodes are doubled", (...,)
    )
    rounding_error: Array = value(
        "estimated relative error of q from rounding",
        (...,),
        note="Large next to a transition, where q is small and the equations determine it badly "
        "(0 for closed forms).",
    )
    nodes: NDArray[np.int64] = value("quadrature intervals per field or half line", (...,))
    iterations: NDArray[np.int64] = value("Newton iterations, the path included", (...,))
    branch_of: NDArray[np.str_] = value("branch of this point", (...,))
    sheet_of: NDArray[np.str_] = value(
        "sheet of this point, where gamma < 0 may allow two",
        (...,),
        note="Empty off the paramagnetic branch and for γ ≥ 0.",
    )
    _headline = ("q", "Q", "r", "stable")
    _curves = ("q", "Q")

    def plot(self, ax: Axes | None = None, *, label: str | None = None) -> Axes:
        """Draw q and Q along a parameter, thin and dashed where not stable; see `Result.plot`."""
        ax = super().plot(ax, label=label)
        for line in ax.get_lines()[-len(self._curves) :]:
            x, y = line.get_data()
            line.set_data(x, np.where(self.stable, y, np.nan))
            ax.plot(x, y, "--", lw=0.7, color=line.get_color(), zorder=1)
        if not self.stable.all():
            ax.get_lines()[-1].set_label("not stable")
            ax.legend()
        return ax


@validated
def saddle_point(
    g: ArrayLike,
    gamma: ArrayLike = 0.0,
    *,
    beta: ArrayLike = np.inf,
    branch: str = "static",
    sheet: str = "cooled",
    phi: str | TransferFunction = "tanh",
    eta: ArrayLike = 0.0,
    tol: float = 1e-10,
    throw: bool = True,
    progress: bool = False,
) -> SaddlePoint:
    """Order parameters of P(x) ∝ exp(−βE) for random networks of gain g and symmetry γ.

    Parameters
    ----------
    g, gamma, beta, eta : array_like
        Gain g > 0, coupling symmetry γ in [−1, 1], inverse temperature β in (0, ∞], confinement
        η ≥ 0 (η > 0 needs finite β).  They broadcast like NumPy ufuncs.
    branch : {"static", "paramagnetic", "ordered", "stable"}
        ``"static"``: β → ∞ around one fixed point, the static solution of the DMFT.
        ``"paramagnetic"``: Q = R = P = 0, any β; the equilibrium of the measure where stable.
        ``"ordered"``: Q, R, P ≠ 0, finite β; continued from β_SG, it exists for γ < 0 only.  It is
        re-entrant where the null sheet is stable again at low T: at g = 1.6, γ = −0.5 it exists
        from T = 0.193 down to 0.0098, where Q is back at 0.
        ``"stable"``: per point the null sheet if stable, else the cooled one if stable, else the
        ordered branch, whose replicon eigenvalue may exceed 1 (then `stable` is False); at β = ∞
        a point that would need the ordered branch is flagged: give a finite β.  `branch_of` and
        `sheet_of` name the choice.
    sheet : {"cooled", "null"}
        Of ``branch="paramagnetic"`` where γ < 0 allows two: the one continued from β = 0, or the
        one continued from x = 0 at T = 0.  A point beyond the end of its sheet is absent.
    phi : str or TransferFunction
        ``"tanh"``, ``"erf"``, ``"algebraic"``, ``"linear"`` or an own odd function.
    tol : float
        Largest residual that counts as converged.
    throw : bool
        Raise if a point has no solution (default), or return nan there.
    progress : bool
        Show a progress bar on a terminal; points are solved in chunks.

    Returns
    -------
    SaddlePoint
        Arrays of the broadcast shape (0-d for scalars).

    Raises
    ------
    NotConvergedError
        With ``throw=True``, if any point is absent or not converged; the message counts both.

    Notes
    -----
    Saddle point of Qiu & Huang, arXiv:2401.10009.  The residual is taken on twice the quadrature
    nodes that the solution used.  Paramagnetic branch: errors of q = ⟨φ²⟩, r = ⟨yφ⟩/v,
    X_d = 1/v − ⟨y²⟩/v² in units of v/g², 1 and 1/v with v = 1/β + g²q, and of the equations
    solved.  Ordered branch: of all six equations in units of q.  Static branch: of the equations
    for Q and G; r, R, X and P follow from them by a linear system.

    Assumptions: N → ∞, replica symmetry, Gaussian couplings.

    Examples
    --------
    >>> from meanfield import saddle_point
    >>> point = saddle_point(1.2, 0.5, beta=100.0, branch="paramagnetic")
    >>> round(float(point.q), 10)
    0.3254252853
    >>> saddle_point([0.8, 1.3]).Q.round(10).tolist()
    [0.0, 0.2420019087]
    """
    attributes = given(saddle_point, locals())
    function = odd_function(phi)
    arguments.one_of("sheet", sheet, ("cooled", "null"))
    tol = arguments.positive("tol", tol)
    g, gamma, beta, eta = checked(g, gamma, beta, eta, seconds_of(branch))
    if branch == "static" and np.any(np.isfinite(beta)):
        finite = beta[np.isfinite(beta)].flat[0]
        raise arguments.ArgumentError(f"beta={finite:g}: branch 'static' needs beta = inf")
    if branch == "ordered" and np.any(np.isinf(beta)):
        raise arguments.ArgumentError(f"beta=inf: {_FINITE_BETA}")
    if branch != "paramagnetic":
        del attributes["sheet"]
    with np.errstate(all="ignore"):
        points = Points.flat(g, gamma, beta, eta, function)
        columns = _solve_in_chunks(points, branch, sheet, tol, progress)
        solution = _result(columns, (g, gamma, beta, eta), attributes)
    if throw:
        solution.raise_unless_converged("g", "gamma", "beta")
    return solution


@validated
def spin_glass_beta(
    g: ArrayLike,
    gamma: ArrayLike,
    *,
    phi: str | TransferFunction = "tanh",
    progress: bool = False,
) -> Array:
    """β_SG where the cooled paramagnetic sheet first loses stability against Q, R, P.

    Parameters
    ----------
    g, gamma : array_like
        Gain g > 0 and symmetry γ in [−1, 1]; they broadcast.
    phi : str or TransferFunction
    progress : bool
        Show a progress bar on a terminal; points are solved in chunks.

    Returns
    -------
    ndarray
        β_SG, ``inf`` where the sheet is stable down to T = 1e-10 g² or where it ends before (for
        γ ≥ 0 everywhere), nan where it cannot be located.  Just above the gain where
        β_SG becomes finite the sheet is stable again at larger β, since there it leads to the null
        state.

    Examples
    --------
    >>> from meanfield import spin_glass_beta
    >>> round(float(spin_glass_beta(1.5, -0.2)), 8)
    6.61602038
    """
    g, gamma, beta, eta = checked(g, gamma, 1.0, 0.0, _BIFURCATION)
    points = Points.flat(g, gamma, beta, eta, odd_function(phi))
    critical = np.full(len(points), np.inf)
    negative = np.flatnonzero((points.gamma < 0) & ~np.bool_(points.phi.is_linear))
    with np.errstate(all="ignore"):
        for index in _chunks(negative, _CHUNK, "beta_SG", progress):
            critical[index] = np.exp(-ordered.bifurcation(points.take(index))[0])
    return critical.reshape(g.shape)


class OrderParameters(NamedTuple):
    """q, Q, r, R, X_d and P, arrays of one shape."""

    q: Array
    Q: Array
    r: Array
    R: Array
    X: Array
    P: Array


@validated
def replica_map(
    order: tuple[ArrayLike, ArrayLike, ArrayLike, ArrayLike, ArrayLike, ArrayLike],
    g: ArrayLike,
    gamma: ArrayLike = 0.0,
    *,
    beta: ArrayLike,
    eta: ArrayLike = 0.0,
    phi: str | TransferFunction = "tanh",
    nodes: int = 48,
) -> OrderParameters:
    """Right-hand sides of the general replica-symmetric equations: a solution is a fixed point.

    Parameters
    ----------
    order : tuple of six array_like
        q, Q, r, R, X_d, P.
    g, gamma, beta, eta : array_like
        Parameters as in `saddle_point`; they broadcast with the order parameters.
    phi : str or TransferFunction
    nodes : int
        Gauss–Hermite nodes per field, 4 to 384; compare two values for the quadrature error.

    Returns
    -------
    OrderParameters
        The updates; nan where v = 1/β + g²(q−Q) ≤ 0 or the fields have no positive covariance,
        Q P < γ²R².

    Examples
    --------
    >>> import numpy as np
    >>> from meanfield import replica_map, saddle_point
    >>> point = saddle_point(1.2, 0.5, beta=10.0, branch="paramagnetic")
    >>> order = (point.q, point.Q, point.r, point.R, point.X, point.P)
    >>> new = replica_map(order, 1.2, 0.5, beta=10.0)
    >>> bool(np.allclose(new, order, rtol=0, atol=1e-12))
    True
    """
    nodes = arguments.count("nodes", nodes, 4, 384)
    named = zip(OrderParameters._fields, order, strict=True)
    numbers = {f"order.{name}": arguments.real(name, one) for name, one in named}
    parameters = checked(g, gamma, beta, eta, _PAIR * nodes**2)
    given_as = dict(zip(("g", "gamma", "beta", "eta"), parameters, strict=True))
    arrays = cost.broadcast(0.0, _PAIR * nodes**2, **numbers, **given_as)
    shape = arrays[0].shape
    g, gamma, beta, eta = arrays[6:]
    points = Points.flat(g, gamma, beta, eta, odd_function(phi))
    flat = np.stack([a.reshape(-1).astype(float) for a in arrays[:6]], axis=1)
    with np.errstate(all="ignore"):
        new, _ = two_fields.update(flat, points, nodes)
    return OrderParameters(*(column.reshape(shape) for column in new.T))


def _chunks(
    index: NDArray[np.intp], size: int, label: str, progress: bool
) -> Iterator[NDArray[np.intp]]:
    starts = range(0, len(index), size)
    for start in bar(len(starts), label, progress, "chunk", starts):
        yield index[start : start + size]


def _solve_in_chunks(
    points: Points, branch: str, sheet: str, tol: float, progress: bool
) -> Columns:
    """Bounds the memory, whatever the size of the input; a point does not feel its chunk."""
    columns = Columns(len(points))
    chunk = _CHUNK if branch in ("static", "paramagnetic") else _CHUNK_TWO_FIELDS
    for index in _chunks(np.arange(len(points)), chunk, branch, progress):
        columns.write(index, _solve(points.take(index), branch, sheet, tol))
    return columns


def _solve(points: Points, branch: str, sheet: str, tol: float) -> Columns:
    if branch == "static":
        return static.solve(points, tol)
    if branch == "paramagnetic":
        return paramagnetic.solve(points, sheet, tol)
    if branch == "ordered":
        return ordered.solve(points, tol)
    columns = paramagnetic.solve(points, "null", tol)
    rest = np.flatnonzero(~_is_stable(columns))
    columns.replace(rest, paramagnetic.solve(points.take(rest), "cooled", tol))
    # The ordered branch is for sheets that are unstable or have ended, not for failed numerics.
    ended = np.isin(columns.reason, (FOLD, NO_NULL))
    lost = (columns.converged & ~_is_stable(columns)) | ended
    columns.reject(lost & (points.temperature == 0), _NO_STABLE_SHEET)
    lost &= points.temperature > 0
    columns.replace(lost, ordered.solve(points.take(lost), tol))
    return columns


def _is_stable(columns: Columns) -> NDArray[np.bool_]:
    instability = columns.values["instability"]
    return np.asarray(columns.converged & (instability <= 1 + _MARGINAL), dtype=bool)


def _result(
    columns: Columns, parameters: tuple[Array, ...], attributes: dict[str, Any]
) -> SaddlePoint:
    _, _, beta, eta = parameters
    shape = beta.shape
    lost = ~columns.converged
    arrays: dict[str, Any] = {
        name: np.where(lost, np.nan, columns.values[name]).reshape(shape) for name in NUMBERS
    }
    temperature = 1 / beta
    cold = np.where(np.isfinite(arrays["X"]), arrays["X"], 0.0) * temperature
    energy = temperature * (1 - cold) / 2 + eta * arrays["x2"] / 2
    instability = arrays["instability"]
    converged = ~lost.reshape(shape)
    # On the static branch the instability is exactly 1 on the line and beyond 1 after it.
    rounding = np.where((columns.branch_of == "static").reshape(shape), 0.0, _MARGINAL)
    arrays |= zip(("g", "gamma", "beta", "eta"), map(np.copy, parameters), strict=True)
    arrays |= {name: getattr(columns, name).reshape(shape) for name in (*ERRORS, *COUNTS)}
    words = (*WORDS, "status")
    arrays |= {name: getattr(columns, name).astype(str).reshape(shape) for name in words}
    return SaddlePoint(
        **arrays,
        G=arrays["r"] - arrays["R"],
        energy=np.where(converged, energy, np.nan),
        stable=converged & (instability <= 1 + rounding),
        marginal=np.abs(instability - 1) <= rounding,
        attributes=attributes,
    )
