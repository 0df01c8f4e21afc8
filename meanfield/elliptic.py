"""Closed forms: transition lines, the elliptic law and the regimes of small x.

All of them follow from the linearised single-site law; `meanfield.replica` solves the full
equations and the tests compare the two.  Functions take and return arrays that broadcast.
"""

import numpy as np
from numpy.typing import ArrayLike

from .common.arguments import (
    ArgumentError,
    Array,
    confinement,
    gain,
    level,
    noise,
    positive,
    spread,
    symmetry,
    validated,
)
from .common.cost import broadcast
from .transfer import TransferFunction, odd_function, transfer_function

# Least ln τ of a linear network that is looked for, and halvings down to rounding.
_LEAST, _HALVINGS = -700.0, 64


@validated
def critical_gain(
    gamma: ArrayLike = 0.0,
    *,
    phi: str | TransferFunction = "tanh",
    bias_std: ArrayLike = 0.0,
    bias_mean: ArrayLike = 0.0,
    sigma: ArrayLike = 0.0,
) -> Array:
    """Gain at which the state that exists at g = 0 turns unstable, N → ∞.

    Without bias and noise that is 1/((1+γ) φ'(0)), the linear instability of x = 0, where the
    static branch leaves it; from there on the fixed points are exponentially many, see
    `complexity`.

    Parameters
    ----------
    gamma : array_like
        Coupling symmetry in [−1, 1]; γ = −1 gives ``inf``.  With a bias, noise or φ(0) ≠ 0 it has
        to be 0.
    phi : str or TransferFunction
        Transfer function, odd or not.
    bias_std, bias_mean : array_like
        Width σ_b ≥ 0 and mean b of the quenched biases b_i ~ N(b, σ_b²).
    sigma : array_like
        Noise amplitude σ ≥ 0.

    Returns
    -------
    ndarray
        Gain of the broadcast shape; ``inf`` where no gain will do, as for silent thresholds.

    Raises
    ------
    ArgumentError
        If an argument is out of range, they do not broadcast, γ ≠ 0 comes with what makes the
        state another one than x = 0, or with noise there is no transition, since the variance of a
        φ without bound diverges first.
    NotConvergedError
        If with noise a state on the way to the transition is lost.

    Notes
    -----
    At γ = 0 the static state, x ~ N(b, Δ₀) with Δ₀ = g²⟨φ²⟩ + σ_b², is followed from g = 0 to
    where g²⟨φ'²⟩ = 1, or where it ends in a fold, g²⟨φ'² + φφ''⟩ = 1.  At a kink in x = b the
    average of φ'² on both sides counts: √2 for relu.  For a φ without bound that is where the
    variance diverges, if that comes first.  With noise it is where the λ of `stationary` vanishes.

    Examples
    --------
    >>> from meanfield import critical_gain
    >>> critical_gain([0.0, 1.0]).tolist()
    [1.0, 0.5]
    >>> critical_gain(bias_std=[0.0, 0.5, 1.0]).round(8).tolist()
    [1.0, 1.54967391, 1.8555891]
    """
    phi = transfer_function(phi)
    gamma, bias_std, bias_mean, sigma = broadcast(
        gamma=symmetry(gamma),
        bias_std=spread("bias_std", bias_std),
        bias_mean=level("bias_mean", bias_mean),
        sigma=noise(sigma),
    )
    slopes = np.where(bias_mean == 0, phi.slope, phi.d1(bias_mean))
    smooth = ~np.isin(bias_mean, phi.corners)
    resting = (bias_std == 0) & (sigma == 0) & (phi.phi(bias_mean) == 0) & smooth
    moved = ~resting & (gamma != 0)
    if np.any(moved):
        raise ArgumentError(
            f"gamma={gamma[moved].flat[0]:g}: must be 0 where the state is not x = 0 or has a kink"
        )
    with np.errstate(divide="ignore"):
        gains = np.asarray(1 / ((1 + gamma) * np.abs(slopes)))
    if not np.all(resting):
        # It stands on this module.
        from .dmft.stationary.onset import onset
    for at in map(tuple, np.argwhere(~resting)):
        gains[at] = onset(phi, float(bias_std[at]), float(bias_mean[at]), float(sigma[at]))
    return gains


