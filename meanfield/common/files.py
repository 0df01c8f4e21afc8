"""What is written: files that appear whole or not at all, with their provenance; and read again."""

from __future__ import annotations

import json
import os
import platform
import shutil
import socket
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import xarray as xr

# Attribute of a file that holds all others with their types, which netCDF has not.
_FACTS = "quasipotential"
_INTEGER = 2**31
# How temporary directories begin; host and process follow.
_PARTIAL = ".partial-"
_TRIES = 100


@contextmanager
def staged_directory(target: Path) -> Iterator[Path]:
    """A temporary directory whose files move into `target` if the block ends without error."""
    with directory(target):
        for path in target.glob(f"{_PARTIAL}*"):
            if _is_left_over(path.name):
                shutil.rmtree(path, ignore_errors=True)
        place = f"{_PARTIAL}{socket.gethostname()}-{os.getpid()}-"
        staging = Path(tempfile.mkdtemp(prefix=place, dir=target))
        try:
            yield staging
            for path in sorted(staging.iterdir()):
                os.replace(path, target / path.name)
        finally:
            shutil.rmtree(staging, ignore_errors=True)


def _is_left_over(name: str) -> bool:
    """Whether the process that made a temporary directory was killed."""
    host, _, process = name.removeprefix(_PARTIAL).rpartition("-")[0].rpartition("-")
    if host != socket.gethostname() or not process.isdecimal():
        return False
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return True
    except OSError:
        pass
    return False


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
    """Versions of the package and of what its numbers depend on, and the UTC time."""
    versions = {f"{name}_version": _version(name) for name in ("quasipotential", "numpy", "scipy")}
    now = datetime.now(UTC).isoformat(timespec="seconds")
    return {**versions, "python_version": platform.python_version(), "created": now}


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def save(data: xr.Dataset, path: Path) -> None:
    """Write a dataset as netCDF; attributes of any JSON type survive `load`."""
    facts = plain(data.attrs)
    shown = {name: native(value) for name, value in facts.items() if value is not None}
    data = data.copy()
    data.attrs = {**shown, _FACTS: json.dumps(facts)}
    data.to_netcdf(path, engine="scipy")


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

    if Path(path).is_dir():
        from .sweep import opened

        return opened(path)
    data = xr.load_dataset(path, engine="scipy")
    if _FACTS in data.attrs:
        data.attrs = json.loads(data.attrs[_FACTS])
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
