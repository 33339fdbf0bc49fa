"""What goes wrong around a stage ends in one line, leaves nothing half written, and is mended."""

import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from epochwise.core.lock import LOCK
from tests import forked
from tests.configuration import ROOT

STAGE = '''"""Copy a file, and wait for another one if asked to."""
import time
from pathlib import Path

from epochwise.core.cli import run
from epochwise.core.files import replacing


def main(source: Path, target: Path, until: Path = Path("stage.py")) -> None:
    with replacing(target) as beside:
        beside.write_bytes(source.read_bytes())
        print("writing", flush=True)
        while not until.exists():
            time.sleep(0.05)


if __name__ == "__main__":
    run(main)
'''
PIPELINE = """\
stages:
  one: {cmd: python -m stage a b --until go, deps: [a], outs: [b]}
  two: {cmd: python -m stage b c, deps: [b], outs: [c: {cache: false}]}
"""
CONTENT = b"a" * 100_000


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    for name, value in {"PYTHONPATH": str(ROOT), "PATH": path, "DVC_NO_ANALYTICS": "1"}.items():
        monkeypatch.setenv(name, value)
    Path("stage.py").write_text(STAGE)
    Path("a").write_bytes(CONTENT)
    Path("b").write_bytes(b"before")
    return tmp_path


def start(*command: str, limit: Callable[[], None] | None = None) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", *command],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=limit,
    )


def small_files() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))


def small_memory() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (3 << 30, 3 << 30))


def files() -> set[str]:
    return {path.name for path in Path().iterdir() if path.name != "__pycache__"}


def test_a_full_disk_is_one_line_and_leaves_what_was_there() -> None:
    running = start("stage", "a", "b", limit=small_files)
    _, errors = running.communicate()
    assert running.returncode == 1
    assert errors.startswith("error: ") and len(errors.splitlines()) == 1
    assert "File too large: make room on the disk and run again" in errors
    assert files() == {"stage.py", "a", "b"} and Path("b").read_bytes() == b"before"
    assert start("stage", "a", "b").wait() == 0
    assert Path("b").read_bytes() == CONTENT


@pytest.mark.skipif(not Path("/sys/kernel").is_dir(), reason="needs a folder that takes no files")
def test_a_folder_that_takes_no_files_is_one_line() -> None:
    Path("out").symlink_to("/sys/kernel")
    running = start("stage", "a", "out/b")
    _, errors = running.communicate()
    assert running.returncode == 1
    assert errors.startswith("error: ") and f"out/.b.{running.pid}.partial" in errors
    assert (
        "make the file and its folder readable and writable" in errors
        and len(errors.splitlines()) == 1
    )


def test_a_full_memory_is_one_line() -> None:
    with Path("a").open("wb") as file:
        file.truncate(8 << 30)  # no byte of it is on the disk
    running = start("stage", "a", "b", limit=small_memory)
    _, errors = running.communicate()
    assert (running.returncode, errors.splitlines()) == (
        1,
        ["error: the memory is full: free some, or choose smaller batches or partitions"],
    )
    assert files() == {"stage.py", "a", "b"} and Path("b").read_bytes() == b"before"


def test_sigterm_is_one_line_and_removes_what_is_half_written() -> None:
    running = start("stage", "a", "b", "--until", "never")
    assert running.stdout and running.stdout.readline() == "writing\n"
    running.send_signal(signal.SIGTERM)
    _, errors = running.communicate()
    assert running.returncode == 128 + signal.SIGTERM
    assert errors == "error: stopped by SIGTERM: run again, what was done is kept\n"
    assert files() == {"stage.py", "a", "b"} and Path("b").read_bytes() == b"before"


@pytest.fixture
def pipeline() -> None:
    Path("dvc.yaml").write_text(PIPELINE)
    Path("b").unlink()
    assert forked.run("dvc", "init", "--no-scm", "--quiet", cwd=Path.cwd()).returncode == 0


def reproduce() -> None:
    done = forked.run("dvc", "repro", cwd=Path.cwd())
    assert done.returncode == 0, done.stderr


@pytest.mark.usefixtures("pipeline")
def test_of_two_runs_at_once_one_is_told_to_wait_and_the_other_ends() -> None:
    first = start("dvc", "repro")
    assert first.stdout
    for line in first.stdout:
        if "Running stage 'one'" in line:
            break
    second = start("dvc", "repro")
    output, errors = second.communicate()
    assert second.returncode != 0
    assert "is busy, it is being blocked by" in errors or "Unable to acquire lock" in errors
    assert "Traceback" not in errors + output
    Path("go").touch()
    first.communicate()
    assert first.returncode == 0
    again, _ = start("dvc", "repro").communicate()
    assert "up to date" in again and Path("c").read_bytes() == CONTENT


@pytest.mark.usefixtures("pipeline")
def test_a_clock_that_is_wrong_hides_no_change() -> None:
    Path("go").touch()
    reproduce()
    for now, letter in ((0, b"b"), (4_000_000_000, b"c")):
        before = LOCK.read_text()
        Path("a").write_bytes(CONTENT.replace(b"a", letter))  # of the same size
        os.utime("a", (now, now))
        reproduce()
        assert LOCK.read_text() != before
        assert Path("c").read_bytes() == Path("a").read_bytes()
