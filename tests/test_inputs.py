"""Public function × argument × bad value: a right result, or an error that names the argument.

The table is made from the signatures.  `python tests/test_inputs.py` runs all of it and prints the
counts; with names of functions it prints every cell of theirs that is wrong.
"""

from __future__ import annotations

import inspect
import os
import re
import resource
import signal
import sys
import tempfile
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
import pytest
import xarray as xr
from scipy import sparse

import derivations.command_line as algebra
import meanfield
import meanfield.command_line as theory
import simulate
import simulate.command_line as networks
from meanfield import ArgumentError, seeds
from meanfield.common import cost
from meanfield.common.result import CONVERGED, Result
from simulate import couplings

# Of texts of options, which run commands, in the slow suite.
SHARE_SLOW = 0.25
LIMIT, MEMORY = 20.0, 4 * 2**30
# Of the cells, in the quick suite; drawn by their names, the same on every machine.
SHARE = 0.04

J = couplings.elliptic(6, 1.2, seed=0)
X = np.random.default_rng(0).standard_normal((6, 3))
SIGNAL = np.random.default_rng(1).standard_normal((60, 3))
FEW: dict[str, Any] = {"n_trajectories": 128, "batches": 2, "seed": 0}
SHORT: dict[str, Any] = {"t_skip": 2.0, "t_max": 6.0, "dt": 0.2, **FEW}
PAIR = meanfield.Blocks([0.5, 0.5], np.ones((2, 2)))
ORDER = meanfield.OrderParameters(*np.full(6, 0.2))
RUN: dict[str, Any] = {"J": J, "dt": 0.1, "t_max": 14.0, "t_skip": 2.0, "seed": 0}
SETS: dict[str, Any] = {
    "f": 0.5, "alpha": 0.5, "mu_e": 1.0, "mu_i": -1.0, "sigma_e": 0.1, "sigma_i": 0.1,
}  # fmt: skip
MEANS = {name: SETS[name] for name in ("f", "alpha", "mu_e", "mu_i")}


def double(g: float) -> float:
    return 2 * g


