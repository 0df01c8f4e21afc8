"""Stationary states of several populations, γ = 0: no energy integral, Δ(τ) is collocated.

With A_ab = n_b g_ab² and x_a = μ_a + a Gaussian of covariance Δ_a = Δ∞_a + D_a(τ),

    D_a'' = D_a − Σ_b A_ab [C_b(Δ_b) − C_b(Δ∞_b)],    D_a'(0⁺) = −σ_a²/2,
    Δ∞_a = Σ_b A_ab C_b(Δ∞_b) + σ_b,a²,    μ_a = Σ_b n_b J_ab ⟨φ⟩_b + b_a.

Elements on the half line end where D' = −√(1 − M_∞) D, M_ab(τ) = A_ab⟨φ'φ'⟩_b, and Newton's method
solves all equations at once.  The distance of two trajectories grows like e^(λt) with (1 + λ)² the
largest eigenvalue of d²/dτ² + M(τ) on even functions: M has no negative entry, so that it is real
and its eigenvector positive, whatever the symmetry of A.
"""

import math
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import scipy
from numpy.typing import ArrayLike
from scipy.linalg import lu_factor, lu_solve, sqrtm
from scipy.sparse.linalg import LinearOperator, eigs

from ...blocks import Blocks, spectral_radius
from ...common import arguments, cost
from ...common.arguments import Array
from ...common.jobs import bar
from ...common.result import ABSENT, CONVERGED, FLAGGED, Result, coordinate, value
from ...transfer import TransferFunction
from .decay import lobatto
from .frozen import (
    NO_VARIANCE,
    Averages,
    averages,
    bends,
    coefficients,
    continued,
    degrees,
    first_terms,
    length,
    nearness,
    vanished,
)
from .jumps import Jumps, angle

# Degrees for straight pieces, where only derivatives need them.
_STRAIGHT = 400
# Nodes in √τ and weights in τ on [0, 1].
_ROOTS = (np.polynomial.legendre.leggauss(40)[0] + 1) / 2
_ROOT_WEIGHTS = np.polynomial.legendre.leggauss(40)[1] * _ROOTS
# Width in decay times of what noise makes of kinks at τ = 0.
_NARROW = 0.03
# What a static state may miss its equations by, and below which its numbers are tried as 0.
_NOTHING = 1e-12
# The mesh in decay times: its end, its longest element; the first one in widths of C.
_END, _LONGEST, _FIRST = 24.0, 4.0, 0.5
# Newton's method: steps, where it has converged, and where rounding may have stopped it.
_NEWTON, _ROUNDING, _CLOSE = 25, 1e-13, 1e-8
# Growth by which a state is given up, and binding in the depth of the well that is none.
_GONE, _WEAK = 1e3, 1e-6
# Search: random starts for static states, what two states differ by, rounds of so many iterations,
# and the smallest decay rate of their meshes.
_STARTS, _SAME, _ROUNDS, _ITERATIONS, _SLOWEST = 48, 1e-6, 6, 12, 0.01
# The coarse solution of the error estimate: nodes less, shares of the Gaussian grid and the order.
_FEWER, _COARSE, _HALF = 4, 0.8, 0.5
# Degrees of the search, of a φ with bends and kinks, where they are continued, and nodes.
_ROUGH, _CONTINUED, _ROUGH_NODES = 200, 1000, 10
# A state that iteration does not reach is followed from a g so much larger, in steps as small, of
# which each leaves such a part.
_STRONGER, _CLOSEST, _LEAST = 1.2, 5e-4, 0.1
# The default lags end after so many decay times; φ without a bound is searched up to so many
# lengths; elements of a mesh, and seconds for a cube of its nodes.
_LAST, _FAR, _ELEMENTS, _SECONDS = 12.0, np.array([-3.0, 3.0]), 12, 1e-7
_OF_BLOCK = (
    "delta0", "delta_inf", "mean", "q", "Q", "kinetic_energy", "r_int", "tau_half",
)  # fmt: skip
_OF_ALL = ("lyapunov", "mean_growth", "decay_rate", "residual", "resolution_error")
_CURVES = ("delta", "C")
# What is compared, and with what beside itself.
_RESULTS = (*_OF_BLOCK[:-1], "lyapunov", "decay_rate")
_BESIDE_OTHERS: dict[str, Callable[[dict[str, Any]], float]] = {
    "delta_inf": lambda row: np.max(row["delta0"]),
    "mean": lambda row: np.sqrt(np.max(row["delta0"])),
    "Q": lambda row: np.max(row["q"]),
    "lyapunov": lambda row: row["decay_rate"] ** 2,
    # Of an even φ it is 0.
    "r_int": lambda row: np.sqrt(np.max(row["q"]) / (np.max(row["delta0"]) or 1.0)),
}
UNMOVED = "Of perturbations that do not move the means."
OF_THE_MEAN = (
    "Of a static state, which is stable where `lyapunov` and this are negative; nan in one that "
    "moves, and where a state without variance sits on a kink of φ."
)
_NO_STATE = (
    "no stationary state was found: the activity may grow without bound, or its mean oscillate"
)


