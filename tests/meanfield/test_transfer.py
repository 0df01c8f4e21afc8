import copy
import dataclasses
import math
import pickle
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import mpmath as mp
import numpy as np
import pytest

from meanfield import (
    ArgumentError,
    TransferFunction,
    critical_gain,
    saddle_point,
    transfer_function,
)
from meanfield.transfer import NAMES, Jet, odd_function

EXACT = {
    "tanh": mp.tanh,
    "erf": lambda x: mp.erf(mp.sqrt(mp.pi) * x / 2),
    "algebraic": lambda x: x / mp.sqrt(1 + x * x),
    "linear": lambda x: x,
    "softsign": lambda x: x / (1 + abs(x)),
    "logistic": lambda x: 1 / (1 + mp.exp(-x)),
    "relu": lambda x: max(x, mp.mpf(0)),
    "softplus": lambda x: mp.log(1 + mp.exp(x)),
}
ODD = ("tanh", "erf", "algebraic", "linear")
POINTS = np.array([1e-6, 1e-3, 0.1, 0.5, 0.999, 1.001, 2.0, 6.0])


@pytest.mark.parametrize("name", [name for name in NAMES if name not in ODD])
def test_parts_agree_with_mpmath(name: str) -> None:
    """The functions that are not odd and smooth, at points on both sides."""
    f, x = transfer_function(name), np.concatenate([-POINTS, POINTS])
    with mp.workdps(40):
        for k, part in enumerate((f.phi, f.d1, f.d2)):
            exact = [float(mp.diff(EXACT[name], mp.mpf(v), k, h=mp.mpf(10) ** -15)) for v in x]
            np.testing.assert_allclose(part(x), exact, rtol=1e-9, atol=1e-15)
    shortcut = f.slope_of_value
    if shortcut is not None:
        np.testing.assert_allclose(shortcut(f.phi(x)), f.d1(x), rtol=1e-12)


@pytest.mark.parametrize("name", ODD)
def test_jet_agrees_with_mpmath(name: str) -> None:
    jet = transfer_function(name).evaluate(POINTS)
    with mp.workdps(40):
        for i, x in enumerate(POINTS):
            value, d1, d2 = (mp.diff(EXACT[name], x, k) for k in range(3))
            defect = (value - x * d1) / mp.mpf(x) ** 3
            assert jet.phi[i] == pytest.approx(float(value), rel=1e-14)
            assert jet.d1[i] == pytest.approx(float(d1), rel=1e-9, abs=1e-15)
            assert jet.d2[i] == pytest.approx(float(d2), rel=1e-9, abs=1e-15)
            assert jet.defect[i] == pytest.approx(float(defect), rel=2e-13, abs=1e-25)


@pytest.mark.parametrize("name", ODD)
def test_fused_jet_equals_the_generic_one(name: str) -> None:
    f = transfer_function(name)
    x = np.concatenate([-POINTS, [0.0], POINTS])
    jet = f.evaluate(x)
    for value, expected in zip(jet, (f.phi(x), f.d1(x), f.d2(x), f.defect(x)), strict=True):
        np.testing.assert_allclose(value, expected, rtol=3e-13, atol=1e-15)


@pytest.mark.parametrize("name", NAMES)
def test_primitive_integrates_phi(name: str) -> None:
    f = transfer_function(name)
    assert f.primitive is not None
    for x in (0.3, 2.5, -1.7):
        exact = mp.quad(EXACT[name], [0, x])
        assert float(f.primitive(np.array([x]))[0]) == pytest.approx(float(exact), rel=1e-13)


def test_constants() -> None:
    tanh = transfer_function("tanh")
    assert tanh.slope == 1.0
    assert tanh.cubic == pytest.approx(2 / 3, rel=1e-13)
    assert transfer_function("erf").cubic == pytest.approx(np.pi / 6, rel=1e-13)
    assert transfer_function("algebraic").cubic == pytest.approx(1.0, rel=1e-13)
    assert transfer_function("linear").is_linear
    assert not tanh.is_linear


def _own(**changes: object) -> TransferFunction:
    parts: dict[str, object] = {
        "phi": np.arctan,
        "d1": lambda x: 1 / (1 + x * x),
        "d2": lambda x: -2 * x / (1 + x * x) ** 2,
        "bound": np.pi / 2,
    }
    return TransferFunction(name="own", **(parts | changes))  # type: ignore[arg-type]


