import math

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import i0
from scipy.stats import kstwobign

from meanfield import ArgumentError, SamplerError, TransferFunction, stationary, transfer_function
from meanfield.dmft import closed
from meanfield.dmft.closed import PairAverage, mixture, solve

TANH, ERF, ALGEBRAIC, LINEAR = map(transfer_function, ("tanh", "erf", "algebraic", "linear"))
PLAIN = {"tanh": math.tanh, "algebraic": lambda x: x / math.sqrt(1 + x * x)}
NAMES = ("delta", "C", "slope", "energy")


def steep(factor):
    def slope(x):
        with np.errstate(over="ignore"):
            return factor / np.cosh(factor * x) ** 2

    return TransferFunction(
        name="steep",
        phi=lambda x: np.tanh(factor * x),
        d1=slope,
        d2=lambda x: -2 * factor * np.tanh(factor * x) * slope(x),
        bound=1.0,
    )


def average(phi, v, w, c, method="auto"):
    pairs = PairAverage(phi, 1, method)
    pairs.append(w)
    return pairs(v, np.array([c])), pairs


def grid(length, step):
    count = round(length / step)
    return np.linspace(0.0, length, count + 1)


def run(phi, g, t, sigma2=0.0, x0=1.0, **options):
    return solve(phi, g, t, np.full(t.size - 1, sigma2), x0, **options)


def thinned(values, stride):
    return values[(slice(None, None, stride),) * values.ndim]


def error(result, reference, name):
    stride = (reference.t.size - 1) // (result.t.size - 1)
    return np.max(np.abs(getattr(result, name) - thinned(getattr(reference, name), stride)))


# ---------------------------------------------------------------------------- Gaussian pairs


@pytest.mark.parametrize("phi", [ERF, TANH, ALGEBRAIC])
def test_mixture_is_phi(phi):
    terms = mixture(phi)
    x = np.concatenate([[1e-9], np.geomspace(1e-3, 1e5, 2000)])
    erf = transfer_function("erf").phi(np.sqrt(2 / np.pi) * x[:, None] / np.sqrt(terms.square))
    np.testing.assert_allclose(erf @ terms.weight, phi.phi(x), rtol=1e-13)
    assert np.all(terms.weight > 0)
    assert np.sum(terms.weight) == pytest.approx(1, abs=1e-14)


def nested(phi, v, w, rho):
    """E[φ(x)φ(y)] by adaptive quadrature of the law of x and of the law of y given x."""

    def inner(x):
        mean, width = rho * math.sqrt(w / v) * x, math.sqrt(w * (1 - rho) * (1 + rho))
        if width == 0:
            return phi(mean)
        cuts = sorted({min(max(p, mean - 9 * width), mean + 9 * width) for p in (-8, 0, 8)})
        norm = math.sqrt(2 * math.pi) * width
        return quad(
            lambda y: phi(y) * math.exp(-(((y - mean) / width) ** 2) / 2) / norm,
            mean - 9 * width,
            mean + 9 * width,
            points=cuts,
            epsabs=1e-13,
            epsrel=1e-12,
            limit=200,
        )[0]

    top, norm = 9 * math.sqrt(v), math.sqrt(math.pi * v / 2)
    value, _ = quad(
        lambda x: phi(x) * inner(x) * math.exp(-x * x / v / 2) / norm,
        0,
        top,
        points=[p for p in (1.0, 8.0, 30.0) if p < top],
        epsabs=1e-13 * min(1, v),
        epsrel=1e-12,
        limit=200,
    )
    return value


@pytest.mark.parametrize("name", ["tanh", "algebraic"])
@pytest.mark.parametrize(
    ("v", "w", "rho"),
    [
        (1e-6, 1e-6, 0.7),
        (2.0, 2.0, 1.0),
        (2.0, 0.3, -0.8),
        (100.0, 60.0, 0.999999),
        (100.0, 60.0, 0.6),
        (1e4, 1e4, 0.9999),
        (1e4, 1e4, -1.0),
        (1e4, 2.0, 0.5),
    ],
)
def test_pairs_against_quadrature(name, v, w, rho):
    c = rho * math.sqrt(v * w)
    expected = nested(PLAIN[name], v, w, rho)
    values, pairs = average(transfer_function(name), v, w, c)
    assert values.value[0] == pytest.approx(expected, rel=1e-10, abs=1e-11 * min(1, v))
    assert pairs.truncation == 0


