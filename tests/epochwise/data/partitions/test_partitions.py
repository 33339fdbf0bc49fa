"""Partitions: the same rows in the same order, and the same bytes out, whatever their size."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from epochwise.core.files import partitions
from epochwise.data import partitions as module
from epochwise.data.partitions import take_rows, write_partitions

TABLE = pa.table({"number": pa.array(range(25), pa.int64()), "text": [f"t{n}" for n in range(25)]})


@pytest.fixture
def path(tmp_path: Path) -> Path:
    pq.write_table(TABLE, tmp_path / "table.parquet")
    return tmp_path / "table.parquet"


@pytest.mark.parametrize("rows", [1, 7, 99])
def test_taken_rows_are_those_marked_in_all_tables(path: Path, rows: int) -> None:
    marked = np.arange(25) % 3 == 0
    taken = pa.concat_tables(take_rows(partitions(path, rows), marked))
    assert taken["number"].to_pylist() == list(range(0, 25, 3))


def test_the_bytes_do_not_depend_on_the_partitions(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "ROW_GROUP", 10)
    written = set()
    for rows in (1, 4, 10, 99):
        target = tmp_path / f"{rows}.parquet"
        assert write_partitions(target, partitions(path, rows), TABLE.schema) == 25
        written.add(target.read_bytes())
    assert len(written) == 1
    file = pq.ParquetFile(target)
    assert [file.metadata.row_group(n).num_rows for n in range(file.num_row_groups)] == [10, 10, 5]
    assert file.read().equals(TABLE)


def test_a_table_without_rows_keeps_its_columns(tmp_path: Path) -> None:
    assert write_partitions(tmp_path / "empty.parquet", [], TABLE.schema) == 0
    assert pq.read_table(tmp_path / "empty.parquet").schema == TABLE.schema
