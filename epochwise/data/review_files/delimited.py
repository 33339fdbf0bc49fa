"""Tables of comma-, semicolon- or tab-separated values, gzipped or not."""

import csv
import io
import re
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.csv

from epochwise.core.cli import InputError
from epochwise.data.review_files.stream import START, first_bytes
from epochwise.data.unpacking import opened

BLOCK = 1 << 22
"""Bytes that are read at once, and the most that a row has."""
HEADER = re.compile(rb'(?:[^"\r\n]|"[^"]*")*')
"""The first row: a line, which may go on in the next one inside quotes."""


def header(path: Path) -> tuple[list[str], str]:
    """The names of the columns, and what separates them.

    Raises:
        InputError: there is no header, or it is not UTF-8.
    """
    start = first_bytes(path)
    found = HEADER.match(start)
    row = found[0] if found and found.end() < len(start) else re.split(b"[\r\n]", start)[0]
    if not row:
        raise InputError(f"{path} is empty: expected a header and reviews below it")
    if len(row) >= START - 3:  # less a byte order mark
        raise InputError(f"{path}: found no end of the header in {START} bytes: is it a table?")
    try:
        text = row.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InputError(
            f"{path}: the header has {row[error.start : error.start + 20]!r}, expected UTF-8:"
            " convert the file"
        ) from None
    separator = max(",\t;", key=text.count)
    try:
        return next(csv.reader(io.StringIO(text, newline=""), delimiter=separator)), separator
    except csv.Error as error:
        raise InputError(f"{path}: the header cannot be read: {error}: repair the file") from None


def read(path: Path, names: list[str] | None) -> Iterator[pa.Table]:
    """The columns `names`, or all, as bytes, since whether they are UTF-8 is to be told by row.

    A table has the rows of a block of the file.
    """
    found, separator = header(path)
    names = names or found
    with opened(path) as file:
        tables = pyarrow.csv.open_csv(
            file,
            read_options=pyarrow.csv.ReadOptions(block_size=BLOCK, use_threads=False),
            parse_options=pyarrow.csv.ParseOptions(delimiter=separator, newlines_in_values=True),
            convert_options=pyarrow.csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.binary()),
                include_columns=names,
                strings_can_be_null=False,
            ),
        )
        for batch in tables:
            yield pa.Table.from_batches([batch])
