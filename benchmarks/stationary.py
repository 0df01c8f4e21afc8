"""Stationary chaos, γ = 0: Δ₀ and λ over gains against the published algorithm, point by point.

The opponent is the textbook way: the potential by Gauss–Hermite quadrature, Δ₀ from energy
conservation by bisection, Δ(τ) by an initial value problem, λ from the lowest level of the
Schrödinger equation by finite differences.  Its error is the largest relative one of λ; that of
`stationary` its own estimate.

    python benchmarks/stationary.py [--points 300] [--theirs 10]
"""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np
from race import THREADS, Row, in_turns, native
from scipy.integrate import solve_ivp
from scipy.linalg import eigh_tridiagonal
from scipy.optimize import brentq

from meanfield import stationary
from simulate.network import at_work

LOWEST, HIGHEST = 1.2, 3.0
X, W = np.polynomial.hermite_e.hermegauss(60)
W = W / W.sum()


def pair(function: Any, delta: Any, delta0: float) -> Any:
    """⟨F(x) F(y)⟩ of Gaussian variables of variance Δ₀ and covariance Δ."""
    delta = np.atleast_1d(delta)[:, None, None]
    field = np.sqrt(np.maximum(delta0 - delta, 0)) * X[:, None] + np.sqrt(delta) * X
    return (W * (np.tensordot(W, function(field), (0, 1))) ** 2).sum(1)


def log_cosh(x: Any) -> Any:
    return np.logaddexp(x, -x) - np.log(2)


def textbook(g: float, step: float = 0.05, length: float = 100.0) -> tuple[float, float]:
    """Δ₀ and λ of one gain."""

    def energy(delta0: float) -> float:
        ends = pair(log_cosh, np.array([delta0, 0.0]), delta0)
        return float(-(delta0**2) / 2 + g**2 * (ends[0] - ends[1]))

    delta0 = brentq(energy, 1e-3 * (g - 1), g**2, xtol=1e-12)

    def rhs(t: float, y: Any) -> list[float]:
        covariance = min(abs(y[0]), delta0)
        return [y[1], y[0] - g**2 * np.sign(y[0]) * float(pair(np.tanh, covariance, delta0)[0])]

    def turned(t: float, y: Any) -> float:
        return float(y[1]) if t > 1 else -1.0

    turned.terminal = True  # type: ignore[attr-defined]
    t = np.arange(0.0, length, step)
    path = solve_ivp(rhs, (0, length), [delta0, 0.0], t_eval=t, rtol=1e-9, atol=1e-11,
                     events=turned)  # fmt: skip
    delta = np.clip(path.y[0], 0.0, delta0)
    delta = np.concatenate([delta, np.zeros(t.size - delta.size)])
    slopes = pair(lambda x: 1 - np.tanh(x) ** 2, delta, delta0)
    well = 1 - g**2 * np.concatenate([slopes[:0:-1], slopes])
    lowest = eigh_tridiagonal(
        2 / step**2 + well, np.full(well.size - 1, -1 / step**2), select="i", select_range=(0, 0)
    )[0][0]
    return delta0, -1 + np.sqrt(1 - lowest)


def rows(points: int = 300, theirs: int = 10) -> list[Row]:
    g = np.linspace(LOWEST, HIGHEST, points)
    few = g[:: points // theirs]
    found = in_turns(
        {
            "grid": lambda: stationary(g),
            "alone": lambda: stationary(2.0),
            "textbook": lambda: [textbook(one) for one in few],
        }
    )
    own = stationary(few)
    growth = np.array(found["textbook"][1])[:, 1]
    errors = float(np.max(own.relative_error)), float(np.max(np.abs(growth / own.lyapunov - 1)))
    each = found["textbook"][0] / few.size
    return [
        Row(f"Δ₀, C(τ), λ at {points} gains", "textbook algorithm", found["grid"][0],
            each * points, *errors, f"theirs from {few.size} points"),
        Row("at one gain", "textbook algorithm", found["alone"][0], each, *errors),
    ]  # fmt: skip


def main() -> None:
    native()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--points", type=int, default=300)
    parser.add_argument("--theirs", type=int, default=10)
    given = parser.parse_args()
    with at_work(THREADS):
        for row in rows(given.points, given.theirs):
            print(row)


if __name__ == "__main__":
    main()
