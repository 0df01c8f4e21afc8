"""What a run returns, and how its states are picked on the way."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from meanfield import TransferFunction
from meanfield.common.arguments import ArgumentError
from meanfield.common.files import provenance

from ..network import Evaluation, State
from .problem import Interval, Problem
from .stepping import ON_STEP, Stepper

if TYPE_CHECKING:
    import xarray as xr

Observable = Callable[[float, State, State], Any]


@dataclass(frozen=True)
class Trajectory:
    """A run of a network.

    Attributes
    ----------
    t : (n_saved,) ndarray
        Times.
    x : (n_saved, n[, batch]) ndarray or None
        States; None where they were not kept.
    energy : (n_saved[, batch]) ndarray
        E/n, per neuron, of the undriven network.
    observables : dict of ndarray
        (n_saved, ...) each.
    x_end : (n[, batch]) ndarray
        Last state.
    status : str
        "success", "unstable step" (it ran, but see `warnings`), "unverified step" (matrix-free
        couplings only: no way to tell), "diverged" or "step underflow".
    message : str
        The status in a sentence.
    warnings : list of str
        What `StepSizeWarning` said.
    method : str
        The scheme used.
    dt : float
        Step asked for; the first trial step of an adaptive run.
    stiffness : float
        Largest eigenvalue of the symmetric part of −∂F/∂x met (of Hess E at κ = 1); an upper bound
        for matrix-free couplings; nan if κ = 0 throughout.
    largest_stable_dt : float
        Largest step that the scheme follows stably at this stiffness; inf for "chebyshev".
    energy_rise_fraction : float
        Share of the steps along −∇E in which E rose; nan if there were none.
    n_steps, n_rejected, n_evaluations : int
    phi : TransferFunction
        φ of the run.
    attributes : dict
        Parameters and seed of the run.
    """

    t: NDArray[np.float64]
    x: NDArray[np.floating] | None
    energy: NDArray[np.float64]
    observables: dict[str, NDArray[Any]]
    x_end: State
    status: str
    message: str
    warnings: list[str]
    method: str
    dt: float
    stiffness: float
    largest_stable_dt: float
    energy_rise_fraction: float
    n_steps: int
    n_rejected: int
    n_evaluations: int
    phi: TransferFunction
    attributes: dict[str, Any] = field(default_factory=dict)

    def to_dataset(self) -> xr.Dataset:
        """Labelled arrays with parameters, status and versions in the attributes."""
        import xarray as xr

        column = ("column",) * (self.energy.ndim - 1)
        variables: dict[str, Any] = {
            "energy": (("t", *column), self.energy, {"long_name": "E/N, kinetic energy per neuron"})
        }
        if self.x is not None:
            variables["x"] = (("t", "neuron", *column), self.x, {"long_name": "synaptic current"})
        for name, values in self.observables.items():
            axes = tuple(f"{name}_{k}" for k in range(values.ndim - 1))
            variables[name] = (("t", *axes), values)
        summary = {
            name: getattr(self, name)
            for name in (
                "status", "message", "method", "dt", "stiffness", "largest_stable_dt",
                "energy_rise_fraction", "n_steps", "n_rejected", "n_evaluations",
            )
        }  # fmt: skip
        attributes = {
            name: value if isinstance(value, str | int | float) else json.dumps(value)
            for name, value in {**self.attributes, **summary}.items()
        }
        attributes["warnings"] = "\n".join(self.warnings)
        return xr.Dataset(variables, {"t": self.t}, {**attributes, **provenance()})


# Names that the dataset of a run uses itself.
_RESERVED = ("t", "x", "energy", "neuron", "column")


class Recorder:
    """Keeps what is asked for at the save times."""

    def __init__(
        self,
        times: NDArray[np.float64],
        like: State,
        *,
        store_states: bool,
        observables: Mapping[str, Observable],
    ) -> None:
        for name in observables:
            if name in _RESERVED:
                raise ArgumentError(
                    f"observables[{name!r}]: a name of the run itself, choose another"
                )
        self._times = times
        self._observables = observables
        self._next = 0
        self._states: State | None = None
        if store_states:
            self._states = np.empty((len(times), *like.shape), dtype=like.dtype)
        self._energy = np.empty((len(times), *like.shape[1:]))
        self._values: dict[str, list[Any]] = {name: [] for name in observables}

    def start(self, problem: Problem, x: State) -> None:
        """The initial state."""
        if len(self._times) and self._times[0] == 0:
            self._keep(problem, 0.0, x, problem.evaluate(0.0, x))

    def take(self, stepper: Stepper, interval: Interval) -> None:
        """One step, and what is asked for inside it."""
        problem = interval.problem
        slack = ON_STEP * min(interval.t1 - interval.t0, 1.0)
        while self._next < len(self._times) and self._times[self._next] <= interval.t1 + slack:
            t = float(self._times[self._next])
            if t >= interval.t1 - slack:
                self._keep(problem, t, interval.x1, interval.last)
                continue
            x = stepper.state_between(interval, t)
            self._keep(problem, t, x, problem.evaluate(t, x))

    def _keep(self, problem: Problem, t: float, x: State, evaluation: Evaluation) -> None:
        if self._states is not None:
            self._states[self._next] = x
        self._energy[self._next] = problem.energy(x, evaluation) / len(x)
        for name, observable in self._observables.items():
            self._values[name].append(np.asarray(observable(t, x, evaluation.force)))
        self._next += 1

    def saved(self) -> dict[str, Any]:
        """What was kept so far, by the names of `Trajectory`."""
        done = self._next
        return {
            "t": self._times[:done],
            "x": None if self._states is None else self._states[:done],
            "energy": self._energy[:done],
            "observables": {name: np.array(found) for name, found in self._values.items()},
        }
