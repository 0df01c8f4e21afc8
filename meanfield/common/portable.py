"""Records of functions that travel between processes."""

from __future__ import annotations

from dataclasses import fields
from functools import partial
from typing import Any, Self, SupportsIndex


class Portable:
    """A dataclass of functions, lambdas among them, which more than pickle is needed for."""

    def held(self) -> dict[str, Any]:
        """What it is made of."""
        return {field.name: getattr(self, field.name) for field in fields(self)}  # type: ignore[arg-type]

    # It cannot be changed, and its functions are no parts of it that a copy would have of its own.
    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: object) -> Self:
        return self

    def __reduce_ex__(self, protocol: SupportsIndex) -> tuple[Any, ...]:
        from loky import wrap_non_picklable_objects as wrapped

        held = {
            name: wrapped(one, keep_wrapper=False) if callable(one) else one
            for name, one in self.held().items()
        }
        return partial(type(self), **held), ()
