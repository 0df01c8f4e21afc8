"""Every registered identity, the command line, and derived formulas against the numerical code."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import sympy as sp

import derivations.complexity
import derivations.dmft
import derivations.dynamics
import derivations.replica  # noqa: F401  (registers the checks)
from derivations import REGISTRY, Check, Registry
from derivations.algebra import FormalMean, SingleSite, require_positive, require_zero
from derivations.command_line import main
from derivations.replica import measure, onset, regimes
from meanfield import (
    linear_temperature_ratio,
    null_margin,
    null_response,
    saddle_point,
    square_root_amplitude,
)

TANH = 2 / 3
CHECKS = [
    one for one in REGISTRY.select() if one.prove.__module__.startswith("derivations.replica")
]
SECTIONS = {
    "couplings",
    "symmetric",
    "free_entropy",
    "identities",
    "regimes",
    "measure",
    "elliptic",
    "laplace",
    "zero_temperature",
    "onset",
    "stability",
}


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.name)
def test_identity_is_proved(check: Check) -> None:
    check.prove()


def test_every_section_is_registered() -> None:
    assert {check.name.split(".")[0] for check in CHECKS} == SECTIONS


# The tools must be able to fail.


def _false_registry() -> Registry:
    registry = Registry()

    @registry.check("true.one", "x − x = 0")
    def _() -> None:
        require_zero(sp.Symbol("x") - sp.Symbol("x"))

    @registry.check("false.sign", "the null response with a wrong sign")
    def _() -> None:
        g, gamma, G = sp.symbols("g gamma G")
        require_zero((gamma * g**2 * G**2 + G - 1).subs(gamma, (G - 1) / (g * G) ** 2), "wrong")

    @registry.check("false.broken", "a proof that raises something else")
    def _() -> None:
        raise TypeError("broken")

    return registry


def test_false_identities_are_reported(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([], _false_registry()) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("pass  true.one")
    assert lines[1].startswith("FAIL  false.sign")
    assert lines[2].strip() == "wrong: 2*G - 2 is left"
    assert lines[3].startswith("FAIL  false.broken")
    assert lines[4].strip() == "TypeError: broken"
    assert lines[5].startswith("1 of 3 checks passed in ")
    assert main(["--only", "true"], _false_registry()) == 0


def test_zero_test_sees_remainders() -> None:
    x = sp.Symbol("x", real=True)
    require_zero(sp.sin(x) ** 2 + sp.cos(x) ** 2 - 1)
    with pytest.raises(AssertionError, match="entry: x is left"):
        require_zero(sp.Matrix([0, x]), "entry")
    with pytest.raises(AssertionError, match="sign"):
        require_positive(x)


def test_formal_mean_tells_moments_apart() -> None:
    x = sp.Symbol("x", real=True)
    mean = FormalMean(x)
    with pytest.raises(AssertionError):
        require_zero(mean(x**2) - mean(x) ** 2)
    with pytest.raises(sp.PolynomialError):
        mean(1 / x)


def test_names_are_unique() -> None:
    registry = _false_registry()
    with pytest.raises(ValueError, match=r"true\.one: a check of this name"):
        registry.check("true.one", "again")(lambda: None)


# Command line.


def _python_m(arguments: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "derivations", *arguments],
        capture_output=True,
        text=True,
        encoding="utf-8",
        cwd=folder,
        env=os.environ | {"PYTHONIOENCODING": "utf-8"},
        check=False,
    )


def test_module_runs_from_any_directory(tmp_path: Path) -> None:
    result = _python_m(["--only", "stability.regime_one"], tmp_path)
    assert result.returncode == 0, result.stderr
    assert "pass  stability.regime_one" in result.stdout
    assert result.stdout.splitlines()[-1].startswith("1 of 1 checks passed")


def test_output_that_is_not_unicode(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "derivations", "--list"]
    result = subprocess.run(
        command, capture_output=True, cwd=tmp_path, env=os.environ | {"PYTHONIOENCODING": "ascii"}
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout.count(b"\n") == len(REGISTRY.select())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--only", "nothing-like-it"], "error: --only 'nothing-like-it': no check has this in"),
        (["--speed", "3"], "error: No such option"),
        (["extra"], "error: Got unexpected extra argument"),
    ],
)
def test_bad_input_is_one_line(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith(message)
    assert captured.err.count("\n") == 1
    assert captured.out == ""


def test_help_and_list(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    assert "--only SUBSTRING" in capsys.readouterr().out
    assert main(["--list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == [check.name for check in REGISTRY.select()]


# Derived expressions against the numerical code.

g, c = sp.symbols("g c", positive=True)
gamma, G = sp.symbols("gamma G", real=True)


def test_margin_matches() -> None:
    gains, gammas = np.meshgrid([0.2, 0.5, 0.65], [-0.9, -0.3, 0.2, 0.5])
    derived = sp.lambdify((g, gamma), regimes.null_margin())(gains, gammas)
    np.testing.assert_allclose(null_margin(gains, gammas), derived, rtol=1e-13)


@pytest.mark.parametrize("cubic", [TANH, 1.0])
def test_square_root_law_matches(cubic: float) -> None:
    gains, gammas = np.array([0.7, 0.75, 0.8, 0.6]), np.array([0.5, 0.5, 0.5, 1.0])
    ratio = sp.lambdify((g, gamma, c), regimes.square_root_ratio())(gains, gammas, cubic)
    derived = 1 / (gains**2 * np.sqrt(ratio))
    np.testing.assert_allclose(
        square_root_amplitude(gains, gammas, cubic=cubic), derived, rtol=1e-12
    )


@pytest.mark.parametrize(("gain", "symmetry"), [(0.5, 0.5), (0.6, -0.5), (0.4, 1.0)])
def test_null_stretch_matches_the_solver_at_small_temperature(gain: float, symmetry: float) -> None:
    derived = sp.lambdify((g, gamma, c, G), regimes.null_stretch())(
        gain, symmetry, TANH, null_response(gain, symmetry)
    )
    errors = []
    for beta in (1e5, 1e6):
        point = saddle_point(gain, symmetry, beta=beta, branch="paramagnetic")
        errors.append(abs(float(point.X) / derived - 1))
    assert errors[1] < 1e-4
    assert errors[1] < 0.2 * errors[0]  # corrections of order T
    limit = saddle_point(gain, symmetry, branch="paramagnetic")
    assert float(limit.X) == pytest.approx(float(derived), rel=1e-9)


@pytest.mark.parametrize("symmetry", [0.3, 0.7])
def test_two_thirds_law_on_the_line(symmetry: float) -> None:
    cube = float(sp.lambdify((gamma, c), regimes.line_cube())(symmetry, TANH))
    betas = np.array([1e9, 8e9, 64e9])
    point = saddle_point(1 / (1 + symmetry), symmetry, beta=betas, branch="paramagnetic")
    error = np.abs(point.q / (cube ** (1 / 3) * betas ** (-2 / 3)) - 1)
    assert error[-1] < 2e-3
    # Corrections of order τ ∝ T^(1/3): halved by a factor of 8 in T.
    np.testing.assert_allclose(error[1:] / error[:-1], 0.5, rtol=0.05)


@pytest.mark.parametrize("symmetry", [0.0, 0.3, 0.7])
def test_measure_onset(symmetry: float) -> None:
    slope = float(
        sp.lambdify((c, sp.Symbol("gamma", positive=True)), measure.measure_slope())(TANH, symmetry)
    )
    delta = np.array([2e-2, 1e-2])
    gains = np.sqrt((1 + delta) / (1 + symmetry))
    point = saddle_point(gains, symmetry, branch="paramagnetic")
    error = np.abs(point.q / delta / slope - 1)
    assert error[1] < 0.01
    assert error[1] / error[0] == pytest.approx(0.5, rel=0.05)


@pytest.mark.parametrize("symmetry", [-0.5, 0.0, 0.5])
def test_static_onset(symmetry: float) -> None:
    distance = np.array([2e-3, 1e-3])
    point = saddle_point((1 + distance) / (1 + symmetry), symmetry)
    slope = float(onset.onset_slope().subs(c, sp.Rational(2, 3)))
    error = np.abs(point.Q / distance / slope - 1)
    assert error[1] < 0.01
    assert error[1] / error[0] == pytest.approx(0.5, rel=0.05)


def test_static_branch_is_unstable_wherever_it_has_left_zero() -> None:
    gains, gammas = np.meshgrid([1.001, 1.05, 1.3, 2.0], [-0.6, -0.2, 0.0, 0.3])
    point = saddle_point(gains / (1 + gammas), gammas, throw=False)
    assert np.all(point.instability[point.converged] > 1)
    assert point.converged.sum() > 10


def test_linear_network_equation_vanishes() -> None:
    tau = linear_temperature_ratio(0.9, 0.4, 0.3)
    left = 0.9**2 / (1 - tau) - 1 / (1 + 0.4 * (1 - tau)) ** 2 - 0.3 / tau**2
    assert float(left) == pytest.approx(0.0, abs=1e-10)


def test_formal_derivatives_match_quadrature() -> None:
    """∂²ln Z/∂z∂w of the proofs against finite differences of a quadrature."""
    site = SingleSite()
    x = np.linspace(-14, 14, 4001)
    at = {"v": 0.7, "k": 0.4, "dx": 0.8, "z": 0.3, "w": -0.5, "g": 1.3, "b": 2.0, "eta": 0.2}

    def law(z: float, w: float) -> tuple[float, np.ndarray, np.ndarray]:
        phi = np.tanh(x)
        y = x - z - at["k"] * phi
        log = -(y**2) / (2 * at["v"]) + w * phi - at["g"] ** 2 / 2 * at["dx"] * phi**2
        weight = np.exp(log - at["b"] * at["eta"] / 2 * x**2)
        weight /= np.sqrt(2 * np.pi * at["v"])
        return float(np.log(weight.sum() * (x[1] - x[0]))), weight / weight.sum(), y

    h = 1e-3
    corners = [law(at["z"] + i * h, at["w"] + j * h)[0] for i in (1, -1) for j in (1, -1)]
    numeric = (corners[0] - corners[1] - corners[2] + corners[3]) / (4 * h**2)
    _, p, y = law(at["z"], at["w"])
    phi = np.tanh(x)
    moments = {
        site.mean(site.phi): p @ phi,
        site.mean(site.y): p @ y,
        site.mean(site.y * site.phi): p @ (y * phi),
    }
    derived = site.log_norm_curvature(site.z, site.w).subs(moments).subs(site.v, at["v"])
    assert float(derived) == pytest.approx(numeric, rel=1e-5)
