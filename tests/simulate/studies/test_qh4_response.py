"""[QH] Fig. 4: the study of `meanfield` with the sizes of the figure."""

from pathlib import Path

from meanfield.common.study import answer
from meanfield.studies.response_curve import RESPONSE_CURVE
from simulate.studies.qh4_response import QH4


def test_figure_is_the_study_of_the_response_curve(tmp_path: Path) -> None:
    exact = {"g": [0.5, 1.1], "gamma": [0.0]}
    found = answer(QH4, preset="quick", output=tmp_path, **exact)
    assert [path.name for path in found.files] == ["qh4.nc", "qh4.png", "qh4.md"]
    data = found.data["converged"]
    assert data.drop_attrs().equals(RESPONSE_CURVE.run(**exact).drop_attrs())
    assert data.attrs["command"].startswith("python -m simulate reproduce qh4")


def test_sizes() -> None:
    quick, paper = (QH4.values(preset) for preset in ("quick", "paper"))
    names = ("n_trajectories", "t_skip", "t_max", "window", "batches")
    assert [quick[name] for name in names] == [4096, 30, 90, 30, 8]
    assert [paper[name] for name in names] == [32_000, 120, 360, 120, 8]
    assert len(paper["g"]) == 13
