"""Stationary dynamical mean-field theory of the random network with γ = 0.

The energy condition has one root or several; each is a state.  A state is solved at one resolution,
with the two-time functions from the Hermite series or, at large variance, from sums of arcsines,
and compared with coarser ones.  States with a mean or a frozen part are those of `roots`.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Sequence
from typing import Any, NamedTuple, TypedDict, Unpack, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...blocks import Blocks
from ...common import arguments, cost
from ...common.arguments import Array, validated
from ...common.jobs import bar
from ...common.result import ABSENT, CONVERGED, FLAGGED, Result, coordinate, given, value
from ...transfer import TransferFunction, odd_function, transfer_function
from . import arcsine, energy, frozen, roots
from .blocks import OF_THE_MEAN, UNMOVED, BlockStationary, stationary_blocks
from .decay import CovarianceDecay, binding_rate, levels
from .hermite import MAX_NODES, PairFunctions, hermite_series, normal_nodes

RESULTS = (
    "delta0", "q", "kinetic_energy", "lyapunov", "mean_growth", "r_int", "decay_rate", "tau_half",
)  # fmt: skip
ERRORS = ("residual", "quadrature_error", "truncation_error", "collocation_error")
CURVES = ("tau", "delta", "C")
MEANS = ("mean", "delta_inf", "Q")
_NETWORK = ("g", "sigma", "bias_std", "bias_mean", "mean_coupling")
# Width of a well that is a power at τ = 0.
_NARROW = 1e-3
# The coarse grid and the coarse panels that the error estimates compare with.
_COARSE = 0.8
_FEWER = 4
# Grids of the Gaussian averages, the finer ones for a φ with poles nearer than its bend suggests.
_REFINEMENTS = (1.0, 2.0, 4.0)
_ADVICE = {
    "residual": "rounding of the energy condition; raise tol",
    "quadrature_error": "phi is too sharp for the grid; raise tol or use a smoother phi",
    "truncation_error": "raise order",
    "collocation_error": "raise nodes or tol",
    "fit": "as an error of phi as a sum of error functions; raise tol, or order for the series",
}
# Δ₀ in units of length² from which φ is taken as a sum of error functions; for tanh the series
# would need a degree of 20 000 there.
_FAR = 100.0
# Points that are solved together.
_TOGETHER = 64
# What a point takes: numbers for every lag, and time.
_NUMBERS, _SECONDS, _SECONDS_OF_SEARCH = 10.0, 0.02, 2.0
_UNATTRACTIVE = (
    "no state that was found attracts: one close to it may have been missed, move mean_coupling, "
    "or nothing is stationary"
)
# Relative correction of Δ₀ from which a root is none.
_NO_ROOT = 0.01
_NO_MORE = "no further state"
_AT_REST = frozen.Place(0.0, 0.0, 0.0)
# The default lags end where ρ = sech θ with this θ, about 1e-5 (in the null state: this many
# decay times, or time constants where the decay time is infinite).
_LAST_THETA = 12.0
_SLOWEST = 1e-3


class Stationary(Result):
    """Stationary state of the γ = 0 theory; arrays have the broadcast shape of the parameters.

    Where `converged` is False the results are nan and `reason` says why; the error estimates and
    `order` stay where they were reached, and so do time lags given by the caller.  Times are in
    units of the time constant of the neurons.

    The errors are relative: one for the equation of Δ₀ and one for each resolution parameter, the
    spacing of the Gaussian quadrature, `order` and `nodes`.  λ is compared with max(|λ|, κ²); the
    error from `order` is that of κ² and of the potential of λ.
    """

    g: Array = coordinate("gain", (...,), symbol="$g$")
    sigma: Array = coordinate("noise amplitude", (...,), symbol=r"$\sigma$")
    bias_std: Array = coordinate("width of the biases", (...,), symbol=r"$\sigma_b$")
    bias_mean: Array = coordinate("mean of the biases", (...,), symbol="$b$")
    mean_coupling: Array = coordinate("N times the mean coupling", (...,), symbol="$J_0$")
    mean: Array = value("mean of x", (...,), symbol=r"$\mu$")
    delta0: Array = value(
        "variance of x",
        (...,),
        symbol=r"$\Delta_0$",
        note="⟨x²⟩ − μ²; `SteadyState.delta0` is ⟨x²⟩.",
    )
    delta_inf: Array = value(
        "variance of the frozen part of x",
        (...,),
        symbol=r"$\Delta_\infty$",
        note="The autocovariance at long lags.",
    )
    q: Array = value("mean square activity <phi^2>", (...,), symbol="$q$")
    Q: Array = value(
        "static part of <phi phi>", (...,), symbol="$Q$", note="C at long lags, not centred."
    )
    kinetic_energy: Array = value(
        "kinetic energy per neuron <f^2>/2", (...,), note="Of f = −x + h, h with the bias."
    )
    lyapunov: Array = value(
        "maximal Lyapunov exponent",
        (...,),
        "1/time constant",
        symbol=r"$\lambda$",
        note=UNMOVED,
    )
    mean_growth: Array = value(
        "growth rate of the mean mode", (...,), "1/time constant", note=OF_THE_MEAN
    )
    r_int: Array = value(
        "integrated response <phi'>",
        (...,),
        symbol=r"$R_{\mathrm{int}}$",
        note="The time integral of the response of φ to a field.",
    )
    decay_rate: Array = value(
        "asymptotic decay rate of Delta",
        (...,),
        "1/time constant",
        symbol=r"$\kappa$",
        note="κ of Δ(τ) − Δ_∞ ~ exp(−κτ); in a static state the rate at which weak noise is "
        "forgotten.",
    )
    tau_half: Array = value(
        "time where the moving part of Delta has fallen to half",
        (...,),
        "time constant",
        symbol=r"$\tau_{1/2}$",
        note="Δ(τ_half) = (Δ₀ + Δ_∞)/2; nan in a static state.",
    )
    tau: Array = coordinate("time lag", (..., "lag"), "time constant", symbol=r"$\tau$")
    delta: Array = value("autocovariance of x", (..., "lag"), symbol=r"$\Delta(\tau)$")
    C: Array = value("autocorrelation of phi(x)", (..., "lag"), symbol=r"$C(\tau)$")
    residual: Array = value("relative error of delta0 that the energy condition leaves", (...,))
    quadrature_error: Array = value(
        "largest relative change of a result on a grid 1.25 times coarser", (...,)
    )
    truncation_error: Array = value("relative error from the end of the Hermite series", (...,))
    collocation_error: Array = value(
        "largest relative change of a result with fewer nodes per panel", (...,)
    )
    order: NDArray[np.int64] = value(
        "degree of the last Hermite coefficient",
        (...,),
        note="Where the series was stopped; 0 in the null state.",
    )
    states: NDArray[np.int64] = value(
        "number of stationary states",
        (...,),
        note="With that of rest, where it is stable.",
    )
    others: NDArray[np.str_] = value(
        "delta0 of the other stationary states",
        (...,),
        note='A text such as "0, 0.0225639", empty where there are none.',
    )
    attracting: NDArray[np.bool_] = value(
        "whether the dynamics can settle in this state",
        (...,),
        note="False for a state between two others, which parts their initial states.",
    )
    _headline = _curves = ("delta0", "q", "lyapunov")
    _picture = ("tau", "delta", "C")

    @property
    def relative_error(self) -> Array:
        """Sum of the relative error estimates."""
        return np.sum([getattr(self, name) for name in ERRORS], axis=0)


class _Options(TypedDict, total=False):
    sigma: ArrayLike
    bias_std: ArrayLike
    bias_mean: ArrayLike
    mean_coupling: ArrayLike
    phi: str | TransferFunction
    root: str
    tau: ArrayLike | None
    n_tau: int
    tol: float
    order: int
    nodes: int
    throw: bool
    progress: bool


@overload
def stationary(g: Blocks, **options: Unpack[_Options]) -> BlockStationary: ...
@overload
def stationary(g: ArrayLike, **options: Unpack[_Options]) -> Stationary: ...
@validated
def stationary(
    g: ArrayLike | Blocks,
    *,
    sigma: ArrayLike = 0.0,
    bias_std: ArrayLike = 0.0,
    bias_mean: ArrayLike = 0.0,
    mean_coupling: ArrayLike = 0.0,
    phi: str | TransferFunction = "tanh",
    root: str = "largest",
    tau: ArrayLike | None = None,
    n_tau: int = 201,
    tol: float = 1e-10,
    order: int = 40_001,
    nodes: int = 16,
    throw: bool = True,
    progress: bool = False,
) -> Stationary | BlockStationary:
    """Stationary state, autocorrelation and Lyapunov exponent of the γ = 0 network, N → ∞.

    The network is ẋ = −x + J φ(x) + b + ξ with independent couplings of mean J₀/N and variance
    g²/N, quenched biases b_i ~ N(b, σ_b²) and white noise ⟨ξ(t)ξ(t′)⟩ = σ² δ(t − t′).  Without
    noise and bias a network of an odd φ with g φ'(0) ≤ 1 and J₀ φ'(0) ≤ 1 is at rest: Δ = 0.

    Parameters
    ----------
    g : array_like or Blocks
        Gain, > 0; it and the next four broadcast.  Or one network of several populations (see
        Notes).
    sigma : array_like
        Noise amplitude σ ≥ 0; with `Blocks` one number, or one a block.
    bias_std, bias_mean : array_like
        Width σ_b ≥ 0 and mean b of the biases; `Blocks` have their own, and their own means.
    mean_coupling : array_like
        J₀, N times the mean of a coupling.
    phi : str or TransferFunction
        Transfer function, odd or not, with kinks or without; `Blocks` have their own.
    root : {"largest", "smallest", "all"}
        Which state where there are several, by Δ₀ (see Notes).  With "all" every array of a point
        has a last axis for them, ascending (before the lags), nan and status "absent" beyond the
        last; the parameters have it too.
    tau : array_like, optional
        Time lags ≥ 0, one axis, the same for every point.  Default: `n_tau` lags, evenly spaced
        from 0 to where Δ has fallen to about 1e-5 Δ₀, different at every point.
    n_tau : int
        Number of default lags, at least 2; unused with `tau`.
    tol : float
        A point has converged if its residual and its error estimates are within `tol`.
    order : int
        Largest degree of the Hermite series, which stops sooner where it has converged.  It needs
        about 200 Δ₀/ℓ² for tanh, ℓ the scale on which φ bends.  Beyond 100 ℓ² (tanh: g = 12) φ is
        a sum of error functions instead, if that is accurate to `tol`: it is for the built-in
        functions and for smooth ones, up to √Δ₀ = 1e12 ℓ.  With a mean, a bias or another φ there
        is the series alone.
    nodes : int
        Nodes per panel, 8 to 48.
    throw : bool
        Raise where a point has not converged or has no stationary state; otherwise put nan there.
    progress : bool
        Show a progress bar on a terminal.

    Returns
    -------
    Stationary

    Raises
    ------
    ArgumentError
        If an argument is no number or out of range, `phi` neither a name nor a `TransferFunction`,
        or the parameters do not broadcast.
    NotConvergedError
        If `throw` and a point is absent or has not converged; the result is in its `solution`.

    Notes
    -----
    The local field is Gaussian and Δ(τ) = ⟨x(t)x(t+τ)⟩ obeys [1]_

        Δ″ = Δ − g² C_φ(Δ; Δ₀),   Δ′(0⁺) = −σ²/2,   Δ(∞) = 0,

    a particle in a potential, whose energy fixes Δ₀:

        σ⁴/8 − Δ₀²/2 + g² Var Φ(√Δ₀ z) = 0,   Φ′ = φ,   z ~ N(0, 1).

    The maximal Lyapunov exponent is λ = −1 + √(1 − E₀), with E₀ the lowest eigenvalue of
    −d²/dτ² + 1 − g²⟨φ′(x(0))φ′(x(τ))⟩.  C_φ is summed from the Hermite series of φ(√Δ₀ z); the
    energy, the decay rate κ² = 1 − g²⟨φ′⟩² and ½⟨f²⟩ = (g²q − Δ₀ + σ²)/2 from series of positive
    terms, so that the digits survive the onset, where Δ₀ ≈ ε + 7ε²/6 and ⟨f²⟩ ≈ ε³/3 with
    ε = g − 1 (tanh).

    At large Δ₀ the series is too long, and C_φ a sum of arcsines; as g → ∞ the network of signs is
    approached, Δ₀/g² = 2(1 − 2/π) − (π/3)/Δ₀ + … for tanh, and λ grows like ln g.

    For a φ that is concave for x > 0 the state is unique.  For any other
    (`TransferFunction.is_concave`) the energy condition may have several solutions: the whole
    range of Δ₀ is searched, and `others` names those not returned.  Without noise the state of rest
    counts as one, Δ₀ = 0, where it is stable, g φ'(0) ≤ 1.  The initial state decides which of them
    a network reaches: of neighbouring states one is `attracting` and the next, which is not, parts
    their basins.  tanh(x + x³) at g = 0.963 comes to rest from small x, and is chaotic with
    Δ₀ = 0.206 if it starts with large ones.

    With a mean or a bias x = μ + a Gaussian whose covariance does not decay to 0 but to Δ_∞,

        μ = J₀⟨φ⟩ + b,   Δ_∞ = g² C_φ(Δ_∞; Δ₀) + σ_b²,   Δ″ = Δ − g² C_φ(Δ; Δ₀) − σ_b²,

    and the energy condition is that of Δ₀ and Δ_∞ [2]_.  `delta`, `delta0` and `delta_inf` are
    centred, `q`, `Q` and `C` are not.  In a static state nothing moves, Δ_∞ = Δ₀ = g²q + σ_b²: it
    counts while g²⟨φ'²⟩ ≤ 1, and is attracting if mean and variance return as well, that is if the
    eigenvalues of

        [[J₀⟨φ′⟩, J₀⟨φ″⟩], [g²⟨φφ′⟩, g²⟨φ′² + φφ″⟩]]

    have real parts below 1.  `mean_growth` is the largest of these, less 1.  λ is the exponent of
    the independent couplings in every state, of perturbations that do not move the mean, and in a
    static one g√⟨φ′²⟩ − 1: a network at rest decays like the larger of both rates.  Of the other
    states attracting are those stable against the mean, J₀⟨φ′⟩ < 1, in which the two equations of μ
    and Δ₀ together are not past a fold.  Of the states x and −x of an odd φ without a mean bias one
    is told, μ > 0.  Two states are told apart where between them the energy turns only once within
    a tenth in μ and a fifth in Δ₀; next to its onset, 1e-4 in g, chaos with a frozen part is lost
    in rounding and flagged.

    A φ without bound, relu or softplus, has a state only where noise is all that drives it, or
    inhibition or the mean bias keep it small; elsewhere the point is absent.

    Blocks have no energy integral.  With A_ab = n_b g_ab², C_b(Δ) = ⟨φφ⟩ of block b and means μ,

        Δ_a″ = Δ_a − Σ_b A_ab C_b(Δ_b) − σ_b,a²,    μ_a = Σ_b n_b J_ab⟨φ⟩_b + b_a,

    is solved by collocation and Newton's method, with any φ, mean couplings and biases [3]_ [2]_; a
    static state may have Δ_∞ = Δ₀ > 0.  Then (1 + λ)² is the largest eigenvalue of
    d²/dτ² + A_ab⟨φ′(0)φ′(τ)⟩_b, whatever the symmetry of A; the mean mode of a static state grows
    like e^(zt), 1 + z an eigenvalue of the derivative of its equations by μ and ½Δ₀.  The search is
    from many starts: a moving state that attracts no iteration may be missed, and of static ones
    only those are told that random perturbations do not destroy.  `root` orders by Σ n_a Δ₀_a.
    The result is a `BlockStationary`, arrays with a leading axis for the blocks.

    References
    ----------
    .. [1] H. Sompolinsky, A. Crisanti, H. J. Sommers, Phys. Rev. Lett. 61, 259 (1988).
    .. [2] J. Kadmon, H. Sompolinsky, Phys. Rev. X 5, 041030 (2015).
    .. [3] J. Aljadeff, M. Stern, T. Sharpee, Phys. Rev. Lett. 114, 088101 (2015).

    Examples
    --------
    >>> from meanfield import stationary
    >>> state = stationary(2.0)
    >>> print(f"{state.delta0:.10f} {state.q:.10f} {state.lyapunov:.10f}")
    1.9248054137 0.5131780660 0.1124581096
    >>> stationary([0.5, 1.5], sigma=[[0.0], [1.0]]).delta.shape
    (2, 2, 201)
    >>> round(float(stationary(1e6).delta0 / 1e12), 6)  # 2(1 − 2/π)
    0.72676
    >>> biased = stationary(2.0, bias_std=0.5)
    >>> print(f"{biased.delta0:.10f} {biased.delta_inf:.10f} {biased.lyapunov:.10f}")
    2.4096925546 1.5370928154 0.0817548979
    >>> from meanfield import Blocks
    >>> pair = stationary(Blocks([0.8, 0.2], [[1.0, 2.5], [1.5, 2.0]]))
    >>> pair.delta0.round(6).tolist(), round(float(pair.lyapunov), 6)
    ([0.703304, 0.864267], 0.048891)
    """
    attributes = given(stationary, locals())
    if isinstance(g, Blocks):
        g.take_over(attributes)
        return stationary_blocks(
            g, sigma=sigma, root=root, tau=tau, n_tau=n_tau, tol=tol, order=order, nodes=nodes,
            throw=throw, progress=progress, attributes=attributes,
        )  # fmt: skip
    transfer = transfer_function(phi)
    arguments.one_of("root", root, ("largest", "smallest", "all"))
    controls = Controls(
        lags=None if tau is None else arguments.lags(tau),
        n_tau=arguments.count("n_tau", n_tau, 2),
        tol=arguments.positive("tol", tol),
        order=arguments.count("order", order, 3),
        nodes=arguments.count("nodes", nodes, 8, 48),
    )
    numbers = _NUMBERS * controls.times
    name = "n_tau" if tau is None else "tau"
    cost.check(name, controls.times, "take fewer lags", numbers=numbers)
    given_ = [
        arguments.gain(g),
        arguments.noise(sigma),
        arguments.spread("bias_std", bias_std),
        arguments.level("bias_mean", bias_mean),
        arguments.level("mean_coupling", mean_coupling),
    ]
    plain = transfer.is_odd and not transfer.kinks
    searched = not plain or any(np.any(one != 0) for one in given_[2:])
    seconds = _SECONDS_OF_SEARCH if searched else _SECONDS
    network = cost.broadcast(numbers, seconds, **dict(zip(_NETWORK, given_, strict=True)))
    places = [
        frozen.BiasedNetwork(transfer, *map(float, place))
        for place in zip(*(one.flat for one in network), strict=True)
    ]
    points = []
    together = 1 if searched else _TOGETHER
    with bar(len(places), "stationary", progress) as shown:
        for start in range(0, len(places), together):
            some = places[start : start + together]
            points += _together([_states(one, plain, root, controls) for one in some], controls)
            shown.update(len(some))
    shape = network[0].shape
    if root == "all":
        blank = _row(controls, np.nan) | {"status": ABSENT, "reason": _NO_MORE}
        shape = (*shape, max(map(len, points), default=1))
        points = [rows + [blank] * (shape[-1] - len(rows)) for rows in points]
        network = [np.broadcast_to(one[..., None], shape) for one in network]
    rows = [row for rows in points for row in rows]
    arrays: dict[str, Any] = {}
    kinds: dict[str, Any] = {
        "order": np.int64, "states": np.int64, "others": np.str_, "attracting": bool,
        "status": "U9", "reason": np.str_,
    }  # fmt: skip
    for name in (*RESULTS, *MEANS, *ERRORS, *CURVES, *kinds):
        axes = (*shape, controls.times) if name in CURVES else shape
        column = np.array([row[name] for row in rows], dtype=kinds.get(name, float))
        arrays[name] = column.reshape(axes)
    most = int(np.max(arrays["states"], initial=1))
    attributes["state"] = "unique" if most == 1 else f"{root} of up to {most}"
    arrays |= {name: one.copy() for name, one in zip(_NETWORK, network, strict=True)}
    state = Stationary(**arrays, attributes=attributes)
    if throw and np.any(~state.converged & (state.reason != _NO_MORE)):
        used = [name for name in _NETWORK[2:] if np.any(getattr(state, name) != 0)]
        state.raise_unless_converged(*_NETWORK[:2], *used)
    return state


@validated
def effective_temperature(
    g: ArrayLike,
    *,
    sigma: ArrayLike = 0.0,
    phi: str | TransferFunction = "tanh",
    of: str = "energy",
    progress: bool = False,
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
    progress : bool
        Show a progress bar on a terminal.

    Returns
    -------
    ndarray
        T of the broadcast shape (0-d for scalars).  For ``of="q"`` it may be negative: then no
        measure has the q of the dynamics.

    Raises
    ------
    ArgumentError, NotConvergedError
        As `stationary`.

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
    arguments.one_of("of", of, ("energy", "q"))
    phi = odd_function(phi)
    state = stationary(g, sigma=sigma, phi=phi, n_tau=2, throw=False, progress=progress)
    state.raise_unless_converged("g", "sigma", throw=False)
    twice = 2 * state.kinetic_energy
    return np.asarray(twice if of == "energy" else state.sigma**2 - twice)


class Controls(NamedTuple):
    """Arguments of the call that every point shares; `lags` are those of the caller, if any."""

    lags: Array | None
    n_tau: int
    tol: float
    order: int
    nodes: int

    @property
    def times(self) -> int:
        """Number of lags."""
        return self.n_tau if self.lags is None else self.lags.size


class ResolvedState(NamedTuple):
    """Results of points at one resolution."""

    results: dict[str, Array]
    binding: Array  # the s of λ
    decay: CovarianceDecay

    def distance(self, other: ResolvedState) -> Array:
        """Largest relative difference of the results."""
        scales = {name: np.abs(numbers) for name, numbers in self.results.items()}
        scales["lyapunov"] = np.maximum(scales["lyapunov"], self.decay.rate**2)
        changes = [
            np.abs(self.results[name] - other.results[name]) / np.where(scale == 0, np.inf, scale)
            for name, scale in scales.items()
        ]
        # Unlike max(), keeps nan.
        return np.asarray(np.max(changes, axis=0))


_Task = tuple[energy.NoisyNetwork, float]


def _together(
    points: list[Generator[_Task, dict[str, Any], list[dict[str, Any]]]], controls: Controls
) -> list[list[dict[str, Any]]]:
    """What `_states` of several points return."""
    found: list[list[dict[str, Any]]] = [[] for _ in points]
    rows: dict[int, Any] = dict.fromkeys(range(len(points)))
    while rows:
        tasks = {}
        for k, row in rows.items():
            try:
                tasks[k] = points[k].send(row)
            except StopIteration as end:
                found[k] = end.value
        rows = dict(zip(tasks, _solved(list(tasks.values()), controls), strict=True))
    return found


def _states(
    network: frozen.BiasedNetwork, plain: bool, root: str, controls: Controls
) -> Generator[_Task, dict[str, Any], list[dict[str, Any]]]:
    """The states asked for at one point: a value for each array of the result.

    Yields what others are solved together with, and is sent its row.
    """
    phi, g, sigma, *others = network
    load = g * phi.slope
    closed = plain and not any(others)
    try:
        if closed:
            noisy = energy.NoisyNetwork(phi, g, sigma)
            rest = [0.0] if sigma == 0 and load <= 1 else []
            variances = rest + energy.variances(noisy)
            # F rises and falls through zero by turns, and at the first root it rises, but that of
            # rest right at the onset of a φ that is convex there.
            shift = sigma == 0 and load == 1 and phi.cubic < 0
            attracting = [(k + shift) % 2 == 0 for k in range(len(variances))]
        else:
            found = roots.states(network)
            variances = [one.place.delta0 for one in found]
            attracting = [one.attracting for one in found]
    except energy.NoStateError as error:
        return [_row(controls, np.nan) | dict(zip(("status", "reason"), error.args, strict=True))]
    if not closed and not any(attracting):
        return [_row(controls, np.nan) | {"status": FLAGGED, "reason": _UNATTRACTIVE}]
    count, rows, kept = len(variances), {}, set(range(len(variances)))
    ways = {"smallest": range(count), "largest": range(count)[::-1], "all": range(count)}
    for index in ways[root]:
        if not closed:
            row = _frozen(network, found[index], controls)
        elif variances[index]:
            row = yield noisy, variances[index]
        else:
            row = _static(network, _AT_REST, controls, 1.0)
        # Where nothing moves in the equations rounding looks like roots of the search.
        if not closed and row["residual"] > _NO_ROOT and len(kept) > 1:
            kept.remove(index)
            continue
        rows[index] = row
        if root != "all":
            break
    for index, row in rows.items():
        rest_of = ", ".join(f"{variances[k]:g}" for k in sorted(kept - {index}))
        row |= {"states": len(kept), "others": rest_of, "attracting": attracting[index]}
    return list(rows.values())


def _frozen(network: frozen.BiasedNetwork, root: roots.Root, controls: Controls) -> dict[str, Any]:
    """The state of a root with a mean or a frozen part, on the grid that it needs."""
    row: dict[str, Any] = {}
    solved = _static if root.is_static else _moving
    for refinement in _REFINEMENTS:
        row = solved(network, root.place, controls, refinement)
        if not row["reason"].startswith("quadrature_error"):
            break
    return row


def _static(
    network: frozen.BiasedNetwork, place: frozen.Place, controls: Controls, refinement: float
) -> dict[str, Any]:
    """A row of a state in which nothing moves."""
    g, rest = network.g, roots.at_rest(network)

    on_corner = place.delta0 == 0 and place.mean in network.phi.corners

    def resolved(refinement: float) -> tuple[frozen.Place, float, dict[str, float]]:
        if place.delta0 == 0 and rest is not None:
            here, found, residual = rest, place, 0.0
        else:
            found, residual = roots.static(network, place, refinement)
            here = frozen.averages(network.phi, found.mean, found.frozen, refinement)
        radius = g * math.sqrt(float(here.steepness))
        growth = math.nan if on_corner else roots.mean_growth(network, found.frozen, here)
        return found, residual, {
            "mean": found.mean, "delta0": found.frozen, "delta_inf": found.frozen,
            "q": float(here.q), "Q": float(here.q), "r_int": float(here.slope),
            "lyapunov": radius - 1, "mean_growth": growth,
            "decay_rate": math.sqrt(max((1 - radius) * (1 + radius), 0.0)),
        }  # fmt: skip

    found, residual, numbers = resolved(refinement)
    _, _, coarse = resolved(_COARSE * refinement)
    row = _row(controls, 0.0)
    row["residual"] = residual
    scales = {name: abs(number) for name, number in numbers.items()}
    # A response of e^(−μ) may be rounding.
    scales |= {
        "lyapunov": 1.0,
        "mean_growth": 1.0,
        "decay_rate": 1.0,
        "r_int": 1 / g,
        "mean": scales["mean"] + math.sqrt(found.delta0),
    }
    row["quadrature_error"] = max(
        abs(number - coarse[name]) / (scales[name] or 1.0)
        for name, number in numbers.items()
        if not (on_corner and name == "mean_growth")
    )
    for name in ("residual", "quadrature_error"):
        if not row[name] <= controls.tol:
            blank = _row(controls, np.nan) | {key: row[key] for key in ERRORS}
            return blank | {"reason": _reason(name, row[name], controls.tol)}
    if controls.lags is None:
        slowest = max(numbers["decay_rate"], _SLOWEST)
        row["tau"] = np.linspace(0.0, _LAST_THETA / slowest, controls.n_tau)
    row |= numbers | {"tau_half": np.nan, "status": CONVERGED}
    row["delta"] = np.full(controls.times, numbers["delta0"])
    row["C"] = np.full(controls.times, numbers["q"])
    return row


def _moving(
    network: frozen.BiasedNetwork, place: frozen.Place, controls: Controls, refinement: float
) -> dict[str, Any]:
    """A row of a state that moves around its frozen part."""
    phi, tol, nodes = network.phi, controls.tol, controls.nodes
    noisy = energy.NoisyNetwork(phi, network.g, network.sigma)
    row = _row(controls, np.nan)
    within = energy.within_series(phi, place.delta0, order=controls.order, tol=tol)
    if frozen.least_degree(phi, place) > controls.order if phi.kinks else not within:
        return row | {"reason": _too_long(place.delta0, controls)}
    found, row["residual"] = frozen.refined(network, place, controls.order, refinement)
    row["order"] = found.b.size - 1
    row["truncation_error"] = found.missing
    if not max(row["residual"], found.missing) <= tol:
        name = "residual" if found.missing <= tol else "truncation_error"
        return row | {"reason": _reason(name, row[name], tol)}
    pair = frozen.functions(network, found)
    # With noise a kink makes a power √τ.
    narrow = frozen.nearness(phi, found.place.moving)
    if phi.kinks and network.sigma:
        narrow = min(narrow, _NARROW)
    halvings = _levels(noisy, pair, narrow)
    fine = _resolved([noisy], [pair], halvings, nodes)
    row["truncation_error"] = _truncation(noisy, pair)

    def distance(order: int, refinement: float) -> float:
        other, _ = frozen.refined(network, found.place, order, refinement)
        state = _resolved([noisy], [frozen.functions(network, other)], halvings, nodes, fine)
        shifts = np.subtract(found.place, other.place) / found.place.delta0
        shift = max(abs(shifts[1]), abs(shifts[2]) * math.sqrt(found.place.delta0))
        return float(np.maximum(shift, fine.distance(state)[0]))

    row["quadrature_error"] = distance(controls.order, _COARSE * refinement)
    if phi.kinks and frozen.bends(phi):
        row["truncation_error"] = distance(found.b.size // 2, refinement)
    (row,) = _finished([noisy], [pair], [row], controls, fine)
    if row["status"] == CONVERGED:
        row |= {"mean": found.place.mean, "delta_inf": found.place.frozen}
        row |= {"delta0": found.place.delta0, "r_int": float(found.here.slope)}
        row |= {
            "delta": row["delta"] + found.place.frozen,
            "Q": found.sums()[0],
        }
    return row


def _solved(tasks: list[_Task], controls: Controls) -> list[dict[str, Any]]:
    """The states of these Δ₀, by the arcsines where it is large, by the series elsewhere."""
    rows: list[dict[str, Any]] = []
    left = []
    for network, delta0 in tasks:
        phi, row = network.phi, {}
        if not phi.is_linear and delta0 > _FAR * phi.length**2:
            row = _by_arcsines(network, delta0, controls)
        if row.get("status") != CONVERGED:
            if energy.within_series(phi, delta0, order=controls.order, tol=controls.tol):
                left.append(len(rows))
            elif not row:
                row = _row(controls, np.nan) | {"reason": _too_long(delta0, controls)}
        rows.append(row)
    for refinement in _REFINEMENTS:
        if refinement > 1:
            left = [
                k
                for k in left
                if rows[k]["reason"].startswith("quadrature_error")
                and normal_nodes(tasks[k][0].phi, tasks[k][1], refinement).size <= MAX_NODES
            ]
        found = _by_series([tasks[k] for k in left], controls, refinement)
        for k, row in zip(left, found, strict=True):
            rows[k] = row
    return rows


def _by_arcsines(network: energy.NoisyNetwork, delta0: float, controls: Controls) -> dict[str, Any]:
    """A row of the result from φ as a sum of error functions."""
    phi, g, _ = network
    row = _row(controls, np.nan)
    terms, row["quadrature_error"] = arcsine.expansion(phi, delta0)
    row["truncation_error"] = 0.0
    if not row["quadrature_error"] <= controls.tol:
        return row | {"reason": _reason("fit", row["quadrature_error"], controls.tol)}
    delta0, row["residual"] = energy.refined_by(
        network, delta0, lambda variance: arcsine.energy_share(terms, variance)
    )
    pair = arcsine.arcsine_functions(terms, delta0, g)
    fine = _resolved([network], [pair], _levels(network, pair), controls.nodes)
    return _finished([network], [pair], [row], controls, fine)[0]


def _by_series(tasks: list[_Task], controls: Controls, refinement: float) -> list[dict[str, Any]]:
    """Rows of the result; where a finer Gaussian grid could improve it, quadrature_error is why."""
    _, _, tol, order, nodes = controls
    guarded, coarser = refinement < _REFINEMENTS[-1], _COARSE * refinement
    rows = [_row(controls, np.nan) for _ in tasks]
    alike: dict[int, list[Any]] = {}
    for row, (network, delta0) in zip(rows, tasks, strict=True):
        series, row["residual"] = energy.refined(
            network, delta0, order=order, refinement=refinement, guarded=guarded
        )
        row["order"] = 2 * series.coefficients.size - 1
        pair = series.functions(network.phi, network.g, refinement)
        error = series.truncation
        row["truncation_error"] = error = error if error > tol else _truncation(network, pair)
        if not error <= tol:
            name = "quadrature_error" if series.aliased else "truncation_error"
            row["reason"] = _reason(name, error, tol)
            continue
        coarse = hermite_series(
            network.phi, series.delta0, order=order, refinement=coarser, guarded=guarded
        )
        row["quadrature_error"] = abs(energy.correction(network, coarse, coarser))
        other = coarse.functions(network.phi, network.g, coarser)
        alike.setdefault(_levels(network, pair), []).append((network, pair, row, other))
    for halvings, some in alike.items():
        networks, pairs, found, others = zip(*some, strict=True)
        fine = _resolved(networks, pairs, halvings, nodes)
        distance = fine.distance(_resolved(networks, others, halvings, nodes, fine))
        for row, far in zip(found, distance, strict=True):
            row["quadrature_error"] = float(np.maximum(row["quadrature_error"], far))
        _finished(networks, pairs, found, controls, fine)
    return rows


def _finished(
    networks: Sequence[energy.NoisyNetwork],
    pairs: Sequence[PairFunctions],
    rows: Sequence[dict[str, Any]],
    controls: Controls,
    fine: ResolvedState,
) -> Sequence[dict[str, Any]]:
    """The rows with their collocation errors and, if all errors allow, their results."""
    decay = fine.decay
    fewer = _resolved(networks, pairs, decay.halvings, controls.nodes - _FEWER, fine)
    distance = fine.distance(fewer)
    if controls.lags is None:
        last = decay.tau[:, -1] - (decay.theta[-1] - _LAST_THETA) / decay.rate
        lags = np.linspace(0.0, last, controls.n_tau, axis=-1)
    else:
        lags = np.broadcast_to(controls.lags, (len(rows), controls.times))
    for k, (row, pair, rho) in enumerate(zip(rows, pairs, decay.rho(lags), strict=True)):
        row["collocation_error"] = float(distance[k])
        worst = ERRORS[int(np.argmax([row[name] for name in ERRORS]))]
        if not row[worst] <= controls.tol:
            row["reason"] = _reason(worst, row[worst], controls.tol)
            continue
        row |= {name: numbers[k] for name, numbers in fine.results.items()}
        row |= dict.fromkeys(MEANS, 0.0) | {"mean_growth": np.nan, "status": CONVERGED}
        row |= {"tau": lags[k], "delta": pair.delta0 * rho, "C": pair.correlation(rho)}
    return rows


def _too_long(delta0: float, controls: Controls) -> str:
    return (
        f"at delta0={delta0:.2g} the Hermite series would need a degree far beyond "
        f"order={controls.order}: raise order"
    )


def _reason(name: str, error: float, tol: float) -> str:
    return f"{name} {error:.1e} exceeds tol={tol:g}: {_ADVICE[name]}"


def _levels(network: energy.NoisyNetwork, pair: PairFunctions, narrow: float = 1.0) -> int:
    """How often the first panel of a point is halved."""
    width = min(1 / math.sqrt(1 + pair.delta0 / network.phi.length**2), narrow)
    return levels(pair, energy.noise_share(network.sigma, pair.delta0), width)


def _truncation(network: energy.NoisyNetwork, pair: PairFunctions) -> float:
    """What the series leaves out of H and of the potential, relative to κ²."""
    rate2 = energy.noise_share(network.sigma, pair.delta0) + pair.limit
    return pair.truncation * max(1.0, pair.steepness * network.g * (network.g / rate2))


def _resolved(
    networks: Sequence[energy.NoisyNetwork],
    pairs: Sequence[PairFunctions],
    halvings: int,
    nodes: int,
    near: ResolvedState | None = None,
) -> ResolvedState:
    """Everything that follows from the functions of pairs, whose λ is close to that of `near`."""
    g, sigma = (np.array([getattr(one, name) for one in networks]) for name in ("g", "sigma"))
    delta0, q, slope, excess = (
        np.array([getattr(pair, name) for pair in pairs])
        for name in ("delta0", "q", "slope", "excess")
    )
    decay = CovarianceDecay(pairs, energy.noise_share(sigma, delta0), halvings, nodes)
    rate = decay.rate
    # g²q − Δ₀ + σ² with κ² = 1 − g²⟨φ'⟩² = w₀ + H(0) inserted: no differences.
    drive = sigma * sigma * (1 - sigma * (sigma / (4 * delta0)))
    wells = -np.array([pair.attraction(decay.inside) for pair in pairs])
    binding = binding_rate(wells, decay.slowness, None if near is None else near.binding)
    # 1 + λ = √(1 − κ² + s²), and 1 − κ² = g²⟨φ'⟩².
    growth = np.hypot(g * slope, binding)
    results = {
        "delta0": delta0,
        "q": q,
        "kinetic_energy": (excess + drive) / 2,
        "lyapunov": -(rate - binding) * (rate + binding) / (1 + growth),
        "r_int": slope,
        "decay_rate": rate,
        "tau_half": decay.tau_half,
    }
    return ResolvedState(results, binding, decay)


def _row(controls: Controls, number: float) -> dict[str, Any]:
    """A row of the result, flagged, with one number everywhere."""
    row: dict[str, Any] = dict.fromkeys((*RESULTS, *ERRORS, *MEANS), number)
    row |= {name: np.full(controls.times, number) for name in CURVES}
    if controls.lags is not None:
        row["tau"] = controls.lags
    row |= {"order": 0, "status": FLAGGED, "reason": ""}
    row |= {"states": 0, "others": "", "attracting": False}
    return row
