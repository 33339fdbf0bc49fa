"""Run a module from the command line: `--help`, one clear line for an error, exit status 1."""

import errno
import inspect
import os
import re
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import typer

from epochwise.core import lock

ADVICE = {
    **dict.fromkeys(
        (errno.ENOSPC, errno.EDQUOT, errno.EFBIG),
        "make room on the disk and run again, nothing half written was left",
    ),
    **dict.fromkeys(
        (errno.EACCES, errno.EPERM, errno.EROFS),
        "make the file and its folder readable and writable",
    ),
}
"""What to do about an error of the operating system, by its number."""


LONGEST = 4_000
"""Characters of a message."""


class InputError(Exception):
    """Bad input, told to a person: what was found, where, what was expected, what to do."""


def run(main: Callable[..., None]) -> None:
    """Call `main` with the command-line arguments, as Typer reads them from its signature.

    The help text is the docstring of the module that defines `main`. An `InputError`, a file that
    is missing, a full disk or a folder that cannot be written to end the process with status 1 and
    one line on standard error. So does SIGTERM, with status 143; what is half written is removed.
    """
    signal.signal(signal.SIGTERM, _stop)
    module = inspect.getmodule(main)
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
    app.command(help=inspect.getdoc(module))(main)
    spec = getattr(module, "__spec__", None)
    name = spec.name if spec else main.__module__
    with told():
        lock.keep()
        app(prog_name=f"python -m {name.removesuffix('.__main__')}")


@contextmanager
def told() -> Iterator[None]:
    """Tell errors of the block, which end the process, as `run` does."""
    try:
        yield
    except FileNotFoundError as error:
        if not error.filename:
            raise
        remedy = "install it" if error.filename == "git" else lock.remedy(error.filename)
        _exit(f"{error.filename} not found: {remedy}")
    except InputError as error:
        _exit(str(error))
    except MemoryError:
        _exit("the memory is full: free some, or choose smaller batches or partitions")
    except Exception as error:
        if (number := _errno(error)) is None:
            raise
        path = getattr(error, "filename", None)
        advice = ADVICE.get(number, "run again when that is mended")
        _exit(f"{f'{path}: ' if path else ''}{os.strerror(number)}: {advice}")


def _errno(error: Exception) -> int | None:
    """What the operating system refused; HDF5 tells it in its message alone."""
    told = re.search(r"errno = (\d+)", str(error))
    return int(told[1]) if told else getattr(error, "errno", None)


def _stop(*_: object) -> None:
    _exit("stopped by SIGTERM: run again, what was done is kept", 128 + signal.SIGTERM)


def _exit(message: str, status: int = 1) -> None:
    shown = message if len(message) <= LONGEST else f"{message[:LONGEST]}…"
    # What a file brings must not reach the terminal as a command.
    plain = (one if one.isprintable() or one == "\n" else repr(one)[1:-1] for one in shown)
    print(f"error: {''.join(plain)}", file=sys.stderr)
    raise SystemExit(status) from None


@contextmanager
def without(*packages: str) -> Iterator[None]:
    """Import as if `packages` were not installed, unless they are loaded already.

    Keras loads scikit-learn and matplotlib for wrappers of its own where it finds them, which takes
    a third of its time to start.
    """
    hidden = [name for name in packages if name not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]  # None: not to be found
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]


@contextmanager
def quiet() -> Iterator[None]:
    """Keep what TensorFlow logs at import, which no user can act on, off standard error.

    What goes wrong it raises. Its messages at import ignore its own log level.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    sys.stderr.flush()
    kept = os.dup(2)
    with Path(os.devnull).open("w") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
