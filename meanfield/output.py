"""Files appear whole or not at all: everything is written beside its place and then moved in."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def staged_directory(target: Path) -> Iterator[Path]:
    """A temporary directory whose files move into `target` if the block ends without error.

    Parameters
    ----------
    target : Path
        Made, with its parents, on entry, so that an unwritable place fails before the work starts.

    Raises
    ------
    OSError
        If `target` cannot be made or written to.
    """
    created = [path for path in (target, *target.parents) if not path.exists()]
    target.mkdir(parents=True, exist_ok=True)
    staging = None
    try:
        staging = Path(tempfile.mkdtemp(prefix=".partial-", dir=target))
        yield staging
        for path in sorted(staging.iterdir()):
            os.replace(path, target / path.name)
    finally:
        if staging is not None:
            shutil.rmtree(staging, ignore_errors=True)
        for path in created:
            if not any(path.iterdir()):
                path.rmdir()