@pytest.mark.parametrize("v", [1e-8, 0.1, 3.0, 200.0])
def test_erf_closed_form(v):
    w, rho = 1.7 * v, np.array([-1.0, -0.9, 0.0, 0.3, 0.99, 1.0])
    expected = (
        2 / np.pi * np.arcsin(rho * math.sqrt(v * w) / np.sqrt((v + 2 / np.pi) * (w + 2 / np.pi)))
    )
    for method in ("series", "mixture", "auto"):
        pairs = PairAverage(ERF, rho.size, method)
        for _ in rho:
            pairs.append(w)
        found = pairs(v, rho * math.sqrt(v * w)).value[:-1]
        np.testing.assert_allclose(found, expected, atol=1e-12 * min(1, v))


@pytest.mark.parametrize("phi", [TANH, ALGEBRAIC, ERF])
def test_methods_agree_along_a_history(phi):
    # Variances that rise and fall, so that the series grows on the way, and every correlation.
    variances = np.concatenate(
        [[0.0, 1e-7], np.geomspace(0.01, 60.0, 40), np.geomspace(50, 0.5, 9)]
    )
    every = {m: PairAverage(phi, variances.size, m) for m in ("auto", "series", "mixture")}
    random = np.random.default_rng(5)
    for i, v in enumerate(variances):
        rho = np.sin(random.uniform(-np.pi / 2, np.pi / 2, i))
        c = rho * np.sqrt(v * variances[:i])
        auto, series, exact = (every[m](v, c) for m in every)
        np.testing.assert_allclose(auto.value, exact.value, atol=2e-12)
        np.testing.assert_allclose(auto.by_covariance, exact.by_covariance, rtol=1e-8)
        cut = 1e-12 + every["series"].truncation
        np.testing.assert_allclose(series.value, exact.value, atol=cut)
        slopes = [pairs.append(v) for pairs in every.values()]
        np.testing.assert_allclose(slopes, slopes[0], rtol=1e-12)


def test_derivatives():
    v, w, c, h = 3.0, 2.0, 1.9, 1e-4
    for phi in (TANH, steep(1.3)):
        values = average(phi, v, w, c)[0]
        up, down = (average(phi, v, w, c + s)[0].value[0] for s in (h, -h))
        assert values.by_covariance[0] == pytest.approx((up - down) / (2 * h), rel=1e-7)
        up, down = (average(phi, v + s, w, c)[0].value[0] for s in (h, -h))
        assert values.by_variance[0] == pytest.approx((up - down) / (2 * h), rel=1e-7)


@pytest.mark.parametrize("phi", [TANH, ALGEBRAIC, steep(2.0)])
@pytest.mark.parametrize("v", [0.0, 1e-30, 0.4, 50.0])
def test_mean_slope(phi, v):
    def density(z):
        return phi.d1(np.array([math.sqrt(v) * z]))[0] * math.exp(-z * z / 2)

    expected = quad(density, 0, 10, points=[0.1, 1], epsabs=1e-13)[0] * math.sqrt(2 / math.pi)
    assert PairAverage(phi, 1).append(v) == pytest.approx(expected, rel=1e-11)


def test_no_variance():
    for phi in (TANH, steep(2.0), LINEAR):
        values, _ = average(phi, 0.0, 2.0, 0.0)
        assert np.all(values.value == 0)
        assert np.all(np.isfinite(values))


def test_truncation_is_honest():
    v = 900.0
    values, pairs = average(steep(20.0), v, v, v)
    exact = average(TANH, 400 * v, 400 * v, 400 * v, "mixture")[0].value[0]
    missing = abs(values.value[0] / exact - 1)
    assert 1e-3 < missing <= 1.01 * pairs.truncation < 2 * missing


