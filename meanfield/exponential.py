"""The exponential Adams–Bashforth scheme of order 2: the leak exactly, one evaluation a step.

For ẋ = −x + N(t, x) and steps h,

    x' = e^{−h} x + hφ₁ N + hφ₂ (N − N₋),   φ₁ = (1 − e^{−h})/h,   φ₂ = (e^{−h} − 1 + h)/h²,

with N₋ one step earlier (Cox, Matthews, J. Comput. Phys. 176, 430 (2002)).  Networks and the
single-site processes of their mean-field theory are stepped alike.
"""

import math
from collections.abc import Callable


class StepSizeWarning(UserWarning):
    """The step is longer than the scheme follows stably: what is seen is the step, not the flow."""


def weights(h: float) -> tuple[float, float, float]:
    """e^{−h}, hφ₁ and hφ₂."""
    # (e^{−h} − 1 + h)/h loses digits below h = 0.01: its series has none to lose.
    ramp = h / 2 * (1 - h / 3 * (1 - h / 4 * (1 - h / 5))) if h < 0.01 else 1 + math.expm1(-h) / h
    return math.exp(-h), -math.expm1(-h), ramp


def largest_rate(h: float) -> float:
    """Largest decay rate that a step h follows stably."""
    # There a root of the characteristic equation reaches −1; for h → 0 the product with h tends to
    # 1, the real stability interval of Adams–Bashforth.
    decay, flat, ramp = weights(h)
    return 1 + (1 + decay) / (flat + 2 * ramp)


def message(step: float, rate: float) -> str | None:
    """What to say of a step that does not follow a decay rate stably."""
    if not rate > largest_rate(step):
        return None
    return (
        f"dt = {step:g} exceeds the largest stable step {largest_step(rate):.3g} at the stiffness "
        f"{rate:.3g} met on the way; shorten dt: what is seen is the step's"
    )


def largest_step(rate: float, follows: Callable[[float], float] = largest_rate) -> float:
    """Largest step at which a decay rate is followed stably; inf if there is no limit."""
    # `follows`, the largest rate that a scheme follows at a step, falls with the step.
    if math.isinf(follows(1.0)):
        return math.inf

    def margin(log_h: float) -> float:
        return math.log(follows(math.exp(log_h)) / rate)

    # Here, as it takes longer to import than the whole package.
    from scipy.optimize import brentq

    low, high = math.log(1e-3 / rate), math.log(1e6 / rate)
    return math.inf if margin(high) >= 0 else math.exp(float(brentq(margin, low, high)))
