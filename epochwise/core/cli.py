"""Run a module from the command line: `--help`, one clear line for an error, exit status 1."""

import inspect
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import typer

from epochwise.core import lock


class InputError(Exception):
    """Bad input, told to a person: what was found, where, what was expected, what to do."""


def run(main: Callable[..., None]) -> None:
    """Call `main` with the command-line arguments, as Typer reads them from its signature.

    The help text is the docstring of the module that defines `main`. An `InputError`, or a file
    that is missing, ends the process with status 1 and one line on standard error.
    """
    module = inspect.getmodule(main)
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
    app.command(help=inspect.getdoc(module))(main)
    spec = getattr(module, "__spec__", None)
    name = spec.name if spec else main.__module__
    try:
        lock.keep()
        app(prog_name=f"python -m {name.removesuffix('.__main__')}")
    except FileNotFoundError as error:
        if not error.filename:
            raise
        _exit(f"{error.filename} not found: run `dvc repro` to build it")
    except InputError as error:
        _exit(str(error))


def _exit(message: str) -> None:
    print(f"error: {message}", file=sys.stderr)
    raise SystemExit(1) from None


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
