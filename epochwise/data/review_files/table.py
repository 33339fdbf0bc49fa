"""The user's own table, csv, tsv, JSON Lines or Parquet, with named columns."""

from collections import Counter
from collections.abc import Callable, Iterator
from difflib import get_close_matches
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from epochwise.core.cli import InputError
from epochwise.core.params import Section
from epochwise.core.unpacking import DAMAGE
from epochwise.data.review_files import delimited, json_lines, parquet, raw_table
from epochwise.data.review_files.ratings import Rule, Scale
from epochwise.data.review_files.stream import first_bytes, reason

LABELS = {
    **dict.fromkeys(("0", "0.0", "false", "negative", "neg"), 0),
    **dict.fromkeys(("1", "1.0", "true", "positive", "pos"), 1),
}
SPLITS = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("valid", "validation", "val", "dev"), "valid"),
    **dict.fromkeys(("test", "testing"), "test"),
}
BYTES = (pa.types.is_binary, pa.types.is_large_binary, pa.types.is_fixed_size_binary)
WHOLE = 1 << 20
"""Rows of a table that is read for itself, not for the pipeline."""
DOTTED_DATE = r"^(\d{1,2})\.(\d{1,2})\.(\d{4})\b"
"""Day, month and year."""
LONGEST_TIME = 64
"""Characters of a date: a longer text is none, and would take long to be recognised as such."""
SHOWN = 40
"""Names of columns, and characters of a value, in a message."""
SWITCH_OFF = (
    "set reviews.scale in params.yaml to the lowest and the highest rating (null: as found in the"
    " data), or reviews.columns.rating to null to read labels alone"
)


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
            InputError: a named column is missing or there twice, or the text is missing, or both
                rating and label.
        """
        present = {}
        for key, name in self.model_dump().items():
            if names.count(name) > 1:
                raise InputError(f"{path} has the column '{name}' twice: rename one of them")
            if name in names:
                present[key] = name
            elif name is not None and (name != key or key == "text"):
                near = get_close_matches(name, names, n=1)
                hint = f" (did you mean '{near[0]}'?)" if near else ""
                raise InputError(
                    f"{path} has no column '{name}'{hint}, found: {_listed(names)}: correct"
                    f" reviews.columns.{key} in params.yaml"
                )
        if not {"rating", "label"} & present.keys():
            raise InputError(
                f"{path} has neither ratings nor labels, found: {_listed(names)}: name their"
                " column in reviews.columns.rating or reviews.columns.label in params.yaml"
            )
        return present


class TableFile(NamedTuple):
    """A table in one of the formats: the names of its columns, and how to read it.

    `read(names, rows)` yields tables of about `rows` rows with the columns `names`, or with all
    for None. Rows of an `open_ended` table may have columns that its first rows lack.
    """

    names: list[str]
    read: Callable[[list[str] | None, int], Iterator[pa.Table]]
    open_ended: bool


def read_table_file(path: Path, columns: Columns, rule: Rule, rows: int) -> Iterator[pa.Table]:
    """Reviews in a table: csv (also with semicolons), tsv, JSON Lines, all gzipped too, or Parquet.

    A label of the table is 0, 1, or a word for them; a rating is a number on the scale of `rule`,
    and decides the label where the table has none; a split is train, valid, test or another word
    for one; a time is in Unix seconds, or a date.

    Raises:
        InputError: a missing column, or a value of another kind; the message names the row,
            counted from 1 without the header.
    """
    file = open_table(path)
    present = columns.found_in(file.names, path)
    if file.open_ended:
        present = {key: name for key, name in columns.model_dump().items() if name is not None}
    labeller = _Labeller((path, present.get("rating", "")), _scale(file, present, rule, path))
    start = 0
    names = list(dict.fromkeys(present.values()))
    for table in _readable(file.read(names, rows), path):
        yield _converted(table, present, path, start, labeller)
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
    file = open_table(path)
    if text not in file.names:
        raise InputError(
            f"{path} has no column '{text}', found: {_listed(file.names)}: give --column"
        )
    for name, count in Counter(file.names).items():
        if count > 1:
            raise InputError(f"{path} has the column '{name}' twice: rename one of them")
    frames, start = [], 0
    for table in _readable(file.read(None, WHOLE), path):
        strings = {
            name: _strings(table[name].combine_chunks(), (path, name, start))
            for name in table.column_names
        }
        frames.append(pa.table(strings).to_pandas())
        start += len(table)
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=file.names)


def open_table(path: Path) -> TableFile:
    """The table at `path`, in the format that its name or its first bytes tell.

    Raises:
        InputError: the file is damaged or has no columns.
    """
    start = first_bytes(path).lstrip()
    if path.suffix == ".parquet" or start.startswith(b"PAR1"):
        return TableFile(parquet.header(path), partial(parquet.read, path), False)
    if start.startswith(b"[") and {".json", ".jsonl", ".ndjson"} & set(path.suffixes):
        raise InputError(
            f"{path} holds a JSON array, expected JSON Lines, an object in each line: convert it,"
            " for instance with `jq -c '.[]'`"
        )
    if start.startswith(b"{") or {".jsonl", ".ndjson"} & set(path.suffixes):
        return TableFile(json_lines.header(path), partial(json_lines.read, path), True)
    return TableFile(delimited.header(path), partial(delimited.read, path), False)


def _readable(tables: Iterator[pa.Table], path: Path) -> Iterator[pa.Table]:
    """Pass tables on; damage in the file becomes a message."""
    start = 0
    try:
        for table in tables:
            yield table
            start += len(table)
    except (*DAMAGE, *parquet.DAMAGE) as error:
        raise InputError(f"{path}, after row {start}: {reason(error)}: repair the file") from None


def _scale(file: TableFile, present: dict[str, str], rule: Rule, path: Path) -> Scale | None:
    """The scale of the ratings; None where there are none, or all are equal.

    Raises:
        InputError: the bounds do not fit the scale that is found, or all ratings are equal in a
            table without labels.
    """
    if rule.scale:
        return rule.on(*rule.scale)
    low, high = np.inf, -np.inf
    if "rating" in present:
        for table in _readable(file.read([present["rating"]], WHOLE), path):
            column = table[present["rating"]].combine_chunks()
            ratings = _numbers(_trimmed(_strings(column, (path, present["rating"], 0))))
            found = pc.min_max(ratings).as_py()
            if found["min"] is not None:
                low, high = min(low, found["min"]), max(high, found["max"])
    if low == high and "label" not in present:
        raise InputError(
            f"{path}: every rating is {low:g}: set reviews.scale in params.yaml to the lowest and"
            " the highest rating that there can be"
        )
    try:
        return rule.on(low, high) if low < high else None
    except ValueError as error:
        raise InputError(
            f"{path}: {error}: correct reviews.negative_up_to and reviews.positive_from in"
            " params.yaml"
        ) from None


Place = tuple[Path, str, int]
"""File, column, and number of rows before: where a value is, for messages."""


class _Labeller:
    """Labels from ratings, where a table has no labels, one part of the table after the other.

    Ratings that labels make superfluous may be anything. But if one of them is a number outside of
    the scale, then the scale is another one, and no rating can be trusted to decide a label.
    """

    def __init__(self, at: tuple[Path, str], scale: Scale | None) -> None:
        self.at = at
        self.scale = scale
        self.outside: tuple[int, str] | None = None
        self.decides: int | None = None

    def __call__(self, column: pa.Array, label: pa.Array, start: int) -> tuple[pa.Array, pa.Array]:
        """Ratings, null where they are no numbers, and labels, both (n,).

        Raises:
            InputError: a rating that has to decide is not on the scale.
        """
        ratings = _numbers(column)
        on_scale = self.scale.contains(ratings) if self.scale else pa.array([False] * len(column))
        deciding = pc.and_(pc.is_null(label), pc.is_valid(column))
        if self.outside is None:
            self.outside = _first(pc.and_(pc.is_valid(ratings), pc.invert(on_scale)), column, start)
        if self.decides is None and (decides := _first(deciding, column, start)):
            self.decides = decides[0]
        wrong = _first(pc.and_(deciding, pc.invert(on_scale)), column, start)
        if wrong:
            self._refuse(*wrong, why="")
        if self.decides is not None and self.outside:
            why = f" (row {self.decides + 1} has no label, so that its rating decides)"
            self._refuse(*self.outside, why)
        if self.scale:
            label = pc.if_else(pc.is_null(label), self.scale.labels(ratings), label)
        return ratings, label

    def _refuse(self, row: int, value: str, why: str) -> NoReturn:
        expected = "ratings that differ"
        if self.scale:
            expected = f"a rating from {self.scale.low:g} to {self.scale.high:g}"
        _refuse((*self.at, 0), row, value, f"{expected}{why}: {SWITCH_OFF}")


def _first(where: pa.Array, column: pa.Array, start: int) -> tuple[int, str] | None:
    row = pc.index(where, True).as_py()
    return (start + row, column[row].as_py()) if row >= 0 else None


def _converted(
    table: pa.Table, present: dict[str, str], path: Path, start: int, labeller: _Labeller
) -> pa.Table:
    strings = {}
    for key, name in present.items():
        column = table[name].combine_chunks()
        if key == "time" and pa.types.is_timestamp(column.type):
            column = pc.cast(pc.cast(column, pa.timestamp("s"), safe=False), pa.int64())
        strings[key] = _strings(column, (path, name, start))
    trimmed = {
        key: _trimmed(strings[key])
        for key in ("rating", "label", "split", "time")
        if key in strings
    }
    columns: dict[str, Any] = {
        "review_id": np.arange(start, start + len(table)),
        **{
            key: _value_or_null(strings[key])
            for key in ("product_id", "user_id", "domain")
            if key in strings
        },
        "text": strings["text"],
    }
    for key, convert in (("label", _label), ("split", _split), ("time", _time)):
        if key in trimmed:
            columns[key] = convert(trimmed[key], (path, present[key], start))
    if "rating" in trimmed:
        label = columns.get("label", pa.nulls(len(table), pa.int8()))
        columns["rating"], columns["label"] = labeller(trimmed["rating"], label, start)
    return raw_table(columns)


def _strings(column: pa.Array, at: Place) -> pa.Array:
    """A column as text, made sure to be UTF-8, which Parquet does not make sure of."""
    try:
        if not any(is_bytes(column.type) for is_bytes in BYTES):
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
                _refuse(at, row, near, "UTF-8: convert the file")
        raise


def _trimmed(column: pa.Array) -> pa.Array:
    return _value_or_null(pc.utf8_trim_whitespace(column))


def _value_or_null(column: pa.Array) -> pa.Array:
    return pc.if_else(pc.equal(column, ""), None, column)


def _numbers(column: pa.Array) -> pa.Array:
    """Numbers as float64, null for what is none, infinity and NaN among it."""
    try:
        numbers = pc.cast(column, pa.float64())
    except pa.ArrowInvalid:
        numbers = pa.array(pd.to_numeric(column.to_pandas(), errors="coerce"), pa.float64())
    return pc.if_else(pc.is_finite(numbers), numbers, None)


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
    """Unix seconds; dates are taken as UTC, and what is no time becomes null.

    Dates are those that pandas reads, the month before the day in 11/14/2006, and 14.11.2006.
    """
    try:
        return pc.cast(column, pa.int64())
    except pa.ArrowInvalid:
        short = pc.less_equal(pc.utf8_length(column), LONGEST_TIME)
        column = pc.if_else(short, column, None)
        # Between dots the day comes first; pandas would take the month where it can.
        texts = column.to_pandas().str.replace(DOTTED_DATE, r"\3-\2-\1", regex=True)
        dates = pd.to_datetime(texts, format="mixed", utc=True, errors="coerce")
        seconds = dates.dt.tz_localize(None).to_numpy("datetime64[s]").astype("int64")
        numbers = pc.fill_null(_numbers(column), np.nan).to_numpy()
        dated, counted = dates.notna().to_numpy(), np.abs(numbers) < 2.0**62
        # Numbers first, so that a value means the same whatever stands beside it.
        seconds = np.where(counted, np.where(counted, numbers, 0).astype("int64"), seconds)
        return pa.array(seconds, mask=~(dated | counted))


def _refuse_where(wrong: pa.Array, column: pa.Array, at: Place, expected: str) -> None:
    if found := _first(wrong, column, 0):
        _refuse(at, *found, expected)


def _refuse(at: Place, row: int, found: Any, expected: str) -> NoReturn:
    path, name, start = at
    raise InputError(
        f"{path}, row {start + row + 1}: column '{name}' has {found[:SHOWN]!r}, expected {expected}"
    )


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more
