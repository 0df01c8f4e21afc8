"""What is written: sets of files that appear whole, digests, locks, full disks."""

from __future__ import annotations

import errno
import os
import re
import shutil
import signal
import subprocess
import sys
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

from meanfield import ArgumentError, load, stationary
from meanfield.common import files
from meanfield.common.files import ResultSet, read_kept, save, settle, write_kept, write_text

OLD = {"a.txt": "old", "gone.csv": "1,2", "a.md": "old caption"}
NEW = {"a.txt": "new", "b.txt": "more", "a.md": "new caption"}


def write(folder: Path, texts: dict[str, str]) -> None:
    with ResultSet(folder, "a") as kept:
        for name, text in texts.items():
            kept.describe(name, text) if name.endswith(".md") else add(kept, name, text)


def add(kept: ResultSet, name: str, text: str) -> None:
    kept.add(name, partial(write_text, text))


def found(folder: Path) -> dict[str, str]:
    """Texts of all files but for lists."""
    return {path.name: path.read_text().partition("\n<!--")[0] for path in folder.iterdir()}


def test_a_set_takes_the_place_of_the_one_before(tmp_path: Path) -> None:
    (tmp_path / "of others.csv").write_text("3")
    write(tmp_path, OLD)
    assert found(tmp_path) == {**OLD, "of others.csv": "3"}
    write(tmp_path, NEW)
    assert found(tmp_path) == {**NEW, "of others.csv": "3"}


def test_what_a_user_has_changed_stays(tmp_path: Path) -> None:
    write(tmp_path, OLD)
    (tmp_path / "gone.csv").write_text("mine")
    write(tmp_path, NEW)
    assert found(tmp_path) == {**NEW, "gone.csv": "mine"}


@pytest.mark.parametrize("is_secure", [False, True])
def test_an_error_leaves_the_old_set_or_what_was_secure(tmp_path: Path, is_secure: bool) -> None:
    write(tmp_path, OLD)

    def begin() -> None:
        with ResultSet(tmp_path, "a") as kept:
            for name in ("a.txt", "b.txt"):
                add(kept, name, NEW[name])
            kept.describe("a.md", NEW["a.md"])
            if is_secure:
                kept.secure()
            add(kept, "half.png", "not told of")
            raise RuntimeError("no picture")

    with pytest.raises(RuntimeError, match="no picture"):
        begin()
    assert found(tmp_path) == (NEW if is_secure else OLD)


@pytest.mark.parametrize("name", ["replace", "unlink", "rmdir", "mkdir", "rename"])
def test_a_set_is_old_or_new_wherever_a_kill_comes(tmp_path: Path, name: str) -> None:
    outcomes = []
    for place in range(12):
        folder = tmp_path / str(place)
        write(folder, OLD)
        if (child := os.fork()) == 0:
            usual, left = getattr(os, name), iter(range(place))

            def deadly(*args: Any, usual: Any = usual, left: Any = left, **how: Any) -> Any:
                if next(left, None) is None:
                    os.kill(os.getpid(), signal.SIGKILL)
                return usual(*args, **how)

            setattr(os, name, deadly)
            write(folder, NEW)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        settle(folder)
        left_over = found(folder)
        left_over.pop(".a.quasipotential-lock", None)
        assert left_over in (OLD, NEW)
        outcomes.append(left_over == NEW)
        write(folder, OLD)
        assert found(folder) == OLD
        if os.WIFEXITED(status):
            break
    assert outcomes[-1]


def test_load_finishes_what_a_kill_cut_off(tmp_path: Path) -> None:
    whole = tmp_path / ".q.nc.quasipotential-whole"
    whole.mkdir()
    save(xr.Dataset({"q": 0.5}), whole / "q.nc")
    assert float(load(tmp_path / "q.nc").q) == 0.5
    assert [path.name for path in tmp_path.iterdir()] == ["q.nc"]


HELD = """
import sys
from pathlib import Path
from meanfield.common.files import ResultSet, write_text
with ResultSet(Path("made"), sys.argv[1]) as kept:
    kept.add(sys.argv[1], lambda path: write_text("x", path))
    print("there", flush=True)
    sys.stdin.readline()
"""


