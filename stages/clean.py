"""Clean the reviews: plain lower-case words and a label of 0 or 1, every dropped row counted.

Reads data/reviews/raw.parquet. Writes data/reviews/clean.parquet and metrics/reviews/clean.json.
"""

import tempfile
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from epochwise.core import params, paths
from epochwise.core.cli import InputError, run
from epochwise.core.files import write_json
from epochwise.core.progress import track
from epochwise.data.cleaning import Clean, Digits, clean_text
from epochwise.data.partitions import partitions, take_rows, write_partitions
from epochwise.data.partitions.engine import Engine, started

SCHEMA = pa.schema(
    [
        ("review_id", pa.int64()),
        ("text", pa.string()),
        ("label", pa.int8()),
        ("rating", pa.float64()),
        ("product_id", pa.string()),
        ("user_id", pa.string()),
        ("time", pa.int64()),
        ("domain", pa.string()),
        ("split", pa.string()),
    ]
)
PRECEDENCE = {"test": 0, "valid": 1}
"""Of equal texts in several of the source's own splits the copy with the lowest number stays."""
WITH_HASHES = pa.schema(
    [
        *SCHEMA,
        ("neutral", pa.bool_()),
        ("same_text", pa.uint64()),
        ("same_review", pa.uint64()),
    ]
)
"""SCHEMA, and what tells which rows to drop."""


def labels(table: pa.Table) -> tuple[np.ndarray, np.ndarray]:
    """Labels (n,) of raw reviews, -1 without one, and whether (n,) a rating is in the middle.

    The reader of the source has made labels of ratings: a rating without one says neither.
    """
    label = pc.fill_null(table["label"], -1).to_numpy().astype("int8")
    return label, (label < 0) & ~np.isnan(table["rating"].to_numpy())


def clean_partition(table: pa.Table, digits: Digits) -> pa.Table:
    """Raw reviews as rows of WITH_HASHES, in the same order, none dropped.

    `neutral`: a middle rating; `same_text`: a 64-bit hash of the cleaned text; `same_review`: one
    of user, time and original text, null where user or time is unknown.
    """
    label, neutral = labels(table)
    original = table["text"].to_pylist()
    cleaned = [clean_text(text or "", digits) for text in original]
    review = table.select(["user_id", "time", "text"]).to_pandas()
    known = review[["user_id", "time"]].notna().all(axis=1).to_numpy()
    # Filled, since numbers among missing ones become floats, which have other hashes.
    review = review.assign(time=table["time"].fill_null(0).to_numpy())
    same_review = pd.util.hash_pandas_object(review, index=False, categorize=False)
    return pa.table(
        {
            **{name: table[name] for name in SCHEMA.names if name not in ("text", "label")},
            "text": pa.array(cleaned, pa.string()),
            "label": pa.array(label),
            "neutral": pa.array(neutral),
            "same_text": pd.util.hash_array(np.array(cleaned, dtype=object), categorize=False),
            "same_review": pa.array(same_review, mask=~known),
        },
        schema=WITH_HASHES,
    )


def dropped(rows: pd.DataFrame, drop_duplicates: bool) -> pd.Series:
    """Why each row is dropped; an empty text for a row that stays.

    `rows` has the columns `label, neutral, empty, same_text, same_review, split`. Copies in train
    of a text in the source's own test or valid split are always dropped (`leaked`).
    """
    why = pd.Series("", index=rows.index, dtype=object)
    why[rows["empty"]] = "empty"
    why[rows["label"] < 0] = "no_label"
    why[rows["neutral"]] = "neutral"
    left = rows[why == ""].assign(precedence=rows["split"].map(PRECEDENCE).fillna(2))
    left = left.sort_values("precedence", kind="stable")
    first = left.groupby("same_text", sort=False)["precedence"].transform("min")
    why[left.index[left["precedence"] > first]] = "leaked"
    if drop_duplicates:
        left = left[left["precedence"] == first]
        again = left["same_review"].notna() & left.duplicated(["same_review"])
        why[left.index[again]] = "repeated"
        left = left[~again]
        why[left.index[left.duplicated(["same_text"])]] = "duplicate"
    return why


def check_classes(label: np.ndarray) -> None:
    """Refuse `label` (n,) of one class only, from which nothing can be learned.

    Raises:
        InputError: a class has no reviews.
    """
    if len(np.unique(label)) < 2:
        found = f"all {len(label)} are of class {label[0]}" if len(label) else "none is left"
        raise InputError(
            f"{paths.RAW_REVIEWS}: reviews of two classes are needed, but after cleaning {found}:"
            " check reviews.columns in params.yaml and the ratings or labels in the source"
        )


def summarize(rows: pd.DataFrame, why: pd.Series) -> dict[str, Any]:
    """The metrics: rows in and out, dropped rows by reason, share of positive reviews."""
    reasons = ("no_label", "neutral", "empty", "leaked", "repeated", "duplicate")
    stays = rows[why == ""]
    usable = rows[~why.isin(["no_label", "neutral", "empty"])]
    conflicting = usable.groupby("same_text")["label"].nunique() > 1
    return {
        "rows_in": len(rows),
        "rows_out": len(stays),
        "dropped": {reason: int((why == reason).sum()) for reason in reasons},
        "texts_with_both_labels": int(conflicting.sum()),
        "positive": float(stays["label"].mean()),
    }


def main() -> None:
    """Run the stage."""
    clean = params.read("clean", Clean)
    engine = params.read("engine", Engine)
    rows = engine.partition_rows
    target = paths.CLEAN_REVIEWS
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".clean.") as folder:
        everything = Path(folder) / "all.parquet"
        tables = track(partitions(paths.RAW_REVIEWS, rows), None, "clean")
        with started(engine) as over:
            cleaned = over(partial(clean_partition, digits=clean.digits), tables)
            write_partitions(everything, cleaned, WITH_HASHES)
        facts = pd.concat(map(_facts, partitions(everything, rows)), ignore_index=True)
        why = dropped(facts, clean.drop_duplicates)
        stays = (why == "").to_numpy()
        check_classes(facts["label"].to_numpy()[stays])
        tables = partitions(everything, rows, SCHEMA.names)
        write_partitions(target, take_rows(tables, stays), SCHEMA)
    write_json(paths.dataset_metrics("reviews", "clean"), summarize(facts, why))


def _facts(table: pa.Table) -> pd.DataFrame:
    """What `dropped` needs to know of each row."""
    columns = ["label", "neutral", "same_text", "same_review", "split"]
    facts: pd.DataFrame = table.select(columns).to_pandas(types_mapper=pd.ArrowDtype)
    empty = pc.equal(table["text"], "").to_numpy()
    return facts.assign(
        empty=empty, label=table["label"].to_numpy(), neutral=table["neutral"].to_numpy()
    )


if __name__ == "__main__":
    run(main)
