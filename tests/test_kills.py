"""`kill -9` of the whole pipeline at random moments: the next run mends it and does nothing twice.

EPOCHWISE_KILLS is the number of kills, EPOCHWISE_SEED that of their moments, EPOCHWISE_LONGEST the
longest time until one, in seconds.
"""

import os
import random
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from tests.test_pipeline import environment, make_project, succeed

KILLS = int(os.environ.get("EPOCHWISE_KILLS", "50"))
SEED = int(os.environ.get("EPOCHWISE_SEED", "0"))
LONGEST = float(os.environ.get("EPOCHWISE_LONGEST", "30"))
"""Seconds until a kill at most."""
STARTED = re.compile(r"^Running stage '(.+)':$", re.MULTILINE)
RECORDED = re.compile(r"^(?:Updating|Generating) lock file 'dvc\.lock'$", re.MULTILINE)


def repro(project: Path, seconds: float | None) -> tuple[bool, str]:
    """What `make repro` does, DVC and its stages killed after some time; whether it ended."""
    text = succeed(project, "epochwise.check")
    log = project / "log.txt"
    with log.open("w") as output:
        running = subprocess.Popen(
            [sys.executable, "-m", "dvc", "repro"],
            cwd=project,
            env=environment(),
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            running.wait(seconds)
        except subprocess.TimeoutExpired:
            os.killpg(running.pid, signal.SIGKILL)
            running.wait()
    text += log.read_text(errors="replace")
    assert running.returncode in (0, -signal.SIGKILL), text
    return running.returncode == 0, text


def ended(text: str) -> list[str]:
    """The stages that a run started and recorded before another began, by its output."""
    parts = STARTED.split(text)[1:]
    pairs = zip(parts[::2], parts[1::2], strict=True)
    return [name for name, output in pairs if RECORDED.search(output)]


@pytest.mark.long
def test_killed_pipelines_are_mended(tmp_path: Path) -> None:
    reference = make_project(tmp_path / "reference")
    succeed(reference, "dvc", "repro", "--quiet")
    lock = (reference / "dvc.lock").read_bytes()
    chance, kills, mended, rounds = random.Random(SEED), 0, Counter[str](), 0
    while kills < KILLS:
        project = make_project(tmp_path / str(rounds))
        rounds, done, whole = rounds + 1, set[str](), False
        while not whole:
            limit = chance.uniform(0, LONGEST) if kills < KILLS else None
            start = time.monotonic()
            whole, text = repro(project, limit)
            kills += not whole
            # DVC says that it updates the lock, and is killed as it does: the last may run again.
            again = done.intersection(STARTED.findall(text))
            assert not again, f"kill {kills}: {again} ran twice\n{text}"
            done |= set(ended(text)[:-1] if not whole else ended(text))
            mended.update(re.findall(r"^\S+ was cut short", text, re.MULTILINE))
            print(f"kill {kills}, {time.monotonic() - start:.1f} s: {len(done)} stages done")
        assert (project / "dvc.lock").read_bytes() == lock
    print(f"{kills} kills in {rounds} pipelines: all mended, {dict(mended)}")
