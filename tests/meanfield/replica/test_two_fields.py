"""The two Gaussian fields and the law of x at each of them, against sums written out."""

from typing import Any

import numpy as np
import pytest

from meanfield.quadrature import LOG_CUT, gauss_hermite
from meanfield.replica import paramagnetic, two_fields
from meanfield.replica.points import Points
from meanfield.transfer import transfer_function

# q, Q, r, R, X_d, P: two of fields that move both, one of a field z alone, one of no fields.
ORDERS = np.array(
    [
        [0.35, 0.2, 0.65, 0.19, -0.8, 0.5],
        [0.5, 0.1, 0.5, -0.05, 0.3, 0.4],
        [0.4, 0.2, 0.6, 0.0, 0.2, 0.0],
        [0.3, 0.0, 0.7, 0.0, -0.4, 0.0],
    ]
)


def _points(phi: str = "tanh") -> Points:
    return Points(
        np.array([2.2, 0.9, 1.5, 1.2]),
        np.array([-0.5, 0.6, 0.4, -0.3]),
        np.array([0.1, 0.3, 0.2, 0.4]),
        np.array([0.0, 0.2, 0.0, 0.1]),
        transfer_function(phi),
    )


class _Sums:
    """One point: z and w by Gauss–Hermite, x by the rectangle rule."""

    def __init__(self, order: np.ndarray, points: Points, row: int) -> None:
        q, overlap, r, cross, x_d, noise = order.tolist()
        g, gamma = float(points.g[row]), float(points.gamma[row])
        temperature, eta = float(points.temperature[row]), float(points.eta[row])
        self.g, self.gamma = g, gamma
        self.v = temperature + g**2 * (q - overlap)
        u, weight = gauss_hermite(30)
        z = g * np.sqrt(overlap) * u[:, None, None]
        tilt = gamma * cross / overlap if overlap else 0.0
        width = g * np.sqrt(noise - gamma * cross * tilt)
        w = tilt * z + width * u[None, :, None]
        self.x, step = np.linspace(-15, 15, 601, retstep=True)
        self.phi = points.phi(self.x)
        self.y = self.x - z - g**2 * gamma * (r - cross) * self.phi
        log = -(self.y**2) / (2 * self.v) + w * self.phi - g**2 * (x_d + noise) * self.phi**2 / 2
        weights = np.exp(log - eta * self.x**2 / (2 * temperature))
        norm = weights.sum(-1, keepdims=True)
        self.p = weights / norm
        self.joint = np.outer(weight, weight)
        log_norm = np.log(norm[..., 0] * step / np.sqrt(2 * np.pi * self.v))
        lagrange = x_d * q + noise * overlap - gamma * (r**2 - cross**2)
        self.free_entropy = g**2 / 2 * lagrange + np.sum(self.joint * log_norm)

    def mean(self, a: Any) -> np.ndarray:
        return np.asarray((self.p * a).sum(-1))

    def cov(self, a: Any, b: Any) -> np.ndarray:
        return self.mean(a * b) - self.mean(a) * self.mean(b)

    def average(self, a: np.ndarray) -> float:
        return float(np.sum(self.joint * a))

    def update(self) -> list[float]:
        y, phi, v, mean = self.y, self.phi, self.v, self.mean
        values = (
            mean(phi * phi), mean(phi) ** 2, mean(y * phi) / v, mean(y) * mean(phi) / v,
            1 / v - mean(y * y) / v**2, mean(y) ** 2 / v**2,
        )  # fmt: skip
        return [self.average(value) for value in values]

    def eigenvalue(self) -> float:
        """Spectral radius of S ↦ E[B S̃ Bᵀ] on all 2 × 2 matrices."""
        y, phi, v = self.y, self.phi, self.v
        b = np.array(
            [
                [self.cov(phi, phi), self.cov(phi, y) / v],
                [self.cov(y, phi) / v, self.cov(y, y) / v**2 - 1 / v],
            ]
        )
        # Fields (w, z) have the covariance g²[[P, γR], [γR, Q]].
        pairs = np.einsum("ikzw,jlzw,zw->ijkl", b, b, self.joint)
        covariance = np.zeros((2, 2, 2, 2))
        covariance[0, 0, 1, 1] = covariance[1, 1, 0, 0] = 1
        covariance[0, 1, 1, 0] = covariance[1, 0, 0, 1] = self.gamma
        matrix = self.g**2 * np.einsum("ijkl,klmn->ijmn", pairs, covariance).reshape(4, 4)
        return float(np.max(np.abs(np.linalg.eigvals(matrix))))


