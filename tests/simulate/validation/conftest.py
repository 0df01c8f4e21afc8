"""A toy experiment of two rows."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from simulate.validation.experiments import EXPERIMENTS
from simulate.validation.statement import Design, Experiment, Prediction, TheoryValue

MakeToy = Callable[..., Experiment]


@pytest.fixture
def make_toy(monkeypatch: pytest.MonkeyPatch) -> MakeToy:
    """Puts the experiment, with changes, among those of the table."""

    def make(**changes: object) -> Experiment:
        experiment = Experiment(
            key="toy",
            title="A toy",
            predictions=(
                Prediction("mean", "⟨x⟩ = 0.7", "nowhere"),
                Prediction("identity", "0 = 0", "nowhere", bound=1e-12),
            ),
            theory=lambda *, seed: {"mean": TheoryValue(0.7)},
            measure=lambda n, seed: {
                "mean": 0.7 + np.random.default_rng(seed).standard_normal() / n,
                "identity": 1e-13,
            },
            presets={preset: Design({10: 4, 20: 4}) for preset in ("quick", "paper")},
        )
        experiment = replace(experiment, **changes)  # type: ignore[arg-type]
        monkeypatch.setitem(EXPERIMENTS, "toy", experiment)
        return experiment

    return make


@pytest.fixture
def toy(make_toy: MakeToy) -> Experiment:
    return make_toy()
