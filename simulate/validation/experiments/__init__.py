"""The experiments, in the order of the report: one subject, one file."""

from ..statement import Experiment
from . import (
    chaos,
    correlated,
    dale,
    equilibrium,
    identities,
    null_phase,
    onsager,
    onset,
    onset_series,
    overlaps,
    regimes,
    response,
    static,
    stationary_correlated,
    stiffness,
)

EXPERIMENTS: dict[str, Experiment] = {
    module.EXPERIMENT.key: module.EXPERIMENT
    for module in (
        identities,
        null_phase,
        regimes,
        equilibrium,
        overlaps,
        static,
        response,
        chaos,
        correlated,
        stationary_correlated,
        onsager,
        dale,
        onset_series,
        onset,
        stiffness,
    )
}
