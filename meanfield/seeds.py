"""One seed, independent streams: couplings, starts and noise of the same seed share nothing."""

from __future__ import annotations

import numpy as np

from . import parameters

_STREAMS = ("couplings", "start", "tangent", "noise", "sampling", "members")
# Keeps the streams apart from the children that users spawn of the same seed.
_OWN = 0x6A09E667


def sequence(seed: int | None, stream: str, *key: int) -> np.random.SeedSequence:
    """Seed sequence of one purpose, and with `key` of one of its members.

    A state drawn from ``default_rng(seed)`` is independent of everything drawn here.

    Parameters
    ----------
    seed : int or None
        None takes entropy from the operating system, to be read from the result.
    stream : str
        What is drawn: "couplings", "start", "tangent", "noise", "sampling" or "members".
    *key : int
        Which member, e.g. a column or a chain.

    Raises
    ------
    ArgumentError
        If the seed is not an integer ≥ 0.
    """
    entropy = None if seed is None else parameters.count("seed", seed, 0)
    return np.random.SeedSequence(entropy, spawn_key=(_OWN, _STREAMS.index(stream), *key))


def entropy(seed: int | None) -> int:
    """The seed itself, or one from the operating system: what a result must report."""
    found = sequence(seed, "sampling").entropy
    assert isinstance(found, int)
    return found


def member(seed: int, *key: int) -> int:
    """A seed of its own for one member of a group, e.g. the k-th coupling matrix of a figure."""
    return int(sequence(seed, "members", *key).generate_state(1, np.uint64)[0])


def generator(seed: int | None, stream: str, *key: int) -> np.random.Generator:
    """The generator of `sequence`."""
    return np.random.default_rng(sequence(seed, stream, *key))