def test_own_function_is_accepted() -> None:
    f = _own()
    assert f.cubic == pytest.approx(2 / 3, rel=1e-8)
    assert transfer_function(f) is f


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"phi": lambda x: np.arctan(x) + np.sign(x - 0.2)}, r"phi jumps at x = 0\.2"),
        ({"d1": lambda x: 1 / (1 + 2 * x * x)}, "d1 at x"),
        ({"d2": lambda x: 2 * x / (1 + x * x) ** 2}, "d2 at x"),
        ({"bound": 1.0}, "exceeds bound"),
        ({"bound": np.nan}, "bound=nan: must be positive"),
        ({"phi": lambda x: np.array([math.atan(v) for v in x])}, "phi: raised TypeError"),
        ({"phi": lambda x: np.arctan(x) if np.max(x) < 99 else 1 / 0}, "phi: raised Zero"),
        ({"phi": lambda x: np.where(abs(x) > 5, np.nan, np.arctan(x))}, "phi is nan at x = -5.3"),
        ({"phi": lambda x: -np.arctan(x), "d1": lambda x: -1 / (1 + x * x)}, "slope"),
        ({"d2": lambda x: x * np.nan}, "d2: must map arrays to finite"),
        ({"primitive": lambda x: x * np.arctan(x)}, "phi at x"),
    ],
)
def test_a_wrong_function_is_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        _own(**changes)


def _jet(**factors: float) -> Callable[[np.ndarray], Jet]:
    """The jet of arctan with a factor on one of its parts."""

    def jet(x: np.ndarray) -> Jet:
        d1 = 1 / (1 + x * x)
        value = Jet(np.arctan(x), d1, -2 * x * d1 * d1, (np.arctan(x) - x * d1) / x**3)
        return value._replace(**{name: k * getattr(value, name) for name, k in factors.items()})

    return jet


