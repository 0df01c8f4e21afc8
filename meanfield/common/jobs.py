"""Independent jobs: here, on processes, or on any executor; the only pools and bars of the project.

Results do not depend on who does the work: a job has one BLAS thread wherever it runs.
"""

from __future__ import annotations

import asyncio
import math
import os
import pickle
import signal
import sys
import threading
import time
import warnings
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import (
    BrokenExecutor,
    CancelledError,
    Future,
    ThreadPoolExecutor,
)
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from functools import lru_cache
from importlib import import_module
from queue import SimpleQueue
from typing import Any, NamedTuple, TypeVar

from threadpoolctl import ThreadpoolController
from tqdm import tqdm

from . import arguments
from .arguments import ArgumentError
from .identity import environment, sources

T = TypeVar("T")
# What packages below tell their developers is no warning of a job.
DEPRECATIONS = (DeprecationWarning, PendingDeprecationWarning)
_OF_TIME = "{l_bar}{bar}| t = {n:.4g} of {total:.4g} [{elapsed}<{remaining}]"
# Short jobs travel together: about so many seconds of them, and for every place where jobs are done
# so many more, which leaves a scheduler of 1000 workers at 500 messages a second.
_BATCH, _BATCH_PER_SLOT = 0.5, 2e-3
# Places of an executor that does not tell; seconds for which a count of places is believed.
_SLOTS, _COUNT_AGE = 256, 5.0
# Seconds after which processes without work end, and between looks whether their parent lives.
_IDLE, _LOOK = 60, 0.2
# More processes no machine starts; beyond it there are executors.
MOST_WORKERS = 4096
_ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS")

# Bars with a lock of this process: a semaphore of the system outlives who is killed, and is told.
_BAR: Any = type("Bar", (tqdm,), {"_lock": threading.RLock()})


class Attempt(NamedTuple):
    """What a job left: a value or an error, warnings each once, seconds that it took."""

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
    jobs: Sequence[Callable[[], Any]],
    *,
    workers: int | None = None,
    executor: Any = None,
    label: str = "points",
    progress: bool = False,
) -> Iterator[tuple[int, Attempt]]:
    """What the jobs leave, with their numbers, as they come.

    `executor` takes them in the place of `workers` processes: of `concurrent.futures`, a Dask
    client, or the address of a Dask scheduler.
    """
    count = 1 if workers is None else arguments.count("workers", workers, 1, MOST_WORKERS)
    alone = executor is None and (count == 1 or len(jobs) <= 1 or _INSIDE.depth > 0)
    with ExitStack() as stack:
        shown = stack.enter_context(bar(len(jobs), label, progress))
        if alone:
            attempts: Iterable[tuple[int, Attempt]] = (
                (number, _attempt(job)) for number, job in enumerate(jobs)
            )
        else:
            attempts = _shared_out(
                jobs, stack.enter_context(_pool(min(count, len(jobs)), executor))
            )
        failed = 0
        for number, attempt in attempts:
            shown.update()
            if attempt.error is not None:
                failed += 1
                shown.set_postfix(failed=failed, refresh=False)
            yield number, attempt


def results(
    jobs: Sequence[Callable[[], T]],
    *,
    workers: int | None = None,
    executor: Any = None,
    tick: Callable[[int], Any] = lambda number: None,
) -> list[T]:
    """What the jobs return, in their order; the first error is raised, warnings come once each.

    `tick` is called with the number of each job that is done.
    """
    found: dict[int, T] = {}
    said: dict[tuple[str, type[Warning]], None] = {}
    for number, attempt in carry_out(jobs, workers=workers, executor=executor):
        if attempt.error is not None:
            raise attempt.error
        found[number] = attempt.value
        said |= dict.fromkeys(attempt.warnings)
        tick(number)
    for text, category in said:
        warnings.warn(text, category, stacklevel=3)
    return [found[number] for number in range(len(jobs))]


def slots(workers: int | None, executor: Any = None) -> int:
    """How many jobs are done at the same time."""
    if executor is None:
        return workers or 1
    with _pool(1, executor) as pool:
        return pool.slots


class Terminated(KeyboardInterrupt):
    """The program was asked by SIGTERM to end."""