@validated
def measure_transition_gain(gamma: ArrayLike, *, phi: str | TransferFunction = "tanh") -> Array:
    """Gain 1/(φ'(0)√(1+γ)) where, for γ ≥ 0, the measure exp(−βE), β → ∞, leaves x = 0.

    Later than `critical_gain` for γ > 0: in between the measure still concentrates on x = 0, with
    q ∝ √T, for it weighs each fixed point by 1/|det A|; `transition_lines` joins both.  For γ < 0
    it is the onset of a solution that is unstable and means nothing physically.

    Parameters
    ----------
    gamma : array_like
        Coupling symmetry in [−1, 1]; γ = −1 gives ``inf``.
    phi : str or TransferFunction
        Odd, smooth and rising at 0.

    Examples
    --------
    >>> from meanfield import measure_transition_gain
    >>> float(measure_transition_gain(0.0))
    1.0
    """
    with np.errstate(divide="ignore"):
        return 1 / (odd_function(phi).slope * np.sqrt(1 + symmetry(gamma)))


@validated
def null_response(g: ArrayLike, gamma: ArrayLike = 0.0) -> Array:
    """Resolvent of the elliptic law at 1: integrated response of the state x = 0.

    G = (1 − √(1−4γg²))/(2γg²) for g(1+γ) ≤ 1 (G = 1 at γ = 0), the solution of
    γg²G² − G + 1 = 0; inside the support, g(1+γ) > 1, its value is 1/(g²(1+γ)).

    Parameters
    ----------
    g, gamma : array_like
        Gain g > 0 and symmetry γ in [−1, 1]; they broadcast.

    Returns
    -------
    ndarray
        Dimensionless response per unit field.

    Examples
    --------
    >>> from meanfield import null_response
    >>> round(float(null_response(0.5, 1.0)), 12)
    2.0
    """
    g, gamma = broadcast(g=gain(g), gamma=symmetry(gamma))
    # 2/(1+√…) is the same root without the cancellation at γ → 0.
    outside = 2 / (1 + np.sqrt(np.maximum(1 - 4 * gamma * g**2, 0)))
    with np.errstate(divide="ignore"):
        inside = 1 / (g**2 * (1 + gamma))
    return np.where(g * (1 + gamma) <= 1, outside, inside)


@validated
def null_fluctuation(g: ArrayLike, gamma: ArrayLike = 0.0) -> Array:
    """χ = lim β q = G²/(1−g²G²) of the null state, ``inf`` for g(1+γ) ≥ 1.

    The coefficient of q ≈ χT in regime I, and β⟨x²⟩ of the linear network at every β: the mean of
    1/s² over the singular values s of I − J.

    Parameters
    ----------
    g, gamma : array_like
        Gain g > 0 and symmetry γ in [−1, 1]; they broadcast.

    Examples
    --------
    >>> from meanfield import null_fluctuation
    >>> round(float(null_fluctuation(0.6, 0.0)), 12)
    1.5625
    """
    with np.errstate(divide="ignore"):
        return null_response(g, gamma) ** 2 / null_margin(g, gamma)


@validated
def null_margin(g: ArrayLike, gamma: ArrayLike = 0.0) -> Array:
    """1 − g²G² of the null state, 0 for g(1+γ) ≥ 1: its distance from instability.

    Evaluated as 4(1−g²(1+γ)²)/[(1+s)(1−γ+s(1+γ))] with s = √(1−4γg²), which keeps its relative
    accuracy up to the line.

    Parameters
    ----------
    g, gamma : array_like
        Gain g > 0 and symmetry γ in [−1, 1]; they broadcast.

    Examples
    --------
    >>> from meanfield import null_margin
    >>> round(float(null_margin(0.6, 0.0)), 12)
    0.64
    """
    g, gamma = broadcast(g=gain(g), gamma=symmetry(gamma))
    edge = g * (1 + gamma)
    root = np.sqrt(np.maximum(1 - 4 * gamma * g**2, 0))
    with np.errstate(divide="ignore", invalid="ignore"):
        value = 4 * (1 - edge) * (1 + edge) / ((1 + root) * (1 - gamma + root * (1 + gamma)))
    return np.where(edge < 1, value, 0.0)


