"""The unknowns of [QH] at T = 0: the proofs can fail, and the static branch solves them."""

import numpy as np
import pytest
import sympy as sp

from derivations.replica import zero_temperature as section
from meanfield import saddle_point
from meanfield.quadrature import gauss_hermite


def test_wrong_definitions_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    right = section._printed
    monkeypatch.setattr(section, "_kappa", 2 * section._kappa)
    with pytest.raises(AssertionError, match="Cov"):
        section.exponent()
    monkeypatch.undo()
    monkeypatch.setattr(section, "_printed", lambda x, phi: right(x, phi) + phi**2)
    with pytest.raises(AssertionError, match="exponent"):
        section.exponent()
    with pytest.raises(AssertionError, match="S:"):
        section.static()


@pytest.mark.parametrize(("g", "gamma"), [(1.1, 0.2), (1.3, -0.2)])
def test_static_branch_solves_the_equations_of_zero_temperature(g: float, gamma: float) -> None:
    """The eight equations, summed over the field with S and its slopes as [QH] write them."""
    point = saddle_point(g, gamma)
    q, G, chi = (float(getattr(point, name)) for name in ("q", "G", "chi"))
    x, z = section._x, section._z
    variance, response = 1 + g**2 * chi, g**2 * gamma * G
    zeros = {section._own: 0, section._chi_hat: 0, section._r: 0, section._eta: 0}
    S = section._printed(x, sp.tanh(x)).subs(zeros).subs(section._spread, z / section._n)
    S = S.subs({section._xi: -G, section._gamma: gamma, section._g: g})
    S = S.subs(section._variance, variance)
    slope, curvature = (sp.lambdify((x, z), sp.diff(S, x, n)) for n in (1, 2))
    nodes, weights = gauss_hermite(200)
    fields = g * np.sqrt(q) * nodes
    at = fields.copy()
    for _ in range(50):
        at = at - (at - response * np.tanh(at) - fields) / (1 - response / np.cosh(at) ** 2)
    assert np.max(abs(slope(at, fields))) < 1e-12
    c, d1 = -curvature(at, fields), 1 / np.cosh(at) ** 2
    stretch, y = 1 - response * d1, at - response * np.tanh(at) - fields

    def mean(values: np.ndarray) -> float:
        return float(weights @ values)

    assert mean(np.tanh(at) ** 2) == pytest.approx(q, rel=1e-7)
    assert mean(d1**2 / c) == pytest.approx(chi, rel=1e-6)
    assert mean(stretch * d1 / (variance * c)) == pytest.approx(G, rel=1e-7)
    hats = y * np.tanh(at), y**2, 1 / variance - stretch**2 / (variance**2 * c)
    assert max(abs(mean(one)) for one in hats) < 1e-10
