"""Two-time responses by propagation of tangents of single trajectories.

Along every trajectory the response to a pulse obeys the linearised single-site equation, whose
memory integrals contain the averaged responses themselves:

    δh = g²(R_φu ∗ δψ + γ R_φh ∗ δφ),   δu = g²(R_ψh ∗ δφ + γ R_ψu ∗ δψ),

with R_ψh(t, t) the instantaneous part that puts g²φ into u.  All pulses are propagated together
and the averages taken at every step, so the equations close causally.  The random parts of the
fields are unperturbed, so nothing grows with the chaos of the network.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ... import exponential
from ...common.arguments import Array
from .run import single
from .site import SiteModel

# Pulses enter h, u or ẋ.
_H, _U, _X = range(3)
_Single = NDArray[np.floating[Any]]


class SitePoint(NamedTuple):
    """Some trajectories at one time: t, x, h and u (None where unused), (M,) arrays."""

    t: float
    x: Array
    h: Array
    u: Array | None


def tangent_response(
    model: SiteModel,
    g: float,
    gamma: float,
    path: Sequence[SitePoint],
    starts: Sequence[float],
    *,
    pointwise: bool = True,
) -> tuple[Array, Array]:
    """R(t, s) of ⟨φ⟩ to a field in ẋ, per unit field and time, 0 for s ≥ t, and ∫₀ᵗ R(t, s) ds.

    What the scheme makes of single pulses is taken out of R only if it is wanted `pointwise`.
    """
    # `path` has every step of the same trajectories, `starts` the times where the scheme restarts.
    # Time O(n³ M), memory 4 n² M bytes per history: one without u, six with it.
    assert model.slopes is not None
    n, m = len(path), path[0].x.size
    times = np.array([p.t for p in path])
    restarts = np.isclose(times[:, None], np.asarray(starts)).any(axis=1)
    slopes = [model.slopes_at(p.t, p.x, p.h, p.u) for p in path]
    has_u = any(p.u is not None for p in path)
    same = all(np.all(s.drift_h == 1) for s in slopes)
    kinds = (_H, _U, _X) if has_u else (_H,) if same else (_H, _X)
    steepest = max(float(np.max(np.abs(part))) for s in slopes for part in s)
    dtype = single(max(g, steepest))
    of_phi = np.zeros((n, len(kinds), n, m), dtype)
    of_psi = np.zeros((n, len(kinds), n, m), dtype) if has_u else None
    mean_phi, mean_psi = np.zeros((n, len(kinds), n)), np.zeros((n, len(kinds), n))
    tangent = np.zeros((len(kinds), n, m), dtype)
    last: _Single | None = None
    g2 = dtype(g * g)
    for k in range(n):
        s, seen = slopes[k], k + 1
        of_phi[k] = s.phi_x.astype(dtype) * tangent
        mean_phi[k] = of_phi[k].mean(axis=-1, dtype=np.float64)
        field = np.zeros_like(tangent)
        if gamma:
            _add(field, g2 * gamma * mean_phi[k, _H], of_phi, seen)
        if of_psi is not None and k:
            _add(field, g2 * mean_phi[k, _U], of_psi, k)
        field[_H, k] += 1
        rest = (s.drift_x + 1).astype(dtype) * tangent + s.drift_h.astype(dtype) * field
        if of_psi is not None:
            of_psi[k] = s.psi_x.astype(dtype) * tangent + s.psi_h.astype(dtype) * field
            mean_psi[k] = of_psi[k].mean(axis=-1, dtype=np.float64)
            if path[k].u is not None:
                back = np.zeros_like(tangent)
                _add(back, g2 * mean_psi[k, _H], of_phi, seen)
                if gamma:
                    _add(back, g2 * gamma * mean_psi[k, _U], of_psi, seen)
                back[_U, k] += 1
                rest += s.drift_u.astype(dtype) * back
        if kinds[-1] == _X:
            rest[-1, k] += 1
        if k + 1 < n:
            decay, flat, ramp = exponential.weights(float(times[k + 1] - times[k]))
            moved = (decay * tangent + flat * rest).astype(dtype)
            if last is not None and not restarts[k]:
                longer = (times[k + 1] - times[k]) / (times[k] - times[k - 1])
                moved += dtype(ramp * longer) * (rest - last)
            tangent, last = moved, rest
    pulses = mean_phi[:, -1]
    if not pointwise:
        return pulses, pulses.sum(axis=1)
    # What a unit pulse does to the leak alone, in the scheme and in truth.
    scale = _leak(times, restarts)
    earlier = np.tril(np.ones((n, n), bool), -1)
    ratio = np.where(earlier, pulses / np.where(earlier, scale, 1.0), 0.0)
    for k in range(n - 2):
        if k == 0 or restarts[k]:
            # Where the scheme restarts a pulse acts as one of weight h now and −h/2 a step later:
            # its centre lies h/2 before the step, three halves of a step before the next one.
            ratio[k + 2 :, k] = (2 * ratio[k + 2 :, k] + ratio[k + 2 :, k + 1]) / 3
    lag = np.abs(times[:, None] - times[None, :])
    R = ratio * np.exp(-lag)
    _smooth_start(R, times, np.array([s.phi_x.mean() for s in slopes]), starts)
    return R, pulses.sum(axis=1)


def _smooth_start(R: Array, times: Array, initial: Array, starts: Sequence[float]) -> None:
    """Replace R one and two steps after a pulse, where the scheme has not yet digested it."""
    # By the cubic through its known value right after the pulse and the next three; for the last
    # pulses along the diagonals.
    n = len(times)
    for k in range(n - 1):
        ahead = times[k : k + 6]
        if any(ahead[0] < s < ahead[-1] for s in starts):
            # R has a kink where parameters jump.
            continue
        if k + 5 < n:
            known = np.array([k, k + 3, k + 4, k + 5])
            values = np.concatenate([initial[k : k + 1], R[known[1:], k]])
            for place in (k + 1, k + 2):
                R[place, k] = np.dot(lagrange_weights(times[known], times[place]), values)
        elif k >= 2:
            for place in range(k + 1, min(k + 3, n)):
                R[place, k] = 2 * R[place - 1, k - 1] - R[place - 2, k - 2]


def lagrange_weights(nodes: Array, at: float) -> Array:
    """Of the values at the nodes in the polynomial through them."""
    others = [np.delete(nodes, k) for k in range(len(nodes))]
    return np.array([np.prod((at - o) / (x - o)) for x, o in zip(nodes, others, strict=True)])


def _add(out: _Single, weights: Array, history: _Single, count: int) -> None:
    """Out += Σ_s weights[s] history[s] over `count` > 0 times; later pulses are zero there."""
    past, m = weights[:count].astype(out.dtype), out.shape[-1]
    # Rows that BLAS takes as they lie, without a copy.
    flat = history.reshape(*history.shape[:2], -1)
    for kind in range(len(out)):
        out[kind, :count] += (past @ flat[:count, kind, : count * m]).reshape(count, m)


def _leak(times: Array, restarts: NDArray[np.bool_]) -> Array:
    n = len(times)
    out, state, last = np.zeros((n, n)), np.zeros(n), np.zeros(n)
    for k in range(n):
        out[k] = state
        if k + 1 < n:
            rest = np.zeros(n)
            rest[k] = 1.0
            decay, flat, ramp = exponential.weights(float(times[k + 1] - times[k]))
            state = decay * state + flat * rest
            if k and not restarts[k]:
                state += (
                    ramp * (times[k + 1] - times[k]) / (times[k] - times[k - 1]) * (rest - last)
                )
            last = rest
    return out


def stationary_pulse(slopes: Array, step: float, g: float, gamma: float) -> Array:
    """R(τ) of the vanilla dynamics at the lags 0⁺, h, 2h, … from the (n, m) slopes φ′(x)."""
    # δẋ = −δx + γg² ∫ R(τ − τ′) φ′δx(τ′) dτ′ along every trajectory after a pulse, R = ⟨φ′δx⟩.
    # The response is a function of the lag, so pulses at one time per trajectory give it all.
    decay, flat, ramp = exponential.weights(step)
    history, response = np.zeros_like(slopes), np.zeros(len(slopes))
    tangent = np.ones(slopes.shape[1])
    last: Array | None = None
    strength = gamma * g * g
    for k, slope in enumerate(slopes):
        history[k] = slope * tangent
        response[k] = history[k].mean()
        # Trapezoidal sum over ∫₀^τ R(τ − τ′) δφ(τ′) dτ′.
        weights = strength * step * response[k::-1]
        weights[0] /= 2
        weights[-1] /= 2
        rest = weights @ history[: k + 1] if k else np.zeros_like(tangent)
        moved = decay * tangent + flat * rest
        moved += ramp * (rest - last) if last is not None else 0.0
        tangent, last = moved, rest
    return response