def test_scales_of_tanh():
    """Twice the largest deviation of an empirical law, in units of its root mean size."""
    s = np.geomspace(0.14, 4.8, 60)
    np.testing.assert_allclose(closed._kolmogorov(s), kstwobign.pdf(s), rtol=1e-7, atol=1e-30)


def test_coefficients_of_the_arc_sine():
    """(2/π) arcsin x = Σ r² x^k over odd k, and ⟨h_k sign⟩ = r changes sign with every k."""
    roots = closed._arcsine_roots(32)
    np.testing.assert_allclose(roots[:4] ** 2 * np.pi / 2, [1, 1 / 6, 3 / 40, 5 / 112])
    np.testing.assert_array_equal(np.sign(roots), [1, -1] * 16)
    assert roots**2 @ 0.5 ** np.arange(1, 64, 2) == pytest.approx(1 / 3, rel=1e-14)


@pytest.mark.parametrize("phi", [TANH, ALGEBRAIC])
@pytest.mark.parametrize("v", [1e-3, 0.1, 0.5])
def test_coefficients_against_gaussian_quadrature(phi, v):
    z, weight = np.polynomial.hermite_e.hermegauss(180)
    weight = weight / weight.sum()
    values = phi.phi(math.sqrt(v) * z) / math.sqrt(v)
    exact = []
    for k in (1, 3, 5, 7):
        h = np.polynomial.hermite_e.HermiteE.basis(k)(z) / math.sqrt(math.factorial(k))
        exact.append(weight @ (h * values))
    for found in (mixture(phi), closed._Quadrature(phi)):
        np.testing.assert_allclose(found.coefficients(v, 8)[:4], exact, atol=2e-8)
        assert found.moment(v) == pytest.approx(v * weight @ values**2, rel=1e-7)
    assert closed._Quadrature(phi).moment(0.0) == 0


def test_linear_coefficients():
    phi = TransferFunction(
        name="twice", phi=lambda x: 2 * x, d1=lambda x: 2 + 0 * x, d2=lambda x: 0 * x
    )
    linear = closed._Linear(phi)
    assert linear.moment(3.0) == 12
    np.testing.assert_array_equal(linear.coefficients(3.0, 4), [2, 0, 0, 0])


def test_who_takes_the_mixture():
    """Series up to 1024 terms, or as many as five times the square of the number of scales."""
    pairs = PairAverage(TANH, 1)
    scales = mixture(TANH).weight.size
    assert pairs._most == 1024 < 5 * scales**2
    assert not pairs._all_mixed
    single = PairAverage(ERF, 1)
    assert single._most == 5
    assert single._all_mixed
    # All times, asked for by name.
    assert PairAverage(TANH, 1, "mixture")._all_mixed
    for method, phi in (("series", ERF), ("auto", LINEAR), ("auto", steep(2.0))):
        assert PairAverage(phi, 1, method)._most == 2048


def test_a_long_history_of_fewest_terms(monkeypatch):
    """Short and long series, mixtures and arrays of one pair give one and the same sums."""
    variances = np.array([0.3, 40.0, 2.0, 7.0])
    c = 0.9 * np.sqrt(5.0 * variances)
    found = []
    for chunk in (1, 1 << 16):
        monkeypatch.setattr(closed, "_CHUNK", chunk)
        pairs = PairAverage(TANH, variances.size, "mixture")
        for v in variances:
            pairs.append(v)
        found.append(pairs(5.0, c))
    np.testing.assert_allclose(found[0], found[1], rtol=1e-13)


def test_selected_times():
    def selected(*mask):
        return closed._selection(np.array(mask, dtype=bool))

    assert selected(0, 1, 1, 0) == slice(1, 3)
    assert selected(1) == slice(0, 1)
    np.testing.assert_array_equal(selected(0, 1, 0, 1), [1, 3])


def test_no_mixture():
    with pytest.raises(ValueError, match="no known mixture"):
        PairAverage(steep(2.0), 1, "mixture")


