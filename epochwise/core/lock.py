"""dvc.lock: a copy of it for the moment of a kill, and what it says of the present state.

DVC writes dvc.lock in place after every stage. A stage that it starts finds the file whole, unless
another DVC is writing it: what it copies then lacks no stage but those that are running. DVC's run
cache is no substitute, as it knows no stage with outputs in git, of which most of ours have some.
"""

import fcntl
import os
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

LOCK = Path("dvc.lock")
KEPT = Path(".dvc/tmp/dvc.lock.kept")
HELD = Path(".dvc/tmp/lock")
"""What DVC has locked while it reads and writes dvc.lock."""


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

    # The fast loader where PyYAML has it: dvc.lock is long.
    loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        return (yaml.load(LOCK.read_bytes(), loader) if LOCK.exists() else None) or {}
    except (yaml.YAMLError, ValueError):
        raise InputError(f"{LOCK} is damaged: run `python -m epochwise.check`") from None


def not_run(locked: dict[str, Any], values: dict[str, Any]) -> list[str]:
    """Stages that ran with other params than `values`, by the content of dvc.lock."""
    return [
        name
        for name, entry in _stages(locked).items()
        if not all(
            _is_equal(_at(values, key), value)
            for key, value in ((entry.get("params") or {}).get("params.yaml") or {}).items()
        )
    ]


def is_current(locked: dict[str, Any], name: str) -> bool:
    """Whether a stage, and each that it depends on, has read what stands in dvc.lock as made."""
    outs = [out for entry in _stages(locked).values() for out in entry.get("outs") or ()]
    made = {out["path"]: out.get("md5") for out in outs}
    return all(
        made.get(dep["path"], dep.get("md5")) == dep.get("md5")
        for entry in upstream(locked, [name]).values()
        for dep in entry.get("deps") or ()
    )


def upstream(
    locked: dict[str, Any], names: Iterable[str], within: tuple[str, ...] = ("",)
) -> dict[str, Any]:
    """The entries in dvc.lock of the stages `names`, and of all that made what they read.

    `within` are the beginnings of the paths of outputs whose makers are looked for.
    """
    stages = _stages(locked)
    makers = {out["path"]: name for name, e in stages.items() for out in e.get("outs") or ()}
    ahead = [name for name in names if name in stages]
    found: dict[str, Any] = {}
    while ahead:
        name = ahead.pop()
        if name not in found:
            found[name] = stages[name]
            deps = [dep["path"] for dep in stages[name].get("deps") or ()]
            ahead += [makers[path] for path in deps if path.startswith(within) and path in makers]
    return found


def _stages(locked: dict[str, Any]) -> dict[str, Any]:
    return locked.get("stages") or {}


def _at(values: Any, key: str) -> Any:
    """What stands at a dotted key; None if nothing does."""
    for name in key.split("."):
        values = values.get(name) if isinstance(values, dict) else None
    return values


def _is_equal(value: Any, locked: Any) -> bool:
    """Whether a value of params.yaml is that of dvc.lock, where 1e-05 stands without its dot."""
    match value, locked:
        case dict(), dict():
            return value.keys() == locked.keys() and all(
                _is_equal(value[key], locked[key]) for key in value
            )
        case list(), list():
            return len(value) == len(locked) and all(map(_is_equal, value, locked))
        case float(), str():
            return str(value) == locked
        case _:
            return bool(value == locked)
