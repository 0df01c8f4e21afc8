"""[QH] Fig. 4: C and R_int of the dynamics across the transition, as `meanfield` computes them."""

from dataclasses import replace

from meanfield.studies.response_curve import RESPONSE_CURVE

QH4 = replace(
    RESPONSE_CURVE,
    name="qh4",
    presets={
        "quick": {
            "g": [0.5, 0.7, 0.8, 0.9, 1.0, 1.1], "n_trajectories": 4096, "t_skip": 30.0,
            "t_max": 90.0, "window": 30.0,
        },
        "paper": {},
    },
    command="",
)  # fmt: skip
