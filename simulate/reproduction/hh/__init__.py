"""Figures of [HH], W. Huang and H. Huang, Freezing chaos without synaptic plasticity (2025)."""

from ..definition import PaperFigure
from . import (
    activity,
    divergence,
    excitation,
    freezing,
    memory,
    reservoir,
    spectra,
    switching,
    topology,
)

FIGURES: tuple[PaperFigure, ...] = (
    freezing.FIGURE,
    switching.FIGURE,
    spectra.FIGURE,
    divergence.FIGURE,
    activity.FIGURE,
    topology.FIGURE,
    excitation.FIGURE,
    reservoir.FIGURE,
    memory.FIGURE,
)
