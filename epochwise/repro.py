"""Reproduce the pipeline with two processes of DVC: reviews beside images, then what is left.

The stages of reviews and of images have none in common, so that the ones train while the others
start, read or write. The outputs are those of `dvc repro` alone.
"""

import subprocess
import sys
from collections import deque
from contextlib import suppress
from itertools import chain
from threading import Thread
from typing import IO

import psutil

from epochwise import families
from epochwise.core.cli import InputError, run

DVC = [sys.executable, "-m", "epochwise.dvc", "--wait-for-lock", "repro"]
REST = ["leaderboard", "champion", "cards"]
"""The stages that read every family."""
PATIENCE = 5
"""Seconds that a process has to end after Ctrl+C."""
SHOWN = 3
"""Lines of a failed process that are shown again at the end, below what the other one said."""


def targets() -> list[list[str]]:
    """The last stage of each family: of the families of reviews, and of those of images."""
    reviews: list[str] = []
    images: list[str] = []
    for name, row in families.table().items():
        (reviews if row.dataset == "reviews" else images).append(f"evaluate@{name}")
    return [reviews, images]


def side_by_side(commands: list[list[str]]) -> None:
    """Run `commands` at the same time, and show what they say line by line.

    Raises:
        InputError: a command failed; the others have run to their end.
    """
    running = [
        subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
        )
        for command in commands
    ]
    last: list[deque[str]] = [deque(maxlen=SHOWN) for _ in running]
    relays = [
        Thread(target=_relay, args=(process.stdout, lines), daemon=True)
        for process, lines in zip(running, last, strict=True)
    ]
    for relay in relays:
        relay.start()
    try:
        for relay in relays:
            relay.join()
    except KeyboardInterrupt:
        # It has reached them too, and DVC cleans up behind itself.
        for process in running:
            with suppress(subprocess.TimeoutExpired):
                process.wait(PATIENCE)
        raise
    finally:
        for process in running:
            _end(process)
    failed = [lines for process, lines in zip(running, last, strict=True) if process.wait() != 0]
    if failed:
        raise InputError("\n".join(["dvc repro failed:", *chain(*failed)]))


def _end(process: subprocess.Popen[str]) -> None:
    """End a process that still runs, and what it has started: DVC leaves its stage at work."""
    if process.poll() is None:
        for started in psutil.Process(process.pid).children(recursive=True):
            with suppress(psutil.NoSuchProcess):
                started.terminate()
        process.terminate()


def _relay(source: IO[str], last: deque[str]) -> None:
    """Print the lines of `source` as they come, and keep the last that are not empty."""
    for line in source:
        print(line, end="", flush=True)
        if line.strip():
            last.append(line.strip())


def main() -> None:
    """Reproduce what has changed, or has never been made."""
    side_by_side([[*DVC, *names] for names in targets()])
    side_by_side([[*DVC, "--single-item", *REST]])


if __name__ == "__main__":
    run(main)
