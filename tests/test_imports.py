"""What starts quickly: nothing is imported that is not used."""

import ast
import os
import pickle
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from types import ModuleType

import pytest

import meanfield
import simulate

# Each takes a good part of the time of a command that computes little.
HEAVY = {
    "arviz_stats", "distributed", "loky", "matplotlib", "pandas", "scipy.fft", "scipy.integrate",
    "scipy.interpolate", "scipy.optimize", "scipy.signal", "scipy.spatial", "scipy.stats", "sympy",
    "xarray",
}  # fmt: skip
HELP = "import sys; from {}.command_line import main; main([*sys.argv[1:], '--help'])"
FIRST = """
import sys
from meanfield import sweep
from threadpoolctl import threadpool_info

def threads(x):
    import scipy.linalg
    return max(one["num_threads"] for one in threadpool_info() if one["user_api"] == "blas")

assert "scipy.linalg" not in sys.modules
print(*sweep(threads, {"x": [1, 2]}).value.values)
"""


def said(code: str, *arguments: str, threads: int = 1) -> str:
    """The last line that a process of its own prints."""
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True,
        env=os.environ | {"OPENBLAS_NUM_THREADS": str(threads), "OMP_NUM_THREADS": str(threads)},
    )  # fmt: skip
    return done.stdout.splitlines()[-1]


def loaded(code: str, *arguments: str) -> set[str]:
    """The modules of a process that ran this."""
    return set(said(f"{code}\nimport sys; print(*sys.modules)", *arguments).split())


@pytest.mark.parametrize("package", ["meanfield", "simulate", "derivations"])
def test_a_package_imports_nothing_before_it_is_used(package: str) -> None:
    assert not loaded(f"import {package}") & {*HEAVY, "click", "numpy", "scipy", "subprocess"}


@pytest.mark.parametrize("package", ["meanfield", "simulate", "derivations"])
def test_a_package_knows_its_version(package: str) -> None:
    assert said(f"import {package}; print({package}.__version__)") == version("quasipotential")
    assert f"version {version('quasipotential')}" in said(
        f"from {package}.command_line import main; main(['--version'])"
    )


def test_a_public_name_imports_what_it_needs() -> None:
    found = loaded("from meanfield import saddle_point")
    assert "meanfield.replica.solver" in found
    assert not found & {*HEAVY, "meanfield.dmft.two_time", "click"}


def test_all_public_names_import_nothing_heavy() -> None:
    assert not loaded("from meanfield import *; from simulate import *") & HEAVY


@pytest.mark.parametrize(
    "words",
    [
        "meanfield", "meanfield sweep", "simulate", "simulate validate", "simulate reproduce",
        "simulate reproduce hh9", "derivations",
    ],
)  # fmt: skip
def test_help_imports_nothing_heavy(words: str) -> None:
    package, *command = words.split()
    assert not loaded(HELP.format(package), *command) & HEAVY


@pytest.mark.parametrize("package", [meanfield, simulate], ids=lambda one: one.__name__)
def test_names_are_what_the_package_says(package: ModuleType) -> None:
    tree = ast.parse(Path(str(package.__file__)).read_text(encoding="utf-8"))
    imported = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    names = {alias.name for node in imported for alias in node.names}
    assert set(package.__all__) == names - {"annotations", "TYPE_CHECKING", "late"}
    assert set(package.__all__) <= set(dir(package))
    for name in package.__all__:
        one = getattr(package, name)
        assert vars(package)[name] is one
        if callable(one):
            assert pickle.loads(pickle.dumps(one)) is one
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = package.nothing
    with pytest.raises(ImportError, match="nothing"):
        exec(f"from {package.__name__} import nothing")


def test_modules_are_attributes_of_their_package() -> None:
    assert said("import meanfield; print(meanfield.transfer.NAMES[0])") == "tanh"


def test_a_job_that_is_the_first_to_use_scipy_has_one_blas_thread() -> None:
    assert said(FIRST, threads=2) == "1 1"
