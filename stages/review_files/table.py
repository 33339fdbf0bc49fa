"""The user's own table, csv, tsv or parquet, with named columns."""

import csv
from collections.abc import Iterator
from datetime import UTC
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq

from stages.core.cli import InputError
from stages.core.params import Section
from stages.review_files import compression, first_bytes, raw_table

BLOCK = 1 << 22
"""Bytes that are read of a table at once."""
LABELS = {
    **dict.fromkeys(("0", "0.0", "false", "negative", "neg"), 0),
    **dict.fromkeys(("1", "1.0", "true", "positive", "pos"), 1),
}
SPLITS = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("valid", "validation", "val", "dev"), "valid"),
    **dict.fromkeys(("test", "testing"), "test"),
}


class Columns(Section):
    """`reviews.columns` in params.yaml: names in the user's table, null where it has none.

    A column that has the very name of its key may be missing, since that is the default.
    """

    text: str
    rating: str | None
    label: str | None
    split: str | None
    product_id: str | None
    user_id: str | None
    time: str | None
    domain: str | None

    def found_in(self, names: list[str], path: Path) -> dict[str, str]:
        """The names that the table really has, by key.

        Raises:
            InputError: a named column is missing, or the text, or both rating and label.
        """
        present = {}
        for key, name in self.model_dump().items():
            if name in names:
                present[key] = name
            elif name is not None and (name != key or key == "text"):
                near = get_close_matches(name, names, n=1)
                hint = f" (did you mean '{near[0]}'?)" if near else ""
                raise InputError(
                    f"{path} has no column '{name}'{hint}, found: {', '.join(names)}: correct"
                    f" reviews.columns.{key} in params.yaml"
                )
        if not {"rating", "label"} & present.keys():
            raise InputError(
                f"{path} has neither ratings nor labels, found: {', '.join(names)}: name their"
                " column in reviews.columns.rating or reviews.columns.label in params.yaml"
            )
        return present


def read_table_file(path: Path, columns: Columns, rows: int) -> Iterator[pa.Table]:
    """Reviews in a table: csv (also with semicolons), tsv, either gzipped, or parquet.

    A label of the table is 0, 1, or a word for them; a rating is a number from 1 to 5; a split is
    train, valid, test or another word for one; a time is in Unix seconds, or a date.

    Raises:
        InputError: a missing column, or a value of another kind; the message names the row,
            counted from 1 without the header.
    """
    names, tables = _tables(path, rows)
    present = columns.found_in(names, path)
    start = 0
    for table in _readable(tables, path):
        yield _converted(table, present, path, start)
        start += len(table)
    if not start:
        raise InputError(f"{path} has no rows: expected reviews below the header")


def read_columns(path: Path, text: str) -> pd.DataFrame:
    """A whole table, as `read_table_file` reads it but with all its columns, as text.

    Raises:
        InputError: the file is missing or damaged, or has no column `text`.
    """
    if not path.is_file():
        raise InputError(f"there is no file {path}")
    names, tables = _tables(path, BLOCK)
    if text not in names:
        raise InputError(f"{path} has no column '{text}', found: {', '.join(names)}: give --column")
    frames, start = [], 0
    for table in _readable(tables, path):
        strings = {
            name: _strings(table[name].combine_chunks(), (path, name, start)) for name in names
        }
        frames.append(pa.table(strings).to_pandas())
        start += len(table)
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=names)


def _tables(path: Path, rows: int) -> tuple[list[str], Iterator[pa.Table]]:
    return _parquet_tables(path, rows) if path.suffix == ".parquet" else _csv_tables(path)


def _readable(tables: Iterator[pa.Table], path: Path) -> Iterator[pa.Table]:
    """Pass tables on; damage in the file becomes a message."""
    start = 0
    try:
        for table in tables:
            yield table
            start += len(table)
    except (pa.ArrowInvalid, OSError, EOFError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"{path}, after row {start}: {reason}: repair the file") from None


def _parquet_tables(path: Path, rows: int) -> tuple[list[str], Iterator[pa.Table]]:
    try:
        file = pq.ParquetFile(path)
    except pa.ArrowInvalid as error:
        raise InputError(f"{path} cannot be read as Parquet: {error}") from None
    batches = file.iter_batches(batch_size=rows)
    return file.schema_arrow.names, (pa.Table.from_batches([batch]) for batch in batches)


