"""The proofs of dynamical mean-field theory, mutations of them, and what they say against numbers.

The numbers come from networks, quadratures and recursions written out here, and from the solvers.
"""

from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import sympy as sp
from scipy.integrate import quad
from scipy.linalg import eigh, expm, solve_discrete_lyapunov
from scipy.special import iv, jv

from derivations import REGISTRY, Check
from derivations.dmft import (
    cavity,
    chaos_onset,
    common_mode,
    dimension,
    driven,
    exponential,
    fixed_point_phase,
    frozen,
    lyapunov,
    novikov,
    responses,
    sampler,
    site,
    spectrum,
    stationary,
    temperature,
    trajectory,
    weak_signal,
)
from meanfield import null_response, saddle_point
from meanfield import stationary as solved
from simulate.couplings import elliptic

CHECKS = [
    check for check in REGISTRY.select() if check.prove.__module__.startswith("derivations.dmft")
]
SECTIONS = {
    "cavity",
    "site",
    "responses",
    "novikov",
    "sampler",
    "stationary",
    "frozen",
    "trajectory",
    "temperature",
    "lyapunov",
    "spectrum",
    "chaos_onset",
    "fixed_point_phase",
    "dimension",
    "driven",
    "weak_signal",
    "common_mode",
    "exponential",
}


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.name)
def test_identity_is_proved(check: Check) -> None:
    check.prove()


def test_every_section_is_registered() -> None:
    assert {check.name.split(".")[0] for check in CHECKS} == SECTIONS


# A wrong closed form must make its checks fail.

Function = Callable[..., Any]
G, GAMMA = sp.Symbol("g", positive=True), sp.Symbol("gamma", real=True)


def _negated(original: Function) -> Function:
    return lambda *arguments: -original(*arguments)


def _doubled(original: Function) -> Function:
    return lambda *arguments: 2 * original(*arguments)


def _symmetric(original: Function) -> Function:
    """The factor γ is lost."""
    return lambda *arguments: original(*arguments).subs(GAMMA, 1)


def _opposite(original: Function) -> Function:
    return lambda *arguments: original(*arguments).subs(GAMMA, -GAMMA)


def _transposed(original: Function) -> Function:
    """h = Jᵀφ and u = Jf."""
    return lambda J, *others: original(J.T, *others)


def _correlated(original: Function) -> Function:
    """η_h and η_u of covariance g²⟨φf⟩."""

    def mutated(*arguments: Any) -> Any:
        first, second, third = original(*arguments)
        return first, second / GAMMA, third

    return mutated


def _last_negated(original: Function) -> Function:
    def mutated(*arguments: Any) -> Any:
        *first, last = original(*arguments)
        return *first, -last

    return mutated


def _first_negated(original: Function) -> Function:
    def mutated(*arguments: Any) -> Any:
        first, *others = original(*arguments)
        return -first, *others

    return mutated


def _unprojected(original: Function) -> Function:
    def mutated(matrix: sp.Matrix, other: int = 1) -> Any:
        e, _, f, w = original(matrix, other)
        return e, matrix * e, f, w

    return mutated


def _exchanged(original: Function) -> Function:
    return lambda one, two, *others: original(two, one, *others)


def _repelling(original: Function) -> Function:
    return lambda wave, slopes: original(wave, -slopes)


def _upside_down(original: Function) -> Function:
    return lambda *arguments: original(*arguments)[::-1]


def _misplaced(original: Function) -> Function:
    """Gains of the neuron and of the others are exchanged."""
    return lambda green, gain, own: original(green, own, gain)


