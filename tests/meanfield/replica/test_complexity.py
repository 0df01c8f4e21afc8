import math
from pathlib import Path

import numpy as np
import pytest
from scipy.integrate import quad

from meanfield import (
    ArgumentError,
    NotConvergedError,
    TransferFunction,
    complexity,
    fixed_point_spectrum,
    load,
    null_response,
    saddle_point,
    transition_lines,
)
from meanfield.common.arguments import Array

POINTS = [(1.2, 0.0, 1.0), (2.0, 0.5, 1.0), (2.5, -0.3, 1.0), (1.0, 0.9, 0.7), (4.0, -0.7, 0.5)]


def sigma(
    g: float, gamma: float, s: float, q: float, rho: float, hat: float, r: float, y: float
) -> float:  # fmt: skip
    """Σ_s of order parameters that need not solve the equations, by adaptive quadrature."""

    def weight(x: float) -> float:
        t = math.tanh(x)
        d1 = 1 - t * t
        den = (1 - gamma * g * g * r * d1) ** 2 + y * d1**2
        log = -x * x / (2 * g * g * q) + gamma * rho * x * t / q - hat * t * t
        return math.exp(log + s / 2 * math.log(den))

    total = 2 * quad(weight, 0, 12 * g * math.sqrt(q) + 5, epsabs=0, epsrel=1e-13, limit=400)[0]
    rest = hat * q - gamma * (1 + gamma) * g**2 * rho**2 / 2
    rest += s * (gamma * g**2 * r**2 / 2 - y / (2 * g**2))
    return math.log(total / math.sqrt(2 * math.pi * g * g * q)) + rest


def elliptic(n: int, g: float, gamma: float, seed: int) -> Array:
    rng = np.random.default_rng(seed)
    a = rng.standard_normal((n, n)) * g / math.sqrt(n)
    return math.sqrt((1 + gamma) / 2) * (a + a.T) / math.sqrt(2) + math.sqrt((1 - gamma) / 2) * (
        a - a.T
    ) / math.sqrt(2)


@pytest.mark.parametrize(("g", "gamma", "s"), POINTS)
def test_complexity_is_a_stationary_value(g: float, gamma: float, s: float) -> None:
    zeros = complexity(g, gamma, weight=s)
    q, rho, r, y = (float(getattr(zeros, name)) for name in ("q", "rho", "r", "y"))
    hat = (
        1 / (2 * q) - float(zeros.x2) / (2 * g**2 * q**2) + gamma * (1 + gamma) * g**2 * rho**2 / q
    )
    order = np.array([q, rho, hat, r, y])
    here = sigma(g, gamma, s, *order)
    assert float(zeros.complexity) == pytest.approx(here, abs=1e-12)
    for k in range(5):
        step = np.zeros(5)
        step[k] = 1e-4 * max(order[k], 0.1)
        up, down = (sigma(g, gamma, s, *(order + sign * step)) for sign in (1, -1))
        slope = (up - down) / (2 * step[k])
        if k == 4 and y == 0:
            # Σ has its maximum in y at the end of the range.
            assert up < here
        else:
            assert abs(slope) < 3e-7, k


# Independent solutions of the plain equations with 13 digits.
@pytest.mark.parametrize(
    ("g", "gamma", "s", "q", "rho", "r", "y", "value"),
    [
        (
            1.2, 0.0, 1.0,
            0.1217773343664, 0.7864724728299, 0.7735722515991, 0.1647989624914, 0.0008812183971141,
        ),
        (
            5.0, 0.0, 1.0,
            0.5869522422791, 0.1348192326631, 0.06882906663649, 11.41221752782, 0.1114169939272,
        ),
        (
            0.8, 0.5, 1.0,
            0.1254977065281, 1.171409970684, 1.149539631674, 0.07322681561321, 0.00155955234547,
        ),
        (
            2.0, 0.0, 0.5,
            0.4903732411457, 0.4536055372718, 0.3580036487456, 0.7554449424978, 0.007429403551541,
        ),
        (
            1.5, 0.5, 0.5,
            0.4630828160039, 0.5007724096936, 0.4053982488049, 0.712023356425, 0.1144698830575,
        ),
    ],
)  # fmt: skip
def test_order_parameters(
    g: float, gamma: float, s: float, q: float, rho: float, r: float, y: float, value: float
) -> None:
    zeros = complexity(g, gamma, weight=s)
    found = [float(getattr(zeros, name)) for name in ("q", "rho", "r", "y", "complexity")]
    np.testing.assert_allclose(found, [q, rho, r, y, value], rtol=0, atol=2e-12 * max(y, 1))


