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
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from epochwise.core import forms, lock
from epochwise.core.cli import InputError
from epochwise.core.forms import Array, Arrays, Columns, Kind

if TYPE_CHECKING:
    import pandas as pd

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


def read_json(path: Path, form: Any = Any, remedy: str = "") -> Any:
    """The content of a JSON file, which has a `form` that pydantic knows to check.

    `remedy` is what a person is told to do where it has not, for a file that no stage makes.

    Raises:
        InputError: the file is damaged, or of another form.
    """
    try:
        content = parse_json(path.read_bytes())
    except (ValueError, RecursionError) as error:
        refuse(path, str(error), remedy)
    check_form(path, content, form, remedy)
    return content


def check_form(path: Path, content: Any, form: Any, remedy: str = "", key: str = "") -> None:
    """Check what stands at the `key` of a JSON file, as `read_json` does.

    Raises:
        InputError: it is of another form.
    """
    if trouble := forms.json_trouble(content, form, key):
        refuse(path, trouble, remedy)


def parse_json(content: bytes) -> Any:
    """What the bytes of a JSON file mean.

    Raises:
        ValueError, RecursionError: they are no JSON, as with NaN, or with a key that is there twice
            since a merge.
    """
    text = content.decode("utf-8")
    return json.loads(text, object_pairs_hook=_mapping, parse_constant=_no_number)


def _mapping(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"the key '{key}' is there twice")
        found[key] = value
    return found


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number")


def refuse(path: Path, trouble: str, remedy: str = "") -> NoReturn:
    """Refuse a file that the pipeline has written, for a `trouble` with it.

    Raises:
        InputError: always; the message tells the `remedy`, or which stage makes the file.
    """
    raise InputError(f"{path} is damaged ({trouble}): {remedy or lock.remedy(path)}") from None


def write_arrays(path: Path, **arrays: np.ndarray) -> None:
    """Write arrays by name as one npz file, not compressed: weights hardly shrink."""
    with replacing(path) as beside, beside.open("wb") as file:
        np.savez(file, allow_pickle=False, **arrays)


def read_arrays(
    path: Path, expected: Arrays | None = None, optional: Arrays | None = None
) -> dict[str, np.ndarray]:
    """The arrays of an npz file by name: those `expected`, and `optional` ones; None for all.

    Raises:
        InputError: the file is missing or damaged, or an array is missing or another one.
    """
    with _loading(path), np.load(path, allow_pickle=False) as file:
        arrays = dict(file)
    if expected is None:
        return arrays
    there = {name: array for name, array in (optional or {}).items() if name in arrays}
    if trouble := forms.arrays_trouble(arrays, expected, there):
        refuse(path, trouble)
    return {name: arrays[name] for name in expected | there}


def write_array(path: Path, array: np.ndarray) -> None:
    """Write an array as an npy file."""
    with replacing(path) as beside, beside.open("wb") as file:
        np.save(file, array)


def read_array(path: Path, expected: Array) -> np.ndarray:
    """The array of an npy file.

    Raises:
        InputError: the file is missing or damaged, or the array is another one.
    """
    with _loading(path), path.open("rb") as file:
        array: np.ndarray = np.lib.format.read_array(file, allow_pickle=False)
    if trouble := forms.arrays_trouble({path.stem: array}, {path.stem: expected}, {}):
        refuse(path, trouble)
    return array


@contextmanager
def _loading(path: Path) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise InputError(f"{path} not found: {lock.remedy(path)}") from None
    # Of a damaged file, zipfile and numpy's parser raise whatever they meet.
    except Exception as error:
        refuse(path, str(error))


def write_table(path: Path, table: pa.Table) -> None:
    """Write an Arrow table as one Parquet file."""
    with replacing(path) as beside:
        pq.write_table(table, beside)


