"""The algebra of the theory, proved by computer algebra.

Every identity is a named check that derives it and fails with the remainder where it is not zero;
`python -m derivations` runs them all.  Nothing here is taken from the numerical packages.
"""

from .registry import REGISTRY, Check, Outcome, Registry, check

__all__ = ["REGISTRY", "Check", "Outcome", "Registry", "check"]
