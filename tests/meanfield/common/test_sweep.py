"""The grid engine: labels, seeds, failures, warnings, processes, kept points."""

import copy
import importlib.util
import linecache
import multiprocessing
import os
import subprocess
import sys
import time
import warnings
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from functools import partial, wraps
from pathlib import Path
from types import CodeType, MappingProxyType, SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from meanfield import (
    ArgumentError,
    NotConvergedError,
    StepSizeWarning,
    SweepWarning,
    load,
    saddle_point,
    sweep,
    transfer_function,
)
from meanfield.common import seeds
from meanfield.common.arguments import validated
from meanfield.common.files import save
from meanfield.common.identity import _bytecode, _Teller, identity
from meanfield.common.jobs import bar, carry_out, results
from meanfield.common.store import FileWarning

AXES = {"g": [0.5, 1.0, 2.0], "gamma": [0.0, 0.5]}


def labelled(g: float, gamma: float, *, scale: float = 1.0, seed: int) -> dict[str, Any]:
    """Every kind of value."""
    return {
        "number": g + gamma,
        "curve": ("t", scale * np.arange(3.0), {"long_name": "a curve"}),
        "t": [0.0, 0.1, 0.2],
        "drawn": np.random.default_rng(seed).random(),
        "ok": g > 1,
        "word": "x" * round(2 * g),
    }


def fails_beyond(g: float, gamma: float) -> float:
    if g > 1:
        raise RuntimeError(f"no state at g = {g:g}")
    if gamma:
        warnings.warn("too long", StepSizeWarning, stacklevel=1)
    return g


@pytest.mark.parametrize("workers", [None, 2])
def test_dims_coordinates_types_and_descriptions(workers: int | None) -> None:
    data = sweep(labelled, AXES, replicates=2, seed=3, workers=workers, scale=2.0)
    assert data.curve.dims == ("g", "gamma", "replicate", "t")
    assert data.curve.attrs == {"long_name": "a curve"}
    np.testing.assert_array_equal(data.curve.sel(g=1.0, gamma=0.5, replicate=1), [0.0, 2.0, 4.0])
    np.testing.assert_array_equal(data.t, [0.0, 0.1, 0.2])
    np.testing.assert_array_equal(data.number.isel(replicate=0), np.add.outer(*AXES.values()))
    assert data.ok.dtype == bool
    assert data.word.sel(g=2.0, gamma=0.0).values.tolist() == ["xxxx", "xxxx"]
    assert not data.failed.any()
    assert data.attrs["seed"] == 3
    assert "numpy_version" in data.attrs


def test_results_do_not_depend_on_who_does_the_work() -> None:
    alone = sweep(labelled, AXES, replicates=2, seed=3)
    with ThreadPoolExecutor(2) as executor:
        others = [
            sweep(labelled, AXES, replicates=2, seed=3, workers=2),
            sweep(labelled, AXES, replicates=2, seed=3, executor=executor),
        ]
    for other in others:
        assert alone.equals(other)


def test_what_a_function_may_return() -> None:
    assert sweep(lambda g: 2 * g, {"g": [1, 2]}).value.values.tolist() == [2, 4]
    assert sweep(lambda g: np.ones((2, 3)), {"g": [1]}).value.shape == (1, 2, 3)
    given_back = sweep(lambda g: xr.Dataset({"q": ("x", [g])}), {"g": [1.0]})
    assert given_back.q.dims == ("g", "x")
    named = sweep(lambda g: xr.DataArray([g], dims="x", name="q"), {"g": [1.0]})
    assert named.q.dims == ("g", "x")
    point = sweep(partial(saddle_point, beta=10.0, branch="paramagnetic"), {"g": [0.8, 1.2]})
    whole = saddle_point([0.8, 1.2], beta=10.0, branch="paramagnetic")
    np.testing.assert_array_equal(point.q, whole.q)
    assert sweep(lambda: 3.0, {}).value.item() == 3.0


def test_attributes_that_differ_between_points_are_told_of_each() -> None:
    def settled(g: float) -> xr.Dataset:
        facts = {"converged": g < 2, "reason": "" if g < 2 else "drifts", "n": 5, "own": int(g)}
        return xr.Dataset({"q": g}, attrs={**facts, "created": str(g), "g": g})

    data = sweep(settled, {"g": [1.0, 2.0]})
    assert data.converged.values.tolist() == [True, False]
    assert data.reason.values.tolist() == ["", "drifts"]
    assert data.status.values.tolist() == ["converged", "flagged"]
    assert data.own.values.tolist() == [1, 2]
    assert data.attrs["n"] == 5
    assert not data.failed.any()


