"""Independent batches: their errors, extrapolation in their size, drifts, workers."""

import math
from functools import partial

import numpy as np
import pytest

from meanfield import ArgumentError, seeds, transfer_function, two_time
from meanfield.dmft.sampler.ensemble import (
    SHRINK,
    BatchAverages,
    BatchEstimate,
    Ensemble,
    Group,
    combine,
    largest,
    parted,
)
from meanfield.dmft.sampler.run import SamplerRun, SamplerSetting
from meanfield.dmft.sampler.site import rate_model
from meanfield.dmft.sampler.steps import Sampled


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
    # Errors are those of the spread, 1200 variances of 5 and some 10 degrees of freedom, and of the
    # effect where it is not taken out: of the distance from M → ∞, not from the mean.
    for one, err in ((value, error), (freed, wider)):
        assert np.mean(err**2) / np.mean(one**2) == pytest.approx(1, abs=0.2)
    alone = combine(full, [], False)
    assert np.all(np.isnan(alone.finite_m))
    np.testing.assert_array_equal(alone.value, plain.value)


def batch(value: float, is_exhausted: bool = False, worst: float = math.nan) -> BatchAverages:
    return BatchAverages({"a": np.array(value)}, {"w": worst}, is_exhausted)


def test_batches_that_are_not_alike_tell_nothing() -> None:
    full, small = [batch(1.0), batch(2.0)], [batch(4.0), batch(5.0)]

    def estimate(group: list[BatchAverages]) -> BatchEstimate:
        return Sampled(full, group, None).estimate(lambda b: b.values.get("a"), True)

    known = estimate(small).named("a")
    assert (known["a"], known["a_finite_m"]) == (0.5, 1.0)
    assert known["a_err"] == pytest.approx(math.sqrt(17) / 6)
    assert math.isnan(known["a_step"])
    for one in ([batch(4.0, True)] * 2, [batch(4.0), batch(4.0, True)]):
        # But they bound what cannot be taken out: (4 − 1.5)/3.
        unknown = estimate(one)
        assert float(unknown.value) == 1.5
        assert float(unknown.err) == pytest.approx(math.hypot(0.5, 2.5 / 3))
        assert math.isnan(unknown.finite_m)
    # Nor do those that lack a number, or are not there.
    for none in ([], [BatchAverages({}, {})]):
        unknown = estimate(none)
        assert (float(unknown.value), float(unknown.err)) == (1.5, 0.5)
        assert math.isnan(unknown.finite_m)


def test_crowded_batches_keep_their_effect_in_the_error() -> None:
    """It need not fall like 1/M: all of it where it is taken out."""
    full, small = [np.array(1.0), np.array(2.0)], [np.array(4.0), np.array(5.0)]
    noise = math.hypot(0.5, 0.5) / 3
    plain = combine(full, small, crowded=True)
    assert float(plain.err) == pytest.approx(math.sqrt(0.5**2 + 1 - noise**2))
    freed = combine(full, small, True, crowded=True)
    assert float(freed.err) == pytest.approx(math.hypot(math.sqrt(17) / 6, 1.0))


def test_the_error_holds_the_step() -> None:
    """As far as its effect exceeds the error of the effect."""
    full = [np.array(1.0), np.array(2.0)]
    found = combine(full, step=(np.array(0.5), np.array(0.3)))
    assert float(found.err) == pytest.approx(math.hypot(0.5, 0.4))
    assert float(combine(full, step=(np.array(0.2), np.array(0.3))).err) == 0.5
    assert math.isnan(combine(full, step=(np.array(np.nan), np.array(np.nan))).err)


def test_interval_by_student() -> None:
    """7 degrees of freedom: 2.3646 errors for 95 %, 1 for 64.9 %; nothing sampled: the bound."""
    run = two_time(1.5, 0.5, t_max=0.5, dt=0.1, n_trajectories=1024, seed=0)
    assert run.attributes["degrees_of_freedom"] == 7
    low, high = run.interval("energy")
    np.testing.assert_allclose(high - low, 2 * 2.364624 * run.energy_err, rtol=1e-6)
    low, high = run.interval("C", 0.5)
    np.testing.assert_allclose(high - run.C, 0.7111418 * run.C_err, rtol=1e-5, atol=1e-15)
    exact = two_time(1.5, t_max=0.5, dt=0.1)
    np.testing.assert_array_equal(exact.interval("C")[1], exact.C + exact.C_err)
    for name, level in (("t", 0.95), ("C_err", 0.95), ("C", 1.0), ("C", 0.0)):
        with pytest.raises(ArgumentError, match=r"(name|level)="):
            run.interval(name, level)


