"""Read files of reviews as partitions of one schema: what a file lacks is null."""

from pathlib import Path
from typing import Any

import pyarrow as pa

from stages.core.cli import InputError

RAW_SCHEMA = pa.schema(
    [
        ("review_id", pa.int64()),
        ("text", pa.string()),
        ("rating", pa.float64()),
        ("label", pa.int8()),
        ("product_id", pa.string()),
        ("user_id", pa.string()),
        ("time", pa.int64()),
        ("domain", pa.string()),
        ("split", pa.string()),
    ]
)


def raw_table(columns: dict[str, Any]) -> pa.Table:
    """A table of RAW_SCHEMA from the `columns` that a file has, `review_id` among them."""
    size = len(columns["review_id"])
    return pa.table(
        [
            pa.array(columns[field.name], field.type)
            if field.name in columns and not isinstance(columns[field.name], pa.Array)
            else columns.get(field.name, pa.nulls(size, field.type))
            for field in RAW_SCHEMA
        ],
        schema=RAW_SCHEMA,
    )


def first_bytes(path: Path) -> bytes:
    """The start of a file, decompressed, without a byte order mark.

    Raises:
        InputError: a damaged gzip file.
    """
    try:
        with pa.input_stream(path, compression=compression(path)) as file:
            start: bytes = file.read(1 << 16)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error}: fetch or make it again") from None
    return start.removeprefix(b"\xef\xbb\xbf")


def compression(path: Path) -> str | None:
    """How a file is compressed, by its first bytes: "gzip" or not at all."""
    with path.open("rb") as file:
        return "gzip" if file.read(2) == b"\x1f\x8b" else None
