"""Files appear whole or not at all, and the same content has the same bytes."""

import os
from collections.abc import Callable
from multiprocessing import get_context
from pathlib import Path
from random import Random

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from epochwise.core.cli import InputError
from epochwise.core.files import (
    copy_epoch,
    partitions,
    partitions_to_read,
    read_arrays,
    read_json,
    read_table,
    replacing,
    rounded,
    write_arrays,
    write_json,
    write_metrics,
    write_table,
)


def test_a_file_appears_when_it_is_whole(tmp_path: Path) -> None:
    target = tmp_path / "new" / "file.txt"
    with replacing(target) as beside:
        beside.write_text("content")
        assert not target.exists()
    assert target.read_text() == "content"
    assert [path.name for path in target.parent.iterdir()] == ["file.txt"]


def test_what_fails_leaves_the_old_content_and_nothing_else(tmp_path: Path) -> None:
    target = tmp_path / "file.txt"
    target.write_text("old")

    def fail() -> None:
        with replacing(target) as beside:
            beside.write_text("half")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert target.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["file.txt"]


def test_two_processes_that_write_one_file_leave_the_whole_of_the_last(tmp_path: Path) -> None:
    target = tmp_path / "file.txt"
    with replacing(target) as beside:
        beside.write_text("half of the first,")
        other = get_context("fork").Process(target=write_json, args=(target, "second"))
        other.start()
        other.join()
        assert read_json(target) == "second"
        beside.write_text("the whole of the first")
    assert target.read_text() == "the whole of the first"


def test_what_a_killed_process_left_half_written_goes(tmp_path: Path) -> None:
    killed = get_context("fork").Process(target=os._exit, args=(0,))
    killed.start()
    killed.join()
    (tmp_path / f".file.txt.{killed.pid}.partial").mkdir()
    (tmp_path / f".file.txt.{os.getppid()}.partial").touch()
    (tmp_path / ".file.txt.kept.partial").touch()
    write_json(tmp_path / "file.txt", 1)
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"file.txt", f".file.txt.{os.getppid()}.partial", ".file.txt.kept.partial"}