class BlockStationary(Result):
    """A stationary state of several populations, or with ``root="all"`` all on a last axis.

    Times are in units of the time constant of the neurons.  A static state has Δ₀ = Δ_∞.
    """

    fractions: Array = coordinate("share of the neurons", ("block",))
    sigma: Array = coordinate("noise amplitude", ("block",), symbol=r"$\sigma$")
    delta0: Array = value("variance of x", ("block", ...), symbol=r"$\Delta_0$", note="⟨x²⟩ − μ².")
    delta_inf: Array = value(
        "static part of the variance of x", ("block", ...), symbol=r"$\Delta_\infty$"
    )
    mean: Array = value("mean of x", ("block", ...), symbol=r"$\mu$")
    q: Array = value("mean square activity <phi^2>", ("block", ...), symbol="$q$")
    Q: Array = value("static part of <phi phi>", ("block", ...), symbol="$Q$", note="Not centred.")
    kinetic_energy: Array = value(
        "kinetic energy per neuron <f^2>/2", ("block", ...), note="Of f = −x + h."
    )
    r_int: Array = value("integrated response <phi'>", ("block", ...), symbol=r"$R_{\mathrm{int}}$")
    tau_half: Array = value(
        "time where Delta - Delta_inf has fallen to half",
        ("block", ...),
        "time constant",
        note="nan in a static state.",
    )
    lyapunov: Array = value(
        "maximal Lyapunov exponent",
        (...,),
        "1/time constant",
        symbol=r"$\lambda$",
        note=UNMOVED,
    )
    mean_growth: Array = value(
        "growth rate of the mean mode",
        (...,),
        "1/time constant",
        note=OF_THE_MEAN,
    )
    decay_rate: Array = value(
        "asymptotic decay rate of Delta",
        (...,),
        "1/time constant",
        symbol=r"$\kappa$",
        note="Of a static state the rate at which weak noise is forgotten; nan if it is not.",
    )
    tau: Array = coordinate("time lag", (..., "lag"), "time constant", symbol=r"$\tau$")
    delta: Array = value("autocovariance of x", ("block", ..., "lag"), symbol=r"$\Delta(\tau)$")
    C: Array = value("autocorrelation of phi(x)", ("block", ..., "lag"), symbol=r"$C(\tau)$")
    residual: Array = value("relative size of the last step of Newton's method", (...,))
    resolution_error: Array = value(
        "largest relative change of a result with fewer nodes, degrees and Gaussian points", (...,)
    )
    _headline = ("delta0", "q", "lyapunov")
    _picture = ("tau", "C")


class _Site:
    """The two-time functions of one block, by Mehler's series."""

    # From the coefficients d_j of φ' follow those of φ and φ''.
    def __init__(
        self, phi: TransferFunction, mean: float, delta0: float, order: int, refinement: float
    ) -> None:
        self.delta0 = delta0 = max(delta0, NO_VARIANCE * length(phi) ** 2)
        bent = bool(phi.kinks) and bends(phi)
        if phi.kinks:
            order = min(order, degrees(phi, delta0, delta0) if bent else _STRAIGHT)
        self._jumps = jumps = Jumps(phi, mean, delta0)
        d, jump, _ = coefficients(phi, mean, delta0, order, refinement, jumps, derivative=True)
        here = averages(phi, mean, delta0, refinement)
        degree = np.arange(1.0, d.size)
        lower = np.sqrt(delta0 / degree)
        c = np.concatenate([[here.phi], lower * d[:-1]])
        e = np.append(np.sqrt(degree) * d[1:], 0.0) / math.sqrt(delta0)
        smooth = d * d - jump**2
        if phi.kinks and not bent:
            smooth[1:] = 0.0
        of_phi = np.append(c[0] ** 2, smooth[:-1] * lower**2)
        self._kinds = np.stack([of_phi, smooth, 2 * c * d, c * e], axis=1)
        self.value, self.slope, self.bend = float(c[0]), float(d[0]), float(e[0])
        # Where a cut series is not enough.
        self._cut, self._near = math.inf, []
        if bent:
            start = vanished(d.size)
            self._cut = 1 / math.cosh(start)
            terms = first_terms(phi, mean, delta0, delta0, here, jumps)
            self._near = [
                continued(partial(self._of_theta, kind), start, *one)
                for kind, one in enumerate(terms)
            ]

    def _of_theta(self, kind: int, theta: Array) -> Array:
        return self._series(1 / np.cosh(theta))[..., kind]

    def _series(self, rho: Array) -> Array:
        return np.asarray(rho[..., None] ** np.arange(self._kinds.shape[0]) @ self._kinds)

    def __call__(self, delta: Array) -> Array:
        """C, C' = ⟨φ'φ'⟩, ∂C/∂μ and ∂C/∂Δ₀ at covariances Δ, on a last axis."""
        rho = np.clip(delta / self.delta0, -1, 1)
        found = self._series(rho)
        near = rho > self._cut
        for kind, function in enumerate(self._near):
            found[near, kind] = function(np.arccosh(1 / rho[near]))
        beta = angle(1 - rho)
        found[..., 1] += self._jumps.slope(beta)
        found[..., 0] += self.delta0 * self._jumps.value(beta)
        return found


