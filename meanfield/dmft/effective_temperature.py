"""Temperatures at which the quasi-potential measure imitates the stationary dynamics."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from ..common import arguments
from ..common.arguments import Array
from ..transfer import TransferFunction
from .stationary import stationary

KINDS = ("energy", "q")


def effective_temperature(
    g: ArrayLike,
    *,
    sigma: ArrayLike = 0.0,
    phi: str | TransferFunction = "tanh",
    of: str = "energy",
) -> Array:
    """Temperature of exp(−E/T) that matches one average of the γ = 0 dynamics, N → ∞.

    E = ½|f|² is the kinetic energy of the same network, f = −x + Jφ(x).

    Parameters
    ----------
    g : array_like
        Gain, > 0; broadcast with `sigma`.
    sigma : array_like
        Noise amplitude σ ≥ 0 of the dynamics, as in `stationary`.
    phi : str or TransferFunction
        Odd transfer function.
    of : {"energy", "q"}
        What the two have in common: the energy per neuron or q = ⟨φ²⟩.

    Returns
    -------
    ndarray
        T of the broadcast shape (0-d for scalars).  For ``of="q"`` it may be negative: then no
        measure has the q of the dynamics.

    Raises
    ------
    ArgumentError
        If an argument is no number or out of range, or g and sigma do not broadcast.
    ValueError
        If the name `phi` is unknown.
    TypeError
        If `phi` is neither a name nor a `TransferFunction`.
    NotConvergedError
        If `stationary` has not converged at a point.

    Notes
    -----
    On the paramagnetic branch at γ = 0 (``saddle_point(g, branch="paramagnetic", beta=1/T)``) x is
    Gaussian of variance v = T + g²q, q = ⟨φ²⟩, and the energy per neuron is T/2.  Hence

        T_e = 2 e_kin,    T_q = Δ₀ − g²q = σ² − 2 e_kin,

    with Δ₀ and e_kin = ½⟨f²⟩ of the dynamics, for a Gaussian x has that q at v = Δ₀ only.
    Without noise T_q = −T_e < 0 wherever the network is chaotic: the measure has a larger q than
    the dynamics already at T = 0, and q rises with T.  No temperature gives both averages; the
    energy defines one, T_e ≈ (g − 1)³/3 just above the transition of tanh [1]_.

    References
    ----------
    .. [1] Zhang, Huang, arXiv:2508.04983 (2025).

    Examples
    --------
    >>> from meanfield import effective_temperature
    >>> print(f"{effective_temperature(1.5):.8f}")
    0.02202397
    >>> print(f"{effective_temperature(1.5, of='q'):.8f}")
    -0.02202397
    """
    arguments.one_of("of", of, KINDS)
    state = stationary(g, sigma=sigma, phi=phi, n_tau=2)
    twice = 2 * state.kinetic_energy
    return np.asarray(twice if of == "energy" else state.sigma**2 - twice)