def test_content_and_folders_are_synced_before_they_appear(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "folder"
    synced: dict[int, bool] = {}
    sync = os.fsync

    def noted(descriptor: int) -> None:
        sync(descriptor)
        synced[os.fstat(descriptor).st_ino] = target.exists()

    monkeypatch.setattr(os, "fsync", noted)
    with replacing(target) as beside:
        (beside / "part").mkdir(parents=True)
        (beside / "part/file").write_text("content")
    made = [target, *target.rglob("*")]
    assert synced == {path.stat().st_ino: False for path in made} | {tmp_path.stat().st_ino: True}


def test_a_folder_replaces_a_folder(tmp_path: Path) -> None:
    target = tmp_path / "folder"
    for name in ("first", "second"):
        with replacing(target) as beside:
            beside.mkdir()
            (beside / name).write_text(name)
    assert [path.name for path in target.iterdir()] == ["second"]


def test_not_a_number_is_no_json(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "file.json", {"loss": float("nan")})
    assert not any(tmp_path.iterdir())
    write_json(tmp_path / "file.json", {"loss": 0.5})
    assert read_json(tmp_path / "file.json") == {"loss": 0.5}


def test_arrays_come_back_with_the_same_bytes(tmp_path: Path) -> None:
    arrays = {"a": np.arange(3), "b": np.eye(2, dtype="float32")}
    for name in ("first.npz", "second.npz"):
        write_arrays(tmp_path / name, **arrays)
    assert (tmp_path / "first.npz").read_bytes() == (tmp_path / "second.npz").read_bytes()
    found = read_arrays(tmp_path / "first.npz")
    assert all(np.array_equal(found[name], array) for name, array in arrays.items())


@pytest.mark.parametrize("rows", [1, 7, 25, 99])
@pytest.mark.parametrize("group", [1, 4, 25])
def test_all_rows_of_a_table_come_in_order(rows: int, group: int, tmp_path: Path) -> None:
    table = pa.table({"number": range(25), "text": [f"t{number}" for number in range(25)]})
    pq.write_table(table, tmp_path / "table.parquet", row_group_size=group)
    assert read_table(tmp_path / "table.parquet").equals(table)
    tables = list(partitions(tmp_path / "table.parquet", rows))
    assert pa.concat_tables(tables).equals(table)
    assert max(map(len, tables)) == min(rows, 25)
    assert next(partitions(tmp_path / "table.parquet", rows, ["text"])).schema.names == ["text"]
    for columns in (None, ["text"]):
        here = partitions(tmp_path / "table.parquet", rows, columns)
        elsewhere = partitions_to_read(tmp_path / "table.parquet", rows, columns)
        assert [partition.read() for partition in elsewhere] == list(here)


def test_partitions_that_have_been_read_do_not_stay_in_memory(tmp_path: Path) -> None:
    texts = [random.randbytes(500).hex() for random in map(Random, range(20_000))]
    pq.write_table(pa.table({"text": texts}), tmp_path / "table.parquet", row_group_size=1000)
    before = pa.total_allocated_bytes()
    most = max(
        pa.total_allocated_bytes() - before for _ in partitions(tmp_path / "table.parquet", 2000)
    )
    assert most < 4 * sum(map(len, texts[:2000]))


@pytest.mark.parametrize(
    "read",
    [
        read_table,
        lambda path: list(partitions(path, 1000)),
        lambda path: [partition.read() for partition in partitions_to_read(path, 1000)],
    ],
)
def test_tables_that_are_none_are_told(read: Callable[[Path], object], tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.parquet not found: run `dvc repro`"):
        read(tmp_path / "none.parquet")
    (tmp_path / "text.parquet").write_text("no table")
    with pytest.raises(InputError, match=r"text\.parquet cannot be read as Parquet"):
        read(tmp_path / "text.parquet")
    write_table(tmp_path / "table.parquet", pa.table({"text": [f"t{n}" for n in range(5000)]}))
    content = bytearray((tmp_path / "table.parquet").read_bytes())
    content[100:10_000] = b"\xff" * 9_900
    (tmp_path / "table.parquet").write_bytes(content)
    with pytest.raises(InputError, match=r"table\.parquet cannot be read as Parquet: Corrupt"):
        read(tmp_path / "table.parquet")


def test_the_files_of_an_epoch_get_their_names(tmp_path: Path) -> None:
    for name in ("000.parquet", "007.keras", "007.encoder.keras", "008.keras"):
        (tmp_path / name).write_text(name)
    copy_epoch(tmp_path, 7, tmp_path / "chosen")
    found = {path.name: path.read_text() for path in (tmp_path / "chosen").iterdir()}
    assert found == {"model.keras": "007.keras", "encoder.keras": "007.encoder.keras"}
    copy_epoch(tmp_path, 0, tmp_path / "chosen")
    assert [path.name for path in (tmp_path / "chosen").iterdir()] == ["model.parquet"]
    with pytest.raises(InputError, match="has no model of epoch 9"):
        copy_epoch(tmp_path, 9, tmp_path / "chosen")


@given(st.floats(1e-9, 1e9))
def test_rounding_keeps_four_digits(value: float) -> None:
    found = rounded(value)
    assert found == pytest.approx(value, rel=5.1e-4)
    assert rounded(found) == found


def test_numbers_for_git_are_rounded_wherever_they_stand(tmp_path: Path) -> None:
    content = {"n": 123456, "auc": 0.863130823, "ci95": {"auc": [0.848366233, 1.0]}, "name": "x"}
    write_metrics(tmp_path / "metrics.json", content)
    assert read_json(tmp_path / "metrics.json") == {
        "n": 123456,
        "auc": 0.8631,
        "ci95": {"auc": [0.8484, 1.0]},
        "name": "x",
    }


def test_last_digits_of_another_processor_are_no_difference(tmp_path: Path) -> None:
    for name, value in (("one", 0.86313082), ("other", 0.86313079)):
        write_metrics(tmp_path / name, {"auc": value})
    assert (tmp_path / "one").read_bytes() == (tmp_path / "other").read_bytes()
