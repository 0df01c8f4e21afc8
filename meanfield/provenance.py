"""What is written beside every saved result: versions and the time of the run."""

from __future__ import annotations

import platform
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version


def provenance() -> dict[str, str]:
    """Versions of the package and of what its numbers depend on, and the UTC time."""
    found = {f"{name}_version": _version(name) for name in ("quasipotential", "numpy", "scipy")}
    now = datetime.now(UTC).isoformat(timespec="seconds")
    return {**found, "python_version": platform.python_version(), "created": now}


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"