@pytest.mark.parametrize("phi", ["tanh", "algebraic"])
def test_map_and_observables_by_plain_sums(phi: str) -> None:
    points = _points(phi)
    new, slope = two_fields.update(ORDERS, points, 40)
    found = two_fields.field_observables(ORDERS, points, 40)
    assert slope.shape == (4, 6, 6)
    for row, order in enumerate(ORDERS):
        sums = _Sums(order, points, row)
        np.testing.assert_allclose(new[row], sums.update(), rtol=1e-8, atol=1e-12)
        line = sums.x
        assert found["x2"][row] == pytest.approx(sums.average(sums.mean(line**2)), rel=1e-9)
        assert found["sigma_xphi"][row] == pytest.approx(
            sums.average(sums.cov(line, sums.phi)), rel=1e-9
        )
        assert found["free_entropy"][row] == pytest.approx(sums.free_entropy, abs=1e-9)
        assert found["instability"][row] == pytest.approx(sums.eigenvalue(), rel=1e-8)


def test_without_fields_it_is_the_symmetric_law() -> None:
    """At Q = R = P = 0 everything agrees with the paramagnetic branch, on its own nodes."""
    order, points = ORDERS[3:], _points().take(np.array([3]))
    q, _, r, _, x_d, _ = order.T
    v = points.temperature + points.g**2 * q
    unknowns = np.stack([np.log(v), r, x_d * v], axis=1)
    one = paramagnetic.observables(unknowns, points, 100)
    two = two_fields.field_observables(order, points, 40)
    for name in ("x2", "sigma_xphi"):
        np.testing.assert_allclose(two[name], one[name], rtol=1e-12)
    # The Lagrangian takes q from the law there and from the order here.
    moved = points.g**2 / 2 * x_d * (one["q"] - q)
    np.testing.assert_allclose(two["free_entropy"] + moved, one["free_entropy"], rtol=1e-11)


@pytest.mark.parametrize("n", [4, 7, 20, 150])
def test_half_of_the_plane(n: int) -> None:
    """Moments of two normal numbers, u1 up to its sign; none of the nodes u1 is 0."""
    first, second, weights = two_fields._half_plane(n)
    assert len(first) == len(second) / 2
    assert n < 100 or len(second) < n
    assert weights.shape == (first.size, second.size)
    assert np.all(first > 0)
    np.testing.assert_allclose(second, -second[::-1], atol=1e-12)
    for powers, moment in (((0, 0), 1), ((2, 0), 1), ((0, 1), 0), ((0, 2), 1), ((2, 4), 3)):
        value = np.sum(weights * first[:, None] ** powers[0] * second ** powers[1])
        assert value == pytest.approx(moment, abs=1e-12)