# ---------------------------------------------------------------------------- the equations


def test_one_step_solves_its_equations():
    """A step where S depends linearly on Δ, with rows made up: every equation put to the test."""
    t = np.array([0.0, 0.1, 0.4, 0.5, 0.9])
    here = closed._Covariances(TANH, 1.7, t, np.array([0.3, 0.0, 0.2, 0.4]), 1.1, False)
    rng = np.random.default_rng(1)
    for n in range(4):
        here._cross, here.field[n] = (c := rng.uniform(size=n + 1)), c[-1]
        row, value, slope, bend = rng.uniform(0.1, 1, size=(4, n + 2))
        delta, S, K = here._linear(n, row, value, slope, bend)
        h = t[n + 1] - t[n]
        e, b = math.exp(-h), 1 - (1 - math.exp(-h)) / h
        a = 1 - e - b
        moved = delta[-1] - row[-1]
        np.testing.assert_allclose(
            S[:-1], value[:-1] + slope[:-1] * (delta - row)[:-1] + bend[:-1] * moved, rtol=1e-11
        )
        assert S[-1] == pytest.approx(value[-1] + (slope[-1] + 2 * bend[-1]) * moved, rel=1e-11)
        # ⟨x(m) h(n + 1)⟩ by steps of m from ⟨x(0) h⟩ = 0, and ⟨x(n + 1) x(m)⟩ by the last step.
        exact = [0.0]
        for m, step in enumerate(np.diff(t[: n + 2])):
            leak, ramp = math.exp(-step), 1 - (1 - math.exp(-step)) / step
            exact.append(leak * exact[m] + (1 - leak - ramp) * S[m] + ramp * S[m + 1])
        np.testing.assert_allclose(K, exact, rtol=1e-11)
        np.testing.assert_allclose(
            delta[:-1], e * here.delta[n, : n + 1] + a * c + b * K[:-1], rtol=1e-11
        )
        # ⟨x x⟩ of e x + a h + b h⁺ + noise, h and h⁺ of the variances S(n, n) and S(n + 1, n + 1).
        squares = e * e * here.delta[n, n] + a * a * 1.7**2 * here.C[n, n] + b * b * S[-1]
        products = e * a * c[-1] + e * b * K[n] + a * b * S[n]
        kick = here.noise[n]
        assert delta[-1] == pytest.approx(squares + 2 * products + kick, rel=1e-11)
        assert kick == pytest.approx((0.3, 0.0, 0.2, 0.4)[n] * (1 - e * e) / 2, rel=1e-12, abs=0)


def test_predictions_continue_polynomials():
    """C of degree 0, 1 and 2 in both times, with a kink along the diagonal, is known in advance."""
    here = closed._Covariances(TANH, 1.5, grid(0.8, 0.1), np.zeros(8), 1.0, False)
    i, j = np.indices((9, 9)).astype(float)
    for n, C in (
        (0, 2 + 0 * i),
        (1, 2 + 3 * (i + j)),
        (2, 2 + 3 * (i + j) + i * j - i * i - j * j),
        (6, 2 + 3 * (i + j) + i * j - i * i - j * j),
    ):
        here.C[:] = np.nan
        here.C[: n + 1, : n + 1] = C[: n + 1, : n + 1]
        np.testing.assert_allclose(here._predicted(n), C[n + 1, : n + 2], rtol=1e-12)
    # Times before the third have no diagonal behind them.
    kinked = np.abs(i - j)
    here.C[:] = kinked
    np.testing.assert_allclose(here._predicted(6), kinked[7, :8], atol=1e-12)


