"""The frame of the figures: names, parameters, files, command line."""

import json
import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from matplotlib.figure import Figure

from meanfield import ArgumentError, SamplerError
from simulate import reproduce
from simulate.command_line import main
from simulate.reproduction import FIGURES, PaperFigure


def _compute(
    *, n: int, gains: list[float], variant: str, seed: int, workers: int | None, progress: bool
) -> xr.Dataset:
    rng = np.random.default_rng(seed)
    values = rng.standard_normal(n) + (variant == "printed")
    return xr.Dataset({"y": ("x", values)})


def _draw(data: xr.Dataset) -> Figure:
    figure = Figure()
    figure.subplots().plot(data.y)
    return figure


TOY = PaperFigure(
    key="toy",
    source="[XY] Fig. 1",
    title="a toy",
    compute=_compute,
    draw=_draw,
    caption=lambda data: "; ".join(f"{k}: {float(v.y.mean()):.6f}" for k, v in data.items()),
    scales={"quick": {"n": 3, "gains": [1.0, 2.0]}, "paper": {"n": 30, "gains": [1.0]}},
    variants=("converged", "printed"),
)


@pytest.fixture(autouse=True)
def _toy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(FIGURES, "toy", TOY)


def test_every_figure_of_both_papers_is_there() -> None:
    assert list(FIGURES)[:-1] == [f"qh{k}" for k in range(1, 6)] + [f"hh{k}" for k in range(1, 10)]
    for key, figure in FIGURES.items():
        assert figure.key == key
        assert set(figure.scales) == {"quick", "paper"}
        assert set(figure.scales["quick"]) == set(figure.scales["paper"])
        assert figure.variants in (("converged",), ("converged", "printed"))
        json.dumps({k: dict(v) for k, v in figure.scales.items()})


def test_files_data_and_provenance(tmp_path: Path) -> None:
    found = reproduce("toy", seed=4, output=tmp_path, n=5)
    names = {"toy.png", "toy.nc", "toy-printed.png", "toy-printed.nc", "toy.md"}
    assert {path.name for path in found.files} == names == {p.name for p in tmp_path.iterdir()}
    with xr.open_dataset(tmp_path / "toy-printed.nc", engine="scipy") as data:
        assert data.sizes["x"] == 5
        assert data.attrs["variant"] == "printed"
        assert data.attrs["seed"] == "4"
        assert json.loads(data.attrs["parameters"]) == {"n": 5, "gains": [1.0, 2.0]}
        assert "numpy_version" in data.attrs
        np.testing.assert_array_equal(data.y, found.data["printed"].y)
    text = (tmp_path / "toy.md").read_text(encoding="utf-8")
    assert found.caption in text
    assert "python -m simulate reproduce toy --scale quick --seed 4 --set n=5" in text
    assert "toy-printed.png" in text


def test_the_command_of_the_caption_makes_it_again(tmp_path: Path) -> None:
    reproduce("toy", seed=4, output=tmp_path / "a", variants=("printed",), gains=[3.0, 4.0], n=6)
    command = (tmp_path / "a" / "toy.md").read_text(encoding="utf-8").split("```")[1].strip()
    arguments = shlex.split(command)[3:]
    assert main([*arguments, "--output", str(tmp_path / "b")]) == 0
    first, second = (
        xr.load_dataset(tmp_path / place / "toy-printed.nc", engine="scipy")
        for place in ("a", Path("b", "quick"))
    )
    assert first.y.equals(second.y)
    assert first.attrs["parameters"] == second.attrs["parameters"]
    assert not (tmp_path / "b" / "quick" / "toy.nc").exists()


def test_nothing_of_an_earlier_run_is_left_beside_a_new_one(tmp_path: Path) -> None:
    reproduce("toy", output=tmp_path, n=5)
    reproduce("toy", output=tmp_path, n=6, variants=("converged",))
    assert {path.name for path in tmp_path.iterdir()} == {"toy.nc", "toy.png", "toy.md"}


