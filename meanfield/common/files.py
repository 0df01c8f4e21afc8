"""What is written: files that appear whole or not at all, with their provenance; and read again."""

from __future__ import annotations

import errno
import hashlib
import io
import json
import os
import platform
import shutil
import socket
import subprocess
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from functools import cache, partial
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from .arguments import ArgumentError, validated
from .late import installed

if TYPE_CHECKING:
    import xarray as xr

try:
    import fcntl
except ImportError:  # Windows: no locks.
    fcntl = None  # type: ignore[assignment]

# Attribute of a file that holds all others with their types, which netCDF has not.
_FACTS = "quasipotential"
_INTEGER = 2**31
# And one that holds the variables without numbers: netCDF has no dimension of length 0.
_EMPTY = "quasipotential_empty"
# Hidden beside a set: what is not whole, what is and has to be moved, who writes it.
_PARTIAL, _WHOLE, _LOCK = (f".quasipotential-{kind}" for kind in ("partial", "whole", "lock"))
# How the list of a set begins, at the end of a text, and how long it may be.
_LIST, _TAIL = "<!-- files, SHA-256: ", 1 << 16
_SCHEMA = 1
_TRIES, _LOOK = 100, 0.05
# Seconds in which version control has to answer.
_PATIENCE = 5.0
_DAMAGED = "not as it was saved, its digest differs; make it again or take another copy"
# Locks that this process holds: those of POSIX keep out other processes only, and are lost where
# the process closes the file once more.
_HELD: set[Path] = set()
_HOLDING = Lock()
_NO_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP}
# How netCDF begins the attribute that has the digest of the file, which follows in these digits.
_DIGEST, _DIGITS = "quasipotential_digest", 64
_MARK = _DIGEST.encode() + bytes([0, 0, 0, 0, 0, 0, 2, 0, 0, 0, _DIGITS])


class FileWarning(UserWarning):
    """What was kept is damaged, or cannot be locked."""


class ResultSet:
    """Files of one name in a folder, which appear together and by one writer.

    As a context it keeps out other runs.  Files come into a hidden folder; at the end they take the
    place of those of the run before, and what the text `describe` listed then and not now goes.  A
    move that a kill cut off is finished by the next run or by `load`.

    Parameters
    ----------
    folder : path
        Made if there is none.
    name : str
        Of the set.
    argument : str
        What the folder is called in errors.
    patience : float
        Seconds for which to wait for another writer.

    Raises
    ------
    ArgumentError
        If another run writes this set.
    OSError
        If a file cannot be written; it has the name that the file would have had.
    """

    def __init__(
        self, folder: Path, name: str, *, argument: str = "output", patience: float = 0.0
    ) -> None:
        self.folder, self.name = folder, name
        self._how = argument, patience
        self._staged = folder / f".{name}{_PARTIAL}"
        self._digests: dict[str, str] = {}
        self._stack = ExitStack()

    def __enter__(self) -> ResultSet:
        with ExitStack() as stack:
            # An unwritable place fails before the work starts.
            stack.enter_context(directory(self.folder))
            settle(self.folder, but=self.name)
            stack.enter_context(locked(self.folder / f".{self.name}{_LOCK}", *self._how))
            _settled(self.folder, self.name)
            self._staged.mkdir()
            self._stack = stack.pop_all()
        return self

    def __exit__(self, kind: type[BaseException] | None, *error: object) -> None:
        with self._stack:
            if kind is None:
                self.secure()
            _settled(self.folder, self.name)

    def add(self, name: str, write: Callable[[Path], object]) -> None:
        """Add the file that `write` makes at the path it is given."""
        beside = self._staged / f".{name}"
        with named(self.folder / name):
            write(beside)
            with beside.open("r+b") as file:
                # Some file systems tell only now that they are full.
                os.fsync(file.fileno())
            os.replace(beside, self._staged / name)
            self._digests[name] = _digest(self._staged / name)

    def describe(self, name: str, text: str) -> None:
        """Add a text of Markdown or HTML that lists, unseen, what has been added."""
        others = {one: digest for one, digest in self._digests.items() if one != name}
        text += f"\n{_LIST}{json.dumps(others)} -->\n"
        self.add(name, partial(write_text, text))

    def secure(self) -> None:
        """From now on what is there appears, with what is added, even after an error or a kill."""
        whole = self._staged.with_suffix(_WHOLE)
        if self._staged != whole:
            with named(self.folder):
                os.replace(self._staged, whole)
            self._staged = whole


