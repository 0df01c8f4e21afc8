"""What the command lines tell of warnings."""

import warnings

import pytest

from meanfield import StepSizeWarning
from meanfield.common.cli import library_warnings


def test_deprecations_of_other_packages_are_not_told(capsys: pytest.CaptureFixture[str]) -> None:
    with library_warnings():
        warnings.warn("an old name", DeprecationWarning, stacklevel=1)
        warnings.warn("a long step", StepSizeWarning, stacklevel=1)
    assert capsys.readouterr().err == "warning: a long step\n"
