"""Gaussian couplings, stored or revealed on request."""

from __future__ import annotations

import numpy as np

from meanfield import GaussianOperator
from meanfield.common import arguments, seeds
from meanfield.common.arguments import Array


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
    n = arguments.count("n", n, 1)
    g = arguments.positive("g", g)
    gamma = arguments.within("gamma", gamma, -1, 1)
    noise = seeds.generator(arguments.count("seed", seed, 0), "couplings").standard_normal((n, n))
    upper = np.triu(noise, 1)
    lower = np.tril(noise, -1)
    # Symmetric and antisymmetric parts carry the weights (1 ± γ)/2 of the variance.
    even, odd = upper + upper.T, lower.T - lower
    couplings = np.sqrt((1 + gamma) / 2) * even + np.sqrt((1 - gamma) / 2) * odd
    return couplings * (g / np.sqrt(n))


def lazy(
    n: int,
    g: float,
    gamma: float = 0.0,
    *,
    seed: int,
    innovations: str = "gaussian",
    tol: float = 0.0,
) -> GaussianOperator:
    """Gaussian couplings revealed by the products asked of them, in place of `elliptic`.

    ⟨J_ij²⟩ = g²/n and ⟨J_ij J_ji⟩ = γ g²/n for i ≠ j as there, but a diagonal of variance
    (1+γ)g²/n instead of zero, a difference of relative order 1/n.  See `meanfield.GaussianOperator`
    for the construction (Lu, Householder Dice, 2021) and for the operator's error report.

    The default tolerance 0 gives the law of the stored matrix at any accuracy of a later analysis,
    but reveals a direction at nearly every time step.  ``tol=1e-3`` makes the number of directions
    follow physical time, about 5 per time unit and side in chaotic dynamics, whatever the step;
    the couplings' answers are then off by at most about 10⁻³ of their norm, which in a long
    gradient flow must stay below the norm of the force.

    Parameters
    ----------
    n, g, gamma, seed
        As in `elliptic`.
    innovations : {"gaussian", "matched"}
        ``"matched"`` is a variance-reduced estimator of the limit n → ∞, not a Gaussian matrix.
    tol : float
        Relative size below which the unrevealed part of a request is dropped, in [0, 1).

    Returns
    -------
    GaussianOperator
        A `scipy.sparse.linalg.LinearOperator` for ``J @ x`` and ``J.T @ x``, x of shape (n,) or
        (n, batch).

    Raises
    ------
    ValueError
        If an argument is outside its range, or `n` or `seed` is not an integer.

    Examples
    --------
    >>> import numpy as np
    >>> from simulate import force
    >>> from simulate.couplings import lazy
    >>> J = lazy(10_000, 1.5, 0.5, seed=0)
    >>> force(np.ones(10_000), J).shape, J.rank
    ((10000,), (1, 1))
    """
    return GaussianOperator(n, g, gamma, seed=seed, innovations=innovations, tol=tol)
