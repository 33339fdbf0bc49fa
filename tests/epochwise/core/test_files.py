"""Files appear whole or not at all, and the same content has the same bytes."""

import os
from collections.abc import Callable
from multiprocessing import get_context
from pathlib import Path
from random import Random
from typing import Any

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
    read_array,
    read_arrays,
    read_json,
    read_table,
    replacing,
    rounded,
    write_array,
    write_arrays,
    write_json,
    write_metrics,
    write_table,
)
from epochwise.core.forms import (
    ANY,
    BINARY,
    IMAGES,
    LISTS,
    SAMPLES,
    SHARES,
    TEXT,
    Array,
    Selection,
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
    text = {"text": TEXT}
    assert next(partitions(tmp_path / "table.parquet", rows, text)).schema.names == ["text"]
    for columns in (None, text):
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


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'{"epoch": 1,\n"epoch": 2}', r"\(the key 'epoch' is there twice\)"),
        (b'{"epoch": NaN}', r"\(NaN is no number\)"),
        (b'{"epoch": 1', r"\(Expecting ',' delimiter"),
        (b"\xff\xfe{\0}\0", r"\('utf-8' codec can't decode"),
        (b"[" * 100_000, r"\(maximum recursion depth"),
        (b'{"epoch": "1"}', r"\('epoch' is '1': input should be a valid integer\)"),
        (b'{"epoch": true}', r"\('epoch' is True: input should be a valid integer\)"),
        (b"[1]", r"\(it is \[1\]: input should be a valid dictionary\)"),
        (b"{}", r"\(key 'epoch' is missing\)"),
    ],
)
def test_json_that_is_not_what_was_written_is_told(
    content: bytes, message: str, tmp_path: Path
) -> None:
    (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(InputError, match=rf"a\.json is damaged {message}") as error:
        read_json(tmp_path / "a.json", Selection)
    assert str(error.value).endswith(": run `dvc repro` to build it")


TABLE = {"id": ANY, "label": BINARY, "probability": SHARES, "text": TEXT, "tokens": LISTS}
ROWS: dict[str, Any] = {
    "id": [7, None],
    "label": [0, 1],
    "probability": [0.0, 1.0],
    "text": ["a", ""],
    "tokens": [[1], []],
}


@pytest.mark.parametrize(
    "read",
    [
        read_table,
        lambda path, columns: list(partitions(path, 1, columns)),
        lambda path, columns: [each.read() for each in partitions_to_read(path, 1, columns)],
    ],
)
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"label": None}, "column 'label' is missing"),
        ({"label": ["0", "1"]}, "column 'label' is of the type string, expected 0 and 1"),
        ({"label": [0, 2]}, r"column 'label' has 2, expected 0 and 1"),
        ({"label": [0, None]}, r"column 'label' has None, expected 0 and 1"),
        ({"probability": [0.5, np.nan]}, r"column 'probability' has nan, expected n"),
        ({"text": ["a", None]}, r"column 'text' has None, expected text"),
        ({"tokens": [["a"], []]}, r"column 'tokens' is of the type list<.*, expected lists of num"),
        ({name: [] for name in ROWS}, "there are no rows"),
    ],
)
def test_tables_of_another_form_are_told(
    read: Callable[[Path, Any], object], change: dict[str, Any], message: str, tmp_path: Path
) -> None:
    path = tmp_path / "t.parquet"
    write_table(path, pa.table(ROWS))
    read(path, TABLE)
    write_table(path, pa.table({k: v for k, v in (ROWS | change).items() if v is not None}))
    with pytest.raises(InputError, match=rf"t\.parquet is damaged \({message}"):
        read(path, TABLE)


def test_columns_that_there_may_be_are_read_where_they_are(tmp_path: Path) -> None:
    write_table(tmp_path / "t.parquet", pa.table(ROWS))
    found = read_table(tmp_path / "t.parquet", {"text": TEXT}, {"label": BINARY, "other": TEXT})
    assert found.schema.names == ["text", "label"]
    with pytest.raises(InputError, match="column 'text' is of the type string, expected 0 and 1"):
        read_table(tmp_path / "t.parquet", {"label": BINARY}, {"text": BINARY})


ARRAYS = {"images": np.zeros((3, 28, 28), "uint8"), "labels": np.arange(3), "ids": np.arange(3)}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"labels": None}, "array 'labels' is missing"),
        ({"labels": np.zeros(3)}, r"'labels' is float64 of shape \(3,\), expected integer of shap"),
        ({"images": ARRAYS["images"][0]}, r"of shape \(28, 28\), .* of shape \(any, 28, 28\)"),
        ({"labels": np.arange(2)}, r"arrays have different lengths: \{.*'labels': 2"),
        ({"labels": np.array([{}, 1, 2], object)}, "Object arrays cannot be loaded"),
    ],
)
def test_arrays_of_another_form_are_told(
    change: dict[str, Any], message: str, tmp_path: Path
) -> None:
    path, expected = tmp_path / "a.npz", IMAGES | SAMPLES
    write_arrays(path, **ARRAYS, more=np.arange(9))
    assert read_arrays(path, expected).keys() == ARRAYS.keys()
    np.savez(path, **{k: v for k, v in (ARRAYS | change).items() if v is not None})
    with pytest.raises(InputError, match=rf"a\.npz is damaged \(.*{message}"):
        read_arrays(path, expected)


def test_an_array_of_another_form_is_told(tmp_path: Path) -> None:
    write_array(tmp_path / "a.npy", np.arange(3))
    assert read_array(tmp_path / "a.npy", Array((3,))).tolist() == [0, 1, 2]
    with pytest.raises(InputError, match=r"a\.npy is damaged \(array 'a' is .* of shape \(2\)\)"):
        read_array(tmp_path / "a.npy", Array((2,)))
    (tmp_path / "a.npy").write_bytes(b"PK")
    with pytest.raises(InputError, match=r"a\.npy is damaged"):
        read_array(tmp_path / "a.npy", Array((2,)))
    with pytest.raises(InputError, match=r"b\.npy not found: run `dvc repro` to build it"):
        read_array(tmp_path / "b.npy", Array((2,)))


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