class _State(NamedTuple):
    """A state, or one to be tried: D (P, nodes of the mesh), Δ_∞ and μ; D is empty if static."""

    moving: Array
    frozen: Array
    mean: Array

    @property
    def delta0(self) -> Array:
        """Δ₀."""
        return self.frozen + (self.moving[:, 0] if self.moving.size else 0.0)


class _Mesh(NamedTuple):
    """Spectral elements: all nodes, weights, the matrix of ∫u'v', edges and nodes of each."""

    tau: Array
    mass: Array
    stiffness: Array
    edges: Array
    nodes: int
    width: float


def _mesh(rate: float, width: float, nodes: int) -> _Mesh:
    """Elements that double from the width of C at τ = 0 to a few decay times."""
    places = [0.0, _FIRST * width / rate]
    while places[-1] < _END / rate:
        places.append(places[-1] + min(places[-1], _LONGEST / rate))
    edges = np.array([*places[:-1], _END / rate])
    x, weights, derivative = lobatto(nodes)
    half = np.diff(edges) / 2
    size = half.size * (nodes - 1) + 1
    tau, mass, stiffness = np.zeros(size), np.zeros(size), np.zeros((size, size))
    local = derivative.T @ (weights[:, None] * derivative)
    for k, h in enumerate(half):
        part = slice(k * (nodes - 1), (k + 1) * (nodes - 1) + 1)
        tau[part] = edges[k] + h * (x + 1)
        mass[part] += h * weights
        stiffness[part, part] += local / h
    return _Mesh(tau, mass, stiffness, edges, nodes, width)


def _interpolated(mesh: _Mesh, curve: Array, tau: Array, rate: float) -> Array:
    """A function on the mesh at any lags, an exponential beyond its end."""
    inside = np.minimum(tau, mesh.edges[-1])
    element = np.clip(np.searchsorted(mesh.edges, inside, "right") - 1, 0, mesh.edges.size - 2)
    found = np.empty_like(inside)
    for k in np.unique(element):
        here = element == k
        part = slice(k * (mesh.nodes - 1), (k + 1) * (mesh.nodes - 1) + 1)
        polynomial = scipy.interpolate.BarycentricInterpolator(mesh.tau[part], curve[part])
        found[here] = polynomial(inside[here])
    return found * np.exp(-rate * (tau - inside))


