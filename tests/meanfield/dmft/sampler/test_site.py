"""Models of one neuron: the built-in one, those of users, what is refused."""

import dataclasses
import math
from typing import Any

import numpy as np
import pytest

from meanfield import (
    ArgumentError,
    SamplerError,
    SiteModel,
    Slopes,
    Switching,
    maximal_lyapunov,
    transfer_function,
    two_time,
)
from meanfield.dmft.sampler.site import rate_model

ARRAYS = ("t", "C", "delta", "freezing", "energy", "r_int")


def regulated(kappa: float) -> SiteModel:
    """The rate network of `two_time`, written by a user."""

    def drift(t: float, x: Any, h: Any, u: Any) -> Any:
        return h - x - kappa * (1 - np.tanh(x) ** 2) * u

    def slopes(t: float, x: Any, h: Any, u: Any) -> Slopes:
        d1 = 1 - np.tanh(x) ** 2
        one = np.ones_like(x)
        bend = -2 * np.tanh(x) * d1
        return Slopes(d1, -one, one, -one - kappa * bend * u, one, -kappa * d1)

    return SiteModel(
        "mine",
        phi=np.tanh,
        drift=drift,
        psi=lambda x, h: h - x,
        uses_u=lambda t: True,
        slopes=slopes,
    )


def test_user_model_is_the_built_in_one() -> None:
    arguments: dict[str, Any] = {
        "t_max": 1.0, "dt": 0.1, "n_trajectories": 2048, "batches": 2, "seed": 1,
        "response": True, "n_pulsed": 8,
    }  # fmt: skip
    mine = two_time(1.5, -0.5, model=regulated(0.5), **arguments)
    theirs = two_time(1.5, -0.5, onsager=0.5, **arguments)
    for name in (*ARRAYS, "C_err", "R", "R_err"):
        np.testing.assert_allclose(getattr(mine, name), getattr(theirs, name), atol=1e-9)
    assert mine.stiffness == pytest.approx(theirs.stiffness, rel=1e-6)
    assert mine.attributes["model"] == "<SiteModel mine>"
    assert math.isnan(mine.energy_balance_error)
    # Without a request for R there is no response of a user's model.
    plain = two_time(1.5, -0.5, model=regulated(0.5), **arguments | {"response": False})
    assert np.all(np.isnan(plain.r_int))
    assert plain.R is None


RELU = SiteModel(
    "threshold-linear", phi=lambda x: np.maximum(x, 0.0), drift=lambda t, x, h, u: h - x
)
ERF = SiteModel(
    "erf", phi=transfer_function("erf").phi, drift=lambda t, x, h, u: h - x
)  # fmt: skip


def arc_cosine(delta: np.ndarray) -> np.ndarray:
    """⟨max(x, 0) max(y, 0)⟩ of Gaussian pairs (Cho, Saul 2009)."""
    scale = np.sqrt(np.outer(np.diagonal(delta), np.diagonal(delta)))
    angle = np.arccos(np.clip(delta / scale, -1, 1))
    return scale / (2 * np.pi) * (np.sin(angle) + (np.pi - angle) * np.cos(angle))


def arc_sine(delta: np.ndarray) -> np.ndarray:
    """⟨erf(√π x/2) erf(√π y/2)⟩ of Gaussian pairs."""
    same = np.diagonal(delta) + 2 / np.pi
    return 2 / np.pi * np.arcsin(delta / np.sqrt(np.outer(same, same)))


@pytest.mark.parametrize(("model", "kernel"), [(RELU, arc_cosine), (ERF, arc_sine)])
def test_gaussian_kernels_at_gamma_zero(model: SiteModel, kernel: Any) -> None:
    """C is the kernel of Δ, and φ need not be odd.

    36 correlated comparisons at 5 standard errors of 16 batches: a false alarm below 1 %.
    """
    run = two_time(
        2.5, t_max=2.0, dt=0.1, model=model, n_trajectories=16 * 1000, batches=16, save_every=4,
        seed=2, finite_m="ignore",
    )  # fmt: skip
    expected = kernel(run.delta)
    # An error of Δ moves both sides alike: that of C alone is too large, not too small.
    assert np.max(np.abs(run.C - expected) / (run.C_err + run.delta_err + 1e-4)) < 5
    assert np.max(np.abs(run.C / expected - 1)) < 0.03
    # Δ̇ + Δ at t′ = 0 is ⟨h x(0)⟩ = 0: a free decay.
    np.testing.assert_allclose(run.delta[:, 0], np.exp(-run.t), atol=5e-3)