def settled(g: float) -> xr.Dataset:
    """A result along an axis of its own, of which one place has no solution; at 3 nothing has."""
    if g == 3:
        solution = SimpleNamespace(status=np.array(["absent", "absent"]))
        raise NotConvergedError("2 of 2 points", solution)
    if g == 4:
        raise RuntimeError("broke down")
    words = ["converged", "absent" if g == 1 else "flagged"]
    reasons = ["", "none" if g == 1 else "drifts"]
    return xr.Dataset({"q": ("x", [g, np.nan]), "status": ("x", words), "reason": ("x", reasons)})


def test_the_status_of_each_point_is_kept() -> None:
    with pytest.warns(SweepWarning, match="2 of 4 points failed"):
        data = sweep(settled, {"g": [1.0, 2.0, 3.0, 4.0]})
    assert data.status.dims == data.reason.dims == ("g", "x")
    assert data.status.values.tolist() == [
        ["converged", "absent"], ["converged", "flagged"], ["absent"] * 2, ["flagged"] * 2
    ]  # fmt: skip
    assert data.reason.values[:, 1].tolist() == ["none", "drifts", "2 of 2 points", "broke down"]
    assert data.failed.values.tolist() == [False, False, True, True]


def test_parameters_and_the_call_are_attributes() -> None:
    facts = sweep(labelled, AXES, replicates=2, seed=3, workers=1, scale=2).attrs
    assert (facts["scale"], facts["seed"]) == (2, 3)
    assert facts["call"] == (
        f"meanfield.sweep(<function labelled>, {AXES}, replicates=2, seed=3, scale=2)"
    )
    assert "g" not in facts


def test_results_of_different_lengths_are_filled_up() -> None:
    data = sweep(lambda n: {"x": ("k", np.arange(n))}, {"n": [1, 3]})
    np.testing.assert_array_equal(data.x, [[0, np.nan, np.nan], [0, 1, 2]])


def test_a_coordinate_that_differs_between_points_is_a_variable() -> None:
    data = sweep(lambda g: {"x": ("t", [1.0, 2.0]), "t": [0.0, g]}, {"g": [1.0, 2.0]})
    np.testing.assert_array_equal(data.t_of_point, [[0.0, 1.0], [0.0, 2.0]])


def test_failures_are_told_and_leave_nan() -> None:
    with pytest.warns(SweepWarning, match=r"2 of 6 points failed, first g=2.0, gamma=0.0") as told:
        data = sweep(fails_beyond, AXES)
    assert [one.category for one in told] == [StepSizeWarning, SweepWarning]
    np.testing.assert_array_equal(data.value.isnull(), data.failed)
    assert data.failed.values.tolist() == [[False] * 2, [False] * 2, [True] * 2]
    assert data.reason.sel(g=2.0, gamma=0.5).item() == "no state at g = 2"
    np.testing.assert_array_equal(data.status == "flagged", data.failed)
    np.testing.assert_array_equal(data.status == "converged", ~data.failed)
    for throw in (True, RuntimeError):
        with pytest.raises(RuntimeError, match="no state"):
            sweep(fails_beyond, AXES, throw=throw)


@pytest.mark.parametrize("seed", [np.random.default_rng, np.random.SeedSequence])
def test_seeds_of_numpy_are_the_same_to_any_number_of_workers(seed: Callable[[int], Any]) -> None:
    one, two = (sweep(labelled, AXES, seed=seed(7), workers=count) for count in (1, 2))
    xr.testing.assert_identical(one.drop_attrs(), two.drop_attrs())
    assert one.attrs["seed"] == two.attrs["seed"]


@pytest.mark.parametrize("workers", [None, 2])
def test_the_first_error_is_raised_where_nothing_works(workers: int | None) -> None:
    with pytest.raises(RuntimeError, match="no state at g = 3"):
        sweep(fails_beyond, {"g": [3.0, 4.0], "gamma": [0.0]}, workers=workers)
    with pytest.raises(ArgumentError, match="g=-1"):
        sweep(saddle_point, {"g": [-1.0, -2.0]}, workers=workers)


