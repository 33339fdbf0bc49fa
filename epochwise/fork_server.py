"""Run the modules of stages in forks of one process that has their libraries loaded.

A stage spends more time on importing TensorFlow or pandas than many spend on their work. Here a
process imports them once, and every stage begins as a copy of it: with the arguments, environment,
folder and output that a process of its own would have, and with the project's code as it is then:
what all need of that is imported once while it is the same.
"""

import gc
import multiprocessing
import os
import runpy
import signal
import subprocess
import sys
from contextlib import suppress
from importlib import import_module
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Self, TypeAlias

from epochwise.core.cli import quiet

ROOT = Path(__file__).parents[1]
"""Where `python -m` finds this module, from whatever folder DVC is called."""
fork = multiprocessing.get_context("fork")
LIBRARIES = [
    "matplotlib.backends.backend_agg",
    "matplotlib.figure",
    "pandas",
    "pyarrow.dataset",
    "pyarrow.parquet",
    "pydantic.main",
    "scipy.sparse",
    "scipy.stats",
    "sklearn.feature_extraction.text",
    "sklearn.linear_model",
    "typer",
    "yaml",
]
"""What most stages import."""
NETWORKS = {"stages.base", "stages.score", "stages.train"}
"""Stages that import more, which takes longer to load than all others together."""
FOR_NETWORKS = ["keras", "dvc.repo", "dvc.scm", "dvclive"]
"""What they import: Keras with TensorFlow, and DVCLive with what it asks of DVC."""
PROJECT = [
    "epochwise.core.cli",
    "epochwise.core.files",
    "epochwise.core.params",
    "epochwise.core.settings",
    "epochwise.families",
]
"""What most stages import of the project."""
Loaded: TypeAlias = dict[str, tuple[Path, int, int]]
"""Modules of the project: the file of each, when it was last changed, and its size."""


class ForkServer:
    """A process that has the libraries of the stages loaded, and runs one module at a time."""

    def __init__(self) -> None:
        """Start the process, which loads the libraries while the caller goes on."""
        self._connection, theirs = multiprocessing.Pipe()
        descriptor = theirs.fileno()
        command = [sys.executable, "-m", __name__, str(descriptor)]
        # Ctrl+C is for the stage and for DVC, also while the libraries load.
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
        # A job in the background of a script ignores it, and so do its stages.
        self._interruptible = before != signal.SIG_IGN
        try:
            self._process = subprocess.Popen(command, cwd=ROOT, pass_fds=[descriptor])
        finally:
            signal.signal(signal.SIGINT, before)
        theirs.close()
        self._loaded = False

    def is_ready(self, seconds: float | None = 0) -> bool:
        """Whether the libraries are loaded, and the process lives.

        Waits for that up to so many `seconds`; with None as long as it takes.
        """
        if not self._loaded and self._connection.poll(seconds):
            with suppress(EOFError):
                self._loaded = self._connection.recv()
        return self._loaded and self._process.poll() is None

    def run(
        self, module: str, arguments: list[str], folder: str, environment: dict[str, str]
    ) -> int:
        """Run `python -m module arguments` in `folder`; its exit status, or minus a signal."""
        try:
            self._connection.send((module, arguments, folder, environment, self._interruptible))
            status: int = self._connection.recv()
        except (EOFError, OSError):
            return self._process.wait()
        return status

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """End the process."""
        self._process.kill()
        self._process.wait()


def serve(connection: Connection) -> None:
    """Tell that the libraries are loaded, and run what is asked for until nobody asks."""
    try:
        _load(LIBRARIES)
    except (ImportError, MemoryError):
        return  # stages start on their own then, and say what is wrong
    # A DVC that was killed neither asks nor hears.
    with suppress(EOFError, ConnectionError):
        connection.send(True)
        project = None
        while True:
            module, *options = connection.recv()
            if module in NETWORKS and not sys.modules.keys() >= set(FOR_NETWORKS):
                with suppress(ImportError, MemoryError):  # the stage will say so
                    _load(FOR_NETWORKS)
            project = _load_project(options[1], project)
            stage = fork.Process(target=_run, args=(module, *options))
            stage.start()
            stage.join()
            connection.send(stage.exitcode)


def _load(libraries: list[str]) -> None:
    """Load `libraries`, and nothing of the project."""
    with quiet():
        for name in libraries:
            import_module(name)
    # With the first model of a process pydantic looks for plugins among all packages.
    import_module("pydantic").create_model("First")
    _forget_project()
    # A fork that looks for garbage among what is loaded would copy the memory of it all.
    gc.collect()
    gc.freeze()


def _load_project(folder: str, before: Loaded | None) -> Loaded:
    """Load what most stages need of the project in `folder`, unless it is loaded as it is now.

    What was loaded `before` is forgotten where a file of it has changed since.
    """
    if before is not None and sys.path[0] == folder and before == _loaded():
        return before
    _forget_project()
    sys.path[0] = folder
    os.chdir(folder)
    with suppress(Exception):  # the stage will say so
        for name in PROJECT:
            import_module(name)
        sys.modules["epochwise.families"].table()
        sys.modules["epochwise.core.params"].load()
    return _loaded()


def _forget_project() -> None:
    for name in _modules():
        del sys.modules[name]


def _loaded() -> Loaded:
    found = {}
    for name in _modules():
        path = Path(str(sys.modules[name].__file__))
        if path.is_file():
            status = path.stat()
            found[name] = path, status.st_mtime_ns, status.st_size
    return found


def _modules() -> list[str]:
    return [name for name in sys.modules if name.partition(".")[0] == "epochwise"]


def _run(
    module: str,
    arguments: list[str],
    folder: str,
    environment: dict[str, str],
    interruptible: bool,
) -> None:
    """Become what `python -m module arguments` is in a process of its own.

    One that is `interruptible` is ended by Ctrl+C.
    """
    if interruptible:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    sys.path[0] = folder
    sys.argv[1:] = arguments
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    if sys.argv[1:] and sys.argv[1].isdecimal():
        serve(Connection(int(sys.argv[1])))
    else:
        print(f"{__doc__}\nThe `dvc` of the environment starts it.")