def test_uncoupled_drift() -> None:
    """A leak of rate 3 and no field: the scheme's own error, second order."""
    model = SiteModel("free", phi=np.tanh, drift=lambda t, x, h, u: -3.0 * x)
    errors = []
    for dt in (0.1, 0.05):
        run = two_time(
            1.0, t_max=1.0, dt=dt, model=model, n_trajectories=256, batches=2, seed=0,
            x0_std=0.7, finite_m="ignore",
        )  # fmt: skip
        errors.append(np.max(np.abs(run.delta[:, -1] / (0.49 * np.exp(-3 - 3 * run.t)) - 1)))
    assert math.log2(errors[0] / errors[1]) == pytest.approx(2, abs=0.3)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"phi": lambda x: 1.0}, "phi of model 'bad': must map arrays"),
        ({"phi": lambda x: x[:2]}, "phi of model 'bad'"),
        ({"phi": lambda x: x * np.nan}, "phi of model 'bad'"),
        ({"drift": lambda t, x, h, u: 0.0}, "drift of model 'bad'"),
        ({"force": lambda x, h: np.ones(1)}, "force of model 'bad'"),
        ({"psi": lambda x, h: 2.0, "uses_u": lambda t: True}, "psi of model 'bad'"),
        ({"uses_u": lambda t: True}, "psi=None: must say what"),
        (
            {"uses_u": lambda t: 1, "psi": lambda x, h: x},
            r"uses_u\(t=0\).*=1: must be True or False",
        ),
        ({"slopes": 3}, "slopes=3: must be a function"),
    ],
)
def test_bad_models(changes: dict[str, Any], message: str) -> None:
    good: dict[str, Any] = {"phi": np.tanh, "drift": lambda t, x, h, u: h - x}
    SiteModel("good", **good)
    with pytest.raises(ArgumentError, match=message):
        SiteModel("bad", **good | changes)


def _altered(kappa: float, name: str, changes: Any, start: float = 0.0) -> SiteModel:
    """The regulated model, u from a time on, with one of its slopes changed."""
    right = regulated(kappa)

    def slopes(t: float, x: Any, h: Any, u: Any) -> Slopes:
        assert right.slopes is not None
        told = right.slopes(t, x, h, 0 * x if u is None else u)
        return told._replace(**{name: changes(getattr(told, name))} if u is not None else {})

    def drift(t: float, x: Any, h: Any, u: Any) -> Any:
        return h - x if u is None else right.drift(t, x, h, u)

    return dataclasses.replace(
        right, slopes=slopes, drift=drift, uses_u=lambda t: t >= start, name="altered"
    )


@pytest.mark.parametrize("name", Slopes._fields)
def test_wrong_slopes_are_refused(name: str) -> None:
    """Off by 10 %, or by 0.1 where they are 0, of the wrong shape, or not finite."""
    of, along = name.split("_")
    _altered(0.5, name, lambda a: a)
    message = rf"slopes\.{name} of model 'altered' at {along} = .* slope of {of} there"
    for wrong in (lambda a: 1.1 * a, lambda a: a + 0.1, lambda a: -a):
        with pytest.raises(ArgumentError, match=message):
            _altered(0.5, name, wrong)
    for wrong in (lambda a: a[:1], lambda a: 1.0, lambda a: a * np.nan):
        with pytest.raises(ArgumentError, match=rf"slopes\.{name} of model 'altered': must be"):
            _altered(0.5, name, wrong)