@pytest.mark.parametrize("name", ["phi", "d1", "d2", "defect"])
def test_a_wrong_jet_is_refused(name: str) -> None:
    """The message names the part, the place and both values."""
    assert _own(jet=_jet()).evaluate(np.ones(1)).d1 == 0.5
    with pytest.raises(ArgumentError, match=rf"own'?: jet\.{name} at x = .* gives .*, expected"):
        _own(jet=_jet(**{name: 1.1}))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"jet": lambda x: _jet()(x)[:3]}, "jet must return a Jet"),
        ({"jet": lambda x: _jet()(x.ravel())}, "jet.phi must have the shape"),
        ({"d1": lambda x: 1.1 / (1 + x * x)}, "d1 at x = .* is .* slope of phi there is"),
        ({"d2": lambda x: -2.2 * x / (1 + x * x) ** 2}, "d2 at x = .* slope of d1 there is"),
        # Right for x > 0 alone, and near 0 alone.
        ({"d1": lambda x: 1 / (1 + x * np.abs(x))}, "d1 at x = -"),
        ({"d1": lambda x: 1 / (1 + np.where(x < 4, x * x, 12.0))}, "d1 at x = 61 is 0.0769"),
        ({"phi": math.atan}, "phi: raised TypeError"),
        ({"phi": lambda x: np.arctan(x)[:2]}, "phi: must map arrays"),
        ({"phi": lambda x: np.arctan(x, out=x)}, "phi: must not change its arguments"),
        ({"slope_of_value": lambda v: 1.1 / (1 + np.tan(v) ** 2)}, "slope_of_value at x"),
        ({"bend_of_value": lambda v: -2 * np.abs(v)}, "bend_of_value at x"),
    ],
)
def test_every_part_is_tried(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        _own(**changes)


@pytest.mark.parametrize("k", [0.04, 0.3, 3.0, 30.0])
@pytest.mark.parametrize("name", NAMES)
def test_no_right_function_is_refused(name: str, k: float) -> None:
    """Steep and wide ones, also where overflow makes their tails nan."""
    known = transfer_function(name)
    assert known.primitive is not None
    TransferFunction(
        name="right", phi=lambda x: known.phi(k * x), d1=lambda x: k * known.d1(k * x),
        d2=lambda x: k**2 * known.d2(k * x), primitive=lambda x: known.primitive(k * x) / k,  # type: ignore[misc]
    )  # fmt: skip
    f = TransferFunction(
        name="sinh", phi=lambda x: np.tanh(k * x), d1=lambda x: k / np.cosh(k * x) ** 2,
        d2=lambda x: -2 * k**2 * np.sinh(k * x) / np.cosh(k * x) ** 3,
        primitive=lambda x: np.log(np.cosh(k * x)) / k,
    )  # fmt: skip
    assert f.length * k == pytest.approx(1, rel=1e-2)
    assert f.is_concave


@pytest.mark.parametrize("bend", [0.0, 1e-10, 1e-5])
def test_the_jet_of_a_nearly_linear_function_is_accepted(bend: float) -> None:
    """Its defect is below the rounding of φ − xφ'."""

    def phi(x: np.ndarray) -> np.ndarray:
        return 0.3 * x - bend * x**3

    def jet(x: np.ndarray) -> Jet:
        return Jet(phi(x), 0.3 - 3 * bend * x**2, -6 * bend * x, np.full_like(x, 2 * bend))

    f = TransferFunction(
        name="cubic", phi=phi, d1=lambda x: jet(x).d1, d2=lambda x: jet(x).d2, jet=jet
    )  # fmt: skip
    assert f.slope == 0.3


@pytest.mark.parametrize("edge", [0.0073, 0.43, 1.0, 1.6, 1.6 * 1.013, 2.7])
def test_a_kink_is_no_mistake(edge: float) -> None:
    """Also at, or beside, a place where the derivative is tried."""
    TransferFunction(
        lambda x: np.clip(x, -edge, edge), lambda x: 1.0 * (np.abs(x) < edge), name="clipped",
        d2=np.zeros_like, bound=edge,
    )  # fmt: skip


def test_unknown_names_are_listed() -> None:
    with pytest.raises(ValueError, match="expected one of tanh, erf, algebraic, softsign"):
        transfer_function("step")
    with pytest.raises(ArgumentError, match="expected one of"):
        transfer_function(3)  # type: ignore[arg-type]


def test_a_clipped_function_is_not_linear() -> None:
    clipped = TransferFunction(
        name="clipped",
        phi=lambda x: np.clip(x, -1, 1),
        d1=lambda x: 1.0 * (np.abs(x) < 1),
        d2=np.zeros_like,
        bound=1.0,
    )
    assert not clipped.is_linear


def test_a_very_steep_function_is_accepted() -> None:
    k = 1000.0
    steep = TransferFunction(
        name="steep",
        phi=lambda x: np.tanh(k * x),
        d1=lambda x: k * (1 - np.tanh(k * x) ** 2),
        d2=lambda x: -2 * k**2 * np.tanh(k * x) * (1 - np.tanh(k * x) ** 2),
        bound=1.0,
    )
    assert steep.slope == k


def test_length_follows_the_argument() -> None:
    tanh = transfer_function("tanh")
    assert tanh.length == pytest.approx(1, rel=1e-2)
    assert _own().length == pytest.approx(1.2, rel=0.1)
    assert transfer_function("linear").length == 1.0


@pytest.mark.parametrize("scale", [1e-12, 1e-6, 1e5, 1e12])
@pytest.mark.parametrize("slope", [1.0, 1e-3])
def test_a_function_of_any_scale(scale: float, slope: float) -> None:
    k = 1 / scale
    f = TransferFunction(
        name="scaled",
        phi=lambda x: slope * scale * np.tanh(k * x),
        d1=lambda x: slope * (1 - np.tanh(k * x) ** 2),
        d2=lambda x: -2 * slope * k * np.tanh(k * x) * (1 - np.tanh(k * x) ** 2),
        # Cancels far below the scale, where the check does not look.
        primitive=lambda x: slope * scale**2 * np.log(np.cosh(k * x)),
        bound=slope * scale,
    )
    assert f.length == pytest.approx(scale, rel=1e-2)
    assert f.cubic == pytest.approx(2 / 3 * slope / scale**2, rel=1e-6)
    assert f.steepness == pytest.approx(slope)
    assert f.is_concave
    assert not f.is_linear
    with pytest.raises(ValueError, match="d2 at x"):
        TransferFunction(name="wrong", phi=f.phi, d1=f.d1, d2=lambda x: 1.001 * f.d2(x))


def test_the_built_in_functions_have_unit_scale() -> None:
    assert all(transfer_function(name).unit == 1 for name in NAMES)


def test_primitive_of_tanh_keeps_its_digits_near_zero() -> None:
    primitive = transfer_function("tanh").primitive
    assert primitive is not None
    x = np.array([1e-150, 1e-8, 1e-3, 0.5, 0.999999, 1.0, 3.0, 800.0])
    with mp.workdps(400):
        exact = [float(mp.log(mp.cosh(mp.mpf(value)))) for value in x]
    np.testing.assert_allclose(primitive(x), exact, rtol=1e-15)
    np.testing.assert_array_equal(primitive(-x), primitive(x))


def test_a_jet_is_tried_as_far_as_its_parts() -> None:
    """Wrong near x = 6 alone, where saddle points at large g look."""
    tanh = transfer_function("tanh")

    def wrong(x: np.ndarray) -> Jet:
        assert tanh.jet is not None
        right = tanh.jet(x)
        return right._replace(d1=right.d1 + np.exp(-4 * (x - 5.5) ** 2))

    with pytest.raises(ArgumentError, match=r"jet.d1 at x = 5"):
        replace(tanh, jet=wrong)


def test_single_precision_is_refused_by_name() -> None:
    with pytest.raises(ArgumentError, match="answers in float32, must be float64"):
        replace(_own(), phi=lambda x: np.arctan(x).astype(np.float32))


def _wide(k: float, **changes: object) -> TransferFunction:
    """tanh(kx)/k, with another part in the place of one of its own."""
    parts: dict[str, object] = {
        "phi": lambda x: np.tanh(k * x) / k,
        "d1": lambda x: 1 - np.tanh(k * x) ** 2,
        "d2": lambda x: -2 * k * np.tanh(k * x) * (1 - np.tanh(k * x) ** 2),
    }
    return TransferFunction(name="wide", **(parts | changes))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("bend", "unit"),
    # Where φ' has lost a quarter, the next power of 2; up to a factor of 32 it is 1.
    [
        (100.0, 128.0), (20.0, 32.0), (15.0, 1.0), (1.0, 1.0), (0.05, 1.0), (0.03, 1 / 32),
        (0.0101, 1 / 64), (1e-6, 2.0**-19),
    ],
)  # fmt: skip
def test_unit_and_samples(bend: float, unit: float) -> None:
    f = _wide(math.atanh(0.5) / bend)
    assert f.unit == unit
    assert f._sample[0] == pytest.approx(1e-4 * min(unit, 1))
    assert f._sample[-1] == pytest.approx(1e3 * max(unit, 1))
    assert np.ptp(np.diff(np.log(f._sample))) < 1e-9
    assert np.isfinite(f._sampled(f.phi)).all()
    np.testing.assert_array_equal(f._sampled(lambda x: np.full_like(x, np.nan)), 0)


