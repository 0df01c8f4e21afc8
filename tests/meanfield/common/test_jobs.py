"""Jobs in threads keep their order and raise what they raise."""

import pytest

from meanfield.common.jobs import in_threads


@pytest.mark.parametrize("threads", [1, 3, None])
def test_jobs_in_threads(threads: int | None) -> None:
    assert in_threads([lambda k=k: k * k for k in range(9)], threads) == [k * k for k in range(9)]

    def fails() -> int:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        in_threads([lambda: 1, fails, lambda: 2], threads)
