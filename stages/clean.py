"""Clean the reviews: plain lower-case words and a label of 0 or 1, every dropped row counted.

Reads data/reviews/raw.parquet. Writes data/reviews/clean.parquet and metrics/reviews/clean.json.
"""

from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from epochwise.core import params, paths
from epochwise.core.cli import InputError, run
from epochwise.core.files import write_json
from epochwise.core.forms import REVIEWS
from epochwise.core.progress import track
from epochwise.core.settings import Engine
from epochwise.data.cleaning import Clean, Digits, Punctuation, clean_text, without_punctuation
from epochwise.data.partitions import take_rows, write_partitions
from epochwise.data.partitions.engine import started

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
        ("empty", pa.bool_()),
        ("same_text", pa.uint64()),
        ("same_review", pa.uint64()),
    ]
)
"""SCHEMA, and what tells which rows to drop."""
REASONS = ("", "no_label", "neutral", "empty", "leaked", "repeated", "duplicate")
"""Why rows are dropped."""


class Facts(NamedTuple):
    """What tells which rows to drop, of each row (n,): 21 bytes, so that many rows fit in memory.

    `known` says whether there is a `same_review`; `precedence` is that of the row's own split.
    """

    label: np.ndarray
    neutral: np.ndarray
    empty: np.ndarray
    precedence: np.ndarray
    same_text: np.ndarray
    known: np.ndarray
    same_review: np.ndarray


def labels(table: pa.Table) -> tuple[np.ndarray, np.ndarray]:
    """Labels (n,) of raw reviews, -1 without one, and whether (n,) a rating is in the middle.

    The reader of the source has made labels of ratings: a rating without one says neither.
    """
    label = pc.fill_null(table["label"], -1).to_numpy().astype("int8")
    return label, (label < 0) & ~np.isnan(table["rating"].to_numpy())


def clean_partition(table: pa.Table, digits: Digits, punctuation: Punctuation) -> pa.Table:
    """Raw reviews as rows of WITH_HASHES, in the same order, none dropped.

    `neutral`: a middle rating; `empty`: no word is left; `same_text`: a 64-bit hash of the words;
    `same_review`: one of user, time and original text, null where user or time is unknown.
    """
    label, neutral = labels(table)
    original = table["text"].to_pylist()
    cleaned = [clean_text(text or "", digits, punctuation) for text in original]
    words = cleaned
    if punctuation == "keep":
        words = [without_punctuation(text) for text in cleaned]
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
            "empty": pa.array([not text for text in cleaned], pa.bool_()),
            "same_text": pd.util.hash_array(np.array(words, dtype=object), categorize=False),
            "same_review": pa.array(same_review, mask=~known),
        },
        schema=WITH_HASHES,
    )


def dropped(rows: Facts, drop_duplicates: bool) -> np.ndarray:
    """Why each row is dropped: a number of REASONS, uint8 (n,); 0 for a row that stays.

    Copies in train of a text in the source's own test or valid split are always dropped (`leaked`).
    """
    why = np.zeros(len(rows.label), "uint8")
    why[rows.empty] = REASONS.index("empty")
    why[rows.label < 0] = REASONS.index("no_label")
    why[rows.neutral] = REASONS.index("neutral")
    for level in (1, 2):
        here = np.flatnonzero((why == 0) & (rows.precedence == level))
        above = rows.same_text[(why == 0) & (rows.precedence < level)]
        why[here[np.isin(rows.same_text[here], above)]] = REASONS.index("leaked")
    if drop_duplicates:
        left = np.flatnonzero((why == 0) & rows.known)
        why[left[_again(rows.same_review[left])]] = REASONS.index("repeated")
        left = np.flatnonzero(why == 0)
        why[left[_again(rows.same_text[left])]] = REASONS.index("duplicate")
    return why


def _again(keys: np.ndarray) -> np.ndarray:
    """Which of `keys` (n,) stand before, too."""
    order = np.argsort(keys, kind="stable")
    again = np.zeros(len(keys), bool)
    again[order[1:]] = keys[order[1:]] == keys[order[:-1]]
    return again


