"""Responses: Bessel functions, stored networks kicked by hand, two estimates of r_int."""

import math
from typing import Any

import numpy as np
import pytest
from scipy.special import iv, jv

import simulate
from meanfield import (
    SiteModel,
    Slopes,
    Switching,
    null_response,
    stationary,
    transfer_function,
    two_time,
)
from meanfield.dmft.sampler.populations import Populations
from meanfield.dmft.sampler.site import rate_model
from meanfield.dmft.sampler.tangents import (
    SitePoint,
    _leak,
    _smooth_start,
    stationary_pulse,
    tangent_response,
)
from meanfield.exponential import lagrange_weights
from meanfield.schedule import step_times

LINEAR = rate_model(transfer_function("linear"))


def fixed_point_response(t: np.ndarray, g: float, gamma: float) -> np.ndarray:
    """e^{−t} I₁(2at)/(at), a = g√γ; J₁ for γ < 0."""
    a = g * math.sqrt(abs(gamma))
    z = np.maximum(2 * a * t, 1e-12)
    return np.exp(-t) * 2 * (iv if gamma > 0 else jv)(1, z) / z


@pytest.mark.parametrize(("g", "gamma"), [(0.6, 0.5), (0.45, 1.0), (0.8, -0.5), (0.9, -1.0)])
def test_fixed_point_phase(g: float, gamma: float) -> None:
    """Small tanh networks relax to 0 with the linear response; no sampling noise to speak of."""
    run = two_time(
        g, gamma, t_max=8.0, dt=0.1, x0_std=1e-4, n_trajectories=2000, batches=2, seed=0,
        response=True, n_pulsed=4, save_every=8, finite_m="ignore",
    )  # fmt: skip
    lag = run.t[:, None] - run.t
    assert run.R is not None
    expected = np.where(lag > 0, fixed_point_response(np.abs(lag), g, gamma), 0)
    # The first column is of first order in dt: `test_two_time`.
    np.testing.assert_allclose(run.R[:, 1:], expected[:, 1:], atol=4e-3)
    np.testing.assert_allclose(run.R[:, 0], expected[:, 0], atol=0.02)
    # r_int tends to the null response of the elliptic law, slowly for γ > 0.
    fine = np.linspace(0, 8, 8001)
    values = fixed_point_response(fine, g, gamma)
    total = np.concatenate([[0], np.cumsum((values[1:] + values[:-1]) / 2 * fine[1])])
    np.testing.assert_allclose(run.r_int, total[::800], atol=3e-3)
    assert run.r_int[-1] == pytest.approx(float(null_response(g, gamma)), rel=0.06)


@pytest.mark.parametrize("temperature", [0.0, 0.3])
def test_without_memory(temperature: float) -> None:
    """γ = 0, κ = 0: R(t, s) = ⟨φ′(t)⟩ e^{s−t} from tangents, Novikov sums and the closed solver.

    The tangents' pulses decay alike along all trajectories: R(t, s) e^{t−s} is one number a row.
    4 s.e. of 15 degrees of freedom in some 24 correlated comparisons: a false alarm in 50.
    """
    arguments: dict[str, Any] = {
        "t_max": 2.0, "dt": 0.05, "temperature": temperature, "save_every": 5,
    }  # fmt: skip
    more: dict[str, Any] = {
        "method": "sampler", "n_trajectories": 16_000, "batches": 16, "finite_m": "ignore",
        "seed": 0,
    }  # fmt: skip
    closed = two_time(2.0, response=True, **arguments)
    tangents = two_time(2.0, response=True, n_pulsed=4000, **arguments, **more)
    sums = two_time(2.0, **arguments, **more)
    assert closed.R is not None
    assert tangents.R is not None
    assert tangents.R_err is not None
    lag = closed.t[:, None] - closed.t
    below = np.tril(np.ones_like(lag, dtype=bool), -1)
    scaled = np.where(below, tangents.R * np.exp(np.abs(lag)), 0)
    slope = scaled[:, :1]
    np.testing.assert_allclose(scaled, np.where(below, slope, 0), rtol=1e-5)
    off = np.abs(tangents.R - closed.R)[below]
    assert np.max((off - 2e-3) / tangents.R_err[below]) < 4
    assert np.all(closed.R[~below] == 0)
    for run in (tangents, sums):
        off = np.abs(run.r_int - closed.r_int)[1:]
        assert np.max((off - 2e-3) / run.r_int_err[1:]) < 4