def test_slopes_are_tried_where_u_comes_in() -> None:
    """Nothing is asked of a model at times that no run reaches."""
    late = _altered(0.5, "drift_u", lambda a: 1.1 * a, start=0.5)
    arguments: dict[str, Any] = {"dt": 0.1, "n_trajectories": 256, "batches": 2, "seed": 0}
    two_time(1.5, t_max=0.4, model=late, **arguments)
    with pytest.raises(ArgumentError, match=r"slopes\.drift_u"):
        two_time(1.5, t_max=1.0, model=late, **arguments)
    with pytest.raises(ArgumentError, match="slopes of model 'bare': must return Slopes"):
        dataclasses.replace(late, name="bare", slopes=lambda t, x, h, u: x)


@pytest.mark.parametrize(
    ("late", "error", "message"),
    [
        (lambda x: x[:3], ArgumentError, r"drift of model 'late' at t = 0.2: must be a real array"),
        (lambda x: x + 0j, ArgumentError, "drift of model 'late'"),
        (lambda x: 1 / 0, ArgumentError, "drift of model 'late' .*ZeroDivisionError"),
        (lambda x: x * np.nan, ArgumentError, "drift of model 'late' .*is nan at x"),
        (lambda x: x * np.inf, SamplerError, "grow beyond all bounds"),
    ],
)
def test_what_goes_wrong_later_is_told(late: Any, error: type[Exception], message: str) -> None:
    model = SiteModel("late", np.tanh, lambda t, x, h, u: late(h - x) if t > 0.15 else h - x)
    with pytest.raises(error, match=message):
        two_time(1.5, 0.5, t_max=0.4, dt=0.1, model=model, n_trajectories=128, batches=2, seed=0)


def test_slopes_that_go_wrong_later_are_told() -> None:
    def slopes(t: float, x: Any, h: Any, u: Any) -> Slopes:
        slope, one = (1 - np.tanh(x) ** 2) * (np.nan if t > 1 else 1), np.ones_like(x)
        return Slopes(slope, 0 * x, 0 * x, -one, one, 0 * x)

    model = SiteModel("late", np.tanh, lambda t, x, h, u: h - x, slopes=slopes)
    with pytest.raises(ArgumentError, match=r"slopes.phi_x of model 'late': must be finite"):
        maximal_lyapunov(
            1.5, 0.5, t_max=2, t_skip=0, dt=0.1, model=model, n_trajectories=128, batches=2, seed=0
        )


@pytest.mark.parametrize("kappa", [0.6, -0.3])
def test_the_rate_network_written_out(kappa: float) -> None:
    """F = f − κφ′u, f = h − x, and its derivatives, of a κ that is used at some times only."""
    phi = transfer_function("tanh")
    model = rate_model(phi, Switching([1.0], [0.0, kappa]), 2.0)
    x, h, u = np.random.default_rng(0).standard_normal((3, 20))
    d1, d2 = 1 - np.tanh(x) ** 2, -2 * np.tanh(x) * (1 - np.tanh(x) ** 2)
    assert [model.has_u(t) for t in (0.5, 1.5)] == [False, True]
    assert model.psi is not None
    np.testing.assert_array_equal(model.psi(x, h), h - x)
    np.testing.assert_array_equal(model.force(x, h), h - x)
    np.testing.assert_allclose(model.drift(0.5, x, h, None), h - x)
    np.testing.assert_allclose(model.drift(1.5, x, h, u), h - x - kappa * d1 * u)
    one = np.ones(20)
    quiet = model.slopes_at(0.5, x, h, None)
    for found, exact in zip(quiet, (d1, -one, one, -one, one, 0 * one), strict=True):
        np.testing.assert_allclose(found, exact)
    full = model.slopes_at(1.5, x, h, u)
    for found, exact in zip(
        full, (d1, -one, one, -1 - kappa * d2 * u, one, -kappa * d1), strict=True
    ):
        np.testing.assert_allclose(found, exact)


def test_odd_models() -> None:
    """φ and the drift, with u where it is used."""
    assert regulated(0.7).is_odd
    assert rate_model(transfer_function("erf"), 0.3).is_odd
    shifted = dataclasses.replace(regulated(0.7), phi=lambda x: np.tanh(x) + 0.1, slopes=None)
    assert not shifted.is_odd
    pushed = dataclasses.replace(
        regulated(0.7), drift=lambda t, x, h, u: h - x - np.tanh(u) + 1e-3 * u * u, slopes=None
    )
    assert not pushed.is_odd