class _Solver(NamedTuple):
    """One network at one resolution."""

    blocks: Blocks
    sigma: Array
    order: int
    refinement: float
    nodes: int

    @property
    def bias(self) -> tuple[Array, Array]:
        """Means and variances of the biases."""
        return np.asarray(self.blocks.bias_mean), np.asarray(self.blocks.bias_std) ** 2

    def sites(self, state: _State) -> list[_Site]:
        """The blocks of a state."""
        each = zip(self.blocks.functions, state.mean, state.delta0, strict=True)
        return [_Site(*one, self.order, self.refinement) for one in each]

    def at_end(self, state: _State, sites: list[_Site]) -> tuple[Array, Array]:
        """The two-time functions at τ = ∞ and M_∞."""
        still = np.array([s(delta) for s, delta in zip(sites, state.frozen, strict=True)])
        return still, self.blocks.variance * still[:, 1]

    def shape(self, state: _State) -> tuple[float, float] | None:
        """Decay rate and width of C(τ) in decay times; None if nothing decays."""
        radius = spectral_radius(self.at_end(state, self.sites(state))[1])
        lengths = np.array([length(phi) for phi in self.blocks.functions])
        width = 1 / math.sqrt(1 + float(np.max(state.delta0 / lengths**2)))
        return (math.sqrt(1 - radius), width) if radius < 1 else None

    def static_map(self, mean: Array, delta: Array) -> tuple[Array, Array, Array]:
        """New means and variances, and the derivative by means and half variances."""
        A, W = self.blocks.variance, self.blocks.drive
        each = zip(self.blocks.functions, mean, delta, strict=True)
        rows = [averages(*one, self.refinement) for one in each]
        here = Averages(*np.array(rows).T)
        b, variance = self.bias
        slopes = np.block([[W * here.slope, W * here.bend], [A * here.cross, A * here.rise]])
        return W @ here.phi + b, A @ here.q + variance + self.sigma**2 / 2, slopes

    def static_state(self, mean: Array, delta: Array) -> _State | None:
        """The static state near this one; with noise, a guess of the moving one."""
        P = mean.size
        scale = np.repeat([1.0, 2.0], P)

        def misfit(x: Array) -> tuple[Array, Array]:
            new_mean, new_delta, slopes = self.static_map(x[:P], np.abs(x[P:]))
            sign = np.append(np.ones(P), np.where(x[P:] < 0, -1, 1))
            return x - np.append(new_mean, new_delta), np.eye(2 * P) - (
                scale[:, None] * slopes / scale * sign
            )

        with np.errstate(over="ignore", invalid="ignore"):
            found = scipy.optimize.root(
                misfit, np.append(mean, delta), jac=True, options={"xtol": 1e-13}
            )
        for x in (np.where(np.abs(found.x) < _NOTHING, 0.0, found.x), found.x):
            if np.all(np.abs(misfit(x)[0]) <= _NOTHING * (1 + np.abs(x))):
                return _State(np.empty((P, 0)), np.abs(x[P:]), x[:P])
        return None

    def relaxed(self, start: _State) -> tuple[_Mesh, _State] | None:
        """The moving state that iteration leads to, finished by Newton's method; None at rest."""
        A, W = self.blocks.variance, self.blocks.drive
        b, variance = self.bias
        rate, width, state = 1.0, 1.0, start
        mesh = _mesh(rate, width, self.nodes)
        state = start._replace(moving=start.moving / np.cosh(mesh.tau))
        first = float(np.max(start.moving))
        for _ in range(_ROUNDS):
            matrix = mesh.stiffness + np.diag(mesh.mass)
            matrix[-1, -1] += rate
            solve = lu_factor(matrix)
            for _ in range(_ITERATIONS):
                sites = self.sites(state)
                C = [s(f + d)[:, 0] for s, f, d in zip(sites, *state[1::-1], strict=True)]
                C_end = self.at_end(state, sites)[0][:, 0]
                drive = mesh.mass * (A @ (np.array(C) - C_end[:, None]))
                drive[:, 0] += self.sigma**2 / 2
                mean = (state.mean + W @ [s.value for s in sites] + b) / 2
                state = _State(lu_solve(solve, drive.T).T, A @ C_end + variance, mean)
                if not np.max(state.delta0) < _GONE * first or np.max(state.moving) < _CLOSE:
                    return None
            # A short mesh lets nothing decay that is wider.
            shape = self.shape(state)
            rate, width = shape or (rate / 2, width)
            rate = max(rate, _SLOWEST)
            mesh, state = self.moved(mesh, state, rate, width)
            if found := self.finished(mesh, state, 1.0):
                return found
        return None

    def finished(
        self, mesh: _Mesh, state: _State, relax: float = 0.0
    ) -> tuple[_Mesh, _State] | None:
        """The moving state that Newton's method leads to, on a mesh of its own."""
        state, left = self.newton(mesh, state, relax)
        first = state.moving[:, 0]
        # A block without variance has none that moves.
        good = left <= _CLOSE and np.min(first) > -_CLOSE * np.max(first)
        shape = self.shape(state) if good else None
        return self.moved(mesh, state, *shape) if shape else None

    def reached(self, start: _State) -> tuple[_Mesh, _State] | None:
        """The moving state from this start, or from that of a network of larger g."""
        found = self.relaxed(start)
        if found:
            return found

        def scaled(scale: float) -> _Solver:
            return self._replace(blocks=replace(self.blocks, g=scale * np.asarray(self.blocks.g)))

        scale, step, slope = _STRONGER, (_STRONGER - 1) / 2, 0.0
        found = scaled(scale).relaxed(start)
        while found and scale > 1:
            # Near the onset D and κ are proportional to the distance from it.
            mesh, state = found
            lower = max(scale - step, 1.0)
            most = float(np.max(state.moving))
            part = max(1 - slope * (scale - lower) / most, _LEAST)
            rate = _END / mesh.edges[-1]
            shrunk = _mesh(rate * part, mesh.width, self.nodes)
            guess = state._replace(moving=state.moving * part)
            if new := scaled(lower).finished(shrunk, guess):
                slope = (most - float(np.max(new[1].moving))) / (scale - lower)
                found, scale = new, lower
            else:
                step /= 2
                if step < _CLOSEST:
                    return None
        return found

    def moved(self, mesh: _Mesh, state: _State, rate: float, width: float) -> tuple[_Mesh, _State]:
        """The state on another mesh."""
        new = _mesh(rate, width, self.nodes)
        moving = [_interpolated(mesh, curve, new.tau, rate) for curve in state.moving]
        return new, state._replace(moving=np.array(moving))

    def newton(self, mesh: _Mesh, state: _State, relax: float = 0.0) -> tuple[_State, float]:
        """Newton's method for D, Δ_∞ and μ, and the relative size of its last step."""
        A, W = self.blocks.variance, self.blocks.drive
        b, variance = self.bias
        P, K = state.moving.shape
        one, end = np.eye(P), P * K
        frozen, mean = slice(end, end + P), slice(end + P, end + 2 * P)
        left, misfits, far = math.inf, math.inf, _GONE * float(np.max(state.delta0))
        for _ in range(_NEWTON):
            sites = self.sites(state)
            pairs = zip(sites, state.frozen[:, None] + state.moving, strict=True)
            here = np.array([site(delta) for site, delta in pairs])
            still, M = self.at_end(state, sites)
            # On the way there may be no decay.
            decays = spectral_radius(M) < 1
            decay = np.real(sqrtm(one - M)) if decays else one * _END / mesh.edges[-1]
            change = here - still[:, None]
            misfit = state.moving @ mesh.stiffness
            misfit += mesh.mass * (state.moving - A @ change[..., 0])
            misfit[:, -1] += decay @ state.moving[:, -1]
            misfit[:, 0] -= self.sigma**2 / 2
            value = np.array([site.value for site in sites])
            rest = state.frozen - A @ still[:, 0] - variance, state.mean - W @ value - b
            new = max(float(np.max(np.abs(part))) for part in (misfit / mesh.mass, *rest))
            relax *= min(new / misfits, 0.4) if new < misfits else 2.0
            misfits = new
            J = np.zeros((end + 2 * P, end + 2 * P))
            inner = J[:end, :end].reshape(P, K, P, K)
            inner += np.einsum(
                "ab,kl->akbl", one, mesh.stiffness + (1 + relax) * np.diag(mesh.mass)
            )
            inner[:, -1, :, -1] += decay
            weight = A[:, None, :] * mesh.mass[:, None]  # (P, K, P)
            k = np.arange(K)
            inner[:, k, :, k] -= np.einsum("akb,bk->kab", weight, here[..., 1])
            by_mean, by_variance = (weight * change[..., kind].T for kind in (2, 3))
            inner[..., 0] -= by_variance
            by_frozen = by_variance + weight * change[..., 1].T
            J[:end, frozen], J[:end, mean] = -by_frozen.reshape(end, P), -by_mean.reshape(end, P)
            first = np.arange(P) * K
            by_delta0 = W * np.array([site.bend for site in sites]) / 2
            J[frozen, first], J[mean, first] = -A * still[:, 3], -by_delta0
            J[frozen, frozen] = (1 + relax) * one - A * (still[:, 1] + still[:, 3])
            J[frozen, mean], J[mean, frozen] = -A * still[:, 2], -by_delta0
            J[mean, mean] = (1 + relax) * one - W * np.array([site.slope for site in sites])
            step = -np.linalg.solve(J, np.concatenate([misfit.ravel(), *rest]))
            moving = step[:end].reshape(P, K)
            size, before = 1.0, state.delta0
            least = before / 4 - _NOTHING * np.max(before)
            while np.any(before + size * (moving[:, 0] + step[frozen]) < least):
                size /= 2
            state = _State(
                state.moving + size * moving,
                state.frozen + size * step[frozen],
                state.mean + size * step[mean],
            )
            last, left = left, float(np.max(np.abs(moving)) / np.max(np.abs(state.moving)))
            if (
                left <= _ROUNDING
                or (left <= _CLOSE and left > last / 2)
                or not np.max(state.delta0) < far
            ):
                break
        return state, left

    def growth(self, mesh: _Mesh, state: _State, sites: list[_Site]) -> tuple[float, float]:
        """λ and κ."""
        P, K = state.moving.shape
        A, one = self.blocks.variance, np.eye(state.mean.size)
        pairs = zip(sites, state.frozen[:, None] + state.moving, strict=True)
        M = A[:, None] * np.array([site(delta)[:, 1] for site, delta in pairs]).T  # (P, K, P)
        M_end = self.at_end(state, sites)[1]
        form, k = np.einsum("ab,kl->akbl", one, mesh.stiffness), np.arange(K)
        # With noise kinks make M a power √τ at 0: in the first element it is integrated in √τ.
        inner, first = slice(mesh.nodes), mesh.edges[1]
        beyond = mesh.mass.copy()
        beyond[inner] -= first / 2 * lobatto(mesh.nodes)[1]
        form[:, k, :, k] -= (beyond[:, None] * M).transpose(1, 0, 2)
        cardinal = scipy.interpolate.BarycentricInterpolator(mesh.tau[inner], np.eye(mesh.nodes))
        basis = cardinal(first * _ROOTS**2)
        pairs = zip(sites, state.frozen[:, None] + state.moving[:, inner] @ basis.T, strict=True)
        M_first = A[:, None] * np.array([site(delta)[:, 1] for site, delta in pairs]).T
        weight = first * _ROOT_WEIGHTS[:, None, None] * M_first.transpose(1, 0, 2)
        form[:, inner, :, inner] -= np.einsum("gab,gk,gl->akbl", weight, basis, basis)
        mass, low = np.tile(mesh.mass, P), spectral_radius(M_end)
        above = 1.001 * max(spectral_radius(M[:, place]) for place in k)

        def excess(s: float) -> float:
            # By how much the largest eigenvalue exceeds low + s², with the boundary condition of
            # that; of all others `above` is further away.
            shifted = form.copy()
            shifted[:, -1, :, -1] += np.real(sqrtm((low + s * s) * one - M_end))
            solve = lu_factor(shifted.reshape(P * K, P * K) + np.diag(above * mass))
            operator = LinearOperator(
                (P * K, P * K), matvec=lambda u: lu_solve(solve, mass * np.ravel(u))
            )
            inverse = eigs(operator, k=1, v0=np.ones(P * K), return_eigenvectors=False)
            return above - 1 / float(inverse[0].real) - low - s * s

        most, least = math.sqrt(above - low), _WEAK * math.sqrt(above - low)
        bound = (
            scipy.optimize.brentq(excess, least, most, xtol=_ROUNDING) if excess(least) > 0 else 0.0
        )
        return math.sqrt(low + bound**2) - 1, math.sqrt(1 - low)


