"""Tables of comma-, semicolon- or tab-separated values, compressed or not."""

import csv
import re
from collections.abc import Iterator
from functools import partial
from itertools import islice
from pathlib import Path

import pyarrow as pa

from epochwise.core.cli import InputError
from epochwise.data.review_files.stream import LONGEST, MARK, START, TOGETHER, first_bytes, lines
from epochwise.data.review_files.values import TO_UTF8

BYTES = "latin-1"
"""Maps each byte to a character and back: Python's csv reads characters alone."""
ROWS = 20
"""The first rows, which tell the separator."""


def header(path: Path) -> list[str]:
    """The names of the columns.

    Raises:
        InputError: there is no header, or it is not UTF-8.
    """
    for row in _rows(path):
        if _size(row) > START:
            raise InputError(f"{path}: found no end of the header in {START} bytes: is it a table?")
        if any("\0" in name for name in row):
            if not "".join(row).replace("\0", "").isprintable():
                raise InputError(f"{path} is no text, expected csv, tsv, JSON Lines or Parquet")
            size = 32 if "\0\0\0" in row[0] else 16
            encoding = f"UTF-{size}{'BE' if row[0].startswith(chr(0)) else 'LE'}"
            raise InputError(
                f"{path}: the header has NUL bytes, as text in {encoding} does: convert the file,"
                f" for instance with `iconv -f {encoding} -t UTF-8`"
            )
        try:
            return [name.encode(BYTES).decode("utf-8").strip(" ") for name in row]
        except UnicodeDecodeError as error:
            near = error.object[error.start : error.start + 20]
            raise InputError(
                f"{path}: the header has {near!r}, expected UTF-8: {TO_UTF8}"
            ) from None
    raise InputError(f"{path} is empty: expected a header and reviews below it")


def read(path: Path, names: list[str] | None, rows: int) -> Iterator[pa.Table]:
    """The columns `names`, or all, in tables of up to `rows` rows.

    Columns are bytes: `_strings` tells by row what is not UTF-8.

    Raises:
        InputError: a row has more or fewer columns than the header, or quotes are not closed.
    """
    found = header(path)
    places = {name: found.index(name) for name in names or found}
    content = _rows(path)
    next(content)
    block: list[list[str]] = []
    size = 0
    for number, row in enumerate(content, start=1):
        if len(row) != len(found):
            remedy = "repair the file" if len(found) > 1 else "put texts with commas in quotes"
            raise InputError(
                f"{path}, row {number}: expected {len(found)} columns, got {len(row)}: {remedy}"
            )
        block.append(row)
        size += _size(row)
        if len(block) == rows or size > TOGETHER:
            yield _table(block, places)
            block, size = [], 0
    if block:
        yield _table(block, places)


def _rows(path: Path) -> Iterator[list[str]]:
    """The rows that are not blank, the header first, bytes as characters.

    Of a single column a blank line below the header is a row: its value is empty.
    """
    csv.field_size_limit(LONGEST)
    start = first_bytes(path)
    source = _Pieces(path)
    if named := re.match(
        rb'\s*"?sep=([^\r\n"])"? *(?:[\r\n]|$)', start
    ):  # Excel's own way to say it
        separator = named[1].decode(BYTES)
        while not next(source).strip():
            pass
    else:
        separator = _separator(start)
    # A blank before a quote would make it a character of the value.
    spaced = f'{separator} "'.encode(BYTES) in start.partition(b"\n")[0]
    reader = partial(csv.reader, delimiter=separator, skipinitialspace=spaced, strict=True)
    if not _has_quotes(start, separator):
        reader = partial(reader, quoting=csv.QUOTE_NONE)
    width = 0
    number = 0
    try:
        # Not strict, text after a closing quote would swallow the rows up to the next quote.
        for row in reader(source):
            source.size = 0
            if (row and width) or width == 1 or any(map(str.strip, row)):
                yield row or [""]
                width = len(row) or width
                number += 1
    except csv.Error as error:
        trouble = str(error)
        if source.ended:
            trouble = "its quotes are not closed"
        elif "expected after" in trouble:
            trouble = "text follows a closing quote, expected each quote inside of a value twice"
        raise InputError(f"{path}, row {number}: {trouble}: repair the file") from None


def _separator(start: bytes) -> str:
    """That by which the first rows have one width, else that by which the header is widest."""
    pieces = [piece.decode(BYTES) for piece in start.splitlines(keepends=True)]
    widths = {}
    for separator in "\t;|,":  # commas are in many a text
        rows = csv.reader(pieces, delimiter=separator)
        filled = (len(row) for row in rows if any(map(str.strip, row)))
        found = list(islice(filled, ROWS))
        is_cut = len(start) >= START - len(MARK) and len(found) < ROWS
        widths[separator] = found[:-1] if is_cut and len(found) > 1 else found
    even = [one for one, found in widths.items() if len(set(found)) == 1 < found[0]]
    return max(even or ",\t;|", key=lambda one: widths[one][:1])


def _has_quotes(start: bytes, separator: str) -> bool:
    """Whether quotes hold values together; in many a tsv they are characters as others are.

    So it is where all first rows have one width without them, and either no value stands in quotes
    or they are no quotes of csv, in which those inside of a value stand twice.
    """
    if separator != "\t":
        return True
    rows = [line.decode(BYTES) for line in start.splitlines() if line.strip()]
    if len(start) >= START - len(MARK):
        rows = rows[:-1]
    values = [row.split(separator) for row in rows]
    if len(set(map(len, values))) != 1:
        return True
    if not any(len(value) > 1 and value[0] == value[-1] == '"' for row in values for value in row):
        return False
    try:
        for _ in csv.reader(rows, delimiter=separator, strict=True):
            pass
    except csv.Error:
        return False
    return True


def _size(row: list[str]) -> int:
    """The bytes of a row in its file: columns that are empty fill the memory all the same."""
    return sum(map(len, row)) + len(row)


class _Pieces(Iterator[str]):
    r"""A file in pieces up to "\n", "\r" or both, and whether it has `ended`.

    `size` are the bytes since it was last set to 0.
    """

    def __init__(self, path: Path) -> None:
        self.path, self.size = path, 0
        self.pieces = (
            piece.decode(BYTES)
            for _, line in lines(path)
            for piece in ((line,) if b"\r" not in line else line.splitlines(keepends=True))
        )
        self.ended = False

    def __next__(self) -> str:
        piece = next(self.pieces, None)
        self.ended = piece is None
        if piece is None:
            raise StopIteration
        self.size += len(piece)
        if self.size > LONGEST + len(piece):
            raise InputError(
                f"{self.path}: a row is longer than {LONGEST} bytes: are its quotes closed?"
            )
        return piece


def _table(rows: list[list[str]], places: dict[str, int]) -> pa.Table:
    return pa.table(
        {
            name: pa.array([row[place].encode(BYTES) for row in rows], pa.binary())
            for name, place in places.items()
        }
    )
