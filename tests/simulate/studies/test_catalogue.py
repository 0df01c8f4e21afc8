"""Every figure by name: `reproduce`, its command, and the console script."""

import shlex
import subprocess
import sys
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure

from meanfield import ArgumentError, SamplerError, load
from meanfield.common import seeds
from meanfield.common.study import Part, Study
from simulate import reproduce
from simulate.command_line import main
from simulate.studies import catalogue
from simulate.studies.catalogue import FIGURES, STUDIES, study


def measured(g: float, *, n: int = 30, method: str = "exact", seed: int) -> dict[str, Any]:
    """Scatter.

    Parameters
    ----------
    g : float
        Gain.
    n : int
        Numbers.
    """
    if n == 13:
        raise SamplerError("no answer")
    return {"y": np.random.default_rng(seed).standard_normal(n).mean() + (method == "euler")}


TOY = Study(
    name="hh99",
    source="[XY] Fig. 1",
    title="a toy",
    parts=(Part(measured, ("g",), replicated=True),),
    draw=lambda data: Figure(),
    text="What is seen.",
    axes={"g": (1.0, 2.0)},
    columns=("y",),
    presets={"quick": {"n": 3}, "paper": {}},
    variants={"converged": {}, "printed": {"method": "euler"}},
)
WELL = replace(TOY, name="hh98")


@pytest.fixture(autouse=True)
def _toys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, attribute in (("hh99", "TOY"), ("hh98", "WELL")):
        monkeypatch.setitem(FIGURES, name, f"{__name__}:{attribute}")
    monkeypatch.setitem(sys.modules, __name__, sys.modules[measured.__module__])


def test_every_figure_of_both_papers_is_there() -> None:
    own = [key for key in FIGURES if key not in ("hh98", "hh99")]
    assert own == [f"qh{k}" for k in range(1, 6)] + [f"hh{k}" for k in range(1, 10)]
    for key in own:
        found = study(key)
        assert found.name == key
        assert set(found.presets) == {"quick", "paper"}
        assert tuple(found.variants) in (("converged",), ("converged", "printed"))
        assert found.columns
        for name in ("quick", "paper"):
            found.values(name)


def test_every_study_is_one_file_that_its_help_names(capsys: pytest.CaptureFixture[str]) -> None:
    files = set()
    for key in (*FIGURES, *STUDIES):
        if key in ("hh98", "hh99"):
            continue
        assert main([*(["reproduce"] if key in FIGURES else []), key, "--help"]) == 0
        code = capsys.readouterr().out.split("Code: ")[1].split()[0]
        assert (Path(__file__).parents[3] / code).is_file()
        files.add(code)
    assert len(files) >= 14


def test_every_option_has_a_text() -> None:
    silent = {
        (key, name)
        for key in (*FIGURES, *STUDIES)
        if not key.startswith("hh9") or key == "hh9"
        for name, option in study(key).options.items()
        if not option.text
    }
    assert not silent


def test_seeds_and_variants() -> None:
    one, again, other = (reproduce("hh99", seed=s, trials=2) for s in (1, 1, 2))
    assert one.data["converged"].y.equals(again.data["converged"].y)
    assert not np.isin(one.data["converged"].y, other.data["converged"].y).any()
    np.testing.assert_allclose(one.data["printed"].y - one.data["converged"].y, 1)
    assert set(reproduce("hh99", variants=("printed",)).data) == {"printed"}
    assert reproduce("hh99", preset="paper").data["converged"].attrs["n"] == 30
    fresh = reproduce("hh99", seed=None).data["converged"].attrs["seed"]
    assert fresh > 2


@pytest.mark.parametrize(
    ("key", "arguments", "text"),
    [
        ("hh0", {}, "study='hh0'"),
        ("hh99", {"preset": "huge"}, "preset='huge'"),
        ("hh99", {"variants": ("wrong",)}, "variant='wrong'"),
        ("hh99", {"neurons": 3}, "neurons=3: hh99 has no such parameter"),
        ("hh99", {"seed": -1}, "seed"),
        ("hh99", {"n": 0}, "n=0"),
    ],
)
def test_bad_arguments(key: str, arguments: dict[str, Any], text: str) -> None:
    with pytest.raises(ArgumentError, match=text):
        reproduce(key, **arguments)


