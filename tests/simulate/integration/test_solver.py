"""The call itself: batches, storage, saving, precision, seeds, bad arguments."""

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.linalg import expm
from scipy.sparse import csr_array
from scipy.sparse.linalg import LinearOperator, aslinearoperator

from meanfield import ArgumentError, load, unlimited
from meanfield.common import cost, seeds
from simulate import (
    IntegrationError,
    StepSizeWarning,
    Switching,
    couplings,
    energy_gradient,
    integrate,
    jacobian,
    kinetic_energy,
)
from simulate.integration.schemes import SCHEMES
from simulate.integration.solver import chosen_scheme
from simulate.network import Network

METHODS = (
    "euler", "heun", "rk4", "exponential", "exponential4", "chebyshev", "leimkuhler-matthews",
)  # fmt: skip


SMOOTH = Network(np.eye(1))


def start(n: int, batch: int | None = None, seed: int = 3) -> Any:
    return np.random.default_rng(seed).standard_normal((n,) if batch is None else (n, batch))


def test_an_operator_may_answer_with_a_view() -> None:
    flip = LinearOperator(
        (6, 6), matvec=lambda v: v[::-1], rmatvec=lambda v: v[::-1], dtype=np.float64
    )
    matrix, x = np.eye(6)[::-1].copy(), start(6)
    np.testing.assert_allclose(energy_gradient(x, flip), energy_gradient(x, matrix), atol=1e-14)


def test_noise_does_not_depend_on_the_batch() -> None:
    J, x0 = couplings.elliptic(20, 1.5, seed=7), start(20, 3)
    arguments: dict[str, Any] = {"t_max": 2, "dt": 0.05, "temperature": 0.3, "onsager": 1.0}
    whole = integrate(J, x0, seed=1, **arguments)
    np.testing.assert_array_equal(whole.x_end, integrate(J, x0, seed=1, **arguments).x_end)
    assert not np.allclose(whole.x_end, integrate(J, x0, seed=2, **arguments).x_end)
    fewer = integrate(J, x0[:, :2], seed=1, **arguments)
    np.testing.assert_allclose(whole.x_end[:, :2], fewer.x_end, rtol=1e-9, atol=1e-10)
    one = integrate(J, x0[:, 0], seed=1, **arguments)
    np.testing.assert_allclose(whole.x_end[:, 0], one.x_end, rtol=1e-9, atol=1e-10)
    # A seed that was not given can be read back.
    free = integrate(J, x0, **arguments)
    again = integrate(J, x0, seed=free.attributes["seed"], **arguments)
    np.testing.assert_array_equal(free.x_end, again.x_end)
    # Without noise there is none.
    assert integrate(J, x0, t_max=1, dt=0.1).attributes["seed"] is None


@pytest.mark.parametrize("method", METHODS)
def test_batch_is_a_loop_and_storage_does_not_matter(method: str) -> None:
    J, x0 = couplings.elliptic(15, 1.5, 0.2, seed=8), start(15, 3)
    arguments: dict[str, Any] = {
        "t_max": 1, "dt": 0.05, "method": method, "onsager": 0.5, "tol": None
    }  # fmt: skip
    whole = integrate(J, x0, **arguments)
    for column in range(3):
        one = integrate(J, x0[:, column], **arguments)
        if method != "chebyshev":  # whose stages follow the stiffest column
            np.testing.assert_allclose(one.x_end, whole.x_end[:, column], atol=1e-10)
    for other in (csr_array(J), aslinearoperator(J)):
        np.testing.assert_allclose(integrate(other, x0, **arguments).x_end, whole.x_end, atol=1e-10)


def test_noise_that_sets_in_later_is_not_interpolated() -> None:
    arguments: dict[str, Any] = {"t_max": 8, "dt": 1.0, "method": "euler", "seed": 1}
    with pytest.raises(ValueError, match=r"save_at=5.5: a noisy run"):
        integrate(
            np.zeros((2, 2)), np.zeros(2), temperature=lambda t: 1.0 * (t > 0.5), save_at=[5.5],
            **arguments,
        )  # fmt: skip
    quiet = integrate(
        np.zeros((2, 2)), np.zeros(2), temperature=lambda t: 1.0 * (t > 6.5), save_at=[5.5],
        **arguments,
    )  # fmt: skip
    assert quiet.t.tolist() == [5.5]


