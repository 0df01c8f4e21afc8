"""States with a frozen part, against a solution of the same equations by plain quadrature.

The second way knows no series: C_f(Δ₀, Δ) = E_u[(E_v f(μ + √Δ u + √(Δ₀ − Δ) v))²] by nested sums,
closed inner ones for relu; the three equations by `fsolve`, with V of the primitive; ψ'/ψ of the
Lyapunov operator along ln(Δ − Δ_∞).
"""

from itertools import pairwise

import numpy as np
import pytest
from numpy.polynomial import Chebyshev
from scipy.integrate import quad, solve_ivp
from scipy.optimize import brentq, fsolve
from scipy.special import expit
from scipy.stats import binom, norm

from meanfield import (
    ArgumentError,
    NotConvergedError,
    TransferFunction,
    critical_gain,
    effective_temperature,
    stationary,
)
from meanfield.dmft.stationary import frozen, roots
from meanfield.dmft.stationary.jumps import Jumps
from meanfield.transfer import transfer_function

OFF = TransferFunction(
    lambda x: np.tanh(x - 0.4),
    lambda x: 1 - np.tanh(x - 0.4) ** 2,
    primitive=lambda x: np.log(np.cosh(x - 0.4) / np.cosh(0.4)),
    name="off",
    bound=1.0,
)
STEEP = TransferFunction(lambda x: expit(2 * x), name="logistic(2x)", bound=1.0)
CONVEX = TransferFunction(lambda x: np.tanh(x + x**3), name="tanh(x+x^3)", bound=1.0)
CLIP = TransferFunction(lambda x: np.clip(x, -1, 1), name="clip", bound=1.0)

Z = np.linspace(-8.5, 8.5, 241)
W = norm.pdf(Z) * (Z[1] - Z[0])
GAUSS = np.polynomial.legendre.leggauss(120)


# φ as a sum of jump·relu(x − kink) and a constant.
CORNERS = {"relu": ([0.0], [1.0], 0.0), "clip": ([-1.0, 1.0], [1.0, -1.0], -1.0)}


def inner(phi):
    """E_v of Φ, φ and φ' at μ + √Δ u + s v; the Φ of corners up to a constant."""
    if phi.name not in CORNERS:
        return [
            lambda m, s, f=f: f(m[..., None] + s * Z) @ W for f in (phi.primitive, phi.phi, phi.d1)
        ]
    kinks, jumps, constant = CORNERS[phi.name]

    def summed(of_relu):
        # Of a normal law of mean m − kink and width s.
        return lambda m, s: sum(a * of_relu(m - k, s) for k, a in zip(kinks, jumps, strict=True))

    second = summed(lambda m, s: ((m * m + s * s) * norm.cdf(m / s) + m * s * norm.pdf(m / s)) / 2)
    first = summed(lambda m, s: m * norm.cdf(m / s) + s * norm.pdf(m / s))
    return [
        lambda m, s: second(m, s) + constant * m,
        lambda m, s: first(m, s) + constant,
        summed(lambda m, s: norm.cdf(m / s)),
    ]


