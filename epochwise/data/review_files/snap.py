"""SNAP's text form of Amazon reviews."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from epochwise.core.cli import InputError
from epochwise.data.review_files import raw_table
from epochwise.data.review_files.ratings import STARS
from epochwise.data.review_files.stream import LONGEST, TOGETHER, lines
from epochwise.data.review_files.values import SHOWN

FIELDS = {
    "product/productId": "product_id",
    "review/userId": "user_id",
    "review/profileName": None,
    "review/helpfulness": None,
    "review/score": "rating",
    "review/time": "time",
    "review/summary": None,
    "review/text": "text",
}
"""SNAP's keys, and our names of those that are kept."""


def read_snap(path: Path, rows: int) -> Iterator[pa.Table]:
    """Reviews in SNAP's text form, gzipped or not, Latin-1: blocks of lines `key: value`.

    A blank line after the text ends a review. A line that does not begin with a known key continues
    the value before it.

    Raises:
        InputError: a review without text or score or with a key twice, a score or time out of
            range, or a damaged file.
    """
    start = 0
    for block in _blocks(_reviews(path), rows):
        columns: dict[str, Any] = {
            key: [review[key] for review in block]
            for key in ("text", "product_id", "user_id", "time")
        }
        rating = pa.array([review["rating"] for review in block], pa.float64())
        yield raw_table(
            {
                "review_id": np.arange(start, start + len(block)),
                "rating": rating,
                "label": STARS.labels(rating),
                **columns,
            }
        )
        start += len(block)
    if not start:
        raise InputError(f"{path} has no review: is it complete?")


def _blocks(reviews: Iterator[dict[str, Any]], rows: int) -> Iterator[list[dict[str, Any]]]:
    """Reviews in lists of up to `rows`, or of fewer that are long."""
    block, size = [], 0
    for review in reviews:
        block.append(review)
        size += len(review["text"])
        if len(block) == rows or size > TOGETHER:
            yield block
            block, size = [], 0
    if block:
        yield block


def _reviews(path: Path) -> Iterator[dict[str, Any]]:
    review: dict[str, list[str]] = {}
    field: str | None = None
    first, size, ended = 1, 0, False
    for number, raw_line in lines(path):
        line = raw_line.decode("latin-1").rstrip("\r\n")
        key, colon, value = line.partition(":")
        size += len(line)
        if size > LONGEST:
            raise InputError(
                f"{path}: the review that begins in line {first} has more than {LONGEST} characters"
            )
        if not line.strip():
            ended = field == "review/text"
        elif colon and key in FIELDS:
            if ended:
                yield _converted(review, path, first)
                review, first, size, ended = {}, number, len(line), False
            if key in review:
                raise InputError(
                    f"{path}, line {number}: '{key}' is there twice in the review that begins in"
                    f" line {first}: expected a blank line between reviews"
                )
            field = key
            review[key] = [value.removeprefix(" ")]
        elif field:
            review[field].append(line)
            ended = False
        else:
            raise InputError(
                f"{path}, line {number}: found {line[:SHOWN]!r}, expected 'product/productId: …'"
            )
    if review:
        yield _converted(review, path, first)


def _converted(review: dict[str, list[str]], path: Path, line: int) -> dict[str, Any]:
    for key in ("review/text", "review/score"):
        if key not in review:
            raise InputError(
                f"{path}: the review that begins in line {line} has no '{key}': get the file again,"
                " or repair it"
            )
    found: dict[str, Any] = {
        name: " ".join(review[key]) if key in review else None
        for key, name in FIELDS.items()
        if name is not None
    }
    try:
        found["rating"] = float(found["rating"])
        found["time"] = int(found["time"]) if found["time"] else None
        np.int64(found["time"] or 0)
    except (ValueError, OverflowError):
        key = "review/time" if isinstance(found["rating"], float) else "review/score"
        value = str(found[str(FIELDS[key])])[:SHOWN]
        raise InputError(
            f"{path}: the review that begins in line {line} has {value!r} as its '{key}', expected"
            " a number"
        ) from None
    if not STARS.low <= found["rating"] <= STARS.high:
        raise InputError(
            f"{path}: the review that begins in line {line} has the score {found['rating']:g},"
            " expected 1 to 5"
        )
    return found