def test_what_is_saved() -> None:
    J, x0 = couplings.elliptic(10, 1.5, seed=9), start(10, 2)
    run = integrate(
        J,
        x0,
        t_max=2,
        dt=0.01,
        save_at=[0, 0.555, 1.2345, 2],
        observables={"q": lambda t, x, f: np.mean(np.tanh(x) ** 2, axis=0)},
    )
    fine = integrate(J, x0, t_max=2, dt=0.0005, save_at=[0, 0.555, 1.2345, 2], method="rk4")
    assert run.x.shape == (4, 10, 2)
    np.testing.assert_array_equal(run.x[0], x0)
    np.testing.assert_array_equal(run.x[-1], run.x_end)
    np.testing.assert_allclose(run.x, fine.x, atol=1e-4)
    for k in range(4):
        np.testing.assert_allclose(run.energy[k], kinetic_energy(run.x[k], J) / 10)
    np.testing.assert_allclose(run.observables["q"], np.mean(np.tanh(run.x) ** 2, axis=1))
    lean = integrate(J, x0, t_max=2, dt=0.01, save_at=5, store_states=False)
    assert lean.x is None
    np.testing.assert_allclose(lean.t, [0, 0.5, 1, 1.5, 2])
    data = run.to_dataset()
    assert data.x.dims == ("t", "neuron", "column")
    assert data.attrs["method"] == "exponential"
    assert data.attrs["status"] == "converged"
    assert float(data.energy[-1, 1]) == run.energy[-1, 1]
    assert data.q.dims == ("t", "q_0")
    assert data.attrs["phi"] == "tanh"
    assert data.attrs["call"].startswith("simulate.integrate(<float64 array (10, 10)>, ")
    data.to_netcdf(engine="scipy")
    assert repr(run) == "Trajectory(method=exponential, t: 4, x: 4×10×2, converged)"
    np.testing.assert_array_equal(run.plot().get_lines()[1].get_ydata(), run.energy[:, 1])
    copy = pickle.loads(pickle.dumps(run))
    np.testing.assert_array_equal(copy.x, run.x)
    assert copy.phi is run.phi


def test_single_precision() -> None:
    J, x0 = couplings.elliptic(50, 1.5, seed=10), start(50, 2)
    for method in METHODS:
        single, double = (
            integrate(J, x0, t_max=1, dt=0.02, onsager=1.0, method=method, dtype=dtype)
            for dtype in (np.float32, np.float64)
        )
        assert single.x_end.dtype == np.float32
        assert single.status == "converged"
        np.testing.assert_allclose(single.x_end, double.x_end, atol=2e-4)