def test_the_line_ends_where_the_law_does() -> None:
    """4n + 1 nodes, up to a limit; beyond the last the law is cut at every field, not before it."""
    points = _points()
    law = two_fields.ConditionalMoments(ORDERS, points, 30)
    assert law.xi.shape == (4, 121)
    np.testing.assert_allclose(law.xi, -law.xi[:, ::-1], rtol=1e-13)
    s = np.sqrt(law.v)
    line = np.linspace(-1, 1, 4001) * 1.5 * law.xi[:, -1:]
    phi_s = np.tanh(s[:, None] * line) / s[:, None]
    drop = law._quadratic(phi_s, line)
    lowest = np.full(line.shape, np.inf)
    for z, w in ((1, 1), (1, -1), (-1, 1), (-1, -1)):
        field = z * law.z[:, -1:]
        tilt = w * np.max(np.abs(law.w), axis=(1, 2))[:, None]
        log = -((line - field - law.k[:, None] * phi_s) ** 2) / 2 + tilt * phi_s - drop
        lowest = np.minimum(lowest, log.max(axis=1, keepdims=True) - log)
    inside = np.abs(line) <= law.xi[:, -1:]
    edge = np.where(lowest < LOG_CUT, np.abs(line), 0).max(axis=1)
    assert np.all(lowest[~inside] > LOG_CUT)
    # The scan has steps of 1/160 of the range.
    assert np.all(law.xi[:, -1] < 1.1 * edge)
    assert two_fields.ConditionalMoments(ORDERS, points, 100).xi.shape == (4, 385)
    assert two_fields.ConditionalMoments(ORDERS, points, 96).xi.shape == (4, 385)


def test_parts_of_a_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    """What bounds the memory changes no number; no point at all is a batch, too."""
    whole = two_fields.update(ORDERS, _points(), 8)
    sizes = []
    update = two_fields._update

    def seen(order: Any, points: Points, n: int) -> Any:
        assert len(order) == len(points)
        sizes.append(len(order))
        return update(order, points, n)

    monkeypatch.setattr(two_fields, "_update", seen)
    for numbers, expected in ((3 * 2 * 8**3, [3, 1]), (8**3, [1] * 4), (4 * 2 * 8**3, [4])):
        monkeypatch.setattr(two_fields, "_CHUNK", numbers)
        for part, value in zip(two_fields.update(ORDERS, _points(), 8), whole, strict=True):
            np.testing.assert_array_equal(part, value)
        assert sizes == expected
        sizes.clear()
    none = two_fields.update(ORDERS[:0], _points().take(np.arange(0)), 8)
    assert [part.shape for part in none] == [(0, 6), (0, 6, 6)]


def test_fields_of_a_singular_covariance() -> None:
    """QP = γ²R² up to rounding is a field; less is none, and tells it by nan."""
    points = _points().take(np.zeros(4, dtype=int))
    order = np.repeat(ORDERS[:1], 4, axis=0)
    order[:, 5] = (
        (points.gamma * order[:, 3]) ** 2 / order[:, 1] * (1 - np.array([0, 4e-16, 1e-13, 1e-9]))
    )
    new, _ = two_fields.update(order, points, 24)
    assert np.isnan(new).any(axis=1).tolist() == [False, False, False, True]
    np.testing.assert_allclose(new[1:3], new[:1].repeat(2, axis=0), rtol=1e-6)
    # R without Q is none, R without a share in it (γ = 0) is.
    order = np.array([[0.3, 0.0, 0.5, 0.2, 0.1, 0.1]] * 2)
    points = Points(
        *(np.array(a) for a in ([2.0, 2.0], [-0.5, 0.0], [0.1, 0.1], [0.0, 0.0])), points.phi
    )
    new, _ = two_fields.update(order, points, 24)
    assert np.isnan(new[0]).all()
    assert np.isfinite(new[1]).all()


def test_leading_mode_is_that_of_the_largest_modulus() -> None:
    """Times g²; what is not finite is left out, point by point."""
    matrices = np.array(
        [np.diag([1.0, 3.0, 2.0]), np.diag([1.0, np.nan, 2.0]), np.diag([4.0, 1, 2])]
    )
    value, vector = two_fields.leading_mode(matrices, np.array([2.0, 1.0, 3.0]))
    np.testing.assert_array_equal(value, [12.0, np.nan, 36.0])
    np.testing.assert_array_equal(np.abs(vector), [[0, 1, 0], [np.nan] * 3, [1, 0, 0]])
