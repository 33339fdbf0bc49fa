"""Work beside the block is done when the block has ended, or its error is told."""

import os
import signal
import time
from pathlib import Path

import pytest

from epochwise.core.beside import beside
from epochwise.core.cli import InputError


def write_slowly(path: Path) -> None:
    time.sleep(0.2)
    path.write_text(str(os.getpid()))


def refuse() -> None:
    raise InputError("row 3: found nothing")


def test_the_block_waits_for_the_work_of_another_process(tmp_path: Path) -> None:
    with beside(write_slowly, tmp_path / "other"):
        assert not (tmp_path / "other").exists()
    assert int((tmp_path / "other").read_text()) != os.getpid()


def test_an_error_of_the_work_is_told_once(capfd: pytest.CaptureFixture[str]) -> None:
    done = []
    with pytest.raises(SystemExit) as stopped, beside(refuse):
        done.append(True)
    assert done
    assert stopped.value.code == 1
    assert capfd.readouterr().err == "error: row 3: found nothing\n"


def kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_process_that_the_system_kills_is_told() -> None:
    with pytest.raises(InputError, match="was ended by SIGKILL"), beside(kill):
        pass


def test_an_error_of_the_block_is_raised_when_the_work_is_done(tmp_path: Path) -> None:
    with pytest.raises(KeyError), beside(write_slowly, tmp_path / "other"):
        raise KeyError
    assert (tmp_path / "other").exists()
