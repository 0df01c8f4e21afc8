"""The figures by name, in the order of the papers."""

from __future__ import annotations

from .definition import PaperFigure
from .hh import FIGURES as FREEZING_CHAOS
from .qh import FIGURES as QUASI_POTENTIAL

FIGURES: dict[str, PaperFigure] = {
    figure.key: figure for figure in (*QUASI_POTENTIAL, *FREEZING_CHAOS)
}
