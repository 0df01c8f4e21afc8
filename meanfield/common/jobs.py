"""Independent jobs on processes or threads: the only pools and progress bars of the project."""

import operator
import pickle
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor, as_completed
from functools import partial
from typing import Any, NamedTuple, TypeVar

from threadpoolctl import threadpool_limits
from tqdm import tqdm

from . import arguments

T = TypeVar("T")
# What packages below tell their developers is no warning of a job.
DEPRECATIONS = (DeprecationWarning, PendingDeprecationWarning)
_OF_TIME = "{l_bar}{bar}| t = {n:.4g} of {total:.4g} [{elapsed}<{remaining}]"


class Attempt(NamedTuple):
    """What a job left: a value or an error, warnings each once, seconds on the processor."""

    value: Any
    warnings: list[tuple[str, type[Warning]]]
    error: Exception | None
    seconds: float

    @property
    def reason(self) -> str:
        """Why it failed, in words; empty if it did not."""
        return "" if self.error is None else reason_of(self.error)


def reason_of(error: BaseException) -> str:
    """The text of an error, its `summary` where it has one."""
    return getattr(error, "summary", None) or str(error) or type(error).__name__


def carry_out(
    jobs: Iterable[Callable[[], Any]],
    *,
    workers: int | None = None,
    executor: Executor | None = None,
    label: str = "points",
    progress: bool = False,
) -> Iterator[tuple[int, Attempt]]:
    """What the jobs leave, with their numbers, as they come, of processes or an `executor`."""
    # Functions of notebooks and lambdas may be sent to processes, too.  Each has one BLAS thread,
    # wherever it runs: the number of threads would change last digits.
    numbered = [partial(_attempt, number, job) for number, job in enumerate(jobs)]
    count = 1 if workers is None else arguments.count("workers", workers, 1)
    with bar(len(numbered), label, progress) as shown:
        for attempt in _scheduled(numbered, count, executor):
            shown.update()
            yield attempt


def _scheduled(
    jobs: Sequence[Callable[[], tuple[int, Attempt]]], count: int, executor: Executor | None
) -> Iterator[tuple[int, Attempt]]:
    if executor is not None:
        running = [executor.submit(job) for job in jobs]
        try:
            for future in as_completed(running):
                yield future.result()
        finally:
            for future in running:
                future.cancel()
    elif count == 1 or len(jobs) <= 1:
        for job in jobs:
            yield job()
    else:
        from joblib import Parallel, delayed

        pool = Parallel(n_jobs=min(count, len(jobs)), return_as="generator_unordered")
        yield from pool(delayed(job)() for job in jobs)


def _attempt(number: int, job: Callable[[], Any]) -> tuple[int, Attempt]:
    """Do the job; other processes know nothing of the warning filters of this one."""
    start = time.process_time()
    value = failure = None
    with warnings.catch_warnings(record=True) as caught, threadpool_limits(1, user_api="blas"):
        warnings.simplefilter("always")
        for category in DEPRECATIONS:
            warnings.simplefilter("ignore", category)
        try:
            value = job()
        except Exception as error:  # To be told beside the points that work.
            failure = _portable(error)
    said = list(dict.fromkeys((str(entry.message), entry.category) for entry in caught))
    return number, Attempt(value, said, failure, time.process_time() - start)


def _portable(error: Exception) -> Exception:
    """The error, or one with its text if it cannot travel between processes."""
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return RuntimeError(reason_of(error))
    return error


def in_threads(jobs: Sequence[Callable[[], T]], threads: int | None) -> list[T]:
    """Results of the jobs in their order, computed by `threads` with one BLAS thread each."""
    # For the sampler, whose products are as long as the batch and as wide as the rank: too thin
    # for threads of BLAS, but they release the interpreter.
    count = min(threads or 1, len(jobs))
    with threadpool_limits(1, user_api="blas"):
        if count == 1:
            return [job() for job in jobs]
        with ThreadPoolExecutor(count) as pool:
            # The first error cancels those that have not begun.
            return list(pool.map(operator.call, jobs))


def bar(
    total: float | None,
    label: str,
    progress: bool,
    unit: str = "point",
    over: Iterable[Any] | None = None,
) -> Any:
    """A progress bar on a terminal: to a count, through a time (a float), or over something."""
    form = _OF_TIME if isinstance(total, float) else None
    off = None if progress else True
    return tqdm(over, total=total, desc=label, unit=unit, disable=off, bar_format=form)