STATE = meanfield.stationary(1.5, n_tau=301)
# A call of each public function that is right and short; the others are made of it.
CALLS: dict[Callable[..., Any], dict[str, Any]] = {
    meanfield.critical_gain: {"gamma": 0.0},
    meanfield.measure_transition_gain: {"gamma": 0.5},
    meanfield.null_response: {"g": 0.5, "gamma": 0.5},
    meanfield.null_fluctuation: {"g": 0.5, "gamma": 0.5},
    meanfield.null_margin: {"g": 0.5, "gamma": 0.5},
    meanfield.linear_temperature_ratio: {"g": 0.5, "gamma": 0.5},
    meanfield.square_root_amplitude: {"g": 0.75, "gamma": 0.5, "cubic": 0.6},
    meanfield.effective_temperature: {"g": 1.5},
    meanfield.saddle_point: {"g": 1.5, "gamma": 0.5},
    meanfield.complexity: {"g": 1.5, "gamma": 0.5},
    meanfield.fixed_point_spectrum: {"g": 1.5, "gamma": 0.5, "real": 0.0},
    meanfield.transition_lines: {"gamma": 0.5},
    meanfield.replica_map: {"order": ORDER, "g": 1.5, "beta": 2.0},
    meanfield.spin_glass_beta: {"g": 1.5, "gamma": 0.5},
    meanfield.phase_diagram: {"g": [1.5], "gamma": [0.5], "branch": "static"},
    meanfield.response_curve: {"g": [0.5], "gamma": [0.0]},
    meanfield.stationary: {"g": 1.5, "n_tau": 11, "order": 2001},
    meanfield.Blocks: {"fractions": [0.5, 0.5], "g": np.ones((2, 2))},
    meanfield.participation_ratio: {"g": 1.5},
    meanfield.common_mode: {"state": STATE, "mean_coupling": -0.5, "strength": 0.1},
    meanfield.explained_variance: {"correlation": [1.0, 0.5, 0.2, 0.1]},
    meanfield.two_time: {"g": 0.5, "t_max": 0.4, "dt": 0.1, "method": "sampler", **FEW},
    meanfield.steady_state: {"g": 0.5, "gamma": 0.5, "window": 2.0, **SHORT},
    meanfield.maximal_lyapunov: {"g": 0.5, **SHORT},
    meanfield.lyapunov_spectrum: {"g": 0.5},
    meanfield.freezing_curve: {
        "g": [1.5], "onsager": [1.0], "t_chaos": 1.0, "t_frozen": 1.0, "dt": 0.2, **FEW
    },
    meanfield.transfer_function: {"phi": "tanh"},
    meanfield.sweep: {"function": double, "axes": {"g": [1.0]}},
    meanfield.plan: {"function": double, "axes": {"g": [1.0]}},
    meanfield.Switching: {"times": [1.0], "values": [0.0, 1.0]},
    meanfield.SampledInput: {"times": [0.0, 1.0], "values": [0.0, 1.0]},
    meanfield.driven_stationary: {"g": 1.5, "amplitude": 2.0, "frequency": 1.0, "n_tau": 11},
    meanfield.critical_amplitude: {"g": 0.9, "frequency": 1.0},
    meanfield.GaussianOperator: {"n": 6, "g": 1.2, "seed": 0},
    meanfield.TransferFunction: {
        "name": "one", "phi": np.tanh, "d1": lambda x: 1 - np.tanh(x) ** 2,
        "d2": lambda x: -2 * np.tanh(x) * (1 - np.tanh(x) ** 2), "bound": 1.0,
    },
    meanfield.SiteModel: {"name": "one", "phi": np.tanh, "drift": lambda t, x, h, u: h - x},
    seeds.sequence: {"seed": 0, "stream": "start"},
    seeds.generator: {"seed": 0, "stream": "start"},
    seeds.entropy: {"seed": 0},
    seeds.member: {"seed": 0},
    seeds.point: {"seed": 0},
    simulate.force: {"x": X, "J": J},
    simulate.onsager_force: {"x": X, "J": J},
    simulate.kinetic_energy: {"x": X, "J": J},
    simulate.energy_gradient: {"x": X, "J": J},
    simulate.jacobian: {"x": X[:, 0], "J": J},
    simulate.jacobian_operator: {"x": X[:, 0], "J": J},
    simulate.divergence: {"x": X, "J": J},
    simulate.stiffness: {"x": X, "J": J},
    simulate.integrate: {"J": J, "x0": X, "t_max": 1.0, "dt": 0.1, "seed": 0},
    simulate.maximal_lyapunov: RUN,
    simulate.lyapunov_spectrum: {"k": 2, **RUN},
    simulate.find_fixed_points: {"J": J, "n_starts": 2, "seed": 0, "settle": 2.0, "relax": 2.0},
    simulate.kac_rice: {"n": 3, "g": 2.0, "gamma": 0.5, "n_samples": 20, "seed": 0},
    simulate.sample_boltzmann: {
        "J": J, "beta": 0.5, "n_samples": 20, "chains": 2, "warmup": 5, "leapfrog": 2, "seed": 0
    },
    simulate.freezing: {"x": X, "x_later": X},
    simulate.autocorrelation: {"x": SIGNAL, "max_lag": 3.0},
    simulate.activity_distribution: {"x": SIGNAL, "bins": 5},
    simulate.participation_ratio: {"J": J, "t_max": 90.0, "t_skip": 2.0, "dt": 0.1, "seed": 0},
    simulate.principal_components: {"x": SIGNAL, "k": 2},
    simulate.memory_function: {"X": SIGNAL, "z": SIGNAL[:, 0]},
    simulate.memory_curve: {
        "J": J, "tau": [0.5], "t_max": 30.0, "t_skip": 2.0, "gap": 1.0, "dt": 0.1, "seed": 0
    },
    simulate.small_signal_memory: {
        "J": J, "tau": [0.5], "g": 1.2, "temperature": 1.0, "correlation_time": 1.0
    },
    simulate.two_sines: {"t": [0.0, 1.0]},
    simulate.stimulus_targets: {"t": [1.0, 2.0], "tau": [0.5]},
    simulate.state_at: {"trajectory": None, "t": 1.0},
    simulate.Trajectory.resume: {"self": None, "t_max": 2.0},
    simulate.runge_kutta: {"name": "one", "A": [], "b": [1.0], "order": 1},
    simulate.validate: {"rows": ["identities*"]},
    couplings.elliptic: {"n": 6, "g": 1.2, "seed": 0},
    couplings.blocks: {"n": 6, "blocks": PAIR, "seed": 0},
    couplings.lazy: {"n": 6, "g": 1.2, "seed": 0},
    couplings.low_rank: {"m": X[:, 0], "n_vectors": X[:, 1], "J": J},
    couplings.with_gain: {"J": J, "gain": X[:, 0]},
    couplings.dale: {"n": 6, "seed": 0, **SETS},
    couplings.dale_mean: {"n": 6, **MEANS},
    couplings.dale_radius: SETS,
    couplings.column_means: {"J": J},
    couplings.dale_outlier: {"n": 6, **MEANS},
}  # fmt: skip
# Each is a program of its own, or opens what the others write.
ELSEWHERE = {meanfield.load, meanfield.unlimited, simulate.reproduce}
# Results are made by solvers, and messages by what they tell of.
MADE = (Result, Exception, couplings.ColumnMeans)
# Takes anything: a coordinate, something to be shown or run on, keywords of the function itself.
FREE = {"self", "trajectory", "executor", "key", "place", "fixed", "how", "label", "version"}
# nan is an answer of theirs, as the documentation says.
MAY_BE_NONE = {meanfield.square_root_amplitude, meanfield.replica_map}

