import numpy as np
import pytest

from meanfield import complexity, saddle_point, stationary, transition_lines
from meanfield.studies.complexity import COMPLEXITY, draw, family


def test_family_is_labelled_and_drawn() -> None:
    data = family([0.9, 2.0, 3.0], [0.0, 0.5], [0.9, 1.0])
    assert data.complexity.dims == ("gamma", "g")
    expected = complexity(2.0, 0.5)
    assert float(data.complexity.sel(g=2.0, gamma=0.5)) == pytest.approx(float(expected.complexity))
    line = data.sel(weight=0.9, line_gamma=0.5)
    assert float(line.gain) == pytest.approx(float(transition_lines(0.5, weight=0.9).gain))
    # Shells at g = 3: the measure, the dynamics, typical fixed points.
    shells = [float(data[f"x2_{name}"].sel(g=3.0)) for name in ("measure", "dynamics", "typical")]
    np.testing.assert_allclose(shells, [6.305, 5.446, 3.103], atol=6e-4)
    assert shells[0] == pytest.approx(float(saddle_point(3.0, branch="paramagnetic").x2))
    assert shells[1] == pytest.approx(float(stationary(3.0).delta0))
    figures = draw(data)
    assert set(figures) == {"phase-diagram", "number", "shells"}
    axis = figures["phase-diagram"].axes[0]
    assert axis.get_xlabel().startswith("symmetry")
    top = figures["shells"].axes[0].lines[0]
    np.testing.assert_allclose(top.get_ydata(), data.x2_measure)
    assert COMPLEXITY.values()["phi"] == "tanh"
