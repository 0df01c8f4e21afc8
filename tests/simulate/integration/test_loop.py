"""The loop: steps land on switch times, do not jump over pulses, and end where they must."""

import pickle
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from meanfield import ArgumentError
from meanfield.schedule import as_function
from simulate import IntegrationError, StepSizeWarning, Switching, couplings, integrate, runge_kutta
from simulate.integration.loop import (
    AdaptiveSteps,
    FixedSteps,
    least_evaluations,
    require_finite,
    step_control,
)
from simulate.integration.monitor import Monitor
from simulate.integration.problem import Problem, Step
from simulate.integration.schemes import SCHEMES, Move
from simulate.network import Network


def start(n: int, batch: int | None = None, seed: int = 3) -> Any:
    return np.random.default_rng(seed).standard_normal((n,) if batch is None else (n, batch))


def test_a_pulse_is_not_jumped_over() -> None:
    """A quiet network, where adaptive steps would grow beyond the pulse."""
    J = couplings.elliptic(50, 0.5, seed=1)
    arguments: dict[str, Any] = {
        "t_max": 60, "dt": 0.05, "onsager": 1.0, "inputs": lambda t: 1.0 * (50 < t < 51),
        "save_at": [51],
    }  # fmt: skip
    exact = integrate(J, np.zeros(50), method="rk4", switch_times=[50, 51], **arguments).x
    np.testing.assert_allclose(
        integrate(J, np.zeros(50), **arguments).x, exact, atol=0.1 * np.max(exact)
    )
    edges = integrate(J, np.zeros(50), switch_times=[50, 51], **arguments).x
    np.testing.assert_allclose(edges, exact, atol=0.01 * np.max(exact))


def test_switching_lands_on_its_times() -> None:
    """Two switches in one run are three runs one after the other."""
    J, x = couplings.elliptic(30, 2.0, seed=5), start(30, 2)
    schedule = Switching([1.03, 2.51], [0, 1, 0.5])
    whole = integrate(J, x, t_max=3, dt=0.05, onsager=schedule, method="rk4")
    for kappa, span in ((0, 1.03), (1, 2.51 - 1.03), (0.5, 3 - 2.51)):
        x = integrate(J, x, t_max=span, dt=0.05, onsager=kappa, method="rk4").x_end
    np.testing.assert_allclose(whole.x_end, x, rtol=1e-9)
    plain = integrate(
        J, start(30, 2), t_max=3, dt=0.05, onsager=lambda t: schedule(t), method="rk4",
        switch_times=[1.03, 2.51],
    )  # fmt: skip
    np.testing.assert_array_equal(plain.x_end, whole.x_end)


def test_switch_times_that_differ_by_rounding() -> None:
    run = integrate(
        np.zeros((2, 2)), np.ones(2), t_max=1, dt=0.1, onsager=Switching([0.3], [0, 1]),
        switch_times=[0.1 + 0.2],
    )  # fmt: skip
    assert run.status == "converged"


def test_the_step_taken_counts() -> None:
    """One step of 0.5 in place of 1000: stable."""
    run = integrate(np.zeros((1, 1)), [1.0], t_max=0.5, dt=1e3, method="euler")
    assert run.status == "converged"
    assert run.n_steps == 1


def test_a_run_that_diverges() -> None:
    """ẋ = −x with dt = 3 doubles at every step."""
    with pytest.raises(IntegrationError, match="not finite"):
        integrate(np.zeros((1, 1)), [1.0], t_max=6000, dt=3, method="euler", phi="linear")
    with pytest.warns(StepSizeWarning, match="largest stable step 1.*rate -1.*exponential"):
        run = integrate(
            np.zeros((1, 1)), [1.0], t_max=6000, dt=3, method="euler", phi="linear", throw=False,
            save_at=[0, 3, 6000],
        )  # fmt: skip
    assert run.status == "flagged"
    assert run.reason.startswith("the state is not finite at t = ")
    assert "largest stable step 1.3" in run.reason
    assert pickle.loads(pickle.dumps(IntegrationError("no"))).args == ("no",)
    np.testing.assert_array_equal(run.t, [0, 3])


def taken(control: FixedSteps) -> list[float]:
    problem: Any = None
    found = []
    while True:
        try:
            found.append(control.propose(0.0, problem)[0])
        except StopIteration:
            return found


