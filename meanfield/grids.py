"""Order parameters on a labelled (γ, g) grid."""

from __future__ import annotations

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike

from . import parameters
from .elliptic import critical_gain, measure_transition_gain
from .parameters import ArgumentError
from .replica import saddle_point
from .transfer import TransferFunction, transfer_function


def phase_diagram(
    g: ArrayLike,
    gamma: ArrayLike,
    *,
    branch: str,
    beta: float = np.inf,
    sheet: str = "cooled",
    phi: str | TransferFunction = "tanh",
    eta: float = 0.0,
    tol: float = 1e-10,
    progress: bool = False,
) -> xr.Dataset:
    """Solve `saddle_point` on the grid γ × g and label it.

    Parameters
    ----------
    g, gamma : array_like
        Strictly increasing one-dimensional axes, or scalars.
    branch, beta, sheet, phi, eta, tol
        As in `meanfield.saddle_point`; `beta` and `eta` are scalars.
    progress : bool
        Show a progress bar on a terminal.

    Returns
    -------
    xarray.Dataset
        Dimensions ``gamma`` and ``g``; the order parameters with long names, the convergence flags
        and residuals, the two transition lines along ``gamma``, and the parameters and versions in
        the attributes.  Points without a solution are nan with ``converged`` False.

    Raises
    ------
    ValueError
        If an axis is empty, not increasing or has more than one dimension, or a parameter is out
        of range.

    Examples
    --------
    >>> from meanfield import phase_diagram
    >>> grid = phase_diagram([0.8, 1.2], [0.0, 0.5], branch="paramagnetic")
    >>> grid.q.dims, grid.q.shape
    (('gamma', 'g'), (2, 2))
    >>> round(float(grid.q.sel(g=1.2, gamma=0.5)), 8)
    0.31597418
    """
    g_axis, gamma_axis = parameters.axis("g", g), parameters.axis("gamma", gamma)
    for name, value in (("beta", beta), ("eta", eta)):
        if np.ndim(value):
            raise ArgumentError(f"{name}={value!r}: must be one number")
    solution = saddle_point(
        g_axis,
        gamma_axis[:, None],
        beta=beta,
        branch=branch,
        sheet=sheet,
        phi=phi,
        eta=eta,
        tol=tol,
        throw=False,
        progress=progress,
    )
    data = solution.to_dataset(("gamma", "g")).drop_vars(["g", "gamma", "beta", "eta"])
    slope = transfer_function(phi).slope
    lines = {
        "critical_gain": (critical_gain, "gain of the linear instability, g(1+gamma) = 1"),
        "measure_transition_gain": (measure_transition_gain, "gain where g^2 (1+gamma) = 1"),
    }
    data = data.assign_coords(
        g=("g", g_axis, {"long_name": "gain", "units": "1"}),
        gamma=("gamma", gamma_axis, {"long_name": "coupling symmetry", "units": "1"}),
    ).assign(
        {
            name: ("gamma", line(gamma_axis) / slope, {"long_name": text, "units": "1"})
            for name, (line, text) in lines.items()
        }
    )
    return data.assign_attrs(beta=float(beta), eta=float(eta))
