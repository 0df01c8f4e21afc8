"""`phase_diagram`: the replica theory across g and γ ([QH] Figs. 3 and 5)."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from ..common import arguments, style
from ..common.arguments import ArgumentError, Array, validated
from ..common.result import given
from ..common.study import Part, Study, told
from ..common.sweep import SweepWarning, sweep
from ..elliptic import critical_gain, measure_transition_gain
from ..replica.points import checked, seconds_of
from ..replica.solver import saddle_point
from ..transfer import TransferFunction

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.cm import ScalarMappable
    from matplotlib.figure import Figure

STATIC, PARAMAGNETIC = "static", "paramagnetic"
GRID = ("gamma", "g")
_LINES = ["critical_gain", "measure_transition_gain"]
# Where a branch is, which need not be where it was asked for.
_OWN = {
    "beta": "inverse temperature; static: infinite, whatever --beta says",
    "eta": "confinement; static: 0, whatever --eta says",
}
_PANELS = {STATIC: ("Q", "G", "X"), PARAMAGNETIC: ("q", "r", "X")}
_OTHER = ("q", "Q", "r")
_UNSTABLE: dict[str, Any] = {
    "marker": "o", "ls": "", "ms": 3, "mew": 0.5, "mfc": "none", "mec": style.ALARM
}  # fmt: skip
_LABELS = {"q": r"$q$", "r": r"$r$", "X": r"$X_d$", "G": r"$G = r - R$", "Q": r"$Q$"}


@validated
def phase_diagram(
    g: ArrayLike,
    gamma: ArrayLike,
    *,
    branch: str,
    beta: float = np.inf,
    sheet: str = "cooled",
    phi: str | TransferFunction = "tanh",
    eta: float = 0.0,
    tol: float = 1e-10,
    store: str | Path | None = None,
    workers: int | None = None,
    executor: Any = None,
    progress: bool = False,
) -> xr.Dataset:
    """Solve `saddle_point` on the grid γ × g and label it.

    Parameters
    ----------
    g, gamma : array_like
        Strictly increasing one-dimensional axes, or scalars.
    branch, beta, sheet, phi, eta, tol
        As in `meanfield.saddle_point`; `beta` and `eta` are scalars.
    store, workers, executor
        As in `meanfield.sweep`; a point is all gains of one γ.
    progress : bool
        Show a progress bar on a terminal.

    Returns
    -------
    xarray.Dataset
        Dimensions ``gamma`` and ``g``; the order parameters with long names, the convergence flags
        and residuals, the two transition lines along ``gamma``, and the parameters and versions in
        the attributes.  Points without a solution are nan; `status` and `reason` say why.

    Raises
    ------
    ArgumentError
        If an axis is empty, not increasing or has more than one dimension, or a parameter is out
        of range.

    Examples
    --------
    >>> from meanfield import phase_diagram
    >>> grid = phase_diagram([0.8, 1.2], [0.0, 0.5], branch="paramagnetic")
    >>> grid.q.dims, grid.q.shape
    (('gamma', 'g'), (2, 2))
    >>> round(float(grid.q.sel(g=1.2, gamma=0.5)), 8)
    0.31597418
    """
    facts = given(phase_diagram, locals())
    gains, gammas = arguments.axis("g", g), arguments.axis("gamma", gamma)
    checked(gains, gammas[:, None], beta, eta, seconds_of(branch))
    # In this process one batch is fastest; rows of it can be shared out, and kept.
    apart = store is not None or executor is not None or (workers or 1) > 1
    how: dict[str, Any] = {
        "g": gains, "branch": branch, "beta": beta, "sheet": sheet, "phi": phi, "eta": eta,
        "tol": tol,
    }  # fmt: skip
    if apart:
        data = sweep(
            _solved, {"gamma": gammas}, store=store, workers=workers, executor=executor,
            progress=progress, label=branch, **how,
        ).drop_vars("failed")  # fmt: skip
    else:
        data = _solved(gammas, progress=progress, **how)
    data.gamma.attrs.update(long_name="coupling symmetry", units="1")
    lines = {
        "critical_gain": (critical_gain, "gain of the linear instability, g(1+gamma) = 1"),
        "measure_transition_gain": (measure_transition_gain, "gain where g^2 (1+gamma) = 1"),
    }
    return data.assign(
        {
            name: told("gamma", line(gammas, phi=phi), text, units="1")
            for name, (line, text) in lines.items()
        }
    ).assign_attrs(facts)


def _solved(gamma: Array, *, g: Array, **how: Any) -> xr.Dataset:
    """All gains of one γ or of several, which the solver takes together."""
    points = saddle_point(g, np.asarray(gamma)[..., None], throw=False, **how)
    dims = GRID[-points.q.ndim :]
    data = points.to_dataset(dims).drop_vars(["beta", "eta", *GRID])
    axes = {"g": (dims[-1], g, {"long_name": "gain", "units": "1"}), "gamma": (dims[:-1], gamma)}
    return data.assign_coords(axes)


def branches(
    *,
    g: Sequence[float],
    gamma: Sequence[float],
    branch: Sequence[str] = (STATIC, PARAMAGNETIC),
    beta: float = np.inf,
    sheet: str = "cooled",
    phi: str = "tanh",
    eta: float = 0.0,
    tol: float = 1e-10,
    store: str | Path | None = None,
    workers: int | None = None,
    executor: Any = None,
    progress: bool = False,
) -> xr.Dataset:
    """Several branches on one grid, along the dimension ``branch``, with what they say in sum.

    Parameters
    ----------
    g : sequence of float
        Gains, increasing: START:STOP:COUNT or a,b,c.
    gamma : sequence of float
        Coupling symmetries, likewise.
    branch : {"static", "paramagnetic", "ordered", "stable"}
        Branches, a list; stable has the equilibrium of every point, `branch_of` says which it is.
    beta : float
        Inverse temperature; the static branch is at β = ∞ and η = 0 whatever is asked for.
    sheet : {"cooled", "null"}
        Of the paramagnetic branch for γ < 0.
    eta : float
        Confinement, needs finite β; not on the static branch.
    tol : float
        Largest residual that counts as converged.
    """
    import xarray as xr

    if sheet != "cooled" and PARAMAGNETIC not in branch:
        raise ArgumentError(f"sheet={sheet!r}: needs branch={PARAMAGNETIC!r}")
    checked(1.0, 0.0, beta, eta, seconds_of(PARAMAGNETIC))
    grids = []
    for name in branch:
        how: dict[str, Any] = {} if name == STATIC else {"beta": beta, "eta": eta}
        # On these two all is done before a process has started, or a point is written.
        if name not in (STATIC, PARAMAGNETIC):
            how |= {"store": store and Path(store, name), "workers": workers, "executor": executor}
        grid = phase_diagram(
            g, gamma, branch=name, sheet=sheet, phi=phi, tol=tol, progress=progress, **how
        )
        grids.append(grid)
    along = xr.Variable("branch", list(branch), {"long_name": "branch of the replica theory"})
    data = xr.concat(
        [grid.drop_vars(_LINES) for grid in grids], along, data_vars="all", coords="minimal",
        compat="override", join="exact", combine_attrs="drop_conflicts",
    )  # fmt: skip
    data = data.assign({name: grids[0][name] for name in _LINES}).assign(_summary(data))
    own = {name: [grid.attrs[name] for grid in grids] for name in _OWN}
    data = data.assign({n: told("branch", own[n], text) for n, text in _OWN.items()})
    empty = data.branch.values[data.n_converged.values == 0].tolist()
    if empty:
        reasons = "; ".join(data.reasons.sel(branch=empty).values)
        text = f"no point converged on branch {', '.join(empty)}: {reasons}"
        warnings.warn(text, SweepWarning, stacklevel=2)
    return data


def _summary(data: xr.Dataset) -> dict[str, Any]:
    known = data.converged
    some = known.any(GRID)
    residual = data.residual.where(known, -1.0)
    place = residual.argmax(GRID)
    unstable = known & ~data.stable
    counts = [Counter(r[r != ""].tolist()) for r in data.reason.values]
    reasons = ["; ".join(f"{n} × {text}" for text, n in c.most_common()) for c in counts]
    sums = {
        "points": (known.count(GRID), "points of the grid"),
        "n_converged": (known.sum(GRID), "points with a solution"),
        "n_unstable": (
            unstable.sum(GRID),
            "unstable solutions; the equilibrium: --branch stable with a finite --beta (unstable "
            "there: ordered, replica symmetry is broken)",
        ),
        "n_unstable_negative": (
            unstable.where(data.gamma < 0).sum(GRID), "unstable solutions at γ < 0"
        ),
        "worst_residual": (residual.max(GRID).where(some), "largest residual"),
        "worst_g": (data.g[place["g"]].where(some), "gain where it is"),
        "worst_gamma": (data.gamma[place["gamma"]].where(some), "symmetry where it is"),
        "worst_quadrature_error": (
            data.quadrature_error.max(GRID), "largest change when the nodes are doubled"
        ),
    }  # fmt: skip
    return {
        **{name: told("branch", values, text) for name, (values, text) in sums.items()},
        "reasons": told("branch", reasons, "why points are not converged"),
    }


def one_branch(data: xr.Dataset, branch: str) -> xr.Dataset:
    """The grid of one of the `branches`, as `phase_diagram` returns it."""
    data = data.sel(branch=branch, drop=True)
    own = {name: data[name].item() for name in _OWN}
    return data.drop_vars(own).assign_attrs(branch=branch, **own)


def split(data: xr.Dataset) -> dict[str, xr.Dataset]:
    """The grids by the names of their branches."""
    return {name: one_branch(data, name) for name in data.branch.values.tolist()}


def draw(data: xr.Dataset) -> dict[str, Figure]:
    """Order parameters against g, and fluctuation–response relations."""
    grids = list(split(data).values())
    return {
        "order-parameters": order_parameters(grids),
        "fluctuation-response": fluctuation_response(grids),
    }


def order_parameters(grids: Sequence[xr.Dataset], on: Any = None) -> Figure:
    """Order parameters against g, coloured by γ, with both transition lines ([QH] Fig. 3)."""
    figure, axes, colours = _panels(grids, on)
    for row, data in zip(axes, grids, strict=True):
        for axis, name in zip(row, _PANELS.get(data.attrs["branch"], _OTHER), strict=True):
            _curves(axis, data, name, colours)
            axis.set(xlabel=r"gain $g$", ylabel=_LABELS[name])
    for mark, text in (("o", r"$g(1+\gamma) = 1$"), ("s", r"$g^2(1+\gamma) = 1$")):
        axes[0, 0].plot([], [], mark, mfc="white", mec="0.3", label=text)
    axes[0, 0].plot([], [], "--", color="0.3", label="unstable")
    axes[0, 0].legend(loc="upper left")
    return figure


def fluctuation_response(grids: Sequence[xr.Dataset]) -> Figure:
    """σ against q−Q, σ against r−R, r−R against q−Q ([QH] Fig. 5), a curve a γ."""
    # On the static branch q−Q vanishes like 1/β: the scaled variables βσ, χ and G are drawn, where
    # that branch is stable (χ > 0).
    figure, axes, colours = _panels(grids)
    for row, data in zip(axes, grids, strict=True):
        scaled = data.attrs["branch"] == STATIC
        shown = data[["q", "Q", "G", "chi", "sigma_xphi"]]
        shown = shown.where(data.stable & np.isfinite(data.chi)) if scaled else shown
        fluctuation = (shown.q - shown.Q, "$q - Q$", "linear")
        sigma = (shown.sigma_xphi, r"$\sigma_{x\phi}$", "linear")
        if scaled:
            fluctuation = (shown.chi, r"$\chi = \beta(q - Q)$", "log")
            sigma = (shown.sigma_xphi, r"$\beta\sigma_{x\phi}$", "log")
        response = (shown.G, "$r - R$", "linear")
        pairs = ((fluctuation, sigma), (response, sigma), (fluctuation, response))
        bad = ~data.stable & data.converged & (not scaled)
        for axis, ((x, x_text, x_scale), (y, y_text, y_scale)) in zip(row, pairs, strict=True):
            axis.set(xlabel=x_text, ylabel=y_text)
            if not np.any(np.isfinite(x) & np.isfinite(y)):
                continue  # Nothing to show; a logarithmic axis would refuse it.
            for gamma in data.gamma.values:
                # For γ < 0 a jump lies between both parts.
                for part in (~bad, bad):
                    one = [v.where(part).sel(gamma=gamma) for v in (x, y)]
                    axis.plot(*one, ".-", color=colours.to_rgba(gamma), lw=0.7, ms=1.5)
            axis.plot(x.where(bad).values.ravel(), y.where(bad).values.ravel(), **_UNSTABLE)
            axis.set(xscale=x_scale, yscale=y_scale)
        if bad.any():
            row[0].plot([], [], **_UNSTABLE, label="unstable")
            row[0].legend(loc="upper left")
    return figure


def _panels(grids: Sequence[xr.Dataset], on: Any = None) -> tuple[Any, Any, ScalarMappable]:
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    if on is None:
        figure, axes = style.panels(len(grids), 3, height=2.2 * len(grids), squeeze=False)
    else:
        figure, axes = on, on.subplots(len(grids), 3, squeeze=False)
    low, high = float(grids[0].gamma.min()), float(grids[0].gamma.max())
    margin = 0.0 if high > low else 0.5
    colours = ScalarMappable(Normalize(low - margin, high + margin), "viridis")
    for row, data in zip(axes, grids, strict=True):
        beta = data.attrs["beta"]
        text = r"\infty" if np.isinf(beta) else f"{beta:g}"
        row[0].set_title(rf"{data.attrs['branch']} branch, $\beta = {text}$")
    figure.colorbar(colours, ax=axes.ravel().tolist(), label=r"symmetry $\gamma$", aspect=40)
    return figure, axes, colours


def _curves(axis: Axes, data: xr.Dataset, name: str, colours: ScalarMappable) -> None:
    is_static = data.attrs["branch"] == STATIC
    bounded = name == "X"
    for gamma in data.gamma.values:
        curve, colour = data.sel(gamma=gamma), colours.to_rgba(gamma)
        values, unstable = curve[name].where(curve.converged), ~curve.stable
        if bounded:
            # X_d diverges at the lines, and beyond its own the static branch is formal.
            values = _bounded(values.where(curve.stable) if is_static else values)
        elif is_static:
            # One continuous curve: start the dashes at the last stable point.
            unstable = unstable | unstable.shift(g=-1, fill_value=False)
        axis.plot(data.g, values.where(curve.stable), color=colour)
        axis.plot(data.g, values.where(unstable), color=colour, ls="--")
        for line, marker in zip(_LINES, "os", strict=True):
            gain = float(curve[line])
            # For γ < 0 the measure jumps, on neither line.
            if bounded or not data.g[0] <= gain <= data.g[-1] or (gamma < 0 and not is_static):
                continue
            height = np.interp(gain, data.g.values, values.values)
            if line == _LINES[0] and name in ("G", "r") and np.isinf(data.attrs["beta"]):
                height = 1 / gain  # The peak lies between the points of the grid.
            axis.plot(gain, height, marker, ms=2.6, mfc="white", mec=colour, zorder=3)
    if bounded:
        ticks = np.array([-np.inf, -3.0, -1.0, 0.0, 1.0, 3.0, np.inf])
        texts = [rf"${tick:g}$".replace("inf", r"\infty") for tick in ticks]
        axis.set_yticks(_bounded(ticks), texts)


def _bounded(values: Any) -> Any:
    """x/(1 + |x|), ±1 at ±∞."""
    size = abs(values)
    return np.sign(values) * (1 - 1 / (1 + size))


PHASE_DIAGRAM = Study(
    name="phase-diagram",
    source="[QH] Figs. 3 and 5",
    title="replica theory across g and γ",
    parts=(Part(branches, ("branch", "gamma"), whole=True),),
    draw=draw,
    text="""