@contextmanager
def stoppable() -> Iterator[None]:
    """SIGTERM, by which queues and containers end a program, stops the block as Ctrl-C does."""
    usual = signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    if not usual or threading.current_thread() is not threading.main_thread():
        yield
        return
    own = os.getpid()

    def stop(number: int, frame: Any) -> None:
        if os.getpid() == own:
            raise Terminated
        # A process that was forked meanwhile ends as it would otherwise.
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)

    signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


class _Pool:
    """Who does the work: how many at once, and what follows when it is lost."""

    # Errors of a batch that was lost with its process; how often until a job is done alone.
    losses: tuple[type[Exception], ...] = (BrokenExecutor,)
    patience = 3

    def __init__(self, executor: Any) -> None:
        self.executor = executor
        # Jobs see what the caller sees, and need not travel.
        self.is_near = isinstance(executor, ThreadPoolExecutor)

    @property
    def slots(self) -> int:
        """How many jobs are done at the same time."""
        return int(getattr(self.executor, "_max_workers", _SLOTS))

    @property
    def room(self) -> int:
        """How many batches are on their way."""
        return 2 * self.slots

    def submit(self, function: Callable[..., T], *args: Any) -> Future[T]:
        """Have it called somewhere."""
        future: Future[T] = self.executor.submit(function, *args)
        return future

    def is_cut(self, error: Exception) -> bool:
        """Whether work is lost for which no job is to blame."""
        return isinstance(error, CancelledError)

    def renew(self, error: Exception) -> None:
        """Make ready again what lost its work by this error, or raise it."""
        raise RuntimeError(f"the executor does no more work: {reason_of(error)}") from error


class _Processes(_Pool):
    """Processes of this machine, kept for a while; those that die are replaced."""

    def __init__(self, count: int) -> None:
        super().__init__(None)
        self._count = count

    @property
    def slots(self) -> int:
        return self._count

    def submit(self, function: Callable[..., T], *args: Any) -> Future[T]:
        # It needs no guard in scripts, and a broken one is replaced; so is one that was begun in
        # another folder, or would import other modules.
        from loky import get_reusable_executor

        self.executor = get_reusable_executor(
            self._count, timeout=_IDLE, initializer=_end_with,
            initargs=(os.getpid(), os.getcwd(), *sys.path),
            env=dict.fromkeys(_ONE_THREAD, "1"),
        )  # fmt: skip
        future: Future[T] = self.executor.submit(function, *args)
        return future

    def renew(self, error: Exception) -> None:
        if not isinstance(error, BrokenExecutor):
            super().renew(error)


class _Cluster(_Pool):
    """Workers of a Dask scheduler, as many as there are at the moment."""

    # Of itself it tries a job on four workers.
    patience = 2

    def __init__(self, client: Any, executor: Any = None) -> None:
        from distributed import KilledWorker

        super().__init__(executor)
        self.losses = (KilledWorker,)
        self._client, self._counted, self._count = client, -math.inf, 0
        self._address = getattr(client.scheduler, "address", "of a closed client")
        # What is lost must not be found again by its name.
        self._how = {**getattr(executor, "_kwargs", {}), "pure": False}

    @property
    def slots(self) -> int:
        if time.monotonic() - self._counted > _COUNT_AGE:
            self._counted = time.monotonic()
            with suppress(Exception):  # Without a scheduler there is nobody to be asked.
                self._count = sum(self._client.nthreads().values())
        return max(self._count, 1)

    @property
    def room(self) -> int:
        # Workers may come at any moment.
        return max(2 * self.slots, 32)

    def submit(self, function: Callable[..., T], *args: Any) -> Future[T]:
        if getattr(self.executor, "_shutdown", False):
            raise RuntimeError("it was shut down")
        sent = self._client.submit(function, *args, **self._how)
        # The executor that Dask has waits for ever where a connection breaks as results come.
        return asyncio.run_coroutine_threadsafe(sent._result(), self._client.loop.asyncio_loop)

    def is_cut(self, error: Exception) -> bool:
        return isinstance(error, CancelledError | OSError) or self._client.status != "running"

    def renew(self, error: Exception) -> None:
        # A scheduler that was begun again has forgotten its work.
        while self._client.status == "connecting":
            time.sleep(0.1)
        if self._client.status != "running":
            raise ConnectionError(
                f"the scheduler {self._address} is gone; points done before are in the store, "
                "begin it again and repeat the call"
            ) from error
        if not (self.is_cut(error) or isinstance(error, self.losses)):
            super().renew(error)


