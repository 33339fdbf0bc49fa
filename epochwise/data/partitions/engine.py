"""Where partitions are worked on: in this process, or on a Dask cluster.

The same functions run on the same partitions, and what they make comes back in the same order, so
that the bytes of an output do not depend on the engine.
"""

import operator
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import CancelledError
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Protocol, TypeVar

import pyarrow as pa

from epochwise.core.cli import InputError
from epochwise.core.files import Partition, partitions, partitions_to_read
from epochwise.core.forms import Columns
from epochwise.core.settings import Engine

LIBRARIES = ("ftfy", "gensim", "numpy", "pandas", "pyarrow", "python", "scipy", "selectolax")
"""What must be of the same version on a worker: another one may give other bytes."""
WAIT = 30
"""Seconds in which a scheduler must answer and have a worker."""
AHEAD = 2
"""Partitions that are handed out for each thread of the cluster before the first comes back."""
PROJECT = ("epochwise", "stages")

Made = TypeVar("Made")


class Map(Protocol):
    """Applies a function to a Parquet file, partition by partition."""

    def __call__(
        self, function: Callable[[pa.Table], Made], path: Path, columns: Columns | None = None, /
    ) -> Iterator[Made]:
        """What `function` makes of each partition of a file, or of some columns, in their order."""


@contextmanager
def started(engine: Engine) -> Iterator[Map]:
    """Yield what applies functions to partitions of `engine.partition_rows`, until the block ends.

    Raises:
        InputError: the scheduler does not answer, has no workers, or their libraries are others
            than ours; or the cluster is lost midway.
    """
    rows = engine.partition_rows
    if engine.name == "local":
        yield lambda function, path, columns=None: map(function, partitions(path, rows, columns))
        return
    with _client(engine) as client:
        # Processes of this machine read the file themselves, others may not have it.
        read = partitions if engine.scheduler else partitions_to_read
        yield lambda function, path, columns=None: _map(
            client, partial(_apply, function), read(path, rows, columns)
        )


@contextmanager
def _client(engine: Engine) -> Iterator[Any]:
    import dask
    from distributed import Client, LocalCluster

    quiet = {"distributed.admin.large-graph-warning-threshold": "1 GiB"}
    with ExitStack() as stack:
        stack.enter_context(dask.config.set({"logging.distributed": "critical", **quiet}))
        cluster = engine.scheduler or stack.enter_context(
            LocalCluster(
                n_workers=engine.workers,
                threads_per_worker=1,
                dashboard_address="127.0.0.1:0",  # a free port: Dask opens one always
                memory_limit=0,
            )
        )
        try:
            # Results of processes on this machine need not go through the scheduler.
            here = engine.scheduler is None
            client = stack.enter_context(
                Client(cluster, timeout=WAIT, set_as_default=False, direct_to_workers=here)
            )
            client.wait_for_workers(1, timeout=WAIT)
        # Of an address that it cannot parse, or cannot use as it is, Dask raises what it meets.
        except (OSError, TimeoutError, ValueError, TypeError, ImportError) as error:
            raise InputError(
                f"engine.scheduler is '{engine.scheduler}': no scheduler with workers"
                f" answered within {WAIT} s ({type(error).__name__}): start them, or set it to null"
            ) from None
        _check_libraries(client)
        yield client


def _check_libraries(client: Any) -> None:
    found = client.get_versions(packages=LIBRARIES)
    ours = found["client"]["packages"]
    for address, worker in found["workers"].items():
        for name in LIBRARIES:
            if (theirs := worker["packages"][name]) != ours[name]:
                raise InputError(
                    f"the Dask worker {address} has {name} {theirs}, expected {ours[name]} as here:"
                    " install requirements.txt there, with the same Python"
                )


class _Carried:
    """A function that a worker gets as it is here, although it may lack our code."""

    def __init__(self, function: Callable[..., Any]) -> None:
        import importlib

        import cloudpickle

        packages = [importlib.import_module(name) for name in PROJECT]
        for package in packages:
            cloudpickle.register_pickle_by_value(package)
        self.content = cloudpickle.dumps(function)
        for package in packages:
            cloudpickle.unregister_pickle_by_value(package)

    def __reduce__(self) -> tuple[Callable[[bytes], Any], tuple[bytes]]:
        import cloudpickle

        return cloudpickle.loads, (self.content,)


def _apply(function: Callable[[pa.Table], Made], partition: pa.Table | Partition) -> Made:
    return function(partition if isinstance(partition, pa.Table) else partition.read())


def _map(client: Any, function: Callable[[Any], Made], items: Iterable[Any]) -> Iterator[Made]:
    """The `map` of a cluster; `function` and what is bound to it reach every worker once.

    A partition whose worker dies is given to another one.
    """
    from distributed import KilledWorker

    try:
        # A result, unlike scattered data, is made again where the one worker that has it dies.
        carried = client.submit(operator.itemgetter(0), [_Carried(function)], pure=False)
        most = AHEAD * sum(client.nthreads().values())
        at_work: deque[Any] = deque()
        for item in items:
            at_work.append(client.submit(operator.call, carried, item, pure=False))
            if len(at_work) >= most:
                yield at_work.popleft().result()
        while at_work:
            yield at_work.popleft().result()
    except (KilledWorker, CancelledError) as error:
        raise InputError(
            f"the Dask cluster lost its workers or its scheduler ({type(error).__name__}): start it"
            " again, with more memory if it ran out of it, and run `dvc repro`"
        ) from None
