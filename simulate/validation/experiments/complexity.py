"""How the mean number of fixed points grows with n: Kac–Rice sums against their complexity."""

from typing import NamedTuple

import meanfield
from meanfield.common import seeds

from ...fixed_points import KacRice, kac_rice
from ..statement import Design, Prediction, TheoryValue


class Point(NamedTuple):
    """A gain, a symmetry and the weight s of |det A|^(s−1)."""

    g: float
    gamma: float
    weight: float = 1.0
    # Of the samples.  Without a determinant in the integrand few of them have errors as small as
    # the finite-size correction of the slope, some 0.4/n² at this point.
    share: float = 1.0

    def __str__(self) -> str:
        return f"g = {self.g:g}, γ = {self.gamma:g}, s = {self.weight:g}"

    def theory(self) -> meanfield.Complexity:
        """In the limit n → ∞."""
        return meanfield.complexity(self.g, self.gamma, weight=self.weight)


POINTS = {
    "independent": Point(6.0, 0.0),
    "positive": Point(2.0, 0.5),
    "strong": Point(4.0, 0.5),
    "measure": Point(2.0, 0.5, 0.0, 0.05),
}
# Where the spectra are looked at.
_SEEN = "independent"
# Zeros next to x = 0 have no part in the growth, and at s = 0 no mean number: those of less than
# this share of the theory's ⟨x²⟩ do not count.
_SHARE = 0.25
# With fewer effective samples ln of the mean is biased by more than 1/100.
_SMALLEST_ESS = 50.0

_SOURCE = "derivations: complexity"
_SLOPE = "Σ_s = d ln E Σ|det A|^(s−1)/dn from n to 2n"
PREDICTIONS = (
    *(
        Prediction(f"slope_{name}", f"{_SLOPE}, {point}", _SOURCE)
        for name, point in POINTS.items()
    ),
    Prediction(f"index_{_SEEN}", f"fraction of unstable directions, {POINTS[_SEEN]}", _SOURCE),
)  # fmt: skip


def theory(*, seed: int) -> dict[str, TheoryValue]:
    """Deterministic."""
    values = {name: point.theory() for name, point in POINTS.items()}
    slopes = {f"slope_{name}": TheoryValue(float(one.complexity)) for name, one in values.items()}
    return slopes | {f"index_{_SEEN}": TheoryValue(float(values[_SEEN].index))}


def measure(n: int, seed: int, *, n_samples: int) -> dict[str, float]:
    """One sum for n and one for 2n at each point."""
    numbers: dict[str, float] = {}
    for k, (name, point) in enumerate(POINTS.items()):
        own = seeds.member(seed, k)
        small = summed(point, n, own, n_samples, spectra=name == _SEEN)
        large = summed(point, 2 * n, own, n_samples)
        numbers[f"slope_{name}"] = (large.log_number - small.log_number) / n
        if small.index is not None:
            numbers[f"index_{name}"] = small.index
    return numbers


def summed(point: Point, n: int, seed: int, n_samples: int, *, spectra: bool = False) -> KacRice:
    """One sum; different n are independent."""
    found = kac_rice(
        n, point.g, point.gamma, weight=point.weight, spectra=spectra,
        x2_min=0.0 if point.weight else _SHARE * float(point.theory().x2),
        seed=seeds.member(seed, n), n_samples=round(point.share * n_samples),
    )  # fmt: skip
    # The errors are those between seeds, which heavy tails widen as they should.
    if found.ess < _SMALLEST_ESS:
        raise ArithmeticError(found.reason)
    return found


TITLE = "Complexity of the fixed points: Kac–Rice sums at finite n"
PRESETS = {
    "quick": Design({24: 4}, {"n_samples": 2000}),
    "paper": Design({40: 8}, {"n_samples": 8000}),
}