@contextmanager
def _pool(count: int, executor: Any) -> Iterator[_Pool]:
    if executor is None:
        pool: _Pool = _Processes(count)
        try:
            yield pool
        except BaseException:
            # Nobody waits for what they are doing.
            if pool.executor is not None:
                pool.executor.shutdown(kill_workers=True)
            raise
    elif isinstance(executor, str):
        with _client(executor) as client:
            yield _Cluster(client)
    elif hasattr(executor, "get_executor"):
        yield _Cluster(executor)
    elif hasattr(executor, "_client"):
        yield _Cluster(executor._client, executor)
    elif hasattr(executor, "submit"):
        yield _Pool(executor)
    else:
        raise ArgumentError(
            f"executor={executor!r}: must be an executor of concurrent.futures, a Dask client or "
            "the address of a Dask scheduler"
        )


def _client(address: str) -> Any:
    try:
        from distributed import Client
        from distributed.comm.addressing import get_address_host_port
    except ImportError:
        raise ArgumentError(
            f"executor={address!r}: a scheduler needs Dask, pip install distributed"
        ) from None
    try:
        get_address_host_port(address)
        return Client(address, timeout=10, set_as_default=False)  # type: ignore[no-untyped-call]
    except Exception as error:  # What answers there may be anything.
        raise ArgumentError(f"executor={address!r}: no scheduler answers there: {error}") from error


