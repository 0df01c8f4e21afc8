"""The mean number of fixed points at finite n by the Kac–Rice formula, and what they look like.

    E Σ_{x ≠ 0} |det A|^(s−1) = ∫dx p(f = 0 | x) E[|det A|^s | f = 0],   A = ∂f/∂x = −1 + JD,

without an approximation: of Gaussian couplings h = Jφ(x) is Gaussian with

    ⟨h_i h_k⟩ = (g²/n)[δ_ik(|φ|² − d(1+γ)φ_i²) + γφ_iφ_k],   d = 1 for a zero diagonal, else 0,

and J given h = x is J₀ + (g²/n)(mφᵀ + γφmᵀ), without its diagonal if d = 1, with J₀ of the law
without condition and m = ⟨hhᵀ⟩⁻¹(x − J₀φ).  The integral over x is a mean over samples of the
single-site law of `meanfield.complexity`, squeezed to all sizes of x down to 0.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from scipy.special import logsumexp, softmax

from meanfield import TransferFunction, complexity
from meanfield.common import arguments, cost, seeds, style
from meanfield.common.arguments import ArgumentError, Array, validated
from meanfield.common.jobs import bar
from meanfield.common.result import Result, error, given, value
from meanfield.quadrature import LOG_CUT, POLE
from meanfield.transfer import odd_function

from ..network import at_work, correlated

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Next to x = 0 the integrand is |x|^(2s−1)d|x|: what is left out at the smallest size of a sample
# is this share of what lies below the size where φ bends.
_LEFT_OUT = 1e-3
# From this weight on that size is far above rounding.
_SMALLEST_WEIGHT = 0.25
# Largest variance of a sample in units of that of the theory.
_WIDEST = 3.0
# Of all samples, those that fit the sizes to be drawn, twice, and those spread over all sizes.
_PILOT, _SPREAD = 0.25, 0.1
_FEWEST_PILOTS, _FITS = 200, 20
# Where no other sign is seen among n samples, its share is below 3/n at 95 % (rule of three).
_UNSEEN = 3.0
_CONVEX = (
    "phi is not concave for x > 0: the theory that says where x is drawn may miss the zeros that "
    "dominate; use a concave one"
)
# Of the table of a single-site law.
_NODES = 2048
# Numbers in the matrices of a batch.
_BATCH = 1 << 17
_SMALLEST_ESS, _LARGEST_K = 100.0, 0.7
_AVERAGED = ("q", "x2", "log_determinant", "sign")
_NUMBERS = tuple(
    name + suffix for name in ("log_number", "complexity", *_AVERAGED) for suffix in ("", "_err")
)


class KacRice(Result):
    """The mean over couplings of Σ |det A|^(s−1) over the zeros x ≠ 0 of f, at finite n.

    Flagged where few samples carry the sum, or where x may be drawn at the wrong place: the error
    bar is then too small as well.
    """

    log_number: float = value(
        "logarithm of the mean over couplings of the weighted number of zeros x ≠ 0",
        note="x and −x are two.",
    )
    log_number_err: float = error("log_number")
    complexity: float = value("the same per neuron", symbol=r"$\Sigma_s$")
    complexity_err: float = error("complexity")
    q: float = value(
        "mean of ‖φ(x)‖²/n over these zeros", symbol="$q$", note="Of all couplings, weighted."
    )
    q_err: float = error("q")
    x2: float = value("mean of ‖x‖²/n over these zeros", symbol=r"$\langle x^2\rangle$")
    x2_err: float = error("x2")
    log_determinant: float = value("mean of ln|det A|/n over these zeros", symbol="$L$")
    log_determinant_err: float = error("log_determinant")
    sign: float = value(
        "mean sign of det(−A) over these zeros",
        note="At weight 1 its product with their number is 1 − ⟨sign det(1 − φ'(0)J)⟩ "
        "(Poincaré–Hopf theorem).  The error is at least 3/ess: a sign that no sample has may "
        "still be there (rule of three).",
    )
    sign_err: float = error("sign")
    index: float | None = value(
        "mean fraction of unstable directions of these zeros", note="None unless `spectra`."
    )
    index_err: float | None = error("index")
    unstable: Array | None = value(
        "share of these zeros with so many unstable directions, from 0 to n",
        ("directions",),
        note="None unless `spectra`.  The errors are at least 3/ess, as of `sign`.",
    )
    unstable_err: Array | None = error("unstable")
    ess: float = value("effective number of samples")
    pareto_k: float = value(
        "shape of the tail of the weights", note="Their mean has a finite variance below ½."
    )
    _headline = ("log_number", "q", "ess")

    def plot(self, ax: Axes | None = None, *, label: str | None = None) -> Axes:
        """Draw the share of the zeros with so many unstable directions; needs `spectra`."""
        if self.unstable is None:
            return super().plot(ax, label=label)
        places = np.arange(self.unstable.size), "unstable directions"
        drawn = [(self.unstable, self.unstable_err, "share of the zeros")]
        return style.curves(ax, places, drawn, label)


class _Ensemble(NamedTuple):
    """The couplings."""

    n: int
    g: float
    gamma: float
    diagonal: bool
    phi: TransferFunction

    def conditioned(self, noise: Array, x: Array) -> tuple[Array, Array]:
        """Couplings with Jφ(x) = x, (samples, n, n), and ln of the density of f = 0 at x."""
        phi = self.phi(x)
        diagonal, variance = np.arange(self.n), self.g**2 / self.n
        J = np.sqrt(variance) * correlated(noise, self.gamma)
        covariance = self.gamma * phi[:, :, None] * phi[:, None, :]
        covariance[:, diagonal, diagonal] += np.sum(phi**2, axis=1)[:, None]
        if self.diagonal:
            own = np.sqrt(variance * (1 + self.gamma))
            J[:, diagonal, diagonal] = own * noise[:, diagonal, diagonal]
        else:
            covariance[:, diagonal, diagonal] -= (1 + self.gamma) * phi**2
        missing = x - (J @ phi[..., None])[..., 0]
        solved = np.linalg.solve(covariance, np.stack([missing, x], axis=2))
        m = solved[..., 0]
        change = m[:, :, None] * phi[:, None, :] + self.gamma * phi[:, :, None] * m[:, None, :]
        if not self.diagonal:
            change[:, diagonal, diagonal] = 0
        size = np.linalg.slogdet(covariance)[1] + self.n * np.log(2 * np.pi * variance)
        return J + change, -(np.sum(x * solved[..., 1], axis=1) / variance + size) / 2


class _Samples(NamedTuple):
    """States and what is known of each."""

    # ln of the law under each component, (samples, components).
    log_laws: Array
    # ln of p(f = 0|x)|det A|^s.
    log_integrand: Array
    q: Array
    x2: Array
    log_determinant: Array
    sign: Array
    # Only where spectra are asked for.
    unstable: Array


class _Sites:
    """Laws p(x) ∝ exp(b(x) − x²/2v) of one entry of x, with the b of the theory and many v."""

    def __init__(self, ensemble: _Ensemble, weight: float, x2_min: float) -> None:
        phi, g, gamma = ensemble.phi, ensemble.g, ensemble.gamma
        theory = complexity(g, gamma, weight=weight, phi=phi, throw=False)
        self.phi = phi
        # Why x may be drawn at the wrong place.
        self.doubts = [] if phi.is_concave else [_CONVEX]
        if g * (1 + gamma) * phi.slope > 1 and not theory.converged:
            self.doubts.append(
                f"no theory says where to draw x at g={g:g}, gamma={gamma:g}, weight={weight:g} "
                f"({theory.reason}): take a point where meanfield.complexity converges"
            )
        if theory.converged and not theory.is_null:
            q, rho, k = float(theory.q), float(theory.rho), gamma * g**2 * float(theory.r)
            self._terms = gamma * rho / q, float(theory.q_hat), k, float(theory.y), weight / 2
        else:
            q = phi.bound**2
            self._terms = 0.0, 0.0, 0.0, 0.0, 0.0
        top = _WIDEST * g**2 * q
        bottom = _LEFT_OUT ** (1 / weight) * min(g**2 * q, phi.length**2) if weight else 0.0
        bottom = min(max(bottom, x2_min / 4), top / 2)
        # Neighbours overlap: ‖x‖² of one law varies by √(2/n), or less.
        count = 2 + int(np.log(top / bottom) * np.sqrt(ensemble.n))
        cost.check("n", ensemble.n, "take fewer neurons", numbers=6.0 * count * _NODES)
        self.v = np.geomspace(bottom, top, count)
        # The integrand falls like v^s towards 0: weights fall too.
        self.spread = (self.v / top) ** (weight / 2)
        self.spread /= self.spread.sum()
        tilt = max(self._terms[0], 0.0) * phi.bound
        reach = tilt * self.v + np.sqrt(2 * LOG_CUT * self.v)
        scale = POLE * phi.length
        u = np.arcsinh(reach / scale)[:, None] * (np.arange(_NODES + 1) / _NODES)
        self._nodes = scale * np.sinh(u)
        log = self.shared(self._nodes) - self._nodes**2 / (2 * self.v[:, None])
        highest = log.max(axis=1, keepdims=True)
        law = np.exp(log - highest)
        cells = np.diff(self._nodes, axis=1) * (law[:, 1:] + law[:, :-1]) / 2
        total = cells.sum(axis=1)
        # Both signs of x.
        self.log_norm = highest[:, 0] + np.log(2 * total)
        self._reached = np.concatenate(
            [np.zeros((count, 1)), np.cumsum(cells, axis=1) / total[:, None]], axis=1
        )

    def shared(self, x: Array) -> Array:
        """b(x)."""
        tilt, hat, k, y, half = self._terms
        phi, slope = self.phi(x), self.phi.d1(x)
        den = (1 - k * slope) ** 2 + y * slope**2
        return np.asarray(tilt * x * phi - hat * phi**2 + half * np.log(den))

    def draw(self, rng: np.random.Generator, shares: Array, shape: tuple[int, int]) -> Array:
        """States, each of a component drawn by the shares."""
        component = rng.choice(len(shares), shape[0], p=shares)
        uniform = rng.uniform(-1, 1, shape)
        x = np.empty(shape)
        for k in np.unique(component):
            some = component == k
            x[some] = np.interp(np.abs(uniform[some]), self._reached[k], self._nodes[k])
        return np.copysign(x, uniform)

    def log_laws(self, x: Array) -> Array:
        """Of states (samples, n) under every component."""
        total, square = self.shared(x).sum(axis=1), np.sum(x**2, axis=1)
        each = -square[:, None] / (2 * self.v) - x.shape[1] * self.log_norm
        return np.asarray(total[:, None] + each)


@validated
@np.errstate(all="ignore")
def kac_rice(
    n: int,
    g: float,
    gamma: float = 0.0,
    *,
    weight: float = 1.0,
    x2_min: float = 0.0,
    diagonal: bool = False,
    phi: str | TransferFunction = "tanh",
    n_samples: int = 4000,
    seed: seeds.Seed | None = None,
    spectra: bool = False,
    threads: int | None = None,
    progress: bool = False,
) -> KacRice:
    """Mean over couplings of Σ |det A|^(s−1) over the zeros x ≠ 0 of f, by the Kac–Rice formula.

    Exact at finite n but for sampling.  The theory of `meanfield.complexity` only says where x is
    drawn; if it were wrong, the errors would grow.

    Parameters
    ----------
    n : int
        Number of neurons, at least 2, or 1 with `diagonal`; at γ = 1 at least 3, or 1.
    g, gamma : float
        Gain g > 0 and symmetry, −1 < γ ≤ 1, of couplings as `couplings.elliptic` draws them.
    weight : float
        s ≥ 0: 1 counts the zeros, 0 weighs them as exp(−βE) does for β → ∞.  Where x = 0 turns
        unstable, zeros leave it with |det A| ∝ |x|², so that at s = 0 the mean diverges like a
        logarithm at x = 0: a weight below 0.25 needs `x2_min`.
    x2_min : float
        Zeros with ‖x‖²/n below it do not count.
    diagonal : bool
        Whether J_ii has the variance (1+γ)g²/n, as in `couplings.lazy`, instead of 0.
    phi : str or TransferFunction
        Bounded.
    n_samples : int
        States, each with one coupling matrix.  Before, half as many are spent on where to draw, or
        400, or twice `n_samples` if that is less.
        Fluctuations of |det A| cost a factor of about √n in the effective number.
    seed : Seed, optional
    spectra : bool
        Whether to compute the number of unstable directions, which takes ten times as long.
    threads, progress
        As in `integrate`.

    Returns
    -------
    KacRice
        Flagged if fewer than 100 effective samples carry the mean, or if the tail of their weights
        has a Pareto shape above 0.7 (Vehtari et al., J. Mach. Learn. Res. 25, 72 (2024)).  Also
        if φ is not concave for x > 0, or if `meanfield.complexity` has not converged beyond the
        onset g(1+γ)φ'(0) = 1: samples may then miss the zeros that dominate, without a trace.

    Raises
    ------
    ArgumentError
        If a number is outside its range or φ is not bounded.

    Notes
    -----
    ln E Σ = nΣ_s − ¼s(1−s) ln n + O(1), Σ_s the complexity, if 0 lies inside the spectrum of A:
    the power of n is that of E|det|^s of real Gaussian matrices.  The mean over couplings is larger
    than that of typical ones where rare couplings have many zeros.

    Examples
    --------
    >>> from meanfield import complexity
    >>> from simulate import kac_rice
    >>> small, large = (kac_rice(n, 4.0, 0.5, seed=1) for n in (10, 20))
    >>> slope = (large.log_number - small.log_number) / 10
    >>> error = (large.log_number_err**2 + small.log_number_err**2) ** 0.5 / 10
    >>> bool(abs(slope - complexity(4.0, 0.5).complexity) < 3 * error), small.status
    (True, 'converged')
    """
    told = given(kac_rice, locals())
    ensemble, weight, x2_min = _checked(n, g, gamma, weight, x2_min, diagonal, phi)
    n_samples = arguments.count("n_samples", n_samples, 10)
    pilots = max(min(_FEWEST_PILOTS, n_samples), int(_PILOT * n_samples))
    operations = 4.0 * n**3 + 40.0 * n**2 + (25.0 * n**3 if spectra else 0.0)
    cost.check(
        "n_samples" if n_samples > n else "n", max(n_samples, n), "lower it",
        numbers=8.0 * max(_BATCH, n**2),
        seconds=cost.time_of(2.0 * pilots + n_samples, operations),
    )  # fmt: skip
    sites = _Sites(ensemble, weight, x2_min)
    # Of one sample the logarithms of all laws, and a copy.
    cost.check("n_samples", n_samples, "lower it", numbers=3.0 * n_samples * len(sites.v))
    entropy = seeds.entropy(seed)
    rng = seeds.generator(entropy, "sampling")
    with at_work(threads), bar(2 * pilots + n_samples, "Kac-Rice", progress, "sample") as shown:

        def sampled(shares: Array, count: int, with_spectra: bool = False) -> _Samples:
            parts = _batches(ensemble, sites, rng, shares, count, weight, x2_min, with_spectra)
            done = []
            for part in parts:
                done.append(part)
                shown.update(len(part.q))
            return _Samples(*map(np.concatenate, zip(*done, strict=True)))

        shares = sites.spread
        for _ in range(2):
            shares = _SPREAD * sites.spread + (1 - _SPREAD) * _fitted(
                sampled(shares, pilots), shares
            )
        samples = sampled(shares, n_samples, spectra)
    log_weights = samples.log_integrand - logsumexp(samples.log_laws, axis=1, b=shares)
    told |= {"phi": ensemble.phi.name, "seed": entropy}
    return _result(samples, log_weights, ensemble.n, spectra, sites.doubts, told)


def _checked(
    n: int,
    g: float,
    gamma: float,
    weight: float,
    x2_min: float,
    diagonal: bool,
    phi: str | TransferFunction,
) -> tuple[_Ensemble, float, float]:
    n = arguments.count("n", n, 1 if diagonal else 2)
    g, function = arguments.positive("g", g), odd_function(phi)
    gamma = arguments.within("gamma", gamma, -1, 1)
    if gamma == -1:
        raise ArgumentError("gamma=-1: must be > -1 and <= 1; x = 0 is the only zero")
    if gamma == 1 and n == 2 and not diagonal:
        raise ArgumentError("n=2: must be at least 3 at gamma=1; x1 phi(x1) = x2 phi(x2) at zeros")
    if not np.isfinite(function.bound):
        raise ArgumentError(f"phi={function.name!r}: must be bounded")
    weight = arguments.nonnegative("weight", weight)
    x2_min = arguments.nonnegative("x2_min", x2_min)
    if weight < _SMALLEST_WEIGHT and x2_min == 0:
        raise ArgumentError(
            f"weight={weight:g}: must be at least {_SMALLEST_WEIGHT:g} with x2_min=0, for zeros "
            "next to x = 0 carry the mean; give x2_min > 0"
        )
    return _Ensemble(n, g, gamma, diagonal, function), weight, x2_min


def _batches(
    ensemble: _Ensemble,
    sites: _Sites,
    rng: np.random.Generator,
    shares: Array,
    count: int,
    weight: float,
    x2_min: float,
    spectra: bool,
) -> Iterator[_Samples]:
    n, size = ensemble.n, max(1, _BATCH // ensemble.n**2)
    for start in range(0, count, size):
        batch = min(size, count - start)
        x = sites.draw(rng, shares, (batch, n))
        J, log_density = ensemble.conditioned(rng.standard_normal((batch, n, n)), x)
        A = J * ensemble.phi.d1(x)[:, None, :]
        A[:, np.arange(n), np.arange(n)] -= 1
        sign, log_determinant = np.linalg.slogdet(-A)
        x2 = np.mean(x**2, axis=1)
        unstable = np.zeros(batch)
        if spectra:
            unstable += np.sum(np.linalg.eigvals(A).real > 0, axis=1)
        log = log_density + weight * log_determinant
        yield _Samples(
            log_laws=sites.log_laws(x),
            log_integrand=np.where(x2 >= x2_min, log, -np.inf),
            q=np.mean(ensemble.phi(x) ** 2, axis=1),
            x2=x2,
            log_determinant=log_determinant / n,
            sign=sign,
            unstable=unstable,
        )


def _fitted(pilot: _Samples, shares: Array) -> Array:
    """Shares of the components that come closest to the integrand."""
    log_weights = pilot.log_integrand - logsumexp(pilot.log_laws, axis=1, b=shares)
    if not np.any(np.isfinite(log_weights)):
        return shares
    weights = np.exp(log_weights - log_weights.max())
    laws = np.exp(pilot.log_laws - pilot.log_laws.max(axis=1, keepdims=True))
    fitted = shares
    # The steps of the EM algorithm.
    for _ in range(_FITS):
        parts = laws * fitted
        fitted = weights @ (parts / parts.sum(axis=1, keepdims=True)) / weights.sum()
    return fitted


def _result(
    samples: _Samples, log_weights: Array, n: int, spectra: bool, doubts: list[str],
    told: dict[str, Any],
) -> KacRice:  # fmt: skip
    count, top = len(log_weights), log_weights.max()
    absent: dict[str, Any] = dict.fromkeys(("index", "index_err", "unstable", "unstable_err"))
    if not np.isfinite(top):
        nothing = dict.fromkeys(_NUMBERS, np.nan) | {"log_number": -np.inf}
        return KacRice(
            **absent | nothing, ess=0.0, pareto_k=np.nan, attributes=told,
            reason="; ".join([*doubts, "no sample has a weight: lower x2_min, or raise n_samples"]),
        )  # fmt: skip
    weights = np.exp(log_weights - top)
    mean = float(weights.mean())
    log_number = float(top) + float(np.log(mean))
    log_error = float(weights.std(ddof=1)) / mean / np.sqrt(count)
    numbers: dict[str, Any] = {
        "log_number": log_number, "log_number_err": log_error,
        "complexity": log_number / n, "complexity_err": log_error / n,
    }  # fmt: skip
    p = weights / weights.sum()
    series = {name: getattr(samples, name) for name in _AVERAGED}
    if spectra:
        series["index"] = samples.unstable / n
        series["unstable"] = samples.unstable[:, None] == np.arange(n + 1)
    for name, values in series.items():
        mean_value = p @ values
        width = np.sqrt(p**2 @ (values - mean_value) ** 2)
        both = {name: mean_value, f"{name}_err": width}
        numbers |= both if values.ndim > 1 else {key: float(one) for key, one in both.items()}
    ess, shape = float(1 / np.sum(p**2)), _tail(log_weights)
    for name in {"sign_err", "unstable_err"} & set(numbers):
        unseen = np.maximum(numbers[name], _UNSEEN / ess)
        numbers[name] = unseen if unseen.ndim else float(unseen)
    reason = "; ".join(filter(None, [*doubts, _reason(ess, shape)]))
    return KacRice(**absent | numbers, ess=ess, pareto_k=shape, reason=reason, attributes=told)


def _tail(log_weights: Array) -> float:
    """The Pareto shape of the largest weights."""
    count = min(len(log_weights) // 5, int(3 * np.sqrt(len(log_weights))))
    top = np.sort(log_weights)[-count - 1 :]
    excess = np.exp(top[1:] - top[-1]) - np.exp(top[0] - top[-1])
    quartile = excess[(count - 1) // 4]
    if not 0 < quartile < excess[-1]:
        return np.inf if excess[-1] > 0 else -np.inf
    # Zhang, Stephens, Technometrics 51, 316 (2009), and the weak prior about ½ of Vehtari et al.
    grid = 30 + int(np.sqrt(count))
    b = (1 - np.sqrt(grid / (np.arange(grid) + 0.5))) / (3 * quartile) + 1 / excess[-1]
    shape = np.log1p(-b[:, None] * excess).mean(axis=1)
    posterior = softmax(count * (np.log(-b / shape) - shape - 1))
    mean = float(np.log1p(-(posterior @ b) * excess).mean())
    return (count * mean + 5) / (count + 10)


def _reason(ess: float, shape: float) -> str:
    if ess >= _SMALLEST_ESS and shape <= _LARGEST_K:
        return ""
    return (
        f"few samples carry the mean: {ess:.0f} effective ones (needed {_SMALLEST_ESS:.0f}), "
        f"Pareto shape of their weights {shape:.2f} (allowed {_LARGEST_K}); raise n_samples"
    )
