"""Tables in Parquet."""

import faulthandler
import json
import os
import resource
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from epochwise.core.cli import InputError
from epochwise.core.files import row_groups
from epochwise.core.unpacking import most_bytes, refuse_bomb
from epochwise.data.review_files.stream import TOGETHER, reason

DAMAGE = (pa.ArrowException, OSError, ValueError, OverflowError, MemoryError)
"""What reading a damaged Parquet file raises."""
SINGLE = {"PLAIN", "RLE", "BIT_PACKED", "PLAIN_DICTIONARY", "RLE_DICTIONARY"}
"""Encodings of a text that Arrow can read as a dictionary of texts and places in it."""
LEAST_WIDTH = 4
"""Bytes that a value in a list counts for, at least."""
FEW = 256
"""Rows to read at once of texts in other encodings, whose size is known when they are read."""


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
    """The columns `names` in tables of up to `rows` rows; all columns, with their types, for None.

    Raises:
        InputError: a named column is nested, or the file unpacks to more than `most_bytes`.
    """
    allowed = most_bytes(path)
    texts, others = _texts(path, names)
    schema = pq.read_schema(path)
    with pq.ParquetFile(path, read_dictionary=texts) as file:
        for field in schema:
            if pa.types.is_nested(field.type) and field.name in (names or ()):
                raise InputError(
                    f"{path}: column '{field.name}' is nested ({field.type}), expected text or"
                    " numbers: name another column, or flatten it"
                )
        step = min(rows, FEW) if others else rows
        # Arrow cannot put nested dictionaries of several row groups together.
        alone = not names and any(pa.types.is_nested(field.type) for field in file.schema_arrow)
        for groups in row_groups(file, 1 if alone else step):
            for batch in file.iter_batches(step, row_groups=groups, columns=names):
                for table in _parts(pa.Table.from_batches([batch])):
                    allowed -= _size(table)
                    if allowed < 0:
                        refuse_bomb(path)
                    yield _decoded(table) if names else _as(schema, table)


def _texts(path: Path, names: list[str] | None) -> tuple[list[str], bool]:
    """Texts whose values can be read as a dictionary, and whether `names` have others.

    A dictionary of one text and a million places in it is small; the texts themselves are not.
    """
    _check_metadata(path)
    with pq.ParquetFile(path) as file:
        groups = [file.metadata.row_group(group) for group in range(file.num_row_groups)]
        if sum(group.total_byte_size for group in groups) > most_bytes(path):
            refuse_bomb(path)
        suited, others = [], False
        fields = [field for field in file.schema_arrow for _ in range(_leaves(field.type))]
        for place, (leaf, field) in enumerate(zip(file.schema, fields, strict=True)):
            if names and field.name not in names:
                continue
            chunks = [group.column(place) for group in groups]
            # A single row can hold all values of a list.
            if leaf.max_repetition_level or leaf.length:
                size = max(LEAST_WIDTH, leaf.length) * sum(chunk.num_values for chunk in chunks)
                if size > most_bytes(path):
                    refuse_bomb(path)
            nested = pa.types.is_nested(field.type)
            if leaf.physical_type != "BYTE_ARRAY" or not (nested or _has_length(field.type)):
                continue
            if all(SINGLE.issuperset(chunk.encodings) for chunk in chunks):
                suited.append(leaf.path)
            elif nested:
                raise InputError(
                    f"{path}: column '{field.name}' is nested and its texts are not in Parquet's"
                    " plain encoding or that of a dictionary: write it so, or leave the column out"
                )
            else:
                others = True
        return suited, others


def _leaves(kind: pa.DataType) -> int:
    """How many columns Parquet has for one of a type."""
    return sum(_leaves(kind.field(place).type) for place in range(kind.num_fields)) or 1


def _check_metadata(path: Path) -> None:
    """Let another process read the metadata of all columns first.

    At some that are damaged Arrow ends the process, and raises no error that one could catch.
    """
    child = os.fork()
    if not child:
        try:
            faulthandler.disable()
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
            metadata = pq.read_metadata(path)
            for group in range(metadata.num_row_groups):
                for column in range(metadata.num_columns):
                    metadata.row_group(group).column(column)
        finally:
            os._exit(0)
    if os.WIFSIGNALED(os.waitpid(child, 0)[1]):
        raise InputError(f"{path} cannot be read as Parquet: the metadata of a column are damaged")


def _parts(table: pa.Table) -> Iterator[pa.Table]:
    """The rows of a table in order, in tables of TOGETHER bytes or of a single row."""
    if len(table) < 2 or _size(table) <= TOGETHER:
        yield table
    else:
        yield from _parts(table.slice(0, len(table) // 2))
        yield from _parts(table.slice(len(table) // 2))


def _size(table: pa.Table) -> int:
    """The bytes of a table whose dictionaries are decoded."""
    return sum(_decoded_size(chunk) for column in table.columns for chunk in column.chunks)


def _decoded_size(array: pa.Array) -> int:
    kind = array.type
    if pa.types.is_dictionary(kind) and _has_length(kind.value_type):
        lengths = pc.cast(pc.binary_length(array.dictionary), pa.int64())
        texts = pc.sum(lengths.take(array.indices)).as_py() or 0
        return int(array.indices.nbytes + texts)
    if pa.types.is_struct(kind):
        return sum(_decoded_size(field) for field in array.flatten())
    if pa.types.is_map(kind):
        inside = slice(array.offsets[0].as_py(), array.offsets[-1].as_py())
        return sum(_decoded_size(part[inside]) for part in (array.keys, array.items))
    if pa.types.is_nested(kind):
        return _decoded_size(array.flatten())
    return int(array.nbytes)


def _has_length(kind: pa.DataType) -> bool:
    return kind in (pa.string(), pa.binary(), pa.large_string(), pa.large_binary())


def _as(schema: pa.Schema, table: pa.Table) -> pa.Table:
    """A table whose columns have the types of `schema` again, where they were read as others."""
    for place, field in enumerate(schema):
        if table.field(place).type != field.type:
            table = table.set_column(place, field, pc.cast(table.column(place), field.type))
    return table


def flattened(table: pa.Table) -> pa.Table:
    """A table without dictionaries, and with nested values as JSON text."""
    table = _decoded(table)
    for place, field in enumerate(table.schema):
        if pa.types.is_nested(field.type):
            values = [_json(value) for value in table.column(place).to_pylist()]
            table = table.set_column(place, field.name, pa.array(values, pa.string()))
    return table


def _decoded(table: pa.Table) -> pa.Table:
    for place, field in enumerate(table.schema):
        if pa.types.is_dictionary(field.type):
            column = pc.cast(table.column(place), field.type.value_type)
            table = table.set_column(place, field.name, column)
    return table


def _json(value: object) -> str | None:
    return None if value is None else json.dumps(value, default=str, ensure_ascii=False)