def test_threads_do_not_change_results() -> None:
    J, x0 = couplings.elliptic(50, 1.5, seed=11), start(50)
    runs = [integrate(J, x0, t_max=2, dt=0.05, threads=threads).x_end for threads in (1, 2)]
    np.testing.assert_allclose(*runs, rtol=1e-10)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"t_max": 0}, "t_max=0"),
        ({"dt": -0.1}, "dt=-0.1"),
        ({"dt": np.nan}, "dt=nan"),
        ({"method": "implicit"}, "method='implicit': expected one of auto, euler"),
        ({"method": "rk4", "temperature": 0.1}, "no noise in this scheme, use one of euler, heun"),
        ({"temperature": -1.0}, "temperature=-1"),
        ({"tol": 0.0}, "tol=0"),
        ({"eta": -1.0}, "eta=-1"),
        ({"onsager": lambda t: np.nan}, r"onsager\(t=0\)=nan"),
        ({"save_at": [0.5, 0.4]}, "save_at: the axis must be strictly increasing"),
        ({"save_at": [0.5, 3]}, "save_at=3: must lie in"),
        ({"save_at": 1}, "save_at=1"),
        ({"save_at": [0.15], "temperature": 1.0}, "save_at=0.15: a noisy run"),
        ({"inputs": lambda t: np.nan}, r"inputs\(t=0\): must be finite"),
        ({"inputs": "1"}, "inputs='1': must be real"),
        ({"seed": -1}, "seed=-1"),
        ({"observables": {"energy": lambda t, x, f: 0}}, r"observables\['energy'\]"),
        ({"inputs": lambda t: np.zeros(3)}, r"inputs\(t=0\) of shape \(3,\)"),
        ({"dtype": int}, "dtype"),
        ({"switch_times": [np.nan]}, "switch_times=nan"),
    ],
)
def test_bad_arguments(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        integrate(np.zeros((2, 2)), np.zeros(2), **{"t_max": 1.0, "dt": 0.1, **arguments})


def test_bad_couplings_and_switching() -> None:
    with pytest.raises(ValueError, match="J: must be finite"):
        integrate(np.full((2, 2), np.nan), np.zeros(2), t_max=1, dt=0.1)
    with pytest.raises(ValueError, match=r"times=\[2.0, 1.0\]: must increase"):
        Switching([2, 1], [0, 1, 0])
    with pytest.raises(ValueError, match="values of length 1: expected 2"):
        Switching([2], [0])
    with pytest.raises(ValueError, match="times=2: must be a list, each entry a real number"):
        Switching(2, [0, 1])  # type: ignore[arg-type]


def wave(t: float) -> float:
    return float(np.sin(3 * t))


def held(t: float) -> float:
    """A jump at every whole time, of which the solver is not told."""
    return float(np.floor(t) % 3)


DRIVEN: dict[str, dict[str, Any]] = {
    "vanilla": {},
    "constant": {"onsager": 0.5},
    "switched": {"onsager": Switching([3, 7, 11], [0, 1, 0, 1])},
    "function": {"onsager": lambda t: 0.5 + 0.3 * wave(t)},
    "wave": {"inputs": wave},
    "held": {"inputs": held},
    "noise": {"onsager": 1.0, "temperature": 0.2},
    "noise-switched": {"onsager": 0.5, "temperature": Switching([7], [0.2, 0.4])},
    "noise-function": {"temperature": lambda t: 0.1 + 0.1 * wave(t) ** 2},
}


# Within a segment, on a switch time, on a whole time; the step is too long for one method.
@pytest.mark.filterwarnings("ignore:dt = 0.0625:simulate.StepSizeWarning")
@pytest.mark.parametrize("stop", [4.0, 7.0])
@pytest.mark.parametrize(
    ("method", "how"),
    [(m, h) for m in METHODS for h in DRIVEN if "noise" not in h or SCHEMES[m].takes_noise],
)
def test_resumed_run_is_one_that_never_stopped(method: str, how: str, stop: float) -> None:
    """To the last bit, for fixed and for adaptive steps; twice the same; and in two parts."""
    J, x0 = couplings.elliptic(10, 1.5, 0.2, seed=8), start(10, 2)
    options: dict[str, Any] = {"dt": 0.0625, "method": method, "seed": 5, **DRIVEN[how]}
    for tol in (None, 1e-4) if method == "chebyshev" else (None,):
        whole = integrate(J, x0, t_max=12, save_at=[stop, 9, 12], tol=tol, **options)
        first = integrate(J, x0, t_max=stop, tol=tol, **options)
        for _ in range(2):
            rest = first.resume(t_max=12, save_at=[stop, 9, 12])
            np.testing.assert_array_equal(rest.x, whole.x)
            np.testing.assert_array_equal(rest.energy, whole.energy)
            np.testing.assert_array_equal(rest.t, whole.t)
        # A save time ends an adaptive step as a stop does.
        parts = first.resume(t_max=9).resume(t_max=12)
        np.testing.assert_array_equal(parts.x_end, whole.x_end)
    assert first.n_steps + rest.n_steps == whole.n_steps


def test_resumed_run_between_the_steps() -> None:
    """A stop that the grid of the longer run does not have begins a segment, as a switch time."""
    J, x0 = couplings.elliptic(10, 1.5, 0.2, seed=8), start(10)
    options: dict[str, Any] = {"dt": 0.1, "seed": 5, "temperature": 0.2}
    rest = integrate(J, x0, t_max=1.03, **options).resume(t_max=2)
    whole = integrate(J, x0, t_max=2, switch_times=[1.03], **options)
    np.testing.assert_array_equal(rest.x_end, whole.x_end)
    assert rest.t.tolist() == [1.03, 2]
    assert rest.attributes["call"].endswith(".resume(t_max=2)")


def test_resume_refuses() -> None:
    J, x0 = couplings.elliptic(10, 1.5, seed=8), start(10)
    run = integrate(J, x0, t_max=1, dt=0.1, temperature=0.1, seed=1)
    with pytest.raises(ArgumentError, match="t_max=1: must be after the end of the run, t = 1"):
        run.resume(t_max=1)
    with pytest.raises(ArgumentError, match=r"save_at=0\.5: must lie in \[1, t_max=2\]"):
        run.resume(t_max=2, save_at=[0.5, 2])
    with pytest.raises(ArgumentError, match="known at its steps only"):
        run.resume(t_max=2, save_at=[1.55])
    with pytest.raises(ArgumentError, match="resume: this run holds nothing to go on with"):
        pickle.loads(pickle.dumps(run)).resume(t_max=2)
    with pytest.warns(StepSizeWarning):
        broken = integrate(
            np.zeros((2, 2)), [1e140, 1.0], t_max=1e3, dt=2.5, method="euler", throw=False
        )
    with pytest.raises(ArgumentError, match="it broke off"):
        broken.resume(t_max=2e3)


def test_repeated_noise_is_told() -> None:
    """By hand, from the end and with the same seed: the noise of the first run once more."""
    J, x0 = couplings.elliptic(10, 1.5, seed=8), start(10)
    options: dict[str, Any] = {"t_max": 1, "dt": 0.1, "temperature": 0.1}
    first = integrate(J, x0, seed=1, **options)
    with pytest.warns(RuntimeWarning, match="seed=1: x0 is the end of a run with this seed"):
        again = integrate(J, first.x_end, seed=1, **options)
    assert again.status == "flagged"
    assert again.resume(t_max=2).status == "flagged"
    assert integrate(J, first.x_end, seed=2, **options).converged
    assert integrate(J, first.x_end, t_max=1, dt=0.1, seed=1).converged


def test_a_run_without_a_finite_energy_is_no_success() -> None:
    arguments: dict[str, Any] = {"t_max": 1, "dt": 0.1}
    with pytest.raises(ArgumentError, match=r"^J: must be finite, and so must be the sum"):
        integrate(np.full((6, 6), 1e300), start(6), **arguments)
    with pytest.raises(IntegrationError, match="E is not finite at t = 0: J or x0 is too large"):
        integrate(np.eye(6), 1e200 * start(6), **arguments)
    with pytest.raises(IntegrationError, match=r"E is not finite at t = 1: shorten dt"):
        integrate(1e4 * np.eye(2), [1e148, 0.0], phi="linear", method="euler", **arguments)
    run = integrate(np.eye(6), 1e200 * start(6), throw=False, **arguments)
    assert run.status == "flagged"
    assert run.t.size == 0


def test_an_observable_that_is_not_finite_flags_the_run() -> None:
    run = integrate(
        np.eye(3), start(3), t_max=1, dt=0.1, save_at=[0, 0.5, 1],
        observables={"good": lambda t, x, f: t, "bad": lambda t, x, f: np.nan if t == 0.5 else t},
    )  # fmt: skip
    assert run.status == "flagged"
    assert run.reason == "observables['bad'] is not finite at t = 0.5"
    assert run.observables["good"].tolist() == [0, 0.5, 1]


def test_noise_that_was_not_drawn_is_not_repeated() -> None:
    """T switches on after the end: the same run twice is no repetition of noise."""
    J, x0 = couplings.elliptic(10, 1.5, seed=8), np.zeros(10)
    for _ in range(2):
        run = integrate(J, x0, t_max=1, dt=0.1, temperature=Switching([5], [0, 0.1]), seed=4)
        assert run.converged


def test_an_end_within_rounding_is_no_later_time() -> None:
    run = integrate(np.zeros((2, 2)), [1.0, 2.0], t_max=2, dt=0.1)
    with pytest.raises(ArgumentError, match="must be after the end of the run"):
        run.resume(t_max=2.000000001)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("t_max", {"t_max": 1e9}),
        ("t_max", {"t_max": 1.0, "dt": 1e-12}),
        ("t_max", {"t_max": 1e14, "onsager": 1.0}),
        ("t_max", {"t_max": 1e9, "onsager": 1.0, "tol": None}),
        ("t_max", {"t_max": 1e9, "temperature": 0.1, "seed": 0}),
        ("save_at", {"t_max": 1.0, "save_at": 10**10}),
    ],
)
def test_what_takes_days_or_does_not_fit_is_refused(name: str, options: dict[str, Any]) -> None:
    with pytest.raises(ArgumentError, match=rf"^{name}=.*(would run for about|needs) .*=off"):
        integrate(np.eye(3), start(3), **{"dt": 0.1, **options})
    run = integrate(np.eye(3), start(3), t_max=1.0, dt=0.1)
    if set(options) <= {"t_max", "save_at"} and options["t_max"] > 1:
        with pytest.raises(ArgumentError, match=f"^{name}="):
            run.resume(**options)


