"""The values of a table's columns, converted, or refused by file, row and column."""

from pathlib import Path
from typing import Any, NoReturn

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from epochwise.core.cli import InputError

BYTES = (
    pa.types.is_binary,
    pa.types.is_large_binary,
    pa.types.is_binary_view,
    pa.types.is_fixed_size_binary,
)
SHOWN = 40
"""Characters of a value in a message."""
MISSING = ("", "na", "n/a", "nan", "none", "null", "-")
"""What stands for a rating, a label, a split or a time that is not there, in whatever case."""
TO_UTF8 = "convert the file, for instance with `iconv -f WINDOWS-1252 -t UTF-8`"
COLUMN_TO_UTF8 = (
    "convert the column, or a csv file for instance with `iconv -f WINDOWS-1252 -t UTF-8`"
)

Place = tuple[Path, str, int]
"""File, column, and number of rows before: where a value is, for messages."""
Found = tuple[int, str] | None
"""The first row with a value of some kind, counted from 0, and the value; None: there is none."""


def strings(column: pa.Array, at: Place) -> pa.Array:
    """A column as text, made sure to be UTF-8, which Parquet does not make sure of."""
    try:
        if not _is_bytes(column):
            column = pc.cast(column, pa.string())
        column = pc.cast(column, pa.binary())
    except (pa.ArrowNotImplementedError, pa.ArrowInvalid):
        path, name, _ = at
        raise InputError(
            f"{path}: column '{name}' has the type {column.type}, expected text or numbers"
        ) from None
    try:
        return pc.cast(column, pa.string())
    except pa.ArrowInvalid:
        for row, value in enumerate(column.to_pylist()):
            try:
                (value or b"").decode("utf-8")
            except UnicodeDecodeError as error:
                near = value[error.start : error.start + SHOWN]
                refuse(at, row, near, f"UTF-8: {COLUMN_TO_UTF8}")
        raise


def or_hex(column: pa.Array) -> pa.Array:
    """A column, with hexadecimal digits for bytes that are no UTF-8, such as those of a UUID."""
    if isinstance(column, pa.ExtensionArray):
        column = column.storage
    if not _is_bytes(column):
        return column
    try:
        return pc.cast(pc.cast(column, pa.binary()), pa.string())
    except pa.ArrowInvalid:
        texts = [value if value is None else _text_or_hex(value) for value in column.to_pylist()]
        return pa.array(texts, pa.string())


def _is_bytes(column: pa.Array) -> bool:
    return any(is_kind(column.type) for is_kind in BYTES)


def _text_or_hex(value: bytes) -> str:
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return value.hex()


def trimmed(column: pa.Array) -> pa.Array:
    """Texts without space around them, null for an empty one and for MISSING ones."""
    column = pc.utf8_trim_whitespace(column)
    missing = pc.is_in(pc.utf8_lower(column), value_set=pa.array(MISSING))
    return pc.if_else(missing, None, column)


def value_or_null(column: pa.Array) -> pa.Array:
    """Texts, null for an empty one."""
    return pc.if_else(pc.equal(column, ""), None, column)


def numbers(column: pa.Array) -> pa.Array:
    """Numbers as float64, null for what is none, infinity and NaN among it."""
    try:
        found = pc.cast(column, pa.float64())
    except pa.ArrowInvalid:
        found = pa.array(pd.to_numeric(column.to_pandas(), errors="coerce"), pa.float64())
    return pc.if_else(pc.is_finite(found), found, None)


def mapped(
    column: pa.Array, known: dict[str, Any], kind: pa.DataType, at: Place, expected: str
) -> pa.Array:
    """What each of the `known` words stands for, whatever its case; `expected` names them.

    Raises:
        InputError: another word.
    """
    places = pc.index_in(pc.utf8_lower(column), value_set=pa.array(list(known)))
    unknown = first(pc.and_(pc.is_valid(column), pc.is_null(places)), column, 0)
    if unknown:
        refuse(at, *unknown, expected)
    return pa.array(list(known.values()), kind).take(places)


def first(where: pa.Array, column: pa.Array, start: int) -> Found:
    """The first row of `column` where it is true, `start` being the number of rows before."""
    row = pc.index(where, True).as_py()
    return (start + row, column[row].as_py()) if row >= 0 else None


def refuse(at: Place, row: int, found: Any, expected: str) -> NoReturn:
    """Refuse the value `found`.

    Raises:
        InputError: always.
    """
    path, name, start = at
    raise InputError(
        f"{path}, row {start + row + 1}: column '{name}' has {found[:SHOWN]!r}, expected {expected}"
    )