def test_equal_steps_fill_a_segment() -> None:
    control = FixedSteps(0.3)
    control.enter(1.0, 2.0)
    problem: Any = None
    assert control.propose(1.0, problem) == (1.25, 0.25)
    assert taken(control) == [1.5, 1.75, 2.0]
    # The last end is the end, whatever rounding makes of the others.
    control = FixedSteps(0.1)
    control.enter(0.0, 0.7)
    assert taken(control)[-1] == 0.7


def test_a_segment_that_goes_on() -> None:
    """On its steps, to a millionth of one, the old grid goes on; between them it does not."""
    for t, place in ((1.0, 1.0), (1 + 0.9e-6 / 4, 1.0), (1 - 0.9e-6 / 4, 1.0), (1.1, None),
                     (1 + 1.1e-6 / 4, None)):  # fmt: skip
        control = FixedSteps(0.25)
        control.enter(0.0, 1.0)
        assert control.extend(t, 2.0) == place
        assert taken(control) == [1.25, 1.5, 1.75, 2.0]


PAIR = runge_kutta("pair", [[1 / 2], [0, 3 / 4]], [2 / 9, 1 / 3, 4 / 9], order=3,
                   embedded=[7 / 24, 1 / 4, 1 / 3, 1 / 8])  # fmt: skip

STIFF = replace(PAIR, longest_step=lambda rate: np.inf)


def quiet(kappa: float = 0.0) -> Problem:
    return Problem(
        Network(np.zeros((1, 1))), as_function("onsager", kappa), as_function("temperature", 0.0)
    )


def test_steps_that_adapt_end_where_they_must() -> None:
    """At save times, if stiff, and ends; a rest below two steps is halved, none is left over."""
    for wanted, expected in (
        (0.3, (0.3, 0.3)), (0.5, (0.5, 0.5)), (0.6, (0.5, 0.5)), (0.9, (0.5, 0.5)),
        (1 - 5e-13, (1.0, 1.0)), (1.0, (1.0, 1.0)), (7.0, (1.0, 1.0)),
    ):  # fmt: skip
        control = AdaptiveSteps(PAIR, wanted, 1e-3, [0.0, 0.2, 1.0])
        control.enter(0.0, 1.0)
        assert control.propose(0.0, quiet()) == pytest.approx(expected, abs=1e-15)
        control = AdaptiveSteps(STIFF, wanted, 1e-3, [0.0, 1.0, 2.0])
        control.enter(0.0, 2.0)
        assert control.propose(0.0, quiet()) == pytest.approx(expected, abs=1e-15)
    # Behind the last save time the end is next.
    control.enter(1.0, 2.0)
    assert control.propose(1.0, quiet()) == (2.0, 1.0)
    control.enter(1.5, 2.0)
    assert control.propose(1.5, quiet()) == (2.0, 0.5)


def test_the_shortest_step() -> None:
    """1e−12, of t where that is more than 1; what is left to a stop may be shorter."""
    for t, step, is_long_enough in (
        (0.0, 1.1e-12, True), (0.0, 0.9e-12, False), (100.0, 1.1e-10, True),
        (100.0, 0.9e-10, False),
    ):  # fmt: skip
        control = AdaptiveSteps(PAIR, step, 1e-3, [])
        control.enter(t, t + 1)
        if is_long_enough:
            assert control.propose(t, quiet())[1] == step
        else:
            with pytest.raises(IntegrationError, match="fell below rounding"):
                control.propose(t, quiet())
    control = AdaptiveSteps(PAIR, 0.1, 1e-3, [])
    control.enter(0.0, 1e-13)
    assert control.propose(0.0, quiet()) == (1e-13, 1e-13)