VALUES: dict[str, Callable[[], Any]] = {
    "nan": lambda: np.nan,
    "inf": lambda: np.inf,
    "-inf": lambda: -np.inf,
    "negative": lambda: -1,
    "negative float": lambda: -0.5,
    "zero": lambda: 0,
    "one": lambda: 1,
    "half": lambda: 0.5,
    "huge": lambda: 1e300,
    "very large": lambda: 1e155,
    "large": lambda: 1e9,
    "tiny": lambda: 5e-324,
    "very small": lambda: 1e-160,
    "small": lambda: 1e-9,
    "large integer": lambda: 10**9,
    "huge integer": lambda: 10**30,
    "complex": lambda: 1j,
    "text": lambda: "1",
    "word": lambda: "unknown",
    "empty text": lambda: "",
    "bytes": lambda: b"1",
    "bool": lambda: True,
    "None": lambda: None,
    "empty": lambda: [],
    "date": lambda: datetime(2020, 1, 1),
    "dates": lambda: np.array(["2020-01-01"], "M8[D]"),
    "masked": lambda: np.ma.masked_array([0.5, 0.6], [False, True]),
    "three axes": lambda: np.ones((2, 3, 4)),
    "matrix": lambda: np.ones((2, 3)),
    "object": object,
    "mapping": lambda: {"a": 1.0},
    "set": lambda: {1.0},
    "type": lambda: int,
    "function": lambda: lambda *given: given[0] if given else None,
    "raising": lambda: _raises,
    "generator": lambda: (k for k in range(3)),
    "seed sequence": lambda: np.random.SeedSequence(1),
    "random generator": lambda: np.random.default_rng(1),
    "list with nan": lambda: [0.5, np.nan],
    "list with None": lambda: [0.5, None],
    "list with text": lambda: [0.5, "1"],
    "ragged": lambda: [[0.5], [0.5, 0.6]],
    "booleans": lambda: np.array([True, False]),
    "complex array": lambda: np.array([0.5, 0.6j]),
    "text array": lambda: np.array(["a", "b"]),
    "single precision": lambda: np.float32(0.5),
    "sparse": lambda: sparse.csr_array(np.eye(6)),
}
# What the annotation of an argument must have for a value of this type to be right.
TYPES = {
    "complex": "complex", "text": "str|Path", "word": "str|Path", "empty text": "str|Path",
    "bytes": "bytes", "bool": "bool", "None": "None", "date": "date", "dates": "date",
    "masked": "never", "object": "object", "mapping": "Mapping", "set": "never",
    "type": "DType|Callable", "function": "Callable|Schedule|Stimulus", "raising": "never",
    "generator": "Iterable", "seed sequence": "Seed", "random generator": "Seed",
    "list with nan": "never", "list with None": "never",
    "list with text": "never", "ragged": "never", "booleans": "never", "complex array": "never",
    "text array": "never", "sparse": "J",
}  # fmt: skip
WRONG = ("raw", "unnamed", "other", "nan", "accepted", "hang", "leak")


def _raises(*given: Any) -> Any:
    raise RuntimeError("no")


class Hang(BaseException):
    """A cell took longer than the limit."""


def cells() -> list[tuple[Callable[..., Any], str, str]]:
    """Every function with every argument and the name of every value."""
    return [
        (function, name, value)
        for function in CALLS
        for name, one in inspect.signature(function).parameters.items()
        if name not in FREE and one.kind not in (one.VAR_KEYWORD, one.VAR_POSITIONAL)
        for value in VALUES
    ]


