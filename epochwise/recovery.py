"""Mend what a kill leaves behind, files that DVC writes in place cut short, and lost champions.

DVC writes dvc.lock anew after every stage, and a file of who reads and writes what; `dvc exp run`
writes params.yaml. A kill in such a moment leaves the start of the file, or nothing of it. Stages
that dvc.lock has lost are taken from the copy that every stage keeps, or from git: one that does
not fit what is there any more is run again, as any other.
"""

import json
import re
import subprocess
from collections.abc import Callable
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import yaml

from epochwise.core import params, paths
from epochwise.core.cli import InputError
from epochwise.core.files import replacing
from epochwise.core.lock import KEPT, LOCK, parse

TMP = Path(".dvc/tmp")
RWLOCK = TMP / "rwlock"
HEAD = "schema: '2.0'\nstages:\n"
"""How dvc.lock begins."""
STAGE = re.compile(r"^  (?=\S)", re.MULTILINE)
"""Where a stage begins in dvc.lock."""


def mend() -> list[str]:
    """Mend the project in this folder; return a line on each file that was mended.

    Raises:
        InputError: dvc.lock is damaged in another way than by being cut short, or DVC is at work.
    """
    if not _broken():
        return []
    from dvc.lock import LockError, make_lock

    TMP.mkdir(parents=True, exist_ok=True)
    try:
        # A running DVC holds this lock while it writes: what seems cut short may be half written.
        with make_lock(str(TMP / "lock")):
            return [mended() for mended in _broken()]
    except LockError:
        raise InputError(
            f"another DVC is at work in this folder, it holds {TMP}/lock: run again when it has"
            " ended"
        ) from None


def stages(text: str) -> dict[str, str]:
    """The lines of each stage in the text of dvc.lock, by name."""
    blocks = STAGE.split(text)[1:]
    return {block.partition(":\n")[0]: f"  {block}" for block in blocks}


@lru_cache(maxsize=4)
def is_whole(text: str) -> bool:
    """Whether DVC can read the text as dvc.lock."""
    from dvc.schema import COMPILED_LOCKFILE_SCHEMA
    from voluptuous import Invalid

    try:
        COMPILED_LOCKFILE_SCHEMA(parse(text.encode()))
    except (yaml.YAMLError, Invalid, ValueError):
        return False
    return text.endswith("\n")


def _broken() -> list[Callable[[], str]]:
    """What mends each of the files that are cut short."""
    found: list[Callable[[], str]] = []
    if LOCK.is_file() and (_ends_in_zeros(LOCK) or _lacks_stages(_text(LOCK))):
        found.append(_mend_lock)
    if RWLOCK.is_file() and not _is_json(RWLOCK):
        found.append(_remove_rwlock)
    # DVC reads champions for dvc.yaml, and cannot run the stage that writes them without.
    if not _is_json(paths.CHAMPIONS) and _committed(paths.CHAMPIONS).startswith("{"):
        found.append(partial(_restore, paths.CHAMPIONS, "is missing or in conflict"))
    if params.PARAMS.is_file() and _is_start(_text(params.PARAMS), _committed(params.PARAMS)):
        found.append(partial(_restore, params.PARAMS, "was cut short"))
    return found


def _lacks_stages(text: str) -> bool:
    """Whether the text of dvc.lock cannot be read, or ends before the stages of its copy.

    That of git is whole, whatever ran before it was checked out.
    """
    if not is_whole(text):
        return True
    return _is_start(list(stages(text)), list(stages(_kept()))) and text != _committed(LOCK)


def _mend_lock() -> str:
    text = _text(LOCK)
    others = [stages(source) for source in (_kept(), _committed(LOCK)) if is_whole(source)]
    found = _whole_stages(text, others)
    whole = len(found)
    for source in others:
        found |= {name: block for name, block in source.items() if name not in found}
    if not found and _begins_like(text, HEAD):
        LOCK.unlink()
        return f"{LOCK} was cut short before its first stage: removed"
    mended = HEAD + "".join(found.values())
    if not is_whole(mended) or not _begins_like(text, HEAD):
        raise InputError(
            f"{LOCK} is not DVC's, nor the start of one that is: take that of the last commit with"
            f" `git checkout HEAD -- {LOCK}`; after a merge do so with m, metrics and cards too,"
            f" settle conf/ and {params.PARAMS}, and run `dvc repro`"
        )
    with replacing(LOCK) as beside:
        beside.write_text(mended, encoding="utf-8")
    return (
        f"{LOCK} was cut short: it had {whole} whole stages, {len(found) - whole} are restored"
        f" from {KEPT if KEPT.exists() else 'git'}"
    )


def _whole_stages(text: str, others: list[dict[str, str]]) -> dict[str, str]:
    """The stages in the text of dvc.lock, without the last one where that is cut short.

    It may be cut where it can still be read, if it has fewer lines than one of the `others`.
    """
    found = stages(text)
    if found:
        name, block = found.popitem()
        lines = [other.get(name, "").count("\n") for other in others]
        if is_whole(text) and block.count("\n") >= max(lines, default=0):
            found[name] = block
    return found


def _begins_like(text: str, head: str) -> bool:
    """Whether a text begins with `head`, as far as it goes."""
    return text.startswith(head) or head.startswith(text)


def _remove_rwlock() -> str:
    RWLOCK.unlink()
    return f"{RWLOCK} was cut short: removed, since no other DVC is at work"


def _restore(path: Path, why: str) -> str:
    with replacing(path) as beside:
        beside.write_text(_committed(path), encoding="utf-8")
    return f"{path} {why}: restored from git"


def _is_start(start: Any, whole: Any) -> bool:
    return len(start) < len(whole) and whole[: len(start)] == start


def _is_json(path: Path) -> bool:
    try:
        json.loads(path.read_bytes())
    except (FileNotFoundError, ValueError, RecursionError):
        return False
    return True


def _ends_in_zeros(path: Path) -> bool:
    return path.read_bytes().endswith(b"\0")


def _text(path: Path) -> str:
    # A file system may end a file with zeros that lost its last block.
    return path.read_text(encoding="utf-8", errors="replace").rstrip("\0")


def _kept() -> str:
    return _text(KEPT) if KEPT.exists() else ""


def _committed(path: Path) -> str:
    """The file as git's HEAD has it; nothing where there is no git, or no such file."""
    try:
        shown = subprocess.run(["git", "show", f"HEAD:./{path}"], capture_output=True)
    except OSError:
        return ""
    return shown.stdout.decode("utf-8", "replace") if shown.returncode == 0 else ""
