"""The mode M(t) = Σ_j v_jφ_j that all neurons share where the columns of J have means v_j.

With J = 1vᵀ − diag(v) + W every neuron hears M(t), and M hears itself through what it does to all:

    M(ω) = ξ(ω)/(1 − 𝓛(ω)),   ⟨|ξ|²⟩ = sC(ω),   𝓛 = λ₀S − sS² + Σ_k c_k S^(k+1),

λ₀ = Σv_j, s = Σv_j², S(ω) = ⟨φ'⟩/(1 + iω), and c_k = vᵀWᵏ1 of mean 0 and variance s g^(2k), which
is fixed by the couplings and does not vanish with N.  `derivations.dmft.common_mode` proves it for
linear networks; in chaos it is linear response.
"""

import numpy as np
import scipy
from numpy.typing import ArrayLike, NDArray

from ..common import arguments
from ..common.arguments import ArgumentError, Array, validated
from ..common.result import Result, error, fact, given, value
from .stationary.solver import Stationary

Complex = NDArray[np.complex128]
# Share of C that may be left at the last lag.
_LEFT = 1e-3
# Lags, of which every second one is taken for the error.
_FEWEST = 9
# Shift of λ₀, and the Gauss–Legendre rule between two lags.
_BESIDE = 1e-6
_GAUSS = np.polynomial.legendre.leggauss(6)
_UNSTABLE = "the common mode is unstable: it grows until it is no small part of the activity"


class CommonMode(Result):
    """Size of the activity that all neurons share; flagged where linear response has none."""

    variance: float = value("variance of the common mode", symbol=r"$\langle M^2\rangle$")
    variance_err: float = error("variance", note="Of the lags: their spacing, and what is beyond.")
    source: float = value("its variance without the feedback", note="sC(0), C without its mean.")
    mean_coupling: float = fact("N times the mean coupling, λ₀")
    strength: float = fact("sum of the squared column means, s")
    _headline = ("variance", "source")


@validated
def common_mode(
    state: Stationary,
    *,
    mean_coupling: float,
    strength: float,
    coefficients: ArrayLike = (),
) -> CommonMode:
    """Variance of M(t) = Σ_j v_jφ_j in one network, from its stationary state and c_k.

    Parameters
    ----------
    state : Stationary
        One point of `stationary`, with as many lags as resolve C(τ) until it has decayed.
    mean_coupling, strength : float
        λ₀ = Σ_j v_j and s = Σ_j v_j² ≥ 0 of the column means v.
    coefficients : array_like, optional
        c_1, c_2, … of these couplings, see `simulate.couplings.column_means`; without any, of rows
        of W that sum to zero.

    Returns
    -------
    CommonMode

    Raises
    ------
    ArgumentError
        If an argument is outside its range, or C has not decayed at the last lag.

    Notes
    -----
    ⟨M²⟩ = ∫ dω/2π sC(ω)/|1 − 𝓛(ω)|², by the poles of 1/(1 − 𝓛) and Laplace transforms of C(τ).
    Networks with other c_k differ: average over c_k ~ N(0, s g^(2k)).

    Examples
    --------
    >>> from meanfield import common_mode, stationary
    >>> state = stationary(0.5, sigma=1.0, phi="linear", n_tau=2001)
    >>> found = common_mode(state, mean_coupling=-1.0, strength=0.2)
    >>> round(float(found.source), 4), bool(found.variance < found.source)
    (0.1155, True)
    """
    attributes = given(common_mode, locals())
    mean_coupling = arguments.finite("mean_coupling", mean_coupling)
    strength = arguments.nonnegative("strength", strength)
    series = arguments.array("coefficients", coefficients)
    if series.ndim != 1:
        raise ArgumentError(f"coefficients: must have one axis, got shape {series.shape}")
    if np.ndim(state.q):
        raise ArgumentError(f"state: must be one point, got shape {np.shape(state.q)}")
    if not state.converged:
        raise ArgumentError("state: must be converged")
    tau, slope = np.asarray(state.tau), float(state.r_int)
    if tau.size < _FEWEST or tau[0] != 0 or np.any(np.diff(tau) <= 0):
        raise ArgumentError(
            f"state: its lags must ascend from 0, {_FEWEST} or more, see tau= of stationary"
        )
    C = np.asarray(state.C) - float(state.Q)
    if not abs(C[-1]) <= _LEFT * C[0]:
        raise ArgumentError(
            f"state: C at its last lag must have decayed, {abs(C[-1]) / C[0]:.1e} is left; give tau"
        )
    powers = np.concatenate([[0.0, mean_coupling, -strength], np.zeros(max(series.size - 1, 0))])
    powers[2 : 2 + series.size] += series
    stable, fine, coarse = True, float(C[0]), float(C[0])
    # The mean of both sides: of a double pole neither has one.
    for shift in (-_BESIDE, _BESIDE):
        poles, weights = _kernel(slope, powers + shift * np.eye(1, powers.size, 1)[0])
        stable = stable and bool(np.all(poles.real < 0))
        if not stable:
            break
        fine += float((weights @ _laplace(tau, C, poles)).real)
        coarse += float((weights @ _laplace(tau[::2], C[::2], poles)).real)
    # As if what is left went on for as long again.
    beyond = abs(float(C[-1])) * float(tau[-1])
    return CommonMode(
        variance=strength * fine if stable else np.nan,
        variance_err=strength * (abs(fine - coarse) + beyond) if stable else np.nan,
        source=strength * float(C[0]),
        mean_coupling=mean_coupling,
        strength=strength,
        reason="" if stable else _UNSTABLE,
        attributes=attributes,
    )


def _kernel(slope: float, powers: Array) -> tuple[Complex, Complex]:
    """1/|1 − 𝓛|² as a function of the lag: δ(τ) + Σ weights exp(poles |τ|)."""
    # 1/(1 − 𝓛) = (1 + z)ⁿ/Q(z) at z = iω.
    powers = np.trim_zeros(powers, "b")
    degree = powers.size - 1
    # Q in powers of 1 + z, the highest first.
    series = -powers * slope ** np.arange(degree + 1)
    series[0] += 1
    shifted = np.asarray(np.roots(series), dtype=complex)
    top = shifted**degree / np.polyval(np.polyder(series), shifted)
    back = 2 - shifted
    return shifted - 1, top * back**degree / np.polyval(series, back)


def _laplace(tau: Array, C: Array, poles: Complex) -> Complex:
    """∫C exp(pτ) dτ of the spline through C."""
    half = np.diff(tau)[:, None] / 2
    nodes = tau[:-1, None] + half * (1 + _GAUSS[0])
    masses = (half * _GAUSS[1] * scipy.interpolate.CubicSpline(tau, C)(nodes)).ravel()
    return np.asarray(np.exp(np.multiply.outer(poles, nodes.ravel())) @ masses)