def test_failed_texts_and_truth_values_are_empty() -> None:
    def half(g: float) -> dict[str, Any]:
        return {"ok": bool(1 / (g - 1)), "word": "yes", "count": 3, "reason": "slow"}

    with pytest.warns(SweepWarning, match="division by zero"):
        data = sweep(half, {"g": [1.0, 2.0]})
    assert data.ok.values.tolist() == [False, True]
    assert data.word.values.tolist() == ["", "yes"]
    np.testing.assert_array_equal(data["count"], [np.nan, 3])
    assert data.reason.values.tolist() == ["float division by zero", "slow"]
    assert data.status.values.tolist() == ["flagged", "flagged"]


def test_seeds_follow_values_not_places() -> None:
    many = sweep(labelled, AXES, replicates=3, seed=0)
    one = sweep(labelled, {"gamma": [0.5], "g": [2.0]}, replicates=3, seed=0)
    np.testing.assert_array_equal(
        many.drawn.sel(g=2.0, gamma=0.5), one.drawn.sel(g=2.0).isel(gamma=0)
    )
    assert len(np.unique(many.drawn)) == many.drawn.size


def test_shared_axes_share_the_seeds() -> None:
    data = sweep(labelled, AXES, replicates=2, seed=0, shared=("g",)).drawn
    np.testing.assert_array_equal(data.isel(g=0), data.isel(g=2))
    assert len(np.unique(data)) == 4
    everywhere = sweep(labelled, AXES, replicates=2, seed=0, shared=("g", "gamma")).drawn
    expected = [np.random.default_rng(seeds.member(0, k)).random() for k in range(2)]
    np.testing.assert_array_equal(everywhere.isel(g=1, gamma=1), expected)


@given(
    seed=st.integers(0, 2**64),
    replicate=st.integers(0, 1000),
    g=st.floats(-1e6, 1e6),
)
def test_neighbours_share_no_seed(seed: int, replicate: int, g: float) -> None:
    found = {
        seeds.point(s, k, place)
        for s in (seed, seed + 1)
        for k in (replicate, replicate + 1)
        for place in ({}, {"g": g}, {"gamma": g}, {"g": g, "gamma": g}, {"g": 1e7})
    }
    assert len(found) == 20


def test_a_number_has_one_seed_however_it_is_written() -> None:
    assert seeds.point(0, 0, {"g": 2}) == seeds.point(0, 0, {"g": 2.0})
    assert seeds.point(0, 0, {"g": -0.0}) == seeds.point(0, 0, {"g": 0.0})
    assert seeds.point(0, 0, {"g": 1e-13}) != seeds.point(0, 0, {"g": 2e-13})


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"axes": {"g": []}}, r"g=\[\]"),
        ({"axes": {"g": [1.0, 1.0]}}, "a value stands twice"),
        ({"axes": {"g": [[1.0]]}}, "one-dimensional"),
        ({"axes": {"g": [True]}}, "numbers or texts"),
        ({"axes": {"g": [np.nan]}}, "nan"),
        ({"axes": {"g": np.array(["2020-01-01"], "M8[D]")}}, "numbers or texts"),
        ({"axes": {"kappa": [1.0]}}, "kappa"),
        ({"axes": {}}, "missing"),
        ({"g": 1.0}, "both an axis and a fixed argument"),
        ({"delta": 1.0}, "delta"),
        ({"replicates": 0}, "replicates=0"),
        ({"workers": 0}, "workers=0"),
        ({"workers": 1.5}, "workers=1.5"),
        ({"seed": -1}, "seed=-1"),
        ({"shared": ("beta",)}, "beta"),
    ],
)
def test_bad_arguments(arguments: dict[str, Any], text: str) -> None:
    with pytest.raises(ArgumentError, match=text):
        sweep(fails_beyond if "seed" not in arguments else labelled, **{"axes": AXES, **arguments})


def counted(g: float, *, folder: str, scale: float = 1.0) -> dict[str, Any]:
    """Leaves a file, by which a test sees that it was called."""
    (Path(folder) / f"called-{g:g}-{time.monotonic_ns()}").touch()
    if g > 2:
        raise RuntimeError("not yet")
    if g > 1:
        warnings.warn("slow", StepSizeWarning, stacklevel=1)
    return {"x": ("t", [g, np.nan, np.inf, -0.0]), "t": np.arange(4), "w": "ü", "b": g > 0.5}


def calls(folder: Path) -> int:
    return len(list(folder.glob("called-*")))


