"""Theory against simulation: predictions, experiments, one table with a false-alarm rate."""

from .experiments import EXPERIMENTS
from .statement import Design, Experiment, Prediction, Value
from .table import Row
from .validation import Validation, validate

__all__ = [
    "EXPERIMENTS",
    "Design",
    "Experiment",
    "Prediction",
    "Row",
    "Validation",
    "Value",
    "validate",
]
