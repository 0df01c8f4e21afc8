"""The numbers plotted in [QH] beside exact ones: a noisy iteration, its slow map, two responses.

The public code of [QH] (repository Qjbtiger/Equilibrium-RNN, commit 242a47c) solves the
saddle-point equations by damped iteration, with Monte-Carlo averages and a rule that stops it.
`iterated` and `iterated_cold` are plain iterations of this kind, `returning` is the same map
without noise, `responses` compares two closures of the static equations, and PLOTTED are values
read off the figures of [QH].
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy

from ..common import arguments, cost, seeds, style
from ..common.arguments import Array
from ..common.result import NotConvergedError
from ..common.study import Part, Study, told
from ..elliptic import critical_gain, null_response
from ..quadrature import gauss_hermite
from ..replica.solver import OrderParameters, replica_map, saddle_point

if TYPE_CHECKING:
    import xarray as xr
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
# Starts of the iterations: those of [QH] are not known here, and what is found depends on them.
# q, Q, r, R, X_d, P at finite β; q, χ, Q̂, χ̂, r̃, −ξ at β = ∞.
STARTS = {
    "weak": np.array([0.5, 0.25, 0.5, 0.0, -0.5, 0.5]),
    "strong": np.array([0.5, 0.25, 0.5, 0.0, 0.0, 50.0]),
}
COLD_STARTS = {
    "weak": np.array([0.5, 1.0, 1e-5, 1e-5, 1e-5, 0.5]),
    "strong": np.array([0.5, 0.5, 0.5, 0.5, 0.5, 0.5]),
}
# Of one y: numbers held, and seconds in one iteration.
_NUMBERS, _SECONDS = 12, 1e-7
# Solves x − kφ(x) = s for k < 1 to the accuracy of a Monte-Carlo average.
_NEWTON = 4
_HERMITE = 200
_LINE = 121
_SOLVED = 1e-9
# Places among which the largest S is looked for, and the least curvature that they resolve.
_PLACES, _FLAT = 201, 1e-3


def iterated(
    g: float,
    gamma: float,
    kept: float,
    start: str,
    *,
    beta: float = 1e4,
    fields: int = 400,
    n_samples: int = 100,
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
    n_samples : int
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
    arguments.count("n_samples", n_samples, 2)
    arguments.count("most", most, LEAST)
    values = fields * n_samples
    cost.check(
        "fields", fields, "draw less", numbers=_NUMBERS * values, seconds=_SECONDS * values * most
    )
    rng = seeds.generator(seed, "sampling")

    def drawn(order: Array) -> Array:
        return _drawn_map(order, g, gamma, beta, (fields, n_samples // 2), rng)

    unit = np.array([1.0, 1.0, beta**-0.5, beta**-0.5])
    order, count, reason = _damped(drawn, STARTS[start], kept, most, unit, [1, 5])
    ends = dict(zip(OrderParameters._fields, order, strict=True))
    return {
        **{f"{name}_end": told((), v, f"{name} where it ended") for name, v in ends.items()},
        "iterations": told((), count, "iterations until then"),
        "reason": told((), reason, "why the rule did not stop it"),
    }


def iterated_cold(
    g: float,
    gamma: float,
    kept: float,
    start: str,
    *,
    fields: int = 400,
    most: int = 300,
    seed: int,
) -> dict[str, Any]:
    """The same in the unknowns of β = ∞."""
    rng = seeds.generator(seed, "sampling")

    def drawn(order: Array) -> Array:
        return _drawn_cold_map(order, g, gamma, fields, rng)

    order, count, reason = _damped(drawn, COLD_STARTS[start], kept, most, np.ones(6), [2])
    return {
        "q_cold": told((), order[0], "q where the iteration at β = ∞ ended"),
        "chi_cold": told((), order[1], "χ = β(q−Q) there"),
        "G_cold": told((), order[5], "−ξ = r − R there"),
        "energy_cold": told((), order[2] / (2 * g**2), "E/N = Q̂/(2g²) there"),
        "iterations_cold": told((), count, "iterations until then"),
        "reason_cold": told((), reason, "why the rule did not stop it"),
    }


def _damped(
    drawn: Callable[[Array], Array],
    order: Array,
    kept: float,
    most: int,
    unit: Array,
    positive: list[int],
) -> tuple[Array, int, str]:
    """Where the rule of [QH] stops a damped iteration, after how many, or why it did not."""
    judged = unit.size
    for count in range(1, most + 1):
        try:
            new = kept * order + (1 - kept) * drawn(order)
        except FloatingPointError as error:
            return np.full_like(order, np.nan), count, str(error)
        new[positive] = np.where(new[positive] > 0, new[positive], FLOOR)
        step, size = abs(new - order)[:judged] * unit, abs(order)[:judged] * unit
        order = new
        if count >= LEAST and (np.all(step < ABSOLUTE) or np.all(step < RELATIVE * size)):
            return order, count, ""
    return order, most, f"the rule has not stopped it after most={most} iterations"


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


def _drawn_cold_map(
    order: Array, g: float, gamma: float, fields: int, rng: np.random.Generator
) -> Array:
    """Laplace's method at the maximum of S for each field: derivations, `zero_temperature`."""
    q, chi, q_hat, chi_hat, r, response = order
    variance, k, kappa = 1 + g**2 * chi, g**2 * gamma * response, g**2 * gamma * r
    spread = g * np.sqrt(q)
    u, n = rng.standard_normal((2, fields, 1))
    z = spread * n
    w = np.sqrt(max(q_hat - kappa**2 / spread**2, 0.0)) * u + kappa * n / spread

    def slopes(x: Array) -> tuple[Array, ...]:
        phi = np.tanh(x)
        d1 = 1 - phi**2
        d2 = -2 * phi * d1
        y, stretch = x - z - k * phi, 1 - k * d1
        slope = (w - 2 * chi_hat * phi) * d1 - y * stretch / variance
        curvature = (w - 2 * chi_hat * phi) * d2 - 2 * chi_hat * d1**2
        curvature = curvature - (stretch**2 - y * k * d2) / variance
        return phi, d1, y, stretch, slope, np.maximum(-curvature, _FLAT)

    reach = abs(z).max() + abs(k) + np.sqrt(4 * variance * (abs(w).max() + abs(chi_hat)))
    grid, spacing = np.linspace(-reach, reach, _PLACES, retstep=True)
    values = np.tanh(grid)
    S = w * values - chi_hat * values**2 - (grid - z - k * values) ** 2 / (2 * variance)
    x = grid[S.argmax(axis=1)][:, None]
    for _ in range(_NEWTON):
        *_, slope, curvature = slopes(x)
        x = x + np.clip(slope / curvature, -spacing, spacing)
    phi, d1, y, stretch, _, curvature = slopes(x)
    across = stretch / (variance * curvature)
    return np.array([
        np.mean(phi**2),
        np.mean(d1**2 / curvature),
        g**2 * np.mean(y**2) / variance**2,
        g**2 / 2 * np.mean(1 - stretch * across) / variance,
        np.mean(y * phi) / variance,
        np.mean(d1 * across),
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
    import xarray as xr

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
        found = scipy.optimize.root(
            _mismatch, [np.sqrt(static.Q[i]), static.G[i]], (g[i], gamma[i]), tol=1e-12
        )
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
    import xarray as xr

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
    import xarray as xr

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
    cold_line = saddle_point(grid[2][0], grid[1][0], throw=False)
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
        n_lost_cold=(data.reason_cold != "")
        .sum("replicate")
        .assign_attrs(long_name="runs at β = ∞ that the rule did not stop"),
        chi_line=told(dims[1:], cold_line.chi, "χ of the static branch, negative where unstable"),
        G_line=told(dims[1:], cold_line.G, "G of the static branch"),
        q_line=told(dims, branch.q, "q of the paramagnetic branch, where Q = 0"),
    )


def draw(data: xr.Dataset) -> Figure:
    """Where the iteration ended, Q under the map, temperatures, and both closures."""
    figure, axes = style.panels(4, 2, height=8.4)
    (q, overlap), (path, temperature), (response, chi), (C, R) = axes
    for index, gamma in enumerate(data.gamma.values):
        colour = style.shade(index, data.sizes["gamma"])
        q.plot(data.g_line, data.q_line.sel(gamma=gamma).isel(beta_line=1), color=colour)
        response.plot(data.g_line, data.G_line.sel(gamma=gamma), color=colour)
        chi_line = data.chi_line.sel(gamma=gamma)
        chi.plot(data.g_line, chi_line.where(chi_line > 0), color=colour)
        for axis, name in (
            (q, "q_end"),
            (overlap, "Q_end"),
            (response, "G_cold"),
            (chi, "chi_cold"),
        ):
            _ends(axis, data.sel(gamma=gamma), name, colour)
            beta = data.attrs["beta"] if name.endswith("end") else np.inf
            _plotted(axis, data, name.split("_")[0], colour, beta=beta, gamma=gamma)
        overlap.plot([], [], color=colour, label=rf"$\gamma = {gamma:g}$")
    overlap.axhline(0, color="0.4", lw=1)
    for row, (kept, start) in enumerate(_runs(data)):
        marker = style.MARKERS[row % len(style.MARKERS)]
        q.plot([], [], marker, color="0.4", mfc="none", label=f"kept {kept:g}, {start} start")
    q.plot([], [], "X", mfc="0.4", mec=style.ALARM, ms=5, label="plotted in [QH]")
    q.plot([], [], color="0.4", label="exact")
    for index, pair in enumerate(data.pair.values):
        one, colour = data.sel(pair=pair), style.shade(index, data.sizes["pair"])
        path.plot(data.step, one.Q_path, color=colour, label=pair)
        law = float(one.Q_path[-1]) * one.eigenvalue ** (data.step - data.step[-1])
        path.plot(data.step, law.where(law < 1), ":", color=colour, lw=0.8)
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
    labels = "$q$", "$Q$", "$Q$", "$q$", r"$-\xi$", r"$\chi$", "$C$", r"$R_{\mathrm{int}}$"
    for axis, label in zip(axes.flat, labels, strict=True):
        axis.set(xlabel="gain $g$", ylabel=label)
        if axis not in (response, chi, R):
            axis.legend()
    path.set(xlabel="iterations of the map", yscale="log", title="without noise")
    q.set_title(rf"$\beta = {data.attrs['beta']:g}$")
    chi.set_yscale("log")
    response.set_title(r"$\beta = \infty$; lines: exact $G$")
    temperature.set_title(rf"exact, $\gamma = {float(data.gamma[0]):g}$")
    R.set_title(r"dashed: $R = E[\phi'](1 + g^2\gamma R^2)$")
    return figure


def _runs(data: xr.Dataset) -> list[tuple[float, str]]:
    return [(kept, start) for kept in data.kept.values for start in data.start.values]


def _ends(axis: Axes, data: xr.Dataset, name: str, colour: Any) -> None:
    for row, (kept, start) in enumerate(_runs(data)):
        values = data[name].sel(kept=kept, start=start)
        axis.errorbar(
            data.g, values.mean("replicate"), style.spread(values), color=colour,
            marker=style.MARKERS[row % len(style.MARKERS)], mfc="none", ls="",
        )  # fmt: skip


def _plotted(
    axis: Axes, data: xr.Dataset, name: str, colour: Any, *, beta: float, gamma: float
) -> None:
    here = (data.plotted_beta == beta) & (data.plotted_gamma == gamma) & (data.plotted_name == name)
    axis.plot(
        data.plotted_g[here], data.plotted[here], "X", mfc=colour, mec=style.ALARM, ms=5, zorder=4
    )


PUBLISHED = Study(
    name="published",
    source="[QH] Figs. 2–5",
    title="the published numbers beside exact ones",
    parts=(
        Part(iterated, ("gamma", "g", "kept", "start"), replicated=True),
        Part(iterated_cold, ("gamma", "g", "kept", "start"), replicated=True),
        Part(returning, whole=True),
        Part(responses, whole=True),
    ),
    draw=draw,
    text="""
What a damped Monte-Carlo iteration with the stop rule of [QH] finds, against solutions of the same
equations. The rule: after at least 100 iterations, all of q, Q, r/√β, R/√β change by less than
0.0008, or all by less than 0.8 %. Neither the start of the published runs nor the sense of their
damping is known here, so that two of each are tried; the samples are fewer. Runs that it does not
stop are counted (n_lost) and drawn where they were left. Crosses: values read off the figures,
± 3 %.

(a), (b) With the published stop rule we find Q > 0 above the onset, and values of q and Q that
depend on start and damping. The equations have Q = 0 there: for γ ≥ 0 the paramagnetic branch
(lines) is stable. The energy of Fig. 2 does not notice it, the fluctuation σ_xφ of Fig. 5 does.
(c) Started from the plotted pairs, the map without noise returns to Q = 0, but slowly: the factor
on Q tends to the largest eigenvalue (dotted), next to 1, and the map is not normal, so that Q rises
first. A rule on the change in one iteration cannot tell this from convergence. (d) The exact curves
at β = 10⁴ and β = ∞ differ near the onset only, where the plotted values are close to them.

(e), (f) The same iteration in the unknowns of β = ∞. Exact is the static branch with −ξ = G; beyond
the line g²K > 1, so that χ, which obeys χ = (1+g²χ)K, grows without end, and what is found is
where the rule stopped it. The plotted −ξ = 1.335 at γ = 0.5, g = 0.5 is not found: both starts lead
to the exact 1.1716.

(g), (h) C and R_int of the static equations. R = E[φ'](1 + g²γR²) (dashed), a product of averages,
is exact at rest and at γ = 0; the average over one site is R = E[φ'/(1 − g²γRφ')] (lines). Neither
is the dynamics beyond the line: that is `response-curve`.""",
    axes={
        "g": (0.5, 0.98, 1.0, 1.1, 1.19, 1.2),
        "gamma": (0.0, 0.5),
        "kept": (0.2, 0.8),
        "start": tuple(STARTS),
    },
    replicates=2,
    columns=(
        "plotted_name", "plotted_beta", "plotted_gamma", "plotted_g", "plotted", "exact", "q_end",
        "Q_end", "R_end", "iterations", "sigma_off", "beta_energy_end", "n_lost", "q_cold",
        "G_cold", "chi_cold", "n_lost_cold", "q_exact", "rate", "eigenvalue", "C_factorised",
        "R_factorised", "C_site", "R_site",
    ),
    derive=derive,
    presets={
        "quick": {"g": (0.5, 0.98, 1.1, 1.19), "fields": 200, "steps": 100},
        "paper": {
            "g": (0.5, 0.8, 0.98, 1.0, 1.1, 1.19, 1.2), "gamma": (0.0, 0.2, 0.5, 0.8),
            "fields": 2000,
        },
    },
    command="python -m meanfield published",
)  # fmt: skip
