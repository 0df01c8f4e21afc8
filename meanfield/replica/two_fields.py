"""The general replica-symmetric equations: six order parameters, two Gaussian fields (z, w).

Everything is computed in the units of v = T + g²(q−Q): x = √v ξ, z/√v and w√v, so that the
conditional law p(ξ|z,w) ∝ exp{−ψ²/2 + wφ_s − (g²/2)ΔXv φ_s² − (βηv/2) ξ²},
ψ = ξ − z − kφ_s with k = g²γ(r−R), keeps its shape when v → 0.  All moments ⟨φ_s^a ψ^b⟩ with
a + b ≤ 4 come from one matrix product per z; derivatives with respect to the covariance of the
fields follow from them by Price's theorem, ∂E[F]/∂Σ_ij = E[∂_i∂_j F] (half of it for i = j), which
stays regular where the covariance is singular, as it is at the bifurcation from Q = R = P = 0.

Stability: fields with a small extra covariance S̃ between two replicas change their overlaps
S = [[δQ, δR], [δR, δP]] to E[B S̃ Bᵀ], where B = ∂(⟨φ⟩, ⟨y⟩/v)/∂(w, z) is the susceptibility of the
single-site law at given fields and S̃ = g² [[δQ, γδR], [γδR, δP]].  Around Q = R = P = 0 this is the
linear stability of the paramagnetic branch; on the ordered branch it is the replicon (de Almeida–
Thouless) eigenvalue, beyond 1 of which replica symmetry breaks.
"""

from collections.abc import Callable
from functools import cache

import numpy as np

from ..common.arguments import Array
from ..quadrature import LOG_CUT, POLE, gauss_hermite
from .points import Points

_MONOMIALS = [(a, b) for a in range(5) for b in range(5 - a)]
_SCAN = 160
# The line has 4n intervals, up to the n from which only the fields gain from more nodes.
_LINE_NODES = 96
_CHUNK = 4_000_000
_FIELD_CUT = 1e-17
# Where the scan of the law of an unbounded φ ends, beyond the field.
_UNBOUNDED = 60.0
# Relative rounding of the determinant of the covariance of the fields.
_SINGULAR = 1e-12


@cache
def _half_plane(n: int) -> tuple[Array, Array, Array]:
    """Gauss–Hermite nodes u1 > 0 and u2, and weights (n1, n2) that add up to 1."""
    # (z, w, x) → −(z, w, x) leaves every average alone: half of the plane is enough.
    nodes, weights = gauss_hermite(n + n % 2)
    keep = weights > _FIELD_CUT
    nodes, weights = nodes[keep], weights[keep]
    positive = nodes > 0
    joint = 2 * np.outer(weights[positive], weights)
    return nodes[positive], nodes, joint / joint.sum()


