import numpy as np
import pytest

from meanfield import saddle_point, steady_state
from meanfield.studies.equilibrium import bridge, draw


def test_dynamics_and_replicas_side_by_side() -> None:
    how = {"n_trajectories": 1024, "batches": 4, "t_skip": 4.0, "t_max": 16.0, "window": 4.0}
    data = bridge([0.8], [0.0, 0.4], [1.0], seed=0, **how)
    one = data.isel(gamma=1, g=0, beta=0)
    point = saddle_point(0.8, 0.4, beta=1.0, branch="paramagnetic")
    for name in ("q", "energy", "x2", "sigma_xphi", "r"):
        expected = float(getattr(point, name))
        assert float(one[f"{name}_replica"]) == pytest.approx(expected)
        z = (float(one[name]) - expected) / float(one[f"{name}_err"])
        assert float(one[f"{name}_z"]) == pytest.approx(z)
        # 3 degrees of freedom: 0.6 % of false alarms each.
        assert abs(z) < 7
    assert bool(one.stable)
    assert abs(float(one.relation_z)) < 7
    # The integral of R is β times what ⟨φ(τ)x(0)⟩ has lost, here within some per cent.
    np.testing.assert_allclose(one.response, one.fluctuation, atol=0.06)
    assert float(one.response[0]) == float(one.fluctuation[0]) == 0
    figures = draw(data)
    assert set(figures) == {"equilibrium", "fluctuation-dissipation"}
    assert len(figures["fluctuation-dissipation"].axes[0].lines) == 3


def test_temperature_belongs_to_the_force() -> None:
    with pytest.raises(ValueError, match="temperature=-1"):
        steady_state(1.0, 0.2, onsager=1.0, temperature=-1.0)