def test_one_figure_takes_its_own_options(tmp_path: Path) -> None:
    assert main(["reproduce", "hh99", "--n", "7", "--output", str(tmp_path)]) == 0
    names = {"hh99.nc", "hh99-printed.nc", "hh99.png", "hh99-printed.png", "hh99.md", "points"}
    assert {path.name for path in tmp_path.iterdir()} == names
    data = load(tmp_path / "hh99.nc")
    assert data.attrs["n"] == 7
    arguments = shlex.split(data.attrs["command"])[3:]
    assert main([*arguments, "--output", str(tmp_path / "again")]) == 0
    assert load(tmp_path / "again" / "hh99.nc").y.equals(data.y)


def test_several_figures_take_common_options(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["reproduce", "hh98", "hh99", "--paper"]) == 0
    folder = tmp_path / "results" / "figures" / "paper"
    assert {"hh98.nc", "hh99.nc"} <= {path.name for path in folder.iterdir()}
    assert main(["reproduce", "hh98", "hh99", "--n", "3"]) == 2
    assert main(["reproduce", "hh98", "nothing"]) == 2
    capsys.readouterr()


def test_other_figures_do_not_depend_on_one_that_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = replace(TOY, presets={"quick": {"n": 13}})
    monkeypatch.setattr(sys.modules[__name__], "TOY", bad)
    assert main(["reproduce", "hh99", "hh98", "--output", str(tmp_path)]) == 1
    assert "error: hh99: no answer" in capsys.readouterr().err
    assert (tmp_path / "hh98.nc").exists()


def test_help_names_every_figure(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["reproduce", "--help"]) == 0
    text = " ".join(capsys.readouterr().out.split())
    for key in FIGURES:
        assert f"{key} {study(key).source}" in text


@pytest.mark.parametrize(
    "arguments",
    [
        ["nothing"],
        ["hh99", "--n", "x"],
        ["hh99", "--m", "1"],
        ["qh3", "--variant", "printed"],
        ["hh99", "--scale", "huge"],
        ["hh99", "--variant", "wrong"],
    ],
)
def test_bad_input_is_one_line(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["reproduce", *arguments]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error:")
    assert error.count("\n") == 1


def test_neighbouring_seeds_share_no_couplings() -> None:
    """Of any study: what the engine passes for seed s and replicate k is passed for no other."""
    passed = [seeds.point(s, k) for s in range(20) for k in range(50)]
    assert len(set(passed)) == len(passed)


def test_the_console_script_has_three_parts(tmp_path: Path) -> None:
    call = [
        sys.executable,
        "-c",
        "import sys; from simulate.command_line import script; sys.exit(script())",
    ]
    text = subprocess.run([*call, "--help"], capture_output=True, text=True, check=True).stdout
    for name in ("meanfield", "simulate", "derivations"):
        assert name in text
    done = subprocess.run(
        [*call, "meanfield", "solve", "--g", "0.5", "--json"],
        capture_output=True, text=True, check=True, cwd=tmp_path,
    )  # fmt: skip
    assert '"q": 0.0' in done.stdout


def test_catalogue_places_exist() -> None:
    for key in {**catalogue.FIGURES, **catalogue.STUDIES}:
        assert isinstance(study(key), Study)


SMALL: dict[str, dict[str, Any]] = {
    "hh1": {"n": 30, "g": [2.0, 4.0], "t_switch": 3.0, "t_later": [5.0]},
    "hh2": {"n": 20, "g": [2.0], "g_shown": 3.0, "t_phase": 2.0, "t_max": 31.0},
    "hh3": {"n": 20, "g": [2.0, 12.0], "t_max": 2.0},
    "hh4": {"n": 20, "g": [2.0, 12.0], "t_max": 2.0},
}


@pytest.mark.parametrize("key", SMALL)
def test_files_without_warnings(tmp_path: Path, key: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        # Of old versions of Matplotlib with new ones of pyparsing.
        warnings.simplefilter("ignore", DeprecationWarning)
        answer = reproduce(key, output=tmp_path, seed=1, trials=1, **SMALL[key])
    stems = (key, f"{key}-printed")
    names = {f"{key}.md", *(f"{stem}.{end}" for stem in stems for end in ("png", "nc"))}
    assert {path.name for path in answer.files} == names
    assert all(path.stat().st_size > 0 for path in answer.files)


def test_variants_share_a_seed_of_numpy() -> None:
    rng = np.random.default_rng(1)
    first, second = (reproduce("hh3", seed=rng, trials=1, **SMALL["hh3"]) for _ in range(2))
    numbers = [{data.attrs["seed"] for data in one.data.values()} for one in (first, second)]
    assert [len(one) for one in numbers] == [1, 1]
    assert numbers[0] != numbers[1]
