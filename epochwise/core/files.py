"""Files that appear whole or not at all, with the same bytes for the same content."""

import hashlib
import json
import math
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from glob import escape
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from epochwise.core.cli import InputError

SIGNIFICANT = 4
"""Digits of a number in git: one more than the interval of a metric on some thousand samples."""


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a path beside `path` to write a file or a directory to; it becomes `path` at the end.

    The content is synced before the rename. If the block raises, `path` stays as it was and
    what was written beside it is removed. Of two processes at once the last one's content stays.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    for left in _left(path):
        _remove(left)
    beside = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        yield beside
        for written in (*beside.rglob("*"), beside):
            _sync(written)
        if path.is_dir():
            _remove(path)
        beside.replace(path)
        _sync(path.parent)
    finally:
        _remove(beside)


def _left(path: Path) -> Iterator[Path]:
    """What is half written beside `path`, by processes that are gone or by this one."""
    for left in path.parent.glob(f".{escape(path.name)}.*.partial"):
        number = left.name.split(".")[-2]
        if number == str(os.getpid()) or (number.isdecimal() and not _is_running(int(number))):
            yield left


def _is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # of somebody else
        pass
    return True


def file_sha256(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_json(path: Path, content: Any) -> None:
    """Write `content` as indented JSON; NaN and infinity are refused as JSON has none."""
    text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    with replacing(path) as beside:
        beside.write_text(text, encoding="utf-8")


def write_metrics(path: Path, content: Any) -> None:
    """Write numbers for git to read and to compare, rounded to SIGNIFICANT digits.

    Another processor sums in another order and gives others from the seventh digit or so on: such
    digits are no change that a reviewer should see.
    """
    write_json(path, rounded(content))


def rounded(content: Any) -> Any:
    """`content` with every float in it rounded to SIGNIFICANT digits."""
    match content:
        case float():
            return float(f"{content:.{SIGNIFICANT}g}")
        case dict():
            return {key: rounded(value) for key, value in content.items()}
        case list() | tuple():
            return [rounded(value) for value in content]
        case _:
            return content


def read_json(path: Path) -> Any:
    """The content of a JSON file.

    Raises:
        InputError: the file is damaged.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is damaged ({error}): run `dvc repro` to build it") from None


def write_arrays(path: Path, **arrays: np.ndarray) -> None:
    """Write arrays by name as one npz file, not compressed: weights hardly shrink."""
    with replacing(path) as beside, beside.open("wb") as file:
        np.savez(file, allow_pickle=False, **arrays)


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """The arrays of an npz file by name.

    Raises:
        InputError: the file is damaged.
    """
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return dict(arrays)
    except FileNotFoundError:
        raise
    # Of a damaged file, zipfile and numpy's parser raise whatever they meet.
    except Exception as error:
        raise InputError(f"{path} is damaged ({error}): run `dvc repro` to build it") from None


def write_table(path: Path, table: pa.Table) -> None:
    """Write an Arrow table as one Parquet file."""
    with replacing(path) as beside:
        pq.write_table(table, beside)


def read_table(path: Path, columns: list[str] | None = None) -> pa.Table:
    """A Parquet file as an Arrow table.

    Raises:
        InputError: the file is missing, damaged, or is not Parquet.
    """
    with _refusing(path):
        return pq.read_table(path, columns=columns, partitioning=None)


def partitions(path: Path, rows: int, columns: list[str] | None = None) -> Iterator[pa.Table]:
    """The rows of a Parquet file in order, as tables of at most `rows` rows.

    Raises:
        InputError: the file is missing, damaged, or is not Parquet.
    """
    with _refusing(path), pq.ParquetFile(path) as source:
        for groups in row_groups(source, rows):
            for batch in source.iter_batches(rows, row_groups=groups, columns=columns):
                yield pa.Table.from_batches([batch])


class Partition(NamedTuple):
    """One of the tables of `partitions`, to be read elsewhere: of some row groups, by its place."""

    path: str
    groups: list[int]
    place: int
    rows: int
    columns: list[str] | None

    def read(self) -> pa.Table:
        """The table."""
        with _refusing(Path(self.path)), pq.ParquetFile(self.path) as source:
            table = source.read_row_groups(self.groups, self.columns)
        return table.slice(self.place * self.rows, self.rows).combine_chunks()


def partitions_to_read(
    path: Path, rows: int, columns: list[str] | None = None
) -> Iterator[Partition]:
    """What `partitions` gives, each to be read where it is needed.

    Raises:
        InputError: the file is missing, damaged, or is not Parquet.
    """
    with _refusing(path), pq.ParquetFile(path) as source:
        for groups in row_groups(source, rows):
            size = sum(source.metadata.row_group(group).num_rows for group in groups)
            for place in range(math.ceil(size / rows)):
                yield Partition(str(path.resolve()), groups, place, rows, columns)


def row_groups(file: pq.ParquetFile, rows: int) -> Iterator[list[int]]:
    """Numbers of consecutive row groups, of which those of a list have `rows` rows or more.

    Arrow keeps in memory what it has read of a list until it is through with it.
    """
    groups, size = [], 0
    for group in range(file.num_row_groups):
        groups.append(group)
        size += file.metadata.row_group(group).num_rows
        if size >= rows:
            yield groups
            groups, size = [], 0
    if groups:
        yield groups


@contextmanager
def _refusing(path: Path) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise InputError(f"{path} not found: run `dvc repro` to build it") from None
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"{path} cannot be read as Parquet: {error}") from None


def copy_epoch(epochs: Path, epoch: int, folder: Path) -> None:
    """Make `folder` of the models of one epoch: 007.keras becomes model.keras, 007.x.keras x.keras.

    Raises:
        InputError: `epochs` has no model of that epoch.
    """
    found = sorted(epochs.glob(f"{epoch:03d}.*"))
    if not found:
        raise InputError(f"{epochs} has no model of epoch {epoch}: run `dvc repro` to build it")
    with replacing(folder) as beside:
        beside.mkdir()
        for source in found:
            name = source.name.partition(".")[2]
            shutil.copyfile(source, beside / (name if "." in name else f"model.{name}"))


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
