"""The user's own table, csv, tsv, JSON Lines or Parquet, with named columns."""

from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from epochwise.core.cli import InputError
from epochwise.core.files import read_table
from epochwise.core.params import Section, suggest
from epochwise.core.unpacking import DAMAGE
from epochwise.data.review_files import (
    RAW_SCHEMA,
    delimited,
    json_lines,
    parquet,
    raw_table,
    values,
)
from epochwise.data.review_files.ratings import Labeller, Rule, Scale
from epochwise.data.review_files.stream import first_bytes, reason
from epochwise.data.review_files.times import Clock

KNOWN: dict[str, dict[str, Any]] = {
    "label": {
        **dict.fromkeys(("0", "false", "negative", "neg"), 0),
        **dict.fromkeys(("1", "true", "positive", "pos"), 1),
    },
    "split": {
        **dict.fromkeys(("train", "training"), "train"),
        **dict.fromkeys(("valid", "validation", "val", "dev"), "valid"),
        **dict.fromkeys(("test", "testing"), "test"),
    },
}
"""The words that a column may have, and what they stand for."""
EXPECTED = {
    "label": "0 or 1, negative or positive: write these, or give -S reviews.columns.label=COLUMN,"
    " or null to read ratings alone, which may be the same numbers"
    " (-S reviews.columns.rating=COLUMN -S reviews.scale=[LOWEST,HIGHEST])",
    "split": "train, valid or test: write these, or give -S reviews.columns.split=null",
}
OTHERS = {
    b"PK\x03\x04": "an Excel workbook or a zip archive",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook",
    **dict.fromkeys((b"\xff\xfe", b"\xfe\xff"), "text in UTF-16"),
    b"%PDF": "a PDF document",
    b"SQLite format 3": "an SQLite database",
    b"\x28\xb5\x2f\xfd": "packed by zstd",
    b"\x04\x22\x4d\x18": "packed by lz4",
    b"ARROW1": "an Arrow (Feather) file",
    **dict.fromkeys((b"\x80\x03", b"\x80\x04", b"\x80\x05"), "a pickle of Python"),
}
"""How files of other kinds begin that people have."""
NAMES = ("product_id", "user_id", "domain")
"""The columns whose values are names, which say nothing by themselves."""
WHOLE = 1 << 20
"""Rows of a table that is read for itself, not for the pipeline."""
SHOWN = 40
"""Names of columns in a message."""

Parts: TypeAlias = Callable[[], Iterator[pa.Array]]
"""Reads a column, in parts."""


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
                raise InputError(
                    f"{path} has no column '{name}'{suggest(name, names)}, found:"
                    f" {_listed(names)}: give -S reviews.columns.{key}=COLUMN"
                )
        if not {"rating", "label"} & present.keys():
            raise InputError(
                f"{path} has neither ratings nor labels, found: {_listed(names)}: give their"
                " column as -S reviews.columns.rating=COLUMN or -S reviews.columns.label=COLUMN"
            )
        return present


class TableFile(NamedTuple):
    """A table in one of the formats: the names of its columns, and how to read it.

    `read(names, rows)` yields tables of about `rows` rows with the columns `names`, or with all
    for None. Rows of an `open_ended` table may have columns that its first rows lack. Columns of a
    `typed` table have types, so that bytes in them may be no text.
    """

    names: list[str]
    read: Callable[[list[str] | None, int], Iterator[pa.Table]]
    open_ended: bool = False
    typed: bool = False


def read_table_file(path: Path, columns: Columns, rule: Rule, rows: int) -> Iterator[pa.Table]:
    """Reviews in a table: csv (also with semicolons), tsv, JSON Lines, all gzipped too, or Parquet.

    A label of the table is 0, 1, or a word for them; a rating is a number on the scale of `rule`,
    and decides the label where the table has none; a split is train, valid, test or another word
    for one; times are Unix seconds, or dates.

    Raises:
        InputError: a missing column, or a value of another kind; the message names the row,
            counted from 1 without the header.
    """
    file = open_table(path)
    present = columns.found_in(file.names, path)
    _tell_of_other_case(columns, file.names, present)
    if file.open_ended:
        present = {key: name for key, name in columns.model_dump().items() if name is not None}
    parts = partial(_texts, file, path)
    rating, time = present.get("rating", ""), present.get("time", "")
    ratings, labels = (
        partial(parts, present[key]) if key in present else None for key in ("rating", "label")
    )
    labeller = Labeller((path, rating, 0), _scale(ratings, labels, rule, path))
    clock = Clock((path, time, 0), partial(parts, time))
    convert = _Converter(path, file.typed, present, labeller, clock)
    start = 0
    names = list(dict.fromkeys(present.values()))
    for table in _readable(file.read(names, rows), path):
        yield convert(table, start)
        start += len(table)
    clock.check()
    if not start:
        raise InputError(f"{path} has no rows: expected reviews below the header")