@pytest.mark.parametrize(
    ("phi", "g", "step", "x0", "sigma2"),
    [
        (TANH, 2.0, 0.1, 0.0, 0.5),
        (TANH, 10.0, 0.1, 1.0, 0.0),
        (ALGEBRAIC, 3.0, 0.2, 30.0, 0.0),
        (steep(2.0), 2.0, 0.3, 1.0, 0.0),
        (TANH, 2.0, 0.2, 1e8, 0.0),
        (LINEAR, 2.0, 0.2, 1.0, 0.0),
    ],
)
def test_iterations_end_by_their_rule(monkeypatch, phi, g, step, x0, sigma2):
    """Where Δ has moved by 1e-4 of what changes C, or of rounding, and no sooner or later."""
    rows = {}
    plain = closed._Covariances._linear

    def followed(self, n, *others):
        found = plain(self, n, *others)
        rows.setdefault(n, []).append(found[0])
        return found

    monkeypatch.setattr(closed._Covariances, "_linear", followed)
    t = grid(2.0, step)
    found = closed._Covariances(phi, g, t, np.full(t.size - 1, sigma2), x0, False)
    assert len(rows) == t.size - 1
    for n, tried in rows.items():
        for k in range(1, len(tried)):
            moved = np.abs(tried[k] - tried[k - 1])
            variances = np.append(np.diagonal(found.delta)[: n + 1], tried[k][-1])
            scale = np.sqrt(variances * tried[k][-1])
            allowed = np.maximum(1e-4 * np.minimum(scale, phi.length**2), 1e-13 * scale) + 1e-300
            assert np.all(moved <= allowed) == (k == len(tried) - 1)


def test_two_times_are_enough():
    r = solve(TANH, 1e-9, np.array([0.0, 0.2]), np.array([0.3]), 1.0, richardson=False)
    noise = 0.3 * (1 - math.exp(-0.4)) / 2
    assert r.delta[1, 1] == pytest.approx(math.exp(-0.4) + noise, rel=1e-13)
    assert r.delta[0, 1] == pytest.approx(math.exp(-0.2), rel=1e-13)


def test_noise_of_one_long_step():
    """The prediction of a variance that jumps up and decays is negative, the variance is not."""
    times = np.array([0.0, 1.0, 2.0, 3.0])
    r = solve(LINEAR, 1.0, times, np.array([1.0, 0.0, 0.0]), 0.0, richardson=False)
    fine = np.linspace(0, 3, 61)
    exact = solve(LINEAR, 1.0, fine, np.where(fine[:-1] < 0.999, 1.0, 0.0), 0.0)
    assert np.all(np.diagonal(r.delta)[1:] > 0)
    assert np.max(np.abs(r.delta - exact.delta[::20, ::20])) < 1.2 * np.max(r.delta_err)


def test_estimates_on_grids_that_are_no_pairs():
    """Steps or noise that change from even to odd places: halved steps, no grid of every second."""
    t, noise = grid(1.0, 0.125), np.full(8, 0.5)
    even = solve(TANH, 2.0, t, noise, 1.0, richardson=False)
    half = solve(TANH, 2.0, t[::2], noise[::2], 1.0, richardson=False)
    np.testing.assert_allclose(
        even.delta_err[::2, ::2], np.abs(even.delta[::2, ::2] - half.delta) / 3, atol=1e-15
    )
    # Between them the larger of the neighbours, along either axis.
    corners = [even.delta_err[2 * a, 2 * b] for a in (1, 2) for b in (2, 3)]
    assert even.delta_err[3, 5] == max(corners)
    assert even.energy_err[3] == max(even.energy_err[2], even.energy_err[4])
    for steps, kicks in (
        (np.tile([0.124, 0.126], 4), noise),
        (np.full(8, 0.125), np.tile([0.4, 0.6], 4)),
    ):
        at = np.append(0.0, np.cumsum(steps))
        r = solve(TANH, 2.0, at, kicks, 1.0, richardson=False)
        halves = np.sort(np.append(at, at[:-1] + steps / 2))
        twice = solve(TANH, 2.0, halves, np.repeat(kicks, 2), 1.0, richardson=False)
        change = np.abs(twice.delta[::2, ::2] - r.delta) * 4 / 3
        np.testing.assert_allclose(r.delta_err, change, atol=1e-15)
        rich = solve(TANH, 2.0, at, kicks, 1.0)
        np.testing.assert_allclose(
            rich.delta, (4 * twice.delta[::2, ::2] - r.delta) / 3, rtol=1e-12
        )
        np.testing.assert_allclose(rich.delta_err, change / 4, atol=1e-15)
        assert r.truncation == twice.truncation == 0


