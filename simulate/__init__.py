"""Random recurrent networks: couplings, forces, and vanilla, Langevin and OR-regulated dynamics."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meanfield.common.late import late

if TYPE_CHECKING:
    from meanfield.schedule import Switching
    from meanfield.stability import StepSizeWarning

    from . import couplings
    from .boltzmann import BoltzmannSamples, SamplingWarning, sample_boltzmann
    from .dimension import NetworkDimension, participation_ratio
    from .dynamics import (
        divergence,
        energy_gradient,
        force,
        jacobian,
        jacobian_operator,
        kinetic_energy,
        onsager_force,
        stiffness,
    )
    from .fixed_points import (
        FixedPointError,
        FixedPoints,
        KacRice,
        StationaryPoints,
        find_fixed_points,
        kac_rice,
    )
    from .integration import IntegrationError, Scheme, Trajectory, integrate, runge_kutta
    from .lyapunov import LyapunovExponent, LyapunovSpectrum, lyapunov_spectrum, maximal_lyapunov
    from .memory import SmallSignalMemory, small_signal_memory
    from .observables import (
        ActivityDistribution,
        Autocorrelation,
        PrincipalComponents,
        activity_distribution,
        autocorrelation,
        freezing,
        principal_components,
        state_at,
    )
    from .reservoir import (
        MemoryCurve,
        SingularCovarianceWarning,
        memory_curve,
        memory_function,
        stimulus_targets,
        two_sines,
    )
    from .studies.catalogue import reproduce
    from .validation.validation import Validation, validate

__all__ = [
    "ActivityDistribution",
    "Autocorrelation",
    "BoltzmannSamples",
    "FixedPointError",
    "FixedPoints",
    "IntegrationError",
    "KacRice",
    "LyapunovExponent",
    "LyapunovSpectrum",
    "MemoryCurve",
    "NetworkDimension",
    "PrincipalComponents",
    "SamplingWarning",
    "Scheme",
    "SingularCovarianceWarning",
    "SmallSignalMemory",
    "StationaryPoints",
    "StepSizeWarning",
    "Switching",
    "Trajectory",
    "Validation",
    "activity_distribution",
    "autocorrelation",
    "couplings",
    "divergence",
    "energy_gradient",
    "find_fixed_points",
    "force",
    "freezing",
    "integrate",
    "jacobian",
    "jacobian_operator",
    "kac_rice",
    "kinetic_energy",
    "lyapunov_spectrum",
    "maximal_lyapunov",
    "memory_curve",
    "memory_function",
    "onsager_force",
    "participation_ratio",
    "principal_components",
    "reproduce",
    "runge_kutta",
    "sample_boltzmann",
    "small_signal_memory",
    "state_at",
    "stiffness",
    "stimulus_targets",
    "two_sines",
    "validate",
]

__getattr__, __dir__ = late(__name__)