def test_unit_of_the_least_and_largest_scale() -> None:
    assert _wide(math.atanh(0.5) * 2.0**66 / 0.9).unit == 2.0**-66
    assert _wide(math.atanh(0.5) / (2.0**66 * 0.9)).unit == 2.0**66


@pytest.mark.parametrize("size", [1e-3, 1.0, 1e3])
def test_rounding_is_no_reason_to_refuse(size: float) -> None:
    """1e-12 of the size of φ, of its bound, and 1e-9 of φ' for a shortcut."""

    def shifted(offset: float) -> TransferFunction:
        return TransferFunction(
            name="shifted", phi=lambda x: size * (np.tanh(x) + offset),
            d1=lambda x: size / np.cosh(x) ** 2,
            d2=lambda x: -2 * size * np.tanh(x) / np.cosh(x) ** 2,
        )  # fmt: skip

    f = shifted(3e-13)
    assert f.is_odd
    assert not shifted(3e-12).is_odd
    replace(f, bound=size * (1 - 5e-13))
    with pytest.raises(ArgumentError, match="exceeds bound"):
        replace(f, bound=size * (1 - 5e-12))

    def shortcut(offset: float) -> TransferFunction:
        return replace(f, slope_of_value=lambda v: size * (1 - (v / size) ** 2 + offset))

    shortcut(7e-10)
    with pytest.raises(ArgumentError, match="slope_of_value at x"):
        shortcut(1.5e-9)


