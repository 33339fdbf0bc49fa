import fcntl
from pathlib import Path
from threading import Thread

import pytest

from epochwise.core.lock import HELD, KEPT, LOCK, keep


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DVC_STAGE", "one")
    HELD.parent.mkdir(parents=True)
    HELD.touch()


def test_a_stage_keeps_a_copy() -> None:
    LOCK.write_text("whole")
    keep()
    assert KEPT.read_text() == "whole"
    assert set(KEPT.parent.iterdir()) == {KEPT, HELD}


def test_a_copy_waits_for_another_dvc_that_writes() -> None:
    LOCK.write_text("ha")
    waiting = Thread(target=keep)
    with HELD.open() as another:
        fcntl.flock(another, fcntl.LOCK_EX)
        waiting.start()
        waiting.join(0.2)
        assert waiting.is_alive() and not KEPT.exists()
        LOCK.write_text("half and the rest")
    waiting.join()
    assert KEPT.read_text() == "half and the rest"


def test_nothing_is_copied_outside_of_dvc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DVC_STAGE")
    LOCK.write_text("whole")
    keep()
    assert not KEPT.exists()
