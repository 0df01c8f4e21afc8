"""Named checks and how to run them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

Proof = Callable[[], None]


@dataclass(frozen=True)
class Check:
    """One identity.

    Parameters
    ----------
    name : str
        ``section.identity``, unique in its registry.
    statement : str
        The identity in one line.
    prove : callable
        Returns if the identity holds, raises AssertionError with the remainder if it does not.
    """

    name: str
    statement: str
    prove: Proof


@dataclass(frozen=True)
class Outcome:
    """Result of a check: `failure` is None if it passed, else why it failed; time in seconds."""

    check: Check
    failure: str | None
    seconds: float

    @property
    def passed(self) -> bool:
        """Whether the identity was proved."""
        return self.failure is None


class Registry:
    """An ordered collection of checks with unique names."""

    def __init__(self) -> None:
        self._checks: dict[str, Check] = {}

    def check(self, name: str, statement: str) -> Callable[[Proof], Proof]:
        """Register the decorated function, which takes no argument, as the proof of `statement`.

        Raises
        ------
        ValueError
            If the name is taken.

        Examples
        --------
        >>> registry = Registry()
        >>> @registry.check("example.one", "1 + 1 = 2")
        ... def _() -> None:
        ...     if 1 + 1 != 2:
        ...         raise AssertionError(1 + 1 - 2)
        >>> [outcome.passed for outcome in registry.run()]
        [True]
        """

        def register(prove: Proof) -> Proof:
            if name in self._checks:
                raise ValueError(f"{name}: a check of this name is already registered")
            self._checks[name] = Check(name, statement, prove)
            return prove

        return register

    def select(self, substring: str = "") -> list[Check]:
        """The checks whose name contains `substring`, in the order of registration."""
        return [check for name, check in self._checks.items() if substring in name]

    def run(self, substring: str = "") -> Iterator[Outcome]:
        """Prove the selected checks one after the other, yielding each outcome as it is known."""
        for check in self.select(substring):
            start = time.perf_counter()
            failure = None
            try:
                check.prove()
            except AssertionError as error:
                failure = str(error) or "AssertionError"
            except Exception as error:  # a proof that breaks proves nothing: it fails, with a name
                failure = f"{type(error).__name__}: {error}"
            yield Outcome(check, failure, time.perf_counter() - start)


REGISTRY = Registry()
check = REGISTRY.check
