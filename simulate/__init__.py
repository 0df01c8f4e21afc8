"""Random recurrent networks: couplings, forces and the quasi-potential."""

from . import couplings
from .dynamics import energy_gradient, force, kinetic_energy, onsager_force

__all__ = ["couplings", "energy_gradient", "force", "kinetic_energy", "onsager_force"]