@cache
def trajectory() -> Any:
    return simulate.integrate(J, X, t_max=1.0, dt=0.1, seed=0)


def given(function: Callable[..., Any]) -> dict[str, Any]:
    """The arguments of its right call."""
    call = dict(CALLS[function])
    for name in {"self", "trajectory"} & set(call):
        call[name] = trajectory()
    return call


@contextmanager
def limited() -> Iterator[None]:
    """Stop what runs for longer or takes more memory than the limits."""

    def stop(*_: Any) -> None:
        raise Hang

    before = signal.signal(signal.SIGALRM, stop)
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + MEMORY, hard))
    # What takes long is to be refused by its estimate here.
    patience, cost.LONGEST = cost.LONGEST, LIMIT / 10
    signal.setitimer(signal.ITIMER_REAL, LIMIT)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        cost.LONGEST = patience
        signal.signal(signal.SIGALRM, before)
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def run(function: Callable[..., Any], call: dict[str, Any]) -> Any:
    spelled = inspect.signature(function).parameters
    first = [call.pop(n) for n, p in spelled.items() if n in call and p.kind is p.POSITIONAL_ONLY]
    return function(*first, **call)


def verdict(function: Callable[..., Any], name: str, label: str) -> tuple[str, str]:
    """What became of a cell, and the words of it."""
    call = {**given(function), name: VALUES[label]()}
    kinds = str(inspect.signature(function).parameters[name].annotation)
    try:
        with limited(), warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            with tempfile.TemporaryDirectory() as folder, _inside(folder):
                found = run(function, call)
    except Hang:
        return "hang", ""
    except ArgumentError as error:
        text = str(error)
        if re.search(rf"(?<![\w.]){name}\b", text):
            return "refused", text
        others = set(inspect.signature(function).parameters) - {name}
        start = re.match(r"[\w.]+", text)
        return ("other" if start and start[0] in others else "unnamed"), text
    except Exception as error:
        own = type(error).__module__.startswith(("meanfield", "simulate"))
        return ("flagged" if own else "raw"), f"{type(error).__name__}: {error}"
    leaks = [w for w in told if issubclass(w.category, RuntimeWarning) and _foreign(w.category)]
    if leaks:
        return "leak", str(leaks[0].message)
    wanted = TYPES.get(label)
    if wanted and not re.search(wanted, kinds if wanted != "J" else name):
        default = inspect.signature(function).parameters[name].default
        if not (label == "None" and default is None):
            return "accepted", f"{kinds}: {found!r:.100}"
    if _has_nan(found) and not told and function not in MAY_BE_NONE:
        return "nan", f"{found!r:.200}"
    return "right", ""


def _foreign(kind: type[Warning]) -> bool:
    return not kind.__module__.startswith(("meanfield", "simulate"))


@contextmanager
def _inside(folder: str) -> Iterator[None]:
    here = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(here)


def _has_nan(found: Any) -> bool:
    """Whether it has numbers that are none, and does not say so."""
    if isinstance(found, Result):
        if any(one != CONVERGED for one in np.ravel(found.status)):
            return False
        return _any(found)
    try:
        array = np.asarray(found)
    except Exception:
        return False
    return bool(array.dtype.kind == "f" and np.any(np.isnan(array)))


def _any(found: Result) -> bool:
    # The first number of a result is its main one; others may have none by definition.
    variables, _, _ = found.parts()
    for _, (_, array, *_rest) in variables.items():
        array = np.asarray(array)
        if array.dtype.kind == "f":
            return bool(np.any(np.isnan(array)))
    return False


def named(function: Callable[..., Any]) -> str:
    return f"{function.__module__}.{function.__qualname__}"


def public() -> set[Callable[..., Any]]:
    found = {getattr(p, n) for p in (meanfield, simulate) for n in p.__all__}
    for module in (couplings, seeds):
        own = [one for n, one in vars(module).items() if not n.startswith("_")]
        found |= {one for one in own if getattr(one, "__module__", "") == module.__name__}
    made = {one for one in found if inspect.isclass(one) and issubclass(one, (*MADE, tuple))}
    return {one for one in found - made - {simulate.Scheme} if callable(one)}


def test_every_public_function_has_its_rows() -> None:
    assert public() - ELSEWHERE == set(CALLS) - {simulate.Trajectory.resume}


