"""The numbers plotted in [QH] beside exact ones: a noisy iteration, its slow map, two responses.

[QH] solve the saddle-point equations by damped iteration, with Monte-Carlo averages and a rule that
stops it.  `iterated` is a plain iteration of this kind; `returning` is the same map without noise,
`responses` compares two closures of the static equations, and PLOTTED are values read off the
figures of [QH].
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from scipy.optimize import root

from ..common import arguments, seeds, style
from ..common.arguments import Array
from ..common.result import NotConvergedError
from ..common.study import Part, Study, told
from ..elliptic import critical_gain, null_response
from ..quadrature import gauss_hermite
from ..replica.solver import OrderParameters, replica_map, saddle_point

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# β, γ, g, order parameter and value, read by eye within 3 %; R_int of "response" is G here.
PLOTTED = (
    (1e2, 0.0, 0.98, "q", 0.060),
    (1e4, 0.0, 0.98, "q", 0.0026),
    (1e2, 0.0, 1.0, "q", 0.067),
    (1e4, 0.0, 1.0, "q", 0.0068),
    (1e4, 0.0, 1.1, "q", 0.046),
    (1e4, 0.0, 1.1, "Q", 0.023),
    (1e4, 0.0, 1.2, "q", 0.121),
    (1e4, 0.0, 1.2, "Q", 0.070),
    (1e4, 0.5, 1.19, "q", 0.071),
    (1e4, 0.5, 1.19, "Q", 0.046),
    (1e4, 0.5, 1.19, "r", 0.51),
    (np.inf, 0.0, 1.19, "q", 0.097),
    (np.inf, 0.0, 1.19, "G", 0.765),
    (np.inf, 0.5, 0.5, "G", 1.335),
)
# The rule that stops, and what negative overlaps become.
LEAST, ABSOLUTE, RELATIVE, FLOOR = 100, 8e-4, 8e-3, 1e-5
# Where both iterations start, but for what PLOTTED knows: the start of [QH] is not known here.
START = OrderParameters(q=0.5, Q=0.25, r=0.5, R=0.0, X=-0.5, P=0.5)
# Solves x − kφ(x) = s for k < 1 to the accuracy of a Monte-Carlo average.
_NEWTON = 4
_HERMITE = 200


def iterated(
    g: float,
    gamma: float,
    kept: float,
    *,
    beta: float = 1e4,
    fields: int = 400,
    samples: int = 100,
    most: int = 300,
    seed: int,
) -> dict[str, Any]:
    """Damped Monte-Carlo iteration of the six equations, stopped by the rule of [QH].

    Parameters
    ----------
    kept : float
        Share of the old value in a damped step.
    beta : float
        Inverse temperature.
    fields : int
        Gaussian fields (z, w) drawn in each iteration.
    samples : int
        Values of y drawn for each of them, at least 2; the halves give products of averages.
    most : int
        Iterations after which it is given up.
    """
    arguments.within("kept", kept, 0, 1)
    arguments.count("samples", samples, 2)
    rng = seeds.generator(seed, "sampling")
    unit = np.array([1.0, 1.0, beta**-0.5, beta**-0.5])
    order, count, reason = np.array(START), 0, ""
    for count in range(1, most + 1):
        try:
            drawn = _drawn_map(order, g, gamma, beta, (fields, samples // 2), rng)
        except FloatingPointError as error:
            reason = str(error)
            break
        new = kept * order + (1 - kept) * drawn
        new[[1, 5]] = np.where(new[[1, 5]] > 0, new[[1, 5]], FLOOR)
        step, size = abs(new - order)[:4] * unit, abs(order)[:4] * unit
        order = new
        if count >= LEAST and (np.all(step < ABSOLUTE) or np.all(step < RELATIVE * size)):
            break
    else:
        reason = f"the rule has not stopped it after most={most} iterations"
    texts = dict(zip(OrderParameters._fields, order, strict=True))
    return {
        **{f"{name}_end": told((), v, f"{name} where it ended") for name, v in texts.items()},
        "iterations": told((), count, "iterations until then"),
        "reason": told((), reason, "why the rule did not stop it"),
    }


def _drawn_map(
    order: Array, g: float, gamma: float, beta: float, size: tuple[int, int], rng: np.random.Generator
) -> Array:
    """The right-hand sides with fields and y drawn: what `replica_map` integrates."""
    q, overlap, r, cross, x_d, noise = order
    v, k = 1 / beta + g**2 * (q - overlap), g**2 * gamma * (r - cross)
    if v <= 0:
        raise FloatingPointError(f"v = {v:.3g} < 0: Q has grown beyond q")
    if k >= 1:
        raise FloatingPointError(f"k = {k:.3g}: x - k phi(x) is not monotone")
    fields, half = size
    tilt = gamma * cross / overlap
    z = g * np.sqrt(overlap) * rng.standard_normal((fields, 1, 1))
    rest = max(g**2 * (noise - gamma * tilt * cross), 0.0)
    w = tilt * z + np.sqrt(rest) * rng.standard_normal((fields, 1, 1))
    y = np.sqrt(v) * rng.standard_normal((fields, 2, half))
    x = _site(z + y, k)
    phi = np.tanh(x)
    log = w * phi - g**2 / 2 * (x_d + noise) * phi**2 - np.log1p(-k * (1 - phi**2))
    weight = np.exp(log - log.max(axis=(1, 2), keepdims=True))

    def mean(values: Array, axis: Any = (1, 2)) -> Array:
        return np.asarray((weight * values).sum(axis) / weight.sum(axis))

    # Halves: the square of an average has the variance of the average in it.
    (phi1, phi2), (y1, y2) = mean(phi, 2).T, mean(y, 2).T
    return np.array([
        mean(phi**2).mean(),
        (phi1 * phi2).mean(),
        mean(y * phi).mean() / v,
        (phi1 * y2 + phi2 * y1).mean() / (2 * v),
        1 / v - mean(y**2).mean() / v**2,
        (y1 * y2).mean() / v**2,
    ])  # fmt: skip


def _site(s: Array, k: float, steps: int = _NEWTON) -> Array:
    """The x of x − kφ(x) = s."""
    x = s + k * np.tanh(s)
    for _ in range(steps if k else 0):
        phi = np.tanh(x)
        x = x - (x - k * phi - s) / (1 - k * (1 - phi**2))
    return x


def returning(*, steps: int = 500, nodes: int = 16) -> dict[str, Any]:
    """The map without noise and damping, from the plotted pairs (q, Q > 0).

    Parameters
    ----------
    steps : int
        Iterations of the map.
    nodes : int
        Gauss–Hermite nodes per field.
    """
    arguments.count("steps", steps, 1)
    pairs = {}
    for beta, gamma, g, name, number in PLOTTED:
        pairs.setdefault((beta, gamma, g), {})[name] = number
    pairs = {place: numbers for place, numbers in pairs.items() if "Q" in numbers}
    beta, gamma, g = np.array([*pairs]).T
    point = saddle_point(g, gamma, beta=beta, branch="paramagnetic")
    begin = START._replace(
        q=np.array([one["q"] for one in pairs.values()]),
        Q=np.array([one["Q"] for one in pairs.values()]),
        r=point.r,
    )
    path = [np.stack(np.broadcast_arrays(*begin))]
    for _ in range(steps):
        path.append(np.array(replica_map(tuple(path[-1]), g, gamma, beta=beta, nodes=nodes)))
    q, overlap = np.moveaxis(path, 0, -1)[:2]
    rate = overlap[:, -1] / overlap[:, -2]
    return {
        "pair": [rf"$g = {one:g}$, $\gamma = {two:g}$" for one, two in zip(g, gamma, strict=True)],
        "step": np.arange(steps + 1),
        "q_path": told(("pair", "step"), q, "q under the map"),
        "Q_path": told(("pair", "step"), overlap, "Q under the map"),
        "q_exact": told("pair", point.q, "q of the paramagnetic branch, where Q = 0"),
        "rate": told("pair", rate, "factor on Q of the last step"),
        "eigenvalue": told("pair", point.instability, "largest eigenvalue of the map there"),
    }


def factorised(g: Array, gamma: Array) -> tuple[Array, Array]:
    """C and R of x = z + g²γRφ(x), C = E φ², with R = E[φ'](1 + g²γR²)."""
    g, gamma = np.broadcast_arrays(np.asarray(g, dtype=float), gamma)
    static = saddle_point(g, gamma)
    null = g <= critical_gain(gamma)
    C, R = np.zeros(g.shape), np.array(null_response(g, gamma))
    nodes, weights = gauss_hermite(_HERMITE)
    for i in map(tuple, np.argwhere(~null)):

        def errors(unknowns: Array, gain: float = g[i], symmetry: float = gamma[i]) -> list[float]:
            spread, response = unknowns
            x = _site(gain * spread * nodes, gain**2 * symmetry * response, 30)
            phi = np.tanh(x)
            back = 1 + gain**2 * symmetry * response**2
            # Per C: C = 0 is another solution.
            return [
                weights @ phi**2 / spread**2 - 1,
                (weights @ (1 - phi**2)) * back - response,
            ]

        found = root(errors, [np.sqrt(static.Q[i]), static.G[i]], tol=1e-12)
        if np.max(np.abs(errors(found.x))) > 1e-9:
            raise NotConvergedError(f"factorised response at g={g[i]:g}, gamma={gamma[i]:g}")
        C[i], R[i] = found.x[0] ** 2, found.x[1]
    return C, R


def responses(*, gain: Sequence[float], symmetry: Sequence[float]) -> dict[str, Any]:
    """C and R of the factorised average and of the single-site average.

    Parameters
    ----------
    gain : sequence of float
        Gains of both closures.
    symmetry : sequence of float
        Symmetries γ of both closures.
    """
    grid = np.meshgrid(gain, symmetry)
    C, R = factorised(*grid)
    site = saddle_point(*grid)
    dims = ("symmetry", "gain")
    return {
        "C_factorised": told(dims, C, "C with R = E[phi'](1 + g^2 gamma R^2)"),
        "R_factorised": told(dims, R, "R = E[phi'](1 + g^2 gamma R^2)"),
        "C_site": told(dims, site.Q, "C with R = E[phi'/(1 - g^2 gamma R phi')]: static branch"),
        "R_site": told(dims, site.G, "R = E[phi'/(1 - g^2 gamma R phi')]: static branch"),
    }