class Plain:
    """The three equations and λ by plain quadrature."""

    def __init__(self, phi, g, sigma=0.0, bias_std=0.0, bias_mean=0.0, mean_coupling=0.0):
        self.inner, self.noise = inner(transfer_function(phi)), sigma**4 / 8
        self.corners = CORNERS.get(transfer_function(phi).name)
        self.g, self.s2, self.b, self.j0 = g, bias_std**2, bias_mean, mean_coupling

    def pair(self, order, mean, delta0, delta):
        """C of Φ, φ or φ' for order 0, 1, 2."""
        if self.corners and order == 2:
            # Both above kinks: from independent ones on, over the angle whose sine is r.
            z = (np.array(self.corners[0]) - mean) / np.sqrt(delta0)
            jumps, top = np.array(self.corners[1]), np.arcsin(min(delta / delta0, 1.0)) / 2
            a = top * (1 + GAUSS[0])[:, None, None]
            far = z[:, None] ** 2 + z**2 - 2 * z[:, None] * z * np.sin(a)
            density = np.exp(-far / (2 * np.cos(a) ** 2)) @ jumps @ jumps
            return (norm.cdf(-z) @ jumps) ** 2 + top / (2 * np.pi) * GAUSS[1] @ density
        # Cheap where the inner sum is closed, and not smooth where it is over one point.
        nodes = (400_001 if (order, delta) == (1, delta0) else 4001) if self.corners else Z.size
        u = np.linspace(-8.5, 8.5, nodes)
        of_u = self.inner[order](mean + np.sqrt(delta) * u, np.sqrt(max(delta0 - delta, 1e-30)))
        return of_u**2 @ norm.pdf(u) * (u[1] - u[0])

    def potential(self, mean, delta0, delta):
        return -(delta**2) / 2 + self.g**2 * self.pair(0, mean, delta0, delta) + self.s2 * delta

    def solve(self, mean, delta0, frozen_part):
        def misfit(v):
            mean, delta0, frozen_part = v
            return [
                self.j0 * self.inner[1](np.array([mean]), np.sqrt(delta0))[0] + self.b - mean,
                self.g**2 * self.pair(1, mean, delta0, frozen_part) + self.s2 - frozen_part,
                self.potential(mean, delta0, delta0)
                - self.potential(mean, delta0, frozen_part)
                + self.noise,
            ]

        found = fsolve(misfit, [mean, delta0, frozen_part], xtol=1e-13)
        assert np.max(np.abs(misfit(found))) < 1e-11
        return found

    def exponent(self, mean, delta0, frozen_part):
        """λ, with (Δ − Δ_∞)/D = sech θ up to θ = 9 and all functions of θ interpolated."""
        moving = delta0 - frozen_part
        at_end = self.potential(mean, delta0, frozen_part)
        steep = self.g**2 * self.pair(2, mean, delta0, frozen_part)

        @np.vectorize
        def well(theta):
            return steep - self.g**2 * self.pair(2, *place(theta))

        @np.vectorize
        def slowness(theta):
            fall = at_end - self.potential(*place(theta))
            return moving * np.tanh(theta) / np.cosh(theta) / np.sqrt(2 * fall)

        def place(theta):
            return mean, delta0, frozen_part + moving / np.cosh(theta)

        well, slowness = (Chebyshev.interpolate(f, 100, domain=[0, 9]) for f in (well, slowness))

        def start(s):
            # From beyond, where V decays like e^(−κτ).
            first = -s - well(9.0) / (2 * s + np.sqrt(1 - steep))
            path = solve_ivp(
                lambda theta, w: (s * s + well(theta) - w * w) * slowness(theta),
                (9, 0),
                [first],
                rtol=1e-10,
                atol=1e-12,
                method="DOP853",
            )
            return path.y[0, -1]

        top = np.sqrt(self.g**2 * self.pair(2, mean, delta0, delta0) - steep)
        s = brentq(start, 0.02 * top, top, xtol=1e-10)
        return np.sqrt(steep + s * s) - 1


MOVING = {
    "bias": ({"g": 2.0, "bias_std": 0.5}, "tanh", (0.55251, 2.40969, 1.53709)),
    "offset": ({"g": 2.5}, OFF, (0.62874, 3.67196, 1.12440)),
    "all": (
        {"g": 1.5, "sigma": 0.5, "bias_std": 0.5, "bias_mean": 0.3, "mean_coupling": 0.7},
        "tanh",
        None,
    ),
    "logistic": ({"g": 14.0, "mean_coupling": -3.0, "bias_mean": 1.0}, "logistic", None),
    "relu": ({"g": 2.0, "bias_mean": 1.0, "mean_coupling": -3.0}, "relu", None),
    "clip": ({"g": 2.0, "sigma": 0.3, "bias_std": 0.3, "bias_mean": 0.2}, CLIP, None),
    "relu, noise": ({"g": 1.2, "sigma": 1.0, "mean_coupling": -1.0}, "relu", None),
}


SLOW = ("relu", "logistic")