def test_finished_points_are_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = partial(sweep, counted, store=tmp_path / "store", folder=str(tmp_path), progress=True)
    with pytest.warns(StepSizeWarning):
        first = run({"g": [0.5, 2.0]})
    assert capsys.readouterr().err == ""
    with pytest.warns(StepSizeWarning, match="slow"):
        again = run({"g": [0.5, 1.0, 2.0]})
    assert capsys.readouterr().err == "counted: 2 of 3 points kept, going on\n"
    assert calls(tmp_path) == 3
    assert again.sel(g=[0.5, 2.0]).drop_attrs().equals(first.drop_attrs())
    assert again.x.dtype == first.x.dtype
    assert np.signbit(again.x.isel(t=3)).all()


def test_an_interruption_says_what_is_kept(tmp_path: Path) -> None:
    def point(g: float) -> float:
        if g == 3:
            raise KeyboardInterrupt
        return g

    for store, notes in (
        (None, []),
        (tmp_path, [f"2 of 4 points are kept in {tmp_path}: the same call goes on from them"]),
    ):
        with pytest.raises(KeyboardInterrupt) as told:
            sweep(point, {"g": [1, 2, 3, 4]}, store=store)
        assert getattr(told.value, "__notes__", []) == notes


def test_no_retry_keeps_failures(tmp_path: Path) -> None:
    run = partial(sweep, counted, {"g": [0.5, 3.0]}, store=tmp_path / "s", folder=str(tmp_path))
    found = []
    for retry in (True, False):
        with pytest.warns(SweepWarning, match="not yet"):
            found.append(run(retry=retry))
    assert calls(tmp_path) == 2
    assert found[0].identical(found[1].assign_attrs(found[0].attrs))
    assert load(tmp_path / "s").reason.values.tolist() == ["", "not yet"]
    for retry in (True, False):
        with pytest.raises(RuntimeError, match="not yet"):
            run(retry=retry, throw=True)


def test_failed_points_are_tried_again(tmp_path: Path) -> None:
    for count in (2, 3):
        with pytest.warns(SweepWarning, match="not yet"):
            sweep(counted, {"g": [0.5, 3.0]}, store=tmp_path / "store", folder=str(tmp_path))
        assert calls(tmp_path) == count


@pytest.mark.parametrize("damage", ["cut", "digit", "key", "garbage"])
def test_a_damaged_line_is_done_again(tmp_path: Path, damage: str) -> None:
    run = partial(sweep, counted, {"g": [0.5, 1.0]}, store=tmp_path, folder=str(tmp_path))
    first = run()
    path = tmp_path / "points-all.jsonl"
    header, first_point, point = path.read_text().splitlines()
    damaged = {
        "cut": point[: len(point) // 2],
        "digit": point.replace('"g": 1.0', '"g": 1.1') + "\n",
        "key": point.replace('"key": "', '"key": "0') + "\n",
        "garbage": "[1, 2]\n",
    }[damage]
    path.write_text(f"{header}\n{first_point}\n{damaged}")
    # What a kill leaves is no damage.
    with nullcontext() if damage == "cut" else pytest.warns(FileWarning, match="1 damaged"):
        again = run()
    assert calls(tmp_path) == 3
    assert again.drop_attrs().equals(first.drop_attrs())
    run()
    assert calls(tmp_path) == 3


def _refused(there: Callable[..., Any], here: Callable[..., Any], folder: Path, name: str) -> None:
    """A store of one function refuses the other, and says what differs."""
    first = sweep(there, {"g": [1.0]}, store=folder)
    assert sweep(there, {"g": [1.0]}, store=folder).equals(first)
    with pytest.raises(ArgumentError, match=f"holds another sweep, .*{name}"):
        sweep(here, {"g": [1.0]}, store=folder)


def test_other_functions_and_closures_are_refused(tmp_path: Path) -> None:
    def scaled(factor: float) -> Any:
        return lambda g: factor * g

    def wrapped(factor: float) -> Any:
        @wraps(_identical)
        def inner(g: float) -> float:
            return factor * _identical(g)

        return inner

    def with_default(factor: float) -> Any:
        def inner(g: float, *, own: float = factor) -> float:
            return own * g

        return inner

    twins = (lambda g: 3.0 * g, lambda g: 4.0 * g)
    makers = {
        r"closure value factor differs \(3.0 there, 4.0 here\)": scaled,
        "closure value factor": wrapped,
        r"default of own differs \(3.0 there, 4.0 here\)": with_default,
        "code": lambda k: _Scaled(k).call,
        r"code of \S+ differs": lambda k: twins[int(k) - 3],
        "bound argument factor": lambda k: partial(_times, factor=k),
    }
    for number, (name, make) in enumerate(makers.items()):
        _refused(make(3.0), make(4.0), tmp_path / str(number), name)


MADE = """
import dataclasses, functools
import numpy as np
GAIN = {gain}
half = functools.partial(pow, {power})
@dataclasses.dataclass
class Pop:
    rate: float = {rate}
    def value(self): return self.rate * {factor}
def f(g, pops=()):
    return g * GAIN * half(2) * Pop().value() * {own} + sum(p.rate for p in pops)
"""
USUAL = {"gain": "np.float32(2)", "power": 2, "rate": 1.0, "factor": 3, "own": 1}


def _made(folder: Path, **changes: Any) -> Any:
    path = folder / "made.py"
    path.write_text(MADE.format(**USUAL | changes))
    spec = importlib.util.spec_from_file_location("made", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    linecache.clearcache()
    exec(compile(path.read_text(), path, "exec"), module.__dict__)
    return module


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"gain": "np.float32(9)"}, "GAIN"),
        ({"gain": "{1: 1j}.__len__()"}, "GAIN"),
        ({"power": 3}, "half"),
        ({"rate": 2.0}, "Pop"),
        ({"factor": 4}, "Pop"),
        ({"own": 2}, "code"),
    ],
)
def test_all_that_a_function_uses_in_its_module_counts(
    tmp_path: Path, change: dict[str, Any], name: str
) -> None:
    run = partial(sweep, axes={"g": [1.0]}, store=tmp_path / "kept")
    first = run(_made(tmp_path).f)
    # A module that is loaded again is the same.
    assert run(_made(tmp_path).f).equals(first)
    with pytest.raises(ArgumentError, match=f"holds another sweep, {name}"):
        run(_made(tmp_path, **change).f)


