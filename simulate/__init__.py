"""Random recurrent networks: couplings, forces, and vanilla, Langevin and OR-regulated dynamics."""

from . import couplings
from .boltzmann import BoltzmannSamples, SamplingWarning, sample_boltzmann
from .dynamics import energy_gradient, force, kinetic_energy, onsager_force
from .integration import IntegrationError, StepSizeWarning, Trajectory, integrate
from .lyapunov import (
    LyapunovExponent,
    LyapunovSpectrum,
    lyapunov_spectrum,
    maximal_lyapunov,
)
from .schedule import Switching
from .stability import divergence, jacobian, jacobian_operator, stiffness

__all__ = [
    "BoltzmannSamples",
    "IntegrationError",
    "LyapunovExponent",
    "LyapunovSpectrum",
    "SamplingWarning",
    "StepSizeWarning",
    "Switching",
    "Trajectory",
    "couplings",
    "divergence",
    "energy_gradient",
    "force",
    "integrate",
    "jacobian",
    "jacobian_operator",
    "kinetic_energy",
    "lyapunov_spectrum",
    "maximal_lyapunov",
    "onsager_force",
    "sample_boltzmann",
    "stiffness",
]