def read_table(
    path: Path, columns: Columns | None = None, optional: Columns | None = None
) -> pa.Table:
    """A Parquet file as an Arrow table, with these columns and those `optional` ones that it has.

    None for all.

    Raises:
        InputError: the file is missing, damaged, or not Parquet; or it lacks a column or all rows.
    """
    if columns is None:
        with _refusing(path):
            return pq.read_table(path, partitioning=None)
    with _refusing(path):
        known = pq.read_schema(path).names
        there = {name: kind for name, kind in (optional or {}).items() if name in known}
        names = [name for name in (columns | there) if name in known]
        table = pq.read_table(path, columns=names, partitioning=None)
    return _checked(path, table, columns | there)


def _checked(path: Path, table: pa.Table, columns: Columns | None) -> pa.Table:
    if columns and (trouble := forms.table_trouble(table, columns)):
        refuse(path, trouble)
    return table


def read_csv(
    path: Path, columns: Columns, others: Kind, kind: type[str] | None = None
) -> "pd.DataFrame":
    """A csv file of the pipeline, with these `columns`, and `others` of one kind.

    Values are of the type `kind`, or else of that which they look like.

    Raises:
        InputError: the file is damaged, lacks a column or all rows, or a value is another one.
    """
    import pandas as pd

    try:
        table = pd.read_csv(path, dtype=kind)
    except ValueError as error:
        refuse(path, str(error))
    rest = {name: others for name in table if name not in columns}
    _checked(path, pa.Table.from_pandas(table, preserve_index=False), columns | rest)
    return table


def partitions(path: Path, rows: int, columns: Columns | None = None) -> Iterator[pa.Table]:
    """The rows of a Parquet file in order, as tables of at most `rows` rows; None: all columns.

    Raises:
        InputError: the file is missing, damaged, or not Parquet; or it lacks a column or all rows.
    """
    names = columns and list(columns)
    with _opened(path, columns) as source:
        for groups in row_groups(source, rows):
            for batch in source.iter_batches(rows, row_groups=groups, columns=names):
                yield _checked(path, pa.Table.from_batches([batch]), columns)


class Partition(NamedTuple):
    """One of the tables of `partitions`, to be read elsewhere: of some row groups, by its place."""

    path: str
    groups: list[int]
    place: int
    rows: int
    columns: Columns | None

    def read(self) -> pa.Table:
        """The table."""
        path, names = Path(self.path), self.columns and list(self.columns)
        with _refusing(path), pq.ParquetFile(path) as source:
            table = source.read_row_groups(self.groups, names)
        part = table.slice(self.place * self.rows, self.rows).combine_chunks()
        return _checked(path, part, self.columns)


def partitions_to_read(
    path: Path, rows: int, columns: Columns | None = None
) -> Iterator[Partition]:
    """What `partitions` gives, each to be read where it is needed.

    Raises:
        InputError: the file is missing, damaged, or not Parquet; or there are no rows.
    """
    with _opened(path, columns) as source:
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
def _opened(path: Path, columns: Columns | None) -> Iterator[pq.ParquetFile]:
    with _refusing(path), pq.ParquetFile(path) as source:
        if columns and not source.metadata.num_rows:
            refuse(path, forms.NO_ROWS)
        yield source


@contextmanager
def _refusing(path: Path) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise InputError(f"{path} not found: {lock.remedy(path)}") from None
    except (pa.ArrowException, OSError) as error:
        raise InputError(
            f"{path} cannot be read as Parquet: {error}: {lock.remedy(path)}"
        ) from None


def copy_epoch(epochs: Path, epoch: int, folder: Path) -> None:
    """Make `folder` of the models of one epoch: 007.keras becomes model.keras, 007.x.keras x.keras.

    Raises:
        InputError: `epochs` has no model of that epoch.
    """
    found = sorted(epochs.glob(f"{epoch:03d}.*"))
    if not found:
        raise InputError(f"{epochs} has no model of epoch {epoch}: {lock.remedy(epochs)}")
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