def test_refused_lengths_run_where_limits_are_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cost, "LONGEST", 1e-6)
    with pytest.raises(ArgumentError, match=r"^t_max=1\.0: would run for about"):
        integrate(np.eye(3), start(3), t_max=1.0, dt=0.1)
    with unlimited():
        assert integrate(np.eye(3), start(3), t_max=1.0, dt=0.1).converged


def test_couplings_that_would_reveal_more_than_memory_are_refused() -> None:
    J = couplings.lazy(10**6, 1.5, 0.5, seed=0)
    with pytest.raises(ArgumentError, match=r"^t_max=1000\.0: needs .* of memory"):
        integrate(J, np.zeros(10**6), t_max=1000.0, dt=0.1)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        (r"inputs\(t=0\.\d+\): raised", {"inputs": lambda t: 1 / (not 0.55 < t < 0.65)}),
        (r"inputs\(t=0\.6\) of shape", {"inputs": lambda t: np.ones(5) if t > 0.55 else 0.0}),
        (r"onsager\(t=0\..*\): raised", {"onsager": lambda t: 1.0 / (not 0.4 < t < 0.6)}),
        (r"observables\['a'\]: raised", {"observables": {"a": lambda t, x, f: 1 / 0}}),
        (r"observables.* of .* one shape", {"observables": {"a": lambda t, x, f: x[: int(t)]}}),
        (r"threads=10{30}: must be at most", {"threads": 10**30}),
    ],
)  # fmt: skip
def test_what_fails_later_is_named(name: str, options: dict[str, Any]) -> None:
    with pytest.raises(ArgumentError, match=f"^{name}"):
        integrate(np.eye(3), start(3), t_max=1, dt=0.1, **options)


