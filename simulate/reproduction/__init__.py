"""Every figure of both papers, computed again."""

from .catalogue import FIGURES
from .definition import PaperFigure
from .reproduce import Reproduction, reproduce

__all__ = ["FIGURES", "PaperFigure", "Reproduction", "reproduce"]
