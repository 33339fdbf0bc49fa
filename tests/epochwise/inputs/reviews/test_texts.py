"""The tables of cleaned reviews, and of what a model makes of them."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from epochwise.core import paths
from epochwise.core.files import write_table
from epochwise.inputs.reviews.texts import (
    count_words,
    read_test,
    read_texts,
    scored,
    scored_epochs,
)

REVIEWS: dict[str, Any] = {
    "review_id": [7, 3, 5],
    "text": ["one two three", "", "i've"],
    "label": pa.array([1, 0, 0], pa.int8()),
    "domain": pa.array(["books", None, "music"], pa.string()),
    "rating": pa.array([None, None, None], pa.float64()),
}


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for split in ("valid", "test"):
        write_table(paths.review_split("split", split), pa.table(REVIEWS))


def test_words_are_counted_and_an_empty_text_has_none() -> None:
    counted = count_words(pa.chunked_array([["a b c", ""], ["a"]]))
    assert (counted.to_pylist(), counted.type) == ([3, 0, 1], pa.int32())


def test_of_test_the_known_facts_are_kept_and_of_other_splits_none() -> None:
    likely = np.array([0.25, 0.5, 1], "float32")
    assert scored(read_test(), likely).to_pydict() == {
        "id": [7, 3, 5],
        "label": [1, 0, 0],
        "probability": [0.25, 0.5, 1],
        "words": [3, 0, 1],
        "domain": ["books", None, "music"],
    }
    assert scored(read_texts("valid"), likely).schema == pa.schema(
        [("id", pa.int64()), ("label", pa.int8()), ("probability", pa.float32())]
    )


def test_every_epoch_has_its_column() -> None:
    epochs = {"epoch_000": np.zeros(3, "float32"), "epoch_001": np.ones(3, "float32")}
    table = scored_epochs(read_texts("valid"), epochs)
    assert table.schema.names == ["id", "label", "epoch_000", "epoch_001"]
    assert table["epoch_001"].to_pylist() == [1, 1, 1]