def test_a_warning_shows_the_line_of_the_call() -> None:
    with pytest.warns(StepSizeWarning) as told:
        integrate(np.zeros((2, 2)), [1.0, 1.0], t_max=50, dt=2.5, method="euler", throw=False)
    assert told[0].filename == __file__


def test_observables_have_names_and_may_be_complex(tmp_path: Path) -> None:
    J = np.zeros((2, 2))
    for name in (3, ""):
        with pytest.raises(ArgumentError, match=rf"observables\[{name!r}\]: a name must be a text"):
            integrate(J, [1.0, 2.0], t_max=1, dt=0.1, observables={name: lambda t, x, f: t})
    run = integrate(J, [1.0, 2.0], t_max=1, dt=0.1, observables={"z": lambda t, x, f: x[0] * 1j})
    run.save(tmp_path / "run.nc")
    np.testing.assert_array_equal(load(tmp_path / "run.nc").z_imag, run.observables["z"].imag)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda run: run.to_dataset(dims=3), "dims=3: must be"),
        (lambda run: run.to_dataset(dims=("a", "b")), "dims=.*: expected 0 names"),
        (lambda run: run.save(3), "path=3: must be a path"),
        (lambda run: run.save("."), "path='.': is a folder"),
        (lambda run: run.plot(3), "ax=3: must be Axes"),
    ],
)
def test_methods_of_results_name_their_arguments(call: Any, message: str) -> None:
    run = integrate(np.zeros((2, 2)), [1.0, 2.0], t_max=1, dt=0.1)
    with pytest.raises(ArgumentError, match=message):
        call(run)