@pytest.mark.parametrize(
    "case", [pytest.param(c, marks=pytest.mark.slow) if c in SLOW else c for c in MOVING]
)
def test_moving_state_against_plain_quadrature(case):
    """Three variances and means to 1e-9 and λ to 1e-7; printed digits of the theory where known."""
    given, phi, printed = MOVING[case]
    state = stationary(**given, phi=phi, n_tau=11)
    plain = Plain(phi, **given)
    found = [float(state.mean), float(state.delta0), float(state.delta_inf)]
    mean, delta0, frozen_part = plain.solve(*(np.array(found) + 1e-4))
    np.testing.assert_allclose(found, [mean, delta0, frozen_part], rtol=1e-8, atol=1e-9)
    q = plain.pair(1, mean, delta0, delta0)
    assert state.q == pytest.approx(q, rel=1e-7)
    assert state.Q == pytest.approx(plain.pair(1, mean, delta0, frozen_part), rel=1e-7)
    slope = plain.inner[2](np.array([mean]), np.sqrt(delta0))[0]
    assert state.r_int == pytest.approx(slope, rel=1e-8)
    energy = plain.g**2 * q + plain.s2 - delta0 + given.get("sigma", 0) ** 2
    assert 2 * state.kinetic_energy == pytest.approx(energy, abs=1e-6 * delta0)
    rate = np.sqrt(1 - plain.g**2 * plain.pair(2, mean, delta0, frozen_part))
    assert state.decay_rate == pytest.approx(rate, rel=1e-7)
    assert state.lyapunov == pytest.approx(plain.exponent(mean, delta0, frozen_part), abs=1e-7)
    if printed:
        np.testing.assert_allclose([q, delta0, frozen_part], printed, atol=2e-5)
    assert state.attracting
    assert state.relative_error < 1e-10


# Static states, with the digits of the theory that are printed.

STATIC = [
    ({"g": 3.0, "bias_mean": 1.0, "mean_coupling": -2.0, "phi": STEEP}, {"q": 0.40523, "mean": 0}),
    ({"g": 1.5, "mean_coupling": 2.0}, {"mean": 1.12512, "delta0": 1.33920, "q": 0.59520}),
    ({"g": 1.043, "mean_coupling": 2.53}, {"mean": 2.32652, "delta0": 0.95349}),
    ({"g": 1.2, "bias_mean": 1.0, "phi": "relu"}, {}),
    ({"g": 0.5, "bias_std": 0.3, "bias_mean": 0.2, "mean_coupling": 1.3}, {}),
]


@pytest.mark.parametrize(("given", "printed"), STATIC)
def test_static_state_against_plain_quadrature(given, printed):
    state = stationary(**given, tau=[0.0, 3.0])
    phi = transfer_function(given.get("phi", "tanh"))
    x = state.mean + np.sqrt(state.delta0) * Z
    if phi.name == "relu":
        # ⟨φ⟩, ⟨φ²⟩ and ⟨φ'⟩ of relu in closed form.
        t = float(state.mean / np.sqrt(state.delta0))
        mean = np.sqrt(state.delta0) * (t * norm.cdf(t) + norm.pdf(t))
        q = state.delta0 * ((1 + t * t) * norm.cdf(t) + t * norm.pdf(t))
        steepness = slope = norm.cdf(t)
    else:
        mean, q, slope, steepness = (
            float(f @ W) for f in (phi(x), phi(x) ** 2, phi.d1(x), phi.d1(x) ** 2)
        )
    g, coupling = given["g"], given.get("mean_coupling", 0.0)
    assert state.mean == pytest.approx(coupling * mean + given.get("bias_mean", 0.0), abs=1e-10)
    assert state.delta0 == pytest.approx(g * g * q + given.get("bias_std", 0.0) ** 2, rel=1e-10)
    assert state.q == pytest.approx(q, rel=1e-10)
    assert state.r_int == pytest.approx(slope, rel=1e-9)
    assert state.decay_rate == pytest.approx(np.sqrt(1 - g * g * steepness), rel=1e-9)
    assert state.delta_inf == state.delta0
    assert state.Q == state.q
    assert state.kinetic_energy == 0
    assert np.isnan(state.tau_half)
    np.testing.assert_array_equal(state.delta, np.full(2, state.delta0))
    np.testing.assert_array_equal(state.C, np.full(2, state.q))
    for name, number in printed.items():
        assert getattr(state, name) == pytest.approx(number, abs=6e-6), name