def _inner(function: Any) -> CodeType:
    return next(c for c in function.__code__.co_consts if isinstance(c, CodeType))


def test_no_constant_is_left_out_of_a_code() -> None:
    def one(g: float) -> Any:
        def inner() -> Any:
            """With a text."""
            return None if g else 1

        return inner()

    def other(g: float) -> Any:
        def inner() -> Any:
            """With a text."""
            return 1 if g else None

        return inner()

    codes = [_Teller("").digest(_bytecode(_inner(f))) for f in (one, other)]
    assert codes[0] != codes[1]


def test_objects_are_told_by_their_content(tmp_path: Path) -> None:
    Pop = _made(tmp_path).Pop
    a, b = Pop(1.0), Pop(2.0)
    frame = pd.DataFrame({"a": [1.0, 2.0]})
    moved = frame.copy()
    moved.loc[0, "a"] = 3.0
    table = xr.Dataset({"q": ("x", [1.0, 2.0])}, {"x": [0, 1]})
    lambdas = [lambda g: g, lambda g: 2 * g]
    others = {
        "places": ([a, b, a], [a, b, b]),
        "lambdas": ([*lambdas, lambdas[0]], [*lambdas, lambdas[1]]),
        "long": (np.arange(5000.0), np.arange(5000.0) + (np.arange(5000) == 2500)),
        "mapping": (MappingProxyType({"J": (1.0,)}), MappingProxyType({"J": (2.0,)})),
        "deque": (deque([np.arange(3)]), deque([np.arange(3) + 1])),
        "frame": (frame, moved),
        "keys": ({1: 0}, {"1": 0}),
        "fields": (np.zeros(1, [("a", float)]), np.zeros(1, [("b", float)])),
        "mask": (np.ma.array([1.0], mask=[0]), np.ma.array([1.0], mask=[1])),
        "xarray": (table, table + 1),
        "generator": (np.random.default_rng(0), np.random.default_rng(1)),
        "bound": (a.value, b.value),
    }
    seen = set()
    for one, other in others.values():
        told = [identity(_helped, {"held": held}) for held in (one, one, other)]
        if not isinstance(one, MappingProxyType):
            told[1] = identity(_helped, {"held": copy.deepcopy(one)})
        assert told[0] == told[1] != told[2]
        seen.add(told[0]["argument held"])
    assert len(seen) == len(others)
    same = {"x": 1.0, "path": Path("a"), "norm": stats.norm, "n": 4}
    used = {**same, "x": np.float64(1.0), "path": Path("a"), "n": np.int64(4)}
    hash(used["path"])
    assert identity(_helped, same) == identity(_helped, used)
    with pytest.raises(ArgumentError, match="cannot be told from others of its kind"):
        identity(_helped, {"held": (k for k in ())})