def test_ornstein_uhlenbeck():
    # No coupling: exact on any grid, with noise that changes on the way.
    t = np.cumsum(np.concatenate([[0.0], np.full(40, 0.004), np.full(30, 0.1), np.full(9, 0.5)]))
    strength = np.where(t[:-1] < 2, 0.7, 0.2)
    grown = np.concatenate([[0.0], np.cumsum(strength * np.diff(np.exp(2 * t)) / 2)])
    expected = np.exp(-t[:, None] - t) * (1.5**2 + np.minimum(grown[:, None], grown))
    for phi in (TANH, LINEAR):
        r = solve(phi, 1e-9, t, strength, 1.5)
        np.testing.assert_allclose(r.delta, expected, rtol=1e-13)
        np.testing.assert_allclose(r.energy, np.diagonal(expected) / 2, rtol=1e-12)


@pytest.mark.parametrize("g", [0.5, 1.0, 1.5])
def test_linear_closed_form(g):
    # (∂ₜ+1)(∂ₜ′+1)C = g²C with C(t,0) = x₀² e^−t is solved by the series Σ (g²tt′)^k/k!².
    t = grid(8.0, 0.1)
    expected = 1.3**2 * np.exp(-t[:, None] - t) * i0(2 * g * np.sqrt(np.outer(t, t)))
    r = run(LINEAR, g, t, x0=1.3)
    np.testing.assert_allclose(r.C, r.delta, rtol=1e-13)
    np.testing.assert_allclose(r.delta, expected, rtol=1e-4)
    assert r.truncation < 1e-13
    coarse = [run(LINEAR, g, grid(8.0, s), x0=1.3, richardson=False) for s in (0.2, 0.1)]
    wrong = [
        np.max(np.abs(c.delta - thinned(expected, k))) for c, k in zip(coarse, (2, 1), strict=True)
    ]
    assert wrong[0] / wrong[1] == pytest.approx(4, rel=0.1)


def goursat(g, length, step, sigma2, x0):
    """Δ for φ = erf from ∂ₜ∂ₜ′(e^(t+t′)Δ) = e^(t+t′)(g²C + σ²δ(t − t′)), cell by cell."""
    t = grid(length, step)
    u = np.full((t.size, t.size), x0**2)
    growth = np.exp(t[:, None] + t)
    kick = sigma2 * np.diff(np.exp(2 * t)) / 2

    def force(i, j):
        delta, s = u / growth, 2 / np.pi
        width = (np.diagonal(delta)[i] + s) * (np.diagonal(delta)[j] + s)
        return (
            g
            * g
            * 2
            / np.pi
            * np.arcsin(np.minimum(delta[i, j] / np.sqrt(width), 1))
            * growth[i, j]
        )

    for i in range(t.size - 1):
        j = np.arange(i + 1)
        u[i + 1, : i + 2] = u[i, : i + 2]
        for _ in range(12):
            u[: i + 2, i + 1] = u[i + 1, : i + 2]
            behind, ahead = (force(k, np.arange(i + 2)) for k in (i, i + 1))
            cell = step**2 / 4 * (behind[j] + behind[j + 1] + ahead[j] + ahead[j + 1])
            cell[-1] += kick[i]
            u[i + 1, 1 : i + 2] = x0**2 + np.cumsum(cell + np.diff(u[i, : i + 2]))
    return u / growth


@pytest.mark.parametrize(("sigma2", "x0"), [(0.0, 1.0), (0.8, 0.5)])
def test_partial_differential_equation(sigma2, x0):
    fine, coarse = (goursat(3.0, 2.0, s, sigma2, x0) for s in (0.025, 0.05))
    r = run(ERF, 3.0, grid(2.0, 0.05), sigma2, x0)
    np.testing.assert_allclose(r.delta, (4 * fine[::2, ::2] - coarse) / 3, atol=2e-5)