def test_mean_mode_of_a_static_state_is_an_outlier_of_the_jacobian():
    """A network at its fixed point: the rightmost eigenvalue of JD over six couplings.

    The spread between couplings is about 0.015, so that of the mean 0.006; the test allows 3.5 of
    them and 0.005 for n = 400, a false alarm in two thousand.
    """
    g, coupling, n = 0.5, 1.3, 400
    state = stationary(g, mean_coupling=coupling)
    found = []
    for seed in range(6):
        J = g * np.random.default_rng(seed).standard_normal((n, n)) / np.sqrt(n) + coupling / n
        x = np.full(n, float(state.mean))
        for _ in range(200):
            x = J @ np.tanh(x)
        found.append(np.max(np.linalg.eigvals(J * (1 - np.tanh(x) ** 2)).real))
    # Beside the bulk, of radius 1 + λ, and what moves the mean.
    assert state.lyapunov == pytest.approx(np.sqrt(1 - float(state.decay_rate) ** 2) - 1, rel=1e-12)
    assert state.mean_growth > state.lyapunov + 0.2
    spread = np.std(found, ddof=1) / np.sqrt(len(found))
    assert abs(np.mean(found) - 1 - float(state.mean_growth)) < 3.5 * max(spread, 0.006) + 0.005


# Several states.


def test_chaos_beside_rest():
    """tanh(x + x³): from g = 0.92609 on; the state between repels.  By both codes."""
    g = 0.963045
    plain = stationary(g, phi=CONVEX, root="all", n_tau=2)
    np.testing.assert_allclose(plain.delta0, [0, 0.0225640, 0.2062550], atol=6e-8)
    assert plain.attracting.tolist() == [True, False, True]
    found = roots.states(frozen.BiasedNetwork(CONVEX, g, 0.0, 0.0, 0.0, 0.0))
    assert [root.attracting for root in found] == [True, False, True]
    np.testing.assert_allclose([root.place.delta0 for root in found], plain.delta0, rtol=1e-5)
    # As a limit of weak bias, which leaves three.
    biased = stationary(g, bias_std=1e-5, phi=CONVEX, root="all", n_tau=2)
    np.testing.assert_allclose(biased.delta0, plain.delta0, atol=1e-6)
    assert biased.attracting.tolist() == [True, False, True]
    assert biased.delta_inf[0] == biased.delta0[0]
    lowest, highest = (
        stationary(g, bias_std=1e-5, phi=CONVEX, root=root, n_tau=2)
        for root in ("smallest", "largest")
    )
    assert (lowest.delta0, highest.delta0) == (biased.delta0[0], biased.delta0[2])
    assert highest.states == 3
    assert str(highest.others) == f"{biased.delta0[0]:g}, {biased.delta0[1]:g}"
    ends = [
        len(stationary(g, phi=CONVEX, root="all", n_tau=2).delta0) for g in (0.92608, 0.92610, 1.01)
    ]
    assert ends == [1, 3, 1]


def test_chaos_and_a_magnetised_state():
    """tanh, J₀ = 2: chaos of zero mean gives way to states ±μ, of which μ > 0 is told."""
    state = stationary(1.5, mean_coupling=2.0, root="all", n_tau=2)
    assert state.attracting.tolist() == [False, True]
    quiet = stationary(1.5, n_tau=2)
    for name in ("delta0", "q", "lyapunov", "kinetic_energy", "tau_half"):
        assert getattr(state, name)[0] == pytest.approx(float(getattr(quiet, name)), rel=1e-11)
    assert abs(state.mean[0]) < 1e-12
    assert state.mean[1] > 1
    # Weak coupling changes nothing.
    alone = stationary(1.5, mean_coupling=1.2, root="all", n_tau=2)
    assert alone.attracting.tolist() == [True]
    assert alone.delta0[0] == pytest.approx(float(quiet.delta0), rel=1e-12)


# Limits.


@pytest.mark.parametrize("sigma", [0.0, 0.4])
def test_weak_bias_is_continuous_with_none(sigma):
    """Changes of the order of σ_b², from another code."""
    none, weak = stationary(1.6, sigma=sigma), stationary(1.6, sigma=sigma, bias_std=1e-6)
    for name in ("delta0", "q", "kinetic_energy", "lyapunov", "r_int", "decay_rate", "tau_half"):
        assert getattr(weak, name) == pytest.approx(float(getattr(none, name)), rel=1e-10), name
    found = stationary(1.6, sigma=sigma, bias_std=1e-6, tau=none.tau)
    np.testing.assert_allclose(found.delta, none.delta, atol=1e-10)
    np.testing.assert_allclose(found.C, none.C, atol=1e-10)
    # Δ_∞ = σ_b²/κ² by the linear equation for it.
    assert found.delta_inf * none.decay_rate**2 == pytest.approx(1e-12, rel=1e-6)