def test_an_operator_that_answers_with_nan_is_named() -> None:
    calls = iter(range(100))
    J = LinearOperator(
        (3, 3), matvec=lambda v: v * (np.nan if next(calls) > 20 else 0.5),
        matmat=lambda v: v * (np.nan if next(calls) > 20 else 0.5), dtype=float,
    )  # fmt: skip
    with pytest.raises(ArgumentError, match="J: this LinearOperator answered with nan"):
        integrate(J, np.ones(3), t_max=10, dt=0.1, method="euler")


def test_the_step_chosen_suits_every_phase_of_a_switch() -> None:
    """A short phase of the reaction counts, wherever it lies; what begins with the end does not."""
    J, x0 = 2 * couplings.elliptic(12, 1.5, -0.5, seed=3), start(12)

    def step(onsager: Any) -> float:
        run = integrate(J, x0, t_max=0.5, onsager=onsager, method="rk4", save_at=[0.5])
        return float(run.dt)

    free, regulated = step(0.0), step(1.0)
    assert regulated < 0.5 * free
    assert step(Switching([0.21, 0.22], [0, 1, 0])) == regulated
    assert step(Switching([0.21, 0.22], [1, 0, 1])) == regulated
    assert step(Switching([0.5], [0, 1])) == free
    assert step(lambda t: float(0.1 < t < 0.2)) == regulated
    assert step(lambda t: 0.0) == free


def test_times_beside_steps_are_those_steps() -> None:
    """To a millionth of a step, or of 1; others are between, on the cubic."""
    x0, J = [1.0], np.zeros((1, 1))
    options: dict[str, Any] = {"t_max": 1, "dt": 0.25, "method": "euler", "phi": "linear"}
    asked = [0.25, 0.5 - 2e-7, 0.75 + 2e-7]
    run = integrate(J, x0, save_at=asked, **options)
    np.testing.assert_array_equal(run.x[:, 0], 0.75 ** np.array([1, 2, 3]))
    np.testing.assert_array_equal(run.t, asked)
    between = integrate(J, x0, save_at=[0.5 - 3e-7, 0.625, 0.75 + 3e-7], **options).x[:, 0]
    for k in (0, 2):
        assert between[k] not in (0.75**2, 0.75**3)
        np.testing.assert_allclose(between[k], 0.75 ** (k / 2 + 2), rtol=1e-6)
    # Between x = 9/16 and 27/64 with slopes −9/16 and −27/64.
    middle = (9 / 16 + 27 / 64) / 2 + 0.25 / 8 * (-9 / 16 + 27 / 64)
    assert between[1] == pytest.approx(middle, rel=1e-12)
    long = integrate(J, x0, t_max=40, dt=20, method="exponential", save_at=[20 - 0.9e-6])
    assert long.x[0] == integrate(J, x0, t_max=20, dt=20, method="exponential").x_end


def test_save_times_may_miss_the_ends_by_rounding() -> None:
    J = np.zeros((1, 1))
    run = integrate(J, [1.0], t_max=3, dt=0.5, save_at=[0, 3 * (1 + 5e-13)])
    assert run.t.tolist() == [0, 3]
    with pytest.raises(ArgumentError, match="must lie in"):
        integrate(J, [1.0], t_max=3, dt=0.5, save_at=[0, 3 * (1 + 2e-12)])
    later = run.resume(t_max=6, save_at=[3 * (1 - 5e-13), 6])
    assert later.t.tolist() == [3, 6]
    with pytest.raises(ArgumentError, match="must lie in"):
        run.resume(t_max=6, save_at=[3 * (1 - 2e-12), 6])
    assert integrate(J, [1.0], t_max=3, dt=0.5).t.tolist() == [0, 3]
    assert integrate(J, [1.0], t_max=3, dt=0.5, save_at=2).t.tolist() == [0, 3]
    assert run.resume(t_max=5, save_at=3).t.tolist() == [3, 4, 5]
    with pytest.raises(ArgumentError, match="must be after the end of the run"):
        run.resume(t_max=3 + 0.9e-6 * 0.5)
    assert run.resume(t_max=3 + 1.2e-6 * 0.5).t.size == 2


