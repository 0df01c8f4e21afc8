"""[QH] Fig. 1: flows of three neurons, the phase diagram, and the activity in both phases."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from meanfield import seeds
from meanfield.parameters import ArgumentError
from meanfield.transfer import Array

from ... import couplings
from ...dynamics import force, kinetic_energy
from ...fixed_points import FixedPoints, find_fixed_points
from ...integration import integrate
from ...lyapunov import maximal_lyapunov
from ...parallel import in_parallel
from ..definition import CONVERGED, PaperFigure
from ..text import paragraphs, quoted, table
from .flow_pictures import draw

_GAMMA = 0.1
_SIZE = 3
# Gains of the three neurons, with a pair of fixed points and with x = 0 alone.
_PAIR, _NULL = 1.2, 0.8
# Two points of the phase diagram, one in each phase.
_PHASES = (0.8, 2.0)
_DT = 0.05
# Flows start in a cube of this half width.
_REACH = 1.5
_LYAPUNOV_SKIP = 100.0


def compute(
    *,
    n: int,
    n_draws: int,
    n_starts: int,
    n_trajectories: int,
    t_flow: float,
    t_max: float,
    t_lyapunov: float,
    n_shown: int,
    variant: str,
    seed: int,
    workers: int | None,
    progress: bool,
) -> xr.Dataset:
    """Fixed points of many draws of three neurons, flows of one of them, activity of n neurons."""
    jobs = [partial(_zeros, seed, k, _PAIR, n_starts) for k in range(n_draws)]
    found = list(in_parallel(jobs, workers, label="draws", progress=progress))
    pairs = np.array([_stable_pairs(points) for points in found])
    chosen = _first_with_pair(pairs)
    networks = xr.merge(
        [_flow(seed, chosen, n_starts, n_trajectories, t_flow), _zero_table(seed, chosen, n_starts)]
    )
    activity = [
        partial(_activity, seed, k, n, gain, t_max, t_lyapunov, n_shown)
        for k, gain in enumerate(_PHASES)
    ]
    phases = xr.concat(
        list(in_parallel(activity, workers, label="phases", progress=progress)), dim="phase"
    )
    draws = xr.Dataset(
        {
            "stable_pairs": ("draw", pairs, {"long_name": "stable pairs of fixed points +-x"}),
            "index_sum": (
                "draw",
                np.array([points.index_sum for points in found]),
                {"long_name": "sum of the indices of the zeros found, 1 if none is missing"},
            ),
        }
    )
    facts = {"gamma": _GAMMA, "draw": chosen, "n": n, "dt": _DT, "t_lyapunov": t_lyapunov}
    return xr.merge([draws, networks, phases]).assign_attrs({**phases.attrs, **facts})


def _couplings(seed: int, k: int, g: float) -> Array:
    return couplings.elliptic(_SIZE, g, _GAMMA, seed=seeds.member(seed, k))


def _zeros(seed: int, k: int, g: float, n_starts: int) -> FixedPoints:
    return find_fixed_points(
        _couplings(seed, k, g), n_starts=n_starts, seed=seeds.member(seed, k), throw=False
    )


def _stable_pairs(points: FixedPoints) -> int:
    """How many zeros other than x = 0 are stable; each stands for ±x."""
    return int(np.sum((points.x2 > 0) & (points.n_unstable == 0)))


def _first_with_pair(pairs: NDArray[np.int64]) -> int:
    """The first draw with exactly one stable pair ±x*.

    Raises
    ------
    ArgumentError
        If no draw has one.
    """
    fitting = np.flatnonzero(pairs == 1)
    if not fitting.size:
        raise ArgumentError(
            f"n_draws={len(pairs)}: none of these draws of three neurons at g = {_PAIR:g} has "
            "exactly one stable pair of fixed points; raise n_draws"
        )
    return int(fitting[0])


def _flow(seed: int, k: int, n_starts: int, n_trajectories: int, t_flow: float) -> xr.Dataset:
    """Trajectories, their energy and velocity, at both gains, from the same starts."""
    x0 = seeds.generator(seed, "start").uniform(-_REACH, _REACH, (_SIZE, n_trajectories))
    parts = []
    for gain in (_PAIR, _NULL):
        J = _couplings(seed, k, gain)
        run = integrate(J, x0, t_max=t_flow, dt=_DT, save_at=np.arange(0, t_flow + 0.2, 0.4))
        assert run.x is not None
        states = np.moveaxis(run.x, 1, 0).reshape(_SIZE, -1)
        shape = (_SIZE, len(run.t), n_trajectories)
        parts.append(
            xr.Dataset(
                {
                    "J": (("neuron", "source"), J, {"long_name": "coupling from source"}),
                    "x": (("neuron", "t", "trajectory"), states.reshape(shape)),
                    "velocity": (
                        ("neuron", "t", "trajectory"), force(states, J).reshape(shape)
                    ),
                    "energy": (
                        ("t", "trajectory"), kinetic_energy(states, J).reshape(shape[1:]),
                        {"long_name": "quasi-potential E, sum over neurons"},
                    ),
                },
                {"t": run.t},
            )
        )  # fmt: skip
    return xr.concat(parts, dim=xr.DataArray([_PAIR, _NULL], dims="g", name="g"))


def _zero_table(seed: int, k: int, n_starts: int) -> xr.Dataset:
    """Every zero at both gains, x and −x apart."""
    rows: list[tuple[float, int, Array]] = []
    for gain in (_PAIR, _NULL):
        points = _zeros(seed, k, gain, n_starts)
        for column in range(len(points)):
            x = points.x[:, column]
            twins = (x, -x) if points.x2[column] > 0 else (x,)
            rows += [(gain, int(points.n_unstable[column]), twin) for twin in twins]
    return xr.Dataset(
        {
            "zero_x": (("neuron", "zero"), np.stack([row[2] for row in rows], axis=1)),
            "zero_g": ("zero", np.array([row[0] for row in rows])),
            "zero_unstable": (
                "zero",
                np.array([row[1] for row in rows]),
                {"long_name": "number of unstable directions"},
            ),
        }
    )


def _activity(
    seed: int, k: int, n: int, g: float, t_max: float, t_lyapunov: float, n_shown: int
) -> xr.Dataset:
    """φ(x) of some neurons from x ~ N(0, 1), and the largest Lyapunov exponent."""
    J = couplings.elliptic(n, g, _GAMMA, seed=seeds.member(seed, k))
    x0 = seeds.generator(seed, "start", k).standard_normal(n)
    run = integrate(J, x0, t_max=t_max, dt=_DT, save_at=4 * int(t_max) + 1)
    assert run.x is not None
    exponent = maximal_lyapunov(
        J, dt=_DT, t_max=t_lyapunov, t_skip=_LYAPUNOV_SKIP, seed=seeds.member(seed, k)
    )
    text = "largest Lyapunov exponent"
    values: dict[str, Any] = {
        "phase_g": ((), g, {"long_name": "gain"}),
        "activity": (("shown", "time"), run.phi.phi(run.x[:, :n_shown].astype(float)).T),
        "lyapunov": ((), float(exponent.value), {"long_name": text}),
        "lyapunov_err": ((), float(exponent.stderr), {"long_name": f"{text}, standard error"}),
    }
    return xr.Dataset(values, {"time": run.t}, {"method": run.method, "status": run.status})


def caption(data: Mapping[str, xr.Dataset]) -> str:
    """Where the flows end, how typical the draw is, and what is measured in both phases."""
    found = data[CONVERGED]
    exponents = [
        [f"{gain:g}", f"{gain * (1 + _GAMMA):.2f}", quoted(value, error)]
        for gain, value, error in zip(
            found.phase_g.values, found.lyapunov.values, found.lyapunov_err.values, strict=True
        )
    ]
    signs = " and ".join(f"{float(value):+.2g}" for value in found.lyapunov.values)
    share = float((found.stable_pairs == 1).mean())
    return paragraphs(
        f"(a) Flows ẋ = f(x) of three neurons, γ = {_GAMMA:g}, from {found.sizes['trajectory']} "
        f"starts: at g = {_PAIR:g} there is a pair of stable fixed points ±x*, with the same "
        f"couplings scaled down to g = {_NULL:g} {_null_said(found)}. This draw is the first that "
        f"has one such pair; {share:.1%} of the draws have one, the others do not show this "
        "picture. (b) The phases "
        "in the plane of g and γ. (c) Activity at a point of each phase, with Lyapunov exponents "
        f"{signs}.",
        "(a) Three neurons:",
        table(
            ["g", "fixed points", "stable", "x = 0", f"largest E at t = {float(found.t[-1]):g}"],
            [_ends(found, gain) for gain in (_PAIR, _NULL)],
        ),
        f"(c) N = {found.attrs['n']}, one network each:",
        table(["g", "g(1+γ)", "λ"], exponents),
        _meaning(found, share),
    )


def _null_said(found: xr.Dataset) -> str:
    others = int(((found.zero_g == _NULL) & (np.abs(found.zero_x).max("neuron") > 0)).sum())
    return f"there are {others} fixed points beside x = 0" if others else "there is x = 0 alone"


def _ends(found: xr.Dataset, gain: float) -> list[str]:
    here = found.zero_g == gain
    stable = int((here & (found.zero_unstable == 0)).sum())
    last = found.energy.sel(g=gain).isel(t=-1)
    origin = bool((here & (np.abs(found.zero_x).max("neuron") == 0) & found.zero_unstable).any())
    null = "unstable" if origin else "stable"
    return [f"{gain:g}", str(int(here.sum())), str(stable), null, f"{float(last.max()):.1g}"]


def _meaning(found: xr.Dataset, share: float) -> str:
    draws = found.sizes["draw"]
    incomplete = int((found.index_sum != 1).sum())
    return (
        "(a) Colour and size of a dot are the energy E there, arrows the velocity f, crosses fixed "
        f"points. The draw is number {found.attrs['draw'] + 1}; draws with exactly one stable pair "
        f"at g = {_PAIR:g}: {quoted(share, np.sqrt(share * (1 - share) / draws))} of {draws}; "
        f"draws in which the indices of the fixed points found do not add up to 1: {incomplete}. "
        "(b) Lines: g(1+γ) = 1, where x = 0 loses stability for large N, and g²(1+γ) = 1, where "
        f"the measure exp(−βE), β → ∞, leaves it for γ ≥ 0. (c) φ(x) of {found.sizes['shown']} "
        f"neurons; λ with its error is averaged from t = {_LYAPUNOV_SKIP:g} to "
        f"{found.attrs['t_lyapunov']:g}."
    )


FIGURE = PaperFigure(
    key="qh1",
    source="[QH] Fig. 1",
    title="Flows of three neurons, phase diagram, and activity in both phases",
    compute=compute,
    draw=draw,
    caption=caption,
    scales={
        "quick": {
            "n": 300,
            "n_draws": 200,
            "n_starts": 16,
            "n_trajectories": 24,
            "t_flow": 12.0,
            "t_max": 100.0,
            "t_lyapunov": 600.0,
            "n_shown": 8,
        },
        "paper": {
            "n": 1000,
            "n_draws": 1000,
            "n_starts": 16,
            "n_trajectories": 40,
            "t_flow": 12.0,
            "t_max": 100.0,
            "t_lyapunov": 1000.0,
            "n_shown": 8,
        },
    },
)
