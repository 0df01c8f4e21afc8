"""Dynamical mean-field theory."""

from .effective_temperature import effective_temperature
from .lyapunov import MeanFieldLyapunov, maximal_lyapunov
from .sampler.run import SamplerError
from .sampler.site import SiteModel, Slopes
from .stationary import Stationary, stationary
from .steady_state import SteadyState, steady_state
from .two_time import TwoTime, two_time

__all__ = [
    "MeanFieldLyapunov",
    "SamplerError",
    "SiteModel",
    "Slopes",
    "Stationary",
    "SteadyState",
    "TwoTime",
    "effective_temperature",
    "maximal_lyapunov",
    "stationary",
    "steady_state",
    "two_time",
]