def test_noisy_save_times_are_steps() -> None:
    """To a millionth of one."""
    options: dict[str, Any] = {"t_max": 1, "dt": 0.25, "temperature": 0.1, "seed": 0}
    J = np.zeros((1, 1))
    for share in (-0.9e-6, 0, 0.9e-6):
        run = integrate(J, [1.0], save_at=[0.5 + share * 0.25], **options)
        assert run.x[0] == integrate(J, [1.0], save_at=[0.5], **options).x[0]
    for share in (-1.2e-6, 1.2e-6, 0.5):
        with pytest.raises(ArgumentError, match=r"multiples of 0\.25 after t = 0 here"):
            integrate(J, [1.0], save_at=[0.5 + share * 0.25], **options)


def test_schemes_that_are_chosen() -> None:
    for onsager, noisy, name in (
        (0.0, False, "exponential"), (0.5, False, "chebyshev"), (1.0, False, "chebyshev"),
        (lambda t: 0.0, False, "chebyshev"), (1.0, True, "leimkuhler-matthews"),
        (0.0, True, "heun"), (0.5, True, "heun"), (lambda t: 1.0, True, "heun"),
    ):  # fmt: skip
        assert chosen_scheme("auto", onsager, SMOOTH, noisy=noisy).name == name
    assert chosen_scheme("rk4", 0.0, SMOOTH, noisy=False).name == "rk4"
    assert chosen_scheme(SCHEMES["euler"], 0.0, SMOOTH, noisy=True).name == "euler"
    # Where φ' jumps; a jump of φ'' leaves F continuous.
    for phi, onsager, name in (
        ("relu", 1.0, "heun"), ("relu", 0.0, "exponential"), ("softsign", 1.0, "chebyshev")
    ):  # fmt: skip
        one = Network(np.eye(1), phi=phi)
        assert chosen_scheme("auto", onsager, one, noisy=False).name == name


def test_a_chosen_step_divides_noisy_save_times() -> None:
    J, x0 = couplings.elliptic(5, 1.0, seed=1), start(5)
    free = integrate(J, x0, t_max=1, method="heun").dt
    noisy = integrate(J, x0, t_max=3, method="heun", temperature=0.1, save_at=11, seed=0)
    each = 3 / 10
    assert noisy.dt == pytest.approx(each / np.ceil(each / free))
    assert noisy.n_steps == 10 * round(each / noisy.dt)


@pytest.mark.parametrize("store", [True, False])
def test_energies_of_a_batch_are_kept(store: bool) -> None:
    J, x0 = couplings.elliptic(5, 1.0, seed=1), start(5, 2)
    seen: list[Any] = []
    run = integrate(
        J, x0, t_max=1, dt=0.1, method="rk4", save_at=[0.05, 0.5, 1], store_states=store,
        observables={"state": lambda t, x, f: seen.append(f) or x.copy()},
    )  # fmt: skip
    states = run.observables["state"]
    assert (run.x is not None) == store
    assert run.energy.shape == (3, 2)
    for k in range(3):
        np.testing.assert_allclose(run.energy[k], kinetic_energy(states[k], J) / 5, rtol=1e-12)
        np.testing.assert_allclose(seen[k], J @ np.tanh(states[k]) - states[k], rtol=1e-12)
    np.testing.assert_array_equal(states[2], run.x_end)


