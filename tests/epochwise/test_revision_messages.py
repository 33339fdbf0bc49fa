"""What is wrong with a revision is told by the name of its file."""

from pathlib import Path

import pytest
from dvc.repo import Repo

from epochwise.core.cli import InputError
from epochwise.review.revisions import WORKSPACE, Revision


def test_a_lock_that_is_not_dvcs_is_told(tmp_path: Path) -> None:
    Repo.init(str(tmp_path), no_scm=True).close()
    (tmp_path / "dvc.lock").write_text("schema: '2.0'\nstages: [train]\n")
    with pytest.raises(InputError, match=r"dvc\.lock of workspace is not DVC's: .*stages"):
        _ = Revision(WORKSPACE, tmp_path).locked
