"""`kill -9` of the whole pipeline at random moments: the next run mends it and does nothing twice.

EPOCHWISE_KILLS is the number of kills, EPOCHWISE_SEED that of their moments, EPOCHWISE_LONGEST the
longest time until one, in seconds. EPOCHWISE_TARGETS names stages, for less than the whole
pipeline.
"""

import os
import random
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from epochwise.core.lock import LOCK
from epochwise.recovery import stages
from tests.test_pipeline import environment, make_project, succeed

KILLS = int(os.environ.get("EPOCHWISE_KILLS", "50"))
SEED = int(os.environ.get("EPOCHWISE_SEED", "0"))
TARGETS = os.environ.get("EPOCHWISE_TARGETS", "").split()
LONGEST = float(os.environ.get("EPOCHWISE_LONGEST", "30"))
"""Seconds until a kill at most."""
REPRO = ["dvc", "repro", *TARGETS] if TARGETS else ["epochwise.repro"]
STARTED = re.compile(r"^Running stage '(.+)':$", re.MULTILINE)


def repro(project: Path, seconds: float | None) -> tuple[bool, str]:
    """Run DVC as `make repro` does, kill all after some time; whether it ended, what it said."""
    log = project / "log.txt"
    with log.open("w") as output:
        running = subprocess.Popen(
            [sys.executable, "-m", *REPRO],
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
    text = log.read_text(errors="replace")
    assert running.returncode in (0, -signal.SIGKILL), text
    return running.returncode == 0, text


def recorded(project: Path) -> dict[str, str]:
    """What dvc.lock says of each stage."""
    lock = project / LOCK
    return stages(lock.read_text()) if lock.exists() else {}


@pytest.mark.long
def test_killed_pipelines_are_mended(tmp_path: Path) -> None:
    reference = make_project(tmp_path / "reference")
    succeed(reference, *REPRO)
    chance, kills, rounds, mended = random.Random(SEED), 0, 0, 0
    while kills < KILLS:
        project = make_project(tmp_path / str(rounds))
        rounds, whole = rounds + 1, False
        while not whole:
            # The two steps of `make repro`.
            mended += succeed(project, "epochwise.check").count("cut short")
            done = recorded(project)
            whole, text = repro(project, chance.uniform(0, LONGEST) if kills < KILLS else None)
            kills += not whole
            assert not done.keys() & set(STARTED.findall(text)), text
            print(f"kill {kills}: {len(done)} stages were done", flush=True)
        assert recorded(project) == recorded(reference)
    print(f"{kills} kills in {rounds} pipelines, {mended} files were cut short, all mended")
