"""Files that DVC writes in place are mended wherever a kill has cut them short."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from epochwise.core.cli import InputError
from epochwise.core.lock import KEPT, LOCK
from epochwise.core.paths import CHAMPIONS
from epochwise.recovery import HEAD, RWLOCK, is_whole, mend, stages
from tests import forked
from tests.configuration import ROOT

WHOLE = (ROOT / "dvc.lock").read_text()
NAMES = list(stages(WHOLE))[:4]
SMALL = HEAD + "".join(stages(WHOLE)[name] for name in NAMES)
PARAMS = "seed:\n  data: 1\n  training: 1\nclean:\n  digits: keep\n"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    return tmp_path


def git(*arguments: str) -> None:
    named = ["-c", "user.name=a", "-c", "user.email=a@b"]
    subprocess.run(["git", *named, *arguments], check=True, capture_output=True)


def commit(**files: str) -> None:
    git("init")
    for name, content in files.items():
        Path(name.replace("_", ".")).write_text(content)
    git("add", "-f", ".")
    git("commit", "-m", "a")


def test_a_lock_is_its_stages() -> None:
    assert is_whole(WHOLE) and is_whole(SMALL)
    assert HEAD + "".join(stages(WHOLE).values()) == WHOLE


def test_what_is_whole_stays_as_it_is() -> None:
    commit(dvc_lock=SMALL, params_yaml=PARAMS)
    LOCK.write_text(WHOLE)
    Path("params.yaml").write_text(PARAMS.replace("1", "2"))
    RWLOCK.parent.mkdir(parents=True)
    RWLOCK.write_text("{}")
    assert mend() == []
    assert LOCK.read_text() == WHOLE and RWLOCK.exists()
    assert Path("params.yaml").read_text() == PARAMS.replace("1", "2")


@pytest.mark.parametrize("start", range(5))
def test_a_lock_cut_anywhere_is_restored(start: int) -> None:
    KEPT.parent.mkdir(parents=True)
    KEPT.write_text(SMALL)
    for end in [*range(start, 30, 5), *range(start + 30, len(SMALL), 211)]:
        LOCK.write_text(SMALL[:end])
        # What DVC can read may end within its last stage: that one DVC finds changed.
        readable = is_whole(SMALL[:end]) and len(stages(SMALL[:end])) == len(NAMES)
        assert len(mend()) == (not readable)
        assert LOCK.read_text() == (SMALL[:end] if readable else SMALL)
        assert mend() == []


def test_without_a_copy_it_is_restored_from_git() -> None:
    commit(dvc_lock=SMALL)
    for end in range(0, len(SMALL), 997):
        LOCK.write_text(SMALL[:end])
        if not is_whole(SMALL[:end]):
            (line,) = mend()
            assert line.endswith("are restored from git")
            assert LOCK.read_text() == SMALL


def test_whole_stages_of_a_cut_lock_win_over_those_of_the_copy() -> None:
    KEPT.parent.mkdir(parents=True)
    KEPT.write_text(SMALL)
    newer = SMALL.replace("md5: ", "md5: 0")
    cut = newer.index(NAMES[2]) + 50
    LOCK.write_text(newer[:cut])
    (line,) = mend()
    assert line == (
        "dvc.lock was cut short: it had 2 whole stages, 2 are restored from .dvc/tmp/dvc.lock.kept"
    )
    found = stages(LOCK.read_text())
    for name in NAMES:
        assert found[name] == stages(newer if name in NAMES[:2] else SMALL)[name]


def test_without_git_whole_stages_are_kept() -> None:
    first = len(HEAD) + len(stages(SMALL)[NAMES[0]])
    for end in range(0, len(SMALL) - 1, 211):
        LOCK.write_text(SMALL[:end])
        if not is_whole(SMALL[:end]):
            assert len(mend()) == 1
        assert LOCK.exists() == (end > first)
        if LOCK.exists():
            assert is_whole(LOCK.read_text())
            assert SMALL.startswith(LOCK.read_text()) or is_whole(SMALL[:end])
        assert mend() == []


def test_an_older_lock_that_git_has_is_whole() -> None:
    commit(dvc_lock=SMALL)
    KEPT.parent.mkdir(parents=True)
    KEPT.write_text(WHOLE)
    assert mend() == [] and LOCK.read_text() == SMALL


def test_zeros_at_the_end_are_cut_off() -> None:
    commit(dvc_lock=SMALL)
    for whole in (2000, SMALL.index(NAMES[2]) - 2, len(SMALL)):
        LOCK.write_text(SMALL[:whole] + "\0" * 4000)
        assert len(mend()) == 1
        assert LOCK.read_text() == SMALL
        assert mend() == []


def test_a_conflict_of_a_merge_is_left_to_the_user() -> None:
    commit(dvc_lock=SMALL)
    conflict = SMALL.replace(f"  {NAMES[1]}:", f"<<<<<<< HEAD\n  {NAMES[1]}:") + ">>>>>>> other\n"
    for text in (conflict, "no lock at all", "<<<<<<< HEAD\n" + SMALL):
        LOCK.write_text(text)
        with pytest.raises(InputError, match=r"git checkout HEAD -- dvc\.lock`; after a merge"):
            mend()
        assert LOCK.read_text() == text


def test_a_lock_that_dvc_is_writing_is_left_alone(folder: Path) -> None:
    LOCK.write_text(SMALL[:1000])
    RWLOCK.parent.mkdir(parents=True)
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER], stdout=subprocess.PIPE, stdin=subprocess.PIPE
    )
    assert holder.stdout and holder.stdout.readline()
    with pytest.raises(InputError, match="another DVC is at work in this folder, it holds"):
        mend()
    assert LOCK.read_text() == SMALL[:1000]
    holder.communicate(b"\n")
    assert len(mend()) == 1


HOLDER = """
from dvc.lock import make_lock
with make_lock(".dvc/tmp/lock"):
    print("held", flush=True)
    input()
