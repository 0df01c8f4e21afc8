"""Two-time responses by propagation of tangents of single trajectories.

Along every trajectory the response to a pulse obeys the linearised single-site equation, whose
memory integrals contain the averaged responses themselves:

    δh = g²(R_φu ∗ δψ + γ R_φh ∗ δφ),   δu = g²(R_ψh ∗ δφ + γ R_ψu ∗ δψ),

with R_ψh(t, t) the instantaneous part that puts g²φ into u; in several populations with the sums
of `Populations.loops` over those that answer.  All pulses are propagated together
and the averages taken at every step, so the equations close causally.  The random parts of the
fields are unperturbed, so nothing grows with the chaos of the network.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ... import exponential
from ...common.arguments import Array
from ...gaussian_operator import single
from .populations import Populations
from .site import Slopes

# Pulses, or times, in one product of the memory sums: before it is given no pulse is in them.
_BLOCK = 32
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
    among: Populations,
    path: Sequence[SitePoint],
    starts: Sequence[float],
    *,
    pointwise: bool = True,
) -> tuple[Array, Array]:
    """R(t, s) of ⟨φ⟩ to a field in ẋ, per unit field and time, 0 for s ≥ t, and ∫₀ᵗ R(t, s) ds.

    Of each population, on a first axis.  What the scheme makes of single pulses is taken out of R
    only if it is wanted `pointwise`.
    """
    # `path` has every step of the same trajectories, `starts` the times where the scheme restarts.
    # Time O(n³ M), memory 4 n² M bytes per history: one without u, six with it.
    n, m = len(path), path[0].x.size
    times = np.array([p.t for p in path])
    restarts = np.isclose(times[:, None], np.asarray(starts)).any(axis=1)
    slopes = [among.slopes(*point) for point in path]
    has_u = any(p.u is not None for p in path)
    same = all(np.all(s.drift_h == 1) for s in slopes)
    kinds = (_H, _U, _X) if has_u else (_H,) if same else (_H, _X)
    steepest = max(float(np.max(np.abs(part))) for s in slopes for part in s)
    dtype = single(max(float(np.max(among.g)), steepest))
    of_phi = np.zeros((n, len(kinds), n, m), dtype)
    of_psi = np.zeros((n, len(kinds), n, m), dtype) if has_u else None
    mean_phi, mean_psi = np.zeros((2, n, len(kinds), n, len(among.sizes)))
    given, last = np.zeros((2, len(kinds), n, m), dtype)
    same_way, ahead, behind = (loop.astype(dtype) for loop in among.loops)
    there_and_back = same_way * among.gamma.astype(dtype)

    def add(out: _Single, loop: _Single, answers: Array, history: _Single, count: int) -> None:
        """Out += Σ_s weights[s] history[s] over `count` > 0 times; later pulses are zero there."""
        weights = (answers[:count] @ loop.T.astype(np.float64)).T.astype(dtype)
        # Rows that BLAS takes as they lie, without a copy.
        flat = history.reshape(n, len(kinds), -1)
        for first in range(0, count, _BLOCK):
            last = min(first + _BLOCK, count)
            for kind in range(len(kinds)):
                found = weights[:, first:] @ flat[first:count, kind, first * m : last * m]
                for own, part in zip(found, among.parts, strict=True):
                    out[kind, first:last, part] += own.reshape(-1, m)[:, part]

    for k in range(n):
        s, seen = slopes[k], k + 1
        # Of the pulses given so far.
        tangent = given[:, :seen]
        of_phi[k, :, :seen] = s.phi_x.astype(dtype) * tangent
        mean_phi[k, :, :seen] = among.means(of_phi[k, :, :seen])
        field = np.zeros_like(tangent)
        if np.any(there_and_back):
            add(field, there_and_back, mean_phi[k, _H], of_phi, seen)
        if of_psi is not None and k:
            add(field, ahead, mean_phi[k, _U], of_psi, k)
        field[_H, k] += 1
        rest = field if same else s.drift_h.astype(dtype) * field
        lead = (s.drift_x + 1).astype(dtype)
        if lead.any():
            rest = rest + lead * tangent
        if of_psi is not None:
            psi = s.psi_x.astype(dtype) * tangent + s.psi_h.astype(dtype) * field
            of_psi[k, :, :seen], mean_psi[k, :, :seen] = psi, among.means(psi)
            if path[k].u is not None:
                back = np.zeros_like(tangent)
                add(back, behind, mean_psi[k, _H], of_phi, seen)
                if np.any(there_and_back):
                    add(back, there_and_back, mean_psi[k, _U], of_psi, seen)
                back[_U, k] += 1
                rest += s.drift_u.astype(dtype) * back
        if kinds[-1] == _X:
            rest[-1, k] += 1
        if k + 1 < n:
            decay, flat, ramp = exponential.weights(float(times[k + 1] - times[k]))
            tangent *= dtype(decay)
            tangent += dtype(flat) * rest
            if k and not restarts[k]:
                longer = (times[k + 1] - times[k]) / (times[k] - times[k - 1])
                tangent += dtype(ramp * longer) * (rest - last[:, :seen])
            last[:, :seen] = rest
    pulses = np.moveaxis(mean_phi[:, -1], -1, 0)
    if not pointwise:
        return pulses, pulses.sum(axis=2)
    # What a unit pulse does to the leak alone, in the scheme and in truth.
    scale = _leak(times, restarts)
    earlier = np.tril(np.ones((n, n), bool), -1)
    ratio = np.where(earlier, pulses / np.where(earlier, scale, 1.0), 0.0)
    for k in range(n - 2):
        if k == 0 or restarts[k]:
            # Where the scheme restarts a pulse acts as one of weight h now and −h/2 a step later:
            # its centre lies h/2 before the step, three halves of a step before the next one.
            now, later = ratio[:, k + 2 :, k], ratio[:, k + 2 :, k + 1]
            ratio[:, k + 2 :, k] = (2 * now + later) / 3
    lag = np.abs(times[:, None] - times[None, :])
    R = ratio * np.exp(-lag)
    initial = np.array([among.means(s.phi_x) for s in slopes])
    for own, steep in zip(R, initial.T, strict=True):
        _smooth_start(own, times, steep, starts)
    return R, pulses.sum(axis=2)


def _smooth_start(R: Array, times: Array, initial: Array, starts: Sequence[float]) -> None:
    """Replace R one and two steps after a pulse, where the scheme has not yet digested it."""
    # By the cubic through its known value right after the pulse and the next three; for the last
    # pulses along the diagonals.
    n = len(times)
    first = np.arange(n - 1)
    ends = times[np.minimum(first + 5, n - 1)]
    # R has a kink where parameters jump.
    smooth = ~np.any([(times[:-1] < s) & (s < ends) for s in starts], axis=0)
    k = first[smooth & (first + 5 < n)]
    nodes = k[:, None] + [0, 3, 4, 5]
    values = np.concatenate([initial[k, None], R[nodes[:, 1:], k[:, None]]], axis=1)
    for place in (k + 1, k + 2):
        R[place, k] = np.sum(
            exponential.lagrange_weights(times[nodes], times[place]) * values, axis=1
        )
    for last in first[smooth & (first + 5 >= n) & (first >= 2)]:
        for row in range(last + 1, min(last + 3, n)):
            R[row, last] = 2 * R[row - 1, last - 1] - R[row - 2, last - 2]


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


def stationary_pulse(slopes: Sequence[Slopes], step: float, among: Populations) -> Array:
    """R(τ) at the lags 0⁺, h, 2h, … of a stationary state, from the slopes along trajectories.

    Of each population, on a first axis.
    """
    # The responses are functions of the lag, so pulses at one time per trajectory give them all:
    # into h, and where u is used (drift_u ≠ 0) into u and ẋ.  A pulse in h is one in ψ as well,
    # which is taken out of δψ and put where it acts.
    n, first = len(slopes), slopes[0]
    has_u = any(np.any(s.drift_u) for s in slopes)
    one = np.ones_like(first.phi_x)
    largest = float(np.max(among.g))
    g2 = largest * largest or 1.0
    same_way, ahead, behind = (loop / g2 for loop in among.loops)
    there_and_back = among.gamma * same_way
    pulsed = [first.drift_h, first.drift_u] if has_u else [first.drift_h]
    # A field in ẋ is one in h where the drift takes h as it is.
    tangent = np.stack(pulsed if np.all(first.drift_h == 1) and not has_u else [*pulsed, one])
    of_phi, of_psi = np.zeros((2, n, *tangent.shape))
    R_phi, R_psi = np.zeros((2, n, len(tangent), len(among.sizes)))
    decay, flat, ramp = exponential.weights(step)
    last: Array | None = None
    sums: dict[tuple[int, int], Array] = {}

    def told(weights: Array, history: Array) -> Array:
        """Σ_j weights[j, population, i] × history[j], for every i."""
        if not among.apart:
            flat = weights.reshape(len(weights), -1).T @ history.reshape(len(weights), -1)
            return flat.reshape(*weights.shape[1:], *tangent.shape).swapaxes(0, 1)
        # Each population answers itself.
        own = history.reshape(len(weights), len(tangent), len(among.sizes), -1)
        alone = weights.T.swapaxes(0, 1)[:, None] @ own.transpose(2, 1, 0, 3)
        return alone.transpose(2, 1, 0, 3).reshape(-1, 1, *tangent.shape)

    def memory(loop: Array, response: Array, history: Array, k: int) -> Array:
        # Trapezoidal sum over ∫₀^τ R(τ − τ′) history(τ′) dτ′; at τ = 0 there is none.
        if not (k and loop.any()):
            return np.zeros_like(tangent)
        first, place = k - k % _BLOCK, k % _BLOCK
        if first and not place:
            # What is known of the next few times, in one product.
            lags = first + np.arange(_BLOCK) - np.arange(first)[:, None]
            known = np.where(lags < first, lags, 0)
            weights = step * response[known] * (lags < first)[..., None]
            sums[id(loop), id(history)] = told(weights.swapaxes(1, 2), history[:first])
        near = np.r_[: min(place + 1, first), first : k + 1]
        weights = step * response[k - near]
        weights[[0, -1]] /= 2
        found = told(weights[..., None], history[near])[0]
        if first:
            found = found + sums[id(loop), id(history)][place]
        spread = [among.spread(of) for of in ([loop.diagonal()] if among.apart else loop.T)]
        return np.asarray(sum(one * answer for one, answer in zip(spread, found, strict=True)))

    def at_once(loop: Array, response: Array) -> Array | float:
        return among.spread(loop @ response)

    def rest(k: int, tangent: Array) -> Array:
        s = slopes[k]
        of_phi[k] = s.phi_x * tangent
        R_phi[k] = among.means(of_phi[k])
        field = memory(there_and_back, R_phi[:, _H], of_phi, k)
        back = np.zeros_like(tangent)
        if has_u:
            # δψ(τ) is in δh(τ) through R_φu(0).
            of_psi[k] = s.psi_x * tangent
            field += memory(ahead, R_phi[:, _U], of_psi, k)
            field[_H] += at_once(ahead, R_phi[k, _U]) * first.psi_h
            field /= 1 - g2 * step / 2 * at_once(ahead, R_phi[0, _U]) * s.psi_h * (k > 0)
            of_psi[k] += g2 * s.psi_h * field
            R_psi[k] = among.means(of_psi[k])
            back = at_once(behind, among.means(s.psi_h)) * of_phi[k]
            back += memory(behind, R_psi[:, _H], of_phi, k)
            back += memory(there_and_back, R_psi[:, _U], of_psi, k)
            back[_H] += at_once(there_and_back, R_psi[k, _U]) * first.psi_h
        return np.asarray((s.drift_x + 1) * tangent + g2 * (s.drift_h * field + s.drift_u * back))

    for k in range(n):
        now = rest(k, tangent)
        if last is None and n > 1:
            # Without a past with a stage at the end of the step.
            change = rest(1, decay * tangent + flat * now) - now
        else:
            change = now - (now if last is None else last)
        tangent, last = decay * tangent + flat * now + ramp * change, now
    return np.asarray(R_phi[:, -1].T)