def test_stationary_response() -> None:
    """R_int of [SCS] and its tail at late times, from the closed solver: exp(−τ) ⟨φ′⟩."""
    s = stationary(2.0)
    run = two_time(2.0, t_max=50.0, dt=0.25, response=True, save_every=2)
    assert run.r_int[-1] == pytest.approx(float(s.r_int), rel=1e-3)
    assert run.R is not None
    lag = run.t[-1] - run.t[-8:-1]
    np.testing.assert_allclose(run.R[-1, -8:-1], float(s.r_int) * np.exp(-lag), rtol=1e-3)


@pytest.mark.parametrize(
    ("gamma", "onsager"),
    [
        (0.5, 0.0),
        pytest.param(0.0, 1.0, marks=pytest.mark.slow),
        pytest.param(0.5, 0.5, marks=pytest.mark.slow),
        pytest.param(-0.5, 0.5, marks=pytest.mark.slow),
    ],
)
def test_two_estimates_agree(gamma: float, onsager: float) -> None:
    """Tangents of single neurons against the Novikov sums of all: 4.5 s.e., 1 % of misfit.

    Student's errors of 11 degrees of freedom, 4 correlated points each: a false alarm in 100.
    """
    arguments: dict[str, Any] = {
        "t_max": 1.2, "dt": 0.05, "onsager": onsager, "n_trajectories": 12_000, "batches": 12,
        "save_every": 6, "finite_m": "ignore",
    }  # fmt: skip
    sums = two_time(1.8, gamma, seed=0, **arguments)
    tangents = two_time(1.8, gamma, seed=1, response=True, n_pulsed=1200, **arguments)
    off = np.abs(sums.r_int - tangents.r_int)[1:] - 0.01 * tangents.r_int[1:]
    assert np.max(off / np.hypot(sums.r_int_err, tangents.r_int_err)[1:]) < 4.5
    assert tangents.R is not None
    # The diagonal jump ⟨φ′⟩ seen one step later, and causality.
    dense = two_time(
        1.8, gamma, t_max=0.1, dt=0.01, onsager=onsager, n_trajectories=4000, batches=4, seed=0,
        response=True, n_pulsed=2000, finite_m="ignore",
    )  # fmt: skip
    assert dense.R is not None
    jump = 1 - np.diagonal(dense.C)
    np.testing.assert_allclose(dense.R[1:, :-1].diagonal(), jump[1:], rtol=0.06)
    assert np.all(dense.R[np.triu_indices(len(dense.t))] == 0)


def network_response(
    n: int, gamma: float, onsager: float, s: float, t_max: float, count: int, seed: int
) -> np.ndarray:
    """R(t, s) of one stored network at 3 times: random kicks ±ε of all neurons at time s."""
    g, kicks, eps = 1.8, 8, 1e-4
    rng = np.random.default_rng(seed)
    J = simulate.couplings.elliptic(n, g, gamma, seed=seed)
    x0 = rng.standard_normal(n)
    arguments: dict[str, Any] = {"dt": 0.05, "onsager": onsager, "method": "rk4"}
    x = simulate.integrate(J, x0, t_max=s, **arguments).x_end
    kick = rng.choice([-1.0, 1.0], (n, kicks))
    starts = np.concatenate([x[:, None] + eps * kick, x[:, None] - eps * kick], axis=1)
    later = simulate.integrate(J, starts, t_max=t_max - s, save_at=count + 1, **arguments).x[1:]
    plus, minus = np.tanh(later[..., :kicks]), np.tanh(later[..., kicks:])
    return np.mean(kick * (plus - minus), axis=(1, 2)) / (2 * eps)


