"""The experiments, in the order of the report: one subject, one file."""

from ..statement import Experiment
from . import chaos, identities

EXPERIMENTS: dict[str, Experiment] = {
    module.EXPERIMENT.key: module.EXPERIMENT for module in (identities, chaos)
}