class ConditionalMoments:
    """m[a, b] = ⟨φ_s^a ψ^b⟩ given (z, w), arrays (points, n1, n2), and averages over the fields."""

    # `order` is (points, 6): q, Q, r, R, X_d, P.  Points whose fields have no positive covariance
    # give nan.
    def __init__(self, order: Array, points: Points, n: int, *, extras: bool = False) -> None:
        q, overlap, r, cross, x_d, noise = order.T
        self.points = points
        g2, gamma = points.g**2, points.gamma
        with np.errstate(invalid="ignore", divide="ignore"):
            self.v = points.temperature + g2 * (q - overlap)
            s = np.sqrt(self.v)
            self.k = g2 * gamma * (r - cross)
            self.xv = g2 * (x_d + noise) * self.v
            spread = np.sqrt(g2 * overlap / self.v)
            tilt = g2 * gamma * cross / spread
            tilt = np.where((spread == 0) & (gamma * cross == 0), 0.0, tilt)
            rest = np.sqrt(g2 * noise * self.v - tilt**2)
        # Rounding must not make a singular covariance imaginary.
        tiny = g2 * np.abs(noise) * self.v * _SINGULAR
        rest = np.where((rest != rest) & (tilt**2 - g2 * noise * self.v < tiny), 0.0, rest)
        first, second, self.weights = _half_plane(n)
        self.z = spread[:, None] * first
        self.w = tilt[:, None, None] * first[:, None] + rest[:, None, None] * second
        self.xi, weights = self._line(s, n)
        phi_s = points.phi(s[:, None] * self.xi) / s[:, None]
        self.phi_s = phi_s
        psi = self.xi[:, None] - self.z[..., None] - self.k[:, None, None] * phi_s[:, None]
        base = -(psi**2) / 2 - self._quadratic(phi_s, self.xi)[:, None] + np.log(weights)[:, None]
        log = base[:, :, None] + self.w[..., None] * phi_s[:, None, None]
        top = log.max(axis=-1)
        density = np.exp(log - top[..., None])
        columns = [phi_s[:, None] ** a * psi**b for a, b in _MONOMIALS]
        if extras:
            line = np.broadcast_to(self.xi[:, None], psi.shape)
            columns += [line, line**2, line * phi_s[:, None]]
        moments = density @ np.stack(columns, axis=-1)
        norm = moments[..., :1]
        self.log_norm = top + np.log(norm[..., 0] / np.sqrt(2 * np.pi))
        moments = moments / norm
        self.m = {pair: moments[..., i] for i, pair in enumerate(_MONOMIALS)}
        self.extra = moments[..., len(_MONOMIALS) :]

    def _quadratic(self, phi_s: Array, xi: Array) -> Array:
        confinement = self.points.beta_eta * self.v
        return (self.xv[:, None] * phi_s**2 + confinement[:, None] * xi**2) / 2

    def _line(self, s: Array, n: int) -> tuple[Array, Array]:
        """Points ξ = a sinh u covering the law at every field, and their weights."""
        n = min(n, _LINE_NODES)
        phi = self.points.phi
        z, w = self.z[:, -1], np.abs(self.w).max(axis=(1, 2))
        with np.errstate(divide="ignore", invalid="ignore"):
            rise = np.where(self.k > 0, self.k * phi.bound / s, 0.0)
            outward = np.maximum(-self.xv, 0) * phi.bound**2 / s**2 + 2 * w * phi.bound / s
            reach = z + rise + np.sqrt(2 * LOG_CUT + outward)
        reach = np.where(np.isfinite(reach), reach, z + _UNBOUNDED)
        scale = POLE * phi.length / s
        top = np.arcsinh(reach / scale)
        grid = scale[:, None] * np.sinh(top[:, None] * np.linspace(-1, 1, 2 * _SCAN + 1))
        phi_s = phi(s[:, None] * grid) / s[:, None]
        alive = np.zeros(grid.shape, dtype=bool)
        for field, tilt in ((z, w), (z, -w), (-z, w)):
            psi = grid - field[:, None] - self.k[:, None] * phi_s
            log = -(psi**2) / 2 + tilt[:, None] * phi_s - self._quadratic(phi_s, grid)
            alive |= log > log.max(axis=1, keepdims=True) - LOG_CUT
        size = np.where(alive, np.abs(grid), 0).max(axis=1)
        top = np.minimum(top, np.arcsinh(size / scale) + top / _SCAN)
        u = top[:, None] * np.linspace(-1, 1, 4 * n + 1)
        return scale[:, None] * np.sinh(u), (scale * top / (2 * n))[:, None] * np.cosh(u)

    def average(self, values: Array) -> Array:
        """Average over the Gaussian fields: (points, n1, n2) → (points,)."""
        return np.asarray(np.einsum("pzw,zw->p", values, self.weights))

    # Derivatives of m[a, b] with respect to the fields (in units of √v).
    def _w(self, a: int, b: int) -> Array:
        return self.m[a + 1, b] - self.m[a, b] * self.m[1, 0]

    def _z(self, a: int, b: int) -> Array:
        lowered = b * self.m[a, b - 1] if b else 0.0
        return self.m[a, b + 1] - self.m[a, b] * self.m[0, 1] - lowered

    def _ww(self, a: int, b: int) -> Array:
        return self._w(a + 1, b) - self._w(a, b) * self.m[1, 0] - self.m[a, b] * self._w(1, 0)

    def _zw(self, a: int, b: int) -> Array:
        return self._z(a + 1, b) - self._z(a, b) * self.m[1, 0] - self.m[a, b] * self._z(1, 0)

    def _zz(self, a: int, b: int) -> Array:
        lowered = b * self._z(a, b - 1) if b else 0.0
        up = self._z(a, b + 1) - self._z(a, b) * self.m[0, 1] - self.m[a, b] * self._z(0, 1)
        return up - lowered

    # Derivatives of m[a, b] with respect to (v, k, ΔX) at fixed x, in units of √v.
    def _inner(self, a: int, b: int) -> tuple[Array, Array, Array]:
        m = self.m
        moved = b * m[a + 1, b - 1] if b else 0.0
        return (
            (m[a, b + 2] - m[a, b] * m[0, 2]) / 2,
            m[a + 1, b + 1] - m[a, b] * m[1, 1] - moved,
            -(m[a + 2, b] - m[a, b] * m[2, 0]) / 2,
        )

    def single(self, a: int, b: int) -> tuple[Array, list[Array]]:
        """E⟨φ_s^a ψ^b⟩ and its derivatives to (v, k, ΔX, Σzz, Σzw, Σww)."""
        fields = (self._zz(a, b) / 2, self._zw(a, b), self._ww(a, b) / 2)
        slopes = [*self._inner(a, b), *fields]
        return self.average(self.m[a, b]), [self.average(value) for value in slopes]

    def product(self, a: tuple[int, int], b: tuple[int, int]) -> tuple[Array, list[Array]]:
        """The same for E⟨a⟩⟨b⟩ of two pairs of powers."""
        first, second = self.m[a], self.m[b]
        inner = zip(self._inner(*a), self._inner(*b), strict=True)
        slopes = [x * second + first * y for x, y in inner]
        z1, z2, w1, w2 = self._z(*a), self._z(*b), self._w(*a), self._w(*b)
        slopes.append((self._zz(*a) * second + first * self._zz(*b)) / 2 + z1 * z2)
        slopes.append(self._zw(*a) * second + first * self._zw(*b) + z1 * w2 + w1 * z2)
        slopes.append((self._ww(*a) * second + first * self._ww(*b)) / 2 + w1 * w2)
        return self.average(first * second), [self.average(value) for value in slopes]

    def susceptibility(self) -> Array:
        """The map of small overlaps between replicas, averaged over the fields."""
        entries = self._z(1, 0), self._w(1, 0), self._z(0, 1), self._w(0, 1)
        return susceptibility_map(*entries, self.points.gamma, self.average)


