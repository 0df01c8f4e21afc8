"""Response of running networks: twins in opposite fields.  No experiment of its own."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from meanfield.transfer import Array

from ...integration import Trajectory, integrate

# δφ is odd in the field: the relative error is of order (ε e^λt)², and rounding leaves
# 1e-16 e^λt/ε.  At g = 1.5, γ = 0.5 and t = 60 a tenth of this field changes R_int by 1.4e-6.
FIELD = 1e-5


def twins(
    J: Array, x: Array, rng: np.random.Generator, *, save_at: Sequence[float], dt: float
) -> tuple[Trajectory, Array]:
    """Twins in fields ±εζ, ζ random signs, from the states `x` (n, batch) on.

    Returns
    -------
    run : Trajectory
        Of both twins, (n, 2·batch), to the last of the times `save_at`.
    response : ndarray
        Mean response ⟨ζ δφ⟩/ε to the constant field at each of these times: ∫₀ᵗ R(t, s) ds.
    """
    signs = rng.choice([-1.0, 1.0], size=x.shape)
    field = FIELD * np.hstack([signs, -signs])
    run = integrate(
        J, np.hstack([x, x]), t_max=save_at[-1], dt=dt, inputs=lambda t: field, save_at=save_at
    )
    assert run.x is not None
    up, down = np.split(np.tanh(run.x), 2, axis=-1)
    response: Array = np.mean(signs * (up - down), axis=(1, 2)) / (2 * FIELD)
    return run, response