def test_a_second_writer_is_refused_and_leftovers_of_who_was_killed_go(programs: Any) -> None:
    made = programs.folder / "made"
    killed, living = (programs.script(HELD, name) for name in ("killed", "living"))
    assert [one.stdout.readline() for one in (killed, living)] == ["there\n"] * 2
    killed.kill()
    killed.wait()
    assert {path.name for path in made.iterdir() if path.is_dir()} == {
        ".killed.quasipotential-partial", ".living.quasipotential-partial"
    }  # fmt: skip
    told = pytest.raises(ArgumentError, match=rf"output=.*another run .*process {living.pid} on")
    with told, ResultSet(made, "living"):
        pass
    with ResultSet(made, "third"):
        pass
    left = {path.name for path in made.iterdir() if path.is_dir()}
    assert left == {".living.quasipotential-partial"}
    assert living.communicate("\n", timeout=60) == ("", None)
    assert {path.name for path in made.iterdir()} == {"living"}


def test_who_has_patience_waits(programs: Any) -> None:
    holder = programs.script(HELD, "a.nc")
    assert holder.stdout.readline() == "there\n"
    os.kill(holder.pid, signal.SIGSTOP)
    begun = programs.run(
        "-c", "import meanfield; meanfield.stationary(2.0).save('made/a.nc'); print('saved')"
    )
    os.kill(holder.pid, signal.SIGCONT)
    holder.communicate("\n", timeout=60)
    assert begun.communicate(timeout=60) == ("saved\n", None)
    assert float(load(programs.folder / "made" / "a.nc").q) == stationary(2.0).q


def test_no_altered_byte_is_believed(tmp_path: Path) -> None:
    path = tmp_path / "a.nc"
    stationary([1.5, 2.0]).save(path)
    whole = path.read_bytes()
    before = load(path)
    rng = np.random.default_rng(0)
    for place in [*range(64), *rng.integers(len(whole), size=150)]:
        content = bytearray(whole)
        content[place] ^= 1 << rng.integers(8)
        path.write_bytes(content)
        if 0 <= place - whole.index(files._MARK) < len(files._MARK):
            # The digest has lost its name.
            with suppress(ArgumentError):
                assert load(path).drop_attrs().identical(before.drop_attrs())
            continue
        with pytest.raises(ArgumentError, match=re.escape(f"path={str(path)!r}: ")):
            load(path)
    for length in (0, 3, 100, len(whole) - 1):
        path.write_bytes(whole[:length])
        with pytest.raises(ArgumentError, match=r"a\.nc"):
            load(path)


def test_files_of_others_are_loaded_as_they_are(tmp_path: Path) -> None:
    data = xr.Dataset({"q": ("g", [0.5, 0.7])}, {"g": [1.0, 2.0]}, {"by": "hand"})
    data.to_netcdf(tmp_path / "own.nc", engine="scipy")
    assert load(tmp_path / "own.nc").identical(data)
    with pytest.raises(FileNotFoundError):
        load(tmp_path / "none.nc")
    with pytest.raises(ArgumentError, match=r"own.csv.*is a table; load reads \.nc files"):
        load(tmp_path / "own.csv")


def test_kept_numbers_have_a_digest_and_a_schema(tmp_path: Path) -> None:
    path, content = tmp_path / "kept.json", {"cell": [[0.125, 1e-3]]}
    write_kept(path, content)
    assert read_kept(path) == content
    text = path.read_text()
    path.write_bytes(text.replace("\n", "\r\n").encode())
    assert read_kept(path) == content
    for damaged in (
        text.replace("0.125", "0.126"),
        text.replace("cell", "call"),
        text[:-9],
        "",
        "{",
    ):
        path.write_text(damaged)
        with pytest.raises(ArgumentError, match=r"kept\.json.*digest"):
            read_kept(path)
    path.write_text(text.replace('"schema": 1', '"schema": 0'))
    with pytest.raises(ArgumentError, match="of format 0"):
        read_kept(path)


def test_a_full_disk_names_the_file_and_leaves_the_old_set(tmp_path: Path) -> None:
    write(tmp_path, OLD)

    def full(path: Path) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def begin() -> None:
        with ResultSet(tmp_path, "a") as kept:
            add(kept, "a.txt", "new")
            kept.add("b.txt", full)

    with pytest.raises(OSError, match=r"No space left on device: .*/b\.txt'"):
        begin()
    assert found(tmp_path) == OLD


