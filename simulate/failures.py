"""What may keep a valid question from an answer; anything else is a mistake."""

import numpy as np
from scipy.sparse.linalg import ArpackError

from meanfield import NotConvergedError, SamplerError

from .fixed_points import FixedPointError
from .integration import IntegrationError

FAILURES = (
    IntegrationError,
    FixedPointError,
    NotConvergedError,
    SamplerError,
    np.linalg.LinAlgError,
    ArpackError,
)
