"""One seed, independent streams: couplings, starts and noise of the same seed share nothing.

A `seed` of this package, `Seed`, is an integer ≥ 0, a `numpy.random.SeedSequence`, a
`numpy.random.Generator` or, where a result keeps it, None.  Each call reads it once as an integer,
which is ``attributes["seed"]`` of the result and repeats it:

- an integer, and a SeedSequence made of it alone, is itself; any other SeedSequence is 128 bits of
  its state.  It is not changed: two calls with the same one have the same numbers.
- a Generator is asked for 128 bits, and moves on: two calls with it have different numbers.
- None takes 128 bits from the operating system.

Workers and batches draw from children of that integer, so that their number does not matter.
"""

import hashlib
import math
import struct
from collections.abc import Mapping
from typing import cast

import numpy as np

from . import arguments

Seed = arguments.Seed
_STREAMS = ("couplings", "start", "tangent", "noise", "sampling", "members", "bias", "phases")
# Keeps the streams apart from the children that users spawn of the same seed.
_OWN = 0x6A09E667


@arguments.validated
def sequence(seed: Seed | None, stream: str, *key: int) -> np.random.SeedSequence:
    """Seed sequence of one purpose, and with `key` of one of its members.

    A state drawn from ``default_rng(seed)`` is independent of everything drawn here.

    Parameters
    ----------
    seed : Seed or None
        None takes entropy from the operating system, to be read from the result.
    stream : str
        What is drawn: "couplings", "start", "tangent", "noise", "sampling", "members", "bias" or
        "phases".
    *key : int
        Which member, e.g. a column or a chain.

    Raises
    ------
    ArgumentError
        If the seed is not an integer ≥ 0.
    """
    entropy = None if seed is None else arguments.count("seed", cast(int, seed), 0, math.inf)
    arguments.one_of("stream", stream, _STREAMS)
    return np.random.SeedSequence(entropy, spawn_key=(_OWN, _STREAMS.index(stream), *key))


@arguments.validated
def entropy(seed: Seed | None) -> int:
    """The seed itself, or one from the operating system: what a result must report."""
    drawn = sequence(seed, "sampling").entropy
    assert isinstance(drawn, int)
    return drawn


@arguments.validated
def member(seed: Seed, *key: int) -> int:
    """A seed of its own for one member of a group, e.g. the k-th coupling matrix of a figure."""
    key = tuple(arguments.count("key", k, 0) for k in key)
    return int(sequence(seed, "members", *key).generate_state(1, np.uint64)[0])


@arguments.validated
def point(seed: Seed, replicate: int = 0, place: Mapping[str, float | str] | None = None) -> int:
    """The seed of one point of a sweep: by its replicate and the values of its coordinates.

    Parameters
    ----------
    seed : Seed
        Of the sweep.
    replicate : int
        Which coupling matrix (set of trajectories, …).
    place : mapping, optional
        Coordinates that have seeds of their own, numbers to 12 digits; those left out share them.

    Returns
    -------
    int

    Raises
    ------
    ArgumentError
        If the seed is not an integer ≥ 0.

    Examples
    --------
    >>> from meanfield import seeds
    >>> seeds.point(0, 3) == seeds.member(0, 3)
    True
    >>> seeds.point(0, 0, {"g": 0.7}) == seeds.point(0, 0, {"g": 0.1 + 0.6})
    True
    >>> seeds.point(0, 1) == seeds.point(1, 0)
    False
    """
    words: list[int] = []
    for name, value in sorted((place or {}).items(), key=lambda item: str(item[0])):
        if not isinstance(name, str):
            raise arguments.ArgumentError(
                f"place={dict(place or {})!r:.80}: its names must be texts"
            )
        if not isinstance(value, str):
            number = arguments.real(f"place[{name!r}]", value)
            if number.ndim or np.isnan(number):
                raise arguments.ArgumentError(f"place[{name!r}]={value!r:.80}: must be one number")
        # Adding zero makes −0 the same number as 0.
        shown = value if isinstance(value, str) else f"{float(value):.12g}"
        exact = shown.encode() if isinstance(value, str) else struct.pack("<d", float(shown) + 0.0)
        digest = hashlib.sha256(name.encode() + b"=" + exact).digest()
        words += struct.unpack("<2I", digest[:8])
    return member(seed, arguments.count("replicate", replicate, 0), *words)


@arguments.validated
def generator(seed: Seed | None, stream: str, *key: int) -> np.random.Generator:
    """The generator of `sequence`."""
    return np.random.default_rng(sequence(seed, stream, *key))
