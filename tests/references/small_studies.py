"""Sizes at which every study with random numbers takes a second."""

from typing import Any

from meanfield.common.study import Study
from meanfield.studies.equilibrium import EQUILIBRIUM
from meanfield.studies.freezing import FREEZING
from meanfield.studies.lyapunov import LYAPUNOV
from meanfield.studies.response_curve import RESPONSE_CURVE
from meanfield.studies.two_time import DMFT

SAMPLED: dict[str, Any] = {"n_trajectories": 512, "batches": 2}
TIMES: dict[str, Any] = {"t_skip": 0.0, "t_max": 3.0, "window": 1.0}
THEORY: list[tuple[Study, dict[str, Any]]] = [
    (DMFT, {"gamma": 0.5, "t_max": 1.0, **SAMPLED}),
    (EQUILIBRIUM, {"g": [0.8], "gamma": [0.3, 0.5], "beta": [1.0], **TIMES, **SAMPLED}),
    (FREEZING, {"g": [1.5], "onsager": [0.5, 1.0], "t_chaos": 1.0, "t_frozen": 1.0, **SAMPLED}),
    (LYAPUNOV, {"g": [1.5, 2.0], "gamma": [0.3, 0.5], **TIMES, **SAMPLED}),
    (RESPONSE_CURVE, {"g": [1.2, 1.5], "gamma": [0.3, 0.5], **TIMES, **SAMPLED}),
]
NETWORKS: dict[str, dict[str, Any]] = {
    "run": {"n": 10, "t_max": 2.0, "onsager": 1.0, "temperature": 0.1},
    "lyapunov": {"n": 10, "g": [2.0], "t_max": 12.0, "t_skip": 1.0},
    "fixed-points": {"n": 8, "n_starts": 2},
    "sample": {"n": [8], "g": [0.8], "beta": [1.0, 3.0], "n_samples": 40, "chains": 2},
    "dimension": {"n": 10, "g": [3.0], "exponents": 4, "t_max": 60.0, "t_skip": 10.0},
    "suppression": {"n": 10, "g": 0.9, "amplitude": [2.0], "frequency": [1.0], "sigma": [1.0],
                    "t_max": 16.0, "t_skip": 1.0},
    "spectrum": {"n": [10, 12], "g": [0.9], "gamma": [0.0], "onsager": [0.5], "force_n": 10,
                 "t_max": 16.0, "t_skip": 1.0},
    "memory": {"n": 8, "g": [2.0], "tau": [0.0], "t_skip": 1.0, "windows": [120.0]},
    "qh1": {"n": 8, "n_draws": 30, "n_starts": 4, "n_trajectories": 2, "t_flow": 1.0,
            "t_max": 2.0, "t_lyapunov": 110.0},
    "qh2": {"n": [8], "beta": [1.0, 3.0], "n_samples": 40},
    "hh1": {"n": 8, "g": [2.0], "t_switch": 1.0, "t_later": [2.0]},
    "hh2": {"n": 8, "g": [2.0], "t_phase": 1.0, "t_max": 31.0},
    "hh3": {"n": 8, "t_max": 1.0},
    "hh4": {"n": 8, "g": [2.0], "t_max": 1.0},
    "hh5": {"n": 10, "t_switch": 1.0, "t_after": 1.0, "n_trajectories": 4, "n_samples": 11,
            "t_projection": 1.0},
    "hh6": {"n": 20},
    "hh7": {"n": 20, "t_phase": 1.0, "t_lyapunov": 16.0},
    "hh8": {"n": 20, "t_skip": 1.0, "t_max": 120.0},
    "hh9": {"n": 8, "g": [2.0], "tau": [0.0], "t_skip": 1.0, "windows": [120.0]},
}  # fmt: skip