def test_linear_network():
    """⟨x⟩ = b/(1 − J₀), Δ_∞ = (σ_b² + g²⟨x⟩²)/(1 − g²), an Ornstein–Uhlenbeck process on top."""
    g, sigma, bias_std, bias_mean, coupling = 0.8, 0.5, 0.3, 0.1, 0.5
    tau = np.array([0.0, 0.5, 4.0])
    state = stationary(
        g, sigma=sigma, bias_std=bias_std, bias_mean=bias_mean, mean_coupling=coupling,
        phi="linear", tau=tau,
    )  # fmt: skip
    mean, rate = bias_mean / (1 - coupling), np.sqrt(1 - g * g)
    frozen_part = (bias_std**2 + g * g * mean**2) / (1 - g * g)
    moving = sigma**2 / (2 * rate)
    assert state.mean == pytest.approx(mean, rel=1e-13)
    assert state.delta_inf == pytest.approx(frozen_part, rel=1e-12)
    assert state.delta0 == pytest.approx(frozen_part + moving, rel=1e-12)
    np.testing.assert_allclose(state.delta, frozen_part + moving * np.exp(-rate * tau), rtol=1e-10)
    np.testing.assert_allclose(state.C, state.delta + mean**2, rtol=1e-10)
    assert state.lyapunov == pytest.approx(g - 1, rel=1e-10)
    assert state.kinetic_energy == pytest.approx((sigma**2 - moving * (1 - g * g)) / 2, rel=1e-10)


def test_softsign_at_the_variance_of_its_energy():
    """Odd with a kink of φ″: F = 1 − 2g² Var Φ/Δ₀² by quad."""
    state = stationary(2.5, phi="softsign", n_tau=2)
    scale = np.sqrt(float(state.delta0))

    def average(f):
        return 2 * quad(lambda z: f(scale * z) * norm.pdf(z), 0, 12, epsabs=0, epsrel=1e-12)[0]

    primitive = transfer_function("softsign").primitive
    variance = average(lambda x: primitive(x) ** 2) - average(primitive) ** 2
    assert 2 * 2.5**2 * variance / scale**4 == pytest.approx(1, rel=1e-10)
    assert state.delta_inf < 1e-20


# What is refused, and how it is told.


def test_activity_without_bound_is_absent():
    with pytest.raises(NotConvergedError, match=r"activity grows there.*bias_mean=1"):
        stationary(2.0, phi="relu", bias_mean=1.0)
    state = stationary([1.2, 2.0], phi="relu", bias_mean=1.0, throw=False, n_tau=2)
    assert state.status.tolist() == ["converged", "absent"]
    assert np.isnan(state.delta0[1])


def test_parameters_broadcast_and_are_told():
    state = stationary([1.5, 2.0], bias_std=[[0.0], [0.5]], n_tau=3)
    assert state.delta.shape == (2, 2, 3)
    np.testing.assert_array_equal(state.bias_std[:, 0], [0, 0.5])
    np.testing.assert_array_equal(state.delta_inf[0], 0)
    data = state.to_dataset(("width", "gain"))
    assert data.bias_std.dims == ("width", "gain")
    assert {"mean", "delta_inf", "Q"} <= set(data.data_vars)
    for name, bad in (("bias_std", -1.0), ("bias_mean", np.inf), ("mean_coupling", np.nan)):
        with pytest.raises(ArgumentError, match=f"^{name}="):
            stationary(1.5, **{name: bad})


def test_the_measure_needs_an_odd_function():
    with pytest.raises(ArgumentError, match="must be odd"):
        effective_temperature(1.5, phi="relu")


# The gain at which the static state turns unstable.


