"""Independent jobs on several processes."""

import warnings
from functools import partial

import pytest

from meanfield import ArgumentError, StepSizeWarning
from simulate.parallel import in_parallel


def _job(k: int) -> int:
    if k == 2:
        warnings.warn("too long", StepSizeWarning, stacklevel=1)
    return k * k


@pytest.mark.parametrize("workers", [None, 2])
def test_results_in_order_and_warnings_here(workers: int | None) -> None:
    jobs = [partial(_job, k) for k in range(5)]
    with pytest.warns(StepSizeWarning, match="too long") as caught:
        assert list(in_parallel(jobs, workers)) == [0, 1, 4, 9, 16]
    assert len(caught) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", StepSizeWarning)
        assert sorted(in_parallel(jobs, workers, ordered=False)) == [0, 1, 4, 9, 16]
    with warnings.catch_warnings():
        warnings.simplefilter("error", StepSizeWarning)
        with pytest.raises(StepSizeWarning):
            list(in_parallel(jobs, workers))


def test_nothing_to_do() -> None:
    assert list(in_parallel([], 2)) == []


def test_bad_workers() -> None:
    with pytest.raises(ArgumentError, match="workers"):
        list(in_parallel([], 0))