def _bad(chosen: list[tuple[Callable[..., Any], str, str]]) -> list[str]:
    found = [(cell, *verdict(*cell)) for cell in chosen]
    return [
        f"{named(f)}({name}: {label}): {kind}: {text}"
        for (f, name, label), kind, text in found
        if kind in WRONG
    ]


@pytest.mark.parametrize("function", CALLS, ids=named)
def test_a_share_of_the_table(function: Callable[..., Any]) -> None:
    own = [cell for cell in cells() if cell[0] is function]
    draws = {cell: crc32(f"{named(function)}({cell[1]}: {cell[2]})".encode()) for cell in own}
    assert not _bad([cell for cell in own if draws[cell] < SHARE * 2**32])


def numbers(found: Any) -> list[Any]:
    """All numbers of what a function gives, an operator's by what it does."""
    if isinstance(found, Result):
        return [one.values for one in found.to_dataset().variables.values()]
    if isinstance(found, xr.Dataset):
        return [one.values for one in found.variables.values()]
    if isinstance(found, meanfield.GaussianOperator):
        return [found @ np.arange(6.0)]
    if isinstance(found, np.random.SeedSequence):
        return [found.generate_state(4)]
    if isinstance(found, np.random.Generator):
        return [found.random(4)]
    return [found.toarray() if sparse.issparse(found) else found]


def kept(found: Any) -> Any:
    """The seed that a result tells."""
    return found.attributes["seed"] if isinstance(found, Result) else found.attrs["seed"]


def drawing(g: float, seed: int) -> float:
    return g + float(np.random.default_rng(seed).random())


SEEDED = [one for one in CALLS if "seed" in inspect.signature(one).parameters]
# Of these calls the seed chooses the states; a deterministic one tells it, and its numbers stay.
DRAWN: dict[Callable[..., Any], dict[str, Any]] = {
    meanfield.lyapunov_spectrum: {"g": 3.0, "window": 16.0, "n_paths": 64},
    meanfield.steady_state: {"g": 1.5},
    meanfield.sweep: {"function": drawing, "axes": {"g": [1.0]}},
    meanfield.response_curve: {"g": [1.5], "gamma": [0.5], "window": 2.0, **SHORT},
    simulate.integrate: {"temperature": 0.5},
    simulate.validate: {},
}


@pytest.mark.parametrize("function", SEEDED, ids=named)
def test_seeds_of_every_kind(function: Callable[..., Any]) -> None:
    """A SeedSequence stays as it is, a Generator moves on, and the seed that is kept repeats."""
    call = given(function) | DRAWN.get(function, {})
    call.pop("seed", None)

    def ask(seed: Any) -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return run(function, {**call, "seed": seed})

    def same(one: Any, other: Any) -> bool:
        pairs = zip(numbers(one), numbers(other), strict=True)
        return all(np.array_equal(a, b, equal_nan=a.dtype.kind in "fc") for a, b in
                   ((np.asarray(a), np.asarray(b)) for a, b in pairs))  # fmt: skip

    child = np.random.SeedSequence(1).spawn(1)[0]
    rng = np.random.default_rng(3)
    first, again, moved, further = map(ask, (child, child, rng, rng))
    assert child.n_children_spawned == 0
    assert same(first, again)
    assert same(ask(np.random.SeedSequence(5)), ask(5))
    assert not same(moved, further)
    assert not same(first, moved)
    if isinstance(moved, Result | xr.Dataset):
        assert same(ask(kept(moved)), moved)
        assert same(ask(kept(first)), first)


@pytest.mark.slow
@pytest.mark.parametrize("function", CALLS, ids=named)
def test_the_table(function: Callable[..., Any]) -> None:
    assert not _bad([cell for cell in cells() if cell[0] is function])


