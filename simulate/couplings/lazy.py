"""Gaussian couplings that are never stored."""

from __future__ import annotations

from meanfield import GaussianOperator


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
    n : int
        Number of neurons, at least 1.
    g, gamma : float
        Gain g > 0 and symmetry γ in [−1, 1].
    seed : int
        At least 0.
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
