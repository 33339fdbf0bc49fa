"""How long stages without a network take to start, against Python with Arrow and pandas alone."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from benchmarks.rows import Measured, Row, alternate
from epochwise.core.cli import InputError
from epochwise.fork_server import ForkServer

NETWORKS = {"__init__", "base", "score", "train"}
"""Stages that build or apply one."""
BARE = ["-c", "import pandas, pyarrow.parquet"]
NETWORK = "epochwise.training.runtime"
"""Imports Keras and TensorFlow, and does nothing when it is run."""
QUIET = f"""
from epochwise.core.cli import quiet
with quiet():
    import {NETWORK}
"""
PEAK = """
import os, subprocess, sys
process = subprocess.Popen([sys.executable, *sys.argv[1:]], stdout=subprocess.DEVNULL)
print(os.wait4(process.pid, 0)[2].ru_maxrss)
"""
"""Prints the KiB of a process: one that has grown would lend its own peak to those it starts."""


def stages() -> list[str]:
    """The stages without a network."""
    return sorted(path.stem for path in Path("stages").glob("*.py") if path.stem not in NETWORKS)


def measure(stage: str, repeats: int) -> list[Row]:
    """Start the stage for its help, which imports what it imports at its start."""
    both = (BARE, ["-m", f"stages.{stage}", "--help"])
    plain, ours = (partial(_start, each) for each in both)
    (_, slow), (_, fast) = alternate(plain, ours, repeats)
    measured = zip((slow, fast), map(_memory, both), strict=True)
    return [Row(stage, "start", *(Measured(seconds, memory=peak) for seconds, peak in measured))]


def measure_fork(repeats: int) -> list[Row]:
    """Start what a stage with a network imports: in a process of its own, and in a fork."""
    with _silent():
        started = ForkServer()
    with started as server:
        if not server.is_ready(None):
            raise InputError(
                "the libraries of the stages cannot be loaded: install requirements.txt"
            )
        plain = partial(_start, ["-c", QUIET])
        where = (str(Path.cwd()), dict(os.environ))
        server.run("stages.train", ["--help"], *where)  # from here on Keras is loaded
        ours = partial(server.run, NETWORK, [], *where)
        (_, slow), (_, fast) = alternate(plain, ours, repeats)
    return [Row("fork", "Keras, TensorFlow", Measured(slow), Measured(fast))]


@contextmanager
def _silent() -> Iterator[None]:
    """Keep what a process that is started here prints off the table."""
    sys.stdout.flush()
    kept = os.dup(1)
    with Path(os.devnull).open("w") as nowhere:
        os.dup2(nowhere.fileno(), 1)
    try:
        yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)


def _start(arguments: list[str]) -> str:
    """What a Python process with these arguments prints."""
    started = subprocess.run(
        [sys.executable, *arguments], check=True, stdout=subprocess.PIPE, text=True
    )
    return started.stdout


def _memory(arguments: list[str]) -> float:
    """The peak in bytes of a Python process with these arguments."""
    return float(_start(["-c", PEAK, *arguments])) * 1024
