"""A model of the user's through all solvers: generalised Lotka–Volterra with random interactions.

Abundances obey ẋ = x(1 − x − h) + ε, h = Jx + (μ/N)Σx, J of gain σ and symmetry γ, with a small
immigration ε.  In the phase of one fixed point x = x(a) is the positive root of x(a − Vx) + ε = 0,
V = 1 − γσ²v, where a = 1 − μm − σ√q z is normal, and m = ⟨x⟩, q = ⟨x²⟩, v = ⟨x′(a)⟩ close the
equations (G. Bunin, Phys. Rev. E 95, 042414 (2017)).  For ε → 0 it is x = max(0, a)/V: truncated
Gaussian laws, and v = ϕ/V with the share ϕ of the species that survive.  It is stable while
σ²⟨x′(a)²⟩ = σ²ϕ/V² < 1, that is for σ(1 + γ) < √2, where ϕ = 1/2.
"""

import math
from typing import Any, NamedTuple

import numpy as np
import pytest
from scipy.optimize import brentq, root
from scipy.stats import norm

from meanfield import SiteModel, Slopes, maximal_lyapunov, steady_state, two_time
from meanfield.dmft.sampler.run import Offsets, SamplerRun, SamplerSetting
from meanfield.schedule import step_times

MU, IMMIGRATION = 4.0, 1e-3


def drift(t: float, x: Any, h: Any, u: Any) -> Any:
    return x * (1 - x - h) + IMMIGRATION


def slopes(t: float, x: Any, h: Any, u: Any) -> Slopes:
    one, zero = np.ones_like(x), np.zeros_like(x)
    return Slopes(one, zero, zero, 1 - 2 * x - h, -x, zero)


LOTKA_VOLTERRA = SiteModel(
    "Lotka-Volterra",
    phi=lambda x: x,
    drift=drift,
    force=lambda x, h: drift(0.0, x, h, None),
    slopes=slopes,
)


class Cavity(NamedTuple):
    m: float
    q: float
    v: float
    survivors: float
    instability: float  # σ²⟨x′(a)²⟩


def truncated(sigma: float, gamma: float) -> Cavity:
    """ε → 0, by the moments of truncated normal laws at the ratio c = (1 − μm)/(σ√q)."""

    def moments(c: float) -> tuple[float, float, float]:
        share, density = float(norm.cdf(c)), float(norm.pdf(c))
        return share, c * share + density, (1 + c * c) * share + c * density

    def excess(c: float) -> float:
        # q = σ²q w₂/V² fixes V, and v = ϕ/V must be the v that is in V.
        share, _, second = moments(c)
        V = sigma * math.sqrt(second)
        return V - 1 + gamma * sigma**2 * share / V

    c = brentq(excess, -3, 30)
    share, first, second = moments(c)
    V = sigma * math.sqrt(second)
    # m = s w₁/V with s = σ√q, and c s = 1 − μm.
    s = 1 / (c + MU * first / V)
    return Cavity(s * first / V, (s / sigma) ** 2, share / V, share, sigma**2 * share / V**2)


def with_immigration(sigma: float, gamma: float, rate: float = IMMIGRATION) -> Cavity:
    """At ε > 0, by quadrature."""
    z = np.linspace(-9, 9, 20_001)
    weight = norm.pdf(z) / norm.pdf(z).sum()

    def averages(p: np.ndarray) -> tuple[np.ndarray, float, float]:
        m, q, v = p
        V, a = 1 - gamma * sigma**2 * v, 1 - MU * m - sigma * math.sqrt(q) * z
        width = np.sqrt(a**2 + 4 * V * rate)
        # The root without cancellation.
        x = np.where(a > 0, (a + width) / (2 * V), 2 * rate / (width - a))
        slope = x / width
        found = np.array([weight @ x, weight @ x**2, weight @ slope])
        return found, float(weight @ (a > 0)), float(sigma**2 * weight @ slope**2)

    start = truncated(sigma, gamma)
    found = root(lambda p: averages(p)[0] - p, start[:3], tol=1e-12).x
    return Cavity(*found.tolist(), *averages(found)[1:])


@pytest.mark.parametrize("gamma", [-0.5, 0.0, 0.5])
def test_stability_line(gamma: float) -> None:
    """σ(1 + γ) = √2, where half of the species survive; so it is without immigration."""
    edge = truncated(math.sqrt(2) / (1 + gamma), gamma)
    assert edge.survivors == pytest.approx(0.5)
    assert edge.instability == pytest.approx(1.0)
    assert truncated(1.2 / (1 + gamma), gamma).instability < 1
    sigma = 0.7 / (1 + gamma)
    np.testing.assert_allclose(
        with_immigration(sigma, gamma, 1e-8), truncated(sigma, gamma), rtol=1e-3
    )