Order parameters of the saddle-point equations against g, coloured by γ, one row a branch, and
fluctuation–response relations. Dashed: unstable; circles on g(1+γ) = 1, where x = 0 becomes
unstable, the static branch, one fixed point, leaves zero, and the number of fixed points becomes
exponential; squares on g²(1+γ) = 1, where for γ ≥ 0 the measure exp(−βE), β → ∞, which weighs them
by 1/|det A|, leaves zero. Beyond its line the static branch is formal. On it q−Q vanishes like 1/β,
so that χ = β(q−Q) and βσ_xφ are drawn, where it is stable. X_d diverges on the lines, for γ > 0
between them too; its scale is that of X_d/(1 + |X_d|). For γ < 0 the paramagnetic branch jumps,
between 1/√(1+γ) and 1/(1+γ), from x = 0 to a piece of its cooled sheet that is unstable: there the
measure is that of the ordered branch.""",
    axes={
        "g": np.linspace(0.4, 1.2, 81).round(12).tolist(),
        "gamma": (np.linspace(-0.2, 1.0, 13).round(12) + 0.0).tolist(),
        "branch": (STATIC, PARAMAGNETIC),
    },
    columns=(
        "beta", "eta", "points", "n_converged", "n_unstable", "n_unstable_negative",
        "worst_residual", "worst_g", "worst_gamma", "worst_quadrature_error", "reasons",
    ),
    split=split,
    command="python -m meanfield sweep",
)  # fmt: skip