@pytest.mark.parametrize(
    ("gamma", "onsager"),
    [
        (0.5, 0.0),
        pytest.param(-0.5, 0.5, marks=pytest.mark.slow),
        pytest.param(0.5, 1.0, marks=pytest.mark.slow),
    ],
)
def test_kicked_networks(gamma: float, onsager: float) -> None:
    """R(t, s) against 12 networks of 300 neurons: 4.5 combined standard errors at 3 lags.

    Kicks differ by δφ of order 1, so a network's error is 1/√(8 · 300) = 0.02 and falls with 12;
    O(1/n) = 0.005 is allowed for.  11 degrees of freedom: a false alarm in 300.
    """
    s, t_max = 0.5, 2.0
    found = np.array(
        [network_response(300, gamma, onsager, s, t_max, 3, seed) for seed in range(12)]
    )
    mean, error = found.mean(axis=0), found.std(axis=0, ddof=1) / math.sqrt(12)
    run = two_time(
        1.8, gamma, t_max=t_max, dt=0.05, onsager=onsager, n_trajectories=4000, batches=4, seed=0,
        response=True, n_pulsed=1600, save_every=10, finite_m="ignore",
    )  # fmt: skip
    assert run.R is not None
    assert run.R_err is not None
    np.testing.assert_allclose(run.t, [0, 0.5, 1, 1.5, 2], rtol=1e-12)
    theory, theory_err = run.R[2:, 1], run.R_err[2:, 1]
    assert np.max((np.abs(mean - theory) - 0.005) / np.hypot(error, theory_err)) < 4.5
    assert np.max(error) < 0.02
    assert np.max(theory) > 0.2


def test_response_over_a_switch() -> None:
    """Kicks before the force is switched on, seen after it: R from the tangents of both epochs."""
    schedule = Switching([0.5], [0.0, 1.0])
    n, seeds = 200, 10
    found = []
    for seed in range(seeds):
        rng = np.random.default_rng(seed)
        J = simulate.couplings.elliptic(n, 1.8, 0.0, seed=seed)
        kick = rng.choice([-1.0, 1.0], (n, 8))
        x0 = rng.standard_normal(n)[:, None]
        starts = np.concatenate([x0 + 1e-4 * kick, x0 - 1e-4 * kick], axis=1)
        end = simulate.integrate(
            J, starts, t_max=1.0, dt=0.025, onsager=schedule, method="rk4"
        ).x_end
        phi = np.tanh(end)
        found.append(np.mean(kick * (phi[:, :8] - phi[:, 8:])) / 2e-4)
    run = two_time(
        1.8, t_max=1.0, dt=0.05, onsager=schedule, n_trajectories=2400, batches=4, seed=0,
        response=True, n_pulsed=1200, save_every=100, finite_m="ignore",
    )  # fmt: skip
    assert run.R is not None
    error = np.std(found, ddof=1) / math.sqrt(seeds)
    # The first column is of first order in dt: 0.03.
    assert abs(np.mean(found) - run.R[-1, 0]) < 4.5 * error + 0.03


