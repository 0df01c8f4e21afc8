"""Dynamical mean-field theory of ẋ = f − κφ'∘Jᵀf, f = −x + Jφ(x), N → ∞.

[SCS] is Sompolinsky, Crisanti & Sommers, Phys. Rev. Lett. 61, 259 (1988), γ = κ = 0; [ZH] is Zou &
Huang, SciPost Phys. Lect. Notes 79 (2024), any γ (their η) at κ = 0.  One file a step:

    cavity             what a neuron added to the network hears, to second order
    site               the average over them: the single-site equations for every γ and κ
    responses          the instantaneous term g²φ(t) of u, responses just after a field, κ = 0
    novikov            responses from correlations with the field, without inverses; spectra
    sampler            the same equations from a Gaussian operator revealed on request
    stationary         [SCS]: Δ'' = Δ − g²C_φ, its conserved energy, the kinetic energy
    frozen             biases, mean coupling, any φ: the part that stands still, its stability
    trajectory         Δ(τ) from Hermite coefficients: forms without cancellation
    temperature        response, and the temperatures of the state in P ∝ exp(−βE)
    lyapunov           two copies: the operator, its zero mode, the sign of λ
    spectrum           all exponents: minimum-norm inverse, self-energy, edge, elliptic law
    chaos_onset        expansions in g − 1
    fixed_point_phase  response around x = 0 and correlations for linear φ, every γ
    driven             periodic drives with random phases
    dimension          mean square covariance of two neurons, of φ and x, every γ
    common_mode        what column means of the couplings do to all neurons at once
    weak_signal        what the state recalls of a weak signal
    exponential        noise in the exponential Adams–Bashforth scheme
"""

# Imported, hence registered and run, in the order of the derivation.
# isort: off
from . import cavity
from . import site
from . import responses
from . import novikov
from . import sampler
from . import stationary
from . import frozen
from . import trajectory
from . import temperature
from . import lyapunov
from . import spectrum
from . import chaos_onset
from . import fixed_point_phase
from . import driven
from . import dimension
from . import common_mode
from . import weak_signal
from . import exponential
# isort: on

__all__ = [
    "cavity",
    "chaos_onset",
    "common_mode",
    "dimension",
    "driven",
    "exponential",
    "fixed_point_phase",
    "frozen",
    "lyapunov",
    "novikov",
    "responses",
    "sampler",
    "site",
    "spectrum",
    "stationary",
    "temperature",
    "trajectory",
    "weak_signal",
]
