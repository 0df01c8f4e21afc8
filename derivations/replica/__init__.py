"""Replica theory of P(x) ∝ exp(−βE), E = ½ Σ f² + ½ η Σ x², f = −x + Jφ(x).

The theory is that of Qiu & Huang, arXiv:2401.10009.  One file a step, to be read in this order:

    couplings      from E to the order parameters Q_ab, S_ab, X_ab: the average over J
    symmetric      replica-symmetric matrices, n → 0 and the two Gaussian fields (z, w)
    free_entropy   its six derivatives are the saddle-point equations; energy
    identities     consequences by parts: fluctuation-response, the equation for X v, γ = 0
    regimes        T → 0 with x → 0: regimes I and II, the lines between them, linear networks
    measure        T = 0: how the measure leaves x = 0, later than the linear instability
    elliptic       the same numbers from the spectrum of J: resolvent inside and outside
    laplace        β → ∞ around one fixed point: the static branch
    zero_temperature  the same in the unknowns of [QH] at T = 0, with an energy above zero
    onset          where and how the static branch leaves x = 0, and that it is unstable beyond
    stability      linear response of the overlaps (Q, R, P)
"""

# Imported, hence registered and run, in the order of the derivation.
# isort: off
from . import couplings
from . import symmetric
from . import free_entropy
from . import identities
from . import regimes
from . import measure
from . import elliptic
from . import laplace
from . import zero_temperature
from . import onset
from . import stability
# isort: on

__all__ = [
    "couplings",
    "elliptic",
    "free_entropy",
    "identities",
    "laplace",
    "measure",
    "onset",
    "regimes",
    "stability",
    "symmetric",
    "zero_temperature",
]
