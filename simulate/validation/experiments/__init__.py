"""The experiments, in the order of the report: one subject, one file.

A file has TITLE, PREDICTIONS, PRESETS, `measure` and, unless all is about identities, `theory`.
"""

from importlib import import_module
from types import ModuleType

from ..statement import Experiment, no_numbers

_NAMES = (
    "identities",
    "null_phase",
    "regimes",
    "equilibrium",
    "overlaps",
    "complexity",
    "enumeration",
    "reweighted",
    "static",
    "response",
    "chaos",
    "driven",
    "biases",
    "populations",
    "correlated",
    "stationary_correlated",
    "dimension",
    "spectrum",
    "onsager",
    "dale",
    "common_mode",
    "onset_series",
    "onset",
    "stiffness",
)


def experiment_of(module: ModuleType) -> Experiment:
    """The experiment of a file, called by its name."""
    key = module.__name__.rpartition(".")[2]
    theory = getattr(module, "theory", no_numbers)
    return Experiment(key, module.TITLE, module.PREDICTIONS, module.measure, module.PRESETS, theory)


EXPERIMENTS = {key: experiment_of(import_module(f".{key}", __name__)) for key in _NAMES}
