"""The experiments, in the order of the report: one subject, one file."""

from importlib import import_module

from ..statement import Experiment

_NAMES = (
    "identities",
    "null_phase",
    "regimes",
    "equilibrium",
    "overlaps",
    "static",
    "response",
    "chaos",
    "correlated",
    "stationary_correlated",
    "onsager",
    "dale",
    "onset_series",
    "onset",
    "stiffness",
)
EXPERIMENTS: dict[str, Experiment] = {
    name: import_module(f".{name}", __name__).EXPERIMENT for name in _NAMES
}