Mutation = Callable[[Function], Function]
MUTATIONS: list[tuple[ModuleType, str, Mutation, tuple[str, ...]]] = [
    (cavity, "run", _transposed, ("cavity.expansion",)),
    (site, "memory_of_h", _symmetric, ("site.memory",)),
    (site, "memory_of_u", _symmetric, ("site.memory",)),
    (site, "field_covariance", _correlated, ("site.fields",)),
    (responses, "memory_of_u", _doubled, ("responses.instantaneous",)),
    (responses, "memory_of_h", _doubled, ("responses.vanilla",)),
    (responses, "jumps", _first_negated, ("responses.jumps",)),
    (responses, "jumps", _last_negated, ("responses.jumps",)),
    (novikov, "whitened_response", _doubled, ("novikov.whitened", "novikov.memory")),
    (novikov, "memory", _doubled, ("novikov.memory",)),
    (novikov, "cross_spectrum", _exchanged, ("novikov.spectra",)),
    (novikov, "cross_spectrum", _opposite, ("novikov.spectra",)),
    (sampler, "mixing", _last_negated, ("sampler.couplings", "sampler.memory")),
    (
        sampler,
        "revealed",
        _unprojected,
        ("sampler.answers", "sampler.one_basis", "sampler.innovations"),
    ),
    (sampler, "memory_of_h", _symmetric, ("sampler.memory",)),
    (sampler, "memory_of_u", _symmetric, ("sampler.memory",)),
    (sampler, "field_covariance", _correlated, ("sampler.memory",)),
    (stationary, "initial_slope", _doubled, ("stationary.equation", "stationary.energy")),
    (stationary, "energy", _doubled, ("stationary.energy",)),
    (stationary, "energy_condition", _negated, ("stationary.energy",)),
    (stationary, "kinetic_energy", _doubled, ("stationary.kinetic_energy",)),
    (frozen, "potential", _doubled, ("frozen.equation", "frozen.energy")),
    (frozen, "response", _doubled, ("frozen.response",)),
    (trajectory, "well", _doubled, ("trajectory.well", "trajectory.decay")),
    (trajectory, "start", _doubled, ("trajectory.well", "trajectory.decay")),
    (trajectory, "excess", _doubled, ("trajectory.kinetic_energy",)),
    (temperature, "activity_temperature", _negated, ("temperature.activity", "temperature.energy")),
    (temperature, "energy_temperature", _doubled, ("temperature.energy",)),
    (lyapunov, "exponent", _negated, ("lyapunov.growth",)),
    (lyapunov, "operator", _repelling, ("lyapunov.growth", "lyapunov.translation")),
    (lyapunov, "ground_state_sum", _negated, ("lyapunov.sign",)),
    (lyapunov, "initial_slope", lambda original: lambda: sp.S.One, ("lyapunov.translation",)),
    (spectrum, "window_count", _doubled, ("spectrum.window",)),
    (spectrum, "counted", _doubled, ("spectrum.flow",)),
    (
        spectrum,
        "self_energy",
        _upside_down,
        ("spectrum.self_energy", "spectrum.planar", "spectrum.neuron"),
    ),
    (spectrum, "self_energy", _misplaced, ("spectrum.self_energy", "spectrum.neuron")),
    (spectrum, "responses", _last_negated, ("spectrum.neuron",)),
    (spectrum, "tangent", _exchanged, ("spectrum.mirror",)),
    (spectrum, "operator", _repelling, ("spectrum.edge",)),
    (spectrum, "inside", _opposite, ("spectrum.rest",)),
    (spectrum, "fraction", _doubled, ("spectrum.edge", "spectrum.rest")),
    (dimension, "paths", _doubled, ("dimension.closure", "dimension.states")),
    (dimension, "returns", _negated, ("dimension.closure",)),
    (dimension, "mixed", _doubled, ("dimension.closure",)),
    (dimension, "factor", _doubled, ("dimension.activity",)),
    (driven, "low_passed", _doubled, ("driven.filter",)),
    (driven, "correlation", _doubled, ("driven.linear",)),
    (common_mode, "feedback", _negated, ("common_mode.feedback", "common_mode.pair")),
    (common_mode, "loop", _doubled, ("common_mode.feedback", "common_mode.coefficients")),
    (weak_signal, "covariance", _doubled, ("weak_signal.modes", "weak_signal.present")),
    (weak_signal, "answer", _doubled, ("weak_signal.recall",)),
    (chaos_onset, "variance", _doubled, ("chaos_onset.variance", "chaos_onset.kinetic_energy")),
    (chaos_onset, "rate_squared", _doubled, ("chaos_onset.shape", "chaos_onset.lyapunov")),
    (chaos_onset, "doubled_energy", _doubled, ("chaos_onset.kinetic_energy",)),
    (chaos_onset, "largest_exponent", _doubled, ("chaos_onset.lyapunov",)),
    (
        fixed_point_phase,
        "response_equation",
        _opposite,
        (
            "fixed_point_phase.equation",
            "fixed_point_phase.powers",
            "fixed_point_phase.correlation",
            "fixed_point_phase.special",
        ),
    ),
    (
        fixed_point_phase,
        "transform",
        _negated,
        ("fixed_point_phase.equation", "fixed_point_phase.integral"),
    ),
    (fixed_point_phase, "series_term", _first_negated, ("fixed_point_phase.powers",)),
    (fixed_point_phase, "series_term", _last_negated, ("fixed_point_phase.powers",)),
    (
        fixed_point_phase,
        "correlation_transform",
        _doubled,
        ("fixed_point_phase.correlation", "fixed_point_phase.special"),
    ),
    (
        exponential,
        "step_noise",
        _doubled,
        ("exponential.recursion", "exponential.stationary_variance"),
    ),
    (exponential, "stationary_variance", _negated, ("exponential.recursion",)),
    (exponential, "bias", _negated, ("exponential.stationary_variance",)),
    (
        exponential,
        "exponential_weights",
        _last_negated,
        ("exponential.network_noise", "exponential.principal_root"),
    ),
]


