"""Figures of [HH], W. Huang and H. Huang, Freezing chaos without synaptic plasticity (2025)."""

from ..definition import PaperFigure

FIGURES: tuple[PaperFigure, ...] = ()