@pytest.mark.parametrize("phi", ["tanh", "logistic", OFF])
@pytest.mark.parametrize("bias_std", [0.0, 0.5])
def test_critical_gain_by_plain_quadrature(phi, bias_std):
    """Δ₀ = g²q + σ_b² and g²⟨φ'²⟩ = 1; a little below nothing moves, a little above it does."""
    if phi == "tanh" and bias_std == 0:
        return
    function = transfer_function(phi)

    def averages(delta0):
        x = np.sqrt(delta0) * Z
        return function(x) ** 2 @ W, function.d1(x) ** 2 @ W

    def excess(delta0):
        q, steepness = averages(delta0)
        return (delta0 - bias_std**2) * steepness / q - 1

    delta0 = brentq(excess, bias_std**2 + 1e-3, 200, xtol=1e-13, rtol=1e-14)
    gain = float(critical_gain(phi=phi, bias_std=bias_std))
    assert gain == pytest.approx(averages(delta0)[1] ** -0.5, rel=1e-10)
    below, above = (stationary(gain * s, bias_std=bias_std, phi=phi, n_tau=2) for s in (0.99, 1.01))
    assert below.delta_inf == below.delta0
    assert above.delta_inf < above.delta0
    assert below.lyapunov < 0 < above.lyapunov


# Parts.


@pytest.mark.parametrize("share", [1e-4, 0.2, 0.9, 1.0])
def test_thinned_coefficients(share):
    """a_k = Σ_j b_j Binom(k; j, p), and its three sums without the others."""
    b = 0.97 ** np.arange(300.0) * (1 + np.arange(300) % 3)
    a = frozen.thinned(b, share)
    k = np.arange(a.size)
    exact = np.array([binom.pmf(one, np.arange(300), share) @ b for one in k])
    np.testing.assert_allclose(a, exact, rtol=1e-9, atol=1e-13)
    sums = [exact[0], exact[1], np.sum((exact / (k + 1))[2:])]
    np.testing.assert_allclose(frozen._shares(b, share), sums, rtol=1e-10)


@pytest.mark.parametrize("gap", [1.5, 1e-3])
def test_jumps_against_the_normal_law(gap):
    """Two jumps: ⟨φ'φ'⟩ is a probability, its integrals by `quad`, near r = 1 and far from it."""
    phi = TransferFunction(lambda x: np.clip(x, 0, gap), name="clip", kinks=(0.0, gap))
    mean, delta0 = 0.3, 0.7
    jumps = Jumps(phi, mean, delta0)
    ends = (np.array([0.0, gap]) - mean) / np.sqrt(delta0)

    def inside(r):
        # Of the second given the first, whose density is smooth.
        def law(z):
            return norm.pdf(z) * np.diff(norm.cdf((ends - r * z) / np.sqrt(1 - r * r)))[0]

        return quad(law, *ends, epsabs=1e-15, epsrel=1e-12, limit=200)[0]

    alone = np.diff(norm.cdf(ends))[0] ** 2
    for r in (-0.5, 0.3, 0.9):
        assert jumps.slope(np.arccos(r)) == pytest.approx(inside(r) - alone, rel=1e-10, abs=1e-14)
        value = quad(lambda s: inside(s) - alone, 0, r, epsabs=1e-13)[0]
        assert jumps.value(np.arccos(r)) == pytest.approx(value, rel=1e-8, abs=1e-13)
    assert jumps.slope(0.0) == pytest.approx(np.sqrt(alone) - alone, rel=1e-11)
    # The same as a series, of the degrees that it has.
    c = jumps.coefficients(20_000)
    near = 0.999
    series = np.arange(20_001) * c**2 @ near ** (np.arange(20_001.0) - 1) / delta0
    assert jumps.slope(np.arccos(near)) == pytest.approx(series, rel=1e-10)