@pytest.fixture(scope="module")
def reference():
    return {s: run(TANH, 2.0, grid(10.0, 0.025), s) for s in (0.0, 0.5)}


@pytest.mark.parametrize("sigma2", [0.0, 0.5])
def test_orders_and_errors(reference, sigma2):
    exact = reference[sigma2]
    wrong = {}
    for step in (0.2, 0.1, 0.05):
        for richardson in (False, True):
            r = run(TANH, 2.0, grid(10.0, step), sigma2, richardson=richardson)
            for name in NAMES:
                found = error(r, exact, name)
                wrong[step, richardson, name] = found
                estimate = np.max(getattr(r, f"{name}_err"))
                assert found <= 1.2 * estimate
                # The extrapolated result is two orders better than the grid that is estimated.
                assert estimate <= found * (12 / step**2 if richardson else 1.2)
    for name in NAMES:
        for richardson, order in ((False, 2), (True, 4)):
            first, second, third = (wrong[s, richardson, name] for s in (0.2, 0.1, 0.05))
            assert math.log2(first / second) == pytest.approx(order, abs=0.25)
            assert math.log2(second / third) == pytest.approx(order, abs=0.1)
        scale = np.max(np.abs(getattr(exact, name)))
        assert wrong[0.05, False, name] <= 2.1e-4 * max(scale, 1)
        assert wrong[0.05, True, name] <= 1e-7


def test_segments(reference):
    # Steps that differ fourfold and noise that is switched off where they do.
    t = np.concatenate([np.arange(40) * 0.025, 1 + np.arange(40) * 0.05, 3 + np.arange(71) * 0.1])
    uniform = grid(10.0, 0.025)
    place = np.searchsorted(uniform, t - 1e-9)
    exact = solve(TANH, 2.0, uniform, np.where(uniform[:-1] < 3 - 1e-9, 1.0, 0.0), 1.0)
    for richardson, allowed in ((True, 2e-6), (False, 2e-3)):
        r = solve(TANH, 2.0, t, np.where(t[:-1] < 3 - 1e-9, 1.0, 0.0), 1.0, richardson=richardson)
        wrong = np.max(np.abs(r.delta - exact.delta[np.ix_(place, place)]))
        assert wrong <= allowed
        assert wrong <= 1.2 * np.max(r.delta_err)


def test_estimate_from_halved_steps(reference):
    t = reference[0.0].t[::4]
    odd = run(TANH, 2.0, t[:-1], richardson=False)
    even = run(TANH, 2.0, t, richardson=False)
    np.testing.assert_array_equal(odd.delta, even.delta[:-1, :-1])
    for r in (odd, even):
        exact = thinned(reference[0.0].energy, 4)[: r.t.size]
        assert np.max(np.abs(r.energy - exact)) <= 1.2 * np.max(r.energy_err)
        assert r.energy_err.shape == r.t.shape


@pytest.mark.parametrize(("phi", "g"), [(TANH, 10.0), (TANH, 50.0), (ALGEBRAIC, 10.0)])
def test_large_gain(phi, g):
    # Steps that resolve the growth at first, at a rate of about g, then longer ones.
    t = np.concatenate([np.linspace(0, 5 / g, 33)[:-1], np.linspace(5 / g, 2, 37)])
    halves = np.sort(np.concatenate([t, (t[1:] + t[:-1]) / 2]))
    r, exact = run(phi, g, t), run(phi, g, halves)
    for name in NAMES:
        wrong = error(r, exact, name)
        assert wrong <= np.max(getattr(r, f"{name}_err"))
        assert wrong <= 3e-4 * np.max(getattr(exact, name))
    assert r.truncation == 0


def test_scaled_phi_without_mixture():
    # y = 2x obeys the equations of tanh with twice the gain.
    t = grid(5.0, 0.1)
    r, exact = run(steep(2.0), 2.0, t), run(TANH, 4.0, t, x0=2.0)
    np.testing.assert_allclose(r.C, exact.C, atol=1e-10)
    np.testing.assert_allclose(4 * r.delta, exact.delta, atol=1e-9)
    assert 0 < r.truncation < 1e-12


