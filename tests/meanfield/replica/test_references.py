"""Numbers from two independent programs: mpmath (25 digits) and a SciPy prototype."""

import json
from pathlib import Path

import numpy as np
import pytest

from meanfield import saddle_point, spin_glass_beta

FOLDER = Path(__file__).parents[2] / "references"
MPMATH = json.loads((FOLDER / "saddle_points.json").read_text())
PROTOTYPE = json.loads((FOLDER / "prototype_points.json").read_text())


def _label(point: dict[str, object]) -> str:
    return " ".join(f"{k}={point[k]}" for k in ("g", "gamma", "beta", "eta", "phi") if k in point)


@pytest.mark.parametrize("point", MPMATH["paramagnetic"], ids=_label)
def test_paramagnetic_against_mpmath(point: dict[str, str]) -> None:
    solved = saddle_point(
        float(point["g"]),
        float(point["gamma"]),
        beta=float(point["beta"]),
        eta=float(point["eta"]),
        phi=point["phi"],
        branch="paramagnetic",
    )
    for name in ("q", "r", "X", "x2", "sigma_xphi", "free_entropy"):
        assert float(getattr(solved, name)) == pytest.approx(
            float(point[name]), rel=1e-12, abs=1e-13
        )


@pytest.mark.parametrize("point", MPMATH["static"], ids=_label)
def test_static_against_mpmath(point: dict[str, str]) -> None:
    solved = saddle_point(float(point["g"]), float(point["gamma"]), branch="static")
    for name in ("Q", "G", "instability", "chi"):
        # χ = K/(1−g²K) loses what 1−g²K loses.
        loss = 1 + 1 / abs(1 - float(point["instability"])) if name == "chi" else 1
        assert float(getattr(solved, name)) == pytest.approx(float(point[name]), rel=2e-12 * loss)


@pytest.mark.parametrize("point", PROTOTYPE["paramagnetic"], ids=_label)
def test_paramagnetic_against_prototype(point: dict[str, float]) -> None:
    solved = saddle_point(
        point["g"], point["gamma"], beta=float(point["beta"]), branch="paramagnetic"
    )
    for name in ("q", "r", "X", "free_entropy", "x2", "sigma_xphi"):
        assert float(getattr(solved, name)) == pytest.approx(point[name], rel=1e-10, abs=1e-13)


@pytest.mark.parametrize("point", PROTOTYPE["static"], ids=_label)
def test_static_against_prototype(point: dict[str, float]) -> None:
    solved = saddle_point(point["g"], point["gamma"])
    for name, reference in (("Q", "Q"), ("G", "G"), ("instability", "g2K"), ("chi", "chi")):
        assert float(getattr(solved, name)) == pytest.approx(point[reference], rel=1e-9)


@pytest.mark.parametrize("point", PROTOTYPE["ordered"], ids=_label)
def test_ordered_against_prototype(point: dict[str, float]) -> None:
    solved = saddle_point(point["g"], point["gamma"], beta=point["beta"], branch="ordered")
    for name in ("q", "Q", "r", "R", "X", "P", "sigma_xphi", "energy"):
        assert float(getattr(solved, name)) == pytest.approx(point[name], rel=1e-9)


def test_spin_glass_beta_against_prototype() -> None:
    points = PROTOTYPE["spin_glass_beta"]
    found = spin_glass_beta([p["g"] for p in points], [p["gamma"] for p in points])
    np.testing.assert_allclose(found, [p["beta"] for p in points], rtol=1e-9)