# Command lines that are right and short; options of theirs are added with bad texts.
COMMANDS: dict[str, list[str]] = {
    "meanfield solve": ["--g", "1.5"],
    "meanfield sweep": ["--g", "0.5,1.5", "--gamma", "0"],
    "meanfield dmft": [
        "--g", "0.5", "--gamma", "0.5", "--t-max", "1", "--dt", "0.1", "--trajectories", "128",
        "--batches", "2",
    ],
    "meanfield freezing": [
        "--g", "1.5", "--onsager", "1", "--t-chaos", "1", "--t-frozen", "1", "--trajectories",
        "128", "--batches", "2",
    ],
    "meanfield lyapunov": [
        "--g", "0.5", "--t-skip", "2", "--t-max", "6", "--trajectories", "128", "--batches", "2",
    ],
    "meanfield response-curve": [
        "--g", "0.5", "--gamma", "0.5", "--t-skip", "2", "--t-max", "6", "--window", "2",
        "--trajectories", "128", "--batches", "2",
    ],
    "simulate run": ["--n", "20", "--t-max", "2"],
    "simulate lyapunov": [
        "--n", "20", "--g", "0.5", "--t-max", "14", "--t-skip", "2", "--trials", "1",
    ],
    "simulate fixed-points": ["--n", "10", "--starts", "2"],
    "simulate sample": ["--n", "10", "--samples", "50", "--trials", "1", "--beta", "1,2"],
    "simulate memory": ["--n", "10", "--t-max", "200", "--gap", "2", "--g", "0.5"],
    "simulate validate": ["--rows", "identities"],
    "derivations": ["--list"],
}  # fmt: skip
TEXTS = (
    "nan", "inf", "-1", "0", "1e300", "1e-300", "1000000000", "1" + 30 * "0", "1j", "word", "",
    "1,1", "2:1:3", "0:1:1000000000", "0,1@x", "γ",
)  # fmt: skip
# Those of every study are tried with one.
COMMON = {"seed", "workers", "output", "ending", "preset", "variants"}
PACKAGES = {"meanfield": theory, "simulate": networks, "derivations": algebra}


def options() -> list[tuple[str, str, str]]:
    """Every command with every option that takes a value and the texts for it."""
    found = []
    for command in COMMANDS:
        package, _, name = command.partition(" ")
        group = PACKAGES[package].cli
        one = group.get_command(None, name) if name else group
        for option in one.params:
            tried = option.name not in COMMON or name == "run"
            if tried and not option.is_flag and option.name != "executor":
                found += [(command, option.opts[0], text) for text in TEXTS]
    return found


def told(command: str, option: str, text: str, capture: pytest.CaptureFixture[str]) -> str:
    """What is wrong with what a command says of a bad text, if anything is."""
    package, _, name = command.partition(" ")
    one = ["--workers", "1"] * (name not in ("", "solve"))
    with limited(), tempfile.TemporaryDirectory() as folder, _inside(folder):
        try:
            code = PACKAGES[package].main(
                [*name.split(), *COMMANDS[command], *one, f"{option}={text}"]
            )
        except BaseException as error:
            return f"raised {type(error).__name__}: {error}"
        # Points that were done before are kept.
        found = [path for path in Path(folder).rglob("*") if path.is_file()]
        left = [path.name for path in found if "points" not in path.parts]
    said = capture.readouterr().err
    lines = [line for line in said.splitlines() if line.startswith("error: ")]
    if code == 0 or (code == 1 and "warning: " in said):
        return ""
    if len(lines) != 1 or "Traceback" in said:
        return f"exit code {code}, said {said!r}"
    if code == 2:
        spelled = option.lstrip("-").replace("-", "_")
        names = {option, spelled, "n_" + spelled, spelled + "_"}
        # What is too much of is told by one of the arguments that make it so.
        if cost.VARIABLE not in lines[0] and not any(
            re.search(rf"(?<![\w.]){re.escape(one)}\b", lines[0]) for one in names
        ):
            return f"names no option: {lines[0]!r}"
        if left:
            return f"left {left}"
    return ""


@pytest.mark.parametrize("share", [SHARE, pytest.param(SHARE_SLOW, marks=pytest.mark.slow)])
@pytest.mark.parametrize("command", COMMANDS)
def test_a_share_of_the_options(
    command: str, share: float, capsys: pytest.CaptureFixture[str]
) -> None:
    own = [cell for cell in options() if cell[0] == command]
    chosen = [cell for cell in own if crc32(" ".join(cell).encode()) < share * 2**32]
    wrong = {cell[1:]: text for cell in chosen if (text := told(*cell, capsys))}
    assert not wrong, "\n".join(f"{cell}: {text}" for cell, text in wrong.items())


if __name__ == "__main__":
    only = sys.argv[1:]
    counts: Counter[str] = Counter()
    for function, argument, label in cells():
        if not only or any(word in named(function) for word in only):
            kind, text = verdict(function, argument, label)
            counts[kind] += 1
            if kind in WRONG:
                cell = f"{named(function)}({argument}: {label})"
                print(f"{cell}: {kind}: {text:.200}", flush=True)
    print(dict(counts), sum(counts.values()))
