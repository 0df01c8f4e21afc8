"""Pictures of the theory, in the symbols of the papers: one kind of result, one file."""

from .freezing import freezing
from .lyapunov import lyapunov
from .phase_diagram import fluctuation_response, order_parameters
from .response_curve import response_curve
from .steady_state import steady_state
from .two_time import two_time

# Style sheet of every picture: ``matplotlib.style.use(meanfield.figures.STYLE)``.
STYLE = "meanfield.figures.quasipotential"

__all__ = [
    "STYLE",
    "fluctuation_response",
    "freezing",
    "lyapunov",
    "order_parameters",
    "response_curve",
    "steady_state",
    "two_time",
]