def shares(sigma: float, gamma: float, size: int, t_max: float) -> tuple[float, float]:
    """Species with a > 0 in a batch, and the variance of the rates ẋ."""
    times = [0.0, t_max]
    setting = SamplerSetting(
        LOTKA_VOLTERRA, sigma, gamma, lambda t: 0.0, 0.05, times, step_times(times, 0.1),
        offsets=Offsets(mean_coupling=MU, x0_mean=0.5),
    )  # fmt: skip
    *_, last = SamplerRun(setting, size, 0, 0)
    # Where x(1 − x − h) + ε = 0, x is of the order of √ε where a changes sign.
    return float(np.mean(last.x > math.sqrt(IMMIGRATION))), float(np.mean(last.drift**2))


@pytest.mark.parametrize(
    ("sigma", "gamma"),
    [
        (0.6, 0.5),
        pytest.param(0.8, 0.0, marks=pytest.mark.slow),
        pytest.param(1.2, -0.5, marks=pytest.mark.slow),
    ],
)
def test_unique_fixed_point(sigma: float, gamma: float) -> None:
    """Mean, second moment and survivors; false alarms of 3 numbers of 3 degrees of freedom 1 %."""
    exact = with_immigration(sigma, gamma)
    run = two_time(
        sigma, gamma, model=LOTKA_VOLTERRA, mean_coupling=MU, x0_mean=0.5, x0_std=0.05, t_max=120.0,
        dt=0.1, save_every=300, n_trajectories=8000, batches=4, seed=0,
    )  # fmt: skip
    assert run.converged
    assert abs(run.mean[-1] - exact.m) < 10 * run.mean_err[-1] < 0.02
    assert abs(run.delta[-1, -1] - exact.q) < 10 * run.delta_err[-1, -1] < 0.04
    assert run.C[-1, -2] == pytest.approx(run.C[-1, -1], rel=0.02)
    survivors, rates = shares(sigma, gamma, 4000, 60.0)
    assert abs(survivors - exact.survivors) < 0.04
    assert rates < 1e-4


STEADY: dict[str, Any] = {
    "model": LOTKA_VOLTERRA, "mean_coupling": MU, "x0_mean": 0.5, "x0_std": 0.05, "seed": 0,
}  # fmt: skip


@pytest.mark.slow
def test_steady_state_and_response() -> None:
    """At γ = 0 a pulse in ẋ decays with the rate √(a² + 4ε) of its species."""
    sigma, window = 0.8, 20.0
    exact = with_immigration(sigma, 0.0)
    run = steady_state(
        sigma, t_skip=120.0, t_max=160.0, window=window, n_trajectories=6000, batches=6, **STEADY
    )
    assert run.converged
    assert abs(run.mean - exact.m) < 10 * run.mean_err < 0.02
    assert abs(run.q - exact.q) < 10 * run.q_err < 0.02
    assert math.isnan(run.tau_half)
    z, weight = np.polynomial.hermite_e.hermegauss(200)
    a = 1 - MU * exact.m - sigma * math.sqrt(exact.q) * z
    rate, weight = np.sqrt(a**2 + 4 * IMMIGRATION), weight / weight.sum()
    pulse = np.exp(-np.outer(run.tau, rate)) @ weight
    assert np.all(np.abs(run.R - pulse) < 10 * run.R_err + 0.01)
    assert abs(run.r_int - weight @ (-np.expm1(-rate * window) / rate)) < 10 * run.r_int_err < 2


@pytest.mark.slow
@pytest.mark.parametrize(("share", "sign"), [(0.7, -1), (1.5, 1)])
def test_exponents_on_both_sides_of_the_line(share: float, sign: int) -> None:
    """Negative in the phase of one fixed point, positive beyond its line, which ε moves little."""
    sigma = share * math.sqrt(2)
    assert (with_immigration(sigma, 0.0).instability > 1) == (sign > 0)
    run = maximal_lyapunov(
        sigma, t_skip=50.0, t_max=110.0, window=30.0, n_trajectories=6000, batches=2, dt=0.05,
        **STEADY,
    )  # fmt: skip
    # One degree of freedom knows its error badly.
    assert sign * run.value > 0.02
    assert run.value_err < 0.1
