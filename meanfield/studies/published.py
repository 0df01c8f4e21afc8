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

from ..common import arguments, cost, seeds, style
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
# Starts of the iteration, q, Q, r, R, X_d, P: that of [QH] is not known here, and what is found
# depends on it.
STARTS = {
    "weak": np.array([0.5, 0.25, 0.5, 0.0, -0.5, 0.5]),
    "strong": np.array([0.5, 0.25, 0.5, 0.0, 0.0, 50.0]),
}
# Of one y: numbers held, and seconds in one iteration.
_NUMBERS, _SECONDS = 12, 1e-7
# Solves x − kφ(x) = s for k < 1 to the accuracy of a Monte-Carlo average.
_NEWTON = 4
_HERMITE = 200
_LINE = 121
_SOLVED = 1e-9


def iterated(
    g: float,
    gamma: float,
    kept: float,
    start: str,
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
    start : {"weak", "strong"}
        Of the fields that a site feels: P = −X_d = 0.5, or P = 50 and X_d = 0.
    beta : float
        Inverse temperature.
    fields : int
        Gaussian fields (z, w) drawn in each iteration.
    samples : int
        Values of y drawn for each of them, at least 2; the halves give products of averages.
    most : int
        Iterations after which it is given up.
    """
    arguments.gain(g)
    arguments.within("gamma", gamma, -1, 1)
    arguments.within("kept", kept, 0, 1)
    arguments.one_of("start", start, tuple(STARTS))
    arguments.positive("beta", beta)
    arguments.count("fields", fields, 1)
    arguments.count("samples", samples, 2)
    arguments.count("most", most, LEAST)
    values = fields * samples
    cost.check(
        "fields", fields, "draw less", numbers=_NUMBERS * values, seconds=_SECONDS * values * most
    )
    rng = seeds.generator(seed, "sampling")
    unit = np.array([1.0, 1.0, beta**-0.5, beta**-0.5])
    order, reason = STARTS[start], ""
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
    order: Array,
    g: float,
    gamma: float,
    beta: float,
    size: tuple[int, int],
    rng: np.random.Generator,
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


def returning(*, steps: int = 500, nodes: int = 16) -> xr.Dataset:
    """The map without noise and damping, from the plotted pairs (q, Q > 0).

    Parameters
    ----------
    steps : int
        Iterations of the map.
    nodes : int
        Gauss–Hermite nodes per field.
    """
    arguments.count("steps", steps, 1)
    pairs: dict[tuple[float, ...], dict[str, float]] = {}
    for *place, name, number in PLOTTED:
        pairs.setdefault(tuple(place), {})[name] = number
    pairs = {place: numbers for place, numbers in pairs.items() if "Q" in numbers}
    beta, gamma, g = np.array([*pairs]).T
    q, overlap = np.array([[one["q"], one["Q"]] for one in pairs.values()]).T
    point = saddle_point(g, gamma, beta=beta, branch="paramagnetic")
    path = [np.stack(np.broadcast_arrays(q, overlap, point.r, *STARTS["weak"][3:]))]
    for _ in range(steps):
        q, overlap, r, R, X, P = path[-1]
        path.append(
            np.stack(replica_map((q, overlap, r, R, X, P), g, gamma, beta=beta, nodes=nodes))
        )
    q, overlap = np.moveaxis(np.stack(path), 0, -1)[:2]
    rate = overlap[:, -1] / overlap[:, -2]
    names = [rf"$g = {one:g}$, $\gamma = {two:g}$" for one, two in zip(g, gamma, strict=True)]
    return xr.Dataset(
        {
            "q_path": told(("pair", "step"), q, "q under the map"),
            "Q_path": told(("pair", "step"), overlap, "Q under the map"),
            "q_exact": told("pair", point.q, "q of the paramagnetic branch, where Q = 0"),
            "rate": told("pair", rate, "factor on Q of the last step"),
            "eigenvalue": told("pair", point.instability, "largest eigenvalue of the map there"),
        },
        {"pair": names, "step": np.arange(steps + 1)},
    )


def factorised(g: Array, gamma: Array) -> tuple[Array, Array]:
    """C and R of x = z + g²γRφ(x), C = E φ², with R = E[φ'](1 + g²γR²)."""
    g, gamma = np.broadcast_arrays(np.asarray(g, dtype=float), gamma)
    static = saddle_point(g, gamma)
    C, R = np.zeros(g.shape), np.array(null_response(g, gamma))
    for i in map(tuple, np.argwhere(g > critical_gain(gamma))):
        found = root(_mismatch, [np.sqrt(static.Q[i]), static.G[i]], (g[i], gamma[i]), tol=1e-12)
        if np.max(np.abs(_mismatch(found.x, g[i], gamma[i]))) > _SOLVED:
            text = f"no factorised response at g={g[i]:g}, gamma={gamma[i]:g}"
            raise NotConvergedError(text, static)
        C[i], R[i] = found.x[0] ** 2, found.x[1]
    return C, R


def _mismatch(unknowns: Array, g: float, gamma: float) -> Array:
    """Errors of both equations at (√C, R); that of C is relative, for C = 0 solves it too."""
    spread, response = unknowns
    nodes, weights = gauss_hermite(_HERMITE)
    phi = np.tanh(_site(g * spread * nodes, g**2 * gamma * response, 30))
    back = 1 + g**2 * gamma * response**2
    return np.array([weights @ phi**2 / spread**2 - 1, weights @ (1 - phi**2) * back - response])


def responses(
    *,
    gain: Sequence[float] = (0.6, 0.7, 0.8, 0.84, 0.9, 1.0, 1.1, 1.19),
    symmetry: Sequence[float] = (0.0, 0.2, 0.5),
) -> xr.Dataset:
    """C and R of the factorised average and of the single-site average.

    Parameters
    ----------
    gain : sequence of float
        Gains of both closures.
    symmetry : sequence of float
        Symmetries γ of both closures.
    """
    gains, symmetries = arguments.axis("gain", gain), arguments.axis("symmetry", symmetry)
    # The peak of R is on the line.
    lines = critical_gain(symmetries)
    gains = np.union1d(gains, lines[(lines > gains[0]) & (lines < gains[-1])])
    C, R = factorised(gains, symmetries[:, None])
    site = saddle_point(gains, symmetries[:, None])
    dims = ("symmetry", "gain")
    return xr.Dataset(
        {
            "C_factorised": told(dims, C, "C with R = E[phi'](1 + g^2 gamma R^2)"),
            "R_factorised": told(dims, R, "R = E[phi'](1 + g^2 gamma R^2)"),
            "C_site": told(dims, site.Q, "C with R = E[phi'/(1 - g^2 gamma R phi')]"),
            "R_site": told(dims, site.G, "R = E[phi'/(1 - g^2 gamma R phi')], static branch"),
        },
        {"gain": gains, "symmetry": symmetries},
    )


def derive(data: xr.Dataset) -> xr.Dataset:
    """Exact values beside the plotted ones, and lines of the paramagnetic branch against g."""
    beta, gamma, g = np.array([one[:3] for one in PLOTTED]).T
    names = [one[3] for one in PLOTTED]
    cold = np.isinf(beta)
    exact = np.empty(len(PLOTTED))
    static = saddle_point(g[cold], gamma[cold])
    warm = saddle_point(g[~cold], gamma[~cold], beta=beta[~cold], branch="paramagnetic")
    for where, point in ((cold, static), (~cold, warm)):
        columns = zip(np.flatnonzero(where), range(where.sum()), strict=True)
        for row, column in columns:
            exact[row] = getattr(point, names[row])[column]
    line = np.linspace(float(data.g.min()), float(data.g.max()), _LINE)
    own = data.attrs["beta"]
    betas = np.array([100.0, own, np.inf])
    grid = np.meshgrid(betas, data.gamma, line, indexing="ij")
    branch = saddle_point(grid[2], grid[1], beta=grid[0], branch="paramagnetic", throw=False)
    ends = saddle_point(
        data.g.values, data.gamma.values[:, None], beta=own, branch="paramagnetic", throw=False
    )
    formula = (data.r_end - data.R_end) * (
        1 / own + data.g**2 * (1 + data.gamma) * (data.q_end - data.Q_end)
    )
    off = formula / xr.DataArray(ends.sigma_xphi, dims=("gamma", "g")) - 1
    energy = (1 - data.X_end / own) / 2
    lost = (data.reason != "").sum("replicate")
    dims = ("beta_line", "gamma", "g_line")
    return data.assign_coords(g_line=line, beta_line=betas).assign(
        plotted_beta=told("plotted_point", beta, "inverse temperature of a plotted value"),
        plotted_gamma=told("plotted_point", gamma, "its γ"),
        plotted_g=told("plotted_point", g, "its g"),
        plotted_name=told("plotted_point", names, "which order parameter it is"),
        plotted=told("plotted_point", [one[4] for one in PLOTTED], "value plotted in [QH], ± 3 %"),
        exact=told(
            "plotted_point", exact, "paramagnetic branch at finite β, static branch at β = ∞"
        ),
        sigma_off=off.assign_attrs(
            long_name="σ_xφ = (r−R)[1/β + g²(1+γ)(q−Q)] where it ended over the exact one, less 1"
        ),
        beta_energy_end=energy.assign_attrs(long_name="βE/N = (1 − X_d/β)/2 where it ended"),
        n_lost=lost.assign_attrs(long_name="runs that the rule did not stop"),
        q_line=told(dims, branch.q, "q of the paramagnetic branch, where Q = 0"),
    )


def draw(data: xr.Dataset) -> Figure:
    """Where the iteration ended, Q under the map, temperatures, and both closures."""
    figure, axes = style.panels(2, 3, size=(13, 7.6))
    (q, overlap, path), (temperature, C, R) = axes
    for index, gamma in enumerate(data.gamma.values):
        colour = style.shade(index, data.sizes["gamma"])
        q.plot(data.g_line, data.q_line.sel(gamma=gamma).isel(beta_line=1), color=colour)
        for axis, name in ((q, "q"), (overlap, "Q")):
            _ends(axis, data.sel(gamma=gamma), name, colour)
            _plotted(axis, data, name, colour, beta=data.attrs["beta"], gamma=gamma)
        overlap.plot([], [], color=colour, label=rf"$\gamma = {gamma:g}$")
    overlap.axhline(0, color="0.4", lw=1)
    for row, (kept, start) in enumerate(_runs(data)):
        marker = style.MARKERS[row % len(style.MARKERS)]
        q.plot([], [], marker, color="0.4", mfc="none", label=f"kept {kept:g}, {start} start")
    q.plot([], [], "X", mfc="0.4", mec=style.ALARM, ms=8, label="plotted in [QH]")
    q.plot([], [], color="0.4", label="exact")
    for index, pair in enumerate(data.pair.values):
        one, colour = data.sel(pair=pair), style.shade(index, data.sizes["pair"])
        path.plot(data.step, one.Q_path, color=colour, label=pair)
        law = float(one.Q_path[-1]) * one.eigenvalue ** (data.step - data.step[-1])
        path.plot(data.step, law.where(law < 1), ":", color=colour, lw=1)
    for index, beta in enumerate(data.beta_line.values):
        colour = style.shade(index, data.sizes["beta_line"])
        label = rf"$\beta = {beta:g}$" if np.isfinite(beta) else r"$\beta = \infty$"
        line = data.q_line.isel(beta_line=index, gamma=0)
        temperature.plot(data.g_line, line, color=colour, label=label)
        _plotted(temperature, data, "q", colour, beta=beta, gamma=float(data.gamma[0]))
    for index, gamma in enumerate(data.symmetry.values):
        one, colour = data.sel(symmetry=gamma), style.shade(index, data.sizes["symmetry"])
        for axis, name in ((C, "C"), (R, "R")):
            axis.plot(data.gain, one[f"{name}_site"], color=colour, label=rf"$\gamma = {gamma:g}$")
            axis.plot(data.gain, one[f"{name}_factorised"], "--", color=colour)
    for axis, letter, label in zip(
        axes.flat, "abcdef", ("$q$", "$Q$", "$Q$", "$q$", "$C$", r"$R_{\mathrm{int}}$"), strict=True
    ):
        axis.set(xlabel="gain $g$", ylabel=label)
        axis.set_title(f"({letter})", loc="right")
        if axis is not R:
            axis.legend(frameon=False, fontsize=8)
    path.set(xlabel="iterations of the map", yscale="log")
    style.heading(q, rf"$\beta = {data.attrs['beta']:g}$")
    style.heading(temperature, rf"exact, $\gamma = {float(data.gamma[0]):g}$")
    style.heading(R, r"dashed: $R = E[\phi'](1 + g^2\gamma R^2)$")
    return figure


def _runs(data: xr.Dataset) -> list[tuple[float, str]]:
    return [(kept, start) for kept in data.kept.values for start in data.start.values]


def _ends(axis: Axes, data: xr.Dataset, name: str, colour: Any) -> None:
    for row, (kept, start) in enumerate(_runs(data)):
        ends = data.sel(kept=kept, start=start)
        # A run that broke down is no answer.
        values = ends[f"{name}_end"].where(ends.reason == "")
        axis.errorbar(
            data.g, values.mean("replicate"), style.spread(values), color=colour,
            marker=style.MARKERS[row % len(style.MARKERS)], mfc="none", ms=5, ls="", capsize=2,
        )  # fmt: skip


def _plotted(
    axis: Axes, data: xr.Dataset, name: str, colour: Any, *, beta: float, gamma: float
) -> None:
    here = (data.plotted_beta == beta) & (data.plotted_gamma == gamma) & (data.plotted_name == name)
    axis.plot(
        data.plotted_g[here], data.plotted[here], "X", mfc=colour, mec=style.ALARM, ms=8, zorder=4
    )


PUBLISHED = Study(
    name="published",
    source="[QH] Figs. 2–5",
    title="the published numbers beside exact ones",
    parts=(
        Part(iterated, ("gamma", "g", "kept", "start"), replicated=True),
        Part(returning, whole=True),
        Part(responses, whole=True),
    ),
    draw=draw,
    text="""
What a damped Monte-Carlo iteration with the stop rule of [QH] finds, against solutions of the same
equations. The rule: after at least 100 iterations, all of q, Q, r/√β, R/√β change by less than
0.0008, or all by less than 0.8 %. Neither the start of the published runs nor the sense of their
damping is known here, so that two of each are tried; the samples are fewer. Short bars: values read
off the figures, ± 3 %.

(a), (b) With the published stop rule we find Q > 0 above the onset, and values of q and Q that
depend on start and damping. The equations have Q = 0 there: for γ ≥ 0 the paramagnetic branch
(lines) is stable. The energy of Fig. 2 does not notice it, the fluctuation σ_xφ of Fig. 5 does.
(c) Started from the plotted pairs, the map without noise returns to Q = 0, but slowly: the factor
on Q tends to the largest eigenvalue (dotted), next to 1, and the map is not normal, so that Q rises
first. A rule on the change in one iteration cannot tell this from convergence. (d) The exact curves
at β = 10⁴ and β = ∞ differ near the onset only, where the plotted values are close to them.

(e), (f) C and R_int of the static equations. R = E[φ'](1 + g²γR²) (dashed), a product of averages,
is exact at rest and at γ = 0; the average over one site is R = E[φ'/(1 − g²γRφ')] (lines). Neither
is the dynamics beyond the line: that is `response-curve`.""",
    axes={
        "g": (0.98, 1.0, 1.1, 1.2),
        "gamma": (0.0, 0.5),
        "kept": (0.2, 0.8),
        "start": tuple(STARTS),
    },
    replicates=2,
    columns=(
        "plotted_name", "plotted_beta", "plotted_gamma", "plotted_g", "plotted", "exact", "q_end",
        "Q_end", "R_end", "iterations", "sigma_off", "beta_energy_end", "n_lost", "q_exact", "rate",
        "eigenvalue", "C_factorised", "R_factorised", "C_site", "R_site",
    ),
    derive=derive,
    presets={
        "quick": {"g": (0.98, 1.1, 1.2), "fields": 200, "steps": 100},
        "paper": {
            "g": (0.9, 0.95, 0.98, 1.0, 1.05, 1.1, 1.15, 1.2), "gamma": (0.0, 0.2, 0.5, 0.8),
            "fields": 2000, "trials": 4,
        },
    },
    command="python -m meanfield published",
)  # fmt: skip
