"""What figures write at tiny sizes, of one coupling."""

import warnings
from pathlib import Path
from typing import Any

import pytest

from simulate import reproduce

SMALL: dict[str, dict[str, Any]] = {
    "hh1": {"n": 30, "g": [2.0, 4.0], "t_switch": 3.0, "t_later": [5.0]},
    "hh2": {"n": 20, "g": [2.0], "g_shown": 3.0, "stretch": 2.0, "t_max": 31.0},
    "hh3": {"n": 20, "g": [2.0, 12.0], "t_max": 2.0},
    "hh4": {"n": 20, "g": [2.0, 12.0], "t_max": 2.0},
}


@pytest.mark.parametrize("key", SMALL)
def test_files_without_warnings(tmp_path: Path, key: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        # Of old versions of Matplotlib with new ones of pyparsing.
        warnings.simplefilter("ignore", DeprecationWarning)
        found = reproduce(key, output=tmp_path, seed=1, trials=1, **SMALL[key])
    stems = (key, f"{key}-printed")
    names = {f"{key}.md", *(f"{stem}.{end}" for stem in stems for end in ("png", "nc"))}
    assert {path.name for path in found.files} == names
    assert all(path.stat().st_size > 0 for path in found.files)