@pytest.mark.parametrize(
    ("g", "sigma", "length", "step"),
    [(2.0, 0.0, 100.0, 0.25), (2.0, 1.0, 60.0, 0.2), (0.5, 1.0, 20.0, 0.1)],
)
def test_relaxes_to_the_stationary_state(g, sigma, length, step):
    # The slowest mode, that of Δ(τ) at large lags, decays like exp(−0.1 t) at g = 2.
    t = grid(length, step)
    r = run(TANH, g, t, sigma**2)
    lags = t[: round(6 / step) : round(1 / step)]
    s = stationary(g, sigma=sigma, tau=lags)
    places = t.size - 1 - np.arange(0, round(6 / step), round(1 / step))
    np.testing.assert_allclose(r.delta[-1, places], s.delta, atol=2e-4)
    np.testing.assert_allclose(r.C[-1, places], s.C, atol=5e-5)
    assert r.energy[-1] == pytest.approx(float(s.kinetic_energy), rel=2e-4)
    assert r.slope[-1] == pytest.approx(float(s.r_int), abs=2e-5)
    assert r.field[-1] == pytest.approx(float(s.delta0) - sigma**2 / 2, rel=2e-4)


def test_form_of_the_result():
    r = run(TANH, 2.0, grid(3.0, 0.1), 0.3)
    for name in ("delta", "C", "delta_err", "C_err"):
        np.testing.assert_array_equal(getattr(r, name), getattr(r, name).T)
    expected = (np.diagonal(r.delta) + 4 * np.diagonal(r.C)) / 2 - r.field
    np.testing.assert_allclose(r.energy, expected, atol=1e-13)
    assert np.min(np.linalg.eigvalsh(r.delta)) > 0


@pytest.mark.parametrize("x0", [0.0, 1e-160, 1e-9])
def test_small_initial_values(x0):
    r = run(TANH, 2.0, grid(3.0, 0.1), x0=x0)
    exact = run(LINEAR, 2.0, grid(3.0, 0.1), x0=1.0)
    np.testing.assert_allclose(r.delta, x0**2 * exact.delta, rtol=1e-9, atol=1e-300)


@pytest.mark.parametrize(
    "change",
    [
        {"g": -1.0},
        {"t": np.array([0.0, 1.0, 0.5])},
        {"t": np.array([0.0])},
        {"t": np.array([[0.0, 0.1, 0.2]])},
        {"t": np.array([0.0, 0.1, np.inf])},
        {"t": np.array([0.0, 0.1, 0.1])},
        {"noise": np.zeros(3)},
        {"noise": np.array([0.0, np.nan])},
        {"noise": np.array([0.0, -1.0])},
        {"x0_std": -1.0},
    ],
)
def test_bad_arguments(change):
    arguments = {"g": 2.0, "t": np.array([0.0, 0.1, 0.2]), "noise": np.zeros(2), "x0_std": 1.0}
    with pytest.raises(ArgumentError, match=f"^{next(iter(change))}[:=]"):
        solve(TANH, **{**arguments, **change})


def test_linear_growth_is_followed_and_told(monkeypatch):
    """Δ(t, t) of the linear network at γ = 0 grows as e^{2(g − 1)t}, but for a slow factor."""
    r = run(LINEAR, 3.0, grid(12.0, 0.05))
    growth = np.diff(np.log(np.diagonal(r.delta)))[-1] / 0.05
    assert growth == pytest.approx(4 - 1 / 24, abs=0.01)  # The factor is 1/√t.
    monkeypatch.setattr(closed, "LARGEST_SQUARE", 1e6)
    with pytest.raises(SamplerError, match="grow beyond all bounds at t = "):
        run(LINEAR, 3.0, grid(12.0, 0.05))


def test_too_long_a_step(monkeypatch):
    monkeypatch.setattr(closed, "_ITERATIONS", 1)
    with pytest.raises(ArgumentError, match="too long"):
        run(TANH, 50.0, grid(2.0, 0.5))
