"""A table goes where its user says, or is refused with the name of that place."""

import os
from pathlib import Path

import pandas as pd
import pytest

from epochwise.core.cli import InputError
from epochwise.results import CSV, PARQUET, check_output, write_output


def test_what_is_no_plain_file_is_never_replaced(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.csv")
    with pytest.raises(InputError, match=r"pipe\.csv', which is no plain file: name another one"):
        check_output(tmp_path / "pipe.csv", CSV, PARQUET)
    (tmp_path / "table.csv").touch()
    check_output(tmp_path / "table.csv", CSV, PARQUET)


@pytest.mark.parametrize("suffix", [CSV, PARQUET])
def test_a_folder_that_goes_away_in_the_meantime_is_told(suffix: str, tmp_path: Path) -> None:
    """Or one in which no file can be made at all, as below /proc."""
    path = Path(f"/proc/epochwise{suffix}")
    if not path.parent.is_dir():
        pytest.skip("not Linux")
    check_output(path, suffix)
    expected = rf"epochwise\{suffix}': No such file or directory: name another place"
    with pytest.raises(InputError, match=expected):
        write_output(path, pd.DataFrame({"text": ["good"]}))
