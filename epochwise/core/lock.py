"""A copy of dvc.lock for the moment in which DVC is killed while it writes it.

DVC writes dvc.lock in place after every stage. A stage that it starts finds the file whole: what
it copies then lacks no stage but itself. DVC's run cache is no substitute, as it knows no stage
with outputs in git, of which most of ours have some.
"""

import os
import shutil
from pathlib import Path

LOCK = Path("dvc.lock")
KEPT = Path(".dvc/tmp/dvc.lock.kept")


def keep() -> None:
    """Copy dvc.lock, in a stage that DVC has started."""
    if "DVC_STAGE" in os.environ and LOCK.exists() and KEPT.parent.is_dir():
        beside = KEPT.with_name(f"{KEPT.name}.{os.getpid()}")
        shutil.copyfile(LOCK, beside)
        beside.replace(KEPT)