def update(order: Array, points: Points, n: int) -> tuple[Array, Array]:
    """Updated order parameters (points, 6) and the Jacobian (points, 6, 6) of that map."""
    size = max(1, _CHUNK // (2 * n**2 * min(n, _LINE_NODES)))
    parts = [
        _update(order[i : i + size], points.take(np.arange(i, min(i + size, len(points)))), n)
        for i in range(0, max(len(points), 1), size)
    ]
    return np.concatenate([p[0] for p in parts]), np.concatenate([p[1] for p in parts])


def _update(order: Array, points: Points, n: int) -> tuple[Array, Array]:
    law = ConditionalMoments(order, points, n)
    v, g2, gamma = law.v, points.g**2, points.gamma
    phi, psi = (1, 0), (0, 1)
    # In the order of q, Q, r, R, X, P.
    pairs = [law.single(2, 0), law.product(phi, phi), law.single(1, 1), law.product(phi, psi)]
    pairs += [law.single(0, 2), law.product(psi, psi)]
    # Back from units of √v: second moments are v times these, for any (φ, y).
    values = np.stack([pair[0] for pair in pairs], axis=1)
    slopes = np.stack([np.stack(pair[1], axis=1) for pair in pairs], axis=1)  # (p, 6, 6)
    ones = np.ones_like(v)
    slopes = slopes * np.stack([ones, v, v**2, ones, v, v**2], axis=1)[:, None, :]
    # (v, k, ΔX, Σzz, Σzw, Σww) as linear functions of (q, Q, r, R, X, P).
    by_v = g2[:, None] * np.array([1.0, -1.0, 0.0, 0.0, 0.0, 0.0])
    chain = np.zeros((len(v), 6, 6))
    chain[:, 0] = by_v
    chain[:, 1, 2], chain[:, 1, 3] = g2 * gamma, -g2 * gamma
    chain[:, 2, 4] = chain[:, 2, 5] = chain[:, 3, 1] = chain[:, 5, 5] = g2
    chain[:, 4, 3] = g2 * gamma
    second = v[:, None] * values  # E⟨φ²⟩, E⟨φ⟩², E⟨yφ⟩, …
    jacobian = slopes @ chain
    new, slope = np.empty_like(second), np.empty_like(jacobian)
    # Powers of v that divide the second moments, and the sign and constant of X_d = 1/v − ….
    for i, (power, sign) in enumerate(((0, 1), (0, 1), (1, 1), (1, 1), (2, -1), (2, 1))):
        new[:, i] = sign * second[:, i] / v**power
        drift = -sign * power * second[:, i] / v ** (power + 1)
        if i == 4:
            new[:, i] += 1 / v
            drift = drift - 1 / v**2
        slope[:, i] = sign * jacobian[:, i] / (v**power)[:, None] + drift[:, None] * by_v
    return new, slope


def field_observables(order: Array, points: Points, n: int) -> dict[str, Array]:
    """E⟨x²⟩, σ_xφ, the free entropy and the replicon eigenvalue at a solution."""
    law = ConditionalMoments(order, points, n, extras=True)
    q, overlap, r, cross, x_d, noise = order.T
    line, square, mixed = np.moveaxis(law.extra, -1, 0)
    lagrange = x_d * q + noise * overlap - points.gamma * (r**2 - cross**2)
    return {
        "x2": law.v * law.average(square),
        "sigma_xphi": law.v * law.average(mixed - line * law.m[1, 0]),
        "free_entropy": points.g**2 / 2 * lagrange + law.average(law.log_norm),
        "instability": leading_mode(law.susceptibility(), points.g)[0],
    }


def susceptibility_map(
    a: Array,
    b: Array,
    c: Array,
    d: Array,
    gamma: Array,
    average: Callable[[Array], Array] = lambda values: values,
) -> Array:
    """Matrix (points, 3, 3) of the map of (δQ/v, δR, δP v), without its factor g²."""
    # a = ∂_z⟨φ⟩, b = ∂_w⟨φ⟩, c = ∂_z⟨ψ⟩, d = ∂_w⟨ψ⟩ in units of √v, averaged over the fields.
    rows = ((a, b), (c, d))
    matrix = np.empty((*gamma.shape, 3, 3))
    for i, (row, column) in enumerate(((0, 0), (0, 1), (1, 1))):
        (p, q), (s, t) = rows[row], rows[column]
        matrix[:, i, 0] = average(p * s)
        matrix[:, i, 1] = gamma * average(p * t + q * s)
        matrix[:, i, 2] = average(q * t)
    return matrix


def leading_mode(matrix: Array, g: Array) -> tuple[Array, Array]:
    """Largest real eigenvalue of g² × `matrix` (points,) and its eigenvector (points, 3)."""
    # S̃ = g² [(1+γ)/2 S + (1−γ)/2 Z S Z] with Z = diag(1, −1), so the map is a sum of congruences
    # and keeps the cone of positive matrices.  By Perron–Frobenius its spectral radius is an
    # eigenvalue: the largest modulus is the largest real one, with no tolerance to choose.
    value, vector = np.full(len(g), np.nan), np.full((len(g), 3), np.nan)
    sound = np.all(np.isfinite(matrix), axis=(1, 2))
    values, vectors = np.linalg.eig(matrix[sound])
    lead = np.argmax(np.abs(values), axis=1)
    row = np.arange(len(lead))
    value[sound] = g[sound] ** 2 * np.abs(values[row, lead])
    vector[sound] = vectors[row, :, lead].real
    return value, vector