@pytest.mark.parametrize(
    ("module", "name", "mutation", "check"),
    [
        pytest.param(
            module,
            name,
            mutation,
            check,
            id=f"{module.__name__.split('.')[-1]}.{name}-{mutation.__name__}-{check}",
        )
        for module, name, mutation, checks in MUTATIONS
        for check in checks
    ],
)
def test_mutations_are_found(
    module: ModuleType,
    name: str,
    mutation: Mutation,
    check: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (proof,) = (one for one in CHECKS if one.name == check)
    cavity.rest()  # with the original `run`
    monkeypatch.setattr(module, name, mutation(getattr(module, name)))
    with pytest.raises(AssertionError, match=r"is left|not seen to be positive"):
        proof.prove()


# The single-site equations against networks.


_STEP, _STEPS = 0.4, 5
_ALL = (1.0, 1.0, 1.0, 1.0)


def _linear_theory(
    g: float, gamma: float, kappa: float, terms: tuple[float, ...] = _ALL
) -> np.ndarray:
    """⟨x_t x_s⟩ of the single-site equations in Euler steps, φ(x) = x, x_0 ~ N(0, 1).

    `terms` are factors of the memories R_φu and R_φh of h, R_fh and R_fu of u.

    Everything is linear in x_0 and the fields: a row of `x` or `f` holds the coefficients of
    (x_0, η_h(0…), η_u(0…)), and those of the fields are the responses.
    """
    steps = _STEPS
    size = 1 + 2 * steps
    x, f = np.zeros((steps, size)), np.zeros((steps, size))
    covariance = np.zeros((size, size))
    covariance[0, 0] = x[0, 0] = 1.0
    in_h, in_u = slice(1, steps + 1), slice(steps + 1, size)

    def correlate(i: int, values: np.ndarray, start: int) -> None:
        covariance[i, start : start + values.size] = values
        covariance[start : start + values.size, i] = values

    for t in range(steps):
        h = g**2 * (terms[0] * x[t, in_u] @ f + terms[1] * gamma * x[t, in_h] @ x)
        h[1 + t] += 1
        f[t] = h - x[t]
        u = g**2 * (terms[2] * f[t, in_h] @ x + terms[3] * gamma * f[t, in_u] @ f)
        u[steps + 1 + t] += 1
        earlier, now = f[:t], x[: t + 1]
        correlate(1 + t, g**2 * now @ covariance @ x[t], 1)
        correlate(1 + t, gamma * g**2 * earlier @ covariance @ x[t], steps + 1)
        correlate(steps + 1 + t, gamma * g**2 * now @ covariance @ f[t], 1)
        correlate(steps + 1 + t, g**2 * f[: t + 1] @ covariance @ f[t], steps + 1)
        if t + 1 < steps:
            x[t + 1] = x[t] + _STEP * (f[t] - kappa * u)
    return x @ covariance @ x.T


@pytest.mark.parametrize(("gamma", "kappa"), [(0.5, 0.7), (-0.6, 1.0), (0.0, 1.0), (0.4, 0.0)])
def test_single_site_equations_of_a_linear_network(gamma: float, kappa: float) -> None:
    n, g = 1500, 0.9
    x = np.empty((_STEPS, n, 160))
    x[0] = np.random.default_rng(1).standard_normal((n, 160))
    J = elliptic(n, g, gamma=gamma, seed=3)
    for t in range(_STEPS - 1):
        f = J @ x[t] - x[t]
        x[t + 1] = x[t] + _STEP * (f - kappa * (J.T @ f))
    network = np.einsum("tnk,snk->ts", x, x) / x[0].size
    np.testing.assert_allclose(network, _linear_theory(g, gamma, kappa), atol=0.012)
    # Every term that should be there is needed.
    present = (kappa, gamma, kappa, kappa * gamma)
    for i in np.flatnonzero(present):
        terms = tuple(float(j != i) for j in range(4))
        wrong = _linear_theory(g, gamma, kappa, terms)
        assert np.abs(network - wrong).max() > 0.03, f"term {i}"


@pytest.mark.parametrize("gamma", [-0.5, 0.5])
def test_equal_time_overlaps_of_a_random_state(gamma: float) -> None:
    """x independent of J: ⟨uφ⟩ = g²⟨φ²⟩ is the instantaneous term, ⟨hφ⟩ = 0, ⟨uh⟩ = γg²⟨φf⟩."""
    n, g = 2000, 1.7
    J = elliptic(n, g, gamma=gamma, seed=2)
    x = np.random.default_rng(4).standard_normal((n, 20))
    phi = np.tanh(x)
    h = J @ phi
    u = J.T @ (h - x)
    q, overlap = (phi**2).mean(), (phi * x).mean()
    assert (u * phi).mean() == pytest.approx(g**2 * q, rel=0.03)
    assert (h * phi).mean() == pytest.approx(0, abs=0.03)
    # ⟨φf⟩ = −⟨φx⟩ here, and the g²φ of u is uncorrelated with h.
    assert (u * h).mean() == pytest.approx(-gamma * g**2 * overlap, abs=0.08)


# Novikov's theorem for tanh.


def test_responses_from_correlations_by_quadrature() -> None:
    """Two Euler steps of a field of three times, Gauss–Hermite."""
    factor = np.array([[1.1, 0, 0], [0.5, 0.9, 0], [-0.3, 0.4, 0.7]])
    nodes, weights = np.polynomial.hermite_e.hermegauss(60)
    grid = np.stack(np.meshgrid(nodes, nodes, nodes, indexing="ij"))
    weight = np.einsum("i,j,k->ijk", weights, weights, weights) / (2 * np.pi) ** 1.5
    eta = np.einsum("tk,kabc->tabc", factor, grid)

    def last(fields: Any) -> Any:
        x = 0.2
        for field in fields:
            x = x + 0.7 * (-x + field + 0.3 * np.tanh(x))
        return np.tanh(x)

    phi = last(eta)
    response = np.array(
        [(weight * last(eta + 1e-20j * one[:, None, None, None]).imag).sum() for one in np.eye(3)]
    )
    response *= 1e20
    in_time = np.array([(weight * phi * field).sum() for field in eta])
    np.testing.assert_allclose(in_time, factor @ factor.T @ response, atol=1e-8)
    white = np.array([(weight * phi * one).sum() for one in grid])
    np.testing.assert_allclose(white, response @ factor, atol=1e-8)


# The stationary state.

NUMBERS = {name: sp.Symbol(name, positive=True) for name in ("g", "Delta0")}
SIGMA, Q = sp.Symbol("sigma", nonnegative=True), sp.Symbol("q", real=True)


def _normal(count: int = 200) -> tuple[np.ndarray, np.ndarray]:
    nodes, weights = np.polynomial.hermite_e.hermegauss(count)
    return nodes, weights / weights.sum()


def _numeric(expression: sp.Expr) -> Callable[..., float]:
    return sp.lambdify((NUMBERS["g"], SIGMA, NUMBERS["Delta0"], Q), expression)


@pytest.mark.parametrize(("g", "sigma"), [(1.5, 0.0), (2.0, 0.0), (0.5, 1.0), (2.0, np.sqrt(0.5))])
def test_stationary_state_obeys_the_derived_relations(g: float, sigma: float) -> None:
    state = solved(g, sigma=sigma)
    delta0, q = float(state.delta0), float(state.q)
    z, weight = _normal()
    primitive = np.log(np.cosh(np.sqrt(delta0) * z))
    spread = weight @ primitive**2 - (weight @ primitive) ** 2
    variance = sp.Symbol("variance")
    condition = sp.lambdify(
        (*NUMBERS.values(), SIGMA, variance), stationary.energy_condition(variance)
    )
    assert condition(g, delta0, sigma, spread) == pytest.approx(0, abs=1e-7)
    energy = _numeric(stationary.kinetic_energy())(g, sigma, delta0, q)
    assert energy == pytest.approx(float(state.kinetic_energy), rel=1e-7)
    slope = weight @ (1 - np.tanh(np.sqrt(delta0) * z) ** 2)
    assert slope == pytest.approx(float(state.r_int), rel=1e-7)
    assert 1 - (g * slope) ** 2 == pytest.approx(float(state.decay_rate) ** 2, rel=1e-6)
    # Chaos exactly where the temperature of the activity is negative.
    temperature_q = _numeric(temperature.activity_temperature())(g, sigma, delta0, q)
    assert (float(state.lyapunov) > 0) == (temperature_q < 0)


def test_chaos_begins_where_the_temperature_of_the_activity_changes_sign() -> None:
    """λ = 0 at g²q = Δ₀, not at ⟨f²⟩ = 0: with noise, g > 1 alone is not enough."""
    sigma = np.linspace(0.2, 1.6, 29)
    state = solved(2.0, sigma=sigma)
    temperature_q = _numeric(temperature.activity_temperature())(2.0, sigma, state.delta0, state.q)
    assert np.array_equal(state.lyapunov > 0, temperature_q < 0)
    assert 0 < np.count_nonzero(state.lyapunov > 0) < sigma.size
    np.testing.assert_allclose(temperature_q, sigma**2 - 2 * state.kinetic_energy, atol=1e-8)


@pytest.mark.parametrize("sigma", [0.0, 1.5])
def test_temperatures_of_the_paramagnetic_saddle_point(sigma: float) -> None:
    """At T_e its energy is that of the chaotic state; at T_q > 0 its variance and q are."""
    g = 2.0
    state = solved(g, sigma=sigma)
    at = (g, sigma, float(state.delta0), float(state.q))
    hot = _numeric(temperature.energy_temperature())(*at)
    assert hot == pytest.approx(2 * float(state.kinetic_energy), rel=1e-8)
    point = saddle_point(g, beta=1 / hot, branch="paramagnetic")
    assert float(point.energy) == pytest.approx(float(state.kinetic_energy), rel=1e-8)
    cold = _numeric(temperature.activity_temperature())(*at)
    if sigma:
        point = saddle_point(g, beta=1 / cold, branch="paramagnetic")
        assert float(point.q) == pytest.approx(float(state.q), rel=1e-8)
    else:
        assert cold == pytest.approx(-hot, rel=1e-7)


@pytest.mark.parametrize(("g", "sigma"), [(2.0, 0.0), (2.0, 0.5), (2.0, 1.2)])
def test_ground_state_and_its_sum_rule(g: float, sigma: float) -> None:
    """Finite differences on the half line, with ψ' = 0 at τ = 0."""
    step, last = 0.02, 40.0
    tau = (np.arange(round(last / step)) + 0.5) * step
    state = solved(g, sigma=sigma, tau=np.concatenate([[0.0], tau]))
    delta0 = float(state.delta0)
    delta = np.asarray(state.delta)[1:]
    z, weight = _normal(80)
    rho = delta / delta0
    other = rho[:, None, None] * z[:, None] + np.sqrt(1 - rho**2)[:, None, None] * z
    slope = 1 - np.tanh(np.sqrt(delta0) * z) ** 2
    mean = (1 - np.tanh(np.sqrt(delta0) * other) ** 2) @ weight
    slopes = mean @ (weight * slope)
    diagonal = 2 / step**2 + 1 - g**2 * slopes
    diagonal[0] -= 1 / step**2
    matrix = np.diag(diagonal) - (np.eye(tau.size, k=1) + np.eye(tau.size, k=-1)) / step**2
    values, vectors = eigh(matrix, subset_by_index=[0, 0])
    lowest, psi = float(values[0]), np.abs(vectors[:, 0])
    growth = sp.lambdify(sp.Symbol("E"), lyapunov.exponent(sp.Symbol("E")))(lowest)
    assert growth == pytest.approx(float(state.lyapunov), abs=2e-4)
    falls = -np.gradient(delta, step)
    at_zero, overlap = sp.symbols("psi_0 overlap", positive=True)
    rule = sp.lambdify(
        (*NUMBERS.values(), Q, at_zero, overlap), lyapunov.ground_state_sum(at_zero, overlap)
    )
    start = 1.125 * psi[0] - 0.125 * psi[1]
    total = step * float(psi @ falls)
    assert rule(g, delta0, float(state.q), start, total) == pytest.approx(lowest, abs=2e-4)


# Onset.


@pytest.mark.parametrize(
    ("name", "expansion", "order"),
    [
        ("delta0", chaos_onset.variance, 3),
        ("decay_rate", chaos_onset.rate_squared, 4),
        ("kinetic_energy", chaos_onset.doubled_energy, 5),
        ("lyapunov", chaos_onset.largest_exponent, 4),
    ],
)
@pytest.mark.parametrize("phi", ["tanh", "algebraic"])
def test_onset_expansions(
    name: str, expansion: Callable[[], sp.Expr], order: int, phi: str
) -> None:
    """The error falls like the first power of ε left out; x/√(1+x²) has c = 1, f = 3/8."""
    epsilon = np.array([0.01, 0.005])
    exact = np.asarray(getattr(solved(1 + epsilon, phi=phi), name))
    exact = exact * 2 if name == "kinetic_energy" else exact
    exact = exact**2 if name == "decay_rate" else exact
    values = (sp.Rational(2, 3), sp.Rational(2, 15)) if phi == "tanh" else (1, sp.Rational(3, 8))
    derived = expansion().subs(dict(zip(chaos_onset.TANH, values, strict=True)))
    error = exact - sp.lambdify(sp.Symbol("epsilon", positive=True), derived)(epsilon)
    assert np.all(np.abs(error) < 0.2 * np.abs(exact))
    assert error[0] / error[1] == pytest.approx(2**order, rel=0.08)


# Around x = 0.


def _power(k: int, t: Any, square: float) -> Any:
    """k I_k(2at)e^(−t)/(a^k t), the transform of R̂^k."""
    a = np.sqrt(abs(square))
    return k * (iv if square > 0 else jv)(k, 2 * a * t) * np.exp(-t) / (a**k * t)


@pytest.mark.parametrize(("g", "gamma"), [(0.6, 0.5), (1.2, -0.4)])
def test_response_around_zero(g: float, gamma: float) -> None:
    square = gamma * g**2
    hat = sp.lambdify(sp.symbols("S a2"), fixed_point_phase.transform(*sp.symbols("S a2")))
    for k in (1, 3):
        for s in (0.0, 0.7):
            value, _ = quad(
                lambda t, s=s, k=k: np.exp(-s * t) * _power(k, t, square),
                1e-12,
                150,
                epsabs=1e-10,
                limit=200,
            )
            assert value == pytest.approx(hat(1 + s, square) ** k, rel=1e-7)
    assert hat(1.0, square) == pytest.approx(float(null_response(g, gamma)), rel=1e-12)
    J = elliptic(1000, g, gamma=gamma, seed=5)
    eigenvalues = np.linalg.eigvals(J)
    for t in (0.5, 2.0, 5.0):
        network = np.exp((eigenvalues - 1) * t).mean().real
        assert network == pytest.approx(_power(1, t, square), abs=0.004)


@pytest.mark.parametrize("gamma", [-1.0, -0.4, 0.0, 0.5, 1.0])
def test_correlations_of_a_linear_network(gamma: float) -> None:
    """tr e^((J−1)t) e^((J−1)ᵀt')/N against the series and, where there is one, the closed form."""
    g, n, t, s = 0.9, 600, 2.0, 0.7
    J = elliptic(n, g, gamma=gamma, seed=6) - np.eye(n)
    network = float(np.sum(expm(J * t) * expm(J * s))) / n
    square = gamma * g**2 or 1e-8
    orders = range(1, 30)
    series = sum(g ** (2 * k - 2) * _power(k, t, square) * _power(k, s, square) for k in orders)
    assert network == pytest.approx(series, rel=0.02)
    decay = np.exp(-t - s)
    closed = {
        -1.0: jv(1, 2 * g * (t - s)) / (g * (t - s)) * decay,
        0.0: iv(0, 2 * g * np.sqrt(t * s)) * decay,
        1.0: iv(1, 2 * g * (t + s)) / (g * (t + s)) * decay,
    }
    if gamma in closed:
        assert series == pytest.approx(closed[gamma], rel=1e-6)


# The scheme.


@pytest.mark.parametrize("a", [-2.0, 0.5])
def test_variance_of_the_exponential_scheme(a: float) -> None:
    h, sigma = sp.symbols("h sigma", positive=True)
    slope = sp.Symbol("a", real=True)
    derived = sp.lambdify(
        (h, sigma, slope), exponential.stationary_variance(exponential.step_noise())
    )

    def recursion(step: float) -> float:
        c1, c2 = (float(c) for c in exponential.exponential_weights(sp.Float(step, 30)))
        matrix = np.array([[np.exp(-step) + step * c1 * a, step * c2 * a], [1.0, 0.0]])
        noise = np.diag([0.8**2 * (1 - np.exp(-2 * step)) / 2, 0.0])
        return float(solve_discrete_lyapunov(matrix, noise)[0, 0])

    exact = 0.8**2 / (2 * (1 - a))
    for step in (0.2, 0.1):
        assert recursion(step) == pytest.approx(derived(step, 0.8, a), rel=1e-10)
    bias = float(exponential.bias().subs(slope, a))
    step = 0.005
    assert (recursion(step) / exact - 1) / step**2 == pytest.approx(bias, rel=0.05)


@pytest.mark.parametrize("seed", [0, 1])
def test_covariance_of_a_network_in_the_exponential_scheme(seed: int) -> None:
    """A non-normal A and a coloured D: the error falls by four when the step is halved."""
    rng = np.random.default_rng(seed)
    A = rng.normal(size=(4, 4)) / 2 - 0.5 * np.eye(4)
    root = rng.normal(size=(4, 4))
    D, B = root @ root.T, A - np.eye(4)
    one = np.eye(4)
    exact = np.linalg.solve(np.kron(B, one) + np.kron(one, B), -D.ravel()).reshape(4, 4)
    errors = []
    for step in (0.02, 0.01):
        c1, c2 = (float(c) for c in exponential.exponential_weights(sp.Float(step, 30)))
        matrix = np.block([[np.exp(-step) * one + step * c1 * A, step * c2 * A], [one, 0 * one]])
        noise = np.zeros((8, 8))
        noise[:4, :4] = D * (1 - np.exp(-2 * step)) / 2
        covariance = solve_discrete_lyapunov(matrix, noise)[:4, :4]
        errors.append(np.abs(covariance - exact).max())
    assert errors[0] / errors[1] == pytest.approx(4, rel=0.1)
