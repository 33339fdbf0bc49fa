"""The cleaned reviews of a split, and the table of what a model makes of them."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from epochwise.core import paths
from epochwise.core.files import read_table
from epochwise.core.forms import FACTS, SOME_NUMBERS, SOME_TEXT, TEXTS


def read_texts(split: str) -> pa.Table:
    """The reviews of a split: columns `review_id, label, text`."""
    return read_table(paths.review_split("split", split), TEXTS)


def read_test() -> pa.Table:
    """The reviews of test: columns `review_id, label, text`, and those of FACTS that are known."""
    path = paths.review_split("split", "test")
    table = read_table(path, TEXTS | {"domain": SOME_TEXT, "rating": SOME_NUMBERS})
    unknown = [name for name in ("domain", "rating") if table[name].null_count == len(table)]
    return table.drop_columns(unknown).append_column("words", count_words(table["text"]))


def count_words(texts: pa.ChunkedArray) -> pa.ChunkedArray:
    """How many words each cleaned text has, int32; single spaces separate them."""
    spaces = pc.count_substring(texts, " ")
    return pc.if_else(pc.equal(texts, ""), 0, pc.add(spaces, 1)).cast(pa.int32())


def scored(reviews: pa.Table, probabilities: np.ndarray) -> pa.Table:
    """`id, label, probability`, and what `reviews` has of FACTS; `probabilities` (n,) are P(1)."""
    columns = {"id": reviews["review_id"], "label": reviews["label"], "probability": probabilities}
    known = [name for name in FACTS if name in reviews.schema.names]
    return pa.table(columns | {name: reviews[name] for name in known})


def scored_epochs(reviews: pa.Table, probabilities: dict[str, np.ndarray]) -> pa.Table:
    """`id, label`, and P(1) (n,) of each epoch by the name of its column."""
    return pa.table({"id": reviews["review_id"], "label": reviews["label"], **probabilities})
