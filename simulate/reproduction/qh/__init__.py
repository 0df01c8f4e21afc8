"""Figures of [QH], Qiu and Huang, Commun. Theor. Phys. 77, 035601 (2025)."""

from ..definition import PaperFigure
from . import flows, fluctuation_response, order_parameters, response, temperature

FIGURES: tuple[PaperFigure, ...] = (
    flows.FIGURE,
    temperature.FIGURE,
    order_parameters.FIGURE,
    response.FIGURE,
    fluctuation_response.FIGURE,
)
