"""`response_curve`: activity and integrated response of the steady state on a (γ, g) grid."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike
from tqdm import tqdm

from .. import parameters, seeds
from ..convergence import NotConvergedError
from ..grids import phase_diagram
from ..provenance import provenance
from ..transfer import TransferFunction, transfer_function
from .sampler import SamplerError
from .steady_state import steady_state

_LINE = 241
_NUMBERS = {
    "q": "mean square activity <phi^2>, C(0)",
    "q_err": "mean square activity <phi^2>, C(0), error",
    "r_int": "integrated response",
    "r_int_err": "integrated response, error",
}
_FACTS = {
    "converged": "drift and window change within their errors",
    "method": "null, stationary or sampler, as in steady_state",
    "reason": "why a point is not converged",
    "seed": "seed of steady_state at this point, empty without sampling",
}


def response_curve(
    g: ArrayLike,
    gamma: ArrayLike,
    *,
    phi: str | TransferFunction = "tanh",
    seed: int | None = None,
    n_trajectories: int = 32_000,
    batches: int = 8,
    dt: float = 0.2,
    t_skip: float = 120.0,
    t_max: float = 360.0,
    window: float = 120.0,
    tol: float = 1e-2,
    workers: int | None = None,
    progress: bool = False,
) -> xr.Dataset:
    """C = q and R_int of `steady_state` against g for each γ, beside the static replica branch.

    Parameters
    ----------
    g, gamma : array_like
        Strictly increasing one-dimensional axes, or scalars.
    phi : str or TransferFunction
    seed : int, optional
        Every point draws from `point_seed` (seed, g, γ): a number of its own, whatever the other
        points of the grid and `workers`.  None takes a seed from the operating system, to be read
        from the attributes.
    n_trajectories, batches, dt, t_skip, t_max, window, tol, workers
        As in `steady_state`, with longer averages by default, because near the onset all is slow,
        and a longer step and larger `tol`, which q and R_int allow; unused where nothing is
        sampled.
    progress : bool
        Show a progress bar on a terminal.

    Returns
    -------
    xarray.Dataset
        Dimensions ``gamma`` and ``g``: `q`, `r_int` with errors, `converged`, `method`, `reason`
        and `seed` of each point; `Q_static`, `G_static` and `static_stable` of
        ``saddle_point(branch="static")``, which is null up to the critical gain and unstable
        beyond; `critical_gain` along ``gamma``.  A point that is not converged keeps its numbers,
        which still drift or depend on the window; they are nan where there are none.

    Raises
    ------
    ArgumentError
        If an axis is not increasing or an argument is outside its range.

    Notes
    -----
    Just above the line the relaxation time diverges: points there need a longer `t_skip`, `t_max`
    and `window` than the rest, and say so in `reason`.

    Examples
    --------
    >>> from meanfield import response_curve
    >>> curve = response_curve([0.6, 1.1], [0.0, 0.5], n_trajectories=4096, batches=2, window=20,
    ...     t_skip=20, t_max=60, dt=0.2, tol=1e-2, seed=0)
    >>> curve.method.values.tolist()
    [['null', 'stationary'], ['null', 'sampler']]
    >>> abs(float(curve.r_int.sel(g=0.6, gamma=0.5) - curve.G_static.sel(g=0.6, gamma=0.5))) < 1e-12
    True
    """
    transfer = transfer_function(phi)
    static = phase_diagram(g, gamma, branch="static", phi=transfer)
    gains, gammas = static.g.values, static.gamma.values
    entropy = seeds.entropy(seed)
    controls: dict[str, Any] = {
        "n_trajectories": n_trajectories,
        "batches": batches,
        "dt": dt,
        "t_skip": t_skip,
        "t_max": t_max,
        "window": window,
        "tol": tol,
    }
    shape = (gammas.size, gains.size)
    numbers = {name: np.full(shape, np.nan) for name in _NUMBERS}
    converged = np.zeros(shape, dtype=bool)
    words = {name: np.full(shape, "", dtype=object) for name in ("method", "reason", "seed")}
    with tqdm(list(np.ndindex(shape)), unit="point", disable=None if progress else True) as points:
        for index in points:
            symmetry, gain = float(gammas[index[0]]), float(gains[index[1]])
            points.set_postfix_str(f"g = {gain:g}, gamma = {symmetry:g}")
            own = point_seed(entropy, gain, symmetry)
            try:
                state = steady_state(
                    gain, symmetry, phi=transfer, seed=own, workers=workers, **controls
                )
            except (NotConvergedError, SamplerError) as error:
                words["reason"][index] = getattr(error, "summary", str(error))
                continue
            for name, values in numbers.items():
                values[index] = getattr(state, name)
            converged[index] = state.converged
            words["method"][index], words["reason"][index] = state.method, state.reason
            words["seed"][index] = state.attributes.get("seed", "")
    axes = ("gamma", "g")
    variables: dict[str, Any] = {
        name: (axes, values, {"long_name": _NUMBERS[name], "units": "1"})
        for name, values in numbers.items()
    }
    facts = {"converged": converged, **{name: text.astype(str) for name, text in words.items()}}
    variables |= {name: (axes, facts[name], {"long_name": text}) for name, text in _FACTS.items()}
    variables |= {
        "Q_static": static.Q,
        "G_static": static.G,
        "static_stable": static.stable,
        "critical_gain": static.critical_gain,
    }
    attributes = {"phi": transfer.name, "seed": str(entropy), **controls, **provenance()}
    return xr.Dataset(variables, static.coords, attributes)


def point_seed(seed: int, g: float, gamma: float) -> int:
    """Seed of one point: 128 bits that depend on `seed`, g and γ and on nothing else.

    g and γ, rounded to 12 decimals, enter the spawn key of a NumPy `SeedSequence` by the four
    32-bit words of their double-precision bits.

    Parameters
    ----------
    seed : int
    g, gamma : float

    Returns
    -------
    int

    Raises
    ------
    ArgumentError
        If the seed is not an integer ≥ 0.

    Examples
    --------
    >>> from meanfield.dmft.response_curve import point_seed
    >>> point_seed(0, 0.7, 0.5) == point_seed(0, 0.1 + 0.6, 0.5) != point_seed(0, 0.5, 0.7)
    True
    """
    entropy = parameters.count("seed", seed, 0)
    # Adding zero makes −0 the same number as 0.
    place = np.round(np.array([g, gamma], dtype="<f8"), 12) + 0.0
    words = place.astype("<f8").view("<u4").tolist()
    drawn = seeds.sequence(entropy, "sampling", *words).generate_state(4)
    return int.from_bytes(drawn.astype("<u4").tobytes(), "little")


def static_lines(curve: xr.Dataset, phi: str | TransferFunction = "tanh") -> xr.Dataset:
    """The static branch on gains fine enough for a line, the critical ones among them.

    Parameters
    ----------
    curve : Dataset
        Of `response_curve`.
    phi : str or TransferFunction

    Returns
    -------
    xarray.Dataset
        The curve with `Q_line`, `G_line` and `stable_line` along ``gamma`` and ``g_line``.
    """
    low, high = float(curve.g[0]), float(curve.g[-1])
    lines = curve.critical_gain.values
    inside = lines[(lines > low) & (lines < high)]
    gains = np.concatenate([np.linspace(low, high, _LINE), inside])
    static = phase_diagram(np.unique(gains), curve.gamma.values, branch="static", phi=phi).rename(
        g="g_line"
    )
    return curve.assign(Q_line=static.Q, G_line=static.G, stable_line=static.stable)