def stationary_blocks(
    blocks: Blocks,
    *,
    sigma: ArrayLike = 0.0,
    root: str = "largest",
    tau: ArrayLike | None = None,
    n_tau: int = 201,
    tol: float = 1e-10,
    order: int = 40_001,
    nodes: int = 16,
    throw: bool = True,
    progress: bool = False,
    attributes: dict[str, Any] | None = None,
) -> BlockStationary:
    """`stationary` of several populations, whose arguments these are."""
    P = len(blocks)
    noise = arguments.numbers("sigma", sigma, (P,), 0.0)
    arguments.one_of("root", root, ("largest", "smallest", "all"))
    lags = None if tau is None else arguments.lags(tau)
    times = arguments.count("n_tau", n_tau, 2) if lags is None else lags.size
    tol, order = arguments.positive("tol", tol), arguments.count("order", order, 3)
    nodes = arguments.count("nodes", nodes, 8, 48)
    size = P * nodes * _ELEMENTS
    instead = "take fewer of them"
    cost.check("g", blocks, instead, numbers=5.0 * size**2, seconds=_SECONDS * size**3)
    cost.check("tau" if tau is not None else "n_tau", times, instead, numbers=10.0 * P * times)
    solver = _Solver(blocks, noise, order, 1.0, nodes)
    rows = [_row(solver, state, lags, times, tol) for state in _states(solver, progress)]
    if not rows:
        nothing: dict[str, Any] = {name: np.full(P, np.nan) for name in _OF_BLOCK}
        nothing |= {name: np.array(np.nan) for name in _OF_ALL}
        nothing |= {name: np.full((P, times), np.nan) for name in ("delta", "C")}
        nothing["tau"] = np.full(times, np.nan) if lags is None else lags
        rows = [nothing | {"status": ABSENT, "reason": _NO_STATE}]
    chosen = rows if root == "all" else [rows[0 if root == "smallest" else -1]]
    arrays: dict[str, Any] = {}
    for name in rows[0]:
        axis = 1 if name in (*_OF_BLOCK, "delta", "C") else 0
        arrays[name] = np.stack([np.asarray(row[name]) for row in chosen], axis=axis)
        if root != "all":
            arrays[name] = arrays[name].take(0, axis)
    state = BlockStationary(
        fractions=np.asarray(blocks.fractions), sigma=noise, **arrays, attributes=attributes or {}
    )
    if throw:
        state.raise_unless_converged()
    return state


