"""Reviews: embedded sentences, Amazon Fine Foods in its two forms, or the user's own table."""

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import numpy as np
import pyarrow as pa
from pydantic import Field, FiniteFloat, model_validator

from epochwise.core import params, paths
from epochwise.core.cli import InputError
from epochwise.core.files import file_sha256, write_json
from epochwise.core.progress import track
from epochwise.data.download import Package, Url, fetch_package, fetch_url
from epochwise.data.partitions import write_partitions
from epochwise.data.review_files import RAW_SCHEMA
from epochwise.data.review_files.ratings import Rule
from epochwise.data.review_files.snap import read_snap
from epochwise.data.review_files.snippets import read_snippets
from epochwise.data.review_files.stream import first_bytes
from epochwise.data.review_files.table import Columns, read_table_file

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
STARS = [1.0, 5.0]
PINS = (".yaml", ".yml")
"""How the names of pins end."""
MOST_RATINGS = 25
"""Different ratings, rounded, that are counted: of a finer scale none are."""


class Params(params.Section):
    """`reviews` in params.yaml.

    `path` is a file in any case, as it is a dependency of the stage: the reviews themselves, or
    the pin in sources/ that says where they come from.

    Of a table, `scale` is the lowest and the highest rating (null: as found in the data). A rating
    up to `negative_up_to` is negative, one from `positive_from` on is positive, one between is
    neutral; null is the lowest and the highest quarter of the scale. Labels win over ratings.
    """

    source: Literal["snippets", "finefoods", "table"]
    path: str
    columns: Columns | None
    scale: Annotated[list[FiniteFloat], Field(min_length=2, max_length=2)] | None = STARS
    negative_up_to: FiniteFloat | None = None
    positive_from: FiniteFloat | None = None

    @model_validator(mode="after")
    def _fits_the_source(self) -> Self:
        if (self.source == "table") != (self.columns is not None):
            raise ValueError("columns is for source: table alone, which needs it")
        rule = self.rule
        if self.source != "table" and rule != Rule((1.0, 5.0), None, None):
            raise ValueError("scale, negative_up_to and positive_from are for source: table alone")
        if rule.scale:
            rule.on(*rule.scale)
        return self

    @property
    def rule(self) -> Rule:
        """How ratings become labels."""
        low_high = (self.scale[0], self.scale[1]) if self.scale else None
        return Rule(low_high, self.negative_up_to, self.positive_from)


def open_source(reviews: Params, rows: int) -> tuple[Path, str, Iterator[pa.Table]]:
    """The file with the reviews, the note on its terms, and partitions of RAW_SCHEMA from it.

    Raises:
        InputError: the file is missing, or not what the source says.
    """
    path = Path(reviews.path)
    if not path.is_file():
        found = "is a folder, expected a file" if path.is_dir() else "there is no such file"
        raise InputError(f"reviews.path is '{path}': {found}")
    if reviews.source == "table" and reviews.columns is not None:
        tables = read_table_file(path, reviews.columns, reviews.rule, rows)
        return path, "the user's own", tables
    if reviews.source == "snippets":
        if path.suffix not in PINS:
            raise InputError(
                f"reviews.path is '{path}', expected a pin as sources/snippets.yaml is one: for a"
                " table of your own set reviews=table"
            )
        pin = params.read_file(path, Package)
        path = fetch_package(path)
        return path, pin.licence, read_snippets(path)
    licence = "none stated; cite McAuley & Leskovec 2013"
    if path.suffix in PINS:
        licence = params.read_file(path, Url).licence
        path = fetch_url(path)
    return path, licence, _read_finefoods(path, reviews.rule, rows)


def _read_finefoods(path: Path, rule: Rule, rows: int) -> Iterator[pa.Table]:
    start = first_bytes(path)
    if start.startswith(b"product/productId:"):
        return read_snap(path, rows)
    if start.startswith(b"Id,ProductId,"):
        return read_table_file(path, KAGGLE, rule, rows)
    raise InputError(
        f"{path}: found {start[:40]!r} at the start, expected SNAP's 'product/productId:' or the"
        " header of Kaggle's Reviews.csv: for another table set reviews=table"
    )


def counted(tables: Iterable[pa.Table], counts: Counter[str]) -> Iterator[pa.Table]:
    """Pass tables on and count their rows, labels and ratings, these rounded to whole numbers.

    Rows without a time are counted where others have one.

    Raises:
        InputError: at the end, where nothing is written yet: there are not both classes.
    """
    ratings: Counter[int] = Counter()
    for table in tables:
        counts["rows"] += len(table)
        counts["without_time"] += table["time"].null_count
        for label, count in _values(table["label"]):
            counts[f"label_{label}"] += count
        if len(ratings) <= MOST_RATINGS:
            ratings.update(dict(_values(table["rating"])))
        yield table
    if len(ratings) <= MOST_RATINGS:
        counts.update({f"rating_{rating}": count for rating, count in ratings.items()})
    if counts["without_time"] in (0, counts["rows"]):
        del counts["without_time"]
    if not (counts["label_0"] and counts["label_1"]):
        raise InputError(
            f"reviews: found {counts['label_0']} negative and {counts['label_1']} positive of"
            f" {counts['rows']} reviews, expected both: check reviews.path, reviews.columns and"
            " reviews.scale"
        )


def _values(column: pa.ChunkedArray) -> Iterator[tuple[int, int]]:
    """The values of a column, rounded, and how often they are there."""
    values, counts = np.unique(np.round(column.drop_null().to_numpy()), return_counts=True)
    return zip(map(int, values), map(int, counts), strict=True)


def fetch(reviews: Params, rows: int) -> None:
    """Write data/reviews/raw.parquet and metrics/reviews/fetch.json, in parts of `rows` rows.

    Raises:
        InputError: the source is missing or not what it should be.
    """
    path, licence, tables = open_source(reviews, rows)
    counts: Counter[str] = Counter()
    found = track(counted(tables, counts), None, "fetch: parts of the reviews")
    write_partitions(paths.RAW_REVIEWS, found, RAW_SCHEMA)
    metrics: dict[str, Any] = {"source": reviews.source, "licence": licence}
    metrics["sha256"] = file_sha256(path)
    metrics |= {name: counts[name] for name in sorted(counts)}
    write_json(paths.dataset_metrics("reviews", "fetch"), metrics)
