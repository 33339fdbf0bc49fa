import fcntl
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import yaml

from epochwise.core import params
from epochwise.core.cli import InputError
from epochwise.core.lock import HELD, KEPT, LOCK, is_current, keep, not_run, read, remedy
from tests import forked


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


def test_results_are_current_until_what_they_read_is_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By DVC itself: stages that read a file of a folder, a folder within it, or all of it."""
    monkeypatch.delenv("DVC_STAGE")
    make = "mkdir -p d/e && echo ${file} > d/file && echo ${folder} > d/e/a && echo b > d/e/b"
    reads = {"reads_file": "d/file", "reads_folder": "d/e", "reads_all": "d"}
    stages: dict[str, Any] = {
        "make": {"cmd": make, "params": ["file", "folder"], "outs": ["d"]},
        **{
            name: {"cmd": f"ls {dep} > {name}", "deps": [dep], "outs": [name]}
            for name, dep in reads.items()
        },
        "last": {"cmd": "cp reads_file last", "deps": ["reads_file"], "outs": ["last"]},
    }
    Path("dvc.yaml").write_text(yaml.safe_dump({"stages": stages}))

    def run(*target: str, **values: int) -> dict[str, bool]:
        Path("params.yaml").write_text(yaml.safe_dump(values))
        dvc("repro", "--quiet", *target)
        return {name: is_current(read(), name) for name in (*reads, "last")}

    dvc("init", "--no-scm", "--force", "--quiet")
    assert all(run(file=1, folder=1).values())
    assert run("make", file=1, folder=2) == {
        "reads_file": True,
        "reads_folder": False,
        "reads_all": False,
        "last": True,
    }
    assert run("make", file=2, folder=2) == dict.fromkeys((*reads, "last"), False)
    assert all(run(file=2, folder=2).values())


@pytest.mark.parametrize("value", ["no", "1:30", "1e-05", 1e-05])
def test_params_of_the_lock_are_read_as_dvc_wrote_them(
    value: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DVC_STAGE")
    stage = {"cmd": "echo > out", "params": ["column"], "outs": ["out"]}
    Path("dvc.yaml").write_text(yaml.safe_dump({"stages": {"made": stage}}))
    Path("params.yaml").write_text(yaml.safe_dump({"column": value}))
    dvc("init", "--no-scm", "--force", "--quiet")
    dvc("repro", "--quiet")
    assert not_run(read(), params.load()) == []
    assert not_run(read(), {"column": "other"}) == ["made"]


@pytest.mark.parametrize(
    "entry",
    ["[]", "text", "{outs: [{md5: a}]}", "{outs: text}", "{deps: [{path: 5}]}", "{params: [a]}"],
)
def test_an_entry_that_dvc_has_not_written_is_told(entry: str) -> None:
    Path("dvc.lock").write_text(f"schema: '2.0'\nstages:\n  made: {entry}\n")
    with pytest.raises(InputError, match=r"dvc\.lock is damaged: run `python -m epochwise\.check`"):
        read()


def dvc(*arguments: str) -> None:
    forked.run("dvc", *arguments, cwd=Path.cwd()).check_returncode()


def test_nothing_is_copied_outside_of_dvc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DVC_STAGE")
    LOCK.write_text("whole")
    keep()
    assert not KEPT.exists()


def test_the_stage_that_makes_a_file_is_what_mends_it() -> None:
    assert remedy("metrics/a.json") == "run `dvc repro` to build it"
    outs = [{"path": "data/scores/lstm"}, {"path": "metrics/lstm/test.json"}]
    content = {"stages": {"score@lstm": {"outs": outs[:1]}, "evaluate@lstm": {"outs": outs[1:]}}}
    LOCK.write_text(yaml.safe_dump(content))
    assert remedy("metrics/lstm/test.json") == "run `dvc repro evaluate@lstm` to build it"
    assert remedy(Path("data/scores/lstm/model.json")).startswith("run `dvc repro score@lstm`")
    assert remedy("metrics/lstm") == "run `dvc repro` to build it"
    LOCK.write_text("stages: [")
    assert remedy("metrics/lstm/test.json") == "run `dvc repro` to build it"
