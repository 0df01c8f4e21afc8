"""Dense Gaussian couplings."""

from __future__ import annotations

import numpy as np

from meanfield import parameters, seeds
from meanfield.transfer import Array


def elliptic(n: int, g: float, gamma: float = 0.0, *, seed: int) -> Array:
    """Gaussian couplings of the elliptic ensemble.

    Independent pairs with ⟨J_ij²⟩ = g²/n and ⟨J_ij J_ji⟩ = γ g²/n for i ≠ j, zero diagonal.

    Parameters
    ----------
    n : int
        Number of neurons, at least 1.
    g, gamma : float
        Gain g > 0 and symmetry γ in [−1, 1]; the covariances are exact for every γ.
    seed : int
        At least 0.  A state drawn from `default_rng(seed)` is independent of the couplings.

    Returns
    -------
    (n, n) ndarray
        Row i holds the couplings into neuron i.

    Raises
    ------
    ValueError
        If an argument is outside its range, or `n` or `seed` is not an integer.

    Examples
    --------
    >>> from simulate.couplings import elliptic
    >>> J = elliptic(3, 1.0, 1.0, seed=0)
    >>> bool((J == J.T).all())
    True
    """
    n = parameters.count("n", n, 1)
    g = parameters.positive("g", g)
    gamma = parameters.within("gamma", gamma, -1, 1)
    noise = seeds.generator(parameters.count("seed", seed, 0), "couplings").standard_normal((n, n))
    upper = np.triu(noise, 1)
    lower = np.tril(noise, -1)
    # Symmetric and antisymmetric parts carry the weights (1 ± γ)/2 of the variance.
    even, odd = upper + upper.T, lower.T - lower
    couplings = np.sqrt((1 + gamma) / 2) * even + np.sqrt((1 - gamma) / 2) * odd
    return couplings * (g / np.sqrt(n))
