"""Properties over the whole (g, γ, β) range."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from meanfield import TransferFunction, replica_map, saddle_point

GAINS = st.floats(np.log(0.05), np.log(10)).map(lambda u: float(np.exp(u)))
SYMMETRIES = st.floats(-0.95, 1)
BETAS = st.one_of(st.just(np.inf), st.floats(-1, 12).map(lambda u: float(10**u)))
FINITE_BETAS = st.floats(-1, 6).map(lambda u: float(10**u))


@given(g=GAINS, gamma=SYMMETRIES, beta=BETAS)
def test_bounds(g: float, gamma: float, beta: float) -> None:
    point = saddle_point(g, gamma, beta=beta, branch="paramagnetic", throw=False)
    if not point.converged:
        assert point.reason != ""
        assert np.isnan(point.q)
        return
    assert 0 <= point.q <= 1
    assert 0 < point.r < 2.0001
    assert point.residual <= 1e-10
    assert point.x2 >= point.q
    assert point.energy >= 0
    assert point.instability >= 0
    assert np.sign(point.X) == np.sign(gamma) or abs(point.X) < 1e-12


@given(g=GAINS, gamma=SYMMETRIES, beta=FINITE_BETAS)
def test_solution_holds_in_the_general_map(g: float, gamma: float, beta: float) -> None:
    """q, r and X in the six equations, which integrate without the symmetry x → −x."""
    point = saddle_point(g, gamma, beta=beta, branch="paramagnetic", throw=False)
    assume(point.converged)
    order = (point.q, 0.0, point.r, 0.0, point.X, 0.0)
    new = replica_map(order, g, gamma, beta=beta, nodes=96)
    v = 1 / beta + g**2 * float(point.q)
    assert float(new.q) == pytest.approx(float(point.q), rel=1e-10)
    assert float(new.r) == pytest.approx(float(point.r), rel=1e-10)
    assert float(new.X) * v == pytest.approx(float(point.X) * v, abs=1e-10)
    # ⟨φ⟩ and ⟨y⟩ vanish by symmetry.
    assert abs(float(new.Q)) + abs(float(new.R)) + abs(float(new.P)) * v < 1e-12


@given(g=GAINS, beta=BETAS)
def test_zero_symmetry_is_elementary(g: float, beta: float) -> None:
    # In between rounding leaves no digit of q.
    assume(np.isfinite(beta) or g <= 1 or g > 1 + 1e-12)
    point = saddle_point(g, 0.0, beta=beta, branch="paramagnetic")
    assert point.X == pytest.approx(0, abs=1e-13)
    assert point.free_entropy == pytest.approx(0, abs=1e-12)
    if np.isfinite(beta):
        assert beta * point.energy == pytest.approx(0.5, rel=1e-12)
    # x is Gaussian of variance v = T + g²q.
    assert point.x2 == pytest.approx(1 / beta + g**2 * point.q, rel=1e-11, abs=1e-300)


@given(g=GAINS)
def test_static_and_paramagnetic_agree_at_zero_symmetry(g: float) -> None:
    assume(g <= 1 or g > 1 + 1e-12)  # in between rounding leaves no digit of q
    static = saddle_point(g, 0.0)
    measure = saddle_point(g, 0.0, branch="paramagnetic")
    assert static.Q == pytest.approx(float(measure.q), rel=1e-9, abs=1e-13)
    assert static.G == pytest.approx(float(measure.r), rel=1e-9)


@given(g=GAINS, gamma=SYMMETRIES, beta=FINITE_BETAS)
def test_fluctuation_response_identity(g: float, gamma: float, beta: float) -> None:
    point = saddle_point(g, gamma, beta=beta, branch="paramagnetic", throw=False)
    assume(point.converged)
    v = 1 / beta + g**2 * point.q
    left = point.G * (v + g**2 * gamma * point.q)
    assert left == pytest.approx(float(point.sigma_xphi), rel=1e-9, abs=1e-11 * float(v))


@given(g=st.floats(0.05, 10), gamma=SYMMETRIES)
def test_static_fluctuation_response_identity(g: float, gamma: float) -> None:
    point = saddle_point(g, gamma, throw=False)
    assume(point.converged & ~point.marginal & (abs(float(point.instability) - 1) > 1e-6))
    expected = point.G * (1 + g**2 * (1 + gamma) * point.chi)
    assert point.sigma_xphi == pytest.approx(float(expected), rel=1e-8)
    assert point.stable == (g * (1 + gamma) < 1)


@given(g=GAINS, gamma=SYMMETRIES, beta=st.floats(-1, 3).map(lambda u: float(10**u)))
def test_free_entropy_slope(g: float, gamma: float, beta: float) -> None:
    h = 1e-3
    ladder = beta * np.exp(h * np.array([-2.0, -1.0, 0.0, 1.0, 2.0]))
    point = saddle_point(g, gamma, beta=ladder, branch="paramagnetic", throw=False)
    assume(point.converged.all())
    psi = point.free_entropy
    slope = (8 * (psi[3] - psi[1]) - (psi[4] - psi[0])) / (12 * h)  # dψ/d ln β
    assert slope == pytest.approx(float(point.X[2] / (2 * beta)), rel=1e-6, abs=1e-10)


@given(g=GAINS, gamma=SYMMETRIES, beta=st.floats(-1, 3).map(lambda u: float(10**u)))
@settings(max_examples=30)
def test_free_entropy_is_stationary(g: float, gamma: float, beta: float) -> None:
    """ψ(q, r, X) by an own quadrature has zero gradient at the solution."""
    point = saddle_point(g, gamma, beta=beta, branch="paramagnetic", throw=False)
    assume(point.converged)
    x = np.linspace(-1, 1, 40001)

    def entropy(q: float, r: float, x_d: float) -> float:
        v, k = 1 / beta + g**2 * q, g**2 * gamma * r
        line = x * (12 * np.sqrt(v) + max(k, 0))
        phi = np.tanh(line)
        log = -((line - k * phi) ** 2) / (2 * v) - g**2 * x_d * phi**2 / 2
        area = np.sum(np.exp(log)) * (line[1] - line[0]) / np.sqrt(2 * np.pi * v)
        return float(g**2 / 2 * (x_d * q - gamma * r**2) + np.log(area))

    centre = np.array([float(point.q), float(point.r), float(point.X)])
    v = 1 / beta + g**2 * centre[0]
    units = np.array([v / g**2, 1.0, 1 / v])
    assert entropy(*centre) == pytest.approx(float(point.free_entropy), abs=1e-11)
    for i in range(3):
        h = np.zeros(3)
        h[i] = 1e-4 * units[i]
        slope = (entropy(*(centre + h)) - entropy(*(centre - h))) / 2e-4
        assert slope == pytest.approx(0, abs=1e-6 * (1 + g**2))


@given(gamma=st.floats(0, 1), beta=BETAS)
def test_activity_grows_with_the_gain(gamma: float, beta: float) -> None:
    q = saddle_point(np.geomspace(0.05, 10, 60), gamma, beta=beta, branch="paramagnetic").q
    assert np.all(np.diff(q) >= -1e-15)


@given(seed=st.integers(0, 2**31))
@settings(max_examples=3)
def test_a_point_does_not_depend_on_its_batch(seed: int) -> None:
    rng = np.random.default_rng(seed)
    g, gamma = 10 ** rng.uniform(-1.3, 1, 12), rng.uniform(-0.95, 1, 12)
    beta = np.where(rng.random(12) < 0.3, np.inf, 10 ** rng.uniform(-1, 8, 12))
    batch = saddle_point(g, gamma, beta=beta, branch="paramagnetic", throw=False)
    static = saddle_point(g, gamma, throw=False)
    for i in range(12):
        alone = saddle_point(g[i], gamma[i], beta=beta[i], branch="paramagnetic", throw=False)
        alone_static = saddle_point(g[i], gamma[i], throw=False)
        for name in ("q", "r", "X", "free_entropy", "instability", "nodes"):
            np.testing.assert_array_equal(getattr(batch, name)[i], getattr(alone, name))
        for name in ("Q", "G", "chi", "X", "P", "nodes"):
            np.testing.assert_array_equal(getattr(static, name)[i], getattr(alone_static, name))


def test_broadcasting_equals_looping() -> None:
    g = np.array([0.5, 1.2, 2.0])
    gamma = np.array([[0.3], [-0.4]])
    beta = np.array([10.0, np.inf]).reshape(2, 1, 1)
    grid = saddle_point(g, gamma, beta=beta, branch="paramagnetic")
    assert grid.q.shape == (2, 2, 3)
    for i, j, k in np.ndindex(grid.q.shape):
        alone = saddle_point(g[k], gamma[j, 0], beta=beta[i, 0, 0], branch="paramagnetic")
        assert grid.q[i, j, k] == alone.q
        assert alone.q.shape == ()
    assert saddle_point([], 0.3).q.shape == (0,)


@given(a=st.floats(0.3, 3), g=GAINS, gamma=SYMMETRIES, beta=FINITE_BETAS)
@settings(max_examples=20)
def test_slope_and_gain_enter_as_their_product(
    a: float, g: float, gamma: float, beta: float
) -> None:
    """φ = a·tanh at gain g is tanh at gain a·g: q → a²q, r → a r, X and ψ unchanged."""

    scaled = TransferFunction(
        name="scaled",
        phi=lambda x: a * np.tanh(x),
        d1=lambda x: a * (1 - np.tanh(x) ** 2),
        d2=lambda x: -2 * a * np.tanh(x) * (1 - np.tanh(x) ** 2),
        bound=a,
    )
    one = saddle_point(g, gamma, beta=beta, branch="paramagnetic", throw=False)
    two = saddle_point(g / a, gamma, beta=beta, branch="paramagnetic", phi=scaled, throw=False)
    assume(one.converged and two.converged)
    assert two.q == pytest.approx(a**2 * float(one.q), rel=1e-9)
    assert two.r == pytest.approx(a * float(one.r), rel=1e-9)
    assert two.free_entropy == pytest.approx(float(one.free_entropy), rel=1e-8, abs=1e-10)
    frozen_one = saddle_point(g, gamma, throw=False)
    frozen_two = saddle_point(g / a, gamma, phi=scaled, throw=False)
    assume(frozen_one.converged and frozen_two.converged)
    assert frozen_two.Q == pytest.approx(a**2 * float(frozen_one.Q), rel=1e-7, abs=1e-12)
    assert frozen_two.G == pytest.approx(a * float(frozen_one.G), rel=1e-8)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"g": 0.0}, "g=0: must be positive and finite"),
        ({"g": [1.0, -2.0]}, "g=-2"),
        ({"g": np.nan}, "g=nan"),
        ({"g": np.inf}, "g=inf"),
        ({"g": "big"}, "g='big': must be real"),
        ({"g": 1.0, "gamma": 1.01}, r"gamma=1.01: must lie in \[-1, 1\]"),
        ({"g": 1.0, "beta": 0.0, "branch": "paramagnetic"}, "beta=0: must be positive"),
        ({"g": 1.0, "beta": np.nan, "branch": "paramagnetic"}, "beta=nan"),
        ({"g": 1.0, "beta": 2.0}, "beta=2: branch 'static' needs beta = inf"),
        ({"g": 1.0, "branch": "ordered"}, "ordered branch needs finite beta"),
        ({"g": 1.0, "branch": "chaotic"}, "branch='chaotic': expected one of static"),
        ({"g": 1.0, "sheet": "warm"}, "sheet='warm'"),
        ({"g": 1.0, "eta": -0.1}, "eta=-0.1: must be >= 0"),
        ({"g": 1.0, "eta": 0.1, "branch": "paramagnetic"}, "eta > 0 needs finite beta"),
        ({"g": 1.0, "tol": 0.0}, "tol=0: must be positive"),
        ({"g": 1.0, "phi": "relu"}, "phi='relu'"),
        (
            {"g": [1.0, 2.0], "gamma": [0.1, 0.2, 0.3]},
            r"g of shape \(2,\), gamma .*: must broadcast",
        ),
        ({"g": np.ones((10**5, 1)), "gamma": np.zeros(10**5)}, "g of .*: needs .* TiB of memory"),
    ],
)
def test_bad_input_names_argument_value_and_range(
    arguments: dict[str, object], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        saddle_point(**arguments)  # type: ignore[arg-type]


@pytest.mark.parametrize(("a", "k"), [(2.0, 30.0), (0.2, 0.1)])
@pytest.mark.parametrize(
    ("branch", "g", "gamma", "beta"),
    [
        ("static", [0.501, 0.55, 1.05, 1.3, 2.0], [1.0, 1.0, 0.3, 0.5, -0.3], np.inf),
        ("paramagnetic", [0.49, 0.4, 1.2, 1.5, 0.7, 2.0], [1, 1, 0.5, 0.9, -0.5, 0.1], 1e6),
        ("paramagnetic", [0.49, 1.4, 0.7], [1.0, 0.4, -0.5], 9.0),
        ("paramagnetic", [1.1, 1.6], [0.5, 0.1], np.inf),
    ],
)
def test_height_and_width_of_the_function_set_the_units(
    branch: str, g: list[float], gamma: list[float], beta: float, a: float, k: float
) -> None:
    """a tanh(kx) at g/ak and k²β is tanh at g and β in other units, on as many nodes."""
    other = TransferFunction(
        name="other",
        phi=lambda x: a * np.tanh(k * x),
        d1=lambda x: a * k / np.cosh(k * x) ** 2,
        d2=lambda x: -2 * a * k**2 * np.tanh(k * x) / np.cosh(k * x) ** 2,
        bound=a,
    )
    plain = saddle_point(g, gamma, beta=beta, branch=branch)
    found = saddle_point(np.array(g) / (a * k), gamma, beta=k**2 * beta, branch=branch, phi=other)
    units = {"q": a**2, "Q": a**2, "r": a * k, "R": a * k, "X": k**2, "P": k**2, "x2": k**-2}
    units |= {"free_entropy": 1, "instability": 1}
    for name, unit in units.items():
        expected = unit * getattr(plain, name)
        np.testing.assert_allclose(
            getattr(found, name), expected, rtol=1e-9, atol=1e-12 * unit, err_msg=name
        )
    assert found.nodes.tolist() == plain.nodes.tolist()
    # The starts are in these units, too; only the steps of a path are not.
    direct = np.array(gamma) >= 0 if branch == "paramagnetic" else slice(None)
    np.testing.assert_allclose(found.iterations[direct], plain.iterations[direct], atol=3)