def settle(folder: Path, but: str = "") -> None:
    """Finish the sets of runs that were killed, and remove what was not whole."""
    if fcntl is None:
        return
    found = {p.stem[1:] for kind in (_PARTIAL, _WHOLE) for p in folder.glob(f".*{kind}")}
    for name in found - {but}:
        # What others write, or may not be written, is left to them; without locks nobody knows.
        with suppress(ArgumentError, OSError, FileWarning), warnings.catch_warnings():
            warnings.simplefilter("error", FileWarning)
            with locked(folder / f".{name}{_LOCK}", "path"):
                _settled(folder, name)


def _settled(folder: Path, name: str) -> None:
    """Move a whole set into place, or go on with that; remove one that is not whole."""
    try:
        if (whole := folder / f".{name}{_WHOLE}").exists():
            _moved(folder, whole)
        shutil.rmtree(folder / f".{name}{_PARTIAL}", ignore_errors=True)
    except KeyboardInterrupt:
        _settled(folder, name)
        raise


def _moved(folder: Path, whole: Path) -> None:
    """Move files into place, last the one that lists them; before it go those of the old list."""
    there = {path.name: path for path in whole.iterdir() if not path.name.startswith(".")}
    index = next((name for name, path in there.items() if _listed(path)), "")
    names = _listed(there[index]) if index else there
    for one in [*names, *([index] if index else [])]:
        if (folder / one).is_dir():
            raise OSError(errno.EISDIR, os.strerror(errno.EISDIR), str(folder / one))
    for one in names:
        # Those that are not there have been moved before.
        with suppress(FileNotFoundError), named(folder / one):
            os.replace(whole / one, folder / one)
    if index:
        for one, digest in _listed(folder / index).items():
            # What users have changed is theirs.
            if one not in names and (path := folder / one).is_file() and _digest(path) == digest:
                path.unlink()
        os.replace(there[index], folder / index)
    shutil.rmtree(whole)


def _listed(path: Path) -> dict[str, str]:
    """The files that one lists, with their digests; none if it has no list."""
    try:
        with path.open("rb") as file:
            file.seek(max(path.stat().st_size - _TAIL, 0))
            text = file.read().decode("utf-8", "replace")
        found = json.loads(text.partition(_LIST)[2].partition("-->")[0])
        return {str(name): str(digest) for name, digest in found.items() if Path(name).name == name}
    except (OSError, ValueError, AttributeError):
        return {}


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def named(path: Path) -> Iterator[None]:
    """Errors of the system with the name that a user knows."""
    try:
        yield
    except OSError as error:
        if error.errno is None:
            raise
        raise OSError(error.errno, error.strerror, str(path)) from error


def write_text(text: str, path: Path) -> None:
    """The same bytes everywhere."""
    path.write_text(text, encoding="utf-8", newline="\n")


def write_kept(path: Path, content: Any) -> None:
    """Write numbers that are read back as JSON, with a digest."""
    facts = {"schema": _SCHEMA, "digest": _sum(content), "content": content}
    beside = path.with_name(f".{path.name}{_PARTIAL}")
    with named(path):
        write_text(json.dumps(facts, indent=1) + "\n", beside)
        os.replace(beside, path)


