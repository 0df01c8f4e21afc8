"""The examples of the contributing guide run as they stand there; its facts are those of files."""

import re
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from derivations import REGISTRY
from derivations.command_line import all_checks
from meanfield import load
from meanfield.common import seeds
from simulate import couplings, integrate, reproduce, validate
from simulate.command_line import main
from simulate.studies.catalogue import STUDIES
from simulate.validation.experiments import EXPERIMENTS, experiment_of
from simulate.validation.statement import TheoryValue

ROOT = Path(__file__).parents[1]
GUIDE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
EXAMPLES = dict(re.findall(r"<!-- (\w+) example -->\n```python\n(.*?)```", GUIDE, re.S))


@pytest.fixture
def module(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Any]:
    """An example, imported from a file of the name given; its checks are forgotten again."""
    kind, name = request.param
    (tmp_path / f"{name}.py").write_text(EXAMPLES[kind], encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    all_checks()
    monkeypatch.setattr(REGISTRY, "_checks", dict(REGISTRY._checks))
    yield import_module(name)
    del sys.modules[name]


def example(kind: str, name: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("module", [(kind, name)], indirect=True, ids=[name])


def test_every_example_is_tested() -> None:
    assert set(EXAMPLES) >= {"result", "transfer", "scheme", "study", "validation", "derivation"}
    source = Path(__file__).read_text(encoding="utf-8")
    assert [kind for kind in EXAMPLES if f'@example("{kind}"' not in source] == []


@pytest.mark.parametrize("kind", EXAMPLES)
def test_an_example_takes_at_most_sixty_lines_and_public_names(kind: str) -> None:
    assert len(EXAMPLES[kind].splitlines()) <= 60
    assert not re.search(r"import _|\._[a-z]", EXAMPLES[kind])


@example("result", "decay")
def test_the_result_says_what_it_is(module: Any) -> None:
    bad = module.decay(-0.5)
    assert (bad.status, bad.warnings) == ("flagged", (bad.reason,))
    data = module.decay(0.5, t_max=2.0).to_dataset()
    assert data.attrs["call"] == "decay.decay(0.5, t_max=2.0)"
    assert data.distance.dims == ("t",)
    assert "Standard error of distance" in module.Decay.__doc__


@example("transfer", "arctan")
def test_the_transfer_function_has_one_activity(module: Any) -> None:
    """q of the theory and of one network, which differ by 0.024 at most in six seeds; the onset."""
    q = float(np.mean(module.ARCTAN(module.run.x[-1]) ** 2))
    assert q == pytest.approx(float(module.chaos.q), abs=0.05)
    assert module.ARCTAN.cubic == pytest.approx(2 * module.HALF**2 / 3, rel=1e-6)
    onset = module.saddle_point(2 / 3 * 1.0001, 0.5, phi=module.ARCTAN)
    assert float(onset.Q) == pytest.approx(2e-4 / (3 * module.ARCTAN.cubic), rel=2e-3)


@example("scheme", "bogacki_shampine")
def test_the_scheme_has_its_order_and_adapts(module: Any) -> None:
    assert len(EXAMPLES["scheme"].splitlines()) <= 40
    module.test_order()
    J, x0 = couplings.elliptic(50, 2.0, seed=1), seeds.generator(1, "start").standard_normal(50)
    exact = integrate(J, x0, t_max=3, dt=0.005, method="rk4").x_end
    run = integrate(J, x0, t_max=3, dt=0.5, method=module.BOGACKI_SHAMPINE, tol=1e-6)
    assert run.converged
    np.testing.assert_allclose(run.x_end, exact, atol=1e-4)


@example("study", "descent")
def test_the_study_is_a_command_a_figure_and_a_call(
    module: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(STUDIES, "descent", "descent:DESCENT")
    size = ["--quick", "--n", "60", "--t-max", "4", "--trials", "2", "--g", "1,3"]
    assert main(["descent", *size, "--workers", "1", "--output", str(tmp_path / "out")]) == 0
    names = {"descent.nc", "descent.png", "descent.md", "points"}
    assert {one.name for one in (tmp_path / "out").iterdir()} == names
    data = load(tmp_path / "out" / "descent.nc")
    assert data.energy.dims == ("gamma", "g", "replicate")
    seed = seeds.member(0, 1)
    run = integrate(
        couplings.elliptic(60, 3.0, 0.5, seed=seed),
        seeds.generator(seed, "start").standard_normal(60),
        t_max=4.0, dt=0.05, onsager=1.0, save_at=[4.0],
    )  # fmt: skip
    point = data.energy.sel(g=3.0, gamma=0.5, replicate=1)
    np.testing.assert_allclose(point, run.energy[-1], rtol=1e-6)
    again = reproduce("descent", n=60, t_max=4.0, trials=2, g=[1.0, 3.0]).data["converged"]
    np.testing.assert_array_equal(again.energy, data.energy)


@example("validation", "random_state")
def test_the_row_agrees_and_refuses(module: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """One row at a false-alarm rate of 1 %; the energy at a gain larger by a fifth is refused."""
    experiment = experiment_of(module)
    monkeypatch.setitem(EXPERIMENTS, "random_state", experiment)
    table = validate(rows=["random_state"], workers=1)
    assert table.passed, table.summary()
    right = module.theory(seed=0)["energy"].value
    wrong = TheoryValue((1 + 1.44 * (2 * right - 1)) / 2)
    other = replace(experiment, theory=lambda *, seed: {"energy": wrong})
    monkeypatch.setitem(EXPERIMENTS, "random_state", other)
    assert not validate(rows=["random_state"], workers=1).passed


@example("derivation", "random_state")
def test_the_check_proves_and_can_fail(module: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    (outcome,) = REGISTRY.run("random_state")
    assert outcome.passed, outcome.failure
    mean = module.gaussian_mean
    monkeypatch.setattr(module, "gaussian_mean", lambda *given: 2 * mean(*given))
    (outcome,) = REGISTRY.run("random_state")
    assert not outcome.passed
    assert "is left" in str(outcome.failure)


# Facts of the guide.


def test_versions_are_those_that_were_tested() -> None:
    """The guide, the matrix and the classifiers name the same versions."""
    (tested,) = re.findall(r"tested with Python ([\d., and]+)", GUIDE)
    workflow = (ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8")
    (matrix,) = re.findall(r"python: \[(.*)\]", workflow)
    versions = re.findall(r"3\.\d+", tested)
    assert re.findall(r'"(3\.\d+)"', matrix) == versions
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    listed = [one.rpartition(" ")[2] for one in project["classifiers"] if "Python ::" in one]
    assert versions == listed
    assert project["requires-python"] == f">={versions[0]}"


def test_rooms_exist() -> None:
    rooms = GUIDE.partition("## Where things are")[2].partition("\n## ")[0]
    cells = re.findall(r"^\| (`.*?) \|", rooms, re.M)
    named = [name.strip("`") for cell in cells for name in cell.split(", ")]
    assert len(named) > 15
    folder = ROOT
    for name in named:
        # "schedule.py" after "meanfield/transfer.py" stands in the same folder.
        path = ROOT / name if (ROOT / name).exists() else folder / name
        assert path.exists(), name
        folder = path.parent


def test_hooks_are_local_and_of_the_environment() -> None:
    text = (ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8")
    assert re.findall(r"repo: (\S+)", text) == ["local"]
    assert set(re.findall(r"language: (\S+)", text)) == {"system"}
    assert re.findall(r"entry: (\w+)", text) == ["ruff", "ruff", "mypy"]
