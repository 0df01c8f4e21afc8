import numpy as np
import pytest

from meanfield import ArgumentError, NotConvergedError, stationary


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"g": -1.0}, "g=-1: must be positive"),
        ({"g": None}, "g=None: must be real"),
        ({"g": "2"}, "g='2': must be real"),
        ({"g": True}, "g=True: must be real"),
        ({"g": [2.0, None]}, "must be real"),
        ({"g": 2 + 0j}, "must be real"),
        ({"g": np.inf}, "g=inf: must be positive and finite"),
        ({"g": 2.0, "sigma": -1.0}, "sigma=-1: must be >= 0"),
        ({"g": [1.0, 2.0], "sigma": [1.0, 2.0, 3.0]}, r"g of shape \(2,\), sigma of shape \(3,\)"),
        ({"g": 2.0, "tau": [[1.0]]}, "one axis"),
        ({"g": 2.0, "tau": [1.0], "n_tau": -7}, "n_tau=-7: must be at least 2"),
        ({"g": 2.0, "tol": 0.0}, "tol=0: must be positive"),
        ({"g": 2.0, "order": 2}, "order=2: must be at least 3"),
        ({"g": 2.0, "nodes": 7}, "nodes=7: must be at least 8"),
        ({"g": 2.0, "nodes": 49}, "nodes=49: must be at most 48"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ArgumentError, match=message):
        stationary(**arguments)


def test_unknown_functions():
    with pytest.raises(ValueError, match="expected one of tanh"):
        stationary(2.0, phi="relu")
    with pytest.raises(TypeError, match="expected one of tanh"):
        stationary(2.0, phi=np.tanh)


def test_the_error_counts_the_points_and_holds_the_result():
    with pytest.raises(NotConvergedError, match="2 of 3 points did not converge") as caught:
        stationary([0.5, 1.0, 2.0], sigma=1.0, phi="linear")
    solution = caught.value.solution
    np.testing.assert_array_equal(solution.converged, [True, False, False])
    assert solution.lyapunov[0] == pytest.approx(-0.5)


def test_integers_and_single_precision():
    expected = stationary(2.0).delta0
    assert stationary(2).delta0 == expected
    assert stationary(np.float32(2)).delta0 == expected
    assert stationary(np.array([2], dtype=object)).delta0[0] == expected


def test_no_points():
    s = stationary(np.zeros((0, 3)))
    assert s.delta.shape == (0, 3, 201)
    assert s.to_dataset().sizes == {"dim_0": 0, "dim_1": 3, "lag": 201}


@pytest.mark.parametrize("dims", [("a", "b"), ("lag",), ("delta0",), "x", ()])
def test_names_of_dimensions(dims):
    s = stationary([0.5, 0.7])
    if dims == ():
        assert s.to_dataset(dims)["C"].dims == ("dim_0", "lag")
        return
    with pytest.raises(ValueError, match="expected 1 names"):
        s.to_dataset(dims)


def test_results_compare_by_identity():
    s = stationary([0.5, 0.7])
    assert s == s
    assert s != stationary([0.5, 0.7])