def read_kept(path: Path) -> Any:
    """What `write_kept` wrote; ArgumentError if a digit, a name or a type of it is another."""
    try:
        facts = json.loads(path.read_bytes())
        schema, content = facts["schema"], facts["content"]
        is_whole = _sum(content) == facts["digest"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ArgumentError(f"path={str(path)!r}: {_DAMAGED}") from error
    if schema != _SCHEMA:
        raise ArgumentError(f"path={str(path)!r}: of format {schema!r}, must be {_SCHEMA}")
    if not is_whole:
        raise ArgumentError(f"path={str(path)!r}: {_DAMAGED}")
    return content


def _sum(content: Any) -> str:
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()


@contextmanager
def locked(path: Path, argument: str, patience: float = 0.0, who: str = "run") -> Iterator[None]:
    """Keep out every other run that asks for this file; ArgumentError if one has it."""
    path = path.resolve()
    deadline = time.monotonic() + patience
    while True:
        try:
            file = _taken(path, argument, who)
            break
        except ArgumentError:
            if time.monotonic() >= deadline:
                raise
            time.sleep(_LOOK)
    try:
        with file:
            try:
                yield
            finally:
                # First the name: who has opened the file looks for it again.
                path.unlink(missing_ok=True)
    finally:
        _HELD.discard(path)


def _taken(path: Path, argument: str, who: str) -> BinaryIO:
    """The file of this name, locked."""
    where = f"{argument}={str(path.parent)!r}"
    with _HOLDING:
        if path in _HELD:
            raise ArgumentError(f"{where}: this process already writes there")
        _HELD.add(path)
    try:
        for left in reversed(range(_TRIES)):
            try:
                made(path.parent)
                file = path.open("a+b")
            except FileNotFoundError:  # Another run was ending, and has removed the folder.
                if not left:
                    raise
                continue
            try:
                if fcntl is not None:
                    fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                if error.errno not in _NO_LOCKS:
                    with file:
                        file.seek(0)
                        holder = file.read().decode(errors="replace")
                    raise ArgumentError(
                        f"{where}: another {who} writes there ({holder}); wait for it, or take "
                        "another folder"
                    ) from error
                text = f"{path}: this file system has no locks; let no second {who} write there"
                warnings.warn(text, FileWarning, stacklevel=7)
            with suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(file.fileno()), path.stat()):
                    break
            # Its holder was ending, and has removed it.
            file.close()
        else:
            raise ArgumentError(f"{where}: other runs begin and end there all the time, wait")
        try:
            with named(path):
                os.ftruncate(file.fileno(), 0)
                os.write(file.fileno(), f"process {os.getpid()} on {socket.gethostname()}".encode())
        except OSError:
            path.unlink()
            file.close()
            raise
        return file
    except BaseException:
        _HELD.discard(path)
        raise


@contextmanager
def directory(target: Path) -> Iterator[None]:
    """Make a directory, and remove what was made of it if it is still empty at the end."""
    # Made on entry: an unwritable place fails before the work starts.
    created = [path for path in (target, *target.parents) if not path.exists()]
    made(target)
    try:
        yield
    finally:
        for path in created:
            # One that is gone, or that others use, too, stays as it is.
            with suppress(OSError):
                path.rmdir()


def made(target: Path) -> None:
    """Make a directory, though others that end may remove it at the same moment."""
    for left in reversed(range(_TRIES)):
        try:
            target.mkdir(parents=True, exist_ok=True)
            return
        except (FileExistsError, FileNotFoundError):
            if not left:
                raise


def provenance() -> dict[str, str]:
    """Versions of the package and of what its numbers depend on, commit, and the UTC time."""
    versions = {f"{name}_version": installed(name) for name in ("quasipotential", "numpy", "scipy")}
    versions |= {"commit": commit} if (commit := _commit()) else {}
    now = datetime.now(UTC).isoformat(timespec="seconds")
    return {**versions, "python_version": platform.python_version(), "created": now}


@cache
def _commit() -> str:
    """The commit that runs, -dirty where files differ from it; empty outside a repository."""
    path = Path(__file__)
    # What hooks of another repository say is not about this one.
    known = {name: text for name, text in os.environ.items() if not name.startswith("GIT_")}

    def git(*words: str) -> str:
        return subprocess.run(
            ["git", "--no-optional-locks", *words], cwd=path.parent, env=known,
            capture_output=True, text=True, check=True, timeout=_PATIENCE,
        ).stdout.strip()  # fmt: skip

    try:
        # A repository that has an environment somewhere below does not know this file.
        git("ls-files", "--error-unmatch", path.name)
        return git("describe", "--always", "--dirty", "--abbrev=40", "--exclude=*")
    except (OSError, subprocess.SubprocessError):
        return ""