def test_an_unwritable_place_fails_before_the_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(**parameters: Any) -> xr.Dataset:
        raise AssertionError

    (tmp_path / "file").touch()
    monkeypatch.setitem(FIGURES, "toy", replace(TOY, compute=never))
    with pytest.raises(OSError, match="file"):
        reproduce("toy", output=tmp_path / "file")


def test_data_are_kept_when_the_next_variant_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails(*, variant: str, **others: Any) -> xr.Dataset:
        if variant == "printed":
            raise SamplerError("no answer")
        return _compute(variant=variant, **others)

    monkeypatch.setitem(FIGURES, "broken", replace(TOY, key="broken", compute=fails))
    assert main(["reproduce", "broken", "toy", "--output", str(tmp_path)]) == 1
    assert "error: broken: no answer" in capsys.readouterr().err
    names = {path.name for path in (tmp_path / "quick").iterdir()}
    assert {"broken.nc", "broken.png", "toy.md"} <= names
    assert "broken.md" not in names


def test_seeds_and_variants() -> None:
    one, again, other = (reproduce("toy", seed=s) for s in (1, 1, 2))
    assert one.data["converged"].y.equals(again.data["converged"].y)
    assert not one.data["converged"].y.equals(other.data["converged"].y)
    np.testing.assert_allclose(one.data["printed"].y - one.data["converged"].y, 1)
    assert set(reproduce("toy", variants=("printed",)).data) == {"printed"}
    assert reproduce("toy", scale="paper").data["converged"].sizes["x"] == 30
    fresh = reproduce("toy", seed=None).data["converged"].attrs["seed"]
    assert int(fresh) > 2


@pytest.mark.parametrize(
    ("key", "arguments", "text"),
    [
        ("hh0", {}, "figure='hh0'"),
        ("toy", {"scale": "huge"}, "scale='huge'"),
        ("toy", {"variants": ("wrong",)}, "variant='wrong'"),
        ("toy", {"neurons": 3}, "neurons=3: toy has no such parameter, only n, gains"),
        ("toy", {"seed": -1}, "seed"),
        ("toy", {"n": 0}, "n=0"),
        ("toy", {"n": [3]}, "n="),
        ("toy", {"gains": 3.0}, "gains=3.0: must be a list"),
        ("toy", {"gains": []}, "gains="),
        ("toy", {"gains": [1.0, 1.0]}, "a value stands twice"),
        ("toy", {"gains": ["a"]}, "gains='a'"),
    ],
)
def test_bad_arguments(key: str, arguments: dict[str, object], text: str) -> None:
    with pytest.raises(ArgumentError, match=text):
        reproduce(key, **arguments)  # type: ignore[arg-type]


def test_help_names_every_figure(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["reproduce", "--help"]) == 0
    text = capsys.readouterr().out
    for key, figure in FIGURES.items():
        if key != "toy":
            assert f"{key:<5} {figure.source}" in text
            assert figure.title[:40] in " ".join(text.split())
    assert main(["--help"]) == 0
    assert "reproduce" in capsys.readouterr().out


def test_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = ["--output", str(tmp_path)]
    assert main(["reproduce", "toy", "--set", "n=7", "--set", "gains=[3, 4]", *output]) == 0
    assert "wrote toy.nc" in capsys.readouterr().out
    with xr.open_dataset(tmp_path / "quick" / "toy.nc", engine="scipy") as data:
        assert data.sizes["x"] == 7
    assert main(["reproduce", "toy", "--variant", "printed", "--scale", "paper", *output]) == 0
    assert sorted(p.name for p in (tmp_path / "paper").glob("*.png")) == ["toy-printed.png"]
    capsys.readouterr()
    assert main(["reproduce", "toy", "--describe"]) == 0
    assert '"n": 30' in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["nothing"],
        ["toy", "--set", "n"],
        ["toy", "--set", "n=x"],
        ["toy", "--set", "m=1"],
        ["qh3", "--variant", "printed"],
        ["toy", "--scale", "huge"],
    ],
)
def test_bad_input_is_one_line(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["reproduce", *arguments]) == 2
    assert "error:" in capsys.readouterr().err