def _states(solver: _Solver, progress: bool) -> list[_State | tuple[_Mesh, _State]]:
    """All states that the searches from many starts end in, by their mean variance."""
    blocks, share = solver.blocks, np.asarray(solver.blocks.fractions)
    phi = blocks.functions
    P = len(phi)
    most = np.array([
        one.saturation if one.saturation < math.inf else np.max(np.abs(one(length(one) * _FAR)))
        for one in phi
    ])  # fmt: skip
    b, variance = solver.bias
    means = np.abs(blocks.drive) @ most + np.abs(b)
    deltas = blocks.variance @ most**2 + variance + solver.sigma**2 / 2
    # One of two states that mirror each other.
    mirrored = all(one.is_odd for one in phi) and not np.any(b)
    rng = np.random.default_rng(0)
    draws = rng.uniform(-1, 1, (_STARTS, 2, P))
    draws[0], draws[1, 0] = 0.0, 0.0
    still: list[_State] = []
    for mean, delta in draws:
        rest = solver.static_state(means * mean, deltas * delta**2)
        if rest and mirrored and rest.mean[np.argmax(np.abs(rest.mean))] < 0:
            rest = rest._replace(mean=-rest.mean)
        if rest and not any(_same(rest, other) for other in still):
            still.append(rest)
    few = _CONTINUED if any(one.kinks and bends(one) for one in phi) else _ROUGH
    rough = solver._replace(order=min(solver.order, few), nodes=_ROUGH_NODES)
    # What grows by random perturbations is no state of the dynamics.
    noisy = bool(np.any(solver.sigma))
    kept = [one for one in still if not noisy and _at_rest(solver, one)["lyapunov"] <= 0]
    # With |φ| ≤ φ'(0)|x| all Δ ≤ A φ'(0)² Δ at their maximum: rest is alone where it is stable.
    tame = all(one.steepness <= one.slope * (1 + _NOTHING) for one in phi) if mirrored else False
    if tame and kept and not (np.any(blocks.drive) or np.any(variance)):
        return [*kept]
    starts: list[_State] = []
    for one in still or [_State(np.empty((P, 0)), 0 * deltas, b)]:
        frozen = one.frozen if np.any(one.mean) or np.any(variance) else 0 * deltas
        far = _State((deltas + 0.01)[:, None], frozen, one.mean)
        if not any(_same(far, other) for other in starts):
            starts.append(far)
    moving: list[tuple[_Mesh, _State]] = []
    for far in bar(len(starts), "stationary", progress, over=starts):
        reached = rough.reached(far)
        if reached and not any(_same(reached[1], other) for _, other in moving):
            moving.append(reached)
    found: list[tuple[_State, _State | tuple[_Mesh, _State]]] = [(one, one) for one in kept]
    found += [(one[1], one) for one in moving]
    return [one for _, one in sorted(found, key=lambda pair: float(share @ pair[0].delta0))]