def test_what_is_not_ours_stays(tmp_path: Path) -> None:
    """Hidden folders of users, whatever they are called; and without locks those of living runs."""
    for name in (".video.partial", ".mine.whole"):
        (tmp_path / name).mkdir()
        write_text("mine", tmp_path / name / "k.txt")
    write(tmp_path, NEW)
    assert {path.name for path in tmp_path.iterdir() if path.is_dir()} == {
        ".video.partial", ".mine.whole"
    }  # fmt: skip
    assert not (tmp_path / "k.txt").exists()


def test_reading_removes_nothing_where_there_are_no_locks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "fcntl", None)
    with ResultSet(tmp_path, "a") as kept:
        settle(tmp_path)
        add(kept, "b.txt", "whole")
    assert (tmp_path / "b.txt").read_text() == "whole"


def test_a_folder_in_the_place_of_a_file_is_named_and_nothing_moves(tmp_path: Path) -> None:
    write(tmp_path, OLD)
    (tmp_path / "b.txt").mkdir()
    with pytest.raises(IsADirectoryError, match=re.escape(str(tmp_path / "b.txt"))):
        write(tmp_path, NEW)
    assert (tmp_path / "a.txt").read_text() == "old"


def test_a_place_where_no_file_can_be_made_is_named() -> None:
    with pytest.raises(OSError, match="/proc"):
        stationary(1.5).save("/proc/x.nc")


@pytest.mark.parametrize("path", [None, 3, np.nan, b"x", ["a"], True, "a\0b"], ids=repr)
def test_what_is_no_path_is_refused(path: Any) -> None:
    with pytest.raises(ArgumentError, match=r"^path=.*: must be a path"):
        load(path)


def test_a_file_that_has_lost_its_digest_is_refused(tmp_path: Path) -> None:
    save(xr.Dataset({"q": 0.5}), tmp_path / "q.nc")
    content = (tmp_path / "q.nc").read_bytes()
    (tmp_path / "q.nc").write_bytes(content.replace(b"potential_digest", b"potential_digesu"))
    with pytest.raises(ArgumentError, match="its digest is gone"):
        load(tmp_path / "q.nc")


@pytest.mark.skipif(shutil.which("git") is None, reason="version control is not installed")
def test_provenance_has_the_commit_of_the_code_and_of_nothing_else(tmp_path: Path) -> None:
    """Of a copy of the package: in no repository, in that of others, in its own, changed."""
    copied = shutil.copytree(Path(files.__file__).parents[1], tmp_path / "meanfield",
                             ignore=shutil.ignore_patterns("__pycache__"))  # fmt: skip
    here = {"cwd": tmp_path, "capture_output": True, "text": True, "check": True}

    def git(*words: str) -> str:
        own = ["git", "-c", "user.name=a", "-c", "user.email=a@b.c", *words]
        return str(subprocess.run(own, **here).stdout).strip()

    def told() -> list[str]:
        code = f"""import sys, time; sys.path[:0] = [{str(tmp_path)!r}]
from meanfield.common import files
print(files.provenance().get("commit"))"""
        # Hooks set these.
        known = os.environ | {"GIT_DIR": "/nowhere", "GIT_INDEX_FILE": "/nowhere/index"}
        return str(subprocess.run([sys.executable, "-c", code], env=known, **here).stdout).split()

    assert told() == ["None"]
    (tmp_path / "others").write_text("1")
    git("init", "--quiet")
    git("add", "others")
    git("commit", "--quiet", "--message", "others")
    assert told() == ["None"]
    git("add", "meanfield")
    git("commit", "--quiet", "--message", "meanfield")
    commit = git("rev-parse", "HEAD")
    git("tag", "v1.0")
    assert told() == [commit]
    with (copied / "quadrature.py").open("a") as file:
        file.write("# changed\n")
    assert told() == [f"{commit}-dirty"]


def test_version_control_is_asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def refuse(*args: Any, **how: Any) -> Any:
        calls.append(args)
        raise FileNotFoundError("no git")

    monkeypatch.setattr(subprocess, "run", refuse)
    files._commit.cache_clear()
    assert "commit" not in files.provenance()
    assert "commit" not in files.provenance()
    assert len(calls) == 1
    files._commit.cache_clear()
