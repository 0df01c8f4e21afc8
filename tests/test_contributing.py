"""The study and the scheme of the contributing guide run as they stand there."""

import importlib.util
import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from meanfield import load
from meanfield.common import seeds
from simulate import couplings, integrate, reproduce
from simulate.command_line import main
from simulate.studies.catalogue import STUDIES

GUIDE = (Path(__file__).parents[1] / "CONTRIBUTING.md").read_text(encoding="utf-8")


def example(name: str) -> str:
    found = re.search(rf"<!-- {name} example -->\n```python\n(.*?)```", GUIDE, re.S)
    assert found
    return found[1]


@pytest.fixture
def source() -> str:
    return example("study")


def test_a_new_study_takes_at_most_sixty_lines(source: str) -> None:
    assert len(source.splitlines()) <= 60


def test_the_study_is_a_command_a_figure_and_a_call(
    source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "descent.py"
    path.write_text(source, encoding="utf-8")
    spec = importlib.util.spec_from_file_location("descent", path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "descent", module)
    monkeypatch.syspath_prepend(tmp_path)
    spec.loader.exec_module(module)
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


def test_a_new_scheme_takes_at_most_forty_lines_with_its_test() -> None:
    text = example("scheme")
    assert len(text.splitlines()) <= 40
    names: dict[str, Any] = {}
    exec(compile(text, "bogacki_shampine.py", "exec"), names)
    names["test_order"]()
    J, x0 = couplings.elliptic(50, 2.0, seed=1), seeds.generator(1, "start").standard_normal(50)
    exact = integrate(J, x0, t_max=3, dt=0.005, method="rk4").x_end
    run = integrate(J, x0, t_max=3, dt=0.5, method=names["BOGACKI_SHAMPINE"], tol=1e-6)
    assert run.converged
    np.testing.assert_allclose(run.x_end, exact, atol=1e-4)