def test_a_call_does_not_change_what_a_function_is() -> None:
    @validated
    def doubled(g: float) -> float:
        return 2 * g

    before = identity(doubled, {})
    assert doubled(2.0) == 4.0
    assert identity(doubled, {}) == before


def test_kept_points_are_as_fresh_ones(tmp_path: Path) -> None:
    buffer = np.zeros(2)

    def told(g: float) -> xr.Dataset:
        buffer[:] = g
        attrs = {"a": np.float32(g), "z": np.complex128(1j * g), "many": np.arange(2), "t": (1, 2)}
        words = np.array(["a", "b"], dtype=object)
        variables = {"b": ("k", buffer, {"u": np.float64(1)}), "w": ("k", words)}
        return xr.Dataset(variables, attrs=attrs)

    run = partial(sweep, told, {"g": [1.0, 2.0]}, store=tmp_path, version="1")
    first = run()
    assert first.b.values.tolist() == [[1.0, 1.0], [2.0, 2.0]]
    for again in (run(), load(tmp_path), sweep(told, {"g": [1.0, 2.0]}, workers=2)):
        assert again.drop_attrs(deep=False).identical(first.drop_attrs(deep=False))
        apart = {"created", "seconds", "call"}
        assert {k: v for k, v in again.attrs.items() if k not in apart} == {
            k: v for k, v in first.attrs.items() if k not in apart
        }
    masked = sweep(lambda g: np.ma.array([g, 2.0], mask=[0, 1]), {"g": [1.0]})
    np.testing.assert_array_equal(masked.value, [[1.0, np.nan]])
    with pytest.raises(TypeError, match="numbers or texts"):
        sweep(lambda g: xr.Dataset({"a": ("k", np.array([g, None]))}), {"g": [1.0]})


def test_numbers_and_texts_are_no_one_axis(tmp_path: Path) -> None:
    sweep(lambda n: float(n), {"n": [1]}, store=tmp_path, version="1")
    with pytest.raises(ArgumentError, match="the store has"):
        sweep(lambda n: float(n), {"n": ["1"]}, store=tmp_path, version="1")


def test_other_arguments_and_helpers_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def applied(g: float, phi: Any, n: int = 1) -> float:
        return float(phi(g)) * n

    kinds = (np.tanh, lambda g: 2 * g, lambda g: 3 * g, transfer_function("erf").phi)
    run = partial(sweep, applied, {"g": [0.5]}, store=tmp_path / "a", phi=np.tanh)
    assert run(n=2).value.item() == 2 * np.tanh(0.5)
    for phi in kinds[1:]:
        with pytest.raises(ArgumentError, match="argument phi differs"):
            run(phi=phi, n=2)
    with pytest.raises(ArgumentError, match=r"argument n differs \(2 there, 3 here\)"):
        run(n=3)
    with pytest.raises(ArgumentError, match=r"argument n differs .2 there, none here."):
        run()
    assert sweep(_helped, {"g": [1.0]}, store=tmp_path / "b").value.item() == 2
    monkeypatch.setitem(_helped.__globals__, "_helper", lambda g: 5 * g)
    with pytest.raises(ArgumentError, match="_helper, used in it differs"):
        sweep(_helped, {"g": [1.0]}, store=tmp_path / "b")


def test_the_grid_and_the_seed_belong_to_a_store(tmp_path: Path) -> None:
    run = partial(sweep, labelled, store=tmp_path)
    first = run({"g": [1.0, 2.0], "gamma": [0.0]})
    seed = first.attrs["seed"]
    axes = {"gamma": [0.0, 1.0], "g": [3.0, 1.0]}
    more = run(axes, replicates=2)
    assert more.attrs["seed"] == seed
    at = {"g": 1.0, "gamma": 0.0}
    assert more.isel(replicate=0).sel(at).drawn == first.sel(at).drawn
    with pytest.raises(ArgumentError, match="seed differs"):
        run(axes, seed=seed + 1)
    with pytest.raises(ArgumentError, match=r"shared axes differs .none there, g here."):
        run(axes, shared=["g"])
    with pytest.raises(ArgumentError, match=r"axes differs .g, gamma there.*argument gamma"):
        run({"g": [1.0]}, gamma=0.0)
    whole = load(tmp_path)
    assert whole.g.values.tolist() == [1.0, 2.0, 3.0]
    assert dict(whole.sizes) == {"g": 3, "gamma": 2, "replicate": 2, "t": 3}
    assert int(whole.failed.sum()) == 12 - 9
    assert set(whole.reason.values[whole.failed.values]) == {"not done yet"}
    assert whole.drawn.sel(g=[3.0, 1.0]).equals(more.drawn)