def save(data: xr.Dataset, path: str | Path) -> None:
    """Write a dataset as netCDF with a digest; attributes of any JSON type survive `load`."""
    facts = plain(data.attrs)
    shown = {name: native(value) for name, value in facts.items() if value is not None}
    empty = {
        str(name): [one.dims, one.shape, one.dtype.str, plain(one.attrs), name in data.coords]
        for name, one in data.variables.items()
        if not one.size
    }
    data = data.drop_vars(list(empty))
    data.attrs = {**shown, _FACTS: json.dumps(facts), _DIGEST: "0" * _DIGITS}
    data.attrs |= {_EMPTY: json.dumps(empty)} if empty else {}
    content = bytearray(data.to_netcdf(engine="scipy"))
    place = content.index(_MARK) + len(_MARK)
    content[place : place + _DIGITS] = hashlib.sha256(content).hexdigest().encode()
    Path(path).write_bytes(content)


def _is_whole(content: bytes) -> bool:
    """Whether a file has the digest that it tells, if it tells one."""
    place = content.find(_MARK) + len(_MARK)
    if place < len(_MARK):
        return True
    told = content[place : place + _DIGITS]
    parts = memoryview(content)
    digest = hashlib.sha256(parts[:place])
    digest.update(b"0" * _DIGITS)
    digest.update(parts[place + _DIGITS :])
    return digest.hexdigest().encode() == told


@validated
def load(path: str | Path) -> xr.Dataset:
    """Open what a command, a study or a sweep saved, with the types and the provenance it had.

    Parameters
    ----------
    path : path
        A netCDF file, or the store of a sweep, finished or not: points that are not done yet have
        failed there.

    Returns
    -------
    xarray.Dataset
        In memory; parameters, seed, command and versions are its attributes.

    Raises
    ------
    ArgumentError
        If the file is no netCDF, or has changed since it was saved, by a single bit; or no sweep is
        kept in the folder.
    OSError
        If it cannot be read.

    Examples
    --------
    >>> import tempfile, pathlib, xarray
    >>> from meanfield import load
    >>> from meanfield.common.files import save
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder) / "a.nc"
    ...     save(xarray.Dataset({"q": 0.5}, attrs={"g": [1.0, 2.0], "exact": True}), path)
    ...     load(path).attrs
    {'g': [1.0, 2.0], 'exact': True}
    """
    import xarray as xr

    path = Path(path)
    if path.is_dir():
        from .sweep import opened

        return opened(path)
    settle(path.parent)
    if path.suffix == ".csv":
        raise ArgumentError(f"path={str(path)!r}: is a table; load reads .nc files and stores")
    content = path.read_bytes()
    if not _is_whole(content):
        raise ArgumentError(f"path={str(path)!r}: {_DAMAGED}")
    try:
        data = xr.load_dataset(io.BytesIO(content), engine="scipy")
        if _FACTS in data.attrs:
            if _DIGEST not in data.attrs:
                raise ValueError("its digest is gone")
            empty = json.loads(data.attrs.get(_EMPTY, "{}"))
            for name, (dims, shape, kind, label, is_coordinate) in empty.items():
                data[name] = dims, np.empty(shape, kind), label
                data = data.set_coords(name) if is_coordinate else data
            data.attrs = dict(json.loads(data.attrs[_FACTS]))
    except Exception as error:  # Of whatever a damaged file makes of the reader.
        raise ArgumentError(
            f"path={str(path)!r}: must be a whole netCDF 3 file ({type(error).__name__}: {error})"
        ) from error
    return data


def native(content: Any) -> Any:
    """An attribute that netCDF 3 can hold: no long integers, mappings, tables, lists of texts."""
    array = np.asarray(content)
    small = array.dtype.kind in "bf" or (array.dtype.kind in "iu" and np.all(abs(array) < _INTEGER))
    if isinstance(content, str) or (small and array.size and array.ndim <= 1):
        return content
    return str(getattr(content, "name", content))


def plain(value: Any) -> Any:
    """The value made of what JSON has: numbers, texts, booleans, lists, mappings."""
    if isinstance(value, Mapping):
        return {str(name): plain(entry) for name, entry in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        listed = value.tolist()
        return str(listed) if isinstance(listed, np.generic) else plain(listed)
    if isinstance(value, list | tuple):
        return [plain(entry) for entry in value]
    if isinstance(value, str | int | float | bool) or value is None:
        return value
    return getattr(value, "name", None) or str(value)