@pytest.mark.parametrize("phi", ["tanh", "relu", "softsign", OFF])
@pytest.mark.parametrize("delta0", [0.3, 3e5])
def test_averages_at_any_variance(phi, delta0):
    """By quad in pieces around the bends."""
    phi, mean, root = transfer_function(phi), 0.3, np.sqrt(delta0)
    here = frozen.averages(phi, mean, delta0)

    def average(f):
        law = lambda x: f(np.array([x]))[0] * norm.pdf(x, mean, root)  # noqa: E731
        edges = [-12 * root, *(s for s in (-60, -8, 0, 8, 60) if abs(s) < 12 * root), 12 * root]
        return sum(quad(law, *ends, epsabs=1e-13, epsrel=1e-11)[0] for ends in pairwise(edges))

    for name, f in (
        ("phi", phi.phi),
        ("q", lambda x: phi(x) ** 2),
        ("slope", phi.d1),
        ("steepness", lambda x: phi.d1(x) ** 2),
        ("cross", lambda x: phi(x) * phi.d1(x)),
    ):
        scale = max(1.0, root) if phi.name == "relu" else 1.0
        assert getattr(here, name) == pytest.approx(average(f), rel=1e-9, abs=1e-11 * scale), name
    # The derivatives along Δ₀.
    above, below = (frozen.averages(phi, mean, delta0 * (1 + s)) for s in (1e-4, -1e-4))
    for name, of in (("bend", "phi"), ("rise", "q")):
        slope = (getattr(above, of) - getattr(below, of)) / (2e-4 * delta0)
        factor = 2 if name == "bend" else 1
        assert getattr(here, name) == pytest.approx(factor * slope, rel=2e-6, abs=1e-11), name


def test_energy_and_frozen_part_of_the_search():
    """F and Δ_∞ by plain quadrature; none where h has no zero."""
    plain = Plain("tanh", 2.0, sigma=0.4, bias_std=0.5)
    network = frozen.BiasedNetwork(transfer_function("tanh"), 2.0, 0.4, 0.5, 0.0, 0.0)
    for delta0 in (2.6, 3.5):
        gap, r = roots.gap(network, 0.2, delta0)
        part = r * delta0
        assert 4 * plain.pair(1, 0.2, delta0, part) + 0.25 == pytest.approx(part, rel=1e-10)
        fall = plain.potential(0.2, delta0, delta0) - plain.potential(0.2, delta0, part)
        assert gap * delta0**2 == pytest.approx(fall + 0.4**4 / 8, abs=1e-10)
    assert roots.gap(network, 0.2, 0.5)[0] == np.inf


def test_saturated_states_and_a_distant_separatrix():
    """tanh at J₀ = 30: μ = ±30 + b; relu just beyond √2: a state that parts rest and runaway."""
    state = stationary(2.0, mean_coupling=30.0, bias_mean=0.1, n_tau=2, root="all")
    np.testing.assert_allclose(state.mean[1:], [-29.9, 30.1], rtol=1e-12)
    np.testing.assert_allclose(state.delta0[1:], 4, rtol=1e-12)
    assert state.attracting.tolist() == [False, True, True]
    state = stationary(1.42, bias_mean=-0.5, bias_std=0.3, phi="relu", n_tau=2, root="all")
    assert state.attracting.tolist() == [True, False]
    plain = Plain("relu", 1.42, bias_std=0.3, bias_mean=-0.5)
    place = [float(one[1]) for one in (state.mean, state.delta0)]
    part = float(state.delta_inf[1])
    assert plain.g**2 * plain.pair(1, *place, part) + plain.s2 == pytest.approx(part, rel=1e-9)
    # Of 5e7; where Δ₀ is larger by 1e-4 it is 5e-3.
    assert abs(plain.potential(*place, place[1]) - plain.potential(*place, part)) < 1e-6


@pytest.mark.parametrize("coupling", [1 + 1e-5, 1.001, 1.02, 1.1])
@pytest.mark.parametrize("g", [0.1, 0.5, 0.9])
def test_next_to_where_the_mean_appears(g, coupling):
    """J₀ just above 1: rest repels, and μ leaves it like √ε; by `fsolve` on plain sums."""
    rest, state = (stationary(g, mean_coupling=coupling, root=r) for r in ("smallest", "largest"))
    assert (rest.delta0, rest.mean, rest.states) == (0, 0, 2)
    assert rest.mean_growth == pytest.approx(coupling - 1, rel=1e-9)
    assert not rest.attracting
    assert state.attracting

    def misfit(v):
        x = v[0] + np.sqrt(v[1]) * Z
        return coupling * np.tanh(x) @ W / v[0] - 1, g * g * np.tanh(x) ** 2 @ W / v[1] - 1

    found = fsolve(misfit, [float(state.mean) * 1.01, float(state.delta0) * 1.01], xtol=1e-12)
    np.testing.assert_allclose([state.mean, state.delta0], found, rtol=1e-6)
    assert state.mean_growth < 0