def _bent(power: float, part: float) -> TransferFunction:
    """tanh and a part of u^power e^−u with u = |x|, odd."""

    def bump(u: np.ndarray, order: int) -> np.ndarray:
        # The derivative is that of u^power and of the exponential, each in turn.
        if order == 0:
            return np.asarray(u**power * np.exp(-u))
        one, two = power * u ** (power - 1), power * (power - 1) * u ** (power - 2)
        first = one - u**power
        return np.asarray((first if order == 1 else two - 2 * one + u**power) * np.exp(-u))

    tanh = transfer_function("tanh")
    return TransferFunction(
        name="bent",
        phi=lambda x: np.tanh(x) + part * np.sign(x) * bump(np.abs(x), 0),
        d1=lambda x: tanh.d1(x) + part * bump(np.abs(x), 1),
        d2=lambda x: tanh.d2(x) + part * np.sign(x) * bump(np.abs(x), 2),
    )


@pytest.mark.parametrize(
    ("power", "part", "smooth"),
    [(2.0, 1e-7, True), (2.0, 1e-5, False), (2.4, 1.0, True), (2.27, 1.0, False)],
)
def test_a_jump_of_the_bend_at_zero(power: float, part: float, smooth: bool) -> None:
    """One beyond a millionth; what falls to less than half in a decade is none."""
    f = _bent(power, part)
    assert f.is_smooth_at_0 == smooth
    if smooth:
        assert odd_function(f) is f
    else:
        with pytest.raises(ArgumentError, match="phi='bent': must be smooth at 0"):
            odd_function(f)


def test_a_linear_function_with_a_jet_of_zeros() -> None:
    """Its defect as a difference is the rounding of x/3, which grows like 1/x²."""
    third = 1 / 3
    f = TransferFunction(
        name="third", phi=lambda x: x / 3, d1=lambda x: np.full_like(x, third), d2=np.zeros_like,
        jet=lambda x: Jet(x / 3, np.full_like(x, third), 0 * x, 0 * x),
    )  # fmt: skip
    assert f.is_linear
    assert f.steepness == pytest.approx(third, rel=1e-15)
    assert f.saturation == math.inf


def test_a_late_and_gentle_bend_is_seen() -> None:
    """A fifth of the slope lost at x = 100: no unit of its own, and not linear."""
    f = TransferFunction(
        name="late", phi=lambda x: np.sign(x) * (np.abs(x) - 0.2 * np.maximum(np.abs(x) - 100, 0)),
        d1=lambda x: 1 - 0.2 * (np.abs(x) > 100), d2=np.zeros_like,
    )  # fmt: skip
    assert f.unit == 1
    assert not f.is_linear


@pytest.mark.parametrize(("lifted", "concave"), [(1e-13, True), (1e-9, False), (1e-7, False)])
def test_concave_up_to_rounding(lifted: float, concave: bool) -> None:
    def d2(x: np.ndarray) -> np.ndarray:
        return np.asarray(transfer_function("tanh").d2(x) + lifted * np.sign(x) * (np.abs(x) > 5))

    assert replace(_wide(1.0), d2=d2).is_concave == concave


def test_steepest_chord() -> None:
    """sup φ/x of 0.3 tanh + 0.7 tanh³, by an own search."""
    f = TransferFunction(
        name="bumpy",
        phi=lambda x: 0.3 * np.tanh(x) + 0.7 * np.tanh(x) ** 3,
        d1=lambda x: (0.3 + 2.1 * np.tanh(x) ** 2) / np.cosh(x) ** 2,
        d2=lambda x: (
            (3.6 - 8.4 * np.tanh(x) ** 2) * np.tanh(x) / np.cosh(x) ** 2
        ),
    )  # fmt: skip
    x = np.linspace(0.5, 3, 100001)
    assert f.steepness == pytest.approx(float(np.max(f.phi(x) / x)), rel=1e-4)
    assert f.steepness > f.slope
    assert not f.is_concave
    assert transfer_function("tanh").steepness == 1


@pytest.mark.parametrize("size", [0.01, 1.0, 100.0])
@pytest.mark.parametrize(("steep", "flat"), [(5.5, False), (6.0, True)])
def test_what_saturates_without_a_bound(size: float, steep: float, flat: bool) -> None:
    """arctan(ax)·2/π still rises by 0.00573/a from 100 to 1000."""
    half = np.pi / 2
    f = TransferFunction(
        name="arctan", phi=lambda x: size * np.arctan(steep * x) / half,
        d1=lambda x: size * steep / half / (1 + (steep * x) ** 2),
        d2=lambda x: -2 * size * steep**3 / half * x / (1 + (steep * x) ** 2) ** 2,
    )  # fmt: skip
    assert f.unit == 1
    if flat:
        assert size <= f.saturation <= 1.001 * size
    else:
        assert f.saturation == math.inf
    assert replace(f, bound=2 * size).saturation == 2 * size