def test_weight_zero_is_the_measure() -> None:
    g, gamma = np.array([0.9, 1.5, 3.0])[:, None], np.array([0.0, 0.5, 1.0])
    zeros = complexity(g, gamma, weight=0.0)
    point = saddle_point(g, gamma, branch="paramagnetic")
    np.testing.assert_allclose(zeros.q, point.q, rtol=0, atol=1e-12)
    np.testing.assert_allclose(zeros.x2, point.x2, rtol=0, atol=1e-11)
    np.testing.assert_allclose(zeros.complexity, point.free_entropy, rtol=0, atol=1e-12)
    finite = zeros.q > 0
    np.testing.assert_allclose(zeros.rho[finite], point.r[finite], rtol=0, atol=1e-12)
    np.testing.assert_allclose(zeros.complexity[:, 0], 0, atol=1e-13)


@pytest.mark.parametrize("s", [0.0, 0.3, 0.9])
def test_slope_in_the_weight_is_the_log_determinant(s: float) -> None:
    step = 1e-4
    around = complexity(2.2, [-0.2, 0.0, 0.4], weight=[[s + step], [s], [s + 2 * step]])
    slope = (around.complexity[2] - around.complexity[1]) / (2 * step)
    np.testing.assert_allclose(slope, around.log_determinant[0], rtol=0, atol=1e-7)


@pytest.mark.parametrize("gamma", [-0.6, -0.2, 0.0, 0.5, 0.9])
def test_onset_and_its_next_order(gamma: float) -> None:
    distance = np.array([1e-3, 2e-3, 4e-3, 8e-3])
    zeros = complexity((1 + distance) / (1 + gamma), gamma)
    q = 2 * distance / 3 - (32 * gamma**2 - 24 * gamma + 13) * distance**2 / 81
    value = 16 * distance**3 / 81 - 8 * (16 * gamma**2 + 96 * gamma + 65) * distance**4 / 729
    # What is left is of the order after the next; a wrong digit of it would appear times 1000.
    assert np.all(np.abs(zeros.q - q) < 10 * distance**3)
    assert np.all(np.abs(zeros.complexity / (1 + gamma) ** 2 - value) < 30 * distance**5)
    index = 4 * np.sqrt(2) / (9 * np.sqrt(3) * np.pi) * distance**1.5
    np.testing.assert_allclose(zeros.index, index, rtol=0.02)


@pytest.mark.parametrize("gamma", [-0.9, -0.3, 0.0, 0.4, 1.0])
def test_null_up_to_the_onset(gamma: float) -> None:
    g = np.array([0.1, 0.7, 1.0]) / (1 + gamma)
    zeros = complexity(g, gamma, weight=[[1.0], [0.5]])
    assert zeros.is_null.all()
    assert zeros.typical.all()
    assert np.all(zeros.complexity[0] == 0)
    assert np.all(zeros.q == 0)
    response = null_response(g, gamma)
    np.testing.assert_allclose(zeros.r[0], response)
    determinant = np.log(1 - gamma * g**2 * response) + gamma * g**2 * response**2 / 2
    np.testing.assert_allclose(zeros.log_determinant[1], determinant, rtol=0, atol=1e-14)
    np.testing.assert_allclose(zeros.complexity[1], -determinant / 2, rtol=0, atol=1e-14)
    np.testing.assert_allclose(zeros.edge[0], g * (1 + gamma) - 1, rtol=0, atol=1e-14)
    assert np.all(zeros.index == 0)


def test_null_beyond_the_onset_is_an_ellipse() -> None:
    zeros = complexity(0.78, 0.5, weight=0.5)
    assert zeros.is_null
    z = np.linalg.eigvals(elliptic(800, 0.78, 0.5, 3)) - 1
    assert float(zeros.index) == pytest.approx(np.mean(z.real > 0), abs=0.01)
    assert float(zeros.log_determinant) == pytest.approx(np.mean(np.log(np.abs(z))), abs=0.01)
    assert float(zeros.radius) == pytest.approx(0.78 * 1.5, abs=1e-14)


def test_large_gain() -> None:
    zeros = complexity([300.0, 3000.0])
    limits = ((zeros.complexity, 0.264239325), (zeros.q, 0.69354917), (zeros.index, 0.2207635575))
    for found, limit in limits:
        missing = limit - found
        assert 0 < missing[1] < missing[0] / 6
        assert missing[1] < 1e-3


