"""Do two things at once, in two processes."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing import Process

from epochwise.core.cli import told


@contextmanager
def beside(work: Callable[..., None], *arguments: object) -> Iterator[None]:
    """Do `work(*arguments)` in another process during the block, which waits for its end.

    Raises:
        SystemExit: the work failed, and has told why.
    """
    process = Process(target=_tell, args=(work, *arguments))
    process.start()
    try:
        yield
    finally:
        process.join()
    if process.exitcode:
        raise SystemExit(1)


def _tell(work: Callable[..., None], *arguments: object) -> None:
    with told():
        work(*arguments)