def test_derivatives_from_the_value() -> None:
    """Shortcuts are taken where there are any, and asked for the value, not for x."""
    tanh, x = transfer_function("tanh"), np.array([-0.7, 0.2])
    np.testing.assert_array_equal(tanh.slope_at(x, np.array([0.5, 0.0])), [0.75, 1.0])
    np.testing.assert_array_equal(tanh.bend_at(x, np.array([0.5, 0.0])), [-0.75, 0.0])
    own = _own()
    np.testing.assert_array_equal(own.slope_at(x, 0 * x), own.d1(x))
    np.testing.assert_array_equal(own.bend_at(x, 0 * x), own.d2(x))


@pytest.mark.parametrize("k", [1e-3, 50.0])
def test_defect_at_any_scale(k: float) -> None:
    """(φ − xφ')/x³ of tanh(kx)/k is k² that of tanh: at 0, at the seam, and where it is even."""
    tanh, f = transfer_function("tanh"), _wide(k)
    x = np.array([[0.0, 1e-9, 1e-3, 0.4, 0.999], [1.001, 1.5, 4.0, 30.0, 1e-7]])
    expected = k**2 * tanh.evaluate(np.where(x == 0, 1e-9, x)).defect
    np.testing.assert_allclose(f.defect(x / k), expected, rtol=1e-11)
    np.testing.assert_allclose(f.defect(-x / k), f.defect(x / k), rtol=1e-14)


@pytest.mark.parametrize("name", NAMES)
def test_built_in_functions_travel_by_name(name: str) -> None:
    f = transfer_function(name)
    assert f.is_built_in
    assert pickle.loads(pickle.dumps(f)) is f
    other = replace(f, bound=math.inf)
    assert not other.is_built_in
    assert copy.copy(other) is not f


def test_a_function_is_not_changed_in_place() -> None:
    """Nor hashed by more than what it is: it serves as a key."""
    f = _own()
    with pytest.raises(dataclasses.FrozenInstanceError):
        f.bound = 2.0  # type: ignore[misc]
    assert {f: 1}[f] == 1


@pytest.mark.parametrize("name", NAMES)
def test_the_bound_is_the_supremum(name: str) -> None:
    f = transfer_function(name)
    far = f.phi(np.array([1e9]))[0]
    assert f.bound == (math.inf if far > 1 else pytest.approx(far, rel=2e-9))
    assert f.saturation == f.bound


# ---------------------------------------------------------------------------- φ alone


def _two_scales(x: np.ndarray) -> np.ndarray:
    return np.asarray(np.tanh(30 * x) + np.tanh(x))


@pytest.mark.parametrize(
    ("phi", "places"),
    [
        (np.tanh, ()), (np.sin, ()), (np.exp, ()), (_two_scales, ()),
        (lambda x: np.sin(50 * x), ()),
        (lambda x: np.maximum(x - 1 / 3, 0), (1 / 3,)),
        (lambda x: np.maximum(x, 0), (0.0,)),
        (lambda x: np.maximum(x - 1.1, 0), (1.1,)),
        (lambda x: np.clip(x, -0.5, 2), (-0.5, 2.0)),
        (lambda x: np.clip(x, -40, 70), (-40.0, 70.0)),
        # φ'' alone jumps.
        (lambda x: x / (1 + np.abs(x)), (0.0,)),
        (lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0))), (0.0,)),
        (lambda x: np.tanh(x) + 0.1 * np.maximum(x - 0.7, 0) ** 2, (0.7,)),
        (lambda x: 1e-9 * np.clip(1e9 * x, -1, 1), (-1e-9, 1e-9)),
    ],
)  # fmt: skip
def test_kinks_are_found(
    phi: Callable[[np.ndarray], np.ndarray], places: tuple[float, ...]
) -> None:
    assert TransferFunction(phi).kinks == pytest.approx(places, rel=1e-5, abs=1e-14)