def test_integers_and_floats_are_the_same_points(tmp_path: Path) -> None:
    run = partial(sweep, counted, store=tmp_path / "kept", folder=str(tmp_path))
    run({"g": [0, 1]})
    run({"g": [-0.0, 1.0, 0.5]})
    assert calls(tmp_path) == 3


def test_a_finished_store_opens_as_the_sweep_returned_it(tmp_path: Path) -> None:
    found = sweep(labelled, {"g": [2.0, 1.0], "gamma": [0.0]}, seed=3, store=tmp_path, scale=2.0)
    again = load(tmp_path)
    assert again.drop_attrs().identical(found.drop_attrs())
    apart = {"created", "seconds"}
    assert {k: again.attrs[k] for k in {*again.attrs} - apart} == {
        k: found.attrs[k] for k in {*found.attrs} - apart
    }
    assert again.attrs["seconds"] == found.attrs["seconds"]
    assert np.shape(found.attrs["seconds"]) == (2, 1)
    assert np.min(found.attrs["seconds"]) > 0
    with pytest.raises(ArgumentError, match="no sweep is kept there"):
        load(tmp_path.parent)


def _times(g: float, factor: float) -> float:
    return factor * g


def _identical(g: float) -> float:
    return g


def _helper(g: float) -> float:
    return 2 * g


def _helped(g: float) -> float:
    return _helper(g)


class _Scaled:
    def __init__(self, factor: float) -> None:
        self.factor = factor

    def call(self, g: float) -> float:
        return self.factor * g


def test_names_of_the_sweep_are_refused() -> None:
    for name in ("replicate", "failed", "status", "reason"):
        with pytest.raises(ArgumentError, match=name):
            sweep(lambda **point: 1.0, {name: [1.0]})
    for bad in ({"failed": 1.0}, {"x": ("g", [1.0, 2.0])}, {"x": ("replicate", [1.0])}):
        with pytest.raises(TypeError, match="names of the sweep"):
            sweep(lambda g, bad=bad: bad, {"g": [1.0]})
    with pytest.warns(SweepWarning, match=r"a has the dimensions \('k',\), at other points"):
        found = sweep(lambda g: {"a": ("k" if g > 1 else "m", [1.0])}, {"g": [1.0, 2.0]})
    assert found.failed.values.tolist() == [False, True]
    with pytest.raises(ArgumentError, match="numbers or texts"):
        sweep(lambda g: g, {"g": [1, "a"]})
    assert sweep(lambda g: (g, 2 * g), {"g": [1.0]}).value.values.tolist() == [[1.0, 2.0]]


KEY = """
from meanfield.common.identity import _bytecode, _Teller, identity
def f(g, *, words=frozenset("abcdefgh")):
    return g in {"one", "two", "three", "four"}, g in words
print(identity(f, {"names": {"x", "y", "z"}}, None))
"""


def test_points_are_found_again_by_another_process(tmp_path: Path) -> None:
    (tmp_path / "key.py").write_text(KEY)
    keys = {
        subprocess.run(
            [sys.executable, "key.py"], cwd=tmp_path, capture_output=True, text=True, check=True,
            env={**os.environ, "PYTHONHASHSEED": seed},
        ).stdout
        for seed in ("1", "2", "3")
    }  # fmt: skip
    assert len(keys) == 1


def test_attributes_of_any_kind_can_be_kept(tmp_path: Path) -> None:
    def told(g: float) -> xr.Dataset:
        return xr.Dataset({"q": g}, attrs={"n": np.int64(3), "ok": np.True_, "x": np.ones(2)})

    for _ in range(2):
        assert sweep(told, {"g": [1.0]}, store=tmp_path).attrs["n"] == 3


def test_a_function_without_source_needs_a_version(tmp_path: Path) -> None:
    space: dict[str, Any] = {}
    exec("def bare(g):\n    return g", space)
    with pytest.raises(ArgumentError, match="version="):
        sweep(space["bare"], {"g": [1.0]}, store=tmp_path)
    assert sweep(space["bare"], {"g": [1.0]}, store=tmp_path, version="1").value.item() == 1


def test_jobs_run_with_one_blas_thread_and_their_warnings() -> None:
    from threadpoolctl import threadpool_info

    def threads() -> list[int]:
        np.ones((2, 2)) @ np.ones((2, 2))
        return [one["num_threads"] for one in threadpool_info() if one["user_api"] == "blas"]

    for pool in (None, ThreadPoolExecutor(3)):
        found = dict(carry_out([threads] * 9, executor=pool))
        assert {count for one in found.values() for count in one.value} == {1}
    assert list(carry_out([], workers=2)) == []