def check_classes(label: np.ndarray, why: np.ndarray) -> None:
    """Refuse `label` (n,) of one class only, from which nothing can be learned.

    `why` says of every row why it was dropped, as `dropped` does.

    Raises:
        InputError: a class has no reviews.
    """
    if len(np.unique(label)) < 2:
        found = f"all {len(label)} are of class {label[0]}" if len(label) else "none is left"
        counts = np.bincount(why, minlength=len(REASONS))[1:]
        gone = ", ".join(f"{n} {name}" for n, name in zip(counts, REASONS[1:], strict=True) if n)
        raise InputError(
            f"{paths.RAW_REVIEWS}: reviews of two classes are needed, but after cleaning {found}"
            f" (dropped: {gone or 'none'}): check reviews.columns and the source"
        )


def summarize(rows: Facts, why: np.ndarray) -> dict[str, Any]:
    """The metrics: rows in and out, dropped rows by reason, share of positive reviews."""
    counts = np.bincount(why, minlength=len(REASONS)).tolist()
    usable = ~np.isin(why, [REASONS.index(name) for name in ("no_label", "neutral", "empty")])
    negative, positive = (rows.same_text[usable & (rows.label == label)] for label in (0, 1))
    return {
        "rows_in": len(why),
        "rows_out": counts[0],
        "dropped": dict(zip(REASONS[1:], counts[1:], strict=True)),
        "texts_with_both_labels": len(np.intersect1d(negative, positive)),
        "positive": float(rows.label[why == 0].mean()),
    }


def main() -> None:
    """Run the stage."""
    clean = params.read("clean", Clean)
    engine = params.read("engine", Engine)
    target = paths.CLEAN_REVIEWS
    target.parent.mkdir(parents=True, exist_ok=True)
    # By one name, so that what a kill leaves is written over by the next run.
    everything = target.with_name(".clean.arrow")
    try:
        cleaning = partial(clean_partition, digits=clean.digits, punctuation=clean.punctuation)
        with started(engine) as over:
            tables = track(
                over(cleaning, paths.RAW_REVIEWS, REVIEWS), None, "clean: parts of the reviews"
            )
            facts = _set_aside(tables, everything)
        why = dropped(facts, clean.drop_duplicates)
        stays = why == 0
        check_classes(facts.label[stays], why)
        with pa.OSFile(str(everything)) as file, pa.ipc.open_stream(file) as reader:
            write_partitions(target, take_rows(map(pa.table, reader), stays), SCHEMA)
    finally:
        everything.unlink(missing_ok=True)
    metrics = summarize(facts, why)
    gone = ", ".join(f"{count} {reason}" for reason, count in metrics["dropped"].items() if count)
    dropped_by = f", dropped are {gone}" if gone else ""
    print(f"clean: {metrics['rows_out']} of {metrics['rows_in']} reviews stay{dropped_by}")
    if both := metrics["texts_with_both_labels"]:
        print(f"clean: {both} texts have both labels; of each the first copy stays, or all do")
    write_json(paths.dataset_metrics("reviews", "clean"), metrics)


def _set_aside(tables: Iterable[pa.Table], path: Path) -> Facts:
    """Write the columns of SCHEMA to a file, in a form that is fast to read; return the rest."""
    facts = []
    with pa.ipc.new_stream(str(path), SCHEMA) as writer:
        for table in tables:
            writer.write_table(table.select(SCHEMA.names))
            facts.append(_facts(table))
    return Facts(*map(np.concatenate, zip(*facts, strict=True)))


def _facts(table: pa.Table) -> Facts:
    return Facts(
        label=table["label"].to_numpy(),
        neutral=table["neutral"].to_numpy(),
        empty=table["empty"].to_numpy(),
        precedence=table["split"].to_pandas().map(PRECEDENCE).fillna(2).to_numpy("uint8"),
        same_text=table["same_text"].to_numpy(),
        known=pc.is_valid(table["same_review"]).to_numpy(),
        same_review=pc.fill_null(table["same_review"], 0).to_numpy(),
    )


if __name__ == "__main__":
    run(main)