@pytest.mark.parametrize(
    ("g", "gamma", "index", "edge"),
    [
        (2.0, 0.0, 0.0582879108, 0.3941804495),
        (3.0, 0.0, 0.0995647319, 0.8644862664),
        (2.0, 0.5, 0.0842251945, 0.7921967981),
        (2.5, -0.3, 0.0482112106, 0.2891509726),
    ],
)
def test_spectrum_at_a_typical_zero(g: float, gamma: float, index: float, edge: float) -> None:
    zeros = complexity(g, gamma)
    assert float(zeros.index) == pytest.approx(index, abs=1e-9)
    assert float(zeros.edge) == pytest.approx(edge, abs=1e-9)


@pytest.mark.parametrize(("g", "gamma"), [(2.0, 0.5), (3.0, 0.0), (2.5, -0.5), (1.5, 1.0)])
def test_spectrum_is_that_of_matrices(g: float, gamma: float) -> None:
    zeros = complexity(g, gamma)
    n = 600
    # x at the quantiles of its law.
    x = np.linspace(0, 12 * g, 20001)
    t = np.tanh(x)
    den = (1 - gamma * g**2 * float(zeros.r) * (1 - t**2)) ** 2 + float(zeros.y) * (1 - t**2) ** 2
    q, rho = float(zeros.q), float(zeros.rho)
    hat = (
        1 / (2 * q) - float(zeros.x2) / (2 * g**2 * q**2) + gamma * (1 + gamma) * g**2 * rho**2 / q
    )
    p = np.exp(-(x**2) / (2 * g**2 * q) + gamma * rho * x * t / q - hat * t**2) * np.sqrt(den)
    below = np.cumsum((p[1:] + p[:-1]) / 2)
    places = np.interp((np.arange(n) + 0.5) / n, np.append(0, below) / below[-1], x)
    d1 = np.random.default_rng(0).permutation(1 - np.tanh(places) ** 2)
    z = np.linalg.eigvals(elliptic(n, g, gamma, 1) * d1) - 1
    assert float(zeros.index) == pytest.approx(np.mean(z.real > 0), abs=0.008)
    assert float(zeros.log_determinant) == pytest.approx(np.mean(np.log(np.abs(z))), abs=0.01)
    # The outermost eigenvalues vary by about radius/√n.
    width = 2.5 * float(zeros.radius) / math.sqrt(n)
    assert float(zeros.edge) == pytest.approx(z.real.max(), abs=width)
    assert float(zeros.radius) == pytest.approx(np.abs(z + 1).max(), abs=width)
    if gamma < 1:
        spectrum = fixed_point_spectrum(g, gamma, real=np.linspace(-0.2, 0.2, 9), imag=0.1)
        here = (np.abs(z.real) < 0.225) & (np.abs(np.abs(z.imag) - 0.1) < 0.1)
        expected = float(spectrum.density.mean()) * 0.45 * 0.2 * 2
        assert np.mean(here) == pytest.approx(expected, abs=4 * math.sqrt(expected / n))


@pytest.mark.slow
def test_density_integrates_to_one() -> None:
    edge = fixed_point_spectrum(2.0, 0.3, real=[0.0])
    nodes, weights = np.polynomial.legendre.leggauss(24)
    total = 0.0
    angles = np.linspace(0, np.pi / 2, 46)
    quarter = edge.boundary_real[:46] + 1 + 1j * edge.boundary_imag[:46]
    size = np.abs(quarter)
    np.testing.assert_allclose(np.angle(quarter), angles, atol=1e-12)
    radial = np.empty(46)
    for k, (angle, length) in enumerate(zip(angles[::5], size[::5], strict=True)):
        at = (nodes + 1) / 2 * length
        mu = fixed_point_spectrum(2.0, 0.3, real=at * np.cos(angle) - 1, imag=at * np.sin(angle))
        radial[k] = np.sum(mu.density * at * weights) * length / 2
    total = 4 * np.trapezoid(radial[:10], angles[::5])
    assert total == pytest.approx(1, abs=2e-3)


def test_density_of_rest_is_uniform_on_the_ellipse() -> None:
    spectrum = fixed_point_spectrum(
        0.5, 0.4, real=[-1.5, -1.0, -0.4, -1.0], imag=[0.0, 0.2, 0.0, 0.4]
    )
    uniform = 1 / (np.pi * 0.25 * (1 - 0.4**2))
    np.testing.assert_allclose(spectrum.density, [uniform, uniform, uniform, 0.0], rtol=1e-9)


