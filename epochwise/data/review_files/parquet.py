"""Tables in Parquet."""

import json
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from epochwise.core.cli import InputError
from epochwise.data.review_files.stream import reason

DAMAGE = (pa.ArrowException, OSError, ValueError, MemoryError)
"""What reading a damaged Parquet file raises."""


def header(path: Path) -> list[str]:
    """The names of the columns.

    Raises:
        InputError: the file is not Parquet.
    """
    try:
        with pq.ParquetFile(path) as file:
            return list(file.schema_arrow.names)
    except DAMAGE as error:
        raise InputError(f"{path} cannot be read as Parquet: {reason(error)}") from None


def read(path: Path, names: list[str] | None, rows: int) -> Iterator[pa.Table]:
    """The columns `names` in tables of up to `rows` rows; None for all columns.

    Raises:
        InputError: a named column is nested. Of all columns those that are nested become JSON text.
    """
    with pq.ParquetFile(path) as file:
        for field in file.schema_arrow:
            if pa.types.is_nested(field.type) and field.name in (names or ()):
                raise InputError(
                    f"{path}: column '{field.name}' is nested ({field.type}), expected text or"
                    " numbers: name another column, or flatten it"
                )
        for batch in file.iter_batches(batch_size=rows, columns=names):
            table = pa.Table.from_batches([batch])
            yield table if names else _flattened(table)


def _flattened(table: pa.Table) -> pa.Table:
    for place, field in enumerate(table.schema):
        if pa.types.is_nested(field.type):
            values = [_json(value) for value in table.column(place).to_pylist()]
            table = table.set_column(place, field.name, pa.array(values, pa.string()))
    return table


def _json(value: object) -> str | None:
    return None if value is None else json.dumps(value, default=str, ensure_ascii=False)