def _csv_tables(path: Path) -> tuple[list[str], Iterator[pa.Table]]:
    """Column names, and the tables with columns of bytes: whether they are UTF-8 is seen later."""
    header = first_bytes(path).partition(b"\n")[0].decode("utf-8", errors="replace").rstrip("\r")
    if not header:
        raise InputError(f"{path} is empty: expected a header and reviews below it")
    delimiter = max(",\t;", key=header.count)
    names = next(csv.reader([header], delimiter=delimiter))
    stream = pa.input_stream(path, compression=compression(path))
    try:
        tables = pyarrow.csv.open_csv(
            stream,
            read_options=pyarrow.csv.ReadOptions(block_size=BLOCK, use_threads=False),
            parse_options=pyarrow.csv.ParseOptions(delimiter=delimiter, newlines_in_values=True),
            convert_options=pyarrow.csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.binary()), strings_can_be_null=False
            ),
        )
    except (pa.ArrowInvalid, OSError) as error:
        raise InputError(f"{path}: {str(error).splitlines()[0]}: repair the file") from None
    return tables.schema.names, (pa.Table.from_batches([batch]) for batch in tables)


def _converted(table: pa.Table, present: dict[str, str], path: Path, start: int) -> pa.Table:
    strings = {}
    for key, name in present.items():
        at = (path, name, start)
        column = table[name].combine_chunks()
        if key == "time" and pa.types.is_timestamp(column.type):
            column = pc.cast(pc.cast(column, pa.timestamp("s"), safe=False), pa.int64())
        strings[key] = _strings(column, at)
    columns: dict[str, Any] = {
        "review_id": np.arange(start, start + len(table)),
        **{
            key: _value_or_null(strings[key])
            for key in ("product_id", "user_id", "domain")
            if key in strings
        },
        "text": strings["text"],
    }
    for key, convert in (
        ("rating", _rating),
        ("label", _label),
        ("split", _split),
        ("time", _time),
    ):
        if key in strings:
            trimmed = _value_or_null(pc.utf8_trim_whitespace(strings[key]))
            columns[key] = convert(trimmed, (path, present[key], start))
    return raw_table(columns)


Place = tuple[Path, str, int]
"""File, column, and rows before: to say in a message where a value stands."""


def _strings(column: pa.Array, at: Place) -> pa.Array:
    try:
        return pc.cast(column, pa.string())
    except pa.ArrowNotImplementedError:
        path, name, _ = at
        raise InputError(
            f"{path}: column '{name}' has the type {column.type}, expected text or numbers"
        ) from None
    except pa.ArrowInvalid:
        for row, value in enumerate(column.to_pylist()):
            try:
                (value or b"").decode("utf-8")
            except UnicodeDecodeError as error:
                _refuse(at, row, value[error.start : error.start + 20], "UTF-8: convert the file")
        raise


def _value_or_null(column: pa.Array) -> pa.Array:
    return pc.if_else(pc.equal(column, ""), None, column)


def _rating(column: pa.Array, at: Place) -> pa.Array:
    try:
        rating = pc.cast(column, pa.float64())
    except pa.ArrowInvalid:
        rating = pa.array(pd.to_numeric(column.to_pandas(), errors="coerce"), pa.float64())
        rating = pc.fill_null(rating, np.nan)
    outside = pc.invert(pc.and_(pc.greater_equal(rating, 1), pc.less_equal(rating, 5)))
    _refuse_where(outside, column, at, "a rating from 1 to 5")
    return rating


def _label(column: pa.Array, at: Place) -> pa.Array:
    return _mapped(column, LABELS, pa.int8(), at, "0 or 1, or negative or positive")


def _split(column: pa.Array, at: Place) -> pa.Array:
    return _mapped(column, SPLITS, pa.string(), at, "train, valid or test")


def _mapped(
    column: pa.Array, values: dict[str, Any], kind: pa.DataType, at: Place, expected: str
) -> pa.Array:
    places = pc.index_in(pc.utf8_lower(column), value_set=pa.array(list(values)))
    _refuse_where(pc.and_(pc.is_valid(column), pc.is_null(places)), column, at, expected)
    return pa.array(list(values.values()), kind).take(places)


def _time(column: pa.Array, at: Place) -> pa.Array:
    """Unix seconds; dates are taken as UTC, and what is no time becomes null."""
    try:
        return pc.cast(column, pa.int64())
    except pa.ArrowInvalid:
        dates = pd.to_datetime(column.to_pandas(), format="mixed", utc=True, errors="coerce")
        known = dates.notna().to_numpy()
        seconds = np.zeros(len(dates), "int64")
        seconds[known] = [int(date.astimezone(UTC).timestamp()) for date in dates[known]]
        return pa.array(seconds, mask=~known)


def _refuse_where(wrong: pa.Array, column: pa.Array, at: Place, expected: str) -> None:
    row = pc.index(wrong, True).as_py()
    if row >= 0:
        _refuse(at, row, column[row].as_py(), expected)


def _refuse(at: Place, row: int, found: Any, expected: str) -> None:
    path, name, start = at
    raise InputError(
        f"{path}, row {start + row + 1}: column '{name}' has {found!r}, expected {expected}"
    )