def test_scale_of_phi_is_a_scale_of_the_gain() -> None:
    tall = TransferFunction(
        lambda x: 2 * np.tanh(x), lambda x: 2 / np.cosh(x) ** 2,
        lambda x: -4 * np.tanh(x) / np.cosh(x) ** 2, name="tall", bound=2.0,
    )  # fmt: skip
    wide = TransferFunction(
        lambda x: np.tanh(2 * x), lambda x: 2 / np.cosh(2 * x) ** 2,
        lambda x: -8 * np.tanh(2 * x) / np.cosh(2 * x) ** 2, name="wide", bound=1.0,
    )  # fmt: skip
    for s in (1.0, 0.6):
        usual = complexity([0.9, 2.0], [0.5, -0.2], weight=s)
        for phi, q, x2 in ((tall, 4, 1), (wide, 1, 0.25)):
            other = complexity([0.45, 1.0], [0.5, -0.2], weight=s, phi=phi)
            np.testing.assert_allclose(other.complexity, usual.complexity, rtol=0, atol=1e-12)
            np.testing.assert_allclose(other.q, q * usual.q, rtol=1e-9)
            np.testing.assert_allclose(other.x2, x2 * usual.x2, rtol=1e-9)
            for name in ("index", "edge", "radius", "log_determinant"):
                found, expected = getattr(other, name), getattr(usual, name)
                np.testing.assert_allclose(found, expected, rtol=0, atol=1e-9)


def _grid(s: float, count: int) -> None:
    distance, gamma = np.geomspace(1e-3, 18, count), np.linspace(-0.9, 1, count)
    g, gamma = np.broadcast_arrays((1 + distance[:, None]) / (1 + gamma), gamma)
    inside = g <= 10
    zeros = complexity(g[inside], gamma[inside], weight=s)
    assert zeros.converged.all()
    assert zeros.residual.max() < 1e-10
    assert np.isfinite(zeros.index).all()
    if s == 1:
        assert np.all(zeros.complexity > 0)
        assert not zeros.is_null.any()


@pytest.mark.parametrize("s", [1.0, 0.5])
def test_grid_converges(s: float) -> None:
    _grid(s, 9)


@pytest.mark.slow
@pytest.mark.parametrize("s", [1.0, 0.5])
def test_large_grid_converges(s: float) -> None:
    _grid(s, 48)


def test_a_point_does_not_feel_the_others() -> None:
    g, gamma = np.array([0.8, 1.1, 2.0, 6.0]), np.array([0.5, -0.05, 0.0, 0.9])
    together = complexity(g, gamma, weight=0.8)
    alone = [float(complexity(a, b, weight=0.8).complexity) for a, b in zip(g, gamma, strict=True)]
    np.testing.assert_allclose(together.complexity, alone, rtol=0, atol=1e-13)


def test_linear_phi_and_large_weights_are_told() -> None:
    with pytest.raises(NotConvergedError, match="no isolated zeros"):
        complexity(1.5, phi="linear")
    assert complexity(0.5, phi="linear").is_null
    far = complexity(1.5, 0.0, weight=2.0, throw=False)
    assert far.status == "flagged"
    assert np.isnan(far.complexity)
    with pytest.raises(ArgumentError, match="gamma=-1: must be > -1"):
        complexity(1.5, -1.0)
    with pytest.raises(ArgumentError, match="gamma=1: must be > -1 and < 1"):
        fixed_point_spectrum(1.5, 1.0)


def test_transitions_where_the_two_states_weigh_the_same() -> None:
    lines = transition_lines([0.5, 0.9, 0.5, 0.3, 0.0], weight=[0.9, 0.75, 0.5, 1.0, 0.2])
    expected = [0.80036, 0.72220, 1 / math.sqrt(1.5), 1 / 1.3, 1.0]
    np.testing.assert_allclose(lines.gain, expected, atol=5e-6)
    assert np.all((lines.jump > 0) == [True, True, False, False, False])
    np.testing.assert_array_equal(lines.typical_from, lines.gain)
    for g, gamma, s, jump in zip(lines.gain[:2], (0.5, 0.9), (0.9, 0.75), lines.jump, strict=False):
        before, after = complexity(g * np.array([1 - 1e-7, 1 + 1e-7]), gamma, weight=s).q
        assert before == 0
        assert after == pytest.approx(jump, rel=1e-3)