@validated
def linear_temperature_ratio(g: ArrayLike, gamma: ArrayLike = 0.0, eta: ArrayLike = 0.0) -> Array:
    """τ = T/v of the linear network, v = T + g²⟨x²⟩, with confinement η.

    The root in (0, 1) of g²/(1−τ) = 1/(1+γ(1−τ))² + η/τ², which the saddle-point equations reduce
    to when φ(x) = x; at η = 0 it is `null_margin`.  Then β⟨x²⟩ = (1/τ − 1)/g² is the mean of
    1/(s² + η) over the singular values s of I − J.

    Parameters
    ----------
    g, gamma, eta : array_like
        Gain g > 0, symmetry γ in [−1, 1], confinement η ≥ 0; they broadcast.

    Returns
    -------
    ndarray
        τ; 0 where η = 0 and g(1+γ) ≥ 1 (the measure is not normalisable there).

    Examples
    --------
    >>> from meanfield import linear_temperature_ratio
    >>> round(float(linear_temperature_ratio(0.6, 0.0, 0.0)), 12)
    0.64
    """
    g, gamma, eta = broadcast(g=gain(g), gamma=symmetry(gamma), eta=confinement(eta))
    free = null_margin(g, gamma)
    low, high = np.full(g.shape, _LEAST), np.zeros(g.shape)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        tau = np.exp(middle)
        with np.errstate(all="ignore"):
            excess = g**2 / (1 - tau) - 1 / (1 + gamma * (1 - tau)) ** 2 - eta / tau**2
        beyond = excess > 0
        low, high = np.where(beyond, low, middle), np.where(beyond, middle, high)
    return np.where(eta > 0, np.exp((low + high) / 2), free)


@validated
def square_root_amplitude(
    g: ArrayLike,
    gamma: ArrayLike,
    *,
    phi: str | TransferFunction | None = None,
    cubic: float | None = None,
) -> Array:
    """Amplitude c of q ≈ c √T in regime II, 1/(1+γ) < g < 1/√(1+γ) with γ > 0.

    The third saddle-point equation gives T/v² = (3·cubic/g²)(1+γ)(1−g²(1+γ))/(g²(1+γ)²−1), hence
    q = v/g² = √T/(g²√(T/v²)); see `derivations.replica.regimes`.

    Parameters
    ----------
    g, gamma : array_like
        Gain and symmetry; they broadcast.
    phi : str or TransferFunction, optional
        Default tanh.  With a slope a = φ'(0) the edges are those of the gain a·g.
    cubic : float, optional
        In the place of `phi`: −φ'''(0)/3 > 0 of a φ with slope 1 (2/3 for tanh).

    Returns
    -------
    ndarray
        c, or nan outside regime II.

    Raises
    ------
    ArgumentError
        If both `phi` and `cubic` are given, or φ does not bend towards saturation at 0.

    Examples
    --------
    >>> from meanfield import square_root_amplitude
    >>> round(float(square_root_amplitude(0.75, 0.5)), 6)
    1.003697
    """
    g, gamma = broadcast(g=gain(g), gamma=symmetry(gamma))
    slope = 1.0
    if cubic is None:
        function = odd_function("tanh" if phi is None else phi)
        # φ(x) = aψ(x): Jφ = (aJ)ψ, with ψ of slope 1.
        slope, cubic = function.slope, function.cubic / function.slope
        if not cubic > 0:
            raise ArgumentError(f"phi={function.name!r}: must bend towards saturation at 0")
    elif phi is not None:
        raise ArgumentError(f"cubic={cubic!r}: stands in the place of phi, give one of them")
    cubic = positive("cubic", cubic)
    G = slope * g
    with np.errstate(divide="ignore", invalid="ignore"):
        beyond, before = (G * (1 + gamma)) ** 2 - 1, 1 - G**2 * (1 + gamma)
        ratio = 3 * cubic / G**2 * (1 + gamma) * before / beyond
        amplitude = 1 / (g**2 * np.sqrt(ratio))
    # There is no room between these for γ ≤ 0.
    inside = (G * (1 + gamma) > 1) & (G**2 * (1 + gamma) < 1)
    return np.where(inside, amplitude, np.nan)
