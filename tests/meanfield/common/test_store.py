"""Finished points on disk: several writers, a fresh start, failures, other code."""

import warnings
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from meanfield import StepSizeWarning, sweep
from meanfield.common.jobs import Attempt
from meanfield.common.store import Store

VALUE = xr.Dataset({"x": ("t", [0.1, np.nan, -0.0, np.inf]), "t": np.arange(4)}, attrs={"g": 2})
GOOD = Attempt(VALUE, [("slow", StepSizeWarning)], None, 0.5)


def test_every_writer_has_a_file_and_all_files_are_read(tmp_path: Path) -> None:
    for name in ("1-of-2", "2-of-2"):
        Store(tmp_path, name).add(f"key {name}", GOOD, {"n": 3})
    assert len(list(tmp_path.glob("points-*.jsonl"))) == 2
    found = Store(tmp_path)
    assert len(found) == 2
    for name in ("1-of-2", "2-of-2"):
        outcome = found.get(f"key {name}")
        assert outcome is not None
        assert outcome.value.identical(VALUE)
        assert outcome[1:] == GOOD[1:]


def test_a_line_that_was_cut_off_is_ended(tmp_path: Path) -> None:
    Store(tmp_path).add("first", GOOD)
    file = tmp_path / "points-all.jsonl"
    file.write_text(file.read_text()[:-40])
    store = Store(tmp_path)
    assert len(store) == 0
    store.add("second", GOOD)
    assert Store(tmp_path).get("second") is not None


def test_a_fresh_store_forgets_its_file_alone(tmp_path: Path) -> None:
    for name in ("all", "other"):
        Store(tmp_path, name).add(name, GOOD)
    assert len(Store(tmp_path, fresh=True)) == 0
    left = Store(tmp_path)
    assert left.get("all") is None
    assert left.get("other") is not None


def test_failures_are_not_written(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.add("key", Attempt(None, [], RuntimeError("broken"), 0.0))
    found = store.get("key")
    assert found is not None
    assert found.reason == "broken"
    assert Store(tmp_path).get("key") is None


def test_a_warning_of_unknown_category_is_kept(tmp_path: Path) -> None:
    class PrivateWarning(UserWarning):
        pass

    Store(tmp_path).add("key", GOOD._replace(warnings=[("slow", PrivateWarning)]))
    found = Store(tmp_path).get("key")
    assert found is not None
    assert found.warnings == [("slow", UserWarning)]


def test_points_of_other_code_are_not_taken_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def half(g: float) -> float:
        warnings.warn("computed", RuntimeWarning, stacklevel=1)
        return g / 2

    with pytest.warns(RuntimeWarning, match="computed"):
        sweep(half, {"g": [1.0]}, store=tmp_path)
    sizes = [len(Store(tmp_path))]
    for code in ("other code", "other code", "more"):
        monkeypatch.setattr("meanfield.common.sweep.sources", lambda *apart, code=code: code)
        with pytest.warns(RuntimeWarning, match="computed"):
            sweep(half, {"g": [1.0]}, store=tmp_path)
        sizes.append(len(Store(tmp_path)))
    assert sizes == [1, 2, 2, 3]
