"""Independent jobs on several processes, one BLAS thread each."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from joblib import Parallel, delayed
from threadpoolctl import threadpool_limits
from tqdm import tqdm

from meanfield import parameters


def in_parallel(
    jobs: Iterable[Callable[[], Any]],
    workers: int | None = None,
    *,
    label: str = "jobs",
    ordered: bool = True,
    progress: bool = False,
) -> Iterator[Any]:
    """Results of the jobs, as they come.

    Parameters
    ----------
    jobs : iterable of functions without arguments
        Picklable: ``functools.partial`` of functions of modules.
    workers : int, optional
        Processes; default: this one, with one BLAS thread.  Any other backend of joblib (dask, ray)
        serves as well, inside ``joblib.parallel_config``.
    label : str
        Of the progress bar.
    ordered : bool
        In the order of the jobs, or as they are finished.
    progress : bool
        Progress bar on a terminal.

    Yields
    ------
    object
        Warnings of a job are issued here, before its result.

    Raises
    ------
    ArgumentError
        If `workers` is not an integer ≥ 1.
    """
    todo = list(jobs)
    count = 1 if workers is None else parameters.count("workers", workers, 1)
    kind = "generator" if ordered else "generator_unordered"
    pool = Parallel(n_jobs=min(count, max(len(todo), 1)), return_as=kind)
    found = pool(delayed(_run)(job) for job in todo)
    for result, caught in tqdm(
        found, total=len(todo), desc=label, disable=None if progress else True
    ):
        for text, category in caught:
            warnings.warn(text, category, stacklevel=2)
        yield result


def _run(job: Callable[[], Any]) -> tuple[Any, list[tuple[str, type[Warning]]]]:
    """Result and warnings: other processes know nothing of the filters of this one.

    One BLAS thread, wherever it runs: products of matrices and vectors are bound by memory, and the
    number of threads would change the last digits.
    """
    with warnings.catch_warnings(record=True) as caught, threadpool_limits(1, user_api="blas"):
        warnings.simplefilter("always")
        result = job()
    return result, list(dict.fromkeys((str(one.message), one.category) for one in caught))
