"""Mean-field theory of random recurrent networks: the kinetic-energy quasi-potential."""

from .dmft import Stationary, stationary
from .elliptic import (
    critical_gain,
    linear_temperature_ratio,
    measure_transition_gain,
    null_fluctuation,
    null_margin,
    null_response,
    square_root_amplitude,
)
from .gaussian_operator import GaussianOperator
from .grids import phase_diagram
from .parameters import ArgumentError
from .replica import (
    NotConvergedError,
    OrderParameters,
    SaddlePoint,
    replica_map,
    saddle_point,
    spin_glass_beta,
)
from .transfer import TransferFunction, transfer_function

__all__ = [
    "ArgumentError",
    "GaussianOperator",
    "NotConvergedError",
    "OrderParameters",
    "SaddlePoint",
    "Stationary",
    "TransferFunction",
    "critical_gain",
    "linear_temperature_ratio",
    "measure_transition_gain",
    "null_fluctuation",
    "null_margin",
    "null_response",
    "phase_diagram",
    "replica_map",
    "saddle_point",
    "spin_glass_beta",
    "square_root_amplitude",
    "stationary",
    "transfer_function",
]
