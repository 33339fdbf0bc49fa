"""A copy of dvc.lock for the moment in which DVC is killed while it writes it.

DVC writes dvc.lock in place after every stage. A stage that it starts finds the file whole, unless
another DVC is writing it: what it copies then lacks no stage but those that are running. DVC's run
cache is no substitute, as it knows no stage with outputs in git, of which most of ours have some.
"""

import fcntl
import os
import shutil
from pathlib import Path

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