@pytest.mark.parametrize(
    ("share", "is_taken", "factor"),
    [
        (0.0, True, 4.0),
        (1e-9, True, 4.0),
        (0.1, True, 0.8 * 10 ** (1 / 3)),
        (1.0, True, 0.8),
        (1.01, False, 0.5),
        (8.0, False, 0.4),
        (1e6, False, 0.1),
        (np.inf, False, 0.1),
        (np.nan, False, 0.1),
    ],
)
def test_the_next_step_follows_the_error(share: float, is_taken: bool, factor: float) -> None:
    """0.8 of the step of just the error allowed, at most 4 times this one, a tenth at least."""
    control = AdaptiveSteps(PAIR, 0.125, 0.25, [])
    monitor = Monitor(PAIR, 0.125, adapts=True, may_switch=True)
    problem = quiet()
    control.enter(0.0, 9.0)
    later, h = control.propose(0.0, problem)
    x = np.zeros((1, 1))
    first = problem.evaluate(0.0, x)
    step = Step(problem, 0.0, x, first, later, x, first)
    assert control.accepts(step, Move(x, error=lambda last: x + share / 4), monitor) == is_taken
    assert control.propose(0.0, problem)[1] == pytest.approx(h * factor)
    # A new segment begins with the longest step taken, or the first.
    control.enter(0.0, 9.0)
    assert control.propose(0.0, problem)[1] == 0.125
    with pytest.raises(ArgumentError, match="has an error_order, its moves no error"):
        control.accepts(step, Move(x), monitor)


def test_a_stop_does_not_shorten_what_follows() -> None:
    control = AdaptiveSteps(STIFF, 0.9, 0.25, [1.0])
    monitor = Monitor(PAIR, 0.9, adapts=True, may_switch=True)
    problem, x = quiet(), np.zeros((1, 1))
    control.enter(0.0, 9.0)
    t = 0.0
    ends = []
    for share in (0.1, 1.0, 1.0):
        later, _ = control.propose(t, problem)
        first = problem.evaluate(t, x)
        step = Step(problem, t, x, first, later, x, first)
        assert control.accepts(step, Move(x, error=lambda last, s=share: x + s / 4), monitor)
        t = later
        ends.append(t)
    # Two halves; then what was wanted before the second, and not 0.8 of it.
    assert ends == pytest.approx([0.5, 1.0, 1.0 + 0.5 * 0.8 * 10 ** (1 / 3)])


def test_a_step_that_raises_the_energy_is_refused() -> None:
    """Along −∇E alone."""
    x0, x1 = np.ones((1, 1)), 2 * np.ones((1, 1))
    for kappa, is_taken in ((1.0, False), (0.5, True)):
        problem = quiet(kappa)
        control = AdaptiveSteps(PAIR, 0.5, 0.25, [])
        control.enter(0.0, 9.0)
        control.propose(0.0, problem)
        monitor = Monitor(PAIR, 0.5, adapts=True, may_switch=True)
        ends = problem.evaluate(0.0, x0), problem.evaluate(0.5, x1)
        step = Step(problem, 0.0, x0, ends[0], 0.5, x1, ends[1])
        assert control.accepts(step, Move(x1, error=lambda last: 0 * x1), monitor) == is_taken


def test_columns_hardly_wait_for_each_other() -> None:
    """The column with most steps, and its refused ones, is nearly all that a batch takes."""
    J = couplings.elliptic(100, 2.0, seed=3)
    run = integrate(J, start(100, 16), t_max=30, onsager=1.0, method="damped", tol=1e-3)
    rounds = run.n_evaluations / (SCHEMES["damped"].stages or 1)
    assert rounds <= 1.15 * (run.n_steps + run.n_rejected)


def test_which_steps_adapt() -> None:
    for method, tol, adapts in (
        ("chebyshev", 1e-3, True), ("chebyshev", None, False), ("rk4", 1e-3, False),
    ):  # fmt: skip
        control = step_control(SCHEMES[method], 0.1, tol)
        assert isinstance(control, AdaptiveSteps if adapts else FixedSteps)
        assert control.tol == (tol if adapts else None)


def test_drifts_that_a_run_takes_at_least() -> None:
    problem, x = quiet(), np.ones((1, 1))
    for method, each in (("euler", 1), ("rk4", 4)):
        scheme = SCHEMES[method]
        control = FixedSteps(0.1)
        found = least_evaluations(problem, scheme, control, 0.1, x, 2.0, 7.0)
        assert found == pytest.approx(50 * each)
        found = least_evaluations(problem, scheme, control, 0.1, x, 2.0, 7.0, 0.05)
        assert found == pytest.approx(100 * each)


def test_a_state_of_opposite_infinities_is_not_finite() -> None:
    require_finite(np.array([1e300, -1e300]), 0.0)
    for bad in ([np.inf, 1.0], [np.inf, -np.inf], [np.nan, 0.0]):
        with (
            np.errstate(invalid="ignore"),
            pytest.raises(IntegrationError, match=r"not finite at t = 2\.5"),
        ):
            require_finite(np.array(bad), 2.5)
