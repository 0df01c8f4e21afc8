import numpy as np
import pytest

from meanfield import participation_ratio
from simulate.studies.dimension import DIMENSION


def test_dimensions_of_activity_and_attractor() -> None:
    data = DIMENSION.run(n=40, g=[3.0], trials=2, exponents=16, t_max=400.0, seed=1)
    assert data.phi.dims == ("g", "replicate")
    theory = participation_ratio(3.0)
    assert float(data.phi_theory[0]) == pytest.approx(float(theory.value))
    # A few of 40 directions: at least one, and far from all.
    assert np.all((data.phi > 0) & (data.phi < 0.3))
    assert np.all((data.kaplan_yorke >= 0) & (data.kaplan_yorke < 0.3))
    axis = DIMENSION.draw(data).axes[0]
    assert "N" in axis.get_title(loc="left") or axis.get_title()
    assert axis.get_ylabel() == "dimension per neuron"
