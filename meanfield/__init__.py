"""Mean-field theory of random recurrent networks: the kinetic-energy quasi-potential."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .common.late import late

if TYPE_CHECKING:
    from .blocks import Blocks
    from .common import seeds
    from .common.arguments import ArgumentError
    from .common.cost import unlimited
    from .common.files import load
    from .common.result import NotConvergedError
    from .common.style import STYLE
    from .common.sweep import SweepWarning, plan, sweep
    from .dmft.common_mode import CommonMode, common_mode
    from .dmft.dimension import ParticipationRatio, explained_variance, participation_ratio
    from .dmft.driven import DrivenStationary, critical_amplitude, driven_stationary
    from .dmft.lyapunov import MeanFieldLyapunov, maximal_lyapunov
    from .dmft.lyapunov_spectrum import MeanFieldLyapunovSpectrum, lyapunov_spectrum
    from .dmft.sampler.ensemble import ExtrapolationWarning
    from .dmft.sampler.run import SamplerError
    from .dmft.sampler.site import SiteModel, Slopes
    from .dmft.stationary.blocks import BlockStationary
    from .dmft.stationary.solver import Stationary, effective_temperature, stationary
    from .dmft.steady_state import SteadyState, steady_state
    from .dmft.two_time import TwoTime, two_time
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
    from .replica.complexity import (
        Complexity,
        FixedPointSpectrum,
        complexity,
        fixed_point_spectrum,
    )
    from .replica.solver import (
        OrderParameters,
        SaddlePoint,
        replica_map,
        saddle_point,
        spin_glass_beta,
    )
    from .replica.transitions import TransitionLines, transition_lines
    from .schedule import SampledInput, Switching
    from .stability import StepSizeWarning
    from .studies.freezing import freezing_curve
    from .studies.phase_diagram import phase_diagram
    from .studies.response_curve import response_curve
    from .transfer import TransferFunction, transfer_function

__all__ = [
    "STYLE",
    "ArgumentError",
    "BlockStationary",
    "Blocks",
    "CommonMode",
    "Complexity",
    "DrivenStationary",
    "ExtrapolationWarning",
    "FixedPointSpectrum",
    "GaussianOperator",
    "MeanFieldLyapunov",
    "MeanFieldLyapunovSpectrum",
    "NotConvergedError",
    "OrderParameters",
    "ParticipationRatio",
    "SaddlePoint",
    "SampledInput",
    "SamplerError",
    "SiteModel",
    "Slopes",
    "Stationary",
    "SteadyState",
    "StepSizeWarning",
    "SweepWarning",
    "Switching",
    "TransferFunction",
    "TransitionLines",
    "TwoTime",
    "common_mode",
    "complexity",
    "critical_amplitude",
    "critical_gain",
    "driven_stationary",
    "effective_temperature",
    "explained_variance",
    "fixed_point_spectrum",
    "freezing_curve",
    "linear_temperature_ratio",
    "load",
    "lyapunov_spectrum",
    "maximal_lyapunov",
    "measure_transition_gain",
    "null_fluctuation",
    "null_margin",
    "null_response",
    "participation_ratio",
    "phase_diagram",
    "plan",
    "replica_map",
    "response_curve",
    "saddle_point",
    "seeds",
    "spin_glass_beta",
    "square_root_amplitude",
    "stationary",
    "steady_state",
    "sweep",
    "transfer_function",
    "transition_lines",
    "two_time",
    "unlimited",
]

__getattr__, __dir__ = late(__name__)