def _same(a: _State, b: _State) -> bool:
    pairs = ((a.delta0, b.delta0), (a.frozen, b.frozen), (a.mean, b.mean))
    return all(np.allclose(x, y, rtol=_SAME, atol=_SAME) for x, y in pairs)


def _row(
    solver: _Solver,
    found: _State | tuple[_Mesh, _State],
    lags: Array | None,
    times: int,
    tol: float,
) -> dict[str, Any]:
    """All results of a state, from two resolutions."""
    coarse = solver._replace(
        order=int(_HALF * solver.order), refinement=_COARSE, nodes=solver.nodes - _FEWER
    )
    if isinstance(found, _State):
        row, less = _at_rest(solver, found), _at_rest(coarse, found)
        rate = row["decay_rate"] if row["decay_rate"] > _SLOWEST else _SLOWEST
        row["tau"] = np.linspace(0, _LAST / rate, times) if lags is None else lags
        row |= {"delta": np.repeat(row["delta0"][:, None], times, axis=1)}
        row |= {"C": np.repeat(row["q"][:, None], times, axis=1), "residual": 0.0}
    else:
        row, less = _in_motion(solver, found, lags, times), _in_motion(coarse, found, lags, 2)
    error = 0.0
    for name in _RESULTS:
        size = np.max(np.abs(row[name]), initial=0.0)
        if name in _BESIDE_OTHERS:
            size = max(size, _BESIDE_OTHERS[name](row))
        if size > 0:
            error = float(np.maximum(error, np.max(np.abs(row[name] - less[name])) / size))
    row["resolution_error"] = error
    row |= {"status": CONVERGED, "reason": ""}
    for name, advice in (("residual", "raise tol"), ("resolution_error", "raise nodes or order")):
        if not row[name] <= tol:
            reason = f"{name} {row[name]:.1e} exceeds tol={tol:g}: {advice}"
            row |= {n: row[n] * np.nan for n in (*_RESULTS, "mean_growth", "tau_half", *_CURVES)}
            row |= {"status": FLAGGED, "reason": reason}
    return row


