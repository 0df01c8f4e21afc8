"""Finished points on disk: several writers, a fresh start, failures, other code."""

import os
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from meanfield import ArgumentError, StepSizeWarning, sweep
from meanfield.common.jobs import Attempt
from meanfield.common.store import FileWarning, Labelled, PointError, Store, _sealed

ARRAYS = {"x": (("t",), np.array([0.1, np.nan, -0.0, np.inf]), {"units": "1"})}
VALUE = Labelled({**ARRAYS, "t": (("t",), np.arange(4), {})}, ("t",), {"g": 2})
GOOD = Attempt(VALUE, [("slow", StepSizeWarning)], None, 0.5)


def _put(folder: Path, key: str, attempt: Attempt = GOOD, name: str = "all") -> None:
    with Store(folder, name) as store:
        store.add(key, attempt, {"n": 3})


def test_every_writer_has_a_file_and_all_files_are_read(tmp_path: Path) -> None:
    for name in ("1-of-2", "2-of-2"):
        _put(tmp_path, f"key {name}", name=name)
    found = Store(tmp_path).read()
    assert len(found) == 2
    for name in ("1-of-2", "2-of-2"):
        outcome = found.get(f"key {name}")
        assert outcome is not None
        assert outcome.value.coords == VALUE.coords
        assert outcome.value.attrs == VALUE.attrs
        for key, (dims, values, attrs) in VALUE.variables.items():
            kept = outcome.value.variables[key]
            assert (kept[0], kept[2]) == (dims, attrs)
            assert kept[1].dtype == values.dtype
            assert kept[1].tobytes() == values.tobytes()
        assert outcome[1:] == GOOD[1:]


def test_a_line_that_was_cut_off_is_removed(tmp_path: Path) -> None:
    _put(tmp_path, "first")
    file = tmp_path / "points-all.jsonl"
    whole = file.read_bytes()
    for length in range(len(whole)):
        file.write_bytes(whole[:length])
        assert len(Store(tmp_path).read()) == 0
    _put(tmp_path, "second")
    assert file.read_bytes().count(b"\n") == 1
    assert Store(tmp_path).read().get("second") is not None


@given(st.data())
def test_no_altered_bit_is_believed(data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for key in ("first", "second"):
            _put(Path(folder), key)
        file = Path(folder, "points-all.jsonl")
        content = bytearray(file.read_bytes())
        place = data.draw(st.integers(0, len(content) - 1))
        content[place] ^= 1 << data.draw(st.integers(0, 7))
        file.write_bytes(content)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FileWarning)
            with Store(folder) as store:
                assert len(store) < 2
        # The damage is told once.
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert len(Store(folder).read()) == len(store)


def test_a_fresh_store_forgets_its_file_alone(tmp_path: Path) -> None:
    for name in ("all", "other"):
        _put(tmp_path, name, name=name)
    with Store(tmp_path, fresh=True) as store:
        assert len(store) == 0
    left = Store(tmp_path).read()
    assert left.get("all") is None
    assert left.get("other") is not None


def test_failures_keep_their_text_and_kind(tmp_path: Path) -> None:
    for key, attempt in (("good", GOOD), ("key", Attempt(None, [], OSError("broken"), 0.25))):
        _put(tmp_path, key, attempt)
    found = Store(tmp_path).read().get("key")
    assert found is not None
    assert isinstance(found.error, PointError)
    assert (found.reason, found.error.kind, found.error.status, found.seconds) == (
        "broken", "builtins:OSError", "flagged", 0.25
    )  # fmt: skip


def test_a_store_without_a_result_leaves_nothing(tmp_path: Path) -> None:
    _put(tmp_path / "a" / "b", "key", Attempt(None, [], OSError("broken"), 0.25))
    assert not list(tmp_path.iterdir())


def test_a_store_has_one_writer(tmp_path: Path) -> None:
    with Store(tmp_path), Store(tmp_path, "other"):
        with pytest.raises(ArgumentError, match="this process already writes there"):
            Store(tmp_path).__enter__()
        command = f"""
import meanfield.common.store as s
try:
    with s.Store({str(tmp_path)!r}): pass
except s.ArgumentError as error:
    print(error)
"""
        other = subprocess.run([sys.executable, "-c", command], capture_output=True, text=True)
        assert f"another sweep writes there (process {os.getpid()} on" in other.stdout
    with Store(tmp_path):
        pass


def test_another_format_is_refused(tmp_path: Path) -> None:
    (tmp_path / "points-all.jsonl").write_bytes(_sealed(b'{"schema": 1}'))
    with pytest.raises(ArgumentError, match="of format 1"):
        Store(tmp_path).read()


def test_a_full_disk_names_the_file(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        store._file = open("/dev/full", "ab")  # noqa: SIM115
        with pytest.raises(OSError, match="/dev/full"):
            store.add("key", GOOD)
        store._file = None


def test_a_warning_of_unknown_category_is_kept(tmp_path: Path) -> None:
    class PrivateWarning(UserWarning):
        pass

    _put(tmp_path, "key", GOOD._replace(warnings=[("slow", PrivateWarning)]))
    found = Store(tmp_path).read().get("key")
    assert found is not None
    assert found.warnings == [("slow", UserWarning)]


def test_points_of_other_code_are_not_taken_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def half(g: float) -> float:
        return g / 2

    sweep(half, {"g": [1.0]}, store=tmp_path)
    with monkeypatch.context() as other:
        other.setattr("meanfield.common.identity.environment", lambda: ("numpy_version 1.0",))
        with pytest.raises(ArgumentError, match=r"numpy_version differs .* there, 1.0 here"):
            sweep(half, {"g": [1.0]}, store=tmp_path)
    # Who says what is the same is believed.
    for code in ("numpy_version 1.0", "numpy_version 2.0"):
        monkeypatch.setattr("meanfield.common.identity.environment", lambda code=code: (code,))
        sweep(half, {"g": [1.0]}, store=tmp_path / "own", version="mine")
    with pytest.raises(ArgumentError, match=r"version differs .'mine' there, 'yours' here."):
        sweep(half, {"g": [1.0]}, store=tmp_path / "own", version="yours")
