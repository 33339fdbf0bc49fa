"""Reviews: embedded sentences, Amazon Fine Foods in its two forms, or the user's own table."""

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import model_validator

from stages.core import params
from stages.core.cli import InputError
from stages.core.engine import Engine, write_partitions
from stages.core.files import file_sha256, write_json
from stages.core.progress import track
from stages.download import Package, Url, fetch_package, fetch_url
from stages.review_files import RAW_SCHEMA, first_bytes
from stages.review_files.snap import read_snap
from stages.review_files.snippets import read_snippets
from stages.review_files.table import Columns, read_table_file

RAW = Path("data/reviews/raw.parquet")
METRICS = Path("metrics/reviews/fetch.json")
KAGGLE = Columns(
    text="Text",
    rating="Score",
    label=None,
    split=None,
    product_id="ProductId",
    user_id="UserId",
    time="Time",
    domain=None,
)


class Reviews(params.Section):
    """`reviews` in params.yaml.

    `path` is a file in any case, as it is a dependency of the stage: the reviews themselves, or
    the pin in sources/ that says where they come from.
    """

    source: Literal["snippets", "finefoods", "table"]
    path: str
    columns: Columns | None

    @model_validator(mode="after")
    def _table_has_columns(self) -> Self:
        if (self.source == "table") != (self.columns is not None):
            raise ValueError("columns is for source: table alone, which needs it")
        return self


def open_source(reviews: Reviews, rows: int) -> tuple[Path, str, Iterator[pa.Table]]:
    """The file with the reviews, the note on its terms, and partitions of RAW_SCHEMA from it.

    Raises:
        InputError: the file is missing, or not what the source says.
    """
    path = Path(reviews.path)
    if not path.is_file():
        raise InputError(f"reviews.path in params.yaml: there is no file {path}")
    if reviews.source == "table" and reviews.columns is not None:
        return path, "the user's own", read_table_file(path, reviews.columns, rows)
    if reviews.source == "snippets":
        pin = params.read_file(path, Package)
        path = fetch_package(path)
        return path, pin.licence, read_snippets(path)
    licence = "none stated; cite McAuley & Leskovec 2013"
    if path.suffix == ".yaml":
        licence = params.read_file(path, Url).licence
        path = fetch_url(path)
    return path, licence, _read_finefoods(path, rows)


def _read_finefoods(path: Path, rows: int) -> Iterator[pa.Table]:
    start = first_bytes(path)
    if start.startswith(b"product/productId:"):
        return read_snap(path, rows)
    if start.startswith(b"Id,ProductId,"):
        return read_table_file(path, KAGGLE, rows)
    raise InputError(
        f"{path}: found {start[:40]!r} at the start, expected SNAP's 'product/productId:' or the"
        " header of Kaggle's Reviews.csv: for another table set reviews=table"
    )


def counted(tables: Iterable[pa.Table], counts: Counter[str]) -> Iterator[pa.Table]:
    """Pass tables on and count their rows, labels and ratings.

    Raises:
        InputError: at the end, where nothing is written yet: there are not both classes.
    """
    seen = {0: 0, 1: 0}
    for table in tables:
        counts["rows"] += len(table)
        for column in ("label", "rating"):
            values = np.round(table[column].drop_null().to_numpy())
            for value, count in zip(*np.unique(values, return_counts=True), strict=True):
                counts[f"{column}_{value:.0f}"] += int(count)
        label = pc.fill_null(table["label"], -1).to_numpy()
        rating = pc.fill_null(table["rating"], 3).to_numpy()
        seen[0] += int(((label == 0) | ((label < 0) & (rating <= 2))).sum())
        seen[1] += int(((label == 1) | ((label < 0) & (rating >= 4))).sum())
        yield table
    if not all(seen.values()):
        raise InputError(
            f"reviews: found {seen[0]} negative and {seen[1]} positive of {counts['rows']} reviews,"
            " expected both: check reviews.path and reviews.columns in params.yaml"
        )


def fetch() -> None:
    """Write data/reviews/raw.parquet and metrics/reviews/fetch.json."""
    reviews = params.read("reviews", Reviews)
    rows = params.read("engine", Engine).partition_rows
    path, licence, tables = open_source(reviews, rows)
    counts: Counter[str] = Counter()
    write_partitions(RAW, track(counted(tables, counts), None, "fetch: reviews"), RAW_SCHEMA)
    metrics: dict[str, Any] = {"source": reviews.source, "licence": licence}
    metrics["sha256"] = file_sha256(path)
    write_json(METRICS, metrics | {name: counts[name] for name in sorted(counts)})