@pytest.mark.parametrize("kappa", [0.0, 1.0])
def test_a_linear_network_with_a_bias(kappa: float) -> None:
    """x(t) = x* + exp(Mt)(x₀ − x*) about x* = (1 − J)⁻¹b, M = ∂F/∂x."""
    J, rng = couplings.elliptic(6, 0.5, 0.3, seed=1), np.random.default_rng(2)
    b, x0 = rng.standard_normal(6), rng.standard_normal((6, 2))
    rest = np.linalg.solve(np.eye(6) - J, b)[:, None]
    M = jacobian(rest[:, 0], J, onsager=kappa, bias=b, phi="linear")
    how: dict[str, Any] = {"dt": 0.01, "onsager": kappa, "phi": "linear", "bias": b}
    run = integrate(J, x0, t_max=3, method="rk4", **how)
    np.testing.assert_allclose(run.x_end, rest + expm(3 * M) @ (x0 - rest), atol=1e-9)
    np.testing.assert_allclose(
        run.energy[-1], kinetic_energy(run.x_end, J, bias=b, phi="linear") / 6, rtol=1e-12
    )


def test_a_bias_is_a_constant_input_of_the_vanilla_dynamics() -> None:
    """And goes on in a run that is resumed, noise included."""
    J, rng = couplings.elliptic(20, 2.0, seed=1), np.random.default_rng(2)
    b, x0 = rng.standard_normal(20), rng.standard_normal(20)
    options: dict[str, Any] = {"dt": 0.125, "temperature": 0.3, "seed": 3}
    whole = integrate(J, x0, t_max=10, bias=b, **options)
    driven = integrate(J, x0, t_max=10, inputs=lambda t: b, **options)
    np.testing.assert_allclose(whole.x_end, driven.x_end, atol=1e-9)
    half = integrate(J, x0, t_max=5, bias=b, **options)
    assert np.array_equal(half.resume(t_max=10).x_end, whole.x_end)
    assert not half.attributes["is_odd"]


def test_a_gradient_flow_across_the_corners_of_relu() -> None:
    """Steps are fixed, halved steps agree, and E falls, though a neuron may stick at 0."""
    J = couplings.elliptic(30, 1.2, seed=1)
    rng = np.random.default_rng(2)
    b, x0 = rng.standard_normal(30), rng.standard_normal(30)
    how: dict[str, Any] = {"t_max": 20, "onsager": 1.0, "phi": "relu", "bias": b, "save_at": 41}
    fine, coarse = (integrate(J, x0, dt=dt, **how) for dt in (0.01, 0.02))
    assert coarse.status == "converged"
    assert (coarse.n_rejected, coarse.attributes["tol"]) == (0, None)
    assert np.all(np.diff(coarse.energy) < 0)
    np.testing.assert_allclose(coarse.x_end, fine.x_end, atol=0.02)
    stays = integrate(J, x0, dt=0.1, method="chebyshev", **how | {"phi": "softsign"})
    assert stays.attributes["tol"] == 1e-4


@pytest.mark.parametrize("kappa", [0.0, 1.0])
def test_a_driven_linear_network_is_its_transfer_function(kappa: float) -> None:
    """x → Re (iω + K)⁻¹s e^(iωt), K = 1 − J at κ = 0 and (1 − J)ᵀ(1 − J) at κ = 1: to 1e-8."""
    n, omega = 6, 1.3
    J = couplings.elliptic(n, 0.4, 0.3, seed=5)
    A = np.eye(n) - J
    K = A.T @ A if kappa else A
    stop = 25 * 2 * np.pi / omega
    run = integrate(
        J, np.zeros(n), t_max=stop, dt=0.01, onsager=kappa, phi="linear", method="rk4", seed=2,
        inputs=lambda t, u: np.cos(omega * t + 2 * np.pi * u), save_at=[stop],
    )  # fmt: skip
    phases = seeds.generator(2, "phases").random(n)
    exact = np.linalg.solve(1j * omega * np.eye(n) + K, np.exp(2j * np.pi * phases))
    assert run.x is not None
    np.testing.assert_allclose(run.x[-1], (exact * np.exp(1j * omega * stop)).real, atol=1e-8)
    # E is that of the undriven network.
    assert run.energy[-1] == pytest.approx(float(np.sum((A @ run.x[-1]) ** 2)) / (2 * n))
