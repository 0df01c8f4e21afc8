"""Dynamics of the network: forces, Jacobians, noise, integration schemes, readout, Dale's law.

f(x) = −x + Jφ(x) is the vanilla drift, E = ½|f|² + ½η|x|², and the OR-regulated drift is
F = f − κ(φ'∘Jᵀf + ηx) = (1−κ) f − κ∇E, which is f at κ = 0 and −∇E at κ = 1.  [HH] is W. Huang &
H. Huang, Freezing chaos without synaptic plasticity (2025); their γ is κ here.
One file a step:

    model        the symbolic network; everything else is differentiated from its f and E
    gradient     the force decomposition, parity, permutations, where E has minima with f ≠ 0
    jacobian     the Jacobian of F, the Hessian of E, the divergence
    descent      how E changes along F and along f
    stiffness    the Hessian at x = 0 and the edges of its spectrum
    langevin     covariances of the linear network with noise, exact and for finite steps
    schemes      orders, stability polynomials and coefficients of the integration schemes
    chebyshev    the stabilised scheme RKC2
    readout      least squares and ridge readout, the memory function
    dale         sparse excitatory–inhibitory couplings

`oracle` is not a step: numerical functions compiled from the model, for tests of numerical code.
"""

# Imported, hence registered and run, in the order of the derivation.
# isort: off
from . import gradient
from . import jacobian
from . import descent
from . import stiffness
from . import langevin
from . import schemes
from . import chebyshev
from . import readout
from . import dale
from .oracle import Oracle, oracle
# isort: on

__all__ = [
    "Oracle",
    "chebyshev",
    "dale",
    "descent",
    "gradient",
    "jacobian",
    "langevin",
    "oracle",
    "readout",
    "schemes",
    "stiffness",
]