def _tell_of_other_case(columns: Columns, names: list[str], present: dict[str, str]) -> None:
    """Say which columns have the name of a key that the table lacks, but for their case."""
    for key, name in columns.model_dump().items():
        if name and key not in present:
            rest = (other for other in names if other not in present.values())
            for other in (other for other in rest if other.casefold() == name):
                print(
                    f"fetch: the column '{other}' is not read: if it is the {key} of a review, give"
                    f" -S reviews.columns.{key}={other}"
                )


def read_columns(path: Path, text: str) -> pd.DataFrame:
    """A whole table, as `read_table_file` reads it but with all its columns, as text.

    Raises:
        InputError: the file is missing or damaged, or has no column `text`.
    """
    file = _open_whole(path, text)
    tables = file.read(None, WHOLE)
    frames, start = [], 0
    for table in _readable(map(parquet.flattened, tables) if file.typed else tables, path):
        columns = {name: table[name].combine_chunks() for name in table.column_names}
        strings = {
            name: values.strings(
                values.or_hex(column) if file.typed and name != text else column,
                (path, name, start),
            )
            for name, column in columns.items()
        }
        frames.append(pa.table(strings).to_pandas())
        start += len(table)
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=file.names)


def read_typed(path: Path, text: str) -> tuple[pd.DataFrame, list[str]]:
    """A whole table in Parquet with the types of its columns, and the texts (n,) in one of them.

    Raises:
        InputError: as `read_columns` does.
    """
    file = _open_whole(path, text)
    tables: list[pa.Table] = []
    texts: list[str] = []

    def kept(table: pa.Table) -> pa.Table:
        tables.append(table)
        return parquet.flattened(table.select([text]))

    for table in _readable(map(kept, file.read(None, WHOLE)), path):
        column = values.strings(table[text].combine_chunks(), (path, text, len(texts)))
        texts += pc.fill_null(column, "").to_pylist()
    whole = pa.concat_tables(tables).combine_chunks() if tables else read_table(path)
    return whole.to_pandas(ignore_metadata=True, types_mapper=pd.ArrowDtype), texts


def _open_whole(path: Path, text: str) -> TableFile:
    """The table at `path`, of which all columns are read, `text` among them."""
    if not path.is_file():
        found = (
            f"{path} is a folder, expected a file" if path.is_dir() else f"there is no file {path}"
        )
        raise InputError(found)
    file = open_table(path)
    if text not in file.names:
        raise InputError(
            f"{path} has no column '{text}'{suggest(text, file.names)}, found:"
            f" {_listed(file.names)}: give --column"
        )
    for name, count in Counter(file.names).items():
        if count > 1:
            raise InputError(f"{path} has the column '{name}' twice: rename one of them")
    return file


def open_table(path: Path) -> TableFile:
    """The table at `path`, in the format that its name or its first bytes tell.

    Raises:
        InputError: the file is damaged or has no columns.
    """
    start = first_bytes(path).lstrip()
    for signature, what in OTHERS.items():
        if start.startswith(signature):
            raise InputError(
                f"{path} is {what}, expected csv, tsv, JSON Lines or Parquet: save or export it as"
                " csv in UTF-8"
            )
    if path.suffix == ".parquet" or start.startswith(b"PAR1"):
        return TableFile(parquet.header(path), partial(parquet.read, path), typed=True)
    if start.startswith(b"[") and {".json", ".jsonl", ".ndjson"} & set(path.suffixes):
        raise InputError(
            f"{path} holds a JSON array, expected JSON Lines, an object in each line: convert it,"
            " for instance with `jq -c '.[]'`"
        )
    if start.startswith(b"{") or {".jsonl", ".ndjson"} & set(path.suffixes):
        return TableFile(json_lines.header(path), partial(json_lines.read, path), open_ended=True)
    return TableFile(delimited.header(path), partial(delimited.read, path))