def linear_response(
    gamma: float, kappa: float, dt: float, starts: list[float], *, pointwise: bool = True
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Times, R and ∫R ds of a linear network with g = 0.8: every trajectory has the mean."""
    times = step_times(starts, dt)
    zero = np.zeros(1)
    path = [SitePoint(float(t), zero, zero, zero if kappa else None) for t in times]
    model = rate_model(transfer_function("linear"), kappa)
    one = Populations.one(model, 0.8, gamma, 1)
    R, whole = tangent_response(one, path, starts, pointwise=pointwise)
    return times, R[0], whole[0]


@pytest.mark.parametrize(("gamma", "kappa"), [(0.0, 0.7), (0.5, 0.0), (-0.6, 1.0)])
def test_linear_networks(gamma: float, kappa: float) -> None:
    """R is the mean diagonal of exp(A(t−s)), A = (1 − κJᵀ)(J − 1), by moments on random vectors.

    These are known to some 1/√(8 · 1500).  Pulses where the scheme restarts are of first order.
    """
    n = 1500
    J = simulate.couplings.elliptic(n, 0.8, gamma, seed=1)
    v = np.random.default_rng(0).choice([-1.0, 1.0], (n, 8))
    w, moments = v.copy(), [1.0]
    for _ in range(24):
        f = J @ w - w
        w = f - kappa * (J.T @ f)
        moments.append(float(np.mean(v * w)))
    times, R, total = linear_response(gamma, kappa, 0.05, [0.0, 0.53, 1.5])
    lag = times[:, None] - times
    exact = np.where(lag > 0, sum(m * lag**k / math.factorial(k) for k, m in enumerate(moments)), 0)
    off = np.abs(R - exact)
    whole = sum(m * times ** (k + 1) / math.factorial(k + 1) for k, m in enumerate(moments))
    assert np.mean(off) < 1.8e-3
    assert np.max(off[lag > 0.2]) < 0.02
    assert np.max(off) < 0.035
    assert np.max(np.abs(total - whole)) < 6e-3
    _, raw, same = linear_response(gamma, kappa, 0.05, [0.0, 0.53, 1.5], pointwise=False)
    np.testing.assert_allclose(same, total, rtol=1e-12)
    np.testing.assert_allclose(raw.sum(axis=1), total, rtol=1e-12)


def test_weights_of_a_polynomial() -> None:
    nodes = np.array([-1.0, 0.5, 2.0, 2.5])
    for power in range(4):
        for at in (0.0, 0.5, 3.0):
            assert lagrange_weights(nodes, at) @ nodes**power == pytest.approx(at**power, abs=1e-12)


@pytest.mark.parametrize("gamma", [0.6, -0.8])
def test_stationary_pulse_of_a_linear_network(gamma: float) -> None:
    """Bessel functions, to second order: four times as near at half the step."""
    off = []
    for step in (0.1, 0.05):
        tau = step * np.arange(round(3 / step) + 1)
        one = np.ones(2)
        vanilla = Slopes(one, -one, one, -one, one, 0 * one)
        (found,) = stationary_pulse(
            [vanilla] * tau.size, step, Populations.one(LINEAR, 0.9, gamma, 2)
        )
        off.append(np.max(np.abs(found - fixed_point_response(tau, 0.9, gamma))))
    assert off[1] < 1e-3
    assert off[0] / off[1] == pytest.approx(4, rel=0.15)


def made_up(rng: np.random.Generator, n: int, m: int, has_u: bool, equal: bool) -> Any:
    """A model of random slopes at n times, and the times; u is unused at the last two."""
    times = np.cumsum(np.append(0.0, rng.uniform(0.05, 0.15, n - 1)))
    table = [Slopes(*rng.uniform(0.3, 1.2, (6, m))) for _ in times]
    if equal:
        table = [s._replace(drift_h=np.ones(m)) for s in table]
    model = SiteModel("made up", phi=np.tanh, drift=lambda t, x, h, u: h - x)
    # Past the checks of what users hand over.
    object.__setattr__(model, "slopes", lambda t, x, h, u: table[int(np.argmin(np.abs(times - t)))])
    zero = np.zeros(m)
    path = [
        SitePoint(t, zero, zero, zero if has_u and k < n - 2 else None) for k, t in enumerate(times)
    ]
    return model, table, path, times


def plain_pulses(
    table: list[Slopes], path: list[SitePoint], starts: list[int], g: float, gamma: float
) -> np.ndarray:
    """⟨δφ⟩ at step k after a pulse in ẋ at step s, one sum after the other."""
    n, m = len(path), path[0].x.size
    has_u = any(p.u is not None for p in path)
    of_phi, of_psi = np.zeros((2, 3, n, n, m))
    tangent, last = np.zeros((3, n, m)), np.zeros((3, n, m))
    for k in range(n):
        s = table[k]
        of_phi[:, k] = s.phi_x * tangent
        phi, psi = of_phi.mean(axis=-1), of_psi.mean(axis=-1)
        rest = np.zeros((3, n, m))
        for kind in range(3):
            for pulse in range(k + 1):
                # Pulses in h, u and the drift; h(k) knows ψ of earlier times only.
                h = 1.0 * (kind == 0 and pulse == k) + g * g * sum(
                    gamma * phi[0, k, j] * of_phi[kind, j, pulse] for j in range(k + 1)
                )
                if has_u:
                    h = h + g * g * sum(phi[1, k, j] * of_psi[kind, j, pulse] for j in range(k))
                    of_psi[kind, k, pulse] = s.psi_x * tangent[kind, pulse] + s.psi_h * h
                rest[kind, pulse] = (s.drift_x + 1) * tangent[kind, pulse] + s.drift_h * h
        psi = of_psi.mean(axis=-1)
        for kind in range(3):
            for pulse in range(k + 1):
                if path[k].u is not None:
                    u = 1.0 * (kind == 1 and pulse == k) + g * g * sum(
                        psi[0, k, j] * of_phi[kind, j, pulse]
                        + gamma * psi[1, k, j] * of_psi[kind, j, pulse]
                        for j in range(k + 1)
                    )
                    rest[kind, pulse] += s.drift_u * u
                rest[kind, pulse] += kind == 2 and pulse == k
        if k + 1 < n:
            h = path[k + 1].t - path[k].t
            ramp = (math.exp(-h) - 1 + h) / h
            tangent = math.exp(-h) * tangent + (1 - math.exp(-h)) * rest
            if k and k not in starts:
                tangent += ramp * h / (path[k].t - path[k - 1].t) * (rest - last)
            last = rest
    return of_phi.mean(axis=-1)[2]


@pytest.mark.parametrize(
    ("has_u", "equal", "gamma"),
    [(False, True, 0.5), (False, False, -0.6), (True, True, 0.4), (True, False, 0.0)],
)
def test_pulses_by_plain_sums(has_u: bool, equal: bool, gamma: float) -> None:
    rng, n = np.random.default_rng(3), 9
    model, table, path, times = made_up(rng, n, 4, has_u, equal)
    starts = [0, 4]
    exact = plain_pulses(table, path, starts, 0.8, gamma)
    alone = Populations.one(model, 0.8, gamma, path[0].x.size)
    (pulses,), (whole,) = tangent_response(alone, path, list(times[starts]), pointwise=False)
    np.testing.assert_allclose(pulses, exact, atol=1e-5 * np.max(np.abs(exact)))
    np.testing.assert_allclose(whole, exact.sum(axis=1), rtol=1e-5, atol=1e-6)
    (same,) = tangent_response(alone, path, list(times[starts]))[1]
    np.testing.assert_allclose(same, whole, rtol=1e-12)


def test_leak_of_the_scheme() -> None:
    """Single steps of −x + a pulse, each on its own."""
    times = np.array([0.0, 0.1, 0.3, 0.4, 0.45, 0.7])
    restarts = np.array([True, False, False, True, False, True])
    found = _leak(times, restarts)
    for pulse in range(6):
        x, last = 0.0, 0.0
        for k in range(6):
            assert found[k, pulse] == pytest.approx(x, abs=1e-15)
            if k < 5:
                h, rest = times[k + 1] - times[k], float(k == pulse)
                x = math.exp(-h) * x + (1 - math.exp(-h)) * rest
                if not restarts[k]:
                    before = times[k] - times[k - 1]
                    x += (math.exp(-h) - 1 + h) / before * (rest - last)
                last = rest


def test_start_of_a_response_is_made_smooth() -> None:
    """Cubics of t and, for the last pulses, functions of the lag alone, are found again."""
    times = np.array([0.0, 0.1, 0.25, 0.3, 0.5, 0.6, 0.7, 0.85, 1.0, 1.1])
    n = times.size
    t, s = times[:, None], times
    exact = np.tril(1 + 2 * s + 3 * (t - s) - 4 * (t - s) ** 2 + (t - s) ** 3 * (1 + s))
    off = exact.copy()
    for lag in (1, 2):
        off[np.arange(lag, n), np.arange(n - lag)] = 7.0
    R = off.copy()
    initial = np.diagonal(exact).copy()
    _smooth_start(R, times, initial, [0.0, 1.1])
    np.testing.assert_allclose(np.tril(R, -1)[:, : n - 5], np.tril(exact, -1)[:, : n - 5])
    for k in range(n - 5, n - 1):
        for place in range(k + 1, min(k + 3, n)):
            line = 2 * R[place - 1, k - 1] - R[place - 2, k - 2]
            assert R[place, k] == pytest.approx(line, rel=1e-13)
    # A jump at 0.5 lies within the five steps after the first four pulses, and after those alone.
    kinked = off.copy()
    _smooth_start(kinked, times, initial, [0.0, 0.5, 1.1])
    np.testing.assert_array_equal(kinked[:, :4], off[:, :4])
    np.testing.assert_array_equal(kinked[:, 4], R[:, 4])
    short = off[:3, :3].copy()
    _smooth_start(short, times[:3], initial[:3], [0.0])
    np.testing.assert_array_equal(short, off[:3, :3])


def test_stationary_pulse_by_plain_sums() -> None:
    """Trapezoidal sums over the lags, written out, with slopes that differ."""
    rng, n = np.random.default_rng(0), 8
    slopes = rng.uniform(0.2, 1.0, (n, 3))
    h, strength = 0.2, -0.4 * 1.3**2
    ramp = (math.exp(-h) - 1 + h) / h
    R, history = np.zeros(n), np.zeros((n, 3))

    def rest(k: int, x: Any) -> Any:
        history[k] = slopes[k] * x
        R[k] = history[k].mean()
        ends = [0.5 if j in (0, k) else 1.0 for j in range(k + 1)]
        terms = [strength * h * w * R[k - j] * history[j] for j, w in enumerate(ends)]
        return np.sum(terms, axis=0) * (k > 0)

    x, last = np.ones(3), None
    for k in range(n):
        now = rest(k, x)
        moved = math.exp(-h) * x + (1 - math.exp(-h)) * now
        x = moved + ramp * (rest(1, moved) - now if last is None else now - last)
        last = now
    one = np.ones(3)
    given = [Slopes(s, -one, one, -one, one, 0 * one) for s in slopes]
    (found,) = stationary_pulse(given, h, Populations.one(LINEAR, 1.3, -0.4, 3))
    np.testing.assert_allclose(found, R, rtol=1e-12)


@pytest.mark.parametrize("steep", [1.0, 0.7])
def test_stationary_pulses_side_by_side(steep: float) -> None:
    """Networks that do not hear each other, over several blocks of times, as each by itself."""
    n, count, m = 100, 3, 4
    path = np.random.default_rng(0).uniform(0.2, 1.0, (n, count * m))
    one = np.ones(count * m)
    given = [Slopes(s, -one, one, -one, steep * one, 0 * one) for s in path]
    network = Populations.one(LINEAR, 1.3, -0.4, m)
    together = stationary_pulse(given, 0.1, network.side_by_side(count))
    for k in range(count):
        part = slice(k * m, (k + 1) * m)
        own = [Slopes(*(slope[part] for slope in slopes)) for slopes in given]
        (alone,) = stationary_pulse(own, 0.1, network)
        np.testing.assert_allclose(together[k], alone, rtol=1e-12)
        # Once more as a single block, by one sum over the past at every time.
        (block,) = stationary_pulse(own, 0.1, network._replace(apart=True))
        np.testing.assert_allclose(block, alone, rtol=1e-12)


@pytest.mark.parametrize(
    ("g", "gamma", "kappa"), [(0.5, 0.4, 1.0), (0.6, -0.5, 1.0), (0.5, 0.4, 0.3), (0.4, 1.0, 1.0)]
)
def test_stationary_pulse_with_the_onsager_reaction_force(
    g: float, gamma: float, kappa: float
) -> None:
    """A linear network: R(τ) = tr exp(−Mτ)/N with M = (1 − κJᵀ)(1 − J), to second order."""
    n = 700
    draws = np.random.default_rng(1).standard_normal((n, n)) * g / math.sqrt(n)
    even, odd = (draws + draws.T) / math.sqrt(2), (draws - draws.T) / math.sqrt(2)
    J = math.sqrt((1 + gamma) / 2) * even + math.sqrt((1 - gamma) / 2) * odd
    rates = np.linalg.eigvals((np.eye(n) - kappa * J.T) @ (np.eye(n) - J))
    one, found = np.ones(2), []
    site = Slopes(one, -one, one, -one, one, -kappa * one)
    for step in (0.1, 0.05, 0.025):
        alone = Populations.one(LINEAR, g, gamma, 2)
        (pulse,) = stationary_pulse([site] * (round(3 / step) + 1), step, alone)
        found.append(pulse[:: round(0.1 / step)])
    exact = np.exp(-np.outer(0.1 * np.arange(31), rates)).mean(axis=1).real
    # What remains at the shortest step is the scatter of the matrix, of order 1/n.
    assert np.max(np.abs(found[2] - exact)) < 4e-3
    first, second = (np.max(np.abs(found[k] - found[k + 1])) for k in (0, 1))
    assert 3 < first / second < 6
