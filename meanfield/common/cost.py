"""What a call would take, asked before the work; what no machine or no patience has is refused.

The environment variable QUASIPOTENTIAL_LIMITS=off, or `unlimited` around a call, lets it run.
"""

import math
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .arguments import ArgumentError, shown

VARIABLE = "QUASIPOTENTIAL_LIMITS"
# Seconds that a call may take by its estimate: two days.
LONGEST = 2 * 86400.0
# A common processor: seconds that one step takes beside its arithmetic, and operations per second.
_STEP, _RATE = 2e-5, 1e10
# Numbers of an entry while a closed form is evaluated.
_HELD = 10.0
_GROUP = Path("/sys/fs/cgroup/memory.max")


@contextmanager
def unlimited() -> Iterator[None]:
    """Let calls run that would be refused for their memory or their time.

    Processes that are started within inherit it.

    Examples
    --------
    >>> from meanfield import ArgumentError, two_time, unlimited
    >>> try:
    ...     two_time(1.5, 0.5, t_max=1e5, dt=0.1)
    ... except ArgumentError as error:
    ...     print(str(error)[:15])
    t_max=100000.0:
    >>> with unlimited():
    ...     pass  # Here it would start.
    """
    before = os.environ.get(VARIABLE)
    os.environ[VARIABLE] = "off"
    try:
        yield
    finally:
        if before is None:
            del os.environ[VARIABLE]
        else:
            os.environ[VARIABLE] = before


def check(
    name: str, value: Any, instead: str, *, numbers: float = 0.0, seconds: float = 0.0
) -> None:
    """Refuse what needs more memory than the machine has, or days.

    Parameters
    ----------
    name, value
        The argument that makes the call large.
    instead : str
        What to change.
    numbers : float
        Double precision numbers held at once.
    seconds : float
        Estimated, see `time_of`.

    Raises
    ------
    ArgumentError
        With the estimate and the limit.
    """
    size, room = 8.0 * numbers, memory()
    if (size <= room and seconds <= LONGEST) or os.environ.get(VARIABLE) == "off":
        return
    if size > room:
        needs = f"needs {as_size(size)} of memory, there are {as_size(room)}"
    else:
        needs = f"would run for about {as_time(seconds)}, more than {as_time(LONGEST)}"
    raise ArgumentError(f"{shown(name, value)}: {needs}; {instead}, or set {VARIABLE}=off")


def whole(name: str, value: Any, number: float, instead: str) -> int:
    """So many things as an argument asks for, rounded; refused where they fit into no memory."""
    check(name, value, instead, numbers=number)
    return round(number)


def broadcast(
    numbers: float = 0.0, seconds: float = 0.0, /, **arrays: NDArray[Any]
) -> list[NDArray[Any]]:
    """The arrays of the named arguments against each other, if what each entry takes can be had."""
    try:
        points = math.prod(np.broadcast_shapes(*(one.shape for one in arrays.values())))
    except ValueError as error:
        shapes = ", ".join(f"{name} of shape {one.shape}" for name, one in arrays.items())
        raise ArgumentError(f"{shapes}: must broadcast") from error
    name, longest = max(arrays.items(), key=lambda item: item[1].size)
    held = points * max(numbers, _HELD)
    check(name, longest, "take fewer points", numbers=held, seconds=points * seconds)
    return list(np.broadcast_arrays(*arrays.values()))


def time_of(steps: float, operations: float) -> float:
    """Seconds of so many steps with so many arithmetic operations each, on a common processor."""
    return steps * (_STEP + operations / _RATE)


def memory() -> float:
    """Bytes that a process may have: of the machine, its group of processes, or its own limit."""
    room = math.inf
    # Neither is known everywhere.
    with suppress(AttributeError, ValueError, OSError):
        room = float(os.sysconf("SC_PHYS_PAGES")) * os.sysconf("SC_PAGE_SIZE")
    with suppress(ValueError, OSError):
        room = min(room, float(_GROUP.read_text()))
    with suppress(ImportError, OSError):
        import resource

        limit, _ = resource.getrlimit(resource.RLIMIT_AS)
        room = limit if 0 <= limit < room else room
    # Beyond this no machine goes.
    return min(room, 2.0**44)


def as_size(size: float) -> str:
    """Bytes in the largest fitting unit."""
    power = min(int(math.log2(max(size, 1.0)) // 10), 6)
    return f"{size / 1024.0**power:.3g} {['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB', 'EiB'][power]}"


def as_time(seconds: float) -> str:
    """Seconds in the largest fitting unit."""
    for unit, name in (
        (86400.0 * 365, "years"),
        (86400.0, "days"),
        (3600.0, "hours"),
        (60.0, "minutes"),
    ):
        if seconds >= unit:
            return f"{seconds / unit:.3g} {name}"
    return f"{seconds:.3g} s"