def test_threads_hear_each_its_own_warnings() -> None:
    def warns(number: int) -> int:
        time.sleep(0.01 * (number % 3))
        warnings.warn(f"of {number}", StepSizeWarning, stacklevel=1)
        return number

    before = warnings.showwarning, warnings.filters[:]
    jobs = [partial(warns, number) for number in range(20)]
    for number, one in carry_out(jobs, executor=ThreadPoolExecutor(4)):
        assert one.value == number
        assert one.warnings == [(f"of {number}", StepSizeWarning)]
    assert (warnings.showwarning, warnings.filters) == before


def test_results_come_in_order_and_the_first_error_is_raised() -> None:
    def fails() -> int:
        raise ValueError("broken")

    for workers in (None, 2):
        jobs = [lambda k=k: k * k for k in range(9)]
        assert results(jobs, workers=workers) == [k * k for k in range(9)]
        with pytest.raises(ValueError, match="broken"):
            results([lambda: 1, fails, lambda: 2], workers=workers)


def test_a_function_that_exits_fails() -> None:
    for workers in (None, 2):
        with pytest.warns(SweepWarning, match=r"it called sys.exit\(3\)"):
            found = sweep(lambda g: sys.exit(3) if g == 1 else g, {"g": [0, 1]}, workers=workers)
        assert found.failed.values.tolist() == [False, True]


def test_a_lost_header_is_written_again(tmp_path: Path) -> None:
    run = partial(sweep, counted, {"g": [0.5, 1.0]}, store=tmp_path / "s", folder=str(tmp_path))
    first, path = run(), tmp_path / "s" / "points-all.jsonl"
    path.write_bytes(path.read_bytes().partition(b"\n")[2])
    assert run().equals(first)
    assert calls(tmp_path) == 2
    assert load(tmp_path / "s").equals(first)


def test_a_folder_that_is_left_or_lost_masks_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def leaves(g: float) -> float:
        os.chdir("/")
        raise RuntimeError("of the point")

    monkeypatch.chdir(tmp_path)
    with pytest.raises(RuntimeError, match="of the point"):
        sweep(leaves, {"g": [1.0]}, store="kept")
    assert not list(tmp_path.iterdir())


def test_children_that_were_forked_meanwhile_end_as_ever(capfd: pytest.CaptureFixture[str]) -> None:
    def forks(g: float) -> float:
        with multiprocessing.get_context("fork").Pool(1) as pool:
            return float(pool.apply(abs, (-g,)))

    with warnings.catch_warnings():
        # Newer Pythons warn of forks beside threads.
        warnings.simplefilter("ignore", DeprecationWarning)
        assert sweep(forks, {"g": [1.0, 2.0]}).value.values.tolist() == [1.0, 2.0]
    assert capfd.readouterr().err == ""


class _UnsendableError(Exception):
    def __init__(self, first: int, second: int) -> None:
        super().__init__("cannot be made again")


def _raise() -> None:
    raise _UnsendableError(1, 2)


def test_errors_that_cannot_travel_keep_their_text() -> None:
    found = [one for _, one in carry_out([_raise, _raise], workers=2)]
    assert [one.reason for one in found] == ["cannot be made again"] * 2


def test_no_progress_bar_in_a_pipe(capfd: pytest.CaptureFixture[str]) -> None:
    sweep(lambda g: g, {"g": [1.0, 2.0]}, progress=True)
    with bar(3, "points", True):
        pass
    assert capfd.readouterr().err == ""


def test_saved_attributes_come_back_with_their_types(tmp_path: Path) -> None:
    facts = {
        "a": True,
        "b": None,
        "c": [1, 2.5],
        "d": 2**70,
        "e": "text",
        "f": np.inf,
        "g": {"h": 1},
    }
    save(xr.Dataset({"x": 1.0}, attrs=facts), tmp_path / "a.nc")
    assert load(tmp_path / "a.nc").attrs == facts
    with xr.open_dataset(tmp_path / "a.nc", engine="scipy") as data:
        assert data.attrs["e"] == "text"
        assert (data.attrs["a"], data.attrs["c"].tolist()) == (1, [1, 2.5])
        assert "b" not in data.attrs
    with pytest.raises(OSError, match="absent"):
        load(tmp_path / "absent.nc")
