"""Mean-field theory of random recurrent networks: the kinetic-energy quasi-potential."""

from .convergence import NotConvergedError
from .dmft import (
    MeanFieldLyapunov,
    SamplerError,
    SiteModel,
    Slopes,
    Stationary,
    SteadyState,
    TwoTime,
    effective_temperature,
    freezing_curve,
    maximal_lyapunov,
    response_curve,
    stationary,
    steady_state,
    two_time,
)
from .elliptic import (
    critical_gain,
    linear_temperature_ratio,
    measure_transition_gain,
    null_fluctuation,
    null_margin,
    null_response,
    square_root_amplitude,
)
from .exponential import StepSizeWarning
from .gaussian_operator import GaussianOperator
from .grids import phase_diagram
from .parameters import ArgumentError
from .replica import (
    OrderParameters,
    SaddlePoint,
    replica_map,
    saddle_point,
    spin_glass_beta,
)
from .schedule import Switching
from .transfer import TransferFunction, transfer_function

__all__ = [
    "ArgumentError",
    "GaussianOperator",
    "MeanFieldLyapunov",
    "NotConvergedError",
    "OrderParameters",
    "SaddlePoint",
    "SamplerError",
    "SiteModel",
    "Slopes",
    "Stationary",
    "SteadyState",
    "StepSizeWarning",
    "Switching",
    "TransferFunction",
    "TwoTime",
    "critical_gain",
    "effective_temperature",
    "freezing_curve",
    "linear_temperature_ratio",
    "maximal_lyapunov",
    "measure_transition_gain",
    "null_fluctuation",
    "null_margin",
    "null_response",
    "phase_diagram",
    "replica_map",
    "response_curve",
    "saddle_point",
    "spin_glass_beta",
    "square_root_amplitude",
    "stationary",
    "steady_state",
    "transfer_function",
    "two_time",
]
