"""Independent batches: their errors, extrapolation in their size, drifts, workers."""

import math

import numpy as np
import pytest

from meanfield import ArgumentError, seeds, transfer_function
from meanfield.dmft.sampler.ensemble import (
    SHRINK,
    BatchAverages,
    Ensemble,
    combine,
    combine_named,
    largest,
)
from meanfield.dmft.sampler.run import SamplerRun, SamplerSetting
from meanfield.dmft.sampler.site import rate_model


def test_effect_of_finite_batches_is_found_and_removed() -> None:
    """Numbers b/M + noise of known size; the extrapolated mean within 5 of its standard errors."""
    rng = np.random.default_rng(0)
    size, b, spread = 100, 3.0, 0.02
    values = []
    for _ in range(400):
        full = b / size + spread * rng.standard_normal((6, 3))
        few = b / (size / SHRINK) + spread * rng.standard_normal((6, 3))
        plain, out = combine(full, few, False), combine(full, few, True)
        values.append([plain.value, plain.err, plain.finite_m, out.value, out.err])
    value, error, effect, freed, wider = np.array(values).transpose(1, 0, 2).reshape(5, -1)
    count = value.size
    assert abs(np.mean(effect) - b / size) < 5 * np.std(effect) / math.sqrt(count)
    assert abs(np.mean(freed)) < 5 * np.std(freed) / math.sqrt(count)
    assert np.mean(value) == pytest.approx(b / size, abs=5 * spread / math.sqrt(6 * count))
    # Errors are those of the spread, 1200 variances of 5 and some 10 degrees of freedom.
    for one, err in ((value, error), (freed, wider)):
        assert np.mean(err**2) / np.var(one) == pytest.approx(1, abs=0.2)
    alone = combine(full, [], False)
    assert np.all(np.isnan(alone.finite_m))
    np.testing.assert_array_equal(alone.value, plain.value)


def batch(value: float, is_exhausted: bool = False, worst: float = math.nan) -> BatchAverages:
    return BatchAverages({"a": np.array(value)}, {"w": worst}, is_exhausted)


def test_batches_that_are_not_alike_tell_nothing() -> None:
    full, small = [batch(1.0), batch(2.0)], [batch(4.0), batch(5.0)]
    known = combine_named("a", full, small, extrapolate=True)["a"].named("a")
    assert known == {"a": 0.5, "a_err": pytest.approx(math.sqrt(17) / 6), "a_finite_m": 1.0}
    for one in ([batch(4.0, True)] * 2, [batch(4.0), batch(4.0, True)], []):
        unknown = combine_named("a", full, one, extrapolate=True)["a"]
        assert (float(unknown.value), float(unknown.err)) == (1.5, 0.5)
        assert math.isnan(unknown.finite_m)
    # Nor do those that lack a number.
    assert math.isnan(combine_named("a", full, [BatchAverages({}, {})], True)["a"].finite_m)


def test_largest_of_what_is_known() -> None:
    assert largest([batch(0.0), batch(0.0, worst=2.0), batch(0.0, worst=1.0)]) == {"w": 2.0}
    assert math.isnan(largest([batch(0.0), batch(0.0)])["w"])


def test_ensemble_of_a_call() -> None:
    ensemble = Ensemble.checked(1000, 3, 7)
    assert ensemble[:3] == (3, 333, 7)
    assert ensemble.facts() == {"n_trajectories": 999, "batches": 3, "seed": 7}
    assert set(ensemble.facts(False).values()) == {None}
    for arguments in ((100, 2, 0), (1000, 1, 0), (1000, 2, -1), (1000, 2, 0, 0)):
        with pytest.raises(ArgumentError, match="must be at least"):
            Ensemble.checked(*arguments)

    model = rate_model(transfer_function("tanh"))
    setting = SamplerSetting(model, 1.5, 0.0, lambda t: 0.0, 1.0, [0.0, 0.1], np.array([0.0, 0.1]))

    def first(run: SamplerRun) -> BatchAverages:
        return BatchAverages({"x": run.stream("start").standard_normal(1)}, {"size": run.size})

    full, small = ensemble.run("test", (setting, first), (setting, first))
    assert (largest(full), largest(small)) == ({"size": 333}, {"size": 333 // SHRINK})
    for group, batches in enumerate((full, small)):
        for number, found in enumerate(batches):
            expected = seeds.generator(7, "start", group, number).standard_normal(1)
            np.testing.assert_array_equal(found.values["x"], expected)


def test_alarm_at_a_false_alarm_rate() -> None:
    """Student's t at 7 degrees of freedom: 6.08 standard errors, one in 2000."""
    ensemble = Ensemble(8, 100, 0)
    assert ensemble.alarm("drifts:", 0.6, 0.1) == ""
    assert ensemble.alarm("drifts:", -0.62, 0.1) == "drifts: -0.62 ± 0.1"
    assert ensemble.alarm("drifts:", -0.62, 0.1, 0.1) == ""
