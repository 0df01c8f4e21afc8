"""The algebra of the theory, proved by computer algebra.

Every identity is a named check that derives it and fails with the remainder where it is not zero;
`python -m derivations` runs them all.  Nothing here is taken from the numerical packages.
"""

from typing import Any

from .registry import REGISTRY, Check, Outcome, Registry, check

__all__ = ["REGISTRY", "Check", "Outcome", "Registry", "check"]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from meanfield.common.late import installed

        return installed()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