"""


@pytest.mark.parametrize("content", ["", '{"read": {', "\0\0"])
def test_a_file_of_locks_that_is_cut_short_is_removed(content: str) -> None:
    RWLOCK.parent.mkdir(parents=True)
    RWLOCK.write_text(content)
    (line,) = mend()
    assert line == ".dvc/tmp/rwlock was cut short: removed, since no other DVC is at work"
    assert not RWLOCK.exists()


def test_params_cut_short_are_restored_from_git() -> None:
    commit(params_yaml=PARAMS)
    for end in range(len(PARAMS)):
        Path("params.yaml").write_text(PARAMS[:end])
        assert mend() == ["params.yaml was cut short: restored from git"]
        assert Path("params.yaml").read_text() == PARAMS


PIPELINE = """\
stages:
  one: {cmd: python stage.py a b, deps: [a], outs: [b]}
  two: {cmd: python stage.py b c, deps: [b], outs: [c: {cache: false}]}
  three: {cmd: python stage.py c d, deps: [c], outs: [d]}
"""
STAGE = """\
from pathlib import Path
from epochwise.core.cli import run

def main(source: str, target: str) -> None:
    Path(target).write_text(source)
    with Path("ran").open("a") as ran:
        print(target, file=ran)

run(main)
"""


@pytest.fixture(scope="module")
def reproduced(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project all of whose stages have run."""
    folder = tmp_path_factory.mktemp("reproduced")
    for name, content in {"a": "a", "dvc.yaml": PIPELINE, "stage.py": STAGE}.items():
        (folder / name).write_text(content)
    dvc(folder, "init", "--no-scm", "--quiet")
    dvc(folder, "repro", "--quiet")
    return folder


@pytest.mark.parametrize("share", [0.0, 0.2, 0.5, 0.95])
def test_dvc_goes_on_from_what_was_mended_and_does_nothing_twice(
    share: float, reproduced: Path, folder: Path
) -> None:
    shutil.copytree(reproduced, folder, dirs_exist_ok=True)
    lock = LOCK.read_text()
    assert list(stages(KEPT.read_text())) == ["one", "two"]
    LOCK.write_text(lock[: int(len(lock) * share)])
    mend()
    dvc(folder, "repro", "--quiet")
    assert LOCK.read_text() == lock
    assert Path("ran").read_text().split() == ["b", "c", "d"]


def dvc(folder: Path, *arguments: str) -> None:
    environment = os.environ | {"DVC_NO_ANALYTICS": "1", "PYTHONPATH": str(ROOT)}
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
    forked.run("dvc", *arguments, cwd=folder, env=environment).check_returncode()


@pytest.mark.parametrize("content", [None, '<<<<<<< HEAD\n{"champions": {}}\n=======\n'])
def test_champions_that_dvc_cannot_read_are_those_of_git(content: str | None) -> None:
    CHAMPIONS.parent.mkdir()
    CHAMPIONS.write_text("{}")
    commit(dvc_lock=SMALL)
    assert mend() == []
    CHAMPIONS.unlink()
    if content:
        CHAMPIONS.write_text(content)
    assert mend() == [f"{CHAMPIONS} is missing or in conflict: restored from git"]
    assert CHAMPIONS.read_text() == "{}"