def test_what_is_zero_by_symmetry():
    """μ and Δ_∞ of an odd φ without a bias are 0, and at the marginal g nothing else is a state."""
    for more in ({"mean_coupling": -1.0}, {"mean_coupling": 1.05}, {"phi": "softsign"}):
        state = stationary(1.5, **more, root="smallest", n_tau=2)
        assert (state.mean, state.delta_inf, state.Q) == (0, 0, 0)
        assert np.isnan(state.mean_growth)
    for coupling in (-1.0, 0.5):
        rest = stationary(1.0, mean_coupling=coupling, root="all", n_tau=2)
        assert rest.delta0.tolist() == [0]
        assert rest.mean_growth[0] == coupling - 1


def test_two_states_closer_than_the_grid():
    """tanh(x + x³) next to its double root, by the code for frozen parts and by that of null means.

    The pairs lie 20 % and 2 % apart, between grid points 20 % apart.
    """
    for g in (0.9265, 0.926096):
        plain = stationary(g, phi=CONVEX, root="all", n_tau=2)
        found = roots.states(frozen.BiasedNetwork(CONVEX, g, 0.0, 0.0, 0.0, 0.0))
        assert len(found) == 3
        assert [root.attracting for root in found] == plain.attracting.tolist()
        np.testing.assert_allclose([r.place.delta0 for r in found], plain.delta0, rtol=1e-5)


def test_flat_at_zero():
    """Rest is stable at any g; from some g on there is chaos beside it, and what repels between.

    The fold of sign(x) max(|x| − 1, 0) capped at 3, from F by `quad`, brackets it.
    """
    phi = TransferFunction(lambda x: np.sign(x) * np.clip(np.abs(x) - 1, 0, 3), name="flat")

    def least_gain(delta0):
        root = delta0**0.5

        def average(power):
            law = lambda x: phi.primitive(np.array([x]))[0] ** power * norm.pdf(x, 0, root)  # noqa: E731
            return 2 * sum(quad(law, *e, epsrel=1e-11)[0] for e in ((1, 4), (4, 4 + 14 * root)))

        one, two = average(1), average(2)
        return delta0 / np.sqrt(2 * (two - one**2))

    fold = min(least_gain(delta0) for delta0 in np.geomspace(1, 30, 60))
    below, above = (stationary(s * fold, phi=phi, root="all", n_tau=2) for s in (0.99, 1.01))
    assert below.delta0.tolist() == [0]
    assert below.lyapunov[0] == -1
    assert above.attracting.tolist() == [True, False, True]
    for delta0 in above.delta0[1:]:
        assert least_gain(delta0) == pytest.approx(1.01 * fold, rel=1e-9)
    # Without the cap there is no chaos that attracts.
    open_ = TransferFunction(lambda x: np.sign(x) * np.maximum(np.abs(x) - 1, 0), name="open")
    assert stationary(1.5, phi=open_, root="all", n_tau=2).attracting.tolist() == [True, False]


@pytest.mark.parametrize(("phi", "diverges"), [("relu", 1.414), ("softplus", 1.414), ("linear", 1)])
def test_no_transition_of_a_function_without_bound_in_noise(phi, diverges):
    with pytest.raises(
        ArgumentError, match=rf"^phi='{phi}', sigma=0.5: no .* g={diverges} the var"
    ):
        critical_gain(phi=phi, sigma=0.5)
    # One that is steeper near 0 than far out has a transition.
    steep = TransferFunction(lambda x: x / 2 + np.tanh(x), name="steep")
    gain = float(critical_gain(phi=steep, sigma=0.5))
    assert abs(stationary(gain, sigma=0.5, phi=steep, n_tau=2).lyapunov) < 1e-9


def test_the_onset_at_a_jump_of_the_bend_alone():
    assert critical_gain(phi="softsign") == 1
    np.testing.assert_allclose(critical_gain([0.5, 1.0], phi="softsign"), [2 / 3, 1 / 2])
    assert critical_gain(phi=TransferFunction(lambda x: 0 * x + 1.0)) == np.inf