def _readable(tables: Iterator[pa.Table], path: Path) -> Iterator[pa.Table]:
    """Pass tables on; damage in the file becomes a message."""
    start = 0
    try:
        for table in tables:
            yield table
            start += len(table)
    except (*DAMAGE, *parquet.DAMAGE) as error:
        raise InputError(f"{path}, after row {start}: {reason(error)}: repair the file") from None


def _texts(file: TableFile, path: Path, name: str) -> Iterator[pa.Array]:
    """The column `name`, trimmed, in long parts."""
    start = 0
    for table in _readable(file.read([name], WHOLE), path):
        yield values.trimmed(values.strings(table[name].combine_chunks(), (path, name, start)))
        start += len(table)


def _scale(ratings: Parts | None, labels: Parts | None, rule: Rule, path: Path) -> Scale | None:
    """The scale of the ratings; None where there are none, or all are equal.

    Raises:
        InputError: the bounds do not fit the scale that is found, or all ratings are equal in a
            table without labels.
    """
    if rule.scale:
        return rule.on(*rule.scale)
    if ratings is None:
        return None
    labelled = labels is not None and any(len(part) > part.null_count for part in labels())
    low, high = np.inf, -np.inf
    for column in ratings():
        found = pc.min_max(values.numbers(column)).as_py()
        if found["min"] is not None:
            low, high = min(low, found["min"]), max(high, found["max"])
    if low == high and not labelled:
        raise InputError(
            f"{path}: every rating is {low:g}: give the lowest and the highest rating that there"
            " can be as -S reviews.scale=[LOWEST,HIGHEST]"
        )
    try:
        scale = rule.on(low, high) if low < high else None
        if scale and not labelled:
            print(
                f"fetch: ratings go from {low:g} to {high:g}: up to {scale.negative_up_to:g} is"
                f" negative, from {scale.positive_from:g} on positive"
            )
        return scale
    except ValueError as error:
        raise InputError(
            f"{path}: {error}: correct reviews.negative_up_to and reviews.positive_from"
        ) from None


class _Converter(NamedTuple):
    """What the tables of one file become, one part after the other."""

    path: Path
    typed: bool
    present: dict[str, str]
    labeller: Labeller
    clock: Clock

    def __call__(self, table: pa.Table, start: int) -> pa.Table:
        """A table of RAW_SCHEMA from one whose first row is row `start` of the file."""
        texts, trimmed = {}, {}
        for key, name in self.present.items():
            column = table[name].combine_chunks()
            if key == "time" and pa.types.is_timestamp(column.type):
                column = pc.cast(pc.cast(column, pa.timestamp("s"), safe=False), pa.int64())
            if self.typed and key in NAMES:
                column = values.or_hex(column)
            texts[key] = values.strings(column, (self.path, name, start))
            if key in {"rating", "label", "split", "time"}:
                trimmed[key] = values.trimmed(texts[key])
        columns: dict[str, Any] = {
            "review_id": np.arange(start, start + len(table)),
            "text": texts["text"],
        }
        for key in NAMES:
            if key in texts:
                columns[key] = values.value_or_null(texts[key])
        if "label" in trimmed:
            numbers = values.numbers(trimmed["label"])
            for text, label in (("0", 0), ("1", 1)):  # 1.00 among them
                same = pc.fill_null(pc.equal(numbers, label), False)
                trimmed["label"] = pc.if_else(same, text, trimmed["label"])
        for key, known in KNOWN.items():
            if key in trimmed:
                at = (self.path, self.present[key], start)
                kind = RAW_SCHEMA.field(key).type
                columns[key] = values.mapped(trimmed[key], known, kind, at, EXPECTED[key])
        if "time" in trimmed:
            columns["time"] = self.clock(trimmed["time"], start)
        if "rating" in trimmed:
            label = columns.get("label", pa.nulls(len(table), pa.int8()))
            columns["rating"], columns["label"] = self.labeller(trimmed["rating"], label, start)
        return raw_table(columns)


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    cut = (name if len(name) <= SHOWN else f"{name[:SHOWN]}…" for name in names[:SHOWN])
    shown = (name if name.isprintable() else repr(name) for name in cut)
    return ", ".join(shown) + more