def _shared_out(jobs: Sequence[Callable[[], Any]], pool: _Pool) -> Iterator[tuple[int, Attempt]]:
    """The jobs in batches on a pool; what is lost with a process or a scheduler is done again."""
    import cloudpickle

    todo, single, suspects = deque(range(len(jobs))), deque[int](), deque[int]()
    deaths: Counter[int] = Counter()
    running: dict[Future[Any], list[int]] = {}
    done: SimpleQueue[Future[Any]] = SimpleQueue()
    pace, here = 0.0, _code()

    def send(batch: list[int], budget: float) -> None:
        future, own = Future[Any](), [jobs[number] for number in batch]
        try:
            # Functions of notebooks and lambdas can travel, too.
            packed = own if pool.is_near else cloudpickle.dumps(own)
        except Exception as error:
            text = f"it cannot be sent to another process: {reason_of(error)}"
            future.set_exception(TypeError(text))
        while not future.done():
            try:
                future = pool.submit(_batch, packed, budget, here)
                break
            except Exception as error:
                pool.renew(error)
        running[future] = batch
        future.add_done_callback(done.put)

    try:
        while todo or single or suspects or running:
            slots = pool.slots
            budget = max(_BATCH, slots * _BATCH_PER_SLOT)
            while (todo or single) and len(running) < pool.room:
                if single:
                    batch = [single.popleft()]
                else:
                    size = min(int(budget / pace) if pace else 1, len(todo) // (4 * slots))
                    batch = [todo.popleft() for _ in range(max(size, 1))]
                send(batch, budget)
            if suspects and not running:
                send([suspects.popleft()], budget)
            future = done.get()
            batch = running.pop(future)
            try:
                attempts = future.result()
                if not pool.is_near:
                    attempts = [pickle.loads(one) for one in attempts]
            except Exception as error:
                if pool.is_cut(error):
                    todo.extendleft(reversed(batch))
                    pool.renew(error)
                    continue
                if isinstance(error, pool.losses):
                    pool.renew(error)
                    deaths.update(batch)
                    if len(batch) > 1 or deaths[batch[0]] <= pool.patience:
                        often = [n for n in batch if deaths[n] >= pool.patience]
                        suspects.extend(often)
                        single.extend(n for n in batch if n not in often)
                        continue
                    error = RuntimeError(
                        "its process died again and again, the last time with nothing beside it: "
                        "killed, or out of memory"
                    )
                elif len(batch) > 1:
                    single.extend(batch)
                    continue
                yield batch[0], Attempt(None, [], _portable(error), math.nan)
                continue
            todo.extendleft(reversed(batch[len(attempts) :]))
            mean = sum(attempt.seconds for attempt in attempts) / len(attempts)
            pace = (pace + mean) / 2 if pace else mean
            yield from zip(batch, attempts, strict=False)
    finally:
        for future in running:
            future.cancel()


def _batch(jobs: Any, budget: float, caller: tuple[str, ...]) -> list[Attempt] | list[bytes]:
    """What the jobs leave, but for those that are not begun within `budget` seconds."""
    if (own := _code()) != caller:
        here, there = (", ".join(a) for a in ({*own} - {*caller}, {*caller} - {*own}))
        raise RuntimeError(f"the worker has {here}, the caller {there}")
    if is_far := isinstance(jobs, bytes):
        try:
            jobs = pickle.loads(jobs)
        except ImportError as error:
            todo = "install it there, or put its folder into PYTHONPATH"
            raise ImportError(f"{error} on a worker: {todo}") from None
    attempts: list[Any] = []
    start = time.monotonic()
    # Once for all of them: it takes longer than many a job.
    with _SURROUNDINGS.of_job():
        for job in jobs:
            attempt = _attempt(job)
            attempts.append(_packed(attempt) if is_far else attempt)
            if time.monotonic() - start > budget:
                break
    return attempts


def _packed(attempt: Attempt) -> bytes:
    """What every executor can carry, whatever it knows of pickling."""
    import cloudpickle

    try:
        return cloudpickle.dumps(attempt)
    except Exception as error:
        text = f"its result cannot be sent to another process: {reason_of(error)}"
        return cloudpickle.dumps(attempt._replace(value=None, error=TypeError(text)))


def _code() -> tuple[str, ...]:
    """What a worker must have in common with its caller."""
    return (*environment(), f"all_code {sources()[:12]}")


def _end_with(parent: int, *place: str) -> None:
    """End this process when its parent is gone, which may have been killed."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(_LOOK)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


@lru_cache(1)
def _controller(loaded: int) -> ThreadpoolController:
    """Of the BLAS libraries that are loaded; to find them takes longer than many a job."""
    return ThreadpoolController()


def blas_threads(number: int) -> AbstractContextManager[Any]:
    """So many threads of matrix products."""
    return _controller(len(sys.modules)).limit(limits=number, user_api="blas")


class _Inside(threading.local):
    depth = 0


_INSIDE = _Inside()


class _Surroundings:
    """One BLAS thread, and all warnings heard, while any job of this process runs.

    Threads of a pool share both: the first that comes sets them, the last that leaves resets them.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._stack = ExitStack()
        self._count = 0
        self._heard: dict[int, list[Any]] = {}

    @contextmanager
    def of_job(self) -> Iterator[list[Any]]:
        """Surround one job; the list of what it warns of."""
        thread, said = threading.get_ident(), list[Any]()
        with self._lock:
            if self._count == 0:
                self._stack.enter_context(warnings.catch_warnings())
                warnings.simplefilter("always")
                for category in DEPRECATIONS:
                    warnings.simplefilter("ignore", category)
                warnings.showwarning = self._hear
                # A job that is the first to use SciPy must not find its BLAS without a limit; nor
                # should the time of a first point, which plans are made of, be that of an import.
                import_module("scipy.optimize")
                self._stack.enter_context(blas_threads(1))
            self._count += 1
            outer = self._heard.get(thread)
            self._heard[thread] = said
        _INSIDE.depth += 1
        try:
            yield said
        finally:
            _INSIDE.depth -= 1
            with self._lock:
                if outer is None:
                    del self._heard[thread]
                else:
                    self._heard[thread] = outer
                self._count -= 1
                if self._count == 0:
                    self._stack.close()

    def _hear(self, message: Any, category: type[Warning], *place: Any, **more: Any) -> None:
        # A thread that a job began has no list of its own.
        lists = [self._heard.get(threading.get_ident()), *list(self._heard.values())]
        next(said for said in lists if said is not None).append((str(message), category))


_SURROUNDINGS = _Surroundings()


def _attempt(job: Callable[[], Any]) -> Attempt:
    """Do the job."""
    start = time.perf_counter()
    value = failure = None
    with _SURROUNDINGS.of_job() as said:
        try:
            value = job()
        except Exception as error:  # To be told beside the points that work.
            failure = _portable(error)
        except SystemExit as error:
            failure = RuntimeError(f"it called sys.exit({error})")
    return Attempt(value, list(dict.fromkeys(said)), failure, time.perf_counter() - start)


def _portable(error: Exception) -> Exception:
    """The error, or one with its text if it cannot travel between processes."""
    import cloudpickle

    try:
        pickle.loads(cloudpickle.dumps(error))
    except Exception:
        return RuntimeError(reason_of(error))
    return error


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
    return _BAR(over, total=total, desc=label, unit=unit, disable=off, bar_format=form)
