"""Figures of [QH], Qiu and Huang, Commun. Theor. Phys. 77, 035601 (2025)."""

from ..definition import PaperFigure
from . import response

FIGURES: tuple[PaperFigure, ...] = (response.FIGURE,)
