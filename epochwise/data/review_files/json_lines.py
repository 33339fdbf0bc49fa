"""Tables in JSON Lines: an object per line, gzipped or not."""

import json
import re
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa

from epochwise.core.cli import InputError
from epochwise.data.review_files.stream import TOGETHER, lines
from epochwise.data.review_files.values import TO_UTF8

FIRST = 1 << 22
"""Bytes from which the names of the columns are taken."""
MOST_COLUMNS = 1000
"""Names of columns: with more, the keys are none."""
SHOWN = 40
"""Characters of a value in a message."""


class _Again(dict[str, Any]):
    """An object that has a key twice."""


def _mapping(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    return found if len(found) == len(pairs) else _Again(found)


# Numbers stay as they are written: whoever reads a column knows what it holds.
DECODER = json.JSONDecoder(
    parse_int=str, parse_float=str, parse_constant=str, object_pairs_hook=_mapping
)


def header(path: Path) -> list[str]:
    """The names of the columns: the keys of the first objects, in their order.

    Raises:
        InputError: a line is no object.
    """
    names: dict[str, None] = {}
    size = 0
    for number, line in lines(path):
        names |= dict.fromkeys(_object(path, number, line) or ())
        _check_number(names, path, number)
        size += len(line)
        if size > FIRST:
            break
    return list(names)


def read(path: Path, names: list[str] | None, rows: int) -> Iterator[pa.Table]:
    """The columns `names` as strings, null where an object lacks the key; None for all columns.

    Raises:
        InputError: a line is no object, or a value of a named column is nested. Of all columns
            those that are nested stay JSON as it is written.
    """
    columns: dict[str, list[str | None]] = {name: [] for name in names or ()}
    count = size = 0
    for number, line in lines(path):
        found = _object(path, number, line)
        if found is None:
            continue
        if names is None:
            if any(isinstance(value, dict | list) for value in found.values()):
                found = _as_written(line.decode("utf-8"))
            columns |= {name: [None] * count for name in found if name not in columns}
            _check_number(columns, path, number)
        for name, values in columns.items():
            values.append(_text(found.get(name), (path, number, name)))
        count, size = count + 1, size + len(line)
        if count == rows or size > TOGETHER:
            yield _table(columns)
            columns, count, size = {name: [] for name in columns}, 0, 0
    if count:
        yield _table(columns)


def _object(path: Path, number: int, line: bytes) -> dict[str, Any] | None:
    """The object in a line, None for a blank line."""
    if not line.strip():
        return None
    try:
        found = DECODER.decode(line.decode("utf-8"))
    except UnicodeDecodeError as error:
        near = line[error.start : error.start + 20]
        raise InputError(
            f"{path}, line {number}: found {near!r}, expected UTF-8: {TO_UTF8}"
        ) from None
    except json.JSONDecodeError as error:
        raise InputError(
            f"{path}, line {number} is not valid JSON: {error.msg} at character {error.colno},"
            " expected an object in each line"
        ) from None
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}, line {number} is not valid JSON: {error}") from None
    if not isinstance(found, dict):
        raise InputError(
            f"{path}, line {number}: found {_shown(found)}, expected an object in each line, such"
            ' as {"text": "very good", "rating": 5}'
        )
    if isinstance(found, _Again):
        raise InputError(f"{path}, line {number}: the object has a key twice: keep one")
    return {_utf8(name): value for name, value in found.items()}


def _as_written(line: str) -> dict[str, Any]:
    """The object in a line that is known to hold one; what is nested in it stays text."""
    found = {}
    place = _after(r"\s*\{\s*", line, 0)
    while line[place] != "}":
        name, place = DECODER.raw_decode(line, place)
        start = _after(r"\s*:\s*", line, place)
        value, end = DECODER.raw_decode(line, start)
        found[_utf8(name)] = line[start:end] if isinstance(value, dict | list) else value
        place = _after(r"\s*,?\s*", line, end)
    return found


def _after(pattern: str, line: str, place: int) -> int:
    found = re.compile(pattern).match(line, place)
    return found.end() if found else place


def _text(value: Any, at: tuple[Path, int, str]) -> str | None:
    if isinstance(value, dict | list):
        path, number, name = at
        raise InputError(
            f"{path}, line {number}: column '{name}' is nested ({_shown(value)}), expected text or"
            " a number: name another column, or flatten it"
        )
    if value is None:
        return None
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return _utf8(text)


def _utf8(text: str) -> str:
    """The text with a question mark for half of a surrogate pair, which JSON can hold alone."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


def _shown(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"


def _check_number(names: Collection[str], path: Path, number: int) -> None:
    if len(names) > MOST_COLUMNS:
        raise InputError(
            f"{path}, line {number}: found more than {MOST_COLUMNS} different keys, expected the"
            " same few in each line"
        )


def _table(columns: dict[str, list[str | None]]) -> pa.Table:
    return pa.table({name: pa.array(values, pa.string()) for name, values in columns.items()})
