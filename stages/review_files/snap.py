"""SNAP's text form of Amazon reviews."""

import gzip
import io
import zlib
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import IO, Any

import numpy as np
import pyarrow as pa

from stages.core.cli import InputError
from stages.review_files import compression, raw_table

SNAP_FIELDS = {
    "product/productId": "product_id",
    "review/userId": "user_id",
    "review/profileName": None,
    "review/helpfulness": None,
    "review/score": "rating",
    "review/time": "time",
    "review/summary": None,
    "review/text": "text",
}


def read_snap(path: Path, rows: int) -> Iterator[pa.Table]:
    """Reviews in SNAP's text form, gzipped or not, Latin-1: blocks of lines `key: value`.

    A line that begins with no known key goes on with the value before it.

    Raises:
        InputError: a review without text or score, a score out of range, or a damaged file.
    """
    reviews = _snap_reviews(path)
    start = 0
    while block := list(islice(reviews, rows)):
        columns = {
            key: [review[key] for review in block]
            for key in ("text", "rating", "product_id", "user_id", "time")
        }
        yield raw_table({"review_id": np.arange(start, start + len(block)), **columns})
        start += len(block)
    if not start:
        raise InputError(f"{path} has no review: is it complete?")


def _snap_reviews(path: Path) -> Iterator[dict[str, Any]]:
    review: dict[str, str] = {}
    field: str | None = None
    number = first = 1
    with _text(path) as file:
        try:
            for number, raw_line in enumerate(file, start=1):
                line = raw_line.rstrip("\r\n")
                key, colon, value = line.partition(":")
                if not line and field == "review/text":
                    yield _snap_review(review, path, first)
                    review, field, first = {}, None, number + 1
                elif colon and key in SNAP_FIELDS:
                    field = key
                    review[key] = value.removeprefix(" ")
                elif line and field:
                    review[field] += " " + line
        except (EOFError, OSError, zlib.error) as error:
            raise InputError(f"{path}, line {number}: {error}: fetch the file again") from None
    if review:
        yield _snap_review(review, path, first)


def _snap_review(review: dict[str, str], path: Path, line: int) -> dict[str, Any]:
    for key in ("review/text", "review/score"):
        if key not in review:
            raise InputError(
                f"{path}: the review that begins in line {line} has no '{key}': fetch the file"
                " again, or repair it"
            )
    found: dict[str, Any] = {
        name: review.get(key) for key, name in SNAP_FIELDS.items() if name is not None
    }
    try:
        found["rating"] = float(found["rating"])
        found["time"] = int(found["time"]) if found["time"] else None
    except ValueError as error:
        raise InputError(f"{path}: the review that begins in line {line}: {error}") from None
    if not 1 <= found["rating"] <= 5:
        raise InputError(
            f"{path}: the review that begins in line {line} has the score {found['rating']:g},"
            " expected 1 to 5"
        )
    return found


def _text(path: Path) -> IO[str]:
    opened: Any = gzip.open(path) if compression(path) else path.open("rb")  # noqa: SIM115
    # Lines end at "\n" alone: Latin-1 has other characters that Python takes for line ends.
    return io.TextIOWrapper(opened, encoding="latin-1", newline="\n")