def test_largest_of_what_is_known() -> None:
    assert largest([batch(0.0), batch(0.0, worst=2.0), batch(0.0, worst=1.0)]) == {"w": 2.0}
    assert math.isnan(largest([batch(0.0), batch(0.0)])["w"])


def test_ensemble_of_a_call() -> None:
    ensemble = Ensemble.checked(1000, 3, 7)
    assert ensemble[:3] == (3, 333, 7)
    assert ensemble.facts() == {
        "n_trajectories": 999, "batches": 3, "degrees_of_freedom": 2, "seed": 7,
    }  # fmt: skip
    assert set(ensemble.facts(False).values()) == {None}
    for arguments in ((100, 2, 0), (1000, 1, 0), (1000, 2, -1), (1000, 2, 0, 0)):
        with pytest.raises(ArgumentError, match="must be at least"):
            Ensemble.checked(*arguments)

    model = rate_model(transfer_function("tanh"))
    setting = SamplerSetting(model, 1.5, 0.0, lambda t: 0.0, 1.0, [0.0, 0.1], np.array([0.0, 0.1]))

    def first(run: SamplerRun) -> BatchAverages:
        return BatchAverages({"x": run.stream("start").standard_normal(1)}, {"size": run.size})

    (full,), (small,) = ensemble.run(
        "test", Group([(setting, first)]), Group([(setting, first)], SHRINK)
    )
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


def test_the_first_four_batches_are_compared_at_two_steps() -> None:
    both, one = ["two runs"], ["one run"]
    group = Group(both, SHRINK, one)  # type: ignore[arg-type]
    assert [group.of(k) for k in range(6)] == [both] * 4 + [one] * 2
    assert Group(both).of(9) == both  # type: ignore[arg-type]


def test_batches_side_by_side() -> None:
    """Of 9 batches equal stacks, those of the first four by themselves; each told once."""
    times = [0.0, 0.2]
    here = SamplerSetting(
        rate_model(transfer_function("tanh")), 1.5, 0.3, lambda t: 0.0, 1.0, times,
        np.array([0.0, 0.1, 0.2]), window=1.0,
    )  # fmt: skip

    def of_run(run: SamplerRun, label: float) -> BatchAverages:
        *_, last = run
        assert run.populations.sizes == (run.size // run.stack,) * run.stack
        x = last.x.reshape(run.stack, -1)
        numbers = {"size": np.full(run.stack, x.shape[1]), "x": x[:, 0], "run": 0 * x[:, 0] + label}
        return BatchAverages(numbers, {"stack": float(run.stack)})

    first, other, alone = ((here, partial(of_run, label=k)) for k in range(3))
    groups = Group([first]), Group([first, other], SHRINK, [alone])
    found = Ensemble(9, 64, 0, stack=200).run("", *groups)
    sizes = [[[(b.values["size"], b.worst["stack"]) for b in run] for run in g] for g in found]
    assert sizes[0] == [[(64, 3.0)] * 9]
    assert sizes[1] == [[(16, 4.0)] * 8 + [(16, 1.0)], [(16, 4.0)] * 4]
    assert [b.values["run"] for b in found[1][0]] == [0.0] * 4 + [2.0] * 5
    for run in (found[0][0], found[1][0]):
        assert len({float(b.values["x"]) for b in run}) == 9


def test_batches_in_different_states() -> None:
    """Means half a root mean square apart, and 8 times what a batch of so many scatters."""

    def batches(*means: float) -> list[BatchAverages]:
        return [BatchAverages({"mean": np.array([0.0, m])}, {}) for m in means]

    squares = np.array([4.0, 4.0])
    assert parted(batches(0.3, 1.25, 0.9), squares, 10_000) == ""
    assert "different states" in parted(batches(0.3, 1.6, 0.9), squares, 10_000)
    assert parted(batches(0.3, 1.6, 0.9), squares, 100) == ""
    assert "different states" in parted(batches(-1.5, 1.2), squares, 100)
