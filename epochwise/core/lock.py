"""dvc.lock: a copy of it for the moment of a kill, and what it says of the present state.

DVC writes dvc.lock in place after every stage. A stage that it starts finds the file whole, unless
another DVC is writing it: what it copies then lacks no stage but those that are running. DVC's run
cache is no substitute, as it knows no stage with outputs in git, of which most of ours have some.
"""

import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import Any

LOCK = Path("dvc.lock")
KEPT = Path(".dvc/tmp/dvc.lock.kept")
HELD = Path(".dvc/tmp/lock")
"""What DVC has locked while it reads and writes dvc.lock."""
CACHE = Path(".dvc/cache/files/md5")
"""What DVC keeps by digest, the listings of folders among them; elsewhere by its cache.dir."""


def keep() -> None:
    """Copy dvc.lock, in a stage that DVC has started."""
    if "DVC_STAGE" in os.environ and LOCK.exists() and HELD.exists():
        beside = KEPT.with_name(f"{KEPT.name}.{os.getpid()}")
        with HELD.open() as held:
            fcntl.flock(held, fcntl.LOCK_SH)
            shutil.copyfile(LOCK, beside)
            beside.replace(KEPT)


def read() -> dict[str, Any]:
    """The content of dvc.lock; empty where nothing was ever run.

    Raises:
        InputError: it is damaged.
    """
    import yaml

    from epochwise.core.cli import InputError

    try:
        return parse(LOCK.read_bytes()) if LOCK.exists() else {}
    except (yaml.YAMLError, ValueError):
        raise InputError(f"{LOCK} is damaged: run `python -m epochwise.check`") from None


def parse(content: bytes) -> dict[str, Any]:
    """The content of a dvc.lock.

    Raises:
        YAMLError, ValueError: it is none.
    """
    import yaml

    from epochwise.core.params import QuickLoader

    try:
        found = yaml.load(content, QuickLoader) or {}
        if all(map(_is_stage, _stages(found).values())):
            return dict(found)
    # Of what is no lock, YAML's constructors raise whatever they meet.
    except (LookupError, AttributeError, TypeError, RecursionError) as error:
        raise ValueError(str(error)) from None
    raise ValueError("a stage is not what DVC writes")


def not_run(locked: dict[str, Any], values: dict[str, Any]) -> list[str]:
    """Stages that ran with other params than `values`, by the content of dvc.lock."""
    return [
        name
        for name, entry in _stages(locked).items()
        if not all(
            _at(values, key) == value
            for key, value in ((entry.get("params") or {}).get("params.yaml") or {}).items()
        )
    ]


def is_current(locked: dict[str, Any], name: str, within: tuple[str, ...] = ("",)) -> bool:
    """Whether a stage, and each that it depends on, has read what stands in dvc.lock as made.

    Of what they have read only that counts whose path begins with one of `within`.
    """
    outs = [out for entry in _stages(locked).values() for out in entry.get("outs") or ()]
    made = {out["path"]: str(out.get("md5")) for out in outs}
    return all(
        digest_made(made, dep["path"]) in (None, dep.get("md5"))
        for entry in upstream(locked, [name], within).values()
        for dep in entry.get("deps") or ()
        if dep["path"].startswith(within)
    )


def digest_made(made: dict[str, str], path: str, root: Path = Path()) -> str | None:
    """The digest of what was made at `path`; None if no stage makes it, or nobody knows any more.

    `made` are the digests of outputs of the project in `root`. That of a part of a folder is in
    DVC's cache, in the listing of the folder; that of a folder within it is the listing of that
    one's part, hashed.
    """
    place = next((place for place in places(path) if place in made), None)
    if place is None or place == path:
        return made.get(path)
    try:
        listing = json.loads((root / CACHE / made[place][:2] / made[place][2:]).read_bytes())
    except (OSError, ValueError):
        return None
    inner = path.removeprefix(f"{place}/")
    within = []
    for entry in listing:
        if entry["relpath"] == inner:
            return str(entry["md5"])
        if entry["relpath"].startswith(f"{inner}/"):
            within.append(entry | {"relpath": entry["relpath"].removeprefix(f"{inner}/")})
    text = json.dumps(within, sort_keys=True).encode()
    return f"{hashlib.md5(text, usedforsecurity=False).hexdigest()}.dir"


def upstream(
    locked: dict[str, Any], names: Iterable[str], within: tuple[str, ...] = ("",)
) -> dict[str, Any]:
    """The entries in dvc.lock of the stages `names`, and of all that made what they read.

    `within` are the beginnings of the paths of outputs whose makers are looked for.
    """
    stages, makers = _stages(locked), _makers(locked)

    def made_by(path: str) -> list[str]:
        return [makers[place] for place in places(path) if place in makers]

    ahead = [name for name in names if name in stages]
    found: dict[str, Any] = {}
    while ahead:
        name = ahead.pop()
        if name not in found:
            found[name] = stages[name]
            deps = [dep["path"] for dep in stages[name].get("deps") or ()]
            ahead += [name for path in deps if path.startswith(within) for name in made_by(path)]
    return found


def remedy(path: str | Path) -> str:
    """What a person is told to do for a file of the pipeline to be made anew.

    It names the stage that makes it, by what dvc.lock knows.
    """
    from epochwise.core.cli import InputError

    makers = {}
    with suppress(InputError):
        makers = _makers(read())
    stage = next((f" {makers[place]}" for place in places(str(path)) if place in makers), "")
    return f"run `dvc repro{stage}` to build it"


def places(path: str) -> list[str]:
    """A path and the folders that it stands in, without the root."""
    return [path, *(str(folder) for folder in PurePosixPath(path).parents)][:-1]


def _is_stage(entry: Any) -> bool:
    if not isinstance(entry, dict):
        return False
    files = [*(entry.get("outs") or ()), *(entry.get("deps") or ())]
    params = entry.get("params") or {}
    return all(isinstance(file["path"], str) for file in files) and all(
        isinstance(values or {}, dict) for values in params.values()
    )


def _stages(locked: dict[str, Any]) -> dict[str, Any]:
    return locked.get("stages") or {}


def _makers(locked: dict[str, Any]) -> dict[str, str]:
    """The stage that made each output, by its path."""
    stages = _stages(locked).items()
    return {out["path"]: name for name, entry in stages for out in entry.get("outs") or ()}


def _at(values: Any, key: str) -> Any:
    """What stands at a dotted key; None if nothing does."""
    for name in key.split("."):
        values = values.get(name) if isinstance(values, dict) else None
    return values
