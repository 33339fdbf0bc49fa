"""Do two things at once, in two processes."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing import Process

from epochwise.core.cli import InputError, told


@contextmanager
def beside(work: Callable[..., None], *arguments: object) -> Iterator[None]:
    """Do `work(*arguments)` in another process during the block, which waits for its end.

    Raises:
        SystemExit: the work failed, and has told why.
        InputError: its process was killed, for instance for the memory that it took.
    """
    process = Process(target=_tell, args=(work, *arguments))
    process.start()
    try:
        yield
    finally:
        process.join()
    if process.exitcode and process.exitcode < 0:
        name = signal.Signals(-process.exitcode).name
        raise InputError(f"a process of the stage was ended by {name}: run with more memory")
    if process.exitcode:
        raise SystemExit(1)


def _tell(work: Callable[..., None], *arguments: object) -> None:
    with told():
        work(*arguments)