@pytest.mark.parametrize("name", [name for name in NAMES if name != "linear"])
@pytest.mark.parametrize("k", [1.0, 1e-4, 50.0])
def test_the_function_alone_is_enough(name: str, k: float) -> None:
    """aφ(kx): derivatives, primitive and constants against those of the built-in function."""
    exact, scale = transfer_function(name), 3.0
    # It has no scale of its own.
    k = 1.0 if name == "relu" else k
    f = TransferFunction(lambda x: scale * exact.phi(k * x), name=name)
    x = np.concatenate([np.linspace(-12, 12, 97), POINTS, -POINTS, [0.02, 1e-9, 300.0]]) / k
    for part, order in ((f.d1, 1), (f.d2, 2)):
        expected = scale * k**order * (exact.d1, exact.d2)[order - 1](k * x)
        at = slice(None) if order == 1 and name != "relu" else x != 0
        size = scale * k**order * (1e-11 if order == 1 else 3e-9)
        np.testing.assert_allclose(part(x)[at], expected[at], rtol=3e-9, atol=size)
    np.testing.assert_allclose(
        f.primitive(x), scale / k * exact.primitive(k * x), rtol=1e-12, atol=1e-13 * scale / k
    )
    assert f.is_odd == exact.is_odd
    assert f.kinks == exact.kinks
    if name in ODD:
        assert f.slope == pytest.approx(scale * k, rel=1e-12)
        assert f.cubic == pytest.approx(scale * k**3 * exact.cubic, rel=1e-9)
        assert f.length == pytest.approx(exact.length / k, rel=2e-5)
        assert odd_function(f).is_concave
    else:
        with pytest.raises(ArgumentError, match=r"must be (odd|smooth at 0) here"):
            odd_function(f)


def test_kinks_of_the_slope_are_exact() -> None:
    places = np.random.default_rng(0).uniform(-10, 10, 40).tolist()
    found = [TransferFunction(lambda x, p=p: np.maximum(x - p, 0)).kinks for p in places]
    np.testing.assert_allclose(found, np.array(places)[:, None], atol=1e-10, rtol=0)


@pytest.mark.parametrize(
    "phi",
    [
        lambda x: np.clip(x, 0, 1), lambda x: np.maximum(x, 0), lambda x: np.maximum(0, 1 - abs(x)),
        lambda x: 0 * x + 1.0,
    ],
)  # fmt: skip
def test_noise_of_straight_pieces_is_no_bend(phi: Any) -> None:
    assert TransferFunction(phi).length == 1


def test_flat_at_0() -> None:
    """An even function has no scale at 0; an odd one is no null state's φ, and may be convex."""
    assert TransferFunction(lambda x: np.exp(-x * x)).unit == 1
    for phi in (lambda x: np.sign(x) * np.maximum(np.abs(x) - 0.5, 0), lambda x: np.tanh(x) ** 3):
        flat = TransferFunction(phi)
        assert flat.slope == 0
        assert not flat.is_concave
        assert critical_gain(phi=flat) == np.inf
        with pytest.raises(ArgumentError, match=r"of slope phi'\(0\) > 0"):
            saddle_point(0.5, phi=flat)
    with pytest.raises(ArgumentError, match=r"slope phi'\(0\) = d1\(0\) = -1 must be >= 0"):
        TransferFunction(lambda x: -np.tanh(x))


def test_at_a_kink_the_mean_of_both_sides() -> None:
    f = TransferFunction(lambda x: np.clip(x, -1, 0.5))
    np.testing.assert_allclose(f.d1(np.array([-1.0, 0.5, 0.2, 0.6])), [0.5, 0.5, 1, 0], atol=1e-12)
    np.testing.assert_allclose(f.d2(np.array([-1.0, 0.5, 0.49, 0.51])), 0, atol=1e-9)


def test_numerical_parts_travel_and_are_made_again() -> None:
    f = TransferFunction(np.arctan, bound=np.pi / 2)
    assert f.name == "arctan"
    x = np.linspace(-2, 2, 9)
    for other in (pickle.loads(pickle.dumps(f)), copy.copy(f)):
        np.testing.assert_array_equal(other.d2(x), f.d2(x))
    steeper = replace(f, phi=lambda x: np.arctan(3 * x))
    np.testing.assert_allclose(steeper.d1(x), 3 / (1 + 9 * x * x), rtol=1e-9)
    np.testing.assert_allclose(steeper.primitive(x), x * np.arctan(3 * x) - np.log1p(9 * x * x) / 6,
                               rtol=1e-11, atol=1e-15)  # fmt: skip
