"""Fixed points of small networks, one by one, against the Kac–Rice mean at the same n."""

from functools import cache
from typing import Any, NamedTuple

import numpy as np

from meanfield.common import seeds
from meanfield.common.arguments import Array

from ... import couplings
from ...fixed_points import FixedPoints, KacRice, find_fixed_points, kac_rice
from ..statement import Design, Prediction, TheoryValue

POINTS = {"positive": (2.0, 0.5), "negative": (6.0, -0.3)}
# The weight s beside 1.  At s = 0 the variance of sums over networks is infinite: pairs of zeros
# that have just formed have |det A| → 0.  Zeros that have just left x = 0 do not count, either.
_WEIGHT, _X2_MIN = 0.5, 0.1
# Numbers of starts, each four times the last one, until a list passes.
_LONGEST, _LARGEST_PROBABILITY = 4, 1e-3
# Starts are spread evenly over sizes up to this, in units of g; x of zeros is smaller than g φ(∞).
_WIDEST = 1.2

_KAC_RICE = "Kac–Rice formula at the same n; derivations: complexity"
_WORDS = {
    "number": "mean number of zeros x ≠ 0 in units of the formula",
    "q": "mean q of these zeros",
    "index": "mean fraction of unstable directions",
    "unstable_0": "share of zeros with no unstable direction",
    "unstable_1": "share of zeros with one",
    "weighted": f"the same number weighted by |det A|^({_WEIGHT - 1:g}), ‖x‖²/n ≥ {_X2_MIN:g}",
    "weighted_q": "mean q by this weight",
}
PREDICTIONS = (
    Prediction(
        "listed",
        "share of lists whose indices do not sum to 1, or that another start would make longer "
        f"with a probability of {_LARGEST_PROBABILITY:g} or more: none",
        "Poincaré–Hopf theorem", bound=0.0,
    ),
    *(
        Prediction(f"{key}_{name}", f"{words}, g = {g:g}, γ = {gamma:g}", _KAC_RICE)
        for name, (g, gamma) in POINTS.items() for key, words in _WORDS.items()
    ),
)  # fmt: skip


class Means(NamedTuple):
    """Over the zeros of all couplings, with equal weights and the other ones."""

    equal: KacRice
    weighted: KacRice


@cache
def means(n: int, g: float, gamma: float, n_samples: int) -> Means:
    """The same numbers at every call, for theory and networks."""
    how: dict[str, Any] = {"n_samples": n_samples, "seed": 0}
    found = Means(
        kac_rice(n, g, gamma, spectra=True, **how),
        kac_rice(n, g, gamma, weight=_WEIGHT, x2_min=_X2_MIN, **how),
    )
    for one in found:
        if one.reason:
            raise ArithmeticError(one.reason)
    return found


def is_complete(found: FixedPoints) -> bool:
    """Whether a list passes both tests; no test shows that nothing is missing."""
    return found.index_sum == 1 and found.new_zero_probability < _LARGEST_PROBABILITY


def zeros(J: Array, g: float, seed: int, starts: int) -> FixedPoints:
    """The list of the first number of starts that passes, or of the largest number."""
    rng = seeds.generator(seed, "start")
    for _ in range(_LONGEST):
        sizes = g * rng.uniform(0, _WIDEST, starts)
        found = find_fixed_points(J, x0=sizes * rng.standard_normal((len(J), starts)))
        if is_complete(found):
            break
        starts *= 4
    return found


def determinants(found: FixedPoints) -> Array:
    """|det A| at every zero."""
    return np.abs(np.prod(found.eigenvalues, axis=1))


def theory(*, seed: int, n: int, n_samples: int) -> dict[str, TheoryValue]:
    """The Kac–Rice means, with their errors."""
    values: dict[str, TheoryValue] = {}
    for name, (g, gamma) in POINTS.items():
        equal, weighted = means(n, g, gamma, n_samples)
        assert equal.index is not None
        assert equal.index_err is not None
        assert equal.unstable is not None
        assert equal.unstable_err is not None
        values |= {
            f"number_{name}": TheoryValue(1.0, equal.log_number_err),
            f"q_{name}": TheoryValue(equal.q, equal.q_err),
            f"index_{name}": TheoryValue(equal.index, equal.index_err),
            f"weighted_{name}": TheoryValue(1.0, weighted.log_number_err),
            f"weighted_q_{name}": TheoryValue(weighted.q, weighted.q_err),
        }
        for k in (0, 1):
            share, width = equal.unstable[k], equal.unstable_err[k]
            values[f"unstable_{k}_{name}"] = TheoryValue(float(share), float(width))
    return values


def measure(n: int, seed: int, *, n_samples: int, starts: int) -> dict[str, float]:
    """The list of one network at each point; sums over it in units of the mean number."""
    numbers: dict[str, float] = {}
    incomplete = 0
    for k, (name, (g, gamma)) in enumerate(POINTS.items()):
        own = seeds.member(seed, k)
        found = zeros(couplings.elliptic(n, g, gamma, seed=own), g, own, starts)
        incomplete += not is_complete(found)
        numbers |= {
            f"{key}_{name}": number
            for key, number in sums(found, means(n, g, gamma, n_samples)).items()
        }
    return numbers | {"listed": incomplete / len(POINTS)}


def sums(found: FixedPoints, expected: Means) -> dict[str, float]:
    """What a list adds to each mean over networks."""
    number = np.where(found.x2 > 0, 2.0, 0.0) / np.exp(expected.equal.log_number)
    other = np.where(found.x2 >= _X2_MIN, 2.0, 0.0) / np.exp(expected.weighted.log_number)
    other = other * determinants(found) ** (_WEIGHT - 1)

    # Deviations from the expected mean, so that fluctuations of the number do not enter.
    def mean(weights: Array, values: Array, expected: float) -> float:
        return float(expected + weights @ (values - expected))

    equal = expected.equal
    assert equal.index is not None
    assert equal.unstable is not None
    return {
        "number": float(number.sum()),
        "q": mean(number, found.q, equal.q),
        "index": mean(number, found.n_unstable / len(found.x), equal.index),
        "unstable_0": mean(number, found.n_unstable == 0, float(equal.unstable[0])),
        "unstable_1": mean(number, found.n_unstable == 1, float(equal.unstable[1])),
        "weighted": float(other.sum()),
        "weighted_q": mean(other, found.q, expected.weighted.q),
    }


def _design(n: int, networks: int, n_samples: int, starts: int) -> Design:
    how = {"n_samples": n_samples}
    return Design({n: networks}, {**how, "starts": starts}, {**how, "n": n})


TITLE = "Fixed points of small networks, counted and weighted"
PRESETS = {"quick": _design(6, 60, 10_000, 48), "paper": _design(12, 300, 80_000, 192)}
