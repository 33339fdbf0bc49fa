"""DVC with a dvc.lock in which a stage that has run replaces its own lines alone.

It takes DVC's own arguments: `python -m epochwise.dvc exp run …`. DVC itself reads the whole of
dvc.lock with ruamel.yaml's round trip after every stage, which is written in Python and remembers
every comment, and writes the whole of it in place: here that takes longer than most stages, and a
kill in that moment leaves the start of the file. The file of this way has the same bytes.
"""

import re
import sys
from pathlib import Path
from typing import Any

from dvc.cli import main
from dvc.dvcfile import Lockfile
from dvc.stage.serialize import to_lockfile
from dvc.utils.serialize import dumps_yaml

from epochwise.core.files import replacing
from epochwise.recovery import HEAD, stages

FURTHER = re.compile(r"^\S", re.MULTILINE)
"""What begins a line of dvc.lock that belongs to no stage."""
_dump_all = Lockfile.dump_stages


def replace_entry(text: str, name: str, entry: dict[str, Any]) -> str | None:
    """The text of dvc.lock with another `entry` for the stage `name`, new stages at the end.

    None where the text has more than stages, which is for DVC itself to write.
    """
    lines = stages(text)
    if text != HEAD + "".join(lines.values()) or FURTHER.search(text, len(HEAD)):
        return None
    lines[name] = dumps_yaml({"stages": {name: entry}}).removeprefix("stages:\n")
    return HEAD + "".join(lines.values())


def _dump_stages(lockfile: Lockfile, changed: list[Any], **options: Any) -> None:
    path = Path(lockfile.path)
    before = path.read_text(encoding="utf-8") if path.exists() else HEAD
    after: str | None = before
    for stage in changed:
        entry = to_lockfile(stage, **options)[stage.name]
        after = after and replace_entry(after, stage.name, entry)
    if after is None:
        _dump_all(lockfile, changed, **options)
    elif after != before:
        with replacing(path) as beside:
            beside.write_text(after, encoding="utf-8")
        lockfile.repo.scm_context.track_file(lockfile.relpath)


if __name__ == "__main__":
    Lockfile.dump_stages = _dump_stages
    sys.exit(main())
