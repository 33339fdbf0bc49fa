"""How long stages without a network take to start, against Python with Arrow and pandas alone."""

import os
import subprocess
import sys
from pathlib import Path

from benchmarks.rows import Measured, Row, alternate

NETWORKS = {"__init__", "base", "score", "train"}
"""Stages that build or apply one."""
BARE = ["-c", "import pandas, pyarrow.parquet"]


def stages() -> list[str]:
    """The stages without a network."""
    return sorted(path.stem for path in Path("stages").glob("*.py") if path.stem not in NETWORKS)


def measure(stage: str, repeats: int) -> list[Row]:
    """Start the stage for its help, which imports what it imports at its start."""

    def memory(*arguments: str) -> float:
        process = subprocess.Popen([sys.executable, *arguments], stdout=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise subprocess.CalledProcessError(process.returncode, process.args)
        return usage.ru_maxrss * 1024.0

    help_of = ["-m", f"stages.{stage}", "--help"]
    found = alternate(lambda: memory(*BARE), lambda: memory(*help_of), repeats)
    return [Row(stage, "start", *(Measured(seconds, memory=peak) for peak, seconds in found))]
