"""Clean the reviews: plain lower-case words and a label of 0 or 1, every dropped row counted.

Reads data/reviews/raw.parquet. Writes data/reviews/clean.parquet and metrics/reviews/clean.json.
"""

import html
import re
import tempfile
import unicodedata
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from ftfy.fixes import uncurl_quotes

from stages.core import params
from stages.core.cli import InputError, run
from stages.core.engine import Engine, partitions, select, write_partitions
from stages.core.files import write_json
from stages.core.progress import track

RAW = Path("data/reviews/raw.parquet")
CLEAN = Path("data/reviews/clean.parquet")
METRICS = Path("metrics/reviews/clean.json")
SCHEMA = pa.schema(
    [
        ("review_id", pa.int64()),
        ("text", pa.string()),
        ("label", pa.int8()),
        ("product_id", pa.string()),
        ("user_id", pa.string()),
        ("time", pa.int64()),
        ("domain", pa.string()),
        ("split", pa.string()),
    ]
)
PRECEDENCE = {"test": 0, "valid": 1}
"""Of equal texts in several of the source's own splits the copy of the lowest number stays."""

Digits = Literal["keep", "drop", "mask"]

URL = re.compile(r"\b(?:https?://|ftp://|www\.)\S+", re.IGNORECASE)
# The look-behind keeps the search linear: a match starts only where an address can start.
EMAIL = re.compile(r"(?<![\w.+-])[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
# Grave and acute accents and primes, which people type for apostrophes.
APOSTROPHES = str.maketrans(dict.fromkeys("`\u00b4\u2032\u2035\u02b9", "'"))
LOOSE_APOSTROPHE = re.compile(r"(?<![^\s'])'+|'+(?![^\s'])|'{2,}")


class Clean(params.Section):
    """`clean` in params.yaml.

    `digits` are kept, dropped, or masked: every number becomes 0. Of reviews with equal cleaned
    texts only one stays if `drop_duplicates`.
    """

    digits: Digits
    drop_duplicates: bool


class _Characters(dict[int, int | str | None]):
    """What becomes of a character, for `str.translate`, looked up once: by Unicode category."""

    def __init__(self, digits: Digits) -> None:
        self.digits = digits

    def __missing__(self, code: int) -> int | str | None:
        category = unicodedata.category(chr(code))
        kept: int | str | None = " "
        if category[0] in "LM" or chr(code) == "'":
            kept = code
        elif category[0] == "N" and self.digits != "drop":
            kept = code if self.digits == "keep" else "0"
        elif category == "Cf":  # soft hyphens, zero-width joiners: inside words, and invisible
            kept = None
        self[code] = kept
        return kept


CHARACTERS: dict[str, _Characters] = {
    digits: _Characters(digits) for digits in ("keep", "drop", "mask")
}


def clean_text(text: str, digits: Digits) -> str:
    """The words of a text in lower case, separated by single spaces.

    Markup, scripts, URLs, e-mail addresses and punctuation go; entities are decoded, also twice
    encoded ones; apostrophes inside words stay ("i've"), in their plain form; letters of every
    script stay. Cleaning what is clean changes nothing.
    """
    if "<" in text or "&" in text:
        text = strip_markup(html.unescape(html.unescape(text)))
    if not text.isascii():
        text = uncurl_quotes(text.translate(APOSTROPHES))
        text = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).lower())
    text = text.lower().replace("`", "'")
    text = URL.sub(" ", text)
    if "@" in text:
        text = EMAIL.sub(" ", text)
    text = text.translate(CHARACTERS[digits])
    if "'" in text:
        text = LOOSE_APOSTROPHE.sub(" ", text)
    if digits == "mask":
        text = re.sub("0+", "0", text)
    return " ".join(text.split())


def strip_markup(text: str) -> str:
    """The visible text of HTML; a "<" that begins no tag, as in "I <3 it", is text."""
    from selectolax.lexbor import LexborHTMLParser

    unclosed = text.rfind(">") + 1
    text = text[:unclosed] + text[unclosed:].replace("<", "&lt;")
    tree = LexborHTMLParser(text)
    tree.strip_tags(["script", "style"])
    return str(tree.text(separator=" "))


def labels(table: pa.Table) -> tuple[np.ndarray, np.ndarray]:
    """Labels (n,) of raw reviews, -1 without one, and whether (n,) a rating is in the middle.

    A label of the source counts; else ratings 1 to 2 become 0, 4 to 5 become 1.
    """
    rating = table["rating"].to_numpy()
    rated = np.where(rating <= 2, 0, np.where(rating >= 4, 1, -1))
    given = pc.fill_null(table["label"], -1).to_numpy()
    label = np.where(given >= 0, given, rated).astype("int8")
    return label, (label < 0) & ~np.isnan(rating)


def clean_partition(table: pa.Table, digits: Digits) -> pa.Table:
    """Raw reviews as rows of SCHEMA with three more columns, in the same order, none dropped.

    `neutral`: a middle rating; `same_text` and `same_review`: 64-bit hashes of the cleaned text,
    and of user, time and original text (null where user or time is).
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


WITH_HASHES = pa.schema(
    [
        *SCHEMA,
        ("neutral", pa.bool_()),
        ("same_text", pa.uint64()),
        ("same_review", pa.uint64()),
    ]
)


def dropped(rows: pd.DataFrame, drop_duplicates: bool) -> pd.Series:
    """Why each row is dropped, empty text where it stays.

    `rows` has the columns `label, neutral, empty, same_text, same_review, split`. Copies in train
    of a text in the source's own test or valid split are dropped in any case (`leaked`).
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
    """Refuse what nothing can be learned from.

    Raises:
        InputError: there are not reviews of both classes.
    """
    if len(np.unique(label)) < 2:
        found = f"all {len(label)} are of class {label[0]}" if len(label) else "none is left"
        raise InputError(
            f"{RAW}: reviews of two classes are needed, but after cleaning {found}: check"
            " reviews.columns in params.yaml and the ratings or labels in the source"
        )


def summarize(rows: pd.DataFrame, why: pd.Series) -> dict[str, Any]:
    """The metrics: rows in and out, rows dropped by reason, share of positive reviews."""
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
    rows = params.read("engine", Engine).partition_rows
    CLEAN.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CLEAN.parent, prefix=".clean.") as folder:
        everything = Path(folder) / "all.parquet"
        tables = track(partitions(RAW, rows), None, "clean")
        cleaned = map(partial(clean_partition, digits=clean.digits), tables)
        write_partitions(everything, cleaned, WITH_HASHES)
        facts = pd.concat(map(_facts, partitions(everything, rows)), ignore_index=True)
        why = dropped(facts, clean.drop_duplicates)
        stays = (why == "").to_numpy()
        check_classes(facts["label"].to_numpy()[stays])
        write_partitions(CLEAN, select(partitions(everything, rows, SCHEMA.names), stays), SCHEMA)
    write_json(METRICS, summarize(facts, why))


def _facts(table: pa.Table) -> pd.DataFrame:
    columns = ["label", "neutral", "same_text", "same_review", "split"]
    facts: pd.DataFrame = table.select(columns).to_pandas(types_mapper=pd.ArrowDtype)
    empty = pc.equal(table["text"], "").to_numpy()
    return facts.assign(
        empty=empty, label=table["label"].to_numpy(), neutral=table["neutral"].to_numpy()
    )


if __name__ == "__main__":
    run(main)