def test_tricritical_weight() -> None:
    gamma = np.array([0.2, 0.5, 1.0])
    critical = (3 + gamma) / (3 * (1 + gamma))
    assert np.all(transition_lines(gamma, weight=critical - 0.03).jump == 0)
    assert np.all(transition_lines(gamma, weight=critical + 0.03).jump > 0)
    delta, s = 1e-3, 0.4
    q = complexity(1 / np.sqrt((1 + gamma) * (1 - delta)), gamma, weight=s).q
    expected = (1 - s) * delta / (2 * (1 + gamma) * (critical - s))
    np.testing.assert_allclose(q, expected, rtol=5e-3)


def test_close_to_weight_one_the_transition_moves_to_the_onset() -> None:
    s = 1 - np.array([1e-4, 1e-6])
    lines = transition_lines(0.5, weight=s)
    expected = np.sqrt(3 * 0.5 * (1 - s)) / 1.5
    np.testing.assert_allclose(lines.gain * 1.5 - 1, expected, rtol=0.01)


def test_measure_condenses_where_the_entropy_is_negative() -> None:
    lines = transition_lines([-0.3, -0.3, -0.5], weight=[0.9, 0.5, 0.5])
    np.testing.assert_allclose(lines.gain, 1 / (1 + lines.gamma))
    assert float(lines.typical_from[0]) == pytest.approx(1.84047, abs=5e-6)
    assert np.isinf(lines.typical_to[0])
    assert np.isnan(lines.typical_from[2])
    first, last = float(lines.typical_from[1]), float(lines.typical_to[1])
    gains = np.multiply([first, first, last, last], [0.999, 1.001, 0.999, 1.001])
    around = complexity(gains, -0.3, weight=0.5)
    assert around.typical.tolist() == [False, True, True, False]
    assert np.all(np.sign(around.entropy) == [-1, 1, 1, -1])


def test_lines_that_are_not_known_are_told() -> None:
    lines = transition_lines(
        [-0.92, -0.9, 0.5, 1.0, -0.3], weight=[0.9, 0.99, 1 - 1e-9, 1 - 1e-9, 0.9], throw=False
    )
    assert lines.converged.tolist() == [False] * 4 + [True]
    for k, text in enumerate(["branch is lost: ", "before 100 times", "closer", "closer"]):
        assert text in lines.reason[k]
    for name in ("gain", "jump", "typical_from", "typical_to"):
        assert np.isnan(getattr(lines, name)[:4]).all()
    assert float(lines.typical_from[4]) == pytest.approx(1.84047, abs=5e-6)
    with pytest.raises(NotConvergedError, match=r"branch is lost.*gamma=-0.92, weight=0.9"):
        transition_lines(-0.92, weight=0.9)
    with pytest.raises(ArgumentError, match="weight=nan: must be between 0 and 1"):
        transition_lines(0.5, weight=[0.5, np.nan])


def test_typical_from_the_onset_close_to_weight_one() -> None:
    lines = transition_lines(-0.3, weight=[1 - 1e-9, 1 - 1e-6, 1 - 1e-3])
    distance = lines.typical_from * 0.7 - 1
    assert distance[0] == pytest.approx(0, abs=1e-14)
    # The distance goes like √(1−s), as that of the gain does for γ > 0.
    assert distance[2] / distance[1] == pytest.approx(math.sqrt(1000), rel=0.03)
    assert np.isinf(lines.typical_to).all()


def test_default_places_and_places_without_density(tmp_path: Path) -> None:
    for g, gamma in [(4.0, 0.5), (10.0, 0.2)]:
        spectrum = fixed_point_spectrum(g, gamma)
        assert spectrum.density.shape == (40,)
        assert np.all(spectrum.density >= 0)
    real = [-1.0, -0.9, 0.0]
    with pytest.raises(NotConvergedError, match="real=-1, imag=0"):
        fixed_point_spectrum(10.0, 0.2, real=real)
    spectrum = fixed_point_spectrum(10.0, 0.2, real=real, throw=False)
    assert spectrum.converged.tolist() == [False, True, True]
    alone = fixed_point_spectrum(10.0, 0.2, real=-0.9)
    assert float(spectrum.density[1]) == pytest.approx(float(alone.density[0]), rel=1e-9)
    spectrum.save(tmp_path / "spectrum.nc")
    kept = load(tmp_path / "spectrum.nc")
    np.testing.assert_array_equal(kept.density, spectrum.density)
    assert kept.status.values.tolist() == ["flagged", "converged", "converged"]
    assert spectrum.to_dataset(("place",)).density.dims == ("place",)
    with pytest.raises(ArgumentError, match="real=None: must be given with imag"):
        fixed_point_spectrum(2.0, imag=[0.1, 0.2])