def _at_rest(solver: _Solver, state: _State) -> dict[str, Any]:
    """Results of a static state."""
    found = solver.static_state(state.mean, state.frozen) or state
    delta, P = found.frozen, found.mean.size
    each = zip(solver.blocks.functions, found.mean, delta, strict=True)
    here = Averages(*np.array([averages(*one, solver.refinement) for one in each]).T)
    radius = spectral_radius(solver.blocks.variance * here.steepness)
    slopes = solver.static_map(found.mean, delta)[2]
    # What has no static part correlates with none.
    moved = np.append(np.ones(P), (delta > NO_VARIANCE).astype(float))
    on_kink = any(
        d <= NO_VARIANCE and m in phi.corners
        for d, m, phi in zip(delta, found.mean, solver.blocks.functions, strict=True)
    )
    mode = np.linalg.eigvals(slopes * moved * moved[:, None])
    return {
        "delta0": delta, "delta_inf": delta, "mean": found.mean, "q": here.q, "Q": here.q,
        "kinetic_energy": np.zeros(P), "r_int": here.slope, "tau_half": np.full(P, np.nan),
        "lyapunov": math.sqrt(radius) - 1,
        "mean_growth": math.nan if on_kink else float(np.max(mode.real)) - 1,
        "decay_rate": math.sqrt(1 - radius) if radius <= 1 else math.nan,
    }  # fmt: skip


def _in_motion(
    solver: _Solver, reached: tuple[_Mesh, _State], lags: Array | None, times: int
) -> dict[str, Any]:
    """Results of a moving state."""
    shape = solver.shape(reached[1])
    assert shape is not None
    rate, width = shape
    for phi, moving in zip(solver.blocks.functions, reached[1].moving[:, 0], strict=True):
        width = min(width, nearness(phi, moving)) if moving > 0 else width
        if phi.kinks and np.any(solver.sigma):
            width = min(width, _NARROW)
    mesh, state = solver.moved(*reached, rate, width)
    state, left = solver.newton(mesh, state)
    scale = _NOTHING * np.max(state.delta0)
    still, size = np.abs(state.moving[:, :1]) <= scale, np.abs(state.mean) / math.sqrt(scale)
    state = _State(
        np.where(still, 0.0, state.moving),
        np.where(np.abs(state.frozen) <= scale, 0.0, state.frozen),
        np.where(size <= math.sqrt(_NOTHING), 0.0, state.mean),
    )
    sites = solver.sites(state)
    now = np.array([site(delta) for site, delta in zip(sites, state.delta0, strict=True)])
    growth, rate = solver.growth(mesh, state, sites)
    q, variance = now[:, 0], solver.bias[1]
    force = solver.blocks.variance @ q + variance + solver.sigma**2 - state.delta0
    tau = np.linspace(0, _LAST / rate, times) if lags is None else lags
    moving = np.array([_interpolated(mesh, curve, tau, rate) for curve in state.moving])
    delta = state.frozen[:, None] + moving
    return {
        "delta0": state.delta0, "delta_inf": state.frozen, "mean": state.mean, "q": q,
        "Q": solver.at_end(state, sites)[0][:, 0], "kinetic_energy": force / 2,
        "r_int": np.array([site.slope for site in sites]),
        "tau_half": np.array([_half_time(mesh, curve, rate) for curve in state.moving]),
        "lyapunov": growth, "mean_growth": math.nan, "decay_rate": rate, "tau": tau,
        "delta": delta, "residual": left,
        "C": np.array([site(one)[:, 0] for site, one in zip(sites, delta, strict=True)]),
    }  # fmt: skip


def _half_time(mesh: _Mesh, curve: Array, rate: float) -> float:
    """Where a decaying curve has half of its first value."""
    below = int(np.argmax(curve < curve[0] / 2))
    if not 0 < curve[0] or below == 0:
        return math.nan

    def excess(tau: float) -> float:
        return float(_interpolated(mesh, curve, np.array([tau]), rate)[0] - curve[0] / 2)

    return float(scipy.optimize.brentq(excess, mesh.tau[below - 1], mesh.tau[below], xtol=1e-13))
