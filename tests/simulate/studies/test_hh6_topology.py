"""[HH] Fig. 6 at small size: couplings against the formulas of their ensemble."""

import numpy as np
import pytest
from scipy.stats import norm

from meanfield import ArgumentError
from meanfield.common.study import CONVERGED, Answer, answer
from simulate.couplings import PAPER_SETS
from simulate.studies.hh6_topology import HH6


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Answer:
    folder = tmp_path_factory.mktemp("hh6")
    return answer(HH6, preset="quick", output=folder, seed=1, n=200, n_shown=50)


def test_files_and_numbers(found: Answer) -> None:
    assert {path.name for path in found.files} == {"hh6.nc", "hh6.png", "hh6.md"}
    for radius in found.data[CONVERGED].radius_formula.values:
        assert f"{radius:.4g}" in found.caption


def test_formulas(found: Answer) -> None:
    part = found.data[CONVERGED]
    assert [round(float(r), 3) for r in part.radius_formula] == [1.252, 0.963, 1.043]
    # N times the mean coupling, against its spread over networks.
    n, trials = part.attrs["n"], part.sizes["replicate"]
    for name, values in PAPER_SETS.items():
        expected = float(part.mean_formula.sel(network=name))
        spread = float(part.radius_formula.sel(network=name))
        assert abs(float(part["mean"].sel(network=name).mean()) - expected) < (
            4.5 * spread / np.sqrt(trials) * np.sqrt(n / (n - 1))
        )
        for kind, mu in (("excitatory", values["mu_e"]), ("inhibitory", values["mu_i"])):
            share = float(part.wrong_sign.sel(network=name, kind=kind).mean())
            exact = float(part.wrong_sign_formula.sel(network=name, kind=kind))
            assert exact == pytest.approx(norm.cdf(-abs(mu) / 1.2), rel=1e-12)
            count = 0.2 * n**2 * trials * (0.8 if kind == "excitatory" else 0.2)
            assert abs(share - exact) < 5 * np.sqrt(exact / count) + 1e-4
    # Five errors of all networks together, and the curvature within a bin.
    seen, exact = part.density.sum("kind").mean("replicate"), part.density_formula
    width = 16 / part.sizes["center"]
    assert (
        abs(seen - exact) < 5 * np.sqrt((exact + 1e-3) / (width * 0.2 * n**2 * trials)) + 1e-3
    ).all()
    np.testing.assert_allclose(
        part.density.sum(("kind", "center")) * 16 / part.sizes["center"], 1, atol=2e-3
    )


def test_eigenvalues_that_are_reported(found: Answer) -> None:
    part = found.data[CONVERGED]
    np.testing.assert_array_equal(part.abscissa, part.eigenvalues_real.max("neuron"))
    np.testing.assert_array_equal(part.above_one, part.abscissa > 1)
    # An outlier only where the means make one.
    assert bool(part.outlier_formula.sel(network="balanced").isnull())
    np.testing.assert_array_equal(
        part.outlier.isnull().any("replicate"), part.outlier_formula.isnull()
    )


def test_column_means_make_the_outliers(found: Answer) -> None:
    """Eigenvalues far from the disc are roots, and such roots eigenvalues, up to n^−½."""
    part = found.data[CONVERGED]
    roots, values = (
        part[f"{name}_real"] + 1j * part[f"{name}_imag"] for name in ("roots", "eigenvalues")
    )
    for one, others in ((roots, values), (values, roots)):
        apart = abs(one - others.rename({others.dims[-1]: "other"})).min("other")
        far = abs(one) > 1.15 * part.radius_formula
        assert far.sum() >= 3
        assert (apart.where(far, 0) < 2 / np.sqrt(part.attrs["n"])).all()


def test_only_networks_that_exist() -> None:
    with pytest.raises(ArgumentError, match="network='chaotic'"):
        HH6.values(network=["balanced", "chaotic"])
